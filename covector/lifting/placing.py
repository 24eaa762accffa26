"""NumPy's functions that write into an array that they are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, shape_of
from covector.lifting import views
from covector.lifting.cells import Cell, of_one_root
from covector.lifting.functions import check_cast, lengths_of
from covector.lifting.indices import index_of, stripped
from covector.lifting.lifted import ALL, LIFTED, as_operand, convert, has_traced, known, means, unwrap, without_flat
from covector.lifting.operators import store
from covector.lifting.parts import may_be_read_late
from covector.lifting.refusals import written_over
from covector.lifting.scalars import Number, check_real
from covector.numpy.registry import as_array
from covector.primitives.arrays.shaping import strengthened
from covector.primitives.arrays.subscripts import answered


def _by_places(func: Callable[..., Any], target: Any, before: Any, values: Any, after: Any = ()) -> None:
    """A function that writes values at places: which value lands where is seen by writing their numbers."""
    if type(target) is Cell:
        check_real(values, target)
    before, values, after = unwrap(before), as_operand(values), unwrap(after)
    if type(target) is not Cell:
        if has_traced(values) or has_traced(before) or type(target) in LIFTED:
            store(target, values)
        func(target, *before, values, *after)
        return
    before = tuple([_needed(func, x) for x in before])
    value = target._captured()
    if not has_traced(values) and type(value) is ndarray:
        value = value.copy(order="K")
        try:
            func(value, *before, values, *after)
        finally:  # what it wrote before an error
            target._assign(value)
        return
    values = convert(values, target)
    numbers = np.full(target.shape, -1)
    try:
        func(numbers, *before, np.arange(values.size).reshape(values.shape), *after)
    finally:
        if np.any(numbers >= 0):
            new = np.take(np.reshape(values, (-1,)), np.maximum(numbers, 0))
            target._assign(np.where(numbers >= 0, new, value))


def _needed(func: Callable[..., Any], x: Any) -> Any:
    """The known value of places that depend on traced values."""
    found = answered(x)
    if found is None:
        what = f"numpy.{func.__name__} got places that are not known."
        raise errors.NonConcreteBooleanIndexError(what, fix="x[...] = np.where(mask, values, x)")
    return found


@means(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    ind = index_of(ind)
    if type(a) is not Cell or known(ind) is not None:
        return _by_places(np.put, a, (ind,), v, (mode,))
    check_real(v, a)
    values = np.reshape(as_array(convert(as_operand(v), a)), (-1,))
    if shape_of(values) != (0,):
        within = {"raise": lambda i: i, "wrap": lambda i: i % a.size, "clip": lambda i: np.clip(i, 0, a.size - 1)}
        a.flat[np.reshape(within[mode](ind), (-1,))] = values


def _check_values(target: Any, values: Any) -> None:
    if type(target) is Cell:
        check_real(values, target)
        if type(values) in (Cell, ndarray):
            check_cast(values.dtype, target.dtype)


@means(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    _check_values(arr, vals)
    mask = index_of(mask)
    vals = without_flat(vals)
    if of_one_root(vals, arr):
        why = "NumPy reads what it has written"
        raise errors.InPlaceWriteError("np.place(x, mask, y) writes a part of x into x.", why=why, fix="give y.copy()")
    if known(mask) is None and math.prod(shape_of(as_operand(vals))) == 1:
        put_where(arr, np.reshape(as_array(convert(as_operand(vals), arr)), ()), mask)
    else:
        _by_places(np.place, arr, (mask,), vals)


@means(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    _check_values(a, values)
    mask = index_of(mask)
    if known(mask) is None and shape_of(as_operand(values)) in ((), lengths_of(a)):
        put_where(a, values, mask)
    else:
        _by_places(np.putmask, a, (mask,), values)


@means(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if of_one_root(val, a) and val.size > 1:
        raise written_over()
    _by_places(np.fill_diagonal, a, (), val, (wrap,))


@means(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if type(arr) is not Cell or known(unwrap(indices)) is not None:
        _by_places(np.put_along_axis, arr, (indices,), values, (axis,))
    elif axis is None:
        arr.flat[indices] = values
    else:
        arr[_along_axis(lengths_of(arr), indices, axis)] = values


def _along_axis(shape: tuple[int, ...], indices: Any, axis: int) -> tuple[Any, ...]:
    """The index of an array that has the given ones along an axis."""
    if len(shape) != len(lengths_of(indices)):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    key = list(np.ix_(*map(np.arange, shape)))
    key[axis] = indices
    return tuple(key)


def _is_read_late(dst: Cell, src: Cell) -> bool:
    if src.root is dst.root:
        return views.is_read_late(dst.layout(), src.layout())
    return may_be_read_late(dst, src)


def put_where(dst: Any, src: Any, where: Any) -> None:
    """Write values, of any kind that an assignment takes, where a condition holds."""
    check_real(src, dst)
    copyto(dst, src if type(src) is Cell else as_array(convert(as_operand(src), dst)), "unsafe", where)


@means(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    new = as_operand(src)
    if type(dst) is Cell and type(new) in PYTHON_NUMBERS:
        found = np.empty((), dst.dtype)
        np.copyto(found, new, casting)  # type: ignore[arg-type]
        new = found
    elif type(dst) is Cell and type(src) is Number:
        check_cast(np.result_type(dst.dtype, src.dtype.type(1).item()), dst.dtype, casting)
        new = convert(strengthened(new), dst)
    if of_one_root(src, dst) and _is_read_late(dst, src):
        raise written_over()
    if where is not True:
        new = np.where(as_operand(where), new, unwrap(dst))
    shape = lengths_of(dst)
    if shape_of(new) != shape:
        new = np.broadcast_to(stripped(as_array(new), shape, dst.dtype, ALL), shape)
    store(dst, new, casting)
