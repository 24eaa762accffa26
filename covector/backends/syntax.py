"""The code of generated programs: ``code_of_text : Text -> code``, once for all programs that read the same.

A function that is made anew at each call is traced anew, and its program reads as it did before: only the functions and the
constants that the names stand for are others.  So the code is kept, which takes longer to make than a short program to run.
"""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from covector.core.source import Span

MAX_SHARED_LINES = 200
"""The code of longer programs is not kept for others: they are rarer, and larger."""

Line = tuple[tuple[str, ...], bool, str, tuple[str, ...], Span | None, tuple[str, ...]]
"""An operation: its results, whether they come in a list, its function and arguments, where it stands, what is dropped then."""


class Text(NamedTuple):
    """What a generated function says."""

    file: str
    parameters: tuple[str, ...]
    lines: tuple[Line, ...]
    results: tuple[str, ...]
    unshared: tuple[bool, ...]
    """Which results are copied if they share memory with a constant."""


def code_of_text(text: Text) -> CodeType:
    """The code of the function, which reads from its globals what is neither a parameter nor a result of a line."""
    return _shared_code(text) if len(text.lines) <= MAX_SHARED_LINES else _code(text)


def _code(text: Text) -> CodeType:
    module = compile(module_of_text(text), text.file, "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


_shared_code = lru_cache(maxsize=1024)(_code)


LOAD, STORE, DELETE = ast.Load(), ast.Store(), ast.Del()
NO_KEYWORDS: list[ast.keyword] = []
NOWHERE: dict[str, Any] = {"lineno": 0, "col_offset": 0, "end_lineno": 0, "end_col_offset": 0}
FUNCTION: dict[str, Any] = {**NOWHERE, **({"type_params": []} if sys.version_info >= (3, 12) else {})}


# Nodes that stand nowhere are the same in all programs, and made once: variables are numbered, so that they are few.


@lru_cache(maxsize=4096)
def load(name: str) -> ast.expr:
    return ast.Name(name, LOAD, **NOWHERE)


@lru_cache(maxsize=4096)
def store(names: tuple[str, ...], several: bool) -> list[ast.expr]:
    """The targets of an assignment."""
    targets: list[ast.expr] = [ast.Name(name, STORE, **NOWHERE) for name in names]
    return [ast.List(targets, STORE, **NOWHERE)] if several else targets


@lru_cache(maxsize=4096)
def delete(names: tuple[str, ...]) -> ast.stmt:
    return ast.Delete([ast.Name(name, DELETE, **NOWHERE) for name in names], **NOWHERE)


def module_of_text(text: Text) -> ast.Module:
    """The syntax tree of the function.  Only calls stand at a place, for nothing else in it raises an error or warns."""
    body: list[ast.stmt] = []
    for targets, several, function, arguments, span, dropped in text.lines:
        name, inputs = load(function), [load(a) for a in arguments]
        if span is None:
            call = ast.Call(name, inputs, NO_KEYWORDS, **NOWHERE)
        else:
            line, column, end, end_column = span
            call = ast.Call(
                name, inputs, NO_KEYWORDS, lineno=line, col_offset=column, end_lineno=end, end_col_offset=end_column
            )
        body.append(ast.Assign(store(targets, several), call, **NOWHERE))
        if dropped:
            body.append(delete(dropped))
    results = [load(name) for name in text.results]
    for i, unshared in enumerate(text.unshared):
        if unshared:
            results[i] = ast.Call(load("unshared"), [results[i]], NO_KEYWORDS, **NOWHERE)
    body.append(ast.Return(ast.List(results, LOAD, **NOWHERE), **NOWHERE))
    parameters = ast.arguments([], [ast.arg(p, **NOWHERE) for p in text.parameters], None, [], [], None, [])
    return ast.Module([ast.FunctionDef("program", parameters, body, [], **FUNCTION)], [])
