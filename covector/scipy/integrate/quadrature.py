"""Integrals of functions, whose derivatives are by Leibniz's rule.

``d/dp ∫ f(x, p) dx`` from a(p) to b(p) is ``∫ ∂f/∂p dx + f(b, p) b' - f(a, p) a'``: the function at the bounds, and an integral
of its derivatives, as exact as the tolerances say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.integrate as _scipy
import scipy.special as _special

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_leaves
from covector.interpreters.closures import reachable_tracers
from covector.numpy.registry import as_array, inexact
from covector.primitives.arrays.subscripts import answered
from covector.scipy.guesses import as_tuple
from covector.transforms.callbacks import pure_callback
from covector.transforms.jacobian import jacobian
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import ravel_pytree

TOLERANCE = 1.49e-8
LOGARITHMIC = ("alg-loga", "alg-logb", "alg-log")


def quad(
    func: Callable[..., Any],
    a: Any,
    b: Any,
    args: Any = (),
    full_output: int = 0,
    epsabs: float = TOLERANCE,
    epsrel: float = TOLERANCE,
    limit: int = 50,
    points: Any = None,
    weight: str | None = None,
    wvar: Any = None,
    wopts: Any = None,
    maxp1: int = 50,
    limlst: int = 50,
    complex_func: bool = False,
) -> Any:
    """The integral of a function of a number, by SciPy (QUADPACK).

    Args:
        func: ``func(x, *args)``, a number.
        a, b: the bounds, which may be infinite: such a bound does not move.
        args: further arguments.
        full_output: return QUADPACK's information too, where all values are known.
        epsabs, epsrel: tolerances.
        limit, maxp1, limlst: SciPy's.
        points: known places inside where the function has difficulties.
        weight, wvar: SciPy's weight functions, "cos" and "sin" of ``wvar * x``, "alg" with its logarithmic kinds, and "cauchy".
        wopts: SciPy's, where all values are known.
        complex_func: whether the function is complex.

    Returns:
        The integral, differentiable in the bounds, ``args`` and what func closes over, and an estimate of its error.  Both are
        complex128 with complex_func, for equal bounds too, and the integral of a complex function from b to a is the negative
        of that from a to b, where SciPy 1.17 returns the same number for both.

    Raises:
        ArgumentError: a traced tolerance, place or parameter of a weight; a traced bound with a logarithmic weight;
            ``full_output`` or ``wopts`` with traced values.

    Example:
        >>> from covector import grad
        >>> float(np.round(grad(lambda c: quad(lambda x: c * x**2, 0.0, 3.0)[0])(1.0), 9))
        9.0
    """
    args = as_tuple(args)
    _refuse_traced("quad", epsabs=epsabs, epsrel=epsrel, limit=limit, points=points, wvar=wvar)
    options: dict[str, Any] = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points, "weight": weight}
    options |= {"wvar": wvar, "maxp1": maxp1, "limlst": limlst}
    if not _is_traced(a, b, func, args):
        falls = complex_func and b < a
        a, b = (b, a) if falls else (a, b)
        found = _scipy.quad(func, a, b, args, full_output, wopts=wopts, complex_func=complex_func, **options)
        number: Any = np.complex128 if complex_func else np.float64
        return (number(-found[0] if falls else found[0]), number(found[1]), *found[2:])
    for name, value in (("full_output", full_output), ("wopts", wopts)):
        if value:
            raise errors.ArgumentError(f"quad got {name}={value!r} and traced values.", fix="leave it out")
    f: Any = lambda x: func(x, *args)
    if weight is not None and weight.startswith("alg") and _is_traced(a, b):
        f, a, b = _on_unit_interval(f, a, b, weight, wvar)
    aval = _value_of(f)
    if aval.shape:
        what = f"quad got a function that returns {aval}."
        raise errors.ArgumentError(what, fix="return a number, or take quad_vec")
    if aval.dtype.kind == "c" and not complex_func:
        raise errors.ArgumentError("quad got a function that returns a complex number.", fix="pass complex_func=True")
    parts, error = _integrated(lambda x: _parts(f(x)) if complex_func else np.reshape(f(x), (1,)), a, b, options)
    if not complex_func:
        return parts[0], error[0]
    return parts[0] + 1j * parts[1], error[0] + 1j * error[1]


def quad_vec(
    f: Callable[..., Any],
    a: Any,
    b: Any,
    epsabs: float = 1e-200,
    epsrel: float = 1e-8,
    norm: str = "2",
    cache_size: float = 100e6,
    limit: float = 10000,
    workers: int = 1,
    points: Any = None,
    quadrature: str | None = None,
    full_output: bool = False,
    *,
    args: Any = (),
) -> Any:
    """The integral of a function of a number whose values are arrays, by SciPy.

    Args:
        f: ``f(x, *args)``, an array of any shape.
        a, b: the bounds, which may be infinite: such a bound does not move.
        epsabs, epsrel, norm, cache_size, limit, quadrature: SciPy's.
        workers: 1: a traced function runs in one process.
        points: known places to divide the interval at.
        full_output: return SciPy's information too, where all values are known.
        args: further arguments.

    Returns:
        The integral, with derivatives as `quad` has them, and an estimate of its error in the norm.

    Raises:
        ArgumentError: a traced tolerance or place; ``full_output`` or several workers with traced values.

    Example:
        >>> np.round(quad_vec(lambda x: np.stack([x, x**2]), 0.0, 3.0)[0], 9)
        array([4.5, 9. ])
    """
    args = as_tuple(args)
    _refuse_traced("quad_vec", epsabs=epsabs, epsrel=epsrel, limit=limit, points=points)
    options = {"epsabs": epsabs, "epsrel": epsrel, "norm": norm, "cache_size": cache_size, "limit": limit}
    options |= {"points": points, "quadrature": quadrature}
    if not _is_traced(a, b, f, args):
        return _scipy.quad_vec(lambda x: np.asarray(f(x, *args)), a, b, workers=workers, full_output=full_output, **options)
    if full_output or workers != 1:
        what = f"quad_vec got full_output={full_output}, workers={workers} and traced values."
        raise errors.ArgumentError(what, fix="leave both out")
    aval = _value_of(lambda x: f(x, *args))
    is_complex = aval.dtype.kind == "c"
    flat: Any = lambda x: np.reshape(f(x, *args), (-1,))
    parts, error = _integrated((lambda x: _parts(flat(x))) if is_complex else flat, a, b, options, together=True)
    if is_complex:
        parts = parts[: len(parts) // 2] + 1j * parts[len(parts) // 2 :]
    return np.reshape(parts, aval.shape), error[0]


def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """The integral of a function by the rule of Gauss and Legendre of order n.

    Args:
        func: ``func(x, *args)`` of a vector of n places, which are the last axis of its value.
        a, b: the bounds, numbers.
        args: further arguments.
        n: how many places.

    Returns:
        The integral, differentiable in all, and None.

    Raises:
        ArgumentError: a bound is known to be infinite.

    Example:
        >>> round(float(fixed_quad(np.cos, 0.0, 1.0)[0]), 9)
        0.841470985
    """
    for name, bound in (("a", a), ("b", b)):
        if not isinstance(bound, TracerBase) and np.any(np.isinf(bound)):
            raise errors.ArgumentError(f"fixed_quad got {name}={bound}.", fix="take quad for infinite bounds")
    places, weights = _special.roots_legendre(n)
    values = func((b - a) * (places + 1) / 2.0 + a, *as_tuple(args))
    return (b - a) / 2.0 * np.sum(weights * values, axis=-1), None


# --- several integrals, one in the other ------------------------------------------------------------------------------


def nquad(
    func: Callable[..., Any], ranges: Sequence[Any], args: Any = None, opts: Any = None, full_output: bool = False
) -> Any:
    """The integral over several variables, by `quad` inside of `quad`.

    Args:
        func: ``func(x0, ..., xn, *args)``, a number; x0 is the innermost variable.
        ranges: for each variable a pair of bounds, or ``(x after it ..., *args) -> pair``.
        args: further arguments.
        opts: options of `quad`, a dictionary for all variables, or one for each, or functions like ranges that return one.
        full_output: return SciPy's information too, where all values are known.

    Returns:
        The integral, with derivatives as `quad` has them, and an estimate of its error (where values are traced, that of the
        outermost integral).

    Raises:
        ArgumentError: as `quad`.

    Example:
        >>> float(np.round(nquad(lambda x, y: x * y, [lambda y: (0.0, y), (0.0, 2.0)])[0], 9))
        2.0
    """
    args = () if args is None else as_tuple(args)
    bounds = [r if callable(r) else (lambda *_, r=r: r) for r in ranges]
    each: list[Any] = [opts] * len(bounds) if opts is None or isinstance(opts, dict) else list(opts)
    if not _is_traced(func, args, ranges, opts):
        return _scipy.nquad(func, ranges, args, opts, full_output)
    if full_output:
        raise errors.ArgumentError("nquad got full_output=True and traced values.", fix="leave it out")

    def integral(i: int, later: tuple[Any, ...]) -> Any:
        given = each[i](*later, *args) if callable(each[i]) else each[i] or {}
        f = lambda x: integral(i - 1, (x, *later))[0] if i else func(x, *later, *args)
        return quad(f, *bounds[i](*later, *args), **given)

    return integral(len(bounds) - 1, ())


def _bound(edge: Any, n: int) -> Any:
    """A bound as a function of the n variables outside of it, first the outermost, as SciPy's functions have it."""
    return (lambda *later: edge(*later[:n][::-1])) if callable(edge) else (lambda *later: edge)


