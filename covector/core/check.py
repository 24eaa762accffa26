"""Checking: ``check : Jaxpr -> None`` verifies that a program is well-typed.

*Scoping*: every variable is bound once, before it is used.  *Types*: the outputs of an equation have the avals that the
abstract rule of its primitive gives, and literals and constants have those of their values.  *Linearity*, of a program marked
linear: in each equation the operands that depend on linear inputs are ones that the primitive is linear in, given the others
(`add` takes two of them, `mul` exactly one, a non-linear primitive none), and every output is linear or zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, islice
from typing import Any, NoReturn

import numpy as np

from covector.core.avals import Zero, float0, typeof
from covector.core.errors import JaxprTypeError, LinearityError, describe
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, recorded_avals
from covector.core.printer import atom_to_string, contents, equation_to_string

MAX_TRIES = 200
"""How many ways to let zeros pass for linear operands are tried for an equation."""


def check(jaxpr: Jaxpr, linear: Sequence[bool] | None = None) -> None:
    """Verify scoping, types and linearity of a program and of all programs nested in it.

    Args:
        jaxpr: the program.
        linear: the inputs in which it must be linear, jointly; by default those that it is marked linear in.

    Raises:
        JaxprTypeError: for a variable that is unbound or bound twice, or a value whose type is not what the program says.
        LinearityError: for an equation or an output that is not linear.

    >>> from covector.core.avals import ShapedArray
    >>> from covector.primitives.ring import mul_p
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
            self.same_type(value, var, f"the constant {self.text(var)}")
        for var in self.jaxpr.in_vars:
            self.bind(var, "an input")
        for eqn in self.jaxpr.equations:
            self.eqn = eqn
            for atom in eqn.inputs:
                self.read(atom)
            self.check_outputs(eqn)
            for var in eqn.outputs:
                self.bind(var, "an output")
        self.eqn = None
        for atom in self.jaxpr.out_vars:
            self.read(atom)

    def text(self, atom: Any) -> str:
        return atom_to_string(self.jaxpr, atom)

    def fail(self, what: str, why: str = "", cause: Exception | None = None) -> NoReturn:
        source = None
        if self.eqn is not None:
            what += f"\n  in {equation_to_string(self.jaxpr, self.eqn)}"
            source = self.eqn.source
        raise JaxprTypeError(describe(what, why=why, source=source)) from cause

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
            self.same_type(atom.value, atom, f"the literal {self.text(atom)}")
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
            self.fail(f"{what} has the value {value!r}, which has no type.", str(reason), reason)
        if aval != holder.aval:
            self.fail(f"{what} is declared {holder.aval}, but its value is {aval}.")

    def check_outputs(self, eqn: Equation) -> None:
        name = eqn.primitive.name
        try:
            found = eqn.primitive.abstract(*[x.aval for x in eqn.inputs], **eqn.params)
        except Exception as reason:
            self.fail(
                f"{name!r} cannot be applied here.", f"its abstract rule raised {type(reason).__name__}: {reason}", reason
            )
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
                raise JaxprTypeError(describe(f"the variable {name} is bound again in a nested program.", why=why, source=None))
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


def check_linear(jaxpr: Jaxpr, mask: Sequence[bool]) -> list[bool]:
    """Which outputs of a program are linear in the inputs that ``mask`` marks, jointly, given the others.

    A primitive with a sub-program answers with this list in its rule ``linear`` (`Primitive.linear`).  The answer is kept on
    the program.

    Returns:
        For each output whether it is linear; the others do not depend on the marked inputs.  A zero counts as linear.

    Raises:
        LinearityError: if an equation is not linear in what depends on the marked inputs.

    >>> from covector.core.avals import ShapedArray
    >>> x, y = Var(ShapedArray((3,), np.float64)), Var(ShapedArray((3,), np.float64))
    >>> check_linear(Jaxpr([x, y], [], [x, y, Literal(0.0)]), [True, False])
    [True, False, True]
    """
    marks = tuple(mask)
    return list(jaxpr.derived(("check_linear", marks), lambda: _Linearity(jaxpr, marks).outputs()))


