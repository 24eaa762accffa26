"""Linear algebra that solves: Cholesky, linear systems, inverses, determinants and norms, of matrices in the last two axes.

Each primitive takes stacks of matrices, in float32, float64, complex64 or complex128, so that batching adds an axis in front.
Decompositions with eigenvectors and the like are in `covector.primitives.linalg.decompositions`.

Sources of the derivatives: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008); I. Murray, "Differentiation of the Cholesky decomposition" (2016); G. H. Golub and V. Pereyra, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate" (1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from covector.backends.threads import alone
from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, dtype_of, shape_of, typeof
from covector.core.jaxpr import Var
from covector.core.kinds import Elementwise, Factorization, Opaque, Reduction
from covector.core.primitive import Primitive, jointly
from covector.interpreters.jvp import JVPTrace
from covector.interpreters.recording import of_two, recorded
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import (
    Dims,
    align_batch,
    arrive,
    batch_all,
    batch_in_front,
    convert_to,
    moveaxis,
    padded,
    real_dtype,
    reduce_sum_p,
    reshape_to,
    transpose_p,
    unbroadcast,
)
from covector.primitives.derivations import solution_jvp
from covector.primitives.math.arithmetic import conj, direction_p, real
from covector.primitives.math.contraction import contract_stacks, einsum_p, letter
from covector.primitives.math.reductions import keep_axes

LinAlgError = np.linalg.LinAlgError
Rule = Callable[..., Any]

# --- what the rules are written with ------------------------------------------------------------------------------------


def swap(x: Any) -> Any:
    """The transposed matrices."""
    ndim = len(shape_of(x))
    return transpose_p.bind(x, permutation=(*range(ndim - 2), ndim - 1, ndim - 2))


def adjoint(x: Any) -> Any:
    """The conjugate transposed matrices."""
    return conj(swap(x))


def read_triangle(x: Any, lower: bool) -> Any:
    """The Hermitian matrix of which one triangle is that of x, as LAPACK reads it: the diagonal is taken as real."""
    part = keep(triangle(shape_of(x)[-1], lower, strict=True), x)
    return part + adjoint(part) + keep(np.eye(shape_of(x)[-1], dtype=bool), real(x))


def column(v: Any) -> Any:
    """Vectors (in the last axis) as columns."""
    return reshape_to(v, (*shape_of(v), 1))


def row(v: Any) -> Any:
    """Vectors (in the last axis) as rows."""
    shape = shape_of(v)
    return reshape_to(v, (*shape[:-1], 1, shape[-1]))


def diagonal(x: Any) -> Any:
    """The diagonals of square matrices."""
    return einsum_p.bind(x, spec=_diagonal_spec(len(shape_of(x))))


@lru_cache(maxsize=64)
def _diagonal_spec(ndim: int) -> str:
    stack = "".join(map(letter, range(ndim - 2)))
    i = letter(ndim - 2)
    return f"{stack}{i}{i}->{stack}{i}"


def trace_of_product(x: Any, y: Any) -> Any:
    """``trace(x @ y)``."""
    return contract_stacks(x, y, "ij,ji->", "the trace of a product")


def keep(mask: Any, x: Any) -> Any:
    """``x`` where the mask is true, and 0 elsewhere (whatever x is there)."""
    return select_p.bind(mask, x, 0)


def masked_reciprocal(x: Any, zero: Any) -> Any:
    """``1 / x``, and 0 where the mask ``zero`` is true."""
    return select_p.bind(zero, 0, 1 / select_p.bind(zero, 1, x))


def check_matrices(who: str, *avals: ShapedArray, square: bool = True) -> None:
    """Raise as NumPy does unless these are stacks of (square) matrices in a dtype that LAPACK has."""
    for aval in avals:
        if aval.ndim < 2:
            raise LinAlgError(f"{who} takes matrices, and got {aval}, which has fewer than two axes")
        if square and aval.shape[-1] != aval.shape[-2]:
            raise LinAlgError(f"{who} takes square matrices, and got {aval}")
        check_numbers(who, aval)


def check_numbers(who: str, aval: ShapedArray) -> None:
    """Raise as NumPy does unless an array has a dtype that LAPACK has."""
    if aval.dtype.char not in "fdFD":
        raise TypeError(f"{who}: array type {aval.dtype} is unsupported in linalg (of {aval})")


def factorization(
    name: str, fn: Rule, jvp: Rule, results: Rule | None = None, *, square: bool = True, **flags: Any
) -> Primitive:
    """A primitive of stacks of (square) matrices.

    Args:
        name: its name.
        fn, jvp: as for `Factorization`.
        results: ``results(a_aval, **params)`` is the aval of the result, or a list of those of several; by default that of a.
        square: whether the matrices must be square.
        flags: as for `Primitive`.
    """

    def abstract(a: ShapedArray, **params: Any) -> Any:
        check_matrices(name, a, square=square)
        return results(a, **params) if results else a.strengthened()

    return Primitive(name, Factorization(alone(fn), jvp, abstract), trusted=True, **flags)


# --- triangular systems -------------------------------------------------------------------------------------------------


def _triangular_solve(a: Any, b: Any, *, lower: bool, transpose: bool, unit_diagonal: bool) -> Any:
    dtype = np.result_type(a, b)
    if dtype.char not in "fdFD":
        raise TypeError(f"array type {dtype} is unsupported in triangular_solve: convert it to float32, float64 or complex")
    a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    n, k = b.shape[-2:]
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if a.size == 0 or b.size == 0:
        return np.zeros((*stack, n, k), dtype)
    if a.ndim == 2:
        columns = _trsm(a, np.moveaxis(b, -2, 0).reshape(n, -1), lower, transpose, unit_diagonal)
        return np.moveaxis(columns.reshape(n, *stack, k), 0, -2)
    a = np.broadcast_to(a, (*stack, n, n)).reshape(-1, n, n)
    b = np.broadcast_to(b, (*stack, n, k)).reshape(-1, n, k)
    if len(a) > 4 * n:  # few rows: a step for each row is faster than a call for each matrix
        out = _substituted(a, b, lower, transpose, unit_diagonal)
    else:
        out = np.stack([_trsm(x, y, lower, transpose, unit_diagonal) for x, y in zip(a, b, strict=True)])
    return out.reshape(*stack, n, k)


def _trsm(a: Any, b: Any, lower: bool, transpose: bool, unit: bool) -> Any:
    solve = routine("blas", "trsm", a.dtype.char)
    if a.flags.f_contiguous:
        return solve(1.0, a, b, lower=lower, trans_a=transpose, diag=unit)
    return solve(1.0, a.T, b, lower=not lower, trans_a=not transpose, diag=unit)


@cache
def routine(library: str, name: str, dtype_char: str) -> Callable[..., Any]:
    """A routine of BLAS or LAPACK for a dtype."""
    import scipy.linalg  # as slow to import as NumPy itself

    prefix = {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype_char]
    return getattr(getattr(scipy.linalg, library), prefix + name)  # type: ignore[no-any-return]


def _substituted(a: Any, b: Any, lower: bool, transpose: bool, unit: bool) -> Any:
    """Forward or backward substitution in all systems of a stack at once."""
    if transpose:
        a, lower = np.swapaxes(a, -1, -2), not lower
    n = a.shape[-1]
    x = np.empty(b.shape, b.dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(n) if lower else reversed(range(n)):
            known = slice(0, i) if lower else slice(i + 1, n)
            rest = b[:, i] - np.matmul(a[:, i : i + 1, known], x[:, known])[:, 0]
            x[:, i] = rest if unit else rest / a[:, i, i, None]
    return x


def _system(name: str, fn: Callable[..., Any], **flags: Any) -> Primitive:
    """A primitive ``(a, b) -> x`` that solves systems.

    In a batch many right-hand sides of one matrix are more columns; otherwise there is one more axis in front.
    """
    primitive = Primitive(name, Opaque(alone(fn)), trusted=True, **flags)
    in_front = batch_in_front(primitive, align_batch)

    @primitive.def_abstract
    def abstract(a: ShapedArray, b: ShapedArray, **params: Any) -> ShapedArray:
        check_matrices(name, a)
        check_matrices(name, b, square=False)
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"{name}: {a} has {a.shape[-1]} columns, and {b} has {b.shape[-2]} rows")
        stack = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return array_aval((*stack, *b.shape[-2:]), np.result_type(a.dtype, b.dtype))

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Dims, **params: Any) -> Any:
        a, b = args
        if dims[0] is None and len(shape_of(a)) == 2 and len(shape_of(b)) == 3:
            b = moveaxis(b, dims[1] or 0, 2)
            n, k, _ = shape_of(b)
            return reshape_to(primitive.bind(a, reshape_to(b, (n, k * size)), **params), (n, k, size)), 2
        return in_front(size, args, dims, **params)

    return primitive


triangular_solve_p = _system("triangular_solve", _triangular_solve)
"""The x of ``a @ x = b`` (of ``a.T @ x = b`` if ``transpose``) for triangular a, of which one triangle is read.

