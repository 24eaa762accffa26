"""``scan``: a loop with a known number of steps, or over stacks.

The program ``jaxpr : (*consts, *carry, *x) -> (*carry, *y)`` is run for each step.  Every rule binds `scan_p` to a program
derived from it:

* jvp: tangents of the carries are carries; which ones there are is a fixpoint;
* linearize: the known part runs and stacks its residuals; the linear part is a scan over them.  Residuals that follow from
  the consts alone are computed once, and one that is an x is not stacked again;
* transpose: the loop runs the other way, and sums of the cotangents of the consts are carries;
* batch: a fixpoint again.

With ``length=None`` the xs are stacks (see `stacks`), of which the first tells the number of steps.  If that
one is of ticks and is batched, some examples have ended before others: a carry keeps its value where the tick is false.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from covector.backends.run import step_runner
from covector.core import errors
from covector.core.avals import instantiate, typeof
from covector.core.jaxpr import Jaxpr, has_effects
from covector.core.linearity import KNOWN, LINEAR, ZERO, loop_marks, program_marks
from covector.core.primitive import NestedPrimitive
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import TANGENT, TANGENTS, Bundle, Interpretation, arguments, marked
from covector.interpreters.linearize import Split
from covector.interpreters.programs import avals_of, choose, cut, grow, rearranged, spread, staged, transposed_program
from covector.interpreters.stage import is_written_zero
from covector.passes.accumulating import with_parts_added
from covector.passes.clean import clean
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import Dims, over_rows, strengthened
from covector.primitives.programs.call import jit_p
from covector.primitives.programs.halves import Halving, def_halves, def_transposed, with_strong_residuals, written
from covector.primitives.programs.stacks import Stack, StackAval, at_front, merge_p, stacked_aval
from covector.primitives.programs.subprograms import batched

scan_p = NestedPrimitive("scan", multiple_results=True, trusted=True)


class Loop(NamedTuple):
    """The parameters of a scan but for its program, and how its arguments are divided."""

    num_consts: int
    num_carry: int
    length: int | None
    reverse: bool
    progress: str | None

    @property
    def carries(self) -> slice:
        return slice(self.num_consts, self.num_consts + self.num_carry)

    def cut(self, args: Sequence[Any]) -> list[list[Any]]:
        """Arguments, or anything that there is one of for each, as those of the consts, the carries and the xs."""
        return cut(args, self.num_consts, self.num_carry)

    def ticks(self, args: Sequence[Any]) -> list[Any]:
        """The stack that tells the number of steps, where it is not fixed."""
        return self.cut(args)[2][:1] if self.length is None else []

    def bind(self, jaxpr: Jaxpr, consts: Sequence[Any], carry: Sequence[Any], xs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Another loop of as many steps: its final carries and its ys."""
        return bind_scan(jaxpr, consts, carry, xs, length=self.length, reverse=self.reverse, progress=self.progress)


def bind_scan(
    jaxpr: Jaxpr, consts: Sequence[Any], carry: Sequence[Any], xs: Sequence[Any], **params: Any
) -> tuple[list[Any], list[Any]]:
    """A loop on consts, carries and xs: its final carries and its ys."""
    loop = Loop(len(consts), len(carry), **params)
    outs = scan_p.bind(*consts, *carry, *xs, jaxpr=jaxpr, **loop._asdict())
    return outs[: len(carry)], outs[len(carry) :]


@scan_p.def_impl
def _scan(*args: Any, jaxpr: Jaxpr, **params: Any) -> list[Any]:
    loop = Loop(**params)
    consts, carry, xs = loop.cut(args)
    n = loop.length if loop.length is not None else len(xs[0].items)
    columns = [x.of_length(n) if type(x) is Stack else x for x in xs]
    y_avals = [stacked_aval(a, loop.length) for a in jaxpr.out_avals[loop.num_carry :]]
    ys: list[Any] = [[None] * n if isinstance(a, StackAval) else np.empty(a.shape, a.dtype) for a in y_avals]
    step, own = step_runner(jaxpr, loop.num_consts, loop.num_carry)
    carry = [np.array(c, order="C") if k in own else c for k, c in enumerate(carry)] if own else carry
    for i in progress_bar(steps(n, loop.reverse), loop.progress):
        outs = step(*consts, *carry, *[column[i] for column in columns])
        carry = outs[: loop.num_carry]
        for y, out in zip(ys, outs[loop.num_carry :]):  # noqa: B905 - on the hot path
            y[i] = out
    return [*carry, *(Stack(a, y) if isinstance(a, StackAval) else y for a, y in zip(y_avals, ys, strict=True))]


