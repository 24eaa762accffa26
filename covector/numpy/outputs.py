"""``np.f(x, out=A, where=mask)`` where x or the mask is traced, and A is an array that nobody else knows.

The result is right if A is only the start of it, as in ``np.divide(x, y, out=np.zeros(3), where=y != 0)``: the call returns
what A would hold.  Where something else refers to A (a name, a container, a view) the write would be missed there, and is
refused.  Reference counts tell, as for ``y += x`` (`covector.numpy.inplace`), together with the text of the call: of what a
`functools.partial` or a tuple ``*args`` holds, the call has no reference of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.asked import dotted, enclosing_nodes
from covector.core.avals import broadcast_shapes, dtype_of, shape_of
from covector.core.source import Source, meant_by
from covector.numpy.inplace import COUNTS_ARE_KNOWN, Probe, memory_is_shared
from covector.numpy.registry import as_array, cast
from covector.primitives.arrays.shaping import convert_to

Operands = tuple[Any, ...]

FILL: dict[np.ufunc, float] = {np.arccosh: 2.0}
"""What is computed with where the mask is False, so that no derivative is infinite there; 0.5 for others."""

REFERENCES: dict[str, int] = {}
"""The number of references to an array that is known to a call alone."""


def note_references() -> None:
    """Count for `REFERENCES`, once the meaning of ufuncs is registered."""
    by_name: Any = np.add(1.0, Probe(), out=np.zeros(1))
    by_place: Any = np.add(1.0, Probe(), np.zeros(1))
    REFERENCES["alone"] = min(by_name, by_place)


def is_temporary(ufunc: np.ufunc, array: Any, references: int, frame: FrameType) -> bool:
    """Whether an argument ``out=`` of a ufunc, called in a frame, is a plain array that is known to the call alone."""
    if type(array) is not np.ndarray or not COUNTS_ARE_KNOWN or references != REFERENCES["alone"] or memory_is_shared(array):
        return False
    return _is_made_in_call(ufunc, frame)


def _is_made_in_call(ufunc: np.ufunc, frame: FrameType) -> bool:
    """Whether a frame calls the ufunc itself, by a global name, and ``out=`` is what another call returns."""
    call = next(iter(enclosing_nodes(Source(frame.f_code, frame.f_lasti))), None)
    if not isinstance(call, ast.Call) or any(isinstance(x, ast.Starred) for x in call.args):
        return False
    keywords = {k.arg: k.value for k in call.keywords}
    out = keywords.get("out", call.args[ufunc.nin] if len(call.args) > ufunc.nin else None)
    called, code = dotted(call.func), frame.f_code
    is_local = called.partition(".")[0] in (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    if None in keywords or not isinstance(out, ast.Call) or is_local:
        return False
    return meant_by(called, frame.f_globals) is ufunc


def computed_into(
    ufunc: np.ufunc,
    out: Any,
    compute: Callable[[Operands, dict[str, Any]], Any],
    inputs: Operands,
    where: Any = True,
    **options: Any,
) -> Any:
    """What the array ``out`` would hold: the values of the ufunc, where the mask is True, in its shape and dtype."""
    if not out.flags.writeable:
        raise ValueError("output array is read-only")
    mask = None
    if where is not True:
        mask = cast(as_array(where), np.bool_)
        inputs = tuple(_filled(ufunc, x, mask) for x in inputs)
    result = compute(inputs, options)
    shapes = [shape_of(result), out.shape] + ([] if mask is None else [shape_of(mask)])
    shape = broadcast_shapes(*shapes)
    if shape != out.shape:
        raise ValueError(f"non-broadcastable output operand with shape {out.shape} doesn't match the broadcast shape {shape}")
    casting = options.get("casting", "same_kind")
    if not np.can_cast(dtype_of(result), out.dtype, casting):
        raise errors.InPlaceWriteError(
            f"numpy.{ufunc.__name__} cannot cast its output from {dtype_of(result)!r} to {out.dtype!r}, the dtype of out=.",
            why=f"an array keeps its dtype when it is written to, and the casting rule is {casting!r}",
            fix=f"out= an array of dtype {dtype_of(result).name}",
        )
    result = np.broadcast_to(convert_to(result, out.dtype), out.shape)
    return result if mask is None else np.where(mask, result, out)


def _filled(ufunc: np.ufunc, x: Any, mask: Any) -> Any:
    x = as_array(x)
    fill = FILL.get(ufunc, 0.5) if dtype_of(x).kind in "fc" else 1
    return np.where(mask, x, np.asarray(fill).astype(dtype_of(x)))
