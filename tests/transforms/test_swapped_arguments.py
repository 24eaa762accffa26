"""Arguments in the wrong order, or of the wrong kind: the error says which argument is what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors, lax

X = np.ones(3)


def f(*args):
    return args[0] * 2


def carry(c, x):
    return c, x


SWAPPED: dict[str, tuple[str, Any]] = {
    "cond, pred last": (
        r"cond got True of type bool for false_fun, .*\n.*\n.*cond\(pred, true_fun, false_fun",
        lambda: lax.cond(f, f, True, 1.0),
    ),
    "cond, operand first": (r"cond got 1.0 of type float for true_fun", lambda: lax.cond(True, 1.0, f, f)),
    "cond, one function": (r"cond got f64\[3\] for false_fun", lambda: lax.cond(True, f, X)),
    "cond, all functions": (r"cond got the function f for pred, which is to be a scalar", lambda: lax.cond(f, f, f)),
    "switch": (
        r"switch got 1 of type int for branches, which is to be a list of functions",
        lambda: lax.switch([f, f], 1, 1.0),
    ),
    "switch, one function": (r"switch got the function f for branches", lambda: lax.switch(1, f, 1.0)),
    "switch, a value": (r"switch got 2.0 of type float for branches\[1\]", lambda: lax.switch(1, [f, 2.0], 1.0)),
    "switch, index": (r"switch got the function f for index", lambda: lax.switch(f, [f, f], 1.0)),
    "scan": (r"scan got 0.0 of type float for f,.*\n.*\n.*scan\(f, init, xs\)", lambda: lax.scan(0.0, carry, X)),
    "scan, init and xs": (r"got xs of type weak_f64\[\], which has no axis", lambda: lax.scan(carry, X, 0.0)),
    "scan, number of steps": (r"n steps are length=n", lambda: lax.scan(carry, 0.0, 3)),
    "scan, carry and x": (
        r"called as f\(carry, x\), and returns \(carry, y\)",
        lambda: lax.scan(lambda x, c: (c, x), X, np.ones((2, 4))),
    ),
    "while_loop": (r"while_loop got 1 of type int for cond_fun", lambda: lax.while_loop(1, lambda c: c < 3, lambda c: c + 1)),
    "while_loop, functions": (
        r"the condition is the first function of while_loop\(cond_fun, body_fun, init_val\)",
        lambda: lax.while_loop(lambda c: c + 1, lambda c: c < 3, 1),
    ),
    "while_loop, functions of a pair": (
        r"another structure[\s\S]*the condition is the first function",
        lambda: lax.while_loop(lambda c: (c[0] + 1, c[1]), lambda c: c[0] < 3, (1, 2.0)),
    ),
    "fori_loop, function first": (
        r"fori_loop got 3 of type int for body_fun,.*\n.*\n.*fori_loop\(lower, upper, body_fun, init_val\)",
        lambda: lax.fori_loop(f, 0, 3, 1.0),
    ),
    "fori_loop, function last": (r"fori_loop got 1.0 of type float for body_fun", lambda: lax.fori_loop(0, 3, 1.0, f)),
    "fori_loop, two functions": (r"fori_loop got the function f for lower", lambda: lax.fori_loop(f, 3, f, 1.0)),
    "fori_loop, index and carry": (r"body_fun\(i, val\)", lambda: lax.fori_loop(0, 3, lambda c, i: c * 1.0, X)),
    "map": (r"map got f64\[3\] for f", lambda: lax.map(X, f)),
    "associative_scan": (r"associative_scan got f64\[3\] for fn", lambda: lax.associative_scan(X, np.add)),
    "pure_callback": (
        r"pure_callback got 1.0 of type float for callback,.*\n.*\n.*pure_callback\(callback, result_shape_dtypes, \*args\)",
        lambda: cv.pure_callback(1.0, np.sin, 1.0),
    ),
    "pure_callback, no types": (
        r"pure_callback got the function sin for result_shape_dtypes",
        lambda: cv.pure_callback(np.sin, np.sin, 1.0),
    ),
    "pure_callback, rule": (
        r"pure_callback got 2.0 of type float for jvp",
        lambda: cv.pure_callback(np.sin, 1.0, 1.0, jvp=2.0),
    ),
    "io_callback": (r"io_callback got 1.0 of type float for callback", lambda: cv.io_callback(1.0, np.sin, 1.0)),
    "jvp": (r"jvp\(f, \(x,\), \(v,\)\)", lambda: cv.jvp(f, 1.0, 1.0)),
    "hvp": (r"hvp got primals of type ndarray[\s\S]*hvp\(f, \(x,\), \(v,\)\)", lambda: cv.hvp(f, X, X)),
    "hvp, vector": (r"hvp got tangents of type ndarray", lambda: cv.hvp(f, (X,), X)),
    "hvp of numbers": (r"hvp got primals of type float", lambda: cv.hvp(f, 1.0, 1.0)),
    "hvp, function last": (r"hvp got a tuple of 1 for f", lambda: cv.hvp((X,), (X,), f)),
    "vjp": (r"vjp got 1.0 of type float for f,.*\n.*\n.*vjp\(f, \*primals\)", lambda: cv.vjp(1.0, f)),
    "linearize": (r"linearize got f64\[3\] for f", lambda: cv.linearize(X, f)),
    "linear_transpose": (r"linear_transpose got f64\[3\] for f", lambda: cv.linear_transpose(X, f)),
    "grad": (r"grad\(f\)\(x\), not grad\(f\(x\)\)", lambda: cv.grad(f(1.0))),
    "grad, argument for argnums": (r"argnums=1.0, which is no position[\s\S]*grad\(f\)\(x\)", lambda: cv.grad(f, 1.0)(2.0)),
    "custom_root": (r"custom_root got 1.0 of type float for f,", lambda: cv.custom_root(1.0, f, f, f)),
    "custom_linear_solve": (r"custom_linear_solve got f64\[3\] for solve", lambda: cv.custom_linear_solve(f, f, X)),
    "linear_call": (r"linear_call got f64\[3\] for fun_transpose", lambda: cv.linear_call(f, X, f, X)),
    "closure_convert": (r"closure_convert got f64\[3\] for fun", lambda: cv.closure_convert(X, f)),
}


@pytest.mark.parametrize("case", SWAPPED)
def test_the_error_says_which_argument_is_what(case: str) -> None:
    text, mistake = SWAPPED[case]
    with pytest.raises(errors.CovectorError, match=text) as caught:
        mistake()
    assert "test_swapped_arguments.py" in str(caught.value) and "Fix: " in str(caught.value)


def test_a_range_or_an_array_of_positions() -> None:
    for argnums in (range(2), np.array([0, 1]), [0, 1], (0, np.int64(1))):
        assert cv.grad(lambda x, y: x * y, argnums)(2.0, 3.0) == (3.0, 2.0)
