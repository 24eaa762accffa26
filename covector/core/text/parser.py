"""Parsing: ``parse : str -> Jaxpr`` reads what the printer writes (the grammar is in `covector.core.text.printer`).

>>> parse("{ lambda ; a:f64[3]. let b:f64[3] = sin a in (b,) }").equations
(b:f64[3] = sin a,)

A method for each rule of the grammar.  Nothing is evaluated: primitives are looked
up by name, and objects are made only by the functions registered for their tags.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, array_aval, dtype_from_name, float0, typeof
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.primitive import Primitive, find_primitive
from covector.core.text.notation import MAKERS, RESERVED, digest, number_from_text, python_number
from covector.core.text.tokens import Tokens

_CONSTANTS = {"True": True, "False": False, "None": None}


def parse(text: str, *, consts: Iterable[Any] | None = None) -> Jaxpr:
    """The program that a text describes: ``parse(str(jaxpr)) == jaxpr``.

    Args:
        text: a program as it is printed.
        consts: the arrays for constants that were printed as ``<1000 values #digest>``, in any order (each is found by its
            digest).

    Raises:
        ParseError: if the text is no program, naming line and column; if a primitive has not been defined; if the array of
            an elided constant is not among ``consts``; if a parameter was printed as ``<repr>``.

    >>> jaxpr = parse("{ lambda ; a:f64[3]. let in (a, 2.0) }")
    >>> jaxpr.in_avals, jaxpr.out_avals
    ([f64[3]], [f64[3], weak_f64[]])
    """
    parser = _Parser(text, consts)
    try:
        return parser.whole()
    except RecursionError:
        raise parser.error("programs and values nested less deeply") from None


class _Parser(Tokens):
    """A method for each rule of the grammar; it begins at the next token."""

    def __init__(self, text: str, consts: Iterable[Any] | None):
        super().__init__(text)
        given = None if consts is None else [np.asarray(a) for c in consts for a in getattr(c, "items", [c])]
        self.arrays = None if given is None else {digest(a): a for a in given if a.dtype != object}
        self.named: dict[str, Jaxpr] = {}

    # --- programs ---

    def whole(self) -> Jaxpr:
        if self.accept("let"):
            while not self.accept("in"):
                at = self.i
                name = self.take("reference", "a definition '@name = { ... }' or 'in'")
                if name in self.named:
                    self.fail("a name that is not defined yet", at)
                self.expect("=")
                self.named[name] = self.program()
                self.accept(";")
        jaxpr = self.program()
        if self.kinds[self.i] != "end":
            self.fail("the end of the text")
        return jaxpr

    def program(self) -> Jaxpr:
        self.expect("{", "a program '{ lambda ... }'")
        self.expect("lambda")
        env: dict[str, Var] = {}
        consts: dict[Var, Any] = {}
        while not self.accept(";"):
            var, value = self.const(env)
            consts[var] = value
        in_vars, marks = [], []
        while not self.accept("."):
            marks.append(self.accept("~"))
            in_vars.append(self.binder(env, "a variable or '.'"))
        self.expect("let")
        equations = []
        while not self.accept("in"):
            equations.append(self.equation(env))
            self.accept(";")
        self.expect("(")
        outs, _ = self.listed(")", lambda: self.atom(env))
        self.expect("}")
        return Jaxpr(in_vars, equations, outs, consts, marks if any(marks) else None)

    def variable(self, what: str) -> str:
        name = self.take("name", what)
        if name in RESERVED or name in _CONSTANTS:
            self.fail(what, self.i - 1)
        return name

    def binder(self, env: dict[str, Var], what: str) -> Var:
        """A variable with its type; ``_`` binds no name."""
        at = self.i
        name = self.variable(what)
        self.expect(":", "':' and a type")
        return self.bind(env, name, Var(self.type()), at)

    def bind(self, env: dict[str, Var], name: str, var: Var, at: int) -> Var:
        if name in env:
            self.fail("a variable that is not bound yet", at)
        if name != "_":
            env[name] = var
        return var

    def const(self, env: dict[str, Var]) -> tuple[Var, Any]:
        """``a:f64[2]=[1.0, 2.0]``, or without a type a value that is no array."""
        at = self.i
        name = self.variable("a constant, or ';' after which the inputs stand")
        aval = self.type() if self.accept(":") else None
        self.expect("=", "'=' and the value of the constant" if aval is not None else "':' or '='")
        start = self.i
        if aval is not None and (self.kinds[start] in ("number", "elided") or self.texts[start] in ("[", "True", "False")):
            value = self.elements(aval, start)
        else:
            value = self.value()
            aval = aval or self.converted(typeof, value, what="a constant that has a type", at=start)
        return self.bind(env, name, Var(aval), at), value

    # --- equations ---

    def equation(self, env: dict[str, Var]) -> Equation:
        bound: dict[str, Var] = {}
        outputs: list[Var] = []
        if self.texts[self.i] == "_" and self.texts[self.i + 1] == "=":
            self.i += 2
        else:
            while not self.accept("="):
                at = self.i
                outputs.append(self.binder(bound, "'='" if outputs else "an equation or 'in'"))
                if self.texts[at] in env:
                    self.fail("a variable that is not bound yet", at)
        primitive = self.primitive()
        params: dict[str, Any] = {}
        if self.accept("["):
            self.listed("]", lambda: self.parameter(params))
        inputs = []
        while self.is_atom():
            inputs.append(self.atom(env))
        env.update(bound)
        return Equation(primitive, inputs, params, outputs)

    def primitive(self) -> Primitive:
        at = self.i
        name = self.word("the name of a primitive")
        primitive = find_primitive(name)
        if primitive is None:
            close = importlib.import_module("difflib").get_close_matches(name, Primitive.registry, 1)
            hint = f"did you mean {close[0]!r}?" if close else "has the module that defines it been imported?"
            self.fail("the name of a primitive", at, f"{name!r}, which is not defined ({hint})")
        return primitive

    def word(self, what: str) -> str:
        """A name, in quotes if it is no identifier or a reserved word."""
        if self.kinds[self.i] == "string":
            return self.string()
        return self.take("name", what)

    def string(self) -> str:
        at = self.i
        loads = importlib.import_module("json").loads
        return str(self.converted(loads, self.take("string", "a string"), what="a string", at=at))

    def parameter(self, params: dict[str, Any]) -> None:
        at = self.i
        name = self.word("the name of a parameter")
        if name in params:
            self.fail("a parameter that is not given yet", at)
        self.expect("=", "'=' and the value of the parameter")
        params[name] = self.value()

    def is_atom(self) -> bool:
        """Whether the next token is an operand: a literal, or a name that does not begin the next equation."""
        kind, text = self.kinds[self.i], self.texts[self.i]
        if kind != "name" or text in ("in", "_"):
            return kind == "number"
        return text in ("True", "False") or self.texts[self.i + 1] != ":"

    def atom(self, env: dict[str, Var]) -> Any:
        text = self.texts[self.i]
        var = env.get(text)
        if var is not None:
            self.i += 1
            return var
        at = self.i
        if self.kinds[at] == "name" and text not in _CONSTANTS and self.texts[at + 1] != "(":
            self.fail("a variable that is bound", at)
        return self.converted(Literal, self.value("a variable or a literal"), what="a literal", at=at)

    # --- types and values ---

    def type(self) -> Any:
        """``f64[2,3]``, or a registered type ``tag(...)``."""
        at = self.i
        if self.kinds[at] == "name" and self.texts[at + 1] == "(":
            return self.tagged()
        name = self.word("a type")
        weak = name.startswith("weak_")
        dtype = self.converted(self.dtype, name[5 * weak :], at, what="a type", at=at)
        self.expect("[", "'[' and the shape")
        shape, _ = self.listed("]", self.dimension)
        if weak:
            return ShapedArray(tuple(shape), dtype, weak_type=True)
        return array_aval(tuple(shape), dtype)

    def dtype(self, name: str, at: int) -> np.dtype[Any]:
        return np.dtype(name) if self.kinds[at] == "string" else dtype_from_name(name)

    def dimension(self) -> int:
        text = self.take("number", "a dimension")
        if not text.isdigit():
            self.fail("a dimension", self.i - 1)
        return self.converted(int, text, what="a dimension", at=self.i - 1)

    def value(self, what: str = "a value") -> Any:
        kind, text = self.kinds[self.i], self.texts[self.i]
        if kind == "number" or text in ("True", "False"):
            return self.number()
        if kind == "string":
            return self.type() if self.texts[self.i + 1] == "[" else self.string()
        if kind == "name":
            return self.named_value(what)
        if text == "{":
            return self.program()
        if text not in ("(", "[", "...") and kind != "reference":
            opaque = "an object without notation: its class needs register_notation" if text == "<" else ""
            self.fail(what, None, opaque)
        self.i += 1
        if kind == "reference":
            return self.named[text] if text in self.named else self.fail("a program that is defined before", self.i - 1)
        if text == "...":
            return ...
        items, comma = self.listed(")" if text == "(" else "]", self.value)
        if text == "[":
            return items
        return tuple(items) if len(items) != 1 or comma else self.fail("',' after the only item of a tuple", self.i - 1)

    def number(self) -> Any:
        """A Python number, or with a type the scalar of that type."""
        at = self.i
        self.i += 1
        if not self.accept(":"):
            return self.converted(python_number, self.texts[at], what="a number", at=at)
        aval = self.type()
        if not isinstance(aval, ShapedArray) or aval.shape or aval.weak_type:
            self.fail("the type of a scalar", at + 2)
        return self.converted(number_from_text, self.texts[at], aval.dtype, what=f"a number of type {aval}", at=at)

    def named_value(self, what: str) -> Any:
        """A constant of Python, a dtype, a type, or an object ``tag(...)``."""
        at, text, following = self.i, self.texts[self.i], self.texts[self.i + 1]
        if text == "None":
            self.i += 1
            return None
        if following == "[":
            return self.type()
        if following == "(":
            return self.tagged()
        self.i += 1
        return self.converted(dtype_from_name, text, what=what, at=at)

    def tagged(self) -> Any:
        """An object that is written with a tag: an array, a dtype, or of a registered class."""
        at, tag = self.i, self.texts[self.i]
        self.i += 2
        if tag == "array":
            aval = self.type()
            self.expect(",")
            array = self.elements(aval, at)
            self.expect(")")
            return array
        fields, _ = self.listed(")", self.value)
        make = np.dtype if tag == "dtype" else MAKERS.get(tag)
        if make is None:
            self.fail("a value", at, f"the tag {tag!r}, which is not registered (see register_notation)")
        return self.converted(make, *fields, what="a value", at=at)

    # --- arrays ---

    def elements(self, aval: Any, at: int) -> Any:
        """The elements of an array in nested brackets, or the array that was elided."""
        if not isinstance(aval, ShapedArray) or aval.weak_type:
            self.fail("the value of a constant that is no array", at)
        if self.kinds[self.i] == "elided":
            return self.elided(aval)
        scalars: list[Any] = []
        if aval.size == 0:
            self.expect("[", f"[] for an array of type {aval}")
            self.expect("]", f"[] for an array of type {aval}")
        else:
            self.rows(aval, 0, scalars)
        return self.converted(_make_array, aval, scalars, what="an array", at=at)

    def rows(self, aval: ShapedArray, axis: int, scalars: list[Any]) -> None:
        if axis == len(aval.shape):
            at = self.i
            if self.kinds[at] != "number" and self.texts[at] not in ("True", "False"):
                self.fail(f"a number, element {len(scalars)} of an array of type {aval}")
            self.i += 1
            scalars.append(self.converted(number_from_text, self.texts[at], aval.dtype, what=f"an element of {aval}", at=at))
            return
        self.expect("[", f"'[', as axis {axis} of an array of type {aval} begins")
        for i in range(aval.shape[axis]):
            if i:
                self.expect(",", f"',' and {aval.shape[axis]} items along axis {axis} of an array of type {aval}")
            self.rows(aval, axis + 1, scalars)
        self.expect("]", f"']' after {aval.shape[axis]} items along axis {axis} of an array of type {aval}")

    def elided(self, aval: ShapedArray) -> Any:
        text = self.texts[self.i]
        if self.arrays is None:
            self.fail("the values of a constant", None, f"{text}: pass the array in parse(text, consts=[...])")
        array = self.arrays.get(text.split("#")[1][:-1])
        if array is None or typeof(array) != aval:
            self.fail("the values of a constant", None, f"{text}, which is none of the {len(self.arrays)} arrays in consts=")
        self.i += 1
        return array


def _make_array(aval: ShapedArray, scalars: list[Any]) -> Any:
    array = np.zeros(aval.size, aval.dtype)
    if aval.dtype != float0:
        array[:] = scalars
    return array.reshape(aval.shape)
