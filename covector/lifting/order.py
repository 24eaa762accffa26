"""In which order new arrays lie in memory: it decides whether a later ``reshape`` or ``ravel`` is a view or a copy.

NumPy lays out the result of an operation like its operands (order "K"), and is asked how where any of them is not in C order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core.primitive import TracerBase
from covector.lifting import views
from covector.lifting.cells import Cell, arrays_in
from covector.lifting.lifted import LIFTED, has_traced, unwrap
from covector.lifting.roots import GAPS, UNSURE


def like_operands(result: Any, *operands: Any) -> Any:
    """The result of an operation element by element, with the order in memory that NumPy gives it; also of several."""
    if type(result) is tuple:
        return tuple([like_operands(part, *operands) for part in result])
    if type(result) is not Cell or len(result.root.shape) < 2:
        return result
    cells = [x for x in operands if type(x) is Cell]
    if type(result.root.value) is ndarray and all(type(c.root.value) is ndarray for c in cells):
        return unsure_as(result, *cells)
    plain = [x for x in operands if type(x) is ndarray]
    if all(map(_is_c_ordered, (*cells, *plain))):
        return _laid_out(result, None)
    if any(c.root.state & UNSURE and len(c.shape) > 1 for c in cells):
        result.root.state |= UNSURE
        return result
    layouts = [np.broadcast_to(x, x.shape) for x in (*[c.layout() for c in cells], *plain)]
    like = np.nditer([*layouts, None], ["zerosize_ok", "refs_ok"], order="K").operands[-1]
    if like.shape != result.root.shape:
        result.root.state |= UNSURE
        return result
    return _laid_out(result, like)


def _laid_out(result: Cell, like: ndarray | None) -> Cell:
    """A new array that lies in memory like another one, or in C order.

    It is made so also where it is plain: what it was computed of may have lain otherwise.
    """
    root = result.root
    strides = None if like is None or like.flags.c_contiguous else views.strides_of(like)
    if type(root.value) is not ndarray:
        root.strides = strides
    elif views.strides_of(root.value) != (strides or views.c_strides(root.shape)):
        result.memory = result.of = root.value = views.in_memory_order(root.value, strides or views.c_strides(root.shape))
    return result


def copied(result: Any, of: Any, order: str | None) -> Any:
    """A copy of an array in an order that is asked for: "C", "F", "A" or "K"."""
    if type(result) is not Cell or len(result.root.shape) < 2:
        return result
    is_as_given = order in ("A", "K", None) and type(of) is Cell
    is_by_numpy = type(result.root.value) is ndarray and not (type(of) is Cell and isinstance(of.root.value, TracerBase))
    if is_as_given and of.root.state & UNSURE:
        result.root.state |= UNSURE
    elif is_as_given and not is_by_numpy:
        return _laid_out(result, of.layout().copy(order="K" if order is None else order))
    elif not is_by_numpy:
        return _laid_out(result, np.empty(result.shape, np.int8, order="F") if order == "F" else None)
    return result


def computed_in(result: Any, order: str, *operands: Any) -> Any:
    """The result of an operation element by element, in the order that was asked for."""
    if type(result) is tuple:
        return tuple([computed_in(part, order, *operands) for part in result])
    if order not in ("C", "F"):
        return like_operands(result, *operands) if order == "K" else as_function(result, operands)
    if type(result) is not Cell or len(result.root.shape) < 2:
        return result
    return _laid_out(result, np.empty(result.root.shape, np.int8, order=order))  # type: ignore[call-overload]


def in_order(cell: Cell, *orders: str) -> Any:
    """An array itself if it lies in memory in one of the orders "C" and "F" that are asked for, else None."""
    if cell.root.state & (UNSURE | GAPS):
        found = cell.copy(orders[0] if len(orders) == 1 else "A")
        cell.root.origin.tie(found.root)
        return found
    flags = cell.layout().flags
    return cell if any(flags.c_contiguous if order == "C" else flags.f_contiguous for order in orders) else None


def as_function(result: Any, args: Any) -> Any:
    """The result of a function of which it is not known how it lies in memory unless all arguments are in C order."""
    if type(result) is not Cell or len(result.root.shape) < 2:
        return result
    given = arrays_in(args)
    if type(result.root.value) is ndarray and all(type(x) is ndarray or type(x.root.value) is ndarray for x in given):
        return unsure_as(result, *given)
    if all(_is_c_ordered(x) for x in given):
        return _laid_out(result, None)
    result.root.state |= UNSURE
    return result


def as_asked(result: Any, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a function that goes by no values, with the order that NumPy gives of arrays that lie in memory alike."""
    result = as_function(result, args)
    if type(result) is not Cell or not result.root.state & UNSURE or has_traced(unwrap(kwargs)):
        return result
    if any(type(x) is Cell and x.root.state & UNSURE and len(x.shape) > 1 for x in arrays_in(args)):
        return result
    result.root.state &= ~UNSURE
    return _laid_out(result, func(*map(_layouts_of, args), **unwrap(kwargs)))


def _layouts_of(x: Any) -> Any:
    if type(x) in (list, tuple):
        return [_layouts_of(part) for part in x]
    return x.layout() if type(x) is Cell else np.zeros(x.shape) if type(x) in LIFTED else x


def ordered_as(result: Any, small: Any) -> Any:
    """A new array, traced, whose axes follow each other in memory as those of a smaller one do."""
    if type(result) is not Cell or len(result.root.shape) < 2 or result.root.state & UNSURE:
        return result
    axes = sorted(range(small.ndim), key=lambda i: -small.strides[i])
    found = np.empty([result.root.shape[i] for i in axes], np.int8).transpose(np.argsort(axes))
    return result if type(result.root.value) is ndarray else _laid_out(result, found)


def unsure_as(result: Cell, *operands: Any) -> Cell:
    """A new plain array, of which nobody knows how it lies in memory if that is so of an operand: of a `zeros_like`, say."""
    for x in operands:  # a generator takes as long as an operation
        if type(x) is Cell and x.root.state & UNSURE and len(x.shape) > 1:
            result.root.state |= UNSURE
    return result


def in_unknown_order(result: Any, unless: bool = False) -> Any:
    """Arrays of which nobody knows how they lie in memory."""
    if not unless:
        for x in result if type(result) in (tuple, list) else (result,):
            if type(x) is Cell and len(x.root.shape) > 1:
                x.root.state |= UNSURE
    return result


def _is_c_ordered(x: Any) -> bool:
    return bool(x.is_c_ordered() if type(x) is Cell else x.flags.c_contiguous)
