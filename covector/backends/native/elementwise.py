"""Functions of elements: ``SCALARS``, what writes them, by the names of primitives.

>>> from covector.backends.native.ir import Module
>>> b = Builder("f", "", Module())
>>> maximum(b, b.constant(True, "bool"), b.constant(False, "bool")).text, b.lines
('%t1', ['  %t1 = or i1 true, false'])

They do what NumPy does for NaN, zeros with signs, integers that overflow and divisors that are zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from covector.backends.native import functions as f
from covector.backends.native.gaussian import erf, erfc
from covector.backends.native.ir import Builder, Value, type_name
from covector.backends.native.powers import is_written_out, power
from covector.backends.native.random import unit_floats
from covector.backends.native.ufuncs import Loop, loop_of
from covector.core.jaxpr import Equation
from covector.passes.legalize import beyond


class Scalar(NamedTuple):
    """A function of elements.

    Attributes:
        emit: ``emit(b, *values)`` writes it with the `Builder` b; the values come in the dtypes of the operands.
        cost: about how many multiplications it takes as long as.
        takes_equation: ``emit`` is rather ``(equation) -> emit or None``.
    """

    emit: Callable[..., Any]
    cost: float = 1
    takes_equation: bool = False


def maximum(b: Builder, x: Value, y: Value) -> Value:
    if x.kind == "bool":
        return b.logical("or", x, y)
    first = b.compare("oge" if x.is_float else "ge", x, y)
    return b.select(b.logical("or", first, b.compare("uno", x, x)) if x.is_float else first, x, y)


def minimum(b: Builder, x: Value, y: Value) -> Value:
    if x.kind == "bool":
        return b.logical("and", x, y)
    first = b.compare("ole" if x.is_float else "le", x, y)
    return b.select(b.logical("or", first, b.compare("uno", x, x)) if x.is_float else first, x, y)


def _ignoring_nan(extremum: Callable[..., Value]) -> Callable[..., Value]:
    def of_two(b: Builder, x: Value, y: Value) -> Value:
        if not x.is_float:
            return extremum(b, x, y)
        y_or_x = b.select(b.compare("uno", y, y), x, y)
        return b.select(b.compare("uno", x, x), y_or_x, extremum(b, x, y_or_x))

    return of_two


def _abs(b: Builder, x: Value) -> Value:
    if x.kind[0] in "ub":
        return x
    return b.intrinsic("fabs", x) if x.is_float else b.select(b.compare("lt", x, b.like(0, x)), b.neg(x), x)


def _sign(b: Builder, x: Value) -> Value:
    positive, negative = b.compare("ogt" if x.is_float else "gt", x, b.like(0, x)), None
    if x.kind[0] != "u":
        negative = b.compare("olt" if x.is_float else "lt", x, b.like(0, x))
    y = b.select(positive, b.like(1, x), b.like(0, x) if negative is None else b.select(negative, b.like(-1, x), b.like(0, x)))
    return b.select(b.compare("uno", x, x), x, y) if x.is_float else y


def _floor_divide(b: Builder, x: Value, y: Value) -> Value:
    """Of integers, as NumPy has it: 0 where the divisor is; the smallest number divided by -1 is itself."""
    zero = b.compare("eq", y, b.like(0, y))
    if x.kind[0] == "u":
        safe = b.select(zero, b.like(1, y), y)
        return b.select(zero, b.like(0, x), b.binary("udiv", x, safe))
    minus = b.compare("eq", y, b.like(-1, y))
    safe = b.select(b.logical("or", zero, minus), b.like(1, y), y)
    q = b.binary("sdiv", x, safe)
    rest = b.sub(x, b.mul(q, safe))
    down = b.logical("and", b.compare("ne", rest, b.like(0, x)), b.compare("lt", b.binary("xor", rest, safe), b.like(0, x)))
    q = b.select(down, b.sub(q, b.like(1, x)), q)
    return b.select(zero, b.like(0, x), b.select(minus, b.neg(x), q))


def _remainder(b: Builder, x: Value, y: Value) -> Value:
    zero = b.compare("eq", y, b.like(0, y))
    return b.select(zero, b.like(0, x), b.sub(x, b.mul(_floor_divide(b, x, y), y)))


def _float_remainder(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of the divisor, as Python and NumPy have it."""
    rest = f.C_LIBRARY["fmod"](b, x, y)
    signs = [b.intrinsic("copysign", b.like(1.0, v), v) for v in (rest, y)]
    other_sign = b.compare("olt", b.mul(*signs), b.like(0, x))
    zero = b.compare("oeq", rest, b.like(0, x))
    moved = b.select(b.logical("and", other_sign, b.invert(zero)), b.add(rest, y), rest)
    return b.select(zero, b.intrinsic("copysign", b.like(0.0, x), y), moved)


