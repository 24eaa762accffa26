"""Filters, samples, spectra and responses of covector.scipy.signal: what SciPy makes of arrays, derivatives by differences."""

from __future__ import annotations

import inspect
import itertools
import warnings

import numpy as np
import pytest
import scipy.signal
from transformed import check, of_real_numbers, outcome, same

import covector as cv
from covector.primitives.math.linear_filter import linear_filter_p
from covector.scipy import signal
from covector.scipy.traced import FROM_1_18
from covector.testing import check_function
from covector.testing.rules import Options, RuleChecks

RNG = np.random.default_rng(0)
X, LONG, IMAGE = RNG.normal(size=12), RNG.normal(size=40), RNG.normal(size=(5, 6))
COMPLEX = X + 1j * X[::-1]
B, A = scipy.signal.butter(2, 0.3)
ZEROS_IN_FRONT = [] if FROM_1_18 else [0.0]
SOS = scipy.signal.butter(4, 0.3, output="sos")
AT = np.array([0.3, 1.0, 2.5])
TAPS = RNG.normal(size=5)
TRANSFORMS = scipy.signal.stft(X, nperseg=5)[2]
POSITIVE = np.abs(RNG.normal(size=9)) + 0.5

CASES = {
    "filtfilt": (lambda s, b, a, x: s.filtfilt(b, a, x), (B, A, X)),
    "filtfilt, known": (lambda s, x: s.filtfilt(B, A, x, axis=0, padtype="even", padlen=3), (IMAGE,)),
    "filtfilt, constant": (lambda s, x: s.filtfilt(B, A, x, padtype="constant"), (LONG,)),
    "filtfilt, extended as far as may be": (lambda s, x: s.filtfilt(B, A, x, padlen=11), (X,)),
    "filtfilt, unpadded": (lambda s, x: s.filtfilt(B, A, x, padtype=None), (COMPLEX,)),
    "sosfiltfilt": (lambda s, x: s.sosfiltfilt(SOS, x), (LONG,)),
    "sosfiltfilt, along an axis": (lambda s, x: s.sosfiltfilt(SOS[:1], x, axis=0, padlen=2), (IMAGE,)),
    "lfilter, known": (lambda s, x: s.lfilter(B, A, x, axis=0), (IMAGE,)),
    "lfilter, known, with a state": (lambda s, x, z: s.lfilter(B, A, x, zi=z), (IMAGE, IMAGE[:, :2])),
    "lfilter, known, with a state for all": (lambda s, x: s.lfilter(B, A, x, zi=np.ones((1, 2))), (IMAGE,)),
    "lfilter, shorter than its state": (lambda s, x, z: s.lfilter(TAPS, [2.0, 0.3, 0.1], x, zi=z), (X[:2], X[:4])),
    "lfilter_zi": (lambda s, b, a: s.lfilter_zi(b, a), (B, A)),
    "lfilter_zi, of another length": (lambda s, b: s.lfilter_zi(b, [*ZEROS_IN_FRONT, 2.0, 0.5]), (TAPS,)),
    "sosfilt_zi": (lambda s, sos: s.sosfilt_zi(sos), (SOS,)),
    "deconvolve": (lambda s, x, d: s.deconvolve(x, d), (X, TAPS)),
    "convolve2d": (lambda s, x, k: s.convolve2d(x, k), (IMAGE, IMAGE[:3, :2])),
    "convolve2d, around": (lambda s, x, k: s.convolve2d(x, k, mode="same", boundary="wrap"), (IMAGE, IMAGE[:2, :4])),
    "convolve2d, valid": (lambda s, x, k: s.convolve2d(k, x, mode="valid"), (IMAGE, IMAGE[:2, :4])),
    "convolve2d, reflected": (lambda s, x, k: s.convolve2d(x, k, boundary="symm"), (IMAGE[:2, :2], IMAGE)),
    "correlate2d": (lambda s, x, k: s.correlate2d(x, k, fillvalue=1.5, mode="same"), (IMAGE, IMAGE[:3, :2])),
    "correlate2d, complex": (lambda s, x, k: s.correlate2d(x, k * 1j), (IMAGE, IMAGE[:3, :2])),
    "correlate2d, valid": (lambda s, x, k: s.correlate2d(k, x, mode="valid"), (IMAGE, IMAGE[:3, :2])),
    "savgol_filter": (lambda s, x: s.savgol_filter(x, 5, 2), (X,)),
    "savgol_filter, derivative": (lambda s, x: s.savgol_filter(x, 4, 2, deriv=1, delta=0.5, axis=0), (IMAGE,)),
    "savgol_filter, of all": (lambda s, x: s.savgol_filter(x, 12, 3), (X,)),
    "savgol_filter, mirrored": (lambda s, x: s.savgol_filter(x, 5, 2, mode="mirror"), (X,)),
    "savgol_filter, constant": (lambda s, x: s.savgol_filter(x, 5, 2, mode="constant", cval=2.0), (X,)),
    "medfilt": (lambda s, x: s.medfilt(x), (IMAGE,)),
    "medfilt, of other sizes": (lambda s, x: s.medfilt(x, (1, 5)), (IMAGE,)),
    "medfilt2d": (lambda s, x: s.medfilt2d(x, 3), (IMAGE,)),
    "wiener": (lambda s, x: s.wiener(x, 3), (IMAGE,)),
    "wiener, of known noise": (lambda s, x: s.wiener(x, (1, 3), 0.2), (IMAGE,)),
    "detrend, in parts": (lambda s, x: s.detrend(x, bp=[3, 7]), (X,)),
    "upfirdn": (lambda s, h, x: s.upfirdn(h, x, 3, 2), (TAPS, X)),
    "upfirdn, along an axis": (lambda s, h, x: s.upfirdn(h, x, 2, 3, axis=0, cval=1.5), (TAPS, IMAGE)),
    **{
        f"upfirdn, {mode}": (lambda s, h, x, mode=mode: s.upfirdn(h, x, 1, 2, mode=mode), (TAPS, X))
        for mode in ("wrap", "edge", "symmetric", "reflect", "antireflect")
    },
    "resample_poly": (lambda s, x: s.resample_poly(x, 3, 2), (X,)),
    "resample_poly, of a mean": (lambda s, x: s.resample_poly(x, 2, 3, axis=1, padtype="mean"), (IMAGE,)),
    "resample_poly, of a filter": (lambda s, x, h: s.resample_poly(x, 2, 1, window=h), (X, TAPS)),
    "resample_poly, at the edge": (lambda s, x: s.resample_poly(x, 1, 2, padtype="edge"), (X,)),
    **{
        f"resample, of {len(x)} to {n}": (lambda s, x, n=n: s.resample(x, n), (x,))
        for x in (X, X[:-1])
        for n in (7, 8, 11, 12, 17, 18)
    },
    **{f"resample, complex, to {n}": (lambda s, x, n=n: s.resample(x, n), (COMPLEX,)) for n in (7, 8, 12, 17, 18)},
    "resample": (lambda s, x: s.resample(x, 9, axis=1, window="hamming"), (IMAGE,)),
    **{f"resample, along axis {axis}": (lambda s, x, a=axis: s.resample(x, 7, axis=a), (IMAGE,)) for axis in (0, 1, -2)},
    "resample, a vector along any axis": (lambda s, x: s.resample(x, 7, axis=3), (X,)),
    "resample, complex, along an axis": (lambda s, x: s.resample(x, 3, axis=0), (IMAGE * 1j,)),
    "resample, of a spectrum": (lambda s, x: s.resample(x, 8, domain="freq", t=np.arange(12.0)), (COMPLEX,)),
    "resample, weighted": (lambda s, x, w: s.resample(x, 8, window=w), (X, np.abs(X))),
    "resample, of complex weights": (lambda s, x, w: s.resample(x, 9, window=w), (X, COMPLEX)),
    "resample, of fewer by complex weights": (lambda s, x, w: s.resample(x, 4, window=w), (X, COMPLEX)),
    "decimate": (lambda s, x: s.decimate(x, 2), (LONG,)),
    "decimate, moved": (lambda s, x: s.decimate(x, 3, zero_phase=False), (LONG,)),
    "decimate, fir": (lambda s, x: s.decimate(x, 2, 4, "fir", axis=0), (IMAGE,)),
    "decimate, fir, moved": (lambda s, x: s.decimate(x, 3, ftype="fir", zero_phase=False), (X,)),
    "decimate, of a system": (lambda s, x: s.decimate(x, 2, ftype=scipy.signal.dlti(B, A)), (LONG,)),
    "periodogram": (lambda s, x: s.periodogram(x), (X,)),
    "periodogram, of fewer": (lambda s, x: s.periodogram(x, 2.0, "hann", 7, axis=0, scaling="spectrum"), (LONG[:10, None],)),
    "periodogram, of more": (lambda s, x: s.periodogram(x, nfft=16, detrend="linear"), (X,)),
    "welch": (lambda s, x: s.welch(x, nperseg=8), (LONG,)),
    "welch, of medians": (lambda s, x: s.welch(x, 3.0, "hann", 8, 3, 9, average="median", axis=0), (LONG[:, None],)),
    "welch, complex": (lambda s, x: s.welch(x, nperseg=5, detrend=False), (COMPLEX,)),
    "csd": (lambda s, x, y: s.csd(x, y, nperseg=6, detrend="linear"), (X, X[::-1] * AT[0])),
    "csd, of a window": (lambda s, x, y, w: s.csd(x, y, window=w, scaling="spectrum"), (LONG, X, POSITIVE)),
    **{
        f"csd, of a complex window, {scaling}": (
            lambda s, x, y, w, scaling=scaling: s.csd(x, y, window=w, return_onesided=False, scaling=scaling),
            (COMPLEX, X, COMPLEX[2:6]),
        )
        for scaling in ("density", "spectrum")
    },
    "welch, of a complex window": (lambda s, x, w: s.welch(x, window=w, return_onesided=False), (X, COMPLEX[2:6])),
    "coherence, of a complex window": (lambda s, x, y: s.coherence(x, y, window=COMPLEX[2:6]), (COMPLEX, COMPLEX[::-1] ** 2)),
    **{
        f"{name} along axis {axis}, less the largest along axis {i}": (
            lambda s, x, name=name, axis=axis, i=i: getattr(s, name)(
                x, nperseg=3, axis=axis, detrend=lambda v: v - np.max(v, axis=i, keepdims=True)
            ),
            (IMAGE,),
        )
        for name in ("welch", "spectrogram")
        for axis in (0, 1, -1)
        for i in (0, 1, -1)
    },
    "coherence": (lambda s, x, y: s.coherence(x, y, nperseg=6), (LONG, LONG[::-1] ** 2)),
    "stft": (lambda s, x: s.stft(x, nperseg=5), (X,)),
    "stft, extended": (lambda s, x: s.stft(x, 2.0, nperseg=4, boundary="odd", padded=False, scaling="psd", axis=0), (IMAGE,)),
    "stft, complex": (lambda s, x: s.stft(x, nperseg=4, boundary=None, detrend="constant", return_onesided=False), (COMPLEX,)),
    "istft": (lambda s, z: s.istft(z), (scipy.signal.stft(X, nperseg=4)[2],)),
    "istft, psd": (lambda s, z: s.istft(z, 2.0, scaling="psd", time_axis=0, freq_axis=1), (TRANSFORMS.T,)),
    "istft, of both sides": (lambda s, z: s.istft(z, input_onesided=False, boundary=False, window="boxcar"), (IMAGE[:4] * 1j,)),
    "spectrogram": (lambda s, x: s.spectrogram(x, nperseg=8), (LONG,)),
    "spectrogram, magnitude": (lambda s, x: s.spectrogram(x, nperseg=4, mode="magnitude", noverlap=2, axis=0), (IMAGE,)),
    "spectrogram, complex": (lambda s, x: s.spectrogram(x, nperseg=8, mode="complex", detrend=False), (LONG,)),
    "spectrogram, of a complex window": (lambda s, x, w: s.spectrogram(x, window=w), (X, COMPLEX[2:6])),
    "spectrogram, phase": (lambda s, x: s.spectrogram(x, nperseg=8, mode="phase", scaling="spectrum"), (LONG,)),
    "freqz": (lambda s, b, a: s.freqz(b, a, 5), (B, A)),
    "freqz, at some": (lambda s, b, a, w: s.freqz(b, a, w, fs=8.0), (B, A, AT)),
    "freqz, around": (lambda s, b: s.freqz(b, worN=6, whole=True), (B,)),
    "freqz_sos": (lambda s, b, w: s.freqz_sos(np.concatenate([np.stack([b, b]), SOS[:, 3:]], 1), w), (TAPS[:3], AT)),
    "freqz_zpk": (lambda s, z, p, k: s.freqz_zpk(z, p, k, 4), (AT[:1], AT[:2] / 3, 0.7)),
    "freqs": (lambda s, b, a, w: s.freqs(b, a, w), (B, A, AT)),
    "freqs, at so many": (lambda s, b: s.freqs(b, [1.0, 2.0], 4), (AT,)),
    "freqs_zpk": (lambda s, z, p, k, w: s.freqs_zpk(z, p, k, w), (AT[:1], AT[:2], 0.7, AT)),
    "normalize": (lambda s, b, a: s.normalize(b, a), (TAPS, AT)),
    "zpk2tf": (lambda s, z, p, k: s.zpk2tf(z, p, k), (AT[:2], AT, 0.7)),
    "tf2zpk": (lambda s, b, a: s.tf2zpk(b, a), (np.array([2.0, -3.0, 5.0]), np.array([1.0, 0.5, 1.5]))),
    "sos2tf": (lambda s, sos: s.sos2tf(sos), (SOS,)),
    "bilinear_zpk": (lambda s, z, p, k: s.bilinear_zpk(z, p, k, 3.0), (AT[:1], -AT, 0.7)),
    "butter": (lambda s, w: s.butter(3, w), (0.3,)),
    "butter highpass": (lambda s, w: s.butter(4, w, "high", fs=3.0), (0.7,)),
    "butter bandpass": (lambda s, w: s.butter(2, w, "bandpass"), (np.array([0.2, 0.5]),)),
    "butter bandstop": (lambda s, w: s.butter(3, w, "bandstop"), (np.array([0.2, 0.5]),)),
    "butter analog": (lambda s, w: s.butter(3, w, "low", True), (2.3,)),
    "butter zpk": (lambda s, w: s.butter(2, w, output="zpk"), (0.3,)),
    "cheby1": (lambda s, w: s.cheby1(3, 1.0, w), (0.3,)),
    "cheby1 bandpass": (lambda s, w: s.cheby1(2, 1.0, w, "band"), (np.array([0.2, 0.5]),)),
    "cheby2": (lambda s, w: s.cheby2(3, 40.0, w, "high"), (0.3,)),
    "ellip": (lambda s, w: s.ellip(3, 1.0, 40.0, w), (0.3,)),
    "ellip bandstop": (lambda s, w: s.ellip(2, 1.0, 40.0, w, "stop"), (np.array([0.2, 0.5]),)),
    "iirnotch": (lambda s, w, q: s.iirnotch(w, q), (0.3, 5.0)),
    "iirpeak": (lambda s, w, q: s.iirpeak(w, q, 3.0), (0.7, 5.0)),
    "firwin": (lambda s, w: s.firwin(8, w), (0.3,)),
    "firwin highpass": (lambda s, w: s.firwin(9, w, pass_zero="highpass", fs=3.0), (0.7,)),
    "firwin bandpass": (lambda s, w: s.firwin(9, w, pass_zero=False), (np.array([0.2, 0.5]),)),
    "firwin bandstop": (lambda s, w: s.firwin(9, w, pass_zero="bandstop", scale=False), (np.array([0.2, 0.5]),)),
    "firwin of a width": (lambda s, w: s.firwin(9, w, width=0.2), (0.3,)),
    "tf2ss": (lambda s, b, a: s.tf2ss(b, a), (AT[:2], AT)),
    "ss2tf": (lambda s, a, b, c, d: s.ss2tf(a, b, c, d, 1), (IMAGE[:2, :2], IMAGE[:2, 2:4], IMAGE[2:5, :2], IMAGE[2:5, 2:4])),
}
TURNING = np.array([[0.0, 1.0], [-1.0, 0.3]])
TIMES = np.linspace(0.1, 3.0, 7)
CASES |= {
    **{f"hilbert, along axis {axis}": (lambda s, x, a=axis: s.hilbert(x, axis=a), (IMAGE,)) for axis in (0, 1, -2)},
    "hilbert2": (lambda s, x: s.hilbert2(x), (IMAGE,)),
    "hilbert2, of lengths": (lambda s, x: s.hilbert2(x, (4, 7), axes=(1, 0)), (IMAGE,)),
    "group_delay, complex": (lambda s, b, a: s.group_delay((b, a), AT), (COMPLEX[:3], np.array([1.0, 0.4 - 0.3j]))),
    "group_delay": (lambda s, b, a: s.group_delay((b, a), AT), (B, A)),
    "zpk2ss": (lambda s, z, p, k: s.zpk2ss(z, p, k), (AT[:1], AT[:2], 0.7)),
    "ss2zpk": (lambda s, a: s.ss2zpk(a, np.ones((2, 1)), np.full((1, 2), 0.3), np.ones((1, 1))), (TURNING,)),
    **{
        f"chirp, {method}": (lambda s, t, f, t1, f1, m=method: s.chirp(t, f, t1, f1, m, 30), (TIMES, 0.7, 2.3, 1.9))
        for method in ("linear", "quadratic", "logarithmic", "hyperbolic")
    },
    "chirp": (lambda s, t: s.chirp(t, 0.7, 2.3, 1.9, "quadratic", vertex_zero=False, complex=True), (TIMES,)),
    "chirp, of one frequency": (lambda s, t: (s.chirp(t, 2.0, 1.0, 2.0, "log"), s.chirp(t, 2.0, 1.0, 2.0, "hyp")), (TIMES,)),
    "gausspulse": (lambda s, t, f, w, r: s.gausspulse(t, f, w, r, retquad=True, retenv=True), (TIMES - 1, 0.8, 0.5, -5.0)),
    "gausspulse, cutoff": (lambda s, f: s.gausspulse("cutoff", f), (0.8,)),
    "sawtooth": (lambda s, t, w: s.sawtooth(t, w), (TIMES * 3, np.linspace(0.2, 0.8, 7))),
    "sawtooth, of all widths": (lambda s, t: s.sawtooth(t, np.array([[0.0], [1.0], [0.5]])), (TIMES * 3,)),
    "square": (lambda s, t: s.square(t, 0.3), (TIMES * 3,)),
    "sweep_poly": (lambda s, t, p: s.sweep_poly(t, p, 20.0), (TIMES, AT)),
}
NEED_VALUES = ("zpk2ss", "ss2zpk", "normalize", "tf2zpk", "tf2ss", "freqs, at so many")


