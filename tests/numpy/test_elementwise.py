"""Elementwise functions that are no ufuncs, and the operators, properties and methods of tracers."""

from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import special
from transformed import agree, check, outcome, same

import covector
from covector.core import errors

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
Z = X + 1j * RNG.normal(size=(3, 4))
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0])


# --- choosing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, int, np.float32, float, complex])
def test_derivatives_of_where_with_a_condition_of_any_dtype(dtype: type) -> None:
    x, c = np.array([-0.5, 0.0, 2.0]), np.array([1, 0, 2]).astype(dtype)
    for condition in (lambda x: c, lambda x: np.astype(x, dtype) if dtype is not complex else x + 0j):
        f = lambda x, condition=condition: np.where(condition(x), x**2, 3.0 * x)
        slopes = np.diag([2 * v if m else 3.0 for v, m in zip(x, np.asarray(condition(x)) != 0, strict=True)])
        for jacobian in (covector.jacfwd(f), covector.jacrev(f), covector.jit(covector.jacrev(f))):
            np.testing.assert_allclose(jacobian(x), slopes)


def test_where() -> None:
    c = X > 0
    for y in (Z, X.astype(np.float32), 2.0, 1, 1j, np.float32(3), [1.0, 2.0, 3.0, 4.0], np.arange(4), X[:, :1]):
        agree(lambda x: np.where(c, x, y), X)  # noqa: B023
        agree(lambda x: np.where(c, y, x), X.astype(np.float32))  # noqa: B023
    agree(lambda c: np.where(c, 1.0, 2.0), c)
    agree(lambda c: np.where(c, X, -X), X)  # a condition of any dtype
    agree(lambda x: np.where(c[:, :2], x, 0), X)
    agree(lambda x: np.where(c, x), X)
    agree(lambda x: np.where(x > 0), X, staged=False)
    check(lambda x, y: np.where(c, x, y), X, Z)
    check(lambda x, y: np.where(c, x, y), X[0], X[:, :1].astype(np.float32), order=1)
    check(np.where, c, X, Z)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradient = covector.grad(lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0.0)))(SPECIAL[3:])
    same(gradient, np.array([0, 0, 1 / 1.5, 0]))


@pytest.mark.parametrize("code", "bBiqefdgFDG")
def test_clip(code: str) -> None:
    x = (Z if code in "FDG" else 3 * X).astype(code)
    for low, high in (
        (0, 1),
        (None, 0.5),
        (-1, None),
        (None, None),
        (0.25, 1.5),
        (-300, 300),
        (X[:1], 1),
        ([0, 1, 2, 3], None),
    ):
        agree(lambda x: np.clip(x, low, high), x)  # noqa: B023
        agree(lambda x: np.clip(x, min=low, max=high), x)  # noqa: B023
        agree(lambda x: x.clip(low, high), x)  # noqa: B023


def test_clip_options() -> None:
    agree(lambda x: np.clip(x), X)
    agree(lambda x: np.clip(x, 0), X)
    agree(lambda x: np.clip(x, a_max=0), X)
    agree(lambda x: np.clip(x, 0, 1, min=0), X)
    agree(lambda x: np.clip(SPECIAL, x[0, 0], 1), X)
    check(lambda x, low, high: np.clip(x, low, high), X, np.array(-0.3), np.array([0.2, 0.5, 1.0, 3.0]))
    same(
        covector.grad(lambda x: np.sum(np.clip(x, 0.0, 1.0)))(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), np.array([0, 0, 1.0, 0, 0])
    )
    with pytest.raises(errors.UnsupportedFunctionError):
        covector.jit(lambda x: np.clip(x, 0, 1, where=X > 0))(X)


# --- rounding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", "?bHqefdgFDG")
def test_rounding(code: str) -> None:
    x = (1 + 20 * np.abs(X)).astype(code) if code not in "FDG" else (20 * Z).astype(code)
    for f in (np.round, np.around, np.fix, lambda x: np.round(x, 1), lambda x: np.round(x, decimals=-1), lambda x: x.round(2)):
        agree(f, x)
    if code in "fdgFDG":
        same(covector.jvp(np.round, (x,), (x,))[1], np.zeros_like(x))
        check(lambda x: np.round(x, 1), x, numerical=False)


# --- complex numbers ------------------------------------------------------------------------------------------------------


def test_complex_parts() -> None:
    for x in (X, Z, X.astype(np.float16), Z.astype(np.complex64), np.arange(3), Z[0, 0], X[0, 0], np.array([True])):
        for f in (np.real, np.imag, np.conj, np.conjugate, np.isreal, np.iscomplex, np.angle, lambda x: np.angle(x, deg=True)):
            agree(f, x)
        for name in ("real", "imag"):
            agree(lambda x: getattr(x, name), x)  # noqa: B023
        for name in ("conj", "conjugate"):
            agree(lambda x: getattr(x, name)(), x)  # noqa: B023
        agree(np.iscomplexobj, x)
        agree(np.isrealobj, x)
    for f in (np.real, np.imag, np.conj, np.angle, lambda z: z.real**2 + 1j * z.imag, lambda z: np.abs(z.conj() * z)):
        check(f, Z)
        check(f, Z.astype(np.complex64), order=1)
        check(f, X)