def progress_bar(steps: range, label: str | None) -> Any:
    """The steps, shown on a bar with this label (by `tqdm`) as they are done; without a label just the steps."""
    if label is None:
        return steps
    try:
        tqdm = importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        raise ImportError(f"progress={label!r} shows its bar with tqdm, which is not installed: pip install tqdm") from None
    return tqdm(steps, desc=label)


def steps(n: int, reverse: bool) -> range:
    """The numbers of the steps in the order in which they are done."""
    return range(n - 1, -1, -1) if reverse else range(n)


@scan_p.def_abstract
def _scan_abstract(*avals: Any, jaxpr: Jaxpr, **params: Any) -> list[Any]:
    loop = Loop(**params)
    carry, ys = cut(jaxpr.out_avals, loop.num_carry)
    return [*carry, *(stacked_aval(a, loop.length) for a in ys)]


# --- forward interpreters ---------------------------------------------------------------------------------------------


@scan_p.def_rule("interpret")
def _scan_interpret(how: Interpretation, bundles: Sequence[Bundle], *, jaxpr: Jaxpr, **params: Any) -> list[Bundle]:
    loop = Loop(**params)
    consts, carry, xs = loop.cut(bundles)
    given = [*map(how.aligned, [*consts, *carry]), *map(how.column, xs)]
    apart = jaxpr.once(EXAMPLE_A_STEP, lambda: False)  # then what is noted in each step tells which example it was
    step, forms = how.step(jaxpr, [b.form for b in given], loop.num_consts, loop.num_carry, carries_notes=not apart)
    consts, carry, xs = map(arguments, loop.cut([*map(how.raised, given, forms)]))
    n = len(carry)
    carry, ys = loop.bind(step.jaxpr, consts, carry if apart else [*carry, *how.blank(step)], xs)
    outs = how.results(step, [*carry[:n], *ys, *carry[n:]])
    return [*outs[: loop.num_carry], *map(how.stacked, outs[loop.num_carry :])]


