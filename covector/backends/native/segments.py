"""Programs of which a part is compiled: ``partitioned : Jaxpr -> Jaxpr`` with one equation for each compiled part.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sort(np.sin(x) * 2.0) + 1.0)(np.ones(3))
>>> [e.primitive.name for e in partitioned(program).equations]
['native', 'sort', 'native']

What has no rule here runs as NumPy, between the parts.  Equations are taken in an order that makes few parts: all that can be
compiled now, then all that cannot be.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.backends import numpy
from covector.backends.forms import call
from covector.backends.native.elementwise import Scalar
from covector.backends.native.entry import LARGEST_INTEGER, entry
from covector.backends.native.expansions import expanded
from covector.backends.native.loops import can_compile
from covector.backends.native.pairs import equations_of_parts, needs_parts
from covector.backends.native.program import Native
from covector.backends.native.rules import TABLE, VIEWS, Along, Foreign, Gather, Generate, Loop, Product, Reduce, Write, rule_of
from covector.backends.native.stacks import is_stack, leaving
from covector.backends.native.strips import in_strips
from covector.backends.threads import LARGE, run_alone
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, inside_out, sub_jaxprs, with_programs
from covector.core.kinds import Kind
from covector.core.primitive import Primitive
from covector.passes.alike import shared
from covector.passes.clean import clean
from covector.passes.legalize import legalize

WORTH = 1
"""A part of a lower cost is left to NumPy."""


class Others:
    """Runs what a compiled function hands on: copies in C order of arrays that lie otherwise, and all else as Python."""

    def __init__(self, source: Callable[..., list[Any]]):
        self.source = source
        self.run: Callable[[], Callable[..., list[Any]] | None] = lambda: None

    def __call__(self, *args: Any) -> list[Any]:
        run = self.run()
        if run is None or all(type(x) is not np.ndarray or x.flags.c_contiguous for x in args):
            return self.source(*args)
        return run(*[np.asarray(x, order="C") if type(x) is np.ndarray else x for x in args])


class Part:
    """A compiled part of a program, as a parameter of its equation."""

    def __init__(self, jaxpr: Jaxpr, takes_integers: bool = False):
        self.jaxpr, self.takes_integers = jaxpr, takes_integers
        self.run: Callable[..., list[Any]] | None = None

    def __repr__(self) -> str:
        return f"<{len(self.jaxpr.equations)}>"

    def compiled(
        self, otherwise: Callable[[Jaxpr], Callable[..., list[Any]]], later: list[Callable[[], None]] | None = None
    ) -> Callable[..., list[Any]]:
        """The function that runs it; ``otherwise`` makes what runs it on arguments of other kinds."""
        if self.run is None:
            others = Others(otherwise(self.jaxpr))
            run = entry(Native(self.jaxpr, self.takes_integers), others, later)
            others.run = weakref.ref(run)
            self.run = partial(run_alone, run) if self.calls_lapack() else run
        return self.run

    def calls_lapack(self) -> bool:
        """Whether it calls LAPACK, of matrices that one thread is enough for."""
        found = [e for e in equations_of(self.jaxpr) if TABLE.get(e.primitive.name) == Foreign("lapack")]
        return bool(found) and all(e.inputs[0].aval.size * e.inputs[0].aval.shape[-1] <= LARGE for e in found)


def equations_of(jaxpr: Jaxpr) -> Iterator[Equation]:
    """All equations, also those of the programs in others."""
    for eqn in jaxpr.equations:
        yield eqn
        for program in sub_jaxprs(eqn.params):
            yield from equations_of(program)


def keeps_integers_small(jaxpr: Jaxpr, given: float = LARGEST_INTEGER.bit_length()) -> bool:
    """Whether what is computed of Python's integers alone has 64 bits, where they have no more than ``given``."""
    bits: dict[Any, float] = {v: given for v in jaxpr.in_vars if is_integer_of_python(v)}
    for eqn in jaxpr.equations:
        programs = sub_jaxprs(eqn.params)
        if not all(keeps_integers_small(p, max([given, *bits.values()])) for p in programs):
            return False
        for v in filter(is_integer_of_python, eqn.outputs):
            bits[v] = math.inf if programs else bits_of_result(eqn.primitive.name, [bits_of(x, bits) for x in eqn.inputs])
            if bits[v] > BITS:
                return False
    return True


