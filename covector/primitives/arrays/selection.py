"""Choosing between values: ``select``, what ``np.where`` is on tracers, and ``clip`` between two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, broadcast_shapes, dtype_of, result_dtype, typeof
from covector.core.jaxpr import Var
from covector.core.kinds import Elementwise, ElementwiseLinear
from covector.core.primitive import Primitive
from covector.interpreters.jvp import JVPTrace
from covector.interpreters.recording import of_many, recorded
from covector.primitives.arrays.shaping import arrive, convert_to

_of_x_and_of_y = (
    lambda t, condition, x, y: keep_p.bind(condition, t),
    lambda t, condition, x, y: keep_p.bind(np.logical_not(condition), t),
)
"""What is chosen of one of the values, in a tangent and in a cotangent."""
_choosing = ElementwiseLinear(np.where, _of_x_and_of_y, positions=(1, 2), alone=_of_x_and_of_y)
select_p = Primitive("select", _choosing, trusted=True, makes_new=True)
select_p.def_rule("legalize", lambda legalizer, condition, x, y: [np.dtype(bool), *[result_dtype(x.aval, y.aval)] * 2])


@select_p.def_abstract
def _select_abstract(condition: ShapedArray, x: ShapedArray, y: ShapedArray) -> ShapedArray:
    return array_aval(broadcast_shapes(condition.shape, x.shape, y.shape), result_dtype(x, y))


@select_p.def_rule("record")
@of_many
def _select_record(trace: JVPTrace, values: Sequence[Any], variables: Sequence[Any], params: dict[str, Any]) -> Any:
    """Of a known condition and two values, or numbers, that are of the type of the result."""
    (condition, x, y), (of_condition, vx, vy) = values, variables
    if of_condition is not None or (vx is None and vy is None):
        return None
    out = np.where(condition, x, y)
    aval = typeof(out)
    if vx is not None and vy is not None:
        return recorded(trace, out, aval, select_p, (condition, vx, vy))
    v = vy if vx is None else vx
    if v.aval is not aval:
        return None
    return recorded(trace, out, aval, keep_p, (np.logical_not(condition) if vx is None else condition, v))


@select_p.def_rule("pull")
def _select_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    condition, x, y = inputs
    if type(x) is Var:
        arrive(arrived, x, kept(condition, ct), out)
    if type(y) is Var:
        arrive(arrived, y, kept(np.logical_not(condition), ct), out)


def kept(condition: Any, x: Any) -> Any:
    """Zero where the condition is false, for an array of the shape of the result."""
    if type(condition) is not np.ndarray or type(x) is not np.ndarray:
        return keep_p.bind(condition, x)
    out = np.zeros(x.shape, x.dtype)
    np.copyto(out, x, where=condition if condition.dtype.kind == "b" else condition.astype(bool))
    return out


# --- keep: zero where the condition is false --------------------------------------------------------------------------

_keeping = ElementwiseLinear(
    lambda condition, x: np.where(condition, x, 0), lambda ct, condition, x: keep_p.bind(condition, ct), positions=(1,)
)
keep_p = Primitive("keep", _keeping, trusted=True, makes_new=True)
"""``select(condition, x, 0)``, which is linear in x; a product with the mask would make NaN of what it drops."""
keep_p.def_abstract(lambda condition, x: array_aval(broadcast_shapes(condition.shape, x.shape), x.dtype))
keep_p.def_rule("legalize", lambda legalizer, condition, x: [np.dtype(bool), x.aval.dtype])


@keep_p.def_rule("pull")
def _keep_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    arrive(arrived, inputs[1], kept(inputs[0], ct), out)


# --- clip: between two numbers that are written in the program ----------------------------------------------------------


def _inside(out: Any, x: Any, *, low: float, high: float) -> Any:
    """The derivative is 1 between the bounds and 0 at and beyond them, as for ``np.maximum(x, 0)``."""
    return convert_to(np.logical_and(np.less(low, x), np.less(x, high)), dtype_of(x))


_clipping = Elementwise(lambda x, *, low, high: np.minimum(np.maximum(x, low), high), _inside)
clip_p = Primitive("clip", _clipping, trusted=True, makes_new=True)
