"""Parts of stacks: single items, and the rows of all items."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, shape_of, typeof
from covector.core.primitive import Primitive, jointly
from covector.primitives.shaping import batch_all
from covector.primitives.stacks import Stack, StackAval, all_batched, chosen_items, innermost, stack_add_p

# --- single items: one is read, or replaced in another stack that shares the rest -------------------------------------


def _of_items(name: str, *, linear: bool = True) -> Primitive:
    """A primitive of an index and a stack or an item, ``linear`` in the second.

    The index is a scalar, or over the leading axes of all items an array with a place for each example; a negative one names
    no item.
    """
    primitive = Primitive(name, trusted=True)

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> Any:
        index, *rest = args
        if dims[0] is not None or shape_of(index):
            (index,) = batch_all(size, [index], dims[:1])
        every = all_batched if isinstance(typeof(rest[0]), StackAval) else batch_all
        return primitive.bind(index, *every(size, rest[:1], dims[1:2]), *batch_all(size, rest[1:], dims[2:])), 0

    if linear:

        @primitive.def_jvp
        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            out, t = primitive.bind(*primals), tangents[1]
            return out, (typeof(out).zero if type(t) is Zero else primitive.bind(primals[0], t))

    return primitive


item_p = _of_items("item")
"""``item(index, stack)``: one item, or zero."""


@item_p.def_impl
def _item(index: Any, x: Stack) -> Any:
    if np.ndim(index) == 0:
        return x.of_length(int(index) + 1)[-1] if index >= 0 else x.aval.element.zeros()
    items = [x.aval.element.zeros(), *x.of_length(int(np.max(index, initial=-1)) + 1)]
    return chosen_items(index + 1, items, x.aval.element)


with_item_p = _of_items("with_item", linear=False)
"""``with_item(index, stack, value)``: the stack with the value in place of an item."""


@with_item_p.def_impl
def _with_item(index: Any, x: Stack, value: Any) -> Stack:
    items = x.of_length(max(len(x.items), int(np.max(index, initial=-1)) + 1))
    for k in set(np.ravel(index).tolist()):
        if k >= 0:
            chosen = np.equal(index, k)
            items[k] = value if np.all(chosen) else chosen_items(chosen, [items[k], value], x.aval.element)
    return Stack(x.aval, items)


put_p = _of_items("put")
"""``put(index, value)``: a stack of zeros but for one item."""
put_p.def_impl(lambda index, value: _with_item(index, Stack(StackAval(typeof(value)), []), value))

without_item_p = _of_items("without_item")
"""``without_item(index, stack)``: the stack with one item made zero."""
without_item_p.def_impl(lambda index, x: _with_item(index, x, x.aval.element.zeros()))

item_p.def_abstract(lambda index, x: x.element)
with_item_p.def_abstract(lambda index, x, value: x)
put_p.def_abstract(lambda index, value: StackAval(value))
without_item_p.def_abstract(lambda index, x: x)

item_p.def_transpose(lambda ct, index, x: (None, put_p.bind(index, ct)), linear=jointly(1))
put_p.def_transpose(lambda ct, index, value: (None, item_p.bind(index, ct)), linear=jointly(1))
without_item_p.def_transpose(lambda ct, index, x: (None, without_item_p.bind(index, ct)), linear=jointly(1))


@with_item_p.def_jvp
def _with_item_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    index, out = primals[0], with_item_p.bind(*primals)
    both = zip((without_item_p, put_p), tangents[1:], strict=True)
    parts = [p.bind(index, t) for p, t in both if type(t) is not Zero]
    return out, functools.reduce(stack_add_p.bind, parts) if parts else typeof(out).zero


# --- kept_items: some items, by a mask --------------------------------------------------------------------------------

kept_items_p = _of_items("kept_items")
"""``kept_items(mask, stack)``: the items whose number the mask (of any length) has true, and zero, at no cost, for the others.

The mask is a vector, or over the leading axes of all items an array with a vector for each example.
"""


@kept_items_p.def_impl
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


kept_items_p.def_abstract(lambda mask, x: x)
kept_items_p.def_transpose(lambda ct, mask, x: (None, kept_items_p.bind(mask, ct)), linear=jointly(1))

# --- rows: some examples of all items ---------------------------------------------------------------------------------


def _of_rows(name: str) -> Primitive:
    """A primitive of row numbers and a stack, linear in the stack.

    The numbers are a vector, or over the leading axes of all items an array with a vector for each example.
    """
    primitive = Primitive(name, trusted=True)

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out, t = primitive.bind(*primals, **params), tangents[1]
        return out, (typeof(out).zero if type(t) is Zero else primitive.bind(primals[0], t, **params))

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> Any:
        (numbers,) = batch_all(size, args[:1], dims[:1])
        return primitive.bind(numbers, *all_batched(size, args[1:], dims[1:]), **params), 0

    return primitive


rows_p = _of_rows("rows")
"""``rows(numbers, stack)``: these rows of each item, as ``item[numbers]``."""

add_rows_p = _of_rows("add_rows")
"""``add_rows(numbers, stack)``: the items' rows added up at these numbers of ``count``."""


def _rows(numbers: Any, item: Any) -> Any:
    if type(item) is Stack:
        return rows_p.impl(numbers, item)
    trailing = (1,) * (np.ndim(item) - np.ndim(numbers))
    return np.take_along_axis(item, np.reshape(numbers, np.shape(numbers) + trailing), np.ndim(numbers) - 1)


def _add_rows(numbers: Any, item: Any, count: int) -> Any:
    if type(item) is Stack:
        return add_rows_p.impl(numbers, item, count=count)
    axis = np.ndim(numbers) - 1
    out = np.zeros((*item.shape[:axis], count, *item.shape[axis + 1 :]), item.dtype)
    for example in np.ndindex(item.shape[:axis]):
        np.add.at(out[example], numbers[example], item[example])
    return out


def _with_rows(aval: Any, axis: int, count: int) -> Any:
    """The aval with another number of rows."""
    return aval.example(axis).batched(count, axis)


def _length(aval: Any, axis: int) -> int:
    return _length(aval.element, axis) if isinstance(aval, StackAval) else aval.shape[axis]  # type: ignore[no-any-return]


rows_p.def_impl(lambda numbers, x: Stack(rows_p.abstract(typeof(numbers), x.aval), [_rows(numbers, item) for item in x.items]))
add_rows_p.def_impl(
    lambda numbers, x, *, count: Stack(
        add_rows_p.abstract(typeof(numbers), x.aval, count=count), [_add_rows(numbers, item, count) for item in x.items]
    )
)
rows_p.def_abstract(lambda numbers, x: _with_rows(x, len(numbers.shape) - 1, numbers.shape[-1]))
add_rows_p.def_abstract(lambda numbers, x, *, count: _with_rows(x, len(numbers.shape) - 1, count))


@rows_p.def_transpose(linear=jointly(1))
def _rows_transpose(ct: Any, numbers: Any, x: Any) -> Any:
    return None, add_rows_p.bind(numbers, ct, count=innermost(x.aval).shape[len(shape_of(numbers)) - 1])


add_rows_p.def_transpose(lambda ct, numbers, x, *, count: (None, rows_p.bind(numbers, ct)), linear=jointly(1))
