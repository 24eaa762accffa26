"""Minima: `minimize` and `minimize_scalar`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.pytrees import tree_leaves, tree_map
from covector.numpy.registry import as_array, floating
from covector.scipy.guesses import as_tuple, as_vector
from covector.scipy.optimize.constraints import as_scipy, conditions, joined, multipliers, standard
from covector.scipy.optimize.problem import Problem, check_derivative, limits, refuse_traced, snapped, within
from covector.transforms.autodiff import grad, jvp, value_and_grad
from covector.transforms.jacobian import hessian, jacobian
from covector.transforms.utilities import ravel_pytree

_scipy: Any = scipy.optimize
WITHOUT_DERIVATIVES = {"nelder-mead", "powell", "cobyla", "cobyqa"}
WITH_HESSIAN = {"dogleg", "trust-exact"}
WITH_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
WITH_CONSTRAINTS = {"cobyla", "cobyqa", "slsqp", "trust-constr"}
WITH_BOUNDS = {"nelder-mead", "powell", "l-bfgs-b", "tnc"} | WITH_CONSTRAINTS
OTHERS = {"cg", "bfgs"}
METHODS = WITHOUT_DERIVATIVES | WITH_HESSIAN | WITH_PRODUCTS | WITH_BOUNDS | OTHERS


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: Any = None,
) -> Any:
    """A local minimum of a function of a pytree, by SciPy's solvers with covector's derivatives.

    Args:
        fun: ``fun(x, *args)``, a number.
        x0: a guess, any pytree of real arrays; x has its structure, in double precision.  A number, or a list or tuple of
            numbers, is a vector, as SciPy has it.
        args: further arguments.
        method: one of SciPy's; it gets the gradient, and Hessian or Hessian-vector products if it can use them.
        jac: True if fun returns its gradient too, which is not used; anything else is accepted, and covector's is used.
        hess, hessp: accepted, and covector's are used.
        bounds: pairs of bounds for the elements of x, or a `scipy.optimize.Bounds`.
        constraints: SciPy's, of functions of what is like x0.
        tol: a tolerance.
        callback: is called after each iteration with the vector of elements.  Where values are traced
            these are traced too and have no derivative (it is NaN; in a batch the values are NaN too): use the solution,
            or `covector.stop_gradient` of what it gets for plain values.  A compiled function calls it when it runs.
        options: of the solver.

    Returns:
        SciPy's `OptimizeResult`, with ``x`` like ``x0``.  Where values are traced it has x, fun, jac, success,
        status, nit, nfev and njev alone, and x is a differentiable function of the values, those in bounds and constraints too:
        by the implicit function theorem for the conditions of Karush, Kuhn and Tucker, if their matrix is regular.

    Raises:
        ArgumentError: a method that there is not, or that takes no bounds or constraints where they are given; a traced
            tolerance.

    Example:
        >>> found = minimize(lambda p: (p["a"] - 1) ** 2 + p["b"] ** 2, {"a": 0.0, "b": 3.0})
        >>> float(np.round(found.x["a"], 6))
        1.0
    """
    refuse_traced("minimize", tol=tol, options=options)
    check_derivative("minimize", jac=jac, hess=hess, hessp=hessp)
    args, name = as_tuple(args), method.lower() if isinstance(method, str) else method
    given = standard(constraints) if not _is_empty(constraints) else []
    _check_method(name, bounds is not None, bool(given))
    f: Any = (lambda x: fun(x, *args)[0]) if jac is True else (lambda x: fun(x, *args))
    x0 = tree_map(floating, as_vector(x0))
    n = sum(int(np.prod(shape_of(x))) for x in tree_leaves(x0))
    low, high = limits(bounds, n, True)
    values: Any = ((low, high), ())
    functions = [lambda x: _scalar(f(x))]
    sizes = [shape_of(c.function(x0))[0] for c in given]
    if given:
        c, *between = joined(given, sizes)
        functions, values = [*functions, c], ((low, high), tuple(between))
    problem = Problem(x0, functions, values)
    keeps = [np.broadcast_to(c.keep_feasible, (k,)) for c, k in zip(given, sizes, strict=True)]
    keep = np.concatenate(keeps) if given else None
    stays = getattr(bounds, "keep_feasible", False)
    told = {"method": method, "tol": tol, "callback": problem.told(callback), "options": options}
    run = _run(problem, name, None if bounds is None else stays, keep, told)
    value = problem.functions[0]
    if given:
        zero = conditions(value, problem.functions[1], (low, high), values[1], n)
    else:
        zero = lambda v: within(v, grad(value)(v), low, high)
    found = problem.solution(zero, run, sum(sizes))
    if not problem.is_known:
        found.fun = functions[0](found.x)
        x = ravel_pytree(found.x)[0]
        found.later(jac=lambda: grad(value)(x))
    return found


def _is_empty(constraints: Any) -> bool:
    return constraints is None or (isinstance(constraints, (list, tuple)) and not constraints)


def _scalar(value: Any) -> Any:
    if int(np.prod(shape_of(value))) != 1:
        raise errors.ArgumentError(f"minimize got a function that returns {typeof(value)}.", fix="return one number")
    return np.reshape(value, ())


def _check_method(name: Any, has_bounds: bool, has_constraints: bool) -> None:
    if name is None or callable(name):
        return
    if name not in METHODS:
        raise errors.ArgumentError(f"minimize got method={name!r}.", fix=f"there are {', '.join(sorted(METHODS))}")
    for what, asked, able in (("bounds", has_bounds, WITH_BOUNDS), ("constraints", has_constraints, WITH_CONSTRAINTS)):
        if asked and name not in able:
            what = f"minimize got {what} and method={name!r}, which takes none."
            raise errors.ArgumentError(what, fix=f"take one of {', '.join(sorted(able))}")


def _run(problem: Problem, name: Any, stays: Any, keep: Any, given: dict[str, Any]) -> Any:
    """``run(guess, values, *consts)``, which calls SciPy's solver; ``stays`` is whether within bounds, None without them."""
    value, both = problem.compiled(0), problem.compiled(0, value_and_grad)
    slope, curvature = problem.compiled(0, grad), problem.compiled(0, hessian)
    products = problem.compiled(0, lambda f: lambda v, t, *consts: jvp(lambda v: grad(f)(v, *consts), (v,), (t,))[1])
    if keep is not None:
        c, c_slope = problem.compiled(1), problem.compiled(1, jacobian)

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        options = dict(given)
        if name not in WITHOUT_DERIVATIVES:
            options["jac"] = True
        if name in WITH_HESSIAN:
            options["hess"] = lambda v: np.asarray(curvature(v, *consts))
        elif name in WITH_PRODUCTS:
            options["hessp"] = lambda v, t: np.asarray(products(v, np.asarray(t, v.dtype), *consts))
        pair: Any = lambda v: tuple(np.asarray(out, np.float64) for out in both(v, *consts))
        f = pair if "jac" in options else (lambda v: value(v, *consts))
        if stays is not None:
            options["bounds"] = _scipy.Bounds(*values[0], keep_feasible=stays)
        if keep is not None:
            at: Any = lambda v: np.asarray(c(v, *consts), np.float64)
            at_slope: Any = lambda v: np.asarray(c_slope(v, *consts), np.float64)
            options["constraints"] = as_scipy(at, at_slope, values[1], keep)
        found = _scipy.minimize(f, guess, **options)
        if keep is not None and not problem.is_known:
            x = np.asarray(found.x)
            found.multipliers = multipliers(x, np.asarray(slope(x, *consts)), at(x), at_slope(x), *values)
        elif stays is not None and not problem.is_known:
            found.x = snapped(found.x, np.asarray(slope(found.x, *consts)), *values[0])
        return found

    return run


