"""The context: which traces are open, and which modes are on, in one immutable object in one context variable.

Threads and tasks have contexts of their own, and a block that ends takes out what it put in, in whatever order blocks end.

==================== =========================================================================================
mode                 value
==================== =========================================================================================
``NO_JIT``           True: compiled functions and loops run as the Python that they were written in
``WATCH``            ``watch(primitive, inputs, outputs, source, phase)``, called with known results
``CHECKS``           the trace that takes note of checks that fail in a program while it runs
``EXAMPLES``         the numbers of the examples of a batch of which a part is run
``TAKING_PART``      for each example of a batch whether it takes part in what is run for all of them
``KEPT_AXES``        the named axes of which the backward pass in progress finds the derivatives for each example
``FULL_TRACEBACKS``  whether tracebacks show covector's own frames
==================== =========================================================================================

The lists `MODES`, `NAMED_AXES` and `CAPTURING` hold what is open in any context.  They only say whether anybody needs to look:
where one is empty, looking costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

NO_JIT = "no jit"
WATCH = "watch"
CHECKS = "checks"
EXAMPLES = "examples"
TAKING_PART = "taking part"
KEPT_AXES = "kept axes"
FULL_TRACEBACKS = "full tracebacks"


class Mode:
    """A mode that is on, or was: a context may outlive the block that put it there."""

    __slots__ = ("name", "open", "value")

    def __init__(self, name: str, value: Any):
        self.name = name
        self.value = value
        self.open = True


class Context:
    """The traces that are open, outermost first, and the modes that are on, the latest last."""

    __slots__ = ("modes", "traces")

    def __init__(self, traces: tuple[Any, ...], modes: tuple[Mode, ...]):
        self.traces = traces
        self.modes = modes


_current: ContextVar[Context] = ContextVar("covector_context", default=Context((), ()))  # noqa: B039 - nobody writes to it

MODES: list[Mode] = []
"""The modes that are on in any context."""

NAMED_AXES: list[Any] = []
"""The names of the axes of all batches that are open in any context."""

CAPTURING: list[Any] = []
"""The traces that are open in any context and capture what is done in outer ones."""


def open_traces() -> tuple[Any, ...]:
    """The traces that are open in this context, outermost first."""
    traces = _current.get().traces
    for trace in traces:
        if trace.closed:  # this context is a copy that outlived it
            return tuple(t for t in traces if not t.closed)
    return traces


def enter(trace: Any) -> None:
    """Note that a trace is open in this context."""
    context = _current.get()
    _current.set(Context((*context.traces, trace), context.modes))


def leave(trace: Any) -> None:
    """Note that a trace, which is closed now, is open no more."""
    context = _current.get()
    traces = context.traces
    if traces and traces[-1] is trace:
        _current.set(Context(traces[:-1], context.modes))
    else:
        _current.set(Context(tuple(t for t in traces if not t.closed), context.modes))


def value_of(name: str, default: Any = None) -> Any:
    """The value of a mode in this context, or the default where it is off."""
    if MODES:
        for mode in reversed(_current.get().modes):
            if mode.name == name and mode.open:
                return mode.value
    return default


@contextmanager
def mode(name: str, value: Any) -> Iterator[Any]:
    """Switch a mode on for a while."""
    entry = Mode(name, value)
    MODES.append(entry)
    context = _current.get()
    _current.set(Context(context.traces, (*context.modes, entry)))
    try:
        yield value
    finally:
        entry.open = False
        MODES.remove(entry)
        context = _current.get()
        _current.set(Context(context.traces, tuple(m for m in context.modes if m.open)))


def jit_is_disabled() -> bool:
    """Whether compiled functions and loops are to run as plain Python."""
    return bool(value_of(NO_JIT))
