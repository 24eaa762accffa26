"""Watching: ``watching(report)`` calls ``report`` with the known results of every operation, forward and backward.

>>> import covector as cv
>>> with watching(lambda name, inputs, outputs, source, phase: print(name, outputs, phase)):
...     _ = cv.jvp(np.square, (3.0,), (1.0,))
square [np.float64(9.0)] value
square [np.float64(6.0)] derivative

While it lasts, traces are opened as versions of themselves that look at what they compute; the evaluator and the backward walk
ask the context whether anybody watches.  Without it nothing is different.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np

from covector.core.avals import Zero
from covector.core.context import WATCH, mode, value_of
from covector.core.jaxpr import Var
from covector.core.primitive import Primitive, Trace, TracerBase, watch_traces
from covector.core.source import user_source
from covector.interpreters.batch import BatchTrace
from covector.interpreters.jvp import JVPTrace, JVPTracer

Report = Callable[[str, Sequence[Any], Sequence[Any], Any, str], None]
"""``report(name of the primitive, inputs, outputs, source, phase)``; the phase is "value", "derivative" or "backward pass"."""


def watching(report: Report) -> AbstractContextManager[Any]:
    """Report what is computed inside the block, in this thread or task; who watched before goes on watching."""
    outer = value_of(WATCH)
    if outer is None:
        return mode(WATCH, report)

    def both(*result: Any) -> None:
        report(*result)
        outer(*result)

    return mode(WATCH, both)


def known(values: Sequence[Any]) -> list[Any]:
    """The arrays and numbers among values."""
    return [x for x in values if not isinstance(x, (TracerBase, Var, Zero)) and x is not None]


def has_nan(x: Any) -> bool:
    """Whether a known value has a NaN in it."""
    array = np.asarray(x)
    return array.dtype.kind in "fc" and bool(np.any(np.isnan(array)))


def _outputs(primitive: Primitive, out: Any) -> Sequence[Any]:
    return out if primitive.multiple_results else [out]


class _WatchedJVP:
    """Put before a type of trace: reports what its rules compute."""

    __slots__ = ()

    def process(self: Any, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        tape = [] if self.tape is None else self.tape.tape
        start = len(tape)
        out = super().process(primitive, args, params)  # type: ignore[misc]
        source, report = user_source(), self.report
        pairs = [self.lower(o) for o in _outputs(primitive, out)]
        before = known([v for a in args for v in self.lower(a)])
        report(primitive.name, before, known([p for p, _ in pairs]), source, "value")
        report(primitive.name, before, known([t for _, t in pairs]), source, "derivative")
        for i in range(start, len(tape)):
            recorded, inputs, options, outputs, _ = tape[i]
            report(primitive.name, before, known(inputs), source, "derivative")
            tape[i] = (recorded, inputs, options, outputs, (primitive.name, source))
        return out


class _WatchedBatch:
    """Put before a type of trace: reports what its rules compute."""

    __slots__ = ()

    def process(self: Any, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        out = super().process(primitive, args, params)  # type: ignore[misc]
        values, results = ([self.lower(x)[0] for x in xs] for xs in (args, _outputs(primitive, out)))
        values, results = (known([x.primal if type(x) is JVPTracer else x for x in xs]) for xs in (values, results))
        self.report(primitive.name, values, results, user_source(), "value")
        return out


def watched_trace(trace_type: Any, report: Report, *args: Any, **kwargs: Any) -> Trace:
    """The trace that is opened in place of one of ``trace_type``, which reports."""
    watched = _watched_type(trace_type)
    trace: Trace = watched(*args, **kwargs)
    if watched is not trace_type:
        trace.report = report  # type: ignore[attr-defined]
    return trace


@cache
def _watched_type(trace_type: Any) -> Any:
    for base, version in ((JVPTrace, _WatchedJVP), (BatchTrace, _WatchedBatch)):
        if issubclass(trace_type, base):
            return type(trace_type.__name__, (version, trace_type), {"__slots__": ("report",)})
    return trace_type


watch_traces(watched_trace)
