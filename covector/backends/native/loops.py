"""Loops and branches as such: in registers where a step has few numbers, else over arrays in memory.

In memory the carries of a loop are in two places each, which a step reads and writes in turn, so that the last step writes
where the result is to be; what a scan reads and collects is a place that moves on with the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.backends.native.copies import copy_text
from covector.backends.native.foreign import Routine
from covector.backends.native.fourier import Transform
from covector.backends.native.ir import Builder, Module, Value, item_size, padded, type_name
from covector.backends.native.lapack import OfMatrices
from covector.backends.native.pairs import equations_of_parts, is_other, needs_parts
from covector.backends.native.plan import Buffer, Plan, Spot, contiguous, size_of
from covector.backends.native.registers import Elements, Registers, fits, kind_of, places
from covector.backends.native.rules import Foreign, Loop, is_supported, rule_of
from covector.backends.native.stacks import Filling, count_of, is_stack, item_at, item_aval, leaving
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, has_effects, sub_jaxprs
from covector.core.keys import key_of
from covector.core.primitive import primitive_named
from covector.passes.clean import atom_key

Call = tuple[str, list[Spot]]


def can_compile(eqn: Equation) -> bool:
    """Whether an equation of a legal program has a meaning here, with the programs in it."""
    avals = [item_aval(x.aval) for x in (*eqn.inputs, *eqn.outputs)]
    if has_effects(eqn.primitive, eqn.params) or not all(getattr(a, "size", 0) for a in avals):
        return False
    if any(map(is_stack, (*eqn.inputs, *eqn.outputs))) and eqn.primitive.name not in ("while", "scan"):
        return False
    if not all(map(program_compiles, sub_jaxprs(eqn.params))):
        return False
    if needs_parts(eqn):
        if not all(is_other(x) or is_supported(item_aval(x.aval)) for x in (*eqn.inputs, *eqn.outputs)):
            return False  # parts of extended precision, which no equation need have
        parts = equations_of_parts(eqn)
        return parts is not None and all(map(can_compile, parts))
    return rule_of(eqn) is not None


def program_compiles(jaxpr: Jaxpr) -> bool:
    def compiles() -> bool:
        return all(map(can_compile, jaxpr.equations)) and not leaving(jaxpr.equations, jaxpr.out_vars)

    return jaxpr.once("compiles natively", compiles)


def in_registers(eqn: Equation) -> bool:
    return all(map(fits, sub_jaxprs(eqn.params)))


def with_own_outputs(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which every output is the result of an equation, and none is twice."""
    return jaxpr.once("own outputs", lambda: _with_own_outputs(jaxpr))


def _with_own_outputs(jaxpr: Jaxpr) -> Jaxpr:
    taken: set[Any] = {*jaxpr.in_vars, *jaxpr.consts}
    equations, outs = list(jaxpr.equations), []
    for v in jaxpr.out_vars:
        if type(v) is not Var or v in taken:
            same = Var(v.aval)
            shape = {"shape": v.aval.shape}
            equations.append(Equation(primitive_named("broadcast_to"), [v], shape, [same]))
            v = same
        taken.add(v)
        outs.append(v)
    return Jaxpr(jaxpr.in_vars, equations, outs, jaxpr.consts, jaxpr.linear)


# --- the memory of a loop -----------------------------------------------------------------------------------------------


class Parts:
    """A loop in memory: the plans of its programs, and what is where in memory of its own."""

    def __init__(self, eqn: Equation, spots: Sequence[Spot | None]):
        self.eqn = eqn
        self.size = 0
        name, params, inputs = eqn.primitive.name, eqn.params, eqn.inputs
        self.literals = {i: self.take(size_of(x.aval)) for i, x in enumerate(inputs) if isinstance(x, Literal)}
        self.strides = [() if s is None else s.strides for s in spots[: len(inputs)]]
        if name == "cond":
            self.carried = range(0)
            self.programs = [self.plan(p, self.strides[1:]) for p in params["branches"]]
        elif name == "while":
            first = params["num_cond"] + params["num_body"]
            self.carried = range(first, len(inputs))
            conditions, bodies = self.strides[: params["num_cond"]], self.strides[params["num_cond"] : first]
            self.programs = [
                self.plan(params["cond"], [*conditions, *self.of_carries()]),
                self.plan(params["body"], [*bodies, *self.of_carries()]),
            ]
        else:
            first = params["num_consts"]
            self.carried = range(first, first + params["num_carry"])
            items = [s[1:] for s in self.strides[self.carried.stop :]]
            if params["length"] is None:
                items = [contiguous(v.aval.shape) for v in params["jaxpr"].in_vars[self.carried.stop :]]
            self.programs = [self.plan(params["jaxpr"], [*self.strides[:first], *self.of_carries(), *items])]
        self.work = [self.take(p.workspace) for p in self.programs]
        self.carries = [self.take(size_of(inputs[i].aval)) for i in self.carried]
        self.condition = self.take(1)

    def of_carries(self) -> list[tuple[int, ...]]:
        return [contiguous(self.eqn.inputs[i].aval.shape) for i in self.carried]

    def plan(self, program: Jaxpr, strides: Sequence[tuple[int, ...]]) -> Plan:
        program = with_own_outputs(program)
        return Plan(program, scratch_of, dict(zip(program.in_vars, strides, strict=True)))

    def take(self, size: int) -> int:
        """The start of so many bytes of the loop's own memory."""
        start = self.size
        self.size += padded(size)
        return start


