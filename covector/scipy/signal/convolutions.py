"""Convolutions and correlations of `scipy.signal`.

>>> import numpy as np
>>> convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
array([1., 3., 2.])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, canonical_axes
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.windows import windows_p
from covector.primitives.math.contraction import contract
from covector.primitives.math.trigonometric_transforms import computed_in
from covector.scipy.traced import on_tracers

MODES = ("full", "valid", "same")


def _operands(in1: Any, in2: Any, mode: str, function: str) -> tuple[Any, Any]:
    if mode not in MODES:
        raise ValueError(f"{function} got mode={mode!r}: give 'full', 'valid' or 'same'")
    a, b = as_array(in1), as_array(in2)
    if len(shape_of(a)) != len(shape_of(b)):
        raise ValueError(f"{function} needs arrays with as many axes, got {typeof(a)} and {typeof(b)}")
    return a, b


def _larger_first(a: Any, b: Any, axes: Any, mode: str) -> tuple[Any, Any, bool]:
    """The arrays, in mode "valid" the larger one along these axes before the other, and whether they changed places."""
    fits = [shape_of(a)[i] >= shape_of(b)[i] for i in axes if shape_of(a)[i] != shape_of(b)[i]]
    if mode != "valid" or all(fits):
        return a, b, False
    if any(fits):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    return b, a, True


def _cut(full: Any, a: tuple[int, ...], b: tuple[int, ...], axes: Any, mode: str) -> Any:
    """What a mode keeps of the full convolution of arrays of these shapes along these axes."""
    sizes = list(a if mode == "same" else shape_of(full))
    for axis in axes if mode == "valid" else ():
        sizes[axis] = a[axis] - b[axis] + 1
    starts = [(n - size) // 2 for n, size in zip(shape_of(full), sizes, strict=True)]
    return full[tuple(slice(i, i + size) for i, size in zip(starts, sizes, strict=True))]


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
    if not shape_of(a):
        return a * b
    if not typeof(a).size or not typeof(b).size:
        return np.zeros(0)  # in any mode, as SciPy has it
    axes = canonical_axes(axes, len(shape_of(a)), "fftconvolve")
    axes = [i for i in axes if shape_of(a)[i] != 1 and shape_of(b)[i] != 1]  # others are products, of the arrays' own dtype
    if any(m != n and 1 not in (m, n) for i, (m, n) in enumerate(zip(shape_of(a), shape_of(b), strict=True)) if i not in axes):
        raise ValueError(f"incompatible shapes for in1 and in2: {shape_of(a)} and {shape_of(b)}")
    a, b, _ = _larger_first(a, b, axes, mode)
    full = _through_frequencies(a, b, axes) if axes else a * b
    return _cut(full, shape_of(a), shape_of(b), axes, mode)


def _through_frequencies(a: Any, b: Any, axes: list[int]) -> Any:
    """The full convolution along axes, in the precision of SciPy's transforms."""
    shape = [shape_of(a)[i] + shape_of(b)[i] - 1 for i in axes]
    sizes = [scipy.fft.next_fast_len(n, True) for n in shape]
    is_complex = "c" in (typeof(a).dtype.kind, typeof(b).dtype.kind)
    forward, backward = (np.fft.fftn, np.fft.ifftn) if is_complex else (np.fft.rfftn, np.fft.irfftn)
    a, b = (convert_to(x, computed_in(typeof(x).dtype)) for x in (a, b))
    full = backward(forward(a, sizes, axes) * forward(b, sizes, axes), sizes, axes)
    index: list[Any] = [slice(None)] * len(shape_of(a))
    for axis, n in zip(axes, shape, strict=True):
        index[axis] = slice(n)
    return full[tuple(index)]


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
    if not shape_of(a):
        return a * b
    vectors, axes, dtype = len(shape_of(a)) == 1, range(len(shape_of(a))), np.result_type(typeof(a).dtype, typeof(b).dtype)
    if not typeof(a).size or not typeof(b).size:
        if method == "fft":
            return np.zeros(0)
        if mode == "same" and vectors and typeof(b).size:
            return np.zeros(0, dtype)
        raise ValueError(f"a convolution of {typeof(a)} and {typeof(b)} has no elements: neither array may be empty")
    exact = typeof(a).dtype.kind in "biu" and typeof(b).dtype.kind in "biu"
    a, b, _ = _larger_first(a, b, axes, mode)
    if vectors and (method == "direct" or exact or (method == "auto" and min(shape_of(a)[0], shape_of(b)[0]) < 100)):
        full = np.convolve(a, b)
    elif method == "direct" or exact:
        full = _direct(a, b)
    else:
        full = np.astype(fftconvolve(a, b), dtype)
    return _cut(full, shape_of(a), shape_of(b), axes, mode)


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
    return convolve(a, np.flip(np.conj(b) if typeof(b).dtype.kind == "c" else b), mode, method)


