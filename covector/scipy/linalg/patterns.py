"""Matrices of a pattern of `scipy.linalg`: made of vectors, of blocks, or of nothing but their size.

>>> circulant([1, 2])
array([[1, 2],
       [2, 1]])
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from scipy.linalg import dft as dft
from scipy.linalg import hadamard as hadamard
from scipy.linalg import helmert as helmert
from scipy.linalg import hilbert as hilbert
from scipy.linalg import invhilbert as invhilbert
from scipy.linalg import invpascal as invpascal
from scipy.linalg import pascal as pascal

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array
from covector.scipy.checks import refuse


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

    Args:
        c: ``[..., m]``.
        r: ``[..., n]``, of which the first number is not read; by default the conjugate of c.

    Example:
        >>> toeplitz([1, 2], [1, 3])
        array([[1, 3],
               [2, 1]])
    """
    c = np.atleast_1d(as_array(c))
    r = np.conj(c) if r is None else np.atleast_1d(as_array(r))
    m, n = shape_of(c)[-1], shape_of(r)[-1]
    batch = np.broadcast_shapes(shape_of(c)[:-1], shape_of(r)[:-1])
    c, r = np.broadcast_to(c, (*batch, m)), np.broadcast_to(r, (*batch, n))
    values = np.concatenate([np.flip(c, -1), r[..., 1:]], axis=-1)
    return values[..., np.arange(m - 1, -1, -1)[:, None] + np.arange(n)]


def circulant(c: Any) -> Any:
    """A matrix each column of which is the one before, moved around by one; ``c`` is the first.

    Example:
        >>> circulant([1, 2])
        array([[1, 2],
               [2, 1]])
    """
    c = np.atleast_1d(as_array(c))
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


def _nonzero_leading(a: Any, who: str) -> None:
    refuse(a[..., 0] == 0, f"{who} got coefficients of which the first is 0, and divides by it: leave leading zeros out")


def companion(a: Any) -> Any:
    """The matrix of which the eigenvalues are the roots of a polynomial, of the coefficients ``[..., n + 1]``, highest first.

    Raises:
        ValueError: there are fewer than two, or the first is 0 (where values are unknown, the result then is infinite or NaN).

    Example:
        >>> companion([2.0, 4.0, 6.0])
        array([[-2., -3.],
               [ 1.,  0.]])
    """
    a = np.atleast_1d(as_array(a))
    n = shape_of(a)[-1]
    if n < 2:
        raise ValueError(f"companion takes two coefficients or more, and got {typeof(a)}")
    _nonzero_leading(a, "companion")
    first = -a[..., 1:] / (1.0 * a[..., :1])
    rest = np.broadcast_to(np.eye(n - 2, n - 1, dtype=typeof(first).dtype), (*shape_of(a)[:-1], n - 2, n - 1))
    return np.concatenate([first[..., None, :], rest], axis=-2)


def fiedler(a: Any) -> Any:
    """The absolute differences of numbers ``[..., n]``, as a matrix.

    Example:
        >>> fiedler([1, 4])
        array([[0, 3],
               [3, 0]])
    """
    a = np.atleast_1d(as_array(a))
    same = np.eye(shape_of(a)[-1], dtype=bool)  # where the difference is 0 whatever the numbers are
    return np.where(same, 0, np.abs(np.where(same, 1, a[..., :, None] - a[..., None, :])))


def fiedler_companion(a: Any) -> Any:
    """A matrix of five diagonals of which the eigenvalues are the roots of a polynomial; arguments as for `companion`.

    Source: M. Fiedler, "A note on companion matrices" (2003).

    Example:
        >>> fiedler_companion([1.0, 2.0, 3.0])
        array([[-2., -3.],
               [ 1.,  0.]])
    """
    a = np.atleast_1d(as_array(a))
    n = shape_of(a)[-1] - 1
    if n < 1:
        return np.zeros((*shape_of(a)[:-1], 0), typeof(a).dtype)
    _nonzero_leading(a, "fiedler_companion")
    a = a / a[..., :1]
    rows, columns, places = _fiedler_places(n)
    constant = np.zeros((n, n), typeof(a).dtype)
    constant[np.arange(3, n, 2), np.arange(1, n - 2, 2)] = 1.0
    constant[np.arange(0, n - 2, 2), np.arange(2, n, 2)] = 1.0
    if n > 1:
        constant[1, 0] = 1.0
    which = np.zeros((n, n), int)
    which[rows, columns] = places
    return np.where(which > 0, -a[..., which], constant)


def _fiedler_places(n: int) -> tuple[list[int], list[int], list[int]]:
    """Where the coefficients stand, negative: rows, columns, which."""
    below = [(i, i - 1, i + 1) for i in range(2, n, 2)]
    above = [(i, i + 1, i + 2) for i in range(0, n - 1, 2)]
    return tuple(map(list, zip((0, 0, 1), *below, *above, strict=True)))  # type: ignore[return-value]


def leslie(f: Any, s: Any) -> Any:
    """The matrix of a population's growth, with fecundities in the first row and survivals below the diagonal.

    Args:
        f: fecundities ``[..., n]``.
        s: survivals ``[..., n - 1]``, at least one.

    Example:
        >>> leslie([1.0, 2.0], [0.5])
        array([[1. , 2. ],
               [0.5, 0. ]])
    """
    f, s = np.atleast_1d(as_array(f)), np.atleast_1d(as_array(s))
    if shape_of(f)[-1] != shape_of(s)[-1] + 1 or shape_of(s)[-1] == 0:
        raise ValueError(f"leslie takes n fecundities and n - 1 survivals, at least one, and got {typeof(f)} and {typeof(s)}")
    dtype, n = np.result_type(typeof(f).dtype, typeof(s).dtype), shape_of(f)[-1]
    rest = np.eye(n - 1, n, dtype=bool)
    return np.concatenate([np.astype(f, dtype)[..., None, :], np.where(rest, np.astype(s, dtype)[..., None], 0)], axis=-2)


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix by which ``convolve(a, v, mode)`` is ``matrix @ v`` for vectors of length n.

    Args:
        a: ``[..., m]``.
        n: the length.
        mode: "full", "valid" or "same".

    Example:
        >>> convolution_matrix([1, 2], 2)
        array([[1, 0],
               [2, 1],
               [0, 2]])
    """
    n = operator.index(n)
    a = np.atleast_1d(as_array(a))
    m = shape_of(a)[-1]
    if n <= 0 or m == 0:
        raise ValueError(f"convolution_matrix got n={n} and {typeof(a)}: give a positive n, and numbers")
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolution_matrix got mode={mode!r}: give 'full', 'valid' or 'same'")
    trim = 0 if mode == "full" else min(n, m) - 1
    begin, end = (trim, trim) if mode == "valid" else (trim // 2, trim - trim // 2)
    which = np.arange(begin, m + n - 1 - end)[:, None] - np.arange(n)
    return np.where((which >= 0) & (which < m), a[..., np.clip(which, 0, m - 1)], 0)


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
