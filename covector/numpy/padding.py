"""``numpy.pad``."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.tracer import unsupported
from covector.numpy.at import is_zero
from covector.numpy.indexing import part_along, take
from covector.numpy.joining import concatenate, flip
from covector.numpy.registry import as_array, contains_tracer, held, implements
from covector.numpy.shapes import broadcast_to
from covector.primitives.arrays.indexing import embed_p
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import known

STATISTICS = {"maximum": np.max, "mean": np.mean, "median": np.median, "minimum": np.min}

OPTIONS: dict[str, dict[str, Any]] = {
    "constant": {"constant_values": 0},
    "linear_ramp": {"end_values": 0},
    **{mode: {"stat_length": None} for mode in STATISTICS},
    **{mode: {"reflect_type": "even"} for mode in ("reflect", "symmetric")},
    **{mode: {} for mode in ("edge", "empty", "wrap")},
}
"""The modes, and the option that each takes with its default."""


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """``numpy.pad``, but for modes that are functions; mode "empty" pads with zeros."""
    a = as_array(array)
    if callable(mode):
        raise unsupported(np.pad, "a function as mode (it fills memory in place)")
    if mode not in OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported")
    surplus = set(kwargs) - set(OPTIONS[mode])
    if surplus:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {surplus}")
    widths = _widths(known(pad_width, "np.pad", "the width"), a.ndim)
    (option,) = {**OPTIONS[mode], **kwargs}.values() or (None,)
    if mode == "constant" and (type(option) is not int or option):
        option = _constants(option, a)
    if mode == "empty" or (mode == "constant" and _is_zero(option)):
        places = tuple((lo, lo + n, 1) for n, (lo, _) in zip(a.shape, widths, strict=True))
        padded_shape = tuple(lo + n + hi for n, (lo, hi) in zip(a.shape, widths, strict=True))
        return embed_p.bind(a, indices=(places,), shape=padded_shape) if padded_shape != a.shape else a
    pairs = _option_for_axes(mode, option, a.ndim)
    for axis, (lo, hi) in enumerate(widths):
        n = a.shape[axis]
        if n == 0 and mode != "constant" and (lo or hi):
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
        if lo or hi:
            a = _padded_axis(a, axis, lo, hi, mode, pairs[axis])
    return a


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """How many elements go before and after, for each axis."""
    if isinstance(pad_width, dict):
        pairs: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = tuple(width) if np.ndim(width) else (width, width)
        pad_width = pairs
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu":
        raise TypeError("`pad_width` must be of integral type.")
    if (widths < 0).any():
        raise ValueError("index can't contain negative values")
    return [(int(lo), int(hi)) for lo, hi in np.broadcast_to(widths, (ndim, 2))]


def _is_zero(values: Any) -> bool:
    return not contains_tracer(values) and is_zero(as_array(values))


def _constants(values: Any, a: Any) -> Any:
    """The constants before and after each axis in the dtype of the array; raises what NumPy does where it cannot hold them."""
    if contains_tracer(values):
        return broadcast_to(held(as_array(values), a.dtype), (a.ndim, 2))
    pairs, point = np.zeros((a.ndim, 2), a.dtype), np.zeros((1,) * a.ndim, a.dtype)
    for axis in range(a.ndim):
        width = [(int(axis == i),) * 2 for i in range(a.ndim)]
        pairs[axis] = np.pad(point, width, constant_values=values).ravel()[::2]
    return pairs


def _option_for_axes(mode: str, option: Any, ndim: int) -> Any:
    """The option of a mode for each axis: a pair of values, before and after, or the option itself."""
    if mode == "reflect" or mode == "symmetric" or option is None:
        return [option] * ndim
    if mode in STATISTICS:
        lengths = np.broadcast_to(known(option, "np.pad", "stat_length"), (ndim, 2))
        if (lengths < 0).any():
            raise ValueError("index can't contain negative values")
        return lengths.tolist()
    return broadcast_to(as_array(option), (ndim, 2))


def _padded_axis(a: Any, axis: int, lo: int, hi: int, mode: str, option: Any) -> Any:
    """One axis padded with ``lo`` elements before and ``hi`` after."""
    n = a.shape[axis]
    if isinstance(option, str) and option == "odd" and n > 1:
        return _odd_reflection(a, axis, lo, hi, mode)
    if mode in ("edge", "wrap", "reflect", "symmetric"):
        return take(a, np.pad(np.arange(n), (lo, hi), mode), axis)  # type: ignore[call-overload]
    if mode == "linear_ramp":
        first, last = (part_along(a, axis, i) for i in (0, n - 1))
        sides = [_ramp(a, axis, lo, option[0], first), flip(_ramp(a, axis, hi, option[1], last), axis)]
    else:
        values = option if mode == "constant" else _statistics(a, axis, mode, option)
        sides = [_repeated(v, a, axis, width) for v, width in zip(values, (lo, hi), strict=True)]
    return concatenate([sides[0], a, sides[1]], axis)


def _repeated(value: Any, a: Any, axis: int, width: int) -> Any:
    """An array like ``a``, but with length ``width`` along an axis, filled with a value for each of the other axes."""
    return broadcast_to(convert_to(value, a.dtype), (*a.shape[:axis], width, *a.shape[axis + 1 :]))


def _statistics(a: Any, axis: int, mode: str, lengths: Any) -> list[Any]:
    """The statistic of the elements next to each end."""
    n = a.shape[axis]
    before, after = (n, n) if lengths is None else (min(m, n) for m in lengths)
    if 0 in (before, after) and mode in ("maximum", "minimum"):
        raise ValueError("stat_length of 0 yields no value for padding")
    ends = [part_along(a, axis, slice(before)), part_along(a, axis, slice(n - after, None))]
    values = [STATISTICS[mode](end, axis=axis, keepdims=True) for end in ends]  # type: ignore[operator]
    return [np.round(v) for v in values] if a.dtype.kind in "iu" else values


def _ramp(a: Any, axis: int, width: int, end: Any, edge: Any) -> Any:
    """Equal steps from the value ``end`` to the edge of an array, without the edge."""
    return np.linspace(end, edge, width, endpoint=False, dtype=a.dtype, axis=axis)


def _odd_reflection(a: Any, axis: int, lo: int, hi: int, mode: str) -> Any:
    """Padding by reflection through the point at each end: ``f(edge - k) = 2 f(edge) - f(edge + k)``.

    Both reflections together are a translation by a period that adds a constant, so every element of the result is an
    element of ``a``, or twice an end minus one, plus a multiple of the difference of the ends.
    """
    n = a.shape[axis]
    period = 2 * (n - 1) if mode == "reflect" else 2 * n
    periods, place = np.divmod(np.arange(-lo, n + hi), period)
    mirrored = place >= n
    place = np.where(mirrored, period - place - (mode == "symmetric"), place)
    shape = (-1, *(1,) * (a.ndim - 1 - axis))
    sign = np.where(mirrored, -1, 1).reshape(shape).astype(a.dtype)
    of_last = (2 * periods + 2 * mirrored).reshape(shape).astype(a.dtype)
    of_first = (-2 * periods).reshape(shape).astype(a.dtype)
    first, last = part_along(a, axis, slice(0, 1)), part_along(a, axis, slice(n - 1, n))
    return sign * take(a, place, axis) + of_last * last + of_first * first
