"""A recursive filter with known coefficients along an axis, by `scipy.signal`: ``linear_filter``.

>>> linear_filter_p.bind(np.array([1.0, 0.0, 0.0]), np.array([1.0]), np.array([1.0, -0.5]), axis=0)
array([1.  , 0.5 , 0.25])

It begins at rest.  The transpose is the same filter from the end to the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal

from covector.core.avals import ShapedArray, array_aval
from covector.core.kinds import Linear
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import convert_to


def _filter(x: Any, b: Any, a: Any, *, axis: int) -> Any:
    if not x.size:
        return np.zeros(x.shape, np.result_type(x, b, a))
    return scipy.signal.lfilter(b, a, x, axis)


def _abstract(x: ShapedArray, b: ShapedArray, a: ShapedArray, *, axis: int) -> ShapedArray:
    return array_aval(x.shape, np.result_type(x.dtype, b.dtype, a.dtype))


def _transpose(ct: Any, x: ShapedArray, b: Any, a: Any, *, axis: int) -> Any:
    return convert_to(np.flip(linear_filter_p.bind(np.flip(ct, axis), b, a, axis=axis), axis), x.dtype)


def _batch(size: int, args: Sequence[Any], dims: Sequence[Any], *, axis: int) -> Any:
    (x, b, a), (d, *_) = args, dims
    return linear_filter_p.bind(x, b, a, axis=axis + (axis >= d)), d


linear_filter_p = Primitive("linear_filter", Linear(_filter, _transpose, abstract=_abstract), trusted=True, makes_new=True)
"""``linear_filter(x, b, a, axis=...)``; b and a are arrays, never traced."""
linear_filter_p.def_batch(_batch)
