"""Values of the spline through the elements of an array, between them and beyond the ends: what interpolation is made of.

>>> x = coefficients(np.array([0.0, 1.0, 4.0, 9.0]), 1, "nearest", 0.0, True)
>>> along_axis(x, np.array([0.5, 7.0]), 0)
array([0.5, 9. ])

B-splines of the order k, at whole numbers for odd k and half way between them for even ones, are not zero at k + 1 places each
(Unser, Splines: A perfect fit for signal and image processing, 1999).
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.numpy.indexing import take
from covector.primitives.arrays.subscripts import index
from covector.primitives.math.spline_filter import spline_filter_p
from covector.scipy.checks import double
from covector.scipy.ndimage import arguments as given

FILTERED = {
    **dict.fromkeys(("mirror", "constant", "grid-constant", "wrap"), "mirror"),
    **dict.fromkeys(("reflect", "grid-mirror", "nearest"), "reflect"),
    "grid-wrap": "grid-wrap",
}
"""How values go on beyond the ends when coefficients are computed."""

PADDED = {"nearest": "edge", "grid-constant": "constant"}
"""Where SciPy extends the array first, for no filter is exact then, and how."""

PADDING = 12


class Coefficients(NamedTuple):
    """Coefficients of a spline along the last axes, and how it goes on."""

    values: Any
    order: int
    mode: str
    cval: Any
    before: int
    """How many coefficients there are before that of the first element."""


def check_order(order: int, least: int = 0) -> None:
    if not least <= order <= 5:
        raise RuntimeError("spline order not supported")


def spline_coefficients(x: Any, order: int, axis: int, mode: str) -> Any:
    """Those along an axis, of an array in double precision."""
    return spline_filter_p.bind(x, order=order, axis=axis, mode=FILTERED[given.check_mode(mode)], transposed=False)


def coefficients(x: Any, order: int, mode: str, cval: Any, prefilter: bool, axes: int | None = None) -> Coefficients:
    """The coefficients of the spline through the elements of an array, or the elements for them if not ``prefilter``.

    The spline is one along the last ``axes`` axes; the others enumerate examples.
    """
    ndim = len(shape_of(x))
    along = range(0 if axes is None else ndim - axes, ndim)
    cval = given.constant(cval, typeof(x).dtype.kind == "c")
    x, before = double(x), 0
    given.check_mode(mode)
    if prefilter and order > 1:
        if mode in PADDED:
            before = PADDING
            for axis in along:
                x = given.extended(x, axis, PADDING, PADDING, mode, cval)
        for axis in along:
            x = spline_coefficients(x, order, axis, mode)
    return Coefficients(x, order, mode, cval, before)


# --- places -----------------------------------------------------------------------------------------------------------


def _within(x: Any, n: int, mode: str) -> Any:
    """A coordinate from which the element beyond the ends, or between them, is reached that the mode means."""
    if mode in PADDED:
        return np.clip(x, -8.0, n + 7.0)  # all elements are alike beyond
    low, high = x < 0, x > n - 1
    if mode == "constant" or n == 1:
        return np.where(low | high, 0.0, x)
    if mode == "mirror":
        period = 2.0 * n - 2
        below = x + period * np.trunc(-x / period)
        below = np.where(below <= 1 - n, below + period, -below)
        above = x - period * np.trunc(x / period)
        above = np.where(above >= n, period - above, above)
    elif mode == "wrap":
        below = x + (n - 1.0) * (np.trunc(-x / (n - 1)) + 1)
        above = x - (n - 1.0) * np.trunc(x / (n - 1))
    elif mode == "grid-wrap":
        below = x + float(n) * (np.trunc((-1 - x) / n) + 1)
        above = x - float(n) * np.trunc(x / n)
    else:
        period = 2.0 * n
        below = np.where(x < -period, x + period * np.trunc(-x / period), x)
        below = np.where(below < -n, below + period, np.where(below > -1e-15, 1e-15, -below) - 1)
        above = x - period * np.trunc(x / period)
        above = np.where(above >= n, period - above - 1, above)
    return np.where(low, below, np.where(high, above, x))


BEYOND = {"mirror": "reflect", "constant": "reflect", "wrap": "reflect", "grid-wrap": "wrap"}
"""Which coefficient a place beyond the ends has, as `numpy.pad` calls it."""


def _elements(places: Any, n: int, mode: str) -> Any:
    """The coefficient at a place that lies at most a few beyond the ends."""
    if mode == "grid-constant":
        return np.clip(places, -1, n) + 1
    if mode == "nearest":
        return np.clip(places, 0, n - 1)
    table = np.pad(np.arange(n), 6, BEYOND.get(mode, "symmetric"))  # type: ignore[call-overload]
    return index(table, places + 6)


def _weights(x: Any, order: int) -> tuple[Any, list[Any]]:
    """The first of the places at which B-splines are not zero in a point, and the values of these splines there."""
    shifted = x if order % 2 else x + 0.5
    start = np.floor(shifted)
    t = shifted - start
    values = [np.ones(shape_of(x))]
    for k in range(1, order + 1):
        rising = [0.0, *((t + (k - i)) * v for i, v in enumerate(values, 1))]
        values = [(r + (i + 1 - t) * v) / k for i, (r, v) in enumerate(zip(rising, values, strict=False))]
        values.append(1 - sum(values[1:], values[0]))
    return np.astype(start, np.int64) - order // 2, values


class _Places(NamedTuple):
    """What coordinates along an axis come to."""

    elements: Any
    """The coefficients, ``[..., k + 1]``."""
    weights: Any
    outside: Any
    """Where the value is ``cval``."""
    unknown: Any
    """Where it is NaN, as SciPy's is for some coordinates that are not finite."""


