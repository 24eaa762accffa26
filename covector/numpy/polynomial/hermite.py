"""`numpy.polynomial.hermite`, also with traced coefficients and points: series of Hermite polynomials of the physicists."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import hermite as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis


def _recurrence(k: int) -> tuple[float, float, float]:
    return 2.0, 0.0, 2.0 * k


globals().update(names_of(Basis(numpy_module, "herm", _recurrence), "Hermite", __name__))


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
