"""When programs are compiled, where code is kept, and what happens if something goes wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors
from covector.backends import tiers
from covector.backends.compiler import Compiler, compiler
from covector.backends.native import backend, module
from covector.backends.native.ir import Builder, Module

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

X = np.linspace(0.0, 1.0, 10)


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say what ``COVECTOR_JIT`` is."""

    def chosen(value: str) -> None:
        monkeypatch.setenv("COVECTOR_JIT", value)
        tiers.choice.cache_clear()

    yield chosen
    monkeypatch.undo()
    tiers.choice.cache_clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The programs that were compiled."""
    programs: list[Any] = []
    real = backend.compiled
    monkeypatch.setattr(backend, "compiled", lambda jaxpr, *rest: (programs.append(jaxpr), real(jaxpr, *rest))[1])
    return programs


def test_in_the_background_from_the_second_call_on(choose: Any, compiled: list[Any]) -> None:
    choose("background")
    g = cv.jit(lambda x: f(x))
    first = g(X)
    compiler.wait()
    assert not compiled
    g(X)
    compiler.wait()
    assert len(compiled) == 1
    np.testing.assert_allclose(g(X), first, rtol=1e-15)
    assert len(compiled) == 1


def test_long_loops_are_compiled_at_the_first_call(choose: Any, compiled: list[Any]) -> None:
    choose("background")
    steps = lambda n: cv.jit(lambda x: cv.lax.scan(lambda c, _: (np.sin(c) * 2.0, None), x, None, length=n)[0])
    short = steps(10)(X)
    assert not compiled
    loop = cv.jit(lambda x: cv.lax.fori_loop(0, 3, lambda i, c: cv.lax.while_loop(lambda c: c[0] < i, lambda c: c + 1.0, c), x))
    steps(100_000)(X)
    assert len(compiled) == 1
    np.testing.assert_allclose(loop(X), X + 2.0, rtol=1e-15)
    assert short.shape == X.shape


def test_much_arithmetic_is_compiled_at_the_first_call(choose: Any, compiled: list[Any]) -> None:
    choose("background")
    x = np.linspace(0.0, 1.0, 1_000_000)
    cv.jit(lambda x: np.sum(x @ x))(x)
    assert not compiled
    g = lambda x: sum(np.sin(k * x) * x for k in range(1, 8))
    np.testing.assert_allclose(cv.jit(lambda x: g(x))(x), g(x), atol=1e-14)
    assert len(compiled) == 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The levels at which code was written."""
    levels: list[int] = []
    real = module._object
    level = lambda machine: 0 if machine is module.hasty_machine() else 1
    monkeypatch.setattr(module, "_object", lambda text, machine: (levels.append(level(machine)), real(text, machine))[1])
    return levels


MANY = np.linspace(0.0, 1.0, 1_000_000)


def long_program(x: Any) -> Any:
    return np.sum(x) + sum(np.sin(k * x) * x for k in range(1, 8)), np.max(x)


def test_what_is_waited_for_is_written_in_haste_and_made_better_after_the_second_call(choose: Any, written: list[int]) -> None:
    choose("background")
    g = cv.jit(lambda x: long_program(x))
    results = [g(MANY)]
    compiler.wait()
    assert written == [0]
    results.append(g(MANY))
    compiler.wait()
    assert written == [0, 1]
    results += [g(MANY) for _ in range(3)]
    assert type(g.func) is BuiltinFunctionType and written == [0, 1]
    assert len({b"".join(np.asarray(x).tobytes() for x in found) for found in results}) == 1
    np.testing.assert_allclose(results[0][0], long_program(MANY)[0], atol=1e-14)


@pytest.mark.parametrize(
    "results",
    [
        lambda a, b: a,
        lambda a, b: (a, b),
        lambda a, b: (a,),
        lambda a, b: [a, b],
        lambda a, b: [b],
        lambda a, b: {"a": a, "b": b},
        lambda a, b: {"a": a},
        lambda a, b: (a, (b,)),
        lambda a, b: ((a, b),),
        lambda a, b: (a, None),
        lambda a, b: (),
    ],
)
def test_results_have_their_structure_at_every_call(choose: Any, results: Any) -> None:
    """Native code that stands in the place of the function gives one array or a tuple of them, and no other structure."""
    choose("wait")
    g = cv.jit(lambda x: results(np.sin(x) * x, np.sum(x * x)))
    wanted = results(np.sin(X) * X, np.sum(X * X))
    for _ in range(4):
        found = g(X)
        assert cv.tree.structure(found) == cv.tree.structure(wanted)
        for y, z in zip(cv.tree.leaves(found), cv.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-14)


def test_code_that_is_replaced_may_be_running(choose: Any, written: list[int]) -> None:
    choose("background")
    g = cv.jit(lambda x: long_program(x))
    wanted = g(MANY)[0].tobytes()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.extend(g(MANY)[0].tobytes() for _ in range(20))) for _ in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    compiler.wait()
    assert written == [0, 1] and found == [wanted] * 60


