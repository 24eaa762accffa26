"""Systems of equations with sparse matrices, differentiable in the matrix and the right-hand side.

>>> import scipy.sparse
>>> from covector import grad
>>> A = scipy.sparse.csc_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
>>> grad(lambda b: np.sum(spsolve(A, b)))(np.ones(2))
array([0.375, 0.25 ])

SciPy solves; derivatives are those of the equation, whose tangents and cotangents solve the same system and the transposed one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse.linalg as _scipy

from covector.core import errors
from covector.core.avals import ShapedArray, shape_of, typeof
from covector.numpy.registry import as_array, inexact
from covector.scipy.iterates import Iterates
from covector.scipy.sparse.arrays import SparseArray, as_matrix, issparse
from covector.scipy.sparse.operators import LinearOperator as LinearOperator
from covector.scipy.sparse.operators import aslinearoperator as aslinearoperator
from covector.transforms.autodiff import linear_transpose
from covector.transforms.callbacks import pure_callback
from covector.transforms.custom_solves import custom_linear_solve
from covector.transforms.jit import jit
from covector.transforms.staging import closure_convert
from covector.transforms.utilities import stop_gradient


class _Factors:
    """The factors of the matrix that was last solved with: the transposed system and later ones use them again."""

    def __init__(self, matrix: SparseArray):
        self.pattern = matrix.pattern
        self.last: tuple[Any, Any] | None = None

    def solve(self, data: Any, b: Any, *, trans: str) -> Any:
        data = np.asarray(data)
        before, factors = self.last or (None, None)
        if before is None or before.dtype != data.dtype or not np.array_equal(before, data):
            factors = self._factorized(data)
            self.last = data.copy(), factors
        return np.full(b.shape, np.nan, b.dtype) if factors is None else factors.solve(np.asarray(b), trans)

    def _factorized(self, data: Any) -> Any:
        matrix = SparseArray(data, self.pattern).to_scipy().tocsc()
        try:
            return _scipy.splu(matrix)
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            warnings.warn("Matrix is exactly singular", _scipy.MatrixRankWarning, stacklevel=2)
            return None


class SuperLU:
    """A matrix ready to be solved with, as `splu` makes it.

    Example:
        >>> splu(np.array([[2.0, 0.0], [1.0, 4.0]])).solve(np.array([2.0, 5.0]))
        array([1., 1.])
    """

    def __init__(self, A: Any):
        self.matrix = as_matrix(A)
        self.shape = self.matrix.shape
        if self.shape[0] != self.shape[1]:
            what = f"a system has a matrix of shape {self.shape}."
            raise errors.ArgumentError(what, why="it must be square")
        self._factors = _Factors(self.matrix)

    def solve(self, b: Any, trans: str = "N") -> Any:
        """The x with ``A @ x = b``, of right-hand sides ``f[n]`` or ``f[n,k]``.

        Args:
            b: right-hand sides.
            trans: "N"; "T" or "H" for the transposed matrix, or its conjugate.

        Raises:
            ArgumentError: shapes do not fit.
        """
        if trans not in ("N", "T", "H"):
            raise errors.ArgumentError(f"solve got trans={trans!r}.", fix="'N', 'T' or 'H'")
        b = inexact(b)
        if len(shape_of(b)) not in (1, 2) or shape_of(b)[0] != self.shape[0]:
            raise errors.ArgumentError(errors.describe(f"a system with a matrix of shape {self.shape} got {typeof(b)}."))
        if trans == "H":
            return np.conj(self.solve(np.conj(b), "T"))
        dtype = np.result_type(self.matrix.dtype, typeof(b).dtype, np.float32)
        data = np.astype(as_array(self.matrix.data), dtype)
        A = SparseArray(data, self.matrix.pattern)
        A = A if trans == "N" else A.T
        held = stop_gradient(data)
        out = ShapedArray(shape_of(b), dtype)

        def by(trans: str) -> Callable[[Any, Any], Any]:
            run = lambda d, y: self._factors.solve(d, y, trans=trans)
            return lambda _, y: pure_callback(run, out, held, y, vmap_method="sequential")

        sides = (by("N"), by("T")) if trans == "N" else (by("T"), by("N"))
        return custom_linear_solve(lambda x: A @ x, np.astype(b, dtype), *sides)


def splu(A: Any) -> SuperLU:
    """The factors of a sparse matrix, which `solve` uses again for further right-hand sides and for derivatives.

    Args:
        A: a square matrix, SciPy's or one of `covector.scipy.sparse`.

    Example:
        >>> splu(np.array([[2.0, 0.0], [1.0, 4.0]])).solve(np.array([3.0, 4.0]), "T")
        array([1., 1.])
    """
    return SuperLU(A)


def factorized(A: Any) -> Callable[[Any], Any]:
    """The function that solves ``A @ x = b``, with factors that are computed once.

    Example:
        >>> factorized(np.array([[2.0, 0.0], [1.0, 4.0]]))(np.array([2.0, 5.0]))
        array([1., 1.])
    """
    return SuperLU(A).solve


def spsolve(A: Any, b: Any) -> Any:
    """The x with ``A @ x = b`` for a sparse matrix, by SuperLU.

    Args:
        A: a square matrix, SciPy's or one of `covector.scipy.sparse`.
        b: right-hand sides ``f[n]`` or ``f[n,k]``, dense.

    Returns:
        The solution, differentiable in the entries of A and in b, a vector if b is one or is one column, as in SciPy; NaN, with
        a warning, where A is singular.

    Raises:
        ArgumentError: shapes do not fit.

    Example:
        >>> spsolve(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 5.0]))
        array([1., 1.])
    """
    if issparse(b):
        fix = "give b.toarray()"
        raise errors.ArgumentError("spsolve got a sparse right-hand side.", fix=fix)
    b = as_array(b)
    column = len(shape_of(b)) == 2 and shape_of(b)[1] == 1
    return SuperLU(A).solve(np.reshape(b, (-1,)) if column else b)


def _function(A: Any, n: int, who: str) -> Callable[[Any], Any]:
    """The product with what a solver is given: a matrix, a linear operator, or a function of vectors."""
    if callable(A) and not hasattr(A, "shape"):
        return A  # type: ignore[no-any-return]
    if hasattr(A, "matvec"):
        A = aslinearoperator(A)
    elif not issparse(A):
        A = as_array(A)
    if tuple(A.shape) != (n, n):
        raise errors.ArgumentError(errors.describe(f"{who} got a matrix of shape {tuple(A.shape)} for {n} equations."))
    matrix = as_matrix(A) if issparse(A) else A
    return matrix.matvec if isinstance(matrix, LinearOperator) else lambda x: matrix @ x


def _bound(f: Callable[..., Any], consts: Any, dtype: Any) -> Callable[[Any], Any]:
    """The operator as SciPy applies it, to integers too."""
    return lambda v: np.asarray(f(np.asarray(v).astype(dtype), *consts))


def _iterated(name: str, A: Any, b: Any, x0: Any, M: Any, symmetric: bool, options: dict[str, Any]) -> tuple[Any, Any]:
    """The solution by an iteration of SciPy's that applies the operator to vectors, and what SciPy says of it."""
    b = inexact(b)
    if len(shape_of(b)) != 1 and shape_of(b)[1:] != (1,):
        fix = "give a vector; each column of several has a solution of its own: covector.vmap, or spsolve for all at once"
        raise errors.ArgumentError(f"{name} got a right-hand side of type {typeof(b)}.", why="it takes one vector", fix=fix)
    b = np.reshape(b, (-1,))
    (n,) = shape_of(b)
    operator = _function(A, n, name)
    dtype = np.result_type(typeof(b).dtype, np.float64, typeof(operator(np.zeros(n, typeof(b).dtype))).dtype)
    if name == "minres" and dtype.kind == "c":
        why = "SciPy's minres has inner products without conjugates, right of real numbers alone"
        raise errors.ArgumentError("minres got complex numbers.", why=why, fix="use cg, bicgstab or gmres")
    b = np.astype(b, dtype)
    start = np.zeros(n, dtype) if x0 is None else np.reshape(np.astype(as_array(x0), dtype), (-1,))
    before = None if M is None else _function(M, n, name)
    zero, iterates, callback = np.zeros(n, dtype), Iterates(), options.get("callback")
    told = {} if callback is None else {"callback": iterates.given_to(callback)}
    options = {k: x for k, x in options.items() if k != "callback"}

    def solver(precondition: Any) -> Callable[[Any, Any], Any]:
        def solve(matvec: Callable[[Any], Any], given: Any) -> Any:
            apply: Any = lambda v: matvec((v, zero, 0.0))[0]
            maps = [apply] if precondition is None else [apply, precondition]
            if name in OF_ADJOINTS:
                maps.append(lambda v: np.conj(linear_transpose(apply, zero)(np.conj(v))[0]))
            closed = [closure_convert(lambda v, f=f: np.astype(f(v), dtype), zero) for f in maps]
            compiled: list[Any] = [jit(f) for f, _ in closed]

            def on_host(y: Any, start: Any, is_first: Any, *consts: Any) -> Any:
                iterates.has_run, more = True, options | (told if is_first else {})
                bound = [_bound(f, c, dtype) for f, c in zip(compiled, consts, strict=True)]
                adjoint = bound.pop() if name in OF_ADJOINTS else None
                operators = [_scipy.LinearOperator((n, n), matvec=f, rmatvec=adjoint, dtype=dtype) for f in bound]
                before = {"M": operators[1]} if operators[1:] else {}
                x, info = getattr(_scipy, name)(operators[0], np.asarray(y), np.asarray(start), **before, **more)
                return np.asarray(x, dtype), np.int64(info)

            results = (ShapedArray((n,), dtype), ShapedArray((), np.dtype(np.int64)))
            consts = [[stop_gradient(c) for c in cs] for _, cs in closed]
            x, info = pure_callback(on_host, results, *given, *consts, vmap_method="sequential")
            return (x, *given[1:]), info

        return solve

    matvec = lambda z: (np.astype(operator(z[0]), dtype), *z[1:])
    given = b, stop_gradient(start), 1.0  # all 0 in systems of derivatives: they begin at 0, and no callback is told
    after = None if before is None else lambda y: linear_transpose(lambda x: np.astype(before(x), dtype), y)(y)[0]
    is_own = symmetric and dtype.kind == "f"  # the transpose of a Hermitian matrix is its conjugate
    back = None if is_own else solver(after)
    values = closure_convert(matvec, given)[1] if told else []
    find = lambda: custom_linear_solve(matvec, given, solver(before), back, symmetric=is_own, has_aux=True)
    (x, *_), info = iterates.solve(find, (b, start, values))
    return x, info


