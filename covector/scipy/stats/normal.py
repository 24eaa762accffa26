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
from covector.scipy.stats.supports import SQUARABLE, above_zero, normal_logpdf, positive_squarable, squarable, whole_line
from covector.scipy.stats.tails import LOG_2, SMALL, about_0, begun, log1mexp, log_of, log_tail, wide

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


norm = Continuous("norm", support=squarable, logpdf=normal_logpdf, **about_0(special.ndtr, special.log_ndtr, special.ndtri))


def log_erfc(x: Any) -> Any:
    """The logarithm of ``erfc(x / sqrt(2))`` for x that is not negative."""
    near = x < 0.5
    close = np.log1p(-special.erf(np.where(near, x, 0.0) / np.sqrt(2)))
    return np.where(near, close, LOG_2 + special.log_ndtr(-np.where(near, 1.0, x)))


halfnorm = Continuous(
    "halfnorm",
    support=positive_squarable,
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


def _foldnorm_first(x: Any, c: Any) -> Any:
    """The distribution function as it begins at 0."""
    return 2 * x * np.exp(normal_logpdf(c))


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
    cdf=begun(lambda x, c: _foldnorm_first(x, c), lambda x, c: np.exp(_log_mass_about(-c, x))),
    sf=lambda x, c: special.ndtr(c - x) + special.ndtr(-c - x),
    logcdf=lambda x, c: _log_mass_about(-c, x),
    logsf=begun(lambda x, c: np.log1p(-_foldnorm_first(x, c)), _foldnorm_logsf),
)


def _skewnorm_logpdf(x: Any, a: Any) -> Any:
    return LOG_2 + normal_logpdf(x) + special.log_ndtr(a * x)


def _skewnorm_tail(x: Any, a: Any) -> Any:
    """The logarithm of a small probability, by the density."""
    slope = -x + a * np.sqrt(2 / np.pi) / special.erfcx(np.maximum(-a * x / np.sqrt(2), -20.0))
    return log_tail(lambda x: _skewnorm_logpdf(x, wide(a)), slope, x, -1)


def _skewnorm_logcdf(x: Any, a: Any) -> Any:
    """By the density where that or the rest to 1 is small: the difference of normal probability and Owen's T cancels."""
    below = special.ndtr(x) - 2 * special.owens_t(x, a)
    low, high = (x < 0) & (below < SMALL), (x > 0) & (below > 1 - SMALL)
    tail = _skewnorm_tail(np.where(low, x, np.where(high, -x, -10.0)), np.where(high, -a, a))
    inside = np.where(low | high, 0.0, x)
    below = special.ndtr(inside) - 2 * special.owens_t(inside, a)
    beyond = special.ndtr(-inside) + 2 * special.owens_t(inside, a)
    return np.where(low, tail, np.where(high, np.log1p(-np.exp(tail)), log_of(below, beyond)))


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


def _truncnorm_logcdf(x: Any, a: Any, b: Any) -> Any:
    return _log_share(_log_mass(a, x), _log_mass(x, b), _log_mass(a, b))


def _truncnorm_logsf(x: Any, a: Any, b: Any) -> Any:
    return _log_share(_log_mass(x, b), _log_mass(a, x), _log_mass(a, b))


def _from_its_ends(at_low: Any, at_high: Any, inside: Any) -> Any:
    """A function of a truncated distribution, as it begins at an end, which the logarithm of a mass does not say."""

    def call(x: Any, a: Any, b: Any) -> Any:
        low, high = x == a, x == b
        density = np.exp(normal_logpdf(np.where(low | high, x, 0.0)) - _log_mass(a, b))
        first, last = (x - np.where(low, a, x)) * density, (np.where(high, b, x) - x) * density
        elsewhere = inside(np.where(low | high, _middle(a, b), x), a, b)
        first, last = np.where(low, first, 0.5), np.where(high, last, 0.5)
        return np.where(low, at_low(first), np.where(high, at_high(last), elsewhere))

    return call


def _middle(a: Any, b: Any) -> Any:
    """A place between two bounds, one of which at least is finite where this is used."""
    a_known, b_known = np.isfinite(a), np.isfinite(b)
    low, high = np.where(a_known, a, -1.0), np.where(b_known, b, 1.0)
    return np.where(a_known & b_known, low / 2 + high / 2, np.where(a_known, low + 1, high - 1))


truncnorm = Continuous(
    "truncnorm",
    "a b",
    support=lambda a, b: (np.where(a == -np.inf, -SQUARABLE, a), np.where(b == np.inf, SQUARABLE, b)),
    valid=lambda a, b: a < b,
    logpdf=lambda x, a, b: normal_logpdf(x) - _log_mass(a, b),
    cdf=_from_its_ends(lambda p: p, lambda p: 1 - p, lambda *args: np.exp(_truncnorm_logcdf(*args))),
    sf=_from_its_ends(lambda p: 1 - p, lambda p: p, lambda *args: np.exp(_truncnorm_logsf(*args))),
    logcdf=_from_its_ends(np.log, lambda p: np.log1p(-p), _truncnorm_logcdf),
    logsf=_from_its_ends(lambda p: np.log1p(-p), np.log, _truncnorm_logsf),
)


def _exponnorm_logpdf(x: Any, K: Any) -> Any:
    """Where the exponent would cancel, by the scaled complementary error function."""
    low = x < 1 / K
    below = np.log(special.erfcx(np.where(low, 1 / K - x, 1.0) / np.sqrt(2)) / 2) - np.where(low, x, 0.0) ** 2 / 2
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
    reach=lambda K: (-SQUARABLE, 1e100),
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
