"""Discrete Fourier transforms by the loops that NumPy's functions call, along one axis of an array.

A loop finds what is real where it is, with any distance between its elements; complex numbers it has in turn, so that some rows
are copied to memory of the routine's own, transformed there, and copied back.  "Rows" are along the axis, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from covector.backends.native.foreign import Routine
from covector.backends.native.functions import call_loop
from covector.backends.native.ir import Module, Value, item_size, type_name
from covector.backends.native.plan import Spot
from covector.backends.native.transforms import TRANSFORMS, factor_of, kind_of, transform_of
from covector.core.jaxpr import Equation

WIDTH = 4

MEMORY = 4_096
"""About so many numbers are copied at once: they should stay in the caches."""

VECTOR_STEPS = (1, 2)
"""How far elements may lie apart that are read or written as a vector."""

Copy = Callable[[Value, Value, int], None]


class Rows(NamedTuple):
    """Where rows begin, and how far they and their elements lie apart, in numbers of parts."""

    address: str
    rows: int
    elements: int


def last(sizes: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Those of the axes with one of them moved to the end."""
    return (*sizes[:axis], *sizes[axis + 1 :], sizes[axis])


def regions(eqn: Equation) -> dict[str, int]:
    """Some rows of what is given and of what is found, in bytes, where a loop wants them otherwise than they are."""
    axis, item = eqn.params["axis"], item_size(kind_of(eqn)) * rows_of(eqn)
    given, found = (x[0].aval.shape[axis] * item for x in (eqn.inputs, eqn.outputs))
    pieces = 2 if needs_complex(eqn) else 0 if is_as_wanted(eqn) else 1
    return {"given": given * pieces, "found": 0 if is_in_place(eqn) else found * len(eqn.outputs)}


