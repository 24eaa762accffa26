"""Filters of `scipy.ndimage` that are linear, and those made of them.

>>> import numpy as np
>>> from covector import grad
>>> grad(lambda x: gaussian_filter1d(x, 1.0, radius=1)[0])(np.zeros(3)).round(3)
array([0.726, 0.274, 0.   ])

An axis goes on beyond its ends as the mode says, and is correlated with the weights, which may be traced too.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import scipy.ndimage as _scipy

from covector.core.avals import dtype_of, shape_of, typeof
from covector.numpy.registry import as_array, canonical_axis, contains_tracer, known_array
from covector.primitives.arrays.windows import windows_p
from covector.primitives.math.contraction import contract, correlate_p
from covector.scipy.checks import double
from covector.scipy.ndimage import arguments as given
from covector.scipy.traced import on_tracers

# --- sums of products -------------------------------------------------------------------------------------------------


def _along(x: Any, weights: Any, axis: int, is_exact: bool) -> Any:
    """The correlation along an axis wherever the weights lie within it."""
    if is_exact:
        return _in_order(x, weights, axis)
    return np.moveaxis(correlate_p.bind(np.moveaxis(x, axis, -1), weights), -1, axis)


def _in_order(x: Any, weights: Any, axis: int) -> Any:
    """The same, summed up in SciPy's order: of integers what is behind the point is lost, so that the last bit matters."""
    size = shape_of(weights)[0]
    n, last, middle = shape_of(x)[axis] - size + 1, size - 1, size // 2
    sign = _symmetry(weights)

    def part(k: int) -> Any:
        return x[(*[slice(None)] * axis, slice(k, k + n))]

    if not sign:
        return sum((part(k) * weights[k] for k in range(last)), part(last) * weights[last])
    pairs = (part(k) + sign * part(last - k) for k in range(middle))
    return sum((pair * weights[k] for k, pair in enumerate(pairs)), part(middle) * weights[middle])


