"""Tables whose places, knots or values SciPy refuses, where these are known later: NaN, never a number."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.spatial.transform

import covector as cv
from covector.scipy import interpolate
from covector.scipy.spatial import transform

X, Y = np.arange(6.0), np.array([0.0, 1.0, 4.0, 2.0, 3.0, 7.0])
KNOTS = np.array([0.0, 0.0, 0.0, 0.0, 1.7, 3.2, 5.0, 5.0, 5.0, 5.0])
AT = np.array([0.5, 2.3, 4.9])
RAN = [cv.jit, lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[0]]
ERRORS = (ValueError, TypeError, np.linalg.LinAlgError)

PLACES = {
    "fall": X[::-1].copy(),
    "equal": np.array([0.0, 1.0, 1.0, 2.0, 3.0, 4.0]),
    "equal at the end": np.array([0.0, 1.0, 2.0, 3.0, 5.0, 5.0]),
    "in disorder": np.array([0.0, 2.0, 1.0, 3.0, 4.0, 5.0]),
    "NaN": np.array([0.0, 1.0, np.nan, 3.0, 4.0, 5.0]),
    "infinite": np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.inf]),
}
TABLES = {
    "CubicSpline": lambda s, x: s.CubicSpline(x, Y)(AT),
    "CubicSpline, natural": lambda s, x: s.CubicSpline(x, Y, bc_type="natural", extrapolate=False)(AT),
    "CubicSpline, integral": lambda s, x: s.CubicSpline(x, Y).integrate(0.5, 2.5),
    "PchipInterpolator": lambda s, x: s.PchipInterpolator(x, Y)(AT),
    "PchipInterpolator, derivative": lambda s, x: s.PchipInterpolator(x, Y).derivative()(AT),
    "pchip_interpolate": lambda s, x: s.pchip_interpolate(x, Y, AT),
    "Akima1DInterpolator": lambda s, x: s.Akima1DInterpolator(x, Y, extrapolate=True)(AT),
    "CubicHermiteSpline": lambda s, x: s.CubicHermiteSpline(x, Y, Y[::-1])(AT),
    "make_interp_spline, 1": lambda s, x: s.make_interp_spline(x, Y, 1)(AT),
    "make_interp_spline, 2": lambda s, x: s.make_interp_spline(x, Y, 2)(AT),
    "make_interp_spline, 3": lambda s, x: s.make_interp_spline(x, Y, 3)(AT),
    "make_interp_spline, natural": lambda s, x: s.make_interp_spline(x, Y, 3, bc_type="natural")(AT),
    "make_interp_spline, periodic": lambda s, x: s.make_interp_spline(x, 0 * Y, 3, bc_type="periodic")(AT),
    "InterpolatedUnivariateSpline": lambda s, x: s.InterpolatedUnivariateSpline(x, Y, ext=1)(AT),
    "make_lsq_spline": lambda s, x: s.make_lsq_spline(x, Y, KNOTS)(AT),
    "RegularGridInterpolator": lambda s, x: s.RegularGridInterpolator((x,), Y, bounds_error=False, fill_value=0.0)(AT),
    "RegularGridInterpolator, nearest": lambda s, x: s.RegularGridInterpolator((x,), Y, "nearest")(AT),
    "interpn": lambda s, x: s.interpn((X, x), np.outer(Y, Y), np.stack([AT, AT], -1)),
}
LEGAL = {("make_lsq_spline", "equal"), ("make_lsq_spline", "equal at the end"), ("InterpolatedUnivariateSpline", "infinite")}
LEGAL |= {(name, bad) for name in ("RegularGridInterpolator", "RegularGridInterpolator, nearest", "interpn")
          for bad in ("fall", "infinite")}  # fmt: skip

T = np.linspace(0.1, 0.9, 3)


def _turned(s, times, at=T):
    turns = np.outer(np.arange(6.0), np.array([0.1, 0.2, 0.3]))
    return s.Slerp(times, s.Rotation.from_rotvec(turns))(at).as_quat()


CASES = {
    **{
        f"{name}, {bad}": (interpolate, scipy.interpolate, f, PLACES[bad])
        for name, f in TABLES.items()
        for bad in PLACES
        if (name, bad) not in LEGAL
    },
    **{f"splrep, {bad}": (interpolate, scipy.interpolate, lambda s, x: s.splev(AT, s.splrep(x, Y, s=0)), PLACES[bad])
       for bad in ("fall", "in disorder")},
    **{f"splrep of knots, {bad}": (interpolate, scipy.interpolate, lambda s, t: s.splev(AT, s.splrep(X, Y, t=t)), np.array(t))
       for bad, t in {"fall": [3.2, 1.7], "equal": [2.2, 2.2], "outside": [-1.0, 2.0], "end": [0.0, 2.0]}.items()},
    "PPoly, in disorder": (interpolate, scipy.interpolate, lambda s, x: s.PPoly(np.ones((2, 5)), x)(AT), PLACES["in disorder"]),
    "PPoly, NaN": (interpolate, scipy.interpolate, lambda s, x: s.PPoly(np.ones((1, 5)), x)(AT), PLACES["NaN"]),
    **{f"{name}, {bad}": (interpolate, scipy.interpolate, f, t)
       for bad, t in {"fall": KNOTS[::-1], "disorder": np.sort(KNOTS)[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9]], "equal": 0 * KNOTS,
                      "NaN": np.where(KNOTS == 1.7, np.nan, KNOTS), "places outside": KNOTS + 1}.items()
       for name, f in {
           "BSpline": lambda s, t: s.BSpline(t, Y, 3)(AT),
           "BSpline, integral": lambda s, t: s.BSpline(t, Y, 3).integrate(0.5, 2.3, extrapolate=False),
           "make_interp_spline": lambda s, t: s.make_interp_spline(X, Y, 3, t)(AT),
           "make_lsq_spline": lambda s, t: s.make_lsq_spline(X, Y, t)(AT),
       }.items() if not (name.startswith("BSpline") and bad == "places outside")},
    "make_interp_spline, open period":
        (interpolate, scipy.interpolate, lambda s, y: s.make_interp_spline(X, y, 3, bc_type="periodic")(AT), Y),
    **{f"insert_knot, {x}": (interpolate, scipy.interpolate, lambda s, x: s.BSpline(KNOTS, Y, 3).insert_knot(x)(AT), x)
       for x in (np.array(-1.0), np.array(7.0))},
    **{f"{name}, {bad} among values":
           (interpolate, scipy.interpolate, f, np.where(X == 4, bad, Y))
       for bad in (np.nan, np.inf)
       for name, f in {
           "CubicSpline": lambda s, y: s.CubicSpline(X, y)(AT),
           "CubicSpline, slopes":
               lambda s, y: s.CubicSpline(X, Y, bc_type=((1, y[4]), (2, 0.0)))(AT),
           "PchipInterpolator": lambda s, y: s.PchipInterpolator(X, y)(AT),
           "Akima1DInterpolator": lambda s, y: s.Akima1DInterpolator(X, y)(AT),
           "CubicHermiteSpline": lambda s, y: s.CubicHermiteSpline(X, y, Y)(AT),
           "CubicHermiteSpline, slopes": lambda s, y: s.CubicHermiteSpline(X, Y, y)(AT),
           "make_interp_spline, 1": lambda s, y: s.make_interp_spline(X, y, 1)(AT),
           "make_interp_spline, 3": lambda s, y: s.make_interp_spline(X, y, 3)(AT),
           "make_interp_spline, ends": lambda s, y: s.make_interp_spline(X, Y, 3, bc_type=([(1, y[4])], [(2, 0.0)]))(AT),
           "make_lsq_spline": lambda s, y: s.make_lsq_spline(X, y, KNOTS)(AT),
           "make_lsq_spline, weights": lambda s, y: s.make_lsq_spline(X, Y, KNOTS, w=y + 1)(AT),
       }.items()},
    **{f"RegularGridInterpolator outside, {method}, {fill}":
           (interpolate, scipy.interpolate,
            lambda s, x, method=method, fill=fill: s.RegularGridInterpolator((X,), Y, method, True, fill)(x), AT + 6)
       for method in ("linear", "nearest") for fill in (3.0, None, np.nan)},
    "interpn outside": (interpolate, scipy.interpolate, lambda s, x: s.interpn((X,), Y, x, fill_value=None), AT + 6),
    **{f"interp1d outside, {kind}":
           (interpolate, scipy.interpolate,
            lambda s, x, kind=kind: s.interp1d(X, Y, kind, bounds_error=True, fill_value=2.0)(x), AT + 6)
       for kind in ("linear", "nearest", "cubic")},
    **{f"Slerp, {bad}": (transform, scipy.spatial.transform, _turned, PLACES[bad])
       for bad in ("fall", "equal", "in disorder")},
    "Slerp outside": (transform, scipy.spatial.transform, lambda s, at: _turned(s, X, at), T - 1),
}  # fmt: skip


@pytest.mark.parametrize("run", RAN)
@pytest.mark.parametrize("name", CASES)
def test_undetermined_tables(name, run):
    mine, theirs, f, x = CASES[name]
    with pytest.raises(ERRORS), np.errstate(all="ignore"):
        f(theirs, x)
    with np.errstate(all="ignore"):
        assert np.all(np.isnan(run(lambda x: f(mine, x))(x)))
        if "nearest" not in name:  # which does not depend on places
            assert np.any(np.isnan(run(cv.grad(lambda x: np.sum(f(mine, x))))(x)))


@pytest.mark.parametrize("name", CASES)
def test_known_tables(name):
    """Under differentiation values are known, and it is an error at once."""
    mine, _, f, x = CASES[name]
    with pytest.raises(ERRORS), np.errstate(all="ignore"):
        cv.grad(lambda x: np.sum(f(mine, x)))(x)


@pytest.mark.parametrize("bad", PLACES)
@pytest.mark.parametrize("name", TABLES)
def test_others_of_a_batch_are_right(name, bad):
    f = TABLES[name]
    with np.errstate(all="ignore"):
        good, wrong = cv.vmap(lambda x: f(interpolate, x))(np.stack([X, PLACES[bad]]))
    np.testing.assert_allclose(good, f(scipy.interpolate, X), rtol=1e-11, atol=1e-12)
    if (name, bad) not in LEGAL:
        assert np.all(np.isnan(wrong))


@pytest.mark.parametrize("bad", PLACES)
@pytest.mark.parametrize("name", TABLES)
def test_derivatives_in_values_are_nan(name, bad):
    if (name, bad) in LEGAL or name == "make_interp_spline, periodic":
        return
    made = {
        "RegularGridInterpolator, nearest": lambda x, y: interpolate.RegularGridInterpolator((x,), y, "nearest")(AT),
        "RegularGridInterpolator": lambda x, y: interpolate.RegularGridInterpolator((x,), y)(AT),
        "PchipInterpolator": lambda x, y: interpolate.PchipInterpolator(x, y)(AT),
        "CubicHermiteSpline": lambda x, y: interpolate.CubicHermiteSpline(x, Y, y)(AT),
        "make_interp_spline, 1": lambda x, y: interpolate.make_interp_spline(x, y, 1)(AT),
        "make_lsq_spline": lambda x, y: interpolate.make_lsq_spline(x, y, KNOTS)(AT),
    }
    if name in made:
        with np.errstate(all="ignore"):
            found = cv.jit(cv.grad(lambda y, x: np.sum(made[name](x, y))))(Y, PLACES[bad])
        assert np.any(np.isnan(found))


# --- what is legal ----------------------------------------------------------------------------------------------------

C = np.arange(10.0).reshape(2, 5) ** 2
ALL = np.array([-1.0, 0.0, 0.3, 1.0, 2.5, 4.0, 5.0, 6.5])
GRID = (X, np.array([0.0, 0.5, 2.0, 5.0]))
ON_GRID = np.stack([AT, AT[::-1]], -1)

RIGHT = {
    **{f"RegularGridInterpolator, {method}, {bounds}": (
        lambda s, x, method=method, bounds=bounds:
            s.RegularGridInterpolator((GRID[0], x), np.outer(Y, Y[:4]), method, bounds, None)(ON_GRID), GRID[1])
       for method in ("linear", "nearest") for bounds in (True, False)},
    "interpn": (lambda s, x: s.interpn((x,), np.stack([Y, -Y], -1), AT), X),
    "interpn, of two": (lambda s, x: s.interpn((x, -x), np.outer(Y, Y), ON_GRID * np.array([1, -1])), X),
    **{f"PPoly, {extrapolate}": (lambda s, x, e=extrapolate: s.PPoly(C, x, e)(ALL), X)
       for extrapolate in (True, False, "periodic")},
    "PPoly, derivative": (lambda s, x: s.PPoly(C, x).derivative()(ALL), X),
    "PPoly, antiderivative": (lambda s, x: s.PPoly(C, x).antiderivative()(ALL), X),
    "PPoly, integral": (lambda s, x: s.PPoly(C, x).integrate(0.3, 4.2), X),
    "PPoly, some equal": (lambda s, x: s.PPoly(C, x)(ALL), PLACES["equal"]),
}  # fmt: skip


@pytest.mark.parametrize("run", [lambda f: f, *RAN])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", RIGHT)
def test_places_that_rise_or_fall(name, turned, run):
    f, x = RIGHT[name]
    x = x[::-1].copy() if turned else x
    np.testing.assert_allclose(run(lambda x: f(interpolate, x))(x), f(scipy.interpolate, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", RIGHT)
def test_derivatives_in_places_that_fall(name):
    f, x = RIGHT[name]
    x = x[::-1] + 0.01  # no point is a place
    step, slope = 1e-6, np.arange(1.0, len(x) + 1)
    if "some equal" not in name and "True" not in name:
        found = cv.jit(cv.grad(lambda x: np.nansum(f(interpolate, x))))(x) @ slope
        above, below = (np.nansum(f(scipy.interpolate, x + h * slope)) for h in (step, -step))
        np.testing.assert_allclose(found, (above - below) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", [[0.0, 1, 1, 1, 1, 1], [1.0, 1, 0, 1, 1, 1], [1.0, -1, 1, 2, 1, 1]])
def test_weights_of_splines_through_all(weights):
    w = np.array(weights)
    expected = scipy.interpolate.splev(AT, scipy.interpolate.splrep(X, Y, w, s=0))
    for w_known in (True, False):
        found = cv.jit(lambda y, v, k=w_known: interpolate.splev(AT, interpolate.splrep(X, y, w if k else v, s=0)))(Y, w)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_fitpack_of_values_that_are_not_finite(k):
    y = np.where(X == 4, np.nan, Y)
    assert np.all(np.isnan(scipy.interpolate.splev(AT, scipy.interpolate.splrep(X, y, k=k, s=0))))
    for run in (*RAN, lambda f: lambda y: cv.jvp(f, (y,), (y,))[0]):
        assert np.all(np.isnan(run(lambda y: interpolate.splev(AT, interpolate.splrep(X, y, k=k, s=0)))(y)))
        assert np.all(np.isnan(run(lambda y: interpolate.InterpolatedUnivariateSpline(X, y, k=k)(AT))(y)))


def test_last_value_of_a_period_does_not_count():
    expected = scipy.interpolate.splev(AT, scipy.interpolate.splrep(X, Y, s=0, per=1))
    for run in RAN:
        found = run(lambda y: interpolate.splev(AT, interpolate.splrep(X, y, s=0, per=1)))(Y)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
