"""``numpy.quantile`` and ``numpy.percentile``, with all methods of Hyndman & Fan, and their ``nan`` versions.

A quantile is differentiable in the data, and in q where the method interpolates.

Reference: R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from covector.core.avals import WEAK_TYPES, dtype_of, is_weak, shape_of
from covector.numpy.indexing import take as take_elements
from covector.numpy.registry import as_array, implements, reject
from covector.numpy.sorting import first_axis, number_known, or_nan
from covector.numpy.undetermined import undetermined_where
from covector.primitives.arrays.shaping import convert_to, reshape_to
from covector.primitives.arrays.sorting import along_axis, argsort_p, sort_p
from covector.primitives.arrays.subscripts import concrete

# --- where among n sorted elements a quantile is: a place, and the weight of the element after it (None: no weight) ---

Place = Callable[[Any, Any], tuple[Any, Any]]


def _interpolating(alpha: float, beta: float) -> Place:
    def place(n: Any, q: Any) -> tuple[Any, Any]:
        return _whole_and_rest(n * q + (alpha + q * (1 - alpha - beta)) - 1)

    return place


def _whole_and_rest(place: Any) -> tuple[Any, Any]:
    low = np.floor(place)
    return low, place - low


def _averaged_inverted_cdf(n: Any, q: Any) -> tuple[Any, Any]:
    low, fraction = _whole_and_rest(n * q - 1)
    return low, convert_to(np.where(np.equal(fraction, 0), 0.5, 1.0), dtype_of(low))


def _closest_observation(n: Any, q: Any) -> tuple[Any, Any]:
    low, fraction = _whole_and_rest(n * q - 1.5)
    tie = np.logical_and(np.equal(fraction, 0), np.equal(np.remainder(low, 2), 1))
    return np.where(tie, low, low + 1), None


def _midpoint(n: Any, q: Any) -> tuple[Any, Any]:
    low, fraction = _whole_and_rest((n - 1) * q)
    return low, convert_to(np.where(np.equal(fraction, 0), 0.0, 0.5), np.result_type(dtype_of(low), np.float16))


def _linear(n: Any, q: Any) -> tuple[Any, Any]:
    place = (n - 1) * q
    return (place, None) if dtype_of(q).kind in "iu" else _whole_and_rest(place)


METHODS: dict[str, Place] = {
    "inverted_cdf": lambda n, q: (np.ceil(n * q - 1), None),
    "averaged_inverted_cdf": _averaged_inverted_cdf,
    "closest_observation": _closest_observation,
    "interpolated_inverted_cdf": _interpolating(0, 1),
    "hazen": _interpolating(0.5, 0.5),
    "weibull": _interpolating(0, 0),
    "linear": _linear,
    "median_unbiased": _interpolating(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _interpolating(3 / 8.0, 3 / 8.0),
    "lower": lambda n, q: (np.floor((n - 1) * q), None),
    "higher": lambda n, q: (np.ceil((n - 1) * q), None),
    "midpoint": _midpoint,
    "nearest": lambda n, q: (np.rint((n - 1) * q), None),
}


# --- quantiles of sorted data -----------------------------------------------------------------------------------------


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any, skip_nan: bool) -> Any:
    if method not in METHODS:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {list(METHODS)}")
    if len(shape_of(q)) > 2:
        raise ValueError("q must be a scalar or 1d")
    data, kept = first_axis(a, axis, "quantile")
    if weights is not None:
        result = _weighted(a, data, q, axis, method, weights, skip_nan)
    else:
        ordered = sort_p.bind(data, axis=0, kind="quicksort")
        if ordered.shape[0] == 0:
            raise IndexError("cannot compute a quantile of no elements")
        result = _without_nan(ordered, q, method) if skip_nan else _of_sorted(ordered, q, method)
    return reshape_to(result, (*shape_of(q), *kept)) if keepdims else result


def _of_sorted(ordered: Any, q: Any, method: str) -> Any:
    n = ordered.shape[0]
    low, weight = METHODS[method](n, q)
    result = _between(lambda place: take_elements(ordered, _within(place, n), 0), low, weight, ordered.ndim - 1)
    return or_nan(result, ordered[-1])


def _without_nan(ordered: Any, q: Any, method: str) -> Any:
    """The quantiles of the elements that are no NaN, of which each column may have another number."""
    columns = ordered.shape[1:]
    n = convert_to(number_known(ordered), q.dtype)
    low, weight = METHODS[method](n, reshape_to(q, (*q.shape, *(1,) * len(columns))))

    def take(place: Any) -> Any:
        places = reshape_to(_within(place, n), (q.size, *columns))
        return reshape_to(along_axis(ordered, places, 0), (*q.shape, *columns))

    return _between(take, low, weight, 0)


def _within(place: Any, n: Any) -> Any:
    """A place as an index of n elements."""
    return convert_to(np.maximum(np.minimum(place, n - 1), 0), np.dtype(np.intp))


def _between(take: Callable[[Any], Any], low: Any, weight: Any, ndim: int) -> Any:
    """The element at a place, or the weighted mean of it and the next."""
    below = take(low)
    if weight is None:
        return below
    weight = reshape_to(weight, (*shape_of(weight), *(1,) * ndim))
    above = take(low + 1)
    step = above - below
    return np.where(np.greater_equal(weight, 0.5), above - step * (1 - weight), below + step * weight)


def _weighted(a: Any, data: Any, q: Any, axis: Any, method: str, weights: Any, skip_nan: bool) -> Any:
    """The smallest element at which the weights of it and of all smaller ones reach the part q of all weights."""
    if method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    weights = _weights_of(a, data, axis, weights)
    is_wrong = _check_weights(weights)
    if skip_nan:
        weights = np.where(np.isnan(data), 0.0, weights)
    n = data.shape[0]
    order = argsort_p.bind(data, axis=0, kind="quicksort")
    ordered = along_axis(data, order, 0)
    reached = np.cumsum(along_axis(weights, order, 0), axis=0, dtype=np.float64)
    reached = convert_to(reached / reached[-1], q.dtype)
    reached = np.where(np.equal(reached, 0), -1, reached)
    below = np.less(reached, reshape_to(q, (*q.shape, *(1,) * data.ndim)))
    places = np.minimum(np.sum(below, axis=q.ndim), n - 1)
    columns = data.shape[1:]
    found = reshape_to(along_axis(ordered, reshape_to(places, (q.size, *columns)), 0), (*q.shape, *columns))
    found = found if is_wrong is None else undetermined_where(is_wrong, found)
    return found if skip_nan else or_nan(found, ordered[-1])


def _check_weights(weights: Any) -> Any:
    """Whether there are weights with which NumPy raises, if that is known later; else None, or the error."""
    total = np.sum(weights, axis=0)
    negative, unusable = np.any(weights < 0), np.logical_not(np.all(np.isfinite(total) & (total > 0)))
    if concrete(negative) is None:
        return np.logical_or(negative, unusable)
    if concrete(negative):
        raise ValueError("Weights must be non-negative.")
    if concrete(unusable):
        raise ValueError("Weights included NaN, inf or were all zero.")
    return None


def _weights_of(a: Any, data: Any, axis: Any, weights: Any) -> Any:
    """A weight for each element of the data (which has the axes to reduce made into its first one)."""
    weights = as_array(weights)
    if shape_of(weights) != shape_of(a):
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        if weights.ndim != 1 or isinstance(axis, (tuple, list)) or weights.shape[0] != data.shape[0]:
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        return np.broadcast_to(reshape_to(weights, (*weights.shape, *(1,) * (data.ndim - 1))), data.shape)
    return first_axis(weights, axis, "quantile")[0]


# --- NumPy's functions ------------------------------------------------------------------------------------------------


def _type_of(q: Any) -> tuple[Any, bool]:
    """The dtype of q, a Python type where it is a Python number, and whether it is an array of more than one number."""
    if not isinstance(q, (list, tuple)) and is_weak(q):
        return WEAK_TYPES[dtype_of(q).kind], False
    q = as_array(q)
    return dtype_of(q), bool(shape_of(q))


@lru_cache(maxsize=1024)
def _result_dtype(function: Any, dtype: np.dtype[Any], q_type: Any, several: bool, method: str) -> np.dtype[Any]:
    """The dtype that NumPy's function gives, in which its versions differ: its answer for an array of one number."""
    q = q_type(0) if isinstance(q_type, type) else np.zeros((1,) if several else (), q_type)
    return np.asarray(function(np.ones(1, dtype), q, method=method)).dtype


