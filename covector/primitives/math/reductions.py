"""Reductions: primitives that remove the axes in their parameter ``axes`` (``reduce_sum`` is in `arrays.shaping`).

A derivative of a reduction is a weighted sum of the tangents; the weights are known values, so in reverse mode a reduction
leaves two operations on the tape: a product and a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.backends import forms
from covector.core.avals import ShapedArray, array_aval, dtype_of, shape_of
from covector.core.jaxpr import Equation
from covector.core.kinds import Discrete, Reduction
from covector.core.primitive import Primitive
from covector.primitives.arrays.columns import are_short, largest_of
from covector.primitives.arrays.shaping import Dims, convert_p, convert_to, real_dtype, reduce_sum_p, reshape_to, transpose_p
from covector.primitives.math.arithmetic import conj_p, real_p
from covector.primitives.math.cumulative import cumprod_p
from covector.primitives.math.identity import stop_gradient_p
from covector.primitives.math.ring import scale

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


EXACT_IN_SINGLE = 2**24
"""Numbers of ties up to this are exact in float32, and the quotient of two is what rounding that in float64 gives."""


def _extremum_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    ties = np.equal(x, beside(out, x, axes))
    if type(ties) is np.ndarray:
        shares = ties / np.add.reduce(ties, axes, dtype=np.intp, keepdims=True)
        return weighted_sum(shares.astype(x.dtype, copy=False), t, axes)
    single = dtype_of(x) == np.float32 and math.prod(shape_of(x)[i] for i in axes) <= EXACT_IN_SINGLE
    ones = convert_p.bind(ties, dtype=np.dtype(np.float32 if single else np.float64))
    count = reduce_sum_p.bind(ones, axes=axes)
    return weighted_sum(convert_to(ones / beside(count, x, axes), dtype_of(x)), t, axes)


def _by(ufunc: np.ufunc, name: str, *jvp: Any, dtype: Any = None) -> Primitive:
    """The reduction by a ufunc, which the source calls."""
    kind = Reduction(lambda x, *, axes: ufunc.reduce(x, axes), *jvp, dtype=dtype)
    primitive = Primitive(name, kind, trusted=True, makes_new=True)
    primitive.def_rule("lower", lambda eqn: forms.call(ufunc.reduce, eqn.params["axes"]))
    return primitive


def _extremum(ufunc: np.ufunc, name: str) -> Primitive:
    """The same, and column after column where the last axis is short."""
    by_columns = partial(largest_of, ufunc)
    primitive = Primitive(name, Reduction(lambda x, *, axes: by_columns(x, axes), _extremum_jvp), trusted=True, makes_new=True)

    @primitive.def_rule("lower")
    def lower(eqn: Equation) -> forms.Form:
        shape, axes = eqn.inputs[0].aval.shape, eqn.params["axes"]
        is_faster = axes == (len(shape) - 1,) and are_short(shape)
        return forms.call(by_columns if is_faster else ufunc.reduce, axes)

    return primitive


reduce_max_p, reduce_min_p = _extremum(np.maximum, "reduce_max"), _extremum(np.minimum, "reduce_min")


def farthest(dtype: np.dtype[Any], sign: int) -> Any:
    """The largest value of a dtype, or the least: a minimum, or a maximum, of nothing."""
    if dtype.kind in "iu":
        return dtype.type(np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min)
    return dtype.type(sign > 0 if dtype.kind == "b" else sign * np.inf)


# --- product ----------------------------------------------------------------------------------------------------------


def _one_axis(x: Any, axes: Axes) -> Any:
    """``x`` with the axes ``axes`` made into one, the last."""
    shape = shape_of(x)
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    if rest + axes != tuple(range(len(shape))):
        x = transpose_p.bind(x, permutation=rest + axes)
    return reshape_to(x, (*(shape[i] for i in rest), math.prod(shape[i] for i in axes)))


def _prod_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    """Each element's weight is the product of all others: that of those before it times that of those after it.

    Dividing the product by the element would fail where it is zero.
    """
    x, t = _one_axis(x, axes), _one_axis(t, axes)
    last = len(shape_of(x)) - 1
    before = cumprod_p.bind(x, axis=last, reverse=False, exclusive=True)
    after = cumprod_p.bind(x, axis=last, reverse=True, exclusive=True)
    return weighted_sum(before * after, t, (last,))


_product = Reduction(lambda x, *, axes: np.multiply.reduce(x, axes, dtype=x.dtype.type), _prod_jvp)
reduce_prod_p = Primitive("reduce_prod", _product, trusted=True, makes_new=True)


# --- variance: a primitive because as a composition it is seven operations, of which six are on the tape -----------------


def _size(x: Any, axes: Axes) -> int:
    return math.prod(n for i, n in enumerate(shape_of(x)) if i in axes)


def _variance_jvp(out: Any, x: Any, t: Any, *, axes: Axes, ddof: float) -> Any:
    """The weights are 2 (x - mean) / (n - ddof); the mean's own change does not matter, for the deviations sum to zero."""
    mean = beside(reduce_sum_p.bind(x, axes=axes) / _size(x, axes), x, axes)
    weights = (x - mean) * np.divide(2.0, max(_size(x, axes) - ddof, 0)).item()
    if dtype_of(x).kind != "c":
        return weighted_sum(weights, t, axes)
    return reduce_sum_p.bind(real_p.bind(scale(conj_p.bind(weights), t)), axes=axes)


