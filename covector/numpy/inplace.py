"""``y += x`` where y or x is traced: the name is bound to a new value, so nobody else may refer to what y was.

Traced values are immutable, and a plain array cannot hold one.  Python computes ``y += x`` by ``y.__iadd__(x)`` (where y is an
array by ``numpy.add(y, x, out=y)``) and binds the name to what that returns.  Nobody sees that y itself was not written to,
unless something else refers to it: another name, a container, the caller of the function, a view, or what it is a view of.
Then the write would be lost in silence, and it raises instead.  Two questions decide, and the interpreter answers both.  The
instruction being executed tells ``y += x`` from ``operator.iadd(y, x)`` and from an explicit ``out=y``; reference
counts tell whether y is known in one place only.  Tracers keep what they view
(``viewed``), so a view that is alive counts.

A value without axes that is no view is a number, as ``np.float64`` is: there Python rebinds, and nothing is lost.
"""

from __future__ import annotations

import opcode
import operator
import sys
from types import FrameType
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.counterparts import fix_of_write
from covector.core.tracer import Tracer, register_itself, register_method, register_views
from covector.primitives.arrays.shaping import convert_to

COUNTS_ARE_KNOWN = (
    sys.implementation.name == "cpython"
    and (3, 11) <= sys.version_info[:2] <= (3, 13)  # from 3.14 on a reference may be borrowed, and is not counted then
    and getattr(sys, "_is_gil_enabled", lambda: True)()
)
"""Whether every reference is counted, and instructions are the ones below; elsewhere writes into arrays are refused."""

BINARY_OP = opcode.opmap.get("BINARY_OP")
INPLACE_OPERATORS = range(13, 26)
"""The arguments of the instruction BINARY_OP that mean ``+=``, ``&=``, … ``^=``."""

register_views(
    np.atleast_1d, np.atleast_2d, np.atleast_3d, np.array_split, np.ascontiguousarray, np.asfortranarray,
    np.broadcast_arrays, np.broadcast_to, np.diagonal, np.dsplit, np.expand_dims, np.flip, np.fliplr, np.flipud, np.hsplit,
    np.imag, np.ix_, np.linalg.diagonal, np.linalg.matrix_transpose, np.matrix_transpose, np.moveaxis, np.ravel, np.real,
    np.real_if_close, np.require, np.reshape, np.rollaxis, np.rot90, np.split, np.squeeze, np.swapaxes, np.transpose,
    np.trim_zeros, np.unstack, np.vsplit,
)  # fmt: skip
register_views(np.diag, when=lambda v, k=0: len(shape_of(v)) == 2)
register_views(np.meshgrid, when=lambda *xi, copy=True, **options: not copy)
register_views(
    np.einsum, when=lambda first, *rest, **options: len(rest) == 1 or (len(rest) == 2 and not isinstance(first, str))
)
register_itself(np.apply_over_axes, np.diff, np.linalg.matrix_power, np.polyder, np.polyint)


class Probe(Tracer):
    """A stand-in for a tracer: the method that would write returns the number of references to what is written to."""

    __slots__ = ()

    def __iadd__(self, other: Any) -> int:
        return sys.getrefcount(self)


def is_augmented_assignment(frame: FrameType) -> bool:
    """Whether the frame is executing ``a += x`` or one of its like."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at] == BINARY_OP and code[at + 1] in INPLACE_OPERATORS


IN_ONE_PLACE: dict[str, int] = {}
"""The number of references to an array, and to a tracer, known in one place only, while it is added to in place (to itself)."""


def note_references() -> None:
    """Count for `IN_ONE_PLACE`, once the meaning of ufuncs is registered."""
    array: Any = np.zeros(1)
    array += Probe()
    tracer: Any = Probe()
    tracer += 1
    doubled: Any = Probe()
    doubled += doubled
    IN_ONE_PLACE.update(array=array, tracer=tracer, doubled=doubled)


def references_to_base(array: Any) -> int:
    """The number of references to the array that another is a view of."""
    return sys.getrefcount(array.base)


BASE_OF_ONE_VIEW = references_to_base(np.zeros(2)[1:])


def references_to_viewed(viewed: tuple[Any, ...]) -> int:
    """The largest number of references to the values that a tracer is a view of, and that they are views of."""
    most = 0
    for base in viewed:
        most = max(most, sys.getrefcount(base), references_to_viewed(getattr(base, "viewed", ())))
    return most


VIEWED_BY_ONE = references_to_viewed((Probe(),))


def memory_is_shared(array: Any) -> bool:
    """Whether what is not known to be this array alone may see a write into an array's memory."""
    if array.base is None:
        return not array.flags.owndata
    base = array.base
    known = type(base) is np.ndarray and base.base is None and base.flags.owndata
    del base
    return not known or references_to_base(array) > BASE_OF_ONE_VIEW


