"""Eigenvalues and singular values of `scipy.linalg`: of one matrix, of pairs, of banded matrices.

>>> eigvals(np.diag([1.0, 2.0]))
array([1.+0.j, 2.+0.j])
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, known_array
from covector.primitives.linalg.decompositions import eig_p
from covector.primitives.linalg.solving import adjoint, read_triangle
from covector.primitives.math.arithmetic import imag_p, real
from covector.scipy.checks import as_lapack, finite, refuse, square_matrices
from covector.scipy.linalg.banded import hermitian_of_bands
from covector.scipy.linalg.systems import cholesky, solve_triangular
from covector.transforms.utilities import stop_gradient

# --- of any square matrix ---------------------------------------------------------------------------------------------


def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Eigenvalues and eigenvectors of a matrix, or of a pair: ``a @ v = w * b @ v``; always complex.

    Args:
        a: matrices ``f[..., n, n]``.
        b: invertible ones; by default the identity.
        left: return left eigenvectors ``vl`` too, with ``vlᴴ @ a = w * vlᴴ @ b``.
        right: return right ones.
        homogeneous_eigvals: return ``[w, 1]`` for w, which a pair does not have here.

    Returns:
        w, or ``(w, vl)``, ``(w, vr)``, ``(w, vl, vr)``.  Vectors have length 1, and a real largest
        component.

    Raises:
        LinAlgError: b is singular.

    Example:
        >>> eig(np.array([[0.0, 1.0], [-1.0, 0.0]]), right=False)
        array([0.+1.j, 0.-1.j])
    """
    a = as_lapack(a)
    if homogeneous_eigvals and b is not None:
        raise ValueError("eig of a pair got homogeneous_eigvals=True: only their quotients are known here")
    if b is not None and shape_of(b)[-2:] != shape_of(a)[-2:]:
        raise ValueError(f"eig takes two matrices of one shape, and got {typeof(a)} and {typeof(b)}")
    m = a if b is None else np.linalg.solve(b, a)
    outs = eig_p.bind(m, vectors=left or right)
    w = np.stack([outs[0], np.ones_like(outs[0])], axis=-2) if homogeneous_eigvals else outs[0]
    if not left:
        return (w, outs[1]) if right else w
    of_left = adjoint(np.linalg.inv(outs[1]))
    of_left = _of_length_one(of_left if b is None else np.linalg.solve(adjoint(as_lapack(b)), of_left))
    return (w, of_left, outs[1]) if right else (w, of_left)


def _of_length_one(v: Any) -> Any:
    """Columns of length 1, whose largest components are positive."""
    size = np.abs(v)
    peak = np.argmax(stop_gradient(size), axis=-2, keepdims=True)
    return (
        v
        * np.conj(np.take_along_axis(v, peak, axis=-2))
        / np.take_along_axis(size, peak, axis=-2)
        / np.linalg.norm(v, axis=-2, keepdims=True)
    )


def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    """The eigenvalues of `eig`.

    Example:
        >>> eigvals(np.diag([1.0, 2.0]), np.diag([2.0, 1.0]))
        array([0.5+0.j, 2. +0.j])
    """
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


def cdf2rdf(w: Any, v: Any) -> tuple[Any, Any]:
    """A real matrix of blocks, and real vectors, of complex eigenvalues and eigenvectors in conjugate pairs.

    Args:
        w: eigenvalues ``c[..., n]``, the two of a pair one after the other among the complex ones.
        v: eigenvectors ``c[..., n, n]``.

    Returns:
        ``(wr, vr)`` with ``vr @ wr = a @ vr`` where ``v * w = a @ v``; NaN where an eigenvalue has no
        partner, and the values are unknown.

    Raises:
        ValueError: an eigenvalue has no partner.

    Example:
        >>> cdf2rdf(np.array([2 + 1j, 2 - 1j]), np.eye(2))[0]
        array([[ 2.,  1.],
               [-1.,  2.]])
    """
    w, v = as_array(w), as_array(v)
    if len(shape_of(v)) != len(shape_of(w)) + 1 or shape_of(v)[-2:] != shape_of(w)[-1:] * 2:
        raise ValueError(f"cdf2rdf takes n eigenvalues and a matrix of n eigenvectors, and got {typeof(w)} and {typeof(v)}")
    w = w.astype(np.result_type(typeof(w).dtype, np.complex64)) if typeof(w).dtype.kind != "c" else w
    imaginary = imag_p.bind(w)
    number = np.cumsum(imaginary != 0, axis=-1)
    first = np.logical_and(imaginary != 0, number % 2 == 1)
    other = np.logical_and(imaginary != 0, number % 2 == 0)
    paired = first[..., :, None] & other[..., None, :] & (number[..., :, None] + 1 == number[..., None, :])
    alone = number[..., -1:] % 2 == 1
    refuse(alone, "cdf2rdf got an odd number of complex eigenvalues: they come in conjugate pairs")
    beside = imaginary[..., :, None]
    one = np.eye(shape_of(w)[-1], dtype=bool)
    blocks = np.where(one, real(w)[..., :, None], np.where(paired | np.swapaxes(paired, -1, -2), beside, 0.0))
    turn = np.where(one & first[..., None], 0.5j, np.where(one & other[..., None], 0.5, np.where(one, 1.0, 0.0)))
    turn = turn + np.where(paired, 0.5, 0.0) - np.where(np.swapaxes(paired, -1, -2), 0.5j, 0.0)
    return np.where(alone[..., None], np.nan, blocks), np.astype(real(v @ turn), typeof(blocks).dtype)


