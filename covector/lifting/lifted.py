"""What stands for a value in lifted code: its protocols, and going from values to what stands for them and back.

>>> x = wrap(np.ones(2))
>>> type(x).__name__, unwrap([x, 1])
('Cell', [array([1., 1.]), 1])

A value with axes, plain or traced, stands in a `Cell`, a traced number in a `Scalar`; other values stand for themselves.
"""

from __future__ import annotations

import operator
import sys
from collections import deque
from collections.abc import Callable
from opcode import opmap
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.asked import FLOAT_OF_CALLS
from covector.core.avals import PYTHON_NUMBERS, is_weak, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import register_standing
from covector.core.source import is_plumbing
from covector.core.tracer import SAME_AS_FUNCTION, Tracer
from covector.lifting.active import ACTIVE, is_in
from covector.numpy.registry import as_array, real_part
from covector.primitives.arrays.shaping import weaken_p

ALL = (Ellipsis,)
"""The index of a whole array."""

NUMBERS = frozenset({int, float, complex, bool, np.float64, np.int64, np.float32, np.bool_, np.complex128})
"""Types of plain numbers."""

PLAIN = NUMBERS | {str, type, type(None)}
"""Types of plain arguments."""

OF_NUMPY = frozenset([f for f in vars(np).values() if isinstance(f, np.ufunc)])
"""NumPy's own ufuncs."""

LIFTED: set[type] = set()
"""The types of what stands for values."""

_makers: dict[str, Callable[[Any], Any]] = {}
"""By its kind, how what stands for a value is made of it."""


def register_lifted(kind: str, cls: type, make: Callable[[Any], Any] | None = None) -> None:
    """Say what stands for an "array", a traced "scalar", a "number" or "truth" of Python's, or for ``x.flat`` ("flat")."""
    LIFTED.add(cls)
    register_standing(cls, lambda x: x._captured())
    _makers[kind] = make or cls


def as_cell(value: Any) -> Any:
    """What stands for an array, also for one without axes."""
    if isinstance(value, TracerBase):
        return _makers["array"](value)
    array = np.asarray(value)
    return _makers["array"](array) if array.dtype.kind in "biufc" else array


def make_scalar(value: Any) -> Any:
    """What stands for a number."""
    return _makers["scalar"](value) if isinstance(value, TracerBase) else value


def wrap(value: Any) -> Any:
    """What stands for a value, or for each in lists, tuples and named tuples."""
    kind = type(value)
    if kind is ndarray:
        return _makers["array"](value) if value.dtype.kind in "biufc" else value
    if isinstance(value, TracerBase):
        return _makers["array" if value.shape else "scalar"](value)  # type: ignore[attr-defined]
    if kind is tuple or kind is list:
        return kind([wrap(x) for x in value])
    if issubclass(kind, tuple) and hasattr(value, "_make"):
        return kind._make(map(wrap, value))  # type: ignore[attr-defined]
    return value


def unwrap(value: Any) -> Any:
    """The values that ``value``, or what is in lists, tuples, dictionaries and slices, stands for; a trace may keep them."""
    kind = type(value)
    if kind in NUMBERS:
        return value
    if kind in LIFTED:
        return value._captured()
    if kind is tuple or kind is list:
        return kind([unwrap(x) for x in value])
    if kind is dict:
        return {key: unwrap(x) for key, x in value.items()}
    if kind is slice:
        return slice(unwrap(value.start), unwrap(value.stop), unwrap(value.step))
    if issubclass(kind, tuple) and hasattr(value, "_make"):
        return kind._make(map(unwrap, value))  # type: ignore[attr-defined]
    if issubclass(kind, (list, tuple)) and has_lifted(value):
        return [unwrap(x) for x in value]
    return value


def is_simple(x: Any) -> bool:
    """Whether an argument is a number, a name, a type or nothing, or a tuple of such."""
    kind = type(x)
    return kind in PLAIN or (kind is tuple and PLAIN.issuperset(map(type, x)))


