"""Where SciPy raises for the values of an argument, and these are known later: NaN, never a number."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance

import covector as cv
from covector.scipy import interpolate, linalg, ndimage, signal
from covector.scipy.spatial import distance

T, U, V = np.linspace(0.1, 0.9, 4), np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.5, 1.0])
TCK = scipy.interpolate.splrep(np.arange(6.0), np.arange(6.0) ** 2)
ROWS = np.array([[1.0, 0.1, 0.2], [0.0, 1.0, 0.1], [0.0, 0.5, 1.0]])
SECTION = np.array([[1.0, 0.5, 0.2, 2.0, 0.3, 0.1]])

CASES = {
    "sosfilt": (signal, scipy.signal, lambda s, x: s.sosfilt(x, T), SECTION),
    "sosfilt_zi": (signal, scipy.signal, lambda s, x: s.sosfilt(x, T, zi=np.zeros((1, 2)))[1], SECTION),
    "chirp, logarithmic": (signal, scipy.signal, lambda s, f: s.chirp(T, f, 1.0, 2.0, "logarithmic"), -1.0),
    "chirp, hyperbolic": (signal, scipy.signal, lambda s, f: s.chirp(T, f, 1.0, 2.0, "hyperbolic"), 0.0),
    "gausspulse, frequency": (signal, scipy.signal, lambda s, f: s.gausspulse(T, f), -5.0),
    "gausspulse, bandwidth": (signal, scipy.signal, lambda s, f: s.gausspulse(T, 5.0, f), -0.5),
    "gausspulse, level": (signal, scipy.signal, lambda s, f: s.gausspulse(T, 5.0, bwr=f), 6.0),
    "gausspulse, cutoff": (signal, scipy.signal, lambda s, f: s.gausspulse("cutoff", 5.0, tpr=f), 6.0),
    "splev": (interpolate, scipy.interpolate, lambda s, x: s.splev(x, TCK, ext=2), np.array([-1.0, 7.0])),
    "squareform": (distance, scipy.spatial.distance, lambda s, x: s.squareform(x), np.array([[0.0, 1.0], [2.0, 0.0]])),
    "squareform, diagonal": (distance, scipy.spatial.distance, lambda s, x: s.squareform(x), np.eye(2)),
    "affine_transform": (ndimage, scipy.ndimage, lambda s, m: s.affine_transform(np.outer(U, V), m, order=1), ROWS),
    "companion": (linalg, scipy.linalg, lambda s, a: s.companion(a)[0], np.zeros(3)),
    "cdf2rdf": (linalg, scipy.linalg, lambda s, w: s.cdf2rdf(w + np.array([1j, 0]), np.eye(2))[0], np.ones(2)),
    **{
        name: (distance, scipy.spatial.distance, lambda s, w, name=name: getattr(s, name)(U, V, w=w), -U)
        for name in ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "cosine", "correlation")
    },
}


@pytest.mark.parametrize("run", [cv.jit, lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[0]])
@pytest.mark.parametrize("name", CASES)
def test_undetermined_numbers(name, run):
    mine, theirs, f, x = CASES[name]
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        f(theirs, x)
    with np.errstate(all="ignore"):
        assert not np.any(np.isfinite(run(lambda x: f(mine, x))(np.asarray(x))))
        if name not in ("companion", "cdf2rdf", "chebyshev"):  # whose derivatives are not of such numbers
            assert np.any(np.isnan(run(cv.grad(lambda x: np.sum(f(mine, x))))(np.asarray(x))))
