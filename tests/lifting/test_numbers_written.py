"""Numbers of Python's, traced ones too, that become a part of an array: what NumPy writes, casts with a warning, or refuses."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import covector as cv
from covector.core.errors import CovectorError

NUMBERS = {
    "Python's": "(1.5 + 2j)", "traced": "c.item(0)", "in a list": "c.tolist()[0]", "NumPy's": "c[0]", "plain": "p.item(0)",
    "an array": "c[:1].reshape(())", "an integer": "x.astype(int).item(1)", "a float": "x.item(1)", "too large": "300",
    "no number": "float('nan')", "a truth value": "(x > 1).item(0)",
}  # fmt: skip
WRITES = """
    y[0] = C; y[...] = C; y[y > 0] = C; y[[0, 1]] = [C, C]; y[1:3] = (C, 2); y[np.argmax(x)] = C; y.reshape(2, 2)[1] = [C, 1]
    y.fill(C); y.put([0, 1], [C, C]); np.put(y, [0], C); np.put(y, [np.argmax(x)], C); np.place(y, y > 1, C)
    np.place(y, y > 1, [C]); np.place(y, [True, False, True, False], [C, 2]); np.putmask(y, y > 1, C); np.putmask(y, x > 1, C)
    np.copyto(y, C); np.copyto(y, C, 'unsafe'); np.copyto(y, C, 'unsafe', where=x > 1); np.copyto(y, C, casting='safe')
    np.copyto(y, C, 'unsafe', where=[True, False, True, True]); np.copyto(y, [C] * 4, 'unsafe'); np.copyto(y, C, casting='no')
    np.copyto(y[:1].reshape(()), C, 'unsafe'); y[:1].reshape(())[...] = C; y[:1].reshape(())[()] = C
    y.flat[0] = C; y.flat[[0, 1]] = [C, C]; y.flat = C; np.fill_diagonal(y.reshape(2, 2), C); y = np.full(3, C)
    y = np.full(3, C, y.dtype); y = np.full_like(y, C); y = np.where(x > 1, C, y); y = np.insert(y, 1, C); y = np.append(y, C)
    y = np.insert(y, [0, 1], [C, 2]); y = np.array([C, 1], y.dtype); y = np.asarray(C, y.dtype)
    y = np.fromiter([C, C], y.dtype); y = np.select([y > 1], [y], C); y = np.piecewise(y, [y > 1], [C, 0])
    y = np.piecewise(y, [x > 1], [lambda v: C, 0])
    y = np.pad(y, 1, constant_values=C); y = np.concatenate([y, [C]]); y = np.stack([y[0], C]); y = np.r_[y, C]; y.real = C
    np.add(y, C, out=y, casting='unsafe'); y += C; y[0] += C
"""
PLAIN, TRACED = "np.array([1, 2, 0, 3]).astype({!r})", "np.abs(x).astype({!r})"
STARTS = [PLAIN.format(dtype) for dtype in ("f8", "u1")] + [TRACED.format(dtype) for dtype in ("f4", "i4", "u1", "b1")]
RUN = {
    "jvp": lambda f, c, x: cv.jvp(f, (c, x), (c, x))[0],
    "jit": lambda f, c, x: cv.jit(f)(c, x),
    "vmap": lambda f, c, x: cv.vmap(f)(np.stack([c, c]), np.stack([x, x]))[0],
}
GIVEN = np.array([1.25 + 0.5j, 2 - 3j]), np.array([2.5, 1.5, -0.5, 0.25])


def outcome(act):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = act()
        except Exception as error:
            found = error
    return found, any(issubclass(w.category, np.exceptions.ComplexWarning) for w in said)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("text", [t.strip() for t in WRITES.replace("\n", ";").split(";") if t.strip()])
def test_what_becomes_of_a_number_in_an_array(text, number):
    if number == "no number" and "[0] +=" in text:
        return  # the sum is a number of NumPy's that is not known
    for start in STARTS:
        names = {"np": np, "p": GIVEN[0].copy()}
        write = re.sub(r"\bC\b", NUMBERS[number], text)
        exec(f"def f(c, x):\n    y = {start}\n    {write}\n    return y.copy()", names)
        f = names["f"]
        wanted, has_warned = outcome(lambda f=f: f(*GIVEN))
        for run in RUN:
            found, warned = outcome(lambda f=f, run=run: RUN[run](cv.lift(f), *GIVEN))
            what = (run, start, wanted, found)
            if isinstance(found, Exception):
                assert isinstance(wanted, Exception), what
                assert isinstance(found, (CovectorError, TypeError, ValueError, OverflowError)), what
                continue
            assert not isinstance(wanted, Exception) and warned == has_warned, what
            assert run == "vmap" or found.dtype == wanted.dtype, what
            np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=str(what))
