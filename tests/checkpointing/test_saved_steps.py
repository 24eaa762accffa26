"""Policies reach into the loops of a checkpointed function: values of the steps are saved, stacked, and not computed again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

P = cv.checkpoint_policies
NUMBER = itertools.count()
XS = np.array([0.3, -0.2, 0.5, 0.1])


def named(x, name="a"):
    return cv.checkpoint_name(x, name)


def loop(x):
    return lax.scan(lambda c, y: (named(np.sin(c)) * x + y, np.cos(c)), x, XS)


LOOPS: dict[str, Any] = {
    "scan": lambda x: loop(x)[0],
    "ys": lambda x: np.sum(loop(x)[1]),
    "reverse": lambda x: lax.scan(lambda c, y: (named(np.sin(c * y)) * x, named(c, "b")), x, XS, reverse=True)[1][0],
    "several names": lambda x: lax.scan(lambda c, y: (named(np.sin(c)) * named(np.exp(y * c), "b"), None), x, XS)[0],
    "nested": lambda x: lax.scan(
        lambda c, y: (lax.scan(lambda d, z: (named(np.sin(d * z)) + c, None), named(c * y, "b"), XS)[0], None), x, XS
    )[0],
    "in jit": lambda x: cv.jit(lambda x: loop(x)[0] ** 2)(x),
    "jit in it": lambda x: lax.scan(lambda c, y: (cv.jit(lambda c: named(np.sin(c)) * y)(c), None), x, XS)[0],
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: named(np.sin(c)) * (i + 1), x),
    "map": lambda x: np.sum(lax.map(lambda y: named(np.sin(x * y)) ** 2, XS)),
    "beside a while loop": lambda x: loop(lax.while_loop(lambda c: c < 3, lambda c: c * 2 + named(np.sin(c)), x))[0],
    "in a branch": lambda x: lax.cond(x > 0, lambda x: loop(x)[0], np.sin, x),
    "products": lambda x: np.sum(lax.scan(lambda c, y: (np.sin(np.eye(2) @ c) * y, None), np.stack([x, 2 * x]), XS)[0]),
    "integers": lambda x: lax.scan(lambda c, y: (c * named(np.sign(c).astype(int)) + np.sin(c), None), x, XS)[0],
    "no steps": lambda x: x * lax.scan(lambda c, y: (named(np.sin(c)), None), x, XS[:0])[0],
}
POLICIES = {
    "a": P.save_only_these_names("a"),
    "all but a": P.save_anything_except_these_names("a"),
    "everything": P.everything_saveable,
    "dots": P.dots_saveable,
    "nothing": P.nothing_saveable,
}
WAYS: dict[str, Any] = {
    "grad": lambda f, x: cv.grad(f)(x),
    "jit": lambda f, x: cv.jit(cv.grad(f))(x),
    "vmap": lambda f, x: cv.vmap(cv.grad(f))(np.array([x, 2 * x])),
    "grad of vmap": lambda f, x: cv.grad(lambda xs: np.sum(cv.vmap(f)(xs)))(np.array([x, 2 * x])),
    "second": lambda f, x: cv.grad(cv.grad(f))(x),
    "forward over reverse": lambda f, x: cv.jvp(cv.grad(f), (x,), (1.0,)),
    "linearize": lambda f, x: cv.linearize(f, x)[1](1.0),
    "jvp": lambda f, x: cv.jvp(f, (x,), (1.0,)),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", LOOPS)
def test_derivatives_are_the_same(name: str, policy: str) -> None:
    f = LOOPS[name]
    g = cv.checkpoint(f, policy=POLICIES[policy])
    for way in WAYS.values() if policy == "a" else [WAYS["jit"], WAYS["forward over reverse"]]:
        for got, want in zip(cv.tree.leaves(way(g, 0.7)), cv.tree.leaves(way(f, 0.7)), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10)


def counted():
    """A sine that counts its evaluations."""
    calls: list[int] = []
    f = lambda x: calls.append(1) or np.sin(x)
    return calls, cv.elementwise(f"t_saved_{next(NUMBER)}", f, lambda out, x: np.cos(x), trusted=True)


@pytest.mark.parametrize(("policy", "again"), [("a", 0), ("everything", 0), ("nothing", 4), ("dots", 4)])
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_saved_is_not_computed_again(policy: str, again: int, nested: bool) -> None:
    calls, sine = counted()
    step = lambda c, y: (named(sine(c)) * y, None)
    if nested:
        f = lambda x: lax.scan(lambda c, y: (lax.scan(step, c, XS)[0] * y, None), x, XS)[0]
    else:
        f = lambda x: lax.scan(step, x, XS)[0]
    n = 16 if nested else 4
    _, pullback = cv.vjp(cv.jit(cv.checkpoint(f, policy=POLICIES[policy])), 0.7)
    pullback(1.0)
    calls.clear()
    pullback(1.0)
    assert len(calls) == again * n // 4


def test_only_what_is_needed_is_saved() -> None:
    f = lambda x: lax.scan(lambda c, y: (named(np.sin(c)) * 2 + named(y * y, "b"), None), x, XS)[0]
    saved = cv.saved_residuals(cv.checkpoint(f, policy=P.save_only_these_names("a", "b")), 0.7)
    assert [r.nbytes for r in saved if "output of scan" in r.origin] in ([32], [32, 32])
    assert "f64[4]" in " ".join(map(str, saved))
    nothing = cv.saved_residuals(cv.checkpoint(f), 0.7)
    assert [r.nbytes for r in nothing] == [8]
