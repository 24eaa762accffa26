"""What the functions of `scipy.ndimage` take: arrays and the dtypes they compute in, modes, axes, and a value for each axis."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array
from covector.scipy.traced import refuse_memory

BORDERS = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "mirror": "reflect",
    "nearest": "edge",
    "wrap": "wrap",
    "grid-wrap": "wrap",
    "constant": "constant",
    "grid-constant": "constant",
}
"""How an axis goes on beyond its ends, by SciPy's names and by those of `numpy.pad`."""

COMPUTED = "?bhilqBHILQfdFD"
"""The dtypes that SciPy's compiled functions take."""


def array(x: Any) -> Any:
    x = as_array(x)
    if typeof(x).dtype.char not in COMPUTED:
        raise RuntimeError(f"array type {typeof(x).dtype!r} not supported")
    return x


def real_array(x: Any) -> Any:
    x = array(x)
    if typeof(x).dtype.kind == "c":
        raise TypeError("Complex type not supported")
    return x


def constant(cval: Any, is_complex: bool) -> Any:
    """The value beyond the ends, in double precision."""
    cval = as_array(cval)
    if typeof(cval).dtype.kind == "c" and not is_complex:
        raise TypeError("must be real number, not complex")
    return np.astype(cval, np.complex128 if is_complex else np.float64)


# --- results ----------------------------------------------------------------------------------------------------------


def output_dtype(output: Any, dtype: Any, is_complex: bool, name: str) -> np.dtype[Any]:
    """The dtype of a result, from the argument ``output`` and the dtype of the input."""
    if output is None:
        return np.dtype(np.promote_types(dtype, np.complex64) if is_complex else dtype)
    if not isinstance(output, (type, np.dtype, str)):
        refuse_memory(name, "output")
    wanted: np.dtype[Any] = np.dtype(output)
    if is_complex and wanted.kind != "c":
        if isinstance(output, str):
            raise RuntimeError("output must have complex dtype")
        warnings.warn("promoting specified output dtype to complex", stacklevel=4)
        wanted = np.dtype(np.promote_types(wanted, np.complex64))
    if isinstance(output, str) and not issubclass(wanted.type, np.number):
        raise RuntimeError("output must have numeric dtype")
    return wanted


def dtype_throughout(output: Any, x: Any, name: str) -> np.dtype[Any]:
    """The dtype of a result, and of what one filter hands on to the next."""
    dtype = output_dtype(output, typeof(x).dtype, False, name)
    if typeof(x).dtype.kind == "c" and dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    return dtype


def truncated(x: Any, dtype: np.dtype[Any]) -> Any:
    """As C converts numbers: what is behind the point is lost, of booleans too."""
    return np.trunc(x) != 0 if dtype.kind == "b" and typeof(x).dtype.kind == "f" else np.astype(x, dtype)


# --- a value for each axis --------------------------------------------------------------------------------------------


def for_each_axis(value: Any, n: int) -> list[Any]:
    """A sequence of one value for each of n axes, or one value for all."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * n
    if len(values := list(value)) != n:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return values


def axes_of(axes: Any, ndim: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(ndim))
    if not isinstance(axes, Iterable):
        axes = (axes,)
    chosen = tuple(operator.index(a) for a in axes)
    for a in chosen:
        if not -ndim <= a < ndim:
            raise ValueError(f"specified axis: {a} is out of range")
    chosen = tuple(a % ndim for a in chosen)
    if len(set(chosen)) != len(chosen):
        raise ValueError("axes must be unique")
    return chosen


def in_all_axes(x: Any, axes: Sequence[int], ndim: int) -> Any:
    """An array with its axes at those places among ``ndim``; the others are of length 1."""
    return np.expand_dims(x, tuple(a for a in range(ndim) if a not in axes)) if len(axes) < ndim else x


def spread(values: Sequence[Any], axes: Sequence[int], ndim: int, otherwise: Any) -> list[Any]:
    """A value for each of all axes, from one for each of some; in the order given where that is all."""
    if len(axes) == ndim:
        return list(values)
    found = [otherwise] * ndim
    for axis, value in zip(axes, values, strict=True):
        found[axis] = value
    return found


def start_of(origin: Any, length: int, text: str) -> int:
    """How many of the elements that are taken together lie before the one in the place of the result."""
    start = length // 2 + operator.index(origin)
    if not 0 <= start < length:
        raise ValueError(text)
    return start


# --- beyond the ends --------------------------------------------------------------------------------------------------


def check_mode(mode: Any) -> str:
    if not isinstance(mode, str) or mode not in BORDERS:
        raise RuntimeError("boundary mode not supported")
    return mode


def extended(x: Any, axis: int, before: int, after: int, mode: str, cval: Any) -> Any:
    """An array with more elements before and after those of an axis."""
    shape = shape_of(x)
    n, rule = shape[axis], BORDERS[check_mode(mode)]
    if not before + after:
        return x
    if rule == "constant":
        beyond = np.astype(cval, typeof(x).dtype)
        ends = [np.broadcast_to(beyond, (*shape[:axis], k, *shape[axis + 1 :])) for k in (before, after)]
    else:
        places = np.pad(np.arange(n), (before, after), rule)  # type: ignore[call-overload]
        ends = [np.take(x, p, axis) for p in (places[:before], places[before + n :])]
    return np.concatenate([ends[0], x, ends[1]], axis)


def is_known(x: Any) -> bool:
    return not isinstance(x, TracerBase)
