"""Activations: elementwise functions of real arrays.  At a kink the derivative is 0 or that of the right side, as in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.numpy.reductions import logsumexp
from covector.numpy.registry import as_array, canonical_axis, inexact
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.math import special_ufuncs as special
from covector.transforms.utilities import stop_gradient


def identity(x: Any) -> Any:
    """The argument itself.

    Example:
        >>> identity(2.0)
        2.0
    """
    return x


def relu(x: Any) -> Any:
    """The positive part, ``max(x, 0)``; its derivative at 0 is 0.

    Example:
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    x = as_array(x)
    return np.where(x <= 0, np.zeros((), typeof(x).dtype), x)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``.

    Example:
        >>> relu6(np.array([-1.0, 2.0, 9.0]))
        array([0., 2., 6.])
    """
    return _clipped(inexact(x), 0, 6)


def _clipped(x: Any, low: float, high: float) -> Any:
    """``clip``, with the derivative 0 at both bounds."""
    number = typeof(x).dtype.type
    return np.where(x <= low, number(low), np.where(x >= high, number(high), x))


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``.

    Example:
        >>> float(sigmoid(0.0))
        0.5
    """
    x = inexact(x)
    return convert_to(special.expit(x), typeof(x).dtype)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid`, exact where that underflows.

    Example:
        >>> float(log_sigmoid(-1000.0))
        -1000.0
    """
    x = inexact(x)
    return convert_to(special.log_expit(x), typeof(x).dtype)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, a smooth `relu`.

    Example:
        >>> float(softplus(1000.0))
        1000.0
    """
    x = inexact(x)
    return np.logaddexp(x, np.zeros((), typeof(x).dtype))


def soft_sign(x: Any) -> Any:
    """``x / (1 + abs(x))``.

    Example:
        >>> float(soft_sign(1.0))
        0.5
    """
    x = inexact(x)
    is_large, small, large = _parted(x)
    return np.where(is_large, np.sign(large) / (1 + np.reciprocal(np.abs(large))), small / (1 + np.abs(small)))


def _parted(x: Any) -> tuple[Any, Any, Any]:
    """Where ``abs(x)`` is above 1; and ``x`` for the formulas of either side, each of which gets 1 for what is the other's."""
    one = typeof(x).dtype.type(1)
    is_large = np.abs(x) > one
    return is_large, np.where(is_large, one, x), np.where(is_large, x, one)


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``; also called swish.

    Example:
        >>> float(silu(0.0))
        0.0
    """
    return _gated(x, lambda x: x * sigmoid(x))


swish = silu


def _gated(x: Any, f: Callable[[Any], Any]) -> Any:
    """``f(x)`` for a product with a gate between 0 and 1, which is 0 and 1 up to rounding far out.

    There the products of infinity (and of what overflows) with 0, in values and derivatives, are not made.
    """
    x = inexact(x)
    dtype = typeof(x).dtype
    far = dtype.type(30 if dtype.itemsize == 2 else 1e5)
    near = np.where(x <= -far, -far, np.where(x >= far, far, x))
    return np.where(x >= far, x, f(near))


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``.

    Example:
        >>> float(mish(0.0))
        0.0
    """
    return _gated(x, lambda x: x * np.tanh(softplus(x)))


def leaky_relu(x: Any, negative_slope: Any = 1e-2) -> Any:
    """``x`` where that is not negative, and ``negative_slope * x`` elsewhere.

    Example:
        >>> leaky_relu(np.array([-1.0, 2.0]))
        array([-0.01,  2.  ])
    """
    x = inexact(x)
    return np.where(x >= 0, x, negative_slope * x)


def hard_tanh(x: Any) -> Any:
    """``x`` between -1 and 1, and these bounds outside.

    Example:
        >>> hard_tanh(np.array([-3.0, 0.5]))
        array([-1. ,  0.5])
    """
    x = inexact(x)
    number = typeof(x).dtype.type
    return np.where(x < -1, number(-1), np.where(x > 1, number(1), x))


def hard_sigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6``, a piecewise linear `sigmoid`.

    Example:
        >>> float(hard_sigmoid(0.0))
        0.5
    """
    return relu6(inexact(x) + 3) / 6


def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``; also called hard swish.

    Example:
        >>> float(hard_silu(3.0))
        3.0
    """
    return _gated(x, lambda x: x * hard_sigmoid(x))


hard_swish = hard_silu


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` where that is positive, and ``alpha * (exp(x) - 1)`` elsewhere.

    Example:
        >>> float(elu(2.0))
        2.0
    """
    x = inexact(x)
    below = np.where(x > 0, np.zeros((), typeof(x).dtype), x)
    return np.where(x > 0, x, alpha * np.expm1(below))


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` where that is positive, and ``alpha * (exp(x / alpha) - 1)`` elsewhere: smooth for every alpha.

    Example:
        >>> float(celu(2.0))
        2.0
    """
    x = inexact(x)
    below = np.where(x > 0, np.zeros((), typeof(x).dtype), x)
    return np.where(x > 0, x, alpha * np.expm1(below / alpha))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""With these the mean 0 and the variance 1 are a fixed point (Klambauer et al., *Self-Normalizing Neural Networks*, 2017)."""


def selu(x: Any) -> Any:
    """`elu`, scaled so that mean 0 and variance 1 are kept.

    Example:
        >>> float(np.round(selu(1.0), 4))
        1.0507
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def gelu(x: Any, approximate: bool = True) -> Any:
    """``x`` times the probability that a normal number is below ``x``.

    Args:
        x: an array.
        approximate: by a hyperbolic tangent (the default, as in JAX) instead of the error function, which SciPy has in float64
            and below: that of longdouble has its range, and the digits of float64.

    Example:
        >>> float(gelu(0.0))
        0.0
    """
    return _gated(x, _gelu_by_tanh if approximate else _gelu_by_erf)


