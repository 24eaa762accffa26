"""Reading parts of arrays, and the linear maps that reading transposes to.

Two families, each closed under transposition and batching:

======================= ============ ============ ===============================================================
which part              read         transpose    the part is given by
======================= ============ ============ ===============================================================
static                  `slice_p`    `embed_p`    ``index``: for each leading axis an integer, which removes the
                                                  axis, or ``(start, stop, step)`` (see `span`)
by integer arrays       `gather_p`   `spread_p`   k integer arrays that broadcast together and index the k leading
                                                  axes: the result has their shape, then the other axes
======================= ============ ============ ===============================================================

What NumPy's indexing means in terms of these is in `subscripts`.  The transpose of reading answers with
an `Accumulate`: the backward pass adds the part into a buffer, so reading n slices costs what was read.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from covector.backends import forms
from covector.core import errors
from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, dtype_of, shape_of, typeof
from covector.core.jaxpr import Equation, Var
from covector.core.kinds import Linear, Structural
from covector.core.primitive import Primitive, TracerBase
from covector.interpreters.transpose import Accumulate, PartialSum
from covector.primitives.arrays.shaping import Dims, Shape, align_batch, batch_in_front, batched_at, moveaxis

Span = tuple[int, int | None, int]
Index = tuple[int | Span, ...]

# --- static indices ---------------------------------------------------------------------------------------------------


def span(s: slice, n: int) -> Span:
    """The canonical ``(start, stop, step)`` of a slice of an axis of length ``n``: equal for slices that read the same.

    ``slice(*span(s, n))`` is a slice again; its stop is None where a negative step runs to the first element.

    >>> span(slice(None, None, 2), 5), span(slice(None, None, -1), 3), span(slice(7, 9), 5)
    ((0, 5, 2), (2, None, -1), (0, 0, 1))
    """
    try:
        start, stop, step = s.indices(n)
    except TypeError as error:
        raise errors.InvalidIndexError(
            str(error),
            why=f"the slice {s} was used as an index of a traced value",
            fix="int(i) where a whole number is meant, or a // b in place of a / b",
        ) from error
    if step == 1:
        return (start, stop, 1) if start < stop else (0, 0, 1)
    length = len(range(start, stop, step))
    if length <= 1:
        return (start, start + 1, 1) if length else (0, 0, 1)
    last = start + (length - 1) * step
    return (start, last + 1, step) if step > 0 else (start, last - 1 if last else None, step)


@lru_cache(maxsize=4096)
def subscript(index: Index) -> tuple[Any, ...]:
    """What to write between the brackets of an ndarray to read a static index."""
    return tuple(slice(*e) if isinstance(e, tuple) else e for e in index)


@lru_cache(maxsize=4096)
def part_shape(index: Index, shape: Shape) -> Shape:
    """The shape of the part of an array that a static index reads; raises ``IndexError`` for a part outside it."""
    if len(index) > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {len(index)} were indexed")
    lengths = []
    for axis, (entry, n) in enumerate(zip(index, shape, strict=False)):
        if isinstance(entry, tuple):
            lengths.append(len(range(*slice(*entry).indices(n))))
        elif not 0 <= entry < n:
            raise IndexError(f"index {entry} is out of bounds for axis {axis} with size {n}")
    return (*lengths, *shape[len(index) :])


def with_batch_axis(index: Index, size: int, at: int = 0) -> Index:
    """The index that reads the same part of every example, for a batch along axis ``at``."""
    padded = (*index, *((0, None, 1) for _ in range(at - len(index))))
    return (*padded[:at], (0, size, 1), *padded[at:])


# --- slice: read a part -----------------------------------------------------------------------------------------------

slice_p = Primitive("slice", Structural(lambda x, *, index: x[subscript(index)]), trusted=True)
slice_p.def_abstract(lambda x, *, index: array_aval(part_shape(index, x.shape), x.dtype))
slice_p.def_rule("lower", lambda eqn: forms.subscript(eqn.params["index"]))


@slice_p.def_transpose
def _slice_transpose(ct: Any, x: Any, *, index: Index) -> Any:
    where = subscript(index)

    def add_into(buffer: Any, value: Any) -> None:
        buffer[where] += value

    return (Accumulate(ct, add_into, _embed_parts, index),)


def _embed_parts(parts: list[Accumulate], aval: ShapedArray) -> Any:
    return embed_p.bind(*(p.value for p in parts), indices=tuple(p.index for p in parts), shape=aval.shape)


@slice_p.def_rule("pull")
def _slice_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Var], params: dict[str, Any]) -> None:
    (x,) = inputs
    total = arrived.get(x)
    if type(total) is not PartialSum:
        total = arrived[x] = PartialSum(x.aval, total)
    total.add_part(subscript(params["index"]), ct)


@slice_p.def_batch
def _slice_batch(size: int, args: Sequence[Any], dims: Dims, *, index: Index) -> Any:
    (x,), (d,) = args, dims
    assert d is not None
    if d >= len(index):
        return slice_p.bind(x, index=index), d - sum(type(e) is int for e in index)
    shifted = with_batch_axis(index, size, d)
    return slice_p.bind(x, index=shifted), d - sum(type(e) is int for e in shifted[:d])


# --- embed: parts in an array of zeros --------------------------------------------------------------------------------


def _embed(*values: Any, indices: tuple[Index, ...], shape: Shape) -> Any:
    out = np.zeros(shape, np.asarray(values[0]).dtype)
    out[subscript(indices[0])] = values[0]
    for value, index in zip(values[1:], indices[1:], strict=True):
        out[subscript(index)] += value
    return out


embed_p = Primitive("embed", Linear(_embed, positions=()), trusted=True, makes_new=True)
"""``embed(*values, indices=..., shape=...)``: zeros of a shape, with each value added at its static index.

