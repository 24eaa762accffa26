"""What distances are: formulas on the last axes of arrays that broadcast, perhaps weighted.

Where two points are equal the derivative of their distance is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import rel_entr

from covector.core.avals import typeof


def root(x: Any, p: float = 2.0) -> Any:
    """The p-th root of what is not negative, with derivative 0 at 0."""
    none = x == 0
    return np.where(none, np.zeros((), typeof(x).dtype), np.where(none, np.ones((), typeof(x).dtype), x) ** (1 / p))


def _total(x: Any, w: Any) -> Any:
    return np.sum(x if w is None else w * x, axis=-1)


def _squared(d: Any) -> Any:
    return np.real(d * np.conj(d)) if typeof(d).dtype.kind == "c" else d * d


def euclidean(a: Any, b: Any, w: Any = None) -> Any:
    return root(_total(_squared(a - b), w))


def sqeuclidean(a: Any, b: Any, w: Any = None) -> Any:
    d = a - b
    return _total(d * d, w)


def cityblock(a: Any, b: Any, w: Any = None) -> Any:
    return _total(np.abs(a - b), w)


def chebyshev(a: Any, b: Any, w: Any = None) -> Any:
    d = np.abs(a - b)
    if w is None:
        return np.max(d, axis=-1)
    d = (w > 0) * d
    return np.max(np.where(np.isnan(w), np.nan, d) if typeof(d).dtype.kind == "f" else d, axis=-1)


def minkowski(a: Any, b: Any, p: float = 2.0, w: Any = None) -> Any:
    if p <= 0:
        raise ValueError("p must be greater than 0")
    if p == 1 or p == 2:
        return cityblock(a, b, w) if p == 1 else euclidean(a, b, w)
    if np.isinf(p):
        return chebyshev(a, b, w)
    d = np.abs(a - b)
    none = d == 0
    zero, one = np.zeros((), typeof(d).dtype), np.ones((), typeof(d).dtype)
    return root(_total(np.where(none, zero, np.where(none, one, d) ** p), w), p)


def cosine(a: Any, b: Any, w: Any = None) -> Any:
    lengths = np.sqrt(_total(a * a, w) * _total(b * b, w))
    return np.clip(1.0 - _total(a * b, w) / lengths, 0.0, 2.0)


def correlation(a: Any, b: Any, w: Any = None) -> Any:
    w = None if w is None else w / np.sum(w)
    a, b = (x - (np.mean(x, axis=-1, keepdims=True) if w is None else _total(x, w)[..., None]) for x in (a, b))
    return cosine(a, b, w)


def mahalanobis(a: Any, b: Any, VI: Any) -> Any:
    d = a - b
    return root(np.sum((d @ VI) * d, axis=-1))


def seuclidean(a: Any, b: Any, V: Any) -> Any:
    return euclidean(a, b, 1.0 / V)


def braycurtis(a: Any, b: Any, w: Any = None) -> Any:
    return _total(np.abs(a - b), w) / _total(np.abs(a + b), w)


def canberra(a: Any, b: Any, w: Any = None) -> Any:
    sizes = np.abs(a) + np.abs(b)
    none = sizes == 0
    return _total(np.where(none, 0.0, np.abs(a - b) / np.where(none, 1.0, sizes)), w)


def jensenshannon(p: Any, q: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """Without a base; of rows whose sums need not be 1."""
    p, q = (x / np.sum(x, axis=axis, keepdims=True) for x in (p, q))
    m = (p + q) / 2.0
    return np.sum(rel_entr(p, m), axis=axis, keepdims=keepdims) + np.sum(rel_entr(q, m), axis=axis, keepdims=keepdims)


def hamming(a: Any, b: Any, w: Any = None) -> Any:
    return np.mean(a != b, axis=-1) if w is None else _total(a != b, w) / np.sum(w)


def jaccard(a: Any, b: Any, w: Any = None) -> Any:
    either = (a != 0) | (b != 0)
    both = _total(np.astype(either, np.float64), w)
    one = _total(np.astype((a != 0) != (b != 0), np.float64), w)
    none = both == 0
    return np.where(none, 0.0, one / np.where(none, 1.0, both))


METRICS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (euclidean, sqeuclidean, cityblock, chebyshev, minkowski, cosine, correlation, mahalanobis, seuclidean)
} | {"braycurtis": braycurtis, "canberra": canberra, "jensenshannon": lambda a, b: root(jensenshannon(a, b) / 2.0)}
METRICS |= {"hamming": hamming, "jaccard": jaccard}
"""Those that `cdist` and `pdist` take by name."""

WEIGHTED = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "braycurtis", "canberra", "hamming", "jaccard")
OPTIONS = {
    **dict.fromkeys(WEIGHTED, "w"),
    "minkowski": "pw",
    "mahalanobis": ("VI",),
    "seuclidean": "V",
}
"""What each of them takes besides."""
