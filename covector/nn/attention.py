"""Attention: each position takes a mean of values, weighted by how well its query fits their keys."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of, typeof
from covector.nn.activations import softmax
from covector.numpy.reductions import logsumexp
from covector.numpy.registry import as_array
from covector.primitives.math.contraction import contract_stacks


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: Any = None,
    is_causal: bool = False,
    query_seq_lengths: Any = None,
    key_value_seq_lengths: Any = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None,
    return_residual: bool = False,
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
        query_seq_lengths: ``i[...]``, how many queries count; the result is 0 for the others.
        key_value_seq_lengths: ``i[...]``, how many keys count.
        local_window_size: how many positions before and after itself a position takes from; one number, or two.
        implementation: says nothing here.
        return_residual: whether to return the logarithms of the sums of exponentials too.

    Returns:
        ``f[..., T, N, V]``, or a pair of it and ``f[..., T, N]``.  By A. Vaswani et al., *Attention Is All You Need*, 2017.

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
    logits = contract_stacks(query, key, "tnh,snh->nts", "dot_product_attention") * scale
    if bias is not None:
        logits = logits + bias
    if mask is not None and typeof(mask).dtype.kind != "b":
        what = f"dot_product_attention got a mask {typeof(mask)}."
        raise TypeError(errors.describe(what, why="a mask has truth values", fix="give numbers to be added as bias"))
    masks = [mask, *_limits(t, s, is_causal, local_window_size)]
    masks.append(_within(key_value_seq_lengths, s, lambda below: below[..., None, None, :]))
    masks.append(_within(query_seq_lengths, t, lambda below: below[..., None, :, None]))
    masks = [m for m in masks if m is not None]
    if masks:
        dtype = typeof(logits).dtype
        logits = np.where(functools.reduce(np.logical_and, masks), logits, dtype.type(np.finfo(dtype).min / 2))
    out = contract_stacks(softmax(logits), value, "nts,snh->tnh", "dot_product_attention")
    counts = _within(query_seq_lengths, t, lambda below: below[..., None, None])
    out = out if counts is None else np.where(counts, out, typeof(out).dtype.type(0))
    return (out, np.swapaxes(logsumexp(logits, axis=-1), -1, -2)) if return_residual else out


def _limits(t: int, s: int, is_causal: bool, window: int | tuple[int, int] | None) -> list[Any]:
    """Which positions (columns) a position (row) may take from for where they are."""
    ahead = np.arange(s) - np.arange(t)[:, None]
    limits = [ahead <= 0] if is_causal else []
    if window is not None:
        before, after = (window, window) if isinstance(window, int) else window
        limits.append((ahead >= -before) & (ahead <= after))
    return limits


def _within(lengths: Any, n: int, spread: Callable[[Any], Any]) -> Any:
    """Which of ``n`` positions are within sequences of these lengths."""
    return None if lengths is None else spread(np.arange(n) < as_array(lengths)[..., None])
