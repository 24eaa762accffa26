"""Operations along a named axis: ``psum``, ``all_gather``, ``axis_index`` and ``pvary``; the others are made of them.

What they mean is up to the trace that provides the axis, today a batch.  An array *varies* over the axis if it may differ
between the examples; its aval says so.  ``psum`` of a value
that varies does not vary.  So the transpose of ``psum`` is nothing: the cotangent of the sum is that of each term.  Where a
value that does not vary meets one that does, each example uses it, and the backward walk adds up what the examples send back
(`covector.interpreters.transpose`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import VaryingArray, array_aval, shape_of, typeof, with_varying
from covector.core.context import axis_of_rule, named_axes, open_traces, provider_of
from covector.core.kinds import Discrete, Linear
from covector.core.primitive import ContextPrimitive, Primitive, Trace
from covector.interpreters.stage import StageTrace
from covector.interpreters.transpose import kept_axes, register_total_over_axes
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.shaping import Dims, broadcast_to_p, moveaxis, reduce_sum_p

Axes = tuple[Any, ...]


def collective(name: str, transpose: Callable[..., Any], abstract: Callable[..., Any]) -> Primitive:
    """A collective that is linear in its one argument."""
    return ask_provider(Primitive(name, Linear(None, transpose, abstract=abstract), trusted=True))


def ask_provider(primitive: Primitive) -> Primitive:
    """Let what a collective is of plain arrays be up to the trace that provides the axis."""
    primitive.collective = True

    @primitive.def_impl
    def impl(*args: Any, axes: Axes, **params: Any) -> Any:
        provider = provider_of(axes[0])
        if provider is None or provider.collective is None:
            raise unbound(axes[0])
        return provider.collective(primitive, *args, axes=axes, **params)

    return primitive


def unbound(name: Any, known: Sequence[Any] = ()) -> errors.AxisNameError:
    """The error for a name that no batch has."""
    names = ", ".join(map(repr, known))
    return errors.AxisNameError(
        f"there is no batch axis named {name!r}.",
        why=f"the named axes here are {names}" if known else "no axis has a name here",
        fix=f"call the function inside vmap(f, axis_name={name!r})",
    )


# --- psum: the sum over all examples ----------------------------------------------------------------------------------

psum_p = collective(
    "psum", lambda ct, x, *, axes: sum_over(ct, axes), lambda x, *, axes: with_varying(x, x.varying - set(axes))
)
"""Each term has the cotangent of the sum; where the examples have one each, their sum (all use the same sum)."""


@psum_p.def_batch
def _psum_batch(size: int, args: Sequence[Any], dims: Dims, *, axes: Axes) -> Any:
    (x,), (d,) = args, dims
    name = axis_of_rule()
    if name not in axes:
        return psum_p.bind(x, axes=axes), d
    total = x * size if d is None else reduce_sum_p.bind(x, axes=(d,))
    return sum_over(total, {*axes} - {name}), None


def sum_over(x: Any, names: Any) -> Any:
    """``psum``, over the axes that a value varies over; the others are left out."""
    over = tuple(sorted(set(names) & typeof(x).varying, key=str))
    return psum_p.bind(x, axes=over) if over else x


def total_over(x: Any, names: Any) -> Any:
    """The sum over all examples of a value that each of them has, be it the same for all."""
    sizes = dict(named_axes())
    for name in set(names) - typeof(x).varying:
        x = x * sizes[name]
    return sum_over(x, names)


register_total_over_axes(total_over)


# --- all_gather: the values of all examples, stacked ------------------------------------------------------------------


def _all_gather_abstract(x: Any, *, axes: Axes, count: int, axis: int) -> Any:
    shape = (*x.shape[:axis], count, *x.shape[axis:])
    return with_varying(array_aval(shape, x.dtype), x.varying - set(axes))


all_gather_p = collective(
    "all_gather",
    lambda ct, x, *, axes, count, axis: own_part(sum_over(ct, axes), axes[0], axis),
    _all_gather_abstract,
)
"""Each example takes its part of the cotangent; where the examples have one each, of their sum."""


@all_gather_p.def_batch
def _all_gather_batch(size: int, args: Sequence[Any], dims: Dims, *, axes: Axes, count: int, axis: int) -> Any:
    (x,), (d,) = args, dims
    if axis_of_rule() in axes:
        return (repeated(x, size, axis) if d is None else moveaxis(x, d, axis)), None
    assert d is not None
    front = moveaxis(x, d, 0)
    return all_gather_p.bind(front, axes=axes, count=count, axis=axis + 1), 0


def own_part(x: Any, name: Any, axis: int) -> Any:
    """Of an array with an item for each example, along an axis, the example's own."""
    return gather_p.bind(moveaxis(x, axis, 0), axis_index_p.bind(axes=(name,)))


# --- axis_index: the number of the example ----------------------------------------------------------------------------


class AxisIndex(ContextPrimitive):
    """The number of the example; in a loop or branch that not all examples run it is a value from outside."""

    __slots__ = ()

    def place(self, trace: Trace | None, params: dict[str, Any]) -> Trace | None:
        traces = open_traces()
        own = [i for i, t in enumerate(traces) if t.axis_name == params["axes"][0]]
        start = own[-1] + 1 if own else 0
        parts = [i for i, t in enumerate(traces) if i >= start and isinstance(t, StageTrace) and t.is_part]
        return next((t for t in reversed(traces[: parts[0] if parts else None]) if t.takes(self, params)), None)


axis_index_p = ask_provider(AxisIndex("axis_index", Discrete(), trusted=True))
axis_index_p.def_abstract(lambda *, axes: VaryingArray((), np.int64, axes))
axis_index_p.def_batch(lambda size, args, dims, *, axes: (np.arange(size), 0))


# --- pvary: of what the examples share, each one's own ----------------------------------------------------------------

_own = Linear(None, lambda ct, x, *, axes: total_over(ct, set(axes) - (kept_axes() or set())))
pvary_p = ask_provider(ContextPrimitive("pvary", _own, trusted=True))
"""The same value, as one that may differ between the examples: so each of them has a derivative of its own."""
pvary_p.def_abstract(lambda x, *, axes: with_varying(x.strengthened(), x.varying | set(axes)))


@pvary_p.def_batch
def _pvary_batch(size: int, args: Sequence[Any], dims: Dims, *, axes: Axes) -> Any:
    (x,), (d,) = args, dims
    rest = tuple(a for a in axes if a != axis_of_rule())
    if rest:
        x = pvary_p.bind(x, axes=rest)
    return (x, d) if rest == axes or d is not None else (broadcast_to_p.bind(x, shape=(size, *shape_of(x))), 0)


def repeated(x: Any, size: int, axis: int) -> Any:
    """The stack of what all examples have in common."""
    return np.repeat(np.expand_dims(x, axis), size, axis) if shape_of(x) else np.full(size, 1) * x
