"""Functions of two arrays, ``a`` of shape (3,) and ``xs`` of shape (4, 3), that use control flow: ``model(lax) -> f``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MODELS: dict[str, Callable[[Any], Callable[[Any, Any], Any]]] = {}
"""By name; `LAX` or `PYTHON` of `python_loops` is the argument."""

W = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4], [0.2, 0.2, 0.9]])


def model(make: Any) -> Any:
    MODELS[make.__name__] = make
    return make


# --- one loop -----------------------------------------------------------------------------------------------------------


@model
def scan_recurrent_network(lax):
    def f(a, xs):
        def step(c, x):
            h = np.tanh(W @ c + x * a)
            return h, np.sum(h**2)

        c, ys = lax.scan(step, a * 0.5, xs)
        return np.sum(c) + np.sum(ys**2)

    return f


@model
def scan_pytrees(lax):
    """Dictionaries, tuples and None in carries, xs and ys; a counter; a Python number that becomes a float."""

    def f(a, xs):
        def step(c, x):
            p = np.sin(c["p"]) * x["u"] + np.exp(a[0])
            new = {"p": p, "q": (c["q"][0] + p * a[1], None), "n": c["n"] + 1}
            return new, {"y": p * c["n"], "z": [c["q"][0], x["v"]]}

        init = {"p": a[2], "q": (0, None), "n": 0}
        c, ys = lax.scan(step, init, {"u": xs[:, 0], "v": xs[:, 1:], "w": None})
        return c["p"] * c["q"][0] + c["n"] + np.sum(ys["y"]) + np.sum(ys["z"][0] ** 2) + np.sum(ys["z"][1] ** 3)

    return f


@model
def scan_invariants(lax):
    """What follows from constants alone, an x that is a residual, an unused x, an output that is an input."""

    def f(a, xs):
        def step(c, x):
            s = np.sin(a[0] * 3.0)
            i, p = c
            return (i + 1, p * s + x[0] * i + np.exp(a[1])), (np.cos(x[0]), p, x)

        (_, p), ys = lax.scan(step, (0, a[0]), (xs))
        return p + np.sum(ys[0] * xs[:, 0]) + np.sum(ys[1] ** 2) + np.sum(ys[2] * a)

    return f


@model
def scan_reverse(lax):
    def f(a, xs):
        c, ys = lax.scan(lambda c, x: (c * np.sin(x[0]) + a, c + x), a, xs, reverse=True)
        return np.sum(c**2) + np.sum(ys * xs)

    return f


def unrolled(unroll, reverse):
    def make(lax):
        def f(a, xs):
            step = lambda c, x: (np.sin(c) * x + a, (c[0] * x, np.sum(c)))
            c, (y, z) = lax.scan(step, a, xs, reverse=reverse, unroll=unroll)
            return np.sum(c**2) + np.sum(y * xs) + np.sum(z**3)

        return f

    make.__name__ = f"scan_unroll_{unroll}{'_reverse' if reverse else ''}"
    return make


for _unroll in (2, 3, True):
    for _reverse in (False, True):
        model(unrolled(_unroll, _reverse))


@model
def scan_length_only(lax):
    def f(a, xs):
        c, ys = lax.scan(lambda c, _: (c * np.sin(c) + xs[0], c[:2]), a, length=3)
        return np.sum(c) + np.sum(ys**2)

    return f


@model
def scan_without_carry_or_outputs(lax):
    def f(a, xs):
        _, ys = lax.scan(lambda _, x: (None, np.sin(x) @ a), None, xs)
        c, none = lax.scan(lambda c, x: (c * x[0] + a, None), a, xs)
        assert none is None
        return np.sum(ys**2) + np.sum(c)

    return f


@model
def scan_complex_carry(lax):
    def f(a, xs):
        step = lambda c, x: (c * np.exp(1j * x[0]) + a[1], np.abs(c))
        c, ys = lax.scan(step, (a[0] + 2.0) * (1.0 + 0.5j), xs)
        return np.real(c * np.conj(c)) + np.sum(ys)

    return f


@model
def scan_boolean_and_integer_carries(lax):
    def f(a, xs):
        def step(c, x):
            seen, count, total = c
            seen = seen | (x[0] > 0)
            return (seen, count + seen.astype(np.int32), total + np.where(seen, x @ a, 0.0)), count

        (seen, count, total), counts = lax.scan(step, (np.bool_(False), np.int32(0), 0.0), xs)
        return total**2 * count + np.sum(counts * xs[:, 1]) + np.where(seen, 1.0, 0.0)

    return f


@model
def while_two_carries(lax):
    def f(a, xs):
        step = lambda c: (c[0] + np.exp(a[0]) * 0.5 + 0.3 * c[1] ** 2, np.sin(c[1]) * a[1] + xs[0, 0])
        v = lax.while_loop(lambda c: c[0] < 3.0, step, (a[2] * 0.1, a[1]))
        return v[0] * v[1] + v[1]

    return f


@model
def while_counter_and_invariants(lax):
    def f(a, xs):
        step = lambda c: {"i": c["i"] + 1, "v": c["v"] * 1.3 + np.sin(a) * xs[0], "same": c["same"]}
        v = lax.while_loop(lambda c: (c["i"] < 4) & (np.sum(c["v"] ** 2) < 8), step, {"i": 0, "v": a, "same": 2.0})
        return np.sum(v["v"]) * v["same"] * v["i"]

    return f


@model
def while_condition_on_closed_over(lax):
    """The condition closes over arguments too; the number of steps depends on them."""

    def f(a, xs):
        bound = 2.0 + np.abs(a[0]) * 3.0
        return lax.while_loop(lambda v: v * v < bound + xs[0, 0], lambda v: v * 1.4 + 0.1 * np.exp(a[1]), 0.3 + a[2] ** 2)

    return f


@model
def while_that_never_runs(lax):
    def f(a, xs):
        v, n = lax.while_loop(lambda c: c[1] < 0, lambda c: (np.sin(c[0]) * xs[0], c[1] + 1), (a, 0))
        return np.sum(v**2) + n

    return f


@model
def fori_static(lax):
    def f(a, xs):
        return np.sum(lax.fori_loop(1, 4, lambda i, v: np.sin(v) * i + a, xs[0]) ** 2)

    return f


@model
def fori_of_no_steps(lax):
    def f(a, xs):
        return np.sum(lax.fori_loop(3, 1, lambda i, v: np.sin(v) * i + a, xs[0]) ** 2)

    return f


@model
def fori_traced_bounds(lax):
    def f(a, xs):
        upper = np.sum(xs[:, 0] > 0)
        v = lax.fori_loop(0, upper, lambda i, v: (np.sin(v[0]) * (1 + i) + a, v[1] + 1), (xs[0], 0))
        return np.sum(v[0] ** 2) + v[1]

    return f


@model
def fori_unrolled(lax):
    def f(a, xs):
        return np.sum(lax.fori_loop(0, 5, lambda i, v: np.sin(v) * i + a, xs[0], unroll=2) ** 2)

    return f


@model
def map_items(lax):
    def f(a, xs):
        p, q = lax.map(lambda x: (np.sin(x) * a, np.sum(x**3)), xs)
        return np.sum(p**2) + np.sum(q)

    return f


@model
def map_in_batches(lax):
    def f(a, xs):
        p, q = lax.map(lambda x: (np.sin(x) * a, np.sum(x**3)), xs, batch_size=3)
        return np.sum(p**2) + np.sum(q)

    return f


@model
def associative_scans(lax):
    def f(a, xs):
        p = lax.associative_scan(np.multiply, xs + a)
        compose = lambda f, g: (f[0] * g[0], f[1] * g[0] + g[1])
        _, q = lax.associative_scan(compose, (np.sin(xs), np.cos(xs * a)), reverse=True, axis=1)
        return np.sum(p**2) + np.sum(q * a)

    return f


# --- choices ------------------------------------------------------------------------------------------------------------


@model
def cond_two_branches(lax):
    def f(a, xs):
        g = lambda u: np.sqrt(u * u + 1) * a
        h = lambda u: np.stack([np.prod(u), u[0], np.sum(np.log(np.abs(u)))])
        r = lax.cond(a[0] + xs[0, 0] > 0.3, g, h, a * xs[1])
        return np.sum(r**2) + lax.cond(xs[1, 1] > 0, lambda: np.sum(a**3), lambda: 1.0)

    return f


@model
def cond_trees(lax):
    """Pytrees, None, integers, an unused operand, an output that is an input or a constant."""

    def f(a, xs):
        true = lambda u, n, _: {"p": u, "q": (np.sin(u[0]), None), "n": n + 1}
        false = lambda u, n, _: {"p": u * xs[0], "q": (1, None), "n": n}
        r = lax.cond(a[1] > xs[0, 1], true, false, a, 3, {"unused": xs})
        return np.sum(r["p"] ** 2) + r["q"][0] * a[2] + r["n"] * a[0]

    return f


@model
def switch_of_three(lax):
    def f(a, xs):
        branches = [lambda u: np.sin(u) * xs[0, 0], lambda u: u[::-1] * a, lambda u: np.ones(3)]
        i = np.sum(xs[:, 0] > 0)
        return np.sum(lax.switch(i, branches, a * xs[1]) ** 2) + np.sum(lax.switch(i - 1, branches, a) * xs)

    return f


# --- nested -------------------------------------------------------------------------------------------------------------


@model
def while_in_cond(lax):
    def f(a, xs):
        def up(u):
            return lax.while_loop(lambda v: v < 3.0, lambda v: v * 1.2 + np.exp(u), 0.1 * u)

        def other(u):
            return lax.while_loop(lambda v: v < 5.0, lambda v: v + np.exp(np.sin(v)), np.sin(u)) * a[1]

        first = lax.cond(a[0] > 0, up, other, a[2] * xs[0, 0])
        return first + lax.cond(xs[0, 1] > 0.2, lambda: np.sin(a[1]), lambda: up(a[0]))

    return f


@model
def while_and_cond_in_scan(lax):
    def f(a, xs):
        def step(c, x):
            d = lax.while_loop(lambda v: np.abs(v) < 2.0, lambda v: v * 1.5 + 0.1 * np.exp(x[0]), c * 0.3)
            e = lax.cond(np.sum(x) > 0, lambda u: np.sin(u) * x[1], lambda u: np.log(np.abs(u) + 1) * a[0] * x[2], d)
            return e, d * x[2]

        c, ys = lax.scan(step, a[0], xs)
        return c + np.sum(ys**2)

    return f


@model
def scan_in_while(lax):
    def f(a, xs):
        def step(c):
            i, v = c
            v, ys = lax.scan(lambda u, x: (u * 0.9 + np.sin(x) * a, u[0]), v, xs)
            return i + 1, v + np.sum(ys)

        return np.sum(lax.while_loop(lambda c: (c[0] < 3) & (c[1][0] < 4.0), step, (0, a))[1])

    return f


@model
def while_in_while(lax):
    def f(a, xs):
        def step(c):
            n, v = c
            inner = lax.while_loop(lambda u: u < 1.0 + a[1] ** 2, lambda u: u * 1.7 + 0.2, np.abs(v) * 0.2)
            return n + 1, v * np.sin(inner) + xs[0, 0]

        return lax.while_loop(lambda c: (c[0] < 3) & (c[1] < 2.0), step, (0, a[0] * xs[1, 1]))[1]

    return f


@model
def scan_in_scan(lax):
    def f(a, xs):
        def step(c, x):
            inner, ys = lax.scan(lambda u, y: (np.sin(u) * y + c, u * a), x, xs, reverse=True)
            return inner, np.sum(ys)

        c, ys = lax.scan(step, a, xs)
        return np.sum(c) + np.sum(ys**2)

    return f


@model
def switch_in_fori_in_cond(lax):
    def f(a, xs):
        def body(i, v):
            return lax.switch(i, [lambda u: np.sin(u) * a, lambda u: u * xs[0], lambda u: u + 1.0], v)

        return np.sum(lax.cond(a[0] > 0.1, lambda v: lax.fori_loop(0, 4, body, v), lambda v: v * a, xs[1]) ** 2)

    return f


@model
def cond_of_cond_in_while(lax):
    def f(a, xs):
        def step(v):
            inner = lambda u: lax.cond(u > 1.0, lambda u: u * 1.5, lambda u: u + np.exp(a[1]), u)
            return lax.cond(v > 0.5, inner, lambda u: u + 0.7 + a[0] ** 2, v)

        return lax.while_loop(lambda v: v < 4.0, step, xs[0, 0])

    return f


@model
def map_of_while(lax):
    def f(a, xs):
        halve = lambda x: lax.while_loop(lambda v: np.sum(v**2) > 0.5, lambda v: v * 0.6 + 0.01 * a, x)
        return np.sum(lax.map(halve, xs, batch_size=2) * xs) + np.sum(lax.map(halve, xs) ** 2)

    return f


@model
def associative_scan_in_scan(lax):
    def f(a, xs):
        step = lambda c, x: (lax.associative_scan(np.multiply, c * x), np.sum(c))
        c, ys = lax.scan(step, a, xs)
        return np.sum(c) + np.sum(ys**2)

    return f
