"""Writes, results given with ``out=`` and Python's numbers, of arrays of all dtypes: NumPy's result, or its error."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.core.errors import CovectorError

STARTS = {
    "f8": np.array([0.71, 1.33, 0.47, 2.2]),
    "f4": np.array([0.71, 1.33, 0.47, 2.2], np.float32),
    "f2": np.array([60000, 60000, 1, 2], np.float16),
    "u1": np.array([3, 10, 40, 200], np.uint8),
    "i1": np.array([3, 1, 4, 2], np.int8),
    "i4": np.array([3, 1, 4, 2], np.int32),
}
RUN = {
    "jvp": lambda f, x: cv.jvp(f, (x,), (np.ones_like(x),))[0],
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: cv.tree.map(lambda y: y[0], cv.vmap(f)(np.stack([x, x]))),
}

SEEN = """
    np.arange(4.0).reshape(2, 2, copy=True); np.reshape(np.arange(4.0), (2, 2), copy=True); np.ix_(y)[0]; np.ix_([1, 2], y)[1]
    np.einsum(y, [0]); np.einsum(y.reshape(2, 2), [0, 1], [1, 0]); np.einsum('ij->ji', y.reshape(2, 2), optimize=True)
    np.asarray(y.flat); np.array(y.flat); y.flat.__array__(); np.asarray(y.reshape(2, 2).T.flat); np.reshape(y, 4, copy=True)
    np.histogram_bin_edges(y, np.sort(y)); np.copy(y.flat)
"""


def listed(text):
    return [s.strip() for s in text.replace("\n", ";").split(";") if s.strip()]


def program(text):
    names = {"np": np}
    exec("def f(x):\n    " + text.replace("\n", "\n    "), names)
    return names["f"]


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("start", ["y = x.copy()", "y = np.arange(4.0)"])
@pytest.mark.parametrize("text", listed(SEEN))
def test_a_write_into_the_result_is_seen(text, start, run):
    f = program(f"{start}\nv = {text}\ntry:\n    v[0] = 9.0\nexcept ValueError:\n    pass\nreturn y * x, v * 1")
    for found, wanted in zip(RUN[run](cv.lift(f), STARTS["f8"]), f(STARTS["f8"]), strict=True):
        np.testing.assert_allclose(found, wanted)


def compare(f, x, run):
    """NumPy's result in its dtype, or its error; or an error that says why."""
    try:
        wanted = f(x.copy())
    except (TypeError, ValueError, OverflowError) as error:
        with pytest.raises((CovectorError, TypeError if isinstance(error, TypeError) else type(error))):
            RUN[run](cv.lift(f), x)
        return
    found = RUN[run](cv.lift(f), x)
    assert run == "vmap" or found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if run == "vmap" else 1e-15)


