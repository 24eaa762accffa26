"""`scipy.signal` for arrays and for values that are being transformed: convolutions, filters, and their like.

>>> import numpy as np
>>> from covector.scipy import signal
>>> signal.convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
array([1., 3., 2.])
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.lax.loops import scan
from covector.numpy.registry import as_array, canonical_axes, inexact
from covector.primitives.math.arithmetic import real

MODES = ("full", "valid", "same")


def _operands(in1: Any, in2: Any, mode: str, function: str) -> tuple[Any, Any]:
    if mode not in MODES:
        raise ValueError(f"{function} got mode={mode!r}: give 'full', 'valid' or 'same'")
    a, b = as_array(in1), as_array(in2)
    if len(shape_of(a)) != len(shape_of(b)):
        raise ValueError(f"{function} needs arrays with as many axes, got {typeof(a)} and {typeof(b)}")
    return a, b


def _cut(full: Any, a: tuple[int, ...], b: tuple[int, ...], axes: Any, mode: str) -> Any:
    """What a mode keeps of the full convolution of arrays of these shapes."""
    index: list[Any] = [slice(None)] * len(a)
    for axis in axes if mode != "full" else ():
        n = a[axis] if mode == "same" else a[axis] - b[axis] + 1
        start = (a[axis] + b[axis] - 1 - n) // 2
        index[axis] = slice(start, start + n)
    return full[tuple(index)]


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution of two arrays, by Fourier transforms.

    Args:
        in1: an array.
        in2: another, with as many axes.
        mode: "full", "valid" (only where they overlap wholly), or "same" (of the shape of ``in1``).
        axes: along which axes; the others broadcast.

    Example:
        >>> np.round(fftconvolve(np.array([1.0, 2.0]), np.array([1.0, 1.0])), 12)
        array([1., 3., 2.])
    """
    a, b = _operands(in1, in2, mode, "fftconvolve")
    axes = canonical_axes(axes, len(shape_of(a)), "fftconvolve")
    if mode == "valid" and all(shape_of(a)[i] < shape_of(b)[i] for i in axes):
        a, b = b, a
    shape = [shape_of(a)[i] + shape_of(b)[i] - 1 for i in axes]
    sizes = [scipy.fft.next_fast_len(n, True) for n in shape]
    is_complex = "c" in (typeof(a).dtype.kind, typeof(b).dtype.kind)
    forward, backward = (np.fft.fftn, np.fft.ifftn) if is_complex else (np.fft.rfftn, np.fft.irfftn)
    full = backward(forward(a, sizes, axes) * forward(b, sizes, axes), sizes, axes)
    index: list[Any] = [slice(None)] * len(shape_of(a))
    for axis, n in zip(axes, shape, strict=True):
        index[axis] = slice(n)
    return _cut(full[tuple(index)], shape_of(a), shape_of(b), axes, mode)


oaconvolve = fftconvolve


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of as many axes.

    Args:
        in1: an array.
        in2: another.
        mode: as for `fftconvolve`.
        method: "direct", "fft", or "auto": direct for two vectors of which one is short, else by Fourier transforms.

    Example:
        >>> convolve(np.array([1, 2]), np.array([1, 1]), mode="same")
        array([1, 3])
    """
    a, b = _operands(in1, in2, mode, "convolve")
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve got method={method!r}: give 'auto', 'direct' or 'fft'")
    vectors = len(shape_of(a)) == 1
    exact = typeof(a).dtype.kind in "biu" and typeof(b).dtype.kind in "biu"
    if mode == "valid" and all(m < n for m, n in zip(shape_of(a), shape_of(b), strict=True)):
        a, b = b, a
    if vectors and (method == "direct" or exact or (method == "auto" and min(shape_of(a)[0], shape_of(b)[0]) < 100)):
        full = np.convolve(a, b)
    elif method == "direct" or exact:
        full = _direct(a, b)
    else:
        full = fftconvolve(a, b)
    return _cut(full, shape_of(a), shape_of(b), range(len(shape_of(a))), mode)


def _direct(a: Any, b: Any) -> Any:
    """The full convolution as a sum over the elements of the smaller array."""
    small, large = sorted((a, b), key=lambda x: typeof(x).size)
    shape = tuple(m + n - 1 for m, n in zip(shape_of(a), shape_of(b), strict=True))
    total: Any = np.zeros(shape, np.result_type(typeof(a).dtype, typeof(b).dtype))
    for place in np.ndindex(*shape_of(small)):
        widths = [(i, s - n - i) for i, n, s in zip(place, shape_of(large), shape, strict=True)]
        total = total + np.pad(small[place] * large, widths)
    return total


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The correlation of two arrays: the convolution with the second one turned around and conjugated.

    Example:
        >>> correlate(np.array([1, 2]), np.array([0, 1]))
        array([1, 2, 0])
    """
    a, b = _operands(in1, in2, mode, "correlate")
    if mode == "valid" and all(m < n for m, n in zip(shape_of(a), shape_of(b), strict=True)):
        turned = convolve(b, np.conj(np.flip(a)), mode, method)
        return np.conj(np.flip(turned))
    return convolve(a, np.conj(np.flip(b)), mode, method)


