"""Distributions of vectors and matrices, and a density estimated from data.

>>> float(multivariate_normal.logpdf(np.zeros(2), np.zeros(2), np.eye(2)))
-1.8378770664093453
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.numpy.linalg import triangular_solve
from covector.numpy.reductions import logsumexp
from covector.numpy.registry import as_array, floating
from covector.primitives.math import special_ufuncs as special
from covector.scipy.checks import nan_unless_refused, refuse
from covector.scipy.stats.frozen import Freezing
from covector.scipy.stats.supports import LOG_2PI, determined
from covector.scipy.stats.tails import LOG_2


def _solved(root: Any, b: Any) -> Any:
    """``inv(root) @ b``, given a Cholesky factor."""
    return triangular_solve(root, b, left_side=True, lower=True)


def _squares(deviation: Any, root: Any) -> Any:
    """``d.T @ inv(root @ root.T) @ d`` for vectors along the last axis, given a Cholesky factor."""
    white = _solved(root, np.swapaxes(np.reshape(deviation, (-1, shape_of(root)[-1])), 0, 1))
    return np.reshape(np.sum(white * white, axis=0), shape_of(deviation)[:-1])


def _log_determinant(root: Any) -> Any:
    """The logarithm of the determinant of ``root @ root.T``."""
    return 2 * np.sum(np.log(np.diagonal(root, axis1=-2, axis2=-1)), axis=-1)


def _of_normal(squares: Any, root: Any) -> Any:
    """The logarithm of a normal density."""
    return -(squares + shape_of(root)[-1] * LOG_2PI + _log_determinant(root)) / 2


def _matrix(cov: Any, n: int) -> Any:
    """A covariance as a matrix: from a number, the variances, or a matrix."""
    cov = floating(cov)
    ndim = len(shape_of(cov))
    return cov * np.eye(n) if ndim == 0 else cov[:, None] * np.eye(n) if ndim == 1 else cov


def _points(x: Any, center: Any, scale: Any) -> tuple[Any, int]:
    """How far vectors along the last axis lie from a center, and their length n; where that is 1, numbers are vectors."""
    x = floating(x)
    n = max((1, *shape_of(scale)[-1:], *(() if center is None else shape_of(center)[-1:])))
    if len(shape_of(x)) < 2 and (n == 1 or not shape_of(x)):
        x = x[..., None]
    if shape_of(x)[-1] not in (1, n):
        raise ValueError(f"a distribution of vectors of length {n} got those along the last axis of {typeof(x)}")
    deviation = x if center is None else x - center
    return np.broadcast_to(deviation, (*shape_of(deviation)[:-1], n)), n


def _matrices(x: Any, n: int) -> Any:
    """Matrices ``f[m,n,n]``, which are given as SciPy takes them: along the last of three axes, or as `_matrix` does."""
    x, ndim = floating(x), len(shape_of(x))
    if ndim < 3:
        found = x[:, None, None] if ndim == n == 1 else _matrix(x, shape_of(x)[0] if ndim == 1 else n)[None]
    else:
        found = np.moveaxis(x, 2, 0)
    if shape_of(found)[1:] != (n, n):
        raise ValueError(f"a distribution of matrices of shape {(n, n)} got {typeof(x)}: several lie along the last of 3 axes")
    return found


class _WithDensity(Freezing):
    """A distribution of which the logarithm of the density is known."""

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        raise NotImplementedError

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(x, *args, **kwargs))


class _MultivariateNormal(_WithDensity):
    """The normal distribution of vectors."""

    name = "multivariate_normal"

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1.0) -> Any:
        """The logarithm of the density at vectors ``f[..., n]``, of a mean ``f[n]`` and a positive definite ``f[n,n]``.

        With one number for the mean, or none, and one for the variance, ``x`` may hold numbers.  As SciPy's, the result has no
        axes of length 1.
        """
        deviation, n = _points(x, mean, cov)
        root = np.linalg.cholesky(_matrix(cov, n))
        return np.squeeze(_of_normal(_squares(deviation, root), root))


class _MultivariateT(_WithDensity):
    """Student's t distribution of vectors."""

    name = "multivariate_t"

    def logpdf(self, x: Any, loc: Any = None, shape: Any = 1.0, df: Any = 1.0) -> Any:
        """The logarithm of the density at vectors ``f[..., n]``, of a location ``f[n]`` and a positive definite ``f[n,n]``."""
        deviation, n = _points(x, loc, shape)
        root = np.linalg.cholesky(_matrix(shape, n))
        squares, df = _squares(deviation, root), floating(df)
        is_normal = df == np.inf
        df = np.where(is_normal, 1.0, df)
        tail = -(df + n) / 2 * np.log1p(squares / df)
        scale = special.gammaln((df + n) / 2) - special.gammaln(df / 2) - n / 2 * np.log(df * np.pi)
        return np.squeeze(np.where(is_normal, _of_normal(squares, root), scale - _log_determinant(root) / 2 + tail))


