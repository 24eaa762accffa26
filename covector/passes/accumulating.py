"""Sums with parts: ``x + spread(values, i)`` as ``scatter_add(x, values, i)``.

>>> from covector.core.text.parser import parse
>>> embedded = "c:f64[2] = embed[indices=((0,),), shape=(2,)] b"
>>> with_parts_added(parse(f"{{ lambda ; a:f64[2] b:f64[]. let {embedded}; d:f64[2] = add a c in (d,) }}"))
{ lambda ; a:f64[2] b:f64[]. let c:f64[2] = add_slice[index=(0,)] a b in (c,) }

The backward step of a loop adds to the cotangent of a table an array of its size that is zero but where the table was read.
Adding the part alone gives the same sum, and can overwrite the cotangent (`covector.passes.overwriting`).

The rule ``added : (total, equation) -> (primitive, inputs, params)`` of a primitive that puts a part into zeros says what adds
the part to a total, or None where it does so for no part alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.primitive import Primitive
from covector.passes.clean import clean

SUM = "add"


def with_parts_added(jaxpr: Jaxpr) -> Jaxpr:
    """The program with parts added to sums instead of arrays of zeros with parts in them; cleaned."""
    return jaxpr.once("parts added", lambda: _Parts(clean(jaxpr)).rewritten())


class _Parts:
    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.made_by = {eqn.outputs[0]: eqn for eqn in jaxpr.equations if len(eqn.outputs) == 1}
        uses = Counter(x for xs in (*(eqn.inputs for eqn in jaxpr.equations), jaxpr.out_vars) for x in xs if isinstance(x, Var))
        self.used_once = {v for v, n in uses.items() if n == 1}
        self.equations: list[Equation] = []
        self.parts_found = False

    def rewritten(self) -> Jaxpr:
        jaxpr = self.jaxpr
        for eqn in jaxpr.equations:
            self.equations += self.sum(eqn) if eqn.primitive.name == SUM and eqn.outputs[0].aval.shape else [eqn]
        if not self.parts_found:
            return jaxpr
        return clean(Jaxpr(jaxpr.in_vars, self.equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear))

    def sum(self, eqn: Equation) -> list[Equation]:
        """A sum: first its terms that are whole arrays, then its parts."""
        terms = self.terms(eqn, eqn.outputs[0].aval)
        parts = [t for t in terms if self.part(t, t)]
        whole = [t for t in terms if not self.part(t, t)] or [parts.pop(0)]
        if not parts:
            return [eqn]
        self.parts_found = True
        total, sums = whole[0], []
        for i, term in enumerate((*whole[1:], *parts)):
            out = eqn.outputs[0] if i == len(terms) - 2 else Var(eqn.outputs[0].aval)
            primitive, inputs, params = self.part(total, term) or (eqn.primitive, [total, term], {})
            sums.append(Equation(primitive, inputs, params, [out], eqn.source))
            total = out
        return sums

    def terms(self, eqn: Equation, aval: Any) -> list[Any]:
        """The terms of a sum, and of sums in it that nothing else uses."""
        found = []
        for x in eqn.inputs:
            inner = self.made_by.get(x) if isinstance(x, Var) and x in self.used_once and x.aval == aval else None
            found += self.terms(inner, aval) if inner is not None and inner.primitive.name == SUM else [x]
        return found if all(x.aval == aval for x in found) else list(eqn.inputs)

    def part(self, total: Any, x: Any) -> tuple[Primitive, list[Any], dict[str, Any]] | None:
        """The operation that adds a term to a total, if the term is a part in zeros that nothing else uses."""
        eqn = self.made_by.get(x) if isinstance(x, Var) and x in self.used_once else None
        rule = eqn.primitive.rule("added") if eqn is not None else None
        return rule(total, eqn) if rule is not None else None
