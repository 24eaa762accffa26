"""NumPy's functions that change the shape or the order of axes, and the methods of arrays that do."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import broadcast_shapes, check_class, dtype_of, shape_of, typeof
from covector.core.tracer import Tracer, register_method, view_of
from covector.numpy.registry import as_array, canonical_axes, canonical_axis, implements
from covector.primitives.arrays.shaping import Shape, broadcast_to_p, broadcasts_to, reshape_to, transpose_p
from covector.primitives.arrays.subscripts import concrete

# --- static answers ---------------------------------------------------------------------------------------------------


implements(np.shape)(lambda a: shape_of(as_array(a)))
implements(np.ndim)(lambda a: len(shape_of(as_array(a))))


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """``numpy.size``."""
    lengths = shape_of(as_array(a))
    return math.prod(lengths if axis is None else (lengths[i] for i in canonical_axes(axis, len(lengths), "size")))


# --- reshape ----------------------------------------------------------------------------------------------------------


@implements(np.reshape)
def reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    """``numpy.reshape``; order "A" is that of the array behind a traced value, where it is known."""
    a = as_array(a)
    wanted = _full_shape(a, newshape if shape is None else shape)
    if order == "A":
        order = "F" if _in_memory(a, order, "reshape", is_fortran, False) else "C"
    if order == "F":
        return _reversed_axes(reshape_to(_reversed_axes(a), wanted[::-1]))
    if order != "C":
        raise ValueError(f"order must be one of 'C', 'F', 'A' (got {order!r})")
    return reshape_to(a, wanted)


def is_fortran(a: Any) -> bool:
    """Whether order "A" is "F" for an array."""
    return bool(a.flags.f_contiguous and not a.flags.c_contiguous)


def axes_in_memory(a: Any) -> tuple[int, ...]:
    """The axes of an array in the order of the steps that they take in memory, as order "K" reads them."""
    strides = np.empty_like(a, order="K").strides  # without repetition and gaps
    return tuple(sorted(range(a.ndim), key=lambda i: -strides[i]))


def _in_memory(a: Any, order: str, function: str, question: Callable[[Any], Any], otherwise: Any) -> Any:
    """An answer that depends on how an array lies in memory; ``otherwise`` where all layouts mean the same.

    Raises:
        UnsupportedFunctionError: the layout is not known.
    """
    if sum(n > 1 for n in a.shape) < 2 or 0 in a.shape:
        return otherwise
    value = concrete(a)
    if value is None or 0 in value.strides:
        raise errors.UnsupportedFunctionError(
            f"numpy.{function} was called with order={order!r} on a traced value of type {typeof(a)}.",
            why="what it returns depends on the order of the elements in memory, which is not known while tracing"
            if value is None
            else "what it returns depends on the order of the elements in memory, where repeated ones have none",
            fix="name the order: order='C' (the last axis first), or 'F'",
        )
    return question(value)


def _full_shape(a: Any, shape: Any) -> Shape:
    """A shape with the length written as -1 worked out."""
    lengths = [operator.index(n) for n in (shape if issubclass(type(shape), Sequence | np.ndarray) else (shape,))]
    unknown = [i for i, n in enumerate(lengths) if n < 0]
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
    others = math.prod(n for n in lengths if n >= 0)
    if unknown and others:
        lengths[unknown[0]] = a.size // others
    if math.prod(lengths) != a.size or (unknown and not others):
        raise ValueError(f"cannot reshape array of size {a.size} into shape {tuple(shape) if np.ndim(shape) else (shape,)}")
    return tuple(lengths)


def _reversed_axes(a: Any) -> Any:
    return transpose_p.bind(a, permutation=tuple(range(a.ndim))[::-1]) if a.ndim > 1 else a


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """``numpy.ravel``; orders "A" and "K" are those of the array behind a traced value, where it is known."""
    a = as_array(a)
    if order == "K":
        a, order = permuted(a, _in_memory(a, order, "ravel", axes_in_memory, range(a.ndim))), "C"
    return reshape(a, -1, order) if a.size else reshape(a, 0)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """``numpy.squeeze``."""
    a = as_array(a)
    lengths = a.shape
    axes = [i for i, n in enumerate(lengths) if n == 1] if axis is None else canonical_axes(axis, a.ndim, "squeeze")
    if any(lengths[i] != 1 for i in axes):
        raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape_to(a, tuple(n for i, n in enumerate(lengths) if i not in axes))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """``numpy.expand_dims``."""
    a = as_array(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    new = canonical_axes(axes, a.ndim + len(axes), "expand_dims")
    lengths = iter(a.shape)
    return reshape_to(a, tuple(1 if i in new else next(lengths) for i in range(a.ndim + len(axes))))


def _at_least(function: Callable[..., Any], promote: Callable[[Any], Any]) -> None:
    """A function of several arrays: one result for one argument, a tuple for any other number."""

    @implements(function)
    def handler(*arys: Any) -> Any:
        results = tuple(promote(as_array(a)) for a in arys)
        return results[0] if len(results) == 1 else results


def _cube(a: Any) -> Any:
    padded = {0: (1, 1, 1), 1: (1, *a.shape, 1), 2: (*a.shape, 1)}
    return reshape_to(a, padded.get(a.ndim, a.shape))


_at_least(np.atleast_1d, lambda a: a if a.ndim else reshape_to(a, (1,)))
_at_least(np.atleast_2d, lambda a: reshape_to(a, (1,) * (2 - a.ndim) + a.shape))
_at_least(np.atleast_3d, _cube)


# --- the order of axes ------------------------------------------------------------------------------------------------


def permuted(a: Any, permutation: Sequence[int]) -> Any:
    """An array with its axes in another order; itself where the order is the same."""
    permutation = tuple(permutation)
    return a if permutation == tuple(range(len(permutation))) else transpose_p.bind(a, permutation=permutation)


@implements(np.transpose)
def transpose(a: Any, axes: Any = None) -> Any:
    """``numpy.transpose``."""
    a = as_array(a)
    if axes is None:
        return _reversed_axes(a)
    axes = (axes,) if isinstance(axes, (int, np.integer)) else tuple(axes)
    if len(axes) != a.ndim:
        raise ValueError("axes don't match array")
    order = [canonical_axis(i, a.ndim, "transpose") for i in axes]
    if len(set(order)) != len(order):
        raise ValueError("repeated axis in transpose")
    return permuted(a, order)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """``numpy.swapaxes``."""
    a = as_array(a)
    i, j = canonical_axis(axis1, a.ndim, "swapaxes"), canonical_axis(axis2, a.ndim, "swapaxes")
    order = list(range(a.ndim))
    order[i], order[j] = j, i
    return permuted(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """``numpy.moveaxis``."""
    a = as_array(a)
    sources = _distinct_axes(source, a.ndim, "source")
    destinations = _distinct_axes(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [i for i in range(a.ndim) if i not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return permuted(a, order)


def _distinct_axes(axes: Any, ndim: int, name: str) -> list[int]:
    found = [canonical_axis(i, ndim, "moveaxis") for i in (axes if issubclass(type(axes), Sequence | np.ndarray) else (axes,))]
    if len(set(found)) != len(found):
        raise ValueError(f"repeated axis in `{name}` argument")
    return found


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """``numpy.rollaxis``."""
    a = as_array(a)
    axis = canonical_axis(axis, a.ndim, "rollaxis")
    start = operator.index(start)
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError(f"'start' arg requires {-a.ndim} <= start < {a.ndim + 1}, but {start} was passed in")
    start = start + a.ndim if start < 0 else start
    order = [i for i in range(a.ndim) if i != axis]
    order.insert(start - (axis < start), axis)
    return permuted(a, order)


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """``numpy.matrix_transpose``."""
    x = as_array(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


# --- broadcasting -----------------------------------------------------------------------------------------------------


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """``numpy.broadcast_to``."""
    array = as_array(array)
    wanted = tuple(map(operator.index, shape)) if issubclass(type(shape), Sequence | np.ndarray) else (operator.index(shape),)
    if array.shape == wanted:
        return array
    if not broadcasts_to(array.shape, wanted):
        raise ValueError(f"an array of shape {array.shape} cannot be broadcast to shape {wanted}")
    return broadcast_to_p.bind(array, shape=wanted)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """``numpy.broadcast_arrays``."""
    arrays = [as_array(a) for a in args]
    common = broadcast_shapes(*(a.shape for a in arrays)) if arrays else ()
    return tuple(broadcast_to(a, common) for a in arrays)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """``numpy.meshgrid``."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    order = list(range(len(xi)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    grids = tuple(reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, order, strict=True))
    return grids if sparse else broadcast_arrays(*grids)


