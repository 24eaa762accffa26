"""NumPy's reductions and cumulative operations, and three that it lacks: `logsumexp`, `cummax`, `cummin`.

Means, variances and what is computed from them are in `covector.numpy.statistics`.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from covector.core.avals import WEAK_TYPES, broadcast_shapes, check_class, dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase, apply_to_one
from covector.numpy.registry import (
    array_and_axis,
    as_array,
    canonical_axes,
    canonical_axis,
    cast,
    contains_tracer,
    held,
    implements,
    reject_out,
)
from covector.primitives.arrays.shaping import convert_to, reduce_sum_p
from covector.primitives.math.cumulative import cummax_p, cummin_p, cumprod_p, cumsum_p
from covector.primitives.math.reductions import (
    argmax_p,
    argmin_p,
    keep_axes,
    largest_exponent_p,
    logsumexp_p,
    reduce_and_p,
    reduce_max_p,
    reduce_min_p,
    reduce_or_p,
    reduce_prod_p,
)

NO_VALUE = np._NoValue

# --- the options that reductions share --------------------------------------------------------------------------------


def reduce_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction; like NumPy's it takes the axes 0 and -1 of a value that has none."""
    if axis is None:
        return tuple(range(ndim))
    if ndim == 0 and type(axis) is int and axis in (0, -1):
        return ()
    if isinstance(axis, list):
        raise TypeError("'list' object cannot be interpreted as an integer")
    return canonical_axes(axis, ndim)


