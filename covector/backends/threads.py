"""One thread for products and factorizations that are not large: ``alone(f)``.

>>> import numpy as np
>>> alone(np.matmul)(np.ones((2, 2)), np.ones((2, 2)))
array([[2., 2.],
       [2., 2.]])

NumPy and SciPy bring an OpenBLAS each, whose threads wait in a loop for more to do: where both are used in turn they keep each
other from the processors.  A product of two matrices of 200 x 200 and a triangular solve took 8 ms, where one thread takes
0.6.  Small ones are as fast with one thread, and large ones keep theirs: from about ``LARGE`` multiplications on.

The number of threads is that of the process.  It is set while something runs alone, in any thread, and then set back, unless
somebody else has set it meanwhile.  Another BLAS than OpenBLAS is left as it is.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

MEDIUM = 4_096
"""Of products of smaller matrices OpenBLAS takes one thread by itself."""

MEDIUM_FACTORIZATION = 256
"""LAPACK calls on its threads for smaller ones: eigenvectors of 40 x 40 took 0.1 ms with one thread, and up to 20 with two."""

LARGE = 5e7
"""About so many multiplications use all threads well."""


class Library(NamedTuple):
    """How the number of threads of a BLAS is read and set."""

    get: Callable[[], int]
    set: Callable[[int], None]


NAMES = [f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")]


def library_of(module: Any) -> Library | None:
    """The OpenBLAS that an extension module is linked to; None if it is to another."""
    import ctypes  # a millisecond, which an import of covector does not wait for

    try:
        handle = ctypes.CDLL(module.__file__)
    except (OSError, AttributeError, TypeError):
        return None
    for name in NAMES:
        try:
            return Library(getattr(handle, name.format("get")), getattr(handle, name.format("set")))
        except AttributeError:
            continue
    return None


class Threads:
    """The libraries that are loaded, and who runs alone."""

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.known: dict[str, Library | None] = {}
        self.alone = 0
        self.before: list[tuple[Library, int]] = []

    def libraries(self) -> list[Library]:
        for name in ("numpy._core._multiarray_umath", "scipy.linalg._fblas"):
            if name not in self.known and name in sys.modules:
                self.known[name] = library_of(sys.modules[name])
        return [library for library in self.known.values() if library is not None]

    def enter(self) -> None:
        with self.lock:
            self.alone += 1
            if self.alone == 1:
                self.before = [(library, n) for library in self.libraries() if (n := library.get()) > 1]
                for library, _ in self.before:
                    library.set(1)

    def leave(self) -> None:
        with self.lock:
            self.alone -= 1
            if self.alone == 0:
                for library, n in self.before:
                    if library.get() == 1:
                        library.set(n)


threads = Threads()


def run_alone(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``f(*args, **kwargs)`` with one thread."""
    threads.enter()
    try:
        return f(*args, **kwargs)
    finally:
        threads.leave()


def alone(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a stack of matrices, and perhaps others, with one thread unless they are large."""

    @wraps(f)
    def run(a: Any, *args: Any, **kwargs: Any) -> Any:
        size = getattr(a, "size", 0)
        if size < MEDIUM_FACTORIZATION or size * a.shape[-1] > LARGE:
            return f(a, *args, **kwargs)
        return run_alone(f, a, *args, **kwargs)

    return run


def product_alone(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same for a product of matrices, as which it asks for less."""

    def multiply(x: Any, y: Any) -> Any:
        size = x.size
        if size < MEDIUM and y.size < MEDIUM:
            return f(x, y)
        if size * y.size / max(1, x.shape[-1]) > LARGE:
            return f(x, y)
        return run_alone(f, x, y)

    return multiply


