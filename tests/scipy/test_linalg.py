"""covector.scipy.linalg: values are SciPy's, derivatives by differences, to order 2, batched and staged."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
import scipy.linalg
from transformed import of_real_numbers, same

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


LOWER_HALF = np.array([[3.0, 4, 3, 5, 4], [0.5, 0.6, 0.4, 0.7, 0], [0.3, 0.1, 0.2, 0, 0]])


def both(f, *args, derivative=True, staged=True):
    return f, args, derivative, staged


def projection(basis):
    """On the space; of one basis, since the derivatives of two that are given apart do not tell that they are one."""
    return basis @ basis.T


RICCATI = (A / 3, M, OTHER, OTHER[:2, :2], np.eye(4) + B / 9, M[::-1] / 9)
ONES = np.ones(4)


def pairs(p):
    """A conjugate pair of eigenvalues around two real ones."""
    return p[[0, 2, 3, 0]] + p[[1, 1, 1, 1]] * np.array([1j, 0, 0, -1j])


def h(x):
    """A Hermitian matrix, and a well-conditioned one."""
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def sorted_by_size(x):
    return x[np.argsort(np.abs(cv.stop_gradient(x)))]


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
    "lu_solve": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b), WELL[[2, 0, 3, 1]], V),
    "lu_solve transposed": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b, trans=1), WELL[[2, 0, 3, 1]], M),
    "lu_solve adjoint": both(lambda s, a, b: s.lu_solve(s.lu_factor(a), b, trans=2), COMPLEX, V),
    "inv": both(lambda s, a: s.inv(a), WELL),
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
    "solve pos transposed": both(lambda s, a, b: s.solve(a, b, assume_a="pos", transposed=True), POSITIVE, V),
    "solve tridiagonal": both(lambda s, a, b: s.solve(a, b, assume_a="tridiagonal"), np.triu(np.tril(WELL, 1), -1), V),
    "solve banded": both(lambda s, a, b: s.solve(a, b, assume_a="banded"), WELL, V),
    "lu wide": both(lambda s, a: s.lu(a), M.T),
    "lu tall": both(lambda s, a: s.lu(a), M),
    "lu_factor": both(lambda s, a: s.lu_factor(a), WELL[[2, 0, 3, 1]]),
    "lu_factor tall": both(lambda s, a: s.lu_factor(a), M, derivative=False),
    "lu_factor wide": both(lambda s, a: s.lu_factor(a), M.T, derivative=False),
    "inv sym": both(lambda s, a: s.inv(a, assume_a="sym"), WELL + WELL.T),
    "det": both(lambda s, a: s.det(a), WELL),
    "pinv": both(lambda s, a: s.pinv(a, return_rank=True), M),
    "pinvh": both(lambda s, a: s.pinvh(a), POSITIVE),
    "lstsq": both(lambda s, a, b: s.lstsq(a, b)[:2], M, V),
    "lstsq of columns": both(lambda s, a, b: s.lstsq(a, b)[:2], M, OTHER[:, :2]),
    "norm": both(lambda s, a: s.norm(a, "nuc"), M),
    "solve_discrete_lyapunov bilinear": both(lambda s, a, q: s.solve_discrete_lyapunov(a, q, method="bilinear"), A / 4, B),
    "solve_discrete_lyapunov complex": both(lambda s, a, q: s.solve_discrete_lyapunov(a, q), COMPLEX / 20, B),
    "solve_continuous_are": both(lambda s, a, b, q, r: s.solve_continuous_are(a, b, h(q), h(r)), A, M, OTHER, OTHER[:2, :2]),
    "solve_continuous_are of all": both(
        lambda s, a, b, q, r, e, t: s.solve_continuous_are(a, b, h(q), h(r), e, t, balanced=False), *RICCATI
    ),
    "solve_continuous_are complex": both(
        lambda s, a, b, q, r: s.solve_continuous_are(a, b, h(q), h(r)), COMPLEX, M + 0j, OTHER + 0j, OTHER[:2, :2] + 0j
    ),
    "solve_discrete_are": both(lambda s, a, b, q, r: s.solve_discrete_are(a, b, h(q), h(r)), A, M, OTHER, OTHER[:2, :2]),
    "solve_discrete_are of all": both(
        lambda s, a, b, q, r, e, t: s.solve_discrete_are(a, b, h(q), h(r), e, t, balanced=False), *RICCATI
    ),
    **{name: both(lambda s, a, name=name: getattr(s, name)(a), A / 2) for name in ("cosm", "sinm", "tanm", "tanhm")},
    **{f"{n} complex": both(lambda s, a, n=n: getattr(s, n)(a), A / 3 + 0.2j * B) for n in ("coshm", "sinhm")},
    **{name: both(lambda s, a, name=name: getattr(s, name)(a), A / 2) for name in ("coshm", "sinhm")},
    "signm": both(lambda s, a: s.signm(a), A),
    "fractional_matrix_power": both(lambda s, a: np.real(s.fractional_matrix_power(a, 0.3)), WELL),
    "fractional_matrix_power negative": both(lambda s, a: np.real(s.fractional_matrix_power(a, -1.5)), WELL),
    "fractional_matrix_power integer": both(lambda s, a: s.fractional_matrix_power(a, 3), WELL),
    "expm_frechet alone": both(lambda s, a, e: s.expm_frechet(a, e, compute_expm=False), A, B),
    "expm_cond": both(lambda s, a: s.expm_cond(a), A),
    "funm": both(lambda s, a: s.funm(a, np.sqrt), POSITIVE, derivative=False),
    "qr": both(lambda s, a: s.qr(a), WELL),
    "qr economic": both(lambda s, a: s.qr(a, mode="economic"), M),
    "qr r": both(lambda s, a: s.qr(a, mode="r"), M),
    "qr tall": both(lambda s, a: s.qr(a, mode="full")[1], M),
    "qr wide": both(lambda s, a: s.qr(a), M.T),
    "qr pivoting": both(lambda s, a: s.qr(a, pivoting=True), WELL[:, [2, 0, 3, 1]]),
    "qr complex": both(lambda s, a: s.qr(a), COMPLEX),
    "rq": both(lambda s, a: s.rq(a), WELL),
    "rq economic": both(lambda s, a: s.rq(a, mode="economic"), M.T),
    "rq wide": both(lambda s, a: s.rq(a, mode="r"), M.T),
    "rq tall": both(lambda s, a: s.rq(a), M),
    "rq complex": both(lambda s, a: s.rq(a), COMPLEX),
    "hessenberg": both(lambda s, a: s.hessenberg(a, calc_q=True), WELL),
    "hessenberg alone": both(lambda s, a: s.hessenberg(a), A),
    "hessenberg complex": both(lambda s, a: s.hessenberg(a, calc_q=True), COMPLEX),
    "hessenberg of two": both(lambda s, a: s.hessenberg(a, calc_q=True), A[:2, :2]),
    "ldl": both(lambda s, a: s.ldl(a), A + A.T),
    "ldl upper": both(lambda s, a: s.ldl(a, lower=False), A + A.T - 3 * np.diag(np.diag(A))),
    "ldl hermitian": both(lambda s, a: s.ldl(a), COMPLEX + COMPLEX.conj().T),
    "ldl symmetric": both(lambda s, a: s.ldl(a, hermitian=False), COMPLEX + COMPLEX.T),
    "orth": both(lambda s, a: projection(s.orth(a)), M, staged=False),
    "null_space": both(lambda s, a: projection(s.null_space(a)), M.T, staged=False),
    "subspace_angles": both(lambda s, a, b: s.subspace_angles(a, b), M, OTHER[:, :2], staged=False),
    "subspace_angles of one": both(lambda s, a, b: s.subspace_angles(a, b), M, OTHER[:, :1], staged=False),
    "orthogonal_procrustes": both(lambda s, a, b: s.orthogonal_procrustes(a, b), M, OTHER[:, :2]),
    "eig": both(lambda s, a: tuple(x[..., np.argsort(v.imag)] for v, x in [s.eig(a)] for x in (v, x * x)), COMPLEX),
    "eigvals": both(lambda s, a: s.eigvals(a), WELL),
    "eigvals of a pair": both(lambda s, a, b: sorted_by_size(s.eigvals(a, b)), COMPLEX, WELL),
    "eig of the left": both(lambda s, a: s.eig(a, left=True, right=False)[1] ** 2, COMPLEX),
    "eigvals homogeneous": both(lambda s, a: s.eigvals(a, homogeneous_eigvals=True), WELL),
    "cdf2rdf": both(lambda s, p, v: s.cdf2rdf(pairs(p), v), V, COMPLEX),
    "eigh of numbers": both(lambda s, a: s.eigh(a, subset_by_index=(1, 2))[0], POSITIVE),
    "eigvalsh of bounds": both(lambda s, a: s.eigvalsh(a, subset_by_value=(1.5, 9.0)), POSITIVE, staged=False),
    "eigh_tridiagonal of numbers": both(lambda s, d, e: s.eigh_tridiagonal(d, e, True, "i", (0, 1)), V, M[:3, 0]),
    "eig_banded": both(lambda s, ab: s.eig_banded(ab)[0], HALF),
    "eigvals_banded lower": both(lambda s, ab: s.eigvals_banded(ab, lower=True, select="i", select_range=(1, 3)), LOWER_HALF),
    "svd": both(lambda s, a: s.svd(a)[1], M),
    "diagsvd": both(lambda s, v: s.diagsvd(v, 4, 5), V),
    "cholesky_banded": both(lambda s, ab: s.cholesky_banded(ab), HALF),
    "cholesky_banded lower": both(lambda s, ab: s.cholesky_banded(ab, lower=True), LOWER_HALF),
    "cholesky_banded complex": both(lambda s, ab: s.cholesky_banded(ab), HALF * (1 + 0.1j * np.array([[1], [1], [0]]))),
    "cho_solve_banded": both(lambda s, cb, b: s.cho_solve_banded((cb, False), b), HALF, FIVE[:, 0]),
    "cho_solve_banded lower": both(lambda s, cb, b: s.cho_solve_banded((cb, True), b), LOWER_HALF * (1 + 0.1j), FIVE),
    "matmul_toeplitz": both(lambda s, c, r, x: s.matmul_toeplitz((c, r), x), V, FIVE[:, 0], FIVE),
    "matmul_toeplitz complex": both(lambda s, c, x: s.matmul_toeplitz(c, x), V + 1j * FIRST, V),
    "solve_circulant": both(lambda s, c, b: s.solve_circulant(c, b), FIRST, M),
    "solve_circulant complex": both(lambda s, c, b: s.solve_circulant(c, b, baxis=1, outaxis=1), FIRST * 1j + 1, M.T),
    "solve_circulant singular": both(
        lambda s, c, b: s.solve_circulant(c, b, singular="lstsq"), np.ones(4), V, derivative=False
    ),
    "toeplitz of a stack": both(lambda s, c: s.toeplitz(c), M),
    "companion": both(lambda s, a: s.companion(a), FIRST),
    "companion of a stack": both(lambda s, a: s.companion(a), M.T),
    "fiedler": both(lambda s, a: s.fiedler(a), V),
    **{f"fiedler_companion {n}": both(lambda s, a: s.fiedler_companion(a), FIVE[:n, 0]) for n in (2, 3, 4, 5)},
    "fiedler_companion of a stack": both(lambda s, a: s.fiedler_companion(a), M.T),
    "leslie": both(lambda s, f, p: s.leslie(f, p), V, M[:3, 0]),
    **{
        f"convolution_matrix {mode} {n}": both(lambda s, a, n=n, mode=mode: s.convolution_matrix(a, n, mode), V)
        for n, mode in [(3, "full"), (6, "same"), (3, "same"), (6, "valid"), (2, "valid")]
    },
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args, has_derivative, staged = CASES[name]
    expected = f(scipy.linalg, *args)
    for call in (lambda *a: f(linalg, *a), *[cv.jit(lambda *a: f(linalg, *a))] * staged):
        found = call(*args)
        for e, o in zip(*(x if isinstance(x, tuple) else (x,) for x in (expected, found)), strict=True):
            np.testing.assert_allclose(o, e, rtol=1e-10, atol=1e-12)
            assert o.dtype == e.dtype
    if has_derivative:
        call = of_real_numbers(lambda *a: f(linalg, *a), args)
        order = 1 if name == "polar of equal singular values" else 2  # the second one is NaN there
        check_function(call, args, order=order, tolerance=1e-5, batch=staged, staged=staged)


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
        (lambda: cv.grad(lambda a: linalg.schur(a)[0].sum())(WELL), TypeError, r"(?s)'schur' at .*not determined"),
        (lambda: linalg.solve(WELL, V, assume_a="bandit"), ValueError, "assume_a='bandit': give one of 'general'"),
        (lambda: linalg.solve_triangular(WELL, V, trans=3), ValueError, "trans=3"),
        (lambda: linalg.solve_banded((1, 1), BANDS, V), ValueError, r"1 \+ 1 diagonals"),
        (lambda: linalg.khatri_rao(M, WELL), ValueError, "as many columns"),
        (lambda: linalg.inv(WELL, overwrite=True), TypeError, "unexpected keyword argument 'overwrite'"),
        (lambda: linalg.solve_banded((1, 2), BANDS, FIVE, overwrite_bb=True), TypeError, "argument 'overwrite_bb'"),
        (lambda: linalg.solveh_banded(HALF, FIVE, low=True), TypeError, "argument 'low'"),
        (lambda: linalg.solve_toeplitz(FIRST, M, finite=True), TypeError, "argument 'finite'"),
        (lambda: linalg.solve(WELL, V, driver="gesdd"), TypeError, "argument 'driver'"),
        (lambda: linalg.schur(WELL, sort="lhp"), cv.errors.ArgumentError, "(?s)sort='lhp'.*does not sort"),
        (lambda: linalg.qr(WELL, mode="raw"), ValueError, "mode='raw'.*LAPACK's representation"),
        (lambda: linalg.rq(WELL, mode="raw"), ValueError, "mode='raw'"),
        (lambda: cv.jit(linalg.orth)(M), errors.TracerArrayConversionError, r"scipy\.linalg\.orth was called on a traced"),
        (
            lambda: cv.vmap(linalg.null_space)(M[None]),
            errors.TracerArrayConversionError,
            r"scipy\.linalg\.null_space was called",
        ),
        (lambda: linalg.subspace_angles(M, V[:3, None]), ValueError, "of as many rows"),
        (lambda: linalg.solve_continuous_are(A, M, OTHER, OTHER), ValueError, r"but r is f64\[4,4\]"),
        (lambda: linalg.solve_discrete_are(A, M, B, OTHER[:2, :2]), ValueError, "symmetric/hermitian"),
        (lambda: linalg.solve_discrete_lyapunov(A, B, method="x"), ValueError, "method='x': give 'direct' or 'bilinear'"),
        (
            lambda: cv.grad(lambda a: linalg.funm(a, np.exp).sum())(A),
            errors.NonDifferentiableError,
            r"scipy\.linalg\.funm(?s:.*)matrix_function for Herm",
        ),
        (lambda: linalg.fractional_matrix_power(A, V), ValueError, r"exponent of shape \(4,\)"),
        (lambda: linalg.expm_frechet(A, B, "x"), ValueError, "method='x'"),
        (lambda: linalg.eig(A, WELL, homogeneous_eigvals=True), ValueError, "homogeneous_eigvals=True"),
        (lambda: linalg.eig(A, np.zeros((4, 4))), linalg.LinAlgError, "Singular matrix"),
        (lambda: linalg.cdf2rdf(np.array([1j, 2.0]), np.eye(2)), ValueError, "odd number of complex eigenvalues"),
        (lambda: linalg.eigh(POSITIVE, subset_by_index=(2, 4)), ValueError, "numbers 2 to 4 of 4 eigenvalues"),
        (lambda: linalg.eigh(POSITIVE, subset_by_index=(2, 3), subset_by_value=(0, 1)), ValueError, "give one of them"),
        (lambda: linalg.eigh(POSITIVE, subset_by_value=(1, 0)), ValueError, "the first must be less"),
        (lambda: linalg.eig_banded(HALF, select="x"), ValueError, "eig_banded got select='x'"),
        (lambda: linalg.eigh_tridiagonal(V, V), ValueError, r"real f\[n\] and f\[n-1\], and got f64\[4\] and f64\[4\]"),
        (lambda: linalg.eigh_tridiagonal(V, V[1:], select="i"), ValueError, "select_range=None: give two bounds"),
        (lambda: linalg.diagsvd(V, 3, 5), ValueError, r"4 singular values for a matrix of shape \(3, 5\)"),
        (lambda: linalg.cholesky_banded(-HALF), linalg.LinAlgError, "not positive definite"),
        (lambda: linalg.cholesky_banded(V), ValueError, r"f\[u\+1,n\], not f64\[4\]"),
        (lambda: linalg.matmul_toeplitz(V, FIVE), ValueError, r"4 columns, and f64\[5,2\]"),
        (lambda: linalg.solve_circulant(np.ones(4), V), linalg.LinAlgError, "singular, or nearly so"),
        (lambda: linalg.solve_circulant(V, FIVE), ValueError, "length 4 in c and 5 in b"),
        (lambda: linalg.solve_circulant(V, V, singular="x"), ValueError, "singular='x'"),
        (lambda: linalg.companion([0.0, 1.0]), ValueError, "companion got coefficients of which the first is 0"),
        (lambda: linalg.companion([1.0]), ValueError, "two coefficients or more"),
        (lambda: linalg.leslie(V, V), ValueError, "n - 1 survivals"),
        (lambda: linalg.convolution_matrix(V, 0), ValueError, "n=0"),
        (lambda: linalg.convolution_matrix(V, 2, "x"), ValueError, "mode='x'"),
        (lambda: linalg.pinv(M, rtol=-1.0), ValueError, "none may be negative"),
        (lambda: linalg.lstsq(M, V, lapack_driver="x"), ValueError, "lapack_driver='x'"),
        (lambda: linalg.lu_solve(linalg.lu_factor(WELL), V, trans=3), ValueError, "trans=3"),
        (lambda: linalg.orthogonal_procrustes(M, WELL), ValueError, "two matrices of one shape"),
        (lambda: linalg.solve_sylvester(WELL, WELL, M), ValueError, "square matrices that fit"),
        (lambda: linalg.cho_factor(FIVE), linalg.LinAlgError, r"linalg.cho_factor takes square matrices, and got f64\[5,2\]"),
        (lambda: linalg.cholesky(V), linalg.LinAlgError, r"scipy.linalg.cholesky takes matrices, and got f64\[4\]"),
        (lambda: linalg.pinvh(FIVE), linalg.LinAlgError, "scipy.linalg.pinvh takes square matrices"),
        (lambda: linalg.solve(FIVE, V, assume_a="pos"), linalg.LinAlgError, "scipy.linalg.solve takes square matrices"),
        (lambda: linalg.eigh(WELL, FIVE), linalg.LinAlgError, "scipy.linalg.eigh takes square matrices"),
        (lambda: linalg.eigh(WELL, np.eye(3)), ValueError, r"matrices of one size, got f64\[4,4\] and f64\[3,3\]"),
        (lambda: linalg.solve_continuous_lyapunov(V, V), linalg.LinAlgError, "takes matrices"),
        (lambda: linalg.solve_discrete_lyapunov(WELL, np.eye(3)), ValueError, "matrices of one size"),
        (lambda: linalg.expm_frechet(WELL, np.eye(3)), ValueError, "matrices of one size"),
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


def test_pivots_are_lapacks():
    for a in (WELL[[2, 0, 3, 1]], RNG.normal(size=(6, 6))):
        np.testing.assert_allclose(
            scipy.linalg.lu_solve(linalg.lu_factor(a), np.ones(len(a))), np.linalg.solve(a, np.ones(len(a)))
        )
        np.testing.assert_allclose(
            linalg.lu_solve(scipy.linalg.lu_factor(a), np.ones(len(a))), np.linalg.solve(a, np.ones(len(a)))
        )
    stack = np.stack([WELL, WELL[[2, 0, 3, 1]]])
    solved = cv.vmap(lambda a: linalg.lu_solve(linalg.lu_factor(a), M))(stack)
    np.testing.assert_allclose(solved, np.linalg.solve(stack, M))
    np.testing.assert_allclose(linalg.lu_solve(linalg.lu_factor(stack), np.stack([M, M])), solved)


def test_bases_have_second_derivatives():
    """Those of the projections on the spaces, which have formulas without the bases."""
    wide, t, u = RNG.normal(size=(3, 2, 4))
    pairs_of_functions = [
        (lambda a: linalg.null_space(a) @ linalg.null_space(a).T, lambda a: np.eye(4) - np.linalg.pinv(a) @ a),
        (lambda a: linalg.orth(a.T) @ linalg.orth(a.T).T, lambda a: np.linalg.pinv(a) @ a),
    ]
    for by_basis, direct in pairs_of_functions:
        second = [cv.jvp(lambda a, f=f: cv.jvp(f, (a,), (t,))[1], (wide,), (u,))[1] for f in (by_basis, direct)]
        np.testing.assert_allclose(*second, atol=1e-10)


def test_generalized_eigenvectors():
    w, left, right = linalg.eig(WELL, OTHER, left=True)
    np.testing.assert_allclose(WELL @ right, w * (OTHER @ right), atol=1e-10)
    np.testing.assert_allclose(left.conj().T @ WELL, w[:, None] * (left.conj().T @ OTHER), atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(left, axis=0), 1)


def test_riccatis_equation_is_solved_where_scipy_balances_it_wrongly():
    a, b, q, r, e, _ = RICCATI
    e = e + np.diag([3.0, 0, 0, 0])
    x = linalg.solve_discrete_are(3 * a, b, q, r, e)
    gain = np.linalg.solve(r + b.T @ x @ b, b.T @ x @ (3 * a))
    np.testing.assert_allclose(9 * a.T @ x @ a - e.T @ x @ e - 3 * a.T @ x @ b @ gain + q, 0, atol=1e-9)


def test_the_exponent_of_a_power_is_differentiable():
    f = lambda t: linalg.fractional_matrix_power(POSITIVE, t)
    np.testing.assert_allclose(f(np.float64(1.5)), scipy.linalg.fractional_matrix_power(POSITIVE, 1.5))
    check_function(f, (0.7,), tolerance=1e-6)
    assert np.isnan(linalg.fractional_matrix_power(-np.eye(2), 0.5)).all()


@pytest.mark.parametrize("eigenvalues", [[1.0, 1.0, -0.01], [3.0, -2.0, -1e-3], [1.0, 1.0, -1.0], [2.0, 2.0, 2.0]])
def test_the_sign_of_equal_and_of_small_eigenvalues(eigenvalues):
    """SciPy's function moves the small ones over the axis where others are equal, as they always are in derivatives."""
    v = C[:3, :3] + 2 * np.eye(3)
    a = v * eigenvalues @ np.linalg.inv(v)
    np.testing.assert_allclose(linalg.signm(a), v * np.sign(eigenvalues) @ np.linalg.inv(v), atol=1e-11)
    check_function(of_real_numbers(linalg.signm, (a,)), (a,), order=1, tolerance=1e-5)


