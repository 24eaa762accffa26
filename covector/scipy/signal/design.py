"""Filters of `scipy.signal` by their edges, which may be traced: Butterworth's, Chebyshev's, Cauer's, notches and windows.

>>> butter(1, 0.5)[0].round(12)
array([0.5, 0.5])

An analog filter with edge 1 is SciPy's and known; its edges are moved, and it is made digital, by rational functions of its
zeros and poles: A. V. Oppenheim and R. W. Schafer, "Discrete-Time Signal Processing", 3rd edition, 2010, chapter 7.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core import errors
from covector.core.avals import shape_of
from covector.numpy.registry import floating
from covector.scipy.checks import double, nan_unless_refused
from covector.scipy.signal.responses import bilinear_zpk
from covector.scipy.traced import on_tracers

Roots = tuple[Any, Any, Any]  # zeros, poles, gain

BANDS = {"band": "bandpass", "pass": "bandpass", "bp": "bandpass", "stop": "bandstop", "bs": "bandstop", "bands": "bandstop",
         "l": "lowpass", "lp": "lowpass", "low": "lowpass", "h": "highpass", "hp": "highpass", "high": "highpass"}  # fmt: skip


def _to_lowpass(z: Any, p: Any, k: Any, edge: Any) -> Roots:
    return z * edge, p * edge, k * edge ** (len(p) - len(z))


def _to_highpass(z: Any, p: Any, k: Any, edge: Any) -> Roots:
    zeros = np.concatenate([edge / z, np.zeros(len(p) - len(z))])
    return zeros, edge / p, k * np.real(np.prod(z) / np.prod(-p))  # of zeros there is an even number


def _around(center: Any, x: Any) -> Any:
    """Two roots for each, of the quadratic equations that have the square of the center as their product."""
    shift = np.sqrt(x.astype(np.complex128) ** 2 - center**2)
    return np.concatenate([x + shift, x - shift])


def _to_bandpass(z: Any, p: Any, k: Any, edges: Any) -> Roots:
    width, center, more = edges[1] - edges[0], np.sqrt(edges[0] * edges[1]), len(p) - len(z)
    zeros = np.concatenate([_around(center, z * width / 2), np.zeros(more)])
    return zeros, _around(center, p * width / 2), k * width**more


def _to_bandstop(z: Any, p: Any, k: Any, edges: Any) -> Roots:
    width, center = edges[1] - edges[0], np.sqrt(edges[0] * edges[1])
    signs = np.repeat([1j, -1j], len(p) - len(z))
    zeros = np.concatenate([_around(center, width / 2 / z), signs * center])
    return zeros, _around(center, width / 2 / p), k * np.real(np.prod(z) / np.prod(-p))


MOVES: dict[str, Callable[..., Roots]] = {
    "lowpass": _to_lowpass, "highpass": _to_highpass, "bandpass": _to_bandpass, "bandstop": _to_bandstop,
}  # fmt: skip


def _where(valid: Any, x: Any, text: str) -> Any:
    return nan_unless_refused(np.logical_not(valid), x, text)


def _coefficients(roots: Any) -> Any:
    """The polynomial of roots that come in conjugate pairs, which `numpy.poly` would look at to know."""
    found, zero = np.ones(1, np.complex128), np.zeros(1)
    for i in range(len(roots)):
        found = np.concatenate([found, zero]) - roots[i] * np.concatenate([zero, found])
    return np.real(found)


def _designed(who: str, prototype: Roots, edges: Any, btype: str, analog: bool, output: str, fs: Any) -> Any:
    """The filter whose analog form with edge 1 is given, with these edges."""
    btype, output = BANDS.get(btype.lower(), btype.lower()), output.lower()
    if btype not in MOVES:
        raise ValueError(f"{who} got btype={btype!r}: give {', '.join(map(repr, MOVES))}")
    if output not in ("ba", "zpk"):
        raise errors.ArgumentError(
            f"{who} got output={output!r} and a traced frequency.",
            why="which roots make a section depends on their values",
            fix="output='ba', or 'zpk'; scipy.signal.butter(..., output='sos') is of plain numbers",
        )
    edges = double(floating(edges))
    if btype.startswith("band") != (shape_of(edges) == (2,)) or len(shape_of(edges)) > 1:
        raise ValueError(f"{who} got frequencies of shape {shape_of(edges)}: give one, and two for a bandpass or bandstop")
    if not btype.startswith("band") and shape_of(edges):
        edges = edges[0]
    if fs is not None:
        if analog:
            raise ValueError(f"{who} got fs= for an analog filter")
        edges = 2 * edges / fs
    edges = _where(edges > 0, edges, f"{who} got a frequency that is not positive")
    if btype.startswith("band"):
        edges = _where(edges[0] < edges[1], edges, f"{who} got an upper frequency that is not above the lower")
    if not analog:
        text = f"{who} got a frequency of at least half of that of the samples, which is {fs or 2}"
        edges = 4.0 * np.tan(np.pi * _where(edges < 1, edges, text) / 2)
    found = MOVES[btype](*prototype, edges)
    z, p, k = found if analog else bilinear_zpk(*found, fs=2.0)
    return (z, p, k) if output == "zpk" else (k * _coefficients(z), _coefficients(p))


@on_tracers(_scipy.butter)
def butter(N: int, Wn: Any, btype: str = "low", analog: bool = False, output: str = "ba", fs: Any = None) -> Any:
    """Butterworth's filter of order ``N``, differentiable in its frequencies.

    Args:
        N: the order.
        Wn: the edge, two of them for a band: as a share of half the frequency of samples, or in the unit of ``fs``.
        btype: "lowpass", "highpass", "bandpass" or "bandstop".
        analog: whether the filter is an analog one, and ``Wn`` an angular frequency.
        output: "ba" or "zpk"; "sos" where nothing is traced.
        fs: the frequency of samples.

    Example:
        >>> [v.round(12) for v in butter(1, 0.5)]
        [array([0.5, 0.5]), array([ 1., -0.])]
    """
    return _designed("butter", _scipy.buttap(N), Wn, btype, analog, output, fs)


@on_tracers(_scipy.cheby1)
def cheby1(N: int, rp: float, Wn: Any, btype: str = "low", analog: bool = False, output: str = "ba", fs: Any = None) -> Any:
    """Chebyshev's filter with ripples of ``rp`` dB in what it lets pass, otherwise as `butter`; ``rp`` must be known.

    Example:
        >>> cheby1(2, 1.0, 0.5)[0].shape
        (3,)
    """
    return _designed("cheby1", _scipy.cheb1ap(N, rp), Wn, btype, analog, output, fs)


@on_tracers(_scipy.cheby2)
def cheby2(N: int, rs: float, Wn: Any, btype: str = "low", analog: bool = False, output: str = "ba", fs: Any = None) -> Any:
    """Chebyshev's filter with ripples that stay ``rs`` dB down in what it stops, otherwise as `butter`.

    Example:
        >>> cheby2(2, 40.0, 0.5)[0].shape
        (3,)
    """
    return _designed("cheby2", _scipy.cheb2ap(N, rs), Wn, btype, analog, output, fs)


@on_tracers(_scipy.ellip)
def ellip(
    N: int, rp: float, rs: float, Wn: Any, btype: str = "low", analog: bool = False, output: str = "ba", fs: Any = None
) -> Any:
    """Cauer's filter with ripples of ``rp`` dB in what passes, and ``rs`` dB down in what is stopped, otherwise as `butter`.

    Example:
        >>> ellip(2, 1.0, 40.0, 0.5)[0].shape
        (3,)
    """
    return _designed("ellip", _scipy.ellipap(N, rp, rs), Wn, btype, analog, output, fs)


# --- resonators -------------------------------------------------------------------------------------------------------


def _resonance(who: str, w0: Any, Q: Any, fs: Any) -> tuple[Any, Any]:
    """What is let pass beside a frequency, and the denominator of the filters there."""
    w0 = 2 * double(floating(w0)) / fs
    w0 = _where((w0 > 0) & (w0 < 1), w0, f"{who} got w0 that is not between 0 and half of fs")
    gain = 1 / (1 + np.tan(np.pi * w0 / floating(Q) / 2))
    return gain, np.stack([gain / gain, -2 * gain * np.cos(np.pi * w0), 2 * gain - 1])


@on_tracers(_scipy.iirnotch)
def iirnotch(w0: Any, Q: Any, fs: Any = 2.0, *, xp: Any = None, device: Any = None) -> tuple[Any, Any]:
    """A filter that stops the frequency ``w0``, of quality ``Q``; ``xp`` and ``device`` are looked at where nothing is traced.

    Example:
        >>> iirnotch(0.5, 10.0)[0].round(3)
        array([ 0.927, -0.   ,  0.927])
    """
    gain, denominator = _resonance("iirnotch", w0, Q, fs)
    return np.stack([gain, denominator[1], gain]), denominator


@on_tracers(_scipy.iirpeak)
def iirpeak(w0: Any, Q: Any, fs: Any = 2.0, *, xp: Any = None, device: Any = None) -> tuple[Any, Any]:
    """A filter that lets the frequency ``w0`` pass, of quality ``Q``.

    Example:
        >>> iirpeak(0.5, 10.0)[0].round(3)
        array([ 0.073,  0.   , -0.073])
    """
    gain, denominator = _resonance("iirpeak", w0, Q, fs)
    return np.stack([1 - gain, 0 * gain, gain - 1]), denominator


# --- windows ----------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.firwin)
def firwin(
    numtaps: int,
    cutoff: Any,
    *,
    width: Any = None,
    window: Any = "hamming",
    pass_zero: Any = True,
    scale: bool = True,
    fs: Any = None,
) -> Any:
    """A filter of finite length: the ideal one of these edges, under a window.

    Args:
        numtaps: the length, odd where the highest frequency passes.
        cutoff: the edges, rising, in the unit of ``fs``.
        width: of the transition, which chooses a Kaiser window; it must be known.
        window: as of `get_window`.
        pass_zero: whether frequency 0 passes, or "lowpass", "highpass", "bandpass", "bandstop".
        scale: whether the response is 1 in the middle of the first band.
        fs: the frequency of samples, 2 by default.

    Example:
        >>> firwin(3, 0.5).round(3)
        array([0.046, 0.908, 0.046])
    """
    n, half = operator.index(numtaps), (2.0 if fs is None else fs) / 2
    edges = np.atleast_1d(double(floating(cutoff))) / half
    edges = _where((edges > 0) & (edges < 1), edges, "firwin got an edge that is not between 0 and half of fs")
    edges = _where(np.all(np.diff(edges) > 0), edges, "firwin got edges that do not rise")
    count = shape_of(edges)[0]
    low = pass_zero if not isinstance(pass_zero, str) else pass_zero in ("lowpass", "bandstop")
    if isinstance(pass_zero, str) and (pass_zero not in MOVES or pass_zero.startswith("band") != (count > 1)):
        raise ValueError(f"firwin got pass_zero={pass_zero!r} and {count} edges")
    high = bool(low) ^ (count % 2 == 1)
    if high and n % 2 == 0:
        raise ValueError("A filter with an even number of coefficients must have zero response at the Nyquist frequency.")
    bands = np.concatenate([np.zeros(int(low)), edges, np.ones(int(high))]).reshape(-1, 2)
    if width is not None:
        window = ("kaiser", _scipy.kaiser_beta(_scipy.kaiser_atten(n, float(width) / half)))
    at = np.arange(n) - (n - 1) / 2
    ends = bands[:, 1:] * np.sinc(bands[:, 1:] * at) - bands[:, :1] * np.sinc(bands[:, :1] * at)
    taps = np.sum(ends, axis=0) * _scipy.get_window(window, n, fftbins=False)
    if not scale:
        return taps
    middle = 0.0 if low else 1.0 if count == 1 else (bands[0, 0] + bands[0, 1]) / 2
    return taps / np.sum(taps * np.cos(np.pi * at * middle))
