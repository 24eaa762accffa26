"""``vmap(f, branches="split")`` against a Python loop over the examples, and against the same written with ``np.where``.

python benchmarks/branches.py
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from timing import best, report

import covector as cv


def huber(x: Any) -> Any:
    if abs(x) < 1:
        return 0.5 * x * x
    return abs(x) - 0.5


def cube_root(a: Any) -> Any:
    x = 1.0
    while abs(x**3 - a) > 1e-9 * a:
        x = x - (x**3 - a) / (3 * x**2)
    return x


def compare(f: Any, xs: Any, masked: Any = None) -> None:
    batched = cv.vmap(f, branches="split")
    programs = {"vmap": lambda: batched(xs), "Python loop": lambda: [f(x) for x in xs]}
    np.testing.assert_allclose(batched(xs), [f(x) for x in xs])
    if masked is not None:
        programs["np.where"] = lambda: masked(xs)
    report(f"{f.__name__}, {len(xs)} examples", best(programs, rounds=5, number=1))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_000) * 2
    compare(huber, values, lambda x: np.where(np.abs(x) < 1, 0.5 * x * x, np.abs(x) - 0.5))
    compare(cube_root, np.exp(rng.normal(size=1_000)))
