"""Parameters of which there is no distribution: an error, or where they are known later NaN or an ``IndexError``."""

import numpy as np
import pytest

import covector as cv
from covector import errors, random

KEY = random.key(3)
P = np.array
REAL = {
    "beta": [lambda a: random.beta(KEY, a, 2.0, 3), -1.0, 0.0],
    "beta, b": [lambda b: random.beta(KEY, 2.0, b, 3), -1.0, 0.0],
    "chisquare": [lambda a: random.chisquare(KEY, a, 3), -1.0, 0.0],
    "dirichlet": [lambda a: random.dirichlet(KEY, a), P([1.0, -1.0, 2.0]), P([1.0, 0.0, 2.0])],
    "double_sided_maxwell": [lambda a: random.double_sided_maxwell(KEY, 1.0, a, 3), -1.0],
    "f": [lambda a: random.f(KEY, 2.0, a, 3), -1.0, 0.0],
    "gamma": [lambda a: random.gamma(KEY, a, 3), -1.0, 0.0],
    "gamma of float32": [lambda a: random.gamma(KEY, a, 3, np.float32), -1.0, 0.0],
    "generalized_normal": [lambda p: random.generalized_normal(KEY, p, 3), -1.0, np.inf],
    "loggamma": [lambda a: random.loggamma(KEY, a, 3), -1.0, 0.0],
    "lognormal": [lambda s: random.lognormal(KEY, s, 3), -1.0],
    "multinomial": [lambda p: random.multinomial(KEY, 5, p), P([1.5, -0.5]), P([0.0, 0.0]), P([np.nan, 1.0])],
    "multinomial, n": [lambda n: random.multinomial(KEY, n, np.ones(1)), -1],
    "pareto": [lambda b: random.pareto(KEY, b, 3), -1.0, 0.0],
    "rayleigh": [lambda s: random.rayleigh(KEY, s, 3), -1.0],
    "t": [lambda df: random.t(KEY, df, 3), -1.0, 0.0],
    "triangular": [lambda mode: random.triangular(KEY, 0.0, mode, 1.0, 3), -0.5, 1.5],
    "truncated_normal": [lambda a: random.truncated_normal(KEY, a, 1.0, 3), 1.0, 2.0],
    "uniform": [lambda a: random.uniform(KEY, 3, minval=a, maxval=1.0), 1.5],
    "binomial": [lambda n: random.binomial(KEY, n, 0.5, 3), 2.5],
    "wald": [lambda m: random.wald(KEY, m, 3), -1.0, 0.0],
    "weibull_min": [lambda c: random.weibull_min(KEY, 1.0, c, 3), -1.0, 0.0],
    "weibull_min, scale": [lambda s: random.weibull_min(KEY, s, 1.0, 3), -1.0],
}
INTEGERS = {
    "bernoulli": [lambda p: random.bernoulli(KEY, p, 3), -0.5, 1.5, np.nan],
    "categorical": [lambda x: random.categorical(KEY, x), P([0.0, np.nan]), P([-np.inf, -np.inf])],
    "choice": [
        lambda p: random.choice(KEY, 3, 4, p=p),
        P([0.5, -0.5, 1.0]),
        P([0.5, np.nan, 0.5]),
        P([0.5, 0.5, 0.5]),
        P([0.0, 0.0, 0.0]),
    ],
    "choice without replacement": [
        lambda p: random.choice(KEY, 3, 2, replace=False, p=p),
        P([0.0, 0.0, 1.0]),
        P([0.5, -0.5, 1.0]),
    ],
    "geometric, of int64": [lambda p: random.geometric(KEY, p, 3), 1e-300],
    "poisson": [lambda rate: random.poisson(KEY, rate, 3, np.int8), 1e4],
    "binomial of int8": [lambda n: random.binomial(KEY, n, 0.5, 3, np.int8), 1000],
    "geometric": [lambda p: random.geometric(KEY, p, 3), -0.5, 0.0, 1.5, np.nan],
    "multinomial": [lambda p: random.multinomial(KEY, 5, p, dtype=np.int64), P([1.5, -0.5]), P([0.0, 0.0])],
}
CASES = [(name, f, x, table is REAL) for table in (REAL, INTEGERS) for name, (f, *xs) in table.items() for x in xs]


@pytest.mark.parametrize(("name", "draw", "x", "is_real"), CASES)
def test_known_parameters_without_a_distribution(name, draw, x, is_real):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=f"random.{name.split(',')[0].split()[0]} takes"):
        draw(x)


