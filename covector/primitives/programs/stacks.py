"""Stacks: what a loop of unknown length leaves behind, one item for each step.

A `Stack` is a value with an aval of its own, `StackAval`: it says what the items look like, not how many there are.  Reverse
mode through ``while_loop`` keeps its residuals in stacks.  Stacks of different lengths meet where a batch was divided between
loops; `merge_p` fills up the shorter one, and its *ticks* say of each step for which examples it happened.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import AbstractValue, ShapedArray, Zero, array_aval, register_type, shape_of, typeof
from covector.core.jaxpr import same_value
from covector.core.kinds import Linear, Opaque
from covector.core.memory import mapped, register_parts
from covector.core.primitive import Primitive
from covector.core.text.notation import register_notation
from covector.primitives.arrays.shaping import Dims, batch_all, broadcast_to_p, moveaxis


class StackAval(AbstractValue):
    """The aval of a `Stack`; ``ticks`` marks the one whose items say for each step whether it happened.

    >>> StackAval(ShapedArray((3,), np.float64))
    stack(f64[3])
    """

    __slots__ = ("element", "ticks")
    __match_args__ = ("element", "ticks")

    def __init__(self, element: Any, ticks: bool = False):
        self.element = element
        self.ticks = ticks

    def __eq__(self, other: object) -> bool:
        return type(other) is StackAval and (self.element, self.ticks) == (other.element, other.ticks)

    def __hash__(self) -> int:
        return hash((self.element, self.ticks))

    def tangent(self) -> StackAval:
        return StackAval(self.element.tangent())

    def batched(self, size: int, dim: int) -> StackAval:
        return StackAval(self.element.batched(size, dim), self.ticks)

    def example(self, dim: int) -> StackAval:
        return StackAval(self.element.example(dim), self.ticks)

    def zeros(self) -> Stack:
        return Stack(self, [])

    def add(self, x: Any, y: Any) -> Any:
        return stack_add_p.bind(x, y)

    def __repr__(self) -> str:
        return f"stack({self.element}{', ticks' if self.ticks else ''})"


register_notation(StackAval, "stack", lambda a: (a.element, True) if a.ticks else (a.element,))


class Stack:
    """Values of one aval, one for each step.  An empty stack is also the zero of any length."""

    __slots__ = ("aval", "items")

    def __init__(self, aval: StackAval, items: Sequence[Any]):
        self.aval = aval
        self.items = list(items)

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stack) and self.aval == other.aval and same_value(self.items, other.items)

    __hash__ = None  # type: ignore[assignment]

    def of_length(self, length: int) -> list[Any]:
        """The items for so many steps; where there are none they are zero."""
        return [*self.items[:length], *[self.aval.element.zeros()] * (length - len(self.items))]

    def __repr__(self) -> str:
        return f"<stack of {len(self.items)} x {self.aval.element}>"


register_type(Stack, lambda x: x.aval)
register_parts(Stack, lambda x, f: Stack(x.aval, [mapped(f, item) for item in x.items]))
register_notation(Stack, "stacked", lambda x: (x.aval, *x.items), lambda aval, *items: Stack(aval, items))


def stacked_aval(element: Any, length: int | None) -> Any:
    """The aval of one value for each step: an array where the number of steps is known and the value is one."""
    if length is None or not isinstance(element, ShapedArray):
        return StackAval(element)
    return array_aval((length, *element.shape), element.dtype)


# --- items with one axis more, or less --------------------------------------------------------------------------------


def _on_items(name: str, f: Callable[..., Any], aval: Callable[..., Any], transpose: Callable[..., Any]) -> Primitive:
    """A linear primitive that does the same to each item, along the parameter ``axis``."""

    def fn(x: Stack, **params: Any) -> Stack:
        nested = isinstance(x.aval.element, StackAval)
        return Stack(abstract(x.aval, **params), [(fn if nested else f)(item, **params) for item in x.items])

    def abstract(x: StackAval, **params: Any) -> StackAval:
        return StackAval(aval(x.element, **params), x.ticks)

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], *, axis: int, **params: Any) -> Any:
        return primitive.bind(*args, axis=axis + 1, **params), 0

    primitive = Primitive(name, Linear(fn, transpose, abstract=abstract, batch=batch), trusted=True)
    return primitive


repeat_items_p = _on_items(
    "repeat_items",
    lambda x, axis, times: np.repeat(np.expand_dims(x, axis), times, axis),
    lambda a, axis, times: a.batched(times, axis),
    lambda ct, x, *, axis, times: sum_items_p.bind(ct, axis=axis),
)
sum_items_p = _on_items(
    "sum_items",
    lambda x, axis: np.sum(x, axis),
    lambda a, axis: a.example(axis),
    lambda ct, x, *, axis: repeat_items_p.bind(ct, axis=axis, times=innermost(x).shape[axis]),
)


def innermost(aval: Any) -> ShapedArray:
    """The aval of the arrays in a stack, or in a stack of stacks."""
    return innermost(aval.element) if isinstance(aval, StackAval) else aval


def at_front(x: Any, dim: int | None, size: int, wanted: bool) -> Any:
    """A batched array with its batch axis in front; one that is not batched is repeated if that is ``wanted``."""
    if dim is None and wanted:
        if isinstance(typeof(x), StackAval):
            return repeat_items_p.bind(x, axis=0, times=size)
        return broadcast_to_p.bind(x, shape=(size, *shape_of(x)))
    return moveaxis(x, dim, 0) if dim else x


def all_batched(size: int, values: Sequence[Any], dims: Dims) -> list[Any]:
    """Stacks and arrays with a batch axis in front (of each item); those that are not batched are repeated."""
    return [at_front(x, d, size, True) for x, d in zip(values, dims, strict=True)]


def indexed(
    name: str, fn: Callable[..., Any], abstract: Callable[..., Any], transpose: Callable[..., Any] | None = None
) -> Primitive:
    """A primitive of an index and of stacks and items, linear in the first of these if there is a ``transpose``.

    The index is over the leading axes of all items, an array with a value (or a vector) for each example.  One that has none of
    them may stay the same for all.
    """
    primitive = Primitive(name, Linear(fn, transpose, positions=(1,)) if transpose else Opaque(fn), trusted=True)
    primitive.def_abstract(abstract)

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Dims, **params: Any) -> Any:
        same = dims[0] is None and not shape_of(args[0])
        index = args[:1] if same else batch_all(size, args[:1], dims[:1])
        return primitive.bind(*index, *all_batched(size, args[1:], dims[1:]), **params), 0

    return primitive


def _like_stack(index: Any, x: Any, *args: Any, **params: Any) -> Any:
    return x


# --- stack_add: the sum of two stacks, step by step -------------------------------------------------------------------


def _stack_add(x: Stack, y: Stack) -> Stack:
    if not x or not y:
        return x or y
    length = max(len(x.items), len(y.items))
    pairs = zip(x.of_length(length), y.of_length(length), strict=True)
    return Stack(x.aval, [x.aval.element.add(a, b) for a, b in pairs])


_adding = Linear(_stack_add, lambda ct, x, y: (ct, ct), positions=(0, 1), alone=(lambda t, x, y: t, lambda t, x, y: t))
stack_add_p = Primitive("stack_add", _adding, trusted=True)
stack_add_p.def_abstract(lambda x, y: x)
stack_add_p.def_batch(lambda size, args, dims: (stack_add_p.bind(*all_batched(size, args, dims)), 0))


# --- merge: a stack for each example of a batch -----------------------------------------------------------------------


def _merge(index: Any, *stacks: Stack) -> Stack:
    given = [s for s in stacks if s]
    aval = stacks[0].aval
    items = []
    for t in range(max((len(s.items) for s in given), default=0)):
        stand_in = aval.element.zeros() if aval.ticks else next(s.items[t] for s in given if len(s.items) > t)
        items.append(chosen_items(index, [s.items[t] if len(s.items) > t else stand_in for s in stacks], aval.element))
    return Stack(aval, items)


def chosen_items(index: Any, items: Sequence[Any], aval: Any) -> Any:
    """Of each example the item that its index names."""
    if isinstance(aval, StackAval):
        return merge_p.bind(index, *items)
    out = np.empty(aval.shape, aval.dtype)
    for k, item in enumerate(items):
        out[index == k] = item[index == k]
    return out


merge_p = indexed("merge", _merge, lambda index, *stacks: stacks[0])
"""``merge(index, *stacks)``: for each example the items of the stack that its index names.

