"""Initializers: functions that make the first values of parameters, ``initializer(key, shape, dtype) -> array``.

The variance-scaling ones are those of LeCun et al. (1998), Glorot and Bengio (2010) and He et al. (2015).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector import random
from covector.numpy.at import at

Initializer = Callable[..., Any]


def zeros(key: Any, shape: Sequence[int], dtype: Any = np.float64) -> Any:
    """Zeros.

    Example:
        >>> zeros(None, (2,))
        array([0., 0.])
    """
    return np.zeros(shape, dtype)


def ones(key: Any, shape: Sequence[int], dtype: Any = np.float64) -> Any:
    """Ones.

    Example:
        >>> ones(None, (2,))
        array([1., 1.])
    """
    return np.ones(shape, dtype)


def constant(value: Any, dtype: Any = np.float64) -> Initializer:
    """An initializer of arrays that are ``value`` everywhere.

    Example:
        >>> constant(3.0)(None, (2,))
        array([3., 3.])
    """
    return lambda key, shape, dtype=dtype: np.broadcast_to(np.asarray(value, dtype), shape).copy()


def uniform(scale: Any = 1e-2, dtype: Any = np.float64) -> Initializer:
    """An initializer of numbers evenly distributed in ``[0, scale)``.

    Example:
        >>> uniform(1.0)(random.key(0), (2,)).shape
        (2,)
    """
    return lambda key, shape, dtype=dtype: random.uniform(key, tuple(shape), dtype) * np.dtype(dtype).type(scale)


def normal(stddev: Any = 1e-2, dtype: Any = np.float64) -> Initializer:
    """An initializer of normal numbers with mean 0.

    Example:
        >>> normal(1.0)(random.key(0), (2,)).shape
        (2,)
    """
    return lambda key, shape, dtype=dtype: random.normal(key, tuple(shape), dtype) * np.dtype(dtype).type(stddev)


def truncated_normal(stddev: Any = 1e-2, dtype: Any = np.float64, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """An initializer of normal numbers within bounds, in units of the standard deviation before truncation.

    Example:
        >>> bool(np.all(np.abs(truncated_normal(1.0)(random.key(0), (100,))) <= 2))
        True
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        return random.truncated_normal(key, lower, upper, tuple(shape), dtype) * np.dtype(dtype).type(stddev)

    return init


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = np.float64,
) -> Initializer:
    """An initializer whose variance is ``scale`` over the number of inputs, of outputs, or their mean.

    Args:
        scale: a positive number.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        in_axis: which axes are those of the inputs.
        out_axis: which axes are those of the outputs.
        batch_axis: which axes do not count.
        dtype: the default dtype.

    Example:
        >>> w = variance_scaling(1.0, "fan_in", "normal")(random.key(0), (100, 50))
        >>> bool(abs(np.std(w) - 0.1) < 0.01)
        True
    """
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise ValueError(f"variance_scaling got mode={mode!r}: give 'fan_in', 'fan_out' or 'fan_avg'")
    if distribution not in ("truncated_normal", "normal", "uniform"):
        raise ValueError(f"variance_scaling got distribution={distribution!r}: give 'truncated_normal', 'normal' or 'uniform'")

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        fan_in, fan_out = _fans(tuple(shape), in_axis, out_axis, batch_axis)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        number = np.dtype(dtype).type
        variance = scale / max(fan, 1)
        if distribution == "uniform":
            return random.uniform(key, tuple(shape), dtype, -1.0, 1.0) * number(math.sqrt(3 * variance))
        if distribution == "normal":
            return random.normal(key, tuple(shape), dtype) * number(math.sqrt(variance))
        stddev = math.sqrt(variance) / 0.87962566103423978  # the standard deviation of the normal distribution within 2
        return random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype) * number(stddev)

    return init


def _fans(shape: tuple[int, ...], in_axis: Any, out_axis: Any, batch_axis: Any) -> tuple[float, float]:
    """How many inputs and outputs a weight array has, each with its receptive field."""
    if len(shape) < 2:
        raise ValueError(f"an initializer that scales by the number of inputs needs at least two axes, got shape {shape}")

    def length(axes: Any) -> int:
        return math.prod(shape[a] for a in ([axes] if isinstance(axes, int) else axes))

    field = math.prod(shape) / (length(in_axis) * length(out_axis) * length(batch_axis)) if math.prod(shape) else 0
    return length(in_axis) * field, length(out_axis) * field


def _scaled(scale: float, mode: str, distribution: str, what: str) -> Callable[..., Initializer]:
    def make(
        in_axis: int | Sequence[int] = -2,
        out_axis: int | Sequence[int] = -1,
        batch_axis: int | Sequence[int] = (),
        dtype: Any = np.float64,
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__doc__ = f"An initializer of {what}; arguments as for `variance_scaling`."
    return make


_BOTH = "numbers with variance 2 / (inputs + outputs)"
glorot_uniform = xavier_uniform = _scaled(1.0, "fan_avg", "uniform", f"uniform {_BOTH}")
glorot_normal = xavier_normal = _scaled(1.0, "fan_avg", "truncated_normal", f"normal {_BOTH}")
lecun_uniform = _scaled(1.0, "fan_in", "uniform", "uniform numbers with variance 1 / inputs")
lecun_normal = _scaled(1.0, "fan_in", "truncated_normal", "normal numbers with variance 1 / inputs")
he_uniform = kaiming_uniform = _scaled(2.0, "fan_in", "uniform", "uniform numbers with variance 2 / inputs")
he_normal = kaiming_normal = _scaled(2.0, "fan_in", "truncated_normal", "normal numbers with variance 2 / inputs")


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = np.float64) -> Initializer:
    """An initializer of arrays whose rows or columns, whichever are fewer, are orthonormal, times ``scale``.

    Example:
        >>> w = orthogonal()(random.key(0), (3, 5))
        >>> np.allclose(w @ w.T, np.eye(3))
        True
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs at least two axes, got shape {tuple(shape)}")
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        q, r = np.linalg.qr(random.normal(key, (max(rows, columns), min(rows, columns)), dtype))
        q = q * np.sign(np.diagonal(r))
        q = q.T if rows < columns else q
        rest = [n for i, n in enumerate(shape) if i != column_axis % len(shape)]
        return np.moveaxis(np.reshape(q, (*rest, columns)), -1, column_axis) * np.dtype(dtype).type(scale)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = np.float64) -> Initializer:
    """An initializer of kernels of convolutions that are an `orthogonal` matrix in their middle, and 0 elsewhere.

    They are ``[*space, inputs, outputs]``, with one to three axes of space, and at least as many outputs as inputs.  Such a
    convolution keeps lengths.  By L. Xiao et al., *Dynamical Isometry and a Mean Field Theory of CNNs*, 2018.

    Example:
        >>> w = delta_orthogonal()(random.key(0), (3, 2, 2))
        >>> np.allclose(w[1] @ w[1].T, np.eye(2)), float(np.abs(w[::2]).max())
        (True, 0.0)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        if len(shape) not in (3, 4, 5) or shape[-1] < shape[-2]:
            raise ValueError(
                "delta_orthogonal needs a shape of one to three axes of space, inputs, and at least as many outputs;"
                f" got {tuple(shape)}"
            )
        matrix = orthogonal(scale, column_axis, dtype)(key, tuple(shape[-2:]))
        return at(np.zeros(shape, dtype))[tuple((n - 1) // 2 for n in shape[:-2])].set(matrix)

    return init
