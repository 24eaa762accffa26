"""covector.scipy.optimize: solutions are SciPy's, their derivatives are closed forms or differences of solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import covector as cv
from covector import errors
from covector.scipy import optimize
from covector.scipy import optimize as op
from covector.scipy.optimize.constraints import multipliers

A = np.array([1.0, -0.5, 2.0])
METHODS = [None, "Nelder-Mead", "Powell", "CG", "BFGS", "L-BFGS-B", "TNC", "COBYLA", "SLSQP"]
CURVED = ["Newton-CG", "dogleg", "trust-exact", "trust-ncg", "trust-krylov", "trust-constr"]


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def valley(x, a):
    return np.sum((x - a) ** 2 + 0.25 * x**4) + 0.1 * np.sum(x) ** 2


@pytest.mark.parametrize("method", [*METHODS, *CURVED])
def test_minima_of_every_method(method):
    found = optimize.minimize(valley, np.zeros(3), (A,), method)
    expected = scipy.optimize.minimize(valley, np.zeros(3), (A,), "BFGS", tol=1e-10).x
    np.testing.assert_allclose(found.x, expected, atol=2e-3)
    assert found.success


def test_the_gradient_makes_it_fast():
    assert optimize.minimize(rosenbrock, np.zeros(4)).nfev < scipy.optimize.minimize(rosenbrock, np.zeros(4)).nfev / 2


def test_pytrees_go_in_and_come_out():
    found = optimize.minimize(lambda p: np.sum((p["a"] - 1) ** 2) + (p["b"][0] + 2) ** 2, {"a": np.zeros((2, 2)), "b": [0]})
    np.testing.assert_allclose(found.x["a"], np.ones((2, 2)), atol=1e-5)
    np.testing.assert_allclose(found.x["b"][0], -2, atol=1e-5)


def test_a_function_may_branch_on_values_that_are_known():
    found = optimize.minimize(lambda x: (x[0] - 1) ** 2 if x[0] < 3 else x[0] ** 2, np.zeros(1))
    np.testing.assert_allclose(found.x, [1], atol=1e-6)


def slope_of_solution(solve, a, h=1e-4):
    """The Jacobian of a solution by differences."""
    return np.stack([(solve(a + h * e) - solve(a - h * e)) / (2 * h) for e in np.eye(len(a))], axis=-1)


BOUNDS = [(None, 0.4), (-9, 9), (0, 9)]
EXACT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}


def residuals(x, a):
    return np.concatenate([x - a, 0.5 * x**2])


LINE = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1.0}
PLACES = np.linspace(0.0, 1.0, 3)
MATRIX = np.array([[1.0, 0.2, -0.3], [0.1, -1.0, 0.5], [0.4, 0.3, 1.0], [0.2, 0.7, -0.6]])


def disc(a):
    """Two constraints: the first is active, the second is not."""
    inside = {"type": "ineq", "fun": lambda x, a: a[2] - np.sum(x**2), "args": (a,)}
    return [inside, {"type": "ineq", "fun": lambda x: x[0] + 5}]


def band(a):
    return scipy.optimize.NonlinearConstraint(lambda x: np.stack([x[0] * a[2] + x[1], x[2]]), -9.0, np.array([0.3, 1.5]))


def fitted(a, **given):
    data = np.concatenate([a, a[:1] + 0.5])
    return optimize.curve_fit(lambda t, p, q: p * np.exp(-q * t), np.append(PLACES, 2.0), 2.0 + 0.1 * data, **EXACT, **given)


def program(a):
    """Two of the inequalities, and a bound, hold with equality."""
    matrix = np.stack([np.stack([1.0, 1.0, a[0]]), np.array([1.0, 3.0, 0.0]), np.array([0.0, 0.0, 1.0])])
    return optimize.linprog(np.array([-1.0, -2.0, 0.3]) + 0.01 * a, matrix, np.stack([3.0, 5.0 + a[1], 50.0]))


def smallest(a, **given):
    return optimize.minimize(valley, np.zeros(3), (a,), **given)


SOLUTIONS = {
    "minimize": lambda a: optimize.minimize(lambda x: valley(x, a), np.zeros(3), tol=1e-12).x,
    "minimize and its value": lambda a: smallest(a, tol=1e-12).fun,
    "minimize with args": lambda a: smallest(a, method="trust-exact", tol=1e-12).x,
    "minimize with bounds": lambda a: smallest(a, bounds=BOUNDS, tol=1e-13).x,
    "minimize with traced bounds": lambda a: smallest(a, bounds=[(None, a[2] / 5), (a[1], 9), (0, 9)], tol=1e-13).x,
    "minimize on a line": lambda a: smallest(a, constraints=LINE, tol=1e-12).x,
    "minimize in a box": lambda a: smallest(a, bounds=scipy.optimize.Bounds(-9.0, [0.4, 9.0, 9.0], True), tol=1e-13).x,
    "minimize in a disc": lambda a: smallest(a, constraints=disc(a), method="SLSQP", tol=1e-12).x,
    "minimize in a band": lambda a: smallest(a, constraints=band(a), bounds=[(0, 9)] * 3, method="SLSQP", tol=1e-13).x,
    "minimize_scalar": lambda a: optimize.minimize_scalar(lambda x: valley(x, a), tol=1e-12).x,
    "minimize_scalar between bounds": lambda a: optimize.minimize_scalar(lambda x: valley(x, a), None, (-9.0, 9.0), tol=1e-9).x,
    "minimize_scalar at a bound": lambda a: optimize.minimize_scalar(lambda x: valley(x, a), None, (a[0], 9.0)).x,
    "least_squares": lambda a: optimize.least_squares(residuals, np.ones(3), args=a, **EXACT).x,
    "leastsq": lambda a: optimize.leastsq(lambda x, a: x**3 + x - a, np.ones(3), a, xtol=1e-15)[0],
    "least_squares with bounds": lambda a: optimize.least_squares(
        residuals, np.full(3, 0.2), bounds=(0.0, 5.0), args=a, **EXACT
    ).x,
    "least_squares and its cost": lambda a: optimize.least_squares(residuals, np.ones(3), args=a, **EXACT).cost,
    **{
        f"least_squares with {loss}": lambda a, loss=loss: optimize.least_squares(
            residuals, np.ones(3), loss=loss, f_scale=0.7, args=a, **EXACT
        ).x
        for loss in ("soft_l1", "huber", "cauchy", "arctan")
    },
    "curve_fit": lambda a: fitted(a)[0],
    "curve_fit and its covariances": lambda a: fitted(a)[1],
    "curve_fit with deviations": lambda a: fitted(a, sigma=1 + 0.1 * np.concatenate([a, a[:1]]), bounds=(0.0, 9.0))[0],
    "curve_fit with covariances": lambda a: fitted(a, sigma=np.eye(4) + 0.1, absolute_sigma=True)[1],
    "linprog": lambda a: program(a).x,
    "linprog and its value": lambda a: program(a).fun,
    "linprog with equations": lambda a: optimize.linprog(
        [1.0, 2.0, 0.5], None, None, np.ones((1, 3)) + 0.1 * a, [3.0], [(0.3, None), (-1.0, 9.0), (a[0] / 5, 1.0 + a[2])]
    ).x,
    "nnls": lambda a: optimize.nnls(MATRIX, np.append(a, 0.3))[0],
    "nnls and its residual": lambda a: optimize.nnls(MATRIX + 0.1 * a, np.append(a, 0.3))[1],
    "lsq_linear": lambda a: optimize.lsq_linear(MATRIX + 0.1 * a, np.append(a, 0.3), (-0.2, a[2] / 2), "bvls").x,
    "root": lambda a: optimize.root(lambda x: x**3 + x + np.sum(x) - a, np.zeros(3), tol=1e-13).x,
    "root by df-sane": lambda a: optimize.root(
        lambda x: x**3 + x - a, np.zeros(3), method="df-sane", options={"fatol": 1e-13}
    ).x,
    "fsolve": lambda a: optimize.fsolve(lambda x: x**3 + x + np.sum(x) - a, np.zeros(3)),
    "newton": lambda a: optimize.newton(lambda x: x**3 + x - a, np.zeros(3)),
    "newton by halley": lambda a: optimize.newton(lambda x: x**3 + x - a[0], 0.5, fprime2=True),
    "newton by secants": lambda a: optimize.newton(lambda x: x**3 + x - a[0], 0.5, x1=0.6),
    "fixed_point": lambda a: optimize.fixed_point(lambda x: np.cos(x + 0.1 * a), np.full(3, 0.5), xtol=1e-12),
    **{
        name: lambda a, name=name: getattr(optimize, name)(lambda x: x**3 + x - a[0], -9.0, 4.0 + a[1])
        for name in ("bisect", "brenth", "brentq", "ridder", "toms748")
    },
}


COARSE = {
    *("minimize on a line", "minimize_scalar between bounds"),
    *("least_squares with soft_l1", "least_squares with huber", "least_squares with cauchy"),
}
"""Solutions that SciPy finds to fewer digits, so that their differences have few."""


@pytest.mark.filterwarnings("ignore:delta_grad", "ignore:Method .bounded.")
@pytest.mark.parametrize("name", SOLUTIONS)
def test_derivatives_of_solutions(name):
    solve = SOLUTIONS[name]
    atol = 5e-4 if name in COARSE else 2e-5
    expected = slope_of_solution(solve, A)
    np.testing.assert_allclose(cv.jacrev(solve)(A), expected, atol=atol)
    np.testing.assert_allclose(cv.jacfwd(solve)(A), expected, atol=atol)
    np.testing.assert_allclose(cv.jit(cv.jacrev(solve))(A), expected, atol=atol)
    np.testing.assert_allclose(cv.jit(solve)(A), solve(A), atol=1e-6)
    np.testing.assert_allclose(cv.vmap(solve)(np.stack([A, 1.1 * A]))[1], solve(1.1 * A), atol=1e-6)


def test_second_derivatives_of_a_solution():
    """x solves x³ + x = a: x' = 1 / (3x² + 1), x'' = -6x / (3x² + 1)³."""
    solve = lambda a: optimize.root(lambda x: x**3 + x - a, np.zeros(1), tol=1e-14).x[0]
    x = solve(2.0)
    np.testing.assert_allclose(cv.grad(cv.grad(solve))(2.0), -6 * x / (3 * x**2 + 1) ** 3, rtol=1e-6)


