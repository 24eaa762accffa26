"""Elementwise arithmetic: NumPy's ufuncs of real and complex numbers.

A derivative is written in terms of the output and the arguments, ``lambda out, x: ...``, with the operators and NumPy functions
that a user would write; on tracers these are primitives again, so derivatives of any order follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, dtype_of, typeof
from covector.core.jaxpr import Var
from covector.core.primitive import Primitive, jointly, one_of
from covector.core.tracer import UFUNCS, UNARY_UFUNCS
from covector.primitives.constructors import elementwise_primitive
from covector.primitives.ring import add_p, elementwise_batch, mul_p, neg_p, sub_p
from covector.primitives.shaping import convert_p, fit, unbroadcast

PYTHON_NUMBERS = {bool, int, float, complex}

LN2, LN10, DEGREE = math.log(2.0), math.log(10.0), math.pi / 180.0
# --- one argument ---------------------------------------------------------------------------------------------------------------------


def _unary(ufunc: np.ufunc, derivative: Any = None, name: str = "") -> Primitive:
    derivatives = () if derivative is None else (derivative,)
    primitive = elementwise_primitive(name or ufunc.__name__, ufunc, *derivatives, exact=True)
    UFUNCS[ufunc] = primitive.bind
    UNARY_UFUNCS[ufunc] = primitive
    return primitive


exp_p = _unary(np.exp, lambda out, x: out)
exp2_p = _unary(np.exp2, lambda out, x: LN2 * out)
expm1_p = _unary(np.expm1, lambda out, x: out + 1)
log_p = _unary(np.log, lambda out, x: 1 / x)
log2_p = _unary(np.log2, lambda out, x: 1 / (LN2 * x))
log10_p = _unary(np.log10, lambda out, x: 1 / (LN10 * x))
log1p_p = _unary(np.log1p, lambda out, x: 1 / (1 + x))
sqrt_p = _unary(np.sqrt, lambda out, x: 0.5 / out)
cbrt_p = _unary(np.cbrt, lambda out, x: 1 / (3 * np.square(out)))
square_p = _unary(np.square, lambda out, x: 2 * x)
reciprocal_p = _unary(np.reciprocal, lambda out, x: -np.square(out))
sin_p = _unary(np.sin, lambda out, x: np.cos(x))
cos_p = _unary(np.cos, lambda out, x: -np.sin(x))
tan_p = _unary(np.tan, lambda out, x: 1 + np.square(out))
arcsin_p = _unary(np.arcsin, lambda out, x: 1 / np.sqrt(1 - np.square(x)))
arccos_p = _unary(np.arccos, lambda out, x: -1 / np.sqrt(1 - np.square(x)))
arctan_p = _unary(np.arctan, lambda out, x: 1 / (1 + np.square(x)))
sinh_p = _unary(np.sinh, lambda out, x: np.cosh(x))
cosh_p = _unary(np.cosh, lambda out, x: np.sinh(x))
tanh_p = _unary(np.tanh, lambda out, x: 1 - np.square(out))
arcsinh_p = _unary(np.arcsinh, lambda out, x: 1 / np.sqrt(1 + np.square(x)))
arccosh_p = _unary(np.arccosh, lambda out, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))
arctanh_p = _unary(np.arctanh, lambda out, x: 1 / (1 - np.square(x)))
deg2rad_p = _unary(np.deg2rad, lambda out, x: DEGREE)
rad2deg_p = _unary(np.rad2deg, lambda out, x: 1 / DEGREE)
UFUNCS[np.radians], UFUNCS[np.degrees] = deg2rad_p.bind, rad2deg_p.bind

sign_p = _unary(np.sign)  # the complex sign, z/|z|, is differentiated where it is used: see abs
rint_p, floor_p, ceil_p, trunc_p = map(_unary, (np.rint, np.floor, np.ceil, np.trunc))
isfinite_p, isinf_p, isnan_p, signbit_p = map(_unary, (np.isfinite, np.isinf, np.isnan, np.signbit))
spacing_p = _unary(np.spacing)


# --- two arguments ----------------------------------------------------------------------------------------------------------------------


def _binary(ufunc: np.ufunc, *derivatives: Any, name: str = "") -> Primitive:
    primitive = elementwise_primitive(name or ufunc.__name__, ufunc, *derivatives)
    UFUNCS[ufunc] = primitive.bind
    return primitive


def _winner(out: Any, mine: Any, other: Any) -> Any:
    """The derivative of a maximum or minimum in one argument: 1 where it is the result, 1/2 at a tie.

    At a tie with a number written in the program the number wins, so that ``np.maximum(x, 0)`` is ReLU with derivative 0 at 0.
    """
    if other.__class__ in PYTHON_NUMBERS:
        return np.where(mine == other, 0.0, mine == out)
    return np.where(mine == other, 0.5, mine == out)


for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    _binary(_ufunc, lambda out, x, y: _winner(out, x, y), lambda out, x, y: _winner(out, y, x))

arctan2_p = _binary(
    np.arctan2, lambda out, y, x: x / (np.square(x) + np.square(y)), lambda out, y, x: -y / (np.square(x) + np.square(y))
)


def _hypot_derivative(out: Any, x: Any) -> Any:
    return x / np.where(out == 0, 1, out)


hypot_p = _binary(np.hypot, lambda out, x, y: _hypot_derivative(out, x), lambda out, x, y: _hypot_derivative(out, y))


def _share(out: Any, x: Any) -> Any:
    """exp(x - out), the derivative of logaddexp; equal infinities share equally as far as that can be told."""
    return np.exp(np.where(x == out, 0, x - np.where(x == out, 0, out)))


logaddexp_p = _binary(np.logaddexp, lambda out, x, y: np.exp(_no_nan(x - out)), lambda out, x, y: np.exp(_no_nan(y - out)))
logaddexp2_p = _binary(np.logaddexp2, lambda out, x, y: np.exp2(_no_nan(x - out)), lambda out, x, y: np.exp2(_no_nan(y - out)))


def _no_nan(difference: Any) -> Any:
    """inf - inf counts as 0."""
    return np.where(np.isnan(difference), 0, difference)


copysign_p = _binary(np.copysign, lambda out, x, y: np.where(np.signbit(x) == np.signbit(y), 1.0, -1.0), None)
remainder_p = _binary(np.remainder, lambda out, x, y: 1.0, lambda out, x, y: -np.floor_divide(x, y))
fmod_p = _binary(np.fmod, lambda out, x, y: 1.0, lambda out, x, y: -np.trunc(x / y))
floor_divide_p = _binary(np.floor_divide)
heaviside_p = _binary(np.heaviside, None, lambda out, x, y: np.where(x == 0, 1.0, 0.0))
nextafter_p = _binary(np.nextafter, lambda out, x, y: 1.0, None)
ldexp_p = _binary(np.ldexp, lambda out, x, y: np.ldexp(np.ones((), dtype_of(out)), y), None)

for _ufunc in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor),
    *(np.left_shift, np.right_shift, np.gcd, np.lcm),
):
    _binary(_ufunc)
logical_not_p, invert_p, bitwise_count_p = map(_unary, (np.logical_not, np.invert, np.bitwise_count))


# --- division ---------------------------------------------------------------------------------------------------------------------------

div_p = elementwise_primitive("div", np.true_divide, None, lambda out, x, y: None, keeps_weak=True)


@div_p.def_jvp
def _div_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    x, y = primals
    tx, ty = tangents
    out = div_p.bind(x, y)
    if ty.__class__ is Zero:
        return out, typeof(out).zero if tx.__class__ is Zero else div_p.bind(tx, y)
    if tx.__class__ is Zero:
        return out, mul_p.bind(div_p.bind(neg_p.bind(out), y), ty)
    return out, div_p.bind(sub_p.bind(tx, mul_p.bind(out, ty)), y)


@div_p.def_transpose(linear=jointly(0))
def _div_transpose(ct: Any, x: Any, y: Any) -> Any:
    return unbroadcast(div_p.bind(ct, y), x.aval), None


# --- powers -----------------------------------------------------------------------------------------------------------------------------


def _power(x: Any, y: Any) -> Any:
    """``x ** y`` as the operator has it, which for ndarrays knows fast squares and roots."""
    return np.power(x, y) if x.__class__ in PYTHON_NUMBERS and y.__class__ in PYTHON_NUMBERS else x**y


def _power_by_base(out: Any, x: Any, y: Any) -> Any:
    """y x^(y-1), and 0 for y = 0 whatever x is."""
    if y.__class__ in PYTHON_NUMBERS:
        return 2 * x if y == 2 else y * x ** (y - 1) if y != 0 else 0.0
    safe = np.where(y == 0, 1, y)
    return np.where(y == 0, 0, y * np.float_power(x, safe - 1) if dtype_of(x).kind in "iub" else y * np.power(x, safe - 1))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    """log(x) x^y, and 0 for x = 0."""
    return np.log(np.where(x == 0, 1, x)) * out


pow_p = elementwise_primitive("pow", np.power, _power_by_base, _power_by_exponent, keeps_weak=True)
pow_p.impl = _power
float_power_p = _binary(np.float_power, _power_by_base, _power_by_exponent)


# --- absolute value, and complex numbers ----------------------------------------------------------------------------------------------------


def _real_part_linear(name: str, ufunc: Any, transpose: Any) -> Primitive:
    """A real-linear function of a complex number, which NumPy gives for real numbers too."""
    primitive = elementwise_primitive(name, ufunc)

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive.bind(x)
        return out, typeof(out).zero if t.__class__ is Zero else primitive.bind(t)

    @primitive.def_transpose(linear=jointly())
    def transpose_rule(ct: Any, x: Any) -> Any:
        return (unbroadcast(transpose(ct, x.aval), x.aval),)

    return primitive


conj_p = _real_part_linear("conj", np.conjugate, lambda ct, x: conj_p.bind(ct))
real_p = _real_part_linear("real", np.real, lambda ct, x: ct)
imag_p = _real_part_linear("imag", np.imag, lambda ct, x: ct * -1j if x.dtype.kind == "c" else 0 * ct)
UFUNCS[np.conjugate] = conj_p.bind

abs_p = elementwise_primitive("abs", np.absolute, keeps_weak=True)
fabs_p = _unary(np.fabs, lambda out, x: np.sign(x))
UFUNCS[np.absolute] = abs_p.bind


@abs_p.def_jvp
def _abs_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x,), (t,) = primals, tangents
    out = abs_p.bind(x)
    if t.__class__ is Zero:
        return out, typeof(out).zero
    if dtype_of(x).kind != "c":
        return out, mul_p.bind(np.sign(x), t)
    unit = conj_p.bind(x) / np.where(out == 0, 1, out)
    return out, real_p.bind(mul_p.bind(unit, t))


@sign_p.def_jvp
def _sign_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Zero for real numbers; for z/|z| the part of the change that turns it: i sign(z) Im(conj(sign z) dz) / |z|."""
    (x,), (t,) = primals, tangents
    out = sign_p.bind(x)
    if t.__class__ is Zero or dtype_of(x).kind != "c":
        return out, typeof(out).zero
    size = np.abs(x)
    turn = imag_p.bind(mul_p.bind(np.conj(out) / np.where(size == 0, 1, size), t))
    return out, mul_p.bind(1j * out, turn)


# --- the operators of tracers, and the ufuncs that are operators too -------------------------------------------------------------------------

for _ufunc, _primitive in (
    (np.add, add_p),
    (np.subtract, sub_p),
    (np.multiply, mul_p),
    (np.divide, div_p),
    (np.power, pow_p),
    (np.negative, neg_p),
):
    UFUNCS[_ufunc] = _primitive.bind
UFUNCS[np.positive] = lambda x: x
