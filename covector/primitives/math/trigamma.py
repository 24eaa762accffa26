"""The derivative of the digamma function for complex numbers, for which SciPy has none.

>>> complex(np.round(trigamma(np.array(1 + 2j)), 12))
(0.124931162141-0.477825550147j)

It is the sum over k of 1/(z + k)² (DLMF 5.15.1), of which the first terms are added and the rest is an asymptotic series
(DLMF 5.15.8); on the left half of the plane it is reflected (DLMF 5.15.6).  It is good to about 1e-14, and written in NumPy's
functions, so its derivatives follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FIRST_TERMS = 14
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def trigamma(z: Any) -> Any:
    """The derivative of ``scipy.special.psi(z)`` for complex numbers; not finite at its poles 0, -1, -2, …"""
    is_left = np.real(z) < 0.5
    right = _on_the_right(np.where(is_left, 1 - z, z))
    return np.where(is_left, _reflection(np.where(is_left, z, 0.25)) - right, right)


def _on_the_right(z: Any) -> Any:
    total: Any = 0.0
    for k in range(FIRST_TERMS):
        total = total + np.square(1 / (z + k))
    r = 1 / (z + FIRST_TERMS)
    squared, series = r * r, 0.0
    for bernoulli in reversed(BERNOULLI):
        series = (series + bernoulli) * squared
    return total + r * (1 + r / 2 + series)


def _reflection(z: Any) -> Any:
    """(pi / sin(pi z))², by an exponential that does not overflow; the period is taken off before, where that is exact."""
    away = z - np.round(np.real(z))
    turned = np.where(np.imag(z) < 0, -2j * np.pi * away, 2j * np.pi * away)
    return -4 * np.pi**2 * np.exp(turned) / np.square(np.expm1(turned))
