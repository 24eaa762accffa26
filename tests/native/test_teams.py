"""What threads share is to the bit what one thread computes, and what NumPy says: all work is taken to be large here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from same import agree, program_of

import covector as cv
from covector.backends.native import backend, nests, products, teams
from covector.backends.native.program import Native
from covector.passes.legalize import legalize

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
    monkeypatch.setattr(nests, "PART", 1e-9)
    for module in (nests, products):
        monkeypatch.setattr(module, "SHARED", 0)
    for module in (nests, products, teams):
        monkeypatch.setattr(module, "workers", lambda: 3)


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (nests, products, teams):
        monkeypatch.setattr(module, "workers", lambda: 1)


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
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone(monkeypatch)
        (wanted,) = backend.compiled(program_of(f, x, y))(x, y)
    for _ in range(5):
        np.testing.assert_array_equal(shared(x, y)[0], wanted)
    (equation,) = program.equations
    spots = [np.empty(v.aval.shape, np.int8) for v in (*equation.inputs, *equation.outputs)]
    split = products.packed(products.shape_of(equation, spots)).split()
    found = None if split is None else equation.params["spec"].split("->")[1].index(split[0])
    assert dtype is np.float32 or found == axis


def blocks_added(x: Any) -> Any:
    """Each row is added to two places of a result, in which rows are half a row apart."""
    windows = lambda y: np.lib.stride_tricks.sliding_window_view(y, 8)[::4]
    return cv.vjp(windows, np.zeros(4 * len(x) + 4))[1](np.sin(x))[0]


NESTS: dict[str, tuple[Any, tuple[int, ...], bool]] = {
    "elements": (lambda x: np.exp(np.sin(x)), (1600,), True),
    "a rest of a vector": (lambda x: np.tanh(x) * x, (1603,), True),
    "nearly a vector": (lambda x: np.tanh(x) * x, (15,), False),
    "several results": (lambda x: (np.exp(x), x > 0, np.floor(x).astype(np.float32)), (803,), True),
    "rows": (lambda x: np.exp(x[:, ::2]) + x[0, ::2], (37, 60), True),
    "a transposed result": (lambda x: np.exp(x[:, :8]).T, (37, 12), True),
    "backwards": (lambda x: np.exp(x[::-1]), (801,), True),
    "sums of rows": (lambda x: np.exp(x).sum(axis=1), (41, 29), True),
    "sums of columns": (lambda x: np.exp(x).sum(axis=0), (41, 29), False),
    "sums of columns of several": (lambda x: np.exp(x).sum(axis=1), (31, 7, 9), True),
    "a sum": (lambda x: np.exp(x).sum(), (900,), True),
    "a long sum, and elements": (lambda x: (np.exp(x).sum(), np.exp(x), np.max(x), np.sum(x > 0)), (100_003,), True),
    "a sum that is added": (lambda x: cv.lax.fori_loop(0, 3, lambda i, s: s + np.sin(s * x / 9e3).sum(), 1.0), (20_000,), True),
    "a sum of every second column": (lambda x: np.exp(x[:, ::2]).sum(), (300, 200), True),
    "the largest of all, and of rows": (lambda x: (np.max(x[:, ::2] * 2), np.max(x[:, ::2] * 2, axis=1)), (90, 80), True),
    "a sum of float32": (lambda x: np.exp(x.astype(np.float32)).sum(), (70_001,), True),
    "a product": (lambda x: np.prod(1 + x * 1e-3), (5_000,), True),
    "what is the same for all": (lambda x: x * np.exp(x[0]), (700,), True),
    "elements at places": (lambda x: np.sin(x[np.arange(400) * 7 % 300]), (300,), True),
    "adding at places": (lambda x: cv.at(np.zeros(5))[np.arange(400) % 5].add(np.sin(x)), (400,), False),
    "blocks that overlap": (blocks_added, (50, 8), True),
    "what is written into an array": (lambda x: cv.at(np.sin(x))[1:].add(np.cos(x[:-1])), (500,), True),
    "a loop": (lambda x: cv.lax.fori_loop(0, 3, lambda i, y: np.sin(np.roll(y, 1)) + y, x), (333,), True),
    "numbers in pairs": (lambda x: np.exp(1j * x) * x, (205,), True),
    "a number": (lambda x: np.exp(x[3]), (5,), False),
}
"""Programs, the shape of their argument, and whether threads share any of it."""


@pytest.mark.parametrize("name", NESTS)
def test_parts_of_nests(name: str, three: None) -> None:
    f, shape, is_shared = NESTS[name]
    x = np.random.default_rng(1).normal(size=shape)
    agree(f, x, ulps=500)
    program = program_of(f, x)
    shared = backend.compiled(program)
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone(monkeypatch)
        wanted = backend.compiled(program_of(f, x))(x)
    for _ in range(5):
        for found, one in zip(shared(x), wanted, strict=True):
            np.testing.assert_array_equal(found, one)
    assert ("@covector_share" in Native(legalize(program)).text) == is_shared


def test_short_nests_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (nests, teams):
        monkeypatch.setattr(module, "workers", lambda: 4)
    text = lambda f, n: Native(legalize(program_of(f, np.ones(n)))).text
    assert "@covector_share" not in text(lambda x: np.exp(x) + x, 20_000)
    assert "@covector_share" in text(lambda x: np.exp(x) + x, 1_000_000)
    assert "@covector_share" in text(lambda x: np.sum(np.exp(x)), 1_000_000)


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
