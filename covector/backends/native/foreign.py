"""Functions that call a routine of another library for each item of a stack: `Routine`.

A routine is told which arrays it is given by their places; what they hold is copied where the library wants it otherwise.  A
complex array is two of its parts here, which most libraries have in turn.
"""

from __future__ import annotations

from covector.backends.native.ir import Builder, Module, Value, padded, type_name
from covector.backends.native.plan import Buffer, Plan, Spot
from covector.core.jaxpr import Equation


class Routine:
    """The function of one equation.

    Attributes:
        memory: where each part of the memory of its own is, by the names of its ``regions``.
        kind: the type of the numbers, or parts of numbers, that the library computes with.
        pieces: how many parts each number has.
        stack: the shape of the stack.
    """

    kind: str
    pieces: int
    stack: tuple[int, ...]

    @staticmethod
    def regions(eqn: Equation) -> dict[str, int]:
        """The memory of its own that an equation needs, in bytes."""
        raise NotImplementedError

    def __init__(self, name: str, eqn: Equation, spots: list[Spot], module: Module):
        self.b = Builder(name, ", ".join([*(f"ptr %p{i}" for i in range(len(spots))), "ptr %own", "ptr %status"]), module)
        self.eqn, self.spots, self.out = eqn, spots, len(eqn.inputs)
        self.shapes = [x.aval.shape for x in (*eqn.inputs, *eqn.outputs)]
        self.at: list[Value] = []
        self.memory: dict[str, str] = {}
        start = 0
        for region, size in self.regions(eqn).items():
            self.memory[region] = self.own(start)
            start += padded(size)

    @classmethod
    def scratch(cls, eqn: Equation) -> tuple[Spot, ...]:
        """One place for all the memory of its own that an equation needs."""
        return (Spot(Buffer("work", -1, max(sum(map(padded, cls.regions(eqn).values())), 1)), 0, ()),)

    @classmethod
    def written(cls, plan: Plan, eqn: Equation, own: tuple[Spot, ...], module: Module) -> tuple[str, list[Spot]]:
        """The function of an equation, with the places that it is given."""
        spots = [plan.spots[x] for x in (*eqn.inputs, *eqn.outputs)]
        avals = [x.aval for x in (*eqn.inputs, *eqn.outputs)]
        types = [(a.shape, a.dtype.str) for a in avals]
        key = (eqn.primitive.name, *types, *eqn.params.items(), *(s.strides for s in spots))
        name = module.named("routine", lambda name: cls(name, eqn, spots, module).text(), key)
        return name, [*(s._replace(strides=()) for s in spots), *own]

    def own(self, start: int) -> str:
        return "%own" if start == 0 else self.b.op(f"getelementptr i8, ptr %own, i64 {start}", "i64").text

    def item(self) -> None:
        """Write what is done for the item of a step."""
        raise NotImplementedError

    def text(self) -> str:
        self.over(0)
        return self.b.text()

    def over(self, axis: int) -> None:
        """The loops over the stack."""
        if axis == len(self.stack):
            self.item()
            return

        def inner(i: Value) -> None:
            self.at.append(i)
            self.over(axis + 1)
            self.at.pop()

        self.b.loop(self.b.index(0), self.b.index(self.stack[axis]), 1, inner)

    def place(self, operand: int, *index: Value) -> Value:
        """Where an element of the item of a step is; of a stack that broadcasts the one item is that of all steps."""
        b, strides, shape = self.b, self.spots[operand].strides, self.shapes[operand]
        total, own = b.index(0), len(strides) - len(index)
        for i, stride in zip(index, strides[own:], strict=True):
            total = b.add(total, b.mul(i, b.index(stride)))
        for at, stride, n in zip(reversed(self.at), reversed(strides[:own]), reversed(shape[:own]), strict=False):
            if n != 1:
                total = b.add(total, b.mul(at, b.index(stride)))
        return total

    def part(self, place: Value, part: int) -> Value:
        """Where a part of a number is, in memory of the routine's own."""
        return self.b.add(self.b.mul(place, self.b.index(self.pieces)), self.b.index(part))

    def write(self, output: int, x: Value, *index: Value) -> None:
        """Write an element of the item of a step."""
        kind = type_name(self.eqn.outputs[output].aval.dtype)
        self.b.store(self.b.convert(x, kind), f"%p{self.out + output}", self.place(self.out + output, *index))
