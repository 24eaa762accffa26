"""What stands for modules and functions in lifted code: proxies of modules, shims of compiled functions and of covector's own.

Each asks whether lifted code runs, and is the original otherwise.
"""

from __future__ import annotations

import copy
import functools
import importlib
import operator
import sys
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from numpy import ndarray

from covector.core.context import traces_now
from covector.core.primitive import Trace, TracerBase, open_trace
from covector.core.pytrees import NAMESPACE, optree, register_standing, tree_map
from covector.lifting.active import ACTIVE, StandsFor, as_covector, is_active
from covector.lifting.cells import Cell
from covector.lifting.functions import owned
from covector.lifting.lifted import LIFTED, has_lifted, unwrap, wrap
from covector.lifting.memory import holds_cells, memory_of
from covector.lifting.roots import GAPS, UNSURE
from covector.numpy.at import Part, at
from covector.transforms.custom_rules import CustomFunction

_by_identity: dict[int, tuple[Any, Any]] = {}
"""For the identity of an object: the object, so that nothing else takes its identity, and what stands for it."""


_originals: dict[int, tuple[Any, Any]] = {}
"""The same backwards."""


def stand_in(original: Any, other: Any) -> Any:
    """Let something stand for an object, and give it back."""
    _by_identity[id(original)] = original, other
    _originals[id(other)] = other, original
    return other


def original_of(x: Any) -> Any:
    """What something stands for; anything else itself."""
    found = _originals.get(id(x))
    return x if found is None else found[1]


def known_stand_in(original: Any) -> Any:
    """What stands for an object; None if nothing does."""
    found = _by_identity.get(id(original))
    return None if found is None else found[1]


def have_stand_in(values: Iterable[Any]) -> bool:
    """Whether something stands for any of the values."""
    return not _by_identity.keys().isdisjoint(map(id, values))


OBJECTS = {
    "interpolate": "BSpline PPoly CubicSpline CubicHermiteSpline PchipInterpolator Akima1DInterpolator interp1d"
    " RegularGridInterpolator UnivariateSpline InterpolatedUnivariateSpline",
    "stats": "gaussian_kde",
    "stats.frozen": "Frozen",
    "stats.distributions": "Continuous Discrete",
    "spatial.transform": "Rotation Slerp",
    "sparse.linalg": "SuperLU",
}
"""Classes of covector's whose objects are called, or have methods, in lifted code: by their modules in `covector.scipy`."""

_modules = {name: f"covector.scipy.{module}" for module, names in OBJECTS.items() for name in names.split()}


def is_ours(cls: type) -> bool:
    """Whether a class is one of `OBJECTS`."""
    module = _modules.get(cls.__name__)
    return module is not None and getattr(sys.modules.get(module), cls.__name__, None) is cls


def is_object(x: Any) -> bool:
    """Whether something is an object of one of these classes."""
    return is_ours(type(x))


class ModuleProxy(StandsFor, ModuleType):
    """Stands for a module; what is set or deleted here is set or deleted there."""

    def __init__(self, real: ModuleType, names: dict[str, Any]):
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update(names, _original=real)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._original, name, original_of(value))
        self.__dict__.pop(name, None)

    def __delattr__(self, name: str) -> None:
        delattr(self._original, name)
        self.__dict__.pop(name, None)

    def __dir__(self) -> list[str]:
        return dir(self._original)

    def __reduce__(self) -> Any:
        return importlib.import_module, (self._original.__name__,)


_meeting: list[Callable[[], None]] = []


def when_modules_are_met(meet: Callable[[], None]) -> None:
    """Declare what makes modules known that a lifted function has imported."""
    _meeting.append(meet)


class Proxy(ModuleProxy):
    """Stands for a module, with other things under some of its names."""

    def __init__(self, real: ModuleType, names: dict[str, Any]):
        kept = {n: v for n, v in vars(real).items() if n not in ("__name__", "__class__", "__getattr__")}
        super().__init__(real, kept | names)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._original, name)
        if type(value) is ModuleType:  # which this may have imported, as `scipy.signal`
            for meet in _meeting:
                meet()
        found = known_stand_in(value)
        return value if found is None else found

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.__dict__[name] = value


class CovectorProxy(ModuleProxy):
    """Stands for a module of covector's: its functions are `OfCovector`."""

    def __getattr__(self, name: str) -> Any:
        value = of_covector(super().__getattr__(name))
        if is_object(value) or (type(value) is type and is_ours(value)):
            value = Object(value)
        if type(value) in (OfCovector, CovectorProxy, Object):
            self.__dict__[name] = value
        return value


OF_TREES = ("covector.core.pytrees", "covector.tree_util")
"""Where functions of pytrees are, ``tree_map`` and the others."""

KEPT = frozenset("lift lifted make_jaxpr typeof errors tree report uninstall".split())
"""What is covector's and stays as it is."""


