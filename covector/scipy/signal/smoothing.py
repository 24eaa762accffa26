"""Smoothing and trends of `scipy.signal`: polynomials that fit piece by piece, medians, Wiener's filter, straight lines.

>>> savgol_filter(np.array([0.0, 1.0, 4.0, 9.0, 16.0]), 3, 2).round(12)
array([ 0.,  1.,  4.,  9., 16.])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis, known_array
from covector.scipy.ndimage.filters import convolve1d
from covector.scipy.ndimage.order_filters import rank_filter
from covector.scipy.signal.convolutions import correlate
from covector.scipy.traced import on_tracers

savgol_coeffs = _scipy.savgol_coeffs
"""Coefficients are made of known numbers."""


@on_tracers(_scipy.savgol_filter)
def savgol_filter(
    x: Any,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: Any = 0.0,
) -> Any:
    """The values, or derivatives, of the polynomials that fit best around each element (Savitzky and Golay).

    Args:
        x: an array.
        window_length: how many elements a polynomial fits.
        polyorder: its degree, less than that.
        deriv: which derivative.
        delta: how far elements are apart, known.
        axis: along which axis.
        mode: how the axis goes on beyond its ends: "mirror", "constant", "nearest", "wrap"; "interp" fits one polynomial to the
            first elements, and one to the last.
        cval: the value there for "constant".

    Example:
        >>> savgol_filter(np.array([0.0, 1.0, 4.0, 9.0, 16.0]), 3, 2, deriv=1).round(12) + 0.0
        array([0., 2., 4., 6., 8.])
    """
    if mode not in ("mirror", "constant", "nearest", "interp", "wrap"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
    x = as_array(x)
    x = x if typeof(x).dtype in (np.float32, np.float64) else np.astype(x, np.float64)
    delta = float(known_array(delta, savgol_filter))
    coefficients = savgol_coeffs(window_length, polyorder, deriv=deriv, delta=delta)
    if mode != "interp":
        return convolve1d(x, coefficients, axis=axis, mode=mode, cval=cval)
    axis = canonical_axis(axis, len(shape_of(x)), "savgol_filter")
    n, half = shape_of(x)[axis], window_length // 2
    if window_length > n:
        raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
    ends = _scipy.savgol_filter(np.eye(window_length), window_length, polyorder, deriv, delta, 0)
    lines = np.moveaxis(x, axis, -1)
    middle = convolve1d(lines, coefficients, mode="constant")[..., half : n - half]
    first = lines[..., :window_length] @ np.astype(ends[:half].T, typeof(x).dtype)
    last = lines[..., n - window_length :] @ np.astype(ends[window_length - half :].T, typeof(x).dtype)
    return np.moveaxis(np.concatenate([first, middle, last], axis=-1), -1, axis)


@on_tracers(_scipy.medfilt)
def medfilt(volume: Any, kernel_size: Any = None) -> Any:
    """The median of the elements around each, with zeros beyond the ends.

    Args:
        volume: an array.
        kernel_size: how many elements are taken, odd, along all axes or along each; by default 3.

    Example:
        >>> medfilt(np.array([1.0, 5.0, 2.0, 4.0]))
        array([1., 2., 4., 2.])
    """
    x = np.atleast_1d(as_array(volume))
    if typeof(x).dtype.kind not in "iuf" or typeof(x).dtype == np.float16:
        raise ValueError(f"dtype={typeof(x).dtype} is not supported by medfilt")
    sizes = [int(k) for k in np.broadcast_to(3 if kernel_size is None else kernel_size, len(shape_of(x)))]
    if any(k % 2 == 0 for k in sizes):
        raise ValueError("Each element of kernel_size should be odd.")
    return rank_filter(x, math.prod(sizes) // 2, size=sizes, mode="constant")


@on_tracers(_scipy.medfilt2d)
def medfilt2d(input: Any, kernel_size: Any = 3) -> Any:
    """`medfilt` of a matrix.

    Example:
        >>> medfilt2d(np.array([[1.0, 5.0, 2.0], [4.0, 4.0, 3.0]]), (1, 3))
        array([[1., 2., 2.],
               [4., 4., 3.]])
    """
    return medfilt(input, kernel_size)


@on_tracers(_scipy.wiener)
def wiener(im: Any, mysize: Any = None, noise: Any = None) -> Any:
    """Wiener's filter: the mean of the elements around each, and what differs from it where that is more than noise.

    Args:
        im: an array.
        mysize: how many elements are taken, along all axes or along each; by default 3.
        noise: its variance; by default the mean of the variances around the elements.

    Example:
        >>> wiener(np.array([0.0, 0.0, 9.0, 0.0]), 3, noise=6.0).round(12)
        array([0., 1., 7., 1.])
    """
    x = as_array(im)
    sizes = [int(k) for k in np.broadcast_to(3 if mysize is None else mysize, len(shape_of(x)))]
    count = float(math.prod(sizes))
    mean = correlate(x, np.ones(sizes), "same") / count
    variance = correlate(x**2, np.ones(sizes), "same") / count - mean**2
    noise = np.mean(variance) if noise is None else noise
    quiet = variance < noise
    kept = (x - mean) * (1 - noise / np.where(quiet, 1.0, variance)) + mean
    return np.where(quiet, mean, kept)


@on_tracers(_scipy.detrend)
def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:
    """Less the straight lines (or, with ``type="constant"``, the mean) that fit best along an axis.

    Args:
        data: an array.
        axis: along which axis.
        type: "linear" or "constant".
        bp: where one line ends and the next one begins.
        overwrite_data: changes nothing.

    Example:
        >>> np.round(detrend(np.array([1.0, 2.0, 3.0])), 12) + 0.0
        array([0., 0., 0.])
    """
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    data = as_array(data)
    if type in ("constant", "c"):
        return data - np.mean(data, axis=axis, keepdims=True)
    data = data if typeof(data).dtype.char in "dfDF" else np.astype(data, np.float64)
    lines = np.moveaxis(data, axis, -1)
    n = shape_of(lines)[-1]
    breaks = np.unique(np.concatenate([np.atleast_1d(np.asarray(bp)), [0, n]])).astype(int)
    if np.any(breaks > n):
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    parts = [_without_line(lines[..., i:j]) for i, j in zip(breaks[:-1].tolist(), breaks[1:].tolist(), strict=True)]
    return np.moveaxis(np.astype(np.concatenate(parts, axis=-1), typeof(data).dtype), -1, axis)


def _without_line(x: Any) -> Any:
    """The rows of an array less the straight lines that fit them best."""
    n = shape_of(x)[-1]
    place = np.arange(n) - (n - 1) / 2
    slope = np.sum(x * place, axis=-1, keepdims=True) / max(np.sum(place**2), 1e-300)
    return x - np.mean(x, axis=-1, keepdims=True) - slope * place
