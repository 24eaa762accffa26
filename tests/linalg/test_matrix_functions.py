"""Functions of Hermitian matrices at equal and nearly equal eigenvalues, to any order."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from random_arrays import adjoint, array, hermitian

import covector
from covector import errors
from covector.numpy import linalg as cnl
from covector.primitives.linalg.matrix_functions import divided_difference, matrix_function_p
from covector.testing import check_case

FUNCTIONS = {
    "exp": (np.exp, scipy.linalg.expm),
    "sqrt": (np.sqrt, scipy.linalg.sqrtm),
    "log": (np.log, scipy.linalg.logm),
    "inverse": (lambda w: 1 / w, np.linalg.inv),
    "cube": (lambda w: w**3, lambda a: a @ a @ a),
    "cos": (np.cos, scipy.linalg.cosm),
}
SPECTRA = [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.5, 1.0, 3.0), (2.0, 2.0 + 1e-9, 3.0), (1.0, 1.0 + 1e-14, 1.0 + 1e-5)]


def matrix(values, dtype="d"):
    q = np.linalg.qr(array(len(values), len(values), dtype=dtype))[0]
    return hermitian(q @ np.diag(values) @ adjoint(q))


def by_block(function, a, *directions):
    """The derivative of a matrix function as a block of the function of a larger matrix (Higham, theorem 3.6)."""
    x = a
    for e in directions:
        z = np.kron(np.eye(len(x) // len(e)), e)
        x = np.block([[x, z], [np.zeros_like(x), x]])
    n = len(a)
    return function(x)[:n, -n:]


@pytest.mark.parametrize("dtype", "dD")
@pytest.mark.parametrize("values", SPECTRA)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name, values, dtype):
    f, function = FUNCTIONS[name]
    a, e1, e2 = matrix(values, dtype), hermitian(array(3, 3, dtype=dtype)), hermitian(array(3, 3, dtype=dtype))
    of = lambda a: cnl.matrix_function(f, a)
    np.testing.assert_allclose(of(a), function(a), atol=1e-9)
    first = covector.jvp(of, (a,), (e1,))[1]
    np.testing.assert_allclose(first, by_block(function, a, e1), atol=1e-6)
    second = covector.jvp(lambda a: covector.jvp(of, (a,), (e1,))[1], (a,), (e2,))[1]
    np.testing.assert_allclose(second, by_block(function, a, e1, e2), atol=2e-4)  # the reference is not exact


@pytest.mark.parametrize("values", SPECTRA)
def test_reverse_mode_and_hessians(values):
    a, c = matrix(values), hermitian(array(3, 3))
    f = lambda a: np.sum(cnl.sqrtmh(a) * c)
    gradient = covector.grad(f)(a)
    e1, e2 = hermitian(array(3, 3)), hermitian(array(3, 3))
    np.testing.assert_allclose(np.sum(gradient * e1), covector.jvp(f, (a,), (e1,))[1], atol=1e-10)
    forward = covector.jvp(lambda a: covector.jvp(f, (a,), (e1,))[1], (a,), (e2,))[1]
    for hessian in (covector.hessian(f)(a), covector.jacrev(covector.jacrev(f))(a), covector.jit(covector.hessian(f))(a)):
        np.testing.assert_allclose(np.einsum("ijkl,ij,kl", hessian, e1, e2), forward, atol=1e-9)


def test_the_square_of_the_square_root():
    square = lambda a: cnl.sqrtmh(a) @ cnl.sqrtmh(a)
    for values in SPECTRA:
        a, t = matrix(values), hermitian(array(3, 3))
        out, tangent = covector.jvp(square, (a,), (t,))
        np.testing.assert_allclose(out, a, atol=1e-12)
        np.testing.assert_allclose(tangent, t, atol=1e-10)
        second = covector.jvp(lambda a, t=t: covector.jvp(square, (a,), (t,))[1], (a,), (t,))[1]
        np.testing.assert_allclose(second, 0, atol=1e-7)


def test_log_of_exp_is_the_identity_and_powers():
    a, t = matrix((1.0, 1.0, 2.0)), hermitian(array(3, 3))
    np.testing.assert_allclose(covector.jvp(lambda a: cnl.logmh(cnl.expmh(a)), (a,), (t,))[1], t, atol=1e-10)
    np.testing.assert_allclose(cnl.powmh(a, 2), a @ a, atol=1e-12)
    np.testing.assert_allclose(covector.grad(lambda p: np.trace(cnl.powmh(a, p)))(2.0), 4 * np.log(2.0), rtol=1e-12)


@pytest.mark.parametrize("gap", [10.0**-k for k in range(17)])
def test_gaps_of_all_sizes(gap):
    """No cancellation: against a formula that has none."""
    x = 0.7
    y = x + gap
    with_gap = y - x
    exact = np.exp(x) * (np.expm1(with_gap) / with_gap if with_gap else 1.0)
    of = lambda f, *places: divided_difference(f, len(places) - 1)(*map(np.array, places))
    np.testing.assert_allclose(of(np.exp, x, y), exact, rtol=1e-14)
    np.testing.assert_allclose(of(np.sqrt, x, y), 1 / (np.sqrt(x) + np.sqrt(y)), rtol=1e-14)
    np.testing.assert_allclose(of(lambda w: 1 / w, x, y, x), 1 / (x * y * x), rtol=1e-13)
    np.testing.assert_allclose(of(lambda w: w**4, x, y, x, 2 * y), 2 * x + 3 * y, rtol=1e-12)


def test_functions_with_kinks():
    a, t = matrix((-1.0, -1.0, 2.0)), hermitian(array(3, 3))
    positive = lambda a: cnl.matrix_function(lambda w: np.maximum(w, 0.0), a)
    sign = lambda a: cnl.matrix_function(np.sign, a)
    for f in (positive, sign):
        numeric = (f(a + 1e-6 * t) - f(a - 1e-6 * t)) / 2e-6
        np.testing.assert_allclose(covector.jvp(f, (a,), (t,))[1], numeric, atol=1e-8)


def test_stacks_batches_and_the_triangle():
    a, t = np.stack([matrix((1.0, 1.0, 2.0)), matrix((1.0, 2.0, 3.0))]), hermitian(array(2, 3, 3))
    each = [covector.jvp(cnl.sqrtmh, (x,), (y,))[1] for x, y in zip(a, t, strict=True)]
    np.testing.assert_allclose(covector.jvp(cnl.sqrtmh, (a,), (t,))[1], each, atol=1e-12)
    np.testing.assert_allclose(covector.vmap(lambda x, y: covector.jvp(cnl.sqrtmh, (x,), (y,))[1])(a, t), each, atol=1e-12)
    np.testing.assert_allclose(cnl.sqrtmh(a[0] + 5 * np.triu(np.ones((3, 3)), 1)), cnl.sqrtmh(a[0]), atol=1e-12)
    upper = lambda a: cnl.matrix_function(np.sqrt, a, UPLO="U")
    np.testing.assert_array_equal(np.tril(covector.grad(lambda a: np.sum(upper(a)))(a[0]), -1), 0)


@pytest.mark.parametrize("dtype", "dDf")
def test_rules(dtype):
    a = matrix((1.0, 2.0, 4.0), dtype)
    check_case(matrix_function_p, (a,), {"f": np.sqrt})
    check_case(matrix_function_p, (a, array(3, 3, dtype=dtype)), {"f": np.sqrt}, order=1)


class TestErrors:
    def test_a_function_of_a_traced_value(self):
        with pytest.raises(errors.ArgumentError, match="a function of a traced value"):
            covector.grad(lambda s: np.sum(cnl.matrix_function(lambda w: w * s, np.eye(2))))(2.0)

    def test_a_function_that_is_not_elementwise_or_not_real(self):
        for f in (np.sum, lambda w: w * 1j):
            with pytest.raises(errors.ArgumentError, match="got a function that returns"):
                cnl.matrix_function(f, np.eye(2))

    def test_shapes(self):
        with pytest.raises(np.linalg.LinAlgError, match="square"):
            cnl.expmh(np.ones((2, 3)))
        with pytest.raises(ValueError, match="UPLO"):
            cnl.matrix_function(np.exp, np.eye(2), UPLO="X")
