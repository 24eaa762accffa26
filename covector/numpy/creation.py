"""Making arrays: from lists that hold tracers, filled like another, evenly spaced; and questions about types.

What NumPy cannot send here, because it looks at the values (`array`, `asarray`, `full`, `arange`), `covector.numpy` has as
functions of its own; on arguments without tracers they are NumPy's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import WEAK_TYPES, ShapedArray, broadcast_shapes, dtype_of, is_weak, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import unsupported
from covector.numpy.registry import PLAIN, as_array, canonical_axis, contains_tracer, implements
from covector.numpy.undetermined import undetermined_where
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import concrete

LONG = 32
"""Longer lists that begin with a number are taken for lists of numbers, until one is not."""


def seem_numbers(x: Any) -> bool:
    """Whether something seems to be a long list of numbers."""
    return type(x) is list and len(x) > LONG and type(x[0]) in PLAIN


# --- arrays of arrays and numbers -------------------------------------------------------------------------------------


def check_device(device: Any) -> None:
    """Refuse any but the CPU, with NumPy's error."""
    if device is not None:
        np.empty(0, device=device)


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    """``numpy.array``, also of nested lists that hold tracers (which ``numpy.array`` itself cannot take).

    Example:
        >>> array([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    if dtype is None and seem_numbers(object):
        with suppress(errors.TracerArrayConversionError):  # NumPy asks the elements itself, in less time than it takes to look
            found = np.array(object, copy=copy, order=order, ndmin=ndmin, like=like)
            if found.dtype.kind != "O" and not ndmax:
                return found
    if not contains_tracer(object):
        depth = {"ndmax": ndmax} if ndmax else {}  # NumPy's signature says 0, which it refuses when it is given
        return np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, like=like, **depth)
    if ndmax:
        raise unsupported(np.array, f"ndmax={ndmax}")
    result = as_array(object)
    if dtype is not None:
        result = convert_to(result, np.dtype(dtype))
    if result is object and copy:
        result = result.duplicate()
    missing = ndmin - len(shape_of(result))
    return np.reshape(result, (1,) * missing + shape_of(result)) if missing > 0 else result


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None, like: Any = None
) -> Any:
    """``numpy.asarray``, also of tracers and of nested lists that hold tracers.

    Example:
        >>> asarray([1.0, 2.0])
        array([1., 2.])
    """
    if dtype is None and seem_numbers(a):
        with suppress(errors.TracerArrayConversionError):
            found = np.asarray(a, None, order, device=device, copy=copy, like=like)
            if found.dtype.kind != "O":
                return found
    if not contains_tracer(a):
        return np.asarray(a, dtype, order, device=device, copy=copy, like=like)
    check_device(device)
    made = array(a, dtype, copy=copy)
    if copy is False and made is not a:
        np.array([0], copy=False)  # NumPy's own error
    return made


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None) -> Any:
    """``numpy.full``, also with a traced value.

    Example:
        >>> full(2, 3.0)
        array([3., 3.])
    """
    if not contains_tracer(fill_value):
        return np.full(shape, fill_value, dtype, order, device=device, like=like)
    check_device(device)
    value = array(fill_value, dtype)
    return np.broadcast_to(value, tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),))


def arange(
    start: Any = None, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None, like: Any = None
) -> Any:
    """``numpy.arange``; its arguments cannot be traced, because the length of the result depends on their values.

    Example:
        >>> arange(3)
        array([0, 1, 2])
    """
    if isinstance(start, TracerBase) or isinstance(stop, TracerBase) or isinstance(step, TracerBase):
        traced = next(x for x in (start, stop, step) if isinstance(x, TracerBase))
        raise errors.TracerIntegerConversionError(
            f"covector.numpy.arange was called with a traced value of type {typeof(traced)}.",
            why="the length of the result would depend on the value, and shapes are static",
            fix="np.arange(n) * step + start with a static n, or np.linspace(start, stop, n) with traced ends",
        )
    if start is None:
        return np.arange(stop=stop, step=step, dtype=dtype, device=device, like=like)
    return np.arange(start, stop, step, dtype, device=device, like=like)


# --- arrays like another ----------------------------------------------------------------------------------------------


def _like(a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype of an array like ``a``."""
    if shape is None:
        shape = np.shape(a)
    elif not isinstance(shape, (tuple, list)):
        shape = (operator.index(shape),)
    if dtype is None:
        dtype = a.dtype if isinstance(a, ShapedArray) else dtype_of(a)
    return tuple(shape), np.dtype(dtype)


