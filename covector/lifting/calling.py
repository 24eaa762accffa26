"""NumPy's functions that call a function with parts of an array."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.avals import shape_of
from covector.core.primitive import TracerBase
from covector.lifting.active import again
from covector.lifting.cells import Cell
from covector.lifting.functions import apply, lengths_of
from covector.lifting.lifted import as_cell, known, means, unwrap, wrap
from covector.lifting.order import in_unknown_order
from covector.lifting.placing import put_where
from covector.lifting.roots import SHARED, Root
from covector.numpy.registry import as_array


def _in_cells(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function that is given cells for parts of an array, which NumPy would let it write."""
    function = again(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = wrap(list(args))
        roots = [x.root for x in given if type(x) is Cell]
        before = [root.value for root in roots]
        for root in roots:
            root.state |= SHARED
        found = unwrap(function(*given, **kwargs))
        if not all(map(_is_unchanged, before, roots)):
            raise errors.InPlaceWriteError(
                f"the function that {name} was given writes into its argument.",
                why="it gets a part of the array by itself, and the write would be lost",
                fix="write into a copy, r = r.copy(), or loop over the parts of the array",
            )
        return found

    return call


def _is_unchanged(value: Any, root: Root) -> bool:
    now = root.value
    is_plain = type(now) is type(value) is ndarray
    return now is value or (is_plain and np.array_equal(now, value, equal_nan=now.dtype.kind in "fc"))


@means(np.apply_along_axis)
def _apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    is_last = axis in (-1, len(lengths_of(arr)) - 1)
    found = apply(np.apply_along_axis, (_in_cells(func1d, "np.apply_along_axis"), axis, arr, *args), kwargs)
    return in_unknown_order(found if lengths_of(found) else as_cell(unwrap(found)), unless=is_last)


@means(np.apply_over_axes)
def _apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    if type(a) is Cell and not np.size(axes):
        return a
    return apply(np.apply_over_axes, (_in_cells(func, "np.apply_over_axes"), a, axes), {})


def _conditions(condlist: Any, ndim: int) -> list[Any]:
    """The conditions of `numpy.piecewise`, each known where it can be; one may stand without a list."""
    if type(condlist) not in (list, tuple):
        condlist = [condlist] if len(shape_of(condlist)) == ndim else list(condlist)
    elif type(condlist[0]) not in (list, tuple) and len(shape_of(condlist[0])) < ndim:
        condlist = [as_array(list(condlist))]
    return [c if known(c) is None else np.asarray(known(c), bool) for c in condlist]


@means(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    given, x = x, as_array(unwrap(x))
    conditions = _conditions(unwrap(condlist), len(shape_of(x)))
    if len(funclist) == len(conditions) + 1:
        conditions.append(~functools.reduce(np.logical_or, conditions))
    result = wrap(np.zeros_like(given if type(given) in (Cell, ndarray) else np.empty(shape_of(x), x.dtype)))
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            put_where(result, function, condition)
        elif isinstance(condition, TracerBase):
            mine = wrap(x.copy() if type(x) is ndarray else x)  # which the function may write
            put_where(result, function(mine, *args, **kwargs), condition)
        elif np.any(condition):
            result[condition] = function(wrap(x[condition]), *args, **kwargs)
    return result
