"""``numpy.fft`` on tracers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import shape_of
from covector.numpy.registry import as_array, canonical_axis, implements
from covector.primitives.math.fourier import SWAPPED, fft_p


def transformed(x: Any, transform: str, n: Any, axis: Any, norm: str | None) -> Any:
    """One of the four transforms along one axis; ``n`` is the number of its points, None for all."""
    axis = canonical_axis(axis, len(shape_of(x)), f"numpy.fft.{transform}")
    if n is None:
        n = shape_of(x)[axis] if transform != "irfft" else 2 * (shape_of(x)[axis] - 1)
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return fft_p.bind(x, transform=transform, n=n, axis=axis, norm=norm_of(norm))


def norm_of(norm: str | None) -> str:
    """The name of a norm; an error for what is none."""
    name = norm or "backward"
    if name not in SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return name


def along_one(x: Any, name: str, n: Any, axis: Any, norm: str | None) -> Any:
    """One of the six functions of `numpy.fft` that work along one axis."""
    if name == "hfft":
        return transformed(np.conjugate(x), "irfft", n, axis, SWAPPED[norm_of(norm)])
    if name == "ihfft":
        return np.conjugate(transformed(x, "rfft", n, axis, SWAPPED[norm_of(norm)]))
    return transformed(x, name, n, axis, norm)


def _along_one_axis(function: Callable[..., Any]) -> None:
    @implements(function, out=4)
    def handler(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
        return along_one(as_array(a), function.__name__, n, axis, norm)


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    _along_one_axis(getattr(np.fft, _name))


# --- along several axes -----------------------------------------------------------------------------------------------


def lengths_and_axes(x: Any, s: Any, axes: Any) -> tuple[list[Any], list[int]]:
    """The numbers of points (None for all) and the axes, as NumPy completes them."""
    ndim = len(shape_of(x))
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(ndim)
    axes = [operator.index(a) for a in axes]
    if s is None:
        s = [None] * len(axes)
    elif len(s) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    points = [shape_of(x)[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)]
    return points, axes


def _each(x: Any, transform: str, lengths: Sequence[Any], axes: Sequence[int], norm: str | None) -> Any:
    for n, axis in zip(lengths, axes, strict=True):
        x = transformed(x, transform, n, axis, norm)
    return x


TO_REAL = {"irfft": "ifft", "hfft": "fft"}
FROM_REAL = {"rfft": "fft", "ihfft": "ifft"}
"""For what goes to or from half a spectrum along the last axis: the transform along the others, before it or after it."""


def along_several(x: Any, name: str, lengths: Sequence[Any], axes: Sequence[int], norm: str | None) -> Any:
    """The function of `numpy.fft` or `scipy.fft` for several axes, by the name of that for one."""
    if name in TO_REAL:
        x = _each(x, TO_REAL[name], lengths[:-1], axes[:-1], norm)
        return along_one(x, name, lengths[-1], axes[-1], norm)
    if name in FROM_REAL:
        x = along_one(x, name, lengths[-1], axes[-1], norm)
        return _each(x, FROM_REAL[name], lengths[-2::-1], axes[-2::-1], norm)
    return _each(x, name, lengths[::-1], axes[::-1], norm)


def _along_axes(function: Callable[..., Any], default: Any) -> None:
    name = function.__name__.rstrip("n2")

    @implements(function, out=4)
    def handler(a: Any, s: Any = None, axes: Any = default, norm: str | None = None) -> Any:
        x = as_array(a)
        return along_several(x, name, *lengths_and_axes(x, s, axes), norm)


for _name in ("fft", "ifft", "rfft", "irfft"):
    _along_axes(getattr(np.fft, _name + "n"), None)
    _along_axes(getattr(np.fft, _name + "2"), (-2, -1))


# --- order ------------------------------------------------------------------------------------------------------------


def _shifted(x: Any, axes: Any, shift: Callable[[int], int]) -> Any:
    x = as_array(x)
    axes = range(len(shape_of(x))) if axes is None else [axes] if np.ndim(axes) == 0 else axes
    axes = [operator.index(a) for a in axes]
    return np.roll(x, [shift(shape_of(x)[a]) for a in axes], axes)


implements(np.fft.fftshift)(lambda x, axes=None: _shifted(x, axes, lambda n: n // 2))
implements(np.fft.ifftshift)(lambda x, axes=None: _shifted(x, axes, lambda n: -(n // 2)))
