"""Parts of arrays at computed places, views under ``jit`` and ``vmap`` too: NumPy's values, and differences of them."""

from __future__ import annotations

from collections import deque, namedtuple

import numpy as np
import pytest

import covector as cv
from covector.core.errors import InPlaceWriteError, UnsupportedFunctionError

X = np.random.default_rng(1).normal(size=(3, 2, 4)).round(2)
V = np.random.default_rng(2).normal(size=X.shape)

PROGRAMS = """
    y[k][1] = 7.
    v = y[k]; v += 1; y[0] = 3.; return y * v[:1]
    v = y[k]; y[:] = 2.; return v * 1
    v = y[k]; w = v[::-1]; w[0] = x[0,0]; return y
    v = y[k].T; v[1] = x[0,0,0]; return y
    v = y[k].reshape(-1); v[3:5] = x[0,0,:2]; return y
    v = y[k].ravel(); v *= 2
    v = y[:, k]; y[k, 0] = 4
    y[k] += x[0]
    y[k] -= 2
    y[k] *= x[1]
    y[k, 0] += x[0,0]
    y[k, :, j] = 2*y[k, :, j+1]
    y[..., k] = 3.
    v = y[..., k]; v[0] = x[0,0,0]
    v = y[None, k]; v[0, 1] = 8.
    v = y[1:, k]; v[:, 0] += x[:2, 0, 0]
    v = y[k][j]; v[1:3] = v[:2] * 2
    y[k][j][1:] = y[j][k][:-1]
    y[k], y[0] = y[0].copy(), y[k].copy()
    t = y[k].copy(); y[k] = y[0]; y[0] = t
    y[[0, k]] = y[[k, 0]]
    a, b = y[k], y[0]; a[:] = b; b[0] = 5; return y * a
    np.copyto(y[k], 5.)
    np.add(y[k], x[0], out=y[k])
    np.multiply(x[0], 2., out=y[k, :])
    y[k].fill(3.)
    y[k].sort()
    y[k].sort(axis=0)
    np.fill_diagonal(y[k], x[0, 0, 0])
    np.put(y[k], [1, 2], x[0, 0, :2])
    y[k].flat[2] = x[0,0,0]
    y[k].flat = x[1]
    np.add.at(y[k], (0, [1, 1]), x[0,0,0])
    y[k][y[k] > 0] = 0.
    y[k][[1, 0]] = x[0]
    y[k][:, ::-1][0, :2] = x[0, 0, :2]
    z = y.T; z[k][1] = x[0, 0, 0]
    z = y[::-1]; z[k][1] = x[0, 0, 0]; v = z[k]; y[0] = 0; return v * 1
    z = y.reshape(6, 4); v = z[k]; v[:] = 1; y *= 2; return v + 0
    z = np.zeros((3, 2, 4)); v = z[k]; v[0] = x[0, 0]; return z
    z = np.zeros((3, 2, 4)); v = z[k]; z[0] = x[0]; return v + 0
    z = np.zeros((3, 2, 4)); v = z[k]; v[0] = 4; v += 1; return z
    z = np.arange(24).reshape(3, 2, 4); z[k][0] = x[0, 0]; return z * x
    z = (x + 1j*x); z[k].real[0] = 2.; return z
    z = (x + 1j*x); v = z.imag[k]; v[0] = 2.; return z
    v = y[k]; v.shape = (8,); v[3] = 1.
    v = np.diagonal(y[k]); y[k, 0, 0] = 9.; return v * 1
    v = np.split(y[k], 2, axis=1)[1]; v[0] = 6.
    v = y[k, ...]; v[0] = 6.
    v = y[k]; u = v; u += v
    l = [y[0], y[k]]; l[1][0] = 2; return y
    v = y[k].swapaxes(0, 1); v[j] = 2.
    v = np.atleast_3d(y[k]); v[0] = 3.
    v = y[k].squeeze(); v[0] = 3.
    for r in y[k]: r[0] = 2.
    for i, r in enumerate(y[k]): r += i
    v = y[k]; v[...] = y[0]
    v = y[k]; v[::2] = v[:1]
    v = y[k].view(); v[0] = 1
    v = np.asarray(y[k]); v[0] = 1
    v = np.array(y[k]); v[0] = 1
    v = y[k].copy(); v[0] = 1
    v = y[k].astype(float, copy=False); v[0] = 1
    v = np.lib.stride_tricks.sliding_window_view(y[k, 0], 2); y[k, 0, 1] = 5.; return v * 1
    v = np.broadcast_to(y[k, 0], (3, 4)); y[k, 0, 1] = 5.; return v * 1
    v = y[k]; del y; return v * 1
    v = y[k]; w = y[j]; v += w; w += v; return y
    w = y[k]; w[w.argmax() // 4][j] = 0.
    w = y[np.argsort(x[:, 0, 0])[1]]; w *= 0
    v = y[-k]; v[1] = 2
    v = y[k - 3]; v[1] = 2
    z = np.moveaxis(y, 2, 0); v = z[k]; v[1] = 2.
    z = np.asfortranarray(y); v = z[k]; w = v.ravel(); w[0] = 100.; return z
    z = np.asfortranarray(y); v = z[:, k]; w = v.reshape(-1); w[0] = 100.; return z
    z = np.asfortranarray(y); v = z[k]; w = v.ravel(order="F"); w[0] = 100.; return z
    n = np.cumsum([1, 1]); v = y[k, n[0] - 1:n[1]]; v[:] = 0
    y[k, np.int64(1):].fill(9.0)
    v = y[np.int64(1):, j]; v += 1
    v = y[k, True:]; v += 1
    v = y[k, np.array(1):]; v += 1
    n = np.asarray(1); v = y[k, n:]; v += 1
    v = y[k, Index():]; v += 1
    v = y[k, np.int64(0):]; y[:] = 0; return v * 1
    v = y[Place(1, 0)]; v += 10
    v = y[Place(k, slice(None))]; v += 10
    v = y[Index()]; v += 10
    v = y[(Index(), slice(1, None))]; v += 10
    v = y[..., Index()]; v += 10
    v = y[k, Index(), ...]; v += 10
    y[Index()] += 5; y[Place(0, 1)] = 3; y[Index():2, Index()] = 7
    y[:2] = [y[2], y[2]]
    y[[0, 1]] = [y[1], y[0]]
    y[0, :1, :2] = [[y[0, 0, 1], y[0, 0, 0]]]
    y[:1, 0, 0] = y[:1, 0, j]; y[:0, 0, 0] = y[:0, 0, j]; y[:2, 0, 0] = y[:2, 0, j]
"""