def is_integer_of_python(x: Any) -> bool:
    return bool(getattr(x.aval, "weak_type", False)) and x.aval.dtype.kind == "i"


def bits_of(x: Any, bits: dict[Any, float]) -> float:
    """How many bits an operand has at most; only integers are asked for."""
    return int(x.value).bit_length() if isinstance(x, Literal) and x.aval.dtype.kind in "bi" else bits.get(x, BITS)


def bits_of_result(name: str, operands: Sequence[float]) -> float:
    if name == "mul":
        return sum(operands)
    return max(operands) + (name in ADDING) if name in KEEPING or name in ADDING else math.inf


BITS = 63
KEEPING = {"weaken", "identity", "name", "stop_gradient", "maximum", "minimum"}
ADDING = {"add", "sub", "neg", "abs", "sign", "floor_divide", "remainder"}
"""What makes integers of Python's of no more bits than the larger of those that it is given, or of one more."""


native_p = Primitive("native", Kind(), multiple_results=True, trusted=True, makes_new=True)


native_p.def_impl(lambda *arrays, program: program.compiled(numpy.compiled_when_called)(*arrays))
native_p.def_rule("lower", lambda eqn: call(eqn.params["program"].compiled(numpy.compiled_when_called)))


def cost(eqn: Equation) -> float:
    """How much an equation does: nothing where it only moves elements."""
    if needs_parts(eqn):
        return sum(map(cost, equations_of_parts(eqn) or []))
    rule = rule_of(eqn)
    if type(rule) is Scalar:
        return rule.cost
    return 1 if type(rule) in (Along, Foreign, Gather, Generate, Loop, Product, Reduce, Write) else 0


def partitioned(jaxpr: Jaxpr) -> Jaxpr:
    """The program, made legal, with its compiled parts; itself where there are none."""
    legal = prepared(shared(jaxpr))
    parts = [(compiles, group) for compiles, group in with_constants(legal) if group]
    if not any(compiles and sum(map(cost, group)) >= WORTH for compiles, group in parts):
        return jaxpr
    needed_by, small = last_needed(parts, legal.out_vars), keeps_integers_small(jaxpr)
    equations: list[Equation] = []
    for i, (compiles, group) in enumerate(parts):
        if compiles and sum(map(cost, group)) >= WORTH:
            equations.append(part(group, {v for v, last in needed_by.items() if last > i}, legal, small))
        else:
            equations += group
    return Jaxpr(legal.in_vars, equations, legal.out_vars, legal.consts, legal.linear)


def prepared(jaxpr: Jaxpr) -> Jaxpr:
    """The program cleaned, made legal, and without arrays that the programs in it close over."""
    return inside_out(jaxpr, "prepared for native", _prepared) or jaxpr


def _prepared(jaxpr: Jaxpr) -> Jaxpr | None:
    program = without_calls(clean(jaxpr))
    if any(sub_jaxprs(e.params) for e in program.equations):
        consts = dict(program.consts)
        often = Counter(id(p) for e in program.equations for p in sub_jaxprs(e.params))
        equations = []
        for e in program.equations:
            is_shared = e.primitive.name in ("scan", "while") and any(often[id(p)] > 1 for p in sub_jaxprs(e.params))
            inputs = [as_array(x, consts) for x in e.inputs] if is_shared else e.inputs
            inner = Equation(e.primitive, inputs, with_programs(e.params, prepared), e.outputs, e.source)
            equations.append(hoisted(inner, consts))
        program = Jaxpr(program.in_vars, equations, program.out_vars, consts, program.linear)
    program = in_strips(legalize(program))
    return None if program is jaxpr else program


