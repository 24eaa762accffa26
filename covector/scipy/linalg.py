"""`scipy.linalg` for arrays and for values that are being transformed.

>>> import numpy as np
>>> from covector import jvp
>>> from covector.scipy import linalg
>>> np.round(jvp(linalg.expm, (np.zeros((2, 2)),), (np.ones((2, 2)),))[1], 6)
array([[1., 1.],
       [1., 1.]])

Functions have SciPy's names and arguments; those that only concern memory and checks (``overwrite_a``, ``check_finite``, …) are
accepted, and change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.indexing import take
from covector.numpy.linalg import triangular_solve
from covector.numpy.registry import as_array, inexact, known_array
from covector.primitives.linalg.analytic import analytic_p
from covector.primitives.linalg.factoring import lu_p, schur_p
from covector.primitives.linalg.solving import adjoint, read_triangle
from covector.primitives.linalg.sylvester import sylvester_p
from covector.scipy.structured import solve_banded as solve_banded
from covector.scipy.structured import solve_toeplitz as solve_toeplitz
from covector.scipy.structured import solveh_banded as solveh_banded
from covector.transforms.utilities import stop_gradient

# --- systems ----------------------------------------------------------------------------------------------------------


SHORT = {None: "gen", "general": "gen", "positive definite": "pos", "symmetric": "sym", "hermitian": "her"}
"""Structures of matrices, by the names that SciPy had before."""


def solve(a: Any, b: Any, lower: bool = False, *, assume_a: str | None = None, transposed: bool = False, **ignored: Any) -> Any:
    """The x with ``a @ x = b``.

    Args:
        a: matrices ``f[..., n, n]``.
        b: right-hand sides ``f[n]`` or ``f[..., n, k]``.
        lower: which triangle is read where ``assume_a`` says that there is one.
        assume_a: "gen", "sym", "her", "pos", "upper triangular", "lower triangular" or "diagonal".
        transposed: solve ``a.T @ x = b``.

    Example:
        >>> solve(np.diag([2.0, 4.0]), np.ones(2))
        array([0.5 , 0.25])
    """
    _check_ignored(ignored)
    a = inexact(a)
    kind = SHORT.get(assume_a, assume_a)
    if kind in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, trans=int(transposed), lower=kind.startswith("lower"))
    if kind == "pos":
        return cho_solve((cholesky(a, lower), lower), b)
    if kind in ("sym", "her"):
        a = read_triangle(a, lower) if kind == "her" else _symmetric(a, lower)
    elif kind == "diagonal":
        return as_array(b) / np.reshape(np.diagonal(a), (-1, *[1] * (len(shape_of(b)) - 1)))
    elif kind != "gen":
        raise ValueError(f"solve got assume_a={assume_a!r}, of which covector knows nothing")
    a = np.swapaxes(a, -1, -2) if transposed else a
    return np.linalg.solve(a, as_array(b))


def _symmetric(a: Any, lower: bool) -> Any:
    kept = np.tril(a) if lower else np.triu(a)
    rest = np.tril(a, -1) if lower else np.triu(a, 1)
    return kept + np.swapaxes(rest, -1, -2)


IGNORED = {"check_finite", "driver", "lapack_driver", "overwrite_a", "overwrite_ab", "overwrite_b", "overwrite_c"}


def _check_ignored(options: dict[str, Any]) -> None:
    unknown = set(options) - IGNORED
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **ignored: Any) -> Any:
    """The x with ``a @ x = b`` for a triangular matrix, of which the other triangle is not read.

    Args:
        a: matrices ``f[..., n, n]``.
        b: right-hand sides ``f[n]`` or ``f[..., n, k]``.
        trans: 0 or "N"; 1 or "T" for the transposed matrix; 2 or "C" for the adjoint one.
        lower: whether the lower triangle is read.
        unit_diagonal: whether the diagonal is taken to be ones.

    Example:
        >>> solve_triangular(np.array([[1.0, 1.0], [0.0, 2.0]]), np.array([2.0, 2.0]))
        array([1., 1.])
    """
    _check_ignored(ignored)
    way = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if way not in (0, 1, 2):
        raise ValueError(f"solve_triangular got trans={trans!r}: give 0, 1, 2, 'N', 'T' or 'C'")
    return triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=way > 0, conjugate_a=way == 2, unit_diagonal=unit_diagonal
    )


def cholesky(a: Any, lower: bool = False, **ignored: Any) -> Any:
    """The factor of a positive definite matrix, of which one triangle is read: ``c.T @ c``, or ``c @ c.T`` if ``lower``.

    Example:
        >>> cholesky(np.array([[4.0]]))
        array([[2.]])
    """
    _check_ignored(ignored)
    a = read_triangle(inexact(a), lower)
    return np.linalg.cholesky(a) if lower else adjoint(np.linalg.cholesky(a))


def cho_factor(a: Any, lower: bool = False, **ignored: Any) -> tuple[Any, bool]:
    """The factor of a positive definite matrix, and which triangle it is, for `cho_solve`; the other triangle is zero.

    Example:
        >>> c, lower = cho_factor(np.array([[4.0]]))
        >>> cho_solve((c, lower), np.ones(1))
        array([0.25])
    """
    return cholesky(a, lower, **ignored), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, **ignored: Any) -> Any:
    """The solution of a system of which the matrix was factored by `cho_factor`."""
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower, **ignored)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)


def lu(a: Any, permute_l: bool = False, p_indices: bool = False, **ignored: Any) -> Any:
    """Permutation, lower and upper triangular factor: ``a = p @ l @ u``, by pivoting.

    Args:
        a: a matrix ``f[m,n]``.
        permute_l: return ``(p @ l, u)``.
        p_indices: return the permutation as indices: ``a = l[p] @ u``.

    Example:
        >>> p, l, u = lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
        >>> np.round(p @ l @ u, 12)
        array([[1., 2.],
               [4., 4.]])
    """
    _check_ignored(ignored)
    order, lower, upper = lu_p.bind(inexact(a))
    if permute_l:
        return np.take_along_axis(lower, order[..., None], axis=-2), upper
    if p_indices:
        return order, lower, upper
    return np.astype(order[..., None] == np.arange(shape_of(lower)[-2]), typeof(lower).dtype), lower, upper


def lu_factor(a: Any, **ignored: Any) -> tuple[Any, Any]:
    """Both triangular factors in one matrix, and the pivots, for `lu_solve`.

    Here the second result is the order of the rows, ``a[p] = l @ u``, instead of LAPACK's exchanges.

    Example:
        >>> lu_solve(lu_factor(np.array([[2.0]])), np.ones(1))
        array([0.5])
    """
    _check_ignored(ignored)
    order, lower, upper = lu_p.bind(inexact(a))
    return np.tril(lower, -1) + upper, np.argsort(order, axis=-1)


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, **ignored: Any) -> Any:
    """The solution of a system of which the matrix was factored by `lu_factor`; ``trans`` as for `solve_triangular`."""
    _check_ignored(ignored)
    both, order = lu_and_piv
    if trans == 0:
        first = solve_triangular(both, take(as_array(b), order, axis=0), lower=True, unit_diagonal=True)
        return solve_triangular(both, first)
    first = solve_triangular(both, b, trans=trans)
    second = solve_triangular(both, first, trans=trans, lower=True, unit_diagonal=True)
    return take(second, np.argsort(order), axis=0)


def inv(a: Any, **ignored: Any) -> Any:
    """The inverse of a matrix."""
    _check_ignored(ignored)
    return np.linalg.inv(inexact(a))


def pinvh(a: Any, atol: float | None = None, rtol: float | None = None, lower: bool = True, **ignored: Any) -> Any:
    """The pseudo-inverse of a Hermitian matrix, of which one triangle is read.

    Example:
        >>> pinvh(np.diag([2.0, 0.0]))
        array([[0.5, 0. ],
               [0. , 0. ]])
    """
    _check_ignored(ignored)
    a = read_triangle(inexact(a), lower)
    n, eps = shape_of(a)[-1], np.finfo(typeof(a).dtype).eps
    if atol:
        raise ValueError("pinvh takes rtol, and no atol")
    return np.linalg.pinv(a, rtol=n * eps if rtol is None else rtol, hermitian=True)


# --- equations of matrices --------------------------------------------------------------------------------------------


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The x with ``a @ x + x @ b = q``, by Bartels and Stewart's method.

    Example:
        >>> solve_sylvester(np.eye(1), np.eye(1), np.ones((1, 1)))
        array([[0.5]])
    """
    a, b, q = inexact(a), inexact(b), inexact(q)
    if (shape_of(a)[-2:], shape_of(b)[-2:]) != ((shape_of(q)[-2],) * 2, (shape_of(q)[-1],) * 2):
        raise ValueError(f"solve_sylvester needs square matrices that fit {typeof(q)}, got {typeof(a)} and {typeof(b)}")
    return sylvester_p.bind(a, b, q)


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The x with ``a @ x + x @ a.conj().T = q``.

    Example:
        >>> solve_continuous_lyapunov(np.eye(1), np.ones((1, 1)))
        array([[0.5]])
    """
    a = inexact(a)
    return sylvester_p.bind(a, adjoint(a), inexact(q))


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any) -> Any:
    """The x with ``a @ x @ a.conj().T - x + q = 0``.

    Example:
        >>> solve_discrete_lyapunov(np.full((1, 1), 0.5), np.ones((1, 1)))
        array([[1.33333333]])
    """
    a, q = inexact(a), inexact(q)
    n = shape_of(a)[-1]
    system = np.eye(n * n) - np.kron(a, np.conj(a))
    return np.reshape(np.linalg.solve(system, np.reshape(q, (-1,))), (n, n))


# --- functions of matrices --------------------------------------------------------------------------------------------


def expm(A: Any) -> Any:
    """The exponential of a matrix, or of each in a stack ``f[..., n, n]``.

    Example:
        >>> expm(np.zeros((1, 1)))
        array([[1.]])
    """
    return analytic_p.bind(inexact(A), of="expm")


def logm(A: Any) -> Any:
    """The principal logarithm of a matrix; NaN for a real matrix whose logarithm is not real (give it as a complex one).

    Example:
        >>> logm(np.eye(1))
        array([[0.]])
    """
    return analytic_p.bind(inexact(A), of="logm")


def sqrtm(A: Any) -> Any:
    """The principal square root of a matrix; NaN for a real matrix whose root is not real (give it as a complex one).

    Example:
        >>> sqrtm(np.full((1, 1), 4.0))
        array([[2.]])
    """
    return analytic_p.bind(inexact(A), of="sqrtm")


def expm_frechet(A: Any, E: Any, compute_expm: bool = True, **ignored: Any) -> Any:
    """The exponential of a matrix and its derivative in a direction; or the derivative alone.

    Example:
        >>> expm_frechet(np.zeros((1, 1)), np.ones((1, 1)), compute_expm=False)
        array([[1.]])
    """
    derivative = analytic_p.bind(inexact(A), inexact(E), of="expm")
    return (expm(A), derivative) if compute_expm else derivative


def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """The polar decomposition ``a = u @ p`` with orthonormal u and positive p, or ``a = p @ u`` from the left.

    Example:
        >>> polar(np.full((1, 1), -2.0))
        (array([[-1.]]), array([[2.]]))
    """
    if side not in ("left", "right"):
        raise ValueError(f"polar got side={side!r}: give 'left' or 'right'")
    a = inexact(a)
    w, _, vh = np.linalg.svd(a, full_matrices=False)
    u = w @ vh
    return u, adjoint(u) @ a if side == "right" else a @ adjoint(u)


def schur(a: Any, output: str = "real", **ignored: Any) -> tuple[Any, Any]:
    """Schur's decomposition ``a = z @ t @ z.conj().T``; it has no derivative here, but what depends on a alone may have.

    Example:
        >>> schur(np.full((1, 1), 2.0))
        (array([[2.]]), array([[1.]]))
    """
    _check_ignored(ignored)
    if output not in ("real", "complex"):
        raise ValueError(f"schur got output={output!r}: give 'real' or 'complex'")
    t, z = schur_p.bind(inexact(a), output=output)
    return t, z


# --- eigenvalues and singular values ----------------------------------------------------------------------------------


def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, type: int = 1, **ignored: Any) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix, or of a pair: ``a @ v = b @ v * w``.

    Args:
        a: a Hermitian matrix, of which one triangle is read.
        b: a positive definite one.
        lower: which triangle.
        eigvals_only: return the eigenvalues alone.
        type: 1, 2 for ``a @ b @ v = v * w``, 3 for ``b @ a @ v = v * w``.

    Example:
        >>> eigh(np.diag([1.0, 2.0]), np.diag([2.0, 1.0]), eigvals_only=True)
        array([0.5, 2. ])
    """
    _check_ignored(ignored)
    side: Any = "L" if lower else "U"
    if b is None:
        return np.linalg.eigvalsh(inexact(a), side) if eigvals_only else tuple(np.linalg.eigh(inexact(a), side))
    if type not in (1, 2, 3):
        raise ValueError(f"eigh got type={type!r}: give 1, 2 or 3")
    a, root = read_triangle(inexact(a), lower), cholesky(b, lower=True) if lower else adjoint(cholesky(b))
    half = solve_triangular(root, a, lower=True) if type == 1 else adjoint(root) @ a
    reduced = adjoint(solve_triangular(root, adjoint(half), lower=True)) if type == 1 else half @ root
    if eigvals_only:
        return np.linalg.eigvalsh(reduced)
    values, vectors = np.linalg.eigh(reduced)
    return values, root @ vectors if type == 3 else solve_triangular(root, vectors, trans=2, lower=True)


