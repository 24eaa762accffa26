"""Staging: ``stage : (values -> values, aside) -> avals -> Jaxpr, outer values, aside``.

>>> weights = np.array([1.0, 2.0])
>>> stage(lambda x: ([np.sin(x) * weights], None), [ShapedArray((2,), float)]).jaxpr
{ lambda a:f64[2]=[1.0, 2.0] ; b:f64[2]. let c:f64[2] = sin b; d:f64[2] = mul c a in (d,) }

Run a function on tracers that know only their avals, and keep the equations.  `StageTrace` records everything that touches
one of its tracers.  What else the function used is closed over: arrays become constants of the program, and tracers of
enclosing transformations become explicit leading inputs ("hoisted"), so that a program never contains a tracer.

`LinearTrace` is the same for a program in which every operation must be linear in the staged values; its unfinished program,
the *tape*, is what reverse mode walks backwards.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, Zero, typeof
from covector.core.checked_rules import refuse_closed_over
from covector.core.context import NAMED_AXES, open_traces
from covector.core.deep import on_fresh_stack
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, collective_axes, has_effects, recorded_avals
from covector.core.linearity import KNOWN, LINEAR, ZERO, output_marks
from covector.core.memory import Holder, Snapshots
from covector.core.primitive import (
    NO_PARAMS,
    ContextPrimitive,
    NestedPrimitive,
    Primitive,
    Trace,
    TracerBase,
    levels,
    open_trace,
)
from covector.core.source import Source, user_source
from covector.core.tracer import Tracer, register_tracer

T = TypeVar("T")

TapeEntry = tuple[Primitive, Sequence[Any], dict[str, Any], Sequence[Var], Source | None]
"""An equation before closing: its inputs are variables and, still as they are, the values that it closes over."""


class StageTracer(Tracer):
    """A value of which only the variable, with its aval, is known."""

    __slots__ = ("variable",)

    def __init__(self, trace: StageTrace, var: Var):
        self._trace = trace
        self.variable = var

    @property
    def aval(self) -> Any:
        return self.variable.aval

    def is_zero(self) -> bool:
        return self._trace.is_zero(self.variable)  # type: ignore[no-any-return]

    def made_at(self) -> Source | None:
        for entry in self._trace.tape:
            if self.variable in entry[3]:
                return entry[4]  # type: ignore[no-any-return]
        return None


register_tracer(StageTracer, lambda x: x.variable.aval)


class StageTrace(Trace):
    """Records every operation on its tracers."""

    __slots__ = ("is_part", "looked_at", "snapshots", "tape", "zeros")

    def __init__(self, name: str = "", origin: Source | None = None):
        super().__init__(name, origin)
        self.tape: list[TapeEntry] = []
        self.zeros: set[Var] = set()
        """Variables that are known to be zero, from as many equations as were ``looked_at``."""
        self.looked_at = 0
        self.is_part = False
        """Whether its program is that of a loop or a branch, which some examples of a batch may not run."""
        self.snapshots: Snapshots | None = None

    def new_input(self, aval: Any) -> StageTracer:
        """A tracer for a value that comes from outside."""
        return StageTracer(self, Var(aval))

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return not isinstance(primitive, NestedPrimitive) or has_effects(primitive, params) or bool(collective_axes(params))

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        inputs: list[Any] = []
        avals = []
        for a in args:
            if type(a) is StageTracer and a._trace is self:
                a = a.variable
                avals.append(a.aval)
            else:
                avals.append(typeof(a))
                a = self.keep(a)
            inputs.append(a)
        if not primitive.trusted:
            refuse_closed_over(self, primitive, any_trace=True)
        out_avals = primitive.abstract(*avals, **params)
        if NAMED_AXES:
            out_avals = recorded_avals(primitive, params, avals, out_avals)
        return self.record(primitive, inputs, params, out_avals, user_source())

    def keep(self, x: Any) -> Any:
        """A value that the program closes over, as it is now."""
        if not issubclass(type(x), np.ndarray):
            return x
        if self.snapshots is None:
            self.snapshots = Snapshots()
        return self.snapshots.of(x)

    def record(
        self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any], out_avals: Any, source: Source | None
    ) -> Any:
        """Append an equation to the tape; its outputs as tracers."""
        if primitive.multiple_results:
            outputs = [Var(aval) for aval in out_avals]
            self.tape.append((primitive, inputs, params, outputs, source))
            return [StageTracer(self, var) for var in outputs]
        var = Var(out_avals)
        self.tape.append((primitive, inputs, params, (var,), source))
        return StageTracer(self, var)

    def is_zero(self, var: Var) -> bool:
        """Whether a variable is zero: equations that are linear in zeros alone make zeros.

        So do those of a primitive with the rule ``zeros``.  Each equation is looked at once, when somebody first asks.
        """
        new, self.looked_at = self.tape[self.looked_at :], len(self.tape)
        for primitive, inputs, params, outputs, _ in new:
            marks = [ZERO if (x in self.zeros if type(x) is Var else is_written_zero(x)) else KNOWN for x in inputs]
            found = ZERO if "zeros" in primitive.rules else output_marks(primitive, marks, params) or KNOWN
            found = [found] * len(outputs) if isinstance(found, str) else found
            self.zeros.update([v for v, m in zip(outputs, found, strict=True) if m == ZERO])
        return var in self.zeros

    def append(self, primitive: Primitive, inputs: Sequence[Any], out_aval: Any) -> StageTracer:
        """Record an equation that is known to be right, without parameters, with one output of a known aval."""
        if self.closed:
            raise leaked(self, [StageTracer(self, x) for x in inputs if type(x) is Var])
        var = Var(out_aval)
        self.tape.append((primitive, inputs, NO_PARAMS, (var,), None))
        return StageTracer(self, var)

    def forget(self) -> None:
        """Drop the parameters of what was recorded: a rule among them may refer to a tracer, and so to this trace again."""
        self.tape[:] = [e if e[2] is NO_PARAMS else (e[0], (), NO_PARAMS, e[3], e[4]) for e in self.tape]

    def close(
        self, in_vars: Sequence[Var], outs: Sequence[Any], linear: bool = False, ended: Sequence[Any] = ()
    ) -> tuple[Jaxpr, list[Any]]:
        """The program from ``in_vars`` to ``outs``, and the values of the leading inputs that it needs besides.

        Among these may be the tracers ``ended``, in whose place others are going to be given, of traces that have ended.
        """
        return _Closing(self.keep, ended).close(self, in_vars, outs, linear)


class CapturingTrace(StageTrace):
    """Records also what is done with what its function closes over: for programs that may never run, or run again."""

    __slots__ = ()

    captures = True


class LinearTrace(StageTrace):
    """Records operations that are linear in its tracers, and refuses others.

    What it closes over is nobody else's: results of the JVP rules, and what the ``holder`` holds for them.  Where the user's
    code records on it (``in_users_code``) that holds these operands too.  Of the trace whose tangents it records, a value that
    a rule closes over is its primal: a derivative is of first order.
    """

    __slots__ = ("holder", "in_users_code")

    runs_once = True

    follows_rules = False  # a linear function of tangents needs its rules no more

    def __init__(self, name: str = "", origin: Source | None = None, holder: Holder | None = None):
        self.level = next(levels)  # what Trace.__init__ does, as in JVPTrace
        self.closed = False
        self.name = name
        self.origin = origin
        self.tape, self.snapshots, self.holder = [], None, holder
        self.zeros, self.looked_at = set(), 0
        self.is_part = self.in_users_code = False

    def users_code(self, runs: bool) -> bool:
        before, self.in_users_code = self.in_users_code, runs and self.holder is not None
        return before

    def keep(self, x: Any) -> Any:
        return self.holder.hold(x) if self.in_users_code and self.holder is not None and issubclass(type(x), np.ndarray) else x

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return False

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        if self.in_users_code:
            args = [self.keep(a) for a in args]
        inputs = []
        avals = []
        mask = []
        for a in args:
            if type(a) is StageTracer and a._trace is self:
                var = a.variable
                inputs.append(var)
                avals.append(var.aval)
                mask.append(True)
            else:
                if isinstance(a, TracerBase) and getattr(a._trace, "tape", None) is self:
                    a = a.primal  # type: ignore[attr-defined]
                inputs.append(a)
                avals.append(typeof(a))
                mask.append(False)
        if primitive.multiple_results and False in mask:
            split = primitive.rule("split")
            if split is not None:
                return split(self, [a if m else x for a, m, x in zip(args, mask, inputs, strict=True)], mask, params)
        linear_in = tuple(mask)
        if not (primitive.linear_masks.get(linear_in) or primitive.is_linear_in(linear_in, params)):
            inputs = with_zeros(primitive, inputs, linear_in, params)
        out_avals = primitive.abstract(*avals, **params)
        if NAMED_AXES:
            out_avals = recorded_avals(primitive, params, avals, out_avals)
        if primitive.multiple_results:
            return self.record(primitive, inputs, params, out_avals, None)
        out = Var(out_avals)
        self.tape.append((primitive, inputs, params, (out,), None))
        return StageTracer(self, out)


def with_zeros(primitive: Primitive, inputs: Sequence[Any], mask: tuple[bool, ...], params: dict[str, Any]) -> list[Any]:
    """The operands of an operation that is linear if some of them, which are known to be zero, count as linear.

    A rule may write its zeros out: ``tangent + 0`` is linear.  What is known to be zero by what it was computed from becomes a
    zero that can be seen.  Everything else that is not linear is refused.
    """
    marks = [LINEAR if m else ZERO if is_written_zero(x) else KNOWN for x, m in zip(inputs, mask, strict=True)]
    if output_marks(primitive, marks, params) is not None:
        return [
            x.aval.strengthened().zeros() if m == ZERO and isinstance(x, Tracer) else x
            for x, m in zip(inputs, marks, strict=True)
        ]
    operands = ", ".join(f"{(x.aval if m else typeof(x))}{' tangent' if m else ''}" for x, m in zip(inputs, mask, strict=True))
    raise errors.LinearityError.of_equation(primitive, operands, mask)


def is_written_zero(x: Any) -> bool:
    """Whether a value is a zero that a rule wrote in place of a symbolic one: the number 0, or a floating array of zeros.

    A traced value is one if it was computed from such a zero by what is linear in it.
    """
    if isinstance(x, Tracer):
        return x.aval.tangent() == x.aval and x.is_zero()
    aval = typeof(x)
    return isinstance(aval, ShapedArray) and (aval.weak_type or aval.is_differentiable) and not np.any(x)


def leaked(trace: Trace, args: Iterable[Any]) -> errors.UnexpectedTracerError:
    """The error for using a tracer of a closed trace."""
    culprit = next(a for a in args if isinstance(a, Tracer) and a._trace is trace)
    return errors.UnexpectedTracerError(repr(culprit), trace.name, trace.origin, culprit.made_at())


def usable(trace: Trace, x: Any) -> Any:
    """A value that a result of ``trace`` consists of, or a result that is no tracer of it: it must be of a trace outside."""
    if isinstance(x, TracerBase) and (x._trace.closed or x._trace.level >= trace.level):
        raise leaked(x._trace, [x])
    return x


def place_of(source: Any) -> Source | None:
    """Where in the user's code an entry of a tape was recorded; one that is watched has the name of an operation beside it."""
    place: Source | None = source[1] if type(source) is tuple else source
    return place


