"""`scipy.signal` for arrays and for values that are being transformed: convolutions, filters, spectra, and their like.

>>> import numpy as np
>>> from covector.scipy import signal
>>> signal.convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
array([1., 3., 2.])
"""

from typing import Any

import scipy.signal as _scipy

from covector.scipy.others import of_scipy as _of_scipy
from covector.scipy.signal.convolutions import convolve, convolve2d, correlate, correlate2d, fftconvolve, oaconvolve
from covector.scipy.signal.design import butter, cheby1, cheby2, ellip, firwin, iirnotch, iirpeak
from covector.scipy.signal.filters import (
    deconvolve,
    filtfilt,
    hilbert,
    hilbert2,
    lfilter,
    lfilter_zi,
    sosfilt,
    sosfilt_zi,
    sosfiltfilt,
)
from covector.scipy.signal.responses import (
    bilinear_zpk,
    freqs,
    freqs_zpk,
    freqz,
    freqz_sos,
    freqz_zpk,
    group_delay,
    normalize,
    sos2tf,
    sosfreqz,
    ss2tf,
    ss2zpk,
    tf2ss,
    tf2zpk,
    zpk2ss,
    zpk2tf,
)
from covector.scipy.signal.sampling import decimate, resample, resample_poly, upfirdn
from covector.scipy.signal.smoothing import detrend, medfilt, medfilt2d, savgol_coeffs, savgol_filter, wiener
from covector.scipy.signal.spectra import coherence, csd, istft, periodogram, spectrogram, stft, welch
from covector.scipy.signal.waveforms import chirp, gausspulse, sawtooth, square, sweep_poly

get_window = _scipy.get_window
"""Windows are made of known numbers."""


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return _of_scipy(__name__, name)
