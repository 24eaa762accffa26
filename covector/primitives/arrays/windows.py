"""Windows that slide over the last axes of an array, and the linear map that reading them transposes to.

Both take a stride, a dilation and (in the shape of what is read, or as a parameter) a length for each of the last k axes.  The
windows along an axis of n elements begin ``strides`` apart, and the elements of one lie ``dilations`` apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval
from covector.core.kinds import Linear, Structural
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_in_front

Shape = tuple[int, ...]


def spread_length(n: int, apart: int) -> int:
    """The length that n elements take up which lie ``apart``.

    >>> spread_length(3, 2), spread_length(0, 2)
    (5, 0)
    """
    return (n - 1) * apart + 1 if n else 0


def window_counts(sizes: Shape, lengths: Shape, strides: Shape, dilations: Shape) -> Shape:
    """How many windows there are along each axis.

    >>> window_counts((7,), (2,), (2,), (3,))
    (2,)
    """
    extents = map(spread_length, lengths, dilations)
    return tuple(max(0, (n - e) // s + 1) for n, e, s in zip(sizes, extents, strides, strict=True))


# --- windows: read all of them ----------------------------------------------------------------------------------------


def _windows(x: Any, *, lengths: Shape, strides: Shape, dilations: Shape) -> Any:
    lead = x.ndim - len(lengths)
    counts = window_counts(x.shape[lead:], lengths, strides, dilations)
    steps = x.strides[lead:]
    shape = (*x.shape[:lead], *counts, *lengths)
    between = (b * s for b, s in zip(steps, strides, strict=True))
    within = (b * d for b, d in zip(steps, dilations, strict=True))
    return np.lib.stride_tricks.as_strided(x, shape, (*x.strides[:lead], *between, *within), writeable=False)


def _windows_transpose(ct: Any, x: Any, *, lengths: Shape, strides: Shape, dilations: Shape) -> Any:
    return overlap_p.bind(ct, sizes=x.shape[x.ndim - len(lengths) :], strides=strides, dilations=dilations)


windows_p = Primitive("windows", Structural(_windows, _windows_transpose), trusted=True)
"""``windows(x, lengths=..., strides=..., dilations=...)``: the last k axes become k axes that number the windows, and k axes
within a window.  It is a view of x, which nobody may write to."""
windows_p.def_batch(batch_in_front(windows_p))


@windows_p.def_abstract
def _windows_abstract(x: ShapedArray, *, lengths: Shape, strides: Shape, dilations: Shape) -> ShapedArray:
    lead = x.ndim - len(lengths)
    if lead < 0 or min((*lengths, *strides, *dilations), default=1) < 1:
        raise ValueError(f"windows of {lengths}, {strides} apart, of elements {dilations} apart, do not fit {x}")
    counts = window_counts(x.shape[lead:], lengths, strides, dilations)
    return array_aval((*x.shape[:lead], *counts, *lengths), x.dtype)


# --- overlap: add windows into zeros ----------------------------------------------------------------------------------


def _overlap(w: Any, *, sizes: Shape, strides: Shape, dilations: Shape) -> Any:
    k = len(sizes)
    lead, counts, lengths = w.shape[: w.ndim - 2 * k], w.shape[w.ndim - 2 * k : w.ndim - k], w.shape[w.ndim - k :]
    out = np.zeros((*lead, *sizes), w.dtype)
    if math.prod(lengths) <= math.prod(counts):  # an element of all windows at a time
        for where, offset in _strided(lengths, dilations, counts, strides):
            out[where] += w[(..., *offset)]
    else:  # a window at a time
        for where, window in _strided(counts, strides, lengths, dilations):
            out[where] += w[(..., *window, *(slice(None),) * k)]
    return out


def _strided(places: Shape, apart: Shape, counts: Shape, steps: Shape) -> Iterator[tuple[Any, Shape]]:
    """For each place in a grid the subscript of the elements that it begins, and the place."""
    for place in np.ndindex(places):
        starts = [p * a for p, a in zip(place, apart, strict=True)]
        ends = [b + (n - 1) * s + 1 if n else b for b, n, s in zip(starts, counts, steps, strict=True)]
        yield (..., *map(slice, starts, ends, steps)), place


def _overlap_transpose(ct: Any, w: Any, *, sizes: Shape, strides: Shape, dilations: Shape) -> Any:
    return windows_p.bind(ct, lengths=w.shape[w.ndim - len(sizes) :], strides=strides, dilations=dilations)


overlap_p = Primitive("overlap", Linear(_overlap, _overlap_transpose), trusted=True, makes_new=True)
"""``overlap(w, sizes=..., strides=..., dilations=...)``: zeros with the windows added where they lie, the transpose of
`windows_p`."""
overlap_p.def_batch(batch_in_front(overlap_p))


@overlap_p.def_abstract
def _overlap_abstract(w: ShapedArray, *, sizes: Shape, strides: Shape, dilations: Shape) -> ShapedArray:
    k = len(sizes)
    lead = w.ndim - 2 * k
    lengths = w.shape[w.ndim - k :]
    if lead < 0 or w.shape[lead : lead + k] != window_counts(sizes, lengths, strides, dilations):
        raise ValueError(f"{w} are not the windows, {strides} apart, of elements {dilations} apart, of axes of {sizes}")
    return array_aval((*w.shape[:lead], *sizes), w.dtype)
