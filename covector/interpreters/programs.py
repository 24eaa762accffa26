"""Programs from programs: ``jvp_program``, ``batched_program``, ``transposed_program``.

The rules of a primitive with a sub-program apply the primitive to a transformed sub-program.  Each is an interpreter run on
the program and staged, and is cached on the program that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from covector.core.avals import Zero, typeof, with_varying
from covector.core.context import axis_of_rule
from covector.core.jaxpr import Jaxpr
from covector.interpreters.batch import batch
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.jvp import jvp
from covector.interpreters.stage import closed_program
from covector.interpreters.transpose import instantiated, kept_axes, transpose_jaxpr


class Derived(NamedTuple):
    """A transformed program, and for each original output (or linear input) whether it has a result in it."""

    jaxpr: Jaxpr
    present: list[bool]


def choose(mask: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
    """The items that a mask marks."""
    return [x for x, m in zip(xs, mask, strict=True) if m]


def spread(mask: Sequence[bool], xs: Sequence[Any], otherwise: Sequence[Any]) -> list[Any]:
    """The items at the marked places, and those of ``otherwise`` at the others."""
    items = iter(xs)
    return [next(items) if m else o for m, o in zip(mask, otherwise, strict=True)]


def staged(f: Callable[..., Sequence[Any]], avals: Sequence[Any]) -> Jaxpr:
    """The program of a function that closes over no tracer."""
    return closed_program(lambda *args: (f(*args), None), avals)[0]


def staged_program(f: Callable[..., tuple[list[Any], list[bool]]], in_avals: Sequence[Any]) -> Derived:
    """Stage a function that returns its outputs, and which of the originals' they are."""
    return Derived(*closed_program(f, in_avals))


def jvp_program(jaxpr: Jaxpr, nonzero: tuple[bool, ...], needed: tuple[bool, ...] = ()) -> Derived:
    """``(*primals, *tangents marked nonzero) -> (*outputs, *their nonzero tangents)``; zeros are written out where needed."""

    def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
        primals, given = args[: len(nonzero)], args[len(nonzero) :]
        tangents = spread(nonzero, given, [typeof(p).zero for p in primals])
        outs, tangents_out = jvp(lambda *xs: eval_jaxpr(jaxpr, *xs), primals, tangents)
        present = [type(t) is not Zero or n for t, n in zip_longest(tangents_out, needed, fillvalue=False)]
        return [*outs, *choose(present, tangents_out)], present

    tangent_avals = [a.tangent() for a in choose(nonzero, jaxpr.in_avals)]
    return jaxpr.derived(("jvp", nonzero, needed), lambda: staged_program(outputs, [*jaxpr.in_avals, *tangent_avals]))


def batched_program(jaxpr: Jaxpr, size: int, dims: tuple[int | None, ...]) -> tuple[Jaxpr, list[int | None]]:
    """The program for ``size`` examples, along axes ``dims`` of the inputs, and the batch axes of its outputs."""

    def make() -> tuple[Jaxpr, list[int | None]]:
        in_avals = [a if d is None else a.batched(size, d) for a, d in zip(jaxpr.in_avals, dims, strict=True)]
        f = lambda *xs: eval_jaxpr(jaxpr, *xs)
        return closed_program(lambda *args: batch(f, size, args, dims, axis_name=axis_of_rule()), in_avals)

    return jaxpr.derived(("batch", size, axis_of_rule(), dims), make)


def transposed_program(
    jaxpr: Jaxpr,
    linear: tuple[bool, ...],
    nonzero: tuple[bool, ...],
    needed: tuple[bool, ...] = (),
    varying: tuple[frozenset[Any], ...] = (),
) -> Derived:
    """``(*known inputs, *cotangents marked nonzero) -> cotangents of the inputs marked linear`` that are nonzero or needed.

    ``varying``, if given, says over which named axes the cotangents vary.
    """
    linear_avals = choose(linear, jaxpr.in_avals)
    known_avals = [a for a, m in zip(jaxpr.in_avals, linear, strict=True) if not m]

    def outputs(*args: Any) -> tuple[list[Any], list[bool]]:
        known, given = args[: len(known_avals)], args[len(known_avals) :]
        cts = spread(nonzero, given, [a.zero for a in jaxpr.out_avals])
        results = transpose_jaxpr(jaxpr, linear, known, cts)
        present = [r is not None or n for r, n in zip_longest(results, needed, fillvalue=False)]
        return choose(present, instantiated(results, linear_avals)), present

    ct_avals = [a.tangent().strengthened() for a in choose(nonzero, jaxpr.out_avals)]
    if varying:
        ct_avals = [with_varying(a, v) for a, v in zip(ct_avals, varying, strict=True)]
    return jaxpr.derived(
        ("transpose", linear, nonzero, needed, varying, kept_axes()), lambda: staged_program(outputs, [*known_avals, *ct_avals])
    )