ROUTINES: dict[str, type[Routine]] = {"lapack": OfMatrices, "transform": Transform}


def scratch_of(plan: Plan, eqn: Equation) -> tuple[Spot, ...]:
    """The memory of its own that an equation of arrays needs."""
    rule = plan.rule(eqn)
    if type(rule) is Foreign:
        return ROUTINES[rule.library].scratch(eqn)
    if type(rule) is not Loop or in_registers(eqn):
        return ()
    parts = Parts(eqn, [plan.spots.get(x) for x in eqn.inputs])
    return (Spot(Buffer("work", -1, max(parts.size, 1)), 0, ()),)


Resolve = Callable[[Buffer], str]


def write_calls(b: Builder, plan: Plan, calls: Sequence[Call], resolve: Resolve, status: str = "%status") -> None:
    """Call the functions of a program; ``resolve(buffer)`` is its address."""
    items = {id(s.buffer): item_size(type_name(v.aval.dtype)) for v, s in plan.spots.items()}
    for called, spots in calls:
        pointers = []
        for spot in spots:
            base, start = resolve(spot.buffer), spot.offset * items.get(id(spot.buffer), 1)
            pointers.append(base if start == 0 else b.op(f"getelementptr i8, ptr {base}, i64 {start}", "i64").text)
        b.emit(f"call void @{called}({', '.join(f'ptr {p}' for p in (*pointers, status))})")


def calls(
    plan: Plan, eqn: Equation, scratch: Sequence[Spot], module: Module, calls_of: Callable[..., list[Call]]
) -> list[Call]:
    """The function of a loop, with the places that it is given."""
    spots = [plan.spots.get(x) for x in (*eqn.inputs, *eqn.outputs)]
    given = [s for s in spots if s is not None]
    arrays = {i: f"%p{k}" for k, i in enumerate(i for i, s in enumerate(spots) if s is not None)}
    parameters = ", ".join([f"ptr %p{k}" for k in range(len(given))] + ["ptr %own"] * len(scratch) + ["ptr %status"])

    def write(name: str) -> str:
        if in_registers(eqn):
            return _Small(Builder(name, parameters, module), eqn, spots, arrays).text()
        parts = Parts(eqn, spots)
        return _Large(Builder(name, parameters, module), parts, [calls_of(p, module) for p in parts.programs], arrays).text()

    atoms = [(x.aval, atom_key(x) if isinstance(x, Literal) else None) for x in (*eqn.inputs, *eqn.outputs)]
    key = (eqn.primitive, key_of(eqn.params), *atoms, *(s and s.strides for s in spots))
    return [(module.named("loop", write, key), [*(s._replace(strides=()) for s in given), *scratch])]


def filling(b: Builder, eqn: Equation, arrays: dict[int, str]) -> Filling | None:
    """The stacks of a loop, if it fills some."""
    if eqn.primitive.name != "while":
        return None
    num_carry = len(eqn.inputs) - eqn.params["num_cond"] - eqn.params["num_body"]
    items = eqn.params["body"].out_vars[num_carry:]
    headers = [arrays[len(eqn.inputs) + num_carry + q] for q in range(len(items))]
    return Filling(b, headers, [size_of(v.aval) for v in items]) if items else None


# --- in registers -------------------------------------------------------------------------------------------------------