def _gelu_by_tanh(x: Any) -> Any:
    return x * (0.5 * (1 + np.tanh(np.sqrt(2 / np.pi).astype(typeof(x).dtype) * (x + 0.044715 * x**3))))


def _gelu_by_erf(x: Any) -> Any:
    dtype = typeof(x).dtype
    return x * convert_to(special.ndtr(convert_to(x, np.dtype(np.float64)) if dtype == np.longdouble else x), dtype)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an array along an axis, times the `sigmoid` of the second.

    Example:
        >>> glu(np.array([2.0, 0.0]))
        array([1.])
    """
    first, second = np.split(inexact(x), 2, axis)
    return first * sigmoid(second)


def squareplus(x: Any, b: Any = 4.0) -> Any:
    """``(x + sqrt(x**2 + b)) / 2``, a smooth `relu`; without overflow, and without cancellation for large negative ``x``.

    Example:
        >>> float(squareplus(0.0))
        1.0
    """
    x = inexact(x)
    is_large, small, large = _parted(x)
    inverse = np.reciprocal(np.abs(large))
    excess = b * inverse / 2 / (1 + np.sqrt(np.where(is_large, 1 + b * inverse * inverse, 1)))  # over max(x, 0)
    middle = (small + np.sqrt(np.where(is_large, 1, small * small + b))) / 2
    return np.where(is_large, np.where(x > 0, large, 0) + excess, middle)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, ``x`` from 1 on, and ``(x + 1)**2 / 4`` between.

    Example:
        >>> float(sparse_plus(0.0))
        0.25
    """
    x = inexact(x)
    return np.where(x >= 1, x, (_clipped(x, -1, 1) + 1) ** 2 / 4)


def sparse_sigmoid(x: Any) -> Any:
    """The derivative of `sparse_plus`: 0 up to -1, 1 from 1 on, ``(x + 1) / 2`` between.

    Example:
        >>> float(sparse_sigmoid(0.0))
        0.5
    """
    return _clipped((inexact(x) + 1) / 2, 0, 1)


def log1mexp(x: Any) -> Any:
    """``log(1 - exp(-x))`` for positive x, exact for small and for large ones.

    By M. Mächler, *Accurately computing log(1 - exp(-|a|))*, 2012.  NaN for negative x.

    Example:
        >>> float(log1mexp(1e-20).round(6)), float(log1mexp(800.0))
        (-46.051702, -0.0)
    """
    x = inexact(x)
    x = x + np.where(x < 0, typeof(x).dtype.type(np.nan), typeof(x).dtype.type(0))  # also of -0.0 makes 0.0
    middle = typeof(x).dtype.type(np.log(2))
    is_small = x < middle
    small, large = np.where(is_small, x, middle), np.where(is_small, middle, x)
    return np.where(is_small, np.log(-np.expm1(-small)), np.log1p(-np.exp(-large)))


# --- over an axis -----------------------------------------------------------------------------------------------------


