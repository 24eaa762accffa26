"""Checks in nested programs as data: the programs of calls, choices and loops give out whether their checks hold.

For `covector.checkify`, which asks for a program ``derive(jaxpr)`` that returns its checks beside its outputs.  A call passes
them on; a choice has room for the checks of all branches, of which the others hold; a loop carries the first failure of each.
A call with rules of the user's stays as it is, without checks, and its program is run beside it for these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.jaxpr import Equation, Jaxpr, sub_jaxprs
from covector.core.primitive import Primitive, TracerBase
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import staged
from covector.interpreters.stage import closed_program
from covector.primitives.call import jit_p
from covector.primitives.cond import cond_p
from covector.primitives.effects import Message, check_p, makes_checks
from covector.primitives.identity import stop_gradient_p
from covector.primitives.scan import EXAMPLE_A_STEP, Loop, scan_p, where
from covector.primitives.subprograms import cut, rearranged
from covector.primitives.while_loop import bind_while, while_p

Found = tuple[Any, Message, list[Any]]
"""Whether a check holds, what it says, and the values that it says it of."""


class Checked(NamedTuple):
    """A program that after its ``n_out`` outputs gives out of each check whether it holds, and its values."""

    jaxpr: Jaxpr
    n_out: int
    messages: list[Message]
    counts: list[int]
    """How many outputs each check has."""

    def split(self, outs: Sequence[Any]) -> tuple[list[Any], list[Found]]:
        """The outputs proper, and the checks."""
        own, rest = cut(outs, self.n_out)
        return own, [(group[0], message, group[1:]) for message, group in zip(self.messages, self.groups(rest), strict=True)]

    def groups(self, given: Sequence[Any]) -> list[list[Any]]:
        """What the checks give out, by check."""
        return cut(given, *self.counts)[:-1]

    @property
    def avals(self) -> list[Any]:
        """What the checks give out."""
        return self.jaxpr.out_avals[self.n_out :]

    def passed(self) -> list[Any]:
        """What they give out where none is made: all hold."""
        firsts = np.cumsum([0, *self.counts])
        return [np.logical_not(a.zeros()) if i in firsts else a.zeros() for i, a in enumerate(self.avals)]


Derive = Callable[[Jaxpr], Checked]


def checked_program(jaxpr: Jaxpr, run: Callable[[Jaxpr, Sequence[Any]], tuple[list[Any], list[Found]]]) -> Checked:
    """The program with its checks given out, where ``run`` evaluates one on tracers and collects its checks."""

    def outputs(*args: Any) -> tuple[list[Any], Any]:
        outs, found = run(jaxpr, args)
        given = [x for holds, _, values in found for x in (by_example(holds, values), *values)]
        return [*outs, *given], ([message for _, message, _ in found], [1 + len(values) for _, _, values in found])

    program, (messages, counts) = closed_program(outputs, jaxpr.in_avals)
    return Checked(program, len(jaxpr.out_vars), messages, counts)


def by_example(holds: Any, values: Sequence[Any]) -> Any:
    """A predicate as one for each example, if the values are too; else whether all of it holds."""
    shape = shape_of(holds)
    return holds if all(shape_of(v)[: len(shape)] == shape for v in values) else np.all(holds)


def has_checks(params: dict[str, Any]) -> bool:
    """Whether a program among the parameters makes a check."""
    return any(map(makes_checks, sub_jaxprs(params)))


def without_checks(jaxpr: Jaxpr) -> Jaxpr:
    """The program that makes no checks, nor do those nested in it."""
    if not makes_checks(jaxpr):
        return jaxpr

    def make() -> Jaxpr:
        kept = [e for e in jaxpr.equations if e.primitive is not check_p]
        equations = [Equation(e.primitive, e.inputs, params_without_checks(e.params), e.outputs, e.source) for e in kept]
        return Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)

    return jaxpr.derived("without checks", make)


def params_without_checks(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters whose programs make no checks."""

    def stripped(value: Any) -> Any:
        if isinstance(value, Jaxpr):
            return without_checks(value)
        return tuple(map(stripped, value)) if isinstance(value, tuple) and any(isinstance(v, Jaxpr) for v in value) else value

    return {name: stripped(value) for name, value in params.items()}


