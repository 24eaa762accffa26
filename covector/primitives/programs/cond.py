"""``cond``: one of several programs, chosen by an index.

All branches have the same types of inputs and outputs, so those derived from them must too: an output is written out as zero in
one branch where another has it, and residuals that no two branches need at once share a slot.

On a batch with an index of its own for each example, known values are divided: each branch runs on the examples that chose it.
On values that are not known every branch that somebody chose runs on all examples; those that did not choose it stand in
with the values of one that did, so nothing that never happened is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.backends.run import runner
from covector.core.avals import typeof
from covector.core.context import TAKING_PART, mode
from covector.core.jaxpr import Jaxpr, program_acts
from covector.core.linearity import LINEAR, joined, program_marks
from covector.core.primitive import NestedPrimitive
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import Bundle, Interpretation, arguments
from covector.interpreters.linearize import Split, with_zeros
from covector.interpreters.programs import avals_of, choose, cut, rearranged, staged, transposed_program
from covector.primitives.arrays.indexing import gather_p
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import Dims, broadcast_to_p, move_batch_to_front, strengthened
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.effects.callbacks import part_of_batch, unnumbered, would_misnumber
from covector.primitives.math.reductions import reduce_or_p
from covector.primitives.programs.halves import Halving, def_halves, def_transposed, with_strong_residuals, written
from covector.primitives.programs.scan import one_by_one, repeated_effect, select_rows
from covector.primitives.programs.stacks import StackAval
from covector.primitives.programs.subprograms import all_in_front, check_all_take_part, in_front
from covector.primitives.programs.while_loop import is_known, places, take_rows

cond_p = NestedPrimitive("cond", multiple_results=True, trusted=True)

Branches = tuple[Jaxpr, ...]


@cond_p.def_impl
def _cond(index: Any, *operands: Any, branches: Branches) -> list[Any]:
    return runner(branches[index])(*operands)


@cond_p.def_abstract
def _cond_abstract(index: Any, *operands: Any, branches: Branches) -> list[Any]:
    return branches[0].out_avals


def union(marks: Sequence[Sequence[bool]]) -> tuple[bool, ...]:
    """What is marked in any of several lists."""
    return tuple(map(any, zip(*marks, strict=True)))


@cond_p.def_rule("interpret")
def _cond_interpret(how: Interpretation, bundles: Sequence[Bundle], *, branches: Branches) -> list[Bundle]:
    index, *operands = map(how.aligned, bundles)
    index = how.valued(index)
    if index.form is not None:
        return how.undecided(cond_p, bundles, {"branches": branches})
    programs = how.choices(branches, [b.form for b in operands])
    outs = cond_p.bind(*index.parts, *arguments(operands), branches=tuple(p.jaxpr for p in programs))
    return how.results(programs[0], outs)


# --- linearization: the chosen branch leaves its residuals, the linear branches take them ------------------------------


@def_halves(cond_p)
def _cond_halves(how: Halving, args: Sequence[Any], linear: Sequence[bool], *, branches: Branches) -> Any:
    index, mask = args[0], tuple(linear[1:])
    present = union([how.present(b, mask) for b in branches])
    if how.mixed and all(present):
        return None
    parts = [how.split(b, mask, present) for b in branches]
    outs, residuals, rest = known_choice(parts, index, how.known(mask, args[1:]), len(how.known(present, present)))
    return outs, present, lambda values: cond_p.bind(index, *residuals, *choose(mask, values[1:]), branches=rest)


def known_choice(parts: list[Split], index: Any, operands: Sequence[Any], n_out: int) -> tuple[list[Any], list[Any], Branches]:
    """Run the known parts of the branches: their outputs proper, the residuals, and the linear parts that take these."""
    others = [program for part in parts for program in (part.primal, part.linear)]
    primal, linear = parts[0].primal.once_with(others, ("slots", n_out), lambda: _with_slots(parts, n_out))
    outs = cond_p.bind(index, *operands, branches=primal)
    return with_zeros(outs[:n_out], union([part.vanishing for part in parts])), outs[n_out:], linear


def _with_slots(parts: list[Split], n_out: int) -> tuple[Branches, Branches]:
    """The known and the linear parts of the branches with residuals of the same types: unused slots are filled."""
    residual_avals = [[a.strengthened() for a in p.primal.out_avals[n_out:]] for p in parts]
    needs = [Counter(avals) for avals in residual_avals]
    slots = [
        aval for aval in dict.fromkeys(a for avals in residual_avals for a in avals) for _ in range(max(n[aval] for n in needs))
    ]
    filled = [_filled(avals, slots) for avals in residual_avals]
    primal = tuple(_fill_slots(p.primal, n_out, own, slots) for p, own in zip(parts, filled, strict=True))
    linear = tuple(_take_slots(p.linear, own, slots) for p, own in zip(parts, filled, strict=True))
    return primal, linear


def _filled(avals: Sequence[Any], slots: Sequence[Any]) -> list[int | None]:
    """For each slot which residual, of its type, fills it; None for one that is unused."""
    left, filled = list(range(len(avals))), []
    for slot in slots:
        filled.append(next((k for k in left if avals[k] == slot), None))
        left = [k for k in left if k != filled[-1]]
    return filled


def _fill_slots(jaxpr: Jaxpr, n_out: int, filled: list[int | None], slots: Sequence[Any]) -> Jaxpr:
    def outputs(*args: Any) -> list[Any]:
        outs, residuals = cut(eval_jaxpr(jaxpr, *args), n_out)
        pairs = zip(filled, slots, strict=True)
        return [*outs, *(unused_slot(a) if k is None else strengthened(residuals[k]) for k, a in pairs)]

    return staged(outputs, jaxpr.in_avals)


def unused_slot(aval: Any) -> Any:
    """Something of a type that nobody reads, at no cost."""
    return aval.zeros() if isinstance(aval, StackAval) else broadcast_to_p.bind(np.zeros((), aval.dtype)[()], shape=aval.shape)


def _take_slots(jaxpr: Jaxpr, filled: list[int | None], slots: Sequence[Any]) -> Jaxpr:
    """The linear part with all slots for its residuals."""
    taken = [a if k is None else k for k, a in zip(filled, slots, strict=True)]
    count = len(filled) - filled.count(None)
    return rearranged(with_strong_residuals(jaxpr, count), [*taken, *range(count, len(jaxpr.in_vars))])


def _marks(marks: Sequence[str], params: dict[str, Any]) -> list[str] | None:
    if marks[0] == LINEAR:
        return None
    return [joined(*outs) for outs in zip(*(program_marks(b, marks[1:]) for b in params["branches"]), strict=True)]


@def_transposed(cond_p, _marks)
def _cond_transposed(linear: Any, nonzero: Any, known: list[Any], cts: Sequence[Any], *, branches: Branches) -> Any:
    present = union([transposed_program(b, linear[1:], nonzero).present for b in branches])
    programs = tuple(transposed_program(b, linear[1:], nonzero, present).jaxpr for b in branches)
    return cond_p.bind(*known, *written(nonzero, cts), branches=programs), present


# --- batching ---------------------------------------------------------------------------------------------------------


@cond_p.def_rule("batch of differing")
def _batch_of_differing(size: int, args: Sequence[Any], dims: Dims, *, branches: Branches) -> Any:
    """The batching rule where each example has a choice of its own."""
    index, *operands = move_batch_to_front(args, dims)
    batched = tuple(d is not None for d in dims[1:])
    check_all_take_part(branches)
    if size == 0:
        return [a.batched(0, 0).zeros() for a in branches[0].out_avals], [0] * len(branches[0].out_vars)
    has_stacks = any(isinstance(a, StackAval) for a in (*avals_of(args), *branches[0].out_avals))
    known = all(map(is_known, args)) and not has_stacks
    exact = any(map(program_acts, branches))
    misnumbered = not known and any(map(would_misnumber, branches))
    if misnumbered and has_stacks:
        branches = tuple(map(unnumbered, branches))
    if not known and (exact or (misnumbered and not has_stacks)):
        if has_stacks:
            raise repeated_effect("a branch, beside a while loop, and in a choice")
        choice = partial(cond_p.bind, branches=branches)
        return one_by_one(choice, size, [index, *operands], [True, *batched]), [0] * len(branches[0].out_vars)
    run = _run_parts if known else _run_chosen
    return run(size, index, operands, batched, branches), [0] * len(branches[0].out_vars)


def _run_parts(size: int, index: Any, operands: list[Any], batched: tuple[bool, ...], branches: Branches) -> list[Any]:
    """Run each branch on the examples that chose it, whose values are known."""
    chosen = concrete(index)
    numbers, parts = [], []
    for k, branch in enumerate(branches):
        members = np.flatnonzero(chosen == k)
        if len(members):
            own = [take_rows(x, members) if b else x for x, b in zip(operands, batched, strict=True)]
            with part_of_batch(members):
                parts.append(in_front(partial(eval_jaxpr, branch), len(members), own, batched))
            numbers.append(members)
    if len(parts) == 1:
        return parts[0]
    order = places(numbers)
    return [take_rows(np.concatenate(column), order) for column in zip(*parts, strict=True)]


def _run_chosen(size: int, index: Any, operands: list[Any], batched: tuple[bool, ...], branches: Branches) -> list[Any]:
    """Run each branch that an example chose on all of them, and select."""
    results: list[Any] = []
    for k, branch in enumerate(branches):
        program = all_in_front(branch, size, batched)
        nothing = _nothing(program)
        mine = np.equal(index, k)
        stand_in = np.argmax(mine)
        own = [_stood_in(mine, x, stand_in) if b else x for x, b in zip(operands, batched, strict=True)]
        anyone = reduce_or_p.bind(mine, axes=(0,))
        with mode(TAKING_PART, mine):
            outs = cond_p.bind(as_index(anyone), *own, branches=(nothing, program))
        results = outs if k == 0 else [select_rows(mine, new, old) for new, old in zip(outs, results, strict=True)]
    return results


def _stood_in(mine: Any, x: Any, stand_in: Any) -> Any:
    return x if isinstance(typeof(x), StackAval) else select_rows(mine, x, gather_p.bind(x, stand_in))


def _nothing(program: Jaxpr) -> Jaxpr:
    """A program of the same types that does nothing."""
    return program.once("nothing", lambda: staged(lambda *_: [*map(unused_slot, program.out_avals)], program.in_avals))


def as_index(condition: Any) -> Any:
    """0 or 1, for false or true."""
    return select_p.bind(condition, np.int64(1), np.int64(0))
