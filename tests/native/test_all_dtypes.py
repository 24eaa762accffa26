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