def test_conjugation_convention() -> None:
    """Pairings are Re(ct x) without conjugation: the pullback of a holomorphic function multiplies by its derivative."""
    z, ct = np.array([1 + 2j]), np.array([3 - 1j])
    same(covector.vjp(np.sin, z)[1](ct)[0], ct * np.cos(z))
    same(covector.vjp(np.conj, z)[1](ct)[0], np.conj(ct))
    same(covector.vjp(np.real, z)[1](np.array([3.0]))[0], np.array([3 + 0j]))
    same(covector.vjp(np.imag, z)[1](np.array([3.0]))[0], np.array([-3j]))
    same(covector.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))


def test_real_if_close() -> None:
    for z in (Z, Z.real + 1e-15j, X, X.astype(np.float32)):
        agree(np.real_if_close, z, staged=z.dtype.kind != "c")
    with pytest.raises(errors.TracerArrayConversionError, match="real_if_close"):
        covector.jit(np.real_if_close)(Z)


# --- tests of numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [SPECIAL, SPECIAL.astype(np.float16), SPECIAL + 1j * SPECIAL[::-1], np.arange(-1, 3)], ids=str)
def test_tests_of_numbers(x: Any) -> None:
    other = x[::-1]
    for f in (
        *(np.isneginf, np.isposinf, np.nan_to_num, lambda x: np.nan_to_num(x, nan=3, posinf=1e3, neginf=-5)),
        *(lambda x: np.isclose(x, other), lambda x: np.isclose(other, x, equal_nan=True), lambda x: np.isclose(x, 1, atol=1)),
        *(lambda x: np.allclose(x, other), lambda x: np.allclose(x, x), lambda x: np.allclose(x, x, equal_nan=True)),
        *(lambda x: np.array_equal(x, other), lambda x: np.array_equal(x, x, equal_nan=True), lambda x: np.array_equal(x, 0)),
        *(lambda x: np.array_equiv(x, x[:1]), lambda x: np.array_equiv(x, x[:2]), lambda x: np.array_equiv(x[2:], x[2:])),
        *(lambda x: np.isin(x, [0, 1.5]), lambda x: np.isin(x, other, invert=True), lambda x: np.isin([1, 2], x)),
    ):
        agree(f, x)


def test_whole_array_tests_are_python_bools_where_known() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.extend([np.allclose(x, x), np.array_equal(x, x), np.array_equiv(x, x + 1)])
        return np.sum(x)

    covector.grad(f)(X)
    assert all(type(s) is bool for s in seen)
    assert seen == [True, True, False]


def test_nan_to_num_passes_derivatives_of_finite_elements() -> None:
    gradient = covector.grad(lambda x: np.sum(np.nan_to_num(x) ** 2))(SPECIAL[[0, 5, 6]])
    same(gradient, np.array([0.0, 3.0, -4.0]))
    check(np.nan_to_num, Z)


# --- sinc, i0, unwrap ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", "qefdgFDG")
def test_sinc(code: str) -> None:
    x = np.array([-2.3, -0.4, 0.0, 1e-9, 0.2, 1.0, 3.7])
    x = (x * (1 + 0.3j) if code in "FDG" else x).astype(code)
    agree(np.sinc, x)
    if code != "q":
        check(np.sinc, x, tolerance=1e-9)


