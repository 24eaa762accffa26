"""What stands for ufuncs in lifted code: they take lists and tuples of traced values, and what they make of arrays is a cell.

>>> import covector as cv
>>> f = cv.lift(lambda x: np.hypot([x, 3.0], (4.0, 2 * x)).sum())
>>> cv.grad(f)(3.0).round(6)
np.float64(2.388854)
>>> cv.lift.uninstall()

NumPy asks arrays what a ufunc means, and lists nothing: these it makes arrays of, for which a traced number has no memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core.context import traces_now
from covector.lifting.active import ACTIVE, Guarded
from covector.lifting.creation import array_of_list, fresh, maker
from covector.lifting.lifted import LIFTED, NUMBERS

OPERANDS = frozenset({ndarray, *NUMBERS, *LIFTED})
"""The types of operands that ufuncs take as they are."""

MADE = frozenset({ndarray, tuple})
"""The types of results that may be new arrays, and are not traced."""

FIRST_VALUE = {"reduce": 0, "accumulate": 0, "reduceat": 0, "outer": 0, "at": 2}
"""For each method of ufuncs the position of the first argument that is values, and no array that is written or index."""


class OfUfunc(Guarded):
    """A ufunc, to Python too."""

    __class__ = property(lambda self: np.ufunc)

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if name in FIRST_VALUE:
            found = self.__dict__[name] = functools.wraps(found)(_of_arrays(found, FIRST_VALUE[name]))
        return found


def of_ufunc(original: np.ufunc) -> OfUfunc:
    """What stands for a ufunc."""
    make, active = maker(original), ACTIVE.get

    def call(*args: Any, **kwargs: Any) -> Any:
        if active() is None:
            return original(*args, **kwargs)
        for x in args:
            if type(x) not in OPERANDS and traces_now():
                return make(*args, **kwargs)
        found = original(*args, **kwargs)
        return fresh(found, (args, kwargs)) if type(found) in MADE and traces_now() else found

    found = OfUfunc(call)
    found._original = original
    functools.update_wrapper(found, original, updated=())
    return found


def _of_arrays(original: Callable[..., Any], first: int) -> Callable[..., Any]:
    """A method of a ufunc, whose values may be in lists."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is None or not traces_now():
            return original(*args, **kwargs)
        args = (*args[:first], *map(array_of_list, args[first:]))
        return fresh(original(*args, **kwargs), (args, kwargs))

    return call
