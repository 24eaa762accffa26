"""Mutants: faults planted one at a time in rules and interpreters, and the share of them that the tests find.

    python tests/mutants.py [--count 100] [--skip 0] [--seed TEXT] [--jobs 2] [--only REGEX] [--list] [--save FILE]

First all tests run once, with a probe in each function that a fault is in: this tells which tests reach which fault, and how
long they take.  Then each fault is planted in a copy of the tree, and the tests that reach it run, those of which all cases are
fast first, until one fails: the fault is found.  So it is if they hang.  At the end stands the share that was
found, with the faults that survived by name.  What faults there are is in `faults.py`.  Time is that of the processor, so
that what else the machine does changes no outcome.

The map from the first run can be kept with ``--save FILE`` for further runs.  A sample that tests were written for says little
about them.  Other samples are those of another ``--seed``, and those that ``--skip`` what is known of one; ``--only →`` leaves
out the faults that are written down, which are in all samples.  Nothing of this runs in CI.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.machinery
import json
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faults import Fault, chosen_faults

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "covector", "tests", "docs", "examples", "benchmarks", "conftest.py", "README.md", "CHANGELOG.md", "pyproject.toml", ".ci"
)  # fmt: skip
FIRST = 10.0
"""Seconds of tests, by the time that they took in the first run, in the first attempt at a fault."""

HUNG = 99
"""The status of tests that took too long."""


class Outcome(NamedTuple):
    """What became of a fault: by which test it was found, or ``""``; and the seconds that it took."""

    found_by: str
    seconds: float
    tried: int


# --- in pytest: a plugin that notes which tests reach which fault, and one that chooses and orders tests ----------------


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Before the first ``conftest.py``, for it imports the package, and what is loaded by then has no probes."""
    if "MUTANTS_PROBES" in os.environ:
        numbers = json.loads(os.environ["MUTANTS_PROBES"])
        probes = {path: {int(line): n for line, n in lines.items()} for path, lines in numbers.items()}
        early_config.pluginmanager.register(_Probing(probes, os.environ["MUTANTS_HITS"]))
    if "MUTANTS_ORDER" in os.environ:
        early_config.pluginmanager.register(_Ordered(*json.loads(Path(os.environ["MUTANTS_ORDER"]).read_text())))


class _Probing:
    """Notes for each test which probes it reaches, and how long it takes."""

    def __init__(self, probes: dict[str, dict[int, int]], log: str):
        self.reached: set[int] = set()
        self.log = open(f"{log}.{os.getpid()}", "a")  # noqa: SIM115 - until pytest ends
        builtins.__reach__ = self.reached.add  # type: ignore[attr-defined]
        compiled = importlib.machinery.SourceFileLoader.source_to_code

        def with_probes(loader: Any, data: Any, path: Any, **options: Any) -> Any:
            lines = next((lines for end, lines in probes.items() if str(path).endswith(end)), None)
            if lines is None:
                return compiled(loader, data, path, **options)
            return compile(probed(ast.parse(data), lines), path, "exec", dont_inherit=True)

        importlib.machinery.SourceFileLoader.source_to_code = with_probes  # type: ignore[method-assign, assignment]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        imported = sorted(self.reached)
        self.reached.clear()
        start = time.process_time()
        result = yield
        row = [item.nodeid, round(time.process_time() - start, 4), sorted(self.reached)]
        rows = [["", 0.0, imported], row] if imported else [row]
        self.log.writelines(json.dumps(r) + "\n" for r in rows)
        self.log.flush()
        self.reached.clear()
        return result  # type: ignore[return-value]

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.log.write(json.dumps([report.nodeid, None, []]) + "\n")


