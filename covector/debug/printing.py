"""``debug.print`` and ``debug.callback``: effects that see values and change nothing."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import is_value
from covector.core.pytrees import tree_flatten, tree_unflatten
from covector.interpreters.programs import choose, spread
from covector.primitives.effects.callbacks import Callback, debug_callback_p
from covector.transforms.arguments import check_callable, function_name
from covector.transforms.formats import check_format


def callback(callback: Callable[..., Any], *args: Any, ordered: bool = False, partitioned: bool = False, **kwargs: Any) -> None:
    """Call a Python function with the values of its arguments, each time that the program gets there.

    Args:
        callback: a function; its result is ignored.
        args: pytrees of arrays, and anything else, which is passed as it is.
        ordered, partitioned: accepted for JAX's sake: programs run in order, on one device.
        kwargs: further arguments, by name.

    Under `jit` it is called when the program runs; under `vmap` for one example after the other; under derivatives with the
    value, once.

    Example:
        >>> import covector as cv
        >>> seen = []
        >>> _ = cv.jit(lambda x: callback(seen.append, x + 1))(1.0)
        >>> [float(x) for x in seen]
        [2.0]
    """
    check_callable(callback, "debug.callback")
    leaves, treedef = tree_flatten((args, kwargs))
    is_array = [is_value(x) for x in leaves]
    others = [None if m else x for x, m in zip(leaves, is_array, strict=True)]

    flat = Effect(callback, treedef, tuple(is_array), tuple(others))
    debug_callback_p.bind(*choose(is_array, leaves), callback=Callback(function_name(callback), flat.run))


class Effect(NamedTuple):
    """A callback on those of its flat arguments that are arrays; the others are given."""

    callback: Callable[..., Any]
    treedef: Any
    is_array: tuple[bool, ...]
    others: tuple[Any, ...]

    def run(self, *values: Any) -> list[Any]:
        shown = [np.asarray(v)[()] for v in values]
        args, kwargs = tree_unflatten(self.treedef, spread(self.is_array, shown, self.others))
        self.callback(*args, **kwargs)
        return []


class Print(NamedTuple):
    """Prints values in a format."""

    fmt: str

    @property
    def __name__(self) -> str:
        return f"print({self.fmt!r})"

    def __call__(self, *values: Any, **named: Any) -> None:
        builtins.print(self.fmt.format(*values, **named))


def print(
    fmt: str,
    *args: Any,
    ordered: bool = False,
    partitioned: bool = False,
    skip_format_check: bool = False,
    **kwargs: Any,
) -> None:
    """Print values, also in compiled, batched and differentiated functions.

    Args:
        fmt: a format string as for ``str.format``.
        args: what to format, arrays or anything else.
        ordered, partitioned: accepted for JAX's sake: programs run in order, on one device.
        skip_format_check: do not look whether the format goes with the arguments before the values are known.
        kwargs: what to format by name.

    Raises:
        ArgumentError: the format does not go with the arguments.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> _ = cv.vmap(lambda x: cv.debug.print("x = {x}", x=x))(np.array([1.0, 2.0]))
        x = 1.0
        x = 2.0
    """
    if not skip_format_check:
        check_format("debug.print", fmt, args, kwargs, "debug.print('{}', x)")

    show: Any = Print(fmt)
    callback(show, *args, **kwargs)