def _implement_like(function: Callable[..., Any], make: Callable[..., Any]) -> None:
    @implements(function)
    def handler(
        a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        return make(*_like(a, dtype, shape), device=device)


_implement_like(np.zeros_like, np.zeros)
_implement_like(np.ones_like, np.ones)
_implement_like(np.empty_like, np.empty)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    shape, dtype = _like(a, dtype, shape)
    if not contains_tracer(fill_value):
        return np.full(shape, fill_value, dtype, device=device)
    check_device(device)
    return np.broadcast_to(convert_to(as_array(fill_value), dtype), shape)


# --- evenly spaced numbers --------------------------------------------------------------------------------------------


def _along(x: Any, axis: int) -> Any:
    """Move the first axis, along which the numbers run, to ``axis``."""
    return x if axis == 0 else np.moveaxis(x, 0, canonical_axis(axis, len(shape_of(x))))


def _positions(num: int, ndim: int, dtype: Any) -> Any:
    return np.arange(num, dtype=dtype).reshape((num,) + (1,) * ndim)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    check_device(device)
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = (as_array(v) if isinstance(v, (list, tuple)) else v for v in (start, stop))
    inexact = np.result_type(*(_promotion_key(v) for v in (start, stop)), 1.0)
    start, stop = (convert_to(as_array(v), inexact) for v in (start, stop))
    delta = stop - start
    ndim = len(shape_of(delta))
    divisions = num - 1 if endpoint else num
    step = delta / divisions if divisions > 0 else np.nan
    position = _positions(num, ndim, np.empty(0, inexact).real.dtype)
    points = position * (step if divisions > 0 else delta) + start
    if endpoint and num > 1:
        points = np.where(position == num - 1, stop, points)
    if dtype is not None:
        points = convert_to(np.floor(points) if np.issubdtype(dtype, np.integer) else points, np.dtype(dtype))
    points = _along(points, axis)
    return (points, step) if retstep else points


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if len(np.shape(base)):
        ndim = len(broadcast_shapes(*map(np.shape, (start, stop, base))))
        ends = map(as_array, (start, stop, base))
        start, stop, base = (np.reshape(v, (1,) * (ndim - np.ndim(v)) + np.shape(v)) for v in ends)
        base = np.expand_dims(base, axis=axis)
    powers = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else convert_to(powers, np.dtype(dtype))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = as_array(start), as_array(stop)
    with_zero = np.logical_or(np.any(start == 0), np.any(stop == 0))
    if concrete(with_zero):
        raise ValueError("Geometric sequence cannot include zero")
    dtypes = [dtype_of(start), dtype_of(stop)]
    inexact = np.result_type(*dtypes, np.dtype(dtype), 1.0)  # NumPy computes in at least float64 unless asked not to
    start, stop = convert_to(start, inexact), convert_to(stop, inexact)
    sign = np.sign(start)
    start, stop = start / sign, stop / sign
    points = np.logspace(np.log10(start), np.log10(stop), num, endpoint)
    position = _positions(operator.index(num), len(shape_of(points)) - 1, np.float64)
    points = np.where(position == 0, start, points)
    if endpoint and num > 1:
        points = np.where(position == num - 1, stop, points)
    points = convert_to(points * sign, inexact if dtype is None else np.dtype(dtype))
    return _along(points if concrete(with_zero) is not None else undetermined_where(with_zero, points), axis)


# --- types: answered without values -----------------------------------------------------------------------------------


def _promotion_key(x: Any) -> Any:
    """What NumPy's promotion is to see of a value or dtype: Python numbers stay weak."""
    if not isinstance(x, TracerBase):
        return x
    return WEAK_TYPES[dtype_of(x).kind](0) if is_weak(x) else dtype_of(x)


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(dtype_of(from_) if isinstance(from_, TracerBase) else from_, to, casting)


implements(np.result_type)(lambda *arrays_and_dtypes: np.result_type(*map(_promotion_key, arrays_and_dtypes)))
implements(np.common_type)(lambda *arrays: np.common_type(*(np.empty(0, dtype_of(a)) for a in arrays)))
implements(np.iscomplexobj)(lambda x: dtype_of(x).kind == "c")
implements(np.isrealobj)(lambda x: dtype_of(x).kind != "c")


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    check_device(device)
    return x.astype(dtype, copy=copy)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    """The dtype; the values, by which NumPy chooses a smaller one for scalars, are not looked at."""
    return dtype_of(a)


# --- text: a tracer prints its type -----------------------------------------------------------------------------------


implements(np.array_repr, np.array_str, np.array2string)(lambda a, *args, **options: repr(a))
