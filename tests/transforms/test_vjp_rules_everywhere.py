"""A backward rule is used wherever its function is, for whichever of its arguments are differentiated.

The rules give 10 and 100 times the derivatives, so that those of the function itself are told apart from theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

marked = cv.custom_vjp(lambda x, y: x * y)
marked.defvjp(lambda x, y: (x * y, (x, y)), lambda xy, ct: (10.0 * ct * xy[1], 100.0 * ct * xy[0]))

X, Y = 1.5, 2.0
SLOPES = (10.0 * Y, 100.0 * X)

PLACES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda f: f,
    "jit": cv.jit,
    "checkpoint": cv.checkpoint,
    "jit of checkpoint": lambda f: cv.jit(cv.checkpoint(f)),
    "checkpoint of jit": lambda f: cv.checkpoint(cv.jit(f)),
    "checkpoint of vmap": lambda f: cv.checkpoint(lambda x, y: cv.vmap(f, in_axes=(0, None))(np.stack([x, x]), y)[0]),
    "what a scan closes over": lambda f: lambda x, y: lax.scan(lambda c, _: (f(x, y), None), x * 0.0, None, length=2)[0],
    "scan": lambda f: lambda x, y: lax.scan(lambda c, x: (c + 0.5 * f(x, y), None), 0.0, np.stack([x, x]))[0],
    "fori_loop": lambda f: lambda x, y: lax.fori_loop(0, 2, lambda i, c: f(x, y), x * 0.0),
    "cond": lambda f: lambda x, y: lax.cond(y > 0, f, lambda x, y: x, x, y),
    "vmap": lambda f: lambda x, y: cv.vmap(f)(np.stack([x, x]), np.stack([y, y]))[0],
    "vmap over x": lambda f: lambda x, y: cv.vmap(f, in_axes=(0, None))(np.stack([x, x]), y)[0],
    "vmap over y": lambda f: lambda x, y: cv.vmap(f, in_axes=(None, 0))(x, np.stack([y, y]))[0],
}


def pulled_back(f: Any, argnums: tuple[int, ...]) -> Any:
    """The gradient by way of `linearize` and `linear_transpose`."""
    at = [(X, Y)[i] for i in argnums]
    of_some = lambda *some: f(*(dict(zip(argnums, some, strict=True)).get(i, v) for i, v in enumerate((X, Y))))
    return cv.linear_transpose(cv.linearize(of_some, *at)[1], *at)(1.0)


@pytest.mark.parametrize("argnums", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("place", PLACES)
def test_the_rule_gives_the_derivatives(place: str, argnums: tuple[int, ...]) -> None:
    f, wanted = PLACES[place](marked), [SLOPES[i] for i in argnums]
    slopes = cv.grad(f, argnums)
    np.testing.assert_allclose(slopes(X, Y), wanted, rtol=1e-12)
    np.testing.assert_allclose(cv.jit(slopes)(X, Y), wanted, rtol=1e-12)
    np.testing.assert_allclose(np.stack(cv.vmap(slopes)(np.full(3, X), np.full(3, Y)), 1), [wanted] * 3, rtol=1e-12)
    np.testing.assert_allclose(pulled_back(f, argnums), wanted, rtol=1e-12)
