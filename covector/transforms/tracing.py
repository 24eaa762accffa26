"""Tracing a function to a program, once for each function and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from covector.core.jaxpr import Jaxpr
from covector.core.pytrees import tree_unflatten
from covector.interpreters.stage import stage
from covector.transforms.arguments import Transformed, flatten_values
from covector.transforms.jit import cache_for


class Traced(NamedTuple):
    """The program of a function, the tracers that it closes over (its leading inputs), and the structure of its result."""

    jaxpr: Jaxpr
    hoisted: list[Any]
    out_tree: Any


def traced_function(f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed) -> Traced:
    """Trace ``f`` on the list of arguments with this structure and these types.

    A function that closes over no tracer is traced once.
    """
    cache, key = cache_for(f, "traced"), (treedef, None, *avals)
    if key in cache:
        return cache[key]  # type: ignore[no-any-return]
    trees = []

    def flat(*args: Any) -> list[Any]:
        outs, tree = flatten_values([f(*tree_unflatten(treedef, args))], who.name)
        trees.append(tree)
        return outs

    jaxpr, hoisted = stage(flat, avals, name=who.name, origin=who.origin)
    traced = Traced(jaxpr, hoisted, trees[0])
    if not hoisted:
        cache[key] = traced
    return traced
