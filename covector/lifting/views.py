"""Which part of an array a view shows: found from its memory as NumPy lays it out, said as slices of the array.

>>> part = solve((4, 6), (6, 1), 2, (2, 4), (2, 6))  # np.zeros((4, 6))[:, 2:].reshape(4, 2, 2)[..., 0].T, say
>>> part.key, part.perm
((slice(0, 4, 1), slice(2, 6, 2)), (1, 0))

NumPy itself is asked what a view function gives: it is applied to a *layout*, an array with the shape and the order in memory
of the one in question, whose elements nobody reads.  If the result is a copy, so is it for the array; if it shows memory of the
layout, its offset and strides say which elements, and a program reads and writes them by

* slices of the axes, in another order and with new axes of length 1 (basic indexing, ``T``, ``flip``, ``squeeze``, ``split``),
* slices of the memory in another shape (``reshape``, ``ravel``, and what is sliced from them; diagonals),
* an array of positions, where neither fits (``sliding_window_view`` and other overlapping views).

Strides and offsets are counted in elements.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from covector.lifting.refusals import shown_twice
from covector.numpy.at import at
from covector.numpy.elementwise import of_parts

Ints = tuple[int, ...]


class View:
    """A part of an array: what ``dims`` (the array by its memory order, in this shape) has at ``key``, its axes rearranged.

    Or, for ``positions``, what the flat array has there; and of complex numbers perhaps only the real or imaginary ``part``.

    Attributes:
        axes: for each axis that is sliced the range of what is shown, or the one place.
        order: for each axis of the view which of ``axes`` it is; None for a new one, of length 1.
        place: for ``positions`` the offset and strides in memory.
    """

    __slots__ = tuple("axes dims inner key order part perm place positions readonly shape transposed".split())

    def __init__(
        self,
        axes: tuple[Any, ...],
        order: tuple[int | None, ...],
        shape: Ints,
        *,
        transposed: Ints | None = None,
        dims: Ints | None = None,
        positions: Any = None,
        place: tuple[int, Ints] | None = None,
        part: str = "",
        readonly: bool = False,
    ):
        self.axes, self.order, self.shape = axes, order, shape
        self.transposed, self.dims, self.part, self.readonly = transposed, dims, part, readonly
        self.positions, self.place = positions, place
        live = sorted([o for o in order if o is not None])
        perm = tuple([live.index(o) for o in order if o is not None])
        self.perm = None if perm == tuple(range(len(perm))) else perm
        key = tuple([a if type(a) is int else _as_slice(a) for a in axes])
        self.key = key if live else (*key, Ellipsis)  # never a scalar
        self.inner: dict[Any, View | None] = {}
        """The views that indices of this one give, by index."""

    def but(self, **changes: Any) -> View:
        """The same with other fields."""
        kept = {name: getattr(self, name) for name in ("transposed", "dims", "positions", "place", "part", "readonly")}
        return View(self.axes, self.order, self.shape, **(kept | changes))

    def is_same(self, other: View) -> bool:
        """Whether both show the same elements in the same way, as far as is easily seen."""
        fields = ("axes", "order", "transposed", "dims", "part", "place", "shape")
        return self is other or all(getattr(self, name) == getattr(other, name) for name in fields)

    def read(self, value: Any) -> Any:
        """The part of a value (memory of it, for an array, but for ``positions``)."""
        if self.positions is not None:
            found = np.reshape(value, (-1,))[self.positions]
        else:
            found = self._base(value)[self.key]
            if self.perm is not None:
                found = np.transpose(found, self.perm)
            if None in self.order:
                found = found[tuple([None if o is None else slice(None) for o in self.order])]
        return found if not self.part else getattr(np, self.part)(found)

    def write(self, value: Any, new: Any, how: str = "set") -> Any:
        """The value with ``new`` in place of the part (or added to it, ``how="add"``), as a function of both."""
        if self.part and how == "set":
            old = self.but(part="").read(value)
            new = of_parts(new, np.imag(old)) if self.part == "real" else of_parts(np.real(old), new)
        new = np.broadcast_to(new, self.shape) if np.shape(new) != self.shape else new
        if self.positions is not None:
            flat = at(np.reshape(value, (-1,)))[self.positions]
            return np.reshape(getattr(flat, how)(new), np.shape(value))
        if None in self.order:
            new = new[tuple([0 if o is None else slice(None) for o in self.order])]
        if self.perm is not None:
            new = np.transpose(new, np.argsort(self.perm))
        written = getattr(at(self._base(value))[self.key], how)(new)
        if self.dims is not None:
            shape = np.shape(value)
            by_memory = shape if self.transposed is None else tuple([shape[i] for i in self.transposed])
            written = np.reshape(written, by_memory)
        return written if self.transposed is None else np.transpose(written, np.argsort(self.transposed))

    def repeats(self) -> bool:
        """Whether an element of the array is shown twice, by its position."""
        return len(np.unique(self.positions)) != np.size(self.positions)

    def _base(self, value: Any) -> Any:
        if self.transposed is not None:
            value = np.transpose(value, self.transposed)
        if self.dims is not None:
            value = value.reshape(self.dims, copy=False) if type(value) is np.ndarray else np.reshape(value, self.dims)
        return value


def sliced(axes: Sequence[Any], order: Sequence[int | None], **more: Any) -> View:
    """The view that shows these ranges and places, its axes in this order."""
    return View(tuple(axes), tuple(order), tuple([1 if o is None else len(axes[o]) for o in order]), **more)


def empty(shape: Ints, part: str = "") -> View:
    """A view of no elements."""
    positions = np.zeros(shape, np.intp)
    return View((), (), shape, positions=positions, place=(0, c_strides(shape)), part=part)


def _as_slice(a: range) -> slice:
    if not len(a):
        return slice(0, 0, 1)
    stop = a.start + len(a) * a.step
    return slice(a.start, stop if stop >= 0 else None, a.step)


@lru_cache(maxsize=4096)
def whole(shape: Ints) -> View:
    """The view that shows an array of this shape as it is."""
    return sliced([range(n) for n in shape], range(len(shape)))


def indexed(view: View, key: tuple[Any, ...]) -> View | None:
    """A basic index (integers, slices, None, an ellipsis) of a view; None where the view is not of slices.

    Raises:
        IndexError: as NumPy does.
    """
    known = tuple([(k.start, k.stop, k.step) if type(k) is slice else k for k in key])
    if known not in view.inner:
        if len(view.inner) > 1024:
            view.inner.clear()
        view.inner[known] = _indexed(view, key)
    return view.inner[known]


def _indexed(view: View, key: tuple[Any, ...]) -> View | None:
    if view.positions is not None:
        return None
    taken = sum([k is not None and k is not Ellipsis for k in key])
    ndim = len(view.order)
    if taken > ndim:
        raise IndexError(f"too many indices for array: array is {ndim}-dimensional, but {taken} were indexed")
    if key.count(Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    axes, n = list(view.axes), 0
    order: list[int | None] = []
    for k in key if Ellipsis in key else (*key, Ellipsis):
        if k is None:
            order.append(None)
        elif k is Ellipsis:
            order += view.order[n : n + ndim - taken]
            n += ndim - taken
        else:
            o = view.order[n]
            found = _of_range(range(1) if o is None else axes[o], k, n)
            if o is not None:
                axes[o] = found
            if type(found) is range:
                if o is None and len(found) != 1:
                    return None
                order.append(o)
            n += 1
    return _resliced(view, axes, order)


def indexed_by_position(view: View, key: tuple[Any, ...]) -> View | None:
    """A basic index of a view by positions, wherever the array lies in memory; None for another view."""
    if view.place is None:
        return None
    offset, strides = view.place
    memory = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), view.shape, strides)  # which nobody reads
    part = memory[(*key, ...) if Ellipsis not in key else key]
    place = (offset + _address(part) - _address(memory), part.strides)
    more: dict[str, Any] = {"part": view.part, "readonly": view.readonly}
    return View((), (), part.shape, positions=np.asarray(view.positions[key]), place=place, **more)


def _of_range(a: range, k: Any, axis: int) -> Any:
    try:
        return a[k]
    except IndexError:
        raise IndexError(f"index {k} is out of bounds for axis {axis} with size {len(a)}") from None


def picked(view: View, key: Any) -> View | None:
    """What an index of any kind (None where it is traced) of a view by positions picks; None where all of it may be written."""
    if key is None:
        if view.repeats():
            raise shown_twice()
        return None
    positions = np.asarray(view.positions[key])
    return View((), (), positions.shape, positions=positions, part=view.part, readonly=view.readonly)


def transposed(view: View, perm: Ints) -> View | None:
    """A view with its axes in another order; None where it is not of slices."""
    if view.positions is not None:
        return None
    return _resliced(view, view.axes, [view.order[p] for p in perm])


def _resliced(view: View, axes: Sequence[Any], order: Sequence[int | None]) -> View:
    """Other slices of the same array."""
    return sliced(axes, order, transposed=view.transposed, dims=view.dims, part=view.part, readonly=view.readonly)


# --- layouts --------------------------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """An array to ask NumPy with: complex numbers of 8 bytes for an array of such, else single bytes; or a copy of one."""

    array: np.ndarray
    memory: np.ndarray
    first: int
    """Where in ``memory``, an array with one axis, the first element is."""


@lru_cache(maxsize=256)
def layout_of(shape: Ints, strides: Ints, is_complex: bool) -> Layout:
    """An array of this shape laid out with these strides."""
    first, size = _extent(shape, strides)
    memory = np.empty(size, np.complex64 if is_complex else np.int8)
    return Layout(_at(memory, first, shape, strides), memory, first)


def _extent(shape: Ints, strides: Ints) -> tuple[int, int]:
    """Where in its memory the first element of an array is, and how much memory it takes."""
    reach = [s * (n - 1) for n, s in zip(shape, strides, strict=True)] if math.prod(shape) else []
    return -sum(r for r in reach if r < 0), 1 + sum(map(abs, reach))


def _at(memory: np.ndarray, first: int, shape: Ints, strides: Ints) -> np.ndarray:
    unit = memory.itemsize
    return np.ndarray(shape, memory.dtype, memory.data, first * unit, [s * unit for s in strides])


def laid_out(view: View | None, layout: Layout) -> np.ndarray:
    """The part of a layout that a view shows."""
    if view is None:
        return layout.array
    if view.place is None:
        return view.read(layout.array)  # type: ignore[no-any-return]
    offset, strides = view.place
    found = _at(layout.memory, layout.first + offset, view.shape, strides)
    return getattr(found, view.part) if view.part else found


def copied_as(layout: Layout, value: np.ndarray) -> Layout:
    """A copy of an array in memory as the layout says: a write into a part of it is seen in all other parts."""
    memory = np.empty(layout.memory.size, value.dtype)
    whole = _at(memory, layout.first, value.shape, strides_of(layout.array))
    whole[...] = value
    return Layout(whole, memory, layout.first)


def shown(part: np.ndarray, layout: Layout) -> View | None:
    """Which part of a layout a result shows; None if it is a copy, or has no elements."""
    if not part.size or not np.may_share_memory(part, layout.memory):
        return None
    unit = layout.memory.itemsize
    offset, rest = divmod(_address(part) - _address(layout.array), unit)
    strides = strides_of(layout.array)
    view = solve(layout.array.shape, strides, offset, part.shape, tuple([s // unit for s in part.strides]))
    which = "" if part.dtype == layout.array.dtype else "imag" if rest else "real"
    return view.but(part=which, readonly=not part.flags.writeable) if which or not part.flags.writeable else view


def in_memory_order(value: np.ndarray, strides: Ints) -> np.ndarray:
    """A copy whose axes follow each other in memory as strides say."""
    axes = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
    return value.transpose(axes).copy("C").transpose(np.argsort(axes))


def strides_of(array: np.ndarray) -> Ints:
    """The strides of an array in elements."""
    unit = array.itemsize
    return tuple([s // unit for s in array.strides])


def c_strides(shape: Ints) -> Ints:
    """The strides of an array of this shape in C order, as NumPy writes them."""
    return strides_of(np.empty(shape, np.int8))


def is_read_late(target: Any, part: np.ndarray) -> bool:
    """Whether NumPy, copying memory to memory that overlaps, reads what it has written.

    It copies first, or begins at the right end, but where both go along one axis in one direction with other strides.  A number
    that is read again and again may itself be written: another one, if it is an imaginary part.
    """
    if type(target) is not np.ndarray or target.ndim != 1 or not part.size or not part.ndim:
        return False
    into, of = target.strides[0], part.strides[-1]
    if part.size == 1 or not of:
        is_late = target.size > 1 and into * of >= 0 and (_address(part) - _address(target)) % target.itemsize != 0
    else:
        is_late = into * of > 0 and into != of if into else True
    return is_late and np.shares_memory(target, part)


def strides_by_outer_axes(shape: Ints) -> Iterator[Ints]:
    """Such that the ranges in memory of two views of an array of this shape overlap in some order in memory, if in any.

    Two parts that share no element lie apart along an axis, and are apart in memory if it is the outermost one.  Along others
    they overlap, and then do so in memory, or one ends where the other begins, and then the axis after it decides.
    """
    axes = range(len(shape))
    for outer in permutations(axes, min(2, len(shape))):
        for sign in (1, -1):
            signs = [sign if i == outer[-1] else 1 for i in axes]
            yield _strides_in((*outer, *[i for i in axes if i not in outer]), shape, signs, 1)


def telling_strides(view: View, shape: Ints) -> Iterator[Ints]:
    """Such that a view of an array of this shape, reshaped, is a copy in any order in memory, if it may be, and in none.

    With gaps no two axes are one; packed in the order of the view, or in that reversed, all are that ever are.
    """
    shown = [o for o in view.order if o is not None and len(view.axes[o]) > 1]
    hidden = [i for i in range(len(shape)) if i not in shown]
    signs = [-1 if type(a) is range and a.step < 0 else 1 for a in view.axes]
    yield _strides_in((*hidden, *shown), shape, signs, 2)
    yield _strides_in((*hidden, *shown), shape, signs, 1)
    yield _strides_in((*hidden, *reversed(shown)), shape, signs, 1)


def _strides_in(order: Sequence[int], shape: Ints, signs: Sequence[int], gap: int) -> Ints:
    """The strides of axes that follow each other in memory so, each with a gap after its elements or none."""
    found, step = [0] * len(shape), 1
    for i in reversed(order):
        step *= gap
        found[i] = signs[i] * step
        step *= max(1, shape[i])
    return tuple(found)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


# --- from memory to slices ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def solve(shape: Ints, strides: Ints, offset: int, part: Ints, steps: Ints) -> View:
    """The view of shape ``part`` whose elements lie ``steps`` apart from ``offset`` on, of an array laid out as said."""
    found = _as_slices(shape, strides, offset, part, steps)
    if found is not None:
        return found
    by_memory = tuple(sorted(range(len(shape)), key=lambda i: -abs(strides[i])))
    packed = tuple([shape[i] for i in by_memory])
    if tuple([strides[i] for i in by_memory if shape[i] > 1]) == _packed_strides([n for n in packed if n > 1]):
        perm = None if by_memory == tuple(range(len(shape))) else by_memory
        for dims in _foldings(math.prod(shape), part, steps):
            found = _as_slices(dims, c_strides(dims), offset, part, steps)
            if found is not None:
                return found.but(transposed=perm, dims=dims)
    return _by_positions(shape, strides, offset, part, steps)


def _packed_strides(shape: Sequence[int]) -> Ints:
    return tuple([math.prod(shape[i + 1 :]) for i in range(len(shape))])


def _as_slices(shape: Ints, strides: Ints, offset: int, part: Ints, steps: Ints) -> View | None:
    """The view as slices of the axes in some order, if it is that."""
    start = _coordinates(shape, strides, offset)
    if start is None:
        return None
    axes: list[Any] = list(start)
    order: list[int | None] = []
    for n, step in zip(part, steps, strict=True):
        if n == 1:
            order.append(None)
            continue
        for j, (length, stride) in enumerate(zip(shape, strides, strict=True)):
            if type(axes[j]) is int and stride and step and step % stride == 0:
                by = step // stride
                if 0 <= axes[j] + by * (n - 1) < length:
                    axes[j] = range(axes[j], axes[j] + by * n, by)
                    order.append(j)
                    break
        else:
            return None
    for j, length in enumerate(shape):  # an axis of length 1 that stays is no new one
        if length == 1 and len(part) == len(shape) and order[j] is None and part[j] == 1:
            axes[j], order[j] = range(1), j
    return sliced(axes, order)


def _coordinates(shape: Ints, strides: Ints, offset: int) -> list[int] | None:
    """The index of the element that lies at an offset from the first one."""
    rest = offset + _extent(shape, strides)[0]
    found = [0] * len(shape)
    for j in sorted(range(len(shape)), key=lambda i: -abs(strides[i])):
        if shape[j] > 1 and strides[j]:
            found[j], rest = divmod(rest, abs(strides[j]))
            if found[j] >= shape[j]:
                return None
            if strides[j] < 0:
                found[j] = shape[j] - 1 - found[j]
    return found if rest == 0 else None


def _foldings(size: int, part: Ints, steps: Ints) -> list[Ints]:
    """Shapes for the memory in which a view may be one of slices: as its strides say, and flat."""
    ends = sorted({abs(s) for n, s in zip(part, steps, strict=True) if n > 1 and s} | {1, size}, reverse=True)
    if all(a % b == 0 for a, b in pairwise(ends)):
        return [tuple([a // b for a, b in pairwise(ends)]), (size,)]
    return [(size,)]


def _by_positions(shape: Ints, strides: Ints, offset: int, part: Ints, steps: Ints) -> View:
    first, size = _extent(shape, strides)
    memory = np.zeros(size, np.intp)
    _at(memory, first, shape, strides)[...] = np.arange(math.prod(shape)).reshape(shape)
    positions = _at(memory, first + offset, part, steps).copy()
    positions.setflags(write=False)
    return View((), (), part, positions=positions, place=(offset, steps))
