"""Batching: ``batch : (a -> b) -> ([n] a -> [n] b)``.

>>> import numpy as np
>>> batch(lambda x: [np.sum(x**2)], 3, [np.arange(6.0).reshape(3, 2)], [0])
([array([ 1., 13., 41.])], [0])

Run a function on tracers that stand for one example while carrying all of them: a value and the axis that enumerates the
examples.  The batching rule of a primitive computes all examples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from covector.core import errors
from covector.core.avals import typeof, with_varying
from covector.core.checked_rules import refuse_own
from covector.core.context import NAMED_AXES, run_for_axis
from covector.core.jaxpr import collective_axes
from covector.core.primitive import ContextPrimitive, Primitive, Trace, levels, open_trace
from covector.core.source import Source
from covector.core.tracer import Tracer
from covector.interpreters.stage import is_written_zero, leaked, usable


class BatchTracer(Tracer):
    """One example of a batch: ``examples`` holds all of them along axis ``dim``."""

    __slots__ = ("dim", "examples")

    def __init__(self, trace: BatchTrace, value: Any, dim: int):
        self._trace = trace
        self.examples = value
        self.dim = dim

    @property
    def aval(self) -> Any:
        aval, name = typeof(self.examples).example(self.dim), self._trace.axis_name
        return aval if name is None else with_varying(aval, aval.varying | {name})

    def is_zero(self) -> bool:
        return is_written_zero(self.examples)

    def answer(self) -> Any:
        return self._trace.answer(self)

    def unknown_because(self) -> str:
        return f"it stands for {self._trace.size} examples at once, which may differ (vmap(f, branches='split') lets them)"


class BatchTrace(Trace):
    """Applies the batching rule of each primitive."""

    __slots__ = ("axis_name", "size")

    whole: ClassVar[bool] = True
    """Whether it has all its examples to the end."""

    def __init__(self, size: int, axis_name: Any = None, name: str = "vmap", origin: Source | None = None):
        self.level = next(levels)  # what Trace.__init__ does, as in JVPTrace
        self.closed = False
        self.name = name
        self.origin = origin
        self.size = size
        self.axis_name = axis_name

    def takes(self, primitive: ContextPrimitive, params: dict[str, Any]) -> bool:
        if self.axis_name is None:
            return False
        return self.axis_name in (params["axes"] if primitive.collective else collective_axes(params))

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        values: list[Any] = []
        dims: list[int | None] = []
        for a in args:
            if type(a) is BatchTracer and a._trace is self:
                values.append(a.examples)
                dims.append(a.dim)
            else:
                values.append(a)
                dims.append(None)
        rule = primitive.batch
        if rule is None:
            raise errors.MissingRuleError(primitive.name, "batch", self.name)
        if NAMED_AXES:
            out, dim = run_for_axis(self.axis_name, rule, self.size, values, dims, **params)
        else:
            out, dim = rule(self.size, values, dims, **params)
        if not primitive.trusted:
            refuse_own(self, primitive, "batch", out)
        if primitive.multiple_results:
            return [self.lift(o, d) for o, d in zip(out, dim, strict=True)]
        return out if dim is None else BatchTracer(self, out, dim)

    def answer(self, tracer: BatchTracer) -> Any:
        """The value of a tracer that Python goes on with; here there is none."""
        return None

    def lift(self, value: Any, dim: int | None) -> Any:
        """A tracer of this trace, or the value itself where it is not batched."""
        return value if dim is None else BatchTracer(self, value, dim)

    def lower(self, x: Any) -> tuple[Any, int | None]:
        """The value behind any result, and its batch axis."""
        return (x.examples, x.dim) if type(x) is BatchTracer and x._trace is self else (usable(self, x), None)


def batch(
    f: Callable[..., Sequence[Any]],
    size: int,
    args: Sequence[Any],
    dims: Sequence[int | None],
    *,
    axis_name: Any = None,
    name: str = "vmap",
) -> tuple[list[Any], list[int | None]]:
    """The outputs of ``f`` for a batch of arguments, with the batch axis of each (None where it is the same for all).

    A batching rule passes on ``axis_of_rule()`` as the name of the axis.
    """
    with open_trace(BatchTrace, size, axis_name, name) as trace:
        pairs = [trace.lower(o) for o in f(*map(trace.lift, args, dims))]
    return [v for v, _ in pairs], [d for _, d in pairs]
