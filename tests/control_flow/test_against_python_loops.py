"""Loops and choices are what Python's loops and branches are, under every transformation."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from transformed import close, transformations

import covector as cv
from covector import lax

RNG = np.random.default_rng(0)
W = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4], [0.2, 0.2, 0.9]])
A, XS = RNG.normal(size=3), RNG.normal(size=(4, 3))
TANGENTS = RNG.normal(size=3), RNG.normal(size=(4, 3))
BATCH = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 4, 3))


def python_scan(f, init, xs):
    carry, ys = init, []
    for i in range(len(xs)):
        carry, y = f(carry, xs[i])
        ys.append(y)
    return carry, tuple(map(np.stack, zip(*ys, strict=True))) if isinstance(ys[0], tuple) else np.stack(ys)


def python_reverse_scan(f, init, xs):
    carry, ys = python_scan(f, init, xs[::-1])
    return carry, tuple(y[::-1] for y in ys) if isinstance(ys, tuple) else ys[::-1]


def python_while(cond, body, carry):
    while cond(carry):
        carry = body(carry)
    return carry


def python_cond(predicate, on_true, on_false, *operands):
    return on_true(*operands) if predicate else on_false(*operands)


# --- programs: functions of a vector and a matrix, given the loop that they use ---------------------------------------


def recurrent(scan):
    def f(a, xs):
        def body(c, x):
            h = np.tanh(W @ c + x * a)
            return h, np.sum(h**2)

        c, ys = scan(body, a * 0.5, xs)
        return np.sum(c) + np.sum(ys**2)

    return f


def two_carries(scan):
    def f(a, xs):
        def body(c, x):
            p = np.sin(c[0]) * x + np.exp(a[0])
            return (p, c[1] + p * a[1]), p * c[1]

        c, ys = scan(body, (a[2], 0.0), xs[:, 0])
        return c[0] * c[1] + np.sum(ys)

    return f


def counter(scan):
    """An integer carry, a residual that is the same in each step, an output that is zero to the derivative of the carry."""

    def f(a, xs):
        def body(c, x):
            return (c[0] + 1, c[1] * np.sin(a[0] * 3.0) + x * c[0] + np.exp(a[1])), (np.cos(x), c[1])

        c, ys = scan(body, (0, a[0]), xs[:, 1])
        return c[1] + np.sum(ys[0] * xs[:, 0]) + np.sum(ys[1] ** 2)

    return f


def escape(while_loop):
    def f(a, xs):
        def body(c):
            return c[0] + np.exp(a[0]) * 0.5 + 0.3 * c[1] ** 2, np.sin(c[1]) * a[1] + xs[0, 0]

        v = while_loop(lambda c: c[0] < 3.0, body, (a[2] * 0.1, a[1]))
        return v[0] * v[1] + v[1]

    return f


def growth(while_loop):
    def f(a, xs):
        v = while_loop(
            lambda c: (c[0] < 4) & (np.sum(c[1] ** 2) < 8),
            lambda c: (c[0] + 1, c[1] * 1.3 + np.sin(a) * xs[0], c[2]),
            (0, a, 2.0),
        )
        return np.sum(v[1]) * v[2] * v[0]

    return f


def choice(cond):
    def f(a, xs):
        g = lambda u: np.sqrt(u * u + 1) * a
        h = lambda u: np.stack([np.prod(u), u[0], np.sum(np.log(np.abs(u)))])
        r = cond(a[0] + xs[0, 0] > 0.3, g, h, a * xs[1])
        return np.sum(r**2) + cond(xs[1, 1] > 0, lambda: np.sum(a**3), lambda: 1.0)

    return f


def chosen_loops(cond, while_loop):
    def f(a, xs):
        def one(u):
            return while_loop(lambda v: v < 3.0, lambda v: v * 1.2 + np.exp(u), 0.1 * u)

        def other(u):
            return while_loop(lambda v: v < 5.0, lambda v: v + np.exp(np.sin(v)), np.sin(u)) * a[1]

        return cond(a[0] > 0, one, other, a[2] * xs[0, 0]) + cond(xs[0, 1] > 0.2, lambda: np.sin(a[1]), lambda: one(a[0]))

    return f


def nested(scan, while_loop, cond):
    def f(a, xs):
        def body(c, x):
            d = while_loop(lambda v: np.abs(v) < 2.0, lambda v: v * 1.5 + 0.1 * np.exp(x[0]), c * 0.3)
            e = cond(np.sum(x) > 0, lambda u: np.sin(u) * x[1], lambda u: np.log(np.abs(u) + 1) * a[0] * x[2], d)
            return e, d * x[2]

        c, ys = scan(body, a[0], xs)
        return c + np.sum(ys**2)

    return f


def options(**kwargs):
    return functools.partial(lax.scan, **kwargs)


PROGRAMS = {
    "recurrent": (recurrent, [lax.scan], [python_scan]),
    "two carries": (two_carries, [lax.scan], [python_scan]),
    "counter": (counter, [lax.scan], [python_scan]),
    "reverse": (counter, [options(reverse=True)], [python_reverse_scan]),
    "unroll": (counter, [options(unroll=3)], [python_scan]),
    "unroll in reverse": (counter, [options(unroll=True, reverse=True)], [python_reverse_scan]),
    "sqrt": (counter, [options(checkpoint="sqrt")], [python_scan]),
    "binomial": (two_carries, [options(checkpoint="binomial")], [python_scan]),
    "two slots": (counter, [options(checkpoint=2, reverse=True)], [python_reverse_scan]),
    "one slot": (recurrent, [options(checkpoint=1)], [python_scan]),
    "escape": (escape, [lax.while_loop], [python_while]),
    "growth": (growth, [lax.while_loop], [python_while]),
    "checkpointed growth": (growth, [functools.partial(lax.while_loop, checkpoint=2)], [python_while]),
    "choice": (choice, [lax.cond], [python_cond]),
    "chosen loops": (chosen_loops, [lax.cond, lax.while_loop], [python_cond, python_while]),
    "nested": (nested, [lax.scan, lax.while_loop, lax.cond], [python_scan, python_while, python_cond]),
}

WITH_RULES = {"checkpointed growth"}  # Python functions, which have no notation: these programs cannot be parsed back
BOTH = (0, 1)
TRANSFORMED = transformations(TANGENTS)


def by_example(f, a, xs):
    """``f`` of each pair, stacked; an argument with one axis fewer is the same for all."""
    rows = [cv.tree.leaves(f(a[i], xs if xs.ndim == 2 else xs[i])) for i in range(len(a))]
    return [np.stack(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_in_python(program, name):
    make, operations, references = PROGRAMS[program]
    f, g = make(*operations), make(*references)
    transform = TRANSFORMED[name]
    wanted = transform(g)(A, XS)
    close(transform(f)(A, XS), wanted, "eager")
    close(cv.jit(transform(f))(A, XS), wanted, "jit outside")
    close(transform(cv.jit(f))(A, XS), wanted, "jit inside")
    wanted = by_example(transform(g), *BATCH)
    close(cv.vmap(transform(f))(*BATCH), wanted, "vmap")
    close(cv.jit(cv.vmap(transform(f)))(*BATCH), wanted, "jit of vmap")
    close(cv.vmap(transform(f), (0, None))(BATCH[0], XS), by_example(transform(g), BATCH[0], XS), "one argument batched")
    jaxpr = cv.make_jaxpr(transform(f))(A, XS)
    cv.check(jaxpr)
    if program not in WITH_RULES:
        assert cv.parse(str(jaxpr)) == jaxpr


@pytest.mark.parametrize("name", ["grad", "jvp", "forward over reverse"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_derivatives_of_batches(program, name):
    make, operations, references = PROGRAMS[program]
    f, g = make(*operations), make(*references)
    batched = lambda a, xs: np.sum(cv.vmap(f)(np.stack([a, a * 1.1]), np.stack([xs, xs * 0.9])))
    summed = lambda a, xs: g(a, xs) + g(a * 1.1, xs * 0.9)
    wanted = TRANSFORMED[name](summed)(A, XS)
    close(TRANSFORMED[name](batched)(A, XS), wanted, "eager")
    close(cv.jit(TRANSFORMED[name](batched))(A, XS), wanted, "jit")


def test_residuals_that_do_not_change_are_not_stacked():
    jaxpr = str(cv.make_jaxpr(cv.grad(recurrent(lax.scan)))(A, XS))
    # h and its derivative are stacked; W, a and the xs are not
    assert jaxpr.count("f64[4,3]") == 3, jaxpr


def test_shapes_and_kinds_of_values():
    carry, ys = lax.scan(
        lambda c, _: ({"n": c["n"] + 1, "z": c["z"] * 1j}, c["n"]), {"n": np.int8(3), "z": 1 + 0j}, None, length=3
    )
    assert carry == {"n": 6, "z": -1j}
    assert carry["n"].dtype == np.int8
    assert ys.tolist() == [3, 4, 5]
    assert lax.scan(lambda c, x: (c, x), 1.0, np.zeros((0, 2)))[1].shape == (0, 2)
    assert lax.scan(lambda c, x: (None, None), None, np.zeros(3)) == (None, None)
    assert lax.while_loop(lambda c: c > 5, lambda c: c - 1, 2) == 2
    empty = cv.vmap(lambda x: lax.while_loop(lambda v: v < 3, lambda v: v + 1.0, x))(np.zeros((0,)))
    assert empty.shape == (0,)
    assert cv.grad(lambda x: lax.while_loop(lambda c: c > 5, lambda c: c * 2, x))(1.0) == 1.0


def test_python_numbers_in_carries_take_the_dtype_of_the_body():
    total, _ = lax.scan(lambda c, x: (c + x, None), 0, np.ones(3, np.float32))
    assert (total, total.dtype) == (3.0, np.float32)
    assert lax.fori_loop(0, 3, lambda i, c: c + 0.5, 0) == 1.5
    assert lax.fori_loop(0, 2, lambda i, c: (c[1], c[0] + 1.0), (0, 0)) == (1.0, 1.0)


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["known bounds", "traced bounds"])
def test_fori_loop(wrap):
    f = wrap(lambda lower, upper, x: lax.fori_loop(lower, upper, lambda i, c: c * x + i, x))
    wanted = 1.3
    for i in range(2, 5):
        wanted = wanted * 1.3 + i
    np.testing.assert_allclose(f(2, 5, 1.3), wanted)
    assert f(3, 3, 1.3) == 1.3
    np.testing.assert_allclose(cv.grad(f, 2)(2, 5, 1.3), 4 * 1.3**3 + 2 * 2 * 1.3 + 3, rtol=1e-12)


def test_map_and_associative_scan():
    xs = RNG.normal(size=(7, 2))
    f = lambda x: np.sum(np.sin(x)) * x
    wanted = np.stack([f(x) for x in xs])
    for size in (None, 1, 3, 7, 20):
        np.testing.assert_allclose(lax.map(f, xs, batch_size=size), wanted)
    for n in range(1, 10):
        ms = RNG.normal(size=(n, 2, 2))
        products = [ms[0]]
        for m in ms[1:]:
            products.append(products[-1] @ m)
        np.testing.assert_allclose(lax.associative_scan(lambda a, b: a @ b, ms), products, rtol=1e-10)
    back = lax.associative_scan(np.add, xs, reverse=True)
    np.testing.assert_allclose(back, np.cumsum(xs[::-1], 0)[::-1])
    np.testing.assert_allclose(lax.associative_scan(np.maximum, xs, axis=1), np.maximum.accumulate(xs, 1))
    pairs = lax.associative_scan(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (xs[:, 0], xs[:, 1]))
    np.testing.assert_allclose(pairs[0], np.cumprod(xs[:, 0]))
    gradient = cv.grad(lambda x: np.sum(lax.associative_scan(np.multiply, x) ** 2))(xs[:, 0])
    np.testing.assert_allclose(gradient, cv.grad(lambda x: np.sum(np.cumprod(x) ** 2))(xs[:, 0]))


def test_switch():
    branches = [np.sin, lambda x: x * x, lambda x: 3.0]
    for index, wanted in [(-1, np.sin(2.0)), (0, np.sin(2.0)), (1, 4.0), (2, 3.0), (9, 3.0)]:
        assert lax.switch(index, branches, 2.0) == pytest.approx(wanted)
    indices = np.array([2, 0, 1, 1])
    xs = np.arange(4.0)
    wanted = [branches[i](x) for i, x in zip(indices, xs, strict=True)]
    np.testing.assert_allclose(cv.vmap(lambda i, x: lax.switch(i, branches, x))(indices, xs), wanted)
    slopes = [[np.cos, lambda x: 2 * x, lambda x: 0.0][i](x) for i, x in zip(indices, xs, strict=True)]
    gradient = cv.vmap(cv.grad(lambda x, i: lax.switch(i, branches, x)))
    np.testing.assert_allclose(gradient(xs, indices), slopes)
    np.testing.assert_allclose(cv.jit(gradient)(xs, indices), slopes)


@pytest.mark.parametrize("counts", [(1, 1, 1), (2, 1, 3), (0, 1, 2, 1), (1, 0, 2), (3, 2, 1, 2)], ids=str)
def test_each_branch_of_a_switch_closes_over_values_of_its_own(counts):
    """The sum of their products with 1, 2, ...: the slopes are these numbers, and 0 for what the other branches hold."""
    factors = [1.0 + np.arange(n) for n in counts]

    def f(held, index):
        branches = [lambda x, own=own: sum((x * c * w for c, w in enumerate(own, 1)), x * 0.0) for own in held]
        return lax.switch(index, branches, 2.0)

    held = [list(RNG.normal(size=n)) for n in counts]
    for index, own in enumerate(held):
        wanted = [2.0 * k if i == index else 0.0 * k for i, k in enumerate(factors)]
        for wrap in (lambda f: f, cv.jit, lambda f: lambda *args: cv.vmap(f, (None, 0))(args[0], np.array([args[1]]))):
            np.testing.assert_allclose(np.ravel(wrap(f)(held, index)), 2.0 * np.dot(own, factors[index]))
            found = wrap(cv.grad(f))(held, index)
            np.testing.assert_allclose(np.concatenate([np.ravel(x) for x in cv.tree.leaves(found)]), np.concatenate(wanted))
