"""What a checkpointed call saves of the steps of its loops: the values in them that the policy lets be saved.

A `scan` in the program of the call gives these values out, stacked.  When the loop is run again it takes them back, an item for
each step, in place of what it would compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Var, program_has_effects
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive
from covector.interpreters.evaluate import run_equations
from covector.interpreters.programs import staged
from covector.passes.clean import clean
from covector.primitives.programs.scan import scan_p
from covector.primitives.programs.stacks import stacked_aval

replace_p = Primitive("replace", Opaque(), trusted=True)
"""A value with what was saved of it in place of what was computed; the tangent is that of what was computed."""
replace_p.def_impl(lambda computed, saved: saved)
replace_p.def_abstract(lambda computed, saved: saved)
replace_p.def_jvp(lambda primals, tangents: (primals[1], tangents[0]))
replace_p.def_batch(lambda size, args, dims: (args[1], dims[1]))


class Steps(NamedTuple):
    """A loop that gives out values of its steps.

    Attributes:
        body: the program of a step, with the loops in it doing the same.
        nested: these loops, by their last output.
        values: the variables of a step that are given out.
        stacks: the variables that hold them after the loop, its last outputs.
    """

    body: Jaxpr
    nested: dict[Var, Steps]
    values: list[Var]
    stacks: list[Var]

    def run_again(self, params: dict[str, Any], inputs: Sequence[Any], stacks: Sequence[Any]) -> list[Any]:
        """The outputs of the loop without the stacks, which are given."""
        outs = scan_p.bind(*inputs, *stacks, **{**params, "jaxpr": self._taking_values()})
        return [*outs, *stacks]

    def _taking_values(self) -> Jaxpr:
        """The program of a step that takes its values as further inputs."""
        n = len(self.body.in_vars)

        def step(*args: Any) -> list[Any]:
            return run_with(self.body, args[:n], self.nested, dict(zip(self.values, args[n:], strict=True)), replace_p.bind)

        return staged(step, [*self.body.in_avals, *(v.aval for v in self.values)])


def run_with(
    jaxpr: Jaxpr, args: Sequence[Any], loops: dict[Var, Steps], saved: dict[Var, Any], replaced: Callable[[Any, Any], Any]
) -> list[Any]:
    """Run a program again, in which ``replaced(computed, saved)`` stands for what is saved; effects have happened already."""

    def value(computed: Any, var: Var) -> Any:
        return computed if saved.get(var, computed) is computed else replaced(computed, saved[var])

    def apply(eqn: Equation, inputs: list[Any]) -> Any:
        if eqn.primitive.effect:
            return [saved[v] for v in eqn.outputs]
        steps = loops.get(eqn.outputs[-1]) if eqn.outputs else None
        if steps is not None:
            return steps.run_again(eqn.params, inputs, [saved[v] for v in steps.stacks])
        outs = eqn.primitive.bind(*inputs, **eqn.params)
        return [*map(value, outs, eqn.outputs)] if eqn.primitive.multiple_results else value(outs, eqn.outputs[0])

    return run_equations(jaxpr, args, apply)


def giving_out(jaxpr: Jaxpr, may_save: Callable[[Equation], bool]) -> tuple[Jaxpr, dict[Var, Steps]]:
    """The program with its loops giving out what may be saved of their steps, and these loops by their last output."""
    found: dict[Var, Steps] = {}

    def changed(eqn: Equation) -> Equation:
        length = eqn.params.get("length")
        if eqn.primitive is not scan_p or length is None or program_has_effects(eqn.params["jaxpr"]):
            return eqn
        body, nested = giving_out(clean(eqn.params["jaxpr"]), may_save)
        values = [v for e in body.equations if may_save(e) for v in e.outputs if isinstance(v.aval, ShapedArray)]
        values = list(dict.fromkeys([*values, *(v for steps in nested.values() for v in steps.stacks)]))
        if not values:
            return eqn
        stacks = [Var(stacked_aval(v.aval, length)) for v in values]
        found[stacks[-1]] = Steps(body, nested, values, stacks)
        return Equation(scan_p, eqn.inputs, _with_values(eqn, body, values), [*eqn.outputs, *stacks], eqn.source)

    equations = [changed(e) for e in jaxpr.equations]
    return (Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts), found) if found else (jaxpr, {})


def _with_values(eqn: Equation, body: Jaxpr, values: Sequence[Var]) -> dict[str, Any]:
    return {**eqn.params, "jaxpr": Jaxpr(body.in_vars, body.equations, [*body.out_vars, *values], body.consts)}


def giving_out_only(jaxpr: Jaxpr, loops: dict[Var, Steps], needed: set[Var]) -> Jaxpr:
    """The program with its loops giving out only those stacks that are needed."""

    def changed(eqn: Equation) -> Equation:
        steps = loops.get(eqn.outputs[-1]) if eqn.outputs else None
        if steps is None:
            return eqn
        kept = [(v, s) for v, s in zip(steps.values, steps.stacks, strict=True) if s in needed]
        outputs = [*eqn.outputs[: len(eqn.outputs) - len(steps.stacks)], *(s for _, s in kept)]
        return Equation(scan_p, eqn.inputs, _with_values(eqn, steps.body, [v for v, _ in kept]), outputs, eqn.source)

    return Jaxpr(jaxpr.in_vars, [changed(e) for e in jaxpr.equations], jaxpr.out_vars, jaxpr.consts) if loops else jaxpr
