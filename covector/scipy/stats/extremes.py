"""Distributions of extremes, and those with the tail of a power: the formulas are those of SciPy's documentation.

>>> float(pareto.pdf(1.0, 2.0))
2.0
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Continuous
from covector.scipy.stats.supports import EXPONENT, positive, with_power
from covector.scipy.stats.tails import begun, log1mexp, log1mexpexp, log_softplus

# --- extremes ---------------------------------------------------------------------------------------------------------

gumbel_r = Continuous(
    "gumbel_r",
    support=lambda: (-EXPONENT, np.inf),
    logpdf=lambda x: -x - np.exp(-x),
    logcdf=lambda x: -np.exp(-x),
    sf=lambda x: -np.expm1(-np.exp(-x)),
    logsf=lambda x: log1mexpexp(-x),
    ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    support=lambda: (-np.inf, EXPONENT),
    logpdf=lambda x: x - np.exp(x),
    cdf=lambda x: -np.expm1(-np.exp(x)),
    logsf=lambda x: -np.exp(x),
    logcdf=log1mexpexp,
    ppf=lambda q: np.log(-np.log1p(-q)),
    isf=lambda q: np.log(-np.log(q)),
)
weibull_min = Continuous(
    "weibull_min",
    "c",
    support=positive,
    reach=lambda c: (0.0, with_power(c)),
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, x) - x**c,
    cdf=lambda x, c: -np.expm1(-(x**c)),
    logsf=lambda x, c: -(x**c),
    logcdf=lambda x, c: log1mexpexp(c * np.log(x)),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c),
    isf=lambda q, c: (-np.log(q)) ** (1 / c),
)
weibull_max = Continuous(
    "weibull_max",
    "c",
    support=lambda c: (-np.inf, 0.0),
    reach=lambda c: (-with_power(c), 0.0),
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, 0.0 - x) - (-x) ** c,  # whose zero is positive, and so its slope
    sf=lambda x, c: -np.expm1(-((-x) ** c)),
    logcdf=lambda x, c: -((-x) ** c),
    logsf=lambda x, c: log1mexpexp(c * np.log(0.0 - x)),
    ppf=lambda q, c: -((-np.log(q)) ** (1 / c)),
    isf=lambda q, c: -((-np.log1p(-q)) ** (1 / c)),
)


def _log1p_over(c: Any, x: Any) -> Any:
    """``log(1 + c x) / c``, also for c = 0."""
    small = np.abs(c * x) < 1e-6
    u, near = np.where(small, 1.0, c), np.where(small, x, 0.0)
    series = near * (1 - c * near / 2 + (c * near) ** 2 / 3)
    return np.where(small, series, np.log1p(u * np.where(small, 0.5, x)) / u)


def _gev_log(x: Any, c: Any) -> Any:
    """The logarithm of ``(1 - c x)^(1/c)``."""
    return -_log1p_over(-c, x)


def _gev_power(x: Any, c: Any, most: float) -> Any:
    """``(1 - c x)^(1/c)``, constant where its logarithm is above ``most``, and at its zero with the slope of a power."""
    g = _gev_log(x, c)
    end, none = g == -np.inf, g > most
    at_end = (1 - np.where(end, c * x, 0.0)) ** (1 / np.where(end, c, 1.0))
    inside = np.exp(_gev_log(np.where(end | none, 0.0, x), c))
    return np.where(end, at_end, np.where(none, np.exp(most), inside))


def _gev_logsf(x: Any, c: Any) -> Any:
    none = _gev_log(x, c) > 7  # where nothing is below
    return np.where(none, 0.0, log1mexpexp(_gev_log(np.where(none, 0.0, x), c)))


def _bound(c: Any, exists: Any, otherwise: float) -> Any:
    """``1 / c`` where that bounds the support."""
    return np.where(exists, 1 / np.where(exists, c, 1.0), otherwise)


def _gev_logpdf(x: Any, c: Any) -> Any:
    """At a bound of the support ``1 - c x`` is 0, and so is the density as in SciPy, but for ``c = 1``."""
    g = _gev_log(x, c)
    end, none = np.isinf(g), g > 700
    inside = _gev_log(np.where(end | none, 0.0, x), c)
    at_end = _gev_log(np.where(end & (c != 1), x, 0.0), c)
    at_end = np.where(c == 1, x - 1, np.where(c > 0, np.abs(1 - c) * at_end, -np.exp(at_end)))
    return np.where(end, at_end, np.where(none, -np.inf, (1 - c) * inside - np.exp(inside)))


def _gev_quantile(y: Any, c: Any) -> Any:
    """``(1 - y^c) / c``, also for c = 0."""
    flat = c == 0
    return np.where(flat, -np.log(y), -np.expm1(c * np.log(y)) / np.where(flat, 1.0, c))


genextreme = Continuous(
    "genextreme",
    "c",
    support=lambda c: (_bound(c, c < 0, -np.inf), _bound(c, c > 0, np.inf)),
    valid=np.isfinite,
    logpdf=_gev_logpdf,
    cdf=lambda x, c: np.exp(-_gev_power(x, c, 7.0)),  # beyond which it is 0
    sf=lambda x, c: -np.expm1(-_gev_power(x, c, 7.0)),
    logcdf=lambda x, c: -_gev_power(x, c, np.inf),
    logsf=_gev_logsf,
    ppf=lambda q, c: _gev_quantile(-np.log(q), c),
    isf=lambda q, c: _gev_quantile(-np.log1p(-q), c),
)


def _pareto_quantile(y: Any, c: Any) -> Any:
    """``(exp(c y) - 1) / c``, also for c = 0."""
    flat = c == 0
    return np.where(flat, y, np.expm1(c * y) / np.where(flat, 1.0, c))


def _pareto_logpdf(x: Any, c: Any) -> Any:
    """At its end the logarithm of ``1 + c x`` is infinite, and counts for nothing where the distribution is uniform."""
    uniform_end = (c == -1) & (x == 1)
    return -(1 + c) * _log1p_over(c, np.where(uniform_end, 0.0, x))


def _up_to_its_end(at_end: Any, inside: Any) -> Any:
    """A function of ``log(1 + c x) / c``, and at an end, where that is infinite, of ``(1 + c x)^(-1/c)``."""

    def call(x: Any, c: Any) -> Any:
        end = (c < 0) & (c * x == -1)
        rest = (1 + np.where(end, c * x, 0.0)) ** (-1 / np.where(end, c, -1.0))
        return np.where(end, at_end(np.where(end, rest, 0.5)), inside(_log1p_over(c, np.where(end, 0.0, x))))

    return call


genpareto = Continuous(
    "genpareto",
    "c",
    support=lambda c: (0.0, _bound(-c, c < 0, np.inf)),
    valid=np.isfinite,
    logpdf=_pareto_logpdf,
    sf=_up_to_its_end(lambda rest: rest, lambda y: np.exp(-y)),
    logsf=lambda x, c: -_log1p_over(c, x),
    cdf=_up_to_its_end(lambda rest: 1 - rest, lambda y: -np.expm1(-y)),
    logcdf=_up_to_its_end(lambda rest: np.log1p(-rest), log1mexp),
    ppf=lambda q, c: _pareto_quantile(-np.log1p(-q), c),
    isf=lambda q, c: _pareto_quantile(-np.log(q), c),
)
pareto = Continuous(
    "pareto",
    "b",
    support=lambda b: (1.0, np.inf),
    logpdf=lambda x, b: np.log(b) - (b + 1) * np.log(x),
    cdf=lambda x, b: -np.expm1(-b * np.log(x)),
    sf=lambda x, b: x**-b,
    logsf=lambda x, b: -b * np.log(x),
    logcdf=lambda x, b: log1mexp(b * np.log(x)),
    ppf=lambda q, b: (1 - q) ** (-1 / b),
    isf=lambda q, b: q ** (-1 / b),
)
lomax = Continuous(
    "lomax",
    "c",
    support=positive,
    logpdf=lambda x, c: np.log(c) - (c + 1) * np.log1p(x),
    cdf=lambda x, c: -np.expm1(-c * np.log1p(x)),
    logsf=lambda x, c: -c * np.log1p(x),
    logcdf=lambda x, c: log1mexp(c * np.log1p(x)),
    ppf=lambda q, c: np.expm1(-np.log1p(-q) / c),
    isf=lambda q, c: np.expm1(-np.log(q) / c),
)
fisk = Continuous(
    "fisk",
    "c",
    support=positive,
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, x) + 2 * special.log_expit(-c * np.log(x)),
    cdf=begun(lambda x, c: 1 - 1 / (1 + x**c), lambda x, c: special.expit(c * np.log(x))),
    sf=begun(lambda x, c: 1 / (1 + x**c), lambda x, c: special.expit(-c * np.log(x))),
    logcdf=lambda x, c: special.log_expit(c * np.log(x)),
    logsf=begun(lambda x, c: -np.log1p(x**c), lambda x, c: special.log_expit(-c * np.log(x))),
    ppf=lambda q, c: (q / (1 - q)) ** (1 / c),
    isf=lambda q, c: (1 - q) ** (1 / c) * q ** (-1 / c),
)
_burr12_logsf = begun(lambda x, c, d: -d * np.log1p(x**c), lambda x, c, d: d * special.log_expit(-c * np.log(x)))


def _burr12_quantile(y: Any, c: Any) -> Any:
    """The root of ``exp(y) - 1``, which may overflow where the root does not."""
    far = y > 40
    return np.where(far, np.exp(np.where(far, y, 0.0) / c), np.expm1(np.where(far, 1.0, y)) ** (1 / c))


burr12 = Continuous(
    "burr12",
    "c d",
    support=positive,
    logpdf=lambda x, c, d: np.log(c) + np.log(d) + special.xlogy(c - 1, x) + (d + 1) * special.log_expit(-c * np.log(x)),
    cdf=lambda *args: -np.expm1(_burr12_logsf(*args)),
    logcdf=lambda x, c, d: log1mexpexp(np.log(d) + log_softplus(c * np.log(x))),
    logsf=_burr12_logsf,
    ppf=lambda q, c, d: _burr12_quantile(-np.log1p(-q) / d, c),
    isf=lambda q, c, d: _burr12_quantile(-np.log(q) / d, c),
)
