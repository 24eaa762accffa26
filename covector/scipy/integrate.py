"""`scipy.integrate` for arrays and for values that are being transformed: sums, integrals, differential equations.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import integrate
>>> decayed = lambda rate: integrate.odeint(lambda y, t: -rate * y, 1.0, np.array([0.0, 2.0]))[-1]
>>> bool(abs(grad(decayed)(0.5) + 2 * np.exp(-1.0)) < 1e-6)
True

Differential equations are solved by the explicit pair of Dormand and Prince of orders 5 and 4, with the coefficients, the
control of the step and the interpolation that SciPy's RK45 has.  Derivatives are discrete: those of the steps that were
taken, whose lengths count as constants.  Only the error of the solution is controlled, not that of its derivatives: where the
solution is smoother than they are (constant, say), limit the step.  A function that is not finite at a step that
was tried and refused, as a root or logarithm that has left its domain, makes derivatives in reverse mode NaN: guard it with
`numpy.where` on its argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as _scipy
from scipy.optimize import OptimizeResult

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_map
from covector.interpreters.closures import reachable_tracers
from covector.lax.loops import scan, while_loop
from covector.numpy.registry import as_array, inexact
from covector.transforms.callbacks import pure_callback
from covector.transforms.jacobian import jacobian
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import ravel_pytree, stop_gradient
from covector.transforms.vmap import vmap

_tableau: Any = _scipy.RK45
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0

# --- sums of samples --------------------------------------------------------------------------------------------------


def _samples(y: Any, x: Any, dx: Any, axis: int, who: str) -> tuple[Any, Any]:
    """The samples along the first axis, and the distances between them, which broadcast."""
    y = np.moveaxis(as_array(y), axis, 0)
    n, rest = shape_of(y)[0], [1] * (len(shape_of(y)) - 1)
    if x is None:
        return y, np.full((n - 1, *rest), 1.0) * dx
    x = as_array(x)
    x = np.reshape(x, (-1, *rest)) if len(shape_of(x)) == 1 else np.moveaxis(x, axis, 0)
    if shape_of(x)[0] != n:
        raise ValueError(f"{who} got {n} samples along the axis and {shape_of(x)[0]} places")
    return y, np.diff(x, axis=0)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule.

    Args:
        y: samples.
        x: their places, a vector or an array like ``y``; by default ``dx`` apart.
        dx: the distance between them.
        axis: along which axis.

    Example:
        >>> float(trapezoid(np.array([0.0, 1.0, 4.0])))
        3.0
    """
    y, d = _samples(y, x, dx, axis, "trapezoid")
    return np.sum(d * (y[1:] + y[:-1]), axis=0) / 2


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The integrals up to each sample but the first, by the trapezoidal rule.

    Args:
        y, x, dx, axis: as for `trapezoid`.
        initial: 0 puts the integral up to the first sample in front.

    Example:
        >>> cumulative_trapezoid(np.array([0.0, 1.0, 4.0]), initial=0)
        array([0. , 0.5, 3. ])
    """
    if initial not in (None, 0):
        raise ValueError("`initial` must be 0 or `None`.")
    y, d = _samples(y, x, dx, axis, "cumulative_trapezoid")
    sums = np.cumsum(d * (y[1:] + y[:-1]) / 2, axis=0)
    sums = sums if initial is None else np.concatenate([np.zeros((1, *shape_of(sums)[1:])), sums])
    return np.moveaxis(sums, 0, axis)


def _ratio(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0, as two samples at one place have it."""
    none = b == 0
    return np.where(none, 0.0, a / np.where(none, 1.0, b))


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by Simpson's rule, for any distances.

    The last of an odd number of intervals is integrated with the parabola through the last three samples, as SciPy does
    (Cartwright, "Simpson's rule cumulative integration with MS Excel and irregularly-spaced data", 2017).

    Args:
        y, x, dx, axis: as for `trapezoid`.

    Example:
        >>> round(float(simpson(np.array([0.0, 1.0, 4.0, 9.0]))), 12)
        9.0
    """
    y, d = _samples(y, x, dx, axis, "simpson")
    n = shape_of(y)[0]
    if n <= 2:
        return np.sum(d * (y[1:] + y[:-1]), axis=0) / 2
    odd = n - (n % 2 == 0)
    h, k = d[0 : odd - 1 : 2], d[1 : odd - 1 : 2]
    outer = y[0 : odd - 2 : 2] * (2 - _ratio(k, h)) + y[2:odd:2] * (2 - _ratio(h, k))
    total = np.sum((h + k) / 6 * (outer + y[1 : odd - 1 : 2] * _ratio((h + k) ** 2, h * k)), axis=0)
    if odd == n:
        return total
    h, k = d[-2], d[-1]
    last = y[-1] * _ratio(2 * k**2 + 3 * h * k, 6 * (h + k)) + y[-2] * _ratio(k**2 + 3 * h * k, 6 * h)
    return total + last - y[-3] * _ratio(k**3, 6 * h * (h + k))


# --- integrals of functions -------------------------------------------------------------------------------------------


def quad(f: Callable[..., Any], a: Any, b: Any, args: Any = (), *, epsabs: float = 1.49e-8, epsrel: float = 1.49e-8) -> Any:
    """The integral of a function of a number, by SciPy (QUADPACK).

    Derivatives are by Leibniz's rule: the function at the bounds, and integrals of its derivatives, which are as exact as the
    tolerances say.

    Args:
        f: ``f(x, *args)``, a number.
        a, b: the bounds, which may be infinite where they are not differentiated.
        args: further arguments.
        epsabs, epsrel: tolerances.

    Returns:
        The integral, differentiable in the bounds, ``args`` and what f closes over, and an estimate of its error.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda c: quad(lambda x: c * x**2, 0.0, 3.0)[0])(1.0), 9))
        9.0
    """
    args = args if isinstance(args, tuple) else (args,)
    is_known = not any(isinstance(v, TracerBase) for v in (a, b)) and next(reachable_tracers([f, args]), None) is None
    if is_known:
        value, error = _scipy.quad(f, a, b, args, epsabs=epsabs, epsrel=epsrel)[:2]
        return np.float64(value), np.float64(error)
    converted, consts = closure_convert(lambda x: np.reshape(f(x, *args), (1,)), 0.0)
    flat, unravel = ravel_pytree([as_array(c) for c in consts]) if consts else (np.zeros(0), lambda _: [])
    if typeof(flat).dtype.kind != "f":
        flat = np.astype(flat, np.float64)

    def integrand(x: Any, c: Any) -> Any:
        return converted(x, *unravel(c))

    value, error = _integral(integrand, 1, a, b, flat, {"epsabs": epsabs, "epsrel": epsrel})
    return value[0], error


def _integral(f: Any, size: int, a: Any, b: Any, c: Any, tolerances: Any) -> Any:
    """The integral of ``f(x, c)``, a vector, and an estimate of the error."""
    compiled: Any = jit(f)
    n = shape_of(c)[0]
    moves = [isinstance(v, TracerBase) for v in (a, b)]

    def on_host(a: Any, b: Any, c: Any) -> Any:
        if size == 1:
            value, error = _scipy.quad(lambda x: float(compiled(x, c)[0]), float(a), float(b), **tolerances)[:2]
        else:
            value, error = _scipy.quad_vec(lambda x: np.asarray(compiled(x, c)), float(a), float(b), **tolerances)[:2]
        return np.reshape(np.asarray(value, np.float64), (size,)), np.float64(error)

    def leibniz(primals: Any, tangents: Any) -> Any:
        (a, b, c), (ta, tb, tc) = primals, tangents
        value, error = _integral(f, size, a, b, c, tolerances)
        tangent: Any = np.zeros(size)
        if n:
            slopes = lambda x, c: np.reshape(jacobian(f, 1)(x, c), (size * n,))
            lower, upper = (v if m else w for v, w, m in zip((a, b), bounds, moves, strict=True))
            tangent = np.reshape(_integral(slopes, size * n, lower, upper, c, tolerances)[0], (size, n)) @ tc
        if moves[1]:
            tangent = tangent + f(b, c) * tb
        if moves[0]:
            tangent = tangent - f(a, c) * ta
        return (value, error), (tangent, 0.0 * np.sum(tangent))

    bounds = (a, b)
    avals = (ShapedArray((size,), np.dtype(np.float64)), ShapedArray((), np.dtype(np.float64)))
    a, b = (np.astype(as_array(v), np.float64) for v in (a, b))
    return pure_callback(on_host, avals, a, b, c, vmap_method="sequential", jvp=leibniz)


# --- differential equations -------------------------------------------------------------------------------------------


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    *,
    rtol: float = 1.49012e-8,
    atol: float = 1.49012e-8,
    hmax: float = 0.0,
    tfirst: bool = False,
) -> Any:
    """The solution of ``dy/dt = func(y, t, *args)`` at given times.

    Args:
        func: a function that returns what is like y.
        y0: the value at the first time, any pytree; a list of numbers is a vector.
        t: times ``f[T]``, rising or falling.
        args: further arguments.
        rtol, atol: tolerances of a step.
        hmax: the longest step; 0 sets no limit.
        tfirst: whether it is ``func(t, y, *args)``.

    Returns:
        The values at the times along a new first axis, ``f[T, ...]`` for each leaf of y0; NaN after a time where the steps have
        become too small.  They are differentiable in y0, the times, ``args`` and what func closes over, in both modes; the
        derivatives are those of the steps (a discrete adjoint).  The method is for equations that are not stiff.

    Example:
        >>> np.round(odeint(lambda y, t: -y, 1.0, np.array([0.0, 1.0])), 6)
        array([1.      , 0.367879])
    """
    args = args if isinstance(args, tuple) else (args,)
    t = as_array(t)
    if len(shape_of(t)) != 1 or not shape_of(t)[0]:
        raise errors.ArgumentError(f"odeint got times {typeof(t)}.", fix="give a vector of at least one")
    f = (lambda t, y: func(t, y, *args)) if tfirst else (lambda t, y: func(y, t, *args))
    ys, unravel, _, _ = _solved(f, y0, t[0], t[-1], t, (rtol, atol, hmax or np.inf), "odeint")
    return vmap(unravel)(ys)


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: str = "RK45",
    t_eval: Any = None,
    *,
    args: Any = (),
    rtol: float = 1e-3,
    atol: Any = 1e-6,
    max_step: float = np.inf,
) -> Any:
    """The solution of ``dy/dt = fun(t, y, *args)``.

    Args:
        fun: a function that returns what is like y.
        t_span: the first time and the last.
        y0: the value at the first one, any pytree; a list of numbers is a vector.
        method: "RK45".
        t_eval: times ``f[T]`` between those, in their order; by default the two (not the steps taken, as SciPy has it: their
            number would not be known in a program).
        args: further arguments.
        rtol, atol: tolerances of a step.
        max_step: the longest step.

    Returns:
        An object with ``t``, ``y`` (times along a new last axis, ``f[..., T]``), ``nfev``, ``status`` (-1 if steps have become
        too small: y is NaN from there) and ``success``.  Derivatives are as for `odeint`.

    Example:
        >>> np.round(solve_ivp(lambda t, y: -y, (0.0, 1.0), np.array([1.0]), rtol=1e-8).y, 6)
        array([[1.     , 0.36788]])
    """
    if method != "RK45":
        raise errors.ArgumentError(f"solve_ivp got method={method!r}.", fix="there is 'RK45' alone")
    args = args if isinstance(args, tuple) else (args,)
    start, end = t_span
    t = np.stack([as_array(start), as_array(end)]) if t_eval is None else as_array(t_eval)
    if not any(isinstance(v, TracerBase) for v in (start, end, t)):
        if np.any(t < min(start, end)) or np.any(t > max(start, end)):
            raise errors.ArgumentError(errors.describe("solve_ivp got values in t_eval that are not within t_span."))
        if np.any(np.diff(t) * np.sign(end - start) < 0):
            raise errors.ArgumentError(errors.describe("solve_ivp got values in t_eval that are not in the order of t_span."))
    f, control = lambda t, y: fun(t, y, *args), (rtol, atol, max_step)
    ys, unravel, nfev, failed = _solved(f, y0, start, end, t, control, "solve_ivp")
    ok = np.logical_not(failed)
    result = {"t": t, "y": vmap(unravel, out_axes=-1)(ys), "nfev": nfev, "status": np.where(failed, -1, 0), "success": ok}
    return OptimizeResult(result)


def _solved(f: Any, y0: Any, start: Any, end: Any, times: Any, control: tuple[Any, Any, Any], who: str) -> Any:
    """The solution as vectors ``f[T,n]``, how to unravel one, the number of calls, and whether it failed."""
    if isinstance(y0, list) and all(shape_of(v) == () for v in y0):
        y0 = np.stack([as_array(v) for v in y0])
    y0, unravel = ravel_pytree(tree_map(inexact, y0))
    dtype = typeof(y0).dtype
    start, end, times = (np.astype(as_array(v), np.float64) for v in (start, end, times))
    sign = np.where(stop_gradient(end) < stop_gradient(start), -1.0, 1.0)

    def slope(u: Any, y: Any) -> Any:
        out = ravel_pytree(f(sign * u, unravel(y)))[0]
        if shape_of(out) != shape_of(y):
            what = f"{who} got a function that returns {typeof(out)} for y of {typeof(y)}."
            raise errors.ArgumentError(errors.describe(what))
        return np.astype(sign * out, dtype)

    solver = RungeKutta(slope, sign * end, *control)
    final, ys = scan(solver.until, solver.start(sign * start, y0), sign * times)
    return ys, unravel, final["nfev"], final["failed"]


def _rms(x: Any) -> Any:
    return np.sqrt(np.mean(np.abs(x) ** 2))


class RungeKutta:
    """Steps of Dormand and Prince's pair (J. Comp. Appl. Math. 6, 1980) with Shampine's interpolation (Math. Comp. 46, 1986).

    Args:
        slope: ``slope(u, y)``; the time u rises.
        end: the last time.
        rtol, atol: tolerances.
        longest: the longest step.
    """

    def __init__(self, slope: Callable[[Any, Any], Any], end: Any, rtol: Any, atol: Any, longest: Any):
        self.slope, self.end, self.rtol, self.atol, self.longest = slope, end, rtol, atol, longest

    def start(self, u: Any, y: Any) -> dict[str, Any]:
        """The state before the first step: where it begins, and the line from there."""
        f = self.slope(u, y)
        n = shape_of(y)[0]
        line = np.stack([f, *[np.zeros(n, typeof(y).dtype)] * 3])
        step = self.first_step(*(stop_gradient(v) for v in (u, y, f)))
        before = {"u_old": u, "y_old": y, "taken": np.float64(1.0), "line": line}
        status = {"nfev": np.int64(2), "failed": np.bool_(False), "rejected": np.bool_(False)}
        return {"u": u, "y": y, "f": f, "step": step, **before, **status}

    def first_step(self, u: Any, y: Any, f: Any) -> Any:
        """Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, II.4."""
        span = stop_gradient(self.end) - u
        scale = self.atol + np.abs(y) * self.rtol
        d0, d1 = _rms(y / scale), _rms(f / scale)
        small = (d0 < 1e-5) | (d1 < 1e-5)
        h0 = np.minimum(np.where(small, 1e-6, 0.01 * d0 / np.where(small, 1.0, d1)), span)
        d2 = _rms(stop_gradient(self.slope(u + h0, np.astype(y + h0 * f, typeof(y).dtype)) - f) / scale)
        d2 = d2 / np.where(h0 > 0, h0, 1.0)
        largest = np.maximum(d1, d2)
        flat = largest <= 1e-15
        h1 = np.where(flat, np.maximum(1e-6, h0 * 1e-3), (0.01 / np.where(flat, 1.0, largest)) ** 0.2)
        return np.minimum(np.minimum(100 * h0, h1), span)

    def until(self, state: dict[str, Any], target: Any) -> tuple[dict[str, Any], Any]:
        """Steps until a time has been reached, and the interpolated value there."""
        state = while_loop(lambda s: (s["u"] < target) & ~s["failed"], self.step, state)
        x = (target - state["u_old"]) / state["taken"]
        powers = np.stack([x, x**2, x**3, x**4])
        y = state["y_old"] + state["taken"] * np.sum(powers[:, None] * state["line"], axis=0)
        reached = stop_gradient(state["u"]) >= stop_gradient(target)
        return state, np.astype(np.where(reached, y, np.nan), typeof(state["y"]).dtype)

    def step(self, s: dict[str, Any]) -> dict[str, Any]:
        """One try, which is taken if its error is below the tolerances; lengths of steps are constants for derivatives."""
        u, y, dtype = s["u"], s["y"], typeof(s["y"]).dtype
        left, shortest = stop_gradient(self.end - u), 10 * np.spacing(np.abs(stop_gradient(u)))
        wanted = stop_gradient(np.maximum(s["step"], np.where(s["rejected"], 0.0, shortest)))
        wanted = np.minimum(wanted, self.longest)
        h, is_last = np.minimum(wanted, left), wanted >= left
        slopes = [s["f"]]
        for a, c in zip(_tableau.A[1:], _tableau.C[1:], strict=True):
            move = sum(float(w) * k for w, k in zip(a, slopes, strict=False) if w)
            slopes.append(self.slope(u + float(c) * h, np.astype(y + h * move, dtype)))
        y_new = np.astype(y + h * sum(float(w) * k for w, k in zip(_tableau.B, slopes, strict=True) if w), dtype)
        slopes.append(self.slope(u + h, y_new))
        scale = self.atol + np.maximum(np.abs(y), np.abs(y_new)) * self.rtol
        error = stop_gradient(_rms(h * sum(float(w) * k for w, k in zip(_tableau.E, slopes, strict=True) if w) / scale))
        is_taken = error < 1
        bad = ~np.isfinite(error)
        factor = SAFETY * np.where(bad | (error == 0), 1.0, error) ** -0.2
        factor = np.where(error == 0, GROW, np.where(bad, SHRINK, np.clip(factor, SHRINK, GROW)))
        factor = np.where(s["rejected"] | ~is_taken, np.minimum(factor, 1.0), factor)
        line = np.stack([sum(float(w) * k for w, k in zip(p, slopes, strict=True) if w) for p in _tableau.P.T])
        new = {
            "u": np.where(is_last, self.end, u + h), "y": y_new, "f": slopes[-1], "step": h * factor,
            "u_old": u, "y_old": y, "taken": h, "line": np.astype(line, dtype),
        }  # fmt: skip
        out = {name: np.where(is_taken, value, s[name]) for name, value in new.items()}
        status = {"nfev": s["nfev"] + 6, "rejected": ~is_taken, "failed": ~is_taken & (h * factor < shortest)}
        return {**out, **status, "step": h * factor}
