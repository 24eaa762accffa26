"""The primitive level under JAX's names: values and gradients as recorded from JAX, and every transformation."""

import doctest
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from cases import CONSTANT, SMOOTH

import covector as cv
from covector import lax
from covector.core.pytrees import tree_leaves
from covector.testing import check_function

RECORDED = json.loads(Path(__file__).with_name("values_of_jax.json").read_text())
CASES = list(zip(SMOOTH + CONSTANT, RECORDED, strict=True))


def function(expression):
    return lambda *args: eval(expression, {"lax": lax, "np": np, **dict(zip("xy", args, strict=False))})


def compare(found, recorded):
    found = tree_leaves(found)
    assert len(found) == len(recorded)
    for value, (dtype, shape, content) in zip(found, recorded, strict=True):
        assert list(np.shape(value)) == shape
        assert dtype in (str(np.asarray(value).dtype), "int64")
        np.testing.assert_allclose(value, np.reshape(np.array(content, dtype), shape), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("case", "recorded"), CASES, ids=[r[0] for _, r in CASES])
def test_values(case, recorded):
    expression, args = case
    assert recorded[0] == expression, "run record_values.py"
    compare(function(expression)(*args), recorded[1])
    compare(cv.jit(function(expression))(*args), recorded[1])
    if len(recorded) > 2:

        def weighted(*args):
            out = function(expression)(*args)
            return np.sum(out * np.cos(np.arange(out.size)).reshape(out.shape))

        compare(cv.grad(weighted, tuple(range(len(args))))(*args), recorded[2])


@pytest.mark.parametrize(("expression", "args"), SMOOTH, ids=[e for e, _ in SMOOTH])
def test_transformations(expression, args):
    check_function(function(expression), args, order=1, tolerance=1e-4)


@pytest.mark.parametrize(("expression", "args"), [c for c in CONSTANT if c[1]], ids=[e for e, a in CONSTANT if a])
def test_batches(expression, args):
    f = function(expression)
    batch = [np.stack([a, a[::-1]]) for a in args]
    for k in range(2):
        for out, row in zip(tree_leaves(cv.vmap(f)(*batch)), tree_leaves(f(*(a[k] for a in batch))), strict=True):
            np.testing.assert_array_equal(out[k], row)