def dblquad(
    func: Callable[..., Any], a: Any, b: Any, gfun: Any, hfun: Any, args: Any = (),
    epsabs: float = TOLERANCE, epsrel: float = TOLERANCE,
) -> Any:  # fmt: skip
    """The integral of ``func(y, x, *args)`` over x from a to b and y from ``gfun(x)`` to ``hfun(x)``.

    Args:
        func: the function, a number.
        a, b: the bounds of x.
        gfun, hfun: those of y, functions of x or numbers.
        args: further arguments of func.
        epsabs, epsrel: tolerances.

    Returns:
        As `nquad`.

    Example:
        >>> float(np.round(dblquad(lambda y, x: x * y, 0.0, 2.0, 0.0, lambda x: x)[0], 9))
        2.0
    """
    low, high = _bound(gfun, 1), _bound(hfun, 1)
    ranges = [lambda *later: (low(*later), high(*later)), (a, b)]
    return nquad(func, ranges, args, {"epsabs": epsabs, "epsrel": epsrel})


def tplquad(
    func: Callable[..., Any], a: Any, b: Any, gfun: Any, hfun: Any, qfun: Any, rfun: Any, args: Any = (),
    epsabs: float = TOLERANCE, epsrel: float = TOLERANCE,
) -> Any:  # fmt: skip
    """The integral of ``func(z, y, x, *args)`` over a space.

    Args:
        func: the function, a number.
        a, b: the bounds of x.
        gfun, hfun: those of y, functions of x or numbers.
        qfun, rfun: those of z, functions of x and y or numbers.
        args: further arguments of func.
        epsabs, epsrel: tolerances.

    Returns:
        As `nquad`.

    Example:
        >>> float(np.round(tplquad(lambda z, y, x: x * y * z, 0.0, 1.0, 0.0, 2.0, 0.0, 3.0)[0], 9))
        4.5
    """
    (g, h), (q, r) = (_bound(gfun, 1), _bound(hfun, 1)), (_bound(qfun, 2), _bound(rfun, 2))
    ranges = [lambda *later: (q(*later), r(*later)), lambda *later: (g(*later), h(*later)), (a, b)]
    return nquad(func, ranges, args, {"epsabs": epsabs, "epsrel": epsrel})


