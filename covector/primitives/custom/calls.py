"""Calls with rules of the user's that are single operations: ``custom_vmap``, ``linear_call``, ``custom_linear``.

``custom_vmap`` and ``linear_call`` have programs, and the rules of these but for the user's.  ``custom_linear`` is the
derivative of a function with a VJP rule, a linear map with both directions given: evaluated forward it is the JVP; its
transpose is the backward half of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from covector.core import errors
from covector.core.avals import ShapedArray, Zero, instantiate, typeof
from covector.core.context import for_axis_of_rule
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.kinds import Linear, Opaque, jointly_in
from covector.core.memory import copies
from covector.core.primitive import Primitive, TracerBase, in_users_code
from covector.interpreters.closures import reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import TANGENT, TANGENTS, marked
from covector.interpreters.jvp import jvp, zeros_seen
from covector.interpreters.programs import choose, cut, spread
from covector.interpreters.stage import LinearTrace, is_written_zero, stage
from covector.primitives.arrays.shaping import Dims, in_type, move_batch_to_front, reduce_sum_p, strengthened
from covector.primitives.programs.call import call_primitive, jit_p
from covector.primitives.programs.stacks import at_front
from covector.primitives.programs.subprograms import all_in_front, batched_in_front, in_front

Values = Sequence[Any]

T = TypeVar("T")


# --- custom_linear: a linear map with both directions given ----------------------------------------------------------


class Backward:
    """The backward half of a VJP rule: ``run(residuals, cotangents)`` gives those of the arguments, None or `Zero` for zero.

    Two of the same ``key`` compute the same.
    """

    __match_args__ = ("name", "run", "key")

    def __init__(self, name: str, run: Callable[[Values, Values], list[Any]], key: Hashable = None):
        self.name = name
        self.run = run
        self.key = key

    def __repr__(self) -> str:
        return f"<backward rule of {self.name}>"


def batched_backward(backward: Backward, size: int, residuals: Sequence[bool], batched: Sequence[bool]) -> Backward:
    """The backward rule of a batch: the cotangent of an argument that all examples share is the sum of theirs."""

    def run(values: Values, cts: Values) -> list[Any]:
        present = [type(ct) is not Zero for ct in cts]
        found: list[list[bool]] = []

        def example(*args: Any) -> list[Any]:
            zeros = [Zero(ct.aval.example(0)) if type(ct) is Zero else None for ct in cts]
            results = backward.run(args[: len(values)], spread(present, args[len(values) :], zeros))
            found.append([r is not None and type(r) is not Zero for r in results])
            return choose(found[0], results)

        outs = in_front(example, size, [*values, *choose(present, cts)], [*residuals, *[True] * sum(present)])
        results = spread(found[0], outs, [None] * len(found[0]))
        return [r if r is None or b else reduce_sum_p.bind(r, axes=(0,)) for r, b in zip(results, batched, strict=True)]

    return Backward(backward.name, for_axis_of_rule(run))


custom_linear_p = Primitive("custom_linear", Opaque(), multiple_results=True, trusted=True)
"""``(*residuals, *primals, *tangents) -> tangents``, linear in the last."""


class LinearRule:
    """Both directions of a linear map: ``forward(primals, tangents)`` and ``transposed(residuals, cotangents)``.

    Two of the same ``key`` compute the same, and are equal.
    """

    __match_args__ = ("name", "forward", "transposed", "key")

    def __init__(
        self,
        name: str,
        forward: Callable[[Values, Values], list[Any]],
        transposed: Callable[[Values, Values], list[Any]],
        key: Hashable = None,
    ):
        self.name = name
        self.forward = forward
        self.transposed = transposed
        self.key = key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, LinearRule) and self.key is not None and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<derivative of {self.name}>"


def _forward(*args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Sequence[Any]) -> list[Any]:
    _, xs, ts = cut(args, residuals, inputs)
    return rule.forward(copies(xs), copies(ts))


custom_linear_p.impl = _forward
custom_linear_p.def_abstract(lambda *avals, rule, residuals, inputs, out_avals: list(out_avals))


@custom_linear_p.def_rule("forward_staged")
def _forward_staged(entry: Any) -> Any:
    """An entry of a linear tape with the map as a program.

    To evaluate the map later runs the user's function again, which may read something else by then.  One that has no
    derivative says so when the map is evaluated, for it may be transposed alone.
    """
    primitive, inputs, params, outputs, source = entry
    rule = params["rule"]
    residuals, xs, ts = cut(inputs, params["residuals"], params["inputs"])
    given = copies(xs)
    try:
        jaxpr, hoisted, _ = stage(lambda *tangents: (rule.forward(given, tangents), None), [t.aval for t in ts], rule.name)
    except errors.CovectorError:
        return entry
    staged = LinearRule(rule.name, lambda values, tangents: eval_jaxpr(jaxpr, *values, *tangents), rule.transposed)
    params = {**params, "rule": staged, "inputs": len(hoisted)}
    return primitive, [*residuals, *hoisted, *ts], params, outputs, source


@custom_linear_p.def_rule("backward_staged")
def _backward_staged(eqn: Equation) -> tuple[Equation, list[Any]]:
    """An equation whose first inputs are the traced values that its backward rule closes over, with that as a program; and
    these values.  A rule that cannot be staged stays: it fails where it is needed."""
    rule, n = eqn.params["rule"], eqn.params["residuals"]
    if next(reachable_tracers([rule.transposed]), None) is None:
        return eqn, []
    known = [x.aval for x in eqn.inputs[:n]]
    try:
        program, hoisted = staged_rule(lambda *given: ([], rule.transposed(*given)), known, eqn.params["out_avals"], rule.name)
    except Exception:
        return eqn, []

    def transposed(values: Values, cts: Values) -> list[Any]:
        closed, residuals = cut(values, len(hoisted))
        return program.run(closed, residuals, cts, [None] * len(program.present))[1]

    params = {**eqn.params, "rule": LinearRule(rule.name, rule.forward, transposed), "residuals": n + len(hoisted)}
    inputs = [*(Var(h.aval) for h in hoisted), *eqn.inputs]
    return Equation(eqn.primitive, inputs, params, eqn.outputs, eqn.source), hoisted


class RuleProgram(NamedTuple):
    """A staged rule.

    Attributes:
        jaxpr: its program, of what it closes over, known values, and the (co)tangents that are marked.
        numbers: which of the values that are closed over are its leading inputs.
        marks: which (co)tangents it takes.
        present: which of those that it returns are not symbolic zeros.
    """

    jaxpr: Jaxpr
    numbers: Sequence[int]
    marks: list[bool]
    present: list[bool]

    def run(self, closed: Values, known: Values, given: Values, otherwise: Values) -> tuple[list[Any], list[Any]]:
        """What the rule returns: the values, and the (co)tangents, for which ``otherwise`` stands where they are zero."""
        args = [*(closed[i] for i in self.numbers), *known, *written_out(choose(self.marks, given))]
        outs = eval_jaxpr(self.jaxpr, *args)
        n = len(outs) - sum(self.present)
        return outs[:n], spread(self.present, outs[n:], otherwise)


def staged_rule(
    rule: Any, known: Values, avals: Values, name: str, origin: Any = None, capture: bool = False
) -> tuple[RuleProgram, list[Any]]:
    """A rule ``(known values, (co)tangents) -> (values, (co)tangents)`` as a program, and the tracers that it closes over."""
    marks = [a.is_differentiable for a in avals]

    def outputs(*args: Any) -> tuple[Values, list[bool]]:
        outs, found = rule(args[: len(known)], spread(marks, args[len(known) :], [a.zero for a in avals]))
        present = [ct is not None and type(ct) is not Zero for ct in found]
        return [*outs, *choose(present, found)], present

    in_avals = [*known, *(a.tangent() for a in choose(marks, avals))]
    jaxpr, hoisted, present = stage(outputs, in_avals, name, origin, capture=capture)
    return RuleProgram(jaxpr, range(len(hoisted)), marks, present), hoisted


custom_linear_p.def_rule(
    "interpret", lambda how, bundles, **params: how.ruled(custom_linear_p, bundles, params, partial(_forward, **params))
)


@custom_linear_p.def_jvp
@in_users_code
def _custom_linear_jvp(primals: Values, tangents: Values, **params: Any) -> Any:
    known = params["residuals"] + params["inputs"]
    if any(type(t) is not Zero for t in tangents[:known]):
        return jvp(lambda *args: _forward(*args, **params), primals, tangents)
    outs = custom_linear_p.bind(*primals, **params)
    return outs, custom_linear_p.bind(*primals[:known], *map(instantiate, tangents[known:]), **params)


def linear_after(*counts: str) -> Callable[..., Any]:
    """Linear in all the arguments after the known ones, whose numbers these parameters give."""
    return jointly_in(lambda count, params: range(sum(params[c] for c in counts), count))


@custom_linear_p.def_transpose(linear=linear_after("residuals", "inputs"))
def _custom_linear_transpose(cts: Values, *args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Values) -> Any:
    results = rule.transposed(args[:residuals], cts)
    return [*[None] * (residuals + inputs), *(None if type(ct) is Zero else ct for ct in results)]


@custom_linear_p.def_batch
def _custom_linear_batch(size: int, args: Values, dims: Dims, *, rule: LinearRule, out_avals: Values, **counts: int) -> Any:
    marks = cut([d is not None for d in dims], counts["residuals"], counts["inputs"])
    front = move_batch_to_front(args, dims)

    def forward(xs: Values, ts: Values) -> list[Any]:
        n = len(xs)
        return in_front(lambda *values: rule.forward(values[:n], values[n:]), size, [*xs, *ts], [*marks[1], *marks[2]])

    transposed = batched_backward(Backward(rule.name, rule.transposed), size, marks[0], marks[2]).run
    batched = LinearRule(rule.name, for_axis_of_rule(forward), transposed)
    avals = tuple(a.batched(size, 0) for a in out_avals)
    return custom_linear_p.bind(*front, rule=batched, out_avals=avals, **counts), [0] * len(avals)


# --- linear_zeros: a zero that counts as linear -----------------------------------------------------------------------

linear_zeros_p = Primitive("linear_zeros", Linear(), trusted=True)
"""Zeros of a shape and dtype, linear in the operand.