def _check_mark(jaxpr: Jaxpr, mask: tuple[bool, ...]) -> None:
    if len(mask) != len(jaxpr.in_vars):
        what = f"the linear mark {mask} has {len(mask)} entries for a program with {len(jaxpr.in_vars)} inputs."
        raise JaxprTypeError(describe(what, source=None))
    if not any(mask):
        return
    for i, (var, is_linear) in enumerate(zip(jaxpr.out_vars, check_linear(jaxpr, mask), strict=True)):
        if not is_linear:
            source = next((e.source for e in jaxpr.equations if var in e.outputs), None)
            what = f"output {i} of a linear program, {atom_to_string(jaxpr, var)}:{var.aval}, is not linear."
            raise LinearityError(what, source, "it is neither zero nor dependent on the linear inputs")


class _Linearity:
    """Finds the variables of a program that are linear."""

    def __init__(self, jaxpr: Jaxpr, mask: tuple[bool, ...]):
        self.jaxpr = jaxpr
        self.linear: set[Any] = {v for v, m in zip(jaxpr.in_vars, mask, strict=True) if m}

    def outputs(self) -> list[bool]:
        for eqn in self.jaxpr.equations:
            mask = tuple(x in self.linear for x in eqn.inputs)
            if True in mask:
                self.linear.update(v for v, m in zip(eqn.outputs, self.equation(eqn, mask), strict=True) if m)
        return [v in self.linear or self.is_zero(v) for v in self.jaxpr.out_vars]

    def equation(self, eqn: Equation, mask: tuple[bool, ...]) -> Sequence[bool]:
        """Which outputs are linear.  A zero may pass for a linear operand: ``tangent + 0`` is linear."""
        refusal: LinearityError | None = None
        for marks in self.with_zeros(eqn, mask):
            try:
                answer = linear_outputs(eqn, marks)
            except LinearityError as e:
                refusal = refusal or e
                continue
            if answer is not None:
                return answer
        raise refusal or self.error(eqn, mask)

    def with_zeros(self, eqn: Equation, mask: tuple[bool, ...]) -> Iterator[tuple[bool, ...]]:
        """The marks of the operands: as they are, and with zeros passing for linear, all of them or as many as do.

        A loop may need the zeros that its carries begin with to be linear, and others that are residuals to be known.
        """
        yield mask
        zeros = [i for i, (x, m) in enumerate(zip(eqn.inputs, mask, strict=True)) if not m and self.is_zero(x)]
        sizes = range(len(zeros), 0, -1)
        for chosen in islice(chain.from_iterable(combinations(zeros, n) for n in sizes), MAX_TRIES):
            yield tuple(m or i in chosen for i, m in enumerate(mask))

    def is_zero(self, atom: Any) -> bool:
        dtype = getattr(atom.aval, "dtype", None)
        if dtype == float0:
            return True
        if dtype is not None and dtype.kind == "b":  # a condition, not a zero tangent
            return False
        value = atom.value if isinstance(atom, Literal) else self.jaxpr.consts.get(atom, atom)
        return isinstance(value, Zero) or (value is not atom and not np.any(value))

    def error(self, eqn: Equation, mask: tuple[bool, ...]) -> LinearityError:
        texts = [atom_to_string(self.jaxpr, x) for x in eqn.inputs]
        operands = ", ".join(
            ("~" if m else "") + (f"{text}:{x.aval}" if isinstance(x, Var) else text)
            for text, x, m in zip(texts, eqn.inputs, mask, strict=True)
        )
        why = f"in `{equation_to_string(self.jaxpr, eqn)}` the operands marked ~ are tangents, which may only be"
        why += " added to tangents, multiplied by known values, and passed through linear operations"
        if eqn.primitive.linear is None:
            why += f"; {eqn.primitive.name!r} has no transpose rule, and so counts as linear in nothing"
        return LinearityError.of_equation(eqn.primitive.name, operands, eqn.source, why)


def linear_outputs(eqn: Equation, mask: tuple[bool, ...]) -> Sequence[bool] | None:
    """Which outputs of an equation are linear in the inputs that ``mask`` marks; None if the equation is not."""
    rule = eqn.primitive.linear
    answer: Any = rule is not None and rule(mask, eqn.params)
    if isinstance(answer, (list, tuple)):
        return answer
    return [True] * len(eqn.outputs) if answer else None
