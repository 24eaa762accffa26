"""Whether the two backends agree on a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

import covector as cv
from covector.backends import numpy as source
from covector.backends.native import backend, segments
from covector.core.jaxpr import Jaxpr
from covector.passes.clean import clean


def program_of(f: Callable[..., Any], *args: Any) -> Jaxpr:
    return clean(cv.make_jaxpr(f)(*args))


def compiled_equations(jaxpr: Jaxpr) -> tuple[int, int]:
    """How many equations are compiled, and how many are not."""
    program = segments.partitioned(jaxpr)
    parts = [e.params["program"].jaxpr for e in program.equations if e.primitive is segments.native_p]
    return sum(len(p.equations) for p in parts), len(program.equations) - len(parts)


def never(jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """What is run in place of compiled code where that gives up."""

    def run(*args: Any) -> list[Any]:
        raise AssertionError("the compiled program gives up")

    return run


def agree(
    f: Callable[..., Any], *args: Any, ulps: float = 4.0, whole: bool = True, eps: float = 0.0, summed: float = 0.0
) -> None:
    """The same types, and values within some units in the last place of the largest; ``whole``: nothing runs as Python.

    A unit is at least ``eps`` times that; ``summed``: how large the terms are of sums that may cancel.
    Code that was written in haste computes the same bits as what takes its place.
    """
    jaxpr = program_of(f, *args)
    leaves = cv.tree.leaves(args)
    with np.errstate(all="ignore"):
        wanted = source.compiled(jaxpr)(*leaves)
        with mock.patch.object(source, "compiled_when_called", never if whole else source.compiled_when_called):
            better: list[Callable[[], None]] = []
            run = backend.compiled(jaxpr, better)
            at_first = run(*leaves)
            for improve in better:
                improve()
            found = run(*leaves)
    same(found, wanted, ulps, eps, summed)
    for x, y in zip(at_first, found, strict=True):
        assert has_bits_of(np.asarray(x), np.asarray(y)), (x, y)
    assert not whole or compiled_equations(jaxpr)[1] == 0, segments.partitioned(jaxpr)


def has_bits_of(x: Any, y: Any) -> bool:
    """Whether two arrays are the same to the signs of zeros; which of two NaN is handed on is the processor's choice."""
    if x.dtype.kind not in "fc":
        return np.array_equal(x, y)
    pairs = [(x.real, y.real), (x.imag, y.imag)]
    return all(np.array_equal(a, b, equal_nan=True) and np.all((np.signbit(a) == np.signbit(b)) | (a != 0)) for a, b in pairs)


def same(found: list[Any], wanted: list[Any], ulps: float, eps: float = 0.0, summed: float = 0.0) -> None:
    assert len(found) == len(wanted)
    for x, y in zip(found, wanted, strict=True):
        a, b = np.asarray(x), np.asarray(y)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert (type(x) in (float, int)) == (type(y) in (float, int))  # where it is weakly typed
        if b.dtype.kind not in "fc":
            np.testing.assert_array_equal(a, b)
            continue
        finite = np.isfinite(b)
        np.testing.assert_array_equal(np.where(finite, 0, a), np.where(finite, 0, b))
        scale = np.max(np.abs(b[finite]), initial=max(summed, np.finfo(b.dtype).tiny))
        assert np.max(np.abs(a[finite] - b[finite]), initial=0) <= ulps * max(eps, np.finfo(b.dtype).eps) * scale, (a, b)
