"""Cumulative operations along an axis: sums, products, maxima and minima of all elements up to each.

The derivatives of the products and extrema are solutions of a linear recurrence ``y[i] = a[i] y[i-1] + b[i]``, which is a
primitive here: its own derivatives are recurrences again, so all orders follow, and no rule divides by an element that may be
zero.  ``reverse`` runs from the end: the elements from each on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import Zero, dtype_of, typeof
from covector.core.primitive import Primitive, jointly
from covector.primitives.ring import add_p, scale
from covector.primitives.shaping import batch_all, convert_to, linear_structural

Dims = Sequence[int | None]


def _along_axis(primitive: Primitive) -> None:
    """The abstract and batching rules of a function along the axis ``axis`` that keeps shape and dtype."""
    primitive.def_abstract(lambda x, **params: x)

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Dims, *, axis: int, **params: Any) -> Any:
        (x,), (d,) = args, dims
        assert d is not None
        return primitive.bind(x, axis=axis + (axis >= d), **params), d


def _from_end(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The implementation ``fn(x, axis)``, on request from the end."""

    def impl(x: Any, *, axis: int, reverse: bool) -> Any:
        return _backwards(fn(_backwards(x, axis), axis), axis) if reverse else fn(x, axis)

    return impl


def _slices(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


def _backwards(x: Any, axis: int) -> Any:
    return _slices(x, axis, None, None, -1)


# --- shift: move elements along an axis, zeros come in ----------------------------------------------------------------

shift_p = linear_structural("shift", makes_new=True)
_along_axis(shift_p)


@shift_p.def_impl
def _shift(x: Any, *, axis: int, by: int) -> Any:
    out = np.zeros_like(x)
    if by > 0:
        _slices(out, axis, by, None)[...] = _slices(x, axis, None, -by)
    else:
        _slices(out, axis, None, by)[...] = _slices(x, axis, -by, None)
    return out


@shift_p.def_transpose(linear=jointly())
def _shift_transpose(ct: Any, x: Any, *, axis: int, by: int) -> Any:
    return (shift_p.bind(ct, axis=axis, by=-by),)


def previous(x: Any, axis: int, reverse: bool) -> Any:
    """The element before each (after each, in reverse), and 0 for the first."""
    return shift_p.bind(x, axis=axis, by=-1 if reverse else 1)


# --- recurrence: y[i] = a[i] y[i-1] + b[i] ----------------------------------------------------------------------------

recurrence_p = Primitive("recurrence", trusted=True)
SHORT_AXIS = 16
"""Up to this length a recurrence is solved step by step."""


def _solve(a: Any, b: Any) -> Any:
    """Solve along the first axis: halve by joining neighbouring steps, solve for the odd elements, then fill in the even ones.

    About log2(n) array operations instead of n.  (Ladner & Fischer, Parallel prefix computation, 1980.)
    """
    y = np.empty_like(b)
    if len(b) <= SHORT_AXIS:
        y[:1] = b[:1]
        for i in range(1, len(b)):
            y[i] = a[i] * y[i - 1] + b[i]
        return y
    pairs = len(b) // 2
    odd_a, even_a, even_b = a[1::2], a[0::2][:pairs], b[0::2][:pairs]
    y[1::2] = _solve(odd_a * even_a, odd_a * even_b + b[1::2])
    y[0] = b[0]
    y[2::2] = a[2::2] * y[1::2][: len(b) - pairs - 1] + b[2::2]
    return y


@recurrence_p.def_impl
def _recurrence(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y = _solve(a[::-1], b[::-1])[::-1] if reverse else _solve(a, b)
    return np.moveaxis(y, 0, axis)


recurrence_p.def_abstract(lambda a, b, *, axis, reverse: b)


@recurrence_p.def_jvp
def _recurrence_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    a, b = primals
    ta, tb = tangents
    y = recurrence_p.bind(a, b, **params)
    if type(ta) is not Zero:
        by_a = scale(previous(y, **params), ta)
        tb = by_a if type(tb) is Zero else add_p.bind(by_a, tb)
    return y, typeof(y).zero if type(tb) is Zero else recurrence_p.bind(a, tb, **params)


@recurrence_p.def_transpose(linear=jointly(1))
def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    return None, recurrence_p.bind(previous(a, axis, not reverse), ct, axis=axis, reverse=not reverse)


@recurrence_p.def_batch
def _recurrence_batch(size: int, args: Sequence[Any], dims: Dims, *, axis: int, reverse: bool) -> Any:
    a, b = batch_all(size, args, dims)
    return recurrence_p.bind(a, b, axis=axis + 1, reverse=reverse), 0


# --- sums -------------------------------------------------------------------------------------------------------------

cumsum_p = linear_structural("cumsum", makes_new=True)
cumsum_p.def_impl(_from_end(lambda x, axis: np.add.accumulate(x, axis, dtype=x.dtype.type)))
_along_axis(cumsum_p)


@cumsum_p.def_transpose(linear=jointly())
def _cumsum_transpose(ct: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return (cumsum_p.bind(ct, axis=axis, reverse=not reverse),)


# --- products ---------------------------------------------------------------------------------------------------------

cumprod_p = Primitive("cumprod", trusted=True)
_along_axis(cumprod_p)


@cumprod_p.def_impl
def _cumprod(x: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    if reverse:
        return _backwards(_cumprod(_backwards(x, axis), axis=axis, reverse=False, exclusive=exclusive), axis)
    if not exclusive:
        return np.multiply.accumulate(x, axis, dtype=x.dtype.type)
    out = np.ones_like(x)
    if x.shape[axis]:
        np.multiply.accumulate(_slices(x, axis, None, -1), axis, dtype=x.dtype.type, out=_slices(out, axis, 1, None))
    return out


@cumprod_p.def_jvp
def _cumprod_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool, exclusive: bool) -> Any:
    """y[i] = x[i] y[i-1] gives dy[i] = x[i] dy[i-1] + y[i-1] dx[i]; ``exclusive`` leaves the element itself out."""
    (x,), (t,) = primals, tangents
    out = cumprod_p.bind(x, axis=axis, reverse=reverse, exclusive=exclusive)
    if type(t) is Zero:
        return out, typeof(out).zero
    before = out if exclusive else cumprod_p.bind(x, axis=axis, reverse=reverse, exclusive=True)
    tangent = recurrence_p.bind(x, scale(before, t), axis=axis, reverse=reverse)
    return out, previous(tangent, axis, reverse) if exclusive else tangent


# --- maxima and minima ------------------------------------------------------------------------------------------------


def _cumulative_extremum(name: str, ufunc: np.ufunc) -> Primitive:
    primitive = Primitive(name, trusted=True)
    primitive.def_impl(_from_end(ufunc.accumulate))
    _along_axis(primitive)

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool) -> Any:
        """The mean of the tangents of the elements so far that tie for the extremum.

        A recurrence adds them up, and starts again wherever the extremum changes.
        """
        (x,), (t,) = primals, tangents
        out = primitive.bind(x, axis=axis, reverse=reverse)
        if type(t) is Zero:
            return out, typeof(out).zero
        dtype = dtype_of(x)
        unchanged = convert_to(np.equal(out, previous(out, axis, reverse)), dtype)
        ties = convert_to(np.equal(x, out), dtype)
        count = recurrence_p.bind(unchanged, ties, axis=axis, reverse=reverse)
        return out, recurrence_p.bind(unchanged, scale(ties, t), axis=axis, reverse=reverse) / count

    return primitive


cummax_p = _cumulative_extremum("cummax", np.maximum)
cummin_p = _cumulative_extremum("cummin", np.minimum)
