"""What is compiled and what is left to NumPy, by the dtype: the results are those of NumPy's for every dtype that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from same import agree

import covector as cv

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")

DTYPES = ["?", "i1", "u1", "i4", "i8", "u8", "f2", "f4", "f8", "g", "F", "D", "G", ">f8", ">c16"]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "searchsorted": lambda x: np.searchsorted(np.sort(x[0]), x[1]),
    "argmax": lambda x: (np.argmax(x, 1), np.argmin(x, 0), np.argmax(x > x[0, 0])),
    "sums": lambda x: (np.sum(x), np.sum(x, 0), np.prod(x, 1), np.mean(x, 0)),
    "largest": lambda x: (np.max(x), np.min(x, 0), np.maximum(x, x[0])),
    "variance": lambda x: (np.var(x), np.var(x, 0, ddof=1), np.std(x, 1)),
    "norm": lambda x: (np.linalg.norm(x), np.linalg.norm(x, axis=0)),
    "logsumexp": lambda x: cv.scipy.special.logsumexp(x, axis=0),
    "entropies": lambda x: (cv.scipy.special.xlogy(x, x), cv.scipy.special.entr(x), cv.scipy.special.logit(x / (1 + x))),
    "logaddexp2": lambda x: np.logaddexp2(x, x[0]),
    "diagonal": lambda x: (np.trace(x), cv.vjp(np.diagonal, x[:, :2])[1](x[0, :2]) if x.dtype.kind in "fc" else x),
    "products": lambda x: (x @ x.T, np.dot(x, x[0]), np.einsum("ij,ij->i", x, x)),
    "comparisons": lambda x: (x < x[0], x == x[1], np.where(x >= x[1], x, x[0])),
    "arithmetic": lambda x: (x + x[0], x * x[1], 2 * x, x / (x + x[0] + 1)),
    "signs": lambda x: (np.abs(x), np.sign(x), np.square(x)),
    "bits": lambda x: (x & x[0], x | x[1], ~x),
    "whole parts": lambda x: (x // (x[0] + x[0]), x % (x[0] + x[0]), np.floor(x)),
    "functions": lambda x: (np.sqrt(x), np.exp(-x), np.sin(x), np.log(x)),
    "shapes": lambda x: (np.flip(x, 0), np.roll(x, 1), x.T.reshape(-1), np.concatenate([x, x[:1]])),
    "running": lambda x: (np.cumsum(x, 1), np.cumprod(x, 0)),
    "running, beyond": lambda x: (np.cumsum(x * np.float16(3e4), 1), np.cumprod(x * np.float16(60), 0)),
    "running, rounded": lambda x: np.cumsum(x * np.float16(900.5), 1),
    "spacing": lambda x: (np.spacing(x), np.nextafter(x, x + 1) if x.dtype.kind == "f" else x),
    "parts": lambda x: (np.real(x)[::-1], np.imag(x) + 1, np.real(x) * 2, x[0] * 2),
    "reading": lambda x: (x[np.array([1, 0])], np.take(x, np.array([2, 0]), 1), x[:, ::-2]),
    "casts": lambda x: (x.astype("f4"), x.astype("D"), x.astype("i4") if x.dtype.kind != "c" else x),
    "a loop": lambda x: cv.lax.scan(lambda c, y: (c + y, c * y), x[0], x),
}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_those_of_numpy(dtype: str, name: str) -> None:
    x = np.array([[3, 1, 2], [1, 2, 5]]).astype(dtype)
    try:
        with np.errstate(all="ignore"):
            FUNCTIONS[name](x)
    except TypeError:
        return  # no such function of these numbers
    agree(FUNCTIONS[name], x, ulps=16, whole=False)


LITERALS: dict[str, Callable[..., Any]] = {
    "cond": lambda p, x, a, b: cv.lax.cond(p, lambda: a, lambda: b),
    "cond, one computed": lambda p, x, a, b: cv.lax.cond(p, lambda x: (x, a), lambda x: (x * 2, b), x),
    "cond in cond": lambda p, x, a, b: cv.lax.cond(p, lambda: cv.lax.cond(p, lambda: a, lambda: b), lambda: b),
    "cond and an array": lambda p, x, a, b: x * cv.lax.cond(p, lambda: a, lambda: b) + cv.lax.cond(~p, lambda: a, lambda: b),
    "switch": lambda p, x, a, b: cv.lax.switch(p * 1, [lambda: a, lambda: b]),
    "scan": lambda p, x, a, b: cv.lax.scan(lambda c, y: (c + y, (a, b)), 0.0, x),
    "map": lambda p, x, a, b: cv.lax.map(lambda y: a, x),
    "cond in scan": lambda p, x, a, b: cv.lax.scan(lambda c, y: (cv.lax.cond(y > 1, lambda: a, lambda: b), c), a, x),
    "loop in cond": lambda p, x, a, b: cv.lax.cond(
        p, lambda: cv.lax.fori_loop(0, 3, lambda i, c: cv.lax.cond(i > 1, lambda: b, lambda: c), a), lambda: b
    ),
    "while": lambda p, x, a, b: cv.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, a), (0, b)),
    "batch": lambda p, x, a, b: cv.vmap(lambda y: cv.lax.scan(lambda c, z: (c + z, a), 0.0, y))(np.stack([x, x])),
}


@pytest.mark.parametrize("dtype", [*(np.dtype(d).type for d in DTYPES), bool, int, float, complex])
@pytest.mark.parametrize("name", LITERALS)
def test_numbers_that_programs_in_programs_return(name: str, dtype: Any) -> None:
    """They are written in the program; nothing else in it may have their dtype."""
    a, b = dtype(1.5), dtype(2.5)
    f = lambda p, x: LITERALS[name](p, x, a, b)
    for p in (np.True_, np.False_):
        agree(f, p, np.arange(3.0), whole=False)
