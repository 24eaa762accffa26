"""What a loop nest computes in each step, and writes: expressions over its axes, in which nothing is written twice.

>>> e = Expressions()
>>> x = e.load(0, "f64", 0, ((0, 1),))
>>> y = e.scalar(Builder.add, "f64", x, x)
>>> y is e.scalar(Builder.add, "f64", x, x), sorted(y.axes)
(True, [0])

A node is a number, an element of an array in memory at a place that is affine in the axes, or a function of other nodes.  Its
``axes`` are those that it depends on: it is computed in the outermost loop where they are all known.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from covector.backends.native.ir import Builder
from covector.backends.native.rules import Place, Reduce, Term, added, moved
from covector.core.keys import distinct_text

__all__ = ["Builder"]


class Node:
    """A value in each step of a loop nest.

    Attributes:
        op: "constant", "load", "gather", "position" or "scalar".
        data: the number; ``(array, offset, terms)``, and of a gather sizes and strides; the place; the function that writes it.
    """

    __slots__ = ("args", "axes", "cost", "data", "kind", "op")

    def __init__(self, op: str, data: Any, kind: str, args: tuple[Node, ...], axes: frozenset[int], cost: float = 0):
        self.op = op
        self.data = data
        self.kind = kind
        self.args = args
        self.axes = axes
        self.cost = cost


class Expressions:
    """The nodes of a loop nest."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Node] = {}

    def _node(self, key: Hashable, make: Callable[[], Node]) -> Node:
        node = self.made.get(key)
        if node is None:
            node = self.made[key] = make()
        return node

    def constant(self, value: Any, kind: str) -> Node:
        return self._node(("constant", distinct_text(value), kind), lambda: Node("constant", value, kind, (), frozenset()))

    def load(self, array: int, kind: str, offset: int, terms: tuple[Term, ...]) -> Node:
        data = array, offset, terms
        return self._node(("load", data), lambda: Node("load", data, kind, (), frozenset(a for a, _ in terms)))

    def gather(
        self, array: int, kind: str, offset: int, terms: tuple[Term, ...], dims: tuple[tuple[int, int], ...], *indices: Node
    ) -> Node:
        """An element at a place to which also the numbers of other nodes point: ``dims`` are their sizes and strides."""
        data = array, offset, terms, dims

        def make() -> Node:
            axes = frozenset(a for a, _ in terms).union(*(i.axes for i in indices))
            return Node("gather", data, kind, indices, axes, 4.0)

        return self._node(("gather", data, indices), make)

    def position(self, place: Place) -> Node:
        return self._node(("position", place), lambda: Node("position", place, "i64", (), frozenset(a for a, _ in place[1])))

    def scalar(self, emit: Callable[..., Any], kind: str, *args: Node, cost: float = 1) -> Node:
        def make() -> Node:
            axes: frozenset[int] = frozenset().union(*(a.axes for a in args))
            return Node("scalar", emit, kind, args, axes, cost)

        return self._node(("scalar", emit, kind, args), make)


class Store:
    """An element that is written in each step; or combined over the axes ``reduced``, and written when they are through.

    Attributes:
        adds: add to what is there.
        places: numbers that point to the place, besides the axes; ``dims`` are their sizes and strides.
        combine: how the element combines with what is there.
    """

    __slots__ = ("adds", "array", "combine", "dims", "kind", "node", "offset", "places", "reduce", "reduced", "terms")

    def __init__(
        self,
        node: Node,
        kind: str,
        array: int,
        offset: int,
        terms: tuple[Term, ...],
        reduced: frozenset[int] = frozenset(),
        reduce: Reduce | None = None,
        adds: bool = False,
        places: tuple[Node, ...] = (),
        dims: tuple[tuple[int, int], ...] = (),
        combine: Any = None,
    ):
        self.places = places
        self.dims = dims
        self.combine = combine
        self.node = node
        self.kind = kind
        self.array = array
        self.offset = offset
        self.terms = terms
        self.reduced = reduced
        self.reduce = reduce
        self.adds = adds


def in_order(roots: Iterable[Node]) -> list[Node]:
    """All nodes that these are made of, each after those that it is made of."""
    order: dict[Node, None] = {}
    waiting = [(node, False) for node in reversed(list(roots))]
    while waiting:
        node, is_ready = waiting.pop()
        if is_ready:
            order.setdefault(node)
        elif node not in order:
            waiting.append((node, True))
            waiting.extend((a, False) for a in reversed(node.args) if a not in order)
    return list(order)


def address(index: Iterable[Place], strides: Iterable[int]) -> tuple[int, tuple[Term, ...]]:
    """Where an element is: an offset, and terms of the axes."""
    place: Place = (0, ())
    for i, stride in zip(index, strides, strict=True):
        if stride:
            place = added(place, moved(i, 0, stride))
    return place


def key_of(sizes: dict[int, int], stores: Sequence[Store]) -> tuple[Any, ...]:
    """What tells two nests apart: their axes, nodes, and stores."""
    numbers: dict[Node, int] = {}
    nodes: list[Any] = []
    for node in in_order(n for s in stores for n in (s.node, *s.places)):
        numbers[node] = len(numbers)
        data = distinct_text(node.data) if node.op == "constant" else node.data
        nodes.append((node.op, data, node.kind, *(numbers[a] for a in node.args)))
    written = [
        (numbers[s.node], s.kind, s.array, s.offset, s.terms, s.reduced, s.reduce, s.adds, s.combine, s.dims,
         *(numbers[p] for p in s.places))
        for s in stores
    ]  # fmt: skip
    return (*sizes.items(), *nodes, *written)
