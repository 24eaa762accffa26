"""The von Mises distribution, of angles: K. V. Mardia and P. E. Jupp, "Directional Statistics", 2000, section 3.5.4.

>>> round(float(vonmises.cdf(0.0, 2.0)), 12)
0.5

Its distribution function is the integral of the density over the smaller part of a turn, up to where that has fallen by so many
powers of e that no more comes: Gauss and Legendre's rule has all digits there, in the logarithm too.  Derivatives in every
argument are those of this sum.  As in SciPy, a turn adds 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math.identity import stop_gradient_p
from covector.primitives.math.quadrature import gauss_legendre
from covector.scipy.stats.distributions import Continuous
from covector.scipy.stats.supports import LOG_2PI, log_i0e, whole_line
from covector.scipy.stats.tails import about_0, log1mexp, wide

DECAY = 40.0


def _logpdf(x: Any, kappa: Any) -> Any:
    return kappa * -2 * np.sin(x / 2) ** 2 - LOG_2PI - log_i0e(kappa)


def _beyond(x: Any, kappa: Any) -> tuple[Any, Any]:
    """The probability from x to half a turn, for x from 0 on: the logarithm of the density, and what to multiply that with."""
    nodes, weights = gauss_legendre(64)
    last = np.arccos(np.maximum(np.cos(x) - DECAY / np.maximum(kappa, 1e-3), -1.0))
    length = stop_gradient_p.bind(np.maximum(last, x)) - x
    steps = wide(length) * nodes
    falls = -2 * wide(kappa) * np.sin(wide(x) + steps / 2) * np.sin(steps / 2)  # κ (cos(x + s) - cos(x))
    return _logpdf(x, kappa), length * np.sum(weights * np.exp(falls), axis=-1)


def _parts(x: Any, kappa: Any) -> tuple[Any, Any, Any, Any]:
    """The turns in an angle, whether the rest of it is positive, and the two factors of what is beyond its size."""
    turns = np.round(x / (2 * np.pi))
    rest = x - 2 * np.pi * turns
    right = rest > 0
    return turns, right, *_beyond(np.where(right, rest, -rest), kappa)


def _cdf(x: Any, kappa: Any) -> Any:
    turns, right, height, width = _parts(x, kappa)
    beyond = np.exp(height) * width
    return turns + np.where(right, 1 - beyond, beyond)


def _logcdf(x: Any, kappa: Any) -> Any:
    turns, right, height, width = _parts(x, kappa)
    some = width > 0
    beyond = np.where(some, height + np.log(np.where(some, width, 1.0)), -np.inf)
    inside = np.where(right, log1mexp(-np.where(right, beyond, -1.0)), beyond)
    first = turns == 0
    return np.where(first, inside, np.log(np.where(first, 1.0, _cdf(x, kappa))))


vonmises = Continuous(
    "vonmises",
    "kappa",
    support=whole_line,
    valid=lambda kappa: kappa >= 0,
    logpdf=_logpdf,
    **about_0(_cdf, _logcdf),
)
