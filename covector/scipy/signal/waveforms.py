"""Waveforms of `scipy.signal`, differentiable in the times and in what shapes them.

>>> from covector import grad
>>> round(float(grad(lambda f: chirp(1.0, f, 2.0, 0.0))(0.25)), 6)
-4.35368
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, floating, inexact
from covector.primitives.arrays.subscripts import concrete
from covector.scipy.checks import nan_unless_refused
from covector.scipy.traced import FROM_1_18, on_tracers


def _number(x: Any) -> Any:
    """A number of Python, which decides no dtype; one that is traced in double precision."""
    return np.astype(as_array(x), np.float64) if isinstance(x, TracerBase) else float(x)


def _are_equal(x: Any, y: Any) -> bool:
    """Whether two numbers are known, and equal."""
    x, y = concrete(x), concrete(y)
    return x is not None and y is not None and bool(x == y)


@on_tracers(_scipy.chirp)
def chirp(
    t: Any,
    f0: Any,
    t1: Any,
    f1: Any,
    method: str = "linear",
    phi: Any = 0,
    vertex_zero: bool = True,
    *,
    complex: bool = False,
) -> Any:
    """A cosine whose frequency changes.

    Args:
        t: times.
        f0: the frequency at the time 0.
        t1: another time.
        f1: the frequency then.
        method: how it changes: "linear", "quadratic", "logarithmic" or "hyperbolic".
        phi: the phase in the beginning, in degrees.
        vertex_zero: whether the vertex of a quadratic change is at 0, or at ``t1``.
        complex: whether an exponential is returned instead.

    Raises:
        ValueError: an unknown method, or frequencies that it cannot have (where these are known).

    Example:
        >>> chirp(np.array([0.0, 1.0]), 1.0, 2.0, 1.0).round(12)
        array([1., 1.])
    """
    t, f0, t1, f1 = as_array(t), _number(f0), _number(t1), _number(f1)
    if method in ("linear", "lin", "li"):
        cycles = f0 * t + 0.5 * (f1 - f0) / t1 * t * t
    elif method in ("quadratic", "quad", "q"):
        beta = (f1 - f0) / t1**2
        cycles = f0 * t + beta * t**3 / 3 if vertex_zero else f1 * t + beta * ((t1 - t) ** 3 - t1**3) / 3
    elif method in ("logarithmic", "log", "lo"):
        text = "For a logarithmic chirp, f0 and f1 must be nonzero and have the same sign."
        f0 = nan_unless_refused(f0 * f1 <= 0, f0, text)
        cycles = f0 * t if _are_equal(f0, f1) else t1 / np.log(f1 / f0) * f0 * ((f1 / f0) ** (t / t1) - 1.0)
    elif method in ("hyperbolic", "hyp"):
        f0 = nan_unless_refused((f0 == 0) | (f1 == 0), f0, "For a hyperbolic chirp, f0 and f1 must be nonzero.")
        pole = np.inf if _are_equal(f0, f1) else -f1 * t1 / (f0 - f1)
        cycles = f0 * t if _are_equal(f0, f1) else -pole * f0 * np.log(np.abs(1 - t / pole))
    else:
        names = "'linear', 'quadratic', 'logarithmic', or 'hyperbolic'"
        raise ValueError(f"method must be {names}, but a value of {method!r} was given.")
    phase = 2 * np.pi * cycles + np.deg2rad(phi)
    return np.exp(1j * phase) if complex else np.cos(phase)


@on_tracers(_scipy.gausspulse)
def gausspulse(
    t: Any, fc: Any = 1000, bw: Any = 0.5, bwr: Any = -6, tpr: Any = -60, retquad: bool = False, retenv: bool = False
) -> Any:
    """A cosine under a Gaussian.

    Args:
        t: times; or "cutoff" for that at which the Gaussian has fallen to ``tpr``.
        fc: the frequency.
        bw: the bandwidth, as a part of it.
        bwr: at which level, in dB, the bandwidth is meant.
        tpr: the level for "cutoff".
        retquad: whether the sine is returned too.
        retenv: whether the Gaussian is returned too.

    Example:
        >>> gausspulse(np.array([0.0]), 5.0)
        array([1.])
    """
    fc, bw, bwr, tpr = (inexact(v) if isinstance(v, TracerBase) else v for v in (fc, bw, bwr, tpr))
    fc = nan_unless_refused(np.less(fc, 0), fc, f"Center frequency (fc={fc}) must be >=0.")
    bw = nan_unless_refused(np.less_equal(bw, 0), bw, f"Fractional bandwidth (bw={bw}) must be > 0.")
    bwr = nan_unless_refused(np.greater_equal(bwr, 0), bwr, f"Reference level for bandwidth (bwr={bwr}) must be < 0 dB")
    a = -((np.pi * fc * bw) ** 2) / (4.0 * np.log(10.0 ** (bwr / 20.0)))
    if isinstance(t, str):
        if t != "cutoff":
            raise ValueError("If `t` is a string, it must be 'cutoff'")
        tpr = nan_unless_refused(np.greater_equal(tpr, 0), tpr, "Reference level for time cutoff must be < 0 dB")
        return np.sqrt(-np.log(10.0 ** (tpr / 20.0)) / a)
    t = as_array(t)
    envelope = np.exp(-a * t * t)
    angle = 2 * np.pi * fc * t
    parts = [envelope * np.cos(angle)] + [envelope * np.sin(angle)] * retquad + [envelope] * retenv
    return parts[0] if len(parts) == 1 else tuple(parts)


@on_tracers(_scipy.sawtooth)
def sawtooth(t: Any, width: Any = 1) -> Any:
    """A wave of straight lines, of period 2 π, from -1 to 1 and back.

    Args:
        t: times.
        width: how large a part of the period it rises, from 0 to 1; else the result is NaN.

    Example:
        >>> sawtooth(np.array([0.0, np.pi / 2, np.pi]), 0.5)
        array([-1.,  0.,  1.])
    """
    phase, width, none, rises = _phase(t, width)
    rising = phase / (np.pi * np.where(width == 0, 1.0, width)) - 1
    falling = (np.pi * (width + 1) - phase) / (np.pi * np.where(width == 1, 1.0, 1 - width))
    return np.where(none, np.nan, np.where(rises, rising, falling))


@on_tracers(_scipy.square)
def square(t: Any, duty: Any = 0.5) -> Any:
    """A wave of period 2 π that is 1 first and then -1.

    Args:
        t: times.
        duty: for how large a part of the period it is 1, from 0 to 1; else the result is NaN.

    Example:
        >>> square(np.array([0.5, 4.0]))
        array([ 1., -1.])
    """
    phase, _, none, high = _phase(t, duty)
    return np.astype(np.where(none, np.nan, np.where(high, 1.0, -1.0)), typeof(phase).dtype)


def _phase(t: Any, width: Any) -> tuple[Any, Any, Any, Any]:
    """The time within a period, the width, where that is none, and where the first part of the period is.

    They are in double precision before SciPy 1.18.
    """
    t, width = (v if np.isscalar(v) else as_array(v) for v in (t, width))
    dtype = np.result_type(t, width, 1.0 if FROM_1_18 else np.float64)
    t, width = (np.astype(floating(v), dtype) for v in np.broadcast_arrays(t, width))
    phase = np.mod(t, 2 * np.pi)
    return phase, width, (width > 1) | (width < 0), phase < width * 2 * np.pi


@on_tracers(_scipy.sweep_poly)
def sweep_poly(t: Any, poly: Any, phi: Any = 0) -> Any:
    """A cosine whose frequency is a polynomial of the time.

    Args:
        t: times.
        poly: coefficients, that of the highest power first.
        phi: the phase in the beginning, in degrees.

    Example:
        >>> sweep_poly(np.array([0.0, 1.0]), [2.0]).round(12)
        array([1., 1.])
    """
    poly = inexact(getattr(poly, "coeffs", poly))
    n = shape_of(np.atleast_1d(poly))[0]
    integral = np.concatenate([np.atleast_1d(poly) / np.arange(n, 0, -1), np.zeros(1, typeof(poly).dtype)])
    return np.cos(2 * np.pi * np.polyval(integral, as_array(t)) + phi * np.pi / 180)
