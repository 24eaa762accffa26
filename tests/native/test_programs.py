"""Compiled programs against the source backend: operations, shapes, views, reductions, products, assembled arrays, loops."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from primitive_table import TABLE
from same import agree, compiled_equations, program_of, same
from scipy import special

import covector as cv
from covector import numpy as cnp
from covector.backends.native import backend, rules, segments
from covector.core.primitive import primitive_named
from covector.testing import Program, random_programs

pytest.importorskip("llvmlite", reason="the native backend needs llvmlite, which the test extra installs")


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def positive(*shape: int) -> Any:
    """For sums in which nothing cancels."""
    return np.random.default_rng(sum(shape)).uniform(0.5, 1.5, size=shape)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.5, -2.5, 0.5, -0.5, 1e-310, 1e300, 3.0, -7.0, 9.0, 1e-8])
INTEGERS = np.array([0, 1, -1, 2, -2, 3, 7, -7, 63, 64, 100, -100, 2**31 - 1, -(2**31), 5, 6, 4])
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65]


# --- elementwise ----------------------------------------------------------------------------------------------------------

UNARY = [
    np.negative, np.square, np.abs, np.fabs, np.sign, np.reciprocal, np.sqrt, np.exp, np.expm1, np.tanh, np.log, np.log1p,
    np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.arcsinh, np.arccosh, np.arctanh, np.cbrt,
    np.exp2,
    np.log2, np.log10, np.floor, np.ceil, np.trunc, np.rint, np.isnan, np.isinf, np.isfinite, np.signbit, np.deg2rad,
    np.rad2deg,
    np.logical_not, lambda x: x**2, lambda x: x**3, lambda x: x**-1, lambda x: x**0.5, lambda x: x**2.5,
    lambda x: np.abs(x).astype(np.float32), lambda x: x > 0.5, lambda x: np.clip(x, -1, 2), lambda x: np.where(x > 0, x, 0),
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin, np.power, np.arctan2, np.hypot,
    np.fmod, np.remainder, np.floor_divide, np.copysign, np.heaviside, np.nextafter, np.logaddexp, np.equal,
    np.not_equal, np.less, np.less_equal,
    np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_xor,
]  # fmt: skip
OF_INTEGERS = [
    np.add, np.subtract, np.multiply, np.floor_divide, np.remainder, np.bitwise_and, np.bitwise_or, np.bitwise_xor,
    np.left_shift, np.right_shift, np.maximum, np.minimum, np.equal, np.less, np.greater_equal,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("i", range(len(UNARY)))
def test_functions_of_one_number(i: int, dtype: Any) -> None:
    with np.errstate(over="ignore"):
        x = SPECIAL.astype(dtype)
    agree(UNARY[i], x, ulps=8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_functions_of_two_numbers(f: Any, dtype: Any) -> None:
    with np.errstate(over="ignore"):
        x, y = (a.ravel().astype(dtype) for a in np.meshgrid(SPECIAL, SPECIAL))
    agree(f, x, y, ulps=8, whole=f is not np.nextafter or dtype is np.float64)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8, np.uint64])
@pytest.mark.parametrize("f", OF_INTEGERS, ids=lambda f: f.__name__)
def test_functions_of_two_integers(f: Any, dtype: Any) -> None:
    x, y = (a.ravel().astype(dtype) for a in np.meshgrid(INTEGERS, INTEGERS))
    agree(f, x, y)


def test_factors_that_only_change_sign_or_exponent() -> None:
    tiny = np.finfo(np.float64).smallest_subnormal
    x = np.array([1.0, -3.0, 0.0, -0.0, np.inf, -np.inf, np.nan, 3 * tiny, -5 * tiny, 1e308, -1e308, 7e-310])
    for c in (1.0, -1.0, 2.0, -0.5, 3.0, 2.0**60, -(2.0**-60), 2.0**-1022, 2.0**1023):
        f = lambda x, c=c: (x * c, c * x, x / c)
        with np.errstate(over="ignore", invalid="ignore"):
            found, wanted = (cv.jit(f, backend=b)(x) for b in ("native", "numpy"))
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))


def test_conversions() -> None:
    kinds = [np.bool_, np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64]
    for source, target in itertools.product(kinds, kinds):
        x = np.arange(-3, 14).astype(source)
        agree(lambda x, target=target: x.astype(target), x, whole=False)


def test_numbers() -> None:
    agree(lambda x, y: (x * y, np.sin(x) + y, x > y, np.sum(y)), 2.0, np.float64(3.0))
    agree(lambda n: n + 1, 2)


# --- shapes ---------------------------------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[..., Any]] = {
    "transpose": lambda x: x.T * 2.0,
    "reversed": lambda x: x[::-1, ::-1] + x,
    "strided": lambda x: x[::2, 1::2] * x[0, 0],
    "row and column": lambda x: x[0][None] - x[:, 0][:, None],
    "merged axes": lambda x: np.reshape(x * 2.0, (-1,)) + 1.0,
    "split and merged": lambda x: np.reshape(np.reshape(np.sin(x), (-1,))[: x.size // 2 * 2], (2, -1)).T,
    "of a transpose": lambda x: np.reshape(x.T, (-1,)) * 3.0,
    "broadcast": lambda x: np.broadcast_to(x[:, None, :], (x.shape[0], 3, x.shape[1])) * 2.0,
    "one element": lambda x: x[-1, -1] * 2.0,
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("shape", [(1, 2), (2, 3), (3, 2), (5, 17), (17, 5), (1, 33), (33, 2), (9, 16)])
def test_views(name: str, shape: tuple[int, int]) -> None:
    agree(VIEWS[name], normal(*shape))


@pytest.mark.parametrize(("strides", "dilations"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 2), (2, 1))])
def test_convolutions(strides: tuple[int, int], dilations: tuple[int, int]) -> None:
    x, k = normal(2, 3, 13, 17), normal(4, 3, 3, 2)
    f = lambda x, k: cv.lax.conv_general_dilated(x, k, strides, "VALID", rhs_dilation=dilations)
    agree(f, x, k, ulps=256, whole=False)
    agree(cv.grad(lambda x, k: np.sum(np.sin(f(x, k))), (0, 1)), x, k, ulps=2**12, whole=False)
    pool = lambda x: cv.lax.reduce_window(np.sin(x), 0.0, np.add, (1, 1, 2, 2), (1, 1, *strides), "VALID")
    agree(pool, x, ulps=256, whole=False)
    agree(cv.grad(lambda x: np.sum(pool(x) ** 2)), x, ulps=2**12, whole=False)


@pytest.mark.parametrize("reduce", [np.sum, np.prod, np.max, np.min, np.any, np.all], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", SIZES)
def test_reductions(reduce: Any, n: int) -> None:
    x = positive(n, 3, 9)
    x = x > 1 if reduce in (np.any, np.all) else x
    for axes in [None, 0, 1, 2, (0, 1), (0, 2), (1, 2)]:
        agree(lambda x, axes=axes: reduce(x, axis=axes), x, ulps=256)
        agree(lambda x, axes=axes: reduce(x, axis=axes), np.ascontiguousarray(x.T), ulps=256)


@pytest.mark.parametrize("n", [1, 5, 8, 100, 1000, 4097])
def test_reductions_of_what_is_computed(n: int) -> None:
    x = positive(n)
    agree(lambda x: (np.sum(np.sin(x) * x), np.max(x * 2), np.sum(x), x - np.mean(x)), x, ulps=16)
    agree(lambda x: np.sum(x * x), x.astype(np.float32), ulps=64)
    agree(lambda x: np.sum(x[:, None] * x[None, :3] + 1.0, axis=0), x, ulps=64)


def test_extrema_with_nan_and_signed_zeros() -> None:
    for x in ([1.0, np.nan, 2.0], [-0.0, -0.0], [np.nan] * 40, [*range(40), np.nan], [-np.inf] * 9):
        agree(lambda x: (np.max(x), np.min(x), np.sum(x)), np.array(x))


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_extrema_of_integers(kind: str) -> None:
    ends = np.iinfo(kind)
    for x in ([ends.min] * 40, [ends.max] * 40, [ends.max - 1, ends.max], [ends.min + 1, ends.min] * 20, [ends.min + 1] * 3):
        agree(lambda x: (np.max(x), np.min(x)), np.array(x, kind))


SPECS = """
    ij,jk->ik ij,kj->ik ji,jk->ik ij,j->i ji,j->i i,i-> ijk,ikl->ijl ijk,ilk->ijl bqhd,bkhd->bhqk bhqk,bkhd->bqhd i,j->ij
    ij,ij->i ijk,j->ik
