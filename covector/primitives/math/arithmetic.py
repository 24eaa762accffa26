"""Elementwise arithmetic: NumPy's ufuncs of real and complex numbers that have a derivative.

A derivative is written in terms of the output and the arguments, ``lambda out, x: ...``, with the operators and NumPy functions
that a user would write; on tracers these are primitives again, so derivatives of any order follow.  Functions that are constant
between their jumps (comparisons, rounding) are in `covector.primitives.math.comparison`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from covector.backends import forms
from covector.core.avals import PYTHON_NUMBERS, WEAK_NUMBERS, Zero, dtype_of, is_weak, typeof
from covector.core.jaxpr import Literal, Var
from covector.core.kinds import Elementwise, ElementwiseLinear, Step
from covector.core.primitive import Primitive, jointly
from covector.core.tracer import Tracer, register_method, register_ufunc, view_of
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.recording import of_two, recorded
from covector.primitives.arrays.shaping import arrive, convert_to, fit, strengthened, unbroadcast
from covector.primitives.derivations import jvp_of_one, numpy_scalars
from covector.primitives.math.identity import stop_gradient_p
from covector.primitives.math.ring import add_p, install_operators, mul_p, neg_p, scale, scaled, sub_p, with_tangent

if TYPE_CHECKING:
    from covector.passes.legalize import Legalizer, Value

LN2, LN10, DEGREE = math.log(2.0), math.log(10.0), math.pi / 180.0


# --- ufuncs, and those of them that are operators too -----------------------------------------------------------------


def of_ufunc(ufunc: np.ufunc, *derivatives: Any, exact: bool = True, kind: type[Elementwise] = Elementwise) -> Primitive:
    """The primitive of a ufunc, which is what the ufunc means on tracers."""
    primitive = Primitive(ufunc.__name__, kind(ufunc, *derivatives, exact=exact), trusted=True, makes_new=True)
    register_ufunc(ufunc, primitive)
    return primitive


def of_operator(ufunc: np.ufunc, *derivatives: Any, name: str = "", kind: type[Elementwise] = Elementwise) -> Primitive:
    """The primitive of an operator, which gives a Python number for Python numbers, and no error: ``1 / 0`` is infinite.

    In a program the ufunc is called where the result is no Python number.
    """

    def unary(x: Any) -> Any:
        return ufunc(x).item() if type(x) in WEAK_NUMBERS else ufunc(x)

    def binary(x: Any, y: Any) -> Any:
        return ufunc(x, y).item() if type(x) in WEAK_NUMBERS and type(y) in WEAK_NUMBERS else ufunc(x, y)

    of_numbers = kind(unary if ufunc.nin == 1 else binary, *derivatives, keeps_weak=True, like=ufunc)
    primitive = Primitive(name or ufunc.__name__, of_numbers, trusted=True, makes_new=True)
    primitive.def_rule("lower", lambda eqn: forms.call(ufunc))
    register_operator(ufunc, primitive)
    return primitive


def register_operator(ufunc: np.ufunc, primitive: Primitive) -> None:
    """Calling the ufunc means what the operator does, except that NumPy returns ``float64`` for two Python numbers.

    The two classes are looked at first because they are nearly all there is: 30 ns, where `is_weak` takes 300.
    """
    bind = primitive.bind

    def unary(x: Any) -> Any:
        return bind(strengthened(x))

    def binary(x: Any, y: Any) -> Any:
        if type(x) is JVPTracer:
            if type(x.primal) is not ndarray and is_weak(x) and is_weak(y):
                x = strengthened(x)
        elif type(x) is not ndarray and is_weak(x) and is_weak(y):
            x = strengthened(x)
        return bind(x, y)

    register_ufunc(ufunc, binary if ufunc.nin == 2 else unary)


# --- one argument -----------------------------------------------------------------------------------------------------


def _is_complex(x: Any) -> bool:
    return dtype_of(x).kind == "c"


def _leg(x: Any) -> Any:
    """``sqrt(1 - x²)``; a complex x is not squared, which would overflow and leave the principal branch (Kahan, 1987).

    Differences keep the sign of an imaginary part of zero, which says on what side of a cut x is; ``1 + x`` would not.
    """
    return np.sqrt(-(x - 1)) * np.sqrt(x - -1) if _is_complex(x) else np.sqrt((1 - x) * (1 + x))


def _hypotenuse(x: Any) -> Any:
    """``sqrt(1 + x²)`` without overflow in the square."""
    if not _is_complex(x):
        return np.hypot(x, np.ones((), dtype_of(x)))
    turned = 1j * _beside_cut(x)
    return np.sqrt(1 + turned) * np.sqrt(1 - turned)


def _beside_cut(x: Any) -> Any:
    """Complex numbers, those on the imaginary axis as close to it as can be on the side that the sign of their zero says."""
    beside = np.copysign(np.finfo(dtype_of(x)).tiny, np.real(x))
    return np.where(np.real(x) == 0, x + beside, x)


exp_p = of_ufunc(np.exp, lambda out, x: out)
exp2_p = of_ufunc(np.exp2, lambda out, x: LN2 * out)
expm1_p = of_ufunc(np.expm1, lambda out, x: np.exp(x))  # out + 1 is 0 for x < -37
log_p = of_ufunc(np.log, lambda out, x: 1 / x)
log2_p = of_ufunc(np.log2, lambda out, x: 1 / (LN2 * x))
log10_p = of_ufunc(np.log10, lambda out, x: 1 / (LN10 * x))
log1p_p = of_ufunc(np.log1p, lambda out, x: 1 / (1 + x))
sqrt_p = of_ufunc(np.sqrt, lambda out, x: 0.5 / out)
cbrt_p = of_ufunc(np.cbrt, lambda out, x: 1 / (3 * np.square(out)))
root_p = Primitive("root", Elementwise(np.sqrt, lambda out, x: direction_p.bind(out, 0.5)), trusted=True, makes_new=True)
"""The root of a sum of squares: a length, of which the derivative at 0 is 0 (that of `sqrt` is infinite)."""
square_p = of_ufunc(np.square, lambda out, x: 2 * x)
reciprocal_p = of_ufunc(np.reciprocal, lambda out, x: -np.square(out))
sin_p = of_ufunc(np.sin, lambda out, x: np.cos(x))
cos_p = of_ufunc(np.cos, lambda out, x: -np.sin(x))
tan_p = of_ufunc(np.tan, lambda out, x: 1 + np.square(out))
arcsin_p = of_ufunc(np.arcsin, lambda out, x: 1 / _leg(x))
arccos_p = of_ufunc(np.arccos, lambda out, x: -1 / _leg(x))
arctan_p = of_ufunc(np.arctan, lambda out, x: np.square(1 / _hypotenuse(x)))
sinh_p = of_ufunc(np.sinh, lambda out, x: np.cosh(x))
cosh_p = of_ufunc(np.cosh, lambda out, x: np.sinh(x))
tanh_p = of_ufunc(np.tanh, lambda out, x: 1 - np.square(out))
arcsinh_p = of_ufunc(np.arcsinh, lambda out, x: 1 / _hypotenuse(x))
arccosh_p = of_ufunc(np.arccosh, lambda out, x: 1 / (np.sqrt(x - 1) * np.sqrt(x - -1)))
arctanh_p = of_ufunc(np.arctanh, lambda out, x: 1 / (1 - x) / (1 + x))
deg2rad_p = of_ufunc(np.deg2rad, lambda out, x: DEGREE, exact=False)  # a Python number, as weak as the tangent
rad2deg_p = of_ufunc(np.rad2deg, lambda out, x: 1 / DEGREE, exact=False)
register_ufunc(np.radians, deg2rad_p)
register_ufunc(np.degrees, rad2deg_p)


def _real_sign(x: Any) -> Any:
    if _is_complex(x):
        raise TypeError("the absolute value of a complex number has no slope")
    return np.sign(x)


slope_p = Primitive("slope", Elementwise(_real_sign, lambda out, x: 0 / x), trusted=True, makes_new=True)
"""The derivative of the real absolute value: its sign, and 0 at 0, where it has itself no derivative (NaN)."""
fabs_p = of_ufunc(np.fabs, lambda out, x: slope_p.bind(x))


# --- two arguments ----------------------------------------------------------------------------------------------------


_ratio = Elementwise(
    lambda size, coordinate: coordinate / np.where(size == 0, 1, size),
    lambda out, size, coordinate: -out / size,
    lambda out, size, coordinate: 1 / convert_to(size + 0 / size, dtype_of(out)),
)
direction_p = Primitive("direction", _ratio, trusted=True, makes_new=True)
"""``coordinate / size``, the derivative of a length, and 0 where that is 0.  There it has itself no derivative: NaN."""

hypot_p = of_ufunc(np.hypot, lambda out, x, y: direction_p.bind(out, x), lambda out, x, y: direction_p.bind(out, y))


def _over_square(coordinate: Any, y: Any, x: Any) -> Any:
    """``coordinate / (x² + y²)`` without overflow in the squares; NaN at the origin, where the angle has no derivative."""
    size = np.hypot(x, y)
    return coordinate / size / size


arctan2_p = of_ufunc(np.arctan2, lambda out, y, x: _over_square(x, y, x), lambda out, y, x: _over_square(-y, y, x))


def _share(mine: Any, other: Any) -> Any:
    """``exp(mine) / (exp(mine) + exp(other))``; two of +inf share equally, two of -inf have none."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.subtract(mine, other)
    rest = np.asarray(np.fabs(apart))
    np.exp(np.negative(rest, out=rest), out=rest)  # in place: to ask for memory takes longer than to fill it
    share = np.asarray(np.where(apart > 0, 1.0, rest))
    np.divide(share, np.add(rest, 1.0, out=rest), out=share)
    if np.isnan(share).any():
        infinite = np.isinf(mine) & np.equal(mine, other)
        share = np.where(infinite, np.greater(mine, 0) * share.dtype.type(0.5), share)
    return share[()]


