"""Every special case of the standard, tried at every point that meets its condition.

    plain           the function of `covector.numpy`
    source, native  the same under `jit`, of vectors, of arrays without axes, and of an array and a Python number
    NumPy           NumPy's function: where it fails, nobody asks more of covector
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from reading import Function, sentences
from sentences import Case, Unread, read

import covector
import covector.numpy as cnp

DTYPES = [np.dtype(t) for t in "f4 f8 c8 c16".split()]

REAL = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 2.5, 7.25, 1e-3, 4097.0, np.inf, np.nan]
PARTS = [0.0, -0.0, 1.0, -1.0, 0.5, -3.5, 3.0, np.inf, -np.inf, np.nan]
FEW_PARTS = [0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan]

HOW = "NumPy plain source native".split()


def numbers(dtype: np.dtype[Any], operands: int) -> Any:
    if dtype.kind == "c":
        parts = PARTS if operands == 1 else FEW_PARTS
        return np.array([complex(a, b) for a in parts for b in parts], dtype)
    info = np.finfo(dtype)
    positive = [*REAL, float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)]
    if operands > 2:
        positive = [0.0, 1.5, np.inf, np.nan]
    return np.array([x for p in positive for x in (p, np.copysign(p, -1))], dtype)


def environments(names: list[str], operands: list[Any]) -> list[dict[str, Any]]:
    """The operands of each point by the names that the standard has for them, as Python numbers."""
    found = []
    for values in zip(*operands, strict=True):
        env = {f"{name}_i": v.item() for name, v in zip(names, values, strict=True)}
        for (real, imag), v in zip(("ab", "cd"), values, strict=False):
            env |= {real: v.real.item(), imag: v.imag.item()}
        found.append(env)
    return found


def as_run(f: Callable[..., Any], how: str) -> Callable[..., Any]:
    if how in ("NumPy", "plain"):
        return f
    return covector.jit(f, backend="numpy" if how == "source" else how)


def results(name: str, how: str, operands: list[Any], values: Any) -> Iterator[tuple[str, Any]]:
    """What each way of calling gives at all points, which are the product of `values` with itself."""
    f = getattr(np if how == "NumPy" else cnp, name)
    run = as_run(f, how)
    yield "vectors", run(*operands)
    yield "no axes", np.array([run(*map(np.asarray, point)) for point in zip(*operands, strict=True)])
    if len(operands) == 2 and values.dtype.kind != "c":
        constants = values.tolist()  # of one program
        yield "array, number", np.stack(as_run(lambda x: [f(x, c) for c in constants], how)(values), axis=1).ravel()
        yield "number, array", np.stack(as_run(lambda x: [f(c, x) for c in constants], how)(values)).ravel()


def cases_of(function: Function) -> tuple[list[Case], list[str]]:
    """The special cases of a function that are read, and the sentences that are not."""
    read_, unread = [], []
    for sentence in sentences(function.text):
        try:
            read_.append(read(sentence))
        except Unread:
            unread.append(sentence)
    return read_, unread


def failures(function: Function, cases: list[Case], count: Counter[str]) -> Iterator[str]:
    """Each case that fails somewhere, with the first point; `count` counts cases by who fails them."""
    names = [p.arg for p in function.parameters.posonlyargs + function.parameters.args if p.arg != "self"]
    failed: dict[Case, dict[str, str]] = {case: {} for case in cases}
    for dtype in DTYPES:
        chosen = [c for c in cases if c.of_complex == (dtype.kind == "c")]
        if not chosen:
            continue
        values = numbers(dtype, len(names))
        operands = [np.ravel(x) for x in np.meshgrid(*[values] * len(names), indexing="ij")]
        points = environments(names, operands)
        meeting = {case: [i for i, env in enumerate(points) if case.condition(env)] for case in chosen}
        for how in HOW:
            for form, out in results(function.name, how, operands, values):
                for case, where in meeting.items():
                    assert where, f"no point meets: {case.sentence}"
                    bad = next((i for i in where if not case.check(points[i], out[i])), None)
                    if bad is not None:
                        given = ", ".join(repr(x[bad]) for x in operands)
                        key = f"{how} {form} {dtype}"
                        failed[case].setdefault(key, f"{function.name}({given}) = {out[bad]!r}")
    for case, wrong in failed.items():
        count["read"] += 1
        there = {key.removeprefix("NumPy ") for key in wrong if key.startswith("NumPy")}
        count["fail in NumPy"] += bool(there)
        ours = {k: v for k, v in wrong.items() if not k.startswith("NumPy") and k.partition(" ")[2] not in there}
        for how in HOW[1:]:
            count[f"fail only here, {how}"] += any(k.startswith(how) for k in ours)
        for key, example in ours.items():
            yield f"{key}: {example}\n    {case.sentence}"


def symmetries(function: Function) -> list[tuple[str, str, str]]:
    """Pairs of expressions that ``must equal`` each other, and for which kinds of numbers."""
    found = []
    for line in function.text.split("\n"):
        if "must equal" in line and "real(" not in line:
            sides = [x.replace("z", "x") for x in re.findall(r"``(-?\w+\([^`]*\))``", line)]
            rest = sides[1:]
            pairs = [(sides[0], x) for x in rest] if len(sides) != 4 else [(sides[0], sides[1]), (sides[2], sides[3])]
            kinds = "c" if "complex" in line else "f" if "real-valued" in line else "fc"
            found += [(one, other, kinds) for one, other in pairs]
    return found


def asymmetries(function: Function, count: Counter[str]) -> Iterator[str]:
    for one, other, kinds in symmetries(function):
        count["symmetries"] += 1
        for dtype in DTYPES:
            if dtype.kind not in kinds:
                continue
            operands = one.count("x1") + one.count("x2") or 1
            values = numbers(dtype, operands)
            grid = [np.ravel(x) for x in np.meshgrid(*[values] * operands, indexing="ij")]
            names = dict(zip(("x1", "x2") if operands == 2 else ("x",), grid, strict=True))
            bad = {}
            for how in HOW:
                run = as_run(getattr(np if how == "NumPy" else cnp, function.name), how)
                sides = [eval(side, {function.name: run, "conj": np.conj, **names}) for side in (one, other)]
                bad[how] = ~alike(*sides)
            for how in HOW[1:]:
                if np.any(where := bad[how] & ~bad["NumPy"]):
                    count[f"asymmetric only here, {how}"] += 1
                    yield f"{how} {dtype}: {one} is not {other} at {[v[where][0] for v in grid]}"


def alike(x: Any, y: Any) -> Any:
    """Where two arrays are equal, with the signs of zeros."""
    if x.dtype.kind == "c":
        return alike(x.real, y.real) & alike(x.imag, y.imag)
    return ((x == y) & (np.signbit(x) == np.signbit(y))) | (np.isnan(x) & np.isnan(y))


def check(functions: list[Function]) -> tuple[Counter[str], list[str]]:
    count: Counter[str] = Counter()
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for function in functions:
            cases, unread = cases_of(function)
            if "element" not in function.text.split("\n")[0]:
                cases, unread = [], [*unread, *(case.sentence for case in cases)]  # of methods, of sums
            count["not read"] += len(unread)
            found += asymmetries(function, count)
            if cases:
                found += failures(function, cases, count)
    return count, found
