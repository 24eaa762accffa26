"""Distances of two vectors, under the names of `scipy.spatial.distance`.

>>> import numpy as np
>>> from covector import grad
>>> grad(euclidean)(np.array([3.0, 4.0]), np.zeros(2))
array([0.6, 0.8])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.spatial.distance as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis, inexact, known_array
from covector.primitives.arrays.shaping import as_python_number
from covector.primitives.arrays.subscripts import index
from covector.scipy.checks import nan_unless_refused
from covector.scipy.spatial import metrics
from covector.scipy.traced import FROM_1_18, on_tracers


def _vector(x: Any, dtype: Any = None, of_many: bool = False) -> Any:
    x = as_array(x)
    if len(shape_of(x)) != 1 and not (of_many and shape_of(x)):
        raise ValueError("Input vector should be 1-D.")
    return x if dtype is None else np.astype(x, dtype)


def weights(w: Any) -> Any:
    if w is None:
        return None
    w = _vector(w, np.float64)
    return nan_unless_refused(w < 0, w, "Input weights should be all non-negative")


def _numbers(u: Any, v: Any, of_many: bool = False) -> tuple[Any, Any]:
    """Two vectors, of which one is not of booleans, which are not subtracted."""
    u, v = _vector(u, of_many=of_many), _vector(v, of_many=of_many)
    if typeof(u).dtype.kind == typeof(v).dtype.kind == "b":
        raise TypeError(f"a distance of numbers got booleans, {typeof(u)} and {typeof(v)}: give u.astype(int)")
    return u, v


def _inexact(u: Any, v: Any, of_many: bool = False) -> tuple[Any, Any]:
    u, v = _numbers(u, v, of_many)
    dtype = np.result_type(typeof(u).dtype, typeof(v).dtype)
    dtype = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    return np.astype(u, dtype), np.astype(v, dtype)


def _norm(x: Any, d: Any) -> Any:
    """The norm of differences as SciPy before 1.18 returns it: a number of Python except for integers and half precision."""
    return as_python_number(np.astype(x, np.float64)) if typeof(d).dtype.char in "fdFD" and not FROM_1_18 else x


@on_tracers(_scipy.minkowski)
def minkowski(u: Any, v: Any, p: float = 2, w: Any = None) -> Any:
    """The p-th root of the sum of p-th powers of differences.

    Args:
        u, v: vectors of one length, from SciPy 1.18 on also ``f[...,n]``; where they are equal the derivative is 0.
        p: the power, which has to be known; ``inf`` for the largest difference.
        w: weights, none of which is negative.

    Example:
        >>> minkowski(np.array([1.0, 2.0]), np.array([1.0, 0.0]), 3)
        np.float64(2.0)
    """
    if (p := float(known_array(p, minkowski))) == 2:
        return euclidean(u, v, w)
    return metrics.minkowski(*_inexact(u, v, FROM_1_18), p=p, w=weights(w))


@on_tracers(_scipy.euclidean)
def euclidean(u: Any, v: Any, w: Any = None) -> Any:
    """The root of the sum of squares of differences.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> float(euclidean(np.array([3.0, 0.0]), np.array([0.0, 4.0])))
        5.0
    """
    u, v = _numbers(u, v, FROM_1_18)
    d = u - v if w is None else np.astype(u - v, np.result_type(typeof(u).dtype, typeof(v).dtype, np.float64))
    return _norm(metrics.euclidean(*_inexact(u, v, FROM_1_18), weights(w)), d)


@on_tracers(_scipy.sqeuclidean)
def sqeuclidean(u: Any, v: Any, w: Any = None) -> Any:
    """The sum of squares of differences.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> sqeuclidean(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
        np.float64(25.0)
    """
    u, v = (_vector(x, of_many=FROM_1_18) for x in (u, v))
    u, v = inexact(u), inexact(v)
    return metrics.sqeuclidean(u, v, weights(w))


@on_tracers(_scipy.cityblock)
def cityblock(u: Any, v: Any, w: Any = None) -> Any:
    """The sum of absolute differences.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> cityblock(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
        np.float64(7.0)
    """
    return metrics.cityblock(*_numbers(u, v), weights(w))


@on_tracers(_scipy.chebyshev)
def chebyshev(u: Any, v: Any, w: Any = None) -> Any:
    """The largest absolute difference, among those whose weights are not 0.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> chebyshev(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
        np.float64(4.0)
    """
    u, v = _numbers(u, v)
    return np.astype(metrics.chebyshev(u, v, weights(w)), typeof(np.abs(u - v)).dtype)


@on_tracers(_scipy.correlation)
def correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    """1 less the correlation of two vectors.

    Args:
        u, v, w: as for `minkowski`.
        centered: whether their means are taken off.

    Example:
        >>> round(float(correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))), 12)
        2.0
    """
    u, v = _vector(u), _vector(v)
    if "c" in (typeof(u).dtype.kind, typeof(v).dtype.kind):
        raise TypeError("`u` and `v` must be real.")
    if shape_of(u) != shape_of(v):
        raise ValueError(f"shapes {shape_of(u)} and {shape_of(v)} not aligned")
    if centered or w is not None:
        return (metrics.correlation if centered else metrics.cosine)(*_inexact(u, v), weights(w))
    a, b = _inexact(u, v)
    return np.clip(1.0 - np.sum(a * b) / np.sqrt(_own_product(u, a) * _own_product(v, b)), 0.0, 2.0)


def _own_product(given: Any, x: Any) -> Any:
    """The product of a vector with itself, which of booleans NumPy makes the answer whether any is true, and so SciPy does."""
    return np.max(x, initial=0.0) if typeof(given).dtype.kind == "b" else np.sum(x * x)


@on_tracers(_scipy.cosine)
def cosine(u: Any, v: Any, w: Any = None) -> Any:
    """1 less the cosine of the angle between two vectors.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
        np.float64(1.0)
    """
    return correlation(u, v, w, centered=False)


@on_tracers(_scipy.mahalanobis)
def mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    """The root of ``(u - v) @ VI @ (u - v)``.

    Args:
        u, v: vectors of one length; where they are equal the derivative is 0.
        VI: a matrix, the inverse of a covariance.

    Example:
        >>> mahalanobis(np.array([2.0, 0.0]), np.array([0.0, 0.0]), np.eye(2))
        np.float64(2.0)
    """
    u, v, VI = *_inexact(u, v), np.atleast_2d(as_array(VI))
    return metrics.mahalanobis(u, v, VI)


@on_tracers(_scipy.seuclidean)
def seuclidean(u: Any, v: Any, V: Any) -> Any:
    """The root of the sum of squares of differences, divided by variances.

    Args:
        u, v: vectors of one length; where they are equal the derivative is 0.
        V: variances.

    Example:
        >>> float(seuclidean(np.array([2.0, 0.0]), np.array([0.0, 0.0]), np.array([4.0, 1.0])))
        1.0
    """
    u, v, V = *_inexact(u, v), _vector(V, np.float64)
    if not shape_of(u) == shape_of(v) == shape_of(V):
        raise TypeError("V must be a 1-D array of the same dimension as u and v.")
    return euclidean(u, v, 1.0 / V)


@on_tracers(_scipy.braycurtis)
def braycurtis(u: Any, v: Any, w: Any = None) -> Any:
    """The sum of absolute differences, divided by that of absolute sums.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> braycurtis(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
        np.float64(0.25)
    """
    return metrics.braycurtis(_vector(u), _double(v), weights(w))


@on_tracers(_scipy.canberra)
def canberra(u: Any, v: Any, w: Any = None) -> Any:
    """The sum of absolute differences, each divided by the sum of absolute values; those of zeros, and NaN, count for nothing.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> canberra(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
        np.float64(0.5)
    """
    u, v = _vector(u), _double(v)
    unknown = np.isnan(u) | np.isnan(v)
    u, v = (np.where(unknown, np.zeros((), typeof(x).dtype), x) for x in (u, v))
    return metrics.canberra(u, v, weights(w))


def _double(v: Any) -> Any:
    return _vector(v if typeof(v := as_array(v)).dtype.kind != "c" else np.real(v), np.float64)


@on_tracers(_scipy.jensenshannon)
def jensenshannon(p: Any, q: Any, base: float | None = None, *, axis: int = 0, keepdims: bool = False) -> Any:
    """The root of the divergence of Jensen and Shannon of two distributions; where they are equal the derivative is 0.

    Args:
        p, q: probabilities, which are divided by their sums.
        base: of the logarithm, by default e.
        axis: along which axis.
        keepdims: whether the result has an axis of length 1 there.

    Example:
        >>> jensenshannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 2)
        np.float64(1.0)
    """
    p, q = as_array(p), as_array(q)
    axis = canonical_axis(axis, max(len(shape_of(p)), len(shape_of(q))), "jensenshannon")
    divergence = metrics.jensenshannon(p, q, axis, keepdims)
    if base is not None:
        scaled = divergence / np.log(base)
        divergence = np.astype(scaled, typeof(divergence).dtype) if shape_of(divergence) else scaled
    return metrics.root(divergence / 2.0)


@on_tracers(_scipy.hamming)
def hamming(u: Any, v: Any, w: Any = None) -> Any:
    """How large a part of the elements differs, or of the weights of the elements.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> hamming(np.array([1, 0, 0, 1]), np.array([1, 1, 0, 1]))
        np.float64(0.25)
    """
    u, v, w = _vector(u), _vector(v), weights(w)
    if shape_of(u) != shape_of(v):
        raise ValueError("The 1d arrays must have equal lengths.")
    if w is not None and shape_of(w) != shape_of(u):
        raise ValueError("'w' should have the same length as 'u' and 'v'.")
    return metrics.hamming(u, v, w)


@on_tracers(_scipy.jaccard)
def jaccard(u: Any, v: Any, w: Any = None) -> Any:
    """Of the elements that are not zero in both, how large a part is zero in one.

    Args:
        u, v, w: as for `minkowski`.

    Example:
        >>> jaccard(np.array([True, False, True]), np.array([True, True, True]))
        np.float64(0.3333333333333333)
    """
    return metrics.jaccard(_vector(u), _vector(v), weights(w))


@on_tracers(_scipy.directed_hausdorff)
def directed_hausdorff(u: Any, v: Any, rng: Any = 0) -> Any:
    """The largest of the distances of the points of one set from the nearest point of another.

    Args:
        u: points ``f[m,d]``.
        v: points ``f[n,d]``.
        rng: in which order SciPy goes through them; for traced values it changes nothing.

    Returns:
        The distance, and the numbers of the points in ``u`` and ``v`` that have it.

    Example:
        >>> directed_hausdorff(np.array([[0.0], [3.0]]), np.array([[1.0]]))
        (2.0, 1, 0)
    """
    u, v = (np.astype(as_array(x), np.float64) for x in (u, v))
    if shape_of(u)[1] != shape_of(v)[1]:
        raise ValueError("u and v need to have the same number of columns")
    distances = metrics.euclidean(u[:, None], v[None])
    nearest = np.argmin(distances, axis=1)
    i = np.argmax(np.min(distances, axis=1))
    j = index(nearest, i)
    return as_python_number(index(distances, (i, j))), as_python_number(i), as_python_number(j)