``unit_diagonal`` takes the diagonal as ones.  A zero on the diagonal gives infinities, and no error.
"""


def _triangular_change(t: Any, x: Any, a: Any, *, lower: bool, transpose: bool, unit_diagonal: bool) -> Any:
    """Of da the triangle that is read."""
    part = keep(triangle(shape_of(a)[-1], lower, strict=unit_diagonal), t)
    return (swap(part) if transpose else part) @ x


triangular_solve_p.def_jvp(solution_jvp(triangular_solve_p, _triangular_change))


def triangle(n: int, lower: bool, strict: bool = False) -> Any:
    """The mask of a triangle of n by n matrices, without the diagonal if ``strict``."""
    mask = np.tri(n, k=-1 if strict else 0, dtype=bool)
    return mask if lower else mask.T


@triangular_solve_p.def_transpose(linear=jointly(1))
def _triangular_solve_transpose(ct: Any, a: Any, b: Any, *, transpose: bool, **params: Any) -> Any:
    return None, unbroadcast(triangular_solve_p.bind(a, ct, transpose=not transpose, **params), b.aval)


def times_inverse(x: Any, upper: Any) -> Any:
    """``x @ inv(upper)`` for an upper triangle."""
    return swap(triangular_solve_p.bind(upper, swap(x), lower=False, transpose=True, unit_diagonal=False))


# --- Cholesky -------------------------------------------------------------------------------------------------------------


def _cholesky_jvp(a: Any, t: Any, *, upper: bool) -> Any:
    """``dL = L Φ(L⁻¹ dA L⁻ᴴ)``, where Φ takes the lower triangle with half the diagonal."""
    out = cholesky_p.bind(a, upper=upper)
    factor = adjoint(out) if upper else out

    def solve(x: Any) -> Any:
        return triangular_solve_p.bind(factor, x, lower=True, transpose=False, unit_diagonal=False)

    n = shape_of(a)[-1]
    phi = (np.tri(n, k=-1) + 0.5 * np.eye(n)).astype(real_dtype(dtype_of(out)))
    tangent = factor @ (phi * solve(adjoint(solve(read_triangle(t, not upper)))))
    return out, adjoint(tangent) if upper else tangent


cholesky_p = factorization("cholesky", lambda a, *, upper: np.linalg.cholesky(a, upper=upper), _cholesky_jvp, makes_new=True)
"""The triangular factor of a positive definite Hermitian matrix, of which one triangle is read.

