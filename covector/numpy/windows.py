"""``numpy.lib.stride_tricks.sliding_window_view``."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of
from covector.core.tracer import register_views
from covector.numpy.indexing import take
from covector.numpy.registry import as_array, canonical_axis, implements

sliding_window_view = np.lib.stride_tricks.sliding_window_view
register_views(sliding_window_view)


@implements(sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False) -> Any:
    if writeable:
        raise errors.InPlaceWriteError(
            "numpy.lib.stride_tricks.sliding_window_view with writeable=True is not supported on traced values.",
            why="traced values are immutable",
            fix="covector.at(x)[index].set(v) writes into the value itself",
        )
    x = as_array(x)
    lengths = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = range(len(shape_of(x))) if axis is None else axis if np.iterable(axis) else (axis,)
    axes = [canonical_axis(a, len(shape_of(x)), "sliding_window_view") for a in axes]
    if len(lengths) != len(axes):
        who = "Since axis is None, must provide window_shape for all dimensions of `x`" if axis is None else "Must provide"
        raise ValueError(f"{who}: got {len(lengths)} window_shape elements for {len(axes)} axes")
    if any(n < 0 for n in lengths):
        raise ValueError("`window_shape` cannot contain negative values")
    for axis, length in zip(axes, map(operator.index, lengths), strict=True):
        count = shape_of(x)[axis] - length + 1
        if count < 1:
            raise ValueError("window shape cannot be larger than input array shape")
        x = np.moveaxis(take(x, np.arange(count)[:, None] + np.arange(length), axis), axis + 1, -1)
    return x