@pytest.mark.parametrize("word", ["wait", "source"])
def test_who_waits_gets_the_better_code_at_once(choose: Any, written: list[int], word: str) -> None:
    choose(word)
    cv.jit(lambda x: long_program(x), backend="native" if word == "source" else None)(MANY)
    assert written == [1]


def test_a_failure_to_make_code_better_is_one_warning(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    choose("background")
    g = cv.jit(lambda x: long_program(x))
    first = g(MANY)
    monkeypatch.setattr(module, "_object", lambda text, machine: 1 / 0)
    (program,) = [x for x in gc.get_objects() if type(x) is tiers.Tiers and x.current == x.second and x.better is not None]
    with pytest.warns(UserWarning, match="could not be made better, and stays as it is: ZeroDivisionError: division by zero"):
        program.compile()
    assert program.is_settled
    np.testing.assert_array_equal(g(MANY)[0], first[0])


OF_NO_AXES = {
    "where": lambda x: np.where(x > 0, x, -x),
    "imag": lambda x: np.imag(np.stack([x]) * 1j)[0],
    "reshape": lambda x: np.reshape(x * 2.0, ()),
    "squeeze": lambda x: np.squeeze(np.stack([x]) * 2.0),
    "select": lambda x: np.select([x > 0], [x], 0.0),
    "item": lambda x: np.stack([x, x])[0],
    "sum": lambda x: np.sum(np.stack([x, x])),
    "copy": lambda x: np.copy(2.0 * x),
}


@pytest.mark.parametrize("name", OF_NO_AXES)
@pytest.mark.parametrize("x", [np.float64(0.5), np.array(0.5), 0.5], ids=["number", "array", "python"])
def test_what_has_no_axes_is_a_number_before_and_after(choose: Any, name: str, x: Any) -> None:
    choose("background")
    f = OF_NO_AXES[name]
    g = cv.jit(lambda x: f(x))
    found = []
    for _ in range(4):
        found.append(g(x))
        compiler.wait()
    assert {type(y) for y in found} == {np.float64} and found == [f(x)] * 4


def test_waiting(choose: Any, compiled: list[Any]) -> None:
    choose("wait")
    cv.jit(lambda x: f(x))(X)
    assert len(compiled) == 1


def test_source(choose: Any, compiled: list[Any]) -> None:
    choose("source")
    g = cv.jit(lambda x: f(x))
    assert [g(X) for _ in range(3)] == [f(X)] * 3 and not compiled


def test_off(choose: Any) -> None:
    choose("off")
    seen: list[Any] = []
    g = cv.jit(lambda x: (seen.append(type(x)), f(x))[1])
    assert [g(X) for _ in range(3)] == [f(X)] * 3 and seen == [np.ndarray] * 3


def test_another_word_is_refused(choose: Any) -> None:
    choose("always")
    with pytest.raises(
        errors.ArgumentError, match=r"COVECTOR_JIT is 'always'\.(.*\n)*.*Fix: set it to one of background, wait, source, off"
    ):
        cv.jit(f)


def test_backends_by_name(choose: Any, compiled: list[Any]) -> None:
    choose("source")
    assert cv.jit(f, backend="numpy")(X) == f(X) and not compiled
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-15)
    assert len(compiled) == 1
    with cv.use_backend("native"):
        np.testing.assert_allclose(cv.jit(lambda x: f(x) * 2.0)(X), 2 * f(X), rtol=1e-15)


