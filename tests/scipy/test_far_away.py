"""Steps of which SciPy looks for elements beyond all memory, and dies."""

import numpy as np
import pytest

import covector as cv
import covector.scipy.ndimage as ndimage

X = np.arange(6.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e19, -1e19])
@pytest.mark.parametrize("mode", ["mirror", "reflect", "wrap", "grid-wrap", "constant", "nearest", "grid-constant"])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_far_places_are_those_of_traced_steps(value, mode, order):
    options = {"order": order, "mode": mode}
    calls = [
        lambda v: ndimage.shift(X, v, **options),
        lambda v: ndimage.affine_transform(X, [1.0], v, **options),
        lambda v: ndimage.affine_transform(X, np.reshape(v, 1), 1.0, **options),
    ]
    for call in calls:
        np.testing.assert_array_equal(call(value), cv.jit(call)(value))


def test_places_in_memory_are_scipys():
    import scipy.ndimage

    np.testing.assert_array_equal(ndimage.shift(X, 1.5, mode="wrap"), scipy.ndimage.shift(X, 1.5, mode="wrap"))
