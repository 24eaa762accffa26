"""Calls of functions with derivative rules of their own: ``custom_function``, ``custom``, ``custom_jvp``.

``custom_function`` applies a Python function.  Differentiated, it calls a rule on the values as they are, so nothing is staged
and a function or a rule may do with known values what Python can.  Where it meets a trace that stages, it becomes ``custom``,
an equation with the program of the function.

The JVP of either is the user's JVP rule, or without one the derivative of the function; when tangents are staged and there is
a VJP rule, the forward half of that rule runs, and `custom_linear` is recorded: evaluated forward it is the JVP, and its
transpose is the backward half.  ``custom_jvp`` is the program of a JVP that may be transposed later, which a checkpointed call
keeps: with known primals it becomes what linearization would have made.

A program may close over tracers of outer transformations: these are its first inputs, ``hoisted`` of them, and the rules know
nothing of them.  Rules may too: then they are programs that take these values as further arguments (`closure_converted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import Zero, instantiate, typeof
from covector.core.context import RULES_IN_WORK, axis_of_rule, for_axis_of_rule, mode, open_traces, run_for_axis, value_of
from covector.core.jaxpr import Jaxpr
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive, Trace, TracerBase, in_users_code, trace_among
from covector.core.source import Source
from covector.interpreters.batch import BatchTrace, BatchTracer
from covector.interpreters.closures import cell_values, reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import JVPTracer, jvp, symbolic, zeros_seen
from covector.interpreters.programs import Pruned, choose, cut, rearranged, spread
from covector.interpreters.stage import LinearTrace, StageTrace, StageTracer, closed_program, stage
from covector.primitives.arrays.shaping import Dims, in_type, move_batch_to_front, strengthened
from covector.primitives.custom.calls import (
    Backward,
    LinearRule,
    RuleProgram,
    batched_alike,
    batched_backward,
    call_like,
    custom_linear_p,
    is_linear_from,
    linear_zero,
    split_as_call,
    staged_rule,
    written_out,
)
from covector.primitives.custom.quiet import quietly
from covector.primitives.programs.stacks import at_front
from covector.primitives.programs.subprograms import all_in_front, in_front, mapped

Values = Sequence[Any]
Function = Callable[..., list[Any]]


class Rules:
    """The rules of a function, on flat arguments; a tangent or cotangent may be a `Zero`.

    Attributes:
        name: the function's name.
        jvp: ``jvp(primals, tangents) -> (outs, tangents)``, or None.
        fwd: ``fwd(primals, perturbed) -> (outs, residuals, backward)``, or None; ``perturbed`` says which are differentiated.
        symbolic_zeros: whether ``jvp`` takes symbolic zeros; else they are written out for it.
        origin: where the function is defined.
        function: the function of the user's that has these rules, if it is one.
        roots: the functions of the user's that the rules call, and other objects that they may use.
        batches: over which batches the rules are mapped: the traces' identities, sizes, and which arguments.
        n_closed: how many of the first arguments are values that the rules close over: the VJP rule has none for them.
    """

    __match_args__ = ("name", "jvp", "fwd", "symbolic_zeros", "origin", "function", "roots", "batches", "n_closed")

    def __init__(
        self,
        name: str,
        jvp: Callable[[Values, Values], tuple[list[Any], list[Any]]] | None,
        fwd: Callable[[Values, Sequence[bool]], tuple[list[Any], list[Any], Backward]] | None,
        symbolic_zeros: bool = False,
        origin: Source | None = None,
        function: tuple[Any, ...] = (),
        roots: tuple[Any, ...] = (),
        batches: tuple[Any, ...] = (),
        n_closed: int = 0,
    ):
        self.name = name
        self.jvp = jvp
        self.fwd = fwd
        self.symbolic_zeros = symbolic_zeros
        self.origin = origin
        self.function = function
        self.roots = roots
        self.batches = batches
        self.n_closed = n_closed

    def with_rules(self, jvp: Any, fwd: Any, n_closed: int) -> Rules:
        """The same function with other rules, which are none of the user's."""
        return Rules(self.name, jvp, fwd, True, self.origin, batches=self.batches, n_closed=n_closed)

    def __repr__(self) -> str:
        return f"<rules of {self.name}>"

    def tangents(self, f: Function, primals: Values, tangents: Values, hoisted: int = 0) -> Any:
        """The outputs of ``f`` and their tangents: by the JVP rule, or without one by ``f`` itself."""
        if self.jvp is None:
            return jvp(f, primals, tangents)
        check_hoisted(tangents[:hoisted], self.name, "jvp")
        given = tangents[hoisted:]
        try:
            outs, tangents_out = self.jvp(primals[hoisted:], given if self.symbolic_zeros else written_out(given))
        except errors.LinearityError as error:
            error.tell(f"the JVP rule of {self.name}", "correct the rule; covector.testing.check_grads compares it")
            raise
        return outs, zeros_seen(tangents_out)

    def linearized(self, f: Function, primals: Values, tangents: Values, hoisted: int = 0) -> Any:
        """The same for staged tangents: by the VJP rule, or without one as always."""
        if self.fwd is None:
            return self.tangents(f, primals, tangents, hoisted)
        check_hoisted(tangents[:hoisted], self.name, "vjp")
        nonzero = [type(t) is not Zero for t in tangents]
        outs, residuals, backward = self.fwd(primals[hoisted:], nonzero[hoisted:])
        avals = [typeof(o).strengthened() for o in outs]
        places = [a.dtype.kind in "fc" for a in avals]

        def forward(xs: Values, ts: Values) -> list[Any]:
            given = spread(nonzero, ts, [typeof(x).zero for x in xs])
            _, tangents_out = self.tangents(quietly(f), xs, given, hoisted)  # its effects are those of fwd
            return [strengthened(instantiate(t)) for t in choose(places, tangents_out)]

        def transposed(values: Values, cts: Values) -> list[Any]:
            every = spread(places, cts, [a.zero for a in avals])
            return choose(nonzero[hoisted:], backward.run(values, every))

        results = custom_linear_p.bind(
            *residuals,
            *primals,
            *map(strengthened, choose(nonzero, tangents)),
            rule=LinearRule(self.name, forward, transposed, backward.key and (backward.key, *nonzero, hoisted)),
            residuals=len(residuals),
            inputs=len(primals),
            out_avals=tuple(choose(places, avals)),
        )
        wanted = [typeof(o) for o in outs]
        given = [in_type(t, a) for t, a in zip(results, choose(places, wanted), strict=True)]
        return outs, spread(places, given, [a.zero for a in wanted])


