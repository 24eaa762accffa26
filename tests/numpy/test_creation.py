"""Making arrays from traced values, and questions about types that need no values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformed import agree, check, same

import covector
import covector.numpy as cnp
from covector.core import errors

X = np.random.default_rng(0).normal(size=(2, 3))


def test_arrays_of_tracers() -> None:
    check(lambda x, y: cnp.array([[x, y], [1.0, x * y]]), np.array(0.5), np.array(2.0), batch=False)
    check(lambda x: cnp.asarray([x, 2 * x, np.ones((2, 3))]), X, batch=False)
    check(lambda x: cnp.array((x[0], [1, 2, 3]), dtype=np.complex128), X, batch=False)
    single = np.float32(0.5)
    for f, shape, dtype in (
        (lambda x: cnp.array(x, ndmin=3), (1, 1, 1), np.float32),
        (lambda x: cnp.array([x, x], ndmin=1), (2,), np.float32),
        (lambda x: cnp.asarray([x, 1.0]), (2,), np.float64),
        (lambda x: cnp.asarray(x, np.float64), (), np.float64),
    ):
        out = covector.eval_shape(f, single)
        assert (out.shape, out.dtype) == (shape, dtype)
    with pytest.raises(ValueError):
        covector.jit(lambda x: cnp.array([x, x[0]]))(X)
    same(cnp.array([[1, 2]], ndmin=3), np.array([[[1, 2]]]))
    same(cnp.asarray([1, 2], np.float32), np.asarray([1, 2], np.float32))
    assert cnp.asarray(X) is X
    assert cnp.array(X) is not X


def test_arrays_like_another() -> None:
    for f in (np.zeros_like, np.ones_like, np.empty_like):
        for options in ({}, {"dtype": np.int8}, {"shape": (4,)}, {"shape": 2}, {"order": "F"}, {"device": "cpu"}):
            for x in (X, X.astype(np.float32), np.array(2.0), np.arange(3), X + 1j):
                out = covector.eval_shape(lambda x: f(x, **options), x)  # noqa: B023
                like = f(x, **options)
                assert (out.shape, out.dtype) == (like.shape, like.dtype)
    agree(lambda x: np.zeros_like(x), X)
    agree(lambda x: np.ones_like(x), X.astype(np.float16))
    for fill in (2, 2.7, 1j, np.float64(3), [1, 2, 3]):
        agree(lambda x: np.full_like(x, fill), X)  # noqa: B023
        agree(lambda x: np.full_like(x, fill, dtype=int, shape=(4, 3)), X)  # noqa: B023
    agree(lambda x: np.full_like(x, x[0, 0]), X)
    agree(lambda x: np.full_like(x, x[0], dtype=np.float32), X)
    check(lambda x: np.full_like(x, x[0]), X)
    made = []
    covector.grad(lambda x: made.append(np.zeros_like(x)) or np.sum(x))(X)
    assert type(made[0]) is np.ndarray


def test_full() -> None:
    check(lambda x: cnp.full((2, 3), x), np.array(0.5))
    check(lambda x: cnp.full((4, 3), x[0]), X)
    assert covector.eval_shape(lambda x: cnp.full(3, x, np.float32), 2.0).dtype == np.float32
    same(cnp.full(3, 2), np.full(3, 2))
    same(cnp.full((2, 2), 2.5, int), np.full((2, 2), 2.5, int))


def test_arange() -> None:
    same(cnp.arange(2, 7, 2), np.arange(2, 7, 2))
    for transformation in (covector.grad, covector.jit):
        with pytest.raises(errors.TracerIntegerConversionError, match=r"(?s)arange.*np\.linspace"):
            transformation(lambda x: np.sum(cnp.arange(x)))(3.0)
        with pytest.raises(errors.ConcretizationError):
            transformation(lambda x: np.sum(np.arange(x)))(3.0)


@pytest.mark.parametrize("f", [np.linspace, np.logspace, np.geomspace], ids=lambda f: f.__name__)
def test_evenly_spaced_numbers(f: Any) -> None:
    low, high = np.array([0.5, 1.0, 2.0]), np.array([2.0, 1.0, 3.0])
    for options in (
        *({}, {"num": 4}, {"num": 1}, {"num": 0}, {"num": 5, "endpoint": False}, {"num": 3, "axis": 1}, {"num": 3, "axis": -1}),
        *({"num": 6, "dtype": int}, {"num": 3, "dtype": np.float32}, {"num": -1}, {"num": 2.0}, {"num": 3, "dtype": complex}),
    ):
        agree(lambda x: f(x, high, **options), low)  # noqa: B023
        agree(lambda x: f(0.5, x, **options), high)  # noqa: B023
        agree(lambda x, y: f(x, y, **options), low.astype(np.float32), high.astype(np.float32))  # noqa: B023
        agree(lambda x, y: f(x, y, **options), 1j * low, high + 1j)  # noqa: B023
        agree(lambda x: f(x[0], x[1], **options), np.arange(1, 4))  # noqa: B023
    check(lambda x, y: f(x, y, 4), low, high)
    check(lambda x, y: f(x, y, 4, axis=-1), low[0], high)


def test_spacing_options() -> None:
    agree(lambda x: np.linspace(x, 3.0, 5, retstep=True), X)
    agree(lambda x: np.linspace(x, 3.0, 5, endpoint=False, retstep=True), X)
    agree(lambda x: np.logspace(x, 1.0, 3, base=2.0), X)
    agree(lambda b: np.logspace(0.0, 1.0, 3, base=b), np.array([2.0, 3.0]))
    agree(lambda b: np.logspace(0.0, 1.0, 3, base=b, axis=-1), np.array([2.0, 3.0]))
    check(lambda b: np.logspace(0.1, 1.0, 3, base=b), np.array([2.0, 3.0]))
    agree(lambda x: np.geomspace(x, -3.0, 4), np.array([-1.0, -2.0]))
    agree(lambda x: np.geomspace(x, 3.0, 4), np.array([0.0]), staged=False)
    agree(lambda x: np.geomspace(1.0, 0.0 * x, 4), np.array([1.0]), staged=False)


def test_questions_about_types() -> None:
    for x in (X, X.astype(np.float32), X + 1j, np.arange(3)):
        answers = [
            (lambda x: np.result_type(x), np.result_type(x)),
            (lambda x: np.result_type(x, 1.0), np.result_type(x, 1.0)),
            (lambda x: np.result_type(x, np.float64, "i4"), np.result_type(x, np.float64, "i4")),
            (lambda x: np.common_type(x, X), np.common_type(x, X)),
            (lambda x: np.can_cast(x.dtype, "f4"), np.can_cast(x.dtype, "f4")),
            (lambda x: np.min_scalar_type(x), np.min_scalar_type(x)),
            (lambda x: np.iscomplexobj(x), np.iscomplexobj(x)),
            (lambda x: np.isrealobj(x), np.isrealobj(x)),
            (lambda x: np.isscalar(x), False),
            (lambda x: np.can_cast(x, "f4", "same_kind"), np.can_cast(x, "f4", "same_kind")),
        ]
        for question, answer in answers:
            seen = []
            covector.jit(lambda x: seen.append(question(x)) or x)(x)  # noqa: B023
            assert seen == [answer]
    seen = []
    covector.jit(lambda x: seen.append(np.result_type(x, np.float32)) or x)(2.0)
    assert seen == [np.float32]  # a Python number is weakly typed


def test_text() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.extend([f"{x}", str(x), repr(x), np.array_repr(x), np.array_str(x), np.array2string(x, precision=3)])
        return x

    covector.jit(f)(X)
    covector.jvp(f, (X,), (X,))
    assert all("f64[2,3]" in s for s in seen)


def test_namespace() -> None:
    for name in (
        "sin",
        "sum",
        "einsum",
        "concat",
        "permute_dims",
        "acos",
        "astype",
        "float32",
        "pi",
        "newaxis",
        "ndarray",
        "where",
    ):
        assert getattr(cnp, name) is getattr(np, name)
    assert cnp.linalg.inv is np.linalg.inv
    assert cnp.fft is np.fft
    assert {"at", "logsumexp", "cummax", "cummin"} <= set(dir(cnp))
    with pytest.raises(AttributeError):
        cnp.no_such_function
    seen = []
    covector.jit(lambda x: seen.append(x.__array_namespace__()) or x)(X)
    assert seen == [cnp]


def test_take_and_roll_with_traced_indices_of_plain_arrays():
    a = np.arange(4.0)
    np.testing.assert_array_equal(covector.vmap(lambda i: cnp.take(a, i))(np.array([2, 0])), [2.0, 0.0])
    np.testing.assert_array_equal(covector.vmap(lambda n: cnp.roll(a, n))(np.array([1, 0])), [[3.0, 0.0, 1.0, 2.0], a])
    np.testing.assert_array_equal(cnp.take(a, [1, 1]), [1.0, 1.0])
    np.testing.assert_array_equal(cnp.roll(a, 1), [3.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize("make", [cnp.array, cnp.asarray])
def test_long_lists_may_hold_tracers_anywhere(make):
    numbers = [float(i) for i in range(100)]
    np.testing.assert_array_equal(make(numbers), np.array(numbers))
    for place in (0, 1, 50, 99):

        def f(x, place=place):
            return make([*numbers[:place], x, *numbers[place:]])

        for transform in (lambda f: f, covector.jit):
            np.testing.assert_array_equal(transform(covector.jacfwd(f))(7.0), np.eye(101)[place])
        np.testing.assert_array_equal(covector.vmap(f)(np.arange(2.0))[:, place], [0.0, 1.0])
        integers = covector.jit(lambda n, place=place: make([*range(place), n, *range(place, 60)]))(7)
        assert integers[place] == 7 and integers.dtype == np.int64
    with pytest.raises(ValueError, match="inhomogeneous"):
        make([*numbers, [1.0, 2.0]])
    assert make([*numbers, None]).dtype == object
    assert make([*numbers, "a"]).dtype.kind == "U"
