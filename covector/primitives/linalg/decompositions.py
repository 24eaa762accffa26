"""Decompositions of matrices in the last two axes: eigenvectors (``eigh``, ``eig``), ``svd`` and ``qr``.

Eigenvectors and singular vectors are determined only up to a factor of modulus 1, and for equal eigenvalues or singular values
only up to a rotation.  What is determined at equal values is right, and what is not is NaN: see `turning`.
The tangent of eigenvalues without vectors is a generalized gradient where they are equal; symmetric functions are right.

Sources: M. B. Giles, "Collected matrix derivative results" (2008); J. Townsend, "Differentiating the singular value
decomposition" (2016); S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010, for QR).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, dtype_of, shape_of, typeof
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.linalg.solving import (
    adjoint,
    column,
    diagonal,
    factorization,
    keep,
    masked_reciprocal,
    read_triangle,
    row,
    solve_p,
    times_inverse,
)
from covector.primitives.linalg.turning import is_defective_p, turn_p, within_space
from covector.primitives.math.arithmetic import conj, imag_p, real
from covector.primitives.math.contraction import contract_stacks


def _imaginary_diagonal(x: Any) -> Any:
    """The matrix with the imaginary part of the diagonal of x alone."""
    return keep(np.eye(shape_of(x)[-1], dtype=bool), x - real(x))


def _is_zero(x: Any, values: Any) -> Any:
    """Where differences or sums of eigenvalues or singular values are 0 up to rounding."""
    size = np.max(np.abs(values), axis=-1, keepdims=True, initial=0)
    rounding = 8 * shape_of(values)[-1] * float(np.finfo(dtype_of(values)).eps) * size
    missing = len(shape_of(x)) - len(shape_of(rounding))
    return np.less_equal(np.abs(x), column(rounding) if missing else rounding)


def _turn(p: Any, gaps: Any, values: Any, diagonal: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """``p / gaps``, where there are gaps, and NaN for each column that has something where there is none.

    A gap on the diagonal counts if ``diagonal``.
    """
    zero = _is_zero(gaps, values)
    tie = zero if diagonal else np.logical_and(zero, ~np.eye(shape_of(p)[-1], dtype=bool))
    turned, undetermined = turn_p.bind(p, masked_reciprocal(gaps, zero), tie, strict=strict)
    if shape_of(p)[-2] == shape_of(p)[-1] and not strict:
        turned = within_space(turned, np.eye(shape_of(p)[-1], dtype=dtype_of(p)), tie)
    return turned, undetermined


# --- eigenvalues of Hermitian matrices ----------------------------------------------------------------------------------


def _eigh(a: Any, *, lower: bool, vectors: bool) -> list[Any]:
    uplo = "L" if lower else "U"
    return list(np.linalg.eigh(a, uplo)) if vectors else [np.linalg.eigvalsh(a, uplo)]


def _eigh_results(a: ShapedArray, *, lower: bool, vectors: bool) -> list[ShapedArray]:
    values = array_aval(a.shape[:-1], real_dtype(a.dtype))
    return [values, array_aval(a.shape, a.dtype)] if vectors else [values]


def _eigh_jvp(a: Any, t: Any, *, lower: bool, vectors: bool) -> Any:
    """With ``P = Vᴴ dA V``: ``dw = diag P``, and ``dV = V (F ∘ P)`` with ``F_ij = 1 / (w_j - w_i)``."""
    w, v = eigh_p.bind(a, lower=lower, vectors=True)
    p = adjoint(v) @ read_triangle(t, lower) @ v
    tw = real(diagonal(p))
    if not vectors:
        return [w], [tw]
    turned, undetermined = _turn(p, row(w) - column(w), w)
    return [w, v], [tw + undetermined, v @ turned]


eigh_p = factorization("eigh", _eigh, _eigh_jvp, _eigh_results, multiple_results=True)
"""Ascending eigenvalues, and the eigenvectors if ``vectors``, of a Hermitian matrix of which one triangle is read.

