"""Functions without their effects: ``quietly : f -> f``, to run again what has happened already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core.avals import typeof
from covector.core.jaxpr import Jaxpr, acts, is_act, program_acts, with_programs
from covector.core.primitive import ContextPrimitive, Primitive, Trace, open_trace
from covector.passes.clean import LeftOut, without


class QuietTrace(Trace):
    """Takes the effects of what runs while it is open, and leaves them out.  It has no tracers."""

    __slots__ = ()

    runs_once = True

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return acts(primitive, params)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if not primitive.effect:
            return primitive.bind(*args, **with_programs(params, quiet_program))
        if primitive.abstract(*map(typeof, args), **params):
            raise HAPPENED.needed(primitive)
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
    return without(jaxpr, program_acts, HAPPENED.has)


HAPPENED = LeftOut(
    is_act,
    "in a function with a VJP rule, which is run again in forward mode.",
    why="it would happen a second time",
    fix="give the function a JVP rule too, call it outside, or use pure_callback, which may be repeated",
)
