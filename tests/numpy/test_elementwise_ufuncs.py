"""Every ufunc of NumPy on tracers: values, dtypes, derivatives to second order, batching, at regular and at special points."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from transformed import check, same

import covector
from covector.core.errors import UnsupportedFunctionError
from covector.core.tracer import UFUNCS

REALS = (np.float16, np.float32, np.float64, np.longdouble)
COMPLEX = (np.complex64, np.complex128, np.clongdouble)
SPREAD = np.array([[-2.3, -0.7, -0.2], [0.3, 0.9, 1.7]])
POSITIVE = np.array([0.3, 0.7, 1.1, 2.5])
INSIDE = np.array([-0.8, -0.3, 0.2, 0.7])
ABOVE_ONE = np.array([1.2, 1.5, 2.7])

UNARY: dict[np.ufunc, np.ndarray] = {
    **dict.fromkeys((np.exp, np.exp2, np.expm1, np.sin, np.cos, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh), SPREAD),
    **dict.fromkeys((np.square, np.negative, np.positive, np.conjugate, np.absolute, np.sign, np.rint), SPREAD),
    **dict.fromkeys((np.cbrt, np.fabs, np.deg2rad, np.rad2deg, np.radians, np.degrees, np.reciprocal), SPREAD),
    **dict.fromkeys((np.floor, np.ceil, np.trunc, np.isfinite, np.isinf, np.isnan, np.signbit, np.spacing), SPREAD),
    **dict.fromkeys((np.logical_not, np.tan), SPREAD),
    **dict.fromkeys((np.log, np.log2, np.log10, np.log1p, np.sqrt), POSITIVE),
    **dict.fromkeys((np.arcsin, np.arccos, np.arctanh), INSIDE),
    np.arccosh: ABOVE_ONE,
}
MULTIPLE = {np.modf: SPREAD, np.frexp: SPREAD}
BINARY_COMPLEX = (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.float_power,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
)
BINARY_REAL = (
    *(np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.copysign, np.remainder, np.fmod, np.heaviside),
    *(np.nextafter, np.floor_divide, np.divmod),
)
COMPARISONS = (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor),
)
INTEGER = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm)
INTEGER_UNARY = (np.invert, np.bitwise_count)
CONTRACTIONS = tuple(f for name in ("matmul", "vecdot", "matvec", "vecmat") if (f := getattr(np, name, None)))
TESTED = {
    *UNARY, *MULTIPLE, *BINARY_COMPLEX, *BINARY_REAL, *COMPARISONS, *INTEGER, *INTEGER_UNARY, *CONTRACTIONS, np.ldexp
}  # fmt: skip


UNSUPPORTED_UFUNCS = {np.isnat} | {f for f in vars(np.strings).values() if isinstance(f, np.ufunc) and f not in UFUNCS}
"""Those of dates and of strings, which covector has not."""


def all_ufuncs() -> set[np.ufunc]:
    return {f for module in (np, np.strings, np.char) for f in vars(module).values() if isinstance(f, np.ufunc)}


def test_every_ufunc_is_in_a_table() -> None:
    assert all_ufuncs() - TESTED == UNSUPPORTED_UFUNCS


@pytest.mark.parametrize("ufunc", sorted(all_ufuncs(), key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_every_ufunc_is_supported_or_refused(ufunc: np.ufunc) -> None:
    assert (ufunc in UFUNCS) != (ufunc in UNSUPPORTED_UFUNCS)
    if ufunc in UNSUPPORTED_UFUNCS:
        with pytest.raises(UnsupportedFunctionError, match=ufunc.__name__):
            covector.jit(lambda x: ufunc(*[x] * ufunc.nin))(np.ones(3))


def supports(ufunc: np.ufunc, *dtypes: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ufunc(*(np.ones(1, d) for d in dtypes))
        except TypeError:
            return False
    return True


def complex_point(x: np.ndarray, dtype: Any) -> np.ndarray:
    return (x + 1j * np.linspace(0.4, -0.9, x.size).reshape(x.shape)).astype(dtype)


@pytest.mark.parametrize("ufunc", [*UNARY, *MULTIPLE], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX], ids=lambda d: d.__name__)
def test_unary(ufunc: np.ufunc, dtype: Any) -> None:
    if not supports(ufunc, dtype):
        with pytest.raises(TypeError):
            covector.jvp(ufunc, (np.ones(1, dtype),), (np.ones(1, dtype),))
        return
    x = {**UNARY, **MULTIPLE}[ufunc]
    x = complex_point(x, dtype) if np.dtype(dtype).kind == "c" else x.astype(dtype)
    if ufunc is np.spacing:
        out, tangent = covector.jvp(ufunc, (x,), (x,))
        same(out, ufunc(x))
        assert not np.any(tangent)
        return
    check(ufunc, x)
    check(ufunc, x[..., 0], order=1)  # fewer axes, among them none
    check(ufunc, x.flat[0], order=1)


@pytest.mark.parametrize("ufunc", [*BINARY_COMPLEX, *BINARY_REAL], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [*REALS, *COMPLEX], ids=lambda d: d.__name__)
def test_binary(ufunc: np.ufunc, dtype: Any) -> None:
    if not supports(ufunc, dtype, dtype):
        with pytest.raises(TypeError):
            covector.jvp(lambda x: ufunc(x, x), (np.ones(1, dtype),), (np.ones(1, dtype),))
        return
    x, y = np.array([[0.5, 1.7, 2.4]]), np.array([[1.3], [0.7]])
    if np.dtype(dtype).kind == "c":
        x, y = complex_point(x, dtype), complex_point(y, dtype)
    x, y = x.astype(dtype), y.astype(dtype)
    if ufunc is np.nextafter:
        same(covector.jvp(ufunc, (x, y), (x, y)), (ufunc(x, y), np.broadcast_to(x, (2, 3))))
        return
    check(ufunc, x, y)
    check(lambda x: ufunc(x, 1.3), x, order=1)
    check(lambda x: ufunc(1.3, x), x, order=1)


@pytest.mark.parametrize(
    "ufunc", [f for f in (*BINARY_COMPLEX, *BINARY_REAL) if f is not np.nextafter], ids=lambda f: f.__name__
)
@pytest.mark.parametrize(
    "dtypes", [(np.float32, np.float64), (np.float64, np.float32), (np.float16, np.float32), (np.float64, np.int32)], ids=str
)
def test_binary_of_mixed_dtypes(ufunc: np.ufunc, dtypes: Any) -> None:
    x, y = np.array([[0.5, 1.625, 2.5]]).astype(dtypes[0]), np.array([[3.25], [0.75]]).astype(dtypes[1])
    if dtypes[1] is np.int32:
        y = np.array([[3], [2]], np.int32)
    check(ufunc, x, y, order=1)


def test_ldexp() -> None:
    exponents = np.array([[3], [-2]])
    for dtype in REALS:
        check(lambda x: np.ldexp(x, exponents), np.array([[0.3, -0.7]], dtype))
    check(np.ldexp, np.array([[0.3, -0.7]]), exponents)


@pytest.mark.parametrize("ufunc", COMPARISONS, ids=lambda f: f.__name__)
@np.errstate(invalid="ignore")
def test_comparisons(ufunc: np.ufunc) -> None:
    x, y = np.array([0.0, 1.0, np.nan, np.inf, -1.0]), np.array([[0.0], [1.0], [np.inf]])
    for dtype in (*REALS, *COMPLEX, np.int8, np.uint64, np.bool_):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a, b = (v.astype(np.float64 if np.dtype(dtype).kind in "fc" else np.int8).astype(dtype) for v in (x, y))
        same(covector.jit(ufunc)(a, b), ufunc(a, b))
        check(ufunc, a, b[0])
        if np.dtype(dtype).kind in "fc":
            out, tangent = covector.jvp(ufunc, (a, b), (a, b))
            same(out, ufunc(a, b))
            assert tangent.dtype == covector.float0


@pytest.mark.parametrize("ufunc", INTEGER, ids=lambda f: f.__name__)
def test_integer_functions_of_two_arguments(ufunc: np.ufunc) -> None:
    for dtype in (np.int8, np.uint16, np.int64):
        x, y = np.array([6, 15, 7], dtype), np.array([[2], [3]], dtype)
        same(covector.jit(ufunc)(x, y), ufunc(x, y))
        same(covector.jit(lambda x: ufunc(x, 3))(x), ufunc(x, 3))
        check(ufunc, x, y)


@pytest.mark.parametrize("ufunc", INTEGER_UNARY, ids=lambda f: f.__name__)
def test_integer_functions(ufunc: np.ufunc) -> None:
    x = np.array([6, 15, 7], np.int16)
    same(covector.jit(ufunc)(x), ufunc(x))
    check(ufunc, x)


# --- special points -----------------------------------------------------------------------------------------------------


def slope(f: Any, x: float) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(covector.grad(f)(x))


def test_relu_and_ties() -> None:
    assert slope(lambda x: np.maximum(x, 0), 0.0) == 0
    assert slope(lambda x: np.maximum(0.0, x), 0.0) == 0
    assert slope(lambda x: np.minimum(x, 0), 0.0) == 0
    assert slope(lambda x: np.fmax(x, 0), 0.0) == 0
    for ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
        same(covector.grad(lambda x, y: ufunc(x, y), (0, 1))(1.0, 1.0), (np.float64(0.5), np.float64(0.5)))  # noqa: B023
    relu = covector.jit(covector.grad(lambda x: np.sum(np.maximum(x, 0))))
    same(relu(np.array([-1.0, 0.0, -0.0, 2.0])), np.array([0.0, 0, 0, 1]))


def test_extrema_pass_over_nan_or_not() -> None:
    x, y = np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan])
    tangents = (np.array([1.0, 2, 3]), np.array([10.0, 20, 30]))
    same(covector.jvp(np.fmax, (x, y), tangents)[1][:2], np.array([10.0, 2]))
    same(covector.jvp(np.fmin, (x, y), tangents)[1][:2], np.array([10.0, 2]))


def test_derivatives_at_zero() -> None:
    assert slope(np.abs, 0.0) == 0
    assert slope(np.fabs, 0.0) == 0
    assert slope(np.sqrt, 0.0) == np.inf
    assert slope(np.log, 0.0) == np.inf
    assert slope(lambda x: np.hypot(x, 0.0), 0.0) == 0
    assert slope(lambda x: x**0, 0.0) == 0
    assert slope(lambda x: x**1, 0.0) == 1
    assert slope(lambda x: x**2, 0.0) == 0
    assert slope(lambda x: x**0.5, 0.0) == np.inf
    assert slope(lambda x: x**3, -2.0) == 12
    assert slope(lambda x: 0.0**x, 2.0) == 0
    assert slope(lambda x: np.power(x, np.array(0.0)), 0.0) == 0
    assert slope(lambda x: np.power(x, np.array(2)), 0.0) == 0
    assert slope(lambda x: np.heaviside(0.0, x), 0.3) == 1
    assert np.isnan(slope(lambda x: np.arctan2(x, 0.0), 0.0))


def test_power_at_zero_exponent_to_second_order() -> None:
    """d²/dxdy x^y = x^(y-1) (1 + y log x), which at y = 0 is 1/x."""
    hessian = covector.hessian(lambda v: np.power(v[0], v[1]))(np.array([2.0, 0.0]))
    same(hessian, np.array([[0.0, 0.5], [0.5, np.log(2.0) ** 2]]))


def test_unsigned_and_integer_exponents() -> None:
    for dtype in (np.uint8, np.int8, np.bool_, np.int64):
        for n in (0, 1, 2, 5) if dtype is not np.bool_ else (0, 1):
            y = np.array([n], dtype)
            same(covector.jvp(lambda x: x**y, (np.array([1.5]),), (np.ones(1),))[1], n * np.array([1.5]) ** (n - 1.0))  # noqa: B023


def test_infinities_in_logaddexp() -> None:
    inf = np.inf
    for x, y, shares in ((inf, inf, (0.5, 0.5)), (-inf, -inf, (0, 0)), (inf, 3.0, (1, 0)), (-inf, 3.0, (0, 1))):
        for ufunc in (np.logaddexp, np.logaddexp2):
            same(covector.grad(lambda x, y: ufunc(x, y), (0, 1))(x, y), tuple(np.float64(s) for s in shares))  # noqa: B023


def test_derivatives_of_logaddexp() -> None:
    """Also where the arguments are equal or far apart: those of the logarithm of 1 + exp(z), by mpmath's series."""
    for z in (-700.0, -40.0, -0.5, 0.0, 2.0, 40.0, 800.0):
        f: Any = lambda z: np.logaddexp(0.0, z)
        with mpmath.workdps(400):
            share = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
            wanted = share, share * (1 - share), share * (1 - share) * (1 - 2 * share)
        for exact in wanted:
            f = covector.grad(f)
            same(np.float64(f(z)), np.float64(exact), rtol=1e-15)
    shares = covector.grad(lambda x: np.sum(np.logaddexp2(x, 1.0)))(np.array([3.0, -5.0]))
    same(shares, np.array([0.8, 1 / 65]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_derivatives_of_logaddexp2_of_large_numbers(dtype: Any) -> None:
    """They are those of the difference, which is known exactly."""
    large = dtype(2.0 ** (np.finfo(dtype).nmant - 4))
    slopes: Any = covector.grad(np.logaddexp2, (0, 1))
    second = covector.grad(lambda x, y: slopes(x, y)[0], (0, 1))
    rtol = 4 * np.finfo(dtype).eps
    for apart in (0.0, 1.0, 3.0, -1.0):
        share = 2.0**apart / (2.0**apart + 1)
        curve = np.log(2) * share * (1 - share)
        x, y = dtype(large + apart), large
        for compiled in (lambda f: f, covector.jit, lambda f: covector.jit(f, backend="numpy")):
            np.testing.assert_allclose(compiled(slopes)(x, y), (share, 1 - share), rtol=rtol)
            np.testing.assert_allclose(compiled(second)(x, y), (curve, -curve), rtol=2 * rtol)
            tangent = compiled(lambda x, y: covector.jvp(np.logaddexp2, (x, y), (dtype(1), dtype(2)))[1])(x, y)
            np.testing.assert_allclose(tangent, share + 2 * (1 - share), rtol=rtol)
    inf = dtype(np.inf)
    for x, y, wanted in ((inf, inf, (0.5, 0.5)), (-inf, -inf, (0, 0)), (dtype(1), inf, (0, 1)), (-inf, dtype(1), (0, 1))):
        assert slopes(x, y) == wanted and second(x, y) == (0, 0)


def test_large_arguments_do_not_overflow() -> None:
    same(np.float64(slope(lambda y: np.arctan2(y, 1e200), 1e200)), np.float64(0.5e-200))
    x = np.array([300.0], np.float16)
    same(covector.jvp(lambda y: np.arctan2(y, x), (x,), (x,))[1], np.array([0.5], np.float16), rtol=1e-2)


def test_modulo_follows_the_rounded_quotient() -> None:
    x, y = 0.9, 0.3  # 0.9 / 0.3 rounds to 3, but fmod finds that it is less
    assert slope(lambda y: np.fmod(x, y), y) == -np.rint((x - np.fmod(x, y)) / y)
    assert slope(lambda y: np.remainder(x, y), y) == -np.floor_divide(x, y)


def test_infinite_parts() -> None:
    x = np.array([np.inf, -np.inf, 2.5])
    (fraction, whole), (tf, tw) = covector.jvp(np.modf, (x,), (np.ones(3),))
    same((fraction, whole), np.modf(x))
    same((tf, tw), (np.ones(3), np.zeros(3)))


@pytest.mark.parametrize("dtype", COMPLEX, ids=lambda d: d.__name__)
def test_absolute_value_of_complex_zero(dtype: Any) -> None:
    z = np.array([0, 3 + 4j], dtype)
    (ct,) = covector.vjp(np.abs, z)[1](np.ones(2, z.real.dtype))
    same(ct, np.array([0, 0.6 - 0.8j], dtype))
    tangent = covector.jvp(np.sign, (z,), (np.ones(2, dtype),))[1]
    assert np.all(np.isfinite(tangent))


def test_python_numbers_divide_as_in_numpy() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert covector.jvp(lambda x: 1 / x, (0.0,), (1.0,)) == (np.inf, -np.inf)
        assert covector.jvp(np.log, (0.0,), (1.0,)) == (-np.inf, np.inf)
        assert np.isnan(covector.jvp(lambda x: x**0.5, (-1.0,), (1.0,))[0])


# --- weak types: an operator on Python numbers gives a Python number, a ufunc a NumPy scalar ----------------------------

OPERATORS = {
    "add": (lambda x: x + 2.0, lambda x: np.add(x, 2.0)),
    "sub": (lambda x: 2.0 - x, lambda x: np.subtract(2.0, x)),
    "mul": (lambda x: x * x, lambda x: np.multiply(x, x)),
    "div": (lambda x: x / 2.0, lambda x: np.divide(x, 2.0)),
    "pow": (lambda x: x**2.0, lambda x: np.power(x, 2.0)),
    "neg": (lambda x: -x, lambda x: np.negative(x)),
    "abs": (lambda x: abs(x), lambda x: np.abs(x)),
    "pos": (lambda x: +x, lambda x: np.positive(x)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_weak_types(name: str) -> None:
    operator, ufunc = OPERATORS[name]
    narrow = np.ones(2, np.float32)
    for transformation in (lambda f: f, covector.jit, lambda f: lambda x: covector.jvp(f, (x,), (1.0,))[0]):
        assert transformation(lambda x: operator(x) * narrow)(1.5).dtype == np.float32
        assert transformation(lambda x: ufunc(x) * narrow)(1.5).dtype == np.float64
        assert transformation(lambda x: ufunc(narrow) * x)(1.5).dtype == np.float32


def test_a_python_number_wins_a_tie_staged_or_not():
    for grad in (covector.grad(np.maximum), covector.jit(covector.grad(np.maximum)), covector.grad(covector.jit(np.maximum))):
        assert grad(0.0, 0.0) == 0.0  # of two Python numbers the one that is not differentiated
        assert grad(0.0, np.float64(0.0)) == 0.5
    assert covector.grad(np.maximum, (0, 1))(0.0, 0.0) == (0.5, 0.5)
