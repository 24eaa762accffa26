"""covector.scipy.interpolate: values are SciPy's, derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
from transformed import same

import covector as cv
from covector.scipy import interpolate
from covector.testing import check_function

RNG = np.random.default_rng(0)
X, Y = np.array([0.0, 0.7, 1.5, 2.0, 3.2, 4.0]), RNG.normal(size=(6, 2))
POINTS = np.array([[-0.4, 0.1, 0.7], [2.5, 3.9, 4.6]])
SPLINES = {
    **{bc: (lambda s, x, y, axis=0, bc=bc: s.CubicSpline(x, y, axis, bc)) for bc in interpolate.BOUNDARIES},
    "pchip": lambda s, x, y, axis=0: s.PchipInterpolator(x, y, axis),
}


@pytest.mark.parametrize("n", [2, 3, 4, 6])
@pytest.mark.parametrize("name", SPLINES)
def test_splines(name, n):
    make = SPLINES[name]
    for nu in range(5):
        expected = make(scipy.interpolate, X[:n], Y[:n])(POINTS, nu)
        np.testing.assert_allclose(make(interpolate, X[:n], Y[:n])(POINTS, nu), expected, rtol=1e-9, atol=1e-11)
    expected = make(scipy.interpolate, X[:n], Y[:n].T, 1)(POINTS)
    np.testing.assert_allclose(make(interpolate, X[:n], Y[:n].T, 1)(POINTS), expected, rtol=1e-9, atol=1e-11)
    check_function(lambda x, y, v: make(interpolate, x, y)(v), (X[:n], Y[:n, 0], POINTS[:, 1]), order=1, tolerance=1e-5)


@pytest.mark.parametrize("name", SPLINES)
def test_second_derivatives(name):
    check_function(lambda y, v: SPLINES[name](interpolate, X, y)(v), (Y[:, 0], np.array([0.3, 2.7])), tolerance=1e-5)


ENDS = {
    "names": ("clamped", "natural"),
    "values": ((1, np.array([0.3, 1.0])), (2, np.array([-0.7, 0.2]))),
    "one": ("not-a-knot", [2, np.array([0.3, -0.1])]),
}
OPERATIONS = {
    "derivative": lambda s: s.derivative()(POINTS),
    "no more": lambda s: s.derivative(5)(POINTS),
    "antiderivative": lambda s: s.antiderivative(2)(POINTS),
    "back": lambda s: s.antiderivative(-1)(POINTS),
    "integral": lambda s: s.integrate(2.9, -0.3),
    "of periods": lambda s: s.integrate(0.1, 9.3, extrapolate="periodic"),
    "beyond": lambda s: s.integrate(-0.1, 0.2, extrapolate=False),
    "periodic": lambda s: s(POINTS, 1, extrapolate="periodic"),
    "coefficients": lambda s: s.c,
}


@pytest.mark.parametrize("ends", [*ENDS, "natural"])
@pytest.mark.parametrize("y", [Y, Y + 1j])
def test_conditions_and_operations(ends, y):
    for n in (2, 3, 6):
        ours, theirs = (s.CubicSpline(X[:n], y[:n], 0, ENDS.get(ends, ends)) for s in (interpolate, scipy.interpolate))
        for name, f in OPERATIONS.items():
            np.testing.assert_allclose(f(ours), f(theirs), rtol=1e-8, atol=1e-9, err_msg=name)
            assert f(ours).dtype == f(theirs).dtype


@pytest.mark.parametrize("axis", [0, 1])
def test_piecewise_polynomials(axis):
    c = RNG.normal(size=(3, 3, 3))
    make = lambda s, c, x: s.PPoly(c, x, "periodic", axis)
    for f in (*list(OPERATIONS.values())[:-1], lambda s: s(POINTS)):
        np.testing.assert_allclose(f(make(interpolate, c, X[:4])), f(make(scipy.interpolate, c, X[:4])), rtol=1e-9, atol=1e-11)
    f = lambda c, x, v: make(interpolate, c, x)(v)
    check_function(f, (c, X[:4], np.array([0.3, 5.1])), tolerance=1e-5)
    f = lambda c, x, a, b: make(interpolate, c, x).integrate(a, b)
    check_function(f, (c, X[:4], -0.4, 5.1), tolerance=1e-5)


def test_derivatives_of_conditions():
    f = lambda s, t, v: interpolate.CubicSpline(X, Y[:, 0], bc_type=((1, s), (2, t)))(v)
    check_function(f, (0.3, 0.7, np.array([0.3, 2.7])), tolerance=1e-5)


def test_half_and_single_precision_are_computed_with_in_double():
    for dtype in (np.float16, np.float32):
        x, y = X.astype(dtype), Y.astype(dtype)
        expected = scipy.interpolate.CubicSpline(x, y)(x + dtype(0.1))
        found = interpolate.CubicSpline(x, y)(x + dtype(0.1))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
        assert found.dtype == expected.dtype


def test_outside():
    found = interpolate.CubicSpline(X, Y[:, 0])(POINTS, extrapolate=False)
    np.testing.assert_array_equal(np.isnan(found), (POINTS < 0) | (POINTS > 4))


GRID = (np.array([0.0, 1.0, 2.5]), np.array([0.0, 0.4, 1.0, 3.0]))
VALUES, PLACES = RNG.normal(size=(3, 4)), np.array([[0.3, 0.15], [1.7, 2.9], [2.4, 0.71]])


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("values", [VALUES, RNG.normal(size=(3, 4, 2))])
def test_grids(method, values):
    make = lambda s, **kw: s.RegularGridInterpolator(GRID, values, method, **kw)
    np.testing.assert_allclose(make(interpolate)(PLACES), make(scipy.interpolate)(PLACES), rtol=1e-12)
    outside = {"bounds_error": False, "fill_value": None}
    far = np.concatenate([PLACES, [[-1.0, 0.5], [2.7, 3.5], [np.nan, 0.15]]])
    np.testing.assert_allclose(make(interpolate, **outside)(far), make(scipy.interpolate, **outside)(far), rtol=1e-12)
    outside["fill_value"] = 7.0
    np.testing.assert_allclose(make(interpolate, **outside)(far), make(scipy.interpolate, **outside)(far), rtol=1e-12)
    for at in (np.array([0.3, 0.15]), (0.3, np.array([0.15, 1.0]))):
        np.testing.assert_allclose(make(interpolate)(at), make(scipy.interpolate)(at), rtol=1e-12)
    f = lambda v, x: interpolate.RegularGridInterpolator(GRID, v, method)(x)
    check_function(f, (values, PLACES), order=2)


def test_grids_in_one_dimension_and_derivatives_in_their_places():
    f = lambda g, v, x: interpolate.RegularGridInterpolator((g,), v)(x)
    np.testing.assert_allclose(f(X, Y[:, 0], np.array([0.3, 3.0])), np.interp([0.3, 3.0], X, Y[:, 0]))
    check_function(f, (X, Y[:, 0], np.array([0.3, 3.0])))


def test_a_compiled_point_outside_gets_the_value_for_it():
    assert np.isnan(cv.jit(lambda x: interpolate.RegularGridInterpolator((X,), Y[:, 0])(x))(np.array([9.0])))[0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: interpolate.CubicSpline(X, Y, bc_type="loose"), "bc_type='loose'"),
        (lambda: interpolate.CubicSpline(X, Y, bc_type=((3, 0.0), "natural")), r"bc_type=\(\(3, 0.0\), 'natural'\): give"),
        (lambda: interpolate.CubicSpline(X, Y, extrapolate="linear"), "extrapolate='linear': give True, False or 'periodic'"),
        (lambda: interpolate.CubicSpline(X, Y)(0.5, -1), "nu=-1: the order of a derivative is not negative"),
        (lambda: interpolate.CubicSpline(X, Y)(0.5j), r"points .*c128.*: give real numbers"),
        (lambda: interpolate.CubicSpline(X + 0j, Y), r"places c128\[6\]: give real numbers"),
        (lambda: interpolate.PchipInterpolator(X, Y + 0j), r"values c128\[6,2\]: give real numbers"),
        (lambda: interpolate.PchipInterpolator(X, np.full(6, np.nan)), "NaN or infinity among them"),
        (lambda: interpolate.CubicSpline(X, Y).integrate(X, 1.0), r"bounds f64\[6\] and .*: give two numbers"),
        (lambda: interpolate.PPoly(Y, X), r"coefficients f64\[6,2\] for 6 places"),
        (lambda: interpolate.CubicSpline(X[::-1], Y), "do not rise"),
        (lambda: interpolate.PchipInterpolator(X[:3], Y), "3 places and 6 values"),
        (lambda: interpolate.PchipInterpolator(X[:1], Y[:1]), "at least two"),
        (lambda: interpolate.RegularGridInterpolator(GRID, VALUES, "cubic"), "method='cubic'"),
        (lambda: interpolate.RegularGridInterpolator(GRID, VALUES.T), "got a grid of"),
        (lambda: interpolate.RegularGridInterpolator(GRID, VALUES)(np.ones(3)), "2 dimensions"),
        (lambda: interpolate.RegularGridInterpolator(GRID, VALUES)(np.array([9.0, 0])), "out of bounds in dimension 0"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("dtypes", ["eee", "fff", "fee", "Fff", "dee", "iff"])
@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_places_on_a_grid_are_double(method, dtypes):
    values, grid, at = (np.arange(n) / k for n, k in ((16.0, 3), (4.0, 1), (3.0, 3)))
    values, grid, at = (a.astype(d) for a, d in zip((values, grid, at), dtypes, strict=True))
    for s, v, x in ((1, values[:4], at[:, None]), (2, values.reshape(4, 4), np.stack([at, at[::-1]], -1))):
        f = lambda m, v, x, s=s: (
            m.RegularGridInterpolator((grid,) * s, v, method)(x),
            m.interpn((grid,) * s, v, tuple(x.T), method),
        )
        expected = f(scipy.interpolate, v, x)
        for found in (f(interpolate, v, x), cv.jit(lambda v, x, f=f: f(interpolate, v, x))(v, x)):
            same(found, expected, rtol=1e-12)
