"""covector.scipy.linalg: values are SciPy's, derivatives by differences, to order 2, batched and staged."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from transformed import of_real_numbers

import covector as cv
from covector import errors
from covector.scipy import linalg
from covector.testing import check_function

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(3, 4, 4))
WELL, POSITIVE, OTHER = A + 4 * np.eye(4), A @ A.T + np.eye(4), B @ B.T + np.eye(4)
COMPLEX = WELL + 1j * B
V, M = RNG.normal(size=4), RNG.normal(size=(4, 2))
BANDS = RNG.normal(size=(4, 5)) + np.array([[0], [0], [5], [0]])
HALF = np.array([[0, 0, 0.3, 0.1, 0.2], [0, 0.5, 0.6, 0.4, 0.7], [3.0, 4, 3, 5, 4]])
FIRST = V + np.array([5, 0, 0, 0])
FIVE = RNG.normal(size=(5, 2))


def both(f, *args, derivative=True):
    return f, args, derivative


CASES = {
    "solve": both(lambda s, a, b: s.solve(a, b), WELL, V),
    "solve of columns": both(lambda s, a, b: s.solve(a, b), WELL, M),
    "solve transposed": both(lambda s, a, b: s.solve(a, b, transposed=True), WELL, V),
    "solve pos": both(lambda s, a, b: s.solve(a, b, assume_a="pos"), POSITIVE, V),
    "solve pos lower": both(lambda s, a, b: s.solve(a, b, assume_a="pos", lower=True), POSITIVE, M),
    "solve sym": both(lambda s, a, b: s.solve(a, b, assume_a="sym"), WELL + WELL.T, V),
    "solve her": both(lambda s, a, b: s.solve(a, b, assume_a="her", lower=True), COMPLEX + COMPLEX.conj().T, V),
    "solve upper": both(lambda s, a, b: s.solve(a, b, assume_a="upper triangular"), WELL, V),
    "solve diagonal": both(lambda s, a, b: s.solve(a, b, assume_a="diagonal"), np.diag(V + 3), M),
    "solve_triangular": both(lambda s, a, b: s.solve_triangular(a, b), WELL, V),
    "solve_triangular N": both(lambda s, a, b: s.solve_triangular(a, b, trans="N", lower=True), WELL, M),
    "solve_triangular T": both(lambda s, a, b: s.solve_triangular(a, b, trans="T", unit_diagonal=True), WELL, M),
    "solve_triangular C": both(lambda s, a, b: s.solve_triangular(a, b, trans=2, lower=True), COMPLEX, M),
    "cholesky": both(lambda s, a: s.cholesky(a), POSITIVE),
    "cholesky lower": both(lambda s, a: s.cholesky(a, lower=True), POSITIVE),
    "cho_solve": both(lambda s, a, b: s.cho_solve(s.cho_factor(a), b), POSITIVE, V),
    "cho_solve lower": both(lambda s, a, b: s.cho_solve(s.cho_factor(a, lower=True), b), POSITIVE, M),
    "lu": both(lambda s, a: s.lu(a), WELL),
    "lu of another order": both(lambda s, a: s.lu(a), WELL[[2, 0, 3, 1]]),
    "lu permuted": both(lambda s, a: s.lu(a, permute_l=True), WELL[[2, 0, 3, 1]]),
    "lu indices": both(lambda s, a: s.lu(a, p_indices=True)[1:], WELL[[2, 0, 3, 1]]),
    "lu wide": both(lambda s, a: s.lu(a), M.T, derivative=False),
    "lu_solve": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b), WELL[[2, 0, 3, 1]], V),
    "lu_solve transposed": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b, trans=1), WELL[[2, 0, 3, 1]], M),
    "lu_solve adjoint": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b, trans=2), COMPLEX, V),
    "inv": both(lambda s, a: s.inv(a), WELL),
    "pinvh": both(lambda s, a: s.pinvh(a), POSITIVE),
    "solve_sylvester": both(lambda s, a, b, q: s.solve_sylvester(a, b, q), WELL, OTHER[:2, :2], M),
    "solve_sylvester complex": both(lambda s, a, b, q: s.solve_sylvester(a, b, q), COMPLEX, OTHER[:2, :2], M),
    "solve_continuous_lyapunov": both(lambda s, a, q: s.solve_continuous_lyapunov(a, q), WELL, B),
    "solve_discrete_lyapunov": both(lambda s, a, q: s.solve_discrete_lyapunov(a, q), A / 4, B),
    "expm": both(lambda s, a: s.expm(a), A),
    "expm complex": both(lambda s, a: s.expm(a), A + 1j * B),
    "expm_frechet": both(lambda s, a, e: s.expm_frechet(a, e), A, B),
    "logm": both(lambda s, a: s.logm(a), WELL),
    "sqrtm": both(lambda s, a: s.sqrtm(a), WELL),
    "sqrtm of equal eigenvalues": both(lambda s, a: s.sqrtm(a), 4 * np.eye(3)),
    "sqrtm complex": both(lambda s, a: s.sqrtm(a), COMPLEX),
    "polar": both(lambda s, a: s.polar(a), WELL),
    "polar left": both(lambda s, a: s.polar(a, side="left"), WELL),
    "polar of equal singular values": both(lambda s, a: s.polar(a), np.eye(3)),
    "schur": both(lambda s, a: s.schur(a), WELL, derivative=False),
    "schur complex": both(lambda s, a: s.schur(a, output="complex"), WELL, derivative=False),
    "eigvalsh": both(lambda s, a: s.eigvalsh(a), POSITIVE),
    "eigvalsh upper": both(lambda s, a: s.eigvalsh(a, lower=False), WELL),
    "eigh of a pair": both(lambda s, a, b: s.eigh(a, b, eigvals_only=True), POSITIVE, OTHER),
    "eigh of type 2": both(lambda s, a, b: s.eigh(a, b, type=2, eigvals_only=True), POSITIVE, OTHER),
    "eigh of type 3": both(lambda s, a, b: s.eigh(a, b, type=3, eigvals_only=True, lower=False), POSITIVE, OTHER),
    "eigh vectors": both(lambda s, a, b: tuple(x * x for x in s.eigh(a, b)), POSITIVE, OTHER),
    "eigh vectors of type 2": both(lambda s, a, b: tuple(x * x for x in s.eigh(a, b, type=2)), POSITIVE, OTHER),
    "eigh vectors of type 3": both(lambda s, a, b: tuple(x * x for x in s.eigh(a, b, type=3)), POSITIVE, OTHER),
    "eigh_tridiagonal": both(lambda s, d, e: s.eigh_tridiagonal(d, e, eigvals_only=True), V, M[:3, 0]),
    "eigvalsh_tridiagonal": both(lambda s, d, e: s.eigvalsh_tridiagonal(d, e), V, M[:3, 0]),
    "svdvals": both(lambda s, a: s.svdvals(a), M),
    "solve_banded": both(lambda s, ab, b: s.solve_banded((1, 2), ab, b), BANDS, FIVE[:, 0]),
    "solve_banded of columns": both(lambda s, ab, b: s.solve_banded((1, 2), ab, b), BANDS, FIVE),
    "solveh_banded": both(lambda s, ab, b: s.solveh_banded(ab, b), HALF, FIVE[:, 0]),
    "solveh_banded lower": both(lambda s, ab, b: s.solveh_banded(ab, b, lower=True), HALF[::-1].copy(), FIVE),
    "solve_toeplitz": both(lambda s, c, b: s.solve_toeplitz(c, b), FIRST, M),
    "solve_toeplitz of a pair": both(lambda s, c, r, b: s.solve_toeplitz((c, r), b), FIRST, M[:, 0], V),
    "block_diag": both(lambda s, a, b: s.block_diag(a, b), WELL, M),
    "toeplitz": both(lambda s, c: s.toeplitz(c), V),
    "toeplitz of a pair": both(lambda s, c, r: s.toeplitz(c, r), V, M[:3, 0]),
    "circulant": both(lambda s, c: s.circulant(c), V),
    "hankel": both(lambda s, c: s.hankel(c), V),
    "hankel of a pair": both(lambda s, c, r: s.hankel(c, r), V, M[:3, 0]),
    "khatri_rao": both(lambda s, a, b: s.khatri_rao(a, b), M, WELL[:3, :2]),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args, has_derivative = CASES[name]
    expected = f(scipy.linalg, *args)
    for found in (f(linalg, *args), cv.jit(lambda *a: f(linalg, *a))(*args)):
        for e, o in zip(*(x if isinstance(x, tuple) else (x,) for x in (expected, found)), strict=True):
            np.testing.assert_allclose(o, e, rtol=1e-10, atol=1e-12)
            assert o.dtype == e.dtype
    if has_derivative:
        order = 1 if name == "polar of equal singular values" else 2  # the second one is NaN there
        check_function(of_real_numbers(lambda *a: f(linalg, *a), args), args, order=order, tolerance=1e-5)


@pytest.mark.parametrize("function", [linalg.expm, linalg.logm, linalg.sqrtm])
def test_functions_of_stacks(function):
    stack = np.stack([WELL, POSITIVE])
    np.testing.assert_allclose(function(stack), np.stack([function(m) for m in stack]), rtol=1e-12)
    check_function(of_real_numbers(function, (stack,)), (stack,), tolerance=1e-5)


def test_no_real_function_is_nan():
    assert np.isnan(linalg.sqrtm(-np.eye(2))).all()
    np.testing.assert_allclose(linalg.sqrtm(-np.eye(2) + 0j), 1j * np.eye(2), atol=1e-12)


def test_the_derivative_of_a_projection_on_the_null_space():
    wide = RNG.normal(size=(2, 4))
    np.testing.assert_allclose(wide @ linalg.null_space(wide), 0, atol=1e-12)
    projection = lambda a: linalg.null_space(a) @ linalg.null_space(a).T
    direct = lambda a: np.eye(4) - np.linalg.pinv(a) @ a
    t = RNG.normal(size=(2, 4))
    np.testing.assert_allclose(cv.jvp(projection, (wide,), (t,))[1], cv.jvp(direct, (wide,), (t,))[1], atol=1e-12)


def test_third_derivatives_of_a_matrix_function():
    f = lambda x: linalg.expm(x * A)[0, 1]
    third = cv.grad(cv.grad(cv.grad(f)))(0.3)
    np.testing.assert_allclose(third, (A @ A @ A @ scipy.linalg.expm(0.3 * A))[0, 1], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cv.grad(lambda a: linalg.schur(a)[0].sum())(WELL), errors.NonDifferentiableError, "schur.*not determined"),
        (lambda: linalg.solve(WELL, V, assume_a="banded"), ValueError, "assume_a='banded'"),
        (lambda: linalg.solve_triangular(WELL, V, trans=3), ValueError, "trans=3"),
        (lambda: linalg.solve_banded((1, 1), BANDS, V), ValueError, r"1 \+ 1 diagonals"),
        (lambda: linalg.khatri_rao(M, WELL), ValueError, "as many columns"),
        (lambda: linalg.inv(WELL, overwrite=True), TypeError, "unexpected keyword argument 'overwrite'"),
        (lambda: linalg.solve_sylvester(WELL, WELL, M), ValueError, "square matrices that fit"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_real_logarithm_in_single_precision():
    a = np.array([[1.8, 0.3, -0.9], [0.4, 2.2, 0.1], [0.7, -0.2, 1.5]], np.float32)
    found = linalg.logm(a)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scipy.linalg.logm(a.astype(float)).real, rtol=1e-4, atol=1e-5)
