"""Effects of functions with a VJP rule alone: once, also where the function itself is run again along a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

log: list[Any] = []


def note(x: Any) -> Any:
    cv.debug.callback(log.append, x)
    return x


def note_untraced(x: Any) -> Any:
    cv.debug.callback(lambda: log.append(None))
    return x


PLACES: dict[str, Callable[[Any], Any]] = {
    "direct": note,
    "untraced": note_untraced,
    "jit": lambda x: cv.jit(note)(x),
    "scan": lambda x: lax.scan(lambda c, _: (note(c), None), x, None, length=1)[0],
    "cond": lambda x: lax.cond(x > 0, note, lambda x: x, x),
    "while": lambda x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, note(s[1])), (0, x))[1],
    "checkpoint": lambda x: cv.checkpoint(note)(x),
    "vmap": lambda x: cv.vmap(note)(np.reshape(x, (1,)))[0],
    "Python's if": lambda x: note(x) if x > 0 else x,
}

CALLS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda g: g,
    "jit": cv.jit,
    "scan": lambda g: lambda x: lax.scan(lambda c, _: (g(c), None), x, None, length=1)[0],
    "cond": lambda g: lambda x: lax.cond(x > 0, g, lambda x: x, x),
}

FIRST: dict[str, Callable[[Any], Any]] = {
    "jvp": lambda g: cv.jvp(g, (1.2,), (1.0,))[1],
    "grad": lambda g: cv.grad(g)(1.2),
    "linearize": lambda g: [cv.linearize(g, 1.2)[1]].pop()(1.0),
    "jacfwd": lambda g: cv.jacfwd(g)(1.2),
    "jacrev": lambda g: cv.jacrev(g)(1.2),
    "vmap of jacfwd": lambda g: cv.vmap(cv.jacfwd(g))(np.array([1.2]))[0],
    "jit of jacfwd": lambda g: cv.jit(cv.jacfwd(g))(1.2),
    "jit of vmap of jacfwd": lambda g: cv.jit(cv.vmap(cv.jacfwd(g)))(np.array([1.2]))[0],
    "jit of linearize": lambda g: cv.jit(lambda x, t: cv.linearize(g, x)[1](t))(1.2, 1.0),
    "jacfwd of vmap": lambda g: cv.jacfwd(cv.vmap(g))(np.array([1.2]))[0, 0],
}

SECOND: dict[str, Callable[[Any], Any]] = {
    "hessian": lambda g: cv.hessian(g)(1.2),
    "jacfwd of jacfwd": lambda g: cv.jacfwd(cv.jacfwd(g))(1.2),
    "jacrev of jacfwd": lambda g: cv.jacrev(cv.jacfwd(g))(1.2),
    "jvp of grad": lambda g: cv.jvp(cv.grad(g), (1.2,), (1.0,))[1],
}


def squared_with_effect(place: Callable[[Any], Any]) -> Any:
    f = lambda x: place(x) * x
    g = cv.custom_vjp(f)
    g.defvjp(lambda x: cv.vjp(f, x), lambda pullback, ct: pullback(ct))
    return g


@pytest.mark.parametrize(("place", "call"), [(p, c) for p in PLACES for c in CALLS if (p, c) != ("while", "cond")])
def test_effects_happen_once(place: str, call: str) -> None:
    g = CALLS[call](squared_with_effect(PLACES[place]))
    for name, derivative in {**FIRST, **SECOND}.items():
        if place == "Python's if" and ("jit" in name or "vmap" in name or call != "plain"):
            continue
        log.clear()
        found = derivative(g)
        assert abs(found - (2.4 if name in FIRST else 2.0)) < 1e-12, name
        assert len(log) == 1, name


def test_a_linear_map_has_no_effects() -> None:
    push = cv.linearize(squared_with_effect(note), 1.2)[1]
    log.clear()
    assert push(1.0) == push(1.0) == 2.4
    assert log == []


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: lambda x: cv.jit(f)(x)], ids=["plain", "jit"])
def test_an_effect_that_gives_a_result_is_not_repeated(wrap: Any) -> None:
    f = wrap(lambda x: x * cv.io_callback(lambda: log.append(None) or 3.0, 3.0))
    g = cv.custom_vjp(f)
    g.defvjp(lambda x: (f(x), None), lambda _, ct: (3.0 * ct,))
    log.clear()
    assert cv.grad(g)(2.0) == 3.0
    assert len(log) == 1
    with pytest.raises(cv.errors.CallbackError, match="io_callback gives a result in a function with a VJP rule"):
        cv.jacfwd(g)(2.0)
    assert len(log) == 2
