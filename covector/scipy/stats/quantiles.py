"""Quantiles that have no formula: SciPy finds them, and their derivatives are those of an inverse function.

>>> from covector.scipy import stats
>>> float(stats.t.ppf(0.9, 3.0))
1.6377443536962...

With F(x, θ) the probability up to x and f its density, x moves with q and θ by (dq - ∂F/∂θ dθ) / f, to any order since x itself
stands in this formula.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, shape_of
from covector.transforms.autodiff import jvp
from covector.transforms.callbacks import pure_callback


def quantile(name: str, method: str, probability: Any, logpdf: Any) -> Callable[..., Any]:
    """The quantile of a continuous distribution of location 0 and scale 1, a function of ``(q, *shapes)``.

    Args:
        name: SciPy's name of the distribution.
        method: "ppf", or "isf" for the inverse of the survival function.
        probability: ``probability(x, *shapes)``, of which it is the inverse.
        logpdf: ``logpdf(x, *shapes)``.
    """

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        x, shapes = inverse(*primals), primals[1:]
        with np.errstate(all="ignore"):
            change = tangents[0]
            if shapes:
                change = change - jvp(lambda *shapes: probability(x, *shapes), shapes, tuple(tangents[1:]))[1]
            return x, change * (1 if method == "ppf" else -1) / np.exp(logpdf(x, *shapes))

    inverse = _of_scipy(name, method, rule)
    return inverse


def quantile_of_counts(name: str, method: str) -> Callable[..., Any]:
    """The quantile of a distribution of integers, which does not move but in steps; a function of ``(q, *shapes)``."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        return inverse(*primals), None

    inverse = _of_scipy(name, method, rule)
    return inverse


def _of_scipy(name: str, method: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    def on_host(q: Any, *shapes: Any) -> Any:
        distribution = getattr(importlib.import_module("scipy.stats"), name)  # half a second, for those who ask for one
        with np.errstate(all="ignore"):
            return np.asarray(getattr(distribution, method)(q, *shapes), np.float64)

    def inverse(q: Any, *shapes: Any) -> Any:
        args = np.broadcast_arrays(q, *shapes)
        aval = ShapedArray(shape_of(args[0]), np.dtype(np.float64))
        return pure_callback(on_host, aval, *args, vmap_method="broadcast_all", jvp=rule)

    return inverse
