"""Continuous distributions made of the normal one: the formulas are those of SciPy's documentation.

>>> float(norm.pdf(0.0))
0.3989422804014...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.primitives.math.quadrature import gauss_legendre
from covector.scipy.stats.distributions import Continuous
from covector.scipy.stats.supports import SQUARABLE, above_zero, normal_logpdf, positive, whole_line
from covector.scipy.stats.tails import LOG_2, SMALL, about_0, log1mexp, log_of, log_tail, wide

# --- normal and its relatives -----------------------------------------------------------------------------------------


def _log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the normal probability between two bounds."""
    infinite = np.isinf(a) | np.isinf(b)
    a_known, b_known = np.where(infinite, 0.0, a), np.where(infinite, 1.0, b)
    far = _log_wide_mass(np.where(infinite, a, -1.0), np.where(infinite, b, 1.0))
    return np.where(infinite, far, _log_mass_about((a_known + b_known) / 2, (b_known - a_known) / 2))


def _log_mass_about(middle: Any, half: Any) -> Any:
    """The same between ``middle - half`` and ``middle + half``; where these are near, by the rule of Gauss and Legendre."""
    near = half * (1 + np.abs(middle)) < 0.5
    nodes, weights = gauss_legendre(12, -1.0)
    places = wide(np.where(near, half, 0.1)) * nodes
    ratio = np.sum(weights * np.exp(-places * (wide(np.where(near, middle, 0.0)) + places / 2)), axis=-1)
    narrow = np.log(half) + normal_logpdf(middle) + np.log(ratio)
    half = np.where(near, 1.0, half)
    return np.where(near, narrow, _log_wide_mass(middle - half, middle + half))


def _log_wide_mass(a: Any, b: Any) -> Any:
    """On the side where the two probabilities do not cancel."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    top = _log_ndtr(high)
    return top + log1mexp(top - _log_ndtr(low))


def _log_ndtr(x: Any) -> Any:
    """`scipy.special.log_ndtr`, a constant at infinities."""
    finite = np.isfinite(x)
    return np.where(finite, special.log_ndtr(np.where(finite, x, 0.0)), np.where(x > 0, 0.0, -np.inf))


norm = Continuous("norm", support=whole_line, logpdf=normal_logpdf, **about_0(special.ndtr, special.log_ndtr, special.ndtri))


def log_erfc(x: Any) -> Any:
    """The logarithm of ``erfc(x / sqrt(2))`` for x that is not negative."""
    near = x < 0.5
    close = np.log1p(-special.erf(np.where(near, x, 0.0) / np.sqrt(2)))
    return np.where(near, close, LOG_2 + special.log_ndtr(-np.where(near, 1.0, x)))


halfnorm = Continuous(
    "halfnorm",
    support=positive,
    logpdf=lambda x: normal_logpdf(x) + LOG_2,
    cdf=lambda x: special.erf(x / np.sqrt(2)),
    sf=lambda x: special.erfc(x / np.sqrt(2)),
    logsf=log_erfc,
    ppf=lambda q: np.sqrt(2) * special.erfinv(q),
    isf=lambda q: np.sqrt(2) * special.erfcinv(q),
)
lognorm = Continuous(
    "lognorm",
    "s",
    support=above_zero,
    logpdf=lambda x, s: normal_logpdf(np.log(x) / s) - np.log(s * x),
    cdf=lambda x, s: special.ndtr(np.log(x) / s),
    sf=lambda x, s: special.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: special.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: special.log_ndtr(-np.log(x) / s),
    ppf=lambda q, s: np.exp(s * special.ndtri(q)),
    isf=lambda q, s: np.exp(-s * special.ndtri(q)),
)


def _foldnorm_logsf(x: Any, c: Any) -> Any:
    beyond = np.logaddexp(special.log_ndtr(c - x), special.log_ndtr(-c - x))
    near = beyond > -0.5
    return np.where(near, log1mexp(-_log_mass_about(-c, np.where(near, x, 0.1))), beyond)


foldnorm = Continuous(
    "foldnorm",
    "c",
    support=lambda c: (0.0, SQUARABLE),
    valid=lambda c: c >= 0,
    logpdf=lambda x, c: normal_logpdf(x - c) + np.log1p(np.exp(-2 * c * x)),
    sf=lambda x, c: special.ndtr(c - x) + special.ndtr(-c - x),
    logcdf=lambda x, c: _log_mass_about(-c, x),
    logsf=_foldnorm_logsf,
)


def _skewnorm_logpdf(x: Any, a: Any) -> Any:
    return LOG_2 + normal_logpdf(x) + special.log_ndtr(a * x)


def _skewnorm_logcdf(x: Any, a: Any) -> Any:
    """Where the probability is small, by the density, for the difference of normal probability and Owen's T cancels."""
    small = (x < 0) & (special.ndtr(x) - 2 * special.owens_t(x, a) < SMALL)
    far, inside = np.where(small, x, -10.0), np.where(small, 0.0, x)
    slope = -far + a * np.sqrt(2 / np.pi) / special.erfcx(np.maximum(-a * far / np.sqrt(2), -20.0))
    tail = log_tail(lambda x: _skewnorm_logpdf(x, wide(a)), slope, far, -1)
    below = special.ndtr(inside) - 2 * special.owens_t(inside, a)
    beyond = special.ndtr(-inside) + 2 * special.owens_t(inside, a)
    return np.where(small, tail, log_of(below, beyond))


