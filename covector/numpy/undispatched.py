"""Functions of NumPy that do not ask all of their arguments what they mean, with those arguments traced too.

``numpy.interp(x, xp, fp, left=t)`` asks ``x``, ``xp`` and ``fp``, and makes a number of ``t``; `numpy.ascontiguousarray` asks
nobody.  `covector.numpy` has them under the same names: NumPy's where nothing is traced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from covector.core.avals import dtype_of, shape_of
from covector.core.tracer import Tracer
from covector.numpy.creation import asarray
from covector.numpy.registry import contains_tracer
from covector.primitives.arrays.shaping import convert_to

Function = TypeVar("Function", bound=Callable[..., Any])


def first_tracer(x: Any) -> Tracer | None:
    """The first tracer in nested lists and tuples."""
    if isinstance(x, (list, tuple)):
        return next((found for found in map(first_tracer, x) if found is not None), None)
    return x if isinstance(x, Tracer) else None


def _asking_all(function: Function) -> Function:
    @functools.wraps(function, assigned=("__name__", "__qualname__"))
    def call(*args: Any, **kwargs: Any) -> Any:
        tracer = first_tracer((*args, *kwargs.values()))
        return function(*args, **kwargs) if tracer is None else tracer.__array_function__(function, (), args, kwargs)

    call.__doc__ = f"``numpy.{function.__name__}``, where any of its arguments is traced."
    return call  # type: ignore[return-value]


full_like = _asking_all(np.full_like)
histogram = _asking_all(np.histogram)
interp = _asking_all(np.interp)
nan_to_num = _asking_all(np.nan_to_num)
pad = _asking_all(np.pad)
polyint = _asking_all(np.polyint)
select = _asking_all(np.select)
unwrap = _asking_all(np.unwrap)


# --- arrays of a certain layout in memory, which traced values have none of -------------------------------------------


def _with_layout(function: Callable[..., Any], least_ndim: int) -> Callable[..., Any]:
    @functools.wraps(function, assigned=("__name__", "__qualname__"))
    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        if not contains_tracer(a):
            return function(a, *args, **kwargs)
        a = asarray(a)
        a = convert_to(a, function(np.empty(0, dtype_of(a)), *args, **kwargs).dtype)  # NumPy checks what it is given
        return np.reshape(a, (1,)) if least_ndim and not shape_of(a) else a

    call.__doc__ = f"``numpy.{function.__name__}``, also of traced values, which have no layout in memory."
    return call


asanyarray = _with_layout(np.asanyarray, 0)
ascontiguousarray = _with_layout(np.ascontiguousarray, 1)
asfortranarray = _with_layout(np.asfortranarray, 1)
require = _with_layout(np.require, 0)
