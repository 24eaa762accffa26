"""Pullbacks and linear maps are pytrees: they go in and out of transformed functions, with the residuals as leaves."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax

X = np.array([0.5, -1.0, 2.0])
CT = np.array([1.0, 2.0, 3.0])
A = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [3.0, 0.0, 1.0]])
STACK = np.stack([X, X + 1, X * 2])
CTS = np.stack([CT, -CT, CT * 2])


# function, and its Jacobian in a closed form
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "sin": (np.sin, lambda x: np.diag(np.cos(x))),
    "products and constants": (lambda x: (A @ x) * x * 2.0 + 1.0, lambda x: 2 * (np.diag(A @ x) + A * x[:, None])),
    "of jit": (cv.jit(lambda x: np.exp(x) * x[0]), lambda x: np.diag(np.exp(x)) * x[0] + np.outer(np.exp(x), [1, 0, 0])),
    "of scan": (lambda x: lax.scan(lambda c, _: (c * x, None), x, None, length=2)[0], lambda x: np.diag(3 * x**2)),
    "of custom_vjp": (lambda x: cube(x), lambda x: np.diag(3 * x**2)),
    "of cond": (lambda x: lax.cond(x[0] > -10, lambda x: x * x, np.sin, x), lambda x: np.diag(2 * x)),
    "identity": (lambda x: x, lambda x: np.eye(3)),
    "constant": (lambda x: np.ones(3), lambda x: np.zeros((3, 3))),
    "checkpoint": (cv.checkpoint(lambda x: np.sin(x) * x), lambda x: np.diag(np.cos(x) * x + np.sin(x))),
    "written zeros": (lambda x: np.sin(x) + instantiating(x), lambda x: np.diag(np.cos(x) + 1)),
    "a choice of written zeros": (lambda x: np.sin(x) * instantiating_choice(x), lambda x: np.diag(choice_derivative(x))),
}


@cv.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, ct: (3 * x * x * ct,))


@cv.custom_jvp
def instantiating(x):
    return x


instantiating.defjvp(lambda ps, ts: (ps[0], ts[0] + np.zeros(3)))


@cv.custom_jvp
def instantiating_choice(x):
    return np.where(x > 0, x * x, 1.0)


@instantiating_choice.defjvp
def _(ps, ts):
    return instantiating_choice(*ps), np.where(ps[0] > 0, 2.0 * ps[0] * ts[0], np.zeros(3))


def choice_derivative(x):
    return np.where(x > 0, np.cos(x) * x * x + np.sin(x) * 2 * x, np.cos(x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_program_passes_the_checker(name: str) -> None:
    linear = cv.linearize(FUNCTIONS[name][0], X)[1]
    cv.check(linear.jaxpr)
    cv.check(rebuilt(linear).jaxpr)


NUMBERS: list[Any] = [
    lambda c: lambda x: x * c,
    lambda c: lambda x: x * np.float64(c),
    lambda c: lambda x: np.where(c, x, 0.0),
    lambda c: lambda x: 2.0 * np.where(c, 0.0, x),
    lambda c: lambda x: x * np.full(3, c),
    lambda c: lambda x: instantiating_choice(x + c),
]


@pytest.mark.parametrize("make", NUMBERS)
def test_numbers_are_leaves_be_they_zero_or_not(make: Any) -> None:
    zero, two = (cv.linearize(make(c), X)[1] for c in (0.0, 2.0))
    assert cv.tree.structure(zero) == cv.tree.structure(two)
    np.testing.assert_array_equal(cv.tree.map(lambda _, x: x, zero, two)(CT), cv.jvp(make(2.0), (X,), (CT,))[1])


def steps(f):
    """What a loop over the rows of the stack returns for each."""
    return lambda xs: lax.scan(lambda c, x: (c, f(x)), 0.0, xs)[1]


# how a linear map of ``make(x)`` comes out of a transformation, and how it is applied there to ``t``
SINGLE: dict[str, Any] = {
    "as it is": lambda make, t: make(X)(t),
    "twice": lambda make, t: [f := make(X), f(t * 0), f(t)][-1],
    "flattened": lambda make, t: rebuilt(make(X))(t),
    "flattened twice": lambda make, t: rebuilt(rebuilt(make(X)))(t),
    "out of jit": lambda make, t: cv.jit(make)(X)(t),
    "into jit": lambda make, t: cv.jit(lambda f, t: f(t))(make(X), t),
    "out of and into jit": lambda make, t: cv.jit(lambda f, t: f(t))(cv.jit(make)(X), t),
    "inside jit": lambda make, t: cv.jit(lambda x, t: make(x)(t))(X, t),
    "through an inner jit": lambda make, t: cv.jit(lambda x, t: cv.jit(lambda f, t: f(t))(cv.jit(make)(x), t))(X, t),
    "through cond": lambda make, t: lax.cond(True, lambda f: f(t), lambda f: t, make(X)),
    "through jitted cond": lambda make, t: cv.jit(lambda p, x: lax.cond(p, lambda f: f(t), lambda f: t, make(x)))(True, X),
    "a carry that stays": lambda make, t: lax.scan(lambda f, _: (f, f(t)), make(X), None, length=2)[1][1],
    "a carry of fori_loop": lambda make, t: lax.fori_loop(0, 2, lambda i, f: f, make(X))(t),
    "a carry made anew": lambda make, t: lax.scan(lambda f, x: (make(x), f(t)), make(X), STACK)[1][0],
    "through checkpoint": lambda make, t: cv.checkpoint(lambda f, t: f(t))(make(X), t),
    "copied": lambda make, t: copy.copy(make(X))(t),
    "copied deeply": lambda make, t: copy.deepcopy(make(X))(t),
    "copied deeply out of jit": lambda make, t: copy.deepcopy(cv.jit(make)(X))(t),
    "through tree.map": lambda make, t: cv.tree.map(lambda r: r * 1, make(X))(t),
}
MANY: dict[str, Any] = {
    "vmap": lambda make, ts: apply_all(cv.vmap(make)(STACK), ts),
    "vmap of jit": lambda make, ts: apply_all(cv.vmap(cv.jit(make))(STACK), ts),
    "jit of vmap": lambda make, ts: cv.jit(apply_all)(cv.jit(cv.vmap(make))(STACK), ts),
    "scan out and in": lambda make, ts: lax.scan(lambda c, ft: (c, ft[0](ft[1])), 0.0, (steps(make)(STACK), ts))[1],
    "jit of scan": lambda make, ts: apply_all(cv.jit(steps(make))(STACK), ts),
    "map": lambda make, ts: apply_all(lax.map(make, STACK), ts),
    "row by row": lambda make, ts: np.stack(
        [cv.tree.map(lambda r, i=i: r[i], cv.vmap(make)(STACK))(t) for i, t in enumerate(ts)]
    ),
}


def apply_all(f, ts):
    return cv.vmap(lambda f, t: f(t))(f, ts)


def rebuilt(f):
    leaves, treedef = cv.tree.flatten(f)
    return cv.tree.unflatten(treedef, leaves)


def pull(f):
    return lambda x: cv.tree.Partial(first, cv.vjp(f, x)[1])


def first(pullback, ct):
    return pullback(ct)[0]


def push(f):
    return lambda x: cv.linearize(f, x)[1]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("way", SINGLE)
def test_one(name: str, way: str) -> None:
    f, jacobian = FUNCTIONS[name]
    if (way, name) == ("a carry made anew", "of custom_vjp"):  # each call has a rule of its own
        with pytest.raises(errors.CarryTypeError, match="another structure"):
            SINGLE[way](pull(f), CT)
        return
    np.testing.assert_allclose(SINGLE[way](pull(f), CT), CT @ jacobian(X))
    np.testing.assert_allclose(SINGLE[way](push(f), CT), jacobian(X) @ CT)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("way", MANY)
def test_many(name: str, way: str) -> None:
    f, jacobian = FUNCTIONS[name]
    np.testing.assert_allclose(MANY[way](pull(f), CTS), [ct @ jacobian(x) for x, ct in zip(STACK, CTS, strict=True)])
    np.testing.assert_allclose(MANY[way](push(f), CTS), [jacobian(x) @ ct for x, ct in zip(STACK, CTS, strict=True)])


def test_a_pullback_as_the_residual_of_a_custom_rule() -> None:
    h = cv.custom_vjp(lambda x: np.sum(np.sin(x)))
    h.defvjp(lambda x: cv.vjp(lambda x: np.sum(np.sin(x)), x), lambda pullback, ct: pullback(3.0 * ct))
    ways = [
        cv.grad(h),
        cv.jit(cv.grad(h)),
        cv.grad(cv.jit(h)),
        cv.grad(cv.checkpoint(h)),
        lambda x: cv.vmap(cv.grad(h))(STACK)[0],
    ]
    for gradient in ways:
        np.testing.assert_allclose(gradient(X), 3 * np.cos(X))
    np.testing.assert_allclose(cv.jvp(cv.grad(h), (X,), (CT,))[1], -3 * np.sin(X) * CT)


def test_linear_transpose_gives_a_value_too() -> None:
    transposed = cv.linear_transpose(lambda x: A @ x, X)
    np.testing.assert_allclose(cv.jit(lambda f, ct: f(ct)[0])(transposed, CT), CT @ A)


def test_many_arguments_integers_and_none() -> None:
    f = lambda d, n, k: {"y": d["x"] * n * k, "none": None}
    out, pullback = cv.jit(lambda *args: cv.vjp(f, *args))({"x": X, "none": None}, 3, 2.0)
    assert out["none"] is None
    ct_d, ct_n, ct_k = pullback({"y": CT, "none": None})
    np.testing.assert_allclose(ct_d["x"], 6 * CT)
    assert ct_d["none"] is None and ct_n.dtype == cv.float0 and ct_k == np.sum(3 * X * CT)
    push = cv.jit(lambda x: cv.linearize(f, {"x": x, "none": None}, 3, 2.0)[1])(X)
    np.testing.assert_allclose(push({"x": CT, "none": None}, None, 1.0)["y"], 6 * CT + 3 * X)


def test_the_leaves_are_the_residuals() -> None:
    _, pullback = cv.vjp(lambda x: np.sin(x) * 2.0, X)
    leaves = cv.tree.leaves(pullback)
    assert [np.shape(r) for r in leaves] == [(3,), ()] and np.allclose(leaves[0], np.cos(X))
    other = cv.vjp(lambda x: np.sin(x) * 2.0, X + 1)[1]
    assert cv.tree.structure(pullback) == cv.tree.structure(other)
    apply = cv.jit(lambda f, ct: f(ct))
    for x in (X, X + 1, X * 0):
        np.testing.assert_allclose(apply(cv.vjp(np.sin, x)[1], CT)[0], np.cos(x) * CT)
    assert apply.cache_size() == 1
    assert cv.tree.structure(cv.vjp(np.cos, X)[1]) == cv.tree.structure(cv.vjp(np.sin, X)[1])  # both multiply
    assert cv.tree.structure(cv.vjp(np.cumsum, X)[1]) != cv.tree.structure(cv.vjp(np.sin, X)[1])


def test_a_carry_that_is_another_linear_map() -> None:
    with pytest.raises(errors.CarryTypeError, match="but not what a container in it holds besides"):
        lax.scan(lambda p, x: (cv.vjp(np.negative, x)[1], None), cv.vjp(np.cumsum, X)[1], STACK)


def test_residuals_keep_their_types_on_the_way() -> None:
    """Numbers become arrays in a batch; the program that they go back into was recorded for numbers."""
    x = X.astype(np.float32)
    pulls = cv.vmap(lambda x: cv.vjp(lambda x: x * 2.0 * np.float32(3), x)[1])(x)
    (ct,) = cv.vmap(lambda f, ct: f(ct))(pulls, x)
    assert ct.dtype == np.float32
    np.testing.assert_allclose(ct, 6 * x)


def test_loops_of_unknown_length() -> None:
    f = lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * np.sin(x)), (0, x))[1]
    want = cv.grad(lambda x: x * np.sin(x) ** 3)(0.7)
    np.testing.assert_allclose(cv.jit(lambda x: cv.vjp(f, x))(0.7)[1](1.0)[0], want)
    np.testing.assert_allclose(rebuilt(cv.vjp(f, 0.7)[1])(1.0)[0], want)


def test_complex_numbers() -> None:
    z = np.array([1 + 2j, 3 - 1j])
    f = lambda z: z * z * 1j
    want = cv.vjp(f, z)[1](z)[0]
    np.testing.assert_allclose(cv.jit(lambda z: cv.vjp(f, z)[1])(z)(z)[0], want)
    np.testing.assert_allclose(want, 2j * z * z)


def test_a_derivative_with_respect_to_what_a_linear_map_holds() -> None:
    slope = cv.grad(lambda f: f(2.0)[0])(cv.vjp(lambda x: x * x, 3.0)[1])
    assert sum(map(float, cv.tree.leaves(slope))) == 4.0  # the residuals are x and x, or 2 x
    np.testing.assert_allclose(cv.grad(lambda x: rebuilt(cv.vjp(np.sin, x)[1])(2.0)[0])(0.5), -2 * np.sin(0.5))


def test_many_linear_maps_are_not_one() -> None:
    pullbacks = cv.vmap(lambda x: cv.vjp(np.sin, x)[1])(STACK)
    with pytest.raises(errors.TreeMismatchError, match=r"a residual of type f64\[3,3\], and was made with f64\[3\]") as caught:
        pullbacks(CTS)
    assert "inside vmap" in str(caught.value)


def test_what_they_are_called() -> None:
    assert repr(cv.vjp(np.sin, X)[1]) == "<the pullback of vjp of sin>"
    assert repr(cv.linearize(np.sin, X)[1]) == "<the linear map of linearize of sin>"
    assert str(cv.jit(lambda x: cv.linearize(np.sin, x)[1])(X).jaxpr).startswith("{ lambda ; a:f64[3] ~b:f64[3].")


def test_newtons_method_with_a_pullback_in_the_carry() -> None:
    def body(c):
        i, x, _ = c
        y, pullback = cv.vjp(lambda x: x**3 - 2.0, x)
        return i + 1, x - y / pullback(1.0)[0], pullback

    def solve(x):
        return lax.while_loop(lambda c: c[0] < 8, body, (0, x, cv.vjp(lambda x: x**3 - 2.0, x)[1]))

    for run in (solve, cv.jit(solve), lambda x: cv.vmap(solve)(np.array([x, x]))):
        _, x, pullback = run(np.float64(1.0))
        np.testing.assert_allclose(x, np.full(np.shape(x), 2 ** (1 / 3)))
        slope = pullback(1.0)[0] if not np.shape(x) else cv.vmap(lambda p: p(1.0)[0])(pullback)
        np.testing.assert_allclose(slope, np.full(np.shape(x), 3 * 2 ** (2 / 3)))


def test_pickled() -> None:
    for f in (cv.vjp(np.sin, X)[1], cv.jit(lambda x: cv.vjp(np.sin, x)[1])(X)):
        np.testing.assert_allclose(pickle.loads(pickle.dumps(f))(CT)[0], np.cos(X) * CT)
    for f in (cv.linearize(np.sin, X)[1], cv.jit(lambda x: cv.linearize(np.sin, x)[1])(X)):
        np.testing.assert_allclose(pickle.loads(pickle.dumps(f))(CT), np.cos(X) * CT)


def test_partial() -> None:
    f = cv.tree.Partial(lambda a, x, b=0.0: a * x + b, 2.0, b=X)
    assert cv.tree.leaves(f)[0] == 2.0 and len(cv.tree.leaves(f)) == 2
    np.testing.assert_allclose(cv.jit(lambda f, x: f(x))(f, 3.0), 6 + X)
    assert float(cv.grad(lambda f: np.sum(f(3.0)))(f).args[0]) == 9.0
    out = lax.scan(lambda g, x: (cv.tree.Partial(g.func, g.args[0] * 2, b=g.keywords["b"]), g(x)), f, np.arange(2.0))[1]
    np.testing.assert_allclose(out, [X, 4 + X])
    a: Any = cv.tree.Partial(np.add, 1.0)
    assert cv.vmap(lambda f, x: f(x), (None, 0))(a, X).tolist() == (X + 1).tolist()


# --- custom rules whose backward half closes over traced values -------------------------------------------------------


def scaled_by(w, way):
    """``x -> sin(x) * w`` with a rule that reaches w in one of the ways in which a rule can."""
    if way == "nondiff":
        f = cv.custom_vjp(lambda w, x: np.sin(x) * w, nondiff_argnums=0)
        f.defvjp(lambda w, x: (np.sin(x) * w, x), lambda w, x, ct: (ct * np.cos(x) * w,))
        return lambda x: f(w, x)
    f = cv.custom_vjp(lambda x: np.sin(x) * w)
    backward = (lambda w, x, ct: (ct * np.cos(x) * w,)) if way == "partial" else None
    f.defvjp(lambda x: (np.sin(x) * w, x), partial(backward, w) if backward else lambda x, ct: (ct * np.cos(x) * w,))
    return f


LEAVING = {
    "jit": lambda make, w: cv.jit(make)(w),
    "jit(jit)": lambda make, w: cv.jit(lambda w: cv.jit(make)(w))(w),
    "vmap": lambda make, w: cv.tree.map(lambda a: a[0] if np.ndim(a) else a, cv.vmap(make)(np.full(3, w))),
    "scan": lambda make, w: cv.tree.map(lambda a: a[1], lax.scan(lambda c, w: (c, make(w)), 0.0, np.full(2, w))[1]),
    "cond": lambda make, w: cv.jit(lambda p, w: lax.cond(p, make, make, w))(True, w),
    "jvp": lambda make, w: cv.jvp(make, (w,), (1.0,))[0],
}


# an argument in nondiff_argnums has no derivative, so the jvp of such a call is refused
WAYS = [p for p in product(["closure", "partial", "nondiff"], LEAVING) if p != ("nondiff", "jvp")]


@pytest.mark.parametrize(("way", "leaving"), WAYS)
@pytest.mark.parametrize("kind", ["vjp", "linearize"])
def test_a_linear_map_takes_what_its_backward_rule_closes_over_with_it(kind, way, leaving):
    if kind == "vjp":
        pull = LEAVING[leaving](lambda w: cv.vjp(scaled_by(w, way), 0.5)[1], 2.0)
    else:
        pull = cv.linear_transpose(LEAVING[leaving](lambda w: cv.linearize(scaled_by(w, way), 0.5)[1], 2.0), 0.5)
    np.testing.assert_allclose(pull(3.0)[0], 3.0 * np.cos(0.5) * 2.0)


def test_the_program_of_one_whose_rule_closes_over_a_value_passes_the_checker():
    linear = cv.jit(lambda w: cv.linearize(scaled_by(w, "closure"), 0.5)[1])(2.0)
    assert sum(linear.jaxpr.linear) == 1 and linear.jaxpr.linear[-1]
    cv.check(linear.jaxpr)


@pytest.mark.parametrize(("way", "leaving"), WAYS)
def test_a_linear_map_of_several_rules(way, leaving):
    """Each takes its own."""
    f = lambda w, x: scaled_by(np.cos(w), way)(scaled_by(w, way)(x)) + scaled_by(w * w, way)(x)
    pull = LEAVING[leaving](lambda w: cv.vjp(lambda x: f(w, x), 0.5)[1], 2.0)
    plain = lambda x: np.sin(np.sin(x) * 2.0) * np.cos(2.0) + np.sin(x) * 4.0
    np.testing.assert_allclose(pull(3.0)[0], 3.0 * cv.grad(plain)(0.5))


def test_the_derivative_of_a_pullback_in_what_its_rule_closes_over():
    def pulled(w):
        return cv.jit(lambda x, w: cv.vjp(scaled_by(w, "closure"), x)[1])(0.5, w)(3.0)[0]

    np.testing.assert_allclose(cv.grad(pulled)(2.0), 3.0 * np.cos(0.5))


def test_maps_of_a_loop_of_unknown_length_are_carried_by_loops():
    """Their residuals are stacks, which have no shape."""
    x, ct = np.arange(1.0, 4.0), np.ones(3)
    twice = lambda x: lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, np.sin(c[1])), (0, x))[1]
    wanted = np.cos(np.sin(x)) * np.cos(x)
    pullback = cv.vjp(twice, x)[1]
    scanned = lambda p: lax.scan(lambda p, _: (p, p(ct)[0]), p, None, length=2)[1][1]
    found = [
        scanned(pullback),
        cv.jit(lambda: scanned(pullback))(),
        lax.fori_loop(0, 2, lambda i, p: p, pullback)(ct)[0],
        lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1]), (0, pullback))[1](ct)[0],
        lax.scan(lambda p, _: (p, p(ct)), cv.linearize(twice, x)[1], None, length=2)[1][1],
        cv.vmap(lambda x: scanned(cv.vjp(twice, x)[1]))(np.stack([x, x]))[1],
    ]
    for value in found:
        np.testing.assert_allclose(value, wanted)
    slope = cv.grad(lambda x: np.sum(scanned(cv.vjp(twice, x)[1])))(x)
    np.testing.assert_allclose(slope, -np.sin(np.sin(x)) * np.cos(x) ** 2 - np.cos(np.sin(x)) * np.sin(x))
