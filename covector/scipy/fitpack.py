"""Splines as triples of knots, coefficients and degree, under the names of `scipy.interpolate` that FITPACK stands behind.

>>> from covector import grad
>>> x = np.linspace(0.0, 1.0, 6)
>>> float(grad(lambda y: splint(0.0, 1.0, splrep(x, y)))(x).sum().round(12))
1.0

Splines through all points are computed here for traced points; which knots a smoothing spline has depends on values.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.interpolate as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.errors import ConcretizationError
from covector.numpy.registry import as_array, contains_tracer, real_part
from covector.numpy.undetermined import nan_where
from covector.primitives.arrays.shaping import as_python_number
from covector.primitives.arrays.subscripts import concrete
from covector.scipy.checks import nan_unless_refused
from covector.scipy.spline_fits import make_interp_spline, make_lsq_spline
from covector.scipy.splines import BSpline, all_finite, nan_if, rises, undetermined
from covector.scipy.traced import on_tracers

Tck = tuple[Any, Any, int]


def _real(x: Any) -> Any:
    """In double precision; FITPACK has no complex numbers, and SciPy drops imaginary parts with a warning."""
    x = as_array(x)
    if typeof(x).dtype.kind == "c":
        x = real_part(x)
    return np.astype(x, np.float64)


def _all_or_none(y: Any, *more: Any) -> Any:
    """Values, all of them NaN if one or what else counts is not finite, as FITPACK's answers are."""
    finite = all_finite(y, *more)
    return y if concrete(finite) is not None and finite else nan_where(~finite, y)


def _interpolated(x: Any, y: Any, k: int, w: Any = None, periodic: bool = False, check_finite: bool = False) -> Tck:
    """The knots and coefficients of the spline through points, as many of the second as of the first."""
    x, y = _real(x), _real(y)
    if periodic:
        y = np.concatenate([y[:-1], y[:1]])  # the last value does not count
    if not check_finite:
        y = _all_or_none(y, x, *[] if w is None else [np.where(as_array(w) == 0, np.nan, w)])
    spline = make_interp_spline(x, y, k, bc_type="periodic" if periodic else None, check_finite=check_finite)
    (t,) = nan_if(undetermined((~rises(x), "places x that do not rise strictly")), spline.t)  # outside of which there are zeros
    return t, spline._coefficients(), k


@on_tracers(_scipy.splrep)
def splrep(
    x: Any,
    y: Any,
    w: Any = None,
    xb: Any = None,
    xe: Any = None,
    k: int = 3,
    task: int = 0,
    s: float | None = None,
    t: Any = None,
    full_output: int = 0,
    per: int = 0,
    quiet: int = 1,
) -> Tck:
    """The spline through points, or the one of given knots that is nearest to them.

    Args:
        x: places ``f[m]``, rising.
        y: values ``f[m]``.
        w: weights ``f[m]``, for given knots; else none may be 0 (all is NaN).
        xb, xe: the ends of the spline, which for traced points are those of x.
        k: its degree, from 1 to 5.
        task: -1 for given knots; 1 is not for traced points.
        s: how smooth it is: for traced points 0, the spline goes through all.
        t: the knots inside.
        full_output: must be 0 for traced points.
        per: whether it is periodic; not for given knots.
        quiet: changes nothing.

    Returns:
        A triple of knots, coefficients (as many, zeros at the end) and degree, which `splev` and its like take.

    Example:
        >>> splrep(np.arange(4.0), np.arange(4.0))[1].round(12)
        array([0., 1., 2., 3., 0., 0., 0., 0.])
    """
    x, y, w = np.atleast_1d(_real(x)), np.atleast_1d(_real(y)), None if w is None else _real(w)
    m = shape_of(x)[0]
    if shape_of(x) != shape_of(y) or (w is not None and shape_of(w) != shape_of(x)):
        raise TypeError("Lengths of the first three arguments (x,y,w) must be equal")
    if not 1 <= k <= 5:
        raise TypeError(f"Given degree of the spline (k={k}) is not supported. (1<=k<=5)")
    if m <= k:
        raise TypeError("m > k must hold")
    if xb is not None or xe is not None or full_output or task == 1:
        raise NotImplementedError("splrep of traced points got xb, xe, full_output or task=1: leave them out")
    if t is not None or task == -1:
        if t is None or per:
            text = "splrep of traced points got t and per: leave one out"
            raise TypeError("Knots must be given for task=-1" if t is None else text)
        inner = np.concatenate([x[:1], as_array(t), x[-1:]])
        wrong = undetermined((~rises(inner), "splrep got knots t that do not rise strictly, within the places x"))
        knots = np.concatenate([*[x[:1]] * k, inner, *[x[-1:]] * k])
        y = _all_or_none(y, x, *[] if w is None else [w])
        (x,) = nan_if(wrong, x)
        spline = make_lsq_spline(x, y, knots, k, w, check_finite=False)
        return spline.t, spline._coefficients(), k
    _only_through_all(s, w, "splrep", "t, the knots inside, or make_lsq_spline")
    return _interpolated(x, y, k, w, bool(per))