def check_hoisted(tangents: Values, name: str, kind: str) -> None:
    """Refuse to differentiate in a value that a function with its own rules closes over."""
    for t in tangents:
        if type(t) is not Zero:
            raise errors.CustomRuleError(
                f"{name} closes over a value of type {typeof(t)} that is being differentiated.",
                why=f"its {kind} rule gives derivatives for the arguments of {name} alone, and for none in nondiff_argnums",
                fix=f"pass the value to {name} as an argument, or use covector.closure_convert",
            )


# --- the rules of a batch ---------------------------------------------------------------------------------------------


def batched_rules(rules: Rules, size: int, batched: Sequence[bool], trace: BatchTrace | None = None) -> Rules:
    """The rules of a function of batches, with batch axes in front: those of the examples, mapped."""

    def run_jvp(primals: Values, tangents: Values) -> Any:
        present = [type(t) is not Zero for t in tangents]
        zeros = [
            None if p else Zero(t.aval.example(0) if b else t.aval) for p, t, b in zip(present, tangents, batched, strict=True)
        ]
        found: list[list[bool]] = []

        def example(*args: Any) -> list[Any]:
            assert rules.jvp is not None
            given = spread(present, args[len(primals) :], zeros)
            outs, tangents_out = rules.jvp(args[: len(primals)], given if rules.symbolic_zeros else written_out(given))
            found.append([type(t) is not Zero for t in tangents_out])
            return [*outs, *choose(found[0], tangents_out)]

        marks = [*batched, *choose(present, batched)]
        outs = in_front(example, size, [*primals, *choose(present, tangents)], marks, trace)
        n = len(found[0])
        return outs[:n], spread(found[0], outs[n:], [typeof(o).zero for o in outs[:n]])

    def run_fwd(primals: Values, perturbed: Sequence[bool]) -> Any:
        found: list[Any] = []

        def example(*args: Any) -> list[Any]:
            assert rules.fwd is not None
            outs, residuals, backward = rules.fwd(args, perturbed)
            found.append((len(outs), backward))
            return [*outs, *residuals]

        values, marks = mapped(example, size, primals, batched, trace)
        n, backward = found[0]
        outs = [at_front(o, 0 if m else None, size, True) for o, m in zip(values[:n], marks, strict=False)]
        return outs, values[n:], batched_backward(backward, size, marks[n:], batched)

    jvp_of_batch = for_axis_of_rule(run_jvp) if rules.jvp else None
    fwd_of_batch = for_axis_of_rule(run_fwd) if rules.fwd else None
    batches = (*rules.batches, (id(trace), size, *batched))
    kept = (rules.origin, rules.function, rules.roots, batches, rules.n_closed)
    return Rules(rules.name, jvp_of_batch, fwd_of_batch, True, *kept)


