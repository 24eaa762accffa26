"""A compiled program calls each operation that it says, whatever the names of the others are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import jit, lax

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp2": (np.exp2, np.exp),
    "log2": (np.log2, np.log),
    "log10": (np.log10, np.log),
    "arctan2": (lambda x: np.arctan2(x, x * x), np.arctan),
    "logaddexp2": (lambda x: np.logaddexp2(x, x * x), lambda x: np.logaddexp(x, x * x)),
}
"""By the name of the first, functions of which one's name is the other's with digits after it."""


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shift", range(3))
def test_names_that_end_in_digits(name: str, shift: int) -> None:
    first, second = PAIRS[name]

    def f(x: Any) -> Any:
        y = first(x)
        for _ in range(shift):
            y = np.sin(y)
        for _ in range(70):
            y = second(np.cosh(np.sin(y)))
        return y + first(x)

    def looped(x: Any) -> Any:
        return lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0]

    x = np.array([0.4, 1.7])
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-12)
    np.testing.assert_allclose(looped(x), f(x), rtol=1e-12)


@pytest.mark.parametrize("name", ["v", "c", "p", "unshared", "program", "sin_", "sin_3"])
def test_primitives_named_as_variables_are(name: str) -> None:
    p = cv.Primitive(name)
    p.def_impl(lambda x: x + 100.0)
    p.def_abstract(lambda x: x)

    def f(x: Any) -> Any:
        y = p.bind(x)
        for _ in range(40):
            y = np.sin(p.bind(y))
        return p.bind(y * np.arange(2.0))

    x = np.array([0.4, 1.7])
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-12)
