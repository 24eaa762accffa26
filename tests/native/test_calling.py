"""The entry of a compiled program: what it takes itself, what it hands on, memory, and threads."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
import threading
from typing import Any

import numpy as np
import pytest
from same import program_of

import covector as cv
from covector.backends.native import entry as entries
from covector.backends.native.program import Native
from covector.backends.native.segments import partitioned

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


def native_of(f: Any, *args: Any) -> Native:
    (eqn,) = partitioned(program_of(f, *args)).equations
    return Native(eqn.params["program"].jaxpr, eqn.params["program"].takes_integers)


def entry_of(f: Any, *args: Any) -> tuple[Any, list[Any]]:
    """A compiled function, and what it has handed on."""
    handed: list[Any] = []

    def otherwise(*args: Any) -> list[Any]:
        handed.append(args)
        return ["otherwise"]

    return entries.entry(native_of(f, *args), otherwise), handed


X = np.arange(6.0).reshape(2, 3)


class Matrix(np.ndarray):  # type: ignore[type-arg]
    """A subclass, which may compute otherwise."""


@pytest.mark.parametrize(
    "x",
    [
        X.T.copy().T, X[:, ::-1], np.arange(12.0).reshape(2, 6)[:, ::2], X.astype(np.float32), X.astype(">f8"), X.astype(int),
        X.reshape(3, 2), X.reshape(6), np.ones((2, 4)), X.view(Matrix), X.tolist(), 2.0, None, np.float64(1.0),
        np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float64).reshape(2, 3), np.broadcast_to(np.ones(3), (2, 3)),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_not_exactly_right_is_handed_on(x: Any) -> None:
    run, handed = entry_of(lambda x: x * 2.0, X)
    aligned = not isinstance(x, np.ndarray) or x.flags.aligned
    if type(x) is np.ndarray and x.dtype == X.dtype and x.shape == X.shape and x.flags.c_contiguous and aligned:
        np.testing.assert_array_equal(run(x)[0], x * 2.0)
        assert not handed
    else:
        assert run(x) == ["otherwise"] and handed[0][0] is x


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_arguments_is_handed_on(count: int) -> None:
    run, handed = entry_of(lambda x, y: x * y, X, X)
    assert run(*[X] * count) == ["otherwise"] and len(handed[0]) == count


def test_numbers_of_python_and_numpy() -> None:
    run, handed = entry_of(lambda x, y: (x * y, np.sum(y) + x), 2.0, X)
    assert type(run(3.0, X)[1]) is np.float64 and run(3.0, X)[1] == 18.0
    for x in (np.float64(3.0), np.float32(3.0), np.array(3.0), True, None, "3"):
        assert run(x, X) == ["otherwise"]
    assert len(handed) == 6
    weak, _ = entry_of(lambda x: x * 2.0, 2.0)
    assert type(weak(3.0)[0]) is float and weak(3.0) == [6.0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8, np.uint16, np.bool_])
def test_numbers_and_arrays_without_axes(dtype: Any) -> None:
    x = dtype(1)
    run, handed = entry_of(lambda x, y: (x * y, np.sum(y) * x), x, X.astype(dtype))
    for value in (x, np.array(x)):
        outs = run(value, X.astype(dtype))
        np.testing.assert_array_equal(outs[0], value * X.astype(dtype))
        assert outs[1].dtype == (value * np.sum(X.astype(dtype))).dtype
    other = np.float32 if dtype is not np.float32 else np.float64
    for wrong in (other(1), np.array(other(1)), 1.0, np.ones(1, dtype), np.ones((), dtype).view(Matrix), True):
        assert run(wrong, X.astype(dtype)) == ["otherwise"]
    assert len(handed) == 6


def test_no_object_is_kept_or_lost() -> None:
    run, handed = entry_of(lambda x: (x * 2.0, np.sum(x), x[0] + 1.0), X)
    x = X.copy()
    for _ in range(10):
        run(x), run(None)
    gc.collect()
    before = sys.getrefcount(x), sys.getrefcount(X.dtype), sys.getrefcount(None), len(gc.get_objects())
    for _ in range(1000):
        run(x), run(None)
    handed.clear()
    after = sys.getrefcount(x), sys.getrefcount(X.dtype), sys.getrefcount(None), len(gc.get_objects())
    assert before[0] == after[0]
    assert all(abs(a - b) < 500 for a, b in zip(before[1:], after[1:], strict=True))
    outs = run(x)
    assert [sys.getrefcount(o) for o in outs] == [3, 3, 3]  # the list, the loop, the call
    assert outs[0].flags.owndata and outs[0].flags.writeable and outs[0].base is None


def test_each_call_has_results_of_its_own() -> None:
    run, _ = entry_of(lambda x: x * 2.0, X)
    first, second = run(X)[0], run(X + 1)[0]
    np.testing.assert_array_equal(first, X * 2.0)
    np.testing.assert_array_equal(second, X * 2.0 + 2.0)


def test_threads_call_the_same_function() -> None:
    """A program that lets other threads run: its workspace is for one of them, the others get memory of their own."""
    f = lambda x: np.sum(np.sin(x)[::-1] * x)
    x = np.linspace(0.0, 1.0, 300_000)
    run, handed = entry_of(f, x)
    wanted, found = [f(x * k) for k in range(4)], [[] for _ in range(4)]  # type: ignore[var-annotated]

    def work(k: int) -> None:
        y = x * k
        for _ in range(20):
            found[k].append(run(y)[0])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not handed
    for k in range(4):
        assert len(set(found[k])) == 1  # the same bits each time
        np.testing.assert_allclose(found[k][0], wanted[k], rtol=1e-12)


def guarded(x: Any) -> tuple[Any, Any]:
    """A copy of an array that ends where memory ends that may be read."""
    page = mmap.PAGESIZE
    pages = -(-x.nbytes // page) + 1
    memory = mmap.mmap(-1, pages * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    end = (pages - 1) * page
    assert ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(address + end), page, 0) == 0
    copy = np.frombuffer(memory, x.dtype, x.size, end - x.nbytes).reshape(x.shape)
    copy[...] = x
    return copy, memory


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected by a call of Linux")
@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 17, 100])
def test_nothing_is_read_beyond_an_array(n: int) -> None:
    """A read beyond ends the process."""
    x = np.random.default_rng(0).normal(size=(n, n))
    for f in (
        lambda x: (np.sum(np.tanh(x), axis=0), np.sum(x, axis=1), x.T * 2.0, x[::2, ::-1] + 1.0, np.max(x)),
        lambda x: (x @ x, x.T @ x, x @ x[0], np.concatenate([x, x * 2.0])),
    ):
        copy, _memory = guarded(x)
        run, handed = entry_of(f, x)
        for a, b in zip(run(copy), f(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
        assert not handed


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected by a call of Linux")
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float16])
@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 16, 17, 100])
def test_nothing_is_read_beyond_an_array_of_another_type(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(n, n)) + (1j * rng.normal(size=(n, n)) if dtype is not np.float16 else 0)).astype(dtype)
    first = -1 if dtype is np.float16 else 0  # whose sums over others are NumPy's
    for f in (
        lambda x: (np.sum(np.exp(x), axis=first), np.sum(x, axis=1), x.T * 2, x[::2, ::-1] + 1, x.real * 3),
        lambda x: (x @ x, x.T @ x, x @ x[0], np.concatenate([x, x * 2])),
    ):
        copy, _memory = guarded(x)
        run, handed = entry_of(f, x)
        for a, b in zip(run(copy), f(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e3 * np.finfo(dtype).eps, atol=100 * np.finfo(dtype).eps)
        assert not handed


def test_without_the_known_layout_it_goes_through_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "is_laid_out_as_known", lambda: False)
    run, handed = entry_of(lambda x, y: (x * y, np.sum(x), y * 2.0), X, 2.0)
    outs = run(X, 3.0)
    np.testing.assert_array_equal(outs[0], X * 3.0)
    assert outs[1] == 15.0 and type(outs[2]) is float
    assert run(X.astype(np.float32), 3.0) == ["otherwise"] and len(handed) == 1


def test_the_layout_is_what_the_code_reads() -> None:
    assert entries.is_laid_out_as_known()


def test_integers_of_python() -> None:
    run, handed = entry_of(lambda x, n: (x * n, n + 1, n < x), X, 3)
    for n in (3, 0, -5, 2**40 - 1, -(2**40)):
        x, following, less = run(X, n)
        np.testing.assert_array_equal(x, X * n)
        np.testing.assert_array_equal(less, n < X)
        assert (following, type(following), handed) == (n + 1, int, [])
    for n in (2**40 + 1, 2**62, 2**63, -(2**70), True, np.int64(3), 3.0):
        assert run(X, n) == ["otherwise"]


def repeated(f: Any, n: int) -> Any:
    for _ in range(30):
        n = f(n)
    return n


GROWING = [
    lambda n: n * n, lambda n: n * 1000, lambda n: n << 20, lambda n: n // 7, lambda n: n % 7 / 3,
    lambda n: repeated(lambda n: n + n, n), lambda n: repeated(lambda n: n - 3 * n, n), lambda n: repeated(lambda n: n + 1, n),
    lambda n: cv.lax.cond(n > 0, lambda: n * 2**22, lambda: n - 1),
    lambda n: repeated(lambda m: m + n, n) * 2**18 // 2**18,
]  # fmt: skip


@pytest.mark.parametrize("f", GROWING)
def test_integers_of_python_that_may_grow_are_left_to_it(f: Any) -> None:
    wanted, found = (cv.jit(lambda x, n: (f(n), x * 2.0), backend=b) for b in ("numpy", "native"))
    for n in (3, 0, -3, 2**39, -(2**39) - 1):
        for a, b in zip(found(X, n), wanted(X, n), strict=True):
            np.testing.assert_array_equal(a, b)
            assert type(a) is type(b)


def test_an_integer_of_python_that_another_dtype_does_not_hold_is_an_error() -> None:
    for f in (lambda x, n: x + (n + 1), lambda x, n: cv.lax.scan(lambda c, y: (c + y * n, None), x[0], x)[0]):
        with pytest.raises(OverflowError):
            cv.jit(f, backend="native")(np.ones(3, np.int8), 200)


IN_OTHER_ORDER = {
    "transposed": np.random.default_rng(0).normal(size=(3, 40)).T,
    "reversed": np.random.default_rng(1).normal(size=(40, 3))[::-1],
    "with gaps": np.random.default_rng(2).normal(size=(40, 6))[:, ::2],
    "broadcast": np.broadcast_to(np.arange(3.0), (40, 3)),
    "a part of complex numbers": (np.random.default_rng(3).normal(size=(40, 3)) + 1j).real,
    "in C order": np.random.default_rng(4).normal(size=(40, 3)),
}


@pytest.mark.parametrize("name", IN_OTHER_ORDER)
def test_arrays_in_another_order_are_copied(name: str) -> None:
    """A loop over them runs compiled: what runs it as Python is not called."""
    x = IN_OTHER_ORDER[name]
    f = lambda x: cv.lax.scan(lambda c, row: (np.tanh(c + row), c * row), np.zeros(3), x)
    (eqn,) = partitioned(program_of(f, np.ascontiguousarray(x))).equations

    def source(jaxpr: Any) -> Any:
        def run(*args: Any) -> Any:
            pytest.fail("it ran as Python")

        return run

    part = eqn.params["program"]
    outs = part.compiled(source)(*[x if v.aval.shape == x.shape else np.zeros(v.aval.shape) for v in part.jaxpr.in_vars])
    for found, wanted in zip(outs, f(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_an_index_out_of_bounds_in_another_order_raises() -> None:
    f = cv.jit(lambda x, i: x[i] * 2.0, backend="native")
    x = np.arange(12.0).reshape(3, 4).T
    np.testing.assert_array_equal(f(x, np.int64(1)), x[1] * 2.0)
    with pytest.raises(IndexError):
        f(x, np.int64(4))


@pytest.mark.parametrize("k", [np.array(2.0), np.array(3), np.float32(2)], ids=str)
def test_numbers_beside_an_array_in_another_order_stay_without_axes(k: Any) -> None:
    f = cv.jit(lambda x, k: (np.sum(x) * k, np.stack([k, k * 2]), x[k.astype(int)]), backend="native")
    x = np.arange(12.0).reshape(3, 4).T
    for found, wanted in zip(f(x, k), f.__wrapped__(x, np.asarray(k)), strict=True):
        assert np.shape(found) == np.shape(wanted)
        np.testing.assert_array_equal(found, wanted)