OF_ADJOINTS = ("bicg", "qmr")
"""The iterations that apply the adjoint operator too."""

ITERATED = frozenset("rtol atol maxiter callback restart callback_type inner_m outer_k m k truncate show".split())


def iterated(name: str, A: Any, b: Any, x0: Any = None, *, M: Any = None, **options: Any) -> tuple[Any, Any]:
    """The solution by any iteration of SciPy's, by its name."""
    left = [k for k, x in options.items() if k not in ITERATED and x is not None]
    if left or (M is not None and name in OF_ADJOINTS):
        what = f"{name} got {', '.join(left or ['M'])} and traced values."
        raise errors.ArgumentError(what, why="the iteration of derivatives has it not", fix="leave it out, or take gmres")
    symmetric = name in ("cg", "minres")
    return _iterated(name, A, b, x0, M, symmetric, {k: x for k, x in options.items() if k in ITERATED})


ITERATION = """The x with ``A @ x = b``, by SciPy's `scipy.sparse.linalg.{name}`, for {which}.

    Args:
        A: a matrix, sparse or dense, a linear operator, or a linear function of vectors ``f[n]``; its values may be traced.
        b: the right-hand side ``f[n]``, or ``f[n,1]``.
        x0: where the iteration begins; the solution's derivatives do not depend on it.
        rtol: the residual that ends it, relative to that of zero.
        maxiter: the largest number of steps.
        M: an approximate inverse of A: a matrix, a linear operator or a function.
        callback: SciPy's, which is called after each step; what it gets is as for `covector.scipy.optimize.minimize`.{more}

    Returns:
        The solution, in double precision, and SciPy's ``info``: 0 if it converged.  Derivatives are those of the equation, with
        systems solved by the same iteration: they are as exact as it is.

    Raises:
        ArgumentError: shapes do not fit.

    Example:
        >>> np.round({name}(np.array([[2.0, 1.0], [1.0, 4.0]]), np.array([3.0, 5.0]))[0], 4)
        array([1., 1.])
    """


