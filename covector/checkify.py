"""Functional checks: ``checkify`` turns assertions about traced values into data that a function returns.

The trace of `checkify` (`covector.interpreters.checks`) takes every `check` whose predicate is known to it or to a
transformation around it, so the error can be staged, batched and returned like any other value.  Outside of `checkify` a check
that fails raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.context import CHECKS, mode
from covector.core.primitive import open_trace
from covector.core.pytrees import register_pytree_node, tree_map, tree_unflatten
from covector.core.source import user_source
from covector.core.tracebacks import hides_frames
from covector.interpreters.checks import CheckTrace, Message, float_checks, user_checks
from covector.primitives.effects.callbacks import check_p, first_failure
from covector.primitives.programs.checked import Checks
from covector.transforms.arguments import check_callable, flatten_values, transformed, wrap_like
from covector.transforms.formats import check_format

nan_checks = frozenset({"nan"})
div_checks = frozenset({"div"})
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
        values, place = first_failure(message, np.asarray(holds), [np.asarray(v) for v in given], message.examples)
        return message.text(*values) + place, message.source

    def __repr__(self) -> str:
        return f"Error({self.get()!r})" if issubclass(type(self.code), (int, np.integer, np.ndarray)) else f"Error({self.code})"


def _unflatten(metadata: Any, children: Any) -> Error:
    code, *values = children
    return Error(code, values, *metadata)


register_pytree_node(Error, lambda e: ((e.code, *e._values), (e._messages, e._notes)), _unflatten)


def _error(trace: CheckTrace) -> Error:
    code: Any = np.int64(0)
    for i, (holds, _, _) in reversed(list(enumerate(trace.found, 1))):
        code = np.where(np.all(holds), code, i)
    return Error(code, [(holds, *values) for holds, _, values in trace.found], [m for _, m, _ in trace.found], trace.notes)


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
        with open_trace(CheckTrace, wanted, Checks, *who) as trace, mode(CHECKS, trace):
            if wanted & float_checks:
                args, kwargs = tree_map(trace.lift, (args, kwargs))
            out = f(*args, **kwargs)
            return _error(trace), tree_map(trace.lower, out) if wanted & float_checks else out

    return wrap_like(f, checked, checkify, errors=errors)
