"""What is computed together, and where it is kept: ``Plan(jaxpr).steps``, in order.

A value is kept in memory if it is an output, a reduction, an operand of what needs arrays, or too expensive to compute at each
use; any other is computed where it is used.  A view of what is in memory is a place in it, and parts of an assembled array are
computed in their places.  Values of one shape that need one another at the same element only are computed in one loop nest.

Levels order the nests: a value is one level above what it reads, or in the nest of what it reads at the same element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.backends.native.elementwise import Scalar
from covector.backends.native.ir import item_size, padded, type_name
from covector.backends.native.nodes import address
from covector.backends.native.products import packed, packings, shape_of
from covector.backends.native.rules import (
    Along,
    Assembly,
    Foreign,
    Free,
    Gather,
    Generate,
    Index,
    Loop,
    Product,
    Reduce,
    View,
    Write,
    at,
    rule_of,
    written_part,
)
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var

SMALL_AXIS = 4
"""A last axis of this size is written out, and so is a reduction of so few elements."""

EXPENSIVE = 8
"""From this cost on a value is kept if it is used several times."""

MAX_READS = 24
MAX_COST = 200
"""A value of this cost is kept, so that no expression grows without end."""


OF_ARRAYS = (Loop, Along, Foreign, Free)
"""What needs its operands in memory, and leaves its results there."""

COSTS: dict[Any, float] = {Reduce: 3.0, Product: 17.0, Gather: 6.0, Generate: 100.0}


class Buffer:
    """Memory: that of an argument, a constant, an output, or some of the program's own."""

    __slots__ = ("kind", "number", "size")

    def __init__(self, kind: str, number: int, size: int):
        self.kind = kind
        self.number = number
        self.size = size


