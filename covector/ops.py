"""Reductions of the rows of an array by segments, under the names of JAX's ``jax.ops``.

>>> import numpy as np
>>> import covector as cv
>>> segment_sum(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 2]))
array([3., 0., 3.])
>>> cv.grad(lambda x: np.sum(segment_sum(x, np.array([0, 0, 2]), 3) ** 2))(np.array([1.0, 2.0, 3.0]))
array([6., 6., 6.])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import typeof
from covector.lax.gathering import GatherScatterMode
from covector.numpy.at import at
from covector.numpy.indexing import in_int64
from covector.numpy.registry import as_array
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.math.reductions import farthest
from covector.transforms import options

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def segment_sum(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Any:
    """For each segment the sum of the rows that belong to it; zeros where there are none.

    Args:
        data: an array of numbers, of shape ``(n, ...)``.
        segment_ids: to which segment each row belongs, ``n`` integers.
        num_segments: how many segments there are, ``1 + max(segment_ids)`` by default, for which these must be known.
        indices_are_sorted: accepted; no use is made of it.
        unique_indices: likewise.
        bucket_size: likewise.
        mode: what becomes of rows of segments that there are not: by default ("drop", "fill") they count for nothing, with
            "clip" they belong to the nearest segment; "promise_in_bounds" is as the default.

    Returns:
        An array of shape ``(num_segments, ...)`` and the dtype of ``data``.

    Raises:
        ArgumentError: the ids are no integers, or not one for each row; ``num_segments`` is not given and they are not known;
            or the data are of a kind for which the reduction has no meaning.

    Example:
        >>> segment_sum(np.arange(6.0).reshape(3, 2), np.array([1, 1, 0]))
        array([[4., 5.],
               [2., 4.]])
    """
    return _reduced("segment_sum", data, segment_ids, num_segments, indices_are_sorted, unique_indices, bucket_size, mode)


def segment_prod(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Any:
    """For each segment the product of the rows that belong to it; ones where there are none.

    Arguments, result and errors are those of `segment_sum`.

    Example:
        >>> segment_prod(np.array([2.0, 3.0, 5.0]), np.array([0, 0, 2]))
        array([6., 1., 5.])
    """
    return _reduced("segment_prod", data, segment_ids, num_segments, indices_are_sorted, unique_indices, bucket_size, mode)


def segment_max(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Any:
    """For each segment the largest of the rows that belong to it; where there are none the least number, ``-inf``.

    Arguments, result and errors are those of `segment_sum`, but that complex numbers have no order and booleans have.  Of equal
    rows each has its share of the derivative.

    Example:
        >>> segment_max(np.array([2.0, 3.0, 5.0]), np.array([0, 0, 2]))
        array([  3., -inf,   5.])
    """
    return _reduced("segment_max", data, segment_ids, num_segments, indices_are_sorted, unique_indices, bucket_size, mode)


def segment_min(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Any:
    """For each segment the least of the rows that belong to it; where there are none the largest number, ``inf``.

    Arguments, result and errors are those of `segment_max`.

    Example:
        >>> segment_min(np.array([2.0, 3.0, 5.0]), np.array([0, 0, 2]))
        array([ 2., inf,  5.])
    """
    return _reduced("segment_min", data, segment_ids, num_segments, indices_are_sorted, unique_indices, bucket_size, mode)


OPERATIONS = {"segment_sum": "add", "segment_prod": "multiply", "segment_max": "max", "segment_min": "min"}


def _reduced(who: str, data: Any, segment_ids: Any, count: Any, is_sorted: Any, is_unique: Any, bucket: Any, mode: Any) -> Any:
    options.flags(who, indices_are_sorted=is_sorted, unique_indices=is_unique)
    operation = OPERATIONS[who]
    if bucket is not None:
        options.count(bucket, "bucket_size", who, 1)
    data, ids = as_array(data), as_array(segment_ids)
    aval = typeof(data)
    if aval.dtype.kind in ("b" if operation in ("add", "multiply") else "c"):
        what = f"{who} got data of type {aval}."
        fix = "convert booleans to integers: x.astype(int)" if aval.dtype.kind == "b" else "reduce x.real, or abs(x)"
        raise errors.ArgumentError(what, why="the reduction has no meaning for them", fix=fix)
    _check_ids(ids, aval, who)
    n = _number_of_segments(ids, who) if count is None else options.count(count, "num_segments", who)
    ids = in_int64(ids)
    if GatherScatterMode.from_any(mode) is GatherScatterMode.CLIP:
        ids = np.clip(ids, 0, n - 1)
    nothing = {"add": 0, "multiply": 1}.get(operation)
    nothing = farthest(aval.dtype, 1 if operation == "min" else -1) if nothing is None else nothing
    # what belongs nowhere goes to a row of its own, which is left out
    start = np.full((n + 1, *aval.shape[1:]), nothing, aval.dtype)
    return getattr(at(start)[np.where((ids >= 0) & (ids < n), ids, n)], operation)(data)[:n]


def _check_ids(ids: Any, data: Any, who: str) -> None:
    aval = typeof(ids)
    if aval.dtype.kind not in "iu" or aval.ndim != 1 or data.shape[:1] != aval.shape:
        raise errors.ArgumentError(
            f"{who} got segment_ids of type {aval} for data of type {data}.",
            why="they say of each row, along the first axis of the data, to which segment it belongs",
            fix="pass an integer for each row",
        )


def _number_of_segments(ids: Any, who: str) -> int:
    known = concrete(ids)
    if known is None:
        why = "the shape of the result would depend on the values of segment_ids, which are not known"
        raise errors.ArgumentError(f"{who} was not told num_segments.", why=why, fix=f"{who}(data, segment_ids, num_segments)")
    return max(int(np.max(known)) + 1, 0) if np.size(known) else 0
