"""`numpy.polynomial.laguerre`, also with traced coefficients and points: series of Laguerre polynomials."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import laguerre as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis


def _recurrence(k: int) -> tuple[float, float, float]:
    return -1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)


globals().update(names_of(Basis(numpy_module, "lag", _recurrence), "Laguerre", __name__))


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
