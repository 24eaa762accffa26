"""Python numbers decide no dtype: not as arguments, nor as tangents, nor under any transformation."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector import Primitive, grad, jit, jvp, linearize, make_jaxpr, typeof, vjp, vmap
from covector.interpreters.evaluate import eval_jaxpr
from covector.testing import check_function

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


OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, operator.floordiv)


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """The type and value of a result, or the type of the error."""
    try:
        out = function(*args)
    except Exception as error:
        return type(error)
    return typeof(out), out


@pytest.mark.parametrize("number", [True, 2, 2.0, 2j])
@pytest.mark.parametrize("code", "?bBhHiIlLefdFD")
@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.filterwarnings("ignore")
def test_python_numbers_beside_numpys_are_what_numpy_makes_of_them(op: Any, code: str, number: Any) -> None:
    """Staged, as declared in the program and as it runs; Python's ``1j * np.float64(2)`` is a ``complex``, NumPy's is not."""
    scalar = np.dtype(code).type(3)
    for f, ufunc_args in ((lambda x: op(x, number), (scalar, number)), (lambda x: op(number, x), (number, scalar))):
        expected = outcome(op, *ufunc_args)
        if type(expected) is tuple and type(expected[1]) is complex:
            expected = expected[0].strengthened(), expected[1]
        assert outcome(jit(f), scalar) == expected
        if type(expected) is tuple:
            program = make_jaxpr(f)(scalar)
            assert program.out_avals == [expected[0]]
            assert typeof(eval_jaxpr(program, scalar)[0]) == expected[0]


def test_the_product_of_an_imaginary_number_is_as_precise_as_its_factor() -> None:
    """Through every transformation; of NumPy's scalars ``1j * x * f32`` is of single precision, as Python's complex is weak."""
    x = np.float64(2.0)
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):

        def g(x: Any, op: Any = op) -> Any:
            return op(1j, x) * SINGLE

        wanted = np.complex128
        assert jit(g)(x).dtype == wanted
        assert [t.dtype for t in jvp(g, (x,), (x,))] == [wanted, wanted]
        assert [t.dtype for t in jvp(jit(g), (x,), (x,))] == [wanted, wanted]
        assert vjp(g, x)[0].dtype == wanted
        assert vmap(g)(np.ones(3)).dtype == wanted
    check_function(lambda p: 1j * p[1], (np.arange(1.0, 5.0),))
    check_function(lambda x: (1j * x - 2j * np.sin(x)) / (3j + x), (x,))


def test_a_boolean_is_an_integer_beside_a_python_number() -> None:
    for op in OPERATORS:
        for f in (lambda x, op=op: op(x, True), lambda x, op=op: op(True, x)):
            for x in (3, 1.5):
                expected = f(x)
                assert outcome(jit(f), x) == (typeof(expected), expected)
                assert make_jaxpr(f)(x).out_avals == [typeof(expected)]


def test_the_absolute_value_of_a_truth_value_is_one() -> None:
    for backend in ("numpy", "native"):
        assert jit(np.abs, backend=backend)(True) is np.True_