def _arguments(a: Any, q: Any, percent: bool, method: str) -> tuple[Any, Any]:
    """The data, and q as a fraction in the dtype that NumPy computes in."""
    a = as_array(a)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    weak = not isinstance(q, (list, tuple)) and is_weak(q)
    q = as_array(q)
    if weak and (a.dtype.kind == "f" or method != "linear"):
        q = convert_to(q, np.result_type(q.dtype, np.float64))
    if percent:
        q = np.true_divide(q, 100)
    value = concrete(q)
    if value is not None and not (np.all(value >= 0) and np.all(value <= 1)):
        raise ValueError(f"{'Percentiles' if percent else 'Quantiles'} must be in the range {[0, 100] if percent else [0, 1]}")
    return a, q


def _implement(function: Any, percent: bool, skip_nan: bool) -> Any:
    def handler(
        a: Any,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
        interpolation: Any = None,
    ) -> Any:
        reject(function, interpolation=interpolation)
        q_type = _type_of(q)
        a, q = _arguments(a, q, percent, method)
        if skip_nan and not a.size:
            return np.nanmean(a, axis, keepdims=keepdims is not np._NoValue and bool(keepdims))
        skip = skip_nan and a.dtype.kind == "f"
        wrong = None if concrete(q) is not None else np.logical_not((q >= 0) & (q <= 1))
        q = q if wrong is None else np.where(wrong, convert_to(0.5, q.dtype), q)
        result = _quantile(a, q, axis, method, keepdims is not np._NoValue and bool(keepdims), weights, skip)
        if wrong is not None:
            wrong = reshape_to(wrong, (*shape_of(wrong), *(1,) * (len(shape_of(result)) - len(shape_of(wrong)))))
            result = undetermined_where(wrong, result)
        return result if weights is not None else convert_to(result, _result_dtype(function, a.dtype, *q_type, method))

    handler.__name__ = function.__name__
    handler.__doc__ = f"``numpy.{function.__name__}``."
    return implements(function, out=3)(handler)


quantile = _implement(np.quantile, percent=False, skip_nan=False)
percentile = _implement(np.percentile, percent=True, skip_nan=False)
nanquantile = _implement(np.nanquantile, percent=False, skip_nan=True)
nanpercentile = _implement(np.nanpercentile, percent=True, skip_nan=True)
