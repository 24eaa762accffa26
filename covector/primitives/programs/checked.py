"""Checks in nested programs as data: the programs of calls, choices and loops give out whether their checks hold.

An interpretation (`covector.interpreters.interpret`) that keeps values as they are, and notes the checks.  A choice has room
for those of all branches, of which the others hold; a loop carries the first failure of each.  A call with rules of the user's
stays as it is, without checks, and its program is run beside it for these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.jaxpr import Equation, Jaxpr, is_act, program_has_effects, with_programs
from covector.core.primitive import Primitive, TracerBase
from covector.interpreters.checks import CheckTrace, Found, Message, makes_checks
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import Bundle, Interpretation, Note
from covector.interpreters.programs import rearranged
from covector.interpreters.stage import stage
from covector.passes.clean import LeftOut, without
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.custom.functions import custom_function_p
from covector.primitives.effects.callbacks import check_p
from covector.primitives.math.identity import stop_gradient_p
from covector.primitives.programs.call import jit_p
from covector.primitives.programs.scan import select_rows


class Checks(Interpretation):
    """Values as they are, with notes of the checks: of each whether it holds, and its values.

    Args:
        wanted: which checks are noted.
        run: ``run(f, args) -> (outputs, checks found)``.
    """

    keeps_value = False  # the condition of a loop makes checks too

    def __init__(self, wanted: frozenset[str], run: Callable[..., tuple[list[Any], list[Found]]]):
        self.key = ("checks", wanted)
        self.evaluate = run
        self.found: list[Found] = []

    def run(self, f: Callable[..., Sequence[Any]], bundles: Sequence[Bundle]) -> tuple[list[Bundle], Sequence[Note]]:
        outs, found = self.evaluate(f, [b.parts[0] for b in bundles])
        return [Bundle((o,)) for o in outs], [Note((by_example(h, values), *values), message) for h, message, values in found]

    def avals(self, aval: Any, form: Any) -> Sequence[Any]:
        return (aval,)

    def initial(self, avals: Sequence[Any]) -> list[Any]:
        return [np.logical_not(avals[0].zeros()), *(a.zeros() for a in avals[1:])]

    def merged(self, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        first = np.logical_and(old[0], np.logical_not(new[0]))
        return [np.logical_and(old[0], new[0]), *(select_rows(first, y, x) for x, y in zip(old[1:], new[1:], strict=True))]

    def take(self, notes: Sequence[Note]) -> None:
        self.found += [(holds, message, [*values]) for (holds, *values), message in notes]

    def ruled(
        self, primitive: Primitive, bundles: Sequence[Bundle], params: dict[str, Any], f: Callable[..., Sequence[Any]]
    ) -> list[Bundle]:
        """A call with rules of the user's as it is, and its program run once more for its checks."""
        args = [b.parts[0] for b in bundles]
        outs = primitive.bind(*args, **with_programs(params, without_checks))
        program = self.program(params["jaxpr"], [None] * len(args))
        if program.notes:
            n, jaxpr = program.n_out, program.jaxpr
            checks = repeatable(rearranged(jaxpr, range(len(args)), range(n, len(jaxpr.out_vars))))
            noted = jit_p.bind(*map(constant, args), jaxpr=checks, name=f"the checks of {primitive.name}")
            self.results(program, [*outs, *noted])
        return [Bundle((o,)) for o in outs]


OTHER_EFFECTS = LeftOut(
    is_act,
    "in a function with rules, which is run once more for its checks.",
    why="it would happen a second time",
    fix="call it outside, use pure_callback, which may be repeated, or ask for user_checks alone",
)


def repeatable(jaxpr: Jaxpr) -> Jaxpr:
    """The program with no effects but its checks, to be run once more for these."""
    return without(jaxpr, program_has_effects, OTHER_EFFECTS.has)


def by_example(holds: Any, values: Sequence[Any]) -> Any:
    """A predicate as one for each example, if the values are too; else whether all of it holds."""
    shape = shape_of(holds)
    return holds if all(shape_of(v)[: len(shape)] == shape for v in values) else np.all(holds)


def without_checks(jaxpr: Jaxpr) -> Jaxpr:
    """The program that makes no checks, nor do those nested in it."""
    return without(jaxpr, makes_checks, _is_check)


def _is_check(eqn: Equation) -> bool:
    return eqn.primitive is check_p


@check_p.def_rule("checks")
def _check(trace: CheckTrace, args: Sequence[Any], *, message: Message) -> list[Any]:
    holds, *values = map(trace.lower, args)
    trace.take([(holds, message, values)])
    return []


@custom_function_p.def_rule("checks")
def _custom_function(trace: CheckTrace, args: Sequence[Any], *, fun: Any, rules: Any) -> list[Any]:
    """A function with rules: run for its checks, and beside it as it is where somebody may need the rules."""
    values = [*map(trace.lower, args)]
    if not any(isinstance(v, TracerBase) for v in values):
        return fun(*args)  # type: ignore[no-any-return]
    run = fun
    if any(concrete(v) is None for v in values):
        program = stage(lambda *xs: (fun(*xs), None), [typeof(v) for v in values], capture=True)
        run = partial(eval_jaxpr, repeatable(program.jaxpr), *program.hoisted)
    with trace.inner(trace.wanted) as beside:
        run(*map(beside.lift, map(constant, values)))
    trace.found += beside.found
    with trace.inner(frozenset()):  # whose checks are found already
        return [trace.lift(o) for o in custom_function_p.bind(*values, fun=fun, rules=rules)]


def constant(x: Any) -> Any:
    """A value whose derivative is zero, since nobody differentiates whether a check holds."""
    return stop_gradient_p.bind(x) if isinstance(x, TracerBase) else x
