"""``checkpoint``: a call that keeps its arguments instead of its residuals, and computes them again when they are needed.

The derivative of the call is one linear operation, the same primitive with the program of the tangents, which takes the
primals too.  Its transpose runs that program: what depends on the primals alone is computed (again), the rest is transposed.
Nothing takes the operation apart before that, so between the forward and the backward pass only its arguments are alive, and
those values in the program that the *policy* lets be saved.  Effects do not happen again: their results are saved.

A program that is computed again may be another one than the first: ``again`` means the same as ``jaxpr``, and is the one that
is differentiated.  That is how a loop keeps states in the middle only when it is reversed (`covector.lax.checkpointing`).

``name`` gives a value a name for such policies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from covector.core.avals import Zero, typeof
from covector.core.jaxpr import Jaxpr, Var, program_has_effects
from covector.core.kinds import Structural
from covector.core.linearity import linear_as_called
from covector.core.primitive import Primitive
from covector.interpreters.interpret import Bundle, Interpretation, arguments, present_tangents
from covector.interpreters.jvp import JVPTracer, jvp
from covector.interpreters.linearize import split_known, with_zeros
from covector.interpreters.programs import choose, rearranged, spread, transposed_program
from covector.interpreters.stage import LinearTrace, closed_program
from covector.passes.clean import clean, quiet_equation, without_effects
from covector.primitives.programs.call import call_primitive, varying_of
from covector.primitives.programs.halves import def_transposed, written
from covector.primitives.programs.saved_steps import Steps, giving_out, giving_out_only, run_with

Policy = Callable[..., bool]
"""``policy(primitive, *avals, **params)``: may the results of such an equation be saved?"""

checkpoint_p = call_primitive("checkpoint")


def _programs(jaxpr: Jaxpr, params: dict[str, Any]) -> list[Jaxpr]:
    """The program of a call, and the one that is computed again if that is another."""
    return [jaxpr] if params.get("again") is None else [jaxpr, params["again"]]


def _bind(args: Sequence[Any], programs: Sequence[Jaxpr], params: dict[str, Any]) -> list[Any]:
    """A call of other programs in place of those in `_programs`."""
    return checkpoint_p.bind(*args, **{**params, **dict(zip(("jaxpr", "again"), programs, strict=False))})  # type: ignore[no-any-return]


@checkpoint_p.def_rule("interpret")
def _interpret(how: Interpretation, bundles: Sequence[Bundle], *, jaxpr: Jaxpr, **params: Any) -> list[Bundle]:
    given = [*map(how.aligned, bundles)]
    forms = [b.form for b in given]
    programs = [how.program(p, forms, ()) for p in _programs(jaxpr, params)]
    if how.keeps_value:  # an output is plain that either of two equal programs shows to be plain
        plain = [None in found for found in zip(*(p.forms for p in programs), strict=True)]
        programs = [p.with_plain(plain) for p in programs]
    else:
        programs = how.choices(_programs(jaxpr, params), forms)
    return how.results(programs[0], _bind(arguments(given), [p.jaxpr for p in programs], params))


@checkpoint_p.def_linearize
def _linearize(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    nonzero = tuple(type(t) is not Zero for t in tangents)
    first, *again = _programs(jaxpr, params)
    plan = saving_plan(without_effects(again[0]) if again else first, nonzero, params["policy"])
    outs = _bind(primals, [first, *again] if again else [plan.primal], params)
    n = len(jaxpr.out_vars)
    zeros = [typeof(o).zero for o in outs[:n]]
    if not any(plan.present):
        return outs[:n], zeros
    given = [t for t in tangents if type(t) is not Zero]
    known = [*outs[n:], *choose(plan.used, primals)]
    results = checkpoint_p.bind(*known, *given, jaxpr=plan.tangent, policy=params["policy"], name=params["name"])
    return outs[:n], spread(plan.present, results, zeros)


class SavingPlan(NamedTuple):
    """The two programs of a linearized call.

    Attributes:
        primal: ``inputs -> (*outputs, *saved)``.
        tangent: ``(*saved, *inputs that are used, *tangents) -> tangents of the outputs``.
        used: which inputs these are.
        present: which outputs have a tangent.
    """

    primal: Jaxpr
    tangent: Jaxpr
    used: list[bool]
    present: list[bool]


def saving_plan(jaxpr: Jaxpr, nonzero: tuple[bool, ...], policy: Policy) -> SavingPlan:
    """What a call saves under a policy; cached on the program."""
    return jaxpr.once(("saving plan", nonzero, policy), lambda: _saving_plan(clean(jaxpr), nonzero, policy))


def _saving_plan(jaxpr: Jaxpr, nonzero: tuple[bool, ...], policy: Policy) -> SavingPlan:
    may_save = lambda e: policy(e.primitive, *(x.aval for x in e.inputs), **e.params)
    jaxpr, loops = giving_out(jaxpr, may_save)
    saveable = [e for e in jaxpr.equations if e.primitive.effect or may_save(e)]
    candidates = [*(v for e in saveable for v in e.outputs), *(v for steps in loops.values() for v in steps.stacks)]
    candidates = list(dict.fromkeys(candidates))
    tangent, present = _tangent_program(jaxpr, nonzero, candidates, loops)
    needed = {x for e in tangent.equations for x in e.inputs} | set(tangent.out_vars)
    used = [v in needed for v in tangent.in_vars[: len(candidates) + len(nonzero)]]
    saved = choose(used[: len(candidates)], candidates)
    n = len(used)
    in_vars = [*choose(used, tangent.in_vars[:n]), *tangent.in_vars[n:]]
    tangent = Jaxpr(in_vars, tangent.equations, tangent.out_vars, tangent.consts)
    jaxpr = giving_out_only(jaxpr, loops, set(saved))
    primal = Jaxpr(jaxpr.in_vars, jaxpr.equations, [*jaxpr.out_vars, *saved], jaxpr.consts)
    return SavingPlan(primal, tangent, used[len(candidates) :], present)


def _tangent_program(
    jaxpr: Jaxpr, nonzero: tuple[bool, ...], saved: list[Var], loops: dict[Var, Steps]
) -> tuple[Jaxpr, list[bool]]:
    """``(*saved, *inputs, *tangents) -> tangents``, in which the values of saved variables are taken from the inputs."""
    equations = [e if e.primitive.effect else quiet_equation(e) for e in jaxpr.equations]
    quiet = Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts)

    def tangents_of(*args: Any) -> tuple[list[Any], list[bool]]:
        values = dict(zip(saved, args, strict=False))
        primals = args[len(saved) : len(saved) + len(nonzero)]
        given = args[len(saved) + len(nonzero) :]
        tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
        run = lambda *xs: run_with(quiet, xs, loops, values, _with_primal)
        _, tangents_out = jvp(run, primals, tangents, of_program=True)
        present = [type(t) is not Zero for t in tangents_out]
        return choose(present, tangents_out), present

    avals = [*(v.aval for v in saved), *jaxpr.in_avals, *(a.tangent() for a in choose(nonzero, jaxpr.in_avals))]
    program, present = closed_program(tangents_of, avals)
    return clean(program), present


def _with_primal(x: Any, primal: Any) -> Any:
    """A value with what was saved of it in place of what was computed."""
    return JVPTracer(x._trace, primal, x.tangent) if type(x) is JVPTracer else primal


def _checkpoint_split(trace: LinearTrace, args: Sequence[Any], linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Of a call with known and linear arguments run what gives known outputs now, and record the rest whole."""
    jaxpr = _programs(params["jaxpr"], params)[-1]
    mask = tuple(linear)
    present = present_tangents(jaxpr, mask)
    outs: list[Any] = []
    if not all(present) or program_has_effects(jaxpr):
        parts = split_known(jaxpr, mask, tuple(present))
        known = jaxpr.once(("known outputs", mask), lambda: _known_outputs(parts.primal, len(parts.vanishing)))
        arguments = [a for a, m in zip(args, mask, strict=True) if not m]
        outs = checkpoint_p.bind(*arguments, jaxpr=known, policy=params["policy"], name=params["name"])
        outs = with_zeros(outs, parts.vanishing)
        jaxpr = rearranged(jaxpr, range(len(mask)), choose(present, range(len(present))))
    inputs = [a.variable if m else a for a, m in zip(args, mask, strict=True)]
    kept = {"jaxpr": without_effects(jaxpr), "policy": params["policy"], "name": params["name"]}
    recorded = trace.record(checkpoint_p, inputs, kept, jaxpr.out_avals, None)
    return spread(present, recorded, spread([not p for p in present], outs, present))


