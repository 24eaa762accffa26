"""Subclasses that change operations, and dtypes without numbers, are refused; other byte orders are converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import covector
from covector import errors, lax
from covector.core.avals import typeof

X = np.array([1.0, 2.0, 3.0])
MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
MATRIX = np.matrix([[1.0, 2.0, 3.0]])


class Own(np.ndarray):
    """A subclass of the user's, whose operations may mean anything."""


REFUSED = {
    "masked": (MASKED, r"its mask would be lost[\s\S]*m\.filled\(0\.0\) and the mask"),
    "matrix": (MATRIX, r"matrix[\s\S]*np\.asarray\(m\)"),
    "own": (X.view(Own), r"Own[\s\S]*np\.asarray\(m\)"),
    "objects": (np.array([1.0, None, 2.0]), r"dtype object[\s\S]*astype\(float\)"),
    "text": (np.array(["a", "b", "c"]), r"dtype <U1"),
    "dates": (np.array(["2020-01-01"] * 3, "datetime64[s]"), r"datetime64\[s\][\s\S]*timedelta64"),
    "structured": (np.zeros(3, [("a", float)]), r"the fields as arrays of their own"),
}

ENTRIES: dict[str, Callable[[Any], Any]] = {
    "grad": lambda m: covector.grad(np.sum)(m),
    "value_and_grad": lambda m: covector.value_and_grad(np.sum)(m),
    "jvp": lambda m: covector.jvp(np.sum, (m,), (m,)),
    "tangent": lambda m: covector.jvp(np.sin, (np.asarray(m, float),), (m,)),
    "vjp": lambda m: covector.vjp(np.sin, m),
    "cotangent": lambda m: covector.vjp(np.sin, np.asarray(m, float))[1](m),
    "linearize": lambda m: covector.linearize(np.sum, m),
    "hessian": lambda m: covector.hessian(np.sum)(m),
    "jacfwd": lambda m: covector.jacfwd(np.sin)(m),
    "vmap": lambda m: covector.vmap(np.sum)(m[None]),
    "jit": lambda m: covector.jit(np.sum)(m),
    "in a tree": lambda m: covector.jit(lambda tree: tree)({"a": [m]}),
    "eval_shape": lambda m: covector.eval_shape(np.sum, m),
    "make_jaxpr": lambda m: covector.make_jaxpr(np.sum)(m),
    "checkpoint": lambda m: covector.jit(covector.checkpoint(np.sum))(m),
    "scan, carry": lambda m: lax.scan(lambda c, _: (c, None), m, None, length=2),
    "scan, columns": lambda m: lax.scan(lambda c, x: (c, None), 0.0, m),
    "fori_loop": lambda m: lax.fori_loop(0, 2, lambda i, c: c, m),
    "while_loop": lambda m: lax.while_loop(lambda c: False, lambda c: c, m),
    "cond, traced": lambda m: covector.jit(lambda p: lax.cond(p, lambda v: v, lambda v: v, m))(True),
    "result of jit": lambda m: covector.jit(lambda x: (x, m))(X),
    "result of jvp": lambda m: covector.jvp(lambda x: (x, m), (X,), (X,)),
    "result of vmap": lambda m: covector.vmap(lambda x: m)(X),
    "callback": lambda m: covector.jit(lambda x: covector.pure_callback(lambda v: m, X, x))(X),
}

MEETINGS: dict[str, Callable[[Any, Any], Any]] = {
    "operator": lambda x, m: x * m,
    "ufunc": lambda x, m: np.arctan2(x, m),
    "function": lambda x, m: np.dot(x, m.T),
    "where": lambda x, m: np.where(x > 0, x, m),
    "concatenate": lambda x, m: np.concatenate([np.atleast_2d(x), m.reshape(1, 3)]),
    "stack": lambda x, m: np.stack([x, m.reshape(3)]) if type(m) is not np.matrix else np.stack([x[None], m]),
    "at": lambda x, m: covector.at(x)[:].set(m),
    "at of it": lambda x, m: covector.at(m)[0].set(x[0]),
    "reflected operator": lambda x, m: m * x,
}

