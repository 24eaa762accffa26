"""The README and the pages in docs/ stay true: their Python blocks run and print what they say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import covector

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks(language: str, text: str) -> list[str]:
    """The contents of the fenced code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def run_blocks(page: Path, language: str) -> int:
    """Run the examples of a page, of which later ones use what earlier ones define, and count them."""
    text = "\n".join(blocks(language, page.read_text(encoding="utf-8")))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(test, out=report.append)
    assert results.failed == 0, "".join(report)
    return results.attempted


@pytest.mark.usefixtures("quoted_lines")
@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_python_blocks(page: Path):
    assert run_blocks(page, "pycon") or page.stem in ("differences-from-jax", "primitive-list", "coverage")  # tables


def needing_packages() -> list[tuple[Path, str]]:
    """Pages with blocks that say which package they need, as ```pycon filterpy does, and the packages."""
    found = [(page, name) for page in PAGES for name in re.findall(r"^```pycon (\w+)$", page.read_text("utf-8"), re.MULTILINE)]
    return list(dict.fromkeys(found))


@pytest.mark.usefixtures("quoted_lines")
@pytest.mark.parametrize(("page", "package"), needing_packages(), ids=lambda x: getattr(x, "stem", x))
def test_python_blocks_that_need_a_package(page: Path, package: str):
    pytest.importorskip(package)
    try:
        run_blocks(page, f"pycon {package}")
    finally:
        covector.lift.uninstall()


def test_exactly_two_set_up_commands():
    text = README.read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Set-up\n(.*?)^## ", text, flags=re.DOTALL | re.MULTILINE)
    commands = blocks("bash", section)
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands), "one line each"
    assert "examples/digits.py" in commands[0]
    assert "pytest" in commands[1]
    assert len(blocks("bash", text)) == 2, "no other block looks like a set-up command"
