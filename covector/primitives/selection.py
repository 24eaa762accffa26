"""Choosing between values: ``select``, what ``np.where`` is on tracers, and ``clip`` between two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, broadcast_shapes, dtype_of, result_dtype
from covector.core.jaxpr import Var
from covector.core.kinds import Elementwise, ElementwiseLinear
from covector.core.primitive import Primitive
from covector.primitives.shaping import convert_to, unbroadcast

_choosing = ElementwiseLinear(
    np.where,
    positions=(1, 2),
    alone=(
        lambda t, condition, x, y: keep_p.bind(condition, t),
        lambda t, condition, x, y: keep_p.bind(np.logical_not(condition), t),
    ),
)
select_p = Primitive("select", _choosing, trusted=True, makes_new=True)
select_p.def_rule("legalize", lambda legalizer, condition, x, y: [np.dtype(bool), *[result_dtype(x.aval, y.aval)] * 2])


@select_p.def_abstract
def _select_abstract(condition: ShapedArray, x: ShapedArray, y: ShapedArray) -> ShapedArray:
    return array_aval(broadcast_shapes(condition.shape, x.shape, y.shape), result_dtype(x, y))


@select_p.def_transpose
def _select_transpose(ct: Any, condition: Any, x: Any, y: Any) -> Any:
    return (
        None,
        unbroadcast(keep_p.bind(condition, ct), x.aval) if type(x) is Var else None,
        unbroadcast(keep_p.bind(np.logical_not(condition), ct), y.aval) if type(y) is Var else None,
    )


# --- keep: zero where the condition is false --------------------------------------------------------------------------

_keeping = ElementwiseLinear(
    lambda condition, x: np.where(condition, x, 0), lambda ct, condition, x: keep_p.bind(condition, ct), positions=(1,)
)
keep_p = Primitive("keep", _keeping, trusted=True, makes_new=True)
"""``select(condition, x, 0)``, which is linear in x; a product with the mask would make NaN of what it drops."""
keep_p.def_abstract(lambda condition, x: array_aval(broadcast_shapes(condition.shape, x.shape), x.dtype))
keep_p.def_rule("legalize", lambda legalizer, condition, x: [np.dtype(bool), x.aval.dtype])


# --- clip: between two numbers that are written in the program ----------------------------------------------------------


def _inside(out: Any, x: Any, *, low: float, high: float) -> Any:
    """The derivative is 1 between the bounds and 0 at and beyond them, as for ``np.maximum(x, 0)``."""
    return convert_to(np.logical_and(np.less(low, x), np.less(x, high)), dtype_of(out))


_clipping = Elementwise(lambda x, *, low, high: np.minimum(np.maximum(x, low), high), _inside)
clip_p = Primitive("clip", _clipping, trusted=True, makes_new=True)