SCALAR = {
    "brentq": {"bracket": (0.0, 9.0)},
    "bisect": {"bracket": (0.0, 9.0), "method": "bisect", "xtol": 1e-13},
    "newton": {"x0": 3.0, "method": "newton"},
    "halley": {"x0": 3.0, "method": "halley"},
    "secant": {"x0": 3.0, "x1": 2.5, "method": "secant"},
    "a guess alone": {"x0": 3.0},
}


@pytest.mark.parametrize("name", SCALAR)
def test_roots_of_a_function_of_a_number(name):
    solve = lambda a: optimize.root_scalar(lambda x, a: x**2 - a, a, **SCALAR[name]).root
    np.testing.assert_allclose(solve(4.0), 2.0, rtol=1e-9)
    assert optimize.root_scalar(lambda x: x**2 - 4.0, **SCALAR[name]).converged
    np.testing.assert_allclose(cv.grad(solve)(4.0), 0.25, rtol=1e-8)
    np.testing.assert_allclose(cv.grad(cv.grad(solve))(4.0), -1 / 32, rtol=1e-7)
    np.testing.assert_allclose(cv.jit(cv.grad(solve))(4.0), 0.25, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:delta_grad")
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA", "COBYQA"])
def test_minima_with_constraints(method):
    """The nearest point of x + y = b to p is p + (b - p - q) / 2."""
    tol = 1e-10 if method == "trust-constr" else None
    line = lambda b: [{"type": "eq", "fun": lambda x: x[0] + x[1] - b}, scipy.optimize.LinearConstraint(np.eye(2), -9, 9)]
    given = {"method": method, "tol": tol}
    solve = lambda p, b: optimize.minimize(lambda x: np.sum((x - p) ** 2), np.zeros(2), constraints=line(b), **given).x
    p = np.array([1.0, 2.0])
    np.testing.assert_allclose(solve(p, 1.0), [0.0, 1.0], atol=1e-3)
    np.testing.assert_allclose(cv.jacrev(solve)(p, 1.0), [[0.5, -0.5], [-0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(cv.jacfwd(solve, 1)(p, 1.0), [0.5, 0.5], atol=1e-6)


def test_the_edges_of_linear_constraints_have_derivatives():
    """The nearest point of x + b y <= c to (3, 3)."""

    def solve(b, c):
        edge = scipy.optimize.LinearConstraint(np.stack([np.stack([1.0, b])]), -np.inf, c)
        return optimize.minimize(lambda x: np.sum((x - 3) ** 2), np.zeros(2), constraints=edge, tol=1e-12).x

    exact = lambda b, c: 3 - (3 + 3 * b - c) / (1 + b**2) * np.stack([1.0, b])
    for i in (0, 1):
        np.testing.assert_allclose(cv.jacfwd(solve, i)(2.0, 2.0), cv.jacfwd(exact, i)(2.0, 2.0), atol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e6])
def test_constraints_are_active_as_near_to_their_bounds_as_these_are_large(size):
    row, free = np.array([[1.0, 2.0]]), (np.full(2, -np.inf), np.full(2, np.inf))
    for sign, between in ((-1, (-np.inf, size)), (1, (size, np.inf))):  # from below, and from above
        for distance, expected in ((1e-4, 3.0), (0.1, 0.0)):
            value, bounds = np.array([size + sign * distance * (1 + size)]), tuple(np.array([b]) for b in between)
            found = multipliers(np.zeros(2), 3 * sign * row[0], value, row, free, bounds)
            np.testing.assert_allclose(found, [sign * expected], rtol=1e-9)


def test_pytrees_with_constraints():
    def solve(b):
        bend = scipy.optimize.NonlinearConstraint(lambda x: x["a"] * b - x["b"], -np.inf, 2.0)
        f = lambda x: np.sum((x["a"] - 3) ** 2) + x["b"] ** 2
        return optimize.minimize(f, {"a": np.zeros(2), "b": 1.0}, constraints=bend, tol=1e-12).x["a"]

    slope = (solve(1.0 + 1e-4) - solve(1.0 - 1e-4)) / 2e-4
    np.testing.assert_allclose(cv.jacrev(solve)(1.0), slope, atol=1e-5)


def test_second_derivatives_of_a_minimum():
    """x solves 2 (x - a) + 4x³ = 0."""
    solve = lambda a: optimize.minimize(lambda x: (x - a) ** 2 + x**4, 0.0, tol=1e-12).x[0]
    x = solve(1.0)
    np.testing.assert_allclose(cv.grad(cv.grad(solve))(1.0), -2 * 24 * x * 2 / (2 + 12 * x * x) ** 3, rtol=1e-6)


def test_linear_programs_are_those_of_scipy():
    given = {"A_ub": [[1.0, 1.0], [-1.0, 2.0]], "b_ub": [4.0, 2.0], "A_eq": [[1.0, 3.0]], "b_eq": [5.0], "bounds": (0, 3)}
    found, expected = (s.linprog([-1.0, -0.5], **given) for s in (optimize, scipy.optimize))
    np.testing.assert_allclose(found.x, expected.x, atol=1e-12)
    assert optimize.linprog([1.0], [[1.0]], [-1.0]).status == 2
    whole = optimize.linprog([-1.0], [[2.0]], [5.0], integrality=1)
    assert whole.x == 2.0
    corner = lambda c: optimize.linprog(c, [[1.0, 1.0]], [1.0]).x[0]
    assert np.isnan(cv.grad(lambda c: corner(np.stack([c, -1.0])))(-1.0))  # any point of an edge
    batch = cv.vmap(lambda b: optimize.linprog([-1.0], [[1.0]], [b]).x)(np.array([1.0, -1.0]))
    np.testing.assert_array_equal(batch, [[1.0], [np.nan]])

@pytest.mark.parametrize("of", [np.int8, np.float16, list, tuple])
def test_a_model_gets_data_in_double_precision(of):
    """In int8, 110**3 is 72."""
    t = np.arange(0, 120, 10)
    data = of(t.tolist())
    fit = lambda a, s=optimize: s.curve_fit(lambda t, k, m: k * t**3 * a + m * t, data, t**2.0, maxfev=1000)[0]
    expected = fit(1.3, scipy.optimize)
    for f in (fit, cv.lift(lambda a: fit(a, scipy.optimize))):
        np.testing.assert_allclose(f(1.3), expected, rtol=1e-6)
        found = cv.jvp(f, (1.3,), (1.0,))
        np.testing.assert_allclose(found, [expected, expected * [-1 / 1.3, 0.0]], rtol=1e-6, atol=1e-9)


PAIRS = {
    "pairs": lambda a: [(0, None), (0, a)], "a traced pair": lambda a: (0.1 * a, a), "a list": lambda a: [0.1 * a, a],
    "an array": lambda a: np.array([0.1, 1.0]) * a, "one pair for all": lambda a: [(0.1, a)],
    "a pair for each": lambda a: [(0.1 * a, a), (0.2 * a, 0.5 * a)], "nan": lambda a: [(-1, a), (np.nan, np.nan)],
    "no bound": lambda a: (None, a), **{str(b): lambda a, b=b: b for b in (None, (), [], [()])},
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_bounds_of_linear_programs(name):
    """In any of SciPy's forms."""
    f = lambda a, s=optimize: s.linprog([-1.0, -2.0], [[1.0, 1.0]], np.array([5.0]) - a, bounds=PAIRS[name](a)).x
    theirs, a, h = lambda a: f(a, scipy.optimize), 1.3, 1e-4
    slope = (theirs(a + h) - theirs(a - h)) / (2 * h)
    np.testing.assert_allclose(f(a), theirs(a))
    np.testing.assert_allclose(cv.jvp(f, (a,), (1.0,)), [theirs(a), slope], atol=1e-7)
    np.testing.assert_allclose(cv.jit(cv.jacrev(cv.lift(theirs)))(a), slope, atol=1e-7)



NOT_FOUND = {
    "linprog": lambda a: optimize.linprog([1.0], [[1.0]], [-a]).x[0],
    "root": lambda a: optimize.root(lambda x: x**2 + a, 1.0).x[0],
    "newton": lambda a: optimize.newton(lambda x: x**2 + a, 1.0),
    "fsolve": lambda a: optimize.fsolve(lambda x: x**2 + a, 1.0)[0],
    "minimize": lambda a: optimize.minimize(lambda x: a * x, 1.0, options={"maxiter": 3}).x[0],
    "minimize, stopped": lambda a: optimize.minimize(lambda x: rosenbrock(x * a), np.zeros(3), options={"maxiter": 3}).x[0],
    "curve_fit": lambda a: optimize.curve_fit(lambda x, p: a * np.exp(p * x), PLACES, PLACES - 1, max_nfev=2)[0][0],
    "brentq": lambda a: optimize.brentq(lambda x: x - a, 0.0, 9.0 + a, maxiter=1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_was_not_found_has_no_derivative(name):
    assert np.isnan(cv.jit(cv.grad(NOT_FOUND[name]))(1.0))
    assert np.isnan(cv.jit(cv.jvp, static_argnums=0)(NOT_FOUND[name], (1.0,), (1.0,))[1])


def test_fits_are_those_of_scipy():
    t = np.linspace(0.0, 1.0, 6)
    y = 1.3 * np.exp(-0.7 * t) + 0.01 * np.sin(9 * t)
    f = lambda t, a, b: a * np.exp(-b * t)
    for given in ({}, {"sigma": t + 0.5, "p0": [1, 1]}, {"bounds": (0, 5), "absolute_sigma": True, "sigma": np.eye(6) + 0.1}):
        found, expected = optimize.curve_fit(f, t, y, **given), scipy.optimize.curve_fit(f, t, y, **given)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)
    flat = optimize.curve_fit(lambda t, a, b: a + b + 0 * t, t, y, method="trf")[1]
    assert np.all(np.isinf(flat))


def test_roots_are_those_of_scipy():
    f = lambda x: x**3 + x - np.array([1.0, 2.0])
    for found, expected in (
        (optimize.fsolve(f, np.zeros(2)), scipy.optimize.fsolve(f, np.zeros(2))),
        (optimize.newton(f, np.zeros(2)), scipy.optimize.newton(f, np.zeros(2))),
        (optimize.newton(lambda x: x**3 - 2, 1.0), scipy.optimize.newton(lambda x: x**3 - 2, 1.0)),
        (optimize.fixed_point(np.cos, 0.5), scipy.optimize.fixed_point(np.cos, 0.5)),
        (optimize.brentq(np.cos, 0.0, 2.0), scipy.optimize.brentq(np.cos, 0.0, 2.0)),
        (optimize.nnls(MATRIX, MATRIX[:, 0])[0], [1.0, 0.0, 0.0]),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    assert optimize.fsolve(f, np.zeros(2), full_output=True)[2] == 1
    assert np.all(optimize.newton(f, np.zeros(2), full_output=True)[1])
    assert optimize.brentq(np.cos, 0.0, 2.0, full_output=True)[1].converged
    with pytest.raises(RuntimeError, match="brentq has not converged after 1"):
        optimize.brentq(np.cos, 0.0, 2.0, maxiter=1)
    with pytest.raises(RuntimeError):
        optimize.newton(lambda x: x**2 + 1.0, 1.0)


def test_a_list_of_numbers_is_a_vector():
    for found in (
        optimize.minimize(lambda x: np.sum((x - 1.5) ** 2), [0, 0]),
        optimize.least_squares(lambda x: x - 1.5, [0, 0]),
        optimize.root(lambda x: x - 1.5, [0, 0]),
    ):
        np.testing.assert_allclose(found.x, [1.5, 1.5], rtol=1e-6)


def test_single_precision():
    start = np.zeros(2, np.float32)
    for solve in (
        lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2), start).x,
        lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2), start, bounds=[(0.0, 1.0), (0.0, 9.0)]).x,
        lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2), start, constraints=[LINE]).x + a,
        lambda a: optimize.least_squares(lambda x: x - a, start).x,
        lambda a: optimize.root(lambda x: x - a, start).x,
    ):
        a = np.float32(1.5)
        assert cv.jit(solve)(a).dtype == np.float64 and cv.jacrev(solve)(a).dtype == np.float32
        np.testing.assert_allclose(cv.jacfwd(solve)(a)[1], 1.0, atol=1e-3)
        np.testing.assert_allclose(cv.jacrev(solve)(a)[1], 1.0, atol=1e-3)