@pytest.mark.filterwarnings("ignore:.*NOLA:UserWarning", "ignore:Input data is complex:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args = CASES[name]
    known = name in NEED_VALUES
    inexact = tuple(np.asarray(a) for a in args)
    found = cv.jvp(lambda *a: f(signal, *a), inexact, inexact)[0] if known else cv.jit(lambda *a: f(signal, *a))(*args)
    same(found, f(scipy.signal, *args), rtol=1e-9)
    whole = of_real_numbers(lambda *a: f(signal, *a), args)
    check_function(whole, inexact, order=1, tolerance=1e-4, staged=not known, batch=not known)


IN_SOME_PRECISION = ("medfilt2d", "tf2zpk", "freqs", "freqs_zpk", "freqz_zpk", "bilinear_zpk", "zpk2tf", "sos2tf")


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize("name", CASES)
def test_dtypes(name, dtype):
    f, args = CASES[name]
    if name in NEED_VALUES or name.split(",")[0] in IN_SOME_PRECISION:
        return  # SciPy computes some of them in double precision, some not
    given = [np.round(a * 8).astype(dtype) if i == len(args) - 1 or dtype != np.int64 else a for i, a in enumerate(args)]
    given = [a for a in given if np.asarray(a).dtype.kind != "c"]
    expected = outcome(lambda: f(scipy.signal, *given))
    if len(given) == len(args) and not isinstance(expected, Exception):
        same(cv.jit(lambda *a: f(signal, *a))(*given), expected, rtol=2e-4 if dtype == np.float32 else 1e-9)


LISTED = [(name, i) for name, (_, args) in CASES.items() if len(args) > 1 for i, a in enumerate(args) if np.ndim(a)]


@pytest.mark.filterwarnings("ignore:Input data is complex:UserWarning")
@pytest.mark.parametrize(("name", "i"), [c for c in LISTED if c[0] not in NEED_VALUES])
def test_lists_beside_traced_arrays(name, i):
    f, args = CASES[name]
    listed = args[i].tolist()
    expected = outcome(lambda: f(scipy.signal, *args[:i], listed, *args[i + 1 :]))
    if not isinstance(expected, Exception):
        rest = args[:i] + args[i + 1 :]
        same(cv.jit(lambda *a: f(signal, *a[:i], listed, *a[i:]))(*rest), expected, rtol=1e-9)


@pytest.mark.parametrize("window", [("kaiser", 5.0), *(LONG[:n] for n in (1, 2, 3, 6))])
def test_all_rates_and_lengths_of_resample_poly(window):
    for up, down, n in itertools.product((1, 2, 3, 5), (1, 2, 3, 7), (1, 2, 5, 12)):
        f = lambda s, x, up=up, down=down: s.resample_poly(x, up, down, window=window)
        same(cv.jvp(lambda x, f=f: f(signal, x), (X[:n],), (X[:n],))[0], f(scipy.signal, X[:n]), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 4, 5, 6])