def as_array(x: Any, consts: dict[Var, Any]) -> Any:
    """A number as one of the constants: loops that differ in their numbers alone are the same code."""
    if not isinstance(x, Literal):
        return x
    array = Var(Literal(x.aval.dtype.type(x.value)).aval)
    consts[array] = np.asarray(x.value, x.aval.dtype)
    return array


def program_run_by(eqn: Equation) -> Jaxpr | None:
    """The program that an equation only runs; None if it does something else."""
    rule = eqn.primitive.rules.get("runs")
    return None if rule is None else rule(eqn)


def without_calls(jaxpr: Jaxpr) -> Jaxpr:
    """The program with the equations of the programs that it calls, or is compiled as, in their places.

    What is computed in two calls is computed twice, as a checkpoint means it; what the others have in common once.
    """
    return in_place(clean(in_place(clean(jaxpr), expanded)), program_run_by)


def in_place(jaxpr: Jaxpr, program_of: Callable[[Equation], Jaxpr | None]) -> Jaxpr:
    """The program with the equations of others in the places of those that stand for them."""
    programs = [program_of(e) for e in jaxpr.equations]
    if not any(programs):
        return jaxpr
    consts, equations, env = dict(jaxpr.consts), list[Equation](), dict[Any, Any]()
    for eqn, called in zip(jaxpr.equations, programs, strict=True):
        inputs = [env.get(x, x) for x in eqn.inputs]
        if called is None:
            equations.append(Equation(eqn.primitive, inputs, eqn.params, eqn.outputs, eqn.source))
            continue
        inner = without_calls(called)
        consts.update(inner.consts)
        own: dict[Any, Any] = dict(zip(inner.in_vars, inputs, strict=True))
        for e in inner.equations:
            outputs = [Var(v.aval) for v in e.outputs]
            equations.append(Equation(e.primitive, [own.get(x, x) for x in e.inputs], e.params, outputs, e.source))
            own.update(zip(e.outputs, outputs, strict=True))
        env.update(zip(eqn.outputs, [own.get(v, v) for v in inner.out_vars], strict=True))
    outs = [env.get(v, v) for v in jaxpr.out_vars]
    return Jaxpr(jaxpr.in_vars, equations, outs, consts, jaxpr.linear)


def hoisted(eqn: Equation, consts: dict[Var, Any]) -> Equation:
    """A loop or branch with the arrays that its programs close over as inputs, which are put among ``consts``."""
    name, params, inputs = eqn.primitive.name, dict(eqn.params), list(eqn.inputs)
    if name == "scan":
        moved, params["jaxpr"] = opened(params["jaxpr"], params["num_consts"])
        inputs[params["num_consts"] : params["num_consts"]] = moved
        params["num_consts"] += len(moved)
    elif name == "while":
        moved, params["body"] = opened(params["body"], params["num_body"])
        own, params["cond"] = opened(params["cond"], params["num_cond"])
        end = params["num_cond"] + params["num_body"]
        inputs[end:end] = moved
        inputs[params["num_cond"] : params["num_cond"]] = own
        params["num_body"] += len(moved)
        params["num_cond"] += len(own)
        moved = {**moved, **own}
    elif name == "cond":
        moved = {v: c for p in params["branches"] for v, c in p.consts.items()}
        params["branches"] = tuple(
            Jaxpr([*p.in_vars, *(v if v in p.consts else Var(v.aval) for v in moved)], p.equations, p.out_vars)
            for p in params["branches"]
        )
        inputs += moved
    else:
        return eqn
    consts.update(moved)
    return Equation(eqn.primitive, inputs, params, eqn.outputs, eqn.source)


def opened(jaxpr: Jaxpr, position: int) -> tuple[dict[Var, Any], Jaxpr]:
    """The arrays that a program closes over, and the program with them as inputs from a position on."""
    if not jaxpr.consts:
        return {}, jaxpr
    inputs = [*jaxpr.in_vars[:position], *jaxpr.consts, *jaxpr.in_vars[position:]]
    make = lambda: Jaxpr(inputs, jaxpr.equations, jaxpr.out_vars)
    return dict(jaxpr.consts), jaxpr.once(("opened", position), make)


