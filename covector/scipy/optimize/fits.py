"""Sums of squares: `least_squares`, `curve_fit`, `nnls`, `lsq_linear`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.indexing import take
from covector.numpy.registry import as_array, floating
from covector.scipy.checks import double
from covector.scipy.guesses import as_tuple, as_vector
from covector.scipy.optimize.problem import (
    OptimizeResult,
    Problem,
    check_derivative,
    limits,
    or_nan,
    refuse_traced,
    snapped,
    within,
)
from covector.transforms.autodiff import grad
from covector.transforms.jacobian import jacobian
from covector.transforms.utilities import ravel_pytree, stop_gradient

_scipy: Any = scipy.optimize
LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1.0, z)) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = None,
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: Any = 1.0,
    *,
    args: Any = (),
    kwargs: Any = None,
    **options: Any,
) -> Any:
    """A local minimum of half the sum of squares of residuals, by SciPy's solvers with covector's Jacobian.

    Args:
        fun: ``fun(x, *args, **kwargs)``, an array of residuals.
        x0: a guess, any pytree of real arrays; x has its structure, in double precision.  A number, or a list or tuple of
            numbers, is a vector, as SciPy has it.
        jac: accepted, and covector's Jacobian is used.
        bounds: lower and upper bounds, or a `scipy.optimize.Bounds`.
        method: "trf", "dogbox" or "lm".
        ftol, xtol, gtol, x_scale: SciPy's.
        loss: SciPy's functions of the squares, or a function ``loss(z) -> (value, first, second derivative)``.
        f_scale: where a residual becomes large for the loss.
        args, kwargs: further arguments.
        options: SciPy's others; what a ``callback`` gets is as for `minimize`.

    Returns:
        SciPy's `OptimizeResult`, with ``x`` like ``x0``.  Where values are traced it has x, fun (the residuals), jac, grad,
        cost, success, status, nit, nfev and njev alone; x is a differentiable function of them, and of the bounds.

    Raises:
        ArgumentError: a loss that there is not; bounds with the method "lm"; a traced tolerance.

    Example:
        >>> found = least_squares(lambda x: x - np.array([2.0, -1.0]), np.zeros(2))
        >>> np.round(found.x, 6)
        array([ 2., -1.])
    """
    refuse_traced("least_squares", ftol=ftol, xtol=xtol, gtol=gtol, x_scale=x_scale, f_scale=f_scale, options=options)
    args, named = as_tuple(args), kwargs or {}
    if not callable(loss) and loss not in LOSSES:
        fix = f"there are {', '.join(LOSSES)}, or give a function"
        raise errors.ArgumentError(f"least_squares got loss={loss!r}.", fix=fix)
    check_derivative("least_squares", jac=jac)
    f: Any = lambda x: np.reshape(floating(fun(x, *args, **named)), (-1,))
    x0 = as_vector(x0)
    n = shape_of(ravel_pytree(x0)[0])[0]
    low, high = limits(bounds, n, False)
    if method == "lm" and bounds is not None and not _are_infinite(low, high):
        raise errors.ArgumentError("least_squares got bounds and method='lm', which takes none.", fix="take 'trf' or 'dogbox'")
    problem = Problem(x0, [f], (low, high))
    value, slope = problem.compiled(0), problem.compiled(0, jacobian)
    options |= {"callback": problem.told(options["callback"])} if "callback" in options else {}
    given = {"method": method, "ftol": ftol, "xtol": xtol, "gtol": gtol, "x_scale": x_scale, "loss": loss, "f_scale": f_scale}

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        limited = (-np.inf, np.inf) if method == "lm" else values
        at: Any = lambda v: np.asarray(value(v, *consts))
        at_slope: Any = lambda v: np.asarray(slope(v, *consts))
        found = _scipy.least_squares(at, guess, at_slope, limited, **given, **options)
        found.x = found.x if problem.is_known else snapped(found.x, found.grad, *values)
        return found

    rho = partial(_first, loss) if callable(loss) else LOSSES[loss]
    cost: Any = lambda r: f_scale**2 * np.sum(rho((r / f_scale) ** 2)) / 2
    total: Any = lambda v: cost(problem.functions[0](v))
    gradient = grad(total)
    found = problem.solution(lambda v: within(v, gradient(v), low, high), run)
    if not problem.is_known:
        found.fun = f(found.x)
        found.cost = cost(found.fun)
        x = ravel_pytree(found.x)[0]
        slopes = {"jac": lambda: jacobian(problem.functions[0])(x)} if loss == "linear" else {}  # SciPy's are scaled by others
        found.later(grad=lambda: gradient(x), **slopes)
    return found


def _first(loss: Callable[[Any], Any], z: Any) -> Any:
    return loss(z)[0]


def _are_infinite(low: Any, high: Any) -> bool:
    if isinstance(low, TracerBase) or isinstance(high, TracerBase):
        return False
    return bool(np.all(low == -np.inf) and np.all(high == np.inf))


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool = True,
    bounds: Any = None,
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Parameters of a function that fit data best, by `least_squares`.

    Args:
        f: ``f(xdata, *parameters)``, like ydata.
        xdata: anything that f takes; lists and tuples are arrays, and these in double precision.
        ydata: data ``f[m]``.
        p0: a guess of the parameters, a vector; by default ones, or what lies between the bounds.
        sigma: the standard deviations ``f[m]`` of the data or a number, or their covariances ``f[m,m]``.
        absolute_sigma: whether sigma is meant absolutely in the covariances of the parameters.
        check_finite: refuse data that are known not to be finite.
        bounds: lower and upper bounds of the parameters.
        method: "lm", "trf" or "dogbox".
        jac: accepted, and covector's Jacobian is used.
        full_output, nan_policy: refused, if they ask for more than the two results, or for data to be left out.
        options: of `least_squares`, and maxfev for its max_nfev.

    Returns:
        The parameters and their covariances, differentiable in the data, sigma and what f closes over; the covariances are
        infinite where they are not determined.  Where values are traced and the solver has not converged all are NaN.

    Raises:
        ArgumentError: full_output; nan_policy="omit"; sigma of another shape; fewer data than parameters with "lm"; no
            parameters.
        ValueError: data that are not finite.
        RuntimeError: the solver has not converged.

    Example:
        >>> t = np.array([0.0, 1.0, 2.0])
        >>> np.round(curve_fit(lambda t, a, b: a + b * t, t, 1.0 + 2.0 * t)[0], 6)
        array([1., 2.])
    """
    refuse_traced("curve_fit", options=options)
    if full_output:
        fix = "take least_squares, whose result has the residuals (fun), nfev and status"
        raise errors.ArgumentError("curve_fit got full_output=True.", fix=fix)
    if nan_policy == "omit":
        raise errors.ArgumentError("curve_fit got nan_policy='omit'.", fix="leave the data out that are not finite")
    xdata, ydata = _as_data(xdata), np.reshape(floating(ydata), (-1,))
    if "maxfev" in options:
        options["max_nfev"] = options.pop("maxfev") or None
    for data in (xdata, ydata) if check_finite else ():
        _check_finite(data)
    if p0 is None:
        p0 = _first_guess(f, bounds)
    p0 = np.reshape(floating(p0), (-1,))
    m, n = shape_of(ydata)[0], shape_of(p0)[0]
    low, high = limits(bounds, n, False)
    method = method or ("lm" if bounds is None or _are_infinite(low, high) else "trf")
    if method == "lm" and n > m:
        raise errors.ArgumentError(f"curve_fit got {m} data for {n} parameters.", fix='take method="trf", or give more data')
    weigh = _weights(sigma, m)
    residuals: Any = lambda p: weigh(np.reshape(f(xdata, *p), (-1,)) - ydata)
    found = least_squares(residuals, p0, None, bounds if method != "lm" else None, method, **options)
    if not isinstance(found.success, TracerBase) and not found.success:
        raise RuntimeError(f"Optimal parameters not found: {found.get('message', 'the solver has not converged')}")
    popt = or_nan(found.x, found.success)
    spread = _covariances(jacobian(residuals)(found.x))
    if not absolute_sigma:
        spread = spread * np.sum(residuals(found.x) ** 2) / (m - n) if m > n else np.full((n, n), np.inf)
    return popt, or_nan(spread, found.success)