# --- of Hermitian matrices --------------------------------------------------------------------------------------------


def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix, or of a pair: ``a @ v = b @ v * w``.

    Args:
        a: a Hermitian matrix, of which one triangle is read.
        b: a positive definite one.
        lower: which triangle.
        eigvals_only: return the eigenvalues alone.
        type: 1, 2 for ``a @ b @ v = v * w``, 3 for ``b @ a @ v = v * w``.
        subset_by_index: the numbers of the first and the last eigenvalue that are returned.
        subset_by_value: above which and up to which eigenvalues are returned; they must be known, for that decides the shape.

    Example:
        >>> eigh(np.diag([1.0, 2.0]), np.diag([2.0, 1.0]), eigvals_only=True)
        array([0.5, 2. ])
    """
    if subset_by_index is not None and subset_by_value is not None:
        raise ValueError("eigh got subset_by_index and subset_by_value: give one of them")
    outs = _eigh(square_matrices(a, "eigh"), b, lower, eigvals_only, type)
    if subset_by_index is not None:
        outs = _numbered(outs, subset_by_index, "eigh")
    if subset_by_value is not None:
        outs = _between(outs, subset_by_value, eigh)
    return outs[0] if eigvals_only else tuple(outs)


def _eigh(a: Any, b: Any, lower: bool, eigvals_only: bool, type: int) -> Any:
    """Values and, unless only these are wanted, vectors."""
    side: Any = "L" if lower else "U"
    if b is None:
        return [np.linalg.eigvalsh(a, side)] if eigvals_only else np.linalg.eigh(a, side)
    if type not in (1, 2, 3):
        raise ValueError(f"eigh got type={type!r}: give 1, 2 or 3")
    b = square_matrices(b, "eigh")
    if shape_of(a)[-1] != shape_of(b)[-1]:
        raise ValueError(f"eigh needs matrices of one size, got {typeof(a)} and {typeof(b)}")
    a, root = read_triangle(a, lower), cholesky(b, lower=True) if lower else adjoint(cholesky(b))
    half = solve_triangular(root, a, lower=True) if type == 1 else adjoint(root) @ a
    reduced = adjoint(solve_triangular(root, adjoint(half), lower=True)) if type == 1 else half @ root
    if eigvals_only:
        return [np.linalg.eigvalsh(reduced)]
    values, vectors = np.linalg.eigh(reduced)
    return values, root @ vectors if type == 3 else solve_triangular(root, vectors, trans=2, lower=True)


def _numbered(outs: Any, ends: Any, who: str) -> Any:
    """Of values and vectors those of the numbers from the first to the last."""
    n = shape_of(outs[0])[-1]
    low, high = (operator.index(k) for k in ends)
    if not 0 <= low <= high < n:
        raise ValueError(f"{who} got the numbers {low} to {high} of {n} eigenvalues: give 0 <= first <= last < {n}")
    return [x[..., low : high + 1] for x in outs]


def _between(outs: Any, ends: Any, function: Any) -> Any:
    """Of values and vectors those of values above the first bound and up to the second."""
    low, high = ends
    values = known_array(stop_gradient(outs[0]), function)
    if not low < high:
        raise ValueError(f"{function.__name__} got the bounds {low} and {high}, of which the first must be less")
    if values.ndim != 1:
        raise ValueError(f"{function.__name__} takes one matrix where bounds choose its eigenvalues, got {typeof(outs[0])}")
    (chosen,) = np.nonzero((values > low) & (values <= high))
    return [x[..., chosen] for x in outs]


def eigvalsh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """The eigenvalues of `eigh`.

    Example:
        >>> eigvalsh(np.diag([2.0, 1.0]))
        array([1., 2.])
    """
    return eigh(
        a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index, subset_by_value=subset_by_value
    )


# --- of banded matrices -----------------------------------------------------------------------------------------------


def _selected(a: Any, eigvals_only: bool, select: Any, select_range: Any, function: Any) -> Any:
    way = {0: "a", 1: "v", 2: "i", "all": "a", "value": "v", "index": "i"}.get(select, select)
    if way not in ("a", "v", "i"):
        raise ValueError(f"{function.__name__} got select={select!r}: give 'a', 'v' or 'i'")
    if way != "a" and np.shape(select_range) != (2,):
        raise ValueError(f"{function.__name__} got select={select!r} and select_range={select_range!r}: give two bounds")
    outs = _eigh(a, None, True, eigvals_only, 1)
    if way == "v":
        outs = _between(outs, select_range, function)
    if way == "i":
        outs = _numbered(outs, select_range, function.__name__)
    return outs[0] if eigvals_only else tuple(outs)


def eigh_tridiagonal(
    d: Any,
    e: Any,
    eigvals_only: bool = False,
    select: str = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """Eigenvalues and eigenvectors of a real symmetric matrix with the diagonal ``d`` and ``e`` beside it.

    Args:
        d: ``f[n]``.
        e: ``f[n-1]``.
        eigvals_only: return the eigenvalues alone.
        select: "a" for all; "i" for those of the numbers, "v" for those between the values in ``select_range``, which must be
            known for "v".
        select_range: the two bounds.

    Example:
        >>> eigh_tridiagonal(np.ones(2), np.ones(1), eigvals_only=True)
        array([0., 2.])
    """
    d, e = as_lapack(d), as_lapack(e)
    if len(shape_of(d)) != 1 or shape_of(e) != (shape_of(d)[0] - 1,) or "c" in (typeof(d).dtype.kind, typeof(e).dtype.kind):
        raise ValueError(f"eigh_tridiagonal takes real f[n] and f[n-1], and got {typeof(d)} and {typeof(e)}")
    whole = np.diag(d) + (np.diag(e, 1) + np.diag(e, -1) if shape_of(e)[0] else 0.0)
    return _selected(whole, eigvals_only, select, select_range, eigh_tridiagonal)


def eigvalsh_tridiagonal(
    d: Any,
    e: Any,
    select: str = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """The eigenvalues of `eigh_tridiagonal`.

    Example:
        >>> eigvalsh_tridiagonal(np.ones(2), np.ones(1))
        array([0., 2.])
    """
    return eigh_tridiagonal(d, e, True, select, select_range)


def eig_banded(
    a_band: Any,
    lower: bool = False,
    eigvals_only: bool = False,
    overwrite_a_band: bool = False,
    select: str = "a",
    select_range: Any = None,
    max_ev: int = 0,
    check_finite: bool = True,
) -> Any:
    """Eigenvalues and eigenvectors of a Hermitian banded matrix, computed as of a full one.

    Args:
        a_band: the diagonals ``f[u+1,n]``, as for `solveh_banded`.
        lower: which half they are.
        eigvals_only, select, select_range: as for `eigh_tridiagonal`.

    Example:
        >>> eig_banded(np.array([[0.0, 1.0], [1.0, 1.0]]), eigvals_only=True)
        array([0., 2.])
    """
    whole = hermitian_of_bands(as_lapack(a_band), lower)
    return _selected(whole, eigvals_only, select, select_range, eig_banded)


def eigvals_banded(
    a_band: Any,
    lower: bool = False,
    overwrite_a_band: bool = False,
    select: str = "a",
    select_range: Any = None,
    check_finite: bool = True,
) -> Any:
    """The eigenvalues of `eig_banded`.

    Example:
        >>> eigvals_banded(np.array([[0.0, 1.0], [1.0, 1.0]]))
        array([0., 2.])
    """
    return eig_banded(a_band, lower, True, False, select, select_range)


# --- singular values --------------------------------------------------------------------------------------------------


def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """``a = u @ diag(s) @ vh`` with orthonormal u and vh; as `numpy.linalg.svd`.

    Args:
        a: matrices ``f[..., m, n]``.
        full_matrices: whether u and vh are square.
        compute_uv: whether they are returned.

    Example:
        >>> svd(np.diag([1.0, -2.0]))[1]
        array([2., 1.])
    """
    if not compute_uv:
        return svdvals(a)
    return tuple(np.linalg.svd(finite(as_lapack(a)), full_matrices=bool(full_matrices)))


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The singular values of a matrix, the largest first.

    Example:
        >>> svdvals(np.diag([1.0, -2.0]))
        array([2., 1.])
    """
    return np.linalg.svd(finite(as_lapack(a)), compute_uv=False)


def diagsvd(s: Any, M: int, N: int) -> Any:
    """The matrix ``f[M,N]`` with the singular values ``f[min(M, N)]`` on its diagonal.

    Example:
        >>> diagsvd(np.array([2.0]), 1, 2)
        array([[2., 0.]])
    """
    s = as_array(s)
    (n,) = shape_of(s)
    if n not in (M, N) or n > min(M, N):
        raise ValueError(f"diagsvd got {n} singular values for a matrix of shape {(M, N)}: give min(M, N)")
    return np.pad(np.diag(s), [(0, M - n), (0, N - n)])
