"""Distributions far out and at their ends: probabilities are between 0 and 1, and their slopes are densities, not NaN."""

from __future__ import annotations

import importlib.util
from typing import Any

import mpmath
import numpy as np
import pytest

import covector as cv
from covector.scipy import stats
from covector.scipy.stats.distributions import Continuous

BIG = float(np.finfo(float).max)
SIZES = (0.0, 1e-100, 1e-20, 0.5, 1.0, 2.0, 10.0, 40.0, 100.0, 800.0, 1e5, 1e8, 1e16, 1e100, 1e160, 1e300, BIG)
X = np.array([sign * size for size in (*SIZES, np.inf) for sign in (1, -1)])
SHAPES: dict[str, list[tuple[float, ...]]] = {
    "t": [(0.3,), (3.0,)], "beta": [(0.5, 0.5), (2.0, 3.0)], "betaprime": [(0.5, 2.0), (2.0, 3.0)],
    "f": [(1.0, 7.0), (3.0, 7.0)],
    "gamma": [(0.5,), (2.3,)], "chi2": [(1.0,), (3.0,)], "chi": [(0.8,), (3.0,)], "nakagami": [(0.6,), (1.3,)],
    "gengamma": [(2.0, -1.0), (1.2, 1.5), (0.5, 0.7)], "invgamma": [(0.7,), (2.5,)], "invgauss": [(0.7,), (3.0,)],
    "loggamma": [(0.6,), (2.0,)], "rice": [(0.8,)], "burr12": [(2.0, 3.0), (0.5, 0.7)], "fisk": [(0.6,), (2.5,)],
    "genextreme": [(0.0,), (0.5,), (-0.5,)], "genpareto": [(0.0,), (0.5,), (-0.5,)], "lomax": [(0.6,)], "pareto": [(0.6,)],
    "weibull_max": [(0.7,), (2.0,)], "weibull_min": [(0.7,), (2.0,)], "exponnorm": [(1.5,)], "foldnorm": [(0.7,)],
    "johnsonsu": [(0.5, 1.2)], "lognorm": [(0.7,)], "skewnorm": [(1.0,), (-2.0,), (0.0,)], "gennorm": [(0.7,), (2.0,), (1.0,)],
    "truncnorm": [(-0.5, 2.0), (-np.inf, np.inf)], "powerlaw": [(0.6,), (1.4,)], "triang": [(0.3,), (0.0,), (1.0,)],
}  # fmt: skip
NAMES = [n for n in stats.__all__ if isinstance(getattr(stats, n), Continuous) and n != "vonmises"]  # which goes on and on
CASES = [(name, shapes) for name in NAMES for shapes in SHAPES.get(name, [()])]
WAYS = {"eager": lambda f: f, "numpy": lambda f: cv.jit(f, backend="numpy")}
if importlib.util.find_spec("llvmlite"):
    WAYS["native"] = lambda f: cv.jit(f, backend="native")


def _slopes(f: Any) -> list[Any]:
    """Forward and reverse."""
    total = lambda x: np.sum(f(x))
    return [lambda x: cv.jvp(f, (x,), (np.ones_like(x),))[1], cv.grad(total)]


@pytest.mark.parametrize(("name", "shapes"), CASES)
def test_probabilities_and_their_slopes(name: str, shapes: tuple[float, ...]) -> None:
    distribution = getattr(stats, name)
    with np.errstate(all="ignore"):
        density = distribution.pdf(X, *shapes)
        assert not np.isnan(density).any()
        for method, sign in (("cdf", 1), ("sf", -1)):
            f: Any = lambda x, m=method: getattr(distribution, m)(x, *shapes)
            p, log = f(X), getattr(distribution, "log" + method)(X, *shapes)
            assert np.all((p >= 0) & (p <= 1) & (log <= 0)), method
            smooth = ~((name == "laplace") & (X == 0)) & np.isfinite(X)
            for slope in _slopes(f):
                np.testing.assert_allclose(slope(X)[smooth], sign * density[smooth], rtol=1e-8, atol=1e-150, err_msg=method)


@pytest.mark.parametrize(("name", "shapes"), CASES)
def test_logarithms_near_0_move_with_the_density(name: str, shapes: tuple[float, ...]) -> None:
    distribution = getattr(stats, name)
    with np.errstate(all="ignore"):
        for method, sign in (("logcdf", 1), ("logsf", -1)):
            f: Any = lambda x, m=method: getattr(distribution, m)(x, *shapes)
            log = f(X)
            near = (log > -1) & np.isfinite(X) & ~((name == "laplace") & (X == 0))
            expected = sign * (distribution.pdf(X, *shapes) / np.exp(log))[near]
            for slope in _slopes(f):
                np.testing.assert_allclose(slope(X)[near], expected, rtol=1e-7, atol=1e-150, err_msg=method)


