"""What a callback of a solver is given: the iterates, which have no derivative where values are traced.

A solver is run with plain numbers, and a solution gets its derivative from the equation that it solves.  An iterate solves
none.  If a callback kept it as a plain array it would have the derivative 0 in silence, so it is a traced value with the
derivative NaN, and in a batch the value NaN, since the solver goes through the examples one after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_leaves
from covector.transforms.arguments import function_name
from covector.transforms.custom_rules import custom_jvp, custom_vmap


class Iterates:
    """Makes a callback one that is given iterates without derivative, while ``traced`` values are being transformed.

    A program that runs later calls it with plain arrays.
    """

    def __init__(self) -> None:
        self.traced: list[Any] = []
        self.name, self.has_run = "", False

    def given_to(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """The callback, which is called with what SciPy gives it."""
        self.name = function_name(callback)

        @functools.wraps(callback, updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            return callback(*map(self._marked, args), **{name: self._marked(x) for name, x in kwargs.items()})

        return call

    def solve(self, run: Callable[[], Any], values: Any) -> Any:
        """The result of a function in which callbacks are called, where the problem has these values."""
        self.traced = [v for v in tree_leaves(values) if isinstance(v, TracerBase) and dtype_of(v).kind in "fc"]
        self.has_run = False
        try:
            return run()
        finally:
            self.traced = []
            if self.name and not self.has_run:
                what = f"the callback {self.name} of a solver is called when the program runs, which is not yet the case."
                fix = "use the solution instead of what it collects; or leave jit out"
                errors.warn(errors.describe(what, why="the values that the solver needs are not known", fix=fix, source=None))

    def _marked(self, x: Any) -> Any:
        """Floating-point numbers, in lists and dictionaries too, as values without derivative."""
        if type(x) in (list, tuple):
            return type(x)(map(self._marked, x))
        if isinstance(x, dict):
            return type(x)({name: self._marked(v) for name, v in x.items()})
        is_number = isinstance(x, float) or (hasattr(x, "dtype") and x.dtype.kind in "fc")
        return _without_derivative(np.array(x)[()], *self.traced) if self.traced and is_number else x


@custom_jvp
def _without_derivative(x: Any, *traced: Any) -> Any:
    return _without_batch(x, *traced)


def _undetermined(primals: Any, tangents: Any) -> Any:
    x, moved = primals[0], sum(np.sum(np.real(t)) for t in tangents[1:])
    unknown = _without_derivative(np.full(shape_of(x), np.nan), *primals[1:])  # nor is the second derivative 0
    return _without_derivative(*primals), np.astype(unknown * moved, typeof(x).dtype)


_without_derivative.defjvp(_undetermined)


@custom_vmap
def _without_batch(x: Any, *traced: Any) -> Any:
    return x


@_without_batch.def_vmap
def _none_of_batch(size: int, in_batched: Any, x: Any, *traced: Any) -> Any:
    shape = shape_of(x) if in_batched[0] else (size, *shape_of(x))
    return np.full(shape, np.nan, typeof(x).dtype), True
