"""Functions of complex numbers as functions of their parts: ``COMPLEX``, what writes both parts, by the names of primitives.

>>> from covector.backends.native.ir import Module
>>> b = Builder("f", "", Module())
>>> x, y = (b.constant(v, "f64") for v in (3.0, 4.0))
>>> [part.text for part in COMPLEX["square"].emit(b, x, y)], len(b.lines)
(['%t3', '%t6'], 6)

The formulas are NumPy's, so that infinities, NaN and zeros with signs come out alike: a product is four products whatever they
are, a quotient is Smith's (R. L. Smith, "Algorithm 116: Complex division", 1962).
What has no formula here is a loop of NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from covector.backends.native import functions as f
from covector.backends.native.elementwise import library_loop
from covector.backends.native.ir import Builder, Value
from covector.backends.native.ufuncs import Loop
from covector.core.jaxpr import Equation

Parts = tuple[Value, ...]
Pair = tuple[Value, Value]


class Complex(NamedTuple):
    """A function of complex numbers.

    Attributes:
        emit: ``emit(b, *parts of the operands)`` writes it: the two parts of a complex result, or a real one.
        cost: about how many multiplications it takes as long as.
    """

    emit: Callable[..., Parts]
    cost: float = 1


def _mul(b: Builder, x: Value, y: Value, u: Value, v: Value) -> Pair:
    return b.sub(b.mul(x, u), b.mul(y, v)), b.add(b.mul(x, v), b.mul(y, u))


def _sumprod(b: Builder, *parts: Value) -> Parts:
    total = _mul(b, *parts[:4])
    for i in range(4, len(parts), 4):
        term = _mul(b, *parts[i : i + 4])
        total = b.add(total[0], term[0]), b.add(total[1], term[1])
    return total


def _abs(b: Builder, x: Value) -> Value:
    return b.intrinsic("fabs", x)


def _div(b: Builder, x: Value, y: Value, u: Value, v: Value) -> Parts:
    """By the larger part of the divisor: ``(x + iy) / (u + iv)``, of which zeros divide the parts."""
    swapped = b.compare("ult", _abs(b, u), _abs(b, v))  # as where NumPy compares the other way round
    large, small = b.select(swapped, v, u), b.select(swapped, u, v)
    ratio = b.div(small, large)
    scale = b.div(b.like(1.0, u), b.add(large, b.mul(small, ratio)))
    real = b.select(swapped, b.add(b.mul(x, ratio), y), b.add(x, b.mul(y, ratio)))
    imag = b.select(swapped, b.sub(b.mul(y, ratio), x), b.sub(y, b.mul(x, ratio)))
    zero = b.logical("and", *(b.compare("oeq", part, b.like(0.0, part)) for part in (u, v)))
    size = _abs(b, u)
    return tuple(
        b.select(zero, b.div(part, size), b.mul(found, scale)) for part, found in ((x, real), (y, imag))
    )


def _reciprocal(b: Builder, x: Value, y: Value) -> Parts:
    swapped = b.compare("ugt", _abs(b, y), _abs(b, x))
    large, small = b.select(swapped, y, x), b.select(swapped, x, y)
    ratio = b.div(small, large)
    divisor = b.add(b.mul(small, ratio), large)
    one = b.like(1.0, x)
    return (
        b.div(b.select(swapped, ratio, one), divisor),
        b.div(b.select(swapped, b.neg(one), b.neg(ratio)), divisor),
    )


def _direction(b: Builder, size: Value, rest: Value, x: Value, y: Value) -> Parts:
    zero = _is_zero(b, size, rest)
    return _div(b, x, y, b.select(zero, b.like(1.0, size), size), b.select(zero, b.like(0.0, rest), rest))


def _is_zero(b: Builder, x: Value, y: Value) -> Value:
    return b.logical("and", b.compare("oeq", x, b.like(0.0, x)), b.compare("oeq", y, b.like(0.0, y)))


def _either(predicate: str, of: Callable[[Builder, Value], Parts]) -> Callable[..., Parts]:
    return lambda b, x, y: (b.logical("or", b.compare(predicate, *of(b, x)), b.compare(predicate, *of(b, y))),)


def _with_infinity(b: Builder, x: Value) -> Parts:
    return _abs(b, x), b.like(math.inf, x)


def _is_finite(b: Builder, x: Value, y: Value) -> Parts:
    return (b.logical("and", *(b.compare("olt", *_with_infinity(b, part)) for part in (x, y))),)


def _equal(b: Builder, x: Value, y: Value, u: Value, v: Value) -> Parts:
    return (b.logical("and", b.compare("oeq", x, u), b.compare("oeq", y, v)),)


def _not_equal(b: Builder, x: Value, y: Value, u: Value, v: Value) -> Parts:
    return (b.logical("or", b.compare("une", x, u), b.compare("une", y, v)),)


# --- functions that are not made of a few operations --------------------------------------------------------------------


def in_doubles(emit: Callable[..., Parts]) -> Callable[..., Parts]:
    """The function in doubles, rounded once."""

    def call(b: Builder, *parts: Value) -> Parts:
        found = emit(b, *(b.convert(x, "f64") for x in parts))
        return tuple(b.convert(x, parts[0].kind) for x in found)

    return call


LARGEST_EXPONENT = 709.0


def _exp(b: Builder, x: Value, y: Value) -> Parts:
    """``e**x (cos y + i sin y)``, where e**x may be beyond all numbers, and the product not; real where y is 0."""
    beyond = b.logical("and", b.compare("ogt", x, b.like(LARGEST_EXPONENT, x)), b.compare("olt", x, b.like(math.inf, x)))
    size = f.exp(b, b.select(beyond, b.sub(x, b.like(LARGEST_EXPONENT, x)), x))
    factor = b.select(beyond, b.like(math.exp(LARGEST_EXPONENT), x), b.like(1.0, x))
    turns = f.cos(b, y), f.sin(b, y)
    real, imag = (b.mul(size, b.mul(turn, factor)) for turn in turns)
    wild = b.compare("uge", _abs(b, y), b.like(math.inf, y))
    low, high = (b.logical("and", wild, b.compare("oeq", x, b.like(s * math.inf, x))) for s in (-1, 1))
    real = b.select(low, b.like(0.0, x), b.select(high, x, real))
    imag = b.select(low, b.intrinsic("copysign", b.like(0.0, x), y), imag)
    level = b.compare("oeq", y, b.like(0.0, y))
    return b.select(level, b.mul(size, factor), real), b.select(level, y, imag)


def _log_size(b: Builder, x: Value, y: Value) -> Value:
    """The logarithm of ``|x + iy|``; near 1 by what the square lacks from 1, in two parts."""
    large, small = f.larger_and_smaller(b, x, y)
    square, other = b.mul(large, large), b.mul(small, small)
    rest = b.add(b.fma(large, large, b.neg(square)), b.fma(small, small, b.neg(other)))
    lacking = b.add(b.add(b.sub(square, b.like(1.0, x)), other), rest)
    near = b.mul(b.like(0.5, x), f.log1p(b, lacking))
    within = b.logical("and", b.compare("ogt", large, b.like(0.5, x)), b.compare("olt", large, b.like(1.5, x)))
    tiny, huge = b.compare("olt", large, b.like(1e-300, x)), b.compare("ogt", large, b.like(1e300, x))
    scale = b.select(tiny, b.like(2.0**60, x), b.select(huge, b.like(0.25, x), b.like(1.0, x)))
    shift = b.select(tiny, b.like(math.log(2.0**60), x), b.select(huge, b.like(math.log(0.25), x), b.like(0.0, x)))
    far = b.sub(f.log(b, f.hypot(b, b.mul(x, scale), b.mul(y, scale))), shift)
    return b.select(within, near, far)


log_size = f.shared("log_size", _log_size)


def _log(b: Builder, x: Value, y: Value) -> Parts:
    return log_size(b, x, y), f.C_LIBRARY["arctan2"](b, y, x)


def _sqrt(b: Builder, x: Value, y: Value) -> Parts:
    """Kahan's: the larger part by a root, the other by a quotient; both scaled by a power of 4 where squares are no numbers."""
    large = f.larger_and_smaller(b, x, y)[0]
    up, down = b.compare("olt", large, b.like(1e-290, x)), b.compare("ogt", large, b.like(1e300, x))
    scale = b.select(up, b.like(2.0**108, x), b.select(down, b.like(2.0**-4, x), b.like(1.0, x)))
    back = b.select(up, b.like(2.0**-54, x), b.select(down, b.like(4.0, x), b.like(1.0, x)))
    u, v = b.mul(x, scale), b.mul(y, scale)
    root = f.sqrt(b, b.mul(b.add(_abs(b, u), f.hypot(b, u, v)), b.like(0.5, x)))
    other = b.div(_abs(b, v), b.add(root, root))
    left = b.compare("olt", x, b.like(0.0, x))
    real, imag = b.mul(b.select(left, other, root), back), b.mul(b.select(left, root, other), back)
    zero = _is_zero(b, x, y)
    real, imag = (b.select(zero, b.like(0.0, x), part) for part in (real, imag))
    infinite = b.compare("oeq", _abs(b, x), b.like(math.inf, x))
    nothing = b.sub(y, y)  # 0, or NaN
    real = b.select(infinite, b.select(left, _abs(b, nothing), x), real)
    imag = b.select(infinite, b.select(left, _abs(b, x), _abs(b, nothing)), imag)
    high = b.compare("oeq", _abs(b, y), b.like(math.inf, y))
    real, imag = (b.select(high, b.like(math.inf, x), part) for part in (real, imag))
    return real, b.intrinsic("copysign", imag, y)


