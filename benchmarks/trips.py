"""How far one has to walk through covector's code to follow an operation: calls, functions and files, by a profile hook.

    python benchmarks/trips.py

Counted are the calls of Python functions of covector's own while a program runs; "cold" is the first run of all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

import covector as cv
from covector import lax
from covector.primitives.constructors import elementwise

HOME = str(Path(cv.__file__).parent)


def trip(f: Callable[[], Any]) -> tuple[int, int, int]:
    """The calls that ``f()`` makes, of how many functions, in how many files."""
    calls: list[CodeType] = []

    def hook(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HOME):
            calls.append(frame.f_code)

    sys.setprofile(hook)
    try:
        f()
    finally:
        sys.setprofile(None)
    return len(calls), len(set(calls)), len({code.co_filename for code in calls})


def main() -> None:
    x = np.ones(10)
    gradient = cv.grad(lambda x: np.sum(np.sin(x) * x))
    softsign = elementwise("softsign", lambda x: x / (1 + np.abs(x)), lambda out, x: (1 - np.abs(out)) ** 2)
    own = cv.grad(lambda x: np.sum(softsign(x)))

    def loop() -> Any:
        return cv.grad(lambda x: np.sum(lax.scan(lambda c, y: (np.sin(c) * y, c), x, np.ones((5, 10)))[0]))(x)

    gradient(x)
    own(x)
    cold = trip(loop)
    rows = {
        "grad(sum(sin(x)*x))": trip(lambda: gradient(x)),
        "grad(scan), cold": cold,
        "grad(scan), warm": trip(loop),
        "own elementwise under grad": trip(lambda: own(x)),
    }
    print("calls / functions / files")
    for name, counts in rows.items():
        print(f"    {name:<28} {' / '.join(map(str, counts))}")


if __name__ == "__main__":
    main()
