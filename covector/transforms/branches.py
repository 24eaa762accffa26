"""``vmap(f, branches="split")``: Python's ``if`` and ``while`` on batched values.

Where Python asks a batched value for its truth (or for an integer) and the examples differ, the run goes on for the examples of
which most agree; what was computed before is cut down to them when it is used next.  The others wait, and ``f`` is run again
for them.  In the end the parts are put together in the order of the batch, by operations that any outer transformation sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import Primitive, open_trace
from covector.core.source import Source
from covector.core.tracer import Tracer
from covector.interpreters.batch import BatchTrace, BatchTracer
from covector.primitives.shaping import moveaxis
from covector.primitives.stacks import innermost
from covector.primitives.subprograms import at_front
from covector.primitives.while_loop import places, take_rows
from covector.transforms.arguments import Transformed, flatten_result


class SplitTrace(BatchTrace):
    """A batch that loses examples on the way.

    Attributes:
        members: the numbers of the examples that are left.
        waiting: the numbers of those that must be run again, in parts that agreed up to where they left.
    """

    __slots__ = ("members", "survivors", "waiting")

    whole = False

    def __init__(self, members: Any, name: str = "vmap", origin: Source | None = None):
        super().__init__(len(members), None, name, origin)
        self.members = members
        self.waiting: list[Any] = []
        self.survivors: dict[int, Any] = {}
        """For each size that the batch has had, which of those examples are left."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return super().process(primitive, [self.current(a) for a in args] if self.survivors else args, params)

    def current(self, x: Any) -> Any:
        """A tracer of this trace for the examples that are left; anything else unchanged."""
        if type(x) is not BatchTracer or x._trace is not self:
            return x
        size = innermost(typeof(x.value)).shape[x.dim]
        if size == self.size:
            return x
        return BatchTracer(self, _rows(x.value, x.dim, self.survivors[size]), 0)

    def lower(self, x: Any) -> tuple[Any, int | None]:
        return super().lower(self.current(x) if self.survivors else x)

    def answer(self, tracer: BatchTracer) -> Any:
        value, dim = self.lower(tracer)
        known = _known(value)
        if known is None:
            return None
        rows = np.moveaxis(np.asarray(known), dim or 0, 0)
        if not len(rows):
            raise errors.BatchSizeError(
                errors.describe(
                    f"the value of {tracer!r} is asked for inside {self.name}, of a batch of size 0.",
                    why="the examples tell which branch to take, and there are none",
                    fix="call the function on at least one example, or choose with np.where",
                )
            )
        if not np.all(rows == rows[:1]):
            group = _groups(rows)
            rows = self.keep(rows, group, int(np.argmax(np.bincount(group))))
        return rows[0]

    def keep(self, rows: Any, group: Any, chosen: int) -> Any:
        """Go on with one group of the examples, and let the others wait."""
        self.waiting += [self.members[group == k] for k in range(group.max() + 1) if k != chosen]
        left = np.flatnonzero(group == chosen)
        self.survivors = {size: kept[left] for size, kept in self.survivors.items()}
        self.survivors[self.size] = left
        self.members, self.size = self.members[left], len(left)
        return rows[left]


def _groups(rows: Any) -> Any:
    """For each row a number that equal rows share."""
    if rows.dtype == bool and rows.ndim == 1:
        return rows.astype(int)
    axis = None if rows.ndim == 1 else 0
    return np.unique(rows.reshape(len(rows), -1) if axis == 0 else rows, axis=axis, return_inverse=True)[1].reshape(-1)


def _known(value: Any) -> Any:
    if not isinstance(value, Tracer):
        return value
    known = value.concrete()
    return value.answer() if known is None else known


class Part(NamedTuple):
    """The outputs of some examples."""

    members: Any
    outs: list[tuple[Any, int | None]]
    tree: Any


def run_parts(
    f: Callable[..., Any], leaves: list[Any], dims: list[int | None], size: int, who: Transformed
) -> tuple[list[tuple[Any, int | None]], Any]:
    """The outputs of ``f`` (a function of leaves) for a batch, with their batch axes, and the structure of the result."""
    waiting: list[Any] = [np.arange(size)]
    parts = []
    while waiting:
        members = waiting.pop()
        own = leaves if len(members) == size else [_rows(x, d, members) for x, d in zip(leaves, dims, strict=True)]
        axes = dims if own is leaves else [None if d is None else 0 for d in dims]
        with open_trace(SplitTrace, members, *who) as trace:
            try:
                outs, tree = flatten_result(f(*map(trace.lift, own, axes)), who.name)
            except Exception as error:
                error.add_note(f"  raised in {who.name}, for examples {_numbers(trace.members)}")
                raise
            parts.append(Part(trace.members, [trace.lower(o) for o in outs], tree))
        waiting += trace.waiting
    return (parts[0].outs if len(parts) == 1 else _together(parts, who.name)), parts[0].tree


def _rows(x: Any, dim: int | None, members: Any) -> Any:
    return x if dim is None else take_rows(moveaxis(x, dim, 0), members)


def _numbers(members: Any) -> str:
    return ", ".join(map(str, members[:8])) + (", ..." if len(members) > 8 else "")


def _together(parts: list[Part], who: str) -> list[tuple[Any, int | None]]:
    """The outputs of all examples, in their order."""
    first = parts[0]
    for part in parts[1:]:
        if part.tree != first.tree:
            raise _differ(who, "structures", first, part, f"{first.tree}", f"{part.tree}")
        for (x, d), (y, e) in zip(first.outs, part.outs, strict=True):
            a, b = (typeof(v) if axis is None else typeof(v).example(axis) for v, axis in ((x, d), (y, e)))
            if a.shape != b.shape:
                raise _differ(who, "shapes", first, part, str(a), str(b))
    order = places([p.members for p in parts])
    columns = zip(*([at_front(x, d, len(p.members), True) for x, d in p.outs] for p in parts), strict=True)
    return [(take_rows(np.concatenate(column), order), 0) for column in columns]


def _differ(who: str, what: str, a: Part, b: Part, of_a: str, of_b: str) -> errors.BranchTypeError:
    return errors.BranchTypeError(
        errors.describe(
            f"{who} has results of different {what}: {of_a} for examples {_numbers(a.members)}, and {of_b} for examples"
            f" {_numbers(b.members)}.",
            why="the results of all examples are stacked, like np.stack([f(x) for x in xs])",
            fix="return the same structure and shapes from each branch",
        )
    )
