"""Forward mode: ``jvp : (a -> b) -> (a, T a) -> (b, T b)``.

>>> jvp(lambda x: [np.sin(x) * 2.0], [0.0], [1.0])
([np.float64(0.0)], [np.float64(2.0)])

Run a function on pairs of a primal and its tangent.  The rule of each primitive says what it does to such a pair.  A value
that does not depend on the inputs is no pair, so constants cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, SCALAR_ZEROS, Zero, typeof
from covector.core.checked_rules import refuse_own
from covector.core.context import NAMED_AXES, enter, leave
from covector.core.jaxpr import Var
from covector.core.memory import LARGE, Holder, copy_of
from covector.core.primitive import Primitive, Trace, TracerBase, levels, open_trace
from covector.core.source import Source
from covector.core.tracer import Tracer, register_tracer
from covector.interpreters.stage import CapturingTrace, StageTrace, StageTracer, is_written_zero, leaked, usable

STAGING = (StageTrace, CapturingTrace)
"""The traces of programs in the making whose values are no tangents alone."""


class JVPTracer(Tracer):
    """A primal value with its tangent.

    Of a tangent that is staged the variable is enough until a rule asks for more, if it has the type of the primal.
    """

    __slots__ = ("primal", "staged")

    def __init__(self, trace: JVPTrace, primal: Any, tangent: Any):
        self._trace = trace
        self.primal = primal
        self.staged = tangent

    @property
    def tangent(self) -> Any:
        staged = self.staged
        return StageTracer(self._trace.tape, staged) if type(staged) is Var else staged

    @property
    def aval(self) -> Any:
        staged = self.staged
        return staged.aval if type(staged) is Var else typeof(self.primal)

    def concrete(self) -> Any:
        return self.primal.concrete() if isinstance(self.primal, Tracer) else self.primal

    def is_zero(self) -> bool:
        return is_written_zero(self.primal) and (type(self.tangent) is Zero or is_written_zero(self.tangent))

    def answer(self) -> Any:
        return self.primal.answer() if isinstance(self.primal, Tracer) else None

    def unknown_because(self) -> str:
        if isinstance(self.primal, Tracer) and self.concrete() is None:
            return self.primal.unknown_because()
        return "as a plain value it would lose its derivative"


register_tracer(JVPTracer, lambda x: x.staged.aval if type(x.staged) is Var else typeof(x.primal))


class JVPTrace(Trace):
    """Applies the JVP rule of each primitive.

    Attributes:
        holder: what holds the user's arrays while the tangents are being staged; None where they are known.
        sees_zeros: whether a zero tangent that a rule wrote out is taken for a symbolic one.
    """

    __slots__ = ("holder", "sees_zeros", "tape")

    runs_once = True

    def __init__(self, name: str = "jvp", origin: Source | None = None, holder: Holder | None = None):
        self.level = next(levels)  # what Trace.__init__ does: to call it takes as long as all this
        self.closed = False
        self.name = name
        self.origin = origin
        self.holder = holder
        self.sees_zeros = holder is not None
        self.tape: Any = None
        """The trace that the tangents are staged in, if they are."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        if self.holder is not None and primitive.record is not None and not NAMED_AXES:
            recorded = primitive.record(self, args, params)
            if recorded is not None:
                return recorded
        if len(args) == 1:
            (x,) = args
            primals: Sequence[Any] = (x.primal,)
            tangents: Sequence[Any] = (x.staged if self.tape is None else x.tangent,)
        elif len(args) == 2:
            x, y = args
            if type(x) is JVPTracer and x._trace is self:
                px, tx = x.primal, x.staged if self.tape is None else x.tangent
            elif type(x) in SCALAR_ZEROS:
                px, tx = x, SCALAR_ZEROS[type(x)]
            else:
                px, tx = self.constant(x)
            if type(y) is JVPTracer and y._trace is self:
                py, ty = y.primal, y.staged if self.tape is None else y.tangent
            elif type(y) in SCALAR_ZEROS:
                py, ty = y, SCALAR_ZEROS[type(y)]
            else:
                py, ty = self.constant(y)
            primals, tangents = (px, py), (tx, ty)
        else:
            primals, tangents = [], []
            for a in args:
                p, t = (a.primal, a.tangent) if type(a) is JVPTracer and a._trace is self else self.constant(a)
                primals.append(p)
                tangents.append(t)
        rule = primitive.jvp if self.holder is None else primitive.linearize
        if rule is None:
            raise errors.NonDifferentiableError(primitive.name, self.name, map(typeof, primals))
        out, tangent = rule(primals, tangents, **params) if params else rule(primals, tangents)
        if not primitive.trusted:
            refuse_own(self, primitive, "jvp" if self.holder is None else "linearize", out, tangent)
        if primitive.multiple_results:
            return [self.known(o) if self.is_zero(t) else JVPTracer(self, o, t) for o, t in zip(out, tangent, strict=True)]
        if type(tangent) is Zero:
            return out if primitive.makes_new else self.known(out)
        if self.sees_zeros and (type(tangent) is not StageTracer or tangent._trace is not self.tape) and self.is_zero(tangent):
            return self.known(out)
        if type(out) is not np.ndarray and primitive.keeps_weak and isinstance(out, np.generic):
            return self.kept_weak(primals, out, tangent)
        return JVPTracer(self, out, tangent)

    def is_zero(self, tangent: Any) -> bool:
        """Whether a tangent is a symbolic zero, or one that a rule wrote out where tangents are staged.

        A program that takes it as an array could not tell it from a known value, in which it is not linear.
        """
        if type(tangent) is Zero:
            return True
        if not self.sees_zeros or (isinstance(tangent, TracerBase) and (self.tape is None or tangent._trace is self.tape)):
            return False
        return is_written_zero(tangent)

    def kept_weak(self, primals: Sequence[Any], out: Any, tangent: Any) -> JVPTracer:
        """A scalar result, made a Python scalar again if all that it was computed from are."""
        if all(type(p) in PYTHON_NUMBERS for p in primals):
            out = out.item()
            tangent = tangent if isinstance(tangent, TracerBase) else type(out)(tangent)
        return JVPTracer(self, out, tangent)

    def lift(self, primal: Any, tangent: Any) -> Any:
        """A tracer of this trace, or the primal itself where its tangent is zero."""
        return primal if type(tangent) is Zero else JVPTracer(self, primal, tangent)

    def constant(self, x: Any) -> tuple[Any, Any]:
        """A value that does not depend on the inputs, as the rules get it, and its tangent."""
        zero = typeof(x).zero
        if self.holder is not None and issubclass(type(x), np.ndarray):
            return self.holder.hold(x), zero
        return x, zero

    def known(self, out: Any) -> Any:
        """An output without a tangent, as the function gets it: a copy of an array, for it may write to that."""
        return copy_of(out) if issubclass(type(out), np.ndarray) else out

    def lower(self, x: Any) -> tuple[Any, Any]:
        """The primal and the tangent of any value."""
        if type(x) is JVPTracer and x._trace is self:
            return x.primal, x.staged if self.tape is None else x.tangent
        return usable(self, x), typeof(x).zero

    def primal(self, x: Any) -> Any:
        """The primal of any object; one that is no tracer of this trace is its own."""
        return x.primal if type(x) is JVPTracer and x._trace is self else x