# --- the integral as an operation -------------------------------------------------------------------------------------


def _is_traced(*values: Any) -> bool:
    """Whether functions or values hold something that is being transformed."""
    return any(isinstance(v, TracerBase) for v in values) or next(reachable_tracers(list(values)), None) is not None


def _refuse_traced(who: str, **options: Any) -> None:
    for name, value in options.items():
        traced = [x for x in tree_leaves(value) if isinstance(x, TracerBase)]
        if traced:
            what = f"{who} got {name} with a traced value of type {typeof(traced[0])}."
            why = "an integral is differentiated in its bounds, in args and in what the function closes over"
            raise errors.ArgumentError(what, why=why, fix="pass a plain value, or make it part of the function")


def _value_of(f: Callable[[Any], Any]) -> Any:
    """The aval of a function's values."""
    found = []

    def look(x: Any) -> Any:
        found.append(typeof(as_array(f(x))))
        return 0.0

    closure_convert(look, 0.0)
    return found[-1]


def _parts(x: Any) -> Any:
    """Real and imaginary parts as one vector."""
    x = np.reshape(x, (-1,))
    return np.concatenate([np.real(x), np.imag(x)])


def _on_unit_interval(f: Any, a: Any, b: Any, weight: str, wvar: Any) -> tuple[Any, Any, Any]:
    """The integral with the weight ``(x - low)**p (high - x)**q`` as one from 0 to 1: the bounds are in the function alone."""
    if weight in LOGARITHMIC:
        what = f"quad got weight={weight!r} and a traced bound."
        fix = 'take weight="alg" and write the logarithm'
        raise errors.ArgumentError(what, why="the weight depends on the bounds", fix=fix)
    falls = np.less(b, a)
    low, length = np.where(falls, b, a), np.where(falls, a - b, b - a)
    scale = np.where(falls, -1.0, 1.0) * length ** (wvar[0] + wvar[1] + 1)
    return (lambda s: scale * f(low + length * s)), 0.0, 1.0


