"""How many threads OpenBLAS has while a product or a factorization runs, and afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg._fblas  # noqa: F401 - SciPy brings an OpenBLAS of its own

import covector as cv
from covector.backends.threads import alone, product_alone, run_alone, threads

LIBRARIES = threads.libraries()
pytestmark = pytest.mark.skipif(not LIBRARIES, reason="NumPy and SciPy have another BLAS here than OpenBLAS")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = [library.get() for library in LIBRARIES]
    for library in LIBRARIES:
        library.set(2)
    yield
    for library, n in zip(LIBRARIES, before, strict=True):
        library.set(n)


def counts(*_: object) -> list[int]:
    return [library.get() for library in LIBRARIES]


ONE, TWO = [1] * len(LIBRARIES), [2] * len(LIBRARIES)
X = np.ones((100, 100))


def test_one_thread_for_what_is_not_large() -> None:
    assert alone(counts)(X) == ONE == product_alone(counts)(X, X)
    assert counts() == TWO


@pytest.mark.parametrize("n", [3, 1000])
def test_small_and_large_ones_are_left_alone(n: int) -> None:
    x = np.ones((n, n))
    assert alone(counts)(x) == TWO == product_alone(counts)(x, x)
    assert alone(counts)(np.ones((40, 40))) == ONE


def test_an_error_sets_them_back() -> None:
    with pytest.raises(ZeroDivisionError):
        run_alone(lambda: 1 / 0)
    assert counts() == TWO


def test_one_inside_another() -> None:
    assert run_alone(lambda: (run_alone(counts), counts())) == (ONE, ONE)
    assert counts() == TWO


def test_what_somebody_else_sets_meanwhile_stays() -> None:
    run_alone(lambda: LIBRARIES[0].set(3))
    assert LIBRARIES[0].get() == min(3, LIBRARIES[0].get()) != 1


def test_threads_that_overlap() -> None:
    """The one that began first ends first: the number is set back when the last is through."""
    began, may_end, second = threading.Event(), threading.Event(), []

    def other() -> None:
        run_alone(lambda: (began.set(), may_end.wait(10), second.append(counts())))

    thread = threading.Thread(target=other)
    run_alone(lambda: (thread.start(), began.wait(10)))
    assert counts() == ONE
    may_end.set()
    thread.join()
    assert second == [ONE] and counts() == TWO


@pytest.mark.parametrize("f", [lambda x: x @ x, np.linalg.inv, lambda x: np.linalg.solve(x, x), np.linalg.cholesky])
def test_operations_of_covector(f, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []
    enter = type(threads).enter
    monkeypatch.setattr(type(threads), "enter", lambda self: (enter(self), entered.append(counts())))
    x = X + 100 * np.eye(100)
    cv.grad(lambda x: np.sum(f(x)))(x)
    cv.jit(lambda x: np.sum(f(x)))(x)
    assert len(entered) >= 2 and all(c == ONE for c in entered)
    assert counts() == TWO
