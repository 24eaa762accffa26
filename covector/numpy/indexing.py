"""NumPy's functions that read, select and write parts of arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from covector.core import errors
from covector.core.asked import call_of, fix_by_code
from covector.core.avals import dtype_of, shape_of
from covector.core.source import user_source
from covector.core.tracer import Tracer
from covector.numpy.elementwise import as_argument
from covector.numpy.registry import (
    array_and_axis,
    as_array,
    canonical_axis,
    cast,
    contains_tracer,
    held,
    implements,
    reject_out,
)
from covector.primitives.arrays.indexing import check_bounds, spread_p
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import convert_to, reshape_to
from covector.primitives.arrays.subscripts import concrete, concrete_mask, index, known

# --- reading by integer arrays ----------------------------------------------------------------------------------------


def part_along(a: Any, axis: int, part: Any) -> Any:
    """``a[..., part, ...]`` with the part at an axis."""
    return index(a, (*(slice(None),) * axis, part))


def in_int64(x: Any) -> Any:
    """Integers in int64, of which those beyond are the largest."""
    return np.astype(np.minimum(x, np.uint64(2**63 - 1)) if dtype_of(x) == np.uint64 else x, np.dtype(np.int64))


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """``numpy.take``, which itself dispatches on ``a`` alone; here the indices of a plain array may be traced.

    Under staging the mode "raise" raises when the program runs.
    """
    if not (contains_tracer(a) or contains_tracer(indices)):
        return np.take(a, indices, axis, out, mode)  # type: ignore[call-overload]
    if out is not None:
        reject_out(np.take)
    a, indices = as_array(a), as_array(indices)
    if not np.can_cast(dtype_of(indices), np.intp, "same_kind"):
        raise TypeError(f"np.take: cannot cast indices of {dtype_of(indices)!r} to integers according to the rule 'safe'")
    if dtype_of(indices).kind == "b":
        indices = convert_to(indices, np.dtype(np.intp))
    if axis is None or not a.ndim:
        a, axis = np.ravel(a), 0 if axis is None else axis
    axis = canonical_axis(axis, a.ndim, "take")
    return part_along(a, axis, _within(indices, a.shape[axis], mode))


def _within(indices: Any, n: int, mode: str) -> Any:
    """Indices for an axis of length ``n`` in one of NumPy's modes: "raise", "wrap" or "clip"."""
    if mode == "raise":
        return indices
    if mode == "wrap":
        return np.remainder(indices, n) if n else indices
    if mode == "clip":
        return np.minimum(np.maximum(indices, 0), n - 1)
    raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """``numpy.take_along_axis``."""
    arr, indices = as_array(arr), as_array(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = np.ravel(arr), 0
    axis = canonical_axis(axis, arr.ndim, "take_along_axis")
    if dtype_of(indices).kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if arr.ndim != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    places = [indices if i == axis else np.arange(n).reshape(n, *(1,) * (arr.ndim - 1 - i)) for i, n in enumerate(arr.shape)]
    return index(arr, tuple(places))


@implements(np.choose, out=2)
def choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    """``numpy.choose``."""
    a = as_array(a)
    given = [as_argument(c) for c in choices]
    dtype = np.result_type(*given)
    values = [convert_to(as_array(c), dtype) for c in given]
    shape = np.broadcast_shapes(shape_of(a), *map(shape_of, values))
    stacked = np.stack([np.broadcast_to(v, shape) for v in values])
    which = np.broadcast_to(_within(a, len(values), mode), shape)
    if (places := concrete(which)) is None:
        which = _checked(which, len(values)) if mode == "raise" else which
    elif places.size and not 0 <= places.min() <= places.max() < len(values):
        raise ValueError("invalid entry in choice array")
    return take_along_axis(stacked, which[None], 0)[0]


# --- diagonals and triangles ------------------------------------------------------------------------------------------


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """``numpy.diagonal``."""
    a = as_array(a)
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    axis1, axis2 = (canonical_axis(axis, a.ndim, "diagonal") for axis in (axis1, axis2))
    if axis1 == axis2:
        raise ValueError("axis1 and axis2 cannot be the same")
    offset = operator.index(offset)
    n = max(0, min(a.shape[axis1] - max(-offset, 0), a.shape[axis2] - max(offset, 0)))
    i = np.arange(n)
    a = np.moveaxis(a, (axis1, axis2), (-2, -1))
    return a[..., i + max(-offset, 0), i + max(offset, 0)]


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """``numpy.diag``."""
    v, k = as_array(v), operator.index(k)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = v.shape[0]
    i = np.arange(n)
    return spread_p.bind(v, i + max(-k, 0), i + max(k, 0), shape=(n + abs(k), n + abs(k)))


implements(np.diagflat)(lambda v, k=0: diag(np.ravel(as_array(v)), k))


@implements(np.trace, out=5)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None) -> Any:
    """``numpy.trace``."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Any:
    """``numpy.tril``."""
    m = as_array(m)
    return select_p.bind(np.tri(*m.shape[-2:], k=k, dtype=bool), m, np.zeros((), m.dtype))


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Any:
    """``numpy.triu``."""
    m = as_array(m)
    return select_p.bind(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), np.zeros((), m.dtype), m)


def _indices_from(function: Callable[..., Any], of_shape: Callable[..., Any]) -> None:
    """The indices of a triangle of a traced array, whose shape is known."""

    @implements(function)
    def handler(arr: Any, k: Any = 0) -> Any:
        if arr.ndim != 2:
            raise ValueError("input array must be 2-d")
        return of_shape(arr.shape[0], k, arr.shape[1])


_indices_from(np.tril_indices_from, np.tril_indices)
_indices_from(np.triu_indices_from, np.triu_indices)


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    """``numpy.diag_indices_from``: the shape of a traced array is known."""
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(arr.shape)) != 1:
        raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(arr.shape[0], arr.ndim)


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    """``numpy.ix_``."""
    out = []
    for axis, x in enumerate(as_array(a) for a in args):
        if x.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if x.dtype.kind == "b":
            x = concrete_mask(x).nonzero()[0]
        elif not x.size and not isinstance(x, Tracer):
            x = x.astype(np.intp)
        out.append(reshape_to(x, (1,) * axis + x.shape + (1,) * (len(args) - axis - 1)))
    return tuple(out)


# --- selecting by conditions ------------------------------------------------------------------------------------------


@implements(np.compress, out=3)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """``numpy.compress``; the condition must be known."""
    condition = np.asarray(concrete_mask(condition))
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, condition.nonzero()[0], axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """``numpy.extract``; the condition must be known."""
    return take(np.ravel(arr), np.ravel(np.asarray(concrete_mask(condition))).nonzero()[0])


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """``numpy.select``."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [as_array(c) for c in condlist]
    for i, c in enumerate(conditions):
        if c.dtype != np.bool_:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    *choices, out = values = [as_argument(v) for v in (*choicelist, default)]
    dtype = np.result_type(*values)
    out = convert_to(as_array(out), dtype)
    for c, choice in zip(reversed(conditions), reversed(choices), strict=True):
        out = select_p.bind(c, cast(as_array(choice), dtype, "same_kind"), out)
    return out


