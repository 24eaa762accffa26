"""Reductions: primitives that remove the axes in their parameter ``axes`` (``reduce_sum`` is in `covector.primitives.shaping`).

A derivative of a reduction is a weighted sum of the tangents; the weights are known values, so in reverse mode a reduction
leaves two operations on the tape: a product and a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, dtype_of, shape_of, typeof
from covector.core.primitive import Primitive
from covector.primitives.arithmetic import conj_p, real_p
from covector.primitives.constructors import reduction
from covector.primitives.cumulative import cumprod_p
from covector.primitives.derivations import zero_jvp
from covector.primitives.ring import scale
from covector.primitives.shaping import convert_p, convert_to, reduce_sum_p, reshape_to, transpose_p

Axes = tuple[int, ...]


def keep_axes(reduced: Any, x: Any, axes: Axes) -> Any:
    """A reduction of ``x`` with the removed axes put back, of length 1 (``keepdims=True``)."""
    return reshape_to(reduced, tuple(1 if i in axes else n for i, n in enumerate(shape_of(x))))


def beside(reduced: Any, x: Any, axes: Axes) -> Any:
    """A reduction of ``x``, so that it broadcasts against ``x``: as `keep_axes`, where that is needed."""
    return reduced if len(axes) == len(shape_of(x)) else keep_axes(reduced, x, axes)


def weighted_sum(weights: Any, tangent: Any, axes: Axes) -> Any:
    """``sum(weights * tangent)``: the tangent of a reduction whose partial derivatives are ``weights``."""
    return reduce_sum_p.bind(scale(weights, tangent), axes=axes)


# --- maximum and minimum: the elements that tie for it share the derivative equally -----------------------------------


def _extremum_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    ties = np.equal(x, beside(out, x, axes))
    if type(ties) is np.ndarray:
        shares = ties / np.add.reduce(ties, axes, dtype=np.intp, keepdims=True)
        return weighted_sum(shares.astype(x.dtype, copy=False), t, axes)
    count = reduce_sum_p.bind(convert_p.bind(ties, dtype=np.dtype(np.float64)), axes=axes)
    return weighted_sum(convert_to(ties / beside(count, x, axes), dtype_of(x)), t, axes)


reduce_max_p = reduction("reduce_max", lambda x, axis: np.maximum.reduce(x, axis), _extremum_jvp, trusted=True, makes_new=True)
reduce_min_p = reduction("reduce_min", lambda x, axis: np.minimum.reduce(x, axis), _extremum_jvp, trusted=True, makes_new=True)


# --- product ----------------------------------------------------------------------------------------------------------


def _one_axis(x: Any, axes: Axes) -> Any:
    """``x`` with the axes ``axes`` made into one, the last."""
    shape = shape_of(x)
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    if rest + axes != tuple(range(len(shape))):
        x = transpose_p.bind(x, permutation=rest + axes)
    size = 1
    for i in axes:
        size *= shape[i]
    return reshape_to(x, (*(shape[i] for i in rest), size))


def _prod_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    """Each element's weight is the product of all others: that of those before it times that of those after it.

    Dividing the product by the element would fail where it is zero.
    """
    x, t = _one_axis(x, axes), _one_axis(t, axes)
    last = len(shape_of(x)) - 1
    before = cumprod_p.bind(x, axis=last, reverse=False, exclusive=True)
    after = cumprod_p.bind(x, axis=last, reverse=True, exclusive=True)
    return weighted_sum(before * after, t, (last,))


reduce_prod_p = reduction(
    "reduce_prod", lambda x, axis: np.multiply.reduce(x, axis, dtype=x.dtype.type), _prod_jvp, trusted=True, makes_new=True
)


# --- variance: a primitive because as a composition it is seven operations, of which six are on the tape -----------------


def _size(x: Any, axes: Axes) -> int:
    return math.prod(n for i, n in enumerate(shape_of(x)) if i in axes)


variance_p = Primitive("variance", trusted=True, makes_new=True)


@variance_p.def_impl
def _variance(x: Any, *, axes: Axes, ddof: float) -> Any:
    return np.var(x, axis=axes, ddof=ddof)


@variance_p.def_abstract
def _variance_abstract(x: ShapedArray, *, axes: Axes, ddof: float) -> ShapedArray:
    return array_aval(tuple(n for i, n in enumerate(x.shape) if i not in axes), np.empty(0, x.dtype).real.dtype)


@variance_p.def_batch
def _variance_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, axes: Axes, ddof: float) -> Any:
    (x,), (d,) = args, dims
    assert d is not None
    shifted = tuple(a + (a >= d) for a in axes)
    return variance_p.bind(x, axes=shifted, ddof=ddof), d - sum(a < d for a in shifted)


@variance_p.def_jvp
def _variance_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axes: Axes, ddof: float) -> Any:
    """The weights are 2 (x - mean) / (n - ddof); the mean's own change does not matter, for the deviations sum to zero."""
    (x,), (t,) = primals, tangents
    out = variance_p.bind(x, axes=axes, ddof=ddof)
    if type(t) is Zero:
        return out, typeof(out).zero
    mean = beside(reduce_sum_p.bind(x, axes=axes) / _size(x, axes), x, axes)
    weights = (x - mean) * np.divide(2.0, max(_size(x, axes) - ddof, 0)).item()
    if dtype_of(x).kind != "c":
        return out, weighted_sum(weights, t, axes)
    return out, reduce_sum_p.bind(real_p.bind(scale(conj_p.bind(weights), t)), axes=axes)


