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
from covector.numpy.registry import inexact
from covector.primitives.arrays.subscripts import index
from covector.scipy.checks import double as _double
from covector.scipy.checks import nan_unless_refused as _nan_unless_refused
from covector.scipy.fitpack import InterpolatedUnivariateSpline as InterpolatedUnivariateSpline
from covector.scipy.fitpack import UnivariateSpline as UnivariateSpline
from covector.scipy.fitpack import splantider as splantider
from covector.scipy.fitpack import splder as splder
from covector.scipy.fitpack import splev as splev
from covector.scipy.fitpack import splint as splint
from covector.scipy.fitpack import splrep as splrep
from covector.scipy.interpolators import Akima1DInterpolator as Akima1DInterpolator
from covector.scipy.interpolators import CubicHermiteSpline as CubicHermiteSpline
from covector.scipy.interpolators import interp1d as interp1d
from covector.scipy.others import of_scipy as _of_scipy
from covector.scipy.piecewise import PiecewiseCubic
from covector.scipy.piecewise import PPoly as PPoly
from covector.scipy.piecewise import check_places as _check_places
from covector.scipy.piecewise import falls as _falls
from covector.scipy.piecewise import interval as _interval
from covector.scipy.piecewise import real_points as _real_points
from covector.scipy.piecewise import turned_if as _turned_if
from covector.scipy.spline_fits import make_interp_spline as make_interp_spline
from covector.scipy.spline_fits import make_lsq_spline as make_lsq_spline
from covector.scipy.splines import BSpline as BSpline
from covector.scipy.splines import nan_if as _nan_if
from covector.scipy.splines import rises as _rises
from covector.scipy.splines import undetermined as _undetermined
from covector.scipy.structured import solve_banded

BOUNDARIES = ("not-a-knot", "natural", "clamped")


