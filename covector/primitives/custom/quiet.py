"""Functions without their effects: ``quietly : f -> f``, to run again what has happened already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.jaxpr import Equation, Jaxpr, program_acts, sub_jaxprs, with_programs
from covector.core.primitive import ContextPrimitive, Primitive, Trace, open_trace
from covector.passes.clean import without


class QuietTrace(Trace):
    """Takes the effects of what runs while it is open, and leaves them out.  It has no tracers."""

    __slots__ = ()

    runs_once = True

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return (primitive.effect and not primitive.repeatable) or any(map(program_acts, sub_jaxprs(params)))

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if not primitive.effect:
            return primitive.bind(*args, **with_programs(params, quiet_program))
        if primitive.abstract(*map(typeof, args), **params):
            raise needed_again(primitive)
        return []


def quietly(f: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The function without its effects.

    Raises:
        CallbackError: where it is called, if an effect gives it a result.
    """

    def run(*args: Any) -> list[Any]:
        with open_trace(QuietTrace):
            return f(*args)

    return run


def quiet_program(jaxpr: Jaxpr) -> Jaxpr:
    """The program without the effects that `QuietTrace` leaves out."""
    return without(jaxpr, program_acts, _is_left_out)


def _is_left_out(eqn: Equation) -> bool:
    acts = eqn.primitive.effect and not eqn.primitive.repeatable
    if acts and eqn.outputs:
        raise needed_again(eqn.primitive, eqn.source)
    return acts


def needed_again(primitive: Primitive, source: Any = "here") -> errors.CallbackError:
    """The error for an effect that gives a result where it would happen a second time."""
    return errors.CallbackError(
        f"{primitive.name} gives a result in a function with a VJP rule, which is run again in forward mode.",
        source=source,
        why="it would happen a second time",
        fix="give the function a JVP rule too, call it outside, or use pure_callback, which may be repeated",
    )