def test_a_minimum_that_only_just_touches_a_bound_has_no_derivative():
    solve = lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2), np.array([0.0]), bounds=[(0, 9)]).x[0]
    assert np.isnan(cv.grad(solve)(0.0)) and cv.grad(solve)(-1.0) == 0.0 and cv.grad(solve)(1.0) == pytest.approx(1.0)
    fixed = lambda a: optimize.minimize(lambda x: np.sum((x - 3) ** 2), np.zeros(2), bounds=[(a, a), (0, 9)]).x[0]
    assert cv.grad(fixed)(3.0) == 1.0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_active_bounds_do_not_depend_on_the_scale(scale):
    residual = lambda x, a: scale * np.concatenate([x - a, 0.1 * x])
    fit = lambda a: optimize.least_squares(residual, np.array([0.5, 0.5]), bounds=(0.0, 9.0), args=(a,), **EXACT).x
    np.testing.assert_allclose(cv.jacrev(fit)(np.array([-1.0, 2.0])), np.diag([0.0, 1 / 1.01]), atol=1e-6)


def test_tolerances_that_do_not_fit_the_scale_give_no_wrong_derivative():
    """SciPy takes the guess for the solution, since the gradient is small."""
    fit = lambda a: optimize.least_squares(lambda x: 1e-9 * (x - a), np.zeros(1)).x[0]
    assert optimize.least_squares(lambda x: 1e-9 * (x - 3.0), np.zeros(1)).x[0] == 0.0
    assert np.isnan(cv.grad(fit)(3.0))


