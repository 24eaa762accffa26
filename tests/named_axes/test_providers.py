"""A named axis that no batch provides: threads, each with a value of its own, as processes of a cluster would have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.avals import typeof, with_varying
from covector.core.jaxpr import recorded_avals
from covector.core.primitive import Primitive, Trace, open_trace
from covector.core.tracer import Tracer

N = 3
XS = np.random.default_rng(0).normal(size=(N, 4))
W = np.array([0.3, -0.7, 1.1, 0.2])


class Wires:
    """What the threads tell each other."""

    def __init__(self) -> None:
        self.values: list[Any] = [None] * N
        self.barrier = threading.Barrier(N, timeout=5)

    def exchanged(self, rank: int, value: Any) -> Any:
        """The values of all threads, stacked."""
        self.values[rank] = value
        self.barrier.wait()
        stacked = np.stack(self.values)
        self.barrier.wait()
        return stacked


class OwnValue(Tracer):
    """The value that this thread has of its own."""

    __slots__ = ("value",)

    def __init__(self, trace: ThreadTrace, value: Any):
        self._trace = trace
        self.value = value

    @property
    def aval(self) -> Any:
        aval = typeof(self.value)
        return with_varying(aval, aval.varying | {self._trace.axis_name})


class ThreadTrace(Trace):
    """Provides the axis ``threads``."""

    __slots__ = ("rank", "wires")

    axis_name = "threads"
    size = N

    def __init__(self, rank: int, wires: Wires):
        super().__init__("a group of threads")
        self.rank = rank
        self.wires = wires

    def takes(self, primitive: Primitive, params: dict[str, Any]) -> bool:
        return primitive.collective and self.axis_name in params["axes"]

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = [a.value if type(a) is OwnValue and a._trace is self else a for a in args]
        avals = [typeof(a) for a in args]
        found = recorded_avals(primitive, params, avals, primitive.abstract(*avals, **params))
        out = (partial(self.collective, primitive) if primitive.collective else primitive.bind)(*values, **params)
        if primitive.multiple_results:
            return list(map(self.lift, out, found))
        return self.lift(out, found)

    def lift(self, value: Any, aval: Any) -> Any:
        return OwnValue(self, value) if self.axis_name in aval.varying else value

    def collective(self, primitive: Primitive, x: Any = None, *, axes: Any, axis: int = 0, count: int = 0) -> Any:
        assert axes == (self.axis_name,)
        if primitive.name in ("axis_index", "pvary"):
            return self.rank if x is None else x
        stacked = self.wires.exchanged(self.rank, x)
        return np.sum(stacked, 0) if primitive.name == "psum" else np.moveaxis(stacked, 0, axis)


def in_threads(f: Callable[[Any], Any]) -> Any:
    """The stacked results of all threads, each with its row of the data."""
    wires = Wires()

    def run(rank: int) -> Any:
        with open_trace(ThreadTrace, rank, wires) as trace:
            own = lambda x: x.value if isinstance(x, OwnValue) and x._trace is trace else x
            return cv.tree.map(own, f(OwnValue(trace, XS[rank])))

    with ThreadPoolExecutor(N) as pool:
        return cv.tree.map(lambda *rows: np.stack(rows), *pool.map(run, range(N)))


def loss(w: Any, x: Any) -> Any:
    return np.sum(np.tanh(w * x)) ** 2


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "psum": lambda x: lax.psum(x, "threads"),
    "psum of what all share": lambda x: lax.psum(W, "threads") + 0 * x,
    "pmean": lambda x: x - lax.pmean(x, "threads"),
    "all_gather": lambda x: lax.all_gather(x, "threads", axis=1),
    "axis_index": lambda x: x * lax.axis_index("threads"),
    "ppermute": lambda x: lax.ppermute(x, "threads", [(0, 1), (2, 0)]),
    "gradient of the total": lambda x: cv.grad(lambda w: lax.psum(loss(w, x), "threads"))(W),
    "each one's own gradient": lambda x: cv.grad(lambda w: loss(w, x))(W),
    "gradient by what each one has": lambda x: cv.grad(lambda w: lax.psum(loss(w, x), "threads"))(lax.pvary(W, "threads")),
    "jvp of a gradient": lambda x: cv.jvp(cv.grad(lambda w: lax.pmean(loss(w, x), "threads")), (W,), (W,)),
    "jit": lambda x: cv.jit(cv.grad(lambda w, x: lax.psum(loss(w, x), "threads")))(W, x),
    "jit of the gradient by what each one has": lambda x: cv.jit(
        lambda w, x: cv.grad(lambda w: lax.psum(loss(w, x), "threads"))(lax.pvary(w, "threads"))
    )(W, x),
    "numbers in jit": lambda x: cv.jit(
        lambda x: x + lax.psum(lax.pvary(2.0, "threads") * lax.axis_index("threads"), "threads")
    )(x),
    "programs of what all share": lambda x: cv.jit(lambda w: lax.psum(w * lax.axis_index("threads"), "threads"))(W),
    "gradient of a scan": lambda x: cv.grad(
        lambda w: lax.psum(np.sum(lax.scan(lambda c, y: (np.sin(lax.psum(c * x, "threads")) * y, c), w, W)[0]), "threads")
    )(W),
    "vmap": lambda x: cv.vmap(lambda y: lax.psum(np.sin(x) * y, "threads"))(W),
    "scan": lambda x: lax.scan(lambda c, y: (np.sin(lax.psum(c * x, "threads")) * y, c), W, W)[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_threads_agree_with_a_batch(name: str) -> None:
    """The same function, of an axis that threads provide and of one that a batch does."""
    found, wanted = in_threads(FUNCTIONS[name]), cv.vmap(FUNCTIONS[name], axis_name="threads")(XS)
    for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
