"""What the names of JAX's primitive level do to bits, keys and named axes, at ends, and with what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.lax import FftType, Precision, RandomAlgorithm
from covector.testing import check_grads


def test_bits_go_there_and_back():
    rng = np.random.default_rng(0)
    for old, new in ((np.float64, np.uint16), (np.float32, np.int64), (np.int8, np.float16), (np.uint64, np.float64)):
        x = rng.integers(0, 100, (3, 4)).astype(old)
        x = x[:, :2] if np.dtype(old).itemsize < np.dtype(new).itemsize else x
        for f in (lax.bitcast_convert_type, cv.jit(lax.bitcast_convert_type, static_argnums=1)):
            there = f(x, new)
            assert there.dtype == new
            np.testing.assert_array_equal(f(there, old), x)
            np.testing.assert_array_equal(f(x.T.copy().T, new), there)
    assert lax.bitcast_convert_type(np.zeros((0, 2), np.int32), np.int64).shape == (0,)
    assert lax.bitcast_convert_type(x, x.dtype) is x


def test_derivatives_of_bits():
    x = np.array([1.0, 2.5])
    assert cv.grad(lambda x: np.sum(x * lax.bitcast_convert_type(x, np.int64)))(x)[0] == np.float64(1.0).view(np.int64)
    with pytest.raises(errors.NonDifferentiableError, match="bitcast"):
        cv.grad(lambda x: np.sum(lax.bitcast_convert_type(x, np.float32)))(x)
    rounded = lambda x: lax.reduce_precision(x, 5, 2)
    value, tangent = cv.jvp(rounded, (x,), (np.array([1.1, 1.0]),))
    np.testing.assert_array_equal(value, [1.0, 2.5])
    np.testing.assert_array_equal(tangent, [1.0, 1.0])
    np.testing.assert_array_equal(cv.vjp(rounded, x)[1](np.array([0.1, 1.3]))[0], [0.09375, 1.25])
    assert cv.grad(cv.grad(lambda x: rounded(x) ** 2))(1.0) == 2.0
    assert rounded(np.float32(0.1)).dtype == np.float32 and rounded(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("bits", [(5, 10, np.float16), (8, 23, np.float32)])
def test_reduced_precision_is_that_of_a_shorter_dtype(bits):
    exponent, fraction, dtype = bits
    x = np.random.default_rng(1).normal(size=2000) * 10.0 ** np.random.default_rng(2).integers(-4, 6, 2000)
    with np.errstate(over="ignore"):
        short = x.astype(dtype)
    short[np.abs(short) < np.finfo(dtype).tiny] = 0  # which has no numbers below the normal ones
    np.testing.assert_array_equal(lax.reduce_precision(x, exponent, fraction), short.astype(float))


def test_complex_numbers_of_any_parts():
    parts = np.array([-np.inf, -0.0, 0.0, 1.5, np.inf, np.nan])
    x, y = np.meshgrid(parts, parts)
    for f in (lax.complex, cv.jit(lax.complex), cv.vmap(lax.complex)):
        z = f(x, y)
        np.testing.assert_array_equal(np.stack([z.real, z.imag]), np.stack([x, y]))
        np.testing.assert_array_equal(np.signbit(np.stack([z.real, z.imag])), np.signbit(np.stack([x, y])))
    for dtype, expected in ((np.float16, np.complex64), (np.float32, np.complex64), (np.longdouble, np.clongdouble)):
        assert lax.complex(dtype(1), dtype(2)).dtype == expected
    check_grads(lambda x, y: lax.complex(np.sin(x), x * y), (parts[1:4] + 0.5, parts[1:4]), order=2)
    check_grads(
        cv.vmap(lambda x, y: lax.complex(x, y) ** 2, in_axes=(0, None)), (np.ones((2, 3)), np.ones(3)), order=2
    )


def test_high_halves_of_products():
    rng = np.random.default_rng(0)
    for dtype in (np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
        info = np.iinfo(dtype)
        x, y = (rng.integers(info.min, info.max, 200, dtype, endpoint=True) for _ in range(2))
        expected = [(int(a) * int(b)) >> info.bits for a, b in zip(x, y, strict=True)]
        for found in (lax.mulhi(x, y), cv.jit(lax.mulhi)(x, y), cv.vmap(lax.mulhi)(x, y)):
            np.testing.assert_array_equal(found, np.array(expected, dtype))
            assert found.dtype == dtype
        with np.errstate(all="raise"):
            assert lax.mulhi(x[0], y[0]) == expected[0]


def test_keys_that_count():
    keys = np.array([[0, 1, 2**32 - 2, 2**32 - 1], [5, 6, 7, 8]], np.uint32)
    draw = lambda key: lax.rng_bit_generator(key, (3, 4), np.uint64)
    for batched in (cv.vmap(draw), cv.jit(cv.vmap(draw))):
        for k in range(2):
            for found, expected in zip(batched(keys), draw(keys[k]), strict=True):
                np.testing.assert_array_equal(found[k], expected)
    after, first = draw(keys[0])
    np.testing.assert_array_equal(after, [0, 1, 10, 0])  # 64 bits wrap
    both = lax.rng_bit_generator(keys[1], (24,), np.uint64)[1]
    step, first = lax.rng_bit_generator(keys[1], (12,), np.uint64)
    np.testing.assert_array_equal(np.concatenate([first, lax.rng_bit_generator(step, (12,), np.uint64)[1]]), both)
    wide = keys[1].view(np.uint64)
    new, bits = lax.rng_bit_generator(wide, (12,), np.uint64, RandomAlgorithm.RNG_THREE_FRY)
    np.testing.assert_array_equal(bits, first)
    np.testing.assert_array_equal(new.view(np.uint32), step)
    none, bits = lax.rng_bit_generator(keys[1], (0, 3))
    assert bits.shape == (0, 3)
    np.testing.assert_array_equal(none, keys[1])


def test_collectives_over_a_named_axis():
    x = np.arange(6.0).reshape(3, 2)
    named = lambda f: cv.vmap(f, axis_name="i")
    np.testing.assert_array_equal(named(lambda x: lax.pshuffle(x, "i", [2, 0, 1]))(x), x[[2, 0, 1]])
    np.testing.assert_array_equal(named(lambda x: lax.pbroadcast({"a": x}, "i", 1))(x)["a"], x[[1, 1, 1]])
    y = np.arange(18.0).reshape(3, 2, 3)
    np.testing.assert_array_equal(named(lambda y: lax.pswapaxes(y, "i", 1))(y), np.swapaxes(y, 0, 2))
    weights = np.array([1.0, 10.0, 100.0])
    own = named(lambda w: cv.grad(lambda v: lax.psum(w * v, "i"))(lax.pcast(2.0, "i", to="varying")))
    np.testing.assert_array_equal(own(weights), weights)
    shared = cv.grad(lambda x: np.sum(named(lambda x, w: w * lax.pbroadcast(x, "i", 1))(x, weights)))(np.ones(3))
    np.testing.assert_array_equal(shared, [0.0, 111.0, 0.0])
    check_grads(named(lambda x: lax.pshuffle(np.sin(x), "i", [2, 0, 1])), (x,), order=2)


def test_the_derivative_of_igamma_at_ends():
    for a in (0.3, 1.0, 2.5):
        for x in (0.0, np.inf):
            assert cv.grad(lax.igamma)(a, x) == lax.igamma_grad_a(a, x) == 0
        assert lax.random_gamma_grad(a, 0.0) == 0
    assert cv.grad(lax.igamma_grad_a, 1)(2.5, 0.0) == 0
    assert cv.grad(lax.igamma_grad_a, 1)(0.5, 0.0) == -np.inf
    for a, x in ((-1.0, 1.0), (0.0, 1.0), (2.0, -1.0), (np.nan, 1.0), (1.0, np.nan)):
        with np.errstate(all="ignore"):
            assert np.isnan(lax.igamma_grad_a(a, x)) and np.isnan(cv.grad(lax.igamma)(a, x))
    check_grads(lax.igamma_grad_a, (np.array([0.7, 2.0, 30.0]), np.array([0.4, 3.0, 28.0])), order=1)
    check_grads(lax.random_gamma_grad, (np.array([0.7, 2.0, 30.0]), np.array([0.4, 3.0, 28.0])), order=1)
    assert lax.igamma_grad_a(np.float32(2), np.float32(1)).dtype == np.float32


def test_groups_of_rows_that_are_traced():
    rng = np.random.default_rng(0)
    lhs, rhs = rng.normal(size=(6, 3)), rng.normal(size=(4, 3, 2))
    for sizes in ([1, 0, 2, 3], [6, 0, 0, 0], [0, 0, 0, 1], [2, 2, 9, 0]):
        which = np.repeat(np.arange(4), sizes)[:6]
        expected = np.zeros((6, 2))
        for i, g in enumerate(which):
            expected[i] = lhs[i] @ rhs[g]
        for f in (lax.ragged_dot, cv.jit(lax.ragged_dot)):
            np.testing.assert_allclose(f(lhs, rhs, np.array(sizes)), expected, rtol=1e-13)
    check_grads(lambda x, y: lax.ragged_dot(x, y, np.array([1, 0, 2, 2])), (lhs, rhs), order=2)
    huge = np.full((2, 1), np.inf)
    np.testing.assert_array_equal(lax.ragged_dot(huge, np.ones((2, 1, 1)), np.array([1, 0]))[0], np.inf)


def test_groups_that_divide_any_axis():
    rng = np.random.default_rng(0)
    x, rows, sizes = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 4, 2, 3)), np.array([[1, 0, 2, 1], [0, 5, 0, 0]])
    which = [np.repeat(np.arange(4), s) for s in sizes]

    numbers = lax.RaggedDotDimensionNumbers((((2,), (3,)), ((0,), (0,))), (1,), (1,))
    expected = np.zeros((2, 5, 2))
    for b in range(2):
        for i, g in enumerate(which[b]):
            expected[b, i] = rows[b, g] @ x[b, i]
    call = lambda x, rows, sizes: lax.ragged_dot_general(x, rows, sizes, numbers)
    for f in (call, cv.jit(call)):
        np.testing.assert_allclose(f(x, rows, sizes), expected, rtol=1e-13)
    each = cv.vmap(lambda x, rows, sizes: lax.ragged_dot(x, np.swapaxes(rows, 1, 2), sizes))
    np.testing.assert_allclose(each(x, rows, sizes), expected, rtol=1e-13)
    check_grads(lambda x, rows: call(x, rows, sizes), (x, rows), order=2)

    y = rng.normal(size=(2, 5, 4))
    numbers = lax.RaggedDotDimensionNumbers((((1,), (1,)), ((0,), (0,))), (1,), ())
    expected = np.zeros((4, 2, 3, 4))
    for b in range(2):
        for i, g in enumerate(which[b]):
            expected[g, b] += np.outer(x[b, i], y[b, i])
    np.testing.assert_allclose(lax.ragged_dot_general(x, y, sizes, numbers), expected, rtol=1e-13)
    check_grads(lambda x, y: lax.ragged_dot_general(x, y, sizes, numbers), (x, y), order=2)

    numbers = lax.RaggedDotDimensionNumbers((((1,), (1,)), ((0,), (0,))), (0,), ())
    np.testing.assert_allclose(lax.ragged_dot_general(x, y, np.array([1, 1]), numbers), np.swapaxes(x, 1, 2) @ y, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128, np.int32, np.bool_])
def test_products_keep_the_dtype(dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 3, s).astype(dtype) for s in ((2, 3, 4), (4, 2, 5)))
    found = lax.dot_general(x, y, (((2,), (0,)), ((0,), (1,))))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.einsum("bik,kbj->bij", x, y))


LEFT_OUT = """
    AccuracyMode DotAlgorithm DotAlgorithmPreset Tolerance after_all create_token dce_sink precv psend ragged_all_to_all
    scaled_dot with_sharding_constraint