It is padding with zeros, the transpose of `slice_p`, and what some operands of a concatenation contribute to its tangent.
The values have the same dtype.
"""


@embed_p.def_abstract
def _embed_abstract(*values: ShapedArray, indices: tuple[Index, ...], shape: Shape) -> ShapedArray:
    for value, index in zip(values, indices, strict=True):
        wanted = part_shape(index, shape)
        if value.shape != wanted or value.dtype != values[0].dtype:
            raise ValueError(f"embed needs a value of shape {wanted} and dtype {values[0].dtype} at {index}, got {value}")
    return array_aval(shape, values[0].dtype)


@embed_p.def_jvp
def _embed_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, indices: tuple[Index, ...], shape: Shape) -> Any:
    out = embed_p.bind(*primals, indices=indices, shape=shape)
    nonzero = [i for i, t in enumerate(tangents) if type(t) is not Zero]
    if not nonzero:
        return out, typeof(out).zero
    return out, embed_p.bind(*(tangents[i] for i in nonzero), indices=tuple(indices[i] for i in nonzero), shape=shape)


@embed_p.def_transpose
def _embed_transpose(ct: Any, *values: Any, indices: tuple[Index, ...], shape: Shape) -> Any:
    return [slice_p.bind(ct, index=i) if type(v) is Var else None for v, i in zip(values, indices, strict=True)]


_with_batch_axes = lambda indices, size: tuple(with_batch_axis(index, size) for index in indices)
embed_p.def_batch(batch_in_front(embed_p, indices=_with_batch_axes, shape=lambda shape, size: (size, *shape)))


# --- writers: the first argument, changed in places -------------------------------------------------------------------


def writer(primitive: Primitive) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function that writes into its first argument: `impl` lets it write into a copy, `overwrite` where it can."""

    def register(write: Callable[..., None]) -> Callable[..., None]:
        def impl(x: Any, *args: Any, **params: Any) -> Any:
            out = np.array(x, order="C")
            write(out, *args, **params)
            return out

        def overwrite(x: Any, *args: Any, **params: Any) -> Any:
            if not (x.flags.writeable and x.flags.c_contiguous):
                return impl(x, *args, **params)
            write(x, *args, **params)
            return x

        primitive.def_impl(impl)
        primitive.overwrite = overwrite
        return write

    return register


# --- erase: zero in a part --------------------------------------------------------------------------------------------

erase_p = Primitive("erase", Structural(None, lambda ct, x, *, index: erase_p.bind(ct, index=index)), trusted=True)
erase_p.def_batch(batch_in_front(erase_p, index=with_batch_axis))


@writer(erase_p)
def _erase(out: Any, *, index: Index) -> None:
    out[subscript(index)] = 0


@erase_p.def_abstract
def _erase_abstract(x: ShapedArray, *, index: Index) -> ShapedArray:
    part_shape(index, x.shape)
    return x.strengthened()


# --- update_slice and add_slice: an array with a part replaced, or added to -------------------------------------------


