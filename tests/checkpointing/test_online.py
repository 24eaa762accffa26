"""While loops that keep few states: how many steps they compute again, how much they keep, and that they are the loop."""

from __future__ import annotations

import tracemalloc
from math import comb

import numpy as np
import pytest
from schedule_by_search import state_to_drop, stops_of_sweep

import covector as cv
from covector import lax
from covector.lax.checkpointing.schedules import fewest_advances, repetitions
from covector.lax.checkpointing.slots import Held, plan, slot_of


def advances(length: int, slots: int) -> list[int]:
    """How often each step is computed before it is reversed, by playing the schedule."""
    held: list[int] = []
    counts = [0] * length
    for i in range(length):
        if 0 < i <= slots:
            held.append(i - 1)
        elif i > 0:
            dropped = state_to_drop(held, i - 1, slots)
            if dropped is not None:
                held[held.index(dropped)] = i - 1
        counts[i] += 1
    at = length - 1
    for t in range(length - 1, -1, -1):
        kept = [h for h in held if h <= t]
        kept += stops_of_sweep(at, t, slots - len(kept) + 1)
        assert len(kept) <= slots
        for j in range(at, t):
            counts[j] += 1
        held = [h for h in kept if h < t]
        at = max(held, default=0)
    return counts


@pytest.mark.parametrize("slots", range(1, 6))
def test_slots_are_those_found_by_trying(slots):
    held, expected = Held.nothing(slots), [-1] * slots
    for state in range(-1, 60 if slots > 1 else 20):
        slot, held = slot_of(np.int64(state), held)
        dropped = -1 if -1 in expected else state_to_drop(expected, state, slots)
        wanted = -1 if state < 0 or dropped is None else expected.index(dropped)
        if wanted >= 0:
            expected[wanted] = state
        assert (slot, held.numbers.tolist()) == (wanted, expected)


@pytest.mark.parametrize("seed", range(40))
def test_sweeps_take_the_fewest_advances(seed):
    rng = np.random.default_rng(seed)
    step, slots = rng.integers(0, 200), rng.integers(1, 9)
    at, numbers = rng.integers(0, step + 1), rng.integers(-1, 250, slots)
    free = np.flatnonzero((numbers < 0) | (numbers > step))
    held, stops = plan(step, at, numbers)
    np.testing.assert_array_equal(held, np.where(np.isin(np.arange(slots), free), stops, numbers))
    ends = [at, *stops[free][stops[free] >= 0].tolist(), step + 1]
    parts = np.diff(ends).tolist()
    least = sum(fewest_advances(n, len(free) + 1 - j) for j, n in enumerate(parts)) + sum(parts[:-1])
    assert least == fewest_advances(int(step + 1 - at), len(free) + 1)


@pytest.mark.parametrize("slots", range(1, 8))
def test_no_step_too_many_wherever_the_loop_ends(slots):
    """Beside the sweep that finds the end, which a loop of known length leaves a step earlier."""
    for length in range(1, min(comb(slots + 4, 4), 400)):
        counts = advances(length, slots)
        assert max(counts) <= max(repetitions(length, slots), 1)
        least = fewest_advances(length, slots) + 1
        if length <= comb(slots + 2, 2):
            assert sum(counts) == least
        else:
            assert least <= sum(counts) <= 1.11 * least


@pytest.mark.parametrize("slots", [3, 10, 30])
def test_longer_loops_come_close_to_the_optimum(slots):
    lengths = np.linspace(comb(slots + 2, 2) + 1, comb(slots + 3, 3), 25).astype(int)
    excess = [sum(advances(n, slots)) / (fewest_advances(n, slots) + 1) for n in lengths.tolist()]
    assert np.max(excess) < {3: 1.06, 10: 1.015, 30: 1.002}[slots]
    assert excess[-1] == 1.0


def spiral(sin, checkpoint):
    """A loop over an integer, an array and a Python number that closes over its argument."""

    def f(x, n):
        body = lambda c: {"i": c["i"] + 1, "y": sin(c["y"]) * 1.1 + 0.05 * x, "z": c["z"] * np.mean(c["y"]) + 0.5}
        out = lax.while_loop(lambda c: c["i"] < n, body, {"i": 0, "y": x, "z": 1}, checkpoint=checkpoint)
        return np.sum(out["y"] ** 2) + out["z"]

    return f


X = np.array([0.3, 0.7, -0.4])


@pytest.mark.parametrize("slots", [1, 2, 3, 6])
def test_the_steps_that_run_are_those_of_the_schedule(slots):
    calls = []
    sin = cv.elementwise(f"online_step_{slots}", lambda x: calls.append(1) or np.sin(x), lambda out, x: np.cos(x))
    gradient = cv.grad(spiral(sin, slots))
    gradient(X, 5)  # traces
    for n in [*range(12), 28, 40]:
        expected = cv.grad(spiral(np.sin, None))(X, n)
        calls.clear()
        np.testing.assert_allclose(gradient(X, n), expected, rtol=1e-12)
        assert len(calls) == sum(advances(n, slots))  # that a step is reversed takes its cosine only