def test_quotients_of_all_lengths(n):
    found, expected = cv.jit(lambda x: signal.deconvolve(x, TAPS))(X[:n]), scipy.signal.deconvolve(X[:n], TAPS)
    for part, wanted in zip(found, expected, strict=True):
        same(part, wanted, rtol=1e-9)


@pytest.mark.parametrize("a", [[0.0, 2.0, 0.5], *([[0.0, 0.0]] if FROM_1_18 else [])])
def test_a_state_of_coefficients_with_zeros_in_front(a):
    expected, found = (outcome(f, TAPS) for f in (lambda b: scipy.signal.lfilter_zi(b, a), lambda b: signal.lfilter_zi(b, a)))
    traced = outcome(cv.jit(lambda b: signal.lfilter_zi(b, a)), TAPS)
    if isinstance(expected, Exception):
        assert (type(found), str(found)) == (type(traced), str(traced)) == (type(expected), str(expected))
    else:
        same(traced, expected, rtol=1e-9)


def test_the_filter_is_linear_in_what_is_filtered():
    for b, a in ((B, A), (TAPS, np.ones(1)), (B * 1j, A + 0.5j)):
        x = IMAGE.astype(np.result_type(b, a))
        b, a = (np.asarray(v, x.dtype) for v in (b, a))
        check(lambda x, b=b, a=a: linear_filter_p.bind(x, b, a, axis=0), x, order=1)
        same(cv.jit(lambda x, b=b, a=a: linear_filter_p.bind(x, b, a, axis=1))(x), scipy.signal.lfilter(b, a, x))


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1,), (2, 0)])
@pytest.mark.parametrize(("of_x", "of_coefficients"), ["dd", "DD", "dD", "Dd", "fF", "fd", "ed", "if"])
def test_rules_of_a_filter_for_each_pair_of_dtypes(of_x, of_coefficients, shape):
    x = (np.arange(1.0, 1 + np.prod(shape)).reshape(shape) * (2 - 1j if of_x == "D" else 2)).astype(of_x)
    for (b, a), axis in itertools.product(((B, A), (TAPS, [2.0]), ([1j], [1.5, 0.2 - 1j])), range(len(shape))):
        if of_coefficients in "DF" or not np.iscomplexobj(b):
            b, a = np.asarray(b, of_coefficients), np.asarray(a, of_coefficients)
            rules = RuleChecks(linear_filter_p, (x, b, a), {"axis": axis}, Options(differentiable=(0,)))
            rules.abstract()
            rules.transposes()
            check_function(lambda x, b=b, a=a, axis=axis: linear_filter_p.bind(x, b, a, axis=axis), (x,), order=1)