def test_what_is_not_determined_has_no_derivative():
    short = lambda a: optimize.least_squares(lambda x: np.sum(x)[None] - a, np.zeros(2)).x
    assert np.all(np.isnan(cv.jacfwd(short)(1.0)))
    double = lambda a: optimize.root(lambda x: (x - a) ** 2, np.zeros(1), tol=1e-14).x[0]
    assert not abs(cv.grad(double)(0.0)) < np.inf


def test_a_derivative_that_the_function_returns_is_not_needed():
    pair = lambda x: (np.sum((x - 1) ** 2), 2 * (x - 1))
    np.testing.assert_allclose(optimize.minimize(pair, np.zeros(2), jac=True).x, 1.0, rtol=1e-6)
    np.testing.assert_allclose(optimize.minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(2), jac="2-point").x, 1.0, rtol=1e-6)
    np.testing.assert_allclose(optimize.root(lambda x: (x - 1, np.eye(2)), np.zeros(2), jac=True).x, 1.0)
    assert optimize.root_scalar(lambda x: (x - 1, 1.0), x0=0.0, fprime=True).root == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda a: op.minimize(np.sum, np.ones(1), tol=a).x[0], None, "minimize got tol with a traced"),
        (lambda a: op.minimize(np.sum, np.ones(1), bounds=[(a, 2.0)] * 2).x[0], None, "were given for 1 numbers"),
        (lambda a: op.minimize(np.sum, np.ones(1), bounds=[(0, a)], method="BFGS").x[0], None, "got bounds and method='bfgs'"),
        (lambda a: op.minimize(np.sum, np.ones(1), constraints=LINE, method="CG").x[0], None, "constraints and method='cg'"),
        (lambda a: op.minimize(np.sum, np.ones(1), constraints=[3]).x[0], None, "got the constraint 3"),
        (lambda a: op.minimize(np.sum, np.ones(1), method="steepest").x[0], None, "got method='steepest'"),
        (lambda a: op.minimize(lambda x: x * a, np.ones(2)).x[0], None, "got a function that returns f64.2."),
        (lambda a: op.minimize(np.sum, np.ones(1), (), None, [(0, 1)]).x[0], None, "minimize got jac="),
        (lambda a: op.minimize_scalar(lambda x: x * a, bounds=(0, 1, 2)).x, None, "minimize_scalar got bounds="),
        (lambda a: op.least_squares(lambda x: x * a, np.ones(1), loss="l1").x[0], None, "got loss='l1'"),
        (lambda a: op.least_squares(lambda x: x * a, np.ones(1), (0, 1)).x[0], None, "least_squares got jac=.0, 1."),
        (lambda a: op.least_squares(lambda x: x * a, np.ones(1), bounds=(0, 1), method="lm").x[0], None, "method='lm'"),
        (lambda a: op.curve_fit(lambda x, p: p * a, PLACES, PLACES, sigma=np.ones(2))[0][0], None, "got sigma f64.2. for 3"),
        (lambda a: op.curve_fit(lambda x: a, PLACES, PLACES)[0][0], None, "cannot be counted"),
        (lambda a: op.curve_fit(lambda x, p, q: p * a, 1.0, 1.0)[0][0], None, "curve_fit got 1 data for 2"),
        (lambda a: op.curve_fit(lambda x, p: p * a, PLACES, PLACES * np.nan)[0][0], ValueError, "not finite"),
        (lambda a: op.linprog(np.ones((1, 1)) * a).x, None, "linprog got c f64.1,1."),
        (lambda a: op.linprog([a], [[1.0]]).x, None, "linprog got one of A_ub and b_ub alone"),
        (lambda a: op.linprog([a], None, None, [[1.0, 2.0]], [1.0]).x, None, "got A_eq f64.1,2. and b_eq f64.1. for 1"),
        (lambda a: op.linprog([a], integrality=1).x, None, "linprog got integrality"),
        (lambda a: op.nnls(MATRIX, a)[1], None, "nnls got A f64.4,3. and b"),
        (lambda a: op.root(lambda x: np.append(x, a), 1.0).x, None, "returns 2 numbers for 1"),
        (lambda a: op.root(lambda x: x - a, 1.0, method="brent").x, None, "root got method='brent'"),
        (lambda a: op.fsolve(lambda x: x - a, 1.0, full_output=True)[0], None, "fsolve got full_output"),
        (lambda a: op.newton(lambda x: x - a, 1.0, full_output=True)[0], None, "newton got full_output"),
        (lambda a: op.fixed_point(lambda x: x - a, 1.0, xtol=a), None, "fixed_point got xtol"),
        (lambda a: op.fsolve(lambda x: x - a, 1.0, xtol=a), None, "fsolve got xtol"),
        (lambda a: op.fsolve(lambda x: x - a, 1.0, factor=a), None, "fsolve got factor"),
        (lambda a: op.root(lambda x: x - a, 1.0, tol=a).x, None, "root got tol"),
        (lambda a: op.root(lambda x: x - a, 1.0, options={"xtol": a}).x, None, "root got options"),
        (lambda a: op.newton(lambda x: x - a, 1.0, tol=a), None, "newton got tol"),
        (lambda a: op.newton(lambda x: x - a, 1.0, rtol=a), None, "newton got rtol"),
        (lambda a: op.root_scalar(lambda x: x - a, x0=1.0, xtol=a).root, None, "root_scalar got xtol"),
        (lambda a: op.root_scalar(lambda x: x - a, x0=1.0, rtol=a).root, None, "root_scalar got rtol"),
        (lambda a: op.minimize_scalar(lambda x: x * a, tol=a).x, None, "minimize_scalar got tol"),
        (lambda a: op.least_squares(lambda x: x * a, np.ones(1), ftol=a).x[0], None, "least_squares got ftol"),
        (lambda a: op.least_squares(lambda x: x * a, np.ones(1), f_scale=a).x[0], None, "least_squares got f_scale"),
        (lambda a: op.lsq_linear(np.eye(1), np.stack([a]), tol=a).x[0], None, "lsq_linear got tol"),
        (lambda a: op.linprog([a], options={"tol": a}).x, None, "linprog got options"),
        (lambda a: op.root_scalar(lambda x: x - a).root, None, "neither bracket nor x0"),
        (lambda a: op.root_scalar(lambda x: x - a, x0=1.0, method="krylov").root, None, "root_scalar got method='krylov'"),
        (lambda a: op.brentq(lambda x: x - a, 5.0, 6.0), ValueError, "different signs"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error or errors.ArgumentError, match=text):
        cv.grad(call)(1.0)


