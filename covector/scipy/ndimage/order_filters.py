"""Filters of `scipy.ndimage` that choose among the elements around each: the least, the largest, the one of a rank.

The derivative is that of the element which is chosen; equal ones share it where the least or the largest is asked for.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.ndimage as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis, floating
from covector.primitives.arrays.windows import windows_p
from covector.scipy.checks import double
from covector.scipy.ndimage import arguments as given
from covector.scipy.traced import on_tracers
from covector.transforms.vmap import vmap

# --- along one axis ---------------------------------------------------------------------------------------------------


def _extreme_along(x: Any, size: int, axis: int, output: Any, mode: Any, cval: Any, origin: int, name: str) -> Any:
    x = given.real_array(x)
    axis = canonical_axis(axis, len(shape_of(x)), name)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    dtype = given.dtype_throughout(output, x, f"scipy.ndimage.{name}")
    before = given.start_of(origin, size, "invalid origin")
    given.check_mode(mode)
    if not typeof(x).size:
        return np.zeros(shape_of(x), dtype)
    wide = given.extended(double(x), axis, before, size - 1 - before, mode, given.constant(cval, False))
    windows = windows_p.bind(np.moveaxis(wide, axis, -1), lengths=(size,), strides=(1,), dilations=(1,))
    chosen = (np.min if name.startswith("minimum") else np.max)(windows, axis=-1)
    return given.truncated(np.moveaxis(chosen, -1, axis), dtype)


@on_tracers(_scipy.minimum_filter1d)
def minimum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    """The least of the ``size`` elements around each, along an axis.

    Args:
        input, axis, output, mode, cval, origin: as for `correlate1d`.

    Raises:
        TypeError: complex numbers.

    Example:
        >>> minimum_filter1d(np.array([3.0, 1.0, 2.0, 4.0]), 3)
        array([1., 1., 1., 2.])
    """
    return _extreme_along(input, size, axis, output, mode, cval, origin, "minimum_filter1d")


@on_tracers(_scipy.maximum_filter1d)
def maximum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    """The largest of the ``size`` elements around each, along an axis.

    Example:
        >>> maximum_filter1d(np.array([3.0, 1.0, 2.0, 4.0]), 3)
        array([3., 3., 4., 4.])
    """
    return _extreme_along(input, size, axis, output, mode, cval, origin, "maximum_filter1d")


# --- over all axes ----------------------------------------------------------------------------------------------------


def footprint_of(size: Any, footprint: Any, n: int, text: str) -> np.ndarray[Any, Any]:
    if footprint is not None:
        if size is not None:
            warnings.warn("ignoring size because footprint is set", UserWarning, stacklevel=4)
        return np.asarray(footprint, dtype=bool)
    if size is None:
        raise RuntimeError(text)
    return np.ones([int(s) for s in given.for_each_axis(size, n)], bool)


def neighbours(x: Any, footprint: Any, mode: Any, cval: Any, origin: Any, axes: tuple[int, ...], complaint: str) -> Any:
    """The elements around each where the footprint is, along a last axis."""
    ndim = len(shape_of(x))
    if (len(axes) < ndim and footprint.ndim != len(axes)) or len(axes) == ndim != footprint.ndim:
        raise RuntimeError(f"footprint.ndim ({footprint.ndim}) must match len(axes) ({len(axes)})")
    footprint = given.in_all_axes(footprint, axes, ndim)
    origins = given.spread(given.for_each_axis(origin, len(axes)), axes, ndim, 0)
    starts = [given.start_of(o, k, "invalid origin") for o, k in zip(origins, footprint.shape, strict=True)]
    if not isinstance(mode, str):
        raise RuntimeError(f"A sequence of modes is not supported {complaint}")
    beyond = np.astype(given.constant(cval, False), typeof(x).dtype)
    for axis, (start, k) in enumerate(zip(starts, footprint.shape, strict=True)):
        x = given.extended(x, axis, start, k - 1 - start, mode, beyond)
    ones = (1,) * ndim
    windows = windows_p.bind(x, lengths=footprint.shape, strides=ones, dilations=ones)
    if footprint.all():
        return np.reshape(windows, (*shape_of(windows)[:ndim], math.prod(footprint.shape)))
    return windows[(..., *np.nonzero(footprint))]


def extreme(
    x: Any,
    size: Any,
    footprint: Any,
    output: Any,
    mode: Any,
    cval: Any,
    origin: Any,
    axes: Any,
    name: str,
    structure: Any = None,
) -> Any:
    """The least of the elements around each less a structure, or the largest of them with it, as ``name`` begins."""
    x, is_least = given.real_array(x), name.startswith("minimum")
    dtype = given.dtype_throughout(output, x, f"scipy.ndimage.{name}")
    chosen = given.axes_of(axes, len(shape_of(x)))
    shape = footprint_of(size, footprint, len(chosen), "no footprint provided")
    if not shape.any():
        raise ValueError("All-zero footprint is not supported.")
    if not shape.all() or structure is not None:
        given.check_mode(mode) if isinstance(mode, str) else None
        if not typeof(x).size:
            return np.zeros(shape_of(x), dtype)
        windows = neighbours(x, shape, mode, cval, origin, chosen, "for non-separable footprints")
        if structure is not None:
            heights = floating(structure)[np.nonzero(shape)]
            windows = _raised(windows, -heights if is_least else heights)
        return given.truncated((np.min if is_least else np.max)(windows, axis=-1), dtype)
    columns = [given.for_each_axis(v, len(chosen)) for v in (shape.shape, origin, mode)]
    for axis, n, o, m in zip(chosen, *columns, strict=True):
        if n > 1:
            x = _extreme_along(x, n, axis, dtype, m, cval, o, f"{name}1d")
    return given.truncated(x, dtype)


def _raised(windows: Any, heights: Any) -> Any:
    """Elements with heights added, as SciPy adds them to integers: to the first as a double, to the others as integers."""
    dtype = typeof(windows).dtype
    if dtype.kind == "f":
        return np.astype(windows + heights, dtype)
    dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    others = np.astype(windows[..., 1:], dtype) + np.astype(np.astype(heights[1:], np.int64), dtype)
    return np.concatenate([windows[..., :1] + heights[0], np.astype(others, np.float64)], axis=-1)


@on_tracers(_scipy.minimum_filter)
def minimum_filter(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The least of the elements around each.

    Args:
        size: the shape of the neighbourhood, or one length for all axes.
        footprint: a boolean array, which elements belong to it, instead of ``size``.
        axes: along which axes, by default all; the others as for `correlate1d`, ``mode`` and ``origin`` for all axes or each.

    Example:
        >>> minimum_filter(np.array([[3.0, 1.0], [2.0, 4.0]]), (2, 1))
        array([[3., 1.],
               [2., 1.]])
    """
    return extreme(input, size, footprint, output, mode, cval, origin, axes, "minimum_filter")


