"""Random numbers against the vectors of Random123, the values of JAX, the distributions of SciPy, and loops."""

from __future__ import annotations

import itertools
import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import covector as cv
from covector import errors, random
from covector.primitives.random.sampling import sample_p
from covector.primitives.random.threefry import BLOCK, threefry2x32
from covector.testing import check_grads

RECORDED = json.loads((Path(__file__).parent / "values_of_jax.json").read_text())  # of JAX 0.10.2, with 64 bits enabled
MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])
CHANCES = np.array([0.1, 0.2, 0.3, 0.4])
TABLE = np.arange(12).reshape(4, 3)

# --- Threefry, against the known answers of Random123 (kat_vectors, threefry2x32 with 20 rounds) -----------------------

KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
def test_known_answers(key, counter, expected):
    words = [np.uint32(w) for w in (*key, *counter)]
    assert tuple(map(int, threefry2x32(*words))) == expected


def test_blocks_do_not_show():
    n = 3 * BLOCK + 5
    every = threefry2x32(np.uint32(1), np.uint32(2), np.uint32(0), np.arange(n, dtype=np.uint32))
    for i in (0, BLOCK - 1, BLOCK, n - 1):
        one = threefry2x32(np.uint32(1), np.uint32(2), np.uint32(0), np.uint32(i))
        assert [int(w) for w in one] == [int(w[i]) for w in every]


@pytest.mark.parametrize("shapes", itertools.product([(), (1,), (2, 1), (3,), (2, 3)], repeat=3))
def test_words_broadcast(shapes):
    words = [np.arange(math.prod(s), dtype=np.uint32).reshape(s) + np.uint32(7 * i) for i, s in enumerate(shapes)]
    found = threefry2x32(*words, np.uint32(5))
    whole = np.broadcast_arrays(*words)
    for place in np.ndindex(whole[0].shape):
        one = threefry2x32(*(w[place] for w in whole), np.uint32(5))
        assert [int(w) for w in one] == [int(w[place]) for w in found]


# --- JAX's values ------------------------------------------------------------------------------------------------------

EXACT = {
    "key": lambda k: k,
    "split": lambda k: random.split(k, 3),
    "split23": lambda k: random.split(k, (2, 3)),
    "fold": lambda k: np.stack([random.fold_in(k, n) for n in (0, 1, 7, 2**31 - 1, 4_000_000_000)]),
    **{f"bits_uint{w}": lambda k, w=w: random.bits(k, (2, 3), f"uint{w}") for w in (8, 16, 32, 64)},
    **{f"uniform_float{w}": lambda k, w=w: random.uniform(k, 5, f"float{w}") for w in (16, 32, 64)},
    **{
        f"randint_{t}": lambda k, t=t: random.randint(k, 6, 3, 100, t)
        for t in ("int8", "uint8", "int16", "int32", "int64", "uint32", "uint64")
    },
    "randint_big": lambda k: random.randint(k, 4, -(2**62), 2**62 + 5),
    "randint_edge": lambda k: random.randint(k, 4, 5, 5, "int32"),
    "perm": lambda k: random.permutation(k, 10),
    "perm2": lambda k: random.permutation(k, TABLE),
    "perm_ax": lambda k: random.permutation(k, TABLE, axis=1),
    "perm_ind": lambda k: random.permutation(k, TABLE, axis=1, independent=True),
    "choice": lambda k: random.choice(k, 10, 4),
    "choice_nr": lambda k: random.choice(k, 10, 4, replace=False),
    "choice_p": lambda k: random.choice(k, 4, 6, p=CHANCES),
    "choice_pnr": lambda k: random.choice(k, 4, 3, replace=False, p=CHANCES),
    "bernoulli": lambda k: random.bernoulli(k, 0.3, 6),
    "categorical": lambda k: random.categorical(k, np.log(CHANCES), shape=6),
    "rademacher": lambda k: random.rademacher(k, 6),
}
ROUNDED = {
    **{f"uniform_ab_float{w}": lambda k, w=w: random.uniform(k, 3, f"float{w}", -2.0, 3.0) for w in (32, 64)},
    **{f"normal_float{w}": lambda k, w=w: random.normal(k, 5, f"float{w}") for w in (32, 64)},
    "exponential": lambda k: random.exponential(k, 3),
    "laplace": lambda k: random.laplace(k, 3),
    "gumbel": lambda k: random.gumbel(k, 3),
    "truncated": lambda k: random.truncated_normal(k, -1.0, 2.0, 3),
    "cauchy": lambda k: random.cauchy(k, 3),
    "logistic": lambda k: random.logistic(k, 3),
    "weibull": lambda k: random.weibull_min(k, 2.0, 3.0, 3),
    "pareto": lambda k: random.pareto(k, 2.0, 3),
    "mvn": lambda k: random.multivariate_normal(k, np.zeros(2), MATRIX, 2),
}


