"""Fourier transforms under JAX's name for all of them.

>>> fft(np.ones(4), FftType.RFFT, (4,))
array([4.+0.j, 0.+0.j, 0.+0.j])
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.numpy.registry import inexact


class FftType(enum.IntEnum):
    """Which transform `fft` computes."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """The discrete Fourier transform over the last axes.

    Args:
        x: an array; for RFFT a real one.
        fft_type: FFT, IFFT, RFFT or IRFFT, as a member of `FftType` or its name.
        fft_lengths: the lengths of the last axes: of those of ``x``, but for IRFFT of those of the result.

    Raises:
        ArgumentError: there is no such transform, or the lengths are others.

    >>> fft(np.array([1.0, 0.0, 0.0]), "irfft", (4,))
    array([0.25, 0.25, 0.25, 0.25])
    """
    name: Any = fft_type.upper() if type(fft_type) is str else getattr(fft_type, "name", fft_type)
    if name not in FftType.__members__:
        raise errors.ArgumentError(f"lax.fft got fft_type={fft_type!r}.", fix="give a member of FftType, or its name")
    x, lengths = inexact(x), tuple(fft_lengths)
    if name == "RFFT" and typeof(x).dtype.kind == "c":
        raise errors.ArgumentError(f"lax.fft was to take the RFFT of {typeof(x)}.", fix="give real numbers, or take the FFT")
    last = (*lengths[:-1], lengths[-1] // 2 + 1) if name == "IRFFT" and lengths else lengths
    if not lengths or shape_of(x)[-len(lengths) :] != last:
        fix = f"give an array whose last axes have the lengths {last}" if lengths else "give at least one length"
        raise errors.ArgumentError(f"lax.fft got {typeof(x)} and fft_lengths={lengths} for {name}.", fix=fix)
    transform = getattr(np.fft, f"{name.lower()}n")
    return transform(x, s=lengths, axes=tuple(range(-len(lengths), 0)))


__all__ = ["FftType", "fft"]
