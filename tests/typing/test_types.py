"""mypy finds in a user's program exactly the mistakes that it marks with ``# error: code``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_program.py")


def test_the_typed_program_runs_but_for_its_marked_lines():
    lines = [line for line in PROGRAM.read_text().splitlines() if "# error:" not in line]
    exec(compile("\n".join(lines), str(PROGRAM), "exec"), {"__name__": "typed_program"})


def test_mypy_finds_what_is_wrong_and_nothing_else(tmp_path):
    pytest.importorskip("mypy", reason="the type checker is a development tool; continuous integration installs it")
    program = tmp_path / "user_program.py"
    program.write_text(PROGRAM.read_text())
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={tmp_path}", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = {(int(n), code) for n, code in re.findall(r"user_program\.py:(\d+): error: .*\[([a-z-]+)\]", result.stdout)}
    wanted = {
        (i, code)
        for i, line in enumerate(PROGRAM.read_text().splitlines(), 1)
        for code in re.findall(r"# error: ([a-z-]+)", line)
    }
    assert found == wanted, result.stdout + result.stderr
