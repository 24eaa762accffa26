"""Vectors that are computed two at a time give what NumPy gives: all loops are made costly, and long, enough for it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from same import agree, program_of
from test_programs import BINARY, INTEGERS, OF_INTEGERS, SPECIAL, UNARY, VIEWS, normal

import covector as cv
from covector.backends.native import entry, nests, segments
from covector.backends.native.program import Native

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


@pytest.fixture(autouse=True)
def any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nests, "has_many_registers", lambda: True)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nests, "PAIRED_COST", 0)
    monkeypatch.setattr(nests, "PAIRED_SIZE", 2)


def text_of(f: Callable[..., Any], *args: Any) -> str:
    (eqn,) = segments.partitioned(program_of(f, *args)).equations
    return entry.text_of(Native(eqn.params["program"].jaxpr))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_one_number(dtype: Any, always: None) -> None:
    with np.errstate(over="ignore"):
        x = np.resize(SPECIAL, 50).astype(dtype)
    for f in UNARY:
        agree(f, x, ulps=8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_two_numbers(dtype: Any, always: None) -> None:
    with np.errstate(over="ignore"):
        x, y = (a.ravel().astype(dtype) for a in np.meshgrid(SPECIAL, SPECIAL))
    for f in BINARY:
        agree(f, x, y, ulps=8, whole=f is not np.nextafter or dtype is np.float64)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8])
def test_functions_of_two_integers(dtype: Any, always: None) -> None:
    x, y = (a.ravel().astype(dtype) for a in np.meshgrid(INTEGERS, INTEGERS))
    for f in OF_INTEGERS:
        agree(f, x, y)


@pytest.mark.parametrize("n", [2, 3, 8, 15, 16, 17, 31, 32, 33, 47, 100])
def test_all_lengths(n: int, always: None) -> None:
    x, y = normal(n), normal(n)
    mixed = lambda x, y: np.where(x > 0, np.exp(-x), y.astype(np.float32)) + (x > 0.5) * np.sin(y)
    agree(mixed, x, y, ulps=16)
    agree(cv.grad(lambda x, y: np.sum(np.tanh(x * y) ** 2), (0, 1)), x, y, ulps=16)
    agree(lambda x, y: (np.sum(np.outer(x, y), axis=0), np.cumsum(x * y), np.max(x)), x, y, ulps=64)


@pytest.mark.parametrize("name", VIEWS)
def test_views(name: str, always: None) -> None:
    for shape in ((5, 17), (17, 5), (1, 33), (9, 16)):
        agree(VIEWS[name], normal(*shape))


def test_cost_and_length_decide() -> None:
    costly = lambda x: np.tanh(np.tanh(np.tanh(x)))
    is_paired = lambda f, x: "<16 x double>" in text_of(f, x)
    assert [is_paired(costly, normal(n)) for n in (100, 1003)] == [False, True]
    assert not is_paired(lambda x: x * 2.0, normal(1003))
    assert not is_paired(lambda x: np.sum(costly(x)), normal(1003))
    assert not is_paired(lambda x: (costly(x), np.sum(costly(x))), normal(1003))
    x = normal(1003)
    np.testing.assert_allclose(cv.jit(costly, backend="native")(x), costly(x), rtol=1e-14)
