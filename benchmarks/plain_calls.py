"""What `covector.numpy` and `covector.scipy.special` cost on plain arrays beside NumPy and SciPy, in the same run.

    python benchmarks/plain_calls.py [--limits]

A name that is NumPy's (or SciPy's) own object costs what that costs: those are counted, and each of the others is timed on ten
numbers.  With ``--limits`` it fails where one of `covector.numpy` is over 2 us above its counterpart; all ufuncs are NumPy's.
That a list holds no traced value is asked of each item, for about 16 ns, so a long list costs more.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from timing import best

import covector.numpy as cnp
from covector.scipy import special

LIMIT = 2e-6
X, PLACES, NUMBERS = np.linspace(-1.0, 1.0, 10), np.array([3, 0, 7]), [float(i) for i in range(1000)]
GRID, MASK = np.linspace(-2.0, 2.0, 5), X > 0
OURS, THEIRS = cnp.vectorize(lambda v: v + 1.0), np.vectorize(lambda v: v + 1.0)


def updated() -> Any:
    y = X.copy()
    y[2:5] = 1.0
    return y


def added() -> Any:
    y = X.copy()
    y[4] += 1.0
    return y


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "arange(10)": (lambda: cnp.arange(10), lambda: np.arange(10)),
    "arange(1, 10, 2, dtype=...)": (lambda: cnp.arange(1, 10, 2, dtype=float), lambda: np.arange(1, 10, 2, dtype=float)),
    "array(x)": (lambda: cnp.array(X), lambda: np.array(X)),
    "array([1.0, 2.0, 3.0])": (lambda: cnp.array([1.0, 2.0, 3.0]), lambda: np.array([1.0, 2.0, 3.0])),
    "array([[1, 2], [3, 4]])": (lambda: cnp.array([[1, 2], [3, 4]]), lambda: np.array([[1, 2], [3, 4]])),
    "asarray(x)": (lambda: cnp.asarray(X), lambda: np.asarray(X)),
    "asarray(1.0)": (lambda: cnp.asarray(1.0), lambda: np.asarray(1.0)),
    "at(x)[2:5].set(1.0)": (lambda: cnp.at(X)[2:5].set(1.0), updated),
    "at(x)[4].add(1.0)": (lambda: cnp.at(X)[4].add(1.0), added),
    "cummax(x)": (lambda: cnp.cummax(X), lambda: np.maximum.accumulate(X)),
    "cummin(x)": (lambda: cnp.cummin(X), lambda: np.minimum.accumulate(X)),
    "full(10, 1.0)": (lambda: cnp.full(10, 1.0), lambda: np.full(10, 1.0)),
    "full((2, 3), 1.0)": (lambda: cnp.full((2, 3), 1.0), lambda: np.full((2, 3), 1.0)),
    "logsumexp(x)": (lambda: cnp.logsumexp(X), lambda: scipy.special.logsumexp(X)),
    "roll(x, 3)": (lambda: cnp.roll(X, 3), lambda: np.roll(X, 3)),
    "take(x, places)": (lambda: cnp.take(X, PLACES), lambda: np.take(X, PLACES)),
    "take(x, [3, 0, 7], axis=0)": (lambda: cnp.take(X, [3, 0, 7], axis=0), lambda: np.take(X, [3, 0, 7], axis=0)),
    "asanyarray(x)": (lambda: cnp.asanyarray(X), lambda: np.asanyarray(X)),
    "ascontiguousarray(x)": (lambda: cnp.ascontiguousarray(X), lambda: np.ascontiguousarray(X)),
    "asfortranarray(x)": (lambda: cnp.asfortranarray(X), lambda: np.asfortranarray(X)),
    "c_[x, x]": (lambda: cnp.c_[X, X], lambda: np.c_[X, X]),
    "full_like(x, 1.0)": (lambda: cnp.full_like(X, 1.0), lambda: np.full_like(X, 1.0)),
    "histogram(x, 3)": (lambda: cnp.histogram(X, 3), lambda: np.histogram(X, 3)),
    "interp(x, grid, grid)": (lambda: cnp.interp(X, GRID, GRID), lambda: np.interp(X, GRID, GRID)),
    "nan_to_num(x)": (lambda: cnp.nan_to_num(X), lambda: np.nan_to_num(X)),
    "pad(x, 1)": (lambda: cnp.pad(X, 1), lambda: np.pad(X, 1)),
    "polyint(x)": (lambda: cnp.polyint(X), lambda: np.polyint(X)),
    "r_[x, 1.0]": (lambda: cnp.r_[X, 1.0], lambda: np.r_[X, 1.0]),
    "r_[0:10]": (lambda: cnp.r_[0:10], lambda: np.r_[0:10]),
    "require(x)": (lambda: cnp.require(X), lambda: np.require(X)),
    "select([x > 0], [x])": (lambda: cnp.select([MASK], [X]), lambda: np.select([MASK], [X])),
    "unwrap(x)": (lambda: cnp.unwrap(X), lambda: np.unwrap(X)),
    "vectorize(f)(x)": (lambda: OURS(X), lambda: THEIRS(X)),
}

LONG: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "array([0.0, ... 999.0])": (lambda: cnp.array(NUMBERS), lambda: np.array(NUMBERS)),
}

SPECIAL: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "comb(x, 2)": (lambda: special.comb(X, 2), lambda: scipy.special.comb(X, 2)),
    "factorial(x)": (lambda: special.factorial(X), lambda: scipy.special.factorial(X)),
    "log_softmax(x)": (lambda: special.log_softmax(X), lambda: scipy.special.log_softmax(X)),
    "logsumexp(x)": (lambda: special.logsumexp(X), lambda: scipy.special.logsumexp(X)),
    "multigammaln(x + 3, 2)": (lambda: special.multigammaln(X + 3, 2), lambda: scipy.special.multigammaln(X + 3, 2)),
    "polygamma(1, x + 2)": (lambda: special.polygamma(1, X + 2), lambda: scipy.special.polygamma(1, X + 2)),
    "softmax(x)": (lambda: special.softmax(X), lambda: scipy.special.softmax(X)),
}


def count_same(names: list[str], ours: Any, theirs: Any) -> set[str]:
    """The names that are one object here and there; ufuncs among them are counted too."""
    same = {name for name in names if getattr(ours, name) is getattr(theirs, name, None)}
    ufuncs = sum(isinstance(getattr(ours, name), np.ufunc) for name in same)
    print(f"{ours.__name__}: {len(names)} names; {len(same)} are objects of {theirs.__name__}, {ufuncs} of these ufuncs")
    return same


def compare(pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]]) -> list[str]:
    """Print the time of each call beside its counterpart; return those that are over the limit."""
    over = []
    for name, (ours, theirs) in pairs.items():
        times = best({"covector": ours, "theirs": theirs}, rounds=60, number=200)
        extra = times["covector"] - times["theirs"]
        ratio = times["covector"] / times["theirs"]
        beside = f"{times['covector'] * 1e6:7.2f} us beside {times['theirs'] * 1e6:7.2f} us"
        print(f"    {name:<28} {beside}: {extra * 1e6:+6.2f} us, {ratio:.2f}")
        if extra > LIMIT:
            over.append(name)
    return over


def main() -> int:
    names = [name for name in dir(cnp) if name not in cnp.MODULES]
    rest = set(names) - count_same(names, cnp, np)
    assert rest == {re.split(r"[(\[]", name)[0] for name in PAIRS}, "time each name that is no object of NumPy's"
    assert not any(isinstance(getattr(cnp, name), np.ufunc) for name in rest)
    over = compare(PAIRS)
    compare(LONG)
    rest = set(special.__all__) - count_same(special.__all__, special, scipy.special)
    assert rest == {name.partition("(")[0] for name in SPECIAL}, "time each name that is no object of SciPy's"
    compare(SPECIAL)
    print(f"covector.numpy, over {LIMIT * 1e6:.0f} us more: {', '.join(over) or 'none'}")
    return int(bool(over) and "--limits" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