def rows_of(eqn: Equation) -> int:
    """How many rows are transformed at once: those that are beside each other along the last of the other axes."""
    shape, axis = eqn.inputs[0].aval.shape, eqn.params["axis"]
    n = max(shape[axis], eqn.outputs[0].aval.shape[axis])
    return int(min((1, *last(shape, axis))[-2], max(MEMORY // n, WIDTH)))


def needs_complex(eqn: Equation) -> bool:
    return TRANSFORMS[eqn.params["transform"]][0]


def is_as_wanted(eqn: Equation) -> bool:
    """Whether a loop can read what is given where it is."""
    return not needs_complex(eqn) and type_name(eqn.inputs[0].aval.dtype) == kind_of(eqn)


def is_in_place(eqn: Equation) -> bool:
    """Whether a loop can write what it finds to where it is to be."""
    return len(eqn.outputs) == 1 and type_name(eqn.outputs[0].aval.dtype) == kind_of(eqn)


class Transform(Routine):
    """A function that transforms an array whose axis has been moved to the end, some rows at a time."""

    regions = staticmethod(regions)

    def __init__(self, name: str, eqn: Equation, spots: list[Spot], module: Module):
        axis = eqn.params["axis"]
        super().__init__(name, eqn, [s._replace(strides=last((0, *s.strides), axis + 1)) for s in spots], module)
        self.shapes = [last((1, *shape), axis + 1) for shape in self.shapes]
        self.stack, self.kind, self.pieces = self.shapes[0][:-2], kind_of(eqn), 2

    def item(self) -> None:
        b, count, most = self.b, self.shapes[0][-2], rows_of(self.eqn)
        whole = count // most * most
        b.loop(b.index(0), b.index(whole), most, lambda row: self.rows(row, most))
        if whole < count:
            self.rows(b.index(whole), count - whole)

    def rows(self, row: Value, count: int) -> None:
        """Transform so many rows from one on."""
        b, item = self.b, item_size(self.kind)
        given, found = self.given(row, count), self.found(row, count)
        factor, transform, n = b.allocate(self.kind), self.eqn.params["transform"], self.eqn.params["n"]
        b.store(b.constant(float(factor_of(self.eqn)), self.kind), factor, b.index(0))
        name = f"covector_{transform}_{'even' if n % 2 == 0 else 'odd'}_{self.kind}"
        loop = transform_of(transform, n, self.kind)
        assert loop is not None
        sizes = [count, self.shapes[0][-1], self.shapes[self.out][-1]]
        apart = [n * item for n in (given.rows, 0, found.rows, given.elements, found.elements)]
        call_loop(b, name, loop, [given.address, factor, found.address], sizes, apart)
        if not is_in_place(self.eqn):
            self.copy_back(row, count)

    def given(self, row: Value, count: int) -> Rows:
        """Where the rows are that are transformed: copies, if they are not as a loop wants them."""
        kind = type_name(self.eqn.inputs[0].aval.dtype)
        if is_as_wanted(self.eqn):
            return self.in_place(0, row)
        operands, memory, pieces = range(len(self.eqn.inputs)), self.memory["given"], 2 if needs_complex(self.eqn) else 1

        def copy(j: Value, i: Value, width: int) -> None:
            b, step = self.b, self.vector_step(operands)
            to = b.mul(self.index(j, i, 0, operands, count), b.index(pieces))
            x = [b.read(kind, f"%p{k}", self.place(k, b.add(row, j), i), width, step) for k in operands]
            x = [b.convert(part, self.kind) for part in x]
            imaginary = x[1] if len(x) == 2 else b.like(0.0, x[0])
            b.store(x[0] if pieces == 1 else b.in_turn(x[0], imaginary), memory, to)

        self.each(count, self.shapes[0][-1], operands, copy)
        return self.copied(memory, 0, operands, count, pieces)

    def found(self, row: Value, count: int) -> Rows:
        """Where those are put that come of it."""
        if is_in_place(self.eqn):
            return self.in_place(self.out, row)
        return self.copied(self.memory["found"], self.out, self.results, count, len(self.results))

    def copy_back(self, row: Value, count: int) -> None:
        kind, pieces = type_name(self.eqn.outputs[0].aval.dtype), len(self.results)

        def copy(j: Value, i: Value, width: int) -> None:
            b, step = self.b, self.vector_step(self.results)
            start = b.mul(self.index(j, i, self.out, self.results, count), b.index(pieces))
            x = b.convert(b.read(self.kind, self.memory["found"], start, pieces * width), kind)
            for part, k in enumerate(self.results):
                b.store(b.every_second(x, part) if pieces == 2 else x, f"%p{k}", self.place(k, b.add(row, j), i), step)

        self.each(count, self.shapes[self.out][-1], self.results, copy)

    @property
    def results(self) -> range:
        return range(self.out, self.out + len(self.eqn.outputs))

    # --- where what is

    def in_place(self, operand: int, row: Value) -> Rows:
        first = self.b.pointer(f"%p{operand}", self.kind, self.place(operand, row, self.b.index(0)))
        return Rows(first, *self.spots[operand].strides[-2:])

    def copied(self, memory: str, operand: int, operands: range, count: int, pieces: int) -> Rows:
        n = self.shapes[operand][-1]
        return Rows(memory, *((n * pieces, pieces) if self.along_rows(operands) else (pieces, count * pieces)))

    def index(self, j: Value, i: Value, operand: int, operands: range, count: int) -> Value:
        """The number of element i of row j of copies: they lie in the order in which they are copied."""
        b, n = self.b, self.shapes[operand][-1]
        return b.add(b.mul(j, b.index(n)), i) if self.along_rows(operands) else b.add(b.mul(i, b.index(count)), j)

    def along_rows(self, operands: range) -> bool:
        return all(self.spots[k].strides[-1] in VECTOR_STEPS for k in operands)

    def vector_step(self, operands: range) -> int:
        """How far elements lie apart that are read or written at once."""
        steps = {self.spots[k].strides[-1 if self.along_rows(operands) else -2] for k in operands}
        return steps.pop() if len(steps) == 1 else 0

    def each(self, count: int, n: int, operands: range, body: Copy) -> None:
        """``body(row, element, width)`` for all elements of some rows, in vectors where the operands can be read so."""
        b, is_along = self.b, self.along_rows(operands)
        outer, inner = (count, n) if is_along else (n, count)
        whole = inner // WIDTH * WIDTH if self.vector_step(operands) in VECTOR_STEPS else 0

        def inside(o: Value) -> None:
            for start, stop, width in ((0, whole, WIDTH), (whole, inner, 1)):
                if start < stop:
                    step = lambda i, w=width: body(o, i, w) if is_along else body(i, o, w)
                    b.loop(b.index(start), b.index(stop), width, step)

        b.loop(b.index(0), b.index(outer), 1, inside)
