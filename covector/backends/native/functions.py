"""Functions of vectors, written out: each within 1.5 units in the last place, at zeros, infinities and NaN what NumPy gives.

>>> from covector.backends.native.ir import Module
>>> b = Builder("f", "", Module())
>>> y = sqrt(b, b.constant(2.0, "f64"))
>>> y.text, b.lines
('%t1', ['  %t1 = call double @llvm.sqrt.f64(double 0x4000000000000000)'])

The reductions are those of Cody and Waite (Software Manual for the Elementary Functions, 1980), the remainder in two parts;
polynomials are minimax ones, computed with 50 digits, or those of FDLIBM (Sun Microsystems, 1993).  What has no vector form
here NumPy's loops compute, or the C library lane by lane.  Functions of ``f32`` are the same with numbers of their own
(`PRECISIONS`), or go through ``f64``.

A function that takes more than a few instructions is written once in a module for each width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from covector.backends.native.ir import LLVM, Builder, Value, item_size, vector_type
from covector.backends.native.ufuncs import Loop, library_of, loop_of

LOG2E = 1.4426950408889634
Emit = Callable[..., Value]


class Precision(NamedTuple):
    """What the functions need to know of a type of floats.

    Attributes:
        digits: the bits of a significand, without the first.
        ln2: its logarithm in two parts, of which the first times an exponent is exact.
        exp: ``(exp(x) - 1 - x) / x²`` as a polynomial in x.
        largest: from here on exponentials are infinite, the next number is the first.
        least: below, they are zero.
        beyond: exponentials of larger numbers are not computed.
        log: ``log((1 + s) / (1 - s)) = 2s + s³ p(s²)``, the polynomial p.
        root_half: the bits of the root of 1/2.
        tiny: the least number that is not subnormal.
        pi_half: in three parts, of which the first has few bits.
        turned: sine and cosine of larger numbers are NumPy's: three parts of π/2 would not be enough.
        sin, cos: ``(sin(x) - x) / x³`` and ``(cos(x) - 1 + x²/2) / x⁴`` as polynomials in x².
    """

    digits: int
    ln2: tuple[float, float]
    exp: Sequence[float]
    largest: float
    least: float
    beyond: float
    log: Sequence[float]
    root_half: int
    tiny: float
    pi_half: tuple[float, float, float]
    turned: float
    sin: Sequence[float]
    cos: Sequence[float]


PRECISIONS = {
    "f64": Precision(
        digits=52,
        ln2=(float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")),
        exp=[0.5, 0.16666666666666682, 0.041666666666666095, 0.008333333333317034, 0.0013888888889115594,
             0.00019841269896383307, 2.480158692669296e-05, 2.755723486238809e-06, 2.7557581800632036e-07,
             2.5112036688387777e-08, 2.082664103005651e-09],
        largest=709.782712893384, least=-745.2, beyond=1000.0,
        log=[6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
             1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01],
        root_half=0x3FE6A09E667F3BCD, tiny=2.2250738585072014e-308,
        pi_half=(1.57079632673412561417e00, 6.07710050650619224932e-11, 3.5215598651832e-27), turned=1e5,
        sin=[-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04, 2.75573137070700676789e-06,
             -2.50507602534068634195e-08, 1.58969099521155010221e-10],
        cos=[4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05, -2.75573143513906633035e-07,
             2.08757232129817482790e-09, -1.13596475577881948265e-11],
    ),
    "f32": Precision(
        digits=23,
        ln2=(0.693145751953125, 1.428606765330187e-06),
        exp=[0.5, 0.1666666716337204, 0.04166646674275398, 0.008333360776305199, 0.0013933610171079636, 0.00019857814186252654],
        largest=88.72283172607422, least=-104.0, beyond=120.0,
        log=[0.6666668653488159, 0.3998875319957733, 0.2958095967769623],
        root_half=0x3F3504F3, tiny=1.1754943508222875e-38,
        pi_half=(1.5703125, 0.0004838267923332751, 2.5633440682570896e-12), turned=5e3,
        sin=[-0.1666666716337204, 0.008333331905305386, -0.00019840079767163843, 2.7249104732618434e-06],
        cos=[0.0416666679084301, -0.00138888880610466, 2.480059629306197e-05, -2.7300430360810424e-07],
    ),
}  # fmt: skip


def precision(x: Value) -> Precision:
    return PRECISIONS[x.kind]


def integer_like(b: Builder, n: int, x: Value) -> Value:
    """An integer in as many bits as a float."""
    return b.constant(n, "i" + x.kind[1:], x.width)


def polynomial(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, lowest first, by Estrin's scheme."""
    terms, power = [b.like(c, x) for c in coefficients], x
    while len(terms) > 1:
        pairs = range(0, len(terms), 2)
        terms = [b.fma(terms[i + 1], power, terms[i]) if i + 1 < len(terms) else terms[i] for i in pairs]
        if len(terms) > 1:
            power = b.mul(power, power)
    return terms[0]


