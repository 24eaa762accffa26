"""Filters of `scipy.signal`: recursive ones along an axis, forward and backward, and their states.

>>> import numpy as np
>>> from covector import grad
>>> grad(lambda a: lfilter([1.0], np.stack([1.0, a]), np.array([1.0, 0.0, 0.0]))[1])(-0.5)
np.float64(-1.0)

A filter with known coefficients is one linear operation; with traced ones it is a loop over the elements.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.signal as _scipy

from covector.core.avals import shape_of, typeof
from covector.lax.loops import scan
from covector.numpy.registry import as_array, canonical_axis, contains_tracer, inexact, known_array
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.math.linear_filter import linear_filter_p
from covector.scipy.checks import nan_unless_refused
from covector.scipy.signal.convolutions import convolve
from covector.scipy.traced import FROM_1_18, on_tracers

# --- along an axis, once ----------------------------------------------------------------------------------------------


def _coefficients(v: Any, name: str) -> Any:
    v = np.atleast_1d(as_array(v))
    if len(shape_of(v)) != 1 or not shape_of(v)[0]:
        raise ValueError(f"Parameter {name} is not a non-empty 1d array, since {name}.shape={shape_of(v)}!")
    return v


@on_tracers(_scipy.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis: ``a[0] y[n] = b[0] x[n] + b[1] x[n-1] + … - a[1] y[n-1] - …``.

    Args:
        b: coefficients of the numerator.
        a: coefficients of the denominator.
        x: an array.
        axis: along which axis.
        zi: the state in the beginning, of the length of the longer list less 1 along the axis; by default zeros.

    Returns:
        The filtered array; with ``zi`` a pair of it and the state in the end.  By the transposed direct form II.

    Example:
        >>> lfilter([1.0], [1.0, -0.5], np.array([1.0, 0.0, 0.0]))
        array([1.  , 0.5 , 0.25])
    """
    b, a, x = _coefficients(b, "b"), _coefficients(a, "a"), np.atleast_1d(as_array(x))
    if not contains_tracer(a) and a[0] == 0:
        raise ValueError("lfilter got a[0] == 0: leave out leading zeros")
    axis = canonical_axis(axis, len(shape_of(x)), "lfilter")
    order = max(shape_of(a)[0], shape_of(b)[0]) - 1
    parts = [b, a, x] if zi is None else [b, a, x, as_array(zi)]
    dtype = np.result_type(*(typeof(v).dtype for v in parts), np.float32)
    b, a, x = (np.astype(v, dtype) for v in (b, a, x))
    if contains_tracer((b, a)):
        return _by_steps(b, a, x, axis, zi, order, dtype)
    y = linear_filter_p.bind(x, b, a, axis=axis)
    if zi is None:
        return y
    n, state = shape_of(x)[axis], _state(zi, shape_of(x), axis, order, dtype)
    b, a = (np.pad(v, (0, order + 1 - len(v))) / a[0] for v in (b, a))
    start = np.moveaxis(np.pad(np.moveaxis(state, axis, -1), [(0, 0)] * (len(shape_of(x)) - 1) + [(0, n)]), -1, axis)
    # what is in the delay line comes out one after the other, and from then on goes around as any output does
    y = y + _first(linear_filter_p.bind(start, np.ones(1, dtype), a, axis=axis), n, axis)
    return y, _last_state(b, a, x, y, state, axis, order)


def _first(x: Any, n: int, axis: int) -> Any:
    return x[(*[slice(None)] * axis, slice(n))]


def _state(zi: Any, shape: tuple[int, ...], axis: int, order: int, dtype: Any) -> Any:
    zi, wanted = np.astype(as_array(zi), dtype), (*shape[:axis], order, *shape[axis + 1 :])
    found = shape_of(zi)
    if len(found) != len(wanted) or found[axis] != order or any(m not in (1, n) for m, n in zip(found, wanted, strict=True)):
        raise ValueError(f"Unexpected shape for parameter zi: expected {wanted}, found {found}.")
    return np.broadcast_to(zi, wanted)


def _last_state(b: Any, a: Any, x: Any, y: Any, state: Any, axis: int, order: int) -> Any:
    """The delay line in the end, which holds what the last inputs and outputs still contribute."""
    x, y, state = (np.moveaxis(v, axis, 0) for v in (x, y, state))
    n = shape_of(x)[0]
    rows = []
    for k in range(order):
        terms = [b[k + 1 + i] * x[n - 1 - i] - a[k + 1 + i] * y[n - 1 - i] for i in range(min(n, order - k))]
        if k + n < order:
            terms.append(state[k + n])
        rows.append(sum(terms[1:], terms[0]))
    return np.moveaxis(np.stack(rows), 0, axis) if rows else np.moveaxis(state, 0, axis)


