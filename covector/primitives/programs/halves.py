"""Reverse mode of primitives with programs: these in two halves, and the linear half backwards.

When such a primitive is linearized, all its inputs are known, and the linear half is that of their tangents.  When it meets
known and linear values beside each other (in the derivative of a compiled JVP rule, say), some of its inputs are linear.  A
primitive says once how it is halved, ``halves(how, args, linear, **params) -> (known outputs, present, run)``: ``present``
says which outputs are linear (or have a tangent), and ``run(values)`` gives these from the values of all inputs, of which only
the linear ones matter.  None stands for a primitive that is linear as a whole.

Its transpose is ``transposed(linear, nonzero, known, cts, **params) -> (cotangents that are present, present)``: of the inputs
that are marked ``linear``, given the ``known`` ones and the cotangents of the outputs, of which the nonzero ones are marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from covector.core.avals import Zero, instantiate, typeof
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.linearity import linear_by_marks
from covector.core.primitive import Primitive
from covector.interpreters.interpret import present_tangents
from covector.interpreters.linearize import Split, split, split_known
from covector.interpreters.programs import avals_of, choose, spread
from covector.interpreters.stage import LinearTrace
from covector.primitives.arrays.shaping import strengthened, weaken_p


class Halving(NamedTuple):
    """How programs are divided.

    Attributes:
        split: ``split(jaxpr, linear, needed) -> Split``.
        present: ``present(jaxpr, linear)``: which outputs are linear.
        mixed: whether the linear inputs are among those of the primitive, and are not their tangents.
    """

    split: Callable[..., Split]
    present: Callable[[Jaxpr, Sequence[bool]], Sequence[bool]]
    mixed: bool

    def gone(self, marks: Sequence[bool]) -> list[bool]:
        """Which inputs or outputs, of those that are linear, the known half does not have."""
        return [m and self.mixed for m in marks]

    def known(self, marks: Sequence[bool], xs: Sequence[Any]) -> list[Any]:
        """The inputs that the known half has."""
        return choose([not g for g in self.gone(marks)], xs)


LINEARIZED = Halving(split, lambda jaxpr, linear: split(jaxpr, tuple(linear)).nonzero_out, False)
MIXED = Halving(split_known, present_tangents, True)


def with_strong_residuals(jaxpr: Jaxpr, count: int) -> Jaxpr:
    """A linear part whose residuals, the first ``count`` inputs, come as arrays: what is a number of Python's becomes one."""

    weak = [v for v in jaxpr.in_vars[:count] if getattr(v.aval, "weak_type", False)]

    def make() -> Jaxpr:
        given = {v: Var(v.aval.strengthened()) for v in weak}
        begin = [Equation(weaken_p, [given[v]], {}, [v]) for v in weak]
        in_vars = [given.get(v, v) for v in jaxpr.in_vars]
        return Jaxpr(in_vars, [*begin, *jaxpr.equations], jaxpr.out_vars, jaxpr.consts, jaxpr.linear)

    return jaxpr.once(("strong residuals", count), make) if weak else jaxpr


def def_halves(primitive: Primitive) -> Callable[[Any], Any]:
    """Register how a primitive is halved: its linearization, and what it does with known and linear values, follow."""

    def register(halves: Any) -> Any:
        @primitive.def_linearize
        def linearize(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
            outs, present, run = halves(LINEARIZED, primals, [type(t) is not Zero for t in tangents], **params)
            zeros = [typeof(o).zero for o in outs]
            return outs, spread(present, run(tangents), zeros) if any(present) else zeros

        @primitive.def_rule("split")
        def split_rule(trace: LinearTrace, args: Sequence[Any], linear: Sequence[bool], params: dict[str, Any]) -> Any:
            found = halves(MIXED, args, linear, **params)
            if found is None:
                inputs = [a.variable if m else a for a, m in zip(args, linear, strict=True)]
                return trace.record(primitive, inputs, params, primitive.abstract(*avals_of(args), **params), None)
            outs, present, run = found
            return spread([not p for p in present], outs, spread(present, run(args), present) if any(present) else present)

        return halves

    return register


def def_transposed(primitive: Primitive, marks: Callable[..., Any]) -> Callable[[Any], Any]:
    """Register how a primitive is transposed, which makes these ``marks`` of those of its operands (`linear_by_marks`)."""

    def register(transposed: Any) -> Any:
        @primitive.def_transpose(linear=linear_by_marks(marks))
        def transpose(cts: Sequence[Any], *args: Any, **params: Any) -> list[Any]:
            linear, nonzero = tuple([type(a) is Var for a in args]), tuple([type(ct) is not Zero for ct in cts])
            known = [a for a in args if type(a) is not Var]
            found, present = transposed(linear, nonzero, known, cts, **params)
            return spread(linear, spread(present, found, [None] * len(present)), [None] * len(linear))

        return transposed

    return register


def written(marks: Sequence[bool], cts: Sequence[Any]) -> list[Any]:
    """The cotangents that are marked, as arrays."""
    return [strengthened(instantiate(ct)) for ct, m in zip(cts, marks, strict=True) if m]
