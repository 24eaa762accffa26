"""A function finds the keys of a dictionary in the order in which they were put in, whatever it was called with before."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import covector as cv

X = np.array([0.5, 2.0])


def first(p: Any) -> Any:
    return next(iter(p.values())) ** 2


def sums(p: Any) -> Any:
    """Each value and the first."""
    added = p.copy()
    added.update({k: v + next(iter(p.values())) for k, v in p.items()})
    return added


jitted, checkpointed = cv.jit(first), cv.checkpoint(first)
NESTED = cv.jit(lambda tree: first(tree[0]["inner"]))
STEP = lambda c, e: (c + first(e), first(e))
USES: dict[str, Any] = {
    "jit": jitted,
    "nested": lambda p: NESTED(({"inner": p, "other": 1.0}, 2.0)),
    "grad(jit)": cv.grad(lambda p: np.sum(jitted(p))),
    "jit(grad)": cv.jit(cv.grad(lambda p: np.sum(first(p)))),
    "grad(checkpoint)": cv.grad(lambda p: np.sum(checkpointed(p))),
    "vmap(jit)": cv.vmap(jitted),
    "linearize": lambda p: cv.linearize(jitted, p)[1](p),
    "scan": lambda p: cv.lax.scan(STEP, 0.0, p),
    "map": lambda p: cv.lax.map(first, p),
    "cond": lambda p: cv.lax.cond(True, first, lambda p: 2 * first(p), p),
    "fori_loop": lambda p: cv.lax.fori_loop(0, 3, lambda i, p: sums(p), p),
    "while_loop": lambda p: cv.lax.while_loop(lambda p: np.all(next(iter(p.values())) < 30.0), sums, p),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("kind", [dict, lambda p: defaultdict(float, p)], ids=["dict", "defaultdict"])
def test_each_call_has_its_own_order(use: str, order: str, kind: Any) -> None:
    values = {"a": X, "b": 3.0 + X}
    calls = [kind({k: values[k] for k in keys}) for keys in (order, order[::-1], order)]
    for p in calls:
        found = cv.tree.leaves(USES[use](p))
        with cv.disable_jit():
            renamed = {f"{i}{k}": v for i, (k, v) in enumerate(p.items())}  # sorted as they are put in
            wanted = USES[use](renamed)
        if isinstance(wanted, dict):
            wanted = {k[1:]: v for k, v in wanted.items()}
        for x, y in zip(found, cv.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-15)


def test_keywords() -> None:
    f = cv.jit(lambda **k: next(iter(k.values())))
    assert [f(a=2.0, b=1.0), f(b=1.0, a=2.0), f(a=2.0, b=1.0)] == [2.0, 1.0, 2.0]


@pytest.mark.parametrize("n_none", [1, 2, 3])
def test_dictionaries_with_none_in_them(n_none: int) -> None:
    f = cv.jit(lambda p: next(iter(p)) == "a")
    nones = {f"none {i}": None for i in range(n_none)}
    for p in ({"a": 1.0, **nones}, {**nones, "a": 1.0}, {"a": None, **nones}, {**nones, "a": None}, {"a": {"b": 1.0}, **nones}):
        assert f(p) == (next(iter(p)) == "a")