def _only_through_all(s: Any, w: Any, who: str, instead: str) -> None:
    if (s is None and w is not None) or (s is not None and s != 0):
        what = f"{who} of traced points got s={s!r}, and which knots a smoothing spline has depends on values."
        raise ConcretizationError(what, fix=f"give s=0 for the spline through all points; or {instead}")


def _is_curve(c: Any) -> bool:
    """Whether there are coefficients of several coordinates."""
    return (isinstance(c, (list, tuple)) and len(c) > 0 and bool(shape_of(c[0]))) or len(shape_of(c)) > 1


def _as_spline(tck: Any, who: str) -> Any:
    """A `BSpline` in place of one, of ours or SciPy's; None for a triple."""
    if not isinstance(tck, (BSpline, _scipy.BSpline)):
        return None
    if len(shape_of(tck.c)) > 1:
        raise ValueError(f"Calling {who}() with BSpline objects with c.ndim > 1 is not allowed. Use its methods instead.")
    return tck if isinstance(tck, BSpline) else BSpline(tck.t, tck.c, tck.k)


# --- values, derivatives and integrals --------------------------------------------------------------------------------


@on_tracers(_scipy.splev, BSpline)
def splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """The values of a spline, or of a derivative of it.

    Args:
        x: points of any shape.
        tck: knots, coefficients (or a list of them, for each coordinate of a curve) and degree; or a `BSpline`.
        der: which derivative, at most the degree.
        ext: what is outside: 0 the polynomials of the first and last interval, 1 zeros, 2 an error, 3 the values at the ends
            (but derivatives are as for 0).

    Raises:
        ValueError: an order or ``ext`` that there is not, or a point outside with ``ext=2``, where it is known.

    Example:
        >>> splev(1.5, splrep(np.arange(4.0), np.arange(4.0) ** 2)).round(12)
        np.float64(2.25)
    """
    if (spline := _as_spline(tck, "splev")) is not None:
        if ext != 0:
            raise ValueError(f"Extrapolation mode {ext} is not supported by BSpline.")
        return spline(x, der, extrapolate=True)
    t, c, k = tck
    if _is_curve(c):
        return [splev(x, (t, row, k), der, ext) for row in c]
    if not 0 <= der <= k:
        raise ValueError(f"0<=der={der}<=k={k} must hold")
    if ext not in (0, 1, 2, 3):
        raise ValueError(f"ext = {ext} not in (0, 1, 2, 3) ")
    x, spline = _real(x), BSpline(_real(t), _real(c), k)
    start, end = spline._ends
    outside = (x < start) | (x > end)
    if ext == 2:
        x = nan_unless_refused(outside, x, "Found x value not in the domain")
    out = spline(np.clip(x, start, end) if ext == 3 and der == 0 else x, der, extrapolate=True)
    return np.where(outside, 0.0, out) if ext == 1 else out


@on_tracers(_scipy.splint, BSpline)
def splint(a: Any, b: Any, tck: Any, full_output: int = 0) -> Any:
    """The integral of a spline from a to b; outside of its base it is zero.

    Args:
        a, b: numbers.
        tck: as for `splev`.
        full_output: must be 0 for traced values.

    Example:
        >>> round(splint(0.0, 3.0, splrep(np.arange(4.0), np.arange(4.0) ** 2)), 12)
        9.0
    """
    if full_output:
        raise NotImplementedError("splint of traced values got full_output: leave it out")
    if (spline := _as_spline(tck, "splint")) is not None:
        return spline.integrate(a, b, extrapolate=False)
    t, c, k = tck
    if _is_curve(c):
        return [splint(a, b, (t, row, k)) for row in c]
    return as_python_number(BSpline(_real(t), _real(c), k).integrate(a, b, extrapolate=False))


def _changed(tck: Any, n: int) -> Any:
    """The derivative of an order, in the form in which the spline is given; of a negative one the integral."""
    if isinstance(tck, (BSpline, _scipy.BSpline)):
        return tck.derivative(n)
    t, c, k = tck
    if n > k:
        raise ValueError(f"Order of derivative (n = {n!r}) must be <= order of spline (k = {k!r})")
    spline = BSpline(t, c, k).derivative(n)
    return spline.t, spline._coefficients(), spline.k