def groups(equations: Sequence[Equation], outs: Sequence[Any]) -> list[tuple[bool, list[Equation]]]:
    """The equations in a possible order, in runs that compile and runs that do not; stacks stay within a run that compiles."""
    compiles = {id(e): can_compile(e) for e in equations}
    while True:
        found = runs(equations, compiles)
        used = {x for is_compiled, group in found if not is_compiled for e in group for x in e.inputs}
        wrong = {id(e) for is_compiled, group in found if is_compiled for e in leaving(group, [*outs, *used])}
        if not wrong:
            return found
        compiles.update(dict.fromkeys(wrong, False))


def runs(equations: Sequence[Equation], compiles: dict[int, bool]) -> list[tuple[bool, list[Equation]]]:
    """The equations in runs of those that compile and those that do not."""
    waiting, found, mode = list(equations), list[tuple[bool, list[Equation]]](), True
    made: set[Any] = {v for e in equations for v in e.outputs}
    while waiting:
        run, rest, missing = list[Equation](), list[Equation](), set[Any]()
        for e in waiting:
            is_ready = all(x not in missing for x in e.inputs if type(x) is Var and x in made)
            if is_ready and compiles[id(e)] is mode:
                run.append(e)
            else:
                rest.append(e)
                missing.update(e.outputs)
        found.append((mode, run))
        waiting, mode = rest, not mode
    return found


def with_constants(jaxpr: Jaxpr) -> list[tuple[bool, list[Equation]]]:
    """The equations in runs, of which each moves and converts the constants that it needs: none is handed on in memory."""
    parts, outs, made = groups(jaxpr.equations, jaxpr.out_vars), {*jaxpr.out_vars}, dict[Any, Equation]()
    is_known: Callable[[Any], bool] = lambda x: isinstance(x, Literal) or x in jaxpr.consts or x in made
    for e in jaxpr.equations:
        if (e.primitive.name in VIEWS or e.primitive.name == "convert") and is_known(e.inputs[0]) and e.outputs[0] not in outs:
            made[e.outputs[0]] = e
    found, outside = [], set[Any]()
    for compiles, group in parts:
        own = [e for e in group if made.keys().isdisjoint(e.outputs)]
        needed = {x for e in own for x in e.inputs}
        for v in reversed(made):
            needed.update(made[v].inputs if v in needed else ())
        needed -= set() if compiles else outside
        if not compiles:
            outside |= needed
        found.append((compiles, [made[v] for v in made if v in needed] + own))
    return found


def last_needed(parts: Sequence[tuple[bool, list[Equation]]], outs: Sequence[Any]) -> dict[Any, float]:
    """For each value the last part that needs it."""
    last: dict[Any, float] = {}
    for i, (_, group) in enumerate(parts):
        for e in group:
            last.update((x, i) for x in e.inputs if type(x) is Var)
    last.update((v, math.inf) for v in outs if type(v) is Var)
    return last


def part(group: Sequence[Equation], needed: set[Any], whole: Jaxpr, takes_integers: bool) -> Equation:
    """One equation that stands for several: of all equations it has the inputs and outputs of the program, in their order."""
    made = {v: None for e in group for v in e.outputs}
    read = dict.fromkeys(x for e in group for x in e.inputs if type(x) is Var and x not in made)
    results: list[Any] = list(whole.out_vars)
    is_all = len(group) == len(whole.equations) and len({*results}) == len(results) and made.keys() >= {*results}
    is_all = is_all and not any(map(is_stack, whole.in_vars))
    given = list(whole.in_vars) if is_all else [v for v in read if v not in whole.consts]
    outs = results if is_all else [v for v in made if v in needed]
    program = Jaxpr(given, group, outs, {v: whole.consts[v] for v in read if v in whole.consts})
    return Equation(native_p, given, {"program": Part(program, takes_integers)}, outs, group[0].source)