_variance = Reduction(lambda x, *, axes, ddof: np.var(x, axis=axes, ddof=ddof), _variance_jvp, dtype=real_dtype)
variance_p = Primitive("variance", _variance, trusted=True, makes_new=True)


# --- all and any, and the same for other operations on integers -------------------------------------------------------

reduce_and_p = _by(np.logical_and, "reduce_and", dtype=lambda of_x: np.dtype(np.bool_))
reduce_or_p = _by(np.logical_or, "reduce_or", dtype=lambda of_x: np.dtype(np.bool_))
reduce_xor_p = _by(np.logical_xor, "reduce_xor", dtype=lambda of_x: np.dtype(np.bool_))


# --- logsumexp --------------------------------------------------------------------------------------------------------


def largest_exponent(x: Any, *, axes: Axes, keepdims: bool = False) -> Any:
    """The largest (real part of an) element, or 0 where that is not finite: subtracted, ``exp`` cannot overflow."""
    largest = np.maximum.reduce(x.real, axes, initial=-np.inf, keepdims=keepdims)
    return np.where(np.isfinite(largest), largest, x.real.dtype.type(0))


def _logsumexp(x: Any, *, axes: Axes) -> Any:
    """The largest exponential is 1; what the others add is kept apart, as it may be lost beside that."""
    if x.dtype.kind == "c":
        return _complex_logsumexp(x, axes)
    largest = np.maximum.reduce(x, axes, initial=-np.inf, keepdims=True)
    with np.errstate(over="ignore"):
        parts = np.exp(x - np.where(np.isfinite(largest), largest, x.dtype.type(0)))
        wide = np.float32 if x.dtype == np.float16 else None  # a sum of ones ends at 2048 in float16
        total = np.add.reduce(parts, axes, wide)
        others = np.add.reduce(np.where(x == largest, x.dtype.type(0), parts), axes, wide)
        found = np.log1p(np.where(total < 2, others, total - 1))  # of two or more that are largest, total is 2 or more
        return (found + largest.reshape(total.shape)).astype(x.dtype, copy=False)


