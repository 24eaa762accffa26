"""Quantiles by every method, against NumPy under every transformation."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check, equal

import covector
from covector.numpy.quantiles import METHODS, quantile

X = np.random.default_rng(0).permutation(np.linspace(-2, 2, 30)).reshape(2, 3, 5)
Q = np.array([0.0, 0.13, 0.5, 0.87, 1.0])
W = np.random.default_rng(1).uniform(0.5, 2, size=X.shape)


def test_the_methods_are_those_of_numpy():
    with pytest.raises(ValueError) as error:
        np.quantile(X, 0.5, method="?")
    assert set(METHODS) == {m for m in METHODS if repr(m) in str(error.value)}
    assert str(error.value).count("_") >= sum(m.count("_") for m in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_method(method):
    check(lambda x: np.quantile(x, Q, axis=-1, method=method), X)
    check(lambda x: np.quantile(x, 0.3, method=method, keepdims=True), X, order=1)
    several = [[20, 40], [60, 80]]
    check(lambda x: np.percentile(x, several, (0, 2), method=method, keepdims=True), X, order=1)
    grid = np.linspace(0, 1, 41)
    for n in (1, 2, 3, 4, 5, 8):
        equal(
            covector.jit(lambda x: np.quantile(x, grid, method=method))(X.ravel()[:n]),
            np.quantile(X.ravel()[:n], grid, method=method),
            1e-15,
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.int32])
def test_dtype(method, dtype):
    x = (8 * X).astype(dtype)
    for q in (0.3, 1, np.float32(0.3), np.float64(0.3), np.array([0.25, 0.5]), np.array([0.25, 1], np.float32), [0, 1]):
        check(lambda x, q=q: np.quantile(x, q, axis=1, method=method), x, order=1, batch=False)
        check(lambda x, q=q: np.percentile(x, np.multiply(100, q), method=method), x, order=1, batch=False)


@pytest.mark.parametrize("method", ["linear", "hazen", "weibull", "median_unbiased", "interpolated_inverted_cdf"])
def test_traced_q(method):
    check(lambda x, q: quantile(x, q, axis=1, method=method), X, np.array([0.23, 0.71]))
    check(lambda x, q: np.percentile(x, q, method=method), X[0], np.float64(31.0), batch=False)


def test_q_that_is_known_under_vmap_of_data():
    equal(covector.vmap(lambda x: np.quantile(x, 0.25))(X), np.stack([np.quantile(x, 0.25) for x in X]), 1e-15)


def test_linear_derivative_by_hand():
    x = np.array([4.0, 1.0, 3.0, 2.0])
    np.testing.assert_allclose(covector.grad(lambda x: np.quantile(x, 0.25))(x), [0, 0.25, 0, 0.75])
    assert covector.grad(lambda q: np.quantile(np.arange(5.0) ** 2, q))(0.3) == pytest.approx(4 * (4 - 1))


@pytest.mark.parametrize("method", METHODS)
def test_nan(method):
    x = X.copy()
    x[0, 1, :2] = x[1, 0, 3] = x[0, 2, 1:] = np.nan
    for f in (np.quantile, np.nanquantile):
        for axis in (None, 0, -1, (0, 2)):
            for q in (0.37, Q):
                g = lambda x, f=f, axis=axis, q=q: f(x, q, axis=axis, method=method)
                expected = g(x)
                equal(covector.jit(g)(x), expected, 1e-15)
    f = lambda x: np.nanpercentile(x, [15.0, 50.0], axis=(0, 1), method=method, keepdims=True)
    t = np.where(np.isnan(x), 0, X)
    out, tangent = covector.jvp(f, (x,), (t,))
    equal(out, f(x), 1e-15)
    np.testing.assert_allclose(tangent, (f(x + 1e-6 * t) - f(x - 1e-6 * t)) / 2e-6, rtol=1e-6, atol=1e-8)


def test_column_of_nothing_but_nan():
    x = np.array([[1.0, np.nan], [2.0, np.nan]])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        expected = np.nanquantile(x, 0.5, axis=0)
    np.testing.assert_array_equal(covector.jit(lambda x: np.nanquantile(x, 0.5, axis=0))(x), expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("q", [0.0, 0.31, Q, 1.0], ids=str)
def test_weights(q):
    f = lambda x, w: np.quantile(x, q, axis=-1, weights=w, method="inverted_cdf")
    check(f, X, W, order=1, batch=False)
    check(f, X, W[0, 0], order=1, batch=False)
    check(lambda x: np.quantile(x, q, weights=W, method="inverted_cdf"), X)
    check(lambda x: np.quantile(x, q, weights=np.round(W - 0.6), method="inverted_cdf"), X, order=1)
    x = np.where(X > 1, np.nan, X)
    for g in (np.quantile, np.nanquantile):
        h = lambda x, g=g: g(x, q, weights=W, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(covector.jit(h)(x), h(x))


ERRORS = {
    "method": lambda x: np.quantile(x, 0.5, method="best"),
    "q too large": lambda x: np.quantile(x, 1.5),
    "q negative": lambda x: np.percentile(x, [10, -1]),
    "q of rank 3": lambda x: np.quantile(x, np.full((1, 1, 1), 0.5)),
    "axis": lambda x: np.quantile(x, 0.5, axis=3),
    "axes": lambda x: np.quantile(x, 0.5, axis=(0, 0)),
    "complex": lambda x: np.quantile(1j * x, 0.5),
    "empty": lambda x: np.quantile(x[:0], 0.5),
    "weights": lambda x: np.quantile(x, 0.5, weights=W),
    "weights shape": lambda x: np.quantile(x, 0.5, weights=W[0], axis=0, method="inverted_cdf"),
    "weights axis": lambda x: np.quantile(x, 0.5, weights=W[0, 0], method="inverted_cdf"),
    "negative weights": lambda x: np.quantile(x, 0.5, weights=-W, method="inverted_cdf"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)
