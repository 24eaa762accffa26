"""The text of the array API standard as data: `functions(path)` are its functions and methods, each with parameters and prose.

The text is that of the package ``array-api`` on PyPI (typed stubs made from the standard's own).  It is read and not imported:
its syntax is newer than the oldest Python that covector runs on.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MISSING = """
The text of the standard is not installed:    python -m pip install --no-deps array-api==1.0.0
(or give the path of its wheel: python tests/numpy/standard --text array_api-1.0.0-py3-none-any.whl)
"""


@dataclass(frozen=True)
class Function:
    """What the standard says of one function: `name` is dotted as in a namespace, a method's begins with ``Array.``."""

    name: str
    parameters: ast.arguments
    text: str


def source(path: str | None, version: str) -> str:
    """The stubs of one version of the standard (``2024_12``, ``draft``), from the package or from its wheel."""
    name = f"_{version}.py"
    if path is not None:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(f"array_api/{name}").decode()
    found = importlib.util.find_spec("array_api")
    if found is None or found.origin is None:
        raise SystemExit(MISSING)
    return (Path(found.origin).parent / name).read_text(encoding="utf-8")


def functions(text: str) -> list[Function]:
    """All functions and methods.  (Type parameters of classes are taken out, which Python 3.11 does not read.)"""
    text = re.sub(r"^class (\w+)\[[^(]*\]\(", r"class \1(", text, flags=re.M)
    classes = [c for c in ast.parse(re.sub(r"^type .*$", "", text, flags=re.M)).body if isinstance(c, ast.ClassDef)]
    by_name = {c.name: c for c in classes}
    found = []
    for namespace, prefix in {"ArrayNamespace": "", "LinalgNamespace": "linalg.", "FftNamespace": "fft."}.items():
        for name in names(by_name[namespace]):
            if name in by_name:
                call = next(m for m in methods(by_name[name]) if m.name == "__call__")
                found.append(Function(prefix + name, call.args, ast.get_docstring(by_name[name]) or ""))
    for method in methods(by_name["Array"]):
        if method.name != "__init__":
            found.append(Function(f"Array.{method.name}", method.args, ast.get_docstring(method) or ""))
    return found


def methods(of: ast.ClassDef) -> list[ast.FunctionDef]:
    return [m for m in of.body if isinstance(m, ast.FunctionDef)]


def names(of: ast.ClassDef) -> Iterator[str]:
    for line in of.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id


def sentences(text: str) -> list[str]:
    """The sentences of a docstring that say what a result is under a condition."""
    lines = (line.strip() for line in text.split("\n"))
    found = [re.sub(r"^-\s+", "", line) for line in lines if re.match(r"-\s", line)]
    says = re.compile(r"(?:If|Similarly, if) .*(?:the result (?:is|has) |component of the result)")
    return [sentence for sentence in found if says.match(sentence)]
