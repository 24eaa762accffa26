"""`numpy.polynomial.chebyshev`, also with traced coefficients and points: series of Chebyshev polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.polynomial import chebyshev as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis, interpolate, mapdomain


def _recurrence(k: int) -> tuple[float, float, float]:
    return 2.0 if k else 1.0, 0.0, 1.0 if k else 0.0


@classmethod  # type: ignore[misc]
def _interpolate(cls: Any, func: Callable[..., Any], deg: int, domain: Any = None, args: tuple[Any, ...] = ()) -> Any:
    domain = cls.domain if domain is None else domain
    return cls(interpolate(lambda x: func(mapdomain(x, cls.window, domain), *args), deg), domain=domain)


_names = names_of(Basis(numpy_module, "cheb", _recurrence), "Chebyshev", __name__, interpolate=_interpolate)
globals().update(_names, chebinterpolate=interpolate)


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
