"""``lift``: a function of NumPy code as people write it, for every transformation.

>>> import numpy as np, covector as cv
>>> @lift
... def squares(x):
...     y = np.zeros(len(x))
...     for i in range(len(x)):
...         y[i] = float(i) * x[i] ** 2
...     return y.sum()
>>> cv.grad(squares)(np.ones(3))
array([0., 2., 4.])
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any

import numpy as np
from numpy import ndarray

from covector.core import errors
from covector.core.context import open_traces
from covector.core.primitive import TracerBase
from covector.core.pytrees import NAMESPACE, optree, tree_map, tree_unflatten
from covector.core.tracebacks import hiding_frames
from covector.interpreters.batch import BatchTracer
from covector.interpreters.jvp import JVPTracer
from covector.lifting import calling, methods, operators, placing, sharing  # noqa: F401 - they register what cells do
from covector.lifting.active import ACTIVE
from covector.lifting.caught import caught_errors
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, known, make_scalar
from covector.lifting.memory import holds_cells
from covector.lifting.rebinding import install, report, uninstall
from covector.lifting.roots import ALIASED, GAPS, GIVEN, READONLY, SHARED, UNSURE, Root
from covector.lifting.stand_ins import known_stand_in, of_entries, use_lift
from covector.lifting.views import strides_of
from covector.transforms.arguments import Wrapper, check_callable, function_name


def lift(f: Callable[..., Any], packages: str | Sequence[str] = ()) -> Callable[..., Any]:
    """A function whose NumPy code may write in place, make arrays and convert to them, under every transformation.

    While it runs under a transformation, arrays in it (arguments, and what it makes) are such that ``x[i] = v`` with a traced
    ``v``, writes through views, ``np.asarray(x)``, ``np.zeros``, ``math.sin(x)``, type tests by ``isinstance``, ``x.item()``
    mean what they mean in NumPy.  What cannot be kept raises.

    A plain call runs ``f`` itself, which may write its arguments; under a transformation the caller's arrays never change.

    Args:
        f: a function of pytrees of arrays, also of another package's.
        packages: packages (or modules) in which ``float(x)``, ``complex(x)``, ``np.float64(x)`` and their like keep the
            derivative, and ``type(x)`` is NumPy's; elsewhere they raise for traced values, and it is not.

    Returns:
        A function of the same arguments.  ``lift.report()`` lists the names that were replaced in modules for it,
        ``lift.uninstall()`` puts them back.

    Raises:
        InPlaceWriteError: a traced value was written where it would be lost: into an array from outside of the function, or
            one whose memory compiled code holds.
        TracerArrayConversionError: compiled code was given a traced value.
        ArgumentError: ``f`` returned a generator or a coroutine.

    Example:
        >>> import numpy as np, covector as cv
        >>> def running(x):
        ...     y = np.array(x, dtype=float)
        ...     for i in range(1, len(y)):
        ...         y[i] += 0.5 * y[i - 1]
        ...     return y[-1]
        >>> cv.grad(cv.lift(running))(np.ones(3))
        array([0.25, 0.5 , 1.  ])
    """
    if isinstance(f, (staticmethod, classmethod)):
        return type(f)(lift(f.__func__, packages))
    check_callable(f, "lift")
    named = _named(packages)
    if isinstance(f, Wrapper) and hasattr(f, "again"):  # what a transformation made is made of the lifted function
        return f.again(lift(f.__wrapped__, packages))  # type: ignore[no-any-return]
    inner = inspect.unwrap(f)
    seen = False

    def lifted_f(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        now = ACTIVE.get()
        install(named, inner, anew=not seen)
        seen = True
        token = None if now is not None and named <= now else ACTIVE.set((now or frozenset()) | named)
        try:
            leaves, treedef = optree().tree_flatten((args, kwargs), namespace=NAMESPACE)
            if not (open_traces() or any(map(_is_tracer, leaves))) or any(type(x) in LIFTED for x in leaves):
                return f(*args, **kwargs)
            given_args, given_kwargs = tree_unflatten(treedef, _entered(leaves))
            with caught_errors(f):
                return _leave((known_stand_in(f) or f)(*given_args, **given_kwargs), f)
        finally:
            if token is not None:
                ACTIVE.reset(token)

    has_own = isinstance(f, (FunctionType, MethodType))  # attributes, as events of `solve_ivp` have
    wrapped = functools.update_wrapper(hiding_frames(lifted_f), f, updated=("__dict__",) if has_own else ())
    wrapped.__qualname__ = function_name(f)  # an object that is called has none
    return wrapped


def _named(packages: Any) -> frozenset[str]:
    names = [packages] if isinstance(packages, str) else packages
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(isinstance(name, str) for name in names):
        what = f"lift got packages={packages!r}."
        raise errors.ArgumentError(what, fix="give the names of packages: lift(f, packages=['filterpy'])")
    for name in names:
        if (
            name not in ("*", "__main__")
            and name not in sys.modules
            and importlib.util.find_spec(name.partition(".")[0]) is None
        ):
            raise errors.ArgumentError(f"lift got the package {name!r}, which is not installed.", fix="look at its spelling")
    return frozenset(names)


def _is_tracer(x: Any) -> bool:
    return isinstance(x, TracerBase)


def _entered(leaves: list[Any]) -> list[Any]:
    """Arguments: what is given twice is one array, and what shares memory with another is not written."""
    met: dict[int, Any] = {}
    entered = [met[id(x)] if id(x) in met else met.setdefault(id(x), _enter(x)) for x in leaves]
    plain = list(
        {id(x): (x, c.root) for x, c in zip(leaves, entered, strict=True) if type(x) is ndarray and type(c) is Cell}.values()
    )
    for i, (x, root) in enumerate(plain):
        for y, other in plain[:i]:
            if np.may_share_memory(x, y):
                root.state |= ALIASED
                other.state |= ALIASED
    return entered


def _enter(x: Any) -> Any:
    """An argument: the caller's array is read, and copied when it is written."""
    if type(x) is ndarray and x.dtype.kind in "biufc":
        return Cell(Root(x, GIVEN | SHARED | (0 if x.flags.writeable else READONLY)), None, x, x)
    if not isinstance(x, TracerBase):
        return x
    value = known(x)
    if not x.shape and type(value) is not ndarray:  # type: ignore[attr-defined]
        return make_scalar(x)
    if type(value) is not ndarray:
        return Cell(Root(x, GIVEN if _is_example(x) else GIVEN | UNSURE | GAPS))
    is_broadcast = any(n > 1 and not stride for n, stride in zip(value.shape, value.strides, strict=True))
    return Cell(Root(x, GIVEN | (READONLY if is_broadcast else 0), None if value.flags.c_contiguous else strides_of(value)))


