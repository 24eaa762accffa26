"""`covector.lax.linalg`: values by what the factors must satisfy and by NumPy and SciPy, and every transformation."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import scipy.linalg

import covector as cv
from covector import errors, lax
from covector.lax import linalg
from covector.testing import check_function

RNG = np.random.default_rng(0)
A, B, TALL, WIDE = (RNG.normal(size=s) for s in ((2, 4, 4), (2, 4, 3), (2, 4, 2), (2, 2, 4)))
POSITIVE = A @ np.swapaxes(A, -1, -2) + 2 * np.eye(4)
UPPER = np.triu(A) + 3 * np.eye(4)
COMPLEX = A + 1j * RNG.normal(size=A.shape)
W, TAUS, D = RNG.normal(size=(2, 4)), np.array([[0.7, 1.3], [0.0, 1.1]]), 4 + RNG.random((2, 4))
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)

CALLS = {  # what is differentiable, made independent of phases
    "cholesky": (linalg.cholesky, (POSITIVE,)),
    "cholesky_update": (linalg.cholesky_update, (UPPER, W)),
    "eigh": (lambda a: linalg.eigh(a)[1], (A,)),
    "eig": (lambda a: np.real(linalg.eig(a)[0] ** 2), (POSITIVE,)),
    "svd": (lambda a: linalg.svd(a, compute_uv=False), (TALL,)),
    "lu": (lambda a: linalg.lu(a)[0], (A,)),
    "qr": (lambda a: linalg.qr(a, pivoting=True, full_matrices=False)[:2], (TALL,)),
    "qdwh": (lambda a: linalg.qdwh(a)[:2], (TALL[0],)),
    "householder_product": (linalg.householder_product, (TALL, TAUS)),
    "ormqr": (linalg.ormqr, (TALL, TAUS, B)),
    "symmetric_product": (lambda a, c: linalg.symmetric_product(a, c, alpha=2.0, beta=0.5), (B, POSITIVE)),
    "triangular_solve": (lambda a, b: linalg.triangular_solve(a, b, left_side=True), (UPPER, B)),
    "tridiagonal_solve": (linalg.tridiagonal_solve, (W, D, W[::-1], B)),
    "schur": (linalg.schur, (A,)),
    "hessenberg": (linalg.hessenberg, (A,)),
    "tridiagonal": (linalg.tridiagonal, (POSITIVE,)),
    "lu_pivots_to_permutation": (lambda p: linalg.lu_pivots_to_permutation(p, 4), (np.array([[2, 2], [1, 3]]),)),
}
SMOOTH = [name for name in CALLS if name not in ("schur", "hessenberg", "tridiagonal", "lu_pivots_to_permutation")]


def close(found, expected, dtype=np.float64):
    np.testing.assert_allclose(found, expected, rtol=1e4 * np.finfo(dtype).eps, atol=1e3 * np.finfo(dtype).eps)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


@pytest.mark.parametrize("name", SMOOTH)
def test_transformations(name):
    f, args = CALLS[name]
    args = tuple(a[0] if name != "qdwh" else a for a in args)
    check_function(f, args, order=2, tolerance=1e-4)


@pytest.mark.parametrize("name", CALLS)
def test_stacks_and_batches(name):
    f, args = CALLS[name]
    if name == "qdwh":
        args = (TALL,)
    each = [cv.tree_util.tree_leaves(f(*(a[k] for a in args))) for k in range(2)]
    batched = cv.tree_util.tree_leaves(cv.vmap(f)(*args))
    stacked = batched if name == "qdwh" else cv.tree_util.tree_leaves(f(*args))
    staged = cv.tree_util.tree_leaves(cv.jit(cv.vmap(f))(*args))
    for k in range(2):
        for one, a, b, c in zip(each[k], batched, stacked, staged, strict=True):
            for other in (a, b, c):
                close(other[k], one)
                assert other.dtype == one.dtype


def cast(x, dtype):
    return (COMPLEX if dtype in (np.complex64, np.complex128) and x is A else x).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors(dtype):
    a, real = cast(A, dtype), np.zeros((), dtype).real.dtype
    h = a @ adjoint(a) + 2 * np.eye(4, dtype=dtype)
    factor = linalg.cholesky(h)
    close(factor @ adjoint(factor), h, dtype)
    close(linalg.cholesky(np.tril(h), symmetrize_input=False), factor, dtype)

    w = a[:, 0]
    up = linalg.cholesky_update(adjoint(factor), w)
    close(adjoint(up) @ up, h + w[..., None] * np.conj(w[..., None, :]), dtype)
    assert (np.diagonal(up, axis1=1, axis2=2).real > 0).all() and (np.tril(up, -1) == 0).all()

    v, values = linalg.eigh(a)
    close(v * values[..., None, :] @ adjoint(v), (a + adjoint(a)) / 2, dtype)
    assert values.dtype == real
    close(linalg.eigh(np.triu(h), lower=False, symmetrize_input=False)[1], np.linalg.eigvalsh(h), dtype)
    close(linalg.eigh(h, subset_by_index=(1, 3))[1], np.linalg.eigvalsh(h)[:, 1:3], dtype)
    assert linalg.eigh(h, subset_by_index=(1, 3))[0].shape == (2, 4, 2)

    values, left, right = linalg.eig(a)
    assert values.dtype == left.dtype == right.dtype == np.result_type(dtype, np.complex64)
    close(a @ right, right * values[..., None, :], dtype)
    close(adjoint(left) @ a, values[..., None] * adjoint(left), dtype)
    close(np.linalg.norm(left, axis=-2), 1, dtype)
    assert len(linalg.eig(a, compute_left_eigenvectors=False)) == len(linalg.eig(a, compute_right_eigenvectors=False)) == 2
    assert len(linalg.eig(a, compute_left_eigenvectors=False, compute_right_eigenvectors=False)) == 1

    wide = np.array(a[:, :3])
    for full in (True, False):
        u, s, vh = linalg.svd(wide, full_matrices=full)
        close(u * s[..., None, :] @ vh[:, :3], wide, dtype)
        q, r, p = linalg.qr(wide, pivoting=True, full_matrices=full)
        close(q @ r, np.take_along_axis(wide, p[..., None, :], -1), dtype)
        assert q.dtype == dtype and p.dtype == np.int32 and (np.diff(np.abs(np.diagonal(r, axis1=1, axis2=2))) <= 0).all()
        for x, y in zip(
            linalg.qr(wide, full_matrices=full), np.linalg.qr(wide, "complete" if full else "reduced"), strict=True
        ):
            close(x, y, dtype)
    u, s, vh = linalg.svd(wide, full_matrices=False, subset_by_index=(0, 2))
    assert u.shape == (2, 3, 2) and vh.shape == (2, 2, 4)
    close(s, np.linalg.svd(wide, compute_uv=False)[:, :2], dtype)

    t, q = linalg.schur(a)
    close(q @ t @ adjoint(q), a, dtype)
    assert t.dtype == dtype
    close(linalg.schur(a, compute_schur_vectors=False), t, dtype)
    u, p, iterations, converged = linalg.qdwh(a[0])
    close(u @ p, a[0], dtype)
    close(adjoint(u) @ u, np.eye(4), dtype)
    assert (iterations, converged) == (0, True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (4, 2), (2, 4), (1, 3), (3, 1), (0, 3), (3, 0)])
def test_lu(dtype, shape):
    a = np.resize(COMPLEX, (3, *shape)).astype(dtype) if dtype in DTYPES[2:] else np.resize(A, (3, *shape)).astype(dtype)
    both, pivots, order = linalg.lu(a)
    k = min(shape)
    lower, upper = np.tril(both, -1)[..., :k] + np.eye(shape[0], k), np.triu(both)[:, :k]
    close(lower @ upper, np.take_along_axis(a, order[..., None], -2), dtype)
    assert pivots.dtype == order.dtype == np.int32 and both.dtype == dtype and pivots.shape == (3, k)
    np.testing.assert_array_equal(linalg.lu_pivots_to_permutation(pivots, shape[0]), order)
    if k:
        found, exchanges = scipy.linalg.lu_factor(a[1])
        close(both[1], found, dtype)
        np.testing.assert_array_equal(pivots[1], exchanges)


@pytest.mark.parametrize("a", [TALL[0], WIDE[0], A[0][:3]], ids=str)
def test_the_derivative_of_rectangular_lu(a):
    check_function(lambda a: linalg.lu(a)[0], (a,), order=2, tolerance=1e-4)
    check_function(lambda a: cv.scipy.linalg.lu(a, p_indices=True)[1:], (a,), order=1, tolerance=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_reflections(dtype):
    a = cast(A, dtype)[..., :3]
    raw = [np.linalg.qr(x, "raw") for x in a]
    packed, taus = np.stack([np.swapaxes(h, 0, 1) for h, _ in raw]), np.stack([t for _, t in raw])
    reduced, complete = np.linalg.qr(a)[0], np.linalg.qr(a, "complete")[0]
    close(linalg.householder_product(packed, taus), reduced, dtype)
    close(linalg.householder_product(packed, taus[:, :0]), np.broadcast_to(np.eye(4, 3), (2, 4, 3)), dtype)
    c = cast(A, dtype)
    close(linalg.ormqr(packed, taus, c), complete @ c, dtype)
    close(linalg.ormqr(packed, taus, c, transpose=True), adjoint(complete) @ c, dtype)
    close(linalg.ormqr(packed, taus, c, left=False), c @ complete, dtype)
    close(linalg.ormqr(packed, taus, c, left=False, transpose=True), c @ adjoint(complete), dtype)

    packed, taus = linalg.hessenberg(c)
    assert packed.dtype == taus.dtype == dtype
    for one, tau, x in zip(packed, taus, c, strict=True):
        q = scipy.linalg.block_diag(1, linalg.householder_product(one[1:, :-1], tau))
        close(q @ np.triu(one, -1) @ adjoint(q), x, dtype)

    h = c + adjoint(c)
    for lower in (True, False):
        packed, d, e, taus = linalg.tridiagonal(np.tril(h) if lower else np.triu(h), lower=lower)
        assert d.dtype == e.dtype == np.zeros((), dtype).real.dtype and taus.dtype == dtype
        close(np.diagonal(packed, axis1=1, axis2=2), d, dtype)
        close(np.diagonal(packed, -1 if lower else 1, 1, 2), e, dtype)
        for k in range(2):
            close(scipy.linalg.eigvalsh_tridiagonal(d[k], e[k]), np.linalg.eigvalsh(h[k]), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_systems_and_products(dtype):
    below, d, above, b = (x.astype(dtype) for x in (W, D, W[::-1], B))
    dense = np.stack([np.diag(d[k]) + np.diag(below[k, 1:], -1) + np.diag(above[k, :-1], 1) for k in range(2)])
    found = linalg.tridiagonal_solve(below, d, above, b)
    close(found, np.linalg.solve(dense, b), dtype)
    assert found.dtype == dtype
    close(linalg.tridiagonal_solve(below[:, :1], d[:, :1], above[:, :1], b[:, :1]), b[:, :1] / d[:, :1, None], dtype)
    a = cast(A, dtype)
    c = a + np.swapaxes(a, 1, 2)
    expected = 2 * a @ np.swapaxes(a, 1, 2) + 0.5 * c
    for symmetrize in (True, False):
        found = linalg.symmetric_product(a, c, alpha=2.0, beta=0.5, symmetrize_output=symmetrize)
        close(found, expected, dtype)
        assert found.dtype == dtype


def test_left_eigenvectors():
    check_function(lambda a: np.abs(linalg.eig(a)[1]) ** 2, (POSITIVE[0],), order=2, tolerance=1e-4)
    values, left, right = linalg.eig(np.array([[1.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_array_equal(values, 1)
    assert np.isnan(left).all() and np.isfinite(right).all()
    values, left, _ = linalg.eig(np.zeros((3, 0, 0)))
    assert values.shape == (3, 0) and left.shape == (3, 0, 0)


def test_matrices_of_no_rows():
    empty = np.zeros((2, 0, 0))
    assert [x.shape for x in linalg.hessenberg(empty)] == [(2, 0, 0), (2, 0)]
    assert [x.shape for x in linalg.tridiagonal(empty)] == [(2, 0, 0), (2, 0), (2, 0), (2, 0)]
    assert linalg.qr(np.zeros((2, 0, 0)), pivoting=True)[2].shape == (2, 0)
    assert [x.shape for x in linalg.tridiagonal(np.ones((1, 1)))] == [(1, 1), (1,), (0,), (0,)]
    assert linalg.tridiagonal_solve(*[np.ones((0, 4))] * 3, np.ones((0, 4, 2))).shape == (0, 4, 2)


ERRORS = [
    (
        lambda: linalg.cholesky(np.ones((2, 3))),
        linalg_error := np.linalg.LinAlgError,
        r"lax.linalg.cholesky takes square.*f64\[2,3\]",
    ),
    (lambda: linalg.cholesky(-np.eye(2)), linalg_error, "not positive definite"),
    (lambda: linalg.lu(np.ones(3)), linalg_error, r"lax.linalg.lu takes matrices.*f64\[3\]"),
    (lambda: linalg.qr(np.ones((2, 2), np.float16)), TypeError, "lax.linalg.qr: array type float16"),
    (lambda: linalg.eigh(np.eye(2), subset_by_index=(1, 3)), errors.ArgumentError, r"subset_by_index=\(1, 3\) for 2 values"),
    (
        lambda: linalg.svd(np.eye(2), subset_by_index=(0, 1)),
        errors.ArgumentError,
        "full_matrices=True(.|\n)*full_matrices=False",
    ),
    (lambda: linalg.svd(np.eye(2), algorithm="QR"), errors.ArgumentError, "algorithm='QR'(.|\n)*SvdAlgorithm"),
    (lambda: linalg.schur(np.eye(2), sort_eig_vals=True), errors.ArgumentError, "schur was to sort eigenvalues"),
    (lambda: linalg.qdwh(np.eye(2), dynamic_shape=(1, 1)), errors.ArgumentError, r"dynamic_shape=\(1, 1\)"),
    (lambda: linalg.cholesky_update(np.eye(2), np.ones(3)), ValueError, r"f64\[2,2\] and f64\[3\]"),
    (lambda: linalg.householder_product(np.ones((2, 3)), np.ones(2)), ValueError, "more columns than rows"),
    (lambda: linalg.householder_product(np.ones((3, 2)), np.ones(3)), ValueError, "a factor for each reflection"),
    (lambda: linalg.ormqr(np.ones((3, 2)), np.ones(2), np.ones((2, 2))), ValueError, "reflections of vectors of 3"),
    (lambda: linalg.symmetric_product(np.ones((3, 2)), np.ones((2, 2))), ValueError, "no product of it"),
    (lambda: linalg.lu_pivots_to_permutation(np.ones(2), 3), errors.ArgumentError, r"got f64\[2\] for 3 rows"),
    (lambda: linalg.lu_pivots_to_permutation(np.arange(4), 3), errors.ArgumentError, r"got i64\[4\] for 3 rows"),
    (lambda: linalg.lu_pivots_to_permutation(np.array([3]), 3), ValueError, "pivots from 3 to 3 for 3 rows"),
    (lambda: linalg.tridiagonal_solve(*[np.ones(3)] * 4), ValueError, r"b \[..., m, k\]"),
    (
        lambda: linalg.tridiagonal_solve(*[np.ones(3)] * 3, np.ones((3, 1)), perturb_singular=True),
        errors.ArgumentError,
        "perturb",
    ),
    (lambda: linalg.tridiagonal_solve(*[np.zeros(3)] * 3, np.ones((3, 1))), linalg_error, "singular"),
    *(
        (lambda name=name: cv.grad(lambda a: np.sum(CALLS[name][0](a)[0]))(POSITIVE), errors.NonDifferentiableError, name)
        for name in ("schur", "hessenberg", "tridiagonal")
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[m for _, _, m in ERRORS])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_examples_and_names():
    assert not doctest.testmod(linalg, optionflags=doctest.NORMALIZE_WHITESPACE).failed
    kinds = {"EigImplementation", "EighImplementation", "SvdAlgorithm"}
    assert set(linalg.__all__) == {*CALLS, *kinds}
    assert lax.linalg is linalg and "linalg" in dir(lax)
