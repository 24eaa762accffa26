"""Values, shapes, dtypes and errors of NumPy's functions are NumPy's under `jit`, `vmap`, `jvp` and `eval_shape`.

Every call of `agreement_calls` × every dtype × every shape; every call of two arrays × two dtypes × pairs of shapes.  A fixed
sample of this grid is tried by default, all of it with ``--hypothesis-profile=long`` (which is how this suite asks for the long
tests).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from agreement_calls import BINARY_UFUNCS, UNARY_UFUNCS, calls
from hypothesis import settings
from transformed import outcome

import covector
from covector.core import errors
from covector.core.pytrees import tree_leaves

CALLS = calls()
DTYPES = [np.dtype(t) for t in "bool i1 u1 i4 i8 u8 f2 f4 f8 g F D".split()]
SHAPES: list[Any] = [(), (0,), (1,), (3,), (2, 3), (2, 0, 3), "special"]
PAIRS_OF_SHAPES = [((3,), (3,)), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (2, 1))]
OF_TWO = [name for name in CALLS if re.search(r"\by\b", name) and re.search(r"\bx\b", name)]
SQUARE = "x ** 2"
"""Of truth values: int64 for a number, which a traced value without axes is, and int8 for an array of NumPy's without axes."""

METHODS_OF_PLAIN_ARRAYS = ["x.dot(y)"]
"""NumPy's method of an array that is not traced asks nobody: refused."""

VALUES_NEEDED = """
    argwhere bincount emath extract flatnonzero nonzero histogram intersect1d setdiff1d setxor1d union1d trim_zeros unique
    x.nonzero
""".split()
"""The shape or dtype of the result depends on values: refused where these are not known."""

REFUSED = ["packbits", "lexsort([x])"]
"""Refused always: NumPy does not ask a list whether its elements override it."""

LAYOUT_NEEDED = ['order="K"', 'order="A"', '"K")']
"""The result depends on the order in memory: refused where it is not known and matters."""

CHECKS_VALUES = "average geomspace logspace digitize nanarg power interp ** // % floor_divide take choose".split()
"""NumPy raises for some values, which staged values cannot: what it computes then is not compared."""

ROUNDED = """
    tensordot einsum convolve correlate vander reflect_type cross cumprod prod linspace setdiff1d setxor1d union1d unique
""".split()
"""Complex multiplication, or sorting, of infinities and NaN depends on how a sum is arranged."""


AT_FLOAT64 = ["quantile", "percentile"]
"""The place is a float64, which NumPy 2.4.0 converts to a longdouble before, and later versions after, they scale it."""


def argument(dtype: np.dtype[Any], shape: Any, k: int) -> Any:
    """An array of different values, some of them negative, or of the special values of a dtype."""
    if shape == "special":
        return np.roll(special_values(dtype), k)
    n = int(np.prod(shape))
    numbers = (np.arange(n) * (2 + k) + 1 + k) % 7
    if dtype.kind in "bu":
        values = numbers % 2 == 0 if dtype.kind == "b" else numbers
    else:
        values = numbers - 2 if dtype.kind == "i" else numbers * 0.75 - 1.5 + 0.25 * k
    if dtype.kind == "c":
        values = values + 1j * ((np.arange(n) * 5 + k) % 4 - 1) * 0.5
    return np.asarray(values, dtype).reshape(shape)


