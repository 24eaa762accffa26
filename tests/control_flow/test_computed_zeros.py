"""Branches, loops and checkpoints that compute zeros: these are linear, have no derivative, and are known to be zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax


def loop(x: Any) -> Any:
    """x * 2.25 + 0.25 at x = 1, by a loop that leaves a residual for each step."""
    return lax.while_loop(lambda s: np.sum(s[0]) < 2.0, lambda s: (s[0] * 1.5 + 0.1, s[1] + 1), (x, 0))[0]


ZEROS = {
    "difference": lambda x: x - x,
    "times zeros": lambda x: np.sin(x) * np.zeros(1),
    "loop times zeros": lambda x: loop(x) * np.zeros(1),
    "empty": lambda x: loop(x) * np.zeros(0),
    "cut": lambda x: loop(x)[:0],
    "loop - loop": lambda x: loop(x) - loop(x),
    "scan": lambda x: lax.scan(lambda c, _: ((c - c) * x, c), x, None, length=3)[0],
}
PLACES = {
    "branch": lambda f: lambda x: lax.cond(np.sum(x) >= 0, f, np.sum, x),
    "other branch": lambda f: lambda x: lax.cond(np.sum(x) < 0, lambda x: np.sum(x**2), f, x),
    "branch in a branch": lambda f: PLACES["branch"](PLACES["branch"](f)),
    "branch in a loop": lambda f: lambda x: lax.scan(lambda c, _: (c + PLACES["branch"](f)(x), None), 0.0, None, length=2)[0],
    "branch in a checkpoint": lambda f: cv.checkpoint(PLACES["branch"](f)),
    "checkpoint in a branch": lambda f: PLACES["branch"](cv.checkpoint(f)),
}
grad_of_sum = lambda f: cv.grad(lambda x: np.sum(cv.grad(f)(x)))
WAYS = {
    "grad": cv.grad,
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (x,))[1],
    "hessian": cv.hessian,
    "reverse over reverse": grad_of_sum,
    "forward over reverse": lambda f: lambda x: cv.jvp(cv.grad(f), (x,), (x,))[1],
    "reverse over forward": lambda f: cv.grad(lambda x: cv.jvp(f, (x,), (x,))[1]),
    "third": lambda f: cv.jacfwd(cv.hessian(f)),
    "batch": lambda f: lambda x: cv.vmap(cv.hessian(f))(np.stack([x, x])),
    "of compiled": lambda f: grad_of_sum(cv.jit(f)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_their_derivatives_are_zero(place: str, way: str) -> None:
    for zeros in ZEROS.values():
        for power in (1, 2):
            f = PLACES[place](lambda x, zeros=zeros, power=power: np.sum(zeros(x) ** power))
            for g in (WAYS[way](f), cv.jit(WAYS[way](f))):
                assert not np.any(g(np.ones(1)))


def unmoved(x: Any) -> Any:
    """A function whose backward rule writes zeros out."""
    ruled = cv.custom_vjp(lambda x: np.ones(2))
    ruled.defvjp(lambda x: (np.ones(2), ()), lambda _, ct: (np.zeros(2),))
    return np.sum(ruled(x))


AROUND: dict[str, Any] = {
    "jit": cv.jit,
    "checkpoint": cv.checkpoint,
    "vmap": lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[0],
    "cond": lambda f: lambda x: lax.cond(x[0] < 9, f, f, x),
    "scan": lambda f: lambda x: lax.scan(lambda c, row: (c, f(row)), 0.0, np.stack([x, x]))[1][0],
}


@pytest.mark.parametrize("place", AROUND)
def test_zeros_that_a_backward_rule_writes_out_are_linear_in_its_cotangent(place: str) -> None:
    for other in AROUND.values():
        f = AROUND[place](other(unmoved))
        twice = lambda x, f=f: cv.linear_transpose(cv.vjp(f, x)[1], 1.0)((x,))[0]
        for around in AROUND.values():
            assert around(twice)(np.ones(2)) == 0


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_branches_in_batches_in_batches_give_constants_under_a_rule(batches: int) -> None:
    branches = lambda x: lax.cond(x[0] > 0.6, lambda: (x**2, np.zeros(3)), lambda: (x**3, np.ones(3)))
    ruled = cv.custom_jvp(branches)
    ruled.defjvp(lambda primals, tangents: cv.jvp(branches, primals, tangents))
    f = lambda x: np.sum(ruled(x)[0])
    for _ in range(batches):
        f = lambda x, f=f: cv.vmap(f)(np.stack([x, x / 2]))[0]
    assert np.allclose(cv.jit(cv.grad(f))(np.ones(2)), [2.0, 2.0])
    assert np.allclose(cv.jit(cv.hessian(f))(np.ones(2) / 2), np.eye(2) * 3.0)


def test_zeros_are_followed_as_far_as_they_go() -> None:
    def backward(x: Any, ct: Any) -> Any:
        zeros = x * 0
        for k in range(300):
            zeros = 0.5 * zeros - zeros / (k + 1)
        return (zeros,)

    ruled = cv.custom_vjp(lambda x: np.ones(2))
    ruled.defvjp(lambda x: (np.ones(2), x), backward)
    twice = lambda x: cv.linear_transpose(cv.vjp(lambda x: np.sum(ruled(x)), x)[1], 1.0)((x,))[0]
    assert cv.jit(twice)(np.ones(2)) == 0


def test_whether_tangents_are_zero_is_found_out_once_for_each_equation() -> None:
    def long(c: Any, x: Any) -> Any:
        for _ in range(100):  # sums of up to as many terms in the second derivative
            c = np.sin(c) * c + 0.5 * x
        return c

    f = lambda x: lax.scan(lambda c, _: (long(c, x), None), x, None, length=2)[0]
    assert np.allclose(cv.jit(cv.grad(cv.grad(f)))(0.3), cv.grad(cv.grad(lambda x: long(long(x, x), x)))(0.3))


def test_a_while_loop_over_zeros_gives_zeros() -> None:
    loop = lambda x: lax.while_loop(lambda c: c[2] < 1, lambda c: (c[0], c[1], c[2] + 1), (x, np.zeros(0), 0), checkpoint=2)[1]
    f = lambda x: np.sum(loop(x))
    assert cv.jit(lambda x: cv.linear_transpose(cv.vjp(f, x)[1], 1.0)((x,))[0])(np.ones(2)) == 0
