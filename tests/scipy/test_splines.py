"""BSpline and the splines through points: values are SciPy's, derivatives those of differences, in data, points and knots."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
from transformed import check, close

import covector as cv
from covector.scipy.interpolate import BSpline, make_interp_spline, make_lsq_spline, splrep
from covector.testing import check_grads

RNG = np.random.default_rng(0)
POINTS = np.array([[-0.7, 0.3, 1.0], [2.2, 3.0, 3.9]])
RAGGED = np.array([0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0])
C = RNG.normal(size=11)
MODES = [True, False, "periodic"]


def knots(k, n=7):
    return np.concatenate([np.zeros(k), np.linspace(0.0, 3.0, n - k + 1) ** 1.2, np.full(k, 3.0**1.2)])


def scipys(t, c, k, extrapolate=True, axis=0):
    return scipy.interpolate.BSpline(t, c, k, extrapolate, axis)


@pytest.mark.parametrize("extrapolate", MODES)
@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_values_and_derivatives_of_any_order_are_scipys(k, extrapolate):
    t, c = knots(k), C[:7]
    for nu in range(k + 2):
        expected = scipys(t, c, k, extrapolate)(POINTS, nu)
        close(BSpline(t, c, k, extrapolate)(POINTS, nu), expected)
        for f in (
            lambda t, c, x, nu=nu: BSpline(t, c, k, extrapolate)(x, nu),
            lambda t, c, x, nu=nu: BSpline(t, c, k)(x, nu, extrapolate),
        ):
            close(cv.jit(f)(t, c, POINTS), expected)
        close(cv.vmap(lambda x, nu=nu: BSpline(t, c, k, extrapolate)(x, nu))(POINTS), expected)


@pytest.mark.parametrize("t", [RAGGED, np.arange(12.0) / 3 - 1, np.array([0, 0, 0, 0, 1, 1, 1, 1, 1.0])])
def test_repeated_knots_and_ends_are_scipys(t):
    c, x = C[: len(t) - 4], np.concatenate([t, t + 0.1, [np.nan, -np.inf]])
    with np.errstate(invalid="ignore"):
        for nu in range(4):
            close(cv.jit(lambda t, c, x, nu=nu: BSpline(t, c, 3)(x, nu))(t, c, x), scipys(t, c, 3)(x, nu))
        close(cv.jit(lambda x: BSpline(t, c, 3, False)(x))(x), scipys(t, c, 3, False)(x))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes_and_complex_and_surplus_coefficients(axis):
    c = np.moveaxis(RNG.normal(size=(9, 2, 3)) + 1j * RNG.normal(size=(9, 2, 3)), 0, axis)
    for f in (
        lambda B, x: B(x),
        lambda B, x: B.derivative(2)(x),
        lambda B, x: B.antiderivative(2)(x),
        lambda B, x: B.integrate(x[0, 1], x[1, 0]),
        lambda B, x: B.integrate(x[1, 2], x[0, 0], extrapolate="periodic"),
        lambda B, x: B.insert_knot(x[0, 1])(x),
    ):
        of_part = [f(scipys(knots(3), part, 3, axis=axis), POINTS) for part in (c.real, c.imag)]
        expected = of_part[0] + 1j * of_part[1]  # SciPy integrates no complex splines
        close(f(BSpline(knots(3), c, 3, axis=axis), POINTS), expected)
        found = cv.jit(lambda c, x, f=f: f(BSpline(knots(3), c, 3, axis=axis), x))(c, POINTS)
        close(found, expected)
        assert found.shape == expected.shape


@pytest.mark.parametrize("k", [1, 2, 3])
def test_derivatives_in_points_coefficients_and_knots(k):
    x, inner = np.array([0.31, 1.7, 2.9]), slice(k + 1, -k - 1)
    t, c = knots(k), C[:7]
    check(lambda c, x: BSpline(t, c, k)(x), c, x)
    check(lambda x: BSpline(t, c, k, "periodic")(x, nu=1), x + 3)
    check_grads(lambda t, c, x: BSpline(t, c, k)(x), (t + np.arange(len(t)) * 0.01, c, x), 2)
    check_grads(lambda free: BSpline(np.concatenate([t[: k + 1], free, t[-k - 1 :]]), c, k)(x), (t[inner],), 2)


def test_the_derivative_in_the_point_is_the_derivative():
    B = BSpline(RAGGED, C[:8], 3)
    x = np.array([-0.5, 0.2, 0.7, 2.0, 3.0, 4.0])
    first = cv.vmap(cv.grad(B))
    close(first(x), B(x, 1))
    close(cv.vmap(cv.grad(cv.grad(B)))(x), B(x, 2))
    close(BSpline(RAGGED, C[:8], 3).derivative()(x), first(x))


@pytest.mark.parametrize("extrapolate", MODES)
def test_integrals(extrapolate):
    t, c = knots(3), C[:7]
    ours, theirs = BSpline(t, c, 3, extrapolate), scipys(t, c, 3, extrapolate)
    end = t[-1]
    for a, b in [(0.2, 1.9), (2.5, 0.1), (-0.4, end + 0.3), (0.3, 0.3 + 2 * end), (1.0, 0.4 - 3 * end)]:
        if extrapolate == "periodic" or b > -1:
            close(ours.integrate(a, b), theirs.integrate(a, b))
        check_grads(lambda c, a, b: BSpline(t, c, 3).integrate(a, b, extrapolate), (c, a, b), 2)
    whole, parts = ours.antiderivative(), ours.antiderivative().derivative()
    close([whole.t, whole.c, whole.k], list(theirs.antiderivative().tck))
    close([parts.t, parts.c, parts.k], list(theirs.antiderivative().derivative().tck))
    assert whole.extrapolate == theirs.antiderivative().extrapolate
    assert ours.derivative().extrapolate == theirs.derivative().extrapolate
    check_grads(lambda t: BSpline(t, c, 3).integrate(0.2, 1.9), (t + 0.01 * np.arange(len(t)),), 2)


def test_outside_of_the_base_there_is_nothing_to_integrate():
    assert BSpline(knots(3), C[:7], 3).integrate(5.0, 6.0, extrapolate=False) == 0.0


def test_derivatives_are_scipys():
    for nu in (1, 2, 3):
        close(list(BSpline(knots(3), C[:7], 3).derivative(nu).tck), list(scipys(knots(3), C[:7], 3).derivative(nu).tck))
    close(BSpline(knots(3), C[:7], 3).derivative(-1).c, scipys(knots(3), C[:7], 3).antiderivative().c)
    t, x = np.array([0, 0, 0, 0.5, 1, 1, 1, 2, 3, 3, 3]), np.array([0.1, 0.7, 1.5])
    found, right = cv.jit(lambda t: BSpline(t, C[:8], 2).derivative(2)(x))(t), BSpline(t, C[:8], 2)(x, 2)
    assert np.all(np.isnan(found) | np.isclose(found, right))


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_more_knots_and_single_basis_functions(k):
    t, c = knots(k), C[:7]
    for x, m in [(0.77, 1), (0.0, 1), (t[-1], 1), (1.234, max(k, 1))]:
        ours, theirs = BSpline(t, c, k).insert_knot(x, m), scipys(t, c, k).insert_knot(x, m)
        close([ours.t, ours.c[: 7 + m]], [theirs.t, theirs.c[: 7 + m]])
    if k:
        check(lambda c, x: BSpline(t, c, k).insert_knot(x).c, c, 0.77)
    element = np.linspace(0.1, 2.0, k + 2) ** 2
    close(BSpline.basis_element(element)(POINTS), scipy.interpolate.BSpline.basis_element(element)(POINTS))
    close(BSpline.basis_element(element, False).tck, scipy.interpolate.BSpline.basis_element(element, False).tck)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_the_design_matrix(k):
    t, x = knots(k), np.array([0.0, 0.3, 1.0, 2.9, 3.0**1.2])
    close(BSpline.design_matrix(x, t, k).toarray(), scipy.interpolate.BSpline.design_matrix(x, t, k).toarray())
    for mode in (True, "periodic"):
        expected = scipy.interpolate.BSpline.design_matrix(x + 1, t, k, mode).toarray()
        close(BSpline.design_matrix(x + 1, t, k, mode).toarray(), expected)
    check_grads(lambda x: BSpline.design_matrix(x, t, k) @ C[:7], (x[1:-1] + 0.05,), 2)


def test_splines_are_pytrees():
    B = BSpline(RAGGED, np.stack([C[:8], C[1:9]]), 3, axis=1)
    close(cv.jit(lambda B, x: B(x))(B, POINTS), B(POINTS))
    close(cv.grad(lambda B: np.sum(B(1.5)))(B).c, cv.grad(lambda c: np.sum(BSpline(RAGGED, c, 3)(1.5)))(B.c))
    assert cv.jit(lambda B: B.derivative())(B).axis == 1


# --- through points ---------------------------------------------------------------------------------------------------

X = np.array([0.0, 0.4, 1.0, 1.7, 2.1, 3.0, 3.2, 4.1])
Y = RNG.normal(size=8)
ROUND = np.append(Y[:7], Y[0])
VALUED = ([(1, 0.3), (2, -0.4)], [(2, 0.7), (1, 0.2)])
CASES = [
    (1, {}), (2, {}), (3, {}), (4, {}), (5, {}), (0, {}),
    (3, {"bc_type": "natural"}), (3, {"bc_type": "clamped"}), (3, {"bc_type": ("natural", [(1, 0.3)])}),
    (5, {"bc_type": VALUED}), (3, {"t": np.array([0, 0, 0, 0, 0.9, 1.5, 2.2, 3.1, 4.1, 4.1, 4.1, 4.1])}),
    (2, {"bc_type": (None, "clamped")}), (1, {"t": np.concatenate([[-0.1], X, [4.2]])}),
    *[(k, {"bc_type": "periodic"}) for k in (1, 2, 3, 4, 5, 7, 9)],
]  # fmt: skip


@pytest.mark.parametrize(("k", "options"), CASES)
def test_splines_through_points(k, options):
    y = ROUND if options.get("bc_type") == "periodic" else Y
    expected = scipy.interpolate.make_interp_spline(X, y, k, **options)
    ours = make_interp_spline(X, y, k, **options)
    close([ours.t, ours.c], [expected.t, expected.c], rtol=1e-8, atol=1e-9)
    assert (ours.k, ours.extrapolate, ours.axis) == (expected.k, expected.extrapolate, expected.axis)
    close(cv.jit(lambda x, y: make_interp_spline(x, y, k, **options)(POINTS))(X, y), expected(POINTS), rtol=1e-7, atol=1e-8)
    at, periodic = np.array([0.37, 2.6]), options.get("bc_type") == "periodic"
    close_up = (lambda y: np.append(y, y[0])) if periodic else (lambda y: y)
    check_grads(lambda y: make_interp_spline(X, close_up(y), k, **options)(at), (y[: len(y) - periodic],), 1)
    if "t" not in options and k:
        check_grads(lambda x: make_interp_spline(x, y, k, **options)(at), (X,), 1, atol=1e-4, rtol=1e-4)


def test_many_splines_at_once_and_large_periodic_ones():
    y = RNG.normal(size=(2, 8, 3)) + 1j * RNG.normal(size=(2, 8, 3))
    for options in ({}, {"bc_type": (None, [(2, np.ones((2, 3)))]), "k": 4, "t": None}):
        if options:
            options = {"k": 3, "bc_type": ([(1, np.ones((2, 3)))], [(2, 1j * np.ones((2, 3)))])}
        expected = scipy.interpolate.make_interp_spline(X, y, axis=1, **options)
        ours = make_interp_spline(X, y, axis=1, **options)
        close([ours.c, ours(POINTS), ours.axis], [expected.c, expected(POINTS), expected.axis])
    x = np.linspace(0, 1, 41) ** 1.5
    for k in (2, 3, 5):
        y = np.cos(2 * np.pi * x)
        close(
            make_interp_spline(x, y, k, bc_type="periodic").c,
            scipy.interpolate.make_interp_spline(x, y, k, bc_type="periodic").c,
        )
    batch = cv.vmap(lambda y: make_interp_spline(X, y)(POINTS))(np.stack([Y, 2 * Y]))
    close(batch[1], 2 * batch[0])
    check_grads(lambda v: make_interp_spline(X, Y, bc_type=([(1, v)], [(2, v**2)]))(1.3), (0.4,), 2)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_nearest_splines(k):
    x, t = np.linspace(0, 3.0**1.2, 30), knots(k)
    y, w = np.cos(x)[:, None] * [1.0, 2.0], 1 + x % 0.7
    expected = scipy.interpolate.make_lsq_spline(x, y, t, k, w)
    close(make_lsq_spline(x, y, t, k, w).c, expected.c, rtol=1e-8)
    close(
        make_lsq_spline(x, y.T * 1j, t, k, axis=1)(POINTS),
        scipy.interpolate.make_lsq_spline(x, y.T * 1j, t, k, axis=1)(POINTS),
        rtol=1e-8,
    )
    close(cv.jit(lambda *a: make_lsq_spline(*a[:3], k, a[3]).c)(x, y, t, w), expected.c, rtol=1e-8)
    check_grads(lambda y, w: make_lsq_spline(x, y, t, k, w)(1.0), (y[:, 0], w), 2)
    if k == 3:
        check_grads(lambda free: make_lsq_spline(x, y, np.concatenate([t[:4], free, t[-4:]]), 3)(1.0), (t[4:-4],), 1)


# --- errors -----------------------------------------------------------------------------------------------------------

T4 = knots(3)
ERRORS = [
    (lambda: BSpline(T4, C[:7], -1), "BSpline got the degree k=-1"),
    (lambda: BSpline(T4[None], C[:7], 3), r"BSpline got knots f64\[1,11\]"),
    (lambda: BSpline(T4[:7], C[:7], 3), "BSpline got 7 knots: need at least 8"),
    (lambda: BSpline(T4[::-1], C[:7], 3), "knots that fall"),
    (lambda: BSpline(np.append(T4, np.nan), C[:8], 3), "knots with NaN"),
    (lambda: BSpline(np.ones(8), C[:7], 3), "at least two internal knots"),
    (lambda: BSpline(T4, C[:6], 3), "11 knots and 6 coefficients for the degree 3.(.*\n)*.*7 coefficients"),
    (lambda: BSpline(T4, C[:7], 3, axis=1), "axis 1 is out of bounds"),
    (lambda: BSpline(T4, C[:7], 3)(1.0, -1), "BSpline got nu=-1"),
    (lambda: BSpline(T4, C[:7], 3)(1j), "Cannot cast array data from dtype.'complex128'"),
    (lambda: make_interp_spline(1j * X, Y), "Cannot cast array data from dtype.'complex128'"),
    (lambda: BSpline(T4, C[:7], 3).derivative(4), "derivative got nu=4 for a spline of degree 3"),
    (lambda: BSpline(RAGGED, C[:8], 3).derivative(3), "internal repeated knots, and no derivative of order nu=3"),
    (lambda: BSpline(T4, C[:7], 3).insert_knot(9.0), "insert_knot got x=9.0 and m=1"),
    (lambda: BSpline(T4, C[:7], 3).insert_knot(1.0, 0), "insert_knot got x=1.0 and m=0"),
    (lambda: BSpline(T4, C[:7], 3, "periodic").insert_knot(1.0), "insert_knot of a periodic spline"),
    (lambda: BSpline.design_matrix(X, T4, 3), "outside of the base, from 0.0 to 3.7"),
    (lambda: BSpline.design_matrix(POINTS, T4, 3), r"design_matrix got points f64\[2,3\]"),
    (lambda: cv.jit(lambda x: BSpline.design_matrix(x, T4, 3) @ C[:7])(X), "a vector of known points"),
    (lambda: make_interp_spline(X[::-1], Y), "places x that do not rise strictly"),
    (lambda: make_interp_spline(X, Y[:7]), r"places f64\[8\] and values f64\[7\]"),
    (lambda: make_interp_spline(X, np.append(Y[:7], np.nan)), "NaN or infinity in y"),
    (lambda: make_interp_spline(X, Y, bc_type="smooth"), "got bc_type='smooth'"),
    (lambda: make_interp_spline(X, Y, bc_type=3), "got bc_type=3"),
    (lambda: make_interp_spline(X, Y, bc_type=([(4, 0.0)], None)), "as the derivative of order 4"),
    (lambda: make_interp_spline(X, Y, bc_type=([(1, Y)], None)), "values have the shape"),
    (lambda: make_interp_spline(X, Y, 1, bc_type="clamped"), "give neither"),
    (lambda: make_interp_spline(X, Y, 2, bc_type="natural"), "2 derivatives at the ends(.*\n)*.*these need 1"),
    (lambda: make_interp_spline(X[:3], Y[:3]), "0 derivatives at the ends, 3 points"),
    (lambda: make_interp_spline(X, Y, bc_type="periodic"), "first and last differ"),
    (lambda: make_interp_spline(X, ROUND, t=T4, bc_type="periodic"), "knots of a periodic spline are its own"),
    (lambda: make_interp_spline(X[:1], Y[:1], bc_type="periodic"), "one point"),
    (lambda: make_interp_spline(X, Y, t=T4), r"knots f64\[11\]: give a vector of at least 12"),
    (lambda: make_interp_spline(X, Y, t=np.append(T4, 9.0)), "the knots begin at 0.0"),
    (lambda: make_interp_spline(X, Y, t=np.array([0, 0, 0, 0, 3.9, 3.92, 3.95, 3.97, 4.1, 4.1, 4.1, 4.1])), "singular"),
    (lambda: make_lsq_spline(X, Y, T4), "places from 0.0 to 4.1|places x from 0.0 to 4.1"),
    (lambda: make_lsq_spline(X, Y, T4 * 1.2, w=np.ones(3)), r"8 points and weights f64\[3\]"),
    (lambda: make_lsq_spline(X, Y, T4 * 1.2, method="qr"), "give 'norm-eq'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), ERRORS)
def test_errors(call, text):
    with pytest.raises((ValueError, TypeError, NotImplementedError, np.linalg.LinAlgError), match=text):
        call()


def test_a_singular_matrix_is_seen_in_programs_too():
    bad = np.array([0, 0, 0, 0, 3.9, 3.92, 3.95, 3.97, 4.1, 4.1, 4.1, 4.1])
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        cv.jit(lambda t: make_interp_spline(X, Y, t=t).c)(bad)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_at_no_points(shape):
    c = np.arange(12.0).reshape(6, 2)
    for nu in (0, 1):
        expected = scipy.interpolate.BSpline(np.arange(10.0), c, 3)(np.zeros(shape), nu)
        found = cv.jit(lambda c, x, nu=nu: BSpline(np.arange(10.0), c, 3)(x, nu))(c, np.zeros(shape))
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", [1, 2])
def test_splrep_of_given_knots_is_nan_where_numbers_are_not_finite(place, value):
    x = np.arange(8.0)
    args = [x, np.sin(x), np.ones(8)]
    args[place][3] = value
    expected = scipy.interpolate.splrep(*args, t=[3.5])[1]
    assert np.isnan(expected[:5]).all()
    found = cv.jit(lambda t: splrep(*args, t=t))(np.array([3.5]))[1]
    np.testing.assert_array_equal(found, expected)
    found = cv.jit(lambda v: splrep(*args[:place], v, *args[place + 1 :], t=[3.5]))(args[place])[1]
    np.testing.assert_array_equal(found, expected)
