"""Programs from programs: ``staged``, ``rearranged``, ``transposed_program``, and the fixpoints of loops.

>>> from covector.core.avals import ShapedArray
>>> scalar = ShapedArray((), float)
>>> product = staged(lambda x, y: [x * y], [scalar, scalar])
>>> transposed_program(product, (False, True), (True,)).jaxpr  # (x, cotangent) -> cotangent of y
{ lambda ; a:f64[] b:f64[]. let c:f64[] = mul a b in (c,) }

The rules of a primitive with a sub-program apply the primitive to a transformed sub-program.  Each is an interpreter run on
the program and staged, and is cached on the program that it comes from.  Interpreters that go forward have one rule together,
see `covector.interpreters.interpret`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import zip_longest
from operator import or_
from typing import Any, NamedTuple

from covector.core import errors
from covector.core.avals import typeof, with_varying
from covector.core.jaxpr import Jaxpr, Var
from covector.core.keys import Keyed
from covector.core.primitive import TracerBase
from covector.interpreters.stage import closed_program, is_written_zero
from covector.interpreters.transpose import instantiated, kept_axes, transpose_jaxpr


class Pruned(NamedTuple):
    """A transformed program, and for each original output (or linear input) whether it has one in it: zeros are left out."""

    jaxpr: Jaxpr
    present: list[bool]


def choose(mask: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """The items that a mask marks."""
    return [x for x, m in zip(xs, mask, strict=True) if m]


def spread(mask: Sequence[bool], xs: Sequence[Any], otherwise: Sequence[Any]) -> list[Any]:
    """The items at the marked places, and those of ``otherwise`` at the others."""
    items = iter(xs)
    return [next(items) if m else o for m, o in zip(mask, otherwise, strict=True)]


def cut(xs: Sequence[Any], *lengths: int) -> list[list[Any]]:
    """A sequence in consecutive parts of these lengths, and the rest."""
    parts, start = [], 0
    for n in lengths:
        parts.append(list(xs[start : start + n]))
        start += n
    return [*parts, list(xs[start:])]


def avals_of(xs: Sequence[Any]) -> list[Any]:
    """The avals of values."""
    return [typeof(x) for x in xs]


def staged(f: Callable[..., Sequence[Any]], avals: Sequence[Any]) -> Jaxpr:
    """The program of a function that closes over no tracer."""
    return closed_program(lambda *args: (f(*args), None), avals)[0]


@lru_cache(maxsize=512)
def program_of_function(name: str, fn: Callable[..., Any], avals: tuple[Any, ...], params: Keyed) -> Jaxpr:
    """The program of a primitive's function of NumPy's operations, whose results are a list or one array."""

    def write(*args: Any) -> tuple[list[Any], None]:
        outs = fn(*args, **params.value)
        return outs if type(outs) is list else [outs], None

    return closed_program(write, avals, name)[0]


def rearranged(jaxpr: Jaxpr, inputs: Sequence[Any], outputs: Sequence[int] | None = None) -> Jaxpr:
    """The program with its inputs (and outputs) in another order.

    Place i is taken by number ``inputs[i]`` of the original; an aval there is that of an input which is not used.
    """
    chosen = range(len(jaxpr.out_vars)) if outputs is None else outputs

    def make() -> Jaxpr:
        in_vars = [jaxpr.in_vars[i] if isinstance(i, int) else Var(i) for i in inputs]
        mask = None if jaxpr.linear is None else [isinstance(i, int) and jaxpr.linear[i] for i in inputs]
        return Jaxpr(in_vars, jaxpr.equations, [jaxpr.out_vars[i] for i in chosen], jaxpr.consts, mask)

    return jaxpr.once(("rearranged", tuple(inputs), tuple(chosen)), make)


def grow(carries: slice, marks: Sequence[Any], derive: Callable[..., Any], join: Callable[[Any, Any], Any] = or_) -> Any:
    """The least marks of carries, above those given, that one step of a loop reproduces.

    Args:
        carries: which of the marked inputs are carries; they are the first outputs too.
        marks: a mark for each input.
        derive: ``derive(marks, needed) -> (result, marks of the outputs)``, where outputs that are ``needed`` come marked.
        join: the least mark above two.

    Returns:
        The result for these marks, the marks of the inputs, the marks of the outputs.
    """
    marks = list(marks)
    for _ in range(MOST_FORMS * (len(marks[carries]) + 1)):
        before = marks[carries]
        result, found = derive(tuple(marks), tuple(before))
        after = [join(a, b) for a, b in zip(before, found, strict=False)]
        if after == before:
            return result, marks, found
        marks[carries] = after
    forms = ", ".join(f"{reprlib.repr(a)} became {reprlib.repr(b)}" for a, b in zip(before, after, strict=True) if a != b)
    what = f"the forms of the carries of a loop are still others after many steps: {forms}."
    fix = "give the interpreter a highest form, and let rules and join(a, b) stay below it"
    raise errors.PrimitiveRuleError(what, why="a carry needs a form that a step of the loop keeps", fix=fix)


MOST_FORMS = 50
"""Carries that go through more forms than that, each, are taken to grow for ever."""


def nothing(ct: Any) -> bool:
    """Whether a cotangent is zero: None, or zeros that a rule wrote out, which a program could not tell from a known value."""
    return ct is None or (not isinstance(ct, TracerBase) and is_written_zero(ct))


def transposed_program(
    jaxpr: Jaxpr,
    linear: tuple[bool, ...],
    nonzero: tuple[bool, ...],
    needed: tuple[bool, ...] = (),
    varying: tuple[frozenset[Any], ...] = (),
) -> Pruned:
    """``(*known inputs, *cotangents marked nonzero) -> cotangents of the inputs marked linear`` that are nonzero or needed.

    ``varying``, if given, says over which named axes the cotangents vary.
    """
    linear_avals = [a.strengthened() for a in choose(linear, jaxpr.in_avals)]
    known_avals = [a for a, m in zip(jaxpr.in_avals, linear, strict=True) if not m]

    def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
        known, given = args[: len(known_avals)], args[len(known_avals) :]
        cts = spread(nonzero, given, [a.zero for a in jaxpr.out_avals])
        results = transpose_jaxpr(jaxpr, linear, known, cts)
        present = [not nothing(r) or n for r, n in zip_longest(results, needed, fillvalue=False)]
        return choose(present, instantiated(results, linear_avals)), present

    ct_avals = [a.tangent().strengthened() for a in choose(nonzero, jaxpr.out_avals)]
    if varying:
        ct_avals = [with_varying(a, v) for a, v in zip(ct_avals, varying, strict=True)]
    make = lambda: Pruned(*closed_program(outputs, [*known_avals, *ct_avals]))
    return jaxpr.once(("transpose", linear, nonzero, needed, varying, kept_axes()), make)
