"""Parameters that Python calls equal, and that have other results: 0 and 0.0, 1 and True, 2.0 and ``float32(2)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.core.kinds import Elementwise
from covector.core.primitive import Primitive

LOWS = [0, 0.0, False, np.float32(0), np.int8(0), np.float64(0)]
scaled_p = Primitive("scaled_by_k", Elementwise(lambda x, k: x * k, lambda out, x, k: k * np.ones_like(x)), trusted=True)
RUN: dict[str, Callable[..., Any]] = {
    "jit": lambda f, x: cv.jit(f)(x),
    "native": lambda f, x: cv.jit(f, backend="native")(x),
    "shapes": lambda f, x: np.zeros((), cv.eval_shape(f, x).dtype),
    "map": lambda f, x: cv.lax.map(f, x),
}
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "clip": lambda x, k: np.clip(x, k, 5),
    "clip from above": lambda x, k: np.clip(x, None, k),
    "clipped and summed": lambda x, k: np.prod(np.clip(x, k, 250)),
    "a primitive": lambda x, k: scaled_p.bind(x, k=k),
    "norm": lambda x, k: np.linalg.norm(x * 1.0, ord=1 + k),
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_after_the_other(name: str, run: str) -> None:
    x = np.array([[0, 3, 250], [200, 1, 7]], np.uint8)
    for lows in (LOWS, LOWS[::-1]):
        for low in lows:
            f = lambda x, low=low: FUNCTIONS[name](x, low)
            x = x if run == "map" else x[-1]
            wanted = np.stack([f(row) for row in x]) if run == "map" else f(x)
            found = RUN[run](f, x)
            assert found.dtype == np.asarray(wanted).dtype, low
            if run != "shapes":
                np.testing.assert_allclose(found, wanted, rtol=1e-6)
            x = np.array([[0, 3, 250], [200, 1, 7]], np.uint8)
