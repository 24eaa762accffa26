"""Zeros of functions of pytrees: `root`, `fsolve`, `newton`, `fixed_point`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import scipy.optimize._nonlin

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array
from covector.scipy.guesses import as_tuple, as_vector
from covector.scipy.optimize.problem import (
    DOUBLE,
    OptimizeResult,
    Problem,
    check_derivative,
    common_dtype,
    double_of,
    has_failed,
    or_nan,
    refuse_traced,
)
from covector.transforms.autodiff import jvp
from covector.transforms.custom_solves import custom_root
from covector.transforms.jacobian import jacobian
from covector.transforms.utilities import ravel_pytree, stop_gradient

_scipy: Any = scipy.optimize
_nonlin: Any = scipy.optimize._nonlin
WITH_JACOBIAN = {"hybr", "lm"}
METHODS = WITH_JACOBIAN | {
    *("broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden", "excitingmixing", "krylov", "df-sane")
}


def _square(f: Callable[[Any], Any], who: str) -> Callable[[Any], Any]:
    """The function as one whose value is a vector, as long as x."""

    def checked(x: Any) -> Any:
        value, n = ravel_pytree(f(x))[0], shape_of(ravel_pytree(x)[0])[0]
        if shape_of(value)[0] != n:
            what = f"{who} got a function that returns {shape_of(value)[0]} numbers for {n}."
            raise errors.ArgumentError(what, fix="return as many as x has, or take least_squares")
        return value

    return checked


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Any = None,
    options: Any = None,
) -> Any:
    """A zero of a function of a pytree, by SciPy's solvers with covector's Jacobian.

    Args:
        fun: ``fun(x, *args)``, as many numbers as x has.
        x0: a guess, any pytree of arrays; x has its structure.  Numbers in lists or tuples are an array, of which "hybr" and
            "lm" make a vector, of a number too, as SciPy has it; for other methods x has its shape.
        args: further arguments.
        method: one of SciPy's.  "hybr" and "lm" compute in real numbers of double precision, the others in what x0 and
            the values of fun there promote to, which may be complex, and in single precision at least.
        jac: True if fun returns its Jacobian too, which is not used; anything else is accepted, and covector's is used.
        tol: a tolerance.
        callback: is called after each iteration, where the method does that; what it gets is as for `minimize`.
        options: of the solver.

    Returns:
        SciPy's `OptimizeResult`, with ``x`` like ``x0``.  Where values are traced it has x, fun, success, status, nit and nfev
        alone; x is differentiable where the Jacobian is regular.

    Raises:
        ArgumentError: a method that there is not; a function that returns more or fewer numbers, or complex ones where the
            method has real ones; a traced tolerance.

    Example:
        >>> root(lambda x: x**2 - 2.0, np.ones(1)).x
        array([1.41421356])
    """
    refuse_traced("root", tol=tol, options=options)
    check_derivative("root", jac=jac)
    args, name = as_tuple(args), method.lower()
    if name not in METHODS:
        raise errors.ArgumentError(f"root got method={method!r}.", fix=f"there are {', '.join(sorted(METHODS))}")
    f: Any = (lambda x: fun(x, *args)[0]) if jac is True else (lambda x: fun(x, *args))
    square = _square(f, "root")
    x0 = as_vector(x0, flat=True) if name in WITH_JACOBIAN else x0
    problem = Problem(x0, [square], dtype=_dtype(name, square, x0))
    value, slope = problem.compiled(0), problem.compiled(0, jacobian)
    given = {"method": method, "tol": tol, "callback": problem.told(callback), "options": options}

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        jac = (lambda v: np.asarray(slope(v, *consts))) if name in WITH_JACOBIAN else None
        return _scipy.root(lambda v: np.asarray(value(v, *consts)), guess, jac=jac, **given)

    found = problem.solution(problem.functions[0], run)
    if not problem.is_known:
        found.fun = np.astype(square(found.x), problem.dtype)
    return found


def _dtype(method: str, f: Callable[[Any], Any], x0: Any) -> np.dtype[Any]:
    """The dtype in which a method of `root` solves."""
    if method in WITH_JACOBIAN:
        return DOUBLE
    dtype = np.result_type(common_dtype(f, x0), np.float32)
    return double_of(dtype) if method == "df-sane" and dtype.kind == "c" else dtype


def nonlin_solve(
    F: Callable[..., Any],
    x0: Any,
    jacobian: Any = "krylov",
    *,
    full_output: bool = False,
    raise_exception: bool = True,
    **given: Any,
) -> Any:
    """A zero by one of SciPy's iterations that estimate a Jacobian: what `broyden1`, `anderson` and their like are made of.

    Args:
        F: a function, as many numbers as x has.
        x0: a guess.
        jacobian: SciPy's estimate of the Jacobian, for the iteration alone.
        full_output: return SciPy's information too.
        raise_exception: raise where it has not converged; where that is not known the zero is NaN instead.
        given: SciPy's other arguments.

    Returns:
        The zero, like x0, differentiable as that of `root`.
    """
    refuse_traced("nonlin_solve", **given)
    f = _square(F, "nonlin_solve")
    problem = Problem(x0, [f], dtype=common_dtype(f, x0))
    value = problem.compiled(0)
    given["callback"] = problem.told(given.get("callback"))

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        at: Any = lambda v: np.asarray(value(v, *consts))
        strict = raise_exception and problem.is_known
        x, info = _nonlin.nonlin_solve(at, guess, jacobian, full_output=True, raise_exception=strict, **given)
        return OptimizeResult(x=x, **info)

    found = problem.solution(problem.functions[0], run)
    x = or_nan(found.x, found.success) if raise_exception else found.x
    return (x, found) if full_output else x


def fsolve(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    fprime: Any = None,
    full_output: bool = False,
    col_deriv: bool = False,
    xtol: float = 1.49012e-08,
    maxfev: int = 0,
    band: Any = None,
    epsfcn: Any = None,
    factor: float = 100,
    diag: Any = None,
) -> Any:
    """A zero of a function of a vector, by MINPACK's method with covector's Jacobian.

    Args:
        func: ``func(x, *args)``, as many numbers as x has.
        x0: a guess, a vector or a number.
        args: further arguments.
        fprime, col_deriv, band, epsfcn: accepted, and covector's Jacobian is used.
        full_output: return SciPy's information too, where all values are known.
        xtol, maxfev, factor, diag: SciPy's.

    Returns:
        The zero, a vector, differentiable as that of `root`.  If the solver has not converged it is where that stopped, with
        a warning where values are known, and its derivative is NaN.

    Raises:
        ArgumentError: ``full_output`` with traced values; a function that returns more or fewer numbers.

    Example:
        >>> fsolve(lambda x: x**2 - 2.0, 1.0)
        array([1.41421356])
    """
    check_derivative("fsolve", fprime=fprime)
    refuse_traced("fsolve", xtol=xtol, factor=factor, diag=diag)
    args = as_tuple(args)
    x0 = np.reshape(as_array(x0), (-1,))
    f = _square(lambda x: func(x, *args), "fsolve")
    problem = Problem(x0, [f])
    given = {"xtol": xtol, "maxfev": maxfev, "factor": factor, "diag": diag}
    if problem.is_known:
        slope = problem.compiled(0, jacobian)
        f, given["fprime"] = problem.functions[0], lambda v: np.asarray(slope(v))
        return _scipy.fsolve(f, problem.guess, full_output=full_output, **given)
    if full_output:
        raise errors.ArgumentError("fsolve got full_output and traced values.", fix="take root")
    found = root(f, x0, options=given)
    if has_failed(found.success):
        errors.warn("fsolve has not converged.", RuntimeWarning)  # as SciPy's own does
    return found.x


def newton(
    func: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    tol: float = 1.48e-08,
    maxiter: int = 50,
    fprime2: Any = None,
    x1: Any = None,
    rtol: float = 0.0,
    full_output: bool = False,
    disp: bool = True,
) -> Any:
    """Zeros of a function of a number, from a guess or many guesses, by Newton's method with covector's derivative.

    Args:
        func: ``func(x, *args)``, elementwise.
        x0: a guess, or an array of them; zeros of a complex function are complex, whatever the guess is.
        fprime: accepted, and covector's derivative is used.
        args: further arguments.
        tol, rtol, maxiter: SciPy's.
        fprime2: if not None, Halley's method, with covector's second derivative.
        x1: a second guess, for the secant method.
        full_output: return SciPy's information too, where all values are known.
        disp: raise where the method has not converged from one guess; where that is not known the zero is NaN instead.

    Returns:
        The zero, or an array of them, differentiable in what func depends on.  If the method has not converged, of many
        guesses for one of them, it is where that stopped, and the derivative is NaN.

    Raises:
        ArgumentError: ``full_output`` with traced values; a traced tolerance.
        RuntimeError: as SciPy's.

    Example:
        >>> newton(lambda x: x**2 - np.array([4.0, 9.0]), np.array([1.0, 2.0]))
        array([2., 3.])
    """
    check_derivative("newton", fprime=fprime, fprime2=fprime2)
    refuse_traced("newton", tol=tol, rtol=rtol)
    args, shape = as_tuple(args), shape_of(x0)
    f: Any = lambda x: np.reshape(np.broadcast_to(func(x, *args), shape), (-1,))
    dtype = common_dtype(f, x0, x1)
    problem = Problem(x0, [f], {} if x1 is None else {"x1": x1}, double_of(dtype))
    first: Any = elementwise_slope
    value, slope, curvature = (problem.compiled(0, g) for g in (None, first, lambda f: first(first(f))))

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        at: Any = lambda g: lambda x: np.reshape(g(np.reshape(np.asarray(x, problem.dtype), (-1,)), *consts), shape)[()]
        given: dict[str, Any] = {**values, "tol": tol, "maxiter": maxiter, "rtol": rtol, "disp": disp and problem.is_known}
        given["fprime"] = at(slope) if x1 is None else None
        given["fprime2"] = at(curvature) if fprime2 is not None and x1 is None else None
        start = np.reshape(guess, shape)[()]
        found = _scipy.newton(at(value), start, full_output=True, **given)
        of_one = isinstance(found[1], _scipy.RootResults)  # SciPy takes an array of one guess for a number
        converged = found[1].converged if of_one else found[1]
        counts = {"nit": found[1].iterations, "nfev": found[1].function_calls} if of_one else {}
        return OptimizeResult(x=np.reshape(found[0], (-1,)), success=bool(np.all(converged)), found=found, **counts)

    found = problem.solution(problem.functions[0], run)
    found.x = found.x if int(np.prod(shape)) > 1 else np.astype(found.x, dtype)[()]  # SciPy solves for many in doubles
    if problem.is_known:
        return (found.x, *found.found[1:]) if full_output else found.x
    if full_output:
        raise errors.ArgumentError("newton got full_output and traced values.", fix="leave it out")
    failed = has_failed(found.success)
    if int(np.prod(shape)) > 1 or not disp or failed is False:  # SciPy raises for many only if all have failed
        return found.x
    if failed:
        raise RuntimeError(f"newton has not converged after {maxiter} iterations.")
    return or_nan(found.x, found.success)


def elementwise_slope(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative of a function of each element of a vector, real or complex, and of constants."""
    return lambda v, *consts: jvp(lambda v: f(v, *consts), (v,), (np.ones(shape_of(v), typeof(v).dtype),))[1]