def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: Any = None,
) -> Any:
    """A local minimum of a function of a number, by SciPy's solvers.

    Args:
        fun: ``fun(x, *args)``, a number.
        bracket: two or three numbers to begin with, which have no derivative.
        bounds: two numbers, for the method "bounded".
        args: further arguments.
        method: "brent", "golden" or "bounded".
        tol: a tolerance.
        options: of the solver.

    Returns:
        SciPy's `OptimizeResult`; x has the shape of what fun returns.  Where values are traced it has x, fun, success, status,
        nit and nfev alone, and x is a differentiable function of them, and of the bounds, if the second derivative is not zero.

    Raises:
        ArgumentError: a traced tolerance; bounds that are not two.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda a: minimize_scalar(lambda x: (x - a) ** 2).x)(2.0), 6))
        1.0
    """
    refuse_traced("minimize_scalar", tol=tol, options=options)
    args = as_tuple(args)
    if bounds is not None and len(bounds) != 2:
        raise errors.ArgumentError(f"minimize_scalar got bounds={bounds!r}.", fix="give two numbers")
    f: Any = lambda x: _scalar(fun(x, *args))
    low, high = limits(None if bounds is None else [tuple(np.reshape(b, ()) for b in bounds)], 1, True)
    problem = Problem(0.0, [f], (low, high, () if bracket is None else tuple(bracket)))
    value = problem.compiled(0)

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        begin = tuple(map(float, values[2])) or None
        at = lambda x: float(value(np.array([x]), *consts))
        between = None if bounds is None else (float(values[0][0]), float(values[1][0]))
        given = {"bracket": begin, "bounds": between, "method": method, "tol": tol, "options": options}
        found = _scipy.minimize_scalar(at, **given)
        found.x = np.array([found.x])
        return found

    found = problem.solution(lambda v: within(v, grad(problem.functions[0])(v), low, high), run)
    found.fun = as_array(fun(found.x, *args))[()]
    found.x = np.reshape(found.x, shape_of(found.fun))[()]  # as SciPy has it
    return found
