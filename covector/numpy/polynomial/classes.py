"""The classes of `numpy.polynomial` with traced coefficients, domains and windows, as pytrees.

They are subclasses of NumPy's.  What NumPy's methods do by functions that tracers reach stays NumPy's; what goes through
``numpy.array`` is defined here.
"""

from __future__ import annotations

import functools
import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial._polybase import ABCPolyBase

from covector.core.avals import shape_of
from covector.core.primitive import TracerBase
from covector.core.pytrees import register_when_needed
from covector.numpy.polynomial import series
from covector.numpy.polynomial.series import Basis, as_series, functions_of, getdomain, mapdomain, mapparms
from covector.numpy.registry import as_array, contains_tracer

_Base: Any = ABCPolyBase

CLASSES: dict[type, type] = {}
"""The class here of each class of NumPy's."""


class Series(_Base):  # type: ignore[misc]
    """What the classes of all bases have in common."""

    def __init__(self, coef: Any, domain: Any = None, window: Any = None, symbol: str = "x"):
        parts = {"coef": coef, "domain": domain, "window": window}
        traced = {name: as_series([part], trim=False)[0] for name, part in parts.items() if contains_tracer(part)}
        known = [np.zeros(shape_of(traced[name])) if name in traced else part for name, part in parts.items()]
        super().__init__(*known, symbol)
        self.__dict__.update(traced)

    def _like(self, coef: Any) -> Any:
        return type(self)(coef, self.domain, self.window, self.symbol)

    def __call__(self, arg: Any) -> Any:
        """The value at points, or the composition with another polynomial."""
        off, scl = self.mapparms()
        if isinstance(arg, (list, tuple)):
            arg = as_array(arg)
        elif type(arg) in CLASSES:
            arg = CLASSES[type(arg)](arg.coef, arg.domain, arg.window, arg.symbol)
        return self._val(off + scl * arg, self.coef)

    def mapparms(self) -> tuple[Any, Any]:
        return mapparms(self.domain, self.window)

    def _get_coefficients(self, other: Any) -> Any:
        if not isinstance(other, ABCPolyBase):
            return other
        base = next(cls for cls in type(self).__mro__ if cls.__module__.startswith("numpy.polynomial."))
        if not isinstance(other, base):
            raise TypeError("Polynomial types differ")
        if not _same(self.domain, other.domain):
            raise TypeError("Domains differ")
        if not _same(self.window, other.window):
            raise TypeError("Windows differ")
        if self.symbol != other.symbol:
            raise ValueError("Polynomial symbols differ")
        return other.coef

    def __divmod__(self, other: Any) -> Any:
        return tuple(map(self._like, self._div(self.coef, self._get_coefficients(other))))

    def __rdivmod__(self, other: Any) -> Any:
        return tuple(map(self._like, self._div(self._get_coefficients(other), self.coef)))

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, TracerBase) and not shape_of(other):
            return self._like(self.coef / other)
        if not isinstance(other, numbers.Number) or isinstance(other, bool):
            raise TypeError(f"unsupported types for true division: '{type(self)}', '{type(other)}'")
        return self // other

    def __floordiv__(self, other: Any) -> Any:
        return divmod(self, other)[0]

    def __mod__(self, other: Any) -> Any:
        return divmod(self, other)[1]

    def __rfloordiv__(self, other: Any) -> Any:
        return self.__rdivmod__(other)[0]

    def __rmod__(self, other: Any) -> Any:
        return self.__rdivmod__(other)[1]

    def trim(self, tol: float = 0) -> Any:
        return self._like(series.trimcoef(self.coef, tol))

    def roots(self) -> Any:
        return mapdomain(self._roots(self.coef), self.window, self.domain)

    @classmethod
    def fit(
        cls, x: Any, y: Any, deg: Any, domain: Any = None, rcond: Any = None, full: bool = False, w: Any = None,
        window: Any = None, symbol: str = "x",
    ) -> Any:  # fmt: skip
        if domain is None:
            domain = getdomain(x)
            domain = np.where(domain[0] == domain[1], domain + np.array([-1, 1], domain.dtype), domain)
        elif isinstance(domain, list) and not domain:
            domain = cls.domain
        window = cls.window if window is None else window
        found = cls._fit(mapdomain(x, domain, window), y, deg, w=w, rcond=rcond, full=full)
        coef, *status = found if full else (found,)
        fitted = cls(coef, domain=domain, window=window, symbol=symbol)
        return (fitted, *status) if full else fitted

    @classmethod
    def fromroots(cls, roots: Any, domain: Any = (), window: Any = None, symbol: str = "x") -> Any:
        (roots,) = as_series([roots], trim=False)
        if domain is None:
            domain = getdomain(roots)
        elif isinstance(domain, (list, tuple)) and not domain:
            domain = cls.domain
        window = cls.window if window is None else window
        off, scl = mapparms(domain, window)
        coef = cls._fromroots(off + scl * roots) / scl ** shape_of(roots)[0]
        return cls(coef, domain=domain, window=window, symbol=symbol)


def _same(a: Any, b: Any) -> bool:
    return a is b or bool(np.all(a == b))


def _operator(name: str, function: str, reflected: bool) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        operands = (self.coef, self._get_coefficients(other))
        return self._like(getattr(self, function)(*(operands[::-1] if reflected else operands)))

    method.__name__ = name
    return method


for _name in ("add", "sub", "mul"):
    for _dunder, _reflected in ((f"__{_name}__", False), (f"__r{_name}__", True)):
        setattr(Series, _dunder, _operator(_dunder, f"_{_name}", _reflected))


METHODS = ("add", "sub", "mul", "div", "pow", "val", "int", "der", "fit", "line", "roots", "fromroots")


def names_of(basis: Basis, name: str, where: str, **methods: Any) -> dict[str, Any]:
    """The public names of the module of a basis: its functions, and its class with further methods."""
    functions = functions_of(basis)
    text = f"``numpy.polynomial.{name}``, also with traced coefficients; a pytree of coefficients, domain and window."
    body = {f"_{method}": staticmethod(functions[basis.prefix + method]) for method in METHODS} | methods
    cls = type(name, (Series, getattr(basis.module, name)), {"__module__": where, "__doc__": text, **body})
    register_when_needed(cls, _flatten, functools.partial(_unflatten, cls))
    CLASSES[getattr(basis.module, name)] = cls
    return functions | {name: cls}


_parts = operator.attrgetter("coef", "domain", "window")


def _flatten(polynomial: Any) -> tuple[Any, Any]:
    return _parts(polynomial), polynomial.symbol


def _unflatten(cls: type, symbol: str, parts: Any) -> Any:
    new: Any = object.__new__(cls)
    new.coef, new.domain, new.window = parts
    new._symbol = symbol
    return new