# --- custom_function: a Python function -------------------------------------------------------------------------------


class CustomFunctionPrimitive(Primitive):
    """The primitive of functions that are not staged; what its tracers and the function close over decides where it runs."""

    __slots__ = ()

    def bind(self, *args: Any, fun: Function, rules: Rules) -> list[Any]:  # type: ignore[override]
        trace = trace_among(args)
        if trace is None or not trace.follows_rules:
            return fun(*args)
        if isinstance(trace, StageTrace):
            return as_equation(args, fun, rules)
        if isinstance(trace, BatchTrace):
            if not any(isinstance(trace.lower(a)[0], TracerBase) for a in args):
                return fun(*args)
            if (rules.fwd is not None or not trace.whole) and trace in reached_traces(rules):
                return as_equation(args, fun, rules)
            return on_batch(trace, args, fun, rules)
        inner = closed_over_inside(trace, rules)
        if inner is None:
            outs: list[Any] = [of_first_order(o) for o in trace.process(self, args, {"fun": fun, "rules": rules})]
            inner = closed_over_trace(outs, trace)
            if inner is None:
                return outs
        if isinstance(inner, BatchTrace) and inner.whole and rules.fwd is None:  # no rule runs after the batch has ended
            return on_batch(inner, args, fun, rules)
        return as_equation(args, fun, rules)


custom_function_p = CustomFunctionPrimitive("custom_function", Opaque(), multiple_results=True, trusted=True)
custom_function_p.def_impl(lambda *args, fun, rules: fun(*args))
custom_function_p.def_jvp(in_users_code(lambda primals, tangents, *, fun, rules: rules.tangents(fun, primals, tangents)))
custom_function_p.def_linearize(
    in_users_code(lambda primals, tangents, *, fun, rules: rules.linearized(fun, primals, tangents))
)


def of_first_order(out: Any) -> Any:
    """A result whose tangent is no value of the trace that it is a tangent of, as where a rule closes over one."""
    tangent = out.tangent if type(out) is JVPTracer else None
    while type(tangent) is JVPTracer and tangent._trace is out._trace:
        tangent = tangent.primal
        out = JVPTracer(out._trace, out.primal, tangent)
    return out


def as_equation(args: Values, fun: Function, rules: Rules) -> list[Any]:
    """Apply a function by its program, of which the traced values that it and its rules close over are inputs."""
    jaxpr, hoisted, _ = stage(lambda *xs: (fun(*xs), None), [typeof(a) for a in args], rules.name, rules.origin)
    rules, closed = closure_converted(rules, args, jaxpr.out_avals)
    n = len(hoisted)
    program = rearranged(jaxpr, [*range(n), *map(typeof, closed), *range(n, len(jaxpr.in_vars))]) if closed else jaxpr
    return custom_p.bind(*hoisted, *closed, *args, jaxpr=program, rules=rules, hoisted=n)  # type: ignore[no-any-return]


def on_batch(trace: BatchTrace, args: Values, fun: Function, rules: Rules) -> list[Any]:
    """Apply a function to examples of a batch: the function of the whole batch, with the rules of the whole batch."""
    pairs = [trace.lower(a) for a in args]
    front = [at_front(x, d, trace.size, False) for x, d in pairs]
    batched = [d is not None for _, d in pairs]
    whole = lambda *args: run_for_axis(trace.axis_name, in_front, fun, trace.size, args, batched, trace)
    whole_rules = run_for_axis(trace.axis_name, batched_rules, rules, trace.size, batched, trace)
    outs = custom_function_p.bind(*front, fun=whole, rules=whole_rules)
    return [trace.lift(o, 0) for o in outs]


