"""Evaluation: ``eval_jaxpr : Jaxpr -> values -> values`` and ``compiled : Jaxpr -> (arrays -> arrays)``.

`eval_jaxpr` applies the primitives with `bind`, so the values may be tracers: all other interpreters of programs are this one
run on their tracers.  `compiled` is for plain arrays: a generated Python function with one line an equation, in which the
implementations are called directly and every value is dropped after its last use.
"""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from covector.core.avals import dtype_of
from covector.core.checked_rules import checked_impl
from covector.core.context import MODES, WATCH, value_of
from covector.core.jaxpr import Atom, Equation, Jaxpr, Var
from covector.core.primitive import Primitive
from covector.core.source import Source, names_sources
from covector.interpreters.syntax import Line, Text, code_of_text

MAX_GENERATED_EQUATIONS = 5_000
"""Longer programs are interpreted: generating code for them would cost more than it saves."""


def last_uses(jaxpr: Jaxpr) -> list[list[Var]]:
    """For each equation the variables that nothing after it needs (its own unused outputs included)."""
    needed = {v for v in jaxpr.out_vars if isinstance(v, Var)}
    drops: list[list[Var]] = []
    for eqn in reversed(jaxpr.equations):
        last = []
        for v in (*eqn.inputs, *eqn.outputs):
            if type(v) is Var and v not in needed:
                needed.add(v)
                last.append(v)
        drops.append(last)
    drops.reverse()
    return drops


def eval_jaxpr(jaxpr: Jaxpr, *args: Any) -> list[Any]:
    """The outputs of a program for these inputs, which may be tracers."""
    return run_equations(jaxpr, args, apply=_bind_typed if jaxpr.derived("weak", lambda: uses_weak(jaxpr)) else _bind)


def _bind(eqn: Equation, values: list[Any]) -> Any:
    return eqn.primitive.bind(*values, **eqn.params)


CONVERT: list[Callable[[Any, Any], Any]] = []
"""``convert(x, dtype)``; the primitives put it here."""


def _bind_typed(eqn: Equation, values: list[Any]) -> Any:
    """The outputs in the dtypes that were recorded: what was a Python number may be a batch now, which decides a dtype."""
    outs = eqn.primitive.bind(*values, **eqn.params)
    if eqn.primitive.multiple_results:
        return [_in_dtype(o, v.aval) for o, v in zip(outs, eqn.outputs, strict=True)]
    return _in_dtype(outs, eqn.outputs[0].aval)


def _in_dtype(x: Any, aval: Any) -> Any:
    wanted = getattr(aval, "dtype", None)
    return x if wanted is None or dtype_of(x) == wanted else CONVERT[0](x, wanted)


def uses_weak(jaxpr: Jaxpr) -> bool:
    """Whether a program computes with Python numbers that are not constants."""
    return any(type(v) is Var and getattr(v.aval, "weak_type", False) for eqn in jaxpr.equations for v in eqn.inputs)


_calls: set[Primitive] = set()


def declare_call(primitive: Primitive) -> None:
    """Declare that a primitive means its parameter ``jaxpr``: whoever reads the program may evaluate that in its place."""
    _calls.add(primitive)


def is_call(primitive: Primitive) -> bool:
    """Whether a primitive means no more than its parameter ``jaxpr``."""
    return primitive in _calls


def run_equations(jaxpr: Jaxpr, args: Any, apply: Callable[[Equation, list[Any]], Any]) -> list[Any]:
    """Run a program with ``apply(equation, input values)`` giving the outputs of each equation."""
    env: dict[Any, Any] = dict(jaxpr.consts)
    env.update(zip(jaxpr.in_vars, args, strict=True))

    def read(atom: Any) -> Any:
        return env[atom] if type(atom) is Var else atom.value

    drops = jaxpr.derived("last_uses", lambda: last_uses(jaxpr))
    for eqn, drop in zip(jaxpr.equations, drops, strict=True):
        try:
            outs = apply(eqn, [read(x) for x in eqn.inputs])
        except Exception as error:
            note_place(error, eqn)
            raise
        if eqn.primitive.multiple_results:
            env.update(zip(eqn.outputs, outs, strict=True))
        else:
            env[eqn.outputs[0]] = outs
        for v in drop:
            del env[v]
    return [read(v) for v in jaxpr.out_vars]


def note_place(error: Exception, eqn: Equation) -> None:
    """Note on an error the equation, and where it was made, that it comes from (the innermost, of nested programs)."""
    if eqn.source is not None and not getattr(error, "__notes__", None):
        error.add_note(f"in {eqn.primitive.name!r} at {eqn.source}")


names_sources(run_equations, lambda variables: variables["eqn"].source if "eqn" in variables else None)


def compiled(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """A function that evaluates the program on plain arrays, now: what is watched now is reported."""
    report = value_of(WATCH) if MODES else None
    if report is not None:
        return lambda *args: _watched(jaxpr, args, report)
    return code_of(jaxpr)


def code_of(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """A function that evaluates the program on plain arrays, watched by nobody; cached on the program."""
    return jaxpr.derived("compiled", lambda: _compile(jaxpr))


def _compile(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    if len(jaxpr.equations) > MAX_GENERATED_EQUATIONS:
        return lambda *args: fresh(jaxpr, run_equations(jaxpr, args, lambda eqn, values: implementation(eqn)(*values)))
    return Generator(jaxpr).function()


def _watched(jaxpr: Jaxpr, args: Any, report: Any) -> list[Any]:
    """Evaluate a program, and report each result."""

    def apply(eqn: Equation, values: list[Any]) -> Any:
        out = implementation(eqn)(*values)
        report(eqn.primitive.name, values, out if eqn.primitive.multiple_results else [out], eqn.source, "value")
        return out

    return fresh(jaxpr, run_equations(jaxpr, args, apply))


def fresh(jaxpr: Jaxpr, outs: list[Any]) -> list[Any]:
    """The outputs, with copies of those that share memory with a constant of the program (a view of one does)."""
    consts = list(jaxpr.consts.values())
    return [unshared(o, consts) for o in outs] if consts else outs


def unshared(x: Any, consts: list[Any]) -> Any:
    """An output, copied if it is one of the constants or a view of one."""
    if type(x) is np.ndarray and any(x is c or (x.base is not None and np.may_share_memory(x, c)) for c in consts):
        return x.copy()
    return x


def implementation(eqn: Equation) -> Callable[..., Any]:
    """The function that an equation applies to arrays."""
    primitive, impl = eqn.primitive, eqn.primitive.impl
    if not primitive.trusted:
        avals = [v.aval for v in eqn.outputs]
        impl = checked_impl(primitive.name, primitive.multiple_results, impl, avals, eqn.source)
    if eqn.params:
        impl = partial(impl, **eqn.params)
    is_weak = not primitive.multiple_results and getattr(eqn.outputs[0].aval, "weak_type", False)
    if is_weak and not getattr(impl, "gives_python_numbers", False):
        strong = impl
        return lambda *args: as_python_scalar(strong(*args))
    return impl


def as_python_scalar(x: Any) -> Any:
    """The Python scalar of a NumPy one: a weakly typed result stays weak."""
    return x if type(x) in PYTHON_NUMBERS else x.item()


PYTHON_NUMBERS = {bool, int, float, complex}


class Generator:
    """Writes the Python code of a program, as code that stands at the user's lines.

    An error or a warning of an operation then names the line that it came from, as if it ran there.
    """

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
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
        return implementation(eqn)

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
