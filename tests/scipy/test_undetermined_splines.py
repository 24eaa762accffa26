"""Least squares splines of which points leave a coefficient open: an error where they are known, else NaN, never rounding."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

import covector as cv
from covector.scipy.interpolate import make_lsq_spline

X = np.r_[np.linspace(0.0, 0.5, 9), 1.5, 2.0]
Y = np.cos(X)
T = np.r_[[0.0] * 4, [0.6, 0.9, 1.2], [2.0] * 4]
GOOD = np.linspace(0.0, 2.0, 11)


def fitted(x, y, t, w):
    return make_lsq_spline(x, y, t, w=w)(np.array([0.3, 1.0]))


def test_fewer_points_than_coefficients():
    with pytest.raises(ValueError, match="Need more x points"):
        make_lsq_spline(X[[0, 3, 9]], Y[[0, 3, 9]], np.r_[[0.0] * 4, [2.0] * 4])
    with pytest.raises(ValueError, match="Need more x points"):
        cv.jit(lambda y: make_lsq_spline(X[:6], y, T).c)(Y[:6])


def holes(x):
    """Weights of which so many are 0 that a coefficient is open."""
    return np.where((x > 0.5) & (x < 1.5), 0.0, 1.0)


WRONG = {"places": (X, T, np.ones(11)), "knots": (GOOD, T * [*[1] * 4, 0.001, 0.001, 0.001, *[1] * 4], np.ones(11)),
         "weights": (GOOD, T, holes(GOOD))}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_known_and_not_known(name):
    x, t, w = WRONG[name]
    with pytest.raises(np.linalg.LinAlgError, match="Schoenberg"):
        fitted(x, Y, t, w)
    with pytest.raises(np.linalg.LinAlgError, match="Schoenberg"):
        cv.jit(lambda y: fitted(x, y, t, w))(Y)
    for place, value in ((0, x), (2, t), (3, w)):
        args = [x, Y, t, w]
        f = lambda v: fitted(*args[:place], v, *args[place + 1 :])  # noqa: B023
        with np.errstate(all="ignore"):
            assert np.all(np.isnan(cv.jit(f)(value)))
            assert np.any(np.isnan(cv.jit(cv.grad(lambda v: np.sum(f(v))))(value)))  # noqa: B023
            good = {0: GOOD, 2: T, 3: np.ones(11)}[place]
            if (place, name) in ((0, "places"), (2, "knots"), (3, "weights")):
                both = cv.vmap(f)(np.stack([value, good]))
                assert np.all(np.isnan(both[0]))
                np.testing.assert_allclose(both[1], scipy.interpolate.make_lsq_spline(GOOD, Y, T)([0.3, 1.0]), rtol=1e-9)


def random_case(rng):
    k = int(rng.integers(0, 5))
    inner = np.sort(rng.integers(1, 8, rng.integers(0, 6)) / 2)
    clamped = rng.random() < 0.6
    around = np.zeros(k) if clamped else np.arange(1, k + 1) * 0.5
    t = np.r_[-around[::-1], 0.0, inner, 4.0, 4 + around]
    m = len(t) - k - 1 + rng.integers(0, 5)
    x = np.sort(np.where(rng.random(m) < 0.6, rng.integers(0, 9, m) / 2, rng.random(m) * 4 * rng.random()))
    return x, t, k, np.where(rng.random(m) < 0.15, 0.0, 1.0)


def test_against_a_matching():
    """A matrix of B-splines has full rank where its rows can be matched with its columns (de Boor, 2001, ch. XIII)."""
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(300):
        x, t, k, w = random_case(rng)
        rows = np.unique(x[w != 0])
        pattern = scipy.interpolate.BSpline.design_matrix(rows, t, k).toarray() != 0
        open_ = np.sum(maximum_bipartite_matching(csr_array(pattern)) >= 0) < pattern.shape[1]
        answers.append(bool(open_))
        try:
            make_lsq_spline(x, x, t, k, w)
            assert not open_, (x, t, k, w)
        except np.linalg.LinAlgError as error:
            assert open_ or "positive definite" in str(error), (x, t, k, w)
    assert 60 < sum(answers) < 240
