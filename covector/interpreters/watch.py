"""Watching: ``watching(report)`` calls ``report`` with the known results of every operation, forward and backward.

The traces, the backward walk and the evaluator are replaced by versions that look at what they compute, for as long as the mode
lasts; without it nothing is different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from covector.core.avals import Zero
from covector.core.modes import mode
from covector.core.primitive import Primitive, TracerBase, open_traces
from covector.core.source import user_source
from covector.interpreters import transpose
from covector.interpreters.batch import BatchTrace
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.stage import LinearTrace

Report = Callable[[str, Sequence[Any], Sequence[Any], Any, str], None]
"""``report(name of the primitive, inputs, outputs, source, phase)``; the phase is "value", "derivative" or "backward pass"."""


@contextmanager
def watching(report: Report) -> Iterator[None]:
    """Report what is computed inside the block."""
    with ExitStack() as stack:
        stack.enter_context(mode("watch", report))
        for owner, name, make in [
            (JVPTrace, "process", _watched_jvp),
            (BatchTrace, "process", _watched_batch),
            (transpose, "backward", _watched_backward),
        ]:
            original = getattr(owner, name)
            setattr(owner, name, make(original, report))
            stack.callback(setattr, owner, name, original)
        yield


def known(values: Sequence[Any]) -> list[Any]:
    """The arrays and numbers among values."""
    return [x for x in values if not isinstance(x, (TracerBase, Zero)) and x is not None]


def has_nan(x: Any) -> bool:
    """Whether a known value has a NaN in it."""
    array = np.asarray(x)
    return array.dtype.kind in "fc" and bool(np.any(np.isnan(array)))


def _outputs(primitive: Primitive, out: Any) -> Sequence[Any]:
    return out if primitive.multiple_results else [out]


def _watched_jvp(process: Any, report: Report) -> Any:
    def watched(self: JVPTrace, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        tape = open_traces()[-1]
        start = len(tape.tape) if isinstance(tape, LinearTrace) else 0
        out = process(self, primitive, args, params)
        source = user_source()
        pairs = [self.lower(o) for o in _outputs(primitive, out)]
        before = [v for a in args for v in self.lower(a)]
        report(primitive.name, known(before), known([p for p, _ in pairs]), source, "value")
        report(primitive.name, known(before), known([t for _, t in pairs]), source, "derivative")
        if isinstance(tape, LinearTrace):
            for i in range(start, len(tape.tape)):
                entry = tape.tape[i]
                report(primitive.name, known(before), known(entry[1]), source, "derivative")
                tape.tape[i] = (entry[0], entry[1], entry[2], entry[3], (primitive.name, source))  # type: ignore[assignment]
        return out

    return watched


def _watched_batch(process: Any, report: Report) -> Any:
    def watched(self: BatchTrace, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        out = process(self, primitive, args, params)
        values, results = ([self.lower(x)[0] for x in xs] for xs in (args, _outputs(primitive, out)))
        values, results = (known([x.primal if x.__class__ is JVPTracer else x for x in xs]) for xs in (values, results))
        report(primitive.name, values, results, user_source(), "value")
        return out

    return watched


class _Watched:
    """A primitive on the tape whose transpose rule is watched."""

    def __init__(self, primitive: Primitive, origin: Any, report: Report):
        self.name = primitive.name
        self.multiple_results = primitive.multiple_results
        self.rule = primitive.transpose
        self.transpose = None if self.rule is None else self.watched
        self.origin = origin if isinstance(origin, tuple) else (primitive.name, origin)
        self.report = report

    def watched(self, ct: Any, *args: Any, **params: Any) -> Any:
        assert self.rule is not None
        results = self.rule(ct, *args, **params)
        name, source = self.origin
        cts = known(ct if self.multiple_results else [ct])
        self.report(name, cts, known([getattr(r, "value", r) for r in results]), source, "backward pass")
        return results


def _watched_backward(backward: Any, report: Report) -> Any:
    def watched(tape: Any, *args: Any, consume: bool) -> Any:
        entries = [
            (_Watched(p, source, report), inputs, params, outputs, source) for p, inputs, params, outputs, source in tape
        ]
        return backward(entries, *args, consume=consume)

    return watched