def _shared(out: Any, mine: Any, other: Any) -> Any:
    """The derivative of a share, 0 where it is that of two that are infinite."""
    return np.where(np.equal(mine, np.inf), 0, out * share_p.bind(other, mine))


share_p = Primitive(
    "exp_share",
    Elementwise(
        _share,
        lambda out, mine, other: _shared(out, mine, other),
        lambda out, mine, other: -_shared(out, mine, other),
    ),
    trusted=True,
    makes_new=True,
)
"""The derivative of ``logaddexp(mine, other)`` in the first: of the arguments, so that nobody computes a logarithm for it."""

logaddexp_p = of_ufunc(np.logaddexp, lambda out, x, y: share_p.bind(x, y), lambda out, x, y: share_p.bind(y, x))


def _binary_share(mine: Any, other: Any) -> Any:
    """The same of powers of 2: the difference is scaled, since large numbers, once scaled, have lost theirs."""
    start = stop_gradient_p.bind(np.where(np.isfinite(other), other, 0))
    with np.errstate(over="ignore"):
        return share_p.bind(LN2 * (mine - start), LN2 * (other - start))


logaddexp2_p = of_ufunc(np.logaddexp2, lambda out, x, y: _binary_share(x, y), lambda out, x, y: _binary_share(y, x))
copysign_p = of_ufunc(np.copysign, lambda out, x, y: np.where(np.signbit(x) == np.signbit(y), 1.0, -1.0), None)
remainder_p = of_operator(np.remainder, lambda out, x, y: 1.0, lambda out, x, y: -np.floor_divide(x, y))
fmod_p = of_ufunc(np.fmod, lambda out, x, y: 1.0, lambda out, x, y: -np.rint((x - out) / y))
heaviside_p = of_ufunc(np.heaviside, None, lambda out, x, y: np.where(x == 0, 1.0, 0.0))
nextafter_p = of_ufunc(np.nextafter, lambda out, x, y: 1.0, None)


