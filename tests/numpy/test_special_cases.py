"""Cases in which NumPy does something that a formula does not say, beyond those that the sweep of `test_agreement` meets."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from transformed import agree, check, same

import covector

TRUE = np.ones(300, bool)
MATRIX = np.ones((300, 2), bool)

CONTRACTIONS: dict[str, Any] = {
    "vdot": (np.vdot, TRUE, TRUE),
    "dot": (np.dot, TRUE, MATRIX),
    "inner": (np.inner, TRUE, MATRIX.T),
    "matmul": (np.matmul, MATRIX.T, MATRIX),
    "tensordot": (lambda a, b: np.tensordot(a, b, 1), MATRIX.T, MATRIX),
    "einsum": (lambda a, b: np.einsum("ij,ik->jk", a, b), MATRIX, MATRIX),
    "einsum with a sum": (lambda a, b: np.einsum("ij,k->k", a, b), MATRIX, TRUE),
    "einsum of three": (lambda a, b: np.einsum("i,i,i->", a, b, a), TRUE, TRUE),
    "vecdot": (np.vecdot, TRUE, TRUE),
    "correlate": (np.correlate, TRUE, TRUE[:290]),
    "correlate full": (lambda a, b: np.correlate(a, b, "full"), TRUE, TRUE[:290]),
    "convolve": (np.convolve, TRUE, TRUE[:290]),
    "convolve same": (lambda a, b: np.convolve(a, b, "same"), TRUE, TRUE[:290]),
}
if hasattr(np, "vecmat"):
    CONTRACTIONS |= {"vecmat": (np.vecmat, TRUE, MATRIX), "matvec": (np.matvec, MATRIX.T, TRUE)}


@pytest.mark.parametrize("name", CONTRACTIONS)
@pytest.mark.parametrize("dtypes", itertools.product((np.bool_, np.int8, np.float32), repeat=2))
def test_contractions_of_booleans(name: str, dtypes: Any) -> None:
    """``or`` of ``and``, in place of a sum of products that overflows after 127."""
    f, a, b = CONTRACTIONS[name]
    a, b = a.astype(dtypes[0]), b.astype(dtypes[1])
    expected = f(a, b)
    same(covector.jit(f)(a, b), expected)
    for mapped in (covector.vmap(f), covector.jit(covector.vmap(f))):
        same(mapped(np.stack([a, a]), np.stack([b, b]))[1], expected)
    same(covector.vmap(f, (None, 0))(a, np.stack([b, b]))[1], expected)


def test_a_convolution_of_infinities_has_no_border() -> None:
    x, y = np.array([[np.inf, 1.0, 2.0]] * 2), np.array([[1.0, 2.0]] * 2)
    same(covector.vmap(np.convolve)(x, y)[1], np.convolve(x[1], y[1]))
    same(covector.vmap(lambda y: np.convolve(y, x[0]))(y)[1], np.convolve(x[1], y[1]))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("mode", ["linear_ramp", "reflect", "symmetric", "wrap", "edge", "mean", "median"])
def test_padding_of_short_axes(mode: str, n: int) -> None:
    check(lambda x: np.pad(x, (3, 2), mode=mode), np.arange(3.0)[:n] + 3)
    check(lambda x: np.pad(x, 2, mode=mode), np.array([[4.0, 1.5, 0.5], [1.0, 3.0, 9.2]])[:, :n])
    agree(lambda x: np.pad(x, (3, 2), mode=mode), np.arange(3)[:n] - 100)


def test_ramps() -> None:
    agree(lambda x: np.pad(x, 3, mode="linear_ramp", end_values=(-4, 200)), np.array([100, -100], np.int8).astype(int))
    agree(lambda x: np.pad(x, 3, mode="linear_ramp", end_values=7), np.array([-100, 100], np.int8))
    check(lambda x: np.pad(x, 3, mode="linear_ramp", end_values=(-4, 2.5)), np.array([[1.0], [2.0]]))
    check(lambda x: np.pad(x, 2, mode="linear_ramp", end_values=x[0]), np.array([1.0, 2.0]))


NAN, INF = np.nan, np.inf
TABLES = {
    "nan": ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, NAN, 3.0]),
    "inf": ([0.0, 1.0, 2.0, 3.0], [INF, 1.0, -INF, -INF]),
    "equal inf": ([0.0, 1.0, 2.0, 3.0], [INF, INF, 1.0, INF]),
    "far": ([-INF, 0.0, 1.0, INF], [1.0, 2.0, 4.0, 4.0]),
    "repeated": ([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 2.0]),
    "nan at the end": ([0.0, 1.0, NAN], [0.0, 1.0, 2.0]),
    "complex": ([0.0, 1.0, 2.0], [1j, 2.0, complex(NAN, 1)]),
    "one": ([1.0], [NAN]),
}


@pytest.mark.parametrize("name", TABLES)
def test_interpolation_beside_nan_and_infinity(name: str) -> None:
    xp, fp = map(np.array, TABLES[name])
    x = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, INF, -INF, NAN])
    for options in ({}, {"left": -7.0, "right": NAN}):
        f = lambda x, xp, fp, options=options: np.interp(x, xp, fp, **options)
        with np.errstate(all="ignore"):
            expected = f(x, xp, fp)
            same(covector.jit(f)(x, xp, fp), expected)
            same(covector.jit(lambda x, f=f: f(x, xp, fp))(x), expected)
            same(covector.jvp(f, (x, xp, fp), (x, xp, fp))[0], expected)
            same(covector.vmap(f, (0, None, None))(x, xp, fp), expected)


def test_derivatives_of_interpolation_beside_nan() -> None:
    xp, fp = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, NAN, 3.0])
    x = np.array([0.5, 1.0])
    slopes = lambda x: covector.jvp(lambda x: np.interp(x, xp, fp), (x,), (np.ones(2),))[1]
    for f in (slopes, covector.jit(slopes)):
        same(f(x), np.array([1.0, NAN]))  # no slope to the right of 1
    for g in (covector.grad, lambda f: covector.jit(covector.grad(f))):
        same(g(lambda fp: np.sum(np.interp(x, xp, fp)))(fp), np.array([0.5, 1.5, 0.0, 0.0]))


@pytest.mark.parametrize(
    "f",
    [np.nanmedian, lambda x, **k: np.nanquantile(x, 0.3, **k), lambda x, **k: np.nanpercentile(x, [1, 2], **k)],
)
@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_medians_and_quantiles_of_nothing(f: Any, dtype: Any) -> None:
    for shape in ((0,), (2, 0, 3), (0, 2)):
        for options in ({}, {"axis": 0}, {"axis": -1}, {"keepdims": True}):
            agree(lambda x: f(x, **options), np.zeros(shape, dtype))  # noqa: B023


def test_functions_of_a_scalar_along_an_axis() -> None:
    for f in (np.argsort, lambda x: np.argsort(x, axis=None), lambda x: x.argsort(axis=0), lambda x: np.argsort(x, axis=1)):
        agree(f, np.array(3.0))
    for f in (lambda x: np.repeat(x, 2, axis=0), lambda x: np.repeat(x, 2, axis=1), lambda x: np.take(x, [0, 0], axis=-1)):
        agree(f, np.array(3.0))


def test_quantiles_of_small_floats_are_found_in_double_precision() -> None:
    x = np.arange(5000, dtype=np.float16) % 1000
    for method in ("linear", "lower", "nearest", "hazen"):
        f = lambda x, method=method: np.quantile(x, 0.7003, method=method)
        if not np.__version__.startswith(("2.0", "2.1", "2.2", "2.3")):
            same(covector.jit(f)(x), f(x))
        assert abs(float(covector.jit(f)(x)) - np.quantile(x.astype(float), 0.7003, method=method)) < 1


def test_rounding_a_number() -> None:
    value, slope = covector.value_and_grad(lambda x: x * round(x))(np.float64(2.6))
    same((value, slope), (np.float64(2.6) * 3, np.float64(3)), rtol=1e-15)
    for x in (np.float32(2.5), np.float64(-2.6), np.float16(1.5)):
        for f in (lambda x: x * round(x), lambda x: x + round(x, 1)):
            same(covector.jit(f)(x), f(x))
            same(covector.jvp(f, (x,), (x,))[0], f(x))
        same(covector.jvp(lambda x: np.ones(2, np.float16) * round(x), (x,), (x,))[0], np.ones(2, np.float16) * round(x))
        same(covector.vmap(lambda x: x * round(x))(x[None])[0], x * round(x))
    assert range(3)[covector.jvp(lambda x: (x, round(x)), (1.2,), (1.0,))[0][1]] == 1
    for x in (np.ones(2), np.complex128(1)):
        with pytest.raises(TypeError, match=r"round\(\)(.|\n)*np\.round\(x\)"):
            covector.jit(round)(x)


@pytest.mark.parametrize("x", [True, 2, 2.5, 1j], ids=repr)
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.float16, np.float32, np.complex64, np.longdouble])
def test_python_numbers_have_no_say_in_a_dtype(x: Any, dtype: Any) -> None:
    """As in NumPy 2 (NEP 50), also where the number is an argument of a jitted function."""
    a = np.array([1, 0], dtype)
    functions: list[Any] = [np.add, np.multiply, np.divide, np.power, np.maximum, np.equal, np.hypot, np.logaddexp, np.arctan2]
    functions += [lambda a, x: np.where(a, a, x), lambda a, x: np.isclose(a, x), lambda a, x: np.clip(a, x, None)]
    for f in functions:
        for g in (f, lambda a, x, f=f: f(x, a)):
            agree(lambda a, g=g: g(a, x), a)
            expected = g(a, x) if not raises(g, a, x) else None
            if expected is not None:
                same(covector.jit(g)(a, x), expected)


def raises(f: Any, *args: Any) -> bool:
    try:
        with np.errstate(all="ignore"):
            f(*args)
    except (TypeError, ValueError):
        return True
    return False


@pytest.mark.parametrize("axis", [-1, 0, None])
def test_argpartition_of_a_scalar(axis: Any) -> None:
    same(covector.jit(lambda x: np.argpartition(x, 0, axis=axis))(3.0), np.argpartition(3.0, 0, axis=axis))
    with pytest.raises(np.exceptions.AxisError):
        covector.jit(lambda x: np.partition(x, 0))(3.0)


@pytest.mark.parametrize("dtype", ["i1", "i8", "f2", "f4", "f8", "g"])
def test_poly_computes_in_the_dtype_of_numpy(dtype: Any) -> None:
    zeros = np.array([0, 3, 1], dtype)
    same(covector.jit(np.poly)(zeros), np.poly(zeros))


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("dtype", [float, np.float32, np.float64, np.array, lambda n: np.complex128(complex(1.0, n)).imag])
def test_constants_that_are_nan_keep_their_signs(dtype: Any, backend: Any) -> None:
    """`copysign` reads them; programs print them."""
    minus, plus = dtype(np.copysign(NAN, -1.0)), dtype(NAN)

    def f(x: Any) -> Any:
        return np.copysign(x, plus), np.copysign(x, minus)

    assert covector.jit(f, backend=backend)(2.0) == (2.0, -2.0)
    printed = str(covector.make_jaxpr(f)(2.0))
    assert printed.count("-nan") == 1
    assert covector.parse(printed) == covector.make_jaxpr(f)(2.0)


@pytest.mark.parametrize("narrow", [np.bool_, np.int8, np.uint8, np.int32, np.float16, np.float32])
@pytest.mark.parametrize("wide", [np.float64, np.complex128])
@pytest.mark.parametrize("spec", ["ab,b,c->a", "ba,b,->a", "ab,bc,c->ac"])
def test_einsum_of_three_multiplies_in_the_precision_of_the_result(spec: str, wide: Any, narrow: Any) -> None:
    """As NumPy does unless it is told to plan: products of two of them alone overflow, or round."""
    big = np.iinfo(narrow).max if np.dtype(narrow).kind in "iu" else 3.14159
    shapes = [tuple(len(c) + 2 for c in term) for term in spec.split("->")[0].split(",")]
    arrays = [np.full(shape, big).astype(narrow) for shape in shapes[:2]] + [np.full(shapes[2], 1.5).astype(wide)]
    f = lambda *xs: np.einsum(spec, *xs)
    wanted = f(*arrays)
    for found in (covector.jit(f)(*arrays), covector.jvp(lambda z: f(*arrays[:2], z), arrays[2:], arrays[2:])[0]):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-14)
