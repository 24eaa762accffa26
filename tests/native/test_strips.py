"""Blocks of rows give what the whole arrays give: all sizes are made to be worth it here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same import agree, program_of

import covector as cv
from covector.backends.native import segments, strips

R = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    make_all_worth_it(monkeypatch)
    yield


def make_all_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "LARGE", 1)
    monkeypatch.setattr(strips, "BLOCK", 1)


def loops(f: Callable[..., Any], *args: Any) -> int:
    return sum(e.primitive.name == "scan" for e in segments.equations_of(segments.prepared(program_of(f, *args))))


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def standard(x: Any) -> Any:
    d = x - np.mean(x, axis=0)
    return d / np.sqrt(np.mean(d * d, axis=0) + 1e-3)


def layer_norm(x: Any) -> Any:
    d = x - np.mean(x, axis=1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=1, keepdims=True) + 1e-3)


N, D, K = 24, 5, 3
X, W, V, Y, P = (R.normal(size=s) for s in [(N, D), (D,), (D, K), (N,), (N, K)])

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "least squares": (cv.grad(lambda w, x: np.sum((x @ w - Y) ** 2)), (W, X), 1),
    "logistic": (cv.value_and_grad(lambda w, b: np.mean(np.logaddexp(0.0, X @ w + b) - Y * (X @ w + b)), (0, 1)), (W, 0.1), 1),
    "softmax regression": (cv.grad(lambda v: -np.sum(P * np.log(softmax(X @ v)))), (V,), 1),
    "in the data too": (cv.grad(lambda v, x: -np.sum(P * np.log(softmax(x @ v))), (0, 1)), (V, X), 1),
    "rows and their sum": (lambda x: (softmax(x), np.sum(softmax(x), axis=0)), (X,), 1),
    "two passes": (lambda x: standard(x) * 2.0, (X,), 0),
    "after two passes": (lambda x: np.sum(softmax(standard(x) @ V) ** 2, axis=0), (X,), 1),
    "normed rows": (cv.grad(lambda x, v: np.sum(np.tanh(layer_norm(x) @ v)), (0, 1)), (X, V), 1),
    "weighted products": (lambda x, v: (x * np.sum(softmax(x @ v), axis=1)[:, None]).T @ x, (X, V), 1),
    "a column": (lambda x, c: np.sum(softmax(x * c), axis=0), (X, Y[:, None]), 1),
    "a row for all": (lambda x, w: np.sum(softmax(x * w), axis=0), (X, W[None]), 1),
    "a leading axis of one": (lambda x: np.sum(np.exp(x - np.max(x, axis=2, keepdims=True)), axis=1), (X[None],), 1),
    "rows that are matrices": (lambda x: np.einsum("nij,nj->i", x, np.sum(x, axis=1)), (R.normal(size=(N, 3, 3)),), 1),
    "products for each row": (lambda x, v: np.sum(np.einsum("ni,ik->nk", x, v) * P, axis=0), (X, V), 1),
    "two loops": (lambda x: np.sum(softmax(x @ (x.T @ softmax(x))) * x, axis=0), (X,), 2),
    "Hessian-vector product": (lambda v, t: cv.jvp(cv.grad(lambda v: np.sum(softmax(X @ v) * P)), (v,), (t,)), (V, V + 1), 1),
    "masks": (lambda x: np.sum(np.where(x > np.mean(x, axis=1, keepdims=True), x, 0.0), axis=0), (X,), 1),
    "integers": (lambda x: np.sum(x * np.sum(x, axis=1, keepdims=True), axis=0), ((X * 9).astype(np.int64),), 1),
    "a number of booleans": (lambda x: np.sum(x == np.max(x, axis=1, keepdims=True), axis=0), (X,), 1),
    "the array whole, too": (lambda x: np.sum(x @ (x.T @ x) * x, axis=0), (X,), 1),
    "a prime number of rows": (cv.grad(lambda w, x: np.sum((x @ w) ** 2)), (W, R.normal(size=(67, D))), 1),
    "a prime number of rows that are wanted": (lambda x: softmax(x) @ V, (R.normal(size=(67, D)),), 0),
    "a few rows": (cv.grad(lambda w, x: np.sum((x @ w) ** 2)), (W, X[:23]), 0),
    "for several vectors": (cv.vmap(cv.grad(lambda w: np.sum(np.tanh(X @ w) ** 2))), (V.T,), 1),
    "for several vectors, all rows": (cv.vmap(lambda w: np.exp(X @ w) / np.sum(np.exp(X @ w * X[:, 0]))), (V.T,), 0),
    "in a loop": (lambda w: cv.lax.fori_loop(0, 3, lambda i, w: w - ((X @ w) @ X).astype(w.dtype) * 0.01, w), (W,), 2),
    "only elements": (cv.grad(lambda x: np.sum(np.sin(x) * x)), (X,), 0),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_programs(name: str, dtype: Any) -> None:
    f, args, count = PROGRAMS[name]
    args = tuple(a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args)
    assert loops(f, *args) == count
    agree(f, *args, ulps=64, eps=np.finfo(dtype).eps)
    agree(f, *(np.asfortranarray(a)[...] if isinstance(a, np.ndarray) else a for a in args), ulps=64, eps=np.finfo(dtype).eps)


def test_what_is_no_number_or_zero_stays_so() -> None:
    x = X.copy()
    x[:, 0], x[4, 2], x[7, 3], x[9, 3] = -0.0, np.inf, np.inf, -np.inf
    f = lambda x: np.sum(x * np.sign(np.max(np.abs(x), axis=1, keepdims=True)), axis=0)
    assert loops(f, x) == 1
    found = cv.jit(f, backend="native")(x)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found, f(x))
    assert found[0] == 0.0 and np.isinf(found[2]) and np.isnan(found[3])


def test_the_order_of_magnitude_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    f = cv.grad(lambda w, x: np.sum((x @ w) ** 2))
    assert [loops(f, W, np.ones((n, 5))) for n in (200, 10_000, 40_000)] == [0, 0, 1]


def matern(length: Any, x: Any) -> Any:
    z = x / np.exp(length)
    squares = np.sum(z * z, axis=1)
    d = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2.0 * z @ z.T, 0.0) + 1e-9)
    return np.sum((1.0 + d + d * d / 3.0) * np.exp(-d))


def test_what_is_read_by_the_blocks_alone_is_made_in_them() -> None:
    """Numbers, and rows and columns that are made as large as the array: what comes before the loop has only their size."""
    f, x = cv.grad(matern), R.normal(size=(N, 2))
    agree(f, np.zeros(2), x, ulps=2**8)
    equations = segments.prepared(program_of(f, np.zeros(2), x)).equations
    last = max(i for i, e in enumerate(equations) if e.primitive.name == "scan")
    assert max(v.aval.size for e in equations[:last] for v in e.outputs) < N * N


def test_sums_in_single_precision_keep_their_digits() -> None:
    x = R.uniform(1, 2, (2**15, D)).astype(np.float32)
    f = lambda x: np.sum(x / np.max(x, axis=1, keepdims=True))
    assert loops(f, x) == 1
    exact = np.sum(x.astype(np.float64) / np.max(x, axis=1, keepdims=True))
    assert abs(cv.jit(f, backend="native")(x) / exact - 1) < 3e-7
    agree(f, x.astype(np.float16), ulps=0)


UNARY = [np.tanh, np.negative, lambda x: np.maximum(x, 0.1), lambda x: x * 0.5, np.square]
ALONG = [lambda x: np.max(x, 1), lambda x: np.mean(x, 1), lambda x: np.sum(x * x, 1)]
OVER = [lambda x: np.sum(x, axis=0), lambda x: np.mean(x, axis=0, keepdims=True), lambda x: np.sum(x)]


@st.composite
def programs(draw: st.DrawFn) -> Callable[..., Any]:
    """Programs of a matrix of rows, of a vector for each row, and of what belongs to all rows."""
    which = st.integers(0, 20)
    steps = draw(st.lists(st.tuples(st.integers(0, 8), which, which, which), min_size=3, max_size=9))

    def program(x: Any, v: Any) -> Any:
        rows, all_rows = [x, np.sin(x)], [v[0]]
        for kind, i, j, k in steps:
            a, b, w = rows[i % len(rows)], rows[j % len(rows)], all_rows[k % len(all_rows)]
            if kind < 2:
                rows.append(UNARY[k % len(UNARY)](a))
            elif kind == 2:
                rows.append(a - ALONG[k % len(ALONG)](b)[:, None])
            elif kind == 3:
                rows.append(np.tanh(a @ v) @ v.T + b)
            elif kind == 4:
                rows.append(a * w)
            elif kind == 5:
                all_rows.append(OVER[k % 2](a).reshape(-1) + v[1])
            elif kind == 6:
                all_rows.append((np.tanh(a).T @ b)[k % 3] * 0.1)
            elif kind == 7:
                rows.append(np.where(a - b > 0.013, a, w))  # no two ways of rounding decide it
            else:
                rows.append(a.T.reshape(3, -1).T[:: -1 if k % 2 else 1] + b)
        return rows[-1], rows[len(rows) // 2], all_rows

    return program


@settings(max_examples=40, deadline=None)
@given(programs(), st.sampled_from([16, 24, 67]))
def test_random_programs(program: Callable[..., Any], n: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_all_worth_it(monkeypatch)
        x, v = np.linspace(-0.9, 1.1, 3 * n).reshape(n, 3) ** 3, np.array([[0.3, -0.2, 0.9], [0.1, 0.5, -0.7], [0.2, 0.2, 0.4]])
        agree(program, x, v, ulps=2**12, summed=1.0)
        loss = lambda x, v: sum(np.sum(np.tanh(r)) for r in cv.tree.leaves(program(x, v)))
        agree(cv.grad(loss, (0, 1)), x, v, ulps=2**14, summed=1.0)
