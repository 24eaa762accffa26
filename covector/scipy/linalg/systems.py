"""Systems of linear equations, determinants and inverses, of `scipy.linalg`.

>>> solve(np.diag([2.0, 4.0]), np.ones(2))
array([0.5 , 0.25])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.indexing import take
from covector.numpy.linalg import triangular_solve
from covector.numpy.registry import as_array
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.linalg.factoring import exchanged_rows_p, lu_p, row_exchanges_p
from covector.primitives.linalg.similar import read_symmetric
from covector.primitives.linalg.solving import adjoint, read_triangle
from covector.scipy.checks import as_lapack, finite, square_matrices
from covector.transforms.utilities import stop_gradient

# --- systems ----------------------------------------------------------------------------------------------------------

SHORT = {None: "general", "gen": "general", "pos": "positive definite", "sym": "symmetric", "her": "hermitian"}
"""Structures of matrices, by the names that SciPy had before."""
STRUCTURES = (
    *("general", "positive definite", "symmetric", "hermitian", "upper triangular", "lower triangular", "diagonal"),
    *("tridiagonal", "banded"),
)


def _structured(a: Any, assume_a: Any, lower: bool, who: str) -> tuple[Any, str]:
    """The matrix that is meant by what is read of ``a``, and the name of its structure."""
    kind = SHORT.get(assume_a, assume_a)
    if kind not in STRUCTURES:
        raise ValueError(f"{who} got assume_a={assume_a!r}: give one of {', '.join(map(repr, STRUCTURES))}")
    a = square_matrices(a, who)
    if kind in ("hermitian", "positive definite"):
        return read_triangle(a, lower), kind
    if kind == "symmetric":
        return read_symmetric(a, lower), kind
    if kind in ("upper triangular", "diagonal"):
        a = np.triu(a)
    if kind in ("lower triangular", "diagonal"):
        a = np.tril(a)
    return (np.triu(np.tril(a, 1), -1) if kind == "tridiagonal" else a), kind


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """The x with ``a @ x = b``.

    Args:
        a: matrices ``f[..., n, n]``.
        b: right-hand sides ``f[n]`` or ``f[..., n, k]``.
        lower: which triangle is read where ``assume_a`` says that one is.
        assume_a: "general" (the default), "symmetric", "hermitian", "positive definite", "upper triangular", "lower
            triangular", "diagonal", "tridiagonal" or "banded"; only what determines such a matrix is read.
        transposed: solve ``a.T @ x = b``.

    Raises:
        LinAlgError: the matrix is singular, or not positive definite where it should be.

    Example:
        >>> solve(np.diag([2.0, 4.0]), np.ones(2))
        array([0.5 , 0.25])
    """
    a, kind = _structured(a, assume_a, lower, "solve")
    if kind.endswith("triangular"):
        return solve_triangular(a, b, trans=int(transposed), lower=kind.startswith("lower"))
    a = np.swapaxes(a, -1, -2) if transposed else a
    if kind == "positive definite":
        return cho_solve((np.linalg.cholesky(a), True), b)
    return np.linalg.solve(a, as_array(b))


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
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
    way = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if way not in (0, 1, 2):
        raise ValueError(f"solve_triangular got trans={trans!r}: give 0, 1, 2, 'N', 'T' or 'C'")
    return triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=way > 0, conjugate_a=way == 2, unit_diagonal=unit_diagonal
    )


# --- factors ----------------------------------------------------------------------------------------------------------


def _cholesky(a: Any, lower: bool, who: str) -> Any:
    a = read_triangle(square_matrices(a, who), lower)
    return np.linalg.cholesky(a) if lower else adjoint(np.linalg.cholesky(a))


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The factor of a positive definite matrix, of which one triangle is read: ``c.T @ c``, or ``c @ c.T`` if ``lower``.

    Example:
        >>> cholesky(np.array([[4.0]]))
        array([[2.]])
    """
    return _cholesky(a, lower, "cholesky")


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """The factor of a positive definite matrix, and which triangle it is, for `cho_solve`; the other triangle is zero.

    Example:
        >>> c, lower = cho_factor(np.array([[4.0]]))
        >>> cho_solve((c, lower), np.ones(1))
        array([0.25])
    """
    return _cholesky(a, lower, "cho_factor"), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The solution of a system of which the matrix was factored by `cho_factor`.

    Example:
        >>> cho_solve((np.array([[2.0]]), True), np.ones(1))
        array([0.25])
    """
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)


def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False) -> Any:
    """Permutation, lower and upper triangular factor: ``a = p @ l @ u``, by pivoting.

    Args:
        a: matrices ``f[..., m, n]``.
        permute_l: return ``(p @ l, u)``.
        p_indices: return the permutation as indices: ``a = l[p] @ u``.

    Example:
        >>> p, l, u = lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
        >>> np.round(p @ l @ u, 12)
        array([[1., 2.],
               [4., 4.]])
    """
    order, lower, upper = lu_p.bind(as_lapack(a))
    if permute_l:
        return np.take_along_axis(lower, order[..., None], axis=-2), upper
    if p_indices:
        return order, lower, upper
    return np.astype(order[..., None] == np.arange(shape_of(lower)[-2]), real_dtype(typeof(lower).dtype)), lower, upper


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """Both triangular factors in one matrix, and the pivots, for `lu_solve`: row i was exchanged with row ``piv[i]``.

    Args:
        a: matrices ``f[..., m, n]``.

    Example:
        >>> lu_factor(np.array([[1.0, 2.0], [4.0, 4.0]]))
        (array([[4.  , 4.  ],
               [0.25, 1.  ]]), array([1, 1], dtype=int32))
    """
    order, lower, upper = lu_p.bind(as_lapack(a))
    m, n = shape_of(a)[-2:]
    width = [(0, 0)] * (len(shape_of(a)) - 2)
    below = np.pad(np.tril(lower, -1), [*width, (0, 0), (0, max(n - m, 0))])
    pivots = row_exchanges_p.bind(np.argsort(order, axis=-1), count=min(m, n))
    return below + np.pad(upper, [*width, (0, max(m - n, 0)), (0, 0)]), pivots


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The solution of a system of which the matrix was factored by `lu_factor`; ``trans`` as for `solve_triangular`.

    Example:
        >>> lu_solve(lu_factor(np.array([[2.0]])), np.ones(1))
        array([0.5])
    """
    both, pivots = (as_array(x) for x in lu_and_piv)
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve got trans={trans!r}: give 0, 1 or 2")
    b, order = as_array(b), exchanged_rows_p.bind(pivots, rows=shape_of(both)[-1])
    if trans == 0:
        first = solve_triangular(both, _rows(b, order), lower=True, unit_diagonal=True)
        return solve_triangular(both, first)
    first = solve_triangular(both, b, trans=trans)
    second = solve_triangular(both, first, trans=trans, lower=True, unit_diagonal=True)
    return _rows(second, np.argsort(order, axis=-1))


