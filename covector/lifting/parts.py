"""Parts of an array at places that are traced: ``x[k]``, which is a view as it is of a known ``k``.

>>> import covector as cv
>>> def f(x):
...     y = x.copy()
...     row = y[np.argmax(x[:, 0])]
...     row[1] = 5.0
...     return y
>>> cv.jit(cv.lift(f))(np.array([[1.0, 2.0], [3.0, 4.0]]))
array([[1., 2.],
       [3., 5.]])

A part is read from the array whenever that has changed, and what is written into it is written into the array.  Where NumPy
returns a copy instead, of an index with arrays in it, there is no part: a traced number counts as ``np.int64`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.context import traces_now
from covector.core.primitive import TracerBase
from covector.lifting import views
from covector.lifting.indices import PLAIN_INDICES, is_plain_slice
from covector.lifting.lifted import Lifted, known
from covector.lifting.roots import ALIASED, EXPOSED, GAPS, GIVEN, READONLY, TAINTED, UNSURE, Root
from covector.lifting.scalars import Number, Scalar
from covector.numpy.at import at

INHERITED = READONLY | ALIASED | TAINTED | UNSURE | GAPS


def place_of(key: Any) -> tuple[Any, ...] | None:
    """A basic index in which integers may be traced; None for any other index."""
    found = []
    for k in key if type(key) is tuple else (key,):
        kind = type(k)
        if kind is Scalar or kind is Number:
            k = k._read()
            kind = type(k)
        if issubclass(kind, TracerBase):
            if k.shape or k.dtype.kind not in "iu":
                return None
            k = k if (value := known(k)) is None else int(value)
        elif kind not in PLAIN_INDICES or (kind is slice and not is_plain_slice(k)):
            if not issubclass(kind, (int, np.integer)) or kind is bool:
                return None
            k = int(k)
        found.append(k)
    return tuple(found)


def shows_part(place: tuple[Any, ...], ndim: int) -> bool:
    """Whether such an index gives a part of an array with so many axes, at a place that is traced, and no single number."""
    numbers = [k for k in place if type(k) is int or isinstance(k, TracerBase)]
    return len(numbers) < max(len(place), ndim) and any(isinstance(k, TracerBase) for k in numbers)


def laid_out_at(cell: Any, place: tuple[Any, ...]) -> Any:
    """An array that lies in memory like what an array has at such an index."""
    return cell.layout()[tuple([0 if isinstance(k, TracerBase) else k for k in place])]


class Part(Root):
    """What an array has at an index with traced integers in it, as an array of its own.

    Attributes:
        cell: the array.
        key: the index.
    """

    __slots__ = ("_found", "_of", "_own", "cell", "key")

    def __init__(self, cell: Any, key: tuple[Any, ...]):
        seen = laid_out_at(cell, key)
        self.cell, self.key = cell, key
        self.shape = seen.shape
        self.strides = None if seen.flags.c_contiguous else views.strides_of(seen)
        self.opened = traces_now()
        self._own = GIVEN
        self._of = self._found = None

    @property
    def value(self) -> Any:
        """What the array has there now."""
        root = self.cell.root
        whole = root.value
        if self._of is whole:
            return self._found
        found = at(self.cell._captured())[self.key].get()
        if self.opened is traces_now() and not root.state & EXPOSED:
            self._of, self._found = whole, found
        return found

    @property
    def state(self) -> int:
        """What is true of it, as of its array."""
        outer = self.cell
        state: int = self._own | (outer.root.state & INHERITED)
        if outer._view is not None and outer.shows.readonly:
            state |= READONLY
        if not self.shape:
            return state & ~(UNSURE | GAPS)
        return state | (GAPS if state & UNSURE else 0)

    @state.setter
    def state(self, state: int) -> None:
        self._own = state & ~INHERITED | (state & (UNSURE | GAPS))

    @property
    def origin(self) -> Root:
        """The array, or what that is a part of."""
        return self.cell.root.origin  # type: ignore[no-any-return]

    def is_at(self, cell: Any, key: Any) -> bool:
        """Whether this is the part of an array at an index."""
        if self.cell.root is not cell.root or self.cell._view is not cell._view:
            return False
        place = place_of(key)
        return place is not None and len(place) == len(self.key) and all(map(_is_same, place, self.key))

    def check_write(self, new: Any = None) -> None:
        """Raise where a write would not mean what it means in NumPy."""
        self.cell.check_write(new)

    def replace(self, new: Any) -> None:
        """Write a new value into the array."""
        self.cell._write(self.key, new)


def may_be_read_late(target: Any, part: Any) -> bool:
    """Whether NumPy may read what it has written, where one array at a place that is traced is written into another.

    Parts at other places share no elements, or all of them, or, of one axis, some (`covector.lifting.views.is_read_late`).
    """
    if not issubclass(type(target), Lifted) or len(target.shape) != 1 or target.size < 2 or part.size < 2:
        return False
    into, of = target.layout().strides[0], part.layout().strides[-1]
    return bool(into != of and into * of >= 0)


def _is_same(a: Any, b: Any) -> bool:
    return a is b or not (isinstance(a, TracerBase) or isinstance(b, TracerBase) or a != b)
