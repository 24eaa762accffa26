"""What goes between the brackets: ``x[...]`` in NumPy's sense, reduced to the primitives of reading and writing.

NumPy's rules (integers, slices, ``None``, ``...``, integer and boolean arrays in any mix) are worked out once, by `parse`; the
resulting `Subscript` reads or writes by these steps, of which those that do nothing are left out:

1. a static index: slices, and integers, which remove their axis;
2. a reshape that inserts the new axes;
3. a transposition that brings the axes which arrays index to the front;
4. a gather or a scatter by those arrays;
5. a transposition of the result: its first axes, those of the index arrays, belong where the arrays stood in the brackets if
   they stood next to each other, and stay in front otherwise.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.core.primitive import TracerBase, apply_to_one
from covector.core.tracer import Tracer, register_method, view_of
from covector.primitives.arrays.indexing import Index, check_bounds, gather_p, index_shape, part_shape, slice_p, span
from covector.primitives.arrays.shaping import Shape, broadcast_to_p, inverse_permutation, reshape_to, transpose_p

INVALID = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid indices"
)

INVALID_DTYPE = "arrays used as indices must be of integer (or boolean) type"


def _invalid(e: Any) -> errors.InvalidIndexError:
    """The error for what is no index, in NumPy's words first."""
    is_array = issubclass(type(e), (np.ndarray, TracerBase))
    if is_array:
        what, fix = f"an array of dtype {e.dtype}", "i.astype(int) where whole numbers are meant"
    elif isinstance(e, (float, np.floating)):
        what, fix = f"the number {e!r}", "int(i) where a whole number is meant, or a // b in place of a / b"
    else:
        what, fix = f"{e!r} of type {type(e).__name__}", "x[i] with the position of an element; a traced value has no names"
    return errors.InvalidIndexError(
        INVALID_DTYPE if is_array else INVALID, why=f"{what} was used as an index of a traced value", fix=fix
    )


class Writers(NamedTuple):
    """A way to write into an array.

    Attributes:
        slice: ``slice(x, values, index)`` writes at a static index.
        arrays: ``arrays(x, values, *index_arrays)`` writes where arrays index the leading axes.
        back: ``back(x, part, index)`` replaces a part of x, at a static index, by what it has become.
    """

    slice: Callable[..., Any]
    arrays: Callable[..., Any]
    back: Callable[..., Any]


class Subscript(NamedTuple):
    """An index of an array of a certain shape, in steps.

    Attributes:
        basic: the static index that is read first; ``()`` if it reads everything.
        expanded: the shape after that, with new axes inserted.
        order: the permutation of those axes that brings the axes indexed by arrays to the front.
        arrays: the index arrays.
        back: the permutation that brings the axes of the result of the gather into place.
        shape: the shape of what is read.
    """

    basic: Index
    expanded: Shape
    order: tuple[int, ...]
    arrays: tuple[Any, ...]
    back: tuple[int, ...]
    shape: Shape

    def read(self, x: Any) -> Any:
        """``x[...]``."""
        x = self._part(x)
        return _transposed(gather_p.bind(x, *self.arrays), self.back) if self.arrays else x

    def write(self, x: Any, values: Any, by: Writers) -> Any:
        """x with values written into the part; they have x's dtype, and any shape that broadcasts to that of the part."""
        values = broadcast_values(values, self.shape)
        if not self.arrays:
            return by.slice(x, reshape_to(values, part_shape(self.basic, shape_of(x))), self.basic)
        written = by.arrays(self._part(x), _transposed(values, inverse_permutation(self.back)), *self.arrays)
        written = _transposed(written, inverse_permutation(self.order))
        if not self.basic:
            return reshape_to(written, shape_of(x))
        return by.back(x, reshape_to(written, part_shape(self.basic, shape_of(x))), self.basic)

    def _part(self, x: Any) -> Any:
        """What the arrays index: the part that the static index reads, with new axes, those for the arrays in front."""
        if self.basic:
            x = slice_p.bind(x, index=self.basic)
        return _transposed(reshape_to(x, self.expanded), self.order)


def _transposed(x: Any, permutation: tuple[int, ...]) -> Any:
    return x if permutation == tuple(range(len(permutation))) else transpose_p.bind(x, permutation=permutation)


def broadcast_values(values: Any, shape: Shape) -> Any:
    """Values broadcast to the shape of the part that they are written to; surplus leading axes of length 1 are dropped."""
    given = shape_of(values)
    surplus = len(given) - len(shape)
    if surplus > 0 and all(n == 1 for n in given[:surplus]):
        values = reshape_to(values, given[surplus:])
    padded = (1,) * -surplus + given[max(surplus, 0) :]
    if len(padded) != len(shape) or any(m not in (1, n) for m, n in zip(padded, shape, strict=True)):
        raise ValueError(f"could not broadcast input array from shape {given} into shape {shape}")
    return values if padded == shape and surplus >= 0 else broadcast_to_p.bind(values, shape=shape)


