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
import scipy.spatial.distance as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, contains_tracer, floating
from covector.scipy.checks import nan_unless_refused
from covector.scipy.spatial import vectors
from covector.scipy.spatial.metrics import METRICS, OPTIONS
from covector.scipy.spatial.vectors import (
    braycurtis,
    canberra,
    chebyshev,
    cityblock,
    correlation,
    cosine,
    directed_hausdorff,
    euclidean,
    hamming,
    jaccard,
    jensenshannon,
    mahalanobis,
    minkowski,
    seuclidean,
    sqeuclidean,
)
from covector.scipy.traced import on_tracers, refuse_memory
from covector.transforms.vmap import vmap

__all__ = [
    "braycurtis",
    "canberra",
    "cdist",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "directed_hausdorff",
    "euclidean",
    "hamming",
    "jaccard",
    "jensenshannon",
    "mahalanobis",
    "minkowski",
    "pdist",
    "seuclidean",
    "sqeuclidean",
    "squareform",
]

SHORT = {
    **dict.fromkeys(("euclid", "eu", "e"), "euclidean"),
    **dict.fromkeys(("sqe", "sqeuclid"), "sqeuclidean"),
    **dict.fromkeys(("cblock", "cb", "c"), "cityblock"),
    **dict.fromkeys(("chebychev", "cheby", "cheb", "ch"), "chebyshev"),
    **dict.fromkeys(("mi", "m", "pnorm"), "minkowski"),
    **dict.fromkeys(("mahal", "mah"), "mahalanobis"),
    **dict.fromkeys(("se", "s"), "seuclidean"),
    **dict.fromkeys(("matching", "hamm", "ha", "h"), "hamming"),
    **dict.fromkeys(("jacc", "ja", "j"), "jaccard"),
    **{"cos": "cosine", "co": "correlation", "js": "jensenshannon"},
}
"""Other names that SciPy has for metrics."""


def _points(x: Any, who: str) -> Any:
    x = as_array(x)
    if len(shape_of(x)) != 2:
        raise ValueError(f"{who} got points {typeof(x)}: give an array f[n,d]")
    return np.astype(floating(x), np.float64)


def _metric(name: str, points: Callable[[], Any], options: dict[str, Any], who: str) -> Callable[[Any, Any], Any]:
    """The distance of two points, from the name of a metric and its options."""
    name = SHORT.get(name.lower(), name.lower())
    if name not in METRICS:
        raise ValueError(f"{who} got metric={name!r}: give a function, or one of {', '.join(METRICS)}")
    for option in options:
        if option not in OPTIONS.get(name, ()):
            raise TypeError(f"{who} got {option}, which the metric {name!r} does not have")
    given = {k: v for k, v in options.items() if v is not None}
    n, d = shape_of(points())
    if "w" in given:
        given["w"] = vectors.weights(given["w"])
        if shape_of(given["w"]) != (d,):
            raise ValueError(f"Weights must have same size as input vector. {shape_of(given['w'])[0]} vs. {d}.")
    if name == "mahalanobis" and "VI" not in given:
        if n <= d:
            what = f"{who} got {n} points of {d} dimensions for the metric 'mahalanobis', whose covariance is singular"
            raise ValueError(f"{what}: give VI, or more than {d} points")
        given["VI"] = np.linalg.inv(np.atleast_2d(np.cov(points().T)))
    if name == "seuclidean":
        given["V"] = np.astype(as_array(given["V"]), np.float64) if "V" in given else np.var(points(), axis=0, ddof=1)
        if shape_of(given["V"]) != (d,):
            raise ValueError(f"{who} got V = {typeof(given['V'])}: Variance vector V must be of the same dimension")
    return lambda a, b: METRICS[name](a, b, **given)


def _by_function(metric: Any, a: Any, b: Any, options: dict[str, Any], who: str) -> Any:
    """The distances of pairs of points: one batched call, or one call after the other where the points are known."""
    if not callable(metric):
        raise TypeError(f"{who} got metric={metric!r}: give a name, or a function of two vectors")

    def distance(a: Any, b: Any) -> Any:
        return np.astype(as_array(metric(a, b, **options)), np.float64)

    if contains_tracer((a, b)):
        return vmap(distance)(a, b)
    return np.stack([distance(*pair) for pair in zip(a, b, strict=True)]) if len(a) else np.zeros(0)


def cdist(XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    """The distances between each of m points and each of n.

    Args:
        XA: points ``f[m,d]``.
        XB: points ``f[n,d]``.
        metric: "euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "cosine", "correlation", "mahalanobis",
            "seuclidean", "braycurtis", "canberra", "jensenshannon", "hamming" or "jaccard"; or a function of two vectors.
        out: a plain array to write into, for plain points.
        kwargs: ``w``, weights, for most of them; ``p`` of "minkowski" (2); ``VI`` of "mahalanobis", the inverse of the
            covariance, and ``V`` of "seuclidean", variances (both by default those of all points).

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
    if isinstance(metric, str) and not contains_tracer((a, b, *kwargs.values())):
        return _scipy.cdist(XA, XB, metric, out=out, **kwargs)
    if out is not None:
        refuse_memory("scipy.spatial.distance.cdist", "out")
    if isinstance(metric, str):
        return _metric(metric, lambda: np.concatenate([a, b]), kwargs, "cdist")(a[:, None], b[None])
    m, n = shape_of(a)[0], shape_of(b)[0]
    i, j = np.divmod(np.arange(m * n), n)
    return np.reshape(_by_function(metric, a[i], b[j], kwargs, "cdist"), (m, n))


def pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Any:
    """The distances between n points, as a vector of the ``n (n - 1) / 2`` pairs.

    Args:
        X: points ``f[n,d]``.
        metric, out, kwargs: as for `cdist`.

    Example:
        >>> pdist(np.array([[0.0], [1.0], [3.0]]))
        array([1., 3., 2.])
    """
    x = _points(X, "pdist")
    if isinstance(metric, str) and not contains_tracer((x, *kwargs.values())):
        return _scipy.pdist(X, metric, out=out, **kwargs)
    if out is not None:
        refuse_memory("scipy.spatial.distance.pdist", "out")
    i, j = np.triu_indices(shape_of(x)[0], 1)
    if isinstance(metric, str):
        return _metric(metric, lambda: x, kwargs, "pdist")(x[i], x[j])
    return _by_function(metric, x[i], x[j], kwargs, "pdist")


@on_tracers(_scipy.squareform)
def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    """The symmetric matrix of a vector of distances, or the vector of a matrix.

    Args:
        X: distances ``f[n (n - 1) / 2]`` or ``f[n,n]``.
        force: "tovector" or "tomatrix" refuse the other.
        checks: whether a matrix has to be symmetric with zeros on its diagonal, where its values are known.

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
    if checks:
        x = nan_unless_refused(np.any(x != x.T), x, "Distance matrix 'X' must be symmetric.")
        x = nan_unless_refused(np.any(np.diagonal(x) != 0), x, "Distance matrix 'X' diagonal must be zero.")
    return x[np.triu_indices(shape_of(x)[0], 1)]
