"""Arrays of unknown order in memory, written after a reshape: refused while the reshaped one is in use, and only then."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv

IN_USE = """
    v = x.T; r = np.reshape(v, (-1,)); v *= 2; return v.sum() + r[0]
    v = x.T; r = np.reshape(v, (-1,))[:2]; v *= 2; return v.sum() + r[0]
    v = x.T; r = np.reshape(v, (-1,)); s = r.reshape(2, -1); del r; v *= 2; return v.sum() + s[0, 0]
    v = x.T; r = np.reshape(v, (-1,)); s = r.reshape(2, -1); del r; s *= 2; return v.sum()
    v = x.T; r = np.reshape(v, (-1,)); r *= 2; return v.sum()
    v = x.T; r = np.ascontiguousarray(v); v *= 2; return r.sum()
""".strip().splitlines()
DROPPED = """
    v = x.T; r = np.sum(np.reshape(v, (-1,))[:2]); v *= 2; return v * r
    v = x.T; r = np.reshape(v, (-1,)); s = r[0] + 1; del r; v *= 2; v += s; return v.reshape(-1)[:3]
    v = x.copy(); r = np.ascontiguousarray(v.T).sum(); v[0] = r; return v
    r = np.reshape(x.copy().T, (-1,)); r *= 2; return r
""".strip().splitlines()


def program_of(text):
    names = {"np": np}
    exec("def f(x):\n" + "".join(f"    {line}\n" for line in text.strip().split("; ")), names)
    return names["f"]


@pytest.mark.parametrize("text", DROPPED)
def test_a_reshaped_array_that_is_in_use_no_more(text):
    x = np.arange(6.0).reshape(2, 3)
    f = program_of(text)
    np.testing.assert_array_equal(cv.jit(cv.lift(f))(x), f(x.copy()))


@pytest.mark.parametrize("text", IN_USE)
def test_a_reshaped_array_that_is_in_use(text):
    with pytest.raises(cv.errors.InPlaceWriteError, match="of which a reshaped one is in use"):
        cv.jit(cv.lift(program_of(text)))(np.arange(6.0).reshape(2, 3))
