"""Cleaning: ``clean : Jaxpr -> Jaxpr`` computes the same with fewer equations.

>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: (np.cos(x), np.sin(x) * np.sin(x))[1])(1.0)
>>> program
{ lambda ; a:weak_f64[]. let b:f64[] = sin a; c:f64[] = sin a; d:f64[] = mul b c in (d,) }
>>> clean(program)
{ lambda ; a:weak_f64[]. let b:f64[] = sin a; c:f64[] = mul b b in (c,) }

One pass forwards inlines calls, computes equations whose inputs are all constants (where the result is small), and replaces an
equation that has been computed already by its result, a product with ones by what is multiplied, and a constant array of equal
elements by one of them where that broadcasts to the same; one pass backwards drops what no output needs.  Effects stay as they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, collective_axes, has_effects, program_has_effects, with_programs
from covector.core.keys import distinct_text, key_of
from covector.core.kinds import Elementwise
from covector.interpreters.evaluate import implementation

MIN_UNIFORM_SIZE = 16
"""Smaller constant arrays stay what they are."""

MAX_FOLDED_SIZE = 1024
"""Constants that folding makes have at most this many elements, or as many as the inputs that they replace."""


def clean(jaxpr: Jaxpr) -> Jaxpr:
    """The cleaned program; cached on the program."""
    cleaned = jaxpr.once("clean", lambda: _Cleaner(jaxpr).cleaned())
    return jaxpr if cleaned is None else cleaned


class _Cleaner:
    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.equations: list[Equation] = []
        self.consts: dict[Var, Any] = {}
        self.var_of_const: dict[int, Var] = {}
        self.known: dict[Hashable, list[Any]] = {}
        self.uniform: dict[Var, Literal | None] = {}

    def cleaned(self) -> Jaxpr:
        jaxpr = self.jaxpr
        env: dict[Any, Any] = {v: v for v in jaxpr.in_vars}
        outs = self.walk(jaxpr, env)
        live = {v for v in outs if isinstance(v, Var)}
        kept = []
        for eqn in reversed(self.equations):
            if not live.isdisjoint(eqn.outputs) or has_effects(eqn.primitive, eqn.params):
                kept.append(eqn)
                live.update([v for v in eqn.inputs if type(v) is Var])
        consts = {v: c for v, c in self.consts.items() if v in live}
        result = Jaxpr(jaxpr.in_vars, kept[::-1], outs, consts, jaxpr.linear)
        result.once("clean", lambda: None)  # itself, to which it must not refer
        return result

    def walk(self, jaxpr: Jaxpr, env: dict[Any, Any]) -> list[Any]:
        """Process the equations of a program whose inputs ``env`` renames; its outputs, renamed."""
        for var, value in jaxpr.consts.items():
            env[var] = self.const_atom(value, var)
        for eqn in jaxpr.equations:
            inputs = [env[x] if type(x) is Var else x for x in eqn.inputs]
            env.update(zip(eqn.outputs, self.equation(eqn, inputs), strict=True))
        return [env[v] if isinstance(v, Var) else v for v in jaxpr.out_vars]

    def equation(self, eqn: Equation, inputs: list[Any]) -> list[Any]:
        """The atoms that stand for the outputs of an equation."""
        if eqn.primitive.inlined:
            inner = eqn.params["jaxpr"]
            return self.walk(inner, dict(zip(inner.in_vars, inputs, strict=True)))
        inputs = self.with_numbers(eqn, inputs)
        key = self.key(eqn, inputs)
        known = self.known.get(key) if key is not None else None
        if known is None:
            known = self.folded(eqn, inputs) or self.unchanged(eqn, inputs)
            if known is None:
                outputs = [Var(v.aval) for v in eqn.outputs]
                self.equations.append(Equation(eqn.primitive, inputs, eqn.params, outputs, eqn.source))
                known = list(outputs)
            if key is not None:
                self.known[key] = known
        return known

    def key(self, eqn: Equation, inputs: list[Any]) -> Hashable | None:
        """What makes two equations the same computation; None for effects."""
        if has_effects(eqn.primitive, eqn.params):
            return None
        return (eqn.primitive, tuple(map(atom_key, inputs)), key_of(eqn.params) if eqn.params else None)

    def with_numbers(self, eqn: Equation, inputs: list[Any]) -> list[Any]:
        """The inputs of a function of elements, with numbers for constant arrays of equal elements beside another array."""
        if not isinstance(eqn.primitive.kind, Elementwise) or self.consts.keys().isdisjoint(inputs):
            return inputs
        shape = eqn.outputs[0].aval.shape
        wholes = [x for x in inputs if x.aval.shape == shape and self.number(x) is None]
        return [self.number(x) or x for x in inputs] if wholes else inputs

    def number(self, x: Any) -> Literal | None:
        """The number that all elements of a constant array are, if it is large enough for that to matter."""
        value = self.consts.get(x) if type(x) is Var else None
        if value is None or value.size < MIN_UNIFORM_SIZE:
            return None
        if x not in self.uniform:
            self.uniform[x] = Literal(value.flat[0]) if is_uniform(value) else None
        return self.uniform[x]

    def folded(self, eqn: Equation, inputs: list[Any]) -> list[Any] | None:
        """The results of an equation as constants, if all its inputs are and the results are small."""
        for x in inputs:
            if type(x) is Var and x not in self.consts:
                return None
        if eqn.primitive.collective or collective_axes(eqn.params) or has_effects(eqn.primitive, eqn.params):
            return None
        avals = [x.aval for x in (*inputs, *eqn.outputs)]
        if not all(isinstance(a, ShapedArray) for a in avals):
            return None
        limit = max([MAX_FOLDED_SIZE, *(x.aval.size for x in inputs)])
        if sum(v.aval.size for v in eqn.outputs) > limit:
            return None
        outs = implementation(eqn)(*(x.value if isinstance(x, Literal) else self.consts[x] for x in inputs))
        return [self.const_atom(o) for o in (outs if eqn.primitive.multiple_results else [outs])]

    def unchanged(self, eqn: Equation, inputs: list[Any]) -> list[Any] | None:
        """What is multiplied by ones, if the product is that to the last bit, its dtype and its shape."""
        if not isinstance(eqn.primitive.kind, Elementwise) or eqn.primitive.kind.like is not np.multiply:
            return None
        for one, x in (inputs, inputs[::-1]):
            if x.aval == eqn.outputs[0].aval and x.aval.dtype.kind in "iuf" and self.is_one(one):
                return [x]
        return None

    def is_one(self, x: Any) -> bool:
        """Whether a constant is 1 everywhere."""
        x = self.number(x) or x
        value = np.asarray(x.value) if isinstance(x, Literal) else self.consts.get(x)
        return value is not None and value.size < MIN_UNIFORM_SIZE and bool((value == 1).all())

    def const_atom(self, value: Any, var: Var | None = None) -> Any:
        if not issubclass(type(value), np.ndarray):
            return Literal(value)
        known = self.var_of_const.get(id(value))
        if known is None:
            known = self.var_of_const[id(value)] = var or Var(Literal(value).aval)
            self.consts[known] = value
        return known


def is_uniform(x: Any) -> bool:
    """Whether all elements of an array of numbers are the same, also in sign."""
    if x.dtype.kind not in "bifu":
        return False
    if not any(x.strides):
        return True
    first = x.flat[0]
    if x.flat[-1] != first or not (x == first).all():
        return False
    return bool(first or x.dtype.kind != "f" or (np.signbit(x) == np.signbit(first)).all())


def atom_key(x: Any) -> Hashable:
    """A key that tells literals of different type or sign apart, also NaNs."""
    if isinstance(x, Var):
        return x
    return (type(x.value), str(x.aval), distinct_text(x.value))


class LeftOut(NamedTuple):
    """Which equations are left out of a program that runs again: those of primitives that are effects."""

    is_effect: Callable[[Any], bool]
    where: str
    """What follows "it gives a result"."""
    why: str
    fix: str

    def has(self, eqn: Equation) -> bool:
        """Whether an equation is left out; raises for an effect that gives a result."""
        found = self.is_effect(eqn.primitive)
        if found and eqn.outputs:
            raise self.needed(eqn.primitive, eqn.source)
        return found

    def needed(self, primitive: Any, source: Any = "here") -> errors.CallbackError:
        """The error for an effect that gives a result, and so would have to happen again."""
        what = f"{primitive.name} gives a result {self.where}"
        return errors.CallbackError(what, source=source, why=self.why, fix=self.fix)


EFFECTS = LeftOut(
    lambda primitive: primitive.effect,
    "in a loop or branch that is computed again for a derivative.",
    why="it would happen a second time, and what it gave the first time is not kept inside of the loop",
    fix="call it outside of what is checkpointed, or use pure_callback, which may be repeated",
)


def without_effects(jaxpr: Jaxpr) -> Jaxpr:
    """The program that computes the same without doing anything else: for computing again what has happened already.

    Raises:
        CallbackError: a result of an effect is needed, so that it would have to happen again.
    """
    return without(jaxpr, program_has_effects, EFFECTS.has)


def without(jaxpr: Jaxpr, has: Callable[[Jaxpr], bool], is_dropped: Callable[[Equation], bool]) -> Jaxpr:
    """The program without some of its equations, and of those in programs nested in it; one that ``has`` none is itself."""

    def make() -> Jaxpr:
        inner = lambda program: without(program, has, is_dropped)
        kept = [e for e in jaxpr.equations if not is_dropped(e)]
        equations = [Equation(e.primitive, e.inputs, with_programs(e.params, inner), e.outputs, e.source) for e in kept]
        return Jaxpr(jaxpr.in_vars, equations, jaxpr.out_vars, jaxpr.consts, jaxpr.linear)

    return jaxpr.once(("without", has, is_dropped), make) if has(jaxpr) else jaxpr


def quiet_equation(eqn: Equation) -> Equation:
    """An equation with no effects in the programs among its parameters."""
    if not has_effects(eqn.primitive, eqn.params):
        return eqn
    return Equation(eqn.primitive, eqn.inputs, with_programs(eqn.params, without_effects), eqn.outputs, eqn.source)
