"""Samplers of real numbers, each a differentiable function of its parameters.

A parameter moves the sample that a key gives (the reparametrization), so ``grad`` of a mean over samples is an estimate of the
derivative of the expectation.  Where the sampler rejects candidates (gamma and what is made of it), or chooses between two of
them (wald), the derivative is that of the quantile (Figurnov, Mohamed and Mnih, *Implicit Reparameterization Gradients*, 2018).

Samples of float16 that have parameters are computed in float32 and rounded.  Those of `uniform`, and what is a function of one
number of it, have 1024 values before that, as JAX's have; `truncated_normal`, `wald` and what rejects are drawn in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import broadcast_shapes, shape_of
from covector.primitives.arrays.shaping import broadcasts_to
from covector.primitives.math import special_ufuncs
from covector.random.keys import as_shape, split
from covector.random.sampling import (
    Shape,
    at_least_single,
    between,
    drawn_for,
    float_type,
    float_type_of,
    in_dtype,
    positive_unit,
    prepared,
    shape_for,
    unit,
)
from covector.transforms.custom_rules import custom_jvp


def uniform(key: Any, shape: Shape = (), dtype: Any = np.float64, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Numbers evenly distributed in ``[minval, maxval)``.

    Args:
        key: a key, see `covector.random.key`.
        shape: the shape of the result, to which ``minval`` and ``maxval`` broadcast.
        dtype: float16, float32 or float64.
        minval: the lower bound.
        maxval: the upper bound.

    Returns:
        An array; the bits are JAX's.

    Example:
        >>> from covector.random import key
        >>> uniform(key(0), 2)
        array([0.41845711, 0.21629545])
    """
    dtype = float_type(dtype, "uniform")
    wide = at_least_single(dtype)
    shape, low, high = shape_for(shape, minval, maxval, function="uniform"), in_dtype(minval, wide), in_dtype(maxval, wide)
    wrong = (low > high) | (high / 2 - low / 2 > np.finfo(wide).max / 2)
    drawn = in_dtype(between(key, shape, dtype, low, high, "uniform", wide), dtype)
    return drawn_for(wrong, drawn, "uniform", f"a minval that is not above maxval, and not so far below that {wide} overflows")