def _by_steps(b: Any, a: Any, x: Any, axis: int, zi: Any, order: int, dtype: Any) -> Any:
    """The same for coefficients that are traced: a loop over the elements."""
    a, b = (np.pad(v, (0, order + 1 - shape_of(v)[0])) / a[0] for v in (a, b))
    steps = np.moveaxis(x, axis, 0)
    rows = shape_of(steps)[1:]
    state = np.zeros((order, *rows), dtype)
    if zi is not None:
        state = np.moveaxis(_state(zi, shape_of(x), axis, order, dtype), axis, 0)
    taps, feedback = (np.reshape(v[1:], (order, *[1] * len(rows))) for v in (b, a))
    none = np.zeros((1, *rows), dtype)

    def step(state: Any, x: Any) -> Any:
        y = b[0] * x + (state[0] if order else 0)
        y = np.astype(y, dtype)
        if not order:
            return state, y
        return np.astype(np.concatenate([state[1:], none]) + taps * x - feedback * y, dtype), y

    state, out = scan(step, state, steps)
    out = np.moveaxis(out, 0, axis)
    return out if zi is None else (out, np.moveaxis(state, 0, axis))


def sections(sos: Any) -> Any:
    sos = as_array(sos)
    if len(shape_of(sos)) != 2 or shape_of(sos)[1] != 6:
        raise ValueError(f"sos array must be shape (n_sections, 6), got {typeof(sos)}")
    return nan_unless_refused(np.any(sos[:, 3] != 1), sos, "sos[:, 3] should be all ones")


