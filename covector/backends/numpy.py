"""The source backend: ``compiled : Jaxpr -> (arrays -> arrays)``, a generated Python function with one line an equation.

In it the implementations are called directly, and every value is dropped after its last use.
"""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from covector.backends.syntax import Line, Text, code_of_text
from covector.core.jaxpr import Atom, Equation, Jaxpr, Var
from covector.core.source import Source
from covector.interpreters.evaluate import implementation, last_uses, run_equations
from covector.passes.overwriting import owned_carries

MAX_GENERATED_EQUATIONS = 5_000
"""Longer programs are interpreted: generating code for them would cost more than it saves."""


def compiled(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """A function that evaluates a program on plain arrays."""
    if len(jaxpr.equations) > MAX_GENERATED_EQUATIONS:
        return lambda *args: fresh(jaxpr, run_equations(jaxpr, args, lambda eqn, values: implementation(eqn)(*values)))
    return Generator(jaxpr).function()


def compiled_step(jaxpr: Jaxpr, first_carry: int, num_carry: int) -> tuple[Callable[..., list[Any]], list[int]] | None:
    """The step of a loop, and which of its carries it overwrites; None if there are none."""
    if len(jaxpr.equations) > MAX_GENERATED_EQUATIONS:
        return None
    overwritten, owned = owned_carries(jaxpr, first_carry, num_carry)
    return (Generator(jaxpr, overwritten).function(), owned) if overwritten else None


def fresh(jaxpr: Jaxpr, outs: list[Any]) -> list[Any]:
    """The outputs, with copies of those that share memory with a constant of the program (a view of one does)."""
    consts = list(jaxpr.consts.values())
    return [unshared(o, consts) for o in outs] if consts else outs


def unshared(x: Any, consts: list[Any]) -> Any:
    """An output, copied if it is one of the constants or a view of one."""
    if type(x) is np.ndarray and any(x is c or (x.base is not None and np.may_share_memory(x, c)) for c in consts):
        return x.copy()
    return x


class Generator:
    """Writes the Python code of a program, as code that stands at the user's lines.

    An error or a warning of an operation then names the line that it came from, as if it ran there.  The equations at the
    places ``overwritten`` write their result into their first input.
    """

    def __init__(self, jaxpr: Jaxpr, overwritten: Collection[int] = ()):
        self.jaxpr = jaxpr
        self.overwriting = {id(jaxpr.equations[i]) for i in overwritten}
        self.names: dict[Any, str] = {}
        self.globals: dict[str, Any] = {"unshared": partial(unshared, consts=list(jaxpr.consts.values()))}
        self.file = file_of(jaxpr)

    def name(self, var: Var) -> str:
        name = self.names.get(var)
        if name is None:
            name = self.names[var] = f"v{len(self.names)}"
        return name

    def constant(self, value: Any, prefix: str = "c") -> str:
        name = f"{prefix}_{len(self.globals)}"  # not exp21, which may be the 21st exp or the first exp2
        self.globals[name] = value
        return name

    def atom(self, atom: Atom) -> str:
        return self.name(atom) if type(atom) is Var else self.constant(atom.value)  # type: ignore[union-attr]

    def implementation(self, eqn: Equation) -> Callable[..., Any]:
        if id(eqn) not in self.overwriting:
            return implementation(eqn)
        assert eqn.primitive.overwrite is not None
        return partial(eqn.primitive.overwrite, **eqn.params)

    def line(self, eqn: Equation, drop: list[Var]) -> Line:
        primitive, impl, source, span = eqn.primitive, self.implementation(eqn), eqn.source, None
        if source is not None:
            if source.code.co_filename == self.file:
                span = source.span
            else:
                impl = called_at(source, impl)
        targets = tuple(map(self.name, eqn.outputs))
        arguments = tuple(map(self.atom, eqn.inputs))
        function = self.constant(impl, primitive.name if primitive.name.isidentifier() else "p")
        consts = self.jaxpr.consts
        dropped = tuple([self.name(v) for v in drop if v not in consts])
        return targets, primitive.multiple_results, function, arguments, span, dropped

    def text(self) -> Text:
        jaxpr = self.jaxpr
        for var, value in jaxpr.consts.items():
            self.names[var] = self.constant(value)
        parameters = tuple(map(self.name, jaxpr.in_vars))
        lines = tuple(map(self.line, jaxpr.equations, last_uses(jaxpr)))
        results = tuple(map(self.atom, jaxpr.out_vars))
        shares = tuple([bool(jaxpr.consts) and isinstance(v, Var) for v in jaxpr.out_vars])
        return Text(self.file, parameters, lines, results, shares)

    def function(self) -> Callable[..., list[Any]]:
        code = code_of_text(self.text())
        self.globals["__builtins__"] = builtins  # in which a warning looks for its module
        return FunctionType(code, self.globals)


def file_of(jaxpr: Jaxpr) -> str:
    """The file of most operations of a program: a function is in one; what comes from another is called by one of its own."""
    files = [e.source.code.co_filename for e in jaxpr.equations if e.source is not None]
    if not files:
        return "<covector program>"
    return files[0] if files.count(files[0]) == len(files) else Counter(files).most_common(1)[0][0]


def called_at(source: Source, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called from a place in a file of its own."""
    line = source.line
    code = _TRAMPOLINE.replace(co_filename=source.code.co_filename, co_firstlineno=line, co_name="program")
    return FunctionType(code, {"function": function, "__builtins__": builtins})  # in which a warning looks for its module


_TRAMPOLINE = (lambda *args: function(*args)).__code__  # noqa: F821 - a global of its copies
