"""numpy.fft on tracers: each function, with numbers of points, axes, norms and inputs, under every transformation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from transformed import check, same

import covector as cv

RNG = np.random.default_rng(0)
ONE_AXIS = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
SEVERAL = ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]
NORMS = [None, "ortho", "forward"]


def points(shape, name, real):
    """Real numbers where the function takes no others."""
    x = RNG.normal(size=shape)
    return x if real or name[:2] in ("rf", "ih") else x + 1j * RNG.normal(size=shape)


@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize(("n", "norm"), [*product([None, 1, 2, 5, 7], NORMS)])
def test_along_one_axis(name, n, norm):
    function = getattr(np.fft, name)
    for shape, axis, real in [((4,), -1, False), ((5,), 0, True), ((3, 4), 0, False), ((4, 3), 1, True)]:
        check(lambda x, axis=axis: function(x, n, axis, norm), points(shape, name, real))


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("s", [None, (2, 5), (-1, 3)])
@pytest.mark.parametrize("axes", [(-2, -1), (1, 0)])
def test_along_several_axes(name, norm, s, axes):
    function = getattr(np.fft, name)
    check(lambda x: function(x, s, axes, norm), points((3, 4), name, False))


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_along_all_axes(name):
    check(getattr(np.fft, name), points((2, 3, 4), name, False))


@pytest.mark.parametrize("axes", [None, 0, (0, 1), (-1,)])
@pytest.mark.parametrize("function", [np.fft.fftshift, np.fft.ifftshift])
def test_order_of_frequencies(function, axes):
    check(lambda x: function(x, axes), points((3, 4), "fft", True))


@pytest.mark.parametrize("dtype", ["b1", "i1", "u8", "f2", "f4", "f8", "g", "F", "D", "G"])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_dtypes_are_those_of_numpy(name, dtype):
    if name[:2] in ("rf", "ih") and dtype in "FDG":
        with pytest.raises(TypeError):
            cv.jit(getattr(np.fft, name))(np.ones(4, dtype))
        return
    x = np.arange(4).astype(dtype)
    expected = getattr(np.fft, name)(x)
    same(cv.jit(getattr(np.fft, name))(x), expected, rtol=1e-6)
    same(cv.vmap(getattr(np.fft, name))(np.stack([x, x]))[1], expected, rtol=1e-6)


def test_errors_are_those_of_numpy():
    for call, error, text in [
        (lambda x: np.fft.fft(x, 0), ValueError, "Invalid number of FFT data points"),
        (lambda x: np.fft.fft(x, norm="half"), ValueError, "Invalid norm value half"),
        (lambda x: np.fft.fft(x, axis=3), np.exceptions.AxisError, "axis 3"),
        (lambda x: np.fft.fft2(x, (1, 2, 3)), ValueError, "different lengths"),
        (lambda x: np.fft.fft(x, out=np.ones(3, complex)), cv.errors.InPlaceWriteError, "out="),
    ]:
        with pytest.raises(error, match=text):
            cv.jit(call)(np.ones((3, 3)))


def test_the_gradient_of_a_filter_is_that_of_the_convolution():
    x, kernel = RNG.normal(size=16), RNG.normal(size=16)

    def filtered(x):
        return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(kernel), 16)

    circulant = np.stack([np.roll(kernel, k) for k in range(16)], axis=1)
    np.testing.assert_allclose(cv.jacrev(filtered)(x), circulant, atol=1e-12)
    np.testing.assert_allclose(cv.jit(cv.jacfwd(filtered))(x), circulant, atol=1e-12)


@pytest.mark.parametrize("norm", ["backward", "forward", "ortho"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_the_transpose_of_a_real_transform(n, norm):
    for length in {n, n + 2, max(n - 2, 1)}:
        matrix = np.stack([np.fft.rfft(e, n, norm=norm) for e in np.eye(length)], axis=1)
        ct = RNG.normal(size=(2, n // 2 + 1)) + 1j * RNG.normal(size=(2, n // 2 + 1))
        transpose = cv.vjp(lambda x: np.fft.rfft(x, n, norm=norm), np.ones((2, length)))[1]
        np.testing.assert_allclose(transpose(ct)[0], np.real(ct @ matrix), atol=1e-13)