def _extremum(ufunc: np.ufunc, wins: Callable[[Any, Any], Any] | None) -> Primitive:
    """A maximum or minimum: the derivative in an argument is 1 where it is the result, 1/2 at a tie.

    At a tie with a Python number that is not differentiated the number wins, so that ``np.maximum(x, 0)`` is ReLU with
    derivative 0 at 0.
    """
    primitive = of_ufunc(ufunc)

    def share(out: Any, mine: Any, other: Any, t_other: Any) -> Any:
        if type(t_other) is not Zero or not is_weak(other):
            return convert_to(np.where(mine == other, 0.5, mine == out), dtype_of(out))
        won = (mine == out) & (mine != other) if wins is None else wins(mine, other)
        return convert_to(won, dtype_of(out))

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x, y), (tx, ty), out = primals, tangents, primitive.bind(*primals)
        terms = [] if type(tx) is Zero else [share(out, x, y, ty), tx]
        return with_tangent(out, terms if type(ty) is Zero else [*terms, share(out, y, x, tx), ty])

    if wins is None:
        return primitive

    @of_two
    def record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
        """Of a variable and a number."""
        if vy is not None or type(y) not in PYTHON_NUMBERS:
            return None
        out = ufunc(x, y)
        return scaled(trace, out, wins(x, y).astype(out.dtype), vx)

    primitive.def_rule("record", record)
    return primitive


