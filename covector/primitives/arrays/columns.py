"""Sums and extremes of plain arrays whose last axis is short, column after column.

>>> import numpy as np
>>> added(np.arange(600.0).reshape(200, 3), (1,))[:4]
array([ 3., 12., 21., 30.])

NumPy's loops go along the last axis of an array, and each takes as long as the sum of some ten numbers: points of the plane and
of space, say, are added up ten times faster as two or three arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Ints = tuple[int, ...]

SHORT, SHORTISH = 8, 16
"""Axes of fewer elements are short: NumPy adds fewer than 8 numbers one after the other, and begins with the sums of 8."""

IN_TURN = {"f4": SHORTISH, "f8": SHORTISH, "c8": 4, "c16": 4} | {kind + size: SHORT for kind in "iu" for size in "1248"}
"""By dtype how many it no longer adds so."""

MANY = 256
"""Arrays of so many elements on are worth it."""


def are_short(shape: Ints) -> bool:
    """Whether the last axis of an array is so short, and the others so long, that its columns are faster."""
    if len(shape) < 2 or not 1 < shape[-1] < SHORTISH:
        return False
    return math.prod(shape) >= (MANY if shape[-1] < SHORT else 32 * shape[-1] ** 2)


def adding(shape: Ints, axes: Ints) -> Callable[[np.ndarray, Ints], np.ndarray] | None:
    """What adds up such arrays over these axes faster than ``numpy.add.reduce``; None where that is best."""
    last = len(shape) - 1
    if not are_short(shape):
        return None
    return added if axes == (last,) else added_beside if axes[-1:] == (last - 1,) and shape[-1] < SHORT else None


def added(x: np.ndarray, axes: Ints) -> np.ndarray:
    """``numpy.add.reduce(x, axes)`` in the dtype of x, to the last bit."""
    if x.ndim > 1 and x.shape[-1] < SHORTISH and axes == (x.ndim - 1,) and are_short(x.shape) and _are_added_in_turn(x):
        return _columns_added(x)
    return np.add.reduce(x, axes, dtype=x.dtype.type)  # type: ignore[no-any-return]  # the type, which has no byte order


def _are_added_in_turn(x: np.ndarray) -> bool:
    return 1 < x.shape[-1] < IN_TURN.get(x.dtype.str[1:], 0) and bool(x.flags.c_contiguous)


def _columns_added(x: np.ndarray) -> np.ndarray:
    count = x.shape[-1]
    total: np.ndarray = _pair_added(x, 0)
    if count < SHORT:
        for k in range(2, count):
            total += x[..., k]
    else:
        total += _pair_added(x, 2)
        total += _pair_added(x, 4) + _pair_added(x, 6)
        for k in range(8, count):
            total += x[..., k]
    total += 0  # which makes 0 of -0, as NumPy's first number does
    return total


def _pair_added(x: np.ndarray, k: int) -> np.ndarray:
    pair: np.ndarray = x[..., k] + x[..., k + 1]
    return pair


def largest_of(ufunc: np.ufunc, x: np.ndarray, axes: Ints) -> np.ndarray:
    """``ufunc.reduce(x, axes)`` for ``maximum`` and ``minimum``, for which the order is all one."""
    if type(x) is not np.ndarray or axes != (x.ndim - 1,) or not are_short(x.shape):
        return ufunc.reduce(x, axes)  # type: ignore[no-any-return]
    found: np.ndarray = ufunc(x[..., 0], x[..., 1])
    for k in range(2, x.shape[-1]):
        ufunc(found, x[..., k], out=found)
    return found


def added_beside(x: np.ndarray, axes: Ints) -> np.ndarray:
    """The sums over axes before the last one, each in NumPy's order for one column; a short float has another one in rows."""
    if x.dtype == np.float16:
        return np.add.reduce(x, axes, x.dtype.type)  # type: ignore[no-any-return]
    out = np.empty([n for i, n in enumerate(x.shape) if i not in axes], x.dtype)
    for k in range(x.shape[-1]):
        np.add.reduce(x[..., k], axes, x.dtype.type, out[..., k])
    return out
