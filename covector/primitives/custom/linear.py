"""``custom_linear``: the derivative of a function with a VJP rule, a linear map with both directions given.

Evaluated forward it is the JVP; its transpose is the backward half of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from covector.core import errors
from covector.core.avals import ShapedArray, Zero, instantiate
from covector.core.context import for_axis_of_rule
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.kinds import Linear, Opaque
from covector.core.memory import copies
from covector.core.primitive import Primitive, TracerBase, in_users_code
from covector.interpreters.closures import reachable_tracers
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import jvp
from covector.interpreters.programs import choose, cut, spread
from covector.interpreters.stage import stage
from covector.primitives.arrays.shaping import in_type, move_batch_to_front, reduce_sum_p
from covector.primitives.programs.subprograms import in_front

Values = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward half of a VJP rule: ``run(residuals, cotangents)`` gives those of the arguments, None or `Zero` for zero."""

    name: str
    run: Callable[[Values, Values], list[Any]]

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


@dataclass(frozen=True, eq=False)
class LinearRule:
    """Both directions of a linear map: ``forward(primals, tangents)`` and ``transposed(residuals, cotangents)``."""

    name: str
    forward: Callable[[Values, Values], list[Any]]
    transposed: Callable[[Values, Values], list[Any]]

    def __repr__(self) -> str:
        return f"<derivative of {self.name}>"


def _forward(*args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Sequence[Any]) -> list[Any]:
    _, xs, ts = cut(args, residuals, inputs)
    return rule.forward(copies(xs), copies(ts))


custom_linear_p.impl = _forward
custom_linear_p.def_abstract(lambda *avals, rule, residuals, inputs, out_avals: list(out_avals))


def with_forward_staged(entry: Any) -> Any:
    """An entry of a linear tape with the map as a program, where it is one of `custom_linear`.

    To evaluate the map later runs the user's function again, which may read something else by then.  One that has no
    derivative says so when the map is evaluated, for it may be transposed alone.
    """
    primitive, inputs, params, outputs, source = entry
    if primitive is not custom_linear_p:
        return entry
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


def with_backward_staged(jaxpr: Jaxpr, values: Values) -> tuple[Jaxpr, list[Any]]:
    """An opened linear program (see `opened`) whose backward rules are programs where they close over traced values.

    The program may outlive the transformation that they are of, so they become inputs, with the ``values`` of the others.
    Rules that cannot be staged stay: they fail where they are needed.
    """
    inputs: list[Var] = []
    closed: list[Any] = []
    equations = []
    for eqn in jaxpr.equations:
        if eqn.primitive is custom_linear_p and next(reachable_tracers([eqn.params["rule"].transposed]), None) is not None:
            try:
                eqn, hoisted = _backward_staged(eqn)
            except Exception:
                hoisted = []
            inputs += eqn.inputs[: len(hoisted)]
            closed += hoisted
        equations.append(eqn)
    if not closed:
        return jaxpr, list(values)
    marks = [*[False] * len(closed), *(jaxpr.linear or ())]
    return Jaxpr([*inputs, *jaxpr.in_vars], equations, jaxpr.out_vars, jaxpr.consts, marks), [*closed, *values]


def _backward_staged(eqn: Equation) -> tuple[Equation, list[Any]]:
    """An equation of `custom_linear` whose first inputs are the traced values that its backward rule closes over; and these."""
    rule, n = eqn.params["rule"], eqn.params["residuals"]

    def backward(*args: Any) -> tuple[list[Any], list[bool]]:
        results = rule.transposed(args[:n], args[n:])
        present = [ct is not None and type(ct) is not Zero for ct in results]
        return choose(present, results), present

    avals = [*(x.aval for x in eqn.inputs[:n]), *(a.tangent() for a in eqn.params["out_avals"])]
    jaxpr, hoisted, present = stage(backward, avals, rule.name)

    def transposed(values: Values, cts: Values) -> list[Any]:
        return spread(present, eval_jaxpr(jaxpr, *values, *written_out(cts)), [None] * len(present))

    params = {**eqn.params, "rule": LinearRule(rule.name, rule.forward, transposed), "residuals": n + len(hoisted)}
    inputs = [*(Var(h.aval) for h in hoisted), *eqn.inputs]
    return Equation(eqn.primitive, inputs, params, eqn.outputs, eqn.source), hoisted


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


def linear_after(*counts: str) -> Callable[[tuple[bool, ...], dict[str, Any]], bool]:
    """Linear in all the arguments after the known ones, whose numbers these parameters give."""

    def linear(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
        n = sum(params[count] for count in counts)
        return not any(mask[:n]) and all(mask[n:])

    def completed(mask: tuple[bool, ...], zero: tuple[bool, ...], params: dict[str, Any]) -> tuple[bool, ...]:
        n = sum(params[count] for count in counts)
        return tuple(m or (z and i >= n) for i, (m, z) in enumerate(zip(mask, zero, strict=True)))

    linear.completed = completed  # type: ignore[attr-defined]
    return linear


@custom_linear_p.def_transpose(linear=linear_after("residuals", "inputs"))
def _custom_linear_transpose(
    cts: Values, *args: Any, rule: LinearRule, residuals: int, inputs: int, out_avals: Sequence[Any]
) -> Any:
    results = rule.transposed(args[:residuals], cts)
    return [*[None] * (residuals + inputs), *(None if type(ct) is Zero else ct for ct in results)]


@custom_linear_p.def_batch
def _custom_linear_batch(
    size: int,
    args: Values,
    dims: Sequence[int | None],
    *,
    rule: LinearRule,
    residuals: int,
    inputs: int,
    out_avals: Sequence[Any],
) -> Any:
    marks = cut([d is not None for d in dims], residuals, inputs)
    front = move_batch_to_front(args, dims)

    def forward(xs: Values, ts: Values) -> list[Any]:
        n = len(xs)
        return in_front(lambda *values: rule.forward(values[:n], values[n:]), size, [*xs, *ts], [*marks[1], *marks[2]])

    transposed = batched_backward(Backward(rule.name, rule.transposed), size, marks[0], marks[2]).run
    batched = LinearRule(rule.name, for_axis_of_rule(forward), transposed)
    avals = tuple(a.batched(size, 0) for a in out_avals)
    params = {"residuals": residuals, "inputs": inputs, "out_avals": avals}
    return custom_linear_p.bind(*front, rule=batched, **params), [0] * len(avals)


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


@linear_zeros_p.def_batch
def _linear_zeros_batch(size: int, args: Values, dims: Sequence[int | None], *, shape: tuple[int, ...], dtype: Any) -> Any:
    """The same for all examples: a batch is of no Python number's type, which a zero tangent may have."""
    return linear_zeros_p.bind(args[0], shape=shape, dtype=dtype), None


def written_out(tangents: Values) -> list[Any]:
    """(Co)tangents with arrays for symbolic zeros.  Next to a traced one they are linear in it, for rules add them up."""
    traced = next((t for t in tangents if isinstance(t, TracerBase)), None)
    return [instantiate(t) if traced is None or type(t) is not Zero else _linear_zero(t.aval, traced) for t in tangents]


def _linear_zero(aval: Any, traced: Any) -> Any:
    if aval.dtype.kind not in "fc":
        return instantiate(Zero(aval))
    return in_type(linear_zeros_p.bind(traced, shape=aval.shape, dtype=aval.dtype), aval)
