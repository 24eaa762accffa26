"""Interpolation between points in one dimension, of all kinds that `scipy.interpolate.interp1d` has, and on grids.

>>> from covector import grad
>>> x, y = np.arange(4.0), np.arange(4.0) ** 2
>>> float(grad(lambda y: interp1d(x, y)(0.25))(y)[1]), float(grad(interp1d(x, y, "quadratic"))(1.5))
(0.25, 3.0)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis, inexact
from covector.primitives.arrays.subscripts import index
from covector.scipy.checks import nan_unless_refused
from covector.scipy.piecewise import PiecewiseCubic, real_points
from covector.scipy.spline_fits import make_interp_spline

# --- in one dimension -------------------------------------------------------------------------------------------------

ORDERS = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}
"""The degrees of kinds that are splines."""


def _linear(x: Any, y: Any, at: Any) -> Any:
    i = np.clip(np.searchsorted(x, at), 1, shape_of(x)[0] - 1)
    low, high = index(x, i - 1), index(x, i)
    share = np.reshape((at - low) / (high - low), (-1, *[1] * (len(shape_of(y)) - 1)))
    below = index(y, i - 1)
    return below + (index(y, i) - below) * share


def _nearest(side: str) -> Callable[[Any, Any, Any], Any]:
    def call(x: Any, y: Any, at: Any) -> Any:
        halves = x / 2.0
        return index(y, np.clip(np.searchsorted(halves[1:] + halves[:-1], at, side=side), 0, shape_of(x)[0] - 1))  # type: ignore[call-overload]

    return call


def _previous(x: Any, y: Any, at: Any) -> Any:
    return index(y, np.clip(np.searchsorted(x, at, side="right"), 1, shape_of(x)[0]) - 1)


def _next(x: Any, y: Any, at: Any) -> Any:
    return index(y, np.clip(np.searchsorted(x, at, side="left"), 0, shape_of(x)[0] - 1))


KINDS = {"linear": _linear, "nearest": _nearest("left"), "nearest-up": _nearest("right"), "previous": _previous, "next": _next}


class interp1d:
    """A function through given points.

    Args:
        x: places ``f[n]``.
        y: values, n of them along the axis, real or complex.
        kind: "linear", "nearest", "nearest-up", "previous", "next"; a spline: "zero", "slinear", "quadratic", "cubic", or its
            degree.
        axis: along which axis of ``y``.
        copy: changes nothing.
        bounds_error: whether a point outside is an error (NaN where that is not known); by default unless ``fill_value``
            extrapolates.
        fill_value: the value outside, or a pair of those below and above, or "extrapolate".
        assume_sorted: whether x rises.

    Differentiable in x, y and the points; at a place the derivative is that of the interval which ends there for "linear".

    Raises:
        ValueError: too few points, numbers that do not fit, or points outside.
        NotImplementedError: an unknown kind.

    Example:
        >>> f = interp1d(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), fill_value="extrapolate")
        >>> f(np.array([0.5, 1.5, 3.0]))
        array([0.5, 2.5, 7. ])
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        kind: Any = "linear",
        axis: int = -1,
        copy: bool = True,
        bounds_error: bool | None = None,
        fill_value: Any = np.nan,
        assume_sorted: bool = False,
    ):
        x, y = as_array(x), inexact(y)
        if len(shape_of(x)) != 1:
            raise ValueError("the x array must have exactly one dimension.")
        if not shape_of(y):
            raise ValueError("the y array must have at least one dimension.")
        self.axis = canonical_axis(axis, len(shape_of(y)), "interp1d")
        if shape_of(y)[self.axis] != shape_of(x)[0]:
            raise ValueError("x and y arrays must be equal in length along interpolation axis.")
        order = ORDERS.get(kind) if isinstance(kind, str) else kind
        if isinstance(kind, str) and order is None and kind not in KINDS:
            raise NotImplementedError(f"{kind} is unsupported: Use fitpack routines for other types.")
        least = 1 if order is None else order + 1
        if shape_of(x)[0] < least:
            raise ValueError(f"x and y arrays must have at least {least} entries")
        rows = np.moveaxis(y, self.axis, 0)
        if not assume_sorted:
            places = np.argsort(x, kind="mergesort")
            x, rows = index(x, places), index(rows, places)
        self.x, self.y, self._rows = x, np.moveaxis(rows, 0, self.axis), rows
        self._extrapolate = isinstance(fill_value, str) and fill_value == "extrapolate"
        if shape_of(x)[0] == 1 and (order == 0 or (kind == "linear" and not self._extrapolate)):
            kind, order = "nearest", None  # no interval: there is one value
        spline = None if order is None else make_interp_spline(inexact(x), rows, order, check_finite=False)
        self._call: Callable[[Any, Any, Any], Any] = KINDS[kind] if spline is None else lambda x, y, at: spline(at)
        self._set_bounds(bounds_error, fill_value, kind)

    def _set_bounds(self, bounds_error: bool | None, fill_value: Any, kind: Any) -> None:
        self.fill_value = fill_value
        if self._extrapolate:
            if bounds_error:
                raise ValueError("Cannot extrapolate and raise at the same time.")
            if kind in ("previous", "next"):
                self._extrapolate = False
                fill_value = (np.nan, self._rows[-1]) if kind == "previous" else (self._rows[0], np.nan)
            bounds_error = False
        self.bounds_error = bounds_error is None or bool(bounds_error)
        pair = fill_value if isinstance(fill_value, tuple) and len(fill_value) == 2 else (fill_value,) * 2
        self._beyond = () if self._extrapolate else tuple(self._of_row(v) for v in pair)

    def _of_row(self, value: Any) -> Any:
        """A value outside for all that is beside one another."""
        value, shape = as_array(value), shape_of(self._rows)[1:]
        try:
            return np.broadcast_to(value, shape)
        except ValueError:
            text = f"fill_value argument must be able to broadcast up to shape {shape} but had shape {shape_of(value)}"
            raise ValueError(text) from None

    def __call__(self, x: Any) -> Any:
        """The values at points of any shape, which takes the place of the axis of ``y``."""
        x = inexact(x)
        if typeof(x).dtype.kind == "c":
            raise TypeError(f"interp1d got points {typeof(x)}: give real numbers")
        shape, rest, flat = shape_of(x), shape_of(self._rows)[1:], np.reshape(x, -1)
        out = self._call(self.x, self._rows, flat)
        if not self._extrapolate:
            below, above = flat < self.x[0], flat > self.x[-1]
            column = (-1, *[1] * len(rest))
            for outside, value, end in zip((below, above), self._beyond, ("below minimum", "above maximum"), strict=True):
                outside, (side, name) = np.reshape(outside, column), end.split()
                if self.bounds_error:
                    text = f"A value in x_new is {side} the interpolation range's {name} value."
                    out = nan_unless_refused(outside, out, text)
                else:
                    out = np.where(outside, np.astype(value, np.result_type(typeof(out).dtype)), out)
        out = np.reshape(out, (*shape, *rest))
        return np.moveaxis(out, range(len(shape)), range(self.axis, self.axis + len(shape)))


