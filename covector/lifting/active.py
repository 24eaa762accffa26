"""Whether lifted code runs here, in this thread or task, under a transformation.

>>> is_active()
False
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from covector.core.context import traces_now

ACTIVE: ContextVar[frozenset[str] | None] = ContextVar("covector_lifted", default=None)
"""The packages that are named, while lifted code runs; None where it does not."""


def is_active() -> bool:
    """Whether lifted code runs here under a transformation: otherwise it is plain NumPy code."""
    return ACTIVE.get() is not None and bool(traces_now())


def is_in(module: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of the packages, or in one of them; "*" stands for all."""
    return any(p in ("*", module) or module.startswith(f"{p}.") for p in packages)


def as_covector(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """A call of covector's, whose own use of NumPy and SciPy is not lifted."""
    token = ACTIVE.set(None)
    try:
        return f(*args, **kwargs)
    finally:
        ACTIVE.reset(token)


def again(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the user's that is called from within `as_covector`, and is lifted code again."""
    packages = ACTIVE.get()

    def call(*args: Any, **kwargs: Any) -> Any:
        token = ACTIVE.set(packages)
        try:
            return f(*args, **kwargs)
        finally:
            ACTIVE.reset(token)

    return call


class StandsFor:
    """Stands for something to which it is equal, whose attributes it has, and as which it is pickled."""

    _original: Any

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._original

    def __hash__(self) -> int:
        return hash(self._original)

    def __reduce__(self) -> Any:
        return _itself, (self._original,)

    def __repr__(self) -> str:
        return repr(self._original)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_original"], name)


def _itself(x: Any) -> Any:
    return x


class Guarded(StandsFor, functools.partial):  # type: ignore[type-arg]
    """A function that stands for another one."""


def guarded(original: Callable[..., Any], lifted: Callable[..., Any]) -> Callable[..., Any]:
    """``lifted`` within lifted code, and ``original`` elsewhere."""
    active = ACTIVE.get

    def call(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs) if active() is None or not traces_now() else lifted(*args, **kwargs)

    found = Guarded(call)
    found._original = original
    functools.update_wrapper(found, original, updated=())
    return found
