"""``float16`` in compiled programs: all of its numbers, conversions, what moves them, loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from same import agree, compiled_equations, program_of
from test_programs import BINARY, UNARY

import covector as cv
from covector import numpy as cnp
from covector.backends import numpy as source
from covector.backends.native import backend, entry

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

ALL = np.arange(2**16, dtype=np.uint16).view(np.float16)


def ranks(x: Any) -> Any:
    """The numbers of values in their order; zeros have one."""
    bits = x.view(np.int16).astype(np.int64)
    return np.where(bits < 0, -(bits + 2**15), bits)


def near(found: Any, wanted: Any, apart: int) -> None:
    """The same type, NaN in the same places, and so many numbers apart at most; zeros with their signs."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype != np.float16:
        np.testing.assert_array_equal(found, wanted)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    number = ~np.isnan(wanted)
    assert np.max(np.abs(ranks(found[number]) - ranks(wanted[number])), initial=0) <= apart
    zero = (found == 0) & (wanted == 0)
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


def both(f: Any, *args: Any) -> tuple[Any, Any]:
    jaxpr = program_of(f, *args)
    with np.errstate(all="ignore"):
        return np.asarray(backend.compiled(jaxpr)(*args)[0]), np.asarray(source.compiled(jaxpr)(*args)[0])


@pytest.mark.parametrize("i", range(len(UNARY)))
def test_functions_of_all_numbers(i: int) -> None:
    near(*both(UNARY[i], ALL), apart=1)


@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_functions_of_two_numbers(f: Any) -> None:
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 6e-8, -6e-8, 65504, -65504, 2049, 0.1, 3], np.float16)
    few = np.concatenate([special, np.random.default_rng(0).choice(ALL[~np.isnan(ALL)], 150)])  # no signalling NaN
    x, y = (a.ravel() for a in np.meshgrid(few, few))
    near(*both(f, x, y), apart=1)


def test_conversions() -> None:
    doubles = np.concatenate([ALL[:31745].astype(float), np.random.default_rng(0).normal(size=2**14) * 1e-4])
    between = (doubles[:31743] + doubles[1:31744]) / 2  # ties, and what is next to one
    beside = np.nextafter(between, 0), np.nextafter(between, np.inf)
    doubles = np.concatenate([doubles, between, *beside, [1e300, -1e300, 1e-300, np.nan, 65519.99, 65520]])
    with np.errstate(over="ignore"):
        floats = doubles.astype(np.float32)
    for x in (doubles, -doubles, floats, np.arange(-70000, 70000, 7), np.arange(9) % 2 == 0):
        near(*both(lambda x: -x.astype(np.float16), x), apart=0)
        assert compiled_equations(program_of(lambda x: -x.astype(np.float16), x)) == (2, 0)
    for dtype in (np.float32, np.float64, np.complex64, np.complex128):
        agree(lambda x, dtype=dtype: -x.astype(dtype), ALL[np.isfinite(ALL)])
    agree(lambda x: ~x.astype(bool), ALL)


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float16)


MOVED: dict[str, Any] = {
    "each operation is rounded": lambda x: (x + 0.1) * (x + 0.3) - x * 0.7,
    "transposed": lambda x: np.reshape(x.T[::-1] * 2, -1),
    "inputs": lambda x: (x, x.T * 1, x[0, 0], x[1] + 1),
    "assembled": lambda x: np.concatenate([x, x * 3, np.stack([x[0], x[1]])]),
    "gathered": lambda x: (x[np.array([1, 0])] + 1, cnp.at(x)[1].set(0.1), cnp.at(x)[np.array([0, 0])].add(0.1)),
    "extrema": lambda x: (np.max(x, axis=0), np.argmin(x, axis=1), np.maximum(x, 0.1), np.clip(x, -0.3, 0.1)),
    "selected": lambda x: (np.where(x > 0.1, x, 0.1), x == x.T[0, 0]),
    "sums": lambda x: (np.sum(x), np.sum(x * x, axis=1), np.mean(x, axis=0)),
    "products": lambda x: (x @ x.T, x.T @ x, x[0] @ x[1]),
    "mixed": lambda x: (x * np.float32(0.1), x.astype(np.float64) + 0.1, x + np.arange(x.shape[1], dtype=np.int8)),
    "constants": lambda x: x * normal(1, x.shape[1]) + normal(2, 1)[0],
    "scan": lambda x: cv.lax.scan(lambda c, a: (np.sin(c) + a, c * 0.1), x[0], x),
    "while": lambda x: cv.lax.while_loop(lambda c: np.max(c) < 50, lambda c: c * np.float16(1.1) + 1, np.abs(x[0])),
    "gradient": cv.grad(lambda x: np.sum(np.tanh(x) ** 2)),
    "gradient of a loop": cv.grad(
        lambda x: np.sum(cv.lax.while_loop(lambda c: np.max(c) < 9, lambda c: np.sqrt(c) * 2 + c, np.abs(x)))
    ),
}


@pytest.mark.parametrize("shape", [(2, 3), (5, 17), (9, 33)])
@pytest.mark.parametrize("name", MOVED)
def test_what_moves_and_adds(name: str, shape: tuple[int, int]) -> None:
    agree(MOVED[name], normal(*shape), ulps=32)


def test_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    f = lambda x, y: (x * y, x + 1, y > x)
    agree(f, np.float16(2.5), np.float16(0.1))
    assert type(cv.jit(lambda x: x + 1, backend="native")(np.float16(2.5))) is np.float16
    monkeypatch.setattr(entry, "is_laid_out_as_known", lambda: False)
    agree(f, np.float16(2.5), normal(7))


SUMS = [
    ((40,), None), ((1000,), 0), ((3, 200), 1), ((200, 3), 0), ((20, 40), None), ((9, 9), 0), ((2, 30, 4), 1),
    ((5, 6, 7), (0, 2)), ((5, 6, 7), (1, 2)), ((5, 1, 7), (0, 2)), ((30, 1), 0),
]  # fmt: skip


@pytest.mark.parametrize("backend_name", ["native", "numpy"])
@pytest.mark.parametrize(("shape", "axis"), SUMS)
def test_sums_and_products_that_overflow_on_the_way(shape: tuple[int, ...], axis: Any, backend_name: str) -> None:
    """NumPy rounds a sum or product over the last axes once, others at each step."""
    rng = np.random.default_rng(0)
    running = () if isinstance(axis, tuple) else (np.cumsum, np.cumprod)
    for f in (np.sum, np.prod, np.mean, *running):
        numbers = [6e4, -6e4, 3e4, -3e4, 1e-4] if f in (np.sum, np.cumsum) else [6e4, 1e-4, 300, 0.003, 2, 0.5]
        compiled = cv.jit(lambda x, f=f: f(x, axis=axis), backend=backend_name)
        for _ in range(5):
            x = rng.choice(numbers, shape).astype(np.float16)
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(compiled(x), f(x, axis=axis))
