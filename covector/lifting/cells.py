"""Arrays that may hold traced values, written in place as NumPy's are.

>>> x = Cell(Root(np.zeros(3)))
>>> row = x[1:]
>>> row[0] = 5.0
>>> x
array([0., 5., 0.])

A `Cell` shows a whole array (`covector.lifting.roots`), or a part of it (`covector.lifting.views`), so a write through any view
is seen in all others.  To Python a cell is an ``ndarray``; code in C, which would read its memory, gets that if it is plain and
an error if it is traced.
"""

from __future__ import annotations

import operator
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import shape_of
from covector.core.context import traces_now
from covector.core.primitive import TracerBase
from covector.core.tracer import TracedArray
from covector.lifting import views
from covector.lifting.indices import (
    are_integers,
    at_index,
    basic_key,
    has_mask,
    index_of,
    is_plain,
    order_of_indexed,
    settled,
    stripped,
)
from covector.lifting.lifted import (
    ALL,
    STORES,
    Lifted,
    as_given,
    convert,
    has_traced,
    make_scalar,
    refuse_store,
    register_lifted,
    unwrap,
    without_flat,
    wrap,
)
from covector.lifting.parts import Part, laid_out_at, may_be_read_late, place_of, shows_part
from covector.lifting.refusals import shown_twice, written_in_turn, written_over
from covector.lifting.roots import BASED, EXPOSED, GAPS, READONLY, SHARED, TAINTED, UNSURE, Root
from covector.lifting.scalars import check_real, has_complex_number
from covector.numpy.at import at


def _acted(done: Any) -> Callable[[Any], Any]:
    """What was done to an array, an index or a function, as a function."""
    return done if callable(done) else operator.itemgetter(done)


def _part_of(act: Callable[[Any], Any], i: int) -> Callable[[Any], Any]:
    return lambda v: act(v)[i]


