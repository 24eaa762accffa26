"""What follows from the kind of a primitive: how it is computed, differentiated, transposed, batched and typed.

>>> import numpy as np
>>> from covector.core.kinds import Elementwise
>>> from covector.core.primitive import Primitive
>>> halved_p = Primitive("halved_example", Elementwise(lambda x: x / 2, lambda out, x: 0.5))
>>> halved_p.jvp([np.ones(2)], [np.ones(2)])
(array([0.5, 0.5]), array([0.5, 0.5]))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from covector.core.avals import (
    ARRAY_TYPES,
    ShapedArray,
    Zero,
    array_aval,
    float0,
    instantiate,
    is_weak,
    promotion_key,
    typeof,
    ufunc_dtypes,
)
from covector.core.checked_rules import checked_derivative
from covector.core.errors import JVPRuleError, PrimitiveRuleError
from covector.core.jaxpr import Var
from covector.core.kinds import (
    AlongAxis,
    Bilinear,
    Discrete,
    Elementwise,
    ElementwiseBilinear,
    ElementwiseLinear,
    Factorization,
    Kind,
    Linear,
    LinearReduction,
    OverAxes,
    Reduction,
    Step,
    Structural,
)
from covector.core.primitive import Primitive, derived, derives, in_users_code
from covector.core.rule_errors import ones, told, wrong_call
from covector.interpreters.jvp import JVPTrace, JVPTracer
from covector.interpreters.recording import NUMBERS, NUMERIC, linear, recorded, variable_of
from covector.primitives.arrays.shaping import Dims, convert_p, convert_to, fit, move_batch_to_front, real_dtype, unbroadcast
from covector.primitives.math.ring import add_p, elementwise_abstract, elementwise_batch, mul_p, scale, with_tangent

Rule = Callable[..., Any]

derives("impl", Kind)(lambda primitive, kind: kind.fn)


def users(primitive: Primitive, name: str, rule: Any) -> Any:
    """A function of a kind, of which errors say whose fault they are if it is the user's."""
    return rule if rule is None or primitive.trusted or isinstance(rule, np.ufunc) else told(primitive, name, rule)


# --- defaults ---------------------------------------------------------------------------------------------------------


