"""Faults that were found by looking for them, each by the smallest program that shows it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from same import agree, program_of

import covector as cv
from covector import numpy as cnp
from covector.backends import compiler, tiers
from covector.backends.native import backend, module

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Programs are compiled in a thread, of a compiler of this test's own."""
    monkeypatch.setenv("COVECTOR_JIT", "background")
    monkeypatch.setattr(compiler, "compiler", compiler.Compiler())
    tiers.choice.cache_clear()
    yield
    monkeypatch.undo()
    tiers.choice.cache_clear()


def is_native(f: Any, x: Any) -> bool:
    """Whether the function is compiled in the background at its second call."""
    g = cv.jit(lambda x: f(x))
    found: list[Any] = []
    real = backend.compiled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "compiled", lambda jaxpr, *rest: (found.append(jaxpr), real(jaxpr, *rest))[1])
        g(x), g(x)
        compiler.compiler.wait()
        np.testing.assert_allclose(g(x), f(x), rtol=1e-15)
    return len(found) == 1


def test_constants_in_another_byte_order() -> None:
    for kind in (">f8", ">f4", ">i8", ">i2"):
        constant = np.arange(12).astype(kind)
        agree(lambda x, c=constant: x * c + c[::-1], np.arange(12.0))
    odd = np.zeros(12 * 8 + 1, np.uint8)[1:].view(np.float64)
    odd[:] = np.arange(12)
    agree(lambda x: x * odd, np.arange(12.0))


def test_a_failure_where_warnings_are_errors_does_not_end_the_thread(background: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(str(args.exc_value)))
    with warnings.catch_warnings(), monkeypatch.context() as patch:
        warnings.simplefilter("error")
        patch.setattr(backend, "partitioned", lambda jaxpr: 1 / 0)
        f = cv.jit(lambda x: np.sin(x))
        assert [f(0.5), f(0.5)] == [np.sin(0.5)] * 2
        compiler.compiler.wait()
        assert f(0.5) == np.sin(0.5)
    assert len(seen) == 1 and "could not be compiled, and runs as Python: ZeroDivisionError" in seen[0]
    assert is_native(np.cos, np.ones(3))


