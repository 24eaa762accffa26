"""NumPy's counts: `bincount`, and histograms in one and several dimensions.

Counts are constant in what is counted, and linear in the weights.  Edges between the smallest and the largest value move with
these.  What is counted need not be known: the number of bins is that of the edges.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.at import at
from covector.numpy.registry import as_array, cast, contains_tracer, implements, known_array
from covector.numpy.undetermined import zero_unless
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import answered, concrete

FLOAT64 = np.dtype(np.float64)


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    x = as_array(x)
    if answered(x) is None:
        raise errors.TracerArrayConversionError(
            f"numpy.bincount was called on a traced value of type {typeof(x)}.",
            why=f"the length of the result depends on the largest value, and {x.unknown_because()}",
            fix="covector.at(np.zeros(n))[x].add(weights), or .add(1), with a length n that is known",
        )
    x = known_array(x, np.bincount)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    weights = cast(as_array(weights), FLOAT64)
    if shape_of(weights) != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    counts = np.bincount(x, minlength=minlength)
    return at(np.zeros(counts.shape))[x].add(weights) if x.size else counts  # as NumPy has it, whole numbers


# --- edges ------------------------------------------------------------------------------------------------------------


def _known(condition: Any) -> bool:
    """Whether a condition is known to hold somewhere."""
    value = concrete(condition)
    return value is not None and bool(np.any(value))


def _outer_edges(a: Any, given: Any) -> tuple[Any, Any]:
    """The ends of the range of values, of length 1 where they coincide."""
    if given is not None:
        first, last = given  # Python's numbers decide about no dtype
        if _known(first > last):
            raise ValueError("max must be larger than min in range parameter.")
    elif 0 in shape_of(a):
        first, last = 0, 1
    else:
        first, last = np.min(a), np.max(a)
    if _known(np.logical_not(np.logical_and(np.isfinite(first), np.isfinite(last)))):
        raise ValueError(f"{'autodetected' if given is None else 'supplied'} range of [{first}, {last}] is not finite")
    same = np.equal(first, last)
    if not isinstance(same, TracerBase):
        return (first - 0.5, last + 0.5) if same else (first, last)
    return np.where(same, first - 0.5, first), np.where(same, last + 0.5, last)


def _edges(a: Any, bins: Any, given: Any, weights: Any = None, *, of_dtype_of: Any = ()) -> Any:
    """The edges of bins: those that are given, or equally spaced ones, as many as asked for, or as NumPy's estimator says."""
    if isinstance(bins, str):
        if weights is not None:
            raise TypeError("Automated estimation of the number of bins is not supported for weighted data")
        ends = None if given is None else tuple(known_array(end, np.histogram) for end in given)
        bins = len(np.histogram_bin_edges(known_array(a, np.histogram), bins, ends)) - 1
    if not shape_of(as_array(bins)):
        try:
            count = operator.index(bins)
        except TypeError as error:
            raise TypeError("`bins` must be an integer, a string, or an array") from error
        if count < 1:
            raise ValueError("`bins` must be positive, when an integer")
        first, last = _outer_edges(a, given)
        dtype = np.result_type(first, last, *of_dtype_of)
        edges = np.linspace(first, last, count + 1, dtype=dtype if dtype.kind in "fc" else FLOAT64)
        text = f"Too many bins for data range. Cannot create {count} finite-sized bins."
        return _checked(np.all(edges[:-1] < edges[1:]), edges, text)
    edges = as_array(bins)
    if len(shape_of(edges)) != 1:
        raise ValueError("`bins` must be 1d, when an array")
    if _known(edges[:-1] > edges[1:]):
        raise ValueError("`bins` must increase monotonically, when an array")
    are_right = np.all(edges[:-1] <= edges[1:])
    return edges if concrete(are_right) is not None else _checked(are_right, edges)


def _checked(are_right: Any, edges: Any, text: str = "") -> Any:
    """The edges of bins that rise: otherwise an error, which is an ``IndexError`` if that is known later."""
    if concrete(are_right) is None:
        return edges + convert_to(zero_unless(np.logical_not(are_right)), edges.dtype)
    if not concrete(are_right):
        raise ValueError(text)
    return edges


def _places(a: Any, edges: Any) -> tuple[Any, Any]:
    """The bin of each value, and whether it is in one; the last bin includes its upper edge."""
    count = shape_of(edges)[0] - 1
    place = np.clip(np.searchsorted(edges, a, side="right") - 1, 0, count - 1)
    return place, np.logical_and(a >= edges[0], a <= edges[-1])


# --- histograms -------------------------------------------------------------------------------------------------------


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    a = np.reshape(as_array(a), -1)
    return _edges(a, bins, range, weights, of_dtype_of=(a,))


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    a = as_array(a)
    if weights is not None:
        weights = as_array(weights)
        if shape_of(weights) != shape_of(a):
            raise ValueError("weights should have the same shape as a.")
        weights = np.reshape(weights, -1)
    if not isinstance(a, TracerBase) and not contains_tracer((bins, range)):
        edges = np.histogram_bin_edges(a, bins, range, weights if isinstance(bins, str) else None)
    else:
        edges = histogram_bin_edges(a, bins, range, weights)
    place, inside = _places(np.reshape(a, -1), edges)
    if weights is None:
        weights = np.ones((), np.intp)
    counts = np.zeros(shape_of(edges)[0] - 1, dtype_of(weights))
    counts = at(counts)[place].add(np.where(inside, weights, np.zeros((), dtype_of(weights))))
    return (counts / convert_to(np.diff(edges), FLOAT64) / np.sum(counts) if density else counts), edges


@implements(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    x, y = as_array(x), as_array(y)
    if shape_of(x) != shape_of(y):
        raise ValueError("x and y must have the same length.")
    if shape_of(as_array(bins) if not isinstance(bins, (list, tuple)) else np.zeros(len(bins))) not in ((), (1,), (2,)):
        bins = (as_array(bins),) * 2
    counts, edges = histogramdd(np.stack([x, y], axis=1), bins, range, density, weights)
    return counts, edges[0], edges[1]


@implements(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    sample = np.stack(sample, axis=-1) if isinstance(sample, (list, tuple)) else as_array(sample)
    if len(shape_of(sample)) != 2:
        sample = np.transpose(np.atleast_2d(sample))
    size, ndim = shape_of(sample)
    each = bins if isinstance(bins, (list, tuple)) or shape_of(bins) else (bins,) * ndim
    if len(each) != ndim:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if range is not None and len(range) != ndim:
        raise ValueError("range argument must have one entry per dimension")
    columns = [sample[:, i] for i in np.arange(ndim)]
    edges = [_edges(x, b, r) for x, b, r in zip(columns, each, range or (None,) * ndim, strict=True)]
    places, inside = zip(*map(_places, columns, edges), strict=True)
    weights = np.ones(size) if weights is None else cast(as_array(weights), FLOAT64)
    weights = np.where(np.all(np.stack(inside), axis=0), weights, 0.0)
    counts = at(np.zeros(tuple(shape_of(e)[0] - 1 for e in edges)))[places].add(weights)
    if density:
        for axis, e in enumerate(edges):
            counts = counts / np.reshape(np.diff(e), (-1,) + (1,) * (ndim - 1 - axis))
        counts = counts / np.sum(at(np.zeros(counts.shape))[places].add(weights))
    return counts, edges
