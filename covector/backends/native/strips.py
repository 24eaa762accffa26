"""Strips: functions of the rows of large arrays, and sums over the rows, a block of rows after the other.

>>> import covector as cv
>>> from covector.passes.legalize import legalize
>>> x, w = np.ones((20_000, 50)), np.ones(50)
>>> program = legalize(cv.make_jaxpr(lambda w: np.tanh(x @ w) @ x)(w))
>>> [e.primitive.name for e in program.equations]
['einsum', 'tanh', 'einsum']
>>> [e.primitive.name for e in in_strips(program).equations]
['reshape', 'broadcast_to', 'scan', 'broadcast_to']

A product or a sum along a row ends a kernel, and the next kernel reads the large arrays again, from memory.  A block of rows is
still in the cache then.  So a run of such equations becomes a scan over blocks: it reads the blocks of what has rows, carries
the sums over rows, and collects what later equations need of the rows.  It is batching the other way round.

The rows of an array are along its first axis of more than one element; in what is made of it they may be along another.
What is no function of rows comes before or after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.backends.blocks import has_plain_params
from covector.backends.native.elementwise import Scalar
from covector.backends.native.rules import VIEWS, Product, Reduce, rule_of
from covector.core.avals import array_aval
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.primitive import primitive_named

LARGE = 2**21
"""Bytes that have to be read again: about what the second cache of a processor holds."""

BLOCK = 2**17
"""Bytes of a block, about."""

SMALL = 2**15
"""Bytes of what each block reads or adds as a whole, at most."""

LEAST = 8
"""Rows of a block, at least."""


TRIES = 16
"""How often a program is searched."""


class Rows(NamedTuple):
    """What an equation is to rows.

    Attributes:
        axis: that of the rows in the result; None for a sum over rows.
        operands: for each operand the axis of the rows in it; None for one that each block reads as a whole.
        ends: whether a kernel ends with it: something is combined along each row.
    """

    axis: int | None
    operands: tuple[int | None, ...]
    ends: bool = False


def in_strips(jaxpr: Jaxpr) -> Jaxpr:
    """A legal program with loops over blocks of rows, where these save memory traffic; itself if nowhere."""
    waiting, equations, found = list(jaxpr.equations), list[Equation](), False
    for _ in range(TRIES):
        strips = [Strip(n, waiting, jaxpr.out_vars) for n in row_counts(waiting)]
        if not strips:
            break
        strip = max(strips, key=Strip.rank)
        found |= strip.length > 0
        equations += strip.before + strip.loop() if strip.length else waiting[: strip.first]
        waiting = strip.again + strip.after if strip.length else waiting[strip.first :]
    return Jaxpr(jaxpr.in_vars, equations + waiting, jaxpr.out_vars, jaxpr.consts, jaxpr.linear) if found else jaxpr


def row_counts(equations: Sequence[Equation]) -> set[int]:
    """The numbers of rows of large arrays."""
    atoms = {x for e in equations for x in (*e.inputs, *e.outputs) if type(x) is Var}
    axes = [(x.aval, rows_of(x.aval)) for x in atoms if size_of(x.aval) >= LARGE // 4]
    return {aval.shape[axis] for aval, axis in axes if axis is not None}


def size_of(aval: Any) -> int:
    return aval.size * aval.dtype.itemsize if hasattr(aval, "shape") else 0


def rows_of(aval: Any) -> int | None:
    """The axis of the rows of an array that nothing is known of."""
    return next((i for i, n in enumerate(getattr(aval, "shape", ())) if n > 1), None)


class Strip:
    """The equations that are of rows, those before them, and those after.

    Attributes:
        saved: the bytes that are not read again from memory.
        again: views of what has no rows yet, which later equations need too.
        given: what is read row by row, with the axis of the rows.
        wholes: what each block reads as a whole.
        length: the rows of a block; 0 where blocks are not worth it, or there are none.
        first: how many equations come before the first that is after them, and before the views that this one may read.
    """

    def __init__(self, rows: int, equations: Sequence[Equation], outs: Sequence[Any]):
        self.rows = rows
        self.before, self.inside, self.after = list[Equation](), list[tuple[Equation, Rows]](), list[Equation]()
        self.axes: dict[Any, int] = {}
        late: set[Any] = set()
        for e in equations:
            found = None if late.intersection(e.inputs) else rows_in(e, rows, [self.axes.get(x) for x in e.inputs])
            if found is not None:
                self.inside.append((e, found))
                self.axes.update({} if found.axis is None else {e.outputs[0]: found.axis})
                late.update(e.outputs if found.axis is None else ())
            elif late.isdisjoint(e.inputs) and self.axes.keys().isdisjoint(e.inputs):
                self.before.append(e)
            else:
                self.after.append(e)
                late.update(e.outputs)
        pairs = [(x, a) for e, r in self.inside for x, a in zip(e.inputs, r.operands, strict=True) if type(x) is Var]
        read = dict.fromkeys((x, a) for x, a in pairs if x not in self.axes)
        self.given, self.wholes = [(x, a) for x, a in read if a is not None], [x for x, a in read if a is None]
        needed = {*outs, *(x for e in self.after for x in e.inputs)}
        self.again = [e for e, _ in self.inside if self.is_view_of_others(e) and e.outputs[0] in needed]
        self.collected = [v for v in self.axes if v in needed and not any(v in e.outputs for e in self.again)]
        self.saved = self.read_again()
        self.length = self.block() if self.saved >= LARGE else 0
        stop = equations.index(self.after[0]) if self.after else len(equations)
        self.first = next((i + 1 for i in reversed(range(stop)) if equations[i].primitive.name not in VIEWS), stop)

    def is_view_of_others(self, eqn: Equation) -> bool:
        return eqn.primitive.name in VIEWS and self.axes.keys().isdisjoint(eqn.inputs)

    def rank(self) -> tuple[int, int]:
        """What saves most is best; if nothing does, what leaves most to be searched."""
        return (1, self.saved) if self.length else (0, -self.first)

    def read_again(self) -> int:
        """The bytes of arrays that are read in several kernels."""
        ready, seen = dict[Any, int](), dict[Any, set[int]]()
        for e, rows in self.inside:
            kernel = max((ready.get(x, 0) for x in e.inputs), default=0)
            rowwise = [x for x, axis in zip(e.inputs, rows.operands, strict=True) if axis is not None and type(x) is Var]
            for x in (*rowwise, *(e.outputs if rows.axis is not None else ())):
                seen.setdefault(x, set()).add(kernel)
            ready[e.outputs[0]] = kernel + rows.ends
        return sum(size_of(x.aval) * (len(kernels) - 1) for x, kernels in seen.items())

    def block(self) -> int:
        """How many rows a block has: about those of so many bytes, and a divisor of all if there is one."""
        values = {*(e.outputs[0] for e, r in self.inside if r.ends), *self.collected, *(x for x, _ in self.given)}
        row = sum(size_of(x.aval) for x in values) / self.rows
        most = max(int(BLOCK / max(row, 1)), LEAST)
        found = max((n for n in divisors(self.rows) if most // 4 <= n <= most and 2 * n <= self.rows), default=0)
        if any(math.prod(v.aval.shape[: self.axes[v]]) > 1 for v in self.collected):
            return 0  # blocks of it do not lie one after the other
        return found if found or self.collected else most if 4 * most <= self.rows else 0

    def loop(self) -> list[Equation]:
        """The equations of the loop, and before it of the rows that make no whole block."""
        length, sums = self.length, [e.outputs[0] for e, r in self.inside if r.axis is None]
        count, rest = divmod(self.rows, length)
        equations = list[Equation]()
        stacks = [stacked(x, axis, count, length, equations) for x, axis in self.given]
        items = [Var(item_of(s.aval)) for s in stacks]
        wholes = {x: Var(x.aval) for x in self.wholes}
        body, made = self.equations(length, items, wholes)
        if rest:
            parts = [sliced(x, axis, (count * length, self.rows), equations) for x, axis in self.given]
            first, of_rest = self.equations(rest, parts, {x: x for x in wholes})
            equations += first
            starts = [widened(of_rest[v], equations) for v in sums]
        else:
            starts = [filled(wide(v.aval), equations) for v in sums]
        carries, totals, ends = ([Var(wide(v.aval)) for v in sums] for _ in range(3))
        add = primitive_named("add")
        for c, v, t in zip(carries, sums, totals, strict=True):
            body.append(Equation(add, [c, widened(made[v], body)], {}, [t]))
        program = Jaxpr([*wholes.values(), *carries, *items], body, [*totals, *(made[v] for v in self.collected)])
        ys = [Var(array_aval((count, *made[v].aval.shape), v.aval.dtype)) for v in self.collected]
        params = {"jaxpr": program, "num_consts": len(wholes), "num_carry": len(sums), "length": count,
                  "reverse": False, "progress": None}  # fmt: skip
        inputs, source = [*wholes, *starts, *stacks], self.inside[0][0].source
        equations.append(Equation(primitive_named("scan"), inputs, params, [*ends, *ys], source))
        equations += [conversion(end, v) for end, v in zip(ends, sums, strict=True)]
        return equations + [reshape(y, v) for y, v in zip(ys, self.collected, strict=True)]

    def equations(self, length: int, given: Sequence[Any], wholes: dict[Any, Any]) -> tuple[list[Equation], dict[Any, Any]]:
        """The equations for a block of so many rows, and what stands for each value in it."""
        made: dict[Any, Any] = dict(zip(self.given, given, strict=True)) | wholes
        equations = []
        for e, rows in self.inside:
            keys = [x if a is None or x in self.axes else (x, a) for x, a in zip(e.inputs, rows.operands, strict=True)]
            inputs = [key if isinstance(x, Literal) else made[key] for x, key in zip(e.inputs, keys, strict=True)]
            out = e.outputs[0]
            made[out] = Var(out.aval if rows.axis is None else with_rows(out.aval, rows.axis, length))
            equations.append(Equation(e.primitive, inputs, with_rows_in(e, rows, length), [made[out]], e.source))
        return equations, made


# --- what equations are to rows -------------------------------------------------------------------------------------------


def rows_in(eqn: Equation, n: int, known: Sequence[int | None]) -> Rows | None:
    """What an equation is to the rows of arrays, of which there are n: ``known`` are the axes of those that were made of rows.

    None if it is not a function of rows, or not to be computed so.
    """
    name, rule = eqn.primitive.name, rule_of(eqn)
    if len(eqn.outputs) != 1 or eqn.primitive.effect or not eqn.primitive.trusted:
        return None
    if type(rule) is Scalar:
        return _of_elements(eqn, n, known)
    if name == "broadcast_to":
        return _of_broadcast(eqn, n, known)
    if type(rule) is Product and len(eqn.inputs) == 2:
        return _of_product(eqn, n, known)
    if type(rule) is Reduce:
        return _of_reduction(eqn, n, known)
    if known[0] is None:
        return None
    if name == "reshape":
        return _of_reshape(eqn, n, known[0])
    return _of_transpose(eqn, known[0]) if name == "transpose" else None


def _of_elements(eqn: Equation, n: int, known: Sequence[int | None]) -> Rows | None:
    shape = eqn.outputs[0].aval.shape
    found = {a for a in known if a is not None}
    axis = next(iter(found), rows_of(eqn.outputs[0].aval))
    if len(found) > 1 or axis is None or shape[axis] != n or not has_plain_params(eqn):
        return None
    return Rows(axis, (axis,) * len(known)) if all(x.aval.shape == shape for x in eqn.inputs) else None


def _of_broadcast(eqn: Equation, n: int, known: Sequence[int | None]) -> Rows | None:
    operand, shape = eqn.inputs[0].aval.shape, eqn.params["shape"]
    new = len(shape) - len(operand)
    axis = rows_of(eqn.outputs[0].aval) if known[0] is None else known[0] + new
    if axis is None or shape[axis] != n:
        return None
    has_rows = axis >= new and operand[axis - new] == n
    return Rows(axis, (axis - new if has_rows else None,))


def _of_product(eqn: Equation, n: int, known: Sequence[int | None]) -> Rows | None:
    terms, out = eqn.params["spec"].split("->")
    terms = terms.split(",")
    if any(len(set(t)) < len(t) for t in (*terms, out)):
        return None
    made = {t[a] for t, a in zip(terms, known, strict=True) if a is not None}
    first = [(t, x.aval.shape, rows_of(x.aval)) for t, x in zip(terms, eqn.inputs, strict=True)]
    letters = made or set([t[a] for t, shape, a in first if a is not None and shape[a] == n][:1])
    if len(letters) != 1:
        return None
    letter = letters.pop()
    axes = tuple(t.find(letter) if letter in t else None for t in terms)
    wholes = [x.aval for x, a in zip(eqn.inputs, axes, strict=True) if a is None]
    wholes += [] if letter in out else [eqn.outputs[0].aval]
    if any(a is None for a, k in zip(axes, known, strict=True) if k is not None) or sum(map(size_of, wholes)) > SMALL:
        return None
    if letter not in out and not can_be_summed(eqn.outputs[0].aval):
        return None
    return Rows(out.find(letter), axes, ends=True) if letter in out else Rows(None, axes)


def _of_reduction(eqn: Equation, n: int, known: Sequence[int | None]) -> Rows | None:
    aval, axes = eqn.inputs[0].aval, eqn.params["axes"]
    axis = rows_of(aval) if known[0] is None else known[0]
    if axis is None or aval.shape[axis] != n:
        return None
    if axis not in axes:
        return Rows(axis - sum(a < axis for a in axes), (axis,), ends=True)
    is_sum = eqn.primitive.name == "reduce_sum" and size_of(eqn.outputs[0].aval) <= SMALL
    return Rows(None, (axis,)) if is_sum and can_be_summed(aval) else None


def can_be_summed(aval: Any) -> bool:
    """Whether sums of parts are as good as the sum: half precision is rounded once."""
    return aval.dtype.kind in "iu" or (aval.dtype.kind == "f" and aval.dtype.itemsize >= 4)


def _of_reshape(eqn: Equation, n: int, axis: int) -> Rows | None:
    before, shape = math.prod(eqn.inputs[0].aval.shape[:axis]), eqn.outputs[0].aval.shape
    places = [i for i, m in enumerate(shape) if m == n and math.prod(shape[:i]) == before]
    return Rows(places[0], (axis,)) if places else None


def _of_transpose(eqn: Equation, axis: int) -> Rows:
    return Rows(eqn.params["permutation"].index(axis), (axis,))


# --- blocks ---------------------------------------------------------------------------------------------------------------


def divisors(n: int) -> Iterator[int]:
    for i in range(1, math.isqrt(n) + 1):
        if n % i == 0:
            yield from (i, n // i)


def with_rows(aval: Any, axis: int, length: int) -> Any:
    """The type of a block of so many rows."""
    return array_aval((*aval.shape[:axis], length, *aval.shape[axis + 1 :]), aval.dtype)


def with_rows_in(eqn: Equation, rows: Rows, length: int) -> dict[str, Any]:
    """The parameters of an equation for a block."""
    if rows.axis is None or "shape" not in eqn.params:
        return eqn.params
    return {**eqn.params, "shape": with_rows(eqn.outputs[0].aval, rows.axis, length).shape}


def item_of(aval: Any) -> Any:
    return array_aval(aval.shape[1:], aval.dtype)


def stacked(x: Var, axis: int, count: int, length: int, equations: list[Equation]) -> Var:
    """So many blocks of an array, one after the other; the equations that show them are appended."""
    if count * length < x.aval.shape[axis]:
        x = sliced(x, axis, (0, count * length), equations)
    shape = x.aval.shape
    parts = Var(array_aval((*shape[:axis], count, length, *shape[axis + 1 :]), x.aval.dtype))
    equations.append(reshape(x, parts))
    if axis == 0:
        return parts
    order = (axis, *(i for i in range(len(parts.aval.shape)) if i != axis))
    first = Var(array_aval(tuple(parts.aval.shape[i] for i in order), x.aval.dtype))
    equations.append(Equation(primitive_named("transpose"), [parts], {"permutation": order}, [first]))
    return first


def sliced(x: Var, axis: int, part: tuple[int, int], equations: list[Equation]) -> Var:
    """Some of the rows of an array; the equation that shows them is appended."""
    index = (*((0, n, 1) for n in x.aval.shape[:axis]), (*part, 1))
    rows = Var(with_rows(x.aval, axis, part[1] - part[0]))
    equations.append(Equation(primitive_named("slice"), [x], {"index": index}, [rows]))
    return rows


def reshape(x: Var, out: Var) -> Equation:
    return Equation(primitive_named("reshape"), [x], {"shape": out.aval.shape}, [out])


def wide(aval: Any) -> Any:
    """The type of a sum over blocks: single precision would lose digits, a block after the other."""
    return array_aval(aval.shape, np.dtype(np.float64)) if aval.dtype == np.float32 else aval


def widened(x: Any, equations: list[Equation]) -> Any:
    """A value in that type; the equation that converts it is appended."""
    if wide(x.aval) is x.aval:
        return x
    out = Var(wide(x.aval))
    equations.append(conversion(x, out))
    return out


def conversion(x: Var, out: Var) -> Equation:
    """The equation that converts, or just names, a value."""
    if x.aval.dtype == out.aval.dtype:
        return Equation(primitive_named("broadcast_to"), [x], {"shape": out.aval.shape}, [out])
    return Equation(primitive_named("convert"), [x], {"dtype": out.aval.dtype}, [out])


def filled(aval: Any, equations: list[Equation]) -> Var:
    """An array of zeros; the equation that makes it is appended."""
    out = Var(aval)
    equations.append(Equation(primitive_named("broadcast_to"), [Literal(aval.dtype.type(0))], {"shape": aval.shape}, [out]))
    return out