The derivative is that of the function that is computed, of this triangle: gradients are triangular.  The change of an
eigenvector has no component along itself.
"""


# --- eigenvalues of any square matrix -------------------------------------------------------------------------------------


def _eig(a: Any, *, vectors: bool) -> list[Any]:
    outs = np.linalg.eig(a) if vectors else [np.linalg.eigvals(a)]
    return [o.astype(np.result_type(o, np.complex64), copy=False) for o in outs]


def _eig_results(a: ShapedArray, *, vectors: bool) -> list[ShapedArray]:
    dtype = np.result_type(a.dtype, np.complex64)
    values = array_aval(a.shape[:-1], dtype)
    return [values, array_aval(a.shape, dtype)] if vectors else [values]


def _eig_jvp(a: Any, t: Any, *, vectors: bool) -> Any:
    """With ``P = V⁻¹ dA V``: ``dw = diag P``, and ``dV = V (F ∘ P) + V diag c``, where c keeps length and phase."""
    if not typeof(a).size:
        outs = eig_p.bind(a, vectors=vectors)
        return outs, [typeof(o).zero for o in outs]
    w, v = eig_p.bind(a, vectors=True)
    v = select_p.bind(column(column(is_defective_p.bind(v))), np.nan, v)
    p = solve_p.bind(v, t @ v)
    tw = diagonal(p)
    if not vectors:
        return [w], [tw]
    turned, undetermined = _turn(p, row(w) - column(w), w, strict=True)
    change = v @ turned
    along = real(contract_stacks(conj(v), change, "ij,ij->j", "eig"))
    peak = row(np.argmax(np.abs(v), axis=-2))
    turn = imag_p.bind(np.take_along_axis(change, peak, axis=-2)) / real(np.take_along_axis(v, peak, axis=-2))
    return [w, v], [tw + undetermined, change - v * (row(along) + 1j * turn)]


eig_p = factorization("eig", _eig, _eig_jvp, _eig_results, multiple_results=True)
"""Eigenvalues, and the eigenvectors if ``vectors``, of a square matrix; always complex, also where NumPy's are real.

Eigenvalues are holomorphic functions of the matrix.  Eigenvectors have length 1 and a real largest component, as LAPACK
returns them; their derivative keeps both.
"""


# --- singular values ------------------------------------------------------------------------------------------------------


def _svd(a: Any, *, full_matrices: bool, compute_uv: bool) -> list[Any]:
    if not np.isfinite(a).all():  # NumPy says so of NaN, and may not return from infinities
        raise np.linalg.LinAlgError("SVD did not converge")
    if compute_uv:
        return list(np.linalg.svd(a, full_matrices=full_matrices))
    return [np.linalg.svd(a, compute_uv=False)]


def _svd_results(a: ShapedArray, *, full_matrices: bool, compute_uv: bool) -> list[ShapedArray]:
    *stack, m, n = a.shape
    k = min(m, n)
    values = array_aval((*stack, k), real_dtype(a.dtype))
    if not compute_uv:
        return [values]
    rows, columns = (m, n) if full_matrices else (k, k)
    return [array_aval((*stack, m, rows), a.dtype), values, array_aval((*stack, columns, n), a.dtype)]


def _svd_jvp(a: Any, t: Any, *, full_matrices: bool, compute_uv: bool) -> Any:
    """With ``P = Uᴴ dA V``: ``ds = Re diag P``, ``dU = U Ω`` and ``dV = V Ψ``; Ω and Ψ are skew, with ``P = dS + Ω S - S Ψ``.

    The sum Ω + Ψ has the denominators s_j - s_i, and the difference Ω - Ψ the denominators s_i + s_j, which do not vanish for
    equal singular values: functions of U Vᴴ alone, such as the second derivative of the nuclear norm, stay right there.
    """
    u, s, vh = outs = svd_p.bind(a, full_matrices=full_matrices and compute_uv, compute_uv=True)
    k = shape_of(s)[-1]
    u, v = _first(u, k), _first(adjoint(vh), k)
    t_v, th_u = t @ v, adjoint(t) @ u
    p = adjoint(u) @ t_v
    ts = real(diagonal(p))
    if not compute_uv:
        return [s], [ts]
    ph = adjoint(p)
    total, undetermined = _turn(p + ph, row(s) - column(s), s)
    difference, of_zeros = _turn(p - ph, row(s) + column(s), s, diagonal=True)
    tu, of_u = _turned(outs[0], u, s, 0.5 * (total + difference), t_v - u @ p)
    tv, of_v = _turned(adjoint(outs[2]), v, s, 0.5 * (total - difference), th_u - v @ ph)
    return outs, [tu, ts + undetermined + of_zeros + of_u + of_v, adjoint(tv)]


svd_p = factorization("svd", _svd, _svd_jvp, _svd_results, square=False, multiple_results=True)
"""Descending singular values of a matrix; with ``compute_uv`` the list ``[u, s, vh]`` with ``a = u @ diag(s) @ vh``.

