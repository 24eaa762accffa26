"""Factorizations that SciPy has and NumPy has not: LU with pivots, Schur's, and reductions by Householder's reflections.

>>> lu_p.bind(np.array([[1.0, 2.0], [4.0, 4.0]]))[0]
array([1, 0])

Source of the derivative: F. R. de Hoog, R. S. Anderssen and M. A. Lukas, "Differentiation of matrix functionals using
triangular factorization" (2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg

from covector.core.avals import ShapedArray, array_aval, shape_of, typeof
from covector.core.errors import NonDifferentiableError
from covector.core.kinds import Discrete, Factorization
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import batch_in_front, real_dtype
from covector.primitives.linalg.solving import check_matrices, factorization, routine, times_inverse, triangular_solve_p


def _lu(a: Any) -> list[Any]:
    if not a.size:  # SciPy's order has the length of the shorter side
        order, *factors = _lu_abstract(typeof(a))
        return [np.broadcast_to(np.arange(a.shape[-2]), order.shape).copy(), *(np.zeros(f.shape, f.dtype) for f in factors)]
    order, lower, upper = scipy.linalg.lu(a, p_indices=True)
    return [order.astype(np.int64), lower, upper]


def _lu_abstract(a: ShapedArray) -> list[ShapedArray]:
    *batch, m, n = a.shape
    k = min(m, n)
    order = array_aval((*batch, m), np.dtype(np.int64))
    return [order, array_aval((*batch, m, k), a.dtype), array_aval((*batch, k, n), a.dtype)]


def _lu_jvp(a: Any, t: Any) -> Any:
    """With ``l⁻¹ da[p] u⁻¹`` of the leading square block cut into its strictly lower and its upper part.

    The rows below it and the columns beside it follow from ``da = dl u + l du``.
    """
    order, lower, upper = lu_p.bind(a)
    (m, n), k = shape_of(a)[-2:], shape_of(lower)[-1]
    t = np.take_along_axis(t, np.expand_dims(np.argsort(order), -1), axis=-2)
    l1, u1 = (lower, upper) if m == n else (lower[..., :k, :], upper[..., :, :k])
    both = times_inverse(_under(l1, t if m == n else t[..., :k, :k]), u1)
    tl, tu = l1 @ np.tril(both, -1), np.triu(both) @ u1
    if m > k:
        tl = np.concatenate([tl, times_inverse(t[..., k:, :] - lower[..., k:, :] @ tu, u1)], -2)
    if n > k:
        tu = np.concatenate([tu, _under(l1, t[..., :, k:] - tl @ upper[..., :, k:])], -1)
    return [order, lower, upper], [typeof(order).zero, tl, tu]


def _under(lower: Any, x: Any) -> Any:
    """``inv(lower) @ x`` for ones on the diagonal."""
    return triangular_solve_p.bind(lower, x, lower=True, transpose=False, unit_diagonal=True)


lu_p = Primitive("lu", Factorization(_lu, _lu_jvp, _lu_abstract), multiple_results=True, trusted=True, makes_new=True)
"""``a[..., m, n] -> (order, l, u)`` with ``a = l[order] @ u``."""


def of_each(fn: Callable[[Any], Sequence[Any]], a: Any, results: Sequence[ShapedArray]) -> list[Any]:
    """The results of a function of one matrix, for each of a stack."""
    outs = [np.empty(r.shape, r.dtype) for r in results]
    for place in np.ndindex(*a.shape[:-2]) if a.size else ():
        for out, value in zip(outs, fn(a[place]), strict=True):
            out[place] = value
    return outs


def _schur(a: Any, *, output: str) -> list[Any]:
    return of_each(lambda x: scipy.linalg.schur(x, output=output), a, _schur_results(typeof(a), output=output))


def _schur_results(a: ShapedArray, *, output: str) -> list[ShapedArray]:
    return [array_aval(a.shape, np.result_type(a.dtype, np.complex64) if output == "complex" else a.dtype)] * 2


def _schur_jvp(a: Any, t: Any, *, output: str) -> Any:
    why = "its factors are not determined: only what does not depend on their choice has a derivative"
    fix = "differentiate what is computed of them by other means: expm, sqrtm, solve_sylvester, or eigenvalues by eigvals"
    raise NonDifferentiableError("schur", "a derivative", [typeof(a)], why=why, fix=fix)


schur_p = factorization("schur", _schur, _schur_jvp, _schur_results, multiple_results=True, makes_new=True)


# --- reductions by reflections ------------------------------------------------------------------------------------------


def _without_derivative(name: str, instead: str) -> Callable[..., Any]:
    """The JVP rule of a packed reduction."""

    def refuse(a: Any, t: Any, **params: Any) -> Any:
        why = "the derivative of a matrix that is packed with the reflections that reduce it is not known to covector"
        fix = f"differentiate {instead}"
        raise NonDifferentiableError(name, "a derivative", [typeof(a)], why=why, fix=fix)

    return refuse


def _hessenberg(a: Any) -> list[Any]:
    reduce = routine("lapack", "gehrd", a.dtype.char)
    return of_each(lambda x: reduce(x)[:2], a, _hessenberg_results(typeof(a)))


def _hessenberg_results(a: ShapedArray) -> list[ShapedArray]:
    return [array_aval(a.shape, a.dtype), array_aval((*a.shape[:-2], max(a.shape[-1] - 1, 0)), a.dtype)]


hessenberg_p = factorization(
    "hessenberg",
    _hessenberg,
    _without_derivative("hessenberg", "scipy.linalg.hessenberg, which has a derivative, or eigenvalues"),
    _hessenberg_results,
    multiple_results=True,
    makes_new=True,
)
"""``a -> (packed, taus)``: an upper Hessenberg matrix similar to a, with reflections below it, as LAPACK's gehrd packs them."""


