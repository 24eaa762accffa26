"""How eigenvectors turn into one another, and what equal eigenvalues leave undetermined: ``turn`` and ``is_defective``.

The eigenvectors of equal eigenvalues are any basis of one space.  What depends on that space alone (a projection, a polar
factor) has a derivative, and so has a symmetric function of the eigenvalues.  A function of both, as ``(v * f(w)) @ v.T``, has
one too, but the derivatives of the eigenvalues and of the eigenvectors by themselves do not tell it.  So vectors of equal
eigenvalues do not turn into one another, which is right for functions of the spaces; and eigenvalues that a direction mixes
have the tangent NaN where the vectors are asked for too.  Backwards nothing is undetermined where the vectors are not used;
where they are, one can tell whether what is differentiated is a function of their spaces: `free_columns_p`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, shape_of, typeof
from covector.core.errors import UndeterminedDerivativeWarning, warn
from covector.core.keys import Keyed
from covector.core.kinds import Discrete, Linear, Opaque
from covector.core.primitive import Primitive, jointly
from covector.interpreters.programs import program_of_function
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import Dims, align_batch, batch_all, broadcast_to_p, convert_to, real_dtype, unbroadcast
from covector.primitives.derivations import stack_batch
from covector.primitives.linalg.solving import column, row

TIES = (
    "where values are equal, and is NaN there: for functions of a Hermitian matrix use covector.numpy.linalg.matrix_function"
    " (expmh, logmh, sqrtmh, powmh), which is right at equal eigenvalues to any order"
)
FREE = "columns of which only the space is determined (a null space, what completes a basis, vectors of equal values)"


def nonzero(p: Any, where: Any) -> Any:
    """Where elements of matrices are not 0 up to rounding, among those marked."""
    if not p.size:
        return np.zeros(np.broadcast_shapes(p.shape, where.shape), bool)
    size = np.max(np.abs(p), axis=(-2, -1), keepdims=True)
    return where & ~(np.abs(p) <= 64 * p.shape[-1] * np.finfo(p.dtype).eps * size)


def _nan_if(found: Any, *, what: str) -> Any:
    if found:
        where = "where it is not that of a function of the space, and is NaN there: LAPACK chooses the columns"
        warn(f"the derivative of {what} is not determined {where if what == FREE else TIES}", UndeterminedDerivativeWarning)
    return np.float64(np.nan if found else 0)


nan_if_p = Primitive("nan_if", Opaque(_nan_if), trusted=True)
"""NaN with a warning where a boolean is true, which is seldom; else 0."""
nan_if_p.def_abstract(lambda found, what: array_aval((), np.dtype(np.float64)))


def _nan_where(found: Any, dtype: Any, what: str) -> Any:
    return np.where(found, nan_if_p.bind(np.any(found), what=what), 0).astype(dtype)


def _written(name: str, kind: Any, **options: Any) -> Primitive:
    """A primitive of a function of NumPy's operations, which tells backends the program that it runs."""
    primitive = Primitive(name, kind, trusted=True, **options)
    avals = lambda eqn: tuple(x.aval for x in eqn.inputs)
    primitive.def_rule("runs", lambda eqn: program_of_function(name, kind.fn, avals(eqn), Keyed(eqn.params)))
    return primitive


# --- turn -----------------------------------------------------------------------------------------------------------------


def _turn(p: Any, f: Any, tie: Any, *, strict: bool) -> list[Any]:
    mixed = np.any(nonzero(p, tie), axis=-2)
    return [f * p, _nan_where(mixed, real_dtype(p.dtype), "eigenvalues (or singular values) with vectors")]


turn_p = _written("turn", Opaque(_turn), multiple_results=True)
"""``(p, f, tie) -> (f * p, u)``, where u is NaN for the columns in which p is not 0 at a tie, and else 0; linear in p.

Backwards, where both have cotangents, what p has at a tie is NaN if either cotangent is not 0 there; always if ``strict``, for
vectors that are not orthonormal, of which the cotangents may cancel.
"""


@turn_p.def_abstract
def _turn_abstract(p: ShapedArray, f: ShapedArray, tie: ShapedArray, *, strict: bool) -> list[ShapedArray]:
    shape = broadcast_shapes(broadcast_shapes(p.shape, f.shape), tie.shape)
    return [array_aval(shape, np.result_type(p.dtype, f.dtype)), array_aval((*shape[:-2], shape[-1]), real_dtype(p.dtype))]


@turn_p.def_jvp
def _turn_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, strict: bool) -> Any:
    p, f, tie = primals
    tp, tf, _ = tangents
    outs = turn_p.bind(p, f, tie, strict=strict)
    turned, undetermined = [typeof(o).zero for o in outs] if type(tp) is Zero else turn_p.bind(tp, f, tie, strict=strict)
    if type(tf) is not Zero:
        turned = tf * p if type(turned) is Zero else turned + tf * p
    return outs, [turned, undetermined]


