"""Linearization: ``linearize : (a -> b) -> a -> (b, T a -o T b)``.

>>> _, linear = linearize(lambda x: [np.sin(x) * x], [np.array([0.0, 1.0])], [True])
>>> linear.closed()[0]
{ lambda a:f64[2]=[1.0, 0.5403023058681398] b:f64[2]=[0.0, 1.0] c:f64[2]=[0.0, 0.8414709848078965] ;
    ~d:f64[2]. let
    e:f64[2] = mul a d
    f:f64[2] = sumprod b e c d
  in (f,) }

The JVP rules are run once, with the primals known and the tangents staged: dispatch follows the data, so in
``x*y, dx*y + x*dy`` the primal part is computed now, and what touches ``dx`` is recorded.  The recorded program is linear; the
known values that it closes over are the residuals.

`split` is partial evaluation, which programs with sub-programs need: the two interpreters composed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import ARRAY_TYPES, Zero, typeof
from covector.core.context import MODES, enter, leave
from covector.core.jaxpr import Jaxpr, Var
from covector.core.memory import Holder
from covector.core.primitive import TracerBase, new_trace, open_trace
from covector.core.source import Source
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.stage import LinearTrace, StageTracer, closed_program, is_written_zero, leaked


class LinearProgram(NamedTuple):
    """A recorded linear map: a tape from ``in_vars`` to ``outs`` (tracers of the tape's trace, or symbolic `Zero`)."""

    trace: LinearTrace
    in_vars: list[Var | None]
    outs: list[Any]

    def closed(self) -> tuple[Jaxpr, list[Any]]:
        """The linear program as a `Jaxpr` marked linear, with the residuals that are tracers as leading inputs."""
        return self.trace.close([v for v in self.in_vars if v is not None], self.outs, linear=True)


class Linearization:
    """The two traces of a linearization, one above the other: primals are known, tangents are staged.

    ``with Linearization(name, origin) as lin``: run the function on ``lin.inputs(…)``, and give its outputs to
    ``lin.outputs``, all inside the block.

    The user's arrays are held until its end; of those that the tape needs beyond it there are copies.  With ``brief`` they are
    held until the ``holder`` is told to release them, and the tape is of no use after that.
    """

    __slots__ = ("brief", "holder", "in_vars", "tape", "trace")

    def __init__(self, name: str = "linearize", origin: Source | None = None, *, brief: bool = False):
        self.holder = holder = Holder()
        self.brief = brief
        self.trace = new_trace(JVPTrace, name, origin, holder) if MODES else JVPTrace(name, origin, holder)
        self.tape = LinearTrace(name, origin, holder)
        self.tape.level = self.trace.level + 1
        self.trace.tape = self.tape
        self.in_vars: list[Var | None] = []

    def __enter__(self) -> Linearization:
        enter(self.trace, self.tape)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.tape.closed = self.trace.closed = True
        leave(self.trace, self.tape)
        if self.holder.held:
            self.holder.end(self.trace.name, error, traceback, None if self.brief else self.tape.tape)

    def inputs(self, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """The arguments to run the function on, with staged ``tangents`` of these types (None: without)."""
        args = []
        for primal, aval in zip(primals, tangents, strict=True):
            var = None
            if aval is not None:
                var = Var(aval)
                held = self.holder.hold_argument(primal) if issubclass(type(primal), np.ndarray) else primal
                primal = JVPTracer(self.trace, held, var if type(held) in ARRAY_TYPES else StageTracer(self.tape, var))
            self.in_vars.append(var)
            args.append(primal)
        return args

    def outputs(self, outs: Sequence[Any]) -> tuple[list[Any], LinearProgram]:
        """The primal outputs, and the linear program from the input tangents to the output tangents."""
        primals, tangents = [], []
        for o in outs:
            if type(o) is JVPTracer and o._trace is self.trace and type(o.staged) is Var:
                primals.append(o.primal)
                tangents.append(StageTracer(self.tape, o.staged))
            else:
                p, t = self.trace.lower(o)
                primals.append(p)
                tangents.append(linear_output(self.tape, t))
        return primals, tuple.__new__(LinearProgram, (self.tape, self.in_vars, tangents))


def linearize(
    f: Callable[..., Sequence[Any]], primals: Sequence[Any], nonzero: Sequence[bool]
) -> tuple[list[Any], LinearProgram]:
    """The outputs of ``f`` at ``primals``, and the linear map from the tangents marked ``nonzero`` to the output tangents."""
    with Linearization() as lin:
        tangents = [typeof(p).tangent() if m else None for p, m in zip(primals, nonzero, strict=True)]
        return lin.outputs(f(*lin.inputs(primals, tangents)))


def linear_output(tape: LinearTrace, tangent: Any) -> Any:
    """An output tangent of a tape: one of its tracers or a symbolic zero; anything else must be a zero made into an array."""
    if type(tangent) is Zero or (type(tangent) is StageTracer and tangent._trace is tape):
        return tangent
    if not (is_written_zero(tangent) or (not isinstance(tangent, TracerBase) and not np.any(tangent))):
        if isinstance(tangent, TracerBase) and tangent._trace.closed:
            raise leaked(tangent._trace, [tangent])
        what = f"the tangent {tangent!r} of an output is not linear in the tangents of the inputs."
        fix = "compute the tangents that a JVP rule returns from those that it is given, or return a symbolic Zero"
        raise errors.LinearityError(what, why="it does not depend on them, and is not zero", fix=fix)
    return Zero(typeof(tangent).tangent())


class Split(NamedTuple):
    """A program split at its linear inputs: ``primal`` returns the known outputs and then the residuals; ``linear`` takes
    the residuals and then the linear inputs.

    Attributes:
        primal: ``inputs -> (*outputs, *residuals)``.
        linear: ``(*residuals, *linear inputs) -> the outputs that depend on them``.
        nonzero_out: for each output (tangent) whether it depends on a linear input.
        vanishing: for each known output whether it is linear nevertheless, and so zero.
    """

    primal: Jaxpr
    linear: Jaxpr
    nonzero_out: list[bool]
    vanishing: Sequence[bool]


def with_zeros(outs: Sequence[Any], vanishing: Sequence[bool]) -> list[Any]:
    """The known outputs of a split program, with zeros that can be seen where they vanish."""
    return [typeof(o).zeros() if v else o for o, v in zip(outs, vanishing, strict=True)]


def split(jaxpr: Jaxpr, nonzero: tuple[bool, ...], needed: tuple[bool, ...] = ()) -> Split:
    """Linearize a program without running it: ``stage(linearize(eval_jaxpr))``, cached on the program.

    A zero tangent of an output that is ``needed`` is written out.
    """
    return jaxpr.once(("split", nonzero, needed), lambda: _split(jaxpr, nonzero, needed))


def _split(jaxpr: Jaxpr, nonzero: tuple[bool, ...], needed: tuple[bool, ...]) -> Split:
    def primal_part(*primals: Any) -> tuple[list[Any], Any]:
        outs, program = linearize(lambda *args: eval_jaxpr(jaxpr, *args), primals, nonzero)
        linear, residuals, nonzero_out = close_linear_part(program, needed)
        return [*outs, *residuals], (linear, nonzero_out, [False] * len(outs))

    primal, rest = closed_program(primal_part, jaxpr.in_avals, "a derivative")
    return Split(primal, *rest)


def close_linear_part(program: LinearProgram, needed: tuple[bool, ...]) -> tuple[Jaxpr, list[Any], list[bool]]:
    """The linear program with only its nonzero and needed outputs, its residuals, and which outputs these are."""
    nonzero_out = [type(t) is not Zero or n for t, n in zip_longest(program.outs, needed, fillvalue=False)]
    outs = [t for t, m in zip(program.outs, nonzero_out, strict=True) if m]
    linear, residuals = program._replace(outs=outs).closed()
    return linear, residuals, nonzero_out


def split_known(jaxpr: Jaxpr, linear: tuple[bool, ...], needed: tuple[bool, ...] = ()) -> Split:
    """Split a program that is linear in the inputs marked ``linear`` into what the known inputs give, and the linear rest.

    Here ``primal`` takes the known inputs only, and returns those outputs that are not linear, followed by the residuals.
    The outputs that are ``needed`` are then the linear ones, written out where they are zero; others that are linear are zero,
    and known.  Without ``needed`` they are those that the linear inputs reach.
    """
    return jaxpr.once(("split_known", linear, needed), lambda: _split_known(jaxpr, linear, needed))


def _split_known(jaxpr: Jaxpr, linear: tuple[bool, ...], needed: tuple[bool, ...]) -> Split:
    def known_part(*known: Any) -> tuple[list[Any], Any]:
        with open_trace(LinearTrace, "jit") as tape:
            rest = iter(known)
            args = [tape.new_input(v.aval) if m else next(rest) for v, m in zip(jaxpr.in_vars, linear, strict=True)]
            outs = eval_jaxpr(jaxpr, *args)
        in_vars = [a.variable for a, m in zip(args, linear, strict=True) if m]
        reached = [type(o) is StageTracer and o._trace is tape for o in outs]
        is_linear = list(needed) or reached
        program = LinearProgram(tape, in_vars, [linear_output(tape, o) for o, m in zip(outs, is_linear, strict=True) if m])
        rest_jaxpr, residuals = program.closed()
        vanishing = [r for r, m in zip(reached, is_linear, strict=True) if not m]
        known_outs = with_zeros([o for o, m in zip(outs, is_linear, strict=True) if not m], vanishing)
        return [*known_outs, *residuals], (rest_jaxpr, is_linear, vanishing)

    known_avals = [a for a, m in zip(jaxpr.in_avals, linear, strict=True) if not m]
    primal, parts = closed_program(known_part, known_avals, "a derivative")
    return Split(primal, *parts)
