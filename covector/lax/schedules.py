"""When to keep which state of a loop: binomial checkpointing, for loops whose length is known, or is not.

To reverse ``l`` steps with ``s`` slots, each for one state (the first is for the state at the beginning), advance ``m``
steps, keep that state, reverse the last ``l - m`` steps with ``s - 1`` slots, and then the first ``m`` with ``s``.  The best
``m`` is known in closed form.

A. Griewank and A. Walther, Algorithm 799: revolve, ACM Transactions on Mathematical Software 26 (2000).

Where the length is not known, the states that are kept must serve whenever the loop ends.  Call ``C(s + r, r)`` steps a
*region* of order r with s slots: a state at its beginning, and after it regions of order r - 1 with s, s - 1, ..., 1 slots (a
region of order 1 keeps its first s states).  Its steps are done at most r times.  The states wanted at a step are the
beginnings of the regions that it has come through; what else is kept is left from regions that are complete, and makes room
for new ones.  For up to ``C(s + 2, 2)`` steps, two repetitions, no step too many is done, whenever the loop ends; beyond that a
step is still not done more often than is necessary, and all steps together, on average over the lengths up to three
repetitions, 3 to 5 % more often (up to 40 % just beyond two).

Such schedules are the subject of P. Stumm and A. Walther, New algorithms for optimal online checkpointing, SIAM Journal on
Scientific Computing 32 (2010), who prove that up to two repetitions one can be optimal at every length.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from math import comb


def repetitions(length: int, slots: int) -> int:
    """How often a step is advanced at most: the least r with ``length <= comb(slots + r, slots)``."""
    r = 0
    while comb(slots + r, slots) < length:
        r += 1
    return r


def fewest_advances(length: int, slots: int) -> int:
    """The least number of steps to advance in reversing a loop, the first sweep included, taping not.

    >>> fewest_advances(10, 3)
    15
    """
    r = repetitions(length, slots)
    return r * length - comb(slots + r, slots + 1) if r else 0


@lru_cache(maxsize=10_000)
def best_first_part(length: int, slots: int) -> int:
    """How many steps to advance before the next state is kept, of ``length > 1`` steps to be reversed.

    >>> best_first_part(10, 3)
    4
    """
    if slots == 1:
        return length - 1
    r = repetitions(length, slots)
    candidates = {comb(slots + r - 1, slots), comb(slots + r - 2, slots) if r > 1 else 1}
    candidates.add(length - comb(slots + r - 2, slots - 1) - (comb(slots + r - 3, slots - 2) if r > 1 else 0))
    allowed = [m for m in candidates if 0 < m < length] or [1]
    return min(allowed, key=lambda m: (m + fewest_advances(length - m, slots - 1) + fewest_advances(m, slots), m))


def default_slots(length: int) -> int:
    """The fewest slots with which no step is advanced more than three times: about the cube root of ``6 * length``.

    >>> default_slots(10_000)
    38
    """
    slots = 1
    while comb(slots + 3, 3) < length:
        slots += 1
    return slots


def states_wanted(latest: int, slots: int) -> list[int]:
    """The states to have when the state ``latest`` has been passed, and it is not known how many will follow.

    >>> [states_wanted(i, 3) for i in (2, 4, 5, 7)]
    [[0, 1, 2], [0, 4], [0, 4, 5], [0, 4, 7]]
    """
    order = 1
    while latest >= comb(slots + order, order):
        order += 1
    wanted, start = [], 0
    while order > 1 and slots:
        order -= 1
        while slots and latest - start >= comb(slots + order, order):
            wanted.append(start)
            start, slots = start + comb(slots + order, order), slots - 1
    return [*wanted, *range(start, min(latest + 1, start + slots))]


def state_to_drop(held: Collection[int], latest: int, slots: int) -> int | None:
    """Which of the states in all slots makes room for the state ``latest``; None if that one is not to be kept.

    >>> state_to_drop([0, 1, 2], 3, 3), state_to_drop([0, 1, 2], 4, 3)
    (None, 1)
    """
    wanted = states_wanted(latest, slots)
    return min(set(held) - set(wanted)) if latest in wanted else None


def stops_of_sweep(start: int, end: int, slots: int) -> list[int]:
    """The states to keep on the way from the state ``start``, kept in one of so many slots, to ``end``, to be reversed next.

    >>> stops_of_sweep(0, 9, 3)
    [4, 7]
    """
    stops = []
    while slots > 1 and end > start + 1:
        start, slots = start + best_first_part(end + 1 - start, slots), slots - 1
        stops.append(start)
    return stops
