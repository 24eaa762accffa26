"""The derivatives of Bessel functions, and of the zeta function, in their orders.

>>> float(np.round(kv_in_v(np.array(1.0), np.array(2.0)), 10))
0.0569469364

For small arguments they are power series (DLMF 10.15.1, 10.38.1), for large ones integrals (DLMF 10.9.6, 10.32.3, 10.32.9) by
Gauss and Legendre's rule, good to about 1e-11 of the function.  Where neither is, for I of arguments beyond 600, for J where
these and the order are together, or for
large orders and arguments at once, they are NaN.  All is written in NumPy's and SciPy's functions, so further derivatives
follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.primitives.math.quadrature import gauss_legendre
from covector.primitives.math.trigamma import BERNOULLI

DECAY = 45.0


def _series(v: Any, x: Any, sign: int, terms: int) -> Any:
    """The derivative of the sum over k of sign^k (x/2)^(2k+v) / (k! gamma(v+k+1))."""
    quarter, log_half = sign * x * x / 4, np.log(x / 2)
    term, psi, total = np.exp(v * log_half - special.gammaln(v + 1)), special.psi(v + 1), 0.0
    for k in range(terms):
        total = total + term * (log_half - psi)
        term = term * quarter / ((k + 1) * (v + k + 1))
        psi = psi + 1 / (v + k + 1)
    return total


def _by_part(v: Any, x: Any, is_small: Any, is_large: Any, near: Any, far: Any) -> Any:
    """One formula where the argument is small, another where it is large, and NaN elsewhere."""
    v = np.where(x > 0, v, np.nan)
    small, large = np.where(is_small, x, 1.0), np.where(is_large, x, 50.0)
    order = np.where(is_large, v, 1.0)
    return np.where(is_small, near(np.where(is_small, v, 1.0), small), np.where(is_large, far(order, large), np.nan))


def jv_in_v(v: Any, x: Any) -> Any:
    """The derivative of ``scipy.special.jv(v, x)`` in ``v``, for v > -1 and x > 0."""
    is_small = (x * x < 144 + 48 * np.abs(v)) & (v > -1)
    is_large = ~is_small & (x + np.abs(v) < 600) & (np.abs(v) < 200)

    def far(v: Any, x: Any) -> Any:
        """Schläfli's integral."""
        (nodes, weights), order, at = gauss_legendre(400), v[..., None], x[..., None]
        angle = nodes * np.pi
        whole = np.sum(weights * -angle * np.sin(order * angle - at * np.sin(angle)), axis=-1)
        nodes, weights = gauss_legendre(200)
        length = np.arcsinh(DECAY / at)
        for _ in range(6):
            length = np.arcsinh((DECAY - np.minimum(order, 0.0) * length) / at)
        s = nodes * length
        decay = weights * length * np.exp(-at * np.sinh(s) - order * s)
        return whole - np.cos(v * np.pi) * np.sum(decay, axis=-1) + np.sin(v * np.pi) / np.pi * np.sum(decay * s, axis=-1)

    return _by_part(v, x, is_small, is_large, lambda v, x: _series(v, x, -1, 60), far)


def iv_in_v(v: Any, x: Any) -> Any:
    """The derivative of ``scipy.special.iv(v, x)`` in ``v``, for v > -1 and x > 0."""
    has_small_terms = np.sqrt(v * v + x * x) - np.abs(v) < 60
    is_small = has_small_terms & (v > -1)
    is_large = ~has_small_terms & (v * v < 4 * x) & (x < 600)

    def far(v: Any, x: Any) -> Any:
        (nodes, weights), order, at = gauss_legendre(200), v[..., None], x[..., None]
        width = np.minimum(np.pi, 1.6 * np.sqrt(2 * DECAY / at))
        angle = nodes * width
        return -np.sum(weights * width * angle * np.exp(at * np.cos(angle)) * np.sin(order * angle), axis=-1) / np.pi

    return _by_part(v, x, is_small, is_large, lambda v, x: _series(v, x, 1, 90), far)


def kv_in_v(v: Any, x: Any) -> Any:
    """The derivative of ``scipy.special.kv(v, x)`` in ``v``, for x > 0."""
    (nodes, weights), order, at = gauss_legendre(200), np.abs(v)[..., None], np.where(x > 0, x, np.nan)[..., None]
    length = np.arccosh(1 + DECAY / at)
    for _ in range(6):
        length = np.arccosh(1 + (DECAY + order * length) / at)
    s = nodes * length
    growth = np.exp(order * s - at * np.cosh(s)) * -np.expm1(-2 * order * s) / 2
    return np.sign(v) * np.sum(weights * length * s * growth, axis=-1)


def zeta_in_s(s: Any, q: Any) -> Any:
    """The derivative of Hurwitz's ``scipy.special.zeta(s, q)`` in ``s``, by Euler and Maclaurin's formula (DLMF 25.11.5)."""
    total: Any = 0.0
    for k in range(12):
        total = total - np.log(q + k) * (q + k) ** -s
    n = q + 12
    log_n, power = np.log(n), n**-s
    total = total - power * n / (s - 1) * (log_n + 1 / (s - 1)) - power * log_n / 2
    rising, rising_slope, factorial = s, 1.0, 2.0  # s (s+1) ... (s+2j-2), its derivative, and (2j)!
    power = power / n
    for j, bernoulli in enumerate(BERNOULLI, 1):
        total = total + bernoulli / factorial * power * (rising_slope - rising * log_n)
        for m in (2 * j - 1, 2 * j):
            rising, rising_slope = rising * (s + m), rising_slope * (s + m) + rising
        factorial, power = factorial * (2 * j + 1) * (2 * j + 2), power / (n * n)
    return np.where((np.real(s) > 1) & (q > 0), total, np.nan)