skewnorm = Continuous(
    "skewnorm",
    "a",
    support=lambda a: (-SQUARABLE / np.hypot(1, np.maximum(a, 0)), SQUARABLE / np.hypot(1, np.minimum(a, 0))),
    valid=np.isfinite,
    logpdf=_skewnorm_logpdf,
    logcdf=_skewnorm_logcdf,
    logsf=lambda x, a: _skewnorm_logcdf(-x, -a),
)


def _log_share(part: Any, rest: Any, whole: Any) -> Any:
    """The logarithm of a part of the whole, both given by theirs, as is the rest."""
    large = part > rest
    return np.where(large, np.log1p(-np.exp(np.where(large, rest, -np.inf) - whole)), part - whole)


truncnorm = Continuous(
    "truncnorm",
    "a b",
    support=lambda a, b: (np.where(a == -np.inf, -SQUARABLE, a), np.where(b == np.inf, SQUARABLE, b)),
    valid=lambda a, b: a < b,
    logpdf=lambda x, a, b: normal_logpdf(x) - _log_mass(a, b),
    logcdf=lambda x, a, b: _log_share(_log_mass(a, x), _log_mass(x, b), _log_mass(a, b)),
    logsf=lambda x, a, b: _log_share(_log_mass(x, b), _log_mass(a, x), _log_mass(a, b)),
)


def _exponnorm_logpdf(x: Any, K: Any) -> Any:
    """Where the exponent would cancel, by the scaled complementary error function."""
    low = x < 1 / K
    below = np.log(special.erfcx(np.where(low, 1 / K - x, 1.0) / np.sqrt(2)) / 2) - x * x / 2
    return np.where(low, below, (1 / (2 * K) - x) / K + special.log_ndtr(np.where(low, 1.0, x - 1 / K))) - np.log(K)


def _exponnorm_logsf(x: Any, K: Any) -> Any:
    return np.logaddexp(special.log_ndtr(-x), _exponnorm_logpdf(x, K) + np.log(K))


def _exponnorm_logcdf(x: Any, K: Any) -> Any:
    """Where that is small, by the density, of which the logarithm has the slope that it has here."""
    low = (x < -3) | ((x < 0) & (_exponnorm_logsf(x, K) > -1e-3))
    far = np.where(low, x, -5.0)
    place = (1 / K - far) / np.sqrt(2)
    slope = np.sqrt(2 / np.pi) / special.erfcx(place) - 1 / K
    tail = log_tail(lambda x: _exponnorm_logpdf(x, wide(K)), slope, far, -1)
    return np.where(low, tail, log1mexp(-_exponnorm_logsf(np.where(low, 0.0, x), K)))


exponnorm = Continuous(
    "exponnorm",
    "K",
    support=lambda K: (-SQUARABLE, np.inf),
    logpdf=_exponnorm_logpdf,
    logcdf=_exponnorm_logcdf,
    logsf=_exponnorm_logsf,
)
johnsonsu = Continuous(
    "johnsonsu",
    "a b",
    support=whole_line,
    valid=lambda a, b: (b > 0) & (a == a),
    logpdf=lambda x, a, b: np.log(b) - np.log(np.hypot(1.0, x)) + normal_logpdf(a + b * np.arcsinh(x)),
    cdf=lambda x, a, b: special.ndtr(a + b * np.arcsinh(x)),
    sf=lambda x, a, b: special.ndtr(-a - b * np.arcsinh(x)),
    logcdf=lambda x, a, b: special.log_ndtr(a + b * np.arcsinh(x)),
    logsf=lambda x, a, b: special.log_ndtr(-a - b * np.arcsinh(x)),
    ppf=lambda q, a, b: np.sinh((special.ndtri(q) - a) / b),
    isf=lambda q, a, b: np.sinh((-special.ndtri(q) - a) / b),
)