@turn_p.def_transpose(linear=jointly(0))
def _turn_transpose(cts: Sequence[Any], p: Any, f: Any, tie: Any, *, strict: bool) -> Any:
    turned, values = cts
    if type(turned) is Zero:
        return None, None, None
    ct = f * turned
    if type(values) is not Zero:
        if strict:
            ct = ct * select_p.bind(tie, np.nan, 1.0)
        else:
            shape = shape_of(ct)
            used = [turned, broadcast_to_p.bind(row(values), shape=shape)]
            if shape[-2] == shape[-1]:
                used.append(broadcast_to_p.bind(column(values), shape=shape))
            ct = reduce(operator.add, [undetermined_p.bind(x, tie) for x in used], ct)
    return unbroadcast(convert_to(ct, p.aval.dtype), p.aval), None, None


def _with_first_batched(size: int, args: Sequence[Any], dims: Dims) -> list[Any]:
    return align_batch([*batch_all(size, args[:1], dims[:1]), *args[1:]], [0, *dims[1:]])


turn_p.def_batch(lambda size, args, dims, **params: (turn_p.bind(*_with_first_batched(size, args, dims), **params), [0, 0]))


def _undetermined(x: Any, tie: Any) -> Any:
    return _nan_where(nonzero(x, tie), x.dtype, "a function of eigenvalues (or singular values) and of vectors")


_marking = Linear(_undetermined, lambda ct, x, tie: unbroadcast(undetermined_p.bind(ct, tie), x))
undetermined_p = _written("undetermined", _marking)
"""``(x, tie) -> NaN`` where x is not 0 at a tie, and else 0; linear in x, and its own transpose."""
undetermined_p.def_abstract(lambda x, tie: array_aval(broadcast_shapes(x.shape, tie.shape), x.dtype))
undetermined_p.def_batch(lambda size, args, dims: (undetermined_p.bind(*_with_first_batched(size, args, dims)), 0))


# --- columns of which only the space is determined --------------------------------------------------------------------------


def _free_columns(x: Any, q: Any, tie: Any, *, backward: bool) -> Any:
    if not backward:
        return np.positive(x)
    product = np.matmul(np.swapaxes(q, -1, -2), x)  # cotangents pair with tangents without conjugation
    turn = np.abs(product - np.conj(np.swapaxes(product, -1, -2)))
    rounding = 64 * q.shape[-2] * float(np.finfo(q.dtype).eps) * np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0)
    found = np.any((turn > rounding) & tie, axis=(-2, -1), keepdims=True)
    return x + _nan_where(found, real_dtype(x.dtype), FREE)


def _free_transpose(ct: Any, x: Any, q: Any, tie: Any, *, backward: bool) -> Any:
    return unbroadcast(free_columns_p.bind(ct, q, tie, backward=not backward), x)


free_columns_p = _written("free_columns", Linear(_free_columns, _free_transpose))
"""The tangent x of orthonormal columns q of which only the space is determined, of those at a tie: x itself; linear in x.

Backwards it is the cotangent, and NaN where that turns such columns among themselves (its product with them has a part that is
skew): what is differentiated is no function of the space then.  A function of the space has none, to any order.
"""
free_columns_p.def_abstract(lambda x, q, tie, backward: array_aval(broadcast_shapes(x.shape, q.shape), x.dtype))
free_columns_p.def_batch(
    lambda size, args, dims, **params: (free_columns_p.bind(*_with_first_batched(size, args, dims), **params), 0)
)


@free_columns_p.def_jvp
def _free_columns_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, backward: bool) -> Any:
    out = free_columns_p.bind(*primals, backward=backward)
    if type(tangents[0]) is Zero:
        return out, typeof(out).zero
    if not backward:
        return out, free_columns_p.bind(tangents[0], *primals[1:], backward=False)
    factor = select_p.bind(np.isnan(out), np.nan, 1.0)
    return out, tangents[0] * convert_to(factor, real_dtype(out.dtype))


def within_space(change: Any, columns: Any, tie: Any = True) -> Any:
    """The tangent of orthonormal columns of which, at a tie, only the space is determined."""
    n = shape_of(columns)[-1]
    if n < 2:
        return change
    return free_columns_p.bind(change, columns, np.logical_and(tie, ~np.eye(n, dtype=bool)), backward=False)


# --- defective matrices -----------------------------------------------------------------------------------------------------


def _is_defective(v: Any) -> Any:
    if not v.size:
        return np.zeros(v.shape[:-2], bool)
    with np.errstate(all="ignore"):
        s = np.linalg.svd(np.where(np.isfinite(v), v, 0), compute_uv=False)
    found = np.asarray(s[..., -1] <= s[..., 0] * np.finfo(v.dtype).eps ** 0.375)
    if found.any():
        warn(
            "the derivative at a matrix without a basis of eigenvectors (or nearly so, as with a multiple root) is NaN:"
            " eigenvalues are not differentiable there",
            UndeterminedDerivativeWarning,
        )
    return found


is_defective_p = Primitive("is_defective", Discrete(_is_defective), trusted=True)
"""Whether eigenvectors are too nearly dependent for derivatives: their condition number is above ``eps ** -(3 / 8)``.

The error of a derivative is about the square of the condition number times eps, so up to there about ``eps ** (1 / 4)``.
"""
is_defective_p.def_abstract(lambda v: array_aval(v.shape[:-2], np.dtype(np.bool_)))
is_defective_p.def_batch(stack_batch(is_defective_p))
