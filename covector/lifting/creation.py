"""NumPy's functions that make arrays, and those that convert to arrays: in lifted code they make cells.

They do not dispatch on their arguments, so modules are given these in their place (`covector.lifting.rebinding`).
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import sys
from collections import UserList, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

import covector.numpy
from covector.core import errors
from covector.core.avals import dtype_of, shape_of
from covector.core.primitive import TracerBase
from covector.lifting.active import StandsFor, is_active
from covector.lifting.cells import Cell, arrays_in, owner_of, shows_memory
from covector.lifting.functions import SHOW_MEMORY, apply, as_strided
from covector.lifting.lifted import (
    FUNCTIONS,
    LIFTED,
    NUMBERS,
    as_cell,
    as_given,
    as_number,
    as_operand,
    convert,
    has_lifted,
    has_traced,
    is_simple,
    known,
    not_real,
    unwrap,
    wrap,
)
from covector.lifting.memory import memory_of
from covector.lifting.methods import Flat, check_known_order
from covector.lifting.order import as_function, copied, in_order, like_operands
from covector.lifting.roots import GIVEN, TAINTED, Root
from covector.lifting.scalars import beside_each_other, check_real, has_complex_number
from covector.numpy.registry import as_array
from covector.primitives.arrays.shaping import strengthened

FRESH = """
    zeros ones empty eye identity tri arange indices fromfunction fromstring frombuffer loadtxt genfromtxt
    hanning hamming blackman bartlett kaiser matmul
