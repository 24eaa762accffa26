"""covector.scipy.spatial: values are SciPy's, derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

import covector as cv
from covector.scipy import spatial
from covector.testing import check_function

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
METRICS = {
    "euclidean": {}, "sqeuclidean": {}, "cityblock": {}, "chebyshev": {}, "minkowski": {"p": 3.0}, "cosine": {},
    "correlation": {}, "mahalanobis": {"VI": np.diag([1.0, 2.0, 3.0])},
}  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
def test_distances(metric):
    options = METRICS[metric]
    np.testing.assert_allclose(spatial.cdist(A, B, metric, **options), distance.cdist(A, B, metric, **options), rtol=1e-12)
    np.testing.assert_allclose(spatial.pdist(A, metric, **options), distance.pdist(A, metric, **options), rtol=1e-12)
    check_function(lambda a, b: spatial.cdist(a, b, metric, **options), (A, B), order=2)
    check_function(lambda a: spatial.pdist(a, metric, **options), (A,), order=1)


@pytest.mark.parametrize("p", [1, 1.5, np.inf])
def test_other_powers_and_the_covariance_of_the_points(p):
    np.testing.assert_allclose(spatial.cdist(A, B, "minkowski", p=p), distance.cdist(A, B, "minkowski", p=p))
    many = RNG.normal(size=(6, 3))
    np.testing.assert_allclose(spatial.cdist(many, B, "mahalanobis"), distance.cdist(many, B, "mahalanobis"))
    np.testing.assert_allclose(spatial.pdist(many, "mahalanobis"), distance.pdist(many, "mahalanobis"))


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev", "minkowski", "mahalanobis"])
def test_equal_points_have_derivative_zero(metric):
    slope = cv.jacobian(lambda a: spatial.cdist(a, A[:1], metric, **METRICS[metric]))(A[:1])
    np.testing.assert_array_equal(slope, np.zeros((1, 1, 1, 3)))


def test_squareform_goes_both_ways():
    v = np.arange(1.0, 7.0)
    m = spatial.squareform(v)
    np.testing.assert_array_equal(m, distance.squareform(v))
    np.testing.assert_array_equal(spatial.squareform(m), v)
    check_function(spatial.squareform, (v,))
    check_function(lambda m: spatial.squareform(m, checks=False), (m,))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: spatial.cdist(A, B, "far"), "metric='far'"),
        (lambda: spatial.cdist(A, B[:, :2]), "different dimensions"),
        (lambda: spatial.pdist(A[0]), "give an array"),
        (lambda: spatial.pdist(A, p=3), "got p, which the metric 'euclidean'"),
        (lambda: spatial.pdist(A, "minkowski", p=0), "greater than 0"),
        (lambda: spatial.squareform(np.ones(4)), "whose length"),
        (lambda: spatial.squareform(np.ones((2, 3))), "square matrix"),
        (lambda: spatial.squareform(np.array([[0.0, 1], [2, 0]])), "symmetric"),
        (lambda: spatial.squareform(np.eye(2)), "diagonal must be zero"),
    ],
)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call()


def test_what_is_no_distance_is_refused():
    z = A + 1j
    for call in (lambda z: spatial.cdist(z, z), lambda z: spatial.pdist(z), cv.jit(lambda z: spatial.pdist(z, "cosine"))):
        with pytest.raises(cv.errors.ArgumentError, match=r"real numbers got c128[^~]*imaginary part would be lost"):
            call(z)
    few = np.eye(3)
    for call in (lambda x: spatial.pdist(x, "mahalanobis"), lambda x: spatial.cdist(x[:1], x[:2], "mahalanobis")):
        with pytest.raises(ValueError, match=r"got 3 points of 3 dimensions[^~]*covariance is singular: give VI"):
            call(few)
