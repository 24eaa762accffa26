"""Decompositions of matrices of `scipy.linalg` other than by eigenvalues: QR and its like, Schur's, Hessenberg's, bases.

>>> rq(np.array([[2.0]]))
(array([[2.]]), array([[1.]]))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, known_array
from covector.primitives.linalg.factoring import pivoted_columns_p, schur_p
from covector.primitives.linalg.similar import hessenberg_form_p, ldl_p
from covector.primitives.linalg.solving import adjoint
from covector.primitives.linalg.subspaces import null_basis_p, range_basis_p
from covector.scipy.checks import as_lapack, finite
from covector.transforms.utilities import stop_gradient

# --- QR ---------------------------------------------------------------------------------------------------------------


def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """``a = q @ r`` with orthonormal columns q and an upper triangle r.

    Args:
        a: matrices ``f[..., m, n]``.
        mode: "full" for a square q, "economic" for min(m, n) columns, "r" for r alone.
        pivoting: order the columns, ``a[:, p] = q @ r``, so that the diagonal of r decreases, and return p too.
            The derivative is that for the same order.

    Returns:
        ``(q, r)`` or ``(r,)``, and with ``pivoting`` p at the end.

    Example:
        >>> q, r = qr(np.array([[3.0, 1.0], [4.0, 2.0]]))
        >>> np.round(q @ r, 12)
        array([[3., 1.],
               [4., 2.]])
    """
    modes: dict[str, Any] = {"full": "complete", "qr": "complete", "economic": "reduced", "r": "complete"}
    if mode not in modes:
        more = ", for 'raw' is of LAPACK's representation" if mode == "raw" else ""
        raise ValueError(f"qr got mode={mode!r}: give 'full', 'economic' or 'r'{more}")
    a = as_lapack(a)
    order: tuple[Any, ...] = ()
    if pivoting:
        order = (pivoted_columns_p.bind(a),)
        a = np.take_along_axis(a, order[0][..., None, :], axis=-1)
    if mode == "r":
        reduced = np.linalg.qr(a, "r")
        rest = max(shape_of(a)[-2] - shape_of(a)[-1], 0)
        return np.pad(reduced, [*[(0, 0)] * (len(shape_of(a)) - 2), (0, rest), (0, 0)]), *order
    return *np.linalg.qr(a, modes[mode]), *order


def rq(a: Any, overwrite_a: bool = False, lwork: int | None = None, mode: str = "full", check_finite: bool = True) -> Any:
    """``a = r @ q`` with orthonormal rows q and an upper triangle r; by `qr` of the matrix turned around.

    Args:
        a: matrices ``f[..., m, n]``.
        mode: "full" for a square q, "economic" for min(m, n) rows, "r" for r alone.

    Example:
        >>> r, q = rq(np.array([[3.0, 1.0], [4.0, 2.0]]))
        >>> np.round(r @ q, 12)
        array([[3., 1.],
               [4., 2.]])
    """
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"rq got mode={mode!r}: give 'full', 'economic' or 'r'")
    q, r = qr(adjoint(_turned(as_lapack(a))), mode="economic" if mode == "economic" else "full")
    r, q = _turned(adjoint(r)), _turned(adjoint(q))
    return r if mode == "r" else (r, q)


def _turned(x: Any) -> Any:
    return np.flip(x, (-2, -1))


def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """The polar decomposition ``a = u @ p`` with orthonormal u and positive p, or ``a = p @ u`` from the left.

    Example:
        >>> polar(np.full((1, 1), -2.0))
        (array([[-1.]]), array([[2.]]))
    """
    if side not in ("left", "right"):
        raise ValueError(f"polar got side={side!r}: give 'left' or 'right'")
    a = finite(as_lapack(a))
    w, _, vh = np.linalg.svd(a, full_matrices=False)
    u = w @ vh
    return u, adjoint(u) @ a if side == "right" else a @ adjoint(u)


def schur(
    a: Any,
    output: str = "real",
    lwork: int | None = None,
    overwrite_a: bool = False,
    sort: Any = None,
    check_finite: bool = True,
) -> tuple[Any, Any]:
    """Schur's decomposition ``a = z @ t @ z.conj().T``; it has no derivative here, but what depends on a alone may have.

    Example:
        >>> schur(np.full((1, 1), 2.0))
        (array([[2.]]), array([[1.]]))
    """
    if sort is not None:
        why = "covector's does not sort; scipy.linalg.schur of a plain array does"
        raise errors.ArgumentError(f"schur got sort={sort!r}.", why=why, fix="leave it out")
    if output not in ("real", "complex"):
        raise ValueError(f"schur got output={output!r}: give 'real' or 'complex'")
    t, z = schur_p.bind(as_lapack(a), output=output)
    return t, z


def hessenberg(a: Any, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Hessenberg's form ``h = qᴴ @ a @ q`` of matrices ``f[..., n, n]``, which is zero below the subdiagonal.

    Args:
        a: the matrices.
        calc_q: return ``(h, q)``, and not h alone.

    Example:
        >>> np.round(hessenberg(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0], [4.0, 0.0, 1.0]])), 12)
        array([[ 1.  , -3.6 ,  0.2 ],
               [-5.  ,  1.36,  0.48],
               [ 0.  ,  0.48,  1.64]])
    """
    a = as_array(a)
    if shape_of(a)[-2:] in ((1, 1), (2, 2)):  # is of this form already, and SciPy's q is float64
        return (a, np.broadcast_to(np.eye(shape_of(a)[-1]), shape_of(a))) if calc_q else a
    h, q = hessenberg_form_p.bind(as_lapack(a))
    return (h, q) if calc_q else h


