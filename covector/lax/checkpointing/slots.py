"""Which states a loop of unknown length holds, in operations on integers: ``slot_of``, ``plan``, ``latest_held``.

>>> held = Held.nothing(slots=3)
>>> for state in range(8):
...     slot, held = slot_of(np.int64(state), held)
>>> held.numbers
array([0, 7, 4])
>>> plan(np.int64(3), np.int64(0), held.numbers)  # back at step 3, with the state of step 0 at hand
(array([0, 1, 2]), array([-1,  1,  2]))

They are part of the programs of the loop (see `online`), which therefore run on any backend, print and parse.

The states that are kept must serve whenever the loop ends.  A loop of so many steps that each must be done at most r times is
seen as parts, between the states that are kept, of which part j is never longer than ``C(s - j + r - 1, r - 1)`` steps: the
slots that are free when it is reversed suffice then.  The states at the ends of parts of just these lengths are never given up;
others are, the one that costs fewest advances first, and a state is kept only where the last part would become too long.  For
up to ``C(s + 2, 2)`` steps, two repetitions, no step too many is done wherever the loop ends; beyond that no step is done more
often than is necessary, and all steps at most 10 % (for 10 slots 1 %) more often.

P. Stumm and A. Walther, New algorithms for optimal online checkpointing, SIAM Journal on Scientific Computing 32 (2010), prove
that up to two repetitions the optimum can be attained at every length.  The bounds of the parts are those of Q. Wang, P. Moin
and G. Iaccarino, Minimal repetition dynamic checkpointing algorithm for unsteady adjoint calculation, SIAM Journal on
Scientific Computing 31 (2009).

All binomial coefficients come from *rows*: the row of order r has ``C(f + r - 1, f)`` for each number of free slots f.  The
cumulative sum of a row is the next one.  With f free slots, and one for the state at the beginning, as many steps as
the row of order r + 1 says at f can be reversed with each of them advanced at most r times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import ShapedArray, typeof
from covector.interpreters.programs import staged
from covector.lax.choice import cond
from covector.primitives.programs.while_loop import bind_while

COUNT = ShapedArray((), np.int64)
NOWHERE = np.int64(-1)


class Held(NamedTuple):
    """What a loop knows of the states that it holds while it goes forwards.

    Attributes:
        numbers: the number of the state in each slot, or -1.
        order: how often a step must be advanced at most, were the loop to end with the next step.
        row: the row of that order.
    """

    numbers: Any
    order: Any
    row: Any

    @staticmethod
    def avals(slots: int) -> list[ShapedArray]:
        return [ShapedArray((slots,), np.int64), COUNT, ShapedArray((slots + 2,), np.int64)]

    @staticmethod
    def nothing(slots: int) -> Held:
        return Held(np.full(slots, -1), np.int64(0), first_row(slots))


def first_row(slots: int) -> Any:
    """The row of order 0."""
    return np.eye(1, slots + 2, dtype=np.int64)[0]


def slot_of(state: Any, held: Held) -> tuple[Any, Held]:
    """Where to keep a state that has been passed (-1: nowhere), and what is held then."""
    slots = len(held.numbers)
    next_row = np.cumsum(held.row)
    grows = next_row[slots] < state + 2
    held = Held(held.numbers, held.order + grows, np.where(grows, next_row, held.row))
    full = np.all(held.numbers >= 0)
    slot = np.where(full | (state < 0), NOWHERE, np.argmax(held.numbers < 0))
    if slots > 1:
        lasting = np.any(_lasting(held.row) == state)
        needed = full & (lasting | (state + 1 - np.max(held.numbers) > held.order))
        slot = cond(needed, lambda slot, *args: _slot_to_free(*args), lambda slot, *_: slot, slot, state, *held)
    return slot, held._replace(numbers=np.where(np.arange(slots) == slot, state, held.numbers))


def _lasting(row: Any) -> Any:
    """The states at the ends of parts of the greatest lengths (but for state 0), which are never given up."""
    return np.cumsum(row[-2:0:-1])


def _slot_to_free(state: Any, numbers: Any, order: Any, row: Any) -> Any:
    """Of the states in all slots that which makes room for another, from which two more steps at least will be done.

    Without it the parts before take as many advances to be reversed as they did, those after it have one slot more, and the two
    at its sides become one.  Of the states that cost fewest the latest is given up.
    """
    slots = len(numbers)
    states = np.concatenate([np.sort(numbers), state + np.arange(2)])
    parts = np.diff(states)
    lengths = np.stack([parts[:-1], parts[1:], parts[:-1] + parts[1:]])
    free = np.arange(slots, 0, -1)
    possible = lengths <= row[free]
    before, after, merged = np.where(possible, _fewest_advances(lengths, free, order), np.inf)
    costs = _sums_before(before) + merged + _sums_before(after[::-1])[::-1]
    candidates, costs = states[1:slots], costs[: slots - 1]
    lasting = np.any(np.equal(candidates[:, None], _lasting(row)), axis=1)
    costs = np.where(lasting, np.inf, np.minimum(costs, np.finfo(float).max))
    given_up = candidates[::-1][np.argmin(costs[::-1])]
    return np.argmax(numbers == given_up)


def _sums_before(x: Any) -> Any:
    """For each item the sum of those before it."""
    return np.concatenate([np.zeros(1), np.cumsum(x[:-1])])


def _fewest_advances(lengths: Any, free: Any, order: Any) -> Any:
    """The fewest advances that reverse parts of these lengths, none of whose steps is advanced ``order`` times.

    It is the greatest of ``r * length - C(free + r, free + 1)`` over r, as which is a polygon with a corner at each length to
    which r repetitions suffice.
    """

    def longer(order: Any, lengths: Any, r: Any, row: Any, found: Any) -> list[Any]:
        return [r < order]

    def step(order: Any, lengths: Any, r: Any, row: Any, found: Any) -> list[Any]:
        return [r + 1, np.cumsum(row), np.maximum(found, r * lengths - row[free + 1])]

    start = [np.int64(0), first_row(len(free)), np.zeros_like(lengths)]
    return _loop(longer, step, [order, lengths], start)[2]


def plan(step: Any, at: Any, numbers: Any) -> tuple[Any, Any]:
    """The states held on arrival at the ``step`` that is to be reversed, and those to be kept on the way, by slots.

    The state ``at`` is at hand.  With s slots, one of them for the state at hand, the next state is kept after
    ``max(C(s + r - 2, s), l - C(s + r - 1, s - 1))`` of l steps; r is the same all the way.
    """
    free = (numbers < 0) | (numbers > step)
    left = np.cumsum(free[::-1])[::-1]
    slots, length = left[0] + 1, step + 1 - at

    def too_short(slots: Any, length: Any, row: Any) -> list[Any]:
        return [np.cumsum(row)[slots] < length]

    (row,) = _loop(too_short, lambda slots, length, row: [np.cumsum(row)], [slots, length], [first_row(len(numbers))])
    rest = np.minimum(length - row[slots] + row, np.cumsum(row))  # steps that are left, where so many slots are
    is_stop = free & (rest[left + 1] > 2)
    stops = np.where(is_stop, step + 1 - rest[left], NOWHERE)
    return np.where(is_stop, stops, np.where(numbers > step, NOWHERE, numbers)), stops


def latest_held(state: Any, numbers: Any) -> tuple[Any, Any]:
    """The slot and the number of the latest state that is held, up to the one given; before the first, any."""
    slot = np.argmax(np.where(numbers <= state, numbers, NOWHERE))
    return slot, numbers[slot]


def slot_of_stop(state: Any, stops: Any) -> Any:
    """Where a state is to be kept, or -1."""
    found = stops == state
    return np.where(np.any(found), np.argmax(found), NOWHERE)


def _loop(
    goes_on: Callable[..., list[Any]], step: Callable[..., list[Any]], consts: Sequence[Any], carry: Sequence[Any]
) -> list[Any]:
    """A while loop whose functions take the consts and the carry."""
    avals = [typeof(x) for x in (*consts, *carry)]
    return bind_while(staged(goes_on, avals), staged(step, avals), [list(consts), list(consts), list(carry)], None)[0]
