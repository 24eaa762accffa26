"""The methods of arrays that show or change their memory."""

from __future__ import annotations

import gc
import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, shape_of
from covector.core.primitive import TracerBase
from covector.lifting import views
from covector.lifting.cells import Cell, of_one_root
from covector.lifting.indices import index_of, settled, stripped
from covector.lifting.lifted import (
    ALL,
    as_cell,
    as_operand,
    convert,
    has_traced,
    not_real,
    register_lifted,
    register_method,
    unwrap,
    without_flat,
    wrap,
)
from covector.lifting.order import copied, in_order
from covector.lifting.refusals import BY_ORDER
from covector.lifting.roots import BASED, GAPS, READONLY, TAINTED, UNSURE
from covector.lifting.scalars import FROM_2_5, check_real, has_complex_number
from covector.numpy.at import at
from covector.numpy.registry import as_array


def method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a method of cells."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        register_method(Cell, name, function)
        return function

    return register


# --- views ----------------------------------------------------------------------------------------------------------------


@method("transpose")
def transpose(cell: Cell, *axes: Any) -> Any:
    """The axes in another order: a view."""
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes or None
    ndim = len(cell.shape)
    order = tuple(range(ndim))[::-1] if given is None else tuple([operator.index(a) for a in given])
    if sorted(a % ndim if ndim else a for a in order) == list(range(ndim)):
        view = views.transposed(cell.shows or views.whole(cell.root.value.shape), tuple([a % ndim for a in order]))
        if view is not None:
            return Cell(cell.root, view)
    return cell.through(lambda v: np.transpose(v, order))


register_method(Cell, "T", property(transpose))
register_method(Cell, "mT", property(lambda cell: np.matrix_transpose(cell)))


