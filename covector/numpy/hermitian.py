"""Functions of Hermitian matrices that are right, with their derivatives of any order, at equal eigenvalues too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.text.notation import register_notation
from covector.numpy.registry import inexact
from covector.primitives.arrays.shaping import real_dtype
from covector.primitives.linalg.matrix_functions import matrix_function_p
from covector.primitives.linalg.solving import adjoint, check_matrices


def matrix_function(f: Callable[[Any], Any], a: Any, UPLO: str = "L") -> Any:
    """A function of Hermitian matrices: ``v diag(f(w)) vᴴ`` for ``a = v diag(w) vᴴ``.

    Derivatives of any order are right, also where eigenvalues are equal or nearly so, where those of
    ``w, v = np.linalg.eigh(a); (v * f(w)) @ v.T`` are not determined.

    Args:
        f: a real function of numbers, written with NumPy for arrays of any shape, that closes over no traced value; it is
            called at the eigenvalues, and differentiated where they are close.
        a: matrices ``(..., n, n)``, of which one triangle is read, as by ``numpy.linalg.eigh``.
        UPLO: which triangle, "L" or "U".

    Returns:
        Matrices of the shape and dtype of a (of float64 for integers).

    Raises:
        LinAlgError: a is not square.
        ArgumentError: f does not return a real number for each number, or closes over a traced value.

    Example:
        >>> import covector as cv
        >>> a = np.array([[2.0, 0.0], [0.0, 2.0]])
        >>> matrix_function(np.sqrt, a).round(4)
        array([[1.4142, 0.    ],
               [0.    , 1.4142]])
        >>> direction = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> cv.jvp(sqrtmh, (a,), (direction,))[1].round(4)
        array([[0.    , 0.3536],
               [0.3536, 0.    ]])

    Source: N. J. Higham, "Functions of Matrices" (2008); the derivatives are Daleckii's and Krein's, by divided differences.
    """
    a = inexact(a)
    check_matrices("covector.numpy.linalg.matrix_function", typeof(a))
    if UPLO not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    _check_function(f, real_dtype(dtype_of(a)))
    return matrix_function_p.bind(a if UPLO == "L" else adjoint(a), f=f)


def _check_function(f: Callable[[Any], Any], dtype: Any) -> None:
    with np.errstate(all="ignore"):
        out = f(np.ones((1, 2), dtype))
    why = "it is called at the eigenvalues, which are real, and differentiated where they are close"
    if isinstance(out, TracerBase):
        fix = "pass a function of the eigenvalues alone; powers of traced exponents are expmh(p * logmh(a))"
        raise errors.ArgumentError("matrix_function got a function of a traced value.", why=why, fix=fix)
    if shape_of(out) != (1, 2) or dtype_of(out).kind not in "fiub":
        what = f"matrix_function got a function that returns {typeof(out)} for {typeof(np.ones((1, 2), dtype))}."
        raise errors.ArgumentError(what, why=why, fix="write it elementwise, with real results")


def expmh(a: Any) -> Any:
    """The exponential of Hermitian matrices, with all derivatives; see `matrix_function`.

    Example:
        >>> expmh(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 1.]])
    """
    return matrix_function(np.exp, a)


def logmh(a: Any) -> Any:
    """The logarithm of positive definite Hermitian matrices, with all derivatives; see `matrix_function`.

    Example:
        >>> logmh(np.eye(2))
        array([[0., 0.],
               [0., 0.]])
    """
    return matrix_function(np.log, a)


def sqrtmh(a: Any) -> Any:
    """The square root of positive semidefinite Hermitian matrices, with all derivatives; see `matrix_function`.

    Example:
        >>> sqrtmh(4 * np.eye(2))
        array([[2., 0.],
               [0., 2.]])
    """
    return matrix_function(np.sqrt, a)


def powmh(a: Any, p: Any) -> Any:
    """The power p of positive definite Hermitian matrices, with all derivatives, also in p; see `matrix_function`.

    Example:
        >>> powmh(4 * np.eye(2), 1.5)
        array([[8., 0.],
               [0., 8.]])
    """
    return expmh(p * logmh(a)) if isinstance(p, TracerBase) else matrix_function(_power(float(p)), a)


class _power:
    """``w -> w ** p``; equal for equal p, so that programs share what they compute."""

    def __init__(self, p: float):
        self.p = p

    def __call__(self, w: Any) -> Any:
        return w**self.p

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _power) and self.p == other.p

    def __hash__(self) -> int:
        return hash((_power, self.p))

    def __repr__(self) -> str:
        return f"w ** {self.p}"


register_notation(_power, "power", lambda f: (f.p,))

__all__ = ["expmh", "logmh", "matrix_function", "powmh", "sqrtmh"]
