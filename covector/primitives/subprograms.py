"""What the rules of loops and choices share: inputs in another order, fixpoints over carries, batch axes in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.context import axis_of_rule
from covector.core.jaxpr import Jaxpr, Var, program_axes
from covector.interpreters.batch import batch
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.stage import closed_program
from covector.primitives.shaping import broadcast_to_p, moveaxis
from covector.primitives.stacks import StackAval, repeat_items_p

T = TypeVar("T")


def cut(xs: Sequence[Any], *lengths: int) -> list[list[Any]]:
    """A sequence in consecutive parts of these lengths, and the rest."""
    parts, start = [], 0
    for n in lengths:
        parts.append(list(xs[start : start + n]))
        start += n
    return [*parts, list(xs[start:])]


def rearranged(jaxpr: Jaxpr, inputs: Sequence[Any], outputs: Sequence[int] | None = None) -> Jaxpr:
    """The program with its inputs (and outputs) in another order.

    Place i is taken by number ``inputs[i]`` of the original; an aval there is that of an input which is not used.
    """
    chosen = range(len(jaxpr.out_vars)) if outputs is None else outputs

    def make() -> Jaxpr:
        in_vars = [jaxpr.in_vars[i] if isinstance(i, int) else Var(i) for i in inputs]
        mask = None if jaxpr.linear is None else [isinstance(i, int) and jaxpr.linear[i] for i in inputs]
        return Jaxpr(in_vars, jaxpr.equations, [jaxpr.out_vars[i] for i in chosen], jaxpr.consts, mask)

    return jaxpr.derived(("rearranged", tuple(inputs), tuple(chosen)), make)


def grow(
    carries: slice, marks: Sequence[bool], derive: Callable[[tuple[bool, ...], tuple[bool, ...]], tuple[T, list[bool]]]
) -> Any:
    """The least marks of carries, above those given, that one step of a loop reproduces.

    Args:
        carries: which of the marked inputs are carries; they are the first outputs too.
        marks: a mark for each input.
        derive: ``derive(marks, needed) -> (result, marks of the outputs)``, where outputs that are ``needed`` come marked.

    Returns:
        The result for these marks, the marks of the inputs, the marks of the outputs.
    """
    marks = list(marks)
    while True:
        before = marks[carries]
        result, found = derive(tuple(marks), tuple(before))
        after = [a or b for a, b in zip(before, found, strict=False)]
        if after == before:
            return result, marks, found
        marks[carries] = after


def at_front(x: Any, dim: int | None, size: int, wanted: bool) -> Any:
    """A batched array with its batch axis in front; one that is not batched is repeated if that is ``wanted``."""
    if dim is None and wanted:
        if isinstance(typeof(x), StackAval):
            return repeat_items_p.bind(x, axis=0, times=size)
        return broadcast_to_p.bind(x, shape=(size, *shape_of(x)))
    return moveaxis(x, dim, 0) if dim else x


def in_front(f: Callable[..., Sequence[Any]], size: int, args: Sequence[Any], batched: Sequence[bool]) -> list[Any]:
    """The outputs of ``f`` for a batch, all with the batch axis in front."""
    outs, dims = batch(f, size, args, [0 if b else None for b in batched], axis_name=axis_of_rule())
    return [at_front(o, d, size, True) for o, d in zip(outs, dims, strict=True)]


def batched_in_front(
    jaxpr: Jaxpr, size: int, batched: tuple[bool, ...], needed: tuple[bool, ...] = ()
) -> tuple[Jaxpr, list[bool]]:
    """The program for a batch whose axes are in front everywhere, and which outputs are batched: at least those ``needed``."""

    def make() -> tuple[Jaxpr, list[bool]]:
        def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
            dims = [0 if b else None for b in batched]
            outs, out_dims = batch(lambda *xs: eval_jaxpr(jaxpr, *xs), size, args, dims, axis_name=axis_of_rule())
            wanted = [*needed, *[False] * (len(outs) - len(needed))]
            found = [d is not None or w for d, w in zip(out_dims, wanted, strict=True)]
            return [at_front(o, d, size, w) for o, d, w in zip(outs, out_dims, wanted, strict=True)], found

        avals = [a.batched(size, 0) if b else a for a, b in zip(jaxpr.in_avals, batched, strict=True)]
        return closed_program(outputs, avals)

    return jaxpr.derived(("batch in front", size, axis_of_rule(), batched, needed), make)


def avals_of(xs: Sequence[Any]) -> list[Any]:
    """The avals of values."""
    return [typeof(x) for x in xs]


def check_all_take_part(size: int, programs: Sequence[Jaxpr]) -> None:
    """Refuse a collective over a batch of which only some examples run the program."""
    name = axis_of_rule()
    if name is not None and any(name in program_axes(p) for p in programs):
        raise errors.AxisNameError(
            errors.describe(
                f"a collective over the axis {name!r} is in a branch or loop in which not all examples take part.",
                why="the condition differs between the examples, and a collective needs all of them",
                fix="make the condition the same for all (psum it), or move the collective out",
            )
        )