def _waves(b: Builder, x: Value, y: Value) -> tuple[Value, Value, Value, Value]:
    """``cosh x cos y, sinh x sin y, sinh x cos y, cosh x sin y``, also where the first factors are beyond all numbers."""
    size = _abs(b, x)
    beyond = b.logical("and", b.compare("ogt", size, b.like(LARGEST_EXPONENT, x)), b.compare("olt", size, b.like(math.inf, x)))
    half = b.mul(b.like(0.5, x), f.exp(b, b.select(beyond, b.sub(size, b.like(LARGEST_EXPONENT, x)), size)))
    bounded = b.select(beyond, b.like(0.0, x), x)
    even = b.select(beyond, half, f.C_LIBRARY["cosh"](b, bounded))
    odd = b.select(beyond, b.intrinsic("copysign", half, x), f.C_LIBRARY["sinh"](b, bounded))
    factor = b.select(beyond, b.like(math.exp(LARGEST_EXPONENT), x), b.like(1.0, x))
    turns = [b.mul(turn, factor) for turn in (f.cos(b, y), f.sin(b, y))]
    return b.mul(even, turns[0]), b.mul(odd, turns[1]), b.mul(odd, turns[0]), b.mul(even, turns[1])


def _sinh(b: Builder, x: Value, y: Value) -> Parts:
    _, _, real, imag = _waves(b, x, y)
    wild = b.compare("uge", _abs(b, y), b.like(math.inf, y))
    zero, infinite = b.compare("oeq", x, b.like(0.0, x)), b.compare("oeq", _abs(b, x), b.like(math.inf, x))
    real = b.select(b.logical("and", wild, zero), x, b.select(b.logical("and", wild, infinite), _abs(b, x), real))
    return real, b.select(b.compare("oeq", y, b.like(0.0, y)), y, imag)


