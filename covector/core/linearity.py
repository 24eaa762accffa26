"""Linearity: which values of a program are linear in some of its inputs.

>>> from covector.core.text.parser import parse
>>> product = parse("{ lambda ; a:f64[] b:f64[]. let c:f64[] = mul a b in (c, b) }")
>>> program_marks(product, [LINEAR, KNOWN]), program_marks(product, [ZERO, KNOWN])
(['linear', 'known'], ['zero', 'known'])

Each value is *known*, *linear* (it is a tangent) or *zero*.  A zero is as good as known and as good as linear: ``tangent + 0``
and ``tangent * 0`` are linear both.  What a primitive makes of the marks follows from the arguments that it is linear in
(`Primitive.linear`): its output is linear if it is linear in all the linear operands, and in some zeros if need be; it is zero
if it is linear in zeros alone.  A primitive with sub-programs says itself what it makes of them (``linear.of_marks``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from covector.core.avals import Zero, float0
from covector.core.errors import LinearityError
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.primitive import Primitive

KNOWN, LINEAR, ZERO = "known", "linear", "zero"

Marks = Sequence[str]


def check_linear(jaxpr: Jaxpr, mask: Sequence[bool]) -> list[bool]:
    """Which outputs of a program are linear in the inputs that ``mask`` marks, jointly, given the others.

    Returns:
        For each output whether it is linear; the others do not depend on the marked inputs.  A zero counts as linear.

    Raises:
        LinearityError: if an equation is not linear in what depends on the marked inputs.

    >>> from covector.core.avals import ShapedArray
    >>> x, y = Var(ShapedArray((3,), np.float64)), Var(ShapedArray((3,), np.float64))
    >>> check_linear(Jaxpr([x, y], [], [x, y, Literal(0.0)]), [True, False])
    [True, False, True]
    """
    return [m != KNOWN for m in program_marks(jaxpr, [LINEAR if m else KNOWN for m in mask])]


def program_marks(jaxpr: Jaxpr, marks: Marks) -> list[str]:
    """The marks of a program's outputs, given those of its inputs; the answer is kept on the program.

    Raises:
        LinearityError: if an equation is not linear in what is linear.
    """
    marks = tuple(marks)
    return list(jaxpr.once(("marks", marks), lambda: _Marking(jaxpr, marks).outputs()))


def joined(*marks: str) -> str:
    """The mark of a value that is one of several; a value that is linear in one case and known in another has none."""
    found = set(marks) - {ZERO}
    if len(found) > 1:
        raise LinearityError("a value is linear in one case and known in another.", None, "so it is neither")
    return found.pop() if found else ZERO


def output_marks(primitive: Primitive, marks: Marks, params: dict[str, Any]) -> Marks | str | None:
    """What a primitive makes of the marks of its operands: a mark for each output, or one for all; None if it is not linear."""
    rule = primitive.linear
    of_marks = getattr(rule, "of_marks", None)
    if of_marks is not None:
        return of_marks(marks, params)  # type: ignore[no-any-return]
    if all(m == KNOWN for m in marks):
        return KNOWN
    mark = LINEAR if LINEAR in marks else ZERO
    refusal: LinearityError | None = None
    for mask in masks(rule, marks, params) if rule is not None else ():
        try:
            answer = any(mask) and rule is not None and rule(mask, params)
        except LinearityError as error:
            refusal = refusal or error
            continue
        if answer:
            return [mark if a else KNOWN for a in answer] if isinstance(answer, (list, tuple)) else mark
    if refusal is not None and mark == LINEAR:
        raise refusal
    return None if mark == LINEAR else KNOWN


def masks(rule: Any, marks: Marks, params: dict[str, Any]) -> Iterator[tuple[bool, ...]]:
    """The sets of operands to try as the linear ones: those that are, with the zeros that the rule says it needs.

    A rule that does not say so is asked for those without zeros, with all zeros, and with each zero alone.
    """
    linear, zero = tuple(m == LINEAR for m in marks), tuple(m == ZERO for m in marks)
    completed: Callable[..., tuple[bool, ...]] | None = getattr(rule, "completed", None)
    if completed is not None:
        yield completed(linear, zero, params)
        return
    yield linear
    if True in zero:
        yield tuple(m or z for m, z in zip(linear, zero, strict=True))
        yield from (tuple(m or i == k for i, m in enumerate(linear)) for k, z in enumerate(zero) if z)


def is_zero_value(x: Any) -> bool:
    """Whether a value is zero; a condition is none, nor is what has no values."""
    if isinstance(x, Zero):
        return True
    dtype = getattr(x, "dtype", None)
    return not isinstance(x, bool) and (dtype is None or dtype.kind != "b") and not np.any(x)


class _Marking:
    """Finds the marks of a program's variables."""

    def __init__(self, jaxpr: Jaxpr, marks: tuple[str, ...]):
        self.jaxpr = jaxpr
        self.marks: dict[Any, str] = dict(zip(jaxpr.in_vars, marks, strict=True))

    def outputs(self) -> list[str]:
        for eqn in self.jaxpr.equations:
            marks = [self.mark(x) for x in eqn.inputs]
            found = output_marks(eqn.primitive, marks, eqn.params)
            if found is None:
                raise self.error(eqn, marks)
            found = [found] * len(eqn.outputs) if isinstance(found, str) else found
            self.marks.update(zip(eqn.outputs, found, strict=True))
        return [self.mark(x) for x in self.jaxpr.out_vars]

    def mark(self, atom: Any) -> str:
        known = self.marks.get(atom)
        if known is None:
            known = ZERO if self.is_zero(atom) else KNOWN
            if isinstance(atom, Var):
                self.marks[atom] = known
        return ZERO if getattr(atom.aval, "dtype", None) == float0 else known

    def is_zero(self, atom: Any) -> bool:
        if isinstance(atom, Literal):
            return is_zero_value(atom.value)
        return type(atom) is Zero or (atom in self.jaxpr.consts and is_zero_value(self.jaxpr.consts[atom]))

    def error(self, eqn: Equation, marks: Marks) -> LinearityError:
        printer = importlib.import_module("covector.core.text.printer")  # not always needed
        texts = [printer.atom_to_string(self.jaxpr, x) for x in eqn.inputs]
        operands = ", ".join(
            ("~" if m == LINEAR else "") + (f"{text}:{x.aval}" if isinstance(x, Var) else text)
            for text, x, m in zip(texts, eqn.inputs, marks, strict=True)
        )
        why = f"in `{printer.equation_to_string(self.jaxpr, eqn)}` the operands marked ~ are tangents, which may only be"
        why += " added to tangents, multiplied by known values, and passed through linear operations"
        return LinearityError.of_equation(eqn.primitive, operands, [m == LINEAR for m in marks], eqn.source, why)


