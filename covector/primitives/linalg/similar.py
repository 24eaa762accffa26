"""Matrices brought to a simpler form by SciPy: Hessenberg's by a similarity, and a block diagonal one by a congruence.

>>> ldl_p.bind(np.array([[4.0, 0.0], [2.0, 2.0]]), lower=True, hermitian=True)[1]
array([[4., 0.],
       [0., 1.]])

Sources: the derivatives are those of the defining equations, solved for the changes as in S. F. Walter and L. Lehmann,
"Algorithmic differentiation of linear algebra functions" (2010); for Hessenberg's form by columns, as in the proof of the
implicit Q theorem (G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th edition, theorem 7.4.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from covector.core.avals import ShapedArray, array_aval, dtype_of, shape_of, typeof
from covector.primitives.linalg.factoring import of_each
from covector.primitives.linalg.solving import adjoint, factorization, keep, read_triangle, solve_p, swap, triangle
from covector.primitives.math.arithmetic import imag_p

# --- Hessenberg's form ------------------------------------------------------------------------------------------------


def _hessenberg(a: Any) -> list[Any]:
    return of_each(lambda x: scipy.linalg.hessenberg(x, calc_q=True), a, [typeof(a)] * 2)


def _hessenberg_jvp(a: Any, t: Any) -> Any:
    """``dH = M + H Ω - Ω H`` and ``dQ = Q Ω``, with ``M = Qᴴ dA Q`` and Ω skew; what is below the subdiagonal of dH is 0.

    The first column of Ω is 0, and column j of the equation gives that of j + 1.
    """
    h, q = hessenberg_form_p.bind(a)
    m = adjoint(q) @ t @ q
    turn = _turn(h, m) if shape_of(a)[-1] > 2 else np.zeros_like(m)
    n = shape_of(a)[-1]
    return [h, q], [keep(np.tri(n, k=1, dtype=bool).T, m + h @ turn - turn @ h), q @ turn]


def _turn(h: Any, m: Any) -> Any:
    n = shape_of(h)[-1]
    done = np.zeros_like(m)
    for j in range(n - 1):
        rest = (m + h @ done - done @ h)[..., j + 1 :, j] / h[..., j + 1, j][..., None]
        if dtype_of(h).kind == "c":  # the subdiagonal is real
            first = 1j * imag_p.bind(rest[..., :1])
        else:
            first = 0 * rest[..., :1]
        column = np.concatenate([first, rest[..., 1:]], axis=-1)
        width = [(0, 0)] * (len(shape_of(h)) - 2)
        below = np.pad(column[..., None], [*width, (j + 1, 0), (j + 1, n - j - 2)])
        strict = keep(triangle(n, True, strict=True), below)
        done = done + below - adjoint(strict)
    return done


hessenberg_form_p = factorization(
    "hessenberg_form", _hessenberg, _hessenberg_jvp, lambda a: [a.strengthened()] * 2, multiple_results=True, makes_new=True
)
"""``[h, q]`` with ``a = q @ h @ qᴴ`` and zeros in h below the subdiagonal.

The derivative is infinite or NaN where the subdiagonal has a 0 before its end, for what comes after it is not determined.
"""


# --- LDL --------------------------------------------------------------------------------------------------------------


def _ldl(a: Any, *, lower: bool, hermitian: bool) -> list[Any]:
    results = _ldl_results(typeof(a), lower=lower, hermitian=hermitian)
    if hermitian and a.dtype.kind == "c":
        a = a - 1j * np.eye(a.shape[-1]) * a.imag
    return of_each(lambda x: scipy.linalg.ldl(x, lower, hermitian), a, results)


def _ldl_results(a: ShapedArray, *, lower: bool, hermitian: bool) -> list[ShapedArray]:
    return [array_aval(a.shape, a.dtype)] * 2 + [array_aval(a.shape[:-1], np.dtype(np.int64))]


def read_symmetric(x: Any, lower: bool) -> Any:
    """The symmetric matrix of which one triangle is that of x."""
    n = shape_of(x)[-1]
    part = keep(triangle(n, lower, strict=True), x)
    return part + swap(part) + keep(np.eye(n, dtype=bool), x)


def _ldl_jvp(a: Any, t: Any, *, lower: bool, hermitian: bool) -> Any:
    """With ``M = L⁻¹ dA L⁻ᴴ`` the blocks of M are dD, and what is beside them is ``L⁻¹ dL D``."""
    factor, middle, order = ldl_p.bind(a, lower=lower, hermitian=hermitian)
    other = adjoint if hermitian else swap
    t = read_triangle(t, lower) if hermitian else read_symmetric(t, lower)
    m = other(solve_p.bind(factor, other(solve_p.bind(factor, t))))
    n = shape_of(a)[-1]
    in_block = np.logical_or(np.eye(n, dtype=bool), middle != 0)
    beside = keep(np.logical_and(triangle(n, lower, strict=True), ~in_block), m)
    turned = swap(solve_p.bind(swap(middle), swap(beside)))
    return [factor, middle, order], [factor @ turned, keep(in_block, m), typeof(order).zero]


ldl_p = factorization("ldl", _ldl, _ldl_jvp, _ldl_results, multiple_results=True, makes_new=True)
"""``[l, d, order]`` with ``a = l @ d @ lᴴ`` (``lᵀ`` unless ``hermitian``): ``l[order]`` is a triangle, d has
blocks of size 1 and 2.

One triangle of a is read.  The derivative is that for the same order and blocks; it needs d to be invertible.
"""
