"""Arguments of SciPy's functions: their precision, and checks of what is perhaps not known.

>>> refuse(np.array([False, False]), "it is wrong")
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, inexact
from covector.numpy.undetermined import nan_where
from covector.primitives.linalg.solving import check_matrices

IN_LAPACK = {"e": np.float32, "g": np.float64, "G": np.complex128}


def as_lapack(x: Any) -> Any:
    """An array or tracer of real or complex numbers in a precision that LAPACK has, as SciPy converts them."""
    x = inexact(x)
    dtype = IN_LAPACK.get(dtype_of(x).char)
    return x if dtype is None else np.astype(x, dtype)


def double(x: Any) -> Any:
    """An array or tracer in double precision, real or complex."""
    x = as_array(x)
    return np.astype(x, np.complex128 if dtype_of(x).kind == "c" else np.float64)


def in_parts(x: Any) -> Any:
    """A complex vector as one of real numbers: the real parts, then the imaginary ones."""
    return np.concatenate([np.real(x), np.imag(x)])


def square_matrices(x: Any, who: str) -> Any:
    """The same of square matrices, or the error that says what they should be."""
    x = as_lapack(x)
    check_matrices(f"scipy.linalg.{who}", typeof(x))
    return x


def finite(x: Any) -> Any:
    """The same; an error where it is known that it has infinities or NaN, which not every routine ends for."""
    refuse(np.logical_not(np.all(np.isfinite(x))), "array must not contain infs or NaNs")
    return x


def refuse(wrong: Any, text: str, error: type[Exception] = ValueError) -> None:
    """Raise where it is known that something is wrong."""
    try:
        found = bool(np.any(wrong))
    except errors.ConcretizationError:
        return
    if found:
        raise error(text)


def nan_unless_refused(wrong: Any, x: Any, text: str) -> Any:
    """What may be wrong: an error says so where that is known, and later it is NaN, with NaN for derivatives."""
    refuse(wrong, text)
    return nan_where(wrong, x) if isinstance(wrong, TracerBase) and dtype_of(x).kind in "fc" else x
