"""Where NumPy's own loops are, ``loop(pointers, count, strides, null)`` over doubles, which have vectors for many functions.

>>> address_of_loop("no ufunc")
0
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

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


@cache
def address_of_loop(name: str) -> int:
    """Where that of a ufunc is; 0 where none is known that needs nothing else, and gives what the ufunc does."""
    ufunc = getattr(np, name, None)
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    if type(ufunc) is not np.ufunc or sys.implementation.name != "cpython" or not has_gil:
        return 0
    about, types = _Ufunc.from_address(id(ufunc)), "d" * ufunc.nin + "->" + "d" * ufunc.nout
    said = about.inputs, about.outputs, about.arguments, about.types
    if said != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) or ufunc.nout != 1 or types not in ufunc.types:
        return 0
    i = ufunc.types.index(types)
    address = int(about.loops[i] or 0)
    return address if address and not about.data[i] and _is_right(ufunc, address) else 0


def _is_right(ufunc: Any, address: int) -> bool:
    arrays = [np.linspace(0.1 + i, 1.9, 8) for i in range(ufunc.nin)]
    found = np.empty(8)
    pointers = (ctypes.c_void_p * ufunc.nargs)(*(a.ctypes.data for a in (*arrays, found)))
    strides = (ctypes.c_ssize_t * ufunc.nargs)(*[8] * ufunc.nargs)
    _LOOP(address)(pointers, (ctypes.c_ssize_t * 1)(8), strides, None)
    with np.errstate(all="ignore"):
        return np.array_equal(found, ufunc(*arrays), equal_nan=True)
