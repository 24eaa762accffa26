"""``debug.print`` and ``debug.callback``: effects that see values and change nothing."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from covector.core.avals import is_value
from covector.core.pytrees import tree_flatten, tree_unflatten
from covector.interpreters.programs import choose, spread
from covector.primitives.effects import Callback, debug_callback_p
from covector.transforms.arguments import check_callable, function_name


def callback(callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call a Python function with the values of its arguments, each time that the program gets there.

    Args:
        callback: a function; its result is ignored.
        args: pytrees of arrays, and anything else, which is passed as it is.
        ordered: accepted for JAX's sake: programs run in order.
        kwargs: likewise.

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

    def run(*values: Any) -> list[Any]:
        shown = [np.asarray(v)[()] for v in values]
        own_args, own_kwargs = tree_unflatten(treedef, spread(is_array, shown, others))
        callback(*own_args, **own_kwargs)
        return []

    debug_callback_p.bind(*choose(is_array, leaves), callback=Callback(function_name(callback), run))


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print values, also in compiled, batched and differentiated functions.

    Args:
        fmt: a format string as for ``str.format``.
        args: what to format, arrays or anything else.
        ordered: accepted for JAX's sake: programs run in order.
        kwargs: likewise, by name.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> _ = cv.vmap(lambda x: cv.debug.print("x = {x}", x=x))(np.array([1.0, 2.0]))
        x = 1.0
        x = 2.0
    """
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print needs a format string first, and got {fmt!r}: write debug.print('{{}}', x)")

    def show(*values: Any, **named: Any) -> None:
        builtins.print(fmt.format(*values, **named))

    show.__name__ = show.__qualname__ = f"print({fmt!r})"
    callback(show, *args, **kwargs)
