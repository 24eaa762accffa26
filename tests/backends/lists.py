"""A backend in one file, outside of covector: programs run on flat lists of Python numbers, in plain Python.

It shows what a backend needs: `legalize`, so that elementwise operations are a loop over elements; rules of its own, derived
from kinds or registered on primitives; and `register_backend`.  Values are computed in double precision.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import covector as cv
from covector.core.primitive import primitive_named
from covector.extend import Elementwise, Primitive, Structural, derives


class List(NamedTuple):
    """An array: its shape and its elements, row by row."""

    shape: tuple[int, ...]
    items: list[Any]


def to_list(x: Any) -> List:
    return List(np.shape(x), np.ravel(x).tolist())


def to_array(x: List, aval: Any) -> Any:
    array = np.array(x.items, aval.dtype).reshape(aval.shape)[()]
    return array.item() if aval.weak_type else array


def compiled(jaxpr: cv.Jaxpr) -> Callable[..., list[Any]]:
    legal = cv.legalize(jaxpr)
    return lambda *args: [to_array(x, v.aval) for x, v in zip(run(legal, *map(to_list, args)), legal.out_vars, strict=True)]


def run(jaxpr: cv.Jaxpr, *args: List) -> list[List]:
    """A legal program on lists."""
    env: dict[Any, List] = {v: to_list(c) for v, c in jaxpr.consts.items()}
    env.update(zip(jaxpr.in_vars, args, strict=True))
    read = lambda x: env[x] if isinstance(x, cv.Var) else to_list(x.value)
    for eqn in jaxpr.equations:
        rule = eqn.primitive.rule("lists")
        if rule is None:
            raise NotImplementedError(f"{eqn.primitive.name!r} has no rule for lists")
        outs = rule(eqn, *map(read, eqn.inputs))
        env.update(zip(eqn.outputs, outs if eqn.primitive.multiple_results else [outs], strict=True))
    return [read(v) for v in jaxpr.out_vars]


# --- elementwise: a loop over elements ------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg")},
    **{name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "tanh", "sqrt")},
    **{"div": operator.truediv, "pow": operator.pow, "square": lambda x: x * x, "abs": abs, "maximum": max, "minimum": min},
    **{"less": operator.lt, "greater": operator.gt, "less_equal": operator.le, "greater_equal": operator.ge},
    **{"select": lambda c, x, y: x if c else y, "keep": lambda c, x: x if c else 0, "logical_not": operator.not_},
    **{"equal": operator.eq, "logical_and": lambda x, y: bool(x and y), "logical_or": lambda x, y: bool(x or y)},
    "sumprod": lambda *xs: sum(x * y for x, y in zip(xs[::2], xs[1::2], strict=True)),
}


@derives("lists", Elementwise)
def elementwise(primitive: Primitive, kind: Elementwise) -> Any:
    function = FUNCTIONS.get(primitive.name)
    return function and (lambda eqn, *xs: List(xs[0].shape, list(map(function, *[x.items for x in xs]))))


# --- moving elements: where NumPy moves their numbers -------------------------------------------------------------------


@derives("lists", Structural)
def structural(primitive: Primitive, kind: Structural) -> Any:
    def moving(eqn: cv.Equation, *xs: List) -> List:
        items: list[Any] = [0]
        arguments = [np.array(x.items).reshape(x.shape) for x in xs]  # which may be indices
        for k in kind.positions or range(len(xs)):
            arguments[k] = len(items) + np.arange(len(xs[k].items)).reshape(xs[k].shape)
            items += xs[k].items
        moved = primitive.impl(*arguments, **eqn.params)
        return List(np.shape(moved), [items[i] for i in np.ravel(moved).tolist()])

    return moving


def convert(eqn: cv.Equation, x: List) -> List:
    kind = {"b": bool, "i": int, "u": int, "f": float, "c": complex}[eqn.outputs[0].aval.dtype.kind]
    return List(x.shape, list(map(kind, x.items)))


def reduce_sum(eqn: cv.Equation, x: List) -> List:
    shape = eqn.outputs[0].aval.shape
    target = np.arange(math.prod(shape)).reshape([1 if i in eqn.params["axes"] else n for i, n in enumerate(x.shape)])
    sums = [0.0] * math.prod(shape)
    for item, i in zip(x.items, np.ravel(np.broadcast_to(target, x.shape)).tolist(), strict=True):
        sums[i] += item
    return List(shape, sums)


# --- programs -------------------------------------------------------------------------------------------------------------


def scan(eqn: cv.Equation, *args: List) -> list[List]:
    p, (n, m) = eqn.params, (eqn.params["num_consts"], eqn.params["num_carry"])
    consts, carry, xs = args[:n], args[n : n + m], args[n + m :]
    rows: list[Any] = [None] * p["length"]
    for i in reversed(range(p["length"])) if p["reverse"] else range(p["length"]):
        outs = run(p["jaxpr"], *consts, *carry, *(row(x, i) for x in xs))
        carry, rows[i] = tuple(outs[:m]), outs[m:]
    ys = [List((p["length"], *c[0].shape), [item for y in c for item in y.items]) for c in zip(*rows, strict=True)]
    return [*carry, *ys]


def row(x: List, i: int) -> List:
    size = math.prod(x.shape[1:])
    return List(x.shape[1:], x.items[i * size :][:size])


def while_loop(eqn: cv.Equation, *args: List) -> list[List]:
    p, carry = eqn.params, list(args[eqn.params["num_cond"] + eqn.params["num_body"] :])
    cond_consts, consts = args[: p["num_cond"]], args[p["num_cond"] :][: p["num_body"]]
    while run(p["cond"], *cond_consts, *carry)[0].items[0]:
        carry = run(p["body"], *consts, *carry)
    return carry


def cond(eqn: cv.Equation, index: List, *operands: List) -> list[List]:
    return run(eqn.params["branches"][index.items[0]], *operands)


RULES: dict[str, Any] = {
    **{"convert": convert, "weaken": convert, "reduce_sum": reduce_sum},
    **{"scan": scan, "while": while_loop, "cond": cond},
}

for name, rule in RULES.items():
    primitive_named(name).def_rule("lists", rule)

cv.register_backend("lists", compiled)
