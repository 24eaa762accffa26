"""A program as a Python file: ``text_of(name, jaxpr, ...) -> str``.

It is code that a person might have written: functions of NumPy by their names, operators, loops and branches of Python's, names
from the user's source, and the user's lines as comments.  It imports what it needs, holds its constants, and can be saved,
imported and stepped through.  Values are those of the program, to rounding.

An operation whose result is used once, on the line that made it, stands where it is used.
"""

from __future__ import annotations

import linecache
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from covector.backends.readable.expressions import ATOM, Expression, expression, literal
from covector.backends.readable.naming import line_of, names_of
from covector.backends.readable.spelling import Module
from covector.backends.readable.statements import STEP, statement
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, has_effects

MAX_INLINED = 72
"""A longer expression gets a name."""

VIEWS = {"reshape", "transpose", "broadcast_to", "slice", "real", "imag", "einsum", "stop_gradient"}


class Block:
    """The lines of a program, or of one in it.

    Attributes:
        env: what stands for the variables.
        made: the equations that they are results of.
        names: what the user calls them.
    """

    def __init__(self, module: Module, constant_name: Callable[[Any], str]):
        self.module = module
        self.constant_name = constant_name
        self.lines: list[str] = []
        self.env: dict[Any, Expression] = {}
        self.names: dict[Var, str] = {}
        self.made: dict[Any, Equation] = {}
        self.place: Any = None
        self.waiting: list[Any] = []

    def inner(self) -> Block:
        """A block in this one."""
        inner = Block(self.module, self.constant_name)
        inner.place = self.place
        return inner

    def line(self, text: str) -> None:
        self.lines.append(text)

    def assigned(self, text: str, base: str) -> str:
        """The name of a value that gets one."""
        name = self.module.fresh(base)
        self.line(f"{name} = {text}")
        return name

    def bind(self, var: Var, base: str = "t") -> str:
        """A new name for a variable."""
        name = self.module.fresh(self.names.get(var, base))
        self.env[var] = Expression(name)
        return name

    def read(self, atom: Any, eqn: Equation | None = None) -> Expression:
        return literal(self.module, atom, eqn) if type(atom) is Literal else self.env[atom]

    # --- a program

    def run(self, jaxpr: Jaxpr, given: Sequence[Expression]) -> list[Expression]:
        """Write the equations; what the results are."""
        self.names = names_of(jaxpr)
        for var, value in jaxpr.consts.items():
            self.env[var] = Expression(self.module.named(value, self.constant_name(value)))
        self.env.update(zip(jaxpr.in_vars, given, strict=True))
        uses = Counter(x for e in jaxpr.equations for x in e.inputs if type(x) is Var)
        uses.update(v for v in jaxpr.out_vars if type(v) is Var)
        user = {x: e for e in jaxpr.equations for x in e.inputs if type(x) is Var}
        self.made = {v: e for e in jaxpr.equations for v in e.outputs}
        for eqn in jaxpr.equations:
            self.equation(eqn, uses, user)
        return [self.result(v, jaxpr.consts) for v in jaxpr.out_vars]

    def equation(self, eqn: Equation, uses: Counter[Var], user: dict[Var, Equation]) -> None:
        outs, write = eqn.outputs, statement(eqn)
        if write is not None:
            self.comment(eqn)
            write(self, eqn)
            return
        found = expression(self.module, eqn, [self.read(x, eqn) for x in eqn.inputs])
        if self.is_inlined(eqn, found, uses, user):
            self.env[outs[0]] = found
            self.waiting.append(eqn)
            return
        self.comment(eqn)
        if eqn.primitive.multiple_results:
            names = [self.bind(v) if uses[v] else "_" for v in outs]
            targets = ", ".join(names) + ("," if len(names) == 1 else "")
            self.line(f"{targets} = {found.text}" if any(uses[v] for v in outs) else found.text)
        elif uses[outs[0]]:
            self.line(f"{self.bind(outs[0])} = {found.text}")
        elif has_effects(eqn.primitive, eqn.params):
            self.line(found.text)

    def is_inlined(self, eqn: Equation, found: Expression, uses: Counter[Var], user: dict[Var, Equation]) -> bool:
        """Whether an expression stands where it is used: once, on the line that it is from."""
        if eqn.primitive.multiple_results or eqn.outputs[0] in self.names or len(found.text) > MAX_INLINED:
            return False
        if uses[eqn.outputs[0]] != 1 or has_effects(eqn.primitive, eqn.params) or "\n" in found.text:
            return False
        only = user.get(eqn.outputs[0])
        if only is None:
            return True
        is_test = only.primitive.name == "cond" and only.inputs[0] is eqn.outputs[0] and len(only.params["branches"]) == 2
        in_words = is_test or (statement(only) is None and not has_effects(only.primitive, only.params))
        return in_words and line_of(only) == line_of(eqn)

    def result(self, atom: Any, consts: dict[Var, Any]) -> Expression:
        """A result; a copy where it may be a constant, or a view that nobody may write to."""
        found = self.read(atom)
        source = self.made
        x = atom
        while type(x) is Var and x in source and source[x].primitive.name in VIEWS:
            if source[x].primitive.name == "broadcast_to" and source[x].inputs[0].aval.shape:
                break
            x = source[x].inputs[0]
        is_shared = x in consts or (x in source and source[x].primitive.name == "broadcast_to" and x.aval.shape)
        if type(atom) is Var and is_shared and getattr(atom.aval, "shape", ()):
            return Expression(f"{found.inside(ATOM)}.copy()")
        return found

    # --- lines

    def comment(self, eqn: Equation) -> None:
        """The user's line, where it is another than before."""
        for e in (*self.waiting, eqn):
            self.comment_line(e)
        self.waiting.clear()

    def comment_line(self, eqn: Equation) -> None:
        place = line_of(eqn)
        if place is None or place == self.place:
            return
        self.place = place
        path, number = place
        said = linecache.getline(path, number).strip()
        self.line(f"# {os.path.basename(path)}:{number}: {said}".rstrip(": "))

    def assign_all(self, names: Sequence[str], values: Sequence[Expression]) -> None:
        """Give names to results."""
        for e in self.waiting:
            self.comment_line(e)
        self.waiting.clear()
        for name, value in zip(names, values, strict=True):
            self.line(f"{name} = {value.text}")

    def finished(self, outs: Sequence[Expression], returned: str | None = None) -> list[str]:
        """The lines of a function."""
        for e in self.waiting:
            self.comment_line(e)
        if returned is None:
            returned = ", ".join(o.text for o in outs) if outs else "()"
        return [*self.lines, f"return {returned}"]


def text_of(
    name: str,
    jaxpr: Jaxpr,
    signature: Callable[[Module], tuple[str, list[str], list[str]]],
    returned: Callable[[list[str]], str],
    constant_name: Callable[[Any], str] = lambda value: "constant",
) -> str:
    """A file that defines a function.

    Args:
        name: what the function is called.
        jaxpr: the program.
        signature: ``signature(module)`` is the text of the parameters, the lines that take them apart, and the expressions of
            the inputs of the program.
        returned: what the function returns, of the texts of the outputs.
        constant_name: what an array that the program closes over is called.
    """
    module = Module()
    name = module.fresh(name)
    parameters, lines, inputs = signature(module)
    block = Block(module, constant_name)
    block.lines = lines
    outs = block.run(jaxpr, [*map(Expression, inputs)])
    body = block.finished(outs, returned([o.text for o in outs]))
    indented = [f"{STEP}{line}" if line else line for line in body]
    return "\n".join([*module.header(), "", "", f"def {name}({parameters}):", *indented]) + "\n"
