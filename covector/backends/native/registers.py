"""Programs of few numbers, in registers: ``Registers(builder).run(jaxpr, inputs) -> outputs``, each a list of values.

A value of a program is the list of its elements, in order, each a number in LLVM's text.  Loops and branches among the
equations become loops and branches: what changes in them is on the stack, of which SROA makes registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from covector.backends.native.elementwise import Scalar, add, converted, multiply
from covector.backends.native.ir import Builder, Value, type_name
from covector.backends.native.rules import (
    Along,
    Assembly,
    Foreign,
    Free,
    Gather,
    Generate,
    Index,
    Loop,
    Product,
    Reduce,
    View,
    Write,
    at,
    broadcast_index,
    is_better,
    rule_of,
    written_part,
)
from covector.backends.native.stacks import Filling
from covector.core.jaxpr import Equation, Jaxpr, Literal, sub_jaxprs

MAX_ELEMENTS = 16
"""Programs with a value of more elements are not for registers."""

MAX_STACK = 256
"""What an inner loop reads and collects is on the stack, up to so many elements of each."""

MAX_INSTRUCTIONS = 4_000

Elements = list[Value]


def places(shape: Sequence[int]) -> Iterable[tuple[int, ...]]:
    return product(*map(range, shape))


def flat(shape: Sequence[int], point: Sequence[int]) -> int:
    """The number of an element."""
    number = 0
    for n, i in zip(shape, point, strict=True):
        number = number * n + i
    return number


def kind_of(x: Any) -> str:
    return type_name(x.aval.dtype)


def fits(jaxpr: Jaxpr, limit: int = MAX_ELEMENTS) -> bool:
    """Whether a program is small enough, and can be compiled."""
    return size(jaxpr, limit) <= MAX_INSTRUCTIONS


def size(jaxpr: Jaxpr, limit: int = MAX_ELEMENTS) -> float:
    """About how many instructions it makes; infinity where it does not fit."""
    return jaxpr.once(("size in registers", limit), lambda: _size(jaxpr, limit))


def _size(jaxpr: Jaxpr, limit: int) -> float:
    variables = [*jaxpr.in_vars, *jaxpr.consts]
    if any(v.aval.size > limit for v in variables):
        return math.inf
    total = 0.0
    for eqn in jaxpr.equations:
        rule = rule_of(eqn)
        if rule is None or type(rule) in (Foreign, Free):
            return math.inf
        if type(rule) is Loop:
            if any(x.aval.size > MAX_STACK for x in (*eqn.inputs, *eqn.outputs)):
                return math.inf
            total += sum(size(p, limit) for p in sub_jaxprs(eqn.params))
        elif any(x.aval.size > limit for x in (*eqn.inputs, *eqn.outputs)):
            return math.inf
        else:
            repeated = eqn.inputs[0].aval.size if type(rule) in (Gather, Write) else 1
            total += eqn.outputs[0].aval.size * max(getattr(rule, "cost", 1), 1) * repeated
    return total


class Registers:
    """Writes a program into a function."""

    def __init__(self, b: Builder):
        self.b = b

    def run(self, jaxpr: Jaxpr, inputs: Sequence[Elements]) -> list[Elements]:
        """The elements of the outputs, for those of the inputs."""
        env: dict[Any, Elements] = dict(zip(jaxpr.in_vars, inputs, strict=True))
        for v, c in jaxpr.consts.items():
            env[v] = [self.b.constant(x, kind_of(v)) for x in np.ravel(c).tolist()]
        read: Callable[[Any], Elements] = lambda x: [self.b.constant(x.value, kind_of(x))] if isinstance(x, Literal) else env[x]
        for eqn in jaxpr.equations:
            env.update(zip(eqn.outputs, self.equation(eqn, [read(x) for x in eqn.inputs]), strict=True))
        return [read(v) for v in jaxpr.out_vars]

    def equation(self, eqn: Equation, inputs: list[Elements]) -> list[Elements]:
        rule: Any = rule_of(eqn)
        if type(rule) is Loop:
            return self.loop(eqn, inputs)
        compute: Callable[..., Elements] = getattr(self, type(rule).__name__.lower())
        return [compute(eqn, rule, inputs)]

    # --- operations

    def scalar(self, eqn: Equation, rule: Scalar, inputs: list[Elements]) -> Elements:
        operands = list(zip(eqn.inputs, inputs, strict=True))
        pick: Callable[[Index], Elements] = lambda index: [
            self.pick(x, broadcast_index(index, x.aval.shape), elements) for x, elements in operands
        ]
        kind, places = kind_of(eqn.outputs[0]), indices(eqn.outputs[0].aval.shape)
        return [self.b.known_as(kind, rule.emit(self.b, *pick(index))) for index in places]

    def pick(self, x: Any, index: Index, elements: Elements) -> Value:
        return elements[flat(x.aval.shape, [place for place, _ in index])]

    def view(self, eqn: Equation, rule: View, inputs: list[Elements]) -> Elements:
        if eqn.primitive.name == "reshape":
            return inputs[0]
        x = eqn.inputs[0]
        found = []
        for index in indices(eqn.outputs[0].aval.shape):
            operand = rule.operand(eqn, index)
            assert operand is not None
            found.append(self.pick(x, operand, inputs[0]))
        return found

    def reduce(self, eqn: Equation, rule: Reduce, inputs: list[Elements]) -> Elements:
        axes, shape = eqn.params["axes"], eqn.inputs[0].aval.shape
        groups: dict[tuple[int, ...], Elements] = {}
        for point, element in zip(places(shape), inputs[0], strict=True):
            groups.setdefault(tuple(i for a, i in enumerate(point) if a not in axes), []).append(element)
        return [self.combined(rule, group) for group in groups.values()]

    def combined(self, rule: Reduce, elements: Elements) -> Value:
        while len(elements) > 1:
            pairs = [elements[i : i + 2] for i in range(0, len(elements), 2)]
            elements = [rule.combine(self.b, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        x = elements[0]
        return self.b.add(x, self.b.like(0.0, x)) if rule.combine is add and x.is_float else x  # from 0 on, as NumPy

    def product(self, eqn: Equation, rule: Product, inputs: list[Elements]) -> Elements:
        operands, out = eqn.params["spec"].split("->")
        terms, kind = operands.split(","), kind_of(eqn.outputs[0])
        sizes = {c: n for term, x in zip(terms, eqn.inputs, strict=True) for c, n in zip(term, x.aval.shape, strict=True)}
        summed = [c for c in sizes if c not in out]
        found = []
        for point in places([sizes[c] for c in out]):
            total = self.b.constant(0, kind) if summed else None
            for inner in places([sizes[c] for c in summed]):
                place = {**dict(zip(out, point, strict=True)), **dict(zip(summed, inner, strict=True))}
                x, y = (
                    converted(kind)(self.b, e[flat(x.aval.shape, [place[c] for c in term])])
                    for x, term, e in zip(eqn.inputs, terms, inputs, strict=True)
                )
                value = multiply(self.b, x, y)
                total = value if total is None else add(self.b, total, value)
            assert total is not None
            found.append(total)
        return found

    def assembly(self, eqn: Equation, rule: Assembly, inputs: list[Elements]) -> Elements:
        out = eqn.outputs[0]
        numbers = np.arange(out.aval.size).reshape(out.aval.shape)
        found: list[Any] = [None] * out.aval.size
        for index, elements in zip(rule.parts(eqn), inputs, strict=True):
            for i, element in zip(np.ravel(numbers[index]).tolist(), elements, strict=True):
                value = converted(kind_of(out))(self.b, element)
                found[i] = value if found[i] is None else self.b.add(found[i], value)
        zero = self.b.constant(0, kind_of(out))
        return [zero if value is None else value for value in found]

    def gather(self, eqn: Equation, rule: Gather, inputs: list[Elements]) -> Elements:
        x, *indices = eqn.inputs
        elements, *numbers = inputs
        count, shape = len(indices), x.aval.shape
        block = math.prod(shape[count:])
        rank = len(eqn.outputs[0].aval.shape) - len(shape) + count
        found = []
        for point in places(eqn.outputs[0].aval.shape[:rank]):
            at_ = self.pointed(point, indices, numbers, shape[:count])
            for k in range(block):
                found.append(self.chosen(at_, elements[k::block]))
        return found

    def generate(self, eqn: Equation, rule: Generate, inputs: list[Elements]) -> Elements:
        count = math.prod(eqn.params["shape"])
        keys = [inputs[0][i : i + 2] for i in range(0, len(inputs[0]), 2)]
        return [rule.emit(self.b, self.b.index(i), *key) for key in keys for i in range(count)]

    def pointed(self, point: Sequence[int], indices: Sequence[Any], numbers: list[Elements], shape: Sequence[int]) -> Value:
        """The number of the place to which arrays of integers point."""
        own = [
            self.pick(i, broadcast_index(tuple(map(at, point)), i.aval.shape), e) for i, e in zip(indices, numbers, strict=True)
        ]
        strides = [math.prod(shape[a + 1 :]) for a in range(len(shape))]
        return self.b.place_of(own, list(zip(shape, strides, strict=True)))

    def chosen(self, number: Value, elements: Elements) -> Value:
        """The element with a number."""
        found = elements[0]
        for k, x in enumerate(elements[1:], 1):
            found = self.b.select(self.b.compare("eq", number, self.b.index(k)), x, found)
        return found

    def write(self, eqn: Equation, rule: Write, inputs: list[Elements]) -> Elements:
        out, b = eqn.outputs[0], self.b
        operand, values, indices = rule.given(eqn)
        rest = list(inputs)
        zero = b.constant(0, kind_of(out))
        found = list(rest.pop(0)) if operand is not None else [zero] * out.aval.size
        written = rest.pop(0) if values is not None else None
        combine = rule.combine or (lambda b, there, x: x)
        if not indices:
            numbers = written_part(eqn, np.arange(out.aval.size).reshape(out.aval.shape))
            for k, i in enumerate(np.ravel(numbers).tolist()):
                found[i] = combine(b, found[i], zero if written is None else written[k])
            return found
        count, shape = len(indices), out.aval.shape
        block = math.prod(shape[count:])
        for p, point in enumerate(places(np.broadcast_shapes(*(i.aval.shape for i in indices)))):
            number = self.pointed(point, indices, rest, shape[:count])
            for i in range(out.aval.size):
                x = zero if written is None else written[p * block + i % block]
                is_here = b.compare("eq", number, b.index(i // block))
                found[i] = b.select(is_here, combine(b, found[i], x), found[i])
        return found

    def along(self, eqn: Equation, rule: Along, inputs: list[Elements]) -> Elements:
        b, x, axis = self.b, eqn.inputs[0], eqn.params["axis"]
        numbers = np.moveaxis(np.arange(x.aval.size).reshape(x.aval.shape), axis, -1)
        numbers = numbers[..., ::-1] if eqn.params.get("reverse") else numbers
        found: list[Any] = [None] * x.aval.size
        for row in numbers.reshape(-1, x.aval.shape[axis]).tolist():
            best, where = inputs[0][row[0]], b.index(0)
            found[row[0]] = best
            for k, i in enumerate(row[1:], 1):
                if rule.combine is not None:
                    best = found[i] = rule.combine(b, best, inputs[0][i])
                    continue
                better = is_better(b, rule, inputs[0][i], best)
                best, where = b.select(better, inputs[0][i], best), b.select(better, b.index(k), where)
            if rule.combine is None:
                found[row[0]] = where
        if rule.combine is not None:
            return [b.convert(y, kind_of(eqn.outputs[0])) for y in found]
        return [found[i] for i in numbers[..., 0].ravel().tolist()]

    # --- control flow

    def loop(self, eqn: Equation, inputs: list[Elements]) -> list[Elements]:
        return {"scan": self.scan, "while": self.while_loop, "cond": self.cond}[eqn.primitive.name](eqn, inputs)

    def cells(self, kinds: Sequence[str], counts: Sequence[int]) -> list[list[str]]:
        """Places on the stack, for each element one."""
        return [[self.b.allocate(kind) for _ in range(n)] for kind, n in zip(kinds, counts, strict=True)]

    def put(self, cells: Sequence[Sequence[str]], values: Sequence[Elements]) -> None:
        for places_, elements in zip(cells, values, strict=True):
            for cell, x in zip(places_, elements, strict=True):
                self.b.store(x, cell, self.b.index(0))

    def read(self, cells: Sequence[Sequence[str]], kinds: Sequence[str]) -> list[Elements]:
        return [[self.b.read(k, c) for c in places_] for places_, k in zip(cells, kinds, strict=True)]

    def scan(self, eqn: Equation, inputs: list[Elements]) -> list[Elements]:
        """A loop in which the stacks are on the stack of the machine."""
        b, num_consts, num_carry, n = self.b, eqn.params["num_consts"], eqn.params["num_carry"], eqn.params["length"]
        body = eqn.params["jaxpr"]
        stacked, collected = inputs[num_consts + num_carry :], body.out_vars[num_carry:]
        xs_vars = body.in_vars[num_consts + num_carry :]
        sources = [b.allocate(kind_of(v), 1, len(e)) for v, e in zip(xs_vars, stacked, strict=True)]
        for source, elements in zip(sources, stacked, strict=True):
            for i, x in enumerate(elements):
                b.store(x, source, b.index(i))
        targets = [b.allocate(kind_of(v), 1, n * v.aval.size) for v in collected]

        def take(i: Value) -> list[Elements]:
            return [self.items(kind_of(v), s, i, v.aval.size) for v, s in zip(xs_vars, sources, strict=True)]

        def put(i: Value, values: list[Elements]) -> None:
            for target, v, elements in zip(targets, collected, values, strict=True):
                self.put_items(target, i, elements, kind_of(v))

        carry = self.steps(eqn, inputs[: num_consts + num_carry], take, put)
        results = [[b.read(kind_of(v), t, b.index(i)) for i in range(n * v.aval.size)]
                   for v, t in zip(collected, targets, strict=True)]  # fmt: skip
        return [*carry, *results]

    def items(self, kind: str, base: str, i: Value, count: int) -> Elements:
        """The elements of the i-th item of a stack in memory."""
        start = self.b.mul(i, self.b.index(count))
        return [self.b.read(kind, base, self.b.add(start, self.b.index(k))) for k in range(count)]

    def put_items(self, base: str, i: Value, elements: Elements, kind: str) -> None:
        start = self.b.mul(i, self.b.index(len(elements)))
        for k, x in enumerate(elements):
            self.b.store(converted(kind)(self.b, x), base, self.b.add(start, self.b.index(k)))

    def steps(
        self,
        eqn: Equation,
        inputs: list[Elements],
        take: Callable[[Value], list[Elements]],
        put: Callable[..., None],
        count: Value | None = None,
    ) -> list[Elements]:
        """The loop of a scan: ``take(i)`` are the items of a step, ``put(i, values)`` keeps what it collects.

        ``count`` is the number of steps, where the program does not say it.
        """
        b, num_consts, num_carry = self.b, eqn.params["num_consts"], eqn.params["num_carry"]
        n = b.index(eqn.params["length"]) if count is None else count
        body = eqn.params["jaxpr"]
        consts, carry = inputs[:num_consts], inputs[num_consts:]
        kinds = [kind_of(v) for v in body.in_vars[num_consts : num_consts + num_carry]]
        cells = self.cells(kinds, [len(c) for c in carry])
        self.put(cells, carry)

        def step(k: Value) -> None:
            i = b.sub(b.sub(n, b.index(1)), k) if eqn.params["reverse"] else k
            outs = self.run(body, [*consts, *self.read(cells, kinds), *take(i)])
            put(i, outs[num_carry:])
            self.put(cells, outs[:num_carry])

        if count is not None:
            b.branch(b.compare("gt", n, b.index(0)), lambda: b.loop(b.index(0), n, 1, step))
        elif n.text != "0":
            b.loop(b.index(0), n, 1, step)
        return self.read(cells, kinds)

    def while_loop(self, eqn: Equation, inputs: list[Elements], stacks: Filling | None = None) -> list[Elements]:
        """The final carries; what is collected goes to stacks."""
        num_cond, num_body = eqn.params["num_cond"], eqn.params["num_body"]
        cond, body = eqn.params["cond"], eqn.params["body"]
        end = num_cond + num_body
        cond_consts, body_consts, carry = inputs[:num_cond], inputs[num_cond:end], inputs[end:]
        kinds = [kind_of(v) for v in body.in_vars[num_body:]]
        cells = self.cells(kinds, [len(c) for c in carry])
        self.put(cells, carry)
        goes_on = lambda: self.run(cond, [*cond_consts, *self.read(cells, kinds)])[0][0]

        def step(k: Value | None = None) -> None:
            outs = self.run(body, [*body_consts, *self.read(cells, kinds)])
            self.put(cells, outs[: len(carry)])
            for q, (v, elements) in enumerate(zip(body.out_vars[len(carry) :], outs[len(carry) :], strict=True)):
                assert stacks is not None and k is not None
                self.put_items(stacks.place(q, k), self.b.index(0), elements, kind_of(v))

        if stacks is None:
            self.b.repeat(goes_on, step)
        else:
            stacks.fill(goes_on, step)
        return self.read(cells, kinds)

    def cond(self, eqn: Equation, inputs: list[Elements]) -> list[Elements]:
        b, branches = self.b, eqn.params["branches"]
        kinds = [kind_of(v) for v in eqn.outputs]
        cells = self.cells(kinds, [v.aval.size for v in eqn.outputs])
        choice, operands = inputs[0][0], inputs[1:]

        def taken(i: int) -> None:
            if i == len(branches) - 1:
                self.put(cells, self.run(branches[i], operands))
                return
            is_it = b.compare("le", choice, b.constant(i, choice.kind))
            b.branch(is_it, lambda: self.put(cells, self.run(branches[i], operands)), lambda: taken(i + 1))

        taken(0)
        return self.read(cells, kinds)


def indices(shape: Sequence[int]) -> Iterable[Index]:
    return (tuple(map(at, point)) for point in places(shape))