@pytest.mark.parametrize("bounds", [(0, 1), ([0.0, -5.0], [1.0, 1.5]), [(0.0, -5.0), (1.0, 1.5)]])
def test_bounds_of_least_squares_are_all_lower_and_all_upper(bounds):
    solve = lambda p: optimize.least_squares(lambda x: x - p, np.array([0.5, 0.5]), bounds=bounds).x
    p, expected = np.array([0.5, 2.0]), scipy.optimize.least_squares(lambda x: x - [0.5, 2.0], [0.5, 0.5], bounds=bounds).x
    np.testing.assert_allclose(solve(p), expected, atol=1e-6)
    np.testing.assert_allclose(cv.jacobian(solve)(p), np.diag([1.0, 0.0]), atol=1e-6)


def test_two_pairs_of_bounds_of_minimize():
    found = optimize.minimize(lambda x: np.sum((x - 2) ** 2), np.zeros(2), bounds=((0, 1), (-5, 1.5)))
    np.testing.assert_allclose(found.x, [1.0, 1.5])


SLOPE = {"fprime": lambda x: 3 * x**2}
STOPPED = {
    "newton": lambda o, a: o.newton(lambda x: x**3 - a, 5.0, maxiter=2, disp=False, **SLOPE),
    "newton, one in an array": lambda o, a: o.newton(lambda x: x**3 - a, np.array([5.0]), maxiter=2, disp=False, **SLOPE),
    "newton, two guesses": lambda o, a: o.newton(lambda x: x**3 - a, 5.0, x1=4.0, maxiter=2, disp=False),
    "newton, some of many": lambda o, a: o.newton(lambda x: x**3 - a, np.array([1.3 ** (1 / 3), 50.0]), maxiter=4, **SLOPE),
    "fsolve": lambda o, a: o.fsolve(lambda x: x**3 - a, 9.0, fprime=lambda x: np.diag(3 * x**2), maxfev=4),
    "root": lambda o, a: o.root(lambda x: x**3 - a, 9.0, jac=lambda x: np.diag(3 * x**2), options={"maxfev": 4}).x,
    "brentq": lambda o, a: o.brentq(lambda x: x**3 - a, 0.0, 9.0, maxiter=2, disp=False),
}


