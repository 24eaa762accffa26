"""Samples of float16, which are as close to their distribution as rounding lets them, and finite where that is within range."""

import numpy as np
import pytest
from scipy import stats

import covector as cv
from covector import random

KEY = random.key(11)
N = 20_000
HALF = np.float16

SAMPLERS = {
    "truncated_normal": (lambda d: random.truncated_normal(KEY, 3.0, 4.0, N, d), stats.truncnorm(3, 4)),
    "truncated_normal, right": (lambda d: random.truncated_normal(KEY, 4.0, 6.0, N, d), stats.truncnorm(4, 6)),
    "truncated_normal, left": (lambda d: random.truncated_normal(KEY, -3.5, -2.9, N, d), stats.truncnorm(-3.5, -2.9)),
    "triangular, wide": (lambda d: random.triangular(KEY, -500.0, 0.0, 500.0, N, d), stats.triang(0.5, -500, 1000)),
    "triangular, narrow": (lambda d: random.triangular(KEY, 1e-4, 2e-4, 3e-4, N, d), stats.triang(0.5, 1e-4, 2e-4)),
    "uniform": (lambda d: random.uniform(KEY, N, d, -6e4, 6e4), stats.uniform(-6e4, 12e4)),
    "wald": (lambda d: random.wald(KEY, 1.3, N, d), stats.invgauss(1.3)),
    "cauchy": (lambda d: random.cauchy(KEY, N, d), stats.cauchy()),
    "beta": (lambda d: random.beta(KEY, 500.0, 700.0, N, d), stats.beta(500, 700)),
    "loggamma": (lambda d: random.loggamma(KEY, 0.01, N, d), stats.loggamma(0.01)),
    "dirichlet": (lambda d: random.dirichlet(KEY, np.ones(50), N // 50, d).ravel(), stats.beta(1, 49)),
    "generalized_normal": (lambda d: random.generalized_normal(KEY, 9.0, N, d), stats.gennorm(9)),
    "t, many degrees": (lambda d: random.t(KEY, 1e5, N, d), stats.norm()),
    "f": (lambda d: random.f(KEY, 3.0, 8.0, N, d), stats.f(3, 8)),
    "ball": (lambda d: random.ball(KEY, 1, 1.5, N, d)[:, 0], stats.uniform(-1, 2)),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_of_float16_have_their_distribution(name):
    draw, expected = SAMPLERS[name]
    drawn = draw(HALF)
    assert drawn.dtype == HALF
    assert np.all(np.isfinite(drawn))
    spread = np.spacing(np.abs(drawn)).astype(float) * np.random.default_rng(0).uniform(-0.5, 0.5, N)
    assert stats.kstest(np.clip(drawn.astype(float) + spread, *expected.support()), expected.cdf).pvalue > 1e-3


@pytest.mark.filterwarnings("ignore:overflow")
def test_wald_of_float16_with_a_large_mean():
    drawn = random.wald(KEY, 300.0, N, HALF)
    for x in (1.0, 100.0, 1000.0, 6e4):
        assert abs(np.mean(drawn < x) - stats.invgauss(300.0).cdf(x)) < 0.01


MOVED = {
    "truncated_normal": lambda p, d: random.truncated_normal(KEY, p, 4.0, 9, d),
    "wald": lambda p, d: random.wald(KEY, p, 9, d),
    "beta": lambda p, d: random.beta(KEY, p, 2.0, 9, d),
    "loggamma": lambda p, d: random.loggamma(KEY, p, 9, d),
    "t": lambda p, d: random.t(KEY, p, 9, d),
    "f": lambda p, d: random.f(KEY, p, 3.0, 9, d),
    "generalized_normal": lambda p, d: random.generalized_normal(KEY, p, 9, d),
    "ball": lambda p, d: random.ball(KEY, 2, p, 9, d),
    "dirichlet": lambda p, d: random.dirichlet(KEY, p * np.ones(3), 3, d),
}


@pytest.mark.parametrize("name", MOVED)
def test_samples_of_float16_are_those_of_float32_rounded(name):
    draw, at = MOVED[name], 1.75
    expected = np.astype(draw(at, np.float32), HALF)
    np.testing.assert_array_equal(draw(at, HALF), expected)
    for found in (cv.jit(lambda p: draw(p, HALF))(at), cv.vmap(lambda p: draw(p, HALF))(np.array([at, at]))[1]):
        assert found.dtype == HALF
        np.testing.assert_allclose(found, expected, rtol=2e-3)
    slopes = [cv.jacfwd(lambda p, d=d: draw(p, d))(at) for d in (HALF, np.float32)]
    assert slopes[0].dtype == HALF
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=3e-3, atol=3e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_interval_that_overflows(dtype):
    most = float(np.finfo(dtype).max)
    draw = lambda low, high: random.uniform(KEY, 3, dtype, low, high)
    assert np.all(np.isfinite(draw(-most / 2, most / 2)))
    with np.errstate(all="ignore"):
        for low, high in ((-most, most), (-np.inf, 0.0), (0.0, np.inf)):
            with pytest.raises(ValueError, match="uniform takes a minval that is not above maxval, and not so far below"):
                draw(low, high)
            assert np.all(np.isnan(cv.jit(draw)(low, high)))