A rule adds the tangents that it is given, so one that is zero has to be linear as the others are.  Unlike ``0 * t`` it pulls
nothing back, be the cotangent infinite.  Its tangent is linear in that of the operand too: calls and loops find out by it which
of their outputs are linear.
"""
linear_zeros_p.def_impl(lambda t, *, shape, dtype: ShapedArray(shape, dtype).zeros())
linear_zeros_p.def_abstract(lambda t, *, shape, dtype: ShapedArray(shape, dtype))
linear_zeros_p.def_transpose(lambda ct, t, *, shape, dtype: (None,))
linear_zeros_p.def_rule("zeros", lambda t, *, shape, dtype: ShapedArray(shape, dtype).zeros())


@linear_zeros_p.def_batch
def _linear_zeros_batch(size: int, args: Values, dims: Dims, *, shape: tuple[int, ...], dtype: Any) -> Any:
    """The same for all examples: a batch is of no Python number's type, which a zero tangent may have."""
    return linear_zeros_p.bind(args[0], shape=shape, dtype=dtype), None


def written_out(tangents: Values) -> list[Any]:
    """(Co)tangents with arrays for symbolic zeros.  Next to a traced one they are linear in it, for rules add them up."""
    traced = next((t for t in tangents if isinstance(t, TracerBase)), None)
    return [instantiate(t) if traced is None or type(t) is not Zero else linear_zero(t.aval, traced) for t in tangents]