def test_the_sign_has_no_derivative_on_the_axis():
    a = np.diag([1.0, 0.0])
    np.testing.assert_array_equal(linalg.signm(a), a)
    assert np.isnan(cv.jvp(linalg.signm, (a,), (np.eye(2),))[1]).all()


def test_what_is_not_known_to_be_possible_is_nan():
    assert np.isnan(cv.jit(linalg.solve_circulant)(np.ones(4), V)).all()
    assert np.isnan(cv.jit(linalg.cdf2rdf)(np.array([1j, 2.0]), np.eye(2))[0]).all()
    assert not np.isfinite(cv.jit(linalg.companion)(np.array([0.0, 1.0]))).any()
    reduced = np.diag([1.0, 2.0, 3.0])
    assert not np.isfinite(cv.jvp(linalg.hessenberg, (reduced,), (np.ones((3, 3)),))[1]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
@pytest.mark.parametrize("name", ["lu", "lu_factor", "schur", "expm", "ldl", "cholesky", "polar", "inv"])
def test_precisions_that_lapack_lacks_become_those_of_scipy(name, dtype):
    f, a = getattr(linalg, name), POSITIVE.astype(dtype)
    plain = getattr(scipy.linalg, name)(a.astype(np.float32 if dtype == np.float16 else np.float64))
    for found in (f(a), cv.jit(f)(a)):
        for x, expected in zip(cv.tree.leaves(found), cv.tree.leaves(plain), strict=True):
            assert x.dtype == expected.dtype


@pytest.mark.parametrize("name", "cholesky expm hessenberg inv ldl logm lu polar qr rq signm sqrtm svdvals".split())
def test_derivatives_of_a_stack_are_those_of_its_matrices(name):
    f = lambda a: cv.tree.map(lambda x: 1.0 * x, getattr(linalg, name)(a + a.T if name in ("cholesky", "ldl") else a))
    a = np.stack([np.diag([2.0, 3.0, 4.5, 6.0]) + np.sin(k + np.arange(16.0).reshape(4, 4)) / 4 for k in range(2)])
    t = np.cos(np.arange(32.0)).reshape(2, 4, 4)
    found = cv.tree.leaves(cv.jvp(cv.vmap(f), (a,), (t,)))
    alone = [cv.tree.leaves(cv.jvp(f, (x,), (v,))) for x, v in zip(a, t, strict=True)]
    for x, *parts in zip(found, *alone, strict=True):
        np.testing.assert_allclose(x, np.stack(parts), rtol=1e-9, atol=1e-9)


def test_of_a_hermitian_matrix_the_diagonal_is_real():
    a = COMPLEX + COMPLEX.conj().T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = linalg.ldl(a + 1j * np.diag(np.arange(1.0, len(a) + 1)))
    for x, wanted in zip(found, scipy.linalg.ldl(a), strict=True):
        np.testing.assert_array_equal(x, wanted)


def test_properties_of_matrices():
    for a in (np.eye(3), WELL, np.triu(WELL), COMPLEX + COMPLEX.T, COMPLEX + COMPLEX.conj().T, np.zeros((2, 3))):
        assert linalg.bandwidth(a) == cv.jit(linalg.bandwidth)(a) == scipy.linalg.bandwidth(a)
        if a.shape[0] == a.shape[1]:
            for name in ("issymmetric", "ishermitian"):
                for tolerance in ({}, {"atol": 1e-3}, {"rtol": 1e-3}):
                    f = functools.partial(getattr(linalg, name), **tolerance)
                    assert f(a) == cv.jit(f)(a) == getattr(scipy.linalg, name)(a, **tolerance)


def test_matrices_of_a_size_alone():
    for name, n in [
        ("dft", 3),
        ("hadamard", 4),
        ("helmert", 3),
        ("hilbert", 3),
        ("invhilbert", 3),
        ("pascal", 3),
        ("invpascal", 3),
    ]:
        np.testing.assert_array_equal(getattr(linalg, name)(n), getattr(scipy.linalg, name)(n))


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128, np.int64])
@pytest.mark.parametrize("name", "qr rq lu hessenberg ldl cosm signm pinv det svd companion fiedler fiedler_companion".split())
def test_dtypes(name, dtype):
    a = (3 * A).astype(dtype)
    a = a + a.T if name == "ldl" else a[3] if "companion" in name or name == "fiedler" else a
    found, expected = (getattr(s, name)(a) for s in (linalg, scipy.linalg))
    for f, e in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, expected)), strict=True):
        assert f.dtype == e.dtype
        np.testing.assert_allclose(f, e, rtol=1e-3, atol=1e-4) if name != "svd" else None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128, np.int64])
