"""Quantiles that have no formula: SciPy finds them, and their derivatives are those of an inverse function.

Far out SciPy's are often wrong, in silence: where the probability at what it found is not the one that was asked for, the
quantile is found once more, by bisection of all doubles.

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

from covector.scipy.stats.sums import by_numpy
from covector.transforms.autodiff import jvp


def quantile(name: str, method: str, probability: Any, log_probability: Any, logpdf: Any) -> Callable[..., Any]:
    """The quantile of a continuous distribution of location 0 and scale 1, a function of ``(q, *shapes)``.

    Args:
        name: SciPy's name of the distribution.
        method: "ppf", or "isf" for the inverse of the survival function.
        probability: ``probability(x, *shapes)``, of which it is the inverse.
        log_probability: the logarithm of that, also outside of the support.
        logpdf: ``logpdf(x, *shapes)``.
    """

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        x, shapes = inverse(*primals), primals[1:]
        with np.errstate(all="ignore"):
            change = tangents[0]
            if shapes:
                change = change - jvp(lambda *shapes: probability(x, *shapes), shapes, tuple(tangents[1:]))[1]
            return x, change * (1 if method == "ppf" else -1) / np.exp(logpdf(x, *shapes))

    inverse = _of_scipy(name, method, rule, lambda x, q, *shapes: _mended(x, q, shapes, log_probability, method == "ppf"))
    return inverse


def quantile_of_counts(name: str, method: str) -> Callable[..., Any]:
    """The quantile of a distribution of integers, which does not move but in steps; a function of ``(q, *shapes)``."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        return inverse(*primals), None

    inverse = _of_scipy(name, method, rule)
    return inverse


def _of_scipy(name: str, method: str, rule: Callable[..., Any], mended: Any = lambda x, q, *shapes: x) -> Callable[..., Any]:
    def on_host(q: Any, *shapes: Any) -> Any:
        distribution = getattr(importlib.import_module("scipy.stats"), name)  # half a second, for those who ask for one
        with np.errstate(all="ignore"):
            return mended(np.asarray(getattr(distribution, method)(q, *shapes), np.float64), q, *shapes)

    return lambda q, *shapes: by_numpy(on_host, np.broadcast_arrays(q, *shapes), rule)


FAR = 1e-6
"""A probability from which on SciPy's quantiles have at least ten digits."""


def _mended(x: Any, q: Any, shapes: Sequence[Any], log_probability: Any, rises: bool) -> Any:
    """Quantiles ``x``, other ones where these are far out and have not the logarithm of ``q``."""
    far = (q > 0) & (q < FAR)
    if not far.any():
        return x
    found, goal, shapes = x[far], np.log(q[far]), [s[far] for s in shapes]
    off: Any = lambda x: np.abs(log_probability(x, *shapes) - goal)
    by = off(found)
    right = by <= 1e-10 * np.abs(goal)
    if not right.all():
        first = _bisected(lambda x: (log_probability(x, *shapes) >= goal) == rises, goal.shape)
        x = x.copy()
        x[far] = np.where(right | (by <= off(first)), found, first)
    return x


def _bisected(is_beyond: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """The least finite doubles for which ``is_beyond`` is true, a function that is so for all greater ones."""
    low, high = (np.full(shape, _place(np.array(x))) for x in (-np.finfo(float).max, np.finfo(float).max))
    while np.any(high - low > 1):  # as unsigned numbers, which may be 2**64 apart
        middle = low + (high - low) // 2
        beyond = is_beyond(_at_place(middle))
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return _at_place(high)


SIGN = np.uint64(1 << 63)


def _place(x: Any) -> Any:
    """The place of doubles among all, in their order."""
    bits = x.view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _at_place(place: Any) -> Any:
    return np.where(place & SIGN, place & ~SIGN, ~place).view(np.float64)