# --- filters ----------------------------------------------------------------------------------------------------------


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis: ``a[0] y[n] = b[0] x[n] + b[1] x[n-1] + … - a[1] y[n-1] - …``.

    Args:
        b: coefficients of the numerator.
        a: coefficients of the denominator.
        x: an array.
        axis: along which axis.
        zi: the state in the beginning, of the length of the longer list less 1 along the axis; by default zeros.

    Returns:
        The filtered array; with ``zi`` a pair of it and the state in the end.  By the transposed direct form II, as a scan.

    Example:
        >>> lfilter([1.0], [1.0, -0.5], np.array([1.0, 0.0, 0.0]))
        array([1.  , 0.5 , 0.25])
    """
    b, a, x = (np.atleast_1d(as_array(v)) for v in (b, a, x))
    if type(a) is np.ndarray and a.size and a[0] == 0:
        raise ValueError("lfilter got a[0] == 0: leave out leading zeros")
    order = max(shape_of(a)[0], shape_of(b)[0]) - 1
    dtype = np.result_type(*(typeof(v).dtype for v in (a, b, x)), np.float32)
    a, b = (np.pad(v, (0, order + 1 - shape_of(v)[0])) / a[0] for v in (a, b))
    steps = np.astype(np.moveaxis(x, axis, 0), dtype)
    rows = shape_of(steps)[1:]
    state = np.zeros((order, *rows), dtype) if zi is None else np.astype(np.moveaxis(as_array(zi), axis, 0), dtype)
    taps, feedback = (np.reshape(v[1:], (order, *[1] * len(rows))) for v in (b, a))
    none = np.zeros((1, *rows), dtype)

    def step(state: Any, x: Any) -> Any:
        y = b[0] * x + (state[0] if order else 0)
        y = np.astype(y, dtype)
        if not order:
            return state, y
        return np.astype(np.concatenate([state[1:], none]) + taps * x - feedback * y, dtype), y

    state, out = scan(step, state, steps)
    out = np.moveaxis(out, 0, axis)
    return out if zi is None else (out, np.moveaxis(state, 0, axis))


def sosfilt(sos: Any, x: Any, axis: int = -1) -> Any:
    """Filter along an axis by sections of second order, one after the other.

    Args:
        sos: coefficients ``f[n,6]``, three of the numerator and three of the denominator in each row.
        x: an array.
        axis: along which axis.

    Example:
        >>> sosfilt(np.array([[1.0, 0, 0, 1, -0.5, 0]]), np.array([1.0, 0.0, 0.0]))
        array([1.  , 0.5 , 0.25])
    """
    sos = as_array(sos)
    if len(shape_of(sos)) != 2 or shape_of(sos)[1] != 6:
        raise ValueError(f"sosfilt needs coefficients of shape (n, 6), got {typeof(sos)}")
    for i in range(shape_of(sos)[0]):
        x = lfilter(sos[i, :3], sos[i, 3:], x, axis)
    return x


def hilbert(x: Any, N: Any = None, axis: int = -1) -> Any:
    """The analytic signal of a real one: the part of positive frequencies, twice.

    Example:
        >>> np.round(hilbert(np.array([1.0, 0.0, -1.0, 0.0])), 12)
        array([ 1.+0.j,  0.+1.j, -1.+0.j,  0.-1.j])
    """
    x = as_array(x)
    if typeof(x).dtype.kind == "c":
        raise ValueError("x must be real.")
    n = shape_of(x)[axis] if N is None else operator.index(N)
    if n <= 0:
        raise ValueError("N must be positive.")
    spectrum = np.fft.fft(x, n, axis)
    weights = np.zeros(n, real(np.zeros((), typeof(spectrum).dtype)).dtype)
    weights[0] = 1
    weights[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        weights[n // 2] = 1
    ndim = len(shape_of(x))
    return np.fft.ifft(spectrum * np.reshape(weights, (-1, *[1] * (ndim - 1 - axis % ndim))), axis=axis)


def detrend(data: Any, axis: int = -1, type: str = "linear") -> Any:
    """Less the straight line (or, with ``type="constant"``, the mean) that fits best along an axis.

    Example:
        >>> np.round(detrend(np.array([1.0, 2.0, 3.0])), 12) + 0.0
        array([0., 0., 0.])
    """
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    data = inexact(data)
    mean = np.mean(data, axis=axis, keepdims=True)
    if type in ("constant", "c"):
        return data - mean
    n = shape_of(data)[axis]
    ndim = len(shape_of(data))
    line = np.reshape(np.arange(n) - (n - 1) / 2, (-1, *[1] * (ndim - 1 - axis % ndim)))
    slope = np.sum(data * line, axis=axis, keepdims=True) / max(np.sum(line**2), 1e-300)
    return np.astype(data - mean - slope * line, typeof(data).dtype)


get_window = _scipy.get_window
"""Windows are made of known numbers."""
