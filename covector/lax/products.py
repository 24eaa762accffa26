"""Products of arrays under JAX's names.

>>> dot(np.ones((2, 3)), np.ones(3))
array([3., 3.])
"""

from __future__ import annotations

from collections.abc import Sequence
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


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None, preferred_element_type: Any = None
) -> Any:
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


def dot(
    lhs: Any, rhs: Any, precision: Any = None, preferred_element_type: Any = None, *, dimension_numbers: Any = None
) -> Any:
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
    check_precision("ragged_dot", precision)
    if group_offset is not None:
        fix = "give only the groups that are meant"
        raise errors.ArgumentError(f"lax.ragged_dot got group_offset={group_offset!r}.", fix=fix)
    shapes, sizes = (shape_of(lhs), shape_of(rhs)), typeof(group_sizes)
    if (len(shapes[0]), len(shapes[1])) != (2, 3) or shapes[0][1] != shapes[1][1] or sizes.shape != shapes[1][:1]:
        what = f"lax.ragged_dot got {typeof(lhs)}, {typeof(rhs)} and group_sizes {sizes}."
        raise errors.ArgumentError(what, fix="give arrays of shapes [m, k], [g, k, n] and [g]")
    if sizes.dtype.kind not in "iu":
        raise errors.ArgumentError(f"lax.ragged_dot got group_sizes {sizes}.", fix="give integers")
    if preferred_element_type is not None:
        lhs, rhs = convert_element_type(lhs, preferred_element_type), convert_element_type(rhs, preferred_element_type)
    ends = np.cumsum(as_array(group_sizes))
    before = np.arange(shapes[0][0])[:, None] < ends
    belongs = np.logical_xor(before, np.concatenate([np.zeros((shapes[0][0], 1), bool), before[:, :-1]], 1))
    parts = np.where(belongs[..., None], np.expand_dims(as_array(lhs), 1), np.zeros((), typeof(lhs).dtype))
    return contract(parts, as_array(rhs), "mgk,gkn->mn", "lax.ragged_dot")


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
__all__ += ["DotDimensionNumbers"]
