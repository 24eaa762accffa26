"""Writes ``docs/coverage.md``, what works of each function: ``python docs/coverage.py``; with ``--check`` it compares instead.

The names are those of the registries and of the modules, the calls those of the tests (`coverage_calls`).  A mark is what the
rules of the primitives make of a call: the derived program is made, but no number is compared, which the tests do.  One of them
compares the file with what this would write.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from coverage_calls import Example, Examples, of_lax, of_lax_linalg, of_nn, of_numpy, of_random, of_scipy

import covector as cv
from covector import errors
from covector.core.pytrees import tree_leaves

PAGE = Path(__file__).with_name("coverage.md")
VERSIONS = f"The names are those of NumPy {np.__version__[:3]} and SciPy {scipy.__version__[:4]}."
COLUMNS = ("forward", "reverse", "second", "batched", "staged")

INTRODUCTION = """\
# What works of each function

Written by `docs/coverage.py` from the rules of the primitives that a call of each function applies; the calls are those of the
tests, which say that the numbers are right. **forward** is `jvp`, **reverse** `vjp` and `grad`, **second** the derivative of
the gradient, **batched** `vmap`, **staged** `jit` and loops.

| mark | meaning |
|---|---|
| yes | the rules are there |
| 0 | the result is constant between jumps, or an integer or boolean: every derivative is zero |
| – | no argument is a real or complex number |
| values | the shape or dtype of the result depends on values: it works where these are known, and is refused where not |
| no | refused, by an error that says so |
| ? | no call is written in `docs/coverage_calls.py` |
"""


def is_inexact(x: Any) -> bool:
    return cv.typeof(x).dtype.kind in "fc"


# --- marks ------------------------------------------------------------------------------------------------------------


def attempt(derive: Callable[[], Any], error: type[Exception], otherwise: str) -> str:
    """What ``derive`` says, or "yes"; or what an error of this type means."""
    try:
        return str(derive() or "yes")
    except error:
        return otherwise


def marks(example: Example) -> list[str]:
    """Forward, reverse, second, batched, staged."""
    f, args = example
    free = [i for i, a in enumerate(args) if is_inexact(a)]
    at = tuple(np.asarray(args[i]) for i in free)
    ones = tuple(np.ones_like(a) for a in at)

    def total(*given: Any) -> Any:
        """The sum of the real parts of all numbers in the result, as a function of what can be differentiated."""
        all_args = list(args)
        for i, a in zip(free, given, strict=True):
            all_args[i] = a
        leaves = [x for x in tree_leaves(f(*all_args)) if is_inexact(x)]
        return sum((np.sum(np.real(x)) for x in leaves), 0.0)

    def forward() -> str:
        program = cv.make_jaxpr(lambda *t: cv.jvp(total, at, t)[1])(*ones)
        used = {id(v) for e in program.equations for v in e.inputs} | {id(v) for v in program.out_vars}
        return "yes" if any(id(v) in used for v in program.in_vars) else "0"

    def reverse() -> None:
        out, pull = cv.vjp(total, *at)
        cv.make_jaxpr(pull)(np.ones((), out.dtype))

    def second() -> None:
        cv.make_jaxpr(lambda *t: cv.jvp(cv.grad(total, tuple(range(len(at)))), at, t)[1])(*ones)

    derivatives = ["0" if free else "–"] * 3
    if free and (first := attempt(forward, errors.NonDifferentiableError, "no")) != "0":
        derivatives = [
            first,
            attempt(reverse, errors.NonDifferentiableError, "no"),
            attempt(second, errors.NonDifferentiableError, "no"),
        ]
    two = tuple(np.stack([np.asarray(a)] * 2) for a in args)
    return [
        *derivatives,
        attempt(lambda: cv.make_jaxpr(cv.vmap(f))(*two) and "yes", errors.ConcretizationError, "values") if args else "yes",
        attempt(lambda: cv.make_jaxpr(f)(*args) and "yes", errors.ConcretizationError, "values"),
    ]


# --- the page ---------------------------------------------------------------------------------------------------------

Row = tuple[str, list[str]]


def rows(examples: Examples) -> list[Row]:
    """Names with their marks; the methods of a distribution that have the same marks are in one row."""
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for name, example in examples:
        owner, _, method = name.partition(".") if ".log" in name or name.split(".")[-1] in METHODS else (name, "", "")
        marked = ["?"] * len(COLUMNS) if example is None else marks(example)
        found.setdefault((owner, "." if method else "", tuple(marked)), []).append(method)
    return [(owner + f"`: `{', '.join(methods)}" * bool(dot), list(marked)) for (owner, dot, marked), methods in found.items()]


METHODS = {"pdf", "cdf", "sf", "ppf", "isf", "pmf"}


def line(name: str, marked: list[str]) -> str:
    """A row of a table; what follows a comma in the name is no name."""
    head, but, rest = name.partition(", but")
    return f"| `{head}`{but}{rest} | {' | '.join(marked)} |"


def sections() -> Iterator[tuple[str, list[Row]]]:
    """The titles with their rows."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        others = [("lax", of_lax()), ("lax.linalg", of_lax_linalg()), ("nn", of_nn()), ("random", of_random())]
        for title, examples in [("numpy", of_numpy()), *of_scipy(), *others]:
            yield title, rows(examples)


def table(first: str, lines: list[str]) -> str:
    columns = first.split("|") + list(COLUMNS)
    return f"| {' | '.join(c.strip() for c in columns)} |\n{'|---' * len(columns)}|\n" + "\n".join(lines) + "\n"


def page() -> str:
    """The text of the whole page."""
    found = list(sections())
    counts = [[sum(marked[i] == "yes" for _, marked in rows) for i in range(len(COLUMNS))] for _, rows in found]
    lines = [f"| `{t}` | {len(r)} | {' | '.join(map(str, c))} |" for (t, r), c in zip(found, counts, strict=True)]
    parts = [f"## {title}\n\n{table('function', [line(*row) for row in rows])}" for title, rows in found]
    return "\n".join([INTRODUCTION, VERSIONS, "\nHow many rows say yes:\n", table(" | rows", lines), *parts])


def check() -> str:
    """What is wrong with the page as it is, or nothing."""
    written = PAGE.read_text(encoding="utf-8")
    if VERSIONS not in written:
        print(f"not compared, for names come and go between versions: {VERSIONS}")
        return ""
    text = page()
    lines = difflib.unified_diff(
        written.splitlines(), text.splitlines(), "docs/coverage.md", "python docs/coverage.py", lineterm=""
    )
    return "" if written == text else "\n".join(["run docs/coverage.py", *list(lines)[:40]])


if __name__ == "__main__":
    if "--check" in sys.argv:
        raise SystemExit(check() or 0)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"covector {cv.__version__}: {PAGE} written")
