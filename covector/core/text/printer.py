"""Printing: ``to_string : Jaxpr -> str``, which `covector.core.text.parser.parse` reads back.

>>> import covector as cv
>>> cv.make_jaxpr(lambda x, y: (x * np.ones(2), y))(2.0, 3.0)
{ lambda a:f64[2]=[1.0, 1.0] ; b:weak_f64[] c:weak_f64[]. let d:f64[2] = mul b a in (d, c) }

    program    { lambda CONST ... ; VARIABLE ... . let EQUATION ... in (ATOM, ...) }
    with parts let @NAME = PROGRAM ... in PROGRAM      where a nested program occurs more than once
    CONST      a:f64[2]=[1.0, 2.0]  or  a:f64[1000]=<1000 values #0123456789ab>  or, for a scalar, a=2.0
    VARIABLE   a:f64[2]             ~a:f64[2] where the program is marked linear in it
    EQUATION   b:f64[2] c:f64[] = primitive[name=VALUE, ...] ATOM ...
    ATOM       a  or  2.0  or  2.0:f32[]

An output that nothing uses is ``_:f64[2]``; an equation without outputs begins with ``_ =``.  Each program has names of its
own, from ``a`` on.  The time is linear in the length of the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from covector.core.avals import PYTHON_NUMBERS, ShapedArray, float0, typeof
from covector.core.jaxpr import Atom, Equation, Jaxpr, Literal, Scope, Var, register_meanings
from covector.core.text.layout import Block, Fill, Node, concat, layout, words
from covector.core.text.notation import (
    FIELDS,
    array_type_text,
    digest,
    dtype_text,
    elements_text,
    is_name,
    number_text,
    opaque_text,
    quoted,
    variable_names,
)

Doc = str | Node
MAX_NESTING = 8
ONE_LINE = 1 << 60
"""A width in which everything fits."""


def to_string(jaxpr: Jaxpr, *, width: int = 100, max_const_size: int = 64) -> str:
    """The text of a program.

    Args:
        jaxpr: the program.
        width: the columns to fill; a program or an equation that fits is written on one line.
        max_const_size: constants with more elements are written as their number and a digest.

    >>> from covector.core.avals import ShapedArray
    >>> x = Var(ShapedArray((3,), np.float64))
    >>> print(to_string(Jaxpr([x], [], [x, Literal(2.0)])))
    { lambda ; a:f64[3]. let in (a, 2.0) }
    """
    return layout(_Printer(max_const_size).whole(jaxpr), width)


def equation_to_string(jaxpr: Jaxpr, eqn: Equation) -> str:
    """An equation on one line as if it were one of this program, nested programs abbreviated; for messages.

    A variable that the program never binds has a question mark in its name.
    """
    return _on_one_line(eqn, names_of(jaxpr.scope()))


def _text(eqn: Equation) -> str:
    """The same with the names of the program that the equation is in, or names of its own if it is in none."""
    inputs = dict.fromkeys(x for x in eqn.inputs if type(x) is Var)
    scope = eqn.scope or Scope([*inputs], [eqn], eqn.outputs)
    if scope.names is None:
        scope.names = names_of(scope)
    return _on_one_line(eqn, scope.names)


def _on_one_line(eqn: Equation, names: Names) -> str:
    return layout(_Printer(64, nested=False).equation(eqn, names), ONE_LINE)


def atom_to_string(jaxpr: Jaxpr, atom: Any) -> str:
    """A variable or literal of a program; for messages."""
    return _Printer(64, nested=False).atom(atom, names_of(jaxpr.scope()))


class Names(dict[Any, str]):
    """The names of the variables of a program; those it never binds get a question mark."""

    def __missing__(self, var: Any) -> str:
        name = self[var] = f"?{len(self)}"
        return name


def names_of(scope: Scope) -> Names:
    """Names in the order of binding; an equation's outputs that are never used are ``_``."""
    used = {v for atoms in (scope.out_vars, *scope.inputs) for v in atoms if type(v) is Var}
    names = Names()
    fresh = variable_names()
    for var in scope.binders:
        if var not in names:
            names[var] = next(fresh)
    for outputs in scope.outputs:
        for var in outputs:
            if var not in names:
                names[var] = next(fresh) if var in used else "_"
    return names