def shared(name: str, function: Emit, through: str | None = None, pieces: int = 1) -> Emit:
    """The function as one that is called; by way of another type, if one is given.  It returns so many times the lanes."""

    def call(b: Builder, *args: Value) -> Value:
        args = tuple(b.alike(*args))
        kind, width = args[0].kind, args[0].width
        own = through or kind
        args = tuple(b.convert(a, own) for a in args)
        type_, result = vector_type(LLVM[own], width), vector_type(LLVM[own], pieces * width)

        def write() -> str:
            inner = Builder(full, ", ".join(f"{type_} %x{i}" for i in range(len(args))), b.module, result)
            y = function(inner, *(Value(f"%x{i}", own, width) for i in range(len(args))))
            return inner.text(f"ret {result} {y.text}").replace(" #0 {", " noinline #0 {", 1)

        full = f"{name}.v{width}{own}"
        b.module.once(full, write)
        return b.convert(b.call(full, own, pieces * width, *args), kind)

    return call


def of_numpy(name: str, called: str) -> Emit:
    """A function that NumPy computes, of vectors; of numbers the one of the C library that is called so."""
    ufunc = getattr(np, name)

    def function(b: Builder, *args: Value) -> Value:
        if args[0].width == 1:
            return b.call(called, "f64", 1, *args)
        loop = loop_of(ufunc, "f64")
        return _in_lanes(b, called, args) if loop is None else _in_loop(b, ufunc, loop, args)

    return shared(f"c_{called}", function, "f64")


def of_ufunc(ufunc: np.ufunc, loop: Loop) -> Emit:
    """A function by the loop of a ufunc."""
    return shared(f"{library_of(ufunc)}_{ufunc.__name__}", lambda b, *args: _in_loop(b, ufunc, loop, args))


def of_complex_ufunc(ufunc: np.ufunc, loop: Loop) -> Callable[..., tuple[Value, Value]]:
    """The same of complex numbers: a function of the parts of its operands, which gives both parts."""
    in_turn = shared(f"{library_of(ufunc)}_{ufunc.__name__}_parts", lambda b, *args: _in_loop(b, ufunc, loop, args, 2), None, 2)

    def parts(b: Builder, *args: Value) -> tuple[Value, Value]:
        y = in_turn(b, *args)
        return b.every_second(y), b.every_second(y, 1)

    return parts