MINPACK = np.array([5, 4, 1, 2, 3])
"""What MINPACK says, by the status of `least_squares`: it has come to the last step, to gtol, to ftol, to xtol, or to both."""


def leastsq(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: bool = False,
    col_deriv: bool = False,
    ftol: float = 1.49012e-8,
    xtol: float = 1.49012e-8,
    gtol: float = 0.0,
    maxfev: int = 0,
    epsfcn: Any = None,
    factor: float = 100,
    diag: Any = None,
) -> Any:
    """A local minimum of a sum of squares, by MINPACK's method with covector's Jacobian: `least_squares` with the method "lm".

    Args:
        func: ``func(x, *args)``, an array of residuals.
        x0: a guess, a vector or a number.
        args: further arguments.
        Dfun, col_deriv, epsfcn: accepted, and covector's Jacobian is used.
        full_output: refused.
        ftol, xtol, gtol, maxfev, diag: SciPy's.
        factor: accepted, and SciPy's own default is used.

    Returns:
        The x, a vector, differentiable as that of `least_squares`, and MINPACK's number: 1 to 4 if it has converged.

    Raises:
        ArgumentError: full_output; a traced tolerance.

    Example:
        >>> leastsq(lambda x: x - np.array([2.0, -1.0]), np.zeros(2))[0]
        array([ 2., -1.])
    """
    check_derivative("leastsq", Dfun=Dfun)
    if full_output:
        fix = "take least_squares, whose result has fun, jac and nfev; the covariance is np.linalg.inv(jac.T @ jac)"
        raise errors.ArgumentError("leastsq got full_output=True.", fix=fix)
    least = 2 * np.finfo(np.float64).eps
    scale = None if diag is None else 1 / np.asarray(diag)
    given: dict[str, Any] = {"x_scale": scale, "max_nfev": maxfev or None, "args": args}
    x0, tolerances = np.reshape(floating(x0), (-1,)), (max(v, least) for v in (ftol, xtol, gtol))
    found = least_squares(func, x0, None, None, "lm", *tolerances, **given)
    return found.x, take(MINPACK, found.status, mode="clip")