def inner_programs(equation: Equation | dict[str, Any]) -> Iterator[Jaxpr]:
    """The programs anywhere in the parameters of an equation, which may be given alone, in the order of the parameters.

    >>> import numpy as np
    >>> from covector import lax, make_jaxpr
    >>> (equation,) = make_jaxpr(lambda x: lax.cond(x > 0, np.sin, np.cos, x))(1.0).equations[-1:]
    >>> [str(program.equations[0]) for program in inner_programs(equation)]
    ['b:f64[] = cos a', 'b:f64[] = sin a']
    """
    for value in (equation.params if isinstance(equation, Equation) else equation).values():
        yield from _programs_in(value)


def _programs_in(value: Any) -> Iterator[Jaxpr]:
    """The programs anywhere in a parameter."""
    if isinstance(value, Jaxpr):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _programs_in(v)
    elif type(value) in FIELDS:
        yield from _programs_in(FIELDS[type(value)][1](value) or ())


# --- programs that are defined before the whole ---------------------------------------------------------------------------


def definitions(jaxpr: Jaxpr) -> list[tuple[str, Jaxpr]]:
    """The nested programs that get a name, each after those that it contains.

    They are those that occur more than once, and those in which programs are nested `MAX_NESTING` deep: deeper indentation
    helps nobody, and this bounds the recursion of printer and parser.
    """
    programs = contents(jaxpr)
    times = Counter(id(inner) for _, parts in programs for inner, _ in parts)
    titles = {id(inner): title for _, parts in reversed(programs) for inner, title in reversed(parts)}
    heights: dict[int, int] = {}
    names: set[str] = set()
    found = []
    for program, parts in programs[:-1]:
        height = 1 + max((heights[id(inner)] for inner, _ in parts), default=0)
        is_named = times[id(program)] > 1 or height >= MAX_NESTING
        heights[id(program)] = 0 if is_named else height
        if is_named:
            found.append((_unused_name(titles[id(program)], names), program))
    return found


def contents(jaxpr: Jaxpr) -> list[tuple[Jaxpr, list[tuple[Jaxpr, Any]]]]:
    """All programs of a program, inner ones first and itself last; with each those in its equations, and their titles."""

    def opened(program: Jaxpr) -> tuple[Jaxpr, list[tuple[Jaxpr, Any]], Iterator[tuple[Jaxpr, Any]]]:
        parts = [(inner, eqn.params.get("name")) for eqn in program.equations for inner in inner_programs(eqn)]
        return program, parts, iter(parts)

    found = []
    seen = {id(jaxpr)}
    stack = [opened(jaxpr)]
    while stack:
        program, parts, rest = stack[-1]
        inner = next((p for p, _ in rest if id(p) not in seen), None)
        if inner is None:
            found.append((program, parts))
            stack.pop()
        else:
            seen.add(id(inner))
            stack.append(opened(inner))
    return found


def _unused_name(title: Any, names: set[str]) -> str:
    """The title if it is an identifier, else ``f``; numbered if it is taken."""
    base = title if isinstance(title, str) and is_name(title) else "f"
    name = base
    number = len(names)
    while name in names:
        name = f"{base}{number}"
        number += 1
    names.add(name)
    return "@" + name


# --- documents ------------------------------------------------------------------------------------------------------------