def _rows(b: Any, order: Any) -> Any:
    """The rows of a right-hand side in an order."""
    if len(shape_of(order)) == 1:
        return take(b, order, axis=0 if len(shape_of(b)) == 1 else -2)
    return np.take_along_axis(b, order[..., None], axis=-2)


# --- inverses and determinants ----------------------------------------------------------------------------------------


def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None, lower: bool = False
) -> Any:
    """The inverse of matrices ``f[..., n, n]``; ``assume_a`` and ``lower`` say as for `solve` what is read.

    Example:
        >>> inv(np.diag([2.0, 4.0]))
        array([[0.5 , 0.  ],
               [0.  , 0.25]])
    """
    return np.linalg.inv(_structured(a, assume_a, lower, "inv")[0])


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant of matrices ``f[..., n, n]``, in double precision; its derivative is right where it is 0, too.

    Example:
        >>> round(float(det(np.diag([2.0, 4.0]))), 12)
        8.0
    """
    a = as_lapack(a)
    return np.linalg.det(np.astype(a, np.result_type(dtype_of(a), np.float64)))


def _limit(a: Any, s: Any, atol: Any, rtol: Any, who: str) -> tuple[Any, Any]:
    """Up to which part of the largest singular value one counts as zero, and how many are larger."""
    if any(t is not None and not isinstance(t, TracerBase) and t < 0 for t in (atol, rtol)):
        raise ValueError(f"{who} got atol={atol!r} and rtol={rtol!r}, of which none may be negative")
    largest = np.max(s, axis=-1, initial=0)
    relative = max(shape_of(a)[-2:]) * float(np.finfo(dtype_of(a)).eps) if rtol is None else rtol
    limit = relative + (0.0 if not atol else atol / np.where(largest == 0, 1.0, largest))
    return limit, np.sum(s > np.expand_dims(limit * largest, -1), axis=-1)


def pinv(
    a: Any, *, atol: float | None = None, rtol: float | None = None, return_rank: bool = False, check_finite: bool = True
) -> Any:
    """The pseudo-inverse of matrices ``f[..., m, n]``; its derivative is that among matrices of the same rank.

    Args:
        a: the matrices.
        atol, rtol: singular values up to ``atol + rtol * largest`` count as zero; by default 0 and ``max(m, n) * eps``.
        return_rank: return the number of the other ones too.

    Example:
        >>> pinv(np.diag([2.0, 0.0]))
        array([[0.5, 0. ],
               [0. , 0. ]])
    """
    a = finite(as_lapack(a))
    limit, rank = _limit(a, np.linalg.svd(stop_gradient(a), compute_uv=False), atol, rtol, "pinv")
    inverse = np.linalg.pinv(a, rcond=limit)
    return (inverse, rank) if return_rank else inverse


def pinvh(
    a: Any,
    atol: float | None = None,
    rtol: float | None = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudo-inverse of Hermitian matrices, of which one triangle is read; the other arguments are those of `pinv`.

    Example:
        >>> pinvh(np.diag([2.0, 0.0]))
        array([[0.5, 0. ],
               [0. , 0. ]])
    """
    a = finite(read_triangle(square_matrices(a, "pinvh"), lower))
    limit, rank = _limit(a, np.abs(np.linalg.eigvalsh(stop_gradient(a))), atol, rtol, "pinvh")
    inverse = np.linalg.pinv(a, rcond=limit, hermitian=True)
    return (inverse, rank) if return_rank else inverse


