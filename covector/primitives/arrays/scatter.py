"""Writing parts of arrays by integer arrays: ``scatter(x, values, i_1, ..., i_k)``.

The operand ``x`` is indexed as by `gather_p`: k integer arrays, which broadcast together, index its k leading axes.  The values
have the shape of the indices, followed by the other axes of x, and x's dtype.

=============== ====================================== ======================================================================
primitive       at a place that is named repeatedly    derivative there
=============== ====================================== ======================================================================
``scatter``     the last value, in C order, stays      exact: the values that were overwritten have none
``scatter_add`` all values are added                   exact
``scatter_mul`` all values are multiplied              exact; the second derivative in the values needs all but one nonzero
``scatter_min`` the smallest stays                     the operand and the values that attain it share it equally
``scatter_max`` the largest stays                      as for the smallest
=============== ====================================== ======================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, dtype_of, shape_of, typeof
from covector.core.kinds import Discrete, Kind, Linear, Opaque, Structural
from covector.core.primitive import Primitive, TracerBase, jointly
from covector.primitives.arrays.indexing import (
    apply_at,
    batch_by_indices,
    clear_p,
    flat_positions,
    gather_p,
    index_shape,
    is_one_place,
    spread_p,
    writer,
)
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import Shape, convert_to, over_rows
from covector.primitives.math.ring import mul_p, with_sum

# --- what all have in common ------------------------------------------------------------------------------------------


def _scatter_primitive(name: str, ufunc: np.ufunc | None, kind: Kind) -> Primitive:
    """The primitive that combines what is at a place with the values for it by ``ufunc``, or replaces it."""
    primitive = Primitive(name, kind, trusted=True)

    @writer(primitive)
    def write(out: Any, values: Any, *indices: Any) -> None:
        if ufunc is not None:
            apply_at(ufunc, out, indices, values)
            return
        if is_one_place(indices):
            out[indices] = values
            return
        lead, rest = out.shape[: len(indices)], out.shape[len(indices) :]
        positions = flat_positions(indices, lead)
        out.reshape(math.prod(lead), *rest)[positions] = np.reshape(values, (len(positions), *rest))

    @primitive.def_abstract
    def abstract(x: ShapedArray, values: ShapedArray, *indices: ShapedArray) -> ShapedArray:
        wanted = (*index_shape(indices), *x.shape[len(indices) :])
        if values.shape != wanted or values.dtype != x.dtype:
            raise ValueError(f"{name} needs values of shape {wanted} and dtype {x.dtype} for {x}, got {values}")
        return x.strengthened()

    primitive.def_batch(batch_by_indices(primitive, False, True))
    return primitive


def _spread(values: Any, x: Any, indices: Sequence[Any]) -> Any:
    return spread_p.bind(values, *indices, shape=shape_of(x))


# --- which value is the last to be written to its place ---------------------------------------------------------------


def _last_write(*indices: Any, shape: Shape) -> Any:
    positions = flat_positions(indices, shape)
    last = np.zeros(positions.shape, np.bool_)
    last[len(positions) - 1 - np.unique(positions[::-1], return_index=True)[1]] = True
    return last.reshape(np.broadcast_shapes(*map(np.shape, indices)))


last_write_p = Primitive("last_write", Discrete(_last_write), trusted=True, makes_new=True)
"""``last_write(i_1, ..., i_k, shape=...)``: for each index tuple whether no later one names the same place of ``shape``."""
last_write_p.def_abstract(lambda *indices, shape: array_aval(index_shape(indices), np.dtype(np.bool_)))
last_write_p.def_batch(batch_by_indices(last_write_p))


def last_writes(indices: Sequence[Any], shape: Shape) -> Any:
    """For each index tuple whether no later one names its place of ``shape``; None if it is known that none does."""
    if math.prod(index_shape([typeof(i) for i in indices])) <= 1:
        return None
    last = last_write_p.bind(*indices, shape=shape[: len(indices)])
    return last if isinstance(last, TracerBase) or not last.all() else None


def without_overwritten(values: Any, indices: Sequence[Any], shape: Shape) -> Any:
    """Values with zeros in place of those that a later one overwrites."""
    last = last_writes(indices, shape)
    if last is None:
        return values
    zero = False if dtype_of(values).kind == "b" else 0
    return select_p.bind(over_rows(last, values), values, zero)


# --- scatter and scatter_add: jointly linear in the operand and the values --------------------------------------------


def _linear(kind: type[Linear], rest: Callable[..., Any], remaining: Callable[..., Any]) -> Linear:
    """What is linear in the operand and the values together.

    ``rest(t, indices)`` is what stays of the operand, and ``remaining(t, indices, shape)`` of the values, in a tangent and in a
    cotangent.  In a cotangent the values' part is read first, so that the rest may overwrite it.
    """

    def of_x(t: Any, x: Any, values: Any, *indices: Any) -> Any:
        return rest(t, indices)

    return kind(
        None,
        (lambda ct, x, values, *indices: remaining(gather_p.bind(ct, *indices), indices, shape_of(ct)), of_x),
        positions=(1, 0),
        alone=(lambda t, x, values, *indices: _spread(remaining(t, indices, shape_of(x)), x, indices), of_x),
    )


_replacing = _linear(Structural, lambda t, indices: clear_p.bind(t, *indices), without_overwritten)
_adding = _linear(Linear, lambda t, indices: t, lambda t, indices, shape: t)
scatter_p = _scatter_primitive("scatter", None, _replacing)
scatter_add_p = _scatter_primitive("scatter_add", np.add, _adding)
spread_p.def_rule("added", lambda total, eqn: (scatter_add_p, [total, *eqn.inputs], {}))

# --- scatter_mul: linear in the operand -------------------------------------------------------------------------------

scatter_mul_p = _scatter_primitive("scatter_mul", np.multiply, Opaque())


@scatter_mul_p.def_jvp
def _scatter_mul_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    x, values, *indices = primals
    tx, tvalues, *_ = tangents
    out = scatter_mul_p.bind(*primals)
    terms = [] if type(tx) is Zero else [scatter_mul_p.bind(tx, values, *indices)]
    if type(tvalues) is not Zero:
        weighted = mul_p.bind(_product_of_others(x, values, indices), tvalues)
        terms.append(_spread(weighted, x, indices))
    return with_sum(out, terms)


def _product_of_others(x: Any, values: Any, indices: Sequence[Any]) -> Any:
    """For each value the product of what else is multiplied at its place: the operand, and values with the same place."""
    if last_writes(indices, shape_of(x)) is None:
        return gather_p.bind(x, *indices)
    is_zero = np.equal(values, 0)
    nonzero = select_p.bind(is_zero, 1, values)
    product = gather_p.bind(scatter_mul_p.bind(x, nonzero, *indices), *indices)
    zeros = convert_to(is_zero, np.dtype(np.int64))
    zeros_there = gather_p.bind(_spread(zeros, x, indices), *indices)
    others_vanish = np.greater(zeros_there, zeros)
    return select_p.bind(others_vanish, 0, select_p.bind(is_zero, product, np.true_divide(product, nonzero)))


@scatter_mul_p.def_transpose(linear=jointly(0))
def _scatter_mul_transpose(ct: Any, x: Any, values: Any, *indices: Any) -> Any:
    return scatter_mul_p.bind(ct, values, *indices), None, *(None for _ in indices)


# --- scatter_min and scatter_max --------------------------------------------------------------------------------------

scatter_min_p = _scatter_primitive("scatter_min", np.minimum, Opaque())
scatter_max_p = _scatter_primitive("scatter_max", np.maximum, Opaque())


def _extremum_jvp(primitive: Primitive) -> Any:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        x, values, *indices = primals
        tx, tvalues, *_ = tangents
        out = primitive.bind(*primals)
        aval = typeof(out)
        x_attains = np.equal(x, out)
        values_attain = np.equal(values, gather_p.bind(out, *indices))
        count = scatter_add_p.bind(convert_to(x_attains, aval.dtype), convert_to(values_attain, aval.dtype), *indices)
        share = np.true_divide(1, select_p.bind(np.equal(count, 0), 1, count))
        terms = [] if type(tx) is Zero else [mul_p.bind(select_p.bind(x_attains, share, 0), tx)]
        if type(tvalues) is not Zero:
            weight = select_p.bind(values_attain, gather_p.bind(share, *indices), 0)
            terms.append(_spread(mul_p.bind(weight, tvalues), x, indices))
        return with_sum(out, terms)

    return jvp


scatter_min_p.def_jvp(_extremum_jvp(scatter_min_p))
scatter_max_p.def_jvp(_extremum_jvp(scatter_max_p))