def special_values(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype.kind in "iu":
        return np.array([np.iinfo(dtype).min, 0, 1, 3, np.iinfo(dtype).max], dtype)
    if dtype.kind == "c":
        parts = (-0.0, 0.0, np.inf, -np.inf, np.nan, 1.5, -2.0)
        return np.array([complex(a, b) for a in parts for b in parts], dtype)
    return np.array([-0.0, 0.0, np.inf, -np.inf, np.nan, 1.0, -1.5, 2.5], dtype)


def difference(actual: Any, expected: Any, signs: bool, of_float64: bool = False) -> str:
    """What is different in two results, or nothing."""
    actual, expected = tree_leaves(actual), tree_leaves(expected)
    if len(actual) != len(expected):
        return f"{len(actual)} results, NumPy has {len(expected)}"
    for a, e in zip(map(np.asarray, actual), map(np.asarray, expected), strict=True):
        if (a.shape, a.dtype) != (e.shape, e.dtype):
            return f"{a.dtype}{a.shape}, NumPy {e.dtype}{e.shape}"
        for part in (np.real, np.imag) if e.dtype.kind == "c" else (np.asarray,):
            u, v = part(a), part(e)
            unlike = signs and v.dtype.kind == "f" and np.any((np.signbit(u) != np.signbit(v))[v == 0])
            if unlike or not equal(u, v, of_float64):
                return f"{a.tolist()}, NumPy {e.tolist()}"
    return ""


def equal(u: Any, v: Any, of_float64: bool) -> bool:
    if v.dtype.kind != "f":
        return np.array_equal(u, v)
    tol = 64 * max(np.finfo(v.dtype).eps, np.finfo(np.float64).eps if of_float64 else 0)
    return np.allclose(u, v, rtol=tol, atol=tol * np.max(np.abs(v[np.isfinite(v)]), initial=0), equal_nan=True)


def second(results: Any) -> Any:
    return type(results)(map(second, results)) if type(results) in (tuple, list) else results[1]


def transformed(f: Callable[..., Any], x: Any, y: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "jit", lambda: covector.jit(f)(x, y)
    yield "vmap", lambda: second(tree_leaves(covector.vmap(f)(np.stack([x, x]), np.stack([y, y]))))
    yield "vmap in x", lambda: second(tree_leaves(covector.vmap(f, (0, None))(np.stack([x, x]), y)))
    yield "vmap in y", lambda: second(tree_leaves(covector.vmap(f, (None, 0))(x, np.stack([y, y]))))
    if x.dtype.kind in "fc":
        yield "jvp in x", lambda: covector.jvp(lambda x: f(x, y), (x,), (x,))[0]
    if y.dtype.kind in "fc":
        yield "jvp in y", lambda: covector.jvp(lambda y: f(x, y), (y,), (y,))[0]


def names(name: str, words: list[str]) -> bool:
    return any(word in name for word in words)


def disagreements(name: str, dtypes: tuple[np.dtype[Any], np.dtype[Any]], shapes: tuple[Any, Any]) -> Iterator[str]:
    f, (x, y) = CALLS[name], map(argument, dtypes, shapes, (0, 1))
    (dtype, _), (shape, _) = dtypes, shapes
    at = f"{name} for {x.dtype}{x.shape} and {y.dtype}{y.shape}"
    if shape == "special" and (dtype.kind == "c" or "tensordot" in name) and names(name, ROUNDED):
        return
    x = x[()] if name == SQUARE else x
    expected = outcome(f, x, y)
    signs = name.removeprefix("np.").partition("(")[0] in (UNARY_UFUNCS + BINARY_UFUNCS).split()
    for transformation, run in transformed(f, x, y):
        actual = outcome(run)
        known = transformation.startswith("jvp")
        if isinstance(expected, Exception):
            may = isinstance(actual, Exception) or (not known and names(name, CHECKS_VALUES))
            wrong = "" if may else f"{actual}, NumPy raises"
        elif not isinstance(actual, Exception):
            wrong = difference(actual, expected, signs, names(name, AT_FLOAT64))
        elif not isinstance(actual, errors.CovectorError):
            wrong = f"raises {type(actual).__name__}: {actual}"
        else:
            refused = REFUSED + METHODS_OF_PLAIN_ARRAYS * transformation.endswith("in y")
            may = names(name, refused) or (not known and names(name, VALUES_NEEDED + LAYOUT_NEEDED))
            wrong = "" if may else f"is refused: {actual}"
        if wrong:
            yield f"{transformation} of {at}: {wrong}"
    if not isinstance(expected, Exception) and all(isinstance(v, (np.ndarray, np.generic)) for v in tree_leaves(expected)):
        types = outcome(covector.eval_shape, f, x, y)
        if not isinstance(types, Exception):
            wanted = [(e.shape, e.dtype) for e in tree_leaves(expected)]
            found = [(t.shape, t.dtype) for t in tree_leaves(types)]
            if found != wanted:
                yield f"eval_shape of {at}: {found}, NumPy {wanted}"


def is_tried(number: int) -> bool:
    """A seventh of the grid, or all of it; 7 is coprime to the number of dtypes, so each call meets most dtypes."""
    return settings.get_current_profile_name() == "long" or number % 7 == 0


GROUPS = 12
ALIKE = [(name, (d, d), (s, s)) for name in CALLS for d in DTYPES for s in SHAPES]
UNLIKE = [(name, (d, e), s) for name in OF_TWO for d in DTYPES for e in DTYPES for s in PAIRS_OF_SHAPES]


@pytest.mark.parametrize("group", range(GROUPS))
def test_agreement_with_numpy(group: int) -> None:
    cells = [*ALIKE, *(UNLIKE if settings.get_current_profile_name() == "long" else UNLIKE[::17])]
    chosen = [cell for i, cell in enumerate(cells) if i % GROUPS == group and is_tried(i // GROUPS + group)]
    assert len(chosen) > 400
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = [d for cell in chosen for d in disagreements(*cell)]
    assert not found, "\n".join([f"{len(found)} of {len(chosen)} disagree:", *found[:20]])
