"""Where loops of ufuncs are, ``loop(pointers, count, strides, data)`` over floats: of many functions NumPy has vectors there.

>>> loop_of(np.arctan, "f64") is not None, loop_of(np.gcd, "f64")
(True, None)
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np


class _Ufunc(ctypes.Structure):
    _fields_ = [
        ("head", ctypes.c_byte * object.__basicsize__),
        ("inputs", ctypes.c_int),
        ("outputs", ctypes.c_int),
        ("arguments", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("loops", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("types", ctypes.c_int),
    ]


_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)


class Loop(NamedTuple):
    """Where a loop is, and the data that it is to be given; 0 for none."""

    address: int
    data: int


@cache
def loop_of(ufunc: Any, kind: str) -> Loop | None:
    """The loop of a ufunc of NumPy's or SciPy's; None where none is known that gives what the ufunc does."""
    if type(ufunc) is not np.ufunc or not library_of(ufunc):
        return None
    dtype = dtype_of(kind)
    loop = loop_for(ufunc, f"{dtype.char * ufunc.nin}->{dtype.char}")
    return loop if loop is not None and _is_right(ufunc, loop, dtype) else None


def has_known_layout() -> bool:
    """Whether objects begin as `_Ufunc` says."""
    return sys.implementation.name == "cpython" and bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def dtype_of(kind: str) -> np.dtype[Any]:
    return np.dtype(kind[0] + str(int(kind[1:]) // 8))


def loop_for(ufunc: Any, types: str) -> Loop | None:
    """The loop of a ufunc for these types, read where NumPy keeps it, if all that is beside it is as expected."""
    if type(ufunc) is not np.ufunc or not has_known_layout():
        return None
    about = _Ufunc.from_address(id(ufunc))
    said = about.inputs, about.outputs, about.arguments, about.types
    if said != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) or ufunc.nout != 1 or types not in ufunc.types:
        return None
    i = ufunc.types.index(types)
    address, data = (int(table[i] or 0) if table else 0 for table in (about.loops, about.data))
    return Loop(address, data) if address else None


def library_of(ufunc: np.ufunc) -> str:
    """Whose ufunc it is.  Loops of others might need more than they are given, and those of SciPy's for whole numbers warn."""
    name, special = ufunc.__name__, sys.modules.get("scipy.special._ufuncs")
    if getattr(np, name, None) is ufunc:
        return "numpy"
    return "scipy" if getattr(special, name, None) is ufunc and not any({*t} & {*"lip"} for t in ufunc.types) else ""


def _is_right(ufunc: Any, loop: Loop, dtype: np.dtype[Any]) -> bool:
    arrays = [np.linspace(0.1 + i, 1.9, 8, dtype=dtype) for i in range(ufunc.nin)]
    found = np.empty(8, dtype)
    with np.errstate(all="ignore"):
        run(loop, [*arrays, found], [8], [dtype.itemsize] * ufunc.nargs)
        return np.array_equal(found, ufunc(*arrays), equal_nan=True)


def run(loop: Loop, arrays: Sequence[np.ndarray[Any, Any]], sizes: Sequence[int], strides: Sequence[int]) -> None:
    """Call a loop on arrays."""
    pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    numbers = [(ctypes.c_ssize_t * len(xs))(*xs) for xs in (sizes, strides)]
    _LOOP(loop.address)(pointers, *numbers, loop.data)
