"""More or fewer samples of a signal, as `scipy.signal` makes them: by Fourier transforms, or by a filter between them.

>>> resample(np.array([0.0, 1.0, 0.0, -1.0]), 8).round(2) + 0.0
array([ 0.  ,  0.71,  1.  ,  0.71,  0.  , -0.71, -1.  , -0.71])
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, canonical_axis
from covector.primitives.arrays.shaping import real_dtype
from covector.scipy.signal.filters import filtfilt, lfilter, sosfilt, sosfiltfilt
from covector.scipy.traced import on_tracers

EXTENSIONS = {"wrap": "wrap", "edge": "edge", "symmetric": "symmetric", "reflect": "reflect", "antireflect": "reflect"}
"""How a signal goes on beyond its ends, by SciPy's names and by those of `numpy.pad`."""


def _wide(x: Any, before: int, after: int, mode: str, cval: Any) -> Any:
    """A signal with more elements before and after those of its last axis."""
    widths = [(0, 0)] * (len(shape_of(x)) - 1) + [(before, after)]
    if mode == "constant":
        return np.pad(x, widths, constant_values=np.astype(as_array(cval), typeof(x).dtype))
    options = {"reflect_type": "odd"} if mode == "antireflect" else {}
    return np.pad(x, widths, EXTENSIONS[mode], **options)  # type: ignore[call-overload]


