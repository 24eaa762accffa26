"""covector.scipy.signal: values are SciPy's, derivatives by differences."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import scipy.signal
from transformed import of_real_numbers, outcome, same

import covector as cv
from covector.scipy import signal
from covector.testing import check_function

RNG = np.random.default_rng(0)
X, K, LONG = RNG.normal(size=9), RNG.normal(size=4), RNG.normal(size=130)
IMAGE, PATCH = RNG.normal(size=(5, 6)), RNG.normal(size=(3, 2))
SOS = scipy.signal.butter(4, 0.3, output="sos")
NUMERATOR, DENOMINATOR = scipy.signal.butter(3, 0.4)

STATES = RNG.normal(size=(2, 2, 6))


def sections(c):
    return np.concatenate([c[:, :3], 0 * c[:, :1] + 1, c[:, 3:]], axis=1)


CASES = {
    **{
        f"{name} {mode} {label}": (lambda s, a, b, name=name, mode=mode: getattr(s, name)(a, b, mode=mode), args)
        for name in ("convolve", "fftconvolve", "correlate", "oaconvolve")
        for mode in ("full", "valid", "same")
        for label, args in {
            "vectors": (X, K),
            "images": (IMAGE, PATCH),
            "complex": (X + 1j * X[::-1], K + 0.5j),
            "the second longer": (K, X),
        }.items()
    },
    "convolve direct": (lambda s, a, b: s.convolve(a, b, method="direct"), (IMAGE, PATCH)),
    "convolve by fft": (lambda s, a, b: s.convolve(a, b, method="fft"), (X, K)),
    "fftconvolve along an axis": (lambda s, a, b: s.fftconvolve(a, b, axes=1), (IMAGE, RNG.normal(size=(5, 3)))),
    "lfilter": (lambda s, b, a, x: s.lfilter(b, a, x), (NUMERATOR, DENOMINATOR, X)),
    "lfilter along an axis": (lambda s, b, a, x: s.lfilter(b, a, x, axis=0), (NUMERATOR, DENOMINATOR, IMAGE)),
    "lfilter without feedback": (lambda s, b, x: s.lfilter(b, [2.0], x), (K, X)),
    "lfilter of order 0": (lambda s, b, x: s.lfilter(b, [2.0], x), (K[:1], X)),
    "lfilter with a state": (lambda s, b, a, x, z: s.lfilter(b, a, x, zi=z), (NUMERATOR, DENOMINATOR, X, K[:3])),
    "sosfilt": (lambda s, c, x: s.sosfilt(sections(c), x), (np.delete(SOS, 3, 1), X)),
    "sosfilt with states": (lambda s, x, z: s.sosfilt(SOS, x, axis=0, zi=z), (IMAGE, STATES)),
    "hilbert": (lambda s, x: s.hilbert(x), (X,)),
    "hilbert of 8": (lambda s, x: s.hilbert(x, 8, axis=0), (IMAGE,)),
    "detrend": (lambda s, x: s.detrend(x), (IMAGE,)),
    "detrend constant": (lambda s, x: s.detrend(x, axis=0, type="constant"), (IMAGE,)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    f, args = CASES[name]
    expected, found = f(scipy.signal, *args), cv.jit(lambda *a: f(signal, *a))(*args)
    for e, o in zip(*(x if isinstance(x, tuple) else (x,) for x in (expected, found)), strict=True):
        np.testing.assert_allclose(o, e, rtol=1e-10, atol=1e-12)
        assert o.dtype == e.dtype
    check_function(of_real_numbers(lambda *a: f(signal, *a), args), args, order=1, tolerance=1e-5)


def test_long_signals_go_by_fourier_transforms_and_integers_stay():
    np.testing.assert_allclose(signal.convolve(LONG, LONG), scipy.signal.convolve(LONG, LONG), atol=1e-12)
    assert signal.convolve(np.arange(3), np.arange(2)).dtype == np.int64
    np.testing.assert_array_equal(signal.convolve(np.ones((2, 2), int), np.ones((2, 1), int)), [[1, 1], [2, 2], [1, 1]])


FEW = [((), ()), ((1,), (1,)), ((1,), (4,)), ((4,), (1,)), ((4,), (3,)), ((1, 3), (2, 1)), ((1, 3), (1, 2))]


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:Use of fft:RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.bool, np.int16, np.float16, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve", "convolve", "correlate", "convolve fft", "correlate fft"])
def test_of_few_elements_comes_what_scipy_has(name, dtype):
    if name.endswith(" fft") and dtype == np.bool:
        return  # SciPy rounds no booleans
    name, *method = name.split()
    f = lambda s, a, b, mode: getattr(s, name)(a, b, mode, *method)
    for (m, n), mode in itertools.product(FEW, ("full", "valid", "same")):
        a, b = (np.reshape(np.arange(300, 300 + np.prod(shape, dtype=int)), shape).astype(dtype) for shape in (m, n))
        expected = outcome(f, scipy.signal, a, b, mode)
        if "Unsupported type" in str(expected):
            continue
        for found in (outcome(f, signal, a, b, mode), outcome(cv.jit(functools.partial(f, signal, mode=mode)), a, b)):
            if isinstance(expected, Exception):
                assert type(found) is type(expected)
            else:
                same(found, expected, rtol=2e-3 if dtype == np.float16 else 1e-5)


def test_axes_that_are_not_convolved_broadcast():
    a, b = np.arange(12.0).reshape(1, 4, 3), np.arange(4.0).reshape(2, 2, 1)
    for mode in ("full", "valid", "same"):
        found = cv.jit(lambda a, b, mode=mode: signal.fftconvolve(a, b, mode, axes=1))(a, b)
        same(found, scipy.signal.fftconvolve(a, b, mode, axes=1), rtol=1e-12)
    with pytest.raises(ValueError, match="incompatible shapes"):
        signal.fftconvolve(a, np.ones((1, 2, 2)), axes=1)


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
def test_of_nothing_comes_what_scipy_has(mode):
    for a, b in ((X[:0], K), (X, K[:0]), (X[:0], K[:0]), (IMAGE[:0], PATCH), (IMAGE, PATCH[:, :0])):
        for name in ("fftconvolve", "oaconvolve"):
            assert getattr(signal, name)(a, b, mode).shape == getattr(scipy.signal, name)(a, b, mode).shape == (0,)
    for name in ("convolve", "correlate"):
        assert getattr(signal, name)(X[:0], K, "same").shape == getattr(scipy.signal, name)(X[:0], K, "same").shape == (0,)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: signal.convolve(X, K, mode="half"), "convolve got mode='half'"),
        (lambda: signal.convolve(X, IMAGE), "as many axes"),
        (lambda: signal.convolve(X, K, method="slow"), "method='slow'"),
        (lambda: signal.sosfilt(X, K), r"shape \(n_sections, 6\)"),
        (lambda: signal.convolve(X[:0], K), r"f64\[0\] and f64\[4\] has no elements"),
        (lambda: signal.correlate(X, K[:0]), "has no elements"),
        (lambda: signal.hilbert(X + 1j), "x must be real"),
        (lambda: signal.detrend(X, type="square"), "Trend type"),
        (lambda: cv.jit(signal.sosfilt)(X, K), r"shape \(n_sections, 6\)"),
        (lambda: cv.jit(signal.hilbert)(X + 1j), "x must be real"),
        (lambda: cv.jit(lambda x: signal.detrend(x, type="square"))(X), "Trend type"),
        (lambda: cv.jit(lambda x: signal.lfilter([1.0], [0.0, 1.0], x))(X), "leading zeros"),
        (lambda: signal.lfilter([1.0], [0.0, 1.0], X), "not supported"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
