"""Pytrees under the names of JAX's ``tree``: ``map``, ``leaves``, ``flatten``, ``unflatten``, ``reduce`` and others.

Also `register`, which makes a class a container, and `Partial`, a partial function that is one.  What is not below is the
function of `covector.tree_util` whose name begins with ``tree_``.

>>> import operator
>>> import covector as cv
>>> cv.tree.reduce(operator.add, {"a": 1, "b": (2, 3)})
6
>>> cv.tree.map_with_path(lambda path, x: x if cv.tree_util.keystr(path) == "['a']" else -x, {"a": 1, "b": 2})
{'a': 1, 'b': -2}
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from covector.core.pytrees import Partial as Partial
from covector.core.pytrees import register_pytree_node as register
from covector.core.pytrees import tree_flatten as flatten
from covector.core.pytrees import tree_leaves as leaves
from covector.core.pytrees import tree_map as map
from covector.core.pytrees import tree_paths as paths
from covector.core.pytrees import tree_structure as structure
from covector.core.pytrees import tree_unflatten as unflatten

if TYPE_CHECKING:
    from covector.tree_util import tree_all as all
    from covector.tree_util import tree_broadcast as broadcast
    from covector.tree_util import tree_flatten_with_path as flatten_with_path
    from covector.tree_util import tree_leaves_with_path as leaves_with_path
    from covector.tree_util import tree_map_with_path as map_with_path
    from covector.tree_util import tree_reduce as reduce
    from covector.tree_util import tree_reduce_associative as reduce_associative
    from covector.tree_util import tree_transpose as transpose

__all__ = [
    "Partial",
    "all",
    "broadcast",
    "flatten",
    "flatten_with_path",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "paths",
    "reduce",
    "reduce_associative",
    "register",
    "static",
    "structure",
    "transpose",
    "unflatten",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'covector.tree' has no attribute {name!r}", name=name)
    value = globals()[name] = getattr(importlib.import_module("covector.tree_util"), f"tree_{name}")
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def static(**options: Any) -> Any:
    """A field of a dataclass that is part of the structure, where `tree_util.register_dataclass` makes the class a container.

    Args:
        options: those of `dataclasses.field`.

    Example:
        >>> import dataclasses
        >>> import covector as cv
        >>> @cv.tree_util.register_dataclass
        ... @dataclasses.dataclass
        ... class Layer:
        ...     w: float
        ...     name: str = static(default="dense")
        >>> cv.tree.map(lambda x: 2 * x, Layer(1.0))
        Layer(w=2.0, name='dense')
    """
    metadata = {**(options.get("metadata") or {}), "static": True}
    return importlib.import_module("dataclasses").field(**{**options, "metadata": metadata})
