"""Real functions of real numbers by way of complex ones: what comes back through two linear maps is real on the way too."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import covector as cv
import covector.scipy.fft as sf
import covector.scipy.linalg as sl
import covector.scipy.signal as signal

N = 4
C = np.eye(N) * (1 + 2j) + np.random.default_rng(0).normal(size=(N, N)) * 1j
MAPS = {
    "fft": np.fft.fft,
    "ifft": np.fft.ifft,
    "fftn": lambda x: np.fft.fftn(x.reshape(2, 2)).ravel(),
    "scipy.fft": sf.fft,
    "rfft and irfft": lambda x: np.fft.irfft(np.fft.rfft(x) * (1 + 1j), N),
    "irfft": lambda x: np.fft.irfft(x, N),
    "hfft": lambda x: np.fft.hfft(x * (1 + 1j), N),
    "hilbert": signal.hilbert,
    "fftconvolve": lambda x: signal.fftconvolve(x, [1 + 2j, 3j], "same"),
    "dct": lambda x: sf.dct(x) * 1j,
    "convolve": lambda x: np.convolve(x, [1 + 2j, 3j], "same"),
    "times": lambda x: x * (1 + 2j),
    "divided": lambda x: x / (1 + 2j),
    "x @ C": lambda x: x @ C,
    "C @ x": lambda x: C @ x,
    "einsum": lambda x: np.einsum("ij,j->i", C, x),
    "solve": lambda x: np.linalg.solve(C, x),
    "solve_triangular": lambda x: sl.solve_triangular(C, x),
    "lstsq": lambda x: np.linalg.lstsq(C, x)[0],
    "toeplitz": lambda x: sl.solve_toeplitz([4j, 1, 0, 0], x),
    "lfilter": lambda x: signal.lfilter([1 + 1j, 2], [1, 0.5j], x),
    "astype": lambda x: x.astype(complex) * (1 + 2j),
    "stack": lambda x: np.stack([x, x])[1] * 1j + x,
    "concatenate": lambda x: np.concatenate([x, x * 1j])[1 : N + 1],
    "where": lambda x: np.where(x > 0, x, 1j) * (1 + 2j),
    "set": lambda x: cv.at(np.ones(N, complex))[1:3].set(x[:2]) * (1 + 2j),
    "cumsum": lambda x: np.cumsum(x) * (1 + 2j),
    "exp": lambda x: np.exp(1j * x),
    "scan": lambda x: cv.lax.scan(lambda c, y: (c * 1j + y, c), 0j, x)[1],
}


def disagreements(first, second, part):
    """What reverse mode gives, where that is not what forward mode gives."""
    f = lambda x: np.sum(part(MAPS[second](part(MAPS[first](np.cumsum(x))))) ** 2)
    x = np.array([0.4, 1.3, -0.7, 0.9])
    wanted = cv.jacfwd(f)(x)
    found = cv.grad(f)(x), cv.jacrev(f)(x), cv.vmap(cv.grad(f))(x[None])[0]
    return [y for y in found if y.dtype != np.float64 or not np.allclose(y, wanted, rtol=1e-9, atol=1e-9)]


@pytest.mark.parametrize("first", MAPS)
def test_reverse_and_forward_mode_agree(first):
    pairs = product(MAPS, (np.real, np.imag))
    assert [(second, part.__name__) for second, part in pairs if disagreements(first, second, part)] == []
