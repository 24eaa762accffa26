"""Where SciPy raises for the values of an argument, and these are known later: NaN, never a number."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance
import scipy.special
import scipy.stats

import covector as cv
from covector.scipy import interpolate, linalg, ndimage, signal, special, stats
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
    "multigammaln": (special, scipy.special, lambda s, a: s.multigammaln(a, 3), 0.8),
    "interval": (stats, scipy.stats, lambda s, c: np.stack(s.norm.interval(c)), 1.5),
    "interval, negative": (stats, scipy.stats, lambda s, c: np.stack(s.gamma.interval(c, 2.0)), -0.5),
    "wishart": (stats, scipy.stats, lambda s, df: s.wishart.logpdf(np.eye(3), df, np.eye(3)), 2.0),
    "invwishart": (stats, scipy.stats, lambda s, df: s.invwishart.logpdf(np.eye(3), df, np.eye(3)), 1.5),
    "vonmises_fisher": (stats, scipy.stats, lambda s, x: s.vonmises_fisher.logpdf(x, np.array([0.6, 0.8]), 2.0), np.ones(2)),
    "vonmises_fisher, mu": (
        stats,
        scipy.stats,
        lambda s, m: s.vonmises_fisher.logpdf(np.array([0.6, 0.8]), m, 2.0),
        np.ones(2),
    ),
    "periodogram": (signal, scipy.signal, lambda s, fs: s.periodogram(U, fs)[1], -1.0),
    "welch": (signal, scipy.signal, lambda s, fs: s.welch(U, fs, nperseg=2)[1], 0.0),
    "csd": (signal, scipy.signal, lambda s, fs: s.csd(U, V, fs, nperseg=2)[1].real, -1.0),
    "coherence": (signal, scipy.signal, lambda s, fs: s.coherence(U, V, fs, nperseg=2)[1], -1.0),
    "welch, frequencies": (signal, scipy.signal, lambda s, fs: s.welch(U, fs, nperseg=2)[0][1:], -1.0),
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


@pytest.mark.parametrize("name", [name for name, (mine, *_) in CASES.items() if mine in (special, stats)])
def test_numbers_known_not_to_be_right(name):
    mine, _, f, x = CASES[name]
    for run in (lambda f: f, cv.grad):
        with pytest.raises(ValueError, match=" got "):
            run(lambda x: np.sum(f(mine, x)))(x)


@pytest.mark.parametrize("run", [cv.jit, lambda f: lambda x: cv.vmap(f)(np.stack([x, x]))[0]])
def test_extremes_of_no_elements(run):
    for f in (ndimage.maximum, ndimage.minimum):
        for index in (None, 1):
            assert np.isnan(run(lambda labels, f=f, index=index: f(U, labels, index))(np.zeros(3, int)))
            with pytest.raises(IndexError):
                run(lambda labels, f=f, index=index: f(np.arange(3), labels, index))(np.zeros(3, int))
            with pytest.raises(ValueError, match="zero-size array"):
                f(U, np.zeros(3, int), index)
    assert run(lambda labels: ndimage.maximum(U, labels))(np.array([1, 2, 0])) == 2.0
    assert run(lambda labels: ndimage.minimum(np.arange(3), labels))(np.array([0, 2, 1])) == 1


@pytest.mark.parametrize("sigma", [0.0, -1.0, 1e-16, 0.7])
def test_gaussians_without_a_width(sigma):
    x = np.arange(12.0).reshape(3, 4) ** 2
    for name in ("gaussian_filter", "gaussian_laplace", "gaussian_gradient_magnitude"):
        expected = getattr(scipy.ndimage, name)(x, sigma, radius=2)
        np.testing.assert_allclose(cv.jit(lambda s, name=name: getattr(ndimage, name)(x, s, radius=2))(sigma), expected)
    expected = scipy.ndimage.gaussian_filter(x, [sigma, 1.0], radius=2)
    np.testing.assert_allclose(cv.jit(lambda s: ndimage.gaussian_filter(x, [s, 1.0], radius=2))(sigma), expected)
    assert np.isfinite(cv.grad(lambda s: np.sum(ndimage.gaussian_filter(x, s, radius=2) ** 2))(sigma))


@pytest.mark.parametrize("size", [0.0, -1.0, 0.5, 2.0, np.nan])
def test_means_over_no_elements(size):
    image = np.arange(15.0).reshape(3, 5) ** 2
    for x, n in ((np.fft.fft2(image), -1), (np.fft.rfft(image), 5)):
        for f in (lambda s, v, x=x, n=n: s.fourier_uniform(x, v, n), lambda s, v, x=x, n=n: s.fourier_uniform(x, [2.0, v], n)):
            found = cv.jit(lambda v, f=f: f(ndimage, v))(size)
            if not np.isnan(size):
                np.testing.assert_allclose(found, f(scipy.ndimage, size), atol=1e-12)
            assert np.isnan(size) == np.any(np.isnan(found))


@pytest.mark.parametrize("name", ["pdf", "logpdf", "cdf", "sf", "logcdf", "logsf"])
def test_distributions_at_the_edge(name):
    x = np.array([-3.0, -0.5, 0.0, 0.3, 2.0])
    for df in (np.inf, 1e20, 1e300):
        np.testing.assert_allclose(getattr(stats.t, name)(x, df), getattr(scipy.stats.norm, name)(x), rtol=1e-12)
    assert np.isclose(cv.grad(lambda x: getattr(stats.t, name)(x, np.inf))(0.3), cv.grad(getattr(stats.norm, name))(0.3))
    for dfs in ((np.inf, 2.0), (2.0, np.inf), (3.0, 4.0)):
        np.testing.assert_allclose(getattr(stats.f, name)(0.7, *dfs), getattr(scipy.stats.f, name)(0.7, *dfs))
    for c in (2.0, 1.0, 0.5, -2.0):
        places = np.array([1 / c, 0.0, 0.2, -0.3, 3.0])
        np.testing.assert_allclose(getattr(stats.genextreme, name)(places, c), getattr(scipy.stats.genextreme, name)(places, c))


@pytest.mark.parametrize("name", ["hypsecant", "halfcauchy"])
def test_quantiles_at_the_ends(name):
    mine, theirs = getattr(stats, name), getattr(scipy.stats, name)
    q = np.array([0.0, 1e-3, 0.3, 0.5, 0.8, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(mine.ppf(q), theirs.ppf(q), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(mine.isf(q), theirs.isf(q), rtol=1e-12, atol=1e-15)
        assert mine.ppf(1.0) == np.inf


@pytest.mark.parametrize(("n", "k"), [(0.5, 2), (0, 0), (0, 1), (3, 2), (2, 0), (3, -1), (-0.5, 1)])
def test_choices_with_repetition(n, k):
    expected = scipy.special.comb(n, k, repetition=True)
    assert np.isclose(special.comb(n, k, repetition=True), expected)
    assert np.isclose(cv.jit(lambda n, k: special.comb(n, k, repetition=True))(float(n), float(k)), expected)


@pytest.mark.parametrize("name", ["stft", "spectrogram"])
def test_times_of_segments_for_a_traced_rate(name):
    x = np.arange(8.0) ** 2
    expected = getattr(scipy.signal, name)(x, 2.0, nperseg=4)
    for found, e in zip(cv.jit(lambda fs: getattr(signal, name)(x, fs, nperseg=4))(2.0), expected, strict=True):
        np.testing.assert_allclose(found, e, atol=1e-12)
    slope = cv.jacobian(lambda fs: getattr(signal, name)(x, fs, nperseg=4)[1])(2.0)
    np.testing.assert_allclose(slope, -expected[1] / 2.0)
    with np.errstate(all="ignore"):
        found = cv.jit(lambda fs: getattr(signal, name)(x, fs, nperseg=4, scaling="psd" if name == "stft" else "density"))(0.0)
    assert not any(np.any(np.isfinite(v[..., 1:])) for v in found[1:])