checkpoint_p.def_rule("split", _checkpoint_split)


def _known_outputs(primal: Jaxpr, count: int) -> Jaxpr:
    """The program of the outputs that need no linear input."""
    return Jaxpr(primal.in_vars, primal.equations, primal.out_vars[:count], primal.consts)


@def_transposed(checkpoint_p, linear_as_called)
def _transposed(linear: Any, nonzero: Any, known: list[Any], cts: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    jaxpr = _programs(jaxpr, params)[-1]
    given = written(nonzero, cts)
    program, present = transposed_program(jaxpr, linear, nonzero, varying=varying_of(given))
    return checkpoint_p.bind(*known, *given, jaxpr=program, policy=params["policy"], name=params["name"]), present


# --- name -------------------------------------------------------------------------------------------------------------

name_p = Primitive("name", Structural(lambda x, *, name: x, lambda ct, x, *, name: ct), trusted=True)
"""The identity; its parameter ``name`` is what policies know the value by."""
name_p.def_abstract(lambda x, *, name: x)
name_p.def_batch(lambda size, args, dims, *, name: (name_p.bind(args[0], name=name), dims[0]))


@name_p.def_jvp
def _name_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, name: str) -> Any:
    """Only the value has the name, not its tangent."""
    return name_p.bind(primals[0], name=name), tangents[0]
