"""A function of SciPy's that works on plain arrays alone is named by the error, with what to write instead."""

from __future__ import annotations

import functools
import importlib

import numpy as np
import pytest
import scipy
import scipy.cluster.vq
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse.linalg
import scipy.spatial
import scipy.special
import scipy.stats

import covector as cv
import covector.scipy
from covector import errors
from covector.core.counterparts import fix_of_call
from covector.scipy import counterpart

X, A = np.arange(1.0, 4.0), np.eye(3)
HELD = scipy.spatial.cKDTree(A)
CALLS = {
    "special.logsumexp": lambda x: scipy.special.logsumexp(x),
    "special.polygamma": lambda x: scipy.special.polygamma(1, x),
    "special.comb": lambda x: scipy.special.comb(x, 1),
    "linalg.expm": lambda x: scipy.linalg.expm(x * A),
    "linalg.solve": lambda x: scipy.linalg.solve(A, x),
    "linalg.cholesky": lambda x: scipy.linalg.cholesky(x * A),  # has a frame of its decorator alone
    "stats.norm.logpdf": lambda x: scipy.stats.norm.logpdf(x, 0.0, 2.0),
    "stats.norm.cdf": lambda x: scipy.stats.norm(loc=x).cdf(1.0),
    "stats.poisson.logpmf": lambda x: scipy.stats.poisson.logpmf(2, x),
    "stats.multivariate_normal.logpdf": lambda x: scipy.stats.multivariate_normal.logpdf(x, np.zeros(3)),
    "stats.gaussian_kde": lambda x: scipy.stats.gaussian_kde(x),
    "signal.convolve": lambda x: scipy.signal.convolve(x, x),
    "signal.lfilter": lambda x: scipy.signal.lfilter([1.0, 2.0], [1.0], x),
    "ndimage.gaussian_filter": lambda x: scipy.ndimage.gaussian_filter(x, 1.0),
    "integrate.simpson": lambda x: scipy.integrate.simpson(x),
    "integrate.quad": lambda x: scipy.integrate.quad(lambda t: t * x[0], 0, 1),
    "integrate.solve_ivp": lambda x: scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), x),
    "interpolate.CubicSpline": lambda x: scipy.interpolate.CubicSpline(X, x),
    "interpolate.PchipInterpolator": lambda x: scipy.interpolate.PchipInterpolator(X, X)(x),
    "optimize.minimize": lambda x: scipy.optimize.minimize(lambda z: np.sum((z - 1) ** 2), x),
    "optimize.leastsq": lambda x: scipy.optimize.leastsq(lambda z: z - x, X),
    "optimize.least_squares": lambda x: scipy.optimize.least_squares(lambda z: z - x, X),
    "sparse.linalg.spsolve": lambda x: scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(A), x),
    "sparse.linalg.cg": lambda x: scipy.sparse.linalg.cg(A, x),
    "spatial.distance.cdist": lambda x: scipy.spatial.distance.cdist(x[None], x[None]),
}


@pytest.mark.parametrize("transformation", [cv.jacfwd, cv.jit, cv.vmap])
@pytest.mark.parametrize("name", CALLS)
def test_the_function_and_its_counterpart_are_named(name, transformation):
    x = X[None] if transformation is cv.vmap else X
    with pytest.raises(errors.ConcretizationError) as raised:
        transformation(CALLS[name])(x)
    text = str(raised.value)
    assert f" was asked for by scipy.{name} inside " in text
    assert text.endswith(f"Fix: use covector.scipy.{name}, which takes traced values too")


NOT_HERE = {
    "stats.ttest_ind": lambda x: scipy.stats.ttest_ind(x, X),  # decorated
    "stats.Normal": lambda x: scipy.stats.Normal(mu=x),
    "cluster.vq.whiten": lambda x: scipy.cluster.vq.whiten(x),
    "spatial.cKDTree": lambda x: scipy.spatial.cKDTree(x[:, None]),  # compiled
    "spatial.cKDTree.query": lambda x: HELD.query(x),
}


