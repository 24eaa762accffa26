"""Tracing a function to a program: each time, or once for each function and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core.pytrees import tree_unflatten
from covector.transforms.arguments import Transformed
from covector.transforms.jit import cache_for
from covector.transforms.staging import Traced, staged_leaves


def traced_function(
    f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed, capture: bool = False
) -> Traced:
    """Trace ``f`` on the list of arguments with this structure and these types.

    A function that closes over no tracer is traced once.
    """
    cache, key = cache_for(f, "traced"), (treedef, None, *avals)
    if key in cache:
        return cache[key]  # type: ignore[no-any-return]
    traced = trace_function(f, treedef, avals, who, capture)
    if not traced.hoisted:
        cache[key] = traced
    return traced


def trace_function(
    f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed, capture: bool = False
) -> Traced:
    """The same, traced now: for what may depend on more than its arguments from call to call."""
    return staged_leaves(lambda *leaves: f(*tree_unflatten(treedef, leaves)), avals, who, capture)
