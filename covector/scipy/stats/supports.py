"""Where distributions have values and for which parameters they are there, and constants that they share.

>>> unit()
(0.0, 1.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.numpy.undetermined import nan_where
from covector.primitives.math import special_ufuncs as special

LOG_2PI = np.log(2 * np.pi)


def determined(value: Any, missing: Any, wrong: Any) -> Any:
    """A value; NaN for data that are ``missing``, as a constant, and where parameters are ``wrong``, with its derivatives.

    A sum that leaves missing data out has its derivatives then, and no optimizer takes a zero for that of a wrong parameter.
    """
    return np.where(missing, np.nan, nan_where(wrong, value))[()]


def whole_line(*shapes: Any) -> tuple[float, float]:
    """All real numbers."""
    return -np.inf, np.inf


SQUARABLE = 1.3e154
"""A larger number's square overflows: the normal density there is 0, and the logarithm of it minus infinity."""


EXPONENT = 709.78
"""Above it an exponential overflows."""
LARGEST = float(np.finfo(np.float64).max)


def squarable(*shapes: Any) -> tuple[float, float]:
    """The numbers whose squares do not overflow: all that a normal distribution has, in double precision."""
    return -SQUARABLE, SQUARABLE


def positive_squarable(*shapes: Any) -> tuple[float, float]:
    """Those from 0 on."""
    return 0.0, SQUARABLE


def with_power(c: Any) -> Any:
    """A number of which the power ``c``, which is positive, is large, and does not overflow with its slopes."""
    return 1e100 ** (1 / c)


def positive(*shapes: Any) -> tuple[float, float]:
    """The numbers from 0 on."""
    return 0.0, np.inf


def above_zero(*shapes: Any) -> tuple[float, float]:
    """The positive numbers, of which 0 is none, for densities that have no value there."""
    return float(np.nextafter(0.0, 1.0)), np.inf


def unit(*shapes: Any) -> tuple[float, float]:
    """The numbers from 0 to 1."""
    return 0.0, 1.0


def all_positive(*shapes: Any) -> Any:
    """Whether there is a distribution with these parameters: one for each that are positive."""
    valid: Any = True
    for shape in shapes:
        valid = (shape > 0) & valid
    return valid


def reciprocal(*shapes: Any) -> tuple[float, float]:
    """Where the exponential of ``-1 / x`` does not vanish with its slopes."""
    return 1e-50, np.inf


def whole(n: Any) -> Any:
    """Whether a parameter is an integer, as a number of things is."""
    return n == np.floor(n)


def normal_logpdf(x: Any) -> Any:
    """The logarithm of the standard normal density."""
    return -x * x / 2 - LOG_2PI / 2


def log_i0e(x: Any) -> Any:
    """The logarithm of ``exp(-x) I0(x)`` for x that is not negative, with the slope from the right at 0."""
    near = x < 1
    return np.where(near, np.log(special.i0(np.where(near, x, 0.0))) - x, np.log(special.i0e(np.where(near, 1.0, x))))
