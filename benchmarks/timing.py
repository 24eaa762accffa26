"""Timing that two programs can be compared by on a noisy machine: they take turns, and each keeps its best time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def once(f: Callable[[], Any], number: int) -> float:
    """Seconds a call of ``f``, over ``number`` calls."""
    start = time.perf_counter()
    for _ in range(number):
        f()
    return (time.perf_counter() - start) / number


def best(programs: dict[str, Callable[[], Any]], rounds: int = 30, number: int = 3) -> dict[str, float]:
    """The best time in seconds of each program, the programs taking turns."""
    for f in programs.values():
        f()
    times = {name: float("inf") for name in programs}
    for _ in range(rounds):
        for name, f in programs.items():
            times[name] = min(times[name], once(f, number))
    return times


def report(title: str, times: dict[str, float], per: int = 1, limits: str = "") -> None:
    """Print times in microseconds and the ratio of the first program to each other."""
    names = list(times)
    ours = times[names[0]]
    print(f"{title}{'  (' + limits + ')' if limits else ''}")
    for name in names:
        ratio = "" if name == names[0] else f"   {names[0]} / {name} = {ours / times[name]:.2f}"
        print(f"    {name:<12} {times[name] * 1e6 / per:9.2f} us{' an operation' if per > 1 else ''}{ratio}")
