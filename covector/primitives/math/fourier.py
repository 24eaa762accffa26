"""Discrete Fourier transforms along one axis: ``fft``.

>>> np.round(fft_p.bind(np.array([1.0, 0.0, 2.0]), transform="rfft", n=3, axis=0, norm="backward"), 3)
array([3.+0.j   , 0.+1.732j])

The parameter ``transform`` is the name of a function of `numpy.fft` (fft, ifft, rfft or irfft), and ``n`` the number of its
points: the input is cut off or filled up with zeros to it.  All are linear; those of real arrays over the real numbers.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, dtype_of, shape_of
from covector.core.kinds import Linear
from covector.core.primitive import Primitive
from covector.primitives.arrays.indexing import embed_p, slice_p
from covector.primitives.arrays.shaping import convert_to, real_dtype
from covector.primitives.derivations import batch_along_axis
from covector.primitives.math.arithmetic import conj_p

SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
"""The norm with which a transform the other way has the same factor."""


def _transform(x: Any, *, transform: str, n: int, axis: int, norm: str) -> Any:
    return getattr(np.fft, transform)(x, n, axis, norm)


def _abstract(x: ShapedArray, *, transform: str, n: int, axis: int, norm: str) -> ShapedArray:
    length = n // 2 + 1 if transform == "rfft" else n
    return array_aval((*x.shape[:axis], length, *x.shape[axis + 1 :]), _dtype(transform, x.dtype))


@functools.cache
def _dtype(transform: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    return getattr(np.fft, transform)(np.ones(1, dtype), 2).dtype  # type: ignore[no-any-return]


def _transpose(ct: Any, x: ShapedArray, *, transform: str, n: int, axis: int, norm: str) -> Any:
    """The matrix is symmetric.  Of half a spectrum each value stands for two, but for the first and the middle."""
    counts = lambda dtype: np.reshape(_counts(n, dtype), (-1, *[1] * (x.ndim - axis - 1)))
    if transform == "irfft":
        half = fft_p.bind(ct, transform="rfft", n=n, axis=axis, norm=SWAPPED[norm])
        found = conj_p.bind(half) * counts(_dtype("irfft", x.dtype))
    elif transform == "rfft":  # of which the real part is that of half a spectrum
        half = conj_p.bind(ct) / counts(real_dtype(dtype_of(ct)))
        found = fft_p.bind(half, transform="irfft", n=n, axis=axis, norm=SWAPPED[norm])
    else:
        found = fft_p.bind(ct, transform=transform, n=n, axis=axis, norm=norm)
    return convert_to(of_length(found, axis, x.shape[axis]), x.dtype)


def _counts(n: int, dtype: Any) -> Any:
    counts = np.full(n // 2 + 1, 2, dtype)
    counts[0 :: n // 2 if n % 2 == 0 else n] = 1
    return counts


def of_length(x: Any, axis: int, length: int) -> Any:
    """Cut off or filled up with zeros."""
    shape = shape_of(x)
    part = (*((0, n, 1) for n in shape[:axis]), (0, min(length, shape[axis]), 1))
    if length < shape[axis]:
        return slice_p.bind(x, index=part)
    if length == shape[axis]:
        return x
    return embed_p.bind(x, indices=(part,), shape=(*shape[:axis], length, *shape[axis + 1 :]))


fft_p = Primitive("fft", Linear(_transform, _transpose, abstract=_abstract), trusted=True, makes_new=True)
fft_p.def_batch(batch_along_axis(fft_p))