def _where_not_zero(function: Callable[..., Any]) -> None:
    """A function whose argument must be known (as it is under ``grad`` and ``jvp``)."""

    @implements(function)
    def handler(a: Any) -> Any:
        what, fix = "the number of nonzero elements", "keep the shape: np.where(a != 0, x, other)"
        return function(known(as_array(a), f"np.{function.__name__}", what, fix))


for _function in (np.nonzero, np.flatnonzero, np.argwhere):
    _where_not_zero(_function)


# --- positions --------------------------------------------------------------------------------------------------------


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """``numpy.unravel_index``; an index out of bounds is an ``IndexError`` when it is known, where NumPy has ``ValueError``."""
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    rest = as_array(indices)
    if rest.dtype.kind not in "iu":
        raise TypeError("only int indices permitted")
    rest = _checked(convert_to(rest, np.dtype(np.intp)), math.prod(shape))
    coordinates = []
    for n in reversed(shape) if order == "C" else shape:
        coordinates.append(np.remainder(rest, n))
        rest = np.floor_divide(rest, n)
    return tuple(coordinates[::-1] if order == "C" else coordinates)


def _checked(indices: Any, n: int) -> Any:
    """Indices that are to be at least 0 and below ``n``: zeros are taken from a vector of that length, which checks bounds."""
    if 0 in shape_of(indices):
        return indices
    zeros = np.broadcast_to(np.reshape(indices, -1)[:1] * 0, (n,))
    return indices + zeros[np.where(indices < 0, indices - n, indices)]


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """``numpy.ravel_multi_index``; with mode "raise" an index out of bounds is an ``IndexError`` when it is known."""
    dims = (dims,) if isinstance(dims, (int, np.integer)) else tuple(dims)
    modes = (mode,) * len(dims) if isinstance(mode, str) else mode
    places = [as_array(i) for i in multi_index]
    if len(places) != len(dims):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(dims)}")
    if any(i.dtype.kind not in "iu" for i in places):
        raise TypeError("only int indices permitted")
    steps = list(zip(places, dims, modes, strict=True))
    flat: Any = 0
    for i, n, m in steps if order == "C" else reversed(steps):
        place = _within(convert_to(i, np.dtype(np.intp)), n, m)
        flat = flat * n + (_checked(place, n) if m == "raise" else place)
    return flat


