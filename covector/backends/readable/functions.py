"""A function as a Python file: the program that it was traced to, with its own name, parameters and structure of results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from covector.backends.readable.naming import constant_names
from covector.backends.readable.program import text_of
from covector.backends.readable.trees import returned, signature
from covector.core.jaxpr import Jaxpr


def text_of_function(f: Any, jaxpr: Jaxpr, in_tree: Any, out_tree: Any, statics: Sequence[int] = ()) -> str:
    """A file that defines a function.

    Args:
        f: the function that was traced, for its name, and those of its parameters and of the arrays that it closes over.
        jaxpr: its program.
        in_tree: the structure of its arguments, ``(args, kwargs)``, without static ones.
        out_tree: the structure of its result.
        statics: the positions of the static arguments.
    """
    name = getattr(f, "__name__", "program")
    name = name if name.isidentifier() else "program"
    return text_of(name, jaxpr, signature(in_tree, f, statics), partial(returned, out_tree), constant_names(f))