@pytest.mark.parametrize("n", [1, 2])
def test_small_matrices_are_of_hessenbergs_form(n, dtype):
    a = (3 * A[:n, :n]).astype(dtype)
    expected = scipy.linalg.hessenberg(a, calc_q=True)
    for found in (linalg.hessenberg(a, calc_q=True), cv.jit(lambda a: linalg.hessenberg(a, calc_q=True))(a)):
        same(found, expected)
    check_function(of_real_numbers(lambda a: linalg.hessenberg(a, True), (A[:n, :n],)), (A[:n, :n],))


SYSTEMS = {
    "solve_banded": lambda s, c, b: s.solve_banded((1, 1), np.stack([c[::-1], c, c[::-1]]), b),
    "solve_banded of more": lambda s, c, b: s.solve_banded((2, 1), np.stack([c[::-1] / 2, c, c / 2, c / 2]), b),
    "solveh_banded": lambda s, c, b: s.solveh_banded(np.stack([np.real(c), np.real(c) / 9]), b, lower=True),
    **{
        name: lambda s, c, b, name=name: getattr(s, name)(c, b)
        for name in ("solve_toeplitz", "matmul_toeplitz", "solve_circulant")
    },
}


@pytest.mark.parametrize("dtypes", ["ee", "ff", "ef", "fd", "FF", "Fe", "FD", "fF"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_dtypes_of_systems(name, dtypes):
    c, b = (np.array([4.0, 0.5, 1.0, 0.25]).astype(d) * (1 + 0.5j if d in "FD" else 1) for d in dtypes)
    expected = SYSTEMS[name](scipy.linalg, c, b)
    for found in (SYSTEMS[name](linalg, c, b), cv.jit(lambda c, b: SYSTEMS[name](linalg, c, b))(c, b)):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_all_names_are_scipys():
    assert set(linalg.__all__) - {"kron"} <= set(scipy.linalg.__all__)


@pytest.mark.parametrize("function", [linalg.expm, linalg.logm, linalg.sqrtm, linalg.cosm, linalg.signm, cv.jit(linalg.expm)])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_functions_of_what_is_no_square_matrix(function, shape):
    with pytest.raises(ValueError, match=r"function of matrices got f64[^~]*give square matrices"):
        function(np.ones(shape))
