"""Constant arrays in compiled programs: of every dtype, with equal elements and with nearly equal ones, small and large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv

FEW: dict[str, list[Any]] = {
    "zeros": [False, False, False],
    "ones": [True, True, True],
    "another first": [True, False, False],
    "another inside": [True, False, True],
    "another last": [False, False, True],
    "minus zero inside": [0.0, -0.0, 0.0],
    "minus zeros": [-0.0, -0.0, -0.0],
    "NaN": [np.nan, np.nan, np.nan],
    "NaN inside": [1, np.nan, 1],
    "imaginary parts": [1 + 2j, 1 + 2j, 1 + 2j],
    "another imaginary part": [1 + 2j, 1 - 2j, 1 + 2j],
    "minus zero as imaginary part": [1, complex(1, -0.0), 1],
}
USES: dict[str, Callable[[Any, Any], Any]] = {
    "itself": lambda x, c: c,
    "sum": lambda x, c: x + c,
    "product": lambda x, c: c * x,
    "quotient": lambda x, c: x / c,
    "choice": lambda x, c: np.where(x > 0, x, c),
    "comparison": lambda x, c: x == c,
    "product of vectors": lambda x, c: x @ c,
}


def bits(x: Any) -> Any:
    """What tells numbers apart: the dtype, the values, and the signs of zeros."""
    x = np.asarray(x)
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    return x.dtype, x.shape, [(np.where(np.isnan(p), 0, p).tolist(), (np.signbit(p) & ~np.isnan(p)).tolist()) for p in parts]


@pytest.mark.parametrize("size", [3, 300])
@pytest.mark.parametrize("dtype", "?bBiQefdFD")
@pytest.mark.parametrize("name", FEW)
def test_a_program_with_a_constant_gives_what_python_gives(name: str, dtype: str, size: int) -> None:
    few = np.array(FEW[name])
    if not np.can_cast(few.dtype, dtype, "same_kind"):
        return
    constant, x = np.repeat(few.astype(dtype), size // 3), np.linspace(-1.5, 2.0, size)
    with np.errstate(all="ignore"):
        for use, f in USES.items():
            assert bits(cv.jit(lambda x: f(x, constant))(x)) == bits(f(x, constant)), use  # noqa: B023
