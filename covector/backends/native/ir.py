"""LLVM's language as text: ``Builder`` writes one function, of vectors and numbers.

>>> b = Builder("twice", "ptr %x, ptr %out", Module())
>>> x = b.load("f64", "%x", b.index(0), 8)
>>> b.store(b.add(x, x), "%out", b.index(0))
>>> print(b.text())
define internal void @twice(ptr %x, ptr %out) #0 {
entry:
  %t1 = load <8 x double>, ptr %x, align 8
  %t2 = fadd <8 x double> %t1, %t1
  store <8 x double> %t2, ptr %out, align 8
  ret void
}

A value has a NumPy-like type, a width (1 is a number), and a name in the text.  What is computed a second time in one scope is
the value that is there.  Nothing is left to an optimizer but registers: vectors are written out, fused multiply-adds stand
where they are meant, and no flag allows another result than the one that is written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Sequence
from math import frexp
from typing import Any

import numpy as np

LLVM = {
    "f64": "double",
    "f32": "float",
    "f16": "half",
    "bool": "i1",
    **{f"{sign}{bits}": f"i{bits}" for sign in "iu" for bits in (8, 16, 32, 64)},
}
"""How LLVM calls a type."""

SUFFIX = {"double": "f64", "float": "f32", "half": "f16"}
ATTRIBUTES = (
    'attributes #0 = { nounwind "min-legal-vector-width"="512" "prefer-vector-width"="512" "no-trapping-math"="true" }\n'
    "attributes #1 = { nounwind noinline optnone }\n"
)
"""Of functions that compute, and of those that just call others, over which most passes do not go."""


def unoptimized(text: str) -> str:
    """The text of a function that calls others, and computes nothing that takes time."""
    return text.replace(" #0 {", " #1 {", 1)


def type_name(dtype: Any) -> str:
    """What a dtype is called here: ``f64``, ``i32``, ``bool``."""
    return "bool" if dtype.kind == "b" else f"{dtype.kind}{8 * dtype.itemsize}"


def item_size(kind: str) -> int:
    """The bytes of an element in memory."""
    return 1 if kind == "bool" else int(kind[1:]) // 8


def padded(size: int) -> int:
    """The bytes that memory takes so that what comes after it begins where vectors are read best."""
    return (size + 63) // 64 * 64


class Value:
    """A value in the text of a function."""

    __slots__ = ("kind", "number", "text", "width")

    def __init__(self, text: str, kind: str, width: int = 1, number: Any = None):
        self.text = text
        self.kind = kind
        self.width = width
        self.number = number
        """What it is, if that is known."""

    @property
    def type(self) -> str:
        """Its type in LLVM."""
        return vector_type(LLVM[self.kind], self.width)

    @property
    def is_float(self) -> bool:
        return self.kind[0] == "f"

    @property
    def is_constant(self) -> bool:
        """Whether it is a number that stands in the text."""
        return self.text[0] != "%"


def vector_type(llvm: str, width: int) -> str:
    return llvm if width == 1 else f"<{width} x {llvm}>"


def constant_text(value: Any, kind: str) -> str:
    """A number as LLVM writes it; floats by their bits, of which a ``float`` has those of the double."""
    if kind[0] == "f":
        value = np.float32(value) if kind == "f32" else value
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    return ("true" if value else "false") if kind == "bool" else str(int(value))


def is_number(x: Value) -> bool:
    """Whether a value is a number that is known."""
    return x.is_constant and isinstance(x.number, (float, int, np.generic))


class Module:
    """What the functions of one module share: declarations, and functions that are written once."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}
        self.functions: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.keyed: dict[Hashable, str] = {}
        self.foreign: dict[str, Callable[[], int]] = {}
        """Functions of other libraries, by name, with what finds their addresses."""
        self.may_raise = False
        """Whether a function of another library may raise, in the thread that calls it."""

    def declare(self, name: str, result: str, *arguments: str) -> None:
        """Say of what type a function of others is; LLVM knows that of its own."""
        self.declared.setdefault(name, f"declare {result} @{name}({', '.join(arguments)})")

    def declare_data(self, name: str) -> None:
        self.declared.setdefault(name, f"@{name} = external global i8")

    def once(self, name: str, write: Callable[[], str]) -> str:
        """A function of this name, written by ``write()`` the first time."""
        if name not in self.functions:
            self.functions[name] = ""  # it may call itself no more than others do
            self.functions[name] = write()
        return name

    def named(self, prefix: str, body: Callable[[str], str], key: Hashable = None) -> str:
        """The name of a function, one for all that read alike; ``body(name)`` is its text, made once for a key."""
        if key is not None:
            if (prefix, key) not in self.keyed:
                self.keyed[prefix, key] = self.named(prefix, body)
            return self.keyed[prefix, key]
        text = body("THIS")
        name = self.names.get(text)
        if name is None:
            name = self.names[text] = f"{prefix}{len(self.names)}"
            self.functions[name] = text.replace("@THIS", f"@{name}")
        return name

    def text(self) -> str:
        return "\n".join([*sorted(self.declared.values()), *self.functions.values(), ATTRIBUTES])


