"""Gather and scatter: what is out of bounds, transposes, repeated places, batches, traced indices, errors."""

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.testing import check_grads

X = np.random.default_rng(0).normal(size=(3, 4, 2))
WINDOWS = lax.GatherDimensionNumbers((1, 2), (2,), (1, 0))
UPDATES = lax.ScatterDimensionNumbers((1, 2), (2,), (1, 0))
INDICES = np.array([[0, 1], [3, 0], [1, 1], [-1, 0], [1, 1]])
SCATTERS = [lax.scatter, lax.scatter_add, lax.scatter_sub, lax.scatter_mul, lax.scatter_min, lax.scatter_max]


def read(x, indices, mode="fill"):
    return lax.gather(x, indices, WINDOWS, (2, 3, 1), mode=mode)


def test_windows_outside():
    for mode in ("fill", None, "promise_in_bounds", "clip"):
        found = read(X, INDICES, mode)
        for (j, i), window in zip(INDICES, found, strict=True):
            inside = 0 <= i <= 1 and 0 <= j <= 1
            i, j = np.clip(i, 0, 1), np.clip(j, 0, 1)
            np.testing.assert_array_equal(
                window, X[i : i + 2, j : j + 3, 0] if inside or mode == "clip" else np.full((2, 3), np.nan)
            )
    with pytest.raises(ValueError, match="unknown mode 'wrap'"):
        read(X, INDICES, "wrap")


@pytest.mark.parametrize(
    ("dtype", "nothing"), [(np.int8, -128), (np.uint16, 65535), (np.bool_, True), (np.float32, np.nan), (np.complex64, np.nan)]
)
def test_what_is_outside_is_filled(dtype, nothing):
    found = read(X.astype(dtype), INDICES)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[1], np.full((2, 3), nothing, dtype))


@pytest.mark.parametrize("mode", ["clip", "drop"])
@pytest.mark.parametrize("scatter", SCATTERS)
def test_scatter_against_loops(scatter, mode):
    update = {"scatter_add": np.add, "scatter_sub": np.subtract, "scatter_mul": np.multiply}.get(scatter.__name__)
    update = update or {"scatter_min": np.minimum, "scatter_max": np.maximum}.get(scatter.__name__, lambda old, new: new)
    values = np.random.default_rng(1).normal(size=(5, 2, 3))
    expected = X.copy()
    for (j, i), value in zip(INDICES, values, strict=True):
        if mode == "clip" or (0 <= i <= 1 and 0 <= j <= 1):
            part = expected[np.clip(i, 0, 1) :, np.clip(j, 0, 1) :, 0][:2, :3]
            part[...] = update(part, value)
    f = lambda x, values, indices: scatter(x, indices, values, UPDATES, mode=mode)
    np.testing.assert_allclose(f(X, values, INDICES), expected, rtol=1e-12)
    np.testing.assert_allclose(cv.jit(f)(X, values, INDICES), expected, rtol=1e-12)
    batch = np.stack([INDICES, INDICES[::-1]])
    found = cv.vmap(f, (None, 0, 0))(X, np.stack([values, values[::-1]]), batch)
    np.testing.assert_allclose(found[1], f(X, values[::-1], batch[1]), rtol=1e-12)
    check_grads(lambda x, values: f(x, values, INDICES), (X, values), order=2)


def test_scatter_add_is_the_transpose_of_gather():
    ct = np.random.default_rng(2).normal(size=(5, 2, 3))
    found = cv.linear_transpose(lambda x: read(x, INDICES, "clip"), X)(ct)[0]
    np.testing.assert_allclose(found, lax.scatter_add(np.zeros_like(X), INDICES, ct, UPDATES, mode="clip"))
    back = cv.linear_transpose(lambda u: lax.scatter_add(np.zeros_like(X), INDICES, u, UPDATES, mode="clip"), ct)(X)[0]
    np.testing.assert_allclose(back, read(X, INDICES, "clip"))
    check_grads(lambda x: read(x, INDICES, "clip") ** 2, (X,), order=2)


def test_functions_are_applied_as_often_as_a_place_is_named():
    numbers, places = lax.ScatterDimensionNumbers((), (0,), (0,)), np.array([[0], [2], [0], [9]])
    f = lambda x, places: lax.scatter_apply(x, places, lambda v: v * v + 1, numbers, update_shape=(4,))
    for call in (f, cv.jit(f)):
        np.testing.assert_array_equal(call(np.array([1.0, 2.0, 3.0]), places), [5, 2, 10])
    check_grads(lambda x: f(x, places), (np.array([1.0, 2.0, 3.0]),), order=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read(X, INDICES.astype(float)), "integer indices, got f64"),
        (lambda: read(X, INDICES[:, :1]), "must have 2 entries"),
        (lambda: lax.gather(X, INDICES, WINDOWS, (2, 5, 1)), "no part of the array"),
        (lambda: lax.gather(X, INDICES, WINDOWS, (2, 3, 2)), "one element along collapsed"),
        (lambda: lax.gather(X, INDICES, WINDOWS._replace(offset_dims=(2, 1)), (2, 3, 1)), "no 2 increasing axes"),
        (lambda: lax.gather(X, INDICES, WINDOWS._replace(start_index_map=(0, 0)), (2, 3, 1)), "named twice"),
        (lambda: lax.scatter_add(X, INDICES, np.ones((4, 2, 3)), UPDATES), "not those of the indices"),
        (lambda: lax.scatter_add(X, INDICES, np.ones((5, 2, 3), np.float32), UPDATES), "the same dtype"),
        (lambda: lax.gather(X, INDICES, None, (2, 3, 1)), "gather got dimension_numbers=None"),
        (lambda: lax.gather(X, INDICES, WINDOWS, None), "gather got slice_sizes=None"),
        (lambda: lax.gather(None, INDICES, WINDOWS, (2, 3, 1)), "dtype object"),
        (lambda: lax.scatter_add(X, INDICES, np.ones((5, 2, 3)), WINDOWS), "scatter_add got dimension_numbers="),
    ],
)
def test_errors(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
