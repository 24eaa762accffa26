"""Expressions of the sort that people write, each beside NumPy: value, dtype and derivative, compiled and mapped.

``math``, ``np`` and the like are at hand; what is before the last ``;`` are statements.
"""

from __future__ import annotations

import copy
import math
import pickle
import re
from collections import namedtuple

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.stats

import covector as cv
from covector.core.errors import CovectorError, InPlaceWriteError

X, V = np.array([0.71, 1.33, 0.47]), np.array([0.3, -0.2, 0.5])
Pair = namedtuple("Pair", "first second")


class Row(list):
    """A list of the user's own class."""


NAMES = {
    "np": np, "math": math, "copy": copy, "pickle": pickle, "Pair": Pair, "Row": Row, "linalg": scipy.linalg,
    "signal": scipy.signal, "ndimage": scipy.ndimage, "sparse": scipy.sparse, "stats": scipy.stats, "optimize": scipy.optimize,
    "fft": scipy.fft,
}  # fmt: skip


def program(text):
    names = dict(NAMES, __name__="expressions")
    *statements, result = text.split("; ")
    exec("def f(x):\n" + "".join(f"    {s}\n" for s in [*statements, f"return np.asarray({result})"]), names)
    return names["f"]


def difference(f, x, v, h=1e-4):
    values = [np.asarray(f(x + k * h * v), complex) for k in (-2, -1, 1, 2)]
    return (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * h)


