"""``at(x)[index].set(v)``: writing into part of an array without changing it.

What ``x[index] = v`` does in place, this does as a function from (x, v) to a new array, so that it can be transformed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import is_weak, result_dtype, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import Tracer
from covector.numpy.registry import as_array
from covector.primitives.arrays.indexing import Index, add_slice_p, clear_p, embed_p, erase_p, spread_p, update_slice_p
from covector.primitives.arrays.scatter import (
    scatter_add_p,
    scatter_max_p,
    scatter_min_p,
    scatter_mul_p,
    scatter_p,
    without_overwritten,
)
from covector.primitives.arrays.selection import select_p
from covector.primitives.arrays.shaping import convert_to, over_rows, reshape_to
from covector.primitives.arrays.subscripts import Subscript, Writers, broadcast_values, concrete_mask, parse

# --- ways to write ----------------------------------------------------------------------------------------------------


def _update(x: Any, part: Any, index: Index) -> Any:
    return update_slice_p.bind(x, part, index=index)


def _embed(x: Any, part: Any, index: Index) -> Any:
    return embed_p.bind(part, indices=(index,), shape=shape_of(x))


def _spread_last(x: Any, values: Any, *indices: Any) -> Any:
    shape = shape_of(x)
    return spread_p.bind(without_overwritten(values, indices, shape), *indices, shape=shape)


SET = Writers(_update, scatter_p.bind, _update)
ADD = Writers(lambda x, part, index: add_slice_p.bind(x, part, index=index), scatter_add_p.bind, _update)
MULTIPLY, MIN, MAX = (Writers(_update, p.bind, _update) for p in (scatter_mul_p, scatter_min_p, scatter_max_p))
# where x is known to be zero: linear in the values
INTO_ZEROS = Writers(_embed, _spread_last, _embed)
ADD_INTO_ZEROS = Writers(_embed, lambda x, values, *i: spread_p.bind(values, *i, shape=shape_of(x)), _embed)
# where the values are known to be zero: linear in x
ERASE = Writers(lambda x, part, index: erase_p.bind(x, index=index), lambda x, values, *i: clear_p.bind(x, *i), _update)


class at:
    """Select an array to write into: ``at(x)[index]`` has the methods of `Part`.

    Args:
        x: an array or a tracer; it is not changed, and results never share memory with it.

    Example:
        >>> x = np.zeros(4)
        >>> at(x)[1:3].set(1.0), at(x)[[0, 0, 3]].add(2.0)
        (array([0., 1., 1., 0.]), array([4., 0., 0., 2.]))
    """

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = as_array(x)

    def __getitem__(self, index: Any) -> Part:
        return Part(self.x, index)

    def __setitem__(self, index: Any, values: Any) -> None:
        what, why = "at(x)[...] = v writes into nothing.", "at(x) does not change x: its methods return a new array"
        raise errors.InPlaceWriteError(what, why=why, fix="x = covector.at(x)[index].set(v)")

    def __repr__(self) -> str:
        return f"at({self.x!r})"


class Part:
    """The part ``x[index]`` of an array, in NumPy's sense of indexing, as made by `at`.

    Every method but `get` returns a new array with the shape and dtype of x.  ``values`` must broadcast to the shape of the
    part, and their dtype must convert to x's as for ``+=`` (``same_kind``).

    Where index arrays name a place repeatedly, `set` keeps the last value; `add`, `subtract`, `multiply`, `divide`, `min` and
    `max` apply every value; `power` and `apply` compute from the value in x, once.

    A boolean mask whose values are not known (under ``jit`` and ``vmap``) may have the shape of x, or of its leading axes;
    ``values`` must then broadcast to one element of ``x[mask]``.

    Raises:
        IndexError: as NumPy does.
        ValueError: values that do not broadcast to the part.
        TypeError: values of a dtype that would lose information (a float into integers, a complex number into floats).
    """

    __slots__ = ("index", "x")

    def __init__(self, x: Any, index: Any):
        self.x = x
        self.index = index

    def __repr__(self) -> str:
        return f"at({self.x!r})[{self.index!r}]"

    def get(self) -> Any:
        """The part itself, in memory of its own; on a plain array x the index may be traced, which ``x[index]`` cannot be."""
        part = self._parsed().read(self.x)
        return part if isinstance(part, TracerBase) else np.array(part)

    def set(self, values: Any) -> Any:
        """``x[index] = values``."""
        if self._is_plain(values):
            written = self.x.copy()
            written[self.index] = values
            return written
        return self._write("set", values, SET)

    def add(self, values: Any) -> Any:
        """``x[index] += values``."""
        if self._is_plain(values):
            written = self.x.copy()
            written[self.index] += values
            return written
        return self._write("add", values, ADD)

    def subtract(self, values: Any) -> Any:
        """``x[index] -= values``."""
        if unknown_mask(self.x, self.index) is None:
            return self.add(np.negative(as_written(values, self.x, "subtract")))
        return self._by_mask("subtract", np.subtract, values, 0)

    def multiply(self, values: Any) -> Any:
        """``x[index] *= values``."""
        return self._combine("multiply", np.multiply, values, MULTIPLY)

    mul = multiply

    def divide(self, values: Any) -> Any:
        """``x[index] /= values``, for floating and complex numbers."""
        if typeof(self.x).dtype.kind not in "fc":
            raise TypeError(f"at(x)[...].divide needs floating or complex numbers, got x of dtype {typeof(self.x).dtype}")
        return self._combine("divide", np.true_divide, values, None)

    def power(self, values: Any) -> Any:
        """``x[index] **= values``."""
        return self._combine("power", np.power, values, SET)

    def min(self, values: Any) -> Any:
        """``x[index] = np.minimum(x[index], values)``."""
        return self._combine("min", np.minimum, values, MIN)

    def max(self, values: Any) -> Any:
        """``x[index] = np.maximum(x[index], values)``."""
        return self._combine("max", np.maximum, values, MAX)

    def apply(self, function: Callable[[Any], Any]) -> Any:
        """``x[index] = function(x[index])``, for an elementwise function."""
        mask = unknown_mask(self.x, self.index)
        if mask is not None:
            return select_p.bind(over_rows(mask, self.x), as_written(function(self.x), self.x, "apply"), self.x)
        parsed = self._parsed()
        return parsed.write(self.x, as_written(function(parsed.read(self.x)), self.x, "apply"), SET)

    def _is_plain(self, values: Any) -> bool:
        """Whether nothing is traced, no array indexes, and the values convert as they are: what NumPy does then is right."""
        x, index = self.x, self.index
        if (
            type(x) is not np.ndarray
            or not x.ndim
            or not BASIC.issuperset(map(type, index if type(index) is tuple else (index,)))
        ):
            return False
        if type(values) is np.ndarray or isinstance(values, np.generic):
            return bool(values.dtype == x.dtype)
        return x.dtype.kind in CONVERTS_TO.get(type(values), "")

    def _parsed(self) -> Subscript:
        return parse(self.index, shape_of(self.x))

    def _write(self, name: str, values: Any, by: Writers) -> Any:
        if unknown_mask(self.x, self.index) is not None:
            return self._by_mask(name, np.add if name == "add" else None, values, 0)
        values = as_written(values, self.x, name)
        if is_zero(self.x) and isinstance(values, TracerBase):
            by = INTO_ZEROS if by is SET else ADD_INTO_ZEROS
        elif by is SET and is_zero(values) and isinstance(self.x, TracerBase):
            by = ERASE
        return self._parsed().write(self.x, values, by)

    def _combine(self, name: str, operation: np.ufunc, values: Any, by: Writers | None) -> Any:
        """Write ``operation(x[index], values)``; where arrays index, in the way ``by`` (division: through the product)."""
        if unknown_mask(self.x, self.index) is not None:
            return self._by_mask(name, operation, values, 1)
        parsed = self._parsed()
        if parsed.arrays and by is None:
            ones = np.ones(shape_of(self.x), typeof(self.x).dtype)
            return np.true_divide(self.x, parsed.write(ones, as_written(values, self.x, name), MULTIPLY))
        if parsed.arrays and by is not None and by is not SET:
            return parsed.write(self.x, as_written(values, self.x, name), by)
        combined = operation(parsed.read(self.x), as_written(values, self.x, name))
        return parsed.write(self.x, as_written(combined, self.x, name), SET)

    def _by_mask(self, name: str, operation: np.ufunc | None, values: Any, neutral: int) -> Any:
        """Write by selection, for a mask whose values are not known; ``neutral`` keeps unused results harmless."""
        mask = unknown_mask(self.x, self.index)
        values = as_written(values, self.x, name)
        rows = shape_of(self.x)[len(shape_of(mask)) :]
        try:
            values = reshape_to(broadcast_values(values, (1, *rows)), rows)
        except ValueError:  # a value for each true element
            return getattr(at(self.x)[concrete_mask(mask)], name)(values)
        mask = over_rows(mask, self.x)
        if operation is not None:
            values = operation(self.x, select_p.bind(mask, values, np.asarray(neutral, typeof(self.x).dtype)))
        return select_p.bind(mask, as_written(values, self.x, name), self.x)


BASIC = {int, slice, type(None), type(...)}
"""The types of what indexes a place once."""

CONVERTS_TO: dict[type, str] = {bool: "biufc", int: "iufc", float: "fc", complex: "c"}
"""The kinds of dtypes that a Python number converts to without a loss of kind."""


def is_zero(x: Any) -> bool:
    """Whether an array is known to be zero, and nowhere -0, so that nothing is lost where it is left out."""
    return not isinstance(x, TracerBase) and not np.any(x) and not has_negative_zeros(np.asarray(x))


def has_negative_zeros(x: np.ndarray[Any, Any]) -> bool:
    """Whether an array of zeros has some with a sign."""
    if x.dtype.kind == "c":
        return has_negative_zeros(x.real) or has_negative_zeros(x.imag)
    return x.dtype.kind == "f" and bool(np.signbit(x).any())


def unknown_mask(x: Any, index: Any) -> Any:
    """The mask, if an index is a boolean mask of x's leading axes whose values are not known; else None."""
    if isinstance(index, tuple) and len(index) == 1:
        (index,) = index
    if not isinstance(index, Tracer) or typeof(index).dtype.kind != "b" or index.concrete() is not None:
        return None
    mask_shape, shape = index.shape, shape_of(x)
    if mask_shape != shape[: len(mask_shape)]:
        raise IndexError(f"boolean index of shape {mask_shape} did not match indexed array of shape {shape}")
    return index


def as_written(values: Any, x: Any, name: str) -> Any:
    """Values in the dtype of x; raises ``TypeError`` where the conversion would lose more than precision."""
    weak = is_weak(values) if not isinstance(values, (list, tuple)) else False
    values = values if weak else as_array(values)
    given, dtype = typeof(values), typeof(x).dtype
    promoted = result_dtype(typeof(x), given)
    if promoted != dtype and (weak or not np.can_cast(given.dtype, dtype, "same_kind")):
        raise TypeError(
            errors.describe(
                f"at(x)[...].{name} got values of type {given} for an array of dtype {dtype}.",
                why="the result has the dtype of x, and the conversion would lose information",
                fix=f"convert x first, x.astype({promoted.name!r}), or the values, np.astype(values, {dtype.name!r})",
            )
        )
    if weak and not isinstance(values, TracerBase):
        return np.asarray(values, dtype)  # an integer that does not fit raises OverflowError
    return convert_to(values, dtype)
