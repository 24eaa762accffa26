"""Modes for debugging, each a context manager: ``debug_nans``, ``disable_jit``, ``checking_leaks``."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.context import NO_JIT, mode
from covector.core.tracer import Tracer
from covector.interpreters.stage import LinearTrace
from covector.interpreters.watch import has_nan, watching


def disable_jit(disable: bool = True) -> AbstractContextManager[Any]:
    """Run compiled functions, loops and choices as the Python that they are written in, so that one can look and step inside.

    Args:
        disable: False does nothing.

    Example:
        >>> import covector as cv
        >>> with disable_jit():
        ...     cv.jit(lambda x: print("x is", x))(2.0)
        x is 2.0
    """
    return mode(NO_JIT, disable)


@contextmanager
def debug_nans(enable: bool = True, *, infs: bool = False) -> Iterator[None]:
    """Raise an error where a NaN is born, in a value, a derivative or the backward pass, naming the primitive and the line.

    Args:
        enable: False does nothing.
        infs: infinities count too.

    What runs in plain NumPy, outside of all transformations, is not seen.

    Raises:
        NaNError: with the primitive, the user's line, and what it was applied to.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> with debug_nans(), np.errstate(all="ignore"):
        ...     cv.grad(lambda x: np.sqrt(x) * 0.0)(0.0)
        Traceback (most recent call last):
            ...
        covector.core.errors.NaNError: 'sqrt' gives NaN in the backward pass.
          ...
    """
    if not enable:
        yield
        return

    def is_bad(x: Any) -> bool:
        return has_nan(x) or (infs and np.asarray(x).dtype.kind in "fc" and bool(np.any(np.isinf(x))))

    def report(name: str, inputs: Sequence[Any], outputs: Sequence[Any], source: Any, phase: str) -> None:
        if any(map(is_bad, outputs)) and not any(map(is_bad, inputs)):
            raise _born(name, inputs, outputs, source, phase, is_bad)

    with watching(report):
        yield


def _born(name: str, inputs: Any, outputs: Any, source: Any, phase: str, is_bad: Any) -> errors.NaNError:
    bad = np.asarray(next(x for x in outputs if is_bad(x)))
    what = "NaN" if np.any(np.isnan(bad)) else "an infinity"
    place = ""
    if bad.ndim:
        index = np.argwhere(np.isnan(bad) if what == "NaN" else np.isinf(bad))[0]
        place = f", first at index {tuple(int(i) for i in index)}"
    shown = ", ".join(np.array2string(np.asarray(x), threshold=6, edgeitems=2) for x in inputs[:3])
    where = {"value": "", "derivative": " in its derivative", "backward pass": " in the backward pass"}[phase]
    return errors.NaNError(
        f"{name!r} gives {what}{where}{place}.",
        source=source,
        why=f"it was applied to {shown}" if inputs else "",
        fix="keep the argument inside the domain before the operation: a choice after it comes too late for the derivative",
    )


@contextmanager
def checking_leaks() -> Iterator[None]:
    """Raise an error at the end of the block if a tracer outlived the transformation that made it, saying who holds it.

    Raises:
        LeakError: with the line where the value was made, as far as that is known, and what refers to it.

    Example:
        >>> import covector as cv
        >>> kept = []
        >>> with checking_leaks():
        ...     _ = cv.jit(lambda x: kept.append(x) or x)(1.0)
        Traceback (most recent call last):
            ...
        covector.core.errors.LeakError: a tracer of jit of <lambda> is still alive: Traced<weak_f64[]>.
          Why: it is held by a list of 1
          Fix: return the value from the function instead of storing it
    """
    before = {id(x) for x in _dead_tracers()}
    yield
    gc.collect()
    alive = [x for x in _dead_tracers() if id(x) not in before]
    if alive:
        raise _leak(alive)


def _dead_tracers() -> list[Tracer]:
    """The tracers of closed traces that are still there, but for those of recorded linear programs, which pullbacks keep."""
    tracers = [o for o in gc.get_objects() if isinstance(o, Tracer)]
    return [x for x in tracers if x._trace.closed and not isinstance(x._trace, LinearTrace)]


def _leak(alive: list[Tracer]) -> errors.LeakError:
    tracer = alive[0]
    holders = [_described(o) for o in gc.get_referrers(tracer) if o is not alive]
    held = "; ".join(h for h in holders if h) or "an object that cannot be named"
    return errors.LeakError(
        f"a tracer of {tracer._trace.name} is still alive: {tracer!r}.",
        source=tracer.made_at(),
        why=f"it is held by {held}",
        fix="return the value from the function instead of storing it",
    )


def _described(holder: Any) -> str:
    if isinstance(holder, (types.FrameType, types.GeneratorType)):
        return ""
    if isinstance(holder, dict):
        name = holder.get("__name__")
        return (
            f"a global variable of {name}" if isinstance(name, str) and "__builtins__" in holder else f"a dict of {len(holder)}"
        )
    return f"a {type(holder).__name__}" + (f" of {len(holder)}" if isinstance(holder, (list, tuple, set)) else "")
