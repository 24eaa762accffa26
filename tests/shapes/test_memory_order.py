"""Orders "A" and "K", which depend on how an array lies in memory: NumPy's where that is known, else refused."""

from __future__ import annotations

import numpy as np
import pytest

import covector
from covector.core import errors

A = np.arange(24.0).reshape(2, 3, 4)
LAYOUTS = {
    "C": A,
    "F": np.asfortranarray(A),
    "transposed": np.ascontiguousarray(A.transpose(1, 2, 0)).transpose(2, 0, 1),
    "reversed": A[:, ::-1, :],
    "strided": np.repeat(A, 2, axis=2)[:, :, ::2],
    "matrix": np.asfortranarray(A[0]),
}
READERS = {
    "ravel K": lambda x: np.ravel(x, order="K"),
    "ravel A": lambda x: np.ravel(x, order="A"),
    "method K": lambda x: x.ravel("K"),
    "flatten K": lambda x: x.flatten("K"),
    "flatten A": lambda x: x.flatten(order="A"),
    "reshape A": lambda x: np.reshape(x, (-1, 2), order="A"),
    "method reshape A": lambda x: x.reshape(2, -1, order="A"),
    "after copy": lambda x: x.copy().ravel("K"),
    "after copy F": lambda x: x.copy("F").ravel("K"),
    "after copy A": lambda x: x.copy(order="A").ravel("K"),
    "after copy K": lambda x: x.copy(order="K").ravel("K"),
    "of a transpose": lambda x: x.T.ravel("K"),
    "of a result": lambda x: np.sin(x).ravel("K"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_known(layout, reader):
    x, f = LAYOUTS[layout], READERS[reader]
    expected, slope = f(x), np.cos(x).ravel("K") if "result" in reader else f(np.ones_like(x))
    tangent = np.ones_like(x)
    for out, t in (covector.jvp(f, (x,), (tangent,)), (lambda out, lin: (out, lin(tangent)))(*covector.linearize(f, x))):
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(t, slope)
    f = READERS[reader.replace("of a result", "ravel K")]
    weights = np.arange(float(expected.size)).reshape(expected.shape)
    (back,) = covector.vjp(f, x)[1](weights)
    np.testing.assert_array_equal(back.ravel()[np.argsort(x.ravel())], weights.ravel()[np.argsort(f(x).ravel())])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("transform", [covector.jit, lambda f: lambda x: covector.vmap(f)(x[None])], ids=["jit", "vmap"])
def test_unknown(reader, transform):
    with pytest.raises(errors.UnsupportedFunctionError, match=r"order='[AK]'(.|\n)*order of the elements in memory(.|\n)*'F'"):
        transform(READERS[reader])(A)


@pytest.mark.parametrize("shape", [(), (3,), (1, 3, 1), (2, 0, 3)])
def test_layouts_that_mean_the_same(shape):
    x = np.ones(shape)
    for f in (lambda x: np.ravel(x, "K"), lambda x: np.ravel(x, "A"), lambda x: x.reshape(-1, 1 if x.size else 2, order="A")):
        np.testing.assert_array_equal(covector.jit(f)(x), f(x))
        np.testing.assert_array_equal(covector.vmap(f)(x[None])[0], f(x))


def test_elements_that_are_repeated():
    with pytest.raises(errors.UnsupportedFunctionError, match="repeated ones have none"):
        covector.grad(lambda z: np.sum(np.ravel(np.broadcast_to(z, (3, 4)), "K") ** 2))(np.arange(4.0))
    equal = covector.grad(lambda z: np.sum(z * np.ravel(np.broadcast_to(z, (3, 4)), "K")))(np.ones(()))
    assert equal == 24.0  # whatever their order


@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 4), (3, 4)])
def test_elements_that_are_repeated_are_in_numpys_order_or_refused(shape):
    f = lambda z: np.ravel(np.broadcast_to(z, (3, 4)).T, "K")
    z = np.arange(float(np.prod(shape))).reshape(shape)
    try:
        found = covector.jvp(f, (z,), (z,))[0]
    except errors.UnsupportedFunctionError:
        return
    np.testing.assert_array_equal(found, f(z))


def test_no_such_order():
    for f in (lambda x: np.reshape(x, -1, order="K"), lambda x: np.ravel(x, order="X")):
        with pytest.raises(ValueError, match="order must be one of"):
            covector.jit(f)(A)