def _tridiagonal(a: Any, *, lower: bool) -> list[Any]:
    reduce = routine("lapack", "hetrd" if a.dtype.kind == "c" else "sytrd", a.dtype.char)
    return of_each(lambda x: reduce(x, lower=lower)[:4], a, _tridiagonal_results(typeof(a), lower=lower))


def _tridiagonal_results(a: ShapedArray, *, lower: bool) -> list[ShapedArray]:
    *stack, n, _ = a.shape
    beside, real = (*stack, max(n - 1, 0)), real_dtype(a.dtype)
    return [array_aval(a.shape, a.dtype), array_aval((*stack, n), real), array_aval(beside, real), array_aval(beside, a.dtype)]


tridiagonal_p = factorization(
    "tridiagonal",
    _tridiagonal,
    _without_derivative("tridiagonal", "scipy.linalg.hessenberg, which has a derivative, or eigenvalues"),
    _tridiagonal_results,
    multiple_results=True,
    makes_new=True,
)
"""``a -> (packed, d, e, taus)``: a tridiagonal matrix similar to a Hermitian one, as LAPACK's sytrd and hetrd pack it."""


# --- orders of rows and columns -----------------------------------------------------------------------------------------


def _pivoted_columns(a: Any) -> Any:
    return of_each(lambda x: scipy.linalg.qr(x, mode="r", pivoting=True)[1:], a, [_columns_of(typeof(a))])[0]


def _columns_of(a: ShapedArray) -> ShapedArray:
    return array_aval((*a.shape[:-2], a.shape[-1]), np.dtype(np.int32))


def _pivoted_columns_abstract(a: ShapedArray) -> ShapedArray:
    check_matrices("pivoted_columns", a, square=False)
    return _columns_of(a)


pivoted_columns_p = Primitive("pivoted_columns", Discrete(_pivoted_columns), trusted=True, makes_new=True)
"""``a[..., m, n] -> p[..., n]``: the order of columns in which each has the largest part outside of the span of the former."""
pivoted_columns_p.def_abstract(_pivoted_columns_abstract)
pivoted_columns_p.def_batch(batch_in_front(pivoted_columns_p))


def _row_exchanges(order: Any, *, count: int) -> Any:
    *stack, size = order.shape
    order = order.reshape(math.prod(stack), size)
    rows, at = np.arange(len(order)), np.tile(np.arange(size), (len(order), 1))
    found = np.empty((len(order), count), np.int32)
    for i in range(count):
        found[:, i] = np.argmax(at == order[:, i, None], axis=1)
        at[rows, found[:, i]] = at[:, i]
        at[:, i] = order[:, i]
    return found.reshape(*stack, count)


row_exchanges_p = Primitive("row_exchanges", Discrete(_row_exchanges), trusted=True, makes_new=True)
"""``order[..., m] -> pivots[..., count]``: row i changes places with row ``pivots[i]``, in turn, to give that order."""
row_exchanges_p.def_abstract(lambda order, *, count: array_aval((*order.shape[:-1], count), np.dtype(np.int32)))
row_exchanges_p.def_batch(batch_in_front(row_exchanges_p))


def _exchanged_rows(pivots: Any, *, rows: int) -> Any:
    *stack, count = pivots.shape
    if pivots.size and (pivots.min() < 0 or pivots.max() >= rows):
        raise ValueError(f"lu_pivots_to_permutation got pivots from {pivots.min()} to {pivots.max()} for {rows} rows")
    pivots = pivots.reshape(math.prod(stack), count)
    each, order = np.arange(len(pivots)), np.tile(np.arange(rows, dtype=np.int32), (len(pivots), 1))
    for i in range(count):
        j = pivots[:, i]
        order[:, i], order[each, j] = order[each, j], order[:, i].copy()
    return order.reshape(*stack, rows)


exchanged_rows_p = Primitive("exchanged_rows", Discrete(_exchanged_rows), trusted=True, makes_new=True)
"""``pivots[..., k] -> order[..., rows]``: the order of rows after the exchanges; the inverse of ``row_exchanges``."""
exchanged_rows_p.def_abstract(lambda pivots, *, rows: array_aval((*pivots.shape[:-1], rows), np.dtype(np.int32)))
exchanged_rows_p.def_batch(batch_in_front(exchanged_rows_p))
