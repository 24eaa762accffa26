"""Calls of functions with derivative rules of their own: ``custom_function``, ``custom``, ``custom_jvp``.

``custom_function`` applies a Python function.  Differentiated, it calls a rule on the values as they are, so nothing is staged
and a function or a rule may do with known values what Python can.  Where it meets a trace that stages, it becomes ``custom``,
an equation with the program of the function.

The JVP of either is the user's JVP rule, or without one the derivative of the function; when tangents are staged and there is
a VJP rule, the forward half of that rule runs, and `custom_linear` is recorded: evaluated forward it is the JVP, and its
transpose is the backward half.  ``custom_jvp`` is the program of a JVP that may be transposed later, which a checkpointed call
keeps: with known primals it becomes what linearization would have made.

A program may close over tracers of outer transformations: these are its first inputs, ``hoisted`` of them, and the rules know
nothing of them.  Rules may too: then they are programs that take these values as further arguments (`custom_closures`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

from covector.core import errors
from covector.core.avals import Zero, instantiate, typeof
from covector.core.context import axis_of_rule, for_axis_of_rule, open_traces, run_for_axis
from covector.core.jaxpr import Jaxpr
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive, Trace, TracerBase, in_users_code, trace_among
from covector.core.source import Source
from covector.interpreters.batch import BatchTrace, BatchTracer, batch
from covector.interpreters.closures import reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import JVPTracer, jvp
from covector.interpreters.programs import Pruned, choose, rearranged, spread, staged_program
from covector.interpreters.stage import LinearTrace, StageTrace, StageTracer, is_written_zero, stage
from covector.primitives.arrays.shaping import in_type, move_batch_to_front, strengthened
from covector.primitives.custom.calls import call_like, split_as_call
from covector.primitives.custom.closures import closure_converted
from covector.primitives.custom.linear import (
    Backward,
    LinearRule,
    batched_backward,
    custom_linear_p,
    written_out,
)
from covector.primitives.programs.subprograms import at_front, batched_in_front

Values = Sequence[Any]
Function = Callable[..., list[Any]]


@dataclass(frozen=True, eq=False)
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
    """

    name: str
    jvp: Callable[[Values, Values], tuple[list[Any], list[Any]]] | None
    fwd: Callable[[Values, Sequence[bool]], tuple[list[Any], list[Any], Backward]] | None
    symbolic_zeros: bool = False
    origin: Source | None = None
    function: tuple[Any, ...] = ()
    roots: tuple[Any, ...] = ()
    batches: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"<rules of {self.name}>"

    def tangents(self, f: Function, primals: Values, tangents: Values, hoisted: int = 0) -> Any:
        """The outputs of ``f`` and their tangents: by the JVP rule, or without one by ``f`` itself."""
        if self.jvp is None:
            return jvp(f, primals, tangents)
        check_hoisted(tangents[:hoisted], self.name, "jvp")
        return self.jvp(primals[hoisted:], tangents[hoisted:] if self.symbolic_zeros else written_out(tangents[hoisted:]))

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
            _, tangents_out = self.tangents(f, xs, given, hoisted)
            return [strengthened(instantiate(t)) for t in choose(places, tangents_out)]

        def transposed(values: Values, cts: Values) -> list[Any]:
            every = spread(places, cts, [a.zero for a in avals])
            return choose(nonzero[hoisted:], backward.run(values, every))

        results = custom_linear_p.bind(
            *residuals,
            *primals,
            *map(strengthened, choose(nonzero, tangents)),
            rule=LinearRule(self.name, forward, transposed),
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
                errors.describe(
                    f"{name} closes over a value of type {typeof(t)} that is being differentiated.",
                    why=f"its {kind} rule gives derivatives for the arguments of {name} alone, and for none in nondiff_argnums",
                    fix=f"pass the value to {name} as an argument, or use covector.closure_convert",
                )
            )


# --- the rules of a batch ---------------------------------------------------------------------------------------------


def mapped(
    f: Callable[..., Values], size: int, args: Values, batched: Sequence[bool], trace: BatchTrace | None = None
) -> tuple[list[Any], list[bool]]:
    """The outputs of ``f`` for a batch, with batch axes in front, and which of them are batched.

    While the ``trace`` that asked is open, and inside of those of the arguments, it is the one that ``f`` is run on, so that
    what ``f`` closes over is its own.  One that may lose examples on the way (`SplitTrace`) is not.
    """
    dims = [0 if b else None for b in batched]
    if isinstance(trace, BatchTrace) and trace.whole and not trace.closed and all(_outside(a, trace) for a in args):
        pairs = [trace.lower(o) for o in f(*map(trace.lift, args, dims))]
        outs, out_dims = [o for o, _ in pairs], [d for _, d in pairs]
    else:
        outs, out_dims = batch(f, size, args, dims, axis_name=axis_of_rule())
    front = [at_front(o, d, size, False) for o, d in zip(outs, out_dims, strict=True)]
    return front, [d is not None for d in out_dims]


def _outside(x: Any, trace: BatchTrace) -> bool:
    return not isinstance(x, TracerBase) or x._trace.level < trace.level


