"""Batching rules that close over values computed inside loops, branches and calls, whose transformation has then ended."""

import numpy as np
import pytest

import covector as cv
from covector import lax

X = np.array([1.0, -2.0, 3.0])
PARTS = {
    "cond": lambda f, x: lax.cond(x > 0, f, lambda x: x, x),
    "switch": lambda f, x: lax.switch((x > 0).astype(int), [np.cos, f], x),
    "checkpoint": lambda f, x: cv.checkpoint(f)(x),
    "jit": lambda f, x: cv.jit(f)(x),
    "scan": lambda f, x: lax.scan(lambda c, _: (f(c), c), x, None, length=2)[0],
    "fori_loop": lambda f, x: lax.fori_loop(0, 2, lambda i, c: f(c) + i, x),
    "cond in checkpoint": lambda f, x: cv.checkpoint(lambda x: lax.cond(x > 0, f, lambda x: x, x))(x),
}
MODES = {
    "value": lambda f: f,
    "jit": cv.jit,
    "jvp": lambda f: lambda w: cv.jvp(f, (w,), (1.0,))[1],
    "grad": cv.grad,
    "jit of grad": lambda f: cv.jit(cv.grad(f)),
    "grad of jit": lambda f: cv.grad(cv.jit(f)),
    "grad of grad": lambda f: cv.grad(cv.grad(f)),
    "vmap": lambda f: lambda w: cv.vmap(f)(np.array([w, 1.0]))[0],
    "vmap of grad": lambda f: lambda w: cv.vmap(cv.grad(f))(np.array([w, 1.0]))[0],
}


def ruled(w):
    scale = cv.custom_vmap(lambda x: np.sin(x) * w)
    scale.def_vmap(lambda size, batched, x: (np.sin(x) * w, batched[0]))
    return scale


def plain(w):
    return lambda x: np.sin(x) * w


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("part", PARTS)
def test_what_a_batching_rule_closes_over_may_be_computed_in_a_part(part, mode):
    def of(make):
        return MODES[mode](lambda w: np.sum(cv.vmap(lambda x: PARTS[part](lambda x: make(w * w + 1.0)(x) * w, x))(X)))

    np.testing.assert_allclose(of(ruled)(1.5), of(plain)(1.5), rtol=1e-13)


def test_the_gradient_through_a_branch_by_hand():
    def f(w):
        return np.sum(cv.vmap(lambda x: lax.cond(x > 0, lambda x: ruled(w + 1.0)(x), lambda x: x, x))(X))

    np.testing.assert_allclose(cv.grad(f)(2.0), np.sin(1.0) + np.sin(3.0), rtol=1e-14)
