"""Errors of covector's that lifted code catches, with ``except Exception`` say, and goes another way: `lift.report` tells.

>>> import numpy as np, covector as cv
>>> def f(x):
...     try:
...         return float(x) ** 2
...     except TypeError:
...         return 0.0 * x
>>> float(cv.grad(cv.lift(f))(3.0))
0.0
>>> print(cv.lift.report().splitlines()[-1])  # doctest: +ELLIPSIS
f went on after TracerFloatConversionError: the float value of a traced value of type weak_f64[] was asked for. at ... in f: ...
>>> cv.lift.uninstall()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from covector.core import errors

_raised: ContextVar[list[errors.CovectorError] | None] = ContextVar("covector_raised", default=None)
_notes: dict[str, None] = {}


def _note(error: errors.CovectorError) -> None:
    raised = _raised.get()
    if raised is not None:
        raised.append(error)


errors.note_errors(_note)


MADE_OF_OURS = ("Error setting single item of array.", "unsupported operand type")
"""What NumPy says where it caught an error, and where a method of numpy.polynomial returned NotImplemented for one."""


def _is_of_ours(e: BaseException | None) -> bool:
    """Whether an error was made of one of covector's, or raised where that was handled."""
    while e is not None and not isinstance(e, errors.CovectorError):
        e = e.__cause__ or e.__context__
    return e is not None


@contextmanager
def caught_errors(f: Callable[..., Any]) -> Iterator[None]:
    """Note the errors that the code within caught; one that NumPy made another error of is raised itself."""
    raised: list[errors.CovectorError] = []
    token = _raised.set(raised)
    try:
        yield
    except errors.CovectorError:
        raise
    except Exception as e:
        if raised and (_is_of_ours(e) or str(e).startswith(MADE_OF_OURS)):
            raise raised[-1] from None  # another one was made of it, which does not say why
        if str(e).startswith("object __array__ method not producing an array"):
            what = "NumPy's compiled code asked an object for its array, and was given one of a lifted run."
            fix = "give NumPy's functions np.asarray(object), or end its method by return np.asarray(...)"
            raise errors.TracerArrayConversionError(what, why="it takes nothing but memory", fix=fix) from None
        raise
    else:
        for error in raised:
            said = " ".join([line.strip() for line in str(error).splitlines()[:2] if not line.startswith("  Why")])
            _notes[f"{getattr(f, '__qualname__', f)} went on after {type(error).__name__}: {said}"] = None
    finally:
        _raised.reset(token)


def notes() -> list[str]:
    """What was caught so far, a line for each."""
    return list(_notes)


def forget() -> None:
    """Forget what was caught."""
    _notes.clear()
