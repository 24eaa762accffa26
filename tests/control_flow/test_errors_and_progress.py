"""What loops and choices say of mistakes, and their progress bars."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import lax

CarryTypeError, BranchTypeError, ArgumentError = cv.errors.CarryTypeError, cv.errors.BranchTypeError, cv.errors.ArgumentError


def step(c, x):
    return c, x


MISTAKES = {
    r"the carry at \['w'\]\[0\] of scan of .* begins as f64\[2\] and comes back as f64\[3\][\s\S]*of shape \(3,\)": (
        CarryTypeError,
        lambda: lax.scan(lambda c, _: ({"w": [np.zeros(3)]}, None), {"w": [np.zeros(2)]}, None, length=1),
    ),
    r"the carry of scan of .* begins as f32\[2\] and comes back as f64\[2\][\s\S]*begin with init.astype\('float64'\)": (
        CarryTypeError,
        lambda: lax.scan(lambda c, x: (c + x, None), np.zeros(2, np.float32), np.ones((3, 2))),
    ),
    r"the carry of while_loop of .* begins as i64\[\] and comes back as f64\[\]": (
        CarryTypeError,
        lambda: lax.while_loop(lambda c: c < 3, lambda c: c + 0.5, np.int64(0)),
    ),
    r"comes back in another structure: \[1\] is only in the initial carry": (
        CarryTypeError,
        lambda: lax.scan(lambda c, x: ((c[0],), x), (1.0, 2.0), np.ones(3)),
    ),
    r"comes back in another structure: it begins as a tuple and comes back as a list": (
        CarryTypeError,
        lambda: lax.fori_loop(0, 2, lambda i, c: list(c), (1.0, 2.0)),
    ),
    r"scan of step is given different numbers of steps: xs\['a'\] has 3, xs\['b'\] has 2": (
        ArgumentError,
        lambda: lax.scan(step, 0.0, {"a": np.ones(3), "b": np.ones(2)}),
    ),
    r"different numbers of steps: xs has 3, length has 4": (ArgumentError, lambda: lax.scan(step, 0.0, np.ones(3), length=4)),
    r"scan of step has no number of steps[\s\S]*pass length=n": (ArgumentError, lambda: lax.scan(step, 0.0)),
    r"got xs of type weak_f64\[\], which has no axis": (ArgumentError, lambda: lax.scan(step, 0.0, 1.0)),
    r"the function returned a float[\s\S]*return \(carry, y\)": (
        ArgumentError,
        lambda: lax.scan(lambda c, x: 1.0, 0.0, np.ones(3)),
    ),
    r"while_loop of .*: the condition .* returned bool\[2\][\s\S]*np.any or np.all": (
        ArgumentError,
        lambda: lax.while_loop(lambda c: c < 3, lambda c: c + 1, np.zeros(2)),
    ),
    r"the condition .* returned f64\[\]": (ArgumentError, lambda: lax.while_loop(lambda c: c, lambda c: c, np.float64(0))),
    r"fori_loop got lower of type weak_c128\[\]": (ArgumentError, lambda: lax.fori_loop(0.5j, 2, lambda i, c: c, 0)),
    r"got progress, but its number of steps is not known[\s\S]*upper is weak_i64\[\]": (
        ArgumentError,
        lambda: cv.jit(lambda n: lax.fori_loop(0, n, lambda i, c: c, 0.0, progress="x"))(3),
    ),
    r"got unroll, but its number of steps": (
        ArgumentError,
        lambda: cv.jit(lambda n: lax.fori_loop(0, n, lambda i, c: c, 0.0, unroll=4))(3),
    ),
    r"cond of sin and sum: the result has different types: f64\[2\] \(sum\)|has different types": (
        BranchTypeError,
        lambda: lax.cond(True, np.sin, np.sum, np.ones(2)),
    ),
    r"the result at \['a'\] has different types: f32\[2\] .*, f64\[2\]": (
        BranchTypeError,
        lambda: lax.cond(True, lambda x: {"a": x}, lambda x: {"a": x.astype(np.float32)}, np.ones(2)),
    ),
    r"the branches return different structures: .*\[0\], \[1\]": (
        BranchTypeError,
        lambda: lax.switch(0, [lambda x: (x, x), lambda x: x], 1.0),
    ),
    r"the predicate is bool\[2\][\s\S]*np.where": (ArgumentError, lambda: lax.cond(np.ones(2) > 0, np.sin, np.cos, 1.0)),
    r"the index is weak_f64\[\]": (ArgumentError, lambda: lax.switch(1.0, [np.sin], 1.0)),
    r"switch got no branches": (ArgumentError, lambda: lax.switch(0, [], 1.0)),
    r"scan got 1.0 of type float for f, which is to be a function": (ArgumentError, lambda: lax.scan(1.0, 0.0, np.ones(2))),
    r"associative_scan of add got arrays of lengths \[2, 3\]": (
        ArgumentError,
        lambda: lax.associative_scan(np.add, (np.ones(2), np.ones(3))),
    ),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(text):
    error, mistake = MISTAKES[text]
    with pytest.raises(error, match=text) as caught:
        mistake()
    assert "test_errors_and_progress.py" in str(caught.value), "the user's line"
    assert "Fix: " in str(caught.value)


@pytest.mark.parametrize(
    "wrap", [lambda f: f, cv.jit, cv.grad, lambda f: cv.jit(cv.grad(f))], ids=["eager", "jit", "grad", "jit of grad"]
)
def test_progress_bars(wrap, capsys):
    f = wrap(lambda x: lax.scan(lambda c, _: (np.sin(c), None), x, None, length=7, progress="working")[0])
    f(0.5)
    shown = capsys.readouterr().err
    assert "working: 100%" in shown
    assert "7/7" in shown
    lax.fori_loop(0, 3, lambda i, c: c + 1, 0, progress="counting")
    lax.map(np.sin, np.ones(4), progress="mapping")
    shown = capsys.readouterr().err
    assert "counting" in shown and "3/3" in shown and "mapping" in shown
    _, linear = cv.linearize(f, 0.5)
    assert capsys.readouterr().err.count("working: 100%") == 1
    linear(1.0)
    lax.fori_loop(0, 3, lambda i, c: c + 1, 0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit, cv.grad], ids=["eager", "jit", "grad"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_in_segments_shows_one_bar_also_where_steps_are_left(wrap, reverse, capsys):
    options = {"length": 7, "reverse": reverse, "progress": "working", "checkpoint": "sqrt"}
    wrap(lambda x: lax.scan(lambda c, _: (np.sin(c), None), x, None, **options)[0])(0.5)
    assert capsys.readouterr().err.count("working: 100%") == 1
