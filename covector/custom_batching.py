"""Functions with batching rules of their own, at the place where JAX has them.

>>> import numpy as np
>>> import covector as cv
>>> @sequential_vmap
... def halved(x):
...     cv.debug.print("one at a time: {}", x)
...     return x / 2
>>> cv.vmap(halved)(np.array([1.0, 3.0]))
one at a time: 1.0
one at a time: 3.0
array([0.5, 1.5])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.core.pytrees import tree_flatten, tree_map, tree_unflatten
from covector.interpreters.programs import choose, spread
from covector.lax.loops import map as lax_map
from covector.transforms.custom_rules import custom_vmap

__all__ = ["custom_vmap", "sequential_vmap"]


def sequential_vmap(f: Callable[..., Any]) -> custom_vmap:
    """Make `vmap` of a function a loop over the examples, for what cannot be done, or not be afforded, for all at once.

    Args:
        f: a function of positional pytrees of arrays.

    Returns:
        The function, a `custom_vmap`, whose batches are a `lax.map`: one example after the other, also where there are
        several batch axes.  Derivatives are those of the function, and of the loop.

    Raises:
        ArgumentError: ``f`` is no function.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> product = sequential_vmap(lambda a, b: a @ b)
        >>> cv.vmap(product, in_axes=(0, None))(np.ones((3, 2, 2)), np.ones(2))
        array([[2., 2.],
               [2., 2.],
               [2., 2.]])
    """
    sequential = custom_vmap(f)

    def rule(axis_size: int, in_batched: Any, *args: Any) -> Any:
        leaves, treedef = tree_flatten(list(args))
        mapped = tree_flatten(in_batched)[0]

        def example(xs: list[Any]) -> Any:
            return sequential(*tree_unflatten(treedef, spread(mapped, xs, leaves)))

        out = lax_map(example, choose(mapped, leaves))
        return out, tree_map(lambda _: True, out)

    sequential.def_vmap(rule)
    return sequential
