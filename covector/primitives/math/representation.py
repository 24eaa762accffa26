"""Operations on the bits of numbers: ``bitcast`` reads them as another dtype, ``reduce_precision`` keeps some of them.

``from_parts`` makes complex numbers of real ones that lie side by side.

>>> hex(int(bitcast_p.bind(np.float32(1.0), dtype=np.dtype(np.uint32))))
'0x3f800000'
>>> float(reduce_precision_p.bind(np.float64(0.1), exponent_bits=8, mantissa_bits=2))
0.09375
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, typeof
from covector.core.errors import NonDifferentiableError
from covector.core.kinds import Discrete, ElementwiseLinear, Linear
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_in_front
from covector.primitives.math.arithmetic import imag_p, real

# --- bitcast --------------------------------------------------------------------------------------------------------------


def _bitcast(x: Any, *, dtype: np.dtype[Any]) -> Any:
    x = np.asarray(x, order="C")
    if dtype.itemsize < x.itemsize:
        return x[..., None].view(dtype)
    return x.view(dtype)[..., 0] if dtype.itemsize > x.itemsize else x.view(dtype)


bitcast_p = Primitive("bitcast", Discrete(_bitcast), trusted=True)
bitcast_p.def_batch(batch_in_front(bitcast_p))
"""The bits of numbers as those of another dtype: of a shorter one several, along a new last axis, which a longer uses up."""


@bitcast_p.def_abstract
def _bitcast_abstract(x: ShapedArray, *, dtype: np.dtype[Any]) -> ShapedArray:
    old, new = x.dtype.itemsize, dtype.itemsize
    if new < old:
        return array_aval((*x.shape, old // new), dtype)
    return array_aval(x.shape[:-1] if new > old else x.shape, dtype)


@bitcast_p.def_jvp
def _bitcast_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dtype: np.dtype[Any]) -> Any:
    (x,) = primals
    if dtype.kind in "fc":  # of floating-point numbers: else the tangent is zero, and there is none to come here with
        why = "the numbers that its bits are in another dtype do not depend on a number in a way that has a derivative"
        raise NonDifferentiableError("bitcast", "a derivative", [typeof(x)], why=why)
    out = bitcast_p.bind(x, dtype=dtype)
    return out, typeof(out).zero


# --- from_parts -----------------------------------------------------------------------------------------------------------


from_parts_p = Primitive(
    "from_parts",
    Linear(
        lambda x: np.asarray(x, order="C").view(np.result_type(x.dtype, np.complex64))[..., 0],
        lambda ct, x: np.stack([real(ct), -imag_p.bind(ct)], -1),  # the product with z is real(ct * z)
        abstract=lambda x: array_aval(x.shape[:-1], np.result_type(x.dtype, np.complex64)),
    ),
    trusted=True,
)
"""``x[..., 2] -> z``, the complex numbers of two parts, whatever these are: infinite, NaN or a zero with a sign."""
from_parts_p.def_batch(batch_in_front(from_parts_p))


# --- reduce_precision -----------------------------------------------------------------------------------------------------


def _reduce_precision(x: Any, *, exponent_bits: int, mantissa_bits: int) -> Any:
    """On the bits without the sign, whose order is that of the numbers: a carry out of the fraction goes into the exponent."""
    x = np.asarray(x)
    info, word = np.finfo(x.dtype), np.dtype(f"u{x.dtype.itemsize}").type
    sign = x.view(word) & word(1 << (8 * x.itemsize - 1))
    bits = x.view(word) ^ sign
    drop = info.nmant - mantissa_bits
    if drop > 0:
        is_odd = (bits >> word(drop)) & word(1)
        bits = ((bits + (is_odd + word((1 << (drop - 1)) - 1))) >> word(drop)) << word(drop)
    if exponent_bits < info.nexp:
        middle, reach = (1 << (info.nexp - 1)) - 1, (1 << (exponent_bits - 1)) - 1
        exponent = bits >> word(info.nmant)
        bits = np.where(exponent <= word(middle - reach), word(0), bits)
        bits = np.where(exponent > word(middle + reach), np.array(np.inf, x.dtype).view(word), bits)
    return np.where(np.isnan(x), x, (bits | sign).view(x.dtype))


_rounding = ElementwiseLinear(_reduce_precision, lambda ct, x, **params: reduce_precision_p.bind(ct, **params))
reduce_precision_p = Primitive("reduce_precision", _rounding, trusted=True, makes_new=True)
"""The nearest numbers with fewer bits, of ties the even one; infinite above their range, 0 below their smallest normal number.

It rounds tangents and cotangents in the same way, as if it were linear, which it is up to rounding.
"""