def closed_over_inside(trace: Trace, rules: Rules) -> Trace | None:
    """The innermost of the traces inside of ``trace`` of which a function or its rules close over a value."""
    inside = [t for t in open_traces() if t.level > trace.level and t is not getattr(trace, "tape", None)]
    return next((t for t in reversed(inside) if t in reached_traces(rules)), None) if inside else None


def reached_traces(rules: Rules) -> set[Trace]:
    """The traces of which a function or its rules close over a value, without the batches that they are mapped over."""
    mapped = {batch[0] for batch in rules.batches}
    return {x._trace for x in reachable_tracers((*rules.function, *rules.roots)) if id(x._trace) not in mapped}


def closed_over_trace(outs: Values, trace: Trace) -> Trace | None:
    """The innermost open trace whose values are in results of ``trace`` although it is inside of ``trace``; or None.

        grad(lambda x: np.sum(vmap(lambda y: f(x))(ys)))      where f closes over y

    The one argument of f is a value of ``grad``, which therefore applies f; its result holds y, a value of the inner ``vmap``.
    """
    strange = [t for o in outs for t in misplaced(o, trace) if not t.closed]
    return max(strange, key=lambda t: t.level, default=None)


def misplaced(out: Any, trace: Trace) -> Iterator[Trace]:
    """The traces in a result of ``trace`` that are not further out than the trace of the tracer that holds them."""
    if type(out) is JVPTracer and out._trace is trace and type(out.tangent) is not StageTracer:
        yield from _not_below(out.tangent, trace.level + 2)
    yield from _not_below(out, trace.level + 1)


def _not_below(x: Any, limit: int) -> Iterator[Trace]:
    while isinstance(x, TracerBase):
        if x._trace.level >= limit:
            yield x._trace
        limit = min(limit, x._trace.level)
        x = x.primal if isinstance(x, JVPTracer) else x.examples if isinstance(x, BatchTracer) else None


# --- custom: an equation ----------------------------------------------------------------------------------------------

custom_p = call_like("custom")


@custom_p.def_jvp
@in_users_code
def _custom_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    if rules.fwd is None or not any(type(t) is StageTracer for t in tangents):
        return rules.tangents(partial(eval_jaxpr, jaxpr), primals, tangents, hoisted)
    nonzero = tuple(type(t) is not Zero for t in tangents)
    program, present = tangent_program(jaxpr, rules, hoisted, nonzero)
    given = choose(nonzero, tangents)
    outs = custom_jvp_p.bind(
        *primals, *given, jaxpr=program, primal=jaxpr, rules=rules, hoisted=hoisted, nonzero=nonzero, present=tuple(present)
    )
    n = len(present)
    return outs[:n], spread(present, outs[n:], [a.zero for a in jaxpr.out_avals])


