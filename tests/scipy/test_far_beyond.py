"""Distributions where the square of a place overflows, with ends that are infinite, and triangles that only rise or fall."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import covector as cv
from covector.scipy import stats

FAR = [s * x for x in (1e150, 1e155, 1e300, 1.7e308) for s in (-1, 1)]
NORMAL = {
    "truncnorm": [(-0.5, np.inf), (-np.inf, 1.0), (-np.inf, np.inf), (-1.0, 2.0)],
    "skewnorm": [(2.0,), (-2.0,), (0.0,)],
    "exponnorm": [(1.5,)],
    "foldnorm": [(0.7,)],
}
NONE = -np.inf
LIMITS = {"cdf": [0, 1], "sf": [1, 0], "logcdf": [NONE, 0], "logsf": [0, NONE], "pdf": [0, 0], "logpdf": [NONE, NONE]}
METHODS = list(LIMITS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "shapes"), [(n, s) for n, every in NORMAL.items() for s in every])
def test_where_squares_overflow(name, shapes, method):
    f = getattr(getattr(stats, name), method)
    with np.errstate(all="ignore"):
        expected = np.array(LIMITS[method] * 3)
        if name == "exponnorm" and method in ("logsf", "logpdf"):  # which falls as an exponential
            expected[1::2] = [-x / 1.5 for x in FAR[3::2]]
        np.testing.assert_allclose(f(np.array(FAR), *shapes)[2:], expected)
        if not method.startswith("log"):
            slopes = cv.vmap(cv.grad(lambda x: f(x, *shapes)))(np.array(FAR))
            np.testing.assert_array_equal(slopes, 0.0)
            np.testing.assert_array_equal(cv.jvp(lambda x: f(x, *shapes), (np.array(FAR),), (np.ones(8),))[1], 0.0)


def _both_ways(f, x):
    return [cv.grad(f)(x), cv.jvp(f, (x,), (1.0,))[1]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", [1, -1])
def test_ends_that_are_infinite(method, side):
    """As with an end beyond which there is nothing in double precision."""
    f = getattr(stats.truncnorm, method)

    def of(end):
        bounds = lambda a: (a, end) if side == 1 else (-end, -a)
        return [
            lambda a: f(0.7 * side, *bounds(a)),
            lambda loc: f(0.7 * side, *bounds(-0.5), loc=loc + 0.5),
            lambda scale: f(0.7 * side, *bounds(-0.5), scale=scale + 1.5),
        ]

    for infinite, finite in zip(of(np.inf), of(40.0), strict=True):
        np.testing.assert_allclose(_both_ways(infinite, -0.5), _both_ways(finite, -0.5), rtol=1e-12)
        np.testing.assert_allclose(cv.hessian(infinite)(-0.5), cv.hessian(finite)(-0.5), rtol=1e-11)


@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_quantiles_with_an_infinite_end(method):
    f = lambda a: getattr(stats.truncnorm, method)(0.3, a, np.inf)
    theirs = lambda a: getattr(scipy.stats.truncnorm, method)(0.3, a, np.inf)
    np.testing.assert_allclose(_both_ways(f, -0.5), (theirs(-0.5 + 1e-5) - theirs(-0.5 - 1e-5)) / 2e-5, rtol=1e-8)


@pytest.mark.parametrize("c", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("q", [1e-17, 1e-10, 0.25, 0.3, 0.9])
@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_triangles(method, q, c):
    """By what a probability is of the place: ``x²/c`` below c, and ``c + (x - c) (2 - x - c) / (1 - c)`` above."""
    f = getattr(stats.triang, method)
    below = q if method == "ppf" else 1 - q
    x = float(f(q, c))
    rises = below < c or c == 1
    if rises:
        np.testing.assert_allclose(x, np.sqrt(c * below), rtol=1e-14)
        slopes = [x / (2 * below), x / (2 * c)]
    else:
        if x < 0.9:
            np.testing.assert_allclose(c + (x - c) * (2 - x - c) / (1 - c), below, rtol=1e-14)
        else:
            np.testing.assert_allclose(1 - x, np.sqrt((1 - c) * q), rtol=1e-6)
        rest = q if method == "isf" else 1 - q
        slopes = [np.sqrt((1 - c) / rest) / 2, np.sqrt(rest / (1 - c)) / 2]
    slopes[0] *= 1 if method == "ppf" else -1
    np.testing.assert_allclose(cv.grad(f, (0, 1))(q, c), slopes, rtol=1e-12)
    np.testing.assert_allclose(cv.jacfwd(f, (0, 1))(q, c), slopes, rtol=1e-12)


@pytest.mark.parametrize("x", [-1e4, -1e8, -1e10, -1e100])
def test_skewed_tails(x):
    """There the density is that of a normal one times ``phi(a x) / (-a x)``, and the probability that over ``-(1 + a²) x``."""
    value, slope = cv.value_and_grad(lambda x: stats.skewnorm.logcdf(x, 2.0))(x)
    np.testing.assert_allclose(value, -2.5 * x * x - np.log(2 * np.pi) + np.log(2 / (2 * 5 * x * x)), rtol=1e-14, atol=1e-7)
    np.testing.assert_allclose(slope, -5 * x, rtol=1e-7)
