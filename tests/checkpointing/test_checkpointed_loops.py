"""Loops that keep few states: how many steps they compute again, and how much they keep."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import covector as cv
from covector import lax
from covector.lax.checkpointing.schedules import best_first_part, default_slots, fewest_advances, repetitions


@cache
def least(length, slots):
    """By dynamic programming: advance m steps, keep the state, reverse the rest, then the first m."""
    if length == 1:
        return 0
    if slots == 1:
        return length * (length - 1) // 2
    return min(m + least(length - m, slots - 1) + least(m, slots) for m in range(1, length))


@pytest.mark.parametrize("slots", range(1, 9))
def test_the_formula_is_the_optimum(slots):
    for length in range(1, 80):
        assert fewest_advances(length, slots) == least(length, slots)
        if length > 1:
            m = best_first_part(length, slots)
            rest = least(length - m, slots - 1) if slots > 1 else 0
            assert m + rest + least(m, slots) == least(length, slots)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 20_000), st.integers(1, 60))
def test_the_first_part_is_best_for_long_loops_too(length, slots):
    if slots == 1:
        return
    m = best_first_part(length, slots)
    assert 0 < m < length
    assert m + fewest_advances(length - m, slots - 1) + fewest_advances(m, slots) == fewest_advances(length, slots)


def test_default_slots():
    for length in (1, 2, 10, 1000, 10_000, 100_000):
        assert repetitions(length, default_slots(length)) <= 3
    assert default_slots(10_000) == 38


def counted_steps(checkpoint, length, **options):
    """How often a step is computed forward by a gradient: in all, and by the loop alone."""
    calls = []
    sin = cv.elementwise(
        f"step_{checkpoint}_{length}_{id(calls)}", lambda x: calls.append(1) or np.sin(x), lambda out, x: np.cos(x)
    )

    def step(c, _):
        return sin(c) * 1.1, None

    def loss(x):
        return lax.scan(step, x, None, length=length, checkpoint=checkpoint, **options)[0]

    cv.grad(loss)(0.7)  # traces
    calls.clear()
    gradient = cv.grad(loss)(0.7)
    value, slope = 0.7, 1.0
    for _ in range(length):
        value, slope = 1.1 * np.sin(value), slope * 1.1 * np.cos(value)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10)
    return len(calls)


@pytest.mark.parametrize(("length", "slots"), [(1, 1), (2, 1), (7, 1), (10, 3), (10, 12), (23, 2), (40, 4), (56, 5), (100, 6)])
def test_binomial_checkpointing_recomputes_as_little_as_is_possible(length, slots):
    """The value is one sweep, of which all but the last step are advances; the optimum says how many there are in all.

    The derivative of a step needs nothing that the step computes, so that taping it costs no sine.
    """
    assert counted_steps(slots, length) == fewest_advances(length, min(slots, length)) + 1


def test_sqrt_computes_each_step_once_more():
    assert counted_steps("sqrt", 49) <= 2 * 49
    assert counted_steps(None, 49) == 49


@pytest.mark.parametrize("checkpoint", ["sqrt", "binomial", 5])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 17])
@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_gradients(checkpoint, length, reverse):
    xs = np.random.default_rng(1).normal(size=(length, 2))

    def loss(checkpoint):
        def f(w, c, xs):
            carry, ys = lax.scan(lambda c, x: (np.sin(c * w) + x, (c * x, w)), c, xs, checkpoint=checkpoint, reverse=reverse)
            return np.sum(carry**2) + np.sum(ys[0] ** 2 * np.arange(1.0, length + 1)[:, None]) + np.sum(ys[1])

        return f

    args = (1.3, np.array([0.2, -0.5]), xs)
    for transform in (lambda f: f, lambda f: cv.grad(f, (0, 1, 2)), lambda f: cv.jit(cv.grad(f))):
        found, wanted = (cv.tree.leaves(transform(loss(c))(*args)) for c in (checkpoint, None))
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)


def peak_of_gradient(loss, x, *args):
    cv.grad(loss)(x, *args)  # traces
    tracemalloc.start()
    try:
        cv.grad(loss)(x, *args)
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("checkpoint", "carries"), [(None, 1000), ("sqrt", 2.2 * 32), ("binomial", 17 + 8), (5, 5 + 8)])
def test_memory(checkpoint, carries):
    x = np.linspace(0.0, 1.0, 20_000)
    step = lambda c, _: (0.5 * np.sin(c) + 0.1 * c, None)
    loss = lambda c: np.sum(lax.scan(step, c, None, length=1000, checkpoint=checkpoint)[0])
    assert peak_of_gradient(loss, x) < carries + 10
    if checkpoint is None:
        assert peak_of_gradient(loss, x) > 900


def test_errors():
    scan = lambda checkpoint: lax.scan(lambda c, x: (c, x), 0.0, np.ones(3), checkpoint=checkpoint)
    with pytest.raises(cv.errors.ArgumentError, match=r"checkpoint='cube'[\s\S]*'sqrt' or 'binomial' or a positive integer"):
        scan("cube")
    with pytest.raises(cv.errors.ArgumentError, match="checkpoint=0"):
        scan(0)
    with pytest.raises(cv.errors.ArgumentError, match=r"checkpoint='binomial'[\s\S]*pass a positive integer"):
        lax.while_loop(lambda c: c < 1, lambda c: c + 1, 0, checkpoint="binomial")
