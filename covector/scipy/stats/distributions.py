"""What a distribution is: the functions of one with location 0 and scale 1, and what follows from them.

>>> from covector.scipy.stats import norm
>>> float(norm.logpdf(0.0, 1.0, 2.0))
-1.7370857137646...

A distribution is given by the logarithm of its density and by its distribution function, in NumPy's and SciPy's functions, so
its derivatives follow in every parameter.  What is not given follows from what is: the survival function is the rest to 1, a
density the exponential of its logarithm.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of
from covector.numpy.registry import floating
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.math.identity import stop_gradient_p
from covector.scipy.checks import nan_unless_refused
from covector.scipy.stats.frozen import Freezing, Frozen
from covector.scipy.stats.quantiles import quantile, quantile_of_counts
from covector.scipy.stats.supports import all_positive, determined
from covector.scipy.stats.tails import log_of

Function = Any  # of arrays, or None


def at_least_double(x: Any) -> Any:
    """An array or tracer of real numbers in double precision, or a longer one: the logarithm of a short number is short."""
    x = floating(x)
    return convert_to(x, np.promote_types(dtype_of(x), np.float64))


class Distribution(Freezing):
    """A distribution by its name and the names of its parameters; those with a default follow the others."""

    variable: str
    defaults: dict[str, float]

    def __init__(self, name: str, shapes: str, support: Function, valid: Function):
        self.name = name
        self.shapes = tuple(shapes.split())
        self.bounds = support
        self.valid = valid

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        self._parameters("", args, kwargs)
        return super().__call__(*args, **kwargs)

    def _wrong(self, shapes: list[Any]) -> Any:
        """Where there is no distribution with these parameters; what is asked of it is NaN there, as in SciPy."""
        return np.logical_not(self.valid(*shapes))

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _parameters(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The shape parameters, the location and, if there is one, the scale."""
        names = (*self.shapes, *self.defaults)
        if len(args) > len(names) or not set(kwargs) <= set(names[len(args) :]):
            raise self._error(method, f"{len(args)} positional parameters and {', '.join(kwargs) or 'no keywords'}")
        given = {**self.defaults, **dict(zip(names, args, strict=False)), **kwargs}
        if len(given) < len(names):
            raise self._error(method, "no " + ", ".join(n for n in self.shapes if n not in given))
        return [at_least_double(given[n]) for n in names]

    def _error(self, method: str, got: str) -> errors.ArgumentError:
        called = ".".join(filter(None, [self.name, method]))
        names = [*self.shapes, *(f"{name}={value:g}" for name, value in self.defaults.items())]
        signature = ", ".join([self.variable, *names] if method and method != "median" else names)
        return errors.ArgumentError(f"covector.scipy.stats.{called} got {got}.", fix=f"call it as {called}({signature})")

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The quantile."""
        raise NotImplementedError

    def median(self, *args: Any, **kwargs: Any) -> Any:
        """The quantile of a half."""
        self._parameters("median", args, kwargs)
        return self.ppf(0.5, *args, **kwargs)

    def interval(self, confidence: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Between which values the probability is ``confidence``, and as much below as above."""
        self._parameters("interval", args, kwargs)
        confidence = at_least_double(confidence)
        wrong = (confidence < 0) | (confidence > 1)
        ends = (self.ppf((1 + side * confidence) / 2, *args, **kwargs) for side in (-1, 1))
        return tuple(nan_unless_refused(wrong, x, f"{self.name}.interval got a confidence outside of [0, 1]") for x in ends)


