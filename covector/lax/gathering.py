"""Gather and scatter in XLA's generality, under JAX's names: windows of an array at places that index vectors give.

>>> rows = GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
>>> gather(np.arange(6).reshape(3, 2), np.array([[2], [0]]), rows, (1, 2))
array([[4, 5],
       [0, 1]])

Both come down to integer arrays that index the axes which windows do not cover as a whole.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import Primitive, TracerBase
from covector.lax.elementwise import convert_element_type
from covector.lax.loops import fori_loop
from covector.numpy.indexing import in_int64
from covector.numpy.registry import as_array
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.scatter import scatter_add_p, scatter_max_p, scatter_min_p, scatter_mul_p, scatter_p

Shape = tuple[int, ...]


class GatherDimensionNumbers(NamedTuple):
    """Which axes of the array, of the indices and of the result of `gather` correspond."""

    offset_dims: Sequence[int]
    """The axes of the result along which windows lie."""
    collapsed_slice_dims: Sequence[int]
    """The axes of the array along which windows have one element, and which the result has not."""
    start_index_map: Sequence[int]
    """For each entry of an index vector the axis of the array."""
    operand_batching_dims: Sequence[int] = ()
    """The axes of the array that go along with axes of the indices."""
    start_indices_batching_dims: Sequence[int] = ()
    """These axes of the indices."""


class ScatterDimensionNumbers(NamedTuple):
    """Which axes of the array, of the indices and of the updates of `scatter` correspond, as for `GatherDimensionNumbers`."""

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


class GatherScatterMode(enum.Enum):
    """What becomes of windows that are not wholly within the array."""

    CLIP = "clip"
    """They are moved to lie within it."""
    FILL_OR_DROP = "fill_or_drop"
    """They are read as a value of no meaning, and not written."""
    PROMISE_IN_BOUNDS = "promise_in_bounds"
    """There are none.  Where there are, it is as for the last."""
    ONE_HOT = "one_hot"
    """As for the last."""

    @staticmethod
    def from_any(s: str | GatherScatterMode | None) -> GatherScatterMode:
        """The mode of this name; None, "fill" and "drop" stand for ``FILL_OR_DROP``."""
        if isinstance(s, GatherScatterMode):
            return s
        names = {None: "fill_or_drop", "fill": "fill_or_drop", "drop": "fill_or_drop"}
        try:
            return GatherScatterMode(names.get(s, s))
        except ValueError:
            raise ValueError(
                f"unknown mode {s!r} of gather or scatter: give 'clip', 'fill', 'drop' or 'promise_in_bounds'"
            ) from None


# --- places -----------------------------------------------------------------------------------------------------------


class _Numbers(NamedTuple):
    """The dimension numbers of both, under one set of names."""

    windows: Shape
    collapsed: Shape
    index_map: Shape
    batching: Shape
    indices_batching: Shape


def _numbers(who: str, given: Any, kind: Any) -> _Numbers:
    if not isinstance(given, kind):
        what = f"lax.{who} got dimension_numbers={given!r}."
        raise errors.ArgumentError(what, fix=f"give {kind.__name__}({', '.join(kind._fields)})")
    return _Numbers(*(tuple(int(d) for d in part) for part in given))


class _Places(NamedTuple):
    """Where windows lie in an array whose first axes, in ``order``, are indexed, and the others taken as a whole."""

    order: Shape
    indices: list[Any]
    inside: Any
    """For each window whether it is within the array; None where all are known to be."""
    permutation: Shape
    """The axes of what is indexed (batch, partial windows, whole axes) in the order of the result or the updates."""


def _places(who: str, shape: Shape, starts: Any, numbers: _Numbers, sizes: Shape, clip: bool) -> _Places:
    _check(who, shape, shape_of(starts), numbers, sizes)
    batch = shape_of(starts)[:-1]
    of_axis = {axis: starts[..., j] for j, axis in enumerate(numbers.index_map)}
    window_axes = [d for d in range(len(shape)) if d not in (*numbers.collapsed, *numbers.batching)]
    indexed = [d for d, n in enumerate(shape) if d in of_axis or sizes[d] != n or d not in window_axes]
    partial = [d for d in indexed if d in window_axes]
    whole = [d for d in window_axes if d not in indexed]
    inside, indices = None, []
    for d in indexed:
        start, last = of_axis.get(d, np.zeros(batch, np.int64)), shape[d] - sizes[d]
        if d in numbers.batching:
            axis = numbers.indices_batching[numbers.batching.index(d)]
            start = np.broadcast_to(np.arange(shape[d]).reshape(-1, *[1] * (len(batch) - axis - 1)), batch)
        elif d in of_axis:
            if not clip:
                fits = np.logical_and(start >= 0, start <= last)
                inside = fits if inside is None else np.logical_and(inside, fits)
            start = np.clip(start, 0, last)
        start = np.reshape(start, (*batch, *[1] * len(partial)))
        if d in partial:
            start = start + np.arange(sizes[d]).reshape(-1, *[1] * (len(partial) - partial.index(d) - 1))
        indices.append(start)
    if inside is not None and not isinstance(inside, TracerBase) and np.all(inside):
        inside = None
    axes = [*(("batch", i) for i in range(len(batch))), *partial, *whole]
    result: list[Any] = [None] * len(axes)
    for place, d in zip(numbers.windows, window_axes, strict=True):
        result[place] = d
    batches = iter(range(len(batch)))
    result = [("batch", next(batches)) if r is None else r for r in result]
    return _Places((*indexed, *whole), indices, inside, tuple(axes.index(r) for r in result))


def _check(who: str, shape: Shape, starts: Shape, numbers: _Numbers, sizes: Shape) -> None:
    """Raise unless dimension numbers fit the shapes."""
    windows, collapsed, index_map, batching, indices_batching = numbers
    n_windows = len(shape) - len(collapsed) - len(batching)
    ndim = len(starts) - 1 + n_windows
    problem = None
    if not starts or starts[-1] != len(index_map):
        problem = f"the last axis of the indices must have {len(index_map)} entries, one for each indexed axis"
    elif len(sizes) != len(shape) or any(not 0 <= s <= n for s, n in zip(sizes, shape, strict=False)):
        problem = f"windows of {sizes} elements are no part of the array"
    elif any(sizes[d] != 1 for d in (*collapsed, *batching) if d < len(shape)):
        problem = "windows have one element along collapsed and batching axes"
    elif len(windows) != n_windows or sorted(set(windows)) != list(windows) or any(not 0 <= d < ndim for d in windows):
        problem = f"{windows} are no {n_windows} increasing axes of a result of {ndim}, along which windows lie"
    elif len(set(index_map)) != len(index_map) or any(not 0 <= d < len(shape) for d in (*index_map, *collapsed, *batching)):
        problem = "an axis is named twice, or is no axis of the array"
    elif set(batching) & {*index_map, *collapsed} or len({*collapsed, *batching}) != len(collapsed) + len(batching):
        problem = "an axis of the array is collapsed, batching or indexed, but not several of these"
    elif [shape[d] for d in batching] != [starts[d] for d in indices_batching if d < len(starts) - 1]:
        problem = "axes that go along with each other have different lengths"
    if problem:
        what = f"{who} got an array of shape {shape}, indices of shape {starts} and {numbers}."
        raise ValueError(errors.describe(what, why=problem))


def _index_vectors(indices: Any, who: str) -> Any:
    indices = as_array(indices)
    if dtype_of(indices).kind not in "iu":
        raise TypeError(f"{who} needs integer indices, got {typeof(indices)}")
    return in_int64(indices)


def _spread(inside: Any, ndim: int) -> Any:
    """The truth values of windows with axes behind them, up to a rank."""
    return np.reshape(inside, (*shape_of(inside), *[1] * (ndim - len(shape_of(inside)))))


# --- gather -----------------------------------------------------------------------------------------------------------


def gather(
    operand: Any,
    start_indices: Any,
    dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int],
    *,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    mode: str | GatherScatterMode | None = None,
    fill_value: Any = None,
) -> Any:
    """Windows of an array, each at the place of an index vector.

    Args:
        operand: the array.
        start_indices: integers ``i[..., k]``: where the first element of each window is along k axes (negative: outside).
        dimension_numbers: which axes correspond.
        slice_sizes: how many elements a window has along each axis of the array.
        unique_indices, indices_are_sorted: say nothing here.
        mode: what becomes of windows that are not wholly within the array: "clip" moves them, "fill" (the default) reads
            ``fill_value``.
        fill_value: by default NaN, the smallest signed and the largest unsigned integer, and True.

    Raises:
        ValueError: shapes and dimension numbers that do not fit.

    >>> columns = GatherDimensionNumbers((0,), (1,), (1,))
    >>> gather(np.arange(6.0).reshape(2, 3), np.array([[1], [3]]), columns, (2, 1))
    array([[ 1., nan],
           [ 4., nan]])
    """
    operand, starts = as_array(operand), _index_vectors(start_indices, "gather")
    dims = _numbers("gather", dimension_numbers, GatherDimensionNumbers)
    if not isinstance(slice_sizes, Sequence):
        raise errors.ArgumentError(f"lax.gather got slice_sizes={slice_sizes!r}.", fix="give a length for each axis")
    clip = GatherScatterMode.from_any(mode) is GatherScatterMode.CLIP
    places = _places("gather", shape_of(operand), starts, dims, tuple(int(n) for n in slice_sizes), clip)
    x = np.transpose(operand, places.order)
    if places.indices:
        found = gather_p.bind(x, *places.indices)
    else:
        found = np.broadcast_to(x, (*shape_of(starts)[:-1], *shape_of(x)))
    if places.inside is not None:
        fill = _nothing(dtype_of(operand)) if fill_value is None else convert_element_type(fill_value, dtype_of(operand))
        found = np.where(_spread(places.inside, len(shape_of(found))), found, fill)
    return np.transpose(found, places.permutation)


def _nothing(dtype: np.dtype[Any]) -> Any:
    """The value that stands for none."""
    if dtype.kind in "iu":
        return dtype.type(np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max)
    return dtype.type(True if dtype.kind == "b" else np.nan)


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Any:
    """What index vectors, one for each of some axes, name; they count periodically.

    >>> index_take(np.arange(6).reshape(2, 3), [np.array([0, 1]), np.array([-1, 3])], (0, 1))
    array([2, 3])
    """
    src, axes = as_array(src), tuple(int(a) for a in axes)
    rest = [d for d in range(len(shape_of(src))) if d not in axes]
    wrapped = [np.remainder(as_array(i), shape_of(src)[a]) for i, a in zip(idxs, axes, strict=True)]
    return gather_p.bind(np.transpose(src, (*axes, *rest)), *wrapped)


# --- scatter ----------------------------------------------------------------------------------------------------------


def _scatter(
    who: str, primitive: Primitive, operand: Any, indices: Any, updates: Any, numbers: ScatterDimensionNumbers, mode: Any
) -> Any:
    operand, indices, updates = as_array(operand), _index_vectors(indices, who), as_array(updates)
    if dtype_of(updates) != dtype_of(operand):
        what = f"{who} got updates {typeof(updates)} for an array {typeof(operand)}."
        raise TypeError(errors.describe(what, why="both need the same dtype", fix="convert one by np.astype"))
    return _at_places(primitive, operand, updates, _update_places(who, operand, indices, shape_of(updates), numbers, mode))


def _at_places(primitive: Primitive, operand: Any, updates: Any, places: _Places) -> Any:
    x = np.transpose(operand, places.order)
    values = np.transpose(updates, np.argsort(places.permutation))
    where = places.indices
    if places.inside is not None:  # what is outside goes to one more row, which is cut off again
        inside = _spread(places.inside, len(shape_of(where[0])))
        where = [np.where(inside, where[0], shape_of(x)[0]), *where[1:]]
        x = np.concatenate([x, np.zeros((1, *shape_of(x)[1:]), dtype_of(x))])
    out = primitive.bind(x, values, *where)
    return np.transpose(out if places.inside is None else out[:-1], np.argsort(places.order))


def _update_places(who: str, operand: Any, indices: Any, updates: Shape, numbers: Any, mode: Any) -> _Places:
    dims = _numbers(who, numbers, ScatterDimensionNumbers)
    shape = shape_of(operand)
    lengths = iter([updates[d] for d in dims.windows if 0 <= d < len(updates)])
    sizes = tuple(1 if d in (*dims.collapsed, *dims.batching) else next(lengths, 0) for d in range(len(shape)))
    batch = tuple(n for d, n in enumerate(updates) if d not in dims.windows)
    if batch != shape_of(indices)[:-1]:
        what = f"{who} got updates of shape {updates} for indices of shape {shape_of(indices)}, with {numbers}."
        raise ValueError(
            errors.describe(what, why=f"but for windows the updates have the axes {batch}, not those of the indices")
        )
    places = _places(who, shape, indices, dims, sizes, GatherScatterMode.from_any(mode) is GatherScatterMode.CLIP)
    if not places.indices:
        what = f"{who} got windows that cover the whole array {typeof(operand)}."
        raise ValueError(errors.describe(what, why="there is nothing to index", fix="compute with the arrays themselves"))
    return places


def _scatter_function(name: str, primitive: Primitive, what: str, example: str) -> Callable[..., Any]:
    def scatter(
        operand: Any,
        scatter_indices: Any,
        updates: Any,
        dimension_numbers: ScatterDimensionNumbers,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: str | GatherScatterMode | None = None,
    ) -> Any:
        return _scatter(name, primitive, operand, scatter_indices, updates, dimension_numbers, mode)

    scatter.__name__ = scatter.__qualname__ = name
    scatter.__doc__ = f"""An array in which windows, each at the place of an index vector, {what}.

    Args:
        operand: the array.
        scatter_indices: integers ``i[..., k]``: where the first element of each window is along k axes.
        updates: the windows, of the dtype of the array.
        dimension_numbers: which axes correspond.
        indices_are_sorted, unique_indices: say nothing here.
        mode: what becomes of windows that are not wholly within the array: "clip" moves them, "drop" (the default) leaves them
            out.

    Raises:
        ValueError: shapes and dimension numbers that do not fit.

    >>> numbers = ScatterDimensionNumbers((), (0,), (0,))
    >>> {name}(np.ones(3), np.array([[0], [0], [9]]), np.array([2.0, 5.0, 7.0]), numbers)
    {example}
    """
    return scatter


scatter = _scatter_function("scatter", scatter_p, "are written, the last where several meet", "array([5., 1., 1.])")
scatter_add = _scatter_function("scatter_add", scatter_add_p, "are added", "array([8., 1., 1.])")
scatter_mul = _scatter_function("scatter_mul", scatter_mul_p, "are multiplied by", "array([10.,  1.,  1.])")
scatter_min = _scatter_function("scatter_min", scatter_min_p, "are taken the minimum with", "array([1., 1., 1.])")
scatter_max = _scatter_function("scatter_max", scatter_max_p, "are taken the maximum with", "array([5., 1., 1.])")


def scatter_sub(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """An array from which windows are subtracted; arguments as for `scatter_add`.

    >>> scatter_sub(np.ones(3), np.array([[0], [0]]), np.array([2.0, 5.0]), ScatterDimensionNumbers((), (0,), (0,)))
    array([-6.,  1.,  1.])
    """
    return _scatter("scatter_sub", scatter_add_p, operand, scatter_indices, np.negative(updates), dimension_numbers, mode)


def scatter_apply(
    operand: Any,
    scatter_indices: Any,
    func: Callable[[Any], Any],
    dimension_numbers: ScatterDimensionNumbers,
    *,
    update_shape: Sequence[int] = (),
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | GatherScatterMode | None = None,
) -> Any:
    """An array with an elementwise function applied in windows, as often as a place is named.

    Args:
        operand, scatter_indices, dimension_numbers, mode: as for `scatter`.
        func: a function of arrays that acts on each element alone.
        update_shape: the shape that updates would have.
        indices_are_sorted, unique_indices: say nothing here.

    >>> numbers = ScatterDimensionNumbers((), (0,), (0,))
    >>> scatter_apply(np.full(3, 5.0), np.array([[0], [0], [2]]), lambda x: 2 * x, numbers, update_shape=(3,))
    array([20.,  5., 10.])
    """
    operand, indices = as_array(operand), _index_vectors(scatter_indices, "scatter_apply")
    shape = tuple(int(n) for n in update_shape)
    places = _update_places("scatter_apply", operand, indices, shape, dimension_numbers, mode)
    times = _at_places(scatter_add_p, np.zeros(shape_of(operand), np.int64), np.ones(shape, np.int64), places)
    x, times = (np.transpose(a, places.order) for a in (operand, times))
    values, here = (gather_p.bind(a, *places.indices) for a in (x, times))

    def once_more(i: Any, values: Any) -> Any:
        return np.where(here > i, convert_element_type(func(values), dtype_of(operand)), values)

    values = fori_loop(0, np.max(times, initial=0), once_more, values)
    return _at_places(scatter_p, operand, np.transpose(values, places.permutation), places)


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
