"""Integrals of samples: the trapezoidal rule, Simpson's."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of
from covector.numpy.registry import as_array


def _samples(y: Any, x: Any, dx: Any, axis: int, who: str) -> tuple[Any, Any]:
    """The samples along the first axis, and the distances between them, which broadcast."""
    y = np.moveaxis(as_array(y), axis, 0)
    n, rest = shape_of(y)[0], [1] * (len(shape_of(y)) - 1)
    if x is None:
        return y, np.full((n - 1, *rest), 1.0) * dx
    x = as_array(x)
    x = np.reshape(x, (-1, *rest)) if len(shape_of(x)) == 1 else np.moveaxis(x, axis, 0)
    if shape_of(x)[0] != n:
        raise ValueError(f"{who} got {n} samples along the axis and {shape_of(x)[0]} places")
    return y, np.diff(x, axis=0)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule.

    Args:
        y: samples.
        x: their places, a vector or an array like ``y``; by default ``dx`` apart.
        dx: the distance between them.
        axis: along which axis.

    Example:
        >>> float(trapezoid(np.array([0.0, 1.0, 4.0])))
        3.0
    """
    y, d = _samples(y, x, dx, axis, "trapezoid")
    return np.sum(d * (y[1:] + y[:-1]), axis=0) / 2


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The integrals up to each sample but the first, by the trapezoidal rule.

    Args:
        y, x, dx, axis: as for `trapezoid`.
        initial: 0 puts the integral up to the first sample in front.

    Example:
        >>> cumulative_trapezoid(np.array([0.0, 1.0, 4.0]), initial=0)
        array([0. , 0.5, 3. ])
    """
    if initial not in (None, 0):
        raise ValueError("`initial` must be 0 or `None`.")
    y, d = _samples(y, x, dx, axis, "cumulative_trapezoid")
    sums = np.cumsum(d * (y[1:] + y[:-1]) / 2, axis=0)
    sums = sums if initial is None else np.concatenate([np.zeros((1, *shape_of(sums)[1:])), sums])
    return np.moveaxis(sums, 0, axis)


def _ratio(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0, as two samples at one place have it."""
    none = b == 0
    return np.where(none, 0.0, a / np.where(none, 1.0, b))


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by Simpson's rule, for any distances.

    The last of an odd number of intervals is integrated with the parabola through the last three samples, as SciPy does
    (Cartwright, "Simpson's rule cumulative integration with MS Excel and irregularly-spaced data", 2017).

    Args:
        y, x, dx, axis: as for `trapezoid`.

    Example:
        >>> round(float(simpson(np.array([0.0, 1.0, 4.0, 9.0]))), 12)
        9.0
    """
    y, d = _samples(y, x, dx, axis, "simpson")
    n = shape_of(y)[0]
    if n <= 2:
        return np.sum(d * (y[1:] + y[:-1]), axis=0) / 2
    odd = n - (n % 2 == 0)
    h, k = d[0 : odd - 1 : 2], d[1 : odd - 1 : 2]
    outer = y[0 : odd - 2 : 2] * (2 - _ratio(k, h)) + y[2:odd:2] * (2 - _ratio(h, k))
    total = np.sum((h + k) / 6 * (outer + y[1 : odd - 1 : 2] * _ratio((h + k) ** 2, h * k)), axis=0)
    if odd == n:
        return total
    h, k = d[-2], d[-1]
    last = y[-1] * _ratio(2 * k**2 + 3 * h * k, 6 * (h + k)) + y[-2] * _ratio(k**2 + 3 * h * k, 6 * h)
    return total + last - y[-3] * _ratio(k**3, 6 * h * (h + k))