class Builder:
    """Writes one function of a module."""

    def __init__(self, name: str, parameters: str, module: Module, result: str = "void"):
        self.name = name
        self.parameters = parameters
        self.module = module
        self.result = result
        self.lines: list[str] = []
        self.allocated: list[str] = []
        self.known: list[dict[str, Value]] = [{}]
        self.count = 0
        self.block = "entry"

    # --- text

    def fresh(self, prefix: str = "t") -> str:
        self.count += 1
        return f"%{prefix}{self.count}"

    def emit(self, line: str) -> None:
        self.lines.append("  " + line)

    def op(self, text: str, kind: str, width: int = 1, pure: bool = True) -> Value:
        """The result of an instruction; of one that is known in an open scope, its value."""
        if pure:
            for scope in reversed(self.known):
                if text in scope:
                    known = scope[text]  # perhaps as a number with a sign, where one without is asked for
                    return known if known.kind == kind else Value(known.text, kind, width)
        value = Value(self.fresh(), kind, width)
        self.lines.append(f"  {value.text} = {text}")
        if pure:
            self.known[-1][text] = value
        return value

    def text(self, ending: str = "ret void") -> str:
        head = f"define internal {self.result} @{self.name}({self.parameters}) #0 {{\nentry:\n"
        return head + "\n".join([*self.allocated, *self.lines, f"  {ending}", "}"])

    # --- constants and vectors

    def constant(self, value: Any, kind: str, width: int = 1) -> Value:
        text = constant_text(value, kind)
        return Value(text if width == 1 else f"splat ({LLVM[kind]} {text})", kind, width, value)

    def index(self, n: int) -> Value:
        return Value(str(n), "i64")

    def splat(self, x: Value, width: int) -> Value:
        """A number in all lanes."""
        if x.width == width:
            return x
        if x.is_constant:
            return Value(f"splat ({LLVM[x.kind]} {x.text})", x.kind, width, x.number)
        llvm = LLVM[x.kind]
        first = self.op(f"insertelement <{width} x {llvm}> poison, {llvm} {x.text}, i64 0", x.kind, width)
        lanes = f"<{width} x {llvm}> {first.text}, <{width} x {llvm}> poison, <{width} x i32> zeroinitializer"
        return self.op(f"shufflevector {lanes}", x.kind, width)

    def alike(self, *values: Value) -> list[Value]:
        """The values in the width of the widest."""
        width = max(x.width for x in values)
        return [self.splat(x, width) for x in values]

    def lanes(self, kind: str, width: int, start: int = 0, step: int = 1) -> Value:
        numbers = ", ".join(f"{LLVM[kind]} {start + step * i}" for i in range(width))
        return Value(f"<{numbers}>", kind, width)

    def first_lanes(self, width: int, count: int) -> Value:
        """True in the first ``count`` lanes."""
        return Value(f"<{', '.join('i1 true' if i < count else 'i1 false' for i in range(width))}>", "bool", width)

    def every_second_lane(self, width: int, count: int) -> Value:
        """True in the first ``count`` of the lanes 0, 2, 4, …"""
        lanes = ("i1 true" if i % 2 == 0 and i < 2 * count else "i1 false" for i in range(width))
        return Value(f"<{', '.join(lanes)}>", "bool", width)

    def mask(self, width: int, count: int) -> str:
        return f"<{width} x i1> {self.first_lanes(width, count).text}"

    # --- arithmetic

    def binary(self, instruction: str, x: Value, y: Value, kind: str | None = None) -> Value:
        x, y = self.alike(x, y)
        return self.op(f"{instruction} {x.type} {x.text}, {y.text}", kind or x.kind, x.width)

    def add(self, x: Value, y: Value) -> Value:
        if x.kind[0] in "iu" and (x.text == "0" or y.text == "0"):
            return x if y.text == "0" else y
        return self.binary("fadd" if x.is_float else "add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return self.binary("fsub" if x.is_float else "sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        if x.kind[0] in "iu" and (x.text == "1" or y.text == "1"):
            return x if y.text == "1" else y
        if x.is_float:
            x, y = (y, x) if is_number(x) else (x, y)
            if is_number(y) and y.number in (1.0, -1.0) and x.width >= y.width:
                return x if y.number == 1.0 else self.neg(x)
        return self.binary("fmul" if x.is_float else "mul", x, y)

    def div(self, x: Value, y: Value) -> Value:
        if is_number(y) and abs(frexp(y.number)[0]) == 0.5 and 2.0**-100 < abs(y.number) < 2.0**100:
            return self.mul(x, self.like(1.0 / y.number, y))  # of a power of two the reciprocal is exact
        return self.binary("fdiv", x, y)

    def neg(self, x: Value) -> Value:
        return self.op(f"fneg {x.type} {x.text}", x.kind, x.width) if x.is_float else self.sub(self.like(0, x), x)

    def like(self, value: Any, x: Value) -> Value:
        """A constant of the type of ``x``."""
        return self.constant(value, x.kind, x.width)

    def compare(self, predicate: str, x: Value, y: Value) -> Value:
        """``predicate`` is LLVM's: ``olt``, ``une`` of floats; ``lt``, ``eq`` of integers, which have a sign or none."""
        if x.is_float:
            return self.binary(f"fcmp {predicate}", x, y, "bool")
        unsigned = x.kind[0] in "ub" and predicate not in ("eq", "ne")
        sign = "" if predicate in ("eq", "ne") else "u" if unsigned else "s"
        return self.binary(f"icmp {sign}{predicate}", x, y, "bool")

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        condition, x, y = self.alike(condition, x, y)
        return self.op(f"select {condition.type} {condition.text}, {x.type} {x.text}, {y.type} {y.text}", x.kind, x.width)

    def logical(self, instruction: str, x: Value, y: Value) -> Value:
        return self.binary(instruction, x, y)

    def invert(self, x: Value) -> Value:
        return self.binary("xor", x, self.like(True, x) if x.kind == "bool" else self.like(-1, x))

    def cast(self, instruction: str, x: Value, kind: str) -> Value:
        return self.op(f"{instruction} {x.type} {x.text} to {vector_type(LLVM[kind], x.width)}", kind, x.width)

    def intrinsic(self, name: str, *values: Value) -> Value:
        """A function of LLVM's own, of floats."""
        values = tuple(self.alike(*values))
        x = values[0]
        suffix = (f"v{x.width}" if x.width > 1 else "") + SUFFIX[LLVM[x.kind]]
        return self.call(f"llvm.{name}.{suffix}", x.kind, x.width, *values)

    def call(self, name: str, kind: str, width: int, *values: Value) -> Value:
        result = vector_type(LLVM[kind], width)
        if name not in self.module.functions:
            self.module.declare(name, result, *(v.type for v in values))
        return self.op(f"call {result} @{name}({', '.join(f'{v.type} {v.text}' for v in values)})", kind, width)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        return self.intrinsic("fma", x, y, z)

    def convert(self, x: Value, kind: str) -> Value:
        """``astype``: towards zero from floats to integers, as C does; a NaN gives what the machine gives."""
        if x.kind == kind:
            return x
        if kind == "bool":
            return self.compare("une" if x.is_float else "ne", x, self.like(0, x))
        if x.kind == "bool":
            return self.select(x, self.constant(1, kind, x.width), self.constant(0, kind, x.width))
        if x.kind == "f16" and kind != "f32":
            return self.convert(self.convert(x, "f32"), kind)
        if kind == "f16" and x.kind != "f32":
            return self.convert(self.rounded_to_odd(x) if x.kind == "f64" else self.convert(x, "f32"), kind)
        if x.is_float and kind[0] == "f":
            return self.cast("fpext" if item_size(kind) > item_size(x.kind) else "fptrunc", x, kind)
        if x.is_float:
            return self.cast("fptosi" if kind[0] == "i" else "fptoui", x, kind)
        if kind[0] == "f":
            return self.cast("sitofp" if x.kind[0] == "i" else "uitofp", x, kind)
        bits, wanted = int(x.kind[1:]), int(kind[1:])
        if bits == wanted:
            return Value(x.text, kind, x.width)
        return self.cast("trunc" if wanted < bits else "sext" if x.kind[0] == "i" else "zext", x, kind)

    def rounded_to_odd(self, x: Value) -> Value:
        """A double as a float, of which the last bit says that it is not exact: rounded again, it is as if rounded once."""
        y = self.cast("fptrunc", x, "f32")
        back, bits = self.cast("fpext", y, "f64"), self.cast("bitcast", y, "i32")
        is_even = self.compare("eq", self.binary("and", bits, self.like(1, bits)), self.like(0, bits))
        is_wrong = self.logical("and", self.compare("one", back, x), is_even)
        beyond = self.compare("ogt", self.intrinsic("fabs", back), self.intrinsic("fabs", x))
        moved = self.select(beyond, self.sub(bits, self.like(1, bits)), self.add(bits, self.like(1, bits)))
        return self.cast("bitcast", self.select(is_wrong, moved, bits), "f32")

    # --- memory

    def pointer(self, base: str, kind: str, offset: Value) -> str:
        """The address of an element."""
        if offset.text == "0":
            return base
        memory = "i8" if kind == "bool" else LLVM[kind]
        return self.op(f"getelementptr inbounds {memory}, ptr {base}, i64 {offset.text}", "i64").text

    def load(
        self, kind: str, base: str, offset: Value, width: int = 1, stride: int = 1, count: int | None = None, pure: bool = True
    ) -> Value:
        """Elements from ``offset`` on; the first ``count`` of a width, the other lanes being 1; ``stride`` is not 0.

        Where it is ``pure``, nobody writes to them while the scope is open; of memory that changes they are read by `read`.
        """
        address, size = self.pointer(base, kind, offset), item_size(kind)
        raw = {"bool": "u8", "f16": "u16"}.get(kind, kind)
        vector = vector_type(LLVM[raw], width)
        count = width if count is None else count
        if width == 1 or (stride == 1 and count == width):
            x = self.op(f"load {vector}, ptr {address}, align {size}", raw, width, pure)
        elif stride == 1:
            x = self.masked_load(address, raw, width, count, pure)
        elif stride == 2:
            x = self.every_second(self.masked_load(address, raw, 2 * width, 2 * count - 1, pure))
        else:
            x = self.gather(address, raw, self.lanes("i64", width, 0, stride), count, pure)
        if kind == "f16":
            return self.cast("bitcast", x, kind)
        return self.compare("ne", x, self.like(0, x)) if kind == "bool" else x

    def read(
        self, kind: str, base: str, offset: Value | None = None, width: int = 1, stride: int = 1, count: int | None = None
    ) -> Value:
        """The elements that are there now."""
        return self.load(kind, base, self.index(0) if offset is None else offset, width, stride, count, pure=False)

    def masked_load(self, address: str, kind: str, width: int, count: int, pure: bool = True) -> Value:
        vector, suffix = vector_type(LLVM[kind], width), self._suffix(kind, width)
        rest = f"{vector} {self.constant(1, kind, width).text}"
        call = f"(ptr {address}, i32 {item_size(kind)}, {self.mask(width, count)}, {rest})"
        return self.op(f"call {vector} @llvm.masked.load.{suffix}.p0{call}", kind, width, pure)

    def every_second(self, x: Value, start: int = 0) -> Value:
        """The lanes 0, 2, 4, …, or those from another start on."""
        half = x.width // 2
        if half == 1:
            return self.lane(x, start)
        numbers = ", ".join(f"i32 {start + 2 * i}" for i in range(half))
        return self.op(f"shufflevector {x.type} {x.text}, {x.type} poison, <{half} x i32> <{numbers}>", x.kind, half)

    def in_turn(self, x: Value, y: Value) -> Value:
        """The lanes of two vectors in turn."""
        x, y = self.alike(x, y)
        if x.width == 1:
            first = self.op(f"insertelement <2 x {x.type}> poison, {x.type} {x.text}, i64 0", x.kind, 2)
            return self.op(f"insertelement {first.type} {first.text}, {y.type} {y.text}, i64 1", x.kind, 2)
        twice = 2 * x.width
        numbers = ", ".join(f"i32 {i // 2 + (x.width if i % 2 else 0)}" for i in range(twice))
        return self.op(f"shufflevector {x.type} {x.text}, {y.type} {y.text}, <{twice} x i32> <{numbers}>", x.kind, twice)

    def spread(self, x: Value) -> Value:
        """The lanes of a vector in every second one of another."""
        twice = 2 * x.width
        numbers = ", ".join(f"i32 {i // 2}" for i in range(twice))
        return self.op(f"shufflevector {x.type} {x.text}, {x.type} poison, <{twice} x i32> <{numbers}>", x.kind, twice)

    def gather(self, address: str, kind: str, offsets: Value, count: int | None = None, pure: bool = True) -> Value:
        """The elements at offsets of an address, in as many lanes; all but the first ``count`` are 1."""
        width, memory = offsets.width, LLVM[kind]
        places = self.op(f"getelementptr inbounds {memory}, ptr {address}, {offsets.type} {offsets.text}", "i64", width)
        vector, suffix = vector_type(memory, width), self._suffix(kind, width)
        name, pointers = f"llvm.masked.gather.{suffix}.v{width}p0", f"<{width} x ptr>"
        mask, rest = self.mask(width, width if count is None else count), f"{vector} {self.constant(1, kind, width).text}"
        call = f"({pointers} {places.text}, i32 {item_size(kind)}, {mask}, {rest})"
        return self.op(f"call {vector} @{name}{call}", kind, width, pure)

    def store(self, x: Value, base: str, offset: Value, stride: int = 1, count: int | None = None) -> None:
        """Write lanes, the first ``count``, from an offset on."""
        address = self.pointer(base, x.kind, offset)
        kind = x.kind
        if kind == "bool":
            x = self.convert(x, "u8")
        if kind == "f16":
            x = self.cast("bitcast", x, "u16")
        memory, size = LLVM[x.kind], item_size(x.kind)
        count = x.width if count is None else count
        if x.width == 1 or (stride == 1 and count == x.width):
            self.emit(f"store {x.type} {x.text}, ptr {address}, align {size}")
        elif stride in (1, 2):
            mask = self.first_lanes(x.width, count) if stride == 1 else self.every_second_lane(2 * x.width, count)
            x = x if stride == 1 else self.spread(x)
            suffix = self._suffix(x.kind, x.width)
            arguments = f"{x.type} {x.text}, ptr {address}, i32 {size}, {mask.type} {mask.text}"
            self.emit(f"call void @llvm.masked.store.{suffix}.p0({arguments})")
        else:
            for i in range(count):
                lane, place = self.lane(x, i), self.pointer(address, x.kind, self.index(i * stride))
                self.emit(f"store {memory} {lane.text}, ptr {place}, align {size}")

    def lane(self, x: Value, i: int) -> Value:
        return x if x.width == 1 else self.op(f"extractelement {x.type} {x.text}, i64 {i}", x.kind)

    def folded(self, combine: Callable[[Value, Value], Value], x: Value) -> Value:
        """The lanes combined, in halves: in an order that does not depend on the machine."""
        while x.width > 1:
            half = x.width // 2
            numbers = [", ".join(f"i32 {i + start}" for i in range(half)) for start in (0, half)]
            if half == 1:
                low, high = self.lane(x, 0), self.lane(x, 1)
            else:
                parts = [f"shufflevector {x.type} {x.text}, {x.type} poison, <{half} x i32> <{n}>" for n in numbers]
                low, high = (self.op(part, x.kind, half) for part in parts)
            x = combine(low, high)
        return x

    def known_as(self, kind: str, x: Value) -> Value:
        """What a rule made of elements, which is of the type of the result: one of another would be read as something else."""
        if x.kind != kind:
            raise TypeError(f"the rule of an operation on {kind} gave {x.kind}")
        return x

    def fails_if(self, condition: Value) -> None:
        """Note in the status of the program that a condition held in a lane: what it computes is not used."""
        if condition.width > 1:
            condition = self.call(f"llvm.vector.reduce.or.v{condition.width}i1", "bool", 1, condition)
        self.branch(condition, lambda: self.emit("store i64 1, ptr %status"))

    def place_of(self, indices: Sequence[Value], dims: Sequence[tuple[int, int]], count: int | None = None) -> Value:
        """Where integers point to: the sum of them times the strides, after a check that they are within the sizes.

        Negative ones count from the end.  Of vectors the first ``count`` lanes are meant.
        """
        total = self.index(0)
        for i, (size, stride) in zip(indices, dims, strict=True):
            i = self.convert(i, "i64")
            i = self.select(self.compare("lt", i, self.like(0, i)), self.add(i, self.like(size, i)), i)
            wrong = self.binary("icmp uge", i, self.like(size, i), "bool")
            if count is not None and count < i.width:
                wrong = self.logical("and", wrong, self.first_lanes(i.width, count))
            self.fails_if(wrong)
            i = self.select(wrong, self.like(0, i), i)
            part = self.mul(i, self.like(stride, i))
            total = part if total.text == "0" else self.add(*self.alike(total, part))
        return total

    def _suffix(self, kind: str, width: int) -> str:
        return f"v{width}{SUFFIX.get(LLVM[kind], LLVM[kind])}"

    def allocate(self, kind: str, width: int = 1, count: int = 1) -> str:
        """Memory on the stack; SROA makes a register of it where its uses allow that."""
        name, memory = self.fresh("a"), "i8" if kind == "bool" else LLVM[kind]
        shape = vector_type(memory, width) if count == 1 else f"[{count} x {vector_type(memory, width)}]"
        self.allocated.append(f"  {name} = alloca {shape}, align 64")
        return name

    # --- control flow

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def scoped(self, body: Callable[[], Any]) -> Any:
        """Run ``body`` in a scope: what is computed in it is known there only."""
        self.known.append({})
        result = body()
        self.known.pop()
        return result

    def loop(self, start: Value, stop: Value, step: int, body: Callable[[Value], Any]) -> None:
        """``for i in range(start, stop, step)``, which runs at least once."""
        self.count += 1
        n, before = self.count, self.block
        head, tail, end = f"head{n}", f"tail{n}", f"end{n}"
        self.emit(f"br label %{head}")
        self.label(head)
        i = Value(f"%i{n}", "i64")
        self.emit(f"{i.text} = phi i64 [ {start.text}, %{before} ], [ %next{n}, %{tail} ]")
        self.scoped(lambda: body(i))
        self.emit(f"br label %{tail}")
        self.label(tail)
        self.emit(f"%next{n} = add nsw i64 {i.text}, {step}")
        self.emit(f"%more{n} = icmp slt i64 %next{n}, {stop.text}")
        self.emit(f"br i1 %more{n}, label %{head}, label %{end}")
        self.label(end)

    def repeat(self, condition: Callable[[], Value], body: Callable[[], Any]) -> None:
        """``while condition(): body()``; what changes is in memory."""
        self.count += 1
        head, inner, end = f"test{self.count}", f"body{self.count}", f"done{self.count}"
        self.emit(f"br label %{head}")
        self.label(head)
        go_on = self.scoped(condition)
        self.emit(f"br i1 {go_on.text}, label %{inner}, label %{end}")
        self.label(inner)
        self.scoped(body)
        self.emit(f"br label %{head}")
        self.label(end)

    def branch(self, condition: Value, then: Callable[[], Any], otherwise: Callable[[], Any] | None = None) -> None:
        """``if condition: then() else: otherwise()``; what changes is in memory."""
        self.count += 1
        first, second, end = f"then{self.count}", f"else{self.count}", f"join{self.count}"
        self.emit(f"br i1 {condition.text}, label %{first}, label %{second}")
        self.label(first)
        self.scoped(then)
        self.emit(f"br label %{end}")
        self.label(second)
        if otherwise is not None:
            self.scoped(otherwise)
        self.emit(f"br label %{end}")
        self.label(end)
