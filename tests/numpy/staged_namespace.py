"""`covector.numpy` with each function under `jit`, as a namespace of the array API standard.

It is what the official tests of the standard, where they are at hand, are given to try the functions staged:

    ARRAY_API_TESTS_MODULE=staged_namespace PYTHONPATH=tests/numpy pytest array_api_tests/ --max-examples 20
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import covector
import covector.numpy as cnp
from covector.core.pytrees import tree_flatten, tree_unflatten

NOT_STAGED = """
    result_type can_cast isdtype finfo iinfo broadcast_shapes from_dlpack
    nonzero unique_all unique_counts unique_inverse unique_values
""".split()
"""What returns no arrays, or arrays whose shape depends on values."""


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose arrays are traced, wherever in the arguments they are."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = tree_flatten((args, kwargs))
        arrays = {i: x for i, x in enumerate(leaves) if isinstance(x, (np.ndarray, np.generic))}
        if function is np.repeat:
            arrays = {i: x for i, x in arrays.items() if i == 0}  # the shape depends on the number of repeats

        def run(given: dict[int, Any]) -> Any:
            args, kwargs = tree_unflatten(tree, [given.get(i, x) for i, x in enumerate(leaves)])
            return function(*args, **kwargs)

        return covector.jit(run)(arrays)

    return call


def __getattr__(name: str) -> Any:
    value = getattr(cnp, name)
    return staged(value) if _is_function(name, value) else value


def _is_function(name: str, value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and name not in NOT_STAGED and not name.startswith("__")


def _submodule(name: str) -> Any:
    functions = {n: v for n, v in vars(getattr(cnp, name)).items() if not n.startswith("_")}
    return types.SimpleNamespace(**{n: staged(v) if _is_function(n, v) else v for n, v in functions.items()})


linalg, fft = _submodule("linalg"), _submodule("fft")
