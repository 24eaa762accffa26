"""Random bits: Threefry-2x32 of the place of each element, so that numbers are made where they are used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from covector.backends.native.ir import Builder, Value
from covector.core.jaxpr import Equation

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def _threefry(b: Builder, k0: Value, k1: Value, x0: Value, x1: Value) -> tuple[Value, Value]:
    """The counter ``(x0, x1)`` encrypted with the key ``(k0, k1)`` in 20 rounds; see `covector.primitives.random.threefry`."""
    keys = [k0, k1, b.binary("xor", b.binary("xor", k0, k1), b.like(PARITY, k0))]
    x0, x1 = b.add(x0, keys[0]), b.add(x1, keys[1])
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 = b.add(x0, x1)
            left, right = b.binary("shl", x1, b.like(r, x1)), b.binary("lshr", x1, b.like(32 - r, x1))
            x1 = b.binary("xor", b.binary("or", left, right), x0)
        x0 = b.add(x0, keys[(i + 1) % 3])
        x1 = b.add(b.add(x1, keys[(i + 2) % 3]), b.like(i + 1, x1))
    return x0, x1


@cache
def bits(width: int) -> Callable[..., Value]:
    """What writes so many bits for a place, and the two words of a key."""

    def emit(b: Builder, place: Value, k0: Value, k1: Value) -> Value:
        word: Callable[[Value], Value] = lambda x: b.convert(Value(x.text, "u64", x.width), "u32")
        high = word(b.binary("lshr", place, b.like(32, place)))
        y0, y1 = _threefry(b, k0, k1, high, word(place))
        if width == 64:
            y0 = b.convert(y0, "u64")
            return b.binary("or", b.binary("shl", y0, b.like(32, y0)), b.convert(y1, "u64"))
        return b.convert(b.binary("xor", y0, y1), f"u{width}")

    return emit


def unit_floats(eqn: Equation) -> Callable[..., Value] | None:
    """What makes a number in [0, 1) of bits."""
    dtype = np.dtype(eqn.params["dtype"])
    if dtype.itemsize != eqn.inputs[0].aval.dtype.itemsize:
        return None
    return _unit_floats(
        f"f{8 * dtype.itemsize}", int(np.finfo(dtype).nmant), int(np.ones((), dtype).view(f"u{dtype.itemsize}"))
    )


@cache
def _unit_floats(kind: str, fraction_bits: int, one: int) -> Callable[..., Value]:
    def emit(b: Builder, x: Value) -> Value:
        fraction = b.binary("lshr", x, b.like(int(x.kind[1:]) - fraction_bits, x))
        number = b.cast("bitcast", b.binary("or", fraction, b.like(one, x)), kind)
        return b.sub(number, b.like(1.0, number))

    return emit
