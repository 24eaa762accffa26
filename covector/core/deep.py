"""Deep nesting: ``on_fresh_stack : (depth, () -> T) -> T`` goes on where Python's stack would end.

>>> import threading
>>> on_fresh_stack(LEVELS, threading.current_thread).name
'covector: deep nesting'

Python lets a thread have some thousand frames.  Functions that are transformed inside of each other need about fifteen for each
level, so deep nesting goes on in a thread of its own from time to time, with the same context, while this one waits.
"""

from __future__ import annotations

import contextvars
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

LEVELS = 16
"""After so many traces inside of each other a new stack is begun."""

_begun_at: contextvars.ContextVar[int] = contextvars.ContextVar("covector_stack_begun_at", default=0)
"""The number of traces around the one with which this stack was begun."""


def on_fresh_stack(depth: int, f: Callable[[], T]) -> T:
    """What ``f()`` returns or raises; run in a thread of its own where many of the ``depth`` traces are on this stack."""
    if depth - _begun_at.get() < LEVELS:
        return f()
    results: list[Any] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(_begun_at.set, depth)
            results.append(context.run(f))
        except BaseException as error:
            errors.append(error)

    thread = importlib.import_module("threading").Thread(target=run, name="covector: deep nesting")
    thread.start()
    thread.join()
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # its traceback refers to this frame
    return results[0]  # type: ignore[no-any-return]
