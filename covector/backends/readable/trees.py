"""Arguments and results of a function as Python's text: containers that are taken apart, and made.

>>> from covector.core.pytrees import tree_structure
>>> made(tree_structure({"a": 1, "b": (2, 3)}), ["x", "y", "z"])
"{'a': x, 'b': (y, z)}"
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from covector.backends.readable.spelling import Module
from covector.core.pytrees import tree_unflatten


class Hole:
    """A leaf, by its number."""

    def __init__(self, number: int):
        self.number = number


def _holes(tree: Any) -> Any:
    return tree_unflatten(tree, [Hole(i) for i in range(tree.num_leaves)])


def is_plain(node: Any) -> bool:
    """Whether a tree consists of tuples, lists and dicts with names that text can hold."""
    if isinstance(node, Hole) or node is None:
        return True
    if type(node) in (tuple, list):
        return all(map(is_plain, node))
    return type(node) is dict and all(type(k) in (str, int) for k in node) and all(map(is_plain, node.values()))


def made(tree: Any, leaves: Sequence[str]) -> str:
    """The text of a tree with these leaves; of other containers than tuples, lists and dicts a list of the leaves."""
    node = _holes(tree)
    return _made(node, leaves) if is_plain(node) else f"[{', '.join(leaves)}]"


def returned(tree: Any, leaves: Sequence[str]) -> str:
    """The same after ``return``, where a tuple needs no parentheses."""
    node, text = _holes(tree), made(tree, leaves)
    return text[1:-1] if type(node) is tuple and len(node) > 1 and is_plain(node) else text


def _made(node: Any, leaves: Sequence[str]) -> str:
    if isinstance(node, Hole):
        return leaves[node.number]
    if node is None:
        return "None"
    if type(node) is dict:
        return "{" + ", ".join(f"{k!r}: {_made(v, leaves)}" for k, v in node.items()) + "}"
    items = ", ".join(_made(v, leaves) for v in node)
    if type(node) is list:
        return f"[{items}]"
    return f"({items},)" if len(node) == 1 else f"({items})"


def signature(tree: Any, f: Any, statics: Sequence[int] = ()) -> Callable[[Module], tuple[str, list[str], list[str]]]:
    """Of the structure of ``(args, kwargs)``: parameters, the lines that take them apart, and the names of the leaves.

    Args:
        tree: the structure.
        f: the function, whose parameters give the names.
        statics: the positions of arguments that are not in the structure.
    """

    def written(module: Module) -> tuple[str, list[str], list[str]]:
        args, kwargs = _holes(tree)
        if not all(map(is_plain, (*args, *kwargs.values()))):
            names = [module.fresh("x") for _ in range(tree.num_leaves)]
            return ", ".join(names), ["# the parameters are the leaves of the arguments, in their order"], names
        leaves, lines = [""] * tree.num_leaves, list[str]()
        known = [n for i, n in enumerate(_parameters(f)) if i not in {*statics}]
        bases = [*known[: len(args)], *["x"] * (len(args) - len(known))]
        own = [name for name in kwargs if name.isidentifier() and name not in module.taken]
        module.taken.update(own)
        parameters = [module.fresh(base) for base in bases]
        for name, node in [*zip(parameters, args, strict=True), *((name, kwargs[name]) for name in own)]:
            _take(module, name, name, node, leaves, lines)
        named = ["*", *own] if own else []
        if len(own) < len(kwargs):
            others = module.fresh("others")
            _take(module, others, others, {name: node for name, node in kwargs.items() if name not in own}, leaves, lines)
            named.append(f"**{others}")
        return ", ".join([*parameters, *named]), lines, leaves

    return written


def _parameters(f: Any) -> list[str]:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _take(module: Module, name: str, path: str, node: Any, leaves: list[str], lines: list[str]) -> None:
    """Give names to the leaves in an argument."""
    if isinstance(node, Hole):
        leaves[node.number] = name
        if path != name:
            lines.append(f"{name} = {path}")
        return
    if node is None:
        return
    for key, value in node.items() if type(node) is dict else enumerate(node):
        base = key if isinstance(key, str) else f"{name}_{key}"
        inner = module.fresh(base) if isinstance(value, Hole) else base
        _take(module, inner, f"{path}[{key!r}]", value, leaves, lines)


