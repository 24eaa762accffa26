"""Copies of arrays with other strides, in squares where neighbours do not stay neighbours.

A square of 8 x 8 elements is read by rows, turned in registers, and written by rows: one element at a time takes ten times as
long.
"""

from __future__ import annotations

from collections.abc import Callable

from covector.backends.native.ir import LLVM, Builder, Module, Value
from covector.backends.native.nests import nest_text
from covector.backends.native.nodes import Expressions, Store
from covector.backends.native.rules import Term

SIDE = 8
"""The rows of a square that is turned in registers."""

Strides = dict[str, int]


def copy_text(name: str, kind: str, letters: str, sizes: Strides, source: Strides, target: Strides, module: Module) -> str:
    """A function that copies an array with other strides."""
    near, far = neighbours(letters, sizes, source), neighbours(letters, sizes, target)
    if kind in ("f32", "f64") and near != far and near and far:
        return turned_copy(Builder(name, "ptr %p0, ptr %p1, ptr %status", module), kind, near, far, sizes, source, target)
    terms: Callable[[Strides], tuple[Term, ...]] = lambda strides: tuple(
        (i, strides[c]) for i, c in enumerate(letters) if strides[c] and sizes[c] > 1
    )
    node = Expressions().load(0, kind, 0, terms(source))
    axes = {i: sizes[c] for i, c in enumerate(letters) if sizes[c] > 1}
    return nest_text(name, axes, [Store(node, kind, 1, 0, terms(target))], 2, module)


def neighbours(letters: str, sizes: Strides, strides: Strides) -> str:
    """The letter along which elements are neighbours, if there are enough for a square."""
    return next((c for c in letters if strides[c] == 1 and sizes[c] >= SIDE // 2), "")


def turned_copy(b: Builder, kind: str, near: str, far: str, sizes: Strides, source: Strides, target: Strides) -> str:
    """A copy in squares: ``near`` are neighbours in the source, ``far`` in the target."""
    outer = [c for c in source if c not in (near, far) and sizes[c] > 1]

    def over(q: int, read: Value, write: Value) -> None:
        moved: Callable[[str, Value], tuple[Value, Value]] = lambda c, i: (
            b.add(read, b.mul(i, b.index(source[c]))),
            b.add(write, b.mul(i, b.index(target[c]))),
        )
        if q < len(outer):
            b.loop(b.index(0), b.index(sizes[outer[q]]), 1, lambda i: over(q + 1, *moved(outer[q], i)))
            return

        def square(i: Value, rows: int, j: Value, columns: int) -> None:
            read_at, write_at = moved(far, i)
            read_at, write_at = b.add(read_at, j), b.add(write_at, b.mul(j, b.index(target[near])))
            turn(b, kind, ("%p0", read_at, source[far]), ("%p1", write_at, target[near]), rows, columns)

        sides(b, sizes[far], lambda i, rows: sides(b, sizes[near], lambda j, columns: square(i, rows, j, columns)))

    over(0, b.index(0), b.index(0))
    return b.text()


def sides(b: Builder, size: int, body: Callable[[Value, int], None]) -> None:
    """Run ``body(start, count)`` for the sides of squares, of which the last may be shorter."""
    full = size // SIDE * SIDE
    if full:
        b.loop(b.index(0), b.index(full), SIDE, lambda i: body(i, SIDE))
    if full < size:
        b.scoped(lambda: body(b.index(full), size - full))


Rows = tuple[str, Value, int]
"""The rows of a square: an array, where the first one begins, and how far they lie apart."""


def turn(b: Builder, kind: str, source: Rows, target: Rows, rows: int, columns: int) -> None:
    """Write the columns of a square as rows."""
    base, start, step = source
    lines = [b.load(kind, base, b.add(start, b.index(k * step)), SIDE, 1, columns) for k in range(rows)]
    lines += [lines[0]] * (SIDE - rows)
    distance = 1
    while distance < SIDE:
        for i in (i for i in range(SIDE) if not i & distance):
            lines[i], lines[i + distance] = exchanged(b, lines[i], lines[i + distance], distance)
        distance *= 2
    base, start, step = target
    for k in range(columns):
        b.store(lines[k], base, b.add(start, b.index(k * step)), 1, rows)


def exchanged(b: Builder, x: Value, y: Value, distance: int) -> tuple[Value, Value]:
    """Two rows, with the upper lanes of the first in exchange for the lower ones of the second, in parts of so many lanes."""
    low = [k if not k & distance else SIDE + k - distance for k in range(SIDE)]
    high = [k + distance if not k & distance else SIDE + k for k in range(SIDE)]
    vector = f"<{SIDE} x {LLVM[x.kind]}>"
    numbers = (", ".join(f"i32 {k}" for k in lanes) for lanes in (low, high))
    first, second = (
        b.op(f"shufflevector {vector} {x.text}, {vector} {y.text}, <{SIDE} x i32> <{n}>", x.kind, SIDE) for n in numbers
    )
    return first, second
