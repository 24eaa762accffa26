"""Parts of stacks: single items, and the rows of all items."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, shape_of, typeof
from covector.core.kinds import Linear, Opaque
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_all
from covector.primitives.programs.stacks import Stack, StackAval, all_batched, chosen_items, innermost, stack_add_p

# --- single items: one is read, or replaced in another stack that shares the rest -------------------------------------


def _of_items(name: str, fn: Callable[..., Any], transpose: Callable[..., Any] | None = None) -> Primitive:
    """A primitive of an index and a stack or an item, linear in the second if there is a ``transpose``.

    The index is a scalar, or over the leading axes of all items an array with a place for each example; a negative one names
    no item.
    """
    primitive = Primitive(name, Linear(fn, transpose, positions=(1,)) if transpose else Opaque(fn), trusted=True)

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> Any:
        index, *rest = args
        if dims[0] is not None or shape_of(index):
            (index,) = batch_all(size, [index], dims[:1])
        every = all_batched if isinstance(typeof(rest[0]), StackAval) else batch_all
        return primitive.bind(index, *every(size, rest[:1], dims[1:2]), *batch_all(size, rest[1:], dims[2:])), 0

    return primitive



def _item(index: Any, x: Stack) -> Any:
    if np.ndim(index) == 0:
        return x.of_length(int(index) + 1)[-1] if index >= 0 else x.aval.element.zeros()
    items = [x.aval.element.zeros(), *x.of_length(int(np.max(index, initial=-1)) + 1)]
    return chosen_items(index + 1, items, x.aval.element)


item_p = _of_items("item", _item, lambda ct, index, x: put_p.bind(index, ct))
"""``item(index, stack)``: one item, or zero."""


def _with_item(index: Any, x: Stack, value: Any) -> Stack:
    items = x.of_length(max(len(x.items), int(np.max(index, initial=-1)) + 1))
    for k in set(np.ravel(index).tolist()):
        if k >= 0:
            chosen = np.equal(index, k)
            items[k] = value if np.all(chosen) else chosen_items(chosen, [items[k], value], x.aval.element)
    return Stack(x.aval, items)


with_item_p = _of_items("with_item", _with_item)
"""``with_item(index, stack, value)``: the stack with the value in place of an item."""

put_p = _of_items(
    "put",
    lambda index, value: _with_item(index, Stack(StackAval(typeof(value)), []), value),
    lambda ct, index, value: item_p.bind(index, ct),
)
"""``put(index, value)``: a stack of zeros but for one item."""

without_item_p = _of_items(
    "without_item",
    lambda index, x: _with_item(index, x, x.aval.element.zeros()),
    lambda ct, index, x: without_item_p.bind(index, ct),
)
"""``without_item(index, stack)``: the stack with one item made zero."""

item_p.def_abstract(lambda index, x: x.element)
with_item_p.def_abstract(lambda index, x, value: x)
put_p.def_abstract(lambda index, value: StackAval(value))
without_item_p.def_abstract(lambda index, x: x)


@with_item_p.def_jvp
def _with_item_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    index, out = primals[0], with_item_p.bind(*primals)
    both = zip((without_item_p, put_p), tangents[1:], strict=True)
    parts = [p.bind(index, t) for p, t in both if type(t) is not Zero]
    return out, functools.reduce(stack_add_p.bind, parts) if parts else typeof(out).zero


# --- kept_items: some items, by a mask --------------------------------------------------------------------------------


def _kept_items(mask: Any, x: Stack) -> Stack:
    nothing = _zero_at_no_cost(x.aval.element)
    masks = np.moveaxis(mask, -1, 0)[: len(x.items)]
    items = [
        item if np.all(m) else chosen_items(m, [nothing, item], x.aval.element) if np.any(m) else nothing
        for m, item in zip(masks, x.items, strict=False)
    ]
    return Stack(x.aval, items)


def _zero_at_no_cost(aval: Any) -> Any:
    return np.broadcast_to(np.zeros((), aval.dtype), aval.shape) if isinstance(aval, ShapedArray) else aval.zeros()


kept_items_p = _of_items("kept_items", _kept_items, lambda ct, mask, x: kept_items_p.bind(mask, ct))
"""``kept_items(mask, stack)``: the items whose number the mask (of any length) has true, and zero, at no cost, for the others.

The mask is a vector, or over the leading axes of all items an array with a vector for each example.
"""
kept_items_p.def_abstract(lambda mask, x: x)

# --- rows: some examples of all items ---------------------------------------------------------------------------------


def _rows(numbers: Any, item: Any) -> Any:
    if type(item) is Stack:
        return Stack(_with_rows(item.aval, numbers, np.shape(numbers)[-1]), [_rows(numbers, i) for i in item.items])
    trailing = (1,) * (np.ndim(item) - np.ndim(numbers))
    return np.take_along_axis(item, np.reshape(numbers, np.shape(numbers) + trailing), np.ndim(numbers) - 1)


def _add_rows(numbers: Any, item: Any, *, count: int) -> Any:
    if type(item) is Stack:
        return Stack(_with_rows(item.aval, numbers, count), [_add_rows(numbers, i, count=count) for i in item.items])
    axis = np.ndim(numbers) - 1
    out = np.zeros((*item.shape[:axis], count, *item.shape[axis + 1 :]), item.dtype)
    for example in np.ndindex(item.shape[:axis]):
        np.add.at(out[example], numbers[example], item[example])
    return out


def _with_rows(aval: Any, numbers: Any, count: int) -> Any:
    """The aval with another number of rows."""
    axis = len(numbers.shape) - 1
    return aval.example(axis).batched(count, axis)


def _of_rows(name: str, fn: Callable[..., Any], transpose: Callable[..., Any]) -> Primitive:
    """A primitive of row numbers and a stack, linear in the stack.

    The numbers are a vector, or over the leading axes of all items an array with a vector for each example.
    """

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> Any:
        (numbers,) = batch_all(size, args[:1], dims[:1])
        return primitive.bind(numbers, *all_batched(size, args[1:], dims[1:]), **params), 0

    primitive = Primitive(name, Linear(fn, transpose, positions=(1,), batch=batch), trusted=True)
    return primitive


rows_p = _of_rows(
    "rows", _rows, lambda ct, numbers, x: add_rows_p.bind(numbers, ct, count=innermost(x).shape[len(shape_of(numbers)) - 1])
)
"""``rows(numbers, stack)``: these rows of each item, as ``item[numbers]``."""
rows_p.def_abstract(lambda numbers, x: _with_rows(x, numbers, numbers.shape[-1]))

add_rows_p = _of_rows("add_rows", _add_rows, lambda ct, numbers, x, *, count: rows_p.bind(numbers, ct))
"""``add_rows(numbers, stack)``: the items' rows added up at these numbers of ``count``."""
add_rows_p.def_abstract(lambda numbers, x, *, count: _with_rows(x, numbers, count))
