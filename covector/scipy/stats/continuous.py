"""Continuous distributions, by their standard forms: the formulas are those of SciPy's documentation.

>>> float(gamma.pdf(1.0, 1.0))
0.36787944117144...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Continuous

LOG_2 = np.log(2)
LOG_2PI = np.log(2 * np.pi)


def whole_line(*shapes: Any) -> tuple[float, float]:
    """All real numbers."""
    return -np.inf, np.inf


def positive(*shapes: Any) -> tuple[float, float]:
    """The numbers from 0 on."""
    return 0.0, np.inf


def above_zero(*shapes: Any) -> tuple[float, float]:
    """The positive numbers, of which 0 is none, for densities that have no value there."""
    return float(np.nextafter(0.0, 1.0)), np.inf


def unit(*shapes: Any) -> tuple[float, float]:
    """The numbers from 0 to 1."""
    return 0.0, 1.0


def normal_logpdf(x: Any) -> Any:
    """The logarithm of the standard normal density."""
    return -x * x / 2 - LOG_2PI / 2


def log1mexp(x: Any) -> Any:
    """``log(1 - exp(-x))`` for positive x, exact for small and large ones."""
    near = x < LOG_2
    return np.where(near, np.log(-np.expm1(-np.where(near, x, 1.0))), np.log1p(-np.exp(-np.where(near, 1.0, x))))


# --- normal and its relatives -----------------------------------------------------------------------------------------

norm = Continuous(
    "norm",
    support=whole_line,
    logpdf=normal_logpdf,
    cdf=special.ndtr,
    sf=lambda x: special.ndtr(-x),
    logcdf=special.log_ndtr,
    logsf=lambda x: special.log_ndtr(-x),
    ppf=special.ndtri,
    isf=lambda q: -special.ndtri(q),
)
halfnorm = Continuous(
    "halfnorm",
    support=positive,
    logpdf=lambda x: normal_logpdf(x) + LOG_2,
    cdf=lambda x: special.erf(x / np.sqrt(2)),
    sf=lambda x: special.erfc(x / np.sqrt(2)),
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
foldnorm = Continuous(
    "foldnorm",
    "c",
    support=positive,
    logpdf=lambda x, c: normal_logpdf(x - c) + np.log1p(np.exp(-2 * c * x)),
    cdf=lambda x, c: special.ndtr(x - c) - special.ndtr(-x - c),
    sf=lambda x, c: special.ndtr(c - x) + special.ndtr(-c - x),
)
skewnorm = Continuous(
    "skewnorm",
    "a",
    support=whole_line,
    logpdf=lambda x, a: LOG_2 + normal_logpdf(x) + special.log_ndtr(a * x),
    cdf=lambda x, a: special.ndtr(x) - 2 * special.owens_t(x, a),
    has_tails=False,
)


def _log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the normal probability between two bounds, on the side where it does not cancel."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    top = special.log_ndtr(high)
    return top + log1mexp(top - special.log_ndtr(low))


truncnorm = Continuous(
    "truncnorm",
    "a b",
    support=lambda a, b: (a, b),
    logpdf=lambda x, a, b: normal_logpdf(x) - _log_mass(a, b),
    logcdf=lambda x, a, b: _log_mass(a, x) - _log_mass(a, b),
    logsf=lambda x, a, b: _log_mass(x, b) - _log_mass(a, b),
)
exponnorm = Continuous(
    "exponnorm",
    "K",
    support=whole_line,
    logpdf=lambda x, K: (1 / (2 * K) - x) / K + special.log_ndtr(x - 1 / K) - np.log(K),
)
johnsonsu = Continuous(
    "johnsonsu",
    "a b",
    support=whole_line,
    logpdf=lambda x, a, b: np.log(b) - np.log1p(x * x) / 2 + normal_logpdf(a + b * np.arcsinh(x)),
    cdf=lambda x, a, b: special.ndtr(a + b * np.arcsinh(x)),
    sf=lambda x, a, b: special.ndtr(-a - b * np.arcsinh(x)),
    ppf=lambda q, a, b: np.sinh((special.ndtri(q) - a) / b),
    isf=lambda q, a, b: np.sinh((-special.ndtri(q) - a) / b),
)

# --- exponential, gamma and their relatives ---------------------------------------------------------------------------

expon = Continuous(
    "expon",
    support=positive,
    logpdf=lambda x: -x,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    logcdf=log1mexp,
    logsf=lambda x: -x,
    ppf=lambda q: -np.log1p(-q),
    isf=lambda q: -np.log(q),
)
gamma = Continuous(
    "gamma",
    "a",
    support=positive,
    logpdf=lambda x, a: special.xlogy(a - 1, x) - x - special.gammaln(a),
    cdf=lambda x, a: special.gammainc(a, x),
    sf=lambda x, a: special.gammaincc(a, x),
    ppf=lambda q, a: special.gammaincinv(a, q),
    isf=lambda q, a: special.gammainccinv(a, q),
)
chi2 = Continuous(
    "chi2",
    "df",
    support=positive,
    logpdf=lambda x, df: special.xlogy(df / 2 - 1, x) - x / 2 - special.gammaln(df / 2) - LOG_2 * df / 2,
    cdf=lambda x, df: special.gammainc(df / 2, x / 2),
    sf=lambda x, df: special.gammaincc(df / 2, x / 2),
    ppf=lambda q, df: 2 * special.gammaincinv(df / 2, q),
    isf=lambda q, df: 2 * special.gammainccinv(df / 2, q),
)
chi = Continuous(
    "chi",
    "df",
    support=positive,
    logpdf=lambda x, df: special.xlogy(df - 1, x) - x * x / 2 - special.gammaln(df / 2) - LOG_2 * (df / 2 - 1),
    cdf=lambda x, df: special.gammainc(df / 2, x * x / 2),
    sf=lambda x, df: special.gammaincc(df / 2, x * x / 2),
    ppf=lambda q, df: np.sqrt(2 * special.gammaincinv(df / 2, q)),
    isf=lambda q, df: np.sqrt(2 * special.gammainccinv(df / 2, q)),
)
invgamma = Continuous(
    "invgamma",
    "a",
    support=above_zero,
    logpdf=lambda x, a: -(a + 1) * np.log(x) - special.gammaln(a) - 1 / x,
    cdf=lambda x, a: special.gammaincc(a, 1 / x),
    sf=lambda x, a: special.gammainc(a, 1 / x),
    ppf=lambda q, a: 1 / special.gammainccinv(a, q),
    isf=lambda q, a: 1 / special.gammaincinv(a, q),
)
loggamma = Continuous(
    "loggamma",
    "c",
    support=whole_line,
    logpdf=lambda x, c: c * x - np.exp(x) - special.gammaln(c),
    cdf=lambda x, c: special.gammainc(c, np.exp(x)),
    sf=lambda x, c: special.gammaincc(c, np.exp(x)),
)
gengamma = Continuous(
    "gengamma",
    "a c",
    support=positive,
    logpdf=lambda x, a, c: np.log(np.abs(c)) + special.xlogy(c * a - 1, x) - x**c - special.gammaln(a),
)
rayleigh = Continuous(
    "rayleigh",
    support=positive,
    logpdf=lambda x: np.log(x) - x * x / 2,
    cdf=lambda x: -np.expm1(-x * x / 2),
    sf=lambda x: np.exp(-x * x / 2),
    logsf=lambda x: -x * x / 2,
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)),
    isf=lambda q: np.sqrt(-2 * np.log(q)),
)
maxwell = Continuous(
    "maxwell",
    support=positive,
    logpdf=lambda x: (np.log(2 / np.pi)) / 2 + 2 * np.log(x) - x * x / 2,
    cdf=lambda x: special.gammainc(1.5, x * x / 2),
    sf=lambda x: special.gammaincc(1.5, x * x / 2),
    ppf=lambda q: np.sqrt(2 * special.gammaincinv(1.5, q)),
    isf=lambda q: np.sqrt(2 * special.gammainccinv(1.5, q)),
)
nakagami = Continuous(
    "nakagami",
    "nu",
    support=positive,
    logpdf=lambda x, nu: LOG_2 + special.xlogy(nu, nu) - special.gammaln(nu) + special.xlogy(2 * nu - 1, x) - nu * x * x,
    cdf=lambda x, nu: special.gammainc(nu, nu * x * x),
    sf=lambda x, nu: special.gammaincc(nu, nu * x * x),
    ppf=lambda q, nu: np.sqrt(special.gammaincinv(nu, q) / nu),
    isf=lambda q, nu: np.sqrt(special.gammainccinv(nu, q) / nu),
)
rice = Continuous(
    "rice",
    "b",
    support=positive,
    logpdf=lambda x, b: np.log(x) - (x - b) ** 2 / 2 + np.log(special.i0e(x * b)),
)


def _invgauss_logs(x: Any, mu: Any) -> tuple[Any, Any, Any]:
    """Logarithms of normal probabilities: up to the place of x, beyond it, and of what is added or taken away."""
    root = 1 / np.sqrt(x)
    place = root * (x - mu) / mu
    return special.log_ndtr(place), special.log_ndtr(-place), 2 / mu + special.log_ndtr(-root * (x + mu) / mu)


def _invgauss_logcdf(x: Any, mu: Any) -> Any:
    below, _, added = _invgauss_logs(x, mu)
    return np.logaddexp(below, added)


def _invgauss_logsf(x: Any, mu: Any) -> Any:
    _, beyond, added = _invgauss_logs(x, mu)
    return beyond + log1mexp(beyond - added)


def _invgauss_logpdf(x: Any, mu: Any) -> Any:
    return -LOG_2PI / 2 - 1.5 * np.log(x) - ((x - mu) / mu) ** 2 / (2 * x)


invgauss = Continuous(
    "invgauss",
    "mu",
    support=above_zero,
    logpdf=_invgauss_logpdf,
    logcdf=_invgauss_logcdf,
    logsf=_invgauss_logsf,
)
wald = Continuous(
    "wald",
    support=above_zero,
    logpdf=lambda x: _invgauss_logpdf(x, 1.0),
    logcdf=lambda x: _invgauss_logcdf(x, 1.0),
    logsf=lambda x: _invgauss_logsf(x, 1.0),
)
levy = Continuous(
    "levy",
    support=above_zero,
    logpdf=lambda x: -LOG_2PI / 2 - 1.5 * np.log(x) - 1 / (2 * x),
    cdf=lambda x: special.erfc(1 / np.sqrt(2 * x)),
    sf=lambda x: special.erf(1 / np.sqrt(2 * x)),
    ppf=lambda q: 1 / special.ndtri(q / 2) ** 2,
    isf=lambda q: 1 / (2 * special.erfinv(q) ** 2),
)

# --- extremes ---------------------------------------------------------------------------------------------------------

gumbel_r = Continuous(
    "gumbel_r",
    support=whole_line,
    logpdf=lambda x: -x - np.exp(-x),
    logcdf=lambda x: -np.exp(-x),
    sf=lambda x: -np.expm1(-np.exp(-x)),
    ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    support=whole_line,
    logpdf=lambda x: x - np.exp(x),
    cdf=lambda x: -np.expm1(-np.exp(x)),
    sf=lambda x: np.exp(-np.exp(x)),
    logsf=lambda x: -np.exp(x),
    ppf=lambda q: np.log(-np.log1p(-q)),
    isf=lambda q: np.log(-np.log(q)),
)
weibull_min = Continuous(
    "weibull_min",
    "c",
    support=positive,
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, x) - x**c,
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c),
    isf=lambda q, c: (-np.log(q)) ** (1 / c),
)
weibull_max = Continuous(
    "weibull_max",
    "c",
    support=lambda c: (-np.inf, 0.0),
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, -x) - (-x) ** c,
    cdf=lambda x, c: np.exp(-((-x) ** c)),
    sf=lambda x, c: -np.expm1(-((-x) ** c)),
    logcdf=lambda x, c: -((-x) ** c),
    ppf=lambda q, c: -((-np.log(q)) ** (1 / c)),
)


def _log1p_over(c: Any, x: Any) -> Any:
    """``log(1 + c x) / c``, also for c = 0."""
    small = np.abs(c * x) < 1e-6
    u = np.where(small, 1.0, c)
    return np.where(small, x * (1 - c * x / 2 + (c * x) ** 2 / 3), np.log1p(u * np.where(small, 0.5, x)) / u)


def _gev_log(x: Any, c: Any) -> Any:
    """The logarithm of ``(1 - c x)^(1/c)``."""
    return -_log1p_over(-c, x)


def _bound(c: Any, exists: Any, otherwise: float) -> Any:
    """``1 / c`` where that bounds the support."""
    return np.where(exists, 1 / np.where(exists, c, 1.0), otherwise)


genextreme = Continuous(
    "genextreme",
    "c",
    support=lambda c: (_bound(c, c < 0, -np.inf), _bound(c, c > 0, np.inf)),
    logpdf=lambda x, c: (1 - c) * _gev_log(x, c) - np.exp(_gev_log(x, c)),
    logcdf=lambda x, c: -np.exp(_gev_log(x, c)),
    sf=lambda x, c: -np.expm1(-np.exp(_gev_log(x, c))),
)
genpareto = Continuous(
    "genpareto",
    "c",
    support=lambda c: (0.0, _bound(-c, c < 0, np.inf)),
    logpdf=lambda x, c: -(1 + c) * _log1p_over(c, x),
    logsf=lambda x, c: -_log1p_over(c, x),
    cdf=lambda x, c: -np.expm1(-_log1p_over(c, x)),
)
pareto = Continuous(
    "pareto",
    "b",
    support=lambda b: (1.0, np.inf),
    logpdf=lambda x, b: np.log(b) - (b + 1) * np.log(x),
    cdf=lambda x, b: -np.expm1(-b * np.log(x)),
    sf=lambda x, b: x**-b,
    logsf=lambda x, b: -b * np.log(x),
    ppf=lambda q, b: (1 - q) ** (-1 / b),
    isf=lambda q, b: q ** (-1 / b),
)
lomax = Continuous(
    "lomax",
    "c",
    support=positive,
    logpdf=lambda x, c: np.log(c) - (c + 1) * np.log1p(x),
    cdf=lambda x, c: -np.expm1(-c * np.log1p(x)),
    sf=lambda x, c: np.exp(-c * np.log1p(x)),
    logsf=lambda x, c: -c * np.log1p(x),
    ppf=lambda q, c: np.expm1(-np.log1p(-q) / c),
    isf=lambda q, c: np.expm1(-np.log(q) / c),
)
fisk = Continuous(
    "fisk",
    "c",
    support=positive,
    logpdf=lambda x, c: np.log(c) + special.xlogy(c - 1, x) - 2 * np.log1p(x**c),
    cdf=lambda x, c: 1 / (1 + x**-c),
    sf=lambda x, c: 1 / (1 + x**c),
    ppf=lambda q, c: (q / (1 - q)) ** (1 / c),
    isf=lambda q, c: ((1 - q) / q) ** (1 / c),
)
burr12 = Continuous(
    "burr12",
    "c d",
    support=positive,
    logpdf=lambda x, c, d: np.log(c) + np.log(d) + special.xlogy(c - 1, x) - (d + 1) * np.log1p(x**c),
    cdf=lambda x, c, d: -np.expm1(-d * np.log1p(x**c)),
    sf=lambda x, c, d: (1 + x**c) ** -d,
    logsf=lambda x, c, d: -d * np.log1p(x**c),
)

# --- symmetric ones ---------------------------------------------------------------------------------------------------

laplace = Continuous(
    "laplace",
    support=whole_line,
    logpdf=lambda x: -np.abs(x) - LOG_2,
    cdf=lambda x: np.where(x > 0, 1 - np.exp(-np.abs(x)) / 2, np.exp(-np.abs(x)) / 2),
    sf=lambda x: np.where(x > 0, np.exp(-np.abs(x)) / 2, 1 - np.exp(-np.abs(x)) / 2),
    ppf=lambda q: np.where(q > 0.5, -np.log(2 * (1 - np.where(q > 0.5, q, 0.5))), np.log(2 * np.where(q > 0.5, 0.5, q))),
    isf=lambda q: np.where(q > 0.5, np.log(2 * (1 - np.where(q > 0.5, q, 0.5))), -np.log(2 * np.where(q > 0.5, 0.5, q))),
)
logistic = Continuous(
    "logistic",
    support=whole_line,
    logpdf=lambda x: special.log_expit(x) + special.log_expit(-x),
    cdf=special.expit,
    sf=lambda x: special.expit(-x),
    logcdf=special.log_expit,
    logsf=lambda x: special.log_expit(-x),
    ppf=special.logit,
    isf=lambda q: -special.logit(q),
)
hypsecant = Continuous(
    "hypsecant",
    support=whole_line,
    logpdf=lambda x: -np.log(np.pi) + LOG_2 - np.logaddexp(x, -x),
    cdf=lambda x: 2 / np.pi * np.arctan(np.exp(x)),
    sf=lambda x: 2 / np.pi * np.arctan(np.exp(-x)),
    ppf=lambda q: np.log(np.tan(np.pi * q / 2)),
    isf=lambda q: -np.log(np.tan(np.pi * q / 2)),
)
cauchy = Continuous(
    "cauchy",
    support=whole_line,
    logpdf=lambda x: -np.log(np.pi) - np.log1p(x * x),
    cdf=lambda x: np.arctan2(1.0, -x) / np.pi,
    sf=lambda x: np.arctan2(1.0, x) / np.pi,
    ppf=lambda q: np.where(q < 0.5, -1, 1) / np.tan(np.pi * np.where(q < 0.5, q, 1 - q)),
    isf=lambda q: np.where(q < 0.5, 1, -1) / np.tan(np.pi * np.where(q < 0.5, q, 1 - q)),
)
halfcauchy = Continuous(
    "halfcauchy",
    support=positive,
    logpdf=lambda x: np.log(2 / np.pi) - np.log1p(x * x),
    cdf=lambda x: 2 / np.pi * np.arctan(x),
    sf=lambda x: 2 / np.pi * np.arctan2(1.0, x),
    ppf=lambda q: np.tan(np.pi / 2 * q),
    isf=lambda q: 1 / np.tan(np.pi / 2 * q),
)


def _beta_of_odds(below: Any, beyond: Any, a: Any, b: Any, odds: Any) -> Any:
    """A function at ``odds / (1 + odds)``, where this is near to 1 through the other one at the rest to 1."""
    is_large = odds > 1
    small, large = np.where(is_large, 1.0, odds), np.where(is_large, odds, 1.0)
    return np.where(is_large, beyond(b, a, 1 / (1 + large)), below(a, b, small / (1 + small)))


def _below_odds(a: Any, b: Any, odds: Any) -> Any:
    return _beta_of_odds(special.betainc, special.betaincc, a, b, odds)


def _beyond_odds(a: Any, b: Any, odds: Any) -> Any:
    return _beta_of_odds(special.betaincc, special.betainc, a, b, odds)


t = Continuous(
    "t",
    "df",
    support=whole_line,
    logpdf=lambda x, df: -(df + 1) / 2 * np.log1p(x * x / df) - np.log(df) / 2 - special.betaln(df / 2, 0.5),
    cdf=lambda x, df: _t_cdf(x, df),
    sf=lambda x, df: _t_cdf(-x, df),
)


def _t_cdf(x: Any, df: Any) -> Any:
    """About 0 by a power series, for the incomplete beta function has no slope there."""
    square = x * x / df
    near = square * (df + 1) < 1e-6
    series = x * np.exp(-special.betaln(df / 2, 0.5)) / np.sqrt(df) * (1 - square * (df + 1) / 6)
    beyond = _beyond_odds(0.5, df / 2, np.where(near, 1.0, square))
    return np.where(near, 0.5 + series, np.where(x > 0, 1 - beyond / 2, beyond / 2))


gennorm = Continuous(
    "gennorm",
    "beta",
    support=whole_line,
    logpdf=lambda x, beta: np.log(beta / 2) - special.gammaln(1 / beta) - np.abs(x) ** beta,
    cdf=lambda x, beta: np.where(x > 0, 1 - _gennorm_tail(x, beta), _gennorm_tail(x, beta)),
    sf=lambda x, beta: np.where(x > 0, _gennorm_tail(x, beta), 1 - _gennorm_tail(x, beta)),
)


def _gennorm_tail(x: Any, beta: Any) -> Any:
    """The probability beyond the absolute value of x, on one side."""
    return special.gammaincc(1 / beta, np.abs(x) ** beta) / 2


# --- on an interval ---------------------------------------------------------------------------------------------------

uniform = Continuous(
    "uniform",
    support=unit,
    logpdf=lambda x: 0 * x,
    cdf=lambda x: x,
    sf=lambda x: 1 - x,
    ppf=lambda q: q,
)
beta = Continuous(
    "beta",
    "a b",
    support=unit,
    logpdf=lambda x, a, b: special.xlog1py(b - 1, -x) + special.xlogy(a - 1, x) - special.betaln(a, b),
    cdf=lambda x, a, b: special.betainc(a, b, x),
    sf=lambda x, a, b: special.betaincc(a, b, x),
    ppf=lambda q, a, b: special.betaincinv(a, b, q),
    isf=lambda q, a, b: 1 - special.betaincinv(b, a, q),
)
betaprime = Continuous(
    "betaprime",
    "a b",
    support=positive,
    logpdf=lambda x, a, b: special.xlogy(a - 1, x) - (a + b) * np.log1p(x) - special.betaln(a, b),
    cdf=lambda x, a, b: _below_odds(a, b, x),
    sf=lambda x, a, b: _beyond_odds(a, b, x),
)
f = Continuous(
    "f",
    "dfn dfd",
    support=positive,
    logpdf=lambda x, n, m: (
        special.xlogy(n / 2 - 1, x) + n / 2 * np.log(n) + m / 2 * np.log(m)
        - (n + m) / 2 * np.log(m + n * x) - special.betaln(n / 2, m / 2)
    ),
    cdf=lambda x, n, m: _below_odds(n / 2, m / 2, n * x / m),
    sf=lambda x, n, m: _beyond_odds(n / 2, m / 2, n * x / m),
)
powerlaw = Continuous(
    "powerlaw",
    "a",
    support=unit,
    logpdf=lambda x, a: np.log(a) + special.xlogy(a - 1, x),
    cdf=lambda x, a: x**a,
    sf=lambda x, a: -np.expm1(a * np.log(x)),
    ppf=lambda q, a: q ** (1 / a),
)
arcsine = Continuous(
    "arcsine",
    support=unit,
    logpdf=lambda x: -np.log(np.pi) - np.log(x * (1 - x)) / 2,
    cdf=lambda x: 2 / np.pi * np.arcsin(np.sqrt(x)),
    ppf=lambda q: np.sin(np.pi / 2 * q) ** 2,
    isf=lambda q: np.cos(np.pi / 2 * q) ** 2,
)


def _triangle(x: Any, c: Any, rising: Any, falling: Any) -> Any:
    """One function of the share of the way up to c, another of that down from it to 1."""
    rises = (x < c) | (c == 1)
    return np.where(rises, rising(x / np.where(rises, c, 1.0)), falling((1 - x) / np.where(rises, 1.0, 1 - c)))


triang = Continuous(
    "triang",
    "c",
    support=unit,
    logpdf=lambda x, c: LOG_2 + np.log(_triangle(x, c, lambda rise: rise, lambda fall: fall)),
    cdf=lambda x, c: _triangle(x, c, lambda rise: x * rise, lambda fall: 1 - (1 - x) * fall),
    ppf=lambda q, c: np.where(q < c, np.sqrt(c * q), 1 - np.sqrt((1 - c) * (1 - q))),
)
vonmises = Continuous(
    "vonmises",
    "kappa",
    support=whole_line,
    logpdf=lambda x, kappa: kappa * (np.cos(x) - 1) - LOG_2PI - np.log(special.i0e(kappa)),
)
