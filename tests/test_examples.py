"""The facts that the examples demonstrate, tested against closed forms; and the short examples themselves, run whole."""

from __future__ import annotations

import itertools
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import covector as cv

EXAMPLES = Path(__file__).parents[1] / "examples"


def forward_derivative(f):
    return lambda x: cv.jvp(f, (x,), (1.0,))[1]


def linearized_derivative(f):
    return lambda x: cv.linearize(f, x)[1](1.0)


def transposed_derivative(f):
    return lambda x: cv.vjp(f, x)[1](1.0)[0]


def jitted_derivative(f):
    return cv.jit(cv.grad(f))


DERIVATIVES = [cv.grad, forward_derivative, linearized_derivative, transposed_derivative, jitted_derivative]
each_derivative = pytest.mark.parametrize("derivative", DERIVATIVES, ids=lambda d: d.__name__)
each_pair = pytest.mark.parametrize(
    ("inner", "outer"), list(itertools.product(DERIVATIVES, repeat=2)), ids=lambda d: d.__name__.removesuffix("_derivative")
)


# --- worked examples -----------------------------------------------------------------------------------------------------


def two_outputs(x1, x2):
    return x1 * x2 + np.sin(x1), np.exp(x2) + x1**2


def test_forward_sweep():
    outputs, tangents = cv.jvp(two_outputs, (1.0, 0.0), (2.0, -1.0))
    np.testing.assert_allclose(outputs, (np.sin(1), 2), rtol=1e-15)
    np.testing.assert_allclose(tangents, (-1 + 2 * np.cos(1), 3), rtol=1e-15)


def test_forward_sweep_linearized():
    _, pushforward = cv.linearize(two_outputs, 1.0, 0.0)
    np.testing.assert_allclose(pushforward(2.0, -1.0), (-1 + 2 * np.cos(1), 3), rtol=1e-15)


def test_square_gradient():
    gradient = cv.grad(lambda x, y: (x * y + np.sin(x)) ** 2, argnums=(0, 1))(1.0, 2.0)
    s = 2 + np.sin(1)
    np.testing.assert_allclose(gradient, (4 * s + 2 * s * np.cos(1), 2 * s), rtol=1e-15)


@pytest.mark.parametrize(("x", "y", "z"), [(0.7, -1.3, 2.1), (0.0, 0.0, 0.0), (-2.0, 3.0, 0.5)])
def test_product_gradient(x, y, z):
    gradient = cv.grad(lambda x, y, z: (x * y + z) * np.sin(y), argnums=(0, 1, 2))(x, y, z)
    by_hand = (y * np.sin(y), (x * y + z) * np.cos(y) + x * np.sin(y), np.sin(y))
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-14, atol=1e-15)


def test_shared_subexpression_gradient():
    """d/dx (x y + sin x) = y + cos x: the value x is used twice and receives the sum."""
    gradient = cv.grad(lambda x, y: x * y + np.sin(x), argnums=(0, 1))(0.4, 1.7)
    np.testing.assert_allclose(gradient, (1.7 + np.cos(0.4), 0.4), rtol=1e-15)


@each_derivative
def test_exp_sin_at_zero(derivative):
    np.testing.assert_allclose(derivative(lambda x: np.exp(x) * np.sin(x))(0.0), 1.0, rtol=1e-15)


RELUS = {
    "maximum": lambda x: np.maximum(x, 0),
    "swapped": lambda x: np.maximum(0.0, x),
    "where": lambda x: np.where(x > 0, x, 0.0),
}


@each_derivative
@pytest.mark.parametrize("relu", RELUS.values(), ids=RELUS)
def test_relu(derivative, relu):
    slopes = [float(derivative(relu)(x)) for x in (-1.0, 0.0, 1.0)]
    assert slopes == [0.0, 0.0, 1.0]


# --- high orders ---------------------------------------------------------------------------------------------------------


@each_derivative
@pytest.mark.parametrize("x", [-1.1, 0.0, 0.7])
@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_sin(derivative, x, order):
    f = np.sin
    for _ in range(order):
        f = derivative(f)
    np.testing.assert_allclose(f(x), np.sin(x + order * np.pi / 2), rtol=1e-13, atol=1e-14)


@each_derivative
@pytest.mark.parametrize("x", [-1.1, 0.0, 0.7])
@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_a_rational_function(derivative, x, order):
    def f(x):
        return 1 / (1 + x**2)

    for _ in range(order):
        f = derivative(f)
    # 1/(1 + x²) is the imaginary part of 1/(x - i)
    expected = (-1) ** order * math.factorial(order) * ((x - 1j) ** -(order + 1)).imag
    np.testing.assert_allclose(f(x), expected, rtol=1e-12, atol=1e-12)


# --- perturbation confusion: every case has another value if the inner and the outer perturbation are mixed up -------------


