"""What the samplers share: bits, numbers in an interval, and arguments that broadcast to the shape of the result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import broadcast_shapes, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array
from covector.numpy.undetermined import undetermined_where
from covector.primitives.arrays.shaping import broadcasts_to, convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.random.threefry import random_bits_p, unit_floats_p
from covector.random.keys import as_shape, checked_key
from covector.transforms.jit import jit

Shape = int | tuple[int, ...]


def float_type(dtype: Any, function: str) -> np.dtype[Any]:
    """A floating-point dtype; an error for another."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind != "f" or found.itemsize > 8:
        what = f"covector.random.{function} got dtype={found}."
        raise errors.ArgumentError(what, fix="give float16, float32 or float64")
    return found


def at_least_single(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which numbers of a floating-point dtype are computed that is too narrow for it, or for LAPACK."""
    return np.promote_types(dtype, np.float32)


def float_type_of(x: Any) -> np.dtype[Any]:
    """The dtype of real numbers, or float64 for others."""
    own: np.dtype[Any] = typeof(x).dtype
    return own if own.kind == "f" else np.dtype(np.float64)


def shape_for(shape: Shape | None, *parameters: Any, function: str) -> tuple[int, ...]:
    """The shape of a result: the one that is given, to which the parameters must broadcast, or by default theirs."""
    own: tuple[int, ...] = ()
    for p in parameters:
        own = broadcast_shapes(own, shape_of(p))
    if shape is None:
        return own
    wanted = as_shape(shape)
    if broadcasts_to(own, wanted):
        return wanted
    what = f"covector.random.{function} got shape={wanted} for parameters of shape {own}."
    raise errors.ArgumentError(what, fix="give a shape to which the parameters broadcast, or leave it out")


def bits_of(key: Any, shape: tuple[int, ...], width: int, function: str) -> Any:
    """Unsigned integers of so many bits."""
    return random_bits_p.bind(checked_key(key, function), shape=shape, width=width)


def unit(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    """Numbers in [0, 1), multiples of the distance between 1 and the next number."""
    return unit_floats_p.bind(bits_of(key, shape, 8 * dtype.itemsize, function), dtype=dtype)


def between(
    key: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    low: Any,
    high: Any,
    function: str,
    computed: np.dtype[Any] | None = None,
) -> Any:
    """Numbers in [low, high), for which these may be traced; ``computed`` in another dtype from unit numbers of this one."""
    low, high = in_dtype(low, computed or dtype), in_dtype(high, computed or dtype)
    if math.prod(shape) >= MANY and not any(isinstance(x, TracerBase) for x in (key, low, high)):
        return _many_between(checked_key(key, function), low, high, shape=shape, dtype=dtype, function=function)
    return _between(key, low, high, shape, dtype, function)


def _between(key: Any, low: Any, high: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    return np.maximum(low, unit(key, shape, dtype, function) * (high - low) + low)


MANY = 2**15
"""So many numbers are made by a program of jit: as native code, which makes the same bits, that takes an eighth of the time."""

_many_between = jit(_between, static_argnames=("shape", "dtype", "function"))


def positive_unit(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    """Numbers in (0, 1), of which a logarithm is finite."""
    return between(key, shape, dtype, np.finfo(dtype).tiny, 1.0, function)


def in_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """A parameter in the dtype of the result; it may be traced."""
    if isinstance(x, (bool, int, float)):
        return dtype.type(x)
    if typeof(x).dtype.kind not in "biuf":
        raise errors.ArgumentError(f"covector.random got a parameter of type {typeof(x)}.", fix="give real numbers")
    return convert_to(as_array(x), dtype)


def not_whole(x: Any) -> Any:
    """Where real numbers are no integers."""
    return x != np.floor(x) if typeof(x).dtype.kind == "f" else np.False_


def known_right(wrong: Any, function: str, requirement: str) -> bool:
    """Whether parameters of which truth values say where they are wrong are known not to be: an error if they are."""
    known = concrete(wrong)
    if known is not None and known.any():
        raise ValueError(errors.describe(f"covector.random.{function} takes {requirement}."))
    return known is not None


def drawn_for(wrong: Any, x: Any, function: str, requirement: str) -> Any:
    """What was drawn for parameters that are not wrong: an error where they are, or NaN where that is known later.

    Args:
        wrong: truth values, of a shape that broadcasts to that of ``x``.
        x: what was drawn; if that is no real number, it is an ``IndexError`` that is raised later.
        function: the sampler.
        requirement: what it takes.
    """
    if known_right(wrong, function, requirement):
        return x
    return undetermined_where(wrong if typeof(x).dtype.kind == "f" else np.any(wrong), x)


def prepared(
    function: str, dtype: Any, shape: Shape | None, *parameters: Any
) -> tuple[np.dtype[Any], tuple[int, ...], *tuple[Any, ...]]:
    """What a sampler of real numbers begins with: the dtype and the shape of its result, and its parameters.

    They are of that dtype, but of float32 for float16, in which products of them would overflow and sums be coarse.
    """
    dtype = float_type(dtype, function)
    wide = at_least_single(dtype)
    return dtype, shape_for(shape, *parameters, function=function), *(in_dtype(p, wide) for p in parameters)
