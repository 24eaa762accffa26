"""What stands for a result that is not determined, where only the run of a program tells: NaN, or an ``IndexError``.

>>> nan_where(np.array([False, True]), np.array([1.0, 2.0]))
array([ 1., nan])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import dtype_of
from covector.numpy.elementwise import of_parts
from covector.numpy.indexing import take
from covector.primitives.arrays.shaping import convert_to


def zero_unless(wrong: Any) -> Any:
    """Zeros, where a traced condition holds when it is known an ``IndexError``, since an integer cannot be NaN."""
    return take(np.zeros(1, np.intp), convert_to(wrong, np.dtype(np.intp)))


def undetermined_where(wrong: Any, x: Any) -> Any:
    """A value; where a traced condition holds NaN, with NaN for derivatives, or of integers an ``IndexError``."""
    return nan_where(wrong, x) if dtype_of(x).kind in "fc" else x + convert_to(zero_unless(wrong), dtype_of(x))


def nan_where(wrong: Any, x: Any) -> Any:
    """``x``, of its dtype, with NaN where something is wrong; derivatives are NaN there too, which a choice would make 0."""
    if dtype_of(x).kind == "c":
        return of_parts(nan_where(wrong, np.real(x)), nan_where(wrong, np.imag(x)))
    return x * convert_to(np.where(wrong, np.nan, 1.0), dtype_of(x))