class Spot(NamedTuple):
    """Where an array is: from which element of a buffer on, and by how many from one to the next of each axis."""

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array without gaps."""
    strides, size = [], 1
    for n in reversed(shape):
        strides.append(size)
        size *= n
    return tuple(reversed(strides))


class Root(NamedTuple):
    """A value that a nest writes.

    Attributes:
        atom: the value; for a reduction its result.
        spot: where it is written.
        kind: as what type.
        adds: it is added to what is there.
    """

    atom: Any
    spot: Spot
    kind: str
    adds: bool = False


class Nest:
    """A step: values over one space, in one loop nest."""

    def __init__(self, space: tuple[int, ...]):
        self.space = space
        self.roots: list[Root] = []
        self.places: list[Any] = []
        """Arrays of integers that point to the places to which its one root is written."""
        self.combine: Callable[..., Any] | None = None
        """How what is written there combines with what is there."""

    def reads(self, plan: Plan) -> Iterator[Buffer]:
        """The buffers that it reads or writes."""
        yield from (root.spot.buffer for root in self.roots if plan.is_stored(root.spot.buffer))
        yield from self.loads(plan)

    def inside(self, plan: Plan) -> set[Any]:
        """The values that it computes; others it only copies."""
        return {r.atom for r in self.roots if plan.spots.get(r.atom) is r.spot}

    def loads(self, plan: Plan) -> Iterator[Buffer]:
        """The buffers that it reads."""
        inside = self.inside(plan)
        for value in (*(r.atom for r in self.roots), *self.places):
            for atom in plan.sources(value, inside):
                yield plan.spots[atom].buffer


class Fill(NamedTuple):
    """A step: zeros."""

    spot: Spot
    aval: Any

    def loads(self, plan: Plan) -> Iterator[Buffer]:
        yield from ()

    def reads(self, plan: Plan) -> Iterator[Buffer]:
        yield self.spot.buffer


class Apply(NamedTuple):
    """A step: an equation of arrays in memory, with memory of its own to work in."""

    eqn: Equation
    scratch: tuple[Spot, ...] = ()

    def loads(self, plan: Plan) -> Iterator[Buffer]:
        for x in self.eqn.inputs:
            if x in plan.spots:
                yield plan.spots[x].buffer

    def reads(self, plan: Plan) -> Iterator[Buffer]:
        for x in (*self.eqn.inputs, *self.eqn.outputs):
            if x in plan.spots:
                yield plan.spots[x].buffer
        yield from (spot.buffer for spot in self.scratch)


def without_unused(jaxpr: Jaxpr) -> Jaxpr:
    """The program without what nobody needs, such as a part of complex numbers: it would be written to the memory of others."""
    needed, kept = set(jaxpr.out_vars), list[Equation]()
    for eqn in reversed(jaxpr.equations):
        if not needed.isdisjoint(eqn.outputs) or type(rule_of(eqn)) is Free:
            kept.append(eqn)
            needed.update(x for x in eqn.inputs if type(x) is Var)
    if len(kept) == len(jaxpr.equations):
        return jaxpr
    return Jaxpr(jaxpr.in_vars, kept[::-1], jaxpr.out_vars, jaxpr.consts)


class Plan:
    """The steps of a program whose outputs are results of equations, each once."""

    def __init__(
        self, jaxpr: Jaxpr, memory_of: Callable[..., tuple[Spot, ...]], strides: dict[Any, tuple[int, ...]] | None = None
    ):
        """Plan a program; ``memory_of(plan, eqn)`` is what a loop or a routine needs, ``strides`` those of what others see."""
        self.jaxpr = jaxpr = without_unused(jaxpr)
        self.memory_of = memory_of
        self.equation = {v: e for e in jaxpr.equations for v in e.outputs}
        self.rules: dict[int, Any] = {id(e): rule_of(e) for e in jaxpr.equations}
        self.users: dict[Any, list[Equation]] = {}
        for eqn in jaxpr.equations:
            for x in eqn.inputs:
                if type(x) is Var:
                    self.users.setdefault(x, []).append(eqn)
        self.spots: dict[Any, Spot] = {}
        self.outs = list(jaxpr.out_vars)
        for kind, variables in (("argument", jaxpr.in_vars), ("constant", jaxpr.consts), ("output", self.outs)):
            for i, v in enumerate(variables):
                self.place(v, Buffer(kind, i, size_of(v.aval)))
        for v, steps in (strides or {}).items():
            self.spots[v] = self.spots[v]._replace(strides=steps)
        self.level: dict[Any, float] = dict.fromkeys((*jaxpr.in_vars, *jaxpr.consts), 0.0)
        self.kept: set[Any] = set(self.spots)
        self.in_place: set[Any] = set()
        self.disjoint: dict[Any, bool] = {}
        self.layered: list[tuple[float, Any]] = []
        self.nests: dict[tuple[float, tuple[int, ...]], Nest] = {}
        self.nest_of: dict[Any, tuple[float, tuple[int, ...]]] = {}
        self.choose()
        for eqn in reversed(jaxpr.equations):
            if type(self.rule(eqn)) is Assembly:
                self.assemble(eqn)
        for eqn in jaxpr.equations:
            self.schedule(eqn)
        self.steps: list[Any] = [step for _, step in sorted(self.layered, key=lambda pair: pair[0])]
        self.loaded = {buffer for step in self.steps for buffer in step.loads(self)}
        self.workspace = self.allocate()

    def rule(self, eqn: Equation) -> Any:
        return self.rules[id(eqn)]

    def rule_for(self, atom: Any) -> Any:
        return self.rules[id(self.equation[atom])]

    def place(self, atom: Any, buffer: Buffer | None = None, strides: tuple[int, ...] | None = None) -> Spot:
        """Where a value is kept; memory of its own, if nothing else was said."""
        spot = self.spots.get(atom)
        if spot is None:
            strides = contiguous(atom.aval.shape) if strides is None else strides
            spot = self.spots[atom] = Spot(buffer or Buffer("work", -1, size_of(atom.aval)), 0, strides)
        return spot

    def strides_of_product(self, eqn: Equation) -> tuple[int, ...]:
        """How a product lies best: with that axis last along which its vectors are."""
        out = eqn.outputs[0].aval.shape
        nowhere = Spot(Buffer("work", -1, 0), 0, contiguous(out))
        last = shape_of(eqn, [*(self.spots[x] for x in eqn.inputs), nowhere]).last_axis()
        if last is None:
            return contiguous(out)
        order = [*(a for a in range(len(out)) if a != last), last]
        strides = contiguous([out[a] for a in order])
        return tuple(strides[order.index(a)] for a in range(len(out)))

    # --- what is kept

    def is_small(self, eqn: Equation) -> bool:
        """Whether a reduction or a product is written out where it is used."""
        if type(self.rule(eqn)) is Reduce:
            count: int = math.prod(eqn.inputs[0].aval.shape[a] for a in eqn.params["axes"])
            return count <= SMALL_AXIS
        _, _, summed, sizes = letters_of(eqn)
        return math.prod(sizes[c] for c in summed) <= SMALL_AXIS or math.prod(sizes.values()) <= 128

    def choose(self) -> None:
        """Decide what is kept in memory."""
        cost: dict[Any, float] = {}
        reads: dict[Any, int] = {}
        for eqn in self.jaxpr.equations:
            rule = self.rule(eqn)
            if type(rule) in (*OF_ARRAYS, Assembly, Write) or (
                type(rule) in (Reduce, Product) and not self.is_small(eqn)
            ):
                self.kept.update(eqn.outputs)
            if type(rule) in OF_ARRAYS or (type(rule) is Product and not self.is_small(eqn)):
                self.kept.update(x for x in eqn.inputs if type(x) is Var)
            if type(rule) is Gather:
                self.kept.add(eqn.inputs[0])
            if type(rule) is View and self.index_map(eqn) is None:
                self.kept.update(x for x in eqn.inputs if type(x) is Var)
        for eqn in self.jaxpr.equations:
            out, rule = eqn.outputs[0], self.rule(eqn)
            own = rule.cost if type(rule) is Scalar else COSTS.get(type(rule), 0.0)
            inputs = [x for x in eqn.inputs if type(x) is Var]
            total = own + sum(cost.get(x, 0.0) for x in inputs)
            read = sum(reads.get(x, 1) for x in inputs)
            if out not in self.kept and type(rule) is not View and self.is_worth_keeping(out, total, read):
                self.kept.add(out)
            is_kept = out in self.kept
            cost[out], reads[out] = (0.0, 1) if is_kept else (total, read)

    def is_worth_keeping(self, out: Any, cost: float, reads: int) -> Any:
        users = self.users.get(out, [])
        size = max(out.aval.size, 1)
        repeated = max((o.aval.size for e in users for o in e.outputs), default=0) >= 4 * size
        if size == 1:
            return bool(cost > MAX_COST)
        if cost > MAX_COST or reads > MAX_READS:
            return True
        several = len(users) > 1
        return bool((cost >= EXPENSIVE and (several or repeated)) or (several and reads >= SMALL_AXIS))

    def index_map(self, eqn: Equation) -> Index | None:
        """The index into the operand of a view, for one axis of a nest for each axis of the result; None if there is none."""
        shape = eqn.outputs[0].aval.shape
        index = tuple(at(0) if n == 1 else (0, ((a, 1),)) for a, n in enumerate(shape))
        found: Index | None = self.rule(eqn).operand(eqn, index)
        return found

    def view(self, eqn: Equation) -> Spot | None:
        """Where a view of an array in memory is, if it is in that memory."""
        x, out = eqn.inputs[0], eqn.outputs[0]
        spot = self.spots[x]
        index = self.index_map(eqn)
        if index is not None:
            offset, terms = address(index, spot.strides)
            steps = dict(terms)
            return Spot(spot.buffer, spot.offset + offset, tuple(steps.get(a, 0) for a in range(len(out.aval.shape))))
        strides = reshaped_strides(x.aval.shape, spot.strides, out.aval.shape)
        return None if strides is None else Spot(spot.buffer, spot.offset, strides)

    # --- in which order

    def assemble(self, eqn: Equation) -> None:
        """Let the parts of an assembled array be computed in their places, where each has one of its own."""
        out = eqn.outputs[0]
        spot = self.place(out)
        cover = np.zeros(out.aval.shape, np.int32)
        indices = self.rule(eqn).parts(eqn)
        for index in indices:
            cover[index] += 1
        self.disjoint[out] = is_disjoint = bool(cover.max() <= 1)
        if cover.min() < 1 or not is_disjoint:
            self.layered.append((0.5, Fill(spot, out.aval)))
        for x, index in zip(eqn.inputs, indices, strict=True):
            is_free = type(x) is Var and x not in self.spots and x.aval.dtype == out.aval.dtype
            once = sum(1 for y in eqn.inputs if y is x) == 1
            if is_disjoint and is_free and once and type(self.rule_for(x)) in (Scalar, Reduce, Assembly):
                self.spots[x] = part_of(spot, out.aval.shape, index)
                self.in_place.add(x)
                self.kept.add(x)

    def schedule(self, eqn: Equation) -> None:
        """Put what an equation needs into the layers."""
        rule, out = self.rule(eqn), eqn.outputs[0]
        if type(rule) is View and out not in self.outs and out not in self.in_place and eqn.inputs[0] in self.level:
            spot = self.view(eqn)
            if spot is not None:
                self.spots[out], self.level[out] = spot, self.level[eqn.inputs[0]]
                self.kept.add(out)
                return
        if type(rule) is View and self.index_map(eqn) is None:
            self.schedule_copy(eqn)
        elif out not in self.kept:
            return
        elif type(rule) is Assembly:
            self.schedule_parts(eqn, rule)
        elif type(rule) is Write:
            self.schedule_write(eqn, rule)
        elif type(rule) in OF_ARRAYS or (type(rule) is Product and not self.is_small(eqn)):
            level = 1 + max((self.level[x] for x in eqn.inputs if x in self.level), default=0.0)
            for v in eqn.outputs:
                self.place(v, strides=self.strides_of_product(eqn) if type(rule) is Product else None)
                self.level[v] = level
            self.layered.append((level, Apply(eqn, self.scratch(eqn) if type(rule) is Product else self.memory_of(self, eqn))))
        else:
            self.schedule_value(eqn, rule)

    def scratch(self, eqn: Equation) -> tuple[Spot, ...]:
        """Memory for the operands of a product that are packed."""
        shape = shape_of(eqn, [self.spots[x] for x in (*eqn.inputs, *eqn.outputs)])
        sizes = [size_of(eqn.inputs[p.operand].aval) for p in packings(shape)]
        panels = packed(shape).panels()
        if panels:
            sizes.append(panels * eqn.outputs[0].aval.dtype.itemsize)
        return tuple(Spot(Buffer("work", -1, size), 0, ()) for size in sizes)

    def schedule_copy(self, eqn: Equation) -> None:
        """A reshape that merges axes, of what is not in memory as one: its operand, copied."""
        x, out = eqn.inputs[0], eqn.outputs[0]
        spot = self.place(out)
        nest, strides = Nest(x.aval.shape), reshaped_strides(out.aval.shape, spot.strides, x.aval.shape)
        assert strides is not None  # between two elements of a place of its own there is always the same distance
        nest.roots.append(Root(x, spot._replace(strides=strides), kind_of(x)))
        self.level[out] = 1 + self.above(x)
        self.layered.append((self.level[out], nest))

    def above(self, x: Any) -> float:
        """The level of what a value is computed from."""
        return max((self.level[y] for y in self.sources(x, set())), default=0.0)

    def schedule_write(self, eqn: Equation, rule: Write) -> None:
        """The array copied, or zeros, and then what is written."""
        out = eqn.outputs[0]
        spot, shape, kind = self.place(out), out.aval.shape, kind_of(out)
        operand, values, indices = rule.given(eqn)
        level = 0.5
        if operand is None:
            self.layered.append((level, Fill(spot, out.aval)))
        else:
            level = 1 + self.above(operand)
            copy = Nest(shape)
            copy.roots.append(Root(operand, spot, kind))
            self.layered.append((level, copy))
        level = 1 + max([level, *map(self.above, [x for x in (values, *indices) if x is not None])])
        written = Literal(np.zeros((), out.aval.dtype)[()]) if values is None else values
        if indices:
            leading = np.broadcast_shapes(*(i.aval.shape for i in indices))
            nest = Nest((*leading, *shape[len(indices) :]))
            nest.roots.append(Root(written, spot, kind))
            nest.places, nest.combine = indices, rule.combine
        else:
            part, size = spot_of(spot, shape, lambda whole: written_part(eqn, whole))
            nest = Nest(size)
            nest.roots.append(Root(written, part, kind, adds=rule.combine is not None))
        self.layered.append((level, nest))
        self.level[out] = level

    def schedule_parts(self, eqn: Equation, rule: Assembly) -> None:
        """Copy, or add, those parts that are not computed in their places."""
        out = eqn.outputs[0]
        spot, level = self.spots[out], 0.5
        for x, index in zip(eqn.inputs, rule.parts(eqn), strict=True):
            target = part_of(spot, out.aval.shape, index)
            if x in self.in_place and self.spots[x].buffer is spot.buffer and self.spots[x] == target:
                level = max(level, self.level[x])
                continue
            needed = 1 + self.above(x)
            disjoint = self.disjoint[out]
            level = max(level + (not disjoint), needed)
            nest = Nest(x.aval.shape)
            nest.roots.append(Root(x, target, kind_of(out), adds=not disjoint))
            self.layered.append((level, nest))
        self.level[out] = level

    def schedule_value(self, eqn: Equation, rule: Any) -> None:
        """Put a value into the nest of what it needs at the same element, or into one above all that it needs."""
        out = eqn.outputs[0]
        is_reduction = type(rule) is Reduce and not self.is_small(eqn)
        space = eqn.inputs[0].aval.shape if is_reduction else out.aval.shape
        needs = self.needs(eqn, space)
        top = max((self.level[x] for x in needs), default=0.0)
        above = [x for x in needs if self.level[x] == top and top > 0]
        key = self.nest_of.get(above[0]) if above else None
        joins = key is not None and key[1] == space
        for x in above:
            is_map = x in self.nest_of and not (type(self.rule_for(x)) is Reduce and not self.is_small(self.equation[x]))
            joins = joins and self.nest_of.get(x) == key and needs[x] and is_map
        if not joins or key is None:
            key = top + 1, space
        if key not in self.nests:
            self.nests[key] = Nest(space)
            self.layered.append((key[0], self.nests[key]))
        self.nests[key].roots.append(Root(out, self.place(out), kind_of(out)))
        self.nest_of[out], self.level[out] = key, key[0]

    def needs(self, eqn: Equation, space: tuple[int, ...]) -> dict[Any, bool]:
        """The kept values that an equation is computed from, and whether it needs them at the same element only."""
        found: dict[Any, bool] = {}
        seen: set[tuple[Any, bool]] = set()
        waiting = [(eqn, True)]
        while waiting:
            e, same = waiting.pop()
            same = same and (
                type(self.rule(e)) is Scalar or (e is eqn and type(self.rule(e)) is Reduce and not self.is_small(e))
            )
            for x in e.inputs:
                if type(x) is not Var or (x, same and x.aval.shape == space) in seen:
                    continue
                here = same and x.aval.shape == space
                seen.add((x, here))
                if x in self.level:
                    found[x] = found.get(x, True) and here
                else:
                    waiting.append((self.equation[x], here))
        return found

    def sources(self, atom: Any, inside: set[Any]) -> list[Any]:
        """The kept values that one is computed from; through those that are computed ``inside`` of the same nest."""
        found: dict[Any, None] = {}
        seen: set[Any] = set()
        waiting = [atom]
        while waiting:
            x = waiting.pop()
            if type(x) is not Var or x in seen:
                continue
            seen.add(x)
            if x in self.level and x not in inside and (x is not atom or x in self.level):
                found[x] = None
            elif x in self.equation:
                waiting.extend(self.equation[x].inputs)
        return list(found)

    # --- memory

    def is_stored(self, buffer: Buffer) -> bool:
        """Whether what a nest computes has to be in memory; else that nest alone uses it."""
        return buffer.kind != "work" or buffer in self.loaded

    def allocate(self) -> int:
        """Give places in one workspace to the program's own buffers, those that are needed at the same time apart."""
        last: dict[Buffer, int] = {}
        first: dict[Buffer, int] = {}
        used: list[list[Buffer]] = []
        for i, step in enumerate(self.steps):
            buffers = list(dict.fromkeys(b for b in step.reads(self) if b.kind == "work"))
            used.append(buffers)
            for b in buffers:
                first.setdefault(b, i)
                last[b] = i
        total, free = 0, list[tuple[int, int]]()
        for i, buffers in enumerate(used):
            for b in buffers:
                if first[b] == i:
                    size = padded(b.size)
                    fit = min((f for f in free if f[1] >= size), key=lambda f: f[1], default=None)
                    if fit is None:
                        b.number, total = total, total + size
                    else:
                        free.remove(fit)
                        b.number = fit[0]
                        if fit[1] > size:
                            free.append((fit[0] + size, fit[1] - size))
            free.extend((b.number, padded(b.size)) for b in buffers if last[b] == i)
        return total


