"""The passes in which the types of a loop's carries are found, and what one pass tells the next about the loops inside.

A Python number in a carry takes the type that the body gives it, so a body is traced until the types stay.  The loops in it
would find theirs anew in each pass: ``2 ** depth`` traces.  Instead each begins with the types that it had in the pass before.
From there they can only rise, so what stays is what it would have found from the beginning, and one pass suffices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from covector.core.avals import ShapedArray, result_dtype
from covector.core.context import PASS, mode, value_of


class Outcome(NamedTuple):
    """What a loop found in a pass: the types of its carries and of what its body closes over, and the outcomes inside."""

    code: Any
    carry: list[Any]
    closed_over: Sequence[Any]
    inner: Sequence[Outcome]


class Pass:
    """A pass over the body of a loop: the outcomes in it, in their order, and those in the pass before."""

    def __init__(self, before: Sequence[Outcome]):
        self.before = before
        self.found: list[Outcome] = []


def new_pass(before: Sequence[Outcome]) -> AbstractContextManager[Pass]:
    """A pass, of which the loops inside are told what they found ``before``."""
    return mode(PASS, Pass(before))


def found_before(f: Callable[..., Any]) -> Outcome | None:
    """What this loop found in the pass before of the body that it is in."""
    this = value_of(PASS)
    place = len(this.found) if this is not None else 0
    if this is None or place >= len(this.before):
        return None
    outcome: Outcome = this.before[place]
    return outcome if outcome.code == code_of(f) else None


def note(f: Callable[..., Any], carry: list[Any], closed_over: Sequence[Any], inner: Sequence[Outcome]) -> None:
    """Remember what a loop found, for the next pass of the body that it is in."""
    this = value_of(PASS)
    if this is not None:
        this.found.append(Outcome(code_of(f), carry, closed_over, inner))


def code_of(f: Callable[..., Any]) -> Any:
    """What two functions made by the same lines have in common."""
    return getattr(f, "__code__", None) or type(f)


def have_risen(before: Sequence[Any], now: Sequence[Any]) -> bool:
    """Whether types are what they were, or such as those promote to."""
    return len(before) == len(now) and all(
        a == b or (_is_array(a) and _is_array(b) and a.shape == b.shape and result_dtype(a, b) == b.dtype and not b.weak_type)
        for a, b in zip(before, now, strict=True)
    )


def _is_array(aval: Any) -> bool:
    return isinstance(aval, ShapedArray)
