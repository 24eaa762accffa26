"""How programs are batched: the batch axes of loops and choices are in front, so that those of a carry stay where they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from covector.core import errors
from covector.core.avals import typeof, with_varying
from covector.core.context import axis_of_rule
from covector.core.jaxpr import Jaxpr, program_axes
from covector.core.kinds import Program
from covector.core.primitive import Primitive, TracerBase, derived, derives
from covector.interpreters.batch import BatchTrace, batch
from covector.interpreters.interpret import (
    TANGENTS,
    Bundle,
    Interpretation,
    Note,
    interpreting,
    marked,
    tangent_of,
    with_tangent,
)
from covector.interpreters.jvp import zeros_seen
from covector.primitives.arrays.shaping import Dims, moveaxis
from covector.primitives.programs.stacks import StackAval, at_front


def mapped(
    f: Callable[..., Sequence[Any]],
    size: int,
    args: Sequence[Any],
    batched: Sequence[bool],
    trace: Any = None,
    needed: bool = False,
) -> tuple[list[Any], list[bool]]:
    """The outputs of ``f`` for a batch, with batch axes in front, and which of them are batched: all if that is ``needed``.

    While the ``trace`` that asked is open, and inside of those of the arguments, it is the one that ``f`` is run on, so that
    what ``f`` closes over is its own.  One that may lose examples on the way is not.
    """
    dims = [0 if b else None for b in batched]
    innermost = max((a._trace.level for a in args if isinstance(a, TracerBase)), default=-math.inf)
    if isinstance(trace, BatchTrace) and trace.whole and not trace.closed and innermost < trace.level:
        pairs = [trace.lower(o) for o in f(*map(trace.lift, args, dims))]
    else:
        pairs = [*zip(*batch(f, size, args, dims, axis_name=axis_of_rule()), strict=True)]
    return [at_front(o, d, size, needed) for o, d in pairs], [needed or d is not None for _, d in pairs]


def in_front(
    f: Callable[..., Sequence[Any]], size: int, args: Sequence[Any], batched: Sequence[bool], trace: Any = None
) -> list[Any]:
    """The same outputs, all batched."""
    return mapped(f, size, args, batched, trace, True)[0]


class Batch(Interpretation):
    """A batch along an axis, which loops and choices have in front."""

    keeps_value = False

    def __init__(self, size: int, axis_name: Any):
        self.size = size
        self.axis_name = axis_name
        self.key = ("batch", size, axis_name)

    def run(self, f: Callable[..., Sequence[Any]], bundles: Sequence[Bundle]) -> tuple[list[Bundle], Sequence[Note]]:
        outs, dims = batch(f, self.size, *values_and_dims(bundles), axis_name=self.axis_name)
        return bundles_of(outs, dims), ()

    def avals(self, aval: Any, form: Any) -> Sequence[Any]:
        whole = aval if form is None else aval.batched(self.size, form)
        return (with_varying(whole, whole.varying - {self.axis_name}),)  # its examples are all there

    def coerced(self, bundle: Bundle, form: Any) -> Bundle:
        (x,), dim = bundle
        return Bundle((at_front(x, dim, self.size, True),), 0)  # type: ignore[arg-type]

    def aligned(self, bundle: Bundle) -> Bundle:
        (x,), dim = bundle
        return Bundle((moveaxis(x, dim, 0),), 0) if dim else bundle  # type: ignore[arg-type]

    def column(self, bundle: Bundle) -> Bundle:
        (x,), dim = bundle
        return bundle if dim is None else Bundle((moveaxis(x, dim, batch_axis(x)),), 0)  # type: ignore[arg-type]

    def stacked(self, column: Bundle) -> Bundle:
        return column if column.form is None else Bundle(column.parts, batch_axis(*column.parts))

    def undecided(self, primitive: Primitive, bundles: Sequence[Bundle], params: dict[str, Any]) -> list[Bundle]:
        """The examples may go different ways."""
        return bundles_of(*primitive.rules["batch of differing"](self.size, *values_and_dims(bundles), **params))


batch_of = lru_cache(maxsize=64)(Batch)


@derived("jvp", Program)
def _jvp_of_program(primitive: Primitive, kind: Program, primals: Any, tangents: Any, **params: Any) -> Any:
    outs = interpreting(primitive, "jvp")(TANGENTS, [*map(with_tangent, primals, zeros_seen(tangents))], **params)
    if not primitive.multiple_results:
        return outs.parts[0], tangent_of(outs)
    return [o.parts[0] for o in outs], [*map(tangent_of, outs)]


def batched(primitive: Primitive, size: int, args: Sequence[Any], dims: Dims, **params: Any) -> Any:
    """The batching rule that follows from how a primitive is interpreted."""
    how = batch_of(size, axis_of_rule())
    outs = interpreting(primitive, "vmap")(how, [*map(Bundle, zip(args), dims)], **params)
    return values_and_dims(outs) if primitive.multiple_results else (outs.parts[0], outs.form)


derives("batch", Program)(lambda primitive, kind: partial(batched, primitive))


def bundles_of(values: Sequence[Any], dims: Dims) -> list[Bundle]:
    """The bundles of values and their batch axes."""
    return [Bundle((x,), d) for x, d in zip(values, dims, strict=True)]


def values_and_dims(bundles: Sequence[Any]) -> tuple[list[Any], list[int | None]]:
    """The values that bundles are, and their batch axes."""
    return [b.parts[0] for b in bundles], [b.form for b in bundles]


def batch_axis(column: Any) -> int:
    """Where the batch axis of a column is: in front of each step's value."""
    return 0 if isinstance(typeof(column), StackAval) else 1


def batched_in_front(jaxpr: Jaxpr, size: int, batched: Sequence[bool], needed: Sequence[bool] = ()) -> tuple[Jaxpr, list[bool]]:
    """The program for a batch whose axes are in front everywhere, and which outputs are batched: at least those ``needed``."""
    program = batch_of(size, axis_of_rule()).program(jaxpr, marked(batched, 0), marked(needed, 0))
    return program.jaxpr, [f is not None for f in program.forms]


def all_in_front(jaxpr: Jaxpr, size: int, batched: Sequence[bool]) -> Jaxpr:
    """The same program with all outputs batched."""
    return batched_in_front(jaxpr, size, batched, (True,) * len(jaxpr.out_vars))[0]


def check_all_take_part(programs: Sequence[Jaxpr]) -> None:
    """Refuse a collective over a batch of which only some examples run the program."""
    name = axis_of_rule()
    if name is not None and any(name in program_axes(p) for p in programs):
        raise errors.AxisNameError(
            f"a collective over the axis {name!r} is in a branch or loop in which not all examples take part.",
            why="the condition differs between the examples, and a collective needs all of them",
            fix="make the condition the same for all (psum it), or move the collective out",
        )
