"""Static arguments: those that are part of a program rather than inputs of it (``static_argnums``, ``static_argnames``).

Donated ones (``donate_argnums``, ``donate_argnames``) are named in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, NamedTuple

from covector.core import errors
from covector.core.avals import typeof
from covector.core.keys import key_of
from covector.core.primitive import TracerBase
from covector.transforms import options
from covector.transforms.arguments import ArgNames, ArgNums, function_name
from covector.transforms.positional import Positional


class StaticCall(NamedTuple):
    """A call with its static arguments set apart: ``dynamic`` is a tree, ``key`` identifies the static values."""

    dynamic: tuple[tuple[Any, ...], dict[str, Any]]
    key: Hashable
    static_args: dict[int, Any]
    static_kwargs: dict[str, Any]

    def apply(self, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call ``f`` with the static arguments put back."""
        if self.static_args:
            args = list(args)
            for position, value in sorted(self.static_args.items()):
                args.insert(position, value)
        return f(*args, **kwargs, **self.static_kwargs)


class NamedArguments:
    """Arguments of a function, by position and by name, each implying the other through the signature."""

    def __init__(self, f: Callable[..., Any], argnums: ArgNums | None, argnames: ArgNames, kind: str):
        argnums, argnames = () if argnums is None else argnums, () if argnames is None else argnames
        self.positions = set(options.positions(argnums, f"{kind}_argnums", function_name(f)))
        self.names = set(options.names(argnames, f"{kind}_argnames", function_name(f)))
        if not self.positions and not self.names:
            return
        places = Positional(f)
        if places.signature is None:
            return
        positional, parameters = places.names, places.signature.parameters
        for n in list(self.positions):
            if -len(positional) <= n < len(positional):
                self.names.add(positional[n])
                self.positions = (self.positions - {n}) | {n % len(positional)}
            elif not places.variadic:
                what = f"{kind}_argnums names position {n}, but {places.name} has {len(positional)} parameters."
                raise errors.ArgumentError(what, fix="count the parameters from 0")
        if not self.names <= parameters.keys() and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            what = f"{kind}_argnames names {sorted(self.names - parameters.keys())}, which {places.name} does not have."
            raise errors.ArgumentError(what, fix=f"its parameters are {sorted(parameters)}")
        self.positions |= {i for i, name in enumerate(positional) if name in self.names}

    def __bool__(self) -> bool:
        return bool(self.positions or self.names)


class StaticArguments(NamedArguments):
    """Which arguments of a function are static."""

    def __init__(self, f: Callable[..., Any], argnums: ArgNums | None, argnames: ArgNames):
        super().__init__(f, argnums, argnames, "static")

    def call_of(self, args: tuple[Any, ...], kwargs: dict[str, Any], who: str) -> StaticCall:
        """Set the static arguments of a call apart."""
        if not self.positions and not self.names:
            return StaticCall((args, kwargs), None, {}, {})
        positions = {n % len(args) if n < 0 else n for n in self.positions if n < len(args)}
        static_args = {i: args[i] for i in positions}
        static_kwargs = {k: v for k, v in kwargs.items() if k in self.names}
        for name, value in (*static_args.items(), *static_kwargs.items()):
            _check_hashable(name, value, who)
        dynamic = tuple(a for i, a in enumerate(args) if i not in positions)
        key = key_of(tuple([tuple(sorted(named.items(), key=itemgetter(0))) for named in (static_args, static_kwargs)]))
        return StaticCall((dynamic, {k: v for k, v in kwargs.items() if k not in self.names}), key, static_args, static_kwargs)


def _check_hashable(name: Any, value: Any, who: str) -> None:
    if isinstance(value, TracerBase):
        what = f"{who} got a traced value of type {typeof(value)} for its static argument {name!r}."
        why = "a static argument is part of the program, so its value must be known"
        fix = "pass a plain Python value, or make the argument dynamic"
        raise errors.ArgumentError(what, why=why, fix=fix)
    try:
        hash(value)
    except TypeError:
        what = f"{who} got an unhashable value of type {type(value).__name__} for its static argument {name!r}."
        fix = "pass a hashable value (a tuple instead of a list), or make the argument dynamic"
        why = "programs are cached by the values of static arguments"
        raise errors.ArgumentError(what, why=why, fix=fix) from None
