"""Tracing a function of the user's: ``trace : function, structure and types of its arguments -> Traced``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from covector.core.jaxpr import Jaxpr
from covector.core.pytrees import tree_unflatten
from covector.interpreters.stage import stage
from covector.transforms.arguments import Transformed, flatten_result
from covector.transforms.caches import kept

T = TypeVar("T")


class Traced:
    """The program of a function.

    Attributes:
        jaxpr: the program.
        hoisted: the tracers that it closes over, which are its leading inputs.
        out_tree: the structure of ``[result]``.
        made: what was made of it, by key.
    """

    __slots__ = ("hoisted", "jaxpr", "made", "out_tree")

    def __init__(self, jaxpr: Jaxpr, hoisted: list[Any], out_tree: Any) -> None:
        self.jaxpr = jaxpr
        self.hoisted = hoisted
        self.out_tree = out_tree
        self.made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make()`` returns, computed once for each key; it may refer to the program, which `Jaxpr.derived` may not."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]  # type: ignore[no-any-return]


def trace(
    f: Callable[..., Any],
    treedef: Any,
    avals: Sequence[Any],
    who: Transformed,
    *,
    capture: bool = False,
    part: bool = False,
) -> Traced:
    """Trace ``f`` on the list of arguments with this structure and these types; see `stage` for the options."""

    def on_leaves(*leaves: Any) -> tuple[list[Any], Any]:
        return flatten_result(f(*tree_unflatten(treedef, leaves)), who.name)

    return Traced(*stage(on_leaves, avals, *who, capture=capture, part=part))


def traced(
    f: Callable[..., Any],
    how: Hashable,
    treedef: Any,
    avals: Sequence[Any],
    who: Transformed,
    *,
    run: Callable[..., Any] | None = None,
    **options: bool,
) -> Traced:
    """The same once, as long as ``f`` reads the same (`covector.transforms.caches`).

    Args:
        how: what tells apart the ways in which ``f`` is traced: by ``run``, which calls it, and with other options.
    """
    return kept(f, how, [treedef], avals, lambda: trace(run or f, treedef, avals, who, **options))
