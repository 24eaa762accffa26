"""Functions of elements of large arrays on blocks: the same elements, types, warnings and lines as without."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.backends.blocks import BLOCK, LARGE, blocked
from covector.passes.clean import clean

RNG = np.random.default_rng(0)
N = LARGE + BLOCK // 2 + 3
X, Y = RNG.normal(size=N), RNG.uniform(1.0, 2.0, N)


def names(f: Any, *args: Any) -> list[str]:
    program = blocked(clean(cv.make_jaxpr(f)(*args)), lambda part: lambda *arrays: [])
    return [e.primitive.name for e in program.equations]


def agrees(f: Any, *args: Any) -> None:
    found, wanted = cv.jit(f, backend="numpy")(*args), f(*args)
    for x, y in zip(cv.tree.leaves(found), cv.tree.leaves(wanted), strict=True):
        assert type(x) is type(y) and x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_array_equal(x, y)


def chain(x: Any, y: Any) -> Any:
    a = np.sin(x) * y
    return a + 1.0, np.where(a > 0, a, -x), np.exp(-a) / y


def test_a_chain_is_one_equation() -> None:
    assert names(chain, X, Y) == ["blocked"]
    agrees(chain, X, Y)


@pytest.mark.parametrize("shape", [(3, N), (N, 2), (2, N, 1)])
def test_arrays_of_several_axes(shape: tuple[int, ...]) -> None:
    agrees(chain, RNG.normal(size=shape), RNG.uniform(1.0, 2.0, shape))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128, np.bool_])
def test_other_types(dtype: Any) -> None:
    x = (RNG.normal(size=N) * 10).astype(dtype)
    agrees(lambda x: (x * x + x, np.sqrt(abs(x * 2)), x == x.real), x)


def test_numbers_beside_arrays() -> None:
    agrees(lambda x, c, k: (x * c + k, (x + k) * np.sin(c)), X, np.float64(0.3), 2)


def test_arrays_that_do_not_lie_in_order() -> None:
    agrees(chain, np.stack([X, Y])[:, ::2].T, np.stack([Y, Y])[:, ::2].T)
    agrees(chain, X[::-1], Y)


def test_what_is_no_function_of_elements_stays_between() -> None:
    def f(x: Any) -> Any:
        a = np.sin(x) * 2.0
        b = a - np.sum(a)
        return np.cumsum(np.cos(b) * b), a

    assert names(f, X) == ["blocked", "reduce_sum", "blocked", "cumsum"]
    agrees(f, X)


def test_small_arrays_and_broadcasts_are_left_alone() -> None:
    assert "blocked" not in names(chain, X[:100], Y[:100])
    f = lambda x, y: np.sin(x[:, None] * y) * 2.0 + y
    assert "blocked" in names(f, X[:300], Y[:300])
    agrees(f, X[:300], Y[:300])


def test_outputs_are_new() -> None:
    g = cv.jit(lambda x: (x + 0.0, x * 1.0 + 0.0), backend="numpy")
    for out in g(X):
        assert out.flags.owndata and not np.shares_memory(out, X)


def test_a_warning_names_the_line() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        return np.log(y) + 1.0

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        cv.jit(f, backend="numpy")(-Y)
    assert {(w.filename, w.lineno) for w in found} == {(__file__, f.__code__.co_firstlineno + 2)}


def test_derivatives() -> None:
    f = lambda x, y: np.sum(np.tanh(x * y) * np.exp(-x * x))
    for found, wanted in zip(cv.jit(cv.grad(f, (0, 1)), backend="numpy")(X, Y), cv.grad(f, (0, 1))(X, Y), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-16)