def _shift(instruction: str) -> Callable[..., Value]:
    def shifted(b: Builder, x: Value, y: Value) -> Value:
        bits = int(x.kind[1:])
        far = b.logical("or", b.compare("lt", y, b.like(0, y)), b.compare("ge", y, b.like(bits, y)))
        near = b.binary(instruction if x.kind[0] == "i" or instruction == "shl" else "lshr", x, b.select(far, b.like(0, y), y))
        beyond = b.like(0, x)
        if instruction == "ashr" and x.kind[0] == "i":
            beyond = b.binary("ashr", x, b.like(bits - 1, x))
        return b.select(far, beyond, near)

    return shifted


def _truth(b: Builder, x: Value) -> Value:
    return b.convert(x, "bool")


def _of_truth(instruction: str) -> Callable[..., Value]:
    return lambda b, x, y: b.logical(instruction, _truth(b, x), _truth(b, y))


def _compared(of_floats: str, of_integers: str) -> Callable[..., Value]:
    def compared(b: Builder, x: Value, y: Value) -> Value:
        if x.is_float or x.kind == y.kind:
            return b.compare(of_floats if x.is_float else of_integers, x, y)
        signed, true_below = (x, ("lt", "le", "ne")) if x.kind[0] == "i" else (y, ("gt", "ge", "ne"))
        among = b.compare(of_integers, b.convert(x, "u64"), b.convert(y, "u64"))
        below = b.constant(of_integers in true_below, "bool", signed.width)
        return b.select(b.compare("lt", signed, b.like(0, signed)), below, among)

    return compared


def _power(b: Builder, x: Value, y: Value) -> Value:
    """By products where the exponent is a whole or half number that stands in the program."""
    match y.number:
        case 0:
            return b.like(1.0, x)
        case -1:
            return b.div(b.like(1.0, x), x)
        case 0.5:
            return f.sqrt(b, x)
        case 1:
            return x
        case 2:
            return b.mul(x, x)
        case 3:
            return b.mul(b.mul(x, x), x)
        case 4:
            square = b.mul(x, x)
            return b.mul(square, square)
    if is_written_out(y.number):
        return power(y.number)(b, x)
    return f.C_LIBRARY["pow"](b, x, y)


def _round(eqn: Equation) -> Callable[..., Value] | None:
    """To so many decimals, by the steps of NumPy's."""
    kind, decimals = eqn.inputs[0].aval.dtype.kind, eqn.params["decimals"]
    if kind == "i" or kind == "u":
        return (lambda b, x: x) if decimals >= 0 else None
    if kind != "f" or abs(decimals) > 22:
        return None  # a power of 10 that is no float

    def rounded(b: Builder, x: Value) -> Value:
        power = b.like(10.0 ** abs(decimals), x)
        there, back = (b.mul, b.div) if decimals > 0 else (b.div, b.mul)
        return b.intrinsic("rint", x) if not decimals else back(b.intrinsic("rint", there(x, power)), power)

    return rounded


