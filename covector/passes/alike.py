"""Nested programs that are alike are made one: ``shared : Jaxpr -> Jaxpr``, so that what is made of each is made once.

>>> import numpy as np
>>> import covector as cv
>>> def final(x):
...     return cv.lax.scan(lambda c, x: (c * x, None), 1.0, x)[0]
>>> program = cv.make_jaxpr(lambda x: final(x) + final(2 * x))(np.ones(3))
>>> [len(nested(p)) for p in (program, shared(program))]
[2, 1]

Forward derivatives along several directions give such programs, and so do calls of a function at several places.  Those are
alike that differ in the names of variables only, and come from the same lines, which errors name.
"""

from __future__ import annotations

from collections.abc import Hashable

from covector.core.jaxpr import Equation, Jaxpr, sub_jaxprs, with_programs


def nested(jaxpr: Jaxpr) -> list[Jaxpr]:
    """All programs among the parameters of a program's equations, and in those, each once and after those that are in it."""
    order: dict[int, Jaxpr] = {}
    waiting = [(jaxpr, False)]
    while waiting:
        program, is_ready = waiting.pop()
        if is_ready:
            order.setdefault(id(program), program)
        elif id(program) not in order:
            waiting.append((program, True))
            waiting += [(p, False) for e in program.equations for p in sub_jaxprs(e.params)]
    return list(order.values())[:-1]


def shared(jaxpr: Jaxpr) -> Jaxpr:
    """The program with one of those programs in it that are alike in the place of all."""
    programs = nested(jaxpr)
    if len(programs) < 2:
        return jaxpr
    one: dict[int, Jaxpr] = {}
    known: dict[Hashable, Jaxpr] = {}
    for program in programs:
        own = _with(program, one)
        one[id(program)] = known.setdefault((own, _places(own)), own)
    return _with(jaxpr, one)


def _with(jaxpr: Jaxpr, one: dict[int, Jaxpr]) -> Jaxpr:
    if all(one[id(p)] is p for e in jaxpr.equations for p in sub_jaxprs(e.params)):
        return jaxpr
    of = lambda program: one[id(program)]
    equations = [Equation(e.primitive, e.inputs, with_programs(e.params, of), e.outputs, e.source) for e in jaxpr.equations]
    return Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)


def _places(jaxpr: Jaxpr) -> Hashable:
    """The lines that the equations come from."""
    sources = [e.source for e in jaxpr.equations]
    return tuple([None if s is None else (s.code.co_filename, s.line, s.scope) for s in sources])