def check(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype


KNOWN = """
(-x.item(0)) ** 0.5 | abs((-x.item(0)) ** x.item(1)) | (-2.0) ** x.item(1) | ((-2) ** x.item(1)).real | 0.0 ** x.item(1)
x.item(0) / (x.item(1) - 1) | 1 // x.item(0) + 5 % x.item(0) | pow(-x.item(0), 0.5) | (-x.item(0)) ** 3 + (-x.item(0)) ** -2
signal.lsim(([1.0], [1.0, 2.0]), x, [0, 1, 2.0])[1]
x.item(0) ** (x.item(1) > 1) | (x * 3).astype(int).item(1) ** 0.5 * x | math.sqrt(x[0]) ** -1
"""
"""Where the type of the result, or a branch of SciPy's, depends on the value."""

ALWAYS = """
(x * 3).astype(int).item(1) ** -1 * x | x.clip(0.6) | x.clip(None, 1) | x[0].clip(0)
np.array(Pair(x, x * 2)) | np.array([Pair(x[0], x[1]), Pair(x[1], x[2])]) | np.sum(Pair(x[0], x[1])) | np.max(Pair(x, x * 2), 0)
np.ones(2) * Pair(x[0], x[1]) | np.dot(Pair(x[0], x[1]), [1.0, 2.0]) | np.linalg.norm(Pair(x[0], x[1]))
np.where([True, False], Pair(x[0], x[1]), 0.0) | np.array(Row([x[0], x[1]])) | np.stack(Row([x, x])) | np.mean(Row([x, x]), 0)
y = np.zeros(2); y[:] = Pair(x[0], x[1]); y += Pair(x[1], 1.0); y[1:] += Row([x[2]]); y
a = np.arange(3.0); b = pickle.loads(pickle.dumps(a)); a[0] = 5.0; a * x + b
sum(a * b for a, b in np.broadcast(x, x[::-1])) | np.array([a + b for a, b in np.broadcast(x[:, None], [1.0, 2.0])])
b = np.broadcast(x, 1.0); list(b); b.reset(); next(b)[0] * b.index
np.lexsort([x]) | np.lexsort([x > 0.5, x]) * x | np.lexsort(np.stack([x, x[::-1]]))
np.fromiter((v * 2 for v in x), float) | np.fromiter(x, np.float32, count=2) | np.fromiter((i for i in range(3)), int) * x
a, b = np.meshgrid(x, [1.0, 2.0], copy=False); a * b
a, b = np.meshgrid(x, x, copy=False, sparse=True); a[0, 1] = 7.0; a * b + x
o = np.zeros(3); ndimage.gaussian_filter(x, 1, output=o); o | o = np.zeros((2, 3)); ndimage.convolve(x, [1, 2, 1], o[1]); o
o = np.zeros(3, np.float32); r = ndimage.uniform_filter1d(x, 3, output=o); r[0] = 7.0; o
signal.lfiltic([1, 0.5], [1, -0.2], x[:1])
x @ sparse.csr_array(np.eye(3) + 1) | np.outer(x, x) @ sparse.csc_array(np.eye(3) + 1)
(sparse.csr_array(np.eye(3)) @ sparse.csr_array(np.eye(3))).toarray() @ x | linalg.bandwidth(np.eye(3))[0] + x
signal.step(([1.0], [1.0, 2.0]))[1][:3] * x | optimize.linprog([1.0, 1.0], A_ub=[[-1, -1.0]], b_ub=[-1.0]).x * x[:2]
x.compress([1, 0, 1]) | np.outer(x, x).compress([True, False, True], 1)
x.item(-1) + x.item((1,)) | np.outer(x, x).item((1, 2))
np.outer(x, x + 1).transpose(np.array([1, 0])) | x.transpose(np.int64(0)) | np.outer(x, x + 1).mT | x.reshape(np.array([3, 1]))
fft.dct(np.arange(3.0)) * x + fft.dst(np.arange(3.0)) | fft.fft(np.arange(3.0)).real * x | signal.czt(x)
a = np.arange(6.0); b = a[1::2]; x * (b.base is a) + (a.base is None) + np.zeros(4)[1:].base.size
"""


def texts(block):
    return [s.strip() for s in block.replace("\n", " | ").split(" | ") if s.strip()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", texts(ALWAYS) + texts(KNOWN))
def test_value_and_derivative(text):
    f = program(text)
    lifted, wanted = cv.lift(f), f(X.copy())
    out, tangent = cv.jvp(lifted, (X,), (V,))
    check(out, wanted)
    if wanted.dtype.kind in "fc":
        accuracy = 1e-6 if wanted.dtype.itemsize > 4 else 1e-2
        np.testing.assert_allclose(tangent, difference(f, X, V), rtol=accuracy, atol=accuracy)
    if text in texts(ALWAYS):
        check(cv.jit(lifted)(X), wanted)
        check(cv.vmap(lifted)(np.stack([X, X]))[1], wanted)


ZERO = """
x.item(0) / 0.0 | x.item(0) // 0 | x.item(0) % 0 | divmod(x.item(0), 0) | 1.0 / (x.item(0) - x.item(0)) | 0.0 ** -x.item(0)
(x - x).item(0) ** -1 | x.item(0) / (x.item(0) > 5) | 1 / (x.item(0) > 5) | (x + 1j).item(0) / 0 | 0j ** -x.item(0)
"""


@pytest.mark.parametrize("text", texts(ZERO))
def test_division_by_zero(text):
    f = program(text)
    with pytest.raises(ZeroDivisionError):
        f(X)
    with pytest.raises(ZeroDivisionError):
        cv.jvp(cv.lift(f), (X,), (V,))


INTO_WINDOWS = """
v[0, 1] = x[2] | v[0, 1] -= 0.5 | v[0] = x[1] | v[0, :1] = x[2:] | v[[0], [1]] = x[2] | v[[True, False]] = x[2]
v.T[1, 0] = x[2] | v[:, 0] = x[1:] | v.reshape(2, 2, 1)[0, 1, 0] = x[2] | v[0, 1:] *= x[2] | v[..., 0][0] = x[2]
v[1:][0, 0] = 3.0 | v[1].fill(x[0]) | np.add(v[0], x[0], out=v[0]) | v.flat[1] = x[2] | np.put(v, [1], x[2])
np.add.at(v, ([0], [1]), x[2]) | v[v > 1] = x[2] | np.copyto(v, x[2], where=[[False, True], [False, False]])
v[v > 1] = 2.0 | np.fill_diagonal(v, x[2]) | v[0].sort()
"""
"""Writes into a view that shows the element 1 at two places."""


@pytest.mark.parametrize("run", [lambda f: cv.jvp(f, (X,), (V,))[0], lambda f: cv.jit(f)(X)], ids=["jvp", "jit"])
@pytest.mark.parametrize("start", ["x.copy()", "np.arange(3.0)"])
@pytest.mark.parametrize("text", texts(INTO_WINDOWS))
def test_a_write_into_overlapping_windows_is_not_lost(text, start, run):
    f = program(f"z = {start}; v = np.lib.stride_tricks.as_strided(z, (2, 2), (8, 8)); {text}; z * x")
    try:
        found = run(cv.lift(f))
    except CovectorError:  # by a function, which writes all of it
        assert re.search(r"flat|put|at\(|v > 1|copyto|fill_diagonal", text)
    else:
        check(found, f(X.copy()))


IN_PARTS = """
np.apply_along_axis(lambda r: r.sort() or r, 0, m) | np.apply_over_axes(lambda a, axis: a.fill(2.0) or a, m, [0])
"""


@pytest.mark.parametrize("start", ["np.outer(x, x)", "np.diag([3.0, 2.0, 1.0])"])
@pytest.mark.parametrize("text", texts(IN_PARTS))
def test_a_function_of_parts_that_writes_them_is_refused(text, start):
    with pytest.raises(InPlaceWriteError):
        cv.jvp(cv.lift(program(f"m = {start}; {text}; m @ x")), (X,), (V,))


def test_nditer_over_several_arrays():
    def f(x):
        o, a = np.zeros(3), np.arange(3.0)
        y = x * o
        for u, v in np.nditer([a, o], op_flags=[["readonly"], ["writeonly"]]):
            v[...] = 2 * u
        return y + o * x

    check(cv.grad(lambda x: np.sum(cv.lift(f)(x)))(X), np.array([0.0, 2.0, 4.0]))


class Box:
    """An object with an array in it, as other packages have them."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value, dtype)


def test_an_object_with_an_array_in_it():
    def plain(x):
        a = np.arange(3.0)
        found = np.add(Box(a), 1) * x + np.stack([Box(a), Box(a)])[1]
        a[0] = 5.0
        return found + np.array([Box(a)])[0] + np.sum(Box(x)) + np.asarray(Box(x))

    check(cv.jvp(cv.lift(plain), (X,), (V,))[0], plain(X))
    check(cv.jvp(cv.lift(lambda x: Box(x).__array__() * 2), (X,), (V,))[1], 2 * V)
    with pytest.raises(CovectorError):
        cv.jvp(cv.lift(lambda x: np.sin(Box(x))), (X,), (V,))


HIDDEN = {
    "numpy.polynomial returns NotImplemented": "(np.polynomial.Polynomial(x) * np.polynomial.Polynomial([1.0, 2.0])).coef",
    "float in a try": "signal.lp2lp([1.0], [1.0, 2.0], x[0])[1]",
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=list(HIDDEN))
def test_an_error_that_hides_ours(text):
    with pytest.raises(CovectorError):
        cv.jit(cv.lift(program(text)))(X)
