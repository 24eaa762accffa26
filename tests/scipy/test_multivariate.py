"""Densities at several vectors and matrices, and at what SciPy takes for vectors and matrices: its numbers, of its shape."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import covector as cv
from covector.scipy import stats
from covector.testing import check_grads

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 3))
COV, X = A @ A.T + np.eye(3), B @ B.T + np.eye(3)
POINTS, MEAN = RNG.normal(size=(2, 1, 4, 3)), RNG.normal(size=3)
UNITS, DIRECTION = POINTS / np.linalg.norm(POINTS, axis=-1)[..., None], MEAN / np.linalg.norm(MEAN)
PARTS, ALPHA = np.array([0.2, 0.5, 0.3]), np.array([1.2, 2.3, 0.7])
SHARES = np.stack([PARTS, PARTS[::-1]], axis=-1)
COUNTS, TRIALS = np.array([[1, 2, 3], [0, 0, 6], [1, 1, 1]]), np.array([6, 6, 3])
MATRICES = np.stack([X, X + np.eye(3), 2 * X], axis=-1)
AT = {
    "several": (MATRICES, COV),
    "one of several": (MATRICES[..., :1], COV),
    "diagonal": (PARTS, COV),
    "number": (0.7, COV),
    "scale of a diagonal": (X, PARTS),
    "numbers": (PARTS, 1.5),
    "number and a number": (0.7, 1.5),
}
CASES = {
    "normal": (lambda s, x, m: s.multivariate_normal.logpdf(x, m, COV), (POINTS, MEAN)),
    "normal, a number": (lambda s, x: s.multivariate_normal.logpdf(x, MEAN, COV), (0.3,)),
    "normal, equal numbers": (lambda s, x, c: s.multivariate_normal.logpdf(x, cov=c), (PARTS[:, None], COV)),
    "normal of numbers": (lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (PARTS, MEAN[:1], COV[:1, :1])),
    "normal of numbers as vectors": (lambda s, x, c: s.multivariate_normal.logpdf(x, cov=c), (PARTS[:, None], 1.5)),
    "t": (lambda s, x, m: s.multivariate_t.logpdf(x, m, COV, 3.3), (POINTS, MEAN)),
    "t of numbers": (lambda s, x, m, c: s.multivariate_t.logpdf(x, m, c, 2.5), (PARTS, 0.2, 1.5)),
    "t of infinitely many degrees": (lambda s, x, m: s.multivariate_t.logpdf(x, m, COV, np.inf), (POINTS[:, 0], MEAN)),
    "dirichlet": (lambda s, x, a: s.dirichlet.logpdf(x, a), (SHARES[:2], ALPHA)),
    "dirichlet, one": (lambda s, x, a: s.dirichlet.logpdf(x, a), (SHARES[:2, :1], ALPHA)),
    "vonmises_fisher": (lambda s, k: s.vonmises_fisher.logpdf(UNITS, DIRECTION, k), (1.7,)),
    "multinomial": (lambda s, p: s.multinomial.logpmf(COUNTS, TRIALS, p), (PARTS,)),
    **{f"wishart, {kind}": (lambda s, x, c: s.wishart.logpdf(x, 5.5, c), args) for kind, args in AT.items()},
    **{f"invwishart, {kind}": (lambda s, x, c: s.invwishart.logpdf(x, 5.5, c), args) for kind, args in AT.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_values_shapes_and_derivatives(name):
    f, args = CASES[name]
    expected = f(scipy.stats, *args)
    for found in (f(stats, *args), cv.jit(lambda *a: f(stats, *a))(*args)):
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    check_grads(lambda *a: f(stats, *a), args, order=1)


@pytest.mark.parametrize("module", [stats, scipy.stats])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("multivariate_normal", (np.ones((4, 2)), MEAN, COV)),
        ("multivariate_normal", (np.ones((4, 2)),)),
        ("multivariate_t", (np.ones((4, 2)), MEAN, COV)),
        ("wishart", (np.eye(2), 5.5, COV)),
        ("wishart", (np.ones(2), 5.5, COV)),
        ("invwishart", (np.ones((3, 3, 1, 1)), 5.5, COV)),
    ],
)
def test_points_of_another_size_are_refused(module, name, args):
    with pytest.raises(ValueError, match=r"vectors|matrices|mismatch|dimension|operands|quantiles"):
        getattr(module, name).logpdf(*args)


def test_degrees_of_freedom_may_be_unknown():
    density = lambda df: stats.multivariate_t.logpdf(POINTS[:, 0], MEAN, COV, df)
    found = cv.vmap(density)(np.array([2.5, np.inf]))
    expected = [scipy.stats.multivariate_t.logpdf(POINTS[:, 0], MEAN, COV, df) for df in (2.5, np.inf)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isfinite(cv.jacrev(lambda x: stats.multivariate_t.logpdf(x, MEAN, COV, np.inf))(POINTS)).all()
