"""What the tests of contractions and of linear algebra share: random arrays, and calls of NumPy tried on tracers."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

import covector

_generators: dict[str, np.random.Generator] = {}


def generator() -> np.random.Generator:
    """Random numbers for the running test: the same ones in whatever order tests run."""
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


def leaves(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def outcome(f: Callable[[], Any]) -> Any:
    """What a call returns, or the exception that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f()
        except Exception as e:
            return e


def same_as_numpy(f: Callable[..., Any], *args: Any, tolerance: float | None = None) -> None:
    """A call gives on tracers, in the place of any one argument, what it gives on arrays: values, types and kinds of errors."""
    expected = outcome(lambda: f(*args))
    for i, x in enumerate(args):
        if not (isinstance(x, np.ndarray) and x.dtype.kind in "fc"):
            continue

        def with_tracer(x: Any, i: int = i) -> Any:
            return f(*args[:i], x, *args[i + 1 :])

        # For one known value, and staged.
        for call in (lambda x: covector.jvp(with_tracer, (x,), (x,))[0], covector.jit(with_tracer)):
            actual = outcome(lambda call=call, x=x: call(x))
            if isinstance(expected, Exception):
                assert isinstance(actual, type(expected)), (expected, actual)
                continue
            assert not isinstance(actual, Exception), actual
            assert len(leaves(actual)) == len(leaves(expected))
            for a, e in zip(map(np.asarray, leaves(actual)), map(np.asarray, leaves(expected)), strict=True):
                assert (a.shape, a.dtype) == (e.shape, e.dtype)
                eps = np.finfo(e.dtype).eps if e.dtype.kind in "fc" else 0.0
                limit = 1e3 * float(eps) if tolerance is None else tolerance
                np.testing.assert_allclose(a, e, rtol=limit, atol=limit)
