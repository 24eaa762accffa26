"""Filters of `scipy.ndimage` for images whose Fourier transforms are given, which they multiply.

>>> x = np.array([0.0, 1.0, 0.0, 0.0])
>>> np.fft.ifft(fourier_shift(np.fft.fft(x), 1)).real.round(12) + 0.0
array([0., 0., 1., 0.])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.ndimage as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import canonical_axis, floating
from covector.scipy.checks import double
from covector.scipy.ndimage import arguments as given
from covector.scipy.traced import on_tracers, refuse_memory


def _frequencies(x: Any, n: int, axis: int, name: str) -> list[Any]:
    """The frequencies along each axis, in cycles for each element; if n is given, those of a real transform of n along one."""
    shape, ndim = shape_of(x), len(shape_of(x))
    axis = canonical_axis(axis, ndim, name)
    lines = [np.arange(float(m)) / n if i == axis and n >= 0 else np.fft.fftfreq(m) for i, m in enumerate(shape)]
    return [np.reshape(line, (-1, *[1] * (ndim - 1 - i))) for i, line in enumerate(lines)]


def _multiplied(x: Any, factors: list[Any], output: Any, is_complex: bool, name: str) -> Any:
    if output is not None and not isinstance(output, type):
        refuse_memory(f"scipy.ndimage.{name}", "output")
    dtype = typeof(x).dtype if output is None else np.dtype(output)
    kinds = "FD" if is_complex else "fdFD"
    if output is not None and dtype.char not in kinds:
        raise RuntimeError("output type not supported")
    dtype = dtype if dtype.char in kinds else np.dtype(np.complex128 if is_complex else np.float64)
    product = double(x) * math.prod(factors)
    return np.astype(np.real(product) if dtype.kind == "f" and typeof(product).dtype.kind == "c" else product, dtype)


def _for_axes(x: Any, values: Any) -> list[Any]:
    return [np.astype(floating(v), np.float64) for v in given.for_each_axis(values, len(shape_of(x)))]


@on_tracers(_scipy.fourier_gaussian)
def fourier_gaussian(input: Any, sigma: Any, n: int = -1, axis: int = -1, output: Any = None) -> Any:
    """The transform of an image that a Gaussian has smoothed, from that of the image.

    Args:
        input: a transform, as of `numpy.fft.fftn`; or of a real image, as of `numpy.fft.rfft`, along one axis.
        sigma: standard deviations, for all axes or for each.
        n: the length of that axis before a real transform.
        axis: which axis that is.
        output: the dtype of the result.

    Example:
        >>> np.fft.ifft(fourier_gaussian(np.fft.fft([0.0, 1.0, 0.0, 0.0]), 1.0)).real.round(2)
        array([0.25, 0.4 , 0.25, 0.11])
    """
    x = given.array(input)
    pairs = zip(_frequencies(x, n, axis, "fourier_gaussian"), _for_axes(x, sigma), strict=True)
    return _multiplied(x, [np.exp(-2 * (np.pi * s * f) ** 2) for f, s in pairs], output, False, "fourier_gaussian")


@on_tracers(_scipy.fourier_uniform)
def fourier_uniform(input: Any, size: Any, n: int = -1, axis: int = -1, output: Any = None) -> Any:
    """The transform of an image of which means were taken, from that of the image.

    Args:
        size: over how many elements, along all axes or along each, or over all of them where it is not positive; the others as
            for `fourier_gaussian`.

    Example:
        >>> np.fft.ifft(fourier_uniform(np.fft.fft([0.0, 1.0, 0.0, 0.0]), 2.0)).real.round(2)
        array([ 0.25,  0.57,  0.25, -0.07])
    """
    x = given.array(input)
    pairs = zip(_frequencies(x, n, axis, "fourier_uniform"), _for_axes(x, size), strict=True)
    factors = [np.where(s <= 0, np.where(f == 0, 1.0, 0.0), np.sinc(s * f)) for f, s in pairs]
    return _multiplied(x, factors, output, False, "fourier_uniform")


@on_tracers(_scipy.fourier_shift)
def fourier_shift(input: Any, shift: Any, n: int = -1, axis: int = -1, output: Any = None) -> Any:
    """The transform of an image that was moved, from that of the image.

    Args:
        shift: by how many elements, along all axes or along each; the others as for `fourier_gaussian`.

    Example:
        >>> np.fft.ifft(fourier_shift(np.fft.fft([0.0, 1.0, 0.0, 0.0]), 2)).real.round(12) + 0.0
        array([0., 0., 0., 1.])
    """
    x = given.array(input)
    pairs = zip(_frequencies(x, n, axis, "fourier_shift"), _for_axes(x, shift), strict=True)
    return _multiplied(x, [np.exp(-2j * np.pi * s * f) for f, s in pairs], output, True, "fourier_shift")
