"""The size of what a researcher reads first: core, interpreters and transforms stay under 5,000 lines of code.

(The foundation alone stayed under 4,000; custom rules, checkpointing, callbacks and split batches came on top.)

A line of code is one that is not blank, not a comment and not part of a docstring.  Each file stays under 600 lines of any
kind.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

FOLDERS = ("core", "interpreters", "transforms")
MAX_CODE, MAX_FILE = 5_000, 600
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
    failures = []
    total_code = total_lines = 0
    for folder in FOLDERS:
        code = lines = 0
        for path in sorted(Path("covector", folder).glob("**/*.py")):
            text = path.read_text()
            n = len(text.splitlines())
            code, lines = code + code_lines(text), lines + n
            if n >= MAX_FILE:
                failures.append(f"{path} has {n} lines: the limit is below {MAX_FILE}")
        print(f"{code:6d} lines of code, {lines:6d} with documentation  covector/{folder}")
        total_code, total_lines = total_code + code, total_lines + lines
    print(f"{total_code:6d} lines of code, {total_lines:6d} with documentation  in all: the limit is below {MAX_CODE} of code")
    if total_code >= MAX_CODE:
        failures.append("too much code")
    print(*failures, sep="\n", end="\n" if failures else "")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
