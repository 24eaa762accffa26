"""Which function of a package that works on plain arrays alone was called, and what covector has in its place.

>>> import covector as cv, numpy as np, scipy.stats
>>> cv.grad(lambda x: scipy.stats.norm.logpdf(x))(0.0)
Traceback (most recent call last):
    ...
covector.core.errors.TracerArrayConversionError: a NumPy array of ... was asked for by scipy.stats.norm.logpdf inside grad ...
  Fix: use covector.scipy.stats.norm.logpdf, which takes traced values too

The function is the outermost one of the package on the stack, if it was called by the user's code and not by covector or
another library.  This is looked up when an error is raised, never before.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any

from covector.core import asked
from covector.core.asked import call_of
from covector.core.source import beside_covector, is_library, is_plumbing, meant_by, user_frame, user_source

Find = Callable[[str], "str | None"]
_counterparts: dict[str, tuple[Find, str]] = {}


def declare_counterparts(package: str, find: Find, otherwise: str) -> None:
    """Declare what there is in the place of functions of a package.

    Args:
        package: the name of a top-level package.
        find: the dotted name of what to use instead of a function, of which the public dotted name is given; None if there is
            nothing.
        otherwise: what may help then.
    """
    _counterparts[package] = find, otherwise


def called_function() -> str | None:
    """The public name of the function that the user's code called, if it is of a package with counterparts."""
    frames = _frames_called()
    if not frames:
        return _name_in_source()
    package = _module(frames[0]).partition(".")[0]
    if package not in _counterparts:
        return None
    return next((name for f in frames if _module(f).startswith(f"{package}.") and (name := _name_of_frame(f))), None)


def fix_of_call(name: str) -> str:
    """What to write instead of a call of such a function."""
    find, otherwise = _counterparts[name.partition(".")[0]]
    counterpart = find(name)
    if counterpart is not None:
        return f"use {counterpart}, which takes traced values too"
    return (
        f"covector has nothing in the place of {name}: call it outside of the transformed function; try covector.lift(f)"
        f" in place of f; {otherwise}; or call it"
        " by covector.pure_callback, with a derivative of yours by covector.custom_jvp"
    )


def fix_of_write(default: str) -> str:
    """What to do where a traced value was written into: in code that others wrote nobody can change the line."""
    called, writer = called_function(), beside_covector()
    if called is not None and (counterpart := _counterparts[called.partition(".")[0]][0](called)) is not None:
        return f"use {counterpart}, which takes traced values too"
    if writer is not None and is_library(writer.f_code.co_filename):
        return "transform covector.lift(f) in place of f: there the writes of code that others wrote are kept"
    return asked.fix_of_write(default)


# --- frames -----------------------------------------------------------------------------------------------------------


def _frames_called() -> list[FrameType]:
    """The frames of what the user's code called, the outermost first, without those of transformations around it."""
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        frames.append(frame)
        frame = frame.f_back
    frames.reverse()
    while frames and _is_passed_through(frames[0]):
        del frames[0]
    return frames


def _is_passed_through(frame: FrameType) -> bool:
    """Whether a frame is of a transformation, which calls what the user gave it; not of what is a counterpart itself."""
    stands_in = any(_module(frame).startswith(f"covector.{package}.") for package in _counterparts)
    return is_plumbing(frame.f_code.co_filename) and not stands_in


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


# --- names ------------------------------------------------------------------------------------------------------------


def _name_in_source() -> str | None:
    """The public name of compiled code, which has no frame, by how the user's code calls it; ufuncs ask for no arrays."""
    frame = user_frame()
    called = None if frame is None else meant_by(call_of(user_source()), frame.f_locals, frame.f_globals)
    owner = getattr(called, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        of_object = _name_of_object(owner)
        return of_object and f"{of_object}.{getattr(called, '__name__', '')}"
    return _public(str(getattr(called, "__module__", "")), getattr(called, "__name__", "_")) if callable(called) else None


def _name_of_frame(frame: FrameType) -> str | None:
    """The public name of the function that a frame executes, or of the one that it is a decorator of."""
    code = frame.f_code
    if code.co_argcount and code.co_varnames[0] in ("self", "cls"):
        of_object = _name_of_object(frame.f_locals.get(code.co_varnames[0]))
        if of_object is not None:
            return of_object if code.co_name in ("__init__", "__call__", "__new__") else f"{of_object}.{code.co_name}"
    owner, _, method = code.co_qualname.rpartition(".")
    of_class = _public(_module(frame), owner)
    if of_class is not None:
        return f"{of_class}.{method}"
    decorated = (frame.f_locals.get(name) for name in code.co_freevars)
    functions = [(x.__module__, x.__name__) for x in decorated if inspect.isfunction(x)]
    names = (_public(module, name) for module, name in [(_module(frame), code.co_name), *functions])
    return next((name for name in names if name), None)


def _public(module: str, name: str) -> str | None:
    """The name with the public module that has it, given the module in which it is defined."""
    home = _public_module(module)
    is_public = home is not None and name.isidentifier() and not name.startswith("_") and hasattr(home, name)
    return f"{home.__name__}.{name}" if home is not None and is_public else None


def _public_module(module: str) -> ModuleType | None:
    """The innermost module around one that has no underscore in front of its name, nor has what is around it."""
    parts = module.split(".")
    private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    return sys.modules.get(".".join(parts[:private])) if parts[0] in _counterparts else None


def _name_of_object(x: Any) -> str | None:
    """The public name of an object, of its class, or of the distribution that it holds with parameters."""
    if isinstance(x, type):
        return _public(x.__module__, x.__name__)
    for held in (x, getattr(x, "dist", None), getattr(x, "_dist", None)):
        found = next(_names_of_instance(held), None)
        if found is not None:
            return found
    return None


def _names_of_instance(x: Any) -> Iterator[str]:
    for cls in type(x).__mro__[:-1]:
        home = _public_module(cls.__module__)
        if home is not None:
            same = (n for n, value in vars(home).items() if type(value) is cls and not n.startswith("_"))
            yield from (f"{home.__name__}.{name}" for name in same)
        public = _public(cls.__module__, cls.__name__)
        if public is not None:
            yield public
