"""covector.scipy.stats: every function of every distribution against SciPy's, with derivatives in all parameters."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import covector as cv
from covector import errors
from covector.scipy import special, stats
from covector.scipy.stats.distributions import Continuous, Discrete
from covector.testing import check_function, check_grads

LOC, SCALE = 0.3, 1.7
SHAPES = {
    "lognorm": (0.7,),
    "foldnorm": (1.2,),
    "skewnorm": (1.5,),
    "truncnorm": (-1.2, 2.1),
    "exponnorm": (1.3,),
    "johnsonsu": (0.5, 1.4),
    "gamma": (2.3,),
    "chi2": (3.1,),
    "chi": (2.7,),
    "invgamma": (2.2,),
    "loggamma": (1.4,),
    "gengamma": (1.7, 1.3),
    "nakagami": (1.6,),
    "rice": (0.9,),
    "invgauss": (1.2,),
    "weibull_min": (1.7,),
    "weibull_max": (1.7,),
    "genextreme": (0.3,),
    "genpareto": (0.4,),
    "pareto": (2.2,),
    "lomax": (2.1,),
    "fisk": (2.4,),
    "burr12": (1.7, 2.1),
    "t": (3.3,),
    "gennorm": (1.6,),
    "beta": (2.2, 1.4),
    "betaprime": (2.2, 3.4),
    "f": (3.2, 6.1),
    "powerlaw": (1.7,),
    "triang": (0.37,),
    "vonmises": (1.3,),
    "poisson": (2.3,),
    "binom": (6, 0.3),
    "bernoulli": (0.3,),
    "geom": (0.3,),
    "nbinom": (3.3, 0.4),
    "betabinom": (6, 1.2, 2.1),
    "betanbinom": (3, 2.2, 1.1),
    "hypergeom": (20, 7, 12),
    "randint": (2, 9),
    "logser": (0.4,),
    "zipf": (2.4,),
    "planck": (0.6,),
}
CONTINUOUS = [n for n in stats.__all__ if isinstance(getattr(stats, n), Continuous)]
DISCRETE = [n for n in stats.__all__ if isinstance(getattr(stats, n), Discrete)]
QUANTILES = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
METHODS = ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"]
MASSES = ["logpmf", "pmf", "cdf", "sf", "logcdf", "logsf"]
COUNTED = {"binom": (0,), "betabinom": (0,), "hypergeom": (0, 1, 2), "randint": (0, 1), "betanbinom": (0,)}
"""Parameters that are integers."""


def inside(name):
    """Points within the support, which is of the standard form."""
    if name == "vonmises":
        return np.array([-2.0, -0.5, 0.4, 1.5])
    return getattr(scipy.stats, name).ppf([0.05, 0.3, 0.6, 0.95], *SHAPES.get(name, ()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_values(name, method):
    ours, theirs, args = getattr(stats, name), getattr(scipy.stats, name), (*SHAPES.get(name, ()), LOC, SCALE)
    x = [*(inside(name) * SCALE + LOC), -8.0, 9.0, LOC, LOC + SCALE, np.nan] if method not in ("ppf", "isf") else QUANTILES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(getattr(ours, method)(x, *args), getattr(theirs, method)(x, *args), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("method", ["logpdf", "cdf", "logsf", "ppf"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_derivatives(name, method):
    distribution, shapes = getattr(stats, name), SHAPES.get(name, ())
    x = np.array([0.1, 0.4, 0.8]) if method == "ppf" else inside(name)[1:] * SCALE + LOC
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        order = 2 if method == "logpdf" else 1
        check_function(getattr(distribution, method), (x, *shapes, LOC, SCALE), order=order, tolerance=1e-4)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_nothing_is_wrong_outside_of_the_support(name):
    """A gradient of a sum over points of which some are outside is that of the others."""
    shapes = SHAPES.get(name, ())
    x = inside(name)
    low, high = getattr(scipy.stats, name).support(*shapes) if name != "vonmises" else (-np.inf, np.inf)
    beyond = [b for b in (low - 1, high + 1) if np.isfinite(b)]

    def total(scale, x):
        return np.sum(getattr(stats, name).pdf(x, *shapes, 0.0, scale))

    np.testing.assert_allclose(cv.grad(total)(1.0, np.array([*x, *beyond])), cv.grad(total)(1.0, x), rtol=1e-12)
    assert np.all(np.isnan(getattr(stats, name).logpdf(x, *shapes, 0.0, -1.0)))


@pytest.mark.parametrize("method", MASSES)
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_values(name, method):
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    k = np.array([-1.0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 30, 1.5])
    k = k[:-1] if name == "hypergeom" else k  # of which SciPy has no distribution function between integers
    args = (*SHAPES[name], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(getattr(ours, method)(k, *args), getattr(theirs, method)(k, *args), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("method", ["ppf", "isf"])
@pytest.mark.parametrize("name", DISCRETE)
def test_quantiles_of_counts_are_those_of_scipy_and_do_not_move(name, method):
    f, args = getattr(getattr(stats, name), method), (*SHAPES[name], 1)
    q = np.array([0.0, 1e-3, 0.1, 0.5, 0.97, 1.0, -0.1, np.nan])
    np.testing.assert_array_equal(f(q, *args), getattr(getattr(scipy.stats, name), method)(q, *args))
    free = tuple(i for i in range(1, len(args)) if i - 1 not in COUNTED.get(name, ()))
    np.testing.assert_array_equal(cv.grad(f, (0, *free))(0.4, *args), 0.0)
    np.testing.assert_array_equal(cv.jit(cv.vmap(f, (0, *[None] * len(args))))(q, *args), f(q, *args))


@pytest.mark.parametrize("method", ["logpmf", "cdf", "sf"])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_derivatives_in_the_parameters(name, method):
    distribution, shapes = getattr(stats, name), SHAPES[name]
    free = [i for i in range(len(shapes)) if i not in COUNTED.get(name, ())]
    if not free:
        return

    def f(*given):
        rest = iter(given)
        parameters = [next(rest) if i in free else s for i, s in enumerate(shapes)]
        return getattr(distribution, method)(np.array([1, 3, 4]), *parameters)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_function(f, [shapes[i] for i in free], tolerance=1e-5)


# --- vectors and matrices ----------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 3))
COV, X = A @ A.T + np.eye(3), B @ B.T + np.eye(3)
POINTS, MEAN, PLANE = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(2, 8))
UNITS, DIRECTION = POINTS / np.linalg.norm(POINTS, axis=1)[:, None], MEAN / np.linalg.norm(MEAN)
PARTS, ALPHA, WEIGHTS = np.array([0.2, 0.5, 0.3]), np.array([1.2, 2.3, 0.7]), np.arange(1.0, 9)
MULTIVARIATE = {
    "multivariate_normal": (lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (POINTS, MEAN, COV)),
    "multivariate_normal of one number": (lambda s, x: s.multivariate_normal.logpdf(x, 0.5, 2.0), (np.array([0.3, 0.7]),)),
    "multivariate_normal without a mean": (lambda s, x: s.multivariate_normal.logpdf(x, cov=COV), (MEAN,)),
    "multivariate_t": (lambda s, x, m, c, df: s.multivariate_t.logpdf(x, m, c, df), (POINTS, MEAN, COV, 3.3)),
    "dirichlet": (lambda s, x, a: s.dirichlet.logpdf(x, a), (PARTS[:2], ALPHA)),
    "wishart": (lambda s, x, df, c: s.wishart.logpdf(x, df, c), (X, 5.5, COV)),
    "invwishart": (lambda s, x, df, c: s.invwishart.logpdf(x, df, c), (X, 5.5, COV)),
    "vonmises_fisher": (lambda s, k: s.vonmises_fisher.logpdf(UNITS, DIRECTION, k), (1.7,)),
    "multinomial": (lambda s, p: s.multinomial.logpmf(np.array([1, 2, 3]), 6, p), (PARTS,)),
    "gaussian_kde": (lambda s, d, x: s.gaussian_kde(d).logpdf(x), (PLANE, PLANE[:, :3] + 0.1)),
    "gaussian_kde with weights": (lambda s, d, x: s.gaussian_kde(d, "silverman", WEIGHTS)(x), (PLANE[0], PLANE[1, :3])),
}


@pytest.mark.parametrize("name", MULTIVARIATE)
def test_multivariate(name):
    f, args = MULTIVARIATE[name]
    if name != "multivariate_normal of one number":
        np.testing.assert_allclose(f(stats, *args), f(scipy.stats, *args), rtol=1e-12)
    np.testing.assert_allclose(cv.jit(lambda *a: f(stats, *a))(*args), f(stats, *args), rtol=1e-12)
    twice = [np.stack([a, a]) for a in args]
    np.testing.assert_allclose(cv.vmap(lambda *a: f(stats, *a))(*twice)[1], f(stats, *args), rtol=1e-12)
    check_grads(lambda *a: f(stats, *a), args, order=2)


def test_density_and_mass_are_exponentials():
    for name, *args in [("multivariate_normal", MEAN, MEAN, COV), ("dirichlet", PARTS, ALPHA)]:
        np.testing.assert_allclose(getattr(stats, name).pdf(*args), getattr(scipy.stats, name).pdf(*args))
    np.testing.assert_allclose(stats.multinomial.pmf([1, 2], 3, [0.4, 0.6]), 3 * 0.4 * 0.6**2)
    assert stats.multinomial.pmf([1, 3], 3, [0.4, 0.6]) == 0


# --- calls -------------------------------------------------------------------------------------------------------------


def test_parameters_by_name_and_position():
    assert stats.norm.logpdf(0.5, loc=1.0, scale=2.0) == stats.norm.logpdf(0.5, 1.0, 2.0)
    assert stats.gamma.logpdf(0.5, a=2.0) == stats.gamma.logpdf(0.5, 2.0)
    assert stats.poisson.logpmf(3, mu=2.0) == stats.poisson.logpmf(3, 2.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: stats.gamma.logpdf(1.0), r"stats.gamma.logpdf got no a.*gamma.logpdf\(x, a, loc=0, scale=1\)"),
        (lambda: stats.norm.cdf(1.0, 0, 1, 2), r"stats.norm.cdf got 3 positional parameters.*norm.cdf\(x, loc=0, scale=1\)"),
        (lambda: stats.norm.cdf(1.0, sigma=2.0), "stats.norm.cdf got 0 positional parameters and sigma"),
        (lambda: stats.poisson.pmf(1), r"poisson.logpmf\(k, mu, loc=0\)"),
    ],
)
def test_errors_name_the_parameters(call, text):
    with pytest.raises(errors.ArgumentError, match=f"(?s){text}"):
        call()


def test_a_maximum_of_the_likelihood():
    """The derivative of the likelihood of a normal sample is zero at its mean and standard deviation."""
    x = RNG.normal(size=50)
    gradient = cv.jit(cv.grad(lambda p: np.sum(stats.norm.logpdf(x, p[0], p[1]))))
    np.testing.assert_allclose(gradient(np.array([x.mean(), x.std()])), 0, atol=1e-10)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_infinities_have_no_density_and_certain_probabilities(name):
    distribution, shapes = getattr(stats, name), SHAPES.get(name, ())
    for x, below in ((-np.inf, 0.0), (np.inf, 1.0)):
        assert distribution.pdf(x, *shapes) == 0
        for method, expected in (("cdf", below), ("sf", 1 - below)):
            assert getattr(distribution, method)(x, *shapes) == expected


@pytest.mark.parametrize("name", DISCRETE)
def test_masses_of_nan_are_nan(name):
    distribution, shapes = getattr(stats, name), SHAPES.get(name, ())
    for method in MASSES:
        assert np.isnan(getattr(distribution, method)(np.nan, *shapes))


@pytest.mark.parametrize("name", [n for n in CONTINUOUS + DISCRETE if n in SHAPES])
def test_where_there_is_no_distribution_all_is_nan(name):
    ours, theirs, shapes = getattr(stats, name), getattr(scipy.stats, name), SHAPES[name]
    density, methods = ("logpdf", METHODS) if name in CONTINUOUS else ("logpmf", MASSES)
    for i, value in itertools.product(range(len(shapes)), (-1.3, 0.0, 0.5, 1.5, np.nan)):
        changed = [*shapes[:i], value, *shapes[i + 1 :]]
        expected = np.isnan(getattr(theirs, density)(2.0, *changed))
        assert expected or not np.isnan(value)
        for method in methods:
            with np.errstate(all="ignore"):
                assert np.isnan(getattr(ours, method)(0.4 if method in ("ppf", "isf") else 2.0, *changed)) == expected


def exact_masses(name, *shapes):
    """The probabilities from the least value on, as fractions, of integer parameters."""
    if name == "hypergeom":
        M, n, N = shapes
        ways = [math.comb(n, i) * math.comb(M - n, N - i) for i in range(min(n, N) + 1)]
    else:
        n, a, b = shapes
        ways = [math.comb(i + a - 1, i) * math.comb(n - i + b - 1, n - i) for i in range(n + 1)]
    return [Fraction(w, sum(ways)) for w in ways]


def log_of_fraction(x):
    return math.log(x.numerator) - math.log(x.denominator) if x.numerator else -math.inf


@pytest.mark.parametrize(("name", "shapes"), [("hypergeom", (3000, 900, 400)), ("betabinom", (700, 30, 2))])
def test_sums_of_many_probabilities_are_exact_at_both_ends(name, shapes):
    masses, distribution = exact_masses(name, *shapes), getattr(stats, name)
    for k in (0, 1, 20, 120, 350, 399):
        below, beyond = sum(masses[: k + 1]), sum(masses[k + 1 :])
        for method, exact in (("logcdf", below), ("logsf", beyond)):
            expected = log_of_fraction(exact) if exact < 0.9 else math.log1p(-float(1 - exact))
            np.testing.assert_allclose(getattr(distribution, method)(float(k), *shapes), expected, rtol=1e-11)


def test_sums_that_have_a_closed_form():
    """One trial; and the first success, after more than k failures with the probability B(a, b + k + 1) / B(a, b)."""
    a, b, k = 1.2, 2.1, 40.0
    np.testing.assert_allclose(cv.grad(stats.betabinom.cdf, (2, 3))(0.0, 1, a, b), [-b / (a + b) ** 2, a / (a + b) ** 2])
    log_beyond = lambda a, b: special.betaln(a, b + k + 1) - special.betaln(a, b)
    found = lambda a, b: stats.betanbinom.logsf(k, 1, a, b)
    for transform in (lambda f: f, lambda f: cv.grad(f, (0, 1)), lambda f: cv.jacfwd(cv.grad(f), (0, 1))):
        np.testing.assert_allclose(transform(found)(a, b), transform(log_beyond)(a, b), rtol=1e-9)


def test_there_is_no_derivative_in_numbers_of_things():
    for name, i in (("betabinom", 1), ("betanbinom", 1), ("hypergeom", 3)):
        with pytest.raises(errors.NonDifferentiableError, match=f"a parameter of scipy.stats.{name}"):
            cv.grad(getattr(stats, name).cdf, i)(3.0, *map(float, SHAPES[name]))
        assert cv.grad(getattr(stats, name).cdf)(3.0, *SHAPES[name]) == 0


def test_von_mises_at_all_concentrations():
    """Against the integral of the density, also where SciPy takes a normal distribution instead; a turn adds 1."""
    for kappa in (0.0, 0.3, 60.0, 1e4):
        for x in (-3.0, -1.5, -0.02, 0.01, 2.0):
            if kappa * (1 - np.cos(x)) < 600:
                expected = scipy.integrate.quad(stats.vonmises.pdf, -np.pi, x, (kappa,), points=[0.0], limit=200, epsabs=0)[0]
                np.testing.assert_allclose(stats.vonmises.cdf(x, kappa), expected, rtol=1e-7)
        np.testing.assert_allclose(stats.vonmises.cdf([0.0, np.pi, 7.0], kappa)[:2], [0.5, 1.0], rtol=1e-12)
        np.testing.assert_allclose(stats.vonmises.cdf(7.0, kappa), 1 + stats.vonmises.cdf(7.0 - 2 * np.pi, kappa))
    for x in (-np.pi, np.pi):
        np.testing.assert_allclose(cv.grad(stats.vonmises.cdf)(x, 1.3), stats.vonmises.pdf(x, 1.3))


def test_distributions_far_off():
    for x in (1e160, 1e200):
        assert [getattr(stats.rice, m)(x, 0.9) for m in ("cdf", "sf", "logcdf", "logsf")] == [1, 0, 0, -np.inf]
        np.testing.assert_array_equal(cv.grad(stats.rice.cdf, (0, 1))(x, 0.9), 0)
    np.testing.assert_array_equal(stats.vonmises.cdf([-1.0, 1.0, 2.0], 1e300), [0, 1, 1])


def test_slopes_where_a_parameter_is_zero():
    """Both are those of functions that go on evenly to negative parameters."""
    np.testing.assert_allclose(cv.grad(stats.vonmises.logpdf, 1)(0.4, 0.0), np.cos(0.4))
    for f in (stats.rice.logpdf, stats.rice.logcdf, stats.rice.logsf):
        for x in (0.01, 1.0, 6.0):
            np.testing.assert_allclose(cv.grad(f, 1)(x, 0.0), 0.0, atol=1e-12)


TAILS = {
    **dict.fromkeys(["cauchy", "halfcauchy", "hypsecant", "laplace", "levy", "maxwell"], ()),
    **{name: SHAPES[name] for name in ("beta", "chi", "fisk", "lomax", "johnsonsu", "nakagami")},
}


@pytest.mark.parametrize("name", TAILS)
def test_quantiles_of_tails(name):
    q = np.array([1e-200, 1e-20, 0.3]) if name != "johnsonsu" else np.array([1e-20, 0.3])
    found, expected = getattr(stats, name).isf(q, *TAILS[name]), getattr(scipy.stats, name).isf(q, *TAILS[name])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_slope_of_t_is_its_density_about_zero():
    for x in (0.0, 1e-9, 1e-5, 1e-3, 0.1, 2.0):
        np.testing.assert_allclose(cv.grad(stats.t.cdf)(x, 3.0), scipy.stats.t.pdf(x, 3), rtol=1e-12)
    np.testing.assert_allclose(stats.t.cdf(1e-8, 3.0) - 0.5, 1e-8 * scipy.stats.t.pdf(0, 3), rtol=1e-7)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_slopes_of_distribution_functions_are_densities(name):
    """Also where they are made of two sides."""
    ours, theirs, shapes = getattr(stats, name), getattr(scipy.stats, name), SHAPES.get(name, ())
    low, high = theirs.support(*shapes)
    for x in [x for x in (-1.0, 0.0, 0.5, 1.0) if low < x < high]:
        density, below, above = theirs.pdf(x, *shapes), theirs.cdf(x, *shapes), theirs.sf(x, *shapes)
        slopes = {"cdf": density, "sf": -density, "logcdf": density / below, "logsf": -density / above}
        for method, slope in slopes.items():
            np.testing.assert_allclose(cv.grad(getattr(ours, method))(x, *shapes), slope, rtol=1e-7, err_msg=f"{method} at {x}")


def test_far_tails_of_ratios():
    np.testing.assert_allclose(stats.f.sf(1e10, 1.0, 1.0), 6.366197723463608e-06, rtol=1e-12)
    np.testing.assert_allclose(stats.betaprime.sf(1e10, 2.0, 3.0), 3.9999999985e-30, rtol=1e-12)
    assert (stats.triang.pdf(1.0, 1.0), stats.triang.cdf(1.0, 1.0)) == (2.0, 1.0)


def test_a_multivariate_normal_distribution_of_numbers():
    x = np.array([0.3, -1.0, 2.0])
    for given in ((0.2, 2.0), (), (None, 2.0), (None, np.eye(3)), (np.zeros(3), 2.0)):
        found, expected = (m.multivariate_normal.logpdf(x, *given) for m in (stats, scipy.stats))
        np.testing.assert_allclose(found, expected)


# --- tails and edges ---------------------------------------------------------------------------------------------------

FAR = json.loads(Path(__file__).with_name("tails_of_mpmath.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FAR)
def test_far_tails_and_their_derivatives(name):
    """Against mpmath, where probabilities underflow, and where they differ from 1 by less than rounding."""
    for x, *expected in FAR[name]:
        args = [np.float64(a) for a in (x, *SHAPES.get(name, ()))]
        for method, value, slopes in (("logcdf", *expected[:2]), ("logsf", *expected[2:])):
            f = getattr(getattr(stats, name), method)
            rtol = 1e-9 if name == "genextreme" else 1e-11  # whose tail ends at a bound, near which x has few digits
            np.testing.assert_allclose(f(*args), value, rtol=rtol, err_msg=f"{method} at {x}")
            with np.errstate(all="ignore"):
                found = cv.grad(f, tuple(range(len(args))))(*args)
            normal = np.abs(slopes) > 1e-290
            np.testing.assert_allclose(np.array(found)[normal], np.array(slopes)[normal], rtol=1e-8, err_msg=f"{method} at {x}")


def test_tails_of_skewed_normals():
    """The density falls by ``exp(-c u)`` with ``c = |x| (1 + a²)``, far on the side that it leans away from."""
    x, a = -1000.0, 2.0
    c = -x * (1 + a * a)
    leading = scipy.stats.norm.logpdf(x) + scipy.stats.norm.logcdf(a * x) + np.log(2 / c)
    np.testing.assert_allclose(stats.skewnorm.logcdf(x, a), leading, rtol=1e-11)
    np.testing.assert_allclose(stats.skewnorm.logsf(-x, -a), leading, rtol=1e-11)
    slope = np.exp(stats.skewnorm.logpdf(x, a) - stats.skewnorm.logcdf(x, a))
    np.testing.assert_allclose(cv.grad(stats.skewnorm.logcdf)(x, a), slope, rtol=1e-8)


@pytest.mark.parametrize("name", ["gamma", "beta", "t", "invgauss", "exponnorm", "skewnorm", "poisson", "binom", "nbinom"])
def test_tails_under_every_transformation(name):
    shapes = SHAPES[name]
    low, high = getattr(scipy.stats, name).ppf([1e-6, 0.3], *shapes)
    x = np.array([low, high]) if name not in DISCRETE else np.array([0.0, 4.0])
    free = [i for i in range(len(shapes)) if i not in COUNTED.get(name, ())]

    def f(*given):
        rest = iter(given)
        parameters = [next(rest) if i in free else s for i, s in enumerate(shapes)]
        return getattr(stats, name).logcdf(x, *parameters)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_function(f, [shapes[i] for i in free], tolerance=1e-4)


TAILS_OF_COUNTS = [
    ("poisson", 2000.0, (3.0,)), ("poisson", 0.0, (900.0,)), ("binom", 900.0, (1000, 0.01)), ("nbinom", 3000.0, (2.5, 0.9)),
    ("geom", 1e5, (0.3,)), ("planck", 1e4, (0.6,)), ("zipf", 1e100, (2.4,)), ("bernoulli", 0.0, (1e-300,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "k", "shapes"), TAILS_OF_COUNTS)
def test_far_tails_of_counts(name, k, shapes):
    """The probability beyond k is nearly that of k + 1, for it falls fast; for a power, the integral."""
    distribution = getattr(stats, name)
    found = distribution.logsf(k, *shapes)
    assert np.isfinite(found)
    if name == "zipf":
        np.testing.assert_allclose(found, -1.4 * np.log(k) - np.log(1.4 * scipy.special.zeta(2.4)), rtol=1e-10)
    elif k:
        ahead = np.arange(1.0, 2000.0)
        total = scipy.special.logsumexp(distribution.logpmf(k + ahead, *shapes))
        np.testing.assert_allclose(found, total, rtol=1e-10)
    for method in ("logcdf", "logsf"):
        assert np.all(np.isfinite(cv.grad(getattr(distribution, method), len(shapes))(k, *shapes)))


EDGES = {
    "gamma": [(1.0,), (0.5,), (2.0,)], "chi2": [(2.0,), (1.0,)], "chi": [(1.0,)], "weibull_min": [(1.0,), (0.5,)],
    "beta": [(1.0, 1.0), (0.5, 0.5), (1.0, 2.0)], "f": [(2.0, 4.0)], "fisk": [(1.0,), (0.5,)], "burr12": [(1.0, 2.0)],
    "powerlaw": [(1.0,)], "triang": [(0.0,), (1.0,)], "gengamma": [(1.0, 1.0), (2.0, -1.0)],
    "genextreme": [(0.0,), (-0.3,)], "genpareto": [(0.0,), (-0.4,)], "truncnorm": [(-np.inf, 1.0), (30.0, 31.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n != "vonmises"])
def test_edges_of_the_support(name):
    """Values are SciPy's at the bounds, outside, at infinity and at NaN; derivatives are 0 outside, and nowhere wrong."""
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    for shapes in [SHAPES.get(name, ()), *EDGES.get(name, [])]:
        low, high = theirs.support(*shapes)
        for method in ("logpdf", "cdf", "sf", "logcdf", "logsf"):
            f = getattr(ours, method)
            for x in {float(low), float(high), low - 1.0, high + 1.0, -np.inf, np.inf, np.nan}:
                with np.errstate(all="ignore"):
                    value, expected, slope = f(x, *shapes), getattr(theirs, method)(x, *shapes), cv.grad(f)(x, *shapes)
                if np.isinf(x) and method == "logpdf":
                    expected = -np.inf  # SciPy's are NaN for some
                np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15, err_msg=f"{method} at {x} for {shapes}")
                if x < low or x > high or np.isinf(x):
                    assert slope == 0, (method, x, shapes)
                elif np.isfinite(slope) and np.isfinite(value):
                    h = 1e-9 * (1 if x == low else -1)
                    with np.errstate(all="ignore"):
                        numerical = (f(x + 2 * h, *shapes) - f(x + h, *shapes)) / h
                    if np.isfinite(numerical):
                        atol = 2e-3 if name == "beta" else 1e-4  # which falls as the power 0.4 of the distance
                        np.testing.assert_allclose(slope, numerical, rtol=1e-4, atol=atol, err_msg=f"{method} at {x}, {shapes}")


