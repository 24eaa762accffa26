"""Random NumPy programs of views, writes and copies, and what must hold of them when they are lifted.

    python tests/lifting/programs.py --count 100000 --seed 0 --jobs 1 [--every] [--show SEED]

A program is text, so that one that goes wrong is printed as code that runs, after lines were dropped as long as it goes wrong.
NumPy runs the same text on plain arrays: that is its value, and seven points on a line give the first and the second derivative
along it.  A program in which these do not agree for two orders of differences has a kink, or jumps: it is not differentiated.
An error of covector is a refusal; any other difference is wrong.  ``--every`` tries all transformations on each program.  An
interrupt ends the run, and tells what was found so far.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import re
import signal
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from random import Random

import blocks  # noqa: F401  (statements register themselves)
import numpy as np
import writing  # noqa: F401
from checks import EVERY, check, is_lenient, modes_of
from minimising import minimise
from oracle import LAYOUTS, Input, Program, draw_values
from statements import KINDS, Meaningless, Writer, strict_memory


def draw_input(r: Random, name: str, dims: list[int], role: str) -> Input:
    n, m = dims
    shape = r.choice(((n,), (n,), (n, n), (n, m), (m, n), (m,), (2, n, m), (n, 1))) if r.random() < 0.98 else ()
    dtype = r.choices(("float64", "float32", "complex128", "int64", "bool"), (72, 6, 12, 8, 2))[0]
    if name == "x" and dtype in ("int64", "bool"):
        dtype = "float64"
    layout = r.choice(("C", "C", "C", *LAYOUTS)) if shape else "C"
    if layout == "broadcast" and (r.random() < 0.5 or shape[0] == 1):  # which is read-only, and under a transformation not
        layout = "F"
    return Input(name, draw_values(r, shape, dtype), layout, role)


def generate(seed: int) -> Program:
    r = Random(seed)
    dims = [r.choice((2, 3, 3, 4)), r.choice((1, 2, 3))]
    roles = ["traced", *(r.choices(("traced", "plain", "global"), (70, 26, 4))[0] for _ in range(r.randrange(3)))]
    inputs = tuple(draw_input(r, name, dims, role) for name, role in zip("xyz", roles, strict=False))
    writer = Writer(r, {i.name: (lambda i=i: i.at(i.values)) for i in inputs})
    makers, weights = list(KINDS), list(KINDS.values())
    outside = {i.name for i in inputs if i.role == "global"}
    length = r.randint(3, 12)
    with strict_memory():
        while len(writer.lines) < length:
            before = len(writer.names)
            text = r.choices(makers, weights)[0](writer)
            if not text or outside & bound_names(text):
                continue
            error = writer.add(text)
            if error is not None:
                del writer.names[before:]
                if not isinstance(error, (OverflowError, Meaningless, SyntaxError)) and r.random() < 0.02:
                    writer.lines.append(text)
                    break
    return Program(seed, inputs, tuple(writer.lines), returned(r, writer))


def bound_names(text: str) -> set[str]:
    try:
        return {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    except SyntaxError:
        return set()


def returned(r: Random, writer: Writer) -> tuple[str, ...]:
    """What there is at the end: mostly all of it, so that no lost write goes unseen."""
    names = list(dict.fromkeys(n for n in writer.names if writer.array(n) is not None))
    if r.random() < 0.25:
        names = r.sample(names, min(len(names), r.randint(1, 2)))
    return tuple(names[-8:]) or ("x",)


def one(work: tuple[int, bool]) -> tuple[int, dict[str, str]]:
    seed, every = work
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        program = generate(seed)
    return seed, check(program, EVERY if every else modes_of(program))


def run(seeds: range, every: bool = False, jobs: int = 1) -> Iterator[tuple[int, dict[str, str]]]:
    work = ((seed, every) for seed in seeds)
    if jobs == 1:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also of a process in the background
        with contextlib.suppress(KeyboardInterrupt):  # what was found so far is told
            yield from map(one, work)
    else:
        with get_context("spawn").Pool(jobs) as pool:
            yield from pool.imap(one, work, chunksize=50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--show", type=int, help="print one program")
    parser.add_argument("--most", type=int, default=10, help="how many wrong ones to make small")
    options = parser.parse_args()
    if options.show is not None:
        program = generate(options.show)
        print(program.script(), *check(program, EVERY).items(), sep="\n")
        return
    began, counts, reasons, seen = time.time(), Counter(), Counter(), Counter()
    wrong_programs = done = 0
    for seed, results in run(range(options.seed, options.seed + options.count), options.every, options.jobs):
        done += 1
        bad = {m: t for m, t in results.items() if t.startswith("wrong") and not is_lenient(t)}
        wrong_programs += bool(bad)
        for mode, text in results.items():
            kind = "lenient" if is_lenient(text) else "raises" if text.startswith("wrong: raises") else text.partition(":")[0]
            counts[mode, kind] += 1
            if text.startswith("refused"):
                reasons[mode if mode in ("jit", "vmap") else "", text] += 1
        for mode, text in list(bad.items())[:1]:
            kind = re.sub(r"[\d.\-]+", "", text)[:50] if "raises" in text else ""
            seen[kind] += 1
            if sum(seen.values()) > options.most or (kind and seen[kind] > 2):
                print(f"seed {seed}, {mode}: {text[:160]}", flush=True)
                continue
            small = minimise(generate(seed), mode)
            text = check(small, (mode,)).get(mode, "not alone")
            print(f"\n=== seed {seed}, {mode}: {text}\n{small.script()}", flush=True)
    print(f"\n{done} programs in {time.time() - began:.0f} s, {wrong_programs} wrong")
    for mode in EVERY:
        line = {k: n for (m, k), n in sorted(counts.items()) if m == mode}
        if line:
            print(f"{mode:12}", "  ".join(f"{k} {n}" for k, n in line.items()))
    for (mode, text), n in reasons.most_common(40):
        print(f"{n:6} {mode} {text}")


if __name__ == "__main__":
    main()
