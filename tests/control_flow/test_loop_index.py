"""The index of a ``fori_loop`` counts as a Python number: it decides no dtype, however the loop is run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

STEPS: dict[str, Any] = {
    "add": lambda i, c: c + i,
    "multiply and add": lambda i, c: c * i + i * i,
    "power": lambda i, c: c + i**2,
    "divide": lambda i, c: c + c / (i + 1),
    "a NumPy function of both": lambda i, c: np.maximum(c, i),
    "a comparison": lambda i, c: np.where(i > 1, c + i, c),
    "of an array": lambda i, c: c + np.sum(np.ones(3, c.dtype) * i),
    "in an inner loop": lambda i, c: lax.fori_loop(0, 2, lambda j, d: d + i * j, c),
    "in a jitted function": lambda i, c: cv.jit(lambda i, c: c + i)(i, c),
    "in a branch": lambda i, c: lax.cond(i > 1, lambda c: c + i, lambda c: c, c),
}


def loop(step, lower=0, **options):
    return lambda n, c: lax.fori_loop(lower, n, step, c, **options)


def without_jit(f):
    def run(*args):
        with cv.disable_jit():
            return f(*args)

    return run


WAYS: dict[str, Any] = {
    "eager": lambda step, n, c: loop(step)(n, c),
    "NumPy bounds": lambda step, n, c: loop(step, np.int32(0))(np.int64(n), c),
    "jit": lambda step, n, c: cv.jit(lambda c: loop(step)(n, c))(c),
    "jit of an unknown bound": lambda step, n, c: cv.jit(loop(step))(n, c),
    "an unknown bound of few bits": lambda step, n, c: cv.jit(loop(step))(np.uint8(n), c),
    "both bounds unknown": lambda step, n, c: cv.jit(lambda a, n, c: loop(step, a)(n, c))(0, n, c),
    "without jit": lambda step, n, c: without_jit(loop(step))(n, c),
    "unrolled": lambda step, n, c: loop(step, unroll=2)(n, c),
    "vmap of the carry": lambda step, n, c: cv.vmap(loop(step), (None, 0))(n, np.stack([c, c]))[1],
    "vmap of the bound": lambda step, n, c: cv.vmap(loop(step), (0, None))(np.array([1, n]), c)[1],
    "jit of vmap of the bound": lambda step, n, c: cv.jit(cv.vmap(loop(step), (0, None)))(np.array([1, n]), c)[1],
    "vmap of jit of both": lambda step, n, c: cv.vmap(cv.jit(loop(step)))(np.array([n, 2]), np.stack([c, c]))[0],
    "jvp": lambda step, n, c: cv.jvp(lambda c: loop(step)(n, c), (c,), (c,))[0],
    "checkpoint": lambda step, n, c: cv.checkpoint(lambda c: loop(step)(n, c))(c),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_carry_keeps_its_dtype(name: str, way: str, dtype: Any) -> None:
    c = dtype(1.5)
    want = c
    for i in range(4):
        want = STEPS[name](i, want)
    got = WAYS[way](STEPS[name], 4, c)
    assert np.asarray(got).dtype == np.asarray(want).dtype == dtype
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int32, np.uint16, np.complex64])
@pytest.mark.parametrize("way", [w for w in WAYS if w != "jvp"])
def test_other_dtypes(way: str, dtype: Any) -> None:
    got = WAYS[way](lambda i, c: c * 2 + i, 4, dtype(1))
    assert np.asarray(got).dtype == dtype and got == 27


@pytest.mark.parametrize("way", WAYS)
def test_a_gradient_keeps_the_dtype(way: str) -> None:
    f = lambda c: WAYS[way](lambda i, c: c * (i + 1), 4, c)
    gradient = cv.grad(f)(np.float32(1.5))
    assert gradient.dtype == np.float32 and gradient == 24


def test_a_number_in_the_carry_is_a_number_of_its_own() -> None:
    assert lax.fori_loop(0, 3, lambda i, c: c + i, 0).dtype == np.int64
    assert lax.fori_loop(0, 3, lambda i, c: c + 0.5 * i, 0).dtype == np.float64
    assert lax.fori_loop(0, 3, lambda i, c: i, 0) == 2


FLOATS = [(0.0, 3.0), (0, 2.5), (0.5, 3), (np.float32(1), np.float64(3.25)), (2.0, 1.0)]


@pytest.mark.parametrize(("lower", "upper"), FLOATS)
def test_bounds_that_are_floats(lower: float, upper: float) -> None:
    """As in ``while i < upper``."""
    f = lambda lower, upper, c: lax.fori_loop(lower, upper, lambda i, c: c * 2 + i, c)
    i, want = float(lower), 1.0
    while i < upper:
        want, i = want * 2 + i, i + 1
    for run in (f, cv.jit(f), without_jit(f), lambda *args: cv.vmap(f)(*(np.array([x]) for x in args))[0]):
        got = run(lower, upper, np.float32(1))
        assert np.asarray(got).dtype == np.float32 and got == want


def test_the_derivative_with_respect_to_a_bound_that_the_index_has() -> None:
    f = lambda a: lax.fori_loop(a, a + 2.5, lambda i, c: c + i**2, 0.0)  # a², (a + 1)², (a + 2)²
    for gradient in (cv.grad(f), cv.jit(cv.grad(f)), cv.grad(cv.jit(f))):
        np.testing.assert_allclose(gradient(0.7), 2 * (0.7 + 1.7 + 2.7))


BATCHES: dict[str, Any] = {
    "jacfwd": lambda f: cv.jacfwd(f)(2.0),
    "jacfwd of jit": lambda f: cv.jacfwd(cv.jit(f))(2.0),
    "vmap of a linear map": lambda f: cv.vmap(cv.linearize(f, 2.0)[1])(np.ones(2))[0],
    "vmap of jvp of jit": lambda f: cv.vmap(lambda t: cv.jvp(cv.jit(f), (2.0,), (t,))[1])(np.ones(2))[0],
    "vmap of jvp of checkpoint": lambda f: cv.vmap(lambda t: cv.jvp(cv.checkpoint(f), (2.0,), (t,))[1])(np.ones(2))[0],
}


@pytest.mark.parametrize("way", BATCHES)
def test_a_batch_of_tangents_of_a_number_decides_no_dtype(way: str) -> None:
    """The index is not the only Python number that becomes an array in a batch."""
    slope = BATCHES[way](lambda x: np.float32(3) * x)
    assert slope.dtype == np.float32 and slope == 3


def test_decimal_bounds_mean_as_many_steps_where_they_are_known_as_where_they_are_not() -> None:
    f = lambda a, b: lax.fori_loop(a, b, lambda i, c: c + i, 0.0)
    traced = cv.jit(f)
    for a, b in np.round(np.random.default_rng(0).uniform(-4, 4, (300, 2)), 1):
        assert f(a, b) == traced(a, b) == cv.vmap(f)(np.array([a]), np.array([b]))[0] == cv.value_and_grad(f)(a, b)[0]
    assert cv.grad(f)(-2.7, 0.3) == 3.0


def test_traced_bounds_beyond_those_that_are_counted_in_are_refused() -> None:
    with pytest.raises(cv.core.errors.ArgumentError, match="fori_loop got upper of type u64"):
        cv.jit(lambda n: lax.fori_loop(0, n, lambda i, c: c + i, 0.0))(np.uint64(2**63 + 2))
