"""Functions of SciPy, array-api-extra and scikit-learn that ask arguments for a namespace: for `test_array_api_callers`.

    SCIPY_ARRAY_API=1 python tests/numpy/array_api_callers.py [--scikit-learn]

runs those that ask only where that variable is set, and prints how many they are.  A line is a call of x and y, arrays of four
positive numbers.  All arguments of such a call are traced, or none is: arrays and traced values are of two namespaces.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy

import covector as cv

ALWAYS = """
    special.expit(x)
    special.logit(x)
    special.gammaln(x)
    special.digamma(x)
    special.betainc(2.0, x, y)
    special.gammainc(x, y)
    special.xlogy(x, y)
    special.rel_entr(x, y)
    special.ndtri(x)
    special.zeta(x + 1.5, y)
    special.entr(x)
    special.sinc(x)
    signal.gausspulse(x)
    integrate.fixed_quad(lambda t: np.exp(-t * x[0]), 0, 1)[0]
    fft.fftshift(x)
    extra.sinc(x)
    extra.kron(x, y)
    extra.cov(np.stack([x, y]))
    extra.atleast_nd(x, ndim=2)
    extra.expand_dims(x, axis=(0, 2))
    extra.pad(x, 1)
    extra.create_diagonal(x)
    extra.partition(x, 2)
    np.where(extra.isclose(x, y), x, y)
"""
"""Without any environment variable: all ufuncs of `scipy.special`, and what calls NumPy's functions or asks for itself."""

WHERE_SET = """
    special.softmax(x)
    special.multigammaln(x + 3, 2)
    special.polygamma(1, x)
    special.betainc(2.0, x, y)
    special.gammainc(x, y)
    special.stdtr(2.0, x)
    special.chdtr(2.0, x)
    special.zeta(x + 1.5, y)
    special.sinc(x)
    special.xlogy(x, y)
    stats.entropy(x[None], axis=1)
    stats.entropy(x[None], y[None], axis=1)
    stats.gmean(x[None], axis=1)
    stats.moment(x[None], 3, axis=1)
    stats.skew(x[None], axis=1)
    stats.kurtosis(x[None], axis=1)
    stats.gstd(x)
    stats.sem(x[None], axis=1)
    stats.circmean(x[None], axis=1)
    stats.circvar(x[None], axis=1)
    stats.circstd(x[None], axis=1)
    stats.directional_stats(x.reshape(2, 2)).mean_direction
    stats.kstat(x[None], 2, axis=1)
    stats.kstatvar(x[None], 2, axis=1)
    stats.trim_mean(x[None], 0.25, axis=1)
    stats.zmap(x, y)
    signal.fftconvolve(x, y)
    signal.oaconvolve(x, y)
    integrate.trapezoid(x)
    integrate.cumulative_trapezoid(x)
    Rotation.from_rotvec(x[:3]).as_matrix()
    Rotation.from_quat(x).as_matrix()
    Rotation.from_quat(x).apply(y[:3])
    Rotation.from_rotvec(x[:3]).magnitude()
    optimize.rosen(x)
    fft.fft(x).real
    fft.rfft(x).imag
    fft.hfft(x)
    fft.fftn(x).real
    extra.cov(np.stack([x, y]))
    extra.sinc(x)
    constants.convert_temperature(x, "C", "K")
    constants.lambda2nu(x)
"""
"""What SciPy lets ask for a namespace only where ``SCIPY_ARRAY_API`` is set."""

OF_ONE_AXIS = """
    stats.entropy(x)
    stats.entropy(x, y)
    stats.gmean(x)
    stats.moment(x, 3)
    stats.skew(x)
    stats.kurtosis(x)
    stats.sem(x)
    stats.circmean(x)
    stats.circvar(x)
    stats.circstd(x)
    stats.kstat(x, 2)
    stats.kstatvar(x, 2)
    stats.trim_mean(x, 0.25)
    stats.describe(x).variance
"""
"""The same of arrays of one axis, which SciPy asks from 1.18 on whether they hold a NaN: that is not known under ``jit``."""

OF_SKLEARN = """
    pairwise.euclidean_distances(x.reshape(2, 2), y.reshape(2, 2))
    pairwise.rbf_kernel(x.reshape(2, 2), y.reshape(2, 2))
    pairwise.linear_kernel(x.reshape(2, 2), y.reshape(2, 2))
    pairwise.polynomial_kernel(x.reshape(2, 2), y.reshape(2, 2))
    pairwise.sigmoid_kernel(x.reshape(2, 2), y.reshape(2, 2))
    pairwise.paired_euclidean_distances(x.reshape(2, 2), y.reshape(2, 2))
"""
"""The same of scikit-learn, within ``sklearn.config_context(array_api_dispatch=True)``."""

X, Y = np.array([0.3, 0.8, 0.45, 0.6]), np.array([0.5, 0.2, 0.7, 0.9])


def tables() -> tuple[str, ...]:
    """The calls that the installed SciPy allows where it is told to ask."""
    return (WHERE_SET, OF_ONE_AXIS) if np.lib.NumpyVersion(scipy.__version__) < "1.18.0" else (WHERE_SET,)


def environment() -> dict[str, Any]:
    """What the calls name."""
    modules = "constants fft integrate optimize signal special stats".split()
    found = {name: importlib.import_module(f"scipy.{name}") for name in modules}
    home = "scipy._external" if importlib.util.find_spec("scipy._external") else "scipy._lib"  # from SciPy 1.18 on, and before
    extra = importlib.import_module(f"{home}.array_api_extra")
    rotation = importlib.import_module("scipy.spatial.transform").Rotation
    return {**found, "np": np, "extra": extra, "Rotation": rotation}


def calls(table: str, names: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for line in filter(None, map(str.strip, table.splitlines())):
        yield line, eval(f"lambda x, y: {line}", names)


def check(f: Callable[..., Any]) -> None:
    """The value under jit, and the gradient in both arguments against central differences."""
    expected = np.asarray(f(X, Y))
    np.testing.assert_allclose(cv.jit(f)(X, Y), expected, rtol=1e-12)
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)

    def loss(x: Any, y: Any) -> Any:
        return np.sum(f(x, y) * weights)

    h = 1e-6
    for found, at in zip(cv.jit(cv.grad(loss, (0, 1)))(X, Y), (0, 1), strict=True):
        steps = [tuple(h * e if i == at else 0.0 for i in (0, 1)) for e in np.eye(4)]
        wanted = [(loss(X + a, Y + b) - loss(X - a, Y - b)) / (2 * h) for a, b in steps]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def check_all(table: str, names: dict[str, Any]) -> int:
    """Check every call, and count them; an error says which it is of."""
    number = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text, f in calls(table, names):
            try:
                check(f)
            except Exception as error:
                raise AssertionError(f"{text}: {type(error).__name__}: {error}") from error
            number += 1
    return number


def check_sklearn() -> int:
    from sklearn import config_context
    from sklearn.metrics import pairwise

    with config_context(array_api_dispatch=True, assume_finite=True):
        return check_all(OF_SKLEARN, {"pairwise": pairwise})


if __name__ == "__main__":
    if os.environ.get("SCIPY_ARRAY_API") != "1":
        raise SystemExit("set SCIPY_ARRAY_API=1, without which SciPy asks no argument for its namespace")
    print(check_sklearn() if "--scikit-learn" in sys.argv else check_all("".join(tables()), environment()))
