"""Rules that close over traced values, as programs: what they close over becomes inputs of the call that they belong to.

An equation outlives the traces that are open when it is recorded, and is transformed outside of some of them.  A rule that uses
a traced value from outside is therefore staged when the call becomes an equation: its program takes the value from the
equation's inputs, as the program of the function does.  A rule that closes over none stays the Python function that it is.

A rule may call the function that it belongs to.  That call, met while the rule is staged, gets the rules that are being made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from covector.core.avals import Zero, typeof
from covector.core.context import RULES_IN_WORK, mode, value_of
from covector.core.jaxpr import Jaxpr
from covector.interpreters.closures import cell_values, reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import choose, cut, spread
from covector.interpreters.stage import stage
from covector.primitives.custom.linear import Backward, written_out

Values = Sequence[Any]


class RuleProgram(NamedTuple):
    """A staged rule: its program, and which of the values that the rules close over are its leading inputs."""

    jaxpr: Jaxpr
    numbers: list[int]
    present: list[bool]
    """Which of the (co)tangents that it returns are not symbolic zeros."""

    def run(self, closed: Values, *args: Any) -> list[Any]:
        return eval_jaxpr(self.jaxpr, *(closed[i] for i in self.numbers), *args)


class RulePrograms:
    """Rules as programs, of the arguments ``(*closed, *arguments)`` where ``closed`` are the values that they close over."""

    jvp: RuleProgram
    fwd: RuleProgram
    bwd: RuleProgram

    def __init__(self, name: str, avals: Values, out_avals: Values):
        self.name = name
        self.avals = avals
        self.out_avals = out_avals
        self.n_closed = 0

    def run_jvp(self, primals: Values, tangents: Values) -> Any:
        closed, xs = cut(primals, self.n_closed)
        given = choose(differentiable(self.avals), tangents[self.n_closed :])
        outs, tangents_out = cut(self.jvp.run(closed, *xs, *written_out(given)), len(self.out_avals))
        zeros = [a.zero for a in self.out_avals]
        return outs, zeros if all(type(t) is Zero for t in given) else spread(self.jvp.present, tangents_out, zeros)

    def run_fwd(self, primals: Values, perturbed: Sequence[bool]) -> Any:
        closed, xs = cut(primals, self.n_closed)
        outs, residuals = cut(self.fwd.run(closed, *xs), len(self.out_avals))
        return outs, [*residuals, *closed], Backward(self.name, self.run_bwd)

    def run_bwd(self, values: Values, cts: Values) -> list[Any]:
        residuals, closed = cut(values, len(values) - self.n_closed)
        given = written_out(choose(differentiable(self.out_avals), cts))
        results = self.bwd.run(closed, *residuals, *given)
        return [*[None] * self.n_closed, *spread(self.bwd.present, results, [None] * len(self.avals))]


def differentiable(avals: Values) -> list[bool]:
    """Which values of these types have tangents."""
    return [a.is_differentiable for a in avals]


class Conversion:
    """Rules of a call in the making: ``programs`` of ``rules``, which close over the tracers ``closed``."""

    def __init__(self, rules: Any, avals: Values, out_avals: Values):
        self.rules = rules
        self.programs = RulePrograms(rules.name, avals, out_avals)
        self.closed: list[Any] = []
        self.known = self.recursive = False

    def converted(self) -> tuple[Any, list[Any]]:
        """The new rules, and the values that they take before the arguments."""
        if not self.closed:
            return self.rules, []
        p = self.programs
        p.n_closed = len(self.closed)
        jvp, fwd = self.rules.jvp and p.run_jvp, self.rules.fwd and p.run_fwd
        return replace(self.rules, jvp=jvp, fwd=fwd, symbolic_zeros=True, function=(), roots=()), self.closed

    def stage_rules(self, capture: bool = False) -> None:
        if self.rules.jvp is not None:
            self.stage_jvp(capture)
        if self.rules.fwd is not None:
            self.stage_vjp(capture)

    def stage(self, f: Callable[..., tuple[Values, list[bool]]], avals: Values, capture: bool) -> RuleProgram:
        jaxpr, hoisted, present = stage(f, avals, self.rules.name, self.rules.origin, capture=capture)
        return RuleProgram(jaxpr, [self.number_of(h) for h in hoisted], present)

    def number_of(self, tracer: Any) -> int:
        for i, other in enumerate(self.closed):
            if other is tracer:
                return i
        self.closed.append(tracer)
        return len(self.closed) - 1

    def stage_jvp(self, capture: bool) -> None:
        avals = self.programs.avals
        marks = differentiable(avals)

        def rule(*args: Any) -> tuple[Values, list[bool]]:
            outs, tangents = self.rules.jvp(args[: len(avals)], spread(marks, args[len(avals) :], [a.zero for a in avals]))
            present = [type(t) is not Zero for t in tangents]
            return [*outs, *choose(present, tangents)], present

        self.programs.jvp = self.stage(rule, [*avals, *(a.tangent() for a in choose(marks, avals))], capture)

    def stage_vjp(self, capture: bool) -> None:
        avals, out_avals = self.programs.avals, self.programs.out_avals
        marks = differentiable(out_avals)
        found: list[Backward] = []

        def forwards(*args: Any) -> tuple[Values, list[bool]]:
            outs, residuals, backward = self.rules.fwd(args, differentiable(avals))
            found.append(backward)
            return [*outs, *residuals], []

        self.programs.fwd = self.stage(forwards, avals, capture)
        residual_avals = self.programs.fwd.jaxpr.out_avals[len(out_avals) :]

        def backwards(*args: Any) -> tuple[Values, list[bool]]:
            residuals, given = cut(args, len(residual_avals))
            results = found[0].run(residuals, spread(marks, given, [a.zero for a in out_avals]))
            present = [ct is not None and type(ct) is not Zero for ct in results]
            return choose(present, results), present

        ct_avals = [a.tangent().strengthened() for a in choose(marks, out_avals)]
        self.programs.bwd = self.stage(backwards, [*residual_avals, *ct_avals], capture)


def _identity(root: Any) -> Any:
    """What tells a rule from others: one that is made anew, of the same code and values, is the same."""
    if isinstance(root, MethodType):
        return root.__func__, id(root.__self__)
    if isinstance(root, FunctionType):
        return root.__code__, *map(id, cell_values(root.__closure__ or ())), *map(id, root.__defaults__ or ())
    return id(root)


def closure_converted(rules: Any, args: Values, out_avals: Values) -> tuple[Any, list[Any]]:
    """The rules of a call, and the traced values that they take before its arguments.

    Rules that reach no traced value are returned as they are; so are those that cannot be staged: they fail where they are
    needed, and only there.
    """
    avals = [typeof(a) for a in args]
    key = (*map(_identity, rules.roots), *(batch[1:] for batch in rules.batches), *avals)
    in_progress: dict[Any, Conversion] = value_of(RULES_IN_WORK, {})
    outer = in_progress.get(key)
    if outer is not None:
        outer.recursive = True
        return outer.converted() if outer.known else (rules, [])
    if next(reachable_tracers(rules.roots), None) is None:
        return rules, []
    conversion = Conversion(rules, avals, out_avals)
    try:
        with mode(RULES_IN_WORK, {**in_progress, key: conversion}):
            conversion.stage_rules()
            if conversion.closed and conversion.recursive:
                _stage_recursive(conversion)
    except Exception:
        return rules, []
    return conversion.converted()


def _stage_recursive(conversion: Conversion) -> None:
    """Stage rules that call the function that they belong to: first to see what they close over, then with that known.

    What is done with it is captured, so that it is the same twice.
    """
    conversion.closed = []
    conversion.stage_rules(capture=True)
    conversion.known = True
    conversion.stage_rules(capture=True)
