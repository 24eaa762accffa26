"""Staging once: ``jit``.

A jitted function is traced once for each structure, type and static value of its arguments; later calls run the cleaned
program.  Programs are cached with the function that they came from, weakly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from covector.core import errors
from covector.core.avals import typeof
from covector.core.jaxpr import Jaxpr
from covector.core.primitive import TracerBase
from covector.core.pytrees import tree_flatten, tree_paths, tree_unflatten
from covector.interpreters.clean import clean
from covector.interpreters.evaluate import compiled
from covector.interpreters.stage import stage
from covector.primitives.call import jit_p
from covector.transforms.arguments import check_callable, check_leaves, flatten_values, function_name, transformed, wrap_like


class StaticCall(NamedTuple):
    """A call with its static arguments set apart: ``dynamic`` is a tree, ``key`` identifies the static values."""

    dynamic: tuple[tuple[Any, ...], dict[str, Any]]
    key: Hashable
    static_args: dict[int, Any]
    static_kwargs: dict[str, Any]

    def apply(self, f: Callable[..., Any], dynamic: Any) -> Any:
        """Call ``f`` with the static arguments put back."""
        args, kwargs = list(dynamic[0]), dynamic[1]
        for position, value in sorted(self.static_args.items()):
            args.insert(position, value)
        return f(*args, **kwargs, **self.static_kwargs)


class StaticArguments:
    """Which arguments of a function are static: by position and by name, each implying the other through the signature."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int], argnames: str | Sequence[str]):
        self.positions = {argnums} if isinstance(argnums, int) else set(argnums)
        self.names = {argnames} if isinstance(argnames, str) else set(argnames)
        if not self.positions and not self.names:
            return
        try:
            parameters = list(inspect.signature(f).parameters.values())
        except (TypeError, ValueError):
            return
        positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        for n in list(self.positions):
            if -len(positional) <= n < len(positional):
                self.names.add(positional[n])
                self.positions = (self.positions - {n}) | {n % len(positional)}
            elif not variadic:
                raise errors.ArgumentError(
                    errors.describe(
                        f"static_argnums names position {n}, but {function_name(f)} has {len(positional)} positional parameters.",
                        fix="count the parameters from 0",
                    )
                )
        known = {p.name for p in parameters}
        if not self.names <= known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise errors.ArgumentError(
                errors.describe(
                    f"static_argnames names {sorted(self.names - known)}, which {function_name(f)} does not have.",
                    fix=f"its parameters are {sorted(known)}",
                )
            )
        self.positions |= {i for i, name in enumerate(positional) if name in self.names}

    def split(self, args: tuple[Any, ...], kwargs: dict[str, Any], who: str) -> StaticCall:
        """Set the static arguments of a call apart."""
        if not self.positions and not self.names:
            return StaticCall((args, kwargs), None, {}, {})
        positions = {n % len(args) if n < 0 else n for n in self.positions if n < len(args)}
        static_args = {i: args[i] for i in positions}
        static_kwargs = {k: v for k, v in kwargs.items() if k in self.names}
        for name, value in (*static_args.items(), *static_kwargs.items()):
            _check_hashable(name, value, who)
        dynamic = tuple(a for i, a in enumerate(args) if i not in positions)
        key = (tuple(sorted(_typed(static_args))), tuple(sorted(_typed(static_kwargs))))
        return StaticCall((dynamic, {k: v for k, v in kwargs.items() if k not in self.names}), key, static_args, static_kwargs)