@method("swapaxes")
def swapaxes(cell: Cell, axis1: int, axis2: int) -> Any:
    """Two axes exchanged: a view."""
    axes = list(range(len(cell.shape)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(cell, axes)


@method("reshape")
def reshape(cell: Cell, *shape: Any, order: Any = "C", copy: bool | None = None) -> Any:
    """The elements in another shape: a view where NumPy gives one."""
    shape = unwrap(shape[0] if len(shape) == 1 else shape)
    if order == "A":
        order = _order_of(cell, "reshape")
    if copy:
        found = np.reshape(cell._captured(), shape, order=order)
        return wrap(found.copy("K") if type(found) is ndarray else found)
    found = cell.through(lambda v: np.reshape(v, shape, order=order))
    is_copy = type(found) is Cell and found.root is not cell.root and not found.root.state & TAINTED
    if copy is False and is_copy and cell.size:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return found


@method("ravel")
def ravel(cell: Cell, order: Any = "C") -> Any:
    """The elements along one axis: a view where NumPy gives one."""
    if order == "K":
        _check_known(cell, "ravel")
        strides = cell.layout().strides
        repeats = [n > 1 and not s for n, s in zip(cell.shape, strides, strict=True)]
        if isinstance(cell.root.value, TracerBase) and any(repeats) and len(cell.shape) > 1:
            what = "ravel with order 'K' of an array that repeats its elements in memory."
            raise errors.UnsupportedFunctionError(what, why="it goes by the order in memory", fix="name the order: 'C' or 'F'")
        axes = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
        return cell.through(lambda v: np.ravel(v, "K") if type(v) is ndarray else np.ravel(np.transpose(v, axes)))
    order = _order_of(cell, "ravel") if order == "A" else order
    return cell.through(lambda v: np.ravel(v, order=order))


@method("flatten")
def flatten(cell: Cell, order: Any = "C") -> Any:
    """A copy of the elements along one axis."""
    if order in ("C", "F"):
        return wrap(np.ravel(cell._captured(), order).copy())
    found = ravel(cell, order)
    return found.copy() if found.root is cell.root else found


def _order_of(cell: Cell, what: str) -> Any:
    """The order "C" or "F" that "A" means for an array."""
    _check_known(cell, what)
    return "F" if cell.layout().flags.fnc else "C"


def _check_known(cell: Cell, what: str) -> None:
    if len(cell.shape) > 1:
        check_known_order(cell, what)


def check_known_order(cell: Cell, what: str) -> None:
    """Raise for what depends on the order in memory of an array where that is not known."""
    if cell.root.state & (UNSURE | GAPS):
        what = f"{what} with order 'A' or 'K' of a traced array."
        raise errors.UnsupportedFunctionError(what, why=BY_ORDER, fix="name the order: 'C' or 'F'")


@method("squeeze")
def squeeze(cell: Cell, axis: Any = None) -> Any:
    """Without axes of length 1: a view."""
    return cell.through(lambda v: np.squeeze(v, axis))


@method("diagonal")
def diagonal(cell: Cell, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal: a view, read-only as NumPy's."""
    return cell.through(lambda v: np.diagonal(v, offset, axis1, axis2))


@method("view")
def view_as(cell: Cell, dtype: Any = None, type: Any = None) -> Any:
    """The array once more; its bits as another dtype only where they are known."""
    is_class = inspect.isclass(dtype) and issubclass(dtype, np.ndarray)
    if dtype is None or dtype is np.ndarray or (not is_class and np.dtype(dtype) == cell.dtype):
        return Cell(cell.root, cell._view, cell.memory, cell.of)
    value = cell._read()
    if isinstance(value, TracerBase):
        return value.view(dtype)  # type: ignore[attr-defined]
    memory = cell._plain()
    return memory.view(dtype) if type is None else memory.view(dtype, type)


def _real(cell: Cell) -> Any:
    return cell.through(lambda v: v.real) if cell.dtype.kind == "c" else cell


def _imag(cell: Cell) -> Any:
    if cell.dtype.kind == "c":
        return cell.through(lambda v: v.imag)
    zeros = np.zeros_like(cell.layout(), cell.dtype, order="A")
    zeros.setflags(write=False)
    found = wrap(zeros)
    found.root.state |= cell.root.state & (UNSURE | GAPS)
    return found


def _set_part(part: Callable[[Cell], Any]) -> Callable[[Cell, Any], None]:
    def write(cell: Cell, new: Any) -> None:
        if part is _imag and cell.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        shown = part(cell)
        if FROM_2_5:
            shown[...] = new
        else:
            shown._write(ALL, as_array(as_operand(new)))  # a number as an array, of which a part is cut

    return write


register_method(Cell, "real", property(_real, _set_part(_real)))
register_method(Cell, "imag", property(_imag, _set_part(_imag)))


SHORT_FLAGS = {"C": "c_contiguous", "F": "f_contiguous", "W": "writeable", "O": "owndata"}


class Flags:
    """``x.flags``: how an array lies in memory, and whether it can be written."""

    def __init__(self, cell: Cell):
        self.__dict__["_cell"] = cell

    def __getattr__(self, name: str) -> Any:
        if name == "writeable":
            cell = self._cell
            return not (cell.root.state & READONLY or (cell.shows is not None and cell.shows.readonly))
        if name == "owndata" or (self._cell.root.state & (UNSURE | GAPS) and name not in ("aligned", "writebackifcopy")):
            what = f"x.flags.{name} was asked for of a traced array of which that is not known."
            raise errors.UnsupportedFunctionError(what, fix="x = x.copy(order='C') before")
        seen = self._cell.layout().view()
        seen.flags.writeable = seen.flags.writeable and self.writeable
        return getattr(seen.flags, name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, SHORT_FLAGS.get(name, name.lower()))

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "writeable":
            setflags(self._cell, write=value)
        else:
            what = f"x.flags.{name} was set, which is not supported in lifted code."
            raise errors.UnsupportedFunctionError(what, why="")

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, SHORT_FLAGS.get(name, name.lower()), value)


register_method(Cell, "flags", property(Flags))


def _strides(cell: Cell) -> tuple[int, ...]:
    size = cell.dtype.itemsize
    return tuple([s * size for s in views.strides_of(cell.layout())])


register_method(Cell, "strides", property(_strides))
register_method(Cell, "data", property(lambda cell: cell._plain().data))


def _base(cell: Cell) -> Any:
    root = cell.root
    if type(root.value) is ndarray and root.value.base is None and not root.state & BASED and cell.size:
        if cell.shows is None:
            return None
        wholes = [x for x in gc.get_referrers(root) if type(x) is Cell and x.shows is None]
        if len(wholes) < 2:
            return wholes[0] if wholes else Cell(root)
    what = "x.base was asked for: what an array is a view of has no one object that stands for it."
    raise errors.UnsupportedFunctionError(
        what, fix="np.shares_memory(x, y) tells whether a write is seen; x.copy() is a new array"
    )


register_method(Cell, "base", property(_base))


@method("setflags")
def setflags(cell: Cell, write: bool | None = None, align: Any = None, uic: Any = None) -> None:
    """Let an array be written no more through this view; what cannot be written now stays so."""
    if write is False:
        cell.set_readonly()
    elif write and not cell.flags.writeable:
        cell.set_writable()


# --- copies ---------------------------------------------------------------------------------------------------------------


@method("copy")
def copy(cell: Cell, order: Any = "C") -> Any:
    """A copy in memory of its own."""
    value = cell._captured()
    return copied(as_cell(value.copy(order) if type(value) is ndarray else value), cell, order)


@method("astype")
def astype(cell: Cell, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """The values in another dtype; the array itself where that is the same and no copy is asked for."""
    dtype = np.dtype(dtype)
    if not copy and dtype == cell.dtype:
        found = cell if order == "K" else in_order(cell, *("CF" if order == "A" else order))
        if found is not None:
            return found
    value = cell._captured()
    if not isinstance(value, TracerBase) or dtype.kind not in "biufc":
        found = np.asarray(value).astype(dtype, order, casting, subok, copy)
        return copied(as_cell(found.copy(order="K") if np.may_share_memory(found, value) else found), cell, order)
    if not np.can_cast(cell.dtype, dtype, casting):
        raise TypeError(f"Cannot cast array data from {cell.dtype!r} to {dtype!r} according to the rule {casting!r}")
    return copied(as_cell(convert(value, np.empty((), dtype))), cell, order)


# --- writes ---------------------------------------------------------------------------------------------------------------


@method("fill")
def fill(cell: Cell, value: Any) -> None:
    """Write one value everywhere."""
    check_real(value, cell)
    cell._write(ALL, stripped(as_operand(value), (), cell.dtype))


@method("put")
def put(cell: Any, indices: Any, values: Any, mode: Any = "raise") -> None:
    """Write values at flat places."""
    np.put(cell, indices, values, mode)


@method("sort")
def sort(cell: Cell, axis: int = -1, kind: Any = None, order: Any = None) -> None:
    """Sort in place."""
    axis = operator.index(axis)
    cell._assign(np.sort(cell._captured(), axis))


@method("partition")
def partition(cell: Cell, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
    """Partition in place."""
    cell._assign(np.partition(cell._captured(), unwrap(kth), axis))


@method("resize")
def resize(cell: Cell, *shape: Any, refcheck: bool = True) -> None:
    """Refused: it changes the size of memory that views show."""
    raise errors.InPlaceWriteError("x.resize(...) changes memory in place.", fix="x = np.resize(x, shape)")


def _not_one_item() -> ValueError:
    return ValueError("Error setting single item of array.")


def _at(elements: Any, key: Any) -> Any:
    """The elements along one axis at an index, which may be traced."""
    return at(elements)[key].get() if has_traced(key) else elements[key]


class Flat:
    """``x.flat``: the elements in C order, whatever the order in memory."""

    def __init__(self, cell: Cell):
        self.base, self.index = cell, 0

    def _read(self) -> Any:
        """The elements along one axis."""
        return np.reshape(self.base._read(), (-1,))

    def _captured(self) -> Any:
        """The same, which a trace may keep."""
        return np.reshape(self.base._captured(), (-1,))

    def __getitem__(self, key: Any) -> Any:
        self.index = 0  # as NumPy's begins anew
        return self._element(key)

    def _element(self, key: Any) -> Any:
        found = _at(self._captured(), index_of(settled(key)))
        return wrap(found.copy() if type(found) is ndarray else found)

    def __setitem__(self, key: Any, new: Any) -> None:
        new = without_flat(new)
        if of_one_root(new, self.base) and new.shape:
            why = "NumPy writes element after element, and what it reads has been written before"
            what = "x.flat[...] was to be written with a part of x itself."
            raise errors.InPlaceWriteError(what, why=why, fix="write a copy: x.flat[...] = x[...].copy()")
        self.index = 0
        is_cut = has_complex_number(new) and self.base.dtype.kind not in "cb"
        new, key = as_operand(new), index_of(settled(key))
        value = self.base._captured()
        if type(value) is ndarray and not has_traced(new) and not has_traced(key):
            value = value.copy(order="K")
            value.flat[key] = new
            self.base._assign(value)
            return
        places = _at(np.arange(len(self)), key)
        if is_cut:
            raise not_real() if places.ndim else _not_one_item()
        if type(new) in PYTHON_NUMBERS or (type(new) is list and places.ndim):
            try:
                new = convert(new, self.base)
            except (OverflowError, ValueError) as error:
                raise error if places.ndim else _not_one_item() from None
        if not places.ndim and shape_of(new):
            if self.base.dtype.kind == "b":
                raise errors.InPlaceWriteError("an array was to be written into one boolean.", fix="np.any or np.all of it")
            raise _not_one_item()
        new = np.reshape(as_array(new), (-1,))
        if places.ndim and not new.shape[0]:
            return
        if places.ndim and new.shape[0] != places.size:  # NumPy repeats them
            new = np.resize(new, places.size) if not has_traced(new) else np.take(new, np.arange(places.size) % new.shape[0])
        elif not places.ndim:
            new = new[0]
        self.base._assign(np.reshape(at(self._captured())[places].set(convert(new, self.base)), self.base.shape))

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            raise StopIteration
        self.index += 1
        return self._element(self.index - 1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.array().__array__(dtype, copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*[x.array() if type(x) is Flat else x for x in inputs], **options)

    def array(self) -> Any:
        """The elements as an array: one that shows them, where they follow each other in memory, else one that is read-only."""
        found = self.base.reshape(-1)
        if found.root is not self.base.root and not found.root.state & TAINTED:
            found.root.state |= READONLY
        return found

    def copy(self) -> Any:
        """The elements in an array."""
        return self[:]

    def __eq__(self, other: object) -> Any:
        return wrap(self._captured()) == other

    __hash__ = None  # type: ignore[assignment]


register_lifted("flat", Flat)
register_method(Cell, "flat", property(Flat, lambda cell, new: Flat(cell).__setitem__(slice(None), new)))