def chosen(marks: Sequence[Sequence[bool]], groups: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The items that are marked, in each group, with arrays for symbolic zeros."""
    return [[*map(instantiate, choose(*group))] for group in zip(marks, groups, strict=True)]


# --- linearization: a known loop that stacks residuals, and a linear loop over them -----------------------------------


@def_halves(scan_p)
def _scan_halves(how: Halving, args: Sequence[Any], linear: Sequence[bool], *, jaxpr: Jaxpr, **params: Any) -> Any:
    loop = Loop(**params)
    if how.mixed and jaxpr.linear == tuple(linear):
        return None
    marks, present, split = halved_step(how, jaxpr, loop, linear, args)
    if how.mixed and all(present):
        return None
    parts, groups = split(), loop.cut(marks)
    known = [*map(how.known, groups, loop.cut(args))]
    bind = lambda step: loop.bind(step, *known)
    outs, residuals, _ = known_loop(parts.primal, known, len(how.known(present, present)), bind)
    run = lambda values: residuals.linear_loop(parts.linear, loop, chosen(groups, loop.cut(values)), loop.ticks(args))
    return outs, present, run


def halved_step(
    how: Halving, jaxpr: Jaxpr, loop: Loop, linear: Sequence[bool], args: Sequence[Any]
) -> tuple[list[bool], list[bool], Any]:
    """Which inputs of a step are linear, carries included, and which outputs; and a function that gives the halves."""
    if how.mixed:
        begin = [LINEAR if m else ZERO if is_written_zero(a) else KNOWN for a, m in zip(args, linear, strict=True)]
        marks, present = jaxpr.once(("linear marks", loop, *begin), lambda: linear_marks(jaxpr, loop, begin))
        return marks, present, lambda: how.split(jaxpr, tuple(marks), tuple(present))
    parts, marks, present = grow(loop.carries, linear, lambda marks, needed: with_marks(how.split(jaxpr, marks, needed)))
    return marks, present, lambda: parts


def with_marks(parts: Split) -> tuple[Split, list[bool]]:
    return parts, parts.nonzero_out


def linear_marks(jaxpr: Jaxpr, loop: Loop, begin: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Which inputs of a step are linear, carries included, and which outputs: those that have a derivative in them.

    Where the step is not linear in these alone, carries that begin with a zero, and stay one, count as linear too.
    """
    marks, present = derived_marks(jaxpr, loop, [m == LINEAR for m in begin])
    if ZERO in begin[loop.carries]:
        try:
            program_marks(jaxpr, [LINEAR if m else KNOWN for m in marks])
        except errors.LinearityError:
            consts, carry, xs = loop.cut([LINEAR if m else b for m, b in zip(marks, begin, strict=True)])
            with suppress(errors.LinearityError):
                marks[loop.carries] = [m != KNOWN for m in loop_marks(jaxpr, consts, carry, xs)[0]]
            return derived_marks(jaxpr, loop, marks)
    return marks, present


def derived_marks(jaxpr: Jaxpr, loop: Loop, linear: Sequence[bool]) -> tuple[list[bool], list[bool]]:
    """Which inputs and outputs of a step have a tangent if the marked inputs do."""
    step, forms = TANGENTS.step(jaxpr, marked(linear, TANGENT), loop.num_consts, loop.num_carry)
    return [f is not None for f in forms], [f is not None for f in step.forms]


class Residuals(NamedTuple):
    """What a known loop keeps for the linear one: values that are the same in each step, and xs.

    The numbers say which residuals of a step these are.
    """

    consts: list[Any]
    xs: list[Any]
    const_numbers: list[int]
    x_numbers: list[int]

    def linear_loop(self, jaxpr: Jaxpr, loop: Loop, given: list[list[Any]], ticks: list[Any]) -> list[Any]:
        """Run (that is: record) the linear part ``(*residuals, *consts, *carry, *xs) -> (*carry, *y)``."""
        n = len(self.const_numbers) + len(self.x_numbers)
        consts, carry, xs = cut(range(n, len(jaxpr.in_vars)), *map(len, given[:2]))
        order = [*self.const_numbers, *consts, *carry, *(t.element for t in avals_of(ticks)), *self.x_numbers, *xs]
        step = rearranged(with_strong_residuals(jaxpr, n), order)
        outs = loop._replace(progress=None).bind(step, [*self.consts, *given[0]], given[1], [*ticks, *self.xs, *given[2]])
        return [*outs[0], *outs[1]]


def known_loop(jaxpr: Jaxpr, args: list[list[Any]], n_out: int, run: Any) -> tuple[list[Any], Residuals, list[Any]]:
    """Run the known part ``(*consts, *carry, *x) -> (*carry, *y, *residuals)`` of a loop, by ``run(step) -> (carries, ys)``.

    Returns:
        Its outputs proper, the residuals, and all ys.
    """
    consts, carry, xs = args
    plan = residual_plan(jaxpr, len(consts), len(carry), n_out)
    carry_out, ys = run(plan.step)
    n_ys = n_out - len(carry)
    return [*carry_out, *ys[:n_ys]], plan.residuals(consts, xs, ys[n_ys : n_ys + len(plan.stacked_numbers)]), ys


class ResidualPlan(NamedTuple):
    """How the residuals of a step are kept."""

    step: Jaxpr
    """``(*consts, *carry, *x) -> (*carry, *y, *residuals that are stacked)``."""
    invariants: Jaxpr
    """``(*consts) -> residuals that follow from them``."""
    invariant_numbers: list[int]
    x_of: dict[int, int]
    """For the residuals that are an x, which one."""
    stacked_numbers: list[int]

    def residuals(self, consts: Sequence[Any], xs: Sequence[Any], stacked: Sequence[Any]) -> Residuals:
        invariants = jit_p.bind(*consts, jaxpr=self.invariants, name="invariants") if self.invariant_numbers else []
        columns = [*(xs[i] for i in self.x_of.values()), *stacked]
        return Residuals(invariants, columns, self.invariant_numbers, [*self.x_of, *self.stacked_numbers])


def residual_plan(jaxpr: Jaxpr, n_consts: int, n_carry: int, n_out: int) -> ResidualPlan:
    """Find out which residuals are the same in each step, which are an x, and which must be stacked.

    The program is cleaned first: a call mixes what is the same in each step with what is not.
    """

    key = ("residual plan", n_consts, n_carry, n_out)
    return jaxpr.once(key, lambda: _residual_plan(clean(jaxpr), n_consts, n_carry, n_out))


def _residual_plan(jaxpr: Jaxpr, n_consts: int, n_carry: int, n_out: int) -> ResidualPlan:
    consts, rest = jaxpr.in_vars[:n_consts], jaxpr.in_vars[n_consts:]
    xs = {v: i for i, v in enumerate(rest[n_carry:])}
    varying = set(rest)
    steady = []
    for eqn in jaxpr.equations:
        if not varying.isdisjoint(eqn.inputs) or has_effects(eqn.primitive, eqn.params):
            varying.update(eqn.outputs)
        else:
            steady.append(eqn)
    residuals = dict(enumerate(jaxpr.out_vars[n_out:]))
    x_of = {i: xs[v] for i, v in residuals.items() if v in xs}
    invariant = [i for i, v in residuals.items() if v not in varying]
    stacked = [i for i, v in residuals.items() if v in varying and v not in xs]
    step = Jaxpr(jaxpr.in_vars, jaxpr.equations, [*jaxpr.out_vars[:n_out], *(residuals[i] for i in stacked)], jaxpr.consts)
    invariants = Jaxpr(consts, steady, [residuals[i] for i in invariant], jaxpr.consts)
    return ResidualPlan(step, invariants, invariant, x_of, stacked)


# --- transposition: the loop the other way ----------------------------------------------------------------------------


def _marks(marks: Sequence[str], params: dict[str, Any]) -> list[str]:
    carry, ys = loop_marks(params["jaxpr"], *cut(marks, params["num_consts"], params["num_carry"]))
    return [*carry, *ys]


@def_transposed(scan_p, _marks)
def _scan_transposed(linear: Any, nonzero: Any, known: list[Any], cts: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    loop = Loop(**params)
    consts, _, columns = loop.cut(linear)
    n, n_sums = loop.num_carry, sum(consts)
    every = (*consts, *[True] * n, *columns)

    def derive(marks: tuple[bool, ...], needed: tuple[bool, ...]) -> Any:
        found = transposed_program(jaxpr, every, marks, (*[False] * n_sums, *needed))
        return found, found.present[n_sums : n_sums + n]

    (program, present), marks, _ = grow(slice(0, n), nonzero, derive)
    known_consts, known_xs = known[: consts.count(False)], known[len(known) - columns.count(False) :]
    ct_carry, ct_ys = cut(written(marks, cts), sum(marks[:n]))
    sums = [a.tangent().strengthened().zeros() for a in choose(present[:n_sums], choose(consts, jaxpr.in_avals[: len(consts)]))]
    step = _backward_step(program, len(known_consts), len(known_xs), len(sums), len(ct_carry))
    back = loop._replace(reverse=not loop.reverse, progress=None)
    carry, ct_xs = back.bind(step, known_consts, [*sums, *ct_carry], [*known_xs, *ct_ys])
    found = spread(present, [*carry, *ct_xs], [None] * len(present))
    of_linear = [ct for ct, m in zip(found, choose(every, linear), strict=True) if m]  # a carry may begin with a known value
    return [ct for ct in of_linear if ct is not None], [ct is not None for ct in of_linear]


def _backward_step(program: Jaxpr, n_consts: int, n_xs: int, n_sums: int, n_carry: int) -> Jaxpr:
    """``(*known consts, *sums, *cts of carries, *known xs, *cts of ys) -> (*sums, *cts of carries, *cts of xs)``."""

    def step(*args: Any) -> list[Any]:
        consts, sums, carry, xs, cts = cut(args, n_consts, n_sums, n_carry, n_xs)
        outs = eval_jaxpr(program, *consts, *xs, *carry, *cts)
        return [*(typeof(s).add(s, o) for s, o in zip(sums, outs[:n_sums], strict=True)), *outs[n_sums:]]

    def make() -> Jaxpr:
        if not n_sums:
            consts, xs, carry, cts = cut(range(len(program.in_vars)), n_consts, n_xs, n_carry)
            return with_parts_added(rearranged(program, [*consts, *carry, *xs, *cts]))
        consts, xs, carry, cts = cut(program.in_avals, n_consts, n_xs, n_carry)
        return with_parts_added(staged(step, [*consts, *program.out_avals[:n_sums], *carry, *xs, *cts]))

    return program.once(("backward step", n_consts, n_xs, n_sums, n_carry), make)


# --- batching ---------------------------------------------------------------------------------------------------------


@scan_p.def_batch
def _scan_batch(size: int, args: Sequence[Any], dims: Dims, *, jaxpr: Jaxpr, **params: Any) -> Any:
    """Where examples have steps of their own, one that has ended keeps its carries."""
    loop = Loop(**params)
    if loop.ticks(dims) not in ([], [None]) and is_tick(typeof(*loop.ticks(args))):
        jaxpr = _ticking(jaxpr, loop)
        args, dims = list(args), list(dims)
        args[loop.carries] = [at_front(x, d, size, True) for x, d in zip(args[loop.carries], dims[loop.carries], strict=True)]
        dims[loop.carries] = [0] * loop.num_carry
    return batched(scan_p, size, args, dims, jaxpr=jaxpr, **params)


def is_tick(aval: StackAval) -> bool:
    """Whether this is the aval of a batch of ticks, one for each example."""
    return aval.ticks and len(aval.element.shape) == 1


def _ticking(jaxpr: Jaxpr, loop: Loop) -> Jaxpr:
    """The step, keeping its carries where the tick, its first x, is false."""

    def step(*args: Any) -> list[Any]:
        _, carry, xs = loop.cut(args)
        outs = eval_jaxpr(jaxpr, *args)
        return [*(select_rows(xs[0], new, old) for new, old in zip(outs, carry, strict=False)), *outs[loop.num_carry :]]

    return jaxpr.once(("ticking", loop.num_consts, loop.num_carry), lambda: staged(step, jaxpr.in_avals))


def select_rows(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where a condition on the leading axes holds, elsewhere ``y``, for arrays and stacks."""
    if isinstance(typeof(x), StackAval):
        return merge_p.bind(condition, y, x)
    return select_p.bind(over_rows(condition, x), x, y)


EXAMPLE_A_STEP = "an example a step"
"""What is noted on a program whose steps are the examples of a batch."""


def one_by_one(f: Callable[..., list[Any]], size: int, args: Sequence[Any], batched: Sequence[bool]) -> list[Any]:
    """The outputs of ``f`` for a batch, with the batch axis in front, computed for one example after the other.

    So effects happen just for those examples that get to them.
    """
    consts, columns = choose([not b for b in batched], args), choose(batched, args)
    n = len(consts)
    avals = [typeof(x).example(0) if b else typeof(x) for x, b in zip(args, batched, strict=True)]

    def step(*values: Any) -> list[Any]:
        return [*map(strengthened, f(*spread(batched, values[n:], spread([not b for b in batched], values[:n], batched))))]

    program = staged(step, [*choose([not b for b in batched], avals), *choose(batched, avals)])
    program.once(EXAMPLE_A_STEP, lambda: True)
    return bind_scan(program, consts, [], columns, length=int(size), reverse=False, progress=None)[1]


def repeated_effect(what: str) -> errors.CallbackError:
    """The error for an effect that cannot happen for just those examples of a batch that get to it."""
    return errors.CallbackError(
        f"an effect is in {what} that differs between the examples of a batch, in reverse mode of values not known.",
        why="the residuals of all examples are collected together, so examples that are done would have the effect again",
        fix="leave out jit, or batch with lax.map instead of vmap, or use pure_callback, which may be repeated",
    )
