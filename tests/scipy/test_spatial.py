"""covector.scipy.spatial: values are SciPy's, derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance
from transformed import of_real_numbers, outcome, same

import covector as cv
from covector.scipy import spatial
from covector.testing import check_function

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
W = np.array([1.0, 0.0, 2.5])
METRICS = {
    "euclidean": {}, "sqeuclidean": {}, "cityblock": {}, "chebyshev": {}, "minkowski": {"p": 3.0}, "cosine": {},
    "correlation": {}, "mahalanobis": {"VI": np.diag([1.0, 2.0, 3.0])}, "seuclidean": {"V": np.array([1.0, 2.0, 3.0])},
    "braycurtis": {}, "canberra": {},
}  # fmt: skip


def agree(call, *args):
    """SciPy's values for traced points."""
    same(cv.jit(lambda *a: call(spatial.distance, *a))(*args), call(distance, *args), rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_distances(metric):
    options = METRICS[metric]
    agree(lambda s, a, b: s.cdist(a, b, metric, **options), A, B)
    agree(lambda s, a: s.pdist(a, metric, **options), A.astype(np.float32))
    check_function(lambda a, b: spatial.cdist(a, b, metric, **options), (A, B), order=2)
    check_function(lambda a: spatial.pdist(a, metric, **options), (A,), order=1)


@pytest.mark.parametrize("metric", "euclidean e sqeuclid cb Chebyshev pnorm braycurtis canberra hamming j".split())
def test_weights_and_other_names(metric):
    agree(lambda s, a, b: s.cdist(a, b, metric, w=W), A, B)
    agree(lambda s, a: s.pdist(a, metric, w=W), np.round(A))


def test_distributions_and_variances_of_the_points():
    p, q = np.abs(A), np.abs(B)
    agree(lambda s, a, b: s.cdist(a, b, "js"), p, q)
    check_function(lambda a, b: spatial.cdist(a, b, "jensenshannon"), (p, q))
    agree(lambda s, a, b: s.cdist(a, b, "seuclidean"), A, B)
    agree(lambda s, a: s.pdist(a, "seuclidean"), A)


def test_a_metric_that_is_a_function():
    f = lambda a, b, p: np.sum(np.abs(a - b) ** p)
    agree(lambda s, a, b: s.cdist(a, b, f, p=3), A, B)
    agree(lambda s, a: s.pdist(a, f, p=3), A)
    branches = lambda a, b: a[0] if a[0] > b[0] else b[0]
    np.testing.assert_array_equal(spatial.cdist(A, B, branches), distance.cdist(A, B, branches))
    found = cv.grad(lambda c: np.sum(spatial.pdist(A, lambda a, b: c * (a[0] - b[0]) ** 2)))(2.0)
    np.testing.assert_allclose(found, np.sum(distance.pdist(A[:, :1], "sqeuclidean")))


# --- two vectors ------------------------------------------------------------------------------------------------------

U, V = np.array([0.5, 1.25, 3.0]), np.array([2.0, 0.25, 1.0])
VECTORS = {
    "euclidean": lambda s, u, v: s.euclidean(u, v),
    "euclidean, weighted": lambda s, u, v, w: s.euclidean(u, v, w),
    "sqeuclidean": lambda s, u, v: s.sqeuclidean(u, v),
    "sqeuclidean, weighted": lambda s, u, v, w: s.sqeuclidean(u, v, w),
    "cityblock": lambda s, u, v: s.cityblock(u, v),
    "cityblock, weighted": lambda s, u, v, w: s.cityblock(u, v, w),
    "chebyshev": lambda s, u, v: s.chebyshev(u, v),
    "chebyshev, weighted": lambda s, u, v: s.chebyshev(u, v, W),
    "minkowski": lambda s, u, v: s.minkowski(u, v, 2.5),
    "minkowski, weighted": lambda s, u, v, w: s.minkowski(u, v, 3, w),
    "minkowski, of less than 1": lambda s, u, v, w: s.minkowski(u, v, 0.5, w),
    "minkowski, of the largest": lambda s, u, v: s.minkowski(u, v, np.inf, W),
    "cosine": lambda s, u, v: s.cosine(u, v),
    "cosine, weighted": lambda s, u, v, w: s.cosine(u, v, w),
    "correlation": lambda s, u, v: s.correlation(u, v),
    "correlation, weighted": lambda s, u, v, w: s.correlation(u, v, w),
    "mahalanobis": lambda s, u, v: s.mahalanobis(u, v, np.diag([1.0, 2.0, 3.0])),
    "seuclidean": lambda s, u, v, w: s.seuclidean(u, v, w),
    "braycurtis": lambda s, u, v: s.braycurtis(u, v),
    "braycurtis, weighted": lambda s, u, v, w: s.braycurtis(u, v, w),
    "canberra": lambda s, u, v: s.canberra(u, v),
    "canberra, weighted": lambda s, u, v, w: s.canberra(u, v, w),
    "jensenshannon": lambda s, u, v: s.jensenshannon(u, v),
    "jensenshannon, of a base": lambda s, u, v: s.jensenshannon(u, v, 2, keepdims=True),
    "hamming": lambda s, u, v: s.hamming(u, v),
    "hamming, weighted": lambda s, u, v, w: s.hamming(u, v, w),
    "jaccard": lambda s, u, v: s.jaccard(u, v),
    "jaccard, weighted": lambda s, u, v, w: s.jaccard(u, v, w),
    "directed_hausdorff": lambda s, u, v: s.directed_hausdorff(u[:, None], v[:, None] + 0.2)[0],
}


ABSOLUTE = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski")
"""Distances of complex vectors too."""


@pytest.mark.parametrize("name", VECTORS)
def test_distances_of_two_vectors(name):
    f, args = VECTORS[name], (U, V, W + 0.5)[: VECTORS[name].__code__.co_argcount - 1]
    for dtype in (np.float64, np.int64, np.complex128, np.float32):
        given = tuple(np.round(a * 2).astype(dtype) + (1j if dtype == np.complex128 else 0) for a in args[:2])
        expected = outcome(f, distance, *given, *args[2:])
        found = outcome(cv.jit(lambda *a: f(spatial.distance, *a)), *given, *args[2:])
        if isinstance(expected, Exception) or np.any(np.isnan(expected)):
            assert type(found) is type(expected) or dtype == np.complex128
        elif dtype != np.complex128 or name.split(",")[0] in ABSOLUTE:
            same(found, expected, rtol=1e-6 if dtype == np.float32 else 1e-12)
    check_function(of_real_numbers(lambda *a: f(spatial.distance, *a), args), args)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.complex64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["euclidean", "sqeuclidean", "minkowski", "cityblock", "cosine"])