def linear_zero(aval: Any, traced: Any) -> Any:
    """A zero tangent of this type, linear in one that is traced."""
    if aval.dtype.kind not in "fc":
        return instantiate(Zero(aval))
    return in_type(linear_zeros_p.bind(traced, shape=aval.shape, dtype=aval.dtype), aval)


# --- calls of programs ------------------------------------------------------------------------------------------------


def call_like(name: str) -> Primitive:
    """A primitive with a program ``jaxpr`` that is differentiated and transposed as ``jit`` is; it needs a batching rule."""
    primitive = call_primitive(name)
    for rule in ("jvp", "linearize", "transpose"):
        primitive.def_rule(rule, partial(_as_call, rule, name))
    primitive.linear = jit_p.linear
    primitive.def_rule("split", partial(split_as_call, name))
    primitive.def_rule(
        "interpret",
        lambda how, bundles, **params: how.ruled(primitive, bundles, params, partial(eval_jaxpr, params["jaxpr"])),
    )
    return primitive


def _as_call(rule: str, name: str, /, *args: Any, jaxpr: Jaxpr, **params: Any) -> Any:
    """What a rule of ``jit`` makes of the program of a call."""
    return getattr(jit_p, rule)(*args, jaxpr=jaxpr, name=name)


def split_as_call(name: str, trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Of a call on tangents run what is known now; the user's rules are needed no more."""
    return jit_p.rules["split"](trace, args, linear, {"jaxpr": params["jaxpr"], "name": name})  # type: ignore[no-any-return]


class BatchRule:
    """A batching rule on flat arguments, with batch axes in front: ``run(size, closed, args, batched) -> (outs, batched)``.

    The traced values that it closes over, ``n_closed`` of them, are given to it as they are where it is used.
    """

    __match_args__ = ("name", "run", "n_closed")

    def __init__(
        self,
        name: str,
        run: Callable[[int, Values, Values, Sequence[bool]], tuple[list[Any], list[bool]]],
        n_closed: int = 0,
    ):
        self.name = name
        self.run = run
        self.n_closed = n_closed

    def __repr__(self) -> str:
        return f"<batching rule of {self.name}>"


def with_values(
    f: Callable[..., tuple[list[Any], T]], closed: Values, values: Values, args: Values, name: str
) -> tuple[list[Any], T]:
    """``f(*args)`` with other ``values`` in place of the tracers ``closed`` that ``f`` closes over; what it returns besides."""
    if all(x is y for x, y in zip(closed, values, strict=True)):
        return f(*args)
    jaxpr, hoisted, rest = stage(f, [typeof(x) for x in args], name, capture=True, ended=closed)
    given = {id(x): value for x, value in zip(closed, values, strict=True)}
    return eval_jaxpr(jaxpr, *(given.get(id(h), h) for h in hoisted), *args), rest


custom_vmap_p = call_like("custom_vmap")
"""A program with a batching rule of the user's.

The first arguments are what the program closes over, ``hoisted`` of them, and then what the rule closes over.
"""


@custom_vmap_p.def_batch
def _custom_vmap_batch(size: int, args: Values, dims: Dims, *, jaxpr: Jaxpr, rule: BatchRule, hoisted: int) -> Any:
    front = move_batch_to_front(args, dims)
    batched = [d is not None for d in dims]
    n = hoisted + rule.n_closed
    if any(batched[:n]):
        program, found = batched_in_front(jaxpr, size, batched)
        return jit_p.bind(*front, jaxpr=program, name=rule.name), [0 if m else None for m in found]
    outs, marks = rule.run(size, front[hoisted:n], front[n:], batched[n:])
    return outs, [0 if m else None for m in marks]


@custom_vmap_p.def_jvp
def _custom_vmap_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rule: BatchRule, hoisted: int) -> Any:
    """A function with a batching rule, which is the derivative of the rule."""
    tangents = zeros_seen(tangents)
    nonzero = tuple(type(t) is not Zero for t in tangents)
    interpreted = TANGENTS.program(jaxpr, marked(nonzero, TANGENT))
    program, present = interpreted.jaxpr, [f is not None for f in interpreted.forms]
    given = choose(nonzero, tangents)
    own = hoisted + rule.n_closed
    if any(nonzero[:own]):
        outs = jit_p.bind(*primals, *given, jaxpr=program, name=rule.name)
    else:
        derivative = BatchRule(rule.name, partial(_jvp_of_rule, rule, nonzero[own:], present), rule.n_closed)
        outs = custom_vmap_p.bind(*primals, *given, jaxpr=program, rule=derivative, hoisted=hoisted)
    n = len(present)
    return outs[:n], spread(present, outs[n:], [a.zero for a in jaxpr.out_avals])


