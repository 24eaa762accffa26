"""Functions for neural networks, in the manner of `jax.nn`: activations, softmax, attention, initializers.

>>> import numpy as np
>>> from covector import grad, nn
>>> grad(lambda x: np.sum(nn.relu(x)))(np.array([-1.0, 0.0, 2.0]))
array([0., 0., 1.])
"""

import importlib
from typing import TYPE_CHECKING, Any

from numpy import tanh

from covector.nn import initializers
from covector.nn.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log1mexp,
    log_sigmoid,
    log_softmax,
    logmeanexp,
    mish,
    one_hot,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softmax,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    standardize,
    swish,
)
from covector.nn.attention import dot_product_attention
from covector.numpy.reductions import logsumexp
from covector.primitives.math import special_functions as _special_functions

if TYPE_CHECKING:
    from covector.nn.pooling import avg_pool, conv, max_pool, min_pool, pool

POOLING = ("avg_pool", "conv", "max_pool", "min_pool", "pool")
"""Names that are imported when one is first used: they are made of `covector.lax`, of which a part is made of activations."""


def __getattr__(name: str) -> Any:
    if name not in POOLING:
        raise AttributeError(f"module 'covector.nn' has no attribute {name!r}", name=name)
    value = globals()[name] = getattr(importlib.import_module("covector.nn.pooling"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *POOLING})


__all__ = [
    "avg_pool",
    "celu",
    "conv",
    "dot_product_attention",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "identity",
    "initializers",
    "leaky_relu",
    "log_sigmoid",
    "log1mexp",
    "log_softmax",
    "logmeanexp",
    "logsumexp",
    "max_pool",
    "min_pool",
    "mish",
    "one_hot",
    "pool",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "standardize",
    "swish",
    "tanh",
]
