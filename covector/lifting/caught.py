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

import functools
import linecache
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import TracerBase
from covector.core.source import Source, is_plumbing
from covector.lifting.active import ACTIVE, is_in
from covector.lifting.cells import Cell

_raised: ContextVar[list[errors.CovectorError] | None] = ContextVar("covector_raised", default=None)
_notes: dict[str, None] = {}


def _note(error: errors.CovectorError) -> None:
    raised = _raised.get()
    if raised is not None:
        raised.append(error)


errors.note_errors(_note)


MADE_OF_OURS = (
    "Error setting single item of array.",
    "unsupported operand type",
    "required argument is not a float",
    "Result from function call is not a proper array",
)
"""What NumPy, `struct` and MINPACK say that caught an error, and Python where `numpy.polynomial` returned NotImplemented."""


def _is_of_ours(e: BaseException | None) -> bool:
    """Whether an error was made of one of covector's, or raised where that was handled."""
    while e is not None and not isinstance(e, errors.CovectorError):
        e = e.__cause__ or e.__context__
    return e is not None


def _frames(e: BaseException, first: BaseException) -> TracebackType | None:
    """The frames of an error, and then those of the errors that it was made of, down to the first one."""
    chain: list[BaseException] = []
    found: BaseException | None = e
    while found is not None and found is not first:
        chain.append(found)
        found = found.__cause__ or found.__context__
    return functools.reduce(lambda inner, x: _followed(x.__traceback__, inner), reversed(chain), first.__traceback__)


def _followed(outer: TracebackType | None, inner: TracebackType | None) -> TracebackType | None:
    """The frames of an error up to where another one was caught, and then those of that."""
    frames = []
    while outer is not None and (inner is None or outer.tb_frame is not inner.tb_frame):
        frames.append(outer)
        outer = outer.tb_next
    for t in reversed(frames):
        inner = TracebackType(inner, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return inner


# --- compiled code that takes NumPy's own arrays alone --------------------------------------------------------------------

NOT_TAKEN = re.compile(
    r"\bCell\b|bytes-like object|buffer API|ambiguous argument types|[Nn]o matching signature|be NumPy arrays"
    "|__array_interface__|output array must be contiguous"
)
"""What compiled code says that was given another object than an array."""


def _not_taken(e: Exception) -> errors.CovectorError | None:
    """The error for an array of the lifted run that compiled code did not take, where an error says so."""
    if not isinstance(e, (TypeError, ValueError, AttributeError)) or not NOT_TAKEN.search(str(e)):
        return None
    frame, place, arrays = _given(e.__traceback__)
    if frame is None or not (arrays or "Cell" in str(e)):
        return None
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    if "type" in frame.f_code.co_names and not is_in(package, ACTIVE.get() or ()):
        return errors.TracerArrayConversionError(
            f"an array of a lifted run was not taken for one: {type(e).__name__}: {e}",
            why="type(x) of it is a class of covector's, which isinstance takes for NumPy's",
            fix=f"name the package, lift(f, packages=[{package!r}]): in its modules type(x) is np.ndarray",
            source=place,
        )
    values = {name: x._read() for name, x in arrays.items()}
    named = " and ".join([f"{name}, {typeof(x)}" for name, x in values.items()])
    fix = "call what takes it by covector.pure_callback(f, result, *arrays), whose f is not lifted and gets plain arrays"
    if any(isinstance(x, TracerBase) for x in values.values()):
        fix = "put a rule around it: covector.custom_jvp, with covector.pure_callback"
    return errors.TracerArrayConversionError(
        f"compiled code was given an array of a lifted run{named and f' ({named})'}: {type(e).__name__}: {e}",
        why="it takes NumPy's own arrays alone; lift gives them to compiled functions that modules hold under a name, and"
        " does not reach classes, methods, and what asks for memory",
        fix=f"{fix}; or make the array outside of the lifted function",
        source=place,
    )


def _given(traceback: TracebackType | None) -> tuple[FrameType | None, Source | None, dict[str, Cell]]:
    """The innermost frame and line of Python that is not covector's, and the arrays of the lifted run that it names."""
    last = None
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if not is_plumbing(path) and linecache.getline(path, traceback.tb_lineno):
            last = traceback
        traceback = traceback.tb_next
    if last is None:
        return None, None, {}
    frame, code = last.tb_frame, last.tb_frame.f_code
    first, end, start, stop = (x or 0 for x in list(code.co_positions())[last.tb_lasti // 2])
    lines = [linecache.getline(code.co_filename, i) for i in range(first, end + 1)]
    lines[-1] = lines[-1][: stop or None]
    lines[0] = lines[0][start:]  # of what was called alone
    names = [name.split(".") for name in re.findall(r"[^\W\d]\w*(?:\.\w+)?", " ".join(lines))]
    values = {".".join(n): _held(frame.f_locals.get(n[0]), *n[1:]) for n in names}
    values |= {f"{n}[{i}]": x for n, v in values.items() if type(v) in (list, tuple) for i, x in enumerate(v)}
    return frame, Source(code, last.tb_lasti), {name: x for name, x in values.items() if type(x) is Cell}


def _held(x: Any, attribute: str = "") -> Any:
    """An object, or what it holds under a name, without running code of its."""
    return x if type(x) is Cell or not attribute else getattr(x, "__dict__", {}).get(attribute)


# --- noted ----------------------------------------------------------------------------------------------------------------


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
            # another one was made of it, which does not say why
            raise raised[-1].with_traceback(_frames(e, raised[-1])) from None
        refused = _not_taken(e)
        if refused is not None:
            raise refused.with_traceback(e.__traceback__) from None
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
