"""Factorizations that SciPy has and NumPy has not: LU with pivots, and Schur's.

>>> lu_p.bind(np.array([[1.0, 2.0], [4.0, 4.0]]))[0]
array([1, 0])
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from covector.core.avals import ShapedArray, array_aval, shape_of, typeof
from covector.core.errors import NonDifferentiableError
from covector.core.kinds import Factorization
from covector.core.primitive import Primitive
from covector.primitives.linalg.solving import factorization, swap, triangular_solve_p


def _lu(a: Any) -> list[Any]:
    order, lower, upper = scipy.linalg.lu(a, p_indices=True)
    return [order.astype(np.int64), lower, upper]


def _lu_abstract(a: ShapedArray) -> list[ShapedArray]:
    *batch, m, n = a.shape
    k = min(m, n)
    order = array_aval((*batch, m), np.dtype(np.int64))
    return [order, array_aval((*batch, m, k), a.dtype), array_aval((*batch, k, n), a.dtype)]


def _lu_jvp(a: Any, t: Any) -> Any:
    """With ``l⁻¹ da[p] u⁻¹`` cut into its strictly lower and its upper part; for square matrices."""
    if shape_of(a)[-1] != shape_of(a)[-2]:
        why = "the derivative of a rectangular LU factorization is not known to covector"
        raise NonDifferentiableError("lu", "a derivative", [typeof(a)], why=why, fix="factor a square matrix")
    order, lower, upper = lu_p.bind(a)
    rows = np.argsort(order, axis=-1)
    turned = np.take_along_axis(t, np.expand_dims(rows, -1), axis=-2)
    left = triangular_solve_p.bind(lower, turned, lower=True, transpose=False, unit_diagonal=True)
    both = swap(triangular_solve_p.bind(upper, swap(left), lower=False, transpose=True, unit_diagonal=False))
    return [order, lower, upper], [typeof(order).zero, lower @ np.tril(both, -1), np.triu(both) @ upper]


lu_p = Primitive("lu", Factorization(_lu, _lu_jvp, _lu_abstract), multiple_results=True, trusted=True, makes_new=True)
"""``a[..., m, n] -> (order, l, u)`` with ``a = l[order] @ u``."""


def _schur(a: Any, *, output: str) -> list[Any]:
    t, z = (np.empty(r.shape, r.dtype) for r in _schur_results(typeof(a), output=output))
    for place in np.ndindex(*a.shape[:-2]):
        t[place], z[place] = scipy.linalg.schur(a[place], output=output)
    return [t, z]


def _schur_results(a: ShapedArray, *, output: str) -> list[ShapedArray]:
    return [array_aval(a.shape, np.result_type(a.dtype, np.complex64) if output == "complex" else a.dtype)] * 2


def _schur_jvp(a: Any, t: Any, *, output: str) -> Any:
    why = "its factors are not determined: only what does not depend on their choice has a derivative"
    fix = "differentiate what is computed of them by other means: expm, sqrtm, solve_sylvester, or eigenvalues by eigvals"
    raise NonDifferentiableError("schur", "a derivative", [typeof(a)], why=why, fix=fix)


schur_p = factorization("schur", _schur, _schur_jvp, _schur_results, multiple_results=True, makes_new=True)
