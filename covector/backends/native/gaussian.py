"""The error function, and what remains of it to 1, as functions of vectors: within 1.5 units in the last place.

Below 11/16 the error function is an odd polynomial.  Above, what remains is ``exp(-x²) h(s) s`` with ``s = 1 / (1 + x/4)``, in
which h is smooth: it goes from 0.16 at infinity to 0.6, so that one polynomial is enough.  What is rounded off on the way
is kept, and added at the end.  The polynomials are minimax ones for the relative error, computed with 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from covector.backends.native.functions import expm1_reduced, polynomial, power_of_two, shared
from covector.backends.native.ir import Builder, Value


class Series(NamedTuple):
    """The numbers for a type of floats.

    Attributes:
        near: ``erf(x) / x`` as a polynomial in x², and what its first coefficient lacks.
        far: h as a polynomial in ``s - 3/8``, and what its first coefficient lacks.
        one: from here on the error function is 1.
        zero: from here on nothing remains.
    """

    near: Sequence[float]
    near_rest: float
    far: Sequence[float]
    far_rest: float
    one: float
    zero: float


SERIES = {
    "f64": Series(
        near=[
            1.1283791670955126, -0.37612638903183726, 0.11283791670952896, -0.02686617064447394, 0.005223977615800499,
            -0.0008548326207879975, 0.00012055290170571764, -1.4924208295124546e-05, 1.6430829850610338e-06,
            -1.5941052282197232e-07, 1.1475335404192877e-08,
        ],
        near_rest=1.533545961316588e-17,
        far=[
            0.22321819202394763, 0.3368347429874776, 0.4684240409444014, 0.5963390816783014, 0.6885652586015967,
            0.7114571606813755, 0.644243012824191, 0.49321689431721705, 0.2962564553640406, 0.11080300731455675,
            -0.012090450299916023, -0.053580095073406345, -0.034860054095631254, 0.00044284374864710834, 0.017346642824869758,
            0.010114474088859283, -0.0038422914651390933, -0.008528355526101261, -0.0010845871321710568, 0.007640024694406107,
            -0.0031230307799372616,
        ],
        far_rest=-1.1516773862261967e-17, one=6.0, zero=28.0,
    ),
    "f32": Series(
        near=[
            1.128379225730896, -0.37612637877464294, 0.11283732950687408, -0.026857832446694374, 0.005176085978746414,
            -0.0007325778133235872,
        ],
        near_rest=-5.863538342219759e-08,
        far=[
            0.2232181876897812, 0.33683469891548157, 0.46842458844184875, 0.5963531732559204, 0.6883809566497803,
            0.7111111283302307, 0.6580374836921692, 0.4157589375972748, 0.48452314734458923, -0.0789012610912323,
        ],
        far_rest=4.334166430893363e-09, one=4.0, zero=10.2,
    ),
}  # fmt: skip

BORDER = 0.6875


def _near_zero(b: Builder, x: Value) -> tuple[Value, Value]:
    """The error function where it is a polynomial, and what is rounded off."""
    about, z = SERIES[x.kind], b.mul(x, x)
    first = b.like(about.near[0], x)
    lead = b.mul(x, first)
    rest = b.fma(x, b.like(about.near_rest, x), b.fma(x, first, b.neg(lead)))
    rest = b.fma(b.mul(x, z), b.fma(z, polynomial(b, z, about.near[2:]), b.like(about.near[1], x)), rest)
    y = b.add(lead, rest)
    return y, b.add(b.sub(lead, y), rest)


def _remaining(b: Builder, x: Value) -> tuple[Value, Value]:
    """``y, k`` with ``y * 2**k`` being what the error function lacks to 1, of x from 11/16 on."""
    about = SERIES[x.kind]
    constant: Callable[[float], Value] = lambda c: b.like(c, x)
    d = b.fma(x, constant(0.25), constant(1.0))
    d_rest = b.fma(x, constant(0.25), b.neg(b.sub(d, constant(1.0))))
    s = b.div(constant(1.0), d)
    minus = b.neg(s)
    error = b.fma(minus, d_rest, b.fma(minus, d, constant(1.0)))
    t = b.sub(s, constant(0.375))  # no digit is lost
    slope = polynomial(b, t, [k * c for k, c in enumerate(about.far[:5])][1:])
    linear = b.mul(t, constant(about.far[1]))
    rest = b.fma(slope, b.mul(s, error), b.add(b.fma(t, constant(about.far[1]), b.neg(linear)), constant(about.far_rest)))
    first = b.add(linear, constant(about.far[0]))
    rest = b.add(rest, b.add(b.sub(constant(about.far[0]), first), linear))
    square, q = b.mul(t, t), polynomial(b, t, about.far[4:])
    q = b.fma(t, b.fma(t, q, constant(about.far[3])), constant(about.far[2]))
    h = b.fma(square, q, first)
    rest = b.fma(b.fma(t, t, b.neg(square)), q, b.add(rest, b.fma(square, q, b.sub(first, h))))
    square = b.mul(x, x)
    k, p, q = expm1_reduced(b, b.neg(square), b.fma(b.neg(x), x, square))
    m = b.add(p, constant(1.0))
    m_rest = b.add(b.add(b.sub(constant(1.0), m), p), q)
    y = b.mul(m, h)
    rest = b.add(b.fma(m, h, b.neg(y)), b.fma(m, rest, b.mul(m_rest, h)))
    return b.fma(y, s, b.mul(s, b.fma(y, error, rest))), k


def _erf(b: Builder, x: Value) -> Value:
    one = b.like(SERIES[x.kind].one, x)
    size = b.intrinsic("fabs", x)
    far = b.compare("oge", size, b.like(BORDER, x))
    y, k = _remaining(b, b.select(b.compare("olt", size, one), size, one))
    large = b.intrinsic("copysign", b.sub(b.like(1.0, x), b.mul(y, power_of_two(b, k))), x)
    near = b.select(far, b.like(BORDER, x), x)
    y = b.select(far, large, _near_zero(b, near)[0])
    return b.select(b.compare("ueq", x, b.like(0.0, x)), x, y)  # NaN, and the sign of zero


def _erfc(b: Builder, x: Value) -> Value:
    zero = b.like(SERIES[x.kind].zero, x)
    size = b.intrinsic("fabs", x)
    far = b.compare("oge", size, b.like(BORDER, x))
    y, k = _remaining(b, b.select(b.compare("olt", size, zero), size, zero))
    half = b.intrinsic("floor", b.mul(k, b.like(0.5, x)))
    large = b.mul(b.mul(y, power_of_two(b, half)), power_of_two(b, b.sub(k, half)))
    large = b.select(b.compare("olt", x, b.like(0.0, x)), b.sub(b.like(2.0, x), large), large)
    y, rest = _near_zero(b, b.select(far, b.like(BORDER, x), x))
    one = b.like(1.0, x)
    whole = b.sub(one, y)
    y = b.add(whole, b.sub(b.sub(b.sub(one, whole), y), rest))
    return b.select(b.compare("uno", x, x), x, b.select(far, large, y))


erf = shared("erf", _erf)
erfc = shared("erfc", _erfc)
