"""Systems whose matrix is given by a part of it: banded and Toeplitz matrices.

The solver is SciPy's; derivatives are those of the equation, which is written as a product with the matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

from covector.core.avals import ShapedArray, shape_of, typeof
from covector.numpy.registry import inexact
from covector.primitives.math.cumulative import shift_p
from covector.scipy.checks import as_lapack, double, refuse
from covector.transforms.callbacks import pure_callback
from covector.transforms.custom_solves import custom_linear_solve
from covector.transforms.utilities import stop_gradient

Solver = Callable[..., Any]


def _solved(matvec: Callable[[Any], Any], b: Any, solvers: tuple[Solver, Solver], parts: Any, of_transpose: Any) -> Any:
    """The solution by ``solver(*parts, b)``, and how the transposed system is solved."""
    dtype = np.result_type(typeof(b).dtype, *(typeof(p).dtype for p in parts))

    def by(solver: Solver, parts: Any) -> Callable[[Any, Any], Any]:
        held = [stop_gradient(p) for p in parts]
        return lambda _, y: pure_callback(solver, ShapedArray(shape_of(y), dtype), *held, y, vmap_method="sequential")

    return custom_linear_solve(matvec, np.astype(b, dtype), by(solvers[0], parts), by(solvers[1], of_transpose))


def _moved(x: Any, by: int) -> Any:
    """Moved towards the beginning of the first axis, with zeros for what comes in."""
    return shift_p.bind(x, axis=0, by=-by) if by else x


def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """The x with ``a @ x = b`` for a banded matrix.

    Args:
        l_and_u: the numbers of diagonals below and above the main one.
        ab: the diagonals ``f[l+u+1,n]``: ``ab[u + i - j, j]`` is ``a[i, j]``.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.
        check_finite: whether NaN and infinity raise.

    Example:
        >>> solve_banded((0, 1), np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([3.0, 2.0]))
        array([1., 1.])
    """
    lower, upper = l_and_u
    ab, b = as_lapack(ab), as_lapack(b)
    if shape_of(ab)[0] != lower + upper + 1 or shape_of(ab)[1] != shape_of(b)[0]:
        raise ValueError(f"solve_banded got {lower} + {upper} diagonals beside the main one, {typeof(ab)} and {typeof(b)}")

    def matvec(x: Any) -> Any:
        terms = [_moved(np.reshape(ab[upper - d], (-1, *[1] * (x.ndim - 1))) * x, d) for d in range(-lower, upper + 1)]
        return sum(terms[1:], terms[0])

    bands = [_moved(ab[upper - d], d) for d in range(-lower, upper + 1)]
    solve = partial(scipy.linalg.solve_banded, check_finite=check_finite)
    solver, of_transpose = (partial(solve, lu) for lu in ((lower, upper), (upper, lower)))
    return _solved(matvec, b, (solver, of_transpose), [ab], [np.stack(bands)])


def conjugate_bands(ab: Any, lower: bool) -> Any:
    """The diagonals of the conjugate transpose of a triangular matrix, as those of the other triangle."""
    u = shape_of(ab)[0] - 1
    if lower:
        return np.stack([_moved(np.conj(ab[d]), -d) for d in range(u, -1, -1)])
    return np.stack([_moved(np.conj(ab[u - d]), d) for d in range(u + 1)])


def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """The x with ``a @ x = b`` for a positive definite banded matrix, of which one half is given.

    Args:
        ab: the diagonals ``f[u+1,n]``: ``ab[u + i - j, j]`` is ``a[i, j]``, or ``ab[i - j, j]`` if ``lower``.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.
        lower: which half.
        check_finite: whether NaN and infinity raise.

    Example:
        >>> solveh_banded(np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([3.0, 3.0]))
        array([1., 1.])
    """
    ab, b = as_lapack(ab), as_lapack(b)
    u = shape_of(ab)[0] - 1
    other = conjugate_bands(ab, lower)
    whole = np.concatenate([other[:-1], ab] if lower else [ab, other[1:]])
    return solve_banded((u, u), whole, b, check_finite=check_finite)


def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """The x with ``toeplitz(c, r) @ x = b``, by Levinson's recursion in double precision.

    Args:
        c_or_cr: the first column, or a pair of it and the first row.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.

    Example:
        >>> solve_toeplitz(np.array([2.0, 1.0]), np.array([3.0, 3.0]))
        array([1., 1.])
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    c, b = double(c), double(b)
    r = np.conj(c) if r is None else double(r)
    n = shape_of(c)[0]
    values = np.concatenate([c[::-1], r[1:]])
    places = np.arange(n - 1, -1, -1)[:, None] + np.arange(n)

    def solver(c: Any, r: Any, y: Any) -> Any:
        return scipy.linalg.solve_toeplitz((c, r), y)

    row = np.concatenate([c[:1], r[1:]])
    return _solved(lambda x: values[places] @ x, b, (solver, solver), [c, r], [row, c])


