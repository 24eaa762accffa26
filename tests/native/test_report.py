"""What the native backend says of a program, its text, and where errors at run time are said to be from."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
import covector.numpy as cnp
from covector import errors, lax
from covector.backends.native import backend, module
from covector.backends.native import report as reports
from covector.backends.native.elementwise import Scalar
from covector.extend import Elementwise, Primitive

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

X = np.linspace(0.1, 1.0, 40).reshape(8, 5)


def report(f: Callable[..., Any], *args: Any) -> reports.Report:
    found: reports.Report = cv.jit(f).lower(*args).report()
    return found


def kinds(found: reports.Report) -> list[tuple[str, tuple[int, ...], int]]:
    return [(s.kind, s.shape, len(s.equations)) for part in found.parts for s in part.steps]


def test_operations_on_the_same_elements_are_one_loop_nest() -> None:
    found = report(lambda x: np.sum(np.tanh(x) * x, axis=1), X)
    assert kinds(found) == [("loop nest", (8, 5), 3)] and found.as_numpy == ()
    assert found.parts[0].steps[0].results == ("f64[8]",)
    branched = report(lambda x: np.sin(np.exp(x)) * np.cos(np.tan(x)) + np.exp(np.square(x)), X)
    assert kinds(branched) == [("loop nest", (8, 5), 8)]


def test_what_is_computed_once_and_kept_in_registers_is_not_written() -> None:
    def f(x: Any) -> Any:
        e = np.exp(np.sin(x))
        return e * x, e + x

    assert report(f, X).parts[0].steps[0].results == ("f64[8,5]", "f64[8,5]")


@pytest.mark.parametrize(
    ("of_y", "nests"),
    [
        (lambda y: y + np.sin(y), 1),
        (lambda y: y + np.sin(y)[::-1], 2),
        (lambda y: np.sin(y)[::-1] + y, 2),
        (lambda y: y * np.flip(2.0 * y, 1), 2),
        (lambda y: y[:5].T + np.sin(y[:5]), 2),
    ],
)
def test_what_is_read_at_other_elements_too_is_computed_before(of_y: Callable[..., Any], nests: int) -> None:
    found = report(lambda x: (lambda y: (y, of_y(y)))(np.exp(x)), X)
    assert [kind for kind, _, _ in kinds(found)] == ["loop nest"] * nests


def test_every_equation_of_the_program_is_somewhere() -> None:
    def f(w: Any, x: Any) -> Any:
        h = np.tanh(x @ w)
        return np.sort(np.sum(h**2, axis=1)) * 2.0

    found = report(f, np.ones((5, 20)), X)
    said = [e for part in found.parts for s in part.steps for e in s.equations] + [n.text for n in found.as_numpy]
    names = " ".join(said)
    assert all(word in names for word in ("einsum", "tanh", "square", "reduce_sum", "sort", "mul"))
    assert len(found.parts) == 2 and found.workspace == sum(p.workspace for p in found.parts) > 0
    assert [n.why for n in found.as_numpy] == ["no rule"]
    outputs = [text.split(":")[0] for text in said]
    assert len({*outputs}) == len(outputs)  # the names are those of one program


def test_loops() -> None:
    small = report(lambda x: lax.scan(lambda c, v: (c * 0.5 + v, c), 0.0, x)[1], X[0])
    assert [(s.kind, s.shape) for s in small.parts[0].steps] == [("scan in registers", (5,))]
    step = lambda c, x: (np.tanh(c @ x), np.sum(c))
    large = report(lambda c, xs: lax.scan(step, c, xs), np.ones((20, 20)), np.ones((3, 20, 20)))
    (loop,) = large.parts[0].steps
    assert loop.kind == "scan in memory" and {s.kind for s in loop.inner} == {"einsum", "loop nest"}


@pytest.mark.parametrize(
    ("f", "args", "why"),
    [
        (lambda x: np.sort(x), (X,), "no rule"),
        (lambda x: np.prod(x), (X * 1j,), "no rule for c128[8,5]"),
        (lambda x: np.sin(x[:0]), (X,), "an empty array"),
        (lambda x: cv.debug.print("{}", x) or np.sin(x), (X,), "it has an effect"),
        (lambda x: lax.scan(lambda c, v: (c + np.sort(v), None), x[0], x)[0], (X,), "in its program sort: no rule"),
        (cv.grad(lambda x: np.sum(lax.while_loop(lambda c: c[0] < 9.0, lambda c: np.sort(c * np.sqrt(c)), x))), (X[0] + 2,),
         "a stack, which is as long as a loop turns out"),
        (lambda x: np.transpose(x).astype(np.longdouble), (X,), f"dtype {np.dtype(np.longdouble).name}"),
    ],
)  # fmt: skip
def test_why_something_runs_as_numpy(f: Any, args: Any, why: str) -> None:
    assert why in [n.why for n in report(f, *args).as_numpy]


def test_printed() -> None:
    text = str(report(lambda x: np.sort(np.sin(x) * x), X))
    assert text.splitlines()[0].startswith("compiled part 1 of 1, with a workspace of ")
    assert "loop nest, 8 x 5: 2 operations, 1 written" in text and "sin a" in text and "(no rule)" in text
    assert str(report(lambda x: np.sort(x), X)).startswith("nothing is compiled")


def test_text() -> None:
    lowered = cv.jit(lambda x: np.sort(np.sin(x))).lower(X)
    llvm, asm = lowered.as_text("llvm"), lowered.as_text("asm")
    assert "define " in llvm and "@entry" in llvm and "; as NumPy:" in llvm and "sort" in llvm
    assert "entry" in asm and "# as NumPy:" in asm and "define " not in asm


ROWS, LONG = np.ones((20, 64)), np.ones(1024)


@pytest.mark.parametrize(
    ("f", "args", "loops", "accumulators"),
    [
        (lambda x, y: x * y + 1.0, (ROWS, ROWS), 1, 0),
        (lambda x, y: x + y[0], (ROWS, ROWS), 2, 0),
        (lambda x, y: x[::2] + y[1::2], (ROWS, ROWS), 2, 0),
        (lambda x, y: np.sum(x * y), (ROWS, ROWS), 1, 4),
        (lambda x: np.sum(x, axis=1), (ROWS,), 2, 4),
        (lambda x: np.sum(x, axis=0), (ROWS,), 3, 0),
        (lambda x: x + 1.0, (LONG,), 1, 0),
        (lambda x: (np.sum(x * x), x + 1.0), (LONG,), 1, 4),
        (lambda x: (x + 1.0, np.max(x), np.sum(x)), (LONG,), 1, 8),
        (lambda x: np.sum(x), (LONG[:32],), 0, 4),
        (lambda x: np.sum(np.exp(np.sin(x) * np.cos(x))), (LONG,), 1, 1),
    ],
)
def test_loops_and_accumulators(f: Callable[..., Any], args: Any, loops: int, accumulators: int) -> None:
    """Axes that lie in memory as one are one loop, and short sums go on side by side."""
    text = cv.jit(f, backend="native").lower(*args).as_text("llvm")
    (nest,) = [part for part in text.split("\ndefine ") if "@nest" in part.split("(")[0]]
    assert (nest.count(" = phi "), nest.count(" = alloca ")) == (loops, accumulators)


@pytest.mark.parametrize("n", [1, 4])
def test_vectors_are_along_the_axis_that_most_arrays_have_as_neighbours(n: int) -> None:
    f = lambda x, *others: x + sum(y.T for y in others)
    text = cv.jit(f, backend="native").lower(np.ones((48, 64)), *[np.ones((64, 48))] * n).as_text("llvm")
    assert text.count("@llvm.masked.gather") == 1 and ("extractelement" in text) == (n == 4)


@pytest.mark.parametrize(("by", "operation"), [(2.0, "fmul"), (-0.25, "fmul"), (3.0, "fdiv"), (2.0**200, "fdiv")])
def test_by_powers_of_two_it_is_multiplied(by: float, operation: str) -> None:
    text = cv.jit(lambda x: x / by, backend="native").lower(LONG).as_text("llvm")
    assert [word for word in ("fmul", "fdiv") if f" = {word} " in text] == [operation]


@pytest.mark.parametrize(("n", "is_copied"), [(88, False), (96, True)])
def test_columns_of_large_products_are_copied_together(n: int, is_copied: bool) -> None:
    found = report(lambda x, y: x @ y, np.ones((n, n)), np.ones((n, n)))
    assert (found.workspace > 8 * n) == is_copied


@pytest.mark.parametrize("spec", ["ik,kj->ij", "ki,kj->ij", "ki,kj->ji", "ik,jk->ij", "bik,bkj->bij"])
def test_products_write_vectors(spec: str) -> None:
    x = np.ones((32,) * (3 if "b" in spec else 2))
    text = cv.jit(lambda x, y: cnp.einsum(spec, x, y), backend="native").lower(x, x).as_text("llvm")
    assert "@product" in text and "extractelement" not in text


def test_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "missing", lambda: "it needs llvmlite")
    lowered = cv.jit(lambda x: np.sin(x)).lower(X)
    with pytest.raises(errors.ArgumentError, match="there is no text in the dialect 'llvm' here") as e:
        lowered.as_text("llvm")
    assert "Why: it needs llvmlite" in str(e.value) and "pip install covector[native]" in str(e.value)
    assert str(lowered.report()).startswith("runs as Python: it needs llvmlite; with it:\ncompiled part 1")


def test_a_costly_program_where_llvm_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there() -> Any:
        raise ImportError

    asked = (module._available, module.has_many_registers)
    monkeypatch.setattr(module, "llvm", not_there)
    try:
        for f in asked:
            f.cache_clear()
        found = report(lambda x: np.tanh(np.tanh(np.tanh(x))), np.ones(2_000))
    finally:
        for f in asked:
            f.cache_clear()
    assert kinds(found) == [("loop nest", (2_000,), 3)]


def test_compile_runs_on_the_backend_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(backend, "compiled", lambda jaxpr, of=backend.compiled: made.append(jaxpr) or of(jaxpr))
    f = lambda x: np.sum(np.sin(x))
    np.testing.assert_allclose(cv.jit(f, backend="native").lower(X).compile()(X), f(X))
    assert len(made) == 1
    cv.jit(f, backend="numpy").lower(X).compile()(X)
    assert len(made) == 1


# --- errors and warnings at run time ---------------------------------------------------------------------------------------


def singular(a: Any) -> Any:
    b = np.sin(a)
    c = np.linalg.inv(b * 0.0)  # here
    return np.cos(c)


def indefinite(a: Any) -> Any:
    b = np.tanh(a)
    return np.linalg.cholesky(b - 9.0 * np.eye(3)) + 1.0  # here


def not_converging(a: Any) -> Any:
    b = np.sqrt(a) * np.nan
    return np.linalg.eigvalsh(b) * 2.0  # here


def out_of_bounds(a: Any, i: Any) -> Any:
    b = np.exp(a)
    return np.cos(b[i]) + 1.0  # here


def named_line(error: BaseException) -> tuple[str, str]:
    """The function and the text of the innermost line of this file in a traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__]
    return frames[-1].name, frames[-1].line or ""


