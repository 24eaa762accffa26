"""Constraints of a minimum, as one function between bounds, and the multipliers with which the minimum is a zero.

The conditions of Karush, Kuhn and Tucker for ``low <= c(x) <= high``, with the multipliers m, are that the gradient of
``f - m·c`` is zero (or points into a bound of x), and that ``c`` stays where it is when it moves against ``m`` and is put back
between its bounds.  Both are differentiated by the implicit function theorem, so the solution has derivatives in what the
function, the constraints and the bounds depend on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.numpy.registry import as_array, floating
from covector.scipy.guesses import as_tuple
from covector.scipy.optimize.problem import within
from covector.transforms.autodiff import grad, vjp

_scipy: Any = scipy.optimize
CLOSE = 1e-3
"""How near to its bound a constraint is that may be active; it is if its multiplier is larger than the distance."""


class Constraint(NamedTuple):
    """A function of x, a vector, between bounds."""

    function: Any
    low: Any
    high: Any
    keep_feasible: Any = False


def standard(constraints: Any) -> list[Constraint]:
    """Constraints in any of SciPy's forms."""
    single = isinstance(constraints, (dict, _scipy.LinearConstraint, _scipy.NonlinearConstraint))
    return [_standard(c) for c in ([constraints] if single else constraints)]


def _standard(given: Any) -> Constraint:
    if isinstance(given, _scipy.LinearConstraint):
        matrix = given.A.toarray() if hasattr(given.A, "toarray") else given.A
        return Constraint(lambda x: np.ravel(matrix @ np.ravel(x)), given.lb, given.ub, given.keep_feasible)
    if isinstance(given, _scipy.NonlinearConstraint):
        return Constraint(_vector(given.fun, ()), given.lb, given.ub, given.keep_feasible)
    if not isinstance(given, dict) or given.get("type") not in ("eq", "ineq") or "fun" not in given:
        what = f"minimize got the constraint {given!r}."
        fix = "give a dictionary with 'type' ('eq' or 'ineq') and 'fun', a LinearConstraint or a NonlinearConstraint"
        raise errors.ArgumentError(what, fix=fix)
    return Constraint(_vector(given["fun"], given.get("args", ())), 0.0, 0.0 if given["type"] == "eq" else np.inf)


def _vector(f: Any, args: Any) -> Any:
    args = as_tuple(args)
    return lambda x: np.reshape(floating(f(x, *args)), (-1,))


def joined(constraints: list[Constraint], sizes: list[int]) -> tuple[Any, Any, Any]:
    """All constraints as one function, and its bounds."""
    function: Any = lambda x: np.concatenate([c.function(x) for c in constraints])
    spread: Any = lambda values: np.concatenate(
        [np.broadcast_to(floating(as_array(v)), (n,)) for v, n in zip(values, sizes, strict=True)]
    )
    return function, spread([c.low for c in constraints]), spread([c.high for c in constraints])


def as_scipy(c: Any, jacobian: Any, between: Any, keep: Any) -> list[Any]:
    """The constraints for SciPy: the equations, and apart from them the others."""
    low, high = map(np.asarray, between)
    out = []
    for rows in (np.flatnonzero(low == high), np.flatnonzero(low != high)):
        if rows.size:
            at, slope = (lambda x, f=f, rows=rows: f(x)[rows] for f in (c, jacobian))
            kept = bool(np.any(keep[rows]))
            out.append(_scipy.NonlinearConstraint(at, low[rows], high[rows], jac=slope, keep_feasible=kept))
    return out


def conditions(f: Any, c: Any, bounds: tuple[Any, Any], between: tuple[Any, Any], n: int) -> Any:
    """The function of x and multipliers, one vector, that is zero at a minimum."""

    def zero(z: Any) -> Any:
        x, m = z[:n], z[n:]
        value, pull = vjp(c, x)
        step = grad(f)(x) - pull(m)[0]
        return np.concatenate([within(x, step, *bounds), within(value, m, *between)])

    return zero


def multipliers(x: Any, slope: Any, value: Any, jacobian: Any, bounds: Any, between: Any) -> Any:
    """The multipliers at a solution that has been found: those with which the gradient is nearest to what it must be."""
    (low, high), (c_low, c_high) = bounds, between
    at: Any = lambda v, bound: np.abs(v - bound) <= CLOSE * (1 + np.abs(np.where(np.isfinite(bound), bound, 0.0)))
    is_low, is_high = at(value, c_low), at(value, c_high)
    free = ~(at(x, low) | at(x, high))
    least, most = np.where(is_high, -np.inf, 0.0), np.where(is_low, np.inf, 0.0)
    active = is_low | is_high
    found = np.zeros(len(value))
    if np.any(active) and np.any(free):
        matrix = jacobian[active][:, free].T
        found[active] = _scipy.lsq_linear(matrix, slope[free], (least[active], most[active])).x
    return found
