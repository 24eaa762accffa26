"""``array += tracer``: Python calls ``numpy.add(array, tracer, out=array)`` and binds the name to what that returns.

So the result can be a new, traced value, and nobody sees that the array was not written to, unless something else refers to
the array: another name, a container, a view of it, or the array that it is a view of.  Then the write would be lost in silence,
and it raises instead.  Both questions are answered by the interpreter: the instruction being executed tells ``a += x`` from an
explicit ``out=a``, and reference counts tell whether ``a`` is known in one place only.
"""

from __future__ import annotations

import opcode
import sys
from types import FrameType
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of
from covector.core.tracer import Tracer
from covector.primitives.shaping import convert_to

BINARY_OP = opcode.opmap["BINARY_OP"]
INPLACE_OPERATORS = range(13, 26)
"""The arguments of the instruction BINARY_OP that mean ``+=``, ``&=``, … ``^=``."""


class Probe(Tracer):
    """A stand-in for a tracer: next to one, the method that would write returns the number of references to the array."""

    __slots__ = ()


def is_augmented_assignment(frame: FrameType) -> bool:
    """Whether the frame is executing ``a += x`` or one of its like."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at] == BINARY_OP and code[at + 1] in INPLACE_OPERATORS


def is_stored_in_local_variable(frame: FrameType) -> bool:
    """Whether the frame puts the result of the instruction being executed into a local variable."""
    code, at = frame.f_code.co_code, frame.f_lasti + 2
    while opcode.opname[code[at]] in ("CACHE", "SWAP"):
        at += 2
    return opcode.opname[code[at]].startswith("STORE_FAST")


def references_in_one_place() -> tuple[int, int]:
    """The number of references to an array while ``array += tracer`` is computed, if it is known in one place only.

    Returns:
        The number for a local variable, which Python 3.14 does not count a second time while it computes, and the number for
        an attribute, an item, or any other variable.
    """
    local: Any = np.zeros(1)
    local += Probe()
    items: list[Any] = [np.zeros(1)]
    items[0] += Probe()
    return local, items[0]


def references_to_base(array: Any) -> int:
    """The number of references to the array that another is a view of."""
    return sys.getrefcount(array.base)


BASE_OF_ONE_VIEW = references_to_base(np.zeros(2)[1:])


def check_unshared(array: Any, shared: bool) -> None:
    """Raise if the array is also known elsewhere, where the write would be missed."""
    if shared or (array.base is not None and references_to_base(array) > BASE_OF_ONE_VIEW):
        raise errors.InPlaceWriteError(
            errors.describe(
                "a traced value was added (or otherwise written) in place into an array that is also referred to elsewhere.",
                why="a plain array cannot hold a traced value, so the name would be bound to a new value, and whoever else"
                " refers to the array (or to what it is a view of) would not see the write",
                fix="a = a + x; to write into part of an array: a = covector.at(a)[index].add(x)",
            )
        )


def as_written(result: Any, target: Any, ufunc: np.ufunc) -> Any:
    """The result as it would stand in the array that is written to: with its shape and dtype."""
    if shape_of(result) != target.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {target.shape} doesn't match the broadcast shape {shape_of(result)}"
        )
    if not np.can_cast(dtype_of(result), target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc '{ufunc.__name__}' output from {dtype_of(result)!r} to {target.dtype!r}"
            " with casting rule 'same_kind'"
        )
    return convert_to(result, target.dtype)
