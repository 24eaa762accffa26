"""NumPy's functions that apply a given function: to slices, along axes, on pieces of the domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import array_aval, dtype_of, shape_of
from covector.core.primitive import TracerBase
from covector.interpreters.stage import stage
from covector.numpy.at import at
from covector.numpy.registry import as_array, canonical_axis, contains_tracer, held, implements
from covector.primitives.arrays.shaping import convert_to
from covector.transforms.dependencies import look
from covector.transforms.vmap import vmap


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``func1d`` of each slice along ``axis``: one batched call where it can be seen to depend on its arguments alone.

    A function that draws random numbers, that covector cannot look through, or that no batch can be given, is called for each
    slice, as NumPy does.
    """
    arr = as_array(arr)
    axis = canonical_axis(axis, len(shape_of(arr)))
    last = np.moveaxis(arr, axis, -1)
    rest = shape_of(last)[:-1]
    if 0 in rest:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    slices = np.reshape(last, (math.prod(rest), shape_of(last)[-1]))

    def call(x: Any) -> Any:
        return as_array(func1d(x, *args, **kwargs))

    results = _all_at_once(func1d, call, slices)
    if results is not None:
        results = convert_to(results, dtype_of(call(slices[0])))  # of the first, where they have several
    else:
        parts = [call(slices[i]) for i in range(math.prod(rest))]
        results = np.stack([convert_to(part, dtype_of(parts[0])) for part in parts])
    inner = shape_of(results)[1:]
    order = [*range(axis), *range(len(rest), len(rest) + len(inner)), *range(axis, len(rest))]
    return np.transpose(np.reshape(results, rest + inner), order)


def _all_at_once(func1d: Callable[..., Any], call: Callable[..., Any], slices: Any) -> Any:
    """The results of all slices by one batched call; None where that may not be what a call for each would give."""
    before = look(func1d)[0]
    if before is None:
        return None
    try:
        results = vmap(call, branches="split")(slices)
    except Exception:  # what it raises for one slice is what the user sees
        return None
    return results if look(func1d)[0] == before else None


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


# --- piecewise --------------------------------------------------------------------------------------------------------


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """NumPy's, which calls a function with the elements that its condition selects.

    Conditions whose values are not known (under ``jit`` and ``vmap``) select nothing in advance.  Then each element goes to the
    function that is chosen for it, as in `covector.lax.switch`; functions that look at several elements are refused.
    """
    x = as_array(x)
    if _is_scalar(condlist) or (shape_of(x) and _is_scalar(condlist[0])):
        condlist = [condlist]
    conditions = [_condition(c, shape_of(x)) for c in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(np.any(np.stack(conditions), axis=0)))
    elif len(conditions) != len(funclist):
        n = len(conditions)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    pieces = [_piece(f, dtype_of(x), args, kw) for f in funclist]
    if contains_tracer(conditions):
        return _chosen_for_each(x, conditions, pieces)
    y: Any = np.zeros(shape_of(x), dtype_of(x))
    for condition, piece in zip(conditions, pieces, strict=True):
        if not callable(piece) or np.any(condition):
            y = at(y)[condition].set(piece(x[condition]) if callable(piece) else piece)
    return y


def _is_scalar(x: Any) -> bool:
    return not shape_of(x) if isinstance(x, TracerBase) else not issubclass(type(x), (list, tuple, np.ndarray))


def _condition(condition: Any, shape: tuple[int, ...]) -> Any:
    """A condition as a mask: of the whole array, or of its leading axes."""
    mask = as_array(condition).astype(np.bool_)
    own = shape_of(mask)
    if own != shape[: len(own)]:
        raise IndexError(f"numpy.piecewise: a condition of shape {own} selects nothing of an array of shape {shape}")
    return np.broadcast_to(np.reshape(mask, own + (1,) * (len(shape) - len(own))), shape) if own != shape else mask


def _piece(function: Any, dtype: Any, args: Any, kw: Any) -> Any:
    """A function, or a value, of a piece, with the dtype of the result."""
    if not callable(function):
        return held(function, dtype)
    return wraps(function)(lambda x: held(function(x, *args, **kw), dtype))


def _chosen_for_each(x: Any, conditions: list[Any], pieces: list[Any]) -> Any:
    """The pieces of elements for which it is not known yet which condition holds."""
    from covector.lax.choice import switch

    shape, dtype = shape_of(x), dtype_of(x)
    if not any(map(callable, pieces)) or 0 in shape:
        y: Any = np.zeros(shape, dtype)
        for condition, value in zip(conditions, pieces, strict=True):
            y = np.where(condition, value, y) if 0 not in shape else y
        return y
    for piece in filter(callable, pieces):
        _check_elementwise(piece, dtype, math.prod(shape))
    functions = [np.zeros_like, *(f if callable(f) else (lambda _, value=f: value) for f in pieces)]
    chosen: Any = np.zeros(shape, np.intp)
    for i, condition in enumerate(conditions):
        chosen = np.where(condition, i + 1, chosen)
    y = vmap(lambda i, element: switch(i, functions, element))(np.reshape(chosen, -1), np.reshape(x, -1))
    return np.reshape(y, shape)


def _check_elementwise(piece: Callable[..., Any], dtype: Any, size: int) -> None:
    """Refuse a function that on vectors does not perform what it does on their elements one by one."""

    def whole(x: Any) -> Any:
        return np.broadcast_to(piece(x), shape_of(x))

    def program(f: Callable[..., Any], n: int) -> Any:
        return stage(lambda x: ([f(x)], None), [array_aval((n,), dtype)], "make_jaxpr", capture=True).jaxpr

    for n in {2, max(size, 3)}:
        expected, why = program(whole, n), None
        try:
            same = program(vmap(piece), n) == expected
        except (TypeError, ValueError, IndexError) as error:  # it takes no scalars
            same, why = False, error
        if not same:
            raise errors.UnsupportedFunctionError(
                f"numpy.piecewise got the function {getattr(piece, '__name__', piece)}, which looks at several elements at"
                " once, and conditions that are not known while the function is being traced.",
                why="NumPy calls it with the elements that its condition selects, and under jit and vmap their number is"
                " not known",
                fix="use a function of each element; or np.where with reductions over a mask: np.mean(x, where=condition)",
            ) from why