def readings(values: Any) -> list[Any] | None:
    """The values of operands, not to be kept; None where one is traced, or is no array, number, name or nothing."""
    found = []
    for x in values:
        kind = type(x)
        if kind in LIFTED:
            x = x._read()
            kind = type(x)
        if kind is not ndarray and kind not in NUMBERS and not is_simple(x):
            return None
        found.append(x)
    return found


def has_traced(value: Any) -> bool:
    """Whether a value without cells, or what is in lists, tuples, dictionaries and slices of it, is traced."""
    if isinstance(value, TracerBase):
        return True
    kind = type(value)
    if kind is tuple or kind is list:
        return any(map(has_traced, value))
    if kind is dict:
        return any(map(has_traced, value.values()))
    if kind is slice:
        return any(map(has_traced, (value.start, value.stop, value.step)))
    return kind is not ndarray and issubclass(kind, (list, tuple)) and any(map(has_traced, value))


def has_lifted(value: Any) -> bool:
    """Whether a value, or what is in lists, tuples and dictionaries, stands for another or is traced."""
    kind = type(value)
    if kind in LIFTED or isinstance(value, TracerBase):
        return True
    if kind is tuple or kind is list or kind is deque:
        return any(map(has_lifted, value))
    if kind is dict:
        return any(map(has_lifted, value.values()))
    return kind is not ndarray and issubclass(kind, (list, tuple)) and any(map(has_lifted, value))


def as_given(value: Any) -> Any:
    """A value, or what the method ``__array__`` of an object of another package's gives, which may stand for one."""
    kind = type(value)
    if kind in NUMBERS or kind in LIFTED or issubclass(kind, (ndarray, TracerBase, np.generic, str)):
        return value
    if issubclass(kind, (list, tuple)):
        return value if kind is list or kind is tuple or not has_lifted(value) else list(value)
    if kind is range or kind is deque:
        return list(value)
    method = getattr(kind, "__array__", None)
    return method(value) if type(method) is FunctionType else value


def without_flat(x: Any) -> Any:
    """What NumPy makes of ``x.flat`` in what it is to write, lists included: a view, or a copy."""
    if type(x) is list or type(x) is tuple:
        return type(x)(map(without_flat, x))
    return x.array() if type(x) is _makers["flat"] else x


def as_operand(value: Any) -> Any:
    """A value, with an array in place of a list that has traced values in it."""
    value = unwrap(as_given(value))
    return as_array(value) if type(value) in (list, tuple) and has_traced(value) else value


def as_number(value: Any) -> Any:
    """A traced number as Python's, which is of double precision and takes the dtype of the array that it meets."""
    if value.dtype.kind == "b":
        return as_truth(value)
    if value.dtype.char in "gG":
        return make_scalar(value)  # NumPy's numbers of more than 8 bytes are no numbers of Python's
    if value.dtype == np.uint64:
        what = "one of Python's numbers was taken from a traced array of uint64."
        raise errors.UnsupportedFunctionError(what, why="it may be too large for an int64", fix="x.astype(np.int64) before")
    wide = np.int64 if value.dtype.kind in "iu" else np.result_type(value.dtype, float)
    return _makers["number"](weaken_p.bind(convert(value, np.empty((), wide))))


def as_truth(value: Any) -> Any:
    """A truth value as Python's, which counts as an integer."""
    return _makers["truth"](value) if isinstance(value, TracerBase) else bool(value)


def corrected(found: Any, exact: Any) -> Any:
    """A number with its derivatives, and the value that Python gives, where that is known."""
    value = known(found)
    if value is None or value == exact or not np.isfinite(exact - value):
        return found
    return found + (exact - value)


def known(value: Any) -> Any:
    """The value of what is traced, if it is known (as in ``grad`` and ``jvp``), else None."""
    return value.concrete() if isinstance(value, TracerBase) else value  # type: ignore[attr-defined]


