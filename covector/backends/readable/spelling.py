"""Values in Python's words: ``Module().value(x)`` is an expression that gives an equal value.

>>> module = Module()
>>> module.value((1, 2.5, np.dtype("float32"), np.float32(0.1), slice(None, 3)))
"(1, 2.5, np.dtype('float32'), np.float32(0.1), slice(None, 3, None))"
>>> module.value(np.ones((2, 3)))
'np.ones((2, 3))'
>>> module.header()
['import numpy as np']
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import io
import keyword
import math
import sys
import zlib
from typing import Any, NoReturn

import numpy as np

from covector.core import errors
from covector.core.avals import AbstractValue, ShapedArray
from covector.core.jaxpr import Jaxpr

USED = ("np", "cv", "range", "reversed", "len", "float", "int", "complex", "bool", "slice", "set", "frozenset", "Ellipsis")
"""Names that the text uses, or may."""

MAX_WRITTEN = 400
"""Arrays of more elements are written as the characters of a compressed file."""

WIDTH = 100


class Module:
    """The beginning of a file: what it imports, and the values that have names.

    Attributes:
        taken: the names that stand for something.
    """

    def __init__(self) -> None:
        self.taken: set[str] = {*keyword.kwlist, *USED}
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.members: dict[tuple[str, str], str] = {}
        self.constants: list[str] = []
        self.known: dict[int, tuple[str, Any]] = {}

    def fresh(self, base: str) -> str:
        """A name that nothing has yet: the base itself, or with a number."""
        base = base if base.isidentifier() else "x"
        name, n = base, 2
        while name in self.taken:
            name, n = f"{base}_{n}", n + 1
        self.taken.add(name)
        return name

    def member(self, module: str, name: str) -> str:
        """The name by which a member of a module is called here, which imports it."""
        if (module, name) not in self.members:
            local = self.members[module, name] = self.fresh(name)
            self.imports[f"from {module} import {name}" + (f" as {local}" if local != name else "")] = None
        return self.members[module, name]

    def numpy(self, name: str) -> str:
        return f"np.{name}"

    def named(self, value: Any, base: str = "constant") -> str:
        """The name of an array, which is written at the beginning, once."""
        if id(value) not in self.known:
            name = self.fresh(base)
            self.known[id(value)] = name, value
            self.constants.append(f"{name} = {self.value(value)}")
        return self.known[id(value)][0]

    def header(self) -> list[str]:
        """The lines before the function."""
        order = sorted(self.imports, key=lambda line: (line.startswith("from"), line.split()[1].split(".")[0]))
        return [*order, *([""] if self.constants else []), *self.constants]

    # --- values

    def value(self, x: Any) -> str:
        """An expression for a value; a call that fails, and says why, for an object that text cannot hold."""
        kind: Any = type(x)
        if x is None or x is Ellipsis or kind in (bool, int, str, bytes):
            return "..." if x is Ellipsis else repr(x)
        if kind in (float, complex):
            return number(x)
        if isinstance(x, np.generic):
            return self.scalar(x)
        if kind is np.ndarray:
            return self.array(x)
        if isinstance(x, np.dtype):
            return f"np.dtype({x.name!r})" if x.isbuiltin == 1 else f"np.dtype({x.str!r})"
        if kind in (tuple, list, set, frozenset, dict):
            return self.container(x, kind)
        if kind is slice:
            return f"slice({', '.join(map(self.value, (x.start, x.stop, x.step)))})"
        if isinstance(x, enum.Enum):
            return f"{self.thing(kind)}.{x.name}"
        if isinstance(x, Jaxpr) and not x.consts:
            self.imports["import covector as cv"] = None
            return f"cv.parse({str(x)!r})"
        if isinstance(x, ShapedArray):
            weak = ", weak_type=True" if x.weak_type else ""
            return f"{self.member('covector', 'ShapedArray')}({x.shape}, {self.type_of(x.dtype)}{weak})"
        if isinstance(x, AbstractValue):
            parts = {name: getattr(x, name) for name in getattr(kind, "__slots__", ()) if not name.startswith("_")}
            return f"{self.thing(kind)}({', '.join(f'{n}={self.value(v)}' for n, v in parts.items())})"
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return f"{self.thing(kind)}({', '.join(f'{n}={self.value(v)}' for n, v in zip(x._fields, x, strict=True))})"
        if not isinstance(x, type) and (hasattr(kind, "__match_args__") or dataclasses.is_dataclass(x)):
            given = {name: getattr(x, name) for name in names_of_parts(kind)}
            return f"{self.thing(kind)}({', '.join(f'{n}={self.value(v)}' for n, v in given.items())})"
        return self.thing(x)

    def container(self, x: Any, kind: Any) -> str:
        if kind is dict:
            return "{" + ", ".join(f"{self.value(k)}: {self.value(v)}" for k, v in x.items()) + "}"
        items = ", ".join(map(self.value, x))
        if kind is tuple:
            return f"({items},)" if len(x) == 1 else f"({items})"
        if kind is list:
            return f"[{items}]"
        return f"{kind.__name__}([{items}])"

    def scalar(self, x: Any) -> str:
        """A scalar of NumPy's, to the last bit."""
        name = x.dtype.name
        if x.dtype.kind in "biu":
            return f"np.{'bool' if name == 'bool' else name}({x.item()})"
        if x.dtype.kind not in "fc" or x.dtype.char in "gG":
            return f"{self.array(np.asarray(x))}[()]"
        return f"np.{name}({number(x.item()) if x.dtype.itemsize in (8, 16) and name != 'complex64' else shortest(x)})"

    def array(self, x: np.ndarray[Any, Any]) -> str:
        """An array by its elements, by what they follow from, or as a compressed file."""
        of_type = "" if x.dtype == np.float64 else f", dtype={self.type_of(x.dtype)}"
        if x.size > 1 and x.dtype.kind in "fciub" and x.dtype.char not in "gG":
            first = x.reshape(-1)[:1]
            if x.tobytes() == np.full(x.shape, first[0], x.dtype).tobytes():
                if first.tobytes() == np.zeros(1, x.dtype).tobytes():
                    return f"np.zeros({x.shape}{of_type})"
                if first[0] == 1:
                    return f"np.ones({x.shape}{of_type})"
                return f"np.full({x.shape}, {number(first[0].item())}, dtype={self.type_of(x.dtype)})"
            if x.ndim == 1 and x.dtype.kind in "iu" and x.size > 2 and (np.diff(x.astype(np.int64)) == 1).all():
                return f"np.arange({int(x[0])}, {int(x[-1]) + 1}, dtype={self.type_of(x.dtype)})"
        if x.dtype.kind in "fciub" and x.dtype.char not in "gG" and 0 < x.size <= MAX_WRITTEN:
            return wrapped(f"np.array({numbers(x)}{of_type})")
        return self.packed(x)

    def type_of(self, dtype: np.dtype[Any]) -> str:
        if dtype.char in "gG":
            return f"np.{'c' if dtype.char == 'G' else ''}longdouble"
        return f"np.{dtype.name}" if dtype.isbuiltin == 1 else f"np.dtype({dtype.str!r})"

    def packed(self, x: np.ndarray[Any, Any]) -> str:
        if x.dtype.hasobject:
            return self.unknown(x)
        if not x.dtype.itemsize:
            return f"np.zeros({x.shape}, dtype=np.dtype({x.dtype.descr!r}))"
        if not x.size:
            return f"np.zeros({x.shape}, dtype={self.type_of(x.dtype)})"
        self.imports.update(dict.fromkeys(("import base64", "import io", "import zlib")))
        self.taken |= {"base64", "io", "zlib"}
        file = io.BytesIO()
        np.save(file, x, allow_pickle=False)
        text = base64.b64encode(zlib.compress(file.getvalue())).decode()
        pieces = [f'    "{text[i : i + WIDTH]}"' for i in range(0, len(text), WIDTH)]
        return "np.load(io.BytesIO(zlib.decompress(base64.b64decode(\n" + "\n".join(pieces) + "\n))))"

    def thing(self, x: Any) -> str:
        """A function, class or other object by the name that it has in a module."""
        module, name = importable(x)
        if not name:
            return self.unknown(x)
        if module == "builtins":
            return name
        if module == "numpy" or module.startswith("numpy."):
            return f"np.{module[6:]}.{name}" if module != "numpy" else f"np.{name}"
        return self.member(module, name)

    def unknown(self, x: Any) -> str:
        """What text does not hold: the file says so when it is imported."""
        what = f"{type(x).__name__} {getattr(x, '__qualname__', '')}".strip()
        helper = self.member("covector.backends.readable.spelling", "not_written")
        return f"{helper}({what!r})"


