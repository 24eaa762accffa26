"""Structural primitives and the helpers that rules use to bring arrays into shape.

`unbroadcast` and `fit` are the two helpers that undo and apply NumPy's broadcasting and promotion in derivatives; nothing
else does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from covector.backends import forms
from covector.core.avals import ARRAY_TYPES, NUMPY_TWINS, WEAK_TYPES, ShapedArray, Zero, array_aval, is_weak, shape_of, typeof
from covector.core.jaxpr import Equation, Var
from covector.core.kinds import ElementwiseLinear, LinearReduction, Structural
from covector.core.primitive import Primitive
from covector.interpreters.evaluate import register_conversion
from covector.interpreters.transpose import accumulate
from covector.primitives.arrays.columns import added, adding

Shape = tuple[int, ...]
Dims = Sequence[int | None]


# --- the rules of primitives that many of them share ------------------------------------------------------------------


def method_or_function(name: str, parameter: str) -> Callable[[Equation], forms.Form]:
    """The rule ``lower`` of a primitive that is a method where the argument has methods, and else a function of NumPy's."""

    def lower(eqn: Equation) -> forms.Form:
        value = eqn.params[parameter]
        return forms.method(name, value) if forms.has_methods(eqn.inputs[0].aval) else forms.call(getattr(np, name), value)

    return lower


def batch_in_front(
    primitive: Primitive, arrange: Callable[..., Any] | None = None, **changes: Callable[[Any, int], Any]
) -> Callable[..., Any]:
    """The batching rule of a primitive whose arguments and result get one more axis in front.

    Args:
        primitive: the primitive.
        arrange: ``arrange(args, dims)`` brings the arguments into place; by default `batch_all` does.
        changes: for each parameter that speaks of axes what it becomes: ``change(value, size)``.
    """

    def batch(size: int, args: Sequence[Any], dims: Dims, **params: Any) -> Any:
        arranged = arrange(args, dims) if arrange else batch_all(size, args, dims)
        for name, change in changes.items():
            params[name] = change(params[name], size)
        return primitive.bind(*arranged, **params), 0

    return batch


# --- reshape ----------------------------------------------------------------------------------------------------------

reshape_p = Primitive("reshape", Structural(None, lambda ct, x, *, shape: reshape_p.bind(ct, shape=x.shape)), trusted=True)
reshape_p.def_rule("lower", method_or_function("reshape", "shape"))
reshape_p.def_batch(batch_in_front(reshape_p, shape=lambda shape, size: (size, *shape)))


@reshape_p.def_impl
def _reshape(x: Any, *, shape: Shape) -> Any:
    return x.reshape(shape) if type(x) is np.ndarray else np.reshape(x, shape)


@reshape_p.def_abstract
def _reshape_abstract(x: ShapedArray, *, shape: Shape) -> ShapedArray:
    out = array_aval(shape, x.dtype)
    if out.size != x.size:
        raise ValueError(f"cannot reshape an array of shape {x.shape} into {shape}: {x.size} elements are not {out.size}")
    return out


@reshape_p.def_rule("pull")
def _reshape_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Var], params: dict[str, Any]) -> None:
    arrive(arrived, inputs[0], ct.reshape(inputs[0].aval.shape), inputs[0])


# --- transpose --------------------------------------------------------------------------------------------------------

_permuting = Structural(
    lambda x, *, permutation: np.transpose(x, permutation),
    lambda ct, x, *, permutation: transpose_p.bind(ct, permutation=inverse_permutation(permutation)),
)
transpose_p = Primitive("transpose", _permuting, trusted=True)
transpose_p.def_rule("lower", method_or_function("transpose", "permutation"))
transpose_p.def_batch(batch_in_front(transpose_p, permutation=lambda axes, size: (0, *(i + 1 for i in axes))))


@transpose_p.def_abstract
def _transpose_abstract(x: ShapedArray, *, permutation: tuple[int, ...]) -> ShapedArray:
    if sorted(permutation) != list(range(x.ndim)):
        raise ValueError(f"{permutation} is no permutation of the axes of {x}")
    return array_aval(tuple(x.shape[i] for i in permutation), x.dtype)


