"""Programs of complex numbers as programs of reals: ``split(jaxpr)``, in which each complex value is two values.

>>> import covector as cv
>>> program = cv.make_jaxpr(lambda z: np.conj(z) + z)(np.ones(2, complex))
>>> [(str(v.aval), e.primitive.name) for e in split(program).equations for v in e.outputs]
[('f64[2]', 'neg'), ('f64[2]', 'add'), ('f64[2]', 'add')]

What moves elements, and sums of them, is done to both parts alike.  An elementwise function is two of the parts, of which the
instructions that are the same are written once.  A product of two arrays is four products of their parts; of one that is real,
two.  In memory that others see, the parts lie in turn: places two steps apart.

A ``float16`` has one part, the same number as a ``float32`` (`covector.backends.native.shorts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from covector.backends.native.complexes import COMPLEX, Complex, function_of
from covector.backends.native.elementwise import Scalar, add
from covector.backends.native.plan import contiguous
from covector.backends.native.rules import ASSEMBLIES, VIEWS, WRITES, is_known
from covector.backends.native.shorts import NARROW, WIDEN, Part, is_short, long_aval, write_short
from covector.backends.native.stacks import item_aval
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, sub_jaxprs
from covector.core.primitive import Primitive, primitive_named

LOOPS = ("scan", "while", "cond")

OF_MATRICES = ("eigh", "svd", "qr", "solve", "triangular_solve", "inv", "cholesky", "det", "slogdet")

ALIKE = {
    *VIEWS, *ASSEMBLIES, "gather", "reduce_sum", "cumsum", "select", "keep", "identity", "weaken", "stop_gradient", "name",
    "add", "sub", "neg",
    *(name for name, rule in WRITES.items() if rule.combine in (None, add)),
}  # fmt: skip
"""What is done to both parts alike; operands that are real (a condition, indices) serve both."""


def is_complex(x: Any) -> bool:
    return getattr(getattr(item_aval(x.aval), "dtype", None), "kind", "") == "c"


def is_other(x: Any) -> bool:
    """Whether a value is not what the processor computes with."""
    return is_complex(x) or is_short(x)


def real_aval(aval: Any) -> Any:
    """The type of a part."""
    if item_aval(aval) is not aval:
        return type(aval)(real_aval(aval.element), aval.ticks)
    return ShapedArray(aval.shape, np.dtype(f"f{aval.dtype.itemsize // 2}"))


def needs_parts(eqn: Equation) -> bool:
    """Whether there are complex numbers or ``float16`` in an equation, or in the programs in it."""
    return any(map(is_other, (*eqn.inputs, *eqn.outputs))) or any(map(uses_parts, sub_jaxprs(eqn.params)))


def uses_parts(jaxpr: Jaxpr) -> bool:
    variables = (*jaxpr.in_vars, *jaxpr.consts, *jaxpr.out_vars)  # an output may be a literal
    return jaxpr.once("uses parts", lambda: any(map(is_other, variables)) or any(map(needs_parts, jaxpr.equations)))


def split(jaxpr: Jaxpr) -> Jaxpr:
    """The program of the parts: of its complex inputs, constants and outputs each is two, the real part first.

    Each complex output is the result of an equation that only copies, which may write it where the two parts lie in turn.
    """
    return jaxpr if not uses_parts(jaxpr) else jaxpr.once("split", lambda: _split(jaxpr))


def _split(jaxpr: Jaxpr) -> Jaxpr:
    writer = Writer()
    ins = [v for x in jaxpr.in_vars for v in writer.made(x)]
    consts: dict[Any, Any] = {}
    for v, c in jaxpr.consts.items():
        values = (np.real(c), np.imag(c)) if is_complex(v) else (c.astype(np.float32),) if is_short(v) else (c,)
        consts.update(zip(writer.made(v), values, strict=True))
    for eqn in jaxpr.equations:
        writer.write(eqn)
    return Jaxpr(ins, writer.equations, [p for v in jaxpr.out_vars for p in writer.parts(v)], consts)


def in_turn(jaxpr: Jaxpr) -> tuple[Jaxpr, dict[Any, tuple[int, ...]]]:
    """The same for a program whose arrays others see: and the strides of those whose parts lie in turn.

    Of complex outputs each part is the result of an equation that only copies: it may write it where it is to be.  The parts of
    an input are copied too.
    """
    real = split(jaxpr)
    if real is jaxpr:
        return jaxpr, {}
    first, last, strides = Writer(), Writer(), dict[Any, tuple[int, ...]]()
    given, results, taken = iter(real.in_vars), iter(real.out_vars), {*map(id, (*real.in_vars, *real.consts))}
    ins, outs = list[Any](), list[Any]()
    for v in jaxpr.in_vars:
        found = [next(given) for _ in starts(v.aval.dtype)]
        if is_short(v):
            first.equations.append(Equation(WIDEN, [v], {}, found, None))
        ins += [v] if is_short(v) else found
        strides.update((x, steps_in_turn(v.aval)) for x in ins[-len(found) :])
    for out in jaxpr.out_vars:
        for x in [next(results) for _ in starts(out.aval.dtype)]:
            copied = is_complex(out) or id(x) in taken
            outs.append(last.bind(NARROW, [x], out.aval) if is_short(out) else last.copied(x) if copied else x)
            strides[outs[-1]] = steps_in_turn(out.aval)
            taken.add(id(x))
    return Jaxpr(ins, [*first.equations, *real.equations, *last.equations], outs, real.consts), strides


def steps_in_turn(aval: Any) -> tuple[int, ...]:
    return tuple(len(starts(aval.dtype)) * step for step in contiguous(aval.shape))


def starts(dtype: np.dtype[Any]) -> list[int]:
    """By how many bytes the parts of a number lie behind its start."""
    return [0, dtype.itemsize // 2] if dtype.kind == "c" else [0]


def equations_of_parts(eqn: Equation) -> list[Equation] | None:
    """The equations of the parts of one equation; None where there is no rule."""
    writer = Writer()
    for x in eqn.inputs:
        if type(x) is Var:
            writer.made(x)
    return writer.equations if writer.write(eqn) else None


class Writer:
    """Writes equations of parts."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.known: dict[Any, tuple[Any, ...]] = {}
        self.source: Any = None

    def made(self, v: Var) -> tuple[Any, ...]:
        """The parts of a variable of the program, which nothing has computed before."""
        if v not in self.known:
            aval: Any = v.aval
            if is_complex(v):
                self.known[v] = Var(real_aval(aval)), Var(real_aval(aval))
            else:
                self.known[v] = (Var(long_aval(aval)) if is_short(v) else v,)
        return self.known[v]

    def parts(self, x: Any) -> tuple[Any, ...]:
        """The two parts of a complex value, or a real one."""
        if not isinstance(x, Literal):
            return self.known[x]
        number = np.asarray(x.value)
        if is_short(x):
            return (Literal(number.astype(np.float32)[()]),)
        return (Literal(number.real[()]), Literal(number.imag[()])) if is_complex(x) else (x,)

    def part(self, x: Any, i: int) -> Any:
        """A part; of a real value itself."""
        found = self.parts(x)
        return found[i] if len(found) == 2 else found[0]

    def bind(self, primitive: Primitive, inputs: Sequence[Any], aval: Any, **params: Any) -> Any:
        return self.bind_all(primitive, inputs, [aval], params)[0]

    def bind_all(self, primitive: Primitive, inputs: Sequence[Any], avals: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        outs = list(map(Var, avals))
        self.equations.append(Equation(primitive, list(inputs), params, outs, self.source))
        return outs

    def copied(self, x: Any) -> Any:
        return self.bind(COPY, [x], x.aval)

    def write(self, eqn: Equation) -> bool:
        """Write the equations of one; False where there is no rule."""
        self.source = eqn.source
        if not needs_parts(eqn):
            inputs = [self.parts(x)[0] for x in eqn.inputs]
            self.equations.append(Equation(eqn.primitive, inputs, eqn.params, eqn.outputs, eqn.source))
            self.known.update((v, (v,)) for v in eqn.outputs)
            return True
        if eqn.primitive.name in LOOPS:
            self.loop(eqn)
            return True
        if not any(map(is_complex, (*eqn.inputs, *eqn.outputs))):
            return write_short(self, eqn)
        if eqn.primitive.name in OF_MATRICES:
            return self.routine(eqn)
        if eqn.primitive.name == "fft":
            return self.transform(eqn)
        rule = rule_for(eqn)
        if rule is None:
            return False
        self.known[eqn.outputs[0]] = rule(self, eqn)
        return True

    def routine(self, eqn: Equation) -> bool:
        """A routine of LAPACK, which has the parts in turn."""
        if not is_known(eqn) or not all(map(is_complex, eqn.inputs)) or len({x.aval.dtype for x in eqn.inputs}) > 1:
            return False
        return self.of_parts(eqn)

    def transform(self, eqn: Equation) -> bool:
        """A Fourier transform, of what is real or complex."""
        return eqn.primitive.trusted and not is_short(eqn.inputs[0]) and self.of_parts(eqn)

    def of_parts(self, eqn: Equation) -> bool:
        outs = [v for x in eqn.outputs for v in self.made(x)]
        self.equations.append(
            Equation(eqn.primitive, [p for x in eqn.inputs for p in self.parts(x)], eqn.params, outs, eqn.source)
        )
        return True

    def loop(self, eqn: Equation) -> None:
        """A loop or a branch, of which the programs are split too."""
        count: Callable[[Sequence[Any]], int] = lambda values: sum(2 if is_complex(x) else 1 for x in values)
        params, inputs, name = dict(eqn.params), list(eqn.inputs), eqn.primitive.name
        if name == "scan":
            first = params["num_consts"]
            second = first + params["num_carry"]
            params.update(num_consts=count(inputs[:first]), num_carry=count(inputs[first:second]), jaxpr=split(params["jaxpr"]))
        elif name == "while":
            first = params["num_cond"]
            second = first + params["num_body"]
            params.update(num_cond=count(inputs[:first]), num_body=count(inputs[first:second]))
            params.update(cond=split(params["cond"]), body=split(params["body"]))
        else:
            params["branches"] = tuple(map(split, params["branches"]))
        parts = [p for x in inputs for p in self.parts(x)]
        outs = [v for x in eqn.outputs for v in self.made(x)]
        self.equations.append(Equation(eqn.primitive, parts, params, outs, eqn.source))


Rule = Callable[[Writer, Equation], tuple[Any, ...]]


def rule_for(eqn: Equation) -> Rule | None:
    """What splits an equation that is no loop."""
    name = eqn.primitive.name
    if not is_known(eqn) or len(eqn.outputs) != 1:
        return None
    if name in OTHERS:
        return OTHERS[name]
    if all(map(is_complex, eqn.inputs)) and len({x.aval.dtype for x in eqn.inputs}) == 1 and function_of(eqn):
        return elementwise
    if name == "convert":
        return None if is_short(eqn.outputs[0]) else convert
    if not is_complex(eqn.outputs[0]):
        return None
    if name == "einsum":
        return alike if len(eqn.inputs) == 1 else product if len(eqn.inputs) == 2 else None
    return alike if name in ALIKE else None


def alike(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    aval, name = real_aval(eqn.outputs[0].aval), eqn.primitive.name
    data = WRITES[name].given(eqn)[:2] if name in WRITES else eqn.inputs if name in ASSEMBLIES else ()

    def part(x: Any, i: int) -> Any:
        """Of what is data the imaginary part, though it is real."""
        if i == 1 and not is_complex(x) and any(x is y for y in data):
            return zeros(writer, x.aval)
        return writer.part(x, i)

    return tuple(writer.bind(eqn.primitive, [part(x, i) for x in eqn.inputs], aval, **eqn.params) for i in range(2))


def convert(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    out, given = eqn.outputs[0], writer.parts(eqn.inputs[0])
    if not is_complex(out):
        if out.aval.dtype.kind == "b":
            return (writer.bind(part_of("bool", COMPLEX["bool"], 0, ""), given, out.aval),)
        return (writer.bind(eqn.primitive, given[:1], out.aval, **eqn.params),)  # the real part, as the operation has it
    aval = real_aval(out.aval)
    parts = [writer.bind(eqn.primitive, [p], aval, dtype=aval.dtype) for p in given]
    return (parts[0], parts[1]) if len(parts) == 2 else (parts[0], zeros(writer, aval))


def zeros(writer: Writer, aval: ShapedArray) -> Any:
    """An array of zeros, or one zero."""
    return writer.bind(primitive_named("broadcast_to"), [Literal(aval.dtype.type(0))], aval, shape=aval.shape)


def product(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    aval, (x, y) = real_aval(eqn.outputs[0].aval), map(writer.parts, eqn.inputs)
    times: Callable[[Any, Any], Any] = lambda p, q: writer.bind(eqn.primitive, [p, q], aval, **eqn.params)
    if len(x) == 1:
        return times(x[0], y[0]), times(x[0], y[1])
    if len(y) == 1:
        return times(x[0], y[0]), times(x[1], y[0])
    combine: Callable[[str, Any, Any], Any] = lambda name, p, q: writer.bind(primitive_named(name), [p, q], aval)
    return (
        combine("sub", times(x[0], y[0]), times(x[1], y[1])),
        combine("add", times(x[0], y[1]), times(x[1], y[0])),
    )


def elementwise(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    inputs, out = [p for x in eqn.inputs for p in writer.parts(x)], eqn.outputs[0].aval
    aval, count = (real_aval(out), 2) if out.dtype.kind == "c" else (ShapedArray(out.shape, out.dtype), 1)
    parts, function = (".real", ".imag") if count == 2 else ("",), function_of(eqn)
    assert function is not None
    return tuple(writer.bind(part_of(eqn.primitive.name, function, i, part), inputs, aval) for i, part in enumerate(parts))


COPY = Part("copy", Scalar(lambda b, x: x, 0))


@cache
def part_of(name: str, function: Complex, i: int, part: str) -> Primitive:
    """The function of a part of the result."""
    return Part(name + part, Scalar(lambda b, *parts: function.emit(b, *parts)[i], function.cost))


def from_parts(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    x, out = eqn.inputs[0], real_aval(eqn.outputs[0].aval)
    whole = tuple((0, n, 1) for n in out.shape)
    return tuple(writer.bind(primitive_named("slice"), [x], out, index=(*whole, i)) for i in range(2))


def conjugated(writer: Writer, eqn: Equation) -> tuple[Any, ...]:
    x, y = writer.parts(eqn.inputs[0])
    return x, writer.bind(primitive_named("neg"), [y], y.aval)


OTHERS: dict[str, Rule] = {
    "conj": conjugated,
    "real": lambda writer, eqn: (writer.parts(eqn.inputs[0])[0],),
    "imag": lambda writer, eqn: (writer.parts(eqn.inputs[0])[1],),
    "from_parts": from_parts,
}
