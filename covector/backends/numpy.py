"""The source backend: ``compiled : Jaxpr -> (arrays -> arrays)``, a generated Python function with one line an equation.

>>> import covector as cv
>>> compiled(cv.make_jaxpr(lambda x: np.sin(x) * 2.0)(1.0))(0.0)
[np.float64(0.0)]

In it the implementations are called directly, and every value is dropped after its last use.
"""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from keyword import iskeyword
from types import FunctionType
from typing import Any

import numpy as np

from covector.backends.blocks import blocked
from covector.backends.forms import Form, call
from covector.backends.syntax import Constant, Expression, Line, Text, code_of_text
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Atom, Equation, Jaxpr, Var
from covector.core.source import Source, Span
from covector.interpreters.evaluate import implementation, last_uses, run_equations
from covector.passes.overwriting import owned_carries

MAX_GENERATED_EQUATIONS = 5_000
"""Longer programs are interpreted: generating code for them would cost more than it saves."""


def compiled(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """A function that evaluates a program on plain arrays."""
    if len(jaxpr.equations) > MAX_GENERATED_EQUATIONS:
        return lambda *args: fresh(jaxpr, run_equations(jaxpr, args, lambda eqn, values: implementation(eqn)(*values)))
    return Generator(blocked(jaxpr, lambda part: Generator(part).function())).function()


def compiled_when_called(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """The same, written at the first call: where another backend's code runs, there may never be one."""
    own = Jaxpr(jaxpr.in_vars, jaxpr.equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)  # what is kept with it is not in it
    made: list[Callable[..., list[Any]]] = []

    def run(*arrays: Any) -> list[Any]:
        if not made:
            made.append(compiled(own))
        return made[0](*arrays)

    return run


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
        self.globals: dict[str, Any] = {
            "unshared": partial(unshared, consts=list(jaxpr.consts.values())),
            "__builtins__": builtins,  # in which a warning looks for its module
        }
        self.file = file_of(jaxpr)

    def name(self, var: Var) -> str:
        name = self.names.get(var)
        if name is None:
            name = self.names[var] = f"v{len(self.names)}"
        return name

    def constant(self, value: Any, prefix: str = "c") -> str:
        """The name of a value: the prefix itself for the first value that has it."""
        if self.globals.get(prefix, self) is value:
            return prefix
        name, n = prefix, len(self.globals)
        while name in self.globals or name[1:].isdigit() or name == "c" or iskeyword(name):
            name, n = f"{prefix}_{n}", n + 1  # not exp21, which may be the 21st exp or the first exp2
        self.globals[name] = value
        return name

    def atom(self, atom: Atom) -> str:
        return self.name(atom) if type(atom) is Var else self.constant(atom.value)  # type: ignore[union-attr]

    def written(self, value: Any, prefix: str) -> Any:
        """A parameter: integers and tuples of such stand in the code, of anything else a name does."""
        return Constant(repr(value), value) if _is_plain(value) else self.constant(value, prefix)

    def form(self, eqn: Equation, elsewhere: bool) -> Form:
        """How an equation is written; a call of one function where something is to be done beside what it says."""
        primitive, params = eqn.primitive, eqn.params
        if id(eqn) in self.overwriting:
            overwrite: Any = primitive.overwrite
            return call(partial(overwrite, **params)) if elsewhere else call(overwrite, **params)
        is_weak = not primitive.multiple_results and getattr(eqn.outputs[0].aval, "weak_type", False)
        if elsewhere or is_weak or not primitive.trusted:
            return call(implementation(eqn))
        lower: Any = primitive.rule("lower")
        return lower(eqn)  # type: ignore[no-any-return]

    def expression(self, eqn: Equation, arguments: tuple[str, ...]) -> tuple[Expression, Span | None]:
        """What computes an equation, and where it stands."""
        source = eqn.source
        elsewhere = source is not None and source.code.co_filename != self.file
        kind, head, more, keywords = self.form(eqn, elsewhere)
        name = eqn.primitive.name if eqn.primitive.name.isidentifier() else "p"
        if kind == "call":
            head = self.constant(called_at(source, head) if elsewhere else head, name)  # type: ignore[arg-type]
        elif kind == "subscript":
            head = Constant(repr(head), head)
        arguments = (*arguments, *[self.written(x, _label(x)) for x in more])
        named = tuple([(k, self.written(x, k)) for k, x in keywords.items()])
        return Expression(kind, head, arguments, named), None if elsewhere or source is None else source.span

    def line(self, eqn: Equation, drop: list[Var]) -> Line:
        targets = tuple(map(self.name, eqn.outputs))
        expression, span = self.expression(eqn, tuple(map(self.atom, eqn.inputs)))
        consts = self.jaxpr.consts
        dropped = tuple([self.name(v) for v in drop if v not in consts])
        return targets, eqn.primitive.multiple_results, expression, span, dropped

    def text(self) -> Text:
        jaxpr = self.jaxpr
        for var, value in jaxpr.consts.items():
            self.names[var] = self.constant(value)
        parameters = tuple(map(self.name, jaxpr.in_vars))
        lines = tuple(map(self.line, jaxpr.equations, last_uses(jaxpr)))
        results = tuple(map(self.atom, jaxpr.out_vars))
        return Text(self.file, parameters, (*lines, *map(self.number, outputs_of_no_axes(jaxpr))), results, bool(jaxpr.consts))

    def number(self, var: Var) -> Line:
        """A NumPy number in the place of an array without axes, as compiled code returns it."""
        name = self.name(var)
        return (name,), False, Expression("call", self.constant(as_number, "number"), (name,)), None, ()

    def function(self) -> Callable[..., list[Any]]:
        return FunctionType(code_of_text(self.text()), self.globals)


def as_number(x: Any) -> Any:
    """A NumPy number for an array without axes."""
    return x[()] if type(x) is np.ndarray else x


def outputs_of_no_axes(jaxpr: Jaxpr) -> list[Var]:
    """The outputs without axes of functions that may return an array there: of NumPy's, ufuncs do not."""
    outs = {v for v in jaxpr.out_vars if type(v.aval) is ShapedArray and v.aval.shape == () and not v.aval.weak_type}
    made = [v for e in jaxpr.equations if not isinstance(getattr(e.primitive.kind, "fn", None), np.ufunc) for v in e.outputs]
    return [v for v in made if v in outs]


def _label(x: Any) -> str:
    """What a constant is called: a type or a dtype by its name."""
    name = getattr(x, "__name__", None) or getattr(x, "name", "c")
    return name if isinstance(name, str) and name.isidentifier() else "c"


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return value is None or type(value) in (int, bool, str)


def file_of(jaxpr: Jaxpr) -> str:
    """The file of most operations of a program: a function is in one; what comes from another is called by one of its own."""
    files = Counter(e.source.code.co_filename for e in jaxpr.equations if e.source is not None)
    return max(files, key=files.__getitem__, default="<covector program>")


def called_at(source: Source, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called from a place in a file of its own."""
    line = source.line
    code = _TRAMPOLINE.replace(co_filename=source.code.co_filename, co_firstlineno=line, co_name="program")
    return FunctionType(code, {"function": function, "__builtins__": builtins})  # in which a warning looks for its module


_TRAMPOLINE = (lambda *args: function(*args)).__code__  # noqa: F821 - a global of its copies