NESTINGS = {
    "jvp": lambda f: lambda x, n: cv.jvp(lambda x: f(x, n), (x,), (np.cos(x),)),
    "grad": lambda f: cv.grad(f),
    "jit of grad": lambda f: cv.jit(cv.grad(f)),
    "grad of jit": lambda f: cv.grad(cv.jit(f)),
    "jvp of grad": lambda f: lambda x, n: cv.jvp(lambda x: cv.grad(f)(x, n), (x,), (np.cos(x),)),
    "grad of grad": lambda f: cv.grad(lambda x, n: np.sum(np.sin(cv.grad(f)(x, n)))),
    "vmap of grad": lambda f: lambda x, n: cv.vmap(cv.grad(f))(np.stack([x, -x, 2 * x]), np.array([n, 0, 2 * n])),
    "jit of vmap of grad": lambda f: cv.jit(lambda x, n: cv.vmap(cv.grad(f))(np.stack([x, -x]), np.stack([n, n + 3]))),
    "vmap over lengths": lambda f: lambda x, n: cv.vmap(cv.grad(f), in_axes=(None, 0))(x, np.array([n, 0, 2 * n])),
    "vmap of hessian": lambda f: lambda x, n: cv.vmap(cv.hessian(f))(np.stack([x, -x]), np.array([n, 2])),
    "jit of vmap of hessian": lambda f: cv.jit(lambda x, n: cv.vmap(cv.hessian(f))(np.stack([x, -x]), np.stack([n, 2]))),
    "grad of vmap": lambda f: cv.grad(lambda x, n: np.sum(cv.vmap(f, (None, 0))(x, np.array([3, 7, 1])) * [1.0, 2.0, 3.0])),
    "inside scan": lambda f: cv.grad(lambda x, n: lax.scan(lambda c, m: (c + f(x * c, m), None), 0.1, np.arange(5))[0]),
    "nested vmap": lambda f: (
        lambda x, n: cv.vmap(cv.vmap(cv.grad(f), (None, 0)), (0, None))(np.stack([x, -x]), np.array([n, 1]))
    ),
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_it_is_the_loop_under_every_transformation(nesting):
    found, expected = (NESTINGS[nesting](spiral(np.sin, c))(X, np.int64(7)) for c in (2, None))
    for x, y in zip(cv.tree.leaves(found), cv.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def test_examples_that_are_done_stand_aside():
    """No step is computed of values that do not occur, here roots of negative numbers."""
    f = lambda x: lax.while_loop(
        lambda c: c[0] > 1.0, lambda c: (c[0] - 1.0, c[1] + np.sqrt(c[0] - 1.0)), (x, 0.0), checkpoint=2
    )[1]
    x = np.array([5.5, 0.5, 1.5, 3.5])
    slope = lambda x: sum(0.5 / np.sqrt(x - k) for k in range(1, int(np.ceil(x))))
    with np.errstate(all="raise"):
        for g in (cv.vmap(cv.grad(f)), cv.jit(cv.vmap(cv.grad(f))), cv.grad(lambda x: np.sum(cv.vmap(f)(x)))):
            np.testing.assert_allclose(g(x), [slope(x) for x in x], rtol=1e-12)


def test_rules_of_the_user_are_kept():
    f = cv.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, ct: (10.0 * ct,))
    loop = lambda x: lax.while_loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, f(c[1])), (0, x), checkpoint=2)[1]
    assert cv.grad(loop)(1.0) == cv.jit(cv.grad(loop))(1.0) == 10.0**4


def test_programs_pass_the_checker():
    jaxpr = cv.make_jaxpr(cv.grad(spiral(np.sin, 2)))(X, 7)
    cv.check(jaxpr)
    assert "with_item" in str(jaxpr) and "callback" not in str(jaxpr)
    assert cv.parse(str(jaxpr)) == jaxpr


@pytest.mark.parametrize(("checkpoint", "states"), [(None, 600), (25, 25), (5, 5)])
def test_memory(checkpoint, states):
    body = lambda c: (c[0] + 1, 0.5 * np.sin(c[1]) + 0.1 * c[1])
    gradient = cv.grad(lambda x, n: np.sum(lax.while_loop(lambda c: c[0] < n, body, (0, x), checkpoint=checkpoint)[1]))
    x = np.linspace(0.0, 1.0, 20_000)
    gradient(x, 3)
    tracemalloc.start()
    try:
        gradient(x, 600)
        peak = tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()
    assert peak < 2 * states + 12
    assert checkpoint or peak > 550
