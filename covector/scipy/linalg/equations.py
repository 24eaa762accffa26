"""Equations of matrices of `scipy.linalg`: Sylvester's, Lyapunov's and Riccati's.

>>> solve_sylvester(np.eye(1), np.eye(1), np.ones((1, 1)))
array([[0.5]])
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as _scipy

from covector.core.avals import ShapedArray, dtype_of, shape_of, typeof
from covector.primitives.linalg.solving import adjoint
from covector.primitives.linalg.sylvester import sylvester_p
from covector.scipy.checks import as_lapack, square_matrices
from covector.transforms.autodiff import jvp
from covector.transforms.callbacks import pure_callback


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The x with ``a @ x + x @ b = q``, by Bartels and Stewart's method.

    Args:
        a, b: matrices ``f[..., m, m]`` and ``f[..., n, n]``, of which no eigenvalue of the one is minus one of the other.
        q: matrices ``f[..., m, n]``.

    Example:
        >>> solve_sylvester(np.eye(1), np.eye(1), np.ones((1, 1)))
        array([[0.5]])
    """
    a, b, q = as_lapack(a), as_lapack(b), as_lapack(q)
    if (shape_of(a)[-2:], shape_of(b)[-2:]) != ((shape_of(q)[-2],) * 2, (shape_of(q)[-1],) * 2):
        raise ValueError(f"solve_sylvester needs square matrices that fit {typeof(q)}, got {typeof(a)} and {typeof(b)}")
    return sylvester_p.bind(a, b, q)


def _of_one_size(a: Any, q: Any, who: str) -> tuple[Any, Any]:
    a, q = square_matrices(a, who), square_matrices(q, who)
    if shape_of(a)[-1] != shape_of(q)[-1]:
        raise ValueError(f"{who} needs matrices of one size, got {typeof(a)} and {typeof(q)}")
    return a, q


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The x with ``a @ x + x @ a.conj().T = q``.

    Example:
        >>> solve_continuous_lyapunov(np.eye(1), np.ones((1, 1)))
        array([[0.5]])
    """
    a, q = _of_one_size(a, q, "solve_continuous_lyapunov")
    return sylvester_p.bind(a, adjoint(a), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """The x with ``a @ x @ a.conj().T - x + q = 0``.

    Args:
        a, q: matrices ``f[..., n, n]``.
        method: "direct" solves n² linear equations, "bilinear" a continuous equation, which needs that -1 is no eigenvalue of
            a; by default the first for n < 10.

    Example:
        >>> solve_discrete_lyapunov(np.full((1, 1), 0.5), np.ones((1, 1)))
        array([[1.33333333]])
    """
    a, q = _of_one_size(a, q, "solve_discrete_lyapunov")
    n = shape_of(a)[-1]
    way = ("direct" if n < 10 else "bilinear") if method is None else str(method).lower()
    if way == "direct":
        system = np.eye(n * n) - np.reshape(np.einsum("...ik,...jl->...ijkl", a, np.conj(a)), (*shape_of(a)[:-2], n * n, n * n))
        batch = np.broadcast_shapes(shape_of(a)[:-2], shape_of(q)[:-2])
        x = np.linalg.solve(system, np.reshape(q, (*shape_of(q)[:-2], n * n, 1)))
        return np.reshape(x, (*batch, n, n))
    if way != "bilinear":
        raise ValueError(f"solve_discrete_lyapunov got method={method!r}: give 'direct' or 'bilinear'")
    one = np.eye(n)
    left = np.linalg.inv(a + one)
    b = left @ (a - one)
    return sylvester_p.bind(b, adjoint(b), -2 * (left @ q @ adjoint(left)))


# --- Riccati's --------------------------------------------------------------------------------------------------------


def _riccati(name: str, residual: Callable[..., Any], change: Callable[..., Any], given: dict[str, Any], balanced: bool) -> Any:
    """A solution by SciPy, and its derivative by that of the equation.

    Args:
        name: of SciPy's function.
        residual: ``residual(x, **given)``, which is 0.
        change: ``change(x, t, **given)`` is the change of x that changes the residual by -t.
        given: the matrices, by name.
    """
    given = {k: as_lapack(m) for k, m in given.items() if m is not None}
    names, n = list(given), shape_of(given["a"])[-1]
    _check_fit(name, {k: typeof(m) for k, m in given.items()})
    dtype = np.result_type(*(dtype_of(m) for m in given.values()))

    def by_scipy(*matrices: Any) -> Any:
        return _best(name, residual, dict(zip(names, matrices, strict=True)), balanced).astype(dtype)

    def solution(*matrices: Any) -> Any:
        return pure_callback(by_scipy, ShapedArray((n, n), dtype), *matrices, vmap_method="sequential", jvp=rule)

    def rule(primals: Any, tangents: Any) -> Any:
        x = solution(*primals)
        _, t = jvp(lambda *m: residual(x, **dict(zip(names, m, strict=True))), tuple(primals), tuple(tangents))
        dx = change(x, t, **dict(zip(names, primals, strict=True)))
        return x, np.astype((dx + adjoint(dx)) / 2, dtype)

    return solution(*given.values())


def _best(name: str, residual: Callable[..., Any], given: dict[str, Any], balanced: bool) -> Any:
    """SciPy's solution; of the balanced and the other equation where there is an e, for SciPy 1.17 balances that wrongly."""
    solver = getattr(_scipy, name)
    if not (balanced and "e" in given):
        return solver(**given, balanced=balanced)
    found = [solver(**given, balanced=False)]
    with contextlib.suppress(_scipy.LinAlgError):
        found.append(solver(**given, balanced=True))
    return min(found, key=lambda x: float(np.linalg.norm(residual(x, **given))))


