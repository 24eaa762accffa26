"""What Python functions close over: the traced values that they can reach.

>>> import covector as cv
>>> cv.jit(lambda x: print(*reachable_tracers([lambda y: x + y])) or x)(1.0)
Traced<weak_f64[]>
1.0

A function of the user's that becomes part of a program (a rule, say) may use traced values that are not among its arguments.
They are found by following what it refers to: its closure and defaults, `functools.partial`, the object of a bound method, and
what is in these (containers, and the attributes of objects).  Module-level names are not followed.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from covector.core.primitive import Trace, TracerBase

MAX_VISITED = 10_000
"""After so many objects the search is given up; a value that is not found is missed where it is needed, which is an error."""

OPAQUE = (np.ndarray, np.generic, str, bytes, int, float, complex, type, types.ModuleType, Trace)
"""Objects that are not looked into."""


def reachable_tracers(roots: Iterable[Any]) -> Iterator[TracerBase]:
    """The traced values that these objects refer to, directly or through others.

    >>> list(reachable_tracers([lambda x: x]))
    []
    """
    stack = list(roots)
    seen: set[int] = set()
    while stack and len(seen) < MAX_VISITED:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, TracerBase):
            yield x
        elif x is not None and not issubclass(type(x), OPAQUE):
            stack.extend(_parts(x))


def _parts(x: Any) -> Iterator[Any]:
    if isinstance(x, types.FunctionType):
        yield from cell_values(x.__closure__ or ())
        yield from x.__defaults__ or ()
        yield from (x.__kwdefaults__ or {}).values()
    elif isinstance(x, types.MethodType):
        yield from (x.__func__, x.__self__)
    elif isinstance(x, functools.partial):
        yield from (x.func, *x.args, *x.keywords.values())
    elif isinstance(x, (list, tuple, set, frozenset)):
        yield from x
    elif isinstance(x, dict):
        yield from x.values()
    yield from getattr(x, "__dict__", {}).values()
    for cls in type(x).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        yield from (getattr(x, s, None) for s in ([slots] if isinstance(slots, str) else slots) if not s.startswith("__"))


def cell_values(cells: Iterable[Any]) -> Iterator[Any]:
    """What variables of a closure hold, those that hold something yet."""
    for cell in cells:
        with suppress(ValueError):  # a variable that has no value yet
            yield cell.cell_contents
