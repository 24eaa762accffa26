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


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any, **ignored: Any) -> Any:
    """The x with ``a @ x = b`` for a banded matrix.

    Args:
        l_and_u: the numbers of diagonals below and above the main one.
        ab: the diagonals ``f[l+u+1,n]``: ``ab[u + i - j, j]`` is ``a[i, j]``.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.

    Example:
        >>> solve_banded((0, 1), np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([3.0, 2.0]))
        array([1., 1.])
    """
    lower, upper = l_and_u
    ab, b = inexact(ab), inexact(b)
    if shape_of(ab)[0] != lower + upper + 1 or shape_of(ab)[1] != shape_of(b)[0]:
        raise ValueError(f"solve_banded got {lower} + {upper} diagonals beside the main one, {typeof(ab)} and {typeof(b)}")

    def matvec(x: Any) -> Any:
        terms = [_moved(np.reshape(ab[upper - d], (-1, *[1] * (x.ndim - 1))) * x, d) for d in range(-lower, upper + 1)]
        return sum(terms[1:], terms[0])

    bands = [_moved(ab[upper - d], d) for d in range(-lower, upper + 1)]
    solver, of_transpose = (partial(scipy.linalg.solve_banded, lu) for lu in ((lower, upper), (upper, lower)))
    return _solved(matvec, b, (solver, of_transpose), [ab], [np.stack(bands)])


def solveh_banded(ab: Any, b: Any, lower: bool = False, **ignored: Any) -> Any:
    """The x with ``a @ x = b`` for a positive definite banded matrix, of which one half is given.

    Args:
        ab: the diagonals ``f[u+1,n]``: ``ab[u + i - j, j]`` is ``a[i, j]``, or ``ab[i - j, j]`` if ``lower``.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.
        lower: which half.

    Example:
        >>> solveh_banded(np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([3.0, 3.0]))
        array([1., 1.])
    """
    ab, b = inexact(ab), inexact(b)
    u = shape_of(ab)[0] - 1
    if lower:
        above = [_moved(np.conj(ab[d]), -d) for d in range(u, 0, -1)]
        whole = np.stack([*above, *(ab[d] for d in range(u + 1))])
    else:
        below = [_moved(np.conj(ab[u - d]), d) for d in range(1, u + 1)]
        whole = np.stack([*(ab[d] for d in range(u + 1)), *below])
    return solve_banded((u, u), whole, b)


def solve_toeplitz(c_or_cr: Any, b: Any, **ignored: Any) -> Any:
    """The x with ``toeplitz(c, r) @ x = b``, by Levinson's recursion.

    Args:
        c_or_cr: the first column, or a pair of it and the first row.
        b: right-hand sides ``f[n]`` or ``f[n,k]``.

    Example:
        >>> solve_toeplitz(np.array([2.0, 1.0]), np.array([3.0, 3.0]))
        array([1., 1.])
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    c, b = inexact(c), inexact(b)
    r = np.conj(c) if r is None else inexact(r)
    n = shape_of(c)[0]
    values = np.concatenate([c[::-1], r[1:]])
    places = np.arange(n - 1, -1, -1)[:, None] + np.arange(n)

    def solver(c: Any, r: Any, y: Any) -> Any:
        return scipy.linalg.solve_toeplitz((c, r), y)

    row = np.concatenate([c[:1], r[1:]])
    return _solved(lambda x: values[places] @ x, b, (solver, solver), [c, r], [row, c])
