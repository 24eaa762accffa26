"""`scipy.optimize` with derivatives: SciPy's solvers get those of the function, and their solutions have some themselves.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import optimize
>>> def smallest(a):
...     return optimize.minimize(lambda x: np.sum((x - a) ** 2 + x**4), np.zeros(2)).x[0]
>>> a = np.array([1.0, 2.0])
>>> x = smallest(a)
>>> bool(abs(grad(smallest)(a)[0] - 2 / (2 + 12 * x**2)) < 1e-6)
True

The point that is sought, and the guess, may be any pytree.  The solution is a differentiable function of all that the function
closes over and of ``args``, by the implicit function theorem: it is a zero of the gradient (of the function itself, for a
root), however it was found.  Where values are unknown, in a compiled function, SciPy is called when the program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_leaves, tree_map
from covector.interpreters.closures import reachable_tracers
from covector.numpy.registry import floating
from covector.transforms.autodiff import grad, jvp, value_and_grad
from covector.transforms.callbacks import pure_callback
from covector.transforms.custom_solves import custom_root
from covector.transforms.jacobian import hessian, jacobian
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import ravel_pytree, stop_gradient
from covector.transforms.vmap import vmap

_scipy: Any = scipy.optimize
OptimizeResult: Any = scipy.optimize.OptimizeResult
WITHOUT_DERIVATIVES = {"nelder-mead", "powell", "cobyla", "cobyqa"}
WITH_HESSIAN = {"dogleg", "trust-exact"}
WITH_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
INTEGER, TRUTH = ShapedArray((), np.dtype(np.int64)), ShapedArray((), np.dtype(np.bool_))


class Problem:
    """A function of a vector, and the traced values that it closes over."""

    def __init__(self, fun: Callable[..., Any], x0: Any, args: Any):
        args = args if isinstance(args, tuple) else (args,)
        self.guess, self.unravel = ravel_pytree(tree_map(floating, x0))
        self.fun: Any = lambda v: fun(self.unravel(v), *args)
        self.is_known = not isinstance(self.guess, TracerBase) and next(reachable_tracers([fun, args]), None) is None
        """Whether all values are known, so that SciPy can be called at once, with the function as it is."""
        self.converted: Any
        self.consts: list[Any]
        self.converted, self.consts = (self.fun, []) if self.is_known else closure_convert(self.fun, self.guess)

    def compiled(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is called again and again: a program, where the function of the user's has become one."""
        return f if self.is_known else jit(f)

    def solution(self, zero: Callable[[Any], Any], run: Callable[..., Any]) -> Any:
        """The result of ``run(guess, *consts)``, whose x is a zero of the function ``zero``."""
        if self.is_known:
            found = run(np.asarray(self.guess))
            found.x = self.unravel(found.x)
            return found
        aval = typeof(self.guess)
        avals = (ShapedArray(aval.shape, aval.dtype), (TRUTH, INTEGER, INTEGER, INTEGER))
        held = [stop_gradient(c) for c in self.consts]

        def on_host(guess: Any, *consts: Any) -> Any:
            found = run(guess, *consts)
            counts = [np.int64(found.get(name, 0) or 0) for name in ("status", "nit", "nfev")]
            return np.asarray(found.x, aval.dtype), (np.bool_(found.success), *counts)

        def solve(_: Any, guess: Any) -> Any:
            return pure_callback(on_host, avals, guess, *held, vmap_method="sequential")

        x, (success, status, nit, nfev) = custom_root(zero, stop_gradient(self.guess), solve, solve_linear, has_aux=True)
        return OptimizeResult(x=self.unravel(x), success=success, status=status, nit=nit, nfev=nfev)


def solve_linear(g: Callable[[Any], Any], y: Any) -> Any:
    """The x with ``g(x) = y`` for a linear function of vectors, by its matrix."""
    matrix = vmap(g, out_axes=1)(np.eye(shape_of(y)[0], dtype=typeof(y).dtype))
    return np.linalg.solve(matrix, y)


def _within(x: Any, step: Any, bounds: Any) -> Any:
    """A function that is zero where a step cannot go on: at a stationary point, or into a bound."""
    if bounds is None:
        return step
    low, high = bounds
    return x - np.clip(x - step, low, high)


def _bounds(bounds: Any, n: int, in_pairs: bool) -> Any:
    """Lower and upper bounds of n numbers: from `minimize` a pair for each, from `least_squares` all lower and all upper."""
    if bounds is None:
        return None
    if isinstance(bounds, _scipy.Bounds):
        low, high = bounds.lb, bounds.ub
    elif not in_pairs:
        low, high = bounds
    else:
        pairs = [(-np.inf if a is None else a, np.inf if b is None else b) for a, b in bounds]
        low, high = np.transpose(np.asarray(pairs, float)) if pairs else (np.zeros(0), np.zeros(0))
    return np.broadcast_to(np.asarray(low, float), (n,)), np.broadcast_to(np.asarray(high, float), (n,))


