"""Programs of many kinds: their values are NumPy's, their derivatives those by differences."""

from __future__ import annotations

import kinds
import numpy as np
import pytest

import covector as cv
from covector.core.errors import ConcretizationError, InPlaceWriteError

X, Y, V = np.array([0.7, 1.3, 0.45]), np.array([0.9, 0.6, 1.1]), np.array([0.3, -0.2, 0.5])


def difference(f, v, h=1e-5):
    values = [f(X + k * h * v) for k in (-2, -1, 1, 2)]
    return (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * h)


def close(found, wanted, accuracy=1e-9):
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=accuracy, atol=accuracy)


@pytest.mark.parametrize("f", kinds.PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(f):
    wanted = f(X.copy())
    weights = np.cos(np.arange(wanted.size)).reshape(wanted.shape)
    lifted = cv.lift(f)
    out, tangent = cv.jvp(lifted, (X,), (V,))
    close(out, wanted)
    close(tangent, difference(f, V), 1e-5)
    gradient = np.array([difference(lambda x: np.sum(weights * f(x)), e) for e in np.eye(3)])
    loss = lambda x: np.sum(weights * lifted(x))
    close(cv.grad(loss)(X), gradient, 1e-5)
    if f in kinds.BRANCHING:
        with pytest.raises((ConcretizationError, InPlaceWriteError)):
            cv.jit(lifted)(X)
        with pytest.raises((ConcretizationError, InPlaceWriteError)):
            cv.vmap(lifted)(np.stack([X, Y]))
    else:
        close(cv.jit(lifted)(X), wanted)
        close(cv.jit(cv.grad(loss))(X), gradient, 1e-5)
        close(cv.vmap(lifted)(np.stack([X, Y])), np.stack([wanted, f(Y.copy())]))
    np.testing.assert_array_equal(X, [0.7, 1.3, 0.45])
