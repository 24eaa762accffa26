"""The states that a loop of unknown length holds, found by trying, as `covector.lax.checkpointing.slots` must find them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import accumulate, pairwise
from math import comb, inf

from covector.lax.checkpointing.schedules import best_first_part, fewest_advances, repetitions


def state_to_drop(held: Collection[int], latest: int, slots: int) -> int | None:
    """Which of the states in all slots makes room for the state ``latest``, from which two more steps at least will be done.

    None if ``latest`` is not to be kept.

    >>> state_to_drop([0, 1, 2], 3, 3), state_to_drop([0, 1, 2], 4, 3)
    (None, 2)
    """
    order = repetitions(latest + 2, slots)
    lasting = _lasting_states(latest, slots, order)
    if latest not in lasting and latest + 1 - max(held) <= order:
        return None
    return _cheapest_to_drop([*sorted(held), latest, latest + 1], slots, order, lasting)


def _lasting_states(latest: int, slots: int, order: int) -> list[int]:
    """The states up to ``latest`` at the ends of parts of the greatest lengths."""
    states = [0]
    for free in range(slots, 0, -1):
        states.append(states[-1] + comb(free + order - 1, free))
        if states[-1] > latest:
            break
    return [i for i in states if i <= latest]


def _cheapest_to_drop(states: list[int], slots: int, order: int, lasting: list[int]) -> int:
    """Which state to drop so that the parts before, and the two that become one, take fewest advances to be reversed.

    The last of the ``states`` is the end of the loop, as far as it is known.
    """

    def cost(length: int, j: int) -> float:
        free = slots - j
        return fewest_advances(length, free) if free > 0 and length <= comb(free + order - 1, free) else inf

    parts = [b - a for a, b in pairwise(states)]
    before = list(accumulate((cost(m, j) for j, m in enumerate(parts)), initial=0.0))
    after = list(accumulate((cost(parts[j], j - 1) for j in range(len(parts) - 1, 0, -1)), initial=0.0))[::-1]
    costs = {
        state: before[j - 1] + cost(parts[j - 1] + parts[j], j - 1) + after[j]
        for j, state in enumerate(states[:-2])
        if j and state not in lasting
    }
    return min(costs, key=lambda state: (costs[state], -state))


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