class _Dirichlet(_WithDensity):
    """Positive numbers whose sum is 1."""

    name = "dirichlet"

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at vectors along the first axis, of which the last number may be left out.

        Raises:
            ValueError: numbers are negative, or a vector does not add up to 1 (where values are unknown the result is NaN).
        """
        x, alpha = floating(x), floating(alpha)
        if len(shape_of(alpha)) != 1 or shape_of(x)[:1] not in (shape_of(alpha), (shape_of(alpha)[0] - 1,)):
            raise ValueError(
                f"dirichlet.logpdf takes as many numbers as parameters, or one less: {typeof(x)} and {typeof(alpha)}"
            )
        if shape_of(x)[0] == shape_of(alpha)[0] - 1:
            x = np.concatenate([x, (1 - np.sum(x, axis=0))[None]])
        total = np.sum(x, axis=0)
        outside = np.any(x < 0, axis=0) | (np.abs(total - 1) > 1e-9)
        refuse(outside, "dirichlet.logpdf got vectors with negative numbers, or which do not add up to 1: divide by their sums")
        refuse(np.any(alpha <= 0), "dirichlet.logpdf got parameters that are not positive")
        powers = np.swapaxes(np.swapaxes(x, 0, -1) * 0 + (alpha - 1), 0, -1)
        scale = special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))
        value = scale + np.sum(special.xlogy(powers, x), axis=0)
        return np.squeeze(determined(value, outside, np.any(alpha <= 0)))


class _Wishart(_WithDensity):
    """Sums of outer products of normal vectors (power 1), and the inverses of such matrices (power -1)."""

    def __init__(self, power: int):
        self.power = power
        self.name = "wishart" if power == 1 else "invwishart"

    def logpdf(self, x: Any, df: Any, scale: Any) -> Any:
        """The logarithm of the density at positive definite matrices ``f[n,n]`` or ``f[n,n,m]``.

        There have to be more than ``n - 1`` degrees of freedom ``df``.  As SciPy's, the result has no axes of length 1.
        """
        scale, df = floating(scale), floating(df)
        n = shape_of(scale)[0] if shape_of(scale) else 1
        root = np.linalg.cholesky(_matrices(x, n))
        of_scale = np.broadcast_to(np.linalg.cholesky(_matrix(scale, n)), shape_of(root))
        white = _solved(of_scale, root) if self.power == 1 else _solved(root, of_scale)
        size = (self.power * df - n - 1) / 2 * _log_determinant(root) - np.sum(white * white, axis=(-2, -1)) / 2
        value = size - self.power * df / 2 * _log_determinant(of_scale) - df * n / 2 * LOG_2 - _log_multigamma(df / 2, n)
        value = np.squeeze(value)
        return nan_unless_refused(df <= n - 1, value, f"{self.name}.logpdf got degrees of freedom that are not above {n - 1}")


def _log_multigamma(a: Any, n: int) -> Any:
    return np.sum(special.gammaln(a - np.arange(n) / 2)) + n * (n - 1) / 4 * np.log(np.pi)


class _VonMisesFisher(_WithDensity):
    """Unit vectors around a direction."""

    name = "vonmises_fisher"

    def logpdf(self, x: Any, mu: Any, kappa: Any) -> Any:
        """The logarithm of the density at unit vectors ``f[..., n]``, of a direction ``f[n]`` and a concentration."""
        x, mu, kappa = floating(x), floating(mu), floating(kappa)
        half = shape_of(mu)[-1] / 2
        bessel = np.log(special.ive(half - 1, kappa)) + kappa
        value = kappa * np.sum(x * mu, axis=-1) + (half - 1) * np.log(kappa) - half * LOG_2PI - bessel
        wrong = _is_no_unit(x) | _is_no_unit(mu)
        return nan_unless_refused(wrong, value, "vonmises_fisher.logpdf got vectors that are not of length 1")


def _is_no_unit(x: Any) -> Any:
    """Whether the squares of a vector do not add up to 1, as SciPy rounds."""
    return np.abs(np.sum(x * x, axis=-1) - 1) > 2e-5


class _Multinomial(Freezing):
    """How often each of several results comes up in n trials."""

    name = "multinomial"

    def logpmf(self, x: Any, n: Any, p: Any) -> Any:
        """The logarithm of the probability of counts ``[..., k]``; minus infinity unless they add up to ``n``.

        It is minus infinity for negative numbers and fractions too; NaN where n is none, or p are no probabilities.  As with
        SciPy, what is missing of the sum of p to 1 is the last of them.
        """
        x, n, p = floating(x), floating(n), floating(p)
        p = np.concatenate([p[..., :-1], 1 - np.sum(p[..., :-1], axis=-1, keepdims=True)], axis=-1)
        missing = np.any(np.isnan(x), axis=-1)
        wrong = np.any((p < 0) | (p > 1) | np.isnan(p), axis=-1) | (n < 0) | (n != np.floor(n))
        possible = np.all((x >= 0) & (x == np.floor(x)), axis=-1) & (np.sum(x, axis=-1) == n)
        counts = np.where(possible[..., None], x, 0.0)
        value = special.gammaln(n + 1) + np.sum(special.xlogy(counts, p) - special.gammaln(counts + 1), axis=-1)
        return determined(np.where(possible, value, -np.inf), missing, wrong)

    def pmf(self, x: Any, n: Any, p: Any) -> Any:
        """The probability of the counts."""
        return np.exp(self.logpmf(x, n, p))


multivariate_normal, multivariate_t, dirichlet = _MultivariateNormal(), _MultivariateT(), _Dirichlet()
wishart, invwishart, vonmises_fisher, multinomial = _Wishart(1), _Wishart(-1), _VonMisesFisher(), _Multinomial()


def log_kernels(points: Any, means: Any, root: Any) -> Any:
    """The logarithms ``f[m, n]`` of the densities at points ``f[m, d]`` of normal distributions around means ``f[n, d]``."""
    return _of_normal(_squares(points[:, None] - means[None], root), root)


class gaussian_kde:
    """A density estimated from data by normal kernels, differentiable in the data and in the point.

    Args:
        dataset: points ``f[n]`` or ``f[d, n]``.
        bw_method: "scott" (the default), "silverman", or a factor.
        weights: of the points.

    Example:
        >>> density = gaussian_kde(np.array([0.0, 1.0, 2.0]))
        >>> density(np.array([1.0])).shape
        (1,)
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None):
        data = floating(dataset)
        self.dataset = data if len(shape_of(data)) > 1 else data[None]
        self.d, self.n = shape_of(self.dataset)
        self.weights = np.full(self.n, 1 / self.n) if weights is None else as_array(weights) / np.sum(weights)
        self.neff = 1 / np.sum(self.weights**2)
        self.factor = self._factor(bw_method)
        center = np.sum(self.dataset * self.weights, axis=1, keepdims=True)
        spread = (self.dataset - center) * self.weights @ np.swapaxes(self.dataset - center, 0, 1)
        self.covariance = spread / (1 - np.sum(self.weights**2)) * self.factor**2

    def _factor(self, method: Any) -> Any:
        if method is None or method == "scott":
            return self.neff ** (-1 / (self.d + 4))
        if method == "silverman":
            return (self.neff * (self.d + 2) / 4) ** (-1 / (self.d + 4))
        if isinstance(method, str):
            raise ValueError(f"gaussian_kde got bw_method={method!r}: give 'scott', 'silverman' or a factor")
        return method

    def logpdf(self, points: Any) -> Any:
        """The logarithm of the density at points ``f[m]`` or ``f[d, m]``."""
        points = floating(points)
        points = points if len(shape_of(points)) > 1 else np.reshape(points, (self.d, -1))
        root = np.linalg.cholesky(self.covariance)
        logs = log_kernels(np.swapaxes(points, 0, 1), np.swapaxes(self.dataset, 0, 1), root)
        return logsumexp(np.log(self.weights) + logs, axis=1)

    def evaluate(self, points: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(points))

    pdf = __call__ = evaluate
