"""What to write instead of `numpy.random` where a traced value meets it: keys, as in `covector.random`."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from covector.core.source import meant_by

_UNIFORM = "low + (high - low) * covector.random.uniform(key, shape)"
_NORMAL = "loc + scale * covector.random.normal(key, shape)"
_INTEGERS = "covector.random.randint(key, shape, low, high)"

INSTEAD = {
    **dict.fromkeys(["random", "rand", "random_sample", "ranf", "sample", "uniform"], _UNIFORM),
    **dict.fromkeys(["normal", "standard_normal", "randn"], _NORMAL),
    **dict.fromkeys(["integers", "randint"], _INTEGERS),
    "random_integers": "covector.random.randint(key, shape, low, high + 1)",
    **dict.fromkeys(["permutation", "permuted", "shuffle"], "x = covector.random.permutation(key, x)"),
    "beta": "covector.random.beta(key, a, b, shape)",
    "binomial": "covector.random.binomial(key, n, p, shape)",
    "chisquare": "covector.random.chisquare(key, df, shape)",
    "choice": "covector.random.choice(key, a, shape, p=p)",
    "dirichlet": "covector.random.dirichlet(key, alpha, shape)",
    "exponential": "scale * covector.random.exponential(key, shape)",
    "f": "covector.random.f(key, dfnum, dfden, shape)",
    "gamma": "scale * covector.random.gamma(key, a, shape)",
    "geometric": "covector.random.geometric(key, p, shape)",
    "gumbel": "loc + scale * covector.random.gumbel(key, shape)",
    "laplace": "loc + scale * covector.random.laplace(key, shape)",
    "logistic": "loc + scale * covector.random.logistic(key, shape)",
    "lognormal": "np.exp(mean + sigma * covector.random.normal(key, shape))",
    "multinomial": "covector.random.multinomial(key, n, p)",
    "multivariate_normal": "covector.random.multivariate_normal(key, mean, cov, shape)",
    "pareto": "covector.random.pareto(key, b, shape) - 1",
    "poisson": "covector.random.poisson(key, lam, shape)",
    "rayleigh": "covector.random.rayleigh(key, scale, shape)",
    "standard_cauchy": "covector.random.cauchy(key, shape)",
    "standard_exponential": "covector.random.exponential(key, shape)",
    "standard_gamma": "covector.random.gamma(key, a, shape)",
    "standard_t": "covector.random.t(key, df, shape)",
    "triangular": "covector.random.triangular(key, left, mode, right, shape)",
    "wald": "scale * covector.random.wald(key, mean / scale, shape)",
    "weibull": "covector.random.weibull_min(key, 1.0, a, shape)",
}
"""For each method of `numpy.random.Generator`, and function of `numpy.random`, what draws from the same distribution."""

NOISE = "draw noise that depends on nothing traced (covector.random.uniform(key, shape), …), and compute the rest from it"


def fix_of_noise(call: str, frame: FrameType | None) -> str | None:
    """What to write instead of a call, as it stands in the source that a frame executes, if it is one of `numpy.random`."""
    name = call.rpartition(".")[2]
    called = None if frame is None else meant_by(call, frame.f_locals, frame.f_globals)
    if not (_is_named_random(call) or _is_drawing(called)):
        return None
    instead = INSTEAD.get(name)
    return (
        f"{f'{instead}: a key says what is drawn, under every transformation' if instead else NOISE}; or draw noise outside"
        " that depends on nothing traced, and pass it as an argument"
    )


def _is_named_random(call: str) -> bool:
    parts = call.split(".")
    return len(parts) > 1 and parts[-2] in ("random", "rng", "generator") and parts[0] not in ("cv", "covector")


def _is_drawing(function: Any) -> bool:
    """Whether a function is a method of one of NumPy's generators."""
    random = sys.modules.get("numpy.random")
    return random is not None and isinstance(getattr(function, "__self__", None), (random.Generator, random.RandomState))
