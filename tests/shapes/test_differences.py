"""Differences, finite-difference gradients, the trapezoidal rule and interpolation, under every transformation."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check

import covector
from covector.numpy.differences import gradient, interp

X = np.random.default_rng(0).normal(size=(4, 5))
T = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, size=5))
S = np.cumsum(np.random.default_rng(2).uniform(0.5, 1.5, size=4))

FUNCTIONS = {
    "diff": (np.diff, X),
    "diff twice": (lambda x: np.diff(x, 2, axis=0), X),
    "diff not at all": (lambda x: np.diff(x, 0), X),
    "diff too often": (lambda x: np.diff(x, 9), X),
    "diff with ends": (lambda x, y: np.diff(x, prepend=0.0, append=y), X, X[:, :2]),
    "ediff1d": (lambda x: np.ediff1d(x, to_begin=x[0, :2], to_end=9.0), X),
    "gradient": (np.gradient, X),
    "gradient axis": (lambda x: np.gradient(x, 0.5, axis=-1), X),
    "gradient axes": (lambda x: np.gradient(x, 0.5, 2.0, axis=(1, 0)), X),
    "gradient edges": (lambda x: np.gradient(x, 2.0, edge_order=2), X),
    "gradient of coordinates": (lambda x, t: np.gradient(x, t, axis=1), X, T),
    "gradient of coordinates and edges": (lambda x, s, t: gradient(x, s, t, edge_order=2), X, S, T),
    "gradient by a traced step": (lambda x, h: gradient(x, h * h), X, np.float64(0.7)),
    "gradient of three": (lambda x: np.gradient(x[:, :3], edge_order=2), X),
    "gradient of two": (lambda x: np.gradient(x[:2, :2]), X),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.3), X),
    "trapezoid x": (lambda x, t: np.trapezoid(x, t), X, T),
    "trapezoid axis": (lambda x, s: np.trapezoid(x, s, axis=0), X, S),
    "trapezoid of rows": (lambda x, y: np.trapezoid(x, y * y, axis=0), X, X),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, *args = FUNCTIONS[name]
    check(f, *args)


NUMBERS = [np.float32, np.longdouble, np.complex128, np.int64]
DTYPES = [(n, d) for n in ("diff", "diff twice", "trapezoid", "gradient", "gradient edges") for d in NUMBERS]


@pytest.mark.parametrize(("name", "dtype"), [*DTYPES, ("diff", np.bool_), ("diff twice", np.bool_)])
def test_dtype(name, dtype):
    f, *args = FUNCTIONS[name]
    check(f, *((8 * a).astype(dtype) for a in args), order=1)


ERRORS = {
    "diff": lambda x: np.diff(x, -1),
    "diff axis": lambda x: np.diff(x, axis=2),
    "diff scalar": lambda x: np.diff(x[0, 0]),
    "ediff1d": lambda x: np.ediff1d(x, to_end=1j),
    "gradient steps": lambda x: np.gradient(x, 1.0, 2.0, 3.0),
    "gradient lengths": lambda x: np.gradient(x, np.arange(3.0), axis=0),
    "gradient ranks": lambda x: np.gradient(x, x, axis=0),
    "gradient ranks of one": lambda x: np.gradient(x, np.arange(4.0)),
    "gradient short": lambda x: np.gradient(x[:1]),
    "gradient order": lambda x: np.gradient(x, edge_order=3),
    "gradient axis": lambda x: np.gradient(x, axis=2),
    "gradient axes": lambda x: np.gradient(x, axis=(0, 0)),
    "interp lengths": lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0, 2.0]),
    "interp empty": lambda x: np.interp(x, [], []),
    "interp period": lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


# --- interpolation ----------------------------------------------------------------------------------------------------

XP = np.array([-1.0, -0.25, 0.5, 0.75, 1.5])
FP = np.array([2.0, -1.0, 0.5, 3.0, 1.0])


@pytest.mark.parametrize("options", [{}, {"left": -5.0}, {"right": 7.0, "left": 2}, {"period": 2.3}, {"period": -0.9}], ids=str)
def test_interp(options):
    check(lambda x, xp, fp: interp(x, xp, fp, **options), X, XP, FP)


def test_interp_of_complex_values():
    check(lambda x, fp: interp(x, XP, fp, left=1j), X, FP + 1j * FP[::-1])


def test_interp_converts():
    check(lambda x, fp: interp(x, XP, fp), X.astype(np.float32), FP, order=1)
    check(lambda x: np.interp(x, [0, 1, 2], [3, 5, 4]), X, order=1)


def test_interp_at_the_points():
    values, slopes = covector.jvp(lambda x: np.interp(x, XP, FP), (XP,), (np.ones(5),))
    np.testing.assert_array_equal(values, FP)
    right = np.diff(FP) / np.diff(XP)
    np.testing.assert_allclose(slopes, [*right, right[-1]])


def test_interp_of_one_point_and_of_nan():
    x = np.array([-1.0, 2.0, 5.0, np.nan])
    for left, right in ((None, None), (-1.0, 9.0)):
        f = lambda x, left=left, right=right: np.interp(x, [2.0], [3.0], left, right)
        np.testing.assert_array_equal(covector.jit(f)(x), f(x))
    np.testing.assert_array_equal(covector.jit(lambda x: np.interp(x, XP, FP))(x), np.interp(x, XP, FP))


def test_interp_derivative_by_hand():
    gradient_fp = covector.grad(lambda fp: interp(0.0, XP, fp))(FP)
    weight = 0.25 / 0.75
    np.testing.assert_allclose(gradient_fp, [0, 1 - weight, weight, 0, 0])
    gradient_xp = covector.grad(lambda xp: interp(0.0, xp, FP))(XP)
    slope = 1.5 / 0.75
    np.testing.assert_allclose(gradient_xp, [0, -slope * (1 - weight), -slope * weight, 0, 0])
