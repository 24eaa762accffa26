"""Distributions of integers; derivatives are in their parameters.

>>> float(poisson.pmf(0, 1.0))
0.36787944117144...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.primitives.math import special_ufuncs as special
from covector.scipy.stats.distributions import Discrete
from covector.scipy.stats.supports import whole
from covector.scipy.stats.tails import log1mexp, log_betainc_of_logit, log_gammainc, log_gammaincc


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
    cdf=lambda k, n, p: special.betaincc(k + 1, np.maximum(n - k, 1), p),
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
    sf=lambda k, n, p: special.betaincc(n, k + 1, p),
    logcdf=lambda k, n, p: log_betainc_of_logit(n, k + 1, special.logit(p)),
    logsf=lambda k, n, p: log_betainc_of_logit(k + 1, n, -special.logit(p)),
)
betabinom = Discrete(
    "betabinom",
    "n a b",
    support=lambda n, a, b: (0.0 * n, n),
    valid=lambda n, a, b: (n >= 0) & whole(n) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: log_binom(n, k) + special.betaln(k + a, n - k + b) - special.betaln(a, b),
)
betanbinom = Discrete(
    "betanbinom",
    "n a b",
    support=counts,
    valid=lambda n, a, b: (n >= 0) & whole(n) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: -np.log(n + k) - special.betaln(n, k + 1) + special.betaln(a + n, b + k) - special.betaln(a, b),
)
hypergeom = Discrete(
    "hypergeom",
    "M n N",
    support=lambda M, n, N: (np.maximum(N - (M - n), 0.0), np.minimum(n, N)),
    valid=lambda M, n, N: (M > 0) & (n >= 0) & (N >= 0) & (n <= M) & (N <= M) & whole(M) & whole(n) & whole(N),
    logpmf=lambda k, M, n, N: log_binom(n, k) + log_binom(M - n, N - k) - log_binom(M, N),
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
logser = Discrete(
    "logser",
    "p",
    support=lambda p: (1.0, np.inf),
    valid=lambda p: (p > 0) & (p < 1),
    logpmf=lambda k, p: k * np.log(p) - np.log(k) - np.log(-np.log1p(-p)),
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
    logpmf=lambda k, lambda_: np.log(-np.expm1(-lambda_)) - lambda_ * k,
    cdf=lambda k, lambda_: -np.expm1(-lambda_ * (k + 1)),
    sf=lambda k, lambda_: np.exp(-lambda_ * (k + 1)),
    logcdf=lambda k, lambda_: log1mexp(lambda_ * (k + 1)),
    logsf=lambda k, lambda_: -lambda_ * (k + 1),
)
