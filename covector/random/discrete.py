"""Samplers of integers, truth values, and choices.

What they return has no derivative.  `categorical` and `bernoulli` take parameters that may be traced all the same; what
`choice` takes from an array moves with the array, not with the probabilities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.numpy.indexing import take
from covector.numpy.registry import as_array, canonical_axis
from covector.primitives.arrays.shaping import broadcasts_to, convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.random.continuous import _gumbel
from covector.random.keys import as_shape, split
from covector.random.sampling import (
    Shape,
    bits_of,
    drawn_for,
    float_type_of,
    in_dtype,
    known_right,
    not_whole,
    shape_for,
    unit,
)


def bits(key: Any, shape: Shape = (), dtype: Any = np.uint32) -> Any:
    """Random bits, as unsigned integers of any size; they are JAX's.

    Example:
        >>> from covector.random import key
        >>> bits(key(0), 2)
        array([4070199207, 4202968722], dtype=uint32)
    """
    return bits_of(key, as_shape(shape), 8 * _integer_type(dtype, "bits", "u").itemsize, "bits")


def _integer_type(dtype: Any, function: str, kinds: str) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind not in kinds:
        what = f"covector.random.{function} got dtype={found}."
        raise errors.ArgumentError(what, fix=f"give {'an unsigned' if kinds == 'u' else 'an'} integer type")
    return found


def randint(key: Any, shape: Shape, minval: Any, maxval: Any, dtype: Any = np.int64) -> Any:
    """Integers in ``[minval, maxval)``, each as likely as the others but for one part in 2 to the number of bits.

    Args:
        key: a key.
        shape: the shape of the result.
        minval: the lower bound, broadcast to the shape.
        maxval: the upper bound, which is not drawn; where it is not above the lower one, that is drawn.
        dtype: an integer type; where it does not have all of the interval, those that it has are drawn, as JAX does.

    Returns:
        An array; the bits are JAX's.

    Example:
        >>> from covector.random import key
        >>> randint(key(0), 4, 0, 10)
        array([5, 1, 5, 7])
    """
    dtype = _integer_type(dtype, "randint", "iu")
    shape = shape_for(shape, minval, maxval, function="randint")
    (low, _, uneven), (high, beyond, broken) = (_bound(x, dtype) for x in (minval, maxval))
    width = max(8 * dtype.itemsize, 32)  # half the bits of a smaller type would favour some values
    same = np.dtype(f"u{width // 8}")
    upper, lower = (bits_of(k, shape or (1,), width, "randint") for k in split(key))  # only scalars warn of an overflow
    with np.errstate(over="ignore"):
        low, is_empty = np.astype(low, same), high <= low
        span = np.where(is_empty, same.type(1), np.astype(high, same) - low + np.astype(beyond, same))
        whole = span == 0  # all values of the type
        divisor = np.where(whole, same.type(1), span)
        half = same.type(2 ** (width // 2)) % divisor
        offset = ((upper % divisor) * (half * half % divisor) + lower % divisor) % divisor
        drawn = np.astype(low + np.where(whole, lower, offset), dtype)
    return drawn_for(uneven | broken, drawn if shape else drawn[0], "randint", "bounds that are whole numbers")


def _bound(x: Any, dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
    """The number of a dtype that is nearest to a bound, whether this was above all of them, and whether it was not whole."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if isinstance(x, (int, np.integer)):
        return dtype.type(max(min(int(x), most), least)), np.bool_(x > most), np.False_
    if typeof(x).dtype.kind not in "iuf":
        what = f"covector.random.randint got a bound of type {typeof(x)}."
        raise errors.ArgumentError(what, fix="give bounds that are integers")
    x = np.atleast_1d(as_array(x))
    if typeof(x).dtype.kind == "f":
        x = in_dtype(x, np.dtype(np.float64))
        beyond, inside = x >= most + 1.0, (x >= least) & (x < most + 1.0)
        at_end = np.where(beyond, dtype.type(most), dtype.type(least))
        return np.where(inside, in_dtype(np.where(inside, x, 0.0), dtype), at_end), beyond, not_whole(x)
    own = np.iinfo(typeof(x).dtype)
    ends = (own.dtype.type(end) for end in (max(least, own.min), min(most, own.max)))
    return in_dtype(np.clip(x, *ends), dtype), x > own.dtype.type(min(most, own.max)), np.False_


