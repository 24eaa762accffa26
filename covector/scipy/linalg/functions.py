"""Functions of matrices of `scipy.linalg`: the exponential, the logarithm, powers, trigonometric functions.

>>> expm(np.zeros((1, 1)))
array([[1.]])

Values are SciPy's.  Derivatives, to any order, are those of R. Mathias, "A chain rule for matrix functions and applications"
(1996).  A function of a real matrix that is not real is NaN: give the matrix as a complex one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as _scipy

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.registry import as_array, contains_tracer
from covector.primitives.linalg.analytic import analytic_p
from covector.scipy.checks import as_lapack
from covector.transforms.callbacks import pure_callback


def _squares(A: Any) -> Any:
    A = as_lapack(A)
    shape = shape_of(A)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(errors.describe(f"a function of matrices got {typeof(A)}.", fix="give square matrices f[..., n, n]"))
    return A


def expm(A: Any) -> Any:
    """The exponential of a matrix, or of each in a stack ``f[..., n, n]``.

    Example:
        >>> expm(np.zeros((1, 1)))
        array([[1.]])
    """
    return analytic_p.bind(_squares(A), of="expm")


def logm(A: Any) -> Any:
    """The principal logarithm of a matrix; NaN for a real matrix whose logarithm is not real (give it as a complex one).

    Example:
        >>> logm(np.eye(1))
        array([[0.]])
    """
    return analytic_p.bind(_squares(A), of="logm")


def sqrtm(A: Any) -> Any:
    """The principal square root of a matrix; NaN for a real matrix whose root is not real (give it as a complex one).

    Example:
        >>> sqrtm(np.full((1, 1), 4.0))
        array([[2.]])
    """
    return analytic_p.bind(_squares(A), of="sqrtm")


def cosm(A: Any) -> Any:
    """The cosine of matrices ``f[..., n, n]``.

    Example:
        >>> cosm(np.zeros((1, 1)))
        array([[1.]])
    """
    return analytic_p.bind(_squares(A), of="cosm")


def sinm(A: Any) -> Any:
    """The sine of matrices ``f[..., n, n]``.

    Example:
        >>> sinm(np.zeros((1, 1)))
        array([[0.]])
    """
    return analytic_p.bind(_squares(A), of="sinm")


def tanm(A: Any) -> Any:
    """The tangent of matrices ``f[..., n, n]``.

    Example:
        >>> tanm(np.zeros((1, 1)))
        array([[0.]])
    """
    return analytic_p.bind(_squares(A), of="tanm")


def coshm(A: Any) -> Any:
    """The hyperbolic cosine of matrices ``f[..., n, n]``.

    Example:
        >>> coshm(np.zeros((1, 1)))
        array([[1.]])
    """
    return analytic_p.bind(_squares(A), of="coshm")


def sinhm(A: Any) -> Any:
    """The hyperbolic sine of matrices ``f[..., n, n]``.

    Example:
        >>> sinhm(np.zeros((1, 1)))
        array([[0.]])
    """
    return analytic_p.bind(_squares(A), of="sinhm")


def tanhm(A: Any) -> Any:
    """The hyperbolic tangent of matrices ``f[..., n, n]``.

    Example:
        >>> tanhm(np.zeros((1, 1)))
        array([[0.]])
    """
    return analytic_p.bind(_squares(A), of="tanhm")


def signm(A: Any) -> Any:
    """The sign of matrices ``f[..., n, n]``: 1 for eigenvalues in the right half of the plane, -1 in the left, 0 on the axis.

    The derivative is NaN where an eigenvalue is on the imaginary axis, for the sign jumps there.

    Example:
        >>> np.allclose(signm(np.array([[2.0, 1.0], [0.0, -3.0]])), [[1.0, 0.4], [0.0, -1.0]])
        True
    """
    return analytic_p.bind(_squares(A), of="signm")


def fractional_matrix_power(A: Any, t: Any) -> Any:
    """A power of matrices ``f[..., n, n]``, differentiable in the exponent too: ``A^t log(A)``.

    Args:
        A: the matrices.
        t: a number.

    Example:
        >>> fractional_matrix_power(np.full((1, 1), 4.0), 0.5)
        array([[2.]])
    """
    A = _squares(A)
    if isinstance(t, TracerBase):
        return expm(t * logm(A))
    if np.ndim(t):
        raise ValueError(f"fractional_matrix_power got an exponent of shape {np.shape(t)}: give one number")
    if t == int(t):
        return np.linalg.matrix_power(A, int(t))
    return analytic_p.bind(A, of="fractional_matrix_power", exponent=float(t))


def expm_frechet(A: Any, E: Any, method: str | None = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    """The exponential of a matrix and its derivative in a direction; or the derivative alone.

    Example:
        >>> expm_frechet(np.zeros((1, 1)), np.ones((1, 1)), compute_expm=False)
        array([[1.]])
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"expm_frechet got method={method!r}: give 'SPS' or 'blockEnlarge'")
    A, E = _squares(A), _squares(E)
    if shape_of(A)[-1] != shape_of(E)[-1]:
        raise ValueError(f"expm_frechet needs matrices of one size, got {typeof(A)} and {typeof(E)}")
    derivative = analytic_p.bind(A, E, of="expm")
    return (expm(A), derivative) if compute_expm else derivative


def expm_cond(A: Any, check_finite: bool = True) -> Any:
    """The relative condition number of the exponential at a matrix ``f[n,n]``, in the Frobenius norm.

    Source: A. H. Al-Mohy and N. J. Higham, "Computing the Fréchet derivative of the matrix exponential" (2009).

    Example:
        >>> round(float(expm_cond(np.diag([1.0, 2.0]))), 12)
        2.098567461363
    """
    A = _squares(A)
    n = shape_of(A)[-1]
    if len(shape_of(A)) != 2:
        raise ValueError(f"expm_cond takes one matrix, and got {typeof(A)}")
    directions = np.reshape(np.eye(n * n, dtype=typeof(A).dtype), (n * n, n, n))
    derivative = np.reshape(analytic_p.bind(A, directions, of="expm"), (n * n, n * n))
    return np.linalg.norm(derivative, 2) * np.linalg.norm(A) / np.linalg.norm(expm(A))


def funm(A: Any, func: Any, disp: bool = True) -> Any:
    """Any function of a matrix ``f[n,n]``, by SciPy; without a derivative, for its algorithm loses that at equal eigenvalues.

    Raises:
        NonDifferentiableError: a derivative is asked for.

    Example:
        >>> np.round(funm(np.diag([1.0, 4.0]), np.sqrt), 12)
        array([[1., 0.],
               [0., 2.]])
    """
    A = as_array(A)
    if not contains_tracer(A):
        return _scipy.funm(A, func, disp)
    aval = typeof(_squares(A))

    def by_scipy(a: Any) -> Any:
        found = _scipy.funm(a, func, disp=False)[0]
        is_real = aval.dtype.kind == "c" or not np.any(np.imag(found))
        return (found if aval.dtype.kind == "c" else np.where(is_real, np.real(found), np.nan)).astype(aval.dtype)

    def refuse(primals: Any, tangents: Any) -> Any:
        why = "SciPy's algorithm has no derivative that is right at equal eigenvalues"
        fix = (
            "use covector.numpy.linalg.matrix_function for Hermitian matrices; for others expm, logm, sqrtm, cosm, sinm … of"
            " covector.scipy.linalg"
        )
        raise errors.NonDifferentiableError("scipy.linalg.funm", "a derivative", [aval], why=why, fix=fix)

    return pure_callback(by_scipy, aval, _squares(A), vmap_method="sequential", jvp=refuse)
