"""Sums with parts: ``x + spread(values, i)`` as ``scatter_add(x, values, i)``.

The backward step of a loop adds to the cotangent of a table an array of its size that is zero but where the table was read.
Adding the part alone gives the same sum, and can overwrite the cotangent (`covector.interpreters.overwriting`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.passes.clean import clean
from covector.primitives.indexing import add_slice_p, embed_p, spread_p
from covector.primitives.ring import add_p
from covector.primitives.scatter import scatter_add_p


def with_parts_added(jaxpr: Jaxpr) -> Jaxpr:
    """The program with parts added to sums instead of arrays of zeros with parts in them; cleaned."""
    return jaxpr.derived("parts added", lambda: clean(_Parts(clean(jaxpr)).rewritten()))


class _Parts:
    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.made_by = {eqn.outputs[0]: eqn for eqn in jaxpr.equations if len(eqn.outputs) == 1}
        uses = Counter(x for xs in (*(eqn.inputs for eqn in jaxpr.equations), jaxpr.out_vars) for x in xs if isinstance(x, Var))
        self.used_once = {v for v, n in uses.items() if n == 1}
        self.equations: list[Equation] = []

    def rewritten(self) -> Jaxpr:
        jaxpr = self.jaxpr
        for eqn in jaxpr.equations:
            if eqn.primitive is add_p and eqn.outputs[0].aval.shape:
                self.sum(eqn)
            else:
                self.equations.append(eqn)
        return Jaxpr(jaxpr.in_vars, self.equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)

    def sum(self, eqn: Equation) -> None:
        """Write a sum: first its terms that are whole arrays, then its parts."""
        terms = self.terms(eqn, eqn.outputs[0].aval)
        parts = [t for t in terms if self.is_part(t)]
        whole = [t for t in terms if not self.is_part(t)] or [parts.pop(0)]
        if not parts:
            self.equations.append(eqn)
            return
        total = whole[0]
        for i, term in enumerate((*whole[1:], *parts)):
            out = eqn.outputs[0] if i == len(terms) - 2 else Var(eqn.outputs[0].aval)
            self.equations.append(self.added(total, term, out, eqn))
            total = out

    def terms(self, eqn: Equation, aval: Any) -> list[Any]:
        """The terms of a sum, and of sums in it that nothing else uses."""
        found = []
        for x in eqn.inputs:
            inner = self.made_by.get(x) if isinstance(x, Var) and x in self.used_once and x.aval == aval else None
            found += self.terms(inner, aval) if inner is not None and inner.primitive is add_p else [x]
        return found if all(x.aval == aval for x in found) else list(eqn.inputs)

    def is_part(self, x: Any) -> bool:
        eqn = self.made_by.get(x) if isinstance(x, Var) and x in self.used_once else None
        if eqn is None:
            return False
        return eqn.primitive is spread_p or (eqn.primitive is embed_p and len(eqn.inputs) == 1)

    def added(self, total: Any, term: Any, out: Var, eqn: Equation) -> Equation:
        if not self.is_part(term):
            return Equation(add_p, [total, term], {}, [out], eqn.source)
        part = self.made_by[term]
        if part.primitive is spread_p:
            return Equation(scatter_add_p, [total, *part.inputs], {}, [out], eqn.source)
        return Equation(add_slice_p, [total, *part.inputs], {"index": part.params["indices"][0]}, [out], eqn.source)
