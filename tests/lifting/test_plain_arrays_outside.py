"""Functions of arrays from outside of lifted code, of which another argument is traced: one that NumPy asks, or does not."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv

TABLE = np.arange(5.0)
X = np.array([0.1, 0.2, 0.5, 0.4])
CALLS = """
    np.take(T, k) * x[0]; np.take(T, [k, 0]) * x[0]; np.roll(T, k) * x[0]; np.pad(T, 1, constant_values=x[0])
    np.interp(T, [0, 1, 2], [2, 1, 3], left=x[0], right=x[1]); np.select([T > 1], [T], x[0]); np.where(T > 1, x[0], T)
    np.full_like(T, x[0]); np.insert(T, 1, x[0]); np.append(T, x[0]); np.concatenate([T, [x[0]]]); np.hstack([T, [x[0], 2]])
    np.nan_to_num(T, nan=x[0]); np.clip(T, x[0], x[1] * 10); np.searchsorted(T, x[0] * 4) * x[0]; np.unwrap(T, period=x[0] * 8)
    np.histogram(T, bins=[0, x[0] * 6, 5])[0] * x[0]; np.sum(T, initial=x[0]); np.max(T, initial=x[0] * 100)
    np.percentile(T, x[0] * 100); np.gradient(T, x[0]); np.trapezoid(T, dx=x[0]); np.diff(T, append=x[0]); np.polyint(T, k=x[0])
    np.ediff1d(T, to_end=x[0]); np.average(T, weights=x[0] * T + 1); np.choose([0, 1], [T[:2], x[:2]]); np.block([T, x])
"""
RUN = {
    "jvp": lambda f: cv.jvp(f, (X,), (X,))[0],
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([X[::-1], X]))[1],
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", [t.strip() for t in CALLS.replace("\n", ";").split(";") if t.strip()])
def test_calls(text, run):
    names = {"np": np, "T": TABLE}
    exec(f"def f(x):\n    k = np.argmax(x)\n    return {text}", names)
    np.testing.assert_allclose(RUN[run](cv.lift(names["f"])), names["f"](X), rtol=1e-12)
    np.testing.assert_array_equal(TABLE, np.arange(5.0))


@pytest.mark.parametrize(
    "text", ["np.pad(T, 1, constant_values=x[0])", "np.take(T, np.argmax(x)) * x[2]", "np.sum(T, initial=x[0])"]
)
def test_derivatives(text):
    names = {"np": np, "T": TABLE}
    exec(f"def f(x):\n    return np.sum(np.sin({text}))", names)
    f = names["f"]
    steps = 1e-6 * np.eye(4)
    expected = [(f(X + e) - f(X - e)) / 2e-6 for e in steps]
    np.testing.assert_allclose(cv.jit(cv.grad(cv.lift(f)))(X), expected, rtol=1e-8, atol=1e-8)
