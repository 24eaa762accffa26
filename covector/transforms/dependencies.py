"""What a function reads besides its arguments: ``look : function -> {place: key}``.

A program that is kept for a function is right as long as nothing has changed that the function reads when it is traced:
closure cells, globals, defaults, attributes of objects, classes and modules, the contents of containers and of small arrays,
and what is read likewise by functions that it can reach.  Its code is searched for names, so this is found without running it,
and names too many only mean to trace again.  Where something is reached of which the state cannot be seen (a generator of
random numbers, a large array that can be written to, an iterator) there is no answer, and the function is traced each time.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import sys
import types
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import AbstractValue
from covector.core.jaxpr import Jaxpr
from covector.core.keys import ATOMS, Identity, Same, key_of
from covector.core.primitive import Primitive, TracerBase
from covector.core.source import is_library
from covector.transforms.arguments import Wrapper

MAX_VALUES = 2_000
"""Functions that can reach more values are traced each time."""

MAX_ARRAY_BYTES = 2**16
"""Larger arrays that can be written to are not compared."""

PURE_MODULES = frozenset({"builtins", "math", "cmath", "_operator", "numpy", "_functools", "itertools", "_collections"})
"""Modules of which the functions written in C read nothing but their arguments."""

IMPURE = frozenset(map(id, (eval, exec, globals, locals, open, input, __import__)))

CONSTANT = (np.ufunc, np.dtype, type(np.sum), AbstractValue, types.CodeType, types.GenericAlias, inspect.Signature)
"""Types of which an object never changes."""

ITERABLES = (list, tuple, set, frozenset)
SCALARS = (int, float, str, complex, bytes)
WITH_CONTENTS = (*ITERABLES, *SCALARS, dict)
"""Types of which subclasses have their contents for a state, beside their attributes."""

C_FUNCTIONS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType)
"""Types of functions written in C."""

DYNAMIC = frozenset({"getattr", "hasattr", "vars", "dir", "__dict__", "__getattribute__"})
"""Names in code that may read attributes of any name."""

IMMUTABLE = ATOMS | {float, complex, np.float64, np.int64}
"""Types of which an object has one key for good."""

OBJECT_KEYS = (int, Same, Identity)
"""Types of keys that stand for an object: its ``id`` where what it refers to is looked at for itself."""

Places = dict[tuple[int, str], Hashable]


class Unknown(Exception):
    """The state of something cannot be seen."""


def look(f: Callable[..., Any]) -> tuple[Places | None, Glance | None]:
    """The state of all that a function reads besides its arguments, by place, and how to see at a glance that it is still so.

    None where the state cannot be told, or where one has to look again.
    """
    walk = _Walk(f)
    try:
        walk.places[0, "the function"] = walk.value(f)
        while walk.waiting:
            walk.object(walk.waiting.pop())
    except (Unknown, RecursionError):
        return None, None
    return walk.places, walk.glance if walk.can_glance else None


MISSING = object()
"""Stands for the value of a name that is not there."""


class Glance:
    """Tells whether a function reads the same objects in the same places as when it was looked at, and how to compare these.

    It is much quicker than to look again, and says no where that may find the state to be equal after all.  It keeps the
    objects, so that another can not be taken for one of them, but not the function, on which it is kept.
    """

    __slots__ = ("cells", "contents", "functions", "kept", "names", "places", "wrappers")

    def __init__(self, places: Places) -> None:
        self.places = places
        self.functions: list[tuple[types.FunctionType | None, tuple[Any, ...]]] = []
        """Functions (None is the function itself) with their code, defaults and so on."""
        self.wrappers: list[tuple[Wrapper | None, Any]] = []
        """Transformed functions (None again) with what they wrap."""
        self.cells: list[tuple[types.CellType, Any]] = []
        self.names: list[tuple[dict[str, Any], str, Any]] = []
        self.contents: list[tuple[Any, Hashable]] = []
        """Values that can be changed, with their keys."""
        self.kept: list[Any] = []
        """The objects of which keys hold the ``id``."""

    def holds(self, f: Callable[..., Any]) -> bool:
        """Whether nothing has changed that the function reads, as far as a glance can tell."""
        try:
            for cell, value in self.cells:
                if cell.cell_contents is not value:
                    return False
            for names, name, value in self.names:
                if names.get(name, MISSING) is not value:
                    return False
            for function, parts in self.functions:
                if not is_made_of(function or f, *parts):
                    return False
            for wrapper, value in self.wrappers:
                if (wrapper or f).__wrapped__ is not value:  # type: ignore[attr-defined]
                    return False
            return not self.contents or self.holds_contents(f)
        except (Unknown, RecursionError, ValueError):  # a cell is not bound any more
            return False

    def holds_contents(self, f: Callable[..., Any]) -> bool:
        walk = _Walk(f)
        return all(walk.value(x) == key for x, key in self.contents)


def is_made_of(f: Any, code: Any, defaults: Any, kwdefaults: Any, is_users: bool) -> bool:
    """Whether a function has this code and these defaults, and no attributes of the user's if it is the user's itself."""
    if f.__code__ is not code or f.__defaults__ is not defaults or f.__kwdefaults__ is not kwdefaults:
        return False
    return not is_users or not has_attributes(f)


def has_attributes(f: types.FunctionType) -> bool:
    """Whether a function has attributes of the user's."""
    for name in f.__dict__:  # noqa: SIM110 - a generator takes as long as all else here
        if name[:2] != "__":
            return True
    return False