class _Small:
    """A loop whose steps are in registers."""

    def __init__(self, b: Builder, eqn: Equation, spots: Sequence[Spot | None], arrays: dict[int, str]):
        self.b, self.eqn, self.spots, self.arrays = b, eqn, spots, arrays

    def text(self) -> str:
        eqn, registers, count = self.eqn, Registers(self.b), len(self.eqn.inputs)
        if eqn.primitive.name != "scan":
            stacks = filling(self.b, eqn, self.arrays)
            given = [self.elements(i) for i in range(count)]
            outs = registers.loop(eqn, given) if stacks is None else registers.while_loop(eqn, given, stacks)
            for i, elements in enumerate(outs):
                self.put(count + i, elements)
            return self.b.text()
        num_carry = eqn.params["num_carry"]
        first = eqn.params["num_consts"] + num_carry
        take = lambda k: [self.elements(i, k) for i in range(first, count)]
        steps = None
        if eqn.params["length"] is None:
            take, steps = self.items, count_of(self.b, self.arrays[first])

        def put(k: Value, values: list[Elements]) -> None:
            for i, elements in enumerate(values):
                self.put(count + num_carry + i, elements, k)

        for i, elements in enumerate(registers.steps(eqn, [self.elements(i) for i in range(first)], take, put, steps)):
            self.put(count + i, elements)
        return self.b.text()

    def items(self, k: Value) -> list[Elements]:
        """The items of stacks."""
        b, first, found = self.b, self.eqn.params["num_consts"] + self.eqn.params["num_carry"], list[Elements]()
        for i, v in enumerate(self.eqn.params["jaxpr"].in_vars[first:], first):
            base = item_at(b, self.arrays[i], k, size_of(v.aval))
            found.append([b.load(kind_of(v), base, b.index(j)) for j in range(v.aval.size)])
        return found

    def variable(self, i: int) -> Any:
        return self.eqn.inputs[i] if i < len(self.eqn.inputs) else self.eqn.outputs[i - len(self.eqn.inputs)]

    def offsets(self, i: int, step: Value | None) -> list[Value]:
        """Where the elements of an array are, or of its item of a step."""
        spot = self.spots[i]
        assert spot is not None
        shape, strides, start = self.variable(i).aval.shape, spot.strides, None
        if step is not None:
            start, shape, strides = self.b.mul(step, self.b.index(strides[0])), shape[1:], strides[1:]
        at = [self.b.index(sum(p * s for p, s in zip(point, strides, strict=True))) for point in places(shape)]
        return at if start is None else [self.b.add(start, place) for place in at]

    def elements(self, i: int, step: Value | None = None) -> Elements:
        x = self.variable(i)
        if isinstance(x, Literal):
            return [self.b.constant(x.value, kind_of(x))]
        return [self.b.load(kind_of(x), self.arrays[i], place) for place in self.offsets(i, step)]

    def put(self, i: int, elements: Elements, step: Value | None = None) -> None:
        for place, x in zip(self.offsets(i, step), elements, strict=True):
            self.b.store(x, self.arrays[i], place)


# --- over arrays --------------------------------------------------------------------------------------------------------


