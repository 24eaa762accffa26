"""`numpy.polynomial.hermite_e`, also with traced coefficients and points: series of Hermite polynomials of the probabilists."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import hermite_e as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis


def _recurrence(k: int) -> tuple[float, float, float]:
    return 1.0, 0.0, float(k)


globals().update(names_of(Basis(numpy_module, "herme", _recurrence), "HermiteE", __name__))


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
