"""`numpy.polynomial.polynomial`, also with traced coefficients and points: series of sums of powers."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import polynomial as numpy_module

from covector.numpy.polynomial.classes import names_of
from covector.numpy.polynomial.series import Basis
from covector.numpy.registry import implements


def _recurrence(k: int) -> tuple[float, float, float]:
    return 1.0, 0.0, 0.0


_basis = Basis(numpy_module, "poly", _recurrence)
globals().update(names_of(_basis, "Polynomial", __name__))
implements(numpy_module.polyval2d)(_basis.val2d)
implements(numpy_module.polygrid2d)(_basis.grid2d)


def __getattr__(name: str) -> Any:
    return getattr(numpy_module, name)