def _slice_writer(name: str, kind: type[Linear], rest: Callable[..., Any]) -> Primitive:
    """A primitive of ``(x, part, index=...)`` that is x with the part written into it, of x's shape and dtype.

    ``rest(t, x, part, index=...)`` is what stays of x, in a tangent and in a cotangent.  In a cotangent the part is read
    first, so that the rest may overwrite it.
    """

    def embedded(t: Any, x: Any, part: Any, *, index: Index) -> Any:
        return embed_p.bind(t, indices=(index,), shape=shape_of(x))

    def read(ct: Any, x: Any, part: Any, *, index: Index) -> Any:
        return slice_p.bind(ct, index=index)

    primitive = Primitive(name, kind(None, (read, rest), positions=(1, 0), alone=(embedded, rest)), trusted=True)
    primitive.def_batch(batch_in_front(primitive, index=with_batch_axis))

    @primitive.def_abstract
    def abstract(x: ShapedArray, part: ShapedArray, *, index: Index) -> ShapedArray:
        wanted = part_shape(index, x.shape)
        if part.shape != wanted or part.dtype != x.dtype:
            raise ValueError(f"{name} needs a part of shape {wanted} and dtype {x.dtype} at {index} of {x}, got {part}")
        return x.strengthened()

    return primitive


update_slice_p = _slice_writer("update_slice", Structural, lambda t, x, part, *, index: erase_p.bind(t, index=index))
add_slice_p = _slice_writer("add_slice", Linear, lambda t, x, part, *, index: t)


@embed_p.def_rule("added")
def _added_slice(total: Any, eqn: Equation) -> Any:
    """An embedding of one part adds to a sum that part alone."""
    if len(eqn.inputs) != 1:
        return None
    return add_slice_p, [total, *eqn.inputs], {"index": eqn.params["indices"][0]}


@writer(update_slice_p)
def _update_slice(out: Any, part: Any, *, index: Index) -> None:
    out[subscript(index)] = part


@writer(add_slice_p)
def _add_slice(out: Any, part: Any, *, index: Index) -> None:
    out[subscript(index)] += part


# --- gather: read by integer arrays -----------------------------------------------------------------------------------


def _gather(x: Any, *indices: Any) -> Any:
    out = x[indices]
    return out if out.base is None else out.copy()


gather_p = Primitive("gather", Structural(_gather), trusted=True, makes_new=True)
"""``gather(x, i_1, ..., i_k)`` is ``x[i_1, ..., i_k]`` for integer arrays that broadcast together."""
gather_p.def_abstract(lambda x, *indices: array_aval((*index_shape(indices), *x.shape[len(indices) :]), x.dtype))


def index_shape(indices: Sequence[ShapedArray]) -> Shape:
    """The shape that index arrays broadcast to; raises ``IndexError`` as NumPy does."""
    for i in indices:
        if i.dtype.kind not in "iu":
            raise IndexError(f"arrays used as indices must be of integer (or boolean) type, got {i}")
    try:
        return broadcast_shapes(*(i.shape for i in indices))
    except ValueError as error:
        raise IndexError(f"shape mismatch: indexing arrays could not be broadcast together: {error}") from None


@gather_p.def_transpose
def _gather_transpose(ct: Any, x: Any, *indices: Any) -> Any:
    others = (None for _ in indices)
    if any(isinstance(i, TracerBase) for i in indices):
        return spread_p.bind(ct, *indices, shape=x.aval.shape), *others
    return Accumulate(ct, lambda buffer, value: apply_at(np.add, buffer, indices, value), _spread_parts, indices), *others


def _spread_parts(parts: list[Accumulate], aval: ShapedArray) -> Any:
    return functools.reduce(operator.add, [spread_p.bind(p.value, *p.index, shape=aval.shape) for p in parts])


@gather_p.def_batch
def _gather_batch(size: int, args: Sequence[Any], dims: Dims) -> Any:
    x, *indices = args
    d, *index_dims = dims
    if all(i is None for i in index_dims):
        assert d is not None
        behind = max(d, len(indices))
        return gather_p.bind(moveaxis(x, d, behind), *indices), behind - len(indices) + rank_of(indices)
    indices = align_batch(indices, index_dims)
    if d is None:
        return gather_p.bind(x, *indices), 0
    return gather_p.bind(moveaxis(x, d, 0), examples(size, indices), *indices), 0


def rank_of(indices: Sequence[Any]) -> int:
    """The number of axes that index arrays broadcast to."""
    return max(len(shape_of(i)) for i in indices)


def examples(size: int, indices: Sequence[Any]) -> Any:
    """The number of each example, as an index array for the batch axis next to index arrays that are batched in front."""
    return np.arange(size).reshape(size, *(1,) * (rank_of(indices) - 1))


