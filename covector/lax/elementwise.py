"""Elementwise functions under JAX's names; NumPy's and SciPy's own objects where these mean the same.

>>> int(div(-7, 2)), int(rem(-7, 2)), float(round(2.5)), sin is np.sin
(-3, -1, 3.0, True)

Shapes broadcast and dtypes promote as NumPy's do, where JAX asks for equal ones.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, typeof
from covector.numpy.elementwise import of_parts
from covector.numpy.registry import as_array, inexact
from covector.primitives.math import special_ufuncs as _scipy
from covector.primitives.math.shape_derivatives import gamma_sample_in_a as _gamma_sample_in_a
from covector.primitives.math.shape_derivatives import gammainc_in_a as _gammainc_in_a
from covector.scipy.special import polygamma as _polygamma

add, sub, mul, neg, abs, sign, pow = np.add, np.subtract, np.multiply, np.negative, np.absolute, np.sign, np.power
sqrt, cbrt, square, reciprocal = np.sqrt, np.cbrt, np.square, np.reciprocal
exp, exp2, expm1, log, log1p = np.exp, np.exp2, np.expm1, np.log, np.log1p
sin, cos, tan, asin, acos, atan, atan2 = np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2
sinh, cosh, tanh, asinh, acosh, atanh = np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh
logistic, erf, erfc, erf_inv = _scipy.expit, _scipy.erf, _scipy.erfc, _scipy.erfinv
lgamma, digamma = _scipy.gammaln, _scipy.psi
zeta, igamma, igammac, betainc = _scipy.zeta, _scipy.gammainc, _scipy.gammaincc, _scipy.betainc
bessel_i0e, bessel_i1e = _scipy.i0e, _scipy.i1e
max, min, rem, nextafter = np.maximum, np.minimum, np.fmod, np.nextafter
eq, ne, lt, le, gt, ge = np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal
is_finite, floor, ceil, conj, real, imag = np.isfinite, np.floor, np.ceil, np.conjugate, np.real, np.imag
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert
shift_left = np.left_shift


def div(x: Any, y: Any) -> Any:
    """``x / y``; of integers the quotient without its fraction.

    >>> int(div(-7, 2)), float(div(-7.0, 2.0))
    (-3, -3.5)
    """
    if dtype_of(x).kind in "iu" and dtype_of(y).kind in "iu":
        return (x - np.fmod(x, y)) // y
    return np.divide(x, y)


def integer_pow(x: Any, y: int) -> Any:
    """``x`` to a whole power.

    >>> float(integer_pow(2.0, -2))
    0.25
    """
    return np.power(x, y)


def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``.

    >>> float(rsqrt(4.0))
    0.5
    """
    return np.reciprocal(np.sqrt(x))


def polygamma(m: Any, x: Any) -> Any:
    """The derivative of order ``m`` of `digamma`; differentiable in ``x``.

    >>> float(np.round(polygamma(1.0, 1.0), 6))
    1.644934
    """
    return np.astype(as_array(_polygamma(m, x)), dtype_of(x))[()]


def igamma_grad_a(a: Any, x: Any) -> Any:
    """The derivative of `igamma` in its first argument.

    >>> float(np.round(igamma_grad_a(2.0, 1.0), 6))
    -0.276196
    """
    return _in_a(_gammainc_in_a, "igamma_grad_a", a, x)


def random_gamma_grad(a: Any, sample: Any) -> Any:
    """How a sample of the gamma distribution moves with its parameter, its quantile staying the same.

    >>> float(np.round(random_gamma_grad(2.0, 1.0), 6))
    0.750779
    """
    return _in_a(_gamma_sample_in_a, "random_gamma_grad", a, sample)


def _in_a(derivative: Any, who: str, a: Any, x: Any) -> Any:
    a, x = inexact(a), inexact(x)
    if "c" in (dtype_of(a).kind, dtype_of(x).kind):
        raise TypeError(f"{who}() takes real numbers; got {typeof(a)} and {typeof(x)}")
    return np.astype(as_array(derivative(a, x)), np.result_type(dtype_of(a), dtype_of(x)))[()]


def clamp(min: Any, x: Any, max: Any) -> Any:
    """``x``, but at least ``min`` and at most ``max``.

    >>> clamp(0.0, np.array([-1.0, 0.5, 2.0]), 1.0)
    array([0. , 0.5, 1. ])
    """
    if min is None or max is None:
        raise errors.ArgumentError(f"lax.clamp got the bounds {min!r} and {max!r}.", fix="give both, or call np.clip")
    return np.clip(as_array(x), min, max)[()]


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """Elements of ``on_true`` where ``pred`` holds, and of ``on_false`` elsewhere.

    >>> select(np.array([True, False]), np.array([1, 2]), np.array([3, 4]))
    array([1, 4])
    """
    return np.where(as_array(pred), on_true, on_false)[()]


