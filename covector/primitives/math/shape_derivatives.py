"""The derivatives of the incomplete gamma and beta functions in their shape parameters.

>>> float(gammainc_in_a(np.array(2.0), np.array(3.0)))
-0.197425419579202

They are integrals of the density times a logarithm, taken over the smaller tail in a logarithmic coordinate, in which the
integrand is smooth and falls off at a known rate: Gauss and Legendre's rule over the part that counts is exact to about 1e-11.
For small arguments the power series is used (DLMF 8.7.1).
All is written in NumPy's and SciPy's functions, so the derivatives of these derivatives follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.primitives.math.quadrature import gauss_legendre

DECAY = 40.0
"""A tail is cut off where it has fallen by so many powers of e."""


def stirling_error(a: Any) -> Any:
    """What Stirling's formula for the logarithm of the gamma function lacks: DLMF 5.11.1."""
    large, small = np.where(a < 10, 10.0, a), np.where(a < 10, a, 1.0)
    r = 1 / (large * large)
    terms = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
    series: Any = 0.0
    for term in reversed(terms):
        series = series * r + term
    exact = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + np.log(2 * np.pi) / 2)
    return np.where(a < 10, exact, series / large)


def _log_ratio(u: Any, ratio: Any) -> Any:
    """The logarithm of a ratio, where ``u`` is the ratio less 1 without cancellation."""
    near = np.abs(u) < 0.5
    return np.where(near, np.log1p(np.where(near, u, 0.0)), np.log(ratio))


def gammainc_in_a(a: Any, x: Any) -> Any:
    """The derivative of ``scipy.special.gammainc(a, x)`` in ``a``; the arguments broadcast.

    It is 0 at both ends of x, and NaN where ``a`` is not positive or x is negative.
    """
    is_end, is_steep = (x == 0) | (x == np.inf), (x == 0) & (a <= 1)
    at_end = np.where(is_steep, -np.sqrt(np.where(is_steep, x, 1.0)), 0.0)  # it begins as log(x) x^a does
    a, x = a + np.where(a > 0, 0.0, np.nan), np.where(is_end, 1.0, x)
    small = x < 1.5
    near = _gamma_series(a, np.where(small, x, 1.0))
    inside = np.where(small, near, _gamma_tail(np.where(small, 2.0, a), np.where(small, 2.0, x)))
    return np.where(is_end, a * 0 + at_end, inside)


def _gamma_series(a: Any, x: Any) -> Any:
    log_x, psi = np.log(x), special.psi(a)
    total, term = log_x - special.psi(a + 1), 1.0
    for n in range(1, 30):
        term = term * -x / n
        total = total + term * a / (a + n) * (log_x - 1 / (a + n) - psi)
    return np.exp(a * log_x - special.gammaln(a + 1)) * total


def _gamma_tail(a: Any, x: Any) -> Any:
    """The integral over t = x exp(∓s), with all in proportion to the density at x."""
    nodes, weights = gauss_legendre(64)
    is_lower = x < a
    sign = np.where(is_lower, -1.0, 1.0)
    upper = np.minimum(np.sqrt(2 * DECAY / x), np.log(2 * (1 + DECAY / x)))
    length = np.where(is_lower, _length(a), upper)[..., None]
    s = sign[..., None] * nodes * length
    shape, at = a[..., None], x[..., None]
    weight = weights * length * np.exp(shape * s - at * np.expm1(s))
    log_density = a * (_log_ratio((x - a) / a, x / a) - (x - a) / a) + np.log(a / (2 * np.pi)) / 2 - stirling_error(a)
    return -sign * np.exp(log_density) * np.sum(weight * (np.log(at) - special.psi(shape) + s), axis=-1)


def _length(a: Any) -> Any:
    """Where ``a (s - 1 + exp(-s))`` has reached `DECAY`, or a little beyond: it is above ``a s² / (2 + s)``."""
    r = DECAY / a
    return (r + np.sqrt(r * (r + 8))) / 2


def betainc_in_a(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The derivative of ``scipy.special.betainc(a, b, x)`` in ``a``, where ``y`` is 1 - x, which may be small.

    It is 0 at both ends of x.  The derivative in ``b`` is ``-betainc_in_a(b, a, y, x)``.
    """
    is_end, is_steep, is_steep_at_1 = (x == 0) | (y == 0), (x == 0) & (a <= 1), (y == 0) & (b < 1)
    at_0 = -np.sqrt(np.where(is_steep, x, 1.0)) * is_steep  # it begins as log(x) x^a does
    at_1 = -np.sqrt(np.where(is_steep_at_1, y, 1.0)) * is_steep_at_1 - y * ((y == 0) & (b == 1))
    x, y = np.where(is_end, 0.5, x), np.where(is_end, 0.5, y)
    return np.where(is_end, (a + b) * 0 + at_0 + at_1, _inside(a, b, x, y))


def _inside(a: Any, b: Any, x: Any, y: Any) -> Any:
    n = np.add(a, b)  # Python's numbers have no axes to add
    is_lower = x * b < y * a
    own, other = np.where(is_lower, a, b), np.where(is_lower, b, a)
    length = np.minimum(_length(own * other / n), (DECAY / n + np.log1p(own / other)) * n / own)
    tau, weights = _in_two_parts(length)
    log_rest = np.log1p(np.where(is_lower, x, y)[..., None] * np.expm1(-tau))
    weight = weights * np.exp(-own[..., None] * tau - n[..., None] * log_rest)
    log_x = np.where(y < 0.5, np.log1p(-np.where(y < 0.5, y, 0.0)), np.log(x))
    log_t = log_x[..., None] - np.where(is_lower[..., None], tau, 0.0) - log_rest
    excess = x * b - y * a
    log_density = a * _log_ratio(excess / a, x * n / a) + b * _log_ratio(-excess / b, y * n / b)
    scale = np.log(a * b / n / (2 * np.pi)) / 2 + stirling_error(n) - stirling_error(a) - stirling_error(b)
    mean_log = -_psi_rise(a, b)[..., None]
    return np.where(is_lower, 1.0, -1.0) * np.exp(log_density + scale) * np.sum(weight * (log_t - mean_log), axis=-1)


def _psi_rise(a: Any, b: Any) -> Any:
    """``psi(a + b) - psi(a)``, for small b by the power series: DLMF 5.15.1."""
    near = b < a / 100
    small, total = np.where(near, b, 0.0), np.zeros_like(b)
    for k in range(8, 0, -1):
        total = small * ((-1) ** (k + 1) * special.zeta(k + 1.0, a) + total)
    return np.where(near, total, special.psi(a + b) - special.psi(a))


def _in_two_parts(length: Any) -> tuple[Any, Any]:
    """Places up to a length, with weights: to where ``exp(-tau)`` has gone, and from there, where the rest falls slowly."""
    (first, w), (rest, v) = gauss_legendre(96), gauss_legendre(48)
    end = np.minimum(length, DECAY)[..., None]
    left = length[..., None] - end
    return np.concatenate([first * end, end + rest * left], axis=-1), np.concatenate([w * end, v * left], axis=-1)


def gamma_sample_in_a(a: Any, x: Any) -> Any:
    """How a sample ``x`` of the gamma distribution moves with ``a``, its quantile staying the same."""
    is_end = x == 0
    x = np.where(is_end, 1.0, x)
    log_density = (a - 1) * np.log(x) - x - special.gammaln(a)
    return np.where(is_end, a * 0, -gammainc_in_a(a, x) / np.exp(log_density))
