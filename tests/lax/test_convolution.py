"""Convolutions and windows: second derivatives, dtypes, batches of array and kernel, errors, and a plain loop."""

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.testing import check_grads

RNG = np.random.default_rng(0)
IMAGE, KERNEL = RNG.normal(size=(2, 4, 5, 6)), RNG.normal(size=(6, 2, 2, 3))


def by_loops(x, k, strides):
    n, o = len(x), len(k)
    h, w = ((x.shape[2 + i] - k.shape[2 + i]) // strides[i] + 1 for i in range(2))
    out = np.zeros((n, o, h, w))
    for p in range(h):
        for q in range(w):
            a, b = p * strides[0], q * strides[1]
            part = x[:, None, :, a : a + k.shape[2], b : b + k.shape[3]]
            out[:, :, p, q] = np.sum(part * k, axis=(2, 3, 4))
    return out


def test_plain_loops():
    kernel = RNG.normal(size=(3, 4, 2, 3))
    np.testing.assert_allclose(lax.conv(IMAGE, kernel, (2, 1), "VALID"), by_loops(IMAGE, kernel, (2, 1)), rtol=1e-12)


def grouped(x, k):
    return lax.conv_general_dilated(x, k, (2, 1), [(1, 2), (0, -1)], (1, 2), (2, 1), feature_group_count=2)


def test_second_derivatives_and_batches():
    check_grads(grouped, (IMAGE[:, :, :3, :3], KERNEL), order=2)
    check_grads(lambda x, k: grouped(x, k) ** 2, (IMAGE[:1, :, :3, :3], KERNEL), order=2)
    xs, ks = np.stack([IMAGE, 2 * IMAGE]), np.stack([KERNEL, KERNEL + 1])
    for axes in ((0, 0), (None, 0), (0, None)):
        args = [a if axis == 0 else a[0] for a, axis in zip((xs, ks), axes, strict=True)]
        looped = [grouped(*(a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True))) for i in range(2)]
        np.testing.assert_allclose(cv.vmap(grouped, axes)(*args), looped, rtol=1e-12)
    np.testing.assert_allclose(cv.jit(grouped)(IMAGE, KERNEL), grouped(IMAGE, KERNEL), rtol=1e-13)
    pulled = cv.vjp(grouped, IMAGE, KERNEL)[1]
    pairing = np.vdot(grouped(IMAGE, KERNEL), np.ones_like(grouped(IMAGE, KERNEL)))
    np.testing.assert_allclose(np.vdot(pulled(np.ones((2, 6, 3, 8)))[0], IMAGE), pairing)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64, np.int32, np.int64])
def test_dtypes(dtype):
    x, k = (10 * IMAGE).astype(dtype), (10 * KERNEL).astype(dtype)
    found = grouped(x, k)
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, grouped(x.astype(complex), k.astype(complex)), rtol=1e-2 if dtype == np.float16 else 1e-5, atol=1e-3
    )
    assert lax.conv(x, k[:, :1].repeat(4, 1), (1, 1), "SAME", preferred_element_type=np.float64).dtype == np.float64
    assert lax.reduce_window(x, dtype(0), np.add, (1, 1, 2, 2)).dtype == dtype


def test_equal_elements_of_a_window_share_its_derivative():
    found = cv.grad(lambda x: np.sum(lax.reduce_window(x, -np.inf, np.maximum, (3,), (3,))))(np.array([1.0, 2, 2, 4, 4, 4]))
    np.testing.assert_allclose(found, [0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3])


def test_windows_of_trees():
    def largest(a, b):
        (x, i), (y, j) = a, b
        return np.where(x >= y, x, y), np.where(x >= y, i, j)

    x = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    value, place = lax.reduce_window((x, np.arange(5)), (-np.inf, -1), largest, (2,), (1,), "SAME")
    np.testing.assert_array_equal(value, [3, 4, 4, 5, 5])
    np.testing.assert_array_equal(place, [0, 2, 2, 4, 4])
    np.testing.assert_array_equal(lax.reduce_window(np.ones((0, 2)), 0.0, np.add, (1, 2), (1, 1), "SAME"), np.ones((0, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lax.conv(IMAGE, KERNEL, (1, 1), "SAME"), "4 features, the kernel 2 inputs"),
        (lambda: lax.conv(IMAGE, KERNEL, (1, 1), "FULL"), "padding is 'VALID'"),
        (lambda: lax.conv(IMAGE, KERNEL, (0, 1), "SAME"), "window_strides=.0, 1.: give 2 positive integers"),
        (lambda: lax.conv(IMAGE, KERNEL[0], (1, 1), "SAME"), "as many axes"),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", (2, 1)), "lhs_dilation=.2, 1."),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), [(0, 0)]), "low, high. for each of 2 axes"),
        (
            lambda: lax.conv_general_dilated(IMAGE, KERNEL[:3], (1, 1), "SAME", feature_group_count=2),
            "3 outputs, which 2 groups",
        ),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", batch_group_count=3), "4 features"),
        (lambda: lax.conv_dimension_numbers((1,) * 4, (1,) * 4, ("NHWC", "HWIO", "NHCC")), "has 'NHCC'"),
        (lambda: lax.conv_transpose(IMAGE, KERNEL, (1, 1), "FULL"), "'SAME', 'VALID' or widths"),
        (lambda: lax.conv_general_dilated_local(IMAGE, KERNEL, (1, 1), "SAME", (1, 1)), "needs kernels of .outputs, 4, 5, 6"),
        (lambda: lax.reduce_window(np.arange(3), -np.inf, np.maximum, (2,)), "iinfo"),
        (lambda: lax.reduce_window(np.ones(3), (0.0, 0.0), np.add, (2,)), "2 initial values"),
        (lambda: lax.reduce_window(np.ones(3), 0.0, np.add, (2, 2)), "give 1 positive integers"),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
