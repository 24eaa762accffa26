"""Where NumPy raises for the values of an argument, and these are known later: an error or NaN, never a number."""

import numpy as np
import pytest

import covector as cv
import covector.numpy as cnp
from covector.numpy.undetermined import nan_where

X = np.array([1.0, 2.0, 3.0, 5.0])
RUN = {
    "jit": cv.jit,
    "as Python": lambda f: cv.jit(f, backend="numpy"),
    "vmap": lambda f: lambda x: cv.tree.map(lambda y: y[0], cv.vmap(f)(np.stack([x, x]))),
}

def by_weights(w):
    return np.percentile(X, 50, weights=w, method="inverted_cdf")


ERRORS = {
    "digitize": (lambda b: np.digitize(X, b), np.array([0.0, 3.0, 2.0])),
    "histogram": (lambda b: np.histogram(X, b)[0], np.array([0.0, 3.0, 2.0])),
    "histogram2d": (lambda b: np.histogram2d(X, X, [b, 2])[0], np.array([0.0, 3.0, 2.0])),
    "nanargmax": (lambda x: np.nanargmax(x), X * np.nan),
    "nanargmin": (lambda x: np.nanargmin(x, axis=0, keepdims=True), np.stack([X, X * np.nan], 1)),
    "a quantile of integers": (lambda q: np.quantile(np.arange(4), q, method="lower"), np.array(1.5)),
    "histogram of a falling range": (lambda r: cnp.histogram(X, 3, (r[0], r[1]))[0], np.array([5.0, 1.0])),
    "histogram of NaN": (lambda x: np.histogram(x, 3)[0], np.array([np.nan, 1.0, 2.0])),
    "histogram of infinities": (lambda x: np.histogram(x, 3)[0], np.array([np.inf, 1.0, 2.0])),
    "histogram of narrow data": (lambda x: np.histogram(x)[0], np.array([1e16, 1e16 + 2])),
    "histogram2d of NaN": (lambda x: np.histogram2d(x, x, 3)[0], np.array([np.nan, 1.0, 2.0])),
    "choose": (lambda i: np.choose(i, [X, 2 * X]), np.array([0, -1, 1, 0])),
    "geomspace of integers": (lambda a: np.geomspace(a, 8, 4, dtype=int), np.array(0.0)),
    "a quantile of integers by weights": (
        lambda w: np.quantile(np.arange(4), 0.5, weights=w, method="inverted_cdf"),
        np.array([1, -2, 3, 0]),
    ),
    "unravel_index": (lambda i: np.unravel_index(i, (2, 3))[1], np.array([0, 6])),
    "ravel_multi_index": (lambda i: np.ravel_multi_index((i, i), (2, 3)), np.array([0, -1])),
}

NANS = {
    "quantile": (lambda q: np.quantile(X, q), np.array(1.5)),
    "nanquantile": (lambda q: np.nanquantile(X, q), np.array(-0.5)),
    "percentile": (lambda q: np.percentile(X, q, method="hazen"), np.array(101.0)),
    "nanpercentile": (lambda q: np.nanpercentile(X.reshape(2, 2), q, axis=0)[0], np.array(np.nan)),
    "a quantile by weights": (lambda q: np.quantile(X, q, weights=X, method="inverted_cdf"), np.array(2.0)),
    "geomspace": (lambda a: np.geomspace(a, 10.0, 3), np.array(0.0)),
    "the end of geomspace": (lambda a: np.geomspace(2.0, a, 3), np.array(0.0)),
    "a geomspace of one": (lambda a: np.geomspace(2.0, a, 1), np.array(0.0)),
    "cov, frequencies": (lambda w: np.cov(X, fweights=w), np.array([0.5, 1.5, 1.0, 1.0])),
    "cov, negative frequencies": (lambda w: np.cov(X, fweights=w), np.array([-1.0, 2.0, 3.0, 1.0])),
    "cov, negative weights": (lambda w: np.cov(X, aweights=w), np.array([-1.0, 2.0, 3.0, 1.0])),
    "negative weights of quantiles": (by_weights, np.array([-1.0, 1.0, 1.0, 1.0])),
    "no weights of quantiles": (by_weights, np.zeros(4)),
    "NaN as a weight of quantiles": (by_weights, np.array([np.nan, 1.0, 1.0, 1.0])),
    "an infinite weight of quantiles": (by_weights, np.array([np.inf, 1.0, 1.0, 1.0])),
    "weights of columns": (
        lambda w: np.nanquantile(np.stack([X, X]), 0.5, axis=1, weights=w, method="inverted_cdf"),
        np.array([-1.0, 1.0, 1.0, 1.0]),
    ),
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name, run):
    f, x = ERRORS[name]
    with pytest.raises(ValueError):
        f(x)
    with pytest.raises(IndexError, match="out of bounds"):
        RUN[run](f)(x)


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", NANS)
def test_undetermined_numbers(name, run):
    f, x = NANS[name]
    with pytest.raises((ValueError, TypeError)):
        f(x)
    assert np.all(np.isnan(RUN[run](f)(x)))
    if "quantile" in name and "weight" not in name:  # by weights they are steps
        assert np.all(np.isnan(RUN[run](cv.jacobian(f))(x)))


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [[3.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 3.0], [2.0], [2.0, 2.0]])
def test_bins_that_fall(bins, right, run):
    x = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    found = RUN[run](lambda b: np.digitize(x, b, right))(np.array(bins))
    np.testing.assert_array_equal(found, np.digitize(x, bins, right))


@pytest.mark.parametrize("run", RUN)
def test_parts_of_which_some_are_quantiles(run):
    found = RUN[run](lambda q: np.quantile(X.reshape(2, 2), q, axis=0, keepdims=True))(np.array([0.5, -0.5]))
    np.testing.assert_array_equal(found, [[[2.0, 3.5]], [[np.nan, np.nan]]])


def test_residuals_that_there_should_not_be():
    for a, wanted in (([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], [np.nan]), ([[1.0, 2.0], [2.0, 5.0], [3.0, 6.0]], [0.4])):
        found = cv.jit(lambda a: np.linalg.lstsq(a, np.ones(3))[1])(np.array(a))
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_the_least_integer():
    least = np.array(-(2**63))
    x = np.arange(6)
    np.testing.assert_array_equal(cv.jit(lambda x, s: np.roll(x, s))(x, least), np.roll(x, least))
    found = cv.jit(lambda x, p: np.interp(x, [0.0, 1.0], [1.0, 5.0], period=p))(np.array([0.5]), least)
    np.testing.assert_array_equal(found, [3.0])  # with a period as long; NumPy's is negative


@pytest.mark.parametrize("mode", ["wrap", "clip"])
def test_unsigned_positions_are_signed(mode):
    i, j = np.array([-2, 0, 11, 2]).astype(np.uint64), np.array([-1, -4, 7, 3]).astype(np.uint64)
    f = lambda i, j: np.ravel_multi_index((i, j), (3, 4), mode=mode)
    np.testing.assert_array_equal(cv.jit(f)(i, j), f(i, j))


def test_infinite_complex_numbers_stay():
    x = np.array([complex(np.inf, 1), complex(0, -np.inf), 2j])
    np.testing.assert_array_equal(cv.jit(nan_where)(np.array([False, False, True]), x), [x[0], x[1], complex(np.nan, np.nan)])