def test_traced_starts():
    x = np.arange(12.0).reshape(3, 4)
    for i in range(-5, 5):
        found = cv.jit(lambda i: lax.dynamic_slice(x, (i, 0), (2, 3)))(i)
        np.testing.assert_array_equal(found, lax.dynamic_slice(x, (i, 0), (2, 3)))
        found = cv.jit(lambda i: lax.dynamic_update_slice(x, x[:2, :2], (i, i)))(i)
        np.testing.assert_array_equal(found, lax.dynamic_update_slice(x, x[:2, :2], (i, i)))
    long = np.arange(300)
    for i in (np.int8(-1), np.uint8(200), np.uint64(299), np.uint64(2**64 - 1), np.int64(-(2**63)), np.int16(-300)):
        expected = [min(max(int(i) + 300 * int(i < 0), 0), 298) + k for k in (0, 1)]
        np.testing.assert_array_equal(lax.dynamic_slice(long, (i,), (2,)), expected)
        np.testing.assert_array_equal(cv.jit(lambda i: lax.dynamic_slice_in_dim(long, i, 2))(i), expected)
    from_start = {"allow_negative_indices": False}
    np.testing.assert_array_equal(lax.dynamic_slice(x, (-1, -1), (2, 2), allow_negative_indices=(True, False)), x[1:, :2])
    np.testing.assert_array_equal(lax.dynamic_update_slice(x, x[1:2], (-9, 0), **from_start)[0], x[1])
    assert lax.dynamic_index_in_dim(long, -5, **from_start) == lax.dynamic_slice_in_dim(long, -5, 1, **from_start) == 0
    np.testing.assert_array_equal(lax.dynamic_update_index_in_dim(x, x[2], -1, 0, **from_start)[0], x[2])
    np.testing.assert_array_equal(lax.dynamic_update_slice_in_dim(x, x[2:], -1, 0, **from_start)[0], x[2])
    batched = cv.vmap(lambda i: lax.dynamic_index_in_dim(x, i, 1, keepdims=False))(np.array([0, -1, 9]))
    np.testing.assert_array_equal(batched, x.T[[0, 3, 3]])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("lax.slice(np.ones(3), (0,), (5,))", "not within an axis of 3"),
        ("lax.dynamic_slice(np.ones(3), (0,), (5,))", "no part of an axis of 3"),
        ("lax.dynamic_slice(np.ones(3), (1.0,), (2,))", r"begin at f64\[\](.|\n)*integer"),
        ("lax.dynamic_slice(np.ones(3), (0, 0), (2,))", r"2 indices and sizes \(2,\) for 1 axes"),
        ("lax.pad(np.ones(3), 0.0, [(-5, 0, 0)])", "-2 elements"),
        ("lax.pad(np.arange(3), 1.5, [(1, 0, 0)])", r"weak_f64\[\] for i64\[3\]"),
        ("lax.reduce(np.arange(3), 0.5, lax.add, (0,))", r"lax.reduce got a value of type weak_f64\[\] for i64\[3\]"),
        ("lax.split(np.ones(3), (4, -1))", "sizes"),
        ("lax.slice_in_dim(np.ones(3), 0, 4)", "not within an axis of 3"),
        ("lax.slice_in_dim(np.ones(3), 0, 3, -1)", "by -1 is not within"),
        ("lax.reduce_sum(np.ones(3, bool), (0,))", r"reduce_sum got bool\[3\](.|\n)*reduce_or"),
        ("lax.cumsum(np.ones(3, bool))", r"cumsum got bool\[3\]"),
        ("lax.argmax(np.ones(3), 0, np.float32)", "index_dtype=float32"),
        ("lax.argmin(np.ones(3), 0, bool)", "argmin got index_dtype=bool"),
        ("lax.complex(1j, 0.0)", "complex.. takes real numbers"),
        ("lax.approx_min_k(np.ones(3), 4)", "approx_min_k.. got k=4"),
        ("lax.split(np.ones(3), (1, 1))", "sizes"),
        ("lax.top_k(np.ones(3), 4)", "k=4"),
        ("lax.dot(np.ones((2, 3)), np.ones(2))", "different lengths"),
        ("lax.broadcast_in_dim(np.ones(3), (2, 3), (0, 1))", "increasing axes"),
        ("lax.select_n(np.array([0.0]), np.ones(1))", "boolean"),
        ("lax.pad(np.ones(3), 0.0, None)", "got None"),
        ("lax.pad(np.ones(3), 0.0, [(1, 1)])", r"low, high, interior >= 0.*got \[\(1, 1\)\]"),
        ("lax.pad(None, 0.0, [(1, 1, 0)])", "None of type NoneType"),
        ("lax.iota(float, -1)", "not negative; got -1"),
        ("lax.broadcasted_iota(int, (2, -1), 1)", "not negative; got -1"),
        ("lax.clamp(None, np.ones(3), 1.0)", "bounds None and 1.0"),
        ("lax.select(None, np.ones(3), np.ones(3))", "dtype object"),
    ],
)
def test_errors(expression, message):
    with pytest.raises((TypeError, ValueError), match=message):
        function(expression)()


@pytest.mark.parametrize("name", lax.LAZY)
def test_examples(name):
    module = importlib.import_module(f"covector.lax.{name}")
    assert not doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed
    assert all(hasattr(lax, n) for n in module.__all__)


def test_full_like_of_a_shape_and_dtype():
    like = cv.ShapeDtypeStruct((2,), np.float32)
    for fill in (1.5, np.float64(1.5)):
        found = cv.lax.full_like(like, fill)
        assert (found.dtype, found.tolist()) == (np.float32, [1.5, 1.5])
    found = cv.lax.full_like(like, 2, dtype=np.int8, shape=(1, 2))
    assert (found.dtype, found.tolist()) == (np.int8, [[2, 2]])
    assert cv.jit(lambda x: cv.lax.full_like(like, x))(2.0).dtype == np.float32