def _refuse_traced(who: str, **options: Any) -> None:
    for name, value in options.items():
        if any(isinstance(x, TracerBase) for x in tree_leaves(value)):
            what = f"{who} got {name} with a traced value of type {typeof(next(iter(tree_leaves(value))))}."
            fix = "a solution is differentiable in what the function closes over, and in args; pass a plain value here"
            raise errors.ArgumentError(what, fix=fix)


# --- minima -----------------------------------------------------------------------------------------------------------


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    *,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: Any = None,
) -> Any:
    """A local minimum of a function of a pytree, by SciPy's solvers with covector's derivatives.

    Args:
        fun: ``fun(x, *args)``, a number.
        x0: a guess, any pytree of real arrays; x has its structure.
        args: further arguments.
        method: one of SciPy's; it gets the gradient, and Hessian or Hessian-vector products if it can use them.
        bounds: pairs of bounds for the elements of x, or a `scipy.optimize.Bounds`.
        constraints: as SciPy's, for vectors; then the solution has no derivative.
        tol: a tolerance.
        callback: is called after each iteration with the vector of elements.
        options: of the solver.

    Returns:
        SciPy's `OptimizeResult`, with ``x`` like ``x0``.  Where values are traced it has x, success, status, nit and nfev
        alone, and x is a differentiable function of the values (if the Hessian is regular in the directions that no bound
        stops).

    Example:
        >>> found = minimize(lambda p: (p["a"] - 1) ** 2 + p["b"] ** 2, {"a": 0.0, "b": 3.0})
        >>> float(np.round(found.x["a"], 6))
        1.0
    """
    _refuse_traced("minimize", bounds=bounds, tol=tol)
    problem = Problem(fun, x0, args)
    if constraints and not problem.is_known:
        what = "minimize got constraints, and a function of traced values."
        raise errors.UnsupportedFunctionError(what, why="the solution would have no derivative")
    limits = _bounds(bounds, shape_of(problem.guess)[0], True)
    both: Any = problem.compiled(value_and_grad(problem.converted))
    name = (method or "").lower()

    def run(guess: Any, *consts: Any) -> Any:
        given: dict[str, Any] = {}
        if name not in WITHOUT_DERIVATIVES:
            given["jac"] = True
        if name in WITH_HESSIAN:
            given["hess"] = lambda v: hessian(problem.converted)(v, *consts)
        elif name in WITH_PRODUCTS:
            given["hessp"] = lambda v, t: jvp(lambda v: grad(problem.converted)(v, *consts), (v,), (np.asarray(t, v.dtype),))[1]
        f = (lambda v: both(v, *consts)) if "jac" in given else (lambda v: problem.converted(v, *consts))
        if limits is not None:
            given["bounds"] = _scipy.Bounds(*limits)
        if constraints:
            given["constraints"] = constraints
        return _scipy.minimize(f, guess, method=method, tol=tol, callback=callback, options=options, **given)

    gradient = grad(problem.fun)
    return problem.solution(lambda v: _within(v, gradient(v), limits), run)


def least_squares(
    fun: Callable[..., Any], x0: Any, bounds: Any = None, method: str = "trf", *, args: Any = (), **options: Any
) -> Any:
    """A local minimum of half the sum of squares of residuals, by SciPy's solvers with covector's Jacobian.

    Args:
        fun: ``fun(x, *args)``, a vector of residuals.
        x0: a guess, any pytree of real arrays; x has its structure.
        bounds: lower and upper bounds, or a `scipy.optimize.Bounds`.
        method: "trf", "dogbox" or "lm".
        args: further arguments.
        options: SciPy's others; a ``loss`` other than "linear" leaves the solution without a derivative.

    Returns:
        As for `minimize`.

    Example:
        >>> found = least_squares(lambda x: x - np.array([2.0, -1.0]), np.zeros(2))
        >>> np.round(found.x, 6)
        array([ 2., -1.])
    """
    _refuse_traced("least_squares", bounds=bounds)
    problem = Problem(lambda x, *rest: np.ravel(fun(x, *rest)), x0, args)
    if options.get("loss", "linear") != "linear" and not problem.is_known:
        what = f"least_squares got loss={options['loss']!r}, and a function of traced values."
        raise errors.UnsupportedFunctionError(what, why="the solution would have no derivative")
    limits = _bounds(bounds, shape_of(problem.guess)[0], False)
    value: Any = problem.compiled(problem.converted)
    slope: Any = problem.compiled(jacobian(problem.converted))

    def run(guess: Any, *consts: Any) -> Any:
        limited = (-np.inf, np.inf) if limits is None else limits
        return _scipy.least_squares(
            lambda v: value(v, *consts), guess, lambda v: slope(v, *consts), limited, method, **options
        )

    gradient = grad(lambda v: np.sum(problem.fun(v) ** 2) / 2)
    return problem.solution(lambda v: _within(v, gradient(v), limits), run)