def found_root(f: Callable[[Any], Any], x: Any) -> Any:
    """Zeros of a function of each element, which have been found, with their derivatives."""
    by_slope: Any = lambda g, y: y / g(np.ones(shape_of(y), typeof(y).dtype))
    return custom_root(f, stop_gradient(x), lambda _, x: x, by_slope)


def found_minimum(f: Callable[[Any], Any], x: Any) -> Any:
    """The same of minima."""
    return found_root(elementwise_slope(f), x)


def fixed_point(
    func: Callable[..., Any], x0: Any, args: Any = (), xtol: float = 1e-08, maxiter: int = 500, method: str = "del2"
) -> Any:
    """A point that a function leaves where it is, by SciPy's iteration.

    Args:
        func: ``func(x, *args)``, like x.
        x0: a guess, an array; points of a complex function are complex, whatever the guess is.
        args: further arguments.
        xtol, maxiter: SciPy's.
        method: "del2" (Steffensen's) or "iteration".

    Returns:
        The point, differentiable in what func depends on where 1 is no eigenvalue of its Jacobian.

    Raises:
        ArgumentError: a traced tolerance.
        RuntimeError: it has not converged.

    Example:
        >>> np.round(fixed_point(np.cos, 0.5), 9)
        np.float64(0.739085133)
    """
    refuse_traced("fixed_point", xtol=xtol)
    args, shape = as_tuple(args), shape_of(x0)
    f: Any = lambda x: np.reshape(func(x, *args), (-1,))
    problem = Problem(x0, [f], dtype=common_dtype(f, x0))
    value = problem.compiled(0)

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        at = lambda x: np.reshape(value(np.reshape(x, (-1,)), *consts), shape)
        x = _scipy.fixed_point(at, np.reshape(guess, shape), xtol=xtol, maxiter=maxiter, method=method)
        return OptimizeResult(x=np.reshape(x, (-1,)), success=True)

    return problem.solution(lambda v: v - problem.functions[0](v), run).x
