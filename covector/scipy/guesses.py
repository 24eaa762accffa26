"""What SciPy takes for an array: a number, or numbers in lists, which are pytrees otherwise; and for a tuple of arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of
from covector.core.pytrees import tree_leaves
from covector.numpy.registry import as_array


def numbers_as_array(x: Any) -> Any:
    """Numbers in lists and tuples as the array that NumPy makes of them, and anything else as it is, a pytree."""
    shape = _shape_of_numbers(x)
    if not shape:
        return x
    numbers = [as_array(v) for v in tree_leaves(x)]
    return np.reshape(np.stack(numbers), shape) if numbers else np.zeros(shape)


def as_vector(x: Any, flat: bool = False) -> Any:
    """The same, with a number as a vector of one, and if ``flat`` any array as a vector; anything else is a pytree."""
    x = numbers_as_array(x)
    return np.reshape(as_array(x), (-1,)) if _is_leaf(x) and (flat or not shape_of(x)) else x


def _shape_of_numbers(x: Any) -> Any:
    """The shape of the array that a number is, or numbers in lists are, ``()`` for a number; None if they are none."""
    if type(x) in (list, tuple):
        shapes = {_shape_of_numbers(v) for v in x}
        return None if None in shapes or len(shapes) > 1 else (len(x), *next(iter(shapes), ()))
    return () if _is_leaf(x) and not shape_of(x) else None


def _is_leaf(x: Any) -> bool:
    leaves = tree_leaves(x)
    return len(leaves) == 1 and leaves[0] is x


def as_tuple(args: Any) -> tuple[Any, ...]:
    """Arguments, of which SciPy lets a single one stand alone."""
    return args if isinstance(args, tuple) else (args,)