maximum_p = _extremum(np.maximum, lambda mine, other: np.greater(mine, other))
minimum_p = _extremum(np.minimum, lambda mine, other: np.less(mine, other))
fmax_p, fmin_p = _extremum(np.fmax, None), _extremum(np.fmin, None)

_scaling = ElementwiseLinear(np.ldexp, lambda ct, x, exponent: ldexp_p.bind(ct, exponent))
ldexp_p = Primitive("ldexp", _scaling, trusted=True, makes_new=True)
register_ufunc(np.ldexp, ldexp_p)


# --- division ---------------------------------------------------------------------------------------------------------

div_p = of_operator(np.true_divide, name="div")


@div_p.def_jvp
def _div_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    x, y = primals
    tx, ty = tangents
    out = div_p.bind(x, y)
    if type(ty) is Zero:
        return out, typeof(out).zero if type(tx) is Zero else div_p.bind(tx, y)
    if type(tx) is Zero:
        return out, scale(div_p.bind(neg_p.bind(out), y), ty)
    return out, div_p.bind(sub_p.bind(tx, mul_p.bind(out, ty)), y)


@div_p.def_rule("record")
@of_two
def _div_record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
    out = x / y
    if vx is None:
        return scaled(trace, out, -out / y, vy)
    if vy is not None:
        vx = recorded(trace, out, typeof(out), sub_p, (vx, scaled(trace, out, out, vy).staged)).staged
    return recorded(trace, out, typeof(out), div_p, (vx, y))


@div_p.def_rule("pull")
def _div_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    arrive(arrived, inputs[0], ct / inputs[1], out)


@div_p.def_transpose(linear=jointly(0))
def _div_transpose(ct: Any, x: Any, y: Any) -> Any:
    return unbroadcast(div_p.bind(ct, y), x.aval), None


# --- powers -----------------------------------------------------------------------------------------------------------


def _power(x: Any, y: Any) -> Any:
    """``x ** y`` as the operator has it, which for ndarrays knows fast squares and roots."""
    if type(x) in WEAK_NUMBERS and type(y) in WEAK_NUMBERS:
        return np.power(x, y).item()
    by_ufunc = type(x) is complex or type(y) is bool or dtype_of(x).kind == "b"  # see of_operands
    return np.power(x, y) if by_ufunc else x**y


pow_p = Primitive("pow", Elementwise(_power, keeps_weak=True, like=np.power), trusted=True, makes_new=True)
float_power_p = of_ufunc(np.float_power)


POWERS: dict[float, Primitive] = {2: square_p, 0.5: sqrt_p, -1: reciprocal_p}
POWERS_OF_COMPLEX: dict[Any, Primitive] = {(int, 2): square_p, (float, 0.5): sqrt_p, (int, -1): reciprocal_p}


