"""Sequences, iterators and numbers of Python's beside traced values: Python's results, or its errors."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest

import covector as cv
from covector.core.errors import TracerIntegerConversionError

X = np.array([1.115, -1.27, 2.05])
TABLE = np.array([[0.3, 1.2, -0.7], [2.1, -1.1, 0.4], [-0.6, 0.9, 1.7]])

PROGRAMS = """
    return round(x[0].item(), 2)
    return round(math.fabs(x[0]), 2) + round(100 * x[0].item(), -1)
    return round(x[0], 2)
    return np.array([math.remainder(x[0] * k, 0.7 * (1 if k < 5 else -1)) for k in range(-9, 9)])
    return np.array([math.remainder(x[0] / 1.115 * k, 2.0) for k in range(-9, 9)])
    return math.remainder(x[0] * 1e17, 0.7)
    return math.hypot(x[0] * 1e-200, 1e-200, 1e-200) * 1e200
    return math.hypot(x[0] * 1e200, 1e200, 1e200)
    return math.hypot(0 * x[0], 0.0, 0.0)
    return math.dist([x[0] * 1e200, 0.0], [0.0, 1e200])
    return math.dist(x, x)
    return math.ldexp(x[0] * 1e300, -1080)
    return math.fsum(x.astype(np.float32)), math.dist(x.astype(np.float32), np.ones(3, np.float32))
    y = x.copy(); y[:2] = deque([x[1], 3.0]); return y + range(3), np.add(deque([1.0, x[0], 2.0]), x), range(3) * x
    y = x.copy(); y += range(3); y[:] = range(3); return y * x
    l = [1]; l *= np.int64(2); return x * len(l)
    return np.where(x[0].item() == [1.115], 1.0, 2.0) * x
    return np.where(x[0] == [1.115], 1.0, 2.0)
    it = x.flat; a = next(it); return np.array([a, sum(it)])
    it = x.flat; return np.array([a * b for a, b in zip(it, it)])
    it = x.flat; next(it); a = it[2]; return np.array([a, next(it)])
    it = x.flat; next(it); it[1] = 5.0; return np.array([next(it), next(it)])
    return np.array([b for b in x.flat for c in x.flat])
    it = x.flat; return np.array([sum(it), sum(it)])
    return np.apply_along_axis(lambda r: 0 if r[0] > 0 else 0.5, 1, np.array(TABLE)) * x[0]
    return np.apply_along_axis(lambda r: r[::-1].sum(), 1, np.outer(x, TABLE[0]))
    y = np.ones(3); y.setflags(write=False); v = y[:2]; return tried(v, 5.0), y * x
    y = np.ones((3, 2)); y.setflags(write=False); v = y.ravel(); return tried(v, 5.0), y * x[0]
    y = np.ones((3, 2)); y.setflags(write=False); v = y[0]; return tried(v, 5.0), y * x[0]
"""

RUN = {
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: cv.tree.map(lambda y: y[1], cv.vmap(f)(np.stack([x[::-1], x]))),
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
}


def tried(v, value):
    try:
        v[0] = value
    except ValueError:
        return 1.0
    return 0.0


def program(text):
    names = {"np": np, "math": math, "deque": deque, "TABLE": TABLE, "tried": cv.lift(tried)}
    exec("def f(x):\n" + "".join(f"    {line}\n" for line in text.strip().split("; ")), names)
    return names["f"]


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", PROGRAMS.strip().splitlines())
def test_programs(text, run):
    f = program(text)
    found, wanted = cv.tree.leaves(RUN[run](cv.lift(f), X.copy())), cv.tree.leaves(f(X.copy()))
    for a, b in zip(found, wanted, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=0)


@pytest.mark.parametrize("text", ["np.sum(x > 0) * [1.0]", "(1,) * np.sum(x > 0)", "[x[0]] * (x > 0).sum().item()"])
def test_a_list_so_many_times(text):
    f = program(f"return x * len({text})")
    np.testing.assert_array_equal(cv.jvp(cv.lift(f), (X,), (X,))[0], 2 * X)
    np.testing.assert_array_equal(cv.vmap(cv.lift(f), branches="split")(np.stack([X, -X])), np.stack([2 * X, -X]))
    for transformed in (cv.jit, cv.vmap):
        with pytest.raises(TracerIntegerConversionError, match="the integer value of a traced value"):
            transformed(cv.lift(f))(X if transformed is cv.jit else X[None])


@pytest.mark.parametrize("text", ["x[0] * [1.0]", "(1,) * x[0]", "x[0].item() * [1.0]"])
def test_a_list_times_a_float(text):
    f = program(f"return {text}")
    for run in (f, cv.jit(cv.lift(f)), lambda x: cv.jvp(cv.lift(f), (x,), (x,))):
        with pytest.raises(TypeError, match="can't multiply sequence by non-int"):
            run(X)


def test_numbers_that_math_gives_exactly_where_they_are_known():
    f = lambda x: math.fsum([1e16 * x, 1.0, -1e16 * x])
    assert cv.jvp(cv.lift(f), (1.115,), (1.0,)) == (1.0, 0.0)
    assert cv.jvp(cv.lift(lambda x: round(x.item(), 2) * x), (np.float64(1.115),), (np.float64(1.0),))[1] == 1.11


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc"])
def test_whole_numbers_that_no_int64_holds(name):
    f = cv.lift(lambda x: getattr(math, name)(x[0] * 1e20) * 1.0)
    assert cv.jvp(f, (X,), (X,))[0] == 1.115e20
    for run in (cv.jit, lambda f: lambda x: cv.vmap(f)(x[None])):
        with pytest.raises(IndexError, match="out of bounds"):
            run(f)(X)


def test_bytes_are_those_of_the_memory():
    keys = lambda x: x * len(bytes(np.arange(3)) + bytes(np.arange(3.0))) * (bytes(np.arange(2)) == np.arange(2).tobytes())
    assert cv.jvp(cv.lift(keys), (1.0,), (1.0,)) == (48.0, 48.0)
    with pytest.raises(cv.errors.TracerArrayConversionError):
        cv.jvp(cv.lift(lambda x: len(bytes(x))), (X,), (X,))
