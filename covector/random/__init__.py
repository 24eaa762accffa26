"""Random numbers from explicit keys, in the manner of JAX: the same key gives the same numbers, everywhere.

>>> from covector import random
>>> key = random.key(0)
>>> key, used = random.split(key)
>>> random.normal(used, (2,))
array([-1.4008841,  1.432145 ])

Keys, bits, uniform numbers, integers and permutations are JAX's to the bit.
"""

from covector.primitives.math import special_functions as _special_functions
from covector.random.continuous import (
    cauchy,
    double_sided_maxwell,
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    maxwell,
    multivariate_normal,
    normal,
    orthogonal,
    pareto,
    rayleigh,
    triangular,
    truncated_normal,
    uniform,
    wald,
    weibull_min,
)
from covector.random.discrete import bernoulli, bits, categorical, choice, permutation, rademacher, randint
from covector.random.keys import PRNGKey, clone, fold_in, key, key_data, split, wrap_key_data
from covector.random.rejection import (
    ball,
    beta,
    binomial,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    geometric,
    loggamma,
    multinomial,
    poisson,
    t,
)

__all__ = [
    "PRNGKey",
    "ball",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "clone",
    "dirichlet",
    "double_sided_maxwell",
    "exponential",
    "f",
    "fold_in",
    "gamma",
    "generalized_normal",
    "geometric",
    "gumbel",
    "key",
    "key_data",
    "laplace",
    "loggamma",
    "logistic",
    "lognormal",
    "maxwell",
    "multinomial",
    "multivariate_normal",
    "normal",
    "orthogonal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "rayleigh",
    "split",
    "t",
    "triangular",
    "truncated_normal",
    "uniform",
    "wald",
    "weibull_min",
    "wrap_key_data",
]
