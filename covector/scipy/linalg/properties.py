"""Properties of matrices of `scipy.linalg`: norms, how far they are from diagonal, whether they are symmetric.

>>> bandwidth(np.array([[1.0, 2.0], [0.0, 3.0]]))
(0, 1)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, contains_tracer, inexact


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """A norm of vectors or matrices, as `numpy.linalg.norm`.

    Example:
        >>> float(norm(np.array([3.0, 4.0])))
        5.0
    """
    return np.linalg.norm(inexact(a), ord, axis, keepdims)


def bandwidth(a: Any) -> Any:
    """How many diagonals below, and how many above the main one are not all zeros, of a matrix ``[m,n]``.

    Example:
        >>> bandwidth(np.eye(2))
        (0, 0)
    """
    a = as_array(a)
    if not contains_tracer(a):
        return _scipy.bandwidth(a)
    if len(shape_of(a)) != 2:
        raise ValueError(f"bandwidth takes one matrix, and got {typeof(a)}")
    i, j = np.arange(shape_of(a)[0])[:, None], np.arange(shape_of(a)[1])
    used = a != 0
    return tuple(np.max(np.where(used, far, 0), initial=0) for far in (i - j, j - i))


def issymmetric(a: Any, atol: float | None = None, rtol: float | None = None) -> Any:
    """Whether a square matrix is its transpose, exactly, or up to ``atol + rtol * abs(a.T)`` where one of them is given.

    Example:
        >>> issymmetric(np.eye(2))
        True
    """
    return _is_like(a, atol, rtol, False)


def ishermitian(a: Any, atol: float | None = None, rtol: float | None = None) -> Any:
    """Whether a square matrix is its conjugate transpose; the other arguments are those of `issymmetric`.

    Example:
        >>> ishermitian(np.array([[1.0, 1j], [1j, 1.0]]))
        False
    """
    return _is_like(a, atol, rtol, True)


def _is_like(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    a, who = as_array(a), "ishermitian" if hermitian else "issymmetric"
    if not contains_tracer(a):
        return getattr(_scipy, who)(a, atol, rtol)
    if len(shape_of(a)) != 2 or shape_of(a)[0] != shape_of(a)[1]:
        raise ValueError(f"{who} takes one square matrix, and got {typeof(a)}")
    other = np.swapaxes(np.conj(a) if hermitian else a, 0, 1)
    if atol or rtol:
        return np.allclose(a, other, atol=atol or 0.0, rtol=rtol or 0.0)
    return np.all(a == other)
