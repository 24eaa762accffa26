"""Checks: assertions about values as data, which `covector.checkify` returns.

>>> with open_trace(CheckTrace, frozenset({"div"}), None) as trace:
...     with np.errstate(divide="ignore"):
...         y = trace.lift(np.float64(1.0)) / np.float64(0.0)
>>> float(trace.lower(y)), [(bool(holds), message.text()) for holds, message, _ in trace.found]
(inf, [(False, "division by zero in 'div'")])

What makes checks has a rule ``checks``, ``rule(trace, args, **params) -> outputs``, that gives them to the trace.  The programs
of calls, choices and loops give theirs out beside their results.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import is_value, shape_of, typeof
from covector.core.context import EXAMPLES, TAKING_PART, mode, value_of
from covector.core.jaxpr import Jaxpr, inside_out, sub_jaxprs
from covector.core.primitive import ContextPrimitive, Primitive, Trace, TracerBase, open_trace
from covector.core.source import Source, user_source
from covector.core.tracer import Tracer, register_tracer
from covector.interpreters.interpret import Bundle
from covector.interpreters.stage import leaked

user_checks = frozenset({"user"})
float_checks = frozenset({"nan", "div"})


class Message:
    """What a failed check says: ``text(*values)``, and where the check is.

    ``examples`` are the numbers of the examples that it is made for, if they are a part of a batch; it is not ``numbered`` if
    one example may stand in for another.
    """

    __match_args__ = ("text", "source", "examples", "numbered")

    def __init__(self, text: Callable[..., str], source: Any, examples: Any = None, numbered: bool = True):
        self.text = text
        self.source = source
        self.examples = examples
        self.numbered = numbered

    def __repr__(self) -> str:
        return f"<check at {self.source}>"


class FloatMessage(Message):
    """What a check of floats says."""


Found = tuple[Any, Message, list[Any]]
"""Whether a check holds, what it says, and the values that it says it of."""


def makes_checks(jaxpr: Jaxpr) -> bool:
    """Whether a program, or one nested in it, makes a check."""
    return inside_out(jaxpr, "makes checks", lambda p: any(makes_check(e.primitive, e.params) for e in p.equations))


def makes_check(primitive: Primitive, params: dict[str, Any]) -> bool:
    """Whether an operation is a check, or makes one in a program."""
    return (primitive.effect and "checks" in primitive.rules) or any(map(makes_checks, sub_jaxprs(params)))


class CheckTracer(Tracer):
    """A value of which the operations are checked for NaNs and divisions by zero; where it is known, Python may have it."""

    __slots__ = ("checked",)

    def __init__(self, trace: CheckTrace, value: Any):
        self._trace = trace
        self.checked = value

    @property
    def aval(self) -> Any:
        return typeof(self.checked)

    def concrete(self) -> Any:
        return self.checked.concrete() if isinstance(self.checked, Tracer) else self.checked

    def answer(self) -> Any:
        return self.checked.answer() if isinstance(self.checked, Tracer) else None

    def unknown_because(self) -> str:
        return self.checked.unknown_because() if isinstance(self.checked, Tracer) else super().unknown_because()

    def __float__(self) -> float:
        return float(self.checked)

    def __complex__(self) -> complex:
        return complex(self.checked)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(self.checked, *args, **kwargs)

    def item(self, *args: Any) -> Any:
        return self.checked.item(*args) if issubclass(type(self.checked), (Tracer, np.ndarray, np.generic)) else self.checked

    def tolist(self) -> Any:
        return self.checked.tolist() if issubclass(type(self.checked), (Tracer, np.ndarray, np.generic)) else self.checked


register_tracer(CheckTracer, lambda x: typeof(x.checked))

DIVISIONS = frozenset({"div", "floor_divide", "remainder", "fmod"})


class CheckTrace(Trace):
    """Takes the checks, as data; with checks of floats it looks at every operation on its tracers.

    Args:
        wanted: which checks.
        interpretation: ``interpretation(wanted, run)``, which takes those in programs; see `of_programs`.
    """

    __slots__ = ("found", "interpretation", "notes", "wanted")

    def __init__(self, wanted: frozenset[str], interpretation: Any, name: str = "checkify", origin: Source | None = None):
        super().__init__(name, origin)
        self.wanted = wanted
        self.interpretation = interpretation
        self.found: list[Found] = []
        self.notes: list[tuple[str, Any]] = []

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return makes_check(primitive, params)

    def lift(self, x: Any) -> Any:
        """The value as the function gets it: one that is looked at, if checks of floats are wanted."""
        return CheckTracer(self, x) if self.wanted & float_checks and is_value(x) else x

    def lower(self, x: Any) -> Any:
        """The value behind a tracer of this trace."""
        return x.checked if type(x) is CheckTracer and x._trace is self else x

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        rule = primitive.rules.get("checks")
        if rule is not None:
            return rule(self, args, **params)
        values = [self.lower(a) for a in args]
        outs: Any
        if sub_jaxprs(params) and "interpret" in primitive.rules:
            outs, found = self.of_programs(primitive.rules["interpret"], values, params)
        else:
            outs = primitive.bind(*values, **params)
            found = self.of_floats(primitive, values, outs if primitive.multiple_results else [outs])
        self.take(found)
        return [self.lift(o) for o in outs] if primitive.multiple_results else self.lift(outs)

    def take(self, found: Sequence[Found]) -> None:
        """Keep the checks that are wanted."""
        self.found += [_of_part(f) for f in found if "user" in self.wanted or isinstance(f[1], FloatMessage)]

    def inner(self, wanted: frozenset[str]) -> CheckTrace:
        """A trace for a part of what is run, inside of this one."""
        return open_trace(CheckTrace, wanted, self.interpretation)

    def of_programs(self, interpret: Any, values: Sequence[Any], params: dict[str, Any]) -> tuple[list[Any], list[Found]]:
        """The outputs of a call, a choice or a loop, and the checks in its programs."""

        def run(f: Callable[..., Any], args: Sequence[Any]) -> tuple[list[Any], list[Found]]:
            with mode(EXAMPLES, None), mode(TAKING_PART, None), self.inner(wanted) as trace:
                outs = f(*map(trace.lift, args))
                return [trace.lower(o) for o in outs], trace.found

        wanted = self.wanted | user_checks
        how = self.interpretation(wanted, run)
        with self.inner(frozenset()):  # takes those of rules of outer transformations, which compute the same once more
            return [b.parts[0] for b in interpret(how, [Bundle((v,)) for v in values], **params)], how.found

    def of_floats(self, primitive: Primitive, values: Sequence[Any], outs: Sequence[Any]) -> list[Found]:
        """Whether an operation divides by zero, or makes a NaN of numbers."""
        found: list[Found] = []
        source = user_source()

        def note(holds: Any, text: str) -> None:
            if isinstance(holds, TracerBase) or not np.all(holds):
                found.append((holds, FloatMessage(lambda: text, source), []))

        if "div" in self.wanted and primitive.name in DIVISIONS:
            note(np.all(values[-1] != 0), f"division by zero in {primitive.name!r}")
        floats = [o for o in outs if is_value(o) and typeof(o).dtype.kind in "fc"]
        if "nan" in self.wanted and floats:
            before = [np.any(np.isnan(v)) for v in values if is_value(v) and typeof(v).dtype.kind in "fc"]
            born = functools.reduce(np.logical_or, [np.any(np.isnan(o)) for o in floats])
            note(functools.reduce(np.logical_or, before, np.logical_not(born)), f"{primitive.name!r} gives NaN")
        return found

    def note(self, text: str, source: Any) -> None:
        """Keep what failed while a program ran."""
        if "user" in self.wanted:
            self.notes.append((text, source))


def _of_part(found: Found) -> Found:
    """A check as one of the examples that take part in it."""
    holds, message, values = found
    examples, mine = value_of(EXAMPLES), value_of(TAKING_PART)
    if mine is not None and shape_of(holds)[:1] == shape_of(mine):
        holds = np.logical_or(holds, np.logical_not(np.reshape(mine, (-1, *(1,) * (len(shape_of(holds)) - 1)))))
    if examples is not None:
        numbers = examples if message.examples is None else examples[message.examples]
        message = type(message)(message.text, message.source, numbers, message.numbered)
    return holds, message, values
