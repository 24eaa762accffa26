"""In the arguments in which a primitive says that it is linear it is: scaled by a number they scale the result."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from primitive_table import TABLE

from covector.core.primitive import primitive_named

LINEAR = [n for n in TABLE if primitive_named(n).linear is not None and not primitive_named(n).multiple_results]
ONLY_OF_WHAT_IS_LINEAR = {"jit", "checkpoint", "linear_call", "cond", "custom_linear"}


def close(x: Any, y: Any) -> bool:
    return bool(np.allclose(x, y, rtol=1e-9, atol=1e-9, equal_nan=True))


@pytest.mark.parametrize("name", [n for n in LINEAR if n not in ONLY_OF_WHAT_IS_LINEAR])
def test_a_primitive_is_linear_in_what_it_says(name: str) -> None:
    primitive, entry = primitive_named(name), TABLE[name]
    dtype = np.float64 if np.float64 in entry.dtypes else entry.dtypes[-1]

    @settings(max_examples=5, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(entry.cases(dtype))
    def check(case: Any) -> None:
        args, params = case if len(case) == 2 and isinstance(case[1], dict) else (case, {})
        with warnings.catch_warnings(action="ignore"):
            out = primitive.bind(*args, **params)
            for mask in itertools.product((False, True), repeat=len(args)):
                marked = [x for x, m in zip(args, mask, strict=True) if m]
                if not marked or not primitive.is_linear_in(mask, params) or np.asarray(out).dtype.kind not in "fc":
                    continue
                if any(np.asarray(x).dtype.kind not in "fc" for x in marked):
                    continue
                scaled = lambda s: primitive.bind(*(s * x if m else x for x, m in zip(args, mask, strict=True)), **params)  # noqa: B023
                assert close(scaled(2.0), 2.0 * out), (mask, args, params)
                assert close(scaled(-0.5), -0.5 * out), (mask, args, params)

    check()
