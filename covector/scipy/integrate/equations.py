"""Differential equations: `solve_ivp` and `odeint`.

Derivatives are discrete: those of the steps that were taken, whose lengths count as constants; in the times they are the
function itself.  Only the error of the solution is controlled, not that of its derivatives: where the solution is smoother than
they are (constant, say), limit the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_map
from covector.interpreters.closures import reachable_tracers
from covector.lax.loops import scan
from covector.numpy.registry import as_array, contains_tracer
from covector.scipy.checks import double, in_parts
from covector.scipy.guesses import as_tuple, as_vector, numbers_as_array
from covector.scipy.integrate.differentiation import BDF
from covector.scipy.integrate.events import Event, Watch, prepared
from covector.scipy.integrate.explicit import EXPLICIT
from covector.scipy.integrate.implicit import Radau
from covector.scipy.integrate.steps import Steps
from covector.transforms.jit import jit
from covector.transforms.utilities import ravel_pytree, stop_gradient
from covector.transforms.vmap import vmap

ROOM = 8
"""For how many events of a kind there is place in the first attempt."""
METHODS: dict[str, Any] = {**EXPLICIT, "Radau": Radau(), "BDF": BDF()}


class Control(NamedTuple):
    """How an equation is solved."""

    method: str
    rtol: Any
    atol: Any
    longest: Any
    first: Any = None
    most: Any = np.inf


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,
    col_deriv: bool = False,
    *,
    rtol: float = 1.49012e-8,
    atol: float = 1.49012e-8,
    h0: float = 0.0,
    hmax: float = 0.0,
    mxstep: float = np.inf,
    tfirst: bool = False,
    **others: Any,
) -> Any:
    """The solution of ``dy/dt = func(y, t, *args)`` at given times, by the method RK45 of `solve_ivp`.

    Args:
        func: a function that returns what is like y.
        y0: the value at the first time, any pytree; a number, or a list or tuple of numbers, is a vector, as SciPy has it.
        t: times ``f[T]``, rising or falling.
        args: further arguments.
        Dfun, col_deriv: accepted: the method needs no Jacobian.
        rtol, atol: tolerances of a step.
        h0: the first step; 0 lets it be found.
        hmax: the longest step; 0 sets no limit.
        mxstep: how many steps there may be from one time to the next; 0 sets no limit.
        tfirst: whether it is ``func(t, y, *args)``.

    Returns:
        The values at the times along a new first axis, ``f[T, ...]`` for each leaf of y0; NaN after a time where the steps have
        become too small or too many.  They are differentiable in y0, the times, ``args`` and what func closes over, in both
        modes; the derivatives are those of the steps (a discrete adjoint).  The method is for equations that are not stiff:
        for these take ``solve_ivp(method="BDF")``.

    Raises:
        ArgumentError: t is no vector, or does not keep rising or falling; SciPy's other options, by name.

    Example:
        >>> np.round(odeint(lambda y, t: -y, 1.0, np.array([0.0, 1.0])), 6)
        array([[1.      ],
               [0.367879]])
    """
    _refuse("odeint", others, "of LSODA, which is not the method here")
    args = as_tuple(args)
    t = as_array(t)
    if len(shape_of(t)) != 1 or not shape_of(t)[0]:
        raise errors.ArgumentError(f"odeint got times {typeof(t)}.", fix="give a vector of at least one")
    if not isinstance(t, TracerBase) and np.any(np.diff(t) * np.sign(t[-1] - t[0]) < 0):
        raise errors.ArgumentError("odeint got times that neither keep rising nor keep falling.", fix="sort them")
    f = (lambda t, y: func(t, y, *args)) if tfirst else (lambda t, y: func(y, t, *args))
    control = Control("RK45", rtol, atol, hmax or np.inf, h0 or None, mxstep or np.inf)
    equation = Equation(f, as_vector(y0), t[0], t[-1], control, "odeint")
    return vmap(equation.unravel)(equation.at(t)[0])


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: str = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    *,
    args: Any = (),
    rtol: Any = 1e-3,
    atol: Any = 1e-6,
    max_step: float = np.inf,
    first_step: float | None = None,
    jac: Any = None,
    max_events: int | None = None,
    **others: Any,
) -> Any:
    """The solution of ``dy/dt = fun(t, y, *args)``.

    Args:
        fun: a function that returns what is like y.
        t_span: the first time and the last.
        y0: the value at the first one, any pytree; numbers in lists or tuples are an array.
        method: "RK23", "RK45" or "DOP853"; "Radau" or "BDF" for stiff equations, with the Jacobian found by covector and solved
            as a dense matrix.
        t_eval: times ``f[T]`` between those, in their order; by default the two (not the steps taken, as SciPy has it: their
            number would not be known in a program).
        dense_output: whether to return the solution as a function of the time too.
        events: a function ``event(t, y, *args)`` of which zeros are sought, or several; if wished with the attributes
            ``terminal`` (whether, or after how many, the solution ends at it) and ``direction`` (the sign of the change).
        vectorized: accepted; fun is called with one y at a time.
        args: further arguments.
        rtol, atol: tolerances of a step, numbers or one for each element of y.
        max_step: the longest step.
        first_step: the first one, which is found by default.
        jac: accepted, and covector's Jacobian is used.
        max_events: how many zeros of an event that does not end the solution are kept where their number is not known (in
            `jit` and `vmap`); if there are more, all of them are NaN.

    Returns:
        An object with ``t``, ``y`` (times along a new last axis, ``f[..., T]``), ``nfev``, ``njev``, ``nlu``, ``status`` (0; -1
        if steps have become too small, 1 if an event ended the solution: then y is NaN from there), ``success``, ``message``,
        and

        * ``sol``: None, or the solution as a function of times, a number or a vector ``f[T]``, which integrates again with the
          same steps when it is called (so give it all times at once), and is NaN where there is no solution;
        * ``t_events``, ``y_events``: None, or for each event a vector of times and the solution there, along a first axis,
          filled up with NaN where their number is not known.  Without t_eval the last time is that of the event that ended the
          solution.

        Derivatives are as for `odeint`, and times of events have them too.

    Raises:
        ArgumentError: t_eval is not within t_span or not in its order; a method, tolerance, step or option that there is not.

    Example:
        >>> np.round(solve_ivp(lambda t, y: -y, (0.0, 1.0), np.array([1.0]), rtol=1e-8).y, 6)
        array([[1.     , 0.36788]])
    """
    _refuse("solve_ivp", others, "of methods which are not here, or of a Jacobian, which covector finds itself")
    if method not in METHODS:
        why = "its steps are taken in Fortran, where they cannot be traced" if method == "LSODA" else ""
        fix = f"there are {', '.join(METHODS)}; the last two are for stiff equations"
        raise errors.ArgumentError(f"solve_ivp got method={method!r}.", why=why, fix=fix)
    args = () if args is None else as_tuple(args)
    start, end = map(double, t_span)
    t = np.stack([start, end]) if t_eval is None else as_array(t_eval)
    _check_times(start, end, t)
    control = Control(method, rtol, atol, max_step, first_step)
    equation = Equation(lambda t, y: fun(t, y, *args), y0, start, end, control, "solve_ivp")
    equation.events = [] if events is None else prepared(events, args)
    ys, final = equation.watched(t, t_eval is not None, max_events)
    failed, tries, ended = final["failed"], final["tries"], final["events"]["ended"]
    if equation.events and t_eval is None:
        t = np.where([False, True] & ended, equation.sign * final["events"]["end"], t)
        ys = np.where(([False, True] & ended)[:, None], final["events"]["y_end"], ys)
    status = np.where(failed, -1, np.where(ended, 1, 0))
    happened = equation.happened(final["events"]) if events is not None else (None, None)
    result = {
        "t": t, "y": vmap(equation.unravel, out_axes=-1)(ys), "nfev": final["nfev"],
        "njev": METHODS[method].jacobians * tries, "nlu": METHODS[method].factorizations * tries,
        "status": status, "success": np.logical_not(failed), "message": _message(status),
        "sol": OdeSolution(equation) if dense_output else None, "t_events": happened[0], "y_events": happened[1],
    }  # fmt: skip
    return OptimizeResult(result)


MESSAGES = {
    -1: "The steps have become too small.",
    0: "The end has been reached.",
    1: "An event ended the solution.",
}


def _message(status: Any) -> str:
    """What the status means, where it is known."""
    known = _known(status)
    return "It is not known yet." if known is None else MESSAGES[int(known)]


def _refuse(who: str, others: dict[str, Any], why: str) -> None:
    for name, value in others.items():
        if value is None or value is False or not np.any(value):  # as if it were left out
            continue
        raise errors.ArgumentError(f"{who} got {name}={value!r}.", why=f"it is an option {why}", fix="leave it out")


def _check_times(start: Any, end: Any, t: Any) -> None:
    if len(shape_of(t)) != 1:
        raise errors.ArgumentError(f"solve_ivp got t_eval {typeof(t)}.", fix="give a vector of times")
    if any(isinstance(v, TracerBase) for v in (start, end, t)):
        return
    if np.any(t < min(start, end)) or np.any(t > max(start, end)):
        raise errors.ArgumentError(errors.describe("solve_ivp got values in t_eval that are not within t_span."))
    if np.any(np.diff(t) * np.sign(end - start) < 0):
        raise errors.ArgumentError(errors.describe("solve_ivp got values in t_eval that are not in the order of t_span."))


def _plain(who: str, name: str, value: Any) -> None:
    if contains_tracer(value):
        what = f"{who} got {name} with a traced value."
        raise errors.ArgumentError(what, fix="pass a plain number: a solution has no derivative in it")


def _positive(who: str, **steps: Any) -> None:
    """Refuse what is known not to be positive."""
    for name, value in steps.items():
        _plain(who, name, value)
        if value is not None and not np.all(np.asarray(value) > 0):
            raise errors.ArgumentError(f"{who} got {name}={value!r}.", fix="pass a positive number")


class Equation:
    """``dy/dt = f(t, y)`` from ``y0`` at ``start`` to ``end``; how it is solved is in ``control``."""

    def __init__(self, f: Any, y0: Any, start: Any, end: Any, control: Control, who: str):
        self.y0, self.unravel = ravel_pytree(tree_map(double, numbers_as_array(y0)))
        self.in_parts = METHODS[control.method].is_real and typeof(self.y0).dtype.kind == "c"
        if self.in_parts:
            n, of_vector = shape_of(self.y0)[0], self.unravel
            self.y0, self.unravel = in_parts(self.y0), lambda y: of_vector(y[:n] + 1j * y[n:])
        self.f, self.who, self.control = f, who, control
        self.start, self.end = (np.astype(as_array(v), np.float64) for v in (start, end))
        self.sign = np.where(stop_gradient(self.end) < stop_gradient(self.start), -1.0, 1.0)
        longest, first = ("max_step", "first_step") if who == "solve_ivp" else ("hmax", "h0")
        _positive(who, **{longest: control.longest, first: control.first})
        self.tolerances = self._tolerances()
        self.events: list[Event] = []

    def _tolerances(self) -> tuple[Any, Any]:
        n, found = shape_of(self.y0)[0], []
        for name in ("rtol", "atol"):
            _plain(self.who, name, getattr(self.control, name))
            value = np.asarray(getattr(self.control, name), np.float64)
            value = np.concatenate([value, value]) if self.in_parts and value.ndim else value
            if value.shape not in ((), (n,)):
                fix = f"pass a number, or one for each of the {n} elements of y"
                raise errors.ArgumentError(f"{self.who} got {name} of shape {value.shape}.", fix=fix)
            if not np.all(value >= 0):
                raise errors.ArgumentError(f"{self.who} got {name}={value}.", fix="pass what is not negative")
            found.append(value)
        return np.maximum(found[0], 100 * np.finfo(float).eps), found[1]

    def slope(self, u: Any, y: Any) -> Any:
        out = ravel_pytree(self.f(self.sign * u, self.unravel(y)))[0]
        out = in_parts(out) if self.in_parts else out
        got = f"{self.who} got a function that returns {typeof(out)} for y of {typeof(y)}."
        if shape_of(out) != shape_of(y):
            raise errors.ArgumentError(errors.describe(got))
        if typeof(out).dtype.kind == "c" and typeof(y).dtype.kind != "c":
            raise errors.ArgumentError(got, why="its imaginary part would be lost", fix="begin with a complex y0")
        return np.astype(self.sign * out, typeof(self.y0).dtype)

    def at(self, times: Any, counts: bool = False, room: int = 0) -> tuple[Any, Any]:
        """The solution as vectors ``f[T,n]``, and the last state; ``counts`` whether calls between steps count.

        ``room`` is for how many events of a kind there is place.
        """
        start, end, times = (self.sign * np.astype(v, np.float64) for v in (self.start, self.end, times))
        method, control = METHODS[self.control.method], self.control
        of_vector: Any = lambda event: event._replace(function=lambda u, y: event.function(self.sign * u, self.unravel(y)))
        watch = Watch([of_vector(event) for event in self.events], room) if self.events else None
        limits = (control.longest, control.first, control.most)
        steps = Steps(method, self.slope, start, self.y0, end, self.tolerances, *limits, watch)

        def until(state: Any, target: Any) -> Any:
            after, y = steps.until(state, target)
            calls = method.calls_between * (after["steps"] != state["steps"]) if counts else 0
            return {**after, "nfev": after["nfev"] + calls}, y

        final, ys = scan(until, steps.start(), times)
        return ys, final

    def watched(self, times: Any, counts: bool, most: int | None) -> tuple[Any, Any]:
        """The same, with place for as many events as there are."""
        room = ROOM if most is None else most
        ys, final = self.at(times, counts, room)
        if all(event.last < np.inf for event in self.events):
            return ys, final
        found = _known(final["events"]["counts"])
        if found is None and most is None:
            raise errors.ArgumentError(
                "solve_ivp got an event that does not end the solution, in a program or a batch.",
                why="the number of such events depends on values that are not known, and the shape of a result must not",
                fix="say how many to keep with max_events=, or give the event the attribute terminal",
            )
        if found is not None and np.max(found) > room:
            return self.at(times, counts, int(np.max(found)))
        return ys, final

    def happened(self, s: Any) -> tuple[list[Any], list[Any]]:
        """Times and states of the events, filled up if their number is not known, and all NaN if some are lost."""
        times, states, known = [], [], _known(s["counts"]) if self.events else None
        for i, (t, y) in enumerate(zip(s.get("times", []), s.get("values", []), strict=True)):
            if known is not None:
                t, y = t[: known[i]], y[: known[i]]
            else:
                lost = s["counts"][i] > shape_of(t)[0]
                t, y = (np.where(lost, np.asarray(np.nan, typeof(v).dtype), v) for v in (t, y))
            times.append(self.sign * t)
            states.append(vmap(self.unravel)(y) if shape_of(y)[0] else tree_map(_none_of, self.unravel(self.y0)))
        return times, states


def _known(x: Any) -> Any:
    """The array behind a value, or None if it is not known."""
    return x.concrete() if isinstance(x, TracerBase) else x  # type: ignore[attr-defined]


def _none_of(x: Any) -> Any:
    return np.zeros((0, *shape_of(x)), typeof(x).dtype)


class OdeSolution:
    """The solution of an equation as a function of the time."""

    def __init__(self, equation: Equation):
        self.equation = equation
        parts = [equation.f, *(event.function for event in equation.events), equation.y0, equation.start, equation.end]
        is_known = next(reachable_tracers(parts), None) is None and not contains_tracer(parts)
        self.at: Callable[..., Any] = jit(self._at) if is_known else self._at

    def __call__(self, t: Any) -> Any:
        """The values at a time or at a vector of times, which become the last axis; NaN outside of the span."""
        t, equation = np.astype(as_array(t), np.float64), self.equation
        if len(shape_of(t)) > 1:
            raise errors.ArgumentError(f"the solution got times {typeof(t)}.", fix="give a number or a vector")
        times = np.reshape(t, (-1,))
        u, low, high = (stop_gradient(equation.sign * v) for v in (times, equation.start, equation.end))
        inside = (low <= u) & (u <= high)
        order = np.argsort(u)
        ys = self.at(np.where(inside, times, equation.start)[order])[np.argsort(order)]
        ys = np.where(inside[:, None], ys, np.asarray(np.nan, typeof(ys).dtype))
        return equation.unravel(ys[0]) if not shape_of(t) else vmap(equation.unravel, out_axes=-1)(ys)

    def _at(self, times: Any) -> Any:
        return self.equation.at(times, room=ROOM)[0]