The derivative is that of the function that is computed, of this triangle: gradients are triangular.
"""


# --- systems and inverses ---------------------------------------------------------------------------------------------------

solve_p = _system("solve", np.linalg.solve, makes_new=True)
solve_p.def_jvp(solution_jvp(solve_p, lambda t, x, a: t @ x))


@solve_p.def_rule("record")
@of_two
def _solve_record(trace: JVPTrace, a: Any, va: Any, b: Any, vb: Any, params: dict[str, Any]) -> Any:
    """Of a known matrix."""
    if va is not None or not _is_one_system(a, b):
        return None
    out = _solution(a, b)
    return recorded(trace, out, typeof(out), solve_p, (a, vb))


@solve_p.def_rule("pull")
def _solve_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    a, x = inputs
    solved = _solution(a.T, ct) if _is_one_system(a, ct) else solve_p.bind(swap(a), ct)
    arrive(arrived, x, solved, out)


def _is_one_system(a: Any, b: Any) -> bool:
    return type(a) is np.ndarray and a.ndim == b.ndim == 2 and a.dtype is b.dtype and b.size > 0


def _solution(a: Any, b: Any) -> Any:
    """That of one system, in a third of the time that `numpy.linalg.solve` takes for a small one."""
    _, _, x, failed = routine("lapack", "gesv", a.dtype.char)(a, b)
    if failed:
        raise LinAlgError("Singular matrix")
    return x


@solve_p.def_transpose(linear=jointly(1))
def _solve_transpose(ct: Any, a: Any, b: Any) -> Any:
    return None, unbroadcast(solve_p.bind(swap(a), ct), b.aval)


def _inv(a: Any, *, checked: bool) -> Any:
    try:
        return np.linalg.inv(a)
    except LinAlgError:
        if checked:
            raise
    singular = np.linalg.slogdet(a).sign == 0
    return np.linalg.inv(np.where(singular[..., None, None], np.array(np.nan, a.dtype), a))


def _inv_jvp(a: Any, t: Any, *, checked: bool) -> Any:
    """``-a⁻¹ da a⁻¹``."""
    out = inv_p.bind(a, checked=checked)
    return out, -(out @ t @ out)


inv_p = factorization("inv", _inv, _inv_jvp, makes_new=True)
"""The inverse; of a singular matrix an error if ``checked``, else NaN (for derivatives, which may be discarded)."""


def _pseudo_inverse(a: Any, rcond: Any, *, hermitian: bool) -> Any:
    if not np.isfinite(np.tril(a) if hermitian else a).all():  # else NumPy may take singular values that are NaN for zeros
        raise LinAlgError("SVD did not converge")
    return np.linalg.pinv(a, rcond=rcond, hermitian=hermitian)


pinv_p = Primitive("pinv", Opaque(_pseudo_inverse), trusted=True, makes_new=True)
"""The pseudo-inverse of a, which is finite; singular values up to ``rcond`` times the largest count as zero.

