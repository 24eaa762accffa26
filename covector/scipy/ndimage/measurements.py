"""Measurements of `scipy.ndimage`: sums, means, extremes and centres of what labels set apart.

>>> import numpy as np
>>> from covector import grad
>>> grad(lambda x: mean(x, np.array([1, 1, 2, 0]), 1))(np.arange(4.0))
array([0.5, 0.5, 0. , 0. ])

Results are differentiable in the elements.  Labels may be traced where sums are asked for; which of them are, has to be known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.ndimage as _scipy

from covector.core.avals import shape_of, typeof
from covector.numpy.registry import as_array, known_array
from covector.numpy.undetermined import undetermined_where
from covector.ops import segment_max, segment_min, segment_sum
from covector.primitives.arrays.subscripts import index as index_of
from covector.primitives.math.arithmetic import root_p
from covector.primitives.math.reductions import farthest
from covector.scipy.ndimage import arguments as given
from covector.scipy.traced import on_tracers

# --- groups of elements -----------------------------------------------------------------------------------------------


class _One:
    """The elements with one label, all of them, or those whose label is positive."""

    def __init__(self, x: Any, members: Any):
        if members is not None and given.is_known(members):
            x, members = x[members], None
        self.x, self.members = x, members

    def only(self, x: Any, otherwise: Any = 0) -> Any:
        """Numbers in place of the elements, where there are members."""
        return x if self.members is None else np.where(self.members, x, np.array(otherwise, typeof(x).dtype))

    def sum(self, x: Any) -> Any:
        return np.sum(self.only(x))

    def count(self) -> Any:
        return typeof(self.x).size if self.members is None else np.sum(self.members)

    def centred(self) -> Any:
        dtype = typeof(self.x).dtype
        mean = self.sum(self.x) / np.astype(as_array(self.count()), dtype if dtype.kind in "fc" else np.float64)
        return self.x - mean

    def extreme(self, least: bool) -> Any:
        if self.members is None:
            return (np.min if least else np.max)(self.x)
        start = farthest(typeof(self.x).dtype, 1 if least else -1)
        found = (np.min if least else np.max)(self.x, where=self.members, initial=start)
        return undetermined_where(np.logical_not(np.any(self.members)), found)


class _Several:
    """The elements with each of several labels; a label may be asked for more than once."""

    def __init__(self, x: Any, labels: Any, index: np.ndarray[Any, Any]):
        wanted, order = np.unique(index, return_inverse=True)
        labels = np.reshape(labels, -1)
        place = np.clip(np.searchsorted(wanted, labels), 0, max(len(wanted) - 1, 0))
        self.n, self.order = len(wanted), np.reshape(order, index.shape)
        found = index_of(wanted, place) == labels if self.n else np.zeros(shape_of(labels), bool)
        self.x, self.ids = np.reshape(x, -1), np.where(found, place, self.n)

    def sums(self, x: Any) -> Any:
        if typeof(x).dtype.kind == "c":
            raise TypeError("Cannot cast array data from complex numbers to float64 according to the rule 'safe'")
        return segment_sum(np.astype(np.reshape(x, -1), np.float64), self.ids, self.n + 1)

    def sum(self, x: Any) -> Any:
        return self.sums(x)[self.order]

    def count(self) -> Any:
        return segment_sum(np.ones(shape_of(self.ids), np.int64), self.ids, self.n + 1)[self.order]

    def centred(self) -> Any:
        counts = segment_sum(np.ones(shape_of(self.ids)), self.ids, self.n + 1)
        return self.x - index_of(self.sums(self.x) / np.maximum(counts, 1.0), self.ids)

    def extreme(self, least: bool) -> Any:
        zero = np.zeros((), typeof(self.x).dtype)
        if zero.dtype.kind == "c":
            found = np.stack([*(self.one(k, least, zero) for k in range(self.n)), zero])[self.order]
        else:
            found = (segment_min if least else segment_max)(self.x, self.ids, self.n + 1)[self.order]
        return np.where(self.count() > 0, found, zero)

    def one(self, k: int, least: bool, otherwise: Any) -> Any:
        """The extreme of a label, of which there may be no element if the labels are known."""
        members = self.ids == k
        return otherwise if given.is_known(members) and not np.any(members) else _One(self.x, members).extreme(least)


def _groups(x: Any, labels: Any, index: Any, function: Callable[..., Any]) -> Any:
    x = as_array(x)
    if labels is None:
        return _One(x, None)
    labels = as_array(labels)
    shape = np.broadcast_shapes(shape_of(x), shape_of(labels))
    x, labels = np.broadcast_to(x, shape), np.broadcast_to(labels, shape)
    if index is None:
        return _One(x, labels > 0)
    index = known_array(index, function)
    return _Several(x, labels, index) if index.ndim else _One(x, labels == index)


# --- sums -------------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.sum_labels)
def sum_labels(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The sum of the elements that have a label.

    Args:
        input: an array.
        labels: whole numbers, of a shape that broadcasts with it; None for one label for all.
        index: which label; or several, for which there is a vector of results; by default all positive ones together.

    Example:
        >>> sum_labels(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2, 3])
        array([1., 6., 0.])
    """
    groups = _groups(input, labels, index, sum_labels)
    return groups.sum(groups.x)


