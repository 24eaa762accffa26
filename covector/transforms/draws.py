"""Random numbers of NumPy that a function draws while it is traced: they are constants of its program.

``np.random.normal(size=3)`` meets no traced value, so nobody is asked.  What can be seen is that a generator has moved: the
global one, and those that the function reaches by names, closures, defaults and attributes of the object it is a method of.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CellType, FunctionType, MethodType
from typing import Any

from covector.core import errors
from covector.core.source import is_library
from covector.transforms.dependencies import names_of_code

EMPTY = CellType()

MAX_VALUES = 500
"""Generators that are reached through more values than these are not looked for."""


@contextmanager
def noticing_draws(f: Callable[..., Any], who: str) -> Iterator[None]:
    """Warn where NumPy's generators have moved while a function was traced."""
    random = sys.modules.get("numpy.random")
    if random is None:  # nobody has drawn anything yet, and the import of it is not for us
        yield
        return
    generators = {id(g): g for g in _generators(f, random)}
    before = {key: _state(g) for key, g in generators.items()}
    yield
    if any(_state(g) != before[key] for key, g in generators.items()):
        errors.warn(
            errors.describe(
                f"{who} drew random numbers from numpy.random while it was traced.",
                why="they are constants of its program: each call computes with the same numbers",
                fix="draw with covector.random from a key that is an argument, or draw outside and pass the numbers as an"
                " argument; make them before jit where they are meant to be constants",
            )
        )


def _state(generator: Any) -> bytes:
    if hasattr(generator, "bit_generator"):
        return pickle.dumps(generator.bit_generator.state)
    return pickle.dumps(generator.get_state(legacy=False))


def _generators(f: Any, random: Any) -> Iterator[Any]:
    """The generators that a function and the user's functions that it reaches have names for."""
    kinds = (random.Generator, random.RandomState)
    waiting: list[Any] = [f]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_VALUES:
        x = waiting.pop()
        x = x if isinstance(x, (FunctionType, *kinds)) else getattr(x, "__wrapped__", x)
        if id(x) in seen:  # methods of an object that holds them lead to each other
            continue
        seen.add(id(x))
        if isinstance(x, kinds):
            yield x
        elif isinstance(x, FunctionType):
            if is_library(x.__code__.co_filename):
                waiting += [x.__wrapped__] if hasattr(x, "__wrapped__") else []  # a function of the user's that is lifted, say
                continue
            names = names_of_code(x.__code__)
            if "random" in names.globals | names.attributes:
                yield random.mtrand._rand
            waiting += (cell.cell_contents for cell in x.__closure__ or () if cell != EMPTY)
            waiting += x.__defaults__ or ()
            waiting += (x.__globals__[name] for name in names.globals if name in x.__globals__)
        elif isinstance(x, MethodType):
            waiting += [x.__func__, x.__self__, *getattr(x.__self__, "__dict__", {}).values()]
        elif isinstance(x, BuiltinFunctionType) and isinstance(x.__self__, kinds):
            yield x.__self__
