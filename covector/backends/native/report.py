"""What becomes of a program here: ``report(jaxpr) -> Report``, and its text in LLVM's language and the processor's.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sort(np.sin(x) * 2.0))(np.ones(3))
>>> found = report(program)
>>> [(f.equation.primitive.name, f.why) for f in found.as_numpy]
[('sort', 'no rule')]
>>> [step.shape for part in found.parts for step in part.steps]
[(3,)]

It reads the plan that the backend makes (`covector.backends.native.plan`); nothing is compiled but for the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from covector.backends.native.backend import missing
from covector.backends.native.entry import text_of
from covector.backends.native.loops import can_compile, in_registers, program_compiles, scratch_of, with_own_outputs
from covector.backends.native.module import assembly
from covector.backends.native.pairs import is_other
from covector.backends.native.plan import Apply, Fill, Nest, Plan
from covector.backends.native.program import STATUS, Native
from covector.backends.native.rules import Loop, is_supported, rule_or_why
from covector.backends.native.segments import native_p, partitioned, prepared
from covector.backends.native.stacks import is_stack
from covector.core import errors
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Var, has_effects, sub_jaxprs
from covector.core.text.printer import equation_to_string

INDENT = "    "


class Step(NamedTuple):
    """What is computed at once.

    Attributes:
        kind: "loop nest", "zeros", or the name of an operation that is computed by itself.
        shape: the space of a loop nest; the shape of the result of an operation.
        equations: what is computed in it.
        results: the values that are written to memory.
        inner: of a loop in memory the steps of its programs.
    """

    kind: str
    shape: tuple[int, ...]
    equations: tuple[str, ...]
    results: tuple[str, ...]
    inner: tuple[Step, ...] = ()

    def lines(self) -> Iterator[str]:
        shape = " x ".join(map(str, self.shape)) or "one number"
        n = len(self.equations)
        yield f"{self.kind}, {shape}" + (f": {n} operations, {len(self.results)} written" if n > 1 else "")
        yield from (f"{INDENT}{e}" for e in self.equations)
        for step in self.inner:
            yield from (f"{INDENT}{line}" for line in step.lines())


class Compiled(NamedTuple):
    """A part of a program that is compiled: its steps in order, and the bytes of memory that it works in."""

    steps: tuple[Step, ...]
    workspace: int


class AsNumPy(NamedTuple):
    """An equation that runs as NumPy, its text, and why it does."""

    equation: Equation
    text: str
    why: str


class Report(NamedTuple):
    """What becomes of a program.

    Attributes:
        parts: what is compiled.
        as_numpy: what runs as NumPy between these.
        missing: why nothing can be compiled here; empty if it can.
    """

    parts: tuple[Compiled, ...]
    as_numpy: tuple[AsNumPy, ...]
    missing: str

    @property
    def workspace(self) -> int:
        """The bytes of memory for what compiled parts compute in between."""
        return sum(part.workspace for part in self.parts)

    def __str__(self) -> str:
        lines = [f"runs as Python: {self.missing}; with it:"] if self.missing else []
        for i, part in enumerate(self.parts, 1):
            lines.append(f"compiled part {i} of {len(self.parts)}, with a workspace of {part.workspace:,} bytes")
            lines += [f"{INDENT}{line}" for step in part.steps for line in step.lines()]
        if not self.parts:
            lines.append("nothing is compiled")
        lines += ["as NumPy:"] if self.as_numpy else []
        return "\n".join([*lines, *(f"{INDENT}{f.text}  ({f.why})" for f in self.as_numpy)])


def report(jaxpr: Jaxpr) -> Report:
    """What of a program is compiled, what is computed at once in it, and what runs as NumPy."""
    program, legal = partitioned(jaxpr), prepared(jaxpr)
    parts, others = [], []
    for eqn in program.equations:
        if eqn.primitive is native_p:
            native = Native(eqn.params["program"].jaxpr)
            plan = native.plan
            names = legal if plan.jaxpr is native.jaxpr else plan.jaxpr  # which is one of parts of complex numbers
            parts.append(Compiled(tuple(steps_of(plan, names)), STATUS + plan.workspace))
        else:
            why = why_not(eqn) or "it moves elements alone, which is not worth a compiled part"
            others.append(AsNumPy(eqn, _text(jaxpr if program is jaxpr else legal, eqn), why))
    return Report(tuple(parts), tuple(others), missing())


# --- what is compiled ----------------------------------------------------------------------------------------------------


def steps_of(plan: Plan, names: Jaxpr) -> Iterator[Step]:
    """The steps of a plan; the values have the names that they have in a program."""
    for step in plan.steps:
        if type(step) is Nest:
            yield _nest(plan, step, names)
        elif type(step) is Fill:
            yield Step("zeros", step.aval.shape, (), ())
        elif type(step) is Apply:
            yield _operation(plan, step.eqn, names)


def _nest(plan: Plan, nest: Nest, names: Jaxpr) -> Step:
    found: dict[int, Equation] = {}
    inside = nest.inside(plan)
    for root in nest.roots:
        _collect(plan, root.atom, inside, found, is_root=root.atom in inside)
    ordered = [e for e in plan.jaxpr.equations if id(e) in found]
    written = tuple(str(root.atom.aval) for root in nest.roots if plan.is_stored(root.spot.buffer))
    return Step("loop nest" if ordered else "copy", nest.space, tuple(_text(names, e) for e in ordered), written)


def _collect(plan: Plan, atom: Any, inside: set[Any], found: dict[int, Equation], is_root: bool) -> None:
    """The equations that a nest computes for a value, up to values that are in memory."""
    waiting = [(atom, is_root)]
    while waiting:
        x, is_own = waiting.pop()
        eqn = plan.equation.get(x) if type(x) is Var else None
        if eqn is None or id(eqn) in found or (x in plan.level and not is_own):
            continue
        found[id(eqn)] = eqn
        waiting += [(y, type(y) is Var and y in inside) for y in eqn.inputs]


def _operation(plan: Plan, eqn: Equation, names: Jaxpr) -> Step:
    name, text = eqn.primitive.name, _text(names, eqn)
    out = tuple(eqn.outputs[0].aval.shape) if eqn.outputs else ()
    results = tuple(str(v.aval) for v in eqn.outputs)
    if type(plan.rule(eqn)) is not Loop:
        return Step(name, out, (text,), results)
    programs = [*sub_jaxprs(eqn.params)]
    if in_registers(eqn):
        equations = tuple(_text(p, e) for p in programs for e in p.equations)
        return Step(f"{name} in registers", _steps(eqn), equations, results)
    inner = [step for p in map(with_own_outputs, programs) for step in steps_of(Plan(p, scratch_of), p)]
    return Step(f"{name} in memory", _steps(eqn), (), results, tuple(inner))


def _steps(eqn: Equation) -> tuple[int, ...]:
    length = eqn.params.get("length")
    return () if length is None else (length,)


def _text(jaxpr: Jaxpr, eqn: Equation) -> str:
    """An equation on one line; a nested program is not repeated."""
    first, *rest = equation_to_string(jaxpr, eqn).splitlines()
    return f"{first.rstrip()} …" if rest else first


# --- what is not ---------------------------------------------------------------------------------------------------------


def why_not(eqn: Equation) -> str:
    """Why an equation is not compiled; empty if it can be."""
    values = (*eqn.inputs, *eqn.outputs)
    if can_compile(eqn):
        return "a stack that comes from, or goes to, what is not compiled" if any(map(is_stack, values)) else ""
    if has_effects(eqn.primitive, eqn.params):
        return "it has an effect"
    if not all(isinstance(x.aval, ShapedArray) for x in values):
        return "a stack, which is as long as a loop turns out"
    if not all(x.aval.size for x in values):
        return "an empty array"
    refused = sorted({x.aval.dtype.name for x in values if not is_supported(x.aval) and not is_other(x)})
    if refused:
        return f"dtype {', '.join(refused)}"
    if not all(map(program_compiles, sub_jaxprs(eqn.params))):
        inner = [(e, why_not(e)) for p in sub_jaxprs(eqn.params) if not program_compiles(p) for e in p.equations]
        return "in its program " + ", ".join(dict.fromkeys(f"{e.primitive.name}: {why}" for e, why in inner if why))
    found = rule_or_why(eqn)
    return found if type(found) is str and found else f"no rule for {', '.join(str(x.aval) for x in eqn.inputs)}"


# --- text ----------------------------------------------------------------------------------------------------------------


def text(jaxpr: Jaxpr, dialect: str, who: str) -> str:
    """The compiled parts of a program: "llvm" for LLVM's language, "asm" for that of the processor.

    Raises:
        ArgumentError: nothing can be compiled here.
    """
    if missing():
        fix = "pip install covector[native], or ask for 'jaxpr' or 'python'"
        raise errors.ArgumentError(f"{who}: there is no text in the dialect {dialect!r} here.", why=missing(), fix=fix)
    program, mark, pieces = partitioned(jaxpr), ";" if dialect == "llvm" else "#", list[str]()
    for eqn in program.equations:
        if eqn.primitive is native_p:
            pieces.append(_compiled_text(Native(eqn.params["program"].jaxpr), dialect))
        else:
            pieces.append(f"{mark} as NumPy: {_text(program, eqn)}\n")
    return "\n".join(pieces)


def _compiled_text(native: Native, dialect: str) -> str:
    whole = text_of(native)
    return whole if dialect == "llvm" else assembly(whole)
