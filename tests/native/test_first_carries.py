"""Loops in memory whose first carries are views: of arguments, of products and of complex numbers, of any shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from same import agree

import covector as cv

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

VIEWS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "transposed": lambda x: x.T,
    "backwards": lambda x: x[::-1],
    "every second": lambda x: x[:, ::2],
    "a part": lambda x: x[:, 1:],
    "of one row": lambda x: np.broadcast_to(x[0], x.shape),
    "of a product": lambda x: (x @ x.T).T,
    "real part": lambda x: (x + 2j * x).imag,
    "complex": lambda x: (x + 2j * x).T,
    "split": lambda x: x.reshape(x.shape[0], 2, -1).swapaxes(0, 1),
    "a diagonal": lambda x: np.diagonal(x @ x.T),
}


@pytest.mark.parametrize("shape", [(1, 40), (40, 2), (2, 40), (2, 2), (3, 26)])
@pytest.mark.parametrize("view", VIEWS)
def test_loops_start_with_views(view: str, shape: tuple[int, int]) -> None:
    x = np.linspace(0.1, 1.0, shape[0] * shape[1]).reshape(shape)

    def moved(c: Any) -> Any:
        return 0.5 * np.roll(c, 1, -1) + 0.3 * np.flip(c, 0) + 0.1 * np.sum(c, -1, keepdims=True)

    f = lambda x: cv.lax.scan(lambda c, _: (moved(c), np.sum(c)), VIEWS[view](x), None, length=4)
    agree(f, x, ulps=64, whole=False)
    agree(f, np.asfortranarray(x), ulps=64, whole=False)