def test_coefficients_that_are_traced_and_known_give_the_same():
    state = RNG.normal(size=2)
    for f in (lambda b, a, x: signal.lfilter(b, a, x), lambda b, a, x: signal.lfilter(b, a, x, zi=state)):
        same(cv.jit(f)(B, A, X), cv.jit(lambda x, f=f: f(B, A, x))(X))
        slope = cv.grad(lambda x, f=f: np.sum(np.concatenate(f(B, A, x), axis=None) ** 2))(X)
        same(slope, cv.grad(lambda b, a, x, f=f: np.sum(np.concatenate(f(b, a, x), axis=None) ** 2), 2)(B, A, X), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:nperseg:UserWarning")
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize(
    "name",
    ["periodogram", "welch", "csd", "csd of a shorter one", "csd of something else", "coherence", "stft", "spectrogram"],
)
def test_spectra_of_nothing(name, shape):
    x = np.zeros(shape)
    f = {
        "csd": lambda s, x: s.csd(x, x),
        "csd of a shorter one": lambda s, x: s.csd(x, x[..., :1]),
        "csd of something else": lambda s, x: s.csd(np.ones([n or 4 for n in shape]), x),
        "coherence": lambda s, x: s.coherence(x, 1 * x),
    }.get(name, lambda s, x: getattr(s, name)(x))
    expected, found = outcome(f, scipy.signal, x), outcome(cv.jit(lambda x: f(signal, x)), x)
    if isinstance(expected, Exception):
        assert type(found) is type(expected)
    else:
        same(found, expected)


@pytest.mark.parametrize("noise", [None, 1.0])
def test_wiener_of_one_number(noise):
    with np.errstate(invalid="ignore"):
        f = lambda s, x: s.wiener(x, noise=noise)
        same(cv.jit(lambda x: f(signal, x))(np.array(2.0)), f(scipy.signal, np.array(2.0)))


@pytest.mark.parametrize("b", ["e", "f", "d", "F", "D"])
@pytest.mark.parametrize("a", ["f", "d", "F", "D"])
def test_frequencies_have_the_dtype_of_coefficients(b, a):
    b, a, rtol = np.array([3, 1, 2], b), np.array([2, 1], a), 2e-3 if b == "e" else 1e-5
    for at in (AT, 3):
        for f in (
            lambda s, b, a, at=at: s.freqz(b, a, at),
            lambda s, b, a, at=at: s.freqz(b, a[:1], at),
            lambda s, b, a, at=at: s.freqz_zpk(b / 9, a / 9, 2.0, at),
            lambda s, b, a, at=at: s.freqz_sos(np.concatenate([b, a[1:], b[:2] / 8])[None], at),
        ):
            same(cv.jit(lambda b, a, f=f: f(signal, b, a))(b, a), f(scipy.signal, b, a), rtol=rtol)


def test_the_response_of_no_coefficients():
    same(cv.jit(lambda b: signal.freqz(b))(np.zeros(0)), scipy.signal.freqz(np.zeros(0)))


def test_signatures_are_those_of_scipy():
    for name in vars(signal):
        theirs = getattr(scipy.signal, name, None)
        if callable(theirs) and not name.startswith("_") and theirs is not getattr(signal, name) and name != "sosfreqz":
            mine, expected = (list(inspect.signature(f).parameters.values()) for f in (getattr(signal, name), theirs))
            assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in expected], name


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: signal.filtfilt(B, A, x[:5]), ValueError, "greater than padlen"),
        (lambda x: signal.filtfilt(B, A, x, padlen=12), ValueError, "greater than padlen"),
        (lambda x: signal.filtfilt(B, A, x, padtype="far"), ValueError, "padtype"),
        (lambda x: signal.filtfilt(B, A, x, method="gust"), NotImplementedError, "method='pad'"),
        (lambda x: signal.sosfiltfilt(x[None, :6] + SOS, x), cv.errors.ConcretizationError, "give padlen"),
        (lambda x: signal.lfilter(B, A, x, zi=x), ValueError, "Unexpected shape"),
        (lambda x: signal.lfilter(B, A, x, zi=x[None, :2]), ValueError, "Unexpected shape"),
        (lambda x: signal.lfilter(B, A, x * IMAGE[:4, :1], zi=IMAGE[:3, :2]), ValueError, "Unexpected shape"),
        (lambda x: signal.lfilter(B, [], x), ValueError, "non-empty 1d"),
        (lambda x: signal.sosfilt(2 * SOS, x), ValueError, "all ones"),
        (lambda x: signal.sosfilt(SOS, x, zi=x), ValueError, "Invalid zi shape"),
        (lambda x: signal.savgol_filter(x, 13, 2), ValueError, "less than or equal to the size"),
        (lambda x: signal.savgol_filter(x, 5, 2, mode="far"), ValueError, "mode must be"),
        (lambda x: signal.medfilt(x, 4), ValueError, "odd"),
        *((lambda x, a=a: signal.upfirdn(x, x, *a), ValueError, ">= 1") for a in ((0,), (1, 0), (0, 0))),
        *((lambda x, a=a: signal.resample_poly(x, *a), ValueError, ">= 1") for a in ((0, 1), (1, 0), (-1, 2))),
        (lambda x: signal.upfirdn(x, x, mode="line"), NotImplementedError, "give one of"),
        (lambda x: signal.resample_poly(x, 2, 3, cval=1, padtype="edge"), ValueError, "no effect"),
        (lambda x: signal.resample(x, 3, domain="far"), ValueError, "domain"),
        (lambda x: signal.decimate(x, 2, ftype="far"), ValueError, "invalid ftype"),
        (lambda x: signal.detrend(x, bp=20), ValueError, "Breakpoints"),
        (lambda x: signal.convolve2d(x, x), ValueError, "2-D arrays"),
        (lambda x: signal.convolve2d(x[None], x[None], boundary="far"), ValueError, "boundary"),
        (lambda x: signal.welch(x, nperseg=4, noverlap=4), ValueError, "must be less than nperseg"),
        (lambda x: signal.welch(x, nperseg=4, nfft=3), ValueError, "greater than or equal"),
        (lambda x: signal.welch(x, scaling="far"), ValueError, "scaling"),
        (lambda x: signal.welch(x, window=np.ones(4) + 1j), ValueError, "return_onesided=False"),
        (lambda x: signal.stft(x, boundary="far"), ValueError, "boundary"),
        (lambda x: signal.spectrogram(x, mode="far"), ValueError, "unknown value for mode"),
        (lambda x: signal.istft(x), ValueError, "at least 2d"),
        (lambda x: signal.freqz_sos(x), ValueError, "n_sections"),
        (lambda x: signal.tf2ss(np.ones(3), x), cv.errors.ConcretizationError, "signal.normalize"),
        (lambda x: signal.chirp(x, 1.0, 2.0, 3.0, "far"), ValueError, "method must be"),
        (lambda x: signal.chirp(x, 1.0, 2.0, -3.0, "log"), ValueError, "same sign"),
        (lambda x: signal.gausspulse(x, 1.0, 0.0), ValueError, "bandwidth"),
        (lambda x: signal.hilbert2(x[None], axes=(0, 0)), ValueError, "distinct"),
        *((lambda x, n=n: signal.hilbert2(x[None], n), ValueError, "exactly two") for n in ((3,), (3, 0), (2, 2, 2), 0)),
        (lambda x: signal.butter(2, x[0] / 9, output="sos"), cv.errors.ArgumentError, "output='sos'"),
        (lambda x: signal.butter(2, x[0] / 9, "bond"), ValueError, "btype='bond': give 'lowpass'"),
        (lambda x: signal.butter(2, x[:2]), ValueError, "give one, and two for a bandpass"),
        (lambda x: signal.firwin(8, x[0] / 9, pass_zero=False), ValueError, "even number"),
        (lambda x: signal.firwin(9, x[0] / 9, pass_zero="far"), ValueError, "pass_zero='far'"),
        (lambda x: signal.firwin(9, x[0] / 9, pass_zero="bandpass"), ValueError, "pass_zero='bandpass' and 1 edges"),
        (lambda x: signal.firwin(9, x[:2] / 9, pass_zero="highpass"), ValueError, "pass_zero='highpass' and 2 edges"),
        (lambda x: signal.bilinear_zpk(x, x[:2], 1.0, 1.0), ValueError, "Improper"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text), pytest.warns(UserWarning) if "welch" in str(text) else np.errstate():
        cv.jit(call)(X)


