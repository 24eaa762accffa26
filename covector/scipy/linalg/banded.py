"""Banded matrices of `scipy.linalg`, given by their diagonals: their triangular factor, and systems that it solves.

>>> cholesky_banded(np.array([[4.0, 9.0]]))
array([[2., 3.]])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as _scipy

from covector.core.avals import ShapedArray, shape_of, typeof
from covector.numpy.registry import as_array
from covector.primitives.linalg.solving import read_triangle
from covector.scipy.checks import as_lapack
from covector.scipy.structured import conjugate_bands, solve_banded
from covector.transforms.autodiff import jvp
from covector.transforms.callbacks import pure_callback


def _size(ab: Any) -> tuple[int, int]:
    """How many diagonals there are, and of which length."""
    if len(shape_of(ab)) != 2:
        raise ValueError(f"the diagonals of a banded matrix are f[u+1,n], not {typeof(ab)}")
    rows, n = shape_of(ab)
    return rows, n


def triangle_of_bands(ab: Any, lower: bool) -> Any:
    """The triangular matrix ``f[n,n]`` of which the diagonals are ``ab[u + i - j, j]``, or ``ab[i - j, j]`` if ``lower``."""
    rows, n = _size(ab)
    i, j = np.arange(n)[:, None], np.arange(n)
    place = i - j if lower else rows - 1 + i - j
    within = (place >= 0) & (place < rows) & (i >= j if lower else i <= j)
    return np.where(within, ab[np.clip(place, 0, rows - 1), np.broadcast_to(j, (n, n))], 0)


def hermitian_of_bands(ab: Any, lower: bool) -> Any:
    """The Hermitian matrix of which one half is given by its diagonals."""
    return read_triangle(np.astype(triangle_of_bands(ab, lower), typeof(ab).dtype), lower)


def _bands(a: Any, rows: int, lower: bool) -> Any:
    """The diagonals of a triangular matrix."""
    n = shape_of(a)[-1]
    k, j = np.arange(rows)[:, None], np.arange(n)
    i = j + k if lower else j + k - rows + 1
    return np.where((i >= 0) & (i < n), a[np.clip(i, 0, n - 1), np.broadcast_to(j, i.shape)], 0)


def cholesky_banded(ab: Any, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True) -> Any:
    """The triangular factor of a positive definite banded matrix, with as many diagonals.

    The factor is LAPACK's; its derivative is computed as that of a full matrix.

    Args:
        ab: the diagonals ``f[u+1,n]`` of one half, as for `solveh_banded`.
        lower: which half: ``a = c @ cᴴ`` of the lower one, ``a = cᴴ @ c`` of the upper one.

    Raises:
        LinAlgError: the matrix is not positive definite.

    Example:
        >>> cholesky_banded(np.array([[0.0, 2.0], [4.0, 5.0]]))
        array([[0., 1.],
               [2., 2.]])
    """
    ab = as_lapack(ab)
    rows, n = _size(ab)
    like = ShapedArray((rows, n), typeof(ab).dtype)
    k, j = np.arange(rows)[:, None], np.arange(n)
    inside = (j + k < n) if lower else (j + k - rows + 1 >= 0)

    def of_full(ab: Any) -> Any:
        a = hermitian_of_bands(ab, lower)
        return np.astype(_bands(np.linalg.cholesky(a, upper=not lower), rows, lower), like.dtype)

    def factor(ab: Any) -> Any:
        return pure_callback(
            lambda ab: _scipy.cholesky_banded(ab, lower=lower), like, ab, vmap_method="sequential",
            jvp=lambda primals, tangents: (factor(*primals), jvp(of_full, tuple(primals), tuple(tangents))[1]),
        )  # fmt: skip

    return factor(np.where(inside, ab, 0))


def cho_solve_banded(cb_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The solution of a system of which the matrix was factored by `cholesky_banded`.

    Args:
        cb_and_lower: the factor ``f[u+1,n]``, and which triangle it is.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.

    Example:
        >>> cho_solve_banded((np.array([[2.0, 4.0]]), False), np.ones(2))
        array([0.25  , 0.0625])
    """
    cb, lower = cb_and_lower
    cb, b = as_lapack(cb), as_array(b)
    u = shape_of(cb)[0] - 1
    other = conjugate_bands(cb, lower)
    first, second = (((u, 0), cb), ((0, u), other)) if lower else (((u, 0), other), ((0, u), cb))
    return solve_banded(second[0], second[1], solve_banded(first[0], first[1], b))
