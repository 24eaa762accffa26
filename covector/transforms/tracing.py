"""Tracing a function to a program: each time, or once for each function and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core.context import named_axes
from covector.core.keys import names_in
from covector.core.pytrees import tree_unflatten
from covector.interpreters.stage import note_part
from covector.transforms.arguments import Transformed
from covector.transforms.caches import traces_of
from covector.transforms.staging import Traced, staged_leaves


def traced_function(
    f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed, capture: bool = False
) -> Traced:
    """Trace ``f``, the function of a loop or a branch, on the list of arguments with this structure and these types.

    A function that closes over no tracer is traced once while it reads the same (`covector.transforms.dependencies`).
    """
    traces, key = traces_of(f, ("function", capture, named_axes())), (treedef, names_in(treedef), *avals)
    if key in traces:
        return traces[key]  # type: ignore[no-any-return]

    def part(*args: Any) -> Any:
        note_part()
        return f(*args)

    traced = trace_function(part, treedef, avals, who, capture)
    if not traced.hoisted:
        traces.keep(f, key, traced, traced.jaxpr)
    return traced


def trace_function(
    f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed, capture: bool = False
) -> Traced:
    """The same, traced now: for what may depend on more than its arguments from call to call."""
    return staged_leaves(lambda *leaves: f(*tree_unflatten(treedef, leaves)), avals, who, capture)
