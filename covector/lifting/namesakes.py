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

import numpy as np

from covector.core.primitive import TracerBase
from covector.core.pytrees import register_standing
from covector.lifting.active import as_covector, is_active
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, unwrap, wrap
from covector.lifting.operators import store
from covector.lifting.order import in_unknown_order
from covector.lifting.stand_ins import (
    Object,
    StandIn,
    argument,
    holds_cells,
    is_class_of,
    is_function,
    original_of,
    result,
    with_operations,
)


def any_traced(values: Any) -> bool:
    """Whether a value is traced, or one in lists and tuples."""
    for x in values:
        x = x._read() if type(x) in LIFTED else x
        if isinstance(x, (TracerBase, Object)) or (type(x) in (list, tuple) and any_traced(x)) or holds_cells(x):
            return True
    return False


def _as_covector(f: Any, args: Any, kwargs: Any) -> Any:
    return as_covector(f, *map(argument, args), **{k: argument(x) for k, x in kwargs.items()})


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
        ours = self._ours() if any_traced(args) or any_traced(kwargs.values()) else None
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
        return in_unknown_order(wrap(_as_covector(ours, args, kwargs)))


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


# --- classes, and what is made of them ------------------------------------------------------------------------------------


class Namesake(StandIn):
    """A class or a distribution of SciPy's, or an object of one: its methods too are covector's with traced values."""

    def __init__(self, original: Any, ours: Callable[[], Any], makes: bool = False):
        super().__init__(original)
        self.__dict__.update(_ours=ours, _makes=makes)

    __class__ = property(lambda self: type(self._original))

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's with plain values; what it makes is another."""
        if any_traced(args) or any_traced(kwargs.values()):
            ours = self._ours()
            return result(_as_covector(ours, args, kwargs)) if _takes(ours, args, kwargs) else self._original(*args, **kwargs)
        found = _plainly(self._original, args, kwargs)
        if not self._makes and not is_class_of(type(found), ""):
            return result(found)
        given, named = [_kept(x) for x in args], {k: _kept(x) for k, x in kwargs.items()}
        return Namesake(found, functools.cache(lambda: _if_any(self._ours(), lambda ours: as_covector(ours, *given, **named))))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__dict__["_original"], name)
        if name.startswith("_") or not callable(found) or not is_active():
            return found
        return Namesake(found, lambda: getattr(self._ours(), name, None))

    def _after(self, operation: Callable[..., Any]) -> Namesake:
        return Namesake(
            functools.partial(operation, self._original),
            lambda: _if_any(self._ours(), lambda ours: functools.partial(operation, ours)),
        )

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._original, name, value)
        self.__dict__["_ours"] = lambda: None

    def value(self) -> Any:
        """What is covector's."""
        return self._ours()

    def __instancecheck__(self, x: Any) -> bool:
        ours = self._ours() if type(x) is Object else None
        return isinstance(x, self._original) if ours is None else isinstance(x._original, ours)


def _if_any(x: Any, f: Callable[[Any], Any]) -> Any:
    return None if x is None else f(x)


def _plainly(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """SciPy's own with plain values; a function among them is lifted code."""
    if any(type(x) is not Namesake and is_function(x) for x in (*args, *kwargs.values())):
        return f(*args, **kwargs)
    return as_covector(f, *map(_scipys, args), **{k: _scipys(x) for k, x in kwargs.items()})


def _scipys(x: Any) -> Any:
    """An argument of SciPy's."""
    return x._original if type(x) is Namesake else unwrap(x)


def _kept(x: Any) -> Any:
    """An argument of covector's, for later: arrays may be written until then."""
    if type(x) in (list, tuple):
        return type(x)(map(_kept, x))
    return x.copy() if type(x) is np.ndarray else argument(x)


with_operations(Namesake, lambda operation: lambda self, *args: self._after(operation)(*args))
register_standing(Namesake, lambda x: x._original)
