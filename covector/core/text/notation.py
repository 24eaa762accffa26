"""What printer and parser agree on: how numbers, dtypes and parameters are written, exactly.

>>> number_text(2.0), number_text(np.float32(0.1)), number_text(1.0 - 2.0j), quoted('a "b"')
('2.0', '0.1', '(1.0-2.0j)', '"a \\\\"b\\\\""')

A Python number is written bare (``2.0``), a NumPy scalar with its type (``2.0:f32[]``), a complex number as ``(1.0-2.0j)``.
Numbers have the fewest digits that give the same bits back.  Other immutable objects are written ``tag(field, ...)`` once
their class is registered with `register_notation`; an object of any other class is written ``<repr>``, which cannot be parsed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from covector.core.avals import (
    AbstractValue,
    ShapedArray,
    VaryingArray,
    Zero,
    dtype_from_name,
    dtype_name,
    float0,
    with_varying,
)

RESERVED = frozenset({"in", "let", "lambda", "inf", "nan"})
"""Names that no variable has."""

_DIGITS = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_PART = rf"-?(?:{_DIGITS}|inf|nan)"
NUMBER = rf"-?(?:{_DIGITS}|(?:inf|nan)\b)"
COMPLEX = rf"\({_PART}(?:\+|(?=-)){_PART}j\)"
NAME = r"[^\W\d]\w*"

_EXTENDED = {np.dtype(np.longdouble), np.dtype(np.clongdouble)}
_COMPLEX_PARTS = rf"\(({_PART})(?:\+|(?=-))({_PART})j\)"


def variable_names() -> Iterator[str]:
    """``a, b, ..., z, aa, ab, ...``, without the reserved words.

    >>> names = variable_names()
    >>> [next(names) for _ in range(28)][-4:]
    ['y', 'z', 'aa', 'ab']
    """
    for i in count(1):
        name = ""
        while i:
            i, letter = divmod(i - 1, 26)
            name = chr(ord("a") + letter) + name
        if name not in RESERVED:
            yield name


def quoted(text: str) -> str:
    """A string in double quotes, escaped as in JSON."""
    return str(importlib.import_module("json").dumps(text, ensure_ascii=not text.isprintable()))


def is_name(text: str) -> bool:
    """Whether a text can stand as a name, without quotes."""
    return re.fullmatch(NAME, text) is not None and text not in RESERVED


# --- numbers ------------------------------------------------------------------------------------------------------------


def number_text(x: Any) -> str:
    """A Python number or NumPy scalar in digits, without its type."""
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (complex, np.complexfloating)):
        imag = _real_text(x.imag)
        return f"({_real_text(x.real)}{'' if imag.startswith('-') else '+'}{imag}j)"
    if isinstance(x, (float, np.floating)):
        return _real_text(x)
    return "0" if isinstance(x, np.void) else str(int(x))


def _real_text(x: Any) -> str:
    if x != x:
        return "-nan" if np.signbit(x) else "nan"
    if isinstance(x, float):
        return float.__repr__(x)
    if np.isinf(x):
        return str(float(x))
    write = np.format_float_positional if x == 0 or 1e-4 <= abs(float(x)) < 1e16 else np.format_float_scientific
    text: str = write(x, unique=True, trim="0")
    # Read as a double and then rounded, the shortest digits of a half or single could come out as its neighbour.
    return text if number_from_text(text, x.dtype) == x else float.__repr__(float(x))


def number_from_text(text: str, dtype: np.dtype[Any]) -> Any:
    """The NumPy scalar that `number_text` wrote; raises ``ValueError`` or ``OverflowError``."""
    kind = dtype.kind
    if kind == "b":
        return np.bool_(text == "True") if text in ("True", "False") else _refuse(text)
    if kind == "c":
        parts = re.fullmatch(_COMPLEX_PARTS, text)
        return complex_scalar(parts[1], parts[2], dtype) if parts else _refuse(text)
    if kind == "f":
        return dtype.type(text if dtype.itemsize > 8 and "nan" not in text else float(text))  # a longdouble's sign gets lost
    if dtype == float0:
        return np.zeros((), float0)[()] if text == "0" else _refuse(text)
    return dtype.type(int(text))


def complex_scalar(real: str, imag: str, dtype: np.dtype[Any]) -> Any:
    """A complex scalar from its parts, which arithmetic would not keep (``-0.0``, ``nan``)."""
    out = np.empty((), dtype)
    part = out.real.dtype
    out.real, out.imag = number_from_text(real, part), number_from_text(imag, part)
    return out[()]


def python_number(text: str) -> bool | int | float | complex:
    """The Python number that ``text`` writes."""
    if text in ("True", "False"):
        return text == "True"
    if text[0] == "(":
        return complex(number_from_text(text, np.dtype(np.complex128)))
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def elements_text(array: np.ndarray[Any, Any]) -> list[str]:
    """The elements of an array in nested brackets, as words to be separated by spaces."""
    if array.size == 0:
        return ["[]"]
    rows = [number_text(x) for x in array.ravel()]
    for n in reversed(array.shape):
        rows = ["[" + ", ".join(rows[i : i + n]) + "]" for i in range(0, len(rows), n)]
    return rows[0].split(" ")


def digest(array: np.ndarray[Any, Any]) -> str:
    """A few hexadecimal digits that identify an array by its dtype, shape and bits."""
    data = np.ascontiguousarray(array).reshape(-1)
    if np.finfo(np.longdouble).nmant == 63 and array.dtype in _EXTENDED:
        data = data.view(np.uint8).reshape(-1, 16)[:, :10]  # the other bytes of an 80-bit number are padding
    content = importlib.import_module("hashlib").blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=6)
    if data.nbytes:
        content.update(np.ascontiguousarray(data).view(np.uint8).data)
    return str(content.hexdigest())


# --- types --------------------------------------------------------------------------------------------------------------


def dtype_text(dtype: np.dtype[Any]) -> str:
    """The short name of a dtype, or its NumPy code in quotes where it has none (a foreign byte order)."""
    name = dtype_name(dtype)
    try:
        return name if dtype_from_name(name) == dtype else f'"{dtype.str}"'
    except KeyError:
        return f'"{dtype.str}"'


def array_type_text(aval: ShapedArray) -> str:
    """The type of an array, ``f64[2,3]``."""
    weak = "weak_" if aval.weak_type else ""
    return f"{weak}{dtype_text(aval.dtype)}[{','.join(map(str, aval.shape))}]"


TYPES: dict[str, type] = {cls.__name__: cls for cls in (bool, int, float, complex, str)} | {
    f"numpy.{np.dtype(c).type.__name__}": np.dtype(c).type for c in "?bhilqBHILQefdgFDG"
}
"""The classes that can be parameters: Python's numbers and NumPy's."""
_TYPE_NAMES = {cls: name for name, cls in TYPES.items()}


# --- other objects --------------------------------------------------------------------------------------------------------

FIELDS: dict[type, tuple[str, Callable[[Any], Sequence[Any] | None]]] = {}
"""For each registered class its tag, and the fields of an object (None for one that cannot be written)."""

MAKERS: dict[str, Callable[..., Any]] = {"dtype": np.dtype}
"""For each tag how to make the object from its fields; ``array(type, elements)`` is the parser's own."""