def _as_data(x: Any) -> Any:
    """The places of data as SciPy gives them to the function: arrays and lists in double precision, anything else as it is."""
    return double(as_array(x)) if isinstance(x, (list, tuple)) or hasattr(x, "dtype") else x


def _check_finite(data: Any) -> None:
    if hasattr(data, "dtype") and not isinstance(data, TracerBase) and not np.all(np.isfinite(data)):
        raise ValueError("curve_fit got data that are not finite: leave them out, or pass check_finite=False")


def _first_guess(f: Callable[..., Any], bounds: Any) -> Any:
    """Ones, or what lies between the bounds."""
    n = len(inspect.signature(f).parameters) - 1
    if n < 1:
        raise errors.ArgumentError("curve_fit got a function whose parameters cannot be counted.", fix="give a guess p0")
    low, high = map(stop_gradient, limits(bounds, n, False))
    is_low, is_high = np.isfinite(low), np.isfinite(high)
    one_sided = np.where(is_low, low + 1, np.where(is_high, high - 1, 1.0))
    middle = 0.5 * (np.where(is_low, low, 0.0) + np.where(is_high, high, 0.0))
    return np.where(is_low & is_high, middle, one_sided)


def _weights(sigma: Any, m: int) -> Callable[[Any], Any]:
    """What makes residuals of data with the given deviations or covariances independent, and of deviation 1."""
    if sigma is None:
        return lambda r: r
    sigma = floating(sigma)
    if shape_of(sigma) in ((), (1,), (m,)):
        return lambda r: r / sigma
    if shape_of(sigma) != (m, m):
        raise errors.ArgumentError(f"curve_fit got sigma {typeof(sigma)} for {m} data.", fix="give deviations or covariances")
    factor = np.linalg.cholesky(sigma)
    return lambda r: np.linalg.solve(factor, r)