# --- in two dimensions ------------------------------------------------------------------------------------------------

BOUNDARIES = {"fill": "constant", "pad": "constant", "wrap": "wrap", "circular": "wrap", "symm": "symmetric"}
BOUNDARIES["symmetric"] = "symmetric"
"""What lies beyond the ends, by SciPy's names and by those of `numpy.pad`."""


def _planes(in1: Any, in2: Any, mode: str, boundary: str, function: str) -> tuple[Any, Any, bool]:
    """Two matrices, of which the first is the larger one in mode "valid", and whether they changed places."""
    a, b = _operands(in1, in2, mode, function)
    if len(shape_of(a)) != 2:
        raise ValueError(f"{function} inputs must both be 2-D arrays")
    if boundary not in BOUNDARIES:
        raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm').")
    return _larger_first(a, b, (0, 1), mode)


def _over_planes(a: Any, kernel: Any, mode: str, boundary: str, fillvalue: Any, later: int) -> Any:
    """The sums of products of a kernel with the parts of a matrix that it lies on, wherever it overlaps with it.

    Of a kernel of even length mode "same" begins ``later``, by 0 or 1.
    """
    dtype = np.result_type(typeof(a).dtype, typeof(kernel).dtype)
    rule, borders = BOUNDARIES[boundary], [(k - 1, k - 1) for k in shape_of(kernel)]
    options = {"constant_values": np.astype(as_array(fillvalue), dtype)} if rule == "constant" else {}
    wide = np.pad(np.astype(a, dtype), borders, rule, **options)  # type: ignore[call-overload]
    windows = windows_p.bind(wide, lengths=shape_of(kernel), strides=(1, 1), dilations=(1, 1))
    out = contract(windows, np.astype(kernel, dtype), "abij,ij->ab", "convolve2d")
    if mode == "same":
        starts = [(k - 1 + later) // 2 for k in shape_of(kernel)]
        return out[tuple(slice(i, i + n) for i, n in zip(starts, shape_of(a), strict=True))]
    return _cut(out, shape_of(a), shape_of(kernel), (0, 1), mode)


@on_tracers(_scipy.convolve2d)
def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The convolution of two matrices.

    Args:
        in1: a matrix.
        in2: another.
        mode: "full", "valid" or "same", as for `fftconvolve`.
        boundary: what lies beyond the ends of ``in1``: "fill", "wrap" or "symm".
        fillvalue: the value there for "fill".

    Example:
        >>> convolve2d(np.array([[1, 2], [3, 4]]), np.array([[1, 1]]), boundary="wrap", mode="same")
        array([[3, 3],
               [7, 7]])
    """
    a, b, _ = _planes(in1, in2, mode, boundary, "convolve2d")
    return _over_planes(a, np.flip(b), mode, boundary, fillvalue, 0)


@on_tracers(_scipy.correlate2d)
def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The correlation of two matrices, of which the second is conjugated.

    Args:
        in1, in2, mode, boundary, fillvalue: as for `convolve2d`.

    Example:
        >>> correlate2d(np.array([[1, 2], [3, 4]]), np.array([[1, 0]]), mode="valid")
        array([[1],
               [3]])
    """
    a, b, swapped = _planes(in1, in2, mode, boundary, "correlate2d")
    out = _over_planes(a, np.conj(b), mode, boundary, fillvalue, 1)
    return np.flip(out) if swapped else out
