"""The hypothesis profiles: the suite as the README runs it cannot fail by luck, nor search for minutes after a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings

FAILS_SOMETIMES = """
from hypothesis import given, strategies as st

@given(st.integers(0, 10**9))
def test_numbers(n):
    with open({log!r}, "a") as log:
        print(n, file=log)
    assert {holds}
"""


def examples_of(folder: Path, profile: str, holds: str, *options: str) -> list[str]:
    """What a property test draws under a profile of this suite, in a run of its own."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    (folder / "conftest.py").write_text(Path(__file__).parents[1].joinpath("conftest.py").read_text())
    (folder / "test_it.py").write_text(FAILS_SOMETIMES.format(log=str(log), holds=holds))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-profile={profile}", *options]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    subprocess.run([*command, "test_it.py"], cwd=folder, capture_output=True, check=False, env=environment)
    return log.read_text().split()


@pytest.mark.parametrize("profile", ["default", "shrink"])
def test_the_default_draws_the_same_examples_always(profile: str, tmp_path: Path) -> None:
    runs = [examples_of(tmp_path, profile, "True") for _ in range(2)]
    assert runs[0] == runs[1] and len(runs[0]) == 200


def test_ci_explores(tmp_path: Path) -> None:
    runs = [examples_of(tmp_path, "ci", "True") for _ in range(2)]
    assert len(runs[0]) == 2_000 and runs[0] != runs[1]


def test_a_seed_chooses_what_ci_explores(tmp_path: Path) -> None:
    runs = [examples_of(tmp_path, "ci", "True", f"--hypothesis-seed={seed}") for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_what_is_drawn_does_not_depend_on_the_modules_that_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "constants.py").write_text(f"NUMBERS = {[123_456_000 + i for i in range(200)]}\n")
    alone, beside = (examples_of(tmp_path, "ci", holds, "--hypothesis-seed=1") for holds in ("True", "__import__('constants')"))
    assert alone == beside


@pytest.mark.parametrize("profile", ["default", "ci"])
def test_a_failure_ends_the_search(profile: str, tmp_path: Path) -> None:
    drawn = examples_of(tmp_path, profile, "n < 5 * 10**8")
    first = next(i for i, n in enumerate(drawn) if int(n) >= 5 * 10**8)
    assert len(drawn) <= first + 12  # a few more, in case there are other faults, and again for the report


def test_only_long_explains() -> None:
    explains = {name: Phase.explain in settings.get_profile(name).phases for name in ("default", "ci", "shrink", "long")}
    assert explains == {"default": False, "ci": False, "shrink": False, "long": True}
