"""What all solvers share: how SciPy is called, and how a solution gets its derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.core.avals import ShapedArray, dtype_of, result_dtype, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_leaves, tree_map
from covector.interpreters.closures import reachable_tracers
from covector.numpy.elementwise import of_parts
from covector.numpy.registry import as_array, floating, inexact
from covector.numpy.undetermined import nan_where
from covector.primitives.arrays.subscripts import concrete
from covector.scipy.checks import as_lapack, in_parts
from covector.scipy.guesses import numbers_as_array
from covector.scipy.iterates import Iterates
from covector.transforms.autodiff import linearize
from covector.transforms.callbacks import pure_callback
from covector.transforms.custom_rules import custom_jvp
from covector.transforms.custom_solves import custom_root
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert, eval_shape
from covector.transforms.utilities import ravel_pytree, stop_gradient
from covector.transforms.vmap import vmap

OptimizeResult: Any = scipy.optimize.OptimizeResult
NEAR, NEAR_ENOUGH = 1e-3, 0.1
"""A relative distance from a zero at which its derivative is still what it is there, and one at which that may be claimed."""
SHORT = 1e-6
"""How short of a bound a solver stops."""
DOUBLE = np.dtype(np.float64)
COUNTS = ("status", "nit", "nfev", "njev")
NOT_KEPT = "SciPy's message is not kept where values are traced."
INTEGER, TRUTH = ShapedArray((), np.dtype(np.int64)), ShapedArray((), np.dtype(np.bool_))


class MissingResultError(errors.UnsupportedFunctionError, AttributeError):
    """SciPy's solver tells something that is not known where values are traced."""


class Found(OptimizeResult):  # type: ignore[misc]
    """What a solver found where values are traced."""

    def later(self, **asked: Callable[[], Any]) -> None:
        """Say how to compute what is not always wanted, if it is asked for."""
        self.__dict__["asked"] = asked

    def __missing__(self, name: str) -> Any:
        if name.startswith("_"):
            raise KeyError(name)
        asked = self.__dict__.get("asked", {})
        if name not in asked:
            what = f"{name!r} of what a solver found was asked for, where values are traced."
            why = f"SciPy's is not kept there; known are {', '.join([*self, *asked])}"
            raise MissingResultError(what, why=why, fix="compute it of x, or leave it out")
        self[name] = asked.pop(name)()
        return self[name]


def are_known(functions: Any, *values: Any) -> bool:
    """Whether nothing is traced, neither the values nor what the functions close over."""
    return not any(isinstance(v, TracerBase) for v in tree_leaves(values)) and next(reachable_tracers(functions), None) is None


def common_dtype(f: Callable[[Any], Any], x0: Any, others: Any = ()) -> np.dtype[Any]:
    """The dtype in which SciPy's solvers in Python solve ``f(x) = 0``: that of a guess, of others, and of the values there."""
    x0 = tree_map(inexact, numbers_as_array(x0))
    value = f(x0) if are_known([f], x0, others) else eval_shape(f, x0)
    avals = [v if isinstance(v, ShapedArray) else typeof(v) for v in tree_leaves((x0, others, value))]
    return result_dtype(*avals)


def double_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.complex128) if dtype.kind == "c" else DOUBLE


