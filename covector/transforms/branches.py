"""``vmap(f, branches="split")``: Python's ``if`` and ``while`` on batched values.

Where the examples differ, the run goes on for those of which most agree (`covector.interpreters.shrinking_batch`), and ``f``
is run again for the others.  In the end the parts are put together in the order of the batch, by operations that any outer
transformation sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import open_trace
from covector.interpreters.shrinking_batch import ShrinkingTrace
from covector.primitives.arrays.shaping import moveaxis
from covector.primitives.programs.stacks import at_front, innermost
from covector.primitives.programs.while_loop import places, take_rows
from covector.transforms.arguments import Transformed, flatten_result


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
        with open_trace(ShrinkingTrace, members, _rows, _length, *who) as trace:
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


def _length(x: Any, dim: int) -> int:
    return innermost(typeof(x)).shape[dim]


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
        f"{who} has results of different {what}: {of_a} for examples {_numbers(a.members)}, and {of_b} for examples"
        f" {_numbers(b.members)}.",
        why="the results of all examples are stacked, like np.stack([f(x) for x in xs])",
        fix="return the same structure and shapes from each branch",
    )
