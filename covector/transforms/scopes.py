"""Names for parts of a program, which its locations say in messages: ``named_scope``, ``named_call``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from covector.core import errors
from covector.core.context import SCOPE, mode, value_of
from covector.transforms.arguments import check_callable, wrap_like

F = TypeVar("F", bound=Callable[..., Any])


def named_scope(name: str) -> AbstractContextManager[None]:
    """Give the operations within a name: where an operation was made is then told with it, ``file:line in f (in outer/inner)``.

    That is in covector's errors, in what `debug_nans`, `checkify` and `print_saved_residuals` say, and in the ``source`` of the
    equations of a program.  The program itself, and what it prints as, is the same.  What is traced once and used again (the
    function in `jit`, the body of a loop, a branch) has the names that it gives itself, and not those around.  An error that
    NumPy raises while a compiled function runs has the line alone.

    Args:
        name: the name; within another scope it follows that after a slash.

    Returns:
        A context manager, which may be used as a decorator too.

    Raises:
        ArgumentError: ``name`` is no string, or empty.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> def f(x):
        ...     with named_scope("encoder"), named_scope("norm"):
        ...         y = np.sqrt(x)
        ...     return y + 1.0
        >>> [e.source.scope for e in cv.make_jaxpr(f)(2.0).equations]
        ['encoder/norm', '']
    """
    if not isinstance(name, str) or not name:
        what = f"named_scope got {name!r} of type {type(name).__name__}, which is no name."
        raise errors.ArgumentError(what, fix="pass a string, as in named_scope('encoder')")
    return _scope(name)


@contextmanager
def _scope(name: str) -> Iterator[None]:
    around = value_of(SCOPE, "")
    with mode(SCOPE, f"{around}/{name}" if around else name):
        yield


def named_call(fun: F, *, name: str | None = None) -> F:
    """A function whose operations are within the scope of a name (see `named_scope`).

    Args:
        fun: any function.
        name: by default that of the function.

    Raises:
        ArgumentError: ``fun`` is no function, or ``name`` no string.

    Example:
        >>> import covector as cv
        >>> @named_call
        ... def attention(x):
        ...     return x * 2.0
        >>> str(cv.make_jaxpr(attention)(1.0).equations[0].source)
        '<doctest ...>:3 in attention (in attention): return x * 2.0'
    """
    check_callable(fun, "named_call")
    chosen = getattr(fun, "__name__", type(fun).__name__) if name is None else name
    named_scope(chosen)  # raises where it is no name

    def named(*args: Any, **kwargs: Any) -> Any:
        with _scope(chosen):
            return fun(*args, **kwargs)

    return wrap_like(fun, named, named_call, name=name)  # type: ignore[return-value]