@pytest.mark.filterwarnings("ignore:.*(converge|number of calls):RuntimeWarning")
@pytest.mark.parametrize("name", STOPPED)
def test_where_a_solver_stopped_is_that_of_scipy(name):
    """Its derivative is NaN, since it is no zero."""
    expected = STOPPED[name](scipy.optimize, 1.3)
    for f in (lambda a: STOPPED[name](optimize, a), cv.lift(lambda a: STOPPED[name](scipy.optimize, a))):
        found, slope = cv.jvp(f, (1.3,), (1.0,))
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_array_equal(cv.jit(f)(1.3), found)
        assert np.any(np.isnan(slope)) and np.any(np.isnan(cv.jacrev(f)(1.3)))


def test_newton_raises_where_it_is_known_not_to_converge():
    f = lambda a: optimize.newton(lambda x: x**3 - a, 1.0, maxiter=2)
    for run in (f, cv.grad(f), lambda a: cv.jvp(f, (a,), (1.0,))):
        with pytest.raises(RuntimeError, match="converge"):
            run(1.3)
    assert np.isnan(cv.jit(f)(1.3)) and np.isnan(cv.jit(cv.grad(f))(1.3))
    with pytest.warns(RuntimeWarning, match="fsolve has not converged"):
        cv.jvp(lambda a: optimize.fsolve(lambda x: x**3 - a, 9.0, maxfev=4), (1.3,), (1.0,))
