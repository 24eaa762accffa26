"""Tracing a function of the user's: ``trace : function, structure and types of its arguments -> Traced``.

>>> import numpy as np
>>> from covector.core.avals import ShapedArray
>>> from covector.core.pytrees import tree_structure
>>> scalar = ShapedArray((), np.dtype(float))
>>> trace(lambda x, y: {"sum": x + y}, tree_structure([0, 0]), [scalar, scalar], Transformed("an example", None)).jaxpr
{ lambda ; a:f64[] b:f64[]. let c:f64[] = add a b in (c,) }

All programs of functions that the user writes are made so (and by `stage` below it, which knows no trees):

===================================================== ============= =========================================
program                                               options       kept with the function
===================================================== ============= =========================================
``make_jaxpr``, ``eval_shape``, ``jit(f).lower``                    no
``closure_convert``, ``custom_vmap``, ``linear_call``               no
``jit``                                                             yes, and in the jitted function as it was
``checkpoint``                                        capture       yes
branches of ``cond`` and ``switch``                   capture, part yes
conditions of ``while_loop``                          part          yes
bodies of loops, until the types of carries stay      part          yes (`covector.lax.carries`)
functions with rules (`covector.primitives.custom.functions`)                 no
rules that close over traced values                   (capture)     no (the same module)
===================================================== ============= =========================================
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from covector.core.keys import names_in
from covector.core.pytrees import tree_unflatten
from covector.interpreters.stage import stage
from covector.transforms.arguments import Transformed, flatten_result
from covector.transforms.caches import Traced, kept


def trace(f: Callable[..., Any], treedef: Any, avals: Sequence[Any], who: Transformed, **options: Any) -> Traced:
    """Trace ``f`` on the list of arguments with this structure and these types; see `stage` for the options."""

    def on_leaves(*leaves: Any) -> tuple[list[Any], Any]:
        return flatten_result(f(*tree_unflatten(treedef, leaves)), who.name)

    return Traced(*stage(on_leaves, avals, *who, **options))


def traced(
    f: Callable[..., Any], how: Hashable, treedef: Any, avals: Sequence[Any], who: Transformed, **options: Any
) -> Traced:
    """The same once for each ``how``, which stands for the options, as long as ``f`` reads the same."""
    return kept(f, (how, treedef, names_in(treedef), *avals), lambda: trace(f, treedef, avals, who, **options))
