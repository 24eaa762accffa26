"""From a nest to its expressions: ``Elements(plan, nest).stores()``, what its loops compute and write in each step.

The element of a value at an index is a load, where the value is in memory; else what its equation makes of elements of its
operands at indices that follow from it.  Axes that are short are written out: each of their places is a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from covector.backends.native.elementwise import Scalar, add, converted, multiply
from covector.backends.native.ir import type_name
from covector.backends.native.nodes import Expressions, Node, Store, address
from covector.backends.native.plan import SMALL_AXIS, Buffer, Nest, Plan, Root, Spot, contiguous, letters_of
from covector.backends.native.rules import Gather, Generate, Index, Place, Product, Reduce, View, at, broadcast_index
from covector.core.jaxpr import Equation, Literal

SMALL_ARRAY = 16
"""Arrays of so few elements are written out whole."""


class Elements:
    """The expressions of a nest, and the arrays that its function is given."""

    def __init__(self, plan: Plan, nest: Nest):
        self.plan = plan
        self.nest = nest
        self.expressions = Expressions()
        self.arrays: dict[tuple[Buffer, int], int] = {}
        self.inside = nest.inside(plan)
        self.known: dict[Any, Node] = {}
        self.sizes: dict[int, int] = {}
        self.written: list[int] = []
        self.axes()

    def axes(self) -> None:
        """Which axes are loops, and which are written out."""
        space = self.nest.space
        end = len(space)
        if math.prod(space) <= SMALL_ARRAY:
            end = 0
        while end and space[end - 1] <= SMALL_AXIS:
            end -= 1
        self.sizes = {a: n for a, n in enumerate(space[:end]) if n != 1}
        self.written = [a for a, n in enumerate(space) if a >= end or n == 1]

    def points(self) -> Iterator[dict[int, int]]:
        """All values of the axes that are written out."""
        for point in product(*(range(self.nest.space[a]) for a in self.written)):
            yield dict(zip(self.written, point, strict=True))

    def array(self, spot: Spot) -> int:
        return self.arrays.setdefault((spot.buffer, spot.offset), len(self.arrays))

    def stores(self) -> list[Store]:
        """What the nest writes."""
        found = []
        if self.nest.places:
            return [self.scattered(self.nest.roots[0], point) for point in self.points()]
        for root in self.nest.roots:
            if not self.plan.is_stored(root.spot.buffer):
                continue
            rule = self.plan.rule_for(root.atom) if root.atom in self.inside else None
            if type(rule) is Reduce and not self.plan.is_small(self.plan.equation[root.atom]):
                found += self.reductions(root, rule)
            else:
                found += [self.store(root, point) for point in self.points()]
        return found

    def index(self, point: dict[int, int]) -> Index:
        return tuple(at(point[a]) if a in point else (0, ((a, 1),)) for a in range(len(self.nest.space)))

    def scattered(self, root: Root, point: dict[int, int]) -> Store:
        """What is written to a place that arrays of integers point to."""
        index, indices, kind = self.index(point), self.nest.places, root.kind
        rank, count = len(index) - len(root.spot.strides) + len(indices), len(indices)
        numbers = [self.element(i, broadcast_index(index[:rank], i.aval.shape)) for i in indices]
        shape = self.shape_at(root)
        offset, terms = address(index[rank:], root.spot.strides[count:])
        dims = tuple(zip(shape[:count], root.spot.strides[:count], strict=True))
        node = self.element(root.atom, index if root.atom.aval.shape else ())
        node = node if node.kind == kind else self.expressions.scalar(converted(kind), kind, node)
        array, combine = self.array(root.spot), self.nest.combine
        return Store(node, kind, array, offset, terms, places=tuple(numbers), dims=dims, combine=combine)

    def shape_at(self, root: Root) -> tuple[int, ...]:
        """The shape of the array that is written to."""
        return next(v.aval.shape for v, s in self.plan.spots.items() if s is root.spot)

    def store(self, root: Root, point: dict[int, int]) -> Store:
        index = self.index(point)
        offset, terms = address(index, root.spot.strides)
        node = self.element(root.atom, index)
        if node.kind != root.kind:
            node = self.expressions.scalar(converted(root.kind), root.kind, node)
        return Store(node, root.kind, self.array(root.spot), offset, terms, adds=root.adds)

    def reductions(self, root: Root, rule: Reduce) -> list[Store]:
        """One store for each element of the axes that are kept and written out; those that are reduced are combined."""
        eqn = self.plan.equation[root.atom]
        axes, kind = eqn.params["axes"], root.kind
        parts: dict[Index, list[Node]] = {}
        for point in self.points():
            index = self.index(point)
            kept = tuple(i for a, i in enumerate(index) if a not in axes)
            parts.setdefault(kept, []).append(self.element(eqn.inputs[0], index))
        reduced = frozenset(a for a in axes if a in self.sizes)
        found = []
        for kept, nodes in parts.items():
            offset, terms = address(kept, root.spot.strides)
            node = self.combined(rule, kind, nodes)
            node = node if reduced else self.from_zero(rule, kind, node)
            found.append(Store(node, kind, self.array(root.spot), offset, terms, reduced, rule if reduced else None))
        return found

    def combined(self, rule: Reduce, kind: str, nodes: list[Node]) -> Node:
        while len(nodes) > 1:
            pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
            nodes = [self.expressions.scalar(rule.combine, kind, *p) if len(p) == 2 else p[0] for p in pairs]
        return nodes[0]

    def from_zero(self, rule: Reduce, kind: str, node: Node) -> Node:
        """A sum as NumPy has it, which begins with 0: that of -0.0 is 0.0."""
        is_sum = rule.combine is add and kind[0] == "f"
        return self.expressions.scalar(add, kind, node, self.expressions.constant(0.0, kind)) if is_sum else node

    def element(self, atom: Any, index: Index) -> Node:
        """The element of a value at an index."""
        first = self.asked(atom, index)
        if type(first) is Node:
            return first
        waiting = [(first, self.operands(*first))] if first not in self.known else []
        while waiting:  # chains are longer than Python's stack
            key, operands = waiting[-1]
            missing = [x for x in operands if type(x) is tuple and x not in self.known]
            if missing:
                waiting.extend((x, self.operands(*x)) for x in reversed(missing))
                continue
            waiting.pop()
            if key not in self.known:
                nodes = [self.known[x] if type(x) is tuple else x for x in operands]
                self.known[key] = self.found(key[0], key[1], nodes)
        return self.known[first]

    def asked(self, atom: Any, index: Index) -> Any:
        """The node of a number; of any other value, under which key its element is known."""
        if isinstance(atom, Literal):
            return self.expressions.constant(atom.value, type_name(atom.aval.dtype))
        return atom, tuple(at(0) if n == 1 else i for i, n in zip(index, atom.aval.shape, strict=True))

    def is_loaded(self, atom: Any) -> bool:
        return atom in self.plan.level and atom not in self.inside

    def operands(self, atom: Any, index: Index) -> list[Any]:
        """What an element is made of: nodes of numbers, and keys."""
        if self.is_loaded(atom):
            return []
        eqn = self.plan.equation[atom]
        rule = self.plan.rule(eqn)
        if type(rule) is View:
            operand = rule.operand(eqn, index)
            if operand is None:
                raise NotImplementedError(eqn.primitive.name)
            return [self.asked(eqn.inputs[0], operand)]
        if type(rule) is Scalar:
            return [self.asked(x, broadcast_index(index, x.aval.shape)) for x in eqn.inputs]
        if type(rule) is Reduce:
            return [self.asked(eqn.inputs[0], i) for i in reduced_indices(eqn, index)]
        if type(rule) is Gather:
            x, *indices = eqn.inputs
            rank = len(index) - len(x.aval.shape) + len(indices)
            return [self.asked(i, broadcast_index(index[:rank], i.aval.shape)) for i in indices]
        if type(rule) is Generate:
            return [self.expressions.position(place_in(eqn, index)), *(self.asked(eqn.inputs[0], i) for i in words(eqn, index))]
        if type(rule) is Product:
            return [self.asked(x, i) for x, i in contracted_indices(eqn, index)]
        raise NotImplementedError(eqn.primitive.name)

    def found(self, atom: Any, index: Index, args: list[Node]) -> Node:
        """The element, made of its operands."""
        plan, kind = self.plan, type_name(atom.aval.dtype)
        if self.is_loaded(atom):
            spot = plan.spots[atom]
            return self.expressions.load(self.array(spot), kind, *address(index, spot.strides))
        eqn = plan.equation[atom]
        rule = plan.rule(eqn)
        if type(rule) is View:
            return args[0]
        if type(rule) is Scalar:
            return self.expressions.scalar(rule.emit, kind, *args, cost=rule.cost)
        if type(rule) is Reduce:
            return self.from_zero(rule, kind, self.combined(rule, kind, args))
        if type(rule) is Gather:
            return self.gathered(eqn, index, kind, args)
        if type(rule) is Generate:
            return self.expressions.scalar(rule.emit, kind, *args, cost=100.0)
        return self.contracted(eqn, kind, args)

    def gathered(self, eqn: Equation, index: Index, kind: str, numbers: list[Node]) -> Node:
        x, *indices = eqn.inputs
        rank = len(index) - len(x.aval.shape) + len(indices)
        spot, count = self.plan.spots[x], len(indices)
        offset, terms = address(index[rank:], spot.strides[count:])
        dims = tuple(zip(x.aval.shape[:count], spot.strides[:count], strict=True))
        return self.expressions.gather(self.array(spot), kind, offset, terms, dims, *numbers)

    def contracted(self, eqn: Equation, kind: str, elements: list[Node]) -> Node:
        """A small contraction, written out: sums of products of as many elements as there are operands."""
        count = len(eqn.inputs)
        factors = [x if x.kind == kind else self.expressions.scalar(converted(kind), kind, x) for x in elements]
        total = self.expressions.constant(0.0, kind) if kind[0] == "f" and letters_of(eqn)[2] else None
        for i in range(0, len(factors), count):
            term = factors[i] if count == 1 else self.expressions.scalar(multiply, kind, *factors[i : i + count])
            total = term if total is None else self.expressions.scalar(add, kind, total, term)
        assert total is not None
        return total


def contracted_indices(eqn: Equation, index: Index) -> Iterator[tuple[Any, Index]]:
    """The operands of a contraction with the indices of the elements that are multiplied, product after product."""
    terms, out, summed, sizes = letters_of(eqn)
    for point in product(*(range(sizes[c]) for c in summed)):
        place: dict[str, Any] = {
            **dict(zip(out, index, strict=True)),
            **{c: at(i) for c, i in zip(summed, point, strict=True)},
        }
        for x, term in zip(eqn.inputs, terms, strict=True):
            yield x, tuple(place[c] for c in term)


def place_in(eqn: Equation, index: Index) -> Place:
    """The number of an element among those that one key makes."""
    shape = eqn.params["shape"]
    return address(index[len(index) - len(shape) :], contiguous(shape))


def words(eqn: Equation, index: Index) -> list[Index]:
    """The indices of the two words of the key of an element."""
    leading = index[: len(index) - len(eqn.params["shape"])]
    return [(*leading, at(i)) for i in range(2)]


def reduced_indices(eqn: Equation, index: Index) -> Iterator[Index]:
    """The indices of the elements that are reduced to one."""
    axes, shape = eqn.params["axes"], eqn.inputs[0].aval.shape
    for point in product(*(range(shape[a]) for a in axes)):
        kept, fixed = iter(index), dict(zip(axes, point, strict=True))
        yield tuple(at(fixed[a]) if a in fixed else next(kept) for a in range(len(shape)))
