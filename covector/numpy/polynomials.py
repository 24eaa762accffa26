"""NumPy's functions of polynomials given by their coefficients, the highest power first (``np.polyval`` is elsewhere).

NumPy drops leading zeros from some results, which makes their length depend on values.  Where the values are known, so it is
here, unless what would be dropped is traced: its derivative would be lost.  Where they are not known (under ``jit`` and
``vmap``), coefficients are taken to be nonzero.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import Zero, array_aval, dtype_of, shape_of, typeof
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive, TracerBase
from covector.numpy.registry import as_array, implements, inexact, known_array
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.derivations import loop_batch
from covector.primitives.math.identity import stop_gradient_p


def _coefficients(p: Any) -> Any:
    p = as_array(p)
    return p if shape_of(p) else np.reshape(p, -1)


def _without_leading_zeros(p: Any) -> Any:
    values = concrete(p)
    nonzero = [0] if values is None else np.flatnonzero(values)
    first = int(nonzero[0]) if len(nonzero) else len(values) - 1
    if first:
        _check_known(p, "polymul")
    return p[first:]


def _check_known(p: Any, who: str) -> None:
    """Refuse to drop leading coefficients of a traced polynomial."""
    if isinstance(p, TracerBase):
        raise errors.UnsupportedFunctionError(
            f"numpy.{who} of a traced polynomial with a leading coefficient that is zero, of type {typeof(p)}.",
            why="NumPy drops it, and so the result would lose its derivative with respect to that coefficient",
            fix="use np.convolve for a product, which keeps all coefficients; or drop the zeros before",
        )


def _padded(p: Any, length: int) -> Any:
    missing = length - shape_of(p)[0]
    return np.concatenate([np.zeros(missing, dtype_of(p)), p]) if missing > 0 else p


def _combine(ufunc: np.ufunc, a1: Any, a2: Any) -> Any:
    a1, a2 = _coefficients(a1), _coefficients(a2)
    length = max(shape_of(a1)[0], shape_of(a2)[0])
    return ufunc(_padded(a1, length), _padded(a2, length))


implements(np.polyadd)(partial(_combine, np.add))
implements(np.polysub)(partial(_combine, np.subtract))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    first, second = (_without_leading_zeros(_coefficients(a)) for a in (a1, a2))
    return np.convolve(first, second)


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """The quotient and the remainder; its leading zeros are dropped where its values are known."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    dtype = np.result_type(dtype_of(u), dtype_of(v))
    remainder, inverse = convert_to(u, dtype), 1.0 / v[0]
    steps = max(shape_of(u)[0] - shape_of(v)[0] + 1, 0)
    quotient = []
    for k in range(steps):
        digit = inverse * remainder[k]
        quotient.append(digit)
        after = shape_of(u)[0] - k - shape_of(v)[0]
        remainder = remainder - digit * np.concatenate([np.zeros(k, dtype_of(v)), v, np.zeros(after, dtype_of(v))])
    values = concrete(remainder)
    dropped = 0
    while values is not None and len(values) > 1 and np.allclose(values[0], 0, rtol=1e-14):
        remainder, values, dropped = remainder[1:], values[1:], dropped + 1
        if dropped > steps:  # the first ones are zero whatever the coefficients are
            _check_known(remainder, "polydiv")
    return np.stack(quotient) if quotient else np.zeros(1, dtype), remainder


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    p, m = as_array(p), int(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(m):
        degree = shape_of(p)[0] - 1
        p = p[:-1] * np.arange(degree, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    p, m = as_array(p), int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = _coefficients(0.0 if k is None else k)
    if shape_of(constants) == (1,):
        constants = np.broadcast_to(constants, (max(m, 1),))
    if shape_of(constants)[0] < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        p = np.concatenate([p / np.arange(shape_of(p)[0], 0, -1), constants[i : i + 1]])
    return p


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with given zeros, or of the characteristic polynomial of a matrix."""
    zeros = _coefficients(seq_of_zeros)
    shape = shape_of(zeros)
    if len(shape) == 2 and shape[0] == shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif len(shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    if shape[0] == 0:
        return 1.0
    dtype = dtype_of(zeros) if len(shape) == 2 else np.dtype(np.mintypecode(dtype_of(zeros).char, "GDFgdf"))
    zeros, one = convert_to(zeros, dtype), np.ones(1, dtype)
    coefficients = one
    for i in range(shape_of(zeros)[0]):
        coefficients = np.convolve(coefficients, np.concatenate([one, -zeros[i : i + 1]]))
    if dtype.kind == "c":
        values = known_array(zeros, np.poly)
        if np.all(np.sort(values) == np.sort(values.conj())):
            return np.real(coefficients)
    return coefficients


@implements(np.roots)
def roots(p: Any) -> Any:
    """The zeros of a polynomial: the eigenvalues of its companion matrix."""
    p = inexact(_coefficients(p))
    if len(shape_of(p)) != 1:
        raise ValueError("Input must be a rank-1 array.")
    values = concrete(p)
    if values is not None:
        return roots_p.bind(p, count=len(np.roots(values)))
    degree = shape_of(p)[0] - 1
    if degree < 1:
        return np.zeros(0)
    companion = np.concatenate([-p[None, 1:] / p[0], np.eye(degree - 1, degree, dtype=dtype_of(p))])
    return np.linalg.eigvals(companion)


def _roots(p: Any, *, count: int) -> Any:
    return np.roots(p).astype(np.result_type(p, np.complex64))


roots_p = Primitive("roots", Opaque(_roots), trusted=True, makes_new=True)
"""The ``count`` finite zeros of a polynomial, complex; all of its coefficients move them, also those that are zero."""
roots_p.def_abstract(lambda p, *, count: array_aval((count,), np.result_type(p.dtype, np.complex64)))
roots_p.def_batch(loop_batch(roots_p))


@roots_p.def_jvp
def _roots_jvp(primals: Any, tangents: Any, *, count: int) -> Any:
    """``dr = - dp(r) / p'(r)``; NaN where roots coincide."""
    (p,), (t,) = primals, tangents
    r = roots_p.bind(p, count=count)
    if type(t) is Zero or not count:
        return r, typeof(r).zero
    slope = np.polyval(polyder(p), r)
    size = np.polyval(np.abs(polyder(stop_gradient_p.bind(p))), np.abs(stop_gradient_p.bind(r)))
    coincide = np.less_equal(np.abs(slope), size * np.finfo(dtype_of(p)).eps ** 0.375)
    if np.any(concrete(coincide)):
        text = "the derivative of roots that coincide (or nearly so) is NaN: they are not differentiable there"
        errors.warn(text, errors.UndeterminedDerivativeWarning)
    return r, -np.polyval(t, r) / convert_to(select_p.bind(coincide, np.nan, slope), dtype_of(r))


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The least-squares fit of a polynomial."""
    x, y, order = as_array(x) + 0.0, as_array(y) + 0.0, int(deg) + 1
    if deg < 0:
        raise ValueError("expected deg >= 0")
    check_samples(shape_of(x), shape_of(y))
    if rcond is None:
        rcond = shape_of(x)[0] * np.finfo(dtype_of(x)).eps
    powers, values = np.vander(x, order), y
    if w is not None:
        w = as_array(w) + 0.0
        if len(shape_of(w)) != 1:
            raise TypeError("expected a 1-d array for weights")
        if shape_of(w)[0] != shape_of(y)[0]:
            raise TypeError("expected w and y to have the same length")
        dtype = dtype_of(powers)
        np.multiply.resolve_dtypes((dtype, dtype_of(w), dtype))  # for NumPy writes the product into the powers
        powers = convert_to(powers * w[:, None], dtype)
        values = values * (w[:, None] if len(shape_of(y)) == 2 else w)
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    powers = powers / scale
    solution, residuals, rank, singular_values = np.linalg.lstsq(powers, values, rcond)
    solution = np.transpose(np.transpose(solution) / scale)
    if full:
        return solution, residuals, rank, singular_values, rcond
    if not cov:
        return solution
    covariance = np.linalg.inv(np.matmul(np.transpose(powers), powers)) / np.outer(scale, scale)
    if len(shape_of(y)) == 2:
        covariance = covariance[:, :, None]
    if cov == "unscaled":
        return solution, covariance
    if shape_of(x)[0] <= order:
        raise ValueError("the number of data points must exceed order to scale the covariance matrix")
    return solution, covariance * (residuals / (shape_of(x)[0] - order))


def check_samples(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Refuse points and values of these shapes, to which nothing can be fitted."""
    if len(x) != 1:
        raise TypeError("expected 1D vector for x")
    if x[0] == 0:
        raise TypeError("expected non-empty vector for x")
    if len(y) not in (1, 2):
        raise TypeError("expected 1D or 2D array for y")
    if x[0] != y[0]:
        raise TypeError("expected x and y to have same length")