def names_of_parts(kind: type) -> list[str]:
    """The names of the arguments that an object is made of, which it has as attributes."""
    if dataclasses.is_dataclass(kind):
        return [f.name for f in dataclasses.fields(kind) if f.init]
    return list(kind.__match_args__)  # type: ignore[attr-defined]


def not_written(what: str) -> NoReturn:
    """Say what a file of a program lacks."""
    raise errors.ArgumentError(
        f"this file needs {what}, which it does not hold.",
        why="text can name what a module holds, and write numbers and arrays, but no other object",
        fix="put the object in place of this call",
    )


def importable(x: Any) -> tuple[str, str]:
    """The module and the name that an object is found by; empty strings if it is not."""
    name = getattr(x, "__qualname__", None) or getattr(x, "__name__", None)
    module = getattr(x, "__module__", None)
    if isinstance(x, np.ufunc):
        module = "numpy" if getattr(np, x.__name__, None) is x else "scipy.special"
    if not isinstance(name, str) or not isinstance(module, str) or not name.isidentifier() or module == "__main__":
        return "", ""
    return (module, name) if getattr(sys.modules.get(module), name, None) is x else ("", "")


def number(x: Any) -> str:
    """A number of Python's."""
    if type(x) is complex:
        plain = not (math.isnan(x.real) or math.isnan(x.imag) or math.isinf(x.real) or math.isinf(x.imag))
        signed = math.copysign(1, x.real) < 0 or math.copysign(1, x.imag) < 0
        return repr(x) if plain and not signed else f"complex({number(x.real)}, {number(x.imag)})"
    if type(x) is float and not math.isfinite(x):
        return f"{'-' if math.copysign(1, x) < 0 else ''}np.{'nan' if math.isnan(x) else 'inf'}"
    return repr(x)


