"""SciPy's statistics of values that are not known, as under ``jit`` and ``vmap``: what their decorator does with such samples.

>>> import covector as cv, numpy as np, scipy.stats
>>> x, y = np.array([[1.0, 2.0, 4.0], [3.0, 7.0, 6.0]]), np.array([1.0, 3.0, 5.0])
>>> cv.jit(cv.lift(lambda x: scipy.stats.ttest_ind(x, y, axis=1).statistic))(x).round(3)
array([-0.459,  1.4  ])
>>> cv.lift.uninstall()

A decorator of SciPy's moves the axes of samples, broadcasts these, and decides about samples that are too small or hold a NaN.
It leaves all of that out where its first array is lazy, and the function that it decorates then gives other numbers, of another
shape.  Only whether there is a NaN cannot be asked of a value that is not known.  So the decorator works on ours; a NaN
is put into the results of slices that hold one (``nan_policy="propagate"``), and the policies that need an answer are refused.
Importing this module lets the decorated functions ask whether their samples are known, for good, since code that is not lifted
would get other numbers in silence too; to all others they give what they gave.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable
from types import CellType, FunctionType
from typing import Any

import numpy as np
import scipy.stats

from covector.core import errors
from covector.core.primitive import TracerBase
from covector.lifting.lifted import LIFTED, known
from covector.lifting.redirected import call_in_place

_decorator: Any = importlib.import_module("scipy.stats._axis_nan_policy")


def _of_samples(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, _no_deco: bool = False, **kwargs: Any) -> Any:
        if _no_deco or not _any_unknown((*args, *kwargs.values())):
            return original(*args, _no_deco=_no_deco, **kwargs)
        return _with_unknown(original)(*args, **kwargs)

    return call


def _is_unknown(x: Any) -> bool:
    x = x._read() if type(x) in LIFTED else x
    return isinstance(x, TracerBase) and known(x) is None


def _any_unknown(values: Iterable[Any]) -> bool:
    return any(_any_unknown(x) if type(x) in (list, tuple) else _is_unknown(x) for x in values)


def _with_unknown(original: Any) -> FunctionType:
    """The same decorated function, for samples that are not known."""
    names = original.__code__.co_freevars
    held = {n: cell.cell_contents for n, cell in zip(names, original.__closure__, strict=True)}
    if held["override"]["nan_propagation"]:
        held["hypotest_fun_in"] = _marking(held["hypotest_fun_in"], held["kwd_samples"])
        held["result_to_tuple"] = _marked(held["result_to_tuple"])
    others = {"is_lazy_array": lambda x: False, "_contains_nan": _contains_nan(original.__globals__["_contains_nan"])}
    made = FunctionType(
        original.__code__, original.__globals__ | others, original.__name__, None, tuple(CellType(held[n]) for n in names)
    )
    made.__kwdefaults__ = original.__kwdefaults__
    return made


def _contains_nan(original: Callable[..., Any]) -> Callable[..., Any]:
    def ask(a: Any, nan_policy: str = "propagate", **options: Any) -> Any:
        if nan_policy == "propagate" and _is_unknown(a):
            return original(np.zeros(1), nan_policy, **options)  # `_marked` puts the NaN in
        if not _is_unknown(a) or a.dtype.kind not in "fc" or not a.size:
            return original(a, nan_policy, **options)
        raise errors.TracerBoolConversionError(
            f"a statistic with nan_policy={nan_policy!r} was asked for of samples whose values are not known.",
            why="what it gives, or its shape, depends on whether they hold a NaN",
            fix="leave the policy at 'propagate', or call it outside jit and vmap (under grad and jvp values are known)",
        )

    return ask


def _marking(f: Callable[..., Any], by_name: Iterable[str]) -> Callable[..., Any]:
    """A function of samples that also gives which of their slices hold a NaN."""

    @functools.wraps(f)
    def call(*samples: Any, **kwargs: Any) -> Any:
        return f(*samples, **kwargs), _have_nan([*samples, *(kwargs[n] for n in by_name if n in kwargs)])

    call.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]  # which the decorator asks for
    return call


def _have_nan(samples: list[Any]) -> Any:
    """Which slices hold a NaN, where SciPy's own question got no answer; else None."""
    inexact = [x for x in samples if x.dtype.kind in "fc"]
    if not any(map(_is_unknown, inexact)):
        return None
    return functools.reduce(np.logical_or, [np.any(np.isnan(x), axis=-1) for x in inexact])


def _marked(to_tuple: Callable[..., Any]) -> Callable[..., Any]:
    """The results of `_marking`, NaN for the slices that hold one (but for what all slices share)."""

    def call(found: tuple[Any, Any], n_outputs: int) -> list[Any]:
        result, have_nan = found
        outputs = list(to_tuple(result, n_outputs))
        return outputs if have_nan is None else [_with_nan(x, have_nan) for x in outputs]

    return call


def _with_nan(x: Any, have_nan: Any) -> Any:
    axes = np.ndim(have_nan)
    is_shared = type(x) is int or np.shape(x)[np.ndim(x) - axes :] != np.shape(have_nan)
    return x if is_shared else np.where(have_nan, np.nan, x)


def _decorated() -> list[FunctionType]:
    """The functions of ``scipy.stats``, which is imported, that its decorator made."""
    home, found = vars(_decorator), {}
    for f in list(vars(scipy.stats).values()):
        while isinstance(f, FunctionType):
            if f.__globals__ is home and hasattr(f, "__wrapped__"):
                found[id(f)] = f
            f = getattr(f, "__wrapped__", None)
    return list(found.values())


for _f in _decorated():
    call_in_place(_f, _of_samples)  # wherever it is held
