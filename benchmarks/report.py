"""What was measured: a table, JSON, and a picture."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

Results = dict[str, Any]


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "settings": {k: v for k, v in os.environ.items() if k.startswith(("COVECTOR_", "OMP_", "OPENBLAS_", "MKL_", "XLA_"))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def ratios(workloads: Results, peer: str, kept_aside: bool | None = None) -> dict[str, float]:
    """The median ratios of a peer, by workload."""
    return {
        name: record["programs"][peer]["ratio"]["median"]
        for name, record in workloads.items()
        if "ratio" in record["programs"].get(peer, {}) and kept_aside in (None, record["kept_aside"])
    }


def geometric_mean(xs: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(list(xs)))))


def in_order(workloads: Results, peers: list[str]) -> list[str]:
    """The workloads, those at the end that are kept aside; the smallest ratio to the first peer that has one first."""

    def key(name: str) -> tuple[bool, float]:
        programs = workloads[name]["programs"]
        found = [programs[p]["ratio"]["median"] for p in peers if "ratio" in programs.get(p, {})]
        return workloads[name]["kept_aside"], found[0] if found else float("inf")

    return sorted(workloads, key=key)


def duration(seconds: float) -> str:
    for unit, size in ("s", 1.0), ("ms", 1e-3), ("us", 1e-6):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(workloads: Results, ours: str, peers: list[str]) -> str:
    """Rows of workloads.  A cell of a peer: how many times ours its time is (quartiles); its first result; its memory."""
    rows = [["workload", ours, "first", "MB", *(h for p in peers for h in (f"x {p}", "first", "MB"))]]
    aside = False
    for name in in_order(workloads, peers):
        record = workloads[name]
        if record["kept_aside"] and not aside:
            aside = True
            rows.append(["-- kept aside", *[""] * (len(rows[0]) - 1)])
        rows.append(row(name, record, ours, peers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:], strict=True))]) for r in rows]
    return "\n".join(line.rstrip() for line in lines)


def row(name: str, record: Any, ours: str, peers: list[str]) -> list[str]:
    programs = record["programs"]
    own = programs[ours]
    if "error" in own:
        return [name, own["error"][:40], *[""] * (2 + 3 * len(peers))]
    cells = [name, duration(own["seconds"]["median"]), duration(own["first"]), megabytes(own["memory"])]
    for peer in peers:
        found = programs.get(peer, {"error": "-"})
        if "error" in found:
            cells += ["-" if peer == "numpy" else "error", "", ""]
            continue
        ratio, first = found["ratio"], found["first"] / own["first"]
        mark = "" if found.get("equal", True) else " DIFFERS"
        spread = f"{ratio['low']:.2f}-{ratio['high']:.2f}" if found["rounds"] else "one call"
        cells.append(f"{ratio['median']:.2f} ({spread}){mark}")
        cells += [f"{first:.1f}", megabytes(found["memory"])]
    return cells


def megabytes(memory: int | None) -> str:
    return "" if memory is None else f"{memory / 2**20:.1f}"


def summaries(workloads: Results, ours: str, peers: list[str]) -> str:
    """Geometric means, the cost of a call, results that are not equal, errors."""
    lines = []
    for peer in peers:
        for title, kept in ("", False), (" on those kept aside", True):
            found = ratios(workloads, peer, kept)
            if found:
                worst = min(found, key=lambda w: found[w])
                mean = geometric_mean(found.values())
                what = "the value alone takes" if peer == "numpy" else "takes"
                text = f"{peer} {what} {mean:.2f} x the time of {ours} (geometric mean of {len(found)}){title};"
                lines.append(f"{text} least {found[worst]:.2f} ({worst})")
    if "tiny" in workloads:
        calls = {n: p["seconds"]["median"] for n, p in workloads["tiny"]["programs"].items() if "seconds" in p}
        lines.append("a call: " + ", ".join(f"{n} {duration(t)}" for n, t in calls.items()))
    for name, record in workloads.items():
        for program, found in record["programs"].items():
            if not found.get("equal", True):
                lines.append(f"NOT EQUAL: {name} in {program}, by {found['difference']:.1e}")
            if "error" in found and program != "numpy":
                lines.append(f"error: {name} in {program}: {found['error']}")
    return "\n".join(lines)


def left_to_numpy(workloads: Results, ours: str) -> str:
    """What the native backend of the first program did not compile."""
    lines = []
    for name, record in workloads.items():
        left = record["programs"][ours].get("left_to_numpy")
        if left:
            counts = {n: left.count(n) for n in left}
            lines.append(f"{name}: " + ", ".join(n if k == 1 else f"{n} x{k}" for n, k in counts.items()))
    return "\n".join(lines)


def write_json(path: Path, report: Results) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n")


def picture(path: Path, workloads: Results, ours: str, peers: list[str]) -> None:
    """One bar for each workload and peer: how many times ours its time is; quartiles as whiskers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = in_order(workloads, peers)[::-1]
    height = 0.8 / len(peers)
    figure, axes = plt.subplots(figsize=(9, 1.5 + (0.2 + 0.14 * len(peers)) * len(names)), layout="constrained")
    for k, peer in enumerate(peers):
        at, found = zip(*[(i, r) for i, n in enumerate(names) if (r := _ratio(workloads[n], peer))] or [((), ())], strict=True)
        if not at:
            continue
        centre = [i + 0.4 - (k + 0.5) * height for i in at]
        median = np.array([r["median"] for r in found])
        sides = np.abs(np.array([[r["low"] for r in found], [r["high"] for r in found]]) - median)
        label = f"{_title(peer)}: {geometric_mean(median):.2f} (geometric mean)"
        axes.barh(centre, median - 1, height, left=1, label=label, color=f"C{k}")
        axes.errorbar(median, centre, xerr=sides, fmt="none", ecolor="black", elinewidth=0.6)
    axes.set_xscale("log")
    every = [r[side] for n in names for p in peers if (r := _ratio(workloads[n], p)) for side in ("low", "high")]
    axes.set_xlim(min([0.5, *every]) / 1.2, max([2.0, *every]) * 1.2)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), [n + (" *" if workloads[n]["kept_aside"] else "") for n in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"time / time of {ours} (right of 1: {ours} is faster)   * kept aside from tuning")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _title(peer: str) -> str:
    return "numpy, the value alone" if peer == "numpy" else peer


def _ratio(record: Any, peer: str) -> Any:
    return record["programs"].get(peer, {}).get("ratio")
