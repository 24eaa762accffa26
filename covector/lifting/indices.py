"""The indices of arrays: which are basic, and what is written at one."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core.avals import dtype_of, shape_of
from covector.core.primitive import TracerBase
from covector.lifting.lifted import ALL, LIFTED, has_traced, known, unwrap
from covector.lifting.views import strides_of
from covector.numpy.at import at
from covector.numpy.registry import as_array

PLAIN_INDICES = frozenset({int, slice, type(None), type(...)})
STEPS = frozenset({int, type(None)})


def are_integers(key: tuple[Any, ...]) -> bool:
    for k in key:  # noqa: SIM110 - a generator takes as long as what this saves
        if type(k) is not int:
            return False
    return True


def is_plain_slice(key: slice) -> bool:
    return type(key.start) in STEPS and type(key.stop) in STEPS and type(key.step) in STEPS


def is_plain(key: Any) -> bool:
    """Whether an index is of Python's integers and slices of them, and of nothing that stands for a value."""
    for k in key if type(key) is tuple else (key,):
        kind = type(k)
        if kind is not int and (kind not in PLAIN_INDICES or (kind is slice and not is_plain_slice(k))):
            return False
    return True


def settled(key: Any) -> Any:
    """An index with integers in place of objects that stand for them, which NumPy asks for ``__index__``, also in slices."""
    if issubclass(type(key), tuple):
        return tuple([_settled(k) for k in key])
    return _settled(key)


def _settled(k: Any) -> Any:
    kind = type(k)
    if kind is slice:
        return k if is_plain_slice(k) else slice(_bound(k.start), _bound(k.stop), _bound(k.step))
    if kind in PLAIN_INDICES or issubclass(kind, (int, np.generic, ndarray, list, tuple, TracerBase)) or kind in LIFTED:
        return k
    return operator.index(k) if hasattr(kind, "__index__") else k


def _bound(x: Any) -> Any:
    value = known(unwrap(x))
    return x if value is None or type(value) is int else operator.index(value)


def basic_key(key: Any) -> tuple[Any, ...] | None:
    """A basic index as a tuple of Python's integers, slices, None and ellipses; None for any other index."""
    found = []
    for k in key if type(key) is tuple else (key,):
        if type(k) not in PLAIN_INDICES:
            if not issubclass(type(k), (int, np.integer)) or type(k) is bool:
                return None
            k = int(k)
        elif type(k) is slice and not is_plain_slice(k):
            k = slice(*[None if s is None else operator.index(s) for s in (k.start, k.stop, k.step)])
        found.append(k)
    return tuple(found)


def index_of(key: Any) -> Any:
    """The values that an index stands for, in which a list with traced ones is an array."""
    key = unwrap(key)
    return tuple(map(_without_list, key)) if type(key) is tuple else _without_list(key)


def _without_list(k: Any) -> Any:
    return as_array(k) if type(k) is list and has_traced(k) else k


def at_index(value: Any, index: Any, new: Any, how: str) -> Any:
    """A value with another one at a basic index."""
    if index == ALL and how == "set" and shape_of(new) == value.shape:
        return new.copy(order="K") if type(new) is ndarray else new  # others may write the array that was given
    is_item = len(index) == len(value.shape) and are_integers(index)
    shape = () if is_item else value.shape + (1,) * index.count(None)
    return getattr(at(value)[index], how)(stripped(new, shape, value.dtype, index))


def stripped(new: Any, shape: tuple[int, ...], dtype: Any, key: Any = ()) -> Any:
    """Values without the leading axes of length 1 that they have beyond a shape, as NumPy writes them at an index."""
    if not shape and shape_of(new) and not any(k is Ellipsis for k in (key if type(key) is tuple else (key,))):
        if dtype.kind == "b" and math.prod(shape_of(new)) == 1:  # whether the one number is true
            return np.reshape(new, ())
        if dtype.kind == "c":
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        raise ValueError("setting an array element with a sequence.")
    while len(shape_of(new)) > len(shape) and shape_of(new)[0] == 1:
        new = new[0]
    return new


def has_mask(key: Any) -> bool:
    """Whether an index has a mask in it."""
    keys = [np.asarray(k) if type(k) is list else k for k in (key if type(key) is tuple else (key,))]
    return any(issubclass(type(k), (ndarray, TracerBase)) and dtype_of(k) == np.bool_ for k in keys)


def order_of_indexed(array: ndarray, key: Any, is_unsure: bool) -> tuple[int, ...] | None:
    """The strides of what an index with arrays in it gives of an array that lies in memory like this one; None if unknown.

    NumPy puts the axes of index arrays first in memory, in the order of these, and the others in the order of the array.
    """
    if any(isinstance(k, TracerBase) and len(shape_of(k)) > 1 for k in (key if type(key) is tuple else (key,))):
        return None
    key = tuple(map(_of_known_places, key)) if type(key) is tuple else _of_known_places(key)
    arrays = [array, np.empty(array.shape, np.int8, order="F"), np.empty(array.shape, np.int8)] if is_unsure else [array]
    found = {strides_of(a[key]) for a in arrays}
    return found.pop() if len(found) == 1 else None


def _of_known_places(k: Any) -> Any:
    return np.zeros(shape_of(k), np.intp) if isinstance(k, TracerBase) else k
