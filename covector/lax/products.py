"""Products of arrays under JAX's names.

>>> dot(np.ones((2, 3)), np.ones(3))
array([3., 3.])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.lax.elementwise import convert_element_type
from covector.lax.precision import check_precision
from covector.numpy.contraction import LETTERS
from covector.numpy.registry import as_array
from covector.primitives.math.contraction import contract

DotDimensionNumbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


def _check_axes(x: Any, name: str, axes: Sequence[int]) -> None:
    ndim = len(shape_of(x))
    if len(set(axes)) < len(axes) or not all(0 <= i < ndim for i in axes):
        what = f"lax.dot_general got axes {tuple(axes)} of {name}, which is {typeof(x)}."
        raise errors.ArgumentError(what, fix=f"give each axis once, between 0 and {ndim - 1}")


def dot_general(lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Contract and batch axes: ``((contracted of lhs, of rhs), (batched of lhs, of rhs))``; batch axes come first.

    ``precision`` is checked, and changes nothing.

    >>> dot_general(np.ones((5, 2, 3)), np.ones((5, 3, 4)), (((2,), (1,)), ((0,), (0,)))).shape
    (5, 2, 4)
    """
    check_precision("dot_general", precision)
    (left, right), (left_batch, right_batch) = dimension_numbers
    _check_axes(lhs, "lhs", (*left, *left_batch))
    _check_axes(rhs, "rhs", (*right, *right_batch))
    if len(left) != len(right) or len(left_batch) != len(right_batch):
        what = f"lax.dot_general got dimension_numbers={dimension_numbers!r}."
        raise errors.ArgumentError(what, fix="pair each axis of lhs with one of rhs")
    n, m = len(shape_of(lhs)), len(shape_of(rhs))
    a, b = list(range(n)), list(range(n, n + m))
    for i, j in zip((*left, *left_batch), (*right, *right_batch), strict=True):
        if shape_of(lhs)[i] != shape_of(rhs)[j]:
            raise ValueError(f"dot_general() pairs axes {i} and {j} of different lengths: {typeof(lhs)} and {typeof(rhs)}")
        b[j] = a[i]
    batch = [a[i] for i in left_batch]
    paired = {*batch, *(a[i] for i in left)}
    out = batch + [i for i in a if i not in paired] + [i for i in b if i not in paired]
    spec = "{},{}->{}".format(*("".join(LETTERS[i] for i in labels) for labels in (a, b, out)))
    if preferred_element_type is not None:
        lhs, rhs = convert_element_type(lhs, preferred_element_type), convert_element_type(rhs, preferred_element_type)
    return contract(as_array(lhs), as_array(rhs), spec, "lax.dot_general")[()]


