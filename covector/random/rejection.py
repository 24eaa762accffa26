"""Samplers that reject candidates: gamma and what is made of it, and counts.

Counts do not move with their parameters: the derivative is 0, also in a dtype of real numbers, and does not estimate that of an
expectation.  For this multiply by the derivative of the logarithm of their probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.primitives.random.sampling import sample_p
from covector.random.continuous import _exponential, _normal
from covector.random.keys import as_shape, checked_key, split
from covector.random.sampling import (
    Shape,
    at_least_single,
    drawn_for,
    float_type,
    float_type_of,
    in_dtype,
    known_right,
    not_whole,
    prepared,
    shape_for,
    unit,
)

DOUBLE = np.dtype(np.float64)
COUNT = np.dtype(np.int64)
MOST_MEAN = 2.0**63 - 10 * 2.0**31.5
"""Up to which mean a count of the Poisson distribution is sure to be an int64."""
HALF_OVERFLOWS = 65520.0
FREEDOM = "positive degrees of freedom"
OUTCOMES = "whole numbers of trials, and probabilities that are not negative and have a positive sum"


def _drawn(key: Any, distribution: str, parameters: tuple[Any, ...], shape: tuple[int, ...], dtype: Any) -> Any:
    full = [np.broadcast_to(p, shape) for p in parameters]
    return sample_p.bind(key, *full, distribution=distribution, shape=shape, dtype=dtype)


def gamma(key: Any, a: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the gamma distribution with shape ``a`` and scale 1; a differentiable function of ``a``.

    Args:
        key: a key.
        a: positive shape parameters.
        shape: the shape of the result, to which ``a`` broadcasts; by default that of ``a``.
        dtype: float16, float32 or float64.

    Example:
        >>> from covector import grad
        >>> from covector.random import key
        >>> bool(grad(lambda a: np.mean(gamma(key(0), a, 1000)))(2.0) > 0.9)
        True
    """
    dtype = float_type(dtype, "gamma")
    shape = shape_for(shape, a, function="gamma")
    return _gamma(key, a, shape, dtype, "gamma", "positive shapes a")


def _gamma(key: Any, a: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str, requirement: str) -> Any:
    a = in_dtype(a, DOUBLE)
    wrong = a <= 0
    a = a if known_right(wrong, function, requirement) else np.where(wrong, 1.0, a)
    drawn = _drawn(checked_key(key, function), "standard_gamma", (a,), shape, DOUBLE)
    return in_dtype(drawn_for(wrong, drawn, function, requirement), dtype)


