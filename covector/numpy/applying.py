"""NumPy's functions that apply a given function: to slices, along axes, on pieces of the domain."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import dtype_of, shape_of
from covector.core.primitive import TracerBase
from covector.numpy.at import at
from covector.numpy.registry import as_array, canonical_axis, contains_tracer, implements
from covector.primitives.shaping import convert_to


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``func1d`` of each slice along ``axis``, one call for each (`covector.vmap` makes one call for all)."""
    arr = as_array(arr)
    axis = canonical_axis(axis, len(shape_of(arr)))
    last = np.moveaxis(arr, axis, -1)
    rest = shape_of(last)[:-1]
    if 0 in rest:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [as_array(func1d(last[i], *args, **kwargs)) for i in itertools.product(*map(range, rest))]
    inner = shape_of(results[0])
    stacked = np.reshape(np.stack([convert_to(r, dtype_of(results[0])) for r in results]), rest + inner)
    order = [*range(axis), *range(len(rest), len(rest) + len(inner)), *range(axis, len(rest))]
    return np.transpose(stacked, order)


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    value = as_array(a)
    ndim = len(shape_of(value))
    for axis in np.atleast_1d(axes).tolist():
        axis = axis + ndim if axis < 0 else axis
        result = as_array(func(value, axis))
        if len(shape_of(result)) != ndim:
            result = np.expand_dims(result, axis)
        if len(shape_of(result)) != ndim:
            raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """NumPy's, which calls a function with the elements that its condition selects.

    Conditions whose values are not known select nothing in advance: then every function is called with all of ``x``.
    """
    x = as_array(x)
    single = np.isscalar(condlist) or (not isinstance(condlist[0], (list, np.ndarray, TracerBase)) and shape_of(x))
    if single or (isinstance(condlist, TracerBase) and shape_of(condlist) == shape_of(x)):
        condlist = [condlist]
    conditions = [as_array(c).astype(np.bool_) for c in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(np.any(np.stack(conditions), axis=0)))
    elif len(conditions) != len(funclist):
        n = len(conditions)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    y: Any = np.zeros(shape_of(x), dtype_of(x))
    for condition, function in zip(conditions, funclist, strict=True):
        known = not contains_tracer(condition)
        if not callable(function):
            value = convert_to(as_array(function), dtype_of(x))
            y = at(y)[condition].set(value) if known else np.where(condition, value, y)
        elif not known:
            y = np.where(condition, convert_to(as_array(function(x, *args, **kw)), dtype_of(x)), y)
        elif np.any(condition):
            y = at(y)[condition].set(convert_to(as_array(function(x[condition], *args, **kw)), dtype_of(x)))
    return y
