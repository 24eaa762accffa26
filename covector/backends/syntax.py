"""The code of generated programs: ``code_of_text : Text -> code``, once for all programs that read the same.

>>> line = (("b",), False, Expression("call", "sin", ("a",)), None, ())
>>> print(ast.unparse(module_of_text(Text("example", ("a",), (line,), ("b",), False))))
def program(a):
    b = sin(a)
    return [b]

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

class Constant(NamedTuple):
    """A constant that stands in the code: one that prints differently is another (``1 == True == 1.0``)."""

    text: str
    value: Any


Atom = str | Constant
"""A name, or a constant."""


class Expression(NamedTuple):
    """An operation: a `Form` (see `covector.backends.forms`) with names, or constants, for the values."""

    kind: str
    head: Atom
    arguments: tuple[Atom, ...]
    keywords: tuple[tuple[str, Atom], ...] = ()


Line = tuple[tuple[str, ...], bool, Expression, Span | None, tuple[str, ...]]
"""A statement: its results, whether they come in a list, the operation, where it stands, what is dropped then."""


class Text(NamedTuple):
    """What a generated function says."""

    file: str
    parameters: tuple[str, ...]
    lines: tuple[Line, ...]
    results: tuple[Atom, ...]
    unshared: bool
    """Whether results are copied that share memory with a constant."""


def code_of_text(text: Text) -> CodeType:
    """The code of the function, which reads from its globals what is neither a parameter nor a result of a line."""
    return _shared_code(text) if len(text.lines) <= MAX_SHARED_LINES else _code(text)


def _code(text: Text) -> CodeType:
    module = compile(module_of_text(text), text.file, "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


_shared_code = lru_cache(maxsize=1024)(_code)


LOAD, STORE, DELETE = ast.Load(), ast.Store(), ast.Del()
NOWHERE: dict[str, Any] = {"lineno": 0, "col_offset": 0, "end_lineno": 0, "end_col_offset": 0}
FUNCTION: dict[str, Any] = {**NOWHERE, **({"type_params": []} if sys.version_info >= (3, 12) else {})}


# Nodes that stand nowhere are the same in all programs, and made once: variables are numbered, so that they are few.


@lru_cache(maxsize=4096)
def load(atom: Atom) -> ast.expr:
    return ast.Name(atom, LOAD, **NOWHERE) if type(atom) is str else ast.Constant(atom.value, **NOWHERE)  # type: ignore[union-attr]


@lru_cache(maxsize=4096)
def store(names: tuple[str, ...], several: bool) -> list[ast.expr]:
    """The targets of an assignment."""
    targets: list[ast.expr] = [ast.Name(name, STORE, **NOWHERE) for name in names]
    return [ast.List(targets, STORE, **NOWHERE)] if several else targets


@lru_cache(maxsize=4096)
def delete(names: tuple[str, ...]) -> ast.stmt:
    return ast.Delete([ast.Name(name, DELETE, **NOWHERE) for name in names], **NOWHERE)


@lru_cache(maxsize=4096)
def index(subscript: Constant) -> ast.expr:
    """What stands in brackets: integers, and slices ``(start, stop, step)``."""
    entries: list[ast.expr] = []
    for entry in subscript.value:
        if type(entry) is tuple:
            start, stop, step = entry if entry[2] != 1 else (*entry[:2], None)
            bounds = [None if x is None else ast.Constant(x, **NOWHERE) for x in (start, stop, step)]
            entries.append(ast.Slice(*bounds, **NOWHERE))
        else:
            entries.append(ast.Constant(entry, **NOWHERE))
    return entries[0] if len(entries) == 1 else ast.Tuple(entries, LOAD, **NOWHERE)


def place(span: Span | None) -> dict[str, Any]:
    """Where an operation stands."""
    if span is None:
        return NOWHERE
    line, column, end, end_column = span
    return {"lineno": line, "col_offset": column, "end_lineno": end, "end_col_offset": end_column}


OPERATORS: dict[str, ast.operator] = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "@": ast.MatMult()}


def operation(expression: Expression, where: dict[str, Any]) -> ast.expr:
    """The syntax tree of an operation.  Only it stands at a place, for nothing else raises an error or warns."""
    kind, head, arguments, keywords = expression
    inputs = [load(a) for a in arguments]
    if kind == "operator":
        if len(inputs) == 1:
            return ast.UnaryOp(ast.USub(), inputs[0], **where)
        return ast.BinOp(inputs[0], OPERATORS[head], inputs[1], **where)  # type: ignore[index]
    if kind == "subscript":
        return ast.Subscript(inputs[0], index(head), LOAD, **where)
    if kind == "method":
        function: ast.expr = ast.Attribute(inputs.pop(0), head, LOAD, **where)  # type: ignore[arg-type]
    else:
        function = load(head)
    return ast.Call(function, inputs, [ast.keyword(k, load(v), **NOWHERE) for k, v in keywords], **where)


def module_of_text(text: Text) -> ast.Module:
    """The syntax tree of the function."""
    body: list[ast.stmt] = []
    for targets, several, expression, span, dropped in text.lines:
        body.append(ast.Assign(store(targets, several), operation(expression, place(span)), **NOWHERE))
        if dropped:
            body.append(delete(dropped))
    results = [load(atom) for atom in text.results]
    if text.unshared:
        results = [ast.Call(load("unshared"), [result], [], **NOWHERE) for result in results]
    body.append(ast.Return(ast.List(results, LOAD, **NOWHERE), **NOWHERE))
    parameters = ast.arguments([], [ast.arg(p, **NOWHERE) for p in text.parameters], None, [], [], None, [])
    return ast.Module([ast.FunctionDef("program", parameters, body, [], **FUNCTION)], [])
