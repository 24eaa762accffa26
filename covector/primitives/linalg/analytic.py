"""Functions of square matrices that SciPy computes: the exponential, the logarithm, roots and other powers, trigonometric ones.

>>> np.round(analytic_p.bind(np.array([[0.0, 1.0], [0.0, 0.0]]), of="expm"), 6)
array([[1., 1.],
       [0., 1.]])

The derivative of an analytic function at ``a`` in a direction is the upper right block of the function of a matrix of twice the
size, ``[[a, e], [0, a]]``, and further ones that of matrices of four times, … the size.

Source: R. Mathias, "A chain rule for matrix functions and applications" (1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from covector.core.primitive import Primitive
from covector.primitives.linalg.directional import Directional


def _analytic(a: Any, *directions: Any, of: str, exponent: float | None = None) -> Any:
    dtype = np.result_type(a, *directions)
    if of == "logm" and not np.isfinite(a).all():  # SciPy says so of NaN, and does not return from infinities
        raise ValueError("array must not contain infs or NaNs")
    n = a.shape[-1]
    batch = np.broadcast_shapes(*(m.shape[:-2] for m in (a, *directions)))
    whole = np.broadcast_to(a, (*batch, n, n))
    sizes = []
    for i, e in enumerate(directions):  # scaled, so that the blocks are of one size
        size = max(np.abs(e).max(initial=0), np.finfo(dtype).tiny) / max(np.abs(a).max(initial=0), 1)
        sizes.append(size)
        upper = np.kron(np.eye(2**i), np.broadcast_to(e / size, (*batch, n, n)))
        whole = np.concatenate(
            [np.concatenate([whole, upper], axis=-1), np.concatenate([np.zeros_like(whole), whole], axis=-1)], axis=-2
        )
    function: Any = _sign if of == "signm" else getattr(scipy.linalg, of)
    out = np.empty((*batch, n, n), dtype)
    for place in np.ndindex(*batch):
        found = (function(whole[place]) if exponent is None else function(whole[place], exponent))[:n, -n:]
        if of == "signm" and directions and _jumps(np.broadcast_to(a, (*batch, n, n))[place]):
            found = np.full((n, n), np.nan)
        out[place] = found if dtype.kind == "c" or not np.iscomplexobj(found) else _real(found, np.finfo(dtype).eps)
    return out * np.prod(sizes) if sizes else out


def _sign(a: Any) -> Any:
    """The sign of a matrix, by an order of Schur's form in which the eigenvalues of the left half of the plane come first.

    With ``a = z [[p, r], [0, q]] zᴴ`` it is ``z [[-1, x], [0, 1]] zᴴ`` with ``p x - x q = -2 r``.  SciPy's function moves
    eigenvalues over the imaginary axis where some are equal; it is taken for those on it, of which the sign is 0.

    Source: N. J. Higham, "Functions of Matrices" (2008), section 5.2.
    """
    if _jumps(a):
        return scipy.linalg.signm(a)
    t, z, k = scipy.linalg.schur(a, output="complex", sort="lhp")
    whole = np.diag(np.where(np.arange(len(t)) < k, -1.0, 1.0)).astype(t.dtype)
    if 0 < k < len(t):
        whole[:k, k:] = scipy.linalg.solve_sylvester(t[:k, :k], -t[k:, k:], -2 * t[:k, k:])
    out = z @ whole @ z.conj().T
    return out if np.iscomplexobj(a) else out.real


def _jumps(a: Any) -> bool:
    """Whether a matrix has an eigenvalue on the imaginary axis, up to rounding."""
    w = np.linalg.eigvals(a)
    return bool(np.any(np.abs(w.real) <= 1e3 * np.finfo(w.dtype).eps * np.abs(w).max(initial=0)))


def _real(x: Any, eps: Any) -> Any:
    """The real part of a result that is real but for rounding; NaN where the function of a real matrix is not real."""
    small = np.abs(x.imag).max() <= 1e3 * eps * np.abs(x).max()
    return x.real if small else np.full(x.shape, np.nan)


analytic_p = Primitive("analytic", Directional(_analytic), trusted=True, makes_new=True)
"""``of`` is the name of an analytic function of `scipy.linalg`; that of ``fractional_matrix_power`` has an ``exponent``."""
