"""Spectra of `scipy.signal`: Fourier transforms of windowed segments, and means of their squares.

>>> frequencies, power = periodogram(np.array([1.0, -1.0, 1.0, -1.0]), detrend=False)
>>> power.round(12)
array([0., 0., 4.])
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, inexact
from covector.numpy.statistics import squared_size
from covector.numpy.undetermined import nan_where
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.arrays.windows import overlap_p, windows_p
from covector.scipy.checks import refuse
from covector.scipy.signal.filters import extended
from covector.scipy.signal.smoothing import detrend as without_trend
from covector.scipy.traced import on_tracers
from covector.transforms.vmap import vmap

SEGMENTS_COME_ALONE = np.lib.NumpyVersion(scipy.__version__) >= "1.16.0"
"""Whether SciPy's `csd` gives a function one segment after the other, each along the last axis."""


class _Segments(NamedTuple):
    """How a signal is cut into pieces."""

    window: Any
    length: int
    hop: int
    nfft: int

    def of(self, x: Any) -> Any:
        """The segments along the last axis: ``[..., number, length]``."""
        return windows_p.bind(x, lengths=(self.length,), strides=(self.hop,), dilations=(1,))

    def frequencies(self, fs: Any, onesided: bool) -> Any:
        return (np.fft.rfftfreq if onesided else np.fft.fftfreq)(self.nfft, 1 / fs)

    def transformed(self, x: Any, detrend: Callable[[Any], Any], onesided: bool) -> Any:
        pieces = detrend(self.of(x)) * self.window
        return np.fft.rfft(np.real(pieces), self.nfft) if onesided else np.fft.fft(pieces, self.nfft)


def _rate(fs: Any) -> Any:
    """A positive number of samples per unit of time; NaN where it is known later not to be."""
    refuse(fs <= 0, "fs, the number of samples per unit of time, must be positive")
    return fs if concrete(fs) is not None else nan_where(fs <= 0, inexact(fs))


def _is_name(window: Any) -> bool:
    return isinstance(window, (str, tuple))


def _segments(window: Any, nperseg: Any, noverlap: Any, nfft: Any, n: int, default: int) -> _Segments:
    if nperseg is not None and int(nperseg) < 1:
        raise ValueError(f"Parameter nperseg={nperseg!r} is not a positive integer!")
    if _is_name(window):
        length = default if nperseg is None else int(nperseg)
        if length > n:
            warnings.warn(f"nperseg={length} is greater than signal length {n}, using nperseg = {n}", stacklevel=4)
            length = n
        window = _scipy.get_window(window, length)
    else:
        window = as_array(window)
        if len(shape_of(window)) != 1:
            raise ValueError("window must be 1-D")
        length = shape_of(window)[0]
        if length > n:
            raise ValueError(f"the window, of length {length}, is longer than the input signal, of length {n}")
        if nperseg is not None and int(nperseg) != length:
            raise ValueError(f"nperseg={nperseg!r} does not equal the length of the window, {length}")
    nfft = length if nfft is None else int(nfft)
    if nfft < length:
        raise ValueError(f"nfft={nfft} must be greater than or equal to nperseg={length}!")
    noverlap = length // 2 if noverlap is None else int(noverlap)
    if noverlap >= length:
        raise ValueError(f"noverlap={noverlap} must be less than nperseg={length}!")
    return _Segments(window, length, length - noverlap, nfft)


def _trend(detrend: Any, axis: int, alone: bool = False) -> Callable[[Any], Any]:
    """What is taken off each segment along the last axis; of which a function may see one alone."""
    if detrend is False or detrend is None:
        return lambda x: x
    if not callable(detrend):
        return lambda x: without_trend(x, type=detrend)
    if alone:
        return lambda x: vmap(detrend, x.ndim - 2, x.ndim - 2)(x)
    return lambda x: np.moveaxis(detrend(np.moveaxis(x, -1, axis)), axis, -1)


def _scale(window: Any, fs: Any, scaling: str, square: Callable[[Any], Any] = np.square) -> Any:
    """By what a product of two transforms is multiplied; of a complex window SciPy has squares or squared sizes."""
    if scaling not in ("density", "spectrum"):
        raise ValueError(f"Parameter scaling={scaling!r} is neither 'spectrum' nor 'density'!")
    return 1 / (fs * np.sum(square(window))) if scaling == "density" else 1 / square(np.sum(window))


def _padded(x: Any, before: int, after: int) -> Any:
    """Zeros at the ends of the last axis."""
    return np.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(before, after)])


def _nothing(shape: tuple[int, ...], n: int) -> Any:
    """What SciPy makes of signals without elements: as many arrays of their shape, of frequencies too."""
    return tuple(np.zeros(shape) for _ in range(n))


