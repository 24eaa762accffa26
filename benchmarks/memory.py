"""What checkpointing a long loop saves and costs: peak memory and time of a gradient for each schedule.

    python benchmarks/memory.py

The loop has 10,000 steps over a carry of 1 MB. Keeping all residuals would take more than 10 GB, so that row uses 200 steps.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import covector as cv
from covector import lax
from covector.lax.checkpointing.schedules import default_slots, fewest_advances

SIZE = 131_072  # numbers of 8 bytes: 1 MB


def step(c: Any, x: Any) -> Any:
    return 0.5 * np.sin(c) + x * c, None


def loss(checkpoint: Any) -> Any:
    return lambda c, xs: np.sum(lax.scan(step, c, xs, checkpoint=checkpoint)[0])


def measured(f: Any, *args: Any) -> tuple[float, float]:
    """Seconds of a call, and the peak of the memory that it allocates, in MB."""
    start = time.perf_counter()
    f(*args)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    f(*args)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return seconds, peak


def loss_online(checkpoint: Any) -> Any:
    """The same loop, of which nobody knows how long it will be."""
    body = lambda state: (state[0] + 1, step(state[1], 0.1)[0])
    return lambda c, xs: np.sum(lax.while_loop(lambda s: s[0] < len(xs), body, (0, c), checkpoint=checkpoint)[1])


def row(name: str, checkpoint: Any, steps: int, c: Any, forward: float, reverse: float, loss: Any = loss) -> None:
    xs = np.full(steps, 0.1)
    gradient = cv.grad(loss(checkpoint))
    gradient(c[:8], xs)  # traces and compiles
    seconds, peak = measured(gradient, c, xs)
    slots = default_slots(steps) if checkpoint == "binomial" else checkpoint
    note = ""
    if isinstance(slots, int):
        # the value (one sweep), the fewest advances after it, and each step once with its residuals and backwards
        best = (steps + fewest_advances(steps, slots) - (steps - 1)) * forward + steps * reverse
        note = f"   {slots} slots: {fewest_advances(steps, slots) / steps:.2f} advances a step; {seconds / best:.2f} x optimal"
    print(f"{name:<12} {steps:>6} steps  {seconds * 1e6 / steps:9.1f} us a step  {peak:8.1f} MB{note}", flush=True)


if __name__ == "__main__":
    carry = np.linspace(0.0, 1.0, SIZE)
    short = np.full(200, 0.1)
    value = loss(None)
    value(carry, short)
    forward = min(measured(value, carry, short)[0] for _ in range(3)) / len(short)
    everything = cv.grad(value)
    everything(carry, short)
    reverse = min(measured(everything, carry, short)[0] for _ in range(3)) / len(short)
    print(f"one step: {forward * 1e6:.0f} us; with its residuals and backwards: {reverse * 1e6:.0f} us")
    row("none", None, 200, carry, forward, reverse)
    row("sqrt", "sqrt", 200, carry, forward, reverse)
    row("binomial", "binomial", 200, carry, forward, reverse)
    row("10 slots", 10, 1000, carry, forward, reverse)
    row("sqrt", "sqrt", 10_000, carry, forward, reverse)
    row("binomial", "binomial", 10_000, carry, forward, reverse)
    row("while", None, 200, carry, forward, reverse, loss_online)
    row("while", 10, 200, carry, forward, reverse, loss_online)
    row("while", 38, 10_000, carry, forward, reverse, loss_online)
    row("while", 140, 10_000, carry, forward, reverse, loss_online)
