"""``np.errstate(invalid="raise")`` and ``np.seterr`` in lifted code: what a trace only notes down raises nothing.

>>> import numpy as np, covector as cv
>>> @cv.lift
... def f(x):
...     with np.errstate(invalid="raise"):
...         return np.sqrt(x)
>>> cv.grad(f)(4.0)
np.float64(0.25)
>>> cv.jit(f)(4.0)
Traceback (most recent call last):
    ...
covector.core.errors.UnsupportedFunctionError: np.errstate(invalid='raise') was entered inside jit of f. ...
>>> cv.lift.uninstall()
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from covector.core import errors
from covector.core.context import traces_now
from covector.interpreters.stage import StageTrace
from covector.lifting.active import is_active

T = TypeVar("T", bound=Callable[..., Any])


def _seen(asked: dict[str, Any]) -> dict[str, Any]:
    """The faults that the program is to see; warnings, and what is printed, it does not."""
    return {k: v for k, v in asked.items() if v in ("raise", "call") and k != "call"}


def _refused(what: str, asked: dict[str, Any], trace: StageTrace) -> errors.UnsupportedFunctionError:
    given = ", ".join(f"{k}={v!r}" for k, v in _seen(asked).items())
    return errors.UnsupportedFunctionError(
        f"np.{what}({given}) was entered inside {trace.name or 'a traced function'}.",
        why="nothing is computed while the function is traced, and what is compiled raises nothing",
        fix="test the values: covector.checkify.check(condition, message), or np.where",
    )


def _noting(asked: dict[str, Any]) -> list[StageTrace]:
    """The traces that note operations down to be done later, where faults are to be seen."""
    is_seen = bool(_seen(asked)) and is_active()
    return [t for t in traces_now() if isinstance(t, StageTrace) and not t.runs_once] if is_seen else []


class Errstate(np.errstate):
    """``np.errstate``, within which nothing may be noted down whose faults are to be seen."""

    def __init__(self, **asked: Any):
        super().__init__(**asked)
        self.asked = asked

    def __enter__(self) -> Any:
        self.noted = [(trace, len(trace.tape)) for trace in _noting(self.asked)]
        return super().__enter__()

    def __exit__(self, kind: Any, *raised: Any) -> None:
        super().__exit__(kind, *raised)
        for trace, before in reversed(self.noted):
            if kind is None and len(trace.tape) > before:
                raise _refused("errstate", self.asked, trace)

    def __call__(self, f: T) -> T:
        @functools.wraps(f)
        def within(*args: Any, **kwargs: Any) -> Any:
            with Errstate(**self.asked):
                return f(*args, **kwargs)

        return within  # type: ignore[return-value]


def seterr(all: Any = None, **asked: Any) -> Any:
    """``numpy.seterr``."""
    asked = {"all": all, **asked}
    for trace in reversed(_noting(asked)):
        raise _refused("seterr", asked, trace)
    return np.seterr(**asked)