class Continuous(Distribution):
    """A continuous distribution with the parameters ``shapes``, a location and a scale.

    Args:
        name: SciPy's name.
        shapes: the names of its shape parameters, separated by spaces.
        support: ``support(*shapes)`` gives the bounds of the values that it has.
        valid: ``valid(*shapes)`` says for which shapes it is there; by default for positive ones.
        logpdf: ``logpdf(x, *shapes)``, within the support.
        cdf, sf, logcdf, logsf: the distribution and survival functions and their logarithms, one of them at least.
        ppf, isf: the inverses of ``cdf`` and ``sf``; where both are missing SciPy finds them.
        reach: ``reach(*shapes)`` gives bounds beyond which density and probability are 0 in double precision, and only their
            logarithms are not: what is 0 there does not move, though a power in its formula may overflow.
    """

    variable, defaults = "x", {"loc": 0.0, "scale": 1.0}

    OTHERWISE: ClassVar[dict[str, tuple[tuple[str, Function], ...]]] = {
        "cdf": (("logcdf", np.exp), ("logsf", lambda p: -np.expm1(p)), ("sf", lambda p: 1 - p)),
        "sf": (("logsf", np.exp), ("logcdf", lambda p: -np.expm1(p)), ("cdf", lambda p: 1 - p)),
        "logcdf": (("cdf", np.log), ("sf", lambda p: np.log1p(-p))),
        "logsf": (("sf", np.log), ("cdf", lambda p: np.log1p(-p))),
    }
    """What a function that is not given is made of, the first that there is."""

    def __init__(
        self,
        name: str,
        shapes: str = "",
        *,
        support: Function,
        valid: Function = all_positive,
        logpdf: Function,
        cdf: Function = None,
        sf: Function = None,
        logcdf: Function = None,
        logsf: Function = None,
        ppf: Function = None,
        isf: Function = None,
        reach: Function = None,
    ):
        super().__init__(name, shapes, support, valid)
        self.reach = reach
        self.standard = {"logpdf": logpdf, "cdf": cdf, "sf": sf, "logcdf": logcdf, "logsf": logsf, "ppf": ppf, "isf": isf}

    def _standardized(self, method: str, x: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any], Any, Any, Any, Any]:
        """``(x - loc) / scale`` moved into the support, the shapes, the scale, and where it is below, above, and no number.

        The last are two: where x is none, and where that of the parameters.
        """
        *shapes, loc, scale = self._parameters(method, args, kwargs)
        x = at_least_double(x)
        missing = np.isnan(x)
        z = (np.where(missing, 0.0, x) - loc) / scale + 0.0  # of -0.0 makes 0.0, of which a power is no minus infinity
        low, high = self.bounds(*shapes)
        below, above = (z < low) | (z == -np.inf), (z > high) | (z == np.inf)
        inside = np.where(below | above, self._somewhere(low, high), z)
        return inside, shapes, scale, below, above, (missing, np.isnan(z) | ~(scale > 0) | self._wrong(shapes))

    def _somewhere(self, low: Any, high: Any) -> Any:
        """A value within the support, in whose stead nothing overflows."""
        low_known, high_known = np.abs(low) < 1e100, np.abs(high) < 1e100
        left, right = np.where(low_known, low, -1.0), np.where(high_known, high, 1.0)
        middle = np.where(low_known & high_known, (left + right) / 2, np.where(low_known, left + 0.5, right - 0.5))
        return np.where(low_known | high_known, middle, 0.5)

    # --- densities ---

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density; minus infinity outside of the support."""
        return self._log_density("logpdf", x, args, kwargs, self.standard["logpdf"])

    def _log_density(self, method: str, x: Any, args: Any, kwargs: Any, f: Function) -> Any:
        z, shapes, scale, below, above, nans = self._standardized(method, x, args, kwargs)
        with np.errstate(all="ignore"):  # what is not chosen may overflow
            value = f(z, *shapes) - np.log(scale)
        return determined(np.where(below | above, -np.inf, value), *nans)

    def _within(self, f: Function, below: bool = True, above: bool = True) -> Function:
        """A function that is constant where it is out of reach, on these sides."""
        if self.reach is None:
            return f

        def call(z: Any, *shapes: Any) -> Any:
            low, high = map(stop_gradient_p.bind, self.reach(*shapes))
            z = np.where(z < low, low, z) if below else z
            return f(np.where(z > high, high, z) if above else z, *shapes)

        return call

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        return np.exp(self._log_density("pdf", x, args, kwargs, self._within(self.standard["logpdf"])))

    # --- distribution functions ---

    def _probability(self, method: str, x: Any, args: Any, kwargs: Any, f: Function, at_low: float, at_high: float) -> Any:
        z, shapes, _, below, above, nans = self._standardized(method, x, args, kwargs)
        with np.errstate(all="ignore"):
            return determined(np.where(below, at_low, np.where(above, at_high, f(z, *shapes))), *nans)

    def _given(self, method: str) -> Function:
        """The function of a name, or one made of the first other that there is."""
        if self.standard[method] is not None:
            return self.standard[method]
        given = {name: f for name, f in self.standard.items() if f is not None}
        f, derived = next((given[name], derived) for name, derived in self.OTHERWISE[method] if name in given)
        return lambda *args: derived(f(*args))

    def _logarithm(self, method: str, of: str, rest: str) -> Function:
        """The logarithm of a probability, which is exact near 1 too where the rest to 1 is known."""
        value, other = self.standard[of], self.standard[rest]
        if self.standard[method] is None and value is not None and other is not None:
            return lambda *args: log_of(value(*args), other(*args))
        return self._given(method)

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value up to ``x``."""
        return self._probability("cdf", x, args, kwargs, self._within(self._given("cdf")), 0.0, 1.0)

    def sf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value beyond ``x``."""
        return self._probability("sf", x, args, kwargs, self._within(self._given("sf")), 1.0, 0.0)

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `cdf`."""
        f = self._within(self._logarithm("logcdf", "cdf", "sf"), below=False)
        return self._probability("logcdf", x, args, kwargs, f, -np.inf, 0.0)

    def logsf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `sf`."""
        f = self._within(self._logarithm("logsf", "sf", "cdf"), above=False)
        return self._probability("logsf", x, args, kwargs, f, 0.0, -np.inf)

    # --- quantiles ---

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The quantile: up to which value the probability is ``q``."""
        return self._quantile("ppf", q, args, kwargs, self.standard["ppf"], self.standard["isf"])

    def isf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """Beyond which value the probability is ``q``."""
        return self._quantile("isf", q, args, kwargs, self.standard["isf"], self.standard["ppf"])

    def _quantile(self, method: str, q: Any, args: Any, kwargs: Any, own: Function, other: Function) -> Any:
        *shapes, loc, scale = self._parameters(method, args, kwargs)
        q = at_least_double(q)
        if own is None and other is None:
            of, log = ("cdf", self.logcdf) if method == "ppf" else ("sf", self.logsf)
            own = quantile(self.name, method, self._given(of), log, self.standard["logpdf"])
        possible = (q >= 0) & (q <= 1) & (scale > 0) & ~self._wrong(shapes)
        inside = np.where(possible, q, 0.5)
        with np.errstate(all="ignore"):
            value = own(inside, *shapes) if own is not None else other(1 - inside, *shapes)
        missing = np.isnan(q)
        beside = 0.0 * np.where(missing, 0.5, q)  # through which a q that is no probability gets its NaN
        return determined(value * scale + loc + beside, missing, ~possible)