# --- all and any, and the same for other operations on integers -------------------------------------------------------

reduce_and_p = reduction(
    "reduce_and", lambda x, axis: np.logical_and.reduce(x, axis), dtype=np.bool_, trusted=True, makes_new=True
)
reduce_or_p = reduction(
    "reduce_or", lambda x, axis: np.logical_or.reduce(x, axis), dtype=np.bool_, trusted=True, makes_new=True
)
reduce_xor_p = reduction(
    "reduce_xor", lambda x, axis: np.logical_xor.reduce(x, axis), dtype=np.bool_, trusted=True, makes_new=True
)


# --- logsumexp --------------------------------------------------------------------------------------------------------


def largest_exponent(x: Any, axis: Axes, keepdims: bool = False) -> Any:
    """The largest (real part of an) element, or 0 where that is not finite: subtracted, ``exp`` cannot overflow."""
    largest = np.maximum.reduce(x.real, axis, initial=-np.inf, keepdims=keepdims)
    return np.where(np.isfinite(largest), largest, x.real.dtype.type(0))


def _logsumexp(x: Any, axis: Axes) -> Any:
    shift = largest_exponent(x, axis, keepdims=True)
    with np.errstate(divide="ignore", over="ignore"):
        if x.dtype == np.float16:  # in which a sum of ones ends at 2048
            total = np.add.reduce(np.exp(x - shift), axis, np.float32)
            return (np.log(total) + shift.reshape(total.shape)).astype(x.dtype)
        total = np.add.reduce(np.exp(x - shift), axis)
        return np.log(total) + shift.reshape(total.shape)


def _logsumexp_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    """The weights are softmax(x) = exp(x - out); elements of +inf share it equally, and it is 0 where all elements are -inf."""
    kept = beside(out, x, axes)
    if type(x) is np.ndarray and np.isfinite(out).all():
        return weighted_sum(np.exp(x - kept), t, axes)
    below = np.where(kept == np.inf, -np.inf, x - np.where(np.isinf(kept), 0, kept))
    shifted = np.where(x == kept, np.where(kept == -np.inf, kept, 0), below)
    sharing = beside(np.sum((x == kept) & (kept == np.inf), axis=axes), x, axes)
    return weighted_sum(convert_to(np.exp(shifted) / np.maximum(sharing, 1), dtype_of(x)), t, axes)


logsumexp_p = reduction("logsumexp", _logsumexp, _logsumexp_jvp, trusted=True, makes_new=True)
largest_exponent_p = reduction("largest_exponent", largest_exponent, trusted=True, makes_new=True)
"""A constant to derivatives: subtracting it and adding it again changes no value."""


@largest_exponent_p.def_abstract
def _largest_exponent_abstract(x: ShapedArray, *, axes: Axes) -> ShapedArray:
    return array_aval(tuple(n for i, n in enumerate(x.shape) if i not in axes), np.empty(0, x.dtype).real.dtype)


# --- argmax and argmin ------------------------------------------------------------------------------------------------


def _arg_reduction(name: str, fn: Callable[..., Any]) -> Primitive:
    primitive = Primitive(name, trusted=True)
    primitive.def_jvp(zero_jvp(primitive))

    @primitive.def_impl
    def impl(x: Any, *, axis: int) -> Any:
        return fn(x, axis)

    @primitive.def_abstract
    def abstract(x: ShapedArray, *, axis: int) -> ShapedArray:
        if x.shape[axis] == 0:
            raise ValueError(f"attempt to get {name} of an empty sequence")
        return array_aval(x.shape[:axis] + x.shape[axis + 1 :], np.dtype(np.intp))

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, axis: int) -> Any:
        (x,), (d,) = args, dims
        assert d is not None
        shifted = axis + (axis >= d)
        return primitive.bind(x, axis=shifted), d - (shifted < d)

    return primitive


argmax_p = _arg_reduction("argmax", np.argmax)
argmin_p = _arg_reduction("argmin", np.argmin)
