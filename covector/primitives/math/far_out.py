"""Derivatives of special functions far out: ``far_error(formula, …)``, ``far_bessel(formula, …)``.

>>> import covector as cv
>>> float(cv.grad(cv.scipy.special.dawsn)(1e6) * 1e12)  # about -1 / (2 x²)
-0.5000000000007...

The formula with the function itself is the difference of two nearly equal numbers there, and those of the higher derivatives
are differences of such differences.  An asymptotic series is exact to the last digit, and so are its derivatives.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

FAR = 10.0
"""From where on the series of the error functions, DLMF 7.12.1, is used."""

FAR_BESSEL = 100.0
"""From where on those of Bessel functions, DLMF 10.40, are used."""

ODD_FACTORIALS = [float(math.prod(range(1, 2 * k, 2))) for k in range(1, 18)]
"""1, 3, 15, …: enough for the last digit at FAR."""

BESSEL_TERMS = 11

Derivative = Callable[[Any, Any], Any]


def far_error(formula: Derivative, scale: complex, sign: int, is_far: Callable[[Any], Any]) -> Derivative:
    """The derivative of an error function: scale times the sum of (2k - 1)!! (sign / 2x²)^k far out."""

    def derivative(out: Any, x: Any) -> Any:
        far = is_far(x)
        y = np.where(far, x, FAR)
        near = formula(out, np.where(far, 1.0, x))
        return np.where(far, scale * _horner([0.0, *ODD_FACTORIALS], sign / (2 * y * y)), near)

    return derivative


def far_bessel(formula: Derivative, order: int, sign: int) -> Derivative:
    """That of a modified Bessel function without its exponential factor: I for the sign -1, K for 1."""
    steps = [sign * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k) for k in range(1, BESSEL_TERMS)]
    of_function = itertools.accumulate(steps, lambda found, step: found * step, initial=1.0)
    scale = -(2 * math.pi) ** -0.5 if sign < 0 else -((math.pi / 2) ** 0.5)
    coefficients = [scale * (k + 0.5) * a for k, a in enumerate(of_function)]

    def derivative(out: Any, x: Any) -> Any:
        far = np.abs(x) > FAR_BESSEL
        y = np.where(far, x, FAR_BESSEL)
        found = _horner(coefficients, 1 / np.abs(y)) / (np.abs(y) * np.sqrt(np.abs(y)))
        return np.where(far, found if order else np.sign(y) * found, formula(out, np.where(far, 1.0, x)))

    return derivative


def _horner(coefficients: list[Any], x: Any) -> Any:
    found = 0.0 * x
    for c in reversed(coefficients):
        found = found * x + c
    return found