def bernoulli(key: Any, p: Any = 0.5, shape: Shape | None = None) -> Any:
    """Truth values, each true with probability ``p``.

    Example:
        >>> from covector.random import key
        >>> bernoulli(key(0), 0.3, 3)
        array([False,  True, False])
    """
    dtype = float_type_of(p)
    p = in_dtype(p, dtype)
    drawn = unit(key, shape_for(shape, p, function="bernoulli"), dtype, "bernoulli") < p
    return drawn_for(~((p >= 0) & (p <= 1)), drawn, "bernoulli", "probabilities from 0 to 1")


def rademacher(key: Any, shape: Shape = (), dtype: Any = np.int64) -> Any:
    """Numbers that are 1 or -1, each as likely.

    Example:
        >>> from covector.random import key
        >>> rademacher(key(0), 3)
        array([ 1,  1, -1])
    """
    if np.dtype(dtype).kind in "bu":
        what = f"covector.random.rademacher got dtype={np.dtype(dtype)}, which does not have -1."
        raise errors.ArgumentError(what, fix="give a type of numbers with a sign")
    return np.astype(2 * np.astype(bernoulli(key, 0.5, as_shape(shape)), np.int64) - 1, np.dtype(dtype))


def categorical(key: Any, logits: Any, axis: int = -1, shape: Shape | None = None) -> Any:
    """Numbers of categories, whose unnormalized log-probabilities are given.

    Args:
        key: a key.
        logits: log-probabilities up to a constant, along ``axis``.
        axis: which axis enumerates the categories.
        shape: the shape of the result, which ends with that of the other axes of ``logits``; by default that.

    Returns:
        An array of int64, by the Gumbel trick: the place of the largest of ``logits`` plus Gumbel numbers.

    Example:
        >>> from covector.random import key
        >>> categorical(key(0), np.log([0.1, 0.9]), shape=3)
        array([1, 0, 1])
    """
    own = shape_of(logits)
    axis = canonical_axis(axis, len(own), "covector.random.categorical")
    batch = own[:axis] + own[axis + 1 :]
    wanted = batch if shape is None else as_shape(shape)
    if not broadcasts_to(batch, wanted):
        what = f"covector.random.categorical got shape={wanted} for logits of shape {own} with categories along axis {axis}."
        raise errors.ArgumentError(what, fix=f"give a shape that ends with {batch}, or leave it out")
    if not own[axis]:
        what = f"covector.random.categorical got logits of shape {own}, with no categories along axis {axis}."
        raise errors.ArgumentError(what, fix="give the logarithm of the probability of one category at least")
    dtype = float_type_of(logits)
    logits = convert_to(as_array(logits), dtype)
    extra = len(wanted) - len(batch)
    place = axis + extra
    drawn = _gumbel(key, (*wanted[:place], own[axis], *wanted[place:]), dtype, "categorical")
    most = np.max(logits, axis=axis, initial=-np.inf)
    requirement = "logits that are numbers, and not all of them minus infinity"
    return drawn_for(~(most > -np.inf), np.argmax(drawn + logits, axis=place), "categorical", requirement)


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """An array with its elements along an axis in random order, or a permutation of the first integers.

    Args:
        key: a key.
        x: an array, or an integer n for ``arange(n)``.
        axis: along which axis the order is random.
        independent: whether each row (column …) has an order of its own.

    Returns:
        An array like ``x``; the order is JAX's.

    Example:
        >>> from covector.random import key
        >>> permutation(key(0), 5)
        array([0, 1, 4, 3, 2])
    """
    shape = shape_of(x)
    if not shape:
        n = concrete(x)
        if n is None or typeof(n).dtype.kind not in "iu":
            what = f"covector.random.permutation got {typeof(x)}."
            raise errors.ArgumentError(what, fix="give an integer that is known, or an array")
        return _shuffled(key, np.arange(*as_shape(int(n))), 0)
    axis = canonical_axis(axis, len(shape), "covector.random.permutation")
    if independent or len(shape) == 1:
        return _shuffled(key, x, axis)
    return take(x, _shuffled(key, np.arange(shape[axis]), 0), axis=axis)