""".split()
"""Functions that make arrays and do not dispatch: what they make is a cell."""


def _maker(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose result is a new cell, also of plain arrays, and whose lists are arrays."""
    of_sequences = original.__name__ in OF_SEQUENCES

    def make(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and all(map(is_simple, args)):
            return fresh(original(*args))
        if has_lifted(args) or has_lifted(kwargs):
            given = as_given if of_sequences else array_of_list
            return _of_cells(original, tuple(map(given, args)), {k: x if k == "out" else given(x) for k, x in kwargs.items()})
        if any(_has_own_array(x) for x in args):
            return make(*map(as_given, args), **kwargs)
        return fresh(original(*args, **kwargs), (args, kwargs))

    return make


def _has_own_array(x: Any) -> bool:
    return as_given(x) is not x if hasattr(type(x), "__array__") else False


def array_of_list(x: Any) -> Any:
    """An array of a list with traced values in it, or of an object that has one; anything else itself."""
    x = x.array() if type(x) is Flat else as_given(x)
    return _array_of(x) if type(x) in (list, tuple, deque) else x


def _of_cells(original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What dispatches on cells does so; the others get the values (a length of an array, say)."""
    if hasattr(original, "_implementation") or isinstance(original, np.ufunc):
        found = _asked(original, args, kwargs)
        if type(found) is ndarray and any(found is x for x in arrays_in((args, kwargs))):  # an outer array, given as out=
            return found
        return found if args and isinstance(args[0], TracerBase) and original in SHOW_MEMORY else wrap(found)
    values, options = unwrap(list(args)), unwrap(kwargs)
    if original is np.arange:
        return wrap(_arange(*values, **options))
    ours = getattr(covector.numpy, original.__name__, None)
    if ours not in (None, original) and has_traced((values, options)):
        return wrap(ours(*values, **options))
    memories = [memory_of(x, f"numpy.{original.__name__}") for x in args]
    return fresh(original(*memories, **options), (memories, options))


def _asked(original: Any, args: Any, kwargs: Any) -> Any:
    """A function that asks its arguments what it means: also those that NumPy does not ask, as what is in lists."""
    is_asked = args and type(args[0]) in LIFTED
    if is_asked or isinstance(original, np.ufunc) or kwargs.get("out") is not None or any(map(_decides_itself, args)):
        return original(*args, **kwargs)
    meaning = FUNCTIONS.get(original) or (lambda *args, **kwargs: apply(original, args, kwargs))
    return meaning(*args, **kwargs) if has_traced((unwrap(list(args)), unwrap(kwargs))) else original(*args, **kwargs)


def _decides_itself(x: Any) -> bool:
    """Whether an argument, or one in a list of them, is of another package's that says what functions of NumPy's mean."""
    if type(x) is list or type(x) is tuple:
        return any(map(_decides_itself, x))
    return hasattr(type(x), "__array_function__") and not issubclass(type(x), (*LIFTED, ndarray, TracerBase))


def fresh(result: Any, given: Any = ()) -> Any:
    """New arrays as cells; what shows memory of an argument stays as it is."""
    if type(result) in (tuple, list):
        return type(result)([fresh(x, given) for x in result])
    if type(result) is not ndarray or not result.flags.writeable or type(owner_of(result)) is not ndarray:
        return result
    return result if any(shows_memory(result, x) for x in arrays_in(given)) else wrap(result)


def _arange(*bounds: Any, **more: Any) -> Any:
    """``numpy.arange``, of as many numbers as the known values of its bounds say."""
    plain: Callable[[Any], Any] = lambda x: x if known(x) is None else known(x)
    counted = np.arange(*map(plain, bounds), **{name: plain(x) for name, x in more.items()})
    has_stop = more.get("stop", bounds[1] if len(bounds) > 1 else None) is not None
    start = bounds[0] if bounds and has_stop else more.get("start")
    step = bounds[2] if len(bounds) > 2 else more.get("step")
    if counted.dtype.kind not in "fc" or not has_traced([start, step]):
        return counted
    numbers = np.arange(len(counted)) * (1 if step is None else step)
    return np.astype(numbers if start is None else start + numbers, counted.dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **more: Any) -> Any:
    """``numpy.full``, also of a traced value."""
    shape, value = unwrap(shape), as_operand(fill_value)
    if not has_traced(value):
        return wrap(np.full(shape, value, dtype, order, **more))
    value = as_array(value) if dtype is None else convert(strengthened(value), np.empty((), dtype))
    return as_cell(np.broadcast_to(value, tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)))


# --- conversions ----------------------------------------------------------------------------------------------------------

CONVERTERS = "array asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite require".split()


COPY_MODES = {np._CopyMode.ALWAYS: True, np._CopyMode.IF_NEEDED: None, np._CopyMode.NEVER: False}
"""What packages that know older versions of NumPy write in their place."""


def _converter(name: str) -> Callable[..., Any]:
    original = getattr(np, name)
    parameters = inspect.signature(original).parameters if name in ("asarray_chkfinite", "require") else {}

    def converted(a: Any = None, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if name == "array" and "object" in kwargs:
            a = kwargs.pop("object")
        a = _listed(a)
        kind = type(a)
        if kind is ndarray or kind in NUMBERS or not (kind in LIFTED or has_lifted(a)):
            found = original(a, dtype, *args, **kwargs)
            is_other = not (kind is ndarray or kind in NUMBERS or kind is list or kind is tuple)  # which may have its memory
            return found if is_other and name != "array" else fresh(found, (a,))
        given = dict(zip(list(parameters)[2:], args, strict=False)) | kwargs
        if args and not parameters:
            given["copy" if name == "array" else "order"] = args[0]
        if "copy" in given:
            given["copy"] = COPY_MODES.get(given["copy"], given["copy"])
        if name == "asarray_chkfinite":
            _check_finite(a)
        found = _converted(a, dtype, *_asked_for(name, given, a))
        if given.get("copy") is False and not _may_show(found, a):
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return found

    return converted


def _may_show(found: Any, a: Any) -> bool:
    """Whether an array is another one, or a view of it in some order in memory."""
    return found is a or (type(found) is type(a) is Cell and (found.root is a.root or bool(found.root.state & TAINTED)))


def _for_numpy(convert: Callable[..., Any]) -> Callable[..., Any]:
    """The same; but in an object's method ``__array__``, which C code of NumPy's asks, it gives the memory of the array."""

    def converted(*args: Any, **kwargs: Any) -> Any:
        found = convert(*args, **kwargs)
        frame = sys._getframe(2)  # past the one that asks whether lifted code runs
        asks = frame.f_back if frame.f_code.co_name == "__array__" else None
        if asks is None or type(found) is not Cell or asks.f_code is as_given.__code__ or "__array__" in asks.f_code.co_names:
            return found
        return found._plain()

    return converted


def _asked_for(name: str, given: dict[str, Any], a: Any) -> tuple[str, bool, int]:
    """The order that a converter is asked for, whether it is to copy, and the least number of axes."""
    if name == "require":
        wanted = given.get("requirements") or ()
        letters = {str(r).upper()[0] for r in ([wanted] if type(wanted) is str else wanted)}
        order = "F" if "F" in letters else "C" if "C" in letters else "A" if letters else "K"
        if type(a) is not Cell:
            return order, False, 0
        is_view = a.shows is not None or bool(a.root.state & GIVEN)
        return order, ("W" in letters and not a.flags.writeable) or ("O" in letters and is_view), 0
    if name in ("ascontiguousarray", "asfortranarray"):
        return "F" if name == "asfortranarray" else "C", False, 1
    copy = given.get("copy", name == "array")
    copies = copy is True or (name == "array" and copy not in (None, False))
    return given.get("order") or "K", copies, given.get("ndmin", 0)


def _converted(a: Any, dtype: Any, order: str, copy: bool, ndmin: int) -> Any:
    """An array of a cell, a number, or what has such in it."""
    if type(a) is Flat:
        a, copy = a.array(), False  # NumPy copies it no more than that
    if type(a) is Cell and not copy and (dtype is None or np.dtype(dtype) == a.dtype):
        a = a[(None,) * (ndmin - len(a.shape))] if ndmin > len(a.shape) else a
        found = in_order(a, order) if order in ("C", "F") else a
        if found is not None:
            return found
    if isinstance(a, TracerBase) and not copy and shape_of(a) and (dtype is None or np.dtype(dtype) == dtype_of(a)):
        return a  # others may hold it, and would not see a write
    value = listed(a)
    if not has_traced(value):
        return wrap(np.array(value, dtype, order=order, ndmin=ndmin))  # type: ignore[call-overload]
    if dtype is not None and np.dtype(dtype).kind not in "biufc":
        what = f"an array of dtype {np.dtype(dtype)} was asked for, of traced values."
        raise errors.TracerArrayConversionError(what, fix="keep them in a list")
    found = as_array(value)
    if dtype is not None:
        if found.dtype.kind == "c" and np.dtype(dtype).kind not in "cb" and has_complex_number(_listed(a)):
            raise not_real()
        found = convert(found, np.empty((), dtype))
    cell = copied(Cell(Root(found)), a, order)
    return cell if len(cell.shape) >= ndmin else cell[(None,) * (ndmin - len(cell.shape))]


def _listed(a: Any) -> Any:
    """What may hold cells as a list; anything else itself."""
    return list(a) if isinstance(a, (deque, UserList, type({}.values()), type({}.keys()))) else as_given(a)


def listed(a: Any) -> Any:
    """The value of nested lists, also where other sequences are in them."""
    a = _listed(a)
    if issubclass(type(a), (list, tuple)):
        return [x if type(x) in NUMBERS else listed(x) for x in a]
    return unwrap(a)


def _check_finite(a: Any) -> None:
    values = known(unwrap(a))
    if values is not None and not has_traced(values) and not np.isfinite(values).all():
        raise ValueError("array must not contain infs or NaNs")


# --- objects that make arrays, and iterate --------------------------------------------------------------------------------


class Joiner(StandsFor):
    """``np.r_`` and ``np.c_``."""

    def __init__(self, name: str):
        self._original, self._ours = getattr(np, name), getattr(covector.numpy, name)

    def __getitem__(self, key: Any) -> Any:
        if not is_active():
            return self._original[key]
        values = unwrap(tuple(beside_each_other(key)) if type(key) is tuple else key)
        traced = has_traced(values)
        found = self._ours[values] if traced else self._original[values]
        return as_function(wrap(found), [key]) if traced else fresh(found, values if type(values) is tuple else (values,))


class Vectorize(np.vectorize):
    """``np.vectorize``, whose function is called with what stands for the elements."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(array_of_list, args)), {k: array_of_list(x) for k, x in kwargs.items()}
        values, options = unwrap(list(args)), unwrap(kwargs)
        if not has_traced((values, options)):
            return fresh(super().__call__(*values, **options)) if has_lifted(args) else super().__call__(*args, **kwargs)
        if self.signature is not None:
            what = "np.vectorize with a signature is not supported on traced values."
            raise errors.UnsupportedFunctionError(what, fix="use covector.vmap")
        found = self._of_elements(values, options)
        copies = [x.copy("K") if type(x) is Cell else x for x in (*args, *kwargs.values())]  # NumPy makes objects of them
        return like_operands(found, *copies)

    def _of_elements(self, values: list[Any], options: dict[str, Any]) -> Any:
        every: dict[Any, Any] = dict(enumerate(values)) | options
        looped = [k for k in every if k not in self.excluded]
        shape = np.broadcast_shapes(*[np.shape(every[k]) for k in looped])
        flat = {k: np.reshape(np.broadcast_to(as_array(every[k]), shape), (-1,)) for k in looped}

        def outputs(j: int, element: Callable[[Any], Any]) -> tuple[Any, ...]:
            now = {k: element(flat[k][j]) if k in flat else wrap(x) for k, x in every.items()}
            found = unwrap(self.pyfunc(*[now[i] for i in range(len(values))], **{k: now[k] for k in options}))
            return found if isinstance(found, tuple) else (found,)

        def joined(column: list[Any], dtype: Any) -> Any:
            like = np.empty((), dtype)
            found = [convert(x, like) for x in column]
            return as_cell(np.reshape(np.stack(found) if found else np.empty(0, dtype), shape))

        numbers = range(math.prod(shape))
        if not (self.otypes or numbers):
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        first = [] if self.otypes else [outputs(0, wrap)]  # which is called once more, unless it is kept
        types: Any = list(self.otypes) if self.otypes else [as_array(x).dtype for x in first[0]]
        kept = first if self.cache else []
        rows = kept + [outputs(j, _python_number) for j in numbers[len(kept) :]]
        columns = [joined([row[i] for row in rows], dtype) for i, dtype in enumerate(types)]
        return columns[0] if len(columns) == 1 else tuple(columns)


def _python_number(x: Any) -> Any:
    """An element as Python's number, as arrays of objects have them."""
    return as_number(x) if isinstance(x, TracerBase) else x.item()


def vectorized(original: np.vectorize) -> Vectorize:
    """The same as an instance of `Vectorize`, of what a module has made before."""
    other = Vectorize.__new__(Vectorize)
    other.__dict__.update(original.__dict__)
    return other


def ndenumerate(arr: Any) -> Iterator[Any]:
    """``numpy.ndenumerate``."""
    if type(arr) not in LIFTED:
        return np.ndenumerate(unwrap(arr))
    return ((i, arr[i]) for i in np.ndindex(arr.shape))


class Nditer:
    """``numpy.nditer`` over one cell, element by element; each is a view, which can be written."""

    def __init__(self, op: Cell, flags: Any = (), op_flags: Any = (), *args: Any, **kwargs: Any):
        if set(flags) - {"multi_index", "refs_ok", "zerosize_ok"}:
            what = "np.nditer with these flags is not supported on traced values."
            raise errors.UnsupportedFunctionError(what, fix="loop over np.ndindex(x.shape)")
        if kwargs.get("order", "K") in "AK":
            check_known_order(op, "np.nditer")
        flags = ["multi_index", *({"zerosize_ok"} & set(flags))]
        seen = np.nditer(op.layout(), flags, order=kwargs.get("order", "K"))  # in the order of memory
        self.cell, self.places = op, [seen.multi_index for _ in seen]
        self.at, self.is_begun = 0, False

    finished = property(lambda self: self.at >= len(self.places))
    multi_index = property(lambda self: self.places[self.at])

    def iternext(self) -> bool:
        """Go on to the next element; whether there is one."""
        self.at += 1
        return not self.finished

    def __getitem__(self, operand: int) -> Any:
        return self.cell[(*self.multi_index, Ellipsis)]

    def __setitem__(self, operand: int, value: Any) -> None:
        self.cell[self.multi_index] = value

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.at += self.is_begun
        self.is_begun = True
        if self.finished:
            raise StopIteration
        return self[0]

    def __enter__(self) -> Nditer:
        return self

    def __exit__(self, *args: Any) -> None:
        pass


def nditer(op: Any, *args: Any, **kwargs: Any) -> Any:
    """``numpy.nditer``."""
    return Nditer(op, *args, **kwargs) if type(op) is Cell else np.nditer(memory_of(op, "numpy.nditer"), *args, **kwargs)


class Broadcast:
    """``numpy.broadcast`` of cells: the shape that they broadcast to, and their elements side by side."""

    def __init__(self, *args: Any):
        self.shape = np.broadcast_shapes(*map(np.shape, args))
        self.ndim = self.nd = len(self.shape)
        self.size, self.numiter, self.index = math.prod(self.shape), len(args), 0
        self.args = args

    @functools.cached_property
    def iters(self) -> tuple[Flat, ...]:
        """The elements of each."""
        return tuple([Flat(as_cell(np.broadcast_to(as_array(as_operand(x)), self.shape))) for x in self.args])

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        found = tuple([next(x) for x in self.iters])
        self.index += 1
        return found

    def reset(self) -> None:
        """Begin again."""
        self.index = 0
        for x in self.iters:
            x.index = 0


def broadcast(*args: Any) -> Any:
    """``numpy.broadcast``."""
    values = unwrap(list(args))
    return Broadcast(*args) if has_traced(values) else np.broadcast(*values)


def fromiter(iter: Any, dtype: Any, count: int = -1, **more: Any) -> Any:
    """``numpy.fromiter``."""
    items = list(iter) if count < 0 else list(itertools.islice(iter, count))
    if not has_lifted(items):
        return fresh(np.fromiter(items, dtype, count, **more))
    if len(items) < count:
        raise ValueError(f"iterator too short: Expected {count} but iterator had only {len(items)} items.")
    found = _converted(items, dtype, "K", True, 0)
    if len(found.shape) > 1:
        raise ValueError("setting an array element with a sequence.")
    return found


# --- lists of traced numbers ----------------------------------------------------------------------------------------------

OF_SEQUENCES = frozenset(
    """
    concatenate concat stack vstack hstack dstack column_stack block einsum einsum_path lexsort select broadcast_arrays meshgrid
    ix_ multi_dot choose piecewise apply_along_axis apply_over_axes unravel_index ravel_multi_index broadcast_to full_like
""".split()
)
"""Functions of several arrays in a list, and those whose lists are not arrays."""

LEFT_AS_THEY_ARE = frozenset(
    """
    array2string array_repr array_str result_type save savez savez_compressed savetxt shape ndim size copyto put place putmask
    fill_diagonal put_along_axis may_share_memory shares_memory iscomplexobj isrealobj can_cast common_type min_scalar_type
""".split()
)
"""Functions that make no arrays."""


def _array_of(x: Any) -> Any:
    return wrap(as_array(listed(x))) if has_lifted(x) else x


_copied = _maker(np.copy)


def copy(a: Any, *args: Any, **kwargs: Any) -> Any:
    """``numpy.copy``, which of ``x.flat`` makes what ``np.array(x.flat)`` is."""
    return a.array() if type(a) is Flat else _copied(a, *args, **kwargs)


_inserted = _maker(np.insert)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """``numpy.insert``, whose values are looked at before a list of them becomes an array."""
    if hasattr(arr, "dtype"):
        check_real(values, arr)
    return _inserted(arr, obj, values, axis)


def _takes_lists(module: Any) -> dict[str, Any]:
    names = [n for n in dir(module) if hasattr(getattr(module, n), "_implementation")]
    return {n: _maker(getattr(module, n)) for n in names if n not in LEFT_AS_THEY_ARE}


def _asks_lists(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that asks for the shape of an array, which a list may be."""
    return lambda a, *args, **kwargs: original(_array_of(a) if type(a) in (list, tuple) else a, *args, **kwargs)


NUMPY: dict[str, Any] = _takes_lists(np)
NUMPY |= {name: _asks_lists(getattr(np, name)) for name in ("shape", "ndim", "size", "iscomplexobj", "isrealobj")}
NUMPY |= {name: _maker(getattr(np, name)) for name in FRESH}
NUMPY |= {name: _for_numpy(_converter(name)) for name in CONVERTERS}
NUMPY |= {"full": full, "ndenumerate": ndenumerate, "nditer": nditer, "broadcast": broadcast}
NUMPY |= {"fromiter": fromiter, "copy": copy, "insert": insert}
"""What stands for functions of NumPy's in lifted code, by their names."""

INNER = {name: _takes_lists(getattr(np, name)) for name in ("linalg", "fft", "emath")}
"""The same of its modules."""

STRIDED = {"as_strided": as_strided}
OBJECTS: dict[str, Any] = {"r_": Joiner("r_"), "c_": Joiner("c_"), "vectorize": Vectorize}
"""The same that decide themselves whether lifted code runs."""
