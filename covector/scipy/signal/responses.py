"""Responses of filters of `scipy.signal` to frequencies, and the forms that filters are given in.

>>> freqz([1.0, 1.0], worN=[0.0, np.pi])[1].round(12)
array([2.+0.j, 0.-0.j])
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, inexact, known_array
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.arrays.subscripts import concrete
from covector.scipy.signal.filters import sections
from covector.scipy.traced import on_tracers

Coefficients = tuple[Any, Any]

# --- responses --------------------------------------------------------------------------------------------------------


def _is_count(wor_n: Any) -> bool:
    """Whether it says how many frequencies there are, and not which."""
    return wor_n is None or isinstance(wor_n, (int, np.integer))


def _angles(wor_n: Any, whole: bool, fs: Any, include_nyquist: bool, dtype: Any) -> Any:
    """Frequencies as angles: so many of them, or those that are given."""
    if _is_count(wor_n):
        n = 512 if wor_n is None else operator.index(wor_n)
        if n < 0:
            raise ValueError(f"worN must be nonnegative, got {n}")
        end = 2 * np.pi if whole else np.pi
        return np.linspace(0, end, n, endpoint=include_nyquist and not whole, dtype=real_dtype(dtype))
    return 2 * np.pi * np.astype(np.atleast_1d(inexact(wor_n)), dtype) / fs


def _plot(plot: Callable[..., Any] | None, w: Any, h: Any) -> Any:
    if plot is not None:
        plot(w, h)
    return w, h


def _value(coefficients: Any, z: Any) -> Any:
    """A polynomial with these coefficients of rising powers, along the first axis; the other axes come before that of z."""
    n = shape_of(coefficients)[0]
    value = coefficients[n - 1] + 0 * z
    for k in range(n - 2, -1, -1):
        value = coefficients[k] + value * z
    return value


@on_tracers(_scipy.freqz)
def freqz(
    b: Any,
    a: Any = 1,
    worN: Any = 512,
    whole: bool = False,
    plot: Any = None,
    fs: Any = 2 * np.pi,
    include_nyquist: bool = False,
) -> Any:
    """The response of a digital filter to frequencies.

    Args:
        b, a: coefficients of the numerator and the denominator, vectors.
        worN: at how many frequencies, or at which.
        whole: whether they go all around the circle.
        plot: a function that is called with the results.
        fs: samples per unit of time.
        include_nyquist: whether the last one is half of that.

    Returns:
        The frequencies, and the responses.

    Example:
        >>> freqz([1.0], [1.0, -0.5], [0.0])[1]
        array([2.+0.j])
    """
    b, a = np.atleast_1d(inexact(b)), np.atleast_1d(inexact(a))
    counted = _is_count(worN)
    if counted and shape_of(b) == (0,) and shape_of(a) == (1,):
        b = np.zeros(1, typeof(b).dtype)
    dtype = np.result_type(typeof(b).dtype, typeof(a).dtype)
    w = _angles(worN, whole, fs, include_nyquist, dtype)
    z = np.exp(-1j * w)
    h = _value(b, z) / _value(a, z)
    if shape_of(a) == (1,) and typeof(b).dtype.char in "efF" and counted:
        h = np.astype(h, np.complex64)  # SciPy's is a Fourier transform of b
    return _plot(plot, w * (fs / (2 * np.pi)), h)


@on_tracers(_scipy.freqz_sos)
def freqz_sos(sos: Any, worN: Any = 512, whole: bool = False, fs: Any = 2 * np.pi) -> Any:
    """The response of a filter of sections to frequencies.

    Args:
        sos: coefficients ``f[n,6]``; the others as for `freqz`.

    Example:
        >>> freqz_sos(np.array([[1.0, 0, 0, 1, -0.5, 0]]), [0.0])[1]
        array([2.+0.j])
    """
    sos = sections(sos)
    if not shape_of(sos)[0]:
        raise ValueError("Cannot compute frequencies with no sections")
    found = [freqz(sos[i, :3], sos[i, 3:], worN, whole, fs=fs) for i in range(shape_of(sos)[0])]
    return found[0][0], math.prod((h for _, h in found[1:]), start=found[0][1])


sosfreqz = freqz_sos


@on_tracers(_scipy.freqz_zpk)
def freqz_zpk(z: Any, p: Any, k: Any, worN: Any = 512, whole: bool = False, fs: Any = 2 * np.pi) -> Any:
    """The response of a digital filter that is given by its zeros, poles and gain.

    Args:
        z, p: vectors of zeros and poles.
        k: the gain; the others as for `freqz`.

    Example:
        >>> freqz_zpk([], [0.5], 1.0, [0.0])[1]
        array([2.+0.j])
    """
    z, p = (np.atleast_1d(as_array(v)) for v in (z, p))
    double = np.result_type(typeof(z).dtype, typeof(p).dtype).char in "dD"  # integers are single to SciPy
    dtype, k = np.dtype(np.float64 if double else np.float32), inexact(k)
    k = np.astype(k, dtype) if typeof(k).dtype.kind == "f" else k
    counted = _is_count(worN)
    w = _angles(worN, whole, fs, False, dtype if counted else typeof(inexact(worN)).dtype)
    at = np.exp(1j * w)
    return w * (fs / (2 * np.pi)), k * _from_roots(at, z) / _from_roots(at, p)


def _from_roots(x: Any, roots: Any) -> Any:
    return np.prod(x[..., None] - roots, axis=-1)


@on_tracers(_scipy.freqs)
def freqs(b: Any, a: Any, worN: Any = 200, plot: Any = None) -> Any:
    """The response of an analog filter to frequencies.

    Args:
        b, a: coefficients of the numerator and the denominator.
        worN: at which frequencies; a number of them needs known coefficients.
        plot: a function that is called with the results.

    Example:
        >>> freqs([1.0], [1.0, 1.0], [0.0])[1]
        array([1.+0.j])
    """
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    w = _frequencies(worN, lambda n: _scipy.findfreqs(known_array(b, freqs), known_array(a, freqs), n))
    s = 1j * w
    return _plot(plot, w, _value(np.flip(b), s) / _value(np.flip(a), s))


def _frequencies(wor_n: Any, find: Callable[[int], Any]) -> Any:
    if _is_count(wor_n):
        return find(200 if wor_n is None else int(wor_n))
    return np.atleast_1d(as_array(wor_n))


@on_tracers(_scipy.freqs_zpk)
def freqs_zpk(z: Any, p: Any, k: Any, worN: Any = 200) -> Any:
    """The response of an analog filter that is given by its zeros, poles and gain.

    Args:
        z, p: vectors of zeros and poles.
        k: the gain.
        worN: as for `freqs`.

    Example:
        >>> freqs_zpk([], [-1.0], 1.0, [0.0])[1]
        array([1.+0.j])
    """
    z, p = (np.atleast_1d(inexact(v)) for v in (z, p))
    w = _frequencies(worN, lambda n: _scipy.findfreqs(known_array(z, freqs_zpk), known_array(p, freqs_zpk), n, kind="zp"))
    return w, as_array(k) * _from_roots(1j * w, z) / _from_roots(1j * w, p)


@on_tracers(_scipy.group_delay)
def group_delay(system: Any, w: Any = 512, whole: bool = False, fs: Any = 2 * np.pi) -> Any:
    """By how much a digital filter delays each frequency; 0, with a warning where values are known, where that is singular.

    Args:
        system: a pair of coefficients of the numerator and the denominator.
        w, whole, fs: as ``worN``, ``whole`` and ``fs`` of `freqz`.

    Example:
        >>> group_delay(([0.0, 1.0], [1.0]), [0.5])[1].round(12)
        array([1.])
    """
    b, a = (np.atleast_1d(inexact(v)) for v in system)
    angles = _angles(w, whole, fs, False, np.float64)
    c = np.convolve(b, np.conj(np.flip(a)))
    z = np.exp(-1j * angles)
    delay = np.real(_value(c * np.arange(shape_of(c)[0]), z) / _value(c, z)) - shape_of(a)[0] + 1
    singular = ~np.isfinite(delay)
    if (known := concrete(singular)) is not None and np.any(known):
        warnings.warn("The group delay is singular at some frequencies, setting to 0", stacklevel=3)
    return angles * (fs / (2 * np.pi)), np.where(singular, 0.0, delay)


# --- forms ------------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.normalize)
def normalize(b: Any, a: Any) -> Any:
    """Coefficients of which the first one of the denominator is 1; which of the first ones are zero has to be known.

    Args:
        b, a: coefficients of the numerator (or rows of them) and the denominator.

    Example:
        >>> normalize([2.0, 4.0], [2.0, 1.0])
        (array([1., 2.]), array([1. , 0.5]))
    """
    num, den = np.atleast_2d(as_array(b)), np.atleast_1d(as_array(a))
    if len(shape_of(den)) != 1:
        raise ValueError("Denominator polynomial must be rank-1 array.")
    if len(shape_of(num)) > 2:
        raise ValueError("Numerator polynomial must be rank-1 or rank-2 array.")
    known, rows = known_array(den, normalize), known_array(num, normalize)
    if np.all(known == 0):
        raise ValueError("Denominator must have at least on nonzero element.")
    den = den[int(np.nonzero(known)[0][0]) :]
    num, den = num / den[0], den / den[0]
    used = np.any(np.abs(rows / known[np.nonzero(known)[0][0]]) > 1e-14, axis=0)
    leading = int(np.argmax(used)) if np.any(used) else rows.shape[1] - 1
    num = num[:, leading:]
    return num[0] if shape_of(num)[0] == 1 else num, den


@on_tracers(_scipy.zpk2tf)
def zpk2tf(z: Any, p: Any, k: Any) -> Coefficients:
    """Coefficients of the numerator and the denominator, from zeros, poles and gain.

    Example:
        >>> zpk2tf([1.0], [0.5], 2.0)
        (array([ 2., -2.]), array([ 1. , -0.5]))
    """
    z, p, k = as_array(z), as_array(p), inexact(k)
    if len(shape_of(z)) > 1:
        gains = np.broadcast_to(np.atleast_1d(k), (shape_of(z)[0],))
        return np.stack([gains[i] * np.poly(z[i]) for i in range(shape_of(z)[0])]), np.poly(p)
    return np.atleast_1d(k) * np.poly(np.atleast_1d(z)), np.atleast_1d(np.poly(np.atleast_1d(p)))


@on_tracers(_scipy.tf2zpk)
def tf2zpk(b: Any, a: Any) -> tuple[Any, Any, Any]:
    """Zeros, poles and gain, from coefficients of the numerator and the denominator.

    Args:
        b, a: as for `normalize`.

    Example:
        >>> tf2zpk([2.0, -2.0], [1.0, -0.5])
        (array([1.]), array([0.5]), np.float64(2.0))
    """
    b, a = (inexact(v) for v in normalize(b, a))
    return np.roots(b / b[0]), np.roots(a), b[0]


@on_tracers(_scipy.sos2tf)
def sos2tf(sos: Any) -> Coefficients:
    """Coefficients of the numerator and the denominator, from sections; zeros in front stay where there are any.

    Example:
        >>> sos2tf(np.array([[1.0, 1, 0, 1, -0.5, 0]]))
        (array([1., 1., 0.]), array([ 1. , -0.5,  0. ]))
    """
    sos = inexact(sos)
    b = a = np.ones(1, typeof(sos).dtype)
    for i in range(shape_of(sos)[0]):
        b, a = np.convolve(b, sos[i, :3]), np.convolve(a, sos[i, 3:])
    return b, a


@on_tracers(_scipy.bilinear_zpk)
def bilinear_zpk(z: Any, p: Any, k: Any, fs: Any) -> tuple[Any, Any, Any]:
    """Zeros, poles and gain of a digital filter, from those of an analog one.

    Args:
        z, p, k: zeros, poles and gain.
        fs: samples per unit of time.

    Example:
        >>> bilinear_zpk(np.array([]), np.array([-1.0]), 1.0, 1.0)
        (array([-1.]), array([0.33333333]), np.float64(0.3333333333333333))
    """
    z, p = (np.atleast_1d(as_array(v)) for v in (z, p))
    degree = shape_of(p)[0] - shape_of(z)[0]
    if degree < 0:
        raise ValueError("Improper transfer function. Must have at least as many poles as zeros.")
    twice = 2.0 * fs
    zeros = np.concatenate([(twice + z) / (twice - z), -np.ones(degree)])
    return zeros, (twice + p) / (twice - p), k * np.real(np.prod(twice - z) / np.prod(twice - p))


@on_tracers(_scipy.tf2ss)
def tf2ss(num: Any, den: Any) -> tuple[Any, Any, Any, Any]:
    """Matrices A, B, C and D of a system, from coefficients of the numerator (or rows of them) and the denominator.

    Args:
        num, den: as for `normalize`.

    Example:
        >>> tf2ss([1.0], [1.0, 0.5])
        (array([[-0.5]]), array([[1.]]), array([[1.]]), array([[0.]]))
    """
    num, den = normalize(num, den)
    num = np.atleast_2d(num)
    k, m = shape_of(den)[0], shape_of(num)[1]
    if m > k:
        raise ValueError("Improper transfer function. `num` is longer than `den`.")
    num = np.pad(num, ((0, 0), (k - m, 0)))
    rows = shape_of(num)[0]
    if k == 1:
        return np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((rows, 1)), num
    a = np.concatenate([-den[None, 1:], np.eye(k - 2, k - 1)])
    return a, np.eye(k - 1, 1), num[:, 1:] - num[:, :1] * den[1:], num[:, :1]


@on_tracers(_scipy.zpk2ss)
def zpk2ss(z: Any, p: Any, k: Any) -> Any:
    """Matrices A, B, C and D of a system, from zeros, poles and gain.

    Example:
        >>> zpk2ss([], [-0.5], 2.0)[2]
        array([[2.]])
    """
    return tf2ss(*zpk2tf(z, p, k))


@on_tracers(_scipy.ss2zpk)
def ss2zpk(A: Any, B: Any, C: Any, D: Any, input: int = 0) -> Any:
    """Zeros, poles and gain, from the matrices of a system with one output.

    Args:
        A, B, C, D, input: as for `ss2tf`.

    Example:
        >>> ss2zpk(np.array([[-0.5]]), np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))[0]
        array([-1.5])
    """
    return tf2zpk(*ss2tf(A, B, C, D, input))


@on_tracers(_scipy.ss2tf)
def ss2tf(A: Any, B: Any, C: Any, D: Any, input: int = 0) -> Coefficients:
    """Rows of coefficients of the numerators, and coefficients of the denominator, from the matrices of a system.

    Args:
        A, B, C, D: matrices.
        input: from which input.

    Example:
        >>> ss2tf(np.array([[-0.5]]), np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 1)))
        (array([[0., 1.]]), array([1. , 0.5]))
    """
    a, b, c, d = (np.atleast_2d(inexact(m)) for m in (A, B, C, D))
    n, (q, p) = shape_of(a)[0], shape_of(d)
    if shape_of(a) != (n, n) or shape_of(b) != (n, p) or shape_of(c) != (q, n):
        raise ValueError(f"ss2tf got matrices {typeof(a)}, {typeof(b)}, {typeof(c)} and {typeof(d)}, which do not fit")
    if input >= p:
        raise ValueError("System does not have the input specified.")
    b, d = b[:, input : input + 1], d[:, input : input + 1]
    den = _characteristic(a)
    return np.stack([_characteristic(a - b @ c[i : i + 1]) + (d[i] - 1) * den for i in range(q)]), den


def _characteristic(a: Any) -> Any:
    """The characteristic polynomial of a matrix, by the method of Faddeev and LeVerrier, whose derivative is always there."""
    n = shape_of(a)[0]
    coefficients, m = [np.ones((), typeof(a).dtype)], np.eye(n, dtype=typeof(a).dtype)
    for k in range(1, n + 1):
        product = a @ m
        coefficients.append(-np.trace(product) / k)
        m = product + coefficients[-1] * np.eye(n, dtype=typeof(a).dtype)
    return np.stack(coefficients)
