"""What a program costs, from its equations: ``costs : Jaxpr -> Costs``, without running it.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda a, x: np.sum(np.sin(a @ x)))(np.ones((2, 3)), np.ones(3))
>>> costs(program).operations
Count(flops=14, transcendentals=2)

A product of matrices is 2 m n k operations, an elementwise function one for each element, which is a transcendental for ``exp``
and the like, a reduction one for each element that it takes; factorizations are counted as textbooks do (Golub and Van Loan,
Matrix Computations, 4th edition).  An operation on complex numbers counts as one.

The steps of a ``scan`` all count, of a ``while`` loop, or one over stacks, whose length nobody knows before, one does; of the
branches of a choice the dearest.

A primitive of one's own says what it costs by ``primitive.def_rule("cost", lambda eqn: Count(2 * eqn.outputs[0].aval.size))``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Var, sub_jaxprs
from covector.core.kinds import (
    AlongAxis,
    Contraction,
    Elementwise,
    ElementwiseBilinear,
    ElementwiseLinear,
    LinearReduction,
    Reduction,
    Structural,
)
from covector.core.primitive import Primitive, derives
from covector.interpreters.evaluate import last_uses

VIEWS = {"reshape", "transpose", "broadcast_to", "slice", "stop_gradient"}
"""Operations that move nothing: their result is a view of their operand."""

MOVES = {"convert", "weaken", "real", "imag", "select", "keep"}
"""Elementwise operations that compute nothing."""

ALGEBRAIC = {
    "neg", "add", "sub", "mul", "div", "sumprod", "square", "reciprocal", "sqrt", "root", "abs", "fabs", "sign", "slope",
    "direction", "remainder", "fmod", "floor_divide", "maximum", "minimum", "fmax", "fmin", "clip", "conj", "copysign",
    "heaviside", "nextafter", "ldexp", "modf_fraction", "modf_whole", "frexp_exponent", "frexp_mantissa", "rint", "floor",
    "ceil", "trunc", "round", "isfinite", "isinf", "isnan", "signbit", "spacing", "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal", "logical_not", "logical_and", "logical_or", "logical_xor", "invert", "bitwise_and",
    "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm", "bitwise_count", "deg2rad", "rad2deg",
    "share_power",
}  # fmt: skip
"""Elementwise operations that processors have, or that take a few of theirs."""


class Count(NamedTuple):
    """How many operations on numbers, and how many evaluations of functions such as ``exp``."""

    flops: int = 0
    transcendentals: int = 0

    def plus(self, other: Count, times: int = 1) -> Count:
        return Count(self.flops + times * other.flops, self.transcendentals + times * other.transcendentals)


class Costs(NamedTuple):
    """What a program costs.

    Attributes:
        operations: how many there are.
        bytes_accessed: of what the operations read and write, each by itself.
        peak_memory: the bytes of inputs, constants and all values that are there at the same time.
        loops: how many loops of unknown length were counted as one step.
        not_counted: how often primitives occur of which nobody said what they cost.
    """

    operations: Count
    bytes_accessed: int
    peak_memory: int
    loops: int
    not_counted: Counter[str]


# --- by kind -------------------------------------------------------------------------------------------------------------


def _size(eqn: Equation) -> int:
    return int(eqn.outputs[0].aval.size)


@derives("cost", Elementwise, ElementwiseLinear, ElementwiseBilinear)
def _cost_of_elementwise(primitive: Primitive, kind: Any) -> Any:
    name = primitive.name
    if name in MOVES:
        return lambda eqn: Count()
    if name == "sumprod":
        return lambda eqn: Count((len(eqn.inputs) - 1) * _size(eqn))
    if name == "pow":
        return _cost_of_power
    known = name in ALGEBRAIC
    return lambda eqn: Count(_size(eqn)) if known else Count(0, _size(eqn))


def _cost_of_power(eqn: Equation) -> Count:
    exponent = getattr(eqn.inputs[1], "value", None)
    return Count(_size(eqn)) if exponent in (-1, 0.5, 1, 2) else Count(0, _size(eqn))


def _taken(eqn: Equation) -> Count:
    """One for each element of the operand."""
    return Count(int(eqn.inputs[0].aval.size))


derives("cost", Structural)(lambda primitive, kind: lambda eqn: Count())
derives("cost", AlongAxis)(lambda primitive, kind: _taken)


@derives("cost", Reduction, LinearReduction)
def _cost_of_reduction(primitive: Primitive, kind: Any) -> Any:
    each, of_each = _OF_REDUCTIONS.get(primitive.name, (1, 0))
    return lambda eqn: Count(each * eqn.inputs[0].aval.size, of_each * eqn.inputs[0].aval.size)


_OF_REDUCTIONS = {"variance": (4, 0), "norm": (2, 0), "logsumexp": (3, 1)}
"""For each element of the operand, where that is not one: operations, and evaluations of functions."""


@derives("cost", Contraction)
def _cost_of_contraction(primitive: Primitive, kind: Any) -> Any:
    return _cost_of_einsum if primitive.name == "einsum" else _cost_of_convolution


def _cost_of_einsum(eqn: Equation) -> Count:
    if len(eqn.inputs) == 1:
        return Count()
    operands, out = eqn.params["spec"].split("->")
    terms = zip(operands.split(","), eqn.inputs, strict=True)
    sizes = {c: n for term, x in terms for c, n in zip(term, x.aval.shape, strict=True)}
    return Count((1 if set(out) == set(sizes) else 2) * math.prod(sizes.values()))


def _cost_of_convolution(eqn: Equation) -> Count:
    x, y = eqn.inputs
    return Count(2 * x.aval.size * y.aval.shape[-1] if y.aval.shape else x.aval.size)


# --- by name -------------------------------------------------------------------------------------------------------------


def _columns(eqn: Equation) -> int:
    """Of the right-hand sides of one system."""
    matrix, b = (tuple(map(int, x.aval.shape)) for x in eqn.inputs[:2])
    return math.prod(b) // max(math.prod(matrix[:-1]), 1)


def _of_matrices(flops: Callable[[Equation, int, int], float]) -> Callable[[Equation], Count]:
    def cost(eqn: Equation) -> Count:
        *stack, m, n = eqn.inputs[0].aval.shape
        return Count(math.prod(stack) * round(flops(eqn, m, n)))

    return cost


def _fft(eqn: Equation) -> Count:
    """5 n log2 n for a transform of n complex numbers, half of that for real ones."""
    n = eqn.params["n"]
    whole = 5 * n * math.log2(n) if n > 1 else 0
    return Count(round(max(_size(eqn), 1) / max(eqn.outputs[0].aval.shape[eqn.params["axis"]], 1)
                       * (whole if eqn.params["transform"] in ("fft", "ifft") else whole / 2)))  # fmt: skip


def _sorted(eqn: Equation) -> Count:
    n = eqn.inputs[0].aval.shape[eqn.params["axis"]]
    return Count(eqn.inputs[0].aval.size * math.ceil(math.log2(n)) if n > 1 else 0)


_TABLE: dict[str, Callable[[Equation], Count]] = {
    "cholesky": _of_matrices(lambda e, m, n: n**3 / 3),
    "solve": _of_matrices(lambda e, m, n: 2 * n**3 / 3 + 2 * n**2 * _columns(e)),
    "triangular_solve": _of_matrices(lambda e, m, n: n**2 * _columns(e)),
    "inv": _of_matrices(lambda e, m, n: 2 * n**3),
    "det": _of_matrices(lambda e, m, n: 2 * n**3 / 3),
    "slogdet": _of_matrices(lambda e, m, n: 2 * n**3 / 3),
    "qr": _of_matrices(lambda e, m, n: (2 if e.params["mode"] == "r" else 4) * min(m, n) ** 2 * (max(m, n) - min(m, n) / 3)),
    "eigh": _of_matrices(lambda e, m, n: 9 * n**3 if e.params["vectors"] else 4 * n**3 / 3),
    "eig": _of_matrices(lambda e, m, n: 25 * n**3),
    "svd": _of_matrices(lambda e, m, n: 6 * max(m, n) * min(m, n) ** 2 + 20 * min(m, n) ** 3 if e.params["compute_uv"] else
                        2 * max(m, n) * min(m, n) ** 2 + 2 * min(m, n) ** 3),
    "fft": _fft,
    **dict.fromkeys(("sort", "argsort", "argpartition"), _sorted),
    **dict.fromkeys(("argmax", "argmin", "cumsum", "spread"), _taken),
    "recurrence": lambda eqn: Count(2 * _size(eqn)),
    "searchsorted": lambda eqn: Count(_size(eqn) * math.ceil(math.log2(eqn.inputs[0].aval.shape[-1] + 1))),
    "embed": lambda eqn: Count(sum(x.aval.size for x in eqn.inputs[1:])),
    **dict.fromkeys(("add_slice", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"),
                    lambda eqn: Count(eqn.inputs[1].aval.size)),
    "stop_gradient": lambda eqn: Count(),
    "last_write": lambda eqn: Count(),
    "linear_zeros": lambda eqn: Count(),
}  # fmt: skip


# --- a program -----------------------------------------------------------------------------------------------------------


def costs(jaxpr: Jaxpr) -> Costs:
    """What a program costs."""
    found: Costs = jaxpr.once("costs", lambda: _costs(jaxpr))
    return found


def cost_analysis(jaxpr: Jaxpr) -> dict[str, Any]:
    """The same as a dict, with JAX's names."""
    found = costs(jaxpr)
    analysis: dict[str, Any] = {
        "flops": float(found.operations.flops),
        "transcendentals": float(found.operations.transcendentals),
        "bytes accessed": float(found.bytes_accessed),
        "peak memory": float(found.peak_memory),
    }
    if found.loops:
        analysis["loops of unknown length"] = found.loops
    if found.not_counted:
        analysis["not counted"] = dict(found.not_counted)
    return analysis


