"""Evaluation: ``eval_jaxpr : Jaxpr -> values -> values`` and ``compiled : Jaxpr -> (arrays -> arrays)``.

`eval_jaxpr` applies the primitives with `bind`, so the values may be tracers: all other interpreters of programs are this one
run on their tracers.  `compiled` is for plain arrays: a generated Python function with one line an equation, in which the
implementations are called directly and every value is dropped after its last use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from covector.core.checked_rules import checked_impl
from covector.core.jaxpr import Atom, Equation, Jaxpr, Literal, Var
from covector.core.modes import MODES

MAX_GENERATED_EQUATIONS = 5_000
"""Longer programs are interpreted: generating code for them would cost more than it saves."""


def last_uses(jaxpr: Jaxpr) -> list[list[Var]]:
    """For each equation the variables that nothing after it needs (its own unused outputs included)."""
    needed = {v for v in jaxpr.out_vars if isinstance(v, Var)}
    drops: list[list[Var]] = []
    for eqn in reversed(jaxpr.equations):
        last = []
        for v in (*eqn.inputs, *eqn.outputs):
            if v.__class__ is Var and v not in needed:
                needed.add(v)
                last.append(v)
        drops.append(last)
    drops.reverse()
    return drops


def eval_jaxpr(jaxpr: Jaxpr, *args: Any) -> list[Any]:
    """The outputs of a program for these inputs, which may be tracers."""
    return run_equations(jaxpr, args, apply=lambda eqn, values: eqn.primitive.bind(*values, **eqn.params))


def run_equations(jaxpr: Jaxpr, args: Any, apply: Callable[[Equation, list[Any]], Any]) -> list[Any]:
    """Run a program with ``apply(equation, input values)`` giving the outputs of each equation."""
    env: dict[Any, Any] = dict(jaxpr.consts)
    env.update(zip(jaxpr.in_vars, args, strict=True))

    def read(atom: Any) -> Any:
        return env[atom] if atom.__class__ is Var else atom.value

    drops = jaxpr.derived("last_uses", lambda: last_uses(jaxpr))
    for eqn, drop in zip(jaxpr.equations, drops, strict=True):
        outs = apply(eqn, [read(x) for x in eqn.inputs])
        if eqn.primitive.multiple_results:
            env.update(zip(eqn.outputs, outs, strict=True))
        else:
            env[eqn.outputs[0]] = outs
        for v in drop:
            del env[v]
    return [read(v) for v in jaxpr.out_vars]


def compiled(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """A function that evaluates the program on plain arrays; cached on the program."""
    if "watch" in MODES:
        return lambda *args: _watched(jaxpr, args, MODES["watch"])
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
    if x.__class__ is np.ndarray and any(x is c or (x.base is not None and np.may_share_memory(x, c)) for c in consts):
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
    if not primitive.multiple_results and getattr(eqn.outputs[0].aval, "weak_type", False):
        strong = impl
        return lambda *args: as_python_scalar(strong(*args))
    return impl


def as_python_scalar(x: Any) -> Any:
    """The Python scalar of a NumPy one: a weakly typed result stays weak."""
    return x.item() if isinstance(x, (np.generic, np.ndarray)) else x


class Generator:
    """Writes the Python source of a program."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.names: dict[Any, str] = {}
        self.globals: dict[str, Any] = {"unshared": partial(unshared, consts=list(jaxpr.consts.values()))}

    def name(self, var: Var) -> str:
        return self.names.setdefault(var, f"v{len(self.names)}")

    def constant(self, value: Any, prefix: str = "c") -> str:
        name = f"{prefix}{len(self.globals)}"
        self.globals[name] = value
        return name

    def atom(self, atom: Atom) -> str:
        return self.constant(atom.value) if isinstance(atom, Literal) else self.name(atom)

    def result(self, atom: Atom) -> str:
        return f"unshared({self.name(atom)})" if isinstance(atom, Var) and self.jaxpr.consts else self.atom(atom)

    def implementation(self, eqn: Equation) -> Callable[..., Any]:
        return implementation(eqn)

    def line(self, eqn: Equation) -> str:
        targets = ", ".join(map(self.name, eqn.outputs))
        if eqn.primitive.multiple_results:
            targets = f"[{targets}]"
        call = self.constant(self.implementation(eqn), "p")
        return f"{targets} = {call}({', '.join(map(self.atom, eqn.inputs))})"

    def function(self) -> Callable[..., list[Any]]:
        jaxpr = self.jaxpr
        for var, value in jaxpr.consts.items():
            self.names[var] = self.constant(value)
        lines = [f"def program({', '.join(map(self.name, jaxpr.in_vars))}):"]
        for eqn, drop in zip(jaxpr.equations, last_uses(jaxpr), strict=True):
            lines.append("    " + self.line(eqn))
            dropped = [self.name(v) for v in drop if v not in jaxpr.consts]
            if dropped:
                lines.append("    del " + ", ".join(dropped))
        lines.append(f"    return [{', '.join(map(self.result, jaxpr.out_vars))}]")
        exec(compile("\n".join(lines), "<covector program>", "exec"), self.globals)
        return self.globals.pop("program")  # type: ignore[no-any-return]  # left there, it would be a reference cycle