@custom_p.def_linearize
@in_users_code
def _custom_linearize(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    return rules.linearized(partial(eval_jaxpr, jaxpr), primals, tangents, hoisted)


@custom_p.def_batch
def _custom_batch(size: int, args: Values, dims: Dims, *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    program, whole_rules = batched_call(size, tuple(d is not None for d in dims), jaxpr, rules, hoisted)
    outs = custom_p.bind(*move_batch_to_front(args, dims), jaxpr=program, rules=whole_rules, hoisted=hoisted)
    return outs, [0] * len(outs)


def batched_call(size: int, batched: tuple[bool, ...], jaxpr: Jaxpr, rules: Rules, hoisted: int) -> tuple[Jaxpr, Rules]:
    """The program of all examples, whose batch axes are in front, and their rules."""
    key = ("batched rules", rules, size, axis_of_rule(), batched)
    return all_in_front(jaxpr, size, batched), jaxpr.once(key, lambda: batched_rules(rules, size, batched[hoisted:]))


# --- custom_jvp: the program of a JVP, to be linearized by the VJP rule -----------------------------------------------

custom_jvp_p = call_like("custom_jvp")
"""``(*inputs, *their nonzero tangents) -> (*outputs, *their tangents that are present)`` of the program ``primal``."""


def tangent_program(jaxpr: Jaxpr, rules: Rules, hoisted: int, nonzero: tuple[bool, ...]) -> Pruned:
    """The program of the JVP of a call."""

    def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
        primals, given = args[: len(nonzero)], args[len(nonzero) :]
        tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
        outs, tangents_out = rules.tangents(partial(eval_jaxpr, jaxpr), primals, tangents, hoisted)
        own = given[sum(nonzero[: hoisted + rules.n_closed]) :]
        tangents_out = [linear_in_all(symbolic(t), own) for t in tangents_out]
        present = [type(t) is not Zero for t in tangents_out]
        return [*outs, *choose(present, tangents_out)], present

    avals = [*jaxpr.in_avals, *(a.tangent() for a in choose(nonzero, jaxpr.in_avals))]
    return jaxpr.once(("custom jvp", rules, nonzero), lambda: Pruned(*closed_program(outputs, avals)))


def linear_in_all(tangent: Any, given: Values) -> Any:
    """A tangent that is zero by the JVP rule as one that is linear in all that are given, as it may be by the VJP rule."""
    if type(tangent) is not Zero or not given:
        return tangent
    aval: Any = tangent.aval
    return reduce(np.add, [linear_zero(aval, t) for t in given]) if aval.dtype.kind in "fc" else tangent


@custom_jvp_p.def_batch
def _custom_jvp_batch(size: int, args: Values, dims: Dims, *, jaxpr: Jaxpr, primal: Jaxpr, rules: Rules, **params: Any) -> Any:
    front, every = batched_alike(size, args, dims, params["nonzero"])
    n = len(params["nonzero"])
    whole, whole_rules = batched_call(size, tuple(every[:n]), primal, rules, params["hoisted"])
    program = all_in_front(jaxpr, size, every)
    outs = custom_jvp_p.bind(*front, jaxpr=program, primal=whole, rules=whole_rules, **params)
    return outs, [0] * len(outs)


@in_users_code
def _custom_jvp_split(trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """With known primals run the forward half of the VJP rule now, and record its backward half."""
    nonzero, present = params["nonzero"], params["present"]
    n = len(nonzero)
    if not is_linear_from(n, args, linear):
        return split_as_call("custom_jvp", trace, args, linear, params)
    primals = args[:n]
    given = [a if m else typeof(a).zero for a, m in zip(args[n:], linear[n:], strict=True)]
    tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
    fun = partial(eval_jaxpr, params["primal"])
    outs, tangents_out = params["rules"].linearized(fun, primals, tangents, params["hoisted"])
    return [*outs, *map(instantiate, choose(present, tangents_out))]


custom_jvp_p.def_rule("split", _custom_jvp_split)


# --- rules that close over traced values ------------------------------------------------------------------------------
#
# An equation outlives the traces that are open when it is recorded, and is transformed outside of some of them.  A rule that
# uses a traced value from outside is therefore staged when the call becomes an equation: its program takes the value from the
# equation's inputs, as the program of the function does.  A rule that closes over none stays the Python function that it is.
#
# A rule may call the function that it belongs to.  That call, met while the rule is staged, gets the rules that are being made.


class RulePrograms:
    """Rules as programs, of the arguments ``(*closed, *arguments)`` where ``closed`` are the values that they close over."""

    jvp: RuleProgram
    fwd: RuleProgram
    bwd: RuleProgram

    def __init__(self, name: str, avals: Values, out_avals: Values):
        self.name = name
        self.avals = avals
        self.out_avals = out_avals
        self.n_closed = 0

    def run_jvp(self, primals: Values, tangents: Values) -> Any:
        closed, xs = cut(primals, self.n_closed)
        zeros, given = [a.zero for a in self.out_avals], tangents[self.n_closed :]
        outs, tangents_out = self.jvp.run(closed, xs, given, zeros)
        return outs, zeros if all(type(t) is Zero for t in choose(self.jvp.marks, given)) else tangents_out

    def run_fwd(self, primals: Values, perturbed: Sequence[bool]) -> Any:
        closed, xs = cut(primals, self.n_closed)
        outs, residuals = cut(self.fwd.run(closed, xs, [], [])[0], len(self.out_avals))
        return outs, [*residuals, *closed], Backward(self.name, self.run_bwd)

    def run_bwd(self, values: Values, cts: Values) -> list[Any]:
        residuals, closed = cut(values, len(values) - self.n_closed)
        return [*[None] * self.n_closed, *self.bwd.run(closed, residuals, cts, [None] * len(self.avals))[1]]


class Conversion:
    """Rules of a call in the making: ``programs`` of ``rules``, which close over the tracers ``closed``."""

    def __init__(self, rules: Any, avals: Values, out_avals: Values):
        self.rules = rules
        self.programs = RulePrograms(rules.name, avals, out_avals)
        self.closed: list[Any] = []
        self.known = self.recursive = False

    def converted(self) -> tuple[Any, list[Any]]:
        """The new rules, and the values that they take before the arguments.

        Without such values too: what a rule only reads it would read again when the transformation of that has ended.
        """
        p = self.programs
        p.n_closed = len(self.closed)
        jvp, fwd = self.rules.jvp and p.run_jvp, self.rules.fwd and p.run_fwd
        return self.rules.with_rules(jvp, fwd, p.n_closed), self.closed

    def stage_rules(self, capture: bool = False) -> None:
        rules, p = self.rules, self.programs
        if rules.jvp is not None:
            p.jvp = self.stage(rules.jvp, p.avals, p.avals, capture)
        if rules.fwd is None:
            return
        found: list[Backward] = []

        def forwards(args: Values, _: Values) -> tuple[Values, Values]:
            outs, residuals, backward = rules.fwd(args, [a.is_differentiable for a in p.avals])
            found.append(backward)
            return [*outs, *residuals], []

        p.fwd = self.stage(forwards, p.avals, [], capture)
        residual_avals, ct_avals = p.fwd.jaxpr.out_avals[len(p.out_avals) :], [a.strengthened() for a in p.out_avals]
        p.bwd = self.stage(lambda residuals, cts: ([], found[0].run(residuals, cts)), residual_avals, ct_avals, capture)

    def stage(self, rule: Any, known: Values, avals: Values, capture: bool) -> RuleProgram:
        program, hoisted = staged_rule(rule, known, avals, self.rules.name, self.rules.origin, capture)
        return program._replace(numbers=[self.number_of(h) for h in hoisted])

    def number_of(self, tracer: Any) -> int:
        for i, other in enumerate(self.closed):
            if other is tracer:
                return i
        self.closed.append(tracer)
        return len(self.closed) - 1


def _identity(root: Any) -> Any:
    """What tells a rule from others: one that is made anew, of the same code and values, is the same."""
    if isinstance(root, MethodType):
        return root.__func__, id(root.__self__)
    if isinstance(root, FunctionType):
        return root.__code__, *map(id, cell_values(root.__closure__ or ())), *map(id, root.__defaults__ or ())
    return id(root)


def closure_converted(rules: Any, args: Values, out_avals: Values) -> tuple[Any, list[Any]]:
    """The rules of a call, and the traced values that they take before its arguments.

    Rules that reach no traced value are returned as they are; so are those that cannot be staged: they fail where they are
    needed, and only there.
    """
    avals = [typeof(a) for a in args]
    key = (*map(_identity, rules.roots), *(batch[1:] for batch in rules.batches), *avals)
    in_progress: dict[Any, Conversion] = value_of(RULES_IN_WORK, {})
    outer = in_progress.get(key)
    if outer is not None:
        outer.recursive = True
        return outer.converted() if outer.known else (rules, [])
    if next(reachable_tracers(rules.roots), None) is None:
        return rules, []
    conversion = Conversion(rules, avals, out_avals)
    try:
        with mode(RULES_IN_WORK, {**in_progress, key: conversion}):
            conversion.stage_rules()
            if conversion.recursive:
                _stage_recursive(conversion)
    except Exception:
        return rules, []
    return conversion.converted()


def _stage_recursive(conversion: Conversion) -> None:
    """Stage rules that call the function that they belong to: first to see what they close over, then with that known.

    What is done with it is captured, so that it is the same twice.
    """
    conversion.closed = []
    conversion.stage_rules(capture=True)
    conversion.known = True
    conversion.stage_rules(capture=True)