def ldl(
    A: Any, lower: bool = True, hermitian: bool = True, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, Any, Any]:
    """``A = lu @ d @ luᴴ`` of Hermitian (or symmetric) matrices, by the pivots of J. R. Bunch and L. Kaufman (1977).

    Args:
        A: matrices ``f[..., n, n]``, of which one triangle is read.
        lower: which triangle; also that of ``lu[perm]``.
        hermitian: False for complex symmetric matrices, ``A = lu @ d @ lu.T``.

    Returns:
        ``(lu, d, perm)``: d has blocks of size 1 and 2 on the diagonal.

    Example:
        >>> ldl(np.array([[2.0, 4.0], [4.0, 1.0]]))[1]
        array([[2., 4.],
               [4., 1.]])
    """
    A = as_lapack(A)
    is_complex = typeof(A).dtype.kind == "c"
    return tuple(ldl_p.bind(A, lower=bool(lower), hermitian=bool(hermitian) or not is_complex))


# --- bases of subspaces -----------------------------------------------------------------------------------------------


def _rank(A: Any, rcond: Any, function: Any) -> tuple[int, float]:
    known = known_array(stop_gradient(A), function)
    if known.ndim != 2:
        raise ValueError(f"{function.__name__} takes one matrix, and got {typeof(A)}")
    s = np.linalg.svd(finite(known), compute_uv=False)
    limit = max(known.shape) * float(np.finfo(known.dtype).eps) if rcond is None else float(rcond)
    return int(np.sum(s > np.max(s, initial=0) * limit)), limit


def null_space(
    A: Any,
    rcond: float | None = None,
    *,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """An orthonormal basis of the vectors that a matrix maps to zero; A must be known, for its rank decides the shape.

    The basis itself is not determined; its derivative is the least change that keeps it a basis.  Gradients of what is no
    function of the space are NaN, with an `UndeterminedDerivativeWarning`.

    Args:
        A: a matrix ``f[m,n]``.
        rcond: singular values up to ``rcond`` times the largest count as zero; by default ``max(m, n) * eps``.

    Example:
        >>> np.abs(null_space(np.array([[1.0, 0.0]])))
        array([[0.],
               [1.]])
    """
    A = as_lapack(A)
    rank, limit = _rank(A, rcond, null_space)
    return null_basis_p.bind(A, rank=rank, rcond=limit)


def orth(A: Any, rcond: float | None = None) -> Any:
    """An orthonormal basis of what a matrix maps to; known values, derivative and arguments are as for `null_space`.

    Example:
        >>> np.abs(orth(np.array([[2.0, 1.0], [0.0, 0.0]])))
        array([[1.],
               [0.]])
    """
    A = as_lapack(A)
    rank, limit = _rank(A, rcond, orth)
    return range_basis_p.bind(A, rank=rank, rcond=limit)


def subspace_angles(A: Any, B: Any) -> Any:
    """The angles between what two matrices map to, the largest first; both must be known, for `orth`.

    Source: A. V. Knyazev and M. E. Argentati, "Principal angles between subspaces in an A-based scalar product" (2002).

    Args:
        A, B: matrices ``f[m,n]`` and ``f[m,k]``.

    Example:
        >>> subspace_angles(np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]]))
        array([0.78539816])
    """
    if shape_of(A)[0] != shape_of(B)[0]:
        raise ValueError(f"subspace_angles takes matrices of as many rows, and got {typeof(A)} and {typeof(B)}")
    a, b = orth(A), orth(B)
    if shape_of(a)[1] < shape_of(b)[1]:
        a, b = b, a
    inner = adjoint(a) @ b
    cosines = np.clip(np.linalg.svd(inner, compute_uv=False), -1.0, 1.0)
    sines = np.clip(np.linalg.svd(b - a @ inner, compute_uv=False), -1.0, 1.0)
    near = cosines**2 >= 0.5  # where the arc of the cosine is imprecise
    rising, at = np.flip(cosines, -1), np.flip(near, -1)
    small = np.arcsin(np.where(at, sines, 0.0))
    return np.where(at, small, np.arccos(np.where(at, 0.0, rising)))


def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """The orthogonal r for which ``norm(A @ r - B)`` is least, and the sum of the singular values of ``A.T @ B``.

    Source: P. H. Schönemann, "A generalized solution of the orthogonal Procrustes problem" (1966).

    Example:
        >>> orthogonal_procrustes(np.eye(1), -np.eye(1))
        (array([[-1.]]), np.float64(1.0))
    """
    A, B = finite(as_lapack(A)), finite(as_lapack(B))
    if shape_of(A) != shape_of(B) or len(shape_of(A)) != 2:
        raise ValueError(f"orthogonal_procrustes takes two matrices of one shape, and got {typeof(A)} and {typeof(B)}")
    u, s, vh = np.linalg.svd(adjoint(A) @ B)
    return u @ vh, np.sum(s)
