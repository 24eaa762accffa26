"""The primitives of stacks: arrays are made into stacks before, and what comes out into an array again."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.primitives.programs.scan import scan_p
from covector.primitives.programs.stacks import (
    Stack,
    StackAval,
    add_rows_p,
    item_p,
    kept_items_p,
    merge_p,
    part_p,
    put_p,
    repeat_items_p,
    rows_p,
    stack_add_p,
    sum_items_p,
    with_item_p,
    without_item_p,
)
from covector.primitives.programs.while_loop import while_p
from covector.testing import check_grads

ROWS = np.random.default_rng(3).normal(size=(2, 3, 2))


def to_stack(rows, n):
    """The first ``n`` rows of an array as a stack, by a loop that collects them."""
    cond = cv.make_jaxpr(lambda n, i, x: i < n)(np.int64(n), np.int64(0), rows)
    body = cv.make_jaxpr(lambda i, x: (i + np.int64(1), x, x[i]))(np.int64(0), rows)
    return while_p.bind(np.int64(n), np.int64(0), rows, cond=cond, body=body, num_cond=1, num_body=0, ticks=None)[-1]


def weighted_sum(stack, example):
    """The items of a stack, each multiplied with its place, summed up: it depends on all of them."""
    jaxpr = cv.make_jaxpr(lambda i, total, x: (i + np.int64(1), total + x * i))(np.int64(1), example, example)
    params = {"num_consts": 0, "num_carry": 2, "length": None, "reverse": False, "progress": None}
    return scan_p.bind(np.int64(1), np.zeros_like(example), stack, jaxpr=jaxpr, **params)[1]


INDEX = np.array([1, 0])


def summed(x, y):
    return weighted_sum(stack_add_p.bind(to_stack(x, 2), to_stack(y, 2)), x[0])


def repeated(x, y):
    return weighted_sum(repeat_items_p.bind(to_stack(x, 2), axis=1, times=3), np.repeat(x[0][:, None], 3, 1) * 0.0)


def totals(x, y):
    return weighted_sum(sum_items_p.bind(to_stack(x, 3), axis=0), x[0, 0] * 0.0)


def merged(x, y):
    return weighted_sum(merge_p.bind(INDEX, to_stack(x, 3), to_stack(y, 3)), x[0])


def part(x, y):
    return weighted_sum(part_p.bind(INDEX, to_stack(x, 3), number=1), x[0])


PLACES = np.array([2, -1])  # of two examples, of which the second has none


def item(x, y):
    return item_p.bind(np.int64(1), to_stack(x, 3)) + 2 * item_p.bind(PLACES, to_stack(y, 3)) + item_p.bind(-1, to_stack(x, 3))


def replaced(x, y):
    one = with_item_p.bind(np.int64(1), to_stack(x, 3), y[0] * y[1])
    own = with_item_p.bind(PLACES, to_stack(x, 3), y[0])
    unchanged = with_item_p.bind(-1, to_stack(y, 2), x[0])
    return weighted_sum(one, x[0]) + weighted_sum(own, x[0]) + weighted_sum(unchanged, x[0])


def alone(x, y):
    stacks = put_p.bind(np.int64(2), x[0]), put_p.bind(PLACES, y[0]), without_item_p.bind(PLACES, to_stack(x, 3))
    return sum(weighted_sum(s, x[0]) for s in stacks)


MASK = np.array([[True, False, True], [False, False, True]])


def kept(x, y):
    both = kept_items_p.bind(MASK, to_stack(x, 3)), kept_items_p.bind(MASK[0], to_stack(y, 2))
    return sum(weighted_sum(s, x[0]) for s in both)


def some_rows(x, y):
    return weighted_sum(rows_p.bind(np.array([1, 1, 0]), to_stack(x, 3)), np.zeros(3))


def rows_added(x, y):
    return weighted_sum(add_rows_p.bind(np.array([3, 3]), to_stack(x, 3), count=4), np.zeros(4))


def by_hand(x, y):
    """What each of them is, in NumPy."""
    return {
        summed: x[0] + y[0] + 2 * (x[1] + y[1]),
        repeated: np.repeat((x[0] + 2 * x[1])[:, None], 3, 1),
        totals: np.sum(x[0] + 2 * x[1] + 3 * x[2]),
        merged: np.array([1, 2, 3]) @ np.stack([y[:, 0], x[:, 1]], 1),
        part: (x[0] + 2 * x[1] + 3 * x[2]) * [1.0, 0.0],
        item: x[1] + 2 * y[2] * [1.0, 0.0],
        replaced: x[0] + 2 * y[0] * y[1] + 3 * x[2] + x[0] + 2 * x[1] + 3 * np.array([y[0, 0], x[2, 1]]) + y[0] + 2 * y[1],
        alone: 3 * x[0] + 3 * y[0] * [1.0, 0.0] + x[0] + 2 * x[1] + 3 * x[2] * [0.0, 1.0],
        kept: x[0] * [1.0, 0.0] + 3 * x[2] + y[0],
        some_rows: (x[0] + 2 * x[1] + 3 * x[2])[[1, 1, 0]],
        rows_added: np.sum(x[0] + 2 * x[1] + 3 * x[2]) * np.array([0.0, 0.0, 0.0, 1.0]),
    }


@pytest.mark.parametrize("f", by_hand(*ROWS), ids=lambda f: f.__name__)
def test_stack_primitives(f):
    expected = by_hand(*ROWS)[f]
    np.testing.assert_allclose(f(*ROWS), expected, rtol=1e-14)
    np.testing.assert_allclose(cv.jit(f)(*ROWS), expected, rtol=1e-14)
    check_grads(f, tuple(ROWS), order=2)
    batch = np.stack([ROWS, ROWS[::-1] * 1.5])
    loop = np.stack([by_hand(*rows)[f] for rows in batch])
    np.testing.assert_allclose(cv.vmap(f)(batch[:, 0], batch[:, 1]), loop, rtol=1e-14)
    one = np.stack([by_hand(rows[0], ROWS[1])[f] for rows in batch])
    np.testing.assert_allclose(cv.vmap(f, in_axes=(0, None))(batch[:, 0], ROWS[1]), one, rtol=1e-14)
    gradient = cv.grad(lambda x, y: np.sum(np.sin(f(x, y))), argnums=(0, 1))
    for found, wanted in zip(
        cv.vmap(gradient)(batch[:, 0], batch[:, 1]), zip(*(gradient(*rows) for rows in batch), strict=True), strict=True
    ):
        np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-13)
    jaxpr = cv.make_jaxpr(gradient)(*ROWS)
    cv.check(jaxpr)
    assert cv.parse(str(jaxpr)) == jaxpr


def test_where_a_merged_stack_has_ended_another_stands_in():
    x, y = ROWS
    both = merge_p.bind(INDEX, to_stack(x, 3), to_stack(y, 2))
    np.testing.assert_array_equal(both.items, np.stack([[*y[:2, 0], x[2, 0]], x[:, 1]], 1))
    ticks = StackAval(cv.typeof(np.zeros(2, bool)), ticks=True)
    ended = merge_p.bind(INDEX, Stack(ticks, [np.ones(2, bool)] * 3), Stack(ticks, [np.ones(2, bool)] * 2))
    np.testing.assert_array_equal(ended.items, [[True, True], [True, True], [False, True]])


def test_an_empty_stack_is_the_zero_of_any_length():
    aval = StackAval(cv.typeof(np.zeros(2)))
    full = Stack(aval, [np.ones(2), np.zeros(2)])
    assert stack_add_p.bind(aval.zeros(), full) == full == stack_add_p.bind(full, aval.zeros())
    assert len(aval.zeros().of_length(3)) == 3
    assert full != aval.zeros()
    assert repr(full) == "<stack of 2 x f64[2]>"
