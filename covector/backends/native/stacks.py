"""Stacks, in which a loop of unknown length leaves an item for each step: memory that grows, and is given back.

>>> import covector as cv
>>> f = lambda x: cv.lax.while_loop(lambda c: c < 9.0, lambda c: c * c, x)
>>> program = with_headers(cv.make_jaxpr(cv.grad(f))(2.0))
>>> for e in program.equations:
...     print(e.primitive.name, *(v.aval for v in e.outputs))
convert f64[]
while f64[] i64[2] i64[2]
scan f64[]
release i64[]
release i64[]

To the planner a stack is an array of two integers, its header: where the items are, and how many there are.  A stack lives
within one program: it is made by a ``while``, read by scans that take all its items, and released when the last of these is
through.  Where no memory is left for one the program fails, and runs as Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from covector.backends.native.ir import Builder, Module, Value
from covector.backends.native.rules import RELEASE
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, sub_jaxprs
from covector.core.primitive import Primitive

FIRST_CAPACITY = 16
HEADER = ShapedArray((2,), np.dtype(np.int64))


def item_aval(aval: Any) -> Any:
    """The type of the items of a stack; of any other value its own."""
    return getattr(aval, "element", aval)


def is_stack(x: Any) -> bool:
    return item_aval(x.aval) is not x.aval


def leaving(equations: Sequence[Equation], outs: Iterable[Any]) -> list[Equation]:
    """The equations with stacks that come from elsewhere, or go there, or do not come from one loop."""
    made = {v: e for e in equations for v in e.outputs if is_stack(v)}
    wrong = [made[v] for v in outs if v in made]
    for e in equations:
        stacks = [x for x in e.inputs if is_stack(x)]
        if any(isinstance(x, Literal) or x not in made for x in stacks) or len({id(made.get(x)) for x in stacks}) > 1:
            wrong += [e, *(made[x] for x in stacks if not isinstance(x, Literal) and x in made)]
    return wrong


# --- programs in which they are arrays ------------------------------------------------------------------------------------


class Release(Primitive):
    """``release(stack, *results of the loops that read it)``, of which this backend alone knows."""

    def __init__(self) -> None:
        self.name, self.effect, self.trusted, self.rules = "release", False, True, {"native": RELEASE}  # type: ignore[dict-item]


release_p = Release()


def with_headers(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which stacks are arrays of integers, and are released."""
    return jaxpr if not has_stacks(jaxpr) else jaxpr.once("headers", lambda: _with_headers(jaxpr))


def has_stacks(jaxpr: Jaxpr) -> bool:
    has: Callable[[Equation], bool] = lambda e: any(map(is_stack, e.outputs)) or any(map(has_stacks, sub_jaxprs(e.params)))
    return jaxpr.once("has stacks", lambda: any(map(has, jaxpr.equations)))


def _with_headers(jaxpr: Jaxpr) -> Jaxpr:
    headers: dict[Any, Var] = {}
    equations, readers = list[Equation](), dict[Any, list[Any]]()  # what comes of reading each stack
    for e in jaxpr.equations:
        headers.update((v, Var(HEADER)) for v in e.outputs if is_stack(v))
        outs = [headers.get(v, v) for v in e.outputs]
        readers.update((v, []) for v in e.outputs if v in headers)
        for x in e.inputs:
            if x in headers:
                readers[x] += outs
        params = {
            name: with_headers(p) if isinstance(p, Jaxpr) else tuple(map(with_headers, p)) if name == "branches" else p
            for name, p in e.params.items()
        }
        equations.append(Equation(e.primitive, [headers.get(x, x) for x in e.inputs], params, outs, e.source))
    for v, results in readers.items():
        equations.append(Equation(release_p, [headers[v], *results], {}, [Var(ShapedArray((), HEADER.dtype))], None))
    return Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)


# --- in machine code ----------------------------------------------------------------------------------------------------


def items_of(b: Builder, header: str) -> str:
    """The address of the items."""
    return b.op(f"load ptr, ptr {header}", "i64", pure=False).text


def count_of(b: Builder, header: str) -> Value:
    return b.read("i64", header, b.index(1))


def item_at(b: Builder, header: str, k: Value, size: int) -> str:
    """The address of an item of so many bytes."""
    return b.op(f"getelementptr i8, ptr {items_of(b, header)}, i64 {b.mul(k, b.index(size)).text}", "i64").text


class Filling:
    """The stacks that a loop fills, with the bytes of an item of each."""

    def __init__(self, b: Builder, headers: Sequence[str], sizes: Sequence[int]):
        self.b, self.stacks = b, list(zip(headers, sizes, strict=True))
        self.capacity, self.failed = b.allocate("i64"), b.allocate("i64")
        for place in (self.capacity, self.failed):
            b.store(b.index(0), place, b.index(0))
        for header in headers:
            b.emit(f"store ptr null, ptr {header}")

    def fill(self, goes_on: Callable[[], Value], step: Callable[[Value], None]) -> None:
        """``while goes_on(): step(k)``, with k = 0, 1, …, for which there is room."""
        b, steps = self.b, self.b.allocate("i64")
        b.store(b.index(0), steps, b.index(0))

        def numbered() -> None:
            k = self.read(steps)
            self.make_room(k)

            def inside() -> None:
                step(k)
                b.store(b.add(k, b.index(1)), steps, b.index(0))

            b.branch(self.has_room(), inside)

        b.repeat(lambda: b.logical("and", goes_on(), self.has_room()), numbered)
        for header, _ in self.stacks:
            b.store(self.read(steps), header, b.index(1))

    def read(self, place: str) -> Value:
        return self.b.read("i64", place)

    def has_room(self) -> Value:
        """Whether there was memory so far."""
        return self.b.compare("eq", self.read(self.failed), self.b.index(0))

    def make_room(self, k: Value) -> None:
        """Grow, if item k is the first that finds no room."""
        b = self.b

        def grow() -> None:
            before = self.read(self.capacity)
            first = b.compare("eq", before, b.index(0))
            capacity = b.select(first, b.index(FIRST_CAPACITY), b.mul(before, b.index(2)))
            b.module.declare("realloc", "ptr", "ptr", "i64")
            for header, size in self.stacks:
                needed = b.mul(capacity, b.index(size))
                found = b.fresh()
                b.emit(f"{found} = call ptr @realloc(ptr {items_of(b, header)}, i64 {needed.text})")
                missing = b.op(f"icmp eq ptr {found}, null", "bool")
                b.branch(missing, self.fail, lambda h=header, f=found: b.emit(f"store ptr {f}, ptr {h}"))  # type: ignore[misc]
            b.store(capacity, self.capacity, b.index(0))

        b.branch(b.compare("eq", k, self.read(self.capacity)), grow)

    def fail(self) -> None:
        self.b.store(self.b.index(1), self.failed, self.b.index(0))
        self.b.emit("store i64 1, ptr %status")

    def place(self, q: int, k: Value) -> str:
        """Where item k of a stack is."""
        header, size = self.stacks[q]
        return item_at(self.b, header, k, size)


def release_text(name: str, module: Module) -> str:
    """A function that gives back the memory of a stack."""
    b = Builder(name, "ptr %p0, ptr %status", module)
    module.declare("free", "void", "ptr")
    b.emit(f"call void @free(ptr {items_of(b, '%p0')})")
    return b.text()