@on_tracers(_scipy.sosfilt)
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis by sections of second order, one after the other.

    Args:
        sos: coefficients ``f[n,6]``, three of the numerator and three of the denominator in each row.
        x: an array.
        axis: along which axis.
        zi: the states in the beginning, for each section two along the axis; by default zeros.

    Returns:
        The filtered array; with ``zi`` a pair of it and the states in the end.

    Example:
        >>> sosfilt(np.array([[1.0, 0, 0, 1, -0.5, 0]]), np.array([1.0, 0.0, 0.0]))
        array([1.  , 0.5 , 0.25])
    """
    sos, x = sections(sos), as_array(x)
    parts = [sos, x] if zi is None else [sos, x, as_array(zi)]
    dtype = np.result_type(*(typeof(v).dtype for v in parts))
    if dtype.kind not in "fc":
        raise NotImplementedError(f"input type '{dtype}' not supported")
    axis = canonical_axis(axis, len(shape_of(x)), "sosfilt")
    wanted = (shape_of(sos)[0], *shape_of(x)[:axis], 2, *shape_of(x)[axis + 1 :])
    if zi is not None and shape_of(zi := as_array(zi)) != wanted:
        raise ValueError(f"Invalid zi shape: sosfilt needs {wanted}, got {typeof(zi)}.")
    x, states = np.astype(x, dtype), []
    for i in range(shape_of(sos)[0]):
        x = lfilter(sos[i, :3], sos[i, 3:], x, axis, None if zi is None else zi[i])
        if zi is not None:
            x, state = x
            states.append(state)
    return x if zi is None else (x, np.stack(states))


# --- states -----------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.lfilter_zi)
def lfilter_zi(b: Any, a: Any) -> Any:
    """The state in which the answer of a filter to a constant 1 is constant.

    Args:
        b, a: as for `lfilter`; before SciPy 1.18 zeros in front of a are left out, but where their values are not known there
            must be none.

    Example:
        >>> lfilter_zi([1.0], [1.0, -0.5])
        array([1.])
    """
    b, a = _coefficients(b, "b"), _coefficients(a, "a")
    if (known := concrete(a)) is not None:
        if FROM_1_18 and known[0] == 0:
            raise ValueError("First coefficient of parameter `a` must be non-zero!")
        if not np.any(known):
            raise ValueError("There must be at least one nonzero `a` coefficient.")
        a = a[int(np.nonzero(known)[0][0]) :]
    n = max(shape_of(a)[0], shape_of(b)[0])
    b, a = (np.pad(v, (0, n - shape_of(v)[0])) / a[0] for v in (b, a))
    dtype = np.result_type(typeof(a).dtype, typeof(b).dtype)
    if n == 1:
        return np.zeros(0, dtype)
    companion = np.stack([np.astype(-a[1:], dtype), *np.eye(n - 2, n - 1, dtype=dtype)])
    return np.linalg.solve(np.eye(n - 1, dtype=dtype) - np.transpose(companion), b[1:] - a[1:] * b[0])


@on_tracers(_scipy.sosfilt_zi)
def sosfilt_zi(sos: Any) -> Any:
    """`lfilter_zi` of sections: ``f[n,2]``.

    Example:
        >>> sosfilt_zi(np.array([[1.0, 0, 0, 1, -0.5, 0]]))
        array([[1., 0.]])
    """
    sos = as_array(sos)
    if len(shape_of(sos)) != 2 or shape_of(sos)[1] != 6:
        raise ValueError("sos must be shape (n_sections, 6)")
    sos = inexact(sos)
    states, scale = [], np.ones((), typeof(sos).dtype)
    for i in range(shape_of(sos)[0]):
        b, a = sos[i, :3], sos[i, 3:]
        states.append(scale * lfilter_zi(b, a))
        scale = scale * np.sum(b) / np.sum(a)
    return np.astype(np.stack(states), typeof(sos).dtype)


# --- forward and backward ---------------------------------------------------------------------------------------------


def extended(x: Any, padtype: str | None, n: int) -> Any:
    """An array with n more elements at both ends of its last axis."""
    if not n or padtype is None:
        return x
    if n > shape_of(x)[-1] - 1 and padtype != "constant":
        raise ValueError(f"The extension length n ({n}) is too big: it must not exceed {shape_of(x)[-1] - 1}.")
    if padtype == "constant":
        ends = [np.broadcast_to(end, (*shape_of(x)[:-1], n)) for end in (x[..., :1], x[..., -1:])]
    else:
        ends = [x[..., n:0:-1], x[..., -2 : -(n + 2) : -1]]
        if padtype == "odd":
            ends = [2 * x[..., :1] - ends[0], 2 * x[..., -1:] - ends[1]]
    return np.concatenate([ends[0], x, ends[1]], axis=-1)


def _padded(x: Any, padtype: str | None, padlen: int | None, taps: int) -> tuple[Any, int]:
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(f"Unknown value '{padtype}' given to padtype. padtype must be 'even', 'odd', 'constant', or None.")
    n = 0 if padtype is None else taps * 3 if padlen is None else operator.index(padlen)
    if shape_of(x)[-1] <= n:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {n}.")
    return extended(x, padtype, n), n


def _there_and_back(run: Any, x: Any, n: int) -> Any:
    """``run(x, value that the past had)`` forward and backward along the last axis, less n elements at both ends."""
    y = run(x, x[..., :1])
    y = np.flip(run(np.flip(y, -1), y[..., -1:]), -1)
    return y[..., n:-n] if n > 0 else y


@on_tracers(_scipy.filtfilt)
def filtfilt(
    b: Any,
    a: Any,
    x: Any,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
    method: str = "pad",
    irlen: int | None = None,
) -> Any:
    """`lfilter` forward and then backward, which moves nothing.

    Args:
        b, a, x, axis: as for `lfilter`.
        padtype: how the array goes on at both ends: "odd", "even", "constant", or None.
        padlen: by how many elements, by default three times those of the longer list.
        method: "pad"; "gust" is not for traced values.
        irlen: for "gust".

    Example:
        >>> filtfilt([1.0], [1.0, -0.5], np.ones(8)).round(12)
        array([4., 4., 4., 4., 4., 4., 4., 4.])
    """
    if method != "pad":
        if method != "gust":
            raise ValueError("method must be 'pad' or 'gust'.")
        raise NotImplementedError("filtfilt of traced values got method='gust': use method='pad'")
    b, a = _coefficients(b, "b"), _coefficients(a, "a")
    axis = canonical_axis(axis, len(shape_of(x)), "filtfilt")
    wide, n = _padded(np.moveaxis(x, axis, -1), padtype, padlen, max(shape_of(a)[0], shape_of(b)[0]))
    zi = lfilter_zi(b, a)
    out = _there_and_back(lambda x, first: lfilter(b, a, x, zi=zi * first)[0], wide, n)
    return np.moveaxis(out, -1, axis)


@on_tracers(_scipy.sosfiltfilt)
def sosfiltfilt(sos: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None) -> Any:
    """`sosfilt` forward and then backward, which moves nothing.

    Args:
        sos, x, axis: as for `sosfilt`; which coefficients are zero has to be known, unless ``padlen`` is given.
        padtype, padlen: as for `filtfilt`.

    Example:
        >>> sosfiltfilt(np.array([[1.0, 0, 0, 1, -0.5, 0]]), np.ones(8)).round(12)
        array([4., 4., 4., 4., 4., 4., 4., 4.])
    """
    sos, x = sections(sos), as_array(x)
    taps = 0
    if padtype is not None and padlen is None:
        known = known_array(sos, sosfiltfilt, "give padlen")
        taps = 2 * len(known) + 1 - min(np.sum(known[:, 2] == 0), np.sum(known[:, 5] == 0))
    axis = canonical_axis(axis, len(shape_of(x)), "sosfiltfilt")
    wide, n = _padded(np.moveaxis(x, axis, -1), padtype, padlen, int(taps))
    zi = sosfilt_zi(sos)
    states = np.reshape(zi, (shape_of(zi)[0], *[1] * (len(shape_of(x)) - 1), 2))
    out = _there_and_back(lambda x, first: sosfilt(sos, x, zi=states * first)[0], wide, n)
    return np.moveaxis(out, -1, axis)


# --- others -----------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.deconvolve)
def deconvolve(signal: Any, divisor: Any) -> Any:
    """The quotient and the remainder of a division of polynomials: ``signal = convolve(divisor, quotient) + remainder``.

    Example:
        >>> deconvolve(np.array([1.0, 3.0, 2.5]), np.array([1.0, 1.0]))
        (array([1., 2.]), array([0. , 0. , 0.5]))
    """
    signal, divisor = _coefficients(signal, "signal"), _coefficients(divisor, "divisor")
    n, d = shape_of(signal)[0], shape_of(divisor)[0]
    if d > n:
        return [], signal
    impulse = np.zeros(n - d + 1)
    impulse[0] = 1
    quotient = lfilter(signal, divisor, impulse)
    return quotient, signal - convolve(divisor, quotient)


@on_tracers(_scipy.hilbert)
def hilbert(x: Any, N: Any = None, axis: int = -1) -> Any:
    """The analytic signal of a real one: the part of positive frequencies, twice.

    Example:
        >>> np.round(hilbert(np.array([1.0, 0.0, -1.0, 0.0])), 12)
        array([ 1.+0.j,  0.+1.j, -1.-0.j,  0.-1.j])
    """
    x = as_array(x)
    if typeof(x).dtype.kind == "c":
        raise ValueError("x must be real.")
    n = shape_of(x)[axis] if N is None else operator.index(N)
    if n <= 0:
        raise ValueError("N must be positive.")
    spectrum = np.fft.fft(x, n, axis)
    weights = _once_or_twice(n, spectrum, 1)
    ndim = len(shape_of(x))
    return np.fft.ifft(spectrum * np.reshape(weights, (-1, *[1] * (ndim - 1 - axis % ndim))), axis=axis)


def _once_or_twice(n: int, spectrum: Any, middle: int) -> Any:
    """1 for the frequency 0, 2 for positive ones, 0 for negative ones, ``middle`` for that in the middle of an even number."""
    weights = np.zeros(n, real_dtype(typeof(spectrum).dtype))
    weights[0] = 1
    weights[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        weights[n // 2] = middle
    return weights


@on_tracers(_scipy.hilbert2)
def hilbert2(x: Any, N: Any = None, axes: Any = (-2, -1)) -> Any:
    """The analytic signal of a real one in two dimensions: the part whose frequencies are positive along both axes.

    Args:
        x: an array.
        N: the lengths of the transforms, one or two.
        axes: along which two axes.

    Example:
        >>> hilbert2(np.eye(2)).shape
        (2, 2)
    """
    x = np.atleast_2d(as_array(x))
    if typeof(x).dtype.kind == "c":
        raise ValueError("x must be real.")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError("axes must be a tuple of length 2" if len(axes) != 2 else "axes must contain 2 distinct axes")
    lengths = [shape_of(x)[a] for a in axes] if N is None else [N, N] if isinstance(N, int) else list(N)
    if len(lengths) != 2 or min(lengths) <= 0:
        raise ValueError("When given as a tuple, N must hold exactly two positive integers; else N must be positive.")
    spectrum = np.moveaxis(np.fft.fft2(x, lengths, axes), axes, (-2, -1))
    rows, columns = (_once_or_twice(n, spectrum, 0) for n in lengths)
    return np.fft.ifft2(np.moveaxis(spectrum * rows[:, None] * columns, (-2, -1), axes), axes=axes)