``hermitian`` reads the lower triangle.  The derivative is that among matrices of the same rank (elsewhere there is none).
"""


@pinv_p.def_abstract
def _pinv_abstract(a: ShapedArray, rcond: ShapedArray, *, hermitian: bool) -> ShapedArray:
    check_matrices("pinv", a, square=hermitian)
    if broadcast_shapes(rcond.shape, a.shape[:-2]) != a.shape[:-2]:
        raise ValueError(f"pinv got rcond {rcond} for matrices {a}: one bound for all, or one for each")
    return array_aval((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)


@pinv_p.def_batch
def _pinv_batch(size: int, args: Sequence[Any], dims: Dims, *, hermitian: bool) -> Any:
    (a,), rcond = batch_all(size, args[:1], dims[:1]), args[1]
    if dims[1] is not None:
        rcond = padded(moveaxis(rcond, dims[1], 0), len(shape_of(a)) - 2)
    return pinv_p.bind(a, rcond, hermitian=hermitian), 0


@pinv_p.def_jvp
def _pinv_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, hermitian: bool) -> Any:
    """``dP = -P dA P + P Pᴴ dAᴴ (1 - A P) + (1 - P A) dAᴴ Pᴴ P`` (Golub and Pereyra)."""
    a, rcond = primals
    t = tangents[0]
    p = pinv_p.bind(a, rcond, hermitian=hermitian)
    if type(t) is Zero:
        return p, typeof(p).zero
    if hermitian:
        a, t = read_triangle(a, True), read_triangle(t, True)
    th, ph = adjoint(t), adjoint(p)
    outside_range = p @ (ph @ (th - th @ a @ p))
    outside_rows = (th - p @ (a @ th)) @ ph @ p
    return p, outside_range + outside_rows - p @ t @ p


# --- vector norms -----------------------------------------------------------------------------------------------------------

_powers = Elementwise(
    lambda share, exponent: np.where(share == 0, 0, np.where(share == 0, 1, share) ** exponent),
    lambda out, share, exponent: exponent * share ** (exponent - 1),
    lambda out, share, exponent: out * np.log(convert_to(np.where(share == 0, 1, share), dtype_of(out))),
)
_share_power = Primitive("share_power", _powers, trusted=True, makes_new=True)
"""A power of numbers from 0 to 1, and 0 at 0 also for a negative exponent."""


def _norm(x: Any, *, order: float, axes: tuple[int, ...]) -> Any:
    if order == 2:
        square = x * x if x.dtype.kind != "c" else x.real**2 + x.imag**2
        return np.sqrt(np.add.reduce(square, axes))
    return np.add.reduce(np.abs(x) ** order, axes) ** (1 / order)


def _norm_jvp(out: Any, x: Any, t: Any, *, order: float, axes: tuple[int, ...]) -> Any:
    size = keep_axes(out, x, axes)
    if order > 2 and dtype_of(x).kind != "c":  # smooth in elements that are 0
        weights = np.sign(x) * _share_power.bind(direction_p.bind(size, np.abs(x)), order - 1)
    else:
        weights = conj(direction_p.bind(size, x))
        if order != 2:
            weights = weights * _share_power.bind(direction_p.bind(size, np.abs(x)), order - 2)
    return reduce_sum_p.bind(real(weights * t), axes=axes)


norm_p = Primitive("norm", Reduction(_norm, _norm_jvp, dtype=real_dtype), trusted=True, makes_new=True)
"""The p-norm over ``axes``, ``(sum |x|^p)^(1/p)``, for a number p = ``order`` other than 0 and infinity.

The derivative at 0 is 0 and the second derivative NaN, there and, for orders below 2, in elements that are 0.
"""