def _symmetry(weights: Any) -> int:
    """1 for a vector of odd length that reads backwards as it does forwards, -1 for its negative, else 0."""
    if contains_tracer(weights) or len(weights) % 2 == 0:
        return 0
    half, turned = weights[: len(weights) // 2], weights[: len(weights) // 2 : -1]
    eps = np.finfo(np.float64).eps
    return next((sign for sign in (1, -1) if np.all(np.abs(half - sign * turned) <= eps)), 0)


def _everywhere(x: Any, weights: Any, is_exact: bool) -> Any:
    """The correlation over all axes wherever the weights lie within them."""
    lengths = shape_of(weights)
    if is_exact and not contains_tracer(weights):
        counts = [n - k + 1 for n, k in zip(shape_of(x), lengths, strict=True)]
        parts = (
            x[tuple(slice(i, i + n) for i, n in zip(place, counts, strict=True))] * weights[place]
            for place in np.ndindex(lengths)
            if abs(weights[place]) > np.finfo(np.float64).eps
        )
        return sum(parts, np.zeros(counts))
    ones = (1,) * len(lengths)
    windows = windows_p.bind(x, lengths=lengths, strides=ones, dilations=ones)
    out, within = "abcdefghijkl"[: len(lengths)], "mnopqrstuvwx"[: len(lengths)]
    return contract(windows, weights, f"{out}{within},{within}->{out}", "correlate")


def _weights(weights: Any) -> Any:
    weights = as_array(weights)
    return double(weights)


# --- along one axis ---------------------------------------------------------------------------------------------------


@on_tracers(_scipy.correlate1d)
def correlate1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Any:
    """The sums of products of weights with the elements around each, along an axis.

    Args:
        input: an array.
        weights: a vector, of which the conjugate is taken.
        axis: along which axis.
        output: the dtype of the result, by default that of ``input``.
        mode: how the axis goes on beyond its ends: "reflect", "mirror", "nearest", "wrap" or "constant".
        cval: the value there for "constant".
        origin: how far the weights are moved to the left.

    Raises:
        ValueError: an origin that is not within the weights.
        RuntimeError: an unknown mode, or no weights.
        InPlaceWriteError: an array as ``output``, with traced values.

    Example:
        >>> correlate1d(np.array([1.0, 2.0, 4.0]), [1.0, 1.0])
        array([2., 3., 6.])
    """
    return _correlated(input, weights, axis, output, mode, cval, origin, "correlate1d")


def _correlated(x: Any, weights: Any, axis: int, output: Any, mode: Any, cval: Any, origin: int, name: str) -> Any:
    x, weights = given.array(x), np.conj(_weights(weights))
    is_complex = "c" in (typeof(x).dtype.kind, typeof(weights).dtype.kind)
    dtype = given.output_dtype(output, typeof(x).dtype, is_complex, f"scipy.ndimage.{name}")
    if len(shape_of(weights)) != 1 or not shape_of(weights)[0]:
        raise RuntimeError("no filter weights given")
    axis, size = canonical_axis(axis, len(shape_of(x)), name), shape_of(weights)[0]
    text = "Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= (len(weights)-1) // 2"
    before = given.start_of(origin, size, text)
    return _filtered(x, weights, axis, dtype, (before, size - 1 - before), mode, cval)


def _filtered(x: Any, weights: Any, axis: int, dtype: Any, widths: tuple[int, int], mode: Any, cval: Any) -> Any:
    given.check_mode(mode)
    if not typeof(x).size:
        return np.zeros(shape_of(x), dtype)
    wide = double(x)
    wide = given.extended(wide, axis, *widths, mode, given.constant(cval, typeof(x).dtype.kind == "c"))
    return given.truncated(_along(wide, weights, axis, dtype.kind not in "fc"), dtype)


@on_tracers(_scipy.convolve1d)
def convolve1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Any:
    """`correlate1d` with the weights turned around, and not conjugated.

    Example:
        >>> convolve1d(np.array([1.0, 2.0, 4.0]), [1.0, 0.0, -1.0])
        array([1., 3., 2.])
    """
    weights = np.conj(as_array(weights)[::-1])
    return _correlated(input, weights, axis, output, mode, cval, -origin - (shape_of(weights)[0] % 2 == 0), "convolve1d")


@on_tracers(_scipy.uniform_filter1d)
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    """The mean of the ``size`` elements around each, along an axis.

    Args:
        size: how many; the others as for `correlate1d`.

    Example:
        >>> uniform_filter1d(np.array([0.0, 3.0, 6.0]), 3)
        array([1., 3., 5.])
    """
    x = given.array(input)
    axis = canonical_axis(axis, len(shape_of(x)), "uniform_filter1d")
    if size < 1:
        raise RuntimeError("incorrect filter size")
    is_complex = typeof(x).dtype.kind == "c"
    dtype = given.output_dtype(output, typeof(x).dtype, is_complex, "scipy.ndimage.uniform_filter1d")
    before = given.start_of(origin, size, "invalid origin")
    wide = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    sums = _filtered(x, np.ones(size), axis, np.promote_types(wide, np.float64), (before, size - 1 - before), mode, cval)
    return given.truncated(sums / size, dtype)


# --- derivatives of Gaussians -----------------------------------------------------------------------------------------


def _gaussian(sigma: Any, order: int, radius: int) -> Any:
    """A Gaussian of which the sum is 1 at the integers from ``-radius`` to ``radius``, or its derivative of an order there."""
    if order < 0:
        raise ValueError("order must be non-negative")
    variance = sigma * sigma
    x = np.arange(-radius, radius + 1)
    density = np.exp(-0.5 / variance * x**2)
    density = density / density.sum()
    if order == 0:
        return density
    factors = [1.0] + [0.0] * order  # the derivative is the density times a polynomial with these coefficients
    for _ in range(order):
        derivative = [(i + 1) * f for i, f in enumerate(factors[1:])] + [0.0]
        factors = [d + f * (1 / -variance) for d, f in zip(derivative, [0.0, *factors[:-1]], strict=True)]
    return (x[:, None] ** np.arange(order + 1.0)) @ np.stack([as_array(f) for f in factors]) * density


@on_tracers(_scipy.gaussian_filter1d)
def gaussian_filter1d(
    input: Any,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
) -> Any:
    """The convolution with a Gaussian, or with a derivative of it, along an axis.

    Args:
        sigma: the standard deviation, in elements; where its value is not known, as under `jit`, ``radius`` has to be given.
        order: which derivative.
        truncate: after how many standard deviations the Gaussian is cut off.
        radius: after how many elements instead; the others as for `correlate1d`.

    Example:
        >>> gaussian_filter1d(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 1.0).round(2)
        array([0.06, 0.24, 0.4 , 0.24, 0.06])
    """
    if radius is None:
        value = float(known_array(sigma, gaussian_filter1d, "give radius, how many elements the Gaussian reaches"))
        radius = int(truncate * value + 0.5)
    if not isinstance(radius, Integral) or radius < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    weights = _gaussian(sigma, order, int(radius))[::-1]
    return _correlated(input, weights, axis, output, mode, cval, 0, "gaussian_filter1d")


@on_tracers(_scipy.gaussian_filter)
def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    """`gaussian_filter1d` along each axis.

    Args:
        sigma, order, mode, radius: for all axes, or one for each; where ``sigma`` is not positive nothing is done.
        axes: along which axes, by default all; the others as for `gaussian_filter1d`.

    Example:
        >>> gaussian_filter(np.eye(3), 0.5).round(2)
        array([[0.81, 0.18, 0.01],
               [0.18, 0.64, 0.18],
               [0.01, 0.18, 0.81]])
    """
    x = given.array(input)
    dtype = given.dtype_throughout(output, x, "scipy.ndimage.gaussian_filter")
    axes = given.axes_of(axes, len(shape_of(x)))
    columns = [given.for_each_axis(v, len(axes)) for v in (sigma, order, mode, radius)]
    for axis, s, o, m, r in zip(axes, *columns, strict=True):
        if r is not None and not given.is_known(s):
            wide = s > 1e-15
            smooth = gaussian_filter1d(x, np.where(wide, s, 1.0), axis, o, dtype, m, cval, truncate, radius=r)
            x = np.where(wide, smooth, given.truncated(x, dtype))
        elif known_array(s, gaussian_filter, "give radius") > 1e-15:
            x = gaussian_filter1d(x, s, axis, o, dtype, m, cval, truncate, radius=r)
    return given.truncated(x, dtype)


# --- over all axes ----------------------------------------------------------------------------------------------------


@on_tracers(_scipy.correlate)
def correlate(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The sums of products of weights with the elements around each.

    Args:
        weights: an array of as many axes as are taken.
        origin: how far the weights are moved to the beginning, along all axes or for each.
        axes: along which axes, by default all; the others as for `correlate1d`.

    Example:
        >>> correlate(np.eye(2), np.ones((1, 2)))
        array([[2., 1.],
               [0., 1.]])
    """
    return _over_axes(input, np.conj(_weights(weights)), output, mode, cval, origin, False, axes)


@on_tracers(_scipy.convolve)
def convolve(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`correlate` with the weights turned around, and not conjugated.

    Example:
        >>> convolve(np.eye(2), np.array([[1.0, 2.0]]))
        array([[2., 0.],
               [1., 3.]])
    """
    return _over_axes(input, _weights(weights), output, mode, cval, origin, True, axes)


def _over_axes(x: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, is_convolution: bool, axes: Any) -> Any:
    x = given.array(x)
    is_complex = "c" in (typeof(x).dtype.kind, typeof(weights).dtype.kind)
    name, ndim = "convolve" if is_convolution else "correlate", len(shape_of(x))
    dtype = given.output_dtype(output, typeof(x).dtype, is_complex, f"scipy.ndimage.{name}")
    axes = given.axes_of(axes, ndim)
    rank = len(shape_of(weights))
    if rank != len(axes):
        raise RuntimeError(f"weights.ndim ({rank}) must match len(axes) ({len(axes)})")
    weights = given.in_all_axes(weights, axes, ndim)
    origins = given.spread(given.for_each_axis(origin, len(axes)), axes, ndim, 0)
    if is_convolution:
        weights = np.flip(weights)
        origins = [-o - (k % 2 == 0) for o, k in zip(origins, shape_of(weights), strict=True)]
    text = "Invalid origin; origin must satisfy -(weights.shape[k] // 2) <= origin[k] <= (weights.shape[k]-1) // 2"
    starts = [given.start_of(o, k, text) for o, k in zip(origins, shape_of(weights), strict=True)]
    if not isinstance(mode, str):
        raise RuntimeError("A sequence of modes is not supported")
    given.check_mode(mode)
    if not typeof(x).size:
        return np.zeros(shape_of(x), dtype)
    wide, beyond = double(x), given.constant(cval, typeof(x).dtype.kind == "c")
    for axis, (start, k) in enumerate(zip(starts, shape_of(weights), strict=True)):
        wide = given.extended(wide, axis, start, k - 1 - start, mode, beyond)
    return given.truncated(_everywhere(wide, weights, dtype.kind not in "fc"), dtype)


@on_tracers(_scipy.uniform_filter)
def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *, axes: Any = None
) -> Any:
    """`uniform_filter1d` along each axis.

    Args:
        size, mode, origin: for all axes, or one for each.
        axes: along which axes, by default all.

    Example:
        >>> uniform_filter(np.array([[0.0, 9.0, 0.0]]), (1, 3))
        array([[3., 3., 3.]])
    """
    x = given.array(input)
    dtype = given.output_dtype(output, typeof(x).dtype, typeof(x).dtype.kind == "c", "scipy.ndimage.uniform_filter")
    axes = given.axes_of(axes, len(shape_of(x)))
    columns = [given.for_each_axis(v, len(axes)) for v in (size, origin, mode)]
    for axis, n, o, m in zip(axes, *columns, strict=True):
        if n > 1:
            x = uniform_filter1d(x, int(n), axis, dtype, m, cval, o)
    return given.truncated(x, dtype)


# --- derivatives by differences ---------------------------------------------------------------------------------------


def _edges(input: Any, axis: int, output: Any, mode: Any, cval: Any, across: list[float], name: str) -> Any:
    """Differences along one axis, and sums along the others."""
    x = given.array(input)
    ndim = len(shape_of(x))
    axis = canonical_axis(axis, ndim, name)
    dtype = given.dtype_throughout(output, x, f"scipy.ndimage.{name}")
    modes = given.for_each_axis(mode, ndim)
    between = np.dtype(np.uint8) if dtype.kind == "b" else dtype  # SciPy's booleans hold other numbers than 0 and 1 meanwhile
    x = correlate1d(x, [-1, 0, 1], axis, between, modes[axis], cval, 0)
    for i in range(ndim):
        x = x if i == axis else correlate1d(x, across, i, between, modes[i], cval, 0)
    return given.truncated(x, dtype)


@on_tracers(_scipy.prewitt)
def prewitt(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    """Differences along an axis, of sums of three along the others.

    Example:
        >>> prewitt(np.array([[0.0, 1.0, 2.0]]))
        array([[3., 6., 3.]])
    """
    return _edges(input, axis, output, mode, cval, [1, 1, 1], "prewitt")


@on_tracers(_scipy.sobel)
def sobel(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    """Differences along an axis, of weighted sums of three along the others.

    Example:
        >>> sobel(np.array([[0.0, 1.0, 2.0]]))
        array([[4., 8., 4.]])
    """
    return _edges(input, axis, output, mode, cval, [1, 2, 1], "sobel")


Derivative = Callable[..., Any]


def _each_derivative(
    x: Any, derivative: Derivative, dtype: Any, mode: Any, cval: Any, arguments: Any, keywords: Any, axes: tuple[int, ...]
) -> list[Any]:
    modes = given.for_each_axis(mode, len(axes))
    found = [derivative(x, a, dtype, m, cval, *arguments, **(keywords or {})) for a, m in zip(axes, modes, strict=True)]
    return [given.truncated(d, dtype) for d in found]


@on_tracers(_scipy.generic_laplace)
def generic_laplace(
    input: Any,
    derivative2: Derivative,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    extra_arguments: Any = (),
    extra_keywords: Any = None,
    *,
    axes: Any = None,
) -> Any:
    """The sum of second derivatives along all axes.

    Args:
        derivative2: ``derivative2(input, axis, output, mode, cval, *extra_arguments, **extra_keywords)`` is one of them; for
            traced values ``output`` is a dtype, and what is returned counts.
        mode: for all axes, or one for each.
        axes: along which axes, by default all.

    Example:
        >>> generic_laplace(np.array([0.0, 1.0, 4.0]), lambda x, *rest: correlate1d(x, [1, -2, 1], *rest))
        array([ 1.,  2., -3.])
    """
    x = given.array(input)
    dtype = given.dtype_throughout(output, x, "scipy.ndimage.generic_laplace")
    axes = given.axes_of(axes, len(shape_of(x)))
    if not axes:
        return given.truncated(x, dtype)
    parts = _each_derivative(x, derivative2, dtype, mode, cval, extra_arguments, extra_keywords, axes)
    return sum(parts[1:], parts[0])


def _second_difference(x: Any, axis: int, output: Any, mode: Any, cval: Any) -> Any:
    return correlate1d(x, [1, -2, 1], axis, output, mode, cval, 0)


@on_tracers(_scipy.laplace)
def laplace(input: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None) -> Any:
    """The sum of second differences along all axes.

    Example:
        >>> laplace(np.array([0.0, 1.0, 4.0]))
        array([ 1.,  2., -3.])
    """
    return generic_laplace(input, _second_difference, output, mode, cval, axes=axes)


def _of_gaussian(order: int) -> Derivative:
    """The derivative of an order along an axis, of what a Gaussian has smoothed along all."""

    def derivative(x: Any, axis: int, output: Any, mode: Any, cval: Any, sigma: Any, **keywords: Any) -> Any:
        orders = [order if i == axis else 0 for i in range(len(shape_of(x)))]
        return gaussian_filter(x, sigma, orders, output, mode, cval, **keywords)

    return derivative


@on_tracers(_scipy.gaussian_laplace)
def gaussian_laplace(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None, **kwargs: Any
) -> Any:
    """The sum of the second derivatives along all axes of what a Gaussian has smoothed.

    Args:
        sigma: the standard deviation along all axes, or along each.
        kwargs: options of `gaussian_filter`.

    Example:
        >>> gaussian_laplace(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 1.0).round(2) + 0.0
        array([ 0.2,  0. , -0.4,  0. ,  0.2])
    """
    ndim = len(shape_of(as_array(input)))
    chosen = given.axes_of(axes, ndim)
    sigma = given.spread(given.for_each_axis(sigma, len(chosen)), chosen, ndim, 0)
    return generic_laplace(input, _of_gaussian(2), output, mode, cval, (sigma,), kwargs, axes=axes)


@on_tracers(_scipy.generic_gradient_magnitude)
def generic_gradient_magnitude(
    input: Any,
    derivative: Derivative,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    extra_arguments: Any = (),
    extra_keywords: Any = None,
    *,
    axes: Any = None,
) -> Any:
    """The root of the sum of squares of derivatives along all axes; where that is 0, its derivative is 0.

    Args:
        derivative: as ``derivative2`` of `generic_laplace`.
        mode, axes: as for `generic_laplace`.

    Example:
        >>> generic_gradient_magnitude(np.array([0.0, -1.0, -2.0]), sobel)
        array([1., 2., 1.])
    """
    x = given.array(input)
    dtype = given.dtype_throughout(output, x, "scipy.ndimage.generic_gradient_magnitude")
    axes = given.axes_of(axes, len(shape_of(x)))
    if not axes:
        return given.truncated(x, dtype)
    squares = [d * d for d in _each_derivative(x, derivative, dtype, mode, cval, extra_arguments, extra_keywords, axes)]
    total = sum(squares[1:], squares[0])
    none = total == 0
    root = np.sqrt(np.where(none, np.ones((), dtype), total))
    return np.astype(np.where(none, np.zeros((), dtype_of(root)), root), dtype)


@on_tracers(_scipy.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None, **kwargs: Any
) -> Any:
    """The length of the gradient of what a Gaussian has smoothed; where that is 0, its derivative is 0.

    Args:
        sigma, axes, kwargs: as for `gaussian_laplace`, but ``sigma`` is always for all axes.

    Example:
        >>> gaussian_gradient_magnitude(np.array([0.0, 0.0, 1.0, 1.0]), 1.0).round(2)
        array([0.11, 0.36, 0.36, 0.11])
    """
    return generic_gradient_magnitude(input, _of_gaussian(1), output, mode, cval, (sigma,), kwargs, axes=axes)