def _below_top(x: Any, axis: Any, where: Any) -> Any:
    """``x`` less its largest element along an axis, so that no exponential overflows, and minus infinity but for ``where``."""
    x = inexact(x)
    raised = x if where is None else np.where(where, x, -np.inf)
    top = np.max(raised, axis=axis, keepdims=True, initial=-np.inf)
    if type(top) is np.ndarray and np.isfinite(top).all():
        return raised - top
    return raised - stop_gradient(np.where(np.isfinite(top), top, 0))


def softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """``exp(x)`` over its sum along an axis.

    Args:
        x: an array.
        axis: an axis or several, None for all.
        where: which elements count; the others are 0 in the result.

    Example:
        >>> softmax(np.array([1000.0, 1000.0]))
        array([0.5, 0.5])
    """
    parts = np.exp(_below_top(x, axis, where))
    return parts / _total(parts, axis, where)


def _total(parts: Any, axis: Any, where: Any) -> Any:
    """Their sum along an axis; 1 if none counts."""
    total = np.sum(parts, axis=axis, keepdims=True)
    if where is None:
        return total
    some = np.any(np.broadcast_to(where, shape_of(parts)), axis=axis, keepdims=True)
    return np.where(some, total, typeof(total).dtype.type(1))


def log_softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """The logarithm of `softmax`, exact where that underflows.

    Example:
        >>> log_softmax(np.array([0.0, -2000.0]))
        array([    0., -2000.])
    """
    shifted = _below_top(x, axis, where)
    total = logsumexp(shifted, axis, keepdims=True)
    return shifted - total if where is None else np.where(where, np.where(where, shifted, 0) - total, -np.inf)


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the mean of exponentials, without overflow.

    Args:
        x: an array.
        axis: the axis or axes to take the mean over; None for all.
        where: which elements count.
        keepdims: keep these axes, with length 1.

    Example:
        >>> float(logmeanexp(np.array([1000.0, 1000.0])))
        1000.0
    """
    x = inexact(x)
    counted = np.broadcast_to(True if where is None else where, shape_of(x))
    total = logsumexp(x, axis=axis, where=counted, keepdims=keepdims)
    return total - np.log(convert_to(np.sum(counted, axis=axis, keepdims=keepdims), typeof(x).dtype))


def standardize(
    x: Any,
    axis: Any = -1,
    mean: Any = None,
    variance: Any = None,
    epsilon: Any = 1e-5,
    where: Any = None,
    *,
    algorithm: str = "fast",
) -> Any:
    """Shifted and scaled to mean 0 and variance 1 along an axis.

    Args:
        x: an array.
        axis: an axis or several.
        mean: the mean, if it is known.
        variance: the variance, if it is known.
        epsilon: is added to the variance.
        where: which elements count for mean and variance.
        algorithm: what the variance is where ``mean`` is given: "stable" for the mean of ``(x - mean)**2``, "fast" for that of
            ``x**2`` less ``mean**2``, and at least 0.  Neither is computed by a difference of large numbers.

    Example:
        >>> np.round(standardize(np.array([1.0, 3.0])), 3)
        array([-1.,  1.])
    """
    if algorithm not in ("fast", "stable"):
        raise errors.ArgumentError(f"standardize got algorithm={algorithm!r}.", fix="give 'fast' or 'stable'")
    x = inexact(x)

    def average(x: Any) -> Any:
        return np.mean(x, axis=axis, keepdims=True, **({} if where is None else {"where": where}))

    own = average(x) if mean is None or (variance is None and algorithm == "fast") else mean
    if variance is None:
        variance = average(np.square(x - own))
        if mean is not None and algorithm == "fast":
            variance = np.maximum(variance + (own - mean) * (own + mean), 0)
    return (x - (own if mean is None else mean)) / np.sqrt(variance + epsilon)


def one_hot(x: Any, num_classes: int, *, dtype: Any = np.float64, axis: int = -1) -> Any:
    """For each integer a vector that is 1 at its place and 0 elsewhere (everywhere, for an integer that is no place).

    Args:
        x: integers, which may be traced.
        num_classes: how long the vectors are.
        dtype: the dtype of the result.
        axis: which axis of the result the vectors lie along.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    x = as_array(x)
    ndim = typeof(x).ndim + 1
    axis = canonical_axis(axis, ndim, "one_hot")
    places = np.arange(num_classes).reshape(-1, *[1] * (ndim - axis - 1))
    return convert_to(np.expand_dims(x, axis) == places, np.dtype(dtype))
