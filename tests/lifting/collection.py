"""Functions that others wrote, under every transformation: which can be lifted, which not, and why.

    pip install $(python tests/lifting/collection.py --list)
    python tests/lifting/collection.py [--only PACKAGE …] [--modes plain lifted named] [--results FILE] [--details]

Each package runs in a process of its own, in each mode: ``plain`` without `lift`, ``lifted`` with nothing named, ``named``
with the package named to `lift` (only functions that ``lifted`` does not differentiate).  Packages that are not installed
are left out, and said.  Results are kept in a file, to which further runs add; tables are printed from it, wrong numbers
first.  All of it takes about ten minutes.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import importlib.util
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.resolve()
sys.path[:0] = [] if str(HERE) in sys.path else [str(HERE)]

from collected.package import Package  # noqa: E402

MODULES = "rotations filters physics astronomy statistics optimisation".split()
MODES = ("plain", "lifted", "named")
FIRST = ("value", "jvp", "vjp")
REST = ("vmap", "jit", "vmap(grad)", "jit(grad)", "hvp")

Record = dict[str, Any]


def packages() -> list[Package]:
    return [p for name in MODULES for p in importlib.import_module(f"collected.{name}").PACKAGES]


# --- a process for a package -----------------------------------------------------------------------------------------------


def work(package: Package, mode: str, indices: list[int], seconds: float) -> None:
    """Print a line of JSON for each of some functions of a package."""
    import numpy as np
    from collected import trial

    import covector as cv

    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print
    functions = trial.functions_of(package)
    lift = lambda f: f
    if mode != "plain":
        lift = functools.partial(cv.lift, packages=[package.imported, *package.others] if mode == "named" else ())
        cv.grad(lift(np.sin))(1.0)  # plain calls, too, meet what stands in for functions from here on
    for i in indices:
        reference, found = trial.reference_of(functions[i], list(package.calls[i][1:]), seconds)
        record: Record = {"index": i, "reference": found}
        if reference is not None:
            record["number"] = reference.loss(reference.args)
            f = lift(functions[i])
            record["checks"] = trial.all_checks(reference, f, seconds)
        print(json.dumps(record), file=out, flush=True)


def lines(process: subprocess.Popen[str], limit: float) -> Iterator[str]:
    """The lines that a process prints, until it ends or prints nothing for a while."""
    assert process.stdout is not None
    while select.select([process.stdout], [], [], limit)[0]:
        line = process.stdout.readline()
        if not line:
            return
        yield line
    process.kill()


def run(package: Package, mode: str, indices: list[int], seconds: float) -> dict[int, Record]:
    """The records of some functions: a process that dies or hangs loses the one that it is at, and another goes on."""
    records: dict[int, Record] = {}
    while rest := [i for i in indices if i not in records]:
        command = [sys.executable, str(HERE / "collection.py"), "--worker", package.name, mode, *map(str, rest)]
        command += ["--seconds", str(seconds)]
        got = len(records)
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:  # packages write files
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder)
            for line in lines(process, 60 + 12 * seconds):
                record = json.loads(line)
                records[record["index"]] = record
            process.kill()
            process.wait()
            errors.seek(0)
            stderr = errors.read()
        left = [i for i in rest if i not in records]
        if left:
            dead = {"is": "error", "class": "Died", "message": stderr[-500:], "where": ""}
            lost = left if got == len(records) and "Traceback" in stderr else left[:1]
            records |= {i: {"index": i, "reference": dead} for i in lost}
    return records


# --- what came out ---------------------------------------------------------------------------------------------------------


def state(record: Record, checks: tuple[str, ...]) -> str:
    """The worst of some checks."""
    if record["reference"]["is"] != "ok":
        return "no reference"
    found = [record["checks"][c]["is"] for c in checks]
    return next((s for s in ("wrong", "error", "nan", "not checked") if s in found), "ok")


CAUSES = [
    ("TooLong|Died|RecursionError", "too long, too deep, or died"),
    ("compiled code, which reads memory|_speedup|stringsource|bytes-like", "compiled code that reads memory"),
    ("UnsupportedFunctionError", "a function without a rule"),
    ("was given where an array is meant|Cannot change data-type", "a subclass of ndarray"),
    ("TracerBoolConversionError|truth of a traced", "a branch on a value"),
    ("Concretization|NonConcrete|depends on the value", "a shape or index that depends on values"),
    ("TracerFloatConversionError|TracerIntegerConversionError", "float(x), int(x) or complex(x)"),
    ("TracerArrayConversionError|object __array__", "the memory of a traced value"),
    ("InPlaceWriteError", "a write that nobody would see"),
]


def cause(found: dict[str, str]) -> str:
    text = f"{found.get('class', '')}: {found['message']}"
    return next((name for pattern, name in CAUSES if re.search(pattern, text)), found.get("class", found["is"]))


def first_failure(record: Record) -> tuple[str, dict[str, str]] | None:
    for check, found in record["checks"].items():
        if found["is"] == "error" and check != "split":
            return check, found
    return None


def right(record: Record | None, checks: tuple[str, ...]) -> bool:
    """Whether nothing is wrong; what could not be compared does not count against it."""
    return record is not None and state(record, checks) in ("ok", "not checked")


def table(results: dict[str, Any], chosen: list[Package]) -> list[str]:
    """Counts by package: functions, then in each mode value, jvp and vjp right, and the rest too."""
    rows = [f"{'package':20s} {'calls':>5s} " + "".join(f"{m + ' d':>10s}{m + ' all':>11s}" for m in MODES)]
    totals: collections.Counter[str] = collections.Counter()
    for p in chosen:
        counts: collections.Counter[str] = collections.Counter()
        for i in range(len(p.calls)):
            records = {m: results.get(p.name, {}).get(m, {}).get(str(i)) for m in MODES}
            references = {r["reference"]["is"] for r in records.values() if r is not None}
            counts["calls" if references == {"ok"} else "no reference"] += 1
            for m in MODES:
                candidates = [records["lifted"], records["named"]] if m == "named" else [records[m]]
                counts[m + " d"] += any(right(r, FIRST) for r in candidates)
                counts[m + " all"] += any(right(r, FIRST + REST) for r in candidates)
        totals += counts
        rows.append(_row(p.name, counts))
    return [*rows, _row("all", totals), f"without a reference: {totals['no reference']}"]


def _row(name: str, counts: collections.Counter[str]) -> str:
    return f"{name:20s} {counts['calls']:5d} " + "".join(f"{counts[m + ' d']:10d}{counts[m + ' all']:11d}" for m in MODES)


def entries(results: dict[str, Any], chosen: list[Package], mode: str) -> Iterator[tuple[Package, str, Record]]:
    for p in chosen:
        for i, (text, *_) in enumerate(p.calls):
            record = results.get(p.name, {}).get(mode, {}).get(str(i))
            if record is not None:
                yield p, text, record


def wrong(results: dict[str, Any], chosen: list[Package], kind: str = "wrong") -> list[str]:
    found = [
        f"{kind.upper()} {mode:6s} {p.name}: {text[:90]}: {check}: {r['message']}"
        for mode in MODES
        for p, text, record in entries(results, chosen, mode)
        for check, r in record.get("checks", {}).items()
        if r["is"] == kind
    ]
    return [f"{len(found)} {kind}", *found]


def lost(results: dict[str, Any], chosen: list[Package]) -> list[str]:
    """What works without `lift` and not with it; and what NumPy alone gives no more once others were lifted."""
    rows = []
    for p, text, plain in entries(results, chosen, "plain"):
        records = {m: results[p.name].get(m, {}).get(str(plain["index"])) for m in MODES[1:]}
        for mode, record in records.items():
            if record and (why := _broken(plain, record)):
                rows.append(f"BROKEN {p.name}: {text[:90]}: {mode}: {why}")
        of_lifted = (records["lifted"] or {}).get("checks", {})
        for check, r in plain.get("checks", {}).items():
            now = of_lifted.get(check, r)
            if r["is"] == "ok" and now["is"] in ("error", "wrong", "nan"):
                rows.append(f"LOST {p.name}: {text[:90]}: {check}: {now.get('class', '')} {now['message'][:150]!r}")
    return [f"{len(rows)} lost", *rows]


def _broken(plain: Record, later: Record) -> str:
    """How plain calls differ in a process in which other functions have been lifted."""
    if plain["reference"]["is"] == "ok" != later["reference"]["is"]:
        return str(later["reference"]["message"][:150])
    numbers = plain.get("number"), later.get("number")
    if None not in numbers and abs(numbers[0] - numbers[1]) > 1e-9 * abs(numbers[0]):
        return f"{numbers[1]} for {numbers[0]}"
    return ""


def causes(results: dict[str, Any], chosen: list[Package], mode: str, details: bool) -> list[str]:
    """First failures of a mode: those in value, jvp or vjp, then those of the rest, by cause, most frequent first."""
    rows = []
    for checks, title in ((FIRST, "cannot be differentiated"), (REST, f"can, but not all of {', '.join(REST)}")):
        groups: dict[str, list[str]] = collections.defaultdict(list)
        for p, text, record in entries(results, chosen, mode):
            failure = first_failure(record) if "checks" in record else None
            if failure and failure[0] in checks:
                check, r = failure
                message = re.sub(r"\s+", " ", r["message"])[:230]
                what = f"    {p.name}: {text[:100]}\n        {check}: {r['class']}: {message}\n        {r['where']}"
                groups[cause(r)].append(what)
        rows.append(f"\n{mode}: {title}: {sum(map(len, groups.values()))}")
        for name, found in sorted(groups.items(), key=lambda item: -len(item[1])):
            rows += [f"  {len(found):4d} {name}", *(found if details else found[:3])]
    return rows


def report(results: dict[str, Any], chosen: list[Package], details: bool) -> str:
    rows = [*wrong(results, chosen), "", *wrong(results, chosen, "nan"), "", *lost(results, chosen), ""]
    rows += table(results, chosen)
    for mode in MODES[1:]:
        rows += causes(results, chosen, mode, details)
    for p, text, record in entries(results, chosen, "plain"):
        r = record["reference"]
        if r["is"] != "ok":
            why = f"{r.get('class', '')} {r['message'][-300:]!r} {r.get('where', '')}"
            rows.append(f"NO REFERENCE {p.name}: {text[:90]}: {why}")
    return "\n".join(rows)


def needs_naming(results: dict[str, Any], package: Package) -> list[int]:
    of = results.get(package.name, {}).get("lifted", {})
    return [r["index"] for r in of.values() if "checks" in r and not right(r, FIRST)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of packages")
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=[*MODES, []])
    parser.add_argument("--results", type=Path, default=Path("collection.json"))
    parser.add_argument("--seconds", type=float, default=20.0, help="the limit of one check")
    parser.add_argument("--list", action="store_true", help="print the names of all packages, for pip")
    parser.add_argument("--details", action="store_true", help="every failure, not three of each cause")
    parser.add_argument("--worker", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    every = packages()
    if options.list:
        return print(*(p.name for p in every))
    if options.worker:
        name, mode, *indices = options.worker
        return work(next(p for p in every if p.name == name), mode, [int(i) for i in indices], options.seconds)
    there = [p for p in every if importlib.util.find_spec(p.imported) is not None]
    chosen = [p for p in there if not options.only or p.name in options.only]
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    for p in chosen:
        for mode in options.modes:
            indices = needs_naming(results, p) if mode == "named" else list(range(len(p.calls)))
            records = run(p, mode, indices, options.seconds) if indices else {}
            results.setdefault(p.name, {})[mode] = {str(i): r for i, r in sorted(records.items())}
        options.results.write_text(json.dumps(results))
        print(f"{p.name}", end=" ", file=sys.stderr, flush=True)
    print("\nnot installed:", *(p.name for p in every if p not in there) if len(there) < len(every) else ["none"])
    print(report(results, chosen, options.details))


if __name__ == "__main__":
    main()
