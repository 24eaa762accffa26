"""Functions along an axis, one element after the other: sums and products so far, and where the largest element is."""

from __future__ import annotations

from typing import Any

from covector.backends.native.ir import Builder, Module, Value, type_name
from covector.backends.native.plan import Plan, Spot
from covector.backends.native.rules import Along, is_better
from covector.core.jaxpr import Equation


def call(plan: Plan, eqn: Equation, module: Module) -> tuple[str, list[Spot]]:
    """The function of an equation, with the places that it is given."""
    spots = [plan.spots[eqn.inputs[0]], plan.spots[eqn.outputs[0]]]
    key = (plan.rule(eqn), eqn.inputs[0].aval, *eqn.params.items(), *(s.strides for s in spots))
    name = module.named("along", lambda name: _Along(name, plan.rule(eqn), eqn, spots, module).text(), key)
    return name, [s._replace(strides=()) for s in spots]


class _Along:
    """Writes the loops: over the other axes, the last of them in vectors, and inside of them along the axis."""

    def __init__(self, name: str, rule: Along, eqn: Equation, spots: list[Spot], module: Module):
        self.b = Builder(name, "ptr %p0, ptr %p1, ptr %status", module)
        self.rule, self.axis = rule, eqn.params["axis"]
        self.shape, self.reverse = eqn.inputs[0].aval.shape, eqn.params.get("reverse", False)
        self.kind, self.result = type_name(eqn.inputs[0].aval.dtype), type_name(eqn.outputs[0].aval.dtype)
        self.source = spots[0].strides
        target = list(spots[1].strides)
        if rule.what != "accumulate":
            target.insert(self.axis, 0)
        self.target = tuple(target)
        last = len(self.shape) - 1
        is_vector = self.axis != last and self.source[last] == 1 == self.target[last] and self.shape[last] >= 8
        self.width = 8 if is_vector else 1
        self.at: dict[int, Value] = {}

    def text(self) -> str:
        self.around([a for a in range(len(self.shape)) if a != self.axis])
        return self.b.text()

    def around(self, axes: list[int]) -> None:
        if not axes:
            self.along(1, None)
            return
        axis, size = axes[0], self.shape[axes[0]]
        if self.width == 1 or axes[1:] or axis != len(self.shape) - 1:
            self.over(axis, 0, size, 1, lambda: self.around(axes[1:]))
            return
        whole = size // self.width * self.width
        self.over(axis, 0, whole, self.width, lambda: self.along(self.width, None))
        if whole < size:
            self.over(axis, whole, size, self.width, lambda: self.along(self.width, size - whole))

    def over(self, axis: int, start: int, stop: int, step: int, body: Any) -> None:
        def inner(i: Value) -> None:
            self.at[axis] = i
            body()

        self.b.loop(self.b.index(start), self.b.index(stop), step, inner)

    def place(self, strides: tuple[int, ...], i: Value) -> Value:
        b, total = self.b, self.b.mul(i, self.b.index(strides[self.axis]))
        for axis, at in self.at.items():
            total = b.add(total, b.mul(at, b.index(strides[axis])))
        return total

    def along(self, width: int, count: int | None) -> None:
        """The loop along the axis, for one or for several neighbours."""
        b, n = self.b, self.shape[self.axis]
        best, where = b.allocate(self.kind, width), b.allocate("i64", width)
        zero = b.index(0)

        def element(k: Value) -> Value:
            return b.read(self.kind, "%p0", self.place(self.source, k), width, 1, count)

        def put(k: Value, value: Value) -> None:
            b.store(b.convert(value, self.result), "%p1", self.place(self.target, k), 1, count)

        first = b.index(n - 1 if self.reverse else 0)
        start = element(first)
        b.store(start, best, zero)
        b.store(b.constant(0, "i64", width), where, zero)
        if self.rule.what == "accumulate":
            put(first, start)

        def step(k: Value) -> None:
            k = b.sub(b.index(n - 1), k) if self.reverse else k
            before, x = b.read(self.kind, best, width=width), element(k)
            if self.rule.combine is not None:
                value = self.rule.combine(b, before, x)
                b.store(value, best, zero)
                put(k, value)
                return
            better = is_better(b, self.rule, x, before)
            b.store(b.select(better, x, before), best, zero)
            at = b.read("i64", where, width=width)
            b.store(b.select(better, b.splat(k, width), at), where, zero)

        if n > 1:
            b.loop(b.index(1), b.index(n), 1, step)
        if self.rule.what != "accumulate":
            put(zero, b.read("i64", where, width=width))
