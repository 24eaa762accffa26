"""Choosing between values: ``select``, what ``np.where`` is on tracers, and ``clip`` between two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, result_dtype, typeof
from covector.core.jaxpr import Var
from covector.core.primitive import Primitive, jointly
from covector.primitives.ring import elementwise_batch, scale
from covector.primitives.shaping import convert_to, fit, unbroadcast

select_p = Primitive("select", trusted=True, makes_new=True)
select_p.def_impl(np.where)
select_p.def_batch(elementwise_batch(select_p))


@select_p.def_abstract
def _select_abstract(condition: ShapedArray, x: ShapedArray, y: ShapedArray) -> ShapedArray:
    return array_aval(broadcast_shapes(condition.shape, x.shape, y.shape), result_dtype(x, y))


@select_p.def_jvp
def _select_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    condition, x, y = primals
    _, tx, ty = tangents
    out = select_p.bind(condition, x, y)
    if type(ty) is Zero:
        return out, typeof(out).zero if type(tx) is Zero else fit(keep_p.bind(condition, tx), out)
    if type(tx) is Zero:
        return out, fit(keep_p.bind(np.logical_not(condition), ty), out)
    return out, fit(select_p.bind(condition, tx, ty), out)


@select_p.def_transpose(linear=jointly(1, 2))
def _select_transpose(ct: Any, condition: Any, x: Any, y: Any) -> Any:
    return (
        None,
        unbroadcast(keep_p.bind(condition, ct), x.aval) if type(x) is Var else None,
        unbroadcast(keep_p.bind(np.logical_not(condition), ct), y.aval) if type(y) is Var else None,
    )


# --- keep: zero where the condition is false --------------------------------------------------------------------------

keep_p = Primitive("keep", trusted=True, makes_new=True)
"""``select(condition, x, 0)``, which is linear in x; a product with the mask would make NaN of what it drops."""
keep_p.def_impl(lambda condition, x: np.where(condition, x, 0))
keep_p.def_abstract(lambda condition, x: array_aval(broadcast_shapes(condition.shape, x.shape), x.dtype))
keep_p.def_batch(elementwise_batch(keep_p))


@keep_p.def_jvp
def _keep_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (condition, x), (_, t) = primals, tangents
    out = keep_p.bind(condition, x)
    return out, typeof(out).zero if type(t) is Zero else keep_p.bind(condition, t)


@keep_p.def_transpose(linear=jointly(1))
def _keep_transpose(ct: Any, condition: Any, x: Any) -> Any:
    return None, unbroadcast(keep_p.bind(condition, ct), x.aval)


# --- clip: between two numbers that are written in the program ----------------------------------------------------------

clip_p = Primitive("clip", trusted=True, makes_new=True)


@clip_p.def_impl
def _clip(x: Any, *, low: float, high: float) -> Any:
    return np.minimum(np.maximum(x, low), high)


@clip_p.def_abstract
def _clip_abstract(x: ShapedArray, *, low: float, high: float) -> ShapedArray:
    return array_aval(x.shape, result_dtype(x, typeof(low), typeof(high)))


@clip_p.def_jvp
def _clip_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, low: float, high: float) -> Any:
    """The derivative is 1 between the bounds and 0 at and beyond them, as for ``np.maximum(x, 0)``."""
    (x,), (t,) = primals, tangents
    out = clip_p.bind(x, low=low, high=high)
    if type(t) is Zero:
        return out, typeof(out).zero
    inside = np.logical_and(np.less(low, x), np.less(x, high))
    return out, scale(convert_to(inside, typeof(out).dtype), t)


@clip_p.def_batch
def _clip_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, low: float, high: float) -> Any:
    return clip_p.bind(args[0], low=low, high=high), dims[0]
