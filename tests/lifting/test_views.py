"""Every view of NumPy, of arrays that lie in memory in every way, written through the view or through the array.

What is compared is NumPy itself: which elements change, in the array and in the view, and the derivatives, which are exact,
for all of these programs are affine.  Where NumPy makes a copy instead, or refuses the write, so must a lifted function.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from oracle import MODULE, PLAIN, lay_out
from views import views_of

import covector as cv
from covector.core.errors import CovectorError

SHAPES = ((), (3,), (3, 3), (2, 3), (2, 2, 3))
FAMILIES = sorted({name for shape in SHAPES for name in views_of(shape, "c")})
PLACES = {"view": "v", "array": "a"}
WRITE = "{p}[...] = t * (1.0 + np.arange({p}.size).reshape({p}.shape))"
ADD = "{p} += t"
NUMBERS = "{p}[...] = 0.5 - np.arange({p}.size).reshape({p}.shape)"
EMPTY = ""
LAYOUTS_OF = [
    ["C"],
    ["C", "sliced", "reversed", "broadcast"],
    ["C", "F", "sliced", "reversed", "broadcast"],
    ["C", "F", "swapped", "rows"],
]


def programs(text: str, layout: str):
    """The view, then writes: by the view or by the array, of numbers first or not, and by assignment or by addition."""
    for place in PLACES.values():
        for before in (EMPTY, NUMBERS):
            for write in (WRITE, ADD) if layout == "C" else (WRITE,):
                other = "a" if place == "v" else "v"
                lines = [f"v = {text.format(a='a')}", before.format(p=other), write.format(p=place), "w = v * 2.0"]
                yield "def program(a, t):\n" + "".join(f"    {line}\n" for line in lines if line) + "    return a, v, w\n"


def outcome(f, *args):
    try:
        return [np.array(o) for o in f(*args)]
    except Exception as error:
        return error


def refused(what: str, found: Exception, expected: object) -> bool:
    """Whether an error is one that may be: covector's, or of NumPy's class where NumPy refuses."""
    if isinstance(expected, Exception):
        assert isinstance(found, (CovectorError, type(expected))), (what, found, expected)
        return False
    assert isinstance(found, CovectorError), (what, found)
    return True


def compare(what: str, found, expected) -> bool:
    """Whether covector refuses what NumPy does; fails where they differ."""
    if isinstance(found, Exception):
        return refused(what, found, expected)
    if isinstance(expected, Exception):
        assert "read-only" in str(expected), (what, expected)  # the array of a caller is copied before it is written
        return False
    for name, f, e in zip("avw", found, expected, strict=True):
        assert f.dtype == e.dtype, (what, name, f.dtype, e.dtype)
        accuracy = 64 * np.finfo(e.dtype).eps
        np.testing.assert_allclose(f, e, rtol=accuracy, atol=accuracy, err_msg=f"{name} of\n{what}")
    return False


def tried(source: str, a: np.ndarray, how: str, layout: str) -> bool:
    """Whether covector refuses the program, of which NumPy says what is right, at an array and along a tangent."""
    exec(source, PLAIN)
    exec(source, vars(MODULE))
    lifted = cv.lift(MODULE.program)
    lay = lambda a: lay_out(a, layout)
    da = np.cos(np.arange(a.size) + 1.0).reshape(a.shape).astype(a.dtype)
    if layout == "broadcast":
        da = lay(da)
    expected = outcome(PLAIN["program"], lay(a.copy()), 2.0)
    what = f"{source}{layout} {a.dtype}{a.shape}, {how}"
    if how == "jit":
        return compare(what, outcome(cv.jit(lifted), lay(a.copy()), 2.0), expected)
    if how == "traced":
        moved = outcome(PLAIN["program"], lay(a + da), 3.0)
        found = outcome(lambda *xs: sum(cv.jvp(lifted, *xs), ()), (lay(a.copy()), 2.0), (da, 1.0))
    else:
        moved = outcome(PLAIN["program"], lay(a.copy()), 3.0)
        found = outcome(lambda t, dt: sum(cv.jvp(lambda t: lifted(lay(a.copy()), t), (t,), (dt,)), ()), 2.0, 1.0)
    if isinstance(found, Exception) or isinstance(expected, Exception):
        return compare(what, found, expected)
    n = len(expected)
    compare(what + ": tangents", found[n:], [(m - e).astype(e.dtype) for m, e in zip(moved, expected, strict=True)])
    return compare(what, found[:n], expected)


def outcomes(name: str, shape: tuple[int, ...]):
    """For each program of a family of views: what it is, and None, "refused", or how it differs from NumPy."""
    for kind in "fc" if name in ("parts", "view") else "f":
        a = 0.25 * np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
        a = a + 1j * a[..., ::-1] if kind == "c" and shape else a.astype({"f": float, "c": complex}[kind])
        for text in views_of(shape, kind).get(name, ()):
            for layout in LAYOUTS_OF[len(shape)]:
                for source in programs(text, layout):
                    compiled = layout == "C" and shape and "+=" not in source and "0.5" not in source
                    for how in ("plain", "traced", "jit")[: 2 + bool(compiled)]:  # a number to jit
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")
                            try:
                                found = "refused" if tried(source, a, how, layout) else None
                            except AssertionError as error:
                                found = str(error)
                        yield (text, layout, how, kind, source), found


ORDER_DECIDES = ("asarray", "parts", "ravel", "reshape", "trim")  # jit does not know how an argument lies in memory
REINTERPRETED = ("meshgrid", "view")


def may_be_refused(name: str, shape: tuple[int, ...], text: str, layout: str, how: str) -> bool:
    """Numbers cannot be written, bytes not be read as others, and some views depend on what is not known."""
    repeats = name == "ravel" and "K" in text and layout == "broadcast"
    return not shape or name in REINTERPRETED or repeats or (how == "jit" and name in ORDER_DECIDES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_view_and_its_array_are_one_memory(name, shape):
    wrong = []
    for what, text in outcomes(name, shape):
        if text and not (text == "refused" and may_be_refused(name, shape, *what[:3])):
            wrong.append((text, what))
    assert not wrong, (len(wrong), wrong[0])