def test_where_no_thread_can_be_started_it_goes_on_as_python(background: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        f = cv.jit(lambda x: np.sin(x))
        assert [f(0.5), f(0.5), f(0.5)] == [np.sin(0.5)] * 3
    assert is_native(np.cos, np.ones(3))


FORK = """
import os, time, threading
import numpy as np, covector as cv
from covector.backends import compiler
def long(x):
    for i in range(40): x = np.sin(x) * np.cos(x[::-1]) + i
    return x
f = cv.jit(long)
f(np.ones(50)), f(np.ones(50))
hanging = 0
for k in range(3):
    child = os.fork()
    if child == 0:
        g = cv.jit(lambda x: x * 2 + k)
        g(1.0), g(1.0)
        waiting = threading.Thread(target=compiler.compiler.wait, daemon=True)
        waiting.start(), waiting.join(10)
        os._exit(waiting.is_alive())
    hanging += os.waitpid(child, 0)[1] != 0
    time.sleep(0.03)
print(hanging)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_waits_for_the_program_that_is_being_compiled() -> None:
    """Else the child has locks that nobody opens, and modules that are half loaded."""
    environment = {**os.environ, "COVECTOR_JIT": "background", "COVECTOR_CACHE": ""}
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")


def folder() -> Path | None:
    module._folder.cache_clear()
    return module._folder()


def test_a_folder_in_a_home_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    try:
        with monkeypatch.context() as patch:
            patch.delenv("COVECTOR_CACHE", raising=False)
            patch.delenv("XDG_CACHE_HOME", raising=False)
            patch.setattr(Path, "home", nowhere)
            assert folder() is None
        with monkeypatch.context() as patch:
            patch.setenv("HOME", str(tmp_path))
            patch.setenv("COVECTOR_CACHE", "~/code")
            assert folder() == tmp_path / "code"
    finally:
        module._folder.cache_clear()


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    module._write("c0de.o", b"code")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_sums_do_not_round_at_every_term(dtype: Any) -> None:
    """One after another, a million terms of 0.1 lose three digits of float32, of a product four."""
    x = np.full(1_000_003, 0.1, dtype)
    wanted, eps = float(dtype(0.1)) * x.size, np.finfo(dtype).eps
    for f, factor in (
        (lambda x: np.sum(x), 1.0),
        (lambda x: np.sum(x * x), float(dtype(0.1))),
        (lambda x: np.sum(x[::-1]), 1.0),
        (lambda x: np.sum(np.reshape(x[:-3], (1000, 1000))[:, ::-1]), 1e6 / x.size),
    ):
        (found,) = backend.compiled(program_of(f, x))(x)
        assert abs(float(found) - wanted * factor) <= 256 * eps * wanted * factor
    for shape, other in (((3, 300_001), (300_001, 5)), ((1, 2049), (2049, 17)), ((9, 1024), (1024, 33))):
        a, b = np.full(shape, 0.1, dtype), np.full(other, 0.1, dtype)
        (product,) = backend.compiled(program_of(lambda a, b: a @ b, a, b))(a, b)
        np.testing.assert_allclose(product, float(dtype(0.1)) ** 2 * shape[1], rtol=256 * eps)
    agree(lambda a, b: np.einsum("abk,abn->kn", a, b), np.ones((3, 1500, 9), dtype), np.ones((3, 1500, 10), dtype))


@pytest.mark.parametrize("size", [1023, 1024, 1025, 4095, 4096, 4097, 4351, 8191, 33_000])
def test_sums_in_blocks_of_any_size(size: int) -> None:
    x = np.arange(float(size))
    agree(lambda x: (np.sum(x), np.sum(x * 0.5), np.max(x), np.sum(x > 5)), x, ulps=0.0)
    agree(lambda x: (np.stack([x, x]) @ x, np.stack([x, x]) @ np.stack([x, x * 2.0], axis=1)), np.ones(size), ulps=0.0)


def test_chains_that_are_longer_than_pythons_stack() -> None:
    def chain(step: Any, n: int, x: Any) -> Any:
        for i in range(n):
            x = step(x, i)
        return x

    x = np.linspace(0.1, 1.0, 20)
    agree(lambda x: chain(lambda y, i: np.abs(y), 1100, x), x)
    agree(lambda x: chain(lambda y, i: y * 0.5 + 1.0, 600, x), 2.0)
    agree(lambda x: chain(lambda y, i: y.T if i % 2 else y[::-1], 700, x * 2.0), np.arange(12.0).reshape(3, 4))
    agree(lambda x: chain(lambda y, i: np.stack([y[1], y[0]]), 400, x * 2.0), np.ones((2, 5)))
    agree(lambda x: chain(lambda y, i: np.sum(y * np.ones((3, 1)), axis=0) / 3, 400, x * 2.0), np.ones(20))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 40])
def test_the_sum_of_negative_zeros_is_zero(n: int) -> None:
    """As NumPy has it: else what is divided by it has the wrong sign."""
    x = -np.zeros((n, n))
    agree(lambda x: (1.0 / np.sum(x), 1.0 / np.sum(x, axis=0), 1.0 / np.sum(x, axis=1), 1.0 / np.sum(x[::-1])), x)
    agree(lambda x: cv.lax.scan(lambda c, y: (c, 1.0 / np.sum(y)), 0.0, x)[1], x)
    large = -np.zeros((max(n, 5), max(n, 5)))
    agree(lambda x: (1.0 / (x @ np.abs(x)), 1.0 / (x @ np.abs(x[0]))), large)


@pytest.mark.parametrize("loop", ["scan", "while"])
def test_other_threads_run_while_a_long_loop_of_few_numbers_does(loop: str) -> None:
    step, n = lambda c: c * 0.9999 + 1e-9, 30_000_000
    if loop == "scan":
        f = lambda x: cv.lax.scan(lambda c, _: (step(c), None), x, None, length=n)[0]
    else:
        f = lambda x: cv.lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, step(s[1])), (0, x))[1]
    run, x = backend.compiled(program_of(f, np.float64(1.0))), np.float64(1.0)
    started, turns = threading.Event(), list[int]()

    def count() -> None:
        started.wait()
        while not turns or turns[0] > 0:
            turns.append(1)
            threading.Event().wait(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    started.set()
    run(x)
    during = len(turns)
    turns[:1] = [0]
    thread.join()
    assert during >= 5


MEMORY = """
import resource
import numpy as np, covector as cv
def used(): return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
x = np.ones(2_000_000)
f = cv.jit(lambda x: tuple(x * i for i in range(20)), backend="native")
f(x)
before, raised, (_, hard) = used(), 0, resource.getrlimit(resource.RLIMIT_AS)
for _ in range(10):
    resource.setrlimit(resource.RLIMIT_AS, (used() + 80_000_000, hard))
    try:
        f(x)
    except MemoryError:
        raised += 1
print(raised, used() - before < 160_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by a call of Linux")
def test_outputs_are_let_go_where_there_is_no_memory_for_all() -> None:
    """There is memory for 5 to 9 of 20 outputs of 16 MB: malloc may keep 64 MiB of what is freed for the next call."""
    environment = {**os.environ, "COVECTOR_CACHE": ""}
    command = [sys.executable, "-c", MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "10 True\n", "")


COMPARISONS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons_of_integers_with_what_their_dtype_does_not_hold(compare: Any) -> None:
    signed, unsigned = np.array([1, -1, 2**62]), np.array([2**63 + 5, 2**64 - 1, 1, 2**62], np.uint64)
    agree(lambda x, y: (compare(x[:, None], y), compare(y, x[:, None])), signed, unsigned)
    for dtype in (np.int8, np.uint8, np.int64, np.uint64):
        x = np.array([1, 2, 100], dtype)
        for n in (1000, -1000, 2**40, 2**63, 2**64, -(2**63), -(2**70), 2):
            agree(lambda x, n=n: (compare(x, n), compare(n, x)), x, whole=False)
        counted = lambda x: cv.lax.fori_loop(-1, 300, lambda i, c: c + compare(x, i) + 2 * compare(i, x), np.zeros(3, int))
        agree(counted, x)
    agree(lambda x: compare(x, 2**70), np.array([1.0, 2.0**70, np.inf]))


def test_an_integer_of_python_that_a_dtype_does_not_hold_is_an_error() -> None:
    f = lambda n: cv.jit(lambda x: cv.lax.fori_loop(0, n, lambda i, c: c + i - i, x), backend="native")(np.ones(3, np.int8))
    np.testing.assert_array_equal(f(128), np.ones(3))
    with pytest.raises(OverflowError, match="128 out of bounds for int8"):
        f(129)
    for n in (200, -1, 2**64):
        with pytest.raises(OverflowError):
            cv.jit(lambda x, n=n: x + n - n, backend="native")(np.ones(3, np.uint8) if n < 0 else np.ones(3, np.int8))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.float32])
