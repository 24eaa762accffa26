"""A wrong program made small: lines and expressions are dropped as long as it goes wrong in the same way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from checks import check
from oracle import Program


def is_value(n: ast.AST) -> bool:
    if isinstance(n, ast.Attribute):
        return n.attr in ("T", "real", "imag", "flat")
    if isinstance(n, ast.Name):
        return n.id != "np"
    return isinstance(n, ast.expr) and not isinstance(n, (ast.Slice, ast.Constant))


def simpler(text: str) -> Iterator[str]:
    """The text with one expression replaced by a part of it, or by a number."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            places = enumerate(value) if isinstance(value, list) else [(None, value)]
            for i, old in places:
                if not isinstance(old, ast.expr) or not isinstance(getattr(old, "ctx", ast.Load()), ast.Load):
                    continue
                parts = [n for n in ast.walk(old) if is_value(n) and n is not old]
                for new in parts[:4] + [ast.Constant(0.5)] * (not isinstance(old, ast.Constant)):
                    setattr(node, field, new) if i is None else value.__setitem__(i, new)
                    yield ast.unparse(tree)
                setattr(node, field, old) if i is None else value.__setitem__(i, old)


def inlined(p: Program, i: int) -> Program | None:
    """Without a variable: what it was bound to in its place."""
    found = re.fullmatch(r"(\w+) = (.+)", p.lines[i])
    if found is None:
        return None
    name, text = found.groups()
    put = lambda line: re.sub(rf"\b{name}\b(?!')", lambda _: text, line)
    return replace(p, lines=p.lines[:i] + tuple(map(put, p.lines[i + 1 :])), returned=tuple(map(put, p.returned)))


def smaller(p: Program) -> Iterator[Program]:
    for i in range(len(p.lines)):
        yield replace(p, lines=p.lines[:i] + p.lines[i + 1 :])
    yield from filter(None, (inlined(p, i) for i in range(len(p.lines))))
    for i in range(len(p.returned) * (len(p.returned) > 1)):
        yield replace(p, returned=p.returned[:i] + p.returned[i + 1 :])
    inside = [(i, text) for i, text in enumerate(p.lines) if "while " not in text]  # a loop may never end without a part
    for i, text in inside:
        parts = text.split("\n")
        for k in range(len(parts) * (len(parts) > 1)):
            rest = parts[:k] + parts[k + 1 :]
            if parts[k].startswith(("for", "if", "while")):
                rest = [s.strip() for s in rest]
            yield replace(p, lines=(*p.lines[:i], "\n".join(rest), *p.lines[i + 1 :]))
    for i, text in inside:
        for new in simpler(text):
            yield replace(p, lines=(*p.lines[:i], new, *p.lines[i + 1 :]))
    for k, i in enumerate(p.inputs):
        rest = (p.inputs[:k], p.inputs[k + 1 :])
        if not any(re.search(rf"\b{i.name}\b", text) for text in p.lines + p.returned) and len(p.inputs) > 1:
            yield replace(p, inputs=rest[0] + rest[1])
        if i.layout != "C":
            yield replace(p, inputs=(*rest[0], replace(i, layout="C"), *rest[1]))
        if i.role != "traced":
            yield replace(p, inputs=(*rest[0], replace(i, role="traced"), *rest[1]))
        elif k:
            yield replace(p, inputs=(*rest[0], replace(i, role="plain"), *rest[1]))
        if str(i.values.dtype) not in ("float64", "int64"):
            yield replace(p, inputs=(*rest[0], replace(i, values=np.real(i.values).astype(float)), *rest[1]))


def minimise(program: Program, mode: str, tries: int = 1500) -> Program:
    """A program that goes wrong in the same way, from which nothing can be dropped."""

    def kind(p: Program) -> str:
        try:
            text = check(p, (mode,)).get(mode, "") if p.active else ""
        except SyntaxError:
            return ""
        return " ".join(re.sub(r"[\d.]+", "0", text).split()[:4]) + text.partition(", NumPy ")[2]

    wanted = kind(program)
    found = wanted.startswith("wrong")
    while found and tries > 0:
        found = False
        for candidate in smaller(program):
            tries -= 1
            if len(candidate.script()) < len(program.script()) and kind(candidate) == wanted:
                program, found = candidate, True
                break
            if tries < 0:
                break
    return program
