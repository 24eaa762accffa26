"""Convolution and pooling of arrays whose last axis is that of the features, under the names of flax.

>>> max_pool(np.arange(4.0).reshape(1, 4, 1), (2,), strides=(2,))[0, :, 0]
array([1., 3.])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.lax.convolution import channels_last, conv_general_dilated
from covector.lax.windows import reduce_window
from covector.numpy.registry import as_array, inexact
from covector.primitives.arrays.windows import spread_length
from covector.primitives.math.reductions import farthest


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "SAME",
    input_dilation: int | Sequence[int] = 1,
    kernel_dilation: int | Sequence[int] = 1,
    feature_group_count: int = 1,
) -> Any:
    """The convolution that a layer of a network computes (the kernel is not flipped).

    Args:
        inputs: ``[..., *space, features]``, of any number of leading axes.
        kernel: ``[*space, features / feature_group_count, outputs]``, which says how many axes of space there are.
        strides: how far windows are apart; one number for all axes of space, or one for each.
        padding: ``"SAME"``, ``"VALID"``, ``"CIRCULAR"`` (the array continues periodically), ``"CAUSAL"`` (one axis:
            a window ends where its output is), a number, or a number or ``(low, high)`` for each axis.
        input_dilation: how far the elements of the array are spread.
        kernel_dilation: how far the elements of the kernel are spread.
        feature_group_count: in so many groups of features each has outputs of its own.

    Raises:
        ValueError: shapes, groups or widths that do not fit.

    Example:
        >>> conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 3, 5)), padding="VALID").shape
        (1, 3, 3, 5)
    """
    inputs, kernel = as_array(inputs), as_array(kernel)
    k = len(shape_of(kernel)) - 2
    if k < 0 or len(shape_of(inputs)) < k + 1:
        what = f"conv got inputs {typeof(inputs)} and a kernel {typeof(kernel)}."
        raise ValueError(errors.describe(what, why="they are [..., *space, features] and [*space, features, outputs]"))
    steps, base, apart = (_each(v, k) for v in (strides, input_dilation, kernel_dilation))
    lead, tail = shape_of(inputs)[: len(shape_of(inputs)) - k - 1], shape_of(inputs)[len(shape_of(inputs)) - k - 1 :]
    x = np.reshape(inputs, (math.prod(lead), *tail))
    extents = [*map(spread_length, shape_of(kernel), apart)]
    if padding == "CIRCULAR":
        widths = [((e - 1) // 2, e // 2) for e in extents]
        x, padding = np.pad(x, [(0, 0), *widths, (0, 0)], mode="wrap"), "VALID"
    elif padding == "CAUSAL":
        if k != 1:
            raise ValueError(f"conv with padding='CAUSAL' needs one axis of space, got {k}")
        padding = [(extents[0] - 1, 0)]
    elif not isinstance(padding, str):
        padding = [(p, p) if isinstance(p, int) else p for p in _each(padding, k)]
    out = conv_general_dilated(x, kernel, steps, padding, base, apart, channels_last(k), feature_group_count)
    return np.reshape(out, (*lead, *shape_of(out)[1:]))


def _each(value: Any, k: int) -> tuple[Any, ...]:
    return (value,) * k if isinstance(value, int) else tuple(value)


def pool(
    inputs: Any,
    init: Any,
    reduce_fn: Callable[..., Any],
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Any = "VALID",
) -> Any:
    """The elements of each window combined.

    Args:
        inputs: ``[..., *space, features]``, of any number of leading axes.
        init: the neutral element of ``reduce_fn``, with which the array is padded.
        reduce_fn: an associative and commutative function of two arrays, as for `covector.lax.reduce_window`.
        window_shape: the length of windows along each axis of space.
        strides: how far they are apart, 1 by default.
        padding: ``"SAME"``, ``"VALID"``, or ``(low, high)`` for each axis of space.

    Example:
        >>> pool(np.ones((1, 4, 4, 3)), 0.0, np.add, (2, 2), strides=(2, 2)).shape
        (1, 2, 2, 3)
    """
    lead = len(shape_of(inputs)) - len(window_shape) - 1
    strides = (1,) * len(window_shape) if strides is None else tuple(strides)
    if lead < 0 or len(strides) != len(window_shape):
        what = f"pooling got inputs {typeof(inputs)}, window_shape={tuple(window_shape)}, strides={strides}."
        why = "inputs are [..., *space, features], and a window has a length for each axis of space"
        raise ValueError(errors.describe(what, why=why))
    if not isinstance(padding, str):
        padding = [*[(0, 0)] * lead, *padding, (0, 0)]
    return reduce_window(inputs, init, reduce_fn, ((1,) * lead + (*window_shape, 1)), ((1,) * lead + (*strides, 1)), padding)


def avg_pool(
    inputs: Any,
    window_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Any = "VALID",
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window.

    Args:
        inputs, window_shape, strides, padding: as for `pool`.
        count_include_pad: whether the zeros of the padding count.

    Example:
        >>> avg_pool(np.array([1.0, 3.0, 5.0]).reshape(1, 3, 1), (2,), padding="SAME", count_include_pad=False)[0, :, 0]
        array([2., 4., 5.])
    """
    inputs = inexact(inputs)
    number = dtype_of(inputs).type
    sums = pool(inputs, number(0), np.add, window_shape, strides, padding)
    if count_include_pad:
        return sums / number(math.prod(window_shape))
    ones = np.ones((*shape_of(inputs)[:-1], 1), dtype_of(inputs))
    return sums / pool(ones, number(0), np.add, window_shape, strides, padding)


def max_pool(inputs: Any, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID") -> Any:
    """The largest element of each window; equal ones share the derivative.

    Args:
        inputs, window_shape, strides, padding: as for `pool`.

    Example:
        >>> max_pool(np.array([1.0, 3.0, 2.0]).reshape(1, 3, 1), (2,))[0, :, 0]
        array([3., 3.])
    """
    return pool(inputs, farthest(dtype_of(inputs), -1), np.maximum, window_shape, strides, padding)


def min_pool(inputs: Any, window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: Any = "VALID") -> Any:
    """The smallest element of each window; equal ones share the derivative.

    Args:
        inputs, window_shape, strides, padding: as for `pool`.

    Example:
        >>> min_pool(np.array([1.0, 3.0, 2.0]).reshape(1, 3, 1), (2,))[0, :, 0]
        array([1., 2.])
    """
    return pool(inputs, farthest(dtype_of(inputs), 1), np.minimum, window_shape, strides, padding)


__all__ = ["avg_pool", "conv", "max_pool", "min_pool", "pool"]
