"""Running a program on plain arrays: ``runner(jaxpr)(*arrays)``.

Whatever runs a program asks here: ``jit``, the implementations of loops and branches, what is compiled ahead of time.  The
program is cleaned, and handed to a backend; what that makes is kept with the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.backends import numpy
from covector.core.context import MODES, WATCH, value_of
from covector.core.jaxpr import Equation, Jaxpr
from covector.interpreters.evaluate import implementation, run_equations
from covector.passes.clean import clean

Run = Callable[..., list[Any]]


def runner(jaxpr: Jaxpr) -> Run:
    """A function that runs the program on arrays, now: what is watched now is reported."""
    report = value_of(WATCH) if MODES else None
    if report is not None:
        return lambda *args: _watched(clean(jaxpr), args, report)
    return compiled(jaxpr)


def compiled(jaxpr: Jaxpr) -> Run:
    """A function that runs the program on arrays, watched by nobody; cached on the program."""
    return jaxpr.derived("compiled", lambda: numpy.compiled(clean(jaxpr)))


def step_runner(jaxpr: Jaxpr, first_carry: int, num_carry: int) -> tuple[Run, list[int]]:
    """The same for the step of a loop, and which carries it overwrites: the loop must own these, and copy the first.

    The carries are inputs from ``first_carry`` on, and the first outputs.
    """
    if MODES and value_of(WATCH) is not None:
        return runner(jaxpr), []
    make = lambda: numpy.compiled_step(clean(jaxpr), first_carry, num_carry) or (compiled(jaxpr), [])
    return jaxpr.derived(("compiled step", first_carry, num_carry), make)


def _watched(jaxpr: Jaxpr, args: Any, report: Any) -> list[Any]:
    """Evaluate a program, and report each result."""

    def apply(eqn: Equation, values: list[Any]) -> Any:
        out = implementation(eqn)(*values)
        report(eqn.primitive.name, values, out if eqn.primitive.multiple_results else [out], eqn.source, "value")
        return out

    return numpy.fresh(jaxpr, run_equations(jaxpr, args, apply))
