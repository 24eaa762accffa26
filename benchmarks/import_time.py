"""What ``import covector`` costs, as a multiple of ``import numpy``.

Each figure is the median over fresh interpreters, the two imports taking turns so that whatever else the machine is doing
hits both alike.  The time is taken inside the interpreter, around the import alone: start-up of Python is not counted.

    python benchmarks/import_time.py [--runs 11] [--limit 1.6]

With ``--limit`` the exit status is 1 if the ratio is above it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

# Both are imported from compiled files, as they are for users; pip compiles NumPy, a checkout is compiled by the first import.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
TIMED_IMPORT = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """The time that importing ``module`` takes in a fresh interpreter."""
    command = [sys.executable, "-c", TIMED_IMPORT.format(module=module)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description="time of `import covector` relative to `import numpy`")
    parser.add_argument("--runs", type=int, default=11, help="interpreters started for each of the two")
    parser.add_argument("--limit", type=float, default=None, help="fail above this ratio")
    args = parser.parse_args()

    modules = ("numpy", "covector")
    for module in modules:  # the first run compiles and fills the file cache
        import_seconds(module)
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(args.runs):
        for module in modules:
            times[module].append(import_seconds(module))

    numpy, covector = (1e3 * statistics.median(times[module]) for module in modules)
    ratio = covector / numpy
    print(f"import numpy {numpy:.1f} ms, import covector {covector:.1f} ms (medians of {args.runs}): ratio {ratio:.2f}")
    return int(args.limit is not None and ratio > args.limit)


if __name__ == "__main__":
    sys.exit(main())