EDGES = {
    "samples per unit of time": lambda w: signal.welch(X, -w, nperseg=4)[1],
    "at least half": lambda w: signal.cheby1(2, 1.0, 2 + w)[0],
    "not positive": lambda w: signal.ellip(2, 1.0, 40.0, -w, output="zpk")[1],
    "not above the lower": lambda w: signal.cheby2(2, 40.0, np.stack([w, w / 2]), "band")[1],
    "between 0 and half of fs": lambda w: signal.iirnotch(w + 1, 2.0)[0],
    "do not rise": lambda w: signal.firwin(9, np.stack([w, w / 2])),
}


@pytest.mark.parametrize("text", EDGES)
def test_edges_that_cannot_be(text):
    """An error where they are known, and else no filter."""
    with pytest.raises(ValueError, match=text):
        cv.jvp(EDGES[text], (0.3,), (1.0,))
    assert np.isnan(cv.jit(EDGES[text])(0.3)).any()
    assert np.isnan(cv.jit(cv.grad(lambda w: np.sum(np.real(EDGES[text](w)))))(0.3))


@pytest.mark.parametrize(("window", "hop"), [("boxcar", 4), ("hann", 2), ("hann", 4), ("hann", 1)])
def test_times_at_which_there_is_no_signal_are_said(window, hop):
    z = scipy.signal.stft(X, window=window, nperseg=4, noverlap=3)[2]
    f = lambda s, z: s.istft(z, window=window, nperseg=4, noverlap=4 - hop, boundary=False)
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        expected = f(scipy.signal, z)
    with warnings.catch_warnings(record=True) as mine:
        warnings.simplefilter("always")
        found = cv.jvp(lambda z: f(signal, z), (z,), (z,))[0]
    same(found, expected, rtol=1e-9)
    assert [str(w.message) for w in mine] == [str(w.message) for w in theirs]


