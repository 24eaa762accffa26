"""Interpolation of `scipy.ndimage`: the spline through the elements of an array, at other places.

>>> import numpy as np
>>> from covector import grad
>>> grad(lambda s: shift(np.array([0.0, 1.0, 2.0, 3.0]), s, order=1)[2])(0.5)
np.float64(-1.0)

Results are linear in the array and in ``cval``, and differentiable in coordinates, shifts, matrices and angles; of splines of
order 1 the derivative at an element is that of the interval which begins there.  At the ends of the array there may be kinks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.ndimage as _scipy
from scipy.special import cosdg, sindg

from covector.core.avals import shape_of, typeof
from covector.core.errors import describe
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, canonical_axis, floating, known_array
from covector.scipy.checks import double, nan_unless_refused
from covector.scipy.ndimage import arguments as given
from covector.scipy.ndimage import sampling
from covector.scipy.traced import on_tracers

# --- coefficients -----------------------------------------------------------------------------------------------------


@on_tracers(_scipy.spline_filter1d)
def spline_filter1d(input: Any, order: int = 3, axis: int = -1, output: Any = np.float64, mode: str = "mirror") -> Any:
    """The coefficients of the spline through the elements along an axis.

    Args:
        input: an array.
        order: from 0 to 5; of 0 and 1 the coefficients are the elements.
        axis: along which axis.
        output: the dtype of the result.
        mode: how the axis goes on beyond its ends, as for `map_coordinates`.

    Raises:
        RuntimeError: an order that is not supported, or an unknown mode.
        InPlaceWriteError: an array as ``output``, with traced values.

    Example:
        >>> spline_filter1d(np.array([0.0, 6.0, 0.0])).round(6)
        array([-6., 12., -6.])
    """
    sampling.check_order(order)
    x = given.array(input)
    dtype = given.output_dtype(output, typeof(x).dtype, typeof(x).dtype.kind == "c", "scipy.ndimage.spline_filter1d")
    if order > 1 and typeof(x).size:
        given.check_mode(mode)
        axis = canonical_axis(axis, len(shape_of(x)), "spline_filter1d")
        x = sampling.spline_coefficients(double(x), order, axis, mode)
    return given.truncated(x, dtype)


@on_tracers(_scipy.spline_filter)
def spline_filter(input: Any, order: int = 3, output: Any = np.float64, mode: str = "mirror") -> Any:
    """`spline_filter1d` along all axes, for orders from 2 to 5.

    Example:
        >>> spline_filter(np.array([[0.0, 6.0, 0.0]])).round(6)
        array([[-6., 12., -6.]])
    """
    sampling.check_order(order, 2)
    x = given.array(input)
    dtype = given.output_dtype(output, typeof(x).dtype, typeof(x).dtype.kind == "c", "scipy.ndimage.spline_filter")
    for axis in range(len(shape_of(x))):
        x = spline_filter1d(x, order, axis, dtype, mode)
    return given.truncated(x, dtype)


# --- at given points --------------------------------------------------------------------------------------------------


class _Call:
    """What the functions have in common: the array, its coefficients and the dtype of the result."""

    def __init__(self, x: Any, name: str, output: Any, order: int, mode: str, cval: Any, prefilter: bool, axes: Any = None):
        sampling.check_order(order)
        self.x = x = given.array(x)
        self.shape = shape_of(x)
        if not self.shape:
            raise RuntimeError("input and output rank must be > 0")
        is_complex = typeof(x).dtype.kind == "c"
        self.dtype = given.output_dtype(output, typeof(x).dtype, is_complex, f"scipy.ndimage.{name}")
        self.spline = sampling.coefficients(x, order, mode, cval, prefilter, axes)

    def at(self, xs: list[Any]) -> Any:
        points = [x + self.spline.before for x in xs]
        return sampling.delivered(sampling.at_points(self.spline, points, self.dtype.kind not in "fc"), self.dtype)

    def along(self, xs: list[Any]) -> Any:
        """At the points of a grid, of which there are coordinates along each axis."""
        if self.dtype.kind not in "fc":
            return self.at([np.reshape(x, (-1, *[1] * (len(xs) - 1 - axis))) for axis, x in enumerate(xs)])
        spline = self.spline
        for axis, x in enumerate(xs):
            spline = spline._replace(values=sampling.along_axis(spline, x + spline.before, axis))
        return sampling.delivered(spline.values, self.dtype)


@on_tracers(_scipy.map_coordinates)
def map_coordinates(
    input: Any,
    coordinates: Any,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    """The spline through the elements of an array, at points between them.

    Args:
        input: an array of n axes.
        coordinates: ``f[n, ...]``, for each axis the coordinates of the points.
        output: the dtype of the result, by default that of ``input``.
        order: of the spline, from 0 to 5.
        mode: how the array goes on: "constant", "grid-constant", "nearest", "mirror", "reflect", "wrap" or "grid-wrap".
        cval: the value beyond the ends for the first two of these.
        prefilter: whether ``input`` are values; else they are coefficients, as of `spline_filter`.

    Raises:
        RuntimeError: an order or a mode that is not supported, or coordinates for another number of axes.
        TypeError: complex coordinates.

    Example:
        >>> map_coordinates(np.array([0.0, 1.0, 4.0, 9.0]), np.array([[0.5, 2.5]]), order=1)
        array([0.5, 6.5])
    """
    sampling.check_order(order)
    coordinates = as_array(coordinates)
    if typeof(coordinates).dtype.kind == "c":
        raise TypeError("Complex type not supported")
    if len(shape_of(coordinates)) < 2:
        raise RuntimeError("input and output rank must be > 0")
    if shape_of(coordinates)[0] != len(shape_of(as_array(input))):
        raise RuntimeError("invalid shape for coordinate array")
    points = np.astype(coordinates, np.float64)
    call = _Call(input, "map_coordinates", output, order, mode, cval, prefilter)
    return call.at([points[k] for k in range(len(call.shape))])


@on_tracers(_scipy.geometric_transform)
def geometric_transform(
    input: Any,
    mapping: Callable[..., Any],
    output_shape: Any = None,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
    extra_arguments: Any = (),
    extra_keywords: Any = None,
) -> Any:
    """The spline through the elements of an array, at points that a function makes of the places of the result.

    Args:
        mapping: a function of a tuple of integers, which returns a tuple of coordinates; it is called for each place.
        output_shape: the shape of the result, by default that of ``input``.
        extra_arguments, extra_keywords: what ``mapping`` gets besides; the others as for `map_coordinates`.

    Example:
        >>> geometric_transform(np.array([0.0, 1.0, 4.0]), lambda place: (place[0] / 2,), order=1)
        array([0. , 0.5, 1. ])
    """
    call = _Call(input, "geometric_transform", output, order, mode, cval, prefilter)
    shape = call.shape if output_shape is None else tuple(output_shape)
    rows = [mapping(place, *extra_arguments, **(extra_keywords or {})) for place in np.ndindex(shape)]
    columns = [np.reshape(np.stack([np.astype(as_array(v), np.float64) for v in c]), shape) for c in zip(*rows, strict=True)]
    return call.at(columns)


# --- affine maps ------------------------------------------------------------------------------------------------------


def _positions(shape: tuple[int, ...], matrix: Any, offset: Any) -> list[Any]:
    """``matrix @ place + offset`` for the places of an array of this shape: an array for each row."""
    grids = np.ogrid[tuple(slice(0.0, n) for n in shape)]
    rows = range(shape_of(matrix)[0])
    return [sum((g * matrix[i, j] for j, g in enumerate(grids)), offset[i]) for i in rows]


FAR = 2.0**53


def _is_far(*steps: Any) -> bool:
    """Whether SciPy, which reads elements along each axis on its own, looks for them beyond all memory: it dies then."""
    return not all(np.all(np.abs(np.asarray(s, np.float64)) < FAR) for s in steps)


def _is_far_by_diagonal(_: Any, matrix: Any, offset: Any = 0.0, *__: Any, **___: Any) -> bool:
    return np.ndim(matrix) == 1 and _is_far(matrix, offset)


@on_tracers(_scipy.affine_transform, unless=_is_far_by_diagonal)
def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Any = None,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    """The spline through the elements of an array of n axes, at ``matrix @ place + offset`` for each place of the result.

    Args:
        matrix: ``f[n, m]``, or its diagonal ``f[n]``, or with the offset ``f[n, n+1]`` or, homogeneous, ``f[n+1, n+1]``.
        offset: for all axes, or one for each.
        output_shape: the shape of the result, of m axes, by default that of ``input``; the others as for `map_coordinates`.

    Raises:
        RuntimeError: a matrix or an offset that does not fit.
        ValueError: a last row of a homogeneous matrix other than ``0 ... 0 1``.

    Example:
        >>> affine_transform(np.array([0.0, 1.0, 4.0, 9.0]), np.array([0.5]), 1.0, order=1)
        array([1. , 2.5, 4. , 6.5])
    """
    call = _Call(input, "affine_transform", output, order, mode, cval, prefilter)
    n, shape = len(call.shape), call.shape if output_shape is None else tuple(output_shape)
    matrix = np.astype(floating(matrix), np.float64)
    size = shape_of(matrix)
    if len(size) not in (1, 2) or size[0] < 1:
        raise RuntimeError("no proper affine matrix provided")
    if len(size) == 2 and size[1] == n + 1 and size[0] in (n, n + 1):
        if size[0] == n + 1:
            last = [0.0] * n + [1.0]
            text = f"affine_transform got a homogeneous matrix whose bottom row was not equal to {last}"
            found = affine_transform(input, matrix[:n], offset, output_shape, output, order, mode, cval, prefilter)
            return nan_unless_refused(np.any(matrix[n] != last), found, text)
        offset, matrix = matrix[:n, n], matrix[:n, :n]
    if shape_of(matrix)[0] != n:
        raise RuntimeError("affine matrix has wrong number of rows")
    if len(size) == 2 and shape_of(matrix)[1] != len(shape):
        raise RuntimeError("affine matrix has wrong number of columns")
    offset = np.stack([np.astype(as_array(o), np.float64) for o in given.for_each_axis(offset, n)])
    if len(shape_of(offset)) != 1:
        raise RuntimeError("no proper offset provided")
    if len(size) == 2:
        return call.at(_positions(shape, matrix, offset))
    starts = offset / matrix
    return call.along([(np.arange(float(m)) + starts[i]) * matrix[i] for i, m in enumerate(shape)])


@on_tracers(_scipy.shift, unless=lambda _, shift, *__, **___: _is_far(shift))
def shift(
    input: Any,
    shift: Any,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    """An array moved along its axes, by parts of a step too.

    Args:
        shift: by how many steps to the end, along all axes or along each; the others as for `map_coordinates`.

    Example:
        >>> shift(np.array([0.0, 1.0, 4.0, 9.0]), 0.5, order=1)
        array([0. , 0.5, 2.5, 6.5])
    """
    call = _Call(input, "shift", output, order, mode, cval, prefilter)
    by = [np.astype(floating(s), np.float64) for s in given.for_each_axis(shift, len(call.shape))]
    return call.along([np.arange(float(n)) + -s for n, s in zip(call.shape, by, strict=True)])


@on_tracers(_scipy.zoom)
def zoom(
    input: Any,
    zoom: Any,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
    *,
    grid_mode: bool = False,
) -> Any:
    """An array with more or fewer elements along its axes.

    Args:
        zoom: how many times as many, along all axes or along each; its value has to be known.
        grid_mode: whether elements are intervals, rather than points of which the first and the last stay where they are; the
            others as for `map_coordinates`.

    Example:
        >>> zoom(np.array([0.0, 1.0, 4.0]), 5 / 3, order=1)
        array([0. , 0.5, 1. , 2.5, 4. ])
    """
    shape = shape_of(as_array(input))
    factors = [float(known_array(z, _zoom)) for z in given.for_each_axis(zoom, len(shape))]
    sizes = tuple(round(n * z) for n, z in zip(shape, factors, strict=True))
    if shape and all(z == 1 for z in factors) and prefilter:
        sampling.check_order(order)
        x = given.array(input)
        return np.astype(x, given.output_dtype(output, typeof(x).dtype, typeof(x).dtype.kind == "c", "scipy.ndimage.zoom"))
    call = _Call(input, "zoom", output, order, mode, cval, prefilter)
    if grid_mode and typeof(call.x).dtype.kind == "c":
        what = f"scipy.ndimage.zoom got grid_mode=True for {typeof(call.x)}."
        raise ValueError(describe(what, why="SciPy leaves it out of account for complex numbers", fix=FIX_OF_COMPLEX))
    if grid_mode and mode in ("constant", "wrap"):
        warnings.warn(f"It is recommended to use mode = grid-{mode} instead of {mode} when grid_mode is True.", stacklevel=3)
    less = 0 if grid_mode else 1
    steps = [(n - less) / (m - less) if m != less else 1.0 for n, m in zip(shape, sizes, strict=True)]
    half = 0.5 if grid_mode else 0.0
    return call.along([(np.arange(float(m)) + half) * s - half for m, s in zip(sizes, steps, strict=True)])


_zoom = zoom


@on_tracers(_scipy.rotate)
def rotate(
    input: Any,
    angle: Any,
    axes: Any = (1, 0),
    reshape: bool = True,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    """An array turned in the plane of two axes.

    Args:
        angle: in degrees.
        axes: the two axes.
        reshape: whether the result has room for the whole array, for which the value of the angle has to be known; else it has
            the shape of ``input``.  The others are as for `map_coordinates`.

    Example:
        >>> rotate(np.array([[1.0, 2.0], [3.0, 4.0]]), 90, order=1)
        array([[2., 4.],
               [1., 3.]])
    """
    x = given.array(input)
    ndim = len(shape_of(x))
    if ndim < 2:
        raise ValueError("input array should be at least 2D")
    if len(axes := list(axes)) != 2:
        raise ValueError("axes should contain exactly two values")
    if not all(float(a).is_integer() for a in axes):
        raise ValueError("axes should contain only integer values")
    if not all(-ndim <= a < ndim for a in axes):
        raise ValueError("invalid rotation plane specified")
    plane = sorted(int(a) % ndim for a in axes)
    inside = np.array([shape_of(x)[a] for a in plane])
    size = _size_of_turned(inside, angle) if reshape else inside
    c, s = cosdg(as_array(angle)), sindg(as_array(angle))
    matrix = np.stack([np.stack([c, s]), np.stack([-s, c])])
    offset = (inside - 1) / 2 - matrix @ ((size - 1) / 2)
    call = _Call(np.moveaxis(x, plane, (-2, -1)), "rotate", output, order, mode, cval, prefilter, 2)
    return np.moveaxis(call.at(_positions(tuple(int(n) for n in size), matrix, offset)), (-2, -1), plane)


FIX_OF_COMPLEX = "zoom np.real(x) and np.imag(x)"


def _size_of_turned(size: Any, angle: Any) -> Any:
    fix = "give reshape=False, and the result has the shape of the input"
    angle = known_array(angle, rotate, fix) if isinstance(angle, TracerBase) else angle
    c, s = cosdg(angle), sindg(angle)
    y, x = size
    corners = np.array([[c, s], [-s, c]]) @ [[0, 0, y, y], [0, x, 0, x]]
    return (np.ptp(corners, axis=1) + 0.5).astype(int)
