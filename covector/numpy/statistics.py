"""Means, variances, averages, covariances, counts, and the reductions that pass over NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from covector.core.avals import dtype_of, shape_of
from covector.numpy.reductions import (
    NO_VALUE,
    as_mask,
    initial_value,
    max_,
    min_,
    prod,
    reduce_axes,
    reduced_shape,
    sum_,
    without_identity,
)
from covector.numpy.registry import as_array, canonical_axes, held, implements
from covector.numpy.undetermined import undetermined_where
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.math.arithmetic import root_p
from covector.primitives.math.reductions import keep_axes, variance_p

FLOAT64 = np.dtype(np.float64)

# --- mean, var and std ------------------------------------------------------------------------------------------------


def _axes_of_mean(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a mean or variance, which has none of a value without axes."""
    reduce_axes(axis, ndim)
    return canonical_axes(axis, ndim)


def _count(a: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """The number of elements that one result comes from: a Python number, or an array if ``where`` selects some of them."""
    shape = shape_of(a)
    axes = _axes_of_mean(axis, len(shape))
    if where is True:
        return math.prod(shape[i] for i in axes)
    return sum_(np.broadcast_to(as_mask(where, shape), shape), axis=axes, keepdims=keepdims)


def _divided(total: Any, count: Any) -> Any:
    """``total / count`` in the dtype of the total."""
    return convert_to(total / count, dtype_of(total))


@implements(np.mean, out=3)
def mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    a = as_array(a)
    count = _count(a, axis, keepdims, where)
    given = dtype_of(a)
    is_half = dtype is None and given == np.float16
    if dtype is None:
        if where is True and not is_half and given.kind in "fc":
            return sum_(a, axis, keepdims=keepdims) / count
        dtype = np.dtype(np.float32) if is_half else FLOAT64 if given.kind in "biu" else given
    result = _divided(sum_(a, axis, dtype, keepdims=keepdims, where=where), count)
    return convert_to(result, given) if is_half else result


@implements(np.var, out=3)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    ddof = _lost_freedom(ddof, correction)
    a = as_array(a)
    kind = dtype_of(a).kind
    if where is True and mean is NO_VALUE and dtype is None and kind in "fc" and isinstance(ddof, (int, float)):
        axes = _axes_of_mean(axis, len(shape_of(a)))
        result = variance_p.bind(a, axes=axes, ddof=ddof)
        return keep_axes(result, a, axes) if keepdims else result
    if dtype is None and kind in "biu":
        dtype = FLOAT64
    if mean is NO_VALUE:
        mean = _divided(sum_(a, axis, dtype, keepdims=True, where=where), _count(a, axis, True, where))
    deviation = np.subtract(a, mean)
    squares = np.square(deviation) if kind in "iuf" else squared_size(deviation)  # though a given mean be complex
    squares = sum_(squares, axis, dtype, keepdims=keepdims, where=where)
    return _divided(squares, np.maximum(_count(a, axis, keepdims, where) - ddof, 0))


def _lost_freedom(ddof: Any, correction: Any) -> Any:
    """The option ``ddof=`` of a variance, or ``correction=``, which is its other name."""
    if correction is NO_VALUE:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def squared_size(x: Any) -> Any:
    return np.square(np.real(x)) + np.square(np.imag(x)) if dtype_of(x).kind == "c" else np.square(x)


@implements(np.std, out=3)
def std(*args: Any, **options: Any) -> Any:
    """The root of the variance; a length, with derivative 0 where the variance is zero."""
    return _root(var(*args, **options))


def _root(variance: Any) -> Any:
    """The root in the dtype of the variance, which an array of integers has none in."""
    dtype = dtype_of(variance)
    if dtype.kind in "fc":
        return root_p.bind(variance) if dtype.kind == "f" else np.sqrt(variance)
    if shape_of(variance):
        np.sqrt.resolve_dtypes((dtype, dtype))  # raises as it does
    return convert_to(np.sqrt(variance), dtype)


# --- weighted averages, and covariance --------------------------------------------------------------------------------


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    a = as_array(a)
    if axis is not None:
        axis = canonical_axes(axis, len(shape_of(a)))
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        total = np.full((), _count(a, axis, False, True), dtype_of(result))[()]
    else:
        weights = _aligned_weights(as_array(weights), a, axis)
        dtypes = (dtype_of(a), dtype_of(weights))
        dtype = np.result_type(*dtypes, *([FLOAT64] if dtypes[0].kind in "biu" else []))
        total = sum_(weights, axis, dtype, keepdims=keepdims)
        known_total = np.zeros(shape_of(total)) if 0 in shape_of(a) else concrete(total)
        if known_total is not None and np.any(known_total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        result = sum_(convert_to(a, dtype) * convert_to(weights, dtype), axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, shape_of(result))) if returned else result


def _aligned_weights(weights: Any, a: Any, axis: Any) -> Any:
    """The weights with an axis for each of ``a``."""
    shape = shape_of(a)
    if shape_of(weights) == shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if shape_of(weights) != tuple(shape[i] for i in axis):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    return np.reshape(weights, tuple(n if i in axis else 1 for i, n in enumerate(shape)))


def _as_rows(x: Any, rowvar: bool, dtype: Any) -> Any:
    """Observations as a matrix with a row for each variable."""
    x = as_array(x)
    shape = shape_of(x)
    if len(shape) > 2:
        raise ValueError("m has more than 2 dimensions")
    x = convert_to(np.reshape(x, (1,) * (2 - len(shape)) + shape), dtype)
    return x if rowvar or len(shape) != 2 else np.transpose(x)


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    if dtype is None:
        dtype = np.result_type(*(dtype_of(as_array(v)) for v in (m, y) if v is not None), FLOAT64)
    dtype = np.dtype(dtype)
    x = _as_rows(m, rowvar, dtype)
    if shape_of(x)[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        x = np.concatenate([x, _as_rows(y, rowvar, dtype)], axis=0)
    ddof = ddof if ddof is not None else 0 if bias else 1
    weights = _observation_weights(fweights, aweights, shape_of(x)[1])
    if weights is None:
        centred = x - mean(x, 1, keepdims=True)
        weighted, scale = centred, max(shape_of(x)[1] - ddof, 0)
    else:
        centred = x - average(x, 1, weights, keepdims=True)
        total = sum_(weights)
        spread = 1 if aweights is None else sum_(weights * as_array(aweights)) / total
        weighted, scale = centred * weights, np.maximum(total - ddof * spread, 0)
    products = np.matmul(weighted, np.conj(np.transpose(centred)))
    return np.squeeze(convert_to(products * np.true_divide(1, scale), dtype_of(products)))


def _observation_weights(fweights: Any, aweights: Any, size: int) -> Any:
    weights = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        given = held(given, FLOAT64)
        if len(shape_of(given)) > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if shape_of(given) != (size,):
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        negative, broken = np.any(given < 0), np.any(given != np.around(given)) if name == "fweights" else False
        if concrete(negative) is None:
            given = undetermined_where(np.logical_or(negative, broken), given)
        elif concrete(negative):
            raise ValueError(f"{name} cannot be negative")
        elif concrete(broken):
            raise TypeError("fweights must be integer")
        weights = given if weights is None else weights * given
    return weights


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if len(shape_of(c)) != 2:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    if dtype_of(c).kind != "c":
        return np.clip(c, -1, 1)
    return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)


# --- reductions that pass over NaN ------------------------------------------------------------------------------------


def _nan_mask(a: Any) -> Any:
    """Where a value is NaN; None for a dtype that has none."""
    return np.isnan(a) if dtype_of(a).kind in "fc" else None


def _filled(a: Any, fill: Any) -> Any:
    """``a`` with ``fill`` in place of NaN."""
    a = as_array(a)
    mask = _nan_mask(a)
    return a if mask is None else np.where(mask, fill, a)


def _passing_nan(function: Callable[..., Any], total: Callable[..., Any], neutral: int) -> None:
    @implements(function, out=3)
    def handler(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, **options: Any) -> Any:
        return total(_filled(a, neutral), axis, dtype, keepdims=keepdims, **options)


_passing_nan(np.nansum, sum_, 0)
_passing_nan(np.nanprod, prod, 1)


implements(np.nancumsum, out=3)(lambda a, axis=None, dtype=None: np.cumsum(_filled(a, 0), axis=axis, dtype=dtype))
implements(np.nancumprod, out=3)(lambda a, axis=None, dtype=None: np.cumprod(_filled(a, 1), axis=axis, dtype=dtype))


def _nan_extremum(
    function: Any, reduce: Any, a: Any, axis: Any = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
) -> Any:
    a = as_array(a)
    mask = _nan_mask(a)
    if mask is None:
        return reduce(a, axis, keepdims=keepdims, initial=initial, where=where)
    if 0 in shape_of(a) and 0 not in reduced_shape(a, axis) and initial is NO_VALUE:
        raise without_identity(f"f{function.__name__[3:]}")
    worst, further = (-np.inf, np.fmax) if reduce is max_ else (np.inf, np.fmin)
    has_initial = initial is not NO_VALUE and initial is not None
    first = initial_value(initial, dtype_of(a)) if has_initial else np.nan
    start = worst if has_initial else initial
    result = reduce(np.where(mask, worst, a), axis, keepdims=keepdims, initial=start, where=where)
    all_nan = np.all(mask if where is True else np.logical_or(mask, np.logical_not(where)), axis=axis, keepdims=keepdims)
    return np.where(all_nan, first, further(result, first) if has_initial else result)


nanmax = implements(np.nanmax, out=2)(partial(_nan_extremum, np.nanmax, max_))
nanmin = implements(np.nanmin, out=2)(partial(_nan_extremum, np.nanmin, min_))


def _nan_arg(function: Any, worst: float, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """As NumPy's; a slice of NaN alone is an ``IndexError`` when its values are known, if that is later."""
    a, keepdims = as_array(a), keepdims is not NO_VALUE and keepdims
    mask = _nan_mask(a)
    if mask is None:
        return function(a, axis=axis, keepdims=keepdims)
    all_nan = np.all(mask, axis=axis, keepdims=keepdims)
    found = function(np.where(mask, worst, a), axis=axis, keepdims=keepdims)
    if (is_wrong := concrete(all_nan)) is None:
        return undetermined_where(all_nan, found)
    if np.any(is_wrong):
        raise ValueError("All-NaN slice encountered")
    return found


implements(np.nanargmax, out=2)(partial(_nan_arg, np.argmax, -np.inf))
implements(np.nanargmin, out=2)(partial(_nan_arg, np.argmin, np.inf))


def _present(a: Any, where: Any) -> Any:
    """The mask of the elements that are no NaN and that ``where`` selects."""
    present = np.logical_not(np.isnan(a))
    return present if where is True else np.logical_and(present, as_mask(where, shape_of(a)))


def _check_inexact(dtype: Any) -> None:
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError("If a is inexact, then dtype must be inexact")


@implements(np.nanmean, out=3)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    a = as_array(a)
    if _nan_mask(a) is None:
        return mean(a, axis, dtype, keepdims=keepdims, where=where)
    _check_inexact(dtype)
    count = sum_(_present(a, where), axis, keepdims=keepdims)
    return _divided(sum_(_filled(a, 0), axis, dtype, keepdims=keepdims, where=where), count)


@implements(np.nanvar, out=3)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    a = as_array(a)
    if _nan_mask(a) is None:
        return var(a, axis, dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean, correction=correction)
    _check_inexact(dtype)
    ddof = _lost_freedom(ddof, correction)
    present = _present(a, where)
    if mean is NO_VALUE:
        mean = _divided(sum_(_filled(a, 0), axis, dtype, keepdims=True, where=where), sum_(present, axis, keepdims=True))
    deviation = convert_to(np.where(present, np.subtract(np.where(present, a, 0), mean), 0), dtype_of(a))
    freedom = sum_(present, axis, keepdims=keepdims) - ddof
    result = _divided(sum_(squared_size(deviation), axis, dtype, keepdims=keepdims), freedom)
    return np.where(freedom <= 0, np.nan, result)


@implements(np.nanstd, out=3)
def nanstd(*args: Any, **options: Any) -> Any:
    return _root(nanvar(*args, **options))