OUT = """
    np.subtract.reduce(x, out=y[0]); np.subtract.accumulate(x, out=y); np.subtract.reduceat(x, [0, 2], out=y[:2])
    np.sum(x, out=y[0]); np.cumsum(x, out=y); x.cumsum(out=y); np.prod(x, out=y[0]); x.mean(out=y[0])
    np.einsum('ij,jk->ik', x.reshape(2, 2), x.reshape(2, 2), out=y.reshape(2, 2)); np.trace(x.reshape(2, 2), out=y[0])
    np.bitwise_or.reduce(x, out=y[0]); np.add(x, 1, out=y, where=[True, False, True, True]); np.add(x, x, out=y)
    np.add(x, 1, where=x > 2, out=x.copy()); np.multiply.outer(x + 1j, x, out=np.zeros((4, 4)))
    np.sum(x, None, None, y[0]); x.sum(0, None, y[:1], True); np.sum(x, 0, dtype=None, out=y[0]); np.mean(x, None, None, y[0])
    np.trace(x.reshape(2, 2), 0, 0, 1, out=y[0]); x.reshape(2, 2).trace(0, 0, 1, None, y[0]); x.cumprod(0, None, y)
    np.trace(x.reshape(2, 2), 0, 0, 1, x.dtype, y[0]); np.sum(x, None, x.dtype, y[0]); np.nansum(x, None, None, y[0])
    np.concatenate([x[:2] + 1j, x[:2]], out=y, casting='unsafe'); np.gradient(x, np.array([0.0, 1.0, 3.0, 4.0]))
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "u1", "i4"])
@pytest.mark.parametrize("text", listed(OUT))
def test_results_in_wider_arrays(text, dtype, run):
    if run == "jvp" and dtype[0] in "iu":
        return  # they have no tangents: plain
    compare(program(f"y = np.zeros(4)\nr = {text.replace('y[0]', 'y[0, ...]')}\nreturn r * 1"), STARTS[dtype], run)


WRITES = """
    y[0] = 300; y[0] = -200; y[0] = 1e10; y[0] = np.nan; y[:] = 300; y[y > 2] = -300; y[[0, 1]] = [300, 2]; y.fill(300)
    y.put([0], 300); np.place(y, y > 2, 300); y[0] = 1.7; y[1:] = [1.5, 2.5, 3]; np.copyto(y, 300); np.copyto(y, 3)
    np.copyto(y, 1.5); y.flat[0] = 300; y.flat[1:] = [300, 1]; np.put(y, [0, 1], [2.7, 300]); np.copyto(y, True); y[0] = True
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", ["jit", "vmap"])
@pytest.mark.parametrize("start", ["x.copy()", "np.zeros(4, x.dtype)"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i4", "f2", "f8"])
@pytest.mark.parametrize("text", listed(WRITES))
def test_python_numbers_that_fit_or_do_not(text, dtype, start, run):
    compare(program(f"y = {start}\n{text}\nreturn y + 0 * x"), STARTS[dtype], run)


NUMBERS = "x.item(0) * 100; x.tolist()[1] * 100; sum(x.tolist()) * 100; -x.item(0); x.item(0) / 7; x.item(2) // 3"


@pytest.mark.parametrize("run", ["jit", "vmap"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i4"])
@pytest.mark.parametrize("text", listed(NUMBERS))
def test_numbers_of_short_integers_are_pythons(text, dtype, run):
    compare(program(f"return np.array([{text}])"), STARTS[dtype], run)


@pytest.mark.parametrize("text", ["x.item(0)", "x.tolist()[0]"])
def test_numbers_of_64_bits_without_a_sign(text):
    with pytest.raises(CovectorError, match="uint64"):
        cv.jit(cv.lift(program(f"return {text} * 2")))(np.array([1, 2], np.uint64))


def test_strides_into_the_middle_of_elements():
    f = program("return np.lib.stride_tricks.as_strided(x, (2,), (12,)) * 1")
    with pytest.raises(CovectorError, match="into the middle"):
        RUN["jvp"](cv.lift(f), STARTS["f8"])


TEXTS = ["str(x)", "'%s' % x[0]", "str(x[1])", "np.array_str(x)", "f'{x} {x[0]}'", "repr(x)", "np.array2string(x, precision=2)"]
TEXTS += ["'%g' % x[0]", "'%s %.2f' % (x[1], x[0])", "b'%5.1f' % x.sum()"]


@pytest.mark.parametrize("text", TEXTS)
def test_text(text):
    said = []
    f = program(f"said.append({text})\nreturn x")
    f.__globals__["said"] = said
    for run in (lambda f, x: f(x), RUN["jvp"]):
        run(cv.lift(f) if said else f, STARTS["f8"])
    assert said[0] == said[1]


@pytest.mark.parametrize("left", ["np.float64(30.0)", "np.float32(30.0)", "np.full(4, 30.0)", "30.0", "np.array(30.0)"])
def test_a_remainder_is_no_text(left):
    f = cv.lift(program(f"return {left} % x[0]"))
    np.testing.assert_array_equal(cv.jvp(f, (np.array([7.3]),), (np.ones(1),))[1], -4.0)


def test_text_of_what_is_not_known():
    for text in ("'%g' % x[0]", "f'{x[0]:g}'"):
        with pytest.raises(CovectorError, match=r"debug\.print"):
            RUN["jit"](cv.lift(program(f"said = {text}\nreturn x")), STARTS["f8"])


def test_a_view_that_may_be_written_again():
    f = program("y = x * 1\ny.flags.writeable = False\ny.flags.writeable = True\ny[0] = 5.0\nreturn y")
    np.testing.assert_allclose(RUN["jit"](cv.lift(f), STARTS["f8"]), f(STARTS["f8"]))


def test_functions_of_flat():
    f = program("y = x.copy().reshape(2, 2)\nreturn np.sin(y.T.flat), np.dot(y.flat, y.flat), np.max(y.flat) + x")
    for run in ("jvp", "jit"):
        for found, wanted in zip(RUN[run](cv.lift(f), STARTS["f8"]), f(STARTS["f8"]), strict=True):
            np.testing.assert_allclose(found, wanted)


def test_operands_that_decide_what_ufuncs_mean():
    class Named:
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            return ufunc.__name__

    said = []
    f = program("said.append([x * n, n - x, x == n, x**n, n // x, x < n])\nreturn x")
    f.__globals__.update(said=said, n=Named())
    f(STARTS["f8"])
    RUN["jvp"](cv.lift(f), STARTS["f8"])
    assert said[0] == said[1]


SQUARES = "y; y[0]; y.max(); y[:1].reshape(()); np.asarray(y[0]); ~y[0]; y.item(0)"


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", listed(SQUARES))
def test_squares_of_truth_values(text, run):
    f = program(f"y = x > 1\nz = {text}\nreturn np.exp(z**2) * x, z**2.0, z**3")
    for found, wanted in zip(RUN[run](cv.lift(f), STARTS["f8"]), f(STARTS["f8"]), strict=True):
        assert type(wanted) in (int, float) or found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted)


RANGES = """
    np.arange(x[0], 3.0, dtype='f4'); np.arange(x[0], 3.0, 1, 'f4'); np.arange(x[0], 3.0, dtype=int)
    np.arange(x[0], 4, x[1], int); np.arange(0, 4.5, step=x[1]); np.arange(4.5, step=x[1]); np.arange(x[0], 4, step=x[1])
    np.arange(start=x[0], stop=4.1); np.arange(x[0], stop=4.1); np.arange(start=x[0], stop=x[1] + 3.01, step=x[1])
    np.arange(x[3], None); np.arange(x[3], None, x[1]); np.arange(stop=x[3]); np.arange(x[0], 3.1, None);
    np.arange(4.1, x[0], -x[1]); np.arange(x[0], 3.1, dtype=complex)
    np.arange(x[0], 3.1, device='cpu'); np.arange(np.argmax(x), 5, 2, 'f2'); np.arange(np.argmax(x) + 2, dtype='i2')
    np.arange(np.float32(0.5), 3, x[1].astype('f4')); np.arange(x[0].astype('f2'), 3)
"""


@pytest.mark.parametrize("text", listed(RANGES))
def test_ranges_between_traced_numbers(text):
    f, x = program(f"return {text}"), STARTS["f8"]
    found, wanted = RUN["jvp"](cv.lift(f), x), f(x)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    if found.dtype.kind in "fc":
        h = 0.01  # they are linear as long as there are as many numbers
        slope = (f(x + h).astype(complex) - f(x - h)) / (2 * h)
        atol = 0.06 if "astype" in text else 1e3 * np.finfo(found.dtype).eps
        np.testing.assert_allclose(cv.jvp(cv.lift(f), (x,), (np.ones(4),))[1], slope, atol=atol)
