"""Functions of other packages that ask for a namespace work on traced values: values, gradients and programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import array_api_callers
import pytest


@pytest.mark.parametrize("text", array_api_callers.ALWAYS.strip().splitlines(), ids=str.strip)
def test_without_an_environment_variable(text: str) -> None:
    if os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is set")
    assert array_api_callers.check_all(text, array_api_callers.environment()) == 1


def test_where_scipy_is_told_to_ask() -> None:
    script = str(Path(array_api_callers.__file__))
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert int(run.stdout) == sum(len(table.split("\n")) - 2 for table in array_api_callers.tables()) >= 40