def _bound_that_moves(x: Any) -> Any:
    """A bound, or the plain number that it is if it is known to be infinite: in reverse its 0 would meet what is infinite."""
    value = answered(x) if isinstance(x, TracerBase) else None
    return np.asarray(value) if value is not None and np.all(np.isinf(value)) else x


def _integrated(f: Any, a: Any, b: Any, options: dict[str, Any], together: bool = False) -> Any:
    """The integral of a function whose values are vectors, and estimates of the error."""
    converted, consts = closure_convert(lambda x: np.astype(f(x), np.float64), 0.0)
    flat, unravel = ravel_pytree([as_array(c) for c in consts]) if consts else (np.zeros(0), lambda _: [])
    if typeof(flat).dtype.kind == "c":
        whole, n = unravel, shape_of(flat)[0]
        flat, unravel = _parts(flat), lambda c: whole(c[:n] + 1j * c[n:])
    flat = np.astype(inexact(flat), np.float64)
    of_constants = lambda x, c: converted(x, *unravel(c))
    a, b = map(_bound_that_moves, (a, b))
    moves = (isinstance(a, TracerBase), isinstance(b, TracerBase))
    size = _length(of_constants, flat)
    a, b = (np.astype(as_array(v), np.float64) for v in (a, b))
    return Integral(of_constants, size, moves, options, together)(a, b, flat)


def _length(f: Any, c: Any) -> int:
    """How many numbers a function returns."""
    return int(np.prod(_value_of(lambda x: f(x, c)).shape))


class Integral(NamedTuple):
    """The integral of ``f(x, c)``, a vector, from a to b, as a function of a, b and the vector c."""

    f: Callable[[Any, Any], Any]
    size: int
    moves: tuple[bool, bool]
    """Which of the bounds may change."""
    options: dict[str, Any]
    together: bool
    """Whether the elements are integrated together, at the same places."""

    def __call__(self, a: Any, b: Any, c: Any) -> Any:
        compiled: Any = jit(self.f)
        number, errors_of = np.dtype(np.float64), 1 if self.together else self.size
        avals = (ShapedArray((self.size,), number), ShapedArray((errors_of,), number))

        def on_host(a: Any, b: Any, c: Any) -> Any:
            g: Any = lambda x: np.asarray(compiled(float(x), c))
            if self.together:
                value, error = _scipy.quad_vec(g, float(a), float(b), **self.options)[:2]
                return np.asarray(value, np.float64), np.array([error], np.float64)
            found = [
                _scipy.quad(lambda x, i=i: float(g(x)[i]), float(a), float(b), **self.options)[:2] for i in range(self.size)
            ]
            return tuple(np.asarray(column, np.float64).reshape(self.size) for column in np.reshape(found, (self.size, 2)).T)

        return pure_callback(on_host, avals, a, b, c, vmap_method="sequential", jvp=self.leibniz)

    def leibniz(self, primals: Any, tangents: Any) -> Any:
        (a, b, c), (ta, tb, tc) = primals, tangents
        value, error = self(a, b, c)
        n = shape_of(c)[0]
        tangent: Any = np.zeros(self.size)
        if n and self.size:
            slopes = Integral(self.slopes, self.size * n, self.moves, self.options, self.together)
            tangent = np.reshape(slopes(a, b, c)[0], (self.size, n)) @ tc
        if self.moves[1]:
            tangent = tangent + self.gained(b, a, c, tb)
        if self.moves[0]:
            tangent = tangent - self.gained(a, b, c, ta)
        return (value, error), (tangent, 0.0 * error)

    def gained(self, bound: Any, other: Any, c: Any, t: Any) -> Any:
        """What the integral gains where a bound moves; an infinite one stays what it is."""
        far = np.isinf(bound)
        x = np.where(far, np.where(np.isinf(other), 0.0, other + np.sign(bound)), bound)
        return np.where(far, 0.0, self.weighed(x) * self.f(x, c) * np.where(far, 0.0, t))

    def slopes(self, x: Any, c: Any) -> Any:
        return np.reshape(jacobian(self.f, 1)(x, c), (self.size * shape_of(c)[0],))

    def weighed(self, x: Any) -> Any:
        """The weight at a bound."""
        weight, w = self.options.get("weight"), self.options.get("wvar")
        weights = {"cos": lambda x: np.cos(w * x), "sin": lambda x: np.sin(w * x), "cauchy": lambda x: 1 / (x - w)}
        return weights[weight](x) if weight else 1.0