REFUSED = {
    "no samples": {"nperseg": 0},
    "fewer than no samples": {"nperseg": -1},
    "a window of another length": {"window": np.ones(4), "nperseg": 5},
    "a window longer than the signal": {"window": np.ones(40)},
    "a window of two axes": {"window": np.ones((2, 2))},
    "as much overlap as samples": {"nperseg": 4, "noverlap": 4},
    "fewer numbers than samples": {"nperseg": 4, "nfft": 3},
}
OF_SEGMENTS = {
    "welch": lambda s, x, **options: s.welch(x, **options),
    "csd": lambda s, x, **options: s.csd(x, x, **options),
    "coherence": lambda s, x, **options: s.coherence(x, x, **options),
    "stft": lambda s, x, **options: s.stft(x, **options),
    "spectrogram": lambda s, x, **options: s.spectrogram(x, **options),
    "istft": lambda s, x, **options: s.istft(np.outer(x[:3], x[:6]), **options),
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", OF_SEGMENTS)
def test_segments_that_scipy_refuses(name, options):
    f = OF_SEGMENTS[name]
    for run in (lambda x: f(scipy.signal, x, **options), cv.jit(lambda x: f(signal, x, **options))):
        with pytest.raises(ValueError, match=r"window|nperseg|nfft|overlap|positive|Parameter|len\(x\)"):
            run(X)