def inverse_permutation(permutation: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes another."""
    return tuple(sorted(range(len(permutation)), key=permutation.__getitem__))


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """``np.moveaxis`` for one non-negative axis, of arrays and tracers."""
    if source == destination:
        return x
    order = [i for i in range(len(shape_of(x))) if i != source]
    order.insert(destination, source)
    return transpose_p.bind(x, permutation=tuple(order))


# --- broadcast_to -----------------------------------------------------------------------------------------------------

FEW = 256
"""Elements up to which a copy takes a tenth of the time of `np.broadcast_to`, whose view costs 2 us whatever its size.

A copy has another order in memory, which ``np.ravel(x, "K")`` shows unless all elements are the same.
"""


def broadcasts_to(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether an array of a shape can be broadcast to another one."""
    ends = wanted[len(wanted) - len(shape) :] if len(shape) <= len(wanted) else ()
    return len(ends) == len(shape) and all(n in (1, m) for n, m in zip(shape, ends, strict=True))


def _broadcast_to(x: Any, *, shape: Shape) -> Any:
    if type(x) in ARRAY_TYPES and not x.ndim and math.prod(shape) <= FEW:
        out = np.empty(shape, x.dtype)
        out[...] = x
        return out
    return np.broadcast_to(x, shape)


_repeating = Structural(_broadcast_to, lambda ct, x, *, shape: unbroadcast(ct, x))
broadcast_to_p = Primitive("broadcast_to", _repeating, trusted=True)
broadcast_to_p.def_rule("lower", lambda eqn: forms.call(np.broadcast_to, eqn.params["shape"]))


@broadcast_to_p.def_abstract
def _broadcast_to_abstract(x: ShapedArray, *, shape: Shape) -> ShapedArray:
    if not broadcasts_to(x.shape, shape):
        raise ValueError(f"cannot broadcast an array of shape {x.shape} to {shape}")
    return array_aval(shape, x.dtype)


@broadcast_to_p.def_batch
def _broadcast_to_batch(size: int, args: Sequence[Any], dims: Dims, *, shape: Shape) -> Any:
    (x,) = move_batch_to_front(args, dims)
    return broadcast_to_p.bind(padded(x, len(shape) + 1), shape=(size, *shape)), 0


# --- reduce_sum, the transpose of broadcasting ------------------------------------------------------------------------

_summing = LinearReduction(added)
reduce_sum_p = Primitive("reduce_sum", _summing, trusted=True, makes_new=True)


@reduce_sum_p.def_rule("lower")
def _reduce_sum_lower(eqn: Equation) -> forms.Form:
    aval, axes = eqn.inputs[0].aval, eqn.params["axes"]
    faster = adding(aval.shape, axes)
    if faster is not None:
        return forms.call(faster, axes)
    more = () if aval.dtype.kind in "fc" else (aval.dtype.type,)  # short integers would be added up as long ones
    return forms.call(np.add.reduce, axes, *more)


@reduce_sum_p.def_transpose
def _reduce_sum_transpose(ct: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    shape = x.aval.shape
    if len(axes) < len(shape):
        ct = reshape_to(ct, tuple(1 if i in axes else n for i, n in enumerate(shape)))
    return (broadcast_to_p.bind(ct, shape=shape),)


@reduce_sum_p.def_rule("pull")
def _reduce_sum_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Var], params: dict[str, Any]) -> None:
    (x,), axes = inputs, params["axes"]
    shape = x.aval.shape
    if len(axes) < len(shape):
        ct = np.reshape(ct, tuple([1 if i in axes else n for i, n in enumerate(shape)]))
    arrive(arrived, x, _broadcast_to(ct, shape=shape), x)


# --- convert: change the dtype ----------------------------------------------------------------------------------------