@on_tracers(_scipy.splder, BSpline)
def splder(tck: Any, n: int = 1) -> Any:
    """The derivative of a spline, in the same form.

    Args:
        tck: as for `splev`.
        n: which derivative.

    Example:
        >>> splev(1.5, splder(splrep(np.arange(4.0), np.arange(4.0) ** 2))).round(12)
        np.float64(3.0)
    """
    return _changed(tck, operator.index(n))


@on_tracers(_scipy.splantider, BSpline)
def splantider(tck: Any, n: int = 1) -> Any:
    """A spline whose derivative of an order is the given one, in the same form.

    Args:
        tck: as for `splev`.
        n: which derivative.

    Example:
        >>> splev(3.0, splantider(splrep(np.arange(4.0), np.arange(4.0) ** 2))).round(12)
        np.float64(9.0)
    """
    return _changed(tck, -operator.index(n))


# --- objects ----------------------------------------------------------------------------------------------------------


class UnivariateSpline:
    """A smoothing spline; for traced points the one through all of them.

    Args:
        x: places ``f[m]``, rising.
        y: values ``f[m]``.
        w: weights ``f[m]``, for known points.
        bbox: must be the ends of x for traced points.
        k: the degree, from 1 to 5.
        s: how smooth it is, for known points; 0 for the spline through all.
        ext: what is outside, as for `splev`: 0 to 3, or "extrapolate", "zeros", "raise", "const".
        check_finite: whether NaN and infinity raise.

    Example:
        >>> spline = UnivariateSpline(np.arange(4.0), np.arange(4.0) ** 2, s=0)
        >>> spline(1.5).round(12), round(spline.integral(0.0, 3.0), 12)
        (np.float64(2.25), 9.0)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        w: Any = None,
        bbox: Any = (None, None),
        k: int = 3,
        s: float | None = None,
        ext: Any = 0,
        check_finite: bool = False,
    ):
        self.ext = _EXTENSIONS.get(ext, ext)
        if self.ext not in (0, 1, 2, 3):
            raise ValueError(f"Unknown extrapolation mode {ext}.")
        if contains_tracer((x, y, w)):
            if s is None or s != 0 or w is not None or any(b is not None for b in bbox):
                _only_through_all(1 if s is None else s, w, type(self).__name__, "s=0 and no w or bbox")
                raise NotImplementedError(f"{type(self).__name__} of traced points got w or bbox: leave them out")
            self._tck = _interpolated(as_array(x), as_array(y), k, check_finite=check_finite)
        else:
            spline = _scipy.UnivariateSpline(x, y, w, list(bbox), k, s, check_finite=check_finite)
            t, c, k = spline._eval_args
            self._tck = (t, c, k)

    def _with(self, tck: Tck) -> UnivariateSpline:
        made = object.__new__(UnivariateSpline)
        made._tck, made.ext = tck, 0 if self.ext == 3 else self.ext
        return made

    def __call__(self, x: Any, nu: int = 0, ext: Any = None) -> Any:
        """The values, or those of a derivative, at points of any shape."""
        ext = self.ext if ext is None else _EXTENSIONS.get(ext, ext)
        return splev(x, self._tck, nu, ext) if typeof(as_array(x)).size else np.zeros(shape_of(x))

    def get_knots(self) -> Any:
        """The knots inside, and the ends."""
        t, _, k = self._tck
        return t[k : shape_of(t)[0] - k]

    def get_coeffs(self) -> Any:
        t, c, k = self._tck
        return c[: shape_of(t)[0] - k - 1]

    def integral(self, a: Any, b: Any) -> Any:
        """The integral from a to b; outside of its base the spline is zero."""
        return splint(a, b, self._tck)

    def derivatives(self, x: Any) -> Any:
        """The values of all derivatives at a point."""
        return np.stack([as_array(splev(x, self._tck, nu)) for nu in range(self._tck[2] + 1)])

    def derivative(self, n: int = 1) -> UnivariateSpline:
        """The spline that is the derivative of an order."""
        return self._with(splder(self._tck, n))

    def antiderivative(self, n: int = 1) -> UnivariateSpline:
        """A spline whose derivative of an order this is."""
        return self._with(splantider(self._tck, n))


_EXTENSIONS = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


class InterpolatedUnivariateSpline(UnivariateSpline):
    """The spline through all points.

    Args:
        x, y, w, bbox, k, ext, check_finite: as for `UnivariateSpline`.

    Example:
        >>> InterpolatedUnivariateSpline(np.arange(4.0), np.arange(4.0) ** 2)(1.5).round(12)
        np.float64(2.25)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        w: Any = None,
        bbox: Any = (None, None),
        k: int = 3,
        ext: Any = 0,
        check_finite: bool = False,
    ):
        super().__init__(x, y, w, bbox, k, 0, ext, check_finite)