Place = namedtuple("Place", "i j")


class Index:
    def __index__(self):
        return 1


def program(text):
    """Lines; the array itself is returned where they return nothing else."""
    start = ["y = x.copy()", "k = np.argmax(x[:, 0, 0])", "j = np.argmin(x[0, :, 1])"]
    lines = [*start, *text.strip().split("; "), *([] if "return" in text else ["return y"])]
    names = {"np": np, "Index": Index, "Place": Place, "deque": deque}
    exec("def f(x):\n" + "".join(f"    {line}\n" for line in lines), names)
    return names["f"]


def along(f):
    eps = 1e-6
    return (f(X + eps * V) - f(X - eps * V)) / (2 * eps)


@pytest.mark.parametrize("text", PROGRAMS.strip().splitlines())
def test_programs(text):
    f = program(text)
    lifted, value, tangent = cv.lift(f), f(X), along(f)
    np.testing.assert_allclose(cv.jit(lifted)(X), value, rtol=1e-12)
    np.testing.assert_allclose(cv.vmap(lifted)(np.stack([X, X[::-1]])), np.stack([value, f(X[::-1])]), rtol=1e-12)
    moved = cv.jit(lambda x, v: cv.jvp(lifted, (x,), (v,))[1])(X, V)
    np.testing.assert_allclose(moved, tangent, rtol=1e-6, atol=1e-6)
    loss = lambda x: np.sum(np.abs(lifted(x)) ** 2)
    gradient = cv.vmap(cv.grad(loss))(X[None])[0]
    slope = along(lambda x: np.sum(np.abs(f(x)) ** 2))
    np.testing.assert_allclose(np.sum(gradient * V), slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("index", [1, -1, np.int64(1)])
def test_an_argument_without_axes_is_a_number(index):
    def f(x, i):
        y = x.copy()
        y[i][1] = 7.0
        return y

    np.testing.assert_array_equal(cv.jit(cv.lift(f))(X, index), f(X, index))
    np.testing.assert_array_equal(cv.vmap(cv.lift(f), (None, 0))(X, np.array([0, 2])), np.stack([f(X, 0), f(X, 2)]))
    np.testing.assert_array_equal(cv.jvp(lambda x: cv.lift(f)(x, index), (X,), (V,))[0], f(X, index))


@pytest.mark.parametrize("text", ["y[k][1] = 7.0", "v = y[k]; v += 1", "y[:, k] *= 2", "v = y[k]; return v * 1"])
def test_places_out_of_bounds(text):
    names = {}
    exec("def f(y, k):\n" + "".join(f"    {line}\n" for line in [*text.split("; "), "return y"]), names)
    for f in (lambda k: names["f"](X.copy(), k), lambda k: cv.jit(cv.lift(names["f"]))(X, k)):
        with pytest.raises(IndexError, match="index 9 is out of bounds"):
            f(9)


def test_memory_that_other_code_holds():
    def f(x):
        y = np.zeros((3, 2))
        memory = y.data
        row = y[np.argmax(x[:, 0, 0])]
        y[:] = 5.0
        before = row * 1.0
        memory[1, 0] = memory[2, 1] = memory[0, 1] = 7.0
        return before, row * 1.0

    for found, wanted in zip(cv.jit(cv.lift(f))(X), f(X), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_whether_a_row_of_an_argument_follows_in_memory_is_not_known():
    def f(x, write):
        row = x[np.argmax(x[:, 0])]
        flat = np.ravel(row)
        if write:
            flat[0] = -1.0
        return row + flat

    def g(x):
        return x * x[np.argmax(x[:, 0])].flags.c_contiguous

    x = np.asfortranarray(X[:, 0])
    np.testing.assert_array_equal(cv.jit(cv.lift(f), static_argnums=1)(x, False), f(x, False))
    with pytest.raises(InPlaceWriteError, match="whose order in memory is not known"):
        cv.jit(cv.lift(f), static_argnums=1)(x, True)
    with pytest.raises(UnsupportedFunctionError, match=r"flags\.c_contiguous was asked for"):
        cv.jit(cv.lift(g))(x)
    np.testing.assert_array_equal(cv.jvp(cv.lift(g), (x,), (x,))[0], g(x))


def test_an_index_is_looked_at_before_what_is_written():
    f = lambda x: (x[0, ...].real.__setitem__(0, x.item(0)), x)[1]
    x = np.array([1 + 2j, 3.0])
    for run in (f, lambda x: cv.jvp(cv.lift(f), (x,), (x,))):
        with pytest.raises(IndexError, match="too many indices"):
            run(x.copy())


def test_an_index_with_an_array_in_it_copies():
    def f(x):
        y = x.copy()
        y[np.asarray(np.argmax(x[:, 0, 0]))][0] = 5.0
        y[[np.argmax(x[:, 0, 0])]][0] = 5.0
        return y

    np.testing.assert_array_equal(cv.jit(cv.lift(f))(X), f(X))


REFUSED = {
    "np.shares_memory(y[k], y[0])": (UnsupportedFunctionError, "at a place that is traced"),
    "v = y[k, 0]; v[::2] = y[0, 0, :2]": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "np.copyto(y[k, 0, ::2], y[0, 0, :2])": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "y[k].flat = y[0]": (InPlaceWriteError, "a part of x itself"),
    "np.modf(x[0], out=(y[k], y[0]))": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "np.concatenate([y[0, :1], y[0, 1:]], out=y[k])": (InPlaceWriteError, "into one of its own arguments"),
    "np.fill_diagonal(y[k], y[0, 0, :2])": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "y[:2] = [y[1], y[0]]": (InPlaceWriteError, "a list of views of an array"),
    "y[k, 0, :2] = y[:2, 0, 1]": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "z = y[:, 0, :3]; z[:, k] = z[1]": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "z = y[:, 0, :3]; z[k] = z[:, 2:].T": (InPlaceWriteError, "a part of an array was to be written over the array itself"),
    "y.flat[1:] = y.flat": (InPlaceWriteError, "a part of x itself"),
    "y.T.flat = y.flat": (InPlaceWriteError, "a part of x itself"),
    "y[1:].flat = y[:2].flat": (InPlaceWriteError, "a part of x itself"),
    "z = y[:, 0]; z[:2] = [z[1].flat, z[0].flat]": (InPlaceWriteError, "a list of views of an array"),
    "np.place(y, y > 0, y.flat)": (InPlaceWriteError, "writes a part of x into x"),
    "np.ptp(y, axis=0, out=y[1])": (InPlaceWriteError, "into its own argument"),
    "np.ptp(y, axis=0, out=y[k])": (InPlaceWriteError, "into its own argument"),
    "y[:2] = deque([y[1], y[0]])": (InPlaceWriteError, "a list of views of an array"),
    "y[:2] = y[k], y[0]": (InPlaceWriteError, "a list of views of an array"),
    "y[:] = list(y[::-1])": (InPlaceWriteError, "a list of views of an array"),
    "y[0, 0, :2] = [y[0, 0, 1, ...], y[0, 0, 0, ...]]": (InPlaceWriteError, "a list of views of an array"),
    "y.real[:2] = [y.real[1], y.real[0]]": (InPlaceWriteError, "a list of views of an array"),
    "v = np.broadcast_to(y, y.shape); v[k][0] = 1.0": (ValueError, "read-only"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_depends_on_the_place_is_refused(text):
    error, message = REFUSED[text]
    with pytest.raises(error, match=message):
        cv.jit(cv.lift(program(text)))(X)


def test_an_addition_at_a_place_is_one_equation():
    def f(x, i):
        y = x.copy()
        y[i] += y[0]
        return y

    names = [eqn.primitive.name for eqn in cv.make_jaxpr(cv.lift(f))(X, 1).jaxpr.equations]
    assert names == ["slice", "scatter_add"]
