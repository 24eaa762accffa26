"""``compiled : Jaxpr -> (arrays -> arrays)``, as the other backends have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.backends import numpy
from covector.backends.native import entry
from covector.backends.native.module import is_available
from covector.backends.native.segments import native_p, partitioned
from covector.core import errors
from covector.core.jaxpr import Jaxpr


def missing() -> str:
    """Why nothing can be compiled here; empty if it can."""
    return "" if is_available() else "it needs llvmlite, and a processor with fused multiply-adds"


def direct(run: Any, otherwise: Callable[..., Any], is_tuple: bool) -> Callable[..., Any] | None:
    """A compiled function that returns its one output, or a tuple of all, in the place of a function of ``jit``."""
    return entry.direct(run, otherwise, entry.TUPLE if is_tuple else entry.ONE)


def required(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """The same as `compiled`, for who asked for it."""
    if missing():
        what = "the backend 'native' is not to be had here."
        raise errors.ArgumentError(what, why=missing(), fix="pip install covector[native], or leave backend='native' out")
    return compiled(jaxpr)


def compiled(jaxpr: Jaxpr, later: list[Callable[[], None]] | None = None) -> Callable[..., list[Any]]:
    """A function that runs a clean program: compiled as far as it can be.  For ``later`` see `entry.entry`."""
    program = partitioned(jaxpr)
    if len(program.equations) == 1 and program.equations[0].primitive is native_p:
        only = program.equations[0]
        if list(only.inputs) == list(program.in_vars) and list(only.outputs) == list(program.out_vars):
            run: Callable[..., list[Any]] = only.params["program"].compiled(lambda _: numpy.compiled_when_called(jaxpr), later)
            return run
    for eqn in program.equations:
        if eqn.primitive is native_p:
            eqn.params["program"].compiled(numpy.compiled_when_called, later)
    return numpy.compiled(program)
