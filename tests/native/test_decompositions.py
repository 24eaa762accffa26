"""Eigenvectors, singular vectors and QR in compiled programs: those of NumPy, to the bit, and what is refused."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from same import agree, compiled_equations, program_of, same

import covector as cv
from covector import numpy as cnp
from covector.backends.native import backend, libraries

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")
pytestmark = pytest.mark.skipif(not libraries.has_numpys(), reason="NumPy's LAPACK is not one that is known")


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def matrix(dtype: Any, *shape: int) -> Any:
    return (normal(*shape) + (1j * normal(*shape)[::-1] if np.dtype(dtype).kind == "c" else 0)).astype(dtype)


DTYPES = [np.float64, np.float32, np.complex128, np.complex64]

OF_MATRICES: dict[str, Callable[[Any], Any]] = {
    "svd": np.linalg.svd,
    "svd, full": lambda x: np.linalg.svd(x[::-1], full_matrices=True),
    "singular values": lambda x: np.linalg.svd(x.mT, compute_uv=False),
    "qr": np.linalg.qr,
    "qr, complete": lambda x: np.linalg.qr(x, mode="complete"),
    "qr, r": lambda x: np.linalg.qr(x, mode="r"),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_MATRICES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (20, 20), (70, 9), (9, 70), (2, 4, 3)])
def test_decompositions_are_numpys(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    agree(OF_MATRICES[name], matrix(dtype, *shape), ulps=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (40, 40), (65, 65), (2, 3, 4, 4)])
@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigenvectors_are_numpys(triangle: Any, shape: tuple[int, ...], dtype: Any) -> None:
    x = matrix(dtype, *shape)
    for a in (x, x + np.conj(x.mT)):  # one triangle is read
        agree(lambda a: np.linalg.eigh(a, triangle), a, ulps=0)
        agree(lambda a: np.linalg.eigvalsh(2 * a[..., ::-1, :], triangle), a, ulps=0)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_derivatives_of_decompositions(dtype: Any) -> None:
    a, x = matrix(dtype, 6, 6), matrix(dtype, 7, 4)
    weights, stack = normal(6, 6), np.stack([a, a.T, 2 * a])

    def of_vectors(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum(weights * np.abs(v) ** 2) + np.sum(np.sin(w))

    def of_singular_vectors(x: Any) -> Any:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return np.sum(np.real((u * np.sqrt(s)) @ vh))

    def of_triangle(x: Any) -> Any:
        q, r = np.linalg.qr(x)
        return np.sum(np.abs(q) ** 3) + np.sum(np.real(r) ** 2)

    for f, y in ((of_vectors, a), (of_singular_vectors, x), (of_triangle, x)):
        agree(cv.grad(f), y, ulps=2**10)
        agree(lambda y, f=f: cv.jvp(f, (y,), (np.ones_like(y),)), y, ulps=2**10)
        agree(cv.vmap(cv.grad(f)), np.stack([y, 2 * y]), ulps=2**10)
    agree(lambda a: cv.lax.scan(lambda c, x: (c + np.linalg.eigvalsh(x), np.linalg.eigh(x)[1]), a[0, 0], a), stack, ulps=8)


def test_what_equal_eigenvalues_leave_undetermined_is_nan_with_a_warning() -> None:
    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum((v * np.sin(w)) @ v.T * np.arange(9.0).reshape(3, 3))

    apart, equal = np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 1.0, 3.0])
    run = backend.compiled(program_of(cv.grad(f), apart))
    assert compiled_equations(program_of(cv.grad(f), apart))[1] == 0
    for transformed in (cv.grad(f), lambda a: cv.jvp(f, (a,), (np.ones((3, 3)),))):
        run = backend.compiled(program_of(transformed, apart))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            same(run(apart), cv.tree.leaves(transformed(apart)), 64)
        with pytest.warns(cv.errors.UndeterminedDerivativeWarning, match="where values are equal"):
            found = run(equal)
        with pytest.warns(cv.errors.UndeterminedDerivativeWarning):
            same(found, cv.tree.leaves(transformed(equal)), 64)
        assert any(np.isnan(x).any() for x in found)


@pytest.mark.parametrize("f", [np.linalg.eigvalsh, np.linalg.eigh, np.linalg.svd], ids=lambda f: f.__name__)
def test_what_does_not_converge_raises_what_numpy_does(f: Any) -> None:
    x = normal(6, 6)
    run = backend.compiled(program_of(f, x))
    wanted, broken = run(x), np.full((6, 6), np.nan)
    try:
        f(broken)
    except np.linalg.LinAlgError as error:
        with pytest.raises(np.linalg.LinAlgError, match=str(error)):
            run(broken)
    else:
        same(run(broken), list(cv.tree.leaves(f(broken))), 0)
    same(run(x), wanted, 0)


def test_without_a_known_library_they_run_as_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covector.backends.native.rules.has_numpys", lambda: False)
    x = normal(5, 5)
    agree(lambda x: np.linalg.eigh(x @ x.T), x, ulps=2**10, whole=False)
    assert compiled_equations(program_of(lambda x: np.linalg.eigh(x @ x.T), x))[1] == 1


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("n", [1, 3, 20, 65])
def test_systems_of_complex_numbers(n: int, dtype: Any) -> None:
    a, b = matrix(dtype, n, n) + 3 * np.eye(n, dtype=dtype), matrix(dtype, n, 4)
    p = a @ np.conj(a.T) + n * np.eye(n, dtype=dtype)
    for upper in (False, True):
        agree(lambda p, upper=upper: np.linalg.cholesky(p, upper=upper), p, ulps=2**10)
    for x, y in [(a, b), (a, b[:, 0]), (np.stack([a, p]), np.stack([b, b])), (np.stack([a, p]), b[None]), (a.T, b[:, ::-1])]:
        agree(np.linalg.solve, x, y, ulps=2**14)
    agree(np.linalg.inv, np.stack([a, p]), ulps=2**14)
    for options in itertools.product((False, True), (0, 1, 2), (False, True)):
        triangular = lambda p, b, o=options: cv.scipy.linalg.solve_triangular(p, b, o[1], o[0], o[2])
        agree(triangular, p / n, b, ulps=2**14)
    both = lambda a, b: np.sum(np.abs(np.linalg.solve(a, b)) ** 2) + np.sum(np.abs(np.linalg.inv(a)))
    agree(cv.grad(both, (0, 1)), a, b, ulps=2**16)
    agree(lambda a, b: np.linalg.solve(a, b.real), a, b, ulps=2**14, whole=False)
    agree(lambda a: np.linalg.det(a * 2), a, ulps=2**14, whole=False)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_pseudo_inverses(dtype: Any) -> None:
    for shape in ((3, 3), (5, 3), (2, 4), (2, 3, 4, 3)):
        a = matrix(dtype, *shape)
        agree(lambda a: np.linalg.pinv(a * 2), a, ulps=2**12, whole=False)
        lower = a @ np.swapaxes(np.conj(a), -1, -2)  # of a rank that is not full, or full
        agree(lambda a: np.linalg.pinv(a, rcond=1e-10), lower, ulps=2**14, whole=False)
    agree(lambda a: np.linalg.pinv(a * 2), np.zeros((3, 2), dtype), whole=False)
    a = matrix(dtype, 5, 3)
    agree(lambda a: cv.lax.scan(lambda c, k: (c + np.linalg.pinv(a * k), None), a.T * 0, np.arange(1.0, 4.0))[0], a, ulps=2**12)
    agree(lambda a: np.linalg.lstsq(a, a[:, 0])[0], a, ulps=2**12, whole=False)
    agree(cv.grad(lambda a: np.sum(np.abs(np.linalg.pinv(a)))), a, ulps=2**14, whole=False)


def test_systems_of_floats_are_solved_in_doubles_as_numpy_does() -> None:
    n = 8
    hilbert = (1 / (np.arange(n)[:, None] + np.arange(n) + 1)).astype(np.float32)  # of condition 1e10
    right = hilbert.sum(axis=1)
    found = backend.compiled(program_of(np.linalg.solve, hilbert, right))(hilbert, right)[0]
    np.testing.assert_allclose(found, np.linalg.solve(hilbert.astype(float), right.astype(float)), rtol=1e-5)
    for f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet, lambda x: np.linalg.cholesky(x + 1e-6 * np.eye(n))):
        agree(lambda x, f=f: cv.tree.map(lambda y: y * np.float32(1), f(x)), hilbert, ulps=2**10)


@pytest.mark.parametrize(("spec", "shape"), [("i->ii", (5,)), ("ij->iji", (3, 4)), ("ij->jii", (20, 9)), ("i->iii", (3,))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_on_diagonals(spec: str, shape: tuple[int, ...], dtype: Any) -> None:
    term, out = spec.split("->")
    x = (np.arange(np.prod(shape)).reshape(shape) % 5).astype(dtype)
    wanted = np.zeros([x.shape[term.index(c)] for c in out], dtype)
    for place, value in np.ndenumerate(x):
        wanted[tuple(place[term.index(c)] for c in out)] = value
    f = lambda x: cv.vjp(lambda y: cnp.einsum(f"{out}->{term}", y), wanted)[1](x)[0]
    agree(f, x, ulps=0)
    np.testing.assert_array_equal(backend.compiled(program_of(f, x))(x)[0], wanted)
