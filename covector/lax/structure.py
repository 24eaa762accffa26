"""Shapes, slices and padding under JAX's names.

>>> pad(np.array([1.0, 2.0]), 0.0, [(1, -1, 1)])
array([0., 1., 0.])
>>> dynamic_slice(np.arange(5), (4,), (2,))
array([3, 4])
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, dtype_of, shape_of, typeof
from covector.numpy.at import at
from covector.numpy.indexing import in_int64, take
from covector.numpy.registry import as_array


def _axis(axis: Any, ndim: int) -> int:
    found = operator.index(axis)
    if not -ndim <= found < ndim:
        raise ValueError(f"axis {found} is out of bounds for {ndim} dimensions")
    return found % ndim


def reshape(operand: Any, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None) -> Any:
    """The elements, of axes in the order ``dimensions``, in another shape.

    >>> reshape(np.arange(4), (2, 2), (0,)).shape
    (2, 2)
    """
    operand = as_array(operand)
    return np.reshape(operand if dimensions is None else np.transpose(operand, tuple(dimensions)), tuple(new_sizes))


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """Repeat along new leading axes.

    >>> broadcast(np.arange(2), (3,)).shape
    (3, 2)
    """
    return np.broadcast_to(as_array(operand), (*sizes, *shape_of(operand)))


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Any:
    """Put axis ``i`` at ``broadcast_dimensions[i]`` of a new shape, and repeat along the others.

    >>> broadcast_in_dim(np.arange(2), (2, 3), (0,)).shape
    (2, 3)
    """
    old, shape = shape_of(operand), tuple(shape)
    if len(broadcast_dimensions) != len(old) or list(broadcast_dimensions) != sorted(set(broadcast_dimensions)):
        raise ValueError(f"broadcast_dimensions {tuple(broadcast_dimensions)} are no increasing axes for {typeof(operand)}")
    spread = [1] * len(shape)
    for size, i in zip(old, broadcast_dimensions, strict=True):
        spread[_axis(i, len(shape))] = size
    return np.broadcast_to(np.reshape(as_array(operand), tuple(spread)), shape)


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """Add leading axes of length 1.

    >>> broadcast_to_rank(np.arange(2), 3).shape
    (1, 1, 2)
    """
    if rank < len(shape_of(x)):
        raise ValueError(f"broadcast_to_rank() got rank {rank} for {typeof(x)}")
    return np.reshape(as_array(x), (1,) * (rank - len(shape_of(x))) + shape_of(x))


def iota(dtype: Any, size: int) -> Any:
    """0, 1, 2 …

    >>> iota(np.int32, 3)
    array([0, 1, 2], dtype=int32)
    """
    size = operator.index(size)
    if size < 0:
        raise ValueError(f"iota() needs a size that is not negative; got {size}")
    return np.arange(size).astype(dtype)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """0, 1, 2 … along one axis of a shape.

    >>> broadcasted_iota(np.int64, (2, 2), 0)
    array([[0, 0],
           [1, 1]])
    """
    axis = _axis(dimension, len(shape))
    return broadcast_in_dim(iota(dtype, shape[axis]), shape, (axis,))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None) -> Any:
    """An array of one value.

    >>> full((2,), 1.5)
    array([1.5, 1.5])
    """
    value = as_array(fill_value)
    value = value if dtype is None else np.astype(value, np.dtype(dtype))
    return np.full(tuple(shape), value) if type(value) is np.ndarray else np.broadcast_to(value, tuple(shape))


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Sequence[int] | None = None) -> Any:
    """An array of one value, of the shape and dtype of ``x``, which may be a `ShapeDtypeStruct`.

    >>> full_like(np.arange(2), 7)
    array([7, 7])
    """
    like = x if isinstance(x, ShapedArray) else typeof(as_array(x))
    return full(like.shape if shape is None else shape, fill_value, like.dtype if dtype is None else dtype)


def empty(shape: int | Sequence[int], dtype: Any) -> Any:
    """An array of zeros; in JAX they may be anything.

    >>> empty(2, np.float32)
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, dtype)