@on_tracers(_scipy.upfirdn)
def upfirdn(h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant", cval: Any = 0) -> Any:
    """A signal with ``up - 1`` zeros after each element, filtered, of which each element of number ``down`` is taken.

    Args:
        h: the filter, a vector.
        x: an array.
        up: how many times as many elements there are at first.
        down: how many times fewer there are in the end.
        axis: along which axis.
        mode: how the signal goes on beyond its ends: "constant", "wrap", "edge", "symmetric", "reflect" or "antireflect".
        cval: the value there for "constant".

    Example:
        >>> upfirdn([1.0, 1.0, 1.0], np.array([1.0, 2.0, 3.0]), 2)
        array([1., 1., 3., 2., 5., 3., 3.])
    """
    h, x = as_array(h), as_array(x)
    if len(shape_of(h)) != 1 or not shape_of(h)[0]:
        raise ValueError("h must be 1-D with non-zero length")
    up, down = operator.index(up), operator.index(down)
    if up < 1 or down < 1:
        raise ValueError("Both up and down must be >= 1")
    if mode.lower() != "constant" and mode.lower() not in EXTENSIONS:
        modes = ", ".join(["constant", *EXTENSIONS])
        raise NotImplementedError(f"upfirdn of traced values got mode={mode!r}: give one of {modes}")
    dtype = np.result_type(typeof(h).dtype, typeof(x).dtype, np.float32)
    axis = canonical_axis(axis, len(shape_of(x)), "upfirdn")
    h, x = np.astype(h, dtype), np.moveaxis(np.astype(x, dtype), axis, -1)
    n, taps = shape_of(x)[-1], shape_of(h)[0]
    places = np.arange(((n - 1) * up + taps - 1) // down + 1) * down
    each = -(-taps // up)  # taps of a phase: output i is the sum over j of h[phase + j up] x[place - j]
    phases = np.reshape(np.pad(h, (0, each * up - taps)), (each, up))
    last = int(places[-1] // up) if len(places) else 0
    x = _wide(x, each - 1, max(last - n + 1, 0), mode.lower(), cval)
    windows = x[..., (places // up)[:, None] + np.arange(each - 1, -1, -1)]
    return np.moveaxis(np.einsum("...ij,ji->...i", windows, phases[:, places % up]), -1, axis)


BACKGROUNDS = {"mean": np.mean, "median": np.median, "minimum": np.min, "maximum": np.max}
"""What is taken off a signal before it is filtered, and added again."""


@on_tracers(_scipy.resample_poly)
def resample_poly(
    x: Any, up: int, down: int, axis: int = 0, window: Any = ("kaiser", 5.0), padtype: str = "constant", cval: Any = None
) -> Any:
    """A signal with ``up / down`` times as many samples, by a filter between them.

    Args:
        x: an array.
        up, down: whole numbers.
        axis: along which axis.
        window: the window from which the filter is made, or the filter, a vector.
        padtype: how the signal goes on beyond its ends: a mode of `upfirdn`, or "mean", "median", "minimum", "maximum" for what
            is taken off it before.
        cval: the value there for "constant".

    Example:
        >>> resample_poly(np.array([1.0, 2.0, 3.0]), 1, 3).shape
        (1,)
    """
    x = as_array(x)
    if up != int(up) or down != int(down):
        raise ValueError(f"{'up' if up != int(up) else 'down'} must be an integer")
    up, down = int(up), int(down)
    if up < 1 or down < 1:
        raise ValueError("up and down must be >= 1")
    if cval is not None and padtype != "constant":
        raise ValueError("cval has no effect when padtype is ", padtype)
    up, down = up // math.gcd(up, down), down // math.gcd(up, down)
    if up == down == 1:
        return x
    axis = canonical_axis(axis, len(shape_of(x)), "resample_poly")
    n = shape_of(x)[axis]
    size = -(-n * up // down)
    h, half = _filter_between(window, max(up, down), typeof(x).dtype)
    before = down - half % down
    start = (half + before) // down
    after = 0
    while ((n - 1) * up + shape_of(h)[0] + before + after - 1) // down + 1 < size + start:
        after += 1
    h = np.pad(h * up, (before, after))
    if padtype not in BACKGROUNDS:
        y = upfirdn(h, x, up, down, axis, padtype, 0 if cval is None else cval)
        return y[(*[slice(None)] * axis, slice(start, start + size))]
    background = BACKGROUNDS[padtype](x, axis=axis, keepdims=True)  # type: ignore[operator]
    return upfirdn(h, x - background, up, down, axis)[(*[slice(None)] * axis, slice(start, start + size))] + background


def _filter_between(window: Any, rate: int, dtype: np.dtype[Any]) -> tuple[Any, int]:
    """The filter, and how many elements it has on one side of its middle."""
    if issubclass(type(window), (list, np.ndarray, TracerBase)):
        h = as_array(window)
        if len(shape_of(h)) != 1:
            raise ValueError("window must be 1-D")
        return h, (shape_of(h)[0] - 1) // 2
    h = _scipy.firwin(20 * rate + 1, 1.0 / rate, window=window)
    return h.astype(dtype) if dtype.kind in "fc" else h, 10 * rate


@on_tracers(_scipy.resample)
def resample(x: Any, num: int, t: Any = None, axis: int = 0, window: Any = None, domain: str = "time") -> Any:
    """A periodic signal with another number of samples, by Fourier transforms.

    Args:
        x: an array.
        num: how many samples.
        t: the times of the samples; then the new ones are returned too.
        axis: along which axis.
        window: weights of the frequencies: a name, a function of them, or a vector.
        domain: "freq" if ``x`` is transformed already.

    Example:
        >>> resample(np.array([1.0, 0.0, -1.0, 0.0]), 2).round(12) + 0.0
        array([ 1., -1.])
    """
    if domain not in ("time", "freq"):
        raise ValueError(f"Parameter domain={domain!r} not in ('time', 'freq')!")
    x = np.moveaxis(as_array(x), axis if len(shape_of(as_array(x))) > 1 else -1, -1)
    n, num = shape_of(x)[-1], operator.index(num)
    weights = _weights(window, n)
    is_real = domain == "time" and typeof(x).dtype.kind != "c"
    y = (_of_real if is_real else _of_complex)(x, n, num, weights, domain == "freq")
    out = np.moveaxis(y, -1, axis) if len(shape_of(y)) > 1 else y
    return out if t is None else (out, t[0] + (t[1] - t[0]) * (n / num) * np.arange(num))


def _weights(window: Any, n: int) -> Any:
    if window is None:
        return None
    if callable(window):
        return window(np.fft.fftfreq(n))
    if issubclass(type(window), (np.ndarray, TracerBase)):
        if shape_of(window) != (n,):
            raise ValueError(f"window.shape={shape_of(window)} != ({n},), i.e., window length is not equal to that of x")
        return window
    return np.fft.fftshift(_scipy.get_window(window, n))


def _of_real(x: Any, n: int, num: int, weights: Any, _: bool) -> Any:
    spectrum = np.fft.rfft(x)
    if weights is not None:
        k = shape_of(spectrum)[-1]
        both = (weights[1:k] + np.flip(weights[n - k + 1 :])) / 2
        folded, dtype = np.concatenate([weights[:1], both]), typeof(spectrum).dtype
        spectrum = spectrum * np.astype(folded, dtype if typeof(folded).dtype.kind == "c" else real_dtype(dtype))
    m = min(n, num)
    spectrum = spectrum[..., : m // 2 + 1]
    if m % 2 == 0 and num != n:
        factors = np.ones(m // 2 + 1)
        factors[m // 2] = 2 if num < n else 0.5
        spectrum = spectrum * np.astype(factors, real_dtype(typeof(spectrum).dtype))
    return np.fft.irfft(spectrum / (n / num), num)


def _of_complex(x: Any, n: int, num: int, weights: Any, is_spectrum: bool) -> Any:
    spectrum = x if is_spectrum else np.fft.fft(x)
    spectrum = spectrum if weights is None else spectrum * weights
    m = min(n, num)
    low, high = spectrum[..., : m // 2 + 1], spectrum[..., shape_of(spectrum)[-1] - (m - m // 2 - 1) :]
    if m % 2 == 0 and num != n:
        middle = low[..., m // 2 :]
        if num < n:
            middle = middle + spectrum[..., n - m // 2 : n - m // 2 + 1]
            low = np.concatenate([low[..., : m // 2], middle], axis=-1)
        else:
            low, high = (np.concatenate(v, axis=-1) for v in ([low[..., : m // 2], middle / 2], [middle / 2, high]))
    gap = np.zeros((*shape_of(low)[:-1], num - shape_of(low)[-1] - shape_of(high)[-1]), typeof(spectrum).dtype)
    return np.fft.ifft(np.concatenate([low, gap, high], axis=-1) / (n / num))


@on_tracers(_scipy.decimate)
def decimate(x: Any, q: int, n: int | None = None, ftype: Any = "iir", axis: int = -1, zero_phase: bool = True) -> Any:
    """A signal with q times fewer samples, filtered before.

    Args:
        x: an array.
        q: how many times fewer.
        n: the order of the filter: by default 8 for "iir", and 20 q for "fir".
        ftype: "iir", "fir", or a `scipy.signal.dlti`.
        axis: along which axis.
        zero_phase: whether nothing is moved by the filter.

    Example:
        >>> decimate(np.ones(60), 4).round(1)[4:8]
        array([1., 1., 1., 1.])
    """
    x, q = as_array(x), operator.index(q)
    axis = canonical_axis(axis, len(shape_of(x)), "decimate")
    dtype = typeof(x).dtype if typeof(x).dtype.kind in "fc" and typeof(x).dtype != np.float16 else np.dtype(np.float64)
    kind, coefficients = _antialiasing(ftype, q, None if n is None else operator.index(n), dtype)
    sizes = -(-shape_of(x)[axis] // q)
    if kind == "fir":
        if zero_phase:
            return resample_poly(x, 1, q, axis=axis, window=coefficients)
        return upfirdn(coefficients, x, down=q, axis=axis)[(*[slice(None)] * axis, slice(sizes))]
    if kind == "sos":
        y = (sosfiltfilt if zero_phase else sosfilt)(coefficients, x, axis=axis)
    else:
        y = (filtfilt if zero_phase else lfilter)(*coefficients, x, axis=axis)
    return y[(*[slice(None)] * axis, slice(None, None, q))]


def _antialiasing(ftype: Any, q: int, n: int | None, dtype: np.dtype[Any]) -> tuple[str, Any]:
    """Which kind of filter there is before samples are left out, and its coefficients."""
    if isinstance(ftype, str) and ftype == "fir":
        return "fir", np.astype(_scipy.firwin((20 * q if n is None else n) + 1, 1.0 / q, window="hamming"), dtype)
    if isinstance(ftype, str) and ftype == "iir":
        return "sos", np.astype(_scipy.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos"), dtype)
    if not isinstance(ftype, _scipy.dlti):
        raise ValueError("invalid ftype")
    zpk, tf = ftype.to_zpk(), ftype.to_tf()
    if not zpk.poles.shape[0]:
        return "fir", tf.num / tf.den
    if np.any(np.iscomplex(zpk.poles)) or np.iscomplex(zpk.gain):
        return "tf", (tf.num, tf.den)
    return "sos", np.astype(_scipy.zpk2sos(zpk.zeros, zpk.poles, zpk.gain), dtype)