def _jvp_of_rule(
    rule: BatchRule,
    nonzero: Sequence[bool],
    present: Sequence[bool],
    size: int,
    closed: Values,
    args: Values,
    batched: Sequence[bool],
) -> tuple[list[Any], list[bool]]:
    n = len(nonzero)
    front, every = batched_alike(size, args, [0 if b else None for b in batched], nonzero)
    marks: list[bool] = []

    def run(*xs: Any) -> list[Any]:
        outs, found = rule.run(size, closed, xs, every[:n])
        marks.extend(found)
        return outs

    tangents = spread(nonzero, front[n:], [typeof(x).zero for x in front[:n]])
    outs, tangents_out = jvp(run, front[:n], tangents)
    return [*outs, *map(instantiate, choose(present, tangents_out))], [*marks, *choose(present, marks)]


def batched_alike(size: int, args: Values, dims: Dims, nonzero: Sequence[bool]) -> tuple[list[Any], list[bool]]:
    """``(*primals, *their nonzero tangents)`` with batch axes in front, and which are batched: a primal as its tangent is."""
    n = len(nonzero)
    tangent_dims = spread(nonzero, dims[n:], [None] * n)
    either = [d is not None or t is not None for d, t in zip(dims[:n], tangent_dims, strict=True)]
    every = [*either, *choose(nonzero, either)]
    return [at_front(a, d, size, w) for a, d, w in zip(args, dims, every, strict=True)], every


