"""Quantiles of probabilities next to 0 and next to 1, by closed forms: none is made of the rest to 1, where that is rounded."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import covector as cv
from covector.scipy import stats

Q = np.array([1e-300, 1e-200, 1e-100, 1e-17, 1e-10, 1e-5, 0.3, 0.7, 1 - 1e-8, 1 - 1e-10, 1 - 1e-13])
REST = Q.copy()
REST[6:] = 1 - Q[6:]  # exact, and the others have none that is
SMALL = Q < 0.5


def log_rest(q):
    """The logarithm of 1 - q, of q next to 1 by what is exact."""
    return np.where(SMALL, np.log1p(-q), np.log(REST))


ARCSINE = np.where(SMALL, np.cos(np.pi / 2 * Q), np.sin(np.pi / 2 * REST)) ** 2
POWER = np.exp(np.log(Q) / 1.4)
REST_OF_POWER = -np.expm1(log_rest(Q) / 1.4)
ODDS = -np.expm1(np.log(Q) / 1.4) / POWER
LOMAX = np.expm1(-np.log(Q) / 2.5)
LOMAX_BELOW = np.expm1(-log_rest(Q) / 2.5)

EXPECTED = {
    "arcsine.isf": ((), ARCSINE),
    "beta.isf of arcsine": ((0.5, 0.5), ARCSINE),
    "beta.ppf of a power": ((1.4, 1.0), POWER),
    "beta.isf of a power": ((1.0, 1.4), -np.expm1(np.log(Q) / 1.4)),
    "beta.ppf of the rest": ((1.0, 1.4), REST_OF_POWER),
    "powerlaw.isf": ((1.4,), np.exp(log_rest(Q) / 1.4)),
    "weibull_max.isf": ((1.4,), -((-log_rest(Q)) ** (1 / 1.4))),
    "betaprime.isf of lomax": ((1.0, 2.5), LOMAX),
    "betaprime.ppf of lomax": ((1.0, 2.5), LOMAX_BELOW),
    "betaprime.isf of its inverse": ((2.5, 1.0), 1 / LOMAX_BELOW),
    "betaprime.ppf of its inverse": ((2.5, 1.0), 1 / LOMAX),
    "f.isf": ((2.0, 5.0), 2.5 * LOMAX),
    "f.ppf": ((2.0, 5.0), 2.5 * LOMAX_BELOW),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_closed_forms(case: str) -> None:
    shapes, expected = EXPECTED[case]
    name, method = case.split()[0].split(".")
    f = lambda q: getattr(getattr(stats, name), method)(q, *shapes)
    with np.errstate(over="ignore"):
        for run in (f, cv.jit(f)):
            np.testing.assert_allclose(run(Q), expected, rtol=3e-13, atol=1e-300)
        slope = cv.vmap(cv.grad(f))(Q[3:])
    density = np.exp(getattr(stats, name).logpdf(expected[3:], *shapes))
    known = (expected[3:] < 0.9) & (expected[3:] > -1e9)
    sign = 1 if method == "ppf" else -1
    np.testing.assert_allclose((slope * density)[known], sign, rtol=1e-7)


@pytest.mark.parametrize(("a", "b"), [(2.0, 3.5), (3.5, 2.0), (3.0, 100.0), (10.0, 0.25)])
@pytest.mark.parametrize("q", [1e-300, 1e-200, 1e-130])
def test_beta_next_to_0(a: float, b: float, q: float) -> None:
    """By the first term of the series, of which the next one is less than rounding; SciPy has NaN for some."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    first = lambda q, a, log_beta: math.exp((math.log(q) + math.log(a) + log_beta) / a)
    np.testing.assert_allclose(stats.beta.ppf(q, a, b), first(q, a, log_beta), rtol=1e-11)
    np.testing.assert_allclose(stats.betaprime.isf(q, b, a), 1 / first(q, a, log_beta), rtol=1e-11)
    in_q, in_a = cv.grad(stats.beta.ppf, (0, 1))(q, a, b)
    np.testing.assert_allclose(in_q, first(q, a, log_beta) / (a * q), rtol=1e-11)
    h = 1e-6
    difference = np.diff([math.log(stats.beta.ppf(q, a + s, b)) for s in (-h, h)])[0] / (2 * h)
    np.testing.assert_allclose(in_a / first(q, a, log_beta), difference, rtol=1e-6)


@pytest.mark.parametrize(("name", "shapes"), [("betaprime", (2.0, 3.0)), ("f", (3.0, 7.0))])
def test_slopes_at_the_beginning(name: str, shapes: tuple[float, ...]) -> None:
    for method, q, slope in (("ppf", 0.0, np.inf), ("isf", 1.0, -np.inf)):
        f = lambda q: getattr(getattr(stats, name), method)(q, *shapes)  # noqa: B023
        with np.errstate(divide="ignore"):
            assert (f(q), cv.grad(f)(q), cv.jvp(f, (q,), (1.0,))[1]) == (0.0, slope, slope)


