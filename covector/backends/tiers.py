"""When programs of ``jit`` are compiled: ``tiered : Jaxpr -> (arrays -> arrays)``.

==================== =================================================================================================
``COVECTOR_JIT``     programs of ``jit``
==================== =================================================================================================
``background``       (the default) run as Python at first; from the second call on they are compiled in a thread of their
                     own, and run natively when that is done.  Long loops, and much arithmetic on large arrays, are compiled
                     at the first call, in half the time that good code takes; that follows in the thread, of the same bits
``wait``             are compiled at the first call, which waits
``source``           run as Python
``off``              are not traced: functions run as they are written
==================== =================================================================================================

The native backend needs `llvmlite` (``pip install covector[native]``); without it programs run as Python.  The two round
differently: what a function returns may change in the last digits between one call and a later one.
``jit(f, backend="native")`` compiles at the first call, whatever the variable says, and ``backend="numpy"`` never does.

A program that cannot be compiled, because of a fault of the compiler or of this backend, runs as Python; there is one warning.

One program is compiled at a time, and a fork waits for it: the child has no half-loaded modules and no locks that nobody opens.
"""

from __future__ import annotations

import importlib
import os
from _thread import RLock
from collections.abc import Callable
from functools import cache
from types import BuiltinFunctionType
from typing import Any

from covector.core import errors
from covector.core.jaxpr import Jaxpr, inside_out, sub_jaxprs
from covector.core.kinds import Elementwise

Run = Callable[..., list[Any]]
Improvement = Callable[[], None]
LONG = 20_000
"""Programs of so many operations take longer as Python than their compilation does, and wait for it at the first call."""

ELEMENTS = 1_000
"""An operation on so many elements takes twice as long as one on a few."""

UNKNOWN_LENGTH = 100
"""How many steps a loop is taken to have of which nobody knows."""

CHOICES = ("background", "wait", "source", "off")


@cache
def choice() -> str:
    """What ``COVECTOR_JIT`` says."""
    asked = os.environ.get("COVECTOR_JIT") or "background"
    if asked not in CHOICES:
        raise errors.ArgumentError(f"COVECTOR_JIT is {asked!r}.", fix=f"set it to one of {', '.join(CHOICES)}, or leave it out")
    return asked


@cache
def is_installed() -> bool:
    """Whether there is a compiler; it is not loaded to find out."""
    return importlib.import_module("importlib.util").find_spec("llvmlite") is not None


def may_compile() -> bool:
    """Whether programs are compiled at all."""
    return choice() in ("background", "wait") and is_installed()


def numpy_backend() -> Any:
    """The module that writes programs as Python, loaded when the first program runs."""
    return importlib.import_module("covector.backends.numpy")


def native() -> Any:
    """The native backend's module, loaded when the first program is compiled."""
    return importlib.import_module("covector.backends.native.backend")


def tiered(jaxpr: Jaxpr) -> Run:
    """What runs a clean program of ``jit``, and becomes faster."""
    backend = numpy_backend()
    if not may_compile():
        run: Run = backend.compiled(jaxpr)
        return run
    if choice() != "wait" and operations(jaxpr) < LONG:
        source: Run = backend.compiled(jaxpr)
        return Tiers(source, lambda: compiled_or(jaxpr, source))
    later: list[Improvement] | None = None if choice() == "wait" else []
    run = compiled_or(jaxpr, backend.compiled_when_called(jaxpr), later)
    return Tiers(run, lambda: improved(run, later)) if later else run


def operations(jaxpr: Jaxpr) -> float:
    """About how many operations a program does: those of a loop in each step, and one of many elements as several.

    Products and factorizations take as long in either way, and do not count as more.
    """
    return inside_out(jaxpr, "operations", _operations)


def _operations(jaxpr: Jaxpr) -> float:
    total = 0.0
    for eqn in jaxpr.equations:
        inner = sum(map(operations, sub_jaxprs(eqn.params)))
        steps = eqn.params.get("length", 1) if eqn.primitive.name != "while" else UNKNOWN_LENGTH
        elements = getattr(eqn.outputs[0].aval, "size", 0) if isinstance(eqn.primitive.kind, Elementwise) else 0
        total += 1 + elements / ELEMENTS if not inner else inner * (UNKNOWN_LENGTH if steps is None else steps)
    return total


def direct(run: Run, otherwise: Callable[..., Any], is_tuple: bool) -> Callable[..., Any] | None:
    """What ``jit`` may be replaced by, which hands on to ``otherwise`` what the program is not compiled for.

    It returns the one output, or a tuple of all.  None if the program is not compiled as a whole, or not yet.
    """
    if isinstance(run, Tiers):
        run = run.current
    if type(run) is not BuiltinFunctionType:
        return None
    made: Callable[..., Any] | None = native().direct(run, otherwise, is_tuple)
    return made


class Tiers:
    """A program that runs in one way at first, and from its second call on waits for a better one.

    Attributes:
        current: what runs it now.
        is_settled: whether that stays so.
    """

    def __init__(self, run: Run, better: Callable[[], Run]):
        self.run = run
        self.better: Callable[[], Run] | None = better
        self.current: Run = self.first
        self.is_settled = False

    def __call__(self, *arrays: Any) -> list[Any]:
        return self.current(*arrays)

    def first(self, *arrays: Any) -> list[Any]:
        self.current = self.second
        return self.run(*arrays)

    def second(self, *arrays: Any) -> list[Any]:
        self.current = self.run
        background().compiler.submit(self)
        return self.run(*arrays)

    def compile(self) -> None:
        """In the thread that compiles."""
        better, self.better = self.better, None
        if better is not None:
            self.current = better()
            self.is_settled = True


compiling = RLock()


@cache
def background() -> Any:
    """The module of the thread that compiles, loaded when the first program waits for it, and while no fork goes on."""
    with compiling:
        return importlib.import_module("covector.backends.compiler")


def required(jaxpr: Jaxpr) -> Run:
    """The compiled program, for who asked for it: an error where there is no compiler."""
    with compiling:
        run: Run = native().required(jaxpr)
    return run


def compiled_or(jaxpr: Jaxpr, source: Run, later: list[Improvement] | None = None) -> Run:
    """The compiled program; ``source`` where there is none, after a warning if that is a fault.

    With ``later`` it is there in half the time, and what makes its code better is appended.
    """
    try:
        with compiling:
            backend = native()
            run: Run = source if backend.missing() else backend.compiled(jaxpr, later)
        return run
    except Exception as error:
        _warn(f"a program of {len(jaxpr.equations)} equations could not be compiled, and runs as Python", error)
        return source


def improved(run: Run, improvements: list[Improvement]) -> Run:
    """A compiled program, once its code is better."""
    try:
        for improve in improvements:
            with compiling:
                improve()
    except Exception as error:
        _warn("the code of a program could not be made better, and stays as it is", error)
    return run


def _warn(what: str, error: Exception) -> None:
    why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    is_users = isinstance(error, errors.PrimitiveRuleError)
    errors.warn(f"{what}: {why}" if is_users else f"{what}: {why}. Please report it, with jit(f).lower(...).as_text().")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=compiling.acquire, after_in_parent=compiling.release, after_in_child=compiling.release)
