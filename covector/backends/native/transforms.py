"""Which loop of NumPy's computes a Fourier transform, and the factor that it is given.

A loop is ``loop(pointers, sizes, strides, data)`` over rows, a factor, and rows of results; the sizes are how many rows there
are, and how many elements each has before and after.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np

from covector.backends.native.ir import type_name
from covector.backends.native.ufuncs import Loop, dtype_of, loop_for, run
from covector.core.jaxpr import Equation

TRANSFORMS = {"fft": (True, True), "ifft": (True, True), "rfft": (False, True), "irfft": (True, False)}
"""Whether what is given and what is found are complex."""


def has_transform(eqn: Equation) -> bool:
    """Whether the loop of a transform is found, and there is something to transform."""
    params = eqn.params
    return bool(eqn.inputs[0].aval.size and transform_of(params["transform"], params["n"], kind_of(eqn)))


def factor_of(eqn: Equation) -> Any:
    """By what all results are multiplied, rounded as NumPy rounds it."""
    n, norm, dtype = eqn.params["n"], eqn.params["norm"], np.finfo(eqn.outputs[0].aval.dtype).dtype
    if norm == "ortho":
        return np.reciprocal(np.sqrt(n, dtype=dtype))
    is_divided = (norm == "forward") == (eqn.params["transform"] in ("fft", "rfft"))
    return np.reciprocal(n, dtype=dtype) if is_divided else 1


def kind_of(eqn: Equation) -> str:
    """The type that is computed with: NumPy's factor 1 is an integer, with which it computes in ``float64`` throughout."""
    return "f64" if type(factor_of(eqn)) is int else type_name(eqn.outputs[0].aval.dtype)


def transform_of(transform: str, n: int, kind: str) -> Loop | None:
    """The loop of a transform of n points; None where none is known that gives what NumPy's function does."""
    return _transform_of(transform, n % 2 == 0, kind)


@cache
def _transform_of(transform: str, even: bool, kind: str) -> Loop | None:
    name = f"rfft_n_{'even' if even else 'odd'}" if transform == "rfft" else transform
    try:
        ufunc = getattr(importlib.import_module("numpy.fft._pocketfft_umath"), name)
    except (ImportError, AttributeError):
        return None
    real = dtype_of(kind)
    given, found = (np.dtype(f"c{2 * real.itemsize}") if is_complex else real for is_complex in TRANSFORMS[transform])
    loop = loop_for(ufunc, f"{given.char}{real.char}->{found.char}")
    return loop if loop is not None and _transforms(loop, transform, 8 if even else 9, given, found) else None


def _transforms(loop: Loop, transform: str, n: int, given: np.dtype[Any], found: np.dtype[Any]) -> bool:
    """Whether a loop does to two rows what NumPy's function does."""
    x = np.linspace(0.1, 1.9, 2 * n).reshape(2, n).astype(given) * given.type(1 if given.kind == "f" else 1 + 0.5j)
    right = getattr(np.fft, transform)(x, n, norm="ortho")
    out, factor = np.empty(right.shape, found), np.asarray(1 / np.sqrt(n, dtype=right.real.dtype))
    run(loop, [x, factor, out], [2, n, right.shape[1]], [x.strides[0], 0, out.strides[0], x.strides[1], out.strides[1]])
    return np.array_equal(out, right)
