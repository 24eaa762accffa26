"""What the rules of a user's primitive return is checked wherever it is used: every mistake is an error that names the rule."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, extend, lax

NUMBER = itertools.count()
X = np.arange(1.0, 4.0)
OTHER = cv.ShapedArray((5,), np.float64)


def twice(jvp=None, transpose=None, batch=None, abstract=lambda x: x, impl=lambda x: 2 * x) -> Any:
    """A primitive that doubles, with one of its rules replaced by a wrong one."""
    p = cv.Primitive(f"t_wrong_{next(NUMBER)}")
    p.def_impl(impl)
    p.def_abstract(abstract)
    p.def_jvp(jvp or (lambda primals, tangents: (p.bind(*primals), p.bind(*tangents))))
    p.def_transpose(transpose or (lambda ct, x: (2 * ct,)))
    p.def_batch(batch or (lambda size, args, dims: (p.bind(*args), dims[0])))
    return p


def pair(jvp=None, transpose=None, batch=None, abstract=lambda x, y: [x, y], impl=lambda x, y: [2 * x, 3 * y]) -> Any:
    """The same for a primitive of two arguments and two results."""
    p = cv.Primitive(f"t_wrong_{next(NUMBER)}", multiple_results=True)
    p.def_impl(impl)
    p.def_abstract(abstract)
    p.def_jvp(jvp or (lambda ps, ts: (p.bind(*ps), p.bind(*map(cv.instantiate, ts)))))
    p.def_transpose(transpose or (lambda cts, x, y: (2 * cv.instantiate(cts[0]), 3 * cv.instantiate(cts[1]))))
    p.def_batch(batch or (lambda size, args, dims: (p.bind(*args), list(dims))))
    return p


def steps(f):
    """The function as the step of a loop."""
    return lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]


def total(f):
    return lambda x: np.sum(f(x))


TWO = np.stack([X, X])
WAYS = {
    "jvp": {
        "jvp": lambda f: cv.jvp(f, (X,), (X,)),
        "grad": lambda f: cv.grad(total(f))(X),
        "linearize": lambda f: cv.linearize(f, X),
        "jit of jvp": lambda f: cv.jit(lambda x: cv.jvp(f, (x,), (x,)))(X),
        "grad of jit": lambda f: cv.grad(total(cv.jit(f)))(X),
        "grad of scan": lambda f: cv.grad(total(steps(f)))(X),
        "jvp of scan": lambda f: cv.jvp(steps(f), (X,), (X,)),
        "vmap of grad": lambda f: cv.vmap(cv.grad(total(f)))(TWO),
        "checkpoint": lambda f: cv.grad(total(cv.checkpoint(f)))(X),
        "cond": lambda f: cv.grad(lambda x: np.sum(lax.cond(x[0] > 0, f, np.sin, x)))(X),
        "second order": lambda f: cv.jvp(cv.grad(lambda x: np.sum(np.sin(f(x)))), (X,), (X,)),
    },
    "transpose": {
        "grad": lambda f: cv.grad(total(f))(X),
        "grad of a product": lambda f: cv.grad(lambda x: np.sum(f(x * x) * x))(X),
        "vjp": lambda f: cv.vjp(f, X)[1](X),
        "linearize": lambda f: cv.linear_transpose(cv.linearize(f, X)[1], X)(X),
        "grad of jit": lambda f: cv.grad(total(cv.jit(f)))(X),
        "jit of grad": lambda f: cv.jit(cv.grad(total(f)))(X),
        "grad of scan": lambda f: cv.grad(total(steps(f)))(X),
        "vmap of grad": lambda f: cv.vmap(cv.grad(total(f)))(TWO),
        "grad of vmap": lambda f: cv.grad(total(cv.vmap(f)))(TWO),
        "checkpoint": lambda f: cv.grad(total(cv.checkpoint(f)))(X),
    },
    "batch": {
        "vmap": lambda f: cv.vmap(f)(TWO),
        "jit of vmap": lambda f: cv.jit(cv.vmap(f))(TWO),
        "vmap of jit": lambda f: cv.vmap(cv.jit(f))(TWO),
        "vmap of scan": lambda f: cv.vmap(steps(f))(TWO),
        "jacfwd": lambda f: cv.jacfwd(f)(X),
        "grad of vmap": lambda f: cv.grad(total(cv.vmap(f)))(TWO),
        "vmap along axis 1": lambda f: cv.vmap(f, in_axes=1)(TWO),
    },
    "abstract": {
        "jit": lambda f: cv.jit(f)(X),
        "make_jaxpr": lambda f: cv.make_jaxpr(f)(X),
        "scan": lambda f: steps(f)(X),
        "vmap of jit": lambda f: cv.vmap(cv.jit(f))(TWO),
        "grad": lambda f: cv.grad(total(f))(X),
    },
    "impl": {
        "jit": lambda f: cv.jit(lambda x: f(x) + 1)(X),
        "vmap of jit": lambda f: cv.vmap(cv.jit(lambda x: f(x) + 1))(TWO),
        "scan": lambda f: lax.scan(lambda c, _: (c + np.sum(f(X * c)), None), 1.0, None, length=2),
        "a loop that is compiled": lambda f: cv.jit(steps(lambda x: f(x) * 1.0))(X),
        "grad of jit": lambda f: cv.grad(total(cv.jit(f)))(X),
        "cond": lambda f: cv.jit(lambda x: lax.cond(x[0] > 0, f, np.sin, x))(X),
    },
}


def inner(p):
    return lambda x: p.bind(x)


def inner_pair(p):
    return lambda x: sum(p.bind(x, x * x))


# rule, what is wrong with it: (the function with the wrong rule, what the error says)
MISTAKES: dict[tuple[str, str], tuple[Any, str]] = {
    ("jvp", "the tangent alone"): (lambda: inner(twice(jvp=lambda ps, ts: ts[0])), "where a pair is needed"),
    ("jvp", "nothing"): (lambda: inner(twice(jvp=lambda ps, ts: None)), "returned None, where a pair is needed"),
    ("jvp", "three"): (lambda: inner(twice(jvp=lambda ps, ts: (ps[0], ts[0], ts[0]))), "a tuple of 3, where a pair"),
    ("jvp", "None for a tangent"): (lambda: inner(twice(jvp=lambda ps, ts: (ps[0], None))), "None for a tangent"),
    ("jvp", "tangent of another shape"): (
        lambda: inner(twice(jvp=lambda ps, ts: (ps[0] * 1.0, np.sum(ts[0])))),
        r"a tangent of type f64\[\].* for an output of type f64\[3\]",
    ),
    ("jvp", "tangent of another dtype"): (
        lambda: inner(twice(jvp=lambda ps, ts: (ps[0] * 1.0, ts[0].astype(np.float32)))),
        r"a tangent of type f32\[3\] for an output of type f64\[3\]",
    ),
    ("jvp", "a Zero of another shape"): (
        lambda: inner(twice(jvp=lambda ps, ts: (ps[0] * 1.0, cv.Zero(OTHER)))),
        r"a tangent of type f64\[5\] for an output",
    ),
    ("jvp", "one of two outputs"): (lambda: inner_pair(pair(jvp=lambda ps, ts: (list(ps), ts[0]))), "for tangents"),
    ("jvp", "one tangent for two outputs"): (
        lambda: inner_pair(pair(jvp=lambda ps, ts: (list(ps), [ts[0]]))),
        "2 outputs and 1 tangents",
    ),
    ("jvp", "another output"): (
        lambda: inner(twice(jvp=lambda ps, ts: (np.sum(ps[0]), np.sum(ts[0])))),
        r"an output of type f64\[\].*, and its abstract rule gives f64\[(2,)?3\]",
    ),
    ("jvp", "an output of another dtype"): (
        lambda: inner(twice(jvp=lambda ps, ts: (ps[0] * 1j, ts[0] * 1j))),
        r"an output of type c128\[3\].*, and its abstract rule gives f64\[(2,)?[23]\]",
    ),
    ("jvp", "an output too few"): (
        lambda: inner_pair(pair(jvp=lambda ps, ts: ([ps[0]], [ts[0]]))),
        "1 outputs, and its abstract rule gives 2",
    ),
    ("transpose", "a bare array"): (lambda: inner(twice(transpose=lambda ct, x: 2 * ct)), "where a tuple is needed"),
    ("transpose", "nothing"): (lambda: inner(twice(transpose=lambda ct, x: None)), "returned None, where a tuple"),
    ("transpose", "too many"): (lambda: inner(twice(transpose=lambda ct, x: (ct, ct))), "2 cotangents for 1 argument"),
    ("transpose", "too few"): (lambda: inner_pair(pair(transpose=lambda cts, x, y: (None,))), "1 cotangents for 2 arguments"),
    ("transpose", "another shape"): (
        lambda: inner(twice(transpose=lambda ct, x: (np.sum(ct),))),
        r"a cotangent of type f64\[\].* for argument 0 of type f64\[(2,)?3\]",
    ),
    ("transpose", "another dtype"): (
        lambda: inner(twice(transpose=lambda ct, x: (ct.astype(np.float32),))),
        r"a cotangent of type f32\[(2,)?3\] for argument 0 of type f64\[(2,)?3\]",
    ),
    ("transpose", "a list"): (lambda: inner(twice(transpose=lambda ct, x: ({"x": ct},))), "of type dict for the cotangent"),
    ("transpose", "a Zero of another shape"): (
        lambda: inner(twice(transpose=lambda ct, x: (cv.Zero(OTHER),))),
        r"a cotangent of type f64\[5\] for argument 0",
    ),
    ("batch", "without the axis"): (lambda: inner(twice(batch=lambda n, xs, ds: 2 * xs[0])), "where a pair is needed"),
    ("batch", "an axis of another size"): (
        lambda: inner(twice(batch=lambda n, xs, ds: (np.sum(2 * xs[0], axis=ds[0], keepdims=True), ds[0]))),
        "the batch has . examples, and that axis has size 1",
    ),
    ("batch", "examples of another shape"): (
        lambda: inner(twice(batch=lambda n, xs, ds: (np.sum(2 * xs[0], axis=1 - ds[0]), 0))),
        r"an output of type f64\[\], and its abstract rule gives f64\[(2,)?[23]\]",
    ),
    ("batch", "examples of another dtype"): (
        lambda: inner(twice(batch=lambda n, xs, ds: (xs[0].astype("f4"), ds[0]))),
        r"an output of type f32\[[23]\], and its abstract rule gives f64\[(2,)?[23]\]",
    ),
    ("batch", "an axis too many"): (lambda: inner(twice(batch=lambda n, xs, ds: (xs[0], 7))), "and it has 2 axes"),
    ("batch", "no number"): (lambda: inner(twice(batch=lambda n, xs, ds: (xs[0], "0"))), "as a batch axis"),
    ("batch", "one axis for two outputs"): (
        lambda: inner_pair(pair(batch=lambda n, xs, ds: (list(xs), 0))),
        "for batch axes",
    ),
    ("batch", "one output for two axes"): (
        lambda: inner_pair(pair(batch=lambda n, xs, ds: ([xs[0]], [0, 0]))),
        "1 outputs and 2 batch axes",
    ),
    ("abstract", "a shape"): (lambda: inner(twice(abstract=lambda x: x.shape)), "a tuple of 1, where an aval is needed"),
    ("abstract", "nothing"): (lambda: inner(twice(abstract=lambda x: None)), "None, where an aval is needed"),
    ("abstract", "one of two"): (lambda: inner_pair(pair(abstract=lambda x, y: x)), "for avals"),
    ("impl", "another shape"): (
        lambda: inner(twice(impl=lambda x: np.append(x, 1.0))),
        r"f64\[.\], and its abstract rule gives f64\[(2,)?3\]",
    ),
    ("impl", "another dtype"): (
        lambda: inner(twice(impl=lambda x: x.astype(np.float32))),
        r"f32\[(2,)?3\], and its abstract rule gives f64\[(2,)?3\]",
    ),
    ("impl", "a list"): (lambda: inner(twice(impl=lambda x: list(2 * x))), "a list of . for an output"),
    ("impl", "one output of two"): (lambda: inner_pair(pair(impl=lambda x, y: [x])), "1 outputs, and its abstract .* gives 2"),
    ("impl", "no list"): (lambda: inner_pair(pair(impl=lambda x, y: x)), "for outputs"),
}
CASES = [(rule, mistake, way) for rule, mistake in MISTAKES for way in WAYS[rule]]


@pytest.mark.parametrize(("rule", "mistake", "way"), CASES)
def test_every_mistake_is_told_wherever_the_rule_is_used(rule: str, mistake: str, way: str) -> None:
    make, says = MISTAKES[rule, mistake]
    with pytest.raises(errors.PrimitiveRuleError, match=says) as caught:
        WAYS[rule][way](make())
    text = str(caught.value)
    assert re.search(rf"the {rule} rule of 't_wrong_\d+' returned", text, re.IGNORECASE)
    assert re.search(r"\n  at test_wrong_rules.py", text)


CONSTRUCTED = {
    "elementwise, derivative of another shape": (
        lambda name: cv.elementwise(name, np.sin, lambda out, x: np.cos(x)[:, None] * x),
        lambda f: cv.grad(lambda x: np.sum(f(x)))(X),
        "derivative rule",
    ),
    "elementwise, complex derivative of a real function": (
        lambda name: cv.elementwise(name, np.sin, lambda out, x: np.cos(x) + 0j),
        lambda f: cv.jvp(f, (X,), (X,)),
        "derivative rule",
    ),
    "elementwise, second derivative of another shape": (
        lambda name: cv.elementwise(name, lambda x, y: x * y, lambda out, x, y: y, lambda out, x, y: np.outer(x, x)),
        lambda f: cv.jit(cv.grad(lambda x: np.sum(f(x, x))))(X),
        "derivative rule",
    ),
    "elementwise, a function that reduces": (
        lambda name: cv.elementwise(name, np.sum, lambda out, x: np.ones(3)),
        lambda f: cv.jit(f)(X),
        "impl rule",
    ),
    "elementwise, a function that reduces a batch": (
        lambda name: cv.elementwise(name, np.sum, lambda out, x: np.ones(3)),
        lambda f: cv.vmap(f)(TWO),
        "batch rule",
    ),
    "linear, transpose": (
        lambda name: cv.linear(name, lambda x: 2 * x, lambda ct, x: np.sum(ct)).bind,
        lambda f: cv.jit(cv.grad(lambda x: np.sum(f(x * x))))(X),
        "transpose rule",
    ),
    "linear, abstract": (
        lambda name: cv.linear(name, lambda x: 2 * x, lambda ct, x: 2 * ct, abstract=lambda x: OTHER).bind,
        lambda f: cv.jit(f)(X),
        "impl rule",
    ),
    "linear, batch": (
        lambda name: cv.linear(name, lambda x: 2 * x, lambda ct, x: 2 * ct, batch=lambda n, xs, ds: 2 * xs[0]).bind,
        lambda f: cv.vmap(f)(TWO),
        "batch rule",
    ),
    "bilinear, transpose": (
        lambda name: cv.bilinear(name, lambda x, y: x * y, lambda ct, x, y: np.sum(ct * y), lambda ct, x, y: ct * x).bind,
        lambda f: cv.grad(lambda x: np.sum(f(x, x)))(X),
        "transpose rule",
    ),
    "reduction, tangent": (
        lambda name: (lambda p: lambda x: p.bind(x, axes=(0,)))(cv.reduction(name, np.max, lambda out, x, t, axes: t)),
        lambda f: cv.grad(f)(X),
        "JVP rule",
    ),
    "reduction, dtype": (
        lambda name: (lambda p: lambda x: p.bind(x, axes=(0,)))(cv.reduction(name, np.max, dtype=np.int64)),
        lambda f: cv.jit(f)(X),
        "impl rule",
    ),
}


@pytest.mark.parametrize("case", CONSTRUCTED)
def test_rules_made_from_a_users_functions_are_checked(case: str) -> None:
    make, use, rule = CONSTRUCTED[case]
    name = f"t_made_{next(NUMBER)}"
    with pytest.raises(errors.PrimitiveRuleError, match=rf"the {rule} of '{name}' returned"):
        use(make(name))


def test_what_right_rules_may_return() -> None:
    """Lists for tuples, None and symbolic zeros, negative axes, Python numbers, what is not batched."""
    p = twice(
        jvp=lambda ps, ts: [2 * ps[0], 2 * ts[0]],
        transpose=lambda ct, x: [2 * ct],
        batch=lambda n, xs, ds: [np.moveaxis(2 * xs[0], ds[0], -1), -1],
    )
    assert cv.jit(cv.grad(lambda x: np.sum(p.bind(x) ** 2)))(X).tolist() == (8 * X).tolist()
    assert cv.vmap(p.bind)(TWO).tolist() == (2 * TWO).tolist()
    assert cv.jit(cv.vmap(cv.grad(lambda x: np.sum(p.bind(x)))))(TWO).tolist() == np.full((2, 3), 2.0).tolist()
    seven = twice(
        impl=lambda x: 7.0,
        abstract=lambda x: cv.ShapedArray((), np.float64),
        jvp=lambda ps, ts: (7.0, cv.Zero(cv.ShapedArray((), np.float64))),
        batch=lambda n, xs, ds: (7.0, None),
    )
    assert cv.jit(seven.bind)(X) == 7.0
    assert cv.vmap(seven.bind)(TWO).tolist() == [7.0, 7.0]
    assert cv.grad(lambda x: seven.bind(x) * x[0])(X).tolist() == [7.0, 0.0, 0.0]
    none = twice(transpose=lambda ct, x: (None,))
    assert cv.grad(lambda x: np.sum(none.bind(x)) + x[0])(X).tolist() == [1.0, 0.0, 0.0]
    both = pair()
    assert cv.jit(cv.grad(lambda x: np.sum(both.bind(x, x * x)[1])))(X).tolist() == (6 * X).tolist()


def test_a_batch_of_none() -> None:
    once = cv.linear(f"t_none_{next(NUMBER)}", lambda x: 2 * x, lambda ct, x: 2 * ct)
    both = cv.bilinear(f"t_none_{next(NUMBER)}", np.multiply, lambda ct, x, y: ct * y, lambda ct, x, y: ct * x)
    for f in (once.bind, lambda x: both.bind(x, X), cv.grad(lambda x: np.sum(both.bind(x, x)))):
        for run in (cv.vmap(f), cv.jit(cv.vmap(f))):
            assert run(np.ones((0, 3))).shape == (0, 3)


def test_a_trusted_primitive_has_the_rules_themselves() -> None:
    p = cv.Primitive(f"t_trusted_{next(NUMBER)}", trusted=True)
    rules = [lambda *args, name=name: args for name in ("jvp", "transpose", "batch", "abstract")]
    assert [p.def_jvp(rules[0]), p.def_transpose(rules[1]), p.def_batch(rules[2]), p.def_abstract(rules[3])] == rules
    assert [p.jvp, p.transpose, p.batch, p.abstract] == rules


def test_all_of_the_vocabulary_is_trusted() -> None:
    code = "import covector as cv; cv._import_everything(); from covector import testing; "
    code += "print([p.name for p in cv.Primitive.registry.values() if not p.trusted], len(cv.Primitive.registry) > 100)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] True"


LINEAR_KINDS = [extend.Linear, extend.Structural, extend.ElementwiseLinear]


@pytest.mark.parametrize("kind", LINEAR_KINDS)
def test_a_derivative_in_what_a_primitive_is_not_said_to_be_linear_in(kind: Any) -> None:
    p = cv.Primitive(f"t_wrong_{next(NUMBER)}", kind(lambda x, w: w * x, lambda ct, x, w: w * ct))
    w = np.array([2.0, -1.0, 0.5])
    f = lambda x, w: np.sum(p.bind(x, w))
    assert np.array_equal(cv.grad(f)(X, w), w)
    assert np.array_equal(cv.grad(lambda x: f(x, lax.stop_gradient(x)))(w), w)
    ways = {
        "grad": lambda: cv.grad(f, 1)(X, w),
        "grad of both": lambda: cv.grad(lambda x: f(x, x))(X),
        "jvp": lambda: cv.jvp(lambda w: f(X, w), (w,), (w,)),
        "jit of grad": lambda: cv.jit(cv.grad(f, 1))(X, w),
        "grad of jit": lambda: cv.grad(cv.jit(f), 1)(X, w),
        "vmap of grad": lambda: cv.vmap(cv.grad(f, 1), (None, 0))(X, TWO),
        "grad of scan": lambda: cv.grad(lambda w: steps(lambda x: p.bind(X, x))(w).sum())(w),
    }
    for way, call in ways.items():
        with pytest.raises(errors.JVPRuleError, match="is linear in argument 0 by its kind, and argument 1, of type"):
            call()
            raise AssertionError(way)
    indexed = cv.linear(
        f"t_wrong_{next(NUMBER)}", lambda x, i: x[i], lambda ct, x, i: cv.at(np.zeros(x.shape))[i].add(ct)
    )
    assert np.array_equal(cv.grad(lambda x: np.sum(indexed.bind(x, np.array([0, 0]))))(X), [2.0, 0.0, 0.0])


def test_a_cotangent_of_what_is_known() -> None:
    p = cv.Primitive(f"t_wrong_{next(NUMBER)}")
    p.def_impl(lambda x, w: x * w)
    p.def_abstract(lambda x, w: x)
    p.def_jvp(lambda ps, ts: (p.bind(*ps), p.bind(ts[0], ps[1])))
    p.def_transpose(lambda ct, x, w: (None, ct * w), linear=cv.jointly(0))
    said = "a cotangent for argument 1, of which the value is known, and None for 0"
    with pytest.raises(errors.PrimitiveRuleError, match=said):
        cv.grad(lambda x: np.sum(p.bind(x, 2 * X)))(X)


@pytest.mark.parametrize("trusted", [False, True])
def test_axes_that_are_counted_from_the_end(trusted: bool) -> None:
    named = lambda kind: cv.Primitive(f"t_wrong_{next(NUMBER)}", kind, trusted=trusted)
    running = named(extend.AlongAxis(np.cumsum, lambda out, x, t, axis: np.cumsum(t, axis)))
    squares = named(
        extend.Reduction(lambda x, axes: np.sum(x**2, axes), lambda out, x, t, axes: 2 * np.sum(x * t, axes))
    )
    sums = named(
        extend.LinearReduction(
            lambda x, axes: np.sum(x, axes), lambda ct, x, axes: np.broadcast_to(np.expand_dims(ct, axes), x.shape)
        )
    )
    x = np.arange(24.0).reshape(2, 3, 4) ** 1.5
    functions = [
        (lambda x, a: running.bind(x, axis=a), np.cumsum),
        (lambda x, a: squares.bind(x, axes=(a,)), lambda x, a: np.sum(x**2, axis=a)),
        (lambda x, a: sums.bind(x, axes=(a,)), lambda x, a: np.sum(x, axis=a)),
    ]
    for (f, wanted), axis, batch in itertools.product(functions, (-1, -2, 0, 1), (0, 1, 2)):
        found = cv.vmap(lambda x, f=f, axis=axis: f(x, axis), in_axes=batch)(x)
        rows = [wanted(row, axis) for row in np.moveaxis(x, batch, 0)]
        assert np.allclose(found, np.stack(rows)), (axis, batch)
        batched = lambda x, f=f, a=axis, d=batch: np.sum(cv.vmap(lambda r: f(r, a), in_axes=d)(x) ** 2)
        looped = lambda x, f=wanted, a=axis, d=batch: sum(np.sum(f(r, a) ** 2) for r in np.moveaxis(x, d, 0))
        assert np.allclose(cv.grad(batched)(x), cv.grad(looped)(x)), (axis, batch)


class Matrix(np.ndarray):
    """A subclass in which operations may mean something else."""


@pytest.mark.parametrize("x", [np.ma.array(X, mask=[1, 0, 0]), X.view(Matrix)], ids=["masked", "other"])
def test_arrays_in_which_operations_mean_something_else(x: Any) -> None:
    p, e = twice(), cv.elementwise(f"t_wrong_{next(NUMBER)}", lambda x: 2 * x, lambda out, x: 2.0)
    for call in (p.bind, e, cv.jit(e), lambda x: cv.grad(lambda t: np.sum(e(x) * t))(1.0)):
        with pytest.raises(errors.ArrayTypeError, match="was given where an array is meant"):
            call(x)
