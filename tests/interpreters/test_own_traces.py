"""A transformation by a tracer and a trace of one's own, with nothing but what `covector.extend` has."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.extend import Trace, Tracer, leaked, open_trace, typeof

X = np.arange(1.0, 4.0)


class Seen(Tracer):  # without slots
    def __init__(self, trace: Trace, value: Any):
        self._trace = trace
        self.value = value

    @property
    def aval(self) -> Any:
        return typeof(self.value)


class Seeing(Trace):
    """Notes the names of the primitives."""

    def __init__(self, name: str):
        super().__init__(name)
        self.names: list[str] = []

    def lower(self, x: Any) -> Any:
        return x.value if type(x) is Seen and x._trace is self else x

    def process(self, primitive: Any, args: Any, params: Any) -> Any:
        if self.closed:
            raise leaked(self, args)
        self.names.append(primitive.name)
        out = primitive.bind(*map(self.lower, args), **params)
        return [Seen(self, o) for o in out] if primitive.multiple_results else Seen(self, out)


def seen(f: Any, x: Any) -> tuple[Any, list[str]]:
    with open_trace(Seeing, f"seen of {f.__name__}") as trace:
        return trace.lower(f(Seen(trace, x))), trace.names


def wave(x: Any) -> Any:
    return np.sum(np.sin(x) * 2.0)


def test_a_tracer_needs_no_more_than_its_aval() -> None:
    out, names = seen(wave, X)
    np.testing.assert_allclose(out, np.sum(np.sin(X) * 2))
    assert names == ["sin", "mul", "reduce_sum"]
    out, names = seen(lambda x: lax.scan(lambda c, a: (c + a, None), 0.0, x)[0], X)
    assert out == 6.0 and names == ["scan"]


@pytest.mark.parametrize(
    "around", [cv.grad, lambda f: cv.jit(cv.grad(f)), lambda f: lambda x: cv.jvp(cv.grad(f), (x,), (x,))[0]]
)
def test_transformations_around_and_inside(around: Any) -> None:
    wanted = 2 * np.cos(X)
    np.testing.assert_allclose(around(lambda x: seen(wave, x)[0])(X), wanted)
    np.testing.assert_allclose(seen(around(wave), X)[0], wanted)


def test_a_copy_of_a_tracer_without_slots() -> None:
    assert seen(lambda x: copy.copy(x) + copy.deepcopy(x), X)[0].tolist() == (2 * X).tolist()


def test_a_tracer_that_was_kept() -> None:
    kept: list[Any] = []
    seen(lambda x: kept.append(x) or x, X)
    with pytest.raises(errors.UnexpectedTracerError, match=r"a leaked tracer .* is used after seen of <lambda> returned"):
        kept[0] + 1


def forgetful(f: Any, x: Any) -> Any:
    """Without ``lower``: a tracer of a trace that is closed."""
    with open_trace(Seeing, "forgetful") as trace:
        return f(Seen(trace, x))


@pytest.mark.parametrize(
    "around",
    [
        lambda f: cv.grad(f)(X),
        lambda f: cv.jvp(f, (X,), (X,)),
        lambda f: cv.jit(f)(X),
        lambda f: cv.vmap(f)(np.stack([X, X])),
        lambda f: cv.jit(cv.grad(f))(X),
        lambda f: cv.jacfwd(f)(X),
        lambda f: cv.hessian(f)(X),
        lambda f: cv.linearize(f, X),
        lambda f: cv.grad(lambda x: f(x) * 2.0)(X),
    ],
)
def test_a_result_that_has_not_been_lowered_is_no_constant(around: Any) -> None:
    """Its derivative would be zero."""
    with pytest.raises(errors.UnexpectedTracerError, match=r"a leaked tracer .* is used after"):
        around(lambda x: forgetful(wave, x))