def kind_of(x: Any) -> str:
    """The type of a value."""
    return type_name(x.aval.dtype)


def size_of(aval: Any) -> int:
    return int(max(aval.size, 1)) * item_size(type_name(aval.dtype))


def reshaped_strides(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The strides of an array of another shape in the same memory; None if there are none."""
    strided: Any = np.lib.stride_tricks.as_strided
    try:
        return tuple(np.reshape(strided(np.empty(1, np.int8), shape, strides), wanted, copy=False).strides)
    except ValueError:
        return None


def part_of(spot: Spot, shape: tuple[int, ...], index: Any) -> Spot:
    """Where a part of an array is, by an index of NumPy's."""
    return spot_of(spot, shape, lambda whole: whole[(*index, ...)])[0]


def spot_of(spot: Spot, shape: tuple[int, ...], view: Callable[[Any], Any]) -> tuple[Spot, tuple[int, ...]]:
    """Where a view of an array is, and its shape; ``view`` takes it of an array of bytes that lies alike."""
    strided: Any = np.lib.stride_tricks.as_strided
    whole = strided(np.empty(1, np.int8), shape, spot.strides)
    part = view(whole)
    start = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return Spot(spot.buffer, spot.offset + start, part.strides), part.shape


def letters_of(eqn: Equation) -> tuple[list[str], str, list[str], dict[str, int]]:
    """The letters of the operands of an einsum, of its result, those that are summed, and their sizes."""
    operands, out = eqn.params["spec"].split("->")
    terms = operands.split(",")
    sizes = {c: n for term, x in zip(terms, eqn.inputs, strict=True) for c, n in zip(term, x.aval.shape, strict=True)}
    return terms, out, [c for c in sizes if c not in out], sizes