@pytest.mark.parametrize("name", NOT_HERE)
def test_a_function_that_is_not_here_is_named(name):
    with pytest.raises(errors.ConcretizationError, match=rf" was asked for by scipy\.{name} inside ") as raised:
        cv.jit(NOT_HERE[name])(X)
    assert f"Fix: covector has nothing in the place of scipy.{name}" in str(raised.value)


def test_the_function_is_named_whoever_calls_it():
    wide = functools.partial(scipy.stats.norm.pdf, scale=2.0)
    for call in (wide, cv.vmap(wide), cv.jit(wide), lambda x: sum(map(scipy.stats.norm.pdf, x))):
        with pytest.raises(errors.TracerArrayConversionError, match=r"by scipy\.stats\.norm\.pdf inside"):
            cv.jit(call)(X)


def test_what_the_user_does_within_a_function_of_scipy_is_the_users():
    with pytest.raises(errors.TracerFloatConversionError, match=r"(?s)asked for inside.*leave float\(\) out"):
        cv.jit(lambda x: scipy.optimize.minimize(lambda z: float(x[0]) * z[0] ** 2, np.zeros(1)))(X)


def test_what_covector_calls_is_not_advised_against(monkeypatch):
    monkeypatch.setattr(cv.scipy.linalg.functions, "as_lapack", scipy.special.logsumexp)
    with pytest.raises(errors.TracerArrayConversionError, match="was asked for inside"):
        cv.jit(cv.scipy.linalg.expm)(A)


def test_counterparts():
    assert counterpart("scipy.stats.norm") == "covector.scipy.stats.norm"
    assert counterpart("scipy.linalg.det") == "covector.scipy.linalg.det"
    assert counterpart("scipy.linalg.solve_banded") == "covector.scipy.linalg.solve_banded"
    for name in ("scipy.linalg.interpolative.svd_", "scipy.stats.norm.rvs", "scipy.odr.ODR", "scipy.linalg.np", "scipy.linalg"):
        assert counterpart(name) is None
    assert "covector.pure_callback" in fix_of_call("scipy.stats.norm.rvs")


def test_what_is_not_here_is_scipys_own() -> None:
    assert covector.scipy.signal.bessel is scipy.signal.bessel
    assert "bessel" not in dir(covector.scipy.signal)
    for module, name in (("signal", "buter"), ("stats", "_distn"), ("optimize", "Any_")):
        with pytest.raises(AttributeError, match=f"module 'covector.scipy.{module}' has no attribute '{name}'"):
            getattr(getattr(covector.scipy, module), name)
    b, a = covector.scipy.signal.bessel(2, 0.5)
    found = cv.grad(lambda x: covector.scipy.signal.lfilter(b, a, x)[-1])(np.ones(3))
    np.testing.assert_allclose(found[-1], b[0])
    with pytest.raises(errors.ConcretizationError, match=r"nothing in the place of scipy\.signal\.bessel"):
        cv.grad(lambda p: covector.scipy.signal.bessel(2, p)[0][0])(0.5)


def test_writes_of_code_that_others_wrote() -> None:
    """Nobody can change the line that writes: the fix is to lift the function."""
    home = "scipy._external" if hasattr(scipy, "_external") else "scipy._lib"  # from SciPy 1.18 on, and before
    extra = importlib.import_module(f"{home}.array_api_extra")

    def f(x: np.ndarray) -> np.ndarray:
        return np.sum(extra.at(x, 0).multiply(3.0, copy=True, xp=cv.numpy))

    with pytest.raises(errors.InPlaceWriteError, match=r"Fix: transform covector\.lift\(f\) in place of f"):
        cv.grad(f)(X)
    np.testing.assert_array_equal(cv.grad(cv.lift(f))(X), [3.0, 1.0, 1.0])
