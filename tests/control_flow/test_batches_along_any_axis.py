"""Programs mapped along any axes of their arguments, against one example after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformed import close

import covector as cv
from covector import lax

RNG = np.random.default_rng(5)
XS, YS = RNG.uniform(0.2, 1.0, (4, 2, 3)), RNG.uniform(0.2, 1.0, (4, 3))
XS[1::2, 0] *= -1
ROWS, ELEMENTS = np.array([1, 0]), np.array([2, 0, 1])
"""What is read at an array of indices has its batch axis behind theirs, in programs too."""


@cv.custom_jvp
def by_jvp(x, y):
    return x * np.sum(y), y * x[0]


by_jvp.defjvp(lambda p, t: (by_jvp(*p), (t[0] * np.sum(p[1]), 2.0 * t[1] * p[0][0])))


@cv.custom_vjp
def by_vjp(x, y):
    return x * np.sum(y), y * x[0], np.ones(2)


by_vjp.defvjp(lambda x, y: (by_vjp(x, y), (y, x)), lambda r, ct: (ct[0] * np.sum(r[0]), 2.0 * ct[1] * r[1][0]))


@cv.custom_vmap
def by_vmap(x, y):
    return x * y


@by_vmap.def_vmap
def _(size, batched, x, y):
    return (x if batched[0] else x[None]) * (y[:, None] if batched[1] else y), True


def halved(c, y):
    return lax.while_loop(lambda d: d[0] > 0.5, lambda d: (d[0] / 2.0, d[1] + np.sin(d[0]) * y), (c, y))[1]


FUNCTIONS: dict[str, Any] = {
    "while": lambda x, y: lax.while_loop(
        lambda c: np.sum(c[0]) < 4.0, lambda c: (c[0] + np.abs(x[1]), c[1] * y + x), (np.abs(x[0]), x)
    ),
    "while, by its condition": lambda x, y: lax.while_loop(
        lambda c: c[0] < 9.0 * np.sum(y), lambda c: (c[0] * 2.0 + 1.0, c[1] + x[:, 0]), (1.0, x[:, 1])
    ),
    "while, of one number": lambda x, y: lax.while_loop(lambda c: c[0] < 3.0, lambda c: (c[0] + 1.0, c[1] * y + x), (0.0, x)),
    "while in scan": lambda x, y: lax.scan(lambda c, r: (c + halved(r[0], y), c), y, x),
    "scan": lambda x, y: lax.scan(lambda c, r: (c * r + y, np.sum(c * r)), y, x),
    "scan, reversed": lambda x, y: lax.scan(lambda c, r: (c + np.sin(r[0] * c[1]), c), y[:2], (x.T, y), reverse=True),
    "fori": lambda x, y: lax.fori_loop(0, 3, lambda i, c: c * y + i * x, x),
    "map": lambda x, y: lax.map(lambda r: r * y + x[0], x),
    "cond": lambda x, y: lax.cond(x[0, 0] > 0, lambda x, y: (x * y, y), lambda x, y: (x, y + np.sin(x[1])), x, y),
    "cond of one for all": lambda x, y: lax.cond(True, lambda x, y: x * y, lambda x, y: x, x, y),
    "while in cond": lambda x, y: lax.cond(x[0, 0] > 0, lambda y: halved(np.sum(y), y), lambda y: y * x[1], y),
    "switch": lambda x, y: lax.switch((np.sum(x) > 2.0) + 1, [np.sin, lambda x: x * y, lambda x: x + y], x),
    "jit": lambda x, y: cv.jit(lambda x, y: (x * y, y))(x, y),
    "checkpoint": lambda x, y: cv.checkpoint(lambda x, y: (np.sin(x) * y, y))(x, y),
    "custom_jvp": by_jvp,
    "custom_vjp": by_vjp,
    "custom_vjp, its jvp in jit": lambda x, y: cv.jit(
        lambda y: cv.jvp(cv.jit(lambda y: by_vjp(x, y[ELEMENTS])), (y,), (x[1],))[1]
    )(y),
    "custom_vjp, its jvp in jit in the other argument": lambda x, y: cv.jit(
        lambda x, y: cv.jvp(cv.jit(lambda x: by_vjp(x[ROWS], y[ELEMENTS])), (x,), (np.stack([y, y]),))[1]
    )(x, y),
    "custom_vmap": by_vmap,
    "linear_call": lambda x, y: cv.linear_call(lambda r, x: r * x, lambda r, ct: r * ct, y, x),
    "custom_jvp in scan": lambda x, y: lax.scan(lambda c, r: (by_jvp(x, c)[1] * r, c), y, x),
    "custom_vjp in scan": lambda x, y: lax.scan(lambda c, r: (by_vjp(x, c)[1] * r, c), y, x),
}


def total(f):
    return lambda x, y: sum(np.sum(np.sin(o) * (k + 1.0)) for k, o in enumerate(cv.tree.leaves(f(x, y))))


WAYS: dict[str, Any] = {
    "values": lambda f: f,
    "jit": lambda f: cv.jit(lambda x, y: f(x[ROWS], y[ELEMENTS])),
    "grad": lambda f: cv.grad(total(f), (0, 1)),
    "grad of jit": lambda f: cv.grad(cv.jit(total(f)), (0, 1)),
    "jvp": lambda f: lambda x, y: cv.jvp(f, (x, y), (x * x, y + 1.0)),
    "jvp of grad": lambda f: lambda x, y: cv.jvp(cv.grad(total(f)), (x, y), (x * x, y + 1.0))[1],
}


AXES = [(1, 1), (2, 0), (2, None), (None, 1)]


def example(i: int, of_x: int | None, of_y: int | None) -> tuple[Any, Any]:
    return XS[0 if of_x is None else i], YS[0 if of_y is None else i]


def examples(of_x: int | None, of_y: int | None) -> tuple[Any, Any]:
    return XS[0] if of_x is None else np.moveaxis(XS, 0, of_x), YS[0] if of_y is None else np.moveaxis(YS, 0, of_y)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str, way: str) -> None:
    f = WAYS[way](FUNCTIONS[name])
    for axes in AXES:
        each = [f(*example(i, *axes)) for i in range(4)]
        close(cv.vmap(f, axes)(*examples(*axes)), cv.tree.map(lambda *rows: np.stack(rows), *each))


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_batches(name: str, wrap: Any) -> None:
    f = total(FUNCTIONS[name])
    for axes in AXES:
        of_batch = cv.grad(wrap(lambda xs, ys, axes=axes: np.sum(cv.vmap(f, axes)(xs, ys))), (0, 1))
        each = zip(*(cv.grad(f, (0, 1))(*example(i, *axes)) for i in range(4)), strict=True)
        wanted = [np.sum(rows, 0) if axis is None else np.stack(rows, axis) for rows, axis in zip(each, axes, strict=True)]
        close(of_batch(*examples(*axes)), tuple(wanted))


@pytest.mark.parametrize("of_y", [None, 1])
def test_a_batch_of_a_jvp_in_a_program_is_transposed_by_the_backward_rule(of_y: int | None) -> None:
    """The cotangent of the argument that all examples share is the sum of theirs; that of x leaves the second output out."""
    derivative = cv.jit(lambda x, y, dx, dy: cv.jvp(cv.jit(by_vjp), (x, y), (dx, dy))[1][:2])
    xs, ys = examples(2, of_y)
    linear = lambda dxs, dys: cv.vmap(derivative, (2, of_y, 1, of_y))(xs, ys, dxs, dys)
    cts = RNG.normal(size=XS.shape), RNG.normal(size=YS.shape)
    of_xs, of_ys = cv.linear_transpose(linear, np.moveaxis(XS, 0, 1), ys)(cts)
    each_x = [ct * np.sum(example(i, 2, of_y)[1]) for i, ct in enumerate(cts[0])]
    each_y = [2.0 * ct * XS[i, 0] for i, ct in enumerate(cts[1])]
    close((of_xs, of_ys), (np.stack(each_x, 1), np.sum(each_y, 0) if of_y is None else np.stack(each_y, of_y)))
