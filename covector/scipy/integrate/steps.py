"""The control of steps: each is tried, judged by its error, and taken or tried again with a shorter one.

A step is differentiated only where it was taken.  The function may not be finite, or its derivative not, where a step that is
too long has led; a cotangent of zero that passes there would be NaN.  So a step has a JVP rule of its own, which first looks at
whether it was taken, and stands still if it was not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.pytrees import tree_map
from covector.lax.loops import while_loop
from covector.scipy.integrate.events import Watch
from covector.transforms.autodiff import jvp
from covector.transforms.custom_rules import custom_jvp
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import stop_gradient

GROW, SHRINK = 10.0, 0.2
State = dict[str, Any]


class Try(NamedTuple):
    """A step that was tried: ``y`` and the slope ``f`` at its end, what is between in ``k``, and how good it is."""

    y: Any
    f: Any
    k: Any
    error: Any
    """Below 1 where it is within the tolerances; NaN where it could not be done."""
    safety: Any
    calls: Any
    memory: Any = ()
    """What the next step goes on from besides, if it is taken: an array, in which there are derivatives."""
    control: Any = ()
    """What controls it, numbers in which there are none."""


class Known(NamedTuple):
    """What a try may look at, and has no derivative in."""

    rtol: Any
    atol: Any
    rejected: Any
    """Whether the step has been tried already, longer."""
    h: Any
    """The step before this one, and its k."""
    k: Any
    control: Any


class Method(Protocol):
    """A method of steps; ``slope(u, y, *consts)`` is the equation."""

    order: int
    """The error of a step grows as its length to the power of this and one more."""

    def nothing(self, f: Any) -> Any:
        """A ``k`` before the first step."""
        ...

    def begin(self, y: Any, f: Any, h: Any) -> tuple[Any, Any]:
        """The memory and the control before the first step, of which h may be the length."""
        ...

    def attempt(self, slope: Any, u: Any, y: Any, f: Any, h: Any, memory: Any, known: Known) -> Try: ...

    def smoothly(
        self, slope: Any, u: Any, y: Any, h: Any, memory: Any, known: Known, tried: Try, consts: Any
    ) -> Callable[..., Any]:
        """``(u, y, f, memory, consts) -> (y, f, k, memory)`` of the step that was tried, right in its first derivative."""
        ...

    def factor(self, tried: Try, h: Any, before: tuple[Any, Any]) -> Any:
        """By what the step should be longer, without limits; ``before`` is the last step taken and its error."""
        ...

    def between(self, slope: Any, x: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any) -> Any:
        """The value at the fraction x of the step."""
        ...

    calls_between: int
    """How many calls `between` makes."""
    jacobians: int
    """How many Jacobians a try takes."""
    factorizations: int
    """How many matrices a try factorizes."""
    is_real: bool
    """Whether y must be real."""


class Steps:
    """Steps of a method from ``start``.

    Args:
        method: the method.
        slope: ``slope(u, y)``; the time u rises.
        start, y: where it begins.
        end: the last time.
        tolerances: ``rtol`` and ``atol``.
        longest: the longest step.
        first: the first step, or None.
        most: how many steps there may be between two times that are asked for.
        watch: what looks for events after each step, or None.
    """

    def __init__(
        self, method: Method, slope: Any, start: Any, y: Any, end: Any, tolerances: Any,
        longest: Any = np.inf, first: Any = None, most: Any = np.inf, watch: Watch | None = None,
    ):  # fmt: skip
        self.method, self.end, self.tolerances = method, end, tolerances
        self.longest, self.first, self.most, self.watch = longest, first, most, watch
        self.slope: Any
        self.slope, self.consts = closure_convert(slope, start, y)
        self.begin = (start, y)

    def _attempt(self, u: Any, y: Any, f: Any, h: Any, memory: Any, known: Any, consts: Any) -> Try:
        slope = lambda u, y: self.slope(u, y, *consts)
        return self.method.attempt(slope, u, y, f, h, memory, Known(*self.tolerances, *known))

    def _attempt_jvp(self, primals: Any, tangents: Any) -> Any:
        (u, y, f, h, memory, known, consts), (tu, ty, tf, _, tmemory, _, tconsts) = primals, tangents
        tried = self.attempt(*primals)
        taken = tried.error < 1
        h = np.where(taken, h, 0.0)
        done = tried._replace(k=np.where(taken, tried.k, 0.0), y=np.where(taken, tried.y, y))
        again = self.method.smoothly(self.slope, u, y, h, memory, Known(*self.tolerances, *known), done, consts)
        _, (ty, tf, tk, tmemory) = jvp(again, (u, y, f, memory, consts), (tu, ty, tf, tmemory, tconsts))
        still = tree_map(lambda v: typeof(v).zero, tried)
        return tried, still._replace(y=ty, f=tf, k=tk, memory=tmemory)

    @property
    def attempt(self) -> Any:
        attempt = custom_jvp(self._attempt)
        attempt.defjvp(self._attempt_jvp)
        return attempt

    def start(self) -> State:
        """The state before the first step."""
        u, y = self.begin
        f = self.slope(u, y, *self.consts)
        at = (stop_gradient(u), stop_gradient(y), stop_gradient(f))
        h = self.first_step(*at) if self.first is None else np.float64(self.first)
        k, (memory, control) = self.method.nothing(f), self.method.begin(y, f, h)
        nfev = np.int64(2 if self.first is None else 1)
        return {
            "u": u, "y": y, "f": f, "u_old": u, "y_old": y, "k": k, "h": np.float64(1.0),
            "step": h, "memory": memory, "control": control, "before": (np.float64(np.nan), np.float64(np.nan)), "nfev": nfev,
            "count": np.int64(0), "steps": np.int64(0), "tries": np.int64(0),
            "rejected": np.bool_(False), "failed": np.bool_(False),
            "events": {"ended": np.bool_(False)} if self.watch is None else self.watch.start(u, y),
        }  # fmt: skip

    def first_step(self, u: Any, y: Any, f: Any) -> Any:
        """Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, II.4."""
        span, (rtol, atol) = stop_gradient(self.end) - u, self.tolerances
        scale = atol + np.abs(y) * rtol
        d0, d1 = rms(y / scale), rms(f / scale)
        small = (d0 < 1e-5) | (d1 < 1e-5)
        h0 = np.minimum(np.where(small, 1e-6, 0.01 * d0 / np.where(small, 1.0, d1)), span)
        there = self.slope(u + h0, np.astype(y + h0 * f, typeof(y).dtype), *self.consts)
        d2 = rms((stop_gradient(there) - f) / scale) / np.where(h0 > 0, h0, 1.0)
        largest = np.maximum(d1, d2)
        flat = largest <= 1e-15
        h1 = (0.01 / np.where(flat, 1.0, largest)) ** (1 / (self.method.order + 1))
        h1 = np.where(flat, np.maximum(1e-6, h0 * 1e-3), h1)
        return np.minimum(np.minimum(np.minimum(100 * h0, h1), span), self.longest)

    def until(self, state: State, target: Any) -> tuple[State, Any]:
        """Steps until a time has been reached, one at least in all, and the value there."""
        state = {**state, "count": np.int64(0)}
        last = np.minimum(stop_gradient(target), stop_gradient(self.end))
        wanted = lambda s: ((s["u"] < last) | (s["steps"] == 0)) & ~s["failed"] & ~s["events"]["ended"]
        state = while_loop(wanted, self.step, state)
        return state, self.value(state, target)

    def value(self, s: State, target: Any) -> Any:
        """The value at a time in the last step, and NaN at one that has not been reached, or is before it."""
        end = s["u"] if self.watch is None else np.where(s["events"]["ended"], s["events"]["end"], s["u"])
        now = stop_gradient(target)
        reached = (stop_gradient(s["u_old"]) <= now) & (now <= stop_gradient(end))
        y = self.point(np.where(reached, target, s["u_old"]), *(s[name] for name in AROUND), self.consts)
        return np.where(reached, y, np.asarray(np.nan, typeof(y).dtype))

    @property
    def point(self) -> Any:
        """The value at a time inside of a step, whose derivative in the time is the slope there."""
        point = custom_jvp(self._point)
        point.defjvp(self._point_jvp)
        return point

    def _point(self, target: Any, u: Any, y: Any, h: Any, y_new: Any, f_new: Any, k: Any, consts: Any) -> Any:
        slope = lambda u, y: self.slope(u, y, *consts)
        return np.astype(self.method.between(slope, (target - u) / h, u, y, h, y_new, f_new, k), typeof(y).dtype)

    def _point_jvp(self, primals: Any, tangents: Any) -> Any:
        target, *rest = primals
        value = self.point(*primals)
        _, moved = jvp(lambda *rest: self._point(target, *rest), tuple(rest), tuple(tangents[1:]))
        f = self.slope(target, value, *primals[-1])
        return value, np.astype(moved + f * tangents[0], typeof(value).dtype)

    def step(self, s: State) -> State:
        """One try, which is taken if its error is below the tolerances; lengths of steps are constants for derivatives."""
        u, y = s["u"], s["y"]
        left, shortest = stop_gradient(self.end - u), 10 * np.spacing(np.abs(stop_gradient(u)))
        wanted = stop_gradient(np.maximum(s["step"], np.where(s["rejected"], 0.0, shortest)))
        wanted = np.minimum(wanted, self.longest)
        h, is_last = np.minimum(wanted, left), wanted >= left
        known = (s["rejected"], s["h"], stop_gradient(s["k"]), s["control"])
        tried = self.attempt(u, y, s["f"], h, s["memory"], known, self.consts)
        error = stop_gradient(tried.error)
        taken, bad = error < 1, ~np.isfinite(error)
        factor = tried.safety * self.method.factor(tried._replace(error=np.where(bad, 1.0, error)), h, s["before"])
        factor = np.where(error == 0, GROW, np.where(bad, SHRINK, np.clip(factor, SHRINK, GROW)))
        factor = np.where(s["rejected"] | ~taken, np.minimum(factor, 1.0), factor)
        moved = {
            "u": np.where(is_last, self.end, u + h), "y": tried.y, "f": tried.f, "u_old": u, "y_old": y, "k": tried.k,
            "h": np.where(h > 0, h, 1.0), "memory": tried.memory, "control": tried.control,
        }  # fmt: skip
        moved = tree_map(lambda new, old: np.where(taken, new, old), moved, {name: s[name] for name in moved})
        before = tuple(np.where(taken, new, old) for new, old in zip((h, error), s["before"], strict=True))
        count = s["count"] + taken
        failed = ~taken & ~(h * factor >= shortest) | taken & (count >= self.most) & ~is_last
        events = s["events"]
        if self.watch is not None:
            point = lambda t: self.point(t, *(moved[name] for name in AROUND), self.consts)
            events = self.watch.after(point, events, moved["u_old"], moved["u"], moved["y"], taken)
        return {
            **moved, "events": events, "step": h * factor, "before": before, "nfev": s["nfev"] + tried.calls, "count": count,
            "steps": s["steps"] + taken, "tries": s["tries"] + 1, "rejected": ~taken, "failed": failed,
        }  # fmt: skip


AROUND = ("u_old", "y_old", "h", "y", "f", "k")


def rms(x: Any) -> Any:
    """The root of the mean of squares, 0 of nothing."""
    return np.sqrt(np.sum(np.abs(x) ** 2) / max(shape_of(x)[0], 1))
