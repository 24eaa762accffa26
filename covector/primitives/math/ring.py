"""Addition and multiplication, which the chain rule itself is made of, with negation and subtraction.

Every other derivative is written in terms of these.  They broadcast and promote like NumPy's operators; on two Python scalars
they are Python's own, so that a weakly typed result stays weak.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from covector.backends import forms
from covector.core.avals import (
    PLAIN_TYPES,
    PYTHON_NUMBERS,
    WEAK_NUMBERS,
    WEAK_TYPES,
    ShapedArray,
    Zero,
    array_aval,
    broadcast_shapes,
    is_weak,
    promotion_key,
    result_dtype,
    typeof,
    ufunc_dtypes,
)
from covector.core.context import CAPTURING
from covector.core.jaxpr import Equation, Var
from covector.core.keys import Keyed
from covector.core.kinds import Elementwise, ElementwiseBilinear, ElementwiseLinear
from covector.core.memory import is_one_number
from covector.core.primitive import NO_PARAMS, Primitive, TracerBase
from covector.core.tracer import OUR_OPERANDS, as_operand, foreign_operator, foreign_override, register_method
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.recording import linear, of_two, recorded
from covector.interpreters.stage import LinearTrace, StageTracer
from covector.primitives.arrays.shaping import Dims, align_batch, arrive, fit, unbroadcast

if TYPE_CHECKING:
    from covector.passes.legalize import Legalizer, Value

# --- shapes, dtypes and batches of elementwise functions --------------------------------------------------------------


def elementwise_abstract(primitive: Primitive, fn: Callable[..., Any]) -> Callable[..., ShapedArray]:
    """The abstract rule of a function that broadcasts and promotes like a ufunc."""

    def abstract(*avals: ShapedArray, **params: Any) -> ShapedArray:
        weak = primitive.keeps_weak and all(a.weak_type for a in avals)
        dtype = output_dtype(fn, tuple(map(promotion_key, avals)), Keyed(params) if params else NOTHING)
        if weak and dtype.kind in "ifc":
            return ShapedArray((), WEAK_TYPES[dtype.kind], weak_type=True)
        shapes = [a.shape for a in avals]
        return array_aval(shapes[0] if len(shapes) == 1 else broadcast_shapes(*shapes), dtype)

    abstract.is_default = True  # type: ignore[attr-defined]
    return abstract


NOTHING = Keyed({})


@lru_cache(maxsize=4096)
def output_dtype(fn: Callable[..., Any], keys: tuple[Any, ...], params: Keyed = NOTHING) -> np.dtype[Any]:
    """The dtype that ``fn`` returns for arguments of these dtypes (a Python type stands for a weak scalar)."""
    if isinstance(fn, np.ufunc) and fn.nout == 1:
        return ufunc_dtypes(fn, keys)[-1]
    with np.errstate(all="ignore"):
        return np.asarray(fn(*(k(1) if isinstance(k, type) else np.ones((1,), k) for k in keys), **params.value)).dtype


def elementwise_batch(primitive: Primitive) -> Callable[..., Any]:
    """The batching rule of a function that broadcasts: align the examples' axes behind the batch axis."""
    bind = primitive.bind

    def batch(size: int, args: Sequence[Any], dims: Dims, /, **params: Any) -> Any:
        if len(args) == 1:
            (x,) = args
            return (primitive.impl(x, **params) if type(x) is ndarray else bind(x, **params)), dims[0]
        if len(args) == 2 and is_aligned(args[0], args[1], dims[0], dims[1]):
            return primitive.impl(args[0], args[1], **params), 0
        return bind(*align_batch(args, dims), **params), 0

    return batch


def is_aligned(x: Any, y: Any, dim_x: int | None, dim_y: int | None) -> bool:
    """Whether two arguments broadcast as they are: batched arrays of one rank, or a number beside one (the common cases)."""
    if type(x) is ndarray:
        if type(y) is ndarray:
            return dim_x == 0 and dim_y == 0 and x.ndim == y.ndim
        return dim_x == 0 and type(y) in PYTHON_NUMBERS
    return dim_y == 0 and type(y) is ndarray and type(x) in PYTHON_NUMBERS


# --- neg, add, sub: jointly linear ------------------------------------------------------------------------------------