def normal(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the normal distribution with mean 0 and variance 1.

    They are a function of `uniform`'s by the inverse of the error function, as JAX's are, equal to rounding.

    Example:
        >>> from covector.random import key
        >>> normal(key(0), 2)
        array([-0.20584214, -0.78476578])
    """
    return _normal(key, shape_for(shape, function="normal"), float_type(dtype, "normal"), "normal")


def _normal(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    return in_dtype(np.sqrt(2) * special_ufuncs.erfinv(between(key, shape, dtype, low, 1.0, function)), dtype)


TAIL = 3.0
"""From where on the tail of the normal distribution is drawn from by its own function."""


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the normal distribution, given that they are between two bounds.

    Args:
        key: a key.
        lower: the lower bound.
        upper: the upper bound.
        shape: the shape of the result; by default that to which the bounds broadcast.
        dtype: float16, float32 or float64.

    Example:
        >>> from covector.random import key
        >>> truncated_normal(key(0), -1.0, 2.0, 2)
        array([ 0.00301295, -0.42419022])
    """
    dtype, shape, lower, upper = prepared("truncated_normal", dtype, shape, lower, upper)
    drawn = in_dtype(_truncated_normal(key, lower, upper, shape, at_least_single(dtype)), dtype)
    lower, upper = in_dtype(lower, dtype), in_dtype(upper, dtype)
    inside = np.nextafter(lower, dtype.type(np.inf)), np.nextafter(upper, dtype.type(-np.inf))
    return drawn_for(lower >= upper, np.clip(drawn, *inside), "truncated_normal", "a lower bound below the upper one")


def _truncated_normal(key: Any, lower: Any, upper: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    root = dtype.type(np.sqrt(2))
    in_tail = np.maximum(lower, -upper) > TAIL
    erf, erfinv = special_ufuncs.erf, special_ufuncs.erfinv
    low, high = (erf(np.where(in_tail, 0, bound) / root) for bound in (lower, upper))
    out = root * erfinv(between(key, shape, dtype, low, high, "truncated_normal"))
    double: np.dtype[Any] = np.dtype(np.float64)
    u = unit(key, shape, double, "truncated_normal")
    tail = _of_tail(u, in_tail, in_dtype(lower, double), in_dtype(upper, double))
    return in_dtype(np.where(in_tail, tail, out), dtype)


def _of_tail(u: Any, in_tail: Any, lower: Any, upper: Any) -> Any:
    """Where erf is all but constant: the number of the tail between two bounds beyond which there is a share of it."""
    is_right = lower > 0
    near = np.where(in_tail, np.where(is_right, -lower, upper), -1.0)
    far = np.where(in_tail, np.where(is_right, -upper, lower), -2.0)
    log_near, log_far = special_ufuncs.log_ndtr(near), special_ufuncs.log_ndtr(far)
    at = special_ufuncs.ndtri_exp(log_near + np.log1p(u * np.expm1(log_far - log_near)))
    return np.where(is_right, -at, at)


def exponential(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the exponential distribution with mean 1; times a scale for another.

    Example:
        >>> from covector.random import key
        >>> exponential(key(0), 2)
        array([0.54207056, 0.24372319])
    """
    return _exponential(key, as_shape(shape), float_type(dtype, "exponential"), "exponential")


def _exponential(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    return -np.log1p(-unit(key, shape, dtype, function))


def laplace(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Laplace distribution with mean 0 and scale 1.

    Example:
        >>> from covector.random import key
        >>> laplace(key(0), 2).shape
        (2,)
    """
    dtype = float_type(dtype, "laplace")
    u = between(key, as_shape(shape), dtype, -1 + np.finfo(dtype).epsneg, 1.0, "laplace")
    return np.sign(u) * np.log1p(-np.abs(u))


def gumbel(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Gumbel distribution: the largest of many exponential ones, less the logarithm of how many.

    Example:
        >>> from covector.random import key
        >>> gumbel(key(0), 2).shape
        (2,)
    """
    return _gumbel(key, as_shape(shape), float_type(dtype, "gumbel"), "gumbel")


def _gumbel(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    return -np.log(-np.log(positive_unit(key, shape, dtype, function)))


def logistic(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the logistic distribution with mean 0 and scale 1.

    Example:
        >>> from covector.random import key
        >>> logistic(key(0), 2).shape
        (2,)
    """
    dtype = float_type(dtype, "logistic")
    u = positive_unit(key, as_shape(shape), dtype, "logistic")
    return np.log(u) - np.log1p(-u)


def cauchy(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Cauchy distribution with median 0 and scale 1.

    Example:
        >>> from covector.random import key
        >>> cauchy(key(0), 2).shape
        (2,)
    """
    dtype = float_type(dtype, "cauchy")
    u = in_dtype(between(key, as_shape(shape), dtype, np.finfo(dtype).eps, 1.0, "cauchy"), at_least_single(dtype))
    return in_dtype(np.tan(in_dtype(np.pi, at_least_single(dtype)) * (u - 0.5)), dtype)


def pareto(key: Any, b: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the Pareto distribution with shape ``b``: at least 1, beyond x with probability ``x**-b``.

    Example:
        >>> from covector.random import key
        >>> pareto(key(0), 2.0, 2).shape
        (2,)
    """
    dtype, shape, b = prepared("pareto", dtype, shape, b)
    return drawn_for(
        b <= 0, in_dtype(np.exp(_exponential(key, shape, dtype, "pareto") / b), dtype), "pareto", "positive shapes b"
    )


def weibull_min(key: Any, scale: Any, concentration: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the Weibull distribution with a scale and a concentration.

    Example:
        >>> from covector.random import key
        >>> weibull_min(key(0), 2.0, 3.0, 2).shape
        (2,)
    """
    dtype, shape, scale, concentration = prepared("weibull_min", dtype, shape, scale, concentration)
    drawn = _exponential(key, shape, dtype, "weibull_min") ** (1 / concentration) * scale
    wrong = (scale < 0) | (concentration <= 0)
    return drawn_for(wrong, in_dtype(drawn, dtype), "weibull_min", "scales that are not negative and positive concentrations")


def rayleigh(key: Any, scale: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the Rayleigh distribution: the length of a vector of two normal numbers with this scale.

    Example:
        >>> from covector.random import key
        >>> rayleigh(key(0), 2.0, 2).shape
        (2,)
    """
    dtype, shape, scale = prepared("rayleigh", dtype, shape, scale)
    drawn = np.sqrt(2 * _exponential(key, shape, dtype, "rayleigh")) * scale
    return drawn_for(scale < 0, in_dtype(drawn, dtype), "rayleigh", "scales that are not negative")


def lognormal(key: Any, sigma: Any = 1.0, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers whose logarithm is normal with mean 0 and standard deviation ``sigma``.

    Example:
        >>> from covector.random import key
        >>> lognormal(key(0), 0.5, 2).shape
        (2,)
    """
    dtype, shape, sigma = prepared("lognormal", dtype, shape, sigma)
    drawn = np.exp(sigma * _normal(key, shape, dtype, "lognormal"))
    return drawn_for(sigma < 0, in_dtype(drawn, dtype), "lognormal", "standard deviations that are not negative")


def maxwell(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Maxwell distribution: the length of a vector of three normal numbers.

    Example:
        >>> from covector.random import key
        >>> maxwell(key(0), 2).shape
        (2,)
    """
    drawn = _normal(key, (*as_shape(shape), 3), float_type(dtype, "maxwell"), "maxwell")
    return np.sqrt(np.sum(drawn * drawn, axis=-1))


def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers around ``loc``, whose distance from it is a number of the Maxwell distribution times ``scale``.

    The parameters broadcast to ``(*shape, *their shape)``.

    Example:
        >>> from covector.random import key
        >>> double_sided_maxwell(key(0), 1.0, 2.0, 2).shape
        (2,)
    """
    dtype, of_parameters, loc, scale = prepared("double_sided_maxwell", dtype, None, loc, scale)
    shape = (*as_shape(shape), *of_parameters)
    first, second = split(key)
    sign = np.where(unit(second, shape, dtype, "double_sided_maxwell") < 0.5, dtype.type(-1), dtype.type(1))
    drawn = sign * maxwell(first, shape, dtype) * scale + loc
    return drawn_for(scale < 0, in_dtype(drawn, dtype), "double_sided_maxwell", "scales that are not negative")


def triangular(key: Any, left: Any, mode: Any, right: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the triangular distribution: its density rises from ``left`` to ``mode``, and falls to ``right``.

    Example:
        >>> from covector.random import key
        >>> triangular(key(0), 0.0, 1.0, 2.0, 2).shape
        (2,)
    """
    dtype, shape, left, mode, right = prepared("triangular", dtype, shape, left, mode, right)
    u = in_dtype(unit(key, shape, dtype, "triangular"), at_least_single(dtype))
    rises = u * (right - left) < mode - left
    squared = np.where(rises, u * (mode - left), (1 - u) * (right - mode)) * (right - left)
    drawn = np.where(rises, left + np.sqrt(squared), right - np.sqrt(squared))
    return drawn_for((mode < left) | (mode > right), in_dtype(drawn, dtype), "triangular", "a mode between left and right")


def wald(key: Any, mean: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the Wald (inverse Gaussian) distribution with this mean and scale 1.

    By the transformation of Michael, Schucany and Haas (1976), in the form that does not cancel.  It chooses between two
    numbers with a probability that depends on the mean, so the derivative is that of the quantile.

    Example:
        >>> from covector.random import key
        >>> wald(key(0), 2.0, 2).shape
        (2,)
    """
    dtype, shape, mean = prepared("wald", dtype, shape, mean)
    first, second = split(key)
    wide = at_least_single(dtype)
    drawn = _wald(mean, _normal(first, shape, wide, "wald") ** 2, unit(second, shape, wide, "wald"))
    return drawn_for(mean <= 0, in_dtype(drawn, dtype), "wald", "positive means")


@custom_jvp
def _wald(mean: Any, v: Any, u: Any) -> Any:
    half = mean * v / 2
    small = mean / (1 + half + np.sqrt(half * (2 + half)))
    return np.where(u * (mean + small) <= mean, small, mean * mean / small)


def _wald_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The derivative of the distribution function in the mean is -2 exp(2 / mean) ndtr(-b) / mean**2, over the density."""
    mean, drawn = primals[0], _wald(*primals)
    root = np.sqrt(drawn)
    b = root / mean + 1 / root
    tail_over_density = special_ufuncs.erfcx(b / math.sqrt(2)) * math.sqrt(math.pi / 2)
    return drawn, 2 * (drawn / mean) * (root / mean) * tail_over_density * tangents[0]


_wald.defjvp(_wald_jvp)


def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Shape | None = None, dtype: Any = np.float64, method: str = "cholesky"
) -> Any:
    """Vectors of the normal distribution with this mean and covariance.

    Args:
        key: a key.
        mean: means ``f[..., n]``.
        cov: positive definite matrices ``f[..., n, n]``.
        shape: the shape of the batch; by default that to which the batches of ``mean`` and ``cov`` broadcast.
        dtype: float16, float32 or float64.
        method: "cholesky", or "eigh" or "svd" for matrices that are only semi-definite (its derivative is not determined
            where eigenvalues are equal).

    Returns:
        An array ``f[*shape, n]``.

    Example:
        >>> from covector.random import key
        >>> multivariate_normal(key(0), np.zeros(2), np.eye(2), 3).shape
        (3, 2)
    """
    dtype = float_type(dtype, "multivariate_normal")
    of_mean, of_cov = shape_of(mean), shape_of(cov)
    if not of_mean or of_cov[-2:] != 2 * of_mean[-1:]:
        what = f"covector.random.multivariate_normal got a mean of shape {of_mean} and a covariance of shape {of_cov}."
        raise errors.ArgumentError(what, fix="give means of shape (..., n) and matrices of shape (..., n, n)")
    own = broadcast_shapes(of_mean[:-1], of_cov[:-2])
    batch = own if shape is None else as_shape(shape)
    if not broadcasts_to(own, batch):
        what = f"covector.random.multivariate_normal got shape={batch} for a batch of shape {own}."
        raise errors.ArgumentError(what, fix="give a shape to which the batch broadcasts, or leave it out")
    drawn = _normal(key, (*batch, *of_mean[-1:]), dtype, "multivariate_normal")
    wide = at_least_single(dtype)
    rounding = max(float(np.finfo(x).eps) for x in (wide, float_type_of(cov)))
    moved = np.einsum("...ij,...j->...i", _factor(in_dtype(cov, wide), method, rounding), in_dtype(drawn, wide))
    return in_dtype(in_dtype(mean, wide) + moved, dtype)


def _factor(cov: Any, method: str, rounding: Any) -> Any:
    """A matrix F with ``F @ F.T`` equal to the covariance, of which the numbers are known to a relative error."""
    if method == "cholesky":
        return np.linalg.cholesky(cov)
    if method == "eigh":
        values, vectors = np.linalg.eigh(cov)
    elif method == "svd":
        vectors, values, _ = np.linalg.svd(cov)
    else:
        raise ValueError(f"multivariate_normal got method={method!r}: give 'cholesky', 'eigh' or 'svd'")
    total = np.sum(np.abs(values), axis=-1)  # which is the trace, but where eigenvalues are negative
    wrong = total - np.trace(cov, axis1=-2, axis2=-1) > 8 * shape_of(cov)[-1] * rounding * total
    factor = vectors * np.sqrt(np.where(values > 0, values, 0))[..., None, :]
    return drawn_for(wrong[..., None, None], factor, "multivariate_normal", "covariances without negative eigenvalues")


def orthogonal(key: Any, n: int, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Orthogonal matrices, evenly distributed (by Haar's measure).

    Example:
        >>> from covector.random import key
        >>> q = orthogonal(key(0), 3)
        >>> np.allclose(q @ q.T, np.eye(3))
        True
    """
    dtype = float_type(dtype, "orthogonal")
    drawn = _normal(key, as_shape((*as_shape(shape), n, n)), dtype, "orthogonal")
    q, r = np.linalg.qr(in_dtype(drawn, at_least_single(dtype)))
    return in_dtype(q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :], dtype)
