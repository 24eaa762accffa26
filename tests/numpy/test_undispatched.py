"""What NumPy does not send to traced values, and `covector.numpy` has: with arguments that NumPy does not ask, and builders."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check, close, outcome, same

import covector as cv
from covector import errors
from covector import numpy as cnp
from covector.testing import check_grads

X = np.array([0.5, 1.7, 2.6, 0.2])
PLACES, HEIGHTS = np.array([0.4, 1.0, 2.0]), np.array([1.0, -1.0, 3.0])
MATRIX = np.arange(6.0).reshape(2, 3)

ARGUMENTS = {
    "interp left, right": (lambda t, u: cnp.interp(X, PLACES, HEIGHTS, left=t, right=u), (0.3, -0.7)),
    "interp period": (lambda t: cnp.interp(X, PLACES, HEIGHTS, period=t), (2.3,)),
    "pad constant": (lambda t: cnp.pad(X, 2, constant_values=t), (0.3,)),
    "pad constants": (lambda t, u: cnp.pad(MATRIX, 1, constant_values=[(t, 1.0), (u, t)]), (0.3, 0.5)),
    "pad ramp": (lambda t: cnp.pad(X, 2, "linear_ramp", end_values=t), (0.3,)),
    "full_like": (lambda t: cnp.full_like(X, t), (0.3,)),
    "full": (lambda t: cnp.full((2, 3), t), (HEIGHTS,)),
    "nan_to_num": (lambda t: cnp.nan_to_num(np.array([np.nan, 1.0]), nan=t), (0.3,)),
    "select": (lambda t: cnp.select([X > 1, X > 2], [X, 2 * X], t), (0.3,)),
    "polyint": (lambda t: cnp.polyint(X, 2, k=[t, 1.0]), (0.3,)),
    "unwrap": (lambda t: cnp.unwrap(np.array([0.0, 5.0, 3.0]), period=t), (4.3,)),
    "histogram range": (lambda t: cnp.histogram(X, 3, (t, t + 2), density=True), (0.3,)),
    "r_": (lambda x, t: cnp.r_[x, 1.0, t, 2:4, t:3:3j], (X, 0.3)),
    "r_ directive": (lambda x: cnp.r_["0,2", x, X], (X,)),
    "r_ columns": (lambda x: cnp.r_["-1,2,0", x, 0:4, MATRIX.reshape(-1)[:4]], (X,)),
    "r_ axis": (lambda x: cnp.r_["1", x, MATRIX], (MATRIX,)),
    "r_ three axes": (lambda x: cnp.r_["0,3,1", x, [1.0, 2.0, 3.0, 4.0]], (X,)),
    "c_": (lambda x: cnp.c_[x, X, np.ones((4, 2))], (X,)),
    "c_ of numbers": (lambda t: cnp.c_[1.0, t, 0:1], (0.3,)),
    "vectorize": (cnp.vectorize(lambda a, b: a * np.sin(b)), (X, 0.3)),
    "vectorize grid": (cnp.vectorize(lambda a, b: a * b**2), (X, HEIGHTS[:, None])),
    "vectorize several": (cnp.vectorize(lambda a: (a**2, np.sin(a))), (MATRIX,)),
    "vectorize signature": (cnp.vectorize(np.convolve, signature="(n),(m)->(k)"), (MATRIX, X[:2])),
    "vectorize to scalars": (cnp.vectorize(lambda a, b: a @ b, signature="(n),(n)->()"), (MATRIX, HEIGHTS)),
    "vectorize types": (cnp.vectorize(lambda a: a * 2, otypes="f"), (X.astype(np.float32),)),
    "vectorize excluded": (cnp.vectorize(lambda p, x: np.polyval(p, x), excluded=[0]), (HEIGHTS, X)),
    "vectorize keywords": (lambda x, t: cnp.vectorize(lambda a, b=1.0: a * b)(x, b=t), (X, 0.3)),
    "vectorize a closure": (lambda t: cnp.vectorize(lambda a: a * t)(X), (0.3,)),
    "windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), (X,)),
    "windows of two axes": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), (MATRIX,)),
    "windows of an axis": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0), (MATRIX,)),
    "windows twice": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 1)), (MATRIX,)),
    "ascontiguousarray": (lambda x: cnp.ascontiguousarray(x) ** 2, (MATRIX,)),
    "asfortranarray": (lambda x: cnp.asfortranarray(x, np.float64) ** 2, (0.3,)),
    "asanyarray": (lambda t: cnp.asanyarray([t, 1.0]) ** 2, (0.3,)),
    "require": (lambda x: cnp.require(x, requirements="C") ** 2, (MATRIX,)),
    "flat": (lambda x: [x.flat[2] ** 2, x.flat[1:4] ** 2, sum(v**2 for v in x.flat), x.flat.copy(), x.flat[[0, 3]]], (MATRIX,)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_values_derivatives_and_batches(name):
    f, args = ARGUMENTS[name]
    expected = f(*args)
    for found in (cv.jit(f)(*args), cv.vjp(f, *args)[0]):
        for a, b in zip(cv.tree_util.tree_leaves(found), cv.tree_util.tree_leaves(expected), strict=True):
            same(a, b)
    if name != "vectorize types":
        check_grads(f, args, order=2)
        check_grads(cv.jit(f), args, order=1)
    batch = [np.stack([np.asarray(a), np.asarray(a) * 0.9]) for a in args]
    for i in range(2):
        row = f(*[b[i] for b in batch])
        close([leaf[i] for leaf in cv.tree_util.tree_leaves(cv.vmap(f)(*batch))], row, name)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.int16, np.bool_])
def test_dtypes(dtype):
    x = np.array([0, 1, 1], dtype)
    for f in (lambda x: cnp.r_[x, 1], lambda x: cnp.c_[x, x], lambda x: cnp.r_[x, np.float64(1)], lambda x: cnp.r_[1:3, x]):
        same(cv.jit(f)(x), f(x))
    same(cv.jit(lambda x: cnp.full_like(np.ones(2, dtype), x))(x[0]), cnp.full_like(np.ones(2, dtype), x[0]))
    same(cv.jit(lambda x: np.lib.stride_tricks.sliding_window_view(x, 2))(x), np.lib.stride_tricks.sliding_window_view(x, 2))


def test_what_replaces_nan_has_the_dtype_of_the_array():
    x = np.array([np.nan, 1.0, np.inf], np.float32)
    same(cv.jit(lambda x, t: cnp.nan_to_num(x, nan=t, posinf=t))(x, np.float64(0.3)), cnp.nan_to_num(x, nan=0.3, posinf=0.3))
    with pytest.raises(TypeError, match="Cannot cast"):
        cv.jit(lambda t: cnp.nan_to_num(x, nan=t))(1j)


def test_in_a_loop():
    def step(carry, x):
        windows = np.lib.stride_tricks.sliding_window_view(carry, 2)
        return cnp.r_[windows[:, 0] * x, carry[-1]], cnp.interp(x, PLACES, HEIGHTS, left=carry[0])

    def f(x):
        return cv.lax.scan(step, x, X)

    check(f, X)


def test_a_vectorized_function_may_branch():
    f = cnp.vectorize(lambda a: a**2 if a > 1 else -a)
    np.testing.assert_array_equal(cv.grad(lambda x: np.sum(f(x)))(X), np.where(X > 1, 2 * X, -1))


def test_nothing_traced_is_numpys():
    assert isinstance(cnp.vectorize(lambda a: a)(X), np.ndarray)
    with pytest.warns(PendingDeprecationWarning):
        assert isinstance(cnp.r_["r", 1, 2], np.matrix)
    assert cnp.require([1.0], requirements="F").flags.f_contiguous
    assert cnp.ascontiguousarray(MATRIX.T).flags.c_contiguous
    assert cnp.vectorize(lambda a: a, doc="a text").__doc__ == "a text"
    decorated = cnp.vectorize(otypes="d")(lambda a: a * 2)
    same(decorated(X), 2 * X)
    same(cv.jit(decorated)(X), 2 * X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cnp.r_["r", x, x], errors.UnsupportedFunctionError, r"numpy\.r_\['r', …\] makes a matrix"),
        (lambda x: cnp.r_["a,b", x, x], ValueError, "unknown special directive 'a,b'"),
        (lambda x: np.r_[x, x], errors.TracerArrayConversionError, r"covector\.numpy\.r_ and c_"),
        (lambda x: np.vectorize(np.sin)(x), errors.TracerArrayConversionError, r"covector\.numpy\.vectorize"),
        (lambda x: np.interp(X, X, X, left=x[0]), errors.TracerFloatConversionError, r"covector\.numpy\.interp"),
        (lambda x: np.pad(X, 1, constant_values=x[0]), errors.TracerArrayConversionError, r"covector\.numpy\.pad"),
        (lambda x: np.ascontiguousarray(x), errors.TracerArrayConversionError, r"covector\.numpy\.array"),
        (lambda x: np.lib.stride_tricks.as_strided(x, (2,), (8,)), errors.TracerArrayConversionError, "sliding_window_view"),
        (lambda x: cnp.vectorize(np.sin, signature="n->n"), ValueError, "not a valid gufunc signature"),
        (lambda x: cnp.vectorize(np.dot, signature="(n),(n)->()")(x), TypeError, "expected 2, got 1"),
        (lambda x: cnp.vectorize(np.dot, signature="(n),(n)->()")(x, x[1:]), ValueError, "inconsistent size for core dim"),
        (lambda x: cnp.vectorize(np.sin, signature="(n)->()")(x), ValueError, "core dimensions"),
        (lambda x: cnp.vectorize(lambda a: [a, a])(x), ValueError, "give vectorize a signature"),
        (lambda x: cnp.vectorize(np.sin)(x[:0]), ValueError, "size 0 inputs"),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 5), ValueError, "window shape cannot be larger"),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, -1), ValueError, "cannot contain negative values"),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), ValueError, "window_shape for all dimensions"),
        (
            lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, writeable=True),
            errors.InPlaceWriteError,
            "with writeable=True",
        ),
        (lambda x: x.flat.__setitem__(0, 1.0), errors.InPlaceWriteError, r"x\.flat\[\.\.\.\] = v writes in place"),
        (lambda x: setattr(x, "flat", 1.0), errors.InPlaceWriteError, r"covector\.at\(np\.ravel\(x\)\)"),
        (lambda x: np.sum(x.flat), errors.TracerArrayConversionError, r"np\.ravel\(x\) has the same elements"),
    ],
)
def test_errors(call, error, message):
    for transform in (cv.jit, cv.grad):
        with pytest.raises(error, match=message):
            transform(call)(X)


BITS = np.arange(57).reshape(3, 19) % 3 == 0
BYTES = np.arange(6, dtype=np.uint8).reshape(3, 2) * 37


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.packbits, BITS),
        (lambda b: np.packbits(b, axis=1), BITS),
        (lambda b: np.packbits(b, axis=0, bitorder="little"), BITS),
        (lambda b: np.packbits(b, -1), BITS.astype(int)),
        (np.unpackbits, BYTES),
        (lambda u: np.unpackbits(u, 1, 5), BYTES),
        (lambda u: np.unpackbits(u, axis=0, count=-3, bitorder="little"), BYTES),
        (lambda u: np.unpackbits(u, axis=0, count=30), BYTES),
        (np.packbits, BYTES * 1.0),
        (np.unpackbits, BITS),
        (lambda b: np.packbits(b, bitorder="middle"), BITS),
    ],
)
def test_bits(f, x):
    agree(f, x)
    if not isinstance(outcome(f, x), Exception):
        same(cv.vmap(f)(np.stack([x, x[::-1]])), np.stack([f(x), f(x[::-1])]))


def test_bits_of_no_bytes_are_zeros():
    """NumPy 2.4 leaves these bits as the memory was, here of an array of 147 that is gone: they are the zeros that fill up."""
    unpack = cv.jit(lambda x: np.unpackbits(x, axis=1, count=3))
    for _ in range(3):
        used = np.full((5, 3), 147, np.uint8)
        del used
        same(unpack(np.zeros((5, 0), np.uint8)), np.zeros((5, 3), np.uint8))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.interp(X, X, X, period=x[0]), r"covector\.numpy\.interp"),
        (lambda x: np.full_like(X, x[0]), r"use covector\.numpy\.full_like, .*; or make the first argument"),
        (lambda x: np.nan_to_num(np.array([np.nan]), nan=x[0]), r"covector\.numpy\.nan_to_num"),
        (lambda x: np.unwrap(X, period=x[0]), r"covector\.numpy\.unwrap"),
        (lambda x: np.fill_diagonal(np.eye(2), x[0]), r"x = covector\.at\(x\)\[np\.diag_indices_from"),
        (lambda x: np.sum(X, initial=x[0]), r"combine it with the result: np\.add\(initial, np\.sum\(a\)\)"),
        (lambda x: np.max(X, initial=x[0]), r"combine it with the result: np\.maximum"),
        (lambda x: np.sum([x[0], x[1]]), r"np\.stack the list: np\.sum"),
        (lambda x: np.var(X, ddof=x[0]), r"make the first argument of np\.var a traced value|choose between"),
        (lambda x: np.piecewise(X, [X > 1], [x[0], 0.0]), r"make the first argument of np\.piecewise a traced value"),
        (lambda x: np.emath.sqrt(x), r"np\.sqrt of complex numbers, x \+ 0j"),
    ],
)
def test_fixes_name_what_works(call, text):
    with pytest.raises(errors.CovectorError, match=rf"Fix: {text}|Fix: use {text}"):
        cv.jit(call)(X)
