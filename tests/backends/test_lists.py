"""A backend from outside runs programs, their derivatives and batches, and what is nested in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lists
import numpy as np
import pytest

import covector as cv
from covector import errors, lax

X, Y = np.linspace(-1.0, 1.5, 6).reshape(2, 3), np.array([0.5, 2.0, -1.0])


def lorenz(s: Any) -> Any:
    f = lambda s: np.stack([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])
    return lax.scan(lambda s, _: (s + 0.005 * f(s), s[0]), s, None, length=20)[1]


PROGRAMS: dict[str, Callable[..., Any]] = {
    "elementwise": lambda x, y: np.sin(x) * y + np.exp(-(x**2)) / 2,
    "mixed": lambda x, y: np.where(x > 0, x, 0.1 * y) + np.maximum(x, 0) * (y > 0) + 2,
    "loss": lambda x, y: np.sum(np.tanh(x * y - 1.0) ** 2) / 3,
    "slices": lambda x, y: (x[:, ::-1].T + x[0, 1] * y[:, None])[1:],
    "scan": lambda x, y: lax.scan(lambda c, a: (c * 0.5 + np.sum(a * y), np.sin(a) - c), 0.0, x),
    "while": lambda x, y: lax.while_loop(lambda c: np.sum(c * c) < 50.0, lambda c: c * 1.5 + y, x),
    "cond": lambda x, y: lax.cond(x[0, 0] > y[0], lambda x: x * 2, lambda x: np.cos(x) + 1, x),
    "nested": lambda x, y: lax.scan(lambda c, a: (lax.cond(np.sum(a) > 0, np.sin, lambda c: c * 0.5, c), a), y, x)[0],
}

TRANSFORMS: dict[str, Callable[..., Any]] = {
    "itself": lambda f: f,
    "jvp": lambda f: lambda x, y: cv.jvp(f, (x, y), (np.cos(x), y)),
    "vmap": lambda f: lambda x, y: cv.vmap(f, (0, None))(np.stack([x, x + 1]), y),
}


def same(found: Any, expected: Any) -> None:
    for a, b in zip(cv.tree.leaves(found), cv.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
        assert type(a) is type(b) and np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_programs(name: str, transform: str) -> None:
    if transform == "vmap" and name in ("while", "cond", "nested"):
        pytest.skip("with a condition for each example these take a rule for argmax, too")
    f = TRANSFORMS[transform](PROGRAMS[name])
    same(cv.jit(f, backend="lists")(X, Y), f(X, Y))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[cv.Jaxpr]:
    """The programs that ran on lists."""
    programs: list[cv.Jaxpr] = []
    run = lists.run
    monkeypatch.setattr(lists, "run", lambda jaxpr, *args: (programs.append(jaxpr), run(jaxpr, *args))[1])
    return programs


@pytest.mark.parametrize("name", ["elementwise", "mixed", "loss", "scan", "cond"])
def test_derivatives_run_where_the_function_does(name: str, ran: list[cv.Jaxpr]) -> None:
    f = lambda x, y: sum(np.sum(o) for o in cv.tree.leaves(PROGRAMS[name](x, y)))
    expected = cv.grad(f)(X, Y)
    same(cv.jit(cv.grad(f), backend="lists")(X, Y), expected)
    forwards_and_backwards = len(ran)
    ran.clear()
    same(cv.grad(cv.jit(f, backend="lists"))(X, Y), expected)
    assert len(ran) >= 2
    assert forwards_and_backwards >= 1


def test_lorenz(ran: list[cv.Jaxpr]) -> None:
    s = np.array([1.0, 2.0, 3.0])
    expected = lorenz(s)
    with cv.use_backend("lists"):
        same(cv.jit(lorenz)(s), expected)
    assert len(ran) == 21


def test_what_the_backend_cannot_do() -> None:
    with pytest.raises(NotImplementedError, match="'cumsum' has no rule"):
        cv.jit(lambda x: np.cumsum(x, axis=0), backend="lists")(X)


def test_a_call_in_a_program_runs_as_that_does(ran: list[cv.Jaxpr]) -> None:
    inner = cv.jit(np.sin, backend="lists")
    same(cv.jit(lambda x: inner(x) + 1)(X), np.sin(X) + 1)
    assert not ran


def test_the_name_is_part_of_the_program() -> None:
    jaxpr = cv.make_jaxpr(cv.jit(np.sin, backend="lists"))(X)
    assert 'backend="lists"' in str(jaxpr) and cv.parse(str(jaxpr)) == jaxpr
    assert "backend" not in str(cv.make_jaxpr(cv.jit(np.sin))(X))


def test_stages(ran: list[cv.Jaxpr]) -> None:
    run = cv.jit(lambda x: x * 2, backend="lists").lower(X).compile()
    same(run(X), X * 2)
    assert len(ran) == 1


def test_jits_of_one_function_run_on_their_backends(ran: list[cv.Jaxpr]) -> None:
    f = lambda x: x * 3
    on_numpy, on_lists = cv.jit(f), cv.jit(f, backend="lists")
    same(on_numpy(X), X * 3)
    assert not ran
    same(on_lists(X), X * 3)
    assert len(ran) == 1
    same(cv.jit(f, backend="numpy")(X), X * 3)
    assert len(ran) == 1


def test_unknown_backends() -> None:
    with pytest.raises(errors.ArgumentError, match=r"<lambda>: there is no backend 'fpga'"):
        cv.jit(lambda x: x, backend="fpga")
