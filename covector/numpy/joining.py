"""NumPy's functions that join, split, repeat and reorder arrays along axes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import broadcast_shapes
from covector.core.tracer import Tracer
from covector.numpy.indexing import part_along, take
from covector.numpy.registry import as_array, canonical_axes, canonical_axis, cast, contains_tracer, implements, reject_out
from covector.numpy.shapes import broadcast_to, ravel, reshape, swapaxes
from covector.primitives.arrays.joining import concatenate_p, stack_p
from covector.primitives.arrays.shaping import reshape_to
from covector.primitives.arrays.subscripts import index, known

# --- join -------------------------------------------------------------------------------------------------------------


def _elements(arrays: Any) -> list[Any]:
    return [a if isinstance(a, Tracer) and a.shape else as_array(a) for a in arrays]


@implements(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``numpy.concatenate``."""
    if out is not None:
        reject_out(np.concatenate)
    parts = _elements(arrays)
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        parts, axis = [ravel(a) for a in parts], 0
    shapes = [a.shape for a in parts]
    first = shapes[0]
    rank = len(first)
    if rank == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = canonical_axis(axis, rank, "concatenate")
    for i, shape in enumerate(shapes):
        if len(shape) != rank:
            raise ValueError(
                "all the input arrays must have same number of dimensions, but the array at index 0 has"
                f" {rank} dimension(s) and the array at index {i} has {len(shape)} dimension(s)"
            )
        if shape[:axis] == first[:axis] and shape[axis + 1 :] == first[axis + 1 :]:
            continue
        for d, (m, n) in enumerate(zip(first, shape, strict=True)):
            if d != axis and m != n:
                raise ValueError(
                    "all the input array dimensions except for the concatenation axis must match exactly, but along dimension"
                    f" {d}, the array at index 0 has size {m} and the array at index {i} has size {n}"
                )
    if dtype is not None:
        parts = [cast(a, dtype, casting) for a in parts]
    return parts[0] if len(parts) == 1 else concatenate_p.bind(*parts, axis=axis)


