"""Batches that shrink where Python asks for a value: what ``vmap(f, branches="split")`` runs its function on.

>>> import covector as cv
>>> cv.vmap(lambda x: -x if x < 0 else x, branches="split")(np.array([-1.0, 2.0]))
array([1., 2.])

Where Python asks a batched value for its truth (or for an integer) and the examples differ, the run goes on for the examples of
which most agree; what was computed before is cut down to them when it is used next.  The others wait to be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.primitive import Primitive
from covector.core.tracer import Tracer
from covector.interpreters.batch import BatchTrace, BatchTracer


class ShrinkingTrace(BatchTrace):
    """A batch that loses examples on the way.

    Args:
        rows: ``rows(value, dim, numbers)``, some examples of a batch, in front.
        length: ``length(value, dim)``, how many there are.

    Attributes:
        members: the numbers of the examples that are left.
        waiting: the numbers of those that must be run again, in parts that agreed up to where they left.
    """

    __slots__ = ("length", "members", "rows", "survivors", "waiting")

    whole = False

    def __init__(self, members: Any, rows: Callable[..., Any], length: Callable[..., int], *who: Any):
        super().__init__(len(members), None, *who)
        self.members, self.rows, self.length = members, rows, length
        self.waiting: list[Any] = []
        self.survivors: dict[int, Any] = {}
        """For each size that the batch has had, which of those examples are left."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return super().process(primitive, [self.current(a) for a in args] if self.survivors else args, params)

    def current(self, x: Any) -> Any:
        """A tracer of this trace for the examples that are left; anything else unchanged."""
        if type(x) is not BatchTracer or x._trace is not self:
            return x
        size = self.length(x.examples, x.dim)
        if size == self.size:
            return x
        return BatchTracer(self, self.rows(x.examples, x.dim, self.survivors[size]), 0)

    def lower(self, x: Any) -> tuple[Any, int | None]:
        return super().lower(self.current(x) if self.survivors else x)

    def answer(self, tracer: BatchTracer) -> Any:
        own = self.current(tracer)
        known = _known(own.examples)
        if known is None:
            return None
        rows = np.moveaxis(np.asarray(known), own.dim, 0)
        if not len(rows):
            raise errors.BatchSizeError(
                f"the value of {tracer!r} is asked for inside {self.name}, of a batch of size 0.",
                why="the examples tell which branch to take, and there are none",
                fix="call the function on at least one example, or choose with np.where",
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
        return rows
    return np.unique(rows, axis=None if rows.ndim == 1 else 0, return_inverse=True)[1].reshape(-1)


def _known(value: Any) -> Any:
    if not isinstance(value, Tracer):
        return value
    known = value.concrete()
    return value.answer() if known is None else known
