"""Nested programs that are alike: which are made one, and that what runs is the same."""

from __future__ import annotations

from typing import Any

import numpy as np

import covector as cv
from covector.backends.native import segments
from covector.backends.native.program import Native
from covector.passes.alike import nested, shared
from covector.passes.clean import clean

X = np.linspace(0.5, 1.5, 4)


def product(x: Any) -> Any:
    return cv.lax.scan(lambda c, x: (c * x, c), 1.0, x)


def counts(f: Any, *args: Any) -> list[int]:
    program = cv.make_jaxpr(f)(*args)
    return [len(nested(program)), len(nested(shared(program)))]


def test_programs_of_the_same_lines_are_one() -> None:
    f = lambda x: [product(np.sin(k * x))[0] for k in range(1, 4)]
    assert counts(f, X) == [3, 1]
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-15)


def test_loops_that_differ_in_their_numbers_are_one_function() -> None:
    f = lambda x: [cv.lax.scan(lambda c, y: (c * y, None), 1.5 * k, x)[0] for k in (1.0, 2.0, 3.0)]
    program = segments.partitioned(clean(cv.make_jaxpr(f)(X)))
    text = Native(program.equations[0].params["program"].jaxpr).text
    assert text.count("define internal void @loop") == 1
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-15)


def test_programs_that_hold_such_are_one_too() -> None:
    def outer(x: Any) -> Any:
        return cv.lax.fori_loop(0, 3, lambda i, c: c * product(c)[0], x)

    f = lambda x: outer(x) - outer(2 * x)
    before, after = counts(f, X)
    assert (before, after) == (2 * after, after) and after > 1
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-15)


def test_a_program_without_such_stays_the_same_object() -> None:
    """What is made of it, and of those in it, is kept with it."""
    program = cv.make_jaxpr(lambda x: (product(x)[0], cv.lax.fori_loop(0, 3, lambda i, c: c * x, x)))(X)
    assert shared(program) is program


def test_programs_of_other_lines_are_not() -> None:
    first = lambda c, x: (c * x, c)
    second = lambda c, x: (c * x, c)
    assert counts(lambda x: [cv.lax.scan(step, 1.0, x)[0] for step in (first, second)], X) == [2, 2]


def test_programs_with_other_constants_are_not() -> None:
    def scaled(x: Any, by: Any) -> Any:
        return cv.lax.scan(lambda c, x: (c * x * by, None), np.ones(3), x)[0]

    f = lambda x: [scaled(x, np.arange(3.0) + k) for k in range(2)]
    assert counts(f, X) == [2, 2]
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-15)
