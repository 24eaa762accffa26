"""Loop nests: ``nest_text : (sizes of axes, stores) -> the text of a function`` over pointers to arrays.

>>> e = Expressions()
>>> x = e.load(0, "f64", 0, ((0, 1),))
>>> store = Store(e.scalar(Builder.add, "f64", x, x), "f64", 1, 0, ((0, 1),))
>>> print(nest_text("twice", {0: 16}, [store], 2, Module()))
define internal void @twice(ptr %p0, ptr %p1, ptr %status) #0 {
entry:
  br label %head1
head1:
  %i1 = phi i64 [ 0, %entry ], [ %next1, %tail1 ]
  %t2 = getelementptr inbounds double, ptr %p0, i64 %i1
  %t3 = load <8 x double>, ptr %t2, align 8
  %t4 = fadd <8 x double> %t3, %t3
  %t5 = getelementptr inbounds double, ptr %p1, i64 %i1
  store <8 x double> %t4, ptr %t5, align 8
  br label %tail1
tail1:
  %next1 = add nsw i64 %i1, 8
  %more1 = icmp slt i64 %next1, 16
  br i1 %more1, label %head1, label %end1
end1:
  ret void
}

Axes that lie in memory as one are made one.  The axis along which most elements are neighbours is the innermost, in vectors,
of which the last may be filled in part.  A reduction over the innermost loops is in registers, one over outer loops in its
place in memory; the order in which elements are combined depends on shapes alone.  Threads share the steps of the outermost
loop of a long nest, if each step writes to places of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

from covector.backends.native.elementwise import add
from covector.backends.native.ir import Builder, Module, Value, item_size
from covector.backends.native.module import has_many_registers
from covector.backends.native.nodes import Expressions, Node, Store, in_order
from covector.backends.native.rules import Term
from covector.backends.native.teams import MOST, part_text, shared, workers

__all__ = ["Expressions"]

UNROLLED = 4
"""So many vectors are combined side by side: an addition takes as long as four of them take to begin."""

MAX_UNROLLED_COST = 40

PAIRED_COST, PAIRED_SIZE = 20, 1_000
"""From this cost on, and of so many elements, vectors are computed two at a time.  The operations on one wait for one another,
and no processor looks far enough ahead to begin the next: it is 1.1 to 1.3 times as fast so, and up to twice the code."""

LONG_SUM = 128
"""Sums of more terms one after another are sums of sums of blocks."""

SHORT_ROW = 8
"""Rows of fewer terms are no blocks."""

ACCESS = 4
"""What it costs to read or write an element of a large array, in multiplications."""

SHARED = 4e6
"""From this cost on threads share a nest: about 0.3 ms."""

PART, PARTS = 4e5, 32
"""The cost of a part at least, and how many there are at most."""


def block_of(terms: int) -> int:
    """How many terms of a long sum are a block: about as many as there are blocks, so that it rounds 2√n times, not n."""
    return max(LONG_SUM // 2, 1 << (terms - 1).bit_length() // 2)


def nest_text(name: str, sizes: dict[int, int], stores: Sequence[Store], arrays: int, module: Module) -> str:
    """The function ``name(pointers to the arrays)``."""
    pointers = [*(f"%p{i}" for i in range(arrays)), "%status"]
    builder = Builder(name, ", ".join(f"ptr {p}" for p in pointers), module)
    nest = _Nest(builder, dict(sizes), stores)
    nest.initialize()
    length, totals = nest.length_of_part(), nest.totals()
    write: Callable[[Builder], None] = lambda b: _Nest(b, dict(sizes), stores).write_part(length, arrays)
    part = part_text("THIS", len(pointers) + len(totals), module, write) if length else ""
    if part and not module.may_raise:
        parts = -(-nest.whole_steps() // length)
        kept = [builder.allocate(stores[i].kind, nest.width, parts) for i, _ in totals]
        shared(builder, module.named("part", lambda name: part), [*pointers[:-1], *kept, "%status"], parts)
        nest.write_rest(kept, parts)
    else:
        nest.nest(0)
    return builder.text()


class _Nest:
    def __init__(self, b: Builder, sizes: dict[int, int], stores: Sequence[Store]):
        self.b = b
        self.sizes = sizes
        self.stores = stores
        self.nodes = in_order(n for s in stores for n in (s.node, *s.places))
        self.merged: dict[int, int] = {axis: axis for axis in sizes}
        self.merge()
        self.cost = sum(n.cost for n in self.nodes)
        self.width, vector = self.vector_axis()
        self.order = [a for a in sizes if a != vector] + ([] if vector is None else [vector])
        self.position = {axis: i for i, axis in enumerate(self.order)}
        self.depths = {n: self.depth_of(n) for n in self.nodes}
        self.at: dict[int, Value] = {}
        self.values: list[dict[Node, Value]] = []
        self.count = self.width
        self.accumulators: dict[tuple[int, int], str] = {}
        self.part: tuple[Value, Value] | None = None
        """The whole steps of the outermost loop that are written, where these are not all."""
        self.kept: tuple[Sequence[str], int] | None = None
        """What the parts have added up, and how many there are, where all whole steps are in parts."""

    # --- the shape of the nest

    def accesses(self) -> list[tuple[Term, ...]]:
        loads = [n.data[2] for n in self.nodes if n.op in ("load", "gather")]
        return loads + [n.data[1] for n in self.nodes if n.op == "position"] + [s.terms for s in self.stores]

    def merge(self) -> None:
        """Make one axis of two that lie in memory as one, wherever they are used."""
        accesses = [dict(terms) for terms in self.accesses()]
        axes = list(self.sizes)
        for outer, inner in pairwise(axes):
            n = self.sizes[inner]
            as_one = all(a.get(outer, 0) == n * a.get(inner, 0) for a in accesses)
            if as_one and all((outer in s.reduced) == (inner in s.reduced) for s in self.stores):
                self.sizes[inner] = n * self.sizes.pop(outer)
                self.merged = {a: inner if to == outer else to for a, to in self.merged.items()}

    def vector_axis(self) -> tuple[int, int | None]:
        """The width of vectors, and the axis that they are along; that is the innermost loop, also for a width of 1."""
        if not self.sizes:
            return 1, None
        kinds = {n.kind for n in self.nodes} | {s.kind for s in self.stores}
        lanes = 8 if any(item_size(k) == 8 for k in kinds) else 16

        def badness(axis: int) -> float:
            bad = 0.0
            for n in self.nodes:
                if n.op in ("load", "gather"):
                    bad += dict(n.data[2]).get(axis, 0) not in (0, 1)
            for s in self.stores:
                if axis not in s.reduced:
                    bad += 2 * (dict(s.terms).get(axis, 0) != 1) + 0.5 * bool(s.reduced)
            return bad + 3 * (self.sizes[axis] < 4) + 1.5 * (self.sizes[axis] < 8)

        axis = next(reversed(self.sizes)) if any(s.places for s in self.stores) else min(reversed(self.sizes), key=badness)
        width = 1
        while width < min(lanes, self.sizes[axis]):
            width *= 2
        in_pairs = self.cost >= PAIRED_COST and self.sizes[axis] >= PAIRED_SIZE and not badness(axis) and has_many_registers()
        return 2 * width if in_pairs and not any(axis in s.reduced for s in self.stores) else width, axis

    def depth_of(self, node: Node) -> int:
        """In how many loops a node is."""
        return max((self.position[self.merged[a]] + 1 for a in node.axes), default=0)

    def suffix(self, store: Store) -> int:
        """From which loop on all are reduced."""
        start = len(self.order)
        while start and self.order[start - 1] in store.reduced:
            start -= 1
        return start

    def is_reduced_outside(self, store: Store) -> bool:
        return any(axis in store.reduced for axis in self.order[: self.suffix(store)])

    # --- parts

    def outer_step(self) -> int:
        """How many elements a step of the outermost loop is."""
        return 1 if len(self.order) > 1 else self.block_size() or self.width * self.unrolled()

    def whole_steps(self) -> int:
        """The elements of the outermost loop that are in whole steps."""
        return self.sizes[self.order[0]] // self.outer_step() * self.outer_step()

    def length_of_part(self) -> int:
        """How many elements of the outermost loop are a part; 0 where there are none.

        There are as many parts for one thread as for several where something is added up, so that it comes to the same.
        """
        runs = [prod(self.sizes[a] for a in self.order[:q]) for q in range(len(self.order) + 1)]
        cost = sum(runs[self.depths[n]] * n.cost for n in self.nodes) + runs[-1] * ACCESS * len(self.accesses())
        if cost < SHARED or not self.order or not all(map(self.is_apart, self.stores)):
            return 0
        if workers() == 1 and not self.totals():
            return 0
        steps = self.whole_steps() // self.outer_step()
        parts = min(steps, PARTS, int(cost // PART))
        return -(-steps // parts) * self.outer_step() if parts >= 2 * MOST else 0

    def is_apart(self, store: Store) -> bool:
        """Whether steps of the outermost loop write to places of their own, or what they add up is in registers."""
        factors, outermost, reach = dict(store.terms), self.order[0], 0
        if outermost in store.reduced:
            return self.suffix(store) == 0
        if store.places or not factors.get(outermost):
            return False
        for factor, size in sorted((abs(f), self.sizes[a]) for a, f in factors.items() if a in self.sizes and f):
            if factor <= reach:
                return False
            reach += factor * (size - 1)
        return True

    def totals(self) -> list[tuple[int, int]]:
        """The accumulators of what is combined over all loops."""
        whole = [i for i, s in enumerate(self.stores) if s.reduced and self.suffix(s) == 0 < len(self.order)]
        return [(i, u) for i in whole for u in range(self.unrolled() if len(self.order) == 1 else 1)]

    def write_part(self, length: int, arrays: int) -> None:
        """The part with the number %part; what it adds up is kept beside the arrays."""
        b, number = self.b, Value("%part", "i64")
        start = b.mul(number, b.index(length))
        stop, end = b.add(start, b.index(length)), b.index(self.whole_steps())
        self.part = start, b.select(b.compare("lt", stop, end), stop, end)
        self.nest(0)
        for n, (i, u) in enumerate(self.totals(), arrays):
            total = b.read(self.stores[i].kind, self.accumulators[i, u], width=self.width)
            b.store(total, f"%p{n}", b.mul(number, b.index(self.width)))

    def write_rest(self, kept: Sequence[str], parts: int) -> None:
        """What is in no part, and the totals of the parts, which are combined in their order."""
        self.kept = kept, parts
        if kept or self.whole_steps() < self.sizes[self.order[0]]:
            self.nest(0)

    def combine_parts(self) -> None:
        assert self.kept is not None
        kept, parts = self.kept
        for place, (i, u) in zip(kept, self.totals(), strict=True):
            store, total = self.stores[i], self.accumulators[i, u]

            def one(number: Value, store: Store = store, place: str = place, total: str = total) -> None:
                own = self.b.read(store.kind, place, self.b.mul(number, self.b.index(self.width)), self.width)
                before = self.b.read(store.kind, total, width=self.width)
                self.b.store(self.combined(store, before, own), total, self.b.index(0))

            self.b.loop(self.b.index(0), self.b.index(parts), 1, one)

    # --- writing

    def initialize(self) -> None:
        """Fill the places of reductions with what combines to nothing."""
        for store in self.stores:
            if self.is_reduced_outside(store) and not store.adds:
                self.fill(store)

    def fill(self, store: Store) -> None:
        kept = [axis for axis in self.order if axis not in store.reduced]
        identity = self.b.constant(self.identity(store), store.kind)

        def fill(q: int) -> None:
            if q == len(kept):
                self.b.store(identity, f"%p{store.array}", self.offset(store.offset, store.terms))
                return
            self.over(kept[q], 1, lambda: fill(q + 1))

        fill(0)
        self.at.clear()

    def over(self, axis: int, step: int, body: Any, start: int = 0, stop: int | None = None) -> None:
        """Run ``body()`` with the axis at ``start, start + step, …``."""
        stop = self.sizes[axis] if stop is None else stop
        if stop - start <= step:
            self.at[axis] = self.b.index(start)
            self.b.scoped(body)
        else:
            self.between(self.b.index(start), self.b.index(stop), axis, step, body)

    def between(self, start: Value, stop: Value, axis: int, step: int, body: Any) -> None:
        def inner(i: Value) -> None:
            self.at[axis] = i
            body()

        self.b.loop(start, stop, step, inner)

    def whole(self, axis: int, step: int, body: Any, start: int = 0, stop: int | None = None) -> None:
        """The same, or what is to be written of it."""
        if axis == self.order[0] and self.part is not None:
            self.between(*self.part, axis, step, body)
        elif axis != self.order[0] or self.kept is None:
            self.over(axis, step, body, start, stop)

    def nest(self, q: int) -> None:
        """The loops from the q-th on."""
        ending = [(i, s) for i, s in enumerate(self.stores) if s.reduced and self.suffix(s) == q < len(self.order)]
        self.values.append({})
        if q == len(self.order):
            self.step(0)
        else:
            self.compute(q, 1)
            is_last = q == len(self.order) - 1
            unrolled = self.unrolled() if is_last else 1
            for i, s in ending:
                self.start_accumulator(i, s, unrolled)
            if q == 0 and self.kept is not None:
                self.combine_parts()
            if is_last:
                self.vectors(self.order[q], unrolled)
            else:
                self.whole(self.order[q], 1, lambda: self.nest(q + 1))
            for i, s in ending if q or self.part is None else []:
                self.finish(i, s, unrolled)
        self.values.pop()

    def unrolled(self) -> int:
        """How many vectors are combined side by side."""
        vectors = self.sizes[self.order[-1]] // self.width
        in_registers = any(self.order[-1] in s.reduced for s in self.stores)
        return UNROLLED if in_registers and self.width > 1 and vectors >= UNROLLED and self.cost <= MAX_UNROLLED_COST else 1

    def vectors(self, axis: int, unrolled: int) -> None:
        """The innermost loop: whole vectors, several in a step, and the rest."""
        size, width = self.sizes[axis], self.width

        def several(n: int) -> None:
            base = self.at[axis]
            for u in range(n):
                self.at[axis] = self.plus(base, self.b.index(u * width)) if u else base
                self.values.append({})
                self.step(u)
                self.values.pop()

        step, block = width * unrolled, self.block_size()
        end = size // step * step
        done, body = end, lambda: several(unrolled)
        if block:
            done = end // block * block
            self.whole(axis, block, lambda: self.block(axis, block, step, body), 0, done)
        elif end:
            self.whole(axis, step, body, 0, end)
        if self.part is not None and axis == self.order[0]:
            return
        if done < end:
            self.over(axis, step, body, done, end)
        whole = size // width * width
        if end < whole:
            self.over(axis, width, lambda: several(1), end, whole)
        if whole < size:
            self.count = size - whole
            self.over(axis, width, lambda: several(1), whole, size)
            self.count = width

    def step(self, u: int) -> None:
        """One step of the innermost loop, for accumulator u."""
        self.compute(len(self.order), self.width)
        for i, store in enumerate(self.stores):
            value = self.value_of(store.node)
            if store.places:
                self.scatter(store, value)
            elif not store.reduced:
                self.put(store, value, adds=store.adds)
            elif self.suffix(store) < len(self.order):
                self.accumulate(i, store, value, u)
            else:
                self.put(store, value, combines=True)

    def value_of(self, node: Node) -> Value:
        for known in reversed(self.values):
            if node in known:
                return known[node]
        raise KeyError(node.op)

    def compute(self, depth: int, width: int) -> None:
        """The nodes of so many loops."""
        for node in self.nodes:
            if self.depths[node] == depth:
                self.values[-1][node] = self.computed(node, width)

    def computed(self, node: Node, width: int) -> Value:
        b = self.b
        if node.op == "constant":
            return b.constant(node.data, node.kind)
        if node.op == "load":
            array, offset, terms = node.data
            stride = self.stride(terms, width)
            place = self.offset(offset, terms)
            if stride == 0:
                return b.load(node.kind, f"%p{array}", place)
            return b.load(node.kind, f"%p{array}", place, width, stride, self.count)
        if node.op == "gather":
            return self.gathered(node, width)
        if node.op == "position":
            start, terms = node.data
            stride = self.stride(terms, width)
            place = self.offset(start, terms)
            return b.add(b.splat(place, width), b.lanes("i64", width, 0, stride)) if stride else place
        args = [self.value_of(a) for a in node.args]
        args = b.alike(*args) if args else args
        return b.known_as(node.kind, node.data(b, *args))

    def gathered(self, node: Node, width: int) -> Value:
        """An element, or elements, that numbers point to."""
        b = self.b
        array, offset, terms, dims = node.data
        place = b.place_of([self.value_of(a) for a in node.args], dims, self.count if width > 1 else None)
        stride = self.stride(terms, width)
        start = self.offset(offset, terms)
        if place.width == 1:
            place = b.add(place, start)
            if stride == 0:
                return b.load(node.kind, f"%p{array}", place)
            return b.load(node.kind, f"%p{array}", place, width, stride, self.count)
        places = b.add(b.splat(start, width), place)
        if stride:
            places = b.add(places, b.lanes("i64", width, 0, stride))
        raw = {"bool": "u8", "f16": "u16"}.get(node.kind, node.kind)
        x = b.gather(f"%p{array}", raw, places, self.count)
        if node.kind == "f16":
            return b.cast("bitcast", x, "f16")
        return b.compare("ne", x, b.like(0, x)) if node.kind == "bool" else x

    def scatter(self, store: Store, value: Value) -> None:
        """Write to places that numbers point to, one element after the other: two may be the same place."""
        b, width = self.b, self.width
        place = b.place_of([self.value_of(p) for p in store.places], store.dims, self.count if width > 1 else None)
        stride = self.stride(store.terms, width)
        start, array = self.offset(store.offset, store.terms), f"%p{store.array}"
        if place.width == 1 and stride == 1:  # a vector of neighbours
            place = b.add(place, start)
            value = b.splat(value, width)
            if store.combine is not None:
                value = store.combine(b, b.read(store.kind, array, place, width, 1, self.count), value)
            b.store(value, array, place, 1, self.count)
            return
        for i in range(self.count if width > 1 else 1):
            own = b.add(b.lane(place, i), self.plus(start, b.index(i * stride)))
            x = b.lane(value, i)
            if store.combine is not None:
                x = store.combine(b, b.read(store.kind, array, own), x)
            b.store(x, array, own)

    def stride(self, terms: Sequence[Term], width: int) -> int:
        """How far apart the elements of a vector are; 0 where all are one element."""
        return dict(terms).get(self.order[-1], 0) if width > 1 else 0

    def offset(self, offset: int, terms: Sequence[Term]) -> Value:
        """Where an element is.  Of axes that were merged the inner one counts the steps."""
        total = None
        for axis, factor in terms:
            if axis in self.at and factor:
                place = self.at[axis]
                place = self.b.index(int(place.text) * factor) if place.is_constant else self.b.mul(place, self.b.index(factor))
                total = place if total is None else self.plus(total, place)
        start = self.b.index(offset)
        return start if total is None else self.plus(total, start)

    def plus(self, x: Value, y: Value) -> Value:
        return self.b.index(int(x.text) + int(y.text)) if x.is_constant and y.is_constant else self.b.add(x, y)

    def put(self, store: Store, value: Value, adds: bool = False, combines: bool = False) -> None:
        """Write a value, or what comes of it and what is there."""
        b = self.b
        stride = self.stride(store.terms, self.width)
        width = self.width if stride else 1
        place = self.offset(store.offset, store.terms)
        if stride:
            value = b.splat(value, width)
        if adds or combines:
            count = self.count if stride else None
            there = b.read(store.kind, f"%p{store.array}", place, width, stride or 1, count)
            value = add(b, there, value) if adds else self.combined(store, there, value)
        b.store(value, f"%p{store.array}", place, stride or 1, self.count if stride else None)

    # --- reductions in registers

    def identity(self, store: Store) -> Any:
        assert store.reduce is not None
        return store.reduce.identity(store.kind)

    def combined(self, store: Store, x: Value, y: Value) -> Value:
        assert store.reduce is not None
        return store.reduce.combine(self.b, *self.b.alike(x, y))

    def start_accumulator(self, i: int, store: Store, unrolled: int) -> None:
        identity = self.b.constant(self.identity(store), store.kind, self.width)
        for u in range(unrolled):
            if (i, u) not in self.accumulators:
                self.accumulators[i, u] = self.b.allocate(store.kind, self.width)
            self.b.store(identity, self.accumulators[i, u], self.b.index(0))

    def accumulate(self, i: int, store: Store, value: Value, u: int) -> None:
        b, place = self.b, self.accumulators[i, u if (i, u) in self.accumulators else 0]
        value = b.splat(value, self.width)
        if self.count < self.width:
            value = b.select(
                b.first_lanes(self.width, self.count), value, b.constant(self.identity(store), store.kind, self.width)
            )
        before = b.read(store.kind, place, width=self.width)
        b.store(self.combined(store, before, value), place, b.index(0))

    def long_sums(self) -> list[int]:
        """The stores of sums that round."""
        sums = [i for i, s in enumerate(self.stores) if s.kind[0] == "f" and s.reduce is not None and s.reduce.combine is add]
        return [i for i in sums if self.stores[i].reduced and self.suffix(self.stores[i]) < len(self.order)]

    def block_size(self) -> int:
        """Of how many elements of the innermost loop sums of their own are made; 0 where that is not worth it."""
        step = self.width * self.unrolled()
        steps = self.sizes[self.order[-1]] // step
        start = min((self.suffix(self.stores[i]) for i in self.long_sums()), default=len(self.order))
        terms = steps * prod(self.sizes[axis] for axis in self.order[start:-1])
        return step * min(steps, block_of(terms)) if start < len(self.order) and terms > LONG_SUM and steps >= SHORT_ROW else 0

    def block(self, axis: int, size: int, step: int, body: Callable[[], None]) -> None:
        """Some steps of the innermost loop, of which sums are made of their own, and added to those of all."""
        b, base, totals = self.b, self.at[axis], dict(self.accumulators)
        sums = [(i, u) for i, u in totals if i in self.long_sums()]
        for i, u in sums:
            store, place = self.stores[i], b.allocate(self.stores[i].kind, self.width)
            b.store(b.constant(self.identity(store), store.kind, self.width), place, b.index(0))
            self.accumulators[i, u] = place

        def inner(i: Value) -> None:
            self.at[axis] = i
            body()

        b.loop(base, self.plus(base, b.index(size)), step, inner)
        for i, u in sums:
            kind = self.stores[i].kind
            own, total = (b.read(kind, p[i, u], width=self.width) for p in (self.accumulators, totals))
            b.store(b.add(total, own), totals[i, u], b.index(0))
        self.accumulators = totals

    def finish(self, i: int, store: Store, unrolled: int) -> None:
        """Combine the lanes of the accumulators, and write the result."""
        b = self.b
        parts = [b.read(store.kind, self.accumulators[i, u], width=self.width) for u in range(unrolled)]
        while len(parts) > 1:
            parts = [self.combined(store, x, y) for x, y in zip(parts[::2], parts[1::2], strict=True)]
        result = b.folded(lambda x, y: self.combined(store, x, y), parts[0])
        place = self.offset(store.offset, [(a, c) for a, c in store.terms if a not in store.reduced])
        if self.is_reduced_outside(store) or store.adds:
            result = self.combined(store, b.read(store.kind, f"%p{store.array}", place), result)
        b.store(result, f"%p{store.array}", place)