def loggamma(key: Any, a: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """The logarithm of numbers of the gamma distribution, which does not underflow for small ``a``.

    Example:
        >>> from covector.random import key
        >>> bool(np.isfinite(loggamma(key(0), 1e-4)))
        True
    """
    dtype, shape, a = prepared("loggamma", dtype, shape, a)
    return in_dtype(_loggamma(key, a, shape, at_least_single(dtype), "loggamma", "positive shapes a"), dtype)


def _loggamma(key: Any, a: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str, requirement: str) -> Any:
    wrong = a <= 0
    a = a if known_right(wrong, function, requirement) else np.where(wrong, dtype.type(1), a)
    first, second = split(key)
    boosted = np.log(gamma(first, a + 1, shape, dtype))  # a gamma number of a + 1, times a power of a uniform one
    drawn = boosted - _exponential(second, shape, dtype, function) / a
    return drawn_for(wrong, drawn, function, requirement)


def beta(key: Any, a: Any, b: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the beta distribution, differentiable in ``a`` and ``b``.

    Example:
        >>> from covector.random import key
        >>> beta(key(0), 2.0, 3.0, 4).shape
        (4,)
    """
    dtype, shape, a, b = prepared("beta", dtype, shape, a, b)
    of_keys, wide = zip(split(key), (a, b), strict=True), at_least_single(dtype)
    x, y = (_loggamma(k, p, shape, wide, "beta", "positive a and b") for k, p in of_keys)
    return in_dtype(1 / (1 + np.exp(y - x)), dtype)


def dirichlet(key: Any, alpha: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Vectors of the Dirichlet distribution: positive numbers whose sum is 1, along the last axis of ``alpha``.

    Args:
        key: a key.
        alpha: positive parameters ``f[..., n]``.
        shape: the shape of the batch; by default that of ``alpha`` without its last axis.
        dtype: float16, float32 or float64.

    Example:
        >>> from covector.random import key
        >>> float(np.round(np.sum(dirichlet(key(0), np.ones(3))), 6))
        1.0
    """
    dtype = float_type(dtype, "dirichlet")
    if shape_of(alpha)[-1:] in ((), (0,)):
        what = f"covector.random.dirichlet got parameters alpha of shape {shape_of(alpha)}."
        raise errors.ArgumentError(what, fix="give an array with a positive number for each part in its last axis")
    batch = shape_of(alpha)[:-1] if shape is None else as_shape(shape)
    shape = shape_for((*batch, shape_of(alpha)[-1]), alpha, function="dirichlet")
    wide = at_least_single(dtype)
    logs = _loggamma(key, in_dtype(alpha, wide), shape, wide, "dirichlet", "positive parameters alpha")
    parts = np.exp(logs - np.max(logs, axis=-1, keepdims=True))
    return in_dtype(parts / np.sum(parts, axis=-1, keepdims=True), dtype)


def chisquare(key: Any, df: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of the chi-squared distribution with ``df`` degrees of freedom.

    Example:
        >>> from covector.random import key
        >>> chisquare(key(0), 3.0, 2).shape
        (2,)
    """
    dtype, shape, df = prepared("chisquare", dtype, shape, df)
    return _chisquare(key, df, shape, dtype, "chisquare")


def _chisquare(key: Any, df: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Any:
    return 2 * _gamma(key, df / 2, shape, dtype, function, FREEDOM)


def t(key: Any, df: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of Student's t distribution with ``df`` degrees of freedom.

    Example:
        >>> from covector.random import key
        >>> t(key(0), 3.0, 2).shape
        (2,)
    """
    dtype, shape, df = prepared("t", dtype, shape, df)
    first, second = split(key)
    half = df / 2
    wide = at_least_single(dtype)
    drawn = _normal(first, shape, wide, "t") * np.sqrt(half / _gamma(second, half, shape, wide, "t", FREEDOM))
    return in_dtype(drawn, dtype)


def f(key: Any, dfnum: Any, dfden: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """Numbers of Fisher's F distribution: the ratio of two chi-squared numbers over their degrees of freedom.

    Example:
        >>> from covector.random import key
        >>> f(key(0), 3.0, 4.0, 2).shape
        (2,)
    """
    dtype, shape, dfnum, dfden = prepared("f", dtype, shape, dfnum, dfden)
    first, second = split(key)
    wide = at_least_single(dtype)
    above, below = (_chisquare(k, df, shape, wide, "f") for k, df in ((first, dfnum), (second, dfden)))
    return in_dtype(above / dfnum / (below / dfden), dtype)


def generalized_normal(key: Any, p: float, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Numbers with a density in proportion to ``exp(-abs(x)**p)``.

    Example:
        >>> from covector.random import key
        >>> generalized_normal(key(0), 1.5, 2).shape
        (2,)
    """
    dtype = float_type(dtype, "generalized_normal")
    return in_dtype(_generalized_normal(key, p, as_shape(shape), at_least_single(dtype)), dtype)


def _generalized_normal(key: Any, p: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    first, second = split(key)
    sign = np.where(unit(second, shape, dtype, "generalized_normal") < 0.5, dtype.type(-1), dtype.type(1))
    p = in_dtype(p, dtype)
    drawn = sign * _gamma(first, 1 / p, shape, dtype, "generalized_normal", "a positive power p") ** (1 / p)
    return drawn_for((p <= 0) | (p == np.inf), drawn, "generalized_normal", "a positive power p")


def ball(key: Any, d: int, p: float = 2, shape: Shape = (), dtype: Any = np.float64) -> Any:
    """Points evenly distributed in the unit ball of the norm ``p`` in ``d`` dimensions.

    By the method of Barthe, Guédon, Mendelson and Naor (2005).

    Returns:
        An array ``f[*shape, d]``.

    Example:
        >>> from covector.random import key
        >>> bool(np.linalg.norm(ball(key(0), 3)) < 1)
        True
    """
    dtype = float_type(dtype, "ball")
    first, second = split(key)
    wide = at_least_single(dtype)
    drawn = _generalized_normal(first, p, as_shape((*as_shape(shape), d)), wide)
    rest = _exponential(second, as_shape(shape), wide, "ball")
    return in_dtype(drawn / (np.sum(np.abs(drawn) ** p, axis=-1) + rest)[..., None] ** in_dtype(1 / p, wide), dtype)


# --- counts -----------------------------------------------------------------------------------------------------------


def poisson(key: Any, lam: Any, shape: Shape | None = None, dtype: Any = np.int64) -> Any:
    """Counts of the Poisson distribution with mean ``lam``.

    Example:
        >>> from covector.random import key
        >>> poisson(key(0), 3.0, 4).shape
        (4,)
    """
    shape = shape_for(shape, lam, function="poisson")
    mean = in_dtype(lam, DOUBLE)
    known_right(~((mean >= 0) & (mean < MOST_MEAN)), "poisson", f"means from 0 to {MOST_MEAN:.1e}")
    drawn = _drawn(checked_key(key, "poisson"), "poisson", (mean,), shape, np.dtype(np.int64))
    return _counted(drawn, dtype, "poisson")


def _counted(drawn: Any, dtype: Any, function: str) -> Any:
    """Counts in a dtype, which has to have them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        raise errors.ArgumentError(f"covector.random.{function} got dtype=bool.", fix="give a type of numbers, which count")
    is_half = dtype == np.float16
    if dtype == typeof(drawn).dtype or not (is_half or dtype.kind in "iu"):
        return np.astype(drawn, dtype)
    beyond = drawn >= (HALF_OVERFLOWS if is_half else 2.0 ** int(np.iinfo(dtype).max).bit_length())
    return drawn_for(
        beyond, np.astype(np.where(beyond, 0, drawn), dtype), function, f"parameters for which {dtype} has the counts"
    )


def binomial(key: Any, n: Any, p: Any, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """How many of ``n`` trials succeed, each with probability ``p``.

    Example:
        >>> from covector.random import key
        >>> binomial(key(0), 10, 0.5, 4).shape
        (4,)
    """
    shape = shape_for(shape, n, p, function="binomial")
    counts, chance = in_dtype(n, COUNT), in_dtype(p, DOUBLE)
    wrong = ~((chance >= 0) & (chance <= 1)) | (counts < 0)
    known_right(wrong, "binomial", "numbers of trials that are not negative, and probabilities from 0 to 1")
    drawn = _drawn(checked_key(key, "binomial"), "binomial", (counts, chance), shape, np.dtype(np.int64))
    return drawn_for(not_whole(n), _counted(drawn, dtype, "binomial"), "binomial", "whole numbers of trials")


def multinomial(key: Any, n: Any, p: Any, *, shape: Shape | None = None, dtype: Any = np.float64) -> Any:
    """How many of ``n`` trials have each of k outcomes, with the probabilities in the last axis of ``p``.

    Each count is one of the binomial distribution, given those before it.

    Args:
        key: a key.
        n: numbers of trials.
        p: probabilities ``f[..., k]``; what they add up to, which has to be positive, is taken for 1.
        shape: the shape of the result, which ends with k; by default that to which n and p broadcast.
        dtype: of the result.

    Example:
        >>> from covector.random import key
        >>> float(np.sum(multinomial(key(0), 10, np.array([0.2, 0.3, 0.5]))))
        10.0
    """
    size = shape_of(p)[-1:]
    if not size:
        what = f"covector.random.multinomial got probabilities p of type {typeof(p)}, without an axis of outcomes."
        raise errors.ArgumentError(what, fix="give an array with a probability for each outcome in its last axis")
    given = None if shape is None else as_shape(shape)
    if given is not None and given[-1:] != size:
        what = f"covector.random.multinomial got shape={given} for {size[0]} outcomes."
        raise errors.ArgumentError(what, fix=f"give a shape that ends with {size[0]}, or leave it out")
    chances, trials = in_dtype(p, DOUBLE), in_dtype(n, COUNT)
    total = np.sum(chances, axis=-1)
    wrong = np.any(chances < 0, axis=-1) | ~((total > 0) & (total < np.inf)) | (trials < 0) | not_whole(n)
    if not known_right(wrong, "multinomial", OUTCOMES):
        chances, trials = np.where(wrong[..., None], 1.0, chances), np.where(wrong, 0, trials)
    batch = shape_for(given and given[:-1], n, chances[..., 0], function="multinomial")
    rest = np.flip(np.cumsum(np.flip(chances, -1), -1), -1)
    ratios = np.where(rest > 0, chances / np.where(rest > 0, rest, 1), 0)
    left, counts = np.broadcast_to(trials, batch), []
    for i, own_key in enumerate(split(key, max(size[0] - 1, 1))[: size[0] - 1]):
        counts.append(binomial(own_key, left, np.minimum(ratios[..., i], 1), batch, np.int64))
        left = left - counts[-1]
    drawn = np.astype(np.stack([*counts, left], axis=-1), np.dtype(dtype))
    return drawn_for(wrong[..., None], drawn, "multinomial", OUTCOMES)


def geometric(key: Any, p: Any, shape: Shape | None = None, dtype: Any = np.int64) -> Any:
    """The number of the first trial that succeeds, each with probability ``p``.

    Example:
        >>> from covector.random import key
        >>> geometric(key(0), 0.5, 4).shape
        (4,)
    """
    shape, p = shape_for(shape, p, function="geometric"), in_dtype(p, float_type_of(p))
    drawn = _exponential(key, shape, DOUBLE, "geometric")
    right = (p > 0) & (p <= 1)
    drawn = _counted(np.where(right, np.floor(drawn / -np.log1p(-p)) + 1, 1.0), dtype, "geometric")
    return drawn_for(~right, drawn, "geometric", "probabilities above 0 and up to 1")
