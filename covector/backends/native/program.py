"""A program as one function of machine code: ``Native(jaxpr)``, called with arrays of the types of its inputs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from covector.backends.native import along, loops, products
from covector.backends.native.elements import Elements
from covector.backends.native.ir import Builder, Module, item_size, padded, type_name, unoptimized
from covector.backends.native.module import Code, function_at, linked
from covector.backends.native.nests import nest_text
from covector.backends.native.nodes import Expressions, Store, key_of
from covector.backends.native.pairs import in_turn, starts
from covector.backends.native.plan import Apply, Buffer, Fill, Nest, Plan, Spot, contiguous
from covector.backends.native.rules import Along, Foreign, Free, Product
from covector.backends.native.stacks import release_text, with_headers
from covector.core.jaxpr import Jaxpr

Call = tuple[str, list[Spot]]

STATUS = 64
"""The bytes at the start of the workspace in which a program says whether it failed."""


SEVERAL = 4
"""Calls of so many functions take longer than the addresses of what they are given."""


def aligned(memory: Any) -> int:
    """The first address in some memory from which on vectors are read best."""
    return padded(int(memory.ctypes.data))


def calls_of(plan: Plan, module: Module) -> list[Call]:
    """The functions of a program, written to a module, with what they are given."""
    found: list[Call] = []
    for step in plan.steps:
        if type(step) is Nest:
            tracer = Elements(plan, step)
            stores = tracer.stores()
            if stores:
                text = lambda name, t=tracer, s=stores: nest_text(name, t.sizes, s, len(t.arrays), module)
                key = (len(tracer.arrays), *key_of(tracer.sizes, stores))
                found.append((module.named("nest", text, key), [Spot(b, o, ()) for b, o in tracer.arrays]))
        elif type(step) is Fill:
            write = lambda name, f=step: fill_text(name, f, module)
            found.append((module.named("fill", write), [step.spot._replace(strides=())]))
        elif type(step) is Apply and type(plan.rule(step.eqn)) is Product:
            found += products.calls(plan, step.eqn, step.scratch, module)
        elif type(step) is Apply and type(plan.rule(step.eqn)) is Along:
            found.append(along.call(plan, step.eqn, module))
        elif type(step) is Apply and type(plan.rule(step.eqn)) is Foreign:
            routine = loops.ROUTINES[plan.rule(step.eqn).library]
            found.append(routine.written(plan, step.eqn, step.scratch, module))
        elif type(step) is Apply and type(plan.rule(step.eqn)) is Free:
            header = plan.spots[step.eqn.inputs[0]]._replace(strides=())
            found.append((module.named("release", lambda name: release_text(name, module)), [header]))
        elif type(step) is Apply:
            found += loops.calls(plan, step.eqn, step.scratch, module, calls_of)
    return found


def fill_text(name: str, fill: Fill, module: Module) -> str:
    """A function that makes an array zero."""
    shape, kind, strides = fill.aval.shape, type_name(fill.aval.dtype), fill.spot.strides
    if strides != contiguous(shape):
        axes = {a: n for a, n in enumerate(shape) if n != 1}
        store = Store(Expressions().constant(0, kind), kind, 0, 0, tuple((a, strides[a]) for a in axes))
        return nest_text(name, axes, [store], 1, module)
    builder = Builder(name, "ptr %p0, ptr %status", module)
    builder.emit(f"call void @llvm.memset.p0.i64(ptr %p0, i8 0, i64 {fill.aval.size * item_size(kind)}, i1 false)")
    return builder.text()


def main_text(plan: Plan, calls: Sequence[Call], module: Module, name: str = "program") -> str:
    """The function ``name(table of pointers, workspace)``: the pointers are those of inputs, constants and outputs."""
    b = Builder(name, "ptr %table, ptr %work", module)
    base = {"argument": 0, "constant": len(plan.jaxpr.in_vars), "output": len(plan.jaxpr.in_vars) + len(plan.jaxpr.consts)}

    def resolve(buffer: Buffer) -> str:
        if buffer.kind == "work":
            return b.op(f"getelementptr i8, ptr %work, i64 {STATUS + buffer.number}", "i64").text
        slot = base[buffer.kind] + buffer.number
        address = "%table" if slot == 0 else b.op(f"getelementptr ptr, ptr %table, i64 {slot}", "i64").text
        return b.op(f"load ptr, ptr {address}", "i64").text

    loops.write_calls(b, plan, calls, resolve, "%work")
    return b.text() if len(calls) < SEVERAL else unoptimized(b.text())


class Native:
    """A compiled program.

    Attributes:
        text: what it is in LLVM's language.
        workspace: the bytes of memory that it needs for what it computes in between.
        takes_integers: whether integers of Python's may be arguments: those that come of them have 64 bits.
    """

    def __init__(self, jaxpr: Jaxpr, takes_integers: bool = False):
        self.jaxpr, self.takes_integers = jaxpr, takes_integers
        real, strides = in_turn(jaxpr)
        self.plan = Plan(with_headers(real), loops.scratch_of, strides)
        self.module = Module()
        calls = calls_of(self.plan, self.module)
        self.module.functions["program"] = main_text(self.plan, calls, self.module).replace("define internal", "define")
        self.text = self.module.text()
        self.workspace = STATUS + self.plan.workspace
        self.constants = [np.require(c, v.aval.dtype, ["C", "A"]) for v, c in real.consts.items()]
        self.out_types = [(v.aval.shape, v.aval.dtype) for v in jaxpr.out_vars]
        self.in_types = [(v.aval.shape, v.aval.dtype) for v in jaxpr.in_vars]
        self.code: Code | None = None

    def link(self) -> Native:
        self.code = linked(self.text, ["program"], self.module.foreign)
        self.function = function_at(self.code.address("program"), ctypes.c_void_p, ctypes.c_void_p)
        return self

    def __call__(self, *arrays: Any) -> list[Any] | None:
        """The outputs, by way of ctypes: slow to call, and sure.  None if an index was out of bounds, or the like."""
        args = [np.ascontiguousarray(a, t).reshape(s) for a, (s, t) in zip(arrays, self.in_types, strict=True)]
        outs = [np.empty(s, t) for s, t in self.out_types]
        pointers = [a.ctypes.data + start for a in (*args, *self.constants, *outs) for start in starts(a.dtype)]
        table = (ctypes.c_void_p * max(len(pointers), 1))(*pointers)
        work = np.full(self.workspace + 64, 0xFF, np.uint8)
        start = aligned(work)
        status = ctypes.c_int64.from_address(start)
        status.value = 0
        self.function(table, start)
        return None if status.value else outs
