"""``numpy.piecewise`` where it is not known which elements a condition selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transformed import check, same

import covector
from covector.core import errors

X = np.array([-1.5, -0.5, 0.25, 2.0, 4.0])

OF_EACH_ELEMENT: dict[str, Callable[[Any], Any]] = {
    "functions": lambda x: np.piecewise(x, [x < 0, x > 3], [np.sin, np.square, np.exp]),
    "values": lambda x: np.piecewise(x, [x < 0, x > 3], [-1, np.cosh, 2.5]),
    "later ones win": lambda x: np.piecewise(x, [x < 3, x > 0], [np.sin, np.cos]),
    "nothing": lambda x: np.piecewise(x, [x < 0], [np.sin, 0]),
    "arguments": lambda x: np.piecewise(x, [x < 0], [lambda v, k: v * k, lambda v, k: v**k], 3),
    "several operations": lambda x: np.piecewise(x, [x < 0], [lambda v: np.where(v < -1, v, np.exp(v)) + 1, lambda v: 2 / v]),
    "constants": lambda x: np.piecewise(x, [x < 0], [lambda v: 3.0, lambda v: np.float64(1.0)]),
    "closed over": lambda x: np.piecewise(x, [x < 0], [lambda v: v * x[0], lambda v: v + x[1]]),
    "one condition": lambda x: np.piecewise(x, x < 0, [np.sin, np.cos]),
    "one axis less": lambda x: np.piecewise(np.stack([x, 2 * x], 1), [x < 0], [np.sin, np.cos]),
}


@pytest.mark.parametrize("name", OF_EACH_ELEMENT)
def test_functions_of_each_element(name: str) -> None:
    check(OF_EACH_ELEMENT[name], X)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.complex64])
def test_results_have_the_dtype_of_the_array(dtype: Any) -> None:
    x = np.array([-1, 0, 2], dtype)
    f = lambda x: np.piecewise(x, [np.real(x) > 0], [lambda v: v * 2, 1.0])
    same(covector.jit(f)(x), f(x))
    same(covector.vmap(f)(np.stack([x, x]))[1], f(x))
    same(covector.jit(f)(x[2]), f(x[2]))
    same(covector.jit(f)(x[:0]), f(x[:0]))


UNDER: dict[str, Callable[[Any], Any]] = {
    "jit": covector.jit,
    "vmap": lambda f: lambda x: covector.vmap(f)(x[None])[0],
    "jit of vmap": lambda f: lambda x: covector.jit(covector.vmap(f))(x[None])[0],
    "vmap of jit": lambda f: lambda x: covector.vmap(covector.jit(f))(x[None])[0],
}

OF_SEVERAL: dict[str, Callable[[Any], Any]] = {
    "mean": lambda t: t - np.mean(t),
    "size": lambda t: t / t.size,
    "length": lambda t: t * len(np.atleast_1d(t)),
    "shape": lambda t: t + np.linspace(0, 1, t.size),
    "order": lambda t: np.sort(t),
    "neighbours": lambda t: np.cumsum(t),
    "first": lambda t: t * t[0],
}


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("name", OF_SEVERAL)
def test_functions_of_several_elements(name: str, under: str) -> None:
    f = lambda x: np.piecewise(x, [x > 0], [OF_SEVERAL[name], 0.0])
    out, tangent = covector.jvp(f, (X,), (X,))
    same(out, f(X))
    assert np.isfinite(tangent).all()
    refusal = (errors.UnsupportedFunctionError, IndexError) if name == "first" else errors.UnsupportedFunctionError
    with pytest.raises(refusal) as caught:
        UNDER[under](f)(X)
    if name != "first":
        assert all(word in str(caught.value) for word in ("piecewise", "several elements", "np.where", "test_piecewise.py"))


@pytest.mark.parametrize("under", UNDER)
def test_pieces_that_are_not_taken_have_no_part_in_derivatives(under: str) -> None:
    f = lambda x: np.piecewise(x, [x > 0], [np.log, 0.0])
    x = np.array([-1.0, 0.0, 2.0])
    for p, slope in ((x, [0.0, 0.0, 0.5]), (x[:2], [0.0, 0.0])):
        same(UNDER[under](covector.grad(lambda x: np.sum(f(x))))(p), np.array(slope))
        same(covector.grad(lambda x: np.sum(UNDER[under](f)(x)))(p), np.array(slope))
    same(UNDER[under](covector.hessian(lambda x: np.sum(f(x))))(x), np.diag([0.0, 0.0, -0.25]))


def test_a_condition_of_another_shape_selects_nothing() -> None:
    f = lambda x: np.piecewise(x, [x[:2] > 0], [1.0])
    with pytest.raises(IndexError):
        f(X)
    with pytest.raises(IndexError, match="piecewise: a condition of shape"):
        covector.jit(f)(X)
