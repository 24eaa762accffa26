"""Reductions and sorting under JAX's names.

>>> reduce_sum(np.ones((2, 3)), (1,)), top_k(np.array([3, 5, 4]), 2)[1]
(array([3., 3.]), array([1, 2], dtype=int32))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.pytrees import tree_map
from covector.lax.elementwise import convert_element_type
from covector.lax.loops import scan
from covector.lax.structure import check_fits, full
from covector.numpy.indexing import take
from covector.numpy.registry import as_array


def reduce_sum(operand: Any, axes: Sequence[int]) -> Any:
    """The sum over axes, in the dtype of the operand.

    >>> reduce_sum(np.ones((2, 3)), (0,))
    array([2., 2., 2.])
    """
    return np.sum(_number("reduce_sum", operand), axis=tuple(axes), dtype=dtype_of(operand))


def reduce_prod(operand: Any, axes: Sequence[int]) -> Any:
    """The product over axes, in the dtype of the operand.

    >>> reduce_prod(np.array([[2, 3], [4, 5]]), (1,))
    array([ 6, 20])
    """
    return np.prod(operand, axis=tuple(axes), dtype=dtype_of(operand))


def reduce_max(operand: Any, axes: Sequence[int]) -> Any:
    """The largest element over axes.

    >>> int(reduce_max(np.array([1, 3, 2]), (0,)))
    3
    """
    return np.max(operand, axis=tuple(axes))


def reduce_min(operand: Any, axes: Sequence[int]) -> Any:
    """The smallest element over axes.

    >>> int(reduce_min(np.array([1, 3, 2]), (0,)))
    1
    """
    return np.min(operand, axis=tuple(axes))


def reduce_and(operand: Any, axes: Sequence[int]) -> Any:
    """``&`` over axes.

    >>> int(reduce_and(np.array([7, 5]), (0,)))
    5
    """
    return np.bitwise_and.reduce(operand, axis=tuple(axes))


def reduce_or(operand: Any, axes: Sequence[int]) -> Any:
    """``|`` over axes.

    >>> int(reduce_or(np.array([2, 5]), (0,)))
    7
    """
    return np.bitwise_or.reduce(operand, axis=tuple(axes))


def reduce_xor(operand: Any, axes: Sequence[int]) -> Any:
    """``^`` over axes.

    >>> int(reduce_xor(np.array([7, 5]), (0,)))
    2
    """
    return np.bitwise_xor.reduce(operand, axis=tuple(axes))


def reduce(operands: Any, init_values: Any, computation: Callable[..., Any], dimensions: Sequence[int]) -> Any:
    """Combine the elements over axes, in their order, from ``init_values`` on; trees of arrays together.

    >>> float(reduce(np.array([1.0, 2.0, 3.0]), 0.0, lambda x, y: x + y, (0,)))
    6.0
    """

    def rows(x: Any) -> Any:
        axes = sorted(d % len(shape_of(x)) for d in dimensions)
        x = np.moveaxis(as_array(x), axes, range(len(axes)))
        shape = shape_of(x)
        return np.reshape(x, (int(np.prod(shape[: len(axes)], dtype=int)), *shape[len(axes) :]))

    xs = tree_map(rows, operands)
    tree_map(lambda i, x: check_fits("reduce", i, x), init_values, xs)
    init = tree_map(lambda i, x: full(shape_of(x)[1:], i, dtype_of(x)), init_values, xs)
    return scan(lambda carry, x: (computation(carry, x), None), init, xs)[0]


def argmax(operand: Any, axis: int, index_dtype: Any) -> Any:
    """Where the largest element along an axis is.

    >>> argmax(np.array([1, 3, 2]), 0, np.int32)
    np.int32(1)
    """
    return convert_element_type(np.argmax(operand, axis=axis), _integer("argmax", index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any) -> Any:
    """Where the smallest element along an axis is.

    >>> argmin(np.array([1, 3, 2]), 0, np.int32)
    np.int32(0)
    """
    return convert_element_type(np.argmin(operand, axis=axis), _integer("argmin", index_dtype))


def _integer(who: str, dtype: Any) -> Any:
    if np.dtype(dtype).kind not in "iu":
        raise errors.ArgumentError(f"lax.{who} got index_dtype={np.dtype(dtype)}.", fix="give an integer type")
    return np.dtype(dtype)


def _number(who: str, operand: Any) -> Any:
    if dtype_of(operand).kind == "b":
        fix = "convert it to an integer type, or call lax.reduce_or or reduce_and"
        raise errors.ArgumentError(f"lax.{who} got {typeof(operand)}.", why="a sum of booleans is no boolean", fix=fix)
    return operand


def _running(f: Callable[..., Any], operand: Any, axis: int, reverse: bool) -> Any:
    operand = as_array(operand)
    return np.flip(f(np.flip(operand, axis), axis=axis), axis) if reverse else f(operand, axis=axis)


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running sums along an axis, from the end with ``reverse``.

    >>> cumsum(np.array([1, 2, 3]), reverse=True)
    array([6, 5, 3])
    """
    running = lambda x, axis: np.cumsum(x, axis=axis, dtype=dtype_of(x))
    return _running(running, _number("cumsum", operand), axis, reverse)


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running products along an axis.

    >>> cumprod(np.array([1, 2, 3]))
    array([1, 2, 6])
    """
    return _running(lambda x, axis: np.cumprod(x, axis=axis, dtype=dtype_of(x)), operand, axis, reverse)


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """The largest element so far along an axis.

    >>> cummax(np.array([1, 3, 2]))
    array([1, 3, 3])
    """
    return _running(np.maximum.accumulate, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """The smallest element so far along an axis.

    >>> cummin(np.array([2, 3, 1]))
    array([2, 2, 1])
    """
    return _running(np.minimum.accumulate, operand, axis, reverse)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Logarithms of running sums of exponentials.

    >>> np.exp(cumlogsumexp(np.log(np.array([1.0, 2.0])))).round(6)
    array([1., 3.])
    """
    return _running(np.logaddexp.accumulate, operand, axis, reverse)


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sort along an axis; several arrays together, by the first ``num_keys`` of them.

    >>> sort((np.array([2, 1]), np.array([5, 6])))
    (array([1, 2]), array([6, 5]))
    """
    if not isinstance(operand, (list, tuple)):
        return np.sort(operand, axis=dimension)
    if not 1 <= num_keys <= len(operand):
        raise ValueError(f"sort() got num_keys={num_keys} for {len(operand)} operands")
    arrays = [as_array(x) for x in operand]
    for i in reversed(range(num_keys)):
        order = np.argsort(arrays[i], axis=dimension, kind="stable")
        arrays = [np.take_along_axis(x, order, axis=dimension) for x in arrays]
    return tuple(arrays)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    """Sort keys along an axis, and values along with them.

    >>> sort_key_val(np.array([2, 1]), np.array([5, 6]))
    (array([1, 2]), array([6, 5]))
    """
    return sort((keys, values), dimension)


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Any, Any]:
    """The ``k`` largest elements along an axis, the largest first, and their indices; of equal ones the first first.

    >>> top_k(np.array([3, 5, 4]), 2)[0]
    array([5, 4])
    """
    operand = as_array(operand)
    n = shape_of(operand)[axis]
    if not 0 <= k <= n:
        raise ValueError(f"top_k() got k={k} for an axis of {n} elements")
    order = np.flip(n - 1 - np.argsort(np.flip(operand, axis), axis=axis, kind="stable"), axis)
    order = take(order, np.arange(k), axis=axis)
    return np.take_along_axis(operand, order, axis=axis), convert_element_type(order, np.int32)


def approx_max_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Any, Any]:
    """The ``k`` largest of real numbers along an axis, NaN being behind all; exact, so the last three arguments change nothing.

    >>> approx_max_k(np.array([3.0, 5.0, 4.0]), 1)
    (array([5.]), array([1], dtype=int32))
    """
    return _first(as_array(operand), np.negative, k, reduction_dimension, "approx_max_k")


def approx_min_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Any, Any]:
    """The ``k`` smallest elements along an axis, the smallest first, and their indices; exact as `approx_max_k`.

    >>> approx_min_k(np.array([3.0, 5.0, 4.0]), 2)
    (array([3., 4.]), array([0, 2], dtype=int32))
    """
    return _first(as_array(operand), np.positive, k, reduction_dimension, "approx_min_k")


def _first(operand: Any, key: Callable[[Any], Any], k: int, axis: int, who: str) -> tuple[Any, Any]:
    """What comes first by a key, which NaN is behind of."""
    if dtype_of(operand).kind != "f":
        raise errors.ArgumentError(f"lax.{who} got {typeof(operand)}.", fix="give real numbers, or call top_k")
    n = shape_of(operand)[axis]
    if not 0 <= k <= n:
        raise ValueError(f"{who}() got k={k} for an axis of {n} elements")
    order = take(np.argsort(key(operand), axis=axis, kind="stable"), np.arange(k), axis=axis)
    return np.take_along_axis(operand, order, axis=axis), convert_element_type(order, np.int32)


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
