"""How an operation is written in Python: what the rule ``lower : Equation -> Form`` of a primitive gives.

>>> from covector.backends.forms import call, method, operator, subscript
>>> import numpy as np
>>> forms = call(np.sin), operator("*"), method("reshape", (2, 3)), subscript((0, (1, 3, 1)))
>>> [form.kind for form in forms]
['call', 'operator', 'method', 'subscript']

These are ``sin(x)``, ``x * y``, ``x.reshape((2, 3))`` and ``x[0, 1:3]``.  A form is data, which another backend may read, too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from covector.core.kinds import Kind
from covector.core.primitive import Primitive, derives


class Form(NamedTuple):
    """How an operation is written.

    Attributes:
        kind: "call", "operator", "method" or "subscript".
        head: the function, the symbol, the name of the method, or the subscript.
        more: constants that follow the arguments.
        keywords: constants that are passed by name.
    """

    kind: str
    head: Any
    more: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012 - nobody writes to it


def call(function: Any, *more: Any, **keywords: Any) -> Form:
    """``function(*arguments, *more, **keywords)``."""
    return Form("call", function, more, keywords)


def operator(symbol: str) -> Form:
    """``x + y``, or ``-x``."""
    return Form("operator", symbol)


def method(name: str, *more: Any) -> Form:
    """``x.name(*further arguments, *more)``."""
    return Form("method", name, more)


def subscript(index: Any) -> Form:
    """``x[index]``, a tuple of integers and slices; a slice is a tuple ``(start, stop, step)``."""
    return Form("subscript", index)


def has_methods(aval: Any) -> bool:
    """Whether a value is NumPy's for sure: a Python number may be one of a weak type, a boolean, or ``1j * float64(2)``."""
    return bool(aval.shape) or not (aval.weak_type or aval.dtype.kind in "bc")


@derives("lower", Kind)
def call_of_implementation(primitive: Primitive, kind: Kind) -> Any:
    """A primitive is a call of its implementation, with its parameters by name."""
    return lambda eqn: call(primitive.impl, **eqn.params)
