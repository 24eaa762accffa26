"""The size of what a researcher reads: the kernel stays under 2,500 lines of code, and every file of the package under 600.

The kernel is what a new interpreter builds on: avals, primitives, traces and their context, tracers, programs, and the
interpreters evaluate, jvp, linearize, transpose, batch and stage.  (core, interpreters and transforms together were watched
before; what keeps derivatives right when somebody else writes, and the messages, came on top.)

A line of code is one that is not blank, not a comment and not part of a docstring.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "covector"
FOLDERS = ("core", "interpreters", "passes", "backends", "primitives", "transforms")
KERNEL = [
    *(f"core/{name}.py" for name in ("avals", "primitive", "context", "tracer", "jaxpr")),
    *(f"interpreters/{name}.py" for name in ("evaluate", "jvp", "linearize", "transpose", "batch", "stage")),
]
MAX_KERNEL, MAX_FILE = 2_500, 600
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> int:
    """The number of lines of code in a Python source."""
    strings = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    docs = {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in LAYOUT]
    return len({line for t in tokens for line in range(t.start[0], t.end[0] + 1)} - docs)


def main() -> int:
    texts = {p.relative_to(PACKAGE).as_posix(): p.read_text() for p in sorted(PACKAGE.rglob("*.py"))}
    failures = [f"{name} is not there: where has that part of the kernel gone?" for name in KERNEL if name not in texts]
    lengths = {name: len(text.splitlines()) for name, text in texts.items()}
    failures += [f"{name} has {n} lines: the limit is below {MAX_FILE}" for name, n in lengths.items() if n >= MAX_FILE]
    code = {name: code_lines(text) for name, text in texts.items()}
    for folder in (*FOLDERS, ""):
        names = [name for name in code if name.startswith(f"{folder}/" if folder else "")]
        total, lines = sum(code[n] for n in names), sum(lengths[n] for n in names)
        print(f"{total:6d} lines of code, {lines:6d} with documentation  covector/{folder}")
    kernel = sum(code.get(name, 0) for name in KERNEL)
    print(f"{kernel:6d} lines of code in the kernel: the limit is below {MAX_KERNEL}")
    if kernel >= MAX_KERNEL:
        failures.append("the kernel has too much code")
    print(*failures, sep="\n", end="\n" if failures else "")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
