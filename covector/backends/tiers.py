"""When programs of ``jit`` are compiled: ``tiered : Jaxpr -> (arrays -> arrays)``.

==================== =================================================================================================
``COVECTOR_JIT``     programs of ``jit``
==================== =================================================================================================
``background``       (the default) run as Python at first; from the second call on they are compiled in a thread of their
                     own, and run natively when that is done
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

import atexit
import importlib
import importlib.util
import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import cache
from types import BuiltinFunctionType
from typing import Any

from covector.backends import numpy
from covector.core import errors
from covector.core.jaxpr import Jaxpr

Run = Callable[..., list[Any]]
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
    return importlib.util.find_spec("llvmlite") is not None


def may_compile() -> bool:
    """Whether programs are compiled at all."""
    return choice() in ("background", "wait") and is_installed()


def native() -> Any:
    """The native backend's module, loaded when the first program is compiled."""
    return importlib.import_module("covector.backends.native.backend")


def tiered(jaxpr: Jaxpr) -> Run:
    """What runs a clean program of ``jit``, and becomes faster."""
    if not may_compile():
        return numpy.compiled(jaxpr)
    if choice() == "wait":
        return compiled_or(jaxpr, numpy.compiled(jaxpr))
    return Tiers(jaxpr)


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
    """A program that runs as Python until it is compiled.

    Attributes:
        current: what runs it now.
        is_settled: whether that stays so.
    """

    def __init__(self, jaxpr: Jaxpr):
        self.source = numpy.compiled(jaxpr)
        self.jaxpr: Jaxpr | None = jaxpr
        self.current: Run = self.first
        self.is_settled = False

    def __call__(self, *arrays: Any) -> list[Any]:
        return self.current(*arrays)

    def first(self, *arrays: Any) -> list[Any]:
        self.current = self.second
        return self.source(*arrays)

    def second(self, *arrays: Any) -> list[Any]:
        self.current = self.source
        compiler.submit(self)
        return self.source(*arrays)

    def compile(self) -> None:
        """In the thread that compiles."""
        jaxpr, self.jaxpr = self.jaxpr, None
        if jaxpr is not None:
            self.current = compiled_or(jaxpr, self.source)
            self.is_settled = True


compiling = threading.RLock()


def required(jaxpr: Jaxpr) -> Run:
    """The compiled program, for who asked for it: an error where there is no compiler."""
    with compiling:
        run: Run = native().required(jaxpr)
    return run


def compiled_or(jaxpr: Jaxpr, source: Run) -> Run:
    """The compiled program; ``source`` where there is none, after a warning if that is a fault."""
    try:
        with compiling:
            backend = native()
            run: Run = source if backend.missing() else backend.compiled(jaxpr)
        return run
    except Exception as error:
        errors.warn(
            f"a program of {len(jaxpr.equations)} equations could not be compiled, and runs as Python:"
            f" {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}. Please report it, with"
            " jit(f).lower(...).as_text()."
        )
        return source


class Compiler:
    """A thread that compiles one program after another."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Tiers | None] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.process = 0
        self.is_closing = False

    def submit(self, tiers: Tiers) -> None:
        """Compile a program when it is its turn; it goes on as Python where no thread can be started."""
        with self.lock:
            if self.thread is None or self.process != os.getpid():  # a fork has no threads
                waiting: queue.SimpleQueue[Tiers | None] = queue.SimpleQueue()
                thread = threading.Thread(target=self.work, args=(waiting,), name="covector compiler", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # too many, or the process is ending
                    return
                self.waiting, self.process, self.thread = waiting, os.getpid(), thread
                atexit.register(self.close)
        self.waiting.put(tiers)

    def work(self, waiting: queue.SimpleQueue[Tiers | None]) -> None:
        while True:
            tiers = waiting.get()
            if tiers is None or self.is_closing:
                return
            try:
                tiers.compile()
            except Exception:  # the warning of a failure, where warnings are errors
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def wait(self) -> None:
        """Until all that was submitted is compiled."""
        if self.thread is not None and self.process == os.getpid():
            done = threading.Event()
            last = _Signal(done)
            self.waiting.put(last)
            done.wait()

    def close(self) -> None:
        """At the end of the process: let the program that is being compiled be finished, and no other begun."""
        self.is_closing = True
        if self.thread is not None and self.process == os.getpid():
            self.waiting.put(None)
            self.thread.join(10)


class _Signal(Tiers):
    def __init__(self, done: threading.Event):  # nothing to compile
        self.done = done

    def compile(self) -> None:
        self.done.set()


compiler = Compiler()


def _before_fork() -> None:
    compiling.acquire()
    compiler.lock.acquire()


def _after_fork() -> None:
    compiler.lock.release()
    compiling.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