def reduced(primitive: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """Apply a reduction along ``axis``."""
    axes = reduce_axes(axis, len(shape_of(a)))
    out = primitive.bind(a, axes=axes)
    return keep_axes(out, a, axes) if keepdims else out


def reduced_shape(a: Any, axis: Any, keepdims: Any = False) -> tuple[int, ...]:
    """The shape of the result of a reduction."""
    shape = shape_of(a)
    axes = reduce_axes(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


def as_mask(where: Any, shape: tuple[int, ...]) -> Any:
    """The option ``where=`` of a reduction of an array of this shape."""
    mask = as_array(where) if isinstance(where, (list, tuple)) else cast(as_array(where), np.bool_)
    if broadcast_shapes(shape, shape_of(mask)) != shape:
        raise ValueError(f"a mask of shape {shape_of(mask)} does not broadcast to the shape {shape} of the array")
    return mask


def masked(a: Any, where: Any, fill: Any) -> Any:
    """``a`` where the option ``where=`` selects it, elsewhere ``fill``."""
    return a if where is True else np.where(as_mask(where, shape_of(a)), a, convert_to(fill, dtype_of(a)))


@lru_cache(maxsize=256)
def accumulator_dtype(dtype: Any) -> Any:
    """The dtype of a sum or product of values of this dtype: 64 bits for integers, else itself."""
    return np.add.reduce(np.empty(0, dtype)).dtype


def accumulated(a: Any, dtype: Any) -> Any:
    """``a`` in the dtype in which it is summed."""
    a = as_array(a)
    if dtype is None and dtype_of(a).kind in "fc":
        return a
    return convert_to(a, accumulator_dtype(dtype_of(a)) if dtype is None else np.dtype(dtype))


def initial_value(initial: Any, dtype: Any) -> Any:
    """The option ``initial=`` of a reduction in its dtype; raises what NumPy does where that cannot hold it."""
    if not contains_tracer(initial):
        check_class(type(initial))
        return np.asarray(np.maximum.reduce(np.empty(0, dtype), initial=initial))
    initial = held(initial, dtype)
    if shape_of(initial) != ():
        raise ValueError("the option initial= is a single number, not an array")
    return initial


def without_identity(name: str) -> ValueError:
    """The error for a reduction of no elements by a function without a neutral element."""
    return ValueError(f"zero-size array to reduction operation {name} which has no identity")


def needs_initial(name: str) -> ValueError:
    """The error for a reduction under a mask by a function without a neutral element."""
    return ValueError(
        f"reduction operation {name!r} does not have an identity, so to use a where mask one has to specify 'initial'"
    )


# --- sum and prod -----------------------------------------------------------------------------------------------------


@implements(np.sum)
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    if out is not None:
        reject_out(np.sum)
    if initial is None:
        return np.add.reduce(a, axis, dtype, keepdims=keepdims, initial=None, where=where)
    aval = typeof(a) if dtype is None and isinstance(a, TracerBase) else None
    if aval is None or aval.dtype.kind not in "fc" or aval.weak_type:
        a = accumulated(a, dtype)
    if axis is None and not keepdims and where is True:
        total = apply_to_one(reduce_sum_p, a, {"axes": tuple(range(len((aval or typeof(a)).shape)))})
    else:
        total = reduced(reduce_sum_p, a if where is True else masked(a, where, 0), axis, keepdims)
    return total if initial is NO_VALUE else total + initial_value(initial, dtype_of(total))


@implements(np.prod, out=3)
def prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True) -> Any:
    if initial is None:
        return np.multiply.reduce(a, axis, dtype, keepdims=keepdims, initial=None, where=where)
    a = masked(accumulated(a, dtype), where, 1)
    product = reduced(reduce_prod_p, a, axis, keepdims)
    return product if initial is NO_VALUE else product * initial_value(initial, dtype_of(product))


@implements(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(np.not_equal(as_array(a), 0), axis=axis, keepdims=keepdims)


# --- max, min and ptp -------------------------------------------------------------------------------------------------


def _extremum(
    primitive: Any, combine: Any, a: Any, axis: Any = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
) -> Any:
    a = as_array(a)
    if initial is NO_VALUE or initial is None:
        if where is not True:
            raise needs_initial(combine.__name__)
        if 0 in shape_of(a) and 0 not in reduced_shape(a, axis):
            raise without_identity(combine.__name__)
        return reduced(primitive, a, axis, keepdims)
    initial = initial_value(initial, dtype_of(a))
    if 0 in shape_of(a):
        return np.broadcast_to(initial, reduced_shape(a, axis, keepdims))
    return combine(reduced(primitive, masked(a, where, initial), axis, keepdims), initial)


max_ = implements(np.max, np.amax, out=2)(partial(_extremum, reduce_max_p, np.maximum))
min_ = implements(np.min, np.amin, out=2)(partial(_extremum, reduce_min_p, np.minimum))


@implements(np.ptp, out=2)
def _ptp(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    a = as_array(a)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# --- any and all ------------------------------------------------------------------------------------------------------


def _truth(primitive: Any, neutral: bool, a: Any, axis: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    return reduced(primitive, masked(as_array(a), where, neutral), axis, keepdims)


any_ = implements(np.any, out=2)(partial(_truth, reduce_or_p, False))
all_ = implements(np.all, out=2)(partial(_truth, reduce_and_p, True))


# --- argmax and argmin ------------------------------------------------------------------------------------------------


def _arg(primitive: Any, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    a, keepdims = as_array(a), keepdims is not NO_VALUE and keepdims
    shape = shape_of(a)
    if axis is None or not shape:
        if axis is not None:
            canonical_axis(axis, 1)
        index = primitive.bind(np.reshape(a, -1), axis=0)
        return np.reshape(index, (1,) * len(shape)) if keepdims else index
    axis = canonical_axis(axis, len(shape))
    index = primitive.bind(a, axis=axis)
    return keep_axes(index, a, (axis,)) if keepdims else index


implements(np.argmax, out=2)(partial(_arg, argmax_p))
implements(np.argmin, out=2)(partial(_arg, argmin_p))


# --- cumulative operations --------------------------------------------------------------------------------------------


def _cumulative(primitive: Any, a: Any, axis: Any, **params: Any) -> Any:
    """Along one axis; ``None`` is that of the flattened array."""
    if axis is None or not shape_of(a):
        if axis is not None:
            canonical_axis(axis, 1)
        a, axis = np.reshape(a, -1), 0
    return primitive.bind(a, axis=canonical_axis(axis, len(shape_of(a))), reverse=False, **params)


@implements(np.cumsum, out=3)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return _cumulative(cumsum_p, accumulated(a, dtype), axis)


@implements(np.cumprod, out=3)
def _cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return _cumulative(cumprod_p, accumulated(a, dtype), axis, exclusive=False)


def _with_initial(
    function: Any, first: int, x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    x = np.atleast_1d(as_array(x))
    if axis is None:
        if len(shape_of(x)) != 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        axis = 0
    total = function(x, axis=axis, dtype=dtype)
    if not include_initial:
        return total
    shape = list(shape_of(x))
    shape[canonical_axis(axis, len(shape))] = 1
    return np.concatenate([np.full(shape, first, dtype_of(total)), total], axis=axis)


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    implements(np.cumulative_sum, out=3)(partial(_with_initial, np.cumsum, 0))
    implements(np.cumulative_prod, out=3)(partial(_with_initial, np.cumprod, 1))


def cummax(a: Any, axis: int | None = None, *, reverse: bool = False) -> Any:
    """The largest element so far along an axis: ``numpy.maximum.accumulate``, with a derivative.

    Args:
        a: an array of any real dtype.
        axis: the axis; None for the flattened array.
        reverse: from the end, so the largest element from each on.

    Returns:
        An array of the shape and dtype of ``a``.  Elements that tie share the derivative equally.

    Example:
        >>> cummax(np.array([1.0, 3.0, 2.0]))
        array([1., 3., 3.])
    """
    return _cumulative_extremum(cummax_p, a, axis, reverse)


def cummin(a: Any, axis: int | None = None, *, reverse: bool = False) -> Any:
    """The smallest element so far along an axis; see `cummax`.

    Example:
        >>> cummin(np.array([2.0, 3.0, 1.0]))
        array([2., 2., 1.])
    """
    return _cumulative_extremum(cummin_p, a, axis, reverse)


def _cumulative_extremum(primitive: Any, a: Any, axis: int | None, reverse: bool) -> Any:
    a, axis = array_and_axis(a, axis)
    return primitive.bind(a, axis=axis, reverse=bool(reverse))


# --- logsumexp --------------------------------------------------------------------------------------------------------


def logsumexp(
    a: Any,
    axis: int | tuple[int, ...] | None = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: Any = True,
) -> Any:
    """The logarithm of a sum of exponentials, ``log(sum(b * exp(a)))``, without overflow.

    Args:
        a: an array of any real or complex dtype.
        axis: the axis or axes to sum over; None for all.
        b: factors, broadcast against ``a``; they may be zero or negative.
        keepdims: keep the axes that are summed over, of length 1.
        return_sign: return ``(log(|sum|), sign(sum))``; without it a negative sum gives NaN.
        where: a mask of the elements to include.

    Returns:
        The logarithm; that of an empty sum is ``-inf``.  The derivative is ``softmax(a)``, and zero where all of ``a`` is
        ``-inf``.

    Example:
        >>> round(float(logsumexp(np.array([1000.0, 1000.0]))), 6)
        1000.693147
    """
    a = as_array(a)
    dtype = np.result_type(dtype_of(a), np.float16) if dtype_of(a).kind in "fc" else np.dtype(np.float64)
    a = convert_to(a, dtype)
    if where is not True and where is not None:
        a = np.where(as_mask(where, shape_of(a)), a, -np.inf)
    if b is None and not (return_sign and dtype.kind == "c"):
        out = reduced(logsumexp_p, a, axis, keepdims)
        return (out, np.where(np.isneginf(out), 0, 1).astype(dtype)) if return_sign else out
    b = 1 if b is None else b
    if typeof(b).weak_type:  # a Python number has no precision of its own
        b = convert_to(as_array(b), np.result_type(dtype, WEAK_TYPES.get(dtype_of(b).kind, int)(0)))
    return _weighted_logsumexp(a, axis, as_array(b), keepdims, return_sign)


def _largest_and_rest(exponent: Any, b: Any, terms: Any, axes: Any, dtype: Any) -> tuple[Any, Any]:
    """``sum(terms)`` as the sum of the factors of exponents of 0, and what the others add, which may be lost beside that."""
    at_top = exponent == 0
    rest = np.where(at_top, b * np.expm1(np.where(at_top, exponent, 0)), terms)  # with the derivatives of all terms
    return np.sum(np.where(at_top, b, 0), axis=axes, dtype=dtype), np.sum(rest, axis=axes, dtype=dtype)


def _weighted_logsumexp(a: Any, axis: Any, b: Any, keepdims: bool, return_sign: bool) -> Any:
    a, b = np.broadcast_arrays(a, b)
    axes = reduce_axes(axis, len(shape_of(a)))
    shift = largest_exponent_p.bind(np.where(b == 0, -np.inf, a), axes=axes)
    exponent = a - keep_axes(shift, a, axes)
    overflows = np.logical_and(b == 0, np.real(exponent) > np.log(np.finfo(dtype_of(a)).max))
    terms = b * np.exp(np.where(overflows, 0, exponent))
    dtype = dtype_of(terms)
    wide = np.float32 if dtype == np.float16 else None  # float16 ends at 65504
    total = np.sum(terms, axis=axes, dtype=wide)
    size, sign = (np.abs(total), np.sign(total)) if return_sign else (total, None)
    added: Any = 0.0
    if dtype.kind != "c":
        first, rest = _largest_and_rest(exponent, b, terms, axes, wide)
        is_small = np.abs(rest) < np.abs(first) / 2
        added = np.log1p(np.where(is_small, rest / np.where(is_small, first, 1), 0))
        size = np.where(is_small, np.abs(first) if return_sign else first, size)
    with np.errstate(divide="ignore"):
        out = np.log(size) + added + shift
    if dtype == np.float16:
        out, sign = convert_to(out, dtype), None if sign is None else convert_to(sign, dtype)
    if keepdims:
        out = keep_axes(out, a, axes)
        sign = None if sign is None else keep_axes(sign, a, axes)
    return (out, sign) if return_sign else out
