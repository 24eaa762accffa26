"""The arguments of a call by position, as rules take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core import errors
from covector.transforms.arguments import ArgNums, Names, function_name, positional_names, signature_of


class Positional:
    """Gives the arguments of calls of a function by position, defaults included; its signature is read once."""

    def __init__(self, fun: Callable[..., Any]):
        self.name = function_name(fun)
        self.signature = None if isinstance(fun, np.ufunc) else signature_of(fun)  # that of a ufunc has ``out``
        self.names = positional_names(self.signature)
        kinds = [] if self.signature is None else [p.kind for p in self.signature.parameters.values()]
        self.variadic = self.signature is None or inspect.Parameter.VAR_POSITIONAL in kinds

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs and (self.signature is None or len(args) >= len(self.names)):
            return args
        if self.signature is None:
            raise self.error(f"{self.name} is called with keyword arguments, and its signature is not known.")
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named = [name for name in kwargs if name not in self.names]
        if named:
            raise self.error(f"{self.name} is called with arguments {named} that can only be passed by name.")
        return bound.args

    def places(self, argnums: ArgNums, argnames: Names, what: str) -> tuple[int, ...]:
        """The positions that are given by number (negative ones count from the end of a call) or by name."""
        numbers = [argnums] if isinstance(argnums, int) else list(argnums)
        names = [argnames] if isinstance(argnames, str) else list(argnames)
        count = len(self.names)
        for n in numbers:
            if isinstance(n, bool) or not hasattr(n, "__index__"):
                raise self.error(f"{what} of {self.name} has {n!r} among its positions.", "count the arguments from 0")
            if not self.variadic and not -count <= n < count:
                raise self.error(f"{what} of {self.name} names position {n}, and it has {count} parameters.", "count from 0")
        unknown = [n for n in names if n not in self.names]
        if unknown:
            raise self.error(f"{what} of {self.name} names {unknown}, and its parameters are {self.names}.")
        if not self.variadic:
            numbers = [int(n) % count for n in numbers]
        return tuple(dict.fromkeys([*map(int, numbers), *map(self.names.index, names)]))

    def error(self, what: str, fix: str = "pass arguments by position, for rules take them so") -> errors.ArgumentError:
        return errors.ArgumentError(what, fix=fix)
