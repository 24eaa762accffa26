"""Choosing between values: ``select``, what ``np.where`` is on tracers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, result_dtype, typeof
from covector.core.jaxpr import Var
from covector.core.primitive import Primitive, jointly
from covector.primitives.ring import elementwise_batch
from covector.primitives.shaping import fit, unbroadcast

select_p = Primitive("select")
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
    if tx.__class__ is Zero and ty.__class__ is Zero:
        return out, typeof(out).zero
    tx, ty = (0 if t.__class__ is Zero else t for t in (tx, ty))
    return out, fit(select_p.bind(condition, tx, ty), out)


@select_p.def_transpose(linear=jointly(1, 2))
def _select_transpose(ct: Any, condition: Any, x: Any, y: Any) -> Any:
    return (
        None,
        unbroadcast(select_p.bind(condition, ct, 0), x.aval) if x.__class__ is Var else None,
        unbroadcast(select_p.bind(condition, 0, ct), y.aval) if y.__class__ is Var else None,
    )
