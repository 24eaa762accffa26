"""Integrals of functions, whose derivatives are by Leibniz's rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as _scipy

from covector.core.avals import ShapedArray, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.interpreters.closures import reachable_tracers
from covector.numpy.registry import as_array
from covector.transforms.callbacks import pure_callback
from covector.transforms.jacobian import jacobian
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import ravel_pytree


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
