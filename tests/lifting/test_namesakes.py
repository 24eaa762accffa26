"""SciPy's classes, distributions and compiled functions in lifted code: values are its own, derivatives differences of them."""

import pickle

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.signal
import scipy.stats
from scipy import interpolate, stats
from scipy.interpolate import CubicSpline, interp1d
from scipy.spatial.transform import Rotation
from scipy.stats import multivariate_normal

import covector as cv
from covector.testing import check_grads

PLACES = np.linspace(0.0, 1.0, 7)
VALUES = np.sin(3.0 * PLACES)
POINTS = np.array([0.13, 0.58, 0.31])
VECTOR = np.array([0.2, -0.3, 0.4])

TABLE, PCHIP = CubicSpline(PLACES, VALUES), interpolate.PchipInterpolator(PLACES, VALUES)
PERIODIC = CubicSpline(PLACES, np.sin(2 * np.pi * PLACES), bc_type="periodic")
SPLINE = interpolate.make_interp_spline(PLACES, np.stack([VALUES, PLACES**2], axis=1))
CUBIC = interp1d(PLACES, VALUES, kind="cubic", bounds_error=False, fill_value="extrapolate")
DENSITY = stats.gaussian_kde(np.stack([VALUES, PLACES**2]), weights=1.0 + PLACES)


class Model:
    """Holds a table, as models do."""

    def __init__(self):
        self.table = CubicSpline(PLACES, VALUES)

    def __call__(self, x):
        return self.table(x) * x


MODEL = Model()

MADE_OUTSIDE = {
    "cubic spline": lambda x: TABLE(x),
    "its derivative": lambda x: TABLE(x, 1) + TABLE.derivative()(x),
    "its antiderivative": lambda x: TABLE.antiderivative()(x),
    "pchip": lambda x: PCHIP(x),
    "periodic": lambda x: PERIODIC(x + 0.9),
    "outside": lambda x: interpolate.PPoly(TABLE.c, PLACES)(x + 0.6),
    "B-splines": lambda x: SPLINE(x),
    "derivative of B-splines": lambda x: SPLINE(x, nu=1)[:, 0] + SPLINE.derivative()(x)[:, 1],
    "interp1d": lambda x: CUBIC(x),
    "attribute": lambda x: MODEL(x),
    "density": lambda x: DENSITY(np.stack([x, x + 0.1])),
    "its logarithm": lambda x: DENSITY.logpdf(np.stack([x, x + 0.1])),
}