def of_covector(value: Any) -> Any:
    """What stands for a module, a function or ``at`` of covector's; anything else itself."""
    known = known_stand_in(value)
    if known is not None:
        return known
    if type(value) is ModuleType and value.__name__.startswith("covector"):
        return stand_in(value, CovectorProxy(value, {}))
    if type(value) is not FunctionType and value is not at:  # of others nothing is asked: they may load what they stand for
        return value
    name, home = value.__name__, str(value.__module__)
    if not home.startswith("covector") or name in KEPT:
        return value
    made = OfTree if name.startswith("tree_") and home in OF_TREES else OfCovector
    return stand_in(value, made(value)) if getattr(sys.modules.get(home), name, None) is value else value


class StandIn(StandsFor):
    """Stands for something that is called."""

    def __init__(self, original: Any):
        self.__dict__.update(_original=original, __wrapped__=original, __doc__=getattr(original, "__doc__", None))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.lifted(args, kwargs) if is_active() else self._original(*args, **kwargs)

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """The call in lifted code."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        home, name = getattr(self._original, "__module__", None), getattr(self._original, "__name__", "")
        is_found = getattr(sys.modules.get(str(home)), name, None) is self  # where pickle would look for the original
        return (_original_at, (home, name)) if is_found else super().__reduce__()

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x._original if issubclass(type(x), Object) else x, self._original)

    def __subclasscheck__(self, cls: Any) -> bool:
        return issubclass(cls, self._original)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (self._original,)


def _original_at(module: str, name: str) -> Any:
    return original_of(getattr(importlib.import_module(module), name))


class Compiled(StandIn):
    """A compiled function: it gets the memory of plain values, and traced ones are refused by name."""

    def __getitem__(self, key: Any) -> Compiled:
        return Compiled(self._original[key])  # one of the types that it is compiled for

    def lifted(self, args: Any, kwargs: Any) -> Any:
        original = self._original
        given = (*args, *kwargs.values())
        if not (has_lifted(args) or has_lifted(kwargs) or any(map(holds_cells, given))):
            return original(*args, **kwargs)
        name = name_of(original)
        values = [memory_of(x, name) for x in args]
        found = original(*values, **{k: memory_of(x, name) for k, x in kwargs.items()})
        return owned(found, [x for x in given if type(x) is Cell], [x for x in given if type(x) is ndarray])


def name_of(function: Any) -> str:
    """The name of a function with its module."""
    name = getattr(function, "__name__", type(function).__name__)
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else str(name)


class OfCovector(StandIn):
    """A function or transformation of covector's: functions that it is given are lifted, and so is what it makes of them."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is None:
            return self._original(*args, **kwargs)
        found = self.lifted(args, kwargs)
        return OfCovector(found) if type(found) in (at, Part) else result(found)

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """The call in lifted code."""
        given = _part_of_a_rule if _makes_rules(self._original) else argument
        calls_back = getattr(self._original, "__name__", "") in CALLING_BACK
        values = [x if calls_back and i == 0 else given(x) for i, x in enumerate(args)]
        options = {k: x if calls_back and k == "callback" else given(x) for k, x in kwargs.items()}
        return as_covector(self._original, *values, **options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        is_lifted = type(self._original) is Part or (isinstance(self._original, CustomFunction) and _makes_rules(found))
        return OfCovector(found) if is_lifted and callable(found) else found

    def __getitem__(self, key: Any) -> Any:
        found = self._original[unwrap(key)]
        return OfCovector(found) if ACTIVE.get() is not None else found


class Boxed:
    """An array of lifted code as a leaf that is no value."""

    __slots__ = ("array",)

    def __init__(self, array: Cell):
        self.array = array

    def __bool__(self) -> bool:
        return bool(self.array)


class OfTree(OfCovector):
    """A function of pytrees: arrays that it hands on, or gives a function, are those that are in the tree."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is None:
            return self._original(*args, **kwargs)
        args, kwargs = _on_leaves(_boxed, (args, kwargs))
        return _on_leaves(_unboxed, self._original(*args, **kwargs))


def _on_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    return optree().tree_map(f, tree, namespace=NAMESPACE)


def _boxed(x: Any) -> Any:
    if type(x) is Cell:
        return Boxed(x)
    return (lambda *given: _on_leaves(_boxed, x(*_on_leaves(_unboxed, given)))) if is_function(x) else x


def _unboxed(x: Any) -> Any:
    return x.array if type(x) is Boxed else wrap(x)


class Object(OfCovector):
    """A class of covector's, or an object of one, in lifted code: its methods are `OfCovector`."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        return OfCovector(found) if is_function(found) and not is_object(found) else result(found)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._original, name, unwrap(value))


class Turn(Object):
    """A rotation, or an array of them."""

    def __len__(self) -> int:
        return len(self._original)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "mul": operator.mul,
    "rmul": lambda x, y: y * x,
    "pow": pow,
    "getitem": operator.getitem,
}
for _name, _operation in OPERATIONS.items():
    setattr(Turn, f"__{_name}__", lambda self, *args, _operation=_operation: OfCovector(_operation)(self, *args))

for _cls in (Object, Turn):
    register_standing(_cls, lambda x: x._original)


RULES = frozenset("custom_jvp custom_vjp custom_gradient custom_vmap defjvp defjvps defvjp def_vmap".split())
"""What is given functions that have derivatives, or batches, of their own."""