# --- reading ----------------------------------------------------------------------------------------------------------


def index(x: Any, idx: Any) -> Any:
    """``x[idx]`` for an array or a tracer, with NumPy's meaning and errors; the index may hold tracers of integers.

    Raises:
        IndexError: an index that is out of bounds (as far as its value is known), too many indices, arrays that do not
            broadcast together, or something that is no index.
        NonConcreteBooleanIndexError: a boolean mask whose values are not known.
    """
    if type(idx) is int or type(idx) is slice:
        shape = x.shape
        if shape:
            n = shape[0]
            entry: Any = span(idx, n) if isinstance(idx, slice) else _integer(idx, n, 0)
            if entry == (0, n, 1):
                return x
            part = apply_to_one(slice_p, x, {"index": (entry,)})
            return view_of(x, part) if len(shape) > 1 or type(idx) is slice else part  # one element is a number
    elif type(idx) is np.ndarray and idx.dtype.kind in "iu" and idx.ndim:
        shape = shape_of(x)
        if shape:
            if concrete(x) is None:  # else the implementation checks, now
                check_bounds(idx, shape[0], 0)
            return gather_p.bind(x, idx)
    parsed = parse(idx, shape_of(x))
    part = parsed.read(x)
    if not parsed.shape and not any(e is Ellipsis for e in (idx if isinstance(idx, tuple) else (idx,))):
        return part  # a number
    if parsed.arrays and any(map(shape_of, parsed.arrays)):
        return part  # a copy; a traced integer, which is one of the arrays too, leaves a view
    return view_of(x, part)


register_method("__getitem__", index)


# --- parsing ----------------------------------------------------------------------------------------------------------


class _Mask(NamedTuple):
    """A boolean array in an index; ``true`` are the positions of its true elements, an array for each axis."""

    shape: Shape
    true: tuple[Any, ...]


NEW_AXIS, KEPT_AXIS = object(), object()


def parse(idx: Any, shape: Shape) -> Subscript:
    """Work out what an index means for an array of a shape."""
    entries = [_entry(e) for e in (idx if isinstance(idx, tuple) else (idx,))]
    consumed = sum(_axes_consumed(e) for e in entries)
    if consumed > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {consumed} were indexed")
    if sum(e is Ellipsis for e in entries) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    basic: list[Any] = []
    axes: list[Any] = []  # what step 2 results in: for each axis whether it is new, kept, or which array indexes it
    first_array = None  # how many axes that are no array's precede the arrays
    has_arrays = any(_is_array(e) for e in entries)
    blocks = 0  # how many runs of adjacent arrays (and integers, which count as arrays next to arrays)
    in_block = False
    for e in entries:
        advanced = _is_array(e) or (has_arrays and type(e) is int)
        if advanced and first_array is None:
            first_array = sum(a is NEW_AXIS or a is KEPT_AXIS for a in axes)
        blocks += advanced and not in_block
        in_block = advanced
        _add_entry(e, basic, axes, shape, len(shape) - consumed)
    axes += [KEPT_AXIS] * (len(shape) - len(basic))
    while basic and basic[-1] == (0, shape[len(basic) - 1], 1):
        basic.pop()
    return _steps(tuple(basic), axes, shape, first_array if blocks == 1 else 0)


def _add_entry(e: Any, basic: list[Any], axes: list[Any], shape: Shape, skipped: int) -> None:
    """Append to the static index and to the axes what one entry between the brackets contributes."""
    if e is None:
        axes.append(NEW_AXIS)
    elif e is Ellipsis:
        axes += [KEPT_AXIS] * skipped
        basic += [(0, n, 1) for n in shape[len(basic) : len(basic) + skipped]]
    elif type(e) is int:
        basic.append(_integer(e, shape[len(basic)], len(basic)))
    elif type(e) is slice:
        basic.append(span(e, shape[len(basic)]))
        axes.append(KEPT_AXIS)
    elif type(e) is _Mask:
        _add_mask(e, basic, axes, shape)
    else:
        axes.append((e, len(basic)))
        basic.append((0, shape[len(basic)], 1))


def _add_mask(mask: _Mask, basic: list[Any], axes: list[Any], shape: Shape) -> None:
    if not mask.shape:
        axes.append((mask.true[0], None))
    for positions, m in zip(mask.true, mask.shape, strict=False):
        axis = len(basic)
        if m != shape[axis]:
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis}; size of axis is {shape[axis]}"
                f" but size of corresponding boolean axis is {m}"
            )
        axes.append((positions, axis))
        basic.append((0, shape[axis], 1))


