"""What a step of a loop costs: eager ``scan`` and its gradient against a Python loop over the same NumPy calls.

python benchmarks/control_flow.py
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from timing import best, report

import covector as cv
from covector import lax

STEPS = 1000


def body(c: Any, x: Any) -> Any:
    """Five operations."""
    product = c * x
    wave = np.sin(product)
    return np.tanh(wave + c), wave * x


def python_loop(c: Any, xs: Any) -> Any:
    ys = []
    for x in xs:
        c, y = body(c, x)
        ys.append(y)
    return c, np.stack(ys)


def loops(size: int) -> None:
    rng = np.random.default_rng(0)
    init, xs = rng.normal(size=size), rng.normal(size=(STEPS, size))
    gradient = cv.grad(lambda c, xs: np.sum(lax.scan(body, c, xs)[0]), argnums=(0, 1))
    np.testing.assert_allclose(lax.scan(body, init, xs)[1], python_loop(init, xs)[1])
    times = best(
        {
            "scan": lambda: lax.scan(body, init, xs),
            "Python loop": lambda: python_loop(init, xs),
            "gradient": lambda: gradient(init, xs),
        },
        rounds=15,
        number=1,
    )
    report(f"scan, 5 operations a step, {size} elements", times, STEPS, "<= 1.5 x the Python loop")
    print(f"    gradient / scan = {times['gradient'] / times['scan']:.2f}   (<= 4)")


def batches(size: int) -> None:
    """A batch of loops in which most examples are done early: vmap goes on with those that are not."""
    starts = np.full(size, 0.9)
    starts[: size // 50] = 1e-3  # one in fifty needs about ten times as many steps

    def doubled(x: Any) -> Any:
        return lax.while_loop(lambda v: v < 1.0, lambda v: v * 1.05 + np.sin(v) * 1e-3, x)

    def all_go_on(x: Any) -> Any:
        while np.any(x < 1.0):
            x = np.where(x < 1.0, x * 1.05 + np.sin(x) * 1e-3, x)
        return x

    batched = cv.vmap(doubled)
    np.testing.assert_allclose(batched(starts), all_go_on(starts))
    times = best({"vmap": lambda: batched(starts), "NumPy, masked": lambda: all_go_on(starts)}, rounds=10, number=1)
    report(f"vmap of while_loop, {size} examples, one in 50 is long", times)


def tables(rows: int) -> None:
    """Gradients of 200 reads of a table, and of 200 writes to it, against the same by hand, in place."""
    table, places = np.linspace(0.0, 1.0, rows), np.random.default_rng(0).integers(0, 1000, 200)
    others = places * 7 % 1000

    def read(t: Any) -> Any:
        return lax.scan(lambda c, i: (c + 0.01 * c * np.sin(t[i]), None), 1.0, places)[0]

    def write(t: Any) -> Any:
        step = lambda t, ij: (cv.at(t)[ij[0]].set(np.sin(t[ij[1]])), None)
        return np.sum(lax.scan(step, t, (places, others))[0])

    def read_by_hand() -> Any:
        c, ct, kept, out = 1.0, 1.0, [], np.zeros(rows)
        for i in places:
            x = table[i]
            s = np.sin(x)
            kept.append((i, np.cos(x), s, c))
            c = c + 0.01 * c * s
        for i, cos, s, before in reversed(kept):
            out[i] += ct * 0.01 * before * cos
            ct = ct + ct * 0.01 * s
        return out

    def write_by_hand() -> Any:
        t, kept, ct = table.copy(), [], np.ones(rows)
        for i, j in zip(places, others, strict=True):
            kept.append((i, j, np.cos(t[j])))
            t[i] = np.sin(t[j])
        for i, j, slope in reversed(kept):
            part = ct[i]
            ct[i] = 0.0
            ct[j] += part * slope
        return ct

    pairs = {"read": (cv.grad(read), read_by_hand), "written": (cv.grad(write), write_by_hand)}
    for name, (gradient, by_hand) in pairs.items():
        np.testing.assert_allclose(gradient(table), by_hand(), rtol=1e-12, atol=1e-14)
        times = best({"gradient": lambda g=gradient: g(table), "by hand": by_hand}, rounds=10, number=1)
        report(f"table of {rows} rows {name} at 200 places", times)


def table_beside(rows: int, steps: int) -> None:
    """A loop that changes one row of a table beside plain arithmetic: the table is copied once, not in each step."""
    table = np.zeros(rows)

    def step(carry: Any, i: Any) -> Any:
        t, s = carry
        s = np.abs(s * 0.99 - 0.1) + 0.5 * t[0]
        return (cv.at(t)[i].add(s), s), None

    def in_place() -> Any:
        t, s = table.copy(), 1.0
        for i in places:
            s = abs(s * 0.99 - 0.1) + 0.5 * t[0]
            t[i] += s
        return t

    places = np.arange(1, steps + 1)
    f = cv.jit(lambda t: lax.scan(step, (t, 1.0), places)[0][0])
    np.testing.assert_allclose(f(table), in_place())
    times = best({"scan": lambda: f(table), "in place": in_place}, rounds=5, number=1)
    report(f"table of {rows} rows written to {steps} times beside arithmetic", times, steps)


if __name__ == "__main__":
    for n in (1, 10, 1000):
        loops(n)
    batches(10_000)
    for n in (1_000, 1_000_000):
        tables(n)
    table_beside(1_000_000, 2_000)
