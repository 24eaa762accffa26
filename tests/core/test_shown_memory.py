"""Arrays that show memory which somebody else may write to, also through objects that are no arrays, and read-only views."""

from __future__ import annotations

import array

import numpy as np
import pytest

import covector as cv
from covector.core.memory import LARGE, behind, is_constant


def read_only(x):
    x.setflags(write=False)
    return x


SHOWN = {
    "itself": lambda z: z,
    "a view": lambda z: z[:],
    "read-only": lambda z: read_only(z[:]),
    "broadcast": lambda z: np.broadcast_to(z, z.shape),
    "broadcast arrays": lambda z: np.broadcast_arrays(z, z)[0],
    "strided": lambda z: np.lib.stride_tricks.as_strided(z),
    "strided, read-only": lambda z: np.lib.stride_tricks.as_strided(z, writeable=False),
    "a window": lambda z: np.lib.stride_tricks.sliding_window_view(z, 1)[:, 0],
    "a window of a window": lambda z: np.lib.stride_tricks.sliding_window_view(SHOWN["a window"](z), 1)[:, 0],
    "a memoryview": lambda z: np.asarray(memoryview(z)),
    "a memoryview, read-only": lambda z: np.asarray(memoryview(z).toreadonly()),
    "a buffer": lambda z: read_only(np.frombuffer(z)),
    "a matrix": lambda z: np.asarray(np.asmatrix(z)).reshape(-1),
}

KEPT = {
    "jit": lambda f, x: cv.jit(f)(x),
    "checkpoint": lambda f, x: cv.vjp(cv.checkpoint(f), x)[0],
    "vjp": lambda f, x: cv.vjp(f, x)[1](np.ones_like(x))[0],
    "linearize": lambda f, x: cv.linearize(f, x)[1](np.ones_like(x)),
    "make_jaxpr": lambda f, x: cv.make_jaxpr(f)(x)(x)[0],
    "vmap of jit": lambda f, x: cv.vmap(cv.jit(f))(x[None])[0],
    "scan": lambda f, x: cv.lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0],
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("size", [3, LARGE // 8 + 10])
@pytest.mark.parametrize("keep", KEPT)
@pytest.mark.parametrize("shown", SHOWN)
def test_a_program_keeps_values_as_they_were(shown, keep, size):
    z = np.arange(float(size)) + 1

    def f(x):
        y = x * SHOWN[shown](z)
        try:
            z[...] = -100.0
        except ValueError:  # it is read-only for so long
            assert size > 3
        return y

    np.testing.assert_array_equal(KEPT[keep](f, np.ones(size)), np.arange(float(size)) + 1)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("shown", SHOWN)
def test_results_share_no_memory_with_what_was_given(shown):
    x, z = np.ones(3), np.ones(3)
    f = lambda x: (x, SHOWN[shown](x if type(x) is np.ndarray else z))
    mapped = cv.vmap(f, in_axes=None, out_axes=None, axis_size=1)
    for _, out in cv.jit(f)(x), cv.jvp(f, (x,), (x,))[0], cv.vjp(f, x)[0], mapped(x):
        assert out.flags.writeable
        assert not np.shares_memory(out, z) and not np.shares_memory(out, x)


def test_what_nobody_can_write_is_constant(tmp_path):
    file = tmp_path / "numbers"
    file.write_bytes(np.arange(3.0).tobytes())
    assert is_constant(np.memmap(file, float, "r")) and is_constant(np.memmap(file, float, "r")[1:])
    assert is_constant(np.frombuffer(bytes(24))) and is_constant(np.frombuffer(memoryview(bytes(24)))[::-1])
    assert not is_constant(read_only(np.frombuffer(bytearray(24))))
    assert not is_constant(read_only(np.zeros(3)))
    assert behind(bytes(3)) is None


class Lender:
    """An object of another library that lends its memory to be read."""

    def __init__(self, numbers):
        self.numbers = numbers
        address, _ = numbers.__array_interface__["data"]
        self.__array_interface__ = {**numbers.__array_interface__, "data": (address, True)}


LENT = {
    "a bytearray": lambda: (memory := bytearray(np.arange(3.0)), np.frombuffer(memoryview(memory).toreadonly())),
    "an array.array": lambda: (memory := array.array("d", range(3)), np.asarray(memoryview(memory).toreadonly())),
    "a lender": lambda: (memory := np.arange(3.0), np.asarray(Lender(memory))),
    "a view of a lender": lambda: (memory := np.arange(3.0), np.asarray(Lender(memory))[:]),
}


@pytest.mark.parametrize("lent", LENT)
def test_who_lends_memory_to_be_read_may_write_to_it(lent):
    memory, x = LENT[lent]()
    assert not x.flags.writeable and not is_constant(x)
    product, program = cv.jit(lambda y: x * y), cv.make_jaxpr(lambda y: x * y)(np.ones(3))
    _, pullback = cv.vjp(lambda y: np.sum(x * y), np.ones(3))
    before = product(np.ones(3))
    np.frombuffer(memory)[:] = 100.0
    assert np.array_equal(before, [0.0, 1.0, 2.0]) and np.array_equal(x, [100.0] * 3)
    for found in (product(np.ones(3)), program(np.ones(3))[0], pullback(1.0)[0]):
        assert np.array_equal(found, [0.0, 1.0, 2.0])
