"""NumPy's functions that read and select, against NumPy under every transformation; those that write in place are refused."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import agree, check, equal

import covector
from covector.numpy import indexing

X = np.random.default_rng(0).normal(size=(3, 4))
T = np.random.default_rng(1).normal(size=(2, 3, 4))
I = np.array([[2, 0, -1], [0, 1, 2]])

FUNCTIONS = {
    "take": lambda x: np.take(x, [0, 11, -1]),
    "take axis": lambda x: np.take(x, I, axis=-1),
    "take one": lambda x: np.take(x, 2, axis=0),
    "take wrap": lambda x: np.take(x, [5, -7, 100], axis=1, mode="wrap"),
    "take clip": lambda x: np.take(x, [5, -7, 1], axis=1, mode="clip"),
    "take bool": lambda x: np.take(x, [True, False], axis=0),
    "take method": lambda x: x.take([1, 2], axis=1),
    "take_along_axis": lambda x: np.take_along_axis(x, I[:, [0]], 0),
    "take_along_axis flat": lambda x: np.take_along_axis(x, np.array([3, -1, 3]), None),
    "take_along_axis last": lambda x: np.take_along_axis(x, np.array([[0, 1], [2, -1], [0, 0]]), -1),
    "diagonal": np.diagonal,
    "diagonal offset": lambda x: (np.diagonal(x, 2), np.diagonal(x, -1), np.diagonal(x, 9), np.diagonal(x, -9)),
    "diagonal method": lambda x: x.diagonal(1),
    "diag": lambda x: (np.diag(x), np.diag(x, 1), np.diag(x[0]), np.diag(x[0], -2), np.diag(x[:, 0], 1)),
    "diagflat": lambda x: np.diagflat(x[:2, :2], 1),
    "trace": lambda x: (np.trace(x), np.trace(x, 1), np.trace(x, -2), x.trace()),
    "tril": lambda x: (np.tril(x), np.tril(x, -1), np.tril(x, 1), np.tril(x[0])),
    "triu": lambda x: (np.triu(x), np.triu(x, -1), np.triu(x, 2), np.triu(x[0])),
    "tril_indices_from": lambda x: x[np.tril_indices_from(x)],
    "triu_indices_from": lambda x: x[np.triu_indices_from(x, 1)],
    "diag_indices_from": lambda x: x[:, :3][np.diag_indices_from(x[:, :3])],
    "ix_": lambda x: x[np.ix_([2, 0], [True, False, True, True])],
    "compress": lambda x: np.compress([False, True, True], x, axis=1),
    "compress flat": lambda x: np.compress([False, True, True, False, True], x),
    "extract": lambda x: np.extract(X > 0, x),
    "select": lambda x: np.select([X > 1, X < -0.5, X < 0], [x, x**2, 3.0], 7),
    "select by default": lambda x: indexing.select([X > 1], [np.ones(4)], default=x),
    "choose": lambda x: np.choose([[0, 1, 2, 1]], [x, x**2, 5.0]),
    "choose wrap": lambda x: np.choose([3, -1, 1, 1], [x, x**2], mode="wrap"),
    "choose clip": lambda x: np.choose([3, -1, 1, 1], [x, x**2], mode="clip"),
    "delete": lambda x: np.delete(x, 1, axis=0),
    "delete flat": lambda x: np.delete(x, [0, 5, -1]),
    "delete slice": lambda x: np.delete(x, slice(None, None, 2), axis=1),
    "delete mask": lambda x: np.delete(x, [True, False, True, False], axis=1),
    "insert": lambda x: np.insert(x, 1, 5.0, axis=0),
    "insert row": lambda x: np.insert(x, 3, x[0], axis=0),
    "insert column": lambda x: np.insert(x, 1, x[:, 0], axis=1),
    "insert columns": lambda x: np.insert(x, [1], x[:, :2], axis=1),
    "insert several": lambda x: np.insert(x, [1, 1, -1], x[:, :3], axis=1),
    "insert flat": lambda x: np.insert(x, [3, 0], x[0, :2]),
    "insert slice": lambda x: np.insert(x, slice(0, 4, 2), -1.0, axis=1),
    "insert mask": lambda x: np.insert(x, np.array([True, False, False, True]), x[:, :2], axis=1),
    "insert nothing": lambda x: np.insert(x, [], x[:, :1], axis=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(FUNCTIONS[name], X)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex128, np.int16, np.bool_])
@pytest.mark.parametrize("name", ["take axis", "take_along_axis", "diagonal offset", "diag", "trace", "tril", "insert row"])
def test_dtype(name, dtype):
    check(FUNCTIONS[name], X.astype(dtype), order=1)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.diagonal(x, 1, 0, 2),
        lambda x: np.diagonal(x, -1, -1, 0),
        lambda x: np.trace(x, 1, axis1=2, axis2=1),
        np.tril,
        lambda x: np.triu(x, 1),
        lambda x: np.take(x, I, axis=1),
        lambda x: np.take_along_axis(x, np.array([[[1], [0], [2]]]), axis=2),
        lambda x: np.insert(x, 1, x[:, 0], axis=1),
        lambda x: np.insert(x, 1, x[0], axis=0),
        lambda x: np.delete(x, [0], axis=-1),
    ],
)
def test_three_axes(f):
    check(f, T)


TRACED = {
    "take": (lambda x, i: indexing.take(x, i, axis=0), I),
    "take wrap": (lambda x, i: indexing.take(x, i, axis=1, mode="wrap"), 3 * I),
    "take clip": (lambda x, i: indexing.take(x, i, axis=1, mode="clip"), 3 * I),
    "take one": (lambda x, i: indexing.take(x, i, 1), np.array(-2)),
    "take_along_axis": (lambda x, i: np.take_along_axis(x, i[:, :1], 0), I.T),
    "choose": (lambda x, i: np.choose(i, [x[:, :3], x[:, 1:], 2.0]), I[1]),
    "select": (lambda x, i: np.select([i > 0, i == 0], [x[0, :3], x[1, :3] ** 2]), I),
}


@pytest.mark.parametrize("name", TRACED)
def test_traced_index(name):
    f, i = TRACED[name]
    check(f, X, i)


POSITIONS = {
    "nonzero": lambda x: np.nonzero(x > 0) + np.nonzero(x),
    "nonzero method": lambda x: np.nonzero(np.round(x)),
    "flatnonzero": lambda x: np.flatnonzero(np.round(x)),
    "argwhere": lambda x: np.argwhere(np.round(x)),
    "argwhere of a scalar": lambda x: np.argwhere(x[0, 0]),
    "read by positions": lambda x: x[np.nonzero(x > 0)] * 2,
    "compress": lambda x: np.compress(x[0] > 0, x, axis=1),
    "extract": lambda x: np.extract(x > 0, x),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_positions_are_known_under_differentiation(name):
    f = POSITIONS[name]
    equal(covector.jvp(f, (X,), (X,))[0], f(X))
    equal(covector.vjp(f, X)[0], f(X))
    with pytest.raises((covector.errors.ConcretizationError, covector.errors.NonConcreteBooleanIndexError)) as error:
        covector.jit(f)(X)
    assert "Fix:" in str(error.value)


@pytest.mark.parametrize("order", ["C", "F"])
def test_positions_in_flattened_arrays(order):
    check(lambda i: np.unravel_index(i, (3, 4, 2), order), np.array([[0, 5], [23, 11]]), order=1)
    check(lambda i: np.unravel_index(i, 6), np.array(5), order=1)
    i, j = np.array([2, 0, 1]), np.array([3, 1, 0])
    check(lambda i, j: np.ravel_multi_index((i, j), (3, 4), order=order), i, j, order=1)
    for mode in ("wrap", "clip", ("wrap", "clip")):
        check(lambda i, j, mode=mode: np.ravel_multi_index((i, j), (3, 4), mode, order), 2 * i - 1, 5 - 3 * j, order=1)


@pytest.mark.parametrize("run", [covector.jit, covector.vmap, lambda f: covector.jit(f, backend="numpy")])
@pytest.mark.parametrize("i", [-1, 12, -12, 2**40])
def test_positions_out_of_bounds(i, run):
    places = np.array([[3], [i]])
    with pytest.raises(IndexError, match=r"index -?\d+ is out of bounds for axis . with size"):
        run(lambda i: np.unravel_index(i, (3, 4)))(places)
    with pytest.raises(IndexError, match=r"index -?\d+ is out of bounds for axis . with size"):
        run(lambda i: np.ravel_multi_index((i, 0 * i), (5, 4)))(places)
    np.testing.assert_array_equal(run(lambda i: np.ravel_multi_index((i, 0 * i), (5, 4), "clip"))(places)[0], [12])
    assert run(lambda i: np.unravel_index(i, (3, 4)))(places[:, :0])[0].shape == (2, 0)



ERRORS = {
    "take": lambda x: np.take(x, 12),
    "take axis": lambda x: np.take(x, 0, axis=2),
    "take mode": lambda x: np.take(x, 0, mode="nearest"),
    "take float": lambda x: np.take(x, np.array([1.5])),
    "take from nothing": lambda x: np.take(x[:0], 0, axis=0),
    "take_along_axis float": lambda x: np.take_along_axis(x, np.zeros((3, 1)), 1),
    "take_along_axis rank": lambda x: np.take_along_axis(x, np.zeros(3, int), 1),
    "take_along_axis flat": lambda x: np.take_along_axis(x, np.zeros((3, 1), int), None),
    "take_along_axis bounds": lambda x: np.take_along_axis(x, np.full((3, 1), 4), 1),
    "diagonal": lambda x: np.diagonal(x[0]),
    "diagonal axes": lambda x: np.diagonal(x, 0, 1, 1),
    "diagonal axis": lambda x: np.diagonal(x, 0, 0, 2),
    "diag": lambda x: np.diag(x[None]),
    "diag scalar": lambda x: np.diag(x[0, 0]),
    "trace": lambda x: np.trace(x[0]),
    "indices from": lambda x: x[np.tril_indices_from(x[0])],
    "diag_indices_from": lambda x: x[np.diag_indices_from(x)],
    "ix_": lambda x: x[np.ix_([[0]], [0])] + np.ix_(x)[0],
    "compress": lambda x: np.compress([[True]], x),
    "compress axis": lambda x: np.compress([True], x, axis=2),
    "select lengths": lambda x: np.select([x > 0], [x, x]),
    "select nothing": lambda x: np.select([], []) + x,
    "select ints": lambda x: np.select([[1, 0, 1, 0]], [x]),
    "choose": lambda x: np.choose([0, 2, 0, 0], [x, x]),
    "delete": lambda x: np.delete(x, 3, axis=0),
    "delete axis": lambda x: np.delete(x, 0, axis=2),
    "insert": lambda x: np.insert(x, 5, 0.0, axis=0),
    "insert negative": lambda x: np.insert(x, -5, 0.0, axis=0),
    "insert ranks": lambda x: np.insert(x, [[0]], 0.0, axis=0),
    "insert shapes": lambda x: np.insert(x, [0, 1], np.ones(3), axis=0),
    "unravel_index": lambda x: np.unravel_index(x, (3, 4)),
    "ravel_multi_index": lambda x: np.ravel_multi_index((x, x), (3, 4)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


IN_PLACE = {
    "put_along_axis": lambda a, v: np.put_along_axis(a, np.array([[0]]), v, 1),
    "place": lambda a, v: np.place(a, np.ones((3, 4), bool), v),
    "putmask": lambda a, v: np.putmask(a, np.ones((3, 4), bool), v),
    "copyto": lambda a, v: np.copyto(a, v),
    "fill_diagonal": lambda a, v: np.fill_diagonal(a, v),
    "put": lambda a, v: np.put(a, [0], v),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_writing_in_place_is_refused(name):
    text = rf"numpy\.{name} writes in place, into a traced value"
    with pytest.raises(covector.errors.InPlaceWriteError, match=text) as error:
        covector.grad(lambda x: IN_PLACE[name](x, 1.0))(X)
    assert "test_selecting.py" in str(error.value) and "Fix: " in str(error.value)


@pytest.mark.parametrize("name", ["put_along_axis", "copyto", "place"])
def test_writing_a_traced_value_is_refused(name):
    target = np.zeros((3, 4))
    with pytest.raises(covector.errors.InPlaceWriteError, match="a traced value into an array"):
        covector.grad(lambda x: IN_PLACE[name](target, x))(X[:1, :1])
    assert not target.any()


def test_full_like_does_not_hand_back_garbage():
    with pytest.raises(covector.errors.CovectorError):
        covector.grad(lambda s: np.full_like(np.zeros(3), s).sum())(1.0)


def test_out_is_refused():
    for f in (np.take, np.choose):
        with pytest.raises(covector.errors.InPlaceWriteError, match="out="):
            covector.jit(lambda x, f=f: f(x, [0], out=np.zeros(1)))(X)


def test_a_traced_index_into_a_plain_array():
    a = np.arange(5.0)
    equal(covector.vmap(lambda i: indexing.take(a, i))(np.array([3, 1])), a[[3, 1]])
    equal(covector.vmap(lambda i: covector.numpy.at(a)[i].get())(np.array([3, 1])), a[[3, 1]])
