"""covector beside its peers on the workloads of `benchmarks.workloads`.

    python -m benchmarks --against jax,torch,autograd,numpy
    python -m benchmarks --against jax=/path/to/python --only nbody,gaussian_mixture --quick

Programs take turns, call by call or a few calls at a time; a ratio is the median over the rounds of a peer's time by covector's
in the same round, with its quartiles.  Results are compared.  A peer that is given an interpreter runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.frameworks import FRAMEWORKS, is_installed
from benchmarks.program import Local, Remote, described
from benchmarks.turns import measured
from benchmarks.workloads import WORKLOADS


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--against",
        default="jax,torch,autograd,numpy",
        metavar="NAME[=PYTHON],...",
        help=f"peers: {', '.join(FRAMEWORKS)}; PYTHON is an interpreter that has it",
    )
    parser.add_argument("--ours", default="covector", choices=list(FRAMEWORKS), help="what the peers are compared with")
    parser.add_argument("--only", default="", metavar="WORKLOAD,...", help=", ".join(WORKLOADS))
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, and one first result each")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each program runs a workload, about (1)")
    parser.add_argument("--cores", type=int, help="run on so many cores; by default on all")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where the figures go")
    parser.add_argument("--png", type=Path, default=Path("benchmarks.png"), help="where the picture goes")
    options = parser.parse_args(argv)
    options.only = options.only.split(",") if options.only else list(WORKLOADS)
    options.against = dict(peer.partition("=")[::2] for peer in options.against.split(",") if peer)
    for kind, names, known in ("workload", options.only, WORKLOADS), ("peer", options.against, FRAMEWORKS):
        for name in names:
            if name not in known:
                parser.error(f"there is no {kind} {name!r}; those that there are: {', '.join(known)}")
    if options.ours in options.against:
        parser.error(f"{options.ours} is what the peers are compared with, and cannot be one of them")
    return options


def programs_of(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """What runs the workloads, and why others that were asked for do not."""
    programs: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name, interpreter in {options.ours: "", **options.against}.items():
        if not interpreter and not is_installed(name):
            package = FRAMEWORKS[name][2]
            missing[name] = (
                f"{package} is not installed here; pip install {package}, or {name}=PYTHON with an interpreter that has it"
            )
            continue
        try:
            programs[name] = Remote(name, interpreter) if interpreter else Local(name)
            programs[name].first("tiny")
            programs[name].settle()  # compilers are loaded now, not in the first workload
        except Exception as error:
            programs.pop(name, None)
            missing[name] = described(error)
    return programs, missing


def main(argv: list[str] | None = None) -> int:
    options = parsed(argv)
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    programs, missing = programs_of(options)
    for name, why in missing.items():
        print(f"missing: {name}: {why}")
    if options.ours not in programs:
        return 1
    peers = [name for name in programs if name != options.ours]
    versions = {name: program.version() for name, program in programs.items()}
    found = {"machine": report.machine(), "versions": versions, "missing": missing, "ours": options.ours, "workloads": {}}
    here = found["machine"]
    print(f"{here['processor']}, {here['cores']} cores, load {here['load'][0]:.1f}; {versions}")
    for workload in options.only:
        if sys.stderr.isatty():
            print(f"{workload} ...", end="\r", file=sys.stderr, flush=True)
        seconds, firsts = (options.seconds / 5, 1) if options.quick else (options.seconds, 3)
        found["workloads"][workload] = measured(workload, programs, seconds, firsts)
        report.write_json(options.json, found)
    for program in programs.values():
        program.close()
    shown(found, options, peers)
    return 0


def shown(found: dict[str, Any], options: argparse.Namespace, peers: list[str]) -> None:
    """Print the table, and draw the picture."""
    workloads = found["workloads"]
    print(report.table(workloads, options.ours, peers))
    print(report.summaries(workloads, options.ours, peers))
    left = report.left_to_numpy(workloads, options.ours)
    print(f"\nnot compiled:\n{left}" if left else "")
    if not peers:
        return
    try:
        report.picture(options.png, workloads, options.ours, peers)
    except ImportError as error:
        print(f"no picture: {error}")


if __name__ == "__main__":
    sys.exit(main())
