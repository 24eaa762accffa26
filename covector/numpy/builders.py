"""``r_`` and ``c_``: arrays built of pieces in brackets, also of traced ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import is_weak, result_dtype, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.numpy.creation import linspace
from covector.numpy.registry import as_array, contains_tracer, held
from covector.primitives.arrays.subscripts import known


class Builder:
    """``numpy.r_`` or ``numpy.c_``: pieces are joined along an axis, after they have been given at least some axes.

    A slice is `numpy.arange`, or `numpy.linspace` with an imaginary step, whose ends may be traced.  A text before the pieces
    is as for NumPy ``"axis,ndim,place"``; the forms that make a `numpy.matrix` are refused.

    Example:
        >>> Builder(np.r_, 0, 1, -1)[np.ones(2), 3.0, 0:1:3j]
        array([1. , 1. , 3. , 0. , 0.5, 1. ])
    """

    def __init__(self, plain: Any, axis: int, ndim: int, place: int):
        self._plain = plain
        self._options = (axis, ndim, place)

    def __getitem__(self, key: Any) -> Any:
        pieces = key if isinstance(key, tuple) else (key,)
        ends = [(p.start, p.stop, p.step) if isinstance(p, slice) else p for p in pieces]
        if not contains_tracer(ends):
            return self._plain[key]
        axis, ndim, place = self._options
        if isinstance(pieces[0], str):
            axis, ndim, place = _directive(pieces[0], ndim, place)
            pieces = pieces[1:]
        made = [_piece(p, ndim, place) for p in pieces]
        dtype = result_dtype(*(typeof(p if _is_number(p) else m) for p, m in zip(pieces, made, strict=True)))
        joined = [
            _extended(held(p, dtype), ndim, place) if _is_number(p) else np.astype(m, dtype)
            for p, m in zip(pieces, made, strict=True)
        ]
        return np.concatenate(joined, axis=axis)


def _is_number(piece: Any) -> bool:
    """Whether a piece is a number of Python's, or one like it, which gives way to the dtype of arrays."""
    return is_weak(piece) if isinstance(piece, TracerBase) else isinstance(piece, (bool, int, float, complex))


def _directive(text: str, ndim: int, place: int) -> tuple[int, int, int]:
    if text in ("r", "c"):
        raise errors.UnsupportedFunctionError(
            f"numpy.r_[{text!r}, …] makes a matrix, of traced values.",
            why="operations mean something else on numpy.matrix than on a plain array, which traced values stand for",
            fix="np.stack or np.concatenate the pieces, and np.expand_dims for a row or column",
        )
    try:
        numbers = [int(part) for part in text.split(",")]
        axis, ndim, place = (*numbers, *(ndim, place)[len(numbers) - 1 :])
    except ValueError as error:
        raise ValueError(f"unknown special directive {text!r}") from error
    return axis, ndim, place


def _piece(piece: Any, ndim: int, place: int) -> Any:
    """A piece as an array with at least ``ndim`` axes, of which its own begin at ``place`` (from the end: end there)."""
    if isinstance(piece, slice):
        start, step = (default if v is None else v for v, default in ((piece.start, 0), (piece.step, 1)))
        if isinstance(step, (complex, np.complexfloating)):
            made = linspace(start, piece.stop, int(abs(step)))
        else:
            made = np.arange(*(known(v, "np.r_[start:stop:step]", "the length") for v in (start, piece.stop, step)))
        return np.swapaxes(_extended(made, ndim, -1), -1, place) if ndim > 1 and place != -1 else _extended(made, ndim, -1)
    return _extended(as_array(piece), ndim, place)


def _extended(x: Any, ndim: int, place: int) -> Any:
    missing = ndim - len(shape_of(x))
    if missing <= 0:
        return x
    before = place if place >= 0 else place + missing + 1
    return np.reshape(x, (1,) * before + shape_of(x) + (1,) * (missing - before))


r_ = Builder(np.r_, 0, 1, -1)
c_ = Builder(np.c_, -1, 2, 0)