class _Walk:
    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.places: Places = {}
        self.glance = Glance(self.places)
        self.can_glance = True
        self.count = 0
        self.seen: set[int] = set()
        self.waiting: list[Any] = []
        self.attributes: set[str] = set()
        """All names of attributes (and DYNAMIC functions) in the code that has been looked at."""
        self.named: list[Any] = []
        """The modules and classes that have been looked at, for the attributes known then."""

    def put(self, owner: Any, name: str, value: Any) -> None:
        key = self.places[id(owner), name] = self.value(value)
        if type(value) not in IMMUTABLE and type(key) not in OBJECT_KEYS:
            self.glance.contents.append((value, key))

    def name(self, owner: Any, kind: str, name: str, names: dict[str, Any]) -> bool:
        """What a name stands for among others, if it is there; whether it is."""
        self.glance.names.append((names, name, names.get(name, MISSING)))
        if name in names:
            self.put(owner, kind + name, names[name])
        return name in names

    def value(self, x: Any) -> Hashable:
        """The key of a value; what it refers to is looked at later."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise Unknown
        cls = type(x)
        if cls in ATOMS:
            return (cls, x)
        reader = READERS.get(cls)
        return self.other(x) if reader is None else reader(self, x)

    def other(self, x: Any) -> Hashable:
        """A value of a type that has no reader."""
        if isinstance(x, TracerBase):
            raise Unknown
        if isinstance(x, np.generic):
            return key_of(x)
        if isinstance(x, tuple) and not hasattr(x, "__dict__"):
            return self.items(x)
        if isinstance(x, CONSTANT):
            return Same(x)
        if isinstance(x, Jaxpr) or (isinstance(x, Primitive) and x.trusted):
            return Identity(x)
        return self.later(x)

    def later(self, x: Any) -> Hashable:
        if id(x) not in self.seen:
            self.seen.add(id(x))
            self.waiting.append(x)
            if x is not self.f:
                self.glance.kept.append(x)
        return id(x)

    def items(self, x: Any) -> Hashable:
        return (type(x), *map(self.value, x))

    def slice(self, x: Any) -> Hashable:
        return (slice, self.value(x.start), self.value(x.stop), self.value(x.step))

    def mapping(self, x: Any) -> Hashable:
        return (type(x), *((self.value(k), self.value(v)) for k, v in x.items()))

    def method(self, x: Any) -> Hashable:  # made anew at each look-up
        return (type(x), self.value(x.__func__), self.value(x.__self__))

    def partial(self, x: Any) -> Hashable:
        return (type(x), self.value(x.func), self.value(x.args), self.value(x.keywords))

    def array(self, x: Any) -> Hashable:
        if x.nbytes <= MAX_ARRAY_BYTES and not x.dtype.hasobject:
            return key_of(x)
        if x.base is not None or x.flags.writeable:
            raise Unknown
        self.glance.kept.append(x)
        return id(x)

    def object(self, x: Any) -> None:
        """Look at all that is read of an object."""
        if isinstance(x, types.FunctionType):
            self.function(x)
        elif isinstance(x, Wrapper):
            if not x.snapshot:
                self.put(x, "function", x.__wrapped__)
                self.glance.wrappers.append((None if x is self.f else x, x.__wrapped__))
        elif isinstance(x, types.ModuleType):
            self.module(x)
        elif isinstance(x, type):
            self.class_(x)
        else:
            self.can_glance = False
            self.other_object(x)

    def other_object(self, x: Any) -> None:
        if isinstance(x, (staticmethod, classmethod)):
            self.put(x, "function", x.__func__)
        elif isinstance(x, property):
            self.put(x, "functions", (x.fget, x.fset, x.fdel))
        elif isinstance(x, Primitive):
            self.put(x, "rules", x.rules)
            self.put(x, "kind", x.kind)
        else:
            self.instance(x)

    def function(self, f: types.FunctionType) -> None:
        code = f.__code__
        is_users = not is_library(code.co_filename)
        parts = (code, f.__defaults__, f.__kwdefaults__, is_users)
        self.glance.functions.append((None if f is self.f else f, parts))
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            try:
                self.put(f, f"cell {name}", cell.cell_contents)
                self.glance.cells.append((cell, cell.cell_contents))
            except ValueError:  # not bound yet
                self.can_glance = False
                self.put(f, f"cell {name}", NotImplemented)
        self.places[id(f), "code"] = code
        self.places[id(f), "defaults"] = self.defaults(f)
        if not is_users:
            return
        names = names_of_code(code)
        self.more_attributes(names.attributes | (names.globals & DYNAMIC))
        for name in names.globals:
            if not self.name(f, "global ", name, f.__globals__) and id(getattr(builtins, name, None)) in IMPURE:
                raise Unknown
        for name in names.modules:
            self.name(f, "module ", name, sys.modules)
        for name, value in f.__dict__.items():
            if not name.startswith("__"):
                self.can_glance = False
                self.put(f, f"attribute {name}", value)

    def defaults(self, f: types.FunctionType) -> Hashable:
        defaults = (f.__defaults__, f.__kwdefaults__)
        key = self.value(defaults)
        if defaults != (None, None):
            self.glance.contents.append((defaults, key))
        return key

    def more_attributes(self, names: frozenset[str]) -> None:
        """Code reads attributes of these names: look again at the modules and classes that have been looked at."""
        if not names <= self.attributes:
            self.attributes |= names
            self.waiting += self.named
            self.named.clear()

    def module(self, module: types.ModuleType) -> None:
        self.named.append(module)
        for name in self.attributes:
            self.name(module, "", name, vars(module))

    def function_in_c(self, x: Any) -> Hashable:
        owner = getattr(x, "__self__", None)
        if owner is not None and not isinstance(owner, (types.ModuleType, type)):
            return (x.__name__, self.value(owner))
        module = getattr(x, "__module__", None) or getattr(getattr(x, "__objclass__", owner), "__module__", None) or ""
        if module.partition(".")[0] not in PURE_MODULES or id(x) in IMPURE:
            raise Unknown
        return Same(x)

    def class_(self, cls: type) -> None:
        self.named.append(cls)
        all_names = not self.attributes.isdisjoint(DYNAMIC)
        for base in cls.__mro__:
            if not in_python(base) or is_library(getattr(sys.modules.get(base.__module__), "__file__", None) or ""):
                continue
            self.can_glance = False
            for name, value in vars(base).items():
                special = name.startswith("__") and name.endswith("__")
                if isinstance(value, types.FunctionType) if special else (all_names or name in self.attributes):
                    self.put(base, name, value)

    def instance(self, x: Any) -> None:
        cls = type(x)
        if not all(map(in_python, cls.__mro__)):
            raise Unknown
        self.put(x, "class", cls)
        slots = [name for base in cls.__mro__ for name in slots_of(base)]
        for name, value in ({n: getattr(x, n) for n in slots if hasattr(x, n)} | getattr(x, "__dict__", {})).items():
            self.put(x, name, value)
        if isinstance(x, dict):
            self.put(x, "contents", list(x.items()))
        elif isinstance(x, ITERABLES):
            self.put(x, "contents", list(x))
        elif isinstance(x, SCALARS):
            kind: Any = next(k for k in SCALARS if isinstance(x, k))
            self.put(x, "contents", kind.__getnewargs__(x)[0])


READERS: dict[type, Callable[[_Walk, Any], Hashable]] = {
    **dict.fromkeys((float, complex, np.float64, np.int64), lambda walk, x: key_of(x)),
    **dict.fromkeys((tuple, list, set, frozenset), _Walk.items),
    **dict.fromkeys((dict, types.MappingProxyType), _Walk.mapping),
    **dict.fromkeys((types.FunctionType, types.ModuleType, Wrapper), _Walk.later),
    **dict.fromkeys(C_FUNCTIONS, _Walk.function_in_c),
    **dict.fromkeys(CONSTANT, lambda walk, x: Same(x)),
    slice: _Walk.slice,
    np.ndarray: _Walk.array,
    types.MethodType: _Walk.method,
    functools.partial: _Walk.partial,
}
"""How to read values of the commonest types."""


def in_python(cls: type) -> bool:
    """Whether instances of a class have no state in C, beside the contents of a container."""
    new = vars(cls).get("__new__")
    return (
        cls is object
        or cls in WITH_CONTENTS
        or bool(cls.__flags__ & HEAP_TYPE and (new is None or isinstance(getattr(new, "__func__", new), types.FunctionType)))
    )


HEAP_TYPE = 1 << 9
"""The flag of classes that are made by Python code (and some by C)."""


def slots_of(cls: type) -> list[str]:
    """The names under which the slots of a class are read."""
    slots = vars(cls).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    mangled = f"_{cls.__name__.lstrip('_')}"
    names = [mangled + n if n.startswith("__") and not n.endswith("__") else n for n in names]
    return [n for n in names if n not in ("__dict__", "__weakref__")]


class Names(NamedTuple):
    """The names in the code of a function and of those defined in it."""

    globals: frozenset[str]
    attributes: frozenset[str]
    modules: frozenset[str]


@lru_cache(maxsize=4096)
def names_of_code(code: types.CodeType) -> Names:
    """The globals that code reads, the attributes that it reads of anything, and the modules that it imports."""
    found: dict[str, set[str]] = {"GLOBAL": set(), "ATTR": set(), "MODULE": set()}
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            found["GLOBAL"].add(instruction.argval)
        elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"):
            found["ATTR"].add(instruction.argval)
        elif name == "IMPORT_NAME":
            found["MODULE"].add(instruction.argval)
    inner = [names_of_code(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    own = Names(*(frozenset(found[k]) for k in ("GLOBAL", "ATTR", "MODULE")))
    return Names(*(a.union(*parts) for a, *parts in zip(own, *inner, strict=True)))
