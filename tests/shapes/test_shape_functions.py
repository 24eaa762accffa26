"""Reshaping, transposing, broadcasting and the methods of arrays, against NumPy under every transformation."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.exceptions import AxisError
from transformed import agree, check, equal

import covector
from covector.numpy import shapes as covector_shapes

X = np.random.default_rng(0).normal(size=(2, 3, 4))
V = X[0, 0]
Z = X + 1j * X[::-1]

UNARY = {
    "reshape": lambda x: np.reshape(x, (4, -1)),
    "reshape to int": lambda x: np.reshape(x, 24),
    "reshape F": lambda x: np.reshape(x, (4, 6), order="F"),
    "reshape copy": lambda x: np.reshape(x, (4, 6), copy=True),
    "ravel": np.ravel,
    "ravel F": lambda x: np.ravel(x, "F"),
    "transpose": np.transpose,
    "transpose axes": lambda x: np.transpose(x, (2, 0, 1)),
    "transpose negative": lambda x: np.transpose(x, (-1, 0, -2)),
    "permute_dims": lambda x: np.permute_dims(x, (1, 2, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "moveaxis several": lambda x: np.moveaxis(x, (0, -1), (1, 0)),
    "rollaxis": lambda x: np.rollaxis(x, 2),
    "rollaxis to": lambda x: np.rollaxis(x, 0, 3),
    "rollaxis negative": lambda x: np.rollaxis(x, -3, -1),
    "matrix_transpose": np.matrix_transpose,
    "broadcast_to": lambda x: np.broadcast_to(x, (5, 2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[:1], 2.0, [1.0, 2.0, 3.0, 4.0]),
    "atleast_1d": lambda x: np.atleast_1d(x, x[0, 0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0, 0]),
    "atleast_3d": lambda x: np.atleast_3d(x, x[0], x[0, 0], x[0, 0, 0]),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "expand_dims several": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:, :1, :1]),
    "squeeze axis": lambda x: np.squeeze(x[:1, :, :1], axis=-1),
    "squeeze axes": lambda x: np.squeeze(x[:1, :, :1], axis=(0, 2)),
    "copy": np.copy,
    "meshgrid": lambda x: np.meshgrid(x[0, 0], x[0, :, 0], [1.0, 2.0]),
    "meshgrid ij": lambda x: np.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"),
    "meshgrid sparse": lambda x: np.meshgrid(x[0, 0], x[0, :, 0], sparse=True),
    "meshgrid of one": lambda x: np.meshgrid(x[0, 0]),
    "methods": lambda x: (x.reshape(4, 6), x.reshape((6, -1)), x.transpose(), x.transpose(1, 0, 2), x.transpose((2, 1, 0))),
    "properties": lambda x: (x.T, x.mT, x.flatten(), x.ravel(), x.swapaxes(0, 1), x.copy(), x[:1].squeeze(0)),
    "methods with order": lambda x: (x.reshape(4, 6, order="F"), x.flatten("F"), x.copy("F")),
    "nonlinear": lambda x: np.reshape(x, (6, 4)).T * np.broadcast_to(x[0, 0], (6, 4)).T,
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("x", [X, Z], ids=["real", "complex"])
def test_function(name, x):
    check(UNARY[name], x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64, np.clongdouble, np.int8, np.bool_])
@pytest.mark.parametrize("name", ["reshape", "reshape F", "transpose axes", "broadcast_to", "meshgrid", "atleast_3d"])
def test_dtype(name, dtype):
    check(UNARY[name], X.astype(dtype), order=1)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (0, 5)),
        lambda x: np.reshape(x, (3, -1)),
        np.ravel,
        np.transpose,
        lambda x: np.broadcast_to(x, (2, 3, 0)),
        np.atleast_3d,
    ],
)
def test_empty(f):
    check(f, np.zeros((3, 0)))


def test_static_answers():
    def f(x):
        assert np.shape(x) == (2, 3, 4) and np.ndim(x) == 3
        assert (np.size(x), np.size(x, 1), np.size(x, (0, -1))) == (24, 3, 8)
        return x

    covector.jit(f)(X)
    covector.grad(lambda x: x * np.ndim(x) + np.size(x))(1.0)


@pytest.mark.parametrize("value", [1.5, np.float32(2.0), 3 + 1j])
def test_scalars(value):
    check(lambda x: (np.reshape(x, (1, 1)), np.ravel(x), np.atleast_2d(x), np.broadcast_to(x, 3), np.expand_dims(x, 0)), value)


ERRORS = {
    "reshape size": lambda x: np.reshape(x, (5, 5)),
    "reshape two unknown": lambda x: np.reshape(x, (-1, -1)),
    "reshape uneven": lambda x: np.reshape(x, (5, -1)),
    "reshape order": lambda x: np.reshape(x, 24, order="Q"),
    "transpose length": lambda x: np.transpose(x, (0, 1)),
    "transpose repeated": lambda x: np.transpose(x, (0, 1, 1)),
    "transpose axis": lambda x: np.transpose(x, (0, 1, 3)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 3),
    "moveaxis": lambda x: np.moveaxis(x, 3, 0),
    "moveaxis repeated": lambda x: np.moveaxis(x, (0, 0), (0, 1)),
    "moveaxis lengths": lambda x: np.moveaxis(x, (0, 1), 0),
    "rollaxis": lambda x: np.rollaxis(x, 0, 5),
    "squeeze": lambda x: np.squeeze(x, 1),
    "squeeze axis": lambda x: np.squeeze(x, 3),
    "expand_dims": lambda x: np.expand_dims(x, 5),
    "expand_dims repeated": lambda x: np.expand_dims(x, (0, 0)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 5)),
    "broadcast_to fewer": lambda x: np.broadcast_to(x, (3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.zeros(5)),
    "matrix_transpose": lambda x: np.matrix_transpose(x[0, 0]),
    "meshgrid": lambda x: np.meshgrid(x, indexing="no"),
    "meshgrid argument": lambda x: np.meshgrid(x[0, 0], indexing="xx"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    agree(ERRORS[name], X)


def test_axis_error():
    with pytest.raises(AxisError):
        covector.grad(lambda x: np.swapaxes(x, 0, 3)[0, 0, 0])(X)


@pytest.mark.parametrize("function", [np.diagonal, np.trace, np.linalg.diagonal, np.linalg.trace])
@pytest.mark.parametrize("shape", [(), (3,), (0,)])
def test_there_is_no_diagonal_without_two_axes(function, shape):
    """`AxisError` is a ValueError too, and not what NumPy raises."""
    x = np.zeros(shape)
    for call in (function, covector.jit(lambda x: function(x)), covector.grad(lambda x: np.sum(function(x)))):
        with pytest.raises(ValueError, match="diag requires an array of at least two dimensions") as caught:
            call(x)
        assert type(caught.value) is ValueError


@pytest.mark.parametrize("name", covector_shapes.IN_PLACE_METHODS)
def test_in_place_method(name):
    with pytest.raises(covector.errors.InPlaceWriteError, match=rf"x\.{name}\(\.\.\.\) changes a traced value.*f64\[2,3,4\]"):
        covector.grad(lambda x: getattr(x, name)(0))(X)


def test_copies_of_tracers():
    check(lambda x: copy.copy(x) * copy.deepcopy([x])[0], X)


def test_methods_that_select():
    f = lambda x: (x[0, 0].argpartition(1), x.compress([True, False, True], axis=1), x[np.round(x).nonzero()])
    for out in (covector.jvp(f, (X,), (X,))[0], covector.vjp(f, X)[0]):
        equal(out, f(X))
    i = np.array([0, 1, 1, 0])
    equal(covector.jit(lambda i: i.choose([V, V**2]))(i), i.choose([V, V**2]))


def test_view_is_refused():
    with pytest.raises(covector.errors.UnsupportedFunctionError, match="view"):
        covector.grad(lambda x: x.view(np.int64))(X)


def test_creators_that_take_tracers():
    for f in (covector_shapes.ascontiguousarray, covector_shapes.asfortranarray, covector_shapes.require):
        check(f, X)
    check(lambda x: covector_shapes.require(x, requirements=["C", "W"]), V)
    check(lambda x: np.ascontiguousarray([1.0, 2.0], like=x) + x[0], V, order=1, batch=False)
    assert covector_shapes.ascontiguousarray(2.0).shape == np.ascontiguousarray(2.0).shape
    check(covector_shapes.ascontiguousarray, 2.0)
    out = covector.jvp(lambda x: covector_shapes.require(x, np.float32), (X,), (X,))[1]
    assert out.dtype == np.float32
