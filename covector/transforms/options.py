"""Options of transformations: what they mean, or an error that names the one that means nothing."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from covector.core import errors


def refused(what: str, value: Any, who: str, fix: str) -> errors.ArgumentError:
    """The error for an option that means nothing."""
    text = repr(value) if len(repr(value)) < 80 else f"something of type {type(value).__name__}"
    return errors.ArgumentError(f"{who} got {what}={text}.", fix=fix)


def is_integer(x: Any) -> bool:
    """Whether something is an integer, and no boolean, array or tracer."""
    return isinstance(x, (int, np.integer)) and not isinstance(x, (bool, np.timedelta64))


def count(x: Any, what: str, who: str, least: int = 0) -> int:
    """An option that says how many."""
    if issubclass(type(x), np.ndarray) and x.shape == () and x.dtype.kind in "iu":
        x = x[()]
    if not is_integer(x) or x < least:
        raise refused(what, x, who, f"pass an integer of at least {least}")
    return operator.index(x)


def flag(x: Any, what: str, who: str) -> bool:
    """An option that is true or false."""
    if not isinstance(x, (bool, np.bool_)):
        raise refused(what, x, who, "pass True or False")
    return bool(x)


def flags(who: str, **given: Any) -> None:
    """Reject options that are neither true nor false."""
    for name, value in given.items():
        if type(value) is not bool:
            flag(value, name, who)


def positions(x: Any, what: str, who: str) -> tuple[int, ...]:
    """An option that names positions: an integer, or several."""
    found = (x,) if is_integer(x) or not isinstance(x, Iterable) or isinstance(x, str) else tuple(x)
    if not all(map(is_integer, found)):
        raise refused(what, x, who, "give the position of an argument, counted from 0, or a tuple of them")
    return tuple(map(operator.index, found))


def names(x: Any, what: str, who: str) -> tuple[str, ...]:
    """An option that names arguments: a string, or several."""
    found = (x,) if isinstance(x, str) or not isinstance(x, Iterable) else tuple(x)
    if not all(isinstance(n, str) for n in found):
        raise refused(what, x, who, "give the name of an argument, or a tuple of them")
    return found