class _Static:
    """A static value as part of a cache key: equal only to an equal value of the same type (1, 1.0 and True differ)."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Static) and type(self.value) is type(other.value) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __lt__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return repr(self.value)


def _typed(static: dict[Any, Any]) -> list[tuple[Any, _Static]]:
    return [(name, _Static(value)) for name, value in static.items()]


def _check_hashable(name: Any, value: Any, who: str) -> None:
    if isinstance(value, TracerBase):
        raise errors.ArgumentError(
            errors.describe(
                f"{who} got a traced value of type {typeof(value)} for its static argument {name!r}.",
                why="a static argument is part of the program, so its value must be known",
                fix="pass a plain Python value, or make the argument dynamic",
            )
        )
    try:
        hash(value)
    except TypeError:
        raise errors.ArgumentError(
            errors.describe(
                f"{who} got an unhashable value of type {type(value).__name__} for its static argument {name!r}.",
                why="programs are cached by the values of static arguments",
                fix="pass a hashable value (a tuple instead of a list), or make the argument dynamic",
            )
        ) from None


class Entry(NamedTuple):
    """A traced function: its program, how to run it on arrays, the structure of its result."""

    jaxpr: Jaxpr
    run: Callable[..., list[Any]]
    hoisted: list[Any]
    out_tree: Any


_caches: WeakKeyDictionary[Any, dict[Hashable, dict[Hashable, Entry]]] = WeakKeyDictionary()


def _cache_for(f: Callable[..., Any], options: Hashable) -> dict[Hashable, Entry]:
    """The cache of a function with these options; shared by all ``jit`` of it, and dropped with it."""
    try:
        return _caches.setdefault(f, {}).setdefault(options, {})
    except TypeError:  # not hashable, or no weak references to it
        return {}


def jit(
    f: Callable[..., Any] | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Callable[..., Any]:
    """Trace a function once, and run its cleaned program from then on.

    Dead code, common subexpressions and constants are removed, and Python is not run again.  Under other transformations a
    jitted function is one operation whose program is transformed, also without running Python again.

    Args:
        f: a function of pytrees of arrays; it must not depend on anything but its arguments.
        static_argnums: positions of arguments that are part of the program, of any hashable type.
        static_argnames: names of such arguments.

    Returns:
        The compiled function.  Its attributes: ``cache_size()``; ``clear_cache()``; ``explain()``, a text that says for each
        trace what was new about the arguments.

    Raises:
        TracerBoolConversionError and its like: ``f`` needs the value of an argument that is not static.

    Example:
        >>> import numpy as np
        >>> @jit
        ... def f(x):
        ...     return np.sum(x**2)
        >>> float(f(np.arange(3.0)))
        5.0
    """
    if f is None:
        return lambda f: jit(f, static_argnums, static_argnames)
    check_callable(f, "jit")
    statics = StaticArguments(f, static_argnums, static_argnames)
    has_statics = bool(statics.positions or statics.names)
    who = transformed("jit", f)
    name = getattr(f, "__name__", "f")
    cache = _cache_for(f, (frozenset(statics.positions), frozenset(statics.names)))

    def jitted(*args: Any, **kwargs: Any) -> Any:
        if has_statics:
            call = statics.split(args, kwargs, who.name)
            leaves, treedef = tree_flatten(call.dynamic)
            key: Hashable = (treedef, call.key, *_avals(leaves, call.dynamic, who.name))
        else:
            leaves, treedef = tree_flatten((args, kwargs))
            key = (treedef, None, *_avals(leaves, (args, kwargs), who.name))
        entry = cache.get(key)
        if entry is None:
            entry = _trace(f, who, statics.split(args, kwargs, who.name), treedef, key[2:])  # type: ignore[index]
            if not entry.hoisted:  # a program that closes over tracers is of no use once they are gone
                cache[key] = entry
        for leaf in leaves:
            if isinstance(leaf, TracerBase):
                break
        else:
            if not entry.hoisted:
                return tree_unflatten(entry.out_tree, entry.run(*leaves))
        return tree_unflatten(entry.out_tree, jit_p.bind(*entry.hoisted, *leaves, jaxpr=entry.jaxpr, name=name))

    wrapper = wrap_like(f, jitted, "jit")
    wrapper.cache_size = lambda: len(cache)  # type: ignore[attr-defined]
    wrapper.clear_cache = cache.clear  # type: ignore[attr-defined]
    wrapper.explain = lambda: _explain(who.name, list(cache))  # type: ignore[attr-defined]
    return wrapper


def _avals(leaves: list[Any], tree: Any, who: str) -> list[Any]:
    try:
        return [typeof(leaf) for leaf in leaves]
    except TypeError:
        check_leaves(leaves, lambda: tree_paths(tree), who)
        raise


def _trace(f: Callable[..., Any], who: Any, call: StaticCall, treedef: Any, avals: Sequence[Any]) -> Entry:
    trees = []

    def flat(*tracers: Any) -> list[Any]:
        outs, tree = flatten_values([call.apply(f, tree_unflatten(treedef, tracers))], who.name)
        trees.append(tree)
        return outs

    jaxpr, hoisted = stage(flat, avals, name=who.name, origin=who.origin)
    return Entry(jaxpr, compiled(clean(jaxpr)), hoisted, _only_child(trees[0]))


def _only_child(treedef: Any) -> Any:
    """The structure of the one element of a list's structure."""
    return treedef.child(0)


def _explain(who: str, keys: list[Any]) -> str:
    """For each trace how its key differs from the closest one before."""
    lines = [f"{who}: traced {len(keys)} time{'s' * (len(keys) != 1)}"]
    for i, key in enumerate(keys):
        avals = ", ".join(map(str, key[2:]))
        reasons = [_difference(old, key) for old in keys[:i]]
        reason = min(reasons, key=len) if reasons else "first call"
        lines.append(f"  {i + 1}. ({avals}){f' static {key[1]}' if key[1] is not None else ''}: {reason}")
    return "\n".join(lines)


def _difference(old: Any, new: Any) -> str:
    if old[0] != new[0]:
        return "the arguments have another structure"
    if old[1] != new[1]:
        return "a static argument has another value"
    changed = [f"{a} became {b}" for a, b in zip(old[2:], new[2:], strict=True) if a != b]
    return ", ".join(changed)
