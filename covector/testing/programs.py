"""Random programs: Python functions of arrays, written as source text, that use the whole vocabulary.

A program is built line by line, and each line is evaluated as it is written, so that shapes agree, values stay moderate, and
the
program is smooth at its inputs: an operation with a kink has a *guard*, an expression whose smallest value must be well above
zero.  Programs contain nested functions under ``jit`` and other transformations, which close over variables of their
surroundings; they use variables more than once or not at all, broadcast, and mix dtypes and Python scalars.

What a program may consist of is in `FAMILIES`: lists of *makers*.  Most makers are a line, `op`: a template with slots that are
filled with variables and literals, and perhaps a guard.  A maker of another kind is a function of the `Builder` that returns an
expression.  A new family is a new entry.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import covector.numpy as cnp
from covector import lax
from covector.core.avals import Zero
from covector.testing.families import FAMILIES
from covector.testing.numerical import PRECISIONS, is_inexact, precision
from covector.transforms.autodiff import grad, jvp, linearize, vjp
from covector.transforms.checkpoint import checkpoint
from covector.transforms.custom_rules import custom_jvp, custom_vjp, linear_call
from covector.transforms.jit import jit
from covector.transforms.vmap import vmap

MAX_VALUE, MAX_SIZE, MARGIN = 30.0, 48, 0.05
INPUT_SHAPES = [(3,), (), (2, 3), (3, 3), (2,), (1, 3), (2, 1), (2, 2, 3), (1,), (0,)]
INPUT_KINDS = ["float64"] * 10 + ["complex128", "int64", "float", "float", "float32", "int", "longdouble"]
INPUT_KINDS += ["float16", "complex64", "int32", "bool"]


UNFIT = (ValueError, TypeError, IndexError, AttributeError, ArithmeticError, np.linalg.LinAlgError, Warning)
"""What NumPy raises, and what it warns of, for an operation that does not fit its operands."""


class Rejected(Exception):
    """An operation that does not fit the variables at hand."""


class Variable(NamedTuple):
    """A name in a program with the value that it has at the program's inputs."""

    name: str
    value: Any


