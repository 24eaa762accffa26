"""Checking: ``check : Jaxpr -> None`` verifies that a program is well-typed.

>>> from covector.core.text.parser import parse
>>> check(parse("{ lambda ; ~a:f64[]. let b:f64[] = neg a in (b,) }"))
>>> check(parse("{ lambda ; ~a:f64[]. let b:f64[] = sin a in (b,) }"))
Traceback (most recent call last):
    ...
covector.core.errors.LinearityError: 'sin' is applied to (~a:f64[]), in which it is not linear.
...

*Scoping*: every variable is bound once, before it is used.  *Types*: the outputs of an equation have the avals that the
abstract rule of its primitive gives, and literals and constants have those of their values.  *Linearity*, of a program marked
linear: in each equation the operands that depend on linear inputs are ones that the primitive is linear in, given the others
(`add` takes two of them, `mul` exactly one, a non-linear primitive none), and every output is linear or zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from covector.core.avals import Zero, typeof
from covector.core.errors import JaxprTypeError, LinearityError
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, recorded_avals
from covector.core.linearity import check_linear
from covector.core.primitive import Primitive
from covector.core.text.printer import atom_to_string, contents, equation_to_string


def check(jaxpr: Jaxpr, linear: Sequence[bool] | None = None) -> None:
    """Verify scoping, types and linearity of a program and of all programs nested in it.

    Args:
        jaxpr: the program.
        linear: the inputs in which it must be linear, jointly; by default those that it is marked linear in.

    Raises:
        JaxprTypeError: for a variable that is unbound or bound twice, or a value whose type is not what the program says.
        LinearityError: for an equation or an output that is not linear.

    >>> import numpy as np
    >>> from covector.core.avals import ShapedArray
    >>> from covector.primitives.math.ring import mul_p
    >>> x, y = Var(ShapedArray((3,), np.float64)), Var(ShapedArray((3,), np.float64))
    >>> square = Jaxpr([x], [Equation(mul_p, [x, x], {}, [y])], [y])
    >>> check(square)
    >>> check(square, linear=[True])
    Traceback (most recent call last):
        ...
    covector.core.errors.LinearityError: 'mul' is applied to (~a:f64[3], ~a:f64[3]), in which it is not linear.
      Why: ...
    """
    programs = contents(jaxpr)
    for program, _ in programs:
        _Checker(program).run()
    _check_owners(programs)
    for program, _ in programs:
        mask = linear if linear is not None and program is jaxpr else program.linear
        if mask is not None:
            _check_mark(program, tuple(mask))


# --- scoping and types ------------------------------------------------------------------------------------------------------


class _Checker:
    """Walks one program, keeping the variables that are bound so far."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.bound: set[Var] = set()
        self.eqn: Equation | None = None

    def run(self) -> None:
        for var, value in self.jaxpr.consts.items():
            self.bind(var, "a constant")
            self.same_type(value, var, "the constant")
        for var in self.jaxpr.in_vars:
            self.bind(var, "an input")
        for eqn in self.jaxpr.equations:
            self.has_parts(eqn)
            self.eqn = eqn
            for atom in eqn.inputs:
                self.read(atom)
            self.check_outputs(eqn)
            for var in eqn.outputs:
                self.bind(var, "an output")
        self.eqn = None
        for atom in self.jaxpr.out_vars:
            self.read(atom)

    def has_parts(self, eqn: Equation) -> None:
        primitive: Any = eqn.primitive
        if not isinstance(primitive, Primitive):
            what = f"an equation applies {primitive!r} of type {type(primitive).__name__}."
            self.fail(what, "it applies a primitive, such as covector.Primitive.registry['add']")
        for name, part in (("inputs", eqn.inputs), ("outputs", eqn.outputs)):
            if not isinstance(part, (tuple, list)):
                what = f"an equation of {eqn.primitive.name!r} has {part!r} of type {type(part).__name__} for its {name}."
                self.fail(what, f"its {name} are a list, of one too")

    def text(self, atom: Any) -> str:
        return atom_to_string(self.jaxpr, atom)

    def fail(self, what: str, why: str = "", cause: Exception | None = None) -> NoReturn:
        source = None
        if self.eqn is not None:
            what += f"\n  in {equation_to_string(self.jaxpr, self.eqn)}"
            source = self.eqn.source
        raise JaxprTypeError(what, why=why, source=source) from cause

    def bind(self, var: Any, role: str) -> None:
        if not isinstance(var, Var):
            self.fail(f"{var!r} stands where {role} is bound.", "only a variable can be bound")
        if var in self.bound:
            self.fail(
                f"the variable {self.text(var)} is bound twice.", "a variable has one value; make a new Var for each result"
            )
        self.bound.add(var)

    def read(self, atom: Any) -> None:
        if isinstance(atom, Var):
            if atom not in self.bound:
                self.unbound(atom)
        elif isinstance(atom, Literal):
            self.same_type(atom.value, atom, "the literal")
        elif not isinstance(atom, Zero):
            self.fail(
                f"a {type(atom).__name__} stands where a variable or a literal is used.",
                "a program holds no other values: constants are listed in its consts, and tracers are passed as its inputs",
            )

    def unbound(self, var: Var) -> NoReturn:
        if self.text(var).startswith("?"):
            self.fail(
                f"the variable {self.text(var)}:{var.aval} is used and never bound.",
                "it belongs to another program, and a program uses nothing of another one but through its inputs",
            )
        self.fail(
            f"the variable {self.text(var)}:{var.aval} is used before it is bound.", "equations are in order of evaluation"
        )

    def same_type(self, value: Any, holder: Any, what: str) -> None:
        try:
            aval = typeof(value)
        except TypeError as reason:
            self.fail(f"{what} {self.text(holder)} has the value {value!r}, which has no type.", str(reason), reason)
        if aval != holder.aval:
            self.fail(f"{what} {self.text(holder)} is declared {holder.aval}, but its value is {aval}.")

    def check_outputs(self, eqn: Equation) -> None:
        name = eqn.primitive.name
        try:
            found = eqn.primitive.abstract(*[x.aval for x in eqn.inputs], **eqn.params)
        except Exception as reason:
            said = str(reason).partition("\n")[0]  # the rest is in the traceback
            self.fail(f"{name!r} cannot be applied here.", f"its abstract rule raised {type(reason).__name__}: {said}", reason)
        found = recorded_avals(eqn.primitive, eqn.params, [x.aval for x in eqn.inputs], found)
        avals = list(found) if eqn.primitive.multiple_results else [found]
        if len(avals) != len(eqn.outputs):
            self.fail(f"{name!r} has {len(avals)} outputs, but the equation binds {len(eqn.outputs)}.")
        for i, (var, aval) in enumerate(zip(eqn.outputs, avals, strict=True)):
            if isinstance(var, Var) and var.aval != aval:
                self.fail(f"output {i} of {name!r} is declared {var.aval}, but its abstract rule gives {aval}.")


