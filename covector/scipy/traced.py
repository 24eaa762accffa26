"""What functions of SciPy's mean on traced values: ``@on_tracers(scipy.ndimage.correlate1d)``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from covector.core.errors import InPlaceWriteError
from covector.numpy.registry import contains_tracer

Function = Callable[..., Any]
FROM_1_18 = np.lib.NumpyVersion(scipy.__version__) >= "1.18.0"
"""Where functions changed, traced values mean what they mean in the SciPy that is installed."""


def on_tracers(function: Function, *ours: type, unless: Function | None = None) -> Callable[[Function], Function]:
    """A function with the signature of one of SciPy's, which is SciPy's where no argument is traced, nor of our types.

    Nor is it where ``unless`` holds of the arguments: SciPy does not survive these.
    """

    def decorate(meaning: Function) -> Function:
        @functools.wraps(meaning)
        def call(*args: Any, **kwargs: Any) -> Any:
            is_ours: Any = contains_tracer(args) or (kwargs and contains_tracer(tuple(kwargs.values())))
            is_ours = is_ours or (ours and any(isinstance(a, ours) for a in (*args, *kwargs.values())))
            is_ours = is_ours or (unless is not None and unless(*args, **kwargs))
            return (meaning if is_ours else function)(*args, **kwargs)

        return call

    return decorate


def refuse_memory(name: str, argument: str) -> None:
    """Raise for an array that a traced value was to be written into."""
    raise InPlaceWriteError(
        f"{name} was asked to write a traced value into the array {argument}=.",
        why="traced values cannot be written into an array in place",
        fix=f"leave {argument} out, or give a dtype, and use the returned value",
    )