def lstsq(
    a: Any,
    b: Any,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> tuple[Any, Any, Any, Any]:
    """The x of least norm that makes ``norm(b - a @ x)`` least, with the residuals, the rank and the singular values.

    Args:
        a: a matrix ``f[m,n]``.
        b: right-hand sides ``f[m]`` or ``f[m,k]``.
        cond: singular values up to ``cond`` times the largest count as zero; by default the precision of the dtype.
        lapack_driver: "gelsd", "gelss", or "gelsy", which tells no residuals and no singular values.

    Returns:
        ``(x, residuals, rank, s)``: the squares of ``norm(b - a @ x)``, of length 0 unless m > n and the rank is n (where
        values are unknown, it is taken to be that).

    Example:
        >>> x, residuals, rank, s = lstsq(np.ones((2, 1)), np.array([1.0, 3.0]))
        >>> x, round(float(residuals), 12)
        (array([2.]), 2.0)
    """
    if lapack_driver not in (None, "gelsd", "gelss", "gelsy"):
        raise ValueError(f"lstsq got lapack_driver={lapack_driver!r}: give 'gelsd', 'gelss' or 'gelsy'")
    a, b = finite(as_lapack(a)), as_lapack(b)
    eps = float(np.finfo(np.result_type(dtype_of(a), dtype_of(b))).eps)
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond=eps if cond is None else cond)
    if lapack_driver == "gelsy":
        return x, np.zeros(0, dtype_of(x)), rank, None
    is_one = len(shape_of(b)) == 1 and shape_of(residuals) == (1,)
    return x, residuals[0] if is_one else residuals, rank, s