# --- writing in place ---------------------------------------------------------------------------------------------------

IN_PLACE: dict[Callable[..., Any], str] = {
    np.put_along_axis: "places = np.ix_(...); x = covector.at(x)[places].set(values)",
    np.place: "x = covector.at(x)[mask].set(values), or np.where(mask, value, x)",
    np.putmask: "x = np.where(mask, values, x)",
    np.copyto: "x = np.where(where, src, x); np.ones_like(x) * value instead of np.full_like(A, value)",
    np.fill_diagonal: "x = covector.at(x)[np.diag_indices_from(x)].set(value)",
    np.put: "x = covector.at(np.ravel(x))[indices].set(values).reshape(x.shape)",
}
"""Functions that write into their first argument, and what to write instead."""


def _refuse_in_place(function: Callable[..., Any], fix: str) -> None:
    @implements(function)
    def handler(*args: Any, **options: Any) -> NoReturn:
        raise _in_place(function, next(iter((*args, *options.values()))), fix)


for _function, _fix in IN_PLACE.items():
    _refuse_in_place(_function, _fix)


def _in_place(function: Callable[..., Any], target: Any, fix: str) -> errors.InPlaceWriteError:
    into = "into a traced value" if isinstance(target, Tracer) else "a traced value into an array"
    what = f"numpy.{function.__name__}"
    called = call_of(user_source())
    if called.rpartition(".")[2] not in ("", function.__name__):  # a function of NumPy that the user called uses this one
        what = called
        own = fix_by_code()
        first = f"make the first argument of {called} a traced value (a + 0 * x), for that is what NumPy goes by"
        fix = first if own is None else f"{own}; or {first}"
    return errors.InPlaceWriteError(
        f"{what} writes in place, {into}.",
        why="traced values are immutable, and an array in memory cannot hold one",
        fix=fix,
    )


# --- delete and insert ------------------------------------------------------------------------------------------------


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """``numpy.delete``; what to delete must be known."""
    arr, axis = array_and_axis(arr, axis, "delete")
    obj = obj if isinstance(obj, slice) else known(obj, "np.delete", "the places to delete")
    kept = np.delete(np.arange(arr.shape[axis]), obj)
    return take(arr, kept, axis)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """``numpy.insert``; where to insert must be known."""
    arr, axis = array_and_axis(arr, axis, "insert")
    n = arr.shape[axis]
    places = np.arange(*obj.indices(n)) if isinstance(obj, slice) else np.asarray(known(obj, "np.insert", "the places"))
    if places.dtype == np.bool_:
        if places.ndim != 1:
            raise ValueError("boolean array argument obj to insert must be one dimensional")
        places = places.nonzero()[0]
    if places.ndim > 1:
        raise ValueError("index array argument obj to insert must be one dimensional or scalar")
    if places.size == 0:
        places = places.astype(np.intp)
    check_bounds(places, n + 1, axis)
    if places.size and places.min() < -n:
        raise IndexError(f"index {obj} is out of bounds for axis {axis} with size {n}")
    places = np.where(places < 0, places + n, places)
    values = held(values, arr.dtype)
    values = reshape_to(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if places.ndim == 0:
        values = np.moveaxis(values, 0, axis)  # broadcast as in arr[:, i] = values, not as in arr[:, [i]] = values
    if places.size == 1:
        places = np.full(values.shape[axis], places.item())
    values = np.broadcast_to(values, (*arr.shape[:axis], len(places), *arr.shape[axis + 1 :]))
    # where each element of the result comes from in (arr, values)
    source = np.empty(n + len(places), np.intp)
    order = np.argsort(places, kind="stable")
    places[order] += np.arange(len(places))
    is_new = np.zeros(len(source), np.bool_)
    is_new[places] = True
    source[places] = np.arange(n, n + len(places))
    source[~is_new] = np.arange(n)
    return take(np.concatenate([arr, values], axis), source, axis)
