"""`numpy.polynomial.legendre`, also with traced coefficients and points: series of Legendre polynomials."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import legendre as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis


def _recurrence(k: int) -> tuple[float, float, float]:
    return (2 * k + 1) / (k + 1), 0.0, k / (k + 1)


globals().update(names_of(Basis(numpy_module, "leg", _recurrence), "Legendre", __name__))


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
