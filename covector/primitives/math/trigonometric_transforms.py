"""Cosine, sine and Hankel transforms of real and complex arrays, by `scipy.fft`: ``dct`` and ``fht``.

>>> np.round(dct_p.bind(np.array([1.0, 0.0, 2.0]), transform="dct", type=2, axis=0, norm="backward", orthogonalize=False), 3)
array([ 6.   , -1.732, 3.   ])

The parameters of ``dct`` are those of `scipy.fft.dct`, and ``transform``, which is "dct" or "dst": an inverse is the forward
transform of type 3 for 2, 2 for 3, else of the same type, with the norm of the other direction.  All of this is linear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft

from covector.core.avals import ShapedArray, array_aval
from covector.core.errors import ArgumentError, describe
from covector.core.kinds import Linear
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_in_front, convert_to, real_dtype
from covector.primitives.derivations import batch_along_axis

TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
"""The type of the transposed transform, and of the inverse."""


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which `scipy.fft` computes with arrays of one."""
    if dtype.kind not in "fc":
        return np.dtype(np.float64)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


# --- cosines and sines ------------------------------------------------------------------------------------------------


def _transform(x: Any, *, transform: str, type: int, axis: int, norm: str, orthogonalize: bool) -> Any:
    return getattr(scipy.fft, transform)(x, type, axis=axis, norm=norm, orthogonalize=orthogonalize)


def _abstract(x: ShapedArray, *, transform: str, type: int, axis: int, **_: Any) -> ShapedArray:
    least = 2 if (transform, type) == ("dct", 1) else 1
    if x.shape[axis] < least:
        what = f"scipy.fft.{transform} of type {type} got {x}, with {x.shape[axis]} points along axis {axis}."
        raise ValueError(describe(what, fix=f"it takes at least {least}"))
    return array_aval(x.shape, computed_in(x.dtype))


def _transpose(ct: Any, x: ShapedArray, *, transform: str, type: int, axis: int, norm: str, orthogonalize: bool) -> Any:
    """The transposed matrix is that of type 3 for 2 and 2 for 3, else the same (Britanak, Yip, Rao: Discrete Cosine and Sine
    Transforms, 2007, ch. 2), but for factors of 2 at the ends where it is not orthogonal."""
    params = {"transform": transform, "type": TRANSPOSED[type], "axis": axis, "norm": norm, "orthogonalize": orthogonalize}
    before, after = (None, None) if orthogonalize else _at_ends(transform, type, x, axis)
    ct = ct if before is None else ct * before
    ct = dct_p.bind(ct, **params)
    return convert_to(ct if after is None else ct * after, x.dtype)


def _at_ends(transform: str, type: int, x: ShapedArray, axis: int) -> tuple[Any, Any]:
    """What a cotangent is multiplied by, before and after the transform of the transposed type; None for 1."""
    weights = np.ones(x.shape[axis], real_dtype(computed_in(x.dtype)))
    end = 0 if transform == "dct" else -1
    if type == 2:
        weights[end] = 2
    elif type == 3:
        weights[end] = 0.5
    elif (transform, type) == ("dct", 1):
        weights[[0, -1]] = 2
    else:
        return None, None
    weights = np.reshape(weights, (-1, *[1] * (len(x.shape) - axis - 1)))
    return (None, weights) if type == 3 else (weights, 1 / weights if type == 1 else None)


dct_p = Primitive("dct", Linear(_transform, _transpose, abstract=_abstract), trusted=True, makes_new=True)
dct_p.def_batch(batch_along_axis(dct_p))


# --- Hankel's transform -----------------------------------------------------------------------------------------------


def _hankel(x: Any, *, inverse: bool, dln: float, mu: float, offset: float, bias: float) -> Any:
    return (scipy.fft.ifht if inverse else scipy.fft.fht)(x, dln, mu, offset, bias)


def _hankel_abstract(x: ShapedArray, *, bias: float, **_: Any) -> ShapedArray:
    if not x.shape or not x.shape[-1]:
        raise ArgumentError(f"scipy.fft.fht got {x}, without points along its last axis.", fix="give at least one")
    dtype = computed_in(x.dtype)
    return array_aval(x.shape, dtype if bias == 0 else np.result_type(dtype, np.float64))


def _hankel_transpose(ct: Any, x: ShapedArray, **params: Any) -> Any:
    """The matrix is symmetric: a circulant one with its rows in reverse order, and the same factors on both sides."""
    return convert_to(fht_p.bind(ct, **params), x.dtype)


fht_p = Primitive("fht", Linear(_hankel, _hankel_transpose, abstract=_hankel_abstract), trusted=True, makes_new=True)
fht_p.def_batch(batch_in_front(fht_p))
