"""Small tools beside the transformations: ``stop_gradient`` and ``ravel_pytree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from covector.core.avals import result_dtype, typeof
from covector.core.memory import copy_of, mapped
from covector.core.pytrees import tree_map, tree_unflatten
from covector.primitives.identity import stop_gradient_p
from covector.primitives.shaping import convert_to, reshape_to
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
    return cast(T, tree_map(lambda leaf: stop_gradient_p.bind(mapped(copy_of, leaf)), x))


def ravel_pytree(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A pytree of arrays as one vector, and the way back.

    Args:
        tree: a pytree of arrays.

    Returns:
        ``(vector, unravel)``: the leaves, raveled and concatenated in the dtype they promote to; ``unravel(vector)`` has the
        structure, the shapes and the dtypes of ``tree``.

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
        found = typeof(vector).shape
        if found != (total,):
            raise ValueError(f"unravel needs a vector of shape ({total},), got one of shape {found}")
        pieces, start = [], 0
        for aval in avals:
            piece = vector[start : start + aval.size]
            pieces.append(convert_to(reshape_to(piece, aval.shape), aval.dtype))
            start += aval.size
        return tree_unflatten(treedef, pieces)[0]

    return vector, unravel