# --- rules of primitives with sub-programs ----------------------------------------------------------------------------


def linear_by_marks(of_marks: Callable[[Marks, dict[str, Any]], Marks | None]) -> Callable[..., Any]:
    """The rule ``linear`` of a primitive with sub-programs, by what it makes of the marks of its operands."""

    def linear(mask: tuple[bool, ...], params: dict[str, Any]) -> Any:
        found = of_marks([LINEAR if m else KNOWN for m in mask], params)
        return False if found is None else [m != KNOWN for m in found]

    linear.of_marks = of_marks  # type: ignore[attr-defined]
    return linear


def linear_as_called(marks: Marks, params: dict[str, Any]) -> list[str]:
    """For a call of the program ``jaxpr``."""
    return program_marks(params["jaxpr"], marks)


def loop_marks(jaxpr: Jaxpr, consts: Marks, carry: Marks, xs: Marks) -> tuple[list[str], list[str]]:
    """The marks of the carries of a loop, which a step reproduces, and of what else it gives out.

    Raises:
        LinearityError: if a carry is linear at one time and known at another.
    """
    carry = list(carry)
    while True:
        outs = program_marks(jaxpr, [*consts, *carry, *xs])
        after = [joined(a, b) for a, b in zip(carry, outs, strict=False)]
        if after == carry:
            return carry, outs[len(carry) :]
        carry = after