def abstract_by_example(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An abstract rule that runs the implementation on ones: right for any function whose shapes do not depend on values."""

    def abstract(*avals: ShapedArray, **params: Any) -> Any:
        with np.errstate(all="ignore"):
            out = fn(*ones(avals), **params)
        return [typeof(np.asarray(o)) for o in out] if isinstance(out, list) else typeof(np.asarray(out))

    abstract.is_default = True  # type: ignore[attr-defined]
    return abstract


def loop_batch(primitive: Primitive) -> Callable[..., Any]:
    """A batching rule that applies the primitive to one example after the other."""

    def batch(size: int, args: Sequence[Any], dims: Dims, /, **params: Any) -> Any:
        args = move_batch_to_front(args, dims)

        def example(i: int) -> Any:
            return primitive.bind(*(a if d is None else a[i] for a, d in zip(args, dims, strict=True)), **params)

        if not size:
            return nothing(primitive, args, dims, params)
        outs = [example(i) for i in range(size)]
        if primitive.multiple_results:
            return [np.stack(column) for column in zip(*outs, strict=True)], [0] * len(outs[0])
        return np.stack(outs), 0

    return batch


def nothing(primitive: Primitive, args: Sequence[Any], dims: Dims, params: dict[str, Any]) -> Any:
    """The results of a batch without examples, whose axis is in front."""
    avals = [typeof(a) if d is None else typeof(a).example(0) for a, d in zip(args, dims, strict=True)]
    out = primitive.abstract(*avals, **params)
    if primitive.multiple_results:
        return [a.batched(0, 0).zeros() for a in out], [0] * len(out)
    return out.batched(0, 0).zeros(), 0


# --- elementwise ------------------------------------------------------------------------------------------------------


ELEMENTWISE = (Elementwise, ElementwiseLinear, ElementwiseBilinear)
derives("abstract", *ELEMENTWISE)(lambda p, kind: elementwise_abstract(p, kind.like or users(p, "impl", kind.fn)))
derives("batch", *ELEMENTWISE)(lambda primitive, kind: elementwise_batch(primitive))


@derives("record", Step)
def step_record(primitive: Primitive, kind: Step) -> Rule | None:
    """The result alone, which has no tangent."""
    if not (primitive.trusted and primitive.makes_new):
        return None

    def record(trace: JVPTrace, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = [a.primal if type(a) is JVPTracer and a._trace is trace else a for a in args]
        for x in values:
            if type(x) not in NUMBERS and (type(x) not in ARRAY_TYPES or x.dtype.kind not in NUMERIC):
                return None
        return primitive.impl(*values, **params)

    return record


def counting(primitive: Primitive, count: int, jvp: Rule) -> Rule:
    """A JVP rule for so many arguments as there are derivatives."""

    def counted(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        if len(primals) != count:
            has = f"{primitive.name!r} has {count} derivative{'s' * (count != 1)}"
            why = "an elementwise primitive has a partial derivative for each of its arguments"
            fix = "give elementwise one for each, None where it is zero"
            wrong = PrimitiveRuleError(f"{has}, and is applied to {len(primals)} arguments.", why=why, fix=fix)
            raise wrong_call(primitive, primals, params) or wrong
        return jvp(primals, tangents, **params)

    return counted


@derives("jvp", Step, Discrete, checked=True)
def zero_jvp(primitive: Primitive, kind: Any = None) -> Rule:
    """The JVP rule of a function that is piecewise constant."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        return out, typeof(out).zero

    return jvp


def exact_jvp(primitive: Primitive, derivative: Any) -> Rule:
    """For a derivative that comes in the dtype of the output, and no parameters: the most frequent rule, and the fastest."""
    bind, impl = primitive.bind, primitive.impl

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x,), (t,) = primals, tangents
        if type(x) is np.ndarray:
            out = impl(x)
        else:
            (x,) = numpy_scalars(primals)
            out = bind(x)
        coefficient = derivative(out, x)
        return out, coefficient * t if type(coefficient) is np.ndarray is type(t) else scale(coefficient, t)

    return jvp


