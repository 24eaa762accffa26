"""None inside trees: an empty subtree wherever values are, and a zero wherever tangents or cotangents are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.core.pytrees import tree_flatten, tree_unflatten

D = {"a": None, "b": 3.0}
T = {"a": None, "b": 1.0}
OUT = lambda x: {"none": None, "y": (x * x, None)}


def same(got: Any, want: Any) -> bool:
    """Equal trees, None for None."""
    if want is None or got is None:
        return got is want
    if isinstance(want, dict):
        return type(got) is dict and got.keys() == want.keys() and all(same(got[k], want[k]) for k in want)
    if isinstance(want, (tuple, list)):
        return type(got) is type(want) and len(got) == len(want) and all(map(same, got, want))
    return np.shape(got) == np.shape(want) and np.allclose(got, want)


def square(d):
    return d["b"] ** 2


def own_jvp(f):
    g = cv.custom_jvp(f)
    g.defjvp(lambda ps, ts: (f(*ps), cv.jvp(f, ps, ts)[1]))
    return g


def own_vjp(f):
    g = cv.custom_vjp(f)
    g.defvjp(lambda *xs: (f(*xs), {"none": None, "args": xs}), lambda res, ct: cv.vjp(f, *res["args"])[1](ct))
    return g


def own_vmap(f):
    g = cv.custom_vmap(f)
    g.def_vmap(lambda size, batched, *xs: (cv.vmap(f)(*xs), cv.tree.map(lambda _: True, cv.eval_shape(f, *xs))))
    return g


B = {"a": None, "b": np.arange(3.0)}

VALUES: dict[str, tuple[Any, Any]] = {
    "jvp, input": (lambda: cv.jvp(square, (D,), (T,)), (9.0, 6.0)),
    "jvp, argument": (lambda: cv.jvp(lambda x, n: 2 * x, (1.0, None), (1.0, None)), (2.0, 2.0)),
    "jvp, output": (lambda: cv.jvp(OUT, (3.0,), (1.0,)), (OUT(3.0), {"none": None, "y": (6.0, None)})),
    "jvp, aux": (lambda: cv.jvp(lambda x: (x, {"n": None, "x": x}), (3.0,), (1.0,), True), (3.0, 1.0, {"n": None, "x": 3.0})),
    "vjp, input": (lambda: cv.vjp(square, D)[1](1.0), ({"a": None, "b": 6.0},)),
    "vjp, output": (lambda: cv.vjp(OUT, 3.0)[1](OUT(1.0)), (6.0,)),
    "grad": (lambda: cv.grad(square)(D), {"a": None, "b": 6.0}),
    "grad of None alone": (lambda: cv.grad(lambda n, x: x, (0, 1))(None, 2.0), (None, 1.0)),
    "value_and_grad": (
        lambda: cv.value_and_grad(lambda d: (square(d), None), has_aux=True)(D),
        ((9.0, None), {"a": None, "b": 6.0}),
    ),
    "linearize, input": (lambda: cv.linearize(square, D)[1](T), 6.0),
    "linearize, output": (lambda: cv.linearize(OUT, 3.0)[1](1.0), {"none": None, "y": (6.0, None)}),
    "linear_transpose, input": (lambda: cv.linear_transpose(lambda d: 2 * d["b"], T)(1.0), ({"a": None, "b": 2.0},)),
    "linear_transpose, output": (lambda: cv.linear_transpose(lambda x: (None, 2 * x), 1.0)((None, 1.0)), (2.0,)),
    "hvp": (lambda: cv.hvp(lambda d: d["b"] ** 3, (D,), (T,)), {"a": None, "b": 18.0}),
    "jacfwd": (lambda: cv.jacfwd(OUT)(3.0), {"none": None, "y": (6.0, None)}),
    "jacrev": (lambda: cv.jacrev(lambda d: OUT(d["b"]))(D), {"none": None, "y": ({"a": None, "b": 6.0}, None)}),
    "hessian": (lambda: cv.hessian(square)(D), {"a": None, "b": {"a": None, "b": 2.0}}),
    "jit": (lambda: cv.jit(lambda d: OUT(d["b"]))(D), OUT(3.0)),
    "vmap": (lambda: cv.vmap(lambda d: OUT(d["b"]))(B), OUT(np.arange(3.0))),
    "vmap, in_axes": (lambda: cv.vmap(square, ({"a": None, "b": 0},))(B), np.arange(3.0) ** 2),
    "vmap, in_axes of None": (lambda: cv.vmap(square, ({"a": 0, "b": 0},))(B), np.arange(3.0) ** 2),
    "vmap, out_axes": (lambda: cv.vmap(lambda d: OUT(d["b"]), out_axes={"none": 0, "y": 0})(B), OUT(np.arange(3.0))),
    "vmap of grad": (lambda: cv.vmap(cv.grad(square))(B), {"a": None, "b": 2 * np.arange(3.0)}),
    "checkpoint": (lambda: cv.grad(cv.checkpoint(square))(D), {"a": None, "b": 6.0}),
    "checkpoint, output": (lambda: cv.vjp(cv.checkpoint(OUT), 3.0)[1](OUT(1.0)), (6.0,)),
    "scan": (
        lambda: lax.scan(lambda c, x: ({"a": None, "b": c["b"] + x["b"]}, (None, c["b"])), D, B),
        ({"a": None, "b": 6.0}, (None, np.array([3.0, 3.0, 4.0]))),
    ),
    "grad of scan": (
        lambda: cv.grad(lambda d: lax.scan(lambda c, x: ({**c, "b": c["b"] * 2}, None), d, B)[0]["b"])(D),
        {"a": None, "b": 8.0},
    ),
    "scan over a pair with None": (lambda: lax.scan(lambda c, x: (c + x[0], x[1]), 0.0, (np.arange(3.0), None)), (3.0, None)),
    "while_loop": (
        lambda: lax.while_loop(lambda d: d["b"] < 20, lambda d: {"a": None, "b": 2 * d["b"]}, D),
        {"a": None, "b": 24.0},
    ),
    "fori_loop": (lambda: lax.fori_loop(0, 3, lambda i, d: {"a": None, "b": 2 * d["b"]}, D), {"a": None, "b": 24.0}),
    "map": (lambda: lax.map(lambda d: (d["b"], None), B), (np.arange(3.0), None)),
    "cond": (lambda: lax.cond(True, lambda d: OUT(d["b"]), lambda d: OUT(1.0), D), OUT(3.0)),
    "grad of jit of cond": (
        lambda: cv.grad(cv.jit(lambda d: lax.cond(d["b"] > 0, square, lambda d: 0.0, d)))(D),
        {"a": None, "b": 6.0},
    ),
    "switch": (lambda: lax.switch(1, [square, lambda d: d["b"]], D), 3.0),
    "custom_jvp": (lambda: cv.jvp(own_jvp(square), (D,), (T,)), (9.0, 6.0)),
    "custom_jvp, argument and output": (
        lambda: cv.vjp(own_jvp(lambda x, n: OUT(x)), 3.0, None)[1](OUT(1.0)),
        (6.0, None),
    ),
    "custom_jvp by defjvps": (lambda: cv.grad(_by_argument())(2.0, None), 3.0),
    "custom_vjp": (lambda: cv.grad(own_vjp(square))(D), {"a": None, "b": 6.0}),
    "custom_vjp, argument and output": (
        lambda: cv.vjp(own_vjp(lambda x, n: OUT(x)), 3.0, None)[1](OUT(1.0)),
        (6.0, None),
    ),
    "jit of grad of custom_vjp": (lambda: cv.jit(cv.grad(own_vjp(square)))(D), {"a": None, "b": 6.0}),
    "vmap of grad of custom_vjp": (lambda: cv.vmap(cv.grad(own_vjp(square)))(B), {"a": None, "b": 2 * np.arange(3.0)}),
    "custom_vmap": (lambda: cv.vmap(own_vmap(lambda d: OUT(d["b"])))(B), OUT(np.arange(3.0))),
    "custom_root": (lambda: cv.grad(lambda s: _root(s)["b"])(4.0), 0.25),
    "custom_linear_solve": (lambda: cv.grad(lambda s: _solution(s)["b"])(2.0), -0.75),
    "closure_convert": (lambda: cv.grad(_converted)(2.0), 3.0),
    "linear_call": (lambda: cv.grad(lambda x: cv.linear_call(_twice, _twice, None, {"a": None, "b": x})["b"])(1.0), 2.0),
    "pure_callback": (
        lambda: cv.jit(lambda d: cv.pure_callback(lambda d: {"a": None, "b": d["b"] * 2}, d, d))(D),
        {"a": None, "b": 6.0},
    ),
    "ravel_pytree": (lambda: cv.ravel_pytree(D)[1](np.array([5.0])), {"a": None, "b": 5.0}),
    "eval_shape": (lambda: cv.eval_shape(OUT, 3.0)["none"], None),
}


def _by_argument():
    f = cv.custom_jvp(lambda x, n: {"y": x, "n": n}["y"])
    f.defjvps(lambda t, out, x, n: 3 * t, None)
    return f


def _root(s):
    guess = {"a": None, "b": 1.0}
    newton = lambda f, x: lax.fori_loop(0, 30, lambda _, x: {"a": None, "b": x["b"] - f(x)["b"] / (2 * x["b"])}, x)
    return cv.custom_root(
        lambda x: {"a": None, "b": x["b"] ** 2 - s},
        guess,
        newton,
        lambda g, y: {"a": None, "b": y["b"] / g({"a": None, "b": 1.0})["b"]},
    )


def _solution(s):
    solve = lambda matvec, b: {"a": None, "b": b["b"] / matvec({"a": None, "b": 1.0})["b"]}
    return cv.custom_linear_solve(lambda x: {"a": None, "b": s * x["b"]}, {"a": None, "b": 3.0}, solve, symmetric=True)


def _converted(s):
    f, consts = cv.closure_convert(lambda d, n: {"a": n, "b": s * d["b"]}, D, None)
    return f(D, None, *consts)["b"]


def _twice(_, d):
    return {"a": None, "b": 2 * d["b"]}


@pytest.mark.parametrize("case", VALUES)
def test_an_empty_subtree(case: str) -> None:
    thunk, want = VALUES[case]
    got = thunk()
    assert same(got, want), got


XY = {"x": (1.0, 2.0), "n": None}


def product(d):
    return d["x"][0] * d["x"][1], d["x"][0] + d["x"][1]


def zero_rule(ct):
    """A function of (D, x) whose rule returns ``ct``."""
    f = cv.custom_vjp(lambda d, x: d["x"][0] * x)
    f.defvjp(lambda d, x: (f(d, x), None), lambda _, t: ct)
    return f


ZEROS: dict[str, tuple[Any, Any]] = {
    "jvp, a leaf": (lambda: cv.jvp(product, (XY,), ({"x": (1.0, None), "n": None},))[1], (2.0, 1.0)),
    "jvp, a subtree": (lambda: cv.jvp(product, (XY,), ({"x": None, "n": None},))[1], (0.0, 0.0)),
    "jvp, all": (lambda: cv.jvp(product, (XY,), (None,))[1], (0.0, 0.0)),
    "linearize": (lambda: cv.linearize(product, XY)[1]({"x": (None, 1.0), "n": None}), (1.0, 1.0)),
    "vjp, a leaf": (lambda: cv.vjp(product, XY)[1]((1.0, None)), ({"x": (2.0, 1.0), "n": None},)),
    "vjp, all": (lambda: cv.vjp(product, XY)[1](None), ({"x": (0.0, 0.0), "n": None},)),
    "hvp": (lambda: cv.hvp(lambda d: product(d)[0], (XY,), ({"x": (None, 1.0), "n": None},)), {"x": (1.0, 0.0), "n": None}),
    "linear_transpose": (lambda: cv.linear_transpose(lambda x: (2 * x, 3 * x), 1.0)((None, 1.0)), (3.0,)),
    "custom_vjp, a leaf": (
        lambda: cv.grad(zero_rule(({"x": (5.0, None), "n": None}, None)))(XY, 1.0),
        {"x": (5.0, 0.0), "n": None},
    ),
    "custom_vjp, a subtree": (
        lambda: cv.grad(zero_rule(({"x": None, "n": None}, 7.0)), (0, 1))(XY, 1.0),
        ({"x": (0.0, 0.0), "n": None}, 7.0),
    ),
    "custom_vjp, an argument": (
        lambda: cv.jit(cv.grad(zero_rule((None, 7.0)), (0, 1)))(XY, 1.0),
        ({"x": (0.0, 0.0), "n": None}, 7.0),
    ),
    "custom_jvp, an output": (lambda: cv.jvp(_first_only(), (2.0,), (1.0,))[1], (1.0, 0.0)),
}


def _first_only():
    f = cv.custom_jvp(lambda x: (x, x * x))
    f.defjvp(lambda ps, ts: (f(*ps), (ts[0], None)))
    return f


@pytest.mark.parametrize("case", ZEROS)
def test_a_zero(case: str) -> None:
    thunk, want = ZEROS[case]
    got = thunk()
    assert same(got, want), got


WRONG = {
    "a tangent for None": lambda: cv.jvp(square, (D,), ({"a": 1.0, "b": 1.0},)),
    "a cotangent for None": lambda: cv.vjp(OUT, 3.0)[1]({"none": 1.0, "y": (1.0, None)}),
    "an array for a subtree": lambda: cv.jvp(product, (XY,), ({"x": 1.0, "n": None},)),
    "another container": lambda: cv.jvp(product, (XY,), ({"x": [1.0, None], "n": None},)),
    "a rule's cotangent for None": lambda: cv.grad(zero_rule(({"x": (1.0, 1.0), "n": 1.0}, None)))(XY, 1.0),
    "None for an argument of a converted function": lambda: cv.closure_convert(square, D)[0]({"a": None, "b": None}),
    "None for an output": lambda: cv.grad(_other_output())(1.0),
}


def _other_output():
    f = cv.custom_vjp(lambda x: (x, x))
    f.defvjp(lambda x: ((x, None), None), lambda _, ct: (ct[0],))
    return lambda x: f(x)[0] + cv.jit(f)(x)[1]


@pytest.mark.parametrize("case", WRONG)
def test_what_none_does_not_stand_for(case: str) -> None:
    with pytest.raises(errors.TreeMismatchError, match="with the structure"):
        WRONG[case]()


def test_trees_without_leaves_are_told_apart() -> None:
    """Their structures are false, and have been taken for one another at the same address."""
    for _ in range(100):
        for empty in ((), [], (None,), [None], {"a": None}, ((), None)):
            leaves, treedef = tree_flatten(empty)
            assert tree_unflatten(treedef, leaves) == empty
