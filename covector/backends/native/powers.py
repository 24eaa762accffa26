"""Powers with exponents that stand in the program: ``power(n)(b, x)`` for whole and half n, within 1 unit in the last place.

>>> from covector.backends.native.ir import Module
>>> b = Builder("f", "", Module())
>>> x = b.op("load double, ptr %x", "f64")
>>> power(6)(b, x).text, *b.module.functions
('%t2', 'power_12.v1f64')

The C library's function of two variables is called lane by lane.  Here a power is a product of squares, each a number in two
parts: what a product is rounded by is a product that is added once (T. J. Dekker, "A floating-point technique for extending
the available precision", 1971).  Reciprocals and roots are taken first, and are in two parts too: a power that is a number does
not come from one that is none.
"""

from __future__ import annotations

import math
from typing import Any

from covector.backends.native.functions import Emit, shared, sqrt
from covector.backends.native.ir import Builder, Value

MOST = 64
"""Powers beyond are the C library's."""

Parts = tuple[Value, Value]
"""A number, and what it lacks."""


def is_written_out(n: Any) -> bool:
    """Whether an exponent, if it is known, is one of those that are dealt with here."""
    return n is not None and 0 < abs(n) <= MOST and 2 * n == math.floor(2 * n)


def power(n: float) -> Emit:
    """``x ** n`` as a function that is called; of ``f32`` in doubles."""
    twice, sign = int(2 * n), "m" if n < 0 else ""
    return shared(f"power_{sign}{abs(twice)}", lambda b, x: _power(b, x, twice), through="f64")


def _power(b: Builder, x: Value, twice: int) -> Value:
    zero, infinity = b.like(0.0, x), b.like(math.inf, x)
    is_half, count = twice % 2 == 1, abs(twice) // 2
    factor = (b.add(x, zero) if is_half else x), zero  # a root is no negative zero
    total = _root(b, factor[0]) if is_half else None
    if twice < 0:
        total = total and _reciprocal(b, total)
        factor = _reciprocal(b, factor) if count else factor
    for i in range(count.bit_length()):
        factor = _product(b, factor, factor) if i else factor
        if count >> i & 1:
            total = factor if total is None else _product(b, total, factor)
    assert total is not None
    y, rest = total
    is_plain = b.logical("and", b.compare("one", y, zero), b.compare("olt", b.intrinsic("fabs", y), infinity))
    y = b.select(is_plain, b.add(y, rest), y)  # the rest of zeros and infinities is NaN
    return b.select(b.compare("oeq", x, b.neg(infinity)), infinity if twice > 0 else zero, y) if is_half else y


def _product(b: Builder, x: Parts, y: Parts) -> Parts:
    product = b.mul(x[0], y[0])
    rounded = b.fma(x[0], y[0], b.neg(product))
    return product, b.fma(x[0], y[1], b.fma(x[1], y[0], rounded))


def _reciprocal(b: Builder, x: Parts) -> Parts:
    y = b.div(b.like(1.0, x[0]), x[0])
    return y, b.mul(y, b.fma(b.neg(y), x[1], b.fma(b.neg(y), x[0], b.like(1.0, x[0]))))


def _root(b: Builder, x: Value) -> Parts:
    y = sqrt(b, x)
    return y, b.div(b.fma(b.neg(y), y, x), b.add(y, y))
