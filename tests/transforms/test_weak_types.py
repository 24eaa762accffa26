"""Python numbers decide no dtype: not as arguments, nor as tangents, nor under any transformation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector import Primitive, grad, jit, jvp, linearize, typeof, vjp

SINGLE = np.ones(2, np.float32)


def f(x: Any) -> Any:
    return x * SINGLE


@pytest.mark.parametrize("tangent", [1.0, 1, np.float64(1.0), np.ones(())])
def test_the_tangent_of_a_python_number_may_be_of_any_type(tangent: Any) -> None:
    for g in (f, jit(f)):
        out, t = jvp(g, (2.0,), (tangent,))
        assert (out.dtype, t.dtype) == (np.float32, np.float32)
        assert linearize(g, 2.0)[1](tangent).dtype == np.float32


def test_a_traced_tangent_of_a_python_number() -> None:
    out, t = jvp(lambda a: jvp(f, (a,), (np.cos(a),))[1], (2.0,), (1.0,))
    assert (out.dtype, t.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(out, np.cos(2.0) * SINGLE, rtol=1e-6)
    np.testing.assert_allclose(t, -np.sin(2.0) * SINGLE, rtol=1e-6)


def test_a_weak_traced_tangent_of_a_strong_number() -> None:
    out, t = jvp(lambda t: jvp(f, (np.float64(2.0),), (t,))[1], (1.0,), (1.0,))
    assert (out.dtype, t.dtype) == (np.float64, np.float64)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x / 3,
        lambda x: 3 / x,
        lambda x: x**2,
        lambda x: x**2.5,
        lambda x: 2**x,
        lambda x: abs(x),
        lambda x: -x,
        lambda x: x // 1,
        lambda x: x % 1.5,
        lambda x: x.real,
        lambda x: x.imag,
        lambda x: np.real(x),
        lambda x: np.imag(x),
    ],
)
def test_operators_on_python_numbers_stay_weak(operation: Callable[[Any], Any]) -> None:
    assert isinstance(operation(2.0), float) and not isinstance(operation(2.0), np.generic)

    def g(x: Any) -> Any:
        return operation(x) * SINGLE

    for h in (g, jit(g)):
        assert typeof(h(2.0)) == typeof(SINGLE)
        out, t = jvp(h, (2.0,), (1.0,))
        assert (out.dtype, t.dtype) == (np.float32, np.float32)
    assert typeof(jit(operation)(2.0)) == typeof(operation(2.0))


@pytest.mark.parametrize(
    "operation", [lambda n: n // 2, lambda n: n % 3, lambda n: n & 6, lambda n: n | 1, lambda n: ~n, lambda n: n << 1]
)
def test_operators_on_python_integers_stay_weak(operation: Callable[[Any], Any]) -> None:
    assert typeof(jit(operation)(5)) == typeof(operation(5))
    assert jit(operation)(5) == operation(5)


@pytest.mark.parametrize("ufunc", [np.conj, np.abs, np.negative, np.positive, np.square, np.reciprocal])
def test_ufuncs_of_python_numbers_are_strong(ufunc: Any) -> None:
    for x in (2.0, 1.0 + 2.0j):
        expected = ufunc(x)
        assert isinstance(expected, np.generic)
        assert typeof(jit(ufunc)(x)) == typeof(expected)
        assert typeof(jvp(ufunc, (x,), (x,))[0]) == typeof(expected)
        assert typeof(vjp(ufunc, x)[0]) == typeof(expected)


def test_gradients_of_python_numbers_are_numpy_numbers() -> None:
    for g in (lambda x: x * 2.0, lambda x: x**3, np.sin):
        assert isinstance(grad(g)(2.0), np.float64)
        assert isinstance(jit(grad(g))(2.0), np.float64)
        assert isinstance(vjp(g, 2.0)[1](1.0)[0], np.float64)


def test_the_derivative_at_a_pole_is_infinite_for_python_numbers_too() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        assert jvp(np.log, (0.0,), (1.0,))[1] == np.inf
        assert grad(np.log)(0.0) == np.inf


def test_a_complex_number_converts_to_a_real_dtype_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Primitive.registry["convert"].bind(1 + 2j, dtype=np.dtype(np.float64)) == 1.0


@pytest.mark.parametrize("extremum", [np.maximum, np.minimum])
def test_extrema_of_complex_python_numbers(extremum: Any) -> None:
    out, t = jvp(lambda z: extremum(z, 1), (2 + 1j,), (1 + 0j,))
    assert out == extremum(2 + 1j, 1)
    assert t == (1 if extremum is np.maximum else 0)


def test_the_tangent_of_a_conversion_of_angles_is_not_weak():
    out, tangent = jvp(lambda a: np.float32(0.5) * np.deg2rad(a), (0.5,), (1.0,))
    assert (out.dtype, tangent.dtype) == (np.float64, np.float64)


def test_python_numbers_and_booleans_make_python_numbers() -> None:
    """NumPy computes with a boolean, and its scalar would decide a dtype."""
    for h in (lambda x: x / True, lambda x: x % True, lambda x: True**x):
        out, t = jvp(h, (1.5,), (1.0,))
        assert type(out) is float
        assert jvp(lambda x, h=h: h(x) * SINGLE, (1.5,), (1.0,))[1].dtype == np.float32