def _convert(x: Any, *, dtype: np.dtype[Any]) -> Any:
    if not issubclass(type(x), (np.ndarray, np.generic)):
        x = np.asarray(x, dtype if type(x) is int else None)[()]  # an error where it is too large
    if dtype.kind not in "cb" and x.dtype.kind == "c":
        x = x.real
    return x.astype(dtype)


convert_p = Primitive("convert", ElementwiseLinear(_convert, lambda ct, x, *, dtype: ct), trusted=True, makes_new=True)
convert_p.def_abstract(lambda x, *, dtype: array_aval(x.shape, dtype))
convert_p.def_rule("legalize", lambda legalizer, x, *, dtype: legalizer.converted(x, dtype))


@convert_p.def_rule("lower")
def _convert_lower(eqn: Equation) -> forms.Form:
    aval, dtype = eqn.inputs[0].aval, eqn.params["dtype"]
    if forms.has_methods(aval) and aval.dtype.kind != "c":
        return forms.method("astype", dtype)
    return forms.call(_convert, dtype=dtype)


@convert_p.def_jvp
def _convert_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dtype: np.dtype[Any]) -> Any:
    (x,), (t,) = primals, tangents
    out = convert_p.bind(x, dtype=dtype)
    if type(t) is Zero or dtype.kind not in "fc":
        return out, typeof(out).zero
    return out, convert_p.bind(t, dtype=dtype)


# --- weaken: a scalar as a Python number -------------------------------------------------------------------------------


def _weaken(x: Any) -> Any:
    return x.item() if type(x) in NUMPY_TWINS else WEAK_TYPES[_weak_kind(typeof(x))](x)


weaken_p = Primitive("weaken", ElementwiseLinear(_weaken, lambda ct, x: ct), trusted=True)
"""A scalar as the Python number that it equals: the tangent of a weak value must be weak too, or it would decide a dtype."""


weaken_p.def_abstract(lambda x: ShapedArray((), WEAK_TYPES[_weak_kind(x)], weak_type=True))
weaken_p.def_batch(lambda size, args, dims: (args[0], dims[0]))


def _weak_kind(x: ShapedArray) -> str:
    """The kind of a scalar of one of the three dtypes that Python numbers have."""
    if x.shape or x.dtype not in (np.float64, np.complex128, np.int64):
        raise TypeError(f"a value of type {x} does not equal a Python number of its own precision")
    return x.dtype.kind


# --- helpers of rules -------------------------------------------------------------------------------------------------


def reshape_to(x: Any, shape: Shape) -> Any:
    """``x`` in another shape; nothing is done where it has that shape already."""
    return x if shape_of(x) == shape else reshape_p.bind(x, shape=shape)


def over_rows(mask: Any, x: Any) -> Any:
    """What has the leading axes of x, with an axis of length 1 for each other axis of x."""
    shape = shape_of(mask)
    return reshape_to(mask, (*shape, *(1,) * (len(shape_of(x)) - len(shape))))


def convert_to(x: Any, dtype: np.dtype[Any]) -> Any:
    """``x`` in another dtype; nothing is done where it has that dtype already."""
    aval = typeof(x)
    return x if aval.dtype == dtype and not aval.weak_type else convert_p.bind(x, dtype=dtype)


register_conversion(convert_to)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part."""
    return np.empty((), dtype).real.dtype


def as_python_number(x: Any) -> Any:
    """A scalar of the precision of Python's numbers as weakly typed as they are, so that it decides no dtype."""
    return x if is_weak(x) else weaken_p.bind(x)


def strengthened(x: Any) -> Any:
    """``x`` without weak typing, as the arguments of derived programs are."""
    return convert_p.bind(x, dtype=typeof(x).dtype) if is_weak(x) else x


