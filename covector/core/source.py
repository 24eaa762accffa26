"""Where in the user's code an operation was made: ``user_source : () -> Source``.

>>> def f():
...     return user_source()
>>> print(f())
<doctest covector.core.source[0]>:2 in f: return user_source()

A location is a code object and an instruction offset; the line is looked up and formatted only when somebody reads it.
(Even ``frame.f_lineno`` costs time proportional to the length of the function, so asking it for each operation would make
the tracing of a long function quadratic.)
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import site
import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from covector.core.context import MODES, SCOPE, value_of

Span = tuple[int, int, int, int]
"""A part of a file: its first line and column, its last line and the column after it."""


def _folder(path: str) -> str:
    return os.path.join(os.path.abspath(path), "")


COVECTOR = _folder(os.path.dirname(os.path.dirname(__file__)))
_PLUMBING = (COVECTOR, "<covector", contextlib.__file__, functools.__file__)
_LIBRARIES = (
    *_PLUMBING,
    _folder(os.path.dirname(np.__file__)),
    _folder(os.path.dirname(os.__file__)),
    *map(_folder, (*site.getsitepackages(), site.getusersitepackages())),
    "<frozen",
)
_is_library_code: dict[str, bool] = {}


class Source:
    """A place in the user's code; ``str`` gives ``file:line in function: text``, and the scope where there is one."""

    __slots__ = ("code", "offset", "scope")

    def __init__(self, code: CodeType, offset: int, scope: str = ""):
        self.code = code
        self.offset = offset
        self.scope = scope

    def __reduce__(self) -> Any:
        return Place, (self.code.co_filename, self.code.co_name, self.line, self.span, self.scope)

    def __deepcopy__(self, memo: Any) -> Source:
        return self

    @property
    def line(self) -> int:
        """The line number."""
        offsets, lines = _lines(self.code)
        return lines[max(bisect_right(offsets, self.offset) - 1, 0)] or self.code.co_firstlineno

    @property
    def span(self) -> Span | None:
        """Where in the file the expression stands that is being executed, if that is known."""
        begin, end, column, end_column = _positions(self.code)[self.offset // 2]
        if begin is None or end is None or column is None or end_column is None:
            return None
        return begin, column, end, end_column

    def __str__(self) -> str:
        path, line = self.code.co_filename, self.line
        text = linecache.getline(path, line).strip()
        scope = self.scope and f" (in {self.scope})"
        return f"{os.path.basename(path)}:{line} in {self.code.co_name}{scope}" + (f": {text}" if text else "")


class _Code(NamedTuple):
    """What a message says of a code object."""

    co_filename: str
    co_name: str


class Place(Source):
    """A place in code that is not here, as that of a program of another process."""

    __slots__ = ("known_line", "known_span")

    def __init__(self, filename: str, name: str, line: int, span: Span | None, scope: str = ""):
        super().__init__(_Code(filename, name), 0, scope)  # type: ignore[arg-type]
        self.known_line, self.known_span = line, span

    @property
    def line(self) -> int:
        return self.known_line

    @property
    def span(self) -> Span | None:
        return self.known_span


@lru_cache(maxsize=256)
def _lines(code: CodeType) -> tuple[list[int], list[int | None]]:
    """The offsets at which lines begin, and the lines (to search for each of n instructions would be quadratic)."""
    table = [(start, line) for start, _, line in code.co_lines()]
    return [start for start, _ in table], [line for _, line in table]


@lru_cache(maxsize=64)
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    """The places of all instructions, at once for the same reason."""
    return list(code.co_positions())


def is_library(filename: str) -> bool:
    """Whether a file belongs to covector, to an installed package or to Python rather than to the user."""
    known = _is_library_code.get(filename)
    if known is None:
        known = _is_library_code[filename] = filename.startswith(_LIBRARIES)
    return known


def is_plumbing(filename: str) -> bool:
    """Whether a file is covector's own, or of what it is built on, so that its frames say nothing to the user."""
    optree = sys.modules.get("optree")  # imported when it is needed
    trees = _folder(os.path.dirname(optree.__file__)) if optree is not None and optree.__file__ else COVECTOR
    return filename.startswith((*_PLUMBING, trees))


SourceOf = Callable[[Mapping[str, Any]], "Source | None"]
_names_sources: dict[str, dict[CodeType, SourceOf]] = {}
"""By file, since to hash a code object takes longer than all else here."""


def names_sources(function: Callable[..., Any], source_of: SourceOf) -> None:
    """Declare that a function of covector's works through equations that were made elsewhere.

    Args:
        function: the function, as defined.
        source_of: the place where the equation at hand was made, from the function's local variables.
    """
    code: CodeType = function.__code__
    _names_sources.setdefault(code.co_filename, {})[code] = source_of


def user_frame() -> FrameType | None:
    """The innermost frame of the caller's stack that is the user's; if none is, the innermost that is not covector's."""
    start = frame = sys._getframe(1)
    while is_library(frame.f_code.co_filename):
        if frame.f_back is None:
            return _first_beside_covector(start)
        frame = frame.f_back
    return frame


def beside_covector() -> FrameType | None:
    """The innermost frame that is not covector's own, the user's or a package's."""
    return _first_beside_covector(sys._getframe(1))


def _first_beside_covector(frame: FrameType | None) -> FrameType | None:
    while frame is not None and is_plumbing(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_source() -> Source | None:
    """The place in the user's code that is being executed, or where the equation was made that is being worked on."""
    start = sys._getframe(1)
    frame: FrameType | None = start
    known = _is_library_code.get
    while frame is not None:
        code = frame.f_code
        filename = code.co_filename
        if not (known(filename) or is_library(filename)):  # a call for each frame would take half of all the time here
            return Source(code, frame.f_lasti, value_of(SCOPE, "") if MODES else "")
        if filename in _names_sources:
            source_of = _names_sources[filename].get(code)
            source = source_of(frame.f_locals) if source_of is not None else None
            if source is not None:
                return source
        frame = frame.f_back
    frame = _first_beside_covector(start)
    return None if frame is None else Source(frame.f_code, frame.f_lasti, value_of(SCOPE, "") if MODES else "")


def source_of_function(f: object) -> Source | None:
    """Where a Python function is defined, or None for anything else."""
    code = getattr(f, "__code__", None)
    return Source(code, 0) if isinstance(code, CodeType) else None


def meant_by(dotted: str, *scopes: Mapping[str, Any]) -> Any:
    """What a dotted name means in the first of some scopes that has what it begins with; None where it means nothing.

    >>> meant_by("path.join", vars(os)) is os.path.join
    True
    """
    name, *attributes = dotted.split(".")
    found = next((scope[name] for scope in scopes if name in scope), None)
    for attribute in attributes:
        found = getattr(found, attribute, None)
    return found