""".split()


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("size", [1, 3, 8, 9, 20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_products(spec: str, size: int, dtype: Any) -> None:
    operands, _ = spec.split("->")
    letters = sorted(set(operands) - {","})
    lengths = {c: size + i for i, c in enumerate(letters)}
    arrays = [(8 * normal(*(lengths[c] for c in term))).astype(dtype) for term in operands.split(",")]
    agree(lambda x, y: cnp.einsum(spec, x, y), *arrays, ulps=8 * size)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_products_in_registers(spec: str, dtype: Any) -> None:
    """In loops that are too small for memory."""
    operands, out = spec.split("->")
    x, y = ((8 * normal(*(3 if c == "j" else 2 for c in term))).astype(dtype) for term in operands.split(","))
    start = np.zeros([3 if c == "j" else 2 for c in out], dtype)
    agree(lambda c, x, y: cv.lax.fori_loop(0, 3, lambda i, c: cnp.einsum(spec, x, y) + c, c), start, x, y, ulps=16)
    agree(lambda x, y: cv.lax.scan(lambda c, y: (c, cnp.einsum(spec, c, y)), x, y[None]), x, y.astype(np.float32), ulps=16)


def test_products_of_views_and_of_results() -> None:
    x, y = normal(20, 33), normal(33, 9)
    agree(lambda x, y: np.tanh(x @ y) @ (y.T * 2.0) @ x.T[::-1], x, y, ulps=200)
    agree(lambda x, y: (x[::2] @ y, x.T @ x, (x @ y).T @ x), x, y, ulps=200)
    agree(lambda x, y: x.astype(np.float32) @ y, x, y, ulps=200)


ASSEMBLED: dict[str, Callable[..., Any]] = {
    "concatenate": lambda x: np.concatenate([x, x * 2.0, np.sin(x)], axis=1),
    "concatenate inputs": lambda x: np.concatenate([x, x]) * 2.0,
    "stack": lambda x: np.stack([x, np.cos(x), x + 1.0], axis=1),
    "stack of numbers": lambda x: np.stack([x[0, 0], x[0, 0] * 2.0]),
    "pad": lambda x: np.pad(np.sin(x), 2),
    "pad in a stack": lambda x: np.stack([g := np.pad(x, 1), np.sin(g)], axis=1),
    "overlapping parts": cv.grad(lambda x: np.sum(x[1:] ** 2 * x[:-1]) if x.shape[0] > 1 else np.sum(x)),
    "nested": lambda x: np.concatenate([np.stack([x, x * 3.0]), np.stack([np.exp(x), x])]),
    "mixed dtypes": lambda x: np.concatenate([x, x.astype(np.float32)]) * 2.0,
    "used again": lambda x: np.sum(np.concatenate([y := np.tanh(x), y * y])) + y,
}


@pytest.mark.parametrize("name", ASSEMBLED)
@pytest.mark.parametrize("shape", [(2, 3), (5, 17), (9, 1), (1, 40)])
def test_assembled_arrays(name: str, shape: tuple[int, int]) -> None:
    agree(ASSEMBLED[name], normal(*shape), ulps=16)


def test_softmax_and_its_like() -> None:
    def f(x: Any) -> Any:
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        return np.sum(p * np.log(p + 1e-9)), p, np.argsort(np.sum(p, axis=0))

    for shape in [(3, 4), (20, 33), (1, 100)]:
        x = normal(*shape)
        agree(lambda x: f(x)[:2], x, ulps=64)
        agree(cv.grad(lambda x: f(x)[0]), x, ulps=256)
        agree(f, x, ulps=64, whole=False)


# --- loops and branches ---------------------------------------------------------------------------------------------------


def looped(n: int, reverse: bool) -> Callable[..., Any]:
    def f(x: Any, c: Any) -> Any:
        step = lambda carry, a: ((np.tanh(carry[0] + a), carry[1] * 0.5 + np.sum(a)), carry[0] * carry[1])
        return cv.lax.scan(step, (c, 1.0), x[:n], reverse=reverse)

    return f


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("size", [1, 3, 20, 65])
def test_scans(n: int, size: int, reverse: bool) -> None:
    x, c = normal(8, size), normal(size)
    agree(looped(n, reverse), x, c, ulps=64)
    total = lambda x, c: sum(np.sum(leaf) for leaf in cv.tree.leaves(looped(n, reverse)(x, c)))
    agree(cv.grad(total, (0, 1)), x, c, ulps=1000)
    agree(looped(n, reverse), np.asfortranarray(x), c[::1], ulps=64)


@pytest.mark.parametrize("size", [1, 3, 20, 65])
def test_while_loops(size: int) -> None:
    c = positive(size) / 1.5
    agree(
        lambda c: cv.lax.while_loop(lambda s: np.sum(s[0]) < 40.0, lambda s: (s[0] * 1.5, s[1] + np.sin(s[0])), (c, c)),
        c,
        ulps=64,
    )
    agree(lambda c: cv.lax.while_loop(lambda s: np.sum(s) < 0.0, lambda s: s * 1.5, c), c)
    agree(lambda c: cv.lax.fori_loop(0, 5, lambda i, s: s * i + c, c), c)


@pytest.mark.parametrize("size", [1, 3, 65])
@pytest.mark.parametrize("i", [-1, 0, 1, 2, 9])
def test_branches(size: int, i: int) -> None:
    c = normal(size)
    agree(lambda i, c: cv.lax.switch(i, [np.sin, np.cos, lambda x: x * 2.0], c), i, c, ulps=16)
    agree(lambda i, c: cv.lax.cond(i > 0, lambda c: (np.sin(c), c[0]), lambda c: (c, 2.0), c), i, c, ulps=16)


def test_loops_in_loops() -> None:
    def f(x: Any) -> Any:
        inner = lambda c: cv.lax.while_loop(lambda s: s[0] < 3.0, lambda s: (s[0] + 0.7, s[1] * 0.9 + np.sum(x)), (c * 0.0, c))[
            1
        ]
        outer = lambda c, a: (cv.lax.cond(a > 0, inner, lambda c: c - 1.0, c), c)
        return cv.lax.scan(outer, 1.0, x)

    for n in (3, 12, 100):
        agree(f, normal(n), ulps=256)
    table = normal(30, 30)
    agree(lambda x: cv.lax.scan(lambda c, a: (np.tanh(table @ c + a), c), x, np.ones((5, 30))), normal(30), ulps=64)


# --- places that integers point to, and functions along an axis ------------------------------------------------------------

ROWS, COLUMNS = np.array([0, 3, -1, 3, 19, -20, 7]), np.array([0, 8, -1, 2, 2, 5, 8])
POINTED: dict[str, Callable[..., Any]] = {
    "rows": lambda x, i, j: np.sin(x[i]) * 2.0,
    "elements": lambda x, i, j: x[i, j] + 1.0,
    "a grid": lambda x, i, j: x[i[:, None], j[None, :]] * 2.0,
    "columns": lambda x, i, j: x[:, j] * 2.0,
    "one place": lambda x, i, j: x[i[0]] * 2.0 + x[i[1], 3],
    "booleans": lambda x, i, j: (x > 0)[i] & (x[i] > 1),
    "of what is computed": lambda x, i, j: np.exp(x)[i] + np.tanh(x[i + 0]),
    "gradient of rows": cv.grad(lambda x, i, j: np.sum(np.sin(x[i]) ** 2)),
    "gradient of elements": cv.grad(lambda x, i, j: np.sum(np.sin(x[i, j]) ** 2)),
    "set": lambda x, i, j: cnp.at(x)[i].set(1.5),
    "set to the last": lambda x, i, j: cnp.at(x)[i].set(np.arange(7.0)[:, None] * np.ones(9)),
    "add": lambda x, i, j: cnp.at(x)[i, j].add(2.0),
    "multiply": lambda x, i, j: cnp.at(x)[i, j].multiply(2.0),
    "minimum": lambda x, i, j: cnp.at(x)[i, j].min(0.0),
    "maximum": lambda x, i, j: cnp.at(x)[:, j].max(0.0),
    "set a slice": lambda x, i, j: cnp.at(x)[2:5, ::2].set(7.0) * 2.0,
    "set a slice backwards": lambda x, i, j: cnp.at(x)[5:2:-1, 3].set(np.arange(3.0)),
    "add to a slice": lambda x, i, j: cnp.at(x)[1:-1].add(x[2:] - x[:-2]),
    "gradient of a slice": cv.grad(lambda x, i, j: np.sum(np.sin(cnp.at(x)[2:5, ::2].set(7.0)))),
    "in a loop": lambda x, i, j: cv.lax.scan(lambda c, k: (c + x[k], c[k % 9]), x[0], i),
    "written in a loop": lambda x, i, j: cv.lax.scan(lambda c, k: (cnp.at(c)[k].set(np.sin(c[0])), None), x[:, 0], i)[0],
    "written in a small loop": lambda x, i, j: cv.lax.scan(lambda c, k: (cnp.at(c)[k].add(np.sin(c[k - 1])), c[k]), x[0], j),
    "twice": lambda x, i, j: cnp.at(cnp.at(x)[i].add(1.0))[i, j].multiply(3.0),
}


@pytest.mark.parametrize("name", POINTED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_places_that_integers_point_to(name: str, dtype: Any) -> None:
    agree(POINTED[name], normal(20, 9).astype(dtype), ROWS, COLUMNS, ulps=64)
    agree(POINTED[name], normal(20, 9).astype(dtype), ROWS.astype(np.int32), COLUMNS.astype(np.int8), ulps=64)


@pytest.mark.parametrize("wrong", [20, -21, 10**12, -(10**12)])
@pytest.mark.parametrize("name", ["rows", "elements", "set", "add", "in a loop", "written in a loop"])
def test_an_index_out_of_bounds_raises_what_numpy_does(name: str, wrong: int) -> None:
    x, i = normal(20, 9), ROWS.copy()
    run = backend.compiled(program_of(POINTED[name], x, i, COLUMNS))
    wanted = run(x, i, COLUMNS)
    i[4] = wrong
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 20"):
        run(x, i, COLUMNS)
    same(run(x, ROWS, COLUMNS), wanted, 0)


@pytest.mark.parametrize("shape", [(1,), (7,), (20, 9), (9, 20), (3, 4, 17)])
@pytest.mark.parametrize("f", [np.cumsum, np.cumprod, np.maximum.accumulate, np.minimum.accumulate, np.argmax, np.argmin])
def test_along_an_axis(f: Any, shape: tuple[int, ...]) -> None:
    x = positive(*shape)
    for axis in range(len(shape)):
        agree(lambda x, axis=axis: f(x * 1.0, axis=axis), x, ulps=64)
        agree(lambda x, axis=axis: f(x[::-1].T, axis=axis), x, ulps=64)
    if f in (np.cumsum, np.cumprod):
        agree(cv.grad(lambda x: np.sum(f(x, axis=0) ** 2)), x, ulps=2**12, whole=False)


def test_where_the_largest_is() -> None:
    for x in ([1.0, np.nan, 3.0, np.nan], [1.0, 3.0, 3.0, 1.0], [-0.0, 0.0], [np.inf, -np.inf], [*range(20), np.nan, 3.0]):
        agree(lambda x: (np.argmax(x * 1.0), np.argmin(x * 1.0)), np.array(x))
        agree(lambda x: (np.argmax(x * 2, axis=1), np.argmin(x * 2, axis=0)), np.array([np.nan_to_num(x), x]).astype(int) % 7)
        agree(lambda x: (np.argmax(x > 1, axis=1), np.argmin(x > 1, axis=0)), np.array([x, x[::-1]]))


# --- systems and factorizations -------------------------------------------------------------------------------------------


def matrices(n: int, dtype: Any) -> tuple[Any, Any, Any]:
    """A matrix, one that is positive definite, and right-hand sides."""
    a = normal(n, n)
    return (a + 3 * np.eye(n)).astype(dtype), (a @ a.T + n * np.eye(n)).astype(dtype), normal(n, 4).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 3, 5, 20, 65])
def test_systems_and_factorizations(n: int, dtype: Any) -> None:
    a, p, b = matrices(n, dtype)
    stack, stacked = np.stack([p, a, p * 2]), np.stack([b, b, b * 2])
    for upper in (False, True):
        agree(lambda p, upper=upper: np.linalg.cholesky(p, upper=upper), p, ulps=2**10)
    agree(lambda p: np.linalg.cholesky(p[::-1, ::-1].T * 2.0), np.stack([p, p])[0], ulps=2**10)
    agree(np.linalg.cholesky, np.stack([p, 2 * p]), ulps=2**10)
    for x, y in [(p, b), (p, b[:, 0]), (stack, stacked), (stack, b[None]), (a.T, b[:, ::-1])]:
        agree(np.linalg.solve, x, y, ulps=2**14)
        agree(lambda x, y: np.linalg.inv(x) @ y[..., None] if y.ndim == 1 else np.linalg.inv(x), x, y, ulps=2**14)
    for lower, transposed, unit in itertools.product((False, True), (0, 1), (False, True)):
        solve = lambda p, b, options=(transposed, lower, unit): cv.scipy.linalg.solve_triangular(p, b, *options)
        agree(solve, p / n, b, ulps=2**14)
    both = lambda p, b: np.sum(np.linalg.solve(p, b) ** 2) + np.sum(np.log(np.diagonal(np.linalg.cholesky(p))))
    agree(cv.grad(both, (0, 1)), p, b, ulps=2**16)
    agree(lambda p, b: cv.lax.scan(lambda c, x: (np.linalg.solve(p, c) + x, c), b, np.ones((6, n, 4), dtype)), p, b, ulps=2**14)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_determinants(n: int) -> None:
    a, p, _ = matrices(n, np.float64)
    for x in (a, p, -p, np.stack([a, p, np.zeros((n, n))]), np.full((n, n), np.nan), a[::-1]):
        agree(lambda x: (np.linalg.det(x) * 1.0, np.linalg.slogdet(x)), x, ulps=2**14)
    agree(cv.grad(lambda x: np.linalg.slogdet(x)[1]), a, ulps=2**14, whole=False)
    agree(
        lambda x: cv.lax.scan(lambda c, k: (c + np.linalg.slogdet(x * k)[1], np.linalg.det(x)), 0.0, np.arange(1.0, 4.0)),
        a,
        ulps=2**14,
    )


@pytest.mark.parametrize("f", [np.linalg.solve, lambda p, b: np.linalg.inv(p), lambda p, b: np.linalg.cholesky(p)])
def test_matrices_that_are_refused(f: Any) -> None:
    _, p, b = matrices(5, np.float64)
    run = backend.compiled(program_of(f, p, b))
    right = run(p, b)
    with pytest.raises(np.linalg.LinAlgError, match=r"Singular matrix|not positive definite"):
        run(np.zeros((5, 5)), b)
    same(run(p, b), right, 0)


# --- operations that are compiled as programs, and of SciPy ------------------------------------------------------------------

OF_ONE = [
    special.erf, special.erfc, special.ndtr, special.expit, special.log_expit, special.logit, special.entr, special.expm1,
    special.log1p, special.cbrt, special.exp2,
]  # fmt: skip
EXPANDED: dict[str, Callable[..., Any]] = {
    "logsumexp": lambda x: cnp.logsumexp(x, axis=1) * 2.0,
    "logsumexp of all": lambda x: cnp.logsumexp(x * 2.0),
    "norm": lambda x: np.linalg.norm(x * 2.0, axis=0),
    "norm of order 3": lambda x: np.linalg.norm(x * 2.0, 3, axis=1),
    "variance": lambda x: np.var(x * 2.0, axis=1),
    "standard deviation": lambda x: np.std(x * 2.0, axis=0, ddof=1),
    "diagonal": lambda x: np.diagonal(x[:, :3] * 2.0) + 1.0,
    "trace": lambda x: np.trace(x[:3, :3] * 2.0),
    **{f.__name__: lambda x, f=f: f(x) * 2.0 for f in OF_ONE},
    **{f.__name__: lambda x, f=f: f(x, x[::-1]) * 2.0 for f in (special.xlogy, special.xlog1py)},
    "logaddexp2": lambda x: np.logaddexp2(x, x[::-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPANDED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_operations_that_are_compiled_as_programs(name: str, dtype: Any) -> None:
    x = normal(5, 17).astype(dtype)
    agree(EXPANDED[name], x, ulps=64)
    agree(cv.grad(lambda x: np.sum(EXPANDED[name](x))), x, ulps=2**10, whole=False)
    for values in ([0.0, -0.0, np.inf], [-np.inf, np.nan, 1.0], [-np.inf] * 3, [np.inf, np.inf, -1.0]):
        agree(EXPANDED[name], np.tile(np.array(values, dtype), (3, 1)), ulps=64)


# --- random numbers -----------------------------------------------------------------------------------------------------------


def test_random_numbers_have_the_same_bits() -> None:
    key = cv.random.key(7)
    keys = cv.random.split(key, 5)
    for shape in [(), (3,), (17,), (4, 33), (2, 3, 9)]:
        agree(lambda k, shape=shape: cv.random.bits(k, shape, np.uint64), key, ulps=0)
        for dtype in (np.uint32, np.uint8):
            agree(lambda k, shape=shape, dtype=dtype: cv.random.bits(k, shape, dtype) + dtype(1), key, ulps=0)
        for dtype in (np.float64, np.float32):
            agree(lambda k, shape=shape, dtype=dtype: cv.random.uniform(k, shape, dtype, -1.0, 3.0), key, ulps=0)
        agree(cv.vmap(lambda k, shape=shape: cv.random.uniform(k, shape)), keys, ulps=0)
    agree(lambda k: cv.lax.scan(lambda c, k: (c + np.sum(cv.random.uniform(k, (20,))), c), 0.0, k), keys, ulps=64)
    agree(lambda k: cv.lax.scan(lambda c, k: (c + np.sum(cv.random.uniform(k, (3,))), c), 0.0, k), keys, ulps=64)


# --- calls ----------------------------------------------------------------------------------------------------------------


@cv.custom_jvp
def sine(x: Any) -> Any:
    return np.sin(x)


sine.defjvp(lambda primals, tangents: (sine(*primals), np.cos(primals[0]) * tangents[0]))
WEIGHTS = np.arange(4.0)


@cv.custom_vjp
def weighted(x: Any) -> Any:
    return np.sin(x) * WEIGHTS


weighted.defvjp(lambda x: (weighted(x), x), lambda x, ct: (np.cos(x) * ct * WEIGHTS,))


def test_custom_rules_and_checkpoints() -> None:
    x = normal(4)
    f = lambda x: np.sum(sine(x) * weighted(x) * cv.checkpoint(lambda x: np.sin(np.sin(x * WEIGHTS)))(x))
    agree(f, x, ulps=64)
    agree(cv.grad(f), x, ulps=64)
    agree(cv.vmap(cv.grad(f)), np.stack([x, 2 * x]), ulps=64)
    loop = lambda x: cv.lax.scan(lambda c, a: (cv.checkpoint(sine)(c + a), weighted(c)), x, np.ones((5, 4)))[1]
    agree(loop, x, ulps=64)
    agree(cv.grad(lambda x: np.sum(loop(x))), x, ulps=256)


# --- partitions -----------------------------------------------------------------------------------------------------------


def test_what_has_no_rule_runs_between_compiled_parts() -> None:
    f = lambda x: np.sort(np.sin(x) * 2.0)[::-1] * np.argsort(np.cos(x))
    x = normal(40)
    agree(f, x, whole=False)
    compiled, others = compiled_equations(program_of(f, x))
    assert others == 2 and compiled >= 4
    program = segments.partitioned(program_of(f, x))
    assert [e.primitive.name for e in program.equations] == ["native", "sort", "argsort", "native"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sort(x),
        lambda x: (x, x[::-1], 2.0),
        lambda x: np.fft.fft(x),
        lambda x: x + 1j,
        lambda x: np.sum(x[:0]),
        lambda x: (np.sin(x), np.sin(x) * 1j),
        lambda x: (np.sin(x), np.sort(x), np.full(3, 2.0), np.zeros((2, 2)) + 1.0),
    ],
)
def test_programs_of_which_little_or_nothing_is_compiled(f: Any) -> None:
    agree(f, normal(9), whole=False)


def test_effects_happen() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        y = np.sin(x)
        cv.debug.callback(lambda y: seen.append(y), y)
        return y * 2.0

    agree(f, np.ones(3), whole=False)
    assert len(seen) == 3  # of the source, and of the compiled program with its code at first and the better one


# --- all primitives, and random programs ----------------------------------------------------------------------------------

COMPILED = sorted(n for n in (*rules.TABLE,) if n in TABLE and n not in ("scan", "while", "cond"))


@pytest.mark.parametrize("name", COMPILED)
def test_every_primitive(name: str) -> None:
    """The cases of `test_every_primitive`, in the dtypes that both know."""
    entry = TABLE[name]
    for dtype in entry.dtypes:

        @settings(max_examples=8, database=None, derandomize=True)
        @given(entry.cases(dtype))
        def tried(case: Any) -> None:
            args, params = case if isinstance(case[0], tuple) and isinstance(case[1], dict) else (case, {})
            with np.errstate(all="ignore"):
                agree(lambda *args: primitive_named(name).bind(*args, **params), *args, ulps=64, whole=False)

        tried()


MIXTURES = {
    "all": None,
    "dense": ["arithmetic", "shapes", "reductions", "contraction", "comparison", "exponential"],
    "loops": ["control flow", "arithmetic", "shapes", "calls", "indexing"],
}


@pytest.mark.parametrize("name", MIXTURES)
def test_random_programs(name: str) -> None:
    @settings(max_examples=40)
    @given(random_programs(MIXTURES[name]))
    def tried(program: Program) -> None:
        total = lambda *args: sum(np.sum(np.real(leaf) * 1.0) for leaf in cv.tree.leaves(program(*args)))
        floats = tuple(i for i, x in enumerate(program.inputs) if np.asarray(x).dtype.kind in "fc")
        for f in (program, *([cv.grad(total, floats)] if floats else [])):
            try:
                text = str(program_of(f, *program.inputs))
            except cv.errors.CovectorError:
                continue  # a branch on a value
            eps = 2.0**-23 if "f32" in text or "c64" in text else 0.0  # doubles may be made of what was rounded to these
            agree(f, *program.inputs, ulps=2**14, whole=False, eps=eps, summed=0.1)  # gradients may cancel

    tried()