def _is_example(x: Any) -> bool:
    """Whether a value, or what is differentiated, is an example of a batch: an array of its own, in C order."""
    return type(x) is BatchTracer or (type(x) is JVPTracer and _is_example(x.primal))


def _leave(result: Any, f: Any) -> Any:
    if inspect.isgenerator(result) or inspect.iscoroutine(result) or inspect.isasyncgen(result):
        if hasattr(result, "close"):
            result.close()
        raise errors.ArgumentError(
            f"lift: {getattr(f, '__qualname__', f)} returned a {type(result).__name__}.",
            why="its body would run after the lifted function is over",
            fix="return list(...) of it",
        )
    if type(result) in LIFTED:
        return result._captured()
    return tree_map(lambda x: of_entries(x) if holds_cells(x) else x, result)  # of what stands for values it makes values


@contextmanager
def lifted(packages: str | Sequence[str] = ()) -> Iterator[None]:
    """A block in which every function that is given to a transformation is lifted.

    Args:
        packages: packages in which ``float`` keeps the derivative, as for `lift`.

    Example:
        >>> import numpy as np, covector as cv
        >>> def f(x):
        ...     y = np.empty(2)
        ...     y[0], y[1] = x, x**2
        ...     return y.sum()
        >>> with lifted():
        ...     print(cv.grad(f)(3.0))
        7.0
    """
    named = _named(packages)
    install(named, sys._getframe(2), anew=True)
    token = ACTIVE.set((ACTIVE.get() or frozenset()) | named)
    try:
        yield
    finally:
        ACTIVE.reset(token)


use_lift(lift)
lift.uninstall = uninstall  # type: ignore[attr-defined]
lift.report = report  # type: ignore[attr-defined]
