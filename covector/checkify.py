"""Functional checks: ``checkify`` turns assertions about traced values into data that a function returns.

The trace of `checkify` takes every `check` whose predicate is known to it or to a transformation around it, so the error can be
staged, batched and returned like any other value.  Compiled functions, choices and loops with checks in them are taken too, and
give these out beside their results (`covector.primitives.checked`).  For checks of floats the arguments are tracers, and each
operation on them makes a check.  Outside of `checkify` a check that fails raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import is_value, shape_of, typeof
from covector.core.context import CHECKS, EXAMPLES, TAKING_PART, mode, value_of
from covector.core.jaxpr import sub_jaxprs
from covector.core.primitive import ContextPrimitive, Primitive, Trace, TracerBase, open_trace
from covector.core.pytrees import register_pytree_node, tree_map, tree_unflatten
from covector.core.source import user_source
from covector.core.tracebacks import hides_frames
from covector.core.tracer import Tracer, register_tracer
from covector.interpreters.interpret import Bundle
from covector.interpreters.stage import leaked
from covector.primitives.checked import Checks, Found, constant, has_checks
from covector.primitives.custom import custom_function_p
from covector.primitives.effects import Message, check_p, first_failure
from covector.transforms.arguments import check_callable, flatten_values, transformed, wrap_like
from covector.transforms.formats import check_format

user_checks = frozenset({"user"})
nan_checks = frozenset({"nan"})
div_checks = frozenset({"div"})
float_checks = nan_checks | div_checks
all_checks = user_checks | float_checks

__all__ = ["Error", "all_checks", "check", "checkify", "div_checks", "float_checks", "nan_checks", "user_checks"]


class Error:
    """What `checkify` found: a pytree, so that it can be returned from transformed functions.

    Attributes:
        code: the number of the first check that failed, from 1; 0 if none did.  An array under `vmap`.
    """

    def __init__(self, code: Any, values: Sequence[Any], messages: Sequence[Message], notes: Sequence[tuple[str, Any]]):
        self.code = code
        self._values = tuple(values)
        self._messages = tuple(messages)
        self._notes = tuple(notes)

    def get(self) -> str | None:
        """The message of the first check that failed; None if all held."""
        found = self._first()
        return None if found is None else found[0]

    def throw(self) -> None:
        """Raise `CheckError` if a check failed."""
        found = self._first()
        if found is not None:
            raise errors.CheckError(errors.describe(f"a check failed: {found[0]}", source=found[1]))

    def _first(self) -> tuple[str, Any] | None:
        codes = np.asarray(self.code)
        if not np.any(codes):
            return self._notes[0] if self._notes else None
        i = int(codes[tuple(np.argwhere(codes)[0])]) - 1
        message = self._messages[i]
        holds, *given = self._values[i]
        values, place = first_failure(np.asarray(holds), [np.asarray(v) for v in given], message.examples)
        return message.text(*values) + place, message.source

    def __repr__(self) -> str:
        return f"Error({self.get()!r})" if issubclass(type(self.code), (int, np.integer, np.ndarray)) else f"Error({self.code})"


def _unflatten(metadata: Any, children: Any) -> Error:
    code, *values = children
    return Error(code, values, *metadata)


register_pytree_node(Error, lambda e: ((e.code, *e._values), (e._messages, e._notes)), _unflatten)


class CheckTracer(Tracer):
    """A value of which the operations are checked for NaNs and divisions by zero; where it is known, Python may have it."""

    __slots__ = ("value",)

    def __init__(self, trace: CheckTrace, value: Any):
        self._trace = trace
        self.value = value

    @property
    def aval(self) -> Any:
        return typeof(self.value)

    def concrete(self) -> Any:
        return self.value.concrete() if isinstance(self.value, Tracer) else self.value

    def answer(self) -> Any:
        return self.value.answer() if isinstance(self.value, Tracer) else None

    def unknown_because(self) -> str:
        return self.value.unknown_because() if isinstance(self.value, Tracer) else super().unknown_because()

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(self.value, *args, **kwargs)

    def item(self, *args: Any) -> Any:
        return self.value.item(*args) if issubclass(type(self.value), (Tracer, np.ndarray, np.generic)) else self.value

    def tolist(self) -> Any:
        return self.value.tolist() if issubclass(type(self.value), (Tracer, np.ndarray, np.generic)) else self.value


register_tracer(CheckTracer, lambda x: typeof(x.value))

DIVISIONS = frozenset({"div", "floor_divide", "remainder", "fmod"})


class FloatMessage(Message):
    """What a check of floats says."""


class CheckTrace(Trace):
    """Takes the checks, as data; with checks of floats it looks at every operation on its tracers."""

    __slots__ = ("found", "notes", "wanted")

    def __init__(self, wanted: frozenset[str], name: str = "checkify", origin: Any = None):
        super().__init__(name, origin)
        self.wanted = wanted
        self.found: list[Found] = []
        self.notes: list[tuple[str, Any]] = []

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        return primitive is check_p or has_checks(params)

    def lift(self, x: Any) -> Any:
        """The value as the function gets it: one that is looked at, if checks of floats are wanted."""
        return CheckTracer(self, x) if self.wanted & float_checks and is_value(x) else x

    def lower(self, x: Any) -> Any:
        """The value behind a tracer of this trace."""
        return x.value if type(x) is CheckTracer and x._trace is self else x

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        values = [self.lower(a) for a in args]
        outs: Any
        found: list[Found]
        if primitive is check_p:
            outs, found = [], [(values[0], params["message"], values[1:])]
        elif primitive is custom_function_p:
            return self.custom_function(args, values, **params)
        elif any(True for _ in sub_jaxprs(params)) and "interpret" in primitive.rules:
            outs, found = self.of_programs(primitive.rules["interpret"], values, params)
        else:
            outs = primitive.bind(*values, **params)
            found = self.of_floats(primitive, values, outs if primitive.multiple_results else [outs])
        self.found += [_of_part(f) for f in found if "user" in self.wanted or isinstance(f[1], FloatMessage)]
        return [self.lift(o) for o in outs] if primitive.multiple_results else self.lift(outs)

    def of_programs(self, interpret: Any, values: Sequence[Any], params: dict[str, Any]) -> tuple[list[Any], list[Found]]:
        """The outputs of a call, a choice or a loop, and the checks in its programs."""

        def run(f: Callable[..., Any], args: Sequence[Any]) -> tuple[list[Any], list[Found]]:
            with mode(EXAMPLES, None), mode(TAKING_PART, None), open_trace(CheckTrace, wanted) as trace:
                outs = f(*map(trace.lift, args))
                return [trace.lower(o) for o in outs], trace.found

        wanted = self.wanted | user_checks
        how = Checks(wanted, run)
        return [b.parts[0] for b in interpret(how, [Bundle((v,)) for v in values], **params)], how.found

    def custom_function(self, args: Sequence[Any], values: Sequence[Any], *, fun: Any, rules: Any) -> Any:
        """A function with rules: run for its checks, and beside it as it is where somebody may need the rules."""
        if not any(isinstance(v, TracerBase) for v in values):
            return fun(*args)
        with open_trace(CheckTrace, self.wanted) as trace:
            fun(*map(trace.lift, map(constant, values)))
        self.found += trace.found
        with open_trace(CheckTrace, frozenset()):  # whose checks are found already
            return [self.lift(o) for o in custom_function_p.bind(*values, fun=fun, rules=rules)]

    def of_floats(self, primitive: Primitive, values: Sequence[Any], outs: Sequence[Any]) -> list[Found]:
        """Whether an operation divides by zero, or makes a NaN of numbers."""
        found: list[Found] = []
        source = user_source()

        def note(holds: Any, text: str) -> None:
            if isinstance(holds, TracerBase) or not np.all(holds):
                found.append((holds, FloatMessage(lambda: text, source), []))

        if "div" in self.wanted and primitive.name in DIVISIONS:
            note(np.all(values[-1] != 0), f"division by zero in {primitive.name!r}")
        floats = [o for o in outs if is_value(o) and typeof(o).dtype.kind in "fc"]
        if "nan" in self.wanted and floats:
            before = [np.any(np.isnan(v)) for v in values if is_value(v) and typeof(v).dtype.kind in "fc"]
            born = functools.reduce(np.logical_or, [np.any(np.isnan(o)) for o in floats])
            note(functools.reduce(np.logical_or, before, np.logical_not(born)), f"{primitive.name!r} gives NaN")
        return found

    def note(self, text: str, source: Any) -> None:
        """Keep what failed while a program ran."""
        if "user" in self.wanted:
            self.notes.append((text, source))

    def error(self) -> Error:
        code: Any = np.int64(0)
        for i, (holds, _, _) in reversed(list(enumerate(self.found, 1))):
            code = np.where(np.all(holds), code, i)
        return Error(code, [(holds, *values) for holds, _, values in self.found], [m for _, m, _ in self.found], self.notes)


def _of_part(found: Found) -> Found:
    """A check as one of the examples that take part in it."""
    holds, message, values = found
    examples, mine = value_of(EXAMPLES), value_of(TAKING_PART)
    if mine is not None and shape_of(holds)[:1] == shape_of(mine):
        holds = np.logical_or(holds, np.logical_not(np.reshape(mine, (-1, *(1,) * (len(shape_of(holds)) - 1)))))
    if examples is not None:
        message = replace(message, examples=examples if message.examples is None else examples[message.examples])
    return holds, message, values


@hides_frames
def check(pred: Any, msg: str, *args: Any, **kwargs: Any) -> None:
    """Assert that a traced or known predicate holds.

    Args:
        pred: a boolean, or an array of which all elements must be true.
        msg: what to say if not, a format string.
        args: values for ``msg``.
        kwargs: values for ``msg``, by name.

    Raises:
        ArgumentError: the message does not go with its values.
        CheckError: if the predicate does not hold, unless the function is checkified; in a compiled function when it runs.

    Example:
        >>> check(2 > 1, "never shown")
        >>> check(1 > 2, "{} is not above {}", 1, 2)
        Traceback (most recent call last):
            ...
        covector.core.errors.CheckError: a check failed: 1 is not above 2
          ...
    """
    check_format("checkify.check", msg, args, kwargs, "checkify.check(pred, 'the value is {}', x)")
    leaves, treedef = flatten_values([args, kwargs], "check")

    def text(*values: Any) -> str:
        own_args, own_kwargs = tree_unflatten(treedef, [np.asarray(v)[()] for v in values])
        return msg.format(*own_args, **own_kwargs)

    check_p.bind(pred, *leaves, message=Message(text, user_source()))


def checkify(f: Callable[..., Any], errors: frozenset[str] = user_checks) -> Callable[..., Any]:
    """Make a function return, beside its result, whether its checks held.

    Args:
        f: a function of pytrees of arrays, with calls of `check`.
        errors: which checks: ``user_checks``, ``nan_checks``, ``div_checks``, ``float_checks`` (both), ``all_checks``, or a
            union.  NaNs and divisions are seen in all operations on what is computed from the arguments, forward and backward,
            also in compiled functions, loops and branches.

    Returns:
        A function that returns ``(error, result)``; ``error.get()`` is the message of the first check that failed, or None;
        ``error.throw()`` raises it.

    Example:
        >>> import numpy as np
        >>> from covector import jit
        >>> def root(x):
        ...     check(x >= 0, "the root of {x}", x=x)
        ...     return np.sqrt(np.abs(x))
        >>> error, out = jit(checkify(root))(-4.0)
        >>> error.get(), float(out)
        ('the root of -4.0', 2.0)
    """
    check_callable(f, "checkify")
    who = transformed("checkify", f)
    wanted = frozenset(errors)

    def checked(*args: Any, **kwargs: Any) -> Any:
        with open_trace(CheckTrace, wanted, *who) as trace, mode(CHECKS, trace):
            if wanted & float_checks:
                args, kwargs = tree_map(trace.lift, (args, kwargs))
            out = f(*args, **kwargs)
            return trace.error(), tree_map(trace.lower, out) if wanted & float_checks else out

    return wrap_like(f, checked, "checkify", partial(checkify, errors=errors))
