"""`scipy.interpolate` for arrays and for values that are being transformed: splines and grids.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import interpolate
>>> square = interpolate.CubicSpline(np.arange(4.0), np.arange(4.0) ** 2)
>>> round(float(grad(square)(1.5)), 12)
3.0

Interpolants are differentiable in the places and values of the data, and in the point.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import inexact
from covector.primitives.arrays.subscripts import index
from covector.scipy.spline_fits import make_interp_spline as make_interp_spline
from covector.scipy.spline_fits import make_lsq_spline as make_lsq_spline
from covector.scipy.splines import BSpline as BSpline
from covector.scipy.structured import solve_banded

BOUNDARIES = ("not-a-knot", "natural", "clamped")


def _check_rising(x: Any, who: str) -> None:
    if len(shape_of(x)) != 1 or shape_of(x)[0] < 2:
        raise ValueError(f"{who} got places {typeof(x)}: give a vector of at least two")
    if not isinstance(x, TracerBase) and not np.all(np.diff(x) > 0):
        raise ValueError(f"{who} got places that do not rise strictly")


def _interval(places: Any, x: Any) -> Any:
    """The number of the interval that a point is in, or of the last one on its side."""
    return np.clip(np.searchsorted(places, x, side="right") - 1, 0, shape_of(places)[0] - 2)


class PiecewiseCubic:
    """Cubic polynomials on intervals, from values and slopes at their ends."""

    def __init__(self, x: Any, y: Any, axis: int, extrapolate: bool):
        who = type(self).__name__
        x, y = inexact(x), inexact(y)
        _check_rising(x, who)
        self.axis = axis % len(shape_of(y))
        self.x, self.extrapolate = x, extrapolate
        y = np.moveaxis(y, axis, 0)
        n, rest = shape_of(x)[0], shape_of(y)[1:]
        if shape_of(y)[0] != n:
            raise ValueError(f"{who} got {n} places and {shape_of(y)[0]} values along the axis")
        y = np.reshape(y, (n, -1))
        h = np.diff(x)[:, None]
        secant = np.diff(y, axis=0) / h
        s = self.slopes(h, secant, y)
        t = (s[:-1] + s[1:] - 2 * secant) / h
        self.c = np.reshape(np.stack([t / h, (secant - s[:-1]) / h - t, s[:-1], y[:-1]]), (4, n - 1, *rest))
        """Coefficients of the powers 3, 2, 1, 0 of the distance from the left end, on each interval."""

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        """The slopes ``f[n,k]`` at the places, from the distances ``f[n-1,1]``, and slopes of secants ``f[n-1,k]``."""
        raise NotImplementedError

    def __call__(self, x: Any, nu: int = 0, extrapolate: bool | None = None) -> Any:
        """The value, or the derivative of an order, at points of any shape."""
        x = inexact(x)
        i = _interval(self.x, x)
        shape = shape_of(x)
        trailing = [1] * (len(shape_of(self.c)) - 2)
        d = np.reshape(x - index(self.x, i), (*shape, *trailing))
        out: Any = np.zeros((*shape, *shape_of(self.c)[2:]))
        for row, power in enumerate((3, 2, 1, 0)):
            if power >= nu:
                factor = float(np.prod(np.arange(power - nu + 1, power + 1)))
                out = out * d + factor * index(self.c[row], i)
        if not (self.extrapolate if extrapolate is None else extrapolate):
            inside = (x >= self.x[0]) & (x <= self.x[-1])
            out = np.where(np.reshape(inside, (*shape, *trailing)), out, np.nan)
        return np.moveaxis(out, range(len(shape)), range(self.axis, self.axis + len(shape)))


class CubicSpline(PiecewiseCubic):
    """The cubic spline with two continuous derivatives through given points (de Boor, A Practical Guide to Splines, ch. IV).

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        axis: along which axis.
        bc_type: "not-a-knot", "natural" (no second derivative at the ends) or "clamped" (no first one).
        extrapolate: whether points outside have the polynomial of the last interval, or NaN.

    Example:
        >>> spline = CubicSpline(np.arange(4.0), np.arange(4.0) ** 3)
        >>> np.round(spline(np.array([0.5, 1.5])), 12), np.round(spline(2.5, 1), 12)
        (array([0.125, 3.375]), np.float64(18.75))
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: str = "not-a-knot", extrapolate: bool = True):
        if bc_type not in BOUNDARIES:
            raise ValueError(f"CubicSpline got bc_type={bc_type!r}: give 'not-a-knot', 'natural' or 'clamped'")
        self.bc_type = bc_type
        super().__init__(x, y, axis, extrapolate)

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        n = shape_of(y)[0]
        if n == 2 and self.bc_type == "not-a-knot":
            return np.concatenate([secant, secant])
        (d0, e0, b0), (d1, e1, b1) = self.end(h, secant), self.end(h[::-1], secant[::-1])
        none = np.zeros(1)
        above = np.concatenate([none, e0, h[:-1, 0]])
        below = np.concatenate([h[1:, 0], e1, none])
        middle = np.concatenate([d0, 2 * (h[:-1, 0] + h[1:, 0]), d1])
        inner = 3 * (h[:-1] * secant[1:] + h[1:] * secant[:-1])
        return solve_banded((1, 1), np.stack([above, middle, below]), np.concatenate([b0[None], inner, b1[None]]))

    def end(self, h: Any, secant: Any) -> tuple[Any, Any, Any]:
        """The equation of an end: its coefficients for the last slope and the one beside it, and the right-hand side."""
        one, s = np.ones(1), secant[0]
        if self.bc_type == "clamped":
            return one, 0 * one, 0 * s
        if self.bc_type == "natural":
            return 2 * one, one, 3 * s
        if shape_of(h)[0] == 2:  # a parabola
            return one, one, 2 * s
        both = h[0] + h[1]
        return h[1], both, ((h[0] + 2 * both) * h[1] * s + h[0] ** 2 * secant[1]) / both


