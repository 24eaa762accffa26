"""The context: which traces are open, and which modes are on, in one immutable object in one context variable.

>>> with mode(NO_JIT, True):
...     jit_is_disabled()
True
>>> jit_is_disabled(), open_traces()
(False, ())

Threads and tasks have contexts of their own, and a block that ends takes out what it put in, in whatever order blocks end.

==================== =========================================================================================
mode                 value
==================== =========================================================================================
``NO_JIT``           True: compiled functions and loops run as the Python that they were written in
``WATCH``            ``watch(primitive, inputs, outputs, source, phase)``, called with known results
``BACKEND``          the backend on which programs run
``CHECKS``           the trace that takes note of checks that fail in a program while it runs
``EXAMPLES``         the numbers of the examples of a batch of which a part is run
``TAKING_PART``      for each example of a batch whether it takes part in what is run for all of them
``KEPT_AXES``        the named axes of which the backward pass in progress finds the derivatives for each example
``PASS``             the pass over the body of a loop in which the types of its carries are being found
``RULES_IN_WORK``    the calls whose rules are being made programs, by what tells them apart
``FULL_TRACEBACKS``  whether tracebacks show covector's own frames
``SCOPE``            the names of the parts of the program that are at work (``named_scope``), joined by slashes
==================== =========================================================================================

A named axis (``vmap(axis_name=...)``) has a *provider*, an open trace that says what the collectives over it mean.  A batching
rule is told only the size of the batch; where it makes a batch of its own of the same examples, `axis_of_rule` is their axis.

The lists `MODES`, `NAMED_AXES` and `CAPTURING` hold what is open in any context.  They only say whether anybody needs to look:
where one is empty, looking costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

NO_JIT = "no jit"
WATCH = "watch"
BACKEND = "backend"
CHECKS = "checks"
EXAMPLES = "examples"
TAKING_PART = "taking part"
KEPT_AXES = "kept axes"
PASS = "pass"
RULES_IN_WORK = "rules in work"
FULL_TRACEBACKS = "full tracebacks"
SCOPE = "scope"


class Mode:
    """A mode that is on, or was: a context may outlive the block that put it there."""

    __slots__ = ("name", "open", "value")

    def __init__(self, name: str, value: Any):
        self.name = name
        self.value = value
        self.open = True


class TracerBase:
    """What dispatch needs of a tracer; the rest of the array interface is in `covector.core.tracer`."""

    __slots__ = ("_trace", "viewed")

    _trace: Any

    viewed: tuple[TracerBase, ...]
    """The values of which this is a view, as NumPy would have it; unset where it is none (see `covector.numpy.inplace`)."""


class Context(NamedTuple):
    """What is open and on: the traces, outermost first, the modes, the latest last, and what `axis_of_rule` is.

    ``before`` is the context in which the latest traces were opened, if nothing else was changed.
    """

    traces: tuple[Any, ...]
    modes: tuple[Mode, ...]
    axis: Any
    before: Context | None = None


_current: ContextVar[Context] = ContextVar("covector_context", default=Context((), (), None))  # noqa: B039 - nobody writes to it

MODES: list[Mode] = []
"""The modes that are on in any context."""

NAMED_AXES: list[Any] = []
"""The traces that are open in any context and provide a named axis."""

CAPTURING: list[Any] = []
"""The traces that are open in any context and capture what is done in outer ones."""


AWAITED: tuple[tuple[str, Callable[[], Any]], ...] = ()
"""For modules that may be imported: what makes them know traced values, when a trace opens and they are there."""


def await_import(module: str, load: Callable[[], Any]) -> None:
    """Declare what makes another package's module know traced values; it runs before the first trace after the import."""
    global AWAITED
    AWAITED = (*AWAITED, (module, load))


def _met(load: Callable[[], Any]) -> None:
    global AWAITED
    load()
    AWAITED = tuple(entry for entry in AWAITED if entry[1] is not load)


def open_traces() -> tuple[Any, ...]:
    """The traces that are open in this context, outermost first."""
    traces = _current.get().traces
    for trace in traces:
        if trace.closed:  # this context is a copy that outlived it
            return tuple(t for t in traces if not t.closed)
    return traces


def traces_now() -> tuple[Any, ...]:
    """The same at once, for a context that no trace of it has outlived; as long as nothing opens or closes, the same object."""
    return _current.get().traces


def enter(*opened: Any) -> None:
    """Note that traces are open in this context."""
    for module, load in AWAITED:
        if module in sys.modules:
            _met(load)
    context = _current.get()
    traces, modes, axis, _ = context
    _current.set(tuple.__new__(Context, (traces + opened, modes, axis, context)))  # a third of the time of Context(...)
    for trace in opened:
        if trace.captures:
            CAPTURING.append(trace)
        if trace.axis_name is not None:
            NAMED_AXES.append(trace)


def leave(*ended: Any) -> None:
    """Note that traces, which are closed now, are open no more."""
    context = _current.get()
    before = context.before
    if before is not None and context.traces[len(before.traces) :] == ended:
        _current.set(before)
    else:
        _current.set(Context(tuple(t for t in context.traces if not t.closed), context.modes, context.axis))
    for trace in ended:
        if trace.captures:
            CAPTURING.remove(trace)
        if trace.axis_name is not None:
            NAMED_AXES.remove(trace)


def named_axes() -> tuple[tuple[Any, int], ...]:
    """The named axes that are open, outermost first, with their sizes: what is traced may depend on them."""
    return tuple((t.axis_name, t.size) for t in open_traces() if t.axis_name is not None) if NAMED_AXES else ()


def provider_of(name: Any) -> Any:
    """The innermost open trace that provides the axis of this name, or None."""
    return next((t for t in reversed(open_traces()) if t.axis_name == name), None) if NAMED_AXES else None


def axis_of_rule() -> Any:
    """The name of the axis of the batch whose rule is running; None where it has no name, or where none is running."""
    return _current.get().axis


def run_for_axis(name: Any, f: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Run a rule of a batch whose axis has a name, or None."""
    context = _current.get()
    if context.axis == name:
        return f(*args, **kwargs)
    _current.set(Context(context.traces, context.modes, name))
    try:
        return f(*args, **kwargs)
    finally:
        now = _current.get()
        _current.set(Context(now.traces, now.modes, context.axis))


def for_axis_of_rule(f: Callable[..., T]) -> Callable[..., T]:
    """A function that a rule makes, to be run later for the batch that the rule is running for."""
    return partial(run_for_axis, axis_of_rule(), f)


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
    _current.set(Context(context.traces, (*context.modes, entry), context.axis))
    try:
        yield value
    finally:
        entry.open = False
        MODES.remove(entry)
        context = _current.get()
        _current.set(Context(context.traces, tuple(m for m in context.modes if m.open), context.axis))


def without_scope() -> AbstractContextManager[Any]:
    """For what is traced in one scope and used in others: it is in none."""
    return mode(SCOPE, "") if MODES and value_of(SCOPE) else nullcontext()


def jit_is_disabled() -> bool:
    """Whether compiled functions and loops are to run as plain Python."""
    return bool(value_of(NO_JIT))