@derives("record", Elementwise)
def elementwise_record(primitive: Primitive, kind: Elementwise) -> Rule | None:
    """Of one argument, with a derivative that comes in the dtype of the output."""
    if len(kind.derivatives) != 1 or not (kind.exact and primitive.trusted):
        return None
    fn, derivative = primitive.impl, cast(Rule, kind.derivatives[0])

    def record(trace: JVPTrace, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (tracer,) = args
        x, v = tracer.primal, tracer.staged
        if type(x) not in ARRAY_TYPES:
            return None
        if type(v) is not Var and (v := variable_of(trace, v)) is None:
            return None
        out = fn(x)
        coefficient, aval = derivative(out, x), v.aval
        if type(coefficient) in ARRAY_TYPES and coefficient.dtype is aval.dtype and coefficient.shape == aval.shape:
            return recorded(trace, out, aval, mul_p, (coefficient, v))
        return None

    return record


def unary_jvp(primitive: Primitive, derivative: Any) -> Rule:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        (x,), (t,) = numpy_scalars(primals), tangents
        out = primitive.bind(x, **params)
        return out, fit(scale(derivative(out, x, **params), t), out)

    return jvp


def nary_jvp(primitive: Primitive, derivatives: Sequence[Rule | None], fn: Any) -> Rule:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        if type(out) is not np.ndarray:
            primals = numpy_scalars(primals)
        if type(fn) is np.ufunc:
            primals = as_computed(fn, primals, out)
        elif not primitive.trusted:
            primals = in_precision(primals, out)
        terms: list[Any] = []
        for t, derivative in zip(tangents, derivatives, strict=True):
            if type(t) is not Zero and derivative is not None:
                terms += [derivative(out, *primals, **params), t]
        return with_tangent(out, terms)

    return jvp


def as_computed(ufunc: np.ufunc, primals: Sequence[Any], out: Any) -> Sequence[Any]:
    """The arguments in the dtypes that a ufunc computes in, as if it were given them.

    A derivative written with those of the user would be of short integers, where ``-x`` and ``n - 1`` are something else, or in
    less precision than the result.
    """
    dtype = getattr(out, "dtype", None)
    if all(type(p) is float or getattr(p, "dtype", None) is dtype for p in primals):
        return primals
    avals = list(map(typeof, primals))
    dtypes = ufunc_dtypes(ufunc, map(promotion_key, avals))[:-1]
    return [p if a.weak_type else convert_to(p, d) for p, a, d in zip(primals, avals, dtypes, strict=True)]


def in_precision(primals: Sequence[Any], out: Any) -> Sequence[Any]:
    """The arguments in the precision of the result where theirs is less, for derivatives by users' formulas: see above."""
    dtype = real_dtype(typeof(out).dtype)
    if dtype.kind != "f":
        return primals
    less = lambda d: d.kind in "biu" or (d.kind == "f" and d.itemsize < dtype.itemsize)
    return [p if is_weak(p) or not less(typeof(p).dtype) else convert_to(p, dtype) for p in primals]


def numpy_scalars(primals: Sequence[Any]) -> Sequence[Any]:
    """NumPy scalars for the arguments of a derivative that are all Python numbers, or tracers of such.

    So ``1 / x`` is infinite at 0, no error, and a derivative has the strong type of the output.
    """
    return [convert_p.bind(p, dtype=typeof(p).dtype) for p in primals] if all(map(is_weak, primals)) else primals


@derives("jvp", Elementwise, checked=True)
def elementwise_jvp(primitive: Primitive, kind: Elementwise) -> Rule | None:
    derivatives = kind.derivatives
    if not derivatives:
        return None
    if not primitive.trusted:  # then these are the user's, but not the rules made of them
        derivatives = tuple(
            d and told(primitive, "derivative", d, in_users_code(checked_derivative(primitive.name, d))) for d in derivatives
        )
    if not any(derivatives):
        jvp = zero_jvp(primitive)
    elif len(derivatives) == 1:
        jvp = (exact_jvp if kind.exact and primitive.trusted else unary_jvp)(primitive, derivatives[0])
    else:
        jvp = nary_jvp(primitive, derivatives, kind.like or kind.fn)
    return jvp if primitive.trusted else counting(primitive, len(derivatives), jvp)


# --- linear -----------------------------------------------------------------------------------------------------------

derives("abstract", Linear, Bilinear)(lambda p, kind: kind.abstract or (kind.fn and abstract_by_example(kind.fn)))
derives("batch", Linear, Bilinear)(lambda primitive, kind: kind.batch or loop_batch(primitive))


@derives("record", Structural, LinearReduction)
def linear_record(primitive: Primitive, kind: Linear) -> Rule | None:
    return linear(primitive) if primitive.trusted and kind.positions == (0,) else None


def written_out(tangent: Any, out: Any) -> Any:
    """A tangent as an array, of an integer too, which has none: then one of the dtype of the result."""
    aval: Any = tangent.aval if type(tangent) is Zero else None
    return np.zeros(aval.shape, typeof(out).dtype) if aval and aval.dtype == float0 else instantiate(tangent)


@derives("jvp", Linear)
def linear_jvp(primitive: Primitive, kind: Linear) -> Rule:
    """That of one argument, of two of which each is worth a thought alone, or of any number; the first is the most frequent."""
    bind, impl, places = primitive.bind, primitive.impl, kind.positions
    is_plain = type(primitive) is Primitive  # so that the context does not matter
    fitted = fit if isinstance(kind, Elementwise) else lambda tangent, out: tangent

    def jvp_of_first(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        x, t = primals[0], tangents[0]
        if len(primals) > 1:
            out = bind(*primals, **params)
            return out, typeof(out).zero if type(t) is Zero else bind(t, *primals[1:], **params)
        out = impl(x, **params) if is_plain and type(x) is np.ndarray else bind(x, **params)
        return out, typeof(out).zero if type(t) is Zero else bind(t, **params)

    def jvp_of_two(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        (i, j), (alone_x, alone_y) = places, kind.alone
        out, tx, ty = bind(*primals, **params), tangents[i], tangents[j]
        if type(ty) is Zero:
            return out, typeof(out).zero if type(tx) is Zero else fitted(alone_x(tx, *primals, **params), out)
        if type(tx) is Zero:
            return out, fitted(alone_y(ty, *primals, **params), out)
        moved = [*primals]
        moved[i], moved[j] = tx, ty
        return out, fitted(bind(*moved, **params), out)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        out, linear = bind(*primals, **params), places or range(len(primals))
        if all(type(tangents[i]) is Zero for i in linear):
            return out, typeof(out).zero
        pairs = enumerate(zip(primals, tangents, strict=True))
        return out, fitted(bind(*(written_out(t, out) if i in linear else p for i, (p, t) in pairs), **params), out)

    found = jvp_of_first if places == (0,) else jvp_of_two if kind.alone else jvp
    return refusing_others(primitive, places, found) if places and not primitive.trusted else found


def refusing_others(primitive: Primitive, places: Sequence[int], jvp: Rule) -> Rule:
    """A JVP rule that knows the derivatives in the arguments at these places, and refuses those in others."""

    def refusing(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        for i, t in enumerate(tangents):
            if type(t) is not Zero and i not in places:
                said = ", ".join(map(str, places))
                what = f"the primitive {primitive.name!r} is linear in argument {said} by its kind, and argument {i},"
                what = f"{what} of type {typeof(primals[i])}, has a tangent."
                why = "its kind does not say how the result depends on that one"
                fix = "make it bilinear, or name all that it is linear in together as positions=..., or give it a jvp rule; "
                fix += "or pass stop_gradient of the argument if it is a constant"
                raise JVPRuleError(what, why=why, fix=fix)
        return jvp(primals, tangents, **params)

    return refusing


@derives("transpose", Linear)
def linear_transpose(primitive: Primitive, kind: Linear) -> Rule | None:
    rule: Any = kind.transpose
    rule = tuple(users(primitive, "cotangent", r) for r in rule) if type(rule) is tuple else users(primitive, "cotangent", rule)
    places, broadcasts = kind.positions, isinstance(kind, Elementwise)
    if rule is None:
        return None

    def transpose_of_first(ct: Any, x: Any, /, *others: Any, **params: Any) -> Any:
        found = rule(ct, x.aval, *others, **params)
        ct = unbroadcast(found, x.aval) if broadcasts else found
        return (ct, *[None] * len(others)) if others else (ct,)

    def transpose(ct: Any, /, *args: Any, **params: Any) -> Any:
        linear = places or range(len(args))
        known = [x.aval if type(x) is Var else x for x in args]
        if type(rule) is tuple:
            pairs = zip(linear, rule, strict=True)
            found = (of_one(ct, *known, **params) if type(args[i]) is Var else None for i, of_one in pairs)
        else:
            found = rule(ct, *known, **params)
        cts: list[Any] = [None] * len(args)
        for i, c in zip(linear, (found,) if len(linear) == 1 else found, strict=True):
            if type(args[i]) is Var:  # one without a tangent is a zero, written out
                cts[i] = unbroadcast(c, known[i]) if broadcasts and c is not None else c
        return cts

    return transpose_of_first if places == (0,) else transpose


@derives("jvp", Bilinear)
def bilinear_jvp(primitive: Primitive, kind: Bilinear) -> Rule:
    bind = primitive.bind

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        out = bind(*primals, **params)
        if len(primals) == 1:
            return out, typeof(out).zero if type(tangents[0]) is Zero else bind(*tangents, **params)
        (x, y), (tx, ty) = primals, tangents
        if type(tx) is Zero:
            return out, typeof(out).zero if type(ty) is Zero else bind(x, ty, **params)
        left = bind(tx, y, **params)
        return out, left if type(ty) is Zero else add_p.bind(left, bind(x, ty, **params))

    return jvp


@derives("transpose", Bilinear)
def bilinear_transpose(primitive: Primitive, kind: Bilinear) -> Rule | None:
    if not kind.transposes:
        return None
    of_left, of_right = (users(primitive, "cotangent", rule) for rule in kind.transposes)

    def transpose(ct: Any, x: Any, y: Any, /, **params: Any) -> Any:
        if type(x) is Var:
            return of_left(ct, x.aval, y, **params), None
        return None, of_right(ct, x, y.aval, **params)

    return transpose


# --- over axes --------------------------------------------------------------------------------------------------------


@derived("abstract", Reduction, LinearReduction)
def abstract_of_reduction(
    primitive: Primitive, kind: Reduction, x: ShapedArray, /, *, axes: tuple[int, ...], **params: Any
) -> ShapedArray:
    reduced = [from_start(a, len(x.shape)) for a in axes]
    shape = tuple(n for i, n in enumerate(x.shape) if i not in reduced)
    return array_aval(shape, x.dtype if kind.dtype is None else kind.dtype(x.dtype))


@derived("batch", Reduction, LinearReduction)
def batch_of_reduction(
    primitive: Primitive, kind: Reduction, size: int, args: Any, dims: Dims, /, *, axes: tuple[int, ...], **params: Any
) -> Any:
    (x,), (d,) = args, dims
    assert d is not None
    axes = tuple(from_start(a, len(typeof(x).shape) - 1) for a in axes)
    shifted = tuple(a + (a >= d) for a in axes)
    return primitive.bind(x, axes=shifted, **params), d - sum(a < d for a in axes)


def from_start(axis: int, ndim: int) -> int:
    """An axis that is counted from the start; one that is out of range stays out of it."""
    return axis + ndim if axis < 0 else axis


@derives("abstract", AlongAxis)
def abstract_along_axis(primitive: Primitive, kind: AlongAxis) -> Rule:
    return lambda x, /, **params: array_aval(x.shape, x.dtype if kind.dtype is None else kind.dtype(x.dtype))


@derives("batch", AlongAxis)
def batch_along_axis(primitive: Primitive, kind: Any = None) -> Rule:
    def batch(size: int, args: Sequence[Any], dims: Dims, /, *, axis: int, **params: Any) -> Any:
        (x,), (d,) = args, dims
        assert d is not None
        axis = from_start(axis, len(typeof(x).shape) - 1)
        return primitive.bind(x, axis=axis + (axis >= d), **params), d

    return batch


@derives("jvp", OverAxes)
def jvp_over_axes(primitive: Primitive, kind: OverAxes) -> Rule:
    return zero_jvp(primitive) if kind.jvp is None else jvp_of_one(primitive, users(primitive, "tangent", kind.jvp))


def jvp_of_one(primitive: Primitive, tangent_of: Rule) -> Rule:
    """The JVP rule of a primitive of one array: ``tangent_of(out, x, tangent, **params)`` is the tangent of the result."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive.bind(x, **params)
        return out, tangent_of(out, x, t, **params)

    return jvp


def solution_jvp(primitive: Primitive, *changes: Rule) -> Rule:
    """The JVP rule of the solution of an equation that is linear in it and in its right-hand side, the last argument.

    For each other argument ``change(tangent, out, *others, **params)`` is what its tangent takes from the right-hand side.
    """

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        others, rhs = primals[:-1], tangents[-1]
        out = primitive.bind(*primals, **params)
        for t, change in zip(tangents, changes, strict=False):
            if type(t) is not Zero:
                taken = change(t, out, *others, **params)
                rhs = -taken if type(rhs) is Zero else rhs - taken
        return out, typeof(out).zero if type(rhs) is Zero else primitive.bind(*others, rhs, **params)

    return jvp


# --- factorizations ---------------------------------------------------------------------------------------------------

derives("abstract", Factorization)(lambda primitive, kind: kind.abstract)


@derives("batch", Factorization)
def stack_batch(primitive: Primitive, kind: Any = None) -> Rule:
    """The batching rule of a primitive of one stack of matrices: one more axis in front."""

    def batch(size: int, args: Sequence[Any], dims: Dims, /, **params: Any) -> Any:
        out = primitive.bind(*move_batch_to_front(args, dims), **params)
        return out, [0] * len(out) if primitive.multiple_results else 0

    return batch


@derived("jvp", Factorization)
def jvp_of_factorization(primitive: Primitive, kind: Factorization, primals: Any, tangents: Any, /, **params: Any) -> Any:
    return kind.jvp(*primals, *tangents, **params)
