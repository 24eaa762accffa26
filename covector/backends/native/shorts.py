"""``float16`` as ``float32`` that is rounded after each operation, as NumPy does.

>>> from covector.backends.native.ir import Module
>>> b = Builder("f", "", Module())
>>> _ = ROUND.rules["native"].emit(b, Value("%x", "f32"))
>>> b.lines
['  %t1 = fptrunc float %x to half', '  %t2 = fpext half %t1 to float']

Sums over the last axes are rounded at their end.  Other sums, products and running ones are left to NumPy, which rounds at each
step, or at the ends of rows.  What moves elements, compares them or takes one of them is not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.backends.native.elementwise import Scalar, converted
from covector.backends.native.ir import Builder, Value
from covector.backends.native.rules import VIEWS
from covector.backends.native.stacks import item_aval
from covector.core.avals import ShapedArray
from covector.core.primitive import Primitive

__all__ = ["Builder", "Value"]

SHORT, LONG = np.dtype(np.float16), np.dtype(np.float32)

EXACT = {
    *VIEWS, "stack", "concatenate", "gather", "scatter", "clear", "erase", "update_slice", "select", "keep", "weaken",
    "stop_gradient", "name", "conj", "real", "neg", "abs", "fabs", "sign", "maximum", "minimum", "fmax", "fmin", "reduce_max",
    "reduce_min", "cummax", "cummin", "floor", "ceil", "trunc", "rint", "copysign",
}  # fmt: skip
"""What gives a ``float16`` for such."""

OF_THE_FORMAT = {"spacing", "cumsum", "cumprod", "reduce_prod"}
"""What another format has other results of: the distance to the next number, and what may overflow on the way."""


def is_short(x: Any) -> bool:
    return getattr(item_aval(x.aval), "dtype", None) == SHORT


def _is_rounded_on_the_way(eqn: Any) -> bool:
    """Whether it is a sum over other axes than the last ones, which NumPy adds up row by row."""
    if eqn.primitive.name != "reduce_sum":
        return False
    summed = [i in eqn.params["axes"] for i, n in enumerate(eqn.inputs[0].aval.shape) if n > 1]
    return summed != sorted(summed)


def long_aval(aval: Any) -> Any:
    """The type that stands for one of ``float16``."""
    return type(aval)(long_aval(aval.element), aval.ticks) if item_aval(aval) is not aval else ShapedArray(aval.shape, LONG)


class Part(Primitive):
    """A function of which this backend alone knows: it has no place among the primitives, and one rule."""

    def __init__(self, name: str, rule: Scalar):
        self.name, self.effect, self.trusted, self.rules = name, False, True, {"native": rule}  # type: ignore[dict-item]


WIDEN, NARROW = Part("widen", Scalar(converted("f32"), 0)), Part("narrow", Scalar(converted("f16"), 0))
ROUND = Part("round", Scalar(lambda b, x: b.convert(b.convert(x, "f16"), "f32"), 2))


def write_short(writer: Any, eqn: Any) -> bool:
    """Write the equations that stand for one of ``float16``; False where there are none."""
    name, params = eqn.primitive.name, eqn.params
    inputs: Sequence[Any] = [writer.parts(x)[0] for x in eqn.inputs]
    if name == "convert" and is_short(eqn.outputs[0]):
        writer.known[eqn.outputs[0]] = (writer.bind(ROUND, inputs, long_aval(eqn.outputs[0].aval)),)
        return True
    if name in OF_THE_FORMAT or _is_rounded_on_the_way(eqn):
        return False
    if (name != "convert" and SHORT in params.values()) or params.get("decimals"):
        return False  # to decimals NumPy rounds by a product, which may be infinite
    outs = writer.bind_all(eqn.primitive, inputs, [long_aval(v.aval) if is_short(v) else v.aval for v in eqn.outputs], params)
    for v, out in zip(eqn.outputs, outs, strict=True):
        rounds = is_short(v) and name not in EXACT
        writer.known[v] = (writer.bind(ROUND, [out], out.aval) if rounds else out,)
    return True
