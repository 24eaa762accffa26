"""What has been traced of a function: ``kept : function, key -> what was traced``.

Programs are kept on the function itself, so that they die with it, also where a program refers to the function (a callback
that closes over it): that is a cycle like any other in Python.  Methods and other callable objects cannot carry them; theirs
are found by the object, weakly, and those of partial functions with the function; they are kept only if they refer to no
object of the user's.

They serve as long as nothing has changed that the function reads besides its arguments: `covector.transforms.dependencies`.
"""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from covector.core.avals import AbstractValue
from covector.core.context import named_axes, without_scope
from covector.core.jaxpr import Jaxpr
from covector.core.keys import ATOMS
from covector.core.primitive import Primitive
from covector.core.pytrees import tree_unflatten
from covector.transforms.arguments import STORE, Wrapper
from covector.transforms.dependencies import Glance, Places, look

CARRIERS = (types.FunctionType, Wrapper)
"""Types of functions that carry their traces."""

T = TypeVar("T")
TracedType = TypeVar("TracedType", bound="Traced")

MAX_STATES = 8
"""Of how many states of what a function reads the traces are kept."""


class Traced:
    """The program of a function.

    Attributes:
        jaxpr: the program.
        hoisted: the tracers that it closes over, which are its leading inputs.
        out_tree: the structure of ``[result]``.
        made: what was made of it, by key.
    """

    __slots__ = ("hoisted", "jaxpr", "made", "out_tree")

    def __init__(self, jaxpr: Jaxpr, hoisted: list[Any], out_tree: Any) -> None:
        self.jaxpr = jaxpr
        self.hoisted = hoisted
        self.out_tree = out_tree
        self.made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make()`` returns, computed once for each key; it may refer to the program, which `Jaxpr.once` may not."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]  # type: ignore[no-any-return]

    def result(self, outs: Sequence[Any]) -> Any:
        """The result of the function, of which these are the leaves."""
        return tree_unflatten(self.out_tree, outs)[0]

    @property
    def shapes(self) -> Any:
        """The avals of the result, in its structure."""
        return self.result(self.jaxpr.out_avals)


class Traces(dict[Hashable, Any]):
    """What was traced of a function in one state of all that it reads besides its arguments.

    Attributes:
        places: that state.
        own: places that change as the function is traced (a counter, a log), which do not count.
        keeps_all: whether entries may refer to any object.
    """

    __slots__ = ("keeps_all", "own", "places")

    def __init__(self, places: Places | None, keeps_all: bool = True):
        super().__init__()
        self.places = places
        self.own: set[Any] = set()
        self.keeps_all = keeps_all

    def serve(self, places: Places) -> bool:
        """Whether the function reads now what it read then."""
        if self.places is places:
            return True
        if not self.own:
            if self.places != places:
                return False
            self.places = places  # which is found to be the same at once from now on
            return True
        mine = self.places or {}
        return all(mine.get(p) == places.get(p) for p in mine.keys() | places.keys() if p not in self.own)

    def keep(self, f: Callable[..., Any], key: Hashable, entry: Any) -> None:
        """Keep an entry that has just been traced of ``f``."""
        if self.places is None or not (self.keeps_all or is_data(entry.jaxpr)):
            return
        after = state_of(f, _store_of(f))
        if after is not None:
            if after is not self.places:
                self.own.update(p for p in self.places.keys() | after.keys() if self.places.get(p) != after.get(p))
            self[key] = entry


class Store:
    """The traces of a function by what it read; it belongs to that function alone, and is not copied with it."""

    __slots__ = ("glance", "methods", "owner", "states")

    def __init__(self, owner: Any = None):
        self.owner = None if owner is None else weakref.ref(owner)
        self.methods = ByObject()
        self.states: list[Traces] = []
        self.glance: Glance | None = None
        """What tells that the owner still reads what it read when it was last looked at."""

    def __reduce__(self) -> Any:
        return Store, ()


class ByObject:
    """A store for each of some objects, dropped with it."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[Any, Store]] = {}

    def store(self, x: Any) -> Store | None:
        """The store of an object; None if there are no weak references to it."""
        key = id(x)
        known = self.found.get(key)
        if known is not None and known[0]() is x:
            return known[1]
        found = self.found
        try:
            reference = weakref.ref(x, lambda _: found.pop(key, None))
        except TypeError:
            return None
        found[key] = (reference, Store())
        return found[key][1]


_objects = ByObject()


def _store_of(f: Callable[..., Any]) -> Store | None:
    if isinstance(f, types.MethodType):
        store = _store_of(f.__func__)
        return None if store is None else store.methods.store(f.__self__)
    if type(f) is functools.partial:  # what it adds is among the places
        return _store_of(f.func)
    if not isinstance(f, CARRIERS):
        return _objects.store(f)
    store = f.__dict__.get(STORE)
    if store is None or store.owner is None or store.owner() is not f:
        store = f.__dict__[STORE] = Store(f)
    return store


def state_of(f: Callable[..., Any], store: Store | None) -> Places | None:
    """The state of what a function reads now."""
    if store is None:
        return None
    if store.owner is None or store.owner() is not f:
        return look(f)[0]
    glance = store.glance
    if glance is not None and glance.holds(f):
        return glance.places
    places, store.glance = look(f)
    return places


def traces_of(f: Callable[..., Any]) -> Traces:
    """What has been traced of a function while it read what it reads now."""
    store = _store_of(f)
    places = state_of(f, store)
    if store is None or places is None:
        return Traces(None)
    known = store.states
    for traces in known:
        if traces.serve(places):
            return traces
    del known[: len(known) - MAX_STATES + 1]
    known.append(Traces(places, isinstance(f, CARRIERS)))
    return known[-1]


def kept(f: Callable[..., Any], key: Hashable, make: Callable[[], TracedType]) -> TracedType:
    """What ``make()`` traces of ``f``, once for each key (how, and with which arguments) and for the named axes around.

    It is of no scope, for it may be used in another one next time.
    """
    traces = traces_of(f)
    key = (key, named_axes())
    entry = traces.get(key)
    if entry is None:
        with without_scope():
            entry = make()
        if not entry.hoisted:  # else it is of no use once these are gone
            traces.keep(f, key, entry)
    return entry


DATA = (*ATOMS, float, complex, slice, AbstractValue, Primitive, np.ndarray, np.generic, np.dtype, np.ufunc)


def is_data(value: Any) -> bool:
    """Whether a program, or a parameter of an equation, refers to nothing but data and primitives."""
    if isinstance(value, Jaxpr):
        return value.once("is data", lambda: all(is_data(v) for e in value.equations for v in e.params.values()))
    if isinstance(value, (tuple, list, frozenset)):
        return all(map(is_data, value))
    if isinstance(value, dict):
        return all(map(is_data, value.values()))
    return isinstance(value, DATA)