def batch_by_indices(primitive: Primitive, *like_indices: bool) -> Callable[..., Any]:
    """The batching rule of a primitive of some arrays and k index arrays, the result of which they index.

    If all examples have the same indices, the batch axis is behind the axes that these index.  Otherwise it is in front of
    all, and the number of the example one more index.

    Args:
        primitive: the primitive; of its parameters ``shape`` is that of the result.
        like_indices: for each array whether its first axes are those of the index arrays, or the k axes that these index.
    """
    n = len(like_indices)

    def batch(size: int, args: Sequence[Any], dims: Dims, **params: Any) -> Any:
        indices, is_shared = args[n:], all(d is None for d in dims[n:])
        place, of_values = (len(indices), rank_of(indices)) if is_shared else (0, 0)
        places = [of_values if like else place for like in like_indices]
        arrays = [batched_at(at, size, x, d) for at, x, d in zip(places, args[:n], dims[:n], strict=True)]
        if not is_shared:
            indices = align_batch(indices, dims[n:])
            indices = [examples(size, indices), *indices]
        if "shape" in params:
            params["shape"] = (*params["shape"][:place], size, *params["shape"][place:])
        return primitive.bind(*arrays, *indices, **params), place

    return batch


# --- spread: add into zeros by integer arrays -------------------------------------------------------------------------


def _spread(values: Any, *indices: Any, shape: Shape) -> Any:
    out = np.zeros(shape, dtype_of(values))
    apply_at(np.add, out, indices, values)
    return out


_spreading = Linear(_spread, lambda ct, values, *indices, shape: gather_p.bind(ct, *indices))
spread_p = Primitive("spread", _spreading, trusted=True, makes_new=True)
"""``spread(values, i_1, ..., i_k, shape=...)``: zeros of a shape, with the values added at the indices; the transpose of
`gather_p`.  The values have the shape of the indices, followed by the axes of ``shape`` after the first k."""
spread_p.def_batch(batch_by_indices(spread_p, True))


@spread_p.def_abstract
def _spread_abstract(values: ShapedArray, *indices: ShapedArray, shape: Shape) -> ShapedArray:
    wanted = (*index_shape(indices), *shape[len(indices) :])
    if values.shape != wanted:
        raise ValueError(f"spread needs values of shape {wanted} for the shape {shape}, got {values}")
    return array_aval(shape, values.dtype)


# --- clear: zero by integer arrays ------------------------------------------------------------------------------------

clear_p = Primitive("clear", Structural(None, lambda ct, x, *indices: clear_p.bind(ct, *indices)), trusted=True)
"""``clear(x, i_1, ..., i_k)``: x with zeros at the indices."""
clear_p.def_batch(batch_by_indices(clear_p, False))


@writer(clear_p)
def _clear(out: Any, *indices: Any) -> None:
    out[indices] = 0


@clear_p.def_abstract
def _clear_abstract(x: ShapedArray, *indices: ShapedArray) -> ShapedArray:
    index_shape(indices)
    return x.strengthened()


# --- helpers of implementations ---------------------------------------------------------------------------------------


def flat_positions(indices: Sequence[Any], shape: Shape) -> Any:
    """Where index arrays point to in an array of ``shape`` when it is flattened: a vector, in C order of the indices.

    Raises:
        IndexError: an index is out of bounds.
    """
    if any(np.size(i) == 0 for i in indices):
        return np.zeros(0, np.intp)
    flat: Any = np.intp(0)
    for axis, (i, n) in enumerate(zip(indices, shape, strict=True)):
        i = np.asarray(i)
        check_bounds(i, n, axis)
        i = i.astype(np.intp)
        flat = flat * n + np.where(i < 0, i + n, i)
    return np.reshape(flat, -1)


def check_bounds(i: Any, n: int, axis: int) -> None:
    """Raise ``IndexError`` as NumPy does unless all integers of an array are indices of an axis of length ``n``."""
    if i.size and not (-n <= i.min() and i.max() < n):
        bad = i[(i < -n) | (i >= n)].flat[0] if i.ndim else i
        raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {n}")


def apply_at(ufunc: np.ufunc, buffer: Any, indices: tuple[Any, ...], values: Any) -> None:
    """``ufunc.at(buffer, indices, values)`` for integer arrays that index the leading axes.

    NumPy is faster on a vector with one vector of indices than in general (6 times for rows of 64 elements, NumPy 2.4), so
    other cases are brought into this form.  A single place needs none of it.
    """
    if is_one_place(indices):
        buffer[indices] = ufunc(buffer[indices], values)
        return
    if buffer.ndim == 1 or not buffer.flags.c_contiguous:
        ufunc.at(buffer, indices, values)
        return
    k = len(indices)
    positions = flat_positions(indices, buffer.shape[:k])
    row = math.prod(buffer.shape[k:])
    if row != 1:
        positions = np.reshape(positions[:, None] * row + np.arange(row), -1)
    ufunc.at(buffer.reshape(-1), positions, np.reshape(values, -1))


def is_one_place(indices: Sequence[Any]) -> bool:
    """Whether indices name a single place, which no other write can meet."""
    return all(np.ndim(i) == 0 for i in indices)
