"""Places in sorted vectors, and what is made of them: interpolation, histograms, tables in loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from same import agree

import covector as cv
from covector import lax

R = np.random.default_rng(0)
DTYPES = [("f8", "f8"), ("f4", "f4"), ("f8", "f4"), ("f4", "i8"), ("i8", "i8"), ("i4", "f8"), ("u1", "i4"), ("i8", "u8")]


def sorted_vector(n: int, dtype: str) -> Any:
    a = np.sort(np.abs(R.normal(size=n) * 20).astype(dtype))
    if dtype[0] == "f" and n > 4:
        a[0], a[-2:] = -np.inf, np.nan
    return a


def values(a: Any, dtype: str) -> Any:
    v = np.abs(R.normal(size=(3, 11)) * 20).astype(dtype)
    with np.errstate(invalid="ignore"):
        v.flat[: min(len(a), 8)] = np.nan_to_num(a[:8], nan=1.0, neginf=2.0).astype(dtype)
    if dtype[0] == "f":
        v[1, :4] = np.nan, np.inf, -np.inf, -0.0
    return v


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 33])
def test_places(n: int, side: Any) -> None:
    for dtype, of_values in DTYPES:
        a = sorted_vector(n, dtype)
        v = values(a, of_values)
        search = lambda a, v: np.searchsorted(a, v, side=side)
        agree(search, a, v)
        agree(search, a, v[1, 0])


def test_a_vector_for_each_value_or_row() -> None:
    a, v = np.sort(R.normal(size=(2, 4, 9)), axis=2), R.normal(size=(2, 4, 6))
    a[0, 0, -1] = v[1, 1, 1] = np.nan
    agree(cv.vmap(cv.vmap(np.searchsorted)), a, v)
    agree(cv.vmap(np.searchsorted), a[0], v[0, :, 0])
    agree(cv.vmap(np.searchsorted, (None, 0)), a[0, 1], v[0])


def test_what_searches() -> None:
    x, places = R.uniform(-1, 2, 50), np.linspace(0, 1, 20)
    agree(lambda x: np.interp(x, places, np.sin(places)), x, ulps=8)
    agree(cv.grad(lambda y: np.sum(np.interp(x, places, y) ** 2)), np.cos(places), ulps=16)
    agree(lambda x: (np.digitize(x, places), np.digitize(x, places[::-1]), np.histogram(x, 7, (0, 1))[0]), x)


def test_tables_in_loops_do_not_keep_them_from_being_compiled() -> None:
    times, forces = np.linspace(0, 1, 30), np.sin(np.linspace(0, 9, 30))

    def final(rate: Any) -> Any:
        step = lambda y, t: (y + 0.01 * (np.interp(t, times, forces) - rate * y), None)
        return lax.scan(step, np.float64(1.0), np.linspace(0, 1, 100))[0]

    agree(final, np.float64(0.7), ulps=64)
    agree(cv.grad(final), np.float64(0.7), ulps=256)
