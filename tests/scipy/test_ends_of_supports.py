"""Slopes of probabilities where a distribution begins: the density, which formulas with logarithms of x do not give."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.scipy import stats

BEGINNING_AT_0 = {
    "gamma": [(2.3,), (1.0,)],
    "chi2": [(3.0,), (2.0,)],
    "chi": [(3.0,), (2.0,)],
    "maxwell": [()],
    "nakagami": [(1.3,)],
    "gengamma": [(1.2, 1.5), (2.0, 1.0)],
    "beta": [(2.0, 3.5), (1.0, 2.0)],
    "betaprime": [(2.0, 3.0), (1.0, 3.0)],
    "f": [(3.0, 7.0), (2.0, 7.0)],
    "fisk": [(2.5,), (1.0,)],
    "burr12": [(2.0, 3.0), (1.0, 3.0)],
    "powerlaw": [(1.4,), (1.0,)],
}
STEEP = {"gamma": (0.5,), "beta": (0.5, 2.0), "f": (1.0, 7.0), "betaprime": (0.5, 3.0), "fisk": (0.5,)}
CASES = [(name, shapes) for name, every in BEGINNING_AT_0.items() for shapes in every]


@pytest.mark.parametrize(("name", "shapes"), CASES)
def test_the_slope_at_0_is_the_density(name: str, shapes: tuple[float, ...]) -> None:
    distribution = getattr(stats, name)
    for method, sign in (("cdf", 1.0), ("sf", -1.0), ("logsf", -1.0)):
        f = lambda x, loc, *shapes, m=method: getattr(distribution, m)(x, *shapes, loc=loc, scale=2.0)
        density = sign * distribution.pdf(1.0, *shapes, loc=1.0, scale=2.0)
        expected = [density, -density, *[0.0] * len(shapes)]
        every = tuple(range(len(expected)))
        for gradient in (cv.grad(f, every), cv.jit(cv.grad(f, every))):
            np.testing.assert_allclose(gradient(1.0, 1.0, *shapes), expected, rtol=1e-12, atol=1e-300, err_msg=method)
        step = 1e-7
        difference = (f(1.0 + step, 1.0, *shapes) - f(1.0, 1.0, *shapes)) / step
        np.testing.assert_allclose(density, difference, atol=2e-3, err_msg=method)


def test_slopes_that_are_infinite() -> None:
    for method, sign in (("cdf", 1.0), ("sf", -1.0), ("logsf", -1.0)):
        for name, shapes in STEEP.items():
            f = getattr(getattr(stats, name), method)
            assert cv.grad(lambda x: f(x, *shapes))(0.0) == sign * np.inf, (name, method)  # noqa: B023


def test_zero_is_no_end_of_the_whole_line() -> None:
    f = lambda x: stats.loggamma.logsf(x, 1e-20)
    np.testing.assert_allclose([f(0.0), cv.grad(f)(0.0)], [f(1e-13), cv.grad(f)(1e-13)], rtol=1e-10)


WITH_LOGARITHM = ["gamma", "chi2", "chi", "maxwell", "nakagami", "gengamma", "beta", "betaprime", "f"]
INFINITE = {
    **{f"{name}.logcdf": (0.0, np.inf, BEGINNING_AT_0[name][0]) for name in WITH_LOGARITHM},
    "beta.logsf": (1.0, -np.inf, (2.0, 3.5)),
    "powerlaw.logsf": (1.0, -np.inf, (1.4,)),
    "weibull_max.logsf": (0.0, -np.inf, (2.0,)),
    "weibull_max.logpdf": (0.0, -np.inf, (2.0,)),
    "arcsine.logcdf": (0.0, np.inf, ()),
    "arcsine.logsf": (1.0, -np.inf, ()),
    "genextreme.logpdf": (2.0, -np.inf, (0.5,)),
    "genextreme.logpdf at the lower": (-2.0, np.inf, (-0.5,)),
}


@pytest.mark.parametrize("case", INFINITE)
def test_logarithms_that_are_infinite(case: str) -> None:
    x, slope, shapes = INFINITE[case]
    name, method = case.split()[0].split(".")
    f = lambda x: getattr(getattr(stats, name), method)(x, *shapes)
    with np.errstate(all="ignore"):
        assert f(x) == -np.inf
        for run in (lambda g: g, cv.jit):
            assert run(cv.grad(f))(x) == slope
            assert run(lambda x: cv.jvp(f, (x,), (1.0,))[1])(x) == slope


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 1.0), (2.0, 3.5), (0.7, 2.0)])
def test_the_upper_end_of_beta(a: float, b: float) -> None:
    density = a if b == 1 else 0.0
    for method, slope in {"cdf": density, "sf": -density, "logcdf": density}.items():
        f = lambda x, a, b, m=method: getattr(stats.beta, m)(x, a, b)
        np.testing.assert_allclose(cv.grad(f, (0, 1, 2))(1.0, a, b), [slope, 0.0, 0.0], rtol=1e-12, err_msg=method)
        assert cv.jvp(lambda x: f(x, a, b), (1.0,), (1.0,))[1] == pytest.approx(slope)  # noqa: B023


def test_densities_at_an_upper_end() -> None:
    """Those of a uniform distribution, and of ``exp(x - 1)`` up to 1."""
    assert (stats.genpareto.pdf(1.0, -1.0), stats.genpareto.logpdf(1.0, -1.0)) == (1.0, 0.0)
    for logpdf, slope in ((lambda x: stats.genpareto.logpdf(x, -1.0), 0.0), (lambda x: stats.genextreme.logpdf(x, 1.0), 1.0)):
        assert (logpdf(1.0), cv.grad(logpdf)(1.0), cv.jvp(logpdf, (1.0,), (1.0,))[1]) == (0.0, slope, slope)


def test_arcsine_logarithms() -> None:
    x = np.array([1e-300, 1e-20, 0.1, 0.5, 0.7, 1 - 2.0**-53])
    np.testing.assert_allclose(stats.arcsine.logcdf(x)[:4], np.log(2 / np.pi * np.arcsin(np.sqrt(x[:4]))), rtol=1e-14)
    np.testing.assert_allclose(stats.arcsine.logsf(x)[2:], np.log(2 / np.pi * np.arcsin(np.sqrt(1 - x[2:]))), rtol=1e-14)
    np.testing.assert_allclose(stats.arcsine.logsf(x)[:2], -2 / np.pi * np.sqrt(x[:2]), rtol=1e-9)
