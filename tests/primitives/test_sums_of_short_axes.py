"""Sums and extremes over and beside short last axes: those over them are NumPy's to the last bit, zeros, infinities, dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.primitives.arrays.columns import MANY, added, added_beside, adding, are_short, largest_of

rng = np.random.default_rng(0)


def numbers(shape, dtype):
    x = rng.normal(size=shape) * 10.0 ** rng.integers(-8, 8, size=shape)
    if dtype.startswith("c"):
        x = x + 1j * x[::-1]
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
    if x.dtype.kind in "fc":
        rows = x.reshape(-1, shape[-1])
        rows[:5], rows[6], rows[7, -1] = -0.0, np.inf, np.nan
    return x


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "i1", "i2", "u4", "i8", "?"])
@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("lead", [(300,), (20, 30), (2, 3, 50)])
def test_the_bits_are_numpys(dtype, n, lead):
    x = numbers((*lead, n), dtype)
    for y in (x, np.asfortranarray(x), x[::-1], x[..., ::-1], np.broadcast_to(x[:1], x.shape)):
        for axes in ((y.ndim - 1,), (y.ndim - 2,), (0,), tuple(range(y.ndim))):
            found, wanted = added(y, axes), np.add.reduce(y, axes, dtype=y.dtype.type)
            assert found.dtype == wanted.dtype and type(found) is type(wanted)
            np.testing.assert_array_equal(found, wanted)
            np.testing.assert_array_equal(np.signbit(np.real(found)), np.signbit(np.real(wanted)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i2"])
@pytest.mark.parametrize("n", range(8, 18))
def test_sums_of_more(dtype, n):
    x = numbers((2, 5000, n), dtype)
    assert are_short(x.shape) == (n < 16)
    found, wanted = added(x, (2,)), np.add.reduce(x, 2, dtype=x.dtype.type)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(np.real(found)), np.signbit(np.real(wanted)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c16", "i1", "u4", "?"])
@pytest.mark.parametrize("shape", [(300, 2), (4, 90, 3), (5000, 8), (3, 3000, 15), (5000, 16), (3, 4)])
def test_extremes_over_a_short_axis(name, dtype, shape):
    x = numbers((max(9, shape[0]), *shape[1:]), dtype)
    ufunc = {"max": np.maximum, "min": np.minimum}[name]
    reduce = cv.jit(lambda x: getattr(np, name)(x, axis=-1), backend="numpy")
    for y in (x, np.asfortranarray(x), x[::-1]):
        wanted = ufunc.reduce(y, y.ndim - 1)
        for found in (largest_of(ufunc, y, (y.ndim - 1,)), reduce(y)):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i1"])
@pytest.mark.parametrize("shape", [(MANY, 2), (40, 30, 3), (4, 5, 30, 7)])
def test_sums_beside_a_short_axis(dtype, shape):
    x = (rng.normal(size=shape) * 50).astype(dtype)
    axes = (len(shape) - 2,)
    assert adding(shape, axes) is added_beside
    wanted = np.add.reduce(x, axes, dtype=x.dtype.type)
    for found in (added_beside(x, axes), cv.jit(lambda x: np.sum(x, axis=axes, dtype=x.dtype), backend="numpy")(x)):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-5 if dtype == "f4" else 1e-12, atol=1e-2 if dtype == "f4" else 1e-9)


@pytest.mark.parametrize("shape", [(MANY // 3, 3), (MANY - 1, 8), (MANY, 1), (5000, 16), (MANY,), (0, 3)])
def test_where_it_would_not_be_faster(shape):
    assert adding(shape, (len(shape) - 1,)) is None


def test_derivatives_of_distances():
    q = rng.normal(size=(30, 3))

    def energy(q):
        d = q[:, None, :] - q[None, :, :]
        return np.sum(1 / np.sqrt(np.sum(d * d, axis=-1) + 0.1))

    d = q[:, None, :] - q[None, :, :]
    wanted = -2 * np.einsum("ijk,ij->ik", d, (np.einsum("ijk,ijk->ij", d, d) + 0.1) ** -1.5)
    for f in (cv.grad(energy), cv.jit(cv.grad(energy), backend="numpy")):
        np.testing.assert_allclose(f(q), wanted, rtol=1e-12)