def _cosh(b: Builder, x: Value, y: Value) -> Parts:
    real, imag, _, _ = _waves(b, x, y)
    wild = b.compare("uge", _abs(b, y), b.like(math.inf, y))
    infinite = b.compare("oeq", _abs(b, x), b.like(math.inf, x))
    real = b.select(b.logical("and", wild, infinite), _abs(b, x), real)
    turned = b.select(b.compare("uno", x, x), y, b.mul(y, b.intrinsic("copysign", b.like(1.0, x), x)))
    imag = b.select(b.logical("and", b.compare("oeq", y, b.like(0.0, y)), b.compare("uno", imag, imag)), turned, imag)
    return real, b.select(b.logical("and", wild, b.compare("oeq", x, b.like(0.0, x))), b.like(0.0, x), imag)


def _sin(b: Builder, x: Value, y: Value) -> Parts:
    imag, real = _sinh(b, b.neg(y), x)
    wild = b.compare("uge", _abs(b, x), b.like(math.inf, x))
    unknown = b.logical("and", wild, b.compare("oeq", _abs(b, y), b.like(math.inf, y)))  # the C library has it positive
    return real, b.select(unknown, _abs(b, y), b.neg(imag))


FAR = 20.0
"""Where the hyperbolic tangent is 1 to the last bit."""


def _tanh(b: Builder, x: Value, y: Value) -> Parts:
    """``(sinh x cosh x + i sin y cos y) / (sinh² x + cos² y)``, a sum in which nothing cancels."""
    size, turn = _abs(b, x), f.cos(b, y)
    far, infinite = (b.compare(name, size, b.like(n, x)) for name, n in (("ogt", FAR), ("oeq", math.inf)))
    wild = b.compare("uge", _abs(b, y), b.like(math.inf, y))
    s = f.C_LIBRARY["sinh"](b, b.select(far, b.like(0.0, x), x))
    square, across = b.mul(s, s), b.mul(f.sin(b, y), turn)
    below, c = b.fma(turn, turn, square), f.sqrt(b, b.add(square, b.like(1.0, x)))
    one = b.intrinsic("copysign", b.like(1.0, x), x)
    real = b.select(far, b.select(infinite, one, b.add(one, b.sub(y, y))), b.div(b.mul(s, c), below))
    imag = b.mul(b.mul(across, b.like(4.0, x)), f.exp(b, b.mul(size, b.like(-2.0, x))))
    imag = b.select(far, imag, b.div(across, below))
    imag = b.select(b.logical("and", wild, infinite), b.intrinsic("copysign", b.like(0.0, x), y), imag)
    zero, level = (b.compare("oeq", part, b.like(0.0, x)) for part in (x, y))
    return b.select(b.logical("and", wild, zero), x, real), b.select(level, y, imag)