def _both_sides(nfft: int) -> Any:
    """2 for the frequencies of which the negative ones are left out."""
    factors = np.full(nfft // 2 + 1, 2.0)
    factors[0] = 1
    if nfft % 2 == 0:
        factors[-1] = 1
    return factors


# --- power ------------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.csd)
def csd(
    x: Any,
    y: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> Any:
    """The cross power spectral density of two signals, by Welch's method.

    Args:
        x, y: arrays; a shorter one goes on with zeros.
        fs: samples per unit of time.
        window: its name, or a vector.
        nperseg: the length of segments, by default 256.
        noverlap: by how much they overlap, by default half of that.
        nfft: the length of the transforms.
        detrend: what is taken off each segment: "constant", "linear", a function, or False for nothing.
        return_onesided: whether only frequencies that are not negative are returned, for real signals.
        scaling: "density", or "spectrum" for powers.
        axis: along which axis.
        average: "mean" or "median" of the segments.

    Returns:
        The frequencies, and the densities along the axis.

    Example:
        >>> csd(np.arange(8.0), np.arange(8.0), nperseg=8)[1].real.round(2)
        array([ 1.33, 10.44,  0.46,  0.02,  0.  ])
    """
    same_data = y is x
    x, y = as_array(x), as_array(y)
    axis = int(axis)
    dtype = np.result_type(typeof(x).dtype, typeof(y).dtype, np.complex64)
    a, b = (np.moveaxis(v, axis, -1) for v in (x, y))
    if not typeof(a).size or not typeof(b).size:
        rest = np.broadcast_shapes(shape_of(a)[:-1], shape_of(b)[:-1])
        empty = np.empty((*rest, min(shape_of(a)[-1], shape_of(b)[-1])))
        return _nothing(np.moveaxis(empty, -1, axis).shape, 2)
    n = max(shape_of(a)[-1], shape_of(b)[-1])
    a, b = (_padded(v, 0, n - shape_of(v)[-1]) for v in (a, b))
    cut, fs = _segments(window, nperseg, noverlap, nfft, n, 256), _rate(fs)
    scale, cut = _scale(cut.window, fs, scaling, squared_size), cut._replace(window=np.conj(cut.window))
    onesided = return_onesided and "c" not in (typeof(x).dtype.kind, typeof(y).dtype.kind)
    if onesided and typeof(cut.window).dtype.kind == "c":
        raise ValueError("csd got a complex window and real signals: give return_onesided=False")
    trend = _trend(detrend, axis, alone=SEGMENTS_COME_ALONE)
    first, second = (cut.transformed(v, trend, onesided) for v in (a, b))
    power = second * np.conj(first) * scale
    if onesided:
        power = power * _both_sides(cut.nfft)
    power = np.moveaxis(np.astype(_averaged(power, average), dtype), -1, axis)
    return cut.frequencies(fs, onesided), np.real(power) if same_data else power


def _averaged(power: Any, average: str) -> Any:
    """The mean or the median of segments, which are before the last axis."""
    n = shape_of(power)[-2]
    if n == 1:
        return power[..., 0, :]
    if average == "mean":
        return np.mean(power, axis=-2)
    if average != "median":
        raise ValueError(f"Parameter average={average!r} must be 'median' or 'mean'!")
    ii = 2 * np.arange(1.0, (n - 1) // 2 + 1)
    bias = 1 + np.sum(1.0 / (ii + 1) - 1.0 / ii)  # of the median of a chi-square distribution
    return (np.median(np.real(power), axis=-2) + 1j * np.median(np.imag(power), axis=-2)) / bias


@on_tracers(_scipy.welch)
def welch(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> Any:
    """The power spectral density of a signal, by Welch's method.

    Args:
        x: an array; the others as for `csd`.

    Example:
        >>> welch(np.arange(8.0), nperseg=8)[1].round(2)
        array([ 1.33, 10.44,  0.46,  0.02,  0.  ])
    """
    frequencies, power = csd(
        x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
    )  # fmt: skip
    return frequencies, np.real(power)


@on_tracers(_scipy.periodogram)
def periodogram(
    x: Any,
    fs: Any = 1.0,
    window: Any = "boxcar",
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> Any:
    """The power spectral density of a signal that is one segment.

    Args:
        x: an array.
        nfft: the length of the transform: less than that of ``x`` cuts it off; the others as for `csd`.

    Example:
        >>> periodogram(np.array([0.0, 2.0]))[1].round(12)
        array([0., 2.])
    """
    x = as_array(x)
    n = shape_of(x)[axis]
    if nfft is not None and nfft < n:
        x = np.moveaxis(np.moveaxis(x, axis, -1)[..., :nfft], -1, axis)
        n, nfft = nfft, None
    window = "boxcar" if window is None else window
    if not typeof(x).size:
        return _nothing(shape_of(x), 2)
    if not _is_name(window) and shape_of(window) != (n,):
        raise ValueError("the size of the window must be the same size of the input on the specified axis")
    return welch(x, fs, window, n, 0, nfft, detrend, return_onesided, scaling, axis)


@on_tracers(_scipy.coherence)
def coherence(
    x: Any,
    y: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    axis: int = -1,
) -> Any:
    """How much of the power of two signals they have in common, for each frequency.

    Args:
        x, y: arrays; the others as for `csd`.

    Example:
        >>> coherence(np.arange(8.0), np.arange(8.0) ** 2, nperseg=4)[1].shape
        (3,)
    """
    options = {"nperseg": nperseg, "noverlap": noverlap, "nfft": nfft, "detrend": detrend, "axis": axis}
    frequencies, of_x = welch(x, fs, window, **options)
    of_y, of_both = welch(y, fs, window, **options)[1], csd(x, y, fs, window, **options)[1]
    return frequencies, np.abs(of_both) ** 2 / of_x / of_y


# --- transforms in time -----------------------------------------------------------------------------------------------


def _in_time(
    x: Any, fs: Any, cut: _Segments, detrend: Any, return_onesided: bool, axis: int, boundary: Any = None, padded: bool = False
) -> Any:
    """Frequencies, times, and the transforms of segments ``[..., number, frequency]``."""
    is_complex = typeof(x).dtype.kind == "c"
    if return_onesided and is_complex:
        warnings.warn("Input data is complex, switching to return_onesided=False", stacklevel=4)
    onesided = return_onesided and not is_complex
    trend = _trend(detrend, axis)
    x = np.moveaxis(x, axis, -1)
    if boundary == "zeros":
        x = _padded(x, cut.length // 2, cut.length // 2)
    elif boundary is not None:
        x = extended(x, boundary, cut.length // 2)
    if padded:
        more = -(shape_of(x)[-1] - cut.length) % cut.hop % cut.length
        x = _padded(x, 0, more)
    dtype = np.result_type(typeof(x).dtype, np.complex64)
    times = np.arange(cut.length / 2, shape_of(x)[-1] - cut.length / 2 + 1, cut.hop) / fs
    times = times - cut.length / 2 / fs if boundary is not None else times
    window = np.astype(cut.window, real_dtype(dtype)) if typeof(cut.window).dtype.kind != "c" else cut.window
    cut = cut._replace(window=window)
    return cut.frequencies(fs, onesided), times, cut.transformed(x, trend, onesided), onesided, dtype


def _frequencies_at(x: Any, axis: int) -> Any:
    """Times to the end, and frequencies where the signal was."""
    x = np.swapaxes(x, -1, -2)
    return np.moveaxis(x, -2, axis - 1 if axis < 0 else axis)


@on_tracers(_scipy.stft)
def stft(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int = 256,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = False,
    return_onesided: bool = True,
    boundary: str | None = "zeros",
    padded: bool = True,
    axis: int = -1,
    scaling: str = "spectrum",
) -> Any:
    """The Fourier transforms of segments of a signal.

    Args:
        x: an array.
        boundary: how it goes on at both ends by half a segment: "zeros", "even", "odd", "constant" or None.
        padded: whether it goes on with zeros, so that it ends where a segment ends.
        scaling: "spectrum" or "psd"; the others as for `csd`.

    Returns:
        Frequencies, times, and the transforms: frequencies where the axis was, times along the last axis.

    Example:
        >>> stft(np.ones(8), nperseg=4)[2].shape
        (3, 5)
    """
    if scaling not in ("spectrum", "psd"):
        raise ValueError(f"Parameter scaling={scaling!r} not in ['spectrum', 'psd']!")
    if boundary not in ("even", "odd", "constant", "zeros", None):
        raise ValueError(f"Unknown boundary option '{boundary}', must be one of: even, odd, constant, zeros, None")
    x = as_array(x)
    if not typeof(x).size:
        return _nothing(shape_of(x), 3)
    cut = _segments(window, nperseg, noverlap, nfft, shape_of(x)[axis], 256)
    frequencies, times, out, _, dtype = _in_time(x, fs, cut, detrend, return_onesided, axis, boundary, padded)
    out = out * np.sqrt(_scale(cut.window, fs, "density" if scaling == "psd" else "spectrum"))
    return frequencies, times, _frequencies_at(np.astype(out, dtype), axis)


@on_tracers(_scipy.spectrogram)
def spectrogram(
    x: Any,
    fs: Any = 1.0,
    window: Any = ("tukey_periodic", 0.25),
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    mode: str = "psd",
) -> Any:
    """The power of segments of a signal.

    Args:
        x: an array.
        noverlap: by how much they overlap, by default an eighth of their length.
        mode: "psd", "complex", "magnitude", "angle" or "phase"; the others as for `csd`.

    Returns:
        Frequencies, times, and the powers: frequencies where the axis was, times along the last axis.

    Example:
        >>> spectrogram(np.ones(16), nperseg=8)[2].shape
        (5, 2)
    """
    if mode not in ("psd", "complex", "magnitude", "angle", "phase"):
        raise ValueError(f"unknown value for mode {mode}, must be one of psd, complex, magnitude, angle, phase")
    x = as_array(x)
    cut = _segments(window, nperseg, 0, nfft, shape_of(x)[axis], 256)
    noverlap = cut.length // 8 if noverlap is None else int(noverlap)
    if noverlap >= cut.length:
        raise ValueError("noverlap must be less than nperseg.")
    if not typeof(x).size:
        return _nothing(shape_of(x), 3)
    cut = cut._replace(hop=cut.length - noverlap)
    frequencies, times, out, onesided, dtype = _in_time(x, fs, cut, detrend, return_onesided, axis)
    scale = _scale(cut.window, fs, scaling)
    if mode == "psd":
        power = np.real(np.conj(out) * out) * scale * (_both_sides(cut.nfft) if onesided else 1.0)
        return frequencies, times, _frequencies_at(np.astype(power, real_dtype(dtype)), axis)
    out = _frequencies_at(np.astype(out * np.sqrt(scale), dtype), axis)
    if mode == "complex":
        return frequencies, times, out
    if mode == "magnitude":
        return frequencies, times, np.abs(out)
    angle = np.angle(out)
    return frequencies, times, angle if mode == "angle" else np.unwrap(angle, axis=axis - 1 if axis < 0 else axis)


@on_tracers(_scipy.istft)
def istft(
    Zxx: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    input_onesided: bool = True,
    boundary: bool = True,
    time_axis: int = -1,
    freq_axis: int = -2,
    scaling: str = "spectrum",
) -> Any:
    """The signal of which `stft` are the transforms.

    Args:
        Zxx: transforms.
        input_onesided: whether negative frequencies are left out.
        boundary: whether the signal went on at both ends.
        time_axis, freq_axis: which axes are those of times and of frequencies; the others as for `stft`.

    Returns:
        Times, and the signal.

    Example:
        >>> istft(stft(np.arange(8.0), nperseg=4)[2])[1].round(12)
        array([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    z = as_array(Zxx)
    ndim = len(shape_of(z))
    if ndim < 2:
        raise ValueError("Input stft must be at least 2d!")
    time_axis, freq_axis = int(time_axis) % ndim, int(freq_axis) % ndim
    if time_axis == freq_axis:
        raise ValueError("Must specify differing time and frequency axes!")
    rows = shape_of(z)[freq_axis]
    default = 2 * (rows - 1) if input_onesided else rows
    length = default if nperseg is None else int(nperseg)
    if nfft is None:
        nfft = length if input_onesided and length == default + 1 else default
    cut = _segments(window, length, noverlap, nfft, length, length)
    pieces = (np.fft.irfft if input_onesided else np.fft.ifft)(np.moveaxis(z, (time_axis, freq_axis), (-2, -1)), cut.nfft)
    pieces = pieces[..., : cut.length]
    win = np.astype(cut.window, typeof(pieces).dtype)
    if scaling not in ("spectrum", "psd"):
        raise ValueError(f"Parameter scaling={scaling!r} not in ['spectrum', 'psd']!")
    pieces = pieces * (np.sum(win) if scaling == "spectrum" else np.sqrt(fs * np.sum(win**2)))
    n = shape_of(pieces)[-2]
    placed = {"sizes": (cut.length + (n - 1) * cut.hop,), "strides": (cut.hop,), "dilations": (1,)}
    x = overlap_p.bind(pieces * win, **placed)
    norm = overlap_p.bind(np.broadcast_to(win**2, (n, cut.length)), **placed)
    if boundary:
        x, norm = (v[..., cut.length // 2 : -(cut.length // 2)] for v in (x, norm))
    enough = np.real(norm) > 1e-10
    if not isinstance(enough, TracerBase) and not np.all(enough):
        cause = "" if boundary else " Possibly due to missing boundary"
        warnings.warn("NOLA condition failed, STFT may not be invertible." + cause, stacklevel=3)
    x = x / np.where(enough, norm, np.ones((), typeof(norm).dtype))
    x = np.real(x) if input_onesided else x
    if ndim > 2 and time_axis != ndim - 1:
        x = np.moveaxis(x, -1, time_axis - (freq_axis < time_axis))
    return np.arange(shape_of(x)[0]) / fs, x
