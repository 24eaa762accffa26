"""Small tools beside the transformations: ``stop_gradient``, ``ravel_pytree``, ``ensure_compile_time_eval``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from covector.core import errors
from covector.core.avals import result_dtype, typeof
from covector.core.memory import copy_of, mapped
from covector.core.pytrees import tree_map, tree_unflatten
from covector.primitives.arrays.shaping import convert_to, reshape_to
from covector.primitives.math.identity import stop_gradient_p
from covector.transforms.arguments import flatten_values
from covector.transforms.typing import T


def stop_gradient(x: T) -> T:
    """The values themselves, as constants to every derivative.

    Args:
        x: a pytree of arrays.

    Returns:
        The same pytree, with copies of arrays; its derivative is zero.

    Example:
        >>> from covector.transforms.autodiff import grad
        >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
        3.0
    """
    flatten_values([x], "stop_gradient")
    return cast(T, tree_map(lambda leaf: stop_gradient_p.bind(mapped(copy_of, leaf)), x))


@contextmanager
def ensure_compile_time_eval() -> Iterator[None]:
    """Compute what has no traced operand now, which is done anyway: such operations are NumPy's, in traced functions too.

    Operations on traced values are traced, within as without.  It may be used as a decorator.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> @cv.jit
        ... def f(x):
        ...     with ensure_compile_time_eval():
        ...         steps = 3 if np.sum(np.ones(2)) > 1.0 else 1  # a number, not a traced value
        ...     return x * steps
        >>> f(2.0)
        6.0
    """
    yield


def ravel_pytree(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A pytree of arrays as one vector, and the way back.

    Args:
        tree: a pytree of arrays.

    Returns:
        ``(vector, unravel)``: the leaves, raveled and concatenated in the dtype they promote to; ``unravel(vector)`` has the
        structure, the shapes and the dtypes of ``tree``.  Of a vector of another dtype, which a leaf cannot hold (fractions for
        integers, complex numbers for real ones), the leaf takes the dtype.

    Raises:
        UnravelError: ``unravel`` got no vector of that length, or one with fractions for an integer leaf beside others.

    Example:
        >>> import numpy as np
        >>> vector, unravel = ravel_pytree({"a": np.ones(2), "b": 3.0})
        >>> vector
        array([1., 1., 3.])
        >>> unravel(2 * vector)["a"]
        array([2., 2.])
    """
    leaves, treedef = flatten_values([tree], "ravel_pytree")
    avals = [typeof(leaf) for leaf in leaves]
    dtype = result_dtype(*avals) if avals else np.dtype(np.float64)
    parts = [reshape_to(convert_to(leaf, dtype), (a.size,)) for leaf, a in zip(leaves, avals, strict=True)]
    vector = np.concatenate(parts) if parts else np.zeros(0, dtype)

    def unravel(vector: Any) -> Any:
        total = sum(a.size for a in avals)
        (leaf,), _ = flatten_values([vector], "unravel")
        if typeof(leaf).shape != (total,):
            what = f"unravel needs a vector of shape ({total},), got one of shape {typeof(leaf).shape}."
            raise errors.UnravelError(what, fix="pass a vector like the one that ravel_pytree returned")
        pieces, start = [], 0
        for aval in avals:
            piece = vector[start : start + aval.size]
            pieces.append(_back(reshape_to(piece, aval.shape), aval.dtype, dtype))
            start += aval.size
        return tree_unflatten(treedef, pieces)[0]

    return vector, unravel


def _back(piece: Any, dtype: np.dtype[Any], common: np.dtype[Any]) -> Any:
    """A part of a vector as a leaf of this dtype, or of its own where that would lose something."""
    found = typeof(piece).dtype
    if found != common:
        return convert_to(piece, dtype) if np.can_cast(found, dtype, "same_kind") else piece
    leaf = convert_to(piece, dtype)
    known = issubclass(type(piece), (np.ndarray, np.generic))
    if known and not np.can_cast(found, dtype, "same_kind") and np.any(leaf != piece):
        what = f"unravel got a vector of {found} with values that a leaf of dtype {dtype} cannot hold."
        why = "the tree has leaves of several dtypes, and this one would lose fractions, signs or imaginary parts"
        raise errors.UnravelError(what, why=why, fix="ravel the floating leaves alone, or round the others")
    return leaf