@pytest.mark.parametrize("seed", RECORDED)
@pytest.mark.parametrize("name", EXACT)
def test_the_values_are_those_of_jax(name, seed):
    key = random.key(int(seed))
    assert np.asarray(EXACT[name](key)).tolist() == RECORDED[seed][name]
    assert np.asarray(cv.jit(EXACT[name])(key)).tolist() == RECORDED[seed][name]


@pytest.mark.parametrize("seed", RECORDED)
@pytest.mark.parametrize("name", ROUNDED)
def test_the_values_are_those_of_jax_to_rounding(name, seed):
    rtol = 2e-6 if "32" in name else 1e-13
    np.testing.assert_allclose(ROUNDED[name](random.key(int(seed))), RECORDED[seed][name], rtol=rtol, atol=rtol)


def test_equal_random_numbers_leave_the_order_of_a_permutation():
    order = random.permutation(random.key(0), 200_000)  # for which a few keys of 32 bits are the same
    assert zlib.crc32(order.astype("<i8").tobytes()) == 2372686275  # of jax.random.permutation, JAX 0.10.2


def test_a_traced_seed_gives_the_key_of_the_number():
    for seed in (0, 5, 2**40 + 7, -1):
        np.testing.assert_array_equal(cv.jit(random.key)(np.int64(seed)), random.key(seed))
    folded = cv.jit(lambda i: random.fold_in(random.key(0), i))
    np.testing.assert_array_equal(folded(np.int64(7)), random.fold_in(random.key(0), 7))


# --- distributions -----------------------------------------------------------------------------------------------------

