"""When to keep which state of a loop: binomial checkpointing of loops whose length is known.  For others: `slots`.

To reverse ``l`` steps with ``s`` slots, each for one state (the first is for the state at the beginning), advance ``m``
steps, keep that state, reverse the last ``l - m`` steps with ``s - 1`` slots, and then the first ``m`` with ``s``.  The best
``m`` is known in closed form.

A. Griewank and A. Walther, Algorithm 799: revolve, ACM Transactions on Mathematical Software 26 (2000).
"""

from __future__ import annotations

from functools import lru_cache
from math import comb


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