# --- roots ------------------------------------------------------------------------------------------------------------


def root(
    fun: Callable[..., Any], x0: Any, args: Any = (), method: str = "hybr", *, tol: float | None = None, options: Any = None
) -> Any:
    """A zero of a function of a pytree, by SciPy's solvers with covector's Jacobian.

    Args:
        fun: ``fun(x, *args)``, as many numbers as x has.
        x0: a guess, any pytree of real arrays; x has its structure.
        args: further arguments.
        method: one of SciPy's.
        tol: a tolerance.
        options: of the solver.

    Returns:
        As for `minimize`; x is differentiable where the Jacobian is regular.

    Example:
        >>> root(lambda x: x**2 - 2.0, np.ones(1)).x
        array([1.41421356])
    """
    problem = Problem(lambda x, *rest: ravel_pytree(fun(x, *rest))[0], x0, args)
    value: Any = problem.compiled(problem.converted)
    slope: Any = problem.compiled(jacobian(problem.converted))

    def run(guess: Any, *consts: Any) -> Any:
        jac = (lambda v: slope(v, *consts)) if method in ("hybr", "lm") else None
        return _scipy.root(lambda v: value(v, *consts), guess, method=method, jac=jac, tol=tol, options=options)

    return problem.solution(problem.fun, run)


class RootResults:
    """What `root_scalar` returns: ``root``, ``converged``, ``iterations``, ``function_calls``."""

    def __init__(self, root: Any, converged: Any, iterations: Any, function_calls: Any):
        self.root, self.converged = root, converged
        self.iterations, self.function_calls = iterations, function_calls

    def __repr__(self) -> str:
        return f"RootResults(root={self.root}, converged={self.converged}, iterations={self.iterations})"


def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    *,
    x0: Any = None,
    x1: Any = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
) -> RootResults:
    """A zero of a function of a number, by SciPy's solvers with covector's derivative.

    Args:
        f: ``f(x, *args)``.
        args: further arguments.
        method: one of SciPy's; "newton" and "halley" get derivatives.
        bracket: two numbers between which f changes its sign.
        x0: a guess.
        x1: a second one.
        xtol, rtol, maxiter: SciPy's.

    Returns:
        An object with ``root``, a differentiable function of ``args`` and of what f closes over, and whether it converged.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda a: root_scalar(lambda x: x**2 - a, bracket=(0.0, 9.0)).root)(4.0), 9))
        0.25
    """
    _refuse_traced("root_scalar", bracket=bracket)
    start = bracket[0] if x0 is None and bracket is not None else x0
    if start is None:
        raise errors.ArgumentError("root_scalar got neither bracket nor x0.", fix="give one of them")
    problem = Problem(lambda x, *rest: np.reshape(f(x, *rest), (1,)), start, args)
    value: Any = problem.compiled(lambda v, *consts: problem.converted(v, *consts)[0])
    first: Any = problem.compiled(grad(value))
    second: Any = problem.compiled(grad(lambda v, *consts: first(v, *consts)[0]))

    def run(guess: Any, *consts: Any) -> Any:
        at: Any = lambda g: lambda x: float(np.ravel(g(np.array([x]), *consts))[0])
        given: dict[str, Any] = {"bracket": bracket, "x1": x1, "xtol": xtol, "rtol": rtol, "maxiter": maxiter}
        given["x0"] = None if x0 is None else float(guess[0])
        if x0 is not None and (method in (None, "newton", "halley") and bracket is None and x1 is None):
            given["fprime"] = at(first)
            given |= {"fprime2": at(second)} if method == "halley" else {}
        found = _scipy.root_scalar(at(value), method=method, **given)
        calls = {"nit": found.iterations, "nfev": found.function_calls, "status": 0}
        return OptimizeResult(x=np.array([found.root]), success=found.converged, **calls)

    found = problem.solution(problem.fun, run)
    return RootResults(found.x, found.success, found.nit, found.nfev)