def all_mapped(
    f: Callable[..., Values], size: int, args: Values, batched: Sequence[bool], trace: BatchTrace | None = None
) -> list[Any]:
    """The same with all outputs batched."""
    outs, found = mapped(f, size, args, batched, trace)
    return [at_front(o, 0 if m else None, size, True) for o, m in zip(outs, found, strict=True)]


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
        outs = all_mapped(example, size, [*primals, *choose(present, tangents)], marks, trace)
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
    return Rules(rules.name, jvp_of_batch, fwd_of_batch, True, rules.origin, rules.function, rules.roots, batches)


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
            if rules.fwd is not None and trace in reached_traces(rules):
                return as_equation(args, fun, rules)
            return on_batch(trace, args, fun, rules)
        inner = closed_over_inside(trace, rules)
        if inner is not None:
            return on_batch(inner, args, fun, rules) if _runs_mapped(inner, rules) else as_equation(args, fun, rules)
        outs: list[Any] = [of_first_order(o) for o in trace.process(self, args, {"fun": fun, "rules": rules})]
        inner = closed_over_trace(outs, trace)
        if inner is None:
            return outs
        return on_batch(inner, args, fun, rules) if _runs_mapped(inner, rules) else as_equation(args, fun, rules)


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
    whole = partial(run_for_axis, trace.axis_name, _whole_batch, fun, batched, trace)
    whole_rules = run_for_axis(trace.axis_name, batched_rules, rules, trace.size, batched, trace)
    outs = custom_function_p.bind(*front, fun=whole, rules=whole_rules)
    return [trace.lift(o, 0) for o in outs]


def _whole_batch(fun: Function, batched: Sequence[bool], trace: BatchTrace, *args: Any) -> list[Any]:
    return all_mapped(fun, trace.size, args, batched, trace)


def _runs_mapped(trace: Trace, rules: Rules) -> TypeGuard[BatchTrace]:
    """Whether a function and its rules may run as they are for a batch: none runs after the batch has ended."""
    return isinstance(trace, BatchTrace) and rules.fwd is None


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
        x = x.primal if isinstance(x, JVPTracer) else x.value if isinstance(x, BatchTracer) else None


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
def _custom_batch(size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, rules: Rules, hoisted: int) -> Any:
    front, program, whole_rules = batched_call(size, args, dims, jaxpr, rules, hoisted)
    return custom_p.bind(*front, jaxpr=program, rules=whole_rules, hoisted=hoisted), [0] * len(jaxpr.out_vars)


def batched_call(
    size: int, args: Values, dims: Sequence[int | None], jaxpr: Jaxpr, rules: Rules, hoisted: int
) -> tuple[list[Any], Jaxpr, Rules]:
    """The arguments with batch axes in front, the program of all examples, and their rules."""
    batched = tuple(d is not None for d in dims)
    front = move_batch_to_front(args, dims)
    program, _ = batched_in_front(jaxpr, size, batched, (True,) * len(jaxpr.out_vars))
    whole_rules = jaxpr.once(
        ("batched rules", rules, size, axis_of_rule(), batched), lambda: batched_rules(rules, size, batched[hoisted:])
    )
    return front, program, whole_rules


# --- custom_jvp: the program of a JVP, to be linearized by the VJP rule -----------------------------------------------

custom_jvp_p = call_like("custom_jvp")
"""``(*inputs, *their nonzero tangents) -> (*outputs, *their tangents that are present)`` of the program ``primal``."""


def tangent_program(jaxpr: Jaxpr, rules: Rules, hoisted: int, nonzero: tuple[bool, ...]) -> Pruned:
    """The program of the JVP of a call."""

    def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
        primals, given = args[: len(nonzero)], args[len(nonzero) :]
        tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
        outs, tangents_out = rules.tangents(partial(eval_jaxpr, jaxpr), primals, tangents, hoisted)
        present = [type(t) is not Zero for t in tangents_out]
        return [*outs, *choose(present, tangents_out)], present

    avals = [*jaxpr.in_avals, *(a.tangent() for a in choose(nonzero, jaxpr.in_avals))]
    return jaxpr.once(("custom jvp", rules, nonzero), lambda: staged_program(outputs, avals))


@custom_jvp_p.def_batch
def _custom_jvp_batch(
    size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, primal: Jaxpr, rules: Rules, **params: Any
) -> Any:
    """A primal of which only the tangent is batched, or the other way round, is repeated: rules mark both alike."""
    nonzero, hoisted = params["nonzero"], params["hoisted"]
    n = len(nonzero)
    tangent_dims = spread(nonzero, dims[n:], [None] * n)
    batched = [d is not None or t is not None for d, t in zip(dims[:n], tangent_dims, strict=True)]
    every = [*batched, *choose(nonzero, batched)]
    front = [at_front(a, d, size, w) for a, d, w in zip(args, dims, every, strict=True)]
    axes = [0 if b else None for b in batched]
    _, whole, whole_rules = batched_call(size, front[:n], axes, primal, rules, hoisted)
    program, _ = batched_in_front(jaxpr, size, tuple(every), (True,) * len(jaxpr.out_vars))
    outs = custom_jvp_p.bind(*front, jaxpr=program, primal=whole, rules=whole_rules, **params)
    return outs, [0] * len(outs)


@in_users_code
def _custom_jvp_split(trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """With known primals run the forward half of the VJP rule now, and record its backward half."""
    nonzero, present = params["nonzero"], params["present"]
    n = len(nonzero)
    if any(linear[:n]) or not all(m or is_written_zero(a) for a, m in zip(args[n:], linear[n:], strict=True)):
        return split_as_call("custom_jvp", trace, args, linear, params)
    primals = args[:n]
    given = [a if m else typeof(a).zero for a, m in zip(args[n:], linear[n:], strict=True)]
    tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
    fun = partial(eval_jaxpr, params["primal"])
    outs, tangents_out = params["rules"].linearized(fun, primals, tangents, params["hoisted"])
    return [*outs, *map(instantiate, choose(present, tangents_out))]


custom_jvp_p.def_rule("split", _custom_jvp_split)
