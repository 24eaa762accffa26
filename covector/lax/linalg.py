"""`jax.lax.linalg`: factorizations and solvers of stacks of matrices, under JAX's names and with its arguments.

>>> import numpy as np
>>> from covector import lax
>>> lax.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
array([[2., 0.],
       [1., 2.]])

Matrices are in the last two axes, in float32, float64, complex64 or complex128; integers are converted to float64.  A matrix
that has no factorization raises `LinAlgError`; one with a NaN gives NaN, or raises that or `ValueError`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.numpy.linalg import triangular_solve as triangular_solve
from covector.numpy.registry import inexact
from covector.primitives.arrays.selection import select_p
from covector.primitives.linalg.factoring import (
    exchanged_rows_p,
    hessenberg_p,
    lu_p,
    pivoted_columns_p,
    row_exchanges_p,
    schur_p,
    tridiagonal_p,
)
from covector.primitives.linalg.solving import adjoint, check_matrices, column, inv_p, row, swap
from covector.primitives.linalg.turning import is_defective_p
from covector.scipy.linalg import polar
from covector.scipy.structured import solve_banded
from covector.transforms.utilities import stop_gradient
from covector.transforms.vmap import vmap


class EigImplementation(enum.Enum):
    """What JAX may compute `eig` with; here it is LAPACK."""

    CUSOLVER = "cusolver"
    MAGMA = "magma"
    LAPACK = "lapack"


class EighImplementation(enum.Enum):
    """What JAX may compute `eigh` by; here LAPACK chooses."""

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


class SvdAlgorithm(enum.Enum):
    """What JAX may compute `svd` by; here LAPACK chooses."""

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


def _matrices(who: str, x: Any, square: bool = True) -> Any:
    x = inexact(x)
    check_matrices(f"lax.linalg.{who}", typeof(x), square=square)
    return x


def _check_choice(who: str, name: str, value: Any, kind: type[enum.Enum]) -> None:
    if value is not None and type(value) is not kind:
        raise errors.ArgumentError(f"lax.linalg.{who} got {name}={value!r}.", fix=f"give None or a member of {kind.__name__}")


def _bounds(who: str, subset: tuple[int, int] | None, size: int) -> slice:
    """What ``subset_by_index`` keeps of so many values."""
    start, end = (0, size) if subset is None else subset
    if not 0 <= start <= end <= size or (start == end and subset is not None):
        what = f"lax.linalg.{who} got subset_by_index={subset!r} for {size} values."
        raise errors.ArgumentError(what, fix=f"give (start, end) with 0 <= start < end <= {size}")
    return slice(start, end)


def _symmetrized(x: Any) -> Any:
    return (x + adjoint(x)) / 2


# --- Cholesky -------------------------------------------------------------------------------------------------------------


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Any:
    """The lower triangular factor of positive definite matrices: ``x = l @ l.conj().T``.

    Args:
        x: matrices ``f[..., n, n]``.
        symmetrize_input: take the mean of ``x`` and its adjoint; otherwise the lower triangle alone is read.

    Raises:
        LinAlgError: a matrix is not positive definite (where JAX gives NaN).

    Example:
        >>> cholesky(np.array([[4.0, 1.0], [3.0, 5.0]]))
        array([[2., 0.],
               [1., 2.]])
    """
    x = _matrices("cholesky", x)
    return np.linalg.cholesky(_symmetrized(x) if symmetrize_input else x)


def cholesky_update(r_matrix: Any, w_vector: Any) -> Any:
    """The upper triangular factor of ``r.T @ r + outer(w, w)``, by Householder's reflections; its diagonal is not negative.

    Args:
        r_matrix: upper triangles ``f[..., n, n]``; what is below them is not read.
        w_vector: vectors ``f[..., n]``; of complex ones ``outer(w, conj(w))`` is added.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> cholesky_update(np.array([[3.0]]), np.array([4.0]))
        array([[5.]])
    """
    r, w = _matrices("cholesky_update", r_matrix), inexact(w_vector)
    if shape_of(w) != shape_of(r)[:-1]:
        raise ValueError(f"lax.linalg.cholesky_update got {typeof(r)} and {typeof(w)}: give a number for each row")
    out = np.linalg.qr(np.concatenate([np.triu(r), np.conj(row(w))], -2), mode="r")
    diagonal = np.real(np.diagonal(out, axis1=-2, axis2=-1))
    return out * column(np.where(diagonal < 0, dtype_of(diagonal).type(-1), dtype_of(diagonal).type(1)))


# --- eigenvalues and singular values ----------------------------------------------------------------------------------


def eig(
    x: Any,
    *,
    compute_left_eigenvectors: bool = True,
    compute_right_eigenvectors: bool = True,
    enable_eigvec_derivs: bool = False,
    implementation: EigImplementation | None = None,
    use_magma: bool | None = None,
) -> list[Any]:
    """The eigenvalues of matrices, and their left and right eigenvectors, as columns of length 1.

    Args:
        x: matrices ``f[..., n, n]``.
        compute_left_eigenvectors: return the vl with ``vl.conj().T @ x = diag(w) @ vl.conj().T``, which are found from the
            right ones; those of a matrix that has not n of these are NaN.
        compute_right_eigenvectors: return the vr with ``x @ vr = vr @ diag(w)``.
        enable_eigvec_derivs: accepted; eigenvectors have derivatives here, NaN where they are not determined.
        implementation: accepted, as is ``use_magma``.

    Returns:
        The list ``[w, vl, vr]`` of complex arrays, without what is not computed.  The largest component of a vector is real;
        that of a left one is positive.

    Example:
        >>> w, vl, vr = eig(np.array([[1.0, 1.0], [0.0, 2.0]]))
        >>> w.real, np.round(vl.real, 4)
        (array([1., 2.]), array([[ 0.7071,  0.    ],
               [-0.7071,  1.    ]]))
    """
    _check_choice("eig", "implementation", implementation, EigImplementation)
    x = _matrices("eig", x)
    if not (compute_left_eigenvectors or compute_right_eigenvectors):
        return [_complex(np.linalg.eigvals(x))]
    w, right = map(_complex, np.linalg.eig(x))
    left = [_left_eigenvectors(right)] if compute_left_eigenvectors else []
    return [w, *left, *([right] if compute_right_eigenvectors else [])]


def _complex(x: Any) -> Any:
    return np.astype(x, np.result_type(dtype_of(x), np.complex64), copy=False)


def _left_eigenvectors(right: Any) -> Any:
    """The columns of the adjoint of the inverse, with length 1 and a real largest component."""
    if not typeof(right).size:
        return right
    right = select_p.bind(column(column(is_defective_p.bind(right))), np.nan, right)
    left = adjoint(inv_p.bind(right, checked=False))
    peak = row(np.argmax(np.abs(left), axis=-2))
    largest = np.take_along_axis(left, peak, axis=-2)
    left = left * (np.conj(largest) / np.abs(largest))
    return left / np.linalg.norm(left, axis=-2, keepdims=True)


def eigh(
    x: Any,
    *,
    lower: bool = True,
    symmetrize_input: bool = True,
    sort_eigenvalues: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    implementation: EighImplementation | None = None,
) -> tuple[Any, Any]:
    """The eigenvectors of Hermitian matrices, as columns, and their eigenvalues: in this order.

    Args:
        x: matrices ``f[..., n, n]``.
        lower: which triangle is read, unless ``symmetrize_input``.
        symmetrize_input: take the mean of ``x`` and its adjoint.
        sort_eigenvalues: accepted; they always ascend.
        subset_by_index: ``(start, end)``, which eigenvalues are returned.
        implementation: accepted.

    Returns:
        ``(v, w)``, with the dtype of ``x`` and that of its real part.

    Example:
        >>> v, w = eigh(np.diag([3.0, 1.0]), subset_by_index=(1, 2))
        >>> w, np.abs(v)
        (array([3.]), array([[1.],
               [0.]]))
    """
    _check_choice("eigh", "implementation", implementation, EighImplementation)
    x = _matrices("eigh", x)
    kept = _bounds("eigh", subset_by_index, shape_of(x)[-1])
    w, v = np.linalg.eigh(_symmetrized(x) if symmetrize_input else x, "L" if lower else "U")
    return v[..., kept], w[..., kept]


def svd(
    x: Any,
    *,
    full_matrices: bool = True,
    compute_uv: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    algorithm: SvdAlgorithm | None = None,
) -> Any:
    """Singular values, the largest first, and the vectors: ``x = (u * s) @ vh``.

    Args:
        x: matrices ``f[..., m, n]``.
        full_matrices: complete u and vh to square matrices.
        compute_uv: return ``(u, s, vh)``; otherwise s alone.
        subset_by_index: ``(start, end)``, which singular values are returned; with vectors it needs ``full_matrices=False``.
        algorithm: accepted.

    Example:
        >>> svd(np.diag([1.0, 3.0]), compute_uv=False, subset_by_index=(0, 1))
        array([3.])
    """
    _check_choice("svd", "algorithm", algorithm, SvdAlgorithm)
    x = _matrices("svd", x, square=False)
    kept = _bounds("svd", subset_by_index, min(shape_of(x)[-2:]))
    if not compute_uv:
        return np.linalg.svd(x, compute_uv=False)[..., kept]
    u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
    if subset_by_index is None:
        return u, s, vh
    if full_matrices:
        what = f"lax.linalg.svd got subset_by_index={subset_by_index!r} with full_matrices=True."
        raise errors.ArgumentError(what, why="a part of the vectors is no square matrix", fix="pass full_matrices=False")
    return u[..., kept], s[..., kept], vh[..., kept, :]


def schur(
    x: Any,
    *,
    compute_schur_vectors: bool = True,
    sort_eig_vals: bool = False,
    select_callable: Callable[..., Any] | None = None,
) -> Any:
    """Schur's decomposition ``x = q @ t @ q.conj().T``, real for real matrices; it has no derivative, as in JAX.

    Args:
        x: matrices ``f[..., n, n]``.
        compute_schur_vectors: return ``(t, q)``; otherwise t alone.
        sort_eig_vals: refused, as is ``select_callable`` (JAX accepts both, and sorts nothing).

    Example:
        >>> schur(np.array([[1.0, 2.0], [0.0, 3.0]]))
        (array([[1., 2.],
               [0., 3.]]), array([[1., 0.],
               [0., 1.]]))
    """
    if sort_eig_vals or select_callable is not None:
        what = "lax.linalg.schur was to sort eigenvalues."
        fix = "call scipy.linalg.schur(sort=...) on known values"
        raise errors.ArgumentError(what, why="covector does not order them", fix=fix)
    t, q = schur_p.bind(_matrices("schur", x), output="real")
    return (t, q) if compute_schur_vectors else t


def qdwh(
    x: Any,
    *,
    is_hermitian: bool = False,
    max_iterations: int | None = None,
    eps: float | None = None,
    dynamic_shape: tuple[int, int] | None = None,
) -> tuple[Any, Any, int, bool]:
    """The polar decomposition ``x = u @ h``, by singular values: no iteration is made.

    Args:
        x: a matrix of full rank ``f[m, n]``, ``m >= n``.
        is_hermitian: accepted, as are ``max_iterations`` and ``eps``.
        dynamic_shape: refused.

    Returns:
        ``(u, h, 0, True)``; in JAX the last two are the number of iterations and whether they converged.

    Example:
        >>> qdwh(np.array([[-2.0]]))
        (array([[-1.]]), array([[2.]]), 0, True)
    """
    if dynamic_shape is not None:
        what = f"lax.linalg.qdwh got dynamic_shape={dynamic_shape!r}."
        raise errors.ArgumentError(what, why="arrays of covector are not padded", fix="pass the matrix without padding")
    u, h = polar(_matrices("qdwh", x, square=False))
    return u, h, 0, True


# --- LU and QR ------------------------------------------------------------------------------------------------------------


def lu(x: Any) -> tuple[Any, Any, Any]:
    """The factors of matrices with rows exchanged: ``x[permutation] = l @ u``.

    Args:
        x: matrices ``f[..., m, n]``.

    Returns:
        ``(lu, pivots, permutation)``: both triangles in one matrix (l without its diagonal of ones), the exchanges
        ``i32[..., min(m, n)]`` of LAPACK, and the order of rows ``i32[..., m]`` that they give.

    Example:
        >>> lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
        (array([[4.  , 4.  ],
               [0.25, 1.  ]]), array([1, 1], dtype=int32), array([1, 0], dtype=int32))
    """
    order, lower, upper = lu_p.bind(_matrices("lu", x, square=False))
    m, n = shape_of(lower)[-2], shape_of(upper)[-1]
    permutation = np.astype(np.argsort(order, axis=-1), np.dtype(np.int32))
    pad = [(0, 0)] * (len(shape_of(lower)) - 2)
    below = np.pad(np.tril(lower, -1), [*pad, (0, 0), (0, max(n - m, 0))])
    both = below + np.pad(upper, [*pad, (0, max(m - n, 0)), (0, 0)])
    return both, row_exchanges_p.bind(permutation, count=min(m, n)), permutation


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Any:
    """The order of rows that exchanges give: row i changes places with row ``pivots[i]``, one after the other.

    Args:
        pivots: integers ``[..., k]``.
        permutation_size: the number of rows, at least k.

    Returns:
        The order, ``i32[..., permutation_size]``.

    Raises:
        ArgumentError: there are no integers, or more than rows.
        ValueError: one is no row.

    Example:
        >>> lu_pivots_to_permutation(np.array([2, 2]), 3)
        array([2, 0, 1], dtype=int32)
    """
    aval = typeof(pivots)
    if aval.dtype.kind not in "iu" or not aval.ndim or aval.shape[-1] > permutation_size:
        what = f"lax.linalg.lu_pivots_to_permutation got {aval} for {permutation_size} rows."
        raise errors.ArgumentError(what, fix="give arrays of integers, not more than there are rows")
    return exchanged_rows_p.bind(pivots, rows=int(permutation_size))


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None) -> tuple[Any, ...]:
    """Orthonormal columns and an upper triangle: ``x = q @ r``, or ``x[..., p] = q @ r``.

    Args:
        x: matrices ``f[..., m, n]``.
        pivoting: take at each step the column with the largest rest, so that the diagonal of r does not grow; derivatives are
            those at this order of columns.
        full_matrices: complete q to a square matrix.
        use_magma: accepted.

    Returns:
        ``(q, r)``; with pivoting ``(q, r, p)``, with the order of columns ``i32[..., n]``.

    Example:
        >>> q, r, p = qr(np.array([[0.0, 2.0], [1.0, 0.0]]), pivoting=True)
        >>> np.abs(r), p
        (array([[2., 0.],
               [0., 1.]]), array([1, 0], dtype=int32))
    """
    x = _matrices("qr", x, square=False)
    mode: Any = "complete" if full_matrices else "reduced"
    if not pivoting:
        return tuple(np.linalg.qr(x, mode))
    order = pivoted_columns_p.bind(stop_gradient(x))
    return (*np.linalg.qr(np.take_along_axis(x, row(order), axis=-1), mode), order)


# --- reflections ------------------------------------------------------------------------------------------------------


def hessenberg(a: Any) -> tuple[Any, Any]:
    """Reduce matrices to Hessenberg's form, which is zero below the first subdiagonal; without a derivative, as in JAX.

    Args:
        a: matrices ``f[..., n, n]``.

    Returns:
        ``(a, taus)``: the reduced matrix, with the reflections below it, and their factors ``f[..., n-1]``, as LAPACK packs
        them.

    Example:
        >>> packed, taus = hessenberg(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> packed, taus
        (array([[1., 2.],
               [3., 4.]]), array([0.]))
    """
    packed, taus = hessenberg_p.bind(_matrices("hessenberg", a))
    return packed, taus


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Any, Any, Any, Any]:
    """Reduce Hermitian matrices to tridiagonal ones; without a derivative, as in JAX.

    Args:
        a: matrices ``f[..., n, n]``.
        lower: which triangle is read.

    Returns:
        ``(a, d, e, taus)``: the reduced matrix with the reflections beside it, as LAPACK packs them; its diagonal ``[..., n]``
        and what is beside that ``[..., n-1]``, which are real; and the factors of the reflections ``[..., n-1]``.

    Example:
        >>> tridiagonal(np.array([[1.0, 2.0], [2.0, 3.0]]))[1:]
        (array([1., 3.]), array([2.]), array([0.]))
    """
    packed, d, e, taus = tridiagonal_p.bind(_matrices("tridiagonal", a), lower=bool(lower))
    return packed, d, e, taus


def _reflections(who: str, a: Any, taus: Any) -> tuple[Any, Any]:
    """The v and t of the product of reflections ``1 - v @ t @ v.conj().T``.

    By the inverse of t, ``diag(1 / taus) + triu(v.conj().T @ v, 1)``, in a form that takes factors of 0 (T. Joffrain, T. Low,
    E. S. Quintana-Ortí, R. van de Geijn and F. G. Van Zee, "Accumulating Householder transformations, revisited", 2006).
    """
    a, taus = _matrices(who, a, square=False), inexact(taus)
    (*stack, m, n), k = shape_of(a), shape_of(taus)[-1] if shape_of(taus) else 0
    if shape_of(taus) != (*stack, k) or k > min(m, n):
        raise ValueError(f"lax.linalg.{who} got {typeof(a)} and {typeof(taus)}: give a factor for each reflection")
    v = np.tril(a[..., :k], -1) + np.eye(m, k, dtype=dtype_of(a))
    steps = np.eye(k, dtype=dtype_of(a)) + np.triu(adjoint(v) @ v, 1) * row(taus)
    inverse = triangular_solve(steps, np.eye(k, dtype=dtype_of(a)), left_side=True, unit_diagonal=True)
    return v, column(taus) * inverse


def householder_product(a: Any, taus: Any) -> Any:
    """The first columns of a product of Householder's reflections ``1 - tau * outer(v, v.conj())``.

    Args:
        a: matrices ``f[..., m, n]``, ``m >= n``, with a reflection below the diagonal of each of the first k columns.
        taus: their factors ``f[..., k]``, ``k <= n``.

    Returns:
        The first n columns of the product, ``f[..., m, n]``.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> householder_product(np.array([[0.0], [1.0]]), np.array([1.0]))
        array([[ 0.],
               [-1.]])
    """
    v, t = _reflections("householder_product", a, taus)
    m, n = shape_of(a)[-2:]
    if m < n:
        raise ValueError(f"lax.linalg.householder_product got {typeof(a)}, which has more columns than rows")
    return np.eye(m, n, dtype=dtype_of(v)) - v @ (t @ adjoint(v[..., :n, :]))


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Any:
    """A matrix times the product q of Householder's reflections, which is not formed.

    Args:
        a: matrices ``f[..., m, n]`` with reflections, as for `householder_product`.
        taus: their factors ``f[..., k]``.
        c: matrices ``f[..., m, p]``; ``f[..., p, m]`` on the right side.
        left: ``q @ c``; otherwise ``c @ q``.
        transpose: take the adjoint of q.

    Example:
        >>> ormqr(np.array([[0.0], [1.0]]), np.array([1.0]), np.array([[2.0], [3.0]]))
        array([[-3.],
               [-2.]])
    """
    v, t = _reflections("ormqr", a, taus)
    c = _matrices("ormqr", c, square=False)
    if shape_of(c)[-2 if left else -1] != shape_of(v)[-2]:
        raise ValueError(f"lax.linalg.ormqr got {typeof(c)} for reflections of vectors of {shape_of(v)[-2]}")
    t = adjoint(t) if transpose else t
    return c - v @ (t @ (adjoint(v) @ c)) if left else c - ((c @ v) @ t) @ adjoint(v)


# --- products and systems ---------------------------------------------------------------------------------------------


def symmetric_product(
    a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0, symmetrize_output: bool = False
) -> Any:
    """``alpha * a @ a.T + beta * c``.

    Args:
        a_matrix: matrices ``f[..., m, n]``.
        c_matrix: symmetric ones ``f[..., m, m]``.
        alpha: a number.
        beta: a number.
        symmetrize_output: copy the lower triangle to the upper one, which holds the same in exact arithmetic.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> symmetric_product(np.array([[1.0], [2.0]]), np.eye(2), beta=1.0)
        array([[2., 2.],
               [2., 5.]])
    """
    a, c = _matrices("symmetric_product", a_matrix, square=False), _matrices("symmetric_product", c_matrix)
    if shape_of(c) != (*shape_of(a)[:-1], shape_of(a)[-2]):
        raise ValueError(f"lax.linalg.symmetric_product got {typeof(a)} and {typeof(c)}, which is no product of it")
    out = alpha * (a @ swap(a)) + beta * c
    return np.tril(out) + swap(np.tril(out, -1)) if symmetrize_output else out


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Any:
    """The x with ``a @ x = b`` for tridiagonal matrices.

    Args:
        dl: what is below the diagonal, ``f[..., m]``; ``dl[i]`` is ``a[i, i-1]``, and ``dl[0]`` is not read.
        d: the diagonal ``f[..., m]``.
        du: what is above it, ``f[..., m]``; ``du[i]`` is ``a[i, i+1]``, and ``du[m-1]`` is not read.
        b: right-hand sides ``f[..., m, k]``.
        perturb_singular: refused.

    Raises:
        LinAlgError: a matrix is singular.
        ValueError: the shapes do not fit.

    Example:
        >>> tridiagonal_solve(np.array([0.0, 1.0]), np.array([2.0, 2.0]), np.array([1.0, 0.0]), np.array([[3.0], [3.0]]))
        array([[1.],
               [1.]])
    """
    if perturb_singular:
        what = "lax.linalg.tridiagonal_solve got perturb_singular=True."
        raise errors.ArgumentError(what, why="a singular system has no solution that is determined", fix="leave it out")
    dl, d, du, b = map(inexact, (dl, d, du, b))
    if not shape_of(dl) == shape_of(d) == shape_of(du) == shape_of(b)[:-1] or not shape_of(d):
        shapes = ", ".join(str(typeof(x)) for x in (dl, d, du, b))
        raise ValueError(f"lax.linalg.tridiagonal_solve got {shapes}: give three diagonals [..., m], and b [..., m, k]")
    bands = np.stack([np.roll(du, 1, -1), d, np.roll(dl, -1, -1)], -2)

    def solve(bands: Any, b: Any) -> Any:
        return solve_banded((1, 1), bands, b)

    for _ in shape_of(d)[:-1]:
        solve = vmap(solve)
    return solve(bands, b)


__all__ = ["triangular_solve"]
__all__ += [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