def select_n(which: Any, *cases: Any) -> Any:
    """Elements of the case that ``which`` numbers (False is 0, True 1).

    >>> select_n(np.array([0, 2]), np.array([1, 2]), np.array([3, 4]), np.array([5, 6]))
    array([1, 6])
    """
    if not cases:
        raise TypeError("select_n() needs at least one case")
    which = as_array(which)
    if dtype_of(which).kind not in "biu" or (dtype_of(which).kind == "b" and len(cases) > 2):
        raise TypeError(f"select_n() chooses by a boolean, or by an integer among more than two; got {typeof(which)}")
    chosen = as_array(cases[-1])
    for i in reversed(range(len(cases) - 1)):
        chosen = np.where(which <= i, cases[i], chosen)
    return chosen[()]


class RoundingMethod(enum.IntEnum):
    """What becomes of halves in `round`."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Any:
    """The nearest whole number, halves away from zero by default.

    >>> round(np.array([-2.5, 0.4, 2.5])), round(2.5, RoundingMethod.TO_NEAREST_EVEN)
    (array([-3.,  0.,  3.]), np.float64(2.0))
    """
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return np.rint(x)
    whole = np.trunc(x)
    beyond = np.absolute(np.where(np.isfinite(x), x, 0) - np.where(np.isfinite(x), whole, 0)) >= 0.5
    return np.where(beyond, whole + np.sign(x), whole)[()]


def complex(x: Any, y: Any) -> Any:
    """The complex number of two real parts, exactly, infinite ones too.

    >>> complex(np.float32(1.0), np.float32(2.0))
    np.complex64(1+2j)
    """
    x, y = inexact(x), inexact(y)
    dtype = np.result_type(dtype_of(x), dtype_of(y), np.float32)
    if dtype.kind != "f":
        raise TypeError(f"complex() takes real numbers; got {typeof(x)} and {typeof(y)}")
    return of_parts(np.astype(x, dtype), np.astype(y, dtype))[()]


def _unsigned(x: Any) -> Any:
    x = as_array(x)
    return np.astype(x, np.dtype(f"u{dtype_of(x).itemsize}"))


def shift_right_logical(x: Any, y: Any) -> Any:
    """Shift bits right, zeros coming in.

    >>> int(shift_right_logical(np.int8(-1), np.int8(4)))
    15
    """
    return np.astype(np.right_shift(_unsigned(x), _unsigned(y)), dtype_of(x))[()]


def shift_right_arithmetic(x: Any, y: Any) -> Any:
    """Shift bits right, the first bit being repeated.

    >>> int(shift_right_arithmetic(np.int8(-16), np.int8(2)))
    -4
    """
    signed = np.dtype(f"i{dtype_of(x).itemsize}")
    return np.astype(np.right_shift(np.astype(as_array(x), signed), np.astype(as_array(y), signed)), dtype_of(x))[()]


def population_count(x: Any) -> Any:
    """How many bits are set.

    >>> int(population_count(np.int8(-1)))
    8
    """
    return np.astype(np.bitwise_count(_unsigned(x)), dtype_of(x))[()]


def clz(x: Any) -> Any:
    """How many leading bits are zeros.

    >>> int(clz(np.int32(1)))
    31
    """
    bits = _unsigned(x)
    width = 8 * dtype_of(x).itemsize
    for shift in [s for s in (1, 2, 4, 8, 16, 32) if s < width]:  # sets all bits after the first that is set
        bits = bits | (bits >> shift)
    return np.astype(width - np.astype(np.bitwise_count(bits), np.int64), dtype_of(x))[()]


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """The values in another dtype; of complex ones the real part if it is a real one.

    >>> convert_element_type(np.array([1.7, -1.7]), np.int32)
    array([ 1, -1], dtype=int32)
    """
    operand, dtype = as_array(operand), np.dtype(new_dtype)
    if dtype_of(operand).kind == "c" and dtype.kind not in "cb":
        operand = np.real(operand)
    return np.astype(operand, dtype)[()]


_IMPORTED = ("Any", "annotations", "as_array", "dtype_of", "enum", "inexact", "np", "of_parts", "typeof")
__all__ = [n for n in dir() if not n.startswith("_") and n not in _IMPORTED]