def _steps(basic: Index, axes: list[Any], shape: Shape, place: int | None) -> Subscript:
    lengths = iter(part_shape(basic, shape))
    new = [a is NEW_AXIS or (a is not KEPT_AXIS and a[1] is None) for a in axes]
    expanded = tuple(1 if n else next(lengths) for n in new)
    indexed = [i for i, a in enumerate(axes) if a is not NEW_AXIS and a is not KEPT_AXIS]
    others = [i for i in range(len(axes)) if i not in indexed]
    kept = tuple(expanded[i] for i in others)
    if not indexed:
        return Subscript(basic, expanded, tuple(others), (), (), expanded)
    arrays = tuple(axes[i][0] for i in indexed)
    broadcast = index_shape([typeof(a) for a in arrays])
    if 0 not in broadcast:
        for i in indexed:
            array, axis = axes[i]
            if axis is not None and not isinstance(array, TracerBase):
                check_bounds(array, shape[axis], axis)
    assert place is not None
    rank = len(broadcast)
    back = (*range(rank, rank + place), *range(rank), *range(rank + place, rank + len(kept)))
    return Subscript(basic, expanded, (*indexed, *others), arrays, back, (*kept[:place], *broadcast, *kept[place:]))


def _axes_consumed(e: Any) -> int:
    if e is None or e is Ellipsis:
        return 0
    return len(e.shape) if type(e) is _Mask else 1


def _is_array(e: Any) -> bool:
    return type(e) is _Mask or issubclass(type(e), (np.ndarray, TracerBase))


def _entry(e: Any) -> Any:
    """One entry in canonical form: None, Ellipsis, slice, int, `_Mask`, or an array or tracer of integers."""
    cls = type(e)
    if cls is int or cls is slice or e is None or e is Ellipsis:
        return e
    if isinstance(e, (bool, np.bool_)):
        return _Mask((), (np.zeros(int(e), np.intp),))
    if isinstance(e, TracerBase):
        return _entry_of_array(e, typeof(e))
    if isinstance(e, np.integer):
        return int(e)
    if isinstance(e, (list, tuple)) and _contains_tracer(e):
        return _entry(np.stack([_as_array(v) for v in e]))
    if not issubclass(type(e), (np.ndarray, list, tuple)):
        with suppress(TypeError):
            return operator.index(e)
    array = np.asarray(e)
    if array.size == 0 and not issubclass(type(e), np.ndarray):
        array = array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise _invalid(e)
    return _entry_of_array(array, typeof(array))


def _entry_of_array(e: Any, aval: ShapedArray) -> Any:
    if aval.dtype.kind == "b":
        return _Mask(aval.shape, tuple(np.atleast_1d(concrete_mask(e)).nonzero()))
    if aval.dtype.kind not in "iu":
        raise _invalid(e)
    return int(e) if not aval.shape and not isinstance(e, TracerBase) else e


def _integer(i: int, n: int, axis: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis {axis} with size {n}")
    return i + n if i < 0 else i


def _contains_tracer(x: Any) -> bool:
    return any(map(_contains_tracer, x)) if isinstance(x, (list, tuple)) else isinstance(x, TracerBase)


def _as_array(x: Any) -> Any:
    return np.stack([_as_array(v) for v in x]) if isinstance(x, (list, tuple)) and _contains_tracer(x) else x


# --- what is known of a value -----------------------------------------------------------------------------------------


def concrete(x: Any) -> Any:
    """The array behind a value if it is known, else None."""
    return x.concrete() if isinstance(x, Tracer) else x


def answered(x: Any) -> Any:
    """The array behind a value if it is known, or the one that the examples of a batch go on with; else None."""
    value = concrete(x)
    return x.answer() if value is None else value


def concrete_mask(mask: Any) -> Any:
    """The values of a boolean array that selects; raises `NonConcreteBooleanIndexError` if they are not known."""
    value = answered(mask)
    if value is None:
        raise mask._refuse(
            errors.NonConcreteBooleanIndexError,
            "the number of true elements",
            "keep the shape: np.where(mask, x, other) instead of x[mask], np.sum(x, where=mask) instead of np.sum(x[mask]);"
            " covector.at(x)[mask].set(value) writes where a mask of x's shape is true",
        )
    return value


def known(x: Any, function: str, what: str, fix: str = "make it a static argument") -> Any:
    """The array behind a value that decides the shape of a result; raises `ConcretizationError` if it is not known."""
    value = answered(x)
    if value is None:
        raise x._refuse(errors.ConcretizationError, f"{what}, which {function} needs,", fix)
    return value
