"""The memory of plain values, for code in C that is given them."""

from __future__ import annotations

from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import TracerBase
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, known, unwrap


def memory_of(x: Any, name: str) -> Any:
    """An argument for a compiled function."""
    if type(x) in (list, tuple):
        return type(x)([memory_of(v, name) for v in x])
    value = unwrap(x) if type(x) in LIFTED else x
    if isinstance(value, TracerBase) and value.dtype.kind in "biu" and known(value) is not None:  # type: ignore[attr-defined]
        return known(value)
    if isinstance(value, TracerBase):
        raise errors.TracerArrayConversionError(
            f"{name} was called with a traced value of type {typeof(value)}.",
            why="it is compiled code, which reads memory",
            fix="put a rule around it (covector.custom_jvp with covector.pure_callback), or register a primitive",
        )
    return x._plain() if type(x) is Cell else value