def of_operands(fn: Callable[..., Any], ufunc: np.ufunc) -> Callable[..., Any]:
    """The operator of two operands, whose result is a Python number where both are, and NumPy's elsewhere.

    Python's own ``1j * np.float64(2)`` is a ``complex``, its ``True * 2`` an ``int``: they take the dtype of what they meet.
    """

    def operate(x: Any, y: Any) -> Any:
        out = fn(x, y)
        if type(out) not in WEAK_NUMBERS or (type(x) in WEAK_NUMBERS and type(y) in WEAK_NUMBERS):
            return out
        return ufunc(x, y)

    return operate


def may_be_pythons(eqn: Equation) -> bool:
    """Whether Python's operator may give a Python number for the result, which is none: see `of_operands`."""
    out = eqn.outputs[0].aval
    if out.shape or out.weak_type:
        return False
    return any(x.aval.dtype.kind == "b" or (x.aval.weak_type and x.aval.dtype.kind == "c") for x in eqn.inputs)


def _operator(name: str, symbol: str, kind: Any) -> Primitive:
    primitive = Primitive(name, kind, trusted=True, makes_new=True)
    as_operator = forms.operator(symbol)
    primitive.def_rule("lower", lambda eqn: forms.call(primitive.impl) if may_be_pythons(eqn) else as_operator)
    if kind.like.nin == 1:
        return primitive
    general = elementwise_abstract(primitive, kind.like)

    @primitive.def_abstract
    def abstract(x: ShapedArray, y: ShapedArray) -> ShapedArray:
        if x is y and not x.weak_type and x.dtype.kind in "fc":
            return x
        return general(x, y)

    return primitive


neg_p = _operator("neg", "-", ElementwiseLinear(operator.neg, lambda ct, x: -ct, keeps_weak=True, like=np.negative))
neg_p.def_rule("record", linear(neg_p))


@neg_p.def_rule("pull")
def _neg_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    arrive(arrived, inputs[0], _negated(ct), out)


def _negated(ct: Any) -> Any:
    """``-ct``; of the large cotangent of a sum, which is one number everywhere, the number is negated."""
    if is_one_number(ct):
        return np.broadcast_to(-ct[(0,) * ct.ndim], ct.shape)
    return -ct


def _sum_or_difference(name: str, symbol: str, fn: Callable[..., Any], ufunc: np.ufunc, *, plus: bool) -> Primitive:
    """``x + y`` if ``plus``, else ``x - y``."""
    cotangents = (lambda ct, x, y: ct, lambda ct, x, y: ct if plus else -ct)
    fn = of_operands(fn, ufunc)
    kind = ElementwiseLinear(fn, cotangents, positions=(0, 1), keeps_weak=True, like=ufunc)
    primitive = _operator(name, symbol, kind)

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        x, y = primals
        tx, ty = tangents
        out = fn(x, y)
        if type(tx) is Zero:
            return out, typeof(out).zero if type(ty) is Zero else fit(ty if plus else neg_p.bind(ty), out)
        return out, fit(tx, out) if type(ty) is Zero else primitive.bind(tx, ty)

    @primitive.def_rule("record")
    @of_two
    def record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
        out = x + y if plus else x - y
        if vy is None:
            return fitted(trace, out, vx)
        if vx is None:
            return fitted(trace, out, vy if plus else recorded(trace, out, vy.aval, neg_p, (vy,)).staged)
        return recorded(trace, out, typeof(out), primitive, (vx, vy))

    @primitive.def_rule("pull")
    def pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
        x, y = inputs
        if type(x) is Var:
            arrive(arrived, x, ct, out)
        if type(y) is Var:
            arrive(arrived, y, ct if plus else _negated(ct), out)

    return primitive


add_p = _sum_or_difference("add", "+", operator.add, np.add, plus=True)
sub_p = _sum_or_difference("sub", "-", operator.sub, np.subtract, plus=False)

# --- mul: bilinear ----------------------------------------------------------------------------------------------------

times = of_operands(operator.mul, np.multiply)
mul_p = _operator("mul", "*", ElementwiseBilinear(times, keeps_weak=True, like=np.multiply))


@mul_p.def_jvp
def _mul_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    x, y = primals
    tx, ty = tangents
    out = times(x, y)
    if type(tx) is Zero:
        return out, typeof(out).zero if type(ty) is Zero else scale(x, ty)
    if type(ty) is Zero:
        return out, scale(y, tx)
    return out, sum_of_products(y, tx, x, ty)


@mul_p.def_transpose
def _mul_transpose(ct: Any, x: Any, y: Any) -> Any:
    if type(x) is Var:
        return unbroadcast(ct * y, x.aval), None
    return None, unbroadcast(x * ct, y.aval)