def _check_owners(programs: Sequence[tuple[Jaxpr, Sequence[tuple[Jaxpr, Any]]]]) -> None:
    """No program binds a variable of a program nested in it (two that are side by side may: one derived from the other)."""
    owners: dict[Var, list[Jaxpr]] = {}
    parts = {id(program): inner for program, inner in programs}
    for program, _ in programs:
        for var in (*program.consts, *program.in_vars, *(v for eqn in program.equations for v in eqn.outputs)):
            others = owners.setdefault(var, [])
            if any(_contains(parts, program, other) for other in others):
                name = f"{atom_to_string(program, var)}:{var.aval}"
                why = "each program has variables of its own; one that is inlined into another would overwrite its values"
                raise JaxprTypeError(f"the variable {name} is bound again in a nested program.", why=why, source=None)
            others.append(program)


def _contains(parts: dict[int, Sequence[tuple[Jaxpr, Any]]], outer: Jaxpr, inner: Jaxpr) -> bool:
    seen: set[int] = set()
    stack = [outer]
    while stack:
        for program, _ in parts[id(stack.pop())]:
            if program is inner:
                return True
            if id(program) not in seen:
                seen.add(id(program))
                stack.append(program)
    return False


# --- linearity --------------------------------------------------------------------------------------------------------------


def _check_mark(jaxpr: Jaxpr, mask: tuple[bool, ...]) -> None:
    if len(mask) != len(jaxpr.in_vars):
        what = f"the linear mark {mask} has {len(mask)} entries for a program with {len(jaxpr.in_vars)} inputs."
        raise JaxprTypeError(what)
    if not any(mask):
        return
    for i, (var, is_linear) in enumerate(zip(jaxpr.out_vars, check_linear(jaxpr, mask), strict=True)):
        if not is_linear:
            source = next((e.source for e in jaxpr.equations if var in e.outputs), None)
            what = f"output {i} of a linear program, {atom_to_string(jaxpr, var)}:{var.aval}, is not linear."
            raise LinearityError(what, source, "it is neither zero nor dependent on the linear inputs")
