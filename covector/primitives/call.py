"""``jit``: the call of a program, a primitive with a sub-program.

Every rule applies the primitive to a program derived from its own: differentiated, split into a known and a linear part,
transposed, batched.  The derived programs are cached, so a transformation of a compiled function traces nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.backends.run import runner
from covector.core.avals import Zero, typeof
from covector.core.context import NAMED_AXES
from covector.core.jaxpr import Jaxpr, Var
from covector.core.linearity import linear_as_called, linear_by_marks
from covector.core.primitive import NestedPrimitive
from covector.interpreters.interpret import Bundle, Interpretation, arguments
from covector.interpreters.linearize import split, split_known
from covector.interpreters.programs import choose, spread, transposed_program
from covector.interpreters.stage import LinearTrace
from covector.primitives.shaping import strengthened


def call_primitive(name: str) -> NestedPrimitive:
    """A primitive that evaluates its program ``jaxpr``; the other rules are to be registered."""
    primitive = NestedPrimitive(name, multiple_results=True, trusted=True)
    primitive.def_impl(lambda *args, jaxpr, backend=None, **params: runner(jaxpr, backend)(*args))
    primitive.def_abstract(lambda *avals, jaxpr, **params: jaxpr.out_avals)
    return primitive


jit_p = call_primitive("jit")
jit_p.inlined = True


@jit_p.def_rule("interpret")
def _jit_interpret(how: Interpretation, bundles: Sequence[Bundle], *, jaxpr: Jaxpr, **params: Any) -> list[Bundle]:
    program = how.program(jaxpr, [b.form for b in bundles])
    return how.results(program, jit_p.bind(*arguments(bundles), jaxpr=program.jaxpr, **params))


@jit_p.def_linearize
def _jit_linearize(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    nonzero = tuple(type(t) is not Zero for t in tangents)
    parts = split(jaxpr, nonzero)
    outs = jit_p.bind(*primals, jaxpr=parts.primal, **params)
    n = len(jaxpr.out_vars)
    primals_out, residuals = outs[:n], outs[n:]
    tangents_out: list[Any] = []
    if any(parts.nonzero_out):
        tangents_out = jit_p.bind(*residuals, *choose(nonzero, tangents), jaxpr=parts.linear, **params)
    return primals_out, spread(parts.nonzero_out, tangents_out, [a.zero for a in jaxpr.out_avals])


def _jit_split(trace: LinearTrace, args: Sequence[Any], linear: Sequence[bool], params: dict[str, Any]) -> list[Any]:
    """Of a call with known and linear arguments run the known part now, and record the rest."""
    jaxpr, rest = params["jaxpr"], {k: v for k, v in params.items() if k != "jaxpr"}
    tangents = [a.variable for a in choose(linear, args)]
    known = [a for a, m in zip(args, linear, strict=True) if not m]
    if jaxpr.linear == tuple(linear):
        inputs = spread(linear, tangents, args)
        return trace.record(jit_p, inputs, params, jaxpr.out_avals, None)
    parts = split_known(jaxpr, tuple(linear))
    known_out = [not m for m in parts.nonzero_out]
    outs = jit_p.bind(*known, jaxpr=parts.primal, **rest) if parts.primal.out_vars else []
    outs_known, residuals = outs[: sum(known_out)], outs[sum(known_out) :]
    outs_linear = trace.record(jit_p, [*residuals, *tangents], {"jaxpr": parts.linear, **rest}, parts.linear.out_avals, None)
    return spread(parts.nonzero_out, outs_linear, spread(known_out, outs_known, known_out))


jit_p.def_rule("split", _jit_split)


def varying_of(values: Sequence[Any]) -> tuple[frozenset[Any], ...]:
    """Over which named axes values vary; nothing where no axis has a name."""
    return tuple(typeof(x).varying for x in values) if NAMED_AXES else ()


@jit_p.def_transpose(linear=linear_by_marks(linear_as_called))
def _jit_transpose(cts: Sequence[Any], *args: Any, jaxpr: Jaxpr, **params: Any) -> list[Any]:
    linear = tuple(type(a) is Var for a in args)
    nonzero = tuple(type(ct) is not Zero for ct in cts)
    known = [a for a in args if type(a) is not Var]
    given = [strengthened(ct) for ct in choose(nonzero, cts)]
    program, present = transposed_program(jaxpr, linear, nonzero, varying=varying_of(given))
    results = jit_p.bind(*known, *given, jaxpr=program, **params)
    linear_cts = iter(spread(present, results, [None] * len(present)))
    return [next(linear_cts) if m else None for m in linear]