def convert(value: Any, like: Any) -> Any:
    """A value as it is written into an array: in its dtype, so a float is cut to an integer."""
    if type(value) in PYTHON_NUMBERS or (type(value) in (list, tuple) and not has_traced(value)):
        return np.array(value, like.dtype)  # which raises for what does not fit
    given, value, dtype = value, as_array(value), like.dtype
    if value.dtype == dtype:
        return value
    if value.dtype.kind == "c" and dtype.kind not in "cb":
        if isinstance(given, TracerBase) and is_weak(given):
            raise not_real()
        value = real_part(value)
    return value.astype(dtype)


def not_real() -> TypeError:
    """The error for a complex number of Python's that a real array is to hold."""
    return TypeError("float() argument must be a string or a real number, not 'complex'")


STORES = frozenset(opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in opmap)
"""The instructions that write into an array: Python 3.12 has one of its own for slices."""


def _is_storing(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti] in STORES


REMAINDER = frozenset({6, 19})
"""Which operators ``%`` and ``%=`` are to the instruction of all that are binary (NB_REMAINDER, NB_INPLACE_REMAINDER)."""


def _is_formatting(frame: FrameType) -> bool:
    """Whether ``"%f" % x`` asks for the value: of all that ``%`` is, text alone asks for a float."""
    code, i = frame.f_code.co_code, frame.f_lasti
    return code[i] == opmap["BINARY_OP"] and code[i + 1] in REMAINDER


def refuse_store(value: Any, frame: FrameType) -> None:
    """Raise for a traced value that is being written into a plain array, which asks for a plain value."""
    if isinstance(value, TracerBase) and _is_storing(frame):
        raise into_plain_array()


def _as_stored(value: Any, frame: FrameType) -> Any:
    """A plain value, of which a real array takes the real part where it is written into it."""
    is_cut = type(value) is ndarray and value.dtype.kind == "c" and _is_storing(frame)
    return convert(value, np.empty((), value.real.dtype)) if is_cut else value


def not_a_float(value: Any, frame: FrameType | None) -> errors.TracerFloatConversionError:
    """The error where a float is asked for, of which C's class can give nothing but a float."""
    while frame is not None and is_plumbing(frame.f_code.co_filename):
        frame = frame.f_back
    home = "" if frame is None else str(frame.f_globals.get("__name__", ""))
    asks_by_name = frame is not None and not {"float", "float64"}.isdisjoint(frame.f_code.co_names)
    if frame is not None and _is_formatting(frame):
        fix = FLOAT_OF_CALLS["format"]
    elif is_in(home, ACTIVE.get() or ()):
        held = "a class made of float, and code in C, hold plain numbers: keep x in an attribute, or use NumPy's functions"
        fix = f"its package is named already, and keeps float(x); {held}"
    elif asks_by_name:
        package = home.partition(".")[0]
        keeps = f"name the package, lift(f, packages=[{package!r}]): in its modules float(x) keeps the derivative"
        fix = f"leave float() out, or {keeps}"
    else:
        asks = "Python's or compiled code asks: use NumPy's functions of arrays in its place"
        fix = f"{asks}; an array that is written to must be made inside the lifted function"
    what = f"the float value of a traced value of type {typeof(value)} was asked for."
    is_real = value.dtype.kind not in "biu"
    why = "a Python float has no derivative" if is_real else "it is not known while the function is traced"
    return errors.TracerFloatConversionError(what, why=why, fix=fix)


def into_plain_array() -> errors.InPlaceWriteError:
    """The error for a write into an array that lifted code did not make."""
    return errors.InPlaceWriteError(
        "a traced value was written in place into a plain array.",
        why="the array was made outside of the lifted function, or by code that lift does not reach (an import inside of a"
        " function, a thread, or NumPy's functions held by an attribute, a default or a dictionary), or is of records or"
        " objects, and cannot hold one",
        fix="make it inside the lifted function with np.zeros, np.array(x) and their like, with NumPy imported by its module",
    )