@mul_p.def_rule("pull")
def _mul_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    x, y = inputs
    if type(y) is Var:
        arrive(arrived, y, x * ct, out)
    else:
        arrive(arrived, x, ct * y, out)


def scaled(trace: JVPTrace, out: Any, coefficient: Any, v: Var) -> JVPTracer:
    """In a rule ``record``: the result with the tangent ``coefficient * v``, which is of its shape and dtype."""
    return recorded(trace, out, typeof(out), mul_p, (coefficient, v))


def fitted(trace: JVPTrace, out: Any, v: Var) -> JVPTracer:
    """In a rule ``record``: the result with the tangent ``v``, broadcast and promoted to its type."""
    return JVPTracer(trace, out, v if typeof(out) is v.aval else fit(StageTracer(trace.tape, v), out))


@mul_p.def_rule("record")
@of_two
def _mul_record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
    out = x * y
    if vx is None or vy is None:
        return recorded(trace, out, typeof(out), mul_p, (x, vy) if vx is None else (y, vx))
    return recorded(trace, out, typeof(out), sumprod_p, (y, vx, x, vy))


def scale(coefficient: Any, tangent: Any) -> Any:
    """``coefficient * tangent``: what most JVP rules end with.

    For a tangent on the tape and a known coefficient of the same type, dispatch and the abstract rule have nothing to find
    out: recording at once is 1.2 us faster than `bind`, of about 4 us that an operation takes in reverse mode.
    """
    if type(tangent) is StageTracer:
        trace, variable = tangent._trace, tangent.variable
        aval = variable.aval
        if type(trace) is LinearTrace and has_type_below(coefficient, aval, trace):
            return trace.append(mul_p, (coefficient, variable), aval)
    elif type(tangent) is ndarray and type(coefficient) is ndarray:
        return coefficient * tangent
    return mul_p.bind(coefficient, tangent)


def has_type_below(x: Any, aval: Any, trace: Any) -> bool:
    """Whether ``x`` has exactly this (cached) aval, and is an array or a tracer of a trace further out than ``trace``."""
    if type(x) is ndarray:
        return x.dtype is aval.dtype and x.shape == aval.shape and not aval.weak_type
    return isinstance(x, TracerBase) and x._trace.level < trace.level and typeof(x) is aval


# --- sumprod: x1*y1 + x2*y2 + ..., the total derivative ---------------------------------------------------------------


def _sumprod(*factors: Any) -> Any:
    for x in factors[::2]:
        if type(x) is complex:
            return reduce(add_p.impl, map(times, factors[::2], factors[1::2]))
    total = factors[0] * factors[1]
    for i in range(2, len(factors), 2):
        total = total + factors[i] * factors[i + 1]
    return total


sumprod_p = Primitive("sumprod", Elementwise(_sumprod, keeps_weak=True), trusted=True, makes_new=True)


@sumprod_p.def_rule("legalize")
def _sumprod_legalize(legalizer: Legalizer, *factors: Value) -> Any:
    """Products of narrower types than that of the sum are rounded to theirs, so they stand apart."""
    dtype = result_dtype(*(f.aval for f in factors))
    pairs = list(zip(factors[::2], factors[1::2], strict=True))
    if all(result_dtype(x.aval, y.aval) == dtype for x, y in pairs):
        return [dtype] * len(factors)
    return reduce(partial(legalizer.apply, add_p), [legalizer.apply(mul_p, x, y) for x, y in pairs])


