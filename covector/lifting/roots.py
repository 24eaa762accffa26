"""Whole arrays: what they hold now, how they lie in memory, and who else may hold them.

>>> import numpy as np
>>> root = Root(np.zeros(3))
>>> root.writable()[1] = 5.0
>>> root.value
array([0., 5., 0.])

A root is a plain array, written in place, or a traced value, replaced by a new one at each write.  What a trace may hold on to
is not written: a plain array that took part in a traced operation is *shared*, and copied before the next write.  Memory given
to C code is *exposed*: traces copy it, and no traced value is written while somebody holds it.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from numpy import ndarray

from covector.core import errors
from covector.core.context import traces_now
from covector.core.primitive import TracerBase
from covector.lifting import views
from covector.lifting.lifted import LIFTED
from covector.lifting.refusals import order_not_known, shares_memory_with_argument

SHARED, EXPOSED, READONLY, GIVEN, ALIASED, BASED = 1, 2, 4, 64, 128, 256
"""What is true of a root: a trace may hold its memory; code in C may; nobody may write it; it is an argument, or it is one that
shares memory with another argument; what it held before may have shown memory of something else, or a view is the array."""

GAPS, UNSURE, TAINTED = 8, 16, 32
"""The same of its order in memory: there may be gaps in it; nothing is known of it; something was made that depends on it."""


class Root:
    """A whole array: what it holds now, how it lies in memory, and who else may hold it."""

    __slots__ = ("__weakref__", "opened", "shape", "state", "strides", "tied", "value")

    def __init__(self, value: Any, state: int = 0, strides: tuple[int, ...] | None = None):
        self.value = value
        self.shape = value.shape
        self.state = state
        self.strides = strides
        """In elements; None: as the plain array says, or in C order."""
        self.opened = traces_now()

    @property
    def origin(self) -> Root:
        """The array whose memory this is."""
        return self

    def layout(self) -> views.Layout:
        """An array of the same order in memory, to ask NumPy what shows its memory."""
        value, shape, strides = self.value, self.shape, self.strides
        if strides is None:
            strides = views.strides_of(value) if type(value) is ndarray else views.c_strides(shape)
        return views.layout_of(shape, strides, value.dtype.kind == "c")

    def layouts(self, strides: Iterable[tuple[int, ...]]) -> Iterator[views.Layout]:
        """The same in other orders in memory."""
        return (views.layout_of(self.shape, s, self.value.dtype.kind == "c") for s in strides)

    def keep_layout(self) -> None:
        """Note the order in memory, which is to outlive the plain array."""
        if self.strides is None and type(self.value) is ndarray and not self.value.flags.c_contiguous:
            self.strides = views.strides_of(self.value)

    def check_write(self, new: Any = None) -> None:
        """Raise where a write would not mean what it means in NumPy."""
        if self.state & TAINTED and not self._is_tied():
            self.state &= ~TAINTED
            del self.tied
        if self.state & (READONLY | TAINTED | ALIASED):
            if self.state & READONLY:
                raise ValueError("assignment destination is read-only")
            raise order_not_known() if self.state & TAINTED else shares_memory_with_argument()
        if self.opened is not traces_now():
            self._check_crossing(new)

    def tie(self, other: Root) -> None:
        """Note that another array is a view of this one or a copy, by the order in memory, which is not known."""
        self.state |= TAINTED
        other.state |= TAINTED
        if not hasattr(self, "tied"):
            self.tied = [weakref.ref(self)]
        self.tied.append(weakref.ref(other))
        other.tied = self.tied

    def _is_tied(self) -> bool:
        """Whether such an array is still in use."""
        return any(ref() not in (None, self) for ref in self.tied)

    def _check_crossing(self, new: Any) -> None:
        """A write from within a transformation that was entered after the array was made."""
        inner = [t for t in traces_now() if t not in self.opened]
        if all(t.runs_once for t in inner) and not any(isinstance(new, TracerBase) and new._trace is t for t in inner):
            return
        if inner:
            raise errors.InPlaceWriteError(
                f"an array was written inside {inner[-1].name or 'a transformation'} that was made outside of it.",
                why="the function may run once, never, or for many values at once, and what it changes outside is lost",
                fix="return the new value from the function",
            )

    def writable(self) -> ndarray:
        """The plain array, of which no trace holds the memory."""
        value: ndarray = self.value
        if self.state & SHARED or not value.flags.writeable:
            self.keep_layout()
            self.state = self.state & ~(SHARED | EXPOSED) | (BASED if value.base is not None else 0)
            self.value = value = value.copy(order="K")
        return value

    def replace(self, new: Any) -> None:
        """Let the array hold a new value of its shape and dtype."""
        old = self.value
        if self.state & EXPOSED and type(old) is ndarray and _is_held(old):
            raise errors.InPlaceWriteError(
                "a traced value was written into an array whose memory other code holds.",
                why="compiled code was given the memory, keeps it, and would not see the write",
                fix="write before that, or give it a copy",
            )
        self.state |= BASED if type(old) is not ndarray or old.base is not None else 0
        del old
        self.keep_layout()
        if type(new) is ndarray and (self.strides is not None or not new.flags.c_contiguous):
            new = views.in_memory_order(new, self.strides or views.c_strides(new.shape))
        self.value = new
        self.state = self.state & ~(SHARED | EXPOSED) | (SHARED if type(new) is ndarray else 0)


def _is_held(value: ndarray) -> bool:
    """Whether anything but roots and cells holds an array or a view of it (it takes milliseconds, and is seldom asked)."""
    ours = 0
    for x in gc.get_referrers(value):
        if type(x) is Root:
            ours += 1
        elif type(x) in LIFTED:
            ours += x.times_held(value)
    return sys.getrefcount(value) - ours > 3  # this function, the one that asks, and the count
