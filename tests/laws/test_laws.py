"""Random programs obey the laws that relate the transformations.

The hypothesis profile says how many programs (see tests/conftest.py): a quarter of them for each of the mixtures of families
below, which run in parallel under pytest-xdist.  The cheap laws are tried on every program, and one of the expensive ones.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector import grad, jit, vmap
from covector.testing import FAMILIES, LAWS, Program, laws, random_programs

EXPENSIVE = (
    "derived_programs_are_preserved",
    "derivatives_pass_through_containers",
    "grad_commutes_with_vmap",
    "hessians_agree",
    "jacobians_agree",
)
CHEAP = tuple(name for name in LAWS if name not in EXPENSIVE)

MIXTURES = {
    "everything": None,
    "calls": ["calls", "calls", "arithmetic", "shapes", "indexing", "comparison"],
    "loops": ["control flow", "control flow", "custom rules", "arithmetic", "shapes", "calls"],
    "arrays": ["shapes", "indexing", "reductions", "sorting", "contraction", "linear algebra", "calls"],
    "numbers": ["arithmetic", "exponential", "dtypes", "complex", "comparison", "calls"],
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_random_programs_obey_the_laws(mixture: str) -> None:
    unclear = sum(n for reason, n in laws.SKIPPED.items() if "converge" in reason)
    count = -(-settings().max_examples // len(MIXTURES))

    @settings(max_examples=count)
    @given(random_programs(MIXTURES[mixture]), st.sampled_from(EXPENSIVE))
    def obey(program: Program, expensive: str) -> None:
        for name in (*CHEAP, expensive):
            LAWS[name](program, program.inputs)

    obey()
    unclear = sum(n for reason, n in laws.SKIPPED.items() if "converge" in reason) - unclear
    assert unclear <= 2 + 0.03 * count, "the programs are not smooth at their inputs"


def test_every_family_occurs() -> None:
    seen: set[str] = set()

    @settings(max_examples=100, database=None)
    @given(random_programs())
    def collect(program: Program) -> None:
        seen.update(program.families)

    collect()
    assert seen == set(FAMILIES)


@pytest.mark.parametrize("name", LAWS)
def test_laws_hold_of_functions_that_are_no_random_programs(name: str) -> None:
    def f(x, n, y):  # type: ignore[no-untyped-def] - what a user writes
        @jit
        def inner(a):  # type: ignore[no-untyped-def]
            return a * y[:, None] + np.sin(x)

        slope = grad(lambda u: np.sum(np.tanh(u) * y))(y)
        return inner(x)[n], x, np.float64(2.0), vmap(lambda row: np.sort(row) @ slope)(x.T)

    x = np.array([[0.3, -1.2, 0.8], [1.4, 0.5, -0.6]])
    LAWS[name](f, (x, 1, np.array([0.7, 2.0])))


@pytest.mark.parametrize("name", LAWS)
def test_laws_hold_of_half_precision_where_numpy_computes_in_it(name: str) -> None:
    LAWS[name](np.i0, (np.float16(-0.9766),))  # 1.256 by NumPy, 1.253 by jit: three units in the last place