def broadcast_like(arr: Any, like_arr: Any) -> Any:
    """Broadcast to the shape of another array.

    >>> broadcast_like(np.arange(2), np.ones((3, 2))).shape
    (3, 2)
    """
    return np.broadcast_to(as_array(arr), shape_of(like_arr))


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return np.broadcast_shapes(*map(tuple, shapes))


def shape_as_value(shape: Sequence[int]) -> Any:
    """A shape as an array of integers.

    >>> shape_as_value((2, 3))
    array([2, 3], dtype=int32)
    """
    return np.array(tuple(shape), np.int32)


def dtype(x: Any) -> np.dtype[Any]:
    """The dtype of a value, or that which a type or a name stands for.

    >>> dtype(1.0), dtype(float), dtype(np.ones(2, np.int8))
    (dtype('float64'), dtype('float64'), dtype('int8'))
    """
    return np.dtype(x) if isinstance(x, (type, str, np.dtype)) else dtype_of(x)


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """Insert axes of length 1.

    >>> expand_dims(np.arange(2), (0,)).shape
    (1, 2)
    """
    return np.expand_dims(as_array(array), tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """Remove axes of length 1.

    >>> squeeze(np.ones((1, 2)), (0,)).shape
    (2,)
    """
    return np.squeeze(as_array(array), tuple(dimensions))


def transpose(operand: Any, permutation: Sequence[int]) -> Any:
    """The axes in another order.

    >>> transpose(np.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return np.transpose(as_array(operand), tuple(permutation))


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """The elements backwards along axes.

    >>> rev(np.arange(3), (0,))
    array([2, 1, 0])
    """
    return np.flip(as_array(operand), tuple(dimensions))


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """Arrays one after the other along an axis.

    >>> concatenate([np.arange(2), np.arange(1)], 0)
    array([0, 1, 0])
    """
    return np.concatenate(list(operands), axis=dimension)


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape along a new axis.

    >>> stack([np.arange(2), np.arange(2)], 1).shape
    (2, 2)
    """
    return np.stack(list(operands), axis=axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The arrays along an axis, which they lack.

    >>> unstack(np.array([[1, 2], [3, 4]]), 1)
    (array([1, 3]), array([2, 4]))
    """
    return tuple(np.unstack(as_array(x), axis=axis))


def check_fits(who: str, value: Any, operand: Any) -> None:
    """Raise unless a value, which is to be in the dtype of the operand, can be there."""
    if not np.can_cast(dtype_of(value), dtype_of(operand), "same_kind"):
        what = f"lax.{who} got a value of type {typeof(value)} for {typeof(operand)}."
        why = "the result has the dtype of the operand, which may not hold it"
        raise errors.ArgumentError(what, why=why, fix="convert one of them")


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """Pad each axis by ``(low, high, interior)``; negative ``low`` and ``high`` cut off.

    >>> pad(np.array([1, 2, 3]), 0, [(-1, 1, 1)])
    array([0, 2, 0, 3, 0])
    """
    check_fits("pad", padding_value, operand)
    shape = shape_of(operand)
    try:
        config = [(operator.index(low), operator.index(high), operator.index(inner)) for low, high, inner in padding_config]
    except (TypeError, ValueError):
        config = []
    if len(config) != len(shape) or any(interior < 0 for _, _, interior in config):
        raise ValueError(f"pad() needs (low, high, interior >= 0) for each axis of {typeof(operand)}; got {padding_config}")
    sizes, kept, places = [], [], []
    for n, (low, high, interior) in zip(shape, config, strict=True):
        step = interior + 1
        size = low + high + (n - 1) * step + 1 if n else low + high
        if size < 0:
            raise ValueError(f"pad() would make an axis of {size} elements: {padding_config} of {typeof(operand)}")
        first = builtins.max(0, -(low // step))
        last = builtins.max(first, builtins.min(n, -((low - size) // step)))
        sizes.append(size)
        kept.append(builtins.slice(first, last))
        places.append(builtins.slice(low + first * step, low + first * step + (last - first) * step, step))
    if 0 in sizes or any(k.start == k.stop for k in kept):
        return full(sizes, padding_value, dtype_of(operand))
    return at(full(sizes, padding_value, dtype_of(operand)))[tuple(places)].set(as_array(operand)[tuple(kept)])


def slice(
    operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None = None
) -> Any:
    """The elements from ``start_indices`` up to ``limit_indices``, which lie within the shape.

    >>> slice(np.arange(5), (1,), (5,), (2,))
    array([1, 3])
    """
    shape = shape_of(operand)
    strides = [1] * len(shape) if strides is None else strides
    for n, start, limit, stride in zip(shape, start_indices, limit_indices, strides, strict=True):
        if not 0 <= start <= limit <= n or stride < 1:
            raise ValueError(f"slice() from {start} to {limit} by {stride} is not within an axis of {n} elements")
    return as_array(operand)[tuple(map(builtins.slice, start_indices, limit_indices, strides))]


def slice_in_dim(operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0) -> Any:
    """A slice along one axis, which counts negative indices from the end.

    >>> slice_in_dim(np.arange(5), 1, -1)
    array([1, 2, 3])
    """
    shape = shape_of(operand)
    axis = _axis(axis, len(shape))
    n = shape[axis]
    start, limit = (end if i is None else i + n * (i < 0) for i, end in ((start_index, 0), (limit_index, n)))
    if not 0 <= start <= limit <= n or stride < 1:
        slice_text = f"from {start_index} to {limit_index} by {stride}"
        raise ValueError(f"slice_in_dim() {slice_text} is not within an axis of {n} elements")
    return as_array(operand)[(builtins.slice(None),) * axis + (builtins.slice(start, limit, stride),)]


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """One index along one axis.

    >>> index_in_dim(np.arange(5), -1)
    array([4])
    """
    n = shape_of(operand)[axis]
    i = _axis(index, n)
    found = slice_in_dim(operand, i, i + 1, axis=axis)
    return found if keepdims else np.squeeze(found, axis)


Negative = bool | Sequence[bool]
"""Whether negative indices count from the end, everywhere or for each axis; they are moved to 0 otherwise."""


def _clamped(start: Any, n: int, size: int, negative: bool) -> Any:
    """The first index of a window that lies within the axis; negative ones count from the end."""
    if not 0 <= size <= n:
        raise ValueError(f"a slice of {size} elements is no part of an axis of {n}")
    start = as_array(start)
    aval = typeof(start)
    if aval.dtype.kind not in "iu" or aval.shape:
        what = f"lax.dynamic_slice, or what is like it, was to begin at {aval}."
        raise errors.ArgumentError(what, fix="give an integer")
    start = in_int64(start)
    return np.clip(np.where(start < 0, start + n, start) if negative else start, 0, n - size)


def _windows(shape: tuple[int, ...], starts: Any, sizes: Sequence[int], negative: Negative) -> list[Any]:
    """For each axis the indices of its window, or None for the whole."""
    count = shape_of(starts)[0] if not isinstance(starts, (list, tuple)) else len(starts)
    each = [negative] * count if isinstance(negative, bool) else list(negative)
    if not len(shape) == count == len(sizes) == len(each):
        what = f"lax.dynamic_slice, or what is like it, got {count} indices and sizes {tuple(sizes)} for {len(shape)} axes."
        raise errors.ArgumentError(what, fix="give an index (and a size) for each axis")
    return [
        None if n == size else _clamped(starts[i], n, size, each[i]) + np.arange(size)
        for i, (n, size) in enumerate(zip(shape, sizes, strict=True))
    ]


def dynamic_slice(
    operand: Any, start_indices: Any, slice_sizes: Sequence[int], *, allow_negative_indices: Negative = True
) -> Any:
    """A window of ``slice_sizes`` that begins at ``start_indices``, which may be traced; moved to lie within the array.

    Negative indices count from the end, unless ``allow_negative_indices`` is false, for all axes or for one.

    >>> dynamic_slice(np.arange(5), (10,), (2,))
    array([3, 4])
    """
    found = as_array(operand)
    for axis, window in enumerate(_windows(shape_of(operand), start_indices, slice_sizes, allow_negative_indices)):
        if window is not None:
            found = take(found, window, axis=axis)
    return found


def dynamic_slice_in_dim(
    operand: Any, start_index: Any, slice_size: int, axis: int = 0, *, allow_negative_indices: bool = True
) -> Any:
    """`dynamic_slice` along one axis.

    >>> dynamic_slice_in_dim(np.arange(5), 1, 2)
    array([1, 2])
    """
    shape = shape_of(operand)
    axis = _axis(axis, len(shape))
    start = _clamped(start_index, shape[axis], slice_size, allow_negative_indices)
    return take(as_array(operand), start + np.arange(slice_size), axis=axis)


def dynamic_index_in_dim(
    operand: Any, index: Any, axis: int = 0, keepdims: bool = True, *, allow_negative_indices: bool = True
) -> Any:
    """One index, which may be traced, along one axis.

    >>> dynamic_index_in_dim(np.arange(5), 9, keepdims=False)
    np.int64(4)
    """
    found = dynamic_slice_in_dim(operand, index, 1, axis, allow_negative_indices=allow_negative_indices)
    return found if keepdims else np.squeeze(found, axis)[()]


def dynamic_update_slice(operand: Any, update: Any, start_indices: Any, *, allow_negative_indices: Negative = True) -> Any:
    """Write ``update`` over the window that begins at ``start_indices``, moved to lie within the array.

    >>> dynamic_update_slice(np.zeros(3), np.ones(2), (9,))
    array([0., 1., 1.])
    """
    shape = shape_of(operand)
    windows = _windows(shape, start_indices, shape_of(update), allow_negative_indices)
    index = np.ix_(*(np.arange(n) for n in shape))
    index = tuple(
        i if w is None else np.reshape(w, (*shape_of(i)[:axis], -1, *shape_of(i)[axis + 1 :]))
        for axis, (i, w) in enumerate(zip(index, windows, strict=True))
    )
    return at(as_array(operand))[index].set(update)


def dynamic_update_slice_in_dim(
    operand: Any, update: Any, start_index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Any:
    """`dynamic_update_slice` along one axis.

    >>> dynamic_update_slice_in_dim(np.zeros(3), np.ones(1), 1, 0)
    array([0., 1., 0.])
    """
    starts: list[Any] = [0] * len(shape_of(operand))
    starts[axis] = start_index
    return dynamic_update_slice(operand, update, starts, allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(
    operand: Any, update: Any, index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Any:
    """Write ``update`` at one index, which may be traced, along one axis.

    >>> dynamic_update_index_in_dim(np.zeros(3), 1.0, 1, 0)
    array([0., 1., 0.])
    """
    if len(shape_of(update)) != len(shape_of(operand)):
        update = np.expand_dims(as_array(update), _axis(axis, len(shape_of(operand))))
    return dynamic_update_slice_in_dim(operand, update, index, axis, allow_negative_indices=allow_negative_indices)


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """Join the axes from ``start_dimension`` up to ``stop_dimension``.

    >>> collapse(np.ones((2, 3, 4)), 1).shape
    (2, 12)
    """
    shape = shape_of(operand)
    start, stop, _ = builtins.slice(start_dimension, stop_dimension).indices(len(shape))
    size = int(np.prod(shape[start:stop], dtype=int))
    return np.reshape(as_array(operand), (*shape[:start], size, *shape[builtins.max(start, stop) :]))


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """Repeat the whole array along its axes.

    >>> tile(np.arange(2), (2,))
    array([0, 1, 0, 1])
    """
    return np.tile(as_array(operand), tuple(reps))


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Cut into pieces of these sizes.

    >>> [len(x) for x in split(np.arange(5), (2, 3))]
    [2, 3]
    """
    if builtins.sum(sizes) != shape_of(operand)[axis] or any(n < 0 for n in sizes):
        raise ValueError(f"split() got sizes {tuple(sizes)} for axis {axis} of {typeof(operand)}")
    return list(np.split(as_array(operand), [int(i) for i in np.cumsum(sizes)[:-1]], axis=axis))


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
__all__.remove("check_fits")