def test_without_a_compiler(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    choose("wait")
    monkeypatch.setattr(backend, "is_available", lambda: False)
    assert cv.jit(lambda x: f(x))(X) == f(X)
    with pytest.raises(
        errors.ArgumentError, match=r"is not to be had here.\n.*\n.*llvmlite.*\n.*pip install covector\[native\]"
    ):
        cv.jit(lambda x: f(x), backend="native")(X)


def test_a_failure_is_one_warning_and_the_right_result(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    choose("wait")
    monkeypatch.setattr(backend, "partitioned", lambda jaxpr: 1 / 0)
    g = cv.jit(lambda x: f(x))
    with pytest.warns(
        UserWarning, match="could not be compiled, and runs as Python: ZeroDivisionError: division by zero. Please report"
    ):
        assert g(X) == f(X)
    assert g(X) == f(X)


def test_transformations_of_compiled_functions(choose: Any) -> None:
    choose("wait")
    g = cv.jit(lambda x: f(x))
    np.testing.assert_allclose(cv.grad(g)(X), np.sin(X) + X * np.cos(X), rtol=1e-14)
    np.testing.assert_allclose(cv.vmap(g)(np.stack([X, 2 * X])), [f(X), f(2 * X)], rtol=1e-14)
    np.testing.assert_allclose(cv.jit(cv.grad(g))(X), np.sin(X) + X * np.cos(X), rtol=1e-14)
    np.testing.assert_allclose(cv.jvp(cv.grad(g), (X,), (X,))[1], (2 * np.cos(X) - X * np.sin(X)) * X, rtol=1e-13)
    np.testing.assert_allclose(cv.lax.scan(lambda c, x: (c + g(x * X), None), 0.0, X)[0], sum(f(x * X) for x in X), rtol=1e-13)


# --- native code in the place of the function -------------------------------------------------------------------------------


def replaced(g: Any, *args: Any) -> Any:
    """A jitted function in whose place native code is by now."""
    for _ in range(3):
        g(*args)
    assert type(g.func).__name__ == "builtin_function_or_method"
    return g


def pair(x: Any, y: Any = 2.0) -> Any:
    return x * y, np.sum(x)


@pytest.mark.parametrize("backend", ["native", None])
def test_native_code_takes_the_place_of_the_function(choose: Any, backend: str | None) -> None:
    choose("wait" if backend is None else "source")
    g = replaced(cv.jit(lambda x: np.sin(x) * 2.0, backend=backend), X)
    np.testing.assert_allclose(g(X), np.sin(X) * 2.0, rtol=1e-15)
    h = replaced(cv.jit(pair, backend=backend), X, X)
    assert type(h(X, X)) is tuple and h(X, X)[1] == np.sum(X)


def test_what_it_is_not_made_for_goes_to_the_function(choose: Any) -> None:
    choose("wait")
    g = replaced(cv.jit(pair), X, X)
    calls = [((X,), {}), ((X,), {"y": X}), ((), {"x": X, "y": X}), ((X, 3.0), {}), ((X[:3], X[:3]), {}), ((X[::-1], X), {})]
    for args, kwargs in [*calls, ((X.astype(np.float32), X), {})]:  # type: ignore[misc]
        found, wanted = g(*args, **kwargs), pair(*args, **kwargs)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-6)
        assert found[0].dtype == cv.jit(pair, backend="numpy")(*args, **kwargs)[0].dtype
    with pytest.raises(TypeError, match="missing"):
        g()
    with pytest.raises(errors.ArgumentError):
        g("x", X)


def test_it_stands_aside_for_transformations_and_modes(choose: Any) -> None:
    choose("wait")
    g = replaced(cv.jit(lambda x: np.sum(x * x)), X)
    np.testing.assert_allclose(cv.grad(g)(X), 2 * X)
    np.testing.assert_allclose(cv.vmap(g)(np.stack([X, X])), [np.sum(X * X)] * 2)
    np.testing.assert_allclose(cv.jit(cv.grad(lambda x: g(x) * 2))(X), 4 * X)
    assert "mul" in str(cv.make_jaxpr(g)(X))
    calls: list[Any] = []
    h = replaced(cv.jit(lambda x: (calls.append(type(x)), x * 2)[1]), X)
    before = len(calls)
    with cv.debug.disable_jit():
        h(X)
    assert calls[before:] == [np.ndarray]


def test_integers_of_python_stay_exact(choose: Any) -> None:
    choose("wait")
    g = cv.jit(lambda n: n * 3 - 1)
    for n in (5, 2**62):
        assert [g(n) for _ in range(4)] == [n * 3 - 1] * 4


def test_the_cache_can_be_cleared(choose: Any) -> None:
    choose("wait")
    factor = [2.0]
    g = replaced(cv.jit(lambda x: x * factor[0]), X)
    factor[0] = 3.0
    np.testing.assert_array_equal(g(X), X * 2.0)
    g.clear_cache()
    assert type(g.func).__name__ == "function"
    np.testing.assert_array_equal(g(X), cv.jit(g.__wrapped__)(X))


def test_errors_come_from_the_function(choose: Any) -> None:
    choose("wait")
    g = replaced(cv.jit(lambda x, i: x[i] * 2.0), X, np.array([1, 2]))
    with pytest.raises(IndexError, match="index 10 is out of bounds for axis 0 with size 10"):
        g(X, np.array([1, 10]))


def test_copies_and_pickles(choose: Any) -> None:
    import copy
    import pickle

    choose("wait")
    g = replaced(cv.jit(f), X)
    for other in (copy.copy(g), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        np.testing.assert_allclose(other(X), f(X), rtol=1e-15)


def test_code_is_freed_with_the_function(choose: Any) -> None:
    choose("wait")
    g = replaced(cv.jit(lambda x: np.sum(np.sin(x))), X)
    code = weakref.ref(g.func.__self__)
    del g
    gc.collect()
    assert code() is None


def test_watches_use_the_source(choose: Any) -> None:
    choose("wait")
    g = cv.jit(lambda x: (x - x) / np.sum(x - x))
    assert np.all(np.isnan(g(X)))
    with cv.debug.debug_nans(), np.errstate(all="ignore"), pytest.raises(errors.CovectorError, match="div"):
        g(X)


def test_the_process_ends_while_something_is_being_compiled() -> None:
    program = "import covector as cv, numpy as np\nf = cv.jit(lambda x: np.tanh(x))\nf(np.ones(3)); f(np.ones(3))\nprint('end')"
    environment = {**os.environ, "COVECTOR_JIT": "background", "COVECTOR_CACHE": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("waiting", [0, 1])
def test_no_other_program_is_begun_at_the_end_of_the_process(waiting: int) -> None:
    own, begun, has_begun = Compiler(), [], threading.Event()

    class Program:
        def compile(self) -> None:
            begun.append(self)
            has_begun.set()
            while not own.is_closing:
                time.sleep(0.001)

    first = Program()
    own.submit(first)
    assert has_begun.wait(10)
    for _ in range(waiting):
        own.submit(Program())
    own.close()
    assert begun == [first] and own.thread is not None and not own.thread.is_alive()


def test_llvm_is_loaded_by_the_first_compilation() -> None:
    program = (
        "import sys, covector as cv, numpy as np\nf = cv.jit(np.sin)\nf(1.0)\nprint('llvmlite' in sys.modules)\n"
        "f(1.0)\nfrom covector.backends.compiler import compiler\ncompiler.wait()\nprint('llvmlite' in sys.modules)"
    )
    environment = {**os.environ, "COVECTOR_JIT": "background", "COVECTOR_CACHE": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True, timeout=60
    )
    assert done.stdout == "False\nTrue\n"


# --- code on disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)
    return tmp_path


def text_of(n: int) -> str:
    shared = Module()
    shared.functions["run"] = Builder("run", "", shared, "i64").text(f"ret i64 {n}").replace("define internal", "define")
    return shared.text()


def result(n: int) -> int:
    import ctypes

    code = module.linked(text_of(n), ["run"])
    return int(module.function_at(code.address("run"), result=ctypes.c_int64)())


def test_what_is_written_in_haste_is_not_kept_and_what_is_kept_is_used(folder: Path) -> None:
    assert module.linked(text_of(7), ["run"], in_haste=True).is_hasty and not module.is_cached(text_of(7))
    assert not module.linked(text_of(7), ["run"]).is_hasty and module.is_cached(text_of(7))
    assert not module.linked(text_of(7), ["run"], in_haste=True).is_hasty


def test_code_is_kept_and_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert result(5) == 5 and len(list(folder.rglob("*.o"))) == 1 and module.is_cached(text_of(5))
    monkeypatch.setattr(module, "_object", lambda text, machine: 1 / 0)
    assert result(5) == 5
    with pytest.raises(ZeroDivisionError):
        result(6)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\0" * 5000])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes) -> None:
    result(5)
    (file,) = folder.rglob("*.o")
    whole = file.read_bytes()
    file.write_bytes(damage or whole[: len(whole) // 2])
    assert result(5) == 5 and file.read_bytes() == whole


def test_many_writers(folder: Path) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda n=n: found.append(result(n % 3))) for n in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(found) == [0] * 4 + [1] * 4 + [2] * 4
    assert len([p for p in folder.rglob("*") if p.is_file()]) == 3


def test_the_folder_has_a_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result(0)
    (file,) = folder.rglob("*.o")
    monkeypatch.setattr(module, "SHELVES", 1)
    monkeypatch.setattr(module, "MAX_CACHED_BYTES", 3 * file.stat().st_size)
    for n in range(1, 8):
        result(n)
    assert len(list((folder / "00").glob("*.o"))) == 3


def test_a_write_looks_through_a_part_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    shrink = module._shrink
    monkeypatch.setattr(module, "_shrink", lambda shelf: (seen.append(len(os.listdir(shelf))), shrink(shelf)))
    for n in range(2000):
        module._write(f"{n * 40503 % 2**16:04x}.o", b"code")
    assert len(list(folder.rglob("*.o"))) == 2000 and max(seen) < 60


@pytest.mark.parametrize(("mode", "is_used"), [(0o700, True), (0o770, False), (0o702, False), (0o500, os.getuid() == 0)])
def test_only_a_folder_that_nobody_else_can_write_to_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_used: bool
) -> None:
    place = tmp_path / "code"
    place.mkdir()
    place.chmod(mode)
    monkeypatch.undo()
    monkeypatch.setenv("COVECTOR_CACHE", str(place))
    module._folder.cache_clear()
    try:
        assert (module._folder() is not None) == is_used
        monkeypatch.setenv("COVECTOR_CACHE", "")
        module._folder.cache_clear()
        assert module._folder() is None
    finally:
        module._folder.cache_clear()
