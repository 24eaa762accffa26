"""Logarithms of the incomplete gamma and beta functions, and of probabilities beyond a point, where these are small.

>>> round(float(log_gammaincc(1.0, np.log(1e6))), 6)
-1000000.0

Beyond a point at which the logarithm of a density falls with the slope -c, the probability is

    density / c · ∫ exp(-s) r(s) ds   from 0 to infinity,

where r is 1 but for the curvature, so that the rule of Gauss and Laguerre has all digits (W. Gautschi, "Orthogonal Polynomials:
Computation and Approximation", 2004, section 3.1).  Derivatives in every argument are those of this sum.  Where a probability
is not small, it is SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from covector.core.primitive import TracerBase
from covector.primitives.math import special_ufuncs as special

SMALL = 1e-3
"""Up to which probability the rule is used: it has all digits there already."""

LOG_2 = np.log(2)
Function = Callable[..., Any]


@cache
def _laguerre() -> tuple[Any, Any]:
    return np.polynomial.laguerre.laggauss(32)


def _log_of_rule(slope: Any, log_rest: Callable[[Any], Any]) -> Any:
    """The logarithm of ``∫ exp(-s) r(s / slope) ds / slope``, given ``log r`` of places along a new last axis."""
    nodes, weights = _laguerre()
    return np.log(np.sum(weights * np.exp(log_rest(nodes / wide(slope))), axis=-1)) - np.log(slope)


def wide(x: Any) -> Any:
    """With a new last axis."""
    return np.expand_dims(x, -1)


def _where(mask: Any, f: Function, *args: Any) -> Any:
    """``f(*args)`` where a mask is true, and anything elsewhere: what is known is computed there alone.

    Args:
        mask: has the shape of the result.
        args: have values for which f has finite derivatives where the mask is false, too.
    """
    if not isinstance(mask, TracerBase) and not np.any(mask):
        return -np.inf
    if any(isinstance(x, TracerBase) for x in (mask, *args)):
        return f(*args)
    out = np.full(np.shape(mask), -np.inf)
    out[mask] = f(*(np.broadcast_to(x, out.shape)[mask] for x in args))
    return out


def log_of(value: Any, rest: Any) -> Any:
    """The logarithm of a probability, exact near 1 too, where the rest to 1 is given."""
    near = value > 0.5
    return np.where(near, np.log1p(-np.where(near, rest, 0.0)), np.log(np.where(near, 1.0, value)))


def log1mexp(x: Any) -> Any:
    """``log(1 - exp(-x))`` for positive x, exact for small and large ones."""
    near = x < LOG_2
    small = 0.0 - np.expm1(0.0 - np.where(near, x, 1.0))  # 0 is positive, and so is the infinite slope there
    return np.where(near, np.log(small), np.log1p(-np.exp(-np.where(near, 1.0, x))))


def log1mexpexp(u: Any) -> Any:
    """``log(1 - exp(-exp(u)))``, where ``exp(u)`` underflows too, and constant where it would overflow."""
    low, none = u < -30, u > 7
    return np.where(low, np.where(low, u, 0.0), log1mexp(np.exp(np.where(low, 0.0, np.where(none, 7.0, u)))))


def log_softplus(w: Any) -> Any:
    """``log(log(1 + exp(w)))``."""
    low = w < -30
    return np.where(low, np.where(low, w, 0.0), np.log(-special.log_expit(-np.where(low, 0.0, w))))


# --- incomplete gamma functions ---------------------------------------------------------------------------------------


def _gamma_beyond(a: Any, u: Any) -> Any:
    """The logarithm of the small probability beyond ``exp(u)``."""
    x = np.exp(u)
    rest = _log_of_rule(1 - (a - 1) / x, lambda s: wide(a - 1) * (np.log1p(s / wide(x)) - s / wide(x)))
    return (a - 1) * u - x - special.gammaln(a) + rest


def _gamma_below(a: Any, u: Any) -> Any:
    """The logarithm of the small probability up to ``exp(u)``."""
    x = np.exp(u)
    return a * u - x - special.gammaln(a) + _log_of_rule(a - x, lambda v: wide(x) * (-np.expm1(-v) - v))


def _log_gammas(a: Any, u: Any) -> tuple[Any, Any]:
    """The logarithms of `scipy.special.gammainc` and of ``gammaincc`` at ``exp(u)``, also where these are 0."""
    x = np.exp(u)
    beyond = (special.gammaincc(a, x) < SMALL) & np.isfinite(x) & (x > a)
    below = (special.gammainc(a, x) < SMALL) & (x < a)
    inside = np.where(beyond | below | ~np.isfinite(x), a, x)
    far = _where(beyond, _gamma_beyond, a, np.where(beyond, u, np.log(a + 100.0)))
    near = _where(below, _gamma_below, a, np.where(below, u, np.log(a / 2)))
    lower = np.where(below, near, np.where(beyond, np.log1p(-np.exp(far)), np.log(special.gammainc(a, inside))))
    upper = np.where(beyond, far, np.where(below, np.log1p(-np.exp(near)), np.log(special.gammaincc(a, inside))))
    return np.where(x == np.inf, 0.0, lower), np.where(x == np.inf, -np.inf, upper)


def log_gammainc(a: Any, u: Any) -> Any:
    """The logarithm of `scipy.special.gammainc` at ``exp(u)``."""
    return _log_gammas(a, u)[0]


def log_gammaincc(a: Any, u: Any) -> Any:
    """The logarithm of `scipy.special.gammaincc` at ``exp(u)``."""
    return _log_gammas(a, u)[1]


def about_0(cdf: Function, logcdf: Function, ppf: Function | None = None) -> dict[str, Any]:
    """The distribution functions of a distribution that is symmetric about 0, and the quantiles if one of them is given."""

    def mirrored(f: Function) -> Function:
        return lambda x, *shapes: f(-x, *shapes)

    quantiles = {} if ppf is None else {"ppf": ppf, "isf": lambda q, *shapes: -ppf(q, *shapes)}
    return {"cdf": cdf, "sf": mirrored(cdf), "logcdf": logcdf, "logsf": mirrored(logcdf), **quantiles}


def begun(at_zero: Function, elsewhere: Function) -> Function:
    """A function of ``x``, which is not negative, and shapes, by a formula ``elsewhere`` that takes the logarithm of x.

    Its value at 0 would be right, its slope not: there it is by the other.
    """

    def call(x: Any, *shapes: Any) -> Any:
        zero = x == 0
        return np.where(zero, at_zero(np.where(zero, x, 0.5), *shapes), elsewhere(np.where(zero, 0.5, x), *shapes))

    return call


def of_gamma(shape: Function, place: Function, log_place: Function, power: int = 1) -> dict[str, Any]:
    """The distribution functions of that of which a function of it, ``place(x, *shapes)``, has a gamma distribution.

    Args:
        shape: the order of the gamma distribution, a function of the shapes.
        place: the function, which rises.
        log_place: its logarithm.
        power: that of x which the function is a multiple of.
    """

    def by(f: Function, place: Function) -> Function:
        return lambda x, *shapes: f(shape(*shapes), place(x, *shapes))

    def first(x: Any, *shapes: Any) -> Any:
        """As it begins at 0: ``place ** a``, with one power of x that has the slope."""
        a = shape(*shapes)
        return x ** (power * a) * np.exp(a * np.log(place(1.0, *shapes)) - special.gammaln(a + 1))

    return {
        "cdf": begun(first, by(special.gammainc, place)),
        "sf": begun(lambda *args: 1 - first(*args), by(special.gammaincc, place)),
        "logcdf": begun(by(lambda a, u: a * u, log_place), by(log_gammainc, log_place)),
        "logsf": begun(lambda *args: np.log1p(-first(*args)), by(log_gammaincc, log_place)),
    }


# --- incomplete beta function -----------------------------------------------------------------------------------------


def betaincc(a: Any, b: Any, x: Any) -> Any:
    """`scipy.special.betaincc`, which takes twenty times as long as betainc, only where that leaves too few digits."""
    rest = special.betainc(a, b, x)
    small = rest > 0.9
    return np.where(small, _where(small, special.betaincc, a, b, np.where(small, x, 0.5)), 1 - rest)


def betainc_of_logit(a: Any, b: Any, w: Any) -> Any:
    """`scipy.special.betainc` at ``expit(w)``: near 1 through the other tail, and by its power where that underflows."""
    low, none = w < 0, w < -650
    below, above = np.where(low & ~none, w, 0.0), np.where(low, 0.0, w)
    power = np.exp(a * np.where(none, w, 0.0) - np.log(a) - special.betaln(a, b))
    inside = np.where(low, special.betainc(a, b, special.expit(below)), betaincc(b, a, special.expit(-above)))
    return np.where(none, power, inside)


def _is_steep(a: Any, b: Any, w: Any) -> Any:
    return (a > (b - 1) * np.exp(np.minimum(w, 700.0))) & (w < 700)


def _beta_below(a: Any, b: Any, w: Any) -> Any:
    """The logarithm of the small probability up to ``expit(w)``."""
    odds = np.exp(w)

    def curve(v: Any) -> Any:
        return wide(b - 1) * (np.log1p(-wide(odds) * np.expm1(-v)) - wide(odds) * v)

    rest = _log_of_rule(a - (b - 1) * odds, curve)
    return a * special.log_expit(w) + (b - 1) * special.log_expit(-w) - special.betaln(a, b) + rest


def log_betainc_of_logit(a: Any, b: Any, w: Any) -> Any:
    """The logarithm of `betainc_of_logit`, also where that is 0."""
    value = betainc_of_logit(a, b, w)
    high = value > 0.999
    rest = np.where(high, _where(high, betainc_of_logit, b, a, -w), 1.0)
    below, beyond = (value < SMALL) & _is_steep(a, b, w), (rest < SMALL) & _is_steep(b, a, -w)
    elsewhere = below | beyond
    near = _where(below, _beta_below, a, b, np.where(below, w, np.log(a / np.maximum(b, 1.0)) - 2.0))
    far = _where(beyond, _beta_below, b, a, np.where(beyond, -w, np.log(b / np.maximum(a, 1.0)) - 2.0))
    if isinstance(elsewhere, TracerBase) or np.any(elsewhere):
        value = betainc_of_logit(a, b, np.where(elsewhere, np.log(a / b), w))
    return np.where(below, near, np.where(beyond, np.log1p(-np.exp(far)), np.log(value)))


def of_beta(a: Function, b: Function, logit: Function, place: Function) -> dict[str, Any]:
    """The distribution functions of that of which a function of it, ``place(x, *shapes)``, has a beta distribution.

    Args:
        a, b: the orders of the beta distribution, functions of the shapes.
        logit: the logit of the function.
        place: the function, with x in one place, so that an infinite slope is no difference of two.
    """

    def by(f: Any, way: int) -> Any:
        def call(x: Any, *shapes: Any) -> Any:
            orders = (a(*shapes), b(*shapes))[::way]
            return f(*orders, way * logit(x, *shapes))

        return call

    def up_to(x: Any, *shapes: Any) -> Any:
        return special.betainc(a(*shapes), b(*shapes), place(x, *shapes))

    return {
        "cdf": begun(up_to, by(betainc_of_logit, 1)),
        "sf": begun(lambda *args: 1 - up_to(*args), by(betainc_of_logit, -1)),
        "logcdf": begun(lambda x, *shapes: a(*shapes) * logit(x, *shapes), by(log_betainc_of_logit, 1)),
        "logsf": begun(lambda *args: np.log1p(-up_to(*args)), by(log_betainc_of_logit, -1)),
    }


def beta_quantile(a: Any, b: Any, q: Any) -> Any:
    """`scipy.special.betaincinv`, by two terms of its series where q is so small that SciPy has NaN."""
    low = (q > 0) & (q < 1e-90)
    first = np.where(low, q, 0.5) ** (1 / a) * np.exp((np.log(a) + special.betaln(a, b)) / a)
    low = low & (first * (1 + b) < 1e-9)
    return np.where(low, first * (1 + (b - 1) / (a + 1) * first), special.betaincinv(a, b, np.where(low, 0.5, q)))


def odds_quantile(a: Any, b: Any, q: Any, beyond: bool) -> Any:
    """The quantile of ``y / (1 - y)`` for a y that has a beta distribution, or beyond which the probability is q."""
    a, b = (b, a) if beyond else (a, b)
    y = beta_quantile(a, b, np.where(q > 0.5, 0.5, q))
    high = (q > 0.5) | (y > 0.9)
    rest = beta_quantile(b, a, np.where(high, 1 - q, 0.5))
    small = np.where(high, rest, y)
    near = high == beyond
    inverse = np.where(near, 0.5, small)
    return np.where(near, np.expm1(-np.log1p(-np.where(near, small, 0.5))), (1 - inverse) / inverse)


# --- any density ------------------------------------------------------------------------------------------------------


def log_tail(logpdf: Callable[[Any], Any], slope: Any, x: Any, side: int) -> Any:
    """The logarithm of the probability beyond ``x`` on a side (1 or -1), for a density that falls there as an exponential.

    Args:
        logpdf: the logarithm of the density, of places with a new last axis.
        slope: how steeply it falls at x, which is positive.
        x: the place.
        side: 1 for what is above, -1 for what is below.
    """
    height = logpdf(wide(x))
    rest = _log_of_rule(slope, lambda u: wide(slope) * u + logpdf(wide(x) + side * u) - height)
    return height[..., 0] + rest
