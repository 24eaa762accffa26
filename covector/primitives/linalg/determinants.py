"""Determinants, and the adjugate matrix, which is the derivative of the determinant and exists at singular matrices too."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import array_aval, dtype_of, typeof
from covector.core.primitive import Primitive
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.linalg.directional import Directional
from covector.primitives.linalg.solving import LinAlgError, adjoint, factorization, inv_p, trace_of_product
from covector.primitives.math.arithmetic import real


def _det_jvp(a: Any, t: Any) -> Any:
    """``trace(adj(a) da)``."""
    return det_p.bind(a), trace_of_product(adjugate_p.bind(a), t)


det_p = factorization("det", np.linalg.det, _det_jvp, lambda a: array_aval(a.shape[:-2], a.dtype), makes_new=True)

# --- the adjugate -----------------------------------------------------------------------------------------------------


def _adjugate(a: Any, *directions: Any) -> Any:
    is_finite = np.isfinite(a).all((-2, -1), keepdims=True)
    if not is_finite.all():  # LAPACK may not return from these
        return np.where(is_finite, _adjugate(np.where(is_finite, a, np.eye(a.shape[-1], dtype=a.dtype)), *directions), np.nan)
    if len(directions) > 1:
        return _adjugate_by_interpolation(a, *directions)
    inverse = _well_conditioned_inverse(a)
    if inverse is not None:
        det = np.linalg.det(a)[..., None, None]
        if not directions:
            return det * inverse
        x = inverse @ directions[0]
        return det * (np.trace(x, axis1=-2, axis2=-1)[..., None, None] * inverse - x @ inverse)
    u, s, vh = np.linalg.svd(a)
    uh, v = adjoint(u), adjoint(vh)
    det = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    if not directions:
        return det * ((_products_of_others(s)[..., None, :] * v) @ uh)
    # adj(U (S + P) Vᴴ) = det(U Vᴴ) V adj(S + P) Uᴴ, and adj(S + P) to first order in P is written down element by element.
    p = uh @ directions[0] @ v
    eye = np.eye(s.shape[-1], dtype=bool)
    others = np.where(eye, 0, _products_of_others(np.where(eye, 1, s[..., None, :])))
    on_diagonal = (others @ np.diagonal(p, axis1=-2, axis2=-1)[..., None]) * eye
    return det * (v @ (on_diagonal - others * p) @ uh)


def _well_conditioned_inverse(a: Any) -> Any:
    """The inverses if they are accurate to half the digits and no determinant underflows, else None."""
    try:
        inverse = np.linalg.inv(a)
    except LinAlgError:
        return None
    condition = np.abs(a).sum(-2).max(-1, initial=0) * np.abs(inverse).sum(-2).max(-1, initial=0)
    poor = (condition > np.finfo(a.dtype).eps ** -0.5) | (np.abs(np.linalg.det(a)) < np.finfo(a.dtype).tiny)
    return None if np.any(poor) else inverse


def _products_of_others(s: Any) -> Any:
    """For each element of the last axis the product of all others."""
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before[..., : s.shape[-1]] * after[..., : s.shape[-1]]


def _adjugate_by_interpolation(a: Any, *directions: Any) -> Any:
    """The derivative in the last direction d, from the values at ``a + z d`` for z on a circle.

    They are a polynomial in z, of which the discrete Fourier transform gives the coefficients; the radius of the circle is the
    one for which the coefficient of z is largest beside the others.
    """
    *others, d = directions
    dtype = np.result_type(a, *directions)
    n = a.shape[-1]
    points = max(n - len(directions), 2)
    shape = np.broadcast_shapes(a.shape, *(x.shape for x in directions))
    if len(directions) >= n:
        return np.zeros(shape, dtype)
    size_a, size_d = (np.max(np.abs(x), axis=(-2, -1), keepdims=True) for x in (a, d))
    size_d = np.where(size_d == 0, 1, size_d)
    radius = np.where(size_a == 0, size_d, size_a) / (n * size_d)
    z = np.exp(2j * np.pi / points * np.arange(points)).reshape(-1, *(1,) * len(shape))
    coefficients = np.mean(_adjugate(a + z * radius * d, *others) / z, axis=0) / radius
    return (coefficients if dtype.kind == "c" else coefficients.real).astype(dtype)


adjugate_p = Primitive("adjugate", Directional(_adjugate), trusted=True)
"""``adjugate(a)`` is the transposed matrix of cofactors, the derivative of the determinant, at singular matrices too."""

# --- sign and logarithm -----------------------------------------------------------------------------------------------


def _slogdet_jvp(a: Any, t: Any) -> Any:
    """The derivative of log det is ``trace(a⁻¹ da)``: its real part changes the size, its imaginary part turns the sign."""
    sign, logabsdet = slogdet_p.bind(a)
    change = trace_of_product(inv_p.bind(a, checked=False), t)
    grown = real(change)
    turned = sign * (change - grown) if dtype_of(a).kind == "c" else typeof(sign).zero
    return [sign, logabsdet], [turned, grown]


slogdet_p = factorization(
    "slogdet",
    lambda a: list(np.linalg.slogdet(a)),
    _slogdet_jvp,
    lambda a: [array_aval(a.shape[:-2], a.dtype), array_aval(a.shape[:-2], real_dtype(a.dtype))],
    multiple_results=True,
)