def _costs(jaxpr: Jaxpr) -> Costs:
    count, accessed, loops, unknown = Count(), 0, 0, Counter[str]()
    extra: dict[int, int] = {}
    for i, eqn in enumerate(jaxpr.equations):
        found = _of_equation(eqn)
        count, accessed, loops = count.plus(found.operations), accessed + found.bytes_accessed, loops + found.loops
        unknown += found.not_counted
        extra[i] = found.peak_memory
    held = _bytes((*jaxpr.in_vars, *jaxpr.consts))
    return Costs(count, accessed, held + _most_alive(jaxpr, extra), loops, unknown)


def _of_equation(eqn: Equation) -> Costs:
    """What one equation costs; of memory what its programs need beside its operands."""
    programs = [*sub_jaxprs(eqn.params)]
    if programs:
        return _of_programs(eqn, programs)
    of_ours = _TABLE.get(eqn.primitive.name) if eqn.primitive.trusted else None
    rule = eqn.primitive.rules.get("cost") or of_ours or eqn.primitive.rule("cost")
    unknown: Counter[str] = Counter() if rule is not None else Counter([eqn.primitive.name])
    return Costs(Count() if rule is None else rule(eqn), _accessed(eqn), 0, 0, unknown)


def _accessed(eqn: Equation) -> int:
    name = eqn.primitive.name
    if name in VIEWS:
        return 0
    out = _bytes(eqn.outputs)
    if name == "gather":  # of the operand what is read
        return 2 * out + _bytes(eqn.inputs[1:])
    return out + _bytes(eqn.inputs)


