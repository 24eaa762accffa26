"""Probabilities that are sums over the integers between two: ``log_sum(term, low, high, counts, parameters)``.

>>> float(np.exp(log_sum(lambda i, n, p: i * np.log(p), 0.0, 2.0, [5.0], [0.5])))  # 1 + p + p²
1.75

How many terms there are depends on values, so they are added by NumPy where these are known, as SciPy does.  The derivative in
a parameter is the mean of those of the terms, which is such a sum again, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, shape_of, typeof
from covector.core.errors import NonDifferentiableError
from covector.transforms.autodiff import jvp
from covector.transforms.callbacks import pure_callback
from covector.transforms.custom_rules import custom_jvp

Term = Callable[..., Any]
BLOCK = 2**16
"""So many terms are computed at once."""


def log_sum(term: Term, low: Any, high: Any, counts: Sequence[Any], parameters: Sequence[Any]) -> Any:
    """The logarithm of the sum of ``exp(term(i, *counts, *parameters))`` over the integers i from ``low`` to ``high``.

    The arguments broadcast; there are derivatives in the parameters.
    """
    args = np.broadcast_arrays(low, high, *counts, *parameters)
    known = 2 + len(counts)

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        out = log_sum(term, primals[0], primals[1], primals[2:known], primals[known:])
        level = np.where(out == -np.inf, 0.0, out)  # of no terms
        given = [*primals[:known], level, *primals[known:]]
        return out, _change(_share(term, len(counts)), known, given, [None, *tangents[known:]])

    return by_numpy(lambda *xs: _added_logs(term, *xs), args, rule)


def integer_of(name: str, n: Any) -> Any:
    """A parameter of a distribution that is the number of something, in which there is no derivative."""

    @custom_jvp
    def integer(n: Any) -> Any:
        return n

    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        if type(tangents[0]) is not Zero:
            why, fix = "its sum of probabilities is known for integers alone", "pass it as an integer, or stop_gradient it"
            what = f"a number of things, a parameter of scipy.stats.{name}"
            raise NonDifferentiableError(what, "a derivative", [typeof(primals[0])], why=why, fix=fix)
        return primals[0], tangents[0]

    integer.defjvp(rule, symbolic_zeros=True)
    return integer(n)


def _share(term: Term, count: int) -> Term:
    """A term's share of the sum of which the logarithm is the argument after the counts."""
    return lambda i, *args: np.exp(term(i, *args[:count], *args[count + 1 :]) - args[count])


def _change(term: Term, known: int, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """How the sum of a term changes with the arguments that have tangents, the first ``known`` of which have none."""
    total: Any = 0.0
    for place, tangent in enumerate(tangents, known):
        if tangent is not None:
            total = total + _sum(_in(term, place - 2), known, args) * tangent
    return total


def _sum(term: Term, known: int, args: Sequence[Any]) -> Any:
    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        return _sum(term, known, primals), _change(term, known, primals, tangents[known:])

    return by_numpy(lambda *xs: _added(term, *xs), args, rule)


def _in(term: Term, place: int) -> Term:
    """The derivative of a term in one of its arguments after i."""

    def derivative(i: Any, *args: Any) -> Any:
        alone = lambda x: term(i, *args[:place], x, *args[place + 1 :])
        return jvp(alone, (args[place],), (np.ones(shape_of(args[place])),))[1]

    return derivative


def by_numpy(run: Callable[..., Any], args: Sequence[Any], rule: Callable[..., Any]) -> Any:
    """``run(*args)``, for each element of arrays of one shape, with a derivative by a rule."""
    aval = ShapedArray(shape_of(args[0]), np.dtype(np.float64))
    return pure_callback(run, aval, *args, vmap_method="broadcast_all", jvp=rule)


# --- on arrays ----------------------------------------------------------------------------------------------------------


def _blocks(term: Term, low: Any, high: Any, args: Sequence[Any]) -> Any:
    """The values of the terms along a new last axis, and which of them count, so many at once as memory holds well."""
    wide = [np.asarray(x, np.float64)[..., None] for x in (low, high, *args)]
    most = int(np.max(np.nan_to_num(high - low, nan=-1.0), initial=-1.0)) + 1
    size = max(1, BLOCK // max(np.size(low), 1))
    for start in range(0, most, size):
        i = wide[0] + np.arange(start, min(start + size, most))
        counts = i <= wide[1]
        with np.errstate(all="ignore"):
            yield term(np.where(counts, i, wide[0]), *wide[2:]), counts


def _added(term: Term, low: Any, high: Any, *args: Any) -> Any:
    total = np.zeros(np.shape(low))
    for values, counts in _blocks(term, low, high, args):
        total += np.sum(np.where(counts, values, 0.0), axis=-1)
    return total


def _added_logs(term: Term, low: Any, high: Any, *args: Any) -> Any:
    total = np.full(np.shape(low), -np.inf)
    for values, counts in _blocks(term, low, high, args):
        values = np.where(counts, values, -np.inf)
        largest = np.max(values, axis=-1, keepdims=True)
        largest = np.where(np.isfinite(largest), largest, 0.0)
        with np.errstate(divide="ignore"):
            total = np.logaddexp(total, np.log(np.sum(np.exp(values - largest), axis=-1)) + largest[..., 0])
    return total
