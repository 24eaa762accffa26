"""Residuals: ``opened : linear Jaxpr -> (Jaxpr of residuals and tangents, residuals)`` and back to a tape.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.linearize(lambda x: np.sin(x) * 3.0, 0.0)[1].jaxpr
>>> opened(program, [])
({ lambda ; a:f64[] b:weak_f64[] ~c:weak_f64[]. let d:f64[] = mul a c; e:f64[] = mul b d in (e,) }, [np.float64(1.0), 3.0])

A linear program closes over the values that it was recorded with.  Opened, these are its leading inputs, so that a linear map
can be taken apart into arrays and what is the same for all of them, and be put together again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.core.avals import Zero
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.interpreters.linearize import LinearProgram
from covector.interpreters.stage import LinearTrace, StageTracer, is_written_zero


def opened(jaxpr: Jaxpr, residuals: Sequence[Any]) -> tuple[Jaxpr, list[Any]]:
    """A linear program with the values that its equations use as leading inputs, in the order of use, and these values.

    The first inputs of ``jaxpr`` have the values ``residuals``.  Zeros that stand for tangents (``tangent + 0``) stay inside:
    the program is linear because they are zero.
    """
    linear_inputs = jaxpr.in_vars[len(residuals) :]
    linear = {*linear_inputs, *(v for eqn in jaxpr.equations for v in eqn.outputs)}
    known = {**jaxpr.consts, **dict(zip(jaxpr.in_vars, residuals, strict=False))}
    inner = {v: known[v] for v in jaxpr.out_vars if v in known}
    values: dict[Var, Any] = {}

    def moved(atom: Any, zeros_stay: bool) -> Any:
        if type(atom) is Literal:
            if zeros_stay:
                return atom
            var = Var(atom.aval)
            values[var] = atom.value
            return var
        stays = zeros_stay and is_written_zero(known[atom])
        (inner if stays else values)[atom] = known[atom]
        return atom

    equations = []
    for eqn in jaxpr.equations:
        primitive = eqn.primitive
        mask = tuple(x in linear for x in eqn.inputs)
        zeros_stay = primitive.rule("split") is None and not primitive.is_linear_in(mask, eqn.params)
        inputs = [x if m else moved(x, zeros_stay) for x, m in zip(eqn.inputs, mask, strict=True)]
        equations.append(Equation(primitive, inputs, eqn.params, eqn.outputs, eqn.source))
    given = {v: x for v, x in values.items() if v not in inner}
    mark = [False] * len(given) + [True] * len(linear_inputs)
    return Jaxpr([*given, *linear_inputs], equations, jaxpr.out_vars, inner, mark), list(given.values())


def with_backward_staged(jaxpr: Jaxpr, values: Sequence[Any]) -> tuple[Jaxpr, list[Any]]:
    """An opened program whose backward rules are programs where they close over traced values.

    It may outlive the transformation that these are of, so they become inputs, with the ``values`` of the others.  A primitive
    says how with the rule ``backward_staged : equation -> (equation with more leading inputs, their values)``.
    """
    closed: list[Any] = []
    inputs: list[Any] = []
    equations = []
    for eqn in jaxpr.equations:
        staged = eqn.primitive.rules.get("backward_staged")
        eqn, hoisted = (eqn, []) if staged is None else staged(eqn)
        inputs += eqn.inputs[: len(hoisted)]
        closed += hoisted
        equations.append(eqn)
    if not closed:
        return jaxpr, list(values)
    marks = [*[False] * len(closed), *(jaxpr.linear or ())]
    return Jaxpr([*inputs, *jaxpr.in_vars], equations, jaxpr.out_vars, jaxpr.consts, marks), [*closed, *values]


def with_forward_staged(entry: Any) -> Any:
    """An entry of a linear tape, which runs no function of the user's later where the rule ``forward_staged`` makes it so."""
    staged = entry[0].rules.get("forward_staged")
    return entry if staged is None else staged(entry)


def program_with(jaxpr: Jaxpr, residuals: Sequence[Any], present: Sequence[bool]) -> LinearProgram:
    """The tape of an opened program with these residuals; it has an input for each that is ``present``."""
    values = {**jaxpr.consts, **dict(zip(jaxpr.in_vars, residuals, strict=False))}
    inputs = iter(jaxpr.in_vars[len(residuals) :])
    trace = LinearTrace("a linear map")
    trace.closed = True
    read = lambda atom: values.get(atom, atom) if type(atom) is Var else atom.value
    trace.tape = [(e.primitive, [*map(read, e.inputs)], e.params, e.outputs, e.source) for e in jaxpr.equations]
    outs = [StageTracer(trace, v) if type(v) is Var and v not in values else Zero(v.aval.tangent()) for v in jaxpr.out_vars]
    return LinearProgram(trace, [next(inputs) if p else None for p in present], outs)