"""


def test_what_is_left_out_is_written_down():
    names = json.loads(Path(__file__).with_name("names_of_jax.json").read_text())
    assert set(names) - set(dir(lax)) == set(LEFT_OUT.split())
    page = (Path(__file__).parents[2] / "docs/differences-from-jax.md").read_text()
    assert all(f"`{name}`" in page for name in LEFT_OUT.split())


def test_kinds_and_names():
    assert Precision(None) is Precision("fastest") is Precision.DEFAULT and Precision("float32") is Precision.HIGHEST
    assert [t.value for t in FftType] == [0, 1, 2, 3] and FftType(2) is FftType.RFFT
    assert lax.fft(np.ones(4, np.float32), "fft", (4,)).dtype == np.complex64
    assert lax.dtype("f4") == np.float32 and lax.dtype(np.int8) == np.int8
    assert lax.dot(np.ones(2), np.ones(2), precision=("highest", "default")) == 2.0
    assert cv.grad(lambda x: lax.platform_dependent(x, tpu=None, default=lambda x: x**2))(3.0) == 6.0


ONE = np.ones(2)
ROWS = ((1,), (1,)), ((), ())


def ragged(pairs, divided, groups):
    numbers = lax.RaggedDotDimensionNumbers(pairs, divided, groups)
    return lax.ragged_dot_general(np.ones((3, 2)), np.ones((2, 2, 2)), np.array([1, 2]), numbers)


ERRORS = [
    (lambda: lax.bitcast_convert_type(ONE + 0j, np.float64), r"bitcast_convert_type got c128\[2\] for the bits of float64"),
    (lambda: lax.bitcast_convert_type(ONE > 0, np.uint8), "no meaning as such"),
    (lambda: lax.bitcast_convert_type(ONE.astype(np.longdouble), np.uint8), "64 bits or less"),
    (lambda: lax.bitcast_convert_type(np.ones(3, np.int32), np.int64), "a last axis of length 2"),
    (lambda: lax.bitcast_convert_type(np.int32(3), np.int64), "a last axis of length 2"),
    (lambda: lax.reduce_precision(np.arange(3), 5, 3), r"reduce_precision got i64\[3\]"),
    (lambda: lax.reduce_precision(ONE, 0, 3), "exponent_bits=0"),
    (lambda: lax.mulhi(1.0, 2.0), r"mulhi got f64\[\] and f64\[\]"),
    (lambda: lax.mulhi(np.int32(1), np.int64(1)), "integers of one dtype"),
    (lambda: lax.rng_bit_generator(np.zeros(2, np.uint32), (3,)), r"got a key u32\[2\]"),
    (lambda: lax.rng_bit_generator(np.zeros(4, np.uint32), (3,), np.int32), "dtype=int32"),
    (lambda: lax.rng_bit_generator(np.zeros(4, np.uint32), (3,), algorithm=RandomAlgorithm.RNG_PHILOX), "RNG_THREE_FRY alone"),
    (lambda: lax.rng_uniform(0.0, 1.0, (3,)), "rng_uniform was called(.|\n)*covector.random.uniform"),
    (lambda: lax.fft(ONE, "dct", (2,)), "fft_type='dct'"),
    (lambda: lax.fft(ONE, "fft", (3,)), r"f64\[2\] and fft_lengths=\(3,\) for FFT"),
    (lambda: lax.fft(ONE, "irfft", (5,)), r"lengths \(3,\)"),
    (lambda: lax.fft(ONE, "fft", ()), "at least one length"),
    (lambda: lax.fft(ONE + 0j, "rfft", (2,)), r"RFFT of c128\[2\]"),
    (lambda: lax.dot(ONE, ONE, precision="exact"), "lax.dot_general got precision='exact'(.|\n)*'highest'"),
    (lambda: lax.conv(np.ones((1, 1, 3)), np.ones((1, 1, 2)), (1,), "SAME", precision=3), "precision=3"),
    (lambda: lax.dot_general(ONE, ONE, (((1,), (0,)), ((), ()))), r"axes \(1,\) of lhs"),
    (lambda: lax.dot_general(ONE, ONE, (((0,), (0,)), ((), (0,)))), r"axes \(0, 0\) of rhs"),
    (lambda: lax.dot_general(ONE, ONE, (((0,), ()), ((), ()))), "pair each axis"),
    (lambda: lax.ragged_dot(np.ones((3, 2)), np.ones((2, 2, 2)), np.ones((3, 2), int)), r"group_sizes i64\[3,2\](.|\n)*\[g\]"),
    (lambda: lax.ragged_dot(np.ones((3, 2)), np.ones((2, 2)), np.array([1, 1])), r"f64\[2,2\](.|\n)*\[g, k, n\]"),
    (lambda: ragged(ROWS, [1], [0]), r"rhs_group_dimensions=\[0\]"),
    (lambda: ragged(ROWS, [0, 1], []), r"lhs_ragged_dimensions=\[0, 1\]"),
    (lambda: ragged(ROWS, [3], []), r"lhs_ragged_dimensions=\[3\]"),
    (lambda: lax.ragged_dot(np.ones((3, 2)), np.ones((2, 2, 2)), ONE), r"group_sizes f64\[2\](.|\n)*integers"),
    (lambda: lax.ragged_dot(np.ones((3, 2)), np.ones((2, 2, 2)), np.array([1, 2]), group_offset=[0]), r"group_offset=\[0\]"),
    (lambda: lax.approx_max_k(np.arange(3), 1), r"approx_max_k.*i64\[3\]"),
    (lambda: lax.platform_dependent(1.0, tpu=np.sin), "platform_dependent got tpu(.|\n)*default="),
    (lambda: lax.composite(np.sin, ""), "name=''"),
    (lambda: cv.vmap(lambda x: lax.pshuffle(x, "i", [0, 0]), axis_name="i")(ONE), r"perm=\[0, 0\] for 2"),
    (lambda: cv.vmap(lambda x: lax.pbroadcast(x, "i", 2), axis_name="i")(ONE), "source=2 for 2"),
    (lambda: cv.vmap(lambda x: lax.pcast(x, "i", to="reduced"), axis_name="i")(ONE), "to='reduced'"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[m for _, m in ERRORS])
def test_errors(call, message):
    with pytest.raises(errors.CovectorError, match=message):
        call()
