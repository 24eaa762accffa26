"""Legalizing: ``legalize : Jaxpr -> Jaxpr`` says in so many equations what NumPy does by itself in elementwise operations.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x, y: x * 2.0 + y)(np.ones(3, np.float32), np.float64(1.0))
>>> print(legalize(program))
{ lambda ; a:f32[3] b:f64[]. let
    c:f32[3] = broadcast_to[shape=(3,)] 2.0:f32[]
    d:f32[3] = mul a c
    e:f64[3] = convert[dtype=f64] d
    f:f64[3] = broadcast_to[shape=(3,)] b
    g:f64[3] = add e f
  in (g,) }

A backend then needs to know neither how shapes broadcast nor how dtypes promote: the operands of an elementwise equation have
the shape of its result, and the dtypes that its function computes in.  That is one for all of them but in the few functions
that have two (``select`` and ``keep`` take a boolean, ``ldexp`` an integer, comparisons an ``i64`` and a ``u64``).  Functions
that a user wrote in Python have the operands that they had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import ShapedArray, promotion_key, result_dtype, ufunc_dtypes
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var, inside_out, recorded_avals, with_programs
from covector.core.kinds import Elementwise
from covector.core.primitive import Primitive, derives, primitive_named
from covector.core.source import Source


class Value(NamedTuple):
    """A value of a program, with the aval that it has there: in the legal program it is never weakly typed."""

    atom: Any
    aval: Any


def legalize(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which broadcasting, promotion and weak types are written out; cached on the program.

    Args:
        jaxpr: a program, as made by `make_jaxpr` or ``jit(f).lower(*args).jaxpr``, or given to a backend.

    Returns:
        A program with the same inputs and outputs that computes the same values, bit for bit.  In it, and in the programs
        nested in it, the operands of an elementwise equation have the shape of its result and the dtypes that its function
        computes in; Python numbers are scalars of these dtypes.

    There are two exceptions to the last bit.  Python's integers do not overflow, those of a dtype do.  And a scalar exponent
    that is not written in the program becomes an array of exponents: NumPy's power by the scalar 2 is a product, its power by
    2s in an array may round differently.
    """
    legal = inside_out(jaxpr, "legalize", lambda program: Legalizer(program).legalized())
    return jaxpr if legal is None else legal


class Legalizer:
    """Writes the legal program; the rules ``legalize`` are given it."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.equations: list[Equation] = []
        self.source: Source | None = None
        self.made: dict[Any, Any] = {}

    def legalized(self) -> Jaxpr:
        jaxpr = self.jaxpr
        env: dict[Any, Any] = {v: v for v in (*jaxpr.in_vars, *jaxpr.consts)}
        for eqn in jaxpr.equations:
            self.source = eqn.source
            values = [Value(env.get(x, x), x.aval) for x in eqn.inputs]
            env.update(zip(eqn.outputs, self.equation(eqn, values), strict=True))
        outs = [self.restored(Value(env.get(v, v), v.aval)) for v in jaxpr.out_vars]
        result = Jaxpr(jaxpr.in_vars, self.equations, outs, jaxpr.consts, jaxpr.linear)
        result.once("legalize", lambda: None)  # itself, to which it must not refer
        return result

    def equation(self, eqn: Equation, values: Sequence[Value]) -> Sequence[Any]:
        """The atoms that stand for the outputs of an equation."""
        if eqn.primitive.rule("legalize") is not None:
            return [self.apply(eqn.primitive, *values, **eqn.params).atom]
        inputs, outputs = [self.restored(x) for x in values], [Var(v.aval) for v in eqn.outputs]
        self.equations.append(Equation(eqn.primitive, inputs, with_programs(eqn.params, legalize), outputs, eqn.source))
        return outputs

    def apply(self, primitive: Primitive, *values: Value, **params: Any) -> Value:
        """The value of an elementwise operation."""
        rule: Any = primitive.rule("legalize")
        aval = primitive.abstract(*(v.aval for v in values), **params)
        aval = recorded_avals(primitive, params, [v.aval for v in values], aval)
        result = rule(self, *values, **params)
        if type(result) is Value:
            return Value(result.atom, aval)
        operands = [self.broadcast(self.converted(v, dtype), aval.shape) for v, dtype in zip(values, result, strict=True)]
        found = self.bind(primitive, *operands, **params)
        if found.aval.dtype != aval.dtype:
            raise TypeError(f"the result of {primitive.name} is {found.aval}, where {aval} was traced")
        return Value(found, aval)

    def converted(self, value: Value, dtype: np.dtype[Any]) -> Value:
        """The value in a dtype."""
        atom = value.atom
        if atom.aval.dtype != dtype or atom.aval.weak_type:
            convert = primitive_named("convert")
            if dtype.kind in "iu" and value.aval is not None:
                atom = self.restored(value)  # an integer of Python's is said to be one, which may be too large
            if isinstance(atom, Literal) and not beyond(atom, dtype):
                atom = Literal(convert.impl(atom.value, dtype=dtype))
            else:
                atom = self.bind(convert, atom, dtype=dtype)
        return Value(atom, atom.aval)

    def broadcast(self, value: Value, shape: tuple[int, ...]) -> Any:
        """The atom of a value in a shape."""
        atom = value.atom
        return atom if atom.aval.shape == shape else self.bind(primitive_named("broadcast_to"), atom, shape=shape)

    def restored(self, value: Value) -> Any:
        """The value as weakly typed as it is in the program."""
        atom = value.atom
        weak = getattr(value.aval, "weak_type", False) and not atom.aval.weak_type
        return self.bind(primitive_named("weaken"), atom) if weak else atom

    def bind(self, primitive: Primitive, *atoms: Any, **params: Any) -> Var:
        """The result of an equation; of one that has been written already, its result."""
        key = (primitive, *map(id, atoms), *params.values()) if primitive.name in CONVERSIONS else None
        if key is None or key not in self.made:
            avals = [a.aval for a in atoms]
            out = Var(recorded_avals(primitive, params, avals, primitive.abstract(*avals, **params)))
            self.equations.append(Equation(primitive, atoms, params, [out], self.source))
            if key is None:
                return out
            self.made[key] = out, atoms  # which keeps their ids
        return self.made[key][0]  # type: ignore[no-any-return]


def beyond(atom: Any, dtype: np.dtype[Any]) -> int:
    """1 for an integer that is written and larger than all of a dtype, -1 for one that is smaller, 0 for all else."""
    if not isinstance(atom, Literal) or type(atom.value) is not int or dtype.kind not in "iu":
        return 0
    among = np.iinfo(dtype)
    return int(atom.value > among.max) - int(atom.value < among.min)


CONVERSIONS = {"convert", "broadcast_to", "weaken"}


# --- what elementwise functions compute in ------------------------------------------------------------------------------


@derives("legalize", Elementwise)
def operand_dtypes(primitive: Primitive, kind: Elementwise) -> Any:
    """``rule(legalizer, *values, **params)``: the dtypes of the operands, or the `Value` of other operations.

    A Python function of the user's stays as it is: it may compute with an operand before it promotes it.
    """
    fn = kind.like or kind.fn
    if not (primitive.trusted or isinstance(kind.fn, np.ufunc)):
        return None

    def dtypes(legalizer: Legalizer, *values: Value, **params: Any) -> Sequence[np.dtype[Any]]:
        avals: list[ShapedArray] = [v.aval for v in values]
        if isinstance(fn, np.ufunc) and fn.nin == len(avals) and fn.nout == 1:
            return ufunc_dtypes(fn, map(promotion_key, avals))[:-1]
        return [result_dtype(*avals)] * len(avals)

    return dtypes
