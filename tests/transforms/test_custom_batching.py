"""``sequential_vmap``: a batch is a loop."""

import doctest

import numpy as np
import pytest

import covector as cv
from covector import custom_batching as cb
from covector import errors
from covector.testing import check_grads


@cb.sequential_vmap
def product(x, d):
    return {"out": np.sum(x * d["w"]), "w": d["w"]}


X, W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0.5, -1.0])


def by_hand(x, d):
    return {"out": np.sum(x * d["w"]), "w": d["w"]}


def test_examples():
    assert not doctest.testmod(cb, optionflags=doctest.NORMALIZE_WHITESPACE).failed


@pytest.mark.parametrize("in_axes", [(0, None), (1, {"w": 0}), (None, {"w": 0})])
@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["eager", "jit"])
def test_a_batch_is_that_of_the_function(in_axes, wrap):
    x = X.T if in_axes[0] == 1 else X[0] if in_axes[0] is None else X
    w = W if in_axes[1] is None else np.stack([W, 2 * W, -W])
    found, wanted = (wrap(cv.vmap(f, in_axes))(x, {"w": w}) for f in (product, by_hand))
    cv.tree.map(np.testing.assert_allclose, found, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int32, np.longdouble])
def test_dtypes(dtype):
    twice = cb.sequential_vmap(lambda x: x + x)
    out = cv.vmap(twice)(X.astype(dtype))
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, (2 * X).astype(dtype))


def test_several_axes_are_done_one_example_after_the_other():
    seen = []

    @cb.sequential_vmap
    def noted(x):
        cv.debug.callback(lambda x: seen.append((*np.shape(x), float(x))), x)
        return x

    np.testing.assert_array_equal(cv.vmap(cv.vmap(noted))(X), X)
    assert seen == [(x,) for x in X.T.ravel()]  # the inner axis is the outer loop, as in JAX


def test_derivatives():
    cube = cb.sequential_vmap(lambda x: x**3)
    np.testing.assert_allclose(cv.vmap(cv.grad(cube))(W), 3 * W**2)
    np.testing.assert_allclose(cv.jvp(cv.vmap(cube), (W,), (np.ones(2),))[1], 3 * W**2)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(cv.vmap(cube)(x)))(W), 3 * W**2)
    check_grads(cv.vmap(cube), (W,), order=2)


def test_no_function():
    with pytest.raises(errors.ArgumentError, match="custom_vmap expects a function"):
        cb.sequential_vmap(3.0)