def _check_fit(name: str, avals: dict[str, Any]) -> None:
    n, m = avals["a"].shape[-1:], avals["b"].shape[-1:]
    expected = {"a": n + n, "b": n + m, "q": n + n, "r": m + m, "e": n + n, "s": n + m}
    wrong = [f"{k} is {aval}" for k, aval in avals.items() if aval.shape != expected[k]]
    if wrong:
        raise ValueError(
            f"{name} takes a, q and e of one square shape, b and s of as many rows, square r; but {', '.join(wrong)}"
        )


def _or_unit(e: Any, a: Any) -> Any:
    return np.eye(shape_of(a)[-1]) if e is None else e


def _gain(inner: Any, outer: Any, s: Any) -> Any:
    """``inner⁻¹ (outer + sᴴ)``."""
    return np.linalg.solve(inner, outer if s is None else outer + adjoint(s))


def _continuous_residual(x: Any, *, a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None) -> Any:
    e = _or_unit(e, a)
    outer = adjoint(b) @ x @ e
    half = adjoint(e) @ x @ a
    return half + adjoint(half) - (adjoint(outer) if s is None else adjoint(outer) + s) @ _gain(r, outer, s) + q


def _continuous_change(x: Any, t: Any, *, a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None) -> Any:
    """With the closed loop ``m = a - b g``: ``mᴴ dx e + eᴴ dx m = -t``."""
    e = _or_unit(e, a)
    unmix = np.linalg.inv(e)
    closed = (a - b @ _gain(r, adjoint(b) @ x @ e, s)) @ unmix
    return sylvester_p.bind(adjoint(closed), closed, -(adjoint(unmix) @ t @ unmix))


def _discrete_residual(x: Any, *, a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None) -> Any:
    e = _or_unit(e, a)
    outer, inner = adjoint(b) @ x @ a, r + adjoint(b) @ x @ b
    rest = (adjoint(outer) if s is None else adjoint(outer) + s) @ _gain(inner, outer, s)
    return adjoint(a) @ x @ a - adjoint(e) @ x @ e - rest + q


def _discrete_change(x: Any, t: Any, *, a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None) -> Any:
    """With the closed loop ``m = a - b g``: ``mᴴ dx m - eᴴ dx e = -t``."""
    e = _or_unit(e, a)
    unmix = np.linalg.inv(e)
    closed = (a - b @ _gain(r + adjoint(b) @ x @ b, adjoint(b) @ x @ a, s)) @ unmix
    return solve_discrete_lyapunov(adjoint(closed), adjoint(unmix) @ t @ unmix)


def solve_continuous_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """The stabilizing solution of the continuous algebraic Riccati equation.

    That is the Hermitian x with ``aᴴ x e + eᴴ x a - (eᴴ x b + s) r⁻¹ (bᴴ x e + sᴴ) + q = 0``, computed by SciPy; its derivative
    is that of the equation, a Lyapunov equation of the closed loop.

    Args:
        a, q, e: matrices ``f[n,n]``, q Hermitian, e (by default the identity) invertible.
        b, s: ``f[n,m]``; s is zero by default.
        r: a Hermitian, invertible ``f[m,m]``.
        balanced: whether SciPy scales the matrices first.

    Raises:
        ValueError: shapes do not fit, or q or r is not Hermitian.
        LinAlgError: there is no such solution.

    Example:
        >>> one = np.ones((1, 1))
        >>> np.round(solve_continuous_are(0 * one, one, one, one), 12)
        array([[1.]])
    """
    given = {"a": a, "b": b, "q": q, "r": r, "e": e, "s": s}
    return _riccati("solve_continuous_are", _continuous_residual, _continuous_change, given, balanced)


def solve_discrete_are(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
    """The stabilizing solution of the discrete algebraic Riccati equation.

    That is the Hermitian x with ``aᴴ x a - eᴴ x e - (aᴴ x b + s) (r + bᴴ x b)⁻¹ (bᴴ x a + sᴴ) + q = 0``; arguments and errors
    are those of `solve_continuous_are`.

    Example:
        >>> one = np.ones((1, 1))
        >>> np.round(solve_discrete_are(0 * one, one, one, one), 12)
        array([[1.]])
    """
    given = {"a": a, "b": b, "q": q, "r": r, "e": e, "s": s}
    return _riccati("solve_discrete_are", _discrete_residual, _discrete_change, given, balanced)