def test_distances_of_arrays_of_vectors_are_scipys_or_its_error(name, weighted, dtype):
    u, v = (np.round(x * 4).astype(dtype) for x in (np.stack([U, V, U + V]), np.stack([U, V])[:, None]))
    options = {"p": 1.5} if name == "minkowski" else {}
    options |= {"w": W + 0.5} if weighted else {}
    expected = outcome(lambda u, v: getattr(distance, name)(u, v, **options), u, v)
    found = outcome(cv.jit(lambda u, v: getattr(spatial.distance, name)(u, v, **options)), u, v)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected))
    else:
        same(found, expected, rtol={"f2": 2e-3, "f4": 1e-6, "c8": 1e-6}.get(np.dtype(dtype).str[1:], 1e-12))


def test_elements_that_are_zero_or_unknown():
    for u, v in (([0.0, 1.0], [0.0, 3.0]), ([np.nan, 1.0], [1.0, 3.0])):
        agree(lambda s, u, v: s.canberra(u, v), np.array(u), np.array(v))
    zero = np.zeros(2)
    for name in ("euclidean", "cityblock", "chebyshev", "canberra"):
        np.testing.assert_array_equal(cv.grad(getattr(spatial.distance, name))(zero, zero), zero)
    np.testing.assert_array_equal(cv.grad(spatial.distance.jensenshannon)(U, U), np.zeros(3))
    agree(lambda s, u, v: s.jaccard(u, v), zero, zero)


def test_points_of_hausdorffs_distance():
    found = cv.jit(spatial.distance.directed_hausdorff)(A, B)
    same(found, tuple(np.asarray(x) for x in distance.directed_hausdorff(A, B)))


@pytest.mark.parametrize("p", [1, 1.5, np.inf])
def test_other_powers_and_the_covariance_of_the_points(p):
    agree(lambda s, a, b: s.cdist(a, b, "minkowski", p=p), A, B)
    many = RNG.normal(size=(6, 3))
    agree(lambda s, a, b: s.cdist(a, b, "mahalanobis"), many, B)
    agree(lambda s, a: s.pdist(a, "mahalanobis"), many)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", "minkowski", "mahalanobis"])
