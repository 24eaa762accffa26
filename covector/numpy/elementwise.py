"""NumPy's elementwise functions that are no ufuncs: choosing, clipping, rounding, complex parts, tests of numbers."""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, broadcast_shapes, dtype_of, is_weak, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import register_method
from covector.numpy.registry import (
    as_array,
    canonical_axis,
    cast,
    contains_tracer,
    held,
    implements,
    known_array,
    reject,
    reject_out,
)
from covector.primitives.arrays.selection import clip_p, select_p
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.math.arithmetic import imag, real
from covector.primitives.math.comparison import round_p
from covector.primitives.math.identity import stop_gradient_p
from covector.primitives.math.representation import from_parts_p
from covector.primitives.math.special import bessel_i_p, sinc_p

NO_VALUE = np._NoValue


def as_argument(x: Any) -> Any:
    """An argument of an elementwise function: Python numbers stay weakly typed, lists become arrays."""
    return x if type(x) is np.ndarray or type(x) in PYTHON_NUMBERS or isinstance(x, TracerBase) else as_array(x)


# --- choosing ---------------------------------------------------------------------------------------------------------


@implements(np.where)
def where(condition: Any, x: Any = NO_VALUE, y: Any = NO_VALUE, /) -> Any:
    if x is NO_VALUE and y is NO_VALUE:
        return np.nonzero(condition)
    if x is NO_VALUE or y is NO_VALUE:
        raise ValueError("either both or neither of x and y should be given")
    return select_p.bind(as_argument(condition), as_argument(x), as_argument(y))


@implements(np.clip, out=3)
def clip(
    a: Any,
    a_min: Any = NO_VALUE,
    a_max: Any = NO_VALUE,
    *,
    min: Any = NO_VALUE,
    max: Any = NO_VALUE,
    **options: Any,
) -> Any:
    """``minimum(maximum(a, min), max)``; at a bound that is a Python number the derivative is 0."""
    reject(np.clip, **options)
    if a_min is NO_VALUE and a_max is NO_VALUE:
        a_min, a_max = (None if v is NO_VALUE else v for v in (min, max))
    elif a_min is NO_VALUE or a_max is NO_VALUE:
        raise TypeError(f"clip() missing 1 required positional argument: 'a_{'min' if a_min is NO_VALUE else 'max'}'")
    elif min is not NO_VALUE or max is not NO_VALUE:
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    a = as_array(a)
    low, high = _bound(a_min, dtype_of(a), least=True), _bound(a_max, dtype_of(a), least=False)
    if {type(low), type(high)} <= {int, float}:
        return clip_p.bind(a, low=low, high=high)
    if low is not None and high is not None:
        a = convert_to(a, np.result_type(a, low, high))
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _bound(bound: Any, dtype: Any, least: bool) -> Any:
    """A bound of `clip`; one that lets all that an integer dtype can hold pass is its limit, if that cannot hold it."""
    if type(bound) is int and dtype.kind in "iu":
        info = np.iinfo(dtype)
        limit = int(info.min if least else info.max)
        bound = max(bound, limit) if least else min(bound, limit)
        return bound if int(info.min) <= bound <= int(info.max) else held(bound, dtype)
    return None if bound is None else as_argument(bound)


# --- rounding ---------------------------------------------------------------------------------------------------------


implements(np.round, np.around, out=2)(lambda a, decimals=0: round_p.bind(as_array(a), decimals=operator.index(decimals)))


def _round_method(self: Any, ndigits: int | None = None) -> Any:
    """``round(x)`` of a scalar: an integer where the value is known, else the nearest one in the dtype of ``x``."""
    if self.shape or self.dtype.kind == "c":
        what = f"round() was called on a traced value of type {typeof(self)}."
        raise TypeError(errors.describe(what, why="it takes one real number", fix="np.round(x)"))
    if ndigits is not None:
        return np.round(self, ndigits)
    value = self.concrete()
    return round(np.asarray(value).item()) if value is not None else np.round(self)


register_method("__round__", _round_method)


implements(np.fix, out=1)(lambda x: np.trunc(as_array(x)))

# --- complex numbers --------------------------------------------------------------------------------------------------