def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: int | None = None) -> Any:
    """``toeplitz(c, r) @ x`` by Fourier transforms in double precision.

    Args:
        c_or_cr: the first column ``f[m]``, or a pair of it and the first row ``f[n]``.
        x: ``f[n]`` or ``f[n,k]``.

    Example:
        >>> np.round(matmul_toeplitz(np.array([2.0, 1.0]), np.array([1.0, 1.0])), 12)
        array([3., 3.])
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    c, x = np.ravel(double(c)), double(x)
    r = np.conj(c) if r is None else np.ravel(double(r))
    m, n = shape_of(c)[0], shape_of(r)[0]
    if len(shape_of(x)) not in (1, 2) or shape_of(x)[0] != n:
        raise ValueError(f"matmul_toeplitz got a matrix of {n} columns, and {typeof(x)}")
    around = np.concatenate([c, np.flip(r[1:])])
    size, dtype = m + n - 1, np.result_type(typeof(around).dtype, typeof(x).dtype)
    around = np.reshape(around, (-1, *[1] * (len(shape_of(x)) - 1)))
    out: Any
    if dtype.kind == "c":
        out = np.fft.ifft(np.fft.fft(around, axis=0) * np.fft.fft(x, size, axis=0), axis=0)
    else:
        out = np.fft.irfft(np.fft.rfft(around, axis=0) * np.fft.rfft(x, size, axis=0), size, axis=0)
    return np.astype(out[:m], dtype)


def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: float | None = None, caxis: int = -1, baxis: int = 0, outaxis: int = 0
) -> Any:
    """The x with ``circulant(c) @ x = b``, by Fourier transforms.

    Args:
        c: first columns ``f[..., n]``.
        b: right-hand sides ``f[n, ...]``; leading axes of c, and the other ones of b, broadcast.
        singular: "raise", or "lstsq" for the x of least norm that solves it best.
        tol: up to which modulus a transformed number of c counts as zero; by default the largest times ``n * eps``.
        caxis, baxis, outaxis: which axes of c, of b and of the result are those of the vectors.

    Raises:
        LinAlgError: the matrix is singular (where values are unknown, the result is NaN then).

    Example:
        >>> np.round(solve_circulant(np.array([2.0, 1.0]), np.array([3.0, 3.0])), 12)
        array([1., 1.])
    """
    if singular not in ("raise", "lstsq"):
        raise ValueError(f"solve_circulant got singular={singular!r}: give 'raise' or 'lstsq'")
    c, b = np.moveaxis(np.atleast_1d(inexact(c)), caxis, -1), np.moveaxis(np.atleast_1d(inexact(b)), baxis, -1)
    n = shape_of(c)[-1]
    if shape_of(b)[-1] != n:
        raise ValueError(f"solve_circulant got vectors of length {n} in c and {shape_of(b)[-1]} in b")
    transformed = np.fft.fft(c)
    size = np.abs(stop_gradient(transformed))
    limit = np.max(size, axis=-1, keepdims=True) * n * np.finfo(np.float64).eps if tol is None else tol
    zero = size <= limit
    if singular == "raise":
        text = "solve_circulant got a matrix that is singular, or nearly so: give singular='lstsq'"
        refuse(zero, text, scipy.linalg.LinAlgError)
    quotient = np.fft.fft(b) / np.where(zero, 1.0, transformed)
    x = np.fft.ifft(np.where(zero, np.nan if singular == "raise" else 0.0, quotient))
    dtype = np.result_type(typeof(c).dtype, typeof(b).dtype, np.float32)
    return np.moveaxis(np.astype(x if dtype.kind == "c" else np.real(x), dtype), -1, outaxis)