class Problem:
    """Functions of a vector, and the traced values that they close over.

    Args:
        x0: a guess, any pytree of arrays; a list of numbers is a vector.
        functions: functions of what is like x0.
        values: arrays that the solver needs besides, as bounds.
        dtype: that in which it is solved, whatever x0 has: SciPy's compiled solvers have this one; `common_dtype` is that of
            the others.
    """

    def __init__(self, x0: Any, functions: Sequence[Callable[[Any], Any]], values: Any = (), dtype: Any = DOUBLE):
        of_kind: Any = inexact if dtype.kind == "c" else floating
        x0 = tree_map(lambda v: np.astype(of_kind(v), dtype), numbers_as_array(x0))
        self.guess, self.unravel = ravel_pytree(x0)
        self.values, self.dtype = values, dtype
        self.functions: list[Any] = [lambda v, f=f: self._not_cut(f(self.unravel(v))) for f in functions]
        self.is_known = are_known(list(functions), self.guess, values)
        """Whether all values are known, so that SciPy can be called at once, with the functions as they are."""
        self.iterates = Iterates()
        self.consts: list[Any] = []
        self.together: Any = None
        if not self.is_known:
            self.together, self.consts = closure_convert(lambda v: [f(v) for f in self.functions], self.guess)

    def _not_cut(self, value: Any) -> Any:
        """What a function returns, unless it is complex and the solver is not."""
        found = [v for v in tree_leaves(value) if dtype_of(v).kind == "c"]
        if found and self.dtype.kind != "c":
            what = f"a solver in real numbers got a function that returns {typeof(found[0])}."
            fix = "solve for its parts, or by newton, fixed_point, or root with method='krylov', which take complex numbers"
            raise errors.ArgumentError(what, why="its imaginary part would be lost", fix=fix)
        return value

    def compiled(self, i: int, transformed: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The function i, or what a transformation makes of it, as one of the vector and of the values closed over.

        It is called again and again, so it is a program where the function of the user's has become one.
        """
        make: Any = transformed or (lambda f: f)
        f: Any = self.functions[i] if self.is_known else lambda v, *consts: self.together(v, *consts)[i]
        made: Callable[..., Any] = make(f) if self.is_known else jit(make(f))
        return made

    def told(self, callback: Any) -> Any:
        """A callback as SciPy gets it."""
        return callback if self.is_known or callback is None else self.iterates.given_to(callback)

    def solution(self, zero: Callable[[Any], Any], run: Callable[..., Any], extra: int = 0) -> Any:
        """The result of ``run(guess, values, *consts)``, whose x is a zero of the function ``zero``.

        ``extra`` numbers follow x in what is sought: multipliers, which ``run`` gives as the attribute ``multipliers``.
        """
        if self.is_known:
            found = run(np.asarray(self.guess), self.values)
            found.x = self.unravel(np.asarray(found.x))
            return found
        n, dtype = shape_of(self.guess)[0], self.dtype
        avals = (ShapedArray((n + extra,), dtype), (TRUTH, *[INTEGER] * len(COUNTS)))
        values, *held = (tree_map(lambda v: stop_gradient(as_array(v)), v) for v in (self.values, *self.consts))

        def on_host(guess: Any, values: Any, *consts: Any) -> Any:
            self.iterates.has_run = True
            found = run(np.asarray(guess), values, *consts)
            counts = [np.int64(found.get(name, 0) or 0) for name in COUNTS]
            z = np.concatenate([np.reshape(found.x, (n,)), found.get("multipliers", np.zeros(0))])
            return np.asarray(z, dtype), (np.bool_(found.success), *counts)

        def solve(_: Any, z: Any) -> Any:
            return pure_callback(on_host, avals, z[:n], values, *held, vmap_method="sequential")

        of_dtype: Any = lambda z: np.astype(zero(z), dtype)
        begin = np.concatenate([stop_gradient(self.guess), np.zeros(extra, dtype)])
        find = lambda: custom_root(of_dtype, begin, solve, solve_linear, has_aux=True)
        z, (success, *counts) = self.iterates.solve(find, (self.guess, self.values, self.consts))
        x = determined(z, success if not extra else np.bool_(False), of_dtype)[:n]
        return Found(x=self.unravel(x), success=success, message=NOT_KEPT, **dict(zip(COUNTS, counts, strict=True)))


def determined(z: Any, success: Any, zero: Callable[[Any], Any]) -> Any:
    """What a solver has found, with a derivative that is NaN if that is no zero.

    A solver that could not do better is right all the same where a step of Newton's method would hardly go further, and one
    that says it has converged is not where the step would go far: tolerances may not fit the scale of a problem.
    """
    converted, consts = closure_convert(zero, z)

    def is_near(z: Any, success: Any, consts: Any) -> Any:
        at: Any = lambda v: converted(v, *consts)
        step = solve_linear(linearize(at, z)[1], at(z))
        near = np.where(success, NEAR_ENOUGH, NEAR)
        return np.all(np.abs(step) <= near * (1 + np.abs(z)))  # false for NaN

    def rule(primals: Any, tangents: Any) -> Any:
        return same(*primals), nan_where(~is_near(*primals), tangents[0])

    same: Any = custom_jvp(lambda z, success, consts: z)
    same.defjvp(rule)
    return same(z, success, consts)


def has_failed(success: Any) -> bool | None:
    """Whether a solver has not converged; None if that is not known."""
    known = concrete(success)
    return None if known is None else not np.all(known)


def or_nan(x: Any, success: Any) -> Any:
    """What was found, and NaN, also for its derivative, if it was not."""
    return nan_where(np.logical_not(success), x)


def solve_linear(g: Callable[[Any], Any], y: Any) -> Any:
    """The x with ``g(x) = y`` for a linear function of vectors, by its matrix; NaN if that is singular.

    A function of complex numbers need not be linear in more than their parts, as that which conjugates is.
    """
    if dtype_of(y).kind == "c":
        n = shape_of(y)[0]
        x = solve_linear(lambda v: in_parts(g(of_parts(v[:n], v[n:]))), in_parts(y))
        return of_parts(x[:n], x[n:])
    basis = np.eye(shape_of(y)[0], dtype=typeof(y).dtype)
    matrix, one = as_lapack(vmap(g, out_axes=1)(basis)), as_lapack(basis)
    is_finite = np.all(np.isfinite(matrix))
    rank = np.linalg.matrix_rank(np.where(is_finite, stop_gradient(matrix), one))
    is_regular = is_finite & (rank == shape_of(y)[0])
    regular = np.where(is_regular, matrix, np.asarray(np.nan, one.dtype) * one)
    return np.astype(np.linalg.solve(regular, as_lapack(y)), basis.dtype)


def within(x: Any, step: Any, low: Any, high: Any) -> Any:
    """A function that is zero where a step cannot go on: at a stationary point, or into a bound.

    It is NaN where it is both, since the derivative of the zero is not determined there.  The cases are weights, not choices:
    a choice would hide NaN in reverse mode.
    """
    moved = stop_gradient(x - step)
    is_low, is_high = (moved <= low) | (low == high), moved >= high
    is_both = (low < high) & ((moved == low) | (moved == high))
    weight: Any = lambda yes: np.astype(np.where(is_both, np.nan, np.where(yes, 1.0, 0.0)), typeof(x).dtype)
    finite: Any = lambda bound: np.where(np.isfinite(stop_gradient(bound)), bound, 0.0)
    at_low, at_high = x - finite(low), x - finite(high)
    return weight(is_low) * at_low + weight(is_high & ~is_low) * at_high + weight(~is_low & ~is_high) * step


def snapped(x: Any, slope: Any, low: Any, high: Any) -> Any:
    """A solution that has been found, with elements at their bounds where they were going there.

    A solver that stays within stops short of a bound, and how short may be more than the slope there.
    """
    distance: Any = lambda bound: np.abs(x - bound) / (1 + np.abs(np.where(np.isfinite(bound), bound, 0.0)))
    x = np.where((distance(low) <= SHORT) & (slope > 0), low, x)
    return np.where((distance(high) <= SHORT) & (slope < 0), high, x)


def limits(bounds: Any, n: int, in_pairs: bool) -> tuple[Any, Any]:
    """Lower and upper bounds of n numbers: of `minimize` a pair for each, of `least_squares` all lower and all upper."""
    low: Any
    high: Any
    if bounds is None:
        low, high = -np.inf, np.inf
    elif isinstance(bounds, scipy.optimize.Bounds):
        low, high = bounds.lb, bounds.ub
    elif not in_pairs:
        low, high = bounds
    elif hasattr(bounds, "dtype"):
        low, high = bounds[:, 0], bounds[:, 1]
    else:
        pairs = list(bounds)
        low = [-np.inf if a is None else a for a, _ in pairs]
        high = [np.inf if b is None else b for _, b in pairs]
    low, high = (floating(v) for v in (low, high))
    for bound in (low, high):
        if shape_of(bound) not in ((), (1,), (n,)):
            what = f"bounds of {typeof(bound)} were given for {n} numbers."
            raise errors.ArgumentError(what, fix="give a bound for each, in the order in which ravel_pytree has them")
    return low + np.zeros(n), high + np.zeros(n)


def refuse_traced(who: str, **options: Any) -> None:
    for name, value in options.items():
        traced = [x for x in tree_leaves(value) if isinstance(x, TracerBase)]
        if traced:
            what = f"{who} got {name} with a traced value of type {typeof(traced[0])}."
            fix = "a solution is differentiable in what the function closes over, and in args; pass a plain value here"
            raise errors.ArgumentError(what, fix=fix)


def check_derivative(who: str, **given: Any) -> None:
    """Refuse what is no derivative, as arguments out of their order are."""
    for name, value in given.items():
        is_one = value is None or callable(value) or isinstance(value, (bool, str)) or hasattr(value, "update")
        if not is_one:
            what = f"{who} got {name}={value!r}."
            raise errors.ArgumentError(what, fix="leave it out: covector finds derivatives; pass what follows by name")
