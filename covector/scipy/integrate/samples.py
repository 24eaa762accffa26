"""Integrals of samples: the rules of the trapezoid, of Simpson and of Romberg.

Dtypes are SciPy's: single precision stays where SciPy keeps it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as _scipy

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import array_and_axis, as_array, floating
from covector.primitives.arrays.shaping import real_dtype
from covector.scipy.traced import FROM_1_18


def _samples(y: Any, x: Any, dx: Any, axis: int, who: str, least: int = 1) -> tuple[Any, Any]:
    """The samples along the first axis, and the distances between them, which broadcast."""
    y, axis = array_and_axis(y, axis, who)
    shape = shape_of(y)
    n, rest = shape[axis], [1] * (len(shape) - 1)
    if n < least:
        raise errors.ArgumentError(f"{who} got no samples: y is {typeof(y)}.", fix="give one at least along the axis")
    if x is None:
        if not shape_of(dx):
            return np.moveaxis(y, axis, 0), dx
        steps = (*shape[:axis], max(n - 1, 0), *shape[axis + 1 :])
        return np.moveaxis(y, axis, 0), np.moveaxis(np.broadcast_to(as_array(dx), steps), axis, 0)
    x = as_array(x)
    if len(shape_of(x)) not in (1, len(shape)):
        raise errors.ArgumentError(f"{who} got y of {typeof(y)} and x of {typeof(x)}.", fix="give x as a vector, or like y")
    x = np.reshape(x, (-1, *rest)) if len(shape_of(x)) == 1 else np.moveaxis(x, axis, 0)
    if shape_of(x)[0] != n:
        what = f"{who} got {n} samples along the axis and {shape_of(x)[0]} places."
        raise errors.ArgumentError(what, fix="give a place for each")
    return np.moveaxis(y, axis, 0), np.diff(x, axis=0)


def _precision(y: Any) -> Any:
    """The dtype of an integral of samples."""
    dtype = typeof(y).dtype
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule.

    Args:
        y: samples.
        x: their places, a vector or an array like ``y``; by default ``dx`` apart.
        dx: the distance between them.
        axis: along which axis.

    Returns:
        The integral, without that axis, in the precision of y; 0 of no samples.

    Raises:
        ArgumentError: there are not as many samples as places.

    Example:
        >>> float(trapezoid(np.array([0.0, 1.0, 4.0])))
        3.0
    """
    y, d = _samples(y, x, dx, axis, "trapezoid", least=0)
    return np.astype(np.sum(d * (y[1:] + y[:-1]) / 2, axis=0), _precision(y))


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
        raise errors.ArgumentError(f"cumulative_trapezoid got initial={initial!r}.", fix="it must be 0 or None")
    y, d = _samples(y, x, dx, axis, "cumulative_trapezoid")
    sums = np.cumsum(d * (y[1:] + y[:-1]) / 2, axis=0)
    return np.moveaxis(sums if initial is None else _with_zero(sums), 0, axis)


def _with_zero(sums: Any) -> Any:
    return np.concatenate([np.zeros((1, *shape_of(sums)[1:]), typeof(sums).dtype), sums])


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
        total = np.sum(d * (y[1:] + y[:-1]), axis=0) * 0.5
        if n == 2:
            return total
        return np.astype(total, _precision(y) if x is None else _promoted(y, d if FROM_1_18 else np.real(d)))
    if x is None:
        total = _simpson(y, np.full((n - 1, *[1] * (len(shape_of(y)) - 1)), 1.0) * d)
        in_place = n % 2 or len(shape_of(y)) > 1 or FROM_1_18  # else SciPy adds the last parabola in double precision
        return np.astype(total, _precision(y)) if in_place else total
    return _simpson(y, np.astype(d, real_dtype(_promoted(y, d))))


def _promoted(y: Any, d: Any) -> np.dtype[Any]:
    """The dtype of the integral of samples at places: of double precision before SciPy 1.18."""
    return np.result_type(typeof(y).dtype, typeof(d).dtype, 1.0 if FROM_1_18 else np.float64)


def _simpson(y: Any, d: Any) -> Any:
    n = shape_of(y)[0]
    odd = n - (n % 2 == 0)
    h, k = d[0 : odd - 1 : 2], d[1 : odd - 1 : 2]
    outer = y[0 : odd - 2 : 2] * (2 - _ratio(k, h)) + y[2:odd:2] * (2 - _ratio(h, k))
    total = np.sum((h + k) / 6 * (outer + y[1 : odd - 1 : 2] * _ratio((h + k) ** 2, h * k)), axis=0)
    if odd == n:
        return total
    h, k = d[-2], d[-1]
    last = y[-1] * _ratio(2 * k**2 + 3 * h * k, 6 * (h + k)) + y[-2] * _ratio(k**2 + 3 * h * k, 6 * h)
    return total + last - y[-3] * _ratio(k**3, 6 * h * (h + k))


