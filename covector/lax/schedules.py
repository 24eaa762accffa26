"""When to keep which state of a loop: binomial checkpointing, for loops whose length is known, or is not.

To reverse ``l`` steps with ``s`` slots, each for one state (the first is for the state at the beginning), advance ``m``
steps, keep that state, reverse the last ``l - m`` steps with ``s - 1`` slots, and then the first ``m`` with ``s``.  The best
``m`` is known in closed form.

A. Griewank and A. Walther, Algorithm 799: revolve, ACM Transactions on Mathematical Software 26 (2000).

Where the length is not known, the states that are kept must serve whenever the loop ends.  A loop of so many steps that each
must be done at most r times is seen as parts, between the states that are kept, of which part j is never longer than
``C(s - j + r - 1, r - 1)`` steps: the slots that are free when it is reversed suffice then.  The states at the ends of parts of
just these lengths are never given up; others are, the one that costs fewest advances first, and a state is kept only where the
last part would become too long.  For up to ``C(s + 2, 2)`` steps, two repetitions, no step too many is done wherever the loop
ends; beyond that no step is done more often than is necessary, and all steps at most 10 % (for 10 slots 1 %) more often.

P. Stumm and A. Walther, New algorithms for optimal online checkpointing, SIAM Journal on Scientific Computing 32 (2010), prove
that up to two repetitions the optimum can be attained at every length.  The bounds of the parts are those of Q. Wang, P. Moin
and G. Iaccarino, Minimal repetition dynamic checkpointing algorithm for unsteady adjoint calculation, SIAM Journal on
Scientific Computing 31 (2009).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from itertools import accumulate, pairwise
from math import comb, inf


def repetitions(length: int, slots: int) -> int:
    """How often a step is advanced at most: the least r with ``length <= comb(slots + r, slots)``."""
    r = 0
    while comb(slots + r, slots) < length:
        r += 1
    return r


@lru_cache(maxsize=100_000)
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