def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, type: int = 1, **ignored: Any) -> Any:
    """The eigenvalues of `eigh`."""
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, **ignored)


def _tridiagonal(d: Any, e: Any) -> Any:
    n = shape_of(d)[0]
    return np.diag(d) + np.diag(e, 1) + np.diag(e, -1) if n > 1 else np.diag(d)


def eigh_tridiagonal(d: Any, e: Any, eigvals_only: bool = False, **ignored: Any) -> Any:
    """Eigenvalues and eigenvectors of a real symmetric matrix with the diagonal ``d`` and ``e`` beside it.

    Example:
        >>> eigh_tridiagonal(np.ones(2), np.ones(1), eigvals_only=True)
        array([0., 2.])
    """
    return eigh(_tridiagonal(inexact(d), inexact(e)), eigvals_only=eigvals_only, **ignored)


def eigvalsh_tridiagonal(d: Any, e: Any, **ignored: Any) -> Any:
    """The eigenvalues of `eigh_tridiagonal`."""
    return eigh_tridiagonal(d, e, eigvals_only=True, **ignored)


def svdvals(a: Any, **ignored: Any) -> Any:
    """The singular values of a matrix, the largest first.

    Example:
        >>> svdvals(np.diag([1.0, -2.0]))
        array([2., 1.])
    """
    _check_ignored(ignored)
    return np.linalg.svd(inexact(a), compute_uv=False)


