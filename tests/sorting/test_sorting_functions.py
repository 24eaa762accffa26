"""Sorting and searching, against NumPy under every transformation."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check, equal

import covector
from covector.numpy import sorting
from covector.primitives.arrays.sorting import argpartition_p, argsort_p, searchsorted_p, sort_p
from covector.testing.primitives import check_case

X = np.random.default_rng(0).permutation(np.linspace(-2, 2, 24)).reshape(2, 3, 4)
Z = X + 1j * X[::-1]
TIES = np.random.default_rng(1).integers(0, 3, size=(4, 5)).astype(float)

FUNCTIONS = {
    "sort": np.sort,
    "sort axis": lambda x: np.sort(x, axis=0),
    "sort flat": lambda x: np.sort(x, axis=None),
    "sort stable": lambda x: np.sort(x, 1, stable=True),
    "sort kind": lambda x: np.sort(x, kind="heapsort"),
    "sort squared": lambda x: np.sort(x) ** 2 * x,
    "sort descending": lambda x: np.flip(np.sort(x, axis=1), axis=1),
    "sort by index": lambda x: np.sort(x)[..., ::-1][..., :2],
    "argsort": lambda x: np.take_along_axis(x**2, np.argsort(x), -1),
    "argsort axis": lambda x: (np.argsort(x, 0, "stable"), np.argsort(x, axis=None), np.argsort(x, kind="mergesort")),
    "partition": lambda x: np.sort(np.partition(x, 2)[..., :2]),
    "partition axis": lambda x: np.partition(x, 1, axis=1)[:, 1],
    "partition several": lambda x: np.partition(x, (0, -1), axis=None)[[0, -1]],
    "argpartition": lambda x: np.take_along_axis(x, np.argpartition(x, 1, axis=1), 1)[:, 1],
    "sort_complex": np.sort_complex,
    "lexsort": lambda x: np.lexsort((x[0], np.round(x[1]))),
    "lexsort axis": lambda x: np.lexsort(np.round(x), axis=0),
    "median": np.median,
    "median axis": lambda x: np.median(x, axis=1),
    "median axes": lambda x: np.median(x, axis=(0, 2), keepdims=True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "median" not in n and "lexsort" not in n])
def test_complex(name):
    check(FUNCTIONS[name], Z)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64, np.int8, np.uint32, np.bool_])
@pytest.mark.parametrize("name", ["sort", "sort stable", "argsort axis", "partition axis", "sort_complex", "median axes"])
def test_dtype(name, dtype):
    check(FUNCTIONS[name], X.astype(dtype), order=1, batch=False)


@pytest.mark.parametrize("f", [np.sort, lambda x: np.argsort(x, axis=0), lambda x: np.argsort(x, stable=True)])
def test_ties_nan_and_empty(f):
    for x in (TIES, np.array([[1.0, np.nan, -np.inf, np.nan, 0.0, -0.0, np.inf]]), np.zeros((2, 0))):
        equal(covector.jit(f)(x), f(x))
        equal(covector.jvp(f, (x,), (x,))[0], f(x))
        equal(covector.vmap(f)(np.stack([x, x[::-1]])), np.stack([f(x), f(x[::-1])]))


def test_the_tangent_moves_with_the_elements():
    x = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(covector.jvp(np.sort, (x,), (np.array([10.0, 20.0, 30.0]),))[1], [20.0, 30.0, 10.0])
    np.testing.assert_array_equal(covector.grad(lambda x: np.sort(x)[0])(x), [0.0, 1.0, 0.0])


def test_stable_at_ties():
    x = np.array([1.0, 0.0, 1.0, 0.0])
    t = np.arange(4.0)
    np.testing.assert_array_equal(covector.jvp(np.sort, (x,), (t,))[1], [1.0, 3.0, 0.0, 2.0])


def test_median_shares_between_two():
    np.testing.assert_array_equal(covector.grad(np.median)(np.array([4.0, 1.0, 3.0, 2.0])), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(covector.grad(np.median)(np.array([4.0, 1.0, 3.0])), [0, 0, 1])


def test_median_of_nan_and_of_nothing():
    x = np.array([[1.0, np.nan, 3.0], [4.0, 6.0, 5.0]])
    for f in (np.median, np.nanmedian):
        for axis in (None, 0, 1):
            equal(covector.jit(lambda x, f=f, axis=axis: f(x, axis))(x), f(x, axis))
    with pytest.warns(RuntimeWarning):
        assert np.isnan(covector.jit(np.median)(np.zeros(0)))


def test_nanmedian():
    x = X.copy()
    x[0, 1] = x[1, 2, ::2] = np.nan
    t = np.where(np.isnan(x), 0, X)
    for axis in (None, -1, (0, 2)):
        f = lambda x, axis=axis: np.nanmedian(x, axis=axis, keepdims=axis == -1)
        with np.errstate(all="ignore"), pytest.warns() if axis == -1 else np.errstate():
            expected = f(x)
        equal(covector.jit(f)(x), expected)
        out, tangent = covector.jvp(f, (x,), (t,))
        equal(out, expected)
        h = 1e-6
        quotient = (covector.jit(f)(x + h * t) - covector.jit(f)(x - h * t)) / (2 * h)
        np.testing.assert_allclose(tangent[~np.isnan(expected)], quotient[~np.isnan(expected)], rtol=1e-6)
    check(np.nanmedian, X.astype(np.float32), order=1)
    check(np.nanmedian, (X * 4).astype(int), order=1)


UNIQUE = {
    "values": np.unique,
    "all": lambda x: np.unique(x, True, True, True),
    "counts": lambda x: np.unique(x, return_counts=True),
    "inverse": lambda x: np.unique(x, return_inverse=True)[1],
    "axis": lambda x: np.unique(x, axis=0),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_unique(name):
    f = UNIQUE[name]
    x = TIES[[0, 1, 0, 2]]
    equal(covector.jvp(f, (x,), (x,))[0], f(x))
    equal(covector.vjp(f, x)[0], f(x))


def test_unique_derivative():
    x = np.array([3.0, 1.0, 3.0, 2.0])
    gradient = covector.grad(lambda x: np.unique(x) @ np.array([1.0, 10.0, 100.0]))(x)
    np.testing.assert_array_equal(gradient, [100.0, 1.0, 0.0, 10.0])


def test_unique_of_unknown_values():
    with pytest.raises(covector.errors.ConcretizationError, match=r"the number of distinct elements, which np\.unique needs"):
        covector.jit(np.unique)(X)


ERRORS = {
    "sort axis": lambda x: np.sort(x, axis=3),
    "sort scalar": lambda x: np.sort(x[0, 0, 0]),
    "sort kind": lambda x: np.sort(x, kind="bubble"),
    "sort kind and stable": lambda x: np.sort(x, kind="stable", stable=True),
    "argsort axis": lambda x: np.argsort(x, axis=-4),
    "partition": lambda x: np.partition(x, 4),
    "partition float": lambda x: np.partition(x, 1.5),
    "partition kind": lambda x: np.partition(x, 1, kind="quickselect"),
    "lexsort": lambda x: np.lexsort((x, x[0])),
    "lexsort axis": lambda x: np.lexsort((x, x), axis=3),
    "median axis": lambda x: np.median(x, axis=3),
    "median axes": lambda x: np.median(x, axis=(0, 0)),
    "searchsorted": lambda x: np.searchsorted(x, 0.5),
    "searchsorted side": lambda x: np.searchsorted(x[0, 0], 0.5, side="middle"),
    "digitize": lambda x: np.digitize(x, [0.0, 2.0, 1.0]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


def test_unsupported():
    with pytest.raises(covector.errors.UnsupportedFunctionError, match="fields"):
        covector.jit(lambda x: np.sort(x, order="name"))(X)
    with pytest.raises(covector.errors.InPlaceWriteError):
        covector.jit(lambda x: np.median(x, out=np.zeros(())))(X)


# --- search -----------------------------------------------------------------------------------------------------------

A = np.sort(X.ravel()[:7])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    check(lambda a, v: np.searchsorted(a, v, side), A, X, order=1)
    check(lambda a, v: np.searchsorted(a, v, side=side), A, X[0, 0, 0], order=1)
    for v in (A, A[3]):
        equal(covector.jit(lambda a, v: np.searchsorted(a, v, side))(A, v), np.searchsorted(A, v, side))
    order = np.argsort(X[0, 0])
    check(lambda a, v: np.searchsorted(a, v, side, order), X[0, 0], X, order=1, batch=False)
    expected = np.searchsorted(X[0, 0], X, side, order)
    equal(covector.jit(lambda o: sorting.searchsorted(X[0, 0], X, side, o))(order), expected)


def test_digitize():
    for right in (False, True):
        for bins in (A, A[::-1], A[:0]):
            check(lambda x, bins=bins, right=right: np.digitize(x, bins, right), X, order=1)
        equal(covector.jit(lambda x, b: np.digitize(x, b))(A, A), np.digitize(A, A))


def test_primitives():
    check_case(sort_p, (X,), {"axis": 1, "kind": "quicksort"})
    check_case(argsort_p, (X,), {"axis": 2, "kind": "stable"}, differentiable=False)
    check_case(argpartition_p, (X,), {"axis": 0, "kth": (1,)}, differentiable=False)
    check_case(searchsorted_p, (A, X), {"side": "left", "batch": 0}, differentiable=False)
    check_case(searchsorted_p, (np.stack([A, A + 1]), X), {"side": "right", "batch": 1}, differentiable=False)