# --- copies: the same value as another object (see `Tracer.duplicate`) --------------------------------------------------


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """``numpy.copy``."""
    return as_array(a)


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """``numpy.ascontiguousarray``, which dispatches on ``like=`` alone; here it takes tracers."""
    return np.atleast_1d(require(a, dtype, "C"))


@implements(np.asfortranarray)
def asfortranarray(a: Any, dtype: Any = None) -> Any:
    """``numpy.asfortranarray``, which dispatches on ``like=`` alone; here it takes tracers."""
    return require(a, dtype, "F")


@implements(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    """``numpy.require``, which dispatches on ``like=`` alone; here it takes tracers, which meet all requirements."""
    if not isinstance(a, Tracer):
        return np.require(a, dtype, requirements)
    a = as_array(a)
    return a if dtype is None or np.dtype(dtype) == dtype_of(a) else np.astype(a, dtype)


# --- methods ----------------------------------------------------------------------------------------------------------


def _shape_arguments(shape: tuple[Any, ...]) -> Any:
    """The shape given to a method either as one argument or as one for each axis."""
    return shape[0] if len(shape) == 1 else shape


def _reshape_method(self: Any, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""
    return view_of(self, reshape(self, _shape_arguments(shape), order))


def _transpose_method(self: Any, *axes: Any) -> Any:
    """``x.transpose()``, ``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""
    return view_of(self, transpose(self, _shape_arguments(axes) if axes else None))


def _flatten_method(self: Any, order: str = "C") -> Any:
    """``x.flatten()``, which is a copy."""
    out = ravel(self, order)
    return out.duplicate() if out is self else out


def _copy_method(self: Any, order: str = "C") -> Any:
    """``x.copy()``: the same value under a name of its own, or in another order in memory if that is known."""
    value = self.concrete()
    if value is None or np.ndim(value) < 2 or order == "K":
        return self.duplicate()
    if order == "F" or (order == "A" and is_fortran(value)):
        return self.duplicate() if value.flags.f_contiguous else transpose(_copy_method(transpose(self)))
    return self.duplicate() if value.flags.c_contiguous else reshape_to(reshape_to(self, (self.size,)), self.shape)


def _view_method(self: Any, dtype: Any = None, type: Any = None) -> Any:
    """The value once more; its bits cannot be read as another dtype."""
    for kind in (dtype, type):
        if inspect.isclass(kind):  # a subclass of ndarray makes a view of what it takes for an array
            check_class(kind)
    is_same = dtype is None or dtype is np.ndarray or np.dtype(dtype) == dtype_of(self)
    if is_same and (type is None or type is np.ndarray):
        return view_of(self, self.duplicate())
    raise errors.UnsupportedFunctionError(
        f"x.view({getattr(dtype or type, '__name__', dtype)}) of a traced value of type {typeof(self)} was asked for.",
        why="a traced value has no memory whose bits could be read in another way",
        fix="x.astype(dtype) converts the values",
    )


class Flat:
    """What ``x.flat`` is of a traced value: its elements, to be read."""

    __slots__ = ("_elements", "base")

    def __init__(self, base: Any):
        self.base = base
        self._elements = np.ravel(base)

    def __getitem__(self, index: Any) -> Any:
        return self._elements[index]

    def __len__(self) -> int:
        return len(self._elements)

    def __iter__(self) -> Any:
        return iter(self._elements)

    def copy(self) -> Any:
        return self._elements.copy()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise errors.TracerArrayConversionError(
            f"x.flat of a traced value of type {typeof(self.base)} was to become a NumPy array.",
            why="it is an iterator, of which NumPy does not ask what its functions mean",
            fix="np.ravel(x) has the same elements in the same order",
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        _write_flat(self.base, value)


def _write_flat(self: Any, value: Any) -> None:
    raise errors.InPlaceWriteError(
        f"x.flat[...] = v writes in place into a traced value of type {typeof(self)}.",
        why="traced values are immutable",
        fix="x = covector.at(np.ravel(x))[index].set(v).reshape(x.shape)",
    )


IN_PLACE_METHODS = {
    "sort": "x = np.sort(x)",
    "partition": "x = np.partition(x, kth)",
    "fill": "x = np.ones_like(x) * value",
    "put": "x = covector.at(np.ravel(x))[indices].set(values).reshape(x.shape)",
    "resize": "x = np.resize(x, shape)",
    "itemset": "x = covector.at(x)[index].set(value)",
    "setflags": "leave it out: traced values are never written to",
    "byteswap": "leave it out: traced values have no bytes",
}
"""Methods of arrays that write in place, and what to write instead."""


def _in_place_method(name: str, fix: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise errors.InPlaceWriteError(
            f"x.{name}(...) changes a traced value of type {typeof(self)} in place.",
            why="traced values are immutable: other values may have been computed from them",
            fix=fix,
        )

    method.__name__ = name
    method.__doc__ = "Refused: it would change the value in place."
    return method


def _clip_method(self: Any, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
    """``numpy.clip`` of this value, which the method calls with one bound, too."""
    return np.clip(self, min, max, out, **options)


def _compress_method(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """``numpy.compress`` of this value."""
    return np.compress(condition, self, axis, out)


_METHODS: dict[str, Any] = {
    "clip": _clip_method,
    "compress": _compress_method,
    "reshape": _reshape_method,
    "transpose": _transpose_method,
    "flatten": _flatten_method,
    "copy": _copy_method,
    "__copy__": _copy_method,
    "__deepcopy__": lambda self, memo: self.duplicate(),
    "view": _view_method,
    "T": property(lambda self: view_of(self, transpose(self)), doc="The value with its axes in reverse order."),
    "mT": property(lambda self: view_of(self, matrix_transpose(self)), doc="The value with its last two axes exchanged."),
    "flat": property(Flat, _write_flat),
} | {name: _in_place_method(name, fix) for name, fix in IN_PLACE_METHODS.items()}

for _name, _method in _METHODS.items():
    register_method(_name, _method)
