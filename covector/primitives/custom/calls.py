"""Calls whose rules are those of their program, but for one of the user's: ``custom_vmap`` and ``linear_call``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from covector.core.avals import Zero, instantiate, typeof
from covector.core.jaxpr import Jaxpr
from covector.core.linearity import linear_as_called, linear_by_marks
from covector.core.primitive import Primitive
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.interpret import TANGENT, TANGENTS, marked
from covector.interpreters.jvp import jvp
from covector.interpreters.programs import choose, spread
from covector.interpreters.stage import LinearTrace, is_written_zero, stage
from covector.primitives.arrays.shaping import move_batch_to_front, strengthened
from covector.primitives.custom.linear import linear_after
from covector.primitives.programs.call import call_primitive, jit_p
from covector.primitives.programs.subprograms import at_front, batched_in_front

Values = Sequence[Any]

T = TypeVar("T")


def call_like(name: str) -> Primitive:
    """A primitive with a program ``jaxpr`` that is differentiated and transposed as ``jit`` is; it needs a batching rule."""
    primitive = call_primitive(name)
    call: Any = jit_p  # its rules, which are all there
    primitive.def_jvp(lambda ps, ts, *, jaxpr, **params: call.jvp(ps, ts, jaxpr=jaxpr, name=name))
    primitive.def_linearize(lambda ps, ts, *, jaxpr, **params: call.linearize(ps, ts, jaxpr=jaxpr, name=name))
    primitive.def_transpose(
        lambda cts, *args, jaxpr, **params: call.transpose(cts, *args, jaxpr=jaxpr, name=name),
        linear=linear_by_marks(linear_as_called),
    )
    primitive.def_rule("split", partial(split_as_call, name))
    primitive.def_rule(
        "interpret",
        lambda how, bundles, **params: how.ruled(primitive, bundles, params, partial(eval_jaxpr, params["jaxpr"])),
    )
    return primitive


def split_as_call(name: str, trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Of a call on tangents run what is known now; the user's rules are needed no more."""
    return jit_p.rules["split"](trace, args, linear, {"jaxpr": params["jaxpr"], "name": name})  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class BatchRule:
    """A batching rule on flat arguments, with batch axes in front: ``run(size, closed, args, batched) -> (outs, batched)``.

    The traced values that it closes over, ``n_closed`` of them, are given to it as they are where it is used.
    """

    name: str
    run: Callable[[int, Values, Values, Sequence[bool]], tuple[list[Any], list[bool]]]
    n_closed: int = 0

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
def _custom_vmap_batch(
    size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, rule: BatchRule, hoisted: int
) -> Any:
    front = move_batch_to_front(args, dims)
    batched = [d is not None for d in dims]
    n = hoisted + rule.n_closed
    if any(batched[:n]):
        program, found = batched_in_front(jaxpr, size, tuple(batched))
        return jit_p.bind(*front, jaxpr=program, name=rule.name), [0 if m else None for m in found]
    outs, marks = rule.run(size, front[hoisted:n], front[n:], batched[n:])
    return outs, [0 if m else None for m in marks]


@custom_vmap_p.def_jvp
def _custom_vmap_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, rule: BatchRule, hoisted: int) -> Any:
    """A function with a batching rule, which is the derivative of the rule."""
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
    tangent_batched = spread(nonzero, batched[n:], [False] * n)
    either = [b or t for b, t in zip(batched[:n], tangent_batched, strict=True)]
    front = [
        at_front(x, 0 if b else None, size, w)
        for x, b, w in zip(args, batched, [*either, *choose(nonzero, either)], strict=True)
    ]
    marks: list[bool] = []

    def run(*xs: Any) -> list[Any]:
        outs, found = rule.run(size, closed, xs, either)
        marks.extend(found)
        return outs

    tangents = spread(nonzero, front[n:], [typeof(x).zero for x in front[:n]])
    outs, tangents_out = jvp(run, front[:n], tangents)
    return [*outs, *map(instantiate, choose(present, tangents_out))], [*marks, *choose(present, marks)]


linear_call_p = call_like("linear_call")
"""``(*residuals, *linear) -> outs``, linear in the second, with a program ``transposed : (*residuals, *cts) -> cts``."""


@linear_call_p.def_jvp
def _linear_call_jvp(primals: Values, tangents: Values, *, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int) -> Any:
    params = {"jaxpr": jaxpr, "transposed": transposed, "residuals": residuals}
    outs = linear_call_p.bind(*primals, **params)
    if any(type(t) is not Zero for t in tangents[:residuals]):
        assert jit_p.jvp is not None
        return jit_p.jvp(primals, tangents, jaxpr=jaxpr, name="linear_call")
    if all(type(t) is Zero for t in tangents):
        return outs, [typeof(o).zero for o in outs]
    return outs, linear_call_p.bind(*primals[:residuals], *map(instantiate, tangents[residuals:]), **params)


linear_call_p.linearize = linear_call_p.jvp


def _linear_call_split(trace: LinearTrace, args: Values, linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Recorded as it is for known residuals; else its program is what is linear."""
    n = params["residuals"]
    operands = [m or is_written_zero(a) for a, m in zip(args[n:], linear[n:], strict=True)]
    if any(linear[:n]) or not all(operands):
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
def _linear_call_batch(
    size: int, args: Values, dims: Sequence[int | None], *, jaxpr: Jaxpr, transposed: Jaxpr, residuals: int
) -> Any:
    """All linear operands are batched, so that no cotangent has to be summed over the batch in ``transposed``."""
    batched = [d is not None for d in dims[:residuals]]
    front = [at_front(a, d, size, i >= residuals) for i, (a, d) in enumerate(zip(args, dims, strict=True))]
    programs = []
    for program in (jaxpr, transposed):
        marks = (*batched, *[True] * (len(program.in_vars) - residuals))
        programs.append(batched_in_front(program, size, marks, (True,) * len(program.out_vars))[0])
    outs = linear_call_p.bind(*front, jaxpr=programs[0], transposed=programs[1], residuals=residuals)
    return outs, [0] * len(outs)
