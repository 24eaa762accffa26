"""Where in the user's code an operation was made: ``user_source : () -> Source``.

A location is a code object and an instruction offset; the line is looked up and formatted only when somebody reads it.
(Even ``frame.f_lineno`` costs time proportional to the length of the function, so asking it for each operation would make
the tracing of a long function quadratic.)
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType

import numpy as np

_LIBRARY_FOLDERS = tuple(
    os.path.join(os.path.dirname(os.path.abspath(path)), "") for path in (os.path.dirname(__file__), np.__file__)
)
_is_library_code: dict[str, bool] = {}


class Source:
    """A place in the user's code; ``str`` gives ``file:line in function: text``."""

    __slots__ = ("code", "offset")

    def __init__(self, code: CodeType, offset: int):
        self.code = code
        self.offset = offset

    @property
    def line(self) -> int:
        """The line number."""
        for start, end, line in self.code.co_lines():
            if start <= self.offset < end and line is not None:
                return line
        return self.code.co_firstlineno

    def __str__(self) -> str:
        path, line = self.code.co_filename, self.line
        text = linecache.getline(path, line).strip()
        return f"{os.path.basename(path)}:{line} in {self.code.co_name}" + (f": {text}" if text else "")


def is_library(filename: str) -> bool:
    """Whether a file belongs to covector or NumPy rather than to the user."""
    known = _is_library_code.get(filename)
    if known is None:
        known = _is_library_code[filename] = filename.startswith(_LIBRARY_FOLDERS) or filename.startswith("<frozen")
    return known


def user_frame() -> FrameType | None:
    """The innermost frame of the caller's stack that is not covector's or NumPy's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_source() -> Source | None:
    """The place in the user's code that is being executed."""
    frame = user_frame()
    return None if frame is None else Source(frame.f_code, frame.f_lasti)


def source_of_function(f: object) -> Source | None:
    """Where a Python function is defined, or None for anything else."""
    code = getattr(f, "__code__", None)
    return Source(code, 0) if isinstance(code, CodeType) else None
