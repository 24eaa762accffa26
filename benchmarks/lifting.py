"""What `covector.lift` costs: code that writes in place against the functional program by hand, and plain work inside a lift.

    python benchmarks/lifting.py

Each pair is run in turn, and the ratio of the two is the median of the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import covector as cv


def heat(u: Any, steps: int = 100) -> Any:
    """The heat equation, in place."""
    u = np.array(u, dtype=float)
    for _ in range(steps):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


def heat_by_hand(u: Any, steps: int = 100) -> Any:
    """The same as a function of values."""
    for _ in range(steps):
        u = cv.at(u)[1:-1].add(0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]))
    return np.sum(u**2)


def pendulum(x: Any, steps: int = 200) -> Any:
    """A loop over two numbers."""
    v = 0.0
    for _ in range(steps):
        v = v - 0.01 * np.sin(x)
        x = x + 0.01 * v
    return x


def pendulum_in_table(x: Any, steps: int = 200) -> Any:
    """The same with its path in a table."""
    path = np.zeros(steps + 1)
    path[0], v = x, 0.0
    for i in range(steps):
        v = v - 0.01 * np.sin(path[i])
        path[i + 1] = path[i] + 0.01 * v
    return path[-1] + path.sum()


def pendulum_in_table_by_hand(x: Any, steps: int = 200) -> Any:
    """The table as a function of values."""
    path = cv.at(np.zeros(steps + 1))[0].set(x)
    v = 0.0
    for i in range(steps):
        v = v - 0.01 * np.sin(path[i])
        path = cv.at(path)[i + 1].set(path[i] + 0.01 * v)
    return path[-1] + path.sum()


def plain_work(n: int = 1000) -> Any:
    """Work with known arrays, as the set-up of a problem does it."""
    x = np.linspace(0.0, 1.0, n)
    table = np.zeros((20, n))
    for k in range(20):
        table[k] = np.sin((k + 1) * x) + x**2
        table[k, ::2] *= 0.5
        table[k] -= table[k].mean()
    gram = table @ table.T
    gram[np.diag_indices(20)] += 1.0
    return np.where(gram > 0, gram, 0.0).sum()


def plain_in_numpy() -> Any:
    """The same in NumPy alone."""
    return plain_work()


def ratio(f: Callable[[], Any], g: Callable[[], Any], seconds: float = 2.0) -> tuple[float, float, float]:
    """The median times of f and g in ms, and the median of their ratio, run in turn."""
    pairs = []
    f(), g()
    end = time.thread_time() + seconds
    while time.thread_time() < end or len(pairs) < 5:
        times = []
        for h in (f, g):
            start = time.thread_time()
            h()
            times.append((time.thread_time() - start) * 1e3)
        pairs.append(times)
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median([a / b for a, b in pairs])


def in_lift(f: Callable[[], Any]) -> Callable[[], Any]:
    """``f`` as it is called in lifted code, beside traced values."""
    return lambda: cv.jvp(cv.lift(lambda x: x + 0 * f()), (1.0,), (1.0,))


def main() -> None:
    u = np.sin(np.linspace(0, 3, 10_000))
    table = {
        "grad, heat equation, 10,000 x 100": (lambda: cv.grad(cv.lift(heat))(u), lambda: cv.grad(heat_by_hand)(u)),
        "grad, numbers, 200 steps": (lambda: cv.grad(cv.lift(pendulum))(1.0), lambda: cv.grad(pendulum)(1.0)),
        "grad, table, 200 steps": (
            lambda: cv.grad(cv.lift(pendulum_in_table))(1.0),
            lambda: cv.grad(pendulum_in_table_by_hand)(1.0),
        ),
        "plain work, 20 rows of 1,000": (in_lift(plain_work), plain_in_numpy),
    }
    print(f"{'CPU time, ms':36} {'lifted':>9} {'by hand':>9} {'ratio':>6}")
    for name, (f, g) in table.items():
        print("{:36} {:9.2f} {:9.2f} {:6.2f}".format(name, *ratio(f, g)))
    for name, f, g, x in (
        ("heat", heat, heat_by_hand, u),
        ("numbers", pendulum, pendulum, 1.0),
        ("table", pendulum_in_table, pendulum_in_table_by_hand, 1.0),
    ):
        programs = [cv.make_jaxpr(cv.lift(f))(x), cv.make_jaxpr(g)(x)]
        print(f"equations, {name:25}", *[f"{len(p.equations):9}" for p in programs])


if __name__ == "__main__":
    main()