@pow_p.def_rule("legalize")
def _pow_legalize(legalizer: Legalizer, x: Value, y: Value) -> Any:
    """NumPy's operator knows some powers of an array by a number, which round otherwise than powers by an array do."""
    dtype = pow_p.abstract(x.aval, y.aval).dtype
    if x.aval.shape and isinstance(y.atom, Literal):
        value = y.atom.value
        known = {"f": POWERS.get(value), "c": POWERS_OF_COMPLEX.get((type(value), value))}.get(dtype.kind)
        if known is not None:
            return legalizer.apply(known, legalizer.converted(x, dtype))
        if value == 1:
            return legalizer.converted(x, dtype)
    return [dtype, dtype]


def _power_by_base(dtype: Any, x: Any, y: Any) -> Any:
    """``y x^(y-1)``, and 0 where y = 0, whatever x is."""
    if type(y) in PYTHON_NUMBERS:
        return 2 * x if y == 2 else y * pow_p.bind(x, y - 1) if y != 0 else 0.0
    x, y = x if type(x) in PYTHON_NUMBERS else convert_to(x, dtype), convert_to(y, dtype)
    return y * pow_p.bind(x, np.where((x == 0) & (y == 0), 0, y - 1))


def _power_by_exponent(out: Any, x: Any) -> Any:
    """``log(x) x^y``, and 0 where x = 0."""
    if type(x) in PYTHON_NUMBERS:
        return (np.log(x).item() if x else 0.0) * out
    x = convert_to(x, dtype_of(out))
    return np.log(np.where(x == 0, 1, x)) * out


def _power_jvp(primitive: Primitive) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        x, y = primals if primitive.keeps_weak else numpy_scalars(primals)
        tx, ty = tangents
        out = primitive.bind(x, y)
        by_exponent = [] if type(ty) is Zero else [_power_by_exponent(out, x), ty]
        by_base = [] if type(tx) is Zero else [_power_by_base(dtype_of(out), x, y), tx]
        return with_tangent(out, by_base + by_exponent)

    return jvp


pow_p.def_jvp(_power_jvp(pow_p))


@pow_p.def_rule("record")
@of_two
def _power_record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
    """To a power that is a number."""
    if type(y) not in PYTHON_NUMBERS:
        return None
    out = x**y
    return scaled(trace, out, x + x if y == 2 else _power_by_base(out.dtype, x, y), vx)


float_power_p.def_jvp(_power_jvp(float_power_p))


# --- absolute value, and complex numbers ------------------------------------------------------------------------------


conj_p = Primitive("conj", ElementwiseLinear(np.conjugate, lambda ct, x: conj_p.bind(ct)), trusted=True, makes_new=True)
real_p = Primitive("real", ElementwiseLinear(np.real, lambda ct, x: ct, keeps_weak=True), trusted=True)
_imaginary = ElementwiseLinear(np.imag, lambda ct, x: ct * -1j if x.dtype.kind == "c" else 0 * ct, keeps_weak=True)
imag_p = Primitive("imag", _imaginary, trusted=True)


def real(x: Any) -> Any:
    """The real part; a real value is its own."""
    return real_p.bind(x) if dtype_of(x).kind == "c" else x


def imag(x: Any) -> Any:
    """The imaginary part; that of a real value is an array of zeros."""
    return imag_p.bind(x) if _is_complex(x) else typeof(x).zeros()


def conj(x: Any) -> Any:
    """The complex conjugate; a real value is its own."""
    return x if dtype_of(x).kind in "fiu" else conj_p.bind(x)


def _tangent_of_abs(out: Any, x: Any, t: Any) -> Any:
    if not _is_complex(x):
        return fit(scale(slope_p.bind(x), t), out)
    return fit(real_p.bind(mul_p.bind(direction_p.bind(out, conj_p.bind(x)), t)), out)


