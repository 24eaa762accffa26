"""Random programs of views, writes and copies, lifted, against NumPy; `programs.py` says what is compared.

The same 2,000 always, in eight parts.  More of them, and other ones: ``python tests/lifting/programs.py --count 100000``.
"""

from __future__ import annotations

import contextlib

import programs
import pytest
from checks import check, is_lenient
from minimising import minimise
from oracle import Oracle, Undetermined

COUNT, PARTS = 2000, 8


@pytest.mark.parametrize("part", range(PARTS))
def test_random_programs_are_numpys(part):
    refused = 0
    for seed, results in programs.run(range(part, COUNT, PARTS)):
        refused += results.get("jvp", "").startswith("refused")
        for mode, text in results.items():
            if text.startswith("wrong") and not is_lenient(text):
                small = minimise(programs.generate(seed), mode)
                pytest.fail(f"program {seed} under {mode} is {check(small, (mode,))[mode]}\n{small.script()}")
    assert refused < 0.15 * COUNT / PARTS


def test_the_oracle_differentiates_most_programs():
    """What cannot be compared says nothing: kinks, jumps and errors are few."""
    kept = 0
    for seed in range(150):
        oracle = Oracle(programs.generate(seed))
        with contextlib.suppress(Undetermined):
            kept += not isinstance(oracle.expected, Exception) and bool(oracle.line())
    assert kept > 120
