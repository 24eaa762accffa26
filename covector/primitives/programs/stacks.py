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
from covector.primitives.arrays.shaping import batch_all


class StackAval(AbstractValue):
    """The aval of a `Stack`; ``ticks`` marks the one whose items say for each step whether it happened.

    >>> StackAval(ShapedArray((3,), np.float64))
    stack(f64[3])
    """

    __slots__ = ("element", "ticks")

    def __init__(self, element: Any, ticks: bool = False):
        self.element = element
        self.ticks = ticks

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StackAval) and (self.element, self.ticks) == (other.element, other.ticks)

    def __hash__(self) -> int:
        return hash((StackAval, self.element, self.ticks))

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


def all_batched(size: int, stacks: Sequence[Any], dims: Sequence[int | None]) -> list[Any]:
    """The stacks with a batch axis in front of each item."""
    assert all(d in (None, 0) for d in dims)
    return [repeat_items_p.bind(s, axis=0, times=size) if d is None else s for s, d in zip(stacks, dims, strict=True)]


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
        stand_in = np.zeros(shape_of(index), bool) if aval.ticks else next(s.items[t] for s in given if len(s.items) > t)
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


merge_p = Primitive("merge", Opaque(_merge), trusted=True)
"""``merge(index, *stacks)``: for each example the items of the stack that its index names.

The index is an array of integers over the leading axes of all items.  Where the chosen stack has ended already, an item of
one that goes on stands in (it is as good as any, since its tick is false).
"""
merge_p.def_abstract(lambda index, *stacks: stacks[0])


@merge_p.def_jvp
def _merge_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """A stand-in counts for nothing, so its tangent is zero."""
    index, out = primals[0], merge_p.bind(*primals)
    parts = [part_p.bind(index, t, number=k) for k, t in enumerate(tangents[1:]) if type(t) is not Zero]
    return out, functools.reduce(stack_add_p.bind, parts) if parts else typeof(out).zero


def _part(index: Any, x: Stack, *, number: int) -> Stack:
    return Stack(x.aval, [chosen_items(index == number, [x.aval.element.zeros(), item], x.aval.element) for item in x.items])


_one_part = Linear(_part, lambda ct, index, x, *, number: part_p.bind(index, ct, number=number), positions=(1,))
part_p = Primitive("part", _one_part, trusted=True)
"""``part(index, stack)``: the items with zeros for the examples whose index is not ``number``."""
part_p.def_abstract(lambda index, x, *, number: x)


@merge_p.def_batch
def _merge_batch(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> Any:
    (index,) = batch_all(size, args[:1], dims[:1])
    return merge_p.bind(index, *all_batched(size, args[1:], dims[1:])), 0


@part_p.def_batch
def _part_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, number: int) -> Any:
    (index,) = batch_all(size, args[:1], dims[:1])
    return part_p.bind(index, *all_batched(size, args[1:], dims[1:]), number=number), 0
