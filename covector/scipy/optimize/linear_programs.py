"""Linear programs: `linprog`.

The solution is a corner, where as many constraints and bounds hold with equality as there are variables; it moves as these do,
and stays where it is when the objective changes a little.  That is what the conditions of Karush, Kuhn and Tucker say; where
more or fewer hold, or one with a multiplier of zero, the derivative is not determined, and NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.pytrees import tree_map
from covector.numpy.registry import floating
from covector.scipy.checks import double
from covector.scipy.optimize.constraints import conditions, multipliers
from covector.scipy.optimize.problem import Problem, refuse_traced

_scipy: Any = scipy.optimize


def linprog(
    c: Any,
    A_ub: Any = None,
    b_ub: Any = None,
    A_eq: Any = None,
    b_eq: Any = None,
    bounds: Any = (0, None),
    method: str = "highs",
    callback: Any = None,
    options: Any = None,
    x0: Any = None,
    integrality: Any = None,
) -> Any:
    """The x with the smallest ``c @ x`` for which ``A_ub @ x <= b_ub``, ``A_eq @ x == b_eq`` and the bounds hold.

    Args:
        c: a vector ``f[n]``.
        A_ub, b_ub: inequalities ``f[m,n]`` and ``f[m]``, or None.
        A_eq, b_eq: equations, likewise.
        bounds: one pair for all elements of x, or a pair for each; None or nothing is ``(0, None)``.
        method, callback, options, x0: SciPy's.
        integrality: SciPy's, where all values are known.

    Returns:
        SciPy's `OptimizeResult`.  Where values are traced it has x, fun, success, status, nit and nfev alone; x is a
        differentiable function of the matrices, the vectors and the bounds, and NaN if there is no solution.

    Raises:
        ArgumentError: shapes that do not fit; integrality with traced values.

    Example:
        >>> linprog([-1.0, -2.0], [[1.0, 1.0]], [3.0]).x
        array([0., 3.])
    """
    refuse_traced("linprog", options=options)
    c = double(floating(c))
    if len(shape_of(c)) != 1:
        raise errors.ArgumentError(f"linprog got c {typeof(c)}.", fix="give a vector")
    n = shape_of(c)[0]
    (a, b), (a_eq, b_eq) = _rows("A_ub", A_ub, b_ub, n), _rows("A_eq", A_eq, b_eq, n)
    low, high = _limits(bounds, n)
    problem = Problem(np.zeros(n), [], (c, a, b, a_eq, b_eq, low, high))
    given = {"method": method, "callback": callback, "options": options, "x0": x0, "integrality": integrality}
    if problem.is_known:
        return _scipy.linprog(c, a, b, a_eq, b_eq, np.stack([low, high], axis=1), **given)
    if np.any(integrality):
        what = "linprog got integrality and traced values."
        raise errors.ArgumentError(what, why="whole numbers have no derivative", fix="leave it out")

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        c, a, b, a_eq, b_eq, low, high = values
        found = _scipy.linprog(c, a, b, a_eq, b_eq, np.stack([low, high], axis=1), **given)
        rows = np.concatenate([a, a_eq])
        between = np.concatenate([np.full(len(b), -np.inf), b_eq]), np.concatenate([b, b_eq])
        found.x = np.full(n, np.nan) if found.x is None else found.x
        found.multipliers = np.full(len(rows), np.nan)
        if found.success:
            found.multipliers = multipliers(found.x, c, rows @ found.x, rows, (low, high), between)
        return found

    rows = np.concatenate([a, a_eq])
    between = np.concatenate([np.full(shape_of(b)[0], -np.inf), b_eq]), np.concatenate([b, b_eq])
    zero = conditions(lambda x: c @ x, lambda x: rows @ x, (low, high), between, n)
    found = problem.solution(zero, run, shape_of(rows)[0])
    found.fun = c @ found.x
    return found


def _limits(bounds: Any, n: int) -> tuple[Any, Any]:
    """Lower and upper bounds in any of SciPy's forms, infinite where there is None."""
    pairs = double(floating(tree_map(lambda b: np.nan if b is None else b, bounds, is_leaf=lambda b: b is None)))
    pairs = np.array([0.0, np.nan]) if bounds is None or not pairs.size else pairs
    pairs = np.reshape(pairs, (1, 2)) if pairs.size == 2 else pairs
    if shape_of(pairs) not in ((1, 2), (n, 2)):
        what = f"linprog got bounds {typeof(pairs)} for {n} variables."
        raise errors.ArgumentError(what, fix="give a pair for each, or one for all")
    low, high = (np.broadcast_to(pairs[:, i], (n,)) for i in range(2))
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def _rows(name: str, matrix: Any, vector: Any, n: int) -> tuple[Any, Any]:
    """A matrix with n columns and a vector with its rows; nothing is no rows."""
    if matrix is None and vector is None:
        return np.zeros((0, n)), np.zeros(0)
    if matrix is None or vector is None:
        raise errors.ArgumentError(f"linprog got one of {name} and b{name[1:]} alone.", fix="give both, or neither")
    matrix, vector = double(floating(matrix)), np.reshape(double(floating(vector)), (-1,))
    if len(shape_of(matrix)) != 2 or shape_of(matrix) != (shape_of(vector)[0], n):
        what = f"linprog got {name} {typeof(matrix)} and b{name[1:]} {typeof(vector)} for {n} variables."
        raise errors.ArgumentError(what, fix="give a matrix with a column for each variable, and a vector with its rows")
    return matrix, vector
