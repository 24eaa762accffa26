"""The bits of numbers, and random ones, under JAX's names.

>>> int(bitcast_convert_type(np.float32(1.0), np.int32)) == 0x3F800000
True
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.numpy.registry import as_array
from covector.primitives.math.representation import bitcast_p, reduce_precision_p
from covector.primitives.random.threefry import threefry2x32_p


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Any:
    """The bits of numbers as those of another dtype.

    Args:
        operand: integers or real numbers.
        new_dtype: the dtype to read them as.  Of a shorter one there are several, along a new last axis; a longer one takes
            the bits of all numbers along the last axis.

    Raises:
        ArgumentError: booleans, complex numbers, long doubles, or a last axis of another length.

    >>> bitcast_convert_type(np.array([1.0]), np.uint32)
    array([[         0, 1072693248]], dtype=uint32)
    """
    operand, dtype = as_array(operand), np.dtype(new_dtype)
    old = dtype_of(operand)
    if old == dtype:
        return operand
    what = f"lax.bitcast_convert_type got {typeof(operand)} for the bits of {dtype}."
    if any(d.kind not in "iuf" or d.itemsize > 8 for d in (old, dtype)):
        fix = "give integers or real numbers of 64 bits or less"
        raise errors.ArgumentError(what, why="their bits have no meaning as such", fix=fix)
    if dtype.itemsize > old.itemsize and shape_of(operand)[-1:] != (dtype.itemsize // old.itemsize,):
        raise errors.ArgumentError(what, fix=f"give a last axis of length {dtype.itemsize // old.itemsize}")
    return bitcast_p.bind(operand, dtype=dtype)


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Any:
    """The nearest numbers with fewer bits, in the dtype of the operand.

    Args:
        operand: real numbers of 64 bits or less.
        exponent_bits: how many bits an exponent has, at least one: numbers beyond are infinite, and numbers below the smallest
            normal one are 0.
        mantissa_bits: how many bits a fraction has; of two that are equally near, the even one is taken.

    Returns:
        The numbers; derivatives are rounded in the same way, as in JAX.

    >>> reduce_precision(np.array([0.1, 1e6]), 5, 2)
    array([0.09375,     inf])
    """
    operand = as_array(operand)
    if dtype_of(operand).kind != "f" or dtype_of(operand).itemsize > 8:
        raise errors.ArgumentError(f"lax.reduce_precision got {typeof(operand)}.", fix="give real numbers of 64 bits or less")
    if exponent_bits < 1 or mantissa_bits < 0:
        what = f"lax.reduce_precision got exponent_bits={exponent_bits} and mantissa_bits={mantissa_bits}."
        raise errors.ArgumentError(what, fix="give at least 1 and 0")
    return reduce_precision_p.bind(operand, exponent_bits=int(exponent_bits), mantissa_bits=int(mantissa_bits))[()]


def mulhi(x: Any, y: Any) -> Any:
    """The upper half of the bits of products of integers.

    Args:
        x, y: integers of one dtype; they broadcast.

    Returns:
        ``floor(x * y / 2**bits)``, in the dtype of the arguments.

    >>> int(mulhi(np.uint64(2**63), np.uint64(6)))
    3
    """
    x, y = as_array(x), as_array(y)
    dtype = dtype_of(x)
    if dtype.kind not in "iu" or dtype != dtype_of(y):
        raise errors.ArgumentError(f"lax.mulhi got {typeof(x)} and {typeof(y)}.", fix="give integers of one dtype")
    if dtype.itemsize < 8:
        wide = np.dtype(f"{dtype.kind}8")
        return np.astype(np.right_shift(np.astype(x, wide) * np.astype(y, wide), wide.type(8 * dtype.itemsize)), dtype)[()]
    half, low = dtype.type(32), dtype.type(2**32 - 1)
    (x0, x1), (y0, y1) = ((z & low, np.right_shift(z, half)) for z in (x, y))
    unsigned = np.dtype(np.uint64)
    carried = np.astype(np.right_shift(np.astype(x0, unsigned) * np.astype(y0, unsigned), np.uint64(32)), dtype)
    crossed = x0 * y1, x1 * y0
    middle = carried + (crossed[0] & low) + (crossed[1] & low)
    return (x1 * y1 + np.right_shift(crossed[0], half) + np.right_shift(crossed[1], half) + np.right_shift(middle, half))[()]


class RandomAlgorithm(enum.IntEnum):
    """What makes the bits of `rng_bit_generator`."""

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


def rng_bit_generator(
    key: Any, shape: Sequence[int], dtype: Any = np.uint32, algorithm: RandomAlgorithm = RandomAlgorithm.RNG_DEFAULT
) -> tuple[Any, Any]:
    """Random bits from a key that counts: Threefry-2x32, the bits of JAX's ``RNG_THREE_FRY``.

    Args:
        key: ``u32[4]`` or ``u64[2]``: a key, and the number of the first counter that is encrypted with it.
        shape: the shape of the result.
        dtype: an unsigned integer type.
        algorithm: ``RNG_DEFAULT`` is ``RNG_THREE_FRY`` here; there is no ``RNG_PHILOX``.

    Returns:
        ``(new_key, bits)``; the new key begins after the counters that are used.

    >>> rng_bit_generator(np.arange(4, dtype=np.uint32), (2,))
    (array([0, 1, 3, 3], dtype=uint32), array([2689575991, 2205648888], dtype=uint32))
    """
    aval, dtype, shape = typeof(key), np.dtype(dtype), tuple(shape)
    if (aval.shape, aval.dtype) not in (((4,), np.uint32), ((2,), np.uint64)):
        raise errors.ArgumentError(f"lax.rng_bit_generator got a key {aval}.", fix="give u32[4] or u64[2]")
    if dtype.kind != "u":
        raise errors.ArgumentError(f"lax.rng_bit_generator got dtype={dtype}.", fix="give an unsigned integer type")
    if algorithm not in (RandomAlgorithm.RNG_DEFAULT, RandomAlgorithm.RNG_THREE_FRY):
        raise errors.ArgumentError(f"lax.rng_bit_generator got algorithm={algorithm!r}.", fix="there is RNG_THREE_FRY alone")
    words = as_array(key) if aval.dtype == np.uint32 else np.reshape(_halves(as_array(key)), (4,))
    start = words[2:3] | np.left_shift(np.astype(words[3:4], np.dtype(np.uint64)), np.uint64(32))
    axis = None if dtype.itemsize == 8 or not shape else _split_axis(shape)
    counted = shape if axis is None else (*shape[:axis], -(-shape[axis] // 2), *shape[axis + 1 :])
    counters = np.reshape(_halves(start + np.arange(math.prod(counted), dtype=np.uint64)), (*counted, 2))
    first, second = threefry2x32_p.bind(words[0], words[1], counters[..., 0], counters[..., 1])
    after = _halves(start + np.uint64(math.prod(counted)))[0]
    new_key = np.concatenate([words[:2], after])
    if aval.dtype == np.uint64:
        new_key = bitcast_p.bind(np.reshape(new_key, (2, 2)), dtype=aval.dtype)
    if dtype.itemsize == 8:
        return new_key, np.astype(first, dtype) | np.left_shift(np.astype(second, dtype), np.uint64(32))
    if axis is not None:
        both = np.stack([first, second], axis + 1)
        first = np.reshape(both, (*shape[:axis], -1, *shape[axis + 1 :]))[(slice(None),) * axis + (slice(shape[axis]),)]
    return new_key, np.astype(first, dtype)


def _halves(x: Any) -> Any:
    """The low and the high words of 64-bit ones, along a new last axis."""
    word = np.dtype(np.uint32)
    return np.stack([np.astype(x & np.uint64(2**32 - 1), word), np.astype(np.right_shift(x, np.uint64(32)), word)], -1)


def _split_axis(shape: tuple[int, ...]) -> int:
    """The axis along which the two words of each counter lie: the first of an even length, or else the longest."""
    even = [i for i, n in enumerate(shape) if n % 2 == 0]
    return even[0] if even else shape.index(max(shape))


def rng_uniform(a: Any, b: Any, shape: Sequence[int]) -> Any:
    """Refused: it would need a state.  `covector.random.uniform` takes a key.

    >>> rng_uniform(0.0, 1.0, (2,))
    Traceback (most recent call last):
        ...
    covector.core.errors.UnsupportedFunctionError: lax.rng_uniform was called.
      ...
    """
    why = "it draws from a generator with a state, which functions that are traced or run again cannot have"
    fix = "call covector.random.uniform(key, shape, ...)"
    raise errors.UnsupportedFunctionError("lax.rng_uniform was called.", why=why, fix=fix)


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