def _places(c: Coefficients, x: Any, axis: int) -> _Places:
    n = shape_of(c.values)[axis]
    outside: Any = np.isnan(x) if n == 1 and c.mode not in PADDED else ~np.isfinite(x)
    unknown = outside if c.mode in PADDED else np.isposinf(x) if n > 1 and c.mode in ("wrap", "grid-wrap") else False
    if c.mode == "constant":
        outside = outside | (x < 0) | (x > n - 1)
    start, weights = _weights(_within(np.where(outside, 0.0, x), n, c.mode), c.order)
    places = start[..., None] + np.arange(c.order + 1)
    return _Places(_elements(places, n, c.mode), np.stack(weights, axis=-1), outside, unknown)


def _instead(c: Coefficients, out: Any, outside: Any, unknown: Any) -> Any:
    out = np.where(outside, c.cval, out)
    return out if unknown is False else np.where(unknown, np.nan, out)


def _bordered(c: Coefficients, axes: range) -> Any:
    values = c.values
    for axis in axes if c.mode == "grid-constant" else ():
        values = given.extended(values, axis, 1, 1, c.mode, c.cval)
    return values


# --- values -----------------------------------------------------------------------------------------------------------


def along_axis(c: Coefficients, x: Any, axis: int) -> Any:
    """The spline at coordinates ``f[m]`` along an axis, in place of that axis."""
    rest = (1,) * (len(shape_of(c.values)) - axis - 1)
    found = _places(c, x, axis)
    taken = take(_bordered(c, range(axis, axis + 1)), found.elements, axis)
    out = np.sum(taken * np.reshape(found.weights, (*shape_of(found.weights), *rest)), axis=axis + 1)
    outside, unknown = (v if v is False else np.reshape(v, (-1, *rest)) for v in (found.outside, found.unknown))
    return _instead(c, out, outside, unknown)


def at_points(c: Coefficients, xs: list[Any], is_exact: bool) -> Any:
    """The spline at points ``f[...]``, a coordinate for each of the last axes; axes before these come first.

    If ``is_exact``, products and sums are formed in SciPy's order: integers are rounded, so that the last bit matters.
    """
    k, shape = len(xs), np.broadcast_shapes(*(shape_of(x) for x in xs))
    lead = len(shape_of(c.values)) - k
    found = [_places(c, x, lead + i) for i, x in enumerate(xs)]

    def spread(v: Any, i: int) -> Any:
        """The k + 1 places or weights of one coordinate, along an axis of their own."""
        return np.reshape(v, (*shape_of(v)[:-1], *(c.order + 1 if j == i else 1 for j in range(k))))

    elements = [spread(f.elements, i) for i, f in enumerate(found)]
    weights = [spread(f.weights, i) for i, f in enumerate(found)]
    taken = index(_bordered(c, range(lead, lead + k)), (*[slice(None)] * lead, *elements))
    if is_exact:
        terms = math.prod(weights, start=taken)
        out = np.cumsum(np.reshape(terms, (*shape_of(terms)[:-k], -1)), axis=-1)[..., -1]
    else:
        out = np.sum(taken * math.prod(weights), axis=tuple(range(-k, 0)))
    out = np.broadcast_to(out, (*shape_of(c.values)[:lead], *shape))
    outside, unknown = (functools.reduce(operator.or_, vs) for vs in ([f.outside for f in found], [f.unknown for f in found]))
    return _instead(c, out, outside, unknown)


def delivered(x: Any, dtype: np.dtype[Any]) -> Any:
    """In the dtype of the result: integers are rounded, and no larger than there are."""
    if dtype.kind in "fc":
        return np.astype(x, dtype)
    if dtype.kind == "b":
        return given.truncated(x, dtype)
    rounded = np.trunc(x + np.where(x > 0, 0.5, -0.5 if dtype.kind == "i" else -x))
    limits = np.iinfo(dtype)
    inside = np.astype(np.clip(rounded, limits.min, limits.max), dtype)
    return np.where(rounded >= limits.max, np.array(limits.max, dtype), inside)
