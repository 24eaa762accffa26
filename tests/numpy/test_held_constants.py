"""Constants that become part of a traced array: in its dtype, and what that cannot hold raises what NumPy raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from transformed import agree, outcome, same

import covector
import covector.numpy as cnp

ARRAYS = [np.array([1, 2, 3]).astype(code) for code in "?bBqefdFD"]
CONSTANTS = (3, -1, 300, 1.5, 1e300, np.nan, 1j, True, np.int16(300), np.float32(1.5), np.complex128(1j), np.array(300), [300])
MASK = np.array([True, False, True])

WITH_CONSTANT: dict[str, Callable[..., Any]] = {
    **{
        f"{f.__name__} of {what}": lambda x, c, f=f, options=options: f(x, initial=c, **options)
        for f in (np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.nanmax, np.nanmin)
        for what, options in (("all", {}), ("some", {"where": MASK}))
    },
    "sum of few bits": lambda x, c: np.sum(x, dtype=np.int8, initial=c),
    **{
        f"{f.__name__}.reduce": lambda x, c, f=f: f.reduce(x, initial=c)
        for f in (np.add, np.maximum, np.fmax, np.logical_or, np.logical_xor, np.hypot, np.logaddexp)
    },
    "insert": lambda x, c: np.insert(x, 1, c),
    "insert at places": lambda x, c: np.insert(x, [0, 1], c),
    "piecewise": lambda x, c: np.piecewise(x, [MASK], [c]),
    "piecewise of functions": lambda x, c: np.piecewise(x, [MASK], [lambda x: c]),
    "pad": lambda x, c: np.pad(x, 1, constant_values=c),
    "pad with two": lambda x, c: np.pad(x, 1, constant_values=(0, c)) if np.ndim(c) == 0 else x,
    "pad rows": lambda x, c: np.pad(x[None], ((0, 0), (1, 2)), constant_values=c),
    "pad with a ramp": lambda x, c: np.pad(x, 2, mode="linear_ramp", end_values=c),
    "interp": lambda x, c: np.interp(x, [1.5, 2.5], [1.0, 2.0], left=c),
    "interp to the right": lambda x, c: np.interp(x, [1.5, 2.5], [1.0, 2.0j], right=c),
    "where": lambda x, c: np.where(MASK, x, c),
    "select": lambda x, c: np.select([MASK], [x], c),
    "select from numbers": lambda x, c: np.select([MASK, ~MASK], [c, x]),
    "choose": lambda x, c: np.choose(MASK.astype(int), [x, c]),
    "full_like": lambda x, c: np.full_like(x, c),
    "append": lambda x, c: np.append(x, c),
    "clip": lambda x, c: np.clip(x, c, None),
    "clip between": lambda x, c: np.clip(x, 0, c),
    "clip below": lambda x, c: np.clip(x, None, c),
    "nan_to_num": lambda x, c: np.nan_to_num(x, nan=c),
    "diff": lambda x, c: np.diff(x, prepend=c),
    "ediff1d": lambda x, c: np.ediff1d(x, to_end=c),
    "round": lambda x, c: np.round(x, c) if not isinstance(c, int) else x,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WITH_CONSTANT)
def test_a_constant_in_the_dtype_of_an_array(name: str) -> None:
    f = WITH_CONSTANT[name]
    for x in ARRAYS:
        for c in CONSTANTS:
            agree(lambda x: f(x, c), x)  # noqa: B023


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["sum of all", "max of some", "insert", "piecewise", "pad", "interp", "select"])
def test_a_constant_under_vmap(name: str) -> None:
    f = WITH_CONSTANT[name]
    for x in ARRAYS:
        for c in CONSTANTS:
            expected = outcome(lambda x: f(x, c)[None], x)  # noqa: B023
            actual = outcome(covector.vmap(lambda x: f(x, c)), x[None])  # noqa: B023
            if isinstance(expected, Exception):
                assert isinstance(actual, type(expected)), (actual, expected)
            else:
                same(actual, expected)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.min, np.nansum, np.nanmax], ids=lambda f: f.__name__)
def test_no_initial_value(f: Any) -> None:
    for x in (np.array([1.5, 2.5]), np.array([1, 2], np.int8), np.zeros(0)):
        agree(lambda x: f(x, initial=None), x)
        agree(lambda x: f(x, initial=None, where=x > 0), x)


def test_traced_numbers_of_python_that_an_array_cannot_hold() -> None:
    x = np.array([1.5, 2.5])
    for f in (
        lambda x, c: np.sum(x, initial=c),
        lambda x, c: np.insert(x, 1, c),
        lambda x, c: np.insert(x, [0, 1], [c, 2.0]),
        lambda x, c: np.piecewise(x, [x > 2], [c]),
        lambda x, c: cnp.interp(x, [2.0, 3.0], [1.0, 2.0], left=c),
    ):
        with pytest.raises(TypeError):
            f(x, 1j)
        with pytest.raises(TypeError):
            covector.jit(f)(x, 1j)
        same(covector.jit(f)(x, 0.5), f(x, 0.5))


WEIGHTED: dict[str, Callable[..., Any]] = {
    "cov": lambda x, w: np.cov(x, aweights=w),
    "cov of counts": lambda x, w: np.cov(x, fweights=w),
    "histogramdd": lambda x, w: np.histogramdd(x, [2], weights=w)[0],
    "histogram2d": lambda x, w: np.histogram2d(x, x, 2, weights=w)[0],
    "histogram": lambda x, w: np.histogram(x, 2, weights=w),
    "bincount": lambda x, w: np.bincount([0, 1, 1], weights=x * np.asarray(w)),
    "average": lambda x, w: np.average(x, weights=w),
    "polyfit": lambda x, w: np.polyfit(x, x, 1, w=w),
    "digitize": lambda x, w: np.digitize(x, w),
    "linspace": lambda x, w: np.linspace(w, x, 3),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_and_edges_that_are_lists(name: str) -> None:
    f = WEIGHTED[name]
    for code in "qefdD":
        x = np.array([1, 2, 4]).astype(code)
        for weights in ([1, 2, 3], [1.5, 2.5, 3.5], [3.0, 2.0, 1.0], [1j, 2, 3], [1.0, 2.0, np.nan], [2.0, 1.0, 3.0]):
            if code in "qdD" or name not in ("polyfit", "cov", "cov of counts"):  # which NumPy computes with few digits
                agree(lambda x: f(x, weights), x)  # noqa: B023


def test_gradients_of_real_numbers_are_real() -> None:
    x, places = np.array([[1.5], [2.5], [-3.0], [0.5]]), np.array([0, 1j, 2 + 1j, 4])
    for code in "qefdFD":
        for spacing in (1j, 2.0, np.complex128(1 + 1j), places, places.real):
            for order in (1, 2):
                agree(lambda x: np.gradient(x, spacing, axis=0, edge_order=order), x.astype(code))  # noqa: B023
    with pytest.warns(np.exceptions.ComplexWarning):
        covector.jit(lambda x: np.gradient(x, 1j))(x[:, 0])
