"""Keys for caches: ``key_of : value -> key``, equal exactly where a program may be used again.

>>> key_of((1, 0.0)) == key_of((1, 0.0)), key_of(1) == key_of(True), key_of(0.0) == key_of(-0.0)
(True, False, False)

Python calls ``1 == True == 1.0`` and ``0.0 == -0.0``, and ``nan != nan``; programs differ in the former and not in the latter.
A key tells values apart by type at every depth, zeros and NaNs by sign, and holds what a container held when the key was made,
so that it does not change with the container.
"""

from __future__ import annotations

import functools
import importlib
import math
import weakref
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import numpy as np

ATOMS = frozenset({type(None), bool, int, str, bytes, type(...), type(NotImplemented)})
"""Types of which equal values of the same type are the same."""


def key_of(value: Any) -> Hashable:
    """The key of a value: of numbers, strings, arrays, containers and dataclasses by content, of others by ``==`` and type.

    >>> key_of((1, True)) == key_of((1, 1)), key_of(0.0) == key_of(-0.0), key_of([float("nan")]) == key_of([float("nan")])
    (False, False, True)
    """
    cls = type(value)
    if cls in ATOMS:
        return (cls, value)
    if issubclass(type(value), (np.ndarray, np.generic)):
        return _array_key(value)
    if cls is float:
        return (cls, _float_key(value))
    if cls is complex:
        return (cls, _float_key(value.real), _float_key(value.imag))
    if isinstance(value, (tuple, list)):
        return (cls, *map(key_of, value))
    if isinstance(value, dict):
        return (cls, *((key_of(k), key_of(v)) for k, v in value.items()))
    if isinstance(value, (set, frozenset)):
        return (cls, frozenset(map(key_of, value)))
    if cls is slice:
        return (cls, key_of(value.start), key_of(value.stop), key_of(value.step))
    if cls is functools.partial:
        return (cls, key_of(value.func), key_of(value.args), key_of(value.keywords))
    if hasattr(cls, "__dataclass_fields__") and cls.__dataclass_params__.eq:
        fields = importlib.import_module("dataclasses").fields(cls)
        return (cls, *(key_of(getattr(value, f.name)) for f in fields if f.compare))
    return _object_key(value)


def _float_key(value: float) -> str:
    return value.hex() if value == value else str(math.copysign(1.0, value))  # NaNs are two, as `copysign` reads their sign


def distinct_text(x: Any) -> str:
    """The ``repr`` of a number; NaNs, which have one, are told apart by sign."""
    return repr(x) if x == x else f"{x!r} {math.copysign(1.0, x.real)} {math.copysign(1.0, x.imag)}"


def _array_key(value: Any) -> Hashable:
    if value.dtype.hasobject:
        return (type(value), value.dtype, value.shape, key_of(value.tolist()))
    if value.dtype.kind in "fc" and np.isnan(value).any():
        value = np.array(value, order="C")
        for part in (value.real, value.imag) if value.dtype.kind == "c" else (value,):
            part[...] = np.where(np.isnan(part), np.copysign(part.dtype.type(np.nan), part), part)  # one of each sign
    return (np.ndarray if issubclass(type(value), np.ndarray) else type(value), value.dtype, value.shape, value.tobytes())


def _object_key(value: Any) -> Hashable:
    cls: Any = type(value)
    if cls.__hash__ is object.__hash__ and cls.__eq__ is object.__eq__:
        try:
            return Identity(value)
        except TypeError:  # no weak references to it
            return Same(value)
    try:
        hash(value)
    except TypeError:
        return Same(value)
    return Alike(value)


class Identity:
    """Equal to that of the same object; the object may be freed."""

    __slots__ = ("hash", "reference")

    def __init__(self, value: Any):
        self.reference = weakref.ref(value)
        self.hash = id(value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identity):
            return False
        mine = self.reference()
        return self is other or (mine is not None and mine is other.reference())

    def __hash__(self) -> int:
        return self.hash

    def __repr__(self) -> str:
        return repr(self.reference())


class Same:
    """Equal to that of the same object, which it keeps."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Alike(Same):
    """Equal to that of an equal object of the same type."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alike) or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


class Keyed:
    """Parameters, equal to others with the same key: what a function with an `functools.lru_cache` is given for them.

    Raises:
        TypeError: a parameter has no hash.
    """

    __slots__ = ("hash", "key", "value")

    def __init__(self, value: dict[str, Any]):
        self.hash = hash(tuple(value.values()))
        self.key, self.value = key_of(value), value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and self.key == other.key

    def __hash__(self) -> int:
        return self.hash


# --- metadata of registered containers ----------------------------------------------------------------------------------------

_HASHABLE = frozenset({type(None), int, str, bytes})
"""Types of metadata that compare as keys do, among themselves and to `Metadata`."""


class Metadata:
    """The metadata of a container in the structure of a tree, as it is when the tree is flattened."""

    __slots__ = ("hash", "key", "value")

    def __init__(self, value: Any):
        self.key = key_of(value)
        self.hash = hash(self.key)
        self.value = copied(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.hash == other.hash and self.key == other.key

    def __hash__(self) -> int:
        return self.hash

    def __repr__(self) -> str:
        return repr(self.value)

    def __reduce__(self) -> Any:
        return Metadata, (self.value,)


def described(metadata: Any) -> Any:
    """Metadata as it is put into the structure of a tree."""
    return metadata if type(metadata) in _HASHABLE else Metadata(metadata)


def restored(metadata: Any) -> Any:
    """Metadata as the container is given it: its own, where it can be written to."""
    return copied(metadata.value) if type(metadata) is Metadata else metadata


def copied(value: Any) -> Any:
    """A value with its lists, dictionaries, sets and arrays copied, at every depth of plain containers."""
    cls = type(value)
    if cls is list or cls is tuple:
        return cls(map(copied, value))
    if cls is dict:
        return {k: copied(v) for k, v in value.items()}
    if cls is set or cls is np.ndarray:
        return value.copy()
    return value


# --- keys of dictionaries ---------------------------------------------------------------------------------------------------


SEQUENCES = (list, tuple)
ORDERED_BY_KEY = (dict, defaultdict)
"""Of which the leaves are, whatever the order in which the keys were put in."""

BUILT_IN = (None, type(None), list, tuple, dict)

MAX_STRUCTURES = 10_000
_without_names: set[Any] = set()
"""Structures of lists, tuples and empty dictionaries, to look through which takes ten times as long as to find them here."""


def names_in(treedef: Any) -> Hashable:
    """What the structure of a tree does not tell apart, as 1 and True among the keys of a dictionary; None where all does.

    The keys of dictionaries that are no strings, by type; and in what order a function finds those of one that has several.
    """
    if treedef in _without_names:
        return None
    found: list[Hashable] = []
    stack = [treedef]
    built_in = True
    while stack:
        spec = stack.pop()
        kind = spec.type
        if kind is None or (kind in SEQUENCES and spec.num_nodes == spec.num_leaves + 1):  # a leaf, or nothing but leaves
            continue
        if issubclass(kind, dict):
            keys = spec.entries()
            found += [key_of(k) for k in keys if type(k) is not str]
            if len(keys) > 1 and kind in ORDERED_BY_KEY:
                level = spec if spec.num_nodes == len(keys) + 1 else spec.one_level()
                found.append(tuple(level.unflatten(range(level.num_leaves))))  # fewer than keys where one is None
        built_in = built_in and kind in BUILT_IN and (kind is not dict or not keys)
        stack += spec.children()
    if built_in and len(_without_names) < MAX_STRUCTURES:
        _without_names.add(treedef)
    return tuple(found) or None
