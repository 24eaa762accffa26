"""Orthonormal bases of what a matrix maps to zero, and of what it maps to.

>>> np.abs(null_basis_p.bind(np.array([[1.0, 0.0]]), rank=1, rcond=1e-12))
array([[0.],
       [1.]])

A basis is determined only up to a rotation.  The derivative is that of the basis that turns as little as possible, so what
depends on the space alone has its right derivative, to any order, and gradients of anything else are NaN
(`covector.primitives.linalg.turning`); it is the one among matrices of the same rank.

Source: G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate" (1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval
from covector.primitives.linalg.solving import adjoint, factorization, pinv_p
from covector.primitives.linalg.turning import within_space


def _null_basis(a: Any, *, rank: int, rcond: float) -> Any:
    return np.conj(np.swapaxes(np.linalg.svd(a, full_matrices=True)[2][..., rank:, :], -1, -2))


def _null_basis_results(a: ShapedArray, *, rank: int, rcond: float) -> ShapedArray:
    return array_aval((*a.shape[:-2], a.shape[-1], a.shape[-1] - rank), a.dtype)


def _null_basis_jvp(a: Any, t: Any, *, rank: int, rcond: float) -> Any:
    """``dN = -A⁺ dA N``, since ``A N = 0`` and ``Nᴴ dN = 0``."""
    basis = null_basis_p.bind(a, rank=rank, rcond=rcond)
    return basis, within_space(-(pinv_p.bind(a, rcond, hermitian=False) @ (t @ basis)), basis)


null_basis_p = factorization("null_basis", _null_basis, _null_basis_jvp, _null_basis_results, square=False, makes_new=True)
"""``a[..., m, n] -> [..., n, n - rank]``; singular values up to ``rcond`` times the largest count as zero."""


def _range_basis(a: Any, *, rank: int, rcond: float) -> Any:
    return np.linalg.svd(a, full_matrices=False)[0][..., :rank]


def _range_basis_results(a: ShapedArray, *, rank: int, rcond: float) -> ShapedArray:
    return array_aval((*a.shape[:-1], rank), a.dtype)


def _range_basis_jvp(a: Any, t: Any, *, rank: int, rcond: float) -> Any:
    """``dU = (1 - U Uᴴ) dA A⁺ U``."""
    basis = range_basis_p.bind(a, rank=rank, rcond=rcond)
    change = t @ (pinv_p.bind(a, rcond, hermitian=False) @ basis)
    return basis, within_space(change - basis @ (adjoint(basis) @ change), basis)


range_basis_p = factorization("range_basis", _range_basis, _range_basis_jvp, _range_basis_results, square=False, makes_new=True)
"""``a[..., m, n] -> [..., m, rank]``, with the left singular vectors of the largest singular values."""