def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The integrals up to each sample but the first, by Simpson's rule.

    Each interval is integrated with the parabola through its ends and a neighbour, as SciPy does (Cartwright, see `simpson`).

    Args:
        y, x, dx, axis: as for `trapezoid`; x of more than two must rise, and what is unknown and does not gives NaN.
        initial: the integral up to the first sample, which is put in front and added to the others.

    Raises:
        ArgumentError: x of more than two places does not rise, or has another shape than y.

    Example:
        >>> np.round(cumulative_simpson(np.array([0.0, 1.0, 4.0, 9.0]), initial=0), 12)
        array([0.        , 0.33333333, 2.66666667, 9.        ])
    """
    y, d = _samples(y, x, dx, axis, "cumulative_simpson")
    y = np.astype(y, _precision(y))
    n = shape_of(y)[0]
    parts = d * (y[1:] + y[:-1]) / 2 if n < 3 else _parabolas(y, d)
    sums = np.cumsum(parts, axis=0)
    if x is not None and n > 2:
        rises = np.all(d > 0)
        known = rises.concrete() if isinstance(rises, TracerBase) else rises  # type: ignore[attr-defined]
        if known is not None and not known:
            raise errors.ArgumentError("cumulative_simpson got places x that do not keep rising.", fix="sort them")
        sums = sums if known is not None else np.where(rises, sums, np.asarray(np.nan, typeof(sums).dtype))
    if initial is not None:
        first = as_array(initial)
        first = np.moveaxis(first, axis, 0) if shape_of(first) else first
        first = np.astype(first, np.result_type(_precision(first), typeof(sums).dtype))
        first = np.broadcast_to(first, (1, *shape_of(sums)[1:]))
        sums = np.concatenate([first, sums + first])
    return np.moveaxis(sums, 0, axis)


def _parabolas(y: Any, d: Any) -> Any:
    """The integral over each interval: over every other one with the sample after it, over the others with that before."""
    n = shape_of(y)[0]
    d = np.broadcast_to(floating(d), (n - 1, *[1] * (len(shape_of(y)) - 1)) if not shape_of(d) else shape_of(d))
    ahead, behind = _first_of_two(y, d), _first_of_two(y[::-1], d[::-1])[::-1]
    pairs = np.reshape(np.stack([ahead[::2], behind[::2]], axis=1), ((n - 1) // 2 * 2, *shape_of(y)[1:]))
    return pairs if n % 2 else np.concatenate([pairs, behind[-1:]])


def _first_of_two(y: Any, d: Any) -> Any:
    """The integrals over the first of each two neighbouring intervals, of the parabola through their three ends."""
    h, k = d[:-1], d[1:]
    both = h + k
    a, c = h / both, h**2 / (both * k)
    return h / 6 * ((3 - a) * y[:-2] + (3 + c + a) * y[1:-1] - c * y[2:])


def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """The integral of ``2**k + 1`` samples at equal distances, by Romberg's rule (Richardson's extrapolation of trapezoids).

    Args:
        y, dx, axis: as for `trapezoid`.
        show: print the table, where the values are known.

    Raises:
        ArgumentError: another number of samples, or a traced value with ``show``.

    Example:
        >>> float(romb(np.array([0.0, 1.0, 4.0])))
        2.6666666666666665
    """
    if show:
        if any(isinstance(v, TracerBase) for v in (y, dx)):
            raise errors.ArgumentError("romb got show=True and a traced value.", fix="print a table of plain values")
        return _scipy.romb(y, dx=dx, axis=axis, show=show)
    y, d = _samples(y, None, dx, axis, "romb")
    n = shape_of(y)[0] - 1
    if n < 1 or n & (n - 1):
        raise errors.ArgumentError(f"romb got {n + 1} samples.", fix="give one more than a power of two")
    h = n * np.astype(as_array(d), np.float64)
    row = [(y[0] + y[-1]) / 2.0 * h]
    while n > 1:
        finer = [0.5 * (row[0] + h * np.sum(y[n // 2 :: n], axis=0))]
        for j, coarse in enumerate(row):
            finer.append(finer[j] + (finer[j] - coarse) / (4 ** (j + 1) - 1))
        row, n, h = finer, n // 2, h / 2
    return row[-1]


def newton_cotes(rn: Any, equal: int = 0) -> Any:
    """Weights and error coefficient of a Newton–Cotes rule, SciPy's; the positions of the samples are known numbers.

    Args:
        rn: the order with equal distances, or positions from 0 to it.
        equal: whether the distances are equal.

    Raises:
        ArgumentError: positions that are traced.

    Example:
        >>> newton_cotes(2)[0] * 3
        array([1., 4., 1.])
    """
    if any(isinstance(v, TracerBase) for v in (rn if isinstance(rn, (list, tuple)) else [rn])):
        raise errors.ArgumentError("newton_cotes got traced positions.", fix="pass plain numbers")
    return _scipy.newton_cotes(rn, equal)
