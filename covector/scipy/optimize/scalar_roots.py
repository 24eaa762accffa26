"""Zeros of functions of a number: `root_scalar`, and its methods under their own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from covector.core import errors
from covector.scipy.guesses import as_tuple
from covector.scipy.optimize.problem import (
    DOUBLE,
    Found,
    OptimizeResult,
    Problem,
    check_derivative,
    common_dtype,
    double_of,
    has_failed,
    or_nan,
    refuse_traced,
)
from covector.scipy.optimize.roots import elementwise_slope
from covector.scipy.traced import FROM_1_18
from covector.transforms.utilities import stop_gradient

_scipy: Any = scipy.optimize
OPEN = ("newton", "secant", "halley")
METHODS = ("bisect", "brentq", "brenth", "ridder", "toms748", *OPEN)


class RootResults(Found):
    """What `root_scalar` returns: ``root``, ``converged``, ``iterations``, ``function_calls``, ``method``."""

    def __repr__(self) -> str:
        return f"RootResults(root={self.root}, converged={self.converged}, iterations={self.iterations})"


def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: Any = None,
) -> RootResults:
    """A zero of a function of a number, by SciPy's solvers with covector's derivative.

    Args:
        f: ``f(x, *args)``.
        args: further arguments.
        method: one of SciPy's; "newton" and "halley" get derivatives.
        bracket: two numbers between which f changes its sign.
        fprime, fprime2: True if f returns derivatives too, which are not used; anything else is accepted, and covector's are
            used.
        x0: a guess; without a bracket f may be complex.
        x1: a second one.
        xtol, rtol, maxiter, options: SciPy's.

    Returns:
        An object with ``root``, a differentiable function of ``args`` and of what f closes over, and whether it converged.
        The bracket and the guesses may be traced, and have no derivative.

    Raises:
        ArgumentError: neither bracket nor guess; a method that there is not; a traced tolerance.
        ValueError: f has one sign at both ends of the bracket.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda a: root_scalar(lambda x: x**2 - a, bracket=(0.0, 9.0)).root)(4.0), 9))
        0.25
    """
    check_derivative("root_scalar", fprime=fprime, fprime2=fprime2)
    refuse_traced("root_scalar", xtol=xtol, rtol=rtol, options=options)
    args = as_tuple(args)
    if bracket is None and x0 is None:
        raise errors.ArgumentError("root_scalar got neither bracket nor x0.", fix="give one of them")
    if method is not None and method.lower() not in METHODS:
        raise errors.ArgumentError(f"root_scalar got method={method!r}.", fix=f"there are {', '.join(METHODS)}")
    returns_more = fprime is True or fprime2 is True
    g: Any = (lambda x: f(x, *args)[0]) if returns_more else (lambda x: f(x, *args))
    starts = {"bracket": None if bracket is None else tuple(bracket[:2]), "x0": x0, "x1": x1}
    starts = {name: stop_gradient(v) for name, v in starts.items() if v is not None}
    one: Any = lambda x: np.reshape(g(x), (1,))
    name = method.lower() if method is not None else _default(bracket, fprime, x1)
    is_open = name in OPEN and x0 is not None
    dtype = common_dtype(one, x0, x1) if is_open else DOUBLE
    problem = Problem(x0 if x0 is not None else starts["bracket"][0], [one], starts, double_of(dtype))
    first: Any = elementwise_slope
    value, slope, curvature = (problem.compiled(0, h) for h in (None, first, lambda f: first(first(f))))
    given = {"method": method, "xtol": xtol, "rtol": rtol, "maxiter": maxiter, "options": options}

    def run(guess: Any, values: Any, *consts: Any) -> Any:
        number: Any = lambda x: np.reshape(np.asarray(x, problem.dtype), ()).item()
        at: Any = lambda h: lambda x: number(h(np.reshape(np.asarray(x, problem.dtype), (1,)), *consts))
        begin = {name: tuple(map(number, v)) if name == "bracket" else number(v) for name, v in values.items()}
        if is_open and name != "secant":
            begin["fprime"] = at(slope)
            begin |= {"fprime2": at(curvature)} if name == "halley" else {}
        found = _scipy.root_scalar(at(value), **begin, **given)
        calls = {"nit": found.iterations, "nfev": found.function_calls, "status": 0}
        return OptimizeResult(x=np.array([found.root], problem.dtype), success=found.converged, **calls)

    found = problem.solution(problem.functions[0], run)
    if name == "newton" and fprime is None and (dtype.kind == "c" or not FROM_1_18):  # SciPy's own slopes are doubles
        dtype = problem.dtype
    known = {"converged": found.success, "iterations": found.nit, "function_calls": found.nfev, "method": name}
    return RootResults(root=np.astype(found.x, dtype)[()], **known)


def _default(bracket: Any, fprime: Any, x1: Any) -> str:
    """The method that SciPy takes where none is given."""
    if bracket is not None:
        return "brentq"
    return "newton" if fprime or x1 is None else "secant"


def _bracketed(method: str) -> Callable[..., Any]:
    """A method of `root_scalar` under its own name."""

    def solver(
        f: Callable[..., Any],
        a: Any,
        b: Any,
        args: Any = (),
        xtol: float = 2e-12,
        rtol: float = 8.881784197001252e-16,
        maxiter: int = 100,
        full_output: bool = False,
        disp: bool = True,
    ) -> Any:
        found = root_scalar(f, args, method, (a, b), xtol=xtol, rtol=rtol, maxiter=maxiter)
        failed = has_failed(found.converged)
        if disp and failed:
            raise RuntimeError(f"{method} has not converged after {maxiter} iterations.")
        answer = found.root if not disp or failed is not None else or_nan(found.root, found.converged)
        return (answer, found) if full_output else answer

    solver.__name__ = solver.__qualname__ = method
    solver.__doc__ = f"""A zero of a function of a number in a bracket, by SciPy's method of this name.

    Args:
        f: ``f(x, *args)``.
        a, b: two numbers between which f changes its sign.
        args: further arguments.
        xtol, rtol, maxiter: SciPy's.
        full_output: return the object that `root_scalar` returns, too.
        disp: raise where it has not converged; where that is not known the zero is NaN instead.

    Returns:
        The zero, with derivatives as that of `root_scalar`.

    Raises:
        ValueError: f has one sign at both ends.
        RuntimeError: it has not converged.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda a: {method}(lambda x: x**2 - a, 0.0, 9.0))(4.0), 9))
        0.25
    """
    return solver


bisect, brenth, brentq, ridder, toms748 = map(_bracketed, ("bisect", "brenth", "brentq", "ridder", "toms748"))
