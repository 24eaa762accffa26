"""Cases for loops and choices, for `primitive_table`.  They treat all dtypes alike, so two stand for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from covector.testing import strategies as cs
from covector.transforms.staging import make_jaxpr

TWO = (np.float64, np.complex128)


def scan_case(draw: Any, dtype: Any) -> Any:
    const, init, xs = (draw(cs.arrays(dtype, shape)) for shape in [(2,), (2,), (2, 2)])
    steps = [
        lambda w, c, n, x: (np.sin(c) * w + x, n + np.int64(1), c * x),
        lambda w, c, n, x: (c * np.sum(x) * 0.5, n * np.int64(2), np.sin(w) * x),
        lambda w, c, n, x: (x, n, w),
    ]
    args = (const, init, np.int64(1))
    jaxpr = make_jaxpr(draw(st.sampled_from(steps)))(*args, xs[0])
    params = {"num_consts": 1, "num_carry": 2, "length": 2, "reverse": draw(st.booleans()), "progress": None}
    return (*args, xs), {"jaxpr": jaxpr, **params}


def while_case(draw: Any, dtype: Any) -> Any:
    limit, const, init = np.int64(draw(st.integers(0, 3))), draw(cs.arrays(dtype, (2,))), draw(cs.arrays(dtype, (2,)))
    steps = [
        lambda w, n, c: (n + np.int64(1), np.sin(0.3 * c) * w),  # sines of sines of complex numbers are huge
        lambda w, n, c: (n + np.int64(2), c * c + np.exp(w)),
    ]
    body = make_jaxpr(draw(st.sampled_from(steps)))(const, np.int64(0), init)
    cond = make_jaxpr(lambda limit, n, c: n < limit)(limit, np.int64(0), init)
    return (limit, const, np.int64(0), init), {"cond": cond, "body": body, "num_cond": 1, "num_body": 1, "ticks": None}


def cond_case(draw: Any, dtype: Any) -> Any:
    x, y = draw(cs.arrays(dtype, (2,))), draw(cs.arrays(dtype, (2,)))
    functions = [lambda x, y: (np.sin(x) * y, x), lambda x, y: (y * y, np.exp(x)), lambda x, y: (x, y)]
    branches = tuple(make_jaxpr(f)(x, y) for f in draw(st.permutations(functions)))
    return (np.int64(draw(st.integers(0, 2))), x, y), {"branches": branches}