def test_high_derivatives_of_sinc() -> None:
    """The k-th derivative is the integral of pi^k t^k cos(pi x t + k pi/2) over t in [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    t, w = (nodes + 1) / 2, weights / 2
    derivative: Any = np.sinc
    for k in range(1, 9):
        derivative = (lambda f: lambda x: covector.jvp(f, (x,), (1.0,))[1])(derivative)
        for x in (0.0, 1e-7, 0.3, 0.5, 1.0, 1.7, 2.6, -3.2, 6.0):
            exact = np.sum(w * (np.pi * t) ** k * np.cos(np.pi * x * t + k * np.pi / 2))
            assert math.isclose(derivative(x), exact, rel_tol=1e-9, abs_tol=1e-9 * np.pi**k), (k, x)


def test_i0() -> None:
    x = np.array([-2.3, 0.0, 0.4, 3.0])
    for code in "qefdg":
        agree(np.i0, x.astype(code))
    check(np.i0, x)
    third = covector.grad(covector.grad(covector.grad(np.i0)))(0.7)
    assert math.isclose(third, special.ivp(0, 0.7, 3), rel_tol=1e-12)
    with pytest.raises(TypeError):
        covector.jit(np.i0)(Z)


def test_unwrap() -> None:
    phase = np.cumsum(RNG.uniform(-3, 3, (2, 9)), axis=1) % (2 * np.pi)
    for options in ({}, {"axis": 0}, {"discont": 4.0}, {"period": 3.0}):
        agree(lambda x: np.unwrap(x, **options), phase)  # noqa: B023
    agree(lambda x: np.unwrap(x, period=4), np.array([0, 1, 2, -1, 0, 3, 5]))
    agree(lambda x: np.unwrap(x, period=5), np.array([0, 1, 2, -1, 0, 3, 5]))
    agree(np.unwrap, phase.astype(np.float32))
    check(np.unwrap, phase)


def test_emath() -> None:
    for f in (np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10, np.emath.arcsin, np.emath.arccos, np.emath.arctanh):
        for x in (X, np.abs(X) / 3, Z, X.astype(np.float32), np.array([1, 0, -3]), np.array([1, 0])):
            agree(f, x, staged=x.dtype.kind == "c")
    agree(lambda x: np.emath.power(x, 0.5), X, staged=False)
    agree(lambda x: np.emath.power(x, -2), X, staged=False)
    agree(lambda x: np.emath.power([2, 3], x), np.array([-1, 2]), staged=False)
    agree(lambda x: np.emath.logn(2, x), X, staged=False)


# --- operators, properties and methods of tracers ---------------------------------------------------------------------------

BINARY = (
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow, divmod),
    *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
)
BITWISE = (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift)
OPERANDS = (2.5, 3, np.float32(1.5), np.float64(0.5), np.array([1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0], np.arange(1, 5))


@pytest.mark.parametrize("op", [*BINARY, *BITWISE], ids=lambda f: f.__name__)
def test_operators(op: Any) -> None:
    arrays = (np.arange(1, 5), np.array([True, False])) if op in BITWISE else (np.abs(X), np.abs(X).astype(np.float32), Z)
    for x in arrays:
        for y in (True, 3, np.int16(2), x) if op in BITWISE else OPERANDS:
            agree(lambda x: op(x, y), x)  # noqa: B023
            agree(lambda x: op(y, x), x)  # noqa: B023
            agree(lambda x: op(x, x), x)
            if np.shape(y) in ((), (4,)) and not isinstance(outcome(op, x, np.asarray(y)), TypeError):
                check(lambda x: op(x, y), x)  # noqa: B023


def test_unary_operators() -> None:
    for f in (operator.neg, operator.pos, abs):
        for x in (X, Z, np.arange(3), np.array(2.0), np.array([True])):
            agree(f, x)
    for x in (np.arange(3), np.array([True, False])):
        agree(operator.invert, x)
    agree(operator.invert, X)


def test_comparison_with_what_is_no_value() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.extend([x == None, x != None, x == "a", x is None])  # noqa: E711
        with pytest.raises(TypeError):
            x < None  # noqa: B015
        with pytest.raises(TypeError):
            x + "a"
        return np.sum(x)

    covector.grad(f)(X)
    covector.jit(f)(X)
    assert seen == [False, True, False, False] * 2


def test_control_flow_on_known_values() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        while total < 5:
            total = total + (x if x > 1 else x * x)
        return total

    assert covector.grad(f)(2.0) == 3
    assert math.isclose(covector.grad(f)(0.9), 7 * 2 * 0.9)
    with pytest.raises(errors.TracerBoolConversionError):
        covector.jit(f)(2.0)


def test_astype() -> None:
    for code in "?bqefdgFD":
        for x in (X, Z, np.arange(3), np.array(2.5)):
            agree(lambda x: x.astype(code), x)  # noqa: B023
            agree(lambda x: np.astype(x, np.dtype(code)), x)  # noqa: B023
    agree(lambda x: x.astype(np.float32, casting="safe"), X)
    agree(lambda x: x.astype(np.float32, copy=False), X)
    check(lambda x: x.astype(np.complex128) * 1j, X)
    check(lambda z: z.astype(np.float64), Z)


def test_hash_and_arguments_that_are_lists() -> None:
    with pytest.raises(TypeError, match="arrays are not hashable"):
        covector.jit(lambda x: hash(x))(X)
    check(lambda x: np.multiply([1.0, 2.0, 3.0, 4.0], x), X)
    check(lambda x: x * [1.0, 2.0, 3.0, 4.0], X)
    check(lambda x: np.add([x[0, 0], 1.0], x[0, 1]), X)
    agree(lambda x: [x[0, 0], 1.0] * x[:, :2], X)


@pytest.mark.parametrize("part", [lambda y: y, lambda y: y[0], lambda y: y.max(), lambda y: ~y[0]])
def test_squares_of_truth_values_are_integers_of_eight_bits_in_arrays_alone(part):
    y = np.array([True, False])
    assert covector.jit(lambda y: part(y) ** 2)(y).dtype == (part(y) ** 2).dtype