def _complex_logsumexp(x: Any, axes: Axes) -> Any:
    """As that of real numbers, by the first of the elements whose real parts are largest."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose(kept + axes).reshape(*(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axes))
    if not rows.shape[-1]:
        return np.full(rows.shape[:-1], -np.inf, x.dtype)
    place = np.argmax(rows.real, axis=-1, keepdims=True)
    top = np.take_along_axis(rows, place, -1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shift = np.where(np.isfinite(top), top, 0).astype(x.dtype)
        total = np.add.reduce(np.exp(rows - shift.real), -1)
        out = np.asarray(np.log(total) + shift.real[..., 0])
        parts = np.exp(rows - shift)
        np.put_along_axis(parts, place, 0, -1)
        others = np.add.reduce(parts, -1)  # and log |1 + others| is half the logarithm of the square
        out.real = np.where(
            np.isfinite(top[..., 0]),
            np.log1p(others.real * (2 + others.real) + np.square(others.imag)) / 2 + shift.real[..., 0],
            out.real,
        )
        return out


def _logsumexp_jvp(out: Any, x: Any, t: Any, axes: Axes) -> Any:
    """The weights are softmax(x): elements of +inf share it equally, and it is 0 where all elements are -inf."""
    kept = beside(out, x, axes)
    if type(x) is np.ndarray and np.isfinite(out).all():
        weights = np.exp(x - kept)
        weights /= np.add.reduce(weights, axes, keepdims=True)  # as in _in_proportion
        return weighted_sum(weights, t, axes)
    if dtype_of(x) in (np.float64, np.float32) and 0 not in shape_of(x):
        return weighted_sum(_softmax(x, axes), t, axes)
    below = np.where(kept == np.inf, -np.inf, x - np.where(np.isinf(kept), 0, kept))
    shifted = np.where(x == kept, np.where(kept == -np.inf, kept, 0), below)
    return weighted_sum(_in_proportion(convert_to(np.exp(shifted), dtype_of(x)), axes), t, axes)


def _in_proportion(weights: Any, axes: Axes) -> Any:
    """With the sum 1, which that of exp(x - out) is but for the rounding of a large result; zeros as they are."""
    total = beside(np.sum(weights, axis=axes), weights, axes)
    return weights / np.where(total == 0, 1, total)


def _softmax(x: Any, axes: Axes) -> Any:
    """``exp(x) / sum(exp(x))`` by the exponentials that logsumexp itself adds up, which a compiler finds there."""
    largest = np.max(stop_gradient_p.bind(x), axis=axes, keepdims=True)
    infinite = np.isinf(largest)
    of_infinity = np.where(x == largest, 0, -np.abs(largest))
    rest = np.exp(np.where(infinite, of_infinity, x - np.where(infinite, 0, largest)))
    return rest / np.where(largest == -np.inf, np.inf, np.sum(rest, axis=axes, keepdims=True))


logsumexp_p = Primitive("logsumexp", Reduction(_logsumexp, _logsumexp_jvp), trusted=True, makes_new=True)
largest_exponent_p = Primitive("largest_exponent", Reduction(largest_exponent, dtype=real_dtype), trusted=True, makes_new=True)
"""A constant to derivatives: subtracting it and adding it again changes no value."""


# --- argmax and argmin ------------------------------------------------------------------------------------------------


def _arg_reduction(name: str, fn: Callable[..., Any]) -> Primitive:
    primitive = Primitive(name, Discrete(lambda x, *, axis: fn(x, axis)), trusted=True)

    @primitive.def_abstract
    def abstract(x: ShapedArray, *, axis: int) -> ShapedArray:
        if x.shape[axis] == 0:
            raise ValueError(f"attempt to get {name} of an empty sequence")
        return array_aval(x.shape[:axis] + x.shape[axis + 1 :], np.dtype(np.intp))

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Dims, *, axis: int) -> Any:
        (x,), (d,) = args, dims
        assert d is not None
        shifted = axis + (axis >= d)
        return primitive.bind(x, axis=shifted), d - (axis < d)

    return primitive


argmax_p = _arg_reduction("argmax", np.argmax)
argmin_p = _arg_reduction("argmin", np.argmin)
