"""Pytrees: nested containers of arrays, by `optree`, under the field's names.

>>> tree_leaves({"b": 1.0, "a": (2.0, None, [3.0])})
[2.0, 3.0, 1.0]

optree is imported when the first tree is flattened, so that importing covector stays cheap.  Dictionaries are ordered by key,
``None`` is an empty tree, and new containers are made known with `register_pytree_node`.
"""

from __future__ import annotations

import functools
import importlib
from _thread import allocate_lock
from collections.abc import Callable, Iterable
from typing import Any

from covector.core.avals import TYPEOF
from covector.core.keys import described, restored

NAMESPACE = "covector"
_optree: list[Any] = []
_waiting: list[tuple[type, Callable[[Any], tuple[Any, Any]], Callable[[Any, Any], Any]]] = []
"""The containers to make known when optree is imported."""
_loading = allocate_lock()


def optree() -> Any:
    """The optree module, imported on first use."""
    if not _optree:
        with _loading:
            if not _optree:  # no other thread has imported it meanwhile
                module = importlib.import_module("optree")
                for container in _waiting:
                    _register(module, *container)
                _optree.append(module)
    return _optree[0]


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Any]:
    """The leaves of a tree and its structure.

    >>> tree_flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    cls = type(tree)
    if is_leaf is None and cls in TYPEOF:
        treedef = _flat.get((None, 1))
        return [tree], _structure_of_values(None, 1) if treedef is None else treedef
    if (cls is list or cls is tuple) and is_leaf is None:
        for x in tree:
            if type(x) not in TYPEOF:
                break
        else:
            treedef = _flat.get((cls, len(tree)))
            return list(tree), _structure_of_values(cls, len(tree)) if treedef is None else treedef
    leaves, treedef = optree().tree_flatten(tree, is_leaf=is_leaf, namespace=NAMESPACE)
    return (list(map(_value, leaves)) if _standing else leaves), treedef


_standing: dict[type, Callable[[Any], Any]] = {}
"""What stands for values in lifted code, and how they are had from it."""


def register_standing(cls: type, value: Callable[[Any], Any]) -> None:
    """Make known what stands for a value, which is in its place where a tree is flattened: ``value(x)``."""
    _standing[cls] = value


def _value(x: Any) -> Any:
    value = _standing.get(type(x))
    return x if value is None else value(x)


@functools.cache
def list_of_one() -> Any:
    """The structure of ``[x]`` for a value x."""
    return tree_flatten([0.0])[1]


def flatten_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any]:
    """`tree_flatten` of the pair."""
    if not kwargs:
        leaves, treedef = tree_flatten(args)
        if id(treedef) in _sequences:
            known = _calls.get(len(leaves))
            if known is None:
                known = _calls[len(leaves)] = tree_flatten((args, kwargs))[1]
            return leaves, known
    return tree_flatten((args, kwargs))


_calls: dict[int, Any] = {}
"""The structures of calls with so many values by position."""


def tree_unflatten(treedef: Any, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves."""
    known = _sequences.get(id(treedef))
    if known is not None:
        cls, length = known
        tree = (cls or list)(leaves)
        if len(tree) == length:
            return tree if cls is not None else tree[0]
        leaves = tree
    return optree().tree_unflatten(treedef, leaves)


_flat: dict[tuple[Any, int], Any] = {}
"""The structures of lists and tuples of values by their lengths, and of a value (None): optree takes 1 us to find one."""
_sequences: dict[int, tuple[Any, int]] = {}
"""The same backwards, by the identity of the structure."""


