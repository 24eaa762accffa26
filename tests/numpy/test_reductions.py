"""Reductions and cumulative operations on tracers: NumPy's results for every option, and right derivatives."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special
from transformed import agree, check, outcome, same

import covector
import covector.numpy as cnp
import covector.scipy
from covector.core import errors

RNG = np.random.default_rng(0)
DTYPES = ("?", "b", "H", "i", "q", "Q", "e", "f", "d", "g", "F", "D", "G")
X = RNG.normal(size=(2, 3, 4))
MASK = RNG.uniform(size=(3, 4)) < 0.6
MASK[:, 0] = True


def as_dtype(x: np.ndarray, code: str) -> np.ndarray:
    dtype = np.dtype(code)
    if dtype.kind == "c":
        return (x + 1j * x[::-1]).astype(dtype)
    return (np.round(2 * np.abs(x)) if dtype.kind in "biu" else x).astype(dtype)


PLAIN = (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.any, np.all, np.ptp, np.count_nonzero)
NAN = (np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd)
ARG = (np.argmax, np.argmin, np.nanargmax, np.nanargmin)
CUMULATIVE = (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod)


def named(functions: Any) -> Any:
    return pytest.mark.parametrize("f", functions, ids=lambda f: f.__name__)


@named((*PLAIN, *NAN, *ARG, *CUMULATIVE))
@pytest.mark.parametrize("code", DTYPES)
def test_dtypes(f: Any, code: str) -> None:
    agree(f, as_dtype(X, code))
    agree(lambda x: f(x, axis=1), as_dtype(X, code))


@named((*PLAIN, *NAN))
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, 0), (), 3, -4, (0, 0), (0, -3), 1.5, "0", [0]], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_axes(f: Any, axis: Any, keepdims: bool) -> None:
    agree(lambda x: f(x, axis=axis, keepdims=keepdims), X)


@named((*ARG, *CUMULATIVE))
@pytest.mark.parametrize("axis", [None, 0, 1, -1, 3, (0, 1), 1.5], ids=str)
def test_one_axis(f: Any, axis: Any) -> None:
    agree(lambda x: f(x, axis=axis), X)
    if f in ARG:
        agree(lambda x: f(x, axis=axis, keepdims=True), X)


@named((*PLAIN, *NAN, *ARG, *CUMULATIVE))
def test_few_elements(f: Any) -> None:
    for shape in ((), (1,), (0,), (0, 3), (3, 0), (2, 0, 3)):
        for axis in (None, 0, -1, 1):
            agree(lambda x: f(x, axis=axis), np.ones(shape))  # noqa: B023


@named((np.sum, np.prod, np.mean, np.cumsum, np.cumprod, np.nansum, np.nancumprod, np.var))
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.complex64, bool, "f8"], ids=str)
def test_requested_dtype(f: Any, dtype: Any) -> None:
    agree(lambda x: f(x, dtype=dtype), X)


@named((np.sum, np.prod, np.nansum, np.nanprod, np.max, np.min, np.nanmax, np.nanmin))
def test_where_and_initial(f: Any) -> None:
    agree(lambda x: f(x, initial=2.5), X)
    agree(lambda x: f(x, initial=-3, axis=(0, 1), where=MASK), X)
    agree(lambda x: f(x, initial=0.5, axis=1, keepdims=True, where=MASK), X)
    agree(lambda x: f(x, where=MASK), X)
    agree(lambda x: f(x, initial=1), X[:0])
    agree(lambda x: f(x, initial=1, axis=1), X[:, :0])
    agree(lambda x: f(x, initial=np.ones(4)), X)
    agree(lambda x: f(x, initial=1, where=np.ones((5, 2, 3, 4), bool)), X)
    agree(lambda x: f(x, initial=2.5), np.arange(4))
    check(lambda x: f(x, axis=1, initial=0.3, where=MASK), X, order=1)


@named((np.mean, np.var, np.std, np.nanmean, np.nanvar, np.nanstd, np.any, np.all))
def test_where(f: Any) -> None:
    agree(lambda x: f(x, where=MASK), X)
    agree(lambda x: f(x, axis=(0, 1), where=MASK[:, :1], keepdims=True), X)
    agree(lambda x: f(x, axis=0, where=MASK), X.astype(np.float32))
    agree(lambda x: f(x, where=MASK.astype(float)), X)


@named((np.sum, np.prod, np.mean, np.var, np.std, np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.add.reduce))
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_requested_dtype_under_a_mask(f: Any) -> None:
    for x in (
        np.array([1.5, 2.5, -3.0]),
        np.array([1, 2, 3], np.int8),
        np.array([0.5j, 2.0, 0.0]),
        np.array([True, False, True]),
    ):
        for dtype in (bool, np.int8, int, np.uint64, np.float32, complex):
            for options in ({}, {"where": x != 2}, {"where": x == 2, "axis": 0}, {"axis": 0, "keepdims": True}):
                agree(lambda x: f(x, dtype=dtype, **options), x)  # noqa: B023
            if f not in (np.std, np.nanstd):
                expected = outcome(lambda x: f(x, dtype=dtype, where=x != 2), x)  # noqa: B023
                actual = outcome(covector.vmap(lambda x: f(x, dtype=dtype, where=x != 2)), x[None])  # noqa: B023
                assert isinstance(actual, Exception) if isinstance(expected, Exception) else same(actual[0], expected) is None


@named((np.var, np.std, np.nanvar, np.nanstd))
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_means_of_another_dtype(f: Any) -> None:
    for code in "?bqefdFD":
        x = np.array([1, 2, 4]).astype(code)
        for mean in (1j, 0.5, 2, np.float64(0.5), np.complex128(1j), np.array([1.5]), [1j]):
            agree(lambda x: f(x, mean=mean), x)  # noqa: B023
            agree(lambda x: f(x, mean=mean, where=x > 1, axis=0), x)  # noqa: B023


def test_traced_initial_and_mask() -> None:
    # x + 0 * c, for NumPy asks its array alone whether it is traced
    check(lambda x, c: np.sum(x + 0 * c, axis=1, initial=c), X, np.array(2.0), batch=False)
    check(lambda x, c: np.max(x + 0 * c, axis=1, initial=c), X, np.array(0.3), batch=False)
    same(covector.jit(lambda m: np.sum(X, axis=0, where=m))(MASK), np.sum(X, axis=0, where=MASK))
    check(lambda m: np.mean(X, axis=0, where=m), MASK)


@named((np.var, np.std, np.nanvar, np.nanstd))
def test_variances(f: Any) -> None:
    for options in ({"ddof": 1}, {"correction": 1}, {"ddof": 1, "correction": 1}, {"ddof": 5, "axis": 0}, {"ddof": 0.5}):
        agree(lambda x: f(x, **options), X)  # noqa: B023
    agree(lambda x: f(x, mean=np.mean(x, axis=0, keepdims=True), axis=0), X)
    for dtype in (np.complex64, np.complex128, np.float16, np.float32, np.longdouble, int):
        agree(lambda x: f(x, axis=1, ddof=1), as_dtype(X, np.dtype(dtype).char))
    check(lambda x: f(x, axis=1, ddof=1), X)
    check(lambda x: f(x, axis=1), X + 1j * X[::-1], order=1)


@named((np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.ptp, *CUMULATIVE))
@pytest.mark.parametrize("code", "efdgFDG")
def test_derivatives(f: Any, code: str) -> None:
    x = as_dtype(RNG.permutation(np.linspace(-1.4, 1.5, 6)).reshape(2, 3), code)
    check(f, x)
    check(lambda x: f(x, axis=0), x)
    check(lambda x: f(x, axis=-1), x)


@named((np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd, np.nancumsum, np.nancumprod))
def test_nan(f: Any) -> None:
    x = X.copy()
    x[0, 1, 2] = x[1, 2, 0] = np.nan
    agree(f, x)
    agree(lambda x: f(x, axis=1), x)
    x[:, 0] = np.nan
    agree(lambda x: f(x, axis=2), x)
    y = np.array([[1.0, np.nan, 3.0], [0.5, 2.0, -1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradient = covector.grad(lambda y: np.sum(f(y, axis=1)))(y)
        kept = covector.grad(lambda v: np.sum(f(v[:2])) + np.sum(f(v[2:])))(y[~np.isnan(y)])
    expected = np.zeros_like(y)
    expected[~np.isnan(y)] = kept
    if f in (np.nancumsum, np.nancumprod):  # the result at the NaN repeats the one before
        y = np.array([[1.0, 3.0, np.nan], [0.5, 2.0, -1.0]])
        gradient = covector.grad(lambda y: np.sum(f(y, axis=1)[:, :2]))(y)
        expected = covector.grad(lambda y: np.sum(f(np.nan_to_num(y), axis=1)[:, :2]))(y)
    same(gradient, expected)


@named((np.nanargmax, np.nanargmin))
def test_arguments_without_nan(f: Any) -> None:
    x = X.copy()
    x[0, 1, 2] = x[1, 2, 0] = np.nan
    agree(lambda x: f(x, axis=1), x)
    agree(lambda x: f(x, axis=-1, keepdims=True), x)
    agree(f, np.full(3, np.nan), staged=False)


def test_products_with_zeros() -> None:
    for x in ([0.0, 2.0, 3.0, -1.0], [0.0, 2.0, 0.0, -1.0], [0.0, 0.0, 0.0, 4.0], [0.0] * 4):
        check(np.prod, np.array(x), order=3)
        check(np.cumprod, np.array(x), order=3)
        check(lambda x: np.cumprod(x.reshape(2, 2), axis=0), np.array(x), order=2)
    x = np.array([0.0, 2.0, 0.0, -1.0])
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    same(covector.grad(np.prod)(x), np.array(others))


def test_long_products() -> None:
    """The recurrence in the derivative of cumprod is solved by halving, for every length around powers of two."""
    for n in (1, 2, 15, 16, 17, 31, 32, 33, 34, 63, 65, 100):
        x = 1 + 0.1 * np.sin(np.arange(n, dtype=float))
        jacobian = covector.jacfwd(np.cumprod)(x)
        same(jacobian, np.tril(np.cumprod(x)[:, None] / x[None, :]), rtol=1e-10)
        same(covector.jacrev(np.cumprod)(x), jacobian, rtol=1e-10)


def test_extrema_share_among_ties() -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for f in (np.max, np.amax, lambda x, **k: -np.min(-x, **k)):
        same(covector.grad(lambda x: np.sum(f(x, axis=1)))(x), np.array([[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]))  # noqa: B023


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [np.max, np.min])
def test_shares_of_ties_in_compiled_programs_are_the_same_bits(f, dtype) -> None:
    x = np.zeros((300, 300), dtype)
    x[np.arange(300)[:, None] >= np.arange(300)] = 1.0 if f is np.max else -1.0
    gradient = covector.grad(lambda x: np.sum(f(x, axis=1)))
    wanted = np.where(x == x[:, :1], dtype(1) / np.arange(1, 301, dtype=dtype)[:, None], 0)
    np.testing.assert_array_equal(gradient(x), wanted, strict=True)
    np.testing.assert_array_equal(covector.jit(gradient)(x), wanted, strict=True)
    dtypes = {v.aval.dtype for e in covector.make_jaxpr(gradient)(x).equations for v in e.outputs} - {np.dtype(bool)}
    assert dtypes == {np.dtype(dtype)}


def test_cumulative_extrema() -> None:
    for code in "efdgFDG":
        x = as_dtype(RNG.permutation(np.linspace(-1.4, 1.5, 40)).reshape(2, 20), code)
        for f in (cnp.cummax, cnp.cummin):
            for reverse in (False, True):
                check(lambda x: f(x, axis=1, reverse=reverse), x)  # noqa: B023
        same(cnp.cummax(x, axis=1), np.maximum.accumulate(x, axis=1))
        same(cnp.cummin(x), np.minimum.accumulate(x.reshape(-1)))
    x = np.array([1.0, 3.0, 3.0, 2.0, 3.0, 4.0])
    half, third = 1 / 2, 1 / 3
    expected = [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, half, half, 0, 0, 0], [0, half, half, 0, 0, 0]]
    expected += [[0, third, third, 0, third, 0], [0, 0, 0, 0, 0, 1]]
    same(covector.jacrev(cnp.cummax)(x), np.array(expected))
    same(covector.jacrev(lambda x: cnp.cummin(-x))(x), -np.array(expected))
    same(cnp.cummax([2, 3, 1], reverse=True), np.array([3, 3, 1]))


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="NumPy 2.1")
def test_array_api_cumulative() -> None:
    for f in (np.cumulative_sum, np.cumulative_prod):
        for options in ({}, {"axis": 1}, {"axis": -1, "include_initial": True}, {"axis": 0, "dtype": np.float32}):
            agree(lambda x: f(x, **options), X[0])  # noqa: B023
        agree(lambda x: f(x, include_initial=True), X[0, 0])  # noqa: B023
        agree(f, np.array(3.0))
        check(lambda x: f(x, include_initial=True, axis=0), X[0])  # noqa: B023


def test_derivatives_at_variance_zero() -> None:
    """The deviation is a length, with derivative 0 at 0 as any norm."""
    same(covector.grad(np.std)(np.ones(3)), np.zeros(3))
    same(covector.grad(np.var)(np.ones(3)), np.zeros(3))


# --- logsumexp -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", "efdgFDG")
def test_logsumexp(code: str) -> None:
    x = as_dtype(X[0], code)
    for options in ({}, {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}):
        tolerance = 1e-2 if code == "e" else 1e-5 if code in "fF" else 1e-12
        expected = special.logsumexp(x.astype("D" if code in "FDG" else "d"), **options)
        same(cnp.logsumexp(x, **options), np.asarray(expected).astype(code), rtol=tolerance)
        check(lambda x: cnp.logsumexp(x, **options), x)  # noqa: B023


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_derivative_of_logsumexp_where_its_value_is_rounded_or_infinite(dtype: Any) -> None:
    e, inf, gradient = np.exp(-1.0), np.inf, covector.grad(cnp.logsumexp)
    choice = "native" if importlib.util.find_spec("llvmlite") else "numpy"
    large = float(np.finfo(dtype).max) / 2
    cases = [
        ([1000, 1000, 999], np.array([1, 1, e]) / (2 + e)), ([-1000, -1000, -1001], np.array([1, 1, e]) / (2 + e)),
        ([large, large, -large], [0.5, 0.5, 0]), ([inf, inf, 1], [0.5, 0.5, 0]), ([-inf] * 3, [0, 0, 0]),
        ([-inf, 2, 2], [0, 0.5, 0.5]), ([np.nan, 1, 2], [np.nan] * 3),
    ]  # fmt: skip
    for x, wanted in cases:
        for f in (gradient, covector.jit(gradient, backend="numpy"), covector.jit(gradient, backend=choice)):
            np.testing.assert_allclose(f(np.array(x, dtype)), wanted, rtol=4 * np.finfo(dtype).eps)
    if dtype is np.float64:
        x = np.array([0.3, -1.0, 2.0])
        w = np.exp(x) / np.sum(np.exp(x))
        for f in (covector.hessian(cnp.logsumexp), covector.jit(covector.hessian(cnp.logsumexp), backend=choice)):
            np.testing.assert_allclose(f(x), np.diag(w) - np.outer(w, w), atol=1e-15)


def test_logsumexp_with_factors() -> None:
    b = np.array([[1.0, -0.5, 0.0, 2.0]])
    for x in (X[0], 1000 + X[0]):
        for sign in (False, True):
            same(
                cnp.logsumexp(x, axis=1, b=b, return_sign=sign),
                tuple(special.logsumexp(x, axis=1, b=b, return_sign=True)) if sign else special.logsumexp(x, axis=1, b=b),
            )
    check(lambda x, b: cnp.logsumexp(x, axis=1, b=b), X[0], b)
    check(lambda x, b: cnp.logsumexp(x, axis=1, b=b, return_sign=True, keepdims=True), X[0], -b)
    size, sign = cnp.logsumexp(np.array([1.0, 1.0]), b=np.array([1, -1]), return_sign=True)
    assert (size, sign) == (-np.inf, 0)
    z = X[0] + 1j * X[1]
    same(cnp.logsumexp(z, return_sign=True), tuple(special.logsumexp(z, return_sign=True)))
    same(covector.grad(lambda b: cnp.logsumexp(np.array([0.0, 900.0]), b=b))(np.array([1.0, 0.0]))[0], np.float64(1))


def test_logsumexp_of_infinities() -> None:
    inf = np.inf
    for x in ([inf, 0.0], [-inf, 0.0], [-inf, -inf], [], [inf, -inf], [np.nan, 1.0], [800.0, inf]):
        same(cnp.logsumexp(np.array(x)), np.float64(np.logaddexp.reduce(np.array(x)) if x else -inf))
    for x, gradient in (([inf, 0.0], [1, 0]), ([-inf, 0.0], [0, 1]), ([-inf, -inf], [0, 0]), ([1e308, 0], [1, 0])):
        same(covector.grad(cnp.logsumexp)(np.array(x)), np.array(gradient, float))
    same(cnp.logsumexp(np.zeros((0, 2)), axis=0), np.full(2, -inf))
    same(cnp.logsumexp(X, axis=(0, 1), where=MASK), np.log(np.sum(np.exp(X), axis=(0, 1), where=MASK)))
    same(cnp.logsumexp([1, 2]), np.log(np.exp(1.0) + np.exp(2.0)))


SMALL_LOGARITHMS = [
    [0, -37], [-37, 0, -38], [0, -700], [1e-9, -30], [-1e-17, -37], [0, -10], [0, -0.5], [0, 0, -40], [40, 0, 0], [3, 2, 1],
]  # fmt: skip


def _backends() -> list[Any]:
    names = ("numpy", "native") if importlib.util.find_spec("llvmlite") else ("numpy",)
    return [lambda f: f, *(lambda f, name=name: covector.jit(f, backend=name) for name in names)]


@pytest.mark.parametrize("numbers", SMALL_LOGARITHMS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_small_terms_add_to_the_logarithm(numbers: list[float], dtype: Any) -> None:
    x = np.array(numbers, dtype)
    with mpmath.workdps(400):
        exact = [mpmath.exp(mpmath.mpf(float(v))) for v in x]
        value = mpmath.log(sum(exact))
        logs = np.array([float(mpmath.mpf(float(v)) - value) for v in x])
        shares = np.array([float(v / sum(exact)) for v in exact])
    rtol, tiny, b = 4 * np.finfo(dtype).eps, np.finfo(dtype).tiny, np.ones(len(x), dtype)
    f: Any = cnp.logsumexp
    ways: list[Any] = [f, lambda x: f(x, b=b), lambda x: f(x, b=-b, return_sign=True)[0], lambda x: f(x, return_sign=True)[0]]
    for compiled in _backends():
        for way in ways:
            np.testing.assert_allclose(compiled(way)(x), float(value), rtol=rtol, atol=tiny)
            np.testing.assert_allclose(compiled(covector.grad(way))(x), shares, rtol=8 * rtol, atol=tiny)
            hessian = np.diag(shares) - np.outer(shares, shares)
            np.testing.assert_allclose(compiled(covector.hessian(way))(x), hessian, rtol=1e-5, atol=rtol)
        np.testing.assert_allclose(compiled(covector.scipy.special.log_softmax)(x), logs, rtol=rtol, atol=tiny)
        np.testing.assert_allclose(
            compiled(covector.jacrev(covector.scipy.special.log_softmax))(x), np.eye(len(x)) - shares, rtol=rtol, atol=rtol
        )
    z = x.astype(np.result_type(dtype, np.complex64))
    np.testing.assert_allclose(f(z).real, float(value), rtol=rtol, atol=tiny)


def test_what_small_terms_add_to_the_logarithm_of_complex_numbers() -> None:
    z = np.array([[2j, -37 + 1j, -38 - 2j], [1.0, 1 + 3j, -36]])
    with mpmath.workdps(50):
        rows = [mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpc(complex(v))) for v in row)) for row in z]
    wanted = np.array([complex(r) for r in rows])
    for found in (cnp.logsumexp(z, axis=1), cnp.logsumexp(z.reshape(2, 3, 1), axis=(2, 1)), [cnp.logsumexp(row) for row in z]):
        np.testing.assert_allclose(np.real(found), wanted.real, rtol=1e-14)
        np.testing.assert_allclose(np.imag(found), wanted.imag, rtol=1e-14)
    same(cnp.logsumexp(z[:0], axis=1), np.zeros(0, complex))
    same(cnp.logsumexp(z[:, :0], axis=1), np.full(2, -np.inf + 0j))


def test_factors_with_which_little_is_left_of_the_largest() -> None:
    """Against mpmath: the sum is what small terms add to the largest, or what is left of two that are."""
    cases = [([0, -37], [1, 1]), ([0, -37], [-1, 1]), ([0, 0, -20], [1, -1, 1]), ([0, -1], [1e-20, 1]), ([2, -1], [0, 1])]
    for a, b in cases:
        with mpmath.workdps(50):
            total = mpmath.fsum(w * mpmath.exp(v) for v, w in zip(a, b, strict=True))
            size = float(mpmath.log(abs(total)))
        x, w = np.array(a, float), np.array(b, float)
        for compiled in _backends():
            found, sign = compiled(lambda x, w: cnp.logsumexp(x, b=w, return_sign=True))(x, w)
            np.testing.assert_allclose((found, sign), (size, np.sign(float(total))), rtol=1e-15)
            slopes = compiled(covector.grad(lambda x, w: cnp.logsumexp(x, b=w, return_sign=True)[0], (0, 1)))(x, w)
            np.testing.assert_allclose(slopes, (w * np.exp(x) / float(total), np.exp(x) / float(total)), rtol=1e-15)


# --- averages, covariances, counts -----------------------------------------------------------------------------------


def test_average() -> None:
    w, v = np.array([1.0, 0.5, 2.0]), RNG.uniform(size=(2, 3, 4))
    for options in (
        {},
        {"axis": 1},
        {"axis": 1, "weights": w},
        {"weights": v},
        {"weights": v, "axis": (0, 1), "keepdims": True},
    ):
        agree(lambda x: np.average(x, **options), X)  # noqa: B023
        agree(lambda x: np.average(x, **options, returned=True), X.astype(np.float32))  # noqa: B023
    agree(lambda x: np.average(x, weights=w), X)
    agree(lambda x: np.average(x, axis=0, weights=w), X)
    agree(lambda x: np.average(x, axis=1, weights=[1.0, -1.0, 0]), X)
    agree(lambda x: np.average(x, axis=1, weights=[1, 2, 3]), np.arange(24).reshape(2, 3, 4))
    check(lambda x, w: np.average(x, axis=1, weights=w), X, w)


def test_covariance() -> None:
    x, y = X[0], X[1]
    f, a = np.array([1, 2, 0, 1]), np.array([0.5, 1.0, 2.0, 0.1])
    for options in (
        *({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"fweights": f}, {"aweights": a}, {"dtype": np.float32}),
        *({"fweights": f, "aweights": a}, {"ddof": 0.5}, {"fweights": -f}, {"fweights": f[:2]}, {"aweights": a, "bias": True}),
    ):
        agree(lambda x: np.cov(x, **options), x)  # noqa: B023
        agree(lambda x, y: np.cov(x, y, **options), x, y)  # noqa: B023
    agree(np.cov, x[0])
    agree(np.cov, X)
    agree(np.cov, x + 1j * y)
    for g in (np.corrcoef, lambda x: np.corrcoef(x, rowvar=False), lambda x: np.corrcoef(x, y)):
        agree(g, x)
        agree(g, x + 1j * y)
    agree(np.corrcoef, x[0])
    check(np.cov, x, y)
    check(lambda x: np.corrcoef(x)[0, 1:], x)
    check(lambda x, a: np.cov(x, aweights=a), x, a, order=1)


def test_counts() -> None:
    i, w = np.array([0, 2, 2, 5]), np.array([1.0, 0.5, 2.0, -1.0])
    agree(lambda w: np.bincount(i, w), w)
    agree(lambda w: np.bincount(i, w, 8), w.astype(np.float32))
    for n in (0, 3):  # of no numbers NumPy's result is one of integers
        agree(lambda w: np.bincount(np.zeros(0, int), w, n), w[:0])  # noqa: B023
    agree(lambda w: np.bincount(i, w[:2]), w)
    agree(lambda w: np.bincount(i, w), 1j * w)
    check(lambda w: np.bincount(i, w, minlength=7), w)
    with pytest.raises(errors.TracerArrayConversionError, match="bincount"):
        covector.jit(np.bincount)(i)
    x = RNG.normal(size=30)
    agree(np.histogram, x)
    agree(lambda x: np.histogram(x, bins=[-1, 0, 0.5, 2]), x)
    agree(lambda x: np.histogram_bin_edges(x, "auto"), x, staged=False)
    agree(lambda w: np.histogram(x, bins=7, weights=w), RNG.uniform(size=30))
    agree(lambda w: np.histogram(x, bins=7, range=(-1, 1), weights=w, density=True), RNG.uniform(size=30))
    check(lambda w: np.histogram(x, bins=7, weights=w)[0], RNG.uniform(size=30))
    check(lambda x: np.histogram(x, 3, weights=np.abs(x), density=True), x)  # the edges move with the ends of x
    check(lambda e: np.histogram(x, e, density=True)[0], np.array([-2.0, 0.0, 0.7, 3.0]))
    same(covector.grad(lambda x: np.histogram(x)[1][0])(x), np.where(x == np.min(x), 1.0, 0.0))
    agree(lambda x: np.histogram(x, 7, (-1, 1)), x.astype(np.float32))
    agree(lambda x: np.histogram(x, 7, weights=x**2, density=True), x.astype(np.float32), rtol=1e-5)
    agree(lambda x: np.histogram(x, 3, (0.0, 0.0)), (4 * x).astype(np.int64))
    with pytest.raises(errors.TracerArrayConversionError, match=r"numpy\.histogram was called on a traced value"):
        covector.jit(lambda x: np.histogram(x, "auto"))(x)


def test_out_is_refused() -> None:
    for f in (*PLAIN[:-1], *NAN, *ARG, *CUMULATIVE, np.round):
        with pytest.raises(errors.InPlaceWriteError):
            covector.grad(lambda x: f(x, out=np.zeros(())))(X)  # noqa: B023


@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "mean", "var", "std", "any", "all", "argmax", "argmin", "cumsum", "cumprod"]
)
def test_methods(name: str) -> None:
    agree(lambda x: getattr(x, name)(axis=1), X)
    agree(lambda x: getattr(x, name)(), X)


def test_python_scalars_become_strong() -> None:
    for f in (np.sum, np.prod, np.max, np.mean, np.var, np.cumsum):
        assert covector.jit(lambda x: f(x) * np.ones(1, np.float32))(2.0).dtype == np.float64  # noqa: B023


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_a_factor_that_is_a_python_number_leaves_logsumexp_its_precision(dtype) -> None:
    x = np.array([0.5, 1.5]).astype(dtype)
    f = lambda x, b: cnp.logsumexp(x, b=b)
    for out in (f(x, 2.0), f(x, 2), covector.jit(f)(x, 2.0)):
        assert out.dtype == dtype
        np.testing.assert_allclose(out, np.log(2 * np.exp(0.5) + 2 * np.exp(1.5)), rtol=2e-3)
    size, sign = cnp.logsumexp(x, return_sign=True)
    assert (size.dtype, sign.dtype) == (np.real(x).dtype, dtype)