class PchipInterpolator(PiecewiseCubic):
    """The cubic interpolant that is monotone where the data are (Fritsch and Butland, SIAM J. Sci. Stat. Comp. 5, 1984).

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        axis: along which axis.
        extrapolate: whether points outside have the polynomial of the last interval, or NaN.

    Example:
        >>> float(PchipInterpolator(np.arange(3.0), np.array([0.0, 1.0, 1.0]))(1.5))
        1.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: bool | None = None):
        super().__init__(x, y, axis, extrapolate is None or extrapolate)

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        if shape_of(y)[0] == 2:
            return np.concatenate([secant, secant])
        flat = secant[1:] * secant[:-1] <= 0
        left, right = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        before, after = np.where(flat, 1.0, secant[:-1]), np.where(flat, 1.0, secant[1:])
        inner = np.where(flat, 0.0, (left + right) / (left / before + right / after))
        return np.concatenate([_pchip_end(h, secant), inner, _pchip_end(h[::-1], secant[::-1])])


def _pchip_end(h: Any, secant: Any) -> Any:
    """The slope of the parabola through three points, where it does not turn (Moler, Numerical Computing with MATLAB, 3.4)."""
    s, t = secant[:1], secant[1:2]
    slope = ((2 * h[:1] + h[1:2]) * s - h[:1] * t) / (h[:1] + h[1:2])
    steep = (np.sign(s) != np.sign(t)) & (np.abs(slope) > 3 * np.abs(s))
    return np.where(np.sign(slope) != np.sign(s), 0.0, np.where(steep, 3 * s, slope))


class RegularGridInterpolator:
    """Interpolation of values on a grid in any number of dimensions.

    Args:
        points: for each dimension the places ``f[n_i]``, rising.
        values: ``f[n_1, ..., n_d, ...]``.
        method: "linear" or "nearest".
        bounds_error: whether a point outside is an error (only where values are known; else it gets ``fill_value``).
        fill_value: the value outside; None extrapolates.

    Example:
        >>> plane = RegularGridInterpolator((np.arange(3.0), np.arange(2.0)), np.arange(6.0).reshape(3, 2))
        >>> plane(np.array([[0.5, 0.5], [2.0, 1.0]]))
        array([1.5, 5. ])
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
    ):
        self.grid = tuple(inexact(p) for p in points)
        self.values = inexact(values)
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.check_method(method)
        for p in self.grid:
            _check_rising(p, "RegularGridInterpolator")
        sizes = tuple(shape_of(p)[0] for p in self.grid)
        if shape_of(self.values)[: len(sizes)] != sizes:
            raise ValueError(f"RegularGridInterpolator got a grid of {sizes} points and values {typeof(self.values)}")

    def check_method(self, method: str) -> None:
        if method not in ("linear", "nearest"):
            raise ValueError(f"RegularGridInterpolator got method={method!r}: give 'linear' or 'nearest'")

    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """The values ``f[...]`` at points ``f[..., d]`` (a vector is one, or several), or at a tuple of d coordinates."""
        method = self.method if method is None else method
        self.check_method(method)
        d = len(self.grid)
        is_tuple = isinstance(xi, tuple)
        xi = np.stack(np.broadcast_arrays(*(inexact(x) for x in xi)), -1) if is_tuple else inexact(xi)
        if not is_tuple and len(shape_of(xi)) == 1 and shape_of(xi)[0] % d == 0:
            xi = np.reshape(xi, (-1, d))
        if shape_of(xi)[-1:] != (d,):
            raise ValueError(f"RegularGridInterpolator got points {typeof(xi)} for a grid of {d} dimensions")
        xs = [xi[..., k] for k in range(d)]
        outside: Any = False
        for k, (x, grid) in enumerate(zip(xs, self.grid, strict=True)):
            beyond = (x < grid[0]) | (x > grid[-1])
            if self.bounds_error and not isinstance(beyond, TracerBase) and np.any(beyond | np.isnan(x)):
                raise ValueError(f"One of the requested xi is out of bounds in dimension {k}")
            outside = outside | beyond
        out = self.at(xs, method == "linear")
        if self.fill_value is None:
            return out
        trailing = [1] * (len(shape_of(self.values)) - d)
        return np.where(np.reshape(outside, (*shape_of(outside), *trailing)), self.fill_value, out)

    def at(self, xs: list[Any], is_linear: bool) -> Any:
        trailing = [1] * (len(shape_of(self.values)) - len(self.grid))
        places = [_interval(g, x) for g, x in zip(self.grid, xs, strict=True)]
        ends = [(index(g, i), index(g, i + 1)) for g, i in zip(self.grid, places, strict=True)]
        shares = [(x - low) / (high - low) for x, (low, high) in zip(xs, ends, strict=True)]
        if not is_linear:
            unknown: Any = sum(np.isnan(s) for s in shares)
            nearest = index(self.values, tuple(i + (s > 0.5) for i, s in zip(places, shares, strict=True)))
            return np.where(np.reshape(unknown, (*shape_of(unknown), *trailing)) > 0, np.nan, nearest)
        out: Any = 0.0
        for corner in itertools.product((0, 1), repeat=len(xs)):
            weight: Any = 1.0
            for up, s in zip(corner, shares, strict=True):
                weight = weight * (s if up else 1 - s)
            value = index(self.values, tuple(i + up for i, up in zip(places, corner, strict=True)))
            out = out + np.reshape(weight, (*shape_of(weight), *trailing)) * value
        return out