def _shuffled(key: Any, x: Any, axis: int) -> Any:
    """Sorted by random keys, as often as makes equal keys unlikely to matter."""
    size = max(1, math.prod(shape_of(x)))
    rounds = math.ceil(3 * math.log(size) / math.log(np.iinfo(np.uint32).max))
    for _ in range(rounds):
        key, used = split(key)
        order = np.argsort(bits_of(used, shape_of(x), 32, "permutation"), axis=axis, stable=True)
        x = np.take_along_axis(x, order, axis=axis)
    return x


def choice(key: Any, a: Any, shape: Shape = (), replace: bool = True, p: Any = None, axis: int = 0) -> Any:
    """Elements of an array, or of the first integers, drawn at random.

    Args:
        key: a key.
        a: an array, or an integer n for ``arange(n)``.
        shape: how many are drawn.
        replace: whether an element may be drawn more than once.
        p: the probability of each, which have to add up to 1; by default they are the same.
        axis: from which axis of the array is drawn.

    Example:
        >>> from covector.random import key
        >>> choice(key(0), 10, 3, replace=False)
        array([0, 1, 8])
    """
    shape = as_shape(shape)
    single = isinstance(a, (int, np.integer))
    own = shape_of(a)
    n = int(a) if single else own[canonical_axis(axis, len(own), "covector.random.choice")]
    count = math.prod(shape)
    if n < 1 and count:
        raise errors.ArgumentError(errors.describe("covector.random.choice was to draw from nothing."))
    if not replace and count > n:
        what = f"covector.random.choice was to draw {count} of {n} elements without replacement."
        raise errors.ArgumentError(what, fix="draw fewer, or with replace=True")
    if p is not None and shape_of(p) != (n,):
        what = f"covector.random.choice got p of shape {shape_of(p)} for {n} elements."
        raise errors.ArgumentError(what, fix="give a probability for each")
    places = _places(key, n, shape, count, replace, p)
    return places if single else take(a, places, axis=axis)


def _places(key: Any, n: int, shape: tuple[int, ...], count: int, replace: bool, p: Any) -> Any:
    if p is None:
        return randint(key, shape, 0, n) if replace else permutation(key, n)[:count].reshape(shape)
    dtype = float_type_of(p)
    p = in_dtype(p, dtype)
    least = 1 if replace else count
    wrong = np.any(p < 0) | ~(np.abs(np.sum(p) - 1) <= np.sqrt(np.finfo(dtype).eps)) | (np.count_nonzero(p) < least)
    requirement = f"probabilities that are not negative and have the sum 1, {least} of them positive at least"
    if not known_right(wrong, "choice", requirement):
        p = np.where(wrong, dtype.type(1 / n), p)  # for which all places are within the array
    if replace:
        total = np.cumsum(p)
        drawn = np.searchsorted(total, total[-1] * (1 - unit(key, shape, dtype, "choice")))
    else:
        with np.errstate(divide="ignore"):
            scores = _gumbel(key, (n,), dtype, "choice") + np.log(p)
        drawn = np.argsort(-scores, stable=True)[:count].reshape(shape)
    return drawn_for(wrong, drawn, "choice", requirement)
