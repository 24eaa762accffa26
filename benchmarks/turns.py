"""Measuring programs that take turns, so that what else the machine does disturbs all of them."""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.program import described
from benchmarks.workloads import WORKLOADS

TURN = 0.004
"""Seconds that a turn takes at least: short calls are repeated."""
REST = 0.03
"""Seconds before a turn: threads of libraries look for more work for so long after a call, on the processors of the next."""
LEAST, ROUNDS = 3, 31
LONGEST = 3
"""How often its time the first program may take, while others have some left."""
LIMIT = 5.0
"""Where nothing is compiled, and the first call takes more seconds, it is the only one."""


def measured(workload: str, programs: dict[str, Any], seconds: float, firsts: int) -> dict[str, Any]:
    """The figures of a workload: for each program times, ratios to the first program, memory, or an error.

    Args:
        workload: its name.
        programs: `Local` or `Remote` ones by name.
        seconds: how long each program may run in turns, about.
        firsts: how often a first result is timed.
    """
    record: dict[str, Any] = {"kept_aside": WORKLOADS[workload].kept_aside, "load": os.getloadavg()[0], "programs": {}}
    found: dict[str, Any] = record["programs"]
    running: dict[str, Any] = {}
    ours = next(iter(programs))
    for name, program in programs.items():
        if not program.applies(workload):
            found[name] = {"error": "has no derivatives"}
            continue
        try:
            found[name] = started(program, workload, firsts, math.inf if name == ours or program.compiles() else LIMIT)
            running[name] = program
        except Exception as error:
            found[name] = {"error": described(error)}
    if ours not in running:
        return record
    compare_results(found, running, WORKLOADS[workload].tolerance)
    times = rounds({name: p for name, p in running.items() if not found[name]["is_only_call"]}, seconds)
    for name in running:
        own = times.get(name, np.array([found[name]["first"]]))
        base = times[ours][: len(own)] if name in times else np.median(times[ours])
        found[name] |= {"seconds": spread(own), "ratio": spread(own / base), "rounds": len(times.get(name, ()))}
    return record


def started(program: Any, workload: str, firsts: int, limit: float) -> dict[str, Any]:
    """First results, and memory: what the process has at the peak of a call beyond what it had before the workload.

    Where a call takes longer than ``limit`` seconds it is the only one.
    """
    before = program.resident()
    times = [program.first(workload)]
    if times[0] > limit:
        return {"first": times[0], "memory": None, "left_to_numpy": [], "is_only_call": True}
    while len(times) < firsts and sum(times) < LIMIT:
        times.append(program.first(workload))
    program.settle()
    peak = program.peak()
    memory = None if before is None or peak is None else max(peak - before, 0)
    return {
        "first": float(np.median(times)),
        "memory": memory,
        "left_to_numpy": program.left_to_numpy(),
        "is_only_call": False,
    }


def compare_results(found: dict[str, Any], running: dict[str, Any], tolerance: float) -> None:
    """Say how far each result is from that of the first program that differentiates, and what is not equal."""
    reference: list[Any] | None = None
    for name, program in running.items():
        if name == "numpy":
            continue  # its results are values, not derivatives
        numbers = program.numbers()
        reference = reference or numbers
        found[name]["difference"] = apart = difference(numbers, reference)
        found[name]["equal"] = apart <= tolerance


def difference(numbers: Sequence[Any], reference: Sequence[Any]) -> float:
    """The largest difference, relative to the largest number of each array; infinite where shapes or dtypes differ."""
    if [(x.shape, x.dtype) for x in numbers] != [(y.shape, y.dtype) for y in reference]:
        return math.inf
    apart = 0.0
    for x, y in zip(numbers, reference, strict=True):
        if x.size:
            largest = float(np.max(np.abs(y)))
            error = float(np.max(np.abs(x - y)))
            apart = max(apart, error / largest if largest else error)
            if math.isnan(error):
                return math.inf
    return apart


def rounds(running: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The seconds a call of each program in each round.  One that has had its time leaves, and the others go on.

    The first program stays as long as another does, so that its times are those of the same rounds.
    """
    numbers = {name: max(1, math.ceil(TURN / max(program.seconds(1), 1e-7))) for name, program in running.items()}
    ours, *peers = running
    times: dict[str, list[float]] = {name: [] for name in running}
    gc.collect()
    gc.disable()
    try:
        for i in range(ROUNDS):
            waiting = [n for n in peers or [ours] if i < LEAST or sum(times[n]) * numbers[n] < seconds]
            if not waiting or (i >= LEAST and sum(times[ours]) * numbers[ours] > LONGEST * seconds):
                break
            for name in dict.fromkeys([ours, *waiting]):
                time.sleep(REST)
                times[name].append(running[name].seconds(numbers[name]))
    finally:
        gc.enable()
    return {name: np.array(t) for name, t in times.items()}


def spread(xs: Any) -> dict[str, float]:
    """The median, and the quartiles around it."""
    low, median, high = np.quantile(xs, [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high), "least": float(np.min(xs))}
