"""Derivatives of loops and choices keep the precision of what they are taken in, beside residuals that are Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

_, TRIPLE = cv.linearize(lambda x: x * 3, np.float32(1.5))

CARRYING: dict[str, Any] = {
    "scan": lambda y: lax.scan(lambda c, _: ((c[0], c[0](c[1])), None), (TRIPLE, y), None, length=3)[0][1],
    "fori_loop": lambda y: lax.fori_loop(0, 3, lambda _, c: (c[0], c[0](c[1])), (TRIPLE, y))[1],
    "while_loop": lambda y: lax.while_loop(lambda c: c[2] < 3, lambda c: (c[0], c[0](c[1]), c[2] + 1), (TRIPLE, y, 0))[1],
    "cond": lambda y: lax.cond(y > 0, lambda c: c[0](c[0](c[0](c[1]))), lambda c: c[1] * 1.0, (TRIPLE, y)),
    "scan of cond": lambda y: lax.scan(
        lambda c, _: ((c[0], lax.cond(c[1] > 0, lambda c: c[0](c[1]), lambda c: c[1] * 1.0, c)), None),
        (TRIPLE, y),
        None,
        length=3,
    )[0][1],
}
WAYS: dict[str, Any] = {
    "jacfwd": cv.jacfwd,
    "jacrev": cv.jacrev,
    "grad": cv.grad,
    "jit of jacrev": lambda f: cv.jit(cv.jacrev(f)),
    "jacrev of jit": lambda f: cv.jacrev(cv.jit(f)),
    "checkpoint": lambda f: cv.jacrev(cv.checkpoint(f)),
    "vmap": lambda f: lambda x: cv.vmap(cv.jacrev(f))(np.stack([x, x]))[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("program", CARRYING)
def test_derivatives_keep_their_precision(program: str, way: str) -> None:
    found = WAYS[way](CARRYING[program])(np.float32(1.5))
    assert found.dtype == np.float32 and found == 27.0
    second = cv.jacfwd(WAYS[way](CARRYING[program]))(np.float32(1.5))
    assert second.dtype == np.float32 and second == 0.0
