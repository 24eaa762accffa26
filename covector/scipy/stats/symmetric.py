"""Symmetric distributions, and those on an interval: the formulas are those of SciPy's documentation.

>>> float(cauchy.cdf(0.0))
0.5
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Continuous
from covector.scipy.stats.supports import normal_logpdf, positive, unit, whole_line, with_power
from covector.scipy.stats.tails import (
    LOG_2,
    about_0,
    begun,
    beta_quantile,
    betainc_of_logit,
    log1mexp,
    log_betainc_of_logit,
    log_gammaincc,
    log_of,
    odds_quantile,
    of_beta,
)

# --- symmetric ones ---------------------------------------------------------------------------------------------------


def _size(x: Any) -> Any:
    """The absolute value, with the derivative of the side on which 0 is where ``x > 0`` chooses."""
    return np.where(x > 0, x, -x)


laplace = Continuous(
    "laplace",
    support=whole_line,
    logpdf=lambda x: -np.abs(x) - LOG_2,
    cdf=lambda x: np.where(x > 0, 1 - np.exp(-_size(x)) / 2, np.exp(-_size(x)) / 2),
    sf=lambda x: np.where(x > 0, np.exp(-_size(x)) / 2, 1 - np.exp(-_size(x)) / 2),
    logcdf=lambda x: np.where(x > 0, np.log1p(-np.exp(-_size(x)) / 2), -_size(x) - LOG_2),
    logsf=lambda x: np.where(x > 0, -_size(x) - LOG_2, np.log1p(-np.exp(-_size(x)) / 2)),
    ppf=lambda q: np.where(q > 0.5, -np.log(2 * (1 - np.where(q > 0.5, q, 0.5))), np.log(2 * np.where(q > 0.5, 0.5, q))),
    isf=lambda q: np.where(q > 0.5, np.log(2 * (1 - np.where(q > 0.5, q, 0.5))), -np.log(2 * np.where(q > 0.5, 0.5, q))),
)
logistic = Continuous(
    "logistic",
    support=whole_line,
    logpdf=lambda x: special.log_expit(x) + special.log_expit(-x),
    **about_0(special.expit, special.log_expit, special.logit),
)


def _hypsecant_cdf(x: Any) -> Any:
    """``2 / pi * arctan(exp(x))``, by the rest to 1 where the exponential may overflow."""
    tail = 2 / np.pi * np.arctan(np.exp(-_size(x)))
    return np.where(x > 0, 1 - tail, tail)


def _hypsecant_log(x: Any) -> Any:
    """The logarithm of ``2 / pi * arctan(exp(x))``."""
    low, high = x < -30, x > 0
    middle = np.log(2 / np.pi * np.arctan(np.exp(np.where(low | high, 0.0, x))))
    top = np.log1p(-2 / np.pi * np.arctan(np.exp(-np.where(high, x, 0.0))))
    return np.where(low, np.log(2 / np.pi) + x, np.where(high, top, middle))


def _quarter_tangent(q: Any) -> Any:
    """``tan(pi / 2 * q)``, infinite at 1."""
    low = q < 0.5
    return np.where(low, np.tan(np.pi / 2 * np.where(low, q, 0.0)), 1 / np.tan(np.pi / 2 * np.where(low, 0.5, 1 - q)))


hypsecant = Continuous(
    "hypsecant",
    support=whole_line,
    logpdf=lambda x: -np.log(np.pi) + LOG_2 - np.logaddexp(x, -x),
    **about_0(_hypsecant_cdf, _hypsecant_log, lambda q: np.log(_quarter_tangent(q))),
)


def _cauchy_log(x: Any) -> Any:
    """The logarithm of the distribution function; far out, where the square of x would overflow, of ``1 / (pi |x|)``."""
    size = _size(x)
    far = size > 1e8
    tail = np.arctan2(1.0, np.where(far, 1.0, size)) / np.pi
    below = np.where(far, -np.log(np.where(far, size, 1.0)) - np.log(np.pi), np.log(tail))
    return np.where(x > 0, np.log1p(-np.exp(below)), below)


cauchy = Continuous(
    "cauchy",
    support=whole_line,
    logpdf=lambda x: -np.log(np.pi) - 2 * np.log(np.hypot(1.0, x)),
    cdf=lambda x: np.arctan2(1.0, -x) / np.pi,
    sf=lambda x: np.arctan2(1.0, x) / np.pi,
    logcdf=_cauchy_log,
    logsf=lambda x: _cauchy_log(-x),
    ppf=lambda q: np.where(q < 0.5, -1, 1) / np.tan(np.pi * np.where(q < 0.5, q, 1 - q)),
    isf=lambda q: np.where(q < 0.5, 1, -1) / np.tan(np.pi * np.where(q < 0.5, q, 1 - q)),
)


def _halfcauchy_logsf(x: Any) -> Any:
    near = x < 1
    return np.where(near, np.log1p(-2 / np.pi * np.arctan(np.where(near, x, 0.0))), LOG_2 + _cauchy_log(-x))


halfcauchy = Continuous(
    "halfcauchy",
    support=positive,
    logpdf=lambda x: np.log(2 / np.pi) - 2 * np.log(np.hypot(1.0, x)),
    cdf=lambda x: 2 / np.pi * np.arctan(x),
    sf=lambda x: 2 / np.pi * np.arctan2(1.0, x),
    logsf=_halfcauchy_logsf,
    ppf=_quarter_tangent,
    isf=lambda q: 1 / _quarter_tangent(q),
)


t = Continuous(
    "t",
    "df",
    support=whole_line,
    logpdf=lambda x, df: _or_normal(_t_logpdf, normal_logpdf, x, df),
    **about_0(
        lambda x, df: _or_normal(_t_cdf, special.ndtr, x, df),
        lambda x, df: _or_normal(_t_log, special.log_ndtr, x, df),
    ),
)


def _or_normal(of_t: Any, normal: Any, x: Any, df: Any) -> Any:
    """A function of the t distribution, which is the normal one for infinitely many degrees of freedom."""
    finite = np.isfinite(df)
    return np.where(finite, of_t(x, np.where(finite, df, 1.0)), normal(np.where(finite, 0.0, x)))


def _t_logpdf(x: Any, df: Any) -> Any:
    """By the logarithm of ``1 + x²/df`` for small x, which has all digits for large df too, and without overflow for others."""
    near = np.abs(x) < np.sqrt(df)
    small, large = np.where(near, x, 0.0), np.where(near, np.sqrt(df), x)
    beyond = np.log(np.abs(large)) - np.log(df) / 2 + np.log1p((np.sqrt(df) / large) ** 2) / 2
    growth = np.where(near, np.log1p(small * small / df) / 2, beyond)
    return -(df + 1) * growth - np.log(df) / 2 - special.betaln(df / 2, 0.5)


def _t_cdf(x: Any, df: Any) -> Any:
    """About 0 by a power series, for the incomplete beta function has no slope there."""
    near = np.abs(x) < 1e-3 * np.sqrt(df / (df + 1))
    small = np.where(near, x, 0.0)
    square = small * small / df
    series = small * np.exp(-special.betaln(df / 2, 0.5)) / np.sqrt(df) * (1 - square * (df + 1) / 6)
    beyond = betainc_of_logit(df / 2, 0.5, _t_logit(np.where(near, np.sqrt(df), x), df))
    return np.where(near, 0.5 + series, np.where(x > 0, 1 - beyond / 2, beyond / 2))


def _t_logit(x: Any, df: Any) -> Any:
    """That of ``df / (df + x²)``."""
    return np.log(df) - 2 * np.log(np.abs(x))


def _t_log(x: Any, df: Any) -> Any:
    """The logarithm of the distribution function."""
    far = x < -np.sqrt(df)
    tail = log_betainc_of_logit(df / 2, 0.5, _t_logit(np.where(far, x, -2 * np.sqrt(df)), df)) - LOG_2
    inside = np.where(far, 0.0, x)
    below, beyond = _t_cdf(inside, df), _t_cdf(-inside, df)
    return np.where(far, tail, np.where(x > 0, np.log1p(-beyond), np.log(np.where(x > 0, 0.5, below))))


gennorm = Continuous(
    "gennorm",
    "beta",
    support=whole_line,
    reach=lambda beta: (-with_power(beta), with_power(beta)),
    logpdf=lambda x, beta: np.log(beta / 2) - special.gammaln(1 / beta) - np.abs(x) ** beta,
    cdf=lambda x, beta: np.where(x > 0, 1 - _gennorm_tail(_size(x), beta), _gennorm_tail(_size(x), beta)),
    sf=lambda x, beta: np.where(x > 0, _gennorm_tail(_size(x), beta), 1 - _gennorm_tail(_size(x), beta)),
    logcdf=lambda x, beta: _gennorm_log(x, beta),
    logsf=lambda x, beta: _gennorm_log(-x, beta),
)


def _gennorm_tail(size: Any, beta: Any) -> Any:
    """The probability beyond an absolute value, on one side; by the density at 0 where that is next to 0."""
    near = size < 1e-100
    beyond = special.gammaincc(1 / beta, np.where(near, 1.0, size) ** beta)
    return np.where(near, 1 - size * np.exp(np.log(beta) - special.gammaln(1 / beta)), beyond) / 2


def _gennorm_log(x: Any, beta: Any) -> Any:
    """The logarithm of the distribution function."""
    low = x < 0
    tail = log_gammaincc(1 / beta, beta * np.log(np.abs(np.where(low, x, 1.0)))) - LOG_2
    return np.where(low, tail, np.log1p(-_gennorm_tail(np.where(low, 1.0, x), beta)))


# --- on an interval ---------------------------------------------------------------------------------------------------

uniform = Continuous(
    "uniform",
    support=unit,
    logpdf=lambda x: 0 * x,
    cdf=lambda x: x,
    sf=lambda x: 1 - x,
    logcdf=np.log,
    logsf=lambda x: np.log1p(-x),
    ppf=lambda q: q,
)
_from_0 = of_beta(lambda a, b: a, lambda a, b: b, lambda x, a, b: np.log(x) - np.log1p(-x), lambda x, a, b: x)


def _from_nearer_end(method: str, mirrored: str) -> Any:
    """A function of the beta distribution, beyond the middle by that of the mirrored one, which begins where it ends."""

    def call(x: Any, a: Any, b: Any) -> Any:
        far = x > 0.5
        mirror = _from_0[mirrored](np.where(far, 1 - x, 0.5), b, a)
        return np.where(far, mirror, _from_0[method](np.where(far, 0.5, x), a, b))

    return call


beta = Continuous(
    "beta",
    "a b",
    support=unit,
    logpdf=lambda x, a, b: special.xlog1py(b - 1, -x) + special.xlogy(a - 1, x) - special.betaln(a, b),
    cdf=_from_nearer_end("cdf", "sf"),
    sf=_from_nearer_end("sf", "cdf"),
    logcdf=_from_nearer_end("logcdf", "logsf"),
    logsf=_from_nearer_end("logsf", "logcdf"),
    ppf=lambda q, a, b: beta_quantile(a, b, q),
    isf=lambda q, a, b: _beta_isf(q, a, b),
)


def _beta_isf(q: Any, a: Any, b: Any) -> Any:
    """By the smaller of two probabilities, which is exact."""
    high = q > 0.5
    return np.where(high, beta_quantile(a, b, np.where(high, 1 - q, 0.5)), 1 - beta_quantile(b, a, np.where(high, 0.5, q)))


betaprime = Continuous(
    "betaprime",
    "a b",
    support=positive,
    logpdf=lambda x, a, b: special.xlogy(a - 1, x) - (a + b) * np.log1p(x) - special.betaln(a, b),
    **of_beta(lambda a, b: a, lambda a, b: b, lambda x, a, b: np.log(x), lambda x, a, b: 1 - 1 / (1 + x)),
    ppf=lambda q, a, b: odds_quantile(a, b, q, False),
    isf=lambda q, a, b: odds_quantile(a, b, q, True),
)
f = Continuous(
    "f",
    "dfn dfd",
    support=positive,
    valid=lambda n, m: (n > 0) & (m > 0) & np.isfinite(n + m),
    logpdf=lambda x, n, m: (
        special.xlogy(n / 2 - 1, x)
        + n / 2 * np.log(n)
        + m / 2 * np.log(m)
        - (n + m) / 2 * np.log(m + n * x)
        - special.betaln(n / 2, m / 2)
    ),
    **of_beta(
        lambda n, m: n / 2,
        lambda n, m: m / 2,
        lambda x, n, m: np.log(n) + np.log(x) - np.log(m),
        lambda x, n, m: 1 - 1 / (1 + n * x / m),
    ),
    ppf=lambda q, n, m: m / n * odds_quantile(n / 2, m / 2, q, False),
    isf=lambda q, n, m: m / n * odds_quantile(n / 2, m / 2, q, True),
)
powerlaw = Continuous(
    "powerlaw",
    "a",
    support=unit,
    logpdf=lambda x, a: np.log(a) + special.xlogy(a - 1, x),
    cdf=lambda x, a: x**a,
    sf=begun(lambda x, a: 1 - x**a, lambda x, a: -np.expm1(a * np.log(x))),
    logcdf=lambda x, a: special.xlogy(a, x),
    logsf=begun(lambda x, a: np.log1p(-(x**a)), lambda x, a: log1mexp(-a * np.log(x))),
    ppf=lambda q, a: q ** (1 / a),
)


def _arcsine_log(x: Any, rest: Any) -> Any:
    """The logarithm of the distribution function, from x and what there is from it to 1."""
    low = x < 0.5
    below = 2 / np.pi * np.arcsin(np.sqrt(np.where(low, x, 0.25)))
    beyond = 2 / np.pi * np.arcsin(np.sqrt(np.where(low, 0.25, rest)))
    return np.where(low, np.log(below), np.log1p(-beyond))


arcsine = Continuous(
    "arcsine",
    support=unit,
    logpdf=lambda x: -np.log(np.pi) - np.log(x * (1 - x)) / 2,
    cdf=lambda x: 2 / np.pi * np.arctan2(np.sqrt(x), np.sqrt(1 - x)),
    sf=lambda x: 2 / np.pi * np.arctan2(np.sqrt(1 - x), np.sqrt(x)),
    logcdf=lambda x: _arcsine_log(x, 1 - x),
    logsf=lambda x: _arcsine_log(1 - x, x),
    ppf=lambda q: np.sin(np.pi / 2 * q) ** 2,
    isf=lambda q: np.sin(np.pi / 2 * (1 - q)) ** 2,
)


def _rises(x: Any, c: Any) -> Any:
    """Where the density of a triangle does."""
    return (x < c) | (c == 1)


def _triangle_logpdf(x: Any, c: Any) -> Any:
    rises = _rises(x, c)
    return LOG_2 + np.log(np.where(rises, x / np.where(rises, c, 1.0), (1 - x) / np.where(rises, 1.0, 1 - c)))


def _triangle(x: Any, rest: Any, c: Any) -> Any:
    """The distribution function, from x and what there is from it to 1."""
    rises = _rises(x, c)
    falling = np.where(rises, 1.0, 1 - c)
    beyond = rest * rest / falling
    falls = np.where(beyond < 0.5, 1 - beyond, (x * (2 - x) - c) / falling)
    return np.where(rises, x * x / np.where(rises, c, 1.0), falls)


def _triangle_log(x: Any, rest: Any, c: Any) -> Any:
    """The logarithm of that, also where the square of x is 0."""
    rises = _rises(x, c)
    near = rises & (x > 0.5)
    root = np.where(near, np.log1p(-np.where(near, rest, 0.0)), np.log(np.where(rises & ~near, x, 1.0)))
    inside, rest, middle = np.where(rises, 0.75, x), np.where(rises, 0.25, rest), np.where(rises, 0.5, c)
    falls = log_of(_triangle(inside, rest, middle), rest * rest / (1 - middle))
    return np.where(rises, 2 * root - np.log(np.where(rises, c, 1.0)), falls)


def _triangle_quantile(below: Any, beyond: Any, rises: Any, c: Any) -> Any:
    rises = rises | (c == 1)
    up, down = np.where(rises, c * below, 1.0), np.where(rises, 1.0, (1 - c) * beyond)
    return np.where(rises, np.sqrt(up), (below + c * beyond) / (1 + np.sqrt(down)))


triang = Continuous(
    "triang",
    "c",
    support=unit,
    valid=lambda c: (c >= 0) & (c <= 1),
    logpdf=_triangle_logpdf,
    cdf=lambda x, c: _triangle(x, 1 - x, c),
    sf=lambda x, c: _triangle(1 - x, x, 1 - c),
    logcdf=lambda x, c: _triangle_log(x, 1 - x, c),
    logsf=lambda x, c: _triangle_log(1 - x, x, 1 - c),
    isf=lambda q, c: _triangle_quantile(1 - q, q, q > 1 - c, c),
    ppf=lambda q, c: _triangle_quantile(q, 1 - q, q < c, c),
)