@on_tracers(_scipy.mean)
def mean(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The mean of the elements that have a label.

    Args:
        input, labels, index: as for `sum_labels`.

    Example:
        >>> mean(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2])
        array([1., 3.])
    """
    groups = _groups(input, labels, index, mean)
    return groups.sum(groups.x) / np.astype(as_array(groups.count()), np.float64)


@on_tracers(_scipy.variance)
def variance(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The variance of the elements that have a label.

    Args:
        input, labels, index: as for `sum_labels`.

    Example:
        >>> variance(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2])
        array([0., 1.])
    """
    groups = _groups(input, labels, index, variance)
    centred = groups.centred()
    return groups.sum(centred * np.conj(centred)) / np.astype(as_array(groups.count()), np.float64)


@on_tracers(_scipy.standard_deviation)
def standard_deviation(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The standard deviation of the elements that have a label.

    Args:
        input, labels, index: as for `sum_labels`.

    Example:
        >>> standard_deviation(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), 2)
        np.float64(1.0)
    """
    found = variance(input, labels, index)
    return np.astype(root_p.bind(np.real(found)), typeof(found).dtype)


@on_tracers(_scipy.center_of_mass)
def center_of_mass(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The mean of the places of the elements that have a label, weighted by the elements.

    Args:
        input, labels, index: as for `sum_labels`.

    Returns:
        A tuple of coordinates; a list of them for several labels.

    Example:
        >>> center_of_mass(np.array([[0.0, 1.0], [0.0, 3.0]]))
        (np.float64(0.75), np.float64(1.0))
    """
    x = as_array(input)
    total = sum_labels(x, labels, index)
    grids = np.ogrid[tuple(slice(0, n) for n in shape_of(x))]
    centres = [sum_labels(x * g.astype(float), labels, index) / total for g in grids]
    if not centres or not shape_of(centres[0]):
        return tuple(centres)
    return [tuple(c[i] for c in centres) for i in range(shape_of(total)[0])]


# --- order ------------------------------------------------------------------------------------------------------------


@on_tracers(_scipy.minimum)
def minimum(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The least of the elements that have a label; 0 for those of several labels which no element has.

    Args:
        input, labels, index: as for `sum_labels`; without an element that has the one label the result is NaN, or an error.

    Example:
        >>> minimum(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2])
        array([1., 2.])
    """
    return _groups(input, labels, index, minimum).extreme(True)


@on_tracers(_scipy.maximum)
def maximum(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The largest of the elements that have a label; 0 for those of several labels which no element has.

    Args:
        input, labels, index: as for `minimum`.

    Example:
        >>> maximum(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2])
        array([1., 4.])
    """
    return _groups(input, labels, index, maximum).extreme(False)


def _each(input: Any, labels: Any, index: Any, function: Callable[..., Any]) -> tuple[Any, list[Any], bool]:
    """The elements in a vector, the places in it of each group, and whether there are several; labels have to be known."""
    x = as_array(input)
    if labels is None:
        return np.reshape(x, -1), [slice(None)], False
    labels = known_array(labels, function)
    x, labels = np.broadcast_to(x, np.broadcast_shapes(shape_of(x), labels.shape)), np.broadcast_to(labels, shape_of(x))
    labels = labels.reshape(-1)
    if index is None:
        return np.reshape(x, -1), [np.nonzero(labels > 0)[0]], False
    index = known_array(index, function)
    return np.reshape(x, -1), [np.nonzero(labels == i)[0] for i in index.reshape(-1)], index.ndim > 0


