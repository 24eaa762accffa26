"""Sums of products: a register tile over the vector letter and the row letter of an einsum, or a loop nest.

Of the letters of the result one is the *vector* letter, along which elements are neighbours in the operands that have it (one
that has it with gaps is packed first), and one the *row* letter, which those operands do not have: what is read of them serves
all rows of a tile.  The other letters of the result are loops around the tile, the summed letters loops inside of it.  The sums
run in the order of the summed letters, whatever the tile.  Products without a vector letter are dot products, and loop nests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from covector.backends.native.copies import SIDE, copy_text, sides, turn
from covector.backends.native.elementwise import converted, multiply
from covector.backends.native.ir import Builder, Module, Value, item_size, type_name
from covector.backends.native.nests import block_of, nest_text
from covector.backends.native.nodes import Expressions, Store
from covector.backends.native.rules import REDUCTIONS, Term
from covector.backends.native.teams import part_text, shared, workers
from covector.core.jaxpr import Equation

ROWS, VECTORS = 8, 3
"""The tile: with the vectors of one operand, as many accumulators as a processor with AVX-512 has registers."""

PANEL_BYTES = 2**16
"""Operands from this size on are copied in panels."""

LONG_PRODUCT = 512
"""Sums of more terms are sums of sums of blocks."""

CHEAPER, STORE = 0.6, 1.5
"""Another letter has the vectors where that takes so much of the instructions; what it takes to store one lane."""

ALONE = 16
"""So many vectors side by side where there are no rows."""

SHARED = 1e8
"""Bytes that are multiplied from which on threads share a product: about 0.3 ms."""

SHARED_ROWS = 32 * ROWS
"""The rows of a part, where it is not made of columns."""


class Shape(NamedTuple):
    """An einsum as loops.

    Attributes:
        terms: the letters of the operands.
        out: the letters of the result.
        summed: the letters that are summed.
        sizes: how often each letter is run through.
        strides: for each operand, and last for the result, by how many elements a step of a letter goes.
        kinds: the types of these.
    """

    terms: tuple[str, ...]
    out: str
    summed: str
    sizes: dict[str, int]
    strides: tuple[dict[str, int], ...]
    kinds: tuple[str, ...]

    def key(self) -> tuple[Any, ...]:
        """What tells two products apart."""
        return self.terms, self.out, *self.sizes.items(), *(tuple(s.items()) for s in self.strides), self.kinds

    def stride(self, operand: int, letter: str) -> int:
        return self.strides[operand].get(letter, 0)

    def gaps(self, letter: str) -> int:
        """In how many operands a letter steps over elements."""
        return sum(self.stride(q, letter) not in (0, 1) for q in range(len(self.terms)))

    def row_letter(self) -> str | None:
        """The longest letter that the operands with the vector letter lack."""
        vector = self.vector_letter()
        others = "".join(term for term in self.terms if vector is not None and vector in term)
        rows = [c for c in self.out if c != vector and self.sizes[c] > 1 and c not in others]
        return max(rows, key=lambda c: self.sizes[c]) if rows else None

    def panel(self) -> tuple[int, int] | None:
        """The operand of which the columns of a tile are copied together, and how many elements that takes; None for none.

        They are read again for each block of rows, and lie far apart, at distances that are bad for caches if they are powers
        of two.
        """
        if self.kinds[-1][0] != "f":
            return None
        vector, row = self.vector_letter(), self.row_letter()
        with_vector = [q for q, term in enumerate(self.terms) if vector is not None and vector in term]
        if len(with_vector) != 1 or row is None or self.sizes[row] < 4 * ROWS or vector is None:
            return None
        depth = math.prod(self.sizes[c] for c in self.summed)
        if depth * self.sizes[vector] * item_size(self.kinds[with_vector[0]]) < PANEL_BYTES:
            return None
        return with_vector[0], depth * VECTORS * (64 // item_size(self.kinds[-1]))

    def panels(self) -> int:
        """How many elements the panels of all threads take."""
        panel = self.panel()
        return 0 if panel is None else panel[1] * (1 if self.split() is None else workers())

    def tile(self) -> tuple[int, int]:
        """The rows and vectors of the tile."""
        vector, row = self.vector_letter(), self.row_letter()
        assert vector is not None
        rows = min(ROWS, self.sizes[row]) if row else 1
        most = VECTORS if rows > 4 else 6 if rows > 2 else ALONE
        return rows, min(most, -(-self.sizes[vector] // (64 // item_size(self.kinds[-1]))))

    def outer(self) -> list[str]:
        """The letters of the loops around the tile."""
        return [c for c in self.out if c not in (self.vector_letter(), self.row_letter()) and self.sizes[c] > 1]

    def split(self) -> tuple[str, int] | None:
        """A letter of which threads do parts, and how many steps of it are a part; None where one thread does all."""
        vector, row, kind = self.vector_letter(), self.row_letter(), self.kinds[-1]
        if vector is None or kind[0] != "f" or workers() == 1 or math.prod(self.sizes.values()) * item_size(kind) < SHARED:
            return None
        columns = self.tile()[1] * (64 // item_size(kind))
        choices = [*((c, 1) for c in self.outer()[:1]), (vector, columns), *((c, SHARED_ROWS) for c in (row or "")[:1])]
        return next(((c, n) for c, n in choices if self.sizes[c] >= 2 * n * workers()), None)

    def vector_letter(self) -> str | None:
        """The letter of the vectors; None for dot products."""
        candidates = [c for c in self.out if self.sizes[c] > 1]
        if not candidates:
            return None
        best = min(candidates, key=lambda c: (self.gaps(c), self.strides[-1][c] != 1, -min(self.sizes[c], 64)))
        rest = math.prod(self.sizes[c] for c in self.out) // self.sizes[best]
        if self.gaps(best) and rest < 4 and self.summed and self.sizes[self.summed[-1]] >= 8 and not self.gaps(self.summed[-1]):
            return None
        cheapest = min(candidates, key=self.cost)
        return cheapest if self.cost(cheapest) < CHEAPER * self.cost(best) else best

    def last_axis(self) -> int | None:
        """The axis that a result which may lie as it likes has last, as an operand has it; None if it is best as it is."""
        candidates = [c for c in self.out if self.sizes[c] > 1]
        as_operands = [c for c in candidates if not self.gaps(c)]
        if self.kinds[-1][0] != "f" or not as_operands:
            return None
        best = min(as_operands, key=lambda c: self.cost(c, is_last=True))
        is_better = self.cost(best, is_last=True) < CHEAPER * min(map(self.cost, candidates))
        return self.out.index(best) if is_better else None

    def cost(self, vector: str, is_last: bool = False) -> float:
        """About how many instructions an element of the result takes with vectors along a letter, perhaps of neighbours.

        Few lanes are used of a short one, such as the side of a window; of one with gaps operands are packed, and lanes of the
        result are stored one by one.
        """
        size, lanes = self.sizes[vector], 64 // item_size(self.kinds[-1])
        whole: Callable[[str], int] = lambda letters: math.prod(self.sizes[c] for c in letters)
        packed = sum(whole(term) for q, term in enumerate(self.terms) if self.stride(q, vector) not in (0, 1))
        stored = -(-size // lanes) / size if is_last or self.strides[-1][vector] == 1 else STORE
        return whole(self.summed) * -(-size // lanes) / size + stored + packed / 2 / whole(self.out)


def shape_of(eqn: Equation, spots: Sequence[Any]) -> Shape:
    """The loops of an einsum of arrays in these places, that of the result last."""
    operands, out = eqn.params["spec"].split("->")
    terms = tuple(operands.split(","))
    sizes = {c: n for term, x in zip(terms, eqn.inputs, strict=True) for c, n in zip(term, x.aval.shape, strict=True)}
    summed = "".join(c for c in sizes if c not in out)
    strides = tuple(dict(zip(term, spot.strides, strict=True)) for term, spot in zip((*terms, out), spots, strict=True))
    kinds = tuple(type_name(x.aval.dtype) for x in (*eqn.inputs, *eqn.outputs))
    return Shape(terms, out, summed, sizes, strides, kinds)


class Packing(NamedTuple):
    """An operand that is copied so that elements of the vector letter are neighbours."""

    operand: int
    letters: str
    """Its letters in the order of the copy."""


def packings(shape: Shape) -> list[Packing]:
    """The operands that have to be packed."""
    vector = shape.vector_letter()
    if vector is None:
        return []
    found, panel = [], shape.panel()
    for q, term in enumerate(shape.terms):
        if shape.stride(q, vector) not in (0, 1) and (panel is None or panel[0] != q):
            rest = sorted((c for c in term if c != vector), key=lambda c: -shape.stride(q, c))
            found.append(Packing(q, "".join(rest) + vector))
    return found


def packed_strides(shape: Shape, packing: Packing) -> dict[str, int]:
    strides, size = {}, 1
    for c in reversed(packing.letters):
        strides[c] = size
        size *= shape.sizes[c]
    return strides


def packed(shape: Shape) -> Shape:
    """The same with the operands that are packed as they are then."""
    strides = list(shape.strides)
    for packing in packings(shape):
        strides[packing.operand] = packed_strides(shape, packing)
    return shape._replace(strides=tuple(strides))


def calls(plan: Any, eqn: Equation, scratch: Sequence[Any], module: Module) -> list[Any]:
    """The functions that compute a product, with the places that they are given."""
    spots = [plan.spots[x] for x in (*eqn.inputs, *eqn.outputs)]
    shape, found = shape_of(eqn, spots), list[Any]()
    kind = shape.kinds[-1]
    strides, given = list(shape.strides), [s._replace(strides=()) for s in spots]
    for packing, place in zip(packings(shape), scratch, strict=False):
        q = packing.operand
        found.append((packing_function(shape, packing, module), [given[q], place]))
        strides[q], given[q] = packed_strides(shape, packing), place
    given += scratch[len(found) :]
    shape = shape._replace(strides=tuple(strides))
    if shape.vector_letter() is None or kind[0] != "f":
        write: Callable[[str], str] = lambda name: nest_of_product(name, shape, kind, module)
    else:
        write = lambda name: Tile(name, shape, kind, module).text()
    return [*found, (module.named("product", write, shape.key()), given)]


def packing_function(shape: Shape, packing: Packing, module: Module) -> str:
    """The name of the function that packs an operand."""
    q, target = packing.operand, packed_strides(shape, packing)
    write: Callable[[str], str] = lambda name: copy_text(
        name, shape.kinds[q], packing.letters, shape.sizes, shape.strides[q], target, module
    )
    return module.named("pack", write, (packing, *shape.key()))


def nest_of_product(name: str, shape: Shape, kind: str, module: Module) -> str:
    """Any product, as a reduction."""
    letters = [c for c in shape.out + shape.summed if shape.sizes[c] > 1]
    axis = {c: i for i, c in enumerate(letters)}
    terms: Callable[[int], tuple[Term, ...]] = lambda q: tuple(
        sorted((axis[c], s) for c, s in shape.strides[q].items() if c in axis and s)
    )
    e, last = Expressions(), len(shape.terms)
    factors = [e.scalar(converted(kind), kind, e.load(q, shape.kinds[q], 0, terms(q))) for q in range(last)]
    node = factors[0] if last == 1 else e.scalar(multiply, kind, *factors)
    reduced = frozenset(axis[c] for c in shape.summed if c in axis)
    store = Store(node, kind, last, 0, terms(last), reduced, REDUCTIONS["reduce_sum"] if reduced else None)
    return nest_text(name, {axis[c]: shape.sizes[c] for c in letters}, [store], last + 1, module)


class Tile:
    """Writes a product of floats as loops around a tile in registers."""

    def __init__(self, name: str, shape: Shape, kind: str, module: Module):
        vector = shape.vector_letter()
        assert vector is not None
        self.shape, self.kind, self.vector, self.module = shape, kind, vector, module
        self.panel = shape.panel()
        self.pointers = [*(f"%p{i}" for i in range(len(shape.terms) + 1 + (self.panel is not None))), "%status"]
        self.b = Builder(name, ", ".join(f"ptr {p}" for p in self.pointers), module)
        self.panel_base = self.pointers[-2]
        self.width = 64 // item_size(kind)
        self.row = shape.row_letter()
        self.rows, self.vectors = shape.tile()
        self.outer = shape.outer()
        self.summed = [c for c in shape.summed if shape.sizes[c] > 1]
        self.part: tuple[str, Value, int] | None = None
        """A letter, from where on and how many steps of it are done; of others all are."""
        self.at: dict[str, Value] = {}
        self.accumulators: dict[tuple[int, int], str] = {}
        self.partial: dict[tuple[int, int], str] = {}

    def text(self) -> str:
        split = self.shape.split()
        if split is None:
            self.around(0)
            return self.b.text()
        (letter, length), own = split, self.b
        do = self.parts_of(letter, length)
        part = self.module.named("part", lambda name: part_text(name, len(self.pointers), self.module, do))
        shared(own, part, self.pointers, -(-self.shape.sizes[letter] // length))
        return own.text()

    def parts_of(self, letter: str, length: int) -> Callable[[Builder], None]:
        """What writes the part with the number %part."""
        size = self.shape.sizes[letter]
        whole = size // length

        def do(start: Value, count: int) -> None:
            self.part = letter, start, count
            self.around(0)

        def write(b: Builder) -> None:
            self.b, number = b, Value("%part", "i64")
            if self.panel is not None:
                place = b.mul(Value("%worker", "i64"), b.index(self.panel[1]))
                self.panel_base = b.pointer(self.panel_base, self.kind, place)
            if whole * length == size:
                do(b.mul(number, b.index(length)), length)
                return
            is_whole = b.compare("lt", number, b.index(whole))
            rest = lambda: do(b.index(whole * length), size % length)
            b.branch(is_whole, lambda: do(b.mul(number, b.index(length)), length), rest)

        return write

    def range_of(self, letter: str) -> tuple[Value, int]:
        """From where on, and how many steps of a letter are done."""
        if self.part is not None and self.part[0] == letter:
            return self.part[1:]
        return self.b.index(0), self.shape.sizes[letter]

    def over(
        self, letter: str, stop: int, step: int, body: Callable[[], Any], start: int = 0, base: Value | None = None
    ) -> None:
        """Run ``body()`` with a letter at ``start, start + step, …``, counted from ``base`` on."""
        base = self.b.index(0) if base is None else base
        if stop - start <= step:
            is_known = base.is_constant
            self.at[letter] = self.b.index(int(base.text) + start) if is_known else self.b.add(base, self.b.index(start))
            self.b.scoped(body)
            return

        def inner(i: Value) -> None:
            self.at[letter] = self.b.add(base, i)
            body()

        self.b.loop(self.b.index(start), self.b.index(stop), step, inner)

    def around(self, q: int) -> None:
        if q < len(self.outer):
            base, size = self.range_of(self.outer[q])
            self.over(self.outer[q], size, 1, lambda: self.around(q + 1), 0, base)
            return
        (base, size), width = self.range_of(self.vector), self.width
        block = width * self.vectors
        full = size // block * block
        if full:
            self.over(self.vector, full, block, lambda: self.row_blocks([width] * self.vectors), 0, base)
        if full < size:
            counts = [min(width, size - i) for i in range(full, size, width)]
            self.over(self.vector, size, block, lambda: self.row_blocks(counts), full, base)

    def row_blocks(self, counts: list[int]) -> None:
        if self.row is None:
            self.tile(1, counts)
            return
        if self.panel is not None:
            self.b.scoped(lambda: self.copy_panel(0, counts))
        base, size = self.range_of(self.row)
        full = size // self.rows * self.rows
        if full:
            self.over(self.row, full, self.rows, lambda: self.tile(self.rows, counts), 0, base)
        if full < size:
            self.over(self.row, size, self.rows, lambda: self.tile(size - full, counts), full, base)

    def copy_panel(self, q: int, counts: list[int]) -> None:
        """Copy what the columns of a tile read, in the order in which it is read."""
        assert self.panel is not None
        operand, near = self.panel[0], self.neighbours_in_panel()
        letters = [c for c in self.summed if c != near]
        if q < len(letters):
            self.over(letters[q], self.shape.sizes[letters[q]], 1, lambda: self.copy_panel(q + 1, counts))
        elif near is not None:
            sides(self.b, self.shape.sizes[near], lambda start, steps: self.turn_into_panel(near, start, steps, counts))
        else:
            for v, count in enumerate(counts):
                self.b.store(self.b.splat(self.read(operand, 0, v, count), self.width), self.panel_base, self.in_panel(v))

    def neighbours_in_panel(self) -> str | None:
        """The summed letter of neighbours in the operand that is copied, if those of the vector letter lie apart."""
        assert self.panel is not None
        operand, shape = self.panel[0], self.shape
        if shape.stride(operand, self.vector) in (0, 1) or shape.kinds[operand] != self.kind:
            return None
        return next((c for c in self.summed if shape.stride(operand, c) == 1 and shape.sizes[c] >= SIDE // 2), None)

    def turn_into_panel(self, near: str, start: Value, steps: int, counts: list[int]) -> None:
        """Copy some steps of the letter of neighbours: of each vector a square, or two, turned."""
        assert self.panel is not None
        b, operand = self.b, self.panel[0]
        self.at[near] = start
        later = math.prod(self.shape.sizes[c] for c in self.summed[self.summed.index(near) + 1 :])
        apart, row = self.shape.stride(operand, self.vector), later * self.vectors * self.width
        for v, count in enumerate(counts):
            source, target = self.place(operand, 0, v), self.in_panel(v)
            for first in range(0, count, SIDE):
                read = f"%p{operand}", b.add(source, b.index(first * apart)), apart
                turn(b, self.kind, read, (self.panel_base, b.add(target, b.index(first)), row), min(SIDE, count - first), steps)

    def in_panel(self, vector: int) -> Value:
        """Where in the panel a vector is, for the summed letters as they are."""
        b, step = self.b, self.b.index(0)
        for letter in self.summed:
            step = b.add(b.mul(step, b.index(self.shape.sizes[letter])), self.at[letter])
        return b.add(b.mul(step, b.index(self.vectors * self.width)), b.index(vector * self.width))

    def tile(self, rows: int, counts: list[int]) -> None:
        """So many rows of vectors, of which ``counts`` says how much of each there is."""
        b, cells = self.b, [(r, v) for r in range(rows) for v in range(len(counts))]
        zero = b.constant(0.0 if self.shape.summed else -0.0, self.kind, self.width)
        for cell in cells:
            if cell not in self.accumulators:
                self.accumulators[cell] = b.allocate(self.kind, self.width)
            b.store(zero, self.accumulators[cell], b.index(0))
        self.sums(0, cells, counts)
        last = len(self.shape.terms)
        for r, v in cells:
            value = b.read(self.kind, self.accumulators[r, v], width=self.width)
            stride = self.shape.strides[last][self.vector]
            b.store(value, f"%p{last}", self.place(last, r, v), stride, counts[v])

    def sums(self, q: int, cells: list[tuple[int, int]], counts: list[int]) -> None:
        if q < len(self.summed):
            letter, start = self.summed[q], 0
            size, inner = self.shape.sizes[letter], lambda: self.sums(q + 1, cells, counts)
            if size > LONG_PRODUCT and letter == max(self.summed, key=lambda c: self.shape.sizes[c]):
                block = max(LONG_PRODUCT // 2, block_of(size))
                start = size // block * block
                self.over(letter, start, block, lambda: self.block(letter, block, inner, cells))
            if start < size:
                self.over(letter, size, 1, inner, start)
            return
        b = self.b
        for r, v in cells:
            factors = [self.factor(i, r, v, counts[v]) for i in range(len(self.shape.terms))]
            place = self.accumulators[r, v]
            before = b.read(self.kind, place, width=self.width)
            total = (
                b.fma(factors[0], factors[1], before) if len(factors) == 2 else b.add(before, b.splat(factors[0], self.width))
            )
            b.store(total, place, b.index(0))

    def block(self, letter: str, size: int, body: Callable[[], None], cells: list[tuple[int, int]]) -> None:
        """Some terms of the sums, of which sums are made of their own, and added to those of all."""
        b, base, totals = self.b, self.at[letter], dict(self.accumulators)
        for cell in cells:
            if cell not in self.partial:
                self.partial[cell] = b.allocate(self.kind, self.width)
            b.store(b.constant(-0.0, self.kind, self.width), self.partial[cell], b.index(0))
        self.accumulators = {**totals, **self.partial}

        def inner(i: Value) -> None:
            self.at[letter] = i
            body()

        end = b.index(int(base.text) + size) if base.is_constant else b.add(base, b.index(size))
        b.loop(base, end, 1, inner)
        for cell in cells:
            own, total = (b.read(self.kind, p[cell], width=self.width) for p in (self.partial, totals))
            b.store(b.add(total, own), totals[cell], b.index(0))
        self.accumulators = totals

    def factor(self, operand: int, row: int, vector: int, count: int) -> Value:
        if self.panel is not None and operand == self.panel[0]:
            return self.b.load(self.kind, self.panel_base, self.in_panel(vector), self.width)
        return self.read(operand, row, vector, count)

    def read(self, operand: int, row: int, vector: int, count: int) -> Value:
        place = self.place(operand, row, vector)
        kind = self.shape.kinds[operand]
        stride = self.shape.stride(operand, self.vector)
        if stride:
            return self.b.convert(self.b.load(kind, f"%p{operand}", place, self.width, stride, count), self.kind)
        return self.b.convert(self.b.load(kind, f"%p{operand}", place), self.kind)

    def place(self, operand: int, row: int, vector: int) -> Value:
        """Where an element of an operand is, for a row and a vector of the tile."""
        b, total = self.b, None
        start = 0
        for letter, stride in self.shape.strides[operand].items():
            if letter not in self.at or not stride:
                continue
            start += stride * (row if letter == self.row else vector * self.width if letter == self.vector else 0)
            at = self.at[letter]
            if at.is_constant:
                start += stride * int(at.text)
                continue
            step = b.mul(at, b.index(stride))
            total = step if total is None else b.add(total, step)
        return b.index(start) if total is None else b.add(total, b.index(start))
