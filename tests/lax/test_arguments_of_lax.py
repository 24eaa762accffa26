"""What arguments mean that are short, large, without axes, or traced: the same wherever they are known."""

import numpy as np
import pytest
import scipy.special

import covector as cv
import covector.scipy.special as special
from covector import lax, nn, random

LARGE = np.array([2**63 + 5, 1], np.uint64)


def test_places_beyond_int64_are_the_last_where_they_are_clipped():
    numbers = lax.GatherDimensionNumbers((), (0,), (0,))
    found = lax.gather(np.arange(3.0), LARGE[:, None], numbers, (1,), mode="clip")
    np.testing.assert_array_equal(found, [2.0, 1.0])
    np.testing.assert_array_equal(cv.ops.segment_sum(np.ones(2), LARGE, 3, mode="clip"), [0, 1, 1])


@pytest.mark.parametrize("shape", [(), (3,)])
def test_an_update_takes_the_dtype_of_the_array(shape):
    x, update = np.ones(shape, np.float32), np.full(shape, 2.5)
    for f in (lax.dynamic_update_slice, cv.jit(lax.dynamic_update_slice)):
        found = f(x, update, (0,) * len(shape))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, update)


def test_a_full_array_is_one_of_its_own():
    value = np.array(1.5)
    found = lax.full((2,), value)
    value[...] = 7
    found[0] = 2.0
    np.testing.assert_array_equal(found, [2.0, 1.5])


@pytest.mark.parametrize("seed", [-1, 2**32, 2**40 + 3])
def test_python_numbers_make_the_same_keys_where_they_are_traced(seed):
    key = random.key(0)
    np.testing.assert_array_equal(cv.jit(random.key)(seed), random.key(seed))
    np.testing.assert_array_equal(cv.jit(random.fold_in)(key, seed), random.fold_in(key, seed % 2**32))
    summed = lax.fori_loop(-1, 1, lambda i, c: c + random.fold_in(key, i), np.zeros(2, np.uint32))
    np.testing.assert_array_equal(summed, random.fold_in(key, -1) + random.fold_in(key, 0))


@pytest.mark.parametrize("dtype", ["u1", "u8", "i4", "bool"])
def test_polygamma_of_traced_orders(dtype):
    n, x = np.array([0, 1, 1]).astype(dtype), np.array([1.5, 2.0, 0.7])
    wanted = scipy.special.polygamma(n.astype(int), x)
    np.testing.assert_allclose(cv.jit(special.polygamma)(n, x), wanted, rtol=1e-13)
    np.testing.assert_allclose(cv.vmap(special.polygamma)(n, x), wanted, rtol=1e-13)
    assert np.isnan(cv.jit(special.polygamma)(-1, 0.5))


def test_a_logarithm_that_does_not_count_has_no_derivative():
    f = lambda x: nn.log_softmax(x, where=np.array([True, True, False]))
    value, tangent = cv.jvp(f, (np.array([1.0, 2.0, 3.0]),), (np.array([1.0, 0.0, 5.0]),))
    p = np.exp([1.0, 2.0]) / np.sum(np.exp([1.0, 2.0]))
    np.testing.assert_allclose(value, [*np.log(p), -np.inf], rtol=1e-14)
    np.testing.assert_allclose(tangent, [1 - p[0], -p[0], 0.0], rtol=1e-14)


@pytest.mark.parametrize("axis", [-3, 2, 7])
def test_one_hot_vectors_along_no_axis(axis):
    with pytest.raises(np.exceptions.AxisError, match=f"axis {axis} is out of bounds"):
        nn.one_hot(np.array([0, 1]), 3, axis=axis)


def test_the_zero_of_log_sigmoid_has_a_sign_in_native_code():
    for backend in ("numpy", "native"):
        assert np.signbit(cv.jit(nn.log_sigmoid, backend=backend)(np.array([np.inf, 800.0]))).all()


def test_categories_by_integer_logits():
    key, logits = random.key(0), np.array([3, 2, 5])
    assert random.categorical(key, logits) == cv.jit(random.categorical)(key, logits) == random.categorical(key, logits * 1.0)