def of_library(eqn: Equation) -> Scalar | None:
    """What a function of elements is that has no rule of its own, but is a ufunc with a known loop."""
    found = library_loop(eqn, getattr(eqn.primitive.kind, "fn", None), ("f64", "f32"))
    return None if found is None else Scalar(f.of_ufunc(*found), 100)


def library_loop(eqn: Equation, ufunc: Any, kinds: Sequence[str]) -> tuple[np.ufunc, Loop] | None:
    """The ufunc that an operation is, if it is one, with its loop, where all is of one of these types."""
    if type(ufunc) is not np.ufunc or not eqn.primitive.trusted or eqn.params:
        return None
    kind, *others = {x.aval.dtype for x in (*eqn.inputs, *eqn.outputs)}
    if others or type_name(kind) not in kinds:
        return None
    loop = loop_of(ufunc, type_name(kind))
    return None if loop is None else (ufunc, loop)


def _clip(eqn: Equation) -> Callable[..., Value]:
    low, high, kind = eqn.params["low"], eqn.params["high"], type_name(eqn.outputs[0].aval.dtype)

    def clip(b: Builder, x: Value) -> Value:
        x = b.convert(x, kind)
        x = x if low is None else maximum(b, x, b.like(low, x))
        return x if high is None else minimum(b, x, b.like(high, x))

    return clip


def multiply(b: Builder, x: Value, y: Value) -> Value:
    return b.logical("and", x, y) if x.kind == "bool" else b.mul(x, y)


def add(b: Builder, x: Value, y: Value) -> Value:
    return b.logical("or", x, y) if x.kind == "bool" else b.add(x, y)


def _sumprod(b: Builder, *factors: Value) -> Value:
    total = b.mul(factors[0], factors[1])
    for x, y in zip(factors[2::2], factors[3::2], strict=True):
        total = b.add(total, b.mul(x, y))
    return total


@cache
def converted(kind: str) -> Callable[[Builder, Value], Value]:
    """What makes a value one of another type."""
    return lambda b, x: b.convert(x, kind)


def _converted(eqn: Equation) -> Callable[..., Value] | None:
    before, after = eqn.inputs[0].aval.dtype, eqn.outputs[0].aval.dtype
    if before.kind == "f" and after.kind in "iu":
        return None  # of what has no integer NumPy's answer is the machine's, and with a warning
    if beyond(eqn.inputs[0], after):
        return _refused(type_name(after))
    narrows = before.kind == "i" and after.kind in "iu" and not np.can_cast(before, after)
    if eqn.inputs[0].aval.weak_type and narrows:
        return _within(type_name(after))
    return converted(type_name(after))


@cache
def _refused(kind: str) -> Callable[[Builder, Value], Value]:
    """Of a written number that is none of a type."""

    def convert(b: Builder, x: Value) -> Value:
        b.fails_if(b.constant(True, "bool", x.width))
        return b.constant(0, kind, x.width)

    return convert


@cache
def _within(kind: str) -> Callable[[Builder, Value], Value]:
    """A number of Python's as one of a type; the program is for Python where it is none, which is an error in arithmetic."""

    def convert(b: Builder, x: Value) -> Value:
        y = b.convert(x, kind)
        b.fails_if(b.compare("lt", x, b.like(0, x)) if kind == "u64" else b.compare("ne", b.convert(y, x.kind), x))
        return y

    return convert


