"""Modes for debugging: what is switched on, in one dictionary that is empty otherwise, so that looking costs nothing.

======== =================================================================================
mode     value
======== =================================================================================
no jit   True: compiled functions and loops run as the Python that they were written in
watch    ``watch(primitive, inputs, outputs, source, phase)``, called with known results
======== =================================================================================

Modes hold for the whole process, not for a thread or a context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MODES: dict[str, Any] = {}


@contextmanager
def mode(name: str, value: Any) -> Iterator[Any]:
    """Switch a mode on for a while (with the value None: off)."""
    before = MODES.get(name)
    _set(name, value)
    try:
        yield value
    finally:
        _set(name, before)


def _set(name: str, value: Any) -> None:
    if value is None:
        MODES.pop(name, None)
    else:
        MODES[name] = value


NAMED_AXES: list[Any] = []
"""The names of the axes of all batches that are open, in any context; empty where nobody has to look for them."""


CAPTURING: list[Any] = []
"""The traces that are open, in any context, and capture what is done in outer ones; empty where nobody has to look for them."""


def jit_is_disabled() -> bool:
    """Whether compiled functions and loops are to run as plain Python."""
    return "no jit" in MODES
