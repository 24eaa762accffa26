"""Products that threads share are to the bit what one thread computes, and what NumPy says: all are taken to be large here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from same import agree, program_of

import covector as cv
from covector.backends.native import backend, products, teams

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

SHAPES: list[tuple[str, tuple[int, ...], tuple[int, ...], int | None]] = [
    ("ij,jk->ik", (40, 30), (30, 400), 1),
    ("ij,jk->ik", (33, 70), (70, 1000), 1),
    ("ij,jk->ik", (200, 600), (600, 311), 1),
    ("ij,ik->jk", (30, 1600), (30, 130), 0),
    ("ij,kj->ik", (40, 300), (500, 300), 1),
    ("ij,jk->ik", (1600, 20), (20, 10), 0),
    ("ij,jk->ik", (1793, 9), (9, 12), 0),
    ("ij,jk->ik", (1700, 300), (300, 70), 0),
    ("bij,bjk->bik", (12, 9, 7), (12, 7, 20), 0),
    ("bij,bkj->bik", (13, 5, 30), (13, 40, 30), 0),
    ("bchi,chij->bcj", (4, 3, 4, 5), (3, 4, 5, 30), None),
    ("ij,jk->ik", (5, 5), (5, 5), None),
]
"""Products, and the axis of the result of which three threads do parts."""


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "SHARED", 0)
    for module in (products, teams):
        monkeypatch.setattr(module, "workers", lambda: 3)


def operands(first: tuple[int, ...], second: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=first).astype(dtype), rng.normal(size=second).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("spec", "first", "second", "axis"), SHAPES)
def test_parts(spec: str, first: Any, second: Any, axis: int | None, dtype: Any, three: None) -> None:
    x, y = operands(first, second, dtype)
    f = lambda x, y: np.einsum(spec, x, y)
    agree(f, x, y, ulps=40)
    program = program_of(f, x, y)
    shared = backend.compiled(program)
    with pytest.MonkeyPatch.context() as alone:
        alone.setattr(products, "workers", lambda: 1)
        (wanted,) = backend.compiled(program_of(f, x, y))(x, y)
    for _ in range(5):
        np.testing.assert_array_equal(shared(x, y)[0], wanted)
    (equation,) = program.equations
    spots = [np.empty(v.aval.shape, np.int8) for v in (*equation.inputs, *equation.outputs)]
    split = products.packed(products.shape_of(equation, spots)).split()
    found = None if split is None else equation.params["spec"].split("->")[1].index(split[0])
    assert dtype is np.float32 or found == axis


def test_sums_of_products_in_a_loop(three: None) -> None:
    x, y = operands((64, 64), (64, 640), np.float64)
    f = lambda x, y: cv.lax.scan(lambda c, a: (c + a, np.sin(x @ (y + c))), 0.0, np.arange(3.0))
    agree(f, x, y, ulps=40)


def test_calls_at_once(three: None) -> None:
    x, y = operands((200, 300), (300, 500), np.float64)
    f = cv.jit(lambda x, y: np.tanh(x @ y * 0.01) @ y.T, backend="native")
    wanted = np.tanh(x @ y * 0.01) @ y.T
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: f(x, y), range(64)):
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def test_who_asks_for_fewer_threads_gets_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = teams.workers.__wrapped__
    for name in teams.ASKED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(teams.os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(teams.sys, "platform", "linux")
    assert counted() == teams.MOST
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert counted() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert counted() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert counted() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(teams.sys, "platform", "win32")
    assert counted() == 1