class _Printer:
    def __init__(self, max_const_size: int, nested: bool = True):
        self.max_const_size = max_const_size
        self.nested = nested
        self.named: dict[int, str] = {}
        self.types: dict[Any, str] = {}

    def whole(self, jaxpr: Jaxpr) -> Doc:
        named = definitions(jaxpr)
        self.named = {id(program): name for name, program in named}
        docs = [concat([f"{name} = ", self.program(program)]) for name, program in named]
        program = self.program(jaxpr)
        return Block("let", docs, concat(["in ", program]), padding=" ", separators=("; ", "")) if docs else program

    # --- programs and equations ---

    def program(self, jaxpr: Jaxpr) -> Doc:
        names = names_of(jaxpr.scope())
        consts = [self.const(names[v], v.aval, value) for v, value in jaxpr.consts.items()]
        linear = jaxpr.linear or (False,) * len(jaxpr.in_vars)
        binders = ["~" * mark + self.binder(names[v], v.aval) for v, mark in zip(jaxpr.in_vars, linear, strict=True)]
        ins = [*binders[:-1], binders[-1] + "."] if binders else ["."]
        outs = bracketed("in (", [self.atom(v, names) for v in jaxpr.out_vars], ") }", is_tuple=True)
        equations = [self.equation(eqn, names) for eqn in jaxpr.equations]
        head = concat([Fill(["{ lambda", *consts, ";", *ins]), " let"])
        return Block(head, equations, outs, padding=" ", separators=("; ", ""), indents=(4, 2))

    def equation(self, eqn: Equation, names: Names) -> Doc:
        binders = [self.binder(names[v], v.aval) for v in eqn.outputs] or ["_"]
        name = eqn.primitive.name
        parts: list[Doc] = [words(binders), f" = {name if is_name(name) else quoted(name)}"]
        if eqn.params:
            params = list(eqn.params.items())
            if len(params) > 1:
                params.sort(key=lambda item: next(_programs_in(item[1]), None) is not None)  # programs last, as they are long
            parts.append(Block("[", [self.parameter(k, v) for k, v in params], "]"))
        if eqn.inputs:
            parts += [" ", words([self.atom(x, names) for x in eqn.inputs])]
        return concat(parts)

    def parameter(self, key: str, value: Any) -> Doc:
        return concat([key if is_name(key) else quoted(key), "=", self.value(value)])

    def binder(self, name: str, aval: Any) -> str:
        return f"{name}:{self.type(aval)}"

    def atom(self, atom: Atom, names: Names) -> str:
        if type(atom) is Var:
            return names[atom]
        return layout(self.value(atom.value if isinstance(atom, Literal) else atom), ONE_LINE)

    def type(self, aval: Any) -> str:
        text = self.types.get(aval)
        if text is None:
            if type(aval) is ShapedArray:
                text = array_type_text(aval)
            elif type(aval) in FIELDS:
                text = layout(self.value(aval), ONE_LINE)
            else:
                text = repr(aval)
            self.types[aval] = text
        return text

    # --- constants and parameters ---

    def const(self, name: str, aval: Any, value: Any) -> Doc:
        """An array stands after its type, anything else is written as a parameter is."""
        if type(value) is np.ndarray and typeof(value) == aval:
            first, *rest = self.elements(value)
            return Fill([f"{self.binder(name, aval)}={first}", *rest])
        is_bare = isinstance(value, (*PYTHON_NUMBERS, np.generic)) and typeof(value) == aval
        return concat([name if is_bare else self.binder(name, aval), "=", self.value(value)])

    def elements(self, array: np.ndarray[Any, Any]) -> list[str]:
        if array.size <= self.max_const_size:
            return elements_text(array)
        return [f"<{array.size} values #{digest(array)}>"]

    def value(self, x: Any) -> Doc:
        cls = type(x)
        if cls in PYTHON_NUMBERS:
            return number_text(x)
        if x is None or x is Ellipsis:
            return "..." if x is Ellipsis else "None"
        if cls is str:
            return quoted(x)
        if cls is tuple:
            return bracketed("(", [self.value(v) for v in x], ")", is_tuple=True)
        if cls is list:
            return bracketed("[", [self.value(v) for v in x], "]")
        if cls is Jaxpr:
            return (self.named.get(id(x)) or self.program(x)) if self.nested else "{ lambda ... }"
        return self.object(x)

    def object(self, x: Any) -> Doc:
        """NumPy's scalars, dtypes and arrays, avals, and objects of registered classes."""
        if isinstance(x, np.dtype):
            text = dtype_text(x)
            return text if text[0] != '"' else f"dtype({text})" if np.dtype(x.str) == x else opaque_text(x)
        if isinstance(x, np.generic) and (x.dtype.kind in "biufc" or x.dtype == float0):
            return f"{number_text(x)}:{self.type(typeof(x))}"
        if type(x) is np.ndarray and (x.dtype.kind in "biufc" or x.dtype == float0):
            data = self.elements(x)
            return Fill([f"array({self.type(typeof(x))},", *data[:-1], data[-1] + ")"])
        if type(x) is ShapedArray:
            return self.type(x)
        tag, fields = FIELDS.get(type(x), ("", None))
        values = fields(x) if fields is not None else None
        return opaque_text(x) if values is None else bracketed(f"{tag}(", [self.value(v) for v in values], ")")


def bracketed(opening: str, docs: Sequence[Doc], closing: str, is_tuple: bool = False) -> Doc:
    """Items with commas between them; after a single one too if it is a tuple's."""
    if not docs:
        return opening + closing
    last = "," if is_tuple and len(docs) == 1 else ""
    texts = [d for d in docs if isinstance(d, str)]
    if len(texts) < len(docs):
        return Block(opening, [*docs[:-1], concat([docs[-1], last])], closing)
    texts[-1] += last + closing
    texts[0] = opening + texts[0]
    return words([text + "," for text in texts[:-1]] + texts[-1:])


register_meanings(text=to_string, equation_text=_text)
