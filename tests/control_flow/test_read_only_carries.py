"""Carries that the steps of a ``while_loop`` only read: in a batch they stay what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

W = np.array([[1.0, 1.0], [0.5, 1.0]])
X = np.arange(1.0, 7.0).reshape(3, 2)
N = np.array([1, 3, 0])


def power(n, x, w):
    """``x w^n`` with the bound and the matrix in the carry, and the sum of what ``w`` is at the end."""
    _, _, x, w = lax.while_loop(lambda s: s[0] < s[1], lambda s: (s[0] + 1, s[1], s[2] @ s[3], s[3]), (0, n, x, w))
    return x, w


def python(n, x, w):
    for _ in range(n):
        x = x @ w
    return x, w


AXES = {"w shared": (0, 0, None), "all batched": (0, 0, 0), "n alone": (0, None, None), "n and w": (0, None, 0)}
WAYS: dict[str, Any] = {
    "vmap": lambda f, *args: f(*args),
    "jit": lambda f, *args: cv.jit(f)(*args),
    "jvp": lambda f, n, *args: cv.jvp(lambda *args: f(n, *args), args, args)[0],
    "vmap of jit": None,
    "vmap of vmap": lambda f, *args: [out[0] for out in cv.vmap(f)(*(np.stack([a, a]) for a in args))],
}


def arguments(axes):
    return [v if a == 0 else v[0] for v, a in zip((N, X, np.stack([W, 2 * W, W.T])), axes, strict=True)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batched", AXES)
def test_values(batched: str, way: str) -> None:
    axes = AXES[batched]
    args = arguments(axes)
    f = cv.vmap(cv.jit(power) if way == "vmap of jit" else power, axes, out_axes=(0, 0 if axes[2] == 0 else None))
    got, w = (WAYS[way] or WAYS["vmap"])(f, *args)
    rows = [[a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)] for i in range(3)]
    np.testing.assert_allclose(got, [python(*row)[0] for row in rows])
    np.testing.assert_allclose(w, args[2])


@pytest.mark.parametrize("batched", AXES)
def test_gradients(batched: str) -> None:
    axes = AXES[batched]
    n, x, w = arguments(axes)
    total = lambda x, w: np.sum(cv.vmap(lambda n, x, w: power(n, x, w)[0], axes)(n, x, w) ** 2)
    h = 1e-6
    for gradient in (cv.grad(total, (0, 1)), cv.jit(cv.grad(total, (0, 1))), cv.grad(cv.jit(total), (0, 1))):
        for value, slope, at in zip((x, w), gradient(x, w), (lambda d: (x + d, w), lambda d: (x, w + d)), strict=True):
            for place in np.ndindex(value.shape):
                d = np.zeros(value.shape)
                d[place] = h
                np.testing.assert_allclose(slope[place], (total(*at(d)) - total(*at(-d))) / (2 * h), rtol=1e-5, atol=1e-5)


def test_what_is_the_same_for_all_is_not_made_a_batch() -> None:
    program = str(cv.make_jaxpr(cv.vmap(power, (0, 0, None), (0, None)))(N, X, W))
    assert "f64[3,2,2]" not in program and "f64[2,2]" in program


def test_a_table_beside_the_loop_costs_nothing_each_step() -> None:
    """1,000 numbers are read at one place each step, by examples that end at different times."""
    table = np.arange(1000.0)
    f = lambda n: lax.while_loop(
        lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] + cv.at(s[2])[s[0]].get(), s[2]), (0, 0.0, table)
    )[1]
    np.testing.assert_allclose(cv.vmap(f)(np.array([3, 0, 10])), [3.0, 0.0, 45.0])
    assert "f64[3,1000]" not in str(cv.make_jaxpr(cv.vmap(f))(np.array([3, 0, 10])))
