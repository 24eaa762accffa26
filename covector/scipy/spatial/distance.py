"""Distances of `scipy.spatial.distance` for arrays and for values that are being transformed.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy.spatial import distance
>>> points = np.array([[0.0, 0.0], [3.0, 4.0]])
>>> grad(lambda x: np.sum(distance.pdist(x)))(points)
array([[-0.6, -0.8], [ 0.6, 0.8]])

Where two points are equal the derivative of their distance is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, floating


def _root(x: Any, p: float = 2.0) -> Any:
    """The p-th root of what is not negative, with derivative 0 at 0."""
    none = x == 0
    return np.where(none, 0.0, np.where(none, 1.0, x) ** (1 / p))


def _minkowski(a: Any, b: Any, p: float = 2.0) -> Any:
    if p <= 0:
        raise ValueError("p must be greater than 0")
    if np.isinf(p):
        return np.max(np.abs(a - b), axis=-1)
    d = np.abs(a - b)
    none = d == 0
    return _root(np.sum(np.where(none, 0.0, np.where(none, 1.0, d) ** p), axis=-1), p)


def _cosine(a: Any, b: Any) -> Any:
    return 1 - np.sum(a * b, axis=-1) / np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))


def _correlation(a: Any, b: Any) -> Any:
    return _cosine(a - np.mean(a, axis=-1, keepdims=True), b - np.mean(b, axis=-1, keepdims=True))


def _mahalanobis(a: Any, b: Any, VI: Any) -> Any:
    d = a - b
    return _root(np.sum((d @ VI) * d, axis=-1))


METRICS: dict[str, Callable[..., Any]] = {
    "euclidean": lambda a, b: _root(np.sum((a - b) ** 2, axis=-1)),
    "sqeuclidean": lambda a, b: np.sum((a - b) ** 2, axis=-1),
    "cityblock": lambda a, b: np.sum(np.abs(a - b), axis=-1),
    "chebyshev": lambda a, b: np.max(np.abs(a - b), axis=-1),
    "minkowski": _minkowski,
    "cosine": _cosine,
    "correlation": _correlation,
    "mahalanobis": _mahalanobis,
}


def _points(x: Any, who: str) -> Any:
    x = as_array(x)
    if len(shape_of(x)) != 2:
        raise ValueError(f"{who} got points {typeof(x)}: give an array f[n,d]")
    return floating(x)


def _metric(name: str, points: Callable[[], Any], given: dict[str, Any], who: str) -> Callable[[Any, Any], Any]:
    if name not in METRICS:
        raise ValueError(f"{who} got metric={name!r}: give one of {', '.join(METRICS)}")
    allowed = {"minkowski": "p", "mahalanobis": "VI"}.get(name)
    for option in given:
        if option != allowed:
            raise TypeError(f"{who} got {option}, which the metric {name!r} does not have")
    if name == "mahalanobis" and given.get("VI") is None:
        n, d = shape_of(points())
        if n <= d:
            what = f"{who} got {n} points of {d} dimensions for the metric 'mahalanobis', whose covariance is singular"
            raise ValueError(f"{what}: give VI, or more than {d} points")
        given = {"VI": np.linalg.inv(np.atleast_2d(np.cov(points().T)))}
    return lambda a, b: METRICS[name](a, b, **given)


def cdist(XA: Any, XB: Any, metric: str = "euclidean", **options: Any) -> Any:
    """The distances between each of m points and each of n.

    Args:
        XA: points ``f[m,d]``.
        XB: points ``f[n,d]``.
        metric: "euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "cosine", "correlation" or "mahalanobis".
        options: ``p`` of "minkowski" (2); ``VI`` of "mahalanobis", the inverse of the covariance (by default that of all).

    Raises:
        ValueError: points of different dimensions, an unknown metric, or too few points for a covariance.
        ArgumentError: complex points.

    Example:
        >>> cdist(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
        array([[5., 1.]])
    """
    a, b = _points(XA, "cdist"), _points(XB, "cdist")
    if shape_of(a)[1] != shape_of(b)[1]:
        raise ValueError(f"cdist got points of different dimensions, {typeof(a)} and {typeof(b)}")
    return _metric(metric, lambda: np.concatenate([a, b]), options, "cdist")(a[:, None], b[None])


def pdist(X: Any, metric: str = "euclidean", **options: Any) -> Any:
    """The distances between n points, as a vector of the ``n (n - 1) / 2`` pairs.

    Args:
        X: points ``f[n,d]``.
        metric, options: as for `cdist`.

    Example:
        >>> pdist(np.array([[0.0], [1.0], [3.0]]))
        array([1., 3., 2.])
    """
    x = _points(X, "pdist")
    i, j = np.triu_indices(shape_of(x)[0], 1)
    return _metric(metric, lambda: x, options, "pdist")(x[i], x[j])


def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    """The symmetric matrix of a vector of distances, or the vector of a matrix.

    Args:
        X: distances ``f[n (n - 1) / 2]`` or ``f[n,n]``.
        force: "tovector" or "tomatrix" refuse the other.
        checks: whether a matrix has to be symmetric with zeros on its diagonal (where its values are known).

    Example:
        >>> squareform(np.array([1.0, 3.0, 2.0]))
        array([[0., 1., 3.], [1., 0., 2.], [3., 2., 0.]])
    """
    x = as_array(X)
    if len(shape_of(x)) == 1 and force.lower() != "tovector":
        n = (1 + math.isqrt(1 + 8 * shape_of(x)[0])) // 2
        if n * (n - 1) // 2 != shape_of(x)[0]:
            raise ValueError(f"squareform got {typeof(x)}, whose length is not n (n - 1) / 2")
        i, j = np.triu_indices(n, 1)
        places = np.full((n, n), len(i))
        places[i, j] = places[j, i] = np.arange(len(i))
        return np.concatenate([x, np.zeros(1, typeof(x).dtype)])[places]
    if len(shape_of(x)) != 2 or shape_of(x)[0] != shape_of(x)[1] or force.lower() == "tomatrix":
        raise ValueError(f"squareform got {typeof(x)} with force={force!r}: give a vector, or a square matrix")
    if checks and not isinstance(x, TracerBase):
        if not np.allclose(x, x.T, atol=1e-8):
            raise ValueError("Distance matrix 'X' must be symmetric.")
        if not np.allclose(np.diagonal(x), 0, atol=1e-8):
            raise ValueError("Distance matrix 'X' diagonal must be zero.")
    return x[np.triu_indices(shape_of(x)[0], 1)]
