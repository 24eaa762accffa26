"""What an implementation refuses the abstract rule refuses too; so a function fails when it is traced, not when it runs.

What it does not refuse has the type that is promised, and so has a cotangent.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from primitive_table import TABLE

from covector import linear_transpose
from covector.core.avals import typeof
from covector.core.primitive import primitive_named

TYPED_BEFORE = {
    **dict.fromkeys(("jit", "scan", "while", "cond", "checkpoint"), "the types of a program are checked when it is made"),
    **dict.fromkeys(("gather", "clear"), "index arrays are parsed against the shape before"),
    **dict.fromkeys(("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"), "index arrays, as for gather"),
    "last_write": "index arrays, as for gather",
    "correlate": "np.correlate puts the longer argument first, and takes vectors alone",
    "argpartition": "kth is checked against the shape before",
}
"""Primitives whose arguments fit together by what made them, so that their abstract rules need not check it."""


def of_other_shapes(x: Any) -> Iterator[Any]:
    """Arrays with one more axis, with one of another length, and without the first."""
    yield np.stack([x, x])
    for axis, n in enumerate(x.shape):
        yield np.repeat(x, 3, axis) if n else np.ones((*x.shape[:axis], 2, *x.shape[axis + 1 :]), x.dtype)
    if x.ndim and len(x):
        yield x[0]


def types_of(avals: list[Any]) -> list[Any]:
    return [(aval.shape, aval.dtype) for aval in avals]


def is_linear_in(primitive: Any, i: int, count: int, params: dict[str, Any]) -> bool:
    """Whether a primitive with one result is linear in one of its arguments."""
    mask = tuple(k == i for k in range(count))
    return not primitive.multiple_results and primitive.transpose is not None and primitive.is_linear_in(mask, params)


@pytest.mark.parametrize("name", [n for n in TABLE if n not in TYPED_BEFORE])
def test_arguments_of_other_shapes_have_the_type_that_is_promised_or_are_refused(name: str) -> None:
    primitive, entry = primitive_named(name), TABLE[name]
    dtype = np.float64 if np.float64 in entry.dtypes else entry.dtypes[-1]

    @settings(max_examples=15, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(entry.cases(dtype))
    def check(case: Any) -> None:
        args, params = case if len(case) == 2 and isinstance(case[1], dict) else (case, {})
        for i, x in enumerate(args):
            for other in of_other_shapes(x) if isinstance(x, np.ndarray) else ():
                if other.ndim < x.ndim and {"axis", "axes"} & params.keys():
                    continue  # axes are counted, and checked, before
                changed = [*args[:i], other, *args[i + 1 :]]
                try:
                    promised = primitive.abstract(*map(typeof, changed), **params)
                except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
                    continue
                try:
                    with warnings.catch_warnings(action="ignore"):
                        outs = primitive.bind(*changed, **params)
                except np.linalg.LinAlgError:
                    continue  # what is in the matrices
                if not primitive.multiple_results:
                    promised, outs = [promised], [outs]
                assert types_of(promised) == types_of(map(typeof, outs)), (changed, params)
                if is_linear_in(primitive, i, len(args), params) and {other.dtype.kind, outs[0].dtype.kind} <= {"f", "c"}:
                    apply = lambda y: primitive.bind(*changed[:i], y, *changed[i + 1 :], **params)  # noqa: B023
                    assert types_of(map(typeof, linear_transpose(apply, other)(outs[0]))) == types_of([typeof(other)])

    check()
