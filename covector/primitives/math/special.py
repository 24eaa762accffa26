"""Special functions whose derivatives are members of a family: ``sinc`` and the Bessel functions ``I_n``.

The parameter ``order`` says which member, so derivatives of any order are exact, also where the formula in textbooks divides
by zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.kinds import Elementwise
from covector.core.primitive import Primitive


def _exactly(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of real or complex numbers that computes in double precision at least."""

    def computed(x: Any, *, order: int) -> Any:
        x = np.asarray(x)
        exact = x if x.dtype.kind == "c" or x.dtype == np.longdouble else x.astype(np.float64)
        return fn(exact, order).astype(x.dtype if x.dtype.kind in "fc" else np.float64, copy=False)[()]

    return computed


# --- sinc: the parameter is the order of the derivative ---------------------------------------------------------------


def sinc_derivative(x: Any, order: int) -> Any:
    """The derivative of ``sin(pi x) / (pi x)`` of some order.

    With u = pi x and f(u) = sin(u)/u, differentiating u f = sin(u) gives u f⁽ᵏ⁾ + k f⁽ᵏ⁻¹⁾ = sin(u + k pi/2), which is stable
    where |u| > k; below that the Taylor series converges fast.
    """
    u = np.pi * x
    near = np.abs(u) <= order
    far = np.where(near, np.pi, u)
    value = np.sin(far) / far
    for k in range(1, order + 1):
        value = (_shifted_sine(far, k) - k * value) / far
    return np.pi**order * np.where(near, _sinc_series(np.where(near, u, 0), order), value)


def _shifted_sine(u: Any, quarters: int) -> Any:
    return (np.sin(u), np.cos(u), -np.sin(u), -np.cos(u))[quarters % 4]


def _sinc_series(u: Any, order: int) -> Any:
    """The sum over 2n >= k of (-1)ⁿ u²ⁿ⁻ᵏ / ((2n+1) (2n-k)!), the k-th derivative of sin(u)/u."""
    total = np.zeros_like(u)
    for n in range((order + 1) // 2, (order + 1) // 2 + 16 + 2 * order):
        total = total + (-1) ** n * u ** (2 * n - order) / ((2 * n + 1) * math.factorial(2 * n - order))
    return total


_sinc = _exactly(lambda x, order: np.asarray(np.sinc(x) if order == 0 else sinc_derivative(x, order)))
sinc_p = Primitive("sinc", Elementwise(_sinc, lambda out, x, *, order: sinc_p.bind(x, order=order + 1)), trusted=True)


# --- I_n: the parameter is n ------------------------------------------------------------------------------------------


def _bessel_i(x: Any, order: int) -> Any:
    if order == 0:
        return np.asarray(np.i0(x))
    import scipy.special

    return scipy.special.iv(order, x.astype(np.float64))


def _bessel_i_derivative(out: Any, x: Any, *, order: int) -> Any:
    """I₀' = I₁ and 2 Iₙ' = Iₙ₋₁ + Iₙ₊₁."""
    following = bessel_i_p.bind(x, order=order + 1)
    return following if order == 0 else (bessel_i_p.bind(x, order=order - 1) + following) / 2


bessel_i_p = Primitive("bessel_i", Elementwise(_exactly(_bessel_i), _bessel_i_derivative), trusted=True)
