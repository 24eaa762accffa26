"""``x[...]`` on tracers, against NumPy, for all kinds of indices."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformed import agree, check, equal

import covector
from covector.numpy import at
from covector.primitives.arrays import indexing
from covector.primitives.arrays.subscripts import parse

X = np.random.default_rng(0).normal(size=(3, 4, 2))
I = np.array([2, 0, -1, 0])

READS = {
    "int": lambda x: x[1],
    "ints": lambda x: x[-1, 2, 0],
    "numpy ints": lambda x: x[np.int8(1), np.array(2)],
    "slice": lambda x: x[1:],
    "steps": lambda x: x[::2, ::-1, ::3],
    "negative steps": lambda x: x[2:0:-2, -2::-1],
    "empty slice": lambda x: x[2:1, 5:],
    "everything": lambda x: (x[...], x[()], x[:]),
    "new axes": lambda x: x[None, 1, :, np.newaxis, ..., None],
    "ellipsis": lambda x: x[..., 0],
    "list": lambda x: x[[2, 0, 2]],
    "empty list": lambda x: x[[]],
    "array": lambda x: x[I % 3],
    "array on another axis": lambda x: x[:, I],
    "array of rank 2": lambda x: x[I.reshape(2, 2) % 3, 1],
    "two arrays": lambda x: x[[0, 2], [1, 3]],
    "broadcast arrays": lambda x: x[[[0], [2]], :, [0, 1]],
    "arrays apart": lambda x: x[[0, 1], :, [0, 1]],
    "arrays next to each other": lambda x: x[:, [0, 1], [0, 1]],
    "array and int apart": lambda x: x[[0, 1], :, 0],
    "array and int": lambda x: x[:, 0, [0, 1, 0]],
    "array and slice": lambda x: x[1:, I, ::-1],
    "new axis between": lambda x: x[[0, 1], None, [0, 1]],
    "mask": lambda x: x[np.array([True, False, True])],
    "mask of rank 2": lambda x: x[X[..., 0] > 0],
    "mask of all": lambda x: x[X > 0],
    "mask and slice": lambda x: x[:, [True, False, True, True], ::-1],
    "mask and array": lambda x: x[[0, 1], [True, False, True, False]],
    "mask from the value": lambda x: x[x[:, 0, 0] > 0],
    "nothing": lambda x: x[np.zeros(3, bool)],
    "scalar masks": lambda x: (x[True], x[:, False], x[None, True, 1]),
    "list with a slice": lambda x: x[[0, 1], 1:3],
    "range": lambda x: (x[range(2)], x[[range(2)]], x[:, range(1, 3)]),
    "bytes and memory": lambda x: (x[bytearray(b"\1")], x[memoryview(np.array([1, 0]))]),
    "from a value": lambda x: x[np.argmax(x[:, 0, 0])],
    "nonlinear": lambda x: x[0] * x[1:, ::-1] ** 2,
}


@pytest.mark.parametrize("name", READS)
def test_read(name):
    if name in ("mask from the value", "from a value"):
        f = READS[name]
        equal(covector.jvp(f, (X,), (X,)), (f(X), f(X)))
        equal(covector.vjp(f, X)[0], f(X))
    else:
        check(READS[name], X)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64, np.clongdouble, np.int8, np.bool_])
@pytest.mark.parametrize("name", ["int", "steps", "new axes", "array and slice", "mask of rank 2", "two arrays"])
def test_dtype(name, dtype):
    check(READS[name], X.astype(dtype), order=1)


TRACED = {
    "scalar": (lambda x, i: at(x)[i[0]].get(), I % 3),
    "scalar and slices": (lambda x, i: at(x)[:, i[0], ::-1].get(), I),
    "two scalars": (lambda x, i: at(x)[i[0], :, i[1] % 2].get() ** 2, I % 3),
    "vector": (lambda x, i: at(x)[i].get(), I % 3),
    "on another axis": (lambda x, i: at(x)[1, i].get(), I),
    "apart": (lambda x, i: at(x)[i, 1:3, i % 2].get(), I % 3),
    "with a list": (lambda x, i: at(x)[[[0], [1]], i].get(), I),
    "rank 2": (lambda x, i: at(x)[:, i.reshape(2, 2)].get() ** 2, I),
    "in a list": (lambda x, i: at(x)[[i[0], 1, i[1]]].get(), I % 3),
    "in lists": (lambda x, i: at(x)[[[i[0], 1], (i[1], 2)]].get(), I % 3),
    "take": (lambda x, i: covector.numpy.indexing.take(x, i, axis=1), I),
}


@pytest.mark.parametrize("name", TRACED)
def test_traced_index(name):
    f, i = TRACED[name]
    check(f, X, i)


def test_slices_by_objects_with_an_index():
    class Two:
        def __index__(self):
            return 2

    check(lambda x: (x[Two()], x[: Two()]), X, order=1)


def test_iteration_and_unpacking():
    check(lambda x: [row * k for k, row in enumerate(x)], X)
    a, b = covector.grad(lambda x: (lambda p, q: p * q)(*x))(np.array([2.0, 3.0]))
    assert (a, b) == (3.0, 2.0)


ERRORS = {
    "int": lambda x: x[3],
    "negative int": lambda x: x[0, -5],
    "list": lambda x: x[[0, 3]],
    "array on another axis": lambda x: x[:, np.array([0, 4])],
    "too many": lambda x: x[0, 0, 0, 0],
    "two ellipses": lambda x: x[..., ...],
    "float": lambda x: x[1.0],
    "floats": lambda x: x[[1.0]],
    "float array": lambda x: x[np.array([1.0])],
    "string": lambda x: x["a"],
    "object": lambda x: x[object()],
    "mask": lambda x: x[np.ones(2, bool)],
    "mask of too many axes": lambda x: x[np.ones((3, 4, 2, 1), bool)],
    "shapes": lambda x: x[[0, 1], [0, 1, 2]],
    "step": lambda x: x[::0],
    "slice of floats": lambda x: x[1.0:],
    "scalar": lambda x: x[0, 0, 0][0],
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


NO_INDICES = ["a", b"a", 0.5, 1j, np.float64(1), [0.5], (0.5,), [[1j]], ["a"], [None], {}, {1},
              np.array(0.5), np.array([1j]), np.array([None]), np.array(["a"]),
              (..., ...), (..., None, ...), (..., 0, ...), (..., [0], ...), (0, ..., 0.5), (slice(None), "a")]  # fmt: skip


@pytest.mark.parametrize("index", NO_INDICES, ids=repr)
def test_what_is_no_index_is_refused_in_the_words_of_numpy(index):
    with pytest.raises(IndexError) as wanted:
        X[index]
    for read in (covector.make_jaxpr(lambda x: x[index]), covector.grad(lambda x: x[index]), covector.vmap(lambda x: x[index])):
        with pytest.raises(IndexError) as found:
            read(X)
        assert str(found.value).splitlines()[0] == str(wanted.value)


def test_traced_index_of_a_wrong_dtype():
    with pytest.raises(IndexError, match="integer"):
        covector.jit(lambda x, i: x[i])(X, np.array([0.0]))


def test_out_of_bounds_when_the_program_runs():
    f = covector.jit(lambda x, i: x[i])
    equal(f(X, np.array([0, 1])), X[:2])
    with pytest.raises(IndexError, match="out of bounds"):
        f(X, np.array([0, 3]))


def test_unknown_mask():
    for transform in (covector.jit, covector.vmap):
        text = r"(?s)bool\[.*np\.where\(mask, x, other\)"
        with pytest.raises(covector.errors.NonConcreteBooleanIndexError, match=text) as error:
            transform(lambda x: x[x > 0])(X)
        assert isinstance(error.value, IndexError) and "test_reading.py" in str(error.value)


def test_slice_by_a_tracer():
    with pytest.raises(covector.errors.TracerIntegerConversionError):
        covector.jit(lambda x, n: x[:n])(X, 2)


# --- any index --------------------------------------------------------------------------------------------------------


@st.composite
def any_index(draw, shape):
    """An index of an array, sometimes wrong."""
    entries = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        bound = st.integers(-n - 1, n + 1)
        entries.append(
            draw(
                st.one_of(
                    st.integers(-n, n),
                    st.builds(slice, st.none() | bound, st.none() | bound, st.none() | st.sampled_from([1, 2, -1, -2, 3])),
                    st.sampled_from([(2,), (1, 2), (2, 1), (1,), (0,), ()]).flatmap(lambda s, n=n: int_arrays(s, n)),
                    st.lists(st.booleans(), min_size=n, max_size=n).map(np.array) if n else st.just(slice(None)),
                )
            )
        )
    for _ in range(draw(st.integers(0, 2))):
        entries.insert(draw(st.integers(0, len(entries))), draw(st.sampled_from([None, Ellipsis, None, True, np.False_])))
    return tuple(entries) if len(entries) != 1 or draw(st.booleans()) else entries[0]


def int_arrays(shape, n):
    size = int(np.prod(shape))
    return st.lists(st.integers(-n, n - 1) if n else st.just(0), min_size=size, max_size=size).map(
        lambda v: np.array(v, int).reshape(shape)
    )


@st.composite
def arrays_with_index(draw):
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=4)))
    return np.random.default_rng(0).normal(size=shape), draw(any_index(shape))


@given(arrays_with_index())
@settings(max_examples=300, deadline=None)
def test_any_read(case):
    x, idx = case
    f = lambda x: x[idx]
    agree(f, x)
    try:
        expected = x[idx]
    except IndexError:
        return
    out, tangent = covector.jvp(f, (x,), (2 * x,))
    equal((out, tangent), (expected, 2 * expected))
    ct = np.random.default_rng(1).normal(size=expected.shape)
    back = np.zeros_like(x)
    np.add.at(back, idx, ct)
    np.testing.assert_allclose(covector.vjp(f, x)[1](ct)[0], back, atol=1e-14)
    np.testing.assert_allclose(covector.jit(lambda x: covector.vjp(f, x)[1](ct)[0])(x), back, atol=1e-14)
    batch = np.stack([x, 3 * x, -x], -1)
    equal(covector.vmap(f, -1, -1)(batch), np.stack([expected, 3 * expected, -expected], -1))


@given(arrays_with_index(), st.sampled_from(["set", "add", "multiply", "min"]))
@settings(max_examples=300, deadline=None)
def test_any_write(case, method):
    x, idx = case
    try:
        v = np.random.default_rng(1).normal(size=x[idx].shape)
    except IndexError:
        for transform in (covector.jit, lambda f: f):
            with pytest.raises(IndexError):
                transform(lambda x: at(x)[idx].set(0.0))(x)
        return
    expected = x.copy()
    if method == "set":
        expected[idx] = v
    else:
        {"add": np.add, "multiply": np.multiply, "min": np.minimum}[method].at(expected, idx, v)
    f = lambda x, v: getattr(at(x)[idx], method)(v)
    equal(f(x, v), expected)
    equal(covector.jvp(f, (x, v), (x, v))[0], expected)
    equal(covector.jit(f)(x, v), expected)
    equal(covector.vmap(f, (0, None))(x[None], v)[0], expected)
    equal(covector.vmap(f, (None, -1))(x, v[..., None])[0], expected)


def test_canonical_indices_are_equal():
    for a, b, n in (((None, None, None), (0, 5, 1), 5), ((None, None, 2), (-5, 9, 2), 5), ((4, 1, -2), (4, 0, -2), 5)):
        assert indexing.span(slice(*a), n) == indexing.span(slice(*b), n)
    assert parse((slice(0, 3), slice(None)), (3, 4)).basic == ()


# --- the cost of the backward pass ------------------------------------------------------------------------------------


def test_reading_slices_costs_what_is_read(monkeypatch):
    """The cotangents of n slices are added into one buffer, in the eager backward pass: no array of zeros is made for each."""

    def refuse(*args, **params):
        raise AssertionError("a cotangent of the whole array was made for a part of it")

    n = 50
    x = np.arange(float(n))

    def f(x):
        total = 0.0
        for k in range(n):
            total = total + x[k] * x[[k, -1 - k]][1]
        return total

    expected = covector.jit(covector.grad(f))(x)
    monkeypatch.setattr(indexing.embed_p, "impl", refuse)
    monkeypatch.setattr(indexing.spread_p, "impl", refuse)
    np.testing.assert_allclose(covector.grad(f)(x), 2 * x[::-1])
    np.testing.assert_allclose(expected, 2 * x[::-1])


@pytest.mark.parametrize("index", [[0, 7, 1], [0, 5], [1, -6], [[0, 1], [5, 9]], 7, 5, -6])
def test_an_index_out_of_bounds_is_named_as_numpy_names_it(index):
    x = np.arange(10.0).reshape(5, 2)
    i = np.array(index)
    for f in (
        lambda x: x[i],
        lambda x: x.T[:, i],
        lambda x: x[i, 0],
        lambda x: x[i, [0]],
        lambda x: np.delete(x, i.ravel(), 0),
    ):
        with pytest.raises(IndexError) as expected:
            f(x)
        for run in (covector.jit(f), covector.grad(lambda x, f=f: np.sum(f(x)))):
            with pytest.raises(IndexError, match=re.escape(str(expected.value))):
                run(x)


@pytest.mark.parametrize("f", [lambda x, i: x[i], lambda x, i: at(x)[i].add(1.0)], ids=["read", "written"])
@pytest.mark.parametrize("index", [1.0, np.float64(1.0), np.array(1.0), np.array([1.0, 2.0]), 1j], ids=repr)
def test_what_is_no_index_is_refused_where_the_user_wrote_it(index, f):
    given = lambda x: f(x, index)
    for call in (lambda x: covector.jit(f)(x, index), covector.jit(given), covector.grad(given)):
        with pytest.raises(covector.errors.CovectorError, match="indices") as refused:
            call(np.arange(6.0))
        assert isinstance(refused.value, IndexError) and "test_reading.py" in str(refused.value)