@pytest.mark.parametrize(("name", "shapes"), [("betaprime", (2.0, 3.0)), ("f", (3.0, 7.0)), ("beta", (0.5, 2.0))])
@pytest.mark.parametrize("method", ["ppf", "isf"])
@pytest.mark.parametrize("q", [1e-12, 0.3, 0.5, 0.8])
def test_slopes_in_shapes(name: str, shapes: tuple[float, ...], method: str, q: float) -> None:
    f = getattr(getattr(stats, name), method)
    in_q = np.exp(-getattr(stats, name).logpdf(f(q, *shapes), *shapes))
    np.testing.assert_allclose(cv.grad(f)(q, *shapes), in_q if method == "ppf" else -in_q, rtol=1e-9)
    slopes = cv.jacfwd(f, (1, 2))(q, *shapes)
    np.testing.assert_allclose(cv.grad(f, (1, 2))(q, *shapes), slopes, rtol=1e-12)
    h = 1e-5
    for i, slope in enumerate(slopes):
        moved = [[s + side * h * (i == j) for j, s in enumerate(shapes)] for side in (-1, 1)]
        np.testing.assert_allclose(slope, (f(q, *moved[1]) - f(q, *moved[0])) / (2 * h), rtol=1e-5, atol=1e-9)


# --- quantiles without a formula ------------------------------------------------------------------------------------------


def _normal(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _inverse_gaussian(x: Any, m: Any) -> Any:
    r = 1 / mp.sqrt(x)
    return _normal(-r * (x / m - 1)) - mp.exp(2 / m) * _normal(-r * (x / m + 1))


def _skewed(x: Any, a: Any) -> Any:
    return mp.quad(lambda t: 2 * mp.npdf(t) * _normal(a * t), [x + s for s in (0, 0.02, 0.1, 0.5, 1, 2, 4, 10, 40)])


def _rice(x: Any, b: Any) -> Any:
    f = lambda t: t * mp.exp(-((t - b) ** 2) / 2) * mp.besseli(0, t * b) * mp.exp(-t * b)
    return mp.quad(f, [x + s for s in (0, 0.02, 0.1, 0.5, 1, 2, 4, 10, 40)])


BEYOND: dict[str, tuple[tuple[float, ...], Any]] = {
    "exponnorm": ((1.5,), lambda x, k: _normal(-x) + mp.exp(1 / (2 * k * k) - x / k) * _normal(x - 1 / k)),
    "foldnorm": ((1.2,), lambda x, c: _normal(c - x) + _normal(-x - c)),
    "invgauss": ((0.7,), _inverse_gaussian),
    "wald": ((), lambda x: _inverse_gaussian(x, mp.mpf(1))),
    "t": ((3.5,), lambda x, n: mp.betainc(n / 2, mp.mpf("0.5"), 0, n / (n + x * x), regularized=True) / 2),
    "loggamma": ((2.0,), lambda x, c: mp.gammainc(c, mp.exp(x), mp.inf, regularized=True)),
    "rice": ((1.3,), _rice),
    "skewnorm": ((2.0,), _skewed),
}
"""Survival functions for large x."""


@pytest.mark.filterwarnings("ignore:Error in function boost:RuntimeWarning")  # of a search that is done once more
@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize("q", [1e-10, 1e-17, 1e-200])
def test_quantiles_that_are_searched_for(name: str, q: float) -> None:
    """SciPy's are 10 or 100 where a search ends, infinite, or of the wrong sign for some of these."""
    shapes, beyond = BEYOND[name]
    f = lambda q: getattr(stats, name).isf(q, *shapes)
    x = float(cv.jit(f)(q))
    with mp.workdps(40):
        goal = math.log(q)
        assert abs(float(mp.log(beyond(mp.mpf(x), *map(mp.mpf, shapes)))) - goal) < -3e-10 * goal
    assert float(cv.vmap(f)(np.array([q, 0.2]))[0]) == x
    np.testing.assert_allclose(cv.grad(f)(q), -1 / np.exp(getattr(stats, name).logpdf(x, *shapes)), rtol=1e-12)


def test_quantiles_that_are_searched_for_on_the_other_side() -> None:
    q = np.array([1e-300, 1e-200, 1e-17, 1e-10])
    density = math.sqrt(2 / math.pi) * math.exp(-(1.2**2) / 2)
    np.testing.assert_allclose(stats.foldnorm.ppf(q, 1.2), q / density, rtol=1e-9)
    np.testing.assert_allclose(stats.t.ppf(q, 3.5), -stats.t.isf(q, 3.5), rtol=1e-14)
    mirrored = stats.skewnorm.isf(q, -2.0)
    np.testing.assert_allclose(stats.skewnorm.ppf(q, 2.0), -mirrored, rtol=1e-10)
    with mp.workdps(40):
        found = [float(mp.log(_skewed(mp.mpf(x), mp.mpf(-2)))) for x in mirrored]
    np.testing.assert_allclose(found, np.log(q), rtol=3e-10)
