"""Batching: ``batch : (a -> b) -> ([n] a -> [n] b)``.

Run a function on tracers that stand for one example while carrying all of them: a value and the axis that enumerates the
examples.  The batching rule of a primitive computes all examples at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import Primitive, Trace, open_trace
from covector.core.source import Source
from covector.core.tracer import Tracer, register_tracer
from covector.interpreters.stage import leaked


class BatchTracer(Tracer):
    """One example of a batch: ``value`` holds all examples along axis ``dim``."""

    __slots__ = ("dim", "value")

    def __init__(self, trace: BatchTrace, value: Any, dim: int):
        self._trace = trace
        self.value = value
        self.dim = dim

    @property
    def aval(self) -> Any:
        return typeof(self.value).example(self.dim)

    def answer(self) -> Any:
        return self._trace.answer(self)

    def unknown_because(self) -> str:
        return f"it stands for {self._trace.size} examples at once, which may differ (vmap(f, branches='split') lets them)"


register_tracer(BatchTracer, lambda x: x.aval)


class BatchTrace(Trace):
    """Applies the batching rule of each primitive."""

    __slots__ = ("axis_name", "size")

    def __init__(self, size: int, axis_name: Any = None, name: str = "vmap", origin: Source | None = None):
        super().__init__(name, origin)
        self.size = size
        self.axis_name = axis_name

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.closed:
            raise leaked(self, args)
        values: Sequence[Any]
        dims: Sequence[int | None]
        if len(args) == 1:
            x, dim = self.lower(args[0])
            values, dims = (x,), (dim,)
        else:
            values = [a.value if a.__class__ is BatchTracer and a._trace is self else a for a in args]
            dims = [a.dim if a.__class__ is BatchTracer and a._trace is self else None for a in args]
        rule = primitive.batch
        if rule is None:
            raise errors.MissingRuleError(primitive.name, "batch", self.name)
        out, dim = rule(self.size, values, dims, **params)
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
        return (x.value, x.dim) if x.__class__ is BatchTracer and x._trace is self else (x, None)


def batch(
    f: Callable[..., Sequence[Any]],
    size: int,
    args: Sequence[Any],
    dims: Sequence[int | None],
    *,
    axis_name: Any = None,
    name: str = "vmap",
    origin: Source | None = None,
) -> tuple[list[Any], list[int | None]]:
    """The outputs of ``f`` for a batch of arguments, with the batch axis of each (None where it is the same for all)."""
    with open_trace(BatchTrace, size, axis_name, name, origin) as trace:
        pairs = [trace.lower(o) for o in f(*map(trace.lift, args, dims))]
    return [v for v, _ in pairs], [d for _, d in pairs]