def _tan(b: Builder, x: Value, y: Value) -> Parts:
    imag, real = _tanh(b, b.neg(y), x)
    return real, b.neg(imag)


COMPLEX: dict[str, Complex] = {
    "mul": Complex(_mul, 4),
    "sumprod": Complex(_sumprod, 10),
    "square": Complex(lambda b, x, y: _mul(b, x, y, x, y), 4),
    "div": Complex(_div, 30),
    "reciprocal": Complex(_reciprocal, 25),
    "direction": Complex(_direction, 30),
    "abs": Complex(lambda b, x, y: (f.hypot(b, x, y),), 25),
    "exp": Complex(in_doubles(_exp), 60),
    "log": Complex(in_doubles(_log), 90),
    "sqrt": Complex(in_doubles(_sqrt), 60),
    "sinh": Complex(in_doubles(_sinh), 150),
    "cosh": Complex(in_doubles(_cosh), 150),
    "sin": Complex(in_doubles(_sin), 150),
    "cos": Complex(in_doubles(lambda b, x, y: _cosh(b, b.neg(y), x)), 150),
    "tanh": Complex(in_doubles(_tanh), 120),
    "tan": Complex(in_doubles(_tan), 120),
    "equal": Complex(_equal, 2),
    "not_equal": Complex(_not_equal, 2),
    "logical_not": Complex(lambda b, x, y: (_is_zero(b, x, y),), 2),
    "bool": Complex(lambda b, x, y: (b.invert(_is_zero(b, x, y)),), 2),
    "isnan": Complex(_either("uno", lambda b, x: (x, x)), 2),
    "isinf": Complex(_either("oeq", _with_infinity), 2),
    "isfinite": Complex(_is_finite, 2),
}


# --- functions of NumPy's -----------------------------------------------------------------------------------------------


def function_of(eqn: Equation) -> Complex | None:
    """What a function of elements is, all of one complex type."""
    name = eqn.primitive.name
    if name in COMPLEX:
        return COMPLEX[name]
    ufunc = np.power if name == "pow" else getattr(eqn.primitive.kind, "fn", None)
    found = library_loop(eqn, ufunc, ("c128", "c64"))
    return None if found is None else _power_by(*found) if name == "pow" else _by(*found)


@cache
def _by(ufunc: Any, loop: Loop) -> Complex:
    return Complex(f.of_complex_ufunc(ufunc, loop), 300)


MOST = 99
"""Powers beyond are exponentials of logarithms."""


@cache
def _power_by(ufunc: Any, loop: Loop) -> Complex:
    """By products where the exponent is a whole number that stands in the program: those that NumPy's loop makes."""
    by_loop = f.of_complex_ufunc(ufunc, loop)

    def power(b: Builder, x: Value, y: Value, u: Value, v: Value) -> Parts:
        n = u.number
        is_whole = n is not None and v.number == 0 and abs(n) <= MOST and n == math.floor(n)
        return _whole_power(b, x, y, int(n)) if is_whole else by_loop(b, x, y, u, v)

    return Complex(power, 60)


def _whole_power(b: Builder, x: Value, y: Value, n: int) -> Parts:
    one, zero = b.like(1.0, x), b.like(0.0, x)
    found: Pair
    factor: Pair
    if n == 0:
        return one, zero
    if 0 < n <= 3:
        found = (x, y) if n == 1 else _mul(b, x, y, x, y)
        found = _mul(b, x, y, *found) if n == 3 else found
    else:
        found, factor = (one, zero), (x, y)
        for i in range(abs(n).bit_length()):
            factor = _mul(b, *factor, *factor) if i else factor
            found = _mul(b, *found, *factor) if abs(n) >> i & 1 else found
        if n < 0:
            real, imag = _div(b, one, zero, *found)
            found = real, imag
    of_zero = zero if n > 0 else b.like(math.nan, x)
    is_zero = _is_zero(b, x, y)
    return b.select(is_zero, of_zero, found[0]), b.select(is_zero, of_zero, found[1])
