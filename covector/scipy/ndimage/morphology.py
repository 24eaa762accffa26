"""Grey morphology of `scipy.ndimage`: what is left of an image where a shape fits below it, or what it covers above it.

>>> grey_opening(np.array([0.0, 3.0, 0.0, 2.0, 2.0, 2.0]), 3)
array([0., 0., 0., 2., 2., 2.])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array
from covector.scipy.ndimage import arguments as given
from covector.scipy.ndimage.order_filters import extreme
from covector.scipy.traced import on_tracers, refuse_memory


def _shape(size: Any, footprint: Any, structure: Any) -> tuple[Any, Any]:
    """The size and the footprint: where there is a structure, all of it unless a footprint is given."""
    if size is None and footprint is None and structure is None:
        raise ValueError("size, footprint, or structure must be specified")
    if structure is None:
        return size, footprint
    return None, np.ones(shape_of(structure), bool) if footprint is None else footprint


@on_tracers(_scipy.grey_erosion)
def grey_erosion(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The least of the elements around each, less the heights of a structure.

    Args:
        size, footprint: as for `minimum_filter`.
        structure: heights, of the shape of the neighbourhood, which may be traced too; the others as for `minimum_filter`.

    Raises:
        ValueError: none of size, footprint and structure is given.

    Example:
        >>> grey_erosion(np.array([3.0, 1.0, 2.0, 4.0]), structure=np.array([0.5, 0.0, 0.5]))
        array([0.5, 1. , 0.5, 1.5])
    """
    size, footprint = _shape(size, footprint, structure)
    return extreme(input, size, footprint, output, mode, cval, origin, axes, "minimum_filter", structure)


@on_tracers(_scipy.grey_dilation)
def grey_dilation(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The largest of the elements around each, with the heights of a structure that is turned around.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> grey_dilation(np.array([3.0, 1.0, 2.0, 4.0]), structure=np.array([0.5, 0.0, 0.5]))
        array([3.5, 3.5, 4.5, 4.5])
    """
    size, footprint = _shape(size, footprint, structure)
    chosen = given.axes_of(axes, len(shape_of(as_array(input))))
    structure = None if structure is None else np.flip(as_array(structure))
    footprint = None if footprint is None else np.flip(np.asarray(footprint))
    lengths = given.for_each_axis(size, len(chosen)) if footprint is None else footprint.shape
    origins = [-o - (k % 2 == 0) for o, k in zip(given.for_each_axis(origin, len(chosen)), lengths, strict=True)]
    return extreme(input, size, footprint, output, mode, cval, origins, axes, "maximum_filter", structure)


@on_tracers(_scipy.grey_opening)
def grey_opening(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`grey_erosion`, and then `grey_dilation`: peaks that are narrower than the shape are gone.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> grey_opening(np.array([0.0, 3.0, 0.0, 2.0, 2.0, 2.0]), 3)
        array([0., 0., 0., 2., 2., 2.])
    """
    less = grey_erosion(input, size, footprint, structure, None, mode, cval, origin, axes=axes)
    return grey_dilation(less, size, footprint, structure, output, mode, cval, origin, axes=axes)


@on_tracers(_scipy.grey_closing)
def grey_closing(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`grey_dilation`, and then `grey_erosion`: valleys that are narrower than the shape are filled.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> grey_closing(np.array([3.0, 0.0, 3.0, 2.0]), 3)
        array([3., 3., 3., 3.])
    """
    more = grey_dilation(input, size, footprint, structure, None, mode, cval, origin, axes=axes)
    return grey_erosion(more, size, footprint, structure, output, mode, cval, origin, axes=axes)


@on_tracers(_scipy.morphological_gradient)
def morphological_gradient(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`grey_dilation` less `grey_erosion`.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> morphological_gradient(np.array([0.0, 0.0, 3.0, 3.0]), 3)
        array([0., 3., 3., 0.])
    """
    _check_output(output, "morphological_gradient")
    more = grey_dilation(input, size, footprint, structure, None, mode, cval, origin, axes=axes)
    return more - grey_erosion(input, size, footprint, structure, None, mode, cval, origin, axes=axes)


@on_tracers(_scipy.morphological_laplace)
def morphological_laplace(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`grey_dilation` and `grey_erosion`, less the image twice.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> morphological_laplace(np.array([0.0, 0.0, 3.0, 3.0]), 3)
        array([ 0.,  3., -3.,  0.])
    """
    _check_output(output, "morphological_laplace")
    x = as_array(input)
    more, less = (f(x, size, footprint, structure, None, mode, cval, origin, axes=axes) for f in (grey_dilation, grey_erosion))
    return more + less - x - x


@on_tracers(_scipy.white_tophat)
def white_tophat(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """The image less `grey_opening`: peaks that are narrower than the shape.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> white_tophat(np.array([0.0, 3.0, 0.0, 2.0, 2.0]), 3)
        array([0., 3., 0., 0., 0.])
    """
    opened = grey_opening(input, size, footprint, structure, output, mode, cval, origin, axes=axes)
    return _difference(as_array(input), opened, opened)


@on_tracers(_scipy.black_tophat)
def black_tophat(
    input: Any,
    size: Any = None,
    footprint: Any = None,
    structure: Any = None,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`grey_closing` less the image: valleys that are narrower than the shape.

    Args:
        size, footprint, structure: as for `grey_erosion`; the others as for `minimum_filter`.

    Example:
        >>> black_tophat(np.array([3.0, 0.0, 3.0, 3.0]), 3)
        array([0., 3., 0., 0.])
    """
    closed = grey_closing(input, size, footprint, structure, output, mode, cval, origin, axes=axes)
    return _difference(closed, as_array(input), closed)


def _difference(x: Any, y: Any, like: Any) -> Any:
    """The difference of two images, of booleans where they differ, in the dtype of one of them."""
    if typeof(x).dtype.kind == typeof(y).dtype.kind == "b":
        return x ^ y
    return np.astype(x - y, typeof(like).dtype)


def _check_output(output: Any, name: str) -> None:
    """These two functions take the dtype of the image, whatever dtype they are given, as SciPy's do."""
    if output is not None and not isinstance(output, (type, np.dtype, str)):
        refuse_memory(f"scipy.ndimage.{name}", "output")