class CubicHermiteSpline(PiecewiseCubic):
    """The piecewise cubic polynomial with given values and slopes.

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        dydx: slopes, of the shape of ``y``.
        axis: along which axis.
        extrapolate: as for `CubicSpline`.

    Example:
        >>> float(CubicHermiteSpline(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.zeros(2))(0.5))
        0.5
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None):
        y, dydx = as_array(y), as_array(dydx)
        if shape_of(y) != shape_of(dydx):
            raise ValueError(f"The shapes of `y` and `dydx` must be identical, got {typeof(y)} and {typeof(dydx)}")
        dydx = np.moveaxis(dydx, canonical_axis(axis, len(shape_of(y)), "CubicHermiteSpline"), 0)
        super().__init__(x, y, axis, extrapolate, dydx)

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        return np.reshape(self.more[0], shape_of(y))


class Akima1DInterpolator(PiecewiseCubic):
    """The piecewise cubic interpolant of Akima (J. ACM 17, 1970), which does not overshoot much.

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        axis: along which axis.
        method: "akima", or "makima" with weights that do not vanish where slopes are equal.
        extrapolate: as for `CubicSpline`, but by default False.

    Example:
        >>> float(Akima1DInterpolator(np.arange(4.0), np.arange(4.0) ** 2)(1.5))
        2.25
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None):
        if method not in ("akima", "makima"):
            raise NotImplementedError(f"`method`={method} is unsupported.")
        self.method = method
        y = real_points(y, "Akima1DInterpolator", "values")
        super().__init__(x, y, axis, False if extrapolate is None else extrapolate)

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        if shape_of(y)[0] == 2:
            return np.concatenate([secant, secant])
        before, after = 2 * secant[:1] - secant[1:2], 2 * secant[-1:] - secant[-2:-1]
        m = np.concatenate([2 * before - secant[:1], before, secant, after, 2 * after - secant[-1:]])
        change = np.abs(np.diff(m, axis=0))
        right, left = change[2:], change[:-2]
        if self.method == "makima":
            size = np.abs(m[1:] + m[:-1])
            right, left = right + 0.5 * size[2:], left + 0.5 * size[:-2]
        both = right + left
        flat = both <= 1e-9 * np.max(both)
        weighted = m[1:-2] + left / np.where(flat, 1.0, both) * (m[2:-1] - m[1:-2])
        return np.where(flat, 0.5 * (m[3:] + m[:-3]), weighted)