def checked_beside(primitive: Primitive, derive: Derive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """Apply a call with rules of its own as it is, and run its program once more for its checks."""
    outs = primitive.bind(*args, **params_without_checks(params))
    program = derive(params["jaxpr"])
    if not program.messages:
        return outs, []
    checks = rearranged(program.jaxpr, range(len(program.jaxpr.in_vars)), range(program.n_out, len(program.jaxpr.out_vars)))
    found = jit_p.bind(*map(constant, args), jaxpr=checks, name=f"the checks of {primitive.name}")
    return program.split([*outs, *found])


def constant(x: Any) -> Any:
    """A value whose derivative is zero, since nobody differentiates whether a check holds."""
    return stop_gradient_p.bind(x) if isinstance(x, TracerBase) else x


def _checked_call(derive: Derive, args: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    program = derive(jaxpr)
    return program.split(jit_p.bind(*args, jaxpr=program.jaxpr, **params))


def _checked_cond(derive: Derive, args: Sequence[Any], *, branches: tuple[Jaxpr, ...]) -> Any:
    programs = [derive(b) for b in branches]

    def padded(k: int) -> Jaxpr:
        def run(*operands: Any) -> list[Any]:
            outs, own = cut(eval_jaxpr(programs[k].jaxpr, *operands), programs[k].n_out)
            return [*outs, *(x for j, p in enumerate(programs) for x in (own if j == k else p.passed()))]

        return staged(run, branches[k].in_avals)

    outs = cond_p.bind(
        *args, branches=branches[0].derived(("checked", branches), lambda: tuple(map(padded, range(len(branches)))))
    )
    every = Checked(programs[0].jaxpr, programs[0].n_out, *_joined(programs))
    return every.split(outs)


def _joined(programs: Sequence[Checked]) -> tuple[list[Message], list[int]]:
    return [m for p in programs for m in p.messages], [c for p in programs for c in p.counts]


def _checked_scan(derive: Derive, args: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    loop, program = Loop(**params), derive(jaxpr)
    if jaxpr.derived(EXAMPLE_A_STEP, lambda: False):  # what each example gives out tells which one it was
        consts, _, columns = loop.cut(args)
        return program.split(loop.bind(program.jaxpr, consts, [], columns)[1])
    step = _carrying(program, loop.num_consts, loop.num_carry)
    consts, carry, xs = loop.cut(args)
    carry, ys = loop.bind(step, consts, [*carry, *program.passed()], xs)
    own, checks = cut(carry, loop.num_carry)
    return program.split([*own, *ys, *checks])


def _checked_while(derive: Derive, args: Sequence[Any], *, cond: Jaxpr, body: Jaxpr, **params: Any) -> Any:
    program, condition = derive(body), derive(cond)
    cond_consts, consts, carry = cut(args, params["num_cond"], params["num_body"])
    if condition.messages:
        return _checked_while_condition(program, condition, cond_consts, consts, carry, params["ticks"])
    step = _carrying(program, len(consts), len(carry))
    goes_on = rearranged(cond, [*range(len(cond.in_vars)), *program.avals])
    outs, stacks = bind_while(goes_on, step, [cond_consts, consts, [*carry, *program.passed()]], params["ticks"])
    own, checks = cut(outs, len(carry))
    return program.split([*own, *stacks, *checks])


def _checked_while_condition(
    body: Checked, condition: Checked, cond_consts: list[Any], consts: list[Any], carry: list[Any], ticks: int | None
) -> Any:
    """A loop that carries whether it goes on, so that the checks of its condition are made in the body."""
    sizes = len(cond_consts), len(carry)
    both = body.jaxpr.derived(("checked condition", condition.jaxpr), lambda: _with_condition(body, condition, *sizes))
    first = jit_p.bind(*cond_consts, *carry, jaxpr=condition.jaxpr, name="the condition of a loop")
    step = _carrying(both, len(cond_consts) + len(consts), len(carry) + 1)
    state = [*carry, first[0], *body.passed(), *first[1:]]
    goes_on = both.jaxpr.derived("goes on", lambda: staged(lambda *s: [s[len(carry)]], [typeof(x) for x in state]))
    outs, stacks = bind_while(goes_on, step, [[], [*cond_consts, *consts], state], ticks)
    own, _, checks = cut(outs, len(carry), 1)
    return Checked(body.jaxpr, len(carry) + len(stacks), both.messages, both.counts).split([*own, *stacks, *checks])


def _with_condition(body: Checked, condition: Checked, num_cond: int, num_carry: int) -> Checked:
    """A step that gives out whether there is another one beside the next carry, with the checks of both."""

    def step(*args: Any) -> list[Any]:
        cond_consts, consts, carry, _ = cut(args, num_cond, len(body.jaxpr.in_vars) - num_carry, num_carry)
        outs, own = cut(eval_jaxpr(body.jaxpr, *consts, *carry), body.n_out)
        goes_on, *checks = eval_jaxpr(condition.jaxpr, *cond_consts, *outs[:num_carry])
        return [*outs[:num_carry], goes_on, *outs[num_carry:], *own, *checks]

    avals = body.jaxpr.in_avals
    in_avals = [*condition.jaxpr.in_avals[:num_cond], *avals, condition.jaxpr.out_avals[0]]
    return Checked(staged(step, in_avals), body.n_out + 1, *_joined([body, condition]))


def _carrying(program: Checked, num_consts: int, num_carry: int) -> Jaxpr:
    """``(*consts, *carry, *first failures, *xs) -> (*carry, *first failures, *ys)``."""
    n = len(program.avals)

    def step(*args: Any) -> list[Any]:
        consts, carry, before, xs = cut(args, num_consts, num_carry, n)
        outs, now = cut(eval_jaxpr(program.jaxpr, *consts, *carry, *xs), program.n_out)
        kept = []
        for old, new in zip(program.groups(before), program.groups(now), strict=True):
            first = np.logical_and(old[0], np.logical_not(new[0]))
            kept += [np.logical_and(old[0], new[0]), *(where(first, y, x) for x, y in zip(old[1:], new[1:], strict=True))]
        return [*outs[:num_carry], *kept, *outs[num_carry:]]

    def make() -> Jaxpr:
        consts, carry, xs = cut(program.jaxpr.in_avals, num_consts, num_carry)
        return staged(step, [*consts, *carry, *program.avals, *xs])

    return program.jaxpr.derived(("carrying checks", num_consts, num_carry), make)


jit_p.def_rule("checked", _checked_call)
cond_p.def_rule("checked", _checked_cond)
scan_p.def_rule("checked", _checked_scan)
while_p.def_rule("checked", _checked_while)
