"""``axis_index`` in loops and branches that not all examples of a batch run: it is a value from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

N = 4


def index() -> Any:
    return lax.axis_index("i")


# a function of an example, and what it is for an example with this number, in Python
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "while condition": (
        lambda x: lax.while_loop(lambda c: c < index(), lambda c: c + 2, x),
        lambda x, k: x + 2 * max(0, int(np.ceil((k - x) / 2))),
    ),
    "while body": (
        lambda x: lax.while_loop(lambda c: c < 5, lambda c: c + index() + 1, x),
        lambda x, k: x + (k + 1) * int(np.ceil((5 - x) / (k + 1))),
    ),
    "both": (
        lambda x: lax.while_loop(lambda c: c[0] < index(), lambda c: (c[0] + 1, c[1] * index()), (0, x))[1],
        lambda x, k: x * float(k) ** k,
    ),
    "fori_loop with its bound": (
        lambda x: lax.fori_loop(0, index(), lambda j, c: c + index() * j, x),
        lambda x, k: x + k * k * (k - 1) / 2,
    ),
    "fori_loop": (lambda x: lax.fori_loop(0, 3, lambda j, c: c + index() * j, x), lambda x, k: x + 3 * k),
    "scan": (lambda x: lax.scan(lambda c, y: (c + index() * y, None), x, np.arange(3.0))[0], lambda x, k: x + 3 * k),
    "cond": (
        lambda x: lax.cond(x > 1.5, lambda x: x * index(), lambda x: x - index(), x),
        lambda x, k: x * k if x > 1.5 else x - k,
    ),
    "cond of the index": (
        lambda x: lax.cond(index() % 2 == 0, lambda x: x + index(), lambda x: x * 10, x),
        lambda x, k: x + k if k % 2 == 0 else x * 10,
    ),
    "switch": (
        lambda x: lax.switch(index(), [lambda x: x, lambda x: x + 10 * index(), lambda x: x * index()], x),
        lambda x, k: [x, x + 10 * k, x * k, x * k][k],
    ),
    "cond in a loop": (
        lambda x: lax.fori_loop(0, index(), lambda j, c: lax.cond(c > 2, lambda c: c - index(), lambda c: c + index(), c), x),
        lambda x, k: _cond_in_a_loop(x, k),
    ),
    "jit in a loop": (
        lambda x: lax.while_loop(lambda c: c < index(), cv.jit(lambda c: c + index()), x),
        lambda x, k: x + k if x < k else x,
    ),
    "loop in jit": (
        cv.jit(lambda x: lax.while_loop(lambda c: c < index(), lambda c: c + 1.5, x)),
        lambda x, k: x + 1.5 * max(0, int(np.ceil((k - x) / 1.5))),
    ),
    "checkpoint": (
        cv.checkpoint(lambda x: lax.cond(x > 1.5, lambda x: x * index(), lambda x: x - index(), x)),
        lambda x, k: x * k if x > 1.5 else x - k,
    ),
}


def _cond_in_a_loop(x, k):
    for _ in range(k):
        x = x - k if x > 2 else x + k
    return x


def mapped(f):
    return cv.vmap(f, axis_name="i")


WAYS: dict[str, Any] = {
    "vmap": lambda f, x: mapped(f)(x),
    "jit of vmap": lambda f, x: cv.jit(mapped(f))(x),
    "vmap of jit": lambda f, x: mapped(cv.jit(f))(x),
    "jvp of vmap": lambda f, x: cv.jvp(mapped(f), (x,), (x,))[0],
    "vmap of vmap": lambda f, x: cv.vmap(mapped(f))(np.stack([x, x + 1]))[0],
    "named in named": lambda f, x: cv.vmap(mapped(f), axis_name="j")(np.stack([x, x + 1]))[0],
    "without jit": lambda f, x: _without_jit(mapped(f), x),
}


def _without_jit(f, x):
    with cv.disable_jit():
        return f(x)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_values(name: str, way: str) -> None:
    f, python = FUNCTIONS[name]
    x = np.array([0.5, 2.0, 1.0, 3.0])
    np.testing.assert_allclose(WAYS[way](f, x), [python(a, k) for k, a in enumerate(x)])


DERIVATIVES = {
    "while body": lambda x, k: 1.0,
    "both": lambda x, k: float(k) ** k,
    "cond": lambda x, k: float(k) if x > 1.5 else 1.0,
    "switch": lambda x, k: [1.0, 1.0, 2.0, 3.0][k],
    "scan": lambda x, k: 1.0,
    "checkpoint": lambda x, k: float(k) if x > 1.5 else 1.0,
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_gradients(name: str) -> None:
    f, x = FUNCTIONS[name][0], np.array([0.5, 2.0, 1.0, 3.0])
    want = [DERIVATIVES[name](a, k) for k, a in enumerate(x)]
    total = lambda x: np.sum(mapped(f)(x))
    for gradient in (
        cv.grad(total),
        cv.jit(cv.grad(total)),
        mapped(cv.grad(f)),
        cv.grad(cv.jit(total)),
        cv.jit(mapped(cv.grad(f))),
    ):
        np.testing.assert_allclose(gradient(x), want)


def test_without_a_batch_it_is_refused() -> None:
    for f in (
        lambda: lax.while_loop(lambda c: c < index(), lambda c: c + 1, 0),
        lambda: lax.cond(True, lambda: index(), lambda: 0),
    ):
        with pytest.raises(cv.errors.AxisNameError, match="there is no batch axis named 'i'"):
            f()
