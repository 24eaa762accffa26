"""Which backend runs a program: the one of the context, in loops, branches and calls alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.interpreters.evaluate import eval_jaxpr

X = np.linspace(0.1, 1.0, 3)


@pytest.fixture
def seen() -> Iterator[list[cv.Jaxpr]]:
    """The programs that the backend "counting" has compiled."""
    programs: list[cv.Jaxpr] = []

    def compiling(jaxpr: cv.Jaxpr) -> Callable[..., list[Any]]:
        programs.append(jaxpr)
        return lambda *args: eval_jaxpr(jaxpr, *args)

    cv.register_backend("counting", compiling)
    yield programs


def names(programs: list[cv.Jaxpr]) -> list[list[str]]:
    return [[e.primitive.name for e in p.equations] for p in programs]


def test_calls_and_their_derivatives(seen: list[cv.Jaxpr]) -> None:
    f = cv.jit(lambda x: np.sum(np.sin(x)))
    expected = f(X), cv.grad(f)(X)
    with cv.use_backend("counting"):
        found = f(X), cv.grad(f)(X)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert names(seen)[0] == ["sin", "reduce_sum"] and len(seen) > 1
    assert all(cv.check(p) is None for p in seen)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: lax.scan(lambda c, a: (c + np.sin(a), c), 0.0, x),
        lambda x: lax.while_loop(lambda c: c[0] < 3.0, lambda c: c * 2.0, x),
        lambda x: lax.cond(x[0] > 0, np.sin, np.cos, x),
        lambda x: lax.scan(lambda c, i: (cv.at(c)[i].set(2.0), None), x, np.arange(3))[0],
    ],
)
def test_programs_of_loops_and_branches(seen: list[cv.Jaxpr], f: Callable[..., Any]) -> None:
    expected = f(X)
    with cv.use_backend("counting"):
        found = f(X)
    for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)
    assert seen


def test_the_context_ends(seen: list[cv.Jaxpr]) -> None:
    f = cv.jit(np.sin)
    with cv.use_backend("counting"):
        with cv.use_backend("numpy"):
            f(X)
        assert not seen
        f(X)
    assert len(seen) == 1
    f(X)
    assert len(seen) == 1


def test_a_program_is_compiled_once(seen: list[cv.Jaxpr]) -> None:
    f = cv.jit(np.sin)
    with cv.use_backend("counting"):
        f(X), f(X)
    assert len(seen) == 1


def test_results_are_the_callers(seen: list[cv.Jaxpr]) -> None:
    f = cv.jit(lambda x: (x, x, x[::-1]))
    with cv.use_backend("counting"):
        outs = f(X)
    outs[0][0] = 7.0
    assert X[0] == 0.1 and outs[1][0] == 0.1 and outs[2][-1] == 0.1


def test_watching_goes_on(seen: list[cv.Jaxpr]) -> None:
    raised = pytest.raises(errors.NaNError, match="'log' gives NaN")
    with cv.use_backend("counting"), cv.debug_nans(), np.errstate(all="ignore"), raised:
        cv.jit(np.log)(-X)


def test_names() -> None:
    with pytest.raises(errors.ArgumentError, match="use_backend: there is no backend 'fpga'") as e, cv.use_backend("fpga"):
        pass
    assert "the backends are 'numpy', 'native', 'cpu'" in str(e.value) and "register_backend" in str(e.value)
    with pytest.raises(errors.ArgumentError, match="'numpy' is covector's own"):
        cv.register_backend("numpy", lambda jaxpr: lambda *args: [])


@pytest.mark.parametrize(
    ("returned", "found"),
    [(1.0, r"weak_f64\[\]"), (np.ones(2), r"f64\[2\]"), (None, r"None\."), ([1.0, 2.0], "a list of 2")],
)
def test_a_backend_that_returns_no_list_of_outputs_is_named(returned: Any, found: str) -> None:
    cv.register_backend("returns_wrong", lambda jaxpr: lambda *arrays: returned)
    with pytest.raises(errors.ArgumentError, match=f"the backend 'returns_wrong' returned {found}"):
        cv.jit(np.sin, backend="returns_wrong")(np.ones(2))


def test_a_backend_that_makes_no_function_is_named() -> None:
    cv.register_backend("makes_none", lambda jaxpr: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(errors.ArgumentError, match="the backend 'makes_none' made None of a program"):
        cv.jit(np.sin, backend="makes_none")(np.ones(2))
