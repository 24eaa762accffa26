"""Derivatives at kinks: each row of the table in docs/derivatives-at-kinks.md, in every mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import covector as cv

PAGE = Path(__file__).parents[2] / "docs" / "derivatives-at-kinks.md"
LINES = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
ROWS = [tuple(cell.strip(" `") for cell in line.strip("| ").split("|")) for line in LINES]
WAYS = {
    "grad": lambda f: cv.grad(f),
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (1.0,))[1],
    "jit": lambda f: cv.jit(cv.grad(f)),
    "grad of jit": lambda f: cv.grad(cv.jit(f)),
    "vmap": lambda f: lambda x: cv.vmap(cv.grad(f))(np.stack([x, x]))[1],
}


def is_one_of(value, cell):
    return any(np.array_equal(value, float(choice), equal_nan=True) for choice in cell.split(" or "))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} at {row[1]}" for row in ROWS])
def test_row(row):
    source, x, first, second = row
    f = eval(f"lambda x: {source}", {"np": np, "cv": cv})
    x = eval(x, {"np": np})
    with np.errstate(all="ignore"):
        for name, way in WAYS.items():
            value = way(f)(x)
            assert is_one_of(value, first), (name, value)
        for name, way in (("grad", cv.grad), ("jvp", WAYS["jvp"]), ("jit", WAYS["jit"])):
            value = way(cv.grad(f))(x)
            assert is_one_of(value, second), (name, "second", value)


def test_the_page_has_a_table():
    assert len(ROWS) > 40


@pytest.mark.parametrize("of_length", [np.square, lambda r: np.exp(-(r**2)), np.cos])
@pytest.mark.parametrize(
    "length",
    [
        np.linalg.norm,
        lambda x: np.linalg.norm(x, 3),
        lambda x: np.hypot(x[0], x[1]),
        lambda x: np.abs(x[0] + 1j * x[1]),
        lambda x: np.linalg.norm(np.diag(x)),
        lambda x: np.std(np.concatenate([x, np.zeros(1)])),
        lambda x: np.linalg.norm(x[:1]) + np.linalg.norm(x[1:]),
    ],
)
def test_a_smooth_function_of_a_length_has_no_invented_hessian(length, of_length):
    """Its Hessian exists at 0 and is not zero; what the chain rule can give is NaN."""
    f = lambda x: of_length(length(x))
    with np.errstate(all="ignore"):
        for hessian in (cv.hessian(f), cv.jacrev(cv.jacrev(f)), cv.jit(cv.hessian(f))):
            assert not np.any(np.isfinite(hessian(np.zeros(2))))
        x = np.array([0.3, -0.4])
        numerical = [(cv.grad(f)(x + e) - cv.grad(f)(x - e)) / 2e-5 for e in 1e-5 * np.eye(2)]
        np.testing.assert_allclose(cv.hessian(f)(x), numerical, atol=1e-6)


@pytest.mark.parametrize("order", [0.5, 1.5, 2.0, 2.5, 3, 4])
@pytest.mark.parametrize("x", [[0.3, -0.4, 0.2], [0.0, 3.0, -4.0]])
def test_norms_of_any_order_to_second_order(order, x):
    """With an element 0 the gradient's is 0, and orders below 2 have no second derivative in it."""
    f = lambda x: np.linalg.norm(x, order)
    x = np.array(x)
    with np.errstate(all="ignore"):
        gradient, hessian = cv.grad(f)(x), cv.hessian(f)(x)
    away = x != 0
    numerical = np.array([(f(x + e) - f(x - e)) / 2e-6 for e in 1e-6 * np.eye(3)])
    np.testing.assert_allclose(gradient[away], numerical[away], atol=1e-6)
    np.testing.assert_array_equal(gradient[~away], 0)
    second = np.array([(cv.grad(f)(x + e) - cv.grad(f)(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)])
    np.testing.assert_allclose(hessian[np.ix_(away, away)], second[np.ix_(away, away)], atol=1e-4)
    if order < 2 and not away.all():
        assert np.isnan(hessian[0, 0])
    if order >= 2.5:
        np.testing.assert_allclose(hessian, second, atol=1e-2)


@pytest.mark.parametrize(
    ("f", "x", "want"),
    [
        (np.expm1, -40.0, np.exp(-40.0)),
        (np.arcsinh, 1e200, 1e-200),
        (np.arcsinh, -1e300, 1e-300),
        (np.arccosh, 1e200, 1e-200),
        (np.arcsinh, 1e200 * (1 + 1j), 1e-200 / (1 + 1j)),
        (np.arccosh, 1e200 * (1 + 1j), 1e-200 / (1 + 1j)),
        (np.arctan, 1e120 * (1 + 1j), 1e-240 / (2j)),
        (np.arctanh, 1e120 * (1 + 1j), -1e-240 / (2j)),
    ],
)
def test_derivatives_far_out(f, x, want):
    derivative = cv.grad(f, holomorphic=isinstance(x, complex))
    for value in (derivative(x), cv.jit(derivative)(x)):
        np.testing.assert_allclose(value, want, rtol=1e-9, atol=0)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.expm1])
@pytest.mark.parametrize("z", [0.3 + 0.2j, -2 + 0.5j, 2 - 3j, -0.1 - 4j, 3 + 0.1j, 1e5 + 2e5j])
def test_complex_derivatives_on_the_branch_of_numpy(f, z):
    h = 1e-6 * max(abs(z), 1)
    numerical = (f(z + h) - f(z - h)) / (2 * h) if f is not np.expm1 or abs(z) < 100 else np.exp(z)
    if np.isfinite(numerical):
        np.testing.assert_allclose(cv.grad(f, holomorphic=True)(z), numerical, rtol=1e-5, atol=1e-12)


def test_logsumexp_of_many_halves():
    x = np.full(70000, 1, np.float16)
    assert abs(float(cv.numpy.logsumexp(x)) - (1 + np.log(70000))) < 0.01


def test_shares_of_several_infinities():
    x = np.array([np.inf, 1.0, np.inf])
    np.testing.assert_array_equal(cv.grad(cv.numpy.logsumexp)(x), [0.5, 0, 0.5])
