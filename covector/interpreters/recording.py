"""Recording: ``record : (JVP trace, args, params) -> the result, with its tangent on the tape``.

Reverse mode spends its time on operations that take less than it takes to dispatch them.  For those the rule ``record`` of a
primitive does at once what `JVPTrace` and the rule ``jvp`` do in six calls: plain arrays in, an array out, and one equation on
the tape, whose types are known.  It answers None for arguments of any other kind, which then go the general way.

>>> import numpy as np
>>> from covector.core.avals import ShapedArray
>>> from covector.interpreters.linearize import Linearization
>>> from covector.primitives.math.ring import mul_p
>>> with Linearization() as lin:
...     (x,) = lin.inputs([np.ones(2)], [ShapedArray((2,), np.float64)])
...     out = mul_p.record(lin.trace, (x, 3.0), {})
>>> out.primal, lin.tape.tape[0][:2]
(array([3., 3.]), (mul, (3.0, Var(f64[2]))))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from covector.core.avals import ARRAY_TYPES, typeof
from covector.core.jaxpr import Var
from covector.core.primitive import NO_PARAMS, Primitive
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.stage import StageTracer

NUMBERS = {int, float}
"""The Python numbers that never change the dtype of an array of floats."""

NUMERIC = "biufc"
"""The kinds of dtype that a known array may have; the general way says of another one that it is refused."""

Record = Callable[[JVPTrace, Sequence[Any], dict[str, Any]], Any]


def recorded(
    trace: JVPTrace, out: Any, aval: Any, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any] = NO_PARAMS
) -> JVPTracer:
    """A result whose tangent, of type ``aval``, comes from one equation."""
    var = Var(aval)
    trace.tape.tape.append((primitive, inputs, params, (var,), None))
    return JVPTracer(trace, out, var)


def variable_of(trace: JVPTrace, t: Any) -> Var | None:
    """The variable of a staged tangent that came from a rule ``jvp``; None for a tangent of another kind."""
    return t.variable if type(t) is StageTracer and t._trace is trace.tape else None


def of_two(rule: Callable[..., Any]) -> Record:
    """The rule ``record`` of two operands, by ``rule(trace, x, its variable or None, y, its variable or None, params)``."""

    def record(trace: JVPTrace, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if len(args) != 2:
            return None
        x, y = args
        vx = vy = None
        if type(x) is JVPTracer and x._trace is trace:
            x, vx = x.primal, x.staged
            if type(x) not in ARRAY_TYPES:
                return None
            if type(vx) is not Var and (vx := variable_of(trace, vx)) is None:
                return None
        elif type(x) is ndarray and x.dtype.kind in NUMERIC:
            x = trace.holder.hold(x)  # type: ignore[union-attr]
        elif type(x) not in NUMBERS:
            return None
        if type(y) is JVPTracer and y._trace is trace:
            y, vy = y.primal, y.staged
            if type(y) not in ARRAY_TYPES:
                return None
            if type(vy) is not Var and (vy := variable_of(trace, vy)) is None:
                return None
        elif type(y) is ndarray and y.dtype.kind in NUMERIC:
            y = trace.holder.hold(y)  # type: ignore[union-attr]
        elif type(y) not in NUMBERS:
            return None
        return rule(trace, x, vx, y, vy, params)

    return record


def of_many(rule: Callable[..., Any]) -> Record:
    """The rule ``record`` of any number of operands, by ``rule(trace, values, variables or None, params)``."""

    def record(trace: JVPTrace, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values: list[Any] = []
        variables: list[Any] = []
        for x in args:
            v = None
            if type(x) is JVPTracer and x._trace is trace:
                x, v = x.primal, x.staged
                if type(x) not in ARRAY_TYPES:
                    return None
                if type(v) is not Var and (v := variable_of(trace, v)) is None:
                    return None
            elif type(x) is ndarray and x.dtype.kind in NUMERIC:
                x = trace.holder.hold(x)  # type: ignore[union-attr]
            elif type(x) not in NUMBERS:
                return None
            values.append(x)
            variables.append(v)
        return rule(trace, values, variables, params)

    return record


def linear(primitive: Primitive) -> Record:
    """The rule ``record`` of a primitive that is linear in its one operand, and keeps its dtype."""

    def record(trace: JVPTrace, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if len(args) != 1:
            return None
        x, v = args[0].primal, args[0].staged
        if type(x) not in ARRAY_TYPES:
            return None
        if type(v) is not Var and (v := variable_of(trace, v)) is None:
            return None
        out = primitive.impl(x, **params)
        return recorded(trace, out, typeof(out), primitive, (v,), params)

    return record
