"""``jit``: the call of a program, a primitive with a sub-program.

Every rule applies the primitive to a program derived from its own: differentiated, split into a known and a linear part,
transposed, batched.  The derived programs are cached, so a transformation of a compiled function traces nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.backends.run import runner
from covector.core.avals import typeof
from covector.core.context import NAMED_AXES
from covector.core.jaxpr import Jaxpr
from covector.core.linearity import linear_as_called
from covector.core.primitive import NestedPrimitive
from covector.interpreters.interpret import Bundle, Interpretation, arguments
from covector.interpreters.programs import choose, transposed_program
from covector.primitives.programs import subprograms as subprograms  # says what follows from having programs
from covector.primitives.programs.halves import Halving, def_halves, def_transposed, written


def call_primitive(name: str) -> NestedPrimitive:
    """A primitive that evaluates its program ``jaxpr``; the other rules are to be registered.

    The rule ``runs`` tells backends which program an equation runs, and nothing besides.
    """
    primitive = NestedPrimitive(name, multiple_results=True, trusted=True)
    primitive.def_impl(lambda *args, jaxpr, backend=None, **params: runner(jaxpr, backend)(*args))
    primitive.def_abstract(lambda *avals, jaxpr, **params: jaxpr.out_avals)
    primitive.def_rule("runs", lambda eqn: eqn.params["jaxpr"] if eqn.params.get("backend") is None else None)
    return primitive


jit_p = call_primitive("jit")
jit_p.inlined = True


@jit_p.def_rule("interpret")
def _jit_interpret(how: Interpretation, bundles: Sequence[Bundle], *, jaxpr: Jaxpr, **params: Any) -> list[Bundle]:
    program = how.program(jaxpr, [b.form for b in bundles])
    return how.results(program, jit_p.bind(*arguments(bundles), jaxpr=program.jaxpr, **params))


@def_halves(jit_p)
def _jit_halves(how: Halving, args: Sequence[Any], linear: Sequence[bool], *, jaxpr: Jaxpr, **params: Any) -> Any:
    mask = tuple(linear)
    if how.mixed and jaxpr.linear == mask:
        return None
    parts = how.split(jaxpr, mask)
    outs = jit_p.bind(*how.known(mask, args), jaxpr=parts.primal, **params) if parts.primal.out_vars else []
    n = len(how.known(parts.nonzero_out, parts.nonzero_out))
    run = lambda values: jit_p.bind(*outs[n:], *choose(mask, values), jaxpr=parts.linear, **params)
    return outs[:n], parts.nonzero_out, run


def varying_of(values: Sequence[Any]) -> tuple[frozenset[Any], ...]:
    """Over which named axes values vary; nothing where no axis has a name."""
    return tuple(typeof(x).varying for x in values) if NAMED_AXES else ()


@def_transposed(jit_p, linear_as_called)
def _jit_transposed(linear: Any, nonzero: Any, known: list[Any], cts: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    given = written(nonzero, cts)
    program, present = transposed_program(jaxpr, linear, nonzero, varying=varying_of(given))
    return jit_p.bind(*known, *given, jaxpr=program, **params), present
