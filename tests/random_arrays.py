"""Random arrays for tests: the same ones for a test in whatever order tests run."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np

_generators: dict[str, np.random.Generator] = {}


def generator() -> np.random.Generator:
    """Random numbers for the running test."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    if test not in _generators:
        _generators.clear()
        _generators[test] = np.random.default_rng(zlib.crc32(test.encode()))
    return _generators[test]


def array(*shape: int, dtype: Any = np.float64) -> Any:
    """Random numbers; complex where the dtype is."""
    rng = generator()
    x = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.normal(size=shape)
    return np.asarray(x, dtype)


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian(x: Any) -> Any:
    return 0.5 * (x + adjoint(x))


def positive_definite(*shape: int, dtype: Any = np.float64) -> Any:
    x = array(*shape, dtype=dtype)
    return (x @ adjoint(x) + shape[-1] * np.eye(shape[-1])).astype(dtype)
