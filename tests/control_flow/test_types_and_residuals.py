"""Types of carries and results, edge cases of loops, and what the programs of gradients keep."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from python_loops import checked_program

import covector as cv
from covector import lax
from covector.core.jaxpr import Jaxpr, sub_jaxprs
from covector.primitives.programs import scan as scan_rules


def typed(x: Any) -> Any:
    return cv.typeof(x)


EAGER_OR_STAGED = pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["eager", "jit"])

CARRIES = {
    "0 that becomes a float": (lambda x: lax.scan(lambda c, x: (c + x, c), 0, x), ["f64[]", "f64[3]"]),
    "0 that becomes a float32": (lambda x: lax.scan(lambda c, x: (c + x, c), 0, x.astype(np.float32)), ["f32[]", "f32[3]"]),
    "0.0 that becomes complex": (lambda x: lax.scan(lambda c, x: (c + 1j * x, None), 0.0, x), ["c128[]"]),
    "0 that stays": (lambda x: lax.scan(lambda c, x: (c + 1, x), 0, x), ["i64[]", "f64[3]"]),
    "False": (lambda x: lax.scan(lambda c, x: (c | (x > 2), c), False, x), ["bool[]", "bool[3]"]),
    "float32 array": (lambda x: lax.scan(lambda c, x: (c * 2.0, c), np.ones(2, np.float32), x), ["f32[2]", "f32[3,2]"]),
    "float32 scalar": (lambda x: lax.fori_loop(0, 2, lambda i, c: c * 2 + 1.0, np.float32(1)), ["f32[]"]),
    "int8": (lambda x: lax.fori_loop(0, 2, lambda i, c: c + 1, np.int8(1)), ["i8[]"]),
    "two that depend on each other": (
        lambda x: lax.scan(lambda c, x: ((c[1], c[0] + x), None), (0, 0), x.astype(np.float32)),
        ["f32[]", "f32[]"],
    ),
    "number that no step changes": (lambda x: lax.scan(lambda c, x: (c, x * c), 2, x), ["i64[]", "f64[3]"]),
    "number returned instead": (lambda x: lax.fori_loop(0, 3, lambda i, c: 0.0, np.float32(2)), ["f32[]"]),
    "while": (lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x[0]), (0, 1)), ["i64[]", "f64[]"]),
    "fori with traced bound": (lambda x: lax.fori_loop(0, np.sum(x > 0), lambda i, c: c + x[0] * i, 0), ["f64[]"]),
    "cond of numbers": (lambda x: lax.cond(x[0] > 0, lambda: 1, lambda: 2.5), ["f64[]"]),
    "cond of a number and a float32": (
        lambda x: lax.cond(x[0] > 0, lambda x: 1.0, lambda x: x[0], x.astype(np.float32)),
        ["f32[]"],
    ),
    "ys that are numbers": (lambda x: lax.scan(lambda c, x: (c, (1, 2.0, None)), None, x), ["i64[3]", "f64[3]"]),
}


@EAGER_OR_STAGED
@pytest.mark.parametrize("name", CARRIES)
def test_types(name: str, wrap: Any):
    f, expected = CARRIES[name]
    x = np.array([1.0, 2.0, 3.0])
    assert [str(typed(v)) for v in cv.tree.leaves(wrap(f)(x))] == expected
    assert [str(a) for a in checked_program(f, x).out_avals] == expected
    batched = [str(typed(v)) for v in cv.tree.leaves(wrap(cv.vmap(f))(np.stack([x, -x])))]
    assert batched == [e.replace("[", "[2,").replace(",]", "]") for e in expected]


@EAGER_OR_STAGED
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 2, True])
def test_no_steps(wrap: Any, reverse: bool, unroll: Any):
    def f(a: Any, xs: Any) -> Any:
        step = lambda c, x: (c * x + a, {"y": np.outer(c, x), "n": 1})
        return lax.scan(step, np.sin(a), xs, reverse=reverse, unroll=unroll)

    a, xs = np.ones(2), np.zeros((0, 2))
    c, ys = wrap(f)(a, xs)
    np.testing.assert_array_equal(c, np.sin(a))
    assert (ys["y"].shape, ys["n"].shape, ys["n"].dtype) == ((0, 2, 2), (0,), np.int64)
    scalar = lambda a, xs: np.sum(f(a, xs)[0]) + np.sum(f(a, xs)[1]["y"])
    ga, gx = wrap(cv.grad(scalar, (0, 1)))(a, xs)
    np.testing.assert_allclose(ga, np.cos(a))
    assert gx.shape == (0, 2)
    assert wrap(cv.vmap(cv.grad(scalar, (0, 1))))(np.ones((3, 2)), np.zeros((3, 0, 2)))[1].shape == (3, 0, 2)
    assert lax.map(np.sin, np.zeros((0, 2))).shape == (0, 2)
    assert lax.map(np.sin, np.zeros((0, 2)), batch_size=2).shape == (0, 2)
    assert lax.associative_scan(np.add, np.zeros((0, 2))).shape == (0, 2)


def equations(jaxpr: Jaxpr, name: str) -> list[Any]:
    return [e for e in jaxpr.equations if e.primitive.name == name]


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["plain", "compiled step"])
def test_residuals_that_follow_from_constants_are_computed_once(wrap: Any):
    @wrap
    def step(c: Any, x: Any, a: Any) -> Any:
        return np.sin(a @ a) @ c + x, None

    def f(a: Any, xs: Any) -> Any:
        return np.sum(lax.scan(lambda c, x: step(c, x, a), np.zeros(3), xs)[0])

    jaxpr = cv.make_jaxpr(cv.jit(cv.value_and_grad(cv.jit(f), (0, 1))))(np.ones((3, 3)), np.ones((50, 3)))
    shapes = [v.aval.shape for e in every_equation(jaxpr) for v in e.outputs if hasattr(v.aval, "shape")]
    assert (50, 3) in shapes, "the carries"
    assert (50, 3, 3) not in shapes, "a matrix that follows from constants was stacked"


def every_equation(jaxpr: Jaxpr) -> list[Any]:
    inner = [e for eqn in jaxpr.equations for p in sub_jaxprs(eqn.params) for e in every_equation(p)]
    return [*jaxpr.equations, *inner]


def test_an_x_is_not_stacked_again():
    f = lambda c, xs: lax.scan(lambda c, x: (c * x, None), c, xs)[0]
    jaxpr = cv.make_jaxpr(cv.value_and_grad(f))(1.0, np.ones(50))
    forward, backward = equations(jaxpr, "scan")
    assert len(forward.outputs) == 1, "nothing but the carry"
    assert jaxpr.in_vars[1] in backward.inputs


def test_derivatives_with_respect_to_constants_only_of_a_loop_that_is_linear_in_them():
    """Integer counters, and carries without a tangent, have none in the derived loop."""
    f = lambda a: lax.scan(lambda c, _: ((c[0] + 1, c[1] + a, c[2] * 0.5), None), (0, 0.0, 1.0), length=4)[0]
    jaxpr = cv.make_jaxpr(lambda a, t: cv.jvp(lambda a: f(a)[1], (a,), (t,)))(1.0, 1.0)
    (loop,) = equations(jaxpr, "scan")
    assert loop.params["num_carry"] == 4, "three carries and the tangent of one"


def test_only_the_constants_that_have_a_cotangent_are_summed():
    f = lambda a, b: lax.scan(lambda c, _: ((c[0] * a, c[1] * b), None), (1.0, 1.0), length=4)[0]
    jaxpr = cv.make_jaxpr(cv.grad(lambda a, b: f(a, b)[0], (0, 1)))(2.0, 3.0)
    _, backward = equations(jaxpr, "scan")
    assert backward.params["num_carry"] == 2, "the cotangents of one carry and of one constant"


def test_a_linear_loop_is_recorded_without_a_look_at_its_steps(monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: Any) -> Any:
        raise AssertionError("marked")

    monkeypatch.setattr(scan_rules, "linear_marks", refuse)
    f = lambda c: lax.scan(lambda c, x: (np.sin(c) * x, None), c, np.array([0.3, 0.2]))[0]
    np.testing.assert_allclose(cv.grad(f)(0.5), 0.2 * np.cos(0.3 * np.sin(0.5)) * 0.3 * np.cos(0.5))


def grows(limit: Any, x: Any) -> Any:
    """The carries of a loop that ends the sooner the larger x is."""

    def step(c: Any) -> Any:
        return c[0] * (1.2 + 0.3 * np.sin(c[1])), c[1] + 0.2 + x * x * np.sum(c[0]), c[2] + 1

    return step, (x * np.ones(2), 0.2 * x, 0), lambda c: c[1] < limit


def by_loop(limit: Any, x: Any) -> Any:
    step, c, goes_on = grows(limit, x)
    c = lax.while_loop(goes_on, step, c)
    return np.sum(c[0]) + c[1]


def by_python(limit: Any, x: Any) -> Any:
    step, c, goes_on = grows(limit, x)
    while goes_on(c):
        c = step(c)
    return np.sum(c[0]) + c[1]


def of_a_compiled_rule(derivative: Any) -> Any:
    """The derivative of the loop, with a rule of its own that is compiled: it meets known and linear values."""
    f = cv.custom_jvp(lambda limit, x: derivative(partial(by_loop, limit))(x))
    rule = cv.jit(lambda limit, x, t: cv.jvp(derivative(partial(by_loop, limit)), (x,), (t,)))
    f.defjvp(lambda primals, tangents: rule(*primals, tangents[1]))
    return f


HIGHER = {
    "value": lambda f: f,
    "grad": cv.grad,
    "grad of grad": lambda f: cv.grad(cv.grad(f)),
    "hvp": lambda f: lambda x: cv.jvp(cv.grad(f), (x,), (1.0,))[1],
}


@pytest.mark.parametrize("order", [0, 1])
def test_compiled_rules_of_loops_that_leave_residuals(order: int):
    derivative = cv.grad if order else lambda f: f
    f, xs, limits = of_a_compiled_rule(derivative), np.array([0.3, 0.7, 2.0]), np.array([1.5, 1.0, 0.5])
    by_hand = [derivative(partial(by_python, n)) for n in limits]
    for transform in HIGHER.values():
        wanted = [transform(g)(x) for g, x in zip(by_hand, xs, strict=True)]
        g = lambda n, x, transform=transform: transform(partial(f, n))(x)
        np.testing.assert_allclose([g(n, x) for n, x in zip(limits, xs, strict=True)], wanted, rtol=1e-10)
        np.testing.assert_allclose(cv.vmap(g)(limits, xs), wanted, rtol=1e-10)
        np.testing.assert_allclose(cv.jit(cv.vmap(g))(limits, xs), wanted, rtol=1e-10)


def test_residuals_of_a_loop_that_are_linear():
    """In a compiled rule that takes a derivative of a loop in which the tangent is: of sum(x ** k for k = 1 ... n)."""
    by_horner = lambda y, t, n: lax.while_loop(lambda c: c[1] < n, lambda c: ((c[0] + t) * y, c[1] + 1), (0.0 * t, 0))[0]
    f = cv.custom_jvp(lambda x, n: sum(np.where(k <= n, x**k, 0.0) for k in range(1, 6)))
    rule = cv.jit(lambda x, n, t: (f(x, n), cv.grad(by_horner)(x, t, n)))
    f.defjvp(lambda primals, tangents: rule(*primals, tangents[0]))
    xs, ns = np.array([0.5, 1.5, -2.0]), np.array([1, 5, 3])
    polynomials = [np.polynomial.Polynomial([0.0, *[1.0] * n]) for n in ns]
    slopes, curvatures = [[p.deriv(m)(x) for p, x in zip(polynomials, xs, strict=True)] for m in (1, 2)]
    for order, wanted in ((cv.grad(f), slopes), (cv.grad(cv.grad(f)), curvatures)):
        np.testing.assert_allclose([order(x, n) for x, n in zip(xs, ns, strict=True)], wanted)
        np.testing.assert_allclose(cv.jit(cv.vmap(order))(xs, ns), wanted)


def test_a_body_is_traced_once_for_its_types():
    traced = []

    def body(c: Any, x: Any) -> Any:
        traced.append(cv.typeof(c))
        return c + x, c

    for _ in range(3):
        lax.scan(body, np.float64(0.0), np.arange(3.0))
        lax.scan(body, np.float64(1.0), np.arange(5.0))
    assert len(traced) == 1
    lax.scan(body, np.zeros(2), np.ones((3, 2)))
    assert len(traced) == 2


def test_results_are_the_callers_own():
    xs = np.arange(3.0)
    for f in (lambda: lax.scan(lambda c, x: (c, x), xs, xs), lambda: lax.cond(True, lambda: xs, lambda: xs + 1)):
        for out in cv.tree.leaves(f()):
            if not np.shares_memory(out, xs):
                out[...] = 7.0
        assert np.array_equal(cv.tree.leaves(f())[-1], np.arange(3.0))


def test_xs_of_many_types():
    xs = {"i": np.arange(3), "b": np.array([True, False, True]), "c": np.array([1j, 2.0, 3.0]), "f": np.arange(3, dtype="f4")}
    f = lambda s: lax.scan(lambda c, x: (c + np.where(x["b"], x["i"] * x["f"], 0.0) * s, x["c"] * s), 0.0, xs)
    total, ys = f(2.0)
    assert total == 8.0 and ys.dtype == np.complex128
    gradient = cv.grad(lambda s: f(s)[0] + np.sum(np.abs(f(s)[1])))(2.0)
    np.testing.assert_allclose(gradient, 4.0 + 6.0)


def test_closed_over_values_are_differentiated_and_batched():
    table, xs = np.arange(12.0).reshape(4, 3), np.array([0, 2, 2])

    def f(table: Any, w: Any) -> Any:
        return lax.scan(lambda c, i: (np.tanh(c + cv.at(table)[i].get() * w), None), np.zeros(3), xs)[0]

    def by_hand(table: Any, w: Any) -> Any:
        c = np.zeros(3)
        for i in xs:
            c = np.tanh(c + table[int(i)] * w)
        return c

    both = lambda h: cv.jacrev(h, (0, 1))
    for wrap in (lambda f: f, cv.jit):
        for x, y in zip(wrap(both(f))(table, 0.1), both(by_hand)(table, 0.1), strict=True):
            np.testing.assert_allclose(x, y, atol=1e-12)
    ws = np.array([0.1, -0.3])
    for axes, args in (((None, 0), (table, ws)), ((0, None), (np.stack([table, -table]), 0.2))):
        found = cv.vmap(both(f), axes)(*args)
        rows = [both(by_hand)(*(a if d is None else a[k] for a, d in zip(args, axes, strict=True))) for k in range(2)]
        for i in range(2):
            np.testing.assert_allclose(found[i], np.stack([r[i] for r in rows]), atol=1e-12)


@pytest.mark.parametrize("n", range(9))
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_of_an_operation_that_does_not_commute(n: int, reverse: bool):
    rng = np.random.default_rng(n)
    matrices = rng.normal(size=(n, 2, 2))
    combine = lambda a, b: a @ b
    found = lax.associative_scan(combine, matrices, reverse=reverse)
    rows = matrices[::-1] if reverse else matrices
    expected = np.empty_like(matrices)
    for i in range(n):
        expected[i] = rows[0] if i == 0 else expected[i - 1] @ rows[i]
    np.testing.assert_allclose(found, expected[::-1] if reverse else expected, atol=1e-12)


def test_residuals_that_are_zero_are_no_tangents():
    """A linear loop may begin with a zero, which passes for a tangent; its residuals may be zeros too, or of no steps."""
    for xs in (np.zeros(3), np.zeros(0), np.arange(3.0)):
        f = lambda a, xs=xs: lax.scan(lambda c, x: ((c + a) * x + a * a, c), np.zeros(()), xs)[0]
        linear_map = cv.linearize(f, 2.0)[1]
        cv.check(linear_map.jaxpr)
        (transposed,) = cv.linear_transpose(cv.jit(linear_map), 2.0)(1.0)
        np.testing.assert_allclose(transposed, cv.grad(f)(2.0))


def test_cotangents_of_python_numbers_are_of_one_type_in_all_branches():
    def f(b):
        return cv.lax.cond(b > 0.1, lambda u, v: np.sin(v) * 2, lambda u, v: np.sin(u), b, b)

    jaxpr = cv.make_jaxpr(lambda b, ct: cv.vjp(f, b)[1](ct))(0.629, 1.0)
    for eqn in (e for e in jaxpr.equations if e.primitive.name == "cond"):
        assert not any(v.aval.weak_type for v in eqn.outputs)
