"""Elementwise functions that are constant between their jumps, so that their derivative is zero.

Comparisons, logical and bitwise operations, rounding, tests of numbers, and functions of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from covector.core.avals import PLAIN_TYPES, is_value, result_dtype
from covector.core.context import CAPTURING
from covector.core.jaxpr import Literal
from covector.core.kinds import Step
from covector.core.primitive import NO_PARAMS, Primitive
from covector.core.tracer import OUR_OPERANDS, as_operand, foreign_override, register_method, register_ufunc
from covector.passes.legalize import Legalizer, Value, beyond
from covector.primitives.math.arithmetic import of_operator, of_ufunc
from covector.primitives.math.ring import install_operators

_step, _operator = partial(of_ufunc, kind=Step), partial(of_operator, kind=Step)
rint_p, floor_p, ceil_p, trunc_p = map(_step, (np.rint, np.floor, np.ceil, np.trunc))
isfinite_p, isinf_p, isnan_p, signbit_p = map(_step, (np.isfinite, np.isinf, np.isnan, np.signbit))
spacing_p = _step(np.spacing)  # the spacing of floating-point numbers changes only at powers of two
floor_divide_p = _operator(np.floor_divide)
equal_p, not_equal_p = map(_step, (np.equal, np.not_equal))
less_p, less_equal_p, greater_p, greater_equal_p = map(_step, (np.less, np.less_equal, np.greater, np.greater_equal))
logical_not_p, logical_and_p = map(_step, (np.logical_not, np.logical_and))
logical_or_p, logical_xor_p = map(_step, (np.logical_or, np.logical_xor))
invert_p, bitwise_and_p = map(_operator, (np.invert, np.bitwise_and))
bitwise_or_p, bitwise_xor_p = map(_operator, (np.bitwise_or, np.bitwise_xor))
left_shift_p, right_shift_p = map(_operator, (np.left_shift, np.right_shift))
gcd_p, lcm_p, bitwise_count_p = map(_step, (np.gcd, np.lcm, np.bitwise_count))

register_ufunc(np.divmod, lambda x, y: (np.floor_divide(x, y), np.remainder(x, y)))


# --- round: to a number of decimals -----------------------------------------------------------------------------------

round_p = Primitive("round", Step(lambda x, *, decimals: np.round(x, decimals)), trusted=True)


# --- comparisons with Python's integers, which NumPy makes without converting them -------------------------------------


def _legal_comparison(primitive: Primitive) -> Callable[..., Any]:
    """``rule(legalizer, x, y)``: no dtype is too small for what an integer is compared to."""
    compare: Any = primitive.kind.fn  # type: ignore[attr-defined]
    derived: Any = primitive.rule("legalize")

    def rule(legalizer: Legalizer, *values: Value) -> Any:
        integers = [v for v in values if v.aval.weak_type and v.aval.dtype.kind == "i"]
        dtype = result_dtype(*(v.aval for v in values))
        if not integers or dtype.kind not in "iu":
            return derived(legalizer, *values)
        sides = [beyond(v.atom, dtype) for v in values]
        if any(sides):
            always = Literal(compare(*sides))
            shape = np.broadcast_shapes(*(v.aval.shape for v in values))
            return Value(legalizer.broadcast(Value(always, always.aval), shape), None)
        if all(isinstance(v.atom, Literal) for v in integers):
            return [dtype, dtype]
        return [v.aval.dtype if v.aval.dtype == np.uint64 else np.dtype(np.int64) for v in values]

    return rule


for _primitive in (equal_p, not_equal_p, less_p, less_equal_p, greater_p, greater_equal_p):
    _primitive.def_rule("legalize", _legal_comparison(_primitive))


# --- the operators of tracers -----------------------------------------------------------------------------------------

for _symbol, _primitive in (
    *(("floordiv", floor_divide_p), ("and", bitwise_and_p), ("or", bitwise_or_p), ("xor", bitwise_xor_p)),
    *(("lshift", left_shift_p), ("rshift", right_shift_p)),
):
    install_operators(_symbol, _primitive)


def _comparison(primitive: Primitive) -> Callable[[Any, Any], Any]:
    """The operator; with something that is no value it leaves the answer to Python, so ``x == None`` is False."""
    bind = primitive.bind

    def compare(self: Any, other: Any) -> Any:
        if type(other) in PLAIN_TYPES and not CAPTURING:
            return self._trace.process(primitive, (self, other), NO_PARAMS)
        if type(other) not in OUR_OPERANDS:
            other = as_operand(other)
            if foreign_override(other) or not is_value(other):
                return NotImplemented
        return bind(self, other)

    return compare


for _symbol, _primitive in (
    *(("eq", equal_p), ("ne", not_equal_p), ("lt", less_p), ("le", less_equal_p)),
    *(("gt", greater_p), ("ge", greater_equal_p)),
):
    register_method(f"__{_symbol}__", _comparison(_primitive))
register_method("__invert__", lambda self: invert_p.bind(self))
register_method("__divmod__", lambda self, other: (self // other, self % other))
register_method("__rdivmod__", lambda self, other: (other // self, other % self))