class _Large:
    """A loop over arrays in memory."""

    def __init__(self, b: Builder, parts: Parts, inner: list[list[Call]], arrays: dict[int, str]):
        self.b, self.parts, self.inner, self.arrays, self.eqn = b, parts, inner, arrays, parts.eqn
        self.count = len(self.eqn.inputs)

    def text(self) -> str:
        for i, place in self.parts.literals.items():
            x = self.eqn.inputs[i]
            self.b.store(self.b.constant(x.value, kind_of(x)), self.own(place), self.b.index(0))
        {"scan": self.scan, "while": self.while_loop, "cond": self.cond}[self.eqn.primitive.name]()
        return self.b.text()

    def own(self, start: int) -> str:
        return "%own" if start == 0 else self.b.op(f"getelementptr i8, ptr %own, i64 {start}", "i64").text

    def array(self, i: int) -> str:
        """The address of an input or output of the loop."""
        return self.arrays[i] if i in self.arrays else self.own(self.parts.literals[i])

    def item(self, i: int, step: Value) -> str:
        """The address of the item of a step."""
        is_input = i < self.count
        if is_input and self.eqn.params["length"] is None:
            return item_at(self.b, self.array(i), step, size_of(self.eqn.params["jaxpr"].in_vars[i].aval))
        x = self.eqn.inputs[i] if is_input else self.eqn.outputs[i - self.count]
        stride = self.parts.strides[i][0] if is_input else x.aval.size // x.aval.shape[0]
        place = self.b.mul(step, self.b.index(stride * item_size(kind_of(x))))
        return self.b.op(f"getelementptr i8, ptr {self.array(i)}, i64 {place.text}", "i64").text

    def run(self, k: int, arguments: Sequence[str], outputs: Sequence[str]) -> None:
        """Run one of the programs."""

        def resolve(buffer: Buffer) -> str:
            if buffer.kind == "work":
                return self.own(self.parts.work[k] + buffer.number)
            return (arguments if buffer.kind == "argument" else outputs)[buffer.number]

        write_calls(self.b, self.parts.programs[k], self.inner[k], resolve)

    def copy(self, target: str, source: str, size: int) -> None:
        self.b.emit(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")

    def start(self, targets: Sequence[str]) -> None:
        """Copy the first carries."""
        for i, target in zip(self.parts.carried, targets, strict=True):
            x = self.eqn.inputs[i]
            strides, shape = self.parts.strides[i], x.aval.shape
            if strides == contiguous(shape):
                self.copy(target, self.array(i), size_of(x.aval))
                continue
            self.b.emit(
                f"call void @{self.copying(kind_of(x), shape, strides)}(ptr {self.array(i)}, ptr {target}, ptr %status)"
            )

    def copying(self, kind: str, shape: Sequence[int], strides: Sequence[int]) -> str:
        """The name of a function that copies an array to one without gaps."""
        module = self.b.module
        return module.named("copy", lambda name: array_copy(name, kind, shape, strides, module), (kind, shape, strides))

    def taking_turns(self, step: Value, first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
        """The carries that a step reads, and those that it writes."""
        odd = self.b.op(f"trunc i64 {step.text} to i1", "bool").text
        choose: Callable[[str, str], str] = lambda x, y: self.b.op(f"select i1 {odd}, ptr {y}, ptr {x}", "i64").text
        return list(map(choose, first, second)), list(map(choose, second, first))

    def scan(self) -> None:
        b, params, parts = self.b, self.eqn.params, self.parts
        num_carry, unknown = params["num_carry"], params["length"] is None
        results = [self.array(self.count + k) for k in range(num_carry)]
        spare = [self.own(place) for place in parts.carries]
        n = count_of(b, self.array(parts.carried.stop)) if unknown else b.index(params["length"])
        first, second = (results, spare) if unknown or params["length"] % 2 == 0 else (spare, results)
        self.start(first)
        consts = [self.array(i) for i in range(parts.carried.start)]

        def step(k: Value) -> None:
            now, following = self.taking_turns(k, first, second)
            i = b.sub(b.sub(n, b.index(1)), k) if params["reverse"] else k
            items = [self.item(q, i) for q in range(parts.carried.stop, self.count)]
            collected = [self.item(self.count + q, i) for q in range(num_carry, len(self.eqn.outputs))]
            self.run(0, [*consts, *now, *items], [*following, *collected])

        if not unknown:
            b.loop(b.index(0), n, 1, step)
            return
        b.branch(b.compare("gt", n, b.index(0)), lambda: b.loop(b.index(0), n, 1, step))
        self.copy_back(n)

    def copy_back(self, steps: Value) -> None:
        """Copy the carries to where the results are to be, if the last step has written the others."""
        num_carry = len(self.parts.carried)
        odd = self.b.op(f"trunc i64 {steps.text} to i1", "bool")

        def copy() -> None:
            for k, place in enumerate(self.parts.carries):
                self.copy(self.array(self.count + k), self.own(place), size_of(self.eqn.outputs[k].aval))

        if num_carry:
            self.b.branch(odd, copy)

    def while_loop(self) -> None:
        b, parts, num_cond = self.b, self.parts, self.eqn.params["num_cond"]
        results = [self.array(self.count + k) for k in range(len(parts.carried))]
        spare = [self.own(place) for place in parts.carries]
        self.start(results)
        stacks = filling(b, self.eqn, self.arrays)
        steps, flag = b.allocate("i64"), self.own(parts.condition)
        b.store(b.index(0), steps, b.index(0))
        counted: Callable[[], Value] = lambda: b.read("i64", steps)
        consts = [self.array(i) for i in range(parts.carried.start)]

        def goes_on() -> Value:
            now, _ = self.taking_turns(counted(), results, spare)
            self.run(0, [*consts[:num_cond], *now], [flag])
            return b.read("bool", flag)

        def step(_: Value | None = None) -> None:
            k = counted()
            now, following = self.taking_turns(k, results, spare)
            collected = [] if stacks is None else [stacks.place(q, k) for q in range(len(stacks.stacks))]
            self.run(1, [*consts[num_cond:], *now], [*following, *collected])
            b.store(b.add(k, b.index(1)), steps, b.index(0))

        if stacks is None:
            b.repeat(goes_on, step)
        else:
            stacks.fill(goes_on, step)
        self.copy_back(counted())

    def cond(self) -> None:
        b, branches = self.b, self.parts.programs
        operands = [self.array(i) for i in range(1, self.count)]
        outputs = [self.array(self.count + k) for k in range(len(self.eqn.outputs))]
        choice = b.load(kind_of(self.eqn.inputs[0]), self.array(0), b.index(0))

        def taken(i: int) -> None:
            if i == len(branches) - 1:
                self.run(i, operands, outputs)
                return
            is_it = b.compare("le", choice, b.constant(i, choice.kind))
            b.branch(is_it, lambda: self.run(i, operands, outputs), lambda: taken(i + 1))

        taken(0)


def array_copy(name: str, kind: str, shape: Sequence[int], strides: Sequence[int], module: Module) -> str:
    """A function that copies an array to one without gaps."""
    letters = "".join(chr(97 + i) for i in range(len(shape)))
    named: Callable[[Sequence[int]], dict[str, int]] = lambda values: dict(zip(letters, values, strict=True))
    return copy_text(name, kind, letters, named(shape), named(strides), named(contiguous(shape)), module)