def test_what_is_off_the_simplex():
    with pytest.raises(ValueError, match="do not add up to 1"):
        stats.dirichlet.logpdf([0.2, 0.9], [1.0, 2.0])
    with pytest.raises(ValueError, match="negative numbers"):
        stats.dirichlet.logpdf([-0.1, 1.1], [1.0, 2.0])
    with pytest.raises(ValueError, match="parameters that are not positive"):
        stats.dirichlet.logpdf([0.1, 0.9], [0.0, 2.0])
    with pytest.raises(ValueError, match=r"or one less: f64\[3\] and f64\[2\]"):
        stats.dirichlet.logpdf([0.2, 0.3, 0.5], [1.0, 2.0])
    found = cv.jit(stats.dirichlet.logpdf)(np.array([[0.2, 0.3], [0.9, 0.7]]), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(np.isnan(found), [True, False])


def test_masses_of_what_no_multinomial_gives():
    p = np.array([0.4, 0.6])
    for counts in ([1.5, 1.5], [-1, 4], [1, 1]):
        assert stats.multinomial.logpmf(counts, 3, p) == scipy.stats.multinomial.logpmf(counts, 3, p) == -np.inf
        assert np.all(cv.grad(stats.multinomial.logpmf, 2)(np.array(counts, float), 3.0, p) == 0)
    for counts, n, q in (([np.nan, 2], 3, p), ([1, 2], 3.5, p), ([1, 2], -3, p), ([1, 2], 3, [1.4, -0.4])):
        assert np.isnan(stats.multinomial.logpmf(counts, n, np.array(q)))


FROZEN = {
    "norm": ((0.3, 1.5), {}), "gamma": ((2.0,), {"scale": 0.5}), "t": ((), {"df": 4.0, "loc": 1.0}), "poisson": ((2.5,), {}),
    "lognorm": ((0.5,), {}), "binom": ((7, 0.4), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FROZEN)
def test_distributions_take_their_parameters_first(name):
    args, kwargs = FROZEN[name]
    ours, theirs = getattr(stats, name)(*args, **kwargs), getattr(scipy.stats, name)(*args, **kwargs)
    x = np.array([0.5, 1.0, 3.0])
    for method in ["cdf", "logsf", *(["pmf", "logpmf"] if name in ("poisson", "binom") else ["pdf", "logpdf"])]:
        np.testing.assert_allclose(getattr(ours, method)(x), getattr(theirs, method)(x), rtol=1e-12)
    np.testing.assert_allclose(ours.ppf(0.3), theirs.ppf(0.3), rtol=1e-12)
    np.testing.assert_allclose([*ours.interval(0.9), ours.median()], [*theirs.interval(0.9), theirs.median()], rtol=1e-12)


def test_frozen_parameters_may_be_traced():
    def f(p):
        vector = stats.multivariate_normal(p, np.exp(p[0]) * np.eye(2))
        numbers = stats.norm(p[0], scale=np.exp(p[1])).logpdf(0.3) + stats.dirichlet(p).logpdf([0.25, 0.75])
        return numbers + vector.logpdf(np.ones(2))

    check_grads(f, (np.array([0.8, 1.2]),), order=2)
    np.testing.assert_allclose(cv.jit(cv.vmap(f))(np.ones((2, 2))), [f(np.ones(2))] * 2, rtol=1e-12)


def test_frozen_distributions_refuse_what_there_is_not():
    with pytest.raises(errors.ArgumentError, match=r"(?s)stats\.norm got 3 positional.*call it as norm\(loc=0, scale=1\)"):
        stats.norm(1.0, 2.0, 3.0)
    with pytest.raises(errors.ArgumentError, match=r"gamma got no a"):
        stats.gamma(scale=2.0)
    with pytest.raises(AttributeError, match=r"stats\.norm has no rvs; draw with covector\.random"):
        stats.norm(0.0, 1.0).rvs(3)
    with pytest.raises(AttributeError, match=r"SciPy's scipy\.stats\.wishart takes plain arrays"):
        stats.wishart.mean(3, np.eye(2))
    assert repr(stats.norm(1.0, scale=2.0)) == "norm(1.0, scale=2.0)"
    assert not hasattr(stats.norm, "__array__")


WRONG = {
    "a scale": lambda p: stats.norm.logpdf(0.3, 0.1, -p),
    "a shape": lambda p: stats.gamma.cdf(0.3, -p),
    "a quantile": lambda p: stats.norm.ppf(0.3, 0.1, -p),
    "a probability": lambda p: stats.norm.ppf(1 + p),
    "a rate": lambda p: stats.poisson.logpmf(2, -p),
    "a count": lambda p: stats.binom.cdf(2, 5, 1 + p),
    "concentrations": lambda p: stats.dirichlet.logpdf(np.full(2, 0.5), -np.stack([1 + p, 1 + p])),
    "probabilities": lambda p: stats.multinomial.logpmf(np.ones(2), 2, np.stack([1 + p, 1 - p])),
}


@pytest.mark.parametrize("name", WRONG)
def test_there_is_no_derivative_in_a_parameter_that_is_wrong(name):
    """Zero would say that nothing is to be gained by another."""
    assert np.isnan(cv.jit(WRONG[name])(0.5))
    for slope in (cv.grad(WRONG[name]), cv.jacfwd(WRONG[name])):
        assert np.isnan(cv.jit(slope)(0.5))


def test_missing_data_leave_the_derivatives_of_the_others():
    data = np.array([0.5, np.nan, 2.0])
    for f in (stats.norm.logpdf, lambda x, p, q: stats.poisson.logpmf(np.floor(x), q), stats.t.cdf):
        found = cv.grad(lambda p, f=f: np.nansum(f(data, *p)))((0.3, 1.2))
        close = cv.grad(lambda p, f=f: np.sum(f(data[::2], *p)))((0.3, 1.2))
        np.testing.assert_allclose(found, close, rtol=1e-13)


@pytest.mark.parametrize("rate", [40.0, 700.0, 1e-8])
def test_planck_next_to_one(rate):
    for call in (stats.planck.logpmf, cv.jit(stats.planck.logpmf)):
        np.testing.assert_allclose(call(0, rate), np.log1p(-np.exp(-rate)) if rate > 1 else np.log(-np.expm1(-rate)), 1e-14)
    np.testing.assert_allclose(cv.grad(lambda r: stats.planck.logpmf(0, r))(rate), 1 / np.expm1(rate), 1e-14)
