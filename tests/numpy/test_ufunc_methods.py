"""``reduce``, ``accumulate``, ``reduceat``, ``outer``, ``at`` and calls with options, on tracers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import scipy.special
from transformed import agree, check, same

import covector
from covector.core import errors
from covector.core.tracer import UFUNCS
from covector.numpy.ufuncs import ACCUMULATE, REDUCE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
INTS = RNG.integers(0, 30, (3, 4))
MASK = X > -0.5


def named(functions: Any) -> Any:
    return pytest.mark.parametrize("ufunc", functions, ids=lambda f: f.__name__)


@named(list(REDUCE))
def test_reduce(ufunc: np.ufunc) -> None:
    integer = ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm)
    x = INTS if integer else X
    for options in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}):
        agree(lambda x: ufunc.reduce(x, **options), x)  # noqa: B023
    if ufunc.identity is not None or ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
        agree(lambda x: ufunc.reduce(x, axis=None), x)
        agree(lambda x: ufunc.reduce(x, axis=(0, 1)), x)
    agree(lambda x: ufunc.reduce(x, axis=2), x)
    agree(lambda x: ufunc.reduce(x, axis=0), x[:0])
    if not integer:
        agree(ufunc.reduce, x[0, 0])


def test_reduce_options() -> None:
    for ufunc in (np.add, np.multiply):
        agree(lambda x: ufunc.reduce(x, 0, np.float32), X)  # noqa: B023
        agree(lambda x: ufunc.reduce(x, initial=3.0, where=MASK), X)  # noqa: B023
        check(lambda x: ufunc.reduce(x, axis=1), X)  # noqa: B023
    for ufunc in (np.maximum, np.minimum):
        agree(lambda x: ufunc.reduce(x, initial=0.1, where=MASK), X)  # noqa: B023
        agree(lambda x: ufunc.reduce(x, where=MASK), X)  # noqa: B023
    for ufunc in (np.logical_and, np.logical_or):
        agree(lambda x: ufunc.reduce(x, where=MASK), X)  # noqa: B023
    check(lambda x: np.logaddexp.reduce(x, axis=1), X)
    same(covector.jit(lambda m: np.add.reduce(X, where=m))(MASK), np.add.reduce(X, where=MASK))


STARTS = [
    np.add, np.multiply, np.maximum, np.fmin, np.logical_and, np.logical_xor, np.logaddexp, np.hypot, np.logaddexp2, np.power,
    np.subtract, np.divide, np.copysign, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm, np.floor_divide,
]  # fmt: skip


@named(STARTS)
def test_reductions_with_a_start_and_a_mask(ufunc: np.ufunc) -> None:
    of_integers = ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm)
    mask = MASK.copy()
    mask[:, 2] = False
    for x in (INTS % 7 + 1, (INTS % 7 + 1).astype(np.uint8), *([] if of_integers else [np.abs(X) + 0.5])):
        start = x[0, 0]
        agree(lambda x: ufunc.reduce(x, initial=start), x)  # noqa: B023
        agree(lambda x: ufunc.reduce(x, initial=None), x)
        agree(lambda x: ufunc.reduce(x, initial=None), x[:0])
        agree(lambda x: ufunc.reduce(x, where=mask), x)
        agree(lambda x: ufunc.reduce(x, where=mask, initial=None), x)
        agree(lambda x: ufunc.reduce(x, 0, where=mask, initial=start), x)  # noqa: B023
        agree(lambda x: ufunc.reduce(x, 0, keepdims=True, where=mask[0], initial=start), x)  # noqa: B023
    if not of_integers:
        x = np.abs(X) + 0.5
        check(lambda x: ufunc.reduce(x[1:], 0, where=mask[1:], initial=x[0, 1]) * 1.0, x)
        expected = ufunc.reduce(x, 0, where=mask, initial=1.5)
        same(covector.jit(lambda m: ufunc.reduce(x, 0, where=m, initial=1.5))(mask), expected)


def test_a_dtype_in_which_nothing_is_computed() -> None:
    for method in (np.float_power.reduce, np.float_power.accumulate):
        agree(lambda x: method(x, dtype=np.float32), np.abs(X))  # noqa: B023


def buffer() -> Any:
    return np.full(4, -1.0)


HELD = np.zeros(4)


def test_out_that_is_known_to_the_call_alone() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 0.5]), np.array([1.0, 0.0, 2.0, 0.0])
    calls = [
        lambda x, y: np.divide(x, y, out=np.zeros_like(x), where=y > 0.5),
        lambda x, y: np.log(y, where=y > 0.5, out=buffer()) + x,
        lambda x, y: np.log(y, buffer(), where=y > 0.5) * x,
        lambda x, y: np.add(x, y[0], out=np.zeros((2, 4))),
        lambda x, y: np.arccosh(x, out=np.zeros(4), where=x > 1.5),
        lambda x, y: np.sqrt(y, out=np.zeros(4), where=y > 0.5, casting="unsafe"),
        lambda x, y: scipy.special.gammaln(x, out=np.zeros(4)) + y,
        lambda x, y: np.multiply(x, y, out=np.zeros(4, np.float32)),
        lambda x, y: np.add(x > 1, y > 0, out=np.zeros(4)) * x,
    ]
    for f in calls:
        agree(f, x, y)
    for f in calls[:5]:
        check(f, x, y)


def test_out_that_others_may_know_is_refused() -> None:
    args, options, again = (X[0], np.zeros(4)), {"out": np.zeros(4)}, functools.partial(np.sin, out=np.zeros(4))

    def named(x: Any) -> Any:
        mine = np.zeros(4)
        return np.sin(x, out=mine)

    def given(x: Any, out: Any) -> Any:
        return np.sin(x, out=out)

    calls = [
        named, again, lambda x: given(x, np.zeros(4)), lambda x: np.sin(x, out=HELD), lambda x: np.sin(x, out=HELD[:]),
        lambda x: np.sin(x, out=HELD.reshape(4)), lambda x: np.sin(x, **options), lambda x: np.add(x, *args),
        lambda x: np.sin(x, out=(np.zeros(4),)), lambda x: list(map(np.sin, [x], [np.zeros(4)])),
        lambda x: np.sin(x, out=np.frombuffer(bytearray(32))), lambda x: np.sin(x, out=x), lambda x: np.sin(HELD, out=x),
        lambda x: np.modf(x, np.zeros(4), np.zeros(4)),
    ]  # fmt: skip
    for f in calls:
        for transform in (covector.jit, covector.vmap, lambda f: lambda x: covector.vjp(f, x)):
            with pytest.raises(errors.InPlaceWriteError):
                transform(f)(X if transform is covector.vmap else X[0])
    assert not HELD.any()
    with pytest.raises(errors.InPlaceWriteError, match=r"cannot cast its output from dtype\('float64'\) to dtype\('int64'\)"):
        covector.jit(lambda x: np.sin(x, out=np.zeros(4, np.int64)))(X[0])
    with pytest.raises(ValueError, match=r"non-broadcastable output operand|cannot be broadcast"):
        covector.jit(lambda x: np.sin(x, out=np.zeros(1)))(X[0])


@named(sorted((f for f in UFUNCS if f.nin == 2 and f.nout == 1 and not f.signature), key=lambda f: f.__name__))
def test_every_ufunc_of_two_arguments_reduces_and_accumulates(ufunc: np.ufunc) -> None:
    unsure = ufunc in (np.power, np.arctan2)  # the vector code of some NumPy does not take one step after another
    for x in (X, np.abs(X) + 1, INTS % 5 + 1, MASK):
        if unsure and x.dtype != bool:
            same(covector.jit(ufunc.reduce)(x), functools.reduce(ufunc, list(x)))
        for f in (ufunc.accumulate, lambda x: ufunc.reduce(x, axis=-1, keepdims=True), lambda x: ufunc.reduce(x, axis=None)):
            if raises(f, x) or ufunc is np.ldexp:
                assert raises(covector.jit(f), x)
            elif not unsure:
                same(covector.jit(f)(x), f(x))


def raises(f: Any, x: Any) -> bool:
    try:
        f(x)
    except (TypeError, ValueError, errors.UnsupportedFunctionError):
        return True
    return False


def test_reductions_by_subtraction_and_division() -> None:
    for ufunc in (np.subtract, np.divide, np.hypot, np.logaddexp2):
        check(lambda x: ufunc.reduce(x, axis=1), X)  # noqa: B023
        check(lambda x: ufunc.accumulate(x, axis=1), X)  # noqa: B023
    for f in (np.subtract.reduce, np.hypot.reduce, np.subtract.accumulate):
        agree(f, np.zeros((0, 2)))
    agree(lambda x: np.subtract.reduce(x, axis=(0, 1)), X)


@named(list(ACCUMULATE))
def test_accumulate(ufunc: np.ufunc) -> None:
    for options in ({}, {"axis": 1}, {"axis": -1}, {"axis": 2}):
        agree(lambda x: ufunc.accumulate(x, **options), X)  # noqa: B023
    agree(lambda x: ufunc.accumulate(x, dtype=np.float32), X)
    agree(ufunc.accumulate, X[0, 0])
    check(lambda x: ufunc.accumulate(x, axis=1), X)


def test_reduceat() -> None:
    for ufunc in (np.add, np.multiply, np.maximum, np.logical_or):
        for indices, axis in (([0, 2], 0), ([0, 3, 1, 3], 1), (np.array([2, 1, 0]), -1), ([0, 4], 1), ([-1], 0)):
            agree(lambda x: ufunc.reduceat(x, indices, axis), X)  # noqa: B023
    check(lambda x: np.add.reduceat(x, [0, 3, 1, 3], axis=1), X)
    check(lambda x: np.multiply.reduceat(x, [0, 3, 1, 3], axis=1), X)


@named([np.add, np.multiply, np.maximum, np.logical_or, np.logaddexp, np.subtract, np.greater])
def test_reduceat_without_pieces(ufunc: np.ufunc) -> None:
    for x in (X, X[:, :0], X[:0], X.astype(np.float32), X > 0, X.astype(np.int8)):
        for dtype in (None, float, np.int16):
            agree(lambda x, d=dtype: ufunc.reduceat(x, np.zeros(0, int), 1, d), x)


@named([np.add, np.multiply, np.subtract, np.power, np.maximum, np.greater, np.arctan2])
def test_outer(ufunc: np.ufunc) -> None:
    y = np.array([0.5, 2.0])
    agree(lambda x: ufunc.outer(x, y), np.abs(X))
    agree(lambda x: ufunc.outer(y, x), X)
    agree(lambda x: ufunc.outer([1.0, 2.0], x), X[0, 0])
    agree(lambda x: ufunc.outer(x, 2.0), X)
    check(lambda x, y: ufunc.outer(x, y), np.abs(X), y, order=1)


def test_outer_options() -> None:
    agree(lambda x: np.add.outer(x, [1.0, 2.0], dtype=np.float32), X)
    agree(lambda x: np.sin.outer(x, x), X)


def test_at_is_refused() -> None:
    for ufunc, method in ((np.add, "add"), (np.subtract, "subtract"), (np.multiply, "multiply"), (np.maximum, "max")):
        with pytest.raises(
            errors.InPlaceWriteError, match=rf"(?s)numpy\.{ufunc.__name__}\.at.*\[indices\]\.{method}\(b\)"
        ) as error:
            covector.grad(lambda v: ufunc.at(np.zeros(3), [0], v))(1.0)  # noqa: B023
        assert "test_ufunc_methods.py" in str(error.value)
    with pytest.raises(errors.InPlaceWriteError):
        covector.grad(lambda x: np.negative.at(x, [0]))(np.ones(3))


# --- calls with options --------------------------------------------------------------------------------------------------


def test_out_is_refused() -> None:
    for f in (
        lambda x: np.sin(x, out=HELD),
        lambda x: np.add(1, x, out=x),
        lambda x: np.sin(np.ones((3, 4)), out=x),
    ):
        with pytest.raises(errors.InPlaceWriteError, match="use the returned value"):
            covector.grad(f)(X)
    agree(lambda x: np.sin(x, out=None), X)


def test_where_is_refused() -> None:
    with pytest.raises(errors.UnsupportedFunctionError, match=r"np\.where\(mask, np\.f\(x\), other\)"):
        covector.grad(lambda x: np.log(x, where=MASK))(X)
    with pytest.raises(errors.UnsupportedFunctionError):
        covector.jit(lambda m: np.log(np.abs(X), where=m))(MASK)
    agree(lambda x: np.log(x, where=True), np.abs(X))


@pytest.mark.parametrize(
    "options",
    [
        *({"dtype": np.float32}, {"dtype": "f2"}, {"dtype": np.complex128}, {"dtype": int}, {"dtype": bool}),
        *({"dtype": np.float32, "casting": "no"}, {"casting": "unsafe", "dtype": np.int16}, {"casting": "safe"}),
        *({"order": "C", "subok": False}, {"signature": "ff->f"}, {"signature": (None, None, np.longdouble)}, {"nonsense": 1}),
    ],
    ids=str,
)
def test_call_options(options: Any) -> None:
    for ufunc in (np.add, np.divide, np.arctan2, np.power, np.less, np.matmul):
        agree(lambda x: ufunc(x, 2.0), X)  # noqa: B023
        agree(lambda x: ufunc(x, x[:, :1] if ufunc is not np.matmul else x.T, **options), X)  # noqa: B023
        agree(lambda x: ufunc(x, 2.0, **options), np.arange(1, 4))  # noqa: B023


def test_derivative_of_a_call_in_another_dtype() -> None:
    check(lambda x: np.multiply(x, x, dtype=np.float32), X.astype(np.float32), order=1)
    check(lambda x: np.multiply(x, 1 + x, dtype=np.complex128), X)


def test_generalized_ufuncs_have_axes() -> None:
    agree(lambda x: np.vecdot(x, x, axis=0), X)
    agree(lambda x: np.sin(x, axis=0), X)


def test_a_fold_over_several_axes_goes_through_them_as_numpy_does() -> None:
    """SciPy's ufuncs say that they have an identity, and so may be folded over several axes, though their order matters.

    NumPy goes in the order of memory, which is that of the axes here.
    """
    for x in (X, np.stack([X, 2 * X])):
        for axis in (None, tuple(range(x.ndim))):
            fold = functools.partial(scipy.special.owens_t.reduce, axis=axis)
            same(covector.jit(fold)(x), fold(x))
