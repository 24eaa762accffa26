"""Events of a differential equation: the times at which functions of its solution pass through zero.

After each step the signs of the functions are compared with those before it; where one has changed, the zero is searched on the
interpolation between (by bisection, to the last digit), as SciPy does.  By the implicit function theorem the time of an event
is differentiable in all that the solution depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.lax.choice import cond
from covector.lax.loops import while_loop
from covector.transforms.custom_solves import custom_root
from covector.transforms.utilities import stop_gradient

State = dict[str, Any]


class Event(NamedTuple):
    """A function of time and state."""

    function: Callable[[Any, Any], Any]
    direction: float
    last: float
    """After so many of them the solution ends; infinite if it does not."""


def prepared(events: Any, args: tuple[Any, ...]) -> list[Event]:
    """The events that a user gave: a function, or a sequence of them, with SciPy's attributes."""
    out = []
    for event in (events,) if callable(events) else events:
        terminal, direction = getattr(event, "terminal", None), getattr(event, "direction", 0)
        last = terminal or np.inf
        if last != np.inf and (int(last) != last or last < 0):
            what = f"solve_ivp got an event with terminal={terminal!r}."
            raise errors.ArgumentError(what, fix="make it a boolean, or after how many events to end")
        out.append(Event(partial(_with_args, event, args), float(direction), float(last)))
    return out


def _with_args(event: Any, args: Any, t: Any, y: Any) -> Any:
    return event(t, y, *args)


class Watch:
    """Looks for events after each step; ``room`` is how many of each it can note.

    The functions are of the rising time u and the vector y.
    """

    def __init__(self, events: list[Event], room: int):
        self.events = events
        self.rooms = [int(min(event.last, room)) for event in events]

    def values(self, u: Any, y: Any) -> Any:
        found = [event.function(u, y) for event in self.events]
        for value in found:
            if shape_of(value) not in ((), (1,)):
                what = f"solve_ivp got an event function that returns {typeof(value)}."
                raise errors.ArgumentError(what, fix="return one number")
        return np.stack([np.astype(np.reshape(value, ()), np.float64) for value in found])

    def start(self, u: Any, y: Any) -> State:
        n, dtype = shape_of(y)[0], typeof(y).dtype
        return {
            "g": stop_gradient(self.values(u, y)), "counts": np.zeros(len(self.events), np.int64),
            "times": [np.full(room, np.nan) for room in self.rooms],
            "values": [np.full((room, n), np.nan, dtype) for room in self.rooms],
            "ended": np.bool_(False), "end": np.astype(u, np.float64), "y_end": y,
        }  # fmt: skip

    def after(self, point: Callable[[Any], Any], s: State, u_old: Any, u: Any, y: Any, taken: Any) -> State:
        """The state after a step from u_old to u, inside of which the solution is ``point``."""
        g, g_new = s["g"], stop_gradient(self.values(stop_gradient(u), stop_gradient(y)))
        direction = np.array([event.direction for event in self.events])
        up, down = (g <= 0) & (g_new >= 0), (g >= 0) & (g_new <= 0)
        found = taken & ((up & (direction >= 0)) | (down & (direction <= 0)))
        noted = lambda s: self.noted(point, s, u_old, u, found)
        return {**cond(np.any(found), noted, lambda s: s, s), "g": np.where(taken, g_new, g)}

    def noted(self, point: Callable[[Any], Any], s: State, u_old: Any, u: Any, found: Any) -> State:
        """The state with the events that were found; those after one that ends the solution are left out."""
        at = [located(event.function, point, u_old, u, found[i]) for i, event in enumerate(self.events)]
        u_old, u = stop_gradient(u_old), stop_gradient(u)
        last = found & (s["counts"] + 1 >= np.array([event.last for event in self.events]))
        when = np.where(last, np.stack([stop_gradient(t) for t in at]), np.inf)
        stop, ended = np.min(when), np.any(last)
        kept = [found[i] & (stop_gradient(t) <= stop) for i, t in enumerate(at)]
        times, values = list(s["times"]), list(s["values"])
        end, y_end = s["end"], s["y_end"]
        for i, t in enumerate(at):
            y = point(t)
            here = (np.arange(self.rooms[i]) == s["counts"][i]) & kept[i]
            times[i] = np.where(here, t, times[i])
            values[i] = np.where(here[:, None], y, values[i])
            is_end = ended & (np.argmin(when) == i)
            end, y_end = np.where(is_end, t, end), np.where(is_end, y, y_end)
        counts = s["counts"] + np.stack([np.astype(k, np.int64) for k in kept])
        return {**s, "counts": counts, "times": times, "values": values, "ended": ended, "end": end, "y_end": y_end}


def located(event: Callable[[Any, Any], Any], point: Callable[[Any], Any], u_old: Any, u: Any, is_there: Any) -> Any:
    """The time in a step at which a function is zero, and the beginning of the step if it is not.

    Its derivative is by the implicit function theorem.
    """
    low, high = stop_gradient(u_old), stop_gradient(u)
    high = np.where(is_there, high, low)

    def zero(t: Any) -> Any:
        inside = np.where(is_there, t, u_old)
        return np.where(is_there, np.astype(np.reshape(event(inside, point(inside)), ()), np.float64), t - u_old)

    return custom_root(zero, low, lambda f, low: bisected(f, low, high), lambda g, y: y / g(1.0))


def bisected(f: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """A zero between two numbers, where the function has opposite signs or is zero."""
    first = f(low)
    middle: Any = lambda a, b: a + (b - a) / 2

    def halve(s: Any) -> Any:
        a, b = s
        c = middle(a, b)
        is_left = (np.sign(f(c)) != np.sign(first)) & (first != 0)
        return np.where(is_left, a, c), np.where(is_left, c, b)

    low, high = while_loop(lambda s: (s[0] < middle(*s)) & (middle(*s) < s[1]), halve, (low, np.where(first == 0, low, high)))
    return np.where(np.abs(f(low)) <= np.abs(f(high)), low, high)
