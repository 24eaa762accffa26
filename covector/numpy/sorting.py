"""NumPy's functions that sort and that search in sorted arrays."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from covector.core.primitive import TracerBase
from covector.core.tracer import unsupported
from covector.numpy.indexing import take
from covector.numpy.joining import flip
from covector.numpy.registry import array_and_axis, as_array, canonical_axis, cast, implements
from covector.numpy.shapes import ravel
from covector.numpy.undetermined import zero_unless
from covector.primitives.arrays.shaping import convert_to, moveaxis, reshape_to
from covector.primitives.arrays.sorting import along_axis, argpartition_p, argsort_p, searchsorted_p, sort_p
from covector.primitives.arrays.subscripts import concrete, known

KINDS = {"q": "quicksort", "h": "heapsort", "m": "stable", "s": "stable"}
"""The kinds of sorting by their first letter, which is what NumPy goes by."""


def _sort_kind(kind: Any, stable: Any, order: Any, function: Any) -> str:
    if order is not None:
        raise unsupported(function, f"order={order!r} (arrays with fields cannot be traced)")
    if stable is not None and kind is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time. Use only one of them.")
    if kind is None:
        return "stable" if stable else "quicksort"
    if not isinstance(kind, str) or kind[:1].lower() not in KINDS:
        raise ValueError(f"sort kind must be one of 'quick', 'heap', or 'stable' (got {kind!r})")
    return KINDS[kind[0].lower()]


# --- sort -------------------------------------------------------------------------------------------------------------


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """``numpy.sort``; the derivative moves with the elements, and equal elements keep their order."""
    kind = _sort_kind(kind, stable, order, np.sort)
    a, axis = array_and_axis(a, axis, "sort")
    return sort_p.bind(a, axis=axis, kind=kind)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """``numpy.argsort``."""
    kind = _sort_kind(kind, stable, order, np.argsort)
    a = as_array(a)
    a, axis = array_and_axis(a if a.ndim else reshape_to(a, (1,)), axis, "argsort")  # NumPy's, too, has one axis then
    return argsort_p.bind(a, axis=axis, kind=kind)


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """``numpy.sort_complex``."""
    a = sort(a)
    if a.dtype.kind == "c":
        return a
    small = a.dtype.kind in "iu" and a.dtype.itemsize <= 2
    return convert_to(a, np.dtype(np.complex64) if small else np.result_type(a.dtype, np.complex64, np.complex128))


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """``numpy.argpartition``."""
    if order is not None:
        raise unsupported(np.argpartition, f"order={order!r}")
    if kind != "introselect":
        raise ValueError(f"select kind must be 'introselect' (got {kind!r})")
    a, axis = array_and_axis(np.atleast_1d(a), axis, "argpartition")
    places = np.atleast_1d(known(kth, "np.argpartition", "kth"))
    if places.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    n = a.shape[axis]
    if any(not -n <= k < n for k in places) and a.size:
        raise ValueError(f"kth(={kth}) out of bounds ({n})")
    return argpartition_p.bind(a, kth=tuple(int(k) % max(n, 1) for k in places), axis=axis)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """``numpy.partition``; the order within the parts, which NumPy leaves open, is that of `argpartition`."""
    a, axis = array_and_axis(a, axis, "partition")
    order_of_parts = argpartition(a, kth, axis, kind, order)
    return along_axis(a, order_of_parts, axis)


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """``numpy.lexsort``: by the last key, then the one before it, and so on."""
    arrays = [as_array(k) for k in keys]
    if not arrays:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    if any(k.shape != arrays[0].shape for k in arrays):
        raise ValueError("all keys need to be the same shape")
    if arrays[0].ndim == 0:
        return np.intp(0)
    axis = canonical_axis(axis, arrays[0].ndim, "lexsort")
    order = argsort_p.bind(arrays[0], axis=axis, kind="stable")
    for key in arrays[1:]:
        again = argsort_p.bind(along_axis(key, order, axis), axis=axis, kind="stable")
        order = along_axis(order, again, axis)
    return order


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **options: Any,
) -> Any:
    """``numpy.unique``, of an array whose values are known (as they are under ``grad`` and ``jvp``)."""
    a = as_array(ar)
    values = known(a, "np.unique", "the number of distinct elements", "compute it outside, or use np.sort")
    _, first, *rest = np.unique(values, True, return_inverse, return_counts, axis, **options)
    found = take(ravel(a) if axis is None else a, first, 0 if axis is None else axis)
    results = (found, *((first,) if return_index else ()), *rest)
    return results if len(results) > 1 else found


# --- search -----------------------------------------------------------------------------------------------------------


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """``numpy.searchsorted``."""
    a, v = as_array(a), as_array(v)
    if a.ndim != 1:
        raise ValueError("object too deep for desired array" if a.ndim else "object of too small depth for desired array")
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})")
    if sorter is not None:
        sorter = as_array(sorter)
        a = take(a, sorter if concrete(sorter) is not None else sorter + zero_unless(sorter < 0))
    return searchsorted_p.bind(a, v, side=side, batch=0)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """``numpy.digitize``; bins that do not keep to one direction are an ``IndexError`` if that is not known before."""
    x, bins = as_array(x), as_array(bins)
    if x.dtype.kind == "c":
        raise TypeError("x may not be complex")
    values = concrete(cast(bins, np.float64))
    side = "left" if right else "right"
    if values is None and bins.ndim == 1 and bins.shape[0] > 1:
        falls = bins[0] > bins[-1]
        wrong = np.logical_not(np.all(np.where(falls, bins[1:] <= bins[:-1], bins[1:] >= bins[:-1])))
        falling, rising = bins.shape[0] - searchsorted(flip(bins), x, side), searchsorted(bins, x, side)
        return np.where(falls, falling, rising) + zero_unless(wrong)
    if values is not None and np.digitize(-np.inf, values, right=True):  # which it is to the right of all that fall
        return bins.shape[0] - searchsorted(flip(bins), x, side)
    return searchsorted(bins, x, side)


# --- medians and quantiles --------------------------------------------------------------------------------------------


def first_axis(a: Any, axis: Any, function: str) -> tuple[Any, tuple[int, ...]]:
    """An array with the given axes (None: all) made into one, in front, and the shape of a result that keeps those axes."""
    a = as_array(a)
    given = range(a.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [canonical_axis(operator.index(i), a.ndim, function) for i in given]
    if len(set(axes)) != len(axes):
        raise ValueError("repeated axis")
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    if len(axes) == 1:
        return moveaxis(a, axes[0], 0), kept
    rest = [i for i in range(a.ndim) if i not in axes]
    a = np.transpose(a, (*axes, *rest))
    return reshape_to(a, (math.prod(a.shape[: len(axes)]), *a.shape[len(axes) :])), kept


def or_nan(out: Any, last: Any) -> Any:
    """A result, or NaN where the last of the sorted elements is NaN."""
    if last.dtype.kind not in "fc":
        return out
    is_nan = np.isnan(last)
    if not isinstance(is_nan, TracerBase) and not np.any(is_nan):
        return out
    return np.where(is_nan, convert_to(last, out.dtype), out)


@implements(np.median, out=2)
def median(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """``numpy.median``; between two middle elements the derivative is shared."""
    ordered, kept = first_axis(a, axis, "median")
    ordered = sort_p.bind(ordered, axis=0, kind="quicksort")
    n = ordered.shape[0]
    result = np.mean(ordered[max(n - 1, 0) // 2 : n // 2 + 1], axis=0)
    if n:
        result = or_nan(result, ordered[-1])
    return reshape_to(result, kept) if keepdims else result


@implements(np.nanmedian, out=2)
def nanmedian(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: Any = np._NoValue) -> Any:
    """``numpy.nanmedian``."""
    a = as_array(a)
    keepdims = keepdims is not np._NoValue and bool(keepdims)
    if not a.size:
        return np.nanmean(a, axis, keepdims=keepdims)
    if a.dtype.kind not in "fc":
        return median(a, axis, keepdims=keepdims)
    ordered, kept = first_axis(a, axis, "nanmedian")
    ordered = sort_p.bind(ordered, axis=0, kind="quicksort")
    n = number_known(ordered)
    middle = [along_axis(ordered, np.maximum(i, 0)[None], 0)[0] for i in (np.floor_divide(n - 1, 2), np.floor_divide(n, 2))]
    result = np.mean(np.stack(middle), axis=0) if ordered.shape[0] else np.mean(ordered, axis=0)
    return reshape_to(result, kept) if keepdims else result


def number_known(ordered: Any) -> Any:
    """How many elements along the first axis are no NaN."""
    return np.sum(np.logical_not(np.isnan(ordered)), axis=0)
