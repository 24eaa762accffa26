"""The error function, and what remains of it to 1, as functions of vectors: within 1.5 units in the last place.

The error function is an odd polynomial up to 17/16.  Beyond, the logarithm of what remains is a polynomial: so little remains
that its last digits do not matter.  Where it is the result they do; from 11/16 on it is ``exp(-x²) h(s) s`` with
``s = 1 / (1 + x/4)``, in which h is smooth, from 0.16 at infinity to 0.6, so that one polynomial is enough, and what is rounded
off on the way is kept, and added at the end.  The polynomials are minimax ones, computed with 50 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from covector.backends.native.functions import exp_reduced, expm1_reduced, polynomial, power_of_two, shared
from covector.backends.native.ir import Builder, Value


class Series(NamedTuple):
    """The numbers for a type of floats.

    Attributes:
        near: ``erf(x) / x - 1`` as a polynomial in x², up to x = 17/16.
        log: the logarithm of what remains as a polynomial in ``x - 17/16``, from x = 17/16 on.
        far: h as a polynomial in ``s - 3/8``, and what its first coefficient lacks.
        one: from here on the error function is 1.
        zero: from here on nothing remains.
    """

    near: Sequence[float]
    log: Sequence[float]
    far: Sequence[float]
    far_rest: float
    one: float
    zero: float


SERIES = {
    "f64": Series(
        near=[
            0.1283791670955126, -0.3761263890318373, 0.11283791670954152, -0.026866170644943878,
            0.005223977623563107, -0.0008548326910993628, 0.00012055328649629612, -1.4925538172093124e-05,
            1.64601176961404e-06, -1.6341300771937998e-07, 1.4601449713383657e-08, -1.1156034537474715e-09,
            5.6045877000166936e-11,
        ],
        log=[
            -2.017844362813538, -2.744833316273512, -0.8506695685243832, -0.039128732032553806, 0.00942983250523885,
            -0.001887100434433362, 0.00024602230545827655, 1.4038537956948583e-05, -2.2208934551282256e-05,
            8.503473937525347e-06, -2.098651973015981e-06, 3.2874060717206595e-07, -1.5180486864456048e-08,
            -7.301496387259706e-09, 2.100615589798171e-09, -2.561346339150061e-10, 1.2793048444204555e-11,
        ],
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
            0.12837916401520624, -0.376126129072325, 0.11283428548931086, -0.02684692225457908, 0.005174716957395451,
            -0.0007886952567136293, 7.437346923501192e-05,
        ],
        log=[
            -2.0178443685440937, -2.7448326864116854, -0.8506798655979569, -0.03907077260240186,
            0.009287264802564725, -0.0017259513793837185, 0.00017791041553782492,
        ],
        far=[
            0.2232181876897812, 0.33683469891548157, 0.46842458844184875, 0.5963531732559204, 0.6883809566497803,
            0.7111111283302307, 0.6580374836921692, 0.4157589375972748, 0.48452314734458923, -0.0789012610912323,
        ],
        far_rest=4.334166430893363e-09, one=4.0, zero=10.2,
    ),
}  # fmt: skip

NEAR, BORDER = 1.0625, 0.6875


def _near_zero(b: Builder, x: Value) -> tuple[Value, Value]:
    """The error function where it is a polynomial, and what is rounded off."""
    more = polynomial(b, b.mul(x, x), SERIES[x.kind].near)
    y = b.fma(x, more, x)
    return y, b.fma(x, more, b.sub(x, y))


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
    about, size = SERIES[x.kind], b.intrinsic("fabs", x)
    unit, start, end = (b.like(c, x) for c in (1.0, NEAR, about.one))
    bounded = b.select(b.compare("olt", size, end), size, end)
    k, y = exp_reduced(b, polynomial(b, b.sub(bounded, start), about.log))
    large = b.intrinsic("copysign", b.fma(b.neg(y), power_of_two(b, k), unit), x)
    return b.select(b.compare("oge", size, start), large, _near_zero(b, x)[0])


def _erfc(b: Builder, x: Value) -> Value:
    zero = b.like(SERIES[x.kind].zero, x)
    size = b.intrinsic("fabs", x)
    far = b.compare("oge", size, b.like(BORDER, x))
    y, k = _remaining(b, b.select(b.compare("olt", size, zero), size, zero))
    half = b.intrinsic("floor", b.mul(k, b.like(0.5, x)))
    large = b.mul(b.mul(y, power_of_two(b, half)), power_of_two(b, b.sub(k, half)))
    large = b.select(b.compare("olt", x, b.like(0.0, x)), b.sub(b.like(2.0, x), large), large)
    y, rest = _near_zero(b, x)
    one = b.like(1.0, x)
    whole = b.sub(one, y)
    y = b.add(whole, b.sub(b.sub(b.sub(one, whole), y), rest))
    return b.select(b.compare("uno", x, x), x, b.select(far, large, y))


erf = shared("erf", _erf)
erfc = shared("erfc", _erfc)