class _Closing:
    """Turns a tape into a program: dead equations dropped, closed-over values made constants, literals or inputs."""

    def __init__(self, keep: Callable[[Any], Any], ended: Sequence[Any]) -> None:
        self.keep = keep
        self.ended = {id(x) for x in ended}
        self.consts: dict[Var, Any] = {}
        self.hoisted: dict[Var, Any] = {}
        self.var_of_value: dict[int, Var] = {}

    def close(self, trace: StageTrace, in_vars: Sequence[Var], outs: Sequence[Any], linear: bool) -> tuple[Jaxpr, list[Any]]:
        out_vars = [self.atom(o.variable if type(o) is StageTracer and o._trace is trace else o) for o in outs]
        live = {v for v in out_vars if type(v) is Var}
        kept = []
        for entry in reversed(trace.tape):
            if not live.isdisjoint(entry[3]) or has_effects(entry[0], entry[2]):
                kept.append(entry)
                live.update([v for v in entry[1] if type(v) is Var])
        equations = [
            Equation(primitive, [x if type(x) is Var else self.atom(x) for x in inputs], params, outputs, place_of(source))
            for primitive, inputs, params, outputs, source in reversed(kept)
        ]
        mask = [False] * len(self.hoisted) + [True] * len(in_vars) if linear else None
        jaxpr = Jaxpr([*self.hoisted, *in_vars], equations, out_vars, self.consts, mask)
        return jaxpr, list(self.hoisted.values())

    def atom(self, x: Any) -> Any:
        if type(x) is Var:
            return x
        if type(x) is Zero:
            return self.atom(x.aval.strengthened().zeros())
        if isinstance(x, (bool, int, float, complex, np.generic)):
            return Literal(x)
        x = self.keep(x)
        var = self.var_of_value.get(id(x))
        if var is None:
            if isinstance(x, TracerBase) and x._trace.closed and id(x) not in self.ended:
                raise leaked(x._trace, [x])
            var = self.var_of_value[id(x)] = Var(typeof(x))
            (self.hoisted if isinstance(x, TracerBase) else self.consts)[var] = x
        return var