UNCOUNTED = "this Python does not count all references, so nobody can tell whether the write would be missed elsewhere"
MISSED = (
    "a traced value is immutable, and an array cannot hold one: the name would be bound to a new value, and whoever"
    " else refers to the old one (another name, the caller of this function, a view, what it is a view of) would not"
    " see the write"
)


def refused(what: str, value: Any, ufunc: np.ufunc) -> errors.InPlaceWriteError:
    """The error for a write in place that somebody would miss."""
    symbol = SYMBOLS.get(ufunc, "+")
    part = {"+": "add", "*": "multiply", "-": "subtract", "/": "divide", "**": "power"}.get(symbol)
    part = f"covector.at(a)[index].{part}(x)" if part else f"covector.at(a)[index].set(a[index] {symbol} x)"
    return errors.InPlaceWriteError(
        f"a {symbol}= x writes in place into {what} of type {typeof(value)} that is, or may be, also referred to elsewhere.",
        why=MISSED if COUNTS_ARE_KNOWN else UNCOUNTED,
        fix=fix_of_write(f"a = a {symbol} x; to write into part of an array: a = {part}"),
    )


def written_into_array(ufunc: np.ufunc, array: Any, references: int, compute: Any) -> Any:
    """The value that the name of a plain array is bound to by ``array += x``, where x is traced."""
    if not COUNTS_ARE_KNOWN or references > IN_ONE_PLACE["array"] or memory_is_shared(array):
        raise refused("an array", array, ufunc)
    if not array.flags.writeable:
        raise ValueError("output array is read-only")
    return as_written(compute(), array, ufunc)


def as_written(result: Any, target: Any, ufunc: np.ufunc) -> Any:
    """The result as it would stand in the array that is written to: with its shape and dtype."""
    shape, dtype = shape_of(target), dtype_of(target)
    symbol = SYMBOLS.get(ufunc, "+")
    if shape_of(result) != shape:
        raise errors.InPlaceShapeError(
            f"a {symbol}= x: non-broadcastable output operand with shape {shape} doesn't match the broadcast shape"
            f" {shape_of(result)}.",
            why="an array keeps its shape when it is written to in place",
            fix=f"a = a {symbol} x",
        )
    if not np.can_cast(dtype_of(result), dtype, "same_kind"):
        raise errors.InPlaceWriteError(
            f"a {symbol}= x: cannot cast ufunc {ufunc.__name__!r} output from {dtype_of(result)!r} to {dtype!r} with"
            " casting rule 'same_kind'.",
            why="an array keeps its dtype when it is written to in place",
            fix=f"a = a {symbol} x, or begin with an array of dtype {dtype_of(result).name}",
        )
    return convert_to(result, dtype)


def in_place_operator(ufunc: np.ufunc, compute: Any) -> Any:
    """``y += x`` for a traced y."""

    def method(self: Any, other: Any) -> Any:
        viewed = getattr(self, "viewed", ())
        if not viewed and not shape_of(self):
            return NotImplemented  # a number: Python computes y + x and binds y to it
        if not (
            COUNTS_ARE_KNOWN
            and sys.getrefcount(self) <= IN_ONE_PLACE["doubled" if other is self else "tracer"]
            and references_to_viewed(viewed) <= VIEWED_BY_ONE
            and is_augmented_assignment(sys._getframe(1))
        ):
            raise refused("a traced value", self, ufunc)
        result = compute(self, other)
        return as_written(result, self, ufunc) if issubclass(type(result), (Tracer, np.ndarray, np.generic)) else result

    return method


OPERATORS = {
    "add": ("+", np.add),
    "sub": ("-", np.subtract),
    "mul": ("*", np.multiply),
    "truediv": ("/", np.true_divide),
    "floordiv": ("//", np.floor_divide),
    "mod": ("%", np.remainder),
    "pow": ("**", np.power),
    "matmul": ("@", np.matmul),
    "lshift": ("<<", np.left_shift),
    "rshift": (">>", np.right_shift),
    "and_": ("&", np.bitwise_and),
    "or_": ("|", np.bitwise_or),
    "xor": ("^", np.bitwise_xor),
}
"""The operators that Python has in place: the function in `operator`, the symbol, the ufunc."""

SYMBOLS = {ufunc: symbol for symbol, ufunc in OPERATORS.values()}

for _name, (_, _ufunc) in OPERATORS.items():
    register_method(f"__i{_name.rstrip('_')}__", in_place_operator(_ufunc, getattr(operator, _name)))