MADE_WITHIN = {
    "of plain values": lambda x: CubicSpline(PLACES, VALUES)(x),
    "spline": lambda x: interpolate.make_interp_spline([0.0, 1.0, 3.0], x, k=2)([0.3, 1.7]),
    "grid": lambda x: interpolate.RegularGridInterpolator(([0.0, 1.0, 3.0],), x)([[0.3], [1.7]]),
    "density at points": lambda x: stats.gaussian_kde([0.5, 1.0, 2.0]).logpdf(x),
    "density": lambda x: stats.gaussian_kde(np.append(x, [1.0, 2.0]))([0.3, 0.4]),
    "distribution": lambda x: stats.norm.logpdf(x, 0.3, 1.5 + x[0]),
    "frozen": lambda x: stats.gamma(2.0 + x[0], scale=0.7).logpdf([0.3, 0.4]),
    "frozen of plain values": lambda x: stats.norm(0.1, 2.0).cdf(x) + scipy.stats.t(3.5).logpdf(x),
    "discrete": lambda x: stats.poisson.logpmf([1, 2, 3], np.exp(x)),
    "covector's spline": lambda x: cv.scipy.interpolate.CubicSpline([0.0, 1.0, 3.0], x).derivative()([0.3, 1.7]),
    "its coefficients": lambda x: cv.scipy.interpolate.PchipInterpolator([0.0, 1.0, 3.0], x).c,
    "covector's density": lambda x: cv.scipy.stats.gaussian_kde(np.append(x, [1.0, 2.0]))([0.3, 0.4]),
    "covector's frozen distribution": lambda x: cv.scipy.stats.norm(x[0], 1.5).logpdf(x),
    "covector's rotation": lambda x: cv.scipy.spatial.transform.Rotation.from_rotvec(x).apply(np.ones(3)),
    "products": lambda x: (turned("z", 0.3) * rotated(x) * turned("xyz", x)).inv().as_quat(),
    "powers": lambda x: (rotated(x) ** 0.5).magnitude() * x,
    "rows": lambda x: rotated(np.stack([x, 2 * x, x**2]))[1].apply(np.ones(3)),
    "each": lambda x: sum(r.apply(np.ones(3)) for r in rotated(np.stack([x, 2 * x]))),
}
ONLY_DIFFERENTIATED = {
    "multivariate": lambda x: stats.multivariate_normal.logpdf(x, np.zeros(3), np.diag(1.0 + x**2)),
    "interp1d": lambda x: interp1d(np.arange(4.0), np.append(x, 1.0), kind="cubic")(x[:1] / 2),
    "akima": lambda x: interpolate.Akima1DInterpolator(PLACES, np.concatenate([x, VALUES[3:]]))([0.3, 0.7]),
    "cubic spline": lambda x: CubicSpline(np.cumsum(x**2), x, bc_type="natural")(0.1) * np.ones(3),
    "hermite": lambda x: interpolate.CubicHermiteSpline([0.0, 1.0, 3.0], x, np.cos(x))([0.3, 1.7]),
    "its slope": lambda x: CubicSpline([0.0, 1.0, 3.0, 4.0], np.append(x, 1.0)).derivative()([0.3, 1.7]),
    "what covector lacks": lambda x: stats.moyal.logpdf(x),
    "methods that it lacks": lambda x: stats.norm(x[0], 2.0).mean() * x + stats.norm(0.0, np.exp(x)).entropy(),
    "options that it lacks": lambda x: stats.multivariate_normal(np.zeros(3), np.diag(x), allow_singular=True).logpdf(x),
}
"""What branches on values in SciPy's own code."""


def rotated(x):
    return cv.scipy.spatial.transform.Rotation.from_rotvec(x)


def turned(axes, angles):
    return cv.scipy.spatial.transform.Rotation.from_euler(axes, angles)


def cases():
    for where, functions, x in (("outside", MADE_OUTSIDE, POINTS), ("within", MADE_WITHIN, VECTOR)):
        yield from [pytest.param(f, x, id=f"{name} ({where})") for name, f in functions.items()]


@pytest.mark.parametrize(("f", "x"), list(cases()))
def test_objects_of_scipy(f, x):
    lifted, expected = cv.lift(f), f(x)
    np.testing.assert_allclose(cv.jit(lifted)(x), expected, rtol=1e-10, atol=1e-12)
    both = np.stack([x, 0.9 * x])
    np.testing.assert_allclose(cv.vmap(lifted)(both), [f(row) for row in both], rtol=1e-10, atol=1e-12)
    value, _ = cv.jvp(lifted, (x,), (np.ones(3),))
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)
    check_grads(lifted, (x,), order=2, modes=("fwd", "rev"))


def test_derivatives_beyond_the_ends_of_a_table():
    table = interpolate.PPoly(TABLE.c, PLACES, extrapolate=False)
    found = cv.vmap(cv.grad(cv.lift(lambda x: table(x))))(np.array([-0.5, 0.5]))
    assert np.isfinite(found[1])
    assert cv.lift(lambda x: np.isnan(table(x)))(np.array(-0.5))


def test_integrals_of_a_table():
    found = cv.grad(cv.lift(lambda b: TABLE.integrate(0.1, b) + SPLINE.integrate(0.1, b)[1]))(0.7)
    np.testing.assert_allclose(found, TABLE(0.7) + SPLINE(0.7)[1], rtol=1e-12)


@pytest.mark.parametrize("name", ONLY_DIFFERENTIATED)
def test_what_branches_on_values(name):
    f = ONLY_DIFFERENTIATED[name]
    lifted = cv.lift(f)
    np.testing.assert_allclose(cv.jvp(lifted, (VECTOR + 1,), (VECTOR,))[0], f(VECTOR + 1), rtol=1e-12)
    check_grads(lifted, (VECTOR + 1,), order=2, modes=("fwd", "rev"))