def _covariances(slope: Any) -> Any:
    """The inverse of the product of the Jacobian with itself, infinite where there is none."""
    n = shape_of(slope)[1]
    is_regular = np.linalg.matrix_rank(stop_gradient(slope)) == n
    product = np.where(is_regular, np.transpose(slope) @ slope, np.eye(n))
    return np.where(is_regular, np.linalg.inv(product), np.inf)


# --- linear systems ---------------------------------------------------------------------------------------------------


def lsq_linear(A: Any, b: Any, bounds: Any = None, method: str = "trf", tol: float = 1e-10, **options: Any) -> Any:
    """The x between bounds with the smallest ``|A x - b|``.

    Args:
        A: a matrix ``f[m,n]``, of full column rank where it is differentiated.
        b: ``f[m]``.
        bounds: lower and upper bounds.
        method: "trf" or "bvls".
        tol: a tolerance.
        options: SciPy's others.

    Returns:
        SciPy's `OptimizeResult`.  Where values are traced it has x, fun, cost, success, status, nit and nfev alone; x is a
        differentiable function of A, b and the bounds.

    Raises:
        ArgumentError: A is no matrix, or b has another length; a traced tolerance.

    Example:
        >>> np.round(lsq_linear(np.eye(2), np.array([2.0, 0.5]), (0.0, 1.0)).x, 6)
        array([1. , 0.5])
    """
    refuse_traced("lsq_linear", tol=tol, options=options)
    return _linear(A, b, bounds, "lsq_linear", lambda a, b, values: _scipy.lsq_linear(a, b, values, method, tol, **options))


def nnls(A: Any, b: Any, *, maxiter: int | None = None) -> tuple[Any, Any]:
    """The x without negative elements with the smallest ``|A x - b|``, and that.

    Args:
        A: a matrix ``f[m,n]``, of full column rank where it is differentiated.
        b: ``f[m]``.
        maxiter: SciPy's.

    Returns:
        x and the norm of the residuals, differentiable in A and b.

    Raises:
        ArgumentError: A is no matrix, or b has another length.
        RuntimeError: it has not converged.

    Example:
        >>> nnls(np.eye(2), np.array([2.0, -1.0]))[0]
        array([2., 0.])
    """
    run = lambda a, b, values: OptimizeResult(x=_scipy.nnls(a, b, maxiter=maxiter)[0], success=True)
    x = _linear(A, b, (0.0, np.inf), "nnls", run).x
    return x, np.linalg.norm(floating(A) @ x - floating(b))


def _linear(a: Any, b: Any, bounds: Any, who: str, run: Callable[[Any, Any, Any], Any]) -> Any:
    a, b = floating(a), floating(b)
    if len(shape_of(a)) != 2 or shape_of(b) != shape_of(a)[:1]:
        what = f"{who} got A {typeof(a)} and b {typeof(b)}."
        raise errors.ArgumentError(what, fix="give a matrix, and a vector as long as it has rows")
    n = shape_of(a)[1]
    low, high = limits(bounds, n, False)
    problem = Problem(np.zeros(n), [], (a, b, low, high))
    gradient: Any = lambda x: np.transpose(a) @ (a @ x - b)
    solve = lambda guess, values, *_: run(values[0], values[1], values[2:])
    found = problem.solution(lambda x: within(x, gradient(x), low, high), solve)
    if not problem.is_known:
        found.fun = a @ found.x - b
        found.cost = np.sum(found.fun**2) / 2
    return found
