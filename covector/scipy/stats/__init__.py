"""Distributions under SciPy's names, differentiable in the value and in every parameter.

>>> from covector import grad
>>> from covector.scipy import stats
>>> float(grad(stats.norm.logpdf, 1)(0.0, 1.0, 2.0))
-0.25
"""

from typing import Any

from covector.scipy.others import of_scipy
from covector.scipy.stats.circular import vonmises
from covector.scipy.stats.discrete import (
    bernoulli,
    betabinom,
    betanbinom,
    binom,
    geom,
    hypergeom,
    logser,
    nbinom,
    planck,
    poisson,
    randint,
    zipf,
)
from covector.scipy.stats.extremes import (
    burr12,
    fisk,
    genextreme,
    genpareto,
    gumbel_l,
    gumbel_r,
    lomax,
    pareto,
    weibull_max,
    weibull_min,
)
from covector.scipy.stats.gamma_family import (
    chi,
    chi2,
    expon,
    gamma,
    gengamma,
    invgamma,
    invgauss,
    levy,
    loggamma,
    maxwell,
    nakagami,
    rayleigh,
    rice,
    wald,
)
from covector.scipy.stats.multivariate import (
    dirichlet,
    gaussian_kde,
    invwishart,
    multinomial,
    multivariate_normal,
    multivariate_t,
    vonmises_fisher,
    wishart,
)
from covector.scipy.stats.normal import exponnorm, foldnorm, halfnorm, johnsonsu, lognorm, norm, skewnorm, truncnorm
from covector.scipy.stats.symmetric import (
    arcsine,
    beta,
    betaprime,
    cauchy,
    f,
    gennorm,
    halfcauchy,
    hypsecant,
    laplace,
    logistic,
    powerlaw,
    t,
    triang,
    uniform,
)

__all__ = [
    "arcsine",
    "bernoulli",
    "beta",
    "betabinom",
    "betanbinom",
    "betaprime",
    "binom",
    "burr12",
    "cauchy",
    "chi",
    "chi2",
    "dirichlet",
    "expon",
    "exponnorm",
    "f",
    "fisk",
    "foldnorm",
    "gamma",
    "gaussian_kde",
    "genextreme",
    "gengamma",
    "gennorm",
    "genpareto",
    "geom",
    "gumbel_l",
    "gumbel_r",
    "halfcauchy",
    "halfnorm",
    "hypergeom",
    "hypsecant",
    "invgamma",
    "invgauss",
    "invwishart",
    "johnsonsu",
    "laplace",
    "levy",
    "loggamma",
    "logistic",
    "lognorm",
    "logser",
    "lomax",
    "maxwell",
    "multinomial",
    "multivariate_normal",
    "multivariate_t",
    "nakagami",
    "nbinom",
    "norm",
    "pareto",
    "planck",
    "poisson",
    "powerlaw",
    "randint",
    "rayleigh",
    "rice",
    "skewnorm",
    "t",
    "triang",
    "truncnorm",
    "uniform",
    "vonmises",
    "vonmises_fisher",
    "wald",
    "weibull_max",
    "weibull_min",
    "wishart",
    "zipf",
]


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
