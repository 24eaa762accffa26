"""Cumulative operations along an axis: sums, products, maxima and minima of all elements up to each.

The derivatives of the products and extrema are solutions of a linear recurrence ``y[i] = a[i] y[i-1] + b[i]``, which is a
primitive here: its own derivatives are recurrences again, so all orders follow, and no rule divides by an element that may be
zero.  ``reverse`` runs from the end: the elements from each on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import dtype_of
from covector.core.kinds import AlongAxis, Linear, Opaque, Structural
from covector.core.primitive import Primitive, jointly
from covector.primitives.arrays.shaping import batch_in_front, convert_to
from covector.primitives.derivations import batch_along_axis, solution_jvp
from covector.primitives.math.ring import scale


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


def _shift(x: Any, *, axis: int, by: int) -> Any:
    out = np.zeros_like(x)
    if by > 0:
        _slices(out, axis, by, None)[...] = _slices(x, axis, None, -by)
    else:
        _slices(out, axis, None, by)[...] = _slices(x, axis, -by, None)
    return out


_shifting = Structural(_shift, lambda ct, x, *, axis, by: shift_p.bind(ct, axis=axis, by=-by), abstract=lambda x, **params: x)
shift_p = Primitive("shift", _shifting, trusted=True, makes_new=True)
shift_p.def_batch(batch_along_axis(shift_p))


def previous(x: Any, axis: int, reverse: bool) -> Any:
    """The element before each (after each, in reverse), and 0 for the first."""
    return shift_p.bind(x, axis=axis, by=-1 if reverse else 1)


# --- recurrence: y[i] = a[i] y[i-1] + b[i] ----------------------------------------------------------------------------

SHORT_AXIS = 16
"""Up to this length a recurrence is solved step by step."""


def _solve(a: Any, b: Any) -> Any:
    """Solve along the first axis: halve by joining neighbouring steps, solve for the odd elements, then fill in the even ones.

    About log2(n) array operations instead of n.  (Ladner & Fischer, Parallel prefix computation, 1980.)
    """
    if len(b) <= SHORT_AXIS:
        y = b.copy()
        for i in range(1, len(b)):
            y[i] += a[i] * y[i - 1]
        return y
    y = np.empty_like(b)
    pairs = len(b) // 2
    odd_a, even_a, even_b = a[1::2], a[0::2][:pairs], b[0::2][:pairs]
    y[1::2] = _solve(odd_a * even_a, odd_a * even_b + b[1::2])
    y[0] = b[0]
    y[2::2] = a[2::2] * y[1::2][: len(b) - pairs - 1] + b[2::2]
    return y


def _recurrence(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y = _solve(a[::-1], b[::-1])[::-1] if reverse else _solve(a, b)
    return np.moveaxis(y, 0, axis)


recurrence_p = Primitive("recurrence", Opaque(_recurrence), trusted=True)
recurrence_p.def_batch(batch_in_front(recurrence_p, axis=lambda axis, size: axis + 1))
recurrence_p.def_jvp(solution_jvp(recurrence_p, lambda t, y, a, **params: scale(-previous(y, **params), t)))


@recurrence_p.def_abstract
def _recurrence_type(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    if a.shape != b.shape:
        raise ValueError(f"recurrence of {a} and {b}: there is a factor for each element")
    return b


@recurrence_p.def_transpose(linear=jointly(1))
def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    return None, recurrence_p.bind(previous(a, axis, not reverse), ct, axis=axis, reverse=not reverse)


# --- sums -------------------------------------------------------------------------------------------------------------

_summing = Linear(
    _from_end(lambda x, axis: np.add.accumulate(x, axis, dtype=x.dtype.type)),
    lambda ct, x, *, axis, reverse: cumsum_p.bind(ct, axis=axis, reverse=not reverse),
    abstract=lambda x, **params: x,
)
cumsum_p = Primitive("cumsum", _summing, trusted=True, makes_new=True)
cumsum_p.def_batch(batch_along_axis(cumsum_p))


# --- products ---------------------------------------------------------------------------------------------------------


def _cumprod(x: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    if reverse:
        return _backwards(_cumprod(_backwards(x, axis), axis=axis, reverse=False, exclusive=exclusive), axis)
    if not exclusive:
        return np.multiply.accumulate(x, axis, dtype=x.dtype.type)
    out = np.ones_like(x)
    if x.shape[axis]:
        np.multiply.accumulate(_slices(x, axis, None, -1), axis, dtype=x.dtype.type, out=_slices(out, axis, 1, None))
    return out


def _cumprod_jvp(out: Any, x: Any, t: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    """y[i] = x[i] y[i-1] gives dy[i] = x[i] dy[i-1] + y[i-1] dx[i]; ``exclusive`` leaves the element itself out."""
    before = out if exclusive else cumprod_p.bind(x, axis=axis, reverse=reverse, exclusive=True)
    tangent = recurrence_p.bind(x, scale(before, t), axis=axis, reverse=reverse)
    return previous(tangent, axis, reverse) if exclusive else tangent


cumprod_p = Primitive("cumprod", AlongAxis(_cumprod, _cumprod_jvp), trusted=True)


# --- maxima and minima ------------------------------------------------------------------------------------------------


def _extremum_jvp(out: Any, x: Any, t: Any, *, axis: int, reverse: bool) -> Any:
    """The mean of the tangents of the elements so far that tie for the extremum.

    A recurrence adds them up, and starts again wherever the extremum changes.
    """
    unchanged = np.equal(out, previous(out, axis, reverse))
    ties = convert_to(np.equal(x, out), dtype_of(x))
    count = recurrence_p.bind(unchanged, ties, axis=axis, reverse=reverse)
    return recurrence_p.bind(unchanged, scale(ties, t), axis=axis, reverse=reverse) / count


cummax_p = Primitive("cummax", AlongAxis(_from_end(np.maximum.accumulate), _extremum_jvp), trusted=True)
cummin_p = Primitive("cummin", AlongAxis(_from_end(np.minimum.accumulate), _extremum_jvp), trusted=True)
