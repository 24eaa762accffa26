"""covector.scipy.optimize: solutions are SciPy's, their derivatives are closed forms or differences of solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import covector as cv
from covector import errors
from covector.scipy import optimize

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
    return np.stack([(solve(a + h * e) - solve(a - h * e)) / (2 * h) for e in np.eye(len(a))], axis=1)


BOUNDS = [(None, 0.4), (-9, 9), (0, 9)]
EXACT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}


def residuals(x, a):
    return np.concatenate([x - a, 0.5 * x**2])


SOLUTIONS = {
    "minimize": lambda a: optimize.minimize(lambda x: valley(x, a), np.zeros(3), tol=1e-12).x,
    "minimize with args": lambda a: optimize.minimize(valley, np.zeros(3), a, "trust-exact", tol=1e-12).x,
    "minimize with bounds": lambda a: optimize.minimize(valley, np.zeros(3), (a,), bounds=BOUNDS, tol=1e-13).x,
    "least_squares": lambda a: optimize.least_squares(residuals, np.ones(3), args=a, **EXACT).x,
    "least_squares with bounds": lambda a: optimize.least_squares(residuals, np.full(3, 0.2), (0.0, 5.0), args=a, **EXACT).x,
    "root": lambda a: optimize.root(lambda x: x**3 + x + np.sum(x) - a, np.zeros(3), tol=1e-13).x,
    "root by df-sane": lambda a: optimize.root(
        lambda x: x**3 + x - a, np.zeros(3), method="df-sane", options={"fatol": 1e-13}
    ).x,
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_derivatives_of_solutions(name):
    solve = SOLUTIONS[name]
    expected = slope_of_solution(solve, A)
    np.testing.assert_allclose(cv.jacrev(solve)(A), expected, atol=2e-5)
    np.testing.assert_allclose(cv.jacfwd(solve)(A), expected, atol=2e-5)
    np.testing.assert_allclose(cv.jit(cv.jacrev(solve))(A), expected, atol=2e-5)
    np.testing.assert_allclose(cv.jit(solve)(A), solve(A), atol=1e-6)
    np.testing.assert_allclose(cv.vmap(solve)(np.stack([A, 2 * A]))[1], solve(2 * A), atol=1e-6)


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


def test_constraints_without_a_derivative():
    constraint = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1}
    found = optimize.minimize(lambda x: np.sum(x**2), np.zeros(2), constraints=[constraint])
    np.testing.assert_allclose(found.x, [0.5, 0.5], atol=1e-7)
    with pytest.raises(errors.UnsupportedFunctionError, match="minimize got constraints"):
        cv.grad(lambda a: optimize.minimize(lambda x: np.sum(x**2) * a, np.zeros(2), constraints=[constraint]).x[0])(1.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: optimize.minimize(np.sum, np.ones(1), bounds=[(a, 2.0)]).x[0], "minimize got bounds with a traced"),
        (lambda a: optimize.root_scalar(lambda x: x - a, bracket=(0.0, a)).root, "root_scalar got bracket with a traced"),
        (lambda a: optimize.root_scalar(lambda x: x - a).root, "neither bracket nor x0"),
    ],
)
def test_errors(call, text):
    with pytest.raises(errors.ArgumentError, match=text):
        cv.grad(call)(1.0)


@pytest.mark.parametrize("bounds", [(0, 1), ([0.0, -5.0], [1.0, 1.5]), [(0.0, -5.0), (1.0, 1.5)]])
def test_bounds_of_least_squares_are_all_lower_and_all_upper(bounds):
    solve = lambda p: optimize.least_squares(lambda x: x - p, np.array([0.5, 0.5]), bounds).x
    p, expected = np.array([0.5, 2.0]), scipy.optimize.least_squares(lambda x: x - [0.5, 2.0], [0.5, 0.5], bounds=bounds).x
    np.testing.assert_allclose(solve(p), expected, atol=1e-6)
    np.testing.assert_allclose(cv.jacobian(solve)(p), np.diag([1.0, 0.0]), atol=1e-6)


def test_two_pairs_of_bounds_of_minimize():
    found = optimize.minimize(lambda x: np.sum((x - 2) ** 2), np.zeros(2), bounds=((0, 1), (-5, 1.5)))
    np.testing.assert_allclose(found.x, [1.0, 1.5])