def null_space(A: Any, rcond: float | None = None) -> Any:
    """An orthonormal basis of the vectors that a matrix maps to zero; A must be known, for its rank decides the shape.

    The basis itself is not determined; its derivative is the least change that keeps it a basis.

    Example:
        >>> np.abs(null_space(np.array([[1.0, 0.0]])))
        array([[0.],
               [1.]])
    """
    A = inexact(A)
    known = known_array(stop_gradient(A), null_space)
    _, s, vh = np.linalg.svd(known, full_matrices=True)
    limit = max(known.shape) * np.finfo(known.dtype).eps if rcond is None else rcond
    basis = np.conj(vh[np.sum(s > np.max(s, initial=0) * limit) :].T)
    return basis - np.linalg.pinv(known) @ ((A - stop_gradient(A)) @ basis)  # its tangent is -pinv(a) @ da @ basis


# --- matrices of a pattern --------------------------------------------------------------------------------------------


def block_diag(*arrs: Any) -> Any:
    """Matrices along the diagonal of one that is zero elsewhere.

    Example:
        >>> block_diag(np.ones((1, 1)), np.full((1, 2), 2.0))
        array([[1., 0., 0.],
               [0., 2., 2.]])
    """
    blocks = [np.atleast_2d(as_array(a)) for a in arrs] or [np.zeros((1, 0))]
    dtype = np.result_type(*(typeof(b).dtype for b in blocks))
    total = sum(shape_of(b)[1] for b in blocks)
    rows, place = [], 0
    for b in blocks:
        m, n = shape_of(b)
        rows.append(np.concatenate([np.zeros((m, place), dtype), b, np.zeros((m, total - place - n), dtype)], axis=1))
        place += n
    return np.concatenate(rows, axis=0)


