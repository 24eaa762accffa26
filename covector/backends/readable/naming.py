"""The user's names for the values of a program: ``names_of : Jaxpr -> {Var: name}``.

A value is called by the name that the user's line assigns it to, if a later line that mentions the name uses the value.  What
reverse mode computes also stands at the lines of the user's, but is used at lines before, so it does not get their names.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from covector.core.jaxpr import Equation, Jaxpr, Var, sub_jaxprs
from covector.core.source import Source, Span


class File:
    """What a file says: the names that expressions are assigned to, the names that lines mention, the functions.

    Attributes:
        targets: by the place of an expression the names that its value, or its parts, are assigned to.
        mentioned: by line the names that are read there.
        calls: by place the calls.
        functions: the definitions of functions, by name, in order.
    """

    def __init__(self, text: str):
        self.targets: dict[Span, tuple[str, ...]] = {}
        self.mentioned: dict[int, set[str]] = {}
        self.calls: dict[Span | None, ast.Call] = {}
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            self.note(node)

    def note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.assigned(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assigned(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            self.assigned(node.target, node)
        elif isinstance(node, ast.NamedExpr):
            self.assigned(node.target, node.value)
        elif isinstance(node, ast.Name):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                self.mentioned.setdefault(line, set()).add(node.id)
        elif isinstance(node, ast.Call):
            self.calls[span_of(node)] = node
        elif isinstance(node, ast.FunctionDef):
            self.functions.setdefault(node.name, []).append(node)

    def assigned(self, target: ast.expr, value: Any) -> None:
        names = target_names(target)
        if names:
            self.targets[span_of(value)] = names

    def lines(self, span: Span) -> set[str]:
        """The names that the lines of a place mention."""
        return set().union(*(self.mentioned.get(line, set()) for line in range(span[0], span[2] + 1)))


def span_of(node: Any) -> Span:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def target_names(target: ast.expr) -> tuple[str, ...]:
    """The names in a target, if it is a name or names between commas."""
    if isinstance(target, ast.Name):
        return (target.id,)
    if isinstance(target, (ast.Tuple, ast.List)) and all(isinstance(t, ast.Name) for t in target.elts):
        return tuple(t.id for t in target.elts if isinstance(t, ast.Name))
    return ()


_file = lru_cache(maxsize=16)(File)


def file_of(source: Source) -> File:
    """The file of a place, as it is now."""
    return _file("".join(linecache.getlines(source.code.co_filename)))


def line_of(eqn: Equation) -> tuple[str, int] | None:
    """The file and the line of an equation."""
    return None if eqn.source is None else (eqn.source.code.co_filename, eqn.source.line)


def names_of(jaxpr: Jaxpr) -> dict[Var, str]:
    """The names of values that the user's code gives them."""
    users: dict[Any, list[Equation]] = {}
    for eqn in jaxpr.equations:
        for x in eqn.inputs:
            users.setdefault(x, []).append(eqn)
    found: dict[Var, str] = {}
    last, given = None, set[str]()
    for eqn in jaxpr.equations:
        if eqn.source is None:
            continue
        span: Any = eqn.source.span
        place = eqn.source.code, span
        last, given = place, (given if place == last else set())
        targets = file_of(eqn.source).targets.get(span, ())
        if len(targets) not in (1, len(eqn.outputs)):
            continue
        for var, name in zip(eqn.outputs, targets, strict=False):
            if name not in given and any(_reads(user, eqn.source, span, name) for user in users.get(var, ())):
                found[var] = name
                given.add(name)
    return found


def _reads(user: Equation, source: Source, span: Span, name: str) -> bool:
    """Whether an equation uses a value by the name that it got at a place before."""
    if user.source is None or user.source.code is not source.code:
        return False
    where = user.source.span
    if where is None or where[0] <= span[2]:
        return False
    return name in file_of(user.source).lines(where) or bool(sub_jaxprs(user.params))


def functions_of(eqn: Equation) -> list[ast.FunctionDef | ast.Lambda]:
    """The functions that the user's call, which an equation comes from, is given, as far as the file shows them."""
    file, call = _call(eqn)
    return [] if call is None else list(_functions(file, [*call.args, *(k.value for k in call.keywords)], call.lineno))


def _call(eqn: Equation) -> tuple[File, ast.Call | None]:
    """The user's call that an equation comes from, and its file."""
    file = File("") if eqn.source is None else file_of(eqn.source)
    return file, None if eqn.source is None else file.calls.get(eqn.source.span)


def called(eqn: Equation) -> str:
    """The name of the function that the user called where an equation is from."""
    call = _call(eqn)[1]
    return "" if call is None else str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _functions(file: File, nodes: Sequence[ast.expr], line: int) -> Iterator[ast.FunctionDef | ast.Lambda]:
    for node in nodes:
        if isinstance(node, ast.Lambda):
            yield node
        elif isinstance(node, ast.Name) and node.id in file.functions:
            before = [f for f in file.functions[node.id] if f.lineno <= line]
            yield (before or file.functions[node.id])[-1]
        elif isinstance(node, (ast.List, ast.Tuple)):
            yield from _functions(file, node.elts, line)


def parameter_names(function: ast.FunctionDef | ast.Lambda | None, count: int, otherwise: str) -> list[str]:
    """Names for so many values that a function is given: those of its parameters, or that it unpacks these to."""
    names: list[str] = []
    if function is not None:
        parameters = [p.arg for p in (*function.args.posonlyargs, *function.args.args)]
        unpacked = _unpacked(function)
        names = [n for p in parameters for n in (unpacked.get(p, (p,)) if len(parameters) < count else (p,))]
    names = [n if n.strip("_") else otherwise for n in names][:count] or [otherwise]
    return names + [names[-1]] * (count - len(names))


def _unpacked(function: ast.FunctionDef | ast.Lambda) -> dict[str, tuple[str, ...]]:
    """For parameters of which a line of the function takes the parts, the names of these."""
    found: dict[str, tuple[str, ...]] = {}
    for node in function.body if isinstance(function, ast.FunctionDef) else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, target_names(node.targets[0]) or (node.value.id,))
    return found


def function_name(function: ast.FunctionDef | ast.Lambda | None, otherwise: str) -> str:
    return function.name if isinstance(function, ast.FunctionDef) else otherwise


def constant_names(f: Any) -> Callable[[Any], str]:
    """How a function calls an array that it closes over, or finds among its globals."""
    code = getattr(f, "__code__", None)
    scope: dict[str, Any] = {}
    if code is not None:
        scope = {name: f.__globals__[name] for name in code.co_names if name in f.__globals__}
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not assigned yet
                scope[name] = cell.cell_contents

    def name_of(value: Any) -> str:
        for name, x in scope.items():
            if x is value or (type(x) is type(value) and getattr(x, "shape", None) == value.shape and _equal(x, value)):
                return name
            if x is not None and getattr(value, "base", None) is x:
                return f"{name}_part"
        return "constant"

    return name_of


def _equal(x: Any, y: Any) -> bool:
    return bool(x.dtype == y.dtype and x.tobytes() == y.tobytes())