class CubicSpline(PiecewiseCubic):
    """The cubic spline with two continuous derivatives through given points (de Boor, A Practical Guide to Splines, ch. IV).

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        axis: along which axis.
        bc_type: "not-a-knot", "natural" (no second derivative at the ends) or "clamped" (no first one); or a pair, for the two
            ends, of these or of pairs ``(order, value)`` of the first or second derivative.
        extrapolate: whether points outside have the polynomial of the last interval, NaN (False), or the same values again
            ("periodic").

    Example:
        >>> spline = CubicSpline(np.arange(4.0), np.arange(4.0) ** 3)
        >>> np.round(spline(np.array([0.5, 1.5])), 12), np.round(spline(2.5, 1), 12)
        (array([0.125, 3.375]), np.float64(18.75))
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None):
        pair = (bc_type,) * 2 if isinstance(bc_type, str) else tuple(bc_type)
        ends = [(2, 0.0) if e == "natural" else (1, 0.0) if e == "clamped" else e for e in pair]
        if len(ends) != 2 or not all(e == "not-a-knot" if isinstance(e, str) else _is_condition(e) for e in ends):
            what = f"CubicSpline got bc_type={bc_type!r}: give 'not-a-knot', 'natural' or 'clamped', or a pair of these or of"
            raise ValueError(f"{what} (1, slope) or (2, second derivative); make_interp_spline has 'periodic'")
        self.ends = ends
        super().__init__(x, y, axis, extrapolate, *(e[1] for e in ends if not isinstance(e, str)))

    def slopes(self, h: Any, secant: Any, y: Any) -> Any:
        n, values = shape_of(y)[0], iter(self.more)
        ends = [e if isinstance(e, str) else (e[0], next(values)) for e in self.ends]
        ends = ["parabola"] * 2 if n == 3 and all(isinstance(e, str) for e in ends) else ends
        left, right = ((1, secant[0]) if n == 2 and isinstance(e, str) else e for e in ends)
        (d0, e0, b0), (d1, e1, b1) = self.end(left, h, secant, -1.0), self.end(right, h[::-1], secant[::-1], 1.0)
        none = np.zeros(1)
        above = np.concatenate([none, e0, h[:-1, 0]])
        below = np.concatenate([h[1:, 0], e1, none])
        middle = np.concatenate([d0, 2 * (h[:-1, 0] + h[1:, 0]), d1])
        inner = 3 * (h[:-1] * secant[1:] + h[1:] * secant[:-1])
        rhs = np.concatenate([b0[None], inner, b1[None]])
        return solve_banded((1, 1), np.stack([above, middle, below]), rhs, check_finite=False)

    def end(self, condition: Any, h: Any, secant: Any, side: float) -> tuple[Any, Any, Any]:
        """The equation of an end: its coefficients for the last slope and the one beside it, and the right-hand side.

        Distances and secants are counted from this end, with the signs that they have from the left; ``side`` is -1.0 there.
        """
        one, s = np.ones(1), secant[0]
        if isinstance(condition, str) and condition == "parabola":
            return one, one, 2 * s
        if isinstance(condition, str):
            both = h[0] + h[1]
            return h[1], both, ((h[0] + 2 * both) * h[1] * s + h[0] ** 2 * secant[1]) / both
        order, value = condition
        value = np.reshape(_double(value), (-1,))
        if order == 1:
            return one, 0 * one, value + 0 * s
        return 2 * one, one, 3 * s + side * value * h[0] / 2


def _is_condition(end: Any) -> bool:
    return isinstance(end, (tuple, list)) and len(end) == 2 and end[0] in (1, 2)


class PchipInterpolator(PiecewiseCubic):
    """The cubic interpolant that is monotone where the data are (Fritsch and Butland, SIAM J. Sci. Stat. Comp. 5, 1984).

    Args:
        x: places ``f[n]``, rising.
        y: values, n of them along the axis.
        axis: along which axis.
        extrapolate: whether points outside have the polynomial of the last interval, NaN (False), or the same values again
            ("periodic").

    Example:
        >>> float(PchipInterpolator(np.arange(3.0), np.array([0.0, 1.0, 1.0]))(1.5))
        1.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None):
        super().__init__(x, _real_points(y, "PchipInterpolator", "values"), axis, extrapolate)

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

    Places and shares are computed in double precision, as in SciPy.

    Args:
        points: for each dimension the places ``f[n_i]``, which rise or fall strictly (NaN if they do not, where that is not
            known).
        values: ``f[n_1, ..., n_d, ...]``.
        method: "linear" or "nearest".
        bounds_error: whether a point outside is an error (NaN where that is not known).
        fill_value: the value outside; None extrapolates.

    Example:
        >>> plane = RegularGridInterpolator((np.arange(3.0), np.arange(2.0)), np.arange(6.0).reshape(3, 2))
        >>> plane(np.array([[0.5, 0.5], [2.0, 1.0]]))
        array([1.5, 5. ])
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
    ):
        grid, self.values = [_real_points(p, "RegularGridInterpolator", "places") for p in points], inexact(values)
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.check_method(method)
        for p in grid:
            _check_places(p, "RegularGridInterpolator", least=1)
        sizes = tuple(shape_of(p)[0] for p in grid)
        if shape_of(self.values)[: len(sizes)] != sizes:
            raise ValueError(f"RegularGridInterpolator got a grid of {sizes} points and values {typeof(self.values)}")
        self.grid = tuple(self._rising(p, axis) for axis, p in enumerate(grid))

    def _rising(self, p: Any, axis: int) -> Any:
        """The places of a dimension, turned round with the values if they fall."""
        falling = _falls(p)
        p, self.values = _turned_if(falling, p), _turned_if(falling, self.values, axis)
        wrong = _undetermined((~_rises(p), f"The points in dimension {axis} must be strictly ascending or descending"))
        p, self.values = _nan_if(wrong, p, self.values)
        return p

    def check_method(self, method: str) -> None:
        if method not in ("linear", "nearest"):
            raise ValueError(f"RegularGridInterpolator got method={method!r}: give 'linear' or 'nearest'")

    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """The values ``f[...]`` at points ``f[..., d]`` (a vector is one, or several), or at a tuple of d coordinates."""
        method = self.method if method is None else method
        self.check_method(method)
        d = len(self.grid)
        is_tuple = isinstance(xi, tuple)
        xi = np.stack(np.broadcast_arrays(*xi), -1) if is_tuple else xi
        xi = _real_points(xi, "RegularGridInterpolator", "points")
        if not is_tuple and len(shape_of(xi)) == 1 and shape_of(xi)[0] % d == 0:
            xi = np.reshape(xi, (-1, d))
        if shape_of(xi)[-1:] != (d,):
            raise ValueError(f"RegularGridInterpolator got points {typeof(xi)} for a grid of {d} dimensions")
        xs = [xi[..., k] for k in range(d)]
        out, column = self.at(xs, method == "linear"), (*shape_of(xs[0]), *[1] * (len(shape_of(self.values)) - d))
        if not self.bounds_error and self.fill_value is None:
            return out
        outside: Any = False
        for k, (x, grid) in enumerate(zip(xs, self.grid, strict=True)):
            if self.bounds_error:
                beyond, text = ~((x >= grid[0]) & (x <= grid[-1])), f"One of the requested xi is out of bounds in dimension {k}"
                out = _nan_unless_refused(np.reshape(beyond, column), out, text)
            else:
                outside = outside | (x < grid[0]) | (x > grid[-1])
        return out if self.bounds_error else np.where(np.reshape(outside, column), self.fill_value, out)

    def at(self, xs: list[Any], is_linear: bool) -> Any:
        trailing = [1] * (len(shape_of(self.values)) - len(self.grid))
        grids, values = [*self.grid], self.values
        for axis, g in enumerate(grids):
            if shape_of(g)[0] == 1:  # the same everywhere, as between two places with the same values
                grids[axis], values = np.concatenate([g, g + 1 + np.abs(g)]), np.repeat(values, 2, axis)
        places = [_interval(g, x) for g, x in zip(grids, xs, strict=True)]
        ends = [(index(g, i), index(g, i + 1)) for g, i in zip(grids, places, strict=True)]
        shares = [(x - low) / (high - low) for x, (low, high) in zip(xs, ends, strict=True)]
        if not is_linear:
            unknown: Any = sum(np.isnan(s) for s in shares)
            nearest = index(values, tuple(i + (s > 0.5) for i, s in zip(places, shares, strict=True)))
            return np.where(np.reshape(unknown, (*shape_of(unknown), *trailing)) > 0, np.nan, nearest)
        out: Any = 0.0
        for corner in itertools.product((0, 1), repeat=len(xs)):
            weight: Any = 1.0
            for up, s in zip(corner, shares, strict=True):
                weight = weight * (s if up else 1 - s)
            value = index(values, tuple(i + up for i, up in zip(places, corner, strict=True)))
            out = out + np.reshape(weight, (*shape_of(weight), *trailing)) * value
        return out


def interpn(
    points: Sequence[Any], values: Any, xi: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
) -> Any:
    """Values between those on a grid: `RegularGridInterpolator`, called.

    Args:
        points, values, method, bounds_error, fill_value: as for it.
        xi: points ``f[..., d]``, or a tuple of d coordinates.

    Example:
        >>> interpn((np.arange(3.0),), np.array([0.0, 1.0, 4.0]), np.array([[1.5]]))
        array([2.5])
    """
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


def pchip_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    """`PchipInterpolator`, called: the values, or a derivative, or a list of several.

    Args:
        xi, yi, axis: places and values, as for it.
        x: points.
        der: which derivative, or a list of them.

    Example:
        >>> float(pchip_interpolate(np.arange(3.0), np.array([0.0, 1.0, 1.0]), 1.5))
        1.0
    """
    spline = PchipInterpolator(xi, yi, axis)
    return [spline(x, nu) for nu in der] if np.ndim(der) else spline(x, der)


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return _of_scipy(__name__, name)
