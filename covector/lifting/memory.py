"""The memory of plain values, for code in C that is given them."""

from __future__ import annotations

import copy
import sys
from typing import Any

from covector.core import errors
from covector.core.avals import typeof
from covector.core.primitive import TracerBase
from covector.lifting.cells import Cell
from covector.lifting.lifted import LIFTED, known, unwrap


def is_sparse(x: Any) -> bool:
    """Whether something is a sparse matrix of SciPy's."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(x)


def holds_cells(x: Any) -> bool:
    """Whether something is such a matrix with entries that stand for others."""
    return is_sparse(x) and type(getattr(x, "data", None)) is Cell


def memory_of(x: Any, name: str) -> Any:
    """An argument for a compiled function; a sparse matrix of cells as one of plain arrays."""
    if type(x) in (list, tuple):
        return type(x)([memory_of(v, name) for v in x])
    value = unwrap(x) if type(x) in LIFTED else x
    if isinstance(value, TracerBase):
        whole = known(value) if value.dtype.kind in "biu" else None  # type: ignore[attr-defined]
        if whole is None:
            raise errors.TracerArrayConversionError(
                f"{name} was called with a traced value of type {typeof(value)}.",
                why="it is compiled code, which reads memory",
                fix="put a rule around it (covector.custom_jvp with covector.pure_callback), or register a primitive",
            )
        return whole
    if holds_cells(x):
        value = copy.copy(x)
        vars(value).update({n: memory_of(part, name) for n, part in vars(x).items() if type(part) in (Cell, tuple)})
    return x._plain() if type(x) is Cell else value
