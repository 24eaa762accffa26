"""Where the routines of BLAS and LAPACK are: those that SciPy offers to compiled code, and those that NumPy itself calls.

SciPy's are there on every machine, and count in 32 bits.  NumPy's are found where it brings an OpenBLAS that counts in 64 bits,
as its wheels do for most machines.  Eigenvectors and the like have signs that rounding decides, and two libraries round
differently: what returns them calls NumPy's or none, so that a compiled program has the signs that it had before.
"""

from __future__ import annotations

import ctypes
import importlib
from functools import cache
from typing import Any

import numpy as np

PREFIX = {"f64": "d", "f32": "s", "c128": "z", "c64": "c"}
OF_NUMPY = {"eigh": ("syevd", "heevd"), "svd": ("gesdd",), "qr": ("geqrf", "orgqr", "ungqr")}
"""The routines, without the letter of their type, that are NumPy's, by what they compute."""

_NUMPYS = {routine for routines in OF_NUMPY.values() for routine in routines}


def address_of(kind: str, routine: str) -> int:
    """Where a routine for numbers of a type is."""
    name = PREFIX[kind] + routine
    return address_in_numpy(name) if routine in _NUMPYS else address_in_scipy(name)


@cache
def address_in_scipy(routine: str) -> int:
    library = "cython_blas" if routine.endswith("trsm") else "cython_lapack"
    capsule = importlib.import_module(f"scipy.linalg.{library}").__pyx_capi__[routine]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


@cache
def address_in_numpy(routine: str) -> int:
    """The same in NumPy's library; 0 where none is found that is known to count in 64 bits."""
    try:
        library: Any = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    except (OSError, AttributeError, TypeError):
        return 0
    for name in (f"scipy_{routine}_64_", f"{routine}_64_"):
        try:
            return ctypes.c_size_t.from_address(ctypes.addressof(getattr(library, name))).value
        except AttributeError:
            continue
    return 0


def has_numpys() -> bool:
    """Whether NumPy's routines are found."""
    return bool(address_in_numpy("dsyevd"))


@cache
def asked(kind: str, routine: str, *arguments: str | int | None) -> list[int]:
    """The sizes of work that a routine of NumPy's asks for where -1 stands for them; None stands for an array.

    It writes them into the arrays before: as doubles, but for the last of several, which is that of integers.
    """
    cell: Any = lambda x: ctypes.c_char(x.encode()) if isinstance(x, str) else ctypes.c_int64(x)
    memory: list[Any] = [(ctypes.c_double * 2)() if x is None else cell(x) for x in (*arguments, 0)]
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(memory))(address_of(kind, routine))(*map(ctypes.byref, memory))
    arrays = [memory[i - 1] for i, x in enumerate(arguments) if x == -1]
    found = [int(x[0]) for x in arrays]
    return found if len(found) == 1 else [*found[:-1], ctypes.c_int64.from_buffer(arrays[-1]).value]