def register_notation(
    cls: type, tag: str, fields: Callable[[Any], Sequence[Any] | None], make: Callable[..., Any] | None = None
) -> None:
    """Let objects of a class be printed as ``tag(field, ...)`` and parsed back: parameters, literals, and avals too.

    Args:
        cls: the class; objects of subclasses are not meant.
        tag: the name, an identifier that no other class has taken.
        fields: gives the fields of an object, values that can be printed themselves.
        make: makes an object from its fields; by default ``cls``.

    Raises:
        ValueError: if the tag is taken, or not an identifier.

    >>> from fractions import Fraction
    >>> register_notation(Fraction, "Fraction", lambda x: (x.numerator, x.denominator))
    """
    is_taken = tag in (*MAKERS, "array") and FIELDS.get(cls, ("",))[0] != tag
    if is_taken or not is_name(tag):
        raise ValueError(f"the tag {tag!r} of {cls.__name__} is {'taken' if is_taken else 'no name'}: choose another")
    FIELDS[cls] = (tag, fields)
    MAKERS[tag] = make or cls


register_notation(
    VaryingArray,
    "varying",
    lambda a: (with_varying(a, frozenset()), *sorted(a.varying, key=str)),
    lambda aval, *names: VaryingArray(aval.shape, aval.dtype, names, aval.weak_type),
)
register_notation(
    np.ufunc,
    "ufunc",
    lambda f: (f.__name__,) if id(vars(np).get(f.__name__)) == id(f) else None,
    lambda name: vars(np)[name],
)
register_notation(slice, "slice", lambda x: (x.start, x.stop, x.step))
register_notation(Zero, "Zero", lambda x: (x.aval,), lambda aval: Zero(_instance(aval, AbstractValue)))
register_notation(type, "type", lambda x: (_TYPE_NAMES[x],) if x in _TYPE_NAMES else None, lambda name: TYPES[name])


def _instance(x: Any, cls: type) -> Any:
    if not isinstance(x, cls):
        raise TypeError(f"{x!r} is no {cls.__name__}")
    return x


def opaque_text(x: Any) -> str:
    """``<repr>``, on one line and without memory addresses, so that it is the same in each run."""
    text = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", repr(x)).split())
    text = text if len(text) <= 200 else text[:197] + "..."
    return text if text.startswith("<") and text.endswith(">") else f"<{text}>"