class Discrete(Distribution):
    """A distribution of integers, with the parameters ``shapes`` and a location.

    Args:
        name: SciPy's name.
        shapes: the names of its parameters, separated by spaces.
        support: ``support(*shapes)`` gives the least and the greatest value.
        valid: ``valid(*shapes)`` says for which parameters it is there.
        logpmf: ``logpmf(k, *shapes)``, within the support.
        cdf: ``cdf(k, *shapes)`` at an integer within the support.
        sf: ``sf(k, *shapes)`` likewise; one of the two may be missing.
        logcdf, logsf: the logarithms of these, where they are known more exactly.
    """

    variable, defaults = "k", {"loc": 0.0}

    def __init__(
        self,
        name: str,
        shapes: str,
        *,
        support: Function,
        valid: Function = all_positive,
        logpmf: Function,
        cdf: Function = None,
        sf: Function = None,
        logcdf: Function = None,
        logsf: Function = None,
    ):
        super().__init__(name, shapes, support, valid)
        self.mass = logpmf
        self.below = cdf or (lambda *args: 1 - sf(*args))
        self.beyond = sf or (lambda *args: 1 - cdf(*args))
        self.logs = {"logcdf": logcdf, "logsf": logsf}

    def _standardized(self, method: str, k: Any, args: Any, kwargs: Any) -> Any:
        *shapes, loc = self._parameters(method, args, kwargs)
        k = at_least_double(k)
        missing = np.isnan(k)
        k = np.where(missing, 0.0, k) - loc
        return k, shapes, self.bounds(*shapes), (missing, np.isnan(k) | self._wrong(shapes))

    def logpmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the probability of ``k``; minus infinity for what is no value of the distribution."""
        k, shapes, (low, high), nans = self._standardized("logpmf", k, args, kwargs)
        possible = (k >= low) & (k <= high) & (k == np.floor(k))
        value = np.where(possible, self.mass(np.where(possible, k, low), *shapes), -np.inf)
        return determined(value, *nans)

    def pmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of ``k``."""
        return np.exp(self.logpmf(k, *args, **kwargs))

    def _probability(self, method: str, k: Any, args: Any, kwargs: Any, f: Function, at_low: float, at_high: float) -> Any:
        k, shapes, (low, high), nans = self._standardized(method, k, args, kwargs)
        k = np.floor(k)
        inside = np.where((k >= low) & (k < high), k, low)
        value = np.where(k < low, at_low, np.where(k >= high, at_high, f(inside, *shapes)))
        return determined(value, *nans)

    def _at_most(self, method: str, k: Any, args: Any, kwargs: Any) -> Any:
        return self._probability(method, k, args, kwargs, self.below, 0.0, 1.0)

    def _beyond(self, method: str, k: Any, args: Any, kwargs: Any) -> Any:
        return self._probability(method, k, args, kwargs, self.beyond, 1.0, 0.0)

    def cdf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value up to ``k``."""
        return self._at_most("cdf", k, args, kwargs)

    def sf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of a value beyond ``k``."""
        return self._beyond("sf", k, args, kwargs)

    def logcdf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `cdf`."""
        if self.logs["logcdf"] is None:
            return np.log(self._at_most("logcdf", k, args, kwargs))
        return self._probability("logcdf", k, args, kwargs, self.logs["logcdf"], -np.inf, 0.0)

    def logsf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `sf`."""
        if self.logs["logsf"] is None:
            return np.log(self._beyond("logsf", k, args, kwargs))
        return self._probability("logsf", k, args, kwargs, self.logs["logsf"], 0.0, -np.inf)

    # --- quantiles ---

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The quantile: the least value up to which the probability is ``q`` at least."""
        return self._quantile("ppf", q, args, kwargs)

    def isf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The least value beyond which the probability is ``q`` at most."""
        return self._quantile("isf", q, args, kwargs)

    def _quantile(self, method: str, q: Any, args: Any, kwargs: Any) -> Any:
        *shapes, loc = self._parameters(method, args, kwargs)
        return quantile_of_counts(self.name, method)(at_least_double(q), *shapes) + loc
