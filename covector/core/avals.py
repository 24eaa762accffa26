"""What a value looks like: ``typeof : value -> aval``.

>>> typeof(np.ones((2, 3), np.float32)), typeof(2.0), typeof(2.0).zero
(f32[2,3], weak_f64[], Zero(weak_f64[]))

An *aval* (abstract value) is what the rules of a primitive may know about an argument before it has one.  The set of avals
is open: `AbstractValue` says what every aval must answer, `ShapedArray` is the one for arrays, and a value that is no array
(a residual of unknown length, say) brings an aval of its own.

A Python scalar is *weakly* typed, as in NEP 50: it takes the dtype of the array that it meets.  ``weak_type`` keeps this
through staging, so that compiling a function never changes the dtype of its result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np
from numpy import float64, ndarray

from covector.core import errors

Shape = tuple[int, ...]

float0 = np.dtype([("float0", np.void, 0)])
"""The dtype of the tangents of integers and booleans: a type with one value, zero."""


_CANONICAL_DTYPES = {np.dtype(c): np.dtype(c) for c in "?bBhHiIefdgFDG"} | {float0: float0}
_CANONICAL_DTYPES |= {dtype: dtype for dtype in (np.dtype(np.int64), np.dtype(np.uint64))}
"""C has two integer types of 64 bits; their dtypes are equal, but only one is that of ``np.int64``."""


class AbstractValue:
    """The interface of an aval: equality, hashing, printing, and the symbolic zero of its tangent space."""

    __slots__ = ()

    varying: frozenset[Any] = frozenset()
    """The named axes over which the value differs from example to example; see `VaryingArray`."""

    weak_type = False
    """Whether it is of Python's, which has no say in the type of a result."""

    def tangent(self) -> AbstractValue:
        """The aval of the tangents (and cotangents) of values that have this aval."""
        raise NotImplementedError

    def batched(self, size: int, dim: int) -> AbstractValue:
        """The aval of a batch of ``size`` such values along axis ``dim``."""
        raise NotImplementedError

    def example(self, dim: int) -> AbstractValue:
        """The aval of one value of a batch along axis ``dim``: the inverse of `batched`."""
        raise NotImplementedError

    def strengthened(self) -> AbstractValue:
        """The same aval without weak typing."""
        return self

    def zeros(self) -> Any:
        """The zero among the values that have this aval."""
        raise NotImplementedError

    def add(self, x: Any, y: Any) -> Any:
        """The sum of two values that have this aval, which may be traced."""
        return x + y

    @property
    def zero(self) -> Zero:
        """The symbolic zero of the tangent space."""
        return Zero(self.tangent())


