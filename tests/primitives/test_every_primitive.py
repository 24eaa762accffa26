"""Every primitive of covector goes through `check_primitive`, in every floating and complex dtype that it takes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, find, settings
from hypothesis import strategies as st
from operand_table import CASES
from primitive_table import ALL_DTYPES_ALIKE, INEXACT, TABLE, TRIED_ELSEWHERE

from covector.core.primitive import find_primitive, primitive_named
from covector.primitives.derivations import loop_batch
from covector.testing import check_case, check_primitive

EXAMPLES = 6

LIST = """
import importlib, pkgutil, covector
for module in pkgutil.walk_packages(covector.__path__, "covector."):
    if not module.name.startswith("covector.testing"):
        importlib.import_module(module.name)
print(*covector.Primitive.registry)
"""


def test_every_primitive_has_an_entry() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True).stdout.split()
    tried = {*TABLE, *CASES, *itertools.chain(*TRIED_ELSEWHERE.values())}
    assert not set(listed) - tried, "primitives without an entry in tests/primitives/primitive_table.py"
    assert not tried - set(listed), "entries without a primitive"


def test_batches_are_done_at_once() -> None:
    """One example after the other is what is left for a primitive without a batching rule."""
    known = (*TABLE, *CASES, *itertools.chain(*TRIED_ELSEWHERE.values()))
    names = [name for name in known if find_primitive(name) is not None]
    looped = loop_batch(primitive_named("sin")).__code__
    assert len(names) > 150
    assert [n for n in names if getattr(primitive_named(n).batch, "__code__", None) is looped] == ["roots"]


@pytest.mark.parametrize(
    ("name", "dtype"), [pytest.param(n, d, id=f"{n}-{np.dtype(d).name}") for n, e in TABLE.items() for d in e.dtypes]
)
def test_rules(name: str, dtype: Any) -> None:
    entry = TABLE[name]
    check_primitive(primitive_named(name), entry.cases(dtype), max_examples=EXAMPLES, **entry.options)


@pytest.mark.parametrize("name", CASES)
def test_rules_at_chosen_operands(name: str) -> None:
    for args, params, options in CASES[name]:
        check_case(primitive_named(name), args, params, **options)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        pytest.param(n, d, id=f"{n}-{np.dtype(d).name}")
        for n, e in TABLE.items()
        for d in INEXACT
        if d not in e.dtypes and n not in ALL_DTYPES_ALIKE
    ],
)
def test_dtypes_without_an_entry_are_refused(name: str, dtype: Any) -> None:
    """What the table leaves out does not work in NumPy either; so nothing is skipped."""
    primitive = primitive_named(name)
    quick = settings(max_examples=50, database=None, suppress_health_check=list(HealthCheck))
    case = find(TABLE[name].cases(dtype), lambda case: all(np.size(a) for a in arguments(case)[0]), settings=quick)
    args, params = arguments(case)
    with pytest.raises((TypeError, ValueError, np.linalg.LinAlgError)):
        primitive.bind(*args, **params)


PROMOTING = """
    concatenate stack select add sub mul div sumprod pow float_power maximum minimum fmax fmin hypot arctan2 logaddexp copysign
    remainder fmod einsum convolve correlate sparse_matmul solve triangular_solve
"""


@pytest.mark.parametrize("name", PROMOTING.split())
def test_operands_of_two_dtypes(name: str) -> None:
    """One operand is of float32 and the others of float64: the result promotes, and each has a cotangent of its own dtype."""
    primitive, entry = primitive_named(name), TABLE[name]

    def widened(case: Any, place: int) -> Any:
        args, params = arguments(case)
        narrow = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == np.float32]
        assume(len(narrow) > 1)
        kept = narrow[place % len(narrow)]
        return tuple(a.astype(np.float64) if i in narrow and i != kept else a for i, a in enumerate(args)), params

    cases = st.builds(widened, entry.cases(np.float32), st.integers(0, 3))
    check_primitive(primitive, cases, max_examples=3, order=1, **entry.options)


def arguments(case: Any) -> Any:
    return case if len(case) == 2 and isinstance(case[1], dict) else (case, {})
