"""Linear operators: matrices of which only the products are known, those of traced values too.

>>> from covector import grad
>>> def first(a):
...     return LinearOperator((3, 3), lambda v: a * np.cumsum(v)) @ np.ones(3)
>>> grad(lambda a: np.sum(first(a)))(2.0)
np.float64(6.0)

The product with the adjoint follows from the product: it is the transposed linear function, of conjugates.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse.linalg as _scipy

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.numpy.registry import as_array
from covector.scipy.sparse.arrays import issparse, operand
from covector.transforms.autodiff import linear_transpose
from covector.transforms.callbacks import pure_callback
from covector.transforms.staging import eval_shape
from covector.transforms.vmap import vmap

Product = Callable[[Any], Any]


class LinearOperator:
    """A matrix of which only the products with vectors are known.

    Args:
        shape: ``(m, n)``.
        matvec: ``A @ v`` of a vector ``[n]``, a linear function written for values that may be traced; it may close over
            traced values.
        rmatvec: ``A.conj().T @ v`` of a vector ``[m]``; if it is not given, the transpose of ``matvec`` is derived.
        matmat: ``A @ V`` of a matrix ``[n,k]``; by default ``matvec`` of each column, all in one batch.
        dtype: that of the matrix; by default that of ``matvec`` of a vector of zeros ``i8[n]``, as in SciPy.
        rmatmat: ``A.conj().T @ V`` of a matrix ``[m,k]``.

    Operators are added, subtracted, multiplied with each other, with numbers, and with vectors and matrices from both
    sides (``A @ x``, ``A * x``, ``A.dot(x)``, ``x @ A``); ``A**k``, ``A.T`` and ``A.H`` are operators.  A subclass defines
    ``_matvec`` or ``_matmat``, may define ``_rmatvec``, ``_rmatmat`` or ``_adjoint``, and calls
    ``super().__init__(dtype, shape)``.

    Raises:
        ArgumentError: the shape is none, or does not fit what an operator is applied to or combined with.

    Example:
        >>> A = LinearOperator((2, 2), lambda v: np.array([2.0, 3.0]) * v)
        >>> A @ np.ones(2), (A @ A + A).matvec(np.ones(2)), A.rmatvec(np.ones(2))
        (array([2., 3.]), array([ 6., 12.]), array([2., 3.]))
    """

    ndim = 2
    __array_ufunc__ = None  # an array or a traced value on the left leaves the product to the operator
    dtype: Any
    shape: tuple[int, int]

    def __new__(cls, *args: Any, **kwargs: Any) -> LinearOperator:
        made: type[LinearOperator] = _OfFunctions if cls is LinearOperator else cls
        return object.__new__(made)

    def __init__(self, dtype: Any, shape: Any, *args: Any, **kwargs: Any):
        self.shape = _checked_shape(shape)
        if type(self)._matvec is LinearOperator._matvec and type(self)._matmat is LinearOperator._matmat:
            what = f"the class {type(self).__name__} of linear operators has no product."
            raise errors.ArgumentError(what, fix="define _matvec or _matmat")
        self.dtype = typeof(self.matvec(np.zeros(self.shape[1], np.int8))).dtype if dtype is None else np.dtype(dtype)

    # --- what a subclass may define ---

    def _matvec(self, x: Any) -> Any:
        return np.reshape(self._matmat(np.reshape(x, (-1, 1))), (-1,))

    def _matmat(self, X: Any) -> Any:
        return _by_columns(self._matvec, X, self.shape[0])

    def _rmatvec(self, x: Any) -> Any:
        if type(self)._adjoint is not LinearOperator._adjoint:
            return self.H.matvec(x)
        wanted = ShapedArray((self.shape[1],), np.result_type(self.dtype, typeof(x).dtype, np.float32))
        function = lambda v: _column(self._matvec(v), self.shape[0], "matvec")
        out = eval_shape(function, wanted)
        (found,) = linear_transpose(function, wanted)(np.astype(np.conj(x), out.dtype))
        return np.conj(found)

    def _rmatmat(self, X: Any) -> Any:
        if type(self)._adjoint is not LinearOperator._adjoint:
            return self.H.matmat(X)
        return _by_columns(self._rmatvec, X, self.shape[1])

    def _adjoint(self) -> LinearOperator:
        m, n = self.shape
        return LinearOperator((n, m), self._rmatvec, self._matvec, self._rmatmat, self.dtype, self._matmat)

    # --- products ---

    def matvec(self, x: Any) -> Any:
        """``A @ x`` of a vector, ``[n]`` or ``[n,1]``; the result has as many axes."""
        return self._of_vector(self._matvec, x, self.shape[1], self.shape[0], "matvec")

    def rmatvec(self, x: Any) -> Any:
        """``A.conj().T @ x`` of a vector, ``[m]`` or ``[m,1]``; the result has as many axes."""
        return self._of_vector(self._rmatvec, x, self.shape[0], self.shape[1], "rmatvec")

    def matmat(self, X: Any) -> Any:
        """``A @ X`` of a matrix ``[n,k]``."""
        return self._of_matrix(self._matmat, X, self.shape[1], self.shape[0], "matmat")

    def rmatmat(self, X: Any) -> Any:
        """``A.conj().T @ X`` of a matrix ``[m,k]``."""
        return self._of_matrix(self._rmatmat, X, self.shape[0], self.shape[1], "rmatmat")

    def _of_vector(self, product: Product, x: Any, n: int, m: int, name: str) -> Any:
        x = as_array(x)
        if shape_of(x) not in ((n,), (n, 1)):
            raise self._mismatch(name, typeof(x), f"give a vector of length {n}")
        return np.reshape(_column(product(np.reshape(x, (n,))), m, name), (m, *shape_of(x)[1:]))

    def _of_matrix(self, product: Product, X: Any, n: int, m: int, name: str) -> Any:
        X = as_array(X)
        if len(shape_of(X)) != 2 or shape_of(X)[0] != n:
            raise self._mismatch(name, typeof(X), f"give a matrix of {n} rows")
        Y = as_array(product(X))
        if shape_of(Y) != (m, shape_of(X)[1]):
            raise self._mismatch(name, typeof(X), f"its {name} is to return {(m, shape_of(X)[1])}, and returned {typeof(Y)}")
        return Y

    def _mismatch(self, name: str, given: Any, fix: str) -> errors.ArgumentError:
        what = f"{name} of a linear operator of shape {self.shape} got {given}."
        return errors.ArgumentError(what, why="dimension mismatch", fix=fix)

    def dot(self, x: Any) -> Any:
        """``A @ x`` of a vector or a matrix; ``A * x`` of a number; the composition with an operator."""
        if isinstance(x, LinearOperator):
            self._check_fits(x, self.shape[1] == x.shape[0], "@")
            return _composed(
                (self.shape[0], x.shape[1]), self, x, lambda v: self.dot(x.dot(v)), lambda v: x.H.dot(self.H.dot(v))
            )
        if not shape_of(x := operand(x)):
            return _composed(self.shape, self, x, lambda v: self.dot(v) * x, lambda v: self.H.dot(v) * np.conj(x))
        if len(shape_of(x)) > 2:
            raise self._mismatch("dot", typeof(x), "give a number, a vector, a matrix or a linear operator")
        return self.matvec(x) if shape_of(x) in ((self.shape[1],), (self.shape[1], 1)) else self.matmat(x)

    def __call__(self, x: Any) -> Any:
        return self.dot(x)

    def __mul__(self, x: Any) -> Any:
        return self.dot(x)

    def __matmul__(self, x: Any) -> Any:
        if not isinstance(x, LinearOperator) and not shape_of(operand(x)):
            raise self._mismatch("@", typeof(x), "use * for numbers")
        return self.dot(x)

    def __rmul__(self, x: Any) -> Any:
        return self.dot(x) if not shape_of(operand(x)) else self.__rmatmul__(x)

    def __rmatmul__(self, x: Any) -> Any:
        x = as_array(x)
        if not shape_of(x):
            raise self._mismatch("@", typeof(x), "use * for numbers")
        return np.transpose(self.T.dot(np.transpose(x)))

    # --- operators of operators ---

    @property
    def H(self) -> LinearOperator:
        """The adjoint, the conjugate of the transpose."""
        return self._adjoint()

    def adjoint(self) -> LinearOperator:
        """The adjoint, the conjugate of the transpose."""
        return self.H

    @property
    def T(self) -> LinearOperator:
        """The transpose."""
        m, n = self.shape
        back, forth = (lambda v: np.conj(self.H.dot(np.conj(v)))), (lambda v: np.conj(self.dot(np.conj(v))))
        return LinearOperator((n, m), back, forth, back, self.dtype, forth)

    def transpose(self) -> LinearOperator:
        """The transpose."""
        return self.T

    def _check_fits(self, other: LinearOperator, fits: bool, symbol: str) -> None:
        if not fits:
            raise self._mismatch(symbol, f"one of shape {other.shape}", "combine operators of shapes that fit")

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, LinearOperator):
            return NotImplemented
        self._check_fits(other, self.shape == other.shape, "+")
        return _composed(
            self.shape, self, other, lambda v: self.dot(v) + other.dot(v), lambda v: self.H.dot(v) + other.H.dot(v)
        )

    def __neg__(self) -> LinearOperator:
        return self.dot(-1)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, LinearOperator) else NotImplemented

    def __truediv__(self, number: Any) -> LinearOperator:
        if isinstance(number, LinearOperator) or shape_of(operand(number)):
            raise self._mismatch("/", number, "divide by a number")
        return self.dot(1.0 / operand(number))  # type: ignore[no-any-return]

    def __pow__(self, power: Any) -> LinearOperator:
        self._check_fits(self, self.shape[0] == self.shape[1], "**")
        p = operator.index(power)
        if p < 0:
            raise self._mismatch("**", p, "give a power that is not negative")

        def times(apply: Product) -> Product:
            def repeated(v: Any) -> Any:
                for _ in range(p):
                    v = apply(v)
                return v

            return repeated

        return _composed(self.shape, self, self, times(self.dot), times(lambda v: self.H.dot(v)))

    def __repr__(self) -> str:
        name = "LinearOperator" if type(self) is _OfFunctions else type(self).__name__
        return f"<{self.shape[0]}x{self.shape[1]} {name} with dtype={self.dtype}>"


class _OfFunctions(LinearOperator):
    """What ``LinearOperator(shape, matvec, ...)`` makes."""

    def __init__(
        self,
        shape: Any,
        matvec: Product,
        rmatvec: Product | None = None,
        matmat: Product | None = None,
        dtype: Any = None,
        rmatmat: Product | None = None,
    ):
        given = {"matvec": matvec, "rmatvec": rmatvec, "matmat": matmat, "rmatmat": rmatmat}
        for name, function in given.items():
            if not callable(function) and (function is not None or name == "matvec"):
                what = f"LinearOperator got {name}={function!r}, a {type(function).__name__}."
                raise errors.ArgumentError(what, why="it is to be a function of arrays")
        self.given = given
        super().__init__(dtype, shape)

    def _matvec(self, x: Any) -> Any:
        return self.given["matvec"](x)  # type: ignore[misc]

    def _matmat(self, X: Any) -> Any:
        return (self.given["matmat"] or super()._matmat)(X)

    def _rmatvec(self, x: Any) -> Any:
        return (self.given["rmatvec"] or super()._rmatvec)(x)

    def _rmatmat(self, X: Any) -> Any:
        return (self.given["rmatmat"] or super()._rmatmat)(X)


def _checked_shape(shape: Any) -> tuple[int, int]:
    try:
        m, n = map(operator.index, shape)
    except (TypeError, ValueError):
        m = n = -1
    if min(m, n) < 0:
        raise errors.ArgumentError(f"LinearOperator got shape={shape!r}.", fix="give two numbers, (m, n)")
    return m, n


def _column(y: Any, m: int, name: str) -> Any:
    """What a product returned, as a vector."""
    y = as_array(y)
    if shape_of(y) not in ((m,), (m, 1)):
        what = f"the {name} of a linear operator returned {typeof(y)}."
        raise errors.ArgumentError(what, why=f"the operator's shape asks for a vector of length {m}")
    return np.reshape(y, (m,))


def _by_columns(product: Product, X: Any, m: int) -> Any:
    if not shape_of(X)[1]:
        return np.zeros((m, 0), typeof(X).dtype)
    return vmap(lambda x: _column(product(x), m, "matvec"), 1, 1)(X)


def _composed(shape: tuple[int, int], a: Any, b: Any, product: Product, adjoint: Product) -> LinearOperator:
    """An operator whose products with vectors and with matrices are the same function."""
    dtype = np.result_type(a.dtype, b.dtype if hasattr(b, "dtype") else b)  # a Python number has none
    return LinearOperator(shape, product, adjoint, product, dtype, adjoint)


def aslinearoperator(A: Any) -> LinearOperator:
    """A linear operator of a matrix, dense or sparse, with traced entries or not; of one of SciPy's operators, which are called
    from outside of traced programs; or of anything with ``shape`` and ``matvec``.

    Example:
        >>> aslinearoperator(np.array([[1.0, 2.0], [0.0, 1.0]])).rmatvec(np.array([1.0, 1.0]))
        array([1., 3.])
    """
    if isinstance(A, LinearOperator):
        return A
    if isinstance(A, _scipy.LinearOperator):
        return _of_scipy(A)
    if hasattr(A, "shape") and hasattr(A, "matvec"):
        more = {name: getattr(A, name, None) for name in ("rmatvec", "dtype", "rmatmat")}
        return LinearOperator(A.shape, A.matvec, **more)
    matrix = A if issparse(A) else as_array(np.asarray(A) if isinstance(A, np.matrix) else A)
    if len(matrix.shape) != 2:
        raise errors.ArgumentError(f"aslinearoperator got {typeof(matrix)}.", fix="give a matrix or a linear operator")
    product = lambda v: matrix @ v
    adjoint = lambda v: np.conj(matrix.T @ np.conj(v))
    return LinearOperator(tuple(matrix.shape), product, adjoint, product, matrix.dtype, adjoint)


def _of_scipy(A: Any) -> LinearOperator:
    """One of SciPy's, which takes plain arrays alone: it is called from outside of traced programs."""

    def called(method: str, back: str, n: int) -> Product:
        def product(x: Any) -> Any:
            out = ShapedArray((n, *shape_of(x)[1:]), np.result_type(A.dtype, typeof(x).dtype))
            ours = called(back, method, shape_of(x)[0])
            transpose = lambda ct: (np.astype(np.conj(ours(np.conj(ct))), typeof(x).dtype),)
            run = lambda v: np.asarray(getattr(A, method)(np.asarray(v)), out.dtype)
            return pure_callback(run, out, x, vmap_method="sequential", transpose=transpose)

        return product

    m, n = A.shape
    vectors = called("matvec", "rmatvec", m), called("rmatvec", "matvec", n)
    matrices = called("matmat", "rmatmat", m), called("rmatmat", "matmat", n)
    return LinearOperator((m, n), *vectors, matrices[0], A.dtype, matrices[1])
