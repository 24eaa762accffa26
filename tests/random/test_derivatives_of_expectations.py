"""The derivative of a mean over samples against that of the expectation, and of one sample against that of its quantile."""

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.special import polygamma, psi

import covector as cv
from covector import random

KEY = random.key(11)
N = 40_000
EULER = 0.5772156649015329
trigamma = lambda x: polygamma(1, x)
logarithm = lambda x: np.log(np.abs(x))
square = lambda x: x * x
same = lambda x: x


def of_truncated_normal(low):
    """Of the mean between a bound and 2, in the bound."""
    normal, share = stats.norm.pdf, stats.norm.cdf(2.0) - stats.norm.cdf(low)
    return normal(low) * ((normal(low) - normal(2.0)) / share - low) / share


EXPECTATIONS = {  # the sampler with a parameter, a function of the sample, the derivative of its expectation, and where
    "wald": (lambda p: random.wald(KEY, p, N), same, lambda m: 1.0, (0.05, 0.3, 1.3, 4.0)),
    "wald, square": (lambda p: random.wald(KEY, p, N), square, lambda m: 2 * m + 3 * m * m, (0.05, 0.3, 1.3, 4.0)),
    "wald, inverse": (lambda p: random.wald(KEY, p, N), lambda x: 1 / x, lambda m: -1 / m**2, (0.05, 0.3, 1.3, 4.0)),
    "gamma": (lambda p: random.gamma(KEY, p, N), logarithm, trigamma, (0.2, 3.0)),
    "loggamma": (lambda p: random.loggamma(KEY, p, N), same, trigamma, (0.2, 3.0)),
    "beta": (lambda p: random.beta(KEY, p, 1.5, N), logarithm, lambda a: trigamma(a) - trigamma(a + 1.5), (0.4, 3.0)),
    "dirichlet": (
        lambda p: random.dirichlet(KEY, p * np.array([1.0, 2.0, 3.0]), N)[:, 0],
        logarithm,
        lambda a: trigamma(a) - 6 * trigamma(6 * a),
        (0.5, 2.0),
    ),
    "chisquare": (lambda p: random.chisquare(KEY, p, N), logarithm, lambda n: trigamma(n / 2) / 2, (0.5, 4.0)),
    "t": (lambda p: random.t(KEY, p, N), logarithm, lambda n: (1 / n - trigamma(n / 2) / 2) / 2, (1.0, 4.0)),
    "f": (lambda p: random.f(KEY, 3.0, p, N), logarithm, lambda n: 1 / n - trigamma(n / 2) / 2, (1.0, 8.0)),
    "generalized_normal": (
        lambda p: random.generalized_normal(KEY, p, N),
        logarithm,
        lambda p: -psi(1 / p) / p**2 - trigamma(1 / p) / p**3,
        (0.7, 3.0),
    ),
    "ball": (lambda p: random.ball(KEY, 1, p, N)[:, 0], square, lambda p: 0.0, (0.7, 3.0)),
    "pareto": (lambda p: random.pareto(KEY, p, N), logarithm, lambda b: -1 / b**2, (0.5, 3.0)),
    "weibull_min": (lambda p: random.weibull_min(KEY, 2.0, p, N), logarithm, lambda c: EULER / c**2, (0.5, 3.0)),
    "rayleigh": (lambda p: random.rayleigh(KEY, p, N), square, lambda s: 4 * s, (2.0,)),
    "lognormal": (lambda p: random.lognormal(KEY, p, N), same, lambda s: s * np.exp(s * s / 2), (0.6,)),
    "triangular": (lambda p: random.triangular(KEY, -1.0, p, 2.0, N), same, lambda p: 1 / 3, (-0.9, 0.5)),
    "uniform": (lambda p: random.uniform(KEY, N, minval=p, maxval=2.0), square, lambda a: (2 * a + 2) / 3, (-1.0,)),
    "truncated_normal": (lambda p: random.truncated_normal(KEY, p, 2.0, N), same, of_truncated_normal, (-1.0, 1.0)),
    "double_sided_maxwell": (lambda p: random.double_sided_maxwell(KEY, p, p, N), square, lambda p: 8 * p, (0.5,)),
    "multivariate_normal": (
        lambda p: np.prod(random.multivariate_normal(KEY, np.zeros(2), np.eye(2) + p * (1 - np.eye(2)), N), axis=-1),
        same,
        lambda p: 1.0,
        (0.3,),
    ),
}
CASES = [pytest.param(*rest, p, id=f"{name} at {p}") for name, (*rest, places) in EXPECTATIONS.items() for p in places]


@pytest.mark.parametrize(("draw", "h", "expected", "p"), CASES)
def test_the_derivative_of_an_expectation(draw, h, expected, p):
    tangents = cv.jvp(lambda p: h(draw(p)), (p,), (1.0,))[1]
    deviation = np.std(tangents) / np.sqrt(N)
    assert abs(np.mean(tangents) - expected(p)) < 4 * deviation + 1e-9
    np.testing.assert_allclose(cv.grad(lambda p: np.mean(h(draw(p))))(p), np.mean(tangents), rtol=1e-9, atol=1e-9)


def below(x, mean):
    """The probability that a Wald number is below x, in many digits."""
    root = mpmath.sqrt(x)
    return mpmath.ncdf(root / mean - 1 / root) + mpmath.exp(2 / mean) * mpmath.ncdf(-root / mean - 1 / root)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [1e-3, 0.3, 2.0, 1e4])
def test_a_wald_number_moves_as_its_quantile(mean, dtype):
    draw = lambda m: random.wald(KEY, m, 4, dtype)
    at = np.asarray(mean, dtype)
    drawn, tangent = cv.jvp(draw, (at,), (np.ones((), dtype),))
    with mpmath.workdps(60):
        m = mpmath.mpf(float(at))
        slopes = [
            -mpmath.diff(lambda m, x=x: below(x, m), m) / mpmath.diff(lambda x: below(x, m), x)
            for x in map(mpmath.mpf, np.asarray(drawn, float))
        ]
    rtol = 1e-14 if dtype is np.float64 else 2e-6
    np.testing.assert_allclose(tangent, np.array(slopes, float), rtol=rtol)
    for found in (cv.jit(cv.jacfwd(draw))(at), cv.jacrev(draw)(at), cv.vmap(cv.jacrev(draw))(np.stack([at, at]))[1]):
        np.testing.assert_allclose(found, tangent, rtol=rtol)


def test_the_second_derivative_of_the_expectation_of_wald():
    curvature = cv.grad(cv.grad(lambda m: np.mean(random.wald(KEY, m, N) ** 2)))
    assert abs(curvature(0.3) / (2 + 6 * 0.3) - 1) < 0.05
    np.testing.assert_allclose(cv.jit(curvature)(0.3), curvature(0.3), rtol=1e-12)
    draw = lambda m: random.wald(KEY, m, 4)
    np.testing.assert_allclose(cv.hessian(draw)(0.3), cv.jacfwd(cv.jacrev(draw))(0.3), rtol=1e-12)