def _in_loop(b: Builder, ufunc: np.ufunc, loop: Loop, args: Sequence[Value], pieces: int = 1) -> Value:
    """The elements that a loop gives; of complex numbers, which are in two pieces, the parts in turn."""
    kind, width = args[0].kind, args[0].width
    name = f"covector_{library_of(ufunc)}_{ufunc.__name__}_{kind}{'_parts' if pieces == 2 else ''}"
    arrays = [b.allocate(kind, pieces * width) for _ in range(len(args) // pieces + 1)]
    for i, x in enumerate(args):
        b.store(x, arrays[i // pieces], b.index(i % pieces), pieces)
    b.module.may_raise |= library_of(ufunc) == "scipy"
    call_loop(b, name, loop, arrays, [width], [pieces * item_size(kind)] * len(arrays))
    return b.read(kind, arrays[-1], width=pieces * width)


def call_loop(b: Builder, name: str, loop: Loop, arrays: Sequence[str], sizes: Sequence[int], strides: Sequence[int]) -> None:
    """Call a loop, by the name that it gets, on arrays with these addresses."""
    pointers = b.allocate("i64", count=len(arrays))
    for i, array in enumerate(arrays):
        b.emit(f"store ptr {array}, ptr {b.pointer(pointers, 'i64', b.index(i))}")
    given = [pointers, *(_indices(b, numbers) for numbers in (sizes, strides)), f"@{name}_data" if loop.data else "null"]
    b.module.declare(name, "void", *["ptr"] * 4)
    b.module.foreign[name] = lambda: loop.address
    if loop.data:
        b.module.declare_data(f"{name}_data")
        b.module.foreign[f"{name}_data"] = lambda: loop.data
    b.emit(f"call void @{name}({', '.join(f'ptr {x}' for x in given)})")


def _indices(b: Builder, numbers: Sequence[int]) -> str:
    place = b.allocate("i64", count=len(numbers))
    for i, n in enumerate(numbers):
        b.store(b.index(n), place, b.index(i))
    return place


def _in_lanes(b: Builder, called: str, args: Sequence[Value]) -> Value:
    result = Value("poison", "f64", args[0].width)
    for i in range(result.width):
        y = b.call(called, "f64", 1, *(b.lane(a, i) for a in args))
        inserted = b.op(f"insertelement {result.type} {result.text}, double {y.text}, i64 {i}", "f64", result.width)
        result = inserted
    return result


# --- exponentials -------------------------------------------------------------------------------------------------------

def _less_powers_of_two(b: Builder, x: Value) -> tuple[Value, Value, Value, Value]:
    """``k, -k, r, low`` with ``x = k*ln(2) + r - k*low``, k being whole (Cody and Waite)."""
    high, low = (b.like(part, x) for part in precision(x).ln2)
    k = b.intrinsic("rint", b.mul(x, b.like(LOG2E, x)))
    minus = b.neg(k)
    return k, minus, b.fma(minus, high, x), low


def expm1_reduced(b: Builder, x: Value, rest: Value | None = None) -> tuple[Value, Value, Value]:
    """``k, p, q`` with ``exp(x + rest) = 2**k * (1 + p + q)``, q being what p lacks."""
    k, minus, r0, low_part = _less_powers_of_two(b, x)
    low = b.mul(minus, low_part) if rest is None else b.fma(minus, low_part, rest)
    r = b.add(r0, low)
    rest = b.add(b.sub(r0, r), low)
    higher = b.add(b.mul(b.mul(r, r), polynomial(b, r, precision(x).exp)), b.fma(rest, r, rest))
    p = b.add(r, higher)
    return k, p, b.add(b.sub(r, p), higher)


def power_of_two(b: Builder, k: Value) -> Value:
    """2**k, for whole k of which that is a number that is not subnormal."""
    digits = precision(k).digits
    with_bias = b.add(k, b.like(1.5 * 2.0**digits + (1023 if k.kind == "f64" else 127), k))  # k and the bias are its last bits
    bits = b.cast("bitcast", with_bias, "i" + k.kind[1:])
    return b.cast("bitcast", b.binary("shl", bits, integer_like(b, digits, k)), k.kind)


def exp_reduced(b: Builder, x: Value) -> tuple[Value, Value]:
    """``k, y`` with ``exp(x) = 2**k * y``, y being about 1."""
    k, minus, r, low = _less_powers_of_two(b, x)
    r = b.fma(minus, low, r)
    return k, b.add(b.fma(b.mul(r, r), polynomial(b, r, precision(x).exp), r), b.like(1.0, x))


def _exp(b: Builder, x: Value) -> Value:
    above, below = b.like(precision(x).largest + 1.0, x), b.like(precision(x).least - 1.0, x)
    bounded = b.select(b.compare("ogt", x, above), above, x)
    k, y = exp_reduced(b, b.select(b.compare("olt", bounded, below), below, bounded))
    half = b.intrinsic("floor", b.mul(k, b.like(0.5, x)))
    return b.mul(b.mul(y, power_of_two(b, half)), power_of_two(b, b.sub(k, half)))


def _expm1(b: Builder, x: Value) -> Value:
    bounded = b.select(b.compare("ole", b.intrinsic("fabs", x), b.like(precision(x).beyond, x)), x, b.like(0.0, x))
    bounded = b.select(b.compare("olt", bounded, b.like(-60.0, x)), b.like(-60.0, x), bounded)
    k, p, q = expm1_reduced(b, bounded)
    half = b.intrinsic("floor", b.mul(k, b.like(0.5, x)))
    first, second = power_of_two(b, half), power_of_two(b, b.sub(k, half))
    scale = b.mul(first, second)
    below, scaled = b.sub(scale, b.like(1.0, x)), b.mul(scale, p)
    t = b.add(below, scaled)
    small = b.add(t, b.add(b.sub(scaled, b.sub(t, below)), b.mul(scale, q)))
    large = b.mul(b.mul(b.add(b.like(1.0, x), b.add(p, q)), first), second)
    y = b.select(b.compare("ogt", k, b.like(precision(x).digits + 4.0, x)), large, small)
    y = b.select(b.compare("oeq", k, b.like(0.0, x)), b.add(p, q), y)
    y = b.select(b.compare("ogt", x, b.like(precision(x).largest, x)), b.like(math.inf, x), y)
    y = b.select(b.compare("olt", x, b.like(-60.0, x)), b.like(-1.0, x), y)
    return b.select(b.compare("ueq", x, b.like(0.0, x)), x, y)  # NaN, and the sign of zero


def _tanh(b: Builder, x: Value) -> Value:
    """``t / (t + 2)`` with ``t = expm1(-2|x|)``, both in two parts, the quotient corrected once."""
    size = b.intrinsic("fabs", x)
    size = b.select(b.compare("olt", size, b.like(30.0, x)), size, b.like(30.0, x))
    k, p, q = expm1_reduced(b, b.mul(size, b.like(-2.0, x)))
    scale = power_of_two(b, k)
    below, scaled = b.sub(scale, b.like(1.0, x)), b.mul(scale, p)
    t = b.add(below, scaled)
    lost = b.add(b.sub(scale, b.add(below, b.like(1.0, x))), b.mul(scale, q))
    rest = b.add(b.sub(scaled, b.sub(t, below)), lost)
    d = b.add(t, b.like(2.0, x))
    d_rest = b.add(b.sub(t, b.sub(d, b.like(2.0, x))), rest)
    inverse = b.div(b.like(1.0, x), d)
    y = b.mul(t, inverse)
    error = b.sub(b.add(b.fma(b.neg(y), d, t), rest), b.mul(y, d_rest))
    y = b.intrinsic("copysign", b.fma(error, inverse, y), x)
    return b.select(b.compare("ueq", x, b.like(0.0, x)), x, y)


# --- logarithms ---------------------------------------------------------------------------------------------------------

def _log(b: Builder, x: Value, correction: Value | None = None) -> Value:
    about = precision(x)
    subnormal = b.compare("olt", x, b.like(about.tiny, x))
    scaled = b.select(subnormal, b.mul(x, b.like(2.0 ** (about.digits + 2), x)), x)
    digits = integer_like(b, about.digits, x)
    bits = b.cast("bitcast", scaled, digits.kind)
    exponent = b.binary("ashr", b.sub(bits, integer_like(b, about.root_half, x)), digits)
    mantissa = b.cast("bitcast", b.sub(bits, b.binary("shl", exponent, digits)), x.kind)
    k = b.sub(b.cast("sitofp", exponent, x.kind), b.select(subnormal, b.like(about.digits + 2.0, x), b.like(0.0, x)))
    g = b.sub(mantissa, b.like(1.0, x))
    s = b.div(g, b.add(g, b.like(2.0, x)))
    z = b.mul(s, s)
    half = b.mul(b.mul(g, g), b.like(0.5, x))
    high_part, low_part = (b.like(part, x) for part in about.ln2)
    low = b.fma(k, low_part, b.mul(s, b.add(half, b.mul(z, polynomial(b, z, about.log)))))
    if correction is not None:
        low = b.add(low, correction)
    y = b.add(b.mul(k, high_part), b.sub(g, b.sub(half, low)))
    y = b.select(b.compare("oeq", x, b.like(math.inf, x)), x, y)
    y = b.select(b.compare("oeq", x, b.like(0.0, x)), b.like(-math.inf, x), y)
    y = b.select(b.compare("olt", x, b.like(0.0, x)), b.like(math.nan, x), y)
    return b.select(b.compare("uno", x, x), x, y)


def _log1p(b: Builder, x: Value) -> Value:
    u = b.add(x, b.like(1.0, x))
    lost = b.select(b.compare("ogt", x, b.like(1.0, x)), b.sub(b.like(1.0, x), b.sub(u, x)), b.sub(x, b.sub(u, b.like(1.0, x))))
    finite = b.compare("olt", x, b.like(math.inf, x))
    y = _log(b, u, b.select(finite, b.div(lost, u), b.like(0.0, x)))
    y = b.select(b.compare("oeq", x, b.like(-1.0, x)), b.like(-math.inf, x), y)
    return b.select(b.compare("olt", b.intrinsic("fabs", x), b.like(2.0 ** -(precision(x).digits + 2), x)), x, y)


def _logaddexp(b: Builder, x: Value, y: Value) -> Value:
    larger = b.select(b.compare("ogt", x, y), x, y)
    result = b.add(larger, log1p(b, exp(b, b.neg(b.intrinsic("fabs", b.sub(x, y))))))
    result = b.select(b.compare("oeq", x, y), b.add(x, b.like(math.log(2), x)), result)
    return b.select(b.compare("uno", x, y), b.add(x, y), result)


# --- sine and cosine ----------------------------------------------------------------------------------------------------

def _turned(b: Builder, x: Value, quarter: int) -> Value:
    """The sine of ``x`` plus so many quarters of a turn."""
    about = precision(x)
    first, second, third = (b.like(part, x) for part in about.pi_half)
    k = b.intrinsic("rint", b.mul(x, b.like(2 / math.pi, x)))
    r0 = b.sub(x, b.mul(k, first))
    w = b.mul(k, second)
    w_rest = b.fma(k, second, b.neg(w))
    r1 = b.sub(r0, w)
    low = b.sub(b.sub(b.sub(r0, r1), w), b.fma(k, third, w_rest))
    r = b.add(r1, low)
    rest = b.add(b.sub(r1, r), low)
    z = b.mul(r, r)
    half = b.mul(z, b.like(0.5, x))
    whole = b.sub(b.like(1.0, x), half)
    sine = b.add(r, b.fma(b.mul(r, z), polynomial(b, z, about.sin), b.mul(rest, whole)))
    lost = b.sub(b.sub(b.like(1.0, x), whole), half)
    cosine = b.add(whole, b.add(lost, b.fma(b.mul(z, z), polynomial(b, z, about.cos), b.neg(b.mul(r, rest)))))
    zero, one, two = (integer_like(b, n, x) for n in range(3))
    turns = b.add(b.cast("fptosi", k, zero.kind), integer_like(b, quarter, x))
    is_odd = b.compare("ne", b.binary("and", turns, one), zero)
    y = b.select(is_odd, cosine, sine)
    return b.select(b.compare("ne", b.binary("and", turns, two), zero), b.neg(y), y)


def _with_large_arguments(quarter: int, name: str) -> Emit:
    def function(b: Builder, x: Value) -> Value:
        place = b.allocate(x.kind, x.width)
        small = b.compare("olt", b.intrinsic("fabs", x), b.like(precision(x).turned, x))
        all_small = small if x.width == 1 else b.call(f"llvm.vector.reduce.and.v{x.width}i1", "bool", 1, small)

        def reduced() -> None:
            y = _turned(b, x, quarter)
            y = b.select(b.compare("oeq", x, b.like(0.0, x)), x, y) if quarter == 0 else y
            b.store(y, place, b.index(0))

        b.branch(all_small, reduced, lambda: b.store(of_numpy(name, name)(b, x), place, b.index(0)))
        return b.read(x.kind, place, width=x.width)

    return function


# --- the table ----------------------------------------------------------------------------------------------------------


def _expit(b: Builder, x: Value) -> Value:
    """``exp(x) / (1 + exp(x))``, or ``1 / (1 + exp(-x))`` where x is positive, the quotient corrected once."""
    small = exp(b, b.neg(b.intrinsic("fabs", x)))
    above = b.select(b.compare("olt", x, b.like(0.0, x)), small, b.like(1.0, x))
    d = b.add(b.like(1.0, x), small)
    d_rest = b.sub(small, b.sub(d, b.like(1.0, x)))
    inverse = b.div(b.like(1.0, x), d)
    y = b.mul(above, inverse)
    error = b.sub(b.fma(b.neg(y), d, above), b.mul(y, d_rest))
    y = b.select(b.compare("ogt", above, b.like(1e8 * precision(x).tiny, x)), b.fma(error, inverse, y), y)
    return b.select(b.compare("uno", x, x), x, y)


def _share(b: Builder, x: Value, y: Value) -> Value:
    """``exp(x) / (exp(x) + exp(y))``; two of +inf share equally, two of -inf have none."""
    found = expit(b, b.sub(x, y))
    same = b.select(b.compare("ogt", x, b.like(0.0, x)), b.like(0.5, x), b.like(0.0, x))
    infinite = b.compare("oeq", b.intrinsic("fabs", x), b.like(math.inf, x))
    return b.select(b.logical("and", infinite, b.compare("oeq", x, y)), same, found)


def larger_and_smaller(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """The absolute values, in this order."""
    x, y = b.intrinsic("fabs", x), b.intrinsic("fabs", y)
    swapped = b.compare("olt", x, y)
    return b.select(swapped, y, x), b.select(swapped, x, y)


def _hypot(b: Builder, x: Value, y: Value) -> Value:
    """The root of the sum of squares; that of ``f32`` in doubles, among which the squares are."""
    large, small = larger_and_smaller(b, x, y)
    if x.kind == "f32":
        u, v = (b.convert(part, "f64") for part in (large, small))
        found = b.convert(sqrt(b, b.fma(u, u, b.mul(v, v))), x.kind)
    else:
        found = _corrected_root(b, large, small)
    infinite = b.logical("or", *(b.compare("oeq", part, b.like(math.inf, x)) for part in (large, small)))
    return b.select(infinite, b.like(math.inf, x), found)


def _corrected_root(b: Builder, large: Value, small: Value) -> Value:
    """The root of the sum of squares, corrected once (C. F. Borges, "An improved algorithm for hypot(a, b)", 2019)."""
    up, down = b.compare("olt", large, b.like(2.0**-400, large)), b.compare("ogt", large, b.like(2.0**500, large))
    one = b.like(1.0, large)
    scale, back = (b.select(up, b.like(p, large), b.select(down, b.like(1 / p, large), one)) for p in (2.0**600, 2.0**-600))
    u, v = b.mul(large, scale), b.mul(small, scale)
    h = sqrt(b, b.fma(u, u, b.mul(v, v)))
    h_square, u_square = b.mul(h, h), b.mul(u, u)
    excess = b.add(b.fma(b.neg(v), v, b.sub(h_square, u_square)), b.fma(h, h, b.neg(h_square)))
    excess = b.sub(excess, b.fma(u, u, b.neg(u_square)))
    found = b.mul(b.sub(h, b.div(excess, b.add(h, h))), back)
    found = b.select(b.compare("oeq", small, b.like(0.0, large)), large, found)
    return b.select(b.compare("uno", large, small), b.like(math.nan, large), found)


def sqrt(b: Builder, x: Value) -> Value:
    return b.intrinsic("sqrt", x)


exp = shared("exp", _exp)
expm1 = shared("expm1", _expm1)
tanh = shared("tanh", _tanh)
log = shared("log", _log)
log1p = shared("log1p", _log1p)
logaddexp = shared("logaddexp", _logaddexp)
sin = shared("sin", _with_large_arguments(0, "sin"))
cos = shared("cos", _with_large_arguments(1, "cos"))
expit = shared("expit", _expit)
share = shared("share", _share)
hypot = shared("hypotenuse", _hypot)

C_LIBRARY = {
    name: of_numpy({"pow": "power"}.get(name, name), called)
    for name, called in {
        "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh", "cosh": "cosh",
        "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "cbrt": "cbrt", "exp2": "exp2", "log2": "log2",
        "log10": "log10", "pow": "pow", "fmod": "fmod", "nextafter": "nextafter",
    }.items()
}  # fmt: skip
