"""NumPy's set operations: which elements are in the result depends on their values, which must be known.

They are under ``grad`` and ``jvp``, and the elements of the result carry the derivatives of those that they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import dtype_of, shape_of
from covector.numpy.registry import as_array, canonical_axes, implements, known_array


def _flat(x: Any) -> Any:
    return np.reshape(as_array(x), -1)


def _unique(x: Any, function: Any) -> dict[str, Any]:
    """The distinct elements in order, the place of the first of each, where each element is among them, and how often."""
    _, first, inverse, counts = np.unique(known_array(x, function), True, True, True, equal_nan=False)
    values = np.take(_flat(x), first)
    return {"values": values, "indices": first, "inverse_indices": np.reshape(inverse, np.shape(x)), "counts": counts}


def _implement_unique(function: Any) -> None:
    result = type(function(np.zeros(1)))

    @implements(function)
    def handler(x: Any) -> Any:
        found = _unique(x, function)
        return result(*(found[name] for name in result._fields))


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    _implement_unique(_function)


implements(np.unique_values)(lambda x: _unique(x, np.unique_values)["values"])
implements(np.union1d)(lambda ar1, ar2: np.unique(np.concatenate([_flat(ar1), _flat(ar2)])))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    known = (known_array(x, np.intersect1d) for x in (ar1, ar2))
    _, first, second = np.intersect1d(*known, assume_unique, True)
    common = np.take(_flat(ar1), first).astype(np.result_type(dtype_of(ar1), dtype_of(ar2)))
    return (common, first, second) if return_indices else common


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    values = known_array(ar1, np.setdiff1d).ravel()
    places = np.arange(len(values)) if assume_unique else np.unique(values, return_index=True)[1]
    return np.take(_flat(ar1), places[~np.isin(values[places], known_array(ar2, np.setdiff1d))])


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    parts = [_flat(x) if assume_unique else np.unique(as_array(x)) for x in (ar1, ar2)]
    both = np.concatenate(parts)
    values = known_array(both, np.setxor1d)
    _, first, counts = np.unique(values, return_index=True, return_counts=True, equal_nan=False)
    return np.take(both, first[counts == 1])


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    x, trim = as_array(filt), trim.lower()
    if trim not in {"fb", "bf", "f", "b"}:
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = canonical_axes(axis, len(shape_of(x)))
    if not axes:
        return x
    index = [slice(None)] * len(shape_of(x))
    for i, places in enumerate(np.nonzero(known_array(x, np.trim_zeros))):
        if i in axes:
            start, stop = (int(places.min()), int(places.max()) + 1) if places.size else (0, 0)
            index[i] = slice(
                start if "f" in trim or not places.size else None, stop if "b" in trim or not places.size else None
            )
    return x[tuple(index)]
