"""Attention: each position takes a mean of values, weighted by how well its query fits their keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.nn.activations import softmax


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: Any = None,
    is_causal: bool = False,
) -> Any:
    """``softmax(query @ key.T * scale + bias) @ value`` for each head.

    Args:
        query: ``f[..., T, N, H]``: positions, heads, features.
        key: ``f[..., S, K, H]``, of as many heads, or of a divisor K of N that groups of heads share.
        value: ``f[..., S, K, V]``.
        bias: is added to the logits; broadcasts to ``[..., N, T, S]``.
        mask: truth values; where one is false, a position takes nothing.  Broadcasts to the same.
        scale: by default ``1 / sqrt(H)``.
        is_causal: whether a position takes only from those up to itself.

    Returns:
        ``f[..., T, N, V]``.  By A. Vaswani et al., *Attention Is All You Need*, 2017.

    Example:
        >>> x = np.ones((2, 1, 3))
        >>> dot_product_attention(x, x, x).shape
        (2, 1, 3)
    """
    (t, heads, features), (s, shared, _) = shape_of(query)[-3:], shape_of(key)[-3:]
    if heads % shared:
        raise ValueError(f"dot_product_attention got {heads} heads of queries and {shared} of keys, which do not divide them")
    if shared != heads:
        key, value = (np.repeat(x, heads // shared, axis=-2) for x in (key, value))
    scale = typeof(query).dtype.type(1 / np.sqrt(features)) if scale is None else scale
    logits = np.einsum("...tnh,...snh->...nts", query, key) * scale
    if bias is not None:
        logits = logits + bias
    allowed = np.tril(np.ones((t, s), bool)) if is_causal else None
    if mask is not None:
        allowed = mask if allowed is None else np.logical_and(mask, allowed)
    if allowed is not None:
        dtype = typeof(logits).dtype
        logits = np.where(allowed, logits, dtype.type(np.finfo(dtype).min / 2))
    return np.einsum("...nts,...snh->...tnh", softmax(logits), value)
