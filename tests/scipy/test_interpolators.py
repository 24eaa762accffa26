"""interp1d, splines of FITPACK and their like in covector.scipy.interpolate: values are SciPy's, derivatives by differences."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.interpolate
from transformed import of_real_numbers, outcome, same

import covector as cv
from covector.scipy import interpolate
from covector.testing import check_function

RNG = np.random.default_rng(0)
X = np.array([0.0, 0.7, 1.1, 2.0, 3.1, 4.0, 4.4])
Y, MANY = RNG.normal(size=7), RNG.normal(size=(2, 7, 3))
AT = np.array([[0.35, 1.3], [2.2, 3.9]])
BEYOND = np.array([-1.0, 0.2, 3.3, 5.0])
KINDS = ("linear", "nearest", "nearest-up", "previous", "next", "zero", "slinear", "quadratic", "cubic", 4)
T, C, K = scipy.interpolate.splrep(X, Y)
CURVE = [C, 2 * C[::-1]]
GRID = np.array([0.0, 1.0, 2.5])


def _knots(gaps):
    inner = np.cumsum(np.abs(gaps))
    return np.concatenate([np.zeros(4), inner, [inner[-1]] * 3])


CASES = {
    **{
        f"interp1d, {kind}": (lambda s, x, y, v, kind=kind: s.interp1d(x, y, kind)(v), (X, Y, AT[0]))
        for kind in ("linear", "quadratic", "cubic", 4)
    },
    **{
        f"interp1d, {kind}": (lambda s, y, kind=kind: s.interp1d(X, y, kind)(AT), (Y,))
        for kind in ("nearest", "nearest-up", "previous", "next", "zero")
    },
    "interp1d": (lambda s, x, y, v: s.interp1d(x, y, axis=1, fill_value="extrapolate")(v), (X, MANY, BEYOND)),
    "interp1d, filled": (lambda s, y, low: s.interp1d(X, y, fill_value=(low, 2.0), bounds_error=False)(BEYOND), (Y, 0.5)),
    "interp1d, cubic, filled": (lambda s, y: s.interp1d(X, y, "cubic", 1, bounds_error=False)(BEYOND), (MANY,)),
    "splrep": (lambda s, x, y: s.splrep(x, y)[:2], (X, Y)),
    "splrep, even": (lambda s, x, y: s.splrep(x, y, k=2)[1], (X, Y)),
    "splrep, of knots": (lambda s, x, y, w: s.splrep(x, y, w, t=[1.0, 2.5])[1], (X, Y, np.abs(Y) + 1)),
    "splev": (lambda s, v, gaps, c: s.splev(v, (_knots(gaps), c, K)), (AT, np.diff(T[3:8]), C[:7])),
    "splev, derivative": (lambda s, v, c: s.splev(v, (T, c, K), 2), (AT, C)),
    **{f"splev, {ext}": (lambda s, v, c, ext=ext: s.splev(v, (T, c, K), 1, ext), (BEYOND, C)) for ext in (0, 1, 3)},
    "splev, of a curve": (lambda s, v, c: s.splev(v, (T, [c, C], K)), (AT, C)),
    "splint": (lambda s, a, b, c: s.splint(a, b, (T, c, K)), (0.3, 5.0, C)),
    "splder": (lambda s, c: s.splder((T, c, K))[1], (C,)),
    "splantider": (lambda s, c: s.splantider((T, c, K), 2)[1], (C,)),
    "UnivariateSpline": (lambda s, x, y: s.UnivariateSpline(x, y, s=0)(AT), (X, Y)),
    "InterpolatedUnivariateSpline": (lambda s, y, v: s.InterpolatedUnivariateSpline(X, y, k=2, ext=3)(v), (Y, BEYOND)),
    "UnivariateSpline, derivative": (lambda s, y, v: s.InterpolatedUnivariateSpline(X, y).derivative()(v), (Y, AT)),
    "UnivariateSpline, integral": (lambda s, y, v: s.InterpolatedUnivariateSpline(X, y).antiderivative()(v), (Y, AT)),
    "UnivariateSpline, from 0": (lambda s, y, b: s.InterpolatedUnivariateSpline(X, y).integral(0.0, b), (Y, 2.2)),
    "UnivariateSpline, all": (lambda s, y: s.InterpolatedUnivariateSpline(X, y).derivatives(1.7), (Y,)),
    "UnivariateSpline, smooth": (lambda s, v: s.UnivariateSpline(X, Y, s=1.0)(v), (AT,)),
    "CubicHermiteSpline": (lambda s, x, y, d, v: s.CubicHermiteSpline(x, y, d, 1)(v), (X, MANY, MANY[:, ::-1], AT)),
    "Akima1DInterpolator": (lambda s, x, y, v: s.Akima1DInterpolator(x, y)(v), (X, Y, AT)),
    "Akima1DInterpolator, modified": (lambda s, y: s.Akima1DInterpolator(X, y, 1, method="makima")(BEYOND), (MANY,)),
    "Akima1DInterpolator, of two": (lambda s, y: s.Akima1DInterpolator(X[:2], y, extrapolate=True)(BEYOND), (Y[:2],)),
    "pchip_interpolate": (lambda s, x, y, v: s.pchip_interpolate(x, y, v, [0, 1]), (X, Y, AT)),
    "interpn": (lambda s, y, v: s.interpn((GRID, GRID[::-1]), y, v), (RNG.normal(size=(3, 3)), AT / 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args = CASES[name]
    same(cv.jit(lambda *a: f(interpolate, *a))(*args), f(scipy.interpolate, *args), rtol=1e-9, atol=1e-12)
    inexact = tuple(np.asarray(a) for a in args)
    beyond = np.any(np.isnan(np.concatenate([np.ravel(v) for v in np.atleast_1d(f(interpolate, *args))], axis=None)))
    check_function(of_real_numbers(lambda *a: f(interpolate, *a), args), inexact, order=1, tolerance=1e-5, numerical=not beyond)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_interp1d(kind):
    order = RNG.permutation(7)
    for x, y in ((X, Y), (X[order], Y[order]), (np.arange(7), np.arange(7) ** 2), (X, Y + 1j * X)):
        for options in ({}, {"fill_value": "extrapolate"}, {"bounds_error": False, "fill_value": 3.0}):
            at = np.array([0.0, 0.7, 1.5, 2.55, 4.0]) if not options else np.array([-0.5, 0.0, 0.7, 1.5, 2.55, 4.0, 6.5])
            expected = scipy.interpolate.interp1d(x, y, kind, **options)(at)
            same(cv.jit(lambda y, at, x=x, o=options: interpolate.interp1d(x, y, kind, **o)(at))(y, at), expected, rtol=1e-10)
            same(interpolate.interp1d(x, y, kind, **options)(at), expected, rtol=1e-10)
    expected = scipy.interpolate.interp1d(X, MANY, kind, 1)
    assert interpolate.interp1d(X, MANY, kind, 1)(AT).shape == expected(AT).shape


def test_splines_that_go_around():
    y = np.append(Y[:-1], Y[0])
    for k in (1, 3, 5):
        expected = scipy.interpolate.splrep(X, y, k=k, per=1)
        found = cv.jit(lambda y, k=k: interpolate.splrep(X, y, k=k, per=1)[:2])(y)
        at = np.linspace(0.0, 4.4, 17)
        np.testing.assert_allclose(interpolate.splev(at, (*found, k)), scipy.interpolate.splev(at, expected), atol=1e-8)


def test_objects_in_place_of_triples():
    for spline in (scipy.interpolate.BSpline(T, C, K), interpolate.BSpline(T, C, K)):
        same(cv.jit(lambda x, s=spline: interpolate.splev(x, s, 1))(AT), scipy.interpolate.splev(AT, (T, C, K), 1))
        same(np.asarray(interpolate.splint(0.5, 2.0, spline)), np.asarray(scipy.interpolate.splint(0.5, 2.0, (T, C, K))))
        same(interpolate.splder(spline)(AT), scipy.interpolate.splev(AT, (T, C, K), 1))
    made = interpolate.UnivariateSpline(X, Y, s=0)
    theirs = scipy.interpolate.UnivariateSpline(X, Y, s=0)
    same((made.get_knots(), made.get_coeffs()), (theirs.get_knots(), theirs.get_coeffs()))


def test_signatures_are_those_of_scipy():
    for name in "interp1d splrep splev splint splder splantider pchip_interpolate interpn CubicHermiteSpline".split():
        mine, theirs = (list(inspect.signature(getattr(m, name)).parameters) for m in (interpolate, scipy.interpolate))
        assert mine == theirs, name


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda y: interpolate.interp1d(X, y, "far"), NotImplementedError, "unsupported"),
        (lambda y: interpolate.interp1d(X, y[:3]), ValueError, "equal in length"),
        (lambda y: interpolate.interp1d(X[None], y), ValueError, "one dimension"),
        (lambda y: interpolate.interp1d(X[:2], y[:2], "cubic"), ValueError, "at least 4"),
        (lambda y: interpolate.interp1d(X, y, bounds_error=True, fill_value="extrapolate"), ValueError, "at the same time"),
        (lambda y: interpolate.interp1d(X, y, fill_value=np.ones(3)), ValueError, "broadcast up to"),
        (lambda y: interpolate.interp1d(X, y)(BEYOND), ValueError, "below the interpolation range"),
        (lambda y: interpolate.interp1d(X, y)(BEYOND[1:]), ValueError, "above the interpolation range"),
        (lambda y: interpolate.splrep(X, y, s=1.0), cv.errors.ConcretizationError, "give s=0"),
        (lambda y: interpolate.splrep(X, y, np.ones(7)), cv.errors.ConcretizationError, "give s=0"),
        (lambda y: interpolate.splrep(X, y, xb=0.0), NotImplementedError, "leave them out"),
        (lambda y: interpolate.splrep(X, y, k=6), TypeError, "not supported"),
        (lambda y: interpolate.splrep(X[:3], y[:3]), TypeError, "m > k"),
        (lambda y: interpolate.splrep(X, y[:3]), TypeError, "must be equal"),
        (lambda y: interpolate.splev(y, (T, C, K), 4), ValueError, "must hold"),
        (lambda y: interpolate.splev(y, (T, C, K), 0, 5), ValueError, "not in"),
        (lambda y: interpolate.splev(BEYOND, (T, y, K), 0, 2), ValueError, "not in the domain"),
        (lambda y: interpolate.splder((T, y, K), 4), ValueError, "must be <="),
        (lambda y: interpolate.interp1d(X, y)(y + 1j), TypeError, "give real numbers"),
        (lambda y: interpolate.UnivariateSpline(X, y), cv.errors.ConcretizationError, "give s=0"),
        (lambda y: interpolate.UnivariateSpline(X, y, ext="far"), ValueError, "Unknown extrapolation"),
        (lambda y: interpolate.CubicHermiteSpline(X, y, y[:3]), ValueError, "must be identical"),
        (lambda y: interpolate.Akima1DInterpolator(X, y, method="far"), NotImplementedError, "unsupported"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        cv.jit(call)(Y)


def test_outcome_of_points_that_are_not_known():
    found = cv.jit(lambda v: interpolate.interp1d(X, Y)(v))(BEYOND)
    np.testing.assert_array_equal(np.isnan(found), [True, False, False, True])
    assert isinstance(outcome(interpolate.interp1d(X, Y), BEYOND), ValueError)


COMPLEX = {
    "splrep": (lambda s, y: s.splev(AT, s.splrep(X, y)), Y),
    "splrep, places": (lambda s, x: s.splev(AT, s.splrep(x, Y)), X),
    "splrep, weights": (lambda s, w: s.splev(AT, s.splrep(X, Y, w, t=[1.0, 2.5])), np.abs(Y) + 1),
    "splev": (lambda s, c: s.splev(AT, (T, c, K)), C),
    "splev, points": (lambda s, at: s.splev(at, (T, C, K)), AT),
    "splev, knots": (lambda s, t: s.splev(AT, (t, C, K)), T),
    "splint": (lambda s, c: s.splint(0.5, 2.0, (T, c, K)), C),
    "UnivariateSpline": (lambda s, y: s.UnivariateSpline(X, y, s=0)(AT), Y),
    "InterpolatedUnivariateSpline": (lambda s, y: s.InterpolatedUnivariateSpline(X, y).integral(0.5, 2.0), Y),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_imaginary_parts_are_dropped_with_a_warning(name):
    """That of SciPy until 1.17; later ones raise for some."""
    f, real = COMPLEX[name]
    expected = f(scipy.interpolate, real)
    with pytest.warns(np.exceptions.ComplexWarning, match="discards the imaginary part"):
        found = cv.jit(lambda v: f(interpolate, v))(real + 0.3j)
    same(found, expected, rtol=1e-10)