class ShapedArray(AbstractValue):
    """An array of a shape and a dtype; ``weak_type`` marks a Python scalar, which adapts to the dtype that it meets.

    It is ``covector.ShapeDtypeStruct`` too: what a function is traced for where there are no values.

    Raises:
        ArgumentError: the shape is no sequence of integers, none negative.
        ArrayTypeError: the dtype is none, or not one of numbers or booleans.

    >>> ShapedArray((2, 3), np.float32)
    f32[2,3]
    """

    __slots__ = ("_hash", "_zero", "dtype", "is_differentiable", "shape", "weak_type")

    shape: Shape
    dtype: np.dtype[Any]
    weak_type: bool
    is_differentiable: bool
    """Whether the dtype is floating or complex."""

    def __init__(self, shape: Shape, dtype: Any, weak_type: bool = False):
        if type(shape) is not tuple:
            shape = _checked_shape(shape)
        for n in shape:
            if type(n) is not int or n < 0:
                shape = _checked_shape(shape)
                break
        self.shape = shape
        self.dtype = (dtype is not None and _CANONICAL_DTYPES.get(np.dtype(dtype))) or _checked_dtype(dtype)
        self.weak_type = weak_type
        self.is_differentiable = self.dtype.kind in "fc"
        self._hash: int | None = None
        self._zero: Zero | None = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    def tangent(self) -> ShapedArray:
        return self if self.is_differentiable else ShapedArray(self.shape, float0)

    @property
    def zero(self) -> Zero:
        return self._zero or Zero(self.tangent())

    def batched(self, size: int, dim: int) -> ShapedArray:
        return array_aval((*self.shape[:dim], size, *self.shape[dim:]), self.dtype)

    def example(self, dim: int) -> ShapedArray:
        return array_aval(self.shape[:dim] + self.shape[dim + 1 :], self.dtype)

    def zeros(self) -> Any:
        if self.weak_type:
            return WEAK_TYPES[self.dtype.kind](0)
        return np.zeros(self.shape, self.dtype) if self.shape else np.zeros((), self.dtype)[()]

    def strengthened(self) -> ShapedArray:
        return ShapedArray(self.shape, self.dtype) if self.weak_type else self

    def __reduce__(self) -> Any:  # the hash of another process is of no use
        return type(self), (self.shape, self.dtype, self.weak_type)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, ShapedArray)
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak_type == other.weak_type
            and self.varying == other.varying
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.shape, self.dtype, self.weak_type))
        return self._hash

    def __repr__(self) -> str:
        weak = "weak_" if self.weak_type else ""
        return f"{weak}{dtype_name(self.dtype)}[{','.join(map(str, self.shape))}]"


    # To NumPy it is what says of what shape and dtype a new array is to be; it has no elements to compute with.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc in (np.equal, np.not_equal):
            return ufunc is np.not_equal
        raise _no_values(f"numpy.{ufunc.__name__} got {self}")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func not in LOOKS_AT_TYPES:
            raise _no_values(f"numpy.{getattr(func, '__name__', func)} got {self}")
        like = [np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, ShapedArray) else x for x in args]
        return func(*like, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise _no_values(f"an array is to be made of {self}")

    def update(self, **changes: Any) -> ShapedArray:
        """The same with another ``shape``, ``dtype`` or ``weak_type``.

        >>> ShapedArray((2, 3), np.float32).update(shape=(4,))
        f32[4]
        """
        return ShapedArray(**{"shape": self.shape, "dtype": self.dtype, "weak_type": self.weak_type, **changes})


LOOKS_AT_TYPES = frozenset({
    np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj,
    np.isrealobj,
})  # fmt: skip
"""NumPy's functions that need no more of an array than its shape and dtype."""


def _no_values(what: str) -> errors.ArrayTypeError:
    why = "it says what shape and dtype an array has, and has no elements"
    return errors.ArrayTypeError(f"{what}.", why=why, fix="pass an array; eval_shape(f, x) tells the shape and dtype of f(x)")


def _checked_shape(shape: Any) -> Shape:
    """The shape that something means, or an error."""
    try:
        found = tuple(map(operator.index, shape))
    except TypeError:
        found = (-1,)
    if any(n < 0 for n in found):
        what = f"{shape!r} of type {type(shape).__name__} is given for a shape."
        raise errors.ArgumentError(what, why="a shape is a tuple of lengths", fix="write (3,) for a vector, () for a number")
    return found


def _checked_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype that something means, as it is written here, or an error."""
    found: np.dtype[Any] | None = None if dtype is None else np.dtype(dtype)
    if found is None or (found.kind not in "biufc" and found != float0):
        what = f"an array of dtype {dtype} cannot be transformed."
        why = "transformations compute with numbers and booleans"
        raise errors.ArrayTypeError(what, why=why, fix="give a numeric or boolean dtype, such as np.float64")
    native: np.dtype[Any] = found if found.isnative else found.newbyteorder("=")
    return _CANONICAL_DTYPES.get(native, native)


class VaryingArray(ShapedArray):
    """An array that differs between the examples of named batches (``vmap(axis_name=...)``): ``varying`` has their names.

    >>> VaryingArray((3,), np.float64, ["i"])
    f64[3] varying over i
    """

    __slots__ = ("varying",)

    def __init__(self, shape: Shape, dtype: Any, varying: Iterable[Any], weak_type: bool = False):
        super().__init__(shape, dtype, weak_type)
        self.varying = frozenset(varying)

    def batched(self, size: int, dim: int) -> ShapedArray:
        return with_varying(super().batched(size, dim), self.varying)  # type: ignore[no-any-return]

    def example(self, dim: int) -> ShapedArray:
        return with_varying(super().example(dim), self.varying)  # type: ignore[no-any-return]

    def strengthened(self) -> ShapedArray:
        return with_varying(super().strengthened(), self.varying)  # type: ignore[no-any-return]

    __hash__ = ShapedArray.__hash__

    def __reduce__(self) -> Any:
        return VaryingArray, (self.shape, self.dtype, self.varying, self.weak_type)

    def __repr__(self) -> str:
        return f"{super().__repr__()} varying over {', '.join(sorted(map(str, self.varying)))}"


def with_varying(aval: Any, varying: frozenset[Any]) -> Any:
    """The aval of the same array where it varies over these named axes, and no others."""
    if not isinstance(aval, ShapedArray) or aval.varying == varying:
        return aval
    if not varying:
        return ShapedArray(aval.shape, aval.dtype, aval.weak_type)
    return VaryingArray(aval.shape, aval.dtype, varying, aval.weak_type)


class Zero:
    """A symbolic zero: a tangent or cotangent that is known to be zero and that nobody has to compute.

    ``Zero(aval)`` stands for an array of zeros with the shape and dtype of ``aval``.  `instantiate` makes the array.

    >>> Zero(ShapedArray((2,), np.float64))
    Zero(f64[2])
    """

    __slots__ = ("aval",)
    __match_args__ = ("aval",)

    def __init__(self, aval: AbstractValue):
        self.aval = aval

    def __eq__(self, other: object) -> bool:
        return type(other) is Zero and self.aval == other.aval

    def __hash__(self) -> int:
        return hash((self.aval,))

    def __repr__(self) -> str:
        return f"Zero({self.aval})"


def instantiate(tangent: Any) -> Any:
    """An array in place of a symbolic zero; anything else unchanged.

    >>> instantiate(Zero(ShapedArray((2,), np.float64)))
    array([0., 0.])
    """
    if type(tangent) is Zero:
        return tangent.aval.zeros()
    return tangent


# --- dtypes ---------------------------------------------------------------------------------------------------------

WEAK_TYPES: dict[str, type] = {"i": int, "f": float, "c": complex}
"""The Python type of a weak scalar, by the kind of its dtype."""

WEAK_NUMBERS: frozenset[type] = frozenset(WEAK_TYPES.values())
"""The types of Python's numbers that are weakly typed."""

PYTHON_NUMBERS: frozenset[type] = WEAK_NUMBERS | {bool}
"""The types of all of Python's numbers; a bool is as strong as NumPy's."""

NUMPY_TWINS: frozenset[type] = frozenset({np.int64, np.float64, np.complex128})
"""The types of NumPy's numbers that have the values of Python's, bit for bit."""

ARRAY_TYPES: frozenset[type] = frozenset({np.ndarray, np.float64})
"""The types of arrays, and of what operations on them make of scalars (mostly)."""

PLAIN_TYPES: frozenset[type] = PYTHON_NUMBERS | ARRAY_TYPES
"""The types of nearly all values that are not traced."""


def dtype_name(dtype: Any) -> str:
    """The short name of a dtype: ``f64``, ``i32``, ``bool``, ``c128``."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return "bool"
    if dtype == float0:
        return "float0"
    return f"{dtype.kind}{8 * dtype.itemsize}" if dtype.kind in "fciu" else dtype.str


_DTYPES_BY_NAME = {dtype_name(np.dtype(c)): np.dtype(c) for c in "?bhilBHILefdgFDG"} | {"float0": float0}


def dtype_from_name(name: str) -> np.dtype[Any]:
    """The dtype of a short name; raises ``KeyError`` for a name that `dtype_name` never gives."""
    return _DTYPES_BY_NAME[name]


# --- typeof ---------------------------------------------------------------------------------------------------------

_WEAK_AVALS = {
    int: ShapedArray((), np.int64, weak_type=True),
    float: ShapedArray((), np.float64, weak_type=True),
    complex: ShapedArray((), np.complex128, weak_type=True),
}
_BOOL_AVAL = ShapedArray((), np.bool_)
for _aval in (*_WEAK_AVALS.values(), _BOOL_AVAL):
    _aval._zero = Zero(_aval.tangent())

_array_avals: dict[tuple[Shape, np.dtype[Any]], ShapedArray] = {}
_MAX_CACHED_AVALS = 4096


def array_aval(shape: Shape, dtype: np.dtype[Any]) -> ShapedArray:
    """``ShapedArray(shape, dtype)``, from a bounded cache."""
    key = (shape, dtype)
    aval = _array_avals.get(key)
    if aval is None:
        if len(_array_avals) >= _MAX_CACHED_AVALS:
            _array_avals.clear()
        aval = _array_avals[key] = _with_zero(ShapedArray(shape, dtype))
    return aval


def _with_zero(aval: ShapedArray) -> ShapedArray:
    """Keep the zero of a cached aval with it, for the hot path (a reference cycle, so only in the cache)."""
    aval._zero = Zero(aval.tangent())
    return aval


def _typeof_ndarray(x: np.ndarray[Any, Any]) -> ShapedArray:
    return _array_avals.get((x.shape, x.dtype)) or _checked_array_aval(x)


def _checked_array_aval(x: np.ndarray[Any, Any]) -> ShapedArray:
    if x.dtype.kind not in "biufc" and x.dtype != float0:
        raise errors.ArrayTypeError(
            f"an array of dtype {x.dtype} and shape {x.shape} cannot be transformed.",
            why="transformations compute with numbers and booleans",
            fix=DTYPE_FIXES.get(x.dtype.kind, "use a numeric or boolean dtype"),
        )
    return array_aval(x.shape, x.dtype if x.dtype.isnative else x.dtype.newbyteorder("="))


DTYPE_FIXES = {
    "O": "x.astype(float), if its elements are numbers",
    "V": "pass the fields as arrays of their own, as in {name: x[name] for name in x.dtype.names}",
    "M": "(x - x[0]) / np.timedelta64(1, 's') are numbers",
    "m": "x / np.timedelta64(1, 's') are numbers",
    "S": "x.astype(float), if its elements are numerals",
    "U": "x.astype(float), if its elements are numerals",
}
"""What to pass instead of an array that holds no numbers, by the kind of its dtype."""

PLAIN_SUBCLASSES: set[type] = {np.memmap}
"""The subclasses of ndarray on which every operation means what it means on ndarray; others are refused."""


def check_class(cls: type) -> None:
    """Raise for a subclass of ndarray that may change what operations mean, such as a masked array."""
    if not issubclass(cls, np.ndarray) or cls is np.ndarray or cls in PLAIN_SUBCLASSES:
        return
    masked = issubclass(cls, np.ma.MaskedArray)
    raise errors.ArrayTypeError(
        f"a {cls.__module__}.{cls.__name__} was given where an array is meant.",
        why="its mask would be lost: traced values, and the programs made from them, are plain arrays"
        if masked
        else "operations may mean something else on it than on a plain array, which traced values stand for",
        fix="pass m.filled(0.0) and the mask, and write np.where(mask, 0.0, y), np.sum(y, where=~mask) and their like"
        if masked
        else "np.asarray(m)",
    )


TYPEOF: dict[type, Callable[[Any], AbstractValue]] = {
    np.ndarray: _typeof_ndarray,
    bool: lambda x: _BOOL_AVAL,
    int: lambda x: _WEAK_AVALS[int],
    float: lambda x: _WEAK_AVALS[float],
    complex: lambda x: _WEAK_AVALS[complex],
    Zero: lambda x: x.aval,
}
"""How to find the aval of a value, by the value's exact type."""


def register_type(cls: type, aval: Callable[[Any], AbstractValue]) -> None:
    """Make a new kind of value known to `typeof`."""
    TYPEOF[cls] = aval


def typeof(x: Any) -> Any:
    """The aval of a value (an array, a Python scalar or a tracer).

    >>> typeof(np.ones((2, 3))), typeof(1.0)
    (f64[2,3], weak_f64[])
    """
    cls = type(x)
    if cls is ndarray or cls is float64:
        return _array_avals.get((x.shape, x.dtype)) or _checked_array_aval(x)
    rule = TYPEOF.get(cls)
    return rule(x) if rule is not None else _typeof_other(x)


def type_of_argument(x: Any) -> Any:
    """The aval of a value that a program is to be given; unlike a constant of it, an integer must have a dtype."""
    if type(x) is int and not -(2**63) <= x < 2**64:
        raise TypeError(f"an integer of {x.bit_length()} bits has no dtype: the largest have 64")
    return typeof(x)


def is_value(x: Any) -> bool:
    """Whether something has an aval: an array, a number or a tracer, or a sequence that NumPy takes for an array."""
    try:
        typeof(x)
    except TypeError:
        return False
    return True


def _typeof_other(x: Any) -> AbstractValue:
    """Types met for the first time: subclasses of known ones, and array-likes."""
    check_class(type(x))
    for cls in type(x).__mro__:
        if cls in TYPEOF and cls is not Zero:
            TYPEOF[type(x)] = TYPEOF[cls]
            return typeof(x)  # type: ignore[no-any-return]
        if cls is np.generic:
            TYPEOF[type(x)] = _typeof_ndarray
            return typeof(x)  # type: ignore[no-any-return]
    if isinstance(x, (list, tuple)):
        return _typeof_ndarray(np.asarray(x))
    raise errors.ArrayTypeError(f"{x!r} of type {type(x).__name__} is not an array, a number or a tracer")


for _scalar_type in (np.float64, np.float32, np.int64, np.bool_, np.complex128):
    TYPEOF[_scalar_type] = _typeof_ndarray


SCALAR_ZEROS = {cls: _aval._zero for cls, _aval in (*_WEAK_AVALS.items(), (bool, _BOOL_AVAL))}
"""The symbolic zeros of the tangent spaces of Python numbers, by type."""


def is_weak(x: Any) -> bool:
    """Whether a value is weakly typed: a Python ``int``, ``float`` or ``complex``, or a tracer for one."""
    cls = type(x)
    if cls is np.ndarray:
        return False
    return cls in _WEAK_AVALS or bool(getattr(typeof(x), "weak_type", False))


def shape_of(x: Any) -> Shape:
    """The shape of a value."""
    return typeof(x).shape  # type: ignore[no-any-return]


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of a value."""
    return typeof(x).dtype  # type: ignore[no-any-return]


# --- NumPy's rules of broadcasting and promotion -----------------------------------------------------------------------


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that arrays of these shapes broadcast to; raises ``ValueError`` as NumPy does."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    ndim = max(map(len, shapes))
    out = [1] * ndim
    for shape in shapes:
        for axis, n in enumerate(shape, ndim - len(shape)):
            if n != 1 and out[axis] != n:
                if out[axis] != 1:
                    what = f"shapes {', '.join(map(str, shapes))} cannot be broadcast together"
                    why = f"from the last axis on, lengths are equal or 1; here they are {out[axis]} and {n}"
                    raise ValueError(errors.describe(what, why=why))
                out[axis] = n
    return tuple(out)


def promotion_key(aval: ShapedArray) -> Any:
    """What NumPy's promotion needs to know of an argument: its dtype, or the Python type of a weak scalar."""
    return WEAK_TYPES[aval.dtype.kind] if aval.weak_type else aval.dtype


def ufunc_dtypes(ufunc: np.ufunc, keys: Iterable[Any]) -> tuple[np.dtype[Any], ...]:
    """The dtypes that a ufunc computes in for arguments of these (see `promotion_key`), and last that of its result."""
    keys = tuple(keys)
    strong = any(isinstance(k, np.dtype) for k in keys)
    return ufunc.resolve_dtypes((*(k if strong else np.dtype(k) for k in keys), None))


def result_dtype(*avals: ShapedArray) -> np.dtype[Any]:
    """The dtype that values of these avals promote to (``numpy.result_type``, weak scalars included)."""
    return np.result_type(*(WEAK_TYPES[a.dtype.kind](0) if a.weak_type else a.dtype for a in avals))