def _structure_of_values(cls: Any, length: int) -> Any:
    treedef = optree().tree_structure(0 if cls is None else cls([0] * length), namespace=NAMESPACE)
    if length <= 16:
        treedef = _flat.setdefault((cls, length), treedef)  # for good, so that no other structure has its identity
        _sequences[id(treedef)] = cls, length
    return treedef


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a tree."""
    leaves: list[Any] = optree().tree_leaves(tree, is_leaf=is_leaf, namespace=NAMESPACE)
    return list(map(_value, leaves)) if _standing else leaves


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The structure of a tree."""
    return optree().tree_structure(tree, is_leaf=is_leaf, namespace=NAMESPACE)


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Apply ``f`` to corresponding leaves of trees of the same structure.

    >>> tree_map(lambda x, y: x + y, {"a": 1}, {"a": 2})
    {'a': 3}
    """
    on_values = (lambda *leaves: f(*map(_value, leaves))) if _standing else f
    return optree().tree_map(on_values, tree, *rest, is_leaf=is_leaf, namespace=NAMESPACE)


def tree_paths(tree: Any) -> list[str]:
    """For each leaf the way to it from the root, as Python would write it: ``['w'][0]``."""
    accessors = optree().tree_accessors(tree, namespace=NAMESPACE)
    return ["".join(entry.codify("") for entry in accessor) for accessor in accessors]


def register_pytree_node(cls: type, flatten: Callable[[Any], tuple[Any, Any]], unflatten: Callable[[Any, Any], Any]) -> None:
    """Make a container known: ``flatten(obj) -> (children, metadata)`` and ``unflatten(metadata, children) -> obj``.

    Metadata is part of the structure of a tree as it is when the tree is flattened: programs are traced once for each, told
    apart by type and content (numbers, strings, arrays, containers, dataclasses) or by ``==``.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))
    >>> tree_leaves(Pair(1, (2, 3)))
    [1, 2, 3]
    """
    _register(optree(), cls, flatten, unflatten)


def register_keyed(cls: type, flatten: Callable[[Any], Any], unflatten: Callable[[Any, Any], Any]) -> None:
    """The same for ``flatten(obj) -> (children, metadata, keys)``, where ``str`` of a key is the way to its child."""
    _register(optree(), cls, flatten, unflatten, path_entry_type=_keyed_entry())


@functools.cache
def _keyed_entry() -> Any:
    entry: Any = optree().PyTreeEntry
    return type("KeyedEntry", (entry,), {"__slots__": (), "codify": lambda self, node="": f"{node}{self.entry}"})


def _register(
    module: Any,
    cls: type,
    flatten: Callable[[Any], tuple[Any, Any]],
    unflatten: Callable[[Any, Any], Any],
    **options: Any,
) -> None:
    def parts(obj: Any) -> tuple[Any, ...]:
        entries: list[Any]
        children, metadata, *entries = flatten(obj)
        return (children, described(metadata), *entries)

    module.register_pytree_node(
        cls, parts, lambda metadata, children: unflatten(restored(metadata), children), namespace=NAMESPACE, **options
    )


def register_when_needed(cls: type, flatten: Callable[[Any], tuple[Any, Any]], unflatten: Callable[[Any, Any], Any]) -> None:
    """The same for a container of covector's own, without importing optree for it."""
    with _loading:
        if not _optree:
            _waiting.append((cls, flatten, unflatten))
            return
    register_pytree_node(cls, flatten, unflatten)


class Partial(functools.partial):  # type: ignore[type-arg]
    """A `functools.partial` that is a pytree: the arguments that it holds are its subtrees.

    So a function with values bound to it goes in and out of transformed functions as a value.

    >>> scaled = Partial(lambda factor, x: factor * x, 3.0)
    >>> tree_map(lambda factor: 2 * factor, scaled)(1.0)
    6.0
    """


register_when_needed(Partial, lambda p: ((p.args, p.keywords), p.func), lambda func, held: Partial(func, *held[0], **held[1]))


def broadcast_prefix(
    prefix: Any, tree: Any, what: str, error: Callable[[str], Exception], *, only_none: bool = False
) -> list[Any]:
    """One entry of ``prefix`` for each leaf of ``tree``; a leaf of the prefix serves the whole subtree under it.

    ``None`` counts as a leaf of the prefix; with ``only_none`` it alone may stand for a subtree.

    >>> broadcast_prefix((0, None), ([1, 2], 3), "in_axes", ValueError)
    [0, 0, None]
    """
    if _is_leaf(prefix):
        if only_none and prefix is not None and (tree is None or not _is_leaf(tree)):
            raise error(f"{what} has {_brief(prefix)} where the value has {_brief(tree)}")
        return [prefix] * len(tree_leaves(tree))
    children, _, entries, *_ = optree().tree_flatten_one_level(prefix, namespace=NAMESPACE, none_is_leaf=True)
    try:
        subtrees, _, subentries, *_ = optree().tree_flatten_one_level(tree, namespace=NAMESPACE)
    except ValueError:  # a leaf
        subtrees = subentries = None
    if subtrees is None or type(prefix) is not type(tree) or list(entries) != list(subentries):
        raise error(f"{what} has {_brief(prefix)} where the value has {_brief(tree)}: it is no prefix of it")
    found = []
    for child, subtree in zip(children, subtrees, strict=True):
        found += broadcast_prefix(child, subtree, what, error, only_none=only_none)
    return found


def _is_leaf(node: Any) -> bool:
    return bool(optree().tree_is_leaf(node, namespace=NAMESPACE, none_is_leaf=True))


def _brief(node: Any) -> str:
    if isinstance(node, (list, tuple, dict)):
        return f"a {type(node).__name__} of {len(node)}"
    return f"{node!r}" if isinstance(node, (int, str, type(None))) else f"a {type(node).__name__}"