def shortest(x: Any) -> str:
    """The number of a short float, with the digits that tell it apart if these give the same bits."""
    if x.dtype.kind == "c":
        return f"complex({shortest(x.real)}, {shortest(x.imag)})"
    if not np.isfinite(x):
        return number(float(x))
    is_near_one = 1e-4 <= abs(float(x)) < 1e6 or not x
    text = np.format_float_positional(x, trim="0") if is_near_one else np.format_float_scientific(x)
    with np.errstate(over="ignore"):  # the digits of the largest number may be those of a larger one
        same = type(x)(float(text)).tobytes() == x.tobytes()
    return text if same else repr(float(x))


def numbers(x: Any) -> str:
    """The elements of an array as nested lists."""
    if x.ndim:
        return "[" + ", ".join(map(numbers, x)) + "]"
    value = x[()] if issubclass(type(x), np.ndarray) else x
    if value.dtype.kind in "biu" or value.dtype in (np.float64, np.complex128):
        return number(value.item())
    return shortest(value)


def wrapped(text: str) -> str:
    """A long call in several lines, broken where a comma is."""
    if len(text) <= WIDTH or "'" in text:
        return text
    lines, line = [], "    "
    open_at = text.index("(") + 1
    for word in text[open_at:-1].split(", "):
        if len(line) + len(word) > WIDTH:
            lines.append(line.rstrip())
            line = "    "
        line += word + ", "
    return "\n".join([text[:open_at], *lines, line.rstrip().rstrip(","), ")"])