class Lifted:
    """What all that stand for values share; a class gives ``_read() -> value``, ``_captured()`` and ``shape``."""

    __slots__ = ()
    __array_priority__ = 2000.0
    __hash__ = None  # type: ignore[assignment]
    device = "cpu"
    _namespace: Any = np

    if TYPE_CHECKING:
        shape: Any
        dtype: Any

    ndim = property(lambda self: len(self.shape))
    nbytes = property(lambda self: self.size * self.dtype.itemsize)
    itemsize = property(lambda self: self.dtype.itemsize)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for k in self.shape:
            n *= k
        return n

    def _read(self) -> Any:
        """The value, not to be kept."""
        raise NotImplementedError

    def _captured(self) -> Any:
        """The value, which a trace may keep."""
        raise NotImplementedError

    def times_held(self, value: ndarray) -> int:
        """How many references this has to an array, or to a view of it."""
        return 0

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return self._namespace

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return UFUNC_METHODS[method](ufunc, method, inputs, **options)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        special = FUNCTIONS.get(func)
        return special(*args, **kwargs) if special is not None else _default[0](func, args, kwargs)

    # --- Python asks for a value ---

    def __float__(self) -> float:
        value, frame = self._read(), sys._getframe(1)
        refuse_store(value, frame)
        if isinstance(value, TracerBase):
            whole = value.answer() if value.dtype.kind in "biu" else None  # type: ignore[attr-defined]
            if whole is None and _is_formatting(frame):
                whole = known(value)
            if whole is None:
                raise not_a_float(value, frame)
            return float(whole)
        return float(_as_stored(value, frame))

    def __complex__(self) -> complex:
        value = self._read()
        refuse_store(value, sys._getframe(1))
        return complex(value)

    def __int__(self) -> int:
        value, frame = self._read(), sys._getframe(1)
        refuse_store(value, frame)
        return int(_as_stored(value, frame))

    def __bool__(self) -> bool:
        return bool(self._read())

    def __index__(self) -> int:
        return operator.index(self._read())

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits is None:
            return int(np.round(self._known("round(x)")))
        return np.round(self, ndigits)

    def __floor__(self) -> int:
        return int(np.floor(self._known("math.floor(x)")))

    def __ceil__(self) -> int:
        return int(np.ceil(self._known("math.ceil(x)")))

    def __trunc__(self) -> int:
        return int(np.trunc(self._known("math.trunc(x)")))

    def _known(self, what: str) -> Any:
        value = self._read()
        found = known(value)
        if found is None:
            found = value.answer()
        if found is None:
            why, fix = "its value is not known while the function is traced", "np.round, np.floor and their like give floats"
            what = f"{what} of a traced value is an integer."
            raise errors.TracerIntegerConversionError(what, why=why, fix=fix)
        return found

    def _shown(self) -> Any:
        """What is printed."""
        value = self._read()
        found = known(value)
        return value if found is None else found if self.shape else np.asarray(found)[()]

    def __repr__(self) -> str:
        value = self._read()
        found = known(value)
        return repr(value if found is None else found)

    def __str__(self) -> str:
        return str(self._shown())

    def __format__(self, spec: str) -> str:
        return format(self._shown(), spec)

    def __copy__(self) -> Any:
        return self.copy("K")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy("K")

    def __reduce__(self) -> Any:
        if not isinstance(self._read(), TracerBase):
            return np.array(self).__reduce__()
        fix = "return the value from the function, and store that"
        raise errors.TracerArrayConversionError("a value inside lifted code was pickled.", fix=fix)

    # --- methods that are not NumPy's function of the same name ---

    def copy(self, order: str = "C") -> Any:
        """A copy, in memory of its own."""
        return np.copy(self, order=order)  # type: ignore[call-overload]

    def item(self, *index: Any) -> Any:
        """One element as a number, which stays traced."""
        if len(index) == 1 and type(index[0]) is tuple:
            index = index[0]
        if self.size != 1 and not index:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        value = self._read()
        if not isinstance(value, TracerBase):
            return value.item(*index)
        if len(index) == 1:
            index = np.unravel_index(range(self.size)[index[0]], self.shape) if self.shape else ()
        flat = index or (0,) * len(self.shape)
        return as_number(value[tuple(map(int, flat))] if flat else value)  # type: ignore[index]

    def tolist(self) -> Any:
        """Nested lists of numbers, which stay traced."""
        value = self._read()
        if not isinstance(value, TracerBase):
            return value.tolist()
        rows: Any = value
        return [wrap(row).tolist() for row in rows] if self.shape else as_number(value)

    def conj(self) -> Any:
        """The complex conjugate; itself where it is real, as in NumPy."""
        return np.conjugate(self) if self.dtype.kind == "c" else self

    conjugate = conj

    def byteswap(self, inplace: bool = False) -> Any:
        """The bytes of plain values in the other order."""
        if inplace:
            raise errors.InPlaceWriteError("x.byteswap(inplace=True) is not supported in lifted code.")
        return wrap(np.asarray(self).byteswap())

    def tobytes(self, order: str = "C") -> bytes:
        """The bytes of a plain value."""
        return np.asarray(self).tobytes(order)  # type: ignore[arg-type]

    def __bytes__(self) -> bytes:
        return self.tobytes()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        value = self._read()
        refuse_store(value, sys._getframe(1))
        return np.array(value, dtype)  # a traced value refuses

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Another array as one of this class, which it is in lifted code."""
        return array[()] if return_scalar and not array.shape else array

    def __buffer__(self, flags: int) -> memoryview:
        """The memory of a plain array, which compiled code asks for from Python 3.12 on."""
        value = self._read()
        if isinstance(value, TracerBase):
            what = f"the memory of a traced value of type {typeof(value)} was asked for by compiled code."
            fix = "put a rule around it (covector.custom_jvp with covector.pure_callback), or use NumPy's functions of arrays"
            raise errors.TracerArrayConversionError(what, why="it has none: its value is not all that it is", fix=fix)
        return memoryview(self._plain())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            known_as = f"numpy.{'ndarray' if self.shape else self.dtype.name}"
            raise AttributeError(f"{known_as!r} object has no attribute {name!r}")
        value = self._read()
        if isinstance(value, TracerBase):
            what = f"x.{name} of a traced value of type {typeof(value)} is not supported in lifted code."
            raise errors.TracerAttributeError(what, why="", fix="use NumPy's functions of arrays")
        return getattr(self._plain(), name)

    def is_integer(self) -> bool:
        """Whether a known number has no fractional part."""
        return float(self._known("x.is_integer()")).is_integer()


UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
"""What a ufunc and its methods mean: ``meaning(ufunc, method, inputs, **options)``."""

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What NumPy functions mean whose meaning is not just to be applied to the values."""

_default: list[Callable[..., Any]] = []


def register_namespace(module: Any) -> None:
    """Say which module ``__array_namespace__`` answers."""
    Lifted._namespace = module


def means(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what functions of NumPy mean in lifted code, where that is more than to be applied to the values."""

    def register(meaning: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(functions, meaning))
        return meaning

    return register


def means_otherwise(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """Register what every other function of NumPy means: ``meaning(func, args, kwargs)``."""
    _default[:] = [meaning]
    return meaning


def means_of_ufunc(*methods: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what a call ("__call__") or a method of a ufunc means: ``meaning(ufunc, method, inputs, **options)``."""

    def register(meaning: Callable[..., Any]) -> Callable[..., Any]:
        UFUNC_METHODS.update(dict.fromkeys(methods, meaning))
        return meaning

    return register


def register_method(cls: type, name: str, method: Any) -> None:
    """Give the values of a class a method or property."""
    setattr(cls, name, method)


for _name in (*SAME_AS_FUNCTION, "clip", "compress", "to_device"):
    register_method(Lifted, _name, getattr(Tracer, _name))
