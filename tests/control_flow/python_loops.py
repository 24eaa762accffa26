"""Control flow in plain Python, with the signatures of `covector.lax`: what the operations must agree with.

`PYTHON` and `LAX` have the same names; a *model* takes either, and makes a function of arrays of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

import covector as cv
from covector import lax
from covector.core.pytrees import tree_leaves, tree_map


def stacked(items: Sequence[Any]) -> Any:
    """Pytrees stacked leaf by leaf."""
    return tree_map(lambda *xs: np.stack([np.asarray(x) if isinstance(x, (int, float, complex)) else x for x in xs]), *items)


def item(xs: Any, i: int) -> Any:
    return tree_map(lambda x: x[i], xs)


def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    n = len(tree_leaves(xs)[0]) if length is None else length
    carry, ys = init, []
    for i in range(n)[:: -1 if reverse else 1]:
        carry, y = f(carry, item(xs, i))
        ys.append(y)
    return carry, stacked(ys[:: -1 if reverse else 1]) if ys else None


def while_loop(cond: Any, body: Any, value: Any) -> Any:
    while cond(value):
        value = body(value)
    return value


def fori_loop(lower: Any, upper: Any, body: Any, value: Any, unroll: Any = 1) -> Any:
    for i in range(int(lower), int(upper)):
        value = body(i, value)
    return value


def cond(pred: Any, true_fun: Any, false_fun: Any, *operands: Any) -> Any:
    return true_fun(*operands) if pred else false_fun(*operands)


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    return branches[int(np.clip(index, 0, len(branches) - 1))](*operands)


def map_(f: Any, xs: Any, batch_size: Any = None) -> Any:
    return stacked([f(item(xs, i)) for i in range(len(tree_leaves(xs)[0]))])


def associative_scan(fn: Any, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    rows = tree_map(lambda x: np.moveaxis(x, axis, 0), elems)
    n = len(tree_leaves(rows)[0])
    outs = [item(rows, n - 1 if reverse else 0)]
    for i in range(1, n):
        outs.append(fn(outs[-1], item(rows, n - 1 - i if reverse else i)))
    return tree_map(lambda x: np.moveaxis(x, 0, axis), stacked(outs[:: -1 if reverse else 1]))


PYTHON = SimpleNamespace(
    scan=scan, while_loop=while_loop, fori_loop=fori_loop, cond=cond, switch=switch, map=map_, associative_scan=associative_scan
)
LAX = lax

Model = Callable[[Any], Callable[[Any, Any], Any]]


def checked_program(f: Any, *args: Any) -> cv.Jaxpr:
    """The program of a function, seen to be well-typed and to survive printing and parsing."""
    jaxpr = cv.make_jaxpr(f)(*args)
    cv.check(jaxpr)
    assert cv.parse(str(jaxpr), consts=jaxpr.consts.values()) == jaxpr
    return jaxpr
