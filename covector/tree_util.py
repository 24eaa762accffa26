"""Pytrees under the names of JAX's ``tree_util``; dictionaries are ordered by key and ``None`` is an empty tree.

>>> tree_map_with_path(lambda path, x: keystr(path), {"w": (1.0, 2.0)})
{'w': ("['w'][0]", "['w'][1]")}
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from covector.core import errors as errors
from covector.core.pytrees import NAMESPACE as _NAMESPACE
from covector.core.pytrees import Partial as Partial
from covector.core.pytrees import broadcast_prefix as _broadcast_prefix
from covector.core.pytrees import optree as _optree
from covector.core.pytrees import register_keyed as _register_keyed
from covector.core.pytrees import register_pytree_node as _register_pytree_node
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


KeyEntry = SequenceKey | DictKey | GetAttrKey | FlattenedIndexKey
KeyPath = tuple[Any, ...]
"""The way to a leaf from the root: keys, of these classes or what a container of the user's gives."""


def __getattr__(name: str) -> Any:
    if name == "PyTreeDef":  # the class of structures, which takes an import
        return _optree().PyTreeSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _key(entry: Any) -> Any:
    kind = type(entry).__name__
    if kind == "KeyedEntry":
        return entry.entry
    if kind == "MappingEntry":
        return DictKey(entry.entry)
    if kind == "SequenceEntry":
        return SequenceKey(entry.entry)
    if kind == "NamedTupleEntry":
        return GetAttrKey(entry.field)
    return GetAttrKey(entry.entry) if isinstance(entry.entry, str) else FlattenedIndexKey(entry.entry)


def keystr(keys: Sequence[Any], *, simple: bool = False, separator: str = "") -> str:
    """The way to a leaf as Python would write it; the keys alone where it is to be ``simple``, with ``separator`` in between.

    >>> path = (DictKey("a"), SequenceKey(0))
    >>> keystr(path), keystr(path, simple=True, separator="/")
    ("['a'][0]", 'a/0')
    """
    return separator.join(map(_simple if simple else str, keys))


def _simple(key: Any) -> str:
    for cls, field in ((SequenceKey, "idx"), (GetAttrKey, "name"), (DictKey, "key"), (FlattenedIndexKey, "key")):
        if type(key) is cls:
            return str(getattr(key, field))
    return str(key)


IsLeaf = Callable[..., bool] | None
"""Whether something counts as a leaf: of the value, or of the way to it and the value where ``is_leaf_takes_path``."""


def tree_flatten_with_path(
    tree: Any, is_leaf: IsLeaf = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[Any, Any]], Any]:
    """The leaves with the ways to them, and the structure.

    >>> tree_flatten_with_path([1, 2])[0][1]
    ((SequenceKey(idx=1),), 2)
    >>> tree_flatten_with_path([1, [2, 3]], lambda path, x: len(path) == 1, is_leaf_takes_path=True)[0][1]
    ((SequenceKey(idx=1),), [2, 3])
    """
    if is_leaf is not None and is_leaf_takes_path:
        found: list[tuple[Any, Any]] = []
        return found, tree_structure(_with_marks(tree, (), is_leaf, found))
    accessors, leaves, treedef = _optree().tree_flatten_with_accessor(tree, is_leaf=is_leaf, namespace=_NAMESPACE)
    return [(tuple(map(_key, a)), leaf) for a, leaf in zip(accessors, leaves, strict=True)], treedef


def _with_marks(tree: Any, path: KeyPath, is_leaf: Callable[..., bool], found: list[tuple[Any, Any]]) -> Any:
    """The tree with something that is surely a leaf in place of each leaf, which is noted with the way to it."""
    if is_leaf(path, tree) or all_leaves([tree]):
        found.append((path, tree))
        return _Path(path)
    one = _optree().tree_flatten_one_level(tree, namespace=_NAMESPACE)
    keys = [_key(one.path_entry_type(entry, one.type, one.kind)) for entry in one.entries]
    return one.unflatten_func(
        one.metadata, [_with_marks(x, (*path, k), is_leaf, found) for k, x in zip(keys, one.children, strict=True)]
    )


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None, is_leaf_takes_path: bool = False) -> list[tuple[Any, Any]]:
    """The leaves with the ways to them.

    >>> tree_leaves_with_path({"a": 1})
    [((DictKey(key='a'),), 1)]
    """
    return tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


def tree_map_with_path(
    f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None, is_leaf_takes_path: bool = False
) -> Any:
    """`tree_map` of a function that gets the way to the leaf first.

    >>> tree_map_with_path(lambda path, x: len(path), [1, (2,)])
    [1, (2,)]
    """
    found, treedef = tree_flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    others = [treedef.flatten_up_to(r) for r in rest]
    return tree_unflatten(treedef, [f(path, x, *xs) for (path, x), *xs in zip(found, *others, strict=True)])


