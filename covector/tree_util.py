"""Pytrees under the names of JAX's ``tree_util``; dictionaries are ordered by key and ``None`` is an empty tree.

>>> tree_map_with_path(lambda path, x: keystr(path), {"w": (1.0, 2.0)})
{'w': ("['w'][0]", "['w'][1]")}
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

from covector.core.pytrees import NAMESPACE as _NAMESPACE
from covector.core.pytrees import Partial as Partial
from covector.core.pytrees import optree as _optree
from covector.core.pytrees import register_pytree_node as register_pytree_node
from covector.core.pytrees import tree_flatten as tree_flatten
from covector.core.pytrees import tree_leaves as tree_leaves
from covector.core.pytrees import tree_map as tree_map
from covector.core.pytrees import tree_structure as tree_structure
from covector.core.pytrees import tree_unflatten as tree_unflatten


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """An index into a list or tuple."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx}]"


@dataclasses.dataclass(frozen=True)
class DictKey:
    """A key of a dictionary."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """A field of a named tuple or of a dataclass."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclasses.dataclass(frozen=True)
class FlattenedIndexKey:
    """The place among the children of any other container."""

    key: Any

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


def _key(entry: Any) -> Any:
    kind = type(entry).__name__
    if kind == "MappingEntry":
        return DictKey(entry.entry)
    if kind == "SequenceEntry":
        return SequenceKey(entry.entry)
    if kind == "NamedTupleEntry":
        return GetAttrKey(entry.field)
    return GetAttrKey(entry.entry) if isinstance(entry.entry, str) else FlattenedIndexKey(entry.entry)


def keystr(keys: Sequence[Any]) -> str:
    """The way to a leaf as Python would write it.

    >>> keystr((DictKey("a"), SequenceKey(0)))
    "['a'][0]"
    """
    return "".join(map(str, keys))


def tree_flatten_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[tuple[Any, Any]], Any]:
    """The leaves with the ways to them, and the structure.

    >>> tree_flatten_with_path([1, 2])[0][1]
    ((SequenceKey(idx=1),), 2)
    """
    accessors, leaves, treedef = _optree().tree_flatten_with_accessor(tree, is_leaf=is_leaf, namespace=_NAMESPACE)
    return [(tuple(map(_key, a)), leaf) for a, leaf in zip(accessors, leaves, strict=True)], treedef


def tree_leaves_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[tuple[Any, Any]]:
    """The leaves with the ways to them.

    >>> tree_leaves_with_path({"a": 1})
    [((DictKey(key='a'),), 1)]
    """
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`tree_map` of a function that gets the way to the leaf first.

    >>> tree_map_with_path(lambda path, x: len(path), [1, (2,)])
    [1, (2,)]
    """
    paths = tree_unflatten(*_paths(tree, is_leaf))
    return tree_map(lambda x, path, *xs: f(path, x, *xs), tree, paths, *rest, is_leaf=is_leaf)


def _paths(tree: Any, is_leaf: Callable[[Any], bool] | None) -> tuple[Any, list[Any]]:
    found, treedef = tree_flatten_with_path(tree, is_leaf)
    return treedef, [_Path(path) for path, _ in found]


class _Path(tuple):  # type: ignore[type-arg]
    """A path that is a leaf itself."""


def tree_reduce(function: Callable[[Any, Any], Any], tree: Any, *initializer: Any, is_leaf: Any = None) -> Any:
    """Combine all leaves, in their order.

    >>> tree_reduce(lambda x, y: x + y, {"a": 1, "b": (2, 3)})
    6
    """
    return functools.reduce(function, tree_leaves(tree, is_leaf), *initializer)


def tree_all(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether all leaves are true.

    >>> tree_all({"a": True, "b": [False]})
    False
    """
    return all(tree_leaves(tree, is_leaf))


def tree_transpose(outer_treedef: Any, inner_treedef: Any, pytree_to_transpose: Any) -> Any:
    """Turn a tree of trees inside out.

    >>> tree_transpose(tree_structure([0, 0]), tree_structure({"a": 0}), [{"a": 1}, {"a": 2}])
    {'a': [1, 2]}
    """
    leaves, treedef = tree_flatten(pytree_to_transpose)
    if treedef != outer_treedef.compose(inner_treedef):
        raise TypeError(f"tree_transpose() got a tree of structure {treedef}, not of {outer_treedef} of {inner_treedef}")
    n = inner_treedef.num_leaves
    return tree_unflatten(inner_treedef, [tree_unflatten(outer_treedef, leaves[i::n]) for i in range(n)])


def register_pytree_node_class(cls: Any) -> Any:
    """Make a class with methods ``tree_flatten`` and (of the class) ``tree_unflatten(metadata, children)`` a container.

    >>> @register_pytree_node_class
    ... class Box:
    ...     def __init__(self, value):
    ...         self.value = value
    ...     def tree_flatten(self):
    ...         return (self.value,), None
    ...     @classmethod
    ...     def tree_unflatten(cls, metadata, children):
    ...         return cls(*children)
    >>> tree_map(lambda x: 2 * x, Box(1)).value
    2
    """
    register_pytree_node(cls, lambda obj: obj.tree_flatten(), cls.tree_unflatten)
    return cls


def register_dataclass(
    nodetype: Any, data_fields: Sequence[str] | None = None, meta_fields: Sequence[str] | None = None
) -> Any:
    """Make a dataclass a container of its ``data_fields``; by default of all but those with ``metadata={"static": True}``.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     unit: str = dataclasses.field(metadata={"static": True})
    >>> tree_map(lambda x: 2 * x, Point(1.0, "m"))
    Point(x=2.0, unit='m')
    """
    if (data_fields is None) != (meta_fields is None):
        raise TypeError("register_dataclass() takes data_fields and meta_fields together, or neither")
    if data_fields is None or meta_fields is None:
        fields = [f for f in dataclasses.fields(nodetype) if f.init]
        meta_fields = [f.name for f in fields if f.metadata.get("static")]
        data_fields = [f.name for f in fields if not f.metadata.get("static")]
    data, meta = tuple(data_fields), tuple(meta_fields)

    def flatten(obj: Any) -> Any:
        return tuple(getattr(obj, n) for n in data), tuple(getattr(obj, n) for n in meta), data

    def unflatten(metadata: Any, children: Any) -> Any:
        return nodetype(**dict(zip(data, children, strict=True)), **dict(zip(meta, metadata, strict=True)))

    register_pytree_node(nodetype, flatten, unflatten)
    return nodetype


def register_static(cls: Any) -> Any:
    """Make a hashable class a container without leaves: its instances are part of the structure.

    >>> @register_static
    ... @dataclasses.dataclass(frozen=True)
    ... class Setting:
    ...     name: str
    >>> tree_leaves((Setting("fast"), 1.0))
    [1.0]
    """
    register_pytree_node(cls, lambda obj: ((), obj), lambda obj, children: obj)
    return cls