``full_matrices`` completes u and vh to square matrices.  Columns of equal singular values do not turn into one another, nor
do those that complete u and vh, of which gradients are NaN but for functions of their space (`free_columns_p`); those of a
singular value 0 do not change towards the completing ones.
"""


def _turned(full: Any, u: Any, s: Any, inside: Any, outside: Any) -> tuple[Any, Any]:
    """The change of orthonormal columns: by a turn among themselves, and out of their span; and what is NaN for a value 0.

    Args:
        full: the columns, those that complete them to a square matrix included if there are such.
        u: the columns without those.
        s: the singular values.
        inside: the skew-Hermitian matrix of the turn.
        outside: the change out of the span, times the singular values; orthogonal to u.
    """
    m, k = shape_of(u)[-2:]
    if m == k:
        return u @ inside, 0.0
    outside, undetermined = _turn(outside, row(s), s, diagonal=True)
    change = u @ inside + outside
    if shape_of(full)[-1] == k:
        return change, undetermined
    free = full[..., k:]
    return np.concatenate([change, within_space(-(u @ (adjoint(outside) @ free)), free)], -1), undetermined


# --- QR -------------------------------------------------------------------------------------------------------------------


def _qr(a: Any, *, mode: str) -> list[Any]:
    return [np.linalg.qr(a, "r")] if mode == "r" else list(np.linalg.qr(a, mode))


def _qr_results(a: ShapedArray, *, mode: str) -> list[ShapedArray]:
    *stack, m, n = a.shape
    rows = m if mode == "complete" else min(m, n)
    r = array_aval((*stack, rows, n), a.dtype)
    return [r] if mode == "r" else [array_aval((*stack, m, rows), a.dtype), r]


def _qr_jvp(a: Any, t: Any, *, mode: str) -> Any:
    """``dQ = Q Ω + (1 - Q Qᴴ) dA R⁻¹`` and ``dR = Qᴴ dA - Ω R``; the lower triangle of the skew Ω is that of ``Qᴴ dA R⁻¹``.

    For a wide matrix, R and dA stand for their first columns here.  The diagonal of R stays real.
    """
    q, r = qr_p.bind(a, mode="complete" if mode == "complete" else "reduced")
    m, n = shape_of(a)[-2:]
    k, rows = min(m, n), shape_of(r)[-2]
    qt = adjoint(q) @ t
    square, qt_square = _first(r if rows == k else r[..., :k, :], k), _first(qt, k)
    projected = times_inverse(qt_square, square)
    lower = keep(np.tri(rows, k, -1, dtype=bool), projected)
    if rows > k:
        lower = np.concatenate([lower, np.zeros((*shape_of(lower)[:-1], rows - k), dtype_of(lower))], -1)
    turn = lower - adjoint(lower)
    if dtype_of(a).kind == "c":
        turn = turn + _padded(_imaginary_diagonal(projected if rows == k else projected[..., :k, :]), rows)
    tr = keep(np.tri(n, rows, 0, dtype=bool).T, qt - turn @ r)
    if mode == "r":
        return [r], [tr]
    tq = q @ turn
    if rows < m:
        tq = tq + times_inverse(_first(t, k) - q @ qt_square, square)
    elif m > k:
        tq = np.concatenate([tq[..., :k], within_space(tq[..., k:], q[..., k:])], -1)
    return [q, r], [tq, tr]


qr_p = factorization("qr", _qr, _qr_jvp, _qr_results, square=False, multiple_results=True)
"""``[q, r]`` with orthonormal columns and an upper triangle; ``mode`` is "reduced", "complete" or "r" (``[r]`` alone).

The derivative needs the first min(m, n) columns of the matrix to be linearly independent; it is infinite or NaN otherwise.
"""


def _first(x: Any, k: int) -> Any:
    """The first k columns."""
    return x if shape_of(x)[-1] == k else x[..., :k]


def _padded(x: Any, n: int) -> Any:
    """Square matrices extended by zeros to n rows and columns."""
    k = shape_of(x)[-1]
    return x if n == k else np.pad(x, [(0, 0)] * (len(shape_of(x)) - 2) + [(0, n - k)] * 2)