def toeplitz(c: Any, r: Any = None) -> Any:
    """A matrix that is constant along diagonals, with the first column ``c`` and the first row ``r``.

    Example:
        >>> toeplitz([1, 2], [1, 3])
        array([[1, 3],
               [2, 1]])
    """
    c = np.ravel(as_array(c))
    r = np.conj(c) if r is None else np.ravel(as_array(r))
    m, n = shape_of(c)[0], shape_of(r)[0]
    values = np.concatenate([c[::-1], r[1:]])
    return values[np.arange(m - 1, -1, -1)[:, None] + np.arange(n)]


def circulant(c: Any) -> Any:
    """A matrix each column of which is the one before, moved around by one; ``c`` is the first.

    Example:
        >>> circulant([1, 2])
        array([[1, 2],
               [2, 1]])
    """
    c = as_array(c)
    n = shape_of(c)[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


def hankel(c: Any, r: Any = None) -> Any:
    """A matrix that is constant along antidiagonals, with the first column ``c`` and the last row ``r``.

    Example:
        >>> hankel([1, 2])
        array([[1, 2],
               [2, 0]])
    """
    c = np.ravel(as_array(c))
    r = np.zeros_like(c) if r is None else np.ravel(as_array(r))
    m, n = shape_of(c)[0], shape_of(r)[0]
    return np.concatenate([c, r[1:]])[np.arange(m)[:, None] + np.arange(n)]


def kron(a: Any, b: Any) -> Any:
    """Kronecker's product; also `numpy.kron`.

    Example:
        >>> kron(np.eye(2), np.ones((1, 1)))
        array([[1., 0.],
               [0., 1.]])
    """
    return np.kron(a, b)


def khatri_rao(a: Any, b: Any) -> Any:
    """Kronecker's product column by column: ``f[k,n]`` and ``f[m,n]`` give ``f[k*m,n]``.

    Example:
        >>> khatri_rao(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
        array([[3., 8.]])
    """
    a, b = as_array(a), as_array(b)
    if shape_of(a)[-1] != shape_of(b)[-1]:
        raise ValueError(f"khatri_rao needs as many columns in both, got {typeof(a)} and {typeof(b)}")
    return np.reshape(a[:, None, :] * b[None], (-1, shape_of(a)[-1]))


det, eig, eigvals, lstsq, norm, pinv, svd = (
    getattr(np.linalg, name) for name in ("det", "eig", "eigvals", "lstsq", "norm", "pinv", "svd")
)
LinAlgError = _scipy.LinAlgError