def unbroadcast(ct: Any, aval: ShapedArray) -> Any:
    """The cotangent of an argument from that of the broadcast and promoted result: sum over broadcast axes, cast back.

    (The cotangent of a real argument of a complex result is its real part.)
    """
    if type(ct) is np.ndarray and ct.dtype is aval.dtype:
        if ct.shape == aval.shape:
            return ct
        if ct.ndim == 1 and not aval.shape:
            return np.add.reduce(ct)
    ct_aval = typeof(ct)
    if ct_aval is aval:
        return ct
    shape, wanted = ct_aval.shape, aval.shape
    if shape != wanted:
        axes = broadcast_axes(shape, wanted)
        if axes:
            ct = reduce_sum_p.bind(ct, axes=axes)
        if len(axes) != len(shape) or wanted:
            ct = reshape_to(ct, wanted)
    return ct if ct_aval.dtype == aval.dtype else convert_p.bind(ct, dtype=aval.dtype)


@lru_cache(maxsize=4096)
def broadcast_axes(shape: Shape, wanted: Shape) -> tuple[int, ...]:
    """The axes along which values of the shape ``wanted`` are repeated in ``shape``."""
    lead = len(shape) - len(wanted)
    return tuple(i for i, n in enumerate(shape) if i < lead or (n != 1 and wanted[i - lead] == 1))


def arrive(arrived: dict[Var, Any], x: Var, ct: Any, out: Var) -> None:
    """In a rule ``pull``: a cotangent of ``x`` has arrived, of the type of the result ``out``, or already of that of ``x``."""
    if x.aval is not out.aval:
        ct = unbroadcast(ct, x.aval)
    before = arrived.get(x)
    if before is None:
        arrived[x] = ct
    elif type(before) is np.ndarray is type(ct):
        arrived[x] = before + ct
    else:
        accumulate(arrived, x, ct)


def fit(tangent: Any, out: Any) -> Any:
    """The tangent of a result from that of one argument: cast and broadcast to the type of the result ``out``."""
    aval = typeof(tangent)
    if type(out) is np.ndarray and out.dtype is aval.dtype and out.shape == aval.shape and not aval.weak_type:
        return tangent
    wanted = typeof(out)
    if aval is wanted:
        return tangent
    if aval.dtype != wanted.dtype or aval.weak_type != wanted.weak_type:
        tangent = in_type(tangent, wanted)
    return tangent if aval.shape == wanted.shape else broadcast_to_p.bind(tangent, shape=wanted.shape)


def in_type(x: Any, wanted: ShapedArray) -> Any:
    """``x`` in the dtype of ``wanted``, and as weakly typed as it."""
    x = convert_to(x, wanted.dtype)
    return weaken_p.bind(x) if wanted.weak_type else x


def move_batch_to_front(args: Sequence[Any], dims: Dims) -> list[Any]:
    """The arguments with their batch axes first; arguments that are not batched unchanged."""
    return [a if not d else moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)]


def batch_all(size: int, args: Sequence[Any], dims: Dims) -> list[Any]:
    """All arguments with a batch axis in front; those that are not batched are repeated."""
    return [a if d == 0 else batched_at(0, size, a, d) for a, d in zip(args, dims, strict=True)]


def batched_at(place: int, size: int, x: Any, d: int | None) -> Any:
    """An argument with its batch axis at a place; one that is not batched is repeated (as a view, at no cost)."""
    return moveaxis(broadcast_to_p.bind(x, shape=(size, *shape_of(x))) if d is None else x, d or 0, place)


def align_batch(args: Sequence[Any], dims: Dims) -> list[Any]:
    """The arguments with batch axes in front, ready to broadcast: ranks of the examples padded with ones."""
    ranks = [len(shape_of(a)) - (d is not None) for a, d in zip(args, dims, strict=True)]
    ndim = max(ranks)
    aligned = []
    for a, d, rank in zip(args, dims, ranks, strict=True):
        if d is not None:
            if d:
                a = moveaxis(a, d, 0)
            if rank < ndim:
                a = padded(a, ndim + 1)
        aligned.append(a)
    return aligned


def padded(x: Any, ndim: int) -> Any:
    """A batch with axes of length 1 behind the batch axis, up to a rank."""
    shape = shape_of(x)
    return reshape_to(x, (shape[0], *(1,) * (ndim - len(shape)), *shape[1:]))
