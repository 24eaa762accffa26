"""Traced numbers in lifted code: to Python they are NumPy scalars, immutable and without memory.

>>> import covector as cv
>>> def f(x):
...     s = cv.lift(lambda x: (isinstance(x, float), 2 * x.item()))(x)
...     return s[1]
>>> float(cv.grad(f)(3.0))
2.0
"""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import WEAK_TYPES, is_weak
from covector.core.kinds import Step
from covector.core.primitive import Primitive, TracerBase
from covector.lifting.lifted import (
    OF_NUMPY,
    Lifted,
    as_cell,
    convert,
    make_scalar,
    not_a_float,
    not_real,
    register_lifted,
    unwrap,
    wrap,
)
from covector.primitives.arrays.shaping import convert_to, weaken_p


class Scalar(Lifted):
    """A traced value without axes, as an operation returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: Any):
        self._value = value

    def _read(self) -> Any:
        return self._value

    _captured = _read

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if len(inputs) == 1 and not options and method == "__call__" and ufunc in OF_NUMPY:  # two thirds of the time
            found = self._value.__array_ufunc__(ufunc, method, self._value)
            return Scalar(found) if isinstance(found, TracerBase) else wrap(found)
        return Lifted.__array_ufunc__(self, ufunc, method, *inputs, **options)

    shape = ()
    ndim = 0
    size = 1
    dtype = property(lambda self: self._value.dtype)
    __class__ = property(lambda self: self._value.dtype.type)
    T = property(lambda self: self)
    real = property(lambda self: self if self._value.dtype.kind != "c" else make_scalar(np.real(self._value)))
    imag = property(lambda self: make_scalar(np.imag(self._value)))
    flags = property(lambda self: np.float64(0).flags)
    strides = ()
    base = None

    def __getitem__(self, key: Any) -> Any:
        if type(key) is tuple and not key:
            return self
        return as_cell(self._value) if key is Ellipsis else wrap(np.reshape(self._value, ())[unwrap(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        why = "what has no axes is taken for a number, as np.float64 is"
        what = f"{self.dtype.type.__name__} object does not support item assignment: a traced number was to be written into."
        raise errors.InPlaceWriteError(what, why=why, fix="x = np.array(x), or np.atleast_1d(x)")

    __iter__ = None  # a number is no sequence, although it has __getitem__

    def __hash__(self) -> int:  # type: ignore[override]
        why = "it is traced, and a cache by value would hand it out in another trace"
        fix = "use the position, a name or the shape as the key"
        raise errors.TracerHashError(f"the hash of a traced number of type {self.dtype} was asked for.", why=why, fix=fix)

    def as_integer_ratio(self) -> Any:
        """Refused: it would be of a plain number, as `statistics` and `fractions` want it."""
        raise not_a_float(self._value, sys._getframe(1))

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """An array of the one number."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def ravel(self, order: str = "C") -> Any:
        """An array of the one number with one axis."""
        return np.reshape(self, (1,))

    flatten = ravel

    def squeeze(self, axis: Any = None) -> Scalar:
        """The number itself."""
        return self

    def transpose(self, *axes: Any) -> Scalar:
        """The number itself."""
        return self

    def copy(self, order: str = "C") -> Scalar:
        """The number itself, which nobody can change."""
        return self

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        """The number in another dtype."""
        return make_scalar(convert_to(convert(self._value, np.empty((), dtype)), np.dtype(dtype)))

    def view(self, dtype: Any = None) -> Scalar:
        """The number itself; its bits cannot be read as another dtype."""
        return self if dtype is None or np.dtype(dtype) == self.dtype else self._value.view(dtype)


def _rounded(x: Any, *, ndigits: int) -> Any:
    dtype = np.asarray(x).dtype
    if dtype.char not in "efd":
        raise TypeError(f"Python's round takes no numbers of dtype {dtype}")
    return np.vectorize(lambda v: round(float(v), ndigits), otypes=[dtype])(x)


rounded_p = Primitive("rounded", Step(_rounded), trusted=True, makes_new=True)
"""Python's ``round(x, ndigits)``, to the nearest of the decimal numbers, where NumPy's multiplies."""


class Number(Scalar):
    """A traced number of Python's, as ``x.item()`` and `math` give it, which takes the dtype of the array that it meets."""

    __slots__ = ()
    __class__ = property(lambda self: WEAK_TYPES[self._value.dtype.kind])

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits is None or self._value.dtype.kind != "f":
            found = super().__round__(ndigits)
            return Number(found._value) if type(found) is Scalar else found
        rounded = rounded_p.bind(convert(self._value, np.empty((), float)), ndigits=operator.index(ndigits))
        return Number(weaken_p.bind(rounded)) if isinstance(rounded, TracerBase) else float(rounded)

    def beside(self, *others: Any) -> Scalar:
        """The number in the dtype that it takes beside other values, also where it stands for a batch."""
        value = self._value
        dtypes = [] if is_weak(value) else [x.dtype for x in others if hasattr(x, "dtype") and type(x) is not Number]
        if not dtypes:
            return self
        return Scalar(convert_to(value, np.result_type(WEAK_TYPES[value.dtype.kind](0), *dtypes)))


def has_complex_number(x: Any) -> bool:
    """Whether a value is a complex number of Python's, which real arrays do not hold, or has one in its lists."""
    if issubclass(type(x), (list, tuple)):
        return any(map(has_complex_number, x))
    return type(x) is complex or (type(x) is Number and x.dtype.kind == "c")


FROM_2_5 = np.lib.NumpyVersion(np.__version__) >= "2.5.0"
"""Whether NumPy, from 2.5 on, refuses complex numbers of Python's as a part, and takes a result into an out of another kind."""


def check_real(x: Any, array: Any) -> None:
    """Raise where what is to be written into an array has complex numbers of Python's, and the array is real."""
    if has_complex_number(x) and array.dtype.kind not in "cb":
        raise not_real()


def beside_each_other(values: Any) -> list[Any]:
    """Operands, of which Python's numbers have the dtype that they take beside the others."""
    return [x.beside(*values) if type(x) is Number else x for x in values]


class Truth(Scalar):
    """A traced truth value of Python's, as ``x.item()`` of a boolean: in arithmetic it counts as 0 or 1."""

    __slots__ = ()
    __class__ = property(lambda self: bool)

    def counted(self) -> Number:
        """The integer 0 or 1."""
        return Number(weaken_p.bind(convert_to(self._value, np.dtype(np.int64))))


register_lifted("scalar", Scalar)
register_lifted("number", Number)
register_lifted("truth", Truth)
