"""Which arrays are one memory: what functions return that were given ``out``, and what NumPy says when it is asked."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.core.errors import UnsupportedFunctionError

X = np.arange(9.0).reshape(3, 3) + 0.5


def noise(*shape):
    """An array that lifted code did not make."""
    return np.random.default_rng(0).normal(size=shape)


def ones(*shape):
    return np.ones(shape)


WRITERS = {
    "round of a view": lambda z: np.round(np.einsum("i->i", z), 1, out=z),
    "sum": lambda z: np.sum(ones(2, 3), axis=0, out=z),
    "method": lambda z: ones(2, 3).sum(0, out=z),
    "cumsum": lambda z: np.cumsum(ones(3), out=z),
    "by place": lambda z: np.cumsum(ones(3), 0, None, z),
    "clip": lambda z: np.clip(ones(3), 0.0, 0.5, z),
    "take": lambda z: np.take(ones(4), [0, 1, 2], out=z),
    "concatenate": lambda z: np.concatenate([ones(1), ones(2)], out=z),
    "stack": lambda z: np.stack([1.0, 2.0, 3.0], out=z),
    "dot": lambda z: np.dot(ones(3, 2), ones(2), out=z),
    "matmul": lambda z: np.matmul(ones(3, 2), ones(2), out=z),
    "einsum": lambda z: np.einsum("ij->i", ones(3, 2), out=z),
    "choose": lambda z: np.choose([0, 1, 0], [ones(3), 2 * ones(3)], out=z),
    "median": lambda z: np.median(ones(2, 3), 0, out=z),
    "ufunc": lambda z: np.sin(ones(3), z),
    "reduce": lambda z: np.add.reduce(ones(2, 3), out=z),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_given_as_out_is_returned(name):
    def f(x):
        z = noise(3)
        found = WRITERS[name](z)
        before = x[0] * found
        found[0] = 7.0
        np.sin(z, out=found)
        return before + z, found

    for got, wanted in zip(cv.jvp(cv.lift(f), (X,), (X,))[0], f(X), strict=True):
        np.testing.assert_allclose(got, wanted)


PAIRS = {
    "columns": lambda x: (x[:, 0], x[:, 1]),
    "rows": lambda x: (x[0], x[1]),
    "rows that overlap": lambda x: (x[:2].T, x[1:]),
    "the same": lambda x: (x, x[...]),
    "every other": lambda x: (x[0, ::2], x[0, 1::2]),
    "diagonal": lambda x: (np.diagonal(x), x[0, 1:]),
    "a copy": lambda x: (x, x.copy()),
    "reshaped": lambda x: (x.ravel()[::2], x.ravel()[2:3]),
    "windows": lambda x: (np.lib.stride_tricks.sliding_window_view(x.ravel(), 2)[:, 0], x[0]),
    "parts": lambda x: (lambda z: (z.real, z.imag))(x + 0j),
    "plain": lambda x: (lambda z: (z[:, 0], z[:, 1]))(np.zeros((3, 3))),
    "outer": lambda x: (lambda z: (z, np.round(z, 1, out=z)))(noise(3)),
}
RUN = {
    "jvp": lambda f: cv.jvp(f, (X,), (X,)),
    "grad": lambda f: cv.grad(f)(X),
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([X, X])),
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("ask", [np.shares_memory, np.may_share_memory])
@pytest.mark.parametrize("pair", PAIRS)
def test_questions_are_answered_as_numpy_does(pair, ask, run):
    answers = []

    def f(x):
        a, b = PAIRS[pair](x)
        answers.append(np.shares_memory(a, b) if ask is np.shares_memory else np.may_share_memory(a, b))
        return np.sum(x)

    f(X)
    try:
        RUN[run](cv.lift(f))
    except UnsupportedFunctionError:
        assert run == "jit" and pair not in ("the same", "a copy", "plain", "outer")
    assert len(set(answers)) == 1


def test_arguments_that_share_memory():
    answers = []

    def f(x, a, b):
        answers.append(np.shares_memory(a, b))
        return np.sum(x)

    cv.grad(cv.lift(f))(X, X[:2], X[1:])
    assert answers == [True]


def test_numbers_have_no_matrix_product():
    def f(x):
        y = np.array(x)
        y[()] @= abs(x)
        return y

    with pytest.raises(TypeError, match="unsupported operand"):
        cv.jvp(cv.lift(f), (2.0,), (1.0,))
