"""What is SciPy's, in whose place covector's of the same name is called with traced values, in lifted code.

>>> import covector as cv, numpy as np, scipy.interpolate, scipy.stats
>>> table = scipy.interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
>>> float(cv.grad(cv.lift(lambda x: table(x)))(1.5))
3.0
>>> cv.jit(cv.lift(lambda m: scipy.stats.norm(m, 2.0).logpdf(m)))(0.3).round(3)
np.float64(-1.612)
>>> cv.lift.uninstall()
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from covector.core.primitive import TracerBase
from covector.lifting.active import as_covector, is_active
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, unwrap, wrap
from covector.lifting.memory import holds_cells
from covector.lifting.operators import store
from covector.lifting.order import in_unknown_order
from covector.lifting.stand_ins import (
    Object,
    StandIn,
    argument,
    is_function,
    is_object,
    original_of,
    parts_of,
    result,
)


def any_traced(values: Any) -> bool:
    """Whether a value is traced, or one in lists, tuples, dictionaries and constraints."""
    for x in values:
        x = x._read() if type(x) in LIFTED else x
        if isinstance(x, (TracerBase, Object)) or holds_cells(x) or any_traced(parts_of(x) or ()):
            return True
    return False


def namesake(module: str, name: str, original: Any) -> Any:
    """What covector has under a name of SciPy's; None where that is nothing, or SciPy's own that does not dispatch."""
    ours = getattr(importlib.import_module(f"covector.{module}"), name, None)
    return None if original_of(ours) is original and isinstance(original, (FunctionType, type)) else ours


@functools.cache
def _signature(f: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(f)
    except ValueError:  # a ufunc, or compiled
        return None


def _takes(ours: Any, args: Any, kwargs: Any) -> bool:
    """Whether covector has such a function, with these arguments."""
    if ours is None or isinstance(ours, functools.partial):
        return ours is not None
    if isinstance(ours, MethodType):
        ours, args = ours.__func__, (ours.__self__, *args)
    elif not isinstance(ours, (FunctionType, type)):
        ours, args = type(ours).__call__, (ours, *args)
    signature = _signature(ours)
    try:
        return signature is None or bool(signature.bind(*args, **kwargs))
    except TypeError:
        return False


class OfScipy(StandIn):
    """A function of SciPy's."""

    def __init__(self, original: Any, ours: Callable[[], Any]):
        super().__init__(original)
        self.__dict__["_ours"] = ours

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's with plain values."""
        ours: Any = self._ours() if any_traced(args) or any_traced(kwargs.values()) else None
        if not _takes(ours, args, kwargs):
            return self._original(*args, **kwargs)
        output = _output(self._original, args, kwargs)
        if output is not None:
            bound, out = output
            del bound.arguments["output"]
            found = unwrap(self.lifted(bound.args, bound.kwargs))
            if found.shape != out.shape:
                raise RuntimeError("output shape not correct")
            return store(out, found, "unsafe")
        found = as_covector(ours, *map(argument, args), **{k: argument(x) for k, x in kwargs.items()})
        return result(found) if is_object(found) or is_function(found) else in_unknown_order(wrap(found))


def _output(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The arguments, and the array among them that is to be written, if there is one."""
    if not any(type(x) is Cell for x in (*args[1:], *kwargs.values())):
        return None
    signature = _signature(f)
    if signature is None or "output" not in signature.parameters:
        return None
    bound = signature.bind(*args, **kwargs)
    out = bound.arguments.get("output")
    return (bound, out) if type(out) is Cell else None


# --- distributions --------------------------------------------------------------------------------------------------------

DENSITIES = "pdf logpdf pmf logpmf cdf logcdf sf logsf ppf isf".split()
"""The methods of distributions that are covector's with traced values."""


def distribution(original: Any, name: str) -> Any:
    """A distribution of SciPy's, of a class of its own, so that those that it is frozen to have it too."""
    kind = type(original)
    found: Any = object.__new__(type(kind.__name__, (kind,), _methods(kind, name)))
    found.__dict__ = original.__dict__
    return found


def _made(kind: Any, *args: Any) -> Any:
    return kind.__new__(kind, *args)


def _methods(kind: type, name: str) -> dict[str, Any]:
    """What stands for the methods of a class of distributions."""

    def ours(method: str) -> Any:
        found = namesake("scipy.stats", name, None)
        is_ours = isinstance(found, importlib.import_module("covector.scipy.stats.distributions").Distribution)
        return getattr(found, method, None) if is_ours else None

    def density(method: str) -> Any:
        @functools.wraps(getattr(kind, method))
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            original = functools.partial(getattr(kind, method), self)
            if not is_active() or type(self).__bases__ != (kind,):  # a subclass has densities of its own
                return original(*args, **kwargs)
            return OfScipy(original, functools.partial(ours, method)).lifted(args, kwargs)

        return call

    def reduced(self: Any, protocol: Any) -> Any:
        parts: Any = object.__reduce_ex__(self, 2)
        _, (_, *args), *state = parts
        return (_made, (kind, *args), *state)

    found = {method: density(method) for method in DENSITIES if hasattr(kind, method)}
    return {**found, "__reduce_ex__": reduced, "__module__": kind.__module__, "__doc__": kind.__doc__}