CALLING_BACK = frozenset("pure_callback io_callback callback".split())
"""What calls its first argument with plain arrays: that is code outside of the lifted run."""


def _makes_rules(x: Any) -> bool:
    return isinstance(x, (FunctionType, MethodType)) and x.__name__ in RULES


class Apart(Trace):
    """Is open while such a function runs: what it writes into arrays from outside is in none of its rules."""

    __slots__ = ()


def apart(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that has rules, or a rule, which writes into no array that was made outside of it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with open_trace(Apart, getattr(f, "__name__", "a custom rule")):
            return f(*args, **kwargs)

    return functools.update_wrapper(call, f, updated=())


def _part_of_a_rule(x: Any) -> Any:
    return apart(argument(x)) if is_function(x) else argument(x)


def result(value: Any) -> Any:
    """What a function of covector's gives, in lifted code: functions and objects among it are covector's too."""
    return tree_map(_result, value, is_leaf=lambda x: is_object(x) or is_function(x))


def _result(value: Any) -> Any:
    if is_object(value):
        return Turn(value) if type(value).__name__ == "Rotation" else Object(value)
    if _is_found(value):
        value.update({k: result(x) for k, x in value.items()})
        if "asked" in vars(value):
            value.later(**{k: OfCovector(f) for k, f in value.asked.items()})
        return value
    if is_function(value):
        return OfCovector(value)
    found = wrap(value) if traces_now() else value
    if type(found) is Cell:
        found.root.state |= UNSURE | GAPS
    return found


def _is_found(x: Any) -> bool:
    """Whether something is what a solver found."""
    return issubclass(type(x), getattr(sys.modules.get("scipy.optimize"), "OptimizeResult", ()))


class Transformed(OfCovector):
    """What a transformation made of a function outside of lifted code: within, it is what it makes of the lifted function."""

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """The call in lifted code."""
        packages = tuple(sorted(ACTIVE.get() or ()))
        made = self.__dict__.setdefault("_made", {})
        if packages not in made:
            made[packages] = _of_lifted(self._original, packages)
        found = made[packages]
        if found is None:
            return self._original(*map(argument, args), **{k: argument(x) for k, x in kwargs.items()})
        return found.lifted(args, kwargs)


def _of_lifted(original: Any, packages: tuple[str, ...]) -> OfCovector | None:
    """The same transformation of the lifted function, or lifted rules; None where it cannot be made anew."""
    if hasattr(original, "again"):
        return OfCovector(original.again(_lift[0](original.__wrapped__, packages)))
    if not isinstance(original, CustomFunction):
        return None
    other = copy.copy(original)
    other.fun = apart(_lift[0](original.fun, packages))
    if original.jvp_rule is not None:
        other.jvp_rule = apart(_lift[0](original.jvp_rule, packages))
    if original.vjp_rule is not None:
        fwd, bwd = original.vjp_rule
        other.vjp_rule = apart(_lift[0](fwd, packages)), apart(_lift[0](bwd, packages))
    return OfCovector(other)


FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)


def is_function(x: Any) -> bool:
    """Whether something is called that is no class."""
    return isinstance(x, FUNCTIONS) or (callable(x) and not isinstance(x, (type, TracerBase)) and type(x) not in LIFTED)


_lift: list[Callable[[Any, tuple[str, ...]], Any]] = []


def use_lift(lift: Callable[[Any, tuple[str, ...]], Any]) -> None:
    """Say what lifts functions that are given to transformations in lifted code."""
    _lift[:] = [lift]


def parts_of(x: Any) -> Iterable[Any] | None:
    """What a list, a tuple, a dictionary, bounds or a constraint hold; None for anything else."""
    if type(x) in (list, tuple):
        return x  # type: ignore[no-any-return]
    return x.values() if type(x) is dict else vars(x).values() if _is_constraint(x) else None


def with_parts(f: Callable[[Any], Any], x: Any) -> Any:
    """The same, of what a function gives for what it holds."""
    if type(x) in (list, tuple):
        return type(x)(map(f, x))
    if type(x) is dict:
        return {k: f(v) for k, v in x.items()}
    found = copy.copy(x)
    vars(found).update({k: f(v) for k, v in vars(x).items()})
    return found


CONSTRAINTS = frozenset("Bounds LinearConstraint NonlinearConstraint".split())


def _is_constraint(x: Any) -> bool:
    name = type(x).__name__
    return name in CONSTRAINTS and getattr(sys.modules.get("scipy.optimize"), name, None) is type(x)


def argument(x: Any) -> Any:
    """An argument of a function of covector's: values in place of cells, and functions that are given cells."""
    if parts_of(x) is not None:
        return with_parts(argument, x)
    if is_function(x):
        return x._original if issubclass(type(x), Object) else _lift[0](x, tuple(ACTIVE.get() or ()))
    return of_entries(x) if holds_cells(x) else unwrap(x)


def of_entries(x: Any) -> Any:
    """Covector's sparse matrix of the same entries."""
    entries = x.tocoo()
    make = importlib.import_module("covector.scipy.sparse").coo_array
    return as_covector(make, (unwrap(entries.data), tuple(unwrap([entries.row, entries.col]))), entries.shape)