@each_pair
def test_inner_derivative_of_a_sum(inner, outer):
    """d/dx [x · d/dy (x + y)] = 1; confused: 2."""
    assert float(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == 1.0


@each_pair
def test_inner_derivative_of_a_product(inner, outer):
    """d/dx [x · d/dy (x y)] = 2 x."""
    assert float(outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0)) == 6.0


@each_pair
def test_inner_derivative_at_the_outer_variable(inner, outer):
    """d/dx [3 x² y² at y = x] = 12 x³."""
    f = outer(lambda x: inner(lambda y: x**2 * y**3)(x))
    np.testing.assert_allclose(f(3.0), 324.0, rtol=1e-14)


@each_pair
def test_inner_derivative_of_a_constant(inner, outer):
    """d/dx [x + d/dy x²] = 1: the inner function does not use its own variable."""
    assert float(outer(lambda x: x + inner(lambda y: x**2)(1.0))(3.0)) == 1.0


@each_pair
def test_three_deep(inner, outer):
    """d/dx [x · d/dy (y · d/dz (x y z))] = d/dx [2 x² y] = 4 x y."""
    f = outer(lambda x: x * inner(lambda y: y * outer(lambda z: x * y * z)(7.0))(5.0))
    np.testing.assert_allclose(f(3.0), 60.0, rtol=1e-14)


@each_pair
def test_same_function_at_both_levels(inner, outer):
    """The derivative of sin inside the derivative of a program that uses sin, at the same point."""
    f = outer(lambda x: np.sin(x) * inner(np.sin)(x))
    np.testing.assert_allclose(f(0.6), np.cos(1.2), rtol=1e-14)  # d/dx [sin x cos x]


# --- Jacobians -------------------------------------------------------------------------------------------------------------


class Counted:
    """f: R³ → R², counting how often its Python code runs."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return np.stack([x[0] * x[1] + np.sin(x[2]), np.exp(x[0]) * x[2]])

    @staticmethod
    def jacobian(x):
        return np.array([[x[1], x[0], np.cos(x[2])], [np.exp(x[0]) * x[2], 0.0, np.exp(x[0])]])


POINT = np.array([0.5, -1.2, 0.8])


def test_jacobian_by_three_forward_sweeps():
    f = Counted()
    columns = [cv.jvp(f, (POINT,), (direction,))[1] for direction in np.eye(3)]
    np.testing.assert_allclose(np.stack(columns, axis=1), f.jacobian(POINT), rtol=1e-14)
    assert f.calls == 3


def test_jacobian_by_two_backward_sweeps():
    f = Counted()
    _, pullback = cv.vjp(f, POINT)
    rows = [pullback(weights)[0] for weights in np.eye(2)]
    np.testing.assert_allclose(np.stack(rows), f.jacobian(POINT), rtol=1e-14)
    assert f.calls == 1


@pytest.mark.parametrize("jacobian", [cv.jacfwd, cv.jacrev, cv.jacobian], ids=lambda j: j.__name__)
def test_jacobians(jacobian):
    np.testing.assert_allclose(jacobian(Counted())(POINT), Counted.jacobian(POINT), rtol=1e-14)


def curved(x):
    """R³ → R."""
    return x[0] ** 2 * x[1] + np.exp(x[1]) * np.sin(x[2])


def curved_hessian(x):
    e, s, c = np.exp(x[1]), np.sin(x[2]), np.cos(x[2])
    return np.array([[2 * x[1], 2 * x[0], 0.0], [2 * x[0], e * s, e * c], [0.0, e * c, -e * s]])


@pytest.mark.parametrize("second", [cv.jacfwd, cv.jacrev], ids=lambda j: j.__name__)
@pytest.mark.parametrize("first", [cv.jacfwd, cv.jacrev], ids=lambda j: j.__name__)
def test_hessian_in_every_order_of_modes(first, second):
    np.testing.assert_allclose(second(first(curved))(POINT), curved_hessian(POINT), rtol=1e-13, atol=1e-15)


def test_hessian_and_its_products():
    v = np.array([1.0, -2.0, 0.5])
    expected = curved_hessian(POINT)
    np.testing.assert_allclose(cv.hessian(curved)(POINT), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(cv.hvp(curved, (POINT,), (v,)), expected @ v, rtol=1e-13)
    np.testing.assert_allclose(cv.jvp(cv.grad(curved), (POINT,), (v,))[1], expected @ v, rtol=1e-13)
    np.testing.assert_allclose(cv.grad(lambda x: cv.grad(curved)(x) @ v)(POINT), expected @ v, rtol=1e-13)


# --- the scripts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["forward_trace", "reverse_trace", "derivatives", "jacobians"])
def test_script(name, capsys):
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "{ lambda" in printed, "each prints its trace"
    assert "checked" in printed