implements(np.real)(lambda val: real(as_argument(val)))
implements(np.imag)(lambda val: imag(as_argument(val)))
implements(np.iscomplex)(lambda x: np.not_equal(imag(as_array(x)), 0))
implements(np.isreal)(lambda x: np.equal(imag(as_array(x)), 0))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    z = as_array(z)
    result = np.arctan2(imag(z) if dtype_of(z).kind == "c" else 0, real(z))
    return result * (180 / math.pi) if deg else result


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part where all imaginary parts are negligible; the dtype depends on the values, so they must be known."""
    a = as_array(a)
    if dtype_of(a).kind != "c":
        return a
    return real(a) if np.real_if_close(known_array(a, np.real_if_close), tol).dtype.kind != "c" else a


# --- tests of numbers -------------------------------------------------------------------------------------------------


def _signed_infinity(x: Any, negative: bool) -> Any:
    x = as_array(x)
    if dtype_of(x).kind == "c":
        raise TypeError(f"This operation is not supported for {dtype_of(x)} values because it would be ambiguous.")
    sign = np.signbit(x) if dtype_of(x).kind == "f" else np.less(x, 0)
    return np.logical_and(np.isinf(x), sign if negative else np.logical_not(sign))


implements(np.isneginf, out=1)(partial(_signed_infinity, negative=True))
implements(np.isposinf, out=1)(partial(_signed_infinity, negative=False))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    a, b = as_argument(a), as_argument(b)
    b = float(b) if type(b) in (bool, int) else b if is_weak(b) else convert_to(b, np.result_type(dtype_of(b), 1.0))
    close = np.less_equal(np.abs(np.subtract(a, b)), np.add(atol, np.multiply(rtol, np.abs(b))))
    result = np.logical_or(np.logical_and(close, np.isfinite(b)), np.equal(a, b))
    return np.logical_or(result, np.logical_and(np.isnan(a), np.isnan(b))) if equal_nan else result


def _as_bool(x: Any) -> Any:
    """A Python ``bool``, as NumPy returns from whole-array tests, where the value is known."""
    return x if isinstance(x, TracerBase) else bool(x)


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    return _as_bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    a1, a2 = as_array(a1), as_array(a2)
    if shape_of(a1) != shape_of(a2):
        return False
    same = np.equal(a1, a2)
    if equal_nan:
        same = np.logical_or(same, np.logical_and(np.isnan(a1), np.isnan(a2)))
    return _as_bool(np.all(same))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    a1, a2 = as_array(a1), as_array(a2)
    try:
        broadcast_shapes(shape_of(a1), shape_of(a2))
    except ValueError:
        return False
    return _as_bool(np.all(np.equal(a1, a2)))


@implements(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None) -> Any:
    element, test_elements = as_array(element), np.reshape(as_array(test_elements), -1)
    if contains_tracer([element, test_elements]):
        found = np.any(np.equal(np.expand_dims(element, -1), test_elements), axis=-1)
        return np.logical_not(found) if invert else found
    return np.isin(element, test_elements, assume_unique=assume_unique, invert=invert, kind=kind)


def of_parts(x: Any, y: Any) -> Any:
    """The complex numbers of two arrays of real ones, exactly: ``x + 1j * y`` is NaN where y is infinite."""
    return from_parts_p.bind(np.stack(np.broadcast_arrays(x, y), -1))


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        reject_out(np.nan_to_num)
    x = as_array(x)
    dtype = dtype_of(x)
    if dtype.kind == "c":
        return of_parts(*(nan_to_num(part(x), True, nan, posinf, neginf) for part in (real, imag)))
    if dtype.kind != "f":
        return x
    limits = np.finfo(dtype)
    largest, least = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
    for is_such, value in ((np.isposinf, largest), (np.isneginf, least), (np.isnan, nan)):
        x = np.where(is_such(x), cast(as_array(value), dtype, "same_kind"), x)
    return x


# --- sinc, i0, unwrap -------------------------------------------------------------------------------------------------


implements(np.sinc)(lambda x: sinc_p.bind(as_array(x), order=0))


@implements(np.i0)
def i0(x: Any) -> Any:
    x = as_array(x)
    if dtype_of(x).kind == "c":
        raise TypeError("i0 not supported for complex values")
    return bessel_i_p.bind(x, order=0)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """Adds multiples of ``period`` to undo jumps; locally a constant, so the derivative is 1."""
    p = as_array(p)
    axis = canonical_axis(axis, len(shape_of(p)))
    steps = stop_gradient_p.bind(np.diff(p, axis=axis))
    dtype = np.result_type(dtype_of(steps), period)
    if dtype.kind == "u":
        raise OverflowError(f"half a period down is no number of the dtype {dtype}; unwrap signed integers or floats")
    half, ambiguous = (period // 2, period % 2 == 0) if dtype.kind in "iu" else (period / 2, True)
    wrapped = np.mod(steps + half, period) - half
    if ambiguous:
        wrapped = np.where(np.logical_and(wrapped == -half, steps > 0), half, wrapped)
    correction = np.where(np.abs(steps) < (period / 2 if discont is None else discont), 0, wrapped - steps)
    if not shape_of(p)[axis]:
        return convert_to(p, dtype)
    lead = (slice(None),) * axis
    first, rest = p[(*lead, slice(1))], p[(*lead, slice(1, None))]
    unwrapped = rest + convert_to(np.cumsum(correction, axis=axis), dtype)
    return np.concatenate([convert_to(first, dtype), convert_to(unwrapped, dtype)], axis=axis)


# --- numpy.emath: complex results outside the real domain -------------------------------------------------------------


SMALL = set(map(np.dtype, (np.float32, np.int8, np.uint8, np.int16, np.uint16)))
"""What `numpy.emath` makes ``complex64`` of; all else becomes ``complex128``."""


def _in_complex_domain(x: Any, function: Any, outside: Any) -> Any:
    """``x``, made complex if any of its values is outside the real domain: they must be known."""
    x = as_array(x)
    if dtype_of(x).kind == "c":
        return x
    fix = f"np.{function.__name__} of complex numbers, x + 0j, or of real ones in its domain: the dtype is known then"
    if np.any(outside(known_array(x, function, fix))):
        return x.astype(np.complex64 if dtype_of(x) in SMALL else np.complex128)
    return x if dtype_of(x).kind == "f" else x.astype(np.float64)


def _negative(x: Any) -> Any:
    return x < 0


def _extend(name: str, outside: Any) -> None:
    function, ufunc = getattr(np.emath, name), getattr(np, name)

    @implements(function)
    def extended(x: Any) -> Any:
        return ufunc(_in_complex_domain(x, function, outside))


for _name in ("sqrt", "log", "log2", "log10"):
    _extend(_name, _negative)
for _name in ("arcsin", "arccos", "arctanh"):
    _extend(_name, lambda x: np.abs(x) > 1)


implements(np.emath.logn)(lambda n, x: np.emath.log(x) / np.emath.log(n))


@implements(np.emath.power)
def emath_power(x: Any, p: Any) -> Any:
    p = as_array(p)
    if dtype_of(p).kind in "iu" and np.any(known_array(p, np.emath.power) < 0):
        p = p.astype(np.float64)
    return np.power(_in_complex_domain(x, np.emath.power, _negative), p)