@pytest.mark.parametrize("chosen", ["numpy", "native"])
@pytest.mark.parametrize(
    ("f", "args", "error"),
    [
        (singular, (np.eye(3),), np.linalg.LinAlgError),
        (indefinite, (np.eye(3),), np.linalg.LinAlgError),
        (not_converging, (np.eye(3),), np.linalg.LinAlgError),
        (out_of_bounds, (X[0], np.array([0, 7])), IndexError),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_errors_name_the_line_of_the_user(f: Any, args: Any, error: Any, chosen: str) -> None:
    with pytest.raises(error) as e:
        cv.jit(f, backend=chosen)(*args)
    assert "# here" in named_line(e.value)[1] or "# here" in "".join(getattr(e.value, "__notes__", []))


@pytest.mark.parametrize("chosen", ["numpy", "native"])
def test_warnings_of_what_runs_as_numpy_name_the_line_of_the_user(chosen: str) -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return (y * np.inf).astype(int)  # to integers, which runs as NumPy

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        cv.jit(f, backend=chosen)(X)
    first = f.__code__.co_firstlineno
    assert found and {(w.filename, w.lineno) for w in found} <= {(__file__, first + 2)}


def test_a_rule_of_ones_own_lets_a_primitive_take_part() -> None:
    half_p = Primitive("half_report_test", Elementwise(lambda x: x / 2, lambda out, x: 0.5))
    f = lambda x: np.sum(half_p.bind(np.sin(x)))
    assert [n.why for n in report(f, X).as_numpy] == ["no rule"]
    half_p.def_rule("native", Scalar(lambda b, x: b.mul(x, b.like(0.5, x))))
    assert report(f, X).as_numpy == () and kinds(report(f, X)) == [("loop nest", (8, 5), 3)]
    np.testing.assert_allclose(cv.jit(f, backend="native")(X), f(X), rtol=1e-14)
    np.testing.assert_allclose(cv.jit(cv.grad(f), backend="native")(X), np.cos(X) / 2, rtol=1e-14)
