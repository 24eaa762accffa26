"""Derivatives of loops of unknown length in compiled programs: their stacks grow, and are given back."""

from __future__ import annotations

import resource
import sys
from typing import Any

import numpy as np
import pytest
from same import agree, compiled_equations, program_of, same

import covector as cv
from covector.backends.native import backend, stacks

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


def positive(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).uniform(0.5, 2.0, size=shape)


def steps(n: Any) -> Any:
    """A loop of n steps over an array, a number and an integer."""

    def body(c: Any) -> Any:
        x, total, k = c
        return 0.9 * np.sin(x) + 0.1 * total, 0.9 * total + 0.1 * np.mean(x), k + 1

    return lambda x: np.sum(cv.lax.while_loop(lambda c: c[2] < n, body, (x, 1.0, 0))[0])


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 32, 33, 100])
@pytest.mark.parametrize("size", [1, 3, 20, 65])
def test_gradients_of_so_many_steps(size: int, n: int) -> None:
    x = positive(size)
    agree(cv.grad(steps(n)), x, ulps=2**10)
    agree(lambda x, k: cv.vjp(lambda x: steps(k)(x), x)[1](2.0), x, n, ulps=2**10)


def newton(x: Any) -> Any:
    """Square roots."""
    far = lambda c: np.max(np.abs(c**2 - x)) > 1e-9
    return cv.lax.while_loop(far, lambda c: 0.5 * (c + x / c), 0 * x + 1)


@pytest.mark.parametrize("size", [2, 40])
def test_transformed_loops(size: int) -> None:
    x = positive(size)
    f = lambda x: np.sum(newton(x) ** 3)
    agree(cv.grad(f), x, ulps=64)
    np.testing.assert_allclose(backend.compiled(program_of(cv.grad(f), x))(x)[0], 1.5 * np.sqrt(x), rtol=1e-6)
    agree(lambda x: cv.value_and_grad(f)(x), x, ulps=64)
    agree(lambda x: cv.jvp(f, (x,), (x,)), x, ulps=64)
    agree(cv.grad(lambda x: np.sum(cv.grad(f)(x) ** 2)), x, ulps=2**10, whole=False)
    agree(lambda x: cv.jvp(cv.grad(f), (x,), (x,)), x, ulps=2**10, whole=False)
    agree(cv.vmap(cv.grad(f)), np.stack([x, 3 * x]), ulps=64, whole=False)
    agree(cv.jacrev(newton), x, ulps=64, whole=False)


@pytest.mark.parametrize("size", [2, 40])
def test_loops_in_loops(size: int) -> None:
    x = positive(size)
    descend = lambda x: cv.lax.scan(lambda c, _: (c - 0.1 * cv.grad(lambda c: np.sum(newton(c)))(c), np.sum(c)), x, None, 7)
    agree(descend, x, ulps=64)
    twice = lambda x: cv.lax.while_loop(lambda c: c[1] < 3, lambda c: (newton(c[0]) + 0.5, c[1] + 1), (x, 0))[0]
    agree(cv.grad(lambda x: np.sum(twice(x))), x, ulps=2**10, whole=False)
    chosen = lambda x: cv.lax.cond(x[0] > 0, cv.grad(lambda x: np.sum(newton(x))), lambda x: x, x)
    agree(chosen, x, ulps=64)


@pytest.mark.parametrize("size", [2, 40])
def test_a_stack_is_released_after_all_that_read_it(size: int) -> None:
    """Also after what reads it first and is computed last."""

    def twice(x: Any) -> Any:
        out, pullback = cv.vjp(newton, x)
        late = np.cumsum(np.exp(-np.cumsum(out)) * np.sum(out))
        return pullback(late)[0], pullback(np.cos(x))[0], pullback(x)[0]

    x = positive(size)
    program = stacks.with_headers(program_of(twice, x))
    released = {e.inputs[0]: set(e.inputs[1:]) for e in program.equations if e.primitive is stacks.release_p}
    readers = [(v, e) for e in program.equations if e.primitive is not stacks.release_p for v in e.inputs if v in released]
    assert len({id(e) for _, e in readers}) == 3 and all(released[v].issuperset(e.outputs) for v, e in readers)
    agree(twice, x, ulps=2**10)


def test_complex_carries() -> None:
    z = positive(5) + 1j
    f = lambda z: np.sum(np.abs(cv.lax.while_loop(lambda c: np.sum(np.abs(c)) < 1e4, lambda c: c * c + 0.5j, z)))
    agree(cv.grad(f), z, ulps=2**10)


def test_where_stacks_leave_a_program_it_runs_as_numpy() -> None:
    x = positive(4)
    f = cv.jit(lambda x: np.sum(newton(x)), backend="native")
    np.testing.assert_allclose(cv.grad(f)(x), 0.5 / np.sqrt(x), rtol=1e-6)
    same(list(cv.linearize(f, x)[1](x)[None]), list(cv.jvp(newton, (x,), (x,))[1].sum()[None]), 2**10)
    g = lambda x: np.sort(newton(np.sin(x) + 2.0)) @ x
    agree(cv.grad(g), x, ulps=2**10, whole=False)


def test_where_there_is_no_memory_it_runs_as_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "FIRST_CAPACITY", 2**58)
    for size in (2, 40):
        x = positive(size)
        f = cv.grad(lambda x: np.sum(newton(x)))
        assert compiled_equations(program_of(f, x))[1] == 0
        agree(f, x, ulps=64, whole=False)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no peak of memory to ask for")
def test_memory_is_given_back() -> None:
    x = positive(1000)
    run = backend.compiled(program_of(cv.grad(steps(300)), x))
    run(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50):  # of 7 MB each
        run(x)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 150e6


@pytest.mark.parametrize("checkpoint", [1, 2, 5])
@pytest.mark.parametrize("body", [lambda x: np.sin(x) * 1.1, lambda x: np.sort(np.sin(x))])
def test_loops_that_keep_some_states_in_stacks(body: Any, checkpoint: int) -> None:
    step = lambda z: (body(z[0]), z[1] + 1)
    f = cv.grad(lambda x: np.sum(cv.lax.while_loop(lambda z: z[1] < 9, step, (x, 0), checkpoint=checkpoint)[0]))
    x = positive(3)
    for found in (cv.jit(f, backend="native")(x), cv.jit(cv.vmap(f), backend="native")(x[None])[0]):
        np.testing.assert_allclose(found, f(x), rtol=1e-12)
