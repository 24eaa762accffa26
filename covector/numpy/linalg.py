"""``covector.numpy.linalg``: NumPy's functions of linear algebra, which dispatch on tracers, `triangular_solve`, and functions
of Hermitian matrices that have all derivatives at equal eigenvalues too (`matrix_function`).

What NumPy computes from one triangle of a Hermitian matrix (``cholesky``, ``eigh``, ``eigvalsh``) is computed from that
triangle here too, and the derivative is that of this function: finite differences in any direction agree, and gradients are
triangular.  Symmetrize the argument, ``(a + a.T) / 2``, for a symmetric gradient.  ``eig`` and ``eigvals`` are always complex
on tracers.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.linalg import *  # noqa: F403
from numpy.linalg import LinAlgError

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase, apply_to_one
from covector.numpy.contraction import LETTERS, pairwise
from covector.numpy.hermitian import expmh, logmh, matrix_function, powmh, sqrtmh
from covector.numpy.registry import as_array, canonical_axis, implements, inexact
from covector.numpy.undetermined import undetermined_where
from covector.primitives.arrays.shaping import real_dtype, reshape_p, reshape_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.linalg.decompositions import eig_p, eigh_p, qr_p, svd_p
from covector.primitives.linalg.determinants import det_p, slogdet_p
from covector.primitives.linalg.solving import (
    adjoint,
    check_matrices,
    check_numbers,
    cholesky_p,
    column,
    inv_p,
    norm_p,
    pinv_p,
    row,
    solve_p,
    swap,
    triangular_solve_p,
)
from covector.primitives.math.contraction import contract, mismatch
from covector.primitives.math.reductions import keep_axes

# The classes of NumPy's named tuples, which have no public name.
_functions: tuple[Any, ...] = (np.linalg.eig, np.linalg.eigh, np.linalg.qr, np.linalg.slogdet, np.linalg.svd)
_EigResult, _EighResult, _QRResult, _SlogdetResult, _SVDResult = (type(f(np.eye(1))) for f in _functions)


def _matrices(x: Any, who: str, square: bool = True) -> Any:
    if type(x) is np.ndarray and x.ndim == 2 and x.shape[0] == x.shape[1] and x.dtype.char in "fdFD":
        return x
    x = inexact(x)
    check_matrices(f"numpy.linalg.{who}", typeof(x), square=square)
    return x


# --- decompositions -----------------------------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return cholesky_p.bind(_matrices(a, "cholesky"), upper=bool(upper))


def _is_lower(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return UPLO.upper() == "L"


@implements(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    lower = _is_lower(UPLO)
    return _EighResult(*eigh_p.bind(_matrices(a, "eigh"), lower=lower, vectors=True))


@implements(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    lower = _is_lower(UPLO)
    return eigh_p.bind(_matrices(a, "eigvalsh"), lower=lower, vectors=False)[0]


@implements(np.linalg.eig)
def _eig(a: Any) -> Any:
    return _EigResult(*eig_p.bind(_matrices(a, "eig"), vectors=True))


@implements(np.linalg.eigvals)
def _eigvals(a: Any) -> Any:
    return eig_p.bind(_matrices(a, "eigvals"), vectors=False)[0]


@implements(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    a = _matrices(a, "svd", square=hermitian)
    if hermitian:
        return _hermitian_svd(a, compute_uv)
    outs = svd_p.bind(a, full_matrices=bool(full_matrices and compute_uv), compute_uv=bool(compute_uv))
    return _SVDResult(*outs) if compute_uv else outs[0]


def _hermitian_svd(a: Any, compute_uv: bool) -> Any:
    """Singular values are the absolute eigenvalues, in descending order."""
    w, v = _eigh(a)
    s = np.abs(w)
    if not compute_uv:
        return np.flip(np.sort(s, axis=-1), axis=-1)
    order = np.flip(np.argsort(s, axis=-1), axis=-1)
    sign = np.take_along_axis(np.sign(w), order, axis=-1)
    u = np.take_along_axis(v, row(order), axis=-1)
    return _SVDResult(u, np.take_along_axis(s, order, axis=-1), adjoint(u * row(sign)))


_svdvals = implements(np.linalg.svdvals)(partial(_svd, compute_uv=False))


@implements(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"numpy.linalg.qr of a traced value has the modes 'reduced', 'complete' and 'r', not {mode!r}")
    outs = qr_p.bind(_matrices(a, "qr", square=False), mode=mode)
    return outs[0] if mode == "r" else _QRResult(*outs)


# --- systems, inverses, determinants ---------------------------------------------------------------------------------------


@implements(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    a = _matrices(a, "solve")
    return _with_columns(partial(solve_p.bind, a), a, b, "numpy.linalg.solve")


def _with_columns(solver: Callable[[Any], Any], a: Any, b: Any, who: str) -> Any:
    """Solve for a matrix of right-hand sides, or for one vector as a column."""
    aval, equations = typeof(b) if isinstance(b, TracerBase) else None, a.shape[-1]
    if aval is None or aval.weak_type or aval.dtype.kind not in "fc":
        b = inexact(b)
        aval = typeof(b)
    check_numbers(who, aval)
    if not aval.shape:
        raise mismatch(who, (a, b), "the right-hand side is a vector or a matrix")
    vector = len(aval.shape) == 1
    if aval.shape[0 if vector else -2] != equations:
        b = column(b) if vector else b
        raise mismatch(who, (a, b), f"{equations} equations have {shape_of(b)[-2]} right-hand sides")
    if not vector:
        return solver(b)
    x = solver(apply_to_one(reshape_p, b, {"shape": (*aval.shape, 1)}))
    shape = aval.shape if type(a) is np.ndarray and a.ndim == 2 else x.shape[:-1]
    return apply_to_one(reshape_p, x, {"shape": shape})


def triangular_solve(
    a: Any,
    b: Any,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    """Solve a triangular system ``op(a) @ x = b`` or ``x @ op(a) = b``, of arrays or tracers.

    Args:
        a: matrices ``(..., n, n)``, of which one triangle is read.
        b: right-hand sides ``(..., n, k)`` on the left side, ``(..., k, n)`` on the right; or one vector ``(n,)``.
        left_side: solve ``op(a) @ x = b``; by default ``x @ op(a) = b``, as JAX's function of this name.
        lower: read the lower triangle of ``a``; by default the upper one.
        transpose_a, conjugate_a: what ``op`` does.
        unit_diagonal: take the diagonal of ``a`` as ones.

    Returns:
        ``x``, with the shape of b (leading axes broadcast).  A zero on the diagonal gives infinities or NaN.

    Raises:
        LinAlgError: ``a`` is not square.
        ValueError: shapes do not fit.
        TypeError: the dtype is none of float32, float64, complex64, complex128 (integers are converted to float64).

    Example:
        >>> triangular_solve(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([2.0, 3.0]), left_side=True, lower=True)
        array([1., 2.])
    """
    who = "covector.numpy.linalg.triangular_solve"
    a, b = inexact(a), inexact(b)
    check_matrices(who, typeof(a))
    if conjugate_a:
        a = np.conj(a)

    def solver(b: Any) -> Any:
        return triangular_solve_p.bind(
            a, b, lower=bool(lower), transpose=bool(transpose_a) == bool(left_side), unit_diagonal=bool(unit_diagonal)
        )

    if left_side or len(shape_of(b)) < 2:
        return _with_columns(solver, a, b, who)
    return swap(_with_columns(solver, a, swap(b), who))


@implements(np.linalg.inv)
def _inv(a: Any) -> Any:
    return inv_p.bind(_matrices(a, "inv"), checked=True)


implements(np.linalg.det)(lambda a: det_p.bind(_matrices(a, "det")))
implements(np.linalg.slogdet)(lambda a: _SlogdetResult(*slogdet_p.bind(_matrices(a, "slogdet"))))


@implements(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("rtol and rcond can't be both set.")
    shape = np.shape(a)
    if len(shape) > 1 and 0 in shape[-2:]:
        return np.zeros((*shape[:-2], shape[-1], shape[-2]), dtype_of(as_array(a)))
    a = _matrices(a, "pinv", square=hermitian)
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
    if rcond is None:
        rcond = _precision(a)
    return pinv_p.bind(a, rcond, hermitian=bool(hermitian))


def _precision(a: Any) -> float:
    """The relative size of singular values that are zero up to rounding."""
    return max(shape_of(a)[-2:]) * float(np.finfo(dtype_of(a)).eps)


@implements(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """``numpy.linalg.lstsq``.

    It is computed in double precision, as NumPy does.  Where values are not known (under jit and vmap) there are residuals, NaN
    where there should be none: of a lower rank.
    """
    a, b = _matrices(a, "lstsq", square=False), inexact(b)
    check_numbers("numpy.linalg.lstsq", typeof(b))
    dtype = np.result_type(dtype_of(a), dtype_of(b))
    a, b = (np.astype(x, np.result_type(dtype, np.float64)) for x in (a, b))
    m, n = shape_of(a)[-2:]
    if len(shape_of(a)) != 2 or len(shape_of(b)) not in (1, 2):
        raise LinAlgError(f"numpy.linalg.lstsq takes a matrix and a vector or matrix, and got {typeof(a)} and {typeof(b)}")
    if shape_of(b)[0] != m:
        raise LinAlgError(f"numpy.linalg.lstsq: {typeof(a)} and {typeof(b)} do not have the same number of rows")
    rcond = _precision(a) if rcond is None else float(np.finfo(dtype_of(a)).eps) if rcond == -1 else rcond
    x = _pinv(a, rcond) @ b
    s = _svdvals(a)
    rank = np.sum(s > rcond * np.max(s, axis=-1, keepdims=True, initial=0), axis=-1, dtype=np.int32)
    residuals: Any = np.zeros(0)
    if m > n and _is_full(rank, n):
        residuals = np.sum(np.square(np.abs(b - a @ x)), axis=0)
        residuals = reshape_to(residuals, (1,)) if not shape_of(residuals) else residuals
        residuals = residuals if concrete(rank) is not None else undetermined_where(rank < n, residuals)
    number = real_dtype(dtype)
    return np.astype(x, dtype), np.astype(residuals, number), rank, np.astype(s, number)


def _is_full(rank: Any, n: int) -> bool:
    try:
        return int(rank) == n
    except errors.ConcretizationError:
        return True


@implements(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    a = as_array(a)
    shape = shape_of(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    return np.reshape(_inv(np.reshape(a, (int(np.prod(shape[ind:], dtype=int)), -1))), shape[ind:] + shape[:ind])


@implements(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Any:
    a, b = as_array(a), as_array(b)
    ndim = len(shape_of(a))
    if axes is not None:
        last = [canonical_axis(k, ndim, "numpy.linalg.tensorsolve") for k in axes]
        a = np.transpose(a, [k for k in range(ndim) if k not in last] + last)
    unknowns = shape_of(a)[len(shape_of(b)) :]
    n = int(np.prod(unknowns, dtype=int))
    if int(np.prod(shape_of(a), dtype=int)) != n**2:
        raise LinAlgError(f"numpy.linalg.tensorsolve: {typeof(a)} and {typeof(b)} are not a square system")
    return reshape_to(_solve(reshape_to(a, (n, n)), reshape_to(b, (n,))), unknowns)


# --- powers and products ---------------------------------------------------------------------------------------------------


@implements(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    """Repeated squaring."""
    a = as_array(a)
    shape = shape_of(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise LinAlgError(f"numpy.linalg.matrix_power takes square matrices, and got {typeof(a)}")
    try:
        n = operator.index(n)
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        return np.broadcast_to(np.eye(shape[-1], dtype=dtype_of(a)), shape).copy()
    if n < 0:
        a, n = _inv(a), -n
    result = None
    while True:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if not n:
            return result
        a = a @ a


@implements(np.linalg.multi_dot, out=1)
def _multi_dot(arrays: Sequence[Any]) -> Any:
    """The products in the order that opt_einsum finds cheapest."""
    operands = [as_array(x) for x in arrays]
    if len(operands) < 2:
        raise ValueError("Expecting at least two arrays.")
    ranks = [len(shape_of(x)) for x in operands]
    if any(n != 2 for n in ranks[1:-1]) or not {1, 2}.issuperset(ranks):
        raise LinAlgError(f"numpy.linalg.multi_dot takes matrices (and vectors at the ends), and got {ranks} axes")
    terms = [LETTERS[i : i + 2] for i in range(len(operands))]
    terms[0], terms[-1] = terms[0][2 - ranks[0] :], terms[-1][: ranks[-1]]
    result = (terms[0][0] if ranks[0] == 2 else "") + (terms[-1][-1] if ranks[-1] == 2 else "")
    for x, y in itertools.pairwise(operands):
        if shape_of(x)[-1] != shape_of(y)[0]:
            raise mismatch("numpy.linalg.multi_dot", (x, y), f"lengths {shape_of(x)[-1]} and {shape_of(y)[0]} are paired")
    for i, j, step in pairwise(tuple(terms), result, tuple(map(shape_of, operands))):
        y, x = operands.pop(j), operands.pop(i)
        operands.append(contract(x, y, step, "numpy.linalg.multi_dot"))
    return operands[0]


# --- norms and numbers -------------------------------------------------------------------------------------------------------


@implements(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = inexact(x)
    ndim = len(shape_of(x))
    if axis is None and ord is None:
        axes: tuple[int, ...] = tuple(range(ndim))
        out = norm_p.bind(x, order=2.0, axes=axes)
    else:
        axes = _axes_of(axis if axis is None or isinstance(axis, tuple) else _integer_axis(axis), ndim, "numpy.linalg.norm")
        if len(axes) == 1:
            out = _vector_norm(x, ord, axes)
        elif len(axes) == 2:
            if axes[0] == axes[1]:
                raise ValueError("Duplicate axes given.")
            out = _matrix_norm(x, "fro" if ord is None else ord, *axes)
        else:
            raise ValueError("Improper number of dimensions to norm.")
    return keep_axes(out, x, axes) if keepdims else out


def _axes_of(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    """The axes of a norm, in the order given; None for all."""
    given = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(canonical_axis(k, ndim, who) for k in given)


def _integer_axis(axis: Any) -> int:
    try:
        return operator.index(axis)
    except TypeError as error:
        raise TypeError("'axis' must be None, an integer or a tuple of integers") from error


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    ord = 2 if ord is None else ord
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == np.inf:
        return _largest(np.abs(x), axes)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axes)
    if ord == 0:
        return np.sum(np.not_equal(x, 0), axis=axes, dtype=real_dtype(dtype_of(x)))
    if ord == 1:
        return np.sum(np.abs(x), axis=axes)
    return norm_p.bind(x, order=float(ord), axes=tuple(sorted(axes)))


def _largest(x: Any, axis: Any) -> Any:
    """The maximum of numbers that are not negative: 0 if there are none."""
    return np.max(x, axis=axis) if typeof(x).size else np.max(x, axis=axis, initial=0)


def _matrix_norm(x: Any, ord: Any, rows: int, columns: int) -> Any:
    """Sums of absolute values over one axis, extreme over the other; or functions of the singular values."""
    if ord in ("fro", "f"):
        return norm_p.bind(x, order=2.0, axes=tuple(sorted((rows, columns))))
    if ord in (1, -1, np.inf, -np.inf):
        summed, extreme = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed)
        extreme -= extreme > summed
        return _largest(sums, extreme) if ord > 0 else np.min(sums, axis=extreme)
    if ord in (2, -2, "nuc"):
        s = _svdvals(np.moveaxis(x, (rows, columns), (-2, -1)))
        if ord == "nuc":
            return np.sum(s, axis=-1)
        return _largest(s, -1) if ord > 0 else np.min(s, axis=-1)
    raise ValueError("Invalid norm order for matrices.")


@implements(np.linalg.vector_norm)
def _linalg_vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = inexact(x)
    axes = _axes_of(axis, len(shape_of(x)), "numpy.linalg.vector_norm")
    out = _vector_norm(x, ord, axes)
    return keep_axes(out, x, axes) if keepdims else out


implements(np.linalg.matrix_norm)(partial(_norm, ord="fro", axis=(-2, -1)))


@implements(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    x = _matrices(x, "cond", square=p not in (None, 2, -2))
    if 0 in shape_of(x)[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        s = _svdvals(x)
        number = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        inverse = inv_p.bind(x, checked=False)
        none = np.any(np.isnan(inverse), axis=(-2, -1), keepdims=True)  # which has no singular values, whose sum "nuc" is
        size = _norm(np.where(none, 0.0, inverse), p, (-2, -1))
        number = np.where(none[..., 0, 0], np.nan, _norm(x, p, (-2, -1)) * size)
    singular = np.logical_and(np.isnan(number), np.logical_not(np.any(np.isnan(x), axis=(-2, -1))))
    return np.where(singular, np.inf, number)


@implements(np.linalg.matrix_rank)
def _matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    A = as_array(A)
    if len(shape_of(A)) < 2:
        return np.any(np.not_equal(A, 0)).astype(int)
    s = _svd(A, compute_uv=False, hermitian=hermitian)
    if tol is not None:
        return np.sum(s > column(as_array(tol)), axis=-1)
    relative = _precision(inexact(A)) if rtol is None else column(as_array(rtol))
    return np.sum(s > relative * np.max(s, axis=-1, keepdims=True, initial=0), axis=-1)


__all__ = ["expmh", "logmh", "matrix_function", "powmh", "sqrtmh", "triangular_solve"]
__all__ += np.linalg.__all__