@on_tracers(_scipy.maximum_filter)
def maximum_filter(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The largest of the elements around each.

    Args:
        input, size, footprint, output, mode, cval, origin, axes: as for `minimum_filter`.

    Example:
        >>> maximum_filter(np.array([[3.0, 1.0], [2.0, 4.0]]), (2, 1))
        array([[3., 1.],
               [3., 4.]])
    """
    return extreme(input, size, footprint, output, mode, cval, origin, axes, "maximum_filter")


# --- ranks ------------------------------------------------------------------------------------------------------------


def _ranked(
    x: Any, rank: Any, size: Any, footprint: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any, name: str
) -> Any:
    """The element of rank ``rank(number of elements)`` of the neighbourhood."""
    x = given.real_array(x)
    dtype = given.dtype_throughout(output, x, f"scipy.ndimage.{name}")
    chosen = given.axes_of(axes, len(shape_of(x)))
    shape = footprint_of(size, footprint, len(chosen), "no footprint or filter size provided")
    count = int(shape.sum())
    place = rank(count)
    place += count if place < 0 else 0
    if not 0 <= place < count:
        raise RuntimeError("rank not within filter footprint size")
    if place in (0, count - 1):
        least_or_largest = minimum_filter if place == 0 else maximum_filter
        return least_or_largest(x, None, shape, dtype, mode, cval, origin, axes=axes)
    given.check_mode(mode) if isinstance(mode, str) else None
    if not typeof(x).size:
        return np.zeros(shape_of(x), dtype)
    windows = neighbours(x, shape, mode, cval, origin, chosen, "by non-separable rank filters")
    where = np.argpartition(windows, place, axis=-1)[..., place : place + 1]
    return given.truncated(np.take_along_axis(windows, where, axis=-1)[..., 0], dtype)


@on_tracers(_scipy.rank_filter)
def rank_filter(
    input: Any,
    rank: int,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The element of a rank among those around each.

    Args:
        rank: 0 for the least, -1 for the largest; the others as for `minimum_filter`.

    Example:
        >>> rank_filter(np.array([3.0, 1.0, 2.0, 4.0]), 1, 3)
        array([3., 2., 2., 4.])
    """
    rank = operator.index(rank)
    return _ranked(input, lambda n: rank, size, footprint, output, mode, cval, origin, axes, "rank_filter")


@on_tracers(_scipy.median_filter)
def median_filter(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The median of the elements around each; of an even number of them the upper one in the middle.

    Args:
        input, size, footprint, output, mode, cval, origin, axes: as for `minimum_filter`.

    Example:
        >>> median_filter(np.array([3.0, 1.0, 2.0, 4.0]), 3)
        array([3., 2., 2., 4.])
    """
    return _ranked(input, lambda n: n // 2, size, footprint, output, mode, cval, origin, axes, "median_filter")


@on_tracers(_scipy.percentile_filter)
def percentile_filter(
    input: Any,
    percentile: float,
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The element at a percentile of those around each.

    Args:
        percentile: from 0 to 100; or from -100 to 0, counted from the largest; the others as for `minimum_filter`.

    Example:
        >>> percentile_filter(np.array([3.0, 1.0, 2.0, 4.0]), 50, 3)
        array([3., 2., 2., 4.])
    """
    share = percentile + 100.0 if percentile < 0 else percentile
    if not 0 <= share <= 100:
        raise RuntimeError("invalid percentile")
    rank = lambda n: n - 1 if share == 100 else int(float(n) * share / 100.0)
    return _ranked(input, rank, size, footprint, output, mode, cval, origin, axes, "percentile_filter")


# --- functions of one's own -------------------------------------------------------------------------------------------


@on_tracers(_scipy.generic_filter)
def generic_filter(
    input: Any,
    function: Callable[..., Any],
    size: Any = None,
    footprint: Any = None,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    extra_arguments: Any = (),
    extra_keywords: Any = None,
    *,
    axes: Any = None,
) -> Any:
    """What a function makes of the elements around each.

    Args:
        function: a function of a vector of double precision, which returns a number; for traced values it is called once, for
            all together.
        extra_arguments, extra_keywords: what ``function`` gets besides; the others as for `minimum_filter`.

    Example:
        >>> generic_filter(np.array([3.0, 1.0, 2.0, 4.0]), np.ptp, 3)
        array([2., 2., 3., 2.])
    """
    x = given.real_array(input)
    dtype = given.dtype_throughout(output, x, "scipy.ndimage.generic_filter")
    chosen = given.axes_of(axes, len(shape_of(x)))
    shape = footprint_of(size, footprint, len(chosen), "no footprint or filter size provided")
    given.check_mode(mode)
    windows = neighbours(double(x), shape, mode, cval, origin, chosen, "")
    rows = np.reshape(windows, (-1, shape_of(windows)[-1]))
    call = lambda row: np.astype(as_array(function(row, *extra_arguments, **(extra_keywords or {}))), np.float64)
    return given.truncated(np.reshape(vmap(call)(rows), shape_of(x)), dtype)
