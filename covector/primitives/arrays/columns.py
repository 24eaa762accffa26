"""Sums of plain arrays whose last axis is short, column after column.

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

SHORT = 8
"""Axes of fewer elements are short: NumPy adds so few numbers one after the other, beginning with 0."""

IN_TURN = {"f4": SHORT, "f8": SHORT, "c8": 4, "c16": 4} | {kind + size: SHORT for kind in "iu" for size in "1248"}
"""By dtype how many it no longer does so."""

MANY = 256
"""Arrays of so many elements on are worth it."""


def adding(shape: Ints, axes: Ints) -> Callable[[np.ndarray, Ints], np.ndarray] | None:
    """What adds up such arrays over these axes faster than ``numpy.add.reduce``; None where that is best."""
    last = len(shape) - 1
    if last < 1 or not 1 < shape[-1] < SHORT or math.prod(shape) < MANY:
        return None
    return added if axes == (last,) else added_beside if axes[-1:] == (last - 1,) else None


def added(x: np.ndarray, axes: Ints) -> np.ndarray:
    """``numpy.add.reduce(x, axes)`` in the dtype of x, to the last bit."""
    if x.ndim > 1 and x.shape[-1] < SHORT and x.size >= MANY and axes == (x.ndim - 1,) and _are_added_in_turn(x):
        return _columns_added(x)
    return np.add.reduce(x, axes, dtype=x.dtype.type)  # type: ignore[no-any-return]  # the type, which has no byte order


def _are_added_in_turn(x: np.ndarray) -> bool:
    return 1 < x.shape[-1] < IN_TURN.get(x.dtype.str[1:], 0) and bool(x.flags.c_contiguous)


def _columns_added(x: np.ndarray) -> np.ndarray:
    total: np.ndarray = x[..., 0] + x[..., 1]
    for k in range(2, x.shape[-1]):
        total += x[..., k]
    total += 0  # which makes 0 of -0, as NumPy's first number does
    return total


def added_beside(x: np.ndarray, axes: Ints) -> np.ndarray:
    """The sums over axes before the last one, each in NumPy's order for one column."""
    out = np.empty([n for i, n in enumerate(x.shape) if i not in axes], x.dtype)
    for k in range(x.shape[-1]):
        np.add.reduce(x[..., k], axes, x.dtype.type, out[..., k])
    return out
