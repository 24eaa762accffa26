"""Functions of SciPy's in Python that ask whether lifted code runs, wherever they are held.

Names in modules are replaced (`covector.lifting.rebinding`), but a solver may also be held in a dictionary, a default, a
closure, a partial or an attribute: ``methods = {"golden": scipy.optimize.golden}``.  There its own steps would be taken, which
need not move with what they are given, and the derivative would be 0 in silence.  So the function itself gets other code,
which calls what it means, and that calls a copy of the function with its own code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

_codes: list[tuple[FunctionType, CodeType]] = []
"""Functions with the code that they had."""


def _called(*args: Any, **kwargs: Any) -> Any:
    meaning: Any = "what is called in its place"
    return meaning(*args, **kwargs)


def redirect(f: Callable[..., Any], means: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Let a function, or what a decorator made it of, call ``means(original)``, where the original is a copy of it."""
    f = inspect.unwrap(f)
    if not isinstance(f, FunctionType) or f.__code__.co_freevars or any(f is known for known, _ in _codes):
        return
    _codes.append((f, f.__code__))
    f.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    call_in_place(f, means)


def call_in_place(f: FunctionType, means: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Give a function the code that calls ``means(original)``."""
    code = f.__code__
    original = FunctionType(code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
    original.__kwdefaults__, original.__module__ = f.__kwdefaults__, f.__module__
    consts = tuple([means(original) if type(x) is str else x for x in _called.__code__.co_consts])
    f.__code__ = _called.__code__.replace(
        co_name=code.co_name, co_qualname=code.co_qualname, co_consts=consts, co_freevars=code.co_freevars
    )


def restore() -> None:
    """Give the functions the code that they had."""
    for f, code in _codes:
        f.__code__ = code
        del f.__signature__  # type: ignore[attr-defined]
    _codes.clear()


def redirected() -> list[FunctionType]:
    """The functions that call others."""
    return [f for f, _ in _codes]