N = 4000
DISTRIBUTIONS = {
    "uniform": (lambda k: random.uniform(k, N, minval=-1.0, maxval=2.0), stats.uniform(-1, 3)),
    "normal": (lambda k: random.normal(k, N), stats.norm()),
    "truncated_normal": (lambda k: random.truncated_normal(k, -1.0, 0.5, N), stats.truncnorm(-1, 0.5)),
    "exponential": (lambda k: random.exponential(k, N), stats.expon()),
    "laplace": (lambda k: random.laplace(k, N), stats.laplace()),
    "gumbel": (lambda k: random.gumbel(k, N), stats.gumbel_r()),
    "logistic": (lambda k: random.logistic(k, N), stats.logistic()),
    "cauchy": (lambda k: random.cauchy(k, N), stats.cauchy()),
    "pareto": (lambda k: random.pareto(k, 3.0, N), stats.pareto(3)),
    "weibull_min": (lambda k: random.weibull_min(k, 2.0, 3.0, N), stats.weibull_min(3, scale=2)),
    "rayleigh": (lambda k: random.rayleigh(k, 2.0, N), stats.rayleigh(scale=2)),
    "lognormal": (lambda k: random.lognormal(k, 0.5, N), stats.lognorm(0.5)),
    "maxwell": (lambda k: random.maxwell(k, N), stats.maxwell()),
    "double_sided_maxwell": (lambda k: np.abs(random.double_sided_maxwell(k, 1.0, 2.0, N) - 1), stats.maxwell(scale=2)),
    "triangular": (lambda k: random.triangular(k, -1.0, 0.0, 3.0, N), stats.triang(0.25, -1, 4)),
    "wald": (lambda k: random.wald(k, 2.0, N), stats.invgauss(2.0)),
    "gamma": (lambda k: random.gamma(k, 0.4, N), stats.gamma(0.4)),
    "loggamma": (lambda k: random.loggamma(k, 0.4, N), stats.loggamma(0.4)),
    "beta": (lambda k: random.beta(k, 0.5, 2.0, N), stats.beta(0.5, 2)),
    "chisquare": (lambda k: random.chisquare(k, 3.0, N), stats.chi2(3)),
    "t": (lambda k: random.t(k, 3.0, N), stats.t(3)),
    "f": (lambda k: random.f(k, 3.0, 8.0, N), stats.f(3, 8)),
    "generalized_normal": (lambda k: random.generalized_normal(k, 1.5, N), stats.gennorm(1.5)),
    "dirichlet": (lambda k: random.dirichlet(k, np.array([0.5, 1.5, 0.5]), N)[:, 0], stats.beta(0.5, 2)),
    "ball": (lambda k: np.linalg.norm(random.ball(k, 3, 2, N), axis=-1) ** 3, stats.uniform()),
    "multivariate_normal": (
        lambda k: random.multivariate_normal(k, np.ones(2), MATRIX, N) @ np.array([1.0, -1.0]),
        stats.norm(0, np.sqrt(2)),
    ),
    "multivariate_normal by eigh": (
        lambda k: random.multivariate_normal(k, np.ones(2), MATRIX, N, method="eigh")[:, 0],
        stats.norm(1, np.sqrt(2)),
    ),
    "orthogonal": (lambda k: random.orthogonal(k, 2, N)[:, 0, 0], stats.arcsine(-1, 2)),
}
COUNTS = {
    "poisson": (lambda k: random.poisson(k, 3.0, N), stats.poisson(3)),
    "binomial": (lambda k: random.binomial(k, 10, 0.3, N), stats.binom(10, 0.3)),
    "geometric": (lambda k: random.geometric(k, 0.3, N), stats.geom(0.3)),
    "randint": (lambda k: random.randint(k, N, 0, 7), stats.randint(0, 7)),
    "categorical": (lambda k: random.categorical(k, np.log(CHANCES), shape=N), stats.rv_discrete(values=(range(4), CHANCES))),
    "choice": (lambda k: random.choice(k, 4, N, p=CHANCES), stats.rv_discrete(values=(range(4), CHANCES))),
    "bernoulli": (lambda k: random.bernoulli(k, 0.3, N), stats.bernoulli(0.3)),
    **{
        f"multinomial{i}": (lambda k, i=i: random.multinomial(k, 6, CHANCES, shape=(N, 4))[:, i], stats.binom(6, CHANCES[i]))
        for i in range(4)
    },
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_samples_have_their_distribution(name):
    draw, expected = DISTRIBUTIONS[name]
    assert stats.kstest(draw(random.key(7)), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", COUNTS)
def test_counts_have_their_distribution(name):
    draw, expected = COUNTS[name]
    found = np.asarray(draw(random.key(7)), int)
    values = np.arange(found.min(), found.max() + 1)
    wanted = N * expected.pmf(values)
    often = wanted > 5
    seen = np.array([np.sum(found == v) for v in values])
    rest = [N - seen[often].sum()], [N - wanted[often].sum() + 1e-9]
    assert stats.chisquare([*seen[often], *rest[0]], [*wanted[often], *rest[1]]).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["uniform", "normal", "exponential", "gumbel", "laplace", "cauchy", "logistic", "maxwell"])
def test_dtypes_and_shapes(name, dtype):
    draw = getattr(random, name)
    for shape in ((), (0,), (2, 3), 4):
        out = draw(random.key(1), shape, dtype)
        assert np.asarray(out).dtype == dtype
        assert np.shape(out) == ((shape,) if isinstance(shape, int) else shape)
        assert np.all(np.isfinite(out))


def test_parameters_in_lists():
    key = random.key(1)
    for draw in (random.gamma, random.bernoulli, random.poisson, random.wald):
        np.testing.assert_array_equal(draw(key, [0.5, 0.75]), draw(key, np.array([0.5, 0.75])))
    np.testing.assert_array_equal(random.choice(key, 4, 3, p=list(CHANCES)), random.choice(key, 4, 3, p=CHANCES))


def test_matrices_of_float16():
    key = random.key(1)
    q = random.orthogonal(key, 3, 50, np.float16)
    assert q.dtype == np.float16
    np.testing.assert_allclose(
        q.astype(float) @ np.swapaxes(q, 1, 2).astype(float), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=3e-3
    )
    for method in ("cholesky", "eigh", "svd"):
        draw = lambda key, cov, method=method: random.multivariate_normal(key, np.ones(2), cov, N, np.float16, method)
        drawn = draw(key, MATRIX)
        assert drawn.dtype == np.float16
        np.testing.assert_allclose(np.cov(drawn.astype(float).T), MATRIX, atol=0.1)
        np.testing.assert_allclose(cv.jit(draw)(key, MATRIX), drawn, rtol=2e-3)
        assert cv.grad(lambda c, draw=draw: np.sum(draw(key, c * MATRIX), dtype=float))(1.0) != 0


@pytest.mark.parametrize("method", ["eigh", "svd"])
def test_covariances_that_are_semi_definite_and_that_are_not(method):
    key, v = random.key(1), np.array([1.0, 2.0, 3.0])
    draw = lambda cov, dtype=float: random.multivariate_normal(key, np.zeros(len(cov)), cov, N, dtype, method)
    for dtype in (np.float16, np.float32, np.float64):
        cov = np.astype(np.outer(v, v) / 7, dtype)
        for found in (draw(cov), draw(cov, dtype), cv.jit(draw)(cov)):
            np.testing.assert_allclose(np.cov(found.astype(float).T), np.outer(v, v) / 7, rtol=0.1)
    for wrong in (np.array([[1.0, 2.0], [2.0, 1.0]]), np.diag([1.0, 1.0, -1.0]), -np.eye(2)):
        with pytest.raises(ValueError, match="multivariate_normal takes covariances without negative eigenvalues"):
            draw(wrong)
        assert np.all(np.isnan(cv.jit(draw)(wrong)))


# --- transformations ---------------------------------------------------------------------------------------------------

SAMPLERS = {**DISTRIBUTIONS, **COUNTS}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_is_the_same_in_a_batch_a_loop_and_a_compiled_function(name, monkeypatch):
    monkeypatch.setitem(globals(), "N", 5)
    draw = SAMPLERS[name][0]
    keys = random.split(random.key(3), 3)
    expected = np.stack([draw(k) for k in keys])
    for run in (cv.vmap(draw), cv.vmap(cv.jit(draw)), cv.jit(cv.vmap(draw)), lambda ks: cv.lax.map(draw, ks)):
        np.testing.assert_allclose(run(keys), expected, rtol=1e-12)


PARAMETERS = {
    "uniform": (lambda k, p: random.uniform(k, 3, minval=p, maxval=2.0), 0.5),
    "truncated_normal": (lambda k, p: random.truncated_normal(k, p, 2.0, 3), 0.5),
    "pareto": (lambda k, p: random.pareto(k, p, 3), 2.0),
    "weibull_min": (lambda k, p: random.weibull_min(k, 2.0, p, 3), 2.0),
    "lognormal": (lambda k, p: random.lognormal(k, p, 3), 0.5),
    "triangular": (lambda k, p: random.triangular(k, p, 1.0, 2.0, 3), 0.5),
    "multivariate_normal": (lambda k, p: random.multivariate_normal(k, np.zeros(2), MATRIX * p), 2.0),
    "double_sided_maxwell": (lambda k, p: random.double_sided_maxwell(k, p, p * p, 3), 0.5),
}


def test_counts_of_outcomes_add_up_and_go_together():
    n, p = np.array([0, 5, 40]), np.array([[0.2, 0.8, 0.0], [0.0, 0.0, 1.0], [0.5, 0.25, 0.25]])
    drawn = random.multinomial(random.key(0), n, p, shape=(500, 3, 3), dtype=np.int64)
    assert drawn.dtype == np.int64
    np.testing.assert_array_equal(drawn.sum(-1), np.broadcast_to(n, (500, 3)))
    assert not drawn[:, 0].any() and (drawn[:, 1] == [0, 0, 5]).all()
    covariance = np.cov(drawn[:, 2].T)
    np.testing.assert_allclose(covariance, 40 * (np.diag(p[2]) - np.outer(p[2], p[2])), atol=1.5)
    assert random.multinomial(random.key(0), 7, np.ones(1)).tolist() == [7.0]


@pytest.mark.parametrize("name", PARAMETERS)
def test_samples_are_differentiable_in_their_parameters(name):
    draw, at = PARAMETERS[name]
    key = random.key(5)
    check_grads(lambda p: draw(key, p), (at,), order=2)


@pytest.mark.parametrize(
    ("draw", "quantile", "at"),
    [
        (random.gamma, lambda q, a: stats.gamma.ppf(q, a), 0.3),
        (random.gamma, lambda q, a: stats.gamma.ppf(q, a), 4.0),
        (random.chisquare, lambda q, a: stats.chi2.ppf(q, a), 3.0),
    ],
)
def test_the_derivative_of_a_rejection_sampler_is_that_of_the_quantile(draw, quantile, at):
    key, h = random.key(5), 1e-5
    distribution = stats.gamma(at) if draw is random.gamma else stats.chi2(at)
    sample, tangent = cv.jvp(lambda a: draw(key, a, 6), (at,), (1.0,))
    q = distribution.cdf(sample)
    np.testing.assert_allclose(tangent, (quantile(q, at + h) - quantile(q, at - h)) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(cv.grad(lambda a: np.sum(draw(key, a, 6)))(at), np.sum(tangent), rtol=1e-12)


@pytest.mark.parametrize("draw", [random.normal, lambda k: random.gamma(k, 3.0), lambda k: random.poisson(k, 3.0)])
def test_a_key_moves_nothing(draw):
    key = random.key(1)
    drawn, moved = cv.jvp(lambda k: draw(k) * 2.0, (key,), (np.zeros(2, cv.float0),))
    assert (drawn, moved) == (2.0 * draw(key), 0.0)


def test_a_count_of_a_rate_that_moves_stands_still():
    f = lambda a: sample_p.bind(random.key(1), a, distribution="poisson", shape=(), dtype=np.dtype(int))
    counted, still = cv.jvp(f, (3.0,), (1.0,))
    assert counted == f(3.0) and still.dtype == cv.float0


def test_the_gradient_of_an_expectation():
    """E[x²] of gamma(a) is a (a + 1)."""
    estimate = cv.grad(lambda a: np.mean(random.gamma(random.key(2), a, 20_000) ** 2))(2.0)
    assert math.isclose(estimate, 5.0, rel_tol=0.05)


# --- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda k: random.normal(0), r"normal got a key of type weak_i64\[\].*make one with covector.random.key"),
        (lambda k: random.normal(random.split(k)), r"key of type u32\[2,2\].*array of keys.*vmap"),
        (lambda k: random.key(0.5), r"seed of type weak_f64\[\]"),
        (lambda k: random.key(2**64), "got the seed 18446744073709551616, which has more than 64 bits"),
        (lambda k: random.key(-(2**63) - 1), "more than 64 bits"),
        (lambda k: random.fold_in(k, 2**32), r"fold_in got the number 4294967296, which has more than 32 bits.*% 2\*\*32"),
        (lambda k: random.fold_in(k, np.int64(-(2**31) - 1)), "more than 32 bits"),
        (lambda k: random.fold_in(k, np.array(2**40)), "more than 32 bits"),
        (lambda k: random.fold_in(k, np.arange(3)), r"fold_in got data of type i64\[3\].*vmap"),
        (lambda k: cv.jit(random.fold_in)(k, np.arange(3)), r"fold_in got data of type i64\[3\].*vmap"),
        (lambda k: random.fold_in(k, 1.5), r"fold_in got data of type weak_f64\[\].*integer"),
        (lambda k: random.normal(k, 3, np.int64), "normal got dtype=int64.*float16, float32 or float64"),
        (lambda k: random.uniform(k, (2,), minval=np.zeros(3)), r"shape=\(2,\) for parameters of shape \(3,\)"),
        (lambda k: random.choice(k, 3, 4, replace=False), "draw 4 of 3 elements without replacement"),
        (lambda k: random.choice(k, 3, 4, p=np.ones(2)), r"p of shape \(2,\) for 3 elements"),
        (lambda k: random.bits(k, 3, np.int32), "bits got dtype=int32.*unsigned"),
        (lambda k: random.categorical(k, np.zeros((2, 3)), shape=4), "categorical got shape"),
        (
            lambda k: random.categorical(k, np.zeros(0)),
            r"categorical got logits of shape \(0,\), with no categories along axis 0",
        ),
        (
            lambda k: random.categorical(k, np.zeros((0, 3)), axis=0),
            r"logits of shape \(0, 3\), with no categories along axis 0",
        ),
        (lambda k: cv.jit(random.categorical)(k, np.zeros((3, 0))), r"logits of shape \(3, 0\), with no categories"),
        (lambda k: random.dirichlet(k, np.zeros(0)), r"dirichlet got parameters alpha of shape \(0,\)"),
        (lambda k: random.dirichlet(k, np.zeros((3, 0))), r"dirichlet got parameters alpha of shape \(3, 0\)"),
        (lambda k: random.dirichlet(k, 1.0), r"dirichlet got parameters alpha of shape \(\)"),
        (lambda k: random.multivariate_normal(k, 1.0, 1.0), r"got a mean of shape \(\) and a covariance of shape \(\)"),
        (lambda k: random.multivariate_normal(k, np.zeros(1), np.eye(3)), r"mean of shape \(1,\) and a covariance of shape"),
        (lambda k: random.multivariate_normal(k, np.zeros((3, 2)), np.eye(2), 2), r"shape=\(2,\) for a batch of shape \(3,\)"),
        (lambda k: random.rademacher(k, 3, np.uint8), "rademacher got dtype=uint8, which does not have -1"),
        (lambda k: random.gamma(k, 2 + 1j), r"got a parameter of type weak_c128\[\].*real"),
        (lambda k: random.multinomial(k, 3, 0.5), r"multinomial got probabilities p of type weak_f64\[\]"),
        (lambda k: random.multinomial(k, 3, CHANCES, shape=(2, 3)), r"multinomial got shape=\(2, 3\) for 4 outcomes"),
    ],
)
def test_errors(call, text):
    with pytest.raises(errors.ArgumentError, match=f"(?s){text}"):
        call(random.key(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bounds", [(6.0, 8.0), (-20.0, -15.0), (40.0, 50.0), (-np.inf, -4.0)])
def test_the_tail_of_the_truncated_normal_distribution(bounds, dtype):
    drawn = random.truncated_normal(random.key(3), *bounds, (3000,), dtype)
    assert drawn.dtype == dtype
    assert stats.kstest(drawn.astype(float), stats.truncnorm(*bounds).cdf).pvalue > 0.001


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize(("a", "axis"), [(0, 0), (-1, 0), (np.zeros(0), 0), (np.zeros((0, 2)), 0), (np.zeros((2, 0)), -1)])
def test_a_choice_of_nothing(a, axis, replace):
    for shape in (3, (1, 2)):
        with pytest.raises(errors.ArgumentError, match="choice was to draw from nothing"):
            random.choice(random.key(0), a, shape, replace, axis=axis)


def test_sizes_and_axes_that_there_are_not():
    key = random.key(0)
    for call in (lambda: random.split(key, -1), lambda: random.normal(key, (2, -1)), lambda: random.bits(key, -3)):
        with pytest.raises(ValueError, match=r"got the shape .*-\d.*: give sizes that are not negative"):
            call()
    with pytest.raises(ValueError, match="got the shape"):
        random.permutation(key, -1)
    for axis in (2, -3):
        for draw in (random.permutation, random.choice):
            with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
                draw(key, TABLE, axis=axis)
    for axis in (1, -2):
        with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
            random.categorical(key, np.zeros(3), axis=axis)