def _floats(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    """For floats alone."""
    return lambda eqn: emit if all(x.aval.dtype.kind == "f" for x in (*eqn.inputs, *eqn.outputs)) else None


def _of_floats(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    """Of floats, with a result of another type."""
    return lambda eqn: emit if eqn.inputs[0].aval.dtype.kind == "f" else None


def _no_booleans(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    return lambda eqn: emit if eqn.outputs[0].aval.dtype.kind != "b" else None


def _integers(emit: Callable[..., Value]) -> Callable[[Equation], Callable[..., Value] | None]:
    return lambda eqn: emit if eqn.outputs[0].aval.dtype.kind in "iu" else None


def _floored(ufunc: np.ufunc, of_integers: f.Emit, of_floats: f.Emit | None = None) -> Callable[[Equation], f.Emit | None]:
    """Of floats by the loop of a ufunc; where there is none by ``of_floats``."""

    def rule(eqn: Equation) -> f.Emit | None:
        dtype = eqn.outputs[0].aval.dtype
        if dtype.kind != "f":
            return of_integers if dtype.kind in "iu" else None
        loop = loop_of(ufunc, type_name(dtype))
        return of_floats if loop is None else f.of_ufunc(ufunc, loop)

    return rule


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda b, *xs: b.intrinsic(name, *xs)


def _heaviside(b: Builder, x: Value, y: Value) -> Value:
    step = b.select(b.compare("olt", x, b.like(0, x)), b.like(0, x), b.like(1, x))
    step = b.select(b.compare("oeq", x, b.like(0, x)), y, step)
    return b.select(b.compare("uno", x, x), x, step)


def _bits_test(b: Builder, x: Value) -> Value:
    bits = b.cast("bitcast", x, f"i{x.kind[1:]}")
    return b.compare("lt", bits, b.like(0, bits))


def _to_infinity(comparison: str) -> Callable[..., Value]:
    """How far a number is from zero, compared to infinity."""
    return lambda b, x: b.compare(comparison, b.intrinsic("fabs", x), b.like(math.inf, x))


def _direction(b: Builder, size: Value, coordinate: Value) -> Value:
    return b.div(coordinate, b.select(b.compare("oeq", size, b.like(0, size)), b.like(1, size), size))


def _zero_or_fail(b: Builder, found: Value) -> Value:
    """Where a boolean is true, which is seldom, the program is for Python, which warns."""
    b.fails_if(found)
    return b.constant(0.0, "f64", found.width)


def _normal_cdf(b: Builder, x: Value) -> Value:
    """That of ``f32`` in doubles: far out a rounding of x counts x times x times."""
    if x.kind == "f32":
        return b.convert(_normal_cdf(b, b.convert(x, "f64")), x.kind)
    return b.mul(b.like(0.5, x), erfc(b, b.mul(x, b.like(-math.sqrt(0.5), x))))


def _same(eqn: Equation) -> Callable[..., Value] | None:
    return (lambda b, x: x) if eqn.inputs[0].aval.dtype == eqn.outputs[0].aval.dtype else None


NAMES = ("identity", "weaken", "stop_gradient", "name", "conj", "real")

SCALARS: dict[str, Scalar] = {
    "add": Scalar(add),
    "sub": Scalar(_no_booleans(Builder.sub), 1, True),
    "mul": Scalar(multiply),
    "div": Scalar(_floats(Builder.div), 8, True),
    "neg": Scalar(_no_booleans(Builder.neg), 1, True),
    "square": Scalar(lambda b, x: x if x.kind == "bool" else b.mul(x, x)),
    "reciprocal": Scalar(_floats(lambda b, x: b.div(b.like(1.0, x), x)), 8, True),
    "sumprod": Scalar(_no_booleans(_sumprod), 3, True),
    "abs": Scalar(_abs),
    "fabs": Scalar(_floats(_abs), 1, True),
    "sign": Scalar(_no_booleans(_sign), 2, True),
    "slope": Scalar(_floats(_sign), 2, True),
    "maximum": Scalar(maximum, 2),
    "minimum": Scalar(minimum, 2),
    "fmax": Scalar(_ignoring_nan(maximum), 3),
    "fmin": Scalar(_ignoring_nan(minimum), 3),
    "clip": Scalar(_clip, 3, True),
    "select": Scalar(Builder.select),
    "keep": Scalar(lambda b, c, x: b.select(c, x, b.like(0, x))),
    "convert": Scalar(_converted, 0, True),
    "equal": Scalar(_compared("oeq", "eq")),
    "not_equal": Scalar(_compared("une", "ne")),
    "less": Scalar(_compared("olt", "lt")),
    "less_equal": Scalar(_compared("ole", "le")),
    "greater": Scalar(_compared("ogt", "gt")),
    "greater_equal": Scalar(_compared("oge", "ge")),
    "logical_not": Scalar(lambda b, x: b.invert(_truth(b, x))),
    "logical_and": Scalar(_of_truth("and")),
    "logical_or": Scalar(_of_truth("or")),
    "logical_xor": Scalar(_of_truth("xor")),
    "bitwise_and": Scalar(lambda b, x, y: b.logical("and", x, y)),
    "bitwise_or": Scalar(lambda b, x, y: b.logical("or", x, y)),
    "bitwise_xor": Scalar(lambda b, x, y: b.logical("xor", x, y)),
    "invert": Scalar(Builder.invert),
    "left_shift": Scalar(_integers(_shift("shl")), 2, True),
    "right_shift": Scalar(_integers(_shift("ashr")), 2, True),
    "floor_divide": Scalar(_floored(np.floor_divide, _floor_divide), 20, True),
    "remainder": Scalar(_floored(np.remainder, _remainder, _float_remainder), 25, True),
    "isnan": Scalar(_of_floats(lambda b, x: b.compare("uno", x, x)), 1, True),
    "isinf": Scalar(_of_floats(_to_infinity("oeq")), 1, True),
    "isfinite": Scalar(_of_floats(_to_infinity("olt")), 1, True),
    "signbit": Scalar(_of_floats(_bits_test), 1, True),
    "copysign": Scalar(_floats(_intrinsic("copysign")), 1, True),
    "nan_if": Scalar(_zero_or_fail, 1000),
    "heaviside": Scalar(_floats(_heaviside), 2, True),
    "direction": Scalar(_floats(_direction), 8, True),
    "pow": Scalar(_floats(_power), 40, True),
    "float_power": Scalar(lambda e: _power if all(x.aval.dtype == np.float64 for x in e.inputs) else None, 40, True),
    "deg2rad": Scalar(_floats(lambda b, x: b.mul(x, b.like(math.pi / 180, x))), 1, True),
    "rad2deg": Scalar(_floats(lambda b, x: b.mul(x, b.like(180 / math.pi, x))), 1, True),
    **{n: Scalar(_floats(_intrinsic(m)), 1, True) for n, m in
       {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}.items()},
    "round": Scalar(_round, 20, True),
    "sqrt": Scalar(_floats(f.sqrt), 8, True),
    "root": Scalar(_floats(f.sqrt), 8, True),
    **{n: Scalar(_floats(getattr(f, n)), 20, True) for n in ("exp", "expm1", "tanh", "log", "log1p", "sin", "cos")},
    "logaddexp": Scalar(_floats(f.logaddexp), 50, True),
    "exp_share": Scalar(_floats(f.share), 25, True),
    "hypot": Scalar(_floats(f.hypot), 25, True),
    "scipy_expit": Scalar(_floats(f.expit), 25, True),
    **{n: Scalar(_floats(emit), 60, True) for n, emit in f.C_LIBRARY.items() if hasattr(np, n)
       and n not in ("pow", "nextafter")},
    **{f"scipy_{n}": Scalar(_floats(f.C_LIBRARY[n]), 60, True) for n in ("cbrt", "exp2")},
    "scipy_erf": Scalar(_floats(erf), 40, True),
    "scipy_erfc": Scalar(_floats(erfc), 40, True),
    "scipy_expm1": Scalar(_floats(f.expm1), 20, True),
    "scipy_log1p": Scalar(_floats(f.log1p), 20, True),
    "unit_floats": Scalar(unit_floats, 3, True),
    "scipy_ndtr": Scalar(_floats(_normal_cdf), 40, True),
    "nextafter": Scalar(lambda e: f.C_LIBRARY["nextafter"] if e.outputs[0].aval.dtype == np.float64 else None, 60, True),
    **{n: Scalar(_same, 0, True) for n in NAMES},
}  # fmt: skip