def probed(tree: ast.Module, lines: dict[int, int]) -> ast.Module:
    """A module in which each function whose first line is listed says that it is reached."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node.lineno in lines:
            call = ast.parse(f"__reach__({lines[node.lineno]})", mode="eval").body
            if isinstance(node, ast.Lambda):
                node.body = ast.BoolOp(ast.Or(), [call, node.body])  # what it returns is None
            else:
                node.body.insert(1 if ast.get_docstring(node) is not None else 0, ast.Expr(call))
            for new in ast.walk(call):
                ast.copy_location(new, node)
    return ast.fix_missing_locations(tree)


class _Ordered:
    """Runs the tests that are new since the first run, and those that are listed, in that order."""

    def __init__(self, names: list[str], others: list[str]):
        self.place = {name: i for i, name in enumerate(names)}
        self.others = set(others)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        chosen = [i for i in items if i.nodeid not in self.others]
        items[:] = sorted(chosen, key=lambda i: self.place.get(i.nodeid, -1))


# --- the first run ----------------------------------------------------------------------------------------------------


class Reach(NamedTuple):
    """Which tests reach which fault."""

    seconds: dict[str, float]
    """Of each test that passes."""
    tests: dict[str, list[str]]
    """Of each fault, by its name, in the order in which they are tried."""
    failing: list[str]

    def of(self, fault: Fault) -> list[str]:
        names = self.tests.get(fault.name)
        return in_order(self.seconds) if names is None else names


def run_tests(tree: Path, args: list[str], limit: float, **variables: str) -> tuple[int, str]:
    """The exit status of pytest in a tree, and what it printed; the limit is in seconds of processor time."""
    environment = {k: v for k, v in os.environ.items() if k != "CI"} | variables
    environment |= {"PYTHONPATH": f"{tree}:{tree}/tests", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "mutants", "-p", "no:cacheprovider", "-q", "--tb=no", "-rfE", *args]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit)))

    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=limited,
    )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=20 * limit)  # of tests that wait for ever
        return (HUNG if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else process.returncode), out
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return HUNG, ""


def reach_of(tree: Path, faults: list[Fault], jobs: int, selection: list[str]) -> Reach:
    """Run all tests once with probes in the functions around the faults."""
    probes: dict[str, dict[int, int]] = {}
    number: dict[tuple[str, int], int] = {}
    for fault in faults:
        if fault.line is not None and (fault.path, fault.line) not in number:
            number[fault.path, fault.line] = len(number)
            probes.setdefault(fault.path, {})[fault.line] = number[fault.path, fault.line]
    hits = tree / "hits"
    workers = ["-n", str(jobs)] if jobs > 1 else []
    arguments = [*workers, *(selection or ["tests"])]
    _, out = run_tests(tree, arguments, 7200, MUTANTS_PROBES=json.dumps(probes), MUTANTS_HITS=str(hits))
    rows = [json.loads(line) for log in tree.glob("hits.*") for line in log.read_text().splitlines()]
    if not rows:
        raise RuntimeError(f"pytest did not run:\n{out}")
    failing = {name for name, seconds, _ in rows if seconds is None}
    seconds = {name: t for name, t, _ in rows if name and name not in failing}
    reached = {name: set(probe) for name, _, probe in rows if name in seconds}
    imported = {n for name, _, probe in rows if not name for n in probe}
    order = in_order(seconds)
    tests = {}
    for fault in faults:
        n = number.get((fault.path, fault.line or 0))
        near = [name for name in order if n in reached[name]]
        every = n is None or n in imported  # whatever is done when modules are imported, any test may depend on
        tests[fault.name] = list(dict.fromkeys([*near, *order])) if every else near
    return Reach(seconds, tests, sorted(failing))


def in_order(seconds: dict[str, float]) -> list[str]:
    """Tests in the order in which they are tried: by the time that this case and the faster ones of its function take."""
    spent: dict[str, float] = {}
    worth = {}
    for name in sorted(seconds, key=seconds.__getitem__):
        function = name.split("[")[0]
        worth[name] = spent[function] = spent.get(function, 0.0) + seconds[name]
    return sorted(worth, key=worth.__getitem__)


# --- one fault --------------------------------------------------------------------------------------------------------


def tried(tree: Path, fault: Fault, reach: Reach, names: list[str], rest: float) -> Outcome:
    """Plant a fault in a copy of the tree, and run the tests that may find it."""
    target = tree / fault.path
    source = target.read_bytes()
    start, count = time.monotonic(), 0
    target.write_bytes(fault.planted(source))
    try:
        for budget in (FIRST, rest):
            chosen, seconds = [], 0.0
            while names and seconds < budget:
                chosen.append(names[0])
                seconds += reach.seconds[names[0]]
                names = names[1:]
            count += len(chosen)
            newer = files_since(tree, reach) if budget == rest else []
            found = failing_of(tree, chosen, newer, reach) if chosen or newer else ""
            if found:
                return Outcome(found, time.monotonic() - start, count)
        return Outcome("", time.monotonic() - start, count)
    finally:
        target.write_bytes(source)


def files_since(tree: Path, reach: Reach) -> list[str]:
    """The files of tests that are new since the first run."""
    known = {name.split("::")[0] for name in (*reach.seconds, *reach.failing)}
    return [f for f in (p.relative_to(tree).as_posix() for p in sorted((tree / "tests").rglob("test_*.py"))) if f not in known]


def failing_of(tree: Path, names: list[str], newer: list[str], reach: Reach) -> str:
    """The first of these tests, and of those in newer files, that fails, or ``""``."""
    limit = 3 * sum(reach.seconds[n] for n in names) + 120
    order = tree / "order"
    order.write_text(json.dumps([names, sorted({*reach.seconds, *reach.failing} - set(names))]))
    files = list(dict.fromkeys([*newer, *(name.split("::")[0] for name in names)]))
    status, out = run_tests(tree, ["-x", *files], limit, MUTANTS_ORDER=str(order))
    if status in (0, 5):
        return ""
    if status == HUNG:
        return "tests that take too long"
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", out, re.MULTILINE)
    return failed[1] if failed else f"pytest, which ends with status {status}"


# --- all of them ------------------------------------------------------------------------------------------------------


def copied(into: Path) -> Path:
    into.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, into / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, into / name)
    return into


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="how many faults")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N of the choice")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at once")
    parser.add_argument("--only", default="", metavar="REGEX", help="faults whose path and name match")
    parser.add_argument("--seed", default="", help="another choice of faults")
    parser.add_argument("--rest", type=float, default=1000.0, metavar="S", help="seconds of tests in the second attempt")
    parser.add_argument("--list", action="store_true", help="print the faults, and end")
    parser.add_argument("--save", type=Path, metavar="FILE", help="where the map from faults to tests is kept")
    parser.add_argument("tests", nargs="*", help="files of tests (default: all)")
    options = parser.parse_args()
    faults = chosen_faults(ROOT, options.skip + options.count, options.only, options.seed)[options.skip :]
    if options.list:
        print(*(f"{fault.path}:{fault.line}: {fault.name}" for fault in faults), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for i in range(options.jobs):
            trees.put(copied(Path(folder) / str(i)))
        reach = saved_reach(Path(folder) / "0", faults, options)
        print(f"{len(reach.seconds)} tests pass in {sum(reach.seconds.values()):.0f} s; these fail: {reach.failing}")

        def outcome(i: int) -> Outcome:
            tree = trees.get()
            try:
                return tried(tree, faults[i], reach, reach.of(faults[i]), options.rest)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(options.jobs) as pool:
            outcomes = []
            for fault, result in zip(faults, pool.map(outcome, range(len(faults))), strict=True):
                outcomes.append(result)
                survives = f"SURVIVES {result.tried} of {len(reach.of(fault))} tests"
                how = f"found by {result.found_by}" if result.found_by else survives
                what = f"{fault.path}:{fault.line}: {fault.name}"
                print(f"{len(outcomes):3} {result.seconds:5.0f} s  {what}\n             {how}", flush=True)
    survivors = [fault for fault, result in zip(faults, outcomes, strict=True) if not result.found_by]
    share = 1 - len(survivors) / max(len(faults), 1)
    print(f"\n{len(faults) - len(survivors)} of {len(faults)} faults are found ({share:.1%}); these are not:")
    print(*(f"  {fault.path}:{fault.line}: {fault.name}" for fault in survivors), sep="\n")
    return int(bool(survivors))


def saved_reach(tree: Path, faults: list[Fault], options: Any) -> Reach:
    """The map of the first run, or of one before: of a fault that it does not know any test may be reached."""
    if not (options.save and options.save.exists()):
        reach = reach_of(tree, faults, options.jobs, options.tests)
        if options.save:
            options.save.write_text(json.dumps(reach))
        return reach
    return Reach(*json.loads(options.save.read_text()))


if __name__ == "__main__":
    sys.exit(main())
