"""Transposition: ``transpose : (T a -o T b) -> (CT b -o CT a)``.

>>> from covector.interpreters.linearize import linearize
>>> _, linear = linearize(lambda x: [3.0 * x, np.sin(x)], [0.0], [True])
>>> transpose_program(linear, [1.0, 10.0])  # 3 * 1 + cos(0) * 10
[np.float64(13.0)]

Walk a linear tape backwards and apply the transpose rule of each operation.  A variable that is used twice receives the sum of
its cotangents; one that receives none is a symbolic zero, for which nothing is computed.

A transpose rule may answer with an `Accumulate` instead of an array: a cotangent that is zero except in part of the argument
(the transpose of reading a slice).  It is added in place into a buffer that the walk owns, so reading n slices of an array
costs time proportional to what was read, not n times the size of the array.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import ARRAY_TYPES, PLAIN_TYPES, Zero, instantiate, typeof
from covector.core.context import KEPT_AXES, MODES, NAMED_AXES, WATCH, mode, value_of
from covector.core.jaxpr import Jaxpr, Var, has_effects, sub_jaxprs
from covector.core.memory import Holder
from covector.core.primitive import Primitive, TracerBase, in_users_code, open_trace
from covector.core.source import Source
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.linearize import LinearProgram, linear_output
from covector.interpreters.stage import LinearTrace, StageTracer, TapeEntry
from covector.interpreters.watch import known


class Accumulate:
    """A cotangent that is nonzero only in part of an argument.

    Attributes:
        value: the cotangent of the part.
        add_into: ``add_into(buffer, value)`` adds the part into an array in place.
        scatter: ``scatter(parts, aval)`` is the whole cotangent, of type ``aval``, of a list of such parts, for values that are
            traced; parts with the same ``scatter`` are given to it together.
        index: what tells ``scatter`` where the part belongs.
    """

    __slots__ = ("add_into", "index", "scatter", "value")

    def __init__(
        self,
        value: Any,
        add_into: Callable[[Any, Any], None],
        scatter: Callable[[list[Accumulate], Any], Any],
        index: Any,
    ):
        self.value = value
        self.add_into = add_into
        self.scatter = scatter
        self.index = index


class PartialSum:
    """The cotangent of a value that is read in parts, while they arrive."""

    __slots__ = ("aval", "buffer", "traced", "whole")

    def __init__(self, aval: Any, whole: Any):
        self.aval = aval
        self.whole = whole
        self.buffer: Any = None
        self.traced: dict[Any, list[Accumulate]] = {}

    def add(self, ct: Any) -> None:
        if type(ct) is not Accumulate:
            self.whole = ct if self.whole is None else self.whole + ct
        elif isinstance(ct.value, TracerBase):
            self.traced.setdefault(ct.scatter, []).append(ct)
        else:
            if self.buffer is None:
                self.buffer = np.zeros(self.aval.shape, self.aval.dtype)
            ct.add_into(self.buffer, ct.value)

    def add_part(self, where: Any, value: Any) -> None:
        """Add an array to the part that is read with ``x[where]``."""
        if self.buffer is None:
            self.buffer = np.zeros(self.aval.shape, self.aval.dtype)
            self.buffer[where] = value
            return
        part = self.buffer[where]
        if type(part) is np.ndarray:  # a view
            part += value
        else:
            self.buffer[where] = part + value

    def total(self) -> Any:
        if self.whole is None and not self.traced:
            return self.buffer
        terms = [x for x in (self.buffer, self.whole) if x is not None]
        terms += [scatter(parts, self.aval) for scatter, parts in self.traced.items()]
        return functools.reduce(operator.add, terms)


_total_over: Any = None


def register_total_over_axes(total_over: Callable[[Any, frozenset[Any]], Any]) -> None:
    """Say what the sum of a value over named axes is."""
    global _total_over
    _total_over = total_over


def kept_axes() -> frozenset[Any] | None:
    """The named axes that the backward pass in progress does not sum over; None outside of one."""
    return value_of(KEPT_AXES)  # type: ignore[no-any-return]


def summed_over_axes(x_cts: Sequence[Any], entry: TapeEntry, kept: frozenset[Any]) -> list[Any]:
    """The cotangents of an equation's inputs, summed over the named axes over which the outputs vary and the input does not.

    In ``w * x`` each example has an x of its own and all share w: each sends a cotangent to w, which gets the sum.
    """
    primitive, inputs, params, outputs, _ = entry
    if primitive.collective:
        return list(x_cts)
    programs = sub_jaxprs(params)
    varying: list[frozenset[Any]]
    if programs:  # inside, the sums are done
        meant = programs[0].in_avals
        varying = [frozenset()] * (len(inputs) - len(meant)) + [a.varying for a in meant]
    else:
        varying = [frozenset().union(*(v.aval.varying for v in outputs))] * len(inputs)
    return [
        ct if ct is None or type(x) is not Var else _sum_over(ct, v - x.aval.varying - kept)
        for ct, x, v in zip(x_cts, inputs, varying, strict=False)
    ]


def _sum_over(ct: Any, names: frozenset[Any]) -> Any:
    return ct if not names or type(ct) is Zero else _total_over(ct, names)


def accumulate(arrived: dict[Var, Any], var: Var, ct: Any) -> None:
    """Add a cotangent of any kind to what has arrived for a variable."""
    before = arrived.get(var)
    if type(ct) is Accumulate or type(before) is PartialSum:
        if type(before) is not PartialSum:
            before = arrived[var] = PartialSum(var.aval, before)
        before.add(ct)
    elif type(ct) is not Zero:
        arrived[var] = ct if before is None else var.aval.add(before, ct)


def transpose_program(program: LinearProgram, cts_in: Sequence[Any], *, consume: bool = False) -> list[Any]:
    """Pull cotangents of a recorded linear program's outputs back to its inputs.

    Args:
        program: the program, of which an input may be None that it does not have (its cotangent is None).
        cts_in: a cotangent for each output; may be `Zero`.
        consume: drop each equation, and with it its residuals, as soon as it has been used.

    Returns:
        A cotangent for each input, or None where it is zero.
    """
    kept = kept_axes() if MODES else None
    if NAMED_AXES and kept is None:
        return _transpose_in_groups(program, cts_in)
    trace, in_vars, outs = program
    tape = trace.tape
    report = value_of(WATCH) if MODES else None
    if report is not None:
        tape = watched_tape(tape, report)
    arrived: dict[Var, Any] = {}
    for out, ct_in in zip(outs, cts_in, strict=True):
        if type(out) is not Zero and out.variable not in arrived and type(ct_in) in PLAIN_TYPES:
            arrived[out.variable] = ct_in
        elif type(out) is not Zero:
            accumulate(arrived, out.variable, ct_in)
    ct: Any
    n = len(tape)
    while n:
        n -= 1
        primitive, inputs, params, outputs, _source = tape.pop() if consume else tape[n]
        if primitive.multiple_results:
            if not any(v in arrived for v in outputs):
                continue
            ct = [Zero(v.aval) if v not in arrived else summed(arrived.pop(v)) for v in outputs]
        else:
            ct = arrived.pop(outputs[0], None)
            if ct is None:
                continue
            if type(ct) is PartialSum:
                ct = ct.total()
            if primitive.pull is not None and type(ct) in ARRAY_TYPES and kept is None:
                primitive.pull(arrived, ct, outputs[0], inputs, params)
                continue
        if primitive.transpose is None:
            raise errors.MissingRuleError(primitive.name, "transpose", "reverse mode")
        x_cts = primitive.transpose(ct, *inputs, **params) if params else primitive.transpose(ct, *inputs)
        if kept is not None:
            x_cts = summed_over_axes(x_cts, (primitive, inputs, params, outputs, _source), kept)
        for x, x_ct in zip(inputs, x_cts):  # noqa: B905 - on the hot path
            if x_ct is not None and type(x) is Var:
                if x in arrived or type(x_ct) not in PLAIN_TYPES:
                    accumulate(arrived, x, x_ct)
                else:
                    arrived[x] = x_ct
    cts = []
    for v in in_vars:
        ct = None if v is None else arrived.get(v)
        cts.append(ct.total() if type(ct) is PartialSum else ct)
    return cts


def watched_tape(tape: list[TapeEntry], report: Any) -> list[TapeEntry]:
    """A tape whose transpose rules report the cotangents that they compute."""
    return [(_Watched(p, source, report), inputs, params, outputs, source) for p, inputs, params, outputs, source in tape]  # type: ignore[misc]


class _Watched:
    """What the backward walk needs of a primitive, with its transpose rule watched."""

    __slots__ = ("collective", "multiple_results", "name", "origin", "report", "rule", "transpose")

    pull = None

    def __init__(self, primitive: Any, origin: Any, report: Any):
        self.name = primitive.name
        self.collective = primitive.collective
        self.multiple_results = primitive.multiple_results
        self.rule = primitive.transpose
        self.transpose = None if self.rule is None else self.watched
        self.origin = origin if isinstance(origin, tuple) else (primitive.name, origin)
        """The operation that was differentiated, and where it is."""
        self.report = report

    def watched(self, ct: Any, /, *args: Any, **params: Any) -> Any:
        results = self.rule(ct, *args, **params)
        name, source = self.origin
        cts = known(ct if self.multiple_results else [ct])
        self.report(name, cts, known([getattr(r, "value", getattr(r, "checked", r)) for r in results]), source, "backward pass")
        return results


def _transpose_in_groups(program: LinearProgram, cts_in: Sequence[Any]) -> list[Any]:
    """Pull back the outputs that vary over the same named axes together, and add up.

    The derivative of an output that is the same for all examples is the total one; that of an output of each example is the
    example's own.
    """
    totals: dict[Any, Any] = {}
    for group in {out.aval.varying for out in program.outs if type(out) is not Zero}:
        some = [o if type(o) is Zero or o.aval.varying == group else o.aval.zero for o in program.outs]
        with mode(KEPT_AXES, group):
            cts = transpose_program(program._replace(outs=some), cts_in)
        for v, ct in zip(program.in_vars, cts, strict=True):
            if v is not None and ct is not None:
                accumulate(totals, v, ct)
    return [totals.get(v) for v in program.in_vars]


def summed(ct: Any) -> Any:
    """A cotangent, with its parts added up."""
    return ct.total() if type(ct) is PartialSum else ct


class UsersLinearTrace(LinearTrace):
    """Records a function of the user's, of which only what its results come from has to be linear.

    An operation that is not linear is recorded with the error that it is, and the error is raised if a result depends on it.
    """

    __slots__ = ("refused",)

    def __init__(self, name: str, origin: Source | None, holder: Holder):
        super().__init__(name, origin, holder)
        self.refused: dict[Var, errors.LinearityError] = {}

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        try:
            for a in args:
                self.check(a)
            return super().process(primitive, args, params)
        except errors.LinearityError as error:
            if self.closed or has_effects(primitive, params):
                raise
            if primitive.inlined:  # a part of it may be linear
                return eval_jaxpr(params["jaxpr"], *args)
            outs = self.record(primitive, [], params, primitive.abstract(*map(typeof, args), **params), None)
            self.refused.update((o.variable, error) for o in (outs if primitive.multiple_results else [outs]))
            return outs

    def check(self, x: Any) -> None:
        """Refuse a value that is not linear."""
        if type(x) is StageTracer and x.variable in self.refused:
            raise self.refused[x.variable]


def record_users_linear(
    f: Callable[..., tuple[Sequence[Any], Any]], in_avals: Sequence[Any], *, name: str
) -> tuple[LinearProgram, Any]:
    """Record a function of the user's that is linear but for what no result depends on; its arrays are held.

    It returns its results and anything else, as for `stage`.
    """
    holder = Holder()
    with open_trace(UsersLinearTrace, name, None, holder) as tape:
        args = [tape.new_input(aval) for aval in in_avals]
        try:
            results, aside = in_users_code(f)(*args)
            for o in results:
                tape.check(o)
            outs = [linear_output(tape, o) for o in results]
        except BaseException as error:
            if isinstance(error, errors.LinearityError):
                error.tell(name, "linear_transpose takes functions that are linear; covector.vjp derives others")
            holder.end(name, error, error.__traceback__, tape.tape)
            raise
        holder.end(name, None, None, tape.tape)
    return LinearProgram(tape, [a.variable for a in args], outs), aside


def transpose_jaxpr(jaxpr: Jaxpr, linear: Sequence[bool], known: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
    """Transpose a program in its inputs marked ``linear``, given its other inputs and cotangents of its outputs.

    Dispatch follows the data here too: what depends on known inputs alone is evaluated, the rest is recorded and walked
    backwards.
    """
    with open_trace(LinearTrace, "the transpose of a program", None, Holder()) as tape:
        known_inputs = iter(known)
        args = [tape.new_input(a) if m else next(known_inputs) for a, m in zip(jaxpr.in_avals, linear, strict=True)]
        outs = [linear_output(tape, o) for o in eval_jaxpr(jaxpr, *args)]
    in_vars = [a.variable for a, m in zip(args, linear, strict=True) if m]
    return transpose_program(LinearProgram(tape, in_vars, outs), cts, consume=True)


def instantiated(cts: Sequence[Any], avals: Sequence[Any]) -> list[Any]:
    """Cotangents with arrays of zeros in place of None and of symbolic zeros."""
    return [instantiate(Zero(a.tangent()) if ct is None else ct) for ct, a in zip(cts, avals, strict=True)]