Callback = Callable[[Any], Any] | None


def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callback = None,
) -> Any:
    return _iterated("cg", A, b, x0, M, True, {"rtol": rtol, "atol": atol, "maxiter": maxiter, "callback": callback})


def minres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callback = None,
) -> Any:
    return _iterated("minres", A, b, x0, M, True, {"rtol": rtol, "maxiter": maxiter, "callback": callback})


def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callback = None,
) -> Any:
    return _iterated("bicgstab", A, b, x0, M, False, {"rtol": rtol, "atol": atol, "maxiter": maxiter, "callback": callback})


def gmres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int | None = None,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callback = None,
    callback_type: str | None = None,
) -> Any:
    options = {"rtol": rtol, "atol": atol, "restart": restart, "maxiter": maxiter}
    return _iterated("gmres", A, b, x0, M, False, options | {"callback": callback, "callback_type": callback_type})


for _solver, _which, _more in (
    (cg, "a symmetric or Hermitian, positive definite matrix", ""),
    (minres, "a real symmetric matrix", ""),
    (bicgstab, "any matrix", ""),
    (
        *(gmres, "any matrix"),
        "\n        restart: after how many steps the iteration begins anew."
        "\n        callback_type: what the callback gets, \"x\" or \"pr_norm\", the relative norm of the residual.",
    ),
):
    _solver.__doc__ = ITERATION.format(name=_solver.__name__, which=_which, more=_more)