def _of_programs(eqn: Equation, programs: list[Jaxpr]) -> Costs:
    parts = [costs(p) for p in programs]
    own = [p.peak_memory - _bytes((*j.in_vars, *j.consts)) for p, j in zip(parts, programs, strict=True)]
    name = eqn.primitive.name
    if name == "cond":
        most = max(parts, key=lambda p: (sum(p.operations), p.bytes_accessed))
        return most._replace(
            bytes_accessed=max(p.bytes_accessed for p in parts), peak_memory=max(own), loops=max(p.loops for p in parts)
        )
    length = eqn.params.get("length") if name == "scan" else 1
    steps = 1 if length is None else length
    if name not in ("scan", "while"):
        parts, own = parts[:1], own[:1]  # a call: what it may run again for derivatives does not run
    unknown, count = Counter[str](), Count()
    for part in parts:
        unknown += part.not_counted
        count = count.plus(part.operations, steps)
    known = name not in ("scan", "while") or (name == "scan" and length is not None)
    loops = sum(p.loops for p in parts) * steps + (not known)
    return Costs(count, steps * sum(p.bytes_accessed for p in parts), max(own, default=0), loops, unknown)


def _bytes(values: Iterable[Any]) -> int:
    """How many bytes arrays take; what has no size is not counted."""
    return sum(int(v.aval.size) * int(np.dtype(v.aval.dtype).itemsize) for v in values if isinstance(v.aval, ShapedArray))


def _most_alive(jaxpr: Jaxpr, extra: dict[int, int]) -> int:
    """The most bytes that values of a program take at one time, beside its inputs and constants."""
    held = {*jaxpr.in_vars, *jaxpr.consts}
    base: dict[Any, Any] = {}
    last = {v: float(i) for i, drop in enumerate(last_uses(jaxpr)) for v in drop}
    for eqn in jaxpr.equations:
        if eqn.primitive.name in VIEWS and type(eqn.inputs[0]) is Var:
            base[eqn.outputs[0]] = base.get(eqn.inputs[0], eqn.inputs[0])
    ends: dict[Any, float] = {}
    for eqn in jaxpr.equations:
        for v in eqn.outputs:
            owner = base.get(v, v)
            ends[owner] = max(ends.get(owner, -1.0), last.get(v, math.inf))
    alive, most = 0, 0
    dropped: dict[float, list[Any]] = {}
    for v, end in ends.items():
        dropped.setdefault(end, []).append(v)
    for i, eqn in enumerate(jaxpr.equations):
        alive += _bytes(v for v in eqn.outputs if v not in base)
        most = max(most, alive + extra[i])
        alive -= _bytes(v for v in dropped.get(float(i), ()) if v not in held)
    return most