@sumprod_p.def_jvp
def _sumprod_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The derivative of a sum of products is a sum of products, with two for each."""
    out = sumprod_p.bind(*primals)
    terms: list[Any] = []
    for i, t in enumerate(tangents):
        if type(t) is not Zero:
            terms += [primals[i ^ 1], t]
    return with_tangent(out, terms)


def with_tangent(out: Any, terms: Sequence[Any]) -> tuple[Any, Any]:
    """What a JVP rule returns: the result, and as its tangent ``terms[0] * terms[1] + terms[2] * terms[3] + ...``."""
    if not terms:
        return out, typeof(out).zero
    return out, fit(scale(*terms) if len(terms) == 2 else sumprod_p.bind(*terms), out)


def with_sum(out: Any, terms: Sequence[Any]) -> tuple[Any, Any]:
    """The same for the sum of these tangents."""
    return out, reduce(add_p.bind, terms) if terms else typeof(out).zero


def _one_factor_of_each(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
    return all(mask[i] != mask[i + 1] for i in range(0, len(mask), 2))


def _completed(mask: tuple[bool, ...], zero: tuple[bool, ...], params: dict[str, Any]) -> tuple[bool, ...]:
    """A zero counts as linear where no factor of its product is."""
    out = list(mask)
    for i in range(0, len(mask), 2):
        if not (mask[i] or mask[i + 1]):
            out[i], out[i + 1] = zero[i], zero[i + 1] and not zero[i]
    return tuple(out)


_one_factor_of_each.ignores_params = True  # type: ignore[attr-defined]
_one_factor_of_each.completed = _completed  # type: ignore[attr-defined]


@sumprod_p.def_transpose(linear=_one_factor_of_each)
def _sumprod_transpose(ct: Any, *factors: Any) -> Any:
    if len(factors) == 4 and type(factors[1]) is Var and type(factors[3]) is Var:
        x, tx, y, ty = factors
        return None, unbroadcast(ct * x, tx.aval), None, unbroadcast(ct * y, ty.aval)
    cts: list[Any] = []
    for x, y in zip(factors[::2], factors[1::2]):  # noqa: B905 - on the hot path
        if type(x) is Var:
            cts += (unbroadcast(ct * y, x.aval), None)
        elif type(y) is Var:
            cts += (None, unbroadcast(ct * x, y.aval))
        else:  # one of them is zero
            cts += (None, None)
    return cts


@sumprod_p.def_rule("pull")
def _sumprod_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    for i in range(0, len(inputs), 2):
        x, y = inputs[i], inputs[i + 1]
        if type(y) is not Var:
            x, y = y, x
            if type(y) is not Var:  # one of them is zero
                continue
        arrive(arrived, y, ct * x, out)


def sum_of_products(x: Any, tx: Any, y: Any, ty: Any) -> Any:
    """``x*tx + y*ty`` for tangents tx and ty: the total derivative of a function of two arguments, as one operation."""
    if type(tx) is StageTracer and type(ty) is StageTracer:
        trace, aval = tx._trace, tx.variable.aval
        is_shared = type(trace) is LinearTrace and trace is ty._trace and aval is ty.variable.aval
        if is_shared and has_type_below(x, aval, trace) and has_type_below(y, aval, trace):
            return trace.append(sumprod_p, (x, tx.variable, y, ty.variable), aval)
    elif type(tx) is ndarray and type(ty) is ndarray and type(x) is ndarray and type(y) is ndarray:
        return x * tx + y * ty
    return sumprod_p.bind(x, tx, y, ty)


# --- the operators of tracers -----------------------------------------------------------------------------------------


def beside(x: Any, boolean: bool) -> Any:
    """What a boolean is next to a Python number: an integer, as to Python."""
    return int(boolean) if is_weak(x) else boolean


def install_operators(symbol: str, primitive: Primitive) -> None:
    """Make ``primitive`` the binary operator ``symbol`` (as ``add``) of tracers, from either side.

    Next to a plain operand, or one of the same trace, the trace that decides is known without `bind` (0.2 us).
    """
    bind = primitive.bind

    def forward(self: Any, other: Any) -> Any:
        cls = type(other)
        if not CAPTURING and (cls in PLAIN_TYPES or (cls is type(self) and other._trace is self._trace)):
            if cls is bool:
                other = beside(self, other)
            return self._trace.process(primitive, (self, other), NO_PARAMS)
        if cls not in OUR_OPERANDS:
            if foreign_override(other):
                return foreign_operator(f"__r{symbol}__", other, self)
            other = as_operand(other)
        return bind(self, other)

    def reflected(self: Any, other: Any) -> Any:
        cls = type(other)
        if cls in PLAIN_TYPES and not CAPTURING:
            if cls is bool:
                other = beside(self, other)
            return self._trace.process(primitive, (other, self), NO_PARAMS)
        if cls not in OUR_OPERANDS:
            if foreign_override(other):
                return foreign_operator(f"__{symbol}__", other, self)
            other = as_operand(other)
        return bind(other, self)

    register_method(f"__{symbol}__", forward)
    register_method(f"__r{symbol}__", reflected)


for _symbol, _primitive in (("add", add_p), ("sub", sub_p), ("mul", mul_p)):
    install_operators(_symbol, _primitive)
register_method("__neg__", lambda self: neg_p.bind(self) if CAPTURING else self._trace.process(neg_p, (self,), NO_PARAMS))