@pytest.mark.parametrize("name", ["beta", "gamma", "pareto", "multinomial"])
def test_errors_under_differentiation(name):
    draw, x, *_ = REAL[name]
    with pytest.raises(ValueError, match=f"random.{name} takes"):
        cv.grad(lambda x: np.sum(draw(x)))(x)


@pytest.mark.parametrize("run", [cv.jit, lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[0]])
@pytest.mark.parametrize(("name", "draw", "x", "is_real"), CASES)
def test_parameters_without_a_distribution_that_are_known_later(name, draw, x, is_real, run):
    with np.errstate(all="ignore"):
        if is_real:
            assert np.all(np.isnan(run(draw)(np.asarray(x))))
        else:
            with pytest.raises(IndexError):
                run(draw)(np.asarray(x))


@pytest.mark.parametrize("name", ["beta", "gamma", "pareto", "t", "dirichlet", "triangular"])
def test_one_wrong_parameter_of_a_batch_leaves_the_others(name):
    draw, wrong, *_ = REAL[name]
    right = np.abs(wrong) * 0.5 + 0.25
    drawn = cv.vmap(draw)(np.stack([right, wrong]))
    assert np.all(np.isnan(drawn[1]))
    np.testing.assert_allclose(drawn[0], draw(right), rtol=1e-12)


def test_parameters_at_the_edge():
    assert random.bernoulli(KEY, np.array([0.0, 1.0])).tolist() == [False, True]
    with np.errstate(divide="ignore"):
        assert random.geometric(KEY, 1.0, 3).tolist() == [1, 1, 1]
    assert random.choice(KEY, 3, 2, replace=False, p=np.array([0.5, 0.0, 0.5])).tolist() in ([0, 2], [2, 0])
    assert cv.jit(lambda p: random.choice(KEY, 3, 5, p=p))(np.array([0.0, 1.0, 0.0])).tolist() == [1] * 5
    assert random.triangular(KEY, 1.0, 1.0, 1.0) == 1.0
    assert random.rayleigh(KEY, 0.0) == 0.0
    assert np.isnan(random.gamma(KEY, np.nan))
    assert random.uniform(KEY, minval=2.0, maxval=2.0) == 2.0
    assert random.geometric(KEY, 1e-300, dtype=float) > 1e290
    assert np.all(np.abs(random.poisson(KEY, 50.0, 9, np.int8) - 50) < 40)


@pytest.mark.parametrize(
    ("draw", "wrong"),
    [
        (lambda rate: random.poisson(KEY, rate), (-1.0, np.nan, 1e30)),
        (lambda n: random.binomial(KEY, n, 0.5), (-1,)),
        (lambda p: random.binomial(KEY, 5, p), (-0.5, 1.5, np.nan)),
        (lambda rate: random.poisson(KEY, rate, dtype=np.float16), (1e6,)),
    ],
)
def test_counts_that_there_are_not(draw, wrong):
    for x in wrong:
        with pytest.raises(ValueError, match=r"random.(poisson|binomial) takes"):
            draw(x)


def test_permutations_of_what_is_no_array_and_no_integer():
    for x in (2.5, np.float64(3.0), np.array(3.0)):
        with pytest.raises(errors.ArgumentError, match="give an integer that is known, or an array"):
            random.permutation(KEY, x)
    with pytest.raises(errors.ArgumentError, match="give an integer that is known, or an array"):
        cv.jit(lambda n: random.permutation(KEY, n))(3)
    for three in (np.int8(3), np.array(3), np.array(3, np.uint8)):
        np.testing.assert_array_equal(random.permutation(KEY, three), random.permutation(KEY, 3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ulps", [2, 3, 40])
@pytest.mark.parametrize("low", [-5.0, -2.0, -0.5, 0.75, 2.0, 5.0])
def test_numbers_between_two_bounds_are_neither(low, ulps, dtype):
    low = dtype(low)
    high = dtype(low + ulps * np.spacing(np.abs(low)))
    drawn = random.truncated_normal(KEY, low, high, 500, dtype)
    assert np.all((low < drawn) & (drawn < high))


def test_counts_are_no_truth_values():
    for draw in (random.poisson, random.geometric):
        with pytest.raises(errors.ArgumentError, match="got dtype=bool"):
            draw(KEY, 0.5, 3, bool)
    assert np.isnan(cv.jit(lambda rate: random.poisson(KEY, rate, dtype=np.float16))(1e6))
    assert abs(random.poisson(KEY, 6e4, dtype=np.float16) - 6e4) < 1500
