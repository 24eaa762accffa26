"""``while``: a loop whose number of steps is known only when it ends.

The programs are ``cond : (*cond_consts, *carry) -> bool`` and ``body : (*body_consts, *carry) -> (*carry, *collected)``; what
the body collects comes out as stacks, an item for each step.

* jvp: tangents of the carries are carries.
* linearize: the loop collects its residuals, and a *tick* each step; the linear part is a `scan` over these stacks.  So reverse
  mode needs no rule here: a while loop is never transposed.
* batch: with one condition for all examples just the body is batched.  Otherwise, on known values, the loop goes on with the
  examples that are not done (`_run_active`); on values that are not known all examples go on until the last is done, and a
  carry stays once its example is (`_run_selecting`).  Examples that are done are given the values of one that is not, so
  nothing that never happened is ever computed; the ticks, then one for each example, keep it out of derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from covector.backends.run import runner, step_runner
from covector.core.avals import ShapedArray, typeof
from covector.core.context import axis_of_rule
from covector.core.jaxpr import Jaxpr, Literal, program_acts
from covector.core.linearity import LINEAR, linear_by_marks, loop_marks
from covector.core.primitive import NestedPrimitive, TracerBase
from covector.interpreters.checks import makes_checks
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import Bundle, Interpretation, arguments, flat
from covector.interpreters.linearize import split_known
from covector.interpreters.programs import choose, cut, rearranged, spread, staged
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.shaping import Dims, move_batch_to_front
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.effects.callbacks import part_of_batch, unnumbered
from covector.primitives.math.reductions import reduce_or_p
from covector.primitives.programs.call import jit_p
from covector.primitives.programs.halves import Halving, def_halves
from covector.primitives.programs.scan import Loop, chosen, halved_step, known_loop, one_by_one, repeated_effect, select_rows
from covector.primitives.programs.stacks import Stack, StackAval, add_rows_p, at_front, rows_p, stack_add_p
from covector.primitives.programs.subprograms import check_all_take_part, in_front

TRUE = Literal(np.True_)

while_p = NestedPrimitive("while", multiple_results=True, trusted=True)


class While(NamedTuple):
    """The parameters of a loop but for its programs, and how its arguments are divided."""

    num_cond: int
    num_body: int
    ticks: int | None
    """Which of the collected values are the ticks."""

    def cut(self, args: Sequence[Any]) -> list[list[Any]]:
        """Arguments as those of the condition's consts, the body's consts and the carries."""
        return cut(args, self.num_cond, self.num_body)


def bind_while(cond: Jaxpr, body: Jaxpr, args: Sequence[list[Any]], ticks: int | None) -> tuple[list[Any], list[Any]]:
    """A loop on the consts of the condition, those of the body, and the carries: final carries, and what is collected."""
    cond_consts, body_consts, carry = args
    params = {"num_cond": len(cond_consts), "num_body": len(body_consts), "ticks": ticks}
    outs = while_p.bind(*cond_consts, *body_consts, *carry, cond=cond, body=body, **params)
    return outs[: len(carry)], outs[len(carry) :]


@while_p.def_impl
def _while(*args: Any, cond: Jaxpr, body: Jaxpr, **params: Any) -> list[Any]:
    cond_consts, body_consts, carry = While(**params).cut(args)
    n = len(carry)
    goes_on, (step, own) = runner(cond), step_runner(body, len(body_consts), n)
    carry = [np.array(c, order="C") if k in own else c for k, c in enumerate(carry)]
    rows = []
    while goes_on(*cond_consts, *carry)[0]:
        outs = step(*body_consts, *carry)
        carry = outs[:n]
        rows.append(outs[n:])
    avals = _stack_avals(body, n, params["ticks"])
    columns = zip(*rows, strict=True) if rows else [()] * len(avals)
    return [*carry, *map(Stack, avals, columns)]


def _stack_avals(body: Jaxpr, n_carry: int, ticks: int | None) -> list[StackAval]:
    return [StackAval(a, i == ticks) for i, a in enumerate(body.out_avals[n_carry:])]


@while_p.def_abstract
def _while_abstract(*avals: Any, cond: Jaxpr, body: Jaxpr, **params: Any) -> list[Any]:
    n = len(While(**params).cut(avals)[2])
    return [*body.out_avals[:n], *_stack_avals(body, n, params["ticks"])]


def _marks(marks: Sequence[str], params: dict[str, Any]) -> list[str] | None:
    """What a loop makes of zeros; with a linear carry it is split."""
    if LINEAR in marks:
        return None
    _, consts, carry = cut(marks, params["num_cond"], params["num_body"])
    carry, collected = loop_marks(params["body"], consts, carry, [])
    return [*carry, *collected]


while_p.linear = linear_by_marks(_marks)


@while_p.def_rule("interpret")
def _while_interpret(
    how: Interpretation, bundles: Sequence[Bundle], *, cond: Jaxpr, body: Jaxpr, num_cond: int, num_body: int, ticks: int | None
) -> list[Bundle]:
    cond_consts, given = cut([*map(how.aligned, bundles)], num_cond)
    num_carry = len(given) - num_body
    step, forms = how.step(body, [b.form for b in given], num_body, num_carry)
    consts, carry = cut([*map(how.raised, given, forms)], num_body)
    cond_consts = [*map(how.valued, cond_consts)]
    condition = how.condition(cond, [b.form for b in (*cond_consts, *carry)], num_cond)
    if condition.notes:
        return _with_condition_carried(how, bundles, cond, body, While(num_cond, num_body, ticks))
    if condition.forms != (None,):
        params = {"cond": cond, "body": body, "num_cond": num_cond, "num_body": num_body, "ticks": ticks}
        return how.undecided(while_p, bundles, params)
    args = [arguments(cond_consts), arguments(consts), [*arguments(carry), *how.blank(step)]]
    goes_on = rearranged(condition.jaxpr, [*range(len(condition.jaxpr.in_vars)), *step.note_avals])
    carry_out, stacks = bind_while(goes_on, step.jaxpr, args, ticks)
    n = len(flat(carry))
    outs = how.results(step, [*carry_out[:n], *stacks, *carry_out[n:]])
    return [*outs[:num_carry], *map(how.stacked, outs[num_carry:])]


def _with_condition_carried(
    how: Interpretation, bundles: Sequence[Bundle], cond: Jaxpr, body: Jaxpr, loop: While
) -> list[Bundle]:
    """A loop that carries whether it goes on, so that what is noted in its condition is noted in the step before."""
    cond_consts, consts, carry = loop.cut(bundles)
    num_carry = len(carry)

    def step(*args: Any) -> list[Any]:
        cond_consts, consts, carry, _ = cut(args, loop.num_cond, loop.num_body, num_carry)
        outs = eval_jaxpr(body, *consts, *carry)
        return [*outs[:num_carry], *eval_jaxpr(cond, *cond_consts, *outs[:num_carry]), *outs[num_carry:]]

    in_avals = [*cond.in_avals[: loop.num_cond], *body.in_avals, *cond.out_avals]
    both = body.once_with([cond], ("condition carried", loop), lambda: staged(step, in_avals))
    goes_on = cond.once("carried", lambda: staged(lambda *carry: carry[-1:], in_avals[loop.num_cond + loop.num_body :]))
    first = jit_p.rules["interpret"](how, [*cond_consts, *carry], jaxpr=cond, name="the condition of a loop")
    consts_of_both = {"num_cond": 0, "num_body": loop.num_cond + loop.num_body}
    given = [*cond_consts, *consts, *carry, *first]
    outs = _while_interpret(how, given, cond=goes_on, body=both, ticks=loop.ticks, **consts_of_both)
    return [*outs[:num_carry], *outs[num_carry + 1 :]]


# --- linearization: a known loop that collects residuals, and a linear scan over them ---------------------------------


@def_halves(while_p)
def _while_halves(how: Halving, args: Sequence[Any], linear: Sequence[bool], *, cond: Jaxpr, body: Jaxpr, **params: Any) -> Any:
    loop = While(**params)
    nc, nb = loop.num_cond, loop.num_body
    n = len(args) - nc - nb
    steps = Loop(nb, n, None, False, None)
    marks, present, split = halved_step(how, body, steps, linear[nc:], args[nc:])
    parts, groups = split(), cut(marks, nb)
    known = [list(args[:nc]), *map(how.known, groups, cut(args[nc:], nb))]
    condition = _without_linear(cond, nc, tuple(how.gone(groups[1])))
    if loop.ticks is not None:  # they stay collected: their place among the known outputs
        loop = loop._replace(ticks=len(how.known(present[n : n + loop.ticks], range(loop.ticks))))

    def bind(step: Jaxpr) -> Any:
        if loop.ticks is not None:
            return bind_while(condition, step, known, loop.ticks)
        ticked = step.once("ticked", lambda: Jaxpr(step.in_vars, step.equations, [*step.out_vars, TRUE], step.consts))
        return bind_while(condition, ticked, known, len(step.out_vars) - len(known[2]))

    outs, residuals, stacks = known_loop(parts.primal, [*known[1:], []], len(how.known(present, present)), bind)
    ticks = stacks[-1 if loop.ticks is None else loop.ticks]
    given = lambda values: [*chosen(groups, cut(values[nc:], nb)), []]
    return outs, present, lambda values: residuals.linear_loop(parts.linear, steps, given(values), [ticks])


def _without_linear(cond: Jaxpr, num_cond: int, linear: tuple[bool, ...]) -> Jaxpr:
    """The condition as a program of the known carries."""

    def make() -> Jaxpr:
        parts = split_known(cond, (*[False] * num_cond, *linear))
        if any(parts.nonzero_out):
            raise TypeError("the condition of a while loop depends on a value that must be linear")
        return parts.primal

    return cond if not any(linear) else cond.once(("known condition", num_cond, linear), make)


# --- batching ---------------------------------------------------------------------------------------------------------


@while_p.def_rule("batch of differing")
def _batch_of_differing(size: int, args: Sequence[Any], dims: Dims, *, cond: Jaxpr, body: Jaxpr, **params: Any) -> Any:
    """The batching rule where each example goes on as long as it does."""
    loop = While(**params)
    reads = [v is o for v, o in zip(body.in_vars[loop.num_body :], body.out_vars, strict=False)]
    n = len(reads)
    if any(reads):
        return _batch_of_changing(size, loop, reads, loop.cut(args), loop.cut(dims), cond, body)
    check_all_take_part((cond, body))
    if size == 0:
        avals = [*body.out_avals[:n], *_stack_avals(body, n, loop.ticks)]
        return [a.batched(0, 0).zeros() for a in avals], [0] * len(avals)
    groups = loop.cut(move_batch_to_front(args, dims))
    groups[2] = [at_front(x, d, size, True) for x, d in zip(loop.cut(args)[2], loop.cut(dims)[2], strict=True)]
    marks = [*(d is not None for d in dims[:-n]), *[True] * n]
    known = all(is_known(a) for a in args) if len(body.out_vars) == n else not any(isinstance(a, TracerBase) for a in args)
    collects = len(body.out_vars) > n
    exact = program_acts(cond) or program_acts(body)
    if not known and (exact or (not collects and (makes_checks(cond) or makes_checks(body)))):
        if collects:
            raise repeated_effect("a while loop")
        whole = partial(while_p.bind, cond=cond, body=body, **params)
        return one_by_one(whole, size, [*groups[0], *groups[1], *groups[2]], marks), [0] * n
    if known:
        return _run_active(size, cond, body, loop, groups, marks), [0] * len(body.out_vars)
    return _run_selecting(size, unnumbered(cond), unnumbered(body), loop, groups, marks), [0] * len(body.out_vars)


def _batch_of_changing(
    size: int, loop: While, reads: list[bool], args: list[list[Any]], dims: list[list[Any]], cond: Jaxpr, body: Jaxpr
) -> Any:
    """Batch the loop without the carries that its steps only read: they are consts, not to be selected at each step."""
    changing = [not r for r in reads]
    n, count = len(reads), sum(reads)

    def apart(jaxpr: Jaxpr, outputs: Any = None) -> Jaxpr:
        consts, carry = cut(range(len(jaxpr.in_vars)), len(jaxpr.in_vars) - n)
        return rearranged(jaxpr, [*consts, *choose(reads, carry), *choose(changing, carry)], outputs)

    def divided(groups: list[list[Any]]) -> list[Any]:
        cond_consts, consts, carry = groups
        return [*cond_consts, *choose(reads, carry), *consts, *choose(reads, carry), *choose(changing, carry)]

    outputs = [*choose(changing, range(n)), *range(n, len(body.out_vars))]
    params = loop._replace(num_cond=loop.num_cond + count, num_body=loop.num_body + count)._asdict()
    cond, body = apart(cond), apart(body, outputs)
    outs, out_dims = _batch_of_differing(size, divided(args), divided(dims), cond=cond, body=body, **params)
    restored = lambda xs, carry: [*spread(changing, xs, carry), *xs[n - count :]]
    return restored(outs, args[2]), restored(out_dims, dims[2])


def is_known(x: Any) -> bool:
    """Whether a value is known: an array, perhaps with a tangent."""
    return concrete(x) is not None


def _run_active(size: int, cond: Jaxpr, body: Jaxpr, loop: While, groups: list[list[Any]], marks: list[bool]) -> list[Any]:
    """Run a batch of loops on known values: each step is done for the examples that are not done yet."""
    cond_marks, const_marks, carry_marks = loop.cut(marks)
    cond_consts, consts, carry = groups
    n = len(carry)
    active = np.arange(size)
    finished: list[tuple[Any, list[Any]]] = []
    rows: list[list[Any]] = []
    while True:
        with part_of_batch(active):
            (answer,) = in_front(partial(eval_jaxpr, cond), len(active), [*cond_consts, *carry], [*cond_marks, *carry_marks])
        goes_on = concrete(answer)
        if not np.all(goes_on):
            finished.append((active[~goes_on], [take_rows(x, ~goes_on) for x in carry]))
            active, carry = active[goes_on], [take_rows(x, goes_on) for x in carry]
            cond_consts = [take_rows(x, goes_on) if m else x for x, m in zip(cond_consts, cond_marks, strict=True)]
            consts = [take_rows(x, goes_on) if m else x for x, m in zip(consts, const_marks, strict=True)]
        if not len(active):
            break
        with part_of_batch(active):
            outs = in_front(partial(eval_jaxpr, body), len(active), [*consts, *carry], [*const_marks, *carry_marks])
        carry = outs[:n]
        if len(outs) > n:
            rows.append(_collected(size, active, outs[n:], loop.ticks))
    numbers = [numbers for numbers, _ in finished]
    final = [_together(numbers, column) for column in zip(*(values for _, values in finished), strict=True)]
    avals = _stack_avals(body, n, loop.ticks)
    columns = zip(*rows, strict=True) if rows else [()] * len(avals)
    return [*final, *(Stack(a.batched(size, 0), column) for a, column in zip(avals, columns, strict=True))]


def _together(numbers: Sequence[Any], parts: Sequence[Any]) -> Any:
    """A batch from parts of it that hold the examples of these numbers, of arrays or of the items of stacks."""
    if not isinstance(typeof(parts[0]), StackAval):
        return take_rows(np.concatenate(parts), places(numbers))
    size = sum(map(len, numbers))
    return reduce(stack_add_p.bind, [add_rows_p.bind(n, p, count=size) for n, p in zip(numbers, parts, strict=True)])


def take_rows(x: Any, chosen: Any) -> Any:
    """Some examples of a batch, of an array or of the items of a stack."""
    if type(x) is np.ndarray:
        return x[chosen]
    numbers = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    return rows_p.bind(numbers, x) if isinstance(typeof(x), StackAval) else gather_p.bind(x, numbers)


def _row(x: Any, number: Any, size: int) -> Any:
    """One example for a whole batch, in shape to stand in for others."""
    return rows_p.bind(np.broadcast_to(number, (size,)), x) if isinstance(typeof(x), StackAval) else x[number]


def _collected(size: int, active: Any, values: list[Any], ticks: int | None) -> list[Any]:
    """What the active examples collect in a step, for all: the first of them stands in for those that are done."""
    if len(active) == size:
        return values
    positions = np.zeros(size, int)
    positions[active] = np.arange(len(active))
    happened = np.isin(np.arange(size), active)
    rows = [take_rows(v, positions) for v in values]
    return [_ticked(happened, row) if i == ticks else row for i, row in enumerate(rows)]


def _ticked(happened: Any, ticks: Any) -> Any:
    """The ticks of a step (an example may itself be a batch that has one for each), false where it did not happen."""
    return select_rows(happened, ticks, np.zeros_like(ticks))


def places(numbers: Sequence[Any]) -> Any:
    """Where each example is found when parts of a batch, which hold the examples of these numbers, are concatenated."""
    members = np.concatenate(numbers)
    found = np.empty_like(members)
    found[members] = np.arange(len(members))
    return found


def _run_selecting(size: int, cond: Jaxpr, body: Jaxpr, loop: While, groups: list[list[Any]], marks: list[bool]) -> list[Any]:
    """The loop for a batch of values that are not known: until all are done, with the mask of those that are not as a carry."""
    cond_consts, consts, carry = groups
    cond_marks, const_marks, carry_marks = loop.cut(marks)

    def goes_on(cond_consts: Sequence[Any], carry: Sequence[Any]) -> Any:
        return in_front(partial(eval_jaxpr, cond), size, [*cond_consts, *carry], [*cond_marks, *carry_marks])[0]

    def step(*args: Any) -> list[Any]:
        cond_consts, consts, (active,), carry = cut(args, loop.num_cond, loop.num_body, 1)
        first = np.argmax(active)
        at_work = lambda x: select_rows(active, x, _row(x, first, size))
        ready = list(map(at_work, carry))
        ready_consts = [at_work(x) if m else x for x, m in zip(consts, const_marks, strict=True)]
        outs = in_front(partial(eval_jaxpr, body), size, [*ready_consts, *ready], [*const_marks, *carry_marks])
        new = [select_rows(active, x, old) for x, old in zip(outs, carry, strict=False)]
        collected = [_ticked(active, x) if i == loop.ticks else x for i, x in enumerate(outs[len(carry) :])]
        return [np.logical_and(active, goes_on(cond_consts, new)), *new, *collected]

    def make() -> tuple[Jaxpr, Jaxpr, Jaxpr]:
        (a_cond, a_consts, a_carry), mask = [[typeof(x) for x in g] for g in groups], ShapedArray((size,), np.bool_)
        first = staged(lambda *args: [goes_on(*cut(args, loop.num_cond))], [*a_cond, *a_carry])
        any_left = staged(lambda active, *_: [reduce_or_p.bind(active, axes=(0,))], [mask, *a_carry])
        return first, any_left, staged(step, [*a_cond, *a_consts, mask, *a_carry])

    first, any_left, selecting = body.once(("selecting", cond, size, axis_of_rule(), tuple(marks), loop), make)
    active = jit_p.bind(*cond_consts, *carry, jaxpr=first, name="condition")
    final, stacks = bind_while(any_left, selecting, [[], [*cond_consts, *consts], [*active, *carry]], loop.ticks)
    return [*final[1:], *stacks]
