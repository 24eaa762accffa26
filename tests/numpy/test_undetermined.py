"""Where NumPy raises for the values of an argument, and these are known later: an error or NaN, never a number."""

import numpy as np
import pytest

import covector as cv

X = np.array([1.0, 2.0, 3.0, 5.0])
RUN = {
    "jit": cv.jit,
    "as Python": lambda f: cv.jit(f, backend="numpy"),
    "vmap": lambda f: lambda x: cv.tree.map(lambda y: y[0], cv.vmap(f)(np.stack([x, x]))),
}

ERRORS = {
    "digitize": (lambda b: np.digitize(X, b), np.array([0.0, 3.0, 2.0])),
    "histogram": (lambda b: np.histogram(X, b)[0], np.array([0.0, 3.0, 2.0])),
    "histogram2d": (lambda b: np.histogram2d(X, X, [b, 2])[0], np.array([0.0, 3.0, 2.0])),
    "nanargmax": (lambda x: np.nanargmax(x), X * np.nan),
    "nanargmin": (lambda x: np.nanargmin(x, axis=0, keepdims=True), np.stack([X, X * np.nan], 1)),
    "a quantile of integers": (lambda q: np.quantile(np.arange(4), q, method="lower"), np.array(1.5)),
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
    with pytest.raises(ValueError):
        f(x)
    assert np.all(np.isnan(RUN[run](f)(x)))
    if name not in ("a quantile by weights", "geomspace"):  # a step, and a last number that is given
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