TRACED: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: covector.grad(lambda x: np.sum(f(x)))(X),
    "jit": lambda f: covector.jit(f)(X),
    "vmap": lambda f: covector.vmap(f)(np.stack([X, X])),
    "jit(grad)": lambda f: covector.jit(covector.grad(lambda x: np.sum(f(x))))(X),
    "jvp": lambda f: covector.jvp(f, (X,), (X,)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_wherever_a_value_enters(kind: str) -> None:
    value, text = REFUSED[kind]
    for place, enter in ENTRIES.items():
        if place in ("tangent", "cotangent", "callback") and value.dtype != float:
            continue  # there is no primal like it, and what a callback returns has a declared type
        with pytest.raises(errors.CovectorError, match=text):
            print(place, enter(value))


@pytest.mark.parametrize("kind", ["masked", "matrix", "own"])
@pytest.mark.parametrize("transformation", TRACED)
def test_refused_where_it_meets_a_traced_value(kind: str, transformation: str) -> None:
    value, text = REFUSED[kind]
    for name, meet in MEETINGS.items():
        # numpy.ma asks the other operand for its array, before covector is asked
        masked_first = kind == "masked" and name in ("reflected operator",)
        with pytest.raises(errors.CovectorError, match="NumPy array" if masked_first else text):
            print(name, TRACED[transformation](lambda x: meet(x, value)))  # noqa: B023


def test_what_the_error_says_to_write_is_right() -> None:
    data, mask = MASKED.filled(0.0), np.ma.getmaskarray(MASKED)
    f = lambda w: np.mean((w * data - 1.0) ** 2, where=~mask)
    masked = lambda w: float(np.mean((w * MASKED - 1.0) ** 2))
    assert covector.value_and_grad(f)(2.0)[0] == masked(2.0)
    np.testing.assert_allclose(covector.grad(f)(2.0), (masked(2 + 1e-6) - masked(2 - 1e-6)) / 2e-6, rtol=1e-6)


def test_memmaps_and_read_only_arrays_are_arrays(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(3,))
    mapped[:] = X
    fixed = X.copy()
    fixed.setflags(write=False)
    for x in (mapped, fixed, np.repeat(X, 2)[::2], X[::-1][::-1]):
        for transform in (covector.jit, covector.grad, lambda f: covector.vmap(f)):
            g = transform(lambda y: np.sum(np.sin(y) * x))  # noqa: B023
            np.testing.assert_array_equal(g(x), g(X))
    np.testing.assert_array_equal(covector.jit(np.sin)(np.zeros((0, 2))), np.zeros((0, 2)))


# --- byte order -----------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin,
    "sum": np.sum,
    "prod": np.prod,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "norm": np.linalg.norm,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "max": np.max,
    "sort": np.sort,
    "product": lambda x: x @ x,
    "outer": lambda x: np.outer(x, x),
    "polynomial": lambda x: x * x + 1,
    "quotient": lambda x: x / 2,
    "power": lambda x: x**2,
    "where": lambda x: np.where(abs(x) > 1, x, 0),
    "concatenate": lambda x: np.concatenate([x, x]),
    "index": lambda x: x[[0, 2]],
    "take": lambda x: np.take(x, np.array([0, 1])),
    "set": lambda x: covector.at(x)[1].set(2),
    "add": lambda x: covector.at(x)[[0, 1]].add(x[:2]),
    "scan": lambda x: lax.scan(lambda c, y: (c + y, c * y), x[0], x)[1],
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: c + c, x),
    "checkpoint": covector.checkpoint(lambda x: np.cos(x) * x),
    "jit": covector.jit(np.tanh),
    "fft": lambda x: np.real(np.fft.fft(x)),
    "solve": lambda x: np.linalg.solve(np.outer(x, x) + 4 * np.eye(3), x),
}

WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "jit": lambda f, x: covector.jit(f)(x),
    "vmap": lambda f, x: covector.vmap(f)(np.stack([x, x]).astype(x.dtype)),
    "jvp": lambda f, x: covector.jvp(f, (x,), (x,)),
    "vjp": lambda f, x: covector.vjp(f, x)[1](covector.vjp(f, x)[0]),
    "jit(jvp)": lambda f, x: covector.jit(lambda x: covector.jvp(f, (x,), (x,)))(x),
    "hessian": lambda f, x: covector.hessian(lambda x: np.sum(np.real(f(x))))(x),
    "closed over": lambda f, x: covector.jit(lambda s: (f(s * x), f(x)))(2.0),
    "vmap(grad)": lambda f, x: covector.vmap(covector.grad(lambda s: np.sum(abs(f(s * x)))))(np.ones(2)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "c16"])
def test_other_byte_orders_give_what_the_native_one_gives(dtype: str) -> None:
    native, other = X.astype(dtype), X.astype(">" + dtype)
    assert typeof(other) == typeof(native)
    for name, f in FUNCTIONS.items():
        for way, transform in WAYS.items():
            try:
                expected = covector.tree.leaves(transform(f, native))
            except (errors.CovectorError, TypeError):
                continue  # integers and complex numbers have no such derivative
            for a, e in zip(covector.tree.leaves(transform(f, other)), expected, strict=True):
                a, e = np.asarray(a), np.asarray(e)
                assert a.dtype.newbyteorder("=") == e.dtype, (name, way)
                if e.dtype.kind != "V":  # float0
                    np.testing.assert_allclose(a, e, rtol=1e-6, err_msg=f"{name}, {way}")
