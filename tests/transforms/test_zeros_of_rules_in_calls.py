"""The zeros that a VJP rule is given for results without a cotangent: linear maps through calls and loops, transposed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector import checkpoint, custom_vjp, jit, lax, linear_transpose, linearize, vjp, vmap


@custom_vjp
def outer_and_second(u: Any, w: Any) -> Any:
    return np.ravel(np.add.outer(u * u, u)), w


outer_and_second.defvjp(
    lambda u, w: (outer_and_second(u, w), u),
    lambda u, cts: (2 * u * np.sum(np.reshape(cts[0], (3, 3)), 1) + np.sum(np.reshape(cts[0], (3, 3)), 0), cts[1]),
)


def scanned(f: Callable[..., Any], u: Any, w: Any) -> Any:
    return [o[0] for o in lax.scan(lambda c, _: (c, f(u, w)), 0, None, length=1)[1]]


def carried(f: Callable[..., Any], u: Any, w: Any) -> Any:
    """The carry of a loop moves only where the rule says so."""

    def step(c: Any, _: Any) -> Any:
        outer, second = f(u, c)
        return second, outer

    second, outer = lax.scan(step, w, None, length=1)
    return outer[0], second


CALLS: dict[str, Callable[..., Any]] = {
    "plain": lambda f, u, w: f(u, w),
    "checkpoint": lambda f, u, w: checkpoint(f)(u, w),
    "jit": lambda f, u, w: jit(f)(u, w),
    "jit of checkpoint": lambda f, u, w: jit(checkpoint(f))(u, w),
    "cond": lambda f, u, w: lax.cond(np.sum(u) < 100.0, f, lambda u, w: (np.zeros(9) * u[0], w), u, w),
    "scan": scanned,
    "carry": carried,
    "vmap": lambda f, u, w: [o[0] for o in vmap(f)(u[None], w[None])],
}


@pytest.mark.parametrize("known_second", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_linear_maps_through_calls_transposed_twice(call: str, known_second: bool) -> None:
    u, t = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, -0.4])

    def f(u: Any) -> Any:
        return CALLS[call](outer_and_second, u, np.ones(3) if known_second else u)[0]

    push = linearize(f, u)[1]
    pull = linear_transpose(lambda t: jit(lambda k, t: k * push(t))(2.0, t), t)
    expected = np.ravel(np.add.outer(2 * u * t, t))
    np.testing.assert_allclose(push(t), expected, rtol=1e-14)
    (again,) = linear_transpose(lambda ct: pull(ct)[0], np.ones(9))(t)
    np.testing.assert_allclose(again, 2 * expected, rtol=1e-14)


@pytest.mark.parametrize("call", CALLS)
def test_second_derivatives_of_what_a_call_gives_back(call: str) -> None:
    """The pullback is differentiated in its cotangent, of which one result gets none."""
    u, w, t = np.array([0.5, -1.0, 2.0]), np.ones(3), np.array([1.0, 0.3, -0.4])
    pull = vjp(lambda u, w: CALLS[call](outer_and_second, u, w)[0], u, w)[1]
    again = vjp(lambda ct: pull(ct), np.ones(9))[1]((t, 0 * w))[0]
    np.testing.assert_allclose(again, np.ravel(np.add.outer(2 * u * t, t)), rtol=1e-14)