@on_tracers(_scipy.median)
def median(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The median of the elements that have a label; NaN for those of several labels which no element has.

    Args:
        input, index: as for `sum_labels`.
        labels: the same, but known.

    Example:
        >>> median(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2])
        array([1., 3.])
    """
    x, places, several = _each(input, labels, index, median)
    if not several:
        return np.median(x[places[0]])
    none = np.full((), np.nan, typeof(x).dtype if typeof(x).dtype.kind in "fc" else float)
    return np.stack([np.median(x[p]) if len(p) else none for p in places])


def _position(x: Any, places: Any, extreme: Any) -> Any:
    return extreme(x) if isinstance(places, slice) else index_of(places, extreme(x[places]))


def _positions(input: Any, labels: Any, index: Any, extreme: Any, function: Callable[..., Any]) -> Any:
    shape = shape_of(as_array(input))
    x, places, several = _each(input, labels, index, function)
    found = [_position(x, p, extreme) if isinstance(p, slice) or len(p) or not several else np.int64(0) for p in places]
    steps = [int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]
    tuples = [tuple(f // s % n for s, n in zip(steps, shape, strict=True)) for f in found]
    return tuples if several else tuples[0]


@on_tracers(_scipy.minimum_position)
def minimum_position(input: Any, labels: Any = None, index: Any = None) -> Any:
    """Where the least of the elements that have a label is: a tuple of whole numbers, or a list of them for several labels.

    Args:
        input, labels, index: as for `median`.

    Example:
        >>> minimum_position(np.array([[3.0, 1.0], [2.0, 4.0]]))
        (np.int64(0), np.int64(1))
    """
    return _positions(input, labels, index, np.argmin, minimum_position)


@on_tracers(_scipy.maximum_position)
def maximum_position(input: Any, labels: Any = None, index: Any = None) -> Any:
    """Where the largest of the elements that have a label is, as `minimum_position`.

    Example:
        >>> maximum_position(np.array([[3.0, 1.0], [2.0, 4.0]]))
        (np.int64(1), np.int64(1))
    """
    return _positions(input, labels, index, np.argmax, maximum_position)


@on_tracers(_scipy.extrema)
def extrema(input: Any, labels: Any = None, index: Any = None) -> Any:
    """The least and the largest of the elements that have a label, and where they are.

    Args:
        input, labels, index: as for `median`.

    Example:
        >>> extrema(np.array([3.0, 1.0, 2.0]))
        (np.float64(1.0), np.float64(3.0), (np.int64(1),), (np.int64(0),))
    """
    places = [f(input, labels, index) for f in (minimum_position, maximum_position)]
    return (minimum(input, labels, index), maximum(input, labels, index), *places)


@on_tracers(_scipy.labeled_comprehension)
def labeled_comprehension(
    input: Any, labels: Any, index: Any, func: Callable[..., Any], out_dtype: Any, default: Any, pass_positions: bool = False
) -> Any:
    """What a function makes of the elements that have each label.

    Args:
        input, labels, index: as for `median`.
        func: a function of a vector of elements, and with ``pass_positions`` of one of their places in ``input.ravel()``.
        out_dtype: the dtype of the results.
        default: the result for a label that no element has.

    Example:
        >>> labeled_comprehension(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 2]), [1, 2, 3], np.ptp, float, -1)
        array([ 0.,  2., -1.])
    """
    if labels is None and index is not None:
        raise ValueError("index without defined labels")
    x, places, several = _each(input, labels, index, labeled_comprehension)
    numbers = np.arange(typeof(x).size)

    def call(p: Any) -> Any:
        return func(x[p], numbers[p]) if pass_positions else func(x[p])

    if index is None:
        return call(places[0])
    found = [np.astype(as_array(call(p) if len(p) else default), out_dtype) for p in places]
    return np.stack(found) if several else found[0]
