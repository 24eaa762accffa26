"""NumPy's functions of neighbouring elements: differences, finite-difference gradients, the trapezoidal rule, interpolation."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core.avals import check_class, shape_of
from covector.numpy.indexing import part_along, take
from covector.numpy.joining import concatenate
from covector.numpy.registry import as_array, canonical_axes, canonical_axis, cast, contains_tracer, held, implements, inexact
from covector.numpy.shapes import broadcast_to, ravel
from covector.primitives.arrays.shaping import convert_to, reshape_to
from covector.primitives.arrays.subscripts import concrete, index
from covector.primitives.math.identity import stop_gradient_p

FLOAT64 = np.dtype(np.float64)


# --- differences ------------------------------------------------------------------------------------------------------


@implements(np.diff)
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """``numpy.diff``."""
    n = operator.index(n)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = as_array(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = canonical_axis(axis, a.ndim, "diff")
    parts = [_border(prepend, a, axis), a, _border(append, a, axis)]
    a = concatenate([p for p in parts if p is not None], axis)
    subtract = np.not_equal if a.dtype == np.bool_ else np.subtract
    for _ in range(n):
        a = subtract(part_along(a, axis, slice(1, None)), part_along(a, axis, slice(None, -1)))
    return a


def _border(values: Any, a: Any, axis: int) -> Any:
    if values is np._NoValue:
        return None
    values = as_array(values)
    return values if values.ndim else broadcast_to(values, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """``numpy.ediff1d``."""
    a = ravel(ary)
    parts = [a[1:] - a[:-1]]
    for name, values in (("to_begin", to_begin), ("to_end", to_end)):
        if values is not None:
            values = ravel(values)
            if not np.can_cast(values.dtype, a.dtype, "same_kind"):
                raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")
            parts.insert(0 if name == "to_begin" else len(parts), convert_to(values, a.dtype))
    return concatenate(parts)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """``numpy.gradient``; the spacings, or the coordinates, may be traced."""
    f = as_array(f)
    if f.dtype.kind == "b" and f.ndim:
        raise TypeError("numpy.gradient of booleans: they have no differences")
    f = inexact(f)
    ordered = axis if isinstance(axis, tuple) else (axis,)
    axes = range(f.ndim) if axis is None else [canonical_axis(i, f.ndim, "gradient") for i in ordered]
    canonical_axes(tuple(axes), f.ndim, "gradient")
    arrays_fit = len(varargs) == len(axes) or not any(map(np.ndim, varargs))
    if len(varargs) not in (0, 1, len(axes)) or not arrays_fit:
        raise TypeError("invalid number of arguments")
    spacings = [1.0] * len(axes) if not varargs else list(varargs) * (len(axes) if len(varargs) == 1 else 1)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    if any(f.shape[i] < edge_order + 1 for i in axes):
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
        )
    found = [_gradient_along(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True)]
    results = tuple(held(r, f.dtype) for r in found)
    return results[0] if len(results) == 1 else results


def _gradient_along(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """Second-order differences inside, one-sided ones of the given order at the ends, for any distances of the points."""
    n = f.shape[axis]
    if np.ndim(spacing) > 1:
        raise ValueError("distances must be either scalars or 1d")
    if np.ndim(spacing) == 1:
        x = inexact(spacing)
        if x.shape[0] != n:
            raise ValueError("when 1d, distances must match the length of the corresponding dimension")
        steps = x[1:] - x[:-1]
        steps = reshape_to(steps, (n - 1, *(1,) * (f.ndim - 1 - axis)))
        h, k = steps[:-1], steps[1:]
        first, last = (steps[0], steps[1 if n > 2 else 0]), (steps[-1], steps[-2 if n > 2 else 0])
    else:
        h = k = spacing
        first = last = (spacing, spacing)

    def at(i: int) -> Any:
        return part_along(f, axis, slice(i, i + 1 or None))

    before, here, after = (part_along(f, axis, slice(i, n - 2 + i)) for i in range(3))
    if np.ndim(spacing) == 1:
        inner = -k / (h * (h + k)) * before + (k - h) / (h * k) * here + h / (k * (h + k)) * after
    else:
        inner = (after - before) / (2.0 * h)
    if edge_order == 1:
        return concatenate([(at(1) - at(0)) / first[0], inner, (at(-1) - at(-2)) / last[0]], axis)
    return concatenate([_one_sided(at(0), at(1), at(2), *first), inner, -_one_sided(at(-1), at(-2), at(-3), *last)], axis)


def _one_sided(f0: Any, f1: Any, f2: Any, h: Any, k: Any) -> Any:
    """The derivative at the first of three points with distances h and k, exact for parabolas."""
    return -(2.0 * h + k) / (h * (h + k)) * f0 + (h + k) / (h * k) * f1 - h / (k * (h + k)) * f2


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """``numpy.trapezoid``."""
    y = as_array(y)
    along = canonical_axis(axis, y.ndim, "trapezoid")
    d = dx
    if x is not None:
        x = as_array(x)
        d = diff(x, axis=0 if x.ndim == 1 else axis)  # which is counted in x, where that has other axes than y
        if x.ndim == 1:
            d = reshape_to(d, (*d.shape, *(1,) * (y.ndim - 1 - along)))
    heights = part_along(y, along, slice(1, None)) + part_along(y, along, slice(None, -1))
    return np.sum(d * heights / 2.0, axis=axis)


for _name in ("trapezoid", "trapz"):  # the second until NumPy 2.4
    if hasattr(np, _name):
        implements(getattr(np, _name))(trapezoid)


# --- interpolation ----------------------------------------------------------------------------------------------------


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """``numpy.interp``: piecewise linear, differentiable in the points x, their values fp and the places xp.

    At a place of xp the derivative in x is that of the interval to its right (NaN if it has no finite slope); outside it is
    zero.
    """
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    dtype = np.dtype(np.complex128 if fp.dtype.kind == "c" else np.float64)
    casting = "safe" if period is None else "unsafe"  # as NumPy does
    is_number = x.dtype.kind == "f" and not shape_of(x)
    x = cast(x, FLOAT64, "unsafe" if is_number else casting)  # of a number it takes float(x)
    xp, fp = cast(xp, FLOAT64, casting), cast(fp, dtype, casting)
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if period is not None:
        left = right = None
        x, xp, fp = _unrolled(x, xp, fp, period)
    n = xp.shape[0]
    if n != fp.shape[0]:
        raise ValueError("fp and xp are not of the same length.")
    if n == 0:
        raise ValueError("array of sample points is empty")
    below = fp[0] if left is None else _outside(left, dtype)
    above = fp[-1] if right is None else _outside(right, dtype)
    if n == 1:
        return np.where(np.less(x, xp[0]), below, np.where(np.greater(x, xp[0]), above, fp[0]))
    i = np.minimum(np.maximum(np.searchsorted(xp, x, side="right") - 1, 0), n - 2)
    all_finite = all(concrete(v) is not None and np.all(np.isfinite(concrete(v))) for v in (xp, fp))
    inside = _on_line(x, index(xp, i), index(xp, i + 1), index(fp, i), index(fp, i + 1), all_finite)
    out = np.where(np.less(x, xp[0]), below, np.where(np.greater(x, xp[-1]), above, inside))
    return np.where(np.isnan(x), convert_to(x, dtype), out)


def _outside(value: Any, dtype: Any) -> Any:
    """The value to the left or to the right of all points; raises what NumPy does where that is none."""
    if contains_tracer(value):
        return held(value, dtype)
    check_class(type(value))
    return np.interp(-1.0, [0.0], np.zeros(1, dtype), left=value)


def _on_line(x: Any, x0: Any, x1: Any, f0: Any, f1: Any, all_finite: bool) -> Any:
    """The value at x of the line through two points; f1 where x is x1, exactly, and f0 if the points coincide."""
    width = x1 - x0
    slope = (f1 - f0) / np.where(np.equal(width, 0), 1, width)
    at_end = np.equal(x, x1)
    if all_finite:
        return np.where(at_end, f1 + slope * (x - x1), f0 + slope * (x - x0))
    has_slope = np.logical_and(np.isfinite(slope), np.isfinite(x))
    no_slope = np.logical_and(np.logical_or(at_end, np.equal(x, x0)), np.logical_not(has_slope))
    slope = np.where(no_slope, 0, slope)
    from_end = f1 + slope * np.where(no_slope, 0, x - x1)
    line = f0 + slope * np.where(no_slope, 0, x - x0)
    constant = np.logical_and(np.isnan(from_end), np.equal(f0, f1))
    line = np.where(np.logical_or(no_slope, np.logical_not(np.isnan(line))), line, np.where(constant, f0, from_end))
    return np.where(at_end, from_end, line) + _without_derivative(np.where(no_slope, x - stop_gradient_p.bind(x), 1))


def _without_derivative(x: Any) -> Any:
    """Zero, whose derivative is NaN where x is 0 (or NaN, for that it is the difference of infinities)."""
    root = np.sqrt(np.where(np.isnan(x), 0, x))
    return root - root


def _unrolled(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Points brought into one period, in order, with one more at each end from the neighbouring periods."""
    if concrete(period) is not None and concrete(period) == 0:
        raise ValueError("period must be a non-zero value")
    period = np.abs(inexact(period))
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = take(xp, order), take(fp, order)
    xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, concatenate([fp[-1:], fp, fp[:1]])
