"""Each function of the standard takes the standard's parameters: those that it names by name, with its defaults.

A positional-only parameter may be called anything; one that is keyword-only in the standard may be given by position too.
Of the array object, attributes and methods are looked for on arrays and on traced values.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
from reading import Function

import covector
import covector.numpy as cnp

REQUIRED = inspect.Parameter.empty


def parameters(function: Function) -> list[tuple[str, inspect._ParameterKind, Any]]:
    """Names, kinds and defaults as the standard has them, without ``self``."""
    a = function.parameters
    given: list[Any] = [REQUIRED] * (len(a.posonlyargs) + len(a.args) - len(a.defaults)) + list(map(literal, a.defaults))
    kinds = [inspect.Parameter.POSITIONAL_ONLY] * len(a.posonlyargs) + [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(a.args)
    found = [(p.arg, k, d) for p, k, d in zip(a.posonlyargs + a.args, kinds, given, strict=True)]
    if a.vararg:
        found.append((a.vararg.arg, inspect.Parameter.VAR_POSITIONAL, REQUIRED))
    for p, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        found.append((p.arg, inspect.Parameter.KEYWORD_ONLY, REQUIRED if default is None else literal(default)))
    return [p for p in found if p[0] != "self"]


def literal(node: ast.expr) -> Any:
    """A default; the one name among them is that of a data type."""
    return ast.literal_eval(node) if not isinstance(node, ast.Name) else node.id


def fault(function: Function, f: Any) -> str:
    """What a function does not take as the standard has it."""
    theirs = inspect.signature(f).parameters
    positional = [p for p in theirs.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind == p.VAR_POSITIONAL for p in theirs.values())
    for i, (name, kind, default) in enumerate(parameters(function)):
        if kind == inspect.Parameter.VAR_POSITIONAL:
            if not variadic:
                return f"takes no *{name}"
            continue
        by_position = kind != inspect.Parameter.KEYWORD_ONLY
        if by_position and not variadic and i >= len(positional):
            return f"takes no {i + 1} arguments by position ({name})"
        mine = positional[i] if by_position and i < len(positional) else theirs.get(name)
        if kind != inspect.Parameter.POSITIONAL_ONLY:
            if name not in theirs or theirs[name].kind == inspect.Parameter.POSITIONAL_ONLY:
                return f"takes no {name}= by name"
            if by_position and not variadic and positional[i].name != name:
                return f"has {positional[i].name} in the place of {name}"
            mine = theirs[name]
        if mine is not None and (default is REQUIRED) < (mine.default is REQUIRED):
            return f"demands {name}"
        if mine is not None and default is not REQUIRED and not same_default(name, mine.default, default):
            return f"has the default {name}={mine.default!r}, which is {default!r}"
    return ""


def same_default(name: str, mine: Any, theirs: Any) -> bool:
    """NumPy has placeholders for defaults, and 0 for false: what they do is seen in the calls."""
    return "no value" in repr(mine) or mine == theirs or (name, mine) in (("norm", None), ("dtype", float))


def find(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def of_functions(functions: list[Function]) -> tuple[int, list[str], list[str]]:
    """How many are checked, what fails in NumPy, and what only here."""
    checked, in_numpy, here = 0, [], []
    for function in functions:
        if function.name.startswith("Array."):
            continue
        checked += 1
        found = {}
        for module in (np, cnp):
            try:
                found[module] = fault(function, find(module, function.name))
            except (AttributeError, ValueError) as error:
                found[module] = str(error)
        if found[np]:
            in_numpy.append(f"{function.name} {found[np]}")
        if found[cnp] and not found[np]:
            here.append(f"{function.name} {found[cnp]}")
        elif found[cnp] != found[np] and found[cnp]:
            here.append(f"{function.name} {found[cnp]} (NumPy's {found[np]})")
    return checked, in_numpy, here


def of_the_array_object(functions: list[Function]) -> tuple[int, list[str]]:
    """How many attributes and methods are checked, and what traced values lack that arrays have."""
    wanted = [f for f in functions if f.name.startswith("Array.")]
    wrong: list[str] = []

    def look(how: str, x: Any) -> Any:
        for function in wanted:
            name = function.name.removeprefix("Array.")
            if not hasattr(type(x), name) and hasattr(np.ndarray, name):
                wrong.append(f"{how}: no {name}")
            elif callable(value := getattr(x, name, None)) and (found := fault(function, value)):
                wrong.append(f"{how}: {name} {found}")
        return x

    x = np.ones((2, 2))
    covector.jit(lambda x: look("jit", x))(x)
    covector.jvp(lambda x: look("jvp", x), (x,), (x,))
    covector.vmap(lambda x: look("vmap", x))(x[None])
    covector.grad(lambda x: look("grad", x).sum())(x)
    return len(wanted), wrong