The index is an array of integers over the leading axes of all items.  Where the chosen stack has ended already, an item of
one that goes on stands in (it is as good as any, since its tick is false).
"""


@merge_p.def_jvp
def _merge_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """A stand-in counts for nothing, so its tangent is zero."""
    index, out = primals[0], merge_p.bind(*primals)
    return out, _sum([part_p.bind(index, t, number=k) for k, t in enumerate(tangents[1:]) if type(t) is not Zero], out)


def _sum(tangents: list[Any], out: Any) -> Any:
    return functools.reduce(stack_add_p.bind, tangents) if tangents else typeof(out).zero


def _part(index: Any, x: Stack, *, number: int) -> Stack:
    return Stack(x.aval, [chosen_items(index == number, [x.aval.element.zeros(), item], x.aval.element) for item in x.items])


part_p = indexed("part", _part, _like_stack, lambda ct, index, x, *, number: part_p.bind(index, ct, number=number))
"""``part(index, stack)``: the items with zeros for the examples whose index is not ``number``."""


# --- single items: one is read, or replaced in another stack that shares the rest -------------------------------------
#
# The index is a scalar, or an array with a place for each example; a negative one names no item.


def _item(index: Any, x: Stack) -> Any:
    if np.ndim(index) == 0:
        return x.of_length(int(index) + 1)[-1] if index >= 0 else x.aval.element.zeros()
    items = [x.aval.element.zeros(), *x.of_length(int(np.max(index, initial=-1)) + 1)]
    return chosen_items(index + 1, items, x.aval.element)


item_p = indexed("item", _item, lambda index, x: x.element, lambda ct, index, x: put_p.bind(index, ct))
"""``item(index, stack)``: one item, or zero."""


def _with_item(index: Any, x: Stack, value: Any) -> Stack:
    items = x.of_length(max(len(x.items), int(np.max(index, initial=-1)) + 1))
    for k in set(np.ravel(index).tolist()):
        if k >= 0:
            chosen = np.equal(index, k)
            items[k] = value if np.all(chosen) else chosen_items(chosen, [items[k], value], x.aval.element)
    return Stack(x.aval, items)


with_item_p = indexed("with_item", _with_item, _like_stack)
"""``with_item(index, stack, value)``: the stack with the value in place of an item."""

put_p = indexed(
    "put",
    lambda index, value: _with_item(index, Stack(StackAval(typeof(value)), []), value),
    lambda index, value: StackAval(value),
    lambda ct, index, value: item_p.bind(index, ct),
)
"""``put(index, value)``: a stack of zeros but for one item."""

without_item_p = indexed(
    "without_item",
    lambda index, x: _with_item(index, x, x.aval.element.zeros()),
    _like_stack,
    lambda ct, index, x: without_item_p.bind(index, ct),
)
"""``without_item(index, stack)``: the stack with one item made zero."""



@with_item_p.def_jvp
def _with_item_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    index, out = primals[0], with_item_p.bind(*primals)
    both = zip((without_item_p, put_p), tangents[1:], strict=True)
    return out, _sum([p.bind(index, t) for p, t in both if type(t) is not Zero], out)


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


kept_items_p = indexed("kept_items", _kept_items, _like_stack, lambda ct, mask, x: kept_items_p.bind(mask, ct))
"""``kept_items(mask, stack)``: the items whose number the mask (of any length) has true, and zero, at no cost, for the others.

The mask is a vector, or over the leading axes of all items an array with a vector for each example.
"""

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


rows_p = indexed(
    "rows",
    _rows,
    lambda numbers, x: _with_rows(x, numbers, numbers.shape[-1]),
    lambda ct, numbers, x: add_rows_p.bind(numbers, ct, count=innermost(x).shape[len(shape_of(numbers)) - 1]),
)
"""``rows(numbers, stack)``: these rows of each item, as ``item[numbers]``."""

add_rows_p = indexed(
    "add_rows",
    _add_rows,
    lambda numbers, x, *, count: _with_rows(x, numbers, count),
    lambda ct, numbers, x, *, count: rows_p.bind(numbers, ct),
)
"""``add_rows(numbers, stack)``: the items' rows added up at these numbers of ``count``."""