def is_linear_from(n: int, args: Values, linear: Sequence[bool]) -> bool:
    """Whether the arguments from the ``n``-th on are linear, or zeros that a rule wrote, and those before are not."""
    return not any(linear[:n]) and all(m or is_written_zero(a) for a, m in zip(args[n:], linear[n:], strict=True))


linear_call_p = call_like("linear_call")
"""``(*residuals, *linear) -> outs``, linear in the second, with a program ``transposed : (*residuals, *cts) -> cts``."""


@linear_call_p.def_jvp
def _linear_call_jvp(primals: Values, tangents: Values, **params: Any) -> Any:
    n = params["residuals"]
    if any(type(t) is not Zero for t in tangents[:n]):
        assert jit_p.jvp is not None
        return jit_p.jvp(primals, tangents, jaxpr=params["jaxpr"], name="linear_call")
    outs = linear_call_p.bind(*primals, **params)
    return outs, linear_call_p.bind(*primals[:n], *map(instantiate, tangents[n:]), **params)


linear_call_p.linearize = linear_call_p.jvp


def _linear_call_split(trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Recorded as it is for known residuals; else its program is what is linear."""
    if not is_linear_from(params["residuals"], args, linear):
        return split_as_call("linear_call", trace, args, linear, params)
    inputs = [a.variable if m else a for a, m in zip(args, linear, strict=True)]
    return trace.record(linear_call_p, inputs, params, params["jaxpr"].out_avals, None)  # type: ignore[no-any-return]


linear_call_p.def_rule("split", _linear_call_split)


@linear_call_p.def_transpose(linear=linear_after("residuals"))
def _linear_call_transpose(cts: Values, *args: Any, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int) -> Any:
    given = [strengthened(instantiate(ct)) for ct in cts]
    params = {"jaxpr": transposed, "transposed": jaxpr, "residuals": residuals}
    return [*[None] * residuals, *linear_call_p.bind(*args[:residuals], *given, **params)]


@linear_call_p.def_batch
def _linear_call_batch(size: int, args: Values, dims: Dims, *, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int) -> Any:
    """All linear operands are batched, so that no cotangent has to be summed over the batch in ``transposed``."""
    batched = [d is not None for d in dims[:residuals]]
    front = [at_front(a, d, size, i >= residuals) for i, (a, d) in enumerate(zip(args, dims, strict=True))]
    whole = lambda p: all_in_front(p, size, (*batched, *[True] * (len(p.in_vars) - residuals)))
    outs = linear_call_p.bind(*front, jaxpr=whole(jaxpr), transposed=whole(transposed), residuals=residuals)
    return outs, [0] * len(outs)
