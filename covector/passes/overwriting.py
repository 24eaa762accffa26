"""Overwriting: which operations of a program may write their result into an argument instead of a copy of it.

>>> from covector.core.text.parser import parse
>>> step = parse("{ lambda ; a:f64[2] b:f64[]. let c:f64[2] = add_slice[index=(0,)] a b in (c,) }")
>>> uses_of_memory(step, owned=step.in_vars[:1]).overwritten, uses_of_memory(step, owned=[]).overwritten
({0}, set())

A loop that changes one place of a table in each step would copy the table each time.  An operation with an implementation
``overwrite`` may write into its first argument where nobody else can see that: the argument is used for the last time, as is
all that may share its memory, none of which is an input or a constant.  (What is written may be a part of it: NumPy copes with
that.)  A loop may own its carries, of which it copies the first; `owned_carries` finds out which of them a step leaves as much
its own as it got them.

What shares memory with what is known from what primitives declare: by default a result may be, or be a view of, an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.kinds import Contraction
from covector.interpreters.evaluate import last_uses


class Memory:
    """The variables that may share one memory, and whether anybody outside of the program may see it."""

    __slots__ = ("foreign", "variables")

    def __init__(self, variables: Sequence[Var], foreign: bool):
        self.variables = set(variables)
        self.foreign = foreign


class Uses(NamedTuple):
    """What a program does with memory.

    Attributes:
        overwritten: the places of the equations that may overwrite their first input.
        memory: at the end of the program, of each variable.
        own: the variables that are not, and are no views of, what somebody else may have.
    """

    overwritten: set[int]
    memory: dict[Var, Memory]
    own: set[Var]


def uses_of_memory(jaxpr: Jaxpr, owned: Sequence[Var]) -> Uses:
    """Follow the memory of a program's variables, of whose inputs only the ``owned`` ones may be overwritten."""
    drops = jaxpr.once("last_uses", lambda: last_uses(jaxpr))
    last = {v: i for i, drop in enumerate(drops) for v in drop}
    memory = {v: Memory([v], v not in owned) for v in (*jaxpr.in_vars, *jaxpr.consts)}
    own, overwritten = set(owned), set()
    for i, eqn in enumerate(jaxpr.equations):
        x: Any = eqn.inputs[0] if eqn.primitive.overwrite is not None else None
        if x in own and x.aval.shape and not memory[x].foreign and all(last.get(v, np.inf) <= i for v in memory[x].variables):
            overwritten.add(i)
        if makes_new_memory(eqn):
            memory.update({v: Memory([v], False) for v in eqn.outputs})
            own.update(eqn.outputs)
        else:
            _join(eqn, memory)
    return Uses(overwritten, memory, own)


def makes_new_memory(eqn: Equation) -> bool:
    """Whether a result never shares memory with an argument, but that of one that is overwritten.

    A contraction of one array may be a view of it; what comes of several is computed.  A primitive of the user's gets copies in
    a program, and its results are copied: it can neither return nor keep an argument.
    """
    primitive = eqn.primitive
    if isinstance(primitive.kind, Contraction) and len(eqn.inputs) > 1:
        return True
    return primitive.makes_new or primitive.overwrite is not None or not primitive.trusted


def has_own_outputs(jaxpr: Jaxpr) -> bool:
    """Whether it is known that each output of a program is an array of its own, which shares memory with no input or other."""
    arrays = [x for x in jaxpr.out_vars if isinstance(x, Var)]
    if len(set(arrays)) != len(arrays):
        return False
    new = {v for eqn in jaxpr.equations if makes_new_memory(eqn) for v in eqn.outputs}
    return new.issuperset(arrays)


def _join(eqn: Equation, memory: dict[Var, Memory]) -> None:
    """Note that an equation may return its inputs, or views of them (or anything else: its outputs are not own)."""
    inputs = [memory[x] for x in eqn.inputs if isinstance(x, Var)]
    joined = Memory(eqn.outputs, any(m.foreign for m in inputs))
    for m in inputs:
        joined.variables |= m.variables
    for v in joined.variables:
        memory[v] = joined


def owned_carries(jaxpr: Jaxpr, first_carry: int, num_carry: int) -> tuple[set[int], list[int]]:
    """Which equations of a step may overwrite their first input, and which carries the loop must own for that.

    The carries are inputs from ``first_carry`` on, and the first outputs.
    """
    if all(e.primitive.overwrite is None for e in jaxpr.equations):
        return set(), []
    in_vars = jaxpr.in_vars[first_carry : first_carry + num_carry]
    owned = [i for i, v in enumerate(in_vars) if isinstance(v.aval, ShapedArray) and v.aval.shape]
    while True:
        uses = uses_of_memory(jaxpr, [in_vars[i] for i in owned])
        kept = [i for i in owned if _is_own(i, jaxpr, uses)]
        if kept == owned:
            return uses.overwritten, owned
        owned = kept


def _is_own(i: int, jaxpr: Jaxpr, uses: Uses) -> bool:
    """Whether an output is an array of its own, whose memory nobody else and no other output shares."""
    out = jaxpr.out_vars[i]
    if out not in uses.own:
        return False
    memory = uses.memory[out]
    others = [o for j, o in enumerate(jaxpr.out_vars) if j != i and isinstance(o, Var)]
    return not memory.foreign and all(uses.memory[o] is not memory for o in others)