class Pushforward(JVPTrace):
    """``with Pushforward(name, origin) as push``: the trace of a derivative along a direction.

    Run the function on ``push.inputs(…)``; the user's arrays among these are held while it runs.
    """

    __slots__ = ("inputs_holder",)

    inputs_holder: Holder | None
    """None as long as all arrays are so small that they are copied."""

    def __enter__(self) -> Pushforward:
        self.inputs_holder = None
        enter(self)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.closed = True
        leave(self)
        if self.inputs_holder is not None:
            self.inputs_holder.end(self.name, error, traceback, [])

    def inputs(self, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """The arguments to run the function on."""
        args = []
        for p, t in zip(primals, tangents):  # noqa: B905 - as many, and to say so takes as long as a copy
            p = p.copy("K") if type(p) is np.ndarray and p.nbytes <= LARGE and p.flags.forc else self.held(p)
            if type(t) is not Zero:
                t = t.copy("K") if type(t) is np.ndarray and t.nbytes <= LARGE else self.held(t)
                p = JVPTracer(self, p, t)
            args.append(p)
        return args

    def held(self, x: Any) -> Any:
        """What is no small array without gaps."""
        if not issubclass(type(x), np.ndarray):
            return x
        if self.inputs_holder is None:
            self.inputs_holder = Holder()
        return self.inputs_holder.hold_argument(x)

    def outputs(self, outs: Sequence[Any]) -> list[Any]:
        """The primal outputs, and after them their tangents, with zeros written out."""
        primals, tangents = [], []
        for o in outs:
            if type(o) is JVPTracer and o._trace is self:
                primals.append(o.primal)
                tangents.append(usable(self, o.staged) if isinstance(o.staged, TracerBase) else o.staged)
            else:
                primals.append(self.known(usable(self, o)))
                tangents.append(typeof(o).zero.aval.zeros())
        return primals + tangents


def symbolic(tangent: Any) -> Any:
    """A tangent of a program in the making, with a symbolic zero for one that a rule wrote out.

    What depends on staged tangents is none, even if a known factor is zero: another may be infinite.
    """
    if type(tangent) is Zero or (isinstance(tangent, TracerBase) and type(tangent._trace) not in STAGING):
        return tangent
    return Zero(typeof(tangent).tangent()) if is_written_zero(tangent) else tangent


def zeros_seen(tangents: Sequence[Any]) -> Sequence[Any]:
    """Tangents with symbolic zeros in place of zeros that were written out beside staged ones.

    A program is linear in the staged tangents; what it is given as an array it could not tell from a known value.
    """
    return [*map(symbolic, tangents)] if any(isinstance(t, TracerBase) for t in tangents) else tangents


def jvp(
    f: Callable[..., Sequence[Any]], primals: Sequence[Any], tangents: Sequence[Any], of_program: bool = False
) -> tuple[list[Any], list[Any]]:
    """The outputs of ``f`` at ``primals`` and their tangents along ``tangents`` (either may hold symbolic `Zero`).

    ``of_program`` says that ``f`` and the tangents are those of a program in the making, which may be transposed.
    """
    with open_trace(JVPTrace) as trace:
        trace.sees_zeros = of_program
        outs = f(*map(trace.lift, primals, tangents))
        pairs = [trace.lower(o) for o in outs]
    return [p for p, _ in pairs], [t for _, t in pairs]
