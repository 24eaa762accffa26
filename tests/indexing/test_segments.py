"""``ops.segment_sum`` and its like: values as of JAX and by a loop, derivatives, batches."""

import doctest
import functools
import operator

import numpy as np
import pytest

import covector as cv
from covector import errors, lax, ops
from covector.testing import check_grads

D, I = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0, 0, 2, -1, 7])
NAMES = {"segment_sum": operator.add, "segment_prod": operator.mul, "segment_max": np.maximum, "segment_min": np.minimum}
ROWS, IDS = np.random.default_rng(0).normal(size=(6, 2)), np.array([1, 3, 1, 0, 3, 1])


def by_loop(name, data, ids, n):
    rows = [[row for row, i in zip(data, ids, strict=True) if i == k] for k in range(n)]
    return [functools.reduce(NAMES[name], r) if r else None for r in rows]


def test_examples():
    assert not doctest.testmod(ops, optionflags=doctest.NORMALIZE_WHITESPACE).failed


def test_values_of_jax():
    same = np.testing.assert_array_equal
    same(ops.segment_sum(D, I), [3, 0, 3, 0, 0, 0, 0, 5])
    same(ops.segment_sum(D, I, 3), [3, 0, 3])
    same(ops.segment_max(D, I, 4), [2, -np.inf, 3, -np.inf])
    same(ops.segment_min(D, I, 4), [1, np.inf, 3, np.inf])
    same(ops.segment_prod(D, I, 4), [2, 1, 3, 1])
    least = np.iinfo(np.int64).min
    same(ops.segment_max(D.astype(int), I, 4), [2, least, 3, least])
    same(ops.segment_max(D > 2, I, 4), [False, False, True, False])
    same(ops.segment_min(D > 1, I, 4), [False, True, True, True])
    same(ops.segment_sum(D, I, 3, mode="clip"), [7, 0, 8])
    same(ops.segment_sum(D, I, 3, mode=lax.GatherScatterMode.FILL_OR_DROP), [3, 0, 3])
    same(ops.segment_sum(D[:0], I[:0], 2), [0, 0])
    same(ops.segment_prod(D * (1 + 1j), I, 3), [4j, 1, 3 + 3j])
    same(ops.segment_sum(D, I, 3, True, True, 2), [3, 0, 3])
    for empty in (ops.segment_sum(D, I, 0), ops.segment_sum(D, -abs(I) - 1), ops.segment_sum(D[:0], I[:0])):
        assert empty.shape == (0,)
    same(cv.grad(lambda d: np.sum(ops.segment_sum(d, I, 3) ** 2))(D), [6, 6, 6, 0, 0])
    tied = lambda d: np.sum(ops.segment_max(d, np.array([0, 0, 1, 1, 1]), 3)[:2])
    same(cv.grad(tied)(np.array([1.0, 1.0, 2.0, 3.0, 3.0])), [0.5, 0.5, 0.0, 0.5, 0.5])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", "bHiqefdgFD")
def test_dtypes(name, dtype):
    if dtype in "FD" and name in ("segment_max", "segment_min"):
        return
    data = np.abs(ROWS * 2).astype(dtype)
    found = getattr(ops, name)(data, IDS.astype(np.uint8), 5)
    assert found.dtype == data.dtype
    for row, wanted in zip(found, by_loop(name, data, IDS, 5), strict=True):
        if wanted is not None:
            np.testing.assert_allclose(row, wanted, rtol=1e-2 if dtype == "e" else 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_transformations(name):
    f = lambda data, ids=IDS: getattr(ops, name)(data, ids, 5)[np.array([0, 1, 3])]
    check_grads(f, (ROWS,), order=2)
    batch, ids = np.stack([ROWS, 2 * ROWS]), np.stack([IDS, IDS[::-1]])
    np.testing.assert_allclose(cv.vmap(f)(batch, ids), [f(*args) for args in zip(batch, ids, strict=True)])
    np.testing.assert_allclose(cv.vmap(f, (0, None))(batch, IDS), [f(b) for b in batch])
    np.testing.assert_allclose(cv.jit(f)(ROWS, IDS), f(ROWS))
    np.testing.assert_allclose(cv.jit(cv.jacrev(f))(ROWS, IDS), cv.jacfwd(f)(ROWS))


REFUSED = {
    "too few ids": (lambda: ops.segment_sum(D, I[:3], 3), r"segment_ids of type i64\[3\] for data of type f64\[5\]"),
    "ids that are no integers": (lambda: ops.segment_max(D, D, 3), r"segment_ids of type f64\[5\]"),
    "a mask": (lambda: ops.segment_max(D, D > 2, 3), r"segment_ids of type bool\[5\]"),
    "a number": (lambda: ops.segment_sum(1.0, 0, 3), r"segment_ids of type i64\[\] for data of type f64\[\]"),
    "negative": (lambda: ops.segment_sum(D, I, -1), "segment_sum got num_segments=-1"),
    "a float": (lambda: ops.segment_sum(D, I, 3.0), "segment_sum got num_segments=3.0"),
    "bucket_size": (lambda: ops.segment_sum(D, I, 3, bucket_size=0), "segment_sum got bucket_size=0"),
    "a flag": (lambda: ops.segment_min(D, I, 3, unique_indices=2), "segment_min got unique_indices=2"),
    "booleans": (lambda: ops.segment_prod(D > 2, I, 3), r"segment_prod got data of type bool\[5\]"),
    "complex": (lambda: ops.segment_max(D * 1j, I, 3), r"segment_max got data of type c128\[5\]"),
    "unknown ids": (lambda: cv.jit(ops.segment_sum)(D, I), "segment_sum was not told num_segments"),
    "mode": (lambda: ops.segment_sum(D, I, 3, mode="wrap"), "unknown mode 'wrap'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name):
    call, text = REFUSED[name]
    with pytest.raises((errors.ArgumentError, ValueError), match=text):
        call()
