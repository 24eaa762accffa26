"""Joining arrays along an axis that they have, `concatenate_p`, and along a new one, `stack_p`.

Both are jointly linear.  Their transposes read the parts of the cotangent; where only some operands have a tangent, the tangent
of the result is those tangents embedded in zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, result_dtype, shape_of, typeof
from covector.core.jaxpr import Var
from covector.core.kinds import Structural
from covector.core.primitive import Primitive
from covector.interpreters.jvp import JVPTrace
from covector.interpreters.recording import of_many, recorded
from covector.primitives.arrays.indexing import Index, embed_p, slice_p, subscript
from covector.primitives.arrays.shaping import arrive, batch_in_front, convert_to, unbroadcast


def _joining_primitive(
    name: str, fn: Callable[..., Any], parts: Callable[[Sequence[tuple[int, ...]], int], list[Index]]
) -> Primitive:
    """``fn(arrays, axis)`` as a primitive of any number of arrays; ``parts(shapes, axis)`` are their places in the result."""
    kind = Structural(lambda *arrays, axis: fn(arrays, axis), positions=())
    primitive = Primitive(name, kind, trusted=True, makes_new=True)
    primitive.def_batch(batch_in_front(primitive, axis=lambda axis, size: axis + 1))

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axis: int) -> Any:
        out = primitive.bind(*primals, axis=axis)
        aval = typeof(out)
        nonzero = [i for i, t in enumerate(tangents) if type(t) is not Zero]
        given = [convert_to(tangents[i], aval.dtype) for i in nonzero]
        if len(nonzero) == len(primals):
            return out, primitive.bind(*given, axis=axis)
        if not nonzero:
            return out, aval.zero
        indices = parts(tuple([shape_of(p) for p in primals]), axis)
        return out, embed_p.bind(*given, indices=tuple(indices[i] for i in nonzero), shape=aval.shape)

    @primitive.def_transpose
    def transpose(ct: Any, *arrays: Any, axis: int) -> Any:
        indices = parts(tuple([a.aval.shape if type(a) is Var else shape_of(a) for a in arrays]), axis)
        return [
            unbroadcast(slice_p.bind(ct, index=index), a.aval) if type(a) is Var else None
            for a, index in zip(arrays, indices, strict=True)
        ]

    @primitive.def_rule("record")
    @of_many
    def record(trace: JVPTrace, values: Sequence[Any], variables: Sequence[Any], params: dict[str, Any]) -> Any:
        staged = [v for v in variables if v is not None]
        out = primitive.impl(*values, **params)
        aval = typeof(out)
        for v in staged:
            if v.aval.dtype is not aval.dtype:
                return None
        if len(staged) == len(values):
            return recorded(trace, out, aval, primitive, staged, params)
        indices = parts(tuple([shape_of(x) for x in values]), params["axis"])
        places = tuple([i for i, v in zip(indices, variables, strict=True) if v is not None])
        return recorded(trace, out, aval, embed_p, staged, {"indices": places, "shape": aval.shape})

    @primitive.def_rule("pull")
    def pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
        indices = parts(tuple([x.aval.shape if type(x) is Var else shape_of(x) for x in inputs]), params["axis"])
        for x, index in zip(inputs, indices, strict=True):
            if type(x) is Var:
                part = ct[subscript(index)]
                arrive(arrived, x, part if part.dtype is x.aval.dtype else unbroadcast(part, x.aval), x)

    return primitive


# --- concatenate ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _pieces(shapes: Sequence[tuple[int, ...]], axis: int) -> list[Index]:
    lead = tuple((0, n, 1) for n in shapes[0][:axis])
    ends = list(accumulate(s[axis] for s in shapes))
    return [(*lead, (end - s[axis], end, 1)) for end, s in zip(ends, shapes, strict=True)]


concatenate_p = _joining_primitive("concatenate", np.concatenate, _pieces)


@concatenate_p.def_abstract
def _concatenate_abstract(*avals: ShapedArray, axis: int) -> ShapedArray:
    shape = avals[0].shape
    for aval in avals:
        if (
            aval.ndim != len(shape)
            or not 0 <= axis < aval.ndim
            or any(m != n for i, (m, n) in enumerate(zip(aval.shape, shape, strict=True)) if i != axis)
        ):
            raise ValueError(f"all the input array dimensions except for the concatenation axis {axis} must match: {avals}")
    total = sum(a.shape[axis] for a in avals)
    return array_aval((*shape[:axis], total, *shape[axis + 1 :]), result_dtype(*avals))


# --- stack ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _layers(shapes: Sequence[tuple[int, ...]], axis: int) -> list[Index]:
    lead = tuple((0, n, 1) for n in shapes[0][:axis])
    return [(*lead, i) for i in range(len(shapes))]


stack_p = _joining_primitive("stack", np.stack, _layers)


@stack_p.def_abstract
def _stack_abstract(*avals: ShapedArray, axis: int) -> ShapedArray:
    shape = avals[0].shape
    if any(a.shape != shape for a in avals) or not 0 <= axis <= len(shape):
        raise ValueError(f"all input arrays must have the same shape: {avals}")
    return array_aval((*shape[:axis], len(avals), *shape[axis:]), result_dtype(*avals))
