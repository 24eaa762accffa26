"""The exponential and gamma distributions and their relatives: the formulas are those of SciPy's documentation.

>>> float(gamma.pdf(1.0, 1.0))
0.36787944117144...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Continuous
from covector.scipy.stats.normal import log_erfc
from covector.scipy.stats.supports import (
    EXPONENT,
    LARGEST,
    LOG_2PI,
    SQUARABLE,
    above_zero,
    log_i0e,
    positive,
    positive_squarable,
    reciprocal,
)
from covector.scipy.stats.tails import (
    LOG_2,
    SMALL,
    begun,
    log1mexp,
    log1mexpexp,
    log_gammainc,
    log_gammaincc,
    log_tail,
    of_gamma,
    wide,
)

# --- exponential, gamma and their relatives ---------------------------------------------------------------------------

expon = Continuous(
    "expon",
    support=positive,
    logpdf=lambda x: -x,
    cdf=lambda x: -np.expm1(-x),
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
    **of_gamma(lambda a: a, lambda x, a: x, lambda x, a: np.log(x)),
    ppf=lambda q, a: special.gammaincinv(a, q),
    isf=lambda q, a: special.gammainccinv(a, q),
)
chi2 = Continuous(
    "chi2",
    "df",
    support=positive,
    logpdf=lambda x, df: special.xlogy(df / 2 - 1, x) - x / 2 - special.gammaln(df / 2) - LOG_2 * df / 2,
    **of_gamma(lambda df: df / 2, lambda x, df: x / 2, lambda x, df: np.log(x / 2)),
    ppf=lambda q, df: 2 * special.gammaincinv(df / 2, q),
    isf=lambda q, df: 2 * special.gammainccinv(df / 2, q),
)
chi = Continuous(
    "chi",
    "df",
    support=positive_squarable,
    logpdf=lambda x, df: special.xlogy(df - 1, x) - x * x / 2 - special.gammaln(df / 2) - LOG_2 * (df / 2 - 1),
    **of_gamma(lambda df: df / 2, lambda x, df: x * x / 2, lambda x, df: 2 * np.log(x) - LOG_2, 2),
    ppf=lambda q, df: np.sqrt(2 * special.gammaincinv(df / 2, q)),
    isf=lambda q, df: np.sqrt(2 * special.gammainccinv(df / 2, q)),
)
invgamma = Continuous(
    "invgamma",
    "a",
    support=above_zero,
    reach=reciprocal,
    logpdf=lambda x, a: -(a + 1) * np.log(x) - special.gammaln(a) - 1 / x,
    cdf=lambda x, a: special.gammaincc(a, 1 / x),
    sf=lambda x, a: special.gammainc(a, 1 / x),
    logcdf=lambda x, a: log_gammaincc(a, -np.log(x)),
    logsf=lambda x, a: log_gammainc(a, -np.log(x)),
    ppf=lambda q, a: 1 / special.gammainccinv(a, q),
    isf=lambda q, a: 1 / special.gammaincinv(a, q),
)


def _gammainc_of_log(a: Any, u: Any) -> Any:
    """`scipy.special.gammainc` at ``exp(u)``, by its power where that underflows."""
    low = u < -600
    power = np.exp(a * np.where(low, u, 0.0) - special.gammaln(a + 1))
    return np.where(low, power, special.gammainc(a, np.exp(np.where(low, 0.0, u))))


loggamma = Continuous(
    "loggamma",
    "c",
    support=lambda c: (-np.inf, EXPONENT),
    logpdf=lambda x, c: c * x - np.exp(x) - special.gammaln(c),
    cdf=lambda x, c: _gammainc_of_log(c, x),
    sf=lambda x, c: special.gammaincc(c, np.exp(np.maximum(x, -600.0))),
    logcdf=lambda x, c: log_gammainc(c, x),
    logsf=lambda x, c: log_gammaincc(c, x),
)


def _gengamma_logpdf(x: Any, a: Any, c: Any) -> Any:
    none = (x == 0) & (c < 0)
    x = np.where(none, 1.0, x)
    return np.where(none, -np.inf, np.log(np.abs(c)) + special.xlogy(c * a - 1, x) - x**c - special.gammaln(a))


def _of_sign(c: Any, if_positive: Any, if_negative: Any, a: Any, x: Any) -> Any:
    return np.where(c > 0, if_positive(a, x), if_negative(a, x))


def _gengamma_first(x: Any, a: Any, c: Any) -> Any:
    """The distribution function as it begins at 0, with one power of x that has the slope."""
    begins = c > 0
    return np.where(begins, x ** (a * np.where(begins, c, 1.0)) * np.exp(-special.gammaln(a + 1)), 0.0)


gengamma = Continuous(
    "gengamma",
    "a c",
    support=positive,
    valid=lambda a, c: (a > 0) & (np.abs(c) > 0),
    reach=lambda a, c: (np.where(c < 0, 1e100 ** (1 / c), 0.0), np.where(c > 0, 1e100 ** (1 / c), np.inf)),
    logpdf=_gengamma_logpdf,
    cdf=begun(
        lambda x, a, c: _gengamma_first(x, a, c),
        lambda x, a, c: _of_sign(c, special.gammainc, special.gammaincc, a, x**c),
    ),
    sf=begun(
        lambda x, a, c: 1 - _gengamma_first(x, a, c),
        lambda x, a, c: _of_sign(c, special.gammaincc, special.gammainc, a, x**c),
    ),
    logcdf=begun(
        lambda x, a, c: _of_sign(c, lambda a, u: a * u, lambda a, u: -u, a, c * np.log(x)),
        lambda x, a, c: _of_sign(c, log_gammainc, log_gammaincc, a, c * np.log(x)),
    ),
    logsf=begun(
        lambda x, a, c: np.log1p(-_gengamma_first(x, a, c)),
        lambda x, a, c: _of_sign(c, log_gammaincc, log_gammainc, a, c * np.log(x)),
    ),
    ppf=lambda q, a, c: _of_sign(c, special.gammaincinv, special.gammainccinv, a, q) ** (1 / c),
    isf=lambda q, a, c: _of_sign(c, special.gammainccinv, special.gammaincinv, a, q) ** (1 / c),
)
rayleigh = Continuous(
    "rayleigh",
    support=positive_squarable,
    logpdf=lambda x: np.log(x) - x * x / 2,
    cdf=lambda x: -np.expm1(-x * x / 2),
    logsf=lambda x: -x * x / 2,
    logcdf=lambda x: log1mexpexp(2 * np.log(x) - LOG_2),
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)),
    isf=lambda q: np.sqrt(-2 * np.log(q)),
)
maxwell = Continuous(
    "maxwell",
    support=positive_squarable,
    logpdf=lambda x: (np.log(2 / np.pi)) / 2 + 2 * np.log(x) - x * x / 2,
    **of_gamma(lambda: 1.5, lambda x: x * x / 2, lambda x: 2 * np.log(x) - LOG_2, 2),
    ppf=lambda q: np.sqrt(2 * special.gammaincinv(1.5, q)),
    isf=lambda q: np.sqrt(2 * special.gammainccinv(1.5, q)),
)
nakagami = Continuous(
    "nakagami",
    "nu",
    support=lambda nu: (0.0, SQUARABLE / np.sqrt(np.maximum(nu, 1.0))),
    logpdf=lambda x, nu: LOG_2 + special.xlogy(nu, nu) - special.gammaln(nu) + special.xlogy(2 * nu - 1, x) - nu * x * x,
    **of_gamma(lambda nu: nu, lambda x, nu: nu * x * x, lambda x, nu: np.log(nu) + 2 * np.log(x), 2),
    ppf=lambda q, nu: np.sqrt(special.gammaincinv(nu, q) / nu),
    isf=lambda q, nu: np.sqrt(special.gammainccinv(nu, q) / nu),
)


def _rice_logpdf(x: Any, b: Any) -> Any:
    return np.log(x) - (x - b) ** 2 / 2 + log_i0e(x * b)


BEYOND = 1e150
"""The square of a larger number may overflow."""


def _rice_cdf(x: Any, b: Any) -> Any:
    return special.chndtr(np.minimum(x, BEYOND) ** 2, 2.0, b * b)


def _rice_slope(x: Any, b: Any) -> Any:
    """How the logarithm of the density grows with that of x, without the 1 that is of x alone."""
    return x * (b * special.i1e(x * b) / special.i0e(x * b) - x)


def _rice_logs(x: Any, b: Any) -> tuple[Any, Any]:
    """The logarithms of the distribution and survival functions: where these are small, by the density.

    Below that is an exponential in the logarithm of x, above in x itself.
    """
    value = _rice_cdf(x, b)
    off = x > BEYOND
    x = np.where(off, BEYOND, x)
    low, high = (value < SMALL) & (x > 0), (value > 1 - SMALL) & (x > b)
    left = np.where(low, x, 1e-3)
    below = log_tail(lambda u: u + _rice_logpdf(np.exp(u), wide(b)), 2 + _rice_slope(left, b), np.log(left), -1)
    right = np.where(high, x, b + 5.0)
    above = log_tail(lambda x: _rice_logpdf(x, wide(b)), -(1 + _rice_slope(right, b)) / right, right, 1)
    value = np.where(low | high, 0.5, value)
    logcdf = np.where(low, below, np.where(high, np.log1p(-np.exp(above)), np.log(value)))
    logsf = np.where(low, np.log1p(-np.exp(below)), np.where(high, above, np.log1p(-value)))
    return np.where(off, 0.0, logcdf), np.where(off, -np.inf, logsf)


rice = Continuous(
    "rice",
    "b",
    support=positive_squarable,
    valid=lambda b: b >= 0,
    reach=lambda b: (0.0, b + 1e8),
    logpdf=_rice_logpdf,
    cdf=_rice_cdf,
    logcdf=lambda x, b: _rice_logs(x, b)[0],
    logsf=lambda x, b: _rice_logs(x, b)[1],
)


def _invgauss_logs(x: Any, mu: Any) -> tuple[Any, Any, Any]:
    """Logarithms of normal probabilities: up to the place of x, beyond it, and of what is added or taken away."""
    root = 1 / np.sqrt(x)
    place = root * (x - mu) / mu
    return special.log_ndtr(place), special.log_ndtr(-place), 2 / mu + special.log_ndtr(-root * (x + mu) / mu)


def _invgauss_logcdf(x: Any, mu: Any) -> Any:
    below, _, added = _invgauss_logs(x, mu)
    high = below > -0.5
    return np.where(high, log1mexp(-_invgauss_logsf(np.where(high, x, mu), mu)), np.logaddexp(below, added))


def _invgauss_logsf(x: Any, mu: Any) -> Any:
    """Where that is small, by the density, for the two probabilities are nearly equal there."""
    _, beyond, added = _invgauss_logs(x, mu)
    small = (x > 2 * mu) & ((beyond < -7) | ~(beyond > added))
    far, near = np.where(small, x, 20 * mu), np.where(small, mu, x)
    slope = 1.5 / far + (1 - (mu / far) ** 2) / (2 * mu * mu)
    tail = log_tail(lambda x: _invgauss_logpdf(x, wide(mu)), slope, far, 1)
    _, beyond, added = _invgauss_logs(near, mu)
    return np.where(small, tail, beyond + log1mexp(beyond - added))


def _invgauss_logpdf(x: Any, mu: Any) -> Any:
    return -LOG_2PI / 2 - 1.5 * np.log(x) - (x / mu - 1) * (1 / mu - 1 / x) / 2


invgauss = Continuous(
    "invgauss",
    "mu",
    support=lambda mu: (above_zero()[0], LARGEST * np.minimum(mu, 1.0) ** 2),
    reach=reciprocal,
    logpdf=_invgauss_logpdf,
    logcdf=_invgauss_logcdf,
    logsf=_invgauss_logsf,
)
wald = Continuous(
    "wald",
    support=above_zero,
    reach=reciprocal,
    logpdf=lambda x: _invgauss_logpdf(x, 1.0),
    logcdf=lambda x: _invgauss_logcdf(x, 1.0),
    logsf=lambda x: _invgauss_logsf(x, 1.0),
)
levy = Continuous(
    "levy",
    support=above_zero,
    reach=reciprocal,
    logpdf=lambda x: -LOG_2PI / 2 - 1.5 * np.log(x) - 1 / (2 * x),
    cdf=lambda x: special.erfc(np.sqrt(0.5) / np.sqrt(x)),
    sf=lambda x: special.erf(np.sqrt(0.5) / np.sqrt(x)),
    logcdf=lambda x: log_erfc(1 / np.sqrt(x)),
    ppf=lambda q: 1 / special.ndtri(q / 2) ** 2,
    isf=lambda q: 1 / (2 * special.erfinv(q) ** 2),
)