class _Path(tuple):  # type: ignore[type-arg]
    """A path that is a leaf itself."""


_NONE: Any = object()


def tree_reduce(
    function: Callable[[Any, Any], Any], tree: Any, initializer: Any = _NONE, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Combine all leaves, in their order, after the ``initializer`` where it is given.

    >>> tree_reduce(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, initializer=10)
    16
    """
    return functools.reduce(function, tree_leaves(tree, is_leaf), *([] if initializer is _NONE else [initializer]))


def tree_all(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether all leaves are true.

    >>> tree_all({"a": True, "b": [False]})
    False
    """
    return all(tree_leaves(tree, is_leaf))


def tree_transpose(outer_treedef: Any, inner_treedef: Any, pytree_to_transpose: Any) -> Any:
    """Turn a tree of trees inside out; the inner structure may be None, which stands for that of the first tree within.

    >>> tree_transpose(tree_structure([0, 0]), tree_structure({"a": 0}), [{"a": 1}, {"a": 2}])
    {'a': [1, 2]}
    >>> tree_transpose(tree_structure([0, 0]), None, [(1, 2), (3, 4)])
    ([1, 3], [2, 4])
    """
    if inner_treedef is None:
        inner_treedef = tree_structure(outer_treedef.flatten_up_to(pytree_to_transpose)[0])
    leaves, treedef = tree_flatten(pytree_to_transpose)
    if treedef != outer_treedef.compose(inner_treedef):
        raise TypeError(f"tree_transpose() got a tree of structure {treedef}, not of {outer_treedef} of {inner_treedef}")
    n = inner_treedef.num_leaves
    return tree_unflatten(inner_treedef, [tree_unflatten(outer_treedef, leaves[i::n]) for i in range(n)])


def tree_reduce_associative(
    operation: Callable[[Any, Any], Any], tree: Any, *, identity: Any = _NONE, is_leaf: Any = None
) -> Any:
    """Combine all leaves in pairs, in their order, by an associative operation.

    >>> tree_reduce_associative(lambda x, y: x + y, {"a": 1, "b": (2, 3)})
    6
    """
    values = tree_leaves(tree, is_leaf)
    if not values and identity is _NONE:
        raise ValueError("tree_reduce_associative() of a tree without leaves needs an identity")
    while len(values) > 1:
        pairs = [operation(*values[i : i + 2]) for i in range(0, len(values) - 1, 2)]
        values = pairs + values[2 * len(pairs) :]
    return values[0] if values else identity


def tree_broadcast(prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """A tree like ``full_tree``, with the leaves of a prefix of it in all places under them.

    >>> tree_broadcast({"a": 1, "b": 2}, {"a": [0, 0], "b": 0})
    {'a': [1, 1], 'b': 2}
    """
    treedef = _optree().tree_structure(full_tree, is_leaf=is_leaf, namespace=_NAMESPACE)
    whole = tree_unflatten(treedef, range(treedef.num_leaves))
    return tree_unflatten(treedef, _broadcast_prefix(prefix_tree, whole, "tree_broadcast(): prefix_tree", ValueError))


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every item is a leaf.

    >>> all_leaves([1, 2.0]), all_leaves([1, [2]])
    (True, False)
    """
    return bool(_optree().all_leaves(iterable, is_leaf=is_leaf, namespace=_NAMESPACE))


def is_tree_node(typ: Any) -> bool:
    """Whether a type is one of containers.

    >>> is_tree_node(list), is_tree_node(float)
    (True, False)
    """
    if not isinstance(typ, type):
        what = f"is_tree_node got {typ!r} of type {type(typ).__name__}, which is no type."
        raise errors.ArgumentError(what, fix="pass type(x); all_leaves([x]) says whether x is a leaf")
    is_named_tuple = issubclass(typ, tuple) and hasattr(typ, "_fields")
    return is_named_tuple or typ in _optree().register_pytree_node.get(namespace=_NAMESPACE)


def treedef_is_leaf(treedef: Any) -> bool:
    """Whether a structure is that of a leaf.

    >>> treedef_is_leaf(tree_structure(0)), treedef_is_leaf(tree_structure([0]))
    (True, False)
    """
    return bool(treedef.is_leaf())


def treedef_children(treedef: Any) -> list[Any]:
    """The structures of the children.

    >>> [t.num_leaves for t in treedef_children(tree_structure([0, (0, 0)]))]
    [1, 2]
    """
    return list(treedef.children())


def treedef_tuple(treedefs: Iterable[Any]) -> Any:
    """The structure of a tuple of trees of these structures.

    >>> treedef_tuple([tree_structure(0), tree_structure([0, 0])]) == tree_structure((0, [0, 0]))
    True
    """
    return _optree().treespec_tuple(treedefs, namespace=_NAMESPACE)


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Any, Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Any, Any]] | None = None,
) -> None:
    """Make a container known: ``flatten_func(obj) -> (children, metadata)``, ``unflatten_func(metadata, children) -> obj``.

    With ``flatten_with_keys_func`` its children have keys, as for `register_pytree_with_keys`.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))
    >>> tree_leaves(Pair(1, (2, 3)))
    [1, 2, 3]
    """
    if flatten_with_keys_func is not None:
        register_pytree_with_keys(nodetype, flatten_with_keys_func, unflatten_func, flatten_func)
    else:
        _register_pytree_node(nodetype, flatten_func, unflatten_func)


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


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], Any] | None = None,
) -> None:
    """Make a container known whose children have keys: ``flatten_with_keys(obj) -> ((key, child) pairs, metadata)``.

    The keys are what the functions with paths give; ``flatten_func`` is not needed, and not called.

    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_with_keys(
    ...     Interval,
    ...     lambda i: (((GetAttrKey("low"), i.low), (GetAttrKey("high"), i.high)), None),
    ...     lambda _, children: Interval(*children),
    ... )
    >>> [keystr(path) for path, _ in tree_leaves_with_path([Interval(1, 2)])]
    ['[0].low', '[0].high']
    """

    def flatten(obj: Any) -> Any:
        pairs, metadata = flatten_with_keys(obj)
        keys, children = zip(*pairs, strict=True) if (pairs := tuple(pairs)) else ((), ())
        return children, metadata, keys

    _register_keyed(nodetype, flatten, unflatten_func)


def register_pytree_with_keys_class(cls: Any) -> Any:
    """Make a class with methods ``tree_flatten_with_keys`` and (of the class) ``tree_unflatten`` a container.

    >>> @register_pytree_with_keys_class
    ... class Named:
    ...     def __init__(self, **parts):
    ...         self.parts = parts
    ...     def tree_flatten_with_keys(self):
    ...         return [(DictKey(k), v) for k, v in self.parts.items()], tuple(self.parts)
    ...     @classmethod
    ...     def tree_unflatten(cls, names, children):
    ...         return cls(**dict(zip(names, children)))
    >>> keystr(tree_leaves_with_path(Named(scale=1.0))[0][0])
    "['scale']"
    """
    register_pytree_with_keys(cls, lambda obj: obj.tree_flatten_with_keys(), cls.tree_unflatten)
    return cls


def register_dataclass(
    nodetype: Any,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Any:
    """Make a dataclass a container of its ``data_fields``; by default of all but those with ``metadata={"static": True}``.

    The ``meta_fields`` are part of the structure; the ``drop_fields`` are lost, and are what the class makes of them then.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     unit: str = dataclasses.field(metadata={"static": True})
    >>> tree_map(lambda x: 2 * x, Point(1.0, "m"))
    Point(x=2.0, unit='m')
    """
    who = f"register_dataclass of {getattr(nodetype, '__name__', nodetype)}"
    if (data_fields is None) != (meta_fields is None):
        raise TypeError("register_dataclass() takes data_fields and meta_fields together, or neither")
    if data_fields is None or meta_fields is None:
        fields = [f for f in dataclasses.fields(nodetype) if f.init and f.name not in drop_fields]
        meta_fields = [f.name for f in fields if f.metadata.get("static")]
        data_fields = [f.name for f in fields if not f.metadata.get("static")]
    data, meta = tuple(data_fields), tuple(meta_fields)
    _check_fields(nodetype, (*data, *meta), drop_fields, who)

    def flatten(obj: Any) -> Any:
        return tuple(getattr(obj, n) for n in data), tuple(getattr(obj, n) for n in meta), data

    def unflatten(metadata: Any, children: Any) -> Any:
        return nodetype(**dict(zip(data, children, strict=True)), **dict(zip(meta, metadata, strict=True)))

    _register_pytree_node(nodetype, flatten, unflatten)
    return nodetype


def _check_fields(nodetype: Any, named: tuple[str, ...], dropped: Sequence[str], who: str) -> None:
    """Refuse fields that are named twice or that there are not, and values that would be lost."""
    twice = sorted({n for n in named if named.count(n) > 1})
    if twice:
        raise errors.ArgumentError(f"{who} got {twice} twice.", fix="name each field in data_fields or in meta_fields")
    if not dataclasses.is_dataclass(nodetype):
        return
    fields = {f.name for f in dataclasses.fields(nodetype) if f.init}
    unknown, lost = sorted({*named} - fields), sorted(fields - {*named, *dropped})
    if unknown:
        what = f"{who} got {unknown}, which __init__ does not take."
        raise errors.ArgumentError(what, fix=f"its fields are {sorted(fields)}")
    if lost:
        what = f"{who} names all fields but {lost}."
        why = "their values would be lost whenever a transformation takes the object apart"
        raise errors.ArgumentError(what, why=why, fix="add them to data_fields or meta_fields, or to drop_fields")


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
