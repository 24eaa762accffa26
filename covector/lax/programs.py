"""What JAX tells its compiler, under JAX's names; here there is one platform, and nothing is moved or replaced.

>>> platform_dependent(2.0, cpu=lambda x: x + 1, tpu=lambda x: x - 1)
3.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.core import errors
from covector.numpy.registry import as_array
from covector.transforms.scopes import named_call


def platform_dependent(*args: Any, default: Callable[..., Any] | None = None, **per_platform: Callable[..., Any]) -> Any:
    """Call the function that is meant for processors.

    Args:
        args: what it is called with.
        default: the function for platforms that are not named.
        per_platform: functions by the names of platforms (``cpu``, ``cuda``, ``tpu`` …); none but that of ``cpu`` is called, or
            traced.

    Raises:
        ArgumentError: there is neither ``cpu`` nor ``default``.

    >>> platform_dependent(2.0, tpu=lambda x: x - 1, default=lambda x: x)
    2.0
    """
    chosen = per_platform.get("cpu", default)
    if chosen is None:
        names = ", ".join(per_platform) or "no function"
        raise errors.ArgumentError(f"lax.platform_dependent got {names}.", fix="give cpu= or default=")
    return chosen(*args)


def optimization_barrier(operand: Any, /) -> Any:
    """The operand, a pytree.  Operations are not moved here; `covector.checkpoint` says what is computed again.

    >>> optimization_barrier((1.0, 2.0))
    (1.0, 2.0)
    """
    return operand


def composite(decomposition: Callable[..., Any], name: str, version: int = 0) -> Callable[..., Any]:
    """A function that a compiler may know by name; here it is what it is made of, in the scope
    of the name (`covector.named_scope`).

    Args:
        decomposition: the function, of arrays by position and of attributes by keyword.
        name: its name, as ``"my.softmax"``.
        version: a number.

    >>> composite(lambda x, *, scale: scale * x, "my.scale")(2.0, scale=3.0)
    6.0
    """
    if type(name) is not str or not name:
        raise errors.ArgumentError(f"lax.composite got name={name!r}.", fix="give a name that is not empty")

    return named_call(decomposition, name=name)


def stage(x: Any, /) -> Any:
    """A number as an array; what is traced is returned as it is.

    >>> stage(2.0)
    array(2.)
    """
    return as_array(x)


__all__ = [n for n in dir() if not n.startswith("_") and getattr(globals()[n], "__module__", "") == __name__]