FALLING = ["norm", "halfnorm", "hypsecant", "gumbel_l", "gumbel_r", "rayleigh", "maxwell", "logistic", "laplace", "levy"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FALLING)
def test_densities_do_not_move_where_they_are_0(name: str, way: str) -> None:
    distribution = getattr(stats, name)
    x = np.array([s * v for v in (1e4, 1e8, 1e100, 1e155, 1e300, 1.79e308) for s in (1, -1)])
    with np.errstate(all="ignore"):
        none = distribution.pdf(x) == 0
        for f in (distribution.pdf, distribution.cdf, distribution.sf):
            for slope in _slopes(f):
                np.testing.assert_array_equal(WAYS[way](slope)(x)[none], 0)
                np.testing.assert_array_equal(WAYS[way](_slopes(slope)[0])(x)[none], 0)


@pytest.mark.parametrize("name", ["weibull_min", "weibull_max", "gennorm"])
def test_shapes_of_which_no_power_is_out_of_reach(name: str) -> None:
    x = -0.5 if name == "weibull_max" else 0.5
    for method in ("pdf", "cdf", "sf"):
        f = lambda c, m=method: getattr(getattr(stats, name), m)(x, c)
        step = 1e-6
        difference = (f(0.3 + step) - f(0.3 - step)) / (2 * step)
        for slope in (cv.grad(f)(0.3), cv.jvp(f, (0.3,), (1.0,))[1]):
            np.testing.assert_allclose(slope, difference, rtol=1e-6)


def _mp(x: float) -> Any:
    return mpmath.mpf(float(x))


def _t_cdf(x: float, df: float) -> Any:
    z = _mp(df) / (_mp(df) + _mp(x) ** 2)
    return z ** (_mp(df) / 2) * mpmath.hyp2f1(_mp(df) / 2, 0.5, _mp(df) / 2 + 1, z) / _mp(df) / mpmath.beta(_mp(df) / 2, 0.5)


def _t_logpdf(x: float, df: float) -> Any:
    df = _mp(df)
    return -(df + 1) / 2 * mpmath.log(1 + _mp(x) ** 2 / df) - mpmath.log(mpmath.sqrt(df) * mpmath.beta(df / 2, 0.5))


EXACT = {
    "skewnorm.logsf(-10, 1)": lambda: mpmath.log1p(-mpmath.ncdf(-10) ** 2),
    "skewnorm.logcdf(10, -1)": lambda: mpmath.log1p(-mpmath.ncdf(-10) ** 2),
    "t.cdf(-1e160, .3)": lambda: _t_cdf(1e160, 0.3),
    "t.sf(1e300, .3)": lambda: _t_cdf(1e300, 0.3),
    "t.cdf(-1e100, 1.7)": lambda: _t_cdf(1e100, 1.7),
    "t.logpdf(1.7976931348623157e308, .3)": lambda: _t_logpdf(BIG, 0.3),
    "beta.cdf(5e-324, .5, .5)": lambda: 2 / mpmath.pi * mpmath.asin(mpmath.sqrt(_mp(5e-324))),
    "beta.cdf(1e-310, .5, .5)": lambda: 2 / mpmath.pi * mpmath.asin(mpmath.sqrt(_mp(1e-310))),
    "betaprime.cdf(5e-324, .5, .5)": lambda: 2 / mpmath.pi * mpmath.atan(mpmath.sqrt(_mp(5e-324))),
    "levy.sf(1.7976931348623157e308)": lambda: mpmath.erf(1 / mpmath.sqrt(2 * _mp(BIG))),
    "fisk.isf(1e-310, 2.5)": lambda: (1 / _mp(1e-310) - 1) ** (1 / _mp(2.5)),
    "fisk.isf(5e-324, 7.)": lambda: (1 / _mp(5e-324) - 1) ** (1 / _mp(7)),
    "burr12.isf(1e-310, 5., .7)": lambda: mpmath.expm1(-mpmath.log(_mp(1e-310)) / _mp(0.7)) ** (_mp(1) / 5),
    "gengamma.cdf(-0., 2, -1)": lambda: 0,
    "gengamma.sf(-0., 2, -1)": lambda: 1,
    "loggamma.cdf(-800., .6)": lambda: mpmath.exp(-480) / mpmath.gamma(1 + _mp(0.6)),
    "triang.cdf(1e-20, 0.)": lambda: 2 * _mp(1e-20) - _mp(1e-20) ** 2,
    "triang.logcdf(1e-20, 0.)": lambda: mpmath.log(2 * _mp(1e-20) - _mp(1e-20) ** 2),
    "triang.logsf(1e-20, 0.)": lambda: 2 * mpmath.log1p(-_mp(1e-20)),
    "invgauss.cdf(1.7976931348623157e308, .7)": lambda: 1,
    "hypsecant.sf(800.)": lambda: 2 / mpmath.pi * mpmath.atan(mpmath.exp(-800)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", EXACT)
def test_values_of_mpmath(case: str, way: str) -> None:
    name, _, rest = case.partition(".")
    method, _, given = rest.partition("(")
    args = [float(a) for a in given.rstrip(")").split(",")]
    with mpmath.workdps(700):
        exact = float(EXACT[case]())
    with np.errstate(all="ignore"):
        found = WAYS[way](lambda *args: getattr(getattr(stats, name), method)(*args))(*args)
    np.testing.assert_allclose(found, exact, rtol=2e-13, atol=5e-324 if abs(exact) < 1e-307 else 0)