@contextmanager
def collection_paused() -> Iterator[None]:
    """Let the cycle collector rest while a program grows: nothing that is made here is garbage.

    It would traverse the growing program again and again (12.6 us an equation instead of 5.3, at 100,000 equations).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Staged(NamedTuple):
    """What `stage` makes of a function.

    Attributes:
        jaxpr: its program.
        hoisted: the tracers of enclosing transformations that it closes over: they are to be passed as leading inputs.
        aside: what it returned beside its outputs.
    """

    jaxpr: Jaxpr
    hoisted: list[Any]
    aside: Any


def stage(
    f: Callable[..., tuple[Sequence[Any], Any]],
    in_avals: Sequence[Any],
    name: str = "a program",
    origin: Source | None = None,
    *,
    capture: bool = False,
    part: bool = False,
    ended: Sequence[Any] = (),
) -> Staged:
    """The program of ``f``, which returns its outputs and anything else, on inputs of these avals.

    What ``f`` does with values of enclosing transformations alone is done there and then, outside of the program.  With
    ``capture`` it is part of the program, which may never run, or run again.

    Args:
        part: whether the program is that of a loop or a branch, which some examples of a batch may not run.
        ended: tracers that ``f`` may close over though their transformation has ended, since others are given in their place.
    """

    def run() -> Staged:
        with collection_paused(), open_trace(CapturingTrace if capture else StageTrace, name, origin) as trace:
            trace.is_part = part
            tracers = [trace.new_input(aval) for aval in in_avals]
            outs, aside = f(*tracers)
            jaxpr, hoisted = trace.close([t.variable for t in tracers], outs, ended=ended)
            trace.forget()
            return Staged(jaxpr, hoisted, aside)

    return on_fresh_stack(len(open_traces()), run)


def closed_program(
    f: Callable[..., tuple[Sequence[Any], T]], in_avals: Sequence[Any], name: str = "a program"
) -> tuple[Jaxpr, T]:
    """The same for a function that closes over no tracer: a program that is made of another one, by rules of its primitives.

    A value that a rule got from elsewhere would be lost, for programs that are made of others are kept with them.
    """
    jaxpr, hoisted, aside = stage(f, in_avals, name)
    if not hoisted:
        return jaxpr, aside
    made = hoisted[0].made_at() if isinstance(hoisted[0], Tracer) else None
    raise errors.CustomRuleError(
        f"a rule uses a traced value of type {typeof(hoisted[0])}{f', made at {made},' if made else ''} from outside.",
        why="the operation is part of a program (of a loop, a branch, a checkpoint or jit), which has no such input",
        fix="pass the value to the operation as an argument, so that its rule gets it with the others",
    )
