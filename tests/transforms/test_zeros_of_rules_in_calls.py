"""The zeros that rules are given for what does not move: in linear maps that are transposed again, and beside batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector import checkpoint, custom_jvp, custom_vjp, grad, jit, jvp, lax, linear_transpose, linearize, vjp, vmap


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


@custom_jvp
def sine_of_product(number: Any, x: Any) -> Any:
    return np.sin(number * x)


sine_of_product.defjvp(lambda primals, tangents: jvp(lambda number, x: np.sin(number * x), primals, tangents))

OF_ROWS: dict[str, Callable[..., Any]] = {
    "grad of vmap": lambda f: grad(lambda a: np.sum(vmap(f)(a))),
    "vmap of grad": lambda f: vmap(grad(lambda a: np.sum(f(a)))),
    "jvp of vmap": lambda f: lambda a: jvp(vmap(f), (a,), (np.ones_like(a),))[1],
    "vmap of jvp": lambda f: vmap(lambda a: jvp(f, (a,), (np.ones_like(a),))[1]),
    "jit of grad of vmap": lambda f: jit(grad(lambda a: np.sum(vmap(f)(a)))),
}


@pytest.mark.parametrize("wrap", [lambda f: f, checkpoint, jit], ids=["plain", "checkpoint", "jit"])
@pytest.mark.parametrize("way", OF_ROWS)
def test_python_numbers_beside_a_batch_keep_narrow_dtypes(way: str, wrap: Any) -> None:
    """The zero tangent of a Python number is one of a Python number, also for a batch."""
    a = np.array([[1.0, 2.0], [-0.5, 0.25]], np.float16)
    found = OF_ROWS[way](lambda row: wrap(sine_of_product)(-1.5, row))(a)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, -1.5 * np.cos(-1.5 * a), rtol=5e-3)


@pytest.mark.parametrize("wrap", [jit, checkpoint])
def test_one_program_is_split_at_each_choice_of_linear_arguments(wrap: Any) -> None:
    one_by_the_other = wrap(lambda a, b: a[0] * b[1])

    @custom_jvp
    def product(x: Any) -> Any:
        return x[0] * x[1]

    product.defjvp(lambda xs, ts: (xs[0][0] * xs[0][1], one_by_the_other(ts[0], xs[0]) + one_by_the_other(xs[0], ts[0])))
    x = np.array([3.0, 5.0])
    np.testing.assert_allclose(grad(product)(x), [5.0, 3.0])
    np.testing.assert_allclose(linearize(product, x)[1](np.array([1.0, 2.0])), 11.0)