@implements(np.stack, out=2)
def stack(arrays: Any, axis: Any = 0, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``numpy.stack``."""
    layers = _elements(arrays)
    if not layers:
        raise ValueError("need at least one array to stack")
    if any(a.shape != layers[0].shape for a in layers):
        raise ValueError("all input arrays must have the same shape")
    axis = canonical_axis(axis, layers[0].ndim + 1, "stack")
    return stack_p.bind(*(layers if dtype is None else [cast(a, dtype, casting) for a in layers]), axis=axis)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``numpy.vstack``."""
    return concatenate([np.atleast_2d(a) for a in _elements(tup)], 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``numpy.hstack``."""
    arrays = [np.atleast_1d(a) for a in _elements(tup)]
    return concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


implements(np.dstack)(lambda tup: concatenate([np.atleast_3d(a) for a in _elements(tup)], 2))
implements(np.column_stack)(lambda tup: concatenate([a if a.ndim > 1 else reshape(a, (-1, 1)) for a in _elements(tup)], 1))


@implements(np.block)
def block(arrays: Any) -> Any:
    """``numpy.block``."""
    depth = _depth(arrays)
    rank = max(depth, _largest_rank(arrays))
    return _joined_blocks(arrays, depth, rank)


def _depth(blocks: Any) -> int:
    if isinstance(blocks, tuple):
        raise TypeError("np.block takes nested lists, and a tuple is among its arguments")
    if not isinstance(blocks, list):
        return 0
    if not blocks:
        raise ValueError("List at arrays cannot be empty")
    depths = {_depth(b) for b in blocks}
    if len(depths) > 1:
        raise ValueError(f"List depths are mismatched: {sorted(depths)}")
    return 1 + depths.pop()


def _largest_rank(blocks: Any) -> int:
    return max(map(_largest_rank, blocks)) if isinstance(blocks, list) else as_array(blocks).ndim


def _joined_blocks(blocks: Any, depth: int, rank: int) -> Any:
    """Join nested lists: those at depth d along the axis -d, counted from the innermost."""
    if not isinstance(blocks, list):
        a = as_array(blocks)
        return reshape_to(a, (1,) * (rank - a.ndim) + a.shape)
    return concatenate([_joined_blocks(b, depth - 1, rank) for b in blocks], -depth)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """``numpy.append``."""
    return concatenate([arr, values], axis)


# --- split ------------------------------------------------------------------------------------------------------------


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """``numpy.array_split``; where to split must be known."""
    a = as_array(ary)
    axis = canonical_axis(axis, a.ndim, "array_split")
    where = known(indices_or_sections, "np.array_split", "the places to split at")
    if np.ndim(where) == 0:
        sections = operator.index(where)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        short, longer = divmod(a.shape[axis], sections)
        cuts = list(np.cumsum([short + 1] * longer + [short] * (sections - longer)))[:-1]
    else:
        cuts = list(where)
    return [part_along(a, axis, slice(start, stop)) for start, stop in zip([0, *cuts], [*cuts, None], strict=True)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """``numpy.split``; where to split must be known."""
    a = as_array(ary)
    where = known(indices_or_sections, "np.split", "the places to split at")
    if np.ndim(where) == 0 and a.shape[canonical_axis(axis, a.ndim, "split")] % where:
        raise ValueError("array split does not result in an equal division")
    return array_split(a, where, axis)


def _splitting(function: Callable[..., Any], rank: int, axis: int) -> None:
    @implements(function)
    def handler(ary: Any, indices_or_sections: Any) -> list[Any]:
        a = as_array(ary)
        if a.ndim < rank:
            raise ValueError(f"{function.__name__} only works on arrays of {rank} or more dimensions")
        return split(a, indices_or_sections, min(axis, a.ndim - 1))


_splitting(np.hsplit, 1, 1)
_splitting(np.vsplit, 2, 0)
_splitting(np.dsplit, 3, 2)


def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """``numpy.unstack``."""
    x = as_array(x)
    if x.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    axis = canonical_axis(axis, x.ndim, "unstack")
    return tuple(part_along(x, axis, i) for i in range(x.shape[axis]))


if hasattr(np, "unstack"):  # since NumPy 2.1
    implements(np.unstack)(unstack)


# --- repeat -----------------------------------------------------------------------------------------------------------


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """``numpy.repeat``; the numbers of repeats must be known, for the shape of the result depends on them."""
    a = as_array(a)
    if axis is None or not a.ndim:
        a, axis = ravel(a), 0 if axis is None else axis
    axis = canonical_axis(axis, a.ndim, "repeat")
    counts = np.asarray(known(repeats, "np.repeat", "the number of repeats"))
    if counts.size != 1:
        return take(a, np.repeat(np.arange(a.shape[axis]), counts), axis)
    times = len(np.repeat(np.zeros(1), counts))
    lead, n, rest = a.shape[:axis], a.shape[axis], a.shape[axis + 1 :]
    spaced = reshape_to(a, (*lead, n, 1, *rest))
    return reshape_to(broadcast_to(spaced, (*lead, n, times, *rest)), (*lead, n * times, *rest))


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """``numpy.tile``."""
    a = as_array(A)
    times = tuple(map(operator.index, reps)) if issubclass(type(reps), Sequence | np.ndarray) else (operator.index(reps),)
    times = (1,) * (a.ndim - len(times)) + times
    lengths = (1,) * (len(times) - a.ndim) + a.shape
    spaced = [n for length in lengths for n in (1, length)]
    repeated = [n for pair in zip(times, lengths, strict=True) for n in pair]
    tiled = broadcast_to(reshape_to(a, tuple(spaced)), repeated)
    return reshape_to(tiled, tuple(t * n for t, n in zip(times, lengths, strict=True)))


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """``numpy.resize``: repeated as often as needed to fill the shape."""
    a = as_array(a)
    wanted = np.empty(new_shape if np.ndim(new_shape) else (operator.index(new_shape),), np.bool_)
    if not a.size or not wanted.size:
        return np.zeros(wanted.shape, a.dtype)
    return reshape_to(take(ravel(a), np.arange(wanted.size) % a.size), wanted.shape)


# --- reorder ----------------------------------------------------------------------------------------------------------


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """``numpy.flip``."""
    m = as_array(m)
    axes = canonical_axes(axis, m.ndim, "flip")
    return index(m, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim)))


def _flipping(function: Callable[..., Any], axis: int) -> None:
    @implements(function)
    def handler(m: Any) -> Any:
        m = as_array(m)
        if m.ndim <= axis:
            raise ValueError(f"Input must be >= {axis + 1}-d.")
        return flip(m, axis)


_flipping(np.flipud, 0)
_flipping(np.fliplr, 1)


@implements(np.rot90)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    """``numpy.rot90``."""
    m = as_array(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    if axes[0] == axes[1] or abs(axes[0] - axes[1]) == m.ndim:
        raise ValueError("Axes must be different.")
    if any(not -m.ndim <= i < m.ndim for i in axes):
        raise ValueError(f"Axes={tuple(axes)} out of range for array of ndim={m.ndim}.")
    i, j = (canonical_axis(axis, m.ndim, "rot90") for axis in axes)
    k = operator.index(k) % 4
    if k == 0:
        return m
    if k == 2:
        return flip(m, (i, j))
    return swapaxes(flip(m, j), i, j) if k == 1 else flip(swapaxes(m, i, j), j)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """``numpy.roll``, which itself dispatches on ``a`` alone; here the shift of a plain array may be traced."""
    if not (contains_tracer(a) or contains_tracer(shift)):
        return np.roll(a, shift, axis)
    a = as_array(a)
    if axis is None:
        return reshape_to(roll(ravel(a), shift, 0), a.shape)
    axes = tuple(canonical_axis(i, a.ndim, "roll") for i in (axis if isinstance(axis, Sequence) else (axis,)))
    shift = as_array(shift)
    shifts = _elements(shift) if shift.ndim else [shift]
    (count,) = broadcast_shapes((len(shifts),), (len(axes),))
    if count == 0:
        return a
    for by, i in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        a = _rolled(a, by, i)
    return a


def _rolled(a: Any, by: Any, axis: int) -> Any:
    n = a.shape[axis]
    if n == 0:
        return a
    if isinstance(by, Tracer):
        return take(a, np.remainder(np.arange(n) - np.remainder(by, n), n), axis)
    by = operator.index(by[()]) % n
    return concatenate([part_along(a, axis, slice(n - by, None)), part_along(a, axis, slice(n - by))], axis) if by else a