class Cell(Lifted):
    """An array, or a view of one: see the module."""

    __slots__ = ("__weakref__", "_view", "memory", "of", "root")

    def __init__(self, root: Root, view: Any = None, memory: Any = None, of: Any = None):
        self.root = root
        self._view = view
        """None for all of the root; a pair (view, what NumPy did to it) is made a view when that is asked."""
        self.memory = memory
        """The value when the root held ``of``."""
        self.of = of

    def times_held(self, value: ndarray) -> int:
        """How many references this has to an array, or to a view of it."""
        seen = self.memory
        return (self.of is value) + (seen is value or (type(seen) is ndarray and seen.base is value))

    # --- what it shows ---

    @property
    def shows(self) -> views.View | None:
        """The part of the root that is shown; None for all of it."""
        view = self._view
        if type(view) is tuple:
            outer, done = view
            shape = self.root.shape
            basic = None if callable(done) else basic_key(done)
            found = None if basic is None else views.indexed(outer or views.whole(shape), basic)
            if found is None:
                layout = self.root.layout()
                found = views.shown(_acted(done)(views.laid_out(outer, layout)), layout)
            if found is None:  # no elements
                found = views.empty(self.memory.shape, "real" if self.memory.dtype != self.root.value.dtype else "")
            if outer is not None and outer.readonly and not found.readonly:
                found = found.but(readonly=True)
            self._view = view = found
        return view  # type: ignore[no-any-return]

    def _index(self) -> Any:
        """The basic index into the whole root that this was made with, if it was made so and is no view yet; else None."""
        view = self._view
        return view[1] if type(view) is tuple and view[0] is None and not callable(view[1]) else None

    def _read(self) -> Any:
        """The value: an array or a traced value, not to be kept."""
        value = self.root.value
        if self.of is value:
            return self.memory
        index = self._index()
        if index is not None:
            found = value[index]
        else:
            found = self._shown_of(value)
        if self._is_memory() if type(value) is ndarray else self.root.opened is traces_now():
            self.memory, self.of = found, value
        return found

    def _shown_of(self, value: Any) -> Any:
        """The part of a value of the root's."""
        view = self.shows
        if view is None:
            return value
        if view.place is None or type(value) is not ndarray:
            return view.read(value)
        return views.laid_out(view, views.copied_as(self.root.layout(), value))

    def set_readonly(self) -> None:
        """Let this view of the array be written no more."""
        self._view = (self.shows or views.whole(self.root.shape)).but(readonly=True)

    def set_writable(self) -> None:
        """Let the array be written again, where this shows all of it."""
        view = self.shows
        if self.root.state & READONLY or view is None or not view.but(readonly=False).is_same(views.whole(self.root.shape)):
            raise ValueError("cannot set WRITEABLE flag to True of this array")
        self._view = None

    def _captured(self) -> Any:
        """The value for a traced operation, which may keep it."""
        root = self.root
        if type(root.value) is ndarray:
            if root.state & EXPOSED:
                return self._read().copy(order="K")
            root.state |= SHARED
        return self._read()

    def layout(self) -> ndarray:
        """An array that lies in memory like this one."""
        return views.laid_out(self.shows, self.root.layout())

    def is_c_ordered(self) -> bool:
        """Whether what NumPy computes of it is known to be in C order."""
        root, view = self.root, self.shows
        if root.state & UNSURE:
            return len(self.shape) < 2
        if root.strides is not None or (type(root.value) is ndarray and not root.value.flags.c_contiguous):
            return len(self.shape) < 2
        if view is None:
            return True
        return view.perm is view.dims is view.positions is None and all(type(a) is int or a.step > 0 for a in view.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        if self._view is None:
            return self.root.shape  # type: ignore[no-any-return]
        if self.of is self.root.value:
            return self.memory.shape  # type: ignore[no-any-return]
        return self.shows.shape  # type: ignore[union-attr]

    @shape.setter
    def shape(self, shape: Any) -> None:
        new = self.reshape(shape)
        if new.root is not self.root and not new.root.state & TAINTED and self.size:
            fix = "Use `.reshape()` to make a copy with the desired shape."
            raise AttributeError(f"Incompatible shape for in-place modification. {fix}")
        self.root, self._view, self.memory, self.of = new.root, new._view, new.memory, new.of
        self.root.state |= BASED

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        value = self.root.value
        if value.dtype.kind != "c" or self.of is value:
            return (self.memory if self.of is value else value).dtype
        return self._read().dtype

    __class__ = property(lambda self: TracedArray)

    def through(self, act: Callable[[Any], Any]) -> Any:
        """``act`` of this array, which may show its memory, by what NumPy makes of one that lies in memory alike."""
        root, value = self.root, self.root.value
        if type(value) is ndarray and root.strides is None and not root.state & (UNSURE | GAPS):
            found = act(self._read())
            if type(found) in (tuple, list):
                return type(found)([self.through(_part_of(act, i)) for i in range(len(found))])
            if type(found) is not ndarray:
                return wrap(found)
            if found is self.memory:
                return self
            if shows_memory(found, value) or not self._is_memory():
                return self._seen(act, found, value)
            return _cell(found)
        mine = self.layout()
        out = act(mine)
        if type(out) in (tuple, list):
            return type(out)([self.through(_part_of(act, i)) for i in range(len(out))])
        if out is mine:
            return self
        if type(out) is not ndarray:  # one number
            return wrap(act(self._captured()))
        view = views.shown(out, root.layout())
        if root.state & (UNSURE | GAPS) and self._depends_on_order(act):
            copied = _in_order(self._copied(act), UNSURE)
            root.origin.tie(copied.root)
            return copied
        if view is None:
            return _in_order(self._copied(act), root.state & UNSURE, out)
        outer = self.shows
        return Cell(root, view.but(readonly=True) if outer is not None and outer.readonly else view)

    def _seen(self, act: Any, found: ndarray, value: ndarray) -> Cell:
        """What an index or a function shows of this view of a plain root."""
        if self._is_memory():
            return Cell(self.root, (self.shows, act), found, value)
        seen = Cell(self.root, (self.shows, act))
        view = views.shown(_acted(act)(self.layout()), self.root.layout()) if found.size else None
        return seen if view is not None else _cell(found.copy(order="K"))

    def _copied(self, act: Callable[[Any], Any]) -> Any:
        found = act(self._captured())
        return _cell(found.copy(order="K") if type(found) is ndarray and shows_memory(found, self.root.value) else found)

    def _is_memory(self) -> bool:
        """Whether what is read of a plain root is its memory."""
        return self._view is None or self._index() is not None or self.shows.positions is None  # type: ignore[union-attr]

    def _is_memory_of_each(self) -> bool:
        """Whether no two elements of this view are one."""
        return self._index() is not None or self.shows.positions is None or not self.shows.repeats()  # type: ignore[union-attr]

    def _is_slice(self) -> bool:
        """Whether this is a part of an array that slices, or places, give."""
        if self._view is None or self._index() is not None:
            return self._view is not None or type(self.root) is Part
        view = self.shows
        return view is not None and view.positions is None and not view.part

    def _depends_on_order(self, act: Callable[[Any], Any]) -> bool:
        """Whether ``act`` would show the memory of an array in one order, and copy in another."""
        root, view = self.root, self.shows
        if view is not None and (view.dims is not None or view.positions is not None):
            return True
        kinds = set()
        for layout in root.layouts(views.telling_strides(view or views.whole(root.shape), root.shape)):
            kinds.add(np.may_share_memory(act(views.laid_out(view, layout)), layout.memory))
        return len(kinds) > 1

    # --- indexing ---

    def __getitem__(self, key: Any) -> Any:
        kind = type(key)
        is_known = kind is int or is_plain(key)
        if not is_known:
            key = settled(key)
            place = place_of(key)
            if place is not None and shows_part(place, len(self.shape)):
                return Cell(Part(Cell(self.root, self._view, self.memory, self.of), place))
            key = index_of(key)
            key = place if place is not None and has_traced(key) and not has_traced(place) else key
            kind = type(key)
        root = self.root
        value = root.value
        if type(value) is ndarray and (is_known or not has_traced(key)):
            memory = self._read()
            found = memory[key]
            if type(found) is not ndarray:
                return found
            if shows_memory(found, value) or (basic_key(key) is not None and not self._is_memory()):
                return self._seen(key, found, value)
            return wrap(found.copy(order="K") if found.base is memory else found)
        if self._view is None:
            if kind is slice and root.shape and is_known:
                return Cell(root, (None, key))
            if kind is int and len(root.shape) == 1:
                return make_scalar(value[key])
        basic = basic_key(key)
        if basic is not None:
            if len(basic) == len(self.shape) and are_integers(basic):
                return make_scalar(self._item(basic))
            if self._view is None:
                found = Cell(root, (None, key))
                views.indexed(views.whole(root.shape), basic)  # raises for an index out of bounds
                return found
            mine = self.shows or views.whole(self.root.shape)
            view = views.indexed(mine, basic)
            if view is None and root.state & (UNSURE | GAPS):
                view = views.indexed_by_position(mine, basic)
            return Cell(root, view) if view is not None else self.through(operator.itemgetter(basic))
        found = wrap(at(self._captured())[key].get() if has_traced(key) else self._read()[key])
        if len(found.shape) > 1 and found.size:
            strides = order_of_indexed(self.layout(), key, bool(root.state & UNSURE))
            found.root.strides = None if strides == views.c_strides(found.root.shape) else strides
            found.root.state |= UNSURE if strides is None else 0
        return found

    def _item(self, key: tuple[int, ...]) -> Any:
        """One element of a traced root, by one index into it."""
        if self.shows is not None:
            view = views.indexed(self.shows, key)
            return self._read()[key] if view is None else view.read(self.root.value)
        return self.root.value[key]

    def __setitem__(self, key: Any, new: Any) -> None:
        root = self.root
        is_other = type(new) is Cell and new.root is not root and type(new.root.value) is ndarray
        if (is_other or type(new) in SETTABLE) and type(root.value) is ndarray and self._is_free() and is_plain(key):
            self.memory[key] = new._read() if is_other else new
            return
        key = key if is_plain(key) else settled(key)
        new = without_flat(list(new) if type(new) is deque else new)
        if type(new) is Cell and (new.root is root or new.root.origin is root.origin):
            if self._is_same_place(key, new):
                self.check_write()
                return
            _check_exchange(sys._getframe(1), has_mask(index_of(key)) or self._is_read_late(key, new))
        elif issubclass(type(new), (list, tuple)) and self._is_read_in_turn(key, new):
            raise written_in_turn()
        index = index_of(key)
        if has_complex_number(new) and not has_traced(index):
            self.layout()[index]  # which NumPy looks at before
        check_real(new, self)
        self._write(index, unwrap(as_given(new)))

    def _is_free(self) -> bool:
        """Whether a plain root can be written through the memory at hand, with nothing to be looked at."""
        root = self.root
        if root.state or self.of is not root.value or root.opened is not traces_now() or not self.memory.flags.writeable:
            return False
        view = self._view[0] if type(self._view) is tuple else self._view
        return view is None or not view.readonly

    def _is_same_place(self, key: Any, part: Cell) -> bool:
        """Whether a part of the array is what it has at an index, as that is which ``u[k] += w`` writes in the end."""
        if part.root is not self.root:
            return type(part.root) is Part and part._view is None and part.root.is_at(self, key)
        index = part._index()
        if self._view is None and index is key:
            return True
        basic = basic_key(index_of(key))
        if basic is None:
            return False
        if index is not None and self._view is None and basic_key(index) == basic:
            return True
        outer, inner = (v or views.whole(self.root.shape) for v in (self.shows, part.shows))
        place = views.indexed(outer, basic)
        return place is not None and place.is_same(inner)

    def _is_read_late(self, key: Any, part: Cell) -> bool:
        """Whether NumPy, writing a part of the array at an index, reads of it what it has written before."""
        place = place_of(key) if part.root is not self.root or not is_plain(key) else ()
        if part.root is not self.root or has_traced(place):
            return place is not None and may_be_read_late(self[key], part)
        index = part._index()
        if type(key) is type(index) is slice and len(self.root.shape) == 1 and self._view is None and key.step == index.step:
            return False
        key = unwrap(key)
        return basic_key(key) is not None and views.is_read_late(self.layout()[key], part.layout())

    def _is_read_in_turn(self, key: Any, values: Any) -> bool:
        """Whether a list has arrays in it that NumPy, which writes one after the other, reads after it has written there."""
        parts = [x for x in arrays_in(values) if of_one_root(x, self)]
        place = place_of(key) if parts else None
        if place is None:
            return False
        if has_traced(place) or any(x.root is not self.root for x in parts):
            return True
        written = self.layout()[place]
        return any(np.shares_memory(written, x.layout()) for x in parts)

    def _write(self, key: Any, new: Any, how: str = "set") -> None:
        """Write a value, or add it (``how``), at an index, both without cells in them."""
        root, index = self.root, self._index()
        self.check_write(new)
        value = root.value
        if type(root) is Part and self._view is None and key is ALL:
            root.cell._write(root.key, convert(new, self), how)
            return
        if type(value) is ndarray:
            if not has_traced(new) and not has_traced(key):
                _write_plain(root, self, key, new)
                return
            if root.state & EXPOSED:
                value = value.copy(order="K")
        basic = basic_key(key)
        new = convert(new, self)
        if self._view is None and basic is not None:
            root.replace(at_index(value, basic, new, how))
        elif index is not None and key is ALL:
            root.replace(at_index(value, basic_key(index), new, how))
        else:
            self._write_view(value, key, basic, new, how)

    def check_write(self, new: Any = None) -> None:
        """Raise where a write through this view would not mean what it means in NumPy."""
        self.root.check_write(new)
        if self._view is not None and self._index() is None and self.shows.readonly:  # type: ignore[union-attr]
            raise ValueError("assignment destination is read-only")

    def _write_view(self, value: Any, key: Any, basic: Any, new: Any, how: str) -> None:
        root, view = self.root, self.shows
        place = None if basic is None else view if key is ALL else views.indexed(view or views.whole(self.root.shape), basic)
        if view is not None and view.positions is not None and place is None:
            place = views.picked(view, None if has_traced(key) else key)
        if place is not None:
            root.replace(place.write(value, stripped(new, place.shape, self.dtype, key), how))
            return
        part = value if view is None else view.read(value)
        if has_traced(key):
            where = place_of(key)
            shape = shape_of(new) if where is None else laid_out_at(self, where).shape
        else:
            shape = self.layout()[key].shape
        part = getattr(at(part)[key], how)(stripped(new, shape, value.dtype, key))
        root.replace(part if view is None else view.write(value, part))

    def _assign(self, new: Any) -> Cell:
        """Let the array hold other values, of its shape."""
        if self._view is not None and not self._is_memory_of_each():
            raise shown_twice()
        self._write(ALL, new)
        return self

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise TypeError("len() of unsized object")
        return shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __delitem__(self, key: Any) -> None:
        raise ValueError("cannot delete array elements")

    def __contains__(self, x: Any) -> bool:
        return bool(np.any(self == x))

    # --- memory ---

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        value = self._read()
        if isinstance(value, TracerBase):
            if "__array__" in sys._getframe(1).f_code.co_names:  # Python code calls it by name, and not C
                return self if dtype is None else self.astype(dtype)
            refuse_store(value, sys._getframe(1))
        return np.array(self._plain(), dtype, copy=copy)

    def _plain(self) -> ndarray:
        """The memory of a plain array, for code that may keep it; a traced one is refused."""
        value = self._read()
        if isinstance(value, TracerBase):
            return np.array(value)  # refused, with what it was for
        root = self.root
        if root.state & SHARED or not root.value.flags.writeable or root.value.base is not None:
            root.state |= SHARED
            root.writable()
            value = self._read()
        if not self._is_memory():
            value.setflags(write=False)
        root.state |= EXPOSED
        return value.view()  # type: ignore[no-any-return]  # not the cell's own, so that who holds it is seen


SETTABLE = frozenset({int, float, np.float64, np.int64, bool, np.bool_})


def of_one_root(a: Any, b: Any) -> bool:
    """Whether two values are arrays of lifted code that have their memory of one."""
    return type(a) is type(b) is Cell and a.root.origin is b.root.origin


def shows_memory(found: ndarray, of: Any) -> bool:
    """Whether an array shows memory of another."""
    if type(of) is not ndarray:
        return False
    return owner_of(found) is owner_of(of) or (found.base is not None and np.may_share_memory(found, of))


def owner_of(array: ndarray) -> Any:
    return array if array.base is None else array.base


def _in_order(result: Any, state: int, like: ndarray | None = None) -> Any:
    """A new array with the note how it lies in memory."""
    if type(result) is Cell:
        result.root.state |= state if len(result.root.shape) > 1 else state & ~UNSURE
        if like is not None and not like.flags.c_contiguous:
            result.root.strides = views.strides_of(like.copy(order="K"))
    return result


def arrays_in(values: Any) -> list[Any]:
    """The arrays, also plain ones, in nested lists, tuples and dictionaries."""
    found = []
    for x in values:
        kind = type(x)
        if kind is Cell or kind is ndarray:
            found.append(x)
        elif issubclass(kind, (list, tuple)):
            found += arrays_in(x)
        elif kind is dict:
            found += arrays_in(x.values())
    return found


def _write_plain(root: Root, cell: Cell, key: Any, new: Any) -> None:
    root.writable()
    memory = cell._read()
    if cell._is_memory():
        memory[key] = new
        return
    whole = views.copied_as(root.layout(), root.value)
    views.laid_out(cell.shows, whole)[key] = new
    root.value[...] = whole.array


def _check_exchange(frame: Any, is_read_late: bool) -> None:
    """Raise where code in C exchanges rows as if the array were a list, and where NumPy reads what it has written."""
    if is_read_late:
        raise written_over()
    if frame.f_code.co_code[frame.f_lasti] not in STORES:
        raise errors.InPlaceWriteError(
            "compiled code exchanges parts of an array as if it were a list (np.random.shuffle does).",
            why="the parts are views, and the first write changes the second",
            fix="x = x[rng.permutation(len(x))]",
        )


def _cell(value: Any) -> Cell:
    state = READONLY if type(value) is ndarray and not value.flags.writeable else 0
    return Cell(Root(value, state), None, value, value)


register_lifted("array", Cell, _cell)