def _tangent_of_sign(out: Any, x: Any, t: Any) -> Any:
    """Zero for real numbers; for z/|z| the part of the change that turns it: i sign(z) Im(conj(sign z) dz) / |z|."""
    if not _is_complex(x):
        return typeof(out).zero
    turn = imag_p.bind(mul_p.bind(direction_p.bind(np.abs(x), np.conj(out)), t))
    return mul_p.bind(1j * out, turn)


def _absolute(x: Any) -> Any:
    return np.absolute(x) if type(x) is bool else abs(x)


abs_p = Primitive("abs", Elementwise(_absolute, keeps_weak=True, like=np.absolute), trusted=True, makes_new=True)
abs_p.def_jvp(jvp_of_one(abs_p, _tangent_of_abs))
sign_p = of_ufunc(np.sign)
sign_p.def_jvp(jvp_of_one(sign_p, _tangent_of_sign))


# --- parts of a number: modf and frexp --------------------------------------------------------------------------------

_fraction = Elementwise(lambda x: np.modf(x)[0], lambda out, x: 1.0)
fraction_p = Primitive("modf_fraction", _fraction, trusted=True, makes_new=True)
whole_p = Primitive("modf_whole", Step(lambda x: np.modf(x)[1]), trusted=True, makes_new=True)
exponent_p = Primitive("frexp_exponent", Step(lambda x: np.frexp(x)[1]), trusted=True, makes_new=True)
mantissa_p = Primitive("frexp_mantissa", Elementwise(lambda x: np.frexp(x)[0]), trusted=True, makes_new=True)
mantissa_p.def_jvp(jvp_of_one(mantissa_p, lambda out, x, t: ldexp_p.bind(t, -exponent_p.bind(x))))
register_ufunc(np.modf, lambda x: (fraction_p.bind(x), whole_p.bind(x)))
register_ufunc(np.frexp, lambda x: (mantissa_p.bind(x), exponent_p.bind(x)))


# --- the operators of tracers -----------------------------------------------------------------------------------------

for _ufunc, _primitive in (
    *((np.add, add_p), (np.subtract, sub_p), (np.multiply, mul_p), (np.power, pow_p)),
    *((np.negative, neg_p), (np.absolute, abs_p)),
):
    register_operator(_ufunc, _primitive)
register_ufunc(np.conjugate, lambda x: strengthened(conj(x)))


def _positive(x: Any) -> Any:
    """``+x``, a copy of x; NumPy has none for booleans."""
    if dtype_of(x).kind == "b":
        np.positive(np.zeros((), np.bool_))  # raises NumPy's error
    return x.duplicate() if isinstance(x, Tracer) else x


register_ufunc(np.positive, lambda x: _positive(strengthened(x)))

install_operators("truediv", div_p)
install_operators("mod", remainder_p)
install_operators("pow", pow_p)
_raised = vars(Tracer)["__pow__"]


def _raise_to(self: Any, other: Any) -> Any:
    """``x ** y``; NumPy's operator makes ``x ** 2`` of an array a square, which has another dtype for booleans."""
    is_square = type(other) is int and other == 2 and type(self) is not JVPTracer  # which is never of booleans
    return np.square(self) if is_square and self.dtype.kind == "b" and self.ndim else _raised(self, other)


register_method("__pow__", _raise_to)


register_method("__pos__", _positive)
register_method("__abs__", lambda self: abs_p.bind(self))
register_method("real", property(lambda self: view_of(self, real(self)), doc="The real part."))
register_method("imag", property(lambda self: view_of(self, imag(self)), doc="The imaginary part."))


def conjugate(self: Any) -> Any:
    """The complex conjugate; a real value is its own."""
    return conj_p.bind(self) if dtype_of(self).kind == "c" else self


def astype(self: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """The value in another dtype; the imaginary part is dropped by a real one."""
    if not np.can_cast(dtype_of(self), dtype, casting):
        raise TypeError(f"cannot cast from {dtype_of(self)!r} to {np.dtype(dtype)!r} according to the rule {casting!r}")
    out = convert_to(self, np.dtype(dtype))
    return out.duplicate() if out is self and copy else out


register_method("conj", conjugate)
register_method("conjugate", conjugate)
register_method("astype", astype)
