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

SEEN = frozenset({"raise", "call"})
"""What the program sees of a fault; warnings, and what is printed, it does not."""


def _check(what: str, asked: dict[str, Any]) -> None:
    """Raise where faults are to be seen, and operations are noted down to be done later."""
    asked = {k: v for k, v in asked.items() if v in SEEN and k != "call"}
    noting = [t for t in traces_now() if isinstance(t, StageTrace) and not t.runs_once] if asked and is_active() else []
    if noting:
        given = ", ".join(f"{k}={v!r}" for k, v in asked.items())
        raise errors.UnsupportedFunctionError(
            f"np.{what}({given}) was entered inside {noting[-1].name or 'a traced function'}.",
            why="nothing is computed while the function is traced, and what is compiled raises nothing",
            fix="test the values: covector.checkify.check(condition, message), or np.where",
        )


class Errstate(np.errstate):
    """``np.errstate``."""

    def __init__(self, **asked: Any):
        super().__init__(**asked)
        self.asked = asked

    def __enter__(self) -> Any:
        _check("errstate", self.asked)
        return super().__enter__()

    def __call__(self, f: T) -> T:
        @functools.wraps(f)
        def within(*args: Any, **kwargs: Any) -> Any:
            with Errstate(**self.asked):
                return f(*args, **kwargs)

        return within  # type: ignore[return-value]


def seterr(all: Any = None, **asked: Any) -> Any:
    """``numpy.seterr``."""
    _check("seterr", {"all": all, **asked})
    return np.seterr(all, **asked)
