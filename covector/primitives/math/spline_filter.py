"""The coefficients of the splines through equally spaced values, by `scipy.ndimage`: ``spline_filter``.

>>> spline_filter_p.bind(np.array([0.0, 6.0, 0.0]), order=3, axis=0, mode="mirror", transposed=False).round(3)
array([-6., 12., -6.])

The values go on beyond both ends: for mode "mirror" they are reflected about the last one, for "reflect" half a step beyond it,
for "grid-wrap" they are periodic.  All of this is linear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from covector.core.avals import ShapedArray
from covector.core.kinds import Linear
from covector.core.primitive import Primitive
from covector.primitives.derivations import batch_along_axis

SHORT = 32
"""Below this length SciPy's filter for "reflect" is not symmetric to the last bit: it leaves out what is reflected twice."""


def _filter(x: Any, *, order: int, axis: int, mode: str, transposed: bool) -> Any:
    def run(x: Any) -> Any:
        parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
        done = [scipy.ndimage.spline_filter1d(p, order, axis, p.dtype, mode) for p in parts]
        return done[0] if len(done) == 1 else done[0] + 1j * done[1]

    n = x.shape[axis]
    if not transposed or mode == "grid-wrap" or n < 2:
        return run(x)
    if mode == "mirror":  # B = S W with a symmetric S and W of 1/2 at the ends, so that inv(B).T = W inv(B) inv(W)
        weights = np.ones(n, x.real.dtype)
        weights[[0, -1]] = 0.5
        weights = weights.reshape(-1, *[1] * (x.ndim - 1 - axis))
        return weights * run(x / weights)
    if n >= SHORT:
        return run(x)
    matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode).astype(x.real.dtype)
    return np.moveaxis(np.tensordot(matrix, x, ((0,), (axis,))), 0, axis)


def _transpose(ct: Any, x: ShapedArray, *, transposed: bool, **params: Any) -> Any:
    return spline_filter_p.bind(ct, transposed=not transposed, **params)


_filtering = Linear(_filter, _transpose, abstract=lambda x, **_: x)
spline_filter_p = Primitive("spline_filter", _filtering, trusted=True, makes_new=True)
"""``spline_filter(x, order=..., axis=..., mode=..., transposed=...)`` of double precision, for orders from 2 to 5."""
spline_filter_p.def_batch(batch_along_axis(spline_filter_p))
