"""Tracebacks without covector's own frames: what the user reads is the user's code.

>>> import traceback
>>> import covector as cv
>>> def frames(full):
...     try:
...         with full_tracebacks(full):
...             cv.grad(lambda x: 1 / 0)(1.0)
...     except ZeroDivisionError as error:
...         return len(traceback.extract_tb(error.__traceback__))
>>> frames(full=False) < frames(full=True)
True

``@hides_frames`` is for the functions that users call.  An error that leaves one of them keeps the frames of the user's files,
of NumPy and of other packages.  Those of covector and of what it is built on are dropped, but for the innermost one of an error
that is not covector's own.  `full_tracebacks` and the environment variable ``COVECTOR_FULL_TRACEBACKS=1`` show all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from covector.core.context import FULL_TRACEBACKS, mode, value_of
from covector.core.errors import CovectorError, refused_before
from covector.core.source import is_plumbing

P = ParamSpec("P")
R = TypeVar("R")

_SHOW_ALL = bool(os.environ.get("COVECTOR_FULL_TRACEBACKS"))


def full_tracebacks(enable: bool = True) -> AbstractContextManager[Any]:
    """Show covector's own frames in the tracebacks of errors that are raised inside the block.

    Args:
        enable: False hides them, also where ``COVECTOR_FULL_TRACEBACKS`` is set.

    Example:
        >>> import covector as cv
        >>> with full_tracebacks():
        ...     cv.grad(lambda x: 1 / 0)(1.0)
        Traceback (most recent call last):
            ...
        ZeroDivisionError: division by zero
    """
    return mode(FULL_TRACEBACKS, enable)


def hides_frames(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with covector's frames dropped from the tracebacks of errors that leave it."""
    return wraps(function)(hiding_frames(function))


def hiding_frames(function: Callable[P, R]) -> Callable[P, R]:
    """The same, by a function that has not taken the name of the other."""

    def without_frames(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            said = replaced_by_c(error)
            hide_frames(said or error)
            if said is None:
                raise
            raise said from None

    return without_frames


REPLACEMENT = "setting an array element with a sequence."
"""What NumPy says in place of the error that ``float(x)`` raised in ``a[i] = x``, where x has items."""


def replaced_by_c(error: Exception) -> CovectorError | None:
    """The error of covector's that compiled code put behind one of its own, which says less; with the traceback of that.

    Python makes a SystemError, or any other, where compiled code (`scipy.optimize.brentq`) goes on after an error.
    """
    cause = error.__cause__
    while type(cause) is SystemError:
        cause = cause.__cause__
    is_replacement = type(error) is SystemError or (type(error) is ValueError and str(error) == REPLACEMENT)
    if is_replacement and isinstance(cause, CovectorError):
        return cause.with_traceback(error.__traceback__)
    return refused_before(error)


def hide_frames(error: BaseException) -> None:
    """Drop covector's frames from the traceback of an error, and of those that it came from."""
    if value_of(FULL_TRACEBACKS, _SHOW_ALL):
        return
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        e = waiting.pop()
        if e is None or id(e) in seen:
            continue
        seen.add(id(e))
        e.__traceback__ = _users(e.__traceback__, keep_last=not isinstance(e, CovectorError))
        waiting += [e.__cause__, e.__context__]


def _users(traceback: TracebackType | None, keep_last: bool) -> TracebackType | None:
    kept = []
    while traceback is not None:
        if not _is_hidden(traceback) or (keep_last and traceback.tb_next is None):
            kept.append(traceback)
        traceback = traceback.tb_next
    result = None
    for t in reversed(kept):
        result = TracebackType(result, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return result


def _is_hidden(traceback: TracebackType) -> bool:
    """Whether a frame is covector's; a line of a generated program that stands nowhere (line 0) is too."""
    return is_plumbing(traceback.tb_frame.f_code.co_filename) or traceback.tb_lineno == 0
