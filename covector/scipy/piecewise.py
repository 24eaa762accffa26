"""Polynomials on intervals, by their coefficients.

>>> from covector import grad
>>> hat = PPoly(np.array([[1.0, -1.0], [0.0, 1.0]]), np.array([0.0, 1.0, 2.0]))
>>> hat(np.array([0.5, 1.5])), float(grad(hat)(0.5)), float(grad(lambda b: hat.integrate(0.0, b))(1.25))
(array([0.5, 0.5]), 1.0, 0.75)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core.avals import dtype_of, shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis
from covector.primitives.arrays.subscripts import concrete, index
from covector.scipy.checks import double
from covector.scipy.splines import all_finite, nan_if, rises, undetermined, value_of


def real_points(x: Any, who: str, what: str) -> Any:
    """In double precision; raises ``ValueError`` for complex numbers."""
    if dtype_of(as_array(x)).kind == "c":
        raise ValueError(f"{who} got {what} {typeof(x)}: give real numbers")
    return double(x)


def check_places(x: Any, who: str, least: int = 2) -> None:
    if len(shape_of(x)) != 1 or shape_of(x)[0] < least:
        raise ValueError(f"{who} got places {typeof(x)}: give a vector of at least {'one' if least == 1 else 'two'}")


def falls(x: Any) -> Any:
    """Whether places that rise or fall do the second: True, False, or a value that is not known."""
    x = value_of(x)
    answer = x[0] > x[-1]
    return answer if concrete(answer) is None else bool(answer)


def turned_if(falling: Any, x: Any, axis: int = 0) -> Any:
    if falling is False:
        return x
    flipped = np.flip(x, axis)
    return flipped if falling is True else np.where(falling, flipped, x)


def interval(places: Any, x: Any, falling: Any = False) -> Any:
    """The number of the interval that a point is in, or of the last one on its side."""
    if falling is not False:
        sign = np.where(falling, -1.0, 1.0)
        places, x = sign * places, sign * x
    return np.clip(np.searchsorted(places, x, side="right") - 1, 0, shape_of(places)[0] - 2)


def _order(nu: Any, who: str) -> int:
    if not hasattr(nu, "__index__"):
        raise TypeError(f"{who} got nu={nu!r}: the order of a derivative is an integer")
    nu = operator.index(nu)
    if nu < 0:
        raise ValueError(f"{who} got nu={nu}: the order of a derivative is not negative")
    return int(nu)


class PPoly:
    """Polynomials on the intervals between places.

    Args:
        c: coefficients ``f[k,n-1,...]`` of the powers k - 1, ..., 0 of the distance from the left end of each interval.
        x: places ``f[n]``, rising or falling, of which some may be equal.
        extrapolate: whether points outside have the polynomial of the first or last interval (True, and None), NaN (False), or
            the same values again ("periodic").
        axis: the first of the two axes of ``c`` that are named above, and where among those of the values the points' are.

    It is computed in double precision, as in SciPy.  All of c, x and the points may be traced; derivatives are those in each.

    Raises:
        ValueError: places that neither rise nor fall (where they are not known all is NaN), complex ones, or shapes that do
            not fit.
        AxisError: there is no such axis.

    Example:
        >>> parabola = PPoly(np.array([[1.0], [0.0], [2.0]]), np.array([0.0, 3.0]))
        >>> parabola(2.0), parabola(2.0, 1), parabola.integrate(0.0, 3.0)
        (np.float64(6.0), np.float64(4.0), np.float64(15.0))
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0):
        c, self.x, self.extrapolate = double(c), real_points(x, "PPoly", "places"), _outside(extrapolate, "PPoly")
        check_places(self.x, "PPoly")
        self._falls = falls(self.x)
        turned = turned_if(self._falls, value_of(self.x))
        wrong = undetermined((~rises(turned, strictly=False), "PPoly got places that neither rise nor fall"))
        self.x, c = nan_if(wrong, self.x, c)
        self.axis = canonical_axis(axis, len(shape_of(c)) - 1, "PPoly")
        self.c = np.moveaxis(np.moveaxis(c, self.axis + 1, 0), self.axis + 1, 0) if self.axis else c
        if shape_of(self.c)[1] != shape_of(self.x)[0] - 1:
            raise ValueError(f"PPoly got coefficients {typeof(c)} for {shape_of(self.x)[0]} places: give f[k,n-1,...]")

    def _with(self, c: Any, extrapolate: Any) -> PPoly:
        """Of coefficients with the intervals second, and the same places, unchecked."""
        made = object.__new__(PPoly)
        made.c, made.x, made.extrapolate, made.axis, made._falls = c, self.x, extrapolate, self.axis, self._falls
        return made

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of an order, at points of any shape.

        Raises:
            ValueError: the order is negative, or the points are complex.
        """
        who = type(self).__name__
        nu, x = _order(nu, who), real_points(x, who, "points")
        extrapolate = self.extrapolate if extrapolate is None else _outside(extrapolate, who)
        start, end = self.x[0], self.x[-1]
        if extrapolate == "periodic":
            x = start + (x - start) % (end - start)
        i, shape = interval(self.x, x, self._falls), shape_of(x)
        trailing = [1] * (len(shape_of(self.c)) - 2)
        d = np.reshape(x - index(self.x, i), (*shape, *trailing))
        out: Any = np.zeros((*shape, *shape_of(self.c)[2:]))
        for row, power in enumerate(reversed(range(shape_of(self.c)[0]))):
            if power >= nu:
                factor = float(np.prod(np.arange(power - nu + 1.0, power + 1.0)))
                out = out * d + factor * index(self.c[row], i)
        if not extrapolate:
            if self._falls is not False:
                start, end = np.minimum(start, end), np.maximum(start, end)
            out = np.where(np.reshape((x >= start) & (x <= end), (*shape, *trailing)), out, np.nan)
        return np.moveaxis(out, range(len(shape)), range(self.axis, self.axis + len(shape)))

    def derivative(self, nu: int = 1) -> PPoly:
        """The piecewise polynomial that is the derivative of an order."""
        nu = operator.index(nu)
        if nu < 0:
            return self.antiderivative(-nu)
        c = self.c
        for _ in range(nu):
            k = shape_of(c)[0]
            c = c[:-1] * _column(np.arange(k - 1.0, 0.0, -1.0), c) if k > 1 else 0 * c
        return self._with(c, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The piecewise polynomial whose derivative of an order this is, and which is zero, with its derivatives, at the start.

        That of a periodic one is not periodic: it is NaN outside.
        """
        nu = operator.index(nu)
        if nu < 0:
            return self.derivative(-nu)
        c, h = self.c, np.diff(self.x)
        for _ in range(nu):
            c = c / _column(np.arange(float(shape_of(c)[0]), 0.0, -1.0), c)
            gained: Any = 0.0
            for row in range(shape_of(c)[0]):
                gained = (gained + c[row]) * np.reshape(h, (-1, *[1] * (len(shape_of(c)) - 2)))
            before = np.cumsum(gained, axis=0)[:-1]
            constant = np.concatenate([np.zeros((1, *shape_of(c)[2:])), before])
            c = np.concatenate([c, constant[None]])
        return self._with(c, False if self.extrapolate == "periodic" else self.extrapolate)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from a to b, of which the second may be the smaller; NaN beyond the ends if it does not extrapolate."""
        who = f"{type(self).__name__}.integrate"
        extrapolate = self.extrapolate if extrapolate is None else _outside(extrapolate, who)
        whole = self.antiderivative()
        whole.axis = 0
        if shape_of(a) or shape_of(b):
            raise ValueError(f"{who} got bounds {typeof(a)} and {typeof(b)}: give two numbers")
        points = np.stack([real_points(p, who, "bounds") for p in (a, b)])
        if extrapolate != "periodic":
            values = whole(points, extrapolate=bool(extrapolate))
            return values[1] - values[0]
        start, end = self.x[0], self.x[-1]
        periods = np.floor((points - start) / (end - start))
        values = whole(np.concatenate([points - periods * (end - start), np.stack([start, end])]), extrapolate=True)
        return values[1] - values[0] + (periods[1] - periods[0]) * (values[3] - values[2])


def _column(factors: Any, c: Any) -> Any:
    return np.reshape(factors, (-1, *[1] * (len(shape_of(c)) - 1)))


def _outside(extrapolate: Any, who: str) -> Any:
    if isinstance(extrapolate, str) and extrapolate != "periodic":
        raise ValueError(f"{who} got extrapolate={extrapolate!r}: give True, False or 'periodic'")
    return extrapolate if isinstance(extrapolate, str) else extrapolate is None or bool(extrapolate)


class PiecewiseCubic(PPoly):
    """Cubic polynomials on intervals, from values and slopes at their ends, and what else ``slopes`` finds in ``more``."""

    def __init__(self, x: Any, y: Any, axis: int, extrapolate: Any, *more: Any):
        who = type(self).__name__
        x, y = real_points(x, who, "places"), double(y)
        check_places(x, who)
        text = f"{who} got {{}} with NaN or infinity among them: leave these points out"
        unordered = ~rises(x), f"{who} got places that do not rise strictly"
        (x,) = nan_if(undetermined(unordered, (~all_finite(x), text.format("places"))), x)
        wrong = undetermined((~all_finite(y, *more), text.format("values")))
        y, *self.more = nan_if(wrong, y, *map(double, more))  # not the result, of which derivatives in y may be constants
        self._falls = False
        self.axis = canonical_axis(axis, len(shape_of(y)), who)
        self.x, self.extrapolate = x, _outside(extrapolate, who)
        y = np.moveaxis(y, self.axis, 0)
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
