"""Distributions of integers; derivatives are in their parameters.

>>> float(poisson.pmf(0, 1.0))
0.36787944117144...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Discrete
from covector.scipy.stats.sums import integer_of, log_sum
from covector.scipy.stats.supports import whole
from covector.scipy.stats.tails import LOG_2, SMALL, betaincc, log1mexp, log_betainc_of_logit, log_gammainc, log_gammaincc

TINY = 1e-100
"""An order of the beta function that is nearly 0."""


def counts(*shapes: Any) -> tuple[float, float]:
    """The integers from 0 on."""
    return 0.0, np.inf


def log_binom(n: Any, k: Any) -> Any:
    """The logarithm of the number of ways to choose k of n."""
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)


poisson = Discrete(
    "poisson",
    "mu",
    support=counts,
    valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: special.xlogy(k, mu) - special.gammaln(k + 1) - mu,
    cdf=lambda k, mu: special.gammaincc(k + 1, mu),
    sf=lambda k, mu: special.gammainc(k + 1, mu),
    logcdf=lambda k, mu: log_gammaincc(k + 1, np.log(mu)),
    logsf=lambda k, mu: log_gammainc(k + 1, np.log(mu)),
)
binom = Discrete(
    "binom",
    "n p",
    support=lambda n, p: (0.0 * n, n),
    valid=lambda n, p: (n >= 0) & whole(n) & (p >= 0) & (p <= 1),
    logpmf=lambda k, n, p: log_binom(n, k) + special.xlogy(k, p) + special.xlog1py(n - k, -p),
    cdf=lambda k, n, p: betaincc(k + 1, np.maximum(n - k, 1), p),
    sf=lambda k, n, p: special.betainc(k + 1, np.maximum(n - k, 1), p),
    logcdf=lambda k, n, p: log_betainc_of_logit(np.maximum(n - k, 1), k + 1, -special.logit(p)),
    logsf=lambda k, n, p: log_betainc_of_logit(k + 1, np.maximum(n - k, 1), special.logit(p)),
)
bernoulli = Discrete(
    "bernoulli",
    "p",
    support=lambda p: (0.0, 1.0),
    valid=lambda p: (p >= 0) & (p <= 1),
    logpmf=lambda k, p: special.xlogy(k, p) + special.xlog1py(1 - k, -p),
    cdf=lambda k, p: np.where(k < 1, 1 - p, 1.0),
    sf=lambda k, p: np.where(k < 1, p, 0.0),
    logcdf=lambda k, p: np.log1p(-p) + 0 * k,
    logsf=lambda k, p: np.log(p) + 0 * k,
)
geom = Discrete(
    "geom",
    "p",
    support=lambda p: (1.0, np.inf),
    valid=lambda p: (p > 0) & (p <= 1),
    logpmf=lambda k, p: special.xlog1py(k - 1, -p) + np.log(p),
    cdf=lambda k, p: -np.expm1(np.log1p(-p) * k),
    sf=lambda k, p: np.exp(np.log1p(-p) * k),
    logcdf=lambda k, p: log1mexp(-np.log1p(-p) * k),
    logsf=lambda k, p: np.log1p(-p) * k,
)
nbinom = Discrete(
    "nbinom",
    "n p",
    support=counts,
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: (
        special.gammaln(n + k) - special.gammaln(k + 1) - special.gammaln(n) + n * np.log(p) + special.xlog1py(k, -p)
    ),
    cdf=lambda k, n, p: special.betainc(n, k + 1, p),
    sf=lambda k, n, p: betaincc(n, k + 1, p),
    logcdf=lambda k, n, p: log_betainc_of_logit(n, k + 1, special.logit(p)),
    logsf=lambda k, n, p: log_betainc_of_logit(k + 1, n, -special.logit(p)),
)


# --- those whose probabilities are added up ------------------------------------------------------------------------------


def of_sums(name: str, term: Any, counts: int, below: Any, beyond: Any) -> dict[str, Any]:
    """The distribution functions as sums: ``below(k, *shapes)`` are the first and the last i, and the parameters of the term.

    Args:
        name: that of the distribution.
        term: the logarithm of one probability, ``term(i, *parameters)``.
        counts: how many of the parameters are integers, in which there is no derivative.
        below, beyond: which terms the distribution function and the survival function have.
    """

    def log_of(terms: Any) -> Any:
        def log(k: Any, *shapes: Any) -> Any:
            low, high, *parameters = terms(k, *shapes)
            whole = [integer_of(name, p) for p in parameters[:counts]]
            return log_sum(term, low, high, whole, parameters[counts:])

        return log

    def nearly_certain(log: Any, log_rest: Any) -> Any:
        """The logarithm by that of the rest to 1 where that is less."""

        def exact(*args: Any) -> Any:
            value = log(*args)
            near = value > -LOG_2
            return np.where(near, log1mexp(-np.where(near, log_rest(*args), -1.0)), value)

        return exact

    logcdf, logsf = log_of(below), log_of(beyond)
    values = {"cdf": lambda *args: np.exp(logcdf(*args)), "sf": lambda *args: np.exp(logsf(*args))}
    return values | {"logcdf": nearly_certain(logcdf, logsf), "logsf": nearly_certain(logsf, logcdf)}


def _betabinom_logpmf(k: Any, n: Any, a: Any, b: Any) -> Any:
    return log_binom(n, k) + special.betaln(k + a, n - k + b) - special.betaln(a, b)


def _hypergeom_logpmf(k: Any, M: Any, n: Any, N: Any) -> Any:
    return log_binom(n, k) + log_binom(M - n, N - k) - log_binom(M, N)


def _hypergeom_support(M: Any, n: Any, N: Any) -> tuple[Any, Any]:
    return np.maximum(N - (M - n), 0.0), np.minimum(n, N)


betabinom = Discrete(
    "betabinom",
    "n a b",
    support=lambda n, a, b: (0.0 * n, n),
    valid=lambda n, a, b: (n >= 0) & whole(n) & (a > 0) & (b > 0),
    logpmf=_betabinom_logpmf,
    **of_sums(
        "betabinom",
        _betabinom_logpmf,
        1,
        lambda k, n, a, b: (0.0, k, n, a, b),
        lambda k, n, a, b: (k + 1, n, n, a, b),
    ),
)
betanbinom = Discrete(
    "betanbinom",
    "n a b",
    support=counts,
    valid=lambda n, a, b: (n >= 0) & whole(n) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: -np.log(n + k) - special.betaln(n, k + 1) + special.betaln(a + n, b + k) - special.betaln(a, b),
    # more than k failures before n successes are less than n successes in n + k trials
    **of_sums(
        "betanbinom",
        _betabinom_logpmf,
        1,
        lambda k, n, a, b: (n, n + k, n + k, a, b),
        lambda k, n, a, b: (0.0, n - 1, n + k, a, b),
    ),
)
hypergeom = Discrete(
    "hypergeom",
    "M n N",
    support=_hypergeom_support,
    valid=lambda M, n, N: (M > 0) & (n >= 0) & (N >= 0) & (n <= M) & (N <= M) & whole(M) & whole(n) & whole(N),
    logpmf=_hypergeom_logpmf,
    **of_sums(
        "hypergeom",
        _hypergeom_logpmf,
        3,
        lambda k, M, n, N: (_hypergeom_support(M, n, N)[0], k, M, n, N),
        lambda k, M, n, N: (k + 1, np.minimum(n, N), M, n, N),
    ),
)
randint = Discrete(
    "randint",
    "low high",
    support=lambda low, high: (low, high - 1),
    valid=lambda low, high: (high > low) & whole(low) & whole(high),
    logpmf=lambda k, low, high: -np.log(high - low) + 0 * k,
    cdf=lambda k, low, high: (np.floor(k) - low + 1) / (high - low),
    sf=lambda k, low, high: (high - np.floor(k) - 1) / (high - low),
)


def _logser_logsf(k: Any, p: Any) -> Any:
    """The incomplete beta function of the orders k + 1 and 0, not regularized: with an order next to 0, as SciPy has it."""
    value = _logser_sf(k, p)
    small = value < SMALL
    far = np.where(small, k, 1e4)
    tail = log_betainc_of_logit(far + 1, TINY, special.logit(p)) + special.betaln(far + 1, TINY) - np.log(-np.log1p(-p))
    return np.where(small, tail, np.log(np.where(small, 1.0, value)))


def _logser_sf(k: Any, p: Any) -> Any:
    return -special.betainc(k + 1, TINY, p) * special.beta(k + 1, TINY) / np.log1p(-p)


logser = Discrete(
    "logser",
    "p",
    support=lambda p: (1.0, np.inf),
    valid=lambda p: (p > 0) & (p < 1),
    logpmf=lambda k, p: k * np.log(p) - np.log(k) - np.log(-np.log1p(-p)),
    sf=_logser_sf,
    logcdf=lambda k, p: np.log1p(-_logser_sf(k, p)),
    logsf=_logser_logsf,
)
zipf = Discrete(
    "zipf",
    "a",
    support=lambda a: (1.0, np.inf),
    valid=lambda a: a > 1,
    logpmf=lambda k, a: -a * np.log(k) - np.log(special.zeta(a, 1.0)),
    sf=lambda k, a: special.zeta(a, k + 1) / special.zeta(a, 1.0),
    logcdf=lambda k, a: np.log1p(-special.zeta(a, k + 1) / special.zeta(a, 1.0)),
)
planck = Discrete(
    "planck",
    "lambda_",
    support=counts,
    logpmf=lambda k, lambda_: log1mexp(lambda_) - lambda_ * k,
    cdf=lambda k, lambda_: -np.expm1(-lambda_ * (k + 1)),
    sf=lambda k, lambda_: np.exp(-lambda_ * (k + 1)),
    logcdf=lambda k, lambda_: log1mexp(lambda_ * (k + 1)),
    logsf=lambda k, lambda_: -lambda_ * (k + 1),
)