def test_distributions_stay_what_they_are():
    cv.grad(cv.lift(lambda x: stats.norm.pdf(x)))(0.3)

    class Halved(type(stats.norm)):
        def _pdf(self, x):
            return 0.5 * super()._pdf(x)

    halved = Halved(name="halved")

    def f(x):
        assert isinstance(stats.norm, stats.rv_continuous)
        assert isinstance(stats.norm(x, 1.0), type(stats.norm(0.0, 1.0)))
        assert stats.norm(x, 1.0).dist.name == "norm"
        assert stats.kstest([0.1, 0.4, 0.9], stats.norm.cdf).statistic > 0.5
        return halved.pdf(x)

    np.testing.assert_allclose(cv.grad(cv.lift(f))(0.3), -0.5 * 0.3 * stats.norm.pdf(0.3), rtol=1e-12)
    assert type(pickle.loads(pickle.dumps(stats.norm(0.0, 1.0))).dist).__name__ == "norm_gen"
    assert stats.norm(0.0, 1.0).rvs(random_state=0) == stats.norm.rvs(random_state=0)
    np.testing.assert_allclose(stats.norm.fit([1.0, 2.0, 3.0])[0], 2.0)


def test_what_nothing_stands_for_is_not_replaced():
    cv.grad(cv.lift(lambda x: multivariate_normal.logpdf(x, 0.0, 1.0)))(0.3)
    names = next(line for line in cv.lift.report().splitlines() if line.startswith(f"{__name__}:"))
    assert "stats" in names and "multivariate_normal" not in names


def test_classes_stay_what_they_are():
    class Mine(CubicSpline):
        def __init__(self, y):
            CubicSpline.__init__(self, PLACES, y)

        def double(self, x):
            return 2 * CubicSpline.__call__(self, x)

    def f(x):
        assert type(CubicSpline(PLACES, VALUES)) is CubicSpline
        assert isinstance(CubicSpline(PLACES, x), interpolate.PPoly)
        return Mine(VALUES).double(x[0])

    np.testing.assert_allclose(cv.grad(cv.lift(f))(VALUES)[0], 2 * TABLE(VALUES[0], 1), rtol=1e-12)


def test_what_changes_an_object_is_seen():
    def f(x):
        density, table = stats.gaussian_kde(VALUES), CubicSpline(PLACES, VALUES)
        density.set_bandwidth(0.1)
        table.c[3] += 1.0
        return density(x) + table(x)

    np.testing.assert_allclose(cv.jit(cv.lift(f))(POINTS), f(POINTS), rtol=1e-12)


def test_objects_of_covectors_go_in_and_out_of_functions():
    def f(x):
        turn = rotated(x)
        assert isinstance(turn, cv.scipy.spatial.transform.Rotation)
        assert not hasattr(cv.scipy.interpolate.CubicSpline(PLACES, VALUES), "__len__")
        return {"turn": turn, "turned": cv.vmap(turn.apply)(np.eye(3)) + cv.vmap(stats.norm.logpdf)(np.eye(3))}

    found = cv.jit(cv.lift(f))(VECTOR)
    plain = Rotation.from_rotvec(VECTOR)
    np.testing.assert_allclose(found["turn"].as_matrix(), plain.as_matrix(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found["turned"], plain.apply(np.eye(3)) + stats.norm.logpdf(np.eye(3)), rtol=1e-12, atol=1e-15)


def lfilter_of(x):
    return scipy.signal.lfilter([1.0], [1.0, -0.5], x)


PICKLED = """
    scipy.linalg.expm scipy.signal.lfilter scipy.stats.zscore CubicSpline Rotation stats.norm lfilter_of
    TABLE SPLINE DENSITY CUBIC stats.norm(0.0,1.0) Rotation.from_rotvec(VECTOR)
""".split()


@pytest.mark.parametrize("text", PICKLED)
def test_what_is_scipys_is_pickled_after_a_lift(text):
    before = eval(text)
    cv.grad(cv.lift(lambda x: lfilter_of(x).sum()))(VECTOR)
    found = pickle.loads(pickle.dumps(eval(text)))
    assert type(found) is type(before)
    if text in ("TABLE", "SPLINE", "CUBIC"):
        np.testing.assert_array_equal(found(POINTS), before(POINTS))
