"""Functions of elements of large arrays in the source backend, computed on blocks: ``blocked : Jaxpr -> Jaxpr``.

>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sum(np.sin(x) * 2.0 + x))(np.ones(100_000))
>>> [e.primitive.name for e in blocked(program, lambda part: lambda *arrays: [np.sin(arrays[0])]).equations]
['blocked', 'reduce_sum']

NumPy writes each result to memory, and reads it again for the next function: arrays that are larger than the caches of the
processor take several times as long that way, and new memory has to be made for each.  A run of such functions is one equation
here, which goes through its arguments a block after the other.  Elements come out as they did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.backends.forms import call
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.kinds import Elementwise, Kind
from covector.core.primitive import Primitive

Run = Callable[..., list[Any]]

BLOCK = 8_192
"""The elements of a block: a few such arrays are in the second cache, and a call takes longer than its beginning."""

LARGE = 65_536
"""Arrays from so many elements on are worth it."""

PLAIN = (bool, int, float, str, type, type(None), np.dtype, np.generic)
"""Parameters of these types mean the same for a block."""


class Blocked:
    """What runs a part of a program whose arrays are of one shape, or numbers."""

    def __init__(self, jaxpr: Jaxpr, shape: tuple[int, ...], run: Run):
        self.shape, self.run = shape, run
        self.is_array = [v.aval.shape == shape for v in jaxpr.in_vars]
        self.count = len(jaxpr.equations)

    def __repr__(self) -> str:
        return f"<{self.count}>"

    def __call__(self, *inputs: Any) -> list[Any]:
        arrays = [x for x, is_array in zip(inputs, self.is_array, strict=True) if is_array]
        if not all(type(x) is np.ndarray and x.shape == self.shape and x.flags.c_contiguous for x in arrays):
            return self.run(*inputs)
        flat = [x.reshape(-1) if is_array else x for x, is_array in zip(inputs, self.is_array, strict=True)]
        outs: list[Any] = []
        for start in range(0, math.prod(self.shape), BLOCK):
            block = slice(start, start + BLOCK)
            parts = self.run(*[x[block] if is_array else x for x, is_array in zip(flat, self.is_array, strict=True)])
            outs = outs or [np.empty(self.shape, part.dtype) for part in parts]
            for out, part in zip(outs, parts, strict=True):
                out.reshape(-1)[block] = part
        return outs


blocked_p = Primitive("blocked", Kind(), multiple_results=True, trusted=True, makes_new=True)
blocked_p.def_impl(lambda *arrays, run: run(*arrays))
blocked_p.def_rule("lower", lambda eqn: call(eqn.params["run"]))


def space(eqn: Equation) -> tuple[int, ...] | None:
    """The shape of the arrays of an equation that may be computed on blocks; None for others."""
    primitive = eqn.primitive
    if not isinstance(primitive.kind, Elementwise) or primitive.multiple_results or primitive.effect or not primitive.trusted:
        return None
    aval = eqn.outputs[0].aval
    avals = [aval, *(x.aval for x in eqn.inputs)]
    if not all(type(a) is ShapedArray and a.dtype.kind in "bifuc" and a.shape in ((), aval.shape) for a in avals):
        return None
    return aval.shape if aval.size >= LARGE and has_plain_params(eqn) else None


def has_plain_params(eqn: Equation) -> bool:
    return all(isinstance(p, PLAIN) for p in eqn.params.values())


def blocked(jaxpr: Jaxpr, compile: Callable[[Jaxpr], Run]) -> Jaxpr:
    """The program with its functions of elements of large arrays in parts that ``compile`` compiles; itself if it has few."""
    spaces = {id(e): space(e) for e in jaxpr.equations}
    if sum(s is not None for s in spaces.values()) < 2:
        return jaxpr
    groups = grouped(jaxpr.equations, spaces)
    equations: list[Equation] = []
    last = last_group(groups, jaxpr.out_vars)
    for i, (shape, group) in enumerate(groups):
        if shape is None or len(group) < 2:
            equations += group
        else:
            equations.append(part(shape, group, {v for v, k in last.items() if k > i}, compile))
    return Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)


def grouped(
    equations: Sequence[Equation], spaces: dict[int, tuple[int, ...] | None]
) -> list[tuple[tuple[int, ...] | None, list[Equation]]]:
    """The equations in a possible order, as runs of one shape, and of none.

    Each goes as far up as the last run of its shape that may come after all that it needs; those of no shape keep their order.
    """
    groups: list[tuple[tuple[int, ...] | None, list[Equation]]] = []
    of: dict[Any, int] = {}
    newest: dict[Any, int] = {}
    for e in equations:
        shape = spaces[id(e)]
        needed = max((of.get(x, -1) for x in e.inputs if type(x) is Var), default=-1)
        place = newest.get(shape, -1) if shape is not None else len(groups) - 1
        if place < needed or place < 0 or groups[place][0] != shape:
            place = len(groups)
            groups.append((shape, []))
            newest[shape] = place
        groups[place][1].append(e)
        of.update((v, place) for v in e.outputs)
    return groups


def last_group(groups: Sequence[tuple[Any, list[Equation]]], outs: Sequence[Any]) -> dict[Any, float]:
    """For each value the last group that needs it."""
    last: dict[Any, float] = {}
    for i, (_, group) in enumerate(groups):
        last.update((x, i) for e in group for x in e.inputs if type(x) is Var)
    last.update((v, math.inf) for v in outs if type(v) is Var)
    return last


def part(shape: tuple[int, ...], group: list[Equation], needed: set[Any], compile: Callable[[Jaxpr], Run]) -> Equation:
    """One equation that stands for several."""
    made = dict.fromkeys(e.outputs[0] for e in group)
    given = list(dict.fromkeys(x for e in group for x in e.inputs if type(x) is Var and x not in made))
    outs = [v for v in made if v in needed]
    program = Jaxpr(given, group, outs)
    return Equation(blocked_p, given, {"run": Blocked(program, shape, compile(program))}, outs, group[0].source)


