"""Keys: where random numbers come from, and how one key becomes many."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import typeof
from covector.numpy.registry import as_array
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.random.threefry import threefry2x32_p

WORD = np.dtype(np.uint32)


def key(seed: Any) -> Any:
    """A key from an integer.

    Args:
        seed: an integer of at most 64 bits; it may be traced.

    Returns:
        An array of two 32-bit words, ``u32[2]``.  It is a plain array, so it goes wherever arrays go.

    Example:
        >>> key(42)
        array([ 0, 42], dtype=uint32)
    """
    if isinstance(seed, (int, np.integer)):
        if not -(2**63) <= seed < 2**64:
            what = f"key(seed) got the seed {seed}, which has more than 64 bits."
            raise errors.ArgumentError(what, fix="give seed % 2**64, which leaves some bits out")
        words = operator.index(seed) % 2**64
        return np.array([words >> 32, words & 0xFFFFFFFF], WORD)
    aval = typeof(seed)
    if aval.shape != () or aval.dtype.kind not in "iu":
        what = f"key(seed) got a seed of type {aval}."
        raise errors.ArgumentError(what, fix="give an integer, as in key(0); split a key to get more")
    words = _word(seed, np.uint64)
    return np.stack([_word(words >> np.uint64(32), WORD), _word(words, WORD)])


PRNGKey = key


def split(key: Any, num: int | tuple[int, ...] = 2) -> Any:
    """New keys from a key, which is not to be used again.

    Args:
        key: a key, ``u32[2]``.
        num: how many, or the shape of an array of keys.

    Returns:
        An array of keys, ``u32[num, 2]``.

    Example:
        >>> first, second = split(key(0))
        >>> first
        array([1797259609, 2579123966], dtype=uint32)
    """
    k0, k1 = words_of(key, "split")
    shape = as_shape(num)
    places = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=WORD).reshape(shape)
    return np.stack(threefry2x32_p.bind(k0, k1, np.uint32(0), places), axis=-1)


def fold_in(key: Any, data: Any) -> Any:
    """A new key from a key and an integer, the number of a step, say.

    Args:
        key: a key, ``u32[2]``.
        data: an integer of 32 bits, with a sign or without; it may be traced, and then its low 32 bits count.

    Raises:
        ArgumentError: for what is not one integer, and for one that is known to have more bits.

    Example:
        >>> fold_in(key(0), 7)
        array([2716826189,  292468403], dtype=uint32)
    """
    k0, k1 = words_of(key, "fold_in")
    return np.stack(threefry2x32_p.bind(k0, k1, np.uint32(0), _word(_folded(data), WORD)))


def _folded(data: Any) -> Any:
    """What is folded in; an error for what is not one integer, or known to have more than 32 bits."""
    aval = typeof(data)
    if aval.shape or aval.dtype.kind not in "biu":
        fix = "map over integers, as in vmap(lambda i: fold_in(key, i))(data)" if aval.shape else "give an integer"
        what = f"covector.random.fold_in got data of type {aval}."
        raise errors.ArgumentError(what, why="a key comes of one integer", fix=fix)
    known = concrete(data)
    if known is not None and not -(2**31) <= int(known) < 2**32:
        what = f"covector.random.fold_in got the number {int(known)}, which has more than 32 bits."
        raise errors.ArgumentError(what, fix="give data % 2**32, the low 32 bits, or fold in the high and the low ones in turn")
    return data


def _word(x: Any, dtype: Any) -> Any:
    """The low bits of an integer that may be traced."""
    return np.astype(as_array(x), dtype)


def words_of(key: Any, function: str) -> tuple[Any, Any]:
    """The two words of a key; an error for what is none."""
    k0, k1 = checked_key(key, function)
    return k0, k1


def checked_key(key: Any, function: str) -> Any:
    """A key; an error for what is none."""
    aval = typeof(key)
    if getattr(aval, "shape", None) == (2,) and aval.dtype == WORD:
        return key
    many = getattr(aval, "dtype", None) == WORD and len(aval.shape) > 1 and aval.shape[-1] == 2
    what = f"covector.random.{function} got a key of type {aval}."
    why = "a key is an array of two 32-bit words, u32[2]" + (", and this is an array of keys" if many else "")
    fix = "take one, as in keys[0], or map over them with vmap" if many else "make one with covector.random.key(seed), or split"
    raise errors.ArgumentError(what, why=why, fix=fix)


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from an integer or a sequence of integers; raises ``ValueError`` for negative ones."""
    sizes = tuple(map(operator.index, shape)) if isinstance(shape, (tuple, list)) else (operator.index(shape),)
    if any(n < 0 for n in sizes):
        raise ValueError(f"covector.random got the shape {shape}: give sizes that are not negative")
    return sizes


def key_data(keys: Any) -> Any:
    """The words of keys: keys are their words already."""
    return keys


def wrap_key_data(data: Any) -> Any:
    """Keys from words: keys are their words."""
    return data


def clone(key: Any) -> Any:
    """The same key again, for the reader of a program in which a key is meant to be used twice."""
    return key