def dot(lhs: Any, rhs: Any, precision: Any = None, preferred_element_type: Any = None, *, dimension_numbers: Any = None) -> Any:
    """The product of vectors and matrices, or `dot_general` by its ``dimension_numbers``.

    >>> float(dot(np.ones(3), np.ones(3)))
    3.0
    """
    if dimension_numbers is not None:
        return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    n, m = len(shape_of(lhs)), len(shape_of(rhs))
    if n not in (1, 2) or m not in (1, 2):
        raise TypeError(f"dot() takes vectors and matrices; got {typeof(lhs)} and {typeof(rhs)}")
    return dot_general(lhs, rhs, (((n - 1,), (0,)), ((), ())), precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Products of matrices, one for each leading index.

    >>> batch_matmul(np.ones((5, 2, 3)), np.ones((5, 3, 4))).shape
    (5, 2, 4)
    """
    check_precision("batch_matmul", precision)
    return np.matmul(lhs, rhs)


# --- products of groups -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RaggedDotDimensionNumbers:
    """Which axes of `ragged_dot_general` are which: those of `dot_general`, the one that groups divide, and theirs."""

    dot_dimension_numbers: Any
    lhs_ragged_dimensions: Sequence[int]
    rhs_group_dimensions: Sequence[int]


def ragged_dot_general(
    lhs: Any,
    rhs: Any,
    group_sizes: Any,
    ragged_dot_dimension_numbers: RaggedDotDimensionNumbers,
    precision: Any = None,
    preferred_element_type: Any = None,
    group_offset: Any = None,
) -> Any:
    """`dot_general` where groups divide an axis of ``lhs``.

    Args:
        lhs: an array.
        rhs: an array; if the divided axis is neither contracted nor batched, with an axis of groups.
        group_sizes: ``i[g]``, which may be traced: how many places of the divided axis are in each group, the first ones in the
            first.  Places that are in none count as zeros.  With axes before that of the groups: sizes for each index of the
            batch, and then of the axes before the divided one that are contracted, or not, as it is.
        ragged_dot_dimension_numbers: which axes are which.
        precision: is checked, and changes nothing.
        preferred_element_type: the dtype to multiply in.
        group_offset: refused.

    Returns:
        Where the divided axis is neither contracted nor batched: the product of each place with the ``rhs`` of its group.
        Where it is contracted: the products of the groups, along a new first axis.  Where it is batched: the product, as it is.

    >>> numbers = RaggedDotDimensionNumbers((((0,), (0,)), ((), ())), (0,), ())
    >>> ragged_dot_general(np.arange(3.0), np.ones(3), np.array([1, 2]), numbers)
    array([0., 3.])
    """
    check_precision("ragged_dot_general", precision)
    if group_offset is not None:
        fix = "give only the groups that are meant"
        raise errors.ArgumentError(f"lax.ragged_dot got group_offset={group_offset!r}.", fix=fix)
    numbers = ragged_dot_dimension_numbers
    (left, right), (left_batch, right_batch) = numbers.dot_dimension_numbers
    n = len(shape_of(lhs))
    if len(numbers.lhs_ragged_dimensions) != 1 or numbers.lhs_ragged_dimensions[0] not in range(n):
        what = f"lax.ragged_dot_general got lhs_ragged_dimensions={numbers.lhs_ragged_dimensions} for {typeof(lhs)}."
        raise errors.ArgumentError(what, fix="give one of the axes")
    (divided,) = numbers.lhs_ragged_dimensions
    kept = [i for i in range(n) if i not in (*left, *left_batch)]
    if len(numbers.rhs_group_dimensions) != (divided in kept):
        what = f"lax.ragged_dot_general got rhs_group_dimensions={numbers.rhs_group_dimensions}."
        fix = "give one axis if the divided one is neither contracted nor batched, and none otherwise"
        raise errors.ArgumentError(what, fix=fix)
    pairs = (left, right), (left_batch, right_batch)
    if divided in left_batch:
        return dot_general(lhs, rhs, pairs, precision, preferred_element_type)
    alike = kept if divided in kept else list(left)
    parts = _by_group(lhs, divided, [*left_batch, *alike[: alike.index(divided)]], group_sizes)
    if divided in kept:
        pairs = ((*left, n), (*right, *numbers.rhs_group_dimensions)), pairs[1]
        return dot_general(parts, rhs, pairs, precision, preferred_element_type)
    out = dot_general(parts, rhs, pairs, precision, preferred_element_type)
    return np.moveaxis(out, len(left_batch) + len(kept), 0)


def _by_group(x: Any, divided: int, before: Sequence[int], group_sizes: Any) -> Any:
    """The parts of an array that are in each group, along a new last axis, with zeros for the rest."""
    sizes, shape = typeof(group_sizes), shape_of(x)
    leading = tuple(shape[i] for i in before)
    if sizes.dtype.kind not in "iu" or not sizes.ndim or sizes.shape[:-1] not in ((), leading):
        what = f"lax.ragged_dot got group_sizes {sizes} for an axis of {typeof(x)}."
        raise errors.ArgumentError(what, fix=f"give integers of shape [g]{f' or [{leading}, g]' * bool(leading)}")
    ends = np.expand_dims(np.cumsum(as_array(group_sizes), axis=-1, dtype=np.int64), -2)
    within = np.arange(shape[divided])[:, None] < ends
    starts = np.concatenate([np.zeros_like(within[..., :1]), within[..., :-1]], -1)
    belongs = np.logical_xor(within, starts)
    axes = [*before, divided] if sizes.ndim > 1 else [divided]
    belongs = np.transpose(belongs, [*np.argsort(axes), len(axes)])
    belongs = np.reshape(belongs, (*(size if i in axes else 1 for i, size in enumerate(shape)), sizes.shape[-1]))
    return np.where(belongs, np.expand_dims(as_array(x), -1), np.zeros((), typeof(x).dtype))


ROWS = RaggedDotDimensionNumbers((((1,), (1,)), ((), ())), (0,), (0,))


def ragged_dot(
    lhs: Any, rhs: Any, group_sizes: Any, precision: Any = None, preferred_element_type: Any = None, group_offset: Any = None
) -> Any:
    """The rows of a matrix, each times the matrix of its group.

    Args:
        lhs: ``f[m, k]``, the rows of the first group before those of the second, and so on.
        rhs: ``f[g, k, n]``, a matrix for each group.
        group_sizes: ``i[g]``, how many rows are in each group, which may be traced; rows that are in none give zeros.
        precision: is checked, and changes nothing.
        preferred_element_type: the dtype to multiply in.
        group_offset: refused.

    >>> ragged_dot(np.ones((3, 1)), np.array([[[1.0]], [[2.0]]]), np.array([1, 2]))
    array([[1.],
           [2.],
           [2.]])
    """
    if (len(shape_of(lhs)), len(shape_of(rhs))) != (2, 3):
        what = f"lax.ragged_dot got {typeof(lhs)} and {typeof(rhs)}."
        raise errors.ArgumentError(what, fix="give arrays of shapes [m, k] and [g, k, n]")
    return ragged_dot_general(lhs, rhs, group_sizes, ROWS, precision, preferred_element_type, group_offset)


__all__ = ["DotDimensionNumbers"]
__all__ += [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
__all__.remove("ROWS")
