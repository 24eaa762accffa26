"""While loops that keep few states for their backward pass: which ones is decided as the loop goes on.

The loop is a function with a VJP rule.  Its forward half runs the loop with a stack of states beside the carry; its backward
half is a loop again, a step back at a time: from the latest state that is held the steps up to the one in question are done
again, with states kept on the way in the slots that are free.  See `covector.lax.checkpointing.slots` for the choice of states.

Derivatives of the backward half are those of a plain while loop; they keep the residuals of all its steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import instantiate, typeof
from covector.core.jaxpr import Jaxpr
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.linearize import split
from covector.interpreters.programs import choose, cut, grow, spread, staged, transposed_program
from covector.lax.carries import Body
from covector.lax.checkpointing.slots import COUNT, Held, latest_held, plan, slot_of, slot_of_stop
from covector.passes.clean import without_effects
from covector.primitives.arrays.shaping import strengthened
from covector.primitives.custom.calls import Backward
from covector.primitives.custom.functions import Rules, custom_p
from covector.primitives.programs.scan import with_marks
from covector.primitives.programs.stacks import StackAval, item_p, kept_items_p, with_item_p
from covector.primitives.programs.while_loop import bind_while


def checkpointed_while(cond: Jaxpr, body: Body, slots: int, args: Sequence[list[Any]], name: str) -> list[Any]:
    """The final carries of a while loop that is reversed from at most ``slots`` states, besides the one at hand.

    ``args`` are the consts of the condition, those of the body, and the carries.
    """
    cond_consts, consts, carry = args

    def make() -> tuple[Jaxpr, Rules]:
        loop = OnlineLoop(cond, body.jaxpr, len(cond_consts), len(consts), slots)
        return loop.plain(), Rules(name, None, loop.forwards)

    jaxpr, rules = body.once(("online", cond, len(cond_consts), slots, name), make)
    return custom_p.bind(*cond_consts, *consts, *carry, jaxpr=jaxpr, rules=rules, hoisted=0)  # type: ignore[no-any-return]


class OnlineLoop(NamedTuple):
    """A while loop and the number of its slots for states."""

    cond: Jaxpr
    body: Jaxpr
    num_cond: int
    num_body: int
    slots: int

    @property
    def num_carry(self) -> int:
        return len(self.body.out_vars)

    @property
    def avals(self) -> list[list[Any]]:
        """Those of the condition's consts, the body's consts and the carries."""
        return [self.cond.in_avals[: self.num_cond], *cut(self.body.in_avals, self.num_body)]

    def plain(self) -> Jaxpr:
        """The program of the loop itself."""
        run = lambda *args: bind_while(self.cond, self.body, cut(args, self.num_cond, self.num_body), None)[0]
        return staged(run, [a for group in self.avals for a in group])

    # --- forwards: a state that has been passed is held or not ---

    def forwards(self, primals: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], list[Any], Backward]:
        """The final carries, and what the backward half needs."""
        cond_consts, consts, carry = cut(primals, self.num_cond, self.num_body)
        stacks = [StackAval(a).zeros() for a in self.avals[2]]
        state = [np.int64(0), *Held.nothing(self.slots), *carry, *carry, *stacks]
        condition, step = self.body.once_with([self.cond], ("online forwards", *self[2:]), self._forward_programs)
        (n, numbers, _, _, *rest), _ = bind_while(condition, step, [cond_consts, consts, state], None)
        last, final, stacks = cut(rest, self.num_carry, self.num_carry)
        backward = Backwards(self, tuple(perturbed[self.num_cond :]))
        return final, [*consts, n, numbers, *last, *stacks], Backward("a while loop", backward.run)

    def _forward_programs(self) -> tuple[Jaxpr, Jaxpr]:
        """The condition and the step on the carry ``(step number, *states held, *state before, *state, *stacks)``."""
        n = self.num_carry

        def goes_on(*args: Any) -> list[Any]:
            consts, _, _, state, _ = cut(args, self.num_cond, 4, n, n)
            return eval_jaxpr(self.cond, *consts, *state)

        def step(*args: Any) -> list[Any]:
            consts, (i, *known), before, state, stacks = cut(args, self.num_body, 4, n, n)
            slot, held = slot_of(i - 1, Held(*known))
            stacks = [with_item_p.bind(slot, s, x) for s, x in zip(stacks, before, strict=True)]
            return [i + 1, *held, *state, *eval_jaxpr(self.body, *consts, *state), *stacks]

        cond_consts, consts, carry = self.avals
        state = [COUNT, *Held.avals(self.slots), *carry, *carry, *map(StackAval, carry)]
        return staged(goes_on, [*cond_consts, *state]), staged(step, [*consts, *state])


class Backwards(NamedTuple):
    """The backward half of a loop, with respect to consts and carries of which some are perturbed."""

    loop: OnlineLoop
    perturbed: tuple[bool, ...]

    def run(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        loop = self.loop
        consts, (n, numbers), last, stacks = cut(residuals, loop.num_body, 2, loop.num_carry)
        condition, step, marks, out_avals = loop.body.once_with(
            [loop.cond], ("online backwards", *loop[2:], self.perturbed), self._programs
        )
        const_marks, carry_marks = cut(marks, loop.num_body)
        sums = [a.zeros() for a in out_avals[: sum(const_marks)]]
        given = [strengthened(instantiate(ct)) for ct in choose(carry_marks, cts)]
        state = [n - 1, n - 1, numbers, *last, *stacks, *sums, *given]
        outs, _ = bind_while(condition, step, [[], list(consts), state], None)
        found = spread(marks, outs[len(outs) - sum(marks) :], [None] * len(marks))
        return [*[None] * loop.num_cond, *(ct if p else None for ct, p in zip(found, self.perturbed, strict=True))]

    def _programs(self) -> tuple[Jaxpr, Jaxpr, list[bool], list[Any]]:
        """The condition and the step on the carry ``(step to reverse, number of the state at hand, numbers held, *it, …)``."""
        loop = self.loop
        n, numbers_aval = loop.num_carry, Held.avals(loop.slots)[0]
        back, marks = self._step_back()
        n_cts = sum(marks)

        def goes_on(*args: Any) -> list[Any]:
            return [args[0] >= 0]

        def step(*args: Any) -> list[Any]:
            consts, (t, at, numbers), state, stacks, cts = cut(args, loop.num_body, 3, n, n)
            numbers, stops = plan(t, at, numbers)
            stacks = [kept_items_p.bind((numbers >= 0) & (stops < 0), s) for s in stacks]
            (_, _, _, *rest), _ = bind_while(advancing, advance, [[], consts, [t, at, stops, *state, *stacks]], None)
            state, stacks = cut(rest, n)
            sums, given = cut(cts, n_cts - sum(marks[loop.num_body :]))
            found = eval_jaxpr(back, *consts, *state, *given)
            sums = [typeof(s).add(s, f) for s, f in zip(sums, found, strict=False)]
            slot, at = latest_held(t - 1, numbers)
            return [t - 1, at, numbers, *(item_p.bind(slot, s) for s in stacks), *stacks, *sums, *found[len(sums) :]]

        def on_the_way(*args: Any) -> list[Any]:
            return [args[1] < args[0]]

        def go(*args: Any) -> list[Any]:
            consts, (t, at, stops), state, stacks = cut(args, loop.num_body, 3, n)
            new = eval_jaxpr(without_effects(loop.body), *consts, *state)
            slot = slot_of_stop(at + 1, stops)
            return [t, at + 1, stops, *new, *(with_item_p.bind(slot, s, x) for s, x in zip(stacks, new, strict=True))]

        _, consts, carry = loop.avals
        states = [*carry, *map(StackAval, carry)]
        sweep = [COUNT, COUNT, numbers_aval, *states]
        advancing, advance = staged(on_the_way, sweep), staged(go, [*consts, *sweep])
        state = [*sweep, *back.out_avals]
        return staged(goes_on, state), staged(step, [*consts, *state]), marks, back.out_avals

    def _step_back(self) -> tuple[Jaxpr, list[bool]]:
        """``(*consts, *state, *cotangents of the next) -> cotangents`` of the marked consts and carries, and the marks."""
        loop = self.loop
        carries = slice(loop.num_body, loop.num_body + loop.num_carry)
        body = without_effects(loop.body)
        parts, marks, _ = grow(carries, self.perturbed, lambda marks, needed: with_marks(split(body, marks, needed)))
        n_known = len(parts.linear.in_vars) - sum(marks)
        linear = (*[False] * n_known, *[True] * sum(marks))
        every = (True,) * sum(marks[carries])
        transposed = transposed_program(parts.linear, linear, every, (True,) * sum(marks)).jaxpr

        def back(*args: Any) -> list[Any]:
            inputs, cts = cut(args, len(loop.body.in_vars))
            residuals = eval_jaxpr(parts.primal, *inputs)[loop.num_carry :]
            return eval_jaxpr(transposed, *residuals, *cts)

        return staged(back, [*loop.body.in_avals, *transposed.in_avals[n_known:]]), marks
