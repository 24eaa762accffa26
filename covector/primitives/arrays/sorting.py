"""Sorting, and finding places in sorted arrays.

The derivative of `sort_p` moves the tangent with the permutation that sorts; permutations and places are integers, with zero
derivative.  Axes are non-negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, shape_of
from covector.core.kinds import AlongAxis, Discrete
from covector.core.primitive import Primitive
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.shaping import Dims, batch_all, move_batch_to_front

INTP = np.dtype(np.intp)


def along_axis(x: Any, indices: Any, axis: int) -> Any:
    """``np.take_along_axis`` for arrays of the same rank."""
    shape = shape_of(x)
    ndim = len(shape)
    places = [np.arange(n).reshape(n, *(1,) * (ndim - 1 - i)) for i, n in enumerate(shape)]
    places[axis] = indices
    return gather_p.bind(x, *places)


# --- sort -------------------------------------------------------------------------------------------------------------

sort_p = Primitive("sort", AlongAxis(lambda x, *, axis, kind: np.sort(x, axis, kind)), trusted=True, makes_new=True)


@sort_p.def_jvp
def _sort_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, kind: str) -> Any:
    (x,), (t,) = primals, tangents
    order = argsort_p.bind(x, axis=axis, kind="stable")
    return along_axis(x, order, axis), along_axis(t, order, axis)


# --- argsort and argpartition -----------------------------------------------------------------------------------------


def _order(name: str, fn: Callable[..., Any]) -> Primitive:
    return Primitive(name, AlongAxis(fn, dtype=lambda of_x: INTP), trusted=True, makes_new=True)


argsort_p = _order("argsort", lambda x, *, axis, kind: np.argsort(x, axis, kind))
argpartition_p = _order("argpartition", lambda x, *, kth, axis: np.argpartition(x, kth, axis))


# --- searchsorted -----------------------------------------------------------------------------------------------------


def _searchsorted(a: Any, v: Any, *, side: str, batch: int) -> Any:
    if not batch:
        return np.searchsorted(a, v, side)  # type: ignore[call-overload]
    out = np.empty(np.shape(v), np.intp)
    for i in np.ndindex(a.shape[:batch]):
        out[i] = np.searchsorted(a[i], v[i], side)  # type: ignore[call-overload]
    return out


searchsorted_p = Primitive("searchsorted", Discrete(_searchsorted), trusted=True, makes_new=True)
"""``searchsorted(a, v, side=..., batch=...)``: for each element of v its place in the sorted vector a.

The first ``batch`` axes of both enumerate vectors and the values to find in them.
"""


@searchsorted_p.def_abstract
def _searchsorted_abstract(a: ShapedArray, v: ShapedArray, *, side: str, batch: int) -> ShapedArray:
    if a.ndim != batch + 1 or a.shape[:batch] != v.shape[:batch]:
        raise ValueError(f"searchsorted needs a sorted vector for each of {batch} batch axes, got {a} and {v}")
    return array_aval(v.shape, INTP)


@searchsorted_p.def_batch
def _searchsorted_batch(size: int, args: Sequence[Any], dims: Dims, *, side: str, batch: int) -> Any:
    if dims[0] is None and batch == 0:
        _, v = move_batch_to_front(args, dims)
        return searchsorted_p.bind(args[0], v, side=side, batch=0), 0
    return searchsorted_p.bind(*batch_all(size, args, dims), side=side, batch=batch + 1), 0
