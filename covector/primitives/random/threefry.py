"""Random bits from a key: the counter-based generator Threefry-2x32, ``threefry2x32`` and ``random_bits``.

>>> key = np.array([0, 42], np.uint32)
>>> random_bits_p.bind(key, shape=(2,), width=32)
array([2098992034, 2919706841], dtype=uint32)

A key is an array of two 32-bit words, the last axis of an array of keys.  The bits are a function of the key and of an
element's place alone, so they are the same in a batch, in a compiled function, and on every machine.

The generator is from John Salmon et al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011.  How places become counters is
JAX's default (``jax_threefry_partitionable``), whose bits these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, broadcast_shapes
from covector.core.kinds import Discrete
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import Dims, batch_in_front
from covector.primitives.math.ring import elementwise_batch

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
BLOCK = 8192
"""How many counters are encrypted at a time: so many stay in the cache."""

Words = Any  # an array of np.uint32


def threefry2x32(k0: Words, k1: Words, x0: Words, x1: Words) -> tuple[Words, Words]:
    """The counters ``(x0, x1)`` encrypted with the keys ``(k0, k1)`` in 20 rounds; arrays of 32-bit words, broadcast."""
    shape = np.broadcast_shapes(*map(np.shape, (k0, k1, x0, x1)))
    y0, y1 = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
    y0[...], y1[...] = x0, x1
    f0, f1 = y0.reshape(-1), y1.reshape(-1)  # views, since both are new
    schedule = [k0, k1, k0 ^ k1 ^ PARITY]
    single = all(np.size(k) == 1 for k in schedule)
    schedule = [np.reshape(k, ()) if single else np.broadcast_to(k, shape).reshape(-1) for k in schedule]
    scratch = np.empty(min(BLOCK, f0.size), np.uint32)
    for start in range(0, f0.size, BLOCK):
        part = slice(start, start + BLOCK)
        own = [k[part] if k.ndim else k for k in schedule]
        _encrypt(own, f0[part], f1[part], scratch[: f0[part].size])
    return y0, y1


def _encrypt(key: Sequence[Words], x0: Words, x1: Words, scratch: Words) -> None:
    """Encrypt a block in place."""
    x0 += key[0]
    x1 += key[1]
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 += x1
            np.left_shift(x1, np.uint32(r), scratch)
            x1 >>= np.uint32(32 - r)
            x1 |= scratch
            x1 ^= x0
        x0 += key[(i + 1) % 3]
        x1 += key[(i + 2) % 3]
        x1 += np.uint32(i + 1)


def counters(shape: Sequence[int]) -> tuple[Words, Words]:
    """The high and low words of the place of each element of an array."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= 2**32:
        return np.uint32(0), np.arange(size, dtype=np.uint32).reshape(shape)
    places: Any = np.arange(size, dtype=np.uint64).reshape(shape)
    return (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32)


# --- threefry2x32 -----------------------------------------------------------------------------------------------------

_encrypting = Discrete(lambda *words: list(threefry2x32(*words)))
threefry2x32_p = Primitive("threefry2x32", _encrypting, multiple_results=True, trusted=True, makes_new=True)
"""``(k0, k1, x0, x1) -> (y0, y1)``, of 32-bit words, elementwise."""


@threefry2x32_p.def_abstract
def _threefry_abstract(*words: ShapedArray) -> list[ShapedArray]:
    shape: tuple[int, ...] = ()
    for word in words:
        shape = broadcast_shapes(shape, word.shape)
    return [array_aval(shape, np.dtype(np.uint32))] * 2


@threefry2x32_p.def_batch
def _threefry_batch(size: int, args: Sequence[Any], dims: Dims) -> Any:
    outs, dim = elementwise_batch(threefry2x32_p)(size, args, dims)
    return outs, [dim, dim]


# --- random_bits ------------------------------------------------------------------------------------------------------


def _random_bits(keys: Words, *, shape: tuple[int, ...], width: int) -> Any:
    high, low = counters(shape)
    k0, k1 = (keys[(..., i, *[None] * len(shape))] for i in (0, 1))
    y0, y1 = threefry2x32(k0, k1, high, low)
    if width == 64:
        bits = y0.astype(np.uint64)
        bits <<= np.uint64(32)
        bits |= y1
        return bits
    y0 ^= y1
    return y0.astype(f"u{width // 8}", copy=False)


random_bits_p = Primitive("random_bits", Discrete(_random_bits), trusted=True, makes_new=True)
"""``keys[..., 2] -> bits[..., *shape]``, unsigned integers of so many bits as ``width`` says."""
random_bits_p.def_abstract(lambda keys, *, shape, width: array_aval((*keys.shape[:-1], *shape), np.dtype(f"u{width // 8}")))
random_bits_p.def_batch(batch_in_front(random_bits_p))


# --- unit_floats ------------------------------------------------------------------------------------------------------


def _unit_floats(bits: Any, *, dtype: Any) -> Any:
    info, width = np.finfo(dtype), 8 * bits.dtype.itemsize
    same = bits.dtype.type
    fraction = np.right_shift(bits, same(width - info.nmant))
    fraction |= np.ones((), dtype).view(same)
    floats = fraction.view(dtype)
    floats -= 1
    return floats


unit_floats_p = Primitive("unit_floats", Discrete(_unit_floats), trusted=True, makes_new=True)
"""Floating-point numbers in [0, 1) from unsigned integers: the high bits are the fraction of a number in [1, 2), less 1."""
unit_floats_p.def_abstract(lambda bits, *, dtype: array_aval(bits.shape, dtype))
unit_floats_p.def_batch(lambda size, args, dims, **params: (unit_floats_p.bind(*args, **params), dims[0]))