def test_clipping_to_numbers_of_another_kind(dtype: Any) -> None:
    x = np.array([3, 0, 1]).astype(dtype)
    agree(lambda x: (np.clip(x, -1, 1), np.clip(x, 0.5, 2.5), np.clip(x, None, np.int64(2))), x)



def test_the_same_instruction_of_numbers_with_a_sign_and_without() -> None:
    x = np.arange(33) - 9

    def f(x: Any, wide: Any, other: Any, n: Any) -> Any:
        parts = [(y - n, (y - n) / 2.0, (y - n) // 3, (y - n) >> 1, y - n < 3) for y in (x.astype(wide), x.astype(other))]
        return [part for several in parts for part in several]

    for kinds in ((np.uint64, np.int64), (np.int64, np.uint64), (np.uint32, np.int32)):
        agree(lambda x, k=kinds: f(x, *k, 5), x)
        agree(lambda x, k=kinds: f(x, *k, 5), x > 0)
        agree(lambda x, k=kinds: f(x, *k, 5), x.astype(np.uint8))


def test_a_part_of_complex_numbers_that_nobody_needs_is_written_nowhere() -> None:
    step = lambda c, k: (np.cos(np.real(cnp.at(c)[k].set(0.5))) + 0j, c)
    agree(lambda x, i: cv.lax.scan(step, x, i), np.ones(40) + 1j, np.array([2, 1, 2]), ulps=64)
    agree(lambda x, i: np.cos(np.real(cnp.at(x)[i].add(0.5))) * np.sin(np.real(x)), np.ones(40) + 1j, np.array([2, 1, 2]))


def test_routines_of_operands_in_several_dtypes() -> None:
    p, b = np.diag([3.0, 2.0]) + 0.1, np.array([[1.0], [2.0]])
    solve, short = np.linalg.solve, np.float32
    agree(lambda p, b: (solve(p, b), solve(p, b.astype(short)), solve(p.astype(short), b)), p, b)
    agree(lambda p: (np.linalg.inv(p), np.linalg.inv(p.astype(np.float32)), np.linalg.inv(p.astype(np.int8))), p, whole=False)


def test_booleans_that_are_added_to_parts() -> None:
    """The sum of two that are true is true."""
    x, y = np.array([True, True, False, False] * 20), np.array([True, False, True, False] * 20)
    for index in (slice(1, None), slice(None), slice(None, None, 2), 0, -1):
        agree(lambda x, y, i=index: cv.at(x)[i].add(y[i]), x, y)
        agree(lambda x, i=index: cv.at(x)[i].add(True), x)
    agree(lambda x, y: cv.at(cv.at(x)[1:].add(y[1:]))[:-1].add(y[:-1]), x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_functions_where_a_quotient_or_a_rounding_counts_most(dtype: Any) -> None:
    near_half = (0.5 + np.linspace(-0.3, 0.3, 4001)).astype(dtype)
    agree(lambda x: scipy.special.logit(x), near_half, ulps=5)
    if dtype == np.float32:
        agree(lambda x: scipy.special.ndtr(x), np.linspace(-13, 5, 5001).astype(dtype), ulps=2)