def test_equal_points_have_derivative_zero(metric):
    slope = cv.jacobian(lambda a: spatial.cdist(a, A[:1], metric, **METRICS[metric]))(A[:1])
    np.testing.assert_array_equal(slope, np.zeros((1, 1, 1, 3)))


def test_squareform_goes_both_ways():
    v = np.arange(1.0, 7.0)
    m = spatial.squareform(v)
    agree(lambda s, v: s.squareform(v), v)
    agree(lambda s, m: s.squareform(m), m)
    check_function(spatial.squareform, (v,))
    check_function(lambda m: spatial.squareform(m, checks=False), (m,))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: spatial.cdist(a, B, "far"), "metric='far'"),
        (lambda a: spatial.cdist(a, B[:, :2]), "different dimensions"),
        (lambda a: spatial.cdist(a, B, out=np.zeros((4, 3))), "the array out="),
        (lambda a: spatial.cdist(a, B, 3), "got metric=3"),
        (lambda a: spatial.cdist(a, B, w=np.ones(2)), "Weights must have same size"),
        (lambda a: spatial.cdist(a, B, w=-W), "non-negative"),
        (lambda a: spatial.pdist(a[0]), "give an array"),
        (lambda a: spatial.pdist(a, p=3), "got p, which the metric 'euclidean'"),
        (lambda a: spatial.pdist(a, "minkowski", p=0), "greater than 0"),
        (lambda a: spatial.squareform(a[:, 0]), "whose length"),
        (lambda a: spatial.squareform(a), "square matrix"),
        (lambda a: spatial.distance.euclidean(a, B), "should be 1-D|cannot be broadcast"),  # by SciPy 1.17, and by 1.18
        (lambda a: spatial.distance.minkowski(a[0], U, 0), "greater than 0"),
        (lambda a: spatial.distance.cosine(a[0], U[:2]), "not aligned"),
        (lambda a: spatial.distance.correlation(a[0] * 1j, U), "must be real"),
        (lambda a: spatial.distance.seuclidean(a[0], U, U[:2]), "same dimension"),
        (lambda a: spatial.distance.hamming(a[0], U[:2]), "equal lengths"),
        (lambda a: spatial.distance.euclidean(a[0] > 0, U > 0), "got booleans"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError, cv.errors.InPlaceWriteError), match=text):
        cv.jit(call)(A)


def test_a_matrix_that_is_known_is_checked():
    for m, text in (([[0.0, 1], [2, 0]], "symmetric"), (np.eye(2), "diagonal")):
        with pytest.raises(ValueError, match=text):
            spatial.squareform(np.array(m))
        with pytest.raises(ValueError, match=text):
            cv.grad(lambda m: spatial.squareform(m)[0])(np.array(m))


def test_what_is_no_distance_is_refused():
    z = A + 1j
    for call in (lambda z: spatial.cdist(z, z), lambda z: spatial.pdist(z), cv.jit(lambda z: spatial.pdist(z, "cosine"))):
        with pytest.raises(cv.errors.ArgumentError, match=r"real numbers got c128[^~]*imaginary part would be lost"):
            call(z)
    few = np.eye(3)
    for call in (lambda x: spatial.pdist(x, "mahalanobis"), lambda x: spatial.cdist(x[:1], x[:2], "mahalanobis")):
        with pytest.raises(ValueError, match=r"got 3 points of 3 dimensions[^~]*covariance is singular: give VI"):
            cv.jit(call)(few)


@pytest.mark.parametrize("numbers", [np.array([0.9, 0.8, 0.1]), np.array([2, 1, 0])], ids=["floats", "integers"])
def test_the_cosine_of_booleans_and_numbers_is_scipys(numbers):
    """Of which the product with itself is whether any is true, but where there are weights."""
    for flags in ([True, True, False], [True, False, False], [False, True, True]):
        u = np.array(flags)
        for w in (None, np.array([1.0, 2.0, 0.5])):
            f = lambda d, u, v, w=w: (d.cosine(u, v, w), d.cosine(v, u, w), d.correlation(u, v, w))
            expected = f(distance, u, numbers)
            found = cv.jit(lambda u, v, f=f: f(spatial.distance, u, v))(u, numbers)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