class Program:
    """A function of arrays with example inputs; ``print`` shows its source.

    Attributes:
        source: the definition of ``program``.
        inputs: arguments at which it is smooth and its values are moderate.
        families: the families that its operations are from.
        precision: the spacing of the coarsest floating dtype that occurs in it.
    """

    def __init__(self, source: str, inputs: Sequence[Any], families: Iterable[str] = (), coarsest: float = 2.0**-52):
        self.source = source
        self.inputs = tuple(inputs)
        self.families = frozenset(families)
        self.precision = coarsest
        self.__name__ = "program"
        self._function: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        if self._function is None:
            self._function = self.compiled(jit)
        return self._function(*args)

    def compiled(self, jit: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with ``jit`` for the decorator of its nested functions."""
        namespace = namespace_of_programs(jit)
        exec(compile(self.source, "<random program>", "exec"), namespace)
        return namespace["program"]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        lines = [self.source, *(f"# argument {i} = {x!r}" for i, x in enumerate(self.inputs))]
        return "\n".join(lines)


def namespace_of_programs(jit: Callable[..., Any]) -> dict[str, Any]:
    """The names that programs use."""
    names = {"np": np, "cnp": cnp, "lax": lax, "jit": jit, "vmap": vmap, "grad": grad, "jvp": jvp, "vjp": vjp}
    return names | {"linearize": linearize, "checkpoint": checkpoint, "linear_call": linear_call} | RULED


def with_jvp(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a JVP rule that is right."""
    ruled = custom_jvp(f)
    ruled.defjvp(lambda primals, tangents: jvp(f, primals, tangents))
    return ruled  # type: ignore[no-any-return]


def with_vjp(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a VJP rule that is right."""
    ruled = custom_vjp(f)
    ruled.defvjp(lambda *args: (f(*args), args), lambda args, ct: vjp(f, *args)[1](ct))
    return ruled  # type: ignore[no-any-return]


def with_both(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with both rules, which are right."""
    ruled: Any = with_vjp(f)
    ruled.defjvp(lambda primals, tangents: jvp(f, primals, tangents))
    return ruled  # type: ignore[no-any-return]


def with_zeros(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of two arguments with a JVP rule that leaves out what is a symbolic zero."""
    ruled = custom_jvp(f)

    def rule(primals: Any, tangents: Any) -> Any:
        moving = [i for i, t in enumerate(tangents) if not isinstance(t, Zero)]
        if not moving:
            return f(*primals), None

        def partly(*xs: Any) -> Any:
            return f(*(xs[moving.index(i)] if i in moving else p for i, p in enumerate(primals)))

        return jvp(partly, [primals[i] for i in moving], [tangents[i] for i in moving])

    ruled.defjvp(rule, symbolic_zeros=True)
    return ruled  # type: ignore[no-any-return]


RULED = {"with_jvp": with_jvp, "with_vjp": with_vjp, "with_both": with_both, "with_zeros": with_zeros}
"""Decorators that give a function rules of its own."""


class Builder:
    """Writes one function, line by line."""

    def __init__(self, draw: Any, families: Sequence[str], outer: Builder | None = None):
        self.draw = draw
        self.families = families
        self.outer = outer
        self.root: Builder = self if outer is None else outer.root
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.namespace: dict[str, Any] = namespace_of_programs(lambda f: f) if outer is None else outer.namespace
        self.scope: list[Variable] = [] if outer is None else list(outer.scope)
        self.lines: list[str] = []
        if outer is None:
            self.count = 0
            self.used: set[str] = set()
            self.coarsest = 2.0**-60

    # --- choices ---

    def integer(self, low: int, high: int) -> int:
        """An integer between these, both included."""
        return self.draw(st.integers(low, high)) if low < high else low  # type: ignore[no-any-return]

    def choose(self, items: Sequence[Any]) -> Any:
        """One of the items; `Rejected` if there are none."""
        if not items:
            raise Rejected
        return items[self.integer(0, len(items) - 1)]

    def literal(self) -> str:
        """A Python float that is not special."""
        return str(self.integer(-8, 8) * 0.25 + 0.125)

    def variable(self, kinds: str = "fc", fits: Callable[[Any], bool] = lambda x: True) -> Variable:
        """A variable whose dtype is of one of these kinds and whose value ``fits``; recent ones first."""
        return self.choose(self.variables(kinds, fits))  # type: ignore[no-any-return]

    def variables(self, kinds: str, fits: Callable[[Any], bool]) -> list[Variable]:
        """All such variables."""
        return [v for v in reversed(self.scope) if np.asarray(v.value).dtype.kind in kinds and fits(v.value)]

    def has(self, kinds: str, fits: Callable[[Any], bool]) -> bool:
        """Whether there is one."""
        return bool(self.variables(kinds, fits))

    # --- lines ---

    def value(self, expression: str) -> Any:
        """The value of an expression at the inputs; `Rejected` if it has none."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")  # such as for the mean of nothing
                return eval(expression, self.namespace)
        except UNFIT:
            raise Rejected from None

    def guarded(self, guard: str, margin: float = MARGIN) -> None:
        """Reject the operation unless all elements of ``guard`` are at least ``margin``."""
        if not np.all(np.asarray(self.value(guard)) >= margin):
            raise Rejected

    def fresh(self, prefix: str = "v") -> str:
        self.root.count += 1
        return f"{prefix}{self.root.count}"

    def add(self, expression: str) -> None:
        """Write ``name = expression``, if its value is moderate."""
        self.bind([self.fresh()], expression, [self.value(expression)])

    def bind(self, names: Sequence[str], expression: str, values: Sequence[Any]) -> None:
        """Write ``names = expression``, which has these values."""
        for value in values:
            self.check_moderate(value)
        self.lines.append(f"{', '.join(names)} = {expression}")
        for name, value in zip(names, values, strict=True):
            self.declare(name, value)

    def declare(self, name: str, value: Any) -> Variable:
        """A variable in scope; names are unique in the whole program, so that one namespace serves all functions."""
        variable = Variable(name, value)
        self.namespace[name] = value
        self.scope.append(variable)
        return variable

    def check_moderate(self, value: Any) -> None:
        array = np.asarray(value)
        if array.dtype.kind not in "biufc" or array.size > MAX_SIZE or array.ndim > 4:
            raise Rejected
        if not np.all(np.isfinite(array)) or np.any(np.abs(array) > MAX_VALUE):
            raise Rejected
        if array.dtype.kind in "fc":
            self.root.coarsest = max(self.root.coarsest, PRECISIONS[array.real.dtype])

    def body(self, most: int) -> None:
        """Write operations, up to this many; some that are drawn do not fit."""
        written = 0
        while written < most and self.integer(0, 255):  # a choice before each, so that shrinking can drop any of them
            family = self.choose(self.families)
            maker = self.choose(FAMILIES[family])
            lines, names = len(self.lines), len(self.scope)
            try:
                expression = maker(self)
                if expression is not None:
                    self.add(expression)
                self.root.used.add(family)
                written += 1
            except Rejected:
                del self.lines[lines:], self.scope[names:]

    def close_over(self, parameter: Variable, surroundings: Sequence[Variable]) -> None:
        """Combine a parameter with a variable of the surrounding function, if one fits."""
        outer = self.choose(list(reversed(surroundings)))
        template = self.choose(["{0} * {1}", "{0} * np.where({0} * {0} < -1.0, {0}, {1})", "{0} + {1} * {0}"])
        try:
            self.add(template.format(parameter.name, outer.name))
        except Rejected:
            return

    def outputs(self, most: int) -> list[str]:
        """Names for the result: mostly the last values, sometimes an input or a constant."""
        recent = [v.name for v in reversed(self.scope)]
        names = [recent[0], *(self.choose(recent[:6]) for _ in range(self.integer(0, most - 1)))]
        if self.integer(0, 15) == 15:
            names.append(self.choose([*recent, "2.5", "np.array([1.0, 2.0])", "3"]))
        return list(dict.fromkeys(names))

    def function(
        self, arguments: Sequence[Variable], operations: int, families: Sequence[str], decorator: str = "", closed: bool = False
    ) -> Function:
        """Write a nested function of these arguments; it may use the variables of its surroundings, unless ``closed``."""
        inner = Builder(self.draw, families, self)
        inner.scope = [] if closed else inner.scope
        start = len(inner.scope)
        parameters = [inner.declare(inner.fresh("x"), a.value) for a in arguments]
        if not closed and self.integer(0, 1):
            inner.close_over(parameters[0], self.scope)
        inner.body(operations)
        own = inner.scope[start:]
        outs = [own[-1], *(inner.choose(own) for _ in range(self.integer(0, 1)))]
        outs = list(dict.fromkeys(o.name for o in outs))
        name = self.fresh("f")
        lines = [f"def {name}({', '.join(p.name for p in parameters)}):", *indented(inner.lines)]
        lines.append(f"    return {tuple_text(outs)}")
        self.lines += [*decorator.splitlines(), *lines]
        exec("\n".join(lines), self.namespace)
        return Function(name, [self.namespace[o] for o in outs])


class Function(NamedTuple):
    """A nested function: its name, and its results at the arguments that it was written for."""

    name: str
    values: list[Any]


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def tuple_text(names: Sequence[str]) -> str:
    """A tuple of names as source."""
    return f"({', '.join(names)},)"


@st.composite
def random_programs(
    draw: Any, families: Sequence[str] | None = None, max_ops: int = 8, max_inputs: int = 3, kinds: Sequence[str] = INPUT_KINDS
) -> Program:
    """A strategy for random programs.

    Args:
        families: names in `FAMILIES` (default: all).
        max_ops: the largest number of operations, not counting those of nested functions.
        max_inputs: the largest number of inputs.
        kinds: the kinds of inputs to choose from: names of dtypes for arrays, and ``int``, ``float``, ``complex`` for
        Python's numbers.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(random_programs(families=["arithmetic"]))
    ... def shapes_agree(program):
    ...     assert all(np.shape(out) is not None for out in program(*program.inputs))
    >>> shapes_agree()
    """
    chosen = list(FAMILIES) if families is None else list(families)
    builder = Builder(draw, chosen)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    for i in range(builder.integer(1, max_inputs)):
        builder.declare("abcdefgh"[i], random_input(rng, builder.choose(kinds), builder.choose(INPUT_SHAPES)))
    inputs = list(builder.scope)
    builder.coarsest = precision([v.value for v in inputs if is_inexact(v.value)], 2.0**-60)
    builder.body(max_ops)
    outs = builder.outputs(3)
    lines = [f"def program({', '.join(v.name for v in inputs)}):", *indented(builder.lines), f"    return {tuple_text(outs)}"]
    return Program("\n".join(lines), [v.value for v in inputs], builder.used, builder.coarsest)


def random_input(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Any:
    """An input of a kind in `INPUT_KINDS`."""
    if kind in ("int", "float", "complex"):
        value = complex(*rng.uniform(-2, 2, 2).round(3)) if kind == "complex" else round(rng.uniform(-2, 2), 3)
        return int(rng.integers(0, 3)) if kind == "int" else value
    if kind in ("int64", "int32", "bool"):
        return np.asarray(rng.integers(0, 2 if kind == "bool" else 3, shape)).astype(kind)[()]
    values = rng.uniform(-2, 2, shape).round(3)
    if kind.startswith("complex"):
        values = values + 1j * rng.uniform(-2, 2, shape).round(3)
    return np.asarray(values).astype(kind)[()]
